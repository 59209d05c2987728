"""Which move comes first? The nearest ring of the clocks, and how clocks run."""

from __future__ import annotations

import numpy as np

from negsim.kernel.arithmetic import SMALLEST, row_blocks
from negsim.kernel.hazards import Outlook
from negsim.state import Floats, Ints


def choose(outlook: Outlook, remaining: Floats, horizon: Floats) -> tuple[Ints, Floats]:
    """Choose the next event of every column: the nearest ring, if it comes before the horizon.

    Parameters
    ----------
    outlook : Outlook
        Hazards, dense rows all computed.
    remaining : array, shape (moves, width)
        What is left on each clock.
    horizon : array, shape (width,)
        Days until the next tick.

    Returns
    -------
    events : array of int, shape (width,)
        The move that fires, or -1.
    elapsed : array, shape (width,)
        Days until then, or until the horizon.
    """
    with np.errstate(divide="ignore", over="ignore"):
        which, nearest = _find_nearest(remaining, outlook.hazards)
        elapsed = np.minimum(nearest, horizon)
        sparse = []
        for packages in outlook.packages:
            wait = remaining[packages.rows][:, packages.columns] / packages.hazards
            sparse.append((packages, wait, wait.min(axis=0)))
            elapsed[packages.columns] = np.minimum(elapsed[packages.columns], sparse[-1][2])
    fires = elapsed < horizon
    events = np.where(fires & (nearest <= elapsed), which, -1)
    for packages, wait, soonest in sparse:
        places = np.arange(len(horizon))[packages.columns]
        won = (events[places] < 0) & fires[places] & (soonest <= elapsed[places])
        events[places[won]] = packages.rows.start + wait[:, won].argmin(axis=0)
    return events, elapsed


def _find_nearest(remaining: Floats, hazards: Floats) -> tuple[Ints, Floats]:
    """Find the dense move whose clock rings first in each column, the first of equals, and the wait until then."""
    width = hazards.shape[1]
    which, nearest = np.full(width, -1), np.full(width, np.inf)
    for rows in row_blocks(len(hazards), width):
        waits = remaining[rows] / hazards[rows]
        soonest = waits.min(axis=0)
        # The first row that has it: of the places counted from the end, which fit into a byte, the highest.
        places = np.arange(len(waits), 0, -1, dtype=np.uint8)[:, None]
        place = ((waits == soonest).view(np.uint8) * places).max(axis=0)
        np.copyto(which, rows.stop - place.astype(np.int64), where=soonest < nearest)
        np.minimum(nearest, soonest, out=nearest)
    return which, nearest


def run_clocks(outlook: Outlook, remaining: Floats, elapsed: Floats) -> None:
    """Let the clocks gather their hazards for some days. Changes `remaining`, and uses up the hazards."""
    for rows in row_blocks(*outlook.hazards.shape):
        left, gathered = remaining[rows], outlook.hazards[rows]
        gathered *= elapsed
        left -= gathered
        np.maximum(left, SMALLEST, out=left)
    for packages in outlook.packages:
        here = elapsed[packages.columns]
        rest = remaining[packages.rows][:, packages.columns] - packages.hazards * here
        remaining[packages.rows, packages.columns] = np.maximum(rest, SMALLEST)
