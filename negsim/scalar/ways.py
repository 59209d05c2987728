"""How likely are moves to come to keep their windows, if all waits were exponential? Worked out backwards, on a grid.

In the simpler model move n of a chain comes at rate ``pace_n`` after the one before it. Let ``way_n(t)`` be the
probability (density, where a date is known) that all moves from n on keep their windows when n is awaited at time t.
Then ``way_n' = pace_n (way_n - way_(n+1))`` where n may happen, ``way_n' = pace_n way_n`` before its window, and
``way_n = 0`` beyond it. Moves that must keep the same end (a run) share a grid of moments, dense near that end and near
the begin of the last one's window; between its nodes logs are linear.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from negsim.state import Floats, Ints

LEAST = -1e4
"""Log of the least that is likely at all."""
FALL = 3.0
"""How far, in logs, a way falls to the end of its window, where it is nothing."""


class Chain(NamedTuple):
    """Moves in their order.

    ``moves`` are their rows; ``low`` and ``high`` the windows of their dates as they bind each other, equal where a
    date is known by rule, with one entry more for the end of the observation; ``run`` is the run of each, ``grid`` the
    moments of each run in ascending order, of which there are so many as ``nodes`` says; ``ends`` is where each block
    ends.
    """

    moves: Ints
    low: Floats
    high: Floats
    run: Ints
    grid: Floats
    nodes: Ints
    ends: Ints


class Guide(NamedTuple):
    """What is expected of each move, a row for each parameter vector: the total hazard while it is awaited, and its own
    share of it (neither need be right).
    """

    pace: Floats
    share: Floats


def table_ways(h: Chain, g: Guide, ways: Floats, vector: int) -> None:
    """Work out the ways of one parameter vector, shape (moves + 1, nodes)."""
    last = len(h.moves)
    run, pace = h.run[last], g.pace[vector, last]
    for node in range(h.nodes[run]):
        ways[last, node] = -pace * (h.high[last] - h.grid[run, node])
    for number in range(last - 1, -1, -1):
        _table_way(h, ways, number, g.pace[vector, number])


def _table_way(h: Chain, ways: Floats, number: int, pace: float) -> None:
    """Work one way out from the next, from the end of the window backwards."""
    run, end = h.run[number], h.nodes[h.run[number]] - 1
    low, fixed = h.low[number], h.high[number] - h.low[number] <= 0.0
    same = h.run[number + 1] == run
    later = look_ahead(h, ways, number + 1, h.grid[run, end])
    ways[number, end] = later if fixed else LEAST
    for node in range(end - 1, -1, -1):
        days = h.grid[run, node + 1] - h.grid[run, node]
        now = ways[number + 1, node] if same else look_ahead(h, ways, number + 1, h.grid[run, node])
        value = ways[number, node + 1] - pace * days
        if not fixed and h.grid[run, node] >= low - 1e-6:
            loss = pace - (later - now) / days
            comes = np.log(pace) + now + np.log(max(shrunk(loss, days), 1e-300))
            value = join(value, comes)
        ways[number, node] = max(value, LEAST)
        if node == end - 1 and not fixed:
            ways[number, end] = ways[number, node] - FALL
        later = now


def join(a: float, b: float) -> float:
    """Log of a sum, from logs."""
    total: float = max(a, b) + np.log1p(np.exp(-abs(a - b)))
    return total


def shrunk(loss: float, days: float) -> float:
    """Integral of exp(-loss * t) over so many days."""
    if abs(loss * days) < 1e-9:
        return days
    whole: float = -np.expm1(max(-loss * days, -700.0) if loss > 0.0 else min(-loss * days, 700.0)) / loss
    return whole


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
    run, node = h.run[number], find_node(h, number, time)
    slope = (ways[number, node + 1] - ways[number, node]) / (h.grid[run, node + 1] - h.grid[run, node])
    ahead: float = ways[number, node] + slope * (time - h.grid[run, node])
    return ahead
