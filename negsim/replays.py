"""How likely are given histories? replay() drives the same loop with dated moves and keeps the account."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from negsim.compiler import Compiled, compile_case
from negsim.engines import choose_engine
from negsim.ensemble import NOTHING, TICK, end_of, moments
from negsim.history import Coverage, History, Stacked, read_history, stack_histories
from negsim.kernel import Outlook, add_halves, hazards_of, total_hazard
from negsim.reasons import explain_impossible
from negsim.results import Ensemble
from negsim.scalar.scoring import score_histories
from negsim.scenario import Scenario
from negsim.state import Floats, Ints, State

REPLAY_WIDTH = 4096
"""Columns replayed side by side."""
MOST_PROBLEMS = 20
"""Impossible moves of a replay that are explained."""


@dataclass(frozen=True, eq=False, repr=False)
class Replay:
    """Log-likelihoods of given histories, with a column for each parameter vector or history.

    Attributes
    ----------
    total : array, shape (width,)
        Log-likelihood per day: sum of `events` minus sum of `intervals`; minus infinity where a move is impossible.
    events : array, shape (moves, width)
        Log of the hazard of each move just before it; NaN beyond the end of a shorter history.
    intervals : array, shape (moves + 1, width)
        Integrated hazard of all moves up to the first move, between moves, and from the last one to the end.
    explain : callable
        Finds out what made moves impossible.
    """

    total: Floats
    events: Floats
    intervals: Floats
    explain: Callable[[], tuple[str, ...]]

    def __repr__(self) -> str:
        best = f"; log-likelihood {self.total.max():.6g} at most" if len(self.total) else ""
        return f"Replay({len(self.total):,} columns of {len(self.events):,} moves or fewer{best})"

    @cached_property
    def problems(self) -> tuple[str, ...]:
        """For each impossible move, which one and why (the first few)."""
        return self.explain()


def replay(
    case: Scenario | str | Path | Compiled,
    history: Any,
    params: Mapping[str, Any] | None = None,
    *,
    until: dt.date | str | None = None,
    coverage: Coverage | None = None,
    engine: str = "numpy",
    workers: int = 1,
) -> Replay:
    """Compute the exact log-likelihood of given histories, that is, of dated moves.

    Parameters
    ----------
    case : Scenario, str or Compiled
        A scenario, the name of a shipped case, a path, or a scenario compiled before (saves time in loops).
    history : rows, History, Ensemble, Stacked or sequence of History
        One history scored under every parameter vector (see :func:`negsim.history.read_history`), or a history for
        each column: the runs of an ensemble, or histories side by side (:mod:`negsim.history`).
    params : mapping, optional
        Numbers to change, each with a scalar or an array of shape ``(width,)``. Whether the scenario stays valid with
        the smallest and the largest of them is checked, unless `case` was compiled before.
    until : date, optional
        Last day of the window (default: the scenario's end).
    coverage : Coverage, optional
        The probability d that each move would have been reported: a reported move then counts ``d * h``, h being its
        hazard, and silence counts only where d > 0. Unreported moves are assumed not to have happened. By default
        everything is reported.
    engine : str
        ``numpy``, ``compiled`` or ``auto``, as in :func:`negsim.simulate`.
    workers : int
        Threads of the compiled engine, among which the columns are shared out.

    Returns
    -------
    Replay

    Raises
    ------
    ScenarioError
        For rows of a history that name no move of the scenario, each with the nearest; for `params` out of range.

    Examples
    --------
    >>> import negsim
    >>> histories = negsim.simulate("two-state-channel", runs=3, seed=1)
    >>> negsim.replay("two-state-channel", histories).total.shape
    (3,)
    """
    compiled = case if isinstance(case, Compiled) else compile_case(case)
    values = compiled.resolve(params)
    for name, given in (params or {}).items():
        if np.ndim(given) > 1:
            raise ValueError(f"params[{name!r}]: shape {np.shape(given)}; give one number, or one for each column")
    if params and not isinstance(case, Compiled):
        compiled.check_ranges(params)
    histories = _as_histories(compiled, history)
    widths = {len(value) for value in values.values()} | {histories.columns}
    width = max(widths)
    if widths - {1, width}:
        raise ValueError(f"histories and params disagree about the width: {sorted(widths)}")
    end = end_of(compiled, until)
    if choose_engine(engine, compiled) == "compiled":
        return _replay_compiled(compiled, histories, values, width, end, coverage, workers)
    return _replay(compiled, histories, values, width, end, coverage)


def _replay(
    compiled: Compiled,
    histories: Stacked,
    values: Mapping[str, Floats],
    width: int,
    end: float,
    coverage: Coverage | None,
) -> Replay:
    """Score by the kernel, so many columns side by side."""
    shared = histories.columns == 1 and not any(_moves_discrete(path) for path in values if len(values[path]) > 1)
    if not shared and histories.columns == 1:
        histories = histories.select(np.zeros(width, dtype=np.int64))
    parts = [
        _replay_block(
            compiled, histories, values, np.arange(start, min(start + REPLAY_WIDTH, width)), end, shared, coverage
        )
        for start in range(0, width, REPLAY_WIDTH)
    ]
    logs = np.concatenate([part.logs for part in parts], axis=1)
    integrals = np.concatenate([part.integrals for part in parts], axis=1)
    problems = tuple(dict.fromkeys(text for part in parts for text in part.problems))[:MOST_PROBLEMS]
    return Replay(_add_up(logs, integrals), logs, integrals, partial(tuple, problems))


def _add_up(logs: Floats, integrals: Floats) -> Floats:
    total: Floats = add_halves(np.nan_to_num(logs, nan=0.0, neginf=-np.inf)) - add_halves(integrals)
    return total


def _replay_compiled(
    compiled: Compiled,
    histories: Stacked,
    values: Mapping[str, Floats],
    width: int,
    end: float,
    coverage: Coverage | None,
    workers: int,
) -> Replay:
    """Score by the compiled loop, one column after the other."""
    if histories.columns == 1:
        histories = histories.select(np.zeros(width, dtype=np.int64))
    logs, integrals = score_histories(compiled, histories, values, end, coverage, workers)
    impossible = np.flatnonzero(np.isneginf(logs).any(axis=0))[:MOST_PROBLEMS]
    chosen = {path: value if len(value) == 1 else value[impossible] for path, value in values.items()}
    explain = partial(_explain_by_kernel, compiled, histories.select(impossible), chosen, end, coverage)
    return Replay(_add_up(logs, integrals), logs, integrals, explain)


def _explain_by_kernel(
    compiled: Compiled, histories: Stacked, values: Mapping[str, Floats], end: float, coverage: Coverage | None
) -> tuple[str, ...]:
    """Go once more over histories that have an impossible move: the kernel knows what stands in its way."""
    if not histories.columns:
        return ()
    return _replay(compiled, histories, values, histories.columns, end, coverage).problems


def walk_anyway(compiled: Compiled, histories: Stacked, until: dt.date | None = None) -> Given:
    """Go through histories as if every move in them were possible, and note those that were not.

    What follows from an impossible move is possible then, so what is noted is a mistake of its own.
    """
    parameters = compiled.bind(compiled.resolve(None))
    state = compiled.start(parameters, histories.columns, False)
    given = Given(compiled, histories, histories.columns, anyway=True)
    for _ in moments(compiled.world, parameters, state, given, end_of(compiled, until)):
        pass
    return given


def _as_histories(compiled: Compiled, history: Any) -> Stacked:
    if isinstance(history, Stacked):
        return history
    if isinstance(history, Ensemble):
        if len(history.stopped[0]):
            raise ValueError(
                f"run {history.stopped[0][0]} exploded and was stopped: nobody knows all of it; score the ensemble's "
                "`whole`, the runs that came to the end"
            )
        return stack_histories(split_runs(history))
    if isinstance(history, list | tuple) and history and all(isinstance(entry, History) for entry in history):
        return stack_histories(history)
    return stack_histories([read_history(compiled, history)])


def split_runs(ensemble: Ensemble) -> list[History]:
    """Take the drawn moves of every run of an ensemble as histories."""
    if ensemble.columns is None:
        raise ValueError('the ensemble holds no events: simulate with record=("events",)')
    run, event, day = ensemble.columns
    drawn = event < ensemble.compiled.world.moves
    run, event, day = run[drawn], event[drawn].astype(np.int64), day[drawn]
    edges = np.searchsorted(run, np.arange(ensemble.runs + 1))
    return [History(day[a:b], event[a:b]) for a, b in pairwise(edges)]


def _moves_discrete(path: str) -> bool:
    """Whether a number decides when the discrete state changes, so that columns cannot share it."""
    return path.split(".")[-1] in ("lead_time_days", "grace_days", "duration_days")


def _replay_block(
    compiled: Compiled,
    histories: Stacked,
    values: Mapping[str, Floats],
    columns: Ints,
    end: float,
    shared: bool,
    coverage: Coverage | None,
) -> Given:
    chosen = {path: value if len(value) == 1 else value[columns] for path, value in values.items()}
    parameters = compiled.bind(chosen)
    state = compiled.start(parameters, len(columns), shared)
    given = Given(compiled, histories if shared else histories.select(columns), len(columns), coverage)
    for _ in moments(compiled.world, parameters, state, given, end):
        pass
    return given


class Given:
    """Chooses what histories say, and keeps the account of their likelihood."""

    def __init__(
        self,
        compiled: Compiled,
        histories: Sequence[History] | Stacked,
        width: int,
        coverage: Coverage | None = None,
        anyway: bool = False,
    ) -> None:
        stacked = histories if isinstance(histories, Stacked) else stack_histories(histories)
        self._compiled = compiled
        self._coverage = coverage
        self._anyway = anyway
        self._days, self._moves = stacked.days, stacked.moves
        self._places = np.arange(stacked.columns)
        self._next = np.zeros(stacked.columns, dtype=np.int64)
        self._stopped = np.zeros(stacked.columns, dtype=bool)
        self._shared = stacked.columns < width
        self.logs = np.full((len(self._days) - 1, width), np.nan)
        self.integrals = np.zeros((len(self._days), width))
        self.problems: list[str] = []

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Name the next given move of each column, if it comes before the tick; score it and the time until then."""
        wait = np.maximum(self._days[self._next, self._places] - state.time, 0.0)
        comes = wait < horizon
        elapsed = np.where(comes, wait, horizon)
        inside = state.time + elapsed < until
        spent = np.where(self._stopped, 0.0, np.where(inside, elapsed, until - state.time))
        where: Any = slice(None) if self._shared else self._places
        if self._coverage is None:
            self.integrals[self._next, where] += total_hazard(outlook) * spent
        else:
            exposure = self._coverage.exposure(state.time, state.time + spent)
            self.integrals[self._next, where] += total_hazard(outlook, exposure, self._coverage.profile)
        self._stopped |= ~inside
        events = np.full(len(elapsed), TICK)
        made = np.flatnonzero(comes & inside)
        if len(made):
            events[made] = self._score(outlook, state, made)
            self._next[made] += 1
        return events, elapsed

    def _score(self, outlook: Outlook, state: State, made: Ints) -> Ints:
        """Note the log hazards of given moves; those that are impossible do not happen, unless they are to anyway."""
        moves = self._moves[self._next[made], self._places[made]]
        hazards = hazards_of(outlook, moves, made, self._shared)
        where: Any = slice(None) if self._shared else self._places[made]
        with np.errstate(divide="ignore"):
            logs = np.log(hazards)
        if self._coverage is not None:
            shares = self._coverage.log_share(moves, self._days[self._next[made], self._places[made]])
            logs = logs + (shares[:, None] if self._shared else shares)
        self.logs[self._next[made], where] = logs
        impossible = (hazards <= 0).reshape(len(made), -1)
        for number in np.flatnonzero(impossible.any(axis=1))[: MOST_PROBLEMS - len(self.problems)]:
            column = int(made[number])
            day = float(self._days[self._next[column], self._places[column]])
            self.problems.append(explain_impossible(self._compiled, state, outlook, int(moves[number]), column, day))
        return moves if self._anyway else np.where(impossible.all(axis=1), NOTHING, moves)

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Nothing to do: the account is kept when choosing."""

    def select(self, columns: Ints) -> None:
        """Keep some columns."""
        self._places, self._next = self._places[columns], self._next[columns]
        self._stopped = self._stopped[columns]
