"""Which move comes first? The nearest ring of the clocks, and how clocks run."""

from __future__ import annotations

import numpy as np

from negsim.kernel.arithmetic import SMALLEST
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
    dense = outlook.hazards.shape[0]
    with np.errstate(divide="ignore", over="ignore"):
        waits = remaining[:dense] / outlook.hazards
        nearest = waits.min(axis=0, initial=np.inf)
        elapsed = np.minimum(nearest, horizon)
        sparse = []
        for packages in outlook.packages:
            wait = remaining[packages.rows][:, packages.columns] / packages.hazards
            sparse.append((packages, wait, wait.min(axis=0)))
            elapsed[packages.columns] = np.minimum(elapsed[packages.columns], sparse[-1][2])
    events = np.full(len(horizon), -1)
    fires = elapsed < horizon
    # No wait is negative, so nothing equals -1; written backwards, the first of equal waits wins, as with packages.
    cells = np.flatnonzero(waits == np.where(fires & (nearest <= elapsed), nearest, -1.0))[::-1]
    rows, columns = np.divmod(cells, len(horizon))
    events[columns] = rows
    for packages, wait, soonest in sparse:
        places = np.arange(len(horizon))[packages.columns]
        won = (events[places] < 0) & fires[places] & (soonest <= elapsed[places])
        events[places[won]] = packages.rows.start + wait[:, won].argmin(axis=0)
    return events, elapsed


def run_clocks(outlook: Outlook, remaining: Floats, elapsed: Floats) -> None:
    """Let the clocks gather their hazards for some days. Changes `remaining`, and uses up the hazards."""
    dense = outlook.hazards.shape[0]
    left = remaining[:dense]
    outlook.hazards *= elapsed
    left -= outlook.hazards
    np.maximum(left, SMALLEST, out=left)
    for packages in outlook.packages:
        here = elapsed[packages.columns]
        rest = remaining[packages.rows][:, packages.columns] - packages.hazards * here
        remaining[packages.rows, packages.columns] = np.maximum(rest, SMALLEST)
