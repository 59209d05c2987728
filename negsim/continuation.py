"""What may come after a given history? Histories replayed up to a date and drawn from there on.

The state at the origin is that of the last re-evaluation before it, as everywhere; clocks start afresh at the origin,
which is exact because the waits are exponential.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from negsim.calendar import day_number
from negsim.compiler import Compiled
from negsim.engines import choose_engine
from negsim.ensemble import COMPUTE_WIDTH, MOST_EVENTS, Drawn, end_of, moments, warn_of_explosions
from negsim.history import History, Stacked, stack_histories
from negsim.kernel import Outlook, run_clocks
from negsim.numbers import select_values
from negsim.recording import Block, Recorder
from negsim.replays import Given
from negsim.results import Ensemble, gather
from negsim.scalar.drawing import draw_block, make_rests, prepare
from negsim.scalar.scoring import score_histories
from negsim.state import Floats, Ints, Parameters, State
from negsim.streams import Clocks
from negsim.trials import require_numbers_later

RESTING = 1024
"""Columns whose rest is held at once by the compiled engine."""
PURPOSE = 2
"""Address of the clocks of continued histories, so that they are not those of simulated ones."""


def continue_histories(
    compiled: Compiled,
    histories: Sequence[History] | Stacked,
    origin: dt.date,
    params: Mapping[str, Any] | None = None,
    seed: int = 0,
    until: dt.date | None = None,
    record: Iterable[str] = ("events",),
    engine: str = "numpy",
) -> Ensemble:
    """Replay each history up to the origin and draw what follows.

    Parameters
    ----------
    compiled : Compiled
        The scenario.
    histories : sequence of History, or Stacked
        One for each run: the moves before the origin (later ones are passed over).
    origin : date
        First day that is drawn.
    params : mapping, optional
        Numbers at other values, each a scalar or of shape ``(runs,)``.
    seed : int
        Seed of the clocks after the origin.
    until : date, optional
        Last day (default: the scenario's end).
    record : iterable of str
        As in :func:`negsim.simulate`; only what happens from the origin on is recorded and summarised.
    engine : str
        As in :func:`negsim.simulate`; where more than events is recorded, the kernel draws.

    Returns
    -------
    Ensemble
        Runs that explode after the origin are stopped and marked, as in :func:`negsim.simulate`.

    Raises
    ------
    ValueError
        When a history is impossible before the origin, or the origin lies outside the period.
    """
    start, end = day_number(compiled.scenario.start, origin), end_of(compiled, until)
    if not 0 <= start < end:
        raise ValueError(f"the origin must lie between {compiled.scenario.start} and the last day, not {origin}")
    require_numbers_later(compiled, moments, Drawn)
    values = compiled.resolve(params)
    stacked = histories if isinstance(histories, Stacked) else stack_histories(histories)
    runs, wanted = stacked.columns, tuple(dict.fromkeys(record))
    engine = choose_engine(engine if set(wanted) <= {"events"} else "numpy", compiled)
    go_on, width = (_go_on_compiled, RESTING) if engine == "compiled" else (_continue_block, COMPUTE_WIDTH)
    parts = []
    for first in range(0, runs, width):
        columns = np.arange(first, min(first + width, runs))
        chosen = select_values(values, columns)
        parts.append(go_on(compiled, stacked.select(columns), chosen, columns, start, end, seed, wanted))
    return warn_of_explosions(gather(compiled, parts, runs, seed, end, params or {}, wanted, engine))


def _continue_block(
    compiled: Compiled,
    histories: Stacked,
    values: Mapping[str, Floats],
    columns: Ints,
    start: float,
    end: float,
    seed: int,
    wanted: tuple[str, ...],
) -> Block:
    parameters = compiled.bind(values)
    state = rest_at(compiled, parameters, histories, start)
    chooser = Continued(Clocks(seed, compiled.labels.addresses, columns, PURPOSE), start)
    recorder = Recorder(compiled, columns, wanted, state, end, parameters)
    for moment in moments(compiled.world, parameters, state, chooser, end, runs=columns, stop=recorder.stop):
        recorder.note(moment)
    return recorder.finish()


def _go_on_compiled(
    compiled: Compiled,
    histories: Stacked,
    values: Mapping[str, Floats],
    columns: Ints,
    start: float,
    end: float,
    seed: int,
    wanted: tuple[str, ...],
) -> Block:
    """Do the same with the compiled engine: its scores leave each column where it rests, from where it is resumed."""
    rests = make_rests(prepare(compiled).layout, len(columns))
    logs, _ = score_histories(compiled, histories, values, start, None, rests=rests)
    if np.isneginf(logs).any():
        rest_at(compiled, compiled.bind(values), histories, start)  # which knows why, and says so
    names = compiled.labels.addresses
    return draw_block(
        compiled, values, names, seed, columns, end, wanted, MOST_EVENTS, rests=rests, origin=start, purpose=PURPOSE
    )


def rest_at(compiled: Compiled, parameters: Parameters, histories: Sequence[History] | Stacked, until: float) -> State:
    """Find the state of every column at its last re-evaluation before a moment.

    Raises
    ------
    ValueError
        When a move of a history is impossible; the message says which and why.
    """
    stacked = histories if isinstance(histories, Stacked) else stack_histories(histories)
    resting = compiled.start(parameters, stacked.columns)

    def keep(runs: Ints, state: State, columns: Ints) -> None:
        arrays = state.arrays()
        for name, array in resting.arrays().items():
            array[..., runs[columns]] = arrays[name][..., columns]

    given = Given(compiled, stacked, stacked.columns)
    state = compiled.start(parameters, stacked.columns)
    for _ in moments(compiled.world, parameters, state, given, until, leave=keep):
        pass
    if given.problems:
        raise ValueError("a history cannot be continued: " + "; ".join(given.problems[:3]))
    return resting


class Continued(Drawn):
    """Chooses by clocks that start at the origin: hazard gathered before it does not count."""

    def __init__(self, clocks: Clocks, origin: float) -> None:
        super().__init__(clocks)
        self._origin = origin
        self._first = True

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Take the nearest ring after the origin."""
        if self._first:
            # Running the clocks backwards over the time before the origin makes up for what they will lose to it.
            before = outlook.hazards.copy()
            run_clocks(outlook, self.clocks.remaining, state.time - self._origin)
            outlook.hazards[:] = before
            self._first = False
        return super().choose(outlook, state, horizon, until)
