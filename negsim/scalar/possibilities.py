"""What may runs do now? By their discrete states and the time: what is possible, and all that hangs on it.

Written as for one run, like :mod:`negsim.scalar.hazards`, and looked at anew for all runs whenever they stop: hardly a
branch, where what a run does next is hard for a processor to foresee. What holds for which of the runs is kept as bits
of one whole number, a mask, and what follows from several things is worked out on masks, for all runs at once.
"""

from __future__ import annotations

from negsim.kernel.quantities import ANSWERING_BITS
from negsim.kernel.stages import AVAILABLE_BITS, BEFORE_SIGNATURE, STANDING_BITS
from negsim.scalar.abreast import as_bits, as_truths, select, select_whole
from negsim.scalar.numbers import Values
from negsim.scalar.tables import ALL, LANES, NO, OVERDUE_ONES, YES, Stand, Tables
from negsim.state import Floats, Ints
from negsim.vocabulary import DONE, IN_FORCE, IN_SESSION, OPEN, PROMISED, RAISED, SIGNED

HELD_BITS = (1 << IN_FORCE) | (1 << DONE)
FROZEN_CODES, READY_CODES = 8, 16
"""A concession's code is its stage, and so much more if it is frozen, and if a promise is ready."""
BLOCKED_CODES = 4
"""A channel's code is its stage, and so much more if a gate blocks it."""
OPEN_CODES = 2
"""A demand's code is its stage, and so much more if its channel is open."""


def find_possible(T: Ints, W: Ints, L: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> bool:
    """Find what runs may do until they stop again; whether relations between actors have changed."""
    if t.gates:
        _read_gates(T, L, A, V, t, s, v)
    changed = _read_concessions(T, L, A, V, t, s, v)
    changed |= _read_channels(T, L, A, V, t, s, v)
    _read_tables(T, L, A, V, t, s, v, t.channels + t.concessions + t.demands)
    _find_moves(T, W, L, A, t, s)
    _find_packages_on_offer(T, L, t, s)
    return changed != 0


def forget(L: Ints, t: Tables, s: Stand) -> None:
    """Forget what relations there were, so that they are looked at in any case."""
    for concession in range(t.concessions):
        # In force, yet not held: so no concession stands.
        L[s.stood + concession] = ALL
    for channel in range(t.channels):
        L[s.open + channel] = -1
    for demand in range(t.demands):
        L[s.raised + demand] = -1


# -- the discrete state -----------------------------------------------------------------------------------------------


def _read_gates(T: Ints, L: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Find which channels a hard gate blocks, and which have active gates that are all met."""
    for channel in range(t.channels):
        L[s.blocked + channel], L[s.met + channel] = 0, 0
    for gate in range(t.gates):
        L[s.met + T[t.gate_channel + gate]] |= as_bits(V[v.gate_active + gate] > 0.0)
    for gate in range(t.gates):
        channel = T[t.gate_channel + gate]
        unmet = as_bits(V[v.gate_active + gate] > 0.0) & ~_find_met(T, A, t, s, gate)
        L[s.met + channel] &= ~unmet
        L[s.blocked + channel] |= unmet * T[t.gate_hard + gate]
    for channel in range(t.channels):
        V[v.gate_met + channel] = select(as_truths(L[s.met + channel]), 1.0, 0.0)


def _find_met(T: Ints, A: Ints, t: Tables, s: Stand, gate: int) -> int:
    """For which runs a gate is met."""
    together = T[t.gate_all + gate]
    met = ALL if together else 0
    for entry in range(T[t.gate_first + gate], T[t.gate_first + gate + 1]):
        stands = as_bits(((1 << A[s.stage + T[t.gate_item + entry]]) & T[t.gate_wanted + gate]) != 0)
        met = met & stands if together else met | stands
    return met


def _read_concessions(T: Ints, L: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> int:
    """Read stages and timers of concessions: codes, what is overdue, what may be tabled; whether any stands anew."""
    changed, late = 0, 0
    for concession in range(t.concessions):
        stage, frozen = A[s.stage + concession], A[s.frozen + concession]
        bit = 1 << stage
        since, lead = V[v.time] - V[v.changed + concession], V[v.lead + concession]
        promised, held_by = stage == PROMISED, T[t.held_by + concession]
        ready = promised & (since >= lead)
        if held_by >= 0:
            ready = ready & (A[s.channel + held_by] >= OPEN)
        overdue = promised & (since >= lead + V[v.grace + concession])
        V[v.late + concession] = select(overdue, 1.0, 0.0)
        late |= as_bits(overdue)
        code = bit << (FROZEN_CODES * frozen)
        A[s.code + t.channels + concession] = select_whole(ready, code << READY_CODES, code)
        L[s.available + concession] = as_bits((bit & AVAILABLE_BITS) != 0) & as_bits(frozen == 0)
        in_force, held = as_bits(stage == IN_FORCE), as_bits((bit & HELD_BITS) != 0)
        answering, standing = as_bits((bit & ANSWERING_BITS) != 0), as_bits((bit & STANDING_BITS) != 0)
        stood = in_force | held << LANES | answering << 2 * LANES | standing << 3 * LANES
        if stood != L[s.stood + concession]:
            L[s.stood + concession] = stood
            changed = 1
            V[v.live + t.channels + concession] = select(as_truths(in_force), 1.0, 0.0)
            V[v.held + concession] = select(as_truths(held), 1.0, 0.0)
            V[v.answering + concession] = select(as_truths(answering), 1.0, 0.0)
            V[v.standing + concession] = select(as_truths(standing), 1.0, 0.0)
    L[s.lengths + OVERDUE_ONES] = late
    return changed


def _read_channels(T: Ints, L: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> int:
    """Read the codes of channels and of demands made through them; whether any is open or raised in other runs."""
    changed = 0
    for channel in range(t.channels):
        stage = A[s.channel + channel]
        are_open, code = as_bits(stage >= OPEN), 1 << stage
        A[s.code + channel] = select_whole(as_truths(L[s.blocked + channel]), code << BLOCKED_CODES, code)
        if are_open != L[s.open + channel]:
            L[s.open + channel] = are_open
            changed = 1
            V[v.live + channel] = select(as_truths(are_open), 1.0, 0.0)
    for demand in range(t.demands):
        stage = A[s.demand + demand]
        are_raised, code = as_bits(stage == RAISED), 1 << stage
        are_open = L[s.open + T[t.demand_channel + demand]]
        code = select_whole(as_truths(are_open), code << OPEN_CODES, code)
        A[s.code + t.channels + t.concessions + demand] = code
        if are_raised != L[s.raised + demand]:
            L[s.raised + demand] = are_raised
            changed = 1
            V[v.raised + demand] = select(as_truths(are_raised), 1.0, 0.0)
    return changed


def _read_tables(T: Ints, L: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, always: int) -> None:
    """Read what waits for approval, and who may agree."""
    A[s.code + always] = NO
    for approval in range(t.approvals):
        side = T[t.approve_side + approval]
        waiting = A[s.awaiting + side]
        if T[t.consent_rule + side] == BEFORE_SIGNATURE:
            waiting = select_whole(A[s.consent + side] == 0, A[s.table + (side >> 1)], 0)
        A[s.code + always + 1 + approval] = select_whole(waiting != 0, YES, NO)
        L[s.waiting + approval] = as_bits(waiting != 0)
        if L[s.waiting + approval]:
            _form_opinion(T, A, V, t, s, v, approval, waiting)
    for channel in range(t.channels):
        free = (A[s.channel + channel] == IN_SESSION) & (A[s.table + channel] == 0)
        A[s.code + always + 1 + t.approvals + channel] = select_whole(free, YES, NO)


def _form_opinion(
    T: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, approval: int, waiting: int
) -> None:  # fmt: skip
    """What groups think of what waits for a side, and whether no frozen item holds it up."""
    side = T[t.approve_side + approval]
    before = T[t.consent_rule + side] == BEFORE_SIGNATURE
    V[v.opinion + approval] = 0.0
    V[v.free + approval] = 1.0
    for position in range(t.agenda_length):
        place = (side >> 1) * t.agenda_length + position
        item = T[t.agenda + place]
        if item < 0:
            continue
        waits = (waiting & (1 << position)) != 0
        V[v.opinion + approval] += select(waits, V[v.values + position * t.approvals + approval], 0.0)
        if before or T[t.agenda_side + place] == side & 1:
            held_up = waits & (A[s.frozen + item] != 0)
            if not before:
                held_up = held_up & (A[s.stage + item] == SIGNED)
            V[v.free + approval] = select(held_up, 0.0, V[v.free + approval])


# -- what follows -----------------------------------------------------------------------------------------------------


def _find_moves(T: Ints, W: Ints, L: Ints, A: Ints, t: Tables, s: Stand) -> None:
    """Find which moves and accords are possible, by the codes of their switches."""
    for choice in range(t.dense + t.channels):
        codes = A[s.code + T[t.switch + choice]]
        L[s.possible + choice] = as_bits((codes & W[t.allowed + choice]) != 0)


def _find_packages_on_offer(T: Ints, L: Ints, t: Tables, s: Stand) -> None:
    """Find which packages are on offer where an accord is possible or the surplus is asked for."""
    for channel in range(t.channels):
        wanted = L[s.agreeable + channel] | (ALL if T[t.always_asked + channel] else 0)
        for entry in range(T[t.asker_first + channel], T[t.asker_first + channel + 1]):
            wanted |= L[s.possible + T[t.asker_choice + entry]]
        for package in range(T[t.channel_first + channel], T[t.channel_first + channel + 1]):
            enabled = wanted
            for entry in range(T[t.member_first + package], T[t.member_first + package + 1]):
                enabled &= L[s.available + T[t.member_item + entry]]
            L[s.enabled + package] = enabled
