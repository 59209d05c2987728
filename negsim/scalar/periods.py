"""How are histories drawn in which somebody interferes and numbers change on dates? Period after period.

Where numbers change, each run rests at its last re-evaluation and is resumed with the others, its clocks as they stood.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negsim.compiler import Compiled
from negsim.recording import Block
from negsim.scalar.drawing import (
    Engine,
    Filed,
    Keeper,
    Waits,
    draw_columns,
    lay_columns,
    make_rests,
    prepare,
    select_columns,
)
from negsim.scalar.interfering import Orders
from negsim.scalar.loops import Columns, Rests
from negsim.state import Floats, Ints


@dataclass(frozen=True)
class Period:
    """Numbers as they are until a day.

    Attributes
    ----------
    until : float
        Days from the start.
    values : mapping of key path to array
        Numbers at other values, each of shape (1,) or (runs,).
    """

    until: float
    values: Mapping[str, Floats]


def draw_periods(
    compiled: Compiled,
    periods: Sequence[Period],
    orders: Orders,
    names: Sequence[str],
    seed: int,
    runs: Ints,
    purpose: int,
    most_events: int,
) -> tuple[Block, Filed]:
    """Draw some runs and hand back their events and what the intervention has done.

    Parameters
    ----------
    compiled : Compiled
    periods : sequence of Period
        One after the other.
    orders : Orders
        The intervention, a column for each of the runs.
    names : sequence of str
        Addresses of the clocks.
    seed : int
    runs : array of int
        Run numbers, ascending.
    purpose : int
        Part of the address of the clocks.
    most_events : int
        Moves in a period after which a run is stopped.
    """
    engine, until = prepare(compiled), periods[-1].until
    laid = [lay_columns(engine, compiled.bind(period.values), period.until) for period in periods]
    keeper = Keeper(compiled, engine.layout, laid[0], runs, until, ("events",))
    _draw_all(engine, laid, orders, Waits(seed, purpose, names, runs), len(runs), keeper, most_events)
    return keeper.finish(), keeper.filed


def _draw_all(
    engine: Engine,
    periods: Sequence[Columns],
    orders: Orders,
    waits: Waits,
    runs: int,
    keeper: Keeper,
    most_events: int,
) -> None:
    """Draw all runs through all periods; those that explode go no further."""
    here, rests = np.arange(runs), make_rests(engine.layout, 0)
    for columns in periods:
        if not len(here):
            return
        chosen = select_columns(columns, here)
        if columns is not periods[0]:
            _change_numbers(chosen, rests, engine.layout.values.now_shortfall)
            chosen = chosen._replace(rests=rests, wound=True)
        if columns is not periods[-1]:
            chosen = chosen._replace(leaves=make_rests(engine.layout, len(here)))
        mine = orders._replace(**{name: getattr(orders, name)[here] for name in ("due", "seen", "bitten")})
        keeper.make_room(here)
        draw_columns(engine, chosen, waits, here, mine, keeper, most_events)
        for name in ("due", "seen", "bitten"):
            getattr(orders, name)[here] = getattr(mine, name)
        going = ~np.isin(here, keeper.list_stopped())
        if columns is not periods[-1]:
            left = chosen.leaves
            here, rests = here[going], Rests(left.whole[going], left.numbers[going])


def _change_numbers(columns: Columns, rests: Rests, slots: int) -> None:
    """Write the numbers of a period, which stand in so many slots, over those of the one before, where runs rest."""
    rests.numbers[:, :slots] = columns.shared[:slots]
    if columns.varying.size:
        rests.numbers[:, columns.varying] = columns.rows
