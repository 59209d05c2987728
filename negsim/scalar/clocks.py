"""When does the next move come, and how much hazard has gathered? Clocks and integrals, in some runs abreast.

Written as for one run, like :mod:`negsim.scalar.hazards`.
"""

from __future__ import annotations

from negsim.kernel.arithmetic import SMALLEST
from negsim.scalar.abreast import select
from negsim.scalar.numbers import Values
from negsim.scalar.tables import ACTIVE, Stand, Tables
from negsim.state import Floats, Ints

# -- drawn ------------------------------------------------------------------------------------------------------------


def choose(L: Ints, V: Floats, s: Stand, v: Values) -> None:
    """Choose the nearest ring, if it comes before the next tick; else -1. Leaves it and the days until then."""
    # Both halves of the list are searched side by side, so that no comparison has to wait for the one before it.
    count = L[s.lengths + ACTIVE]
    half = (count + 1) >> 1
    one = (V[v.next_tick] - V[v.time], V[v.zero] + 1.0, V[v.zero] - 1.0)
    other = one
    for place in range(half):
        one = _take_nearer(V, v, L[s.moves + place], one)
        other = _take_nearer(V, v, L[s.moves + min(half + place, count - 1)], other)
    closer = other[0] * one[1] < one[0] * other[1]
    V[v.chosen] = select(closer, other[2], one[2])
    V[v.elapsed] = select(closer, other[0], one[0]) / select(closer, other[1], one[1])


def _take_nearer(
    V: Floats, v: Values, move: int, nearest: tuple[float, float, float]
) -> tuple[float, float, float]:  # fmt: skip
    """Nearest wait so far or a move's, as what remains on the clock, the hazard and the move: nothing is divided."""
    closer = V[v.remaining + move] * nearest[1] < nearest[0] * V[v.hazard + move]
    return (
        select(closer, V[v.remaining + move], nearest[0]),
        select(closer, V[v.hazard + move], nearest[1]),
        select(closer, move, nearest[2]),
    )


def run_clocks(L: Ints, V: Floats, s: Stand, v: Values) -> None:
    """Let the clocks gather their hazards until the next stop."""
    elapsed = V[v.elapsed]
    for place in range(L[s.lengths + ACTIVE]):
        move = L[s.moves + place]
        V[v.remaining + move] = max(V[v.remaining + move] - V[v.hazard + move] * elapsed, SMALLEST)


# -- given ------------------------------------------------------------------------------------------------------------


def approach(V: Floats, v: Values, until: float) -> None:
    """Find the days to the next stop, a given move or the next tick, and those of them that are inside the window."""
    horizon = V[v.next_tick] - V[v.time]
    wait = max(V[v.next_move] - V[v.time], 0.0)
    V[v.chosen] = select(wait < horizon, 1.0, 0.0)
    V[v.elapsed] = min(wait, horizon)
    inside = V[v.time] + V[v.elapsed] < until
    V[v.ended] = select(inside, 0.0, 1.0)
    V[v.spent] = select(inside, V[v.elapsed], until - V[v.time])


def add_hazards(L: Ints, V: Floats, s: Stand, v: Values) -> None:
    """Integrate the hazards of all moves over the days inside the window."""
    total = V[v.zero]
    for place in range(L[s.lengths + ACTIVE]):
        total += V[v.hazard + L[s.moves + place]]
    V[v.integral] = total * V[v.spent]


def expose(V: Floats, v: Values, profiles: int) -> None:
    """Find the days of reporting that each profile gains until the next stop; the period it lies in is looked up."""
    until = V[v.time] + V[v.spent]
    share = (until - V[v.period]) / (V[v.period + 1] - V[v.period])
    share = select(until >= V[v.period + 1], 1.0, max(share, 0.0))
    for profile in range(profiles):
        reached = V[v.below + profile] + share * V[v.rise + profile]
        V[v.gained + profile] = reached - V[v.exposure + profile]
        V[v.exposure + profile] = reached


def add_exposed(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values, profile: Ints) -> None:
    """Integrate the hazards of what would have been reported."""
    total = V[v.zero]
    for place in range(L[s.lengths + ACTIVE]):
        move = L[s.moves + place]
        total += V[v.hazard + move] * V[v.gained + profile[move]]
    V[v.integral] = total


# -- proposed ---------------------------------------------------------------------------------------------------------


def sum_hazards(L: Ints, V: Floats, s: Stand, v: Values) -> None:
    """Sum the hazards of all moves."""
    total = V[v.zero]
    for place in range(L[s.lengths + ACTIVE]):
        total += V[v.hazard + L[s.moves + place]]
    V[v.integral] = total
