"""How are the arms of a what-if question run, some of the runs at a time? On common, independent and recalled clocks.

A part is all arms of some runs: it needs nothing of the others, so parts come out the same in any number of processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from negsim.arms import Arm, Part, draw_arm, gather_arm, list_dates, resolve_known, run_arm
from negsim.compiler import Compiled, compile_scenario
from negsim.engines import choose_engine
from negsim.ensemble import COMPUTE_WIDTH, Drawn, end_of, moments
from negsim.history import Stacked
from negsim.interference import Interfering, Plan, lay_plan
from negsim.intervention_files import amended
from negsim.interventions import Intervention
from negsim.numbers import select_values
from negsim.processes import open_workers
from negsim.progress import Progress
from negsim.recollection import RecalledClocks, Recalling, read_clocks
from negsim.results import Ensemble
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms
from negsim.state import Ints
from negsim.streams import PURPOSE_CLOCKS, Clocks
from negsim.trials import require_numbers_later

PURPOSE_INDEPENDENT: Final = 54
"""Address of the independent clocks that common ones are compared with."""
MODEL: Final = ("without", "changed", "independent clocks")
"""Arms of the interventional product."""
PAST: Final = ("history", "history, changed", "history, changed, fresh clocks")
"""Arms of the retrospective product."""

Note = Callable[[str, int], None]
"""Told of an arm that so many more of its runs are done."""


@dataclass(frozen=True)
class Worlds:
    """The scenario without and with the change, re-evaluated at the same dates.

    Attributes
    ----------
    before, after : Compiled
    plan : Plan
        The change in the rows of `after`.
    gone : tuple of str
        Parts of the scenario that are not in `after`.
    """

    before: Compiled
    after: Compiled
    plan: Plan
    gone: tuple[str, ...]

    def choose_engine(self, engine: str) -> str:
        """Choose who draws both arms (see :func:`negsim.engines.choose_engine`): one engine for both.

        Dates of the same move are compared to the bit.
        """
        for compiled in (self.before, self.after):
            engine = choose_engine(engine, compiled)
        return engine


def compile_both(scenario: Scenario, question: Intervention) -> Worlds:
    """Compile a scenario without and with a change."""
    changed, gone = amended(scenario, question)
    rough = compile_scenario(changed, load_terms(changed))
    dates = list_dates(lay_plan(rough, question))
    before = compile_scenario(scenario, load_terms(scenario), dates)
    after = compile_scenario(changed, load_terms(changed), dates) if question.is_structural else before
    return Worlds(before, after, lay_plan(after, question), gone)


@dataclass(frozen=True)
class Record:
    """What happened.

    Attributes
    ----------
    histories : Stacked
        A column for each run.
    end : float
        End of what is known, in days.
    name : str
        What to call it.
    """

    histories: Stacked
    end: float
    name: str


@dataclass(frozen=True)
class Inquiry:
    """What a worker needs to run any part of the runs.

    Attributes
    ----------
    scenario : Scenario
    question : Intervention
    params : mapping
        Numbers at other values, each a scalar or of shape ``(runs,)``.
    seed, runs : int
    model : bool
        Whether histories of the model are asked for.
    until : float
        Where they end, in days.
    record : Record or None
        What happened, where histories that are run again are asked for.
    back_until : float
        Where these end, in days.
    independent : bool
        Whether the change is also run on clocks of its own, which only tells what the common clocks gain.
    engine : str
        Who draws: ``numpy`` or ``compiled``.
    """

    scenario: Scenario
    question: Intervention
    params: Mapping[str, Any]
    seed: int
    runs: int
    model: bool
    until: float
    record: Record | None
    back_until: float
    independent: bool = True
    engine: str = "numpy"

    @property
    def arms(self) -> int:
        """How many arms are run."""
        model = len(MODEL) if self.independent else len(MODEL) - 1
        return (model if self.model else 0) + (0 if self.record is None else len(PAST))

    def end_of(self, arm: str) -> float:
        """Where an arm ends, in days."""
        return self.back_until if arm in PAST else self.until


def run_pair(
    scenario: Scenario,
    question: Intervention,
    params: Mapping[str, Any],
    seed: int,
    runs: int,
    engine: str = "numpy",
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[Ensemble, Ensemble]:
    """Draw histories of the model without and with a change on the same clocks, and nothing else.

    Parameters
    ----------
    scenario, question, params, seed, runs
        As :class:`Inquiry` has them.
    engine : str
        As in :func:`negsim.simulate`.
    workers : int
        Threads with the compiled engine, else processes.
    progress : callable, optional
        Told the share of the work that is done, and which arm is running.

    Raises
    ------
    negsim.interference.Impossible
        When a forced move is impossible and the question does not say to leave such runs.
    """
    worlds = compile_both(scenario, question)
    end = end_of(worlds.before, None)
    engine = worlds.choose_engine(engine)
    inquiry = Inquiry(scenario, question, params, seed, runs, True, end, None, end, independent=False, engine=engine)
    arms = run_arms(inquiry, worlds, workers, progress)
    return arms[MODEL[0]].ensemble, arms[MODEL[1]].ensemble


def run_arms(inquiry: Inquiry, worlds: Worlds, workers: int = 1, progress: Progress | None = None) -> dict[str, Arm]:
    """Run every arm that an inquiry asks for.

    Parameters
    ----------
    inquiry : Inquiry
    worlds : Worlds
        Those of the inquiry.
    workers : int
        Processes; threads where all is compiled. The arms are the same whatever their number.
    progress : callable, optional
        Told the share of the work that is done, and which arm is running.
    """
    for compiled in (worlds.before, worlds.after):
        require_numbers_later(compiled, moments, Drawn)
    width = min(COMPUTE_WIDTH, -(-inquiry.runs // workers))
    starts = range(0, inquiry.runs, width)
    columns = [np.arange(start, min(start + width, inquiry.runs)) for start in starts]
    parts = list(_run_parts(inquiry, worlds, columns, min(workers, len(columns)), _add_up(progress, inquiry)))
    return {
        arm: gather_arm(
            worlds.before if arm in (MODEL[0], PAST[0]) else worlds.after,
            [part[arm] for part in parts],
            inquiry.runs,
            inquiry.seed,
            inquiry.end_of(arm),
            inquiry.engine if arm in MODEL else "numpy",
        )
        for arm in parts[0]
    }


def _add_up(progress: Progress | None, inquiry: Inquiry) -> Note:
    """Tell what the runs of all arms add up to."""
    done, total = 0, inquiry.arms * inquiry.runs

    def note(arm: str, runs: int) -> None:
        nonlocal done
        done += runs
        if progress is not None:
            progress(done / total, arm)

    return note


def _run_parts(
    inquiry: Inquiry, worlds: Worlds, columns: Sequence[Ints], workers: int, note: Note
) -> Iterator[dict[str, Part]]:
    """Run part after part, here or in processes of their own, in order."""
    if workers == 1:
        for runs in columns:
            yield run_part(inquiry, worlds, runs, note)
        return
    with _open_pool(inquiry, worlds, workers) as (pool, run):
        try:
            for runs, part in zip(columns, pool.map(run, columns), strict=True):
                for arm in part:
                    note(arm, len(runs))
                yield part
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _open_pool(
    inquiry: Inquiry, worlds: Worlds, workers: int
) -> Iterator[tuple[Executor, Callable[[Ints], dict[str, Part]]]]:
    """Open threads where all that is asked for is compiled, which needs no lock of Python's; else processes."""
    if inquiry.engine == "compiled" and inquiry.record is None:
        with ThreadPoolExecutor(workers) as threads:
            yield threads, partial(run_part, inquiry, worlds)
    else:
        with open_workers(workers, _prepare, (inquiry,)) as processes:
            yield processes, _run_prepared


_PREPARED: list[tuple[Inquiry, Worlds]] = []


def _prepare(inquiry: Inquiry) -> None:
    """Compile once in each worker process."""
    _PREPARED[:] = [(inquiry, compile_both(inquiry.scenario, inquiry.question))]


def _run_prepared(runs: Ints) -> dict[str, Part]:
    return run_part(*_PREPARED[0], runs)


def run_part(inquiry: Inquiry, worlds: Worlds, runs: Ints, note: Note | None = None) -> dict[str, Part]:
    """Run every arm for some of the runs."""
    parts = {}
    for arm, run in _list_arms(inquiry, worlds, runs):
        parts[arm] = run()
        if note is not None:
            note(arm, len(runs))
    return parts


def _list_arms(inquiry: Inquiry, worlds: Worlds, runs: Ints) -> Iterator[tuple[str, Callable[[], Part]]]:
    """List the arms, each with what runs it, one after the other: an arm's clocks are made when it is its turn."""
    before, after, plan = worlds.before, worlds.after, worlds.plan
    if inquiry.model:
        yield MODEL[0], partial(_run_on_clocks, inquiry, before, Plan(), PURPOSE_CLOCKS, runs)
        yield MODEL[1], partial(_run_on_clocks, inquiry, after, plan, PURPOSE_CLOCKS, runs)
        if inquiry.independent:
            yield MODEL[2], partial(_run_on_clocks, inquiry, after, plan, PURPOSE_INDEPENDENT, runs)
    if inquiry.record is None:
        return
    values = select_values(resolve_known(before, inquiry.params), runs)
    told = inquiry.record.histories.select(runs)
    recalled = read_clocks(before, before.bind(values), told, inquiry.record.end)
    for arm, compiled, change in zip(PAST, (before, after, after), (Plan(), plan, plan), strict=True):
        clocks = RecalledClocks(recalled, compiled, inquiry.seed, runs)
        same = compiled is before
        chooser = Recalling(compiled, clocks, runs, change, told, same, afresh=arm == PAST[2])
        yield arm, partial(run_arm, compiled, chooser, inquiry.params, runs, inquiry.back_until)


def _run_on_clocks(inquiry: Inquiry, compiled: Compiled, plan: Plan, purpose: int, runs: Ints) -> Part:
    """Run some runs of an arm of the interventional product."""
    if inquiry.engine == "compiled":
        return draw_arm(compiled, plan, inquiry.params, inquiry.seed, purpose, runs, inquiry.until)
    clocks = Clocks(inquiry.seed, compiled.labels.addresses, runs, purpose)
    return run_arm(compiled, Interfering(compiled, clocks, runs, plan), inquiry.params, runs, inquiry.until)
