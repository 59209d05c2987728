"""What happens next in runs abreast when somebody interferes? Removals, bans and forced moves, in each for itself.

What they mean is said, and done for a batch, in :mod:`negsim.interference`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from negsim.scalar.abreast import view_lane
from negsim.scalar.numbers import Values
from negsim.scalar.tables import GOING, LANES, NOTHING, Stand
from negsim.state import Floats, Ints

REMOVED, FORCED, IMPOSSIBLE, HELD = range(4)
"""What may be done to a run."""


class Orders(NamedTuple):
    """An intervention by row numbers and days, and how far it has come in some columns."""

    given: bool
    """Whether there is any; else nothing of this is looked at."""
    # -- removals, a row each
    removes: Ints
    """Flags of the moves, shape (removals, moves)."""
    nth: Ints
    low: Floats
    high: Floats
    delay: Floats
    """Days after which the move is made after all; infinite for never."""
    # -- bans: the moves of each, one after the other
    still_first: Ints
    still_move: Ints
    still_low: Floats
    still_high: Floats
    # -- forced moves, then the delayed ones
    push_move: Ints
    # -- columns, a row each
    due: Floats
    """When each forced or delayed move is due; infinite for not (or no longer)."""
    seen: Ints
    """How many rings each removal has counted."""
    bitten: Ints
    """Whether each ban has taken anything away."""
    # -- what was done: kind, column, row of the order, move, day
    what: Ints
    column: Ints
    order: Ints
    move: Ints
    day: Floats
    entered: Ints
    """How many entries there are."""


def stand_still(A: Ints, V: Floats, s: Stand, v: Values, o: Orders) -> None:
    """Look whether the next forced move of each run is possible; then take the hazards of banned moves away."""
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        if S[s.going] != GOING:
            continue
        row = _find_next(o.due, S[s.column])
        S[s.pushed] = row
        S[s.allowed] = 1 if row >= 0 and U[v.hazard + o.push_move[row]] > 0.0 else 0
        for still in range(len(o.still_low)):
            if o.still_low[still] <= U[v.time] < o.still_high[still]:
                _ban(U, v, o, still, S[s.column])


def _find_next(due: Floats, column: int) -> int:
    """Row of the next forced move of a column, or -1."""
    found, nearest = -1, np.inf
    for row in range(due.shape[1]):
        if due[column, row] < nearest:
            found, nearest = row, due[column, row]
    return found


def _ban(U: Floats, v: Values, o: Orders, still: int, column: int) -> None:
    held = False
    for place in range(o.still_first[still], o.still_first[still + 1]):
        hazard = v.hazard + o.still_move[place]
        held = held or U[hazard] > 0.0
        U[hazard] = 0.0
    if held and not o.bitten[column, still]:
        o.bitten[column, still] = 1
        _enter(o, HELD, column, still, o.still_move[o.still_first[still]], U[v.time])


def interfere(A: Ints, V: Floats, s: Stand, v: Values, o: Orders) -> None:
    """Let forced moves come before what the clocks say, and rings that are to be removed pass without effect."""
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        if S[s.going] != GOING:
            continue
        column, row = S[s.column], S[s.pushed]
        S[s.ring] = int(U[v.chosen])
        if row >= 0:
            wait = _reach(U[v.time], o.due[column, row])
            if wait < U[v.next_tick] - U[v.time] and wait <= U[v.elapsed]:
                U[v.chosen] = float(o.push_move[row]) if S[s.allowed] else float(NOTHING)
                U[v.elapsed] = wait
                S[s.ring] = -1
                continue
        S[s.pushed] = -1
        for removal in range(len(o.nth)):
            at = U[v.time] + U[v.elapsed]
            if _counts(o, removal, S[s.ring], at) and o.seen[column, removal] + 1 == o.nth[removal]:
                U[v.chosen] = float(NOTHING)


def _reach(time: float, date: float) -> float:
    """Days from a moment to a later one (see :func:`negsim.interference.reach`)."""
    wait = max(date - time, 0.0)
    return max(wait + (date - (time + wait)), 0.0) if date > time else wait


def _counts(o: Orders, removal: int, ring: int, day: float) -> bool:
    """Whether a ring is an occurrence that a removal counts."""
    return ring >= 0 and o.removes[removal, ring] != 0 and o.low[removal] <= day < o.high[removal]


def note_done(S: Ints, U: Floats, s: Stand, v: Values, o: Orders) -> None:
    """Note what has been done to a run at this moment: a forced move, a ring that was removed."""
    column, ring, row, day = S[s.column], S[s.ring], S[s.pushed], U[v.time]
    happens = U[v.chosen] >= 0.0
    if row >= 0:
        o.due[column, row] = np.inf
        _enter(o, FORCED if happens else IMPOSSIBLE, column, row, o.push_move[row], day)
    for removal in range(len(o.nth)):
        if _counts(o, removal, ring, day):
            o.seen[column, removal] += 1
            if o.seen[column, removal] == o.nth[removal]:
                o.due[column, len(o.push_move) - len(o.nth) + removal] = day + o.delay[removal]
    if ring >= 0 and not happens:
        _enter(o, REMOVED, column, 0, ring, day)


def _enter(o: Orders, what: int, column: int, order: int, move: int, day: float) -> None:
    place = o.entered[0]
    o.what[place], o.column[place], o.order[place], o.move[place], o.day[place] = what, column, order, move, day
    o.entered[0] = place + 1
