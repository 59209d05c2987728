"""How does a forecaster see a period to come? Futures of the same questions, whoever draws them.

A model's futures and those of a forecaster that knows nothing but dates are told alike: for each run and question the
day of the first event and how many there are, of what the source would report.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from negsim.calendar import day_number
from negsim.chronology import Chronology
from negsim.compiler import Compiled
from negsim.forecasts.drawing import Forecast
from negsim.questions import Question
from negsim.recording import group_events
from negsim.state import Flags, Floats, Ints
from negsim.streams import address_words, open_stream

PURPOSE_OUTCOME: Final = 91
"""Purpose number of the streams that place what is vague in an outcome."""
PURPOSE_REPORTED: Final = 92
"""Purpose number of the streams that decide which drawn events are reported."""


@dataclass(frozen=True)
class Period:
    """What is forecast: questions, from a day to a day (counted from the scenario's start)."""

    questions: tuple[Question, ...]
    start: float
    end: float

    @property
    def days(self) -> float:
        """Length in days."""
        return self.end - self.start


@dataclass(frozen=True)
class Outlook:
    """Futures as a forecaster draws them.

    Attributes
    ----------
    name : str
        Who forecasts.
    period : Period
    first : array, shape (runs, questions)
        Days from the start of the period to the first event; infinity where there is none.
    count : array of int, shape (runs, questions)
        Events in the period.
    """

    name: str
    period: Period
    first: Floats
    count: Ints

    @property
    def runs(self) -> int:
        """Number of futures."""
        return len(self.first)

    @property
    def probability(self) -> Floats:
        """Probability that each question is answered in the period: half a run on each side, so never quite 0 or 1."""
        return np.asarray((np.isfinite(self.first).sum(axis=0) + 0.5) / (self.runs + 1))


# -- what is asked of a hold-out --------------------------------------------------------------------------------------


def hold_out(compiled: Compiled, chronology: Chronology, origin: dt.date) -> Period:
    """Ask about every kind of event that the chronology would have told after a date.

    The packages of a channel count as one kind. What the source did not watch is not asked.
    """
    start, end = day_number(chronology.start, origin), chronology.window[1]
    edges = chronology.reporting.edges(chronology.start, (start, end))
    middles = (edges[:-1] + edges[1:]) / 2
    moves = compiled.labels.events[: compiled.world.moves]
    watched = [
        bool((chronology.reporting.probabilities(chronology.start, move.name, middles) > 0).any()) for move in moves
    ]
    group_of, groups = group_events(compiled)
    found = []
    for number, (kind, actor, _, channel, subject) in enumerate(groups):
        members = np.flatnonzero(group_of[: len(moves)] == number)
        if len(members) and any(watched[move] for move in members):
            address = ":".join((kind, actor, channel, subject))
            found.append(Question(address, (address,)))
    return Period(tuple(found), start, end)


def outcome(compiled: Compiled, chronology: Chronology, period: Period, draws: int = 64, seed: int = 0) -> Outlook:
    """Tell what came about, as far as it was told: where a date is vague, once for each of some placements of it."""
    return told_between(compiled, chronology, period, draws, seed, "what came about")


def told_between(
    compiled: Compiled, chronology: Chronology, period: Period, draws: int, seed: int, name: str
) -> Outlook:
    """Gather the told events of a period from some placements of everything vague."""
    days, moves = place_told(compiled, chronology, draws, seed)
    inside = (days >= period.start) & (days < period.end)
    first = np.full((draws, len(period.questions)), np.inf)
    count = np.zeros(first.shape, dtype=np.int64)
    for number, question in enumerate(period.questions):
        here = inside & np.isin(moves, question.events(compiled.labels.events))
        first[:, number] = np.where(here, days - period.start, np.inf).min(axis=1, initial=np.inf)
        count[:, number] = here.sum(axis=1)
    return Outlook(name, period, first, count)


def place_told(compiled: Compiled, chronology: Chronology, draws: int, seed: int) -> tuple[Floats, Ints]:
    """Place the told moves of a chronology, shape (draws, told): their days and their numbers."""
    stream = open_stream(seed, PURPOSE_OUTCOME, 0, address_words("outcome"))
    placed = chronology.place(compiled, stream.random((draws, len(chronology.unknowns))))
    told = np.array([place for place, move in enumerate(chronology.moves) if not move.implied], dtype=np.int64)
    return placed.days[:, told], placed.moves[:, told]


# -- what a model says ------------------------------------------------------------------------------------------------


def see(name: str, ahead: Forecast, chronology: Chronology, period: Period, seed: int = 0) -> Outlook:
    """A model's futures as the source of a chronology would tell them: events are reported as its coverage says."""
    ensemble = ahead.ensemble.whole
    assert ensemble.columns is not None, "a forecast records its events"
    run, event, day = ensemble.columns
    known = ensemble.compiled.labels.events
    reported = _report(chronology, [one.name for one in known], event, day, seed)
    kept = reported & (day >= period.start) & (day < period.end)
    first = np.full((ensemble.runs, len(period.questions)), np.inf)
    count = np.zeros(first.shape, dtype=np.int64)
    for number, question in enumerate(period.questions):
        here = kept & np.isin(np.arange(len(known)), question.events(known))[event]
        np.minimum.at(first[:, number], run[here], day[here] - period.start)
        count[:, number] = np.bincount(run[here], minlength=ensemble.runs)
    return Outlook(name, period, first, count)


def _report(chronology: Chronology, names: Sequence[str], event: Ints, day: Floats, seed: int) -> Flags:
    """Decide which events are reported, each kind from a stream of its own."""
    told = np.zeros(len(event), dtype=bool)
    for number in np.unique(event):
        here = np.flatnonzero(event == number)
        stream = open_stream(seed, PURPOSE_REPORTED, 0, address_words(names[number]))
        likely = chronology.reporting.probabilities(chronology.start, names[number], day[here])
        told[here] = stream.random(len(here)) < likely
    return told


def take(outlook: Outlook, runs: Ints) -> Outlook:
    """Some of the futures."""
    return replace(outlook, first=outlook.first[runs], count=outlook.count[runs])
