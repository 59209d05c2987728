"""How likely are moves to come to keep their windows, if all waits were exponential? What is known of it, looked up.

Moves that must keep the same end (a run) share a grid of moments, dense near that end and near the begin of the last
one's window; between its nodes logs are linear. :mod:`negsim.scalar.foresight` works them out.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from negsim.scalar.exponentials import exponential
from negsim.state import Floats, Ints

FLAT: Final = 1e-2
"""Exponents up to which a mean is a polynomial."""
STEEP: Final = 700.0
"""Largest exponent that is looked at."""


class Chain(NamedTuple):
    """Moves in their order.

    ``moves`` are their rows; ``low`` and ``high`` the windows of their dates as they bind each other, equal where a
    date is known by rule, with one entry more for the end of the observation; ``run`` is the run of each, ``grid`` the
    moments of each run in ascending order, of which there are so many as ``nodes`` says, and ``per_gap`` one over the
    days from each to the next; ``ends`` is where each block ends.
    """

    moves: Ints
    low: Floats
    high: Floats
    run: Ints
    grid: Floats
    per_gap: Floats
    nodes: Ints
    ends: Ints


class Guide(NamedTuple):
    """What is expected of each move, a row for each parameter vector: the total hazard while it is awaited, and its own
    share of it (neither need be right).
    """

    pace: Floats
    share: Floats


def shrunk(loss: float, days: float) -> float:
    """Integral of exp(-loss * t) over so many days."""
    x = min(max(loss * days, -STEEP), STEEP)
    return (1.0 - exponential(-x)) / loss if abs(x) >= FLAT else flat(x) * days


def flat(x: float) -> float:
    """Mean of exp(-t) from 0 to a small x."""
    return 1.0 - x * (1.0 / 2.0 - x * (1.0 / 6.0 - x * (1.0 / 24.0 - x / 120.0)))


def find_node(h: Chain, number: int, time: float) -> int:
    """Find the last node not after a moment, from which another follows."""
    run = h.run[number]
    below, above = 0, h.nodes[run] - 1
    while above - below > 1:
        middle = (below + above) >> 1
        if h.grid[run, middle] <= time:
            below = middle
        else:
            above = middle
    return below


def look_ahead(h: Chain, ways: Floats, number: int, time: float) -> float:
    """Log of how likely the moves from one on are to keep their windows, at a moment."""
    return read_way(h, ways, number, find_node(h, number, time), time)


def read_way(h: Chain, ways: Floats, number: int, node: int, time: float) -> float:
    """Read the same at a moment after a known node."""
    ahead: float = ways[number, node] + rise(h, ways, number, node) * (time - h.grid[h.run[number], node])
    return ahead


def rise(h: Chain, ways: Floats, number: int, node: int) -> float:
    """How steeply the log of a way rises after a node, per day."""
    slope: float = (ways[number, node + 1] - ways[number, node]) * h.per_gap[h.run[number], node]
    return slope
