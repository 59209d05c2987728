"""What may come after a given history? Histories replayed up to a date and drawn from there on.

The state at the origin is that of the last re-evaluation before it, as everywhere; clocks start afresh at the origin,
which is exact because the waits are exponential.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from negsim.calendar import day_number
from negsim.compiler import Compiled, compile_scenario
from negsim.engines import choose_engine
from negsim.ensemble import COMPUTE_WIDTH, MOST_EVENTS, TOLD_EVERY, Drawn, end_of, moments, warn_of_explosions
from negsim.history import History, Stacked, stack_histories
from negsim.kernel import Outlook, run_clocks
from negsim.numbers import select_values
from negsim.processes import open_workers
from negsim.progress import Progress, part_of, tell_nobody
from negsim.recording import Block, Recorder
from negsim.replays import Given
from negsim.results import Ensemble, gather
from negsim.scalar.drawing import draw_block, make_rests, prepare
from negsim.scalar.scoring import score_histories
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms
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
    workers: int = 1,
    progress: Progress | None = None,
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
    workers : int
        Processes; threads with the compiled engine. The futures do not depend on their number.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.

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
    task = Task(compiled.scenario, stacked, values, start, end, seed, wanted, engine)
    width = min(RESTING if engine == "compiled" else COMPUTE_WIDTH, -(-runs // workers))
    blocks = [np.arange(first, min(first + width, runs)) for first in range(0, runs, width)]
    parts = _run_blocks(task, compiled, blocks, workers, progress)
    return warn_of_explosions(gather(compiled, parts, runs, seed, end, params or {}, wanted, engine))


@dataclass(frozen=True)
class Task:
    """What a worker needs to continue any of the histories.

    Attributes
    ----------
    scenario : Scenario
    histories : Stacked
        A column for each run.
    values : mapping of str to array
        Numbers at other values, by key path.
    start, end : float
        First moment that is drawn, and the last, in days.
    seed : int
    record : tuple of str
    engine : str
    """

    scenario: Scenario
    histories: Stacked
    values: Mapping[str, Floats]
    start: float
    end: float
    seed: int
    record: tuple[str, ...]
    engine: str


def _run_blocks(
    task: Task, compiled: Compiled, blocks: Sequence[Ints], workers: int, progress: Progress | None
) -> Iterator[Block]:
    """Continue block after block, here, in threads or in processes, in order."""
    runs = task.histories.columns
    said = f"{runs:,} futures"
    if workers == 1 or len(blocks) == 1:
        for columns in blocks:
            told = part_of(progress, columns[0] / runs, (columns[-1] + 1) / runs)
            yield _continue_block(task, compiled, columns, partial(_tell, told, said))
            told(1.0, said)
        return
    with _open_pool(task, compiled, min(workers, len(blocks))) as (pool, run):
        for columns, block in zip(blocks, pool.map(run, blocks), strict=True):
            (progress or tell_nobody)((columns[-1] + 1) / runs, said)
            yield block


def _tell(told: Progress, said: str, share: float) -> None:
    told(share, said)


@contextmanager
def _open_pool(task: Task, compiled: Compiled, workers: int) -> Iterator[tuple[Executor, Callable[[Ints], Block]]]:
    """Open threads for the compiled engine, which needs no lock of Python's; else processes."""
    if task.engine == "compiled":
        prepare(compiled)  # once, and not by every thread
        with ThreadPoolExecutor(workers) as threads:
            yield threads, partial(_continue_block, task, compiled)
    else:
        with open_workers(workers, _prepare, (task,)) as processes:
            yield processes, _run_prepared


_PREPARED: list[tuple[Task, Compiled]] = []


def _prepare(task: Task) -> None:
    """Compile once in each worker process."""
    _PREPARED[:] = [(task, compile_scenario(task.scenario, load_terms(task.scenario)))]


def _run_prepared(columns: Ints) -> Block:
    return _continue_block(*_PREPARED[0], columns)


def _continue_block(
    task: Task, compiled: Compiled, columns: Ints, told: Callable[[float], None] | None = None
) -> Block:
    """Continue some of the histories; `told` hears how far they have come."""
    values, histories = select_values(task.values, columns), task.histories.select(columns)
    if task.engine == "compiled":
        return _go_on_compiled(task, compiled, histories, values, columns)
    parameters = compiled.bind(values)
    state = rest_at(compiled, parameters, histories, task.start)
    chooser = Continued(Clocks(task.seed, compiled.labels.addresses, columns, PURPOSE), task.start)
    recorder = Recorder(compiled, columns, task.record, state, task.end, parameters)
    steps = moments(compiled.world, parameters, state, chooser, task.end, runs=columns, stop=recorder.stop)
    for number, moment in enumerate(steps):
        recorder.note(moment)
        if told is not None and number % TOLD_EVERY == 0:
            told(max(0.0, float(moment.state.time.min()) - task.start) / (task.end - task.start))
    return recorder.finish()


def _go_on_compiled(
    task: Task, compiled: Compiled, histories: Stacked, values: Mapping[str, Floats], columns: Ints
) -> Block:
    """Do the same with the compiled engine: its scores leave each column where it rests, from where it is resumed."""
    rests = make_rests(prepare(compiled).layout, len(columns))
    logs, _ = score_histories(compiled, histories, values, task.start, None, rests=rests)
    if np.isneginf(logs).any():
        rest_at(compiled, compiled.bind(values), histories, task.start)  # which knows why, and says so
    return draw_block(
        compiled,
        values,
        compiled.labels.addresses,
        task.seed,
        columns,
        task.end,
        task.record,
        MOST_EVENTS,
        rests=rests,
        origin=task.start,
        purpose=PURPOSE,
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
