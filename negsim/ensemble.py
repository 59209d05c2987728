"""What happens in many histories? THE loop over time, and simulate(), which draws histories.

``moments`` is the only loop over time. Whoever wants histories iterates over it: the recorders of :func:`simulate`, the
accounts of :func:`negsim.replay`, a progress bar, an agent-based front end.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import numpy as np

from negsim.calendar import day_number, read_day
from negsim.compiler import Compiled, compile_case, compile_scenario
from negsim.engines import choose_engine
from negsim.kernel import (
    Happened,
    Outlook,
    advance,
    apply,
    choose,
    evaluate,
    pass_tick,
    run_clocks,
    short_buffers,
)
from negsim.numbers import select_values
from negsim.problems import NegsimError, require_whole
from negsim.processes import open_workers
from negsim.progress import Progress, tell_count
from negsim.recording import Block, Recorder
from negsim.results import Ensemble, gather
from negsim.scalar import tables
from negsim.scalar.drawing import draw_block
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms
from negsim.state import Flags, Floats, Ints, Parameters, State, World
from negsim.streams import BLOCK_WIDTH, Clocks
from negsim.trials import require_numbers_later

COMPUTE_WIDTH = 4096
"""Runs computed side by side; any other width gives the same histories."""
BLOCKS_PER_THREAD = 4
"""So that threads of the compiled engine end at about the same time."""
TICK, NOTHING = tables.TICK, tables.NOTHING
"""What a chooser may name besides a move: the tick comes first; time passes and nothing happens."""
KEPT_SHARE = 0.9
"""When fewer columns than this share still go on, the others are dropped from the arrays."""
MOST_EVENTS = 20_000
"""Moves in one history before it is called explosive."""
TOLD_EVERY = 8
"""Iterations between two reports of progress."""


class Explosive(NegsimError):
    """A history ran away: more moves than anyone could believe in. The message says which run and when."""


class ExplosiveWarning(UserWarning):
    """Some runs of an ensemble ran away and were stopped; the message says how many, and the first."""


# -- the loop ---------------------------------------------------------------------------------------------------------


class Chooser(Protocol):
    """Decides what happens next in every column: drawn clocks, given moves, or a person."""

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Name the move of each column (or TICK, or NOTHING) and the days until then."""

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Take note that this much time has passed and these moves have been made."""

    def select(self, columns: Ints) -> None:
        """Keep some columns."""


@dataclass
class Moment:
    """One iteration of the loop, after its effects.

    Attributes
    ----------
    runs : array of int
        Run number of each column.
    state : State
        The state after the moment (still changing: copy what you keep).
    events : array of int
        Moves made; TICK where a tick passed, NOTHING where nothing happened.
    fired, ticked : array of int
        Columns in which a move was made, a tick passed.
    happened : list of (events, columns)
        Consequences.
    """

    runs: Ints
    state: State
    events: Ints
    fired: Ints
    ticked: Ints
    happened: Happened


def moments(
    world: World,
    parameters: Parameters,
    state: State,
    chooser: Chooser,
    until: float,
    leave: Callable[[Ints, State, Ints], None] | None = None,
    runs: Ints | None = None,
    stop: Callable[[Ints, Floats], None] | None = None,
) -> Iterator[Moment]:
    """Go through time, one event or tick of every column in each iteration.

    Parameters
    ----------
    world, parameters, state
        The state is changed as the loop goes on.
    chooser : Chooser
        Who decides what happens next.
    until : float
        Days from the start at which to stop; columns stay as they were at their last re-evaluation before it.
    leave : callable, optional
        Told (run numbers, state, columns) of the columns that have come to the end.
    runs : array of int, optional
        Run numbers of the columns.
    stop : callable, optional
        Told (run numbers, days) of columns that make more than ``MOST_EVENTS`` moves; they go no further.

    Raises
    ------
    Explosive
        For such a column when there is no `stop`.
    """
    runs = np.arange(state.width) if runs is None else runs
    made = np.zeros(len(runs), dtype=np.int64)
    while len(runs):
        with short_buffers():
            going, moment = _go_on(world, parameters, state, chooser, until, runs)
        if moment is not None:
            made[moment.fired] += 1
            yield moment
        exploded = made.max(initial=0) > MOST_EVENTS
        if exploded:
            going &= ~_stop_explosion(made, runs, state, stop)
        if exploded or np.count_nonzero(going) <= KEPT_SHARE * len(runs):
            if leave is not None:
                leave(runs, state, np.flatnonzero(~going))
            kept = np.flatnonzero(going)
            runs, made, state, parameters = runs[kept], made[kept], state.select(kept), parameters.select(kept)
            chooser.select(kept)


def _go_on(
    world: World, parameters: Parameters, state: State, chooser: Chooser, until: float, runs: Ints
) -> tuple[Flags, Moment | None]:
    """Go to the next event or tick of every column; which columns still go on, and the moment if any does."""
    outlook = evaluate(world, parameters, state)
    horizon = world.tick_times[state.tick + 1] - state.time
    events, elapsed = chooser.choose(outlook, state, horizon, until)
    going = state.time + elapsed < until
    if not going.all():
        events = np.where(going, events, -1)
        elapsed = np.where(going, elapsed, 0.0)
    fired = np.flatnonzero(events >= 0)
    chooser.settle(outlook, elapsed, events, fired)
    if not going.any():
        return going, None
    advance(world, parameters, state, outlook.overdue, elapsed)
    happened = apply(world, parameters, state, events[fired], fired)
    ticked = np.flatnonzero(going & (events == TICK))
    happened += pass_tick(world, parameters, state, ticked)
    return going, Moment(runs, state, events, fired, ticked, happened)


def _stop_explosion(made: Ints, runs: Ints, state: State, stop: Callable[[Ints, Floats], None] | None) -> Flags:
    """Find the histories of more moves than anyone could believe in, and tell of them or refuse to go on."""
    exploded = made > MOST_EVENTS
    if stop is None:
        column = int(made.argmax())
        raise Explosive(_explain_explosion(f"run {runs[column]}", float(state.time[column])))
    stop(runs[exploded], state.time[exploded])
    return exploded


def _explain_explosion(who: str, days: float) -> str:
    return (
        f"{who} made more than {MOST_EVENTS:,} moves in {days:.0f} days: the parameters are explosive; look at terms "
        f"that feed on themselves (heat, alarm) and at large rates"
    )


class Drawn:
    """Chooses by clocks."""

    def __init__(self, clocks: Clocks) -> None:
        self.clocks = clocks

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Take the nearest ring of each column."""
        return choose(outlook, self.clocks.remaining, horizon)

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Let the clocks run, and start afresh those that rang."""
        run_clocks(outlook, self.clocks.remaining, elapsed)
        if len(fired):
            self.clocks.renew(events[fired], fired)

    def select(self, columns: Ints) -> None:
        """Keep some columns."""
        self.clocks.select(columns)


# -- simulate ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """What a worker needs to simulate any block of runs."""

    scenario: Scenario
    seed: int
    until: float
    params: Mapping[str, Any]
    record: tuple[str, ...]
    clock_names: tuple[str, ...] | None = None
    strict: bool = False
    engine: str = "numpy"
    key: str = field(default_factory=lambda: uuid4().hex)
    """Tells one piece of work from another without comparing what it holds."""


def simulate(
    case: Scenario | str | Path | Compiled,
    *,
    runs: int = 1000,
    seed: int = 0,
    params: Mapping[str, Any] | None = None,
    until: dt.date | str | None = None,
    record: Iterable[str] = ("events",),
    strict: bool = False,
    width: int = COMPUTE_WIDTH,
    engine: str = "numpy",
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Ensemble:
    """Simulate many histories of a scenario.

    Parameters
    ----------
    case : Scenario, str or Compiled
        A scenario, the name of a shipped case, a path, or a scenario compiled before (saves time in loops). For another
        tick: ``load_scenario("beijing-1999").with_tick("week")``.
    runs : int
        Number of histories. Run r is the same history whatever the number of runs, workers or the width.
    seed : int
        Seed; the same seed gives the same histories.
    params : mapping, optional
        Numbers to change: names of the scenario's parameters or key paths, each with a scalar or an array of shape
        ``(runs,)``. Those that reach the same number are applied in the order given.
    until : date, optional
        Last day to simulate (default: the scenario's end).
    record : iterable of str
        What to keep besides the summary: ``"events"``, or any of :data:`negsim.recording.PATHS` at every tick.
    strict : bool
        Whether a run that explodes (makes more than 20,000 moves) is an error. Otherwise it is stopped there, listed in
        ``Ensemble.stopped`` and left out of the summary, with an :class:`ExplosiveWarning`; the others go on.
    width : int
        Runs computed side by side.
    engine : str
        ``numpy``; ``compiled`` (the same histories several times as fast, once it has been compiled on a machine, which
        takes half a minute; needs the extra ``fast``); or ``auto``: compiled if that is installed, otherwise numpy.
    workers : int
        Processes; threads with the compiled engine.
    executor : Executor, optional
        Any executor of ``concurrent.futures`` instead of `workers` processes.
    progress : callable, optional
        Told the share of the runs that are done, and how many are.

    Returns
    -------
    Ensemble

    Raises
    ------
    Explosive
        For an explosive run, if `strict`.
    ScenarioError
        For a scenario that does not pass its checks, or would not with the least or the largest of `params`.
    KeyError
        For an unknown name in `params`.

    Examples
    --------
    >>> import negsim
    >>> ensemble = negsim.simulate("two-state-channel", runs=100, seed=1)
    >>> summary = ensemble.summary()
    >>> summary.loc[summary["kind"] == "meet", "probability"].item()
    0.99
    """
    compiled = case if isinstance(case, Compiled) else compile_case(case)
    values = compiled.resolve(params)
    _check_counts(runs, seed, workers, width, params)
    compiled.check_ranges(params)
    wanted = tuple(dict.fromkeys(record))
    engine = choose_engine(engine, compiled)
    work = Work(compiled.scenario, seed, end_of(compiled, until), values, wanted, strict=strict, engine=engine)
    if engine == "compiled" and workers > 1:
        # What a thread gains from wide blocks is nothing; there must be some for each.
        width = min(width, BLOCK_WIDTH * max(1, runs // (BLOCK_WIDTH * BLOCKS_PER_THREAD * workers)))
    bounds = [(start, min(start + width, runs)) for start in range(0, runs, width)]
    parts = _tell(_run_blocks(work, compiled, bounds, workers, executor, progress), bounds, progress)
    return warn_of_explosions(gather(compiled, parts, runs, seed, work.until, params or {}, wanted, engine))


def warn_of_explosions(ensemble: Ensemble) -> Ensemble:
    """Warn if runs of an ensemble were stopped, and hand it on."""
    runs, days = ensemble.stopped
    if len(runs):
        others = f" (and {len(runs) - 1:,} more of {ensemble.runs:,})" if len(runs) > 1 else f" of {ensemble.runs:,}"
        warnings.warn(
            f"{_explain_explosion(f'run {runs[0]}{others}', float(days[0]))}; stopped runs are left out of the summary",
            ExplosiveWarning,
            stacklevel=3,
        )
    return ensemble


def _check_counts(runs: int, seed: int, workers: int, width: int, params: Mapping[str, Any] | None) -> None:
    for name, number in (("runs", runs), ("workers", workers), ("width", width)):
        require_whole(name, number)
    require_whole("seed", seed, 0, None)
    for name, given in (params or {}).items():
        shape = np.shape(given)
        if len(shape) > 1 or (shape and shape[0] not in (1, runs)):
            raise ValueError(f"params[{name!r}]: shape {shape}; give one number, or one for each of {runs} runs")


def end_of(compiled: Compiled, until: dt.date | str | None) -> float:
    """Days from the start to the end of the last day of interest."""
    end = float(compiled.world.tick_times[-1])
    day = read_day("until", until)
    if day is None:
        return end
    last = day_number(compiled.scenario.start, day) + 1.0
    if not 0 < last <= end:
        case = compiled.scenario
        raise ValueError(f"until must lie between {case.start} and {case.end}, not {until}")
    return last


def _run_blocks(
    work: Work,
    compiled: Compiled,
    bounds: Sequence[tuple[int, int]],
    workers: int,
    executor: Executor | None,
    progress: Progress | None,
) -> Iterator[Block]:
    """Run every block, in order."""
    if executor is not None:
        yield from executor.map(_run_alone, [work] * len(bounds), bounds)
    elif workers == 1 or len(bounds) == 1:
        for start, stop in bounds:
            yield run_block(work, compiled, np.arange(start, stop), _within(progress, start, stop, bounds[-1][1]))
    elif work.engine == "compiled":
        with ThreadPoolExecutor(min(workers, len(bounds))) as threads:
            yield from threads.map(lambda bound: run_block(work, compiled, np.arange(*bound)), bounds)
    else:
        with open_workers(min(workers, len(bounds)), _prepare, (work,)) as pool:
            yield from pool.map(_run_prepared, bounds)


def _tell(parts: Iterator[Block], bounds: Sequence[tuple[int, int]], progress: Progress | None) -> Iterator[Block]:
    """Tell how many runs are done as blocks go by."""
    for part, (_, stop) in zip(parts, bounds, strict=True):
        tell_count(progress, stop, bounds[-1][1])
        yield part


def _within(progress: Progress | None, start: int, stop: int, runs: int) -> Callable[[float], None] | None:
    """Turn the progress of the whole into that of one block, told as a share."""
    if progress is None:
        return None
    return lambda share: tell_count(progress, start + int(share * (stop - start)), runs)


_PREPARED: list[tuple[Work, Compiled]] = []


def _prepare(work: Work) -> None:
    """Compile once in each worker process."""
    _PREPARED[:] = [(work, compile_scenario(work.scenario, load_terms(work.scenario)))]


def _run_prepared(bounds: tuple[int, int]) -> Block:
    return run_block(*_PREPARED[0], np.arange(*bounds))


def _run_alone(work: Work, bounds: tuple[int, int]) -> Block:
    """Run one block in a process that has not been prepared for it."""
    prepared = next((pair for pair in _PREPARED if pair[0].key == work.key), None)
    if prepared is None:
        prepared = (work, compile_scenario(work.scenario, load_terms(work.scenario)))
        _PREPARED[:] = [prepared]
    return run_block(*prepared, np.arange(*bounds))


def run_block(
    work: Work,
    compiled: Compiled,
    runs: Ints,
    told: Callable[[float], None] | None = None,
    clock_runs: Ints | None = None,
) -> Block:
    """Simulate some runs side by side and hand back what was recorded.

    `told` hears how far it has come. `clock_runs` says whose clocks each of the runs takes (default: its own); runs
    that take the same ones differ by their parameters only.
    """
    require_numbers_later(compiled, moments, Drawn)
    world = compiled.world
    values = select_values(work.params, runs)
    names = work.clock_names or compiled.labels.addresses
    if work.engine == "compiled":
        return _draw_compiled(work, compiled, values, names, runs, clock_runs)
    parameters = compiled.bind(values)
    state = compiled.start(parameters, len(runs))
    recorder = Recorder(compiled, runs, work.record, state, work.until, parameters)
    chooser = Drawn(Clocks(work.seed, names, runs if clock_runs is None else clock_runs))
    stop = None if work.strict else recorder.stop
    for number, moment in enumerate(moments(world, parameters, state, chooser, work.until, runs=runs, stop=stop)):
        recorder.note(moment)
        if told is not None and number % TOLD_EVERY == 0:
            told(float(moment.state.time.min()) / work.until)
    return recorder.finish()


def _draw_compiled(
    work: Work,
    compiled: Compiled,
    values: Mapping[str, Floats],
    names: Sequence[str],
    runs: Ints,
    clock_runs: Ints | None,
) -> Block:
    """Do the same with the compiled engine."""
    block = draw_block(
        compiled, values, names, work.seed, runs, work.until, work.record, MOST_EVENTS, clock_runs=clock_runs
    )
    stopped, days = block.stopped
    if len(stopped) and work.strict:
        raise Explosive(_explain_explosion(f"run {stopped[0]}", float(days[0])))
    return block
