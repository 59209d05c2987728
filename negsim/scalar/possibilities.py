"""What may one run do now? After a change of its discrete state: what is possible, and all that hangs on it.

Everything here is scalar code over the numbers of one run (see :mod:`negsim.scalar.tables`), with few branches: what a
run does next is hard for a processor to foresee. What is possible is
decided by switches; where a switch has another code than before, the rows of bits of all switches are united anew (see
:mod:`negsim.scalar.wants`). Flags, numbers that are 0 or 1, tell it to what is computed for several runs abreast.
"""

from __future__ import annotations

import numpy as np

from negsim.kernel.quantities import ANSWERING_BITS
from negsim.kernel.stages import AVAILABLE_BITS, BEFORE_SIGNATURE, STANDING_BITS
from negsim.scalar.abreast import put_words, take_words
from negsim.scalar.numbers import Values
from negsim.scalar.tables import (
    AGREEING,
    MOVES,
    OVERDUE_ONES,
    PROMISED_ONES,
    SURPLUS,
    WORD,
    WORD_BITS,
    WORDS_ABREAST,
    Stand,
    Tables,
)
from negsim.state import Floats, Ints
from negsim.vocabulary import DONE, IN_FORCE, IN_SESSION, OPEN, PROMISED, RAISED, SIGNED

NEVER = -1
"""Code of a switch that has not been read."""
WANTS, RELATES = 1, 2
"""What follows from a change: other things are wanted than before, relations between actors are other ones."""
HELD_BITS = (1 << IN_FORCE) | (1 << DONE)
RELATED_BITS = (1 << PROMISED) | (1 << IN_FORCE) | (1 << DONE)
"""Stages of concessions that relations between actors depend on."""
CLOSE = 1e-9
"""Timers are looked at this much early, relative and in days: rounding may not make one late."""
STAGES = 7
"""The bits of a concession's code that are its stage."""
CHANNEL_CODES = 4
"""A channel's code is its stage and so many times whether it is blocked."""


def trailing_zeros(word: int) -> int:
    """Place of the lowest bit that is set; numba's own takes its place in compiled code."""
    return (word & -word).bit_length() - 1


def find_possible(T: Ints, W: Ints, L: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> int:
    """Find what a run may do until its discrete state changes again; what follows from it: WANTS, RELATES."""
    late = S[s.lengths + OVERDUE_ONES]
    found = _read_switches(T, L, S, V, t, s, v)
    if found & WANTS:
        for first in range(0, t.words, WORDS_ABREAST):
            bits = take_words(W, S[s.row] + first)
            for switch in range(1, t.switches):
                bits |= take_words(W, S[s.row + switch] + first)
            put_words(S, s.new_words + first, bits)
        _find_offers(T, W, L, S, V, t, s, v)
        _flag_moves(T, W, S, V, t, s, v)
        for first in range(0, t.words, WORDS_ABREAST):
            put_words(S, s.words + first, take_words(S, s.new_words + first))
    return found | (WANTS if S[s.lengths + OVERDUE_ONES] != late else 0)


def release(L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Count a run no longer among those that share packages and flows, before its lane takes another."""
    for package in range(t.packages):
        L[s.sharing + package] -= V[v.enabled + package] > 0.0
    for flow in range(t.flows):
        L[s.shipping + flow] -= V[v.flowing + flow] > 0.0


def forget(S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Forget what was possible, so that all is read anew."""
    for switch in range(t.switches):
        S[s.code + switch] = NEVER
    for word in range(t.words):
        S[s.words + word] = 0
    for channel in range(t.channels):
        S[s.offered + channel], S[s.touched + channel] = 0, 1
    for word in range(t.channels * t.words):
        S[s.item_words + word] = 0
    for concession in range(t.concessions):
        mark(S, s, concession)
    S[s.gate_tick] = NEVER
    for move in range(t.dense):
        V[v.possible + move] = 0.0
    for package in range(t.packages):
        V[v.enabled + package] = 0.0
    for flow in range(t.flows):
        V[v.flowing + flow] = 0.0


def mark(S: Ints, s: Stand, concession: int) -> None:
    """Note that something has happened to a concession."""
    S[s.dirty + (concession >> WORD_BITS)] |= 1 << (concession & (WORD - 1))


def flag(truth: bool) -> float:
    """Turn true and false into 1 and 0."""
    return 1.0 if truth else 0.0


# -- the discrete state -----------------------------------------------------------------------------------------------


def _read_switches(T: Ints, L: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> int:
    """Read the codes of all switches that may have changed; what follows."""
    happened, found = 0, 0
    for word in range(t.dirty_words):
        happened |= S[s.dirty + word]
    if t.gates and (happened or S[s.tick] != S[s.gate_tick]):
        _read_gates(T, S, V, t, s, v)
        S[s.gate_tick] = S[s.tick]
    if happened:
        _list_promises(S, V, t, s, v)
    # A promise may wait for its channel, so timers are read where anything has happened.
    _read_timers(T, S, V, t, s, v)
    for word in range(t.dirty_words):
        bits = S[s.dirty + word]
        while bits != 0:
            found |= _read_concession(T, L, S, V, t, s, v, word * WORD + trailing_zeros(bits))
            bits &= bits - 1
        S[s.dirty + word] = 0
    touched = 0
    for channel in range(t.channels):
        touched |= S[s.touched + channel]
    if touched:
        found |= _read_channels(T, S, V, t, s, v)
        found |= _read_tables(T, S, V, t, s, v, t.channels + t.concessions + t.demands) * WANTS
        for channel in range(t.channels):
            S[s.touched + channel] = 0
    return found


def _read_channels(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> int:
    """Read the codes of channels that are touched, and of demands made through them; what follows."""
    found, first = 0, t.channels + t.concessions
    for channel in range(t.channels):
        if S[s.touched + channel]:
            is_open = S[s.channel + channel] >= OPEN
            if is_open != (V[v.live + channel] > 0.0) or S[s.code + channel] == NEVER:
                V[v.live + channel] = flag(is_open)
                found |= RELATES
            code = S[s.channel + channel] + CHANNEL_CODES * S[s.blocked + channel]
            found |= _set_code(T, S, t, s, channel, code) * WANTS
    for demand in range(t.demands):
        channel = T[t.demand_channel + demand]
        if S[s.touched + channel]:
            is_raised = S[s.demand + demand] == RAISED
            if is_raised != (V[v.raised + demand] > 0.0) or S[s.code + first + demand] == NEVER:
                V[v.raised + demand] = flag(is_raised)
                found |= RELATES
            code = S[s.demand + demand] + 2 * (S[s.channel + channel] >= OPEN)
            found |= _set_code(T, S, t, s, first + demand, code) * WANTS
    return found


def _set_code(T: Ints, S: Ints, t: Tables, s: Stand, switch: int, code: int) -> int:
    """Set a switch; 1 if it stood otherwise."""
    if code == S[s.code + switch]:
        return 0
    S[s.code + switch] = code
    S[s.row + switch] = T[t.want_first + switch] + code * t.words
    return 1


def _read_concession(
    T: Ints, L: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, concession: int
) -> int:  # fmt: skip
    """Read the code of a concession, and its flags if it has another; what follows."""
    stage, frozen = S[s.stage + concession], S[s.frozen + concession]
    old = S[s.code + t.channels + concession]
    code = stage + 8 * frozen + 16 * S[s.ready + concession]
    if not _set_code(T, S, t, s, t.channels + concession, code):
        return 0
    V[v.live + t.channels + concession] = flag(stage == IN_FORCE)
    V[v.held + concession] = flag((HELD_BITS >> stage) & 1 != 0)
    V[v.answering + concession] = flag((ANSWERING_BITS >> stage) & 1 != 0)
    V[v.standing + concession] = flag((STANDING_BITS >> stage) & 1 != 0)
    flow = T[t.flow_of + concession]
    if flow >= 0 and (stage == IN_FORCE) != (V[v.flowing + flow] > 0.0):
        V[v.flowing + flow] = flag(stage == IN_FORCE)
        L[s.shipping + flow] += 1 if stage == IN_FORCE else -1
    available = (AVAILABLE_BITS >> stage) & 1 and frozen == 0
    for entry in range(T[t.place_first + concession], T[t.place_first + concession + 1]):
        channel, position = divmod(T[t.place + entry], t.agenda_length)
        S[s.touched + channel] = 1
        bits = S[s.available + channel] & ~(1 << position)
        S[s.available + channel] = bits | (1 << position) if available else bits
    touches = old < 0 or ((RELATED_BITS >> (old & STAGES)) | (RELATED_BITS >> stage)) & 1
    return (WANTS | RELATES) if touches else WANTS


def _read_tables(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, first: int) -> int:
    """Read what waits for approval in channels that are touched, and who may agree; 1 if any of it has changed."""
    changed = _set_code(T, S, t, s, first, 0)
    for approval in range(t.approvals):
        side = T[t.approve_side + approval]
        if S[s.touched + (side >> 1)] == 0:
            continue
        waiting = S[s.awaiting + side]
        if T[t.consent_rule + side] == BEFORE_SIGNATURE:
            waiting = 0 if S[s.consent + side] else S[s.table + (side >> 1)]
        S[s.waiting + approval] = waiting
        if waiting:
            _form_opinion(T, S, V, t, s, v, approval)
        changed |= _set_code(T, S, t, s, first + 1 + approval, 1 if waiting else 0)
    for channel in range(t.channels):
        if S[s.touched + channel]:
            free = S[s.channel + channel] == IN_SESSION and S[s.table + channel] == 0
            changed |= _set_code(T, S, t, s, first + 1 + t.approvals + channel, 1 if free else 0)
    return changed


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


def _list_promises(S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """List the promises, for which timers run, if something has happened to one or made one."""
    touched = False
    for word in range(t.dirty_words):
        bits = S[s.dirty + word]
        while bits != 0:
            concession = word * WORD + trailing_zeros(bits)
            old = S[s.code + t.channels + concession]
            touched = touched or old < 0 or old & STAGES == PROMISED or S[s.stage + concession] == PROMISED
            bits &= bits - 1
    if not touched:
        return
    listed = 0
    for concession in range(t.concessions):
        is_promised = S[s.stage + concession] == PROMISED
        S[s.promised + listed] = concession
        S[s.ready + concession] *= is_promised
        V[v.late + concession] *= flag(is_promised)
        listed += is_promised
    S[s.lengths + PROMISED_ONES] = listed


def _read_timers(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Look whether promises have become ready or overdue, and when one will next."""
    late, coming = 0, np.inf
    for place in range(S[s.lengths + PROMISED_ONES]):
        concession = S[s.promised + place]
        since, lead = V[v.time] - V[v.changed + concession], V[v.lead + concession]
        held_by = T[t.held_by + concession]
        overdue = since >= lead + V[v.grace + concession]
        ready = 1 if since >= lead and (held_by < 0 or S[s.channel + held_by] >= OPEN) else 0
        if ready != S[s.ready + concession]:
            S[s.ready + concession] = ready
            mark(S, s, concession)
        V[v.late + concession] = flag(overdue)
        late += overdue
        wait = lead - since if since < lead else lead + V[v.grace + concession] - since
        coming = min(coming, np.inf if overdue else wait)
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
    for gate in range(t.gates):
        channel = T[t.gate_channel + gate]
        if S[s.blocked + channel] != S[s.code + channel] // CHANNEL_CODES:
            S[s.touched + channel] = 1


def _is_met(T: Ints, S: Ints, t: Tables, s: Stand, gate: int) -> bool:
    first, last = T[t.gate_first + gate], T[t.gate_first + gate + 1]
    standing = 0
    for entry in range(first, last):
        standing += (T[t.gate_wanted + gate] >> S[s.stage + T[t.gate_item + entry]]) & 1
    return standing == last - first if T[t.gate_all + gate] else standing > 0


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
        offered = S[s.available + channel] * (agreeing | _is_wanted(T, S, t, s, SURPLUS, channel))
        if offered != S[s.offered + channel]:
            S[s.offered + channel] = offered
            included = _flag_packages(T, L, S, V, t, s, v, channel)
            for first in range(0, t.words, WORDS_ABREAST):
                _want_items(W, S, t, s, channel, included, first)
    for first in range(0, t.words, WORDS_ABREAST):
        bits = take_words(S, s.new_words + first)
        for channel in range(t.channels):
            bits |= take_words(S, s.item_words + channel * t.words + first)
        put_words(S, s.new_words + first, bits)


def _want_items(W: Ints, S: Ints, t: Tables, s: Stand, channel: int, included: int, first: int) -> None:
    """Unite what is wanted for items of a channel, WORDS_ABREAST of them from one on."""
    row = channel * t.agenda_length
    old = take_words(S, s.item_words + channel * t.words + first)
    bits = old - old
    while included != 0:
        bits |= take_words(W, (row + trailing_zeros(included)) * t.words + first)
        included &= included - 1
    put_words(S, s.item_words + channel * t.words + first, bits)


def _flag_packages(T: Ints, L: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int) -> int:
    """Flag the packages of items on offer and count for how many runs each is; the items they include."""
    offered, included = S[s.offered + channel], 0
    for package in range(T[t.channel_first + channel], T[t.channel_first + channel + 1]):
        members = T[t.package_members + package]
        enabled, was_enabled = offered & members == members, V[v.enabled + package] > 0.0
        included |= members * enabled
        V[v.enabled + package] = flag(enabled)
        L[s.sharing + package] += int(enabled) - int(was_enabled)
    return included


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
