"""How is a sweep run, taken up again and made larger? What is finished stays; what is missing is computed."""

from __future__ import annotations

import datetime as dt
import reprlib
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import Any, Final

import numpy as np

from negsim.compiler import compile_case, compile_scenario
from negsim.engines import choose_engine
from negsim.ensemble import COMPUTE_WIDTH, end_of
from negsim.problems import require_whole
from negsim.progress import Progress, tell_count
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms, require_settings
from negsim.streams import BLOCK_WIDTH
from negsim.sweeps.designs import Design, read_design
from negsim.sweeps.dispatch import Lost, compute_by, compute_here, compute_in_processes
from negsim.sweeps.manifests import (
    Options,
    compare_manifests,
    describe_sweep,
    expand_manifest,
    make_job,
    read_extents,
    read_sources,
    require_versions,
    write_design,
    write_sources,
)
from negsim.sweeps.outcomes import Outcomes, choose_outcomes, match_name
from negsim.sweeps.plans import Cell, add_points, add_runs, count_runs, plan_waves
from negsim.sweeps.readings import Sweep, read_failures, read_points
from negsim.sweeps.stopping import Stopping
from negsim.sweeps.stores import Block, Store, SweepError
from negsim.sweeps.work import Done, Job, Task

ENOUGH_BLOCKS: Final = 16
"""With fewer blocks than this, blocks are made smaller, so that there is work for several workers."""


def sweep(
    case: Scenario | str | Path,
    design: Any,
    *,
    runs: int = 256,
    seed: int = 0,
    params: Mapping[str, float] | None = None,
    until: dt.date | str | None = None,
    store: str | Path | None = None,
    events: Sequence[str] | None = None,
    common: bool = True,
    precision: Mapping[str, float] | None = None,
    points_per_block: int | None = None,
    any_version: bool = False,
    engine: str = "numpy",
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Simulate a scenario at many points of its parameters.

    If the store already holds part of the same sweep, that part is kept and only the rest is computed.

    Parameters
    ----------
    case : Scenario or str
        A scenario, the name of a shipped case, or a path.
    design : Design, DataFrame or mapping of str to sequence of float
        The points: a :class:`negsim.Design`, a table with a column for each number, or the levels of a grid. Numbers
        are named by key path, or by the name of a parameter of the scenario.
    runs : int
        Runs of each point (the most, with `precision`).
    seed : int
        Seed; run r of a point is the same whatever other points and runs there are.
    params : mapping of str to float, optional
        Numbers to change at all points.
    until : date, optional
        Last day to simulate (default: the scenario's end).
    store : str or Path, optional
        Folder in which finished blocks are kept (default: a temporary one, which goes with the result).
    events : sequence of str, optional
        Kinds of event to keep, ``*`` for any part, such as ``meet.*`` or ``meet::*`` (default: all).
    common : bool
        Whether run r has the same clocks at all points. Differences between points are then far less noisy than the
        points themselves.
    precision : mapping of str to float, optional
        For kinds of event, the Monte Carlo error of their probability at which a point gets no more runs.
    points_per_block : int, optional
        Points in one block of the store. The results do not depend on it.
    any_version : bool
        Add to a store even if another version of negsim or numpy made it.
    engine : str
        ``numpy``, ``compiled`` or ``auto``, as in :func:`negsim.simulate`.
    workers : int
        Processes, without an executor; 1 computes in this process.
    executor : Executor, optional
        Any executor of ``concurrent.futures``; a cluster's as well (``Client.get_executor()`` of Dask).
    progress : callable, optional
        Told the share of the runs of all points that are done, and how many are.

    Returns
    -------
    Sweep

    Raises
    ------
    ScenarioError
        For a scenario that does not pass its checks, and for names and values of the design that it does not allow.
    SweepError
        When the store holds another sweep (naming each field that differs), cannot be written to, or workers die.
    """
    compiled = compile_case(case)
    scenario, points, numbers = compiled.scenario, read_design(design), _read_numbers("params", params)
    _check(scenario, points, numbers, runs=runs, workers=workers, points_per_block=points_per_block)
    require_whole("seed", seed, 0, None)
    kept = choose_outcomes(compiled, events)
    options = Options(
        runs=runs,
        seed=seed,
        until=end_of(compiled, until),
        engine=choose_engine(engine, compiled),
        params=numbers,
        events=None if events is None else tuple(events),
        common=common,
        precision=_read_precision(_read_numbers("precision", precision), kept),
        points_per_block=points_per_block or choose_points_per_block(len(points), runs),
    )
    outcomes = dict(zip(kept.names, map(list, kept.groups), strict=True))
    asked = describe_sweep(compiled, points, options, outcomes)
    place = Store(tempfile.mkdtemp(prefix="negsim-sweep-") if store is None else store)
    with place.lock():
        if place.exists:
            _require_same(place, asked, points_per_block is None, any_version)
        else:
            write_sources(place, scenario, points)
            place.write_manifest(asked)
        _complete(place, executor, workers, progress)
    return Sweep(place.folder, temporary=store is None)


def _require_same(place: Store, asked: Mapping[str, Any], any_blocks: bool, any_version: bool) -> None:
    """Refuse a store that holds another sweep; with `any_blocks`, blocks of whatever size are as good."""
    stored = place.read_manifest()
    require_versions(stored, place.folder, any_version)
    blocks = {"points_per_block": stored["points_per_block"]} if any_blocks else {}
    compare_manifests(stored, {**asked, **blocks}, place.folder)


def resume_sweep(
    store: str | Path,
    *,
    retry_failed: bool = False,
    any_version: bool = False,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Resume a sweep: compute the blocks that are missing, damaged or (if asked) failed.

    Parameters
    ----------
    store : str or Path
        Folder of the sweep. Scenario, design and options are those in it.
    retry_failed : bool
        Compute again the blocks in which a point failed.
    executor, workers, progress, any_version
        As in :func:`sweep`.

    Returns
    -------
    Sweep

    Raises
    ------
    SweepError
        When there is no sweep, when what it was made from has changed, or for other versions of negsim or numpy.
    """
    place = _find(store)
    with place.lock():
        require_versions(place.read_manifest(), place.folder, any_version)
        _complete(place, executor, workers, progress, retry_failed)
    return Sweep(place.folder)


def expand_sweep(
    store: str | Path,
    *,
    runs: int | None = None,
    points: Any = None,
    any_version: bool = False,
    workers: int = 1,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Sweep:
    """Add runs or points to a sweep. What is there stays as it is.

    Parameters
    ----------
    store : str or Path
        Folder of the sweep.
    runs : int, optional
        The number of runs that each point has afterwards.
    points : Design, DataFrame or mapping, optional
        Points to add at the end, over the same names.
    executor, workers, progress, any_version
        As in :func:`sweep`.

    Returns
    -------
    Sweep

    Raises
    ------
    SweepError
        As in :func:`resume_sweep`.
    ValueError
        When nothing would be added, `runs` is no whole number, or the points have other names.
    """
    if runs is not None:
        require_whole("runs", runs)
    place = _find(store)
    with place.lock():
        manifest = place.read_manifest()
        require_versions(manifest, place.folder, any_version)
        scenario, design = read_sources(place, manifest)
        extents = read_extents(manifest)
        if points is not None:
            more = read_design(points)
            if more.names != design.names:
                raise ValueError(f"the sweep varies {', '.join(design.names)}, the points {', '.join(more.names)}")
            _check(scenario, more, manifest["params"], runs=manifest["runs"])
            extents = add_points(extents, len(more))
            design = Design(design.names, np.concatenate([design.values, more.values]), design.kind, design.details)
        if runs is not None:
            extents = add_runs(extents, runs)
        if runs is None and points is None:
            raise ValueError("say how many runs the sweep is to have, or which points are to be added")
        write_design(place, design)
        place.write_manifest(expand_manifest(manifest, extents, design))
        _complete(place, executor, workers, progress)
    return Sweep(place.folder)


def choose_points_per_block(points: int, runs: int) -> int:
    """Choose how many points go into one block: as many as go side by side, or half of them."""
    side_by_side = COMPUTE_WIDTH // min(runs, BLOCK_WIDTH)
    return max(1, side_by_side // 2, min(side_by_side, points // ENOUGH_BLOCKS))


# -- at the door ------------------------------------------------------------------------------------------------------


def _check(scenario: Scenario, design: Design, params: Mapping[str, float], **counts: int | None) -> None:
    """Refuse numbers that cannot be set, and counts that are none."""
    for name, number in counts.items():
        if number is not None:
            require_whole(name, number)
    for ends in (design.values.min(axis=0), design.values.max(axis=0)):
        asked = dict(zip(design.names, ends.tolist(), strict=True))
        require_settings(scenario, {**params, **asked}, "<design>")


def _read_numbers(name: str, given: Mapping[str, float] | None) -> dict[str, float]:
    found = {}
    for key, value in (given or {}).items():
        try:
            found[key] = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"{name}[{key!r}] must be a number, not {reprlib.repr(value)}") from None
    return found


def _read_precision(precision: Mapping[str, float], kept: Outcomes) -> dict[str, float]:
    known = dict(zip(kept.names, kept.groups, strict=True))
    small = {name: error for name, error in precision.items() if not 0 < error < 0.5}
    if small:
        raise ValueError(f"precision: an error of a probability lies between 0 and 0.5, not {small}")
    try:
        return {match_name(word, known): error for word, error in precision.items()}
    except ValueError as error:
        raise ValueError(f"precision: {error}; it takes kinds of event that are kept") from error


def _find(store: str | Path) -> Store:
    place = Store(store)
    place.read_manifest()  # refuses a folder without a sweep before it makes anything in it
    return place


# -- computing what is missing ----------------------------------------------------------------------------------------


def _complete(
    store: Store, executor: Executor | None, workers: int, progress: Progress | None, retry_failed: bool = False
) -> None:
    """Compute what is missing, block after block, and put each in its place as it comes."""
    manifest = store.read_manifest()
    scenario, design = read_sources(store, manifest)
    job = make_job(scenario, manifest)
    _require_engine(job)
    missing = Missing(store, design, manifest, job, retry_failed)
    lost: Lost = []
    tell_count(progress, missing.done, missing.total)
    for tasks in missing.waves():
        for done, task in _compute(job, tasks, executor, workers, lost):
            store.write_block(done.name, done.content)
            missing.note(task)
            tell_count(progress, missing.done, missing.total)
        if lost:
            break  # which points go on can only be said when all of a wave is there
    if lost:
        task, error = lost[0]
        raise SweepError(
            f"the executor lost {len(lost)} blocks, the first of them {task.name} ({type(error).__name__}: {error}); "
            "what is finished is safe: resume"
        )


def _require_engine(job: Job) -> None:
    """Make sure that the engine that began a sweep can go on with it here."""
    if job.engine != "numpy":
        choose_engine(job.engine, compile_scenario(job.scenario, load_terms(job.scenario)))


def _compute(
    job: Job, tasks: Iterable[Task], executor: Executor | None, workers: int, lost: Lost
) -> Iterator[tuple[Done, Task]]:
    handed: dict[str, Task] = {}

    def hand_out() -> Iterator[Task]:
        for task in tasks:
            handed[task.name] = task
            yield task

    if executor is not None:
        found = compute_by(executor, job, hand_out(), lost)
    elif workers > 1:
        found = compute_in_processes(workers, job, hand_out())
    else:
        found = compute_here(job, hand_out())
    return ((done, handed.pop(done.name)) for done in found)


class Missing:
    """What is missing of a sweep, wave by wave; counts what is there."""

    def __init__(self, store: Store, design: Design, manifest: Mapping[str, Any], job: Job, retry_failed: bool) -> None:
        self._store, self._design, self._job = store, design, job
        self._extents = read_extents(manifest)
        self._waves = list(plan_waves(self._extents, manifest["points_per_block"]))
        self._precision: dict[str, float] = manifest["precision"]
        self._held = self._look(retry_failed)
        self.total = count_runs(self._extents)
        self.done = 0
        if not self._precision:
            cells = (cell for wave in self._waves for cell in wave if cell.name in self._held)
            self.done = sum(len(cell.points) * (cell.last - cell.first) for cell in cells)

    def _look(self, retry_failed: bool) -> set[str]:
        """Names of the blocks that are finished and whole; warn of those that are damaged."""
        held = set()
        for name, block in self._store.list_blocks().items():
            if not block.is_whole():
                warnings.warn(f"{block.path} is damaged (cut short or altered); it is computed anew", stacklevel=4)
            elif not (retry_failed and read_failures(block.path)):
                held.add(name)
        return held

    def waves(self) -> Iterator[Iterator[Task]]:
        """Give the tasks. Only points that may stop early have to wait for one another, wave by wave."""
        if not self._precision:
            yield (self._make(cell, tuple(cell.points)) for wave in self._waves for cell in wave if self._lacks(cell))
            return
        stopping = Stopping(self._precision, len(self._design))
        for number, wave in enumerate(self._waves):
            chosen = {cell: stopping.choose_open(cell.points) if number else tuple(cell.points) for cell in wave}
            wanted = {cell: points for cell, points in chosen.items() if points}
            blocks = self._store.list_blocks()
            held = {cell for cell, points in wanted.items() if not self._lacks(cell) and _holds(blocks, cell, points)}
            self.done += sum(len(wanted[cell]) * (cell.last - cell.first) for cell in held)
            yield (self._make(cell, points) for cell, points in wanted.items() if cell not in held)
            blocks = self._store.list_blocks()
            files = [blocks[cell.name].path for cell in wanted if cell.name in blocks]
            stopping.note(files, (failure.point for file in files for failure in read_failures(file)))

    def _lacks(self, cell: Cell) -> bool:
        return cell.name not in self._held

    def _make(self, cell: Cell, points: tuple[int, ...]) -> Task:
        return Task(cell.name, points, self._design.values[list(points)], cell.first, cell.last)

    def note(self, task: Task) -> None:
        """Count a block that is finished now."""
        self.done += len(task.points) * (task.last - task.first)


def _holds(blocks: Mapping[str, Block], cell: Cell, points: tuple[int, ...]) -> bool:
    """Whether a block holds these points (one that was finished before a retry may lack some)."""
    return set(points) <= set(read_points(blocks[cell.name].path))
