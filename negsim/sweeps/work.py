"""What does a worker do? It runs some points over some runs and hands back the bytes of a Parquet file.

Nothing here knows who asks, what else is asked, or where the file goes; so any process on any machine gives the same
bytes.
"""

from __future__ import annotations

import json
import os
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from multiprocessing import parent_process
from multiprocessing.connection import wait
from typing import Any, Final

import numpy as np

from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import COMPUTE_WIDTH, Work, run_block
from negsim.problems import NegsimError
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms
from negsim.state import Array, Floats, Ints
from negsim.streams import BLOCK_WIDTH
from negsim.sweeps.outcomes import Outcomes, choose_outcomes, tabulate
from negsim.version import VERSION

APART: Final = BLOCK_WIDTH << 20
"""How far apart the runs of two points lie where points have noise of their own."""
METADATA: Final = b"negsim"


@dataclass(frozen=True)
class Job:
    """What all blocks of a sweep have in common.

    Attributes
    ----------
    scenario : Scenario
    seed : int
    until : float
        Days simulated.
    engine : str
        Who runs: ``numpy`` or ``compiled``.
    params : mapping
        Numbers at other values in all points.
    names : tuple of str
        What varies.
    outcomes : tuple of str, optional
        Kinds of event that are kept (default: all).
    common : bool
        Whether run r has the same clocks in all points.
    versions : mapping
        What it must be computed with (see :func:`built_with`).
    key : str
        Digest of all this; tells one sweep from another.
    """

    scenario: Scenario
    seed: int
    until: float
    engine: str
    params: Mapping[str, float]
    names: tuple[str, ...]
    outcomes: tuple[str, ...] | None
    common: bool
    versions: Mapping[str, str]
    key: str


@dataclass(frozen=True, eq=False)
class Task:
    """A block: some points, over runs from `first` to before `last` (all within one random block)."""

    name: str
    points: tuple[int, ...]
    values: Floats
    """Shape (points, names)."""
    first: int
    last: int


@dataclass(frozen=True)
class Failure:
    """A point that failed over some runs: at which stage, and how."""

    point: int
    first_run: int
    last_run: int
    stage: str
    """``build`` (its numbers cannot be bound), ``run`` or ``tabulate``."""
    error: str
    traceback: str


@dataclass(frozen=True)
class Done:
    """What a worker hands back: the content of a Parquet file, and which points failed (noted in the file too)."""

    name: str
    content: bytes
    failures: tuple[Failure, ...]


def built_with() -> dict[str, str]:
    """Versions on which results may depend to the bit."""
    return {"negsim": VERSION, "numpy": np.__version__}


def compute(job: Job, task: Task) -> Done:
    """Run a block. What goes wrong at a point is a record of that point; the others are not touched by it.

    Raises
    ------
    OtherVersions
        When this process has other versions than the one that asks.
    """
    if built_with() != job.versions:
        raise OtherVersions(f"the worker has {built_with()}, the sweep {dict(job.versions)}")
    compiled, outcomes = _prepare(job)
    rows: list[Rows] = []
    failures: list[Failure] = []
    step = max(1, COMPUTE_WIDTH // (task.last - task.first))
    for start in range(0, len(task.points), step):
        done, failed = _run_or_divide(job, compiled, outcomes, task, np.arange(start, len(task.points))[:step])
        rows += done
        failures += failed
    return Done(task.name, _write(job, task, outcomes, rows, failures), tuple(failures))


# -- a process compiles a scenario once -----------------------------------------------------------------------------

_PREPARED: dict[str, tuple[Compiled, Outcomes]] = {}


def prepare_process() -> None:
    """Let a worker process not outlive its parent, should that be killed."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _prepare(job: Job) -> tuple[Compiled, Outcomes]:
    """Compile the scenario, or take what this process compiled for the last block."""
    if job.key not in _PREPARED:
        compiled = compile_scenario(job.scenario, load_terms(job.scenario))
        _PREPARED.clear()
        _PREPARED[job.key] = compiled, choose_outcomes(compiled, job.outcomes)
    return _PREPARED[job.key]


# -- running --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Rows:
    """What came out of some columns: point and run of each, and what is kept of it."""

    point: Ints
    run: Ints
    moves: Ints
    stopped: Floats
    counts: Ints
    """Shape (kinds of event, columns)."""
    first: Floats
    """Shape (kinds of event, columns)."""


class OtherVersions(NegsimError):
    """A worker that would compute with other versions than the sweep."""


class Stage:
    """How far a computation has come, for the record of its failure."""

    def __init__(self) -> None:
        self.name = "build"


def _run_or_divide(
    job: Job, compiled: Compiled, outcomes: Outcomes, task: Task, places: Ints
) -> tuple[list[Rows], list[Failure]]:
    """Run some points side by side; if that fails, one by one, to see which of them it was."""
    stage = Stage()
    try:
        return [_run(job, compiled, outcomes, task, places, stage)], []
    except Exception as error:
        if len(places) == 1:
            return [], [_describe(task, int(places[0]), stage, error)]
    rows: list[Rows] = []
    failures: list[Failure] = []
    for place in places:
        done, failed = _run_or_divide(job, compiled, outcomes, task, np.array([place]))
        rows += done
        failures += failed
    return rows, failures


def _run(job: Job, compiled: Compiled, outcomes: Outcomes, task: Task, places: Ints, stage: Stage) -> Rows:
    runs = np.arange(task.first, task.last)
    point = np.repeat(np.asarray(task.points)[places], len(runs))
    run = np.tile(runs, len(places))
    varied = {name: np.repeat(task.values[places, d], len(runs)) for d, name in enumerate(job.names)}
    stage.name = "build"
    values = compiled.resolve({**job.params, **varied})
    work = Work(job.scenario, job.seed, job.until, values, ("events",), engine=job.engine)
    stage.name = "run"
    clock_runs = run if job.common else point * APART + run
    block = run_block(work, compiled, np.arange(len(run)), clock_runs=clock_runs)
    stage.name = "tabulate"
    return Rows(point, run, *tabulate(outcomes, block))


def _describe(task: Task, place: int, stage: Stage, error: Exception) -> Failure:
    said = f"{type(error).__name__}: {error}"
    trace = "".join(traceback.format_exception(error))
    return Failure(task.points[place], task.first, task.last, stage.name, said, trace)


# -- the file -------------------------------------------------------------------------------------------------------


def _write(job: Job, task: Task, outcomes: Outcomes, rows: Sequence[Rows], failures: Sequence[Failure]) -> bytes:
    """Make the content of a Parquet file: a row for each point and run."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    described = {
        "sweep": job.key,
        "points": list(task.points),
        "runs": [task.first, task.last],
        "failures": [asdict(failure) for failure in failures],
    }
    table = pa.table(_columns(outcomes, rows)).replace_schema_metadata({METADATA: json.dumps(described)})
    sink = pa.BufferOutputStream()
    # Days are all different: a dictionary of them only takes room.
    repeated = [name for name in table.column_names if not name.startswith("first.")]
    pq.write_table(table, sink, compression="zstd", use_dictionary=repeated, write_statistics=["point", "run"])
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _columns(outcomes: Outcomes, rows: Sequence[Rows]) -> dict[str, Any]:
    import pyarrow as pa

    kinds = len(outcomes.names)
    nobody = np.zeros(0, dtype=np.int64)
    none = Rows(nobody, nobody, nobody, np.zeros(0), np.zeros((kinds, 0), np.int64), np.zeros((kinds, 0)))
    point, run, moves, stopped, counts, first = (
        np.concatenate([getattr(part, field.name) for part in (*rows, none)], axis=-1) for field in fields(Rows)
    )
    columns = {"point": point, "run": run, "moves": moves}
    columns = {name: pa.array(numbers.astype(np.int32)) for name, numbers in columns.items()}
    columns["stopped"] = pa.array(_round_down(stopped), from_pandas=True)
    for place, name in enumerate(outcomes.names):
        columns[f"count.{name}"] = pa.array(np.minimum(counts[place], MOST_COUNTED).astype(np.uint16))
        columns[f"first.{name}"] = pa.array(_round_down(first[place]), from_pandas=True)
    return columns


def _round_down(days: Floats) -> Array:
    """Days in half the digits (to some twenty seconds in ten years), never on a later day than they were."""
    short = days.astype(np.float32)
    return np.where(short > days, np.nextafter(short, np.float32(-1)), short)


MOST_COUNTED: Final = int(np.iinfo(np.uint16).max)
