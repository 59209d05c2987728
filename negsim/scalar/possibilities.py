"""What has to be computed now? After a change of the discrete state: what is possible, and all that hangs on it.

Everything here is scalar code over the rows of numbers (see :mod:`negsim.scalar.tables`). What is possible is decided
by switches; where a switch has another code than before, the rows of bits of all switches are united and listed anew
(see :mod:`negsim.scalar.wants`).
"""

from __future__ import annotations

from negsim.kernel.stages import AVAILABLE_BITS, BEFORE_SIGNATURE
from negsim.scalar.numbers import Values
from negsim.scalar.tables import (
    ACTIVE,
    AGREEING,
    KIND_COUNT,
    LOG_RATES,
    MOVES,
    OVERDUE_ONES,
    PROGRAM_COLUMNS,
    PROMISED_ONES,
    SURPLUS,
    WORD,
    WORD_BITS,
    Stand,
    Tables,
)
from negsim.state import Floats, Ints
from negsim.vocabulary import DONE, IN_FORCE, IN_SESSION, OPEN, PROMISED, RAISED

RELATED_BITS = (1 << PROMISED) | (1 << IN_FORCE) | (1 << DONE)
"""Stages of concessions that relations between actors depend on."""
STAGES = 7
"""The bits of a concession's code that are its stage; those of a channel's are 3."""


def trailing_zeros(word: int) -> int:
    """Place of the lowest bit that is set; numba's own takes its place in compiled code."""
    return (word & -word).bit_length() - 1


def list_possible(T: Ints, W: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """List all that must be computed until the discrete state changes again, if it has changed."""
    changed, related = _read_switches(T, S, V, t, s, v)
    if related:
        _read_relations(T, S, V, t, s, v)
    if not changed:
        return
    for place in range(S[s.lengths + ACTIVE]):
        V[v.hazard + S[s.moves + place]] = 0.0
    for switch in range(t.switches):
        S[s.row + switch] = T[t.want_first + switch] + S[s.code + switch] * t.words
    for word in range(t.words):
        bits = 0
        for switch in range(t.switches):
            bits |= W[S[s.row + switch] + word]
        S[s.new_words + word] = bits
    _list_packages(T, W, S, t, s)
    for kind in range(KIND_COUNT):
        _list_bits(T, W, S, t, s, kind)
    for word in range(t.words):
        S[s.words + word] = S[s.new_words + word]
    _list_agreements(T, S, t, s)
    _split_log_rates(T, S, t, s)


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
    _list_promises(S, s, t)
    read_timers(T, S, V, t, s, v)
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
    first = s.code + t.channels + t.concessions
    for demand in range(t.demands):
        live = S[s.channel + T[t.demand_channel + demand]] >= OPEN
        code = S[s.demand + demand] + 2 * live
        if code != S[first + demand]:
            S[first + demand] = code
            changed, related = True, True
    return _read_tables(T, S, t, s, first + t.demands) or changed, related


def _read_tables(T: Ints, S: Ints, t: Tables, s: Stand, first: int) -> bool:
    """Read what waits for approval and who may agree; whether any of it has changed."""
    changed = S[first] != 0
    S[first] = 0
    for approval in range(t.approvals):
        side = T[t.approve_side + approval]
        waiting = S[s.awaiting + side]
        if T[t.consent_rule + side] == BEFORE_SIGNATURE:
            waiting = 0 if S[s.consent + side] else S[s.table + (side >> 1)]
        S[s.waiting + approval] = waiting
        changed = changed or (waiting != 0) != S[first + 1 + approval]
        S[first + 1 + approval] = waiting != 0
    for channel in range(t.channels):
        place = first + 1 + t.approvals + channel
        free = S[s.channel + channel] == IN_SESSION and S[s.table + channel] == 0
        changed = changed or free != S[place]
        S[place] = free
    return bool(changed)


def _list_promises(S: Ints, s: Stand, t: Tables) -> None:
    """List the promises, for which timers run."""
    listed = 0
    for concession in range(t.concessions):
        if S[s.stage + concession] == PROMISED:
            S[s.promised + listed] = concession
            listed += 1
        else:
            S[s.ready + concession] = 0
            S[s.overdue + concession] = 0
    S[s.lengths + PROMISED_ONES] = listed


def read_timers(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> bool:
    """Look whether promises have become ready or overdue; whether any has become ready or is so no longer."""
    changed, late = False, 0
    for place in range(S[s.lengths + PROMISED_ONES]):
        concession = S[s.promised + place]
        since = V[v.time] - V[v.changed + concession]
        lead = V[v.lead + concession]
        held_by = T[t.held_by + concession]
        ready = since >= lead and (held_by < 0 or S[s.channel + held_by] >= OPEN)
        overdue = since >= lead + V[v.grace + concession]
        changed = changed or ready != S[s.ready + concession]
        S[s.ready + concession] = ready
        S[s.overdue + concession] = overdue
        late += overdue
    S[s.lengths + OVERDUE_ONES] = late
    return changed


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


# -- lists ------------------------------------------------------------------------------------------------------------


def _unite(W: Ints, S: Ints, t: Tables, s: Stand, row: int) -> None:
    for word in range(t.words):
        S[s.new_words + word] |= W[row + word]


def _is_wanted(T: Ints, S: Ints, t: Tables, s: Stand, kind: int, row: int) -> int:
    place = T[t.kind_bit + kind] + row
    bit: int = (S[s.new_words + (place >> WORD_BITS)] >> (place & (WORD - 1))) & 1
    return bit


def _list_bits(T: Ints, W: Ints, S: Ints, t: Tables, s: Stand, kind: int) -> None:
    """List what is wanted of a kind, if it is not what was wanted before."""
    first, last = T[t.piece_first + kind], T[t.piece_first + kind + 1]
    changed = 0
    for piece in range(first, last):
        word = T[t.piece_word + piece]
        changed |= (S[s.new_words + word] ^ S[s.words + word]) & W[T[t.piece] + piece]
    if changed == 0:
        return
    rows, count = T[t.kind_list + kind], 0
    for piece in range(first, last):
        bits = S[s.new_words + T[t.piece_word + piece]] & W[T[t.piece] + piece]
        base = T[t.piece_base + piece]
        while bits != 0:
            S[rows + count] = base + trailing_zeros(bits)
            bits &= bits - 1
            count += 1
    S[s.lengths + kind] = count


def _list_packages(T: Ints, W: Ints, S: Ints, t: Tables, s: Stand) -> None:
    """List the enabled packages of channels that may agree, or whose surplus is asked for; want what they are worth."""
    listed = 0
    for channel in range(t.channels):
        S[s.package_first + channel] = listed
        if _is_wanted(T, S, t, s, AGREEING, channel) or _is_wanted(T, S, t, s, SURPLUS, channel):
            available, wanted = _find_available(T, S, t, s, channel), 0
            for package in range(T[t.channel_first + channel], T[t.channel_first + channel + 1]):
                members = T[t.package_members + package]
                if available & members == members:
                    S[s.packages + listed] = package
                    listed += 1
                    wanted |= members
            for position in range(t.agenda_length):
                if (wanted >> position) & 1:
                    _unite(W, S, t, s, (channel * t.agenda_length + position) * t.words)
    S[s.package_first + t.channels] = listed


def _find_available(T: Ints, S: Ints, t: Tables, s: Stand, channel: int) -> int:
    """Items of an agenda that may be tabled, as bits."""
    bits = 0
    for position in range(t.agenda_length):
        item = T[t.agenda + channel * t.agenda_length + position]
        if item >= 0 and (AVAILABLE_BITS >> S[s.stage + item]) & 1 and not S[s.frozen + item]:
            bits |= 1 << position
    return bits


def _list_agreements(T: Ints, S: Ints, t: Tables, s: Stand) -> None:
    """Add the packages that may be agreed on now to the list of moves."""
    active = S[s.lengths + MOVES]
    for place in range(S[s.lengths + AGREEING]):
        channel = S[s.agreeing + place]
        for package in range(S[s.package_first + channel], S[s.package_first + channel + 1]):
            S[s.moves + active] = t.dense + S[s.packages + package]
            active += 1
    S[s.lengths + ACTIVE] = active


def _split_log_rates(T: Ints, S: Ints, t: Tables, s: Stand) -> None:
    """Find where the listed rows of each formula of log rates begin."""
    place, count = 0, S[s.lengths + LOG_RATES]
    for number in range(t.log_rate_count):
        S[s.rate_first + number] = place
        last = T[t.log_rate + number * PROGRAM_COLUMNS + 3]
        while place < count and S[s.log_rates + place] < last:
            place += 1
    S[s.rate_first + t.log_rate_count] = place
