"""What may one run do now? After a change of its discrete state: what is possible, and all that hangs on it.

Everything here is scalar code over the numbers of one run (see :mod:`negsim.scalar.tables`). What is possible is
decided by switches; where a switch has another code than before, the rows of bits of all switches are united anew (see
:mod:`negsim.scalar.wants`). Flags, numbers that are 0 or 1, tell it to what is computed for several runs abreast.
"""

from __future__ import annotations

import numpy as np

from negsim.kernel.stages import AVAILABLE_BITS, BEFORE_SIGNATURE, STANDING_BITS
from negsim.scalar.numbers import Values
from negsim.scalar.tables import AGREEING, MOVES, OVERDUE_ONES, PROMISED_ONES, SURPLUS, WORD, WORD_BITS, Stand, Tables
from negsim.state import Floats, Ints
from negsim.vocabulary import DONE, IN_FORCE, IN_SESSION, OPEN, PROMISED, RAISED, SIGNED

NEVER = -1
"""Code of a switch that has not been read."""
RELATED_BITS = (1 << PROMISED) | (1 << IN_FORCE) | (1 << DONE)
"""Stages of concessions that relations between actors depend on."""
CLOSE = 1e-9
"""Timers are looked at this much early, relative and in days: rounding may not make one late."""
STAGES = 7
"""The bits of a concession's code that are its stage; those of a channel's are 3."""


def trailing_zeros(word: int) -> int:
    """Place of the lowest bit that is set; numba's own takes its place in compiled code."""
    return (word & -word).bit_length() - 1


def find_possible(T: Ints, W: Ints, L: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> bool:
    """Find what a run may do until its discrete state changes again; whether other things are wanted than before."""
    late = S[s.lengths + OVERDUE_ONES]
    changed, related = _read_switches(T, S, V, t, s, v)
    if related:
        _read_relations(T, S, V, t, s, v)
    if not changed:
        return bool(S[s.lengths + OVERDUE_ONES] != late)
    for switch in range(t.switches):
        S[s.row + switch] = T[t.want_first + switch] + S[s.code + switch] * t.words
    for word in range(t.words):
        bits = 0
        for switch in range(t.switches):
            bits |= W[S[s.row + switch] + word]
        S[s.new_words + word] = bits
    _find_offers(T, W, L, S, V, t, s, v)
    _flag_moves(T, W, S, V, t, s, v)
    for word in range(t.words):
        S[s.words + word] = S[s.new_words + word]
    return True


def forget(S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Forget what was possible, so that all is read anew."""
    for switch in range(t.switches):
        S[s.code + switch] = NEVER
    for word in range(t.words):
        S[s.words + word] = 0
    for channel in range(t.channels):
        S[s.offered + channel] = 0
    for move in range(t.dense):
        V[v.possible + move] = 0.0
    for package in range(t.packages):
        V[v.enabled + package] = 0.0


def flag(truth: bool) -> float:
    """Turn true and false into 1 and 0."""
    return 1.0 if truth else 0.0


# -- the discrete state -----------------------------------------------------------------------------------------------


def _read_switches(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> tuple[bool, bool]:
    """Read the codes of all switches; whether any has changed, and whether relations may have."""
    _read_gates(T, S, V, t, s, v)
    changed, related = False, False
    for channel in range(t.channels):
        code, before = S[s.channel + channel] + 4 * S[s.blocked + channel], S[s.code + channel]
        if code != before:
            S[s.code + channel] = code
            changed = True
            related = related or before < 0 or ((code & 3) >= OPEN) != ((before & 3) >= OPEN)
    _list_promises(S, V, s, v, t)
    _read_timers(T, S, V, t, s, v)
    for concession in range(t.concessions):
        stage = S[s.stage + concession]
        place = s.code + t.channels + concession
        code, before = stage + 8 * S[s.frozen + concession] + 16 * S[s.ready + concession], S[place]
        if code != before:
            S[place] = code
            changed = True
            old = before & STAGES
            touches = ((RELATED_BITS >> old) | (RELATED_BITS >> stage)) & 1
            related = related or before < 0 or (old != stage and touches != 0)
            V[v.standing + concession] = flag((STANDING_BITS >> stage) & 1 != 0)
            if T[t.flow_of + concession] >= 0:
                V[v.flowing + T[t.flow_of + concession]] = flag(stage == IN_FORCE)
    first = s.code + t.channels + t.concessions
    for demand in range(t.demands):
        live = S[s.channel + T[t.demand_channel + demand]] >= OPEN
        code = S[s.demand + demand] + 2 * live
        if code != S[first + demand]:
            S[first + demand] = code
            changed, related = True, True
    return _read_tables(T, S, V, t, s, v, first + t.demands) or changed, related


def _read_tables(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, first: int) -> bool:
    """Read what waits for approval and who may agree; whether any of it has changed."""
    changed = S[first] != 0
    S[first] = 0
    for approval in range(t.approvals):
        side = T[t.approve_side + approval]
        waiting = S[s.awaiting + side]
        if T[t.consent_rule + side] == BEFORE_SIGNATURE:
            waiting = 0 if S[s.consent + side] else S[s.table + (side >> 1)]
        S[s.waiting + approval] = waiting
        if waiting:
            _form_opinion(T, S, V, t, s, v, approval)
        changed = changed or (waiting != 0) != S[first + 1 + approval]
        S[first + 1 + approval] = waiting != 0
    for channel in range(t.channels):
        place = first + 1 + t.approvals + channel
        free = S[s.channel + channel] == IN_SESSION and S[s.table + channel] == 0
        changed = changed or free != S[place]
        S[place] = free
    return bool(changed)


def _form_opinion(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, approval: int) -> None:
    """What groups think of what waits for a side, and whether no frozen item holds it up."""
    side, waiting = T[t.approve_side + approval], S[s.waiting + approval]
    before = T[t.consent_rule + side] == BEFORE_SIGNATURE
    value, free = 0.0, 1.0
    for position in range(t.agenda_length):
        if (waiting >> position) & 1:
            place = (side // 2) * t.agenda_length + position
            item = T[t.agenda + place]
            value += V[v.values + position * t.approvals + approval]
            own = T[t.agenda_side + place] == side % 2
            if (before or (own and S[s.stage + item] == SIGNED)) and S[s.frozen + item] != 0:
                free = 0.0
    V[v.opinion + approval], V[v.free + approval] = value, free


def _list_promises(S: Ints, V: Floats, s: Stand, v: Values, t: Tables) -> None:
    """List the promises, for which timers run."""
    listed = 0
    for concession in range(t.concessions):
        if S[s.stage + concession] == PROMISED:
            S[s.promised + listed] = concession
            listed += 1
        else:
            S[s.ready + concession] = 0
            V[v.late + concession] = 0.0
    S[s.lengths + PROMISED_ONES] = listed


def _read_timers(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Look whether promises have become ready or overdue, and when one will next."""
    late, coming = 0, np.inf
    for place in range(S[s.lengths + PROMISED_ONES]):
        concession = S[s.promised + place]
        since, lead = V[v.time] - V[v.changed + concession], V[v.lead + concession]
        held_by = T[t.held_by + concession]
        overdue = since >= lead + V[v.grace + concession]
        S[s.ready + concession] = since >= lead and (held_by < 0 or S[s.channel + held_by] >= OPEN)
        V[v.late + concession] = flag(overdue)
        late += overdue
        if since < lead:
            coming = min(coming, lead - since)
        elif not overdue:
            coming = min(coming, lead + V[v.grace + concession] - since)
    S[s.lengths + OVERDUE_ONES] = late
    V[v.next_timer] = V[v.time] + coming * (1.0 - CLOSE) - CLOSE


def _read_gates(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Find which channels a hard gate blocks, and which have active gates that are all met."""
    for channel in range(t.channels):
        S[s.blocked + channel] = 0
        V[v.gate_met + channel] = 0.0
    tick = S[s.tick]
    for gate in range(t.gates):
        if T[t.gate_active + gate * t.ticks + tick]:
            V[v.gate_met + T[t.gate_channel + gate]] = 1.0
    for gate in range(t.gates):
        if T[t.gate_active + gate * t.ticks + tick] and not _is_met(T, S, t, s, gate):
            channel = T[t.gate_channel + gate]
            V[v.gate_met + channel] = 0.0
            S[s.blocked + channel] |= T[t.gate_hard + gate]


def _is_met(T: Ints, S: Ints, t: Tables, s: Stand, gate: int) -> bool:
    first, last = T[t.gate_first + gate], T[t.gate_first + gate + 1]
    standing = 0
    for entry in range(first, last):
        standing += (T[t.gate_wanted + gate] >> S[s.stage + T[t.gate_item + entry]]) & 1
    return standing == last - first if T[t.gate_all + gate] else standing > 0


def _count_live(T: Ints, S: Ints, t: Tables, s: Stand, lists: int, items: int, number: int) -> float:
    """How many channels and concessions of a list are live: open, in force."""
    count = 0
    for entry in range(T[lists + number], T[lists + number + 1]):
        item = T[items + entry]
        if item < t.channels:
            count += S[s.channel + item] >= OPEN
        else:
            count += S[s.stage + item - t.channels] == IN_FORCE
    return float(count)


def _read_relations(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Engagement, easing by allies, shares in force, restraints, pressure of demands."""
    for pair in range(t.engaged_pairs):
        count = _count_live(T, S, t, s, t.engaged_first, t.engaged_item, pair)
        V[v.engaged + pair] = count / (1.0 + count)
    for ally in range(t.allies):
        total = 0.0
        for place in range(T[t.ally_first + ally], T[t.ally_first + ally + 1]):
            entry = T[t.ally_entry + place]
            total += V[v.ally_weight + entry] * V[v.engaged + T[t.ally_engaged + entry]]
        V[v.ally + ally] = total
    for state in range(t.states):
        count = _count_live(T, S, t, s, t.seated_first, t.seated_item, state)
        V[v.engagement + state] = count / (1.0 + count)
        total = 0.0
        for place in range(T[t.share_first + state], T[t.share_first + state + 1]):
            entry = T[t.share_entry + place]
            stage = S[s.stage + T[t.share_concession + entry]]
            if stage in (IN_FORCE, DONE):
                total += V[v.share + entry]
        V[v.share_in_force + state] = total
    for act in range(t.acts):
        count = _count_live(T, S, t, s, t.restraint_first, t.restraint_item, act)
        V[v.restraint + act] = min(count, 1.0)
    for side in range(2 * t.channels):
        total = 0.0
        for place in range(T[t.pressure_first + side], T[t.pressure_first + side + 1]):
            demand = T[t.pressure_item + place]
            if S[s.demand + demand] == RAISED and not _is_answered(T, S, t, s, demand):
                total += V[v.demand_weight + demand]
        V[v.pressure + side] = total


def _is_answered(T: Ints, S: Ints, t: Tables, s: Stand, demand: int) -> bool:
    for concession in range(t.concessions):
        if T[t.answers + demand * t.concessions + concession]:
            stage = S[s.stage + concession]
            if stage in (PROMISED, IN_FORCE):
                return True
    return False


# -- what follows -----------------------------------------------------------------------------------------------------


def _is_wanted(T: Ints, S: Ints, t: Tables, s: Stand, kind: int, row: int) -> int:
    place = T[t.kind_bit + kind] + row
    bit: int = (S[s.new_words + (place >> WORD_BITS)] >> (place & (WORD - 1))) & 1
    return bit


def _find_offers(T: Ints, W: Ints, L: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Flag the enabled packages of channels that may agree, or whose surplus is asked for; want what they are worth."""
    for channel in range(t.channels):
        agreeing = _is_wanted(T, S, t, s, AGREEING, channel)
        V[v.agreeing + channel] = flag(agreeing != 0)
        offered = 0
        if agreeing or _is_wanted(T, S, t, s, SURPLUS, channel):
            offered = _find_available(T, S, t, s, channel)
        if offered != S[s.offered + channel]:
            S[s.offered + channel] = offered
            _flag_packages(T, L, S, V, t, s, v, channel)
        for position in range(t.agenda_length if offered else 0):
            if (S[s.included + channel] >> position) & 1:
                row = (channel * t.agenda_length + position) * t.words
                for word in range(t.words):
                    S[s.new_words + word] |= W[row + word]


def _flag_packages(T: Ints, L: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int) -> None:
    """Flag the packages of items on offer; count for how many runs each is, and note the items they include."""
    offered, included = S[s.offered + channel], 0
    for package in range(T[t.channel_first + channel], T[t.channel_first + channel + 1]):
        members = T[t.package_members + package]
        enabled = offered & members == members
        if enabled:
            included |= members
        if enabled != (V[v.enabled + package] > 0.0):
            V[v.enabled + package] = flag(enabled)
            L[s.sharing + package] += 1 if enabled else -1
    S[s.included + channel] = included


def _find_available(T: Ints, S: Ints, t: Tables, s: Stand, channel: int) -> int:
    """Items of an agenda that may be tabled, as bits."""
    bits = 0
    for position in range(t.agenda_length):
        item = T[t.agenda + channel * t.agenda_length + position]
        if item >= 0 and (AVAILABLE_BITS >> S[s.stage + item]) & 1 and not S[s.frozen + item]:
            bits |= 1 << position
    return bits


def _flag_moves(T: Ints, W: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Flag the moves that have become possible or are so no longer."""
    for piece in range(T[t.piece_first + MOVES], T[t.piece_first + MOVES + 1]):
        word = T[t.piece_word + piece]
        now = S[s.new_words + word]
        bits = (now ^ S[s.words + word]) & W[T[t.piece] + piece]
        while bits != 0:
            place = trailing_zeros(bits)
            V[v.possible + T[t.piece_base + piece] + place] = flag((now >> place) & 1 != 0)
            bits &= bits - 1
