"""What would a source have told of a history? The simulator of observation: it thins, coarsens and conditions.

Whatever is claimed of an inference from a chronology is checked on chronologies made by this: histories drawn from the
model, reported with some probability, dated as coarsely as the source dates, seen until what made the news.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Literal

import numpy as np

from negsim.calendar import day_number, read_day
from negsim.chronology import Chronology, DatedMove, Row
from negsim.compiler import Compiled
from negsim.edtf import PRECISIONS, coarsen, format_interval
from negsim.history import History
from negsim.placement import Link
from negsim.problems import NegsimError, find_nearest, require_whole
from negsim.replays import split_runs
from negsim.reporting import EVERYTHING, Reporting, Rule
from negsim.results import Ensemble
from negsim.state import Array
from negsim.streams import address_words, open_stream

PURPOSE_OBSERVATION = 71
"""Purpose number of the streams that decide what is reported."""

Precision = str | Mapping[str, str]
Unreported = Literal["dropped", "implied"]


class NothingObserved(NegsimError, ValueError):
    """The history has no move of the kind that would have made the news."""


@dataclass(frozen=True, eq=False)
class Observer:
    """How a source looks at histories.

    Attributes
    ----------
    compiled : Compiled
        The scenario whose histories it sees.
    reporting : Reporting
        With what probability it reports each move.
    precision : str or mapping of str to str
        How finely it dates: ``day``, ``month``, ``year`` or ``window`` (that it happened, no more); or one of these for
        addresses with ``*``, of which the first that fits decides (what none fits is dated to the day).
    first, last : date or None
        First and last day that it looks at (default: the scenario's period).
    ending : str or None
        Address, with ``*``, of the move that makes the news: what is seen ends with the day of the first such move,
        which is reported whatever `reporting` says of such moves.
    unreported : str
        What becomes of moves that are not reported. ``dropped``: nothing is known of them. ``implied``: that they
        happened, and in which order, is known from what followed; when is not.
    keep_order : bool
        Whether the order of what is told is known too, where dates alone leave it open.
    """

    compiled: Compiled
    reporting: Reporting = EVERYTHING
    precision: Precision = "day"
    first: dt.date | None = None
    last: dt.date | None = None
    ending: str | None = None
    unreported: Unreported = "dropped"
    keep_order: bool = True
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Check what was asked for, once.

        Raises
        ------
        TypeError
            For a reporting that is none.
        ValueError
            For a word that is not known, a pattern that fits no move, a first day after the last.
        """
        events = self.compiled.labels.events[: self.compiled.world.moves]
        object.__setattr__(self, "names", tuple(event.name for event in events))
        object.__setattr__(self, "first", read_day("first", self.first))
        object.__setattr__(self, "last", read_day("last", self.last))
        if not isinstance(self.reporting, Reporting):
            raise TypeError(f"coverage must be a Reporting (negsim.reporting), not {self.reporting!r}")
        by_move = self.precision if isinstance(self.precision, Mapping) else {"*": self.precision}
        for word in by_move.values():
            if word not in PRECISIONS:
                nearest = find_nearest(str(word), PRECISIONS)
                hint = f"; did you mean {nearest}?" if nearest else ""
                raise ValueError(f"precision {word!r} is none of {', '.join(PRECISIONS)}{hint}")
        for what, pattern in [*(("precision", each) for each in by_move), ("ending", self.ending)]:
            if pattern not in (None, "*"):
                self._require_fit(what, pattern)
        if self.first and self.last and self.first > self.last:
            raise ValueError(f"first ({self.first}) must not come after last ({self.last})")
        scenario = self.compiled.scenario
        if self.first and self.first > scenario.end:
            raise ValueError(f"first ({self.first}) must not come after the scenario's end, {scenario.end}")
        if self.last and self.last < scenario.start:
            raise ValueError(f"last ({self.last}) must not come before the scenario's start, {scenario.start}")
        if self.unreported not in ("dropped", "implied"):
            raise ValueError(f"unreported must be 'dropped' or 'implied', not {self.unreported!r}")
        if self.unreported == "implied" and not self.keep_order:
            raise ValueError("implied moves are known by their order: keep_order must be True")

    def _require_fit(self, what: str, pattern: object) -> None:
        if isinstance(pattern, str) and any(fnmatchcase(name, pattern) for name in self.names):
            return
        nearest = find_nearest(str(pattern), self.names) if pattern else None
        hint = f"did you mean {nearest}?" if nearest else f"addresses look like {self.names[0]}, with * for anything"
        raise ValueError(f"{what}: {pattern!r} fits no move; {hint}")

    def observe(self, history: History, seed: int, run: int = 0) -> Chronology:
        """Make the chronology that the source would have of a history (see :func:`observe`)."""
        window = self._window(history)
        seen = np.flatnonzero((history.days >= window[0]) & (history.days < window[1]))
        told = self._report(history, seen, seed, run)
        kept = [place for place in seen.tolist() if told[place] or self.unreported == "implied"]
        rows, moves = self._tell(history, kept, told, window)
        links = [Link(a, b, why="told in this order") for a, b in pairwise(range(len(kept)))] if self.keep_order else []
        return Chronology(
            name=f"run {run}",
            case=self.compiled.scenario.name,
            start=self.compiled.scenario.start,
            window=window,
            rows=tuple(rows),
            moves=tuple(moves),
            links=tuple(links),
            reporting=EVERYTHING if self.unreported == "implied" else self._coverage,
            as_listed=self.keep_order,
        )

    @property
    def _coverage(self) -> Reporting:
        """What is reported: what makes the news always is, for without it nothing would be."""
        news = () if self.ending is None else (Rule((self.ending,), 1.0),)
        return Reporting((*news, *self.reporting.rules))

    def _window(self, history: History) -> tuple[float, float]:
        case = self.compiled.scenario
        low = day_number(case.start, self.first or case.start)
        high = day_number(case.start, self.last or case.end) + 1.0
        if self.ending is None:
            return low, high
        for day, move in zip(history.days.tolist(), history.moves.tolist(), strict=True):
            if low <= day < high and fnmatchcase(self.names[move], self.ending):
                return low, float(np.floor(day)) + 1.0
        raise NothingObserved(f"no {self.ending} in the history: there was no news to write")

    def _report(self, history: History, seen: Array, seed: int, run: int) -> Array:
        """Decide what is reported: each move by the stream of its own address, so that no other changes it."""
        told = np.zeros(len(history), dtype=bool)
        for move in np.unique(history.moves[seen]).tolist():
            places = np.flatnonzero(history.moves == move)
            stream = open_stream(seed, PURPOSE_OBSERVATION, run, address_words(self.names[move]))
            start = self.compiled.scenario.start
            likely = self._coverage.probabilities(start, self.names[move], history.days[places])
            told[places] = stream.random(len(places)) < likely
        return told

    def _tell(
        self, history: History, kept: list[int], told: Array, window: tuple[float, float]
    ) -> tuple[list[Row], list[DatedMove]]:
        """Rows of what is reported; dated moves of that and of what it implies (by the row that follows)."""
        rows: list[Row] = []
        moves: list[DatedMove] = []
        for place in kept:
            event, name = self.compiled.labels.events[history.moves[place]], self.names[history.moves[place]]
            row = f"O{len(rows) + 1}"
            low, high = self._dates(name, float(history.days[place]), window) if told[place] else window
            again = sum(move.key.startswith(f"{row}.{event.kind}") for move in moves)
            key = f"{row}.{event.kind}{again + 1 if again else ''}"
            moves.append(DatedMove(key, row, (name,), low, high, not told[place]))
            if told[place]:
                when = format_interval(self._date(low), self._date(high))
                parts = {"kind": event.kind, "actor": event.actor, "channel": event.channel, "subject": event.subject}
                rows.append(Row(row, {"id": row, "date": when, **parts}))
        return rows, moves

    def _dates(self, name: str, day: float, window: tuple[float, float]) -> tuple[float, float]:
        first, last = coarsen(self._date(day), self._precision(name))
        start = self.compiled.scenario.start
        low = window[0] if first is None else max(window[0], day_number(start, first))
        high = window[1] if last is None else min(window[1], day_number(start, last))
        return low, high

    def _precision(self, name: str) -> str:
        if isinstance(self.precision, str):
            return self.precision
        return next((word for pattern, word in self.precision.items() if fnmatchcase(name, pattern)), "day")

    def _date(self, day: float) -> dt.date:
        return self.compiled.scenario.start + dt.timedelta(days=int(np.floor(day)))


def observe(
    history: History | Ensemble,
    coverage: Reporting = EVERYTHING,
    precision: Precision = "day",
    *,
    seed: int = 0,
    compiled: Compiled | None = None,
    run: int = 0,
    first: dt.date | None = None,
    last: dt.date | None = None,
    ending: str | None = None,
    unreported: Unreported = "dropped",
    keep_order: bool = True,
) -> Chronology:
    """Make the chronology that a source would have given of a simulated history.

    Parameters
    ----------
    history : History or Ensemble
        What happened: a history, or run number `run` of an ensemble.
    coverage : Reporting
        The probability with which each move is reported (default: everything is).
    precision : str or mapping
        How precisely dates are given (see :class:`Observer`).
    seed : int
        Seed. Whether a move is reported is drawn at the address (seed, run, move). It depends on nothing else in the
        history, and what is reported at some probability is also reported at any higher one.
    compiled : Compiled, optional
        The scenario, needed for a History (an ensemble knows its own).
    run : int
        Run number.
    first, last, ending, unreported, keep_order
        See :class:`Observer`.

    Returns
    -------
    Chronology

    Raises
    ------
    NothingObserved
        When the history has no move that fits `ending`.
    TypeError, ValueError
        For what is no history, a run that the ensemble does not have, and as :class:`Observer`.
    """
    require_whole("run", run, 0, None)
    require_whole("seed", seed, 0, None)
    if isinstance(history, Ensemble):
        if run >= history.runs:
            raise ValueError(f"run must be one of the ensemble's {history.runs}, which count from 0, not {run}")
        if run in history.stopped[0]:
            raise ValueError(f"run {run} exploded and was stopped: nobody could have observed all of it")
        compiled, history = history.compiled, split_runs(history)[run]
    if not isinstance(history, History):
        raise TypeError(f"what is observed is a History or an Ensemble, not {type(history).__name__}")
    if compiled is None:
        raise ValueError("a History does not know its scenario: give compiled=")
    observer = Observer(compiled, coverage, precision, first, last, ending, unreported, keep_order)
    return observer.observe(history, seed, run)


def observe_runs(ensemble: Ensemble, seed: int = 0, **options: object) -> dict[int, Chronology]:
    """Observe every run of an ensemble: chronologies by run number, without runs that exploded or made no news.

    Parameters
    ----------
    ensemble : Ensemble
    seed : int
    **options
        `reporting`, `precision`, `first`, `last`, `ending`, `unreported` and `keep_order` of :class:`Observer`.
    """
    observer = Observer(ensemble.compiled, **options)  # type: ignore[arg-type]
    found = {}
    for run, history in enumerate(split_runs(ensemble)):
        if run in ensemble.stopped[0]:
            continue
        try:
            found[run] = observer.observe(history, seed, run)
        except NothingObserved:
            continue
    return found
