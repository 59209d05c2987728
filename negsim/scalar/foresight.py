"""How likely are moves to come to keep their windows, if all waits were exponential? Worked out backwards, on a grid.

In the simpler model move n of a chain comes at rate ``pace_n`` after the one before it. Let ``way_n(t)`` be the
probability (density, where a date is known) that all moves from n on keep their windows when n is awaited at time t.
Then ``way_n' = pace_n (way_n - way_(n+1))`` where n may happen, ``way_n' = pace_n way_n`` before its window, and
``way_n = 0`` beyond it.

Written as for one parameter vector, like :mod:`negsim.scalar.hazards`; V holds the pace of each move and of what
follows the last one, then the logs of its ways: a row for each move and node.
"""

from __future__ import annotations

from typing import Final

from negsim.scalar.abreast import select
from negsim.scalar.exponentials import exponential, log1p_of, logarithm
from negsim.scalar.ways import STEEP, Chain, find_node
from negsim.state import Floats

LEAST: Final = -1e4
"""Log of the least that is likely at all."""
FALL: Final = 3.0
"""How far, in logs, a way falls to the end of its window, where it is nothing."""
SLIGHT: Final = 1e-4
"""Exponents up to which a share of days is a polynomial."""
EARLY: Final = 1e-6
"""Days by which a window is taken to begin earlier, for rounding."""


def table_ways(h: Chain, V: Floats) -> None:
    """Work out the ways of all moves, from the last to the first."""
    last, first, width = len(h.moves), len(h.moves) + 1, h.grid.shape[1]
    run = h.run[last]
    for node in range(h.nodes[run]):
        V[first + last * width + node] = -V[last] * (h.high[last] - h.grid[run, node])
    for number in range(last - 1, -1, -1):
        _table_way(h, V, number, first, width)


def _table_way(h: Chain, V: Floats, number: int, first: int, width: int) -> None:
    """Work one way out from the next, from the end of the window backwards."""
    run, end = h.run[number], h.nodes[h.run[number]] - 1
    low, fixed = h.low[number], h.high[number] - h.low[number] <= 0.0
    here, there, same = first + number * width, first + (number + 1) * width, h.run[number + 1] == run
    pace, log_pace = V[number], logarithm(V[number])
    now = _interpolate(h, V, number + 1, there, h.grid[run, end])
    value = V[number] * 0.0 + LEAST
    if fixed:
        value = now
    V[here + end] = value
    for node in range(end - 1, -1, -1):
        begin, days, later = h.grid[run, node], h.grid[run, node + 1] - h.grid[run, node], now
        now = V[there + node] if same else _interpolate(h, V, number + 1, there, begin)
        value -= pace * days
        if not fixed and begin >= low - EARLY:
            value = _join(value, log_pace + now + _shorten((pace - (later - now) / days) * days, days))
        value = max(value, LEAST)
        V[here + node] = value
        if node == end - 1 and not fixed:
            V[here + end] = value - FALL


def _interpolate(h: Chain, V: Floats, number: int, first: int, time: float) -> float:
    """Log of how likely the moves from one on are to keep their windows, at a moment."""
    run, node = h.run[number], find_node(h, number, time)
    share = (time - h.grid[run, node]) / (h.grid[run, node + 1] - h.grid[run, node])
    now: float = V[first + node] + share * (V[first + node + 1] - V[first + node])
    return now


def _join(a: float, b: float) -> float:
    """Log of a sum, from logs."""
    return max(a, b) + log1p_of(exponential(-abs(a - b)))


def _shorten(exponent: float, days: float) -> float:
    """Log of the integral, over so many days, of what falls by a factor of exp(exponent) until their end."""
    x = min(max(exponent, -STEEP), STEEP)
    small = abs(x) < SLIGHT
    share = select(small, 1.0 - 0.5 * x, (1.0 - exponential(-x)) / select(small, 1.0, x))
    return logarithm(share * days)
