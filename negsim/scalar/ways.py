"""How likely are moves to come to keep their windows, if all waits were exponential? What is known of it, looked up.

Moves that must keep the same end (a run) share a grid of moments, dense near that end and near the begin of the last
one's window; between its nodes logs are linear. :mod:`negsim.scalar.foresight` works them out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from negsim.state import Floats, Ints


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
