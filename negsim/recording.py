"""What is kept of a block of runs while the loop goes on? Events, counts behind a summary, paths at the ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from negsim.compiler import Compiled
from negsim.state import Array, Floats, Ints, Parameters, State

PATHS: Final = ("resentment", "fear", "credibility", "need", "channel", "concession", "frozen")
"""What can be recorded at every tick, besides the memories of a term of one's own."""

Stopped = tuple[Ints, Floats]
"""Runs that were stopped because they exploded, ascending, and the day of each's last move."""


@dataclass
class Block:
    """What was recorded of some runs.

    Attributes
    ----------
    runs : int
        How many.
    tally : Tally
        Counts behind the summary, of the runs that came to the end.
    events : (run, event, day) or None
        A number for each event in three arrays, in the order of runs and time; None where events were not asked for.
    paths : dict of str to array, shape (ticks, rows, runs)
        What was recorded at every tick.
    stopped : (run, day)
        The runs that exploded, and the day of each one's last move.
    """

    runs: int
    tally: Tally
    events: tuple[Ints, Ints, Floats] | None
    paths: dict[str, Array]
    stopped: Stopped = field(default_factory=lambda: (np.zeros(0, np.int64), np.zeros(0)))


@dataclass(eq=False)
class Tally:
    """Counts behind a summary, by group of events: they add up over blocks.

    Attributes
    ----------
    first : array of int, shape (groups, days + 1)
        In how many runs the group's first event fell on each day; the last column counts runs without any.
    total, squares : array, shape (groups,)
        Sum and sum of squares over runs of the number of events.
    """

    first: Ints
    total: Floats
    squares: Floats

    def __add__(self, other: Tally) -> Tally:
        """Add the counts of two blocks."""
        return Tally(self.first + other.first, self.total + other.total, self.squares + other.squares)


class Recorder:
    """Keeps what is wanted of one block of runs while the loop goes on."""

    def __init__(
        self,
        compiled: Compiled,
        runs: Ints,
        wanted: Sequence[str],
        state: State,
        until: float,
        parameters: Parameters,
    ) -> None:
        self._compiled = compiled
        self._parameters = parameters
        self._runs = runs
        self._first = int(runs[0]) if len(runs) else 0
        self._until = until
        self._keep_events = "events" in wanted
        self._parts: list[tuple[Ints, Ints, Floats]] = []
        self._stopped: dict[int, float] = {}
        ticks = count_ticks(compiled, until)
        self._paths = {
            name: np.zeros((ticks, len(watch(compiled, parameters, name, state)), len(runs)), dtype=np.float32)
            for name in wanted
            if name != "events"
        }
        for name, path in self._paths.items():
            path[int(state.tick[0])] = watch(compiled, parameters, name, state)

    def note(self, moment: Any) -> None:
        """Note the events of one iteration, and the state of the columns that have passed a tick."""
        fired = moment.fired
        if len(fired):
            self._parts.append((moment.runs[fired], moment.events[fired], moment.state.time[fired]))
        for events, columns in moment.happened:
            self._parts.append((moment.runs[columns], events, moment.state.time[columns]))
        if self._paths and len(moment.ticked):
            seen = moment.state.select(moment.ticked)
            places = moment.runs[moment.ticked] - self._first
            parameters = self._parameters.select(places)
            for name, path in self._paths.items():
                path[seen.tick, :, places] = watch(self._compiled, parameters, name, seen).T

    def stop(self, runs: Ints, days: Floats) -> None:
        """Note runs that explode; what would have been recorded of them at later ticks is unknown."""
        self._stopped.update(zip(runs.tolist(), days.tolist(), strict=True))
        ticks = self._compiled.world.tick_times[:-1]
        for run, day in zip(runs - self._first, days, strict=True):
            for path in self._paths.values():
                path[np.searchsorted(ticks, day, side="right") :, :, run] = np.nan

    def finish(self) -> Block:
        """Hand over the block."""
        if self._parts:
            run, event, day = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        else:
            run, event, day = np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        # Numbers of two bytes, which those of a block's runs are as a rule, are sorted in one pass over each byte.
        order = np.argsort((run - self._first).astype(np.min_scalar_type(len(self._runs))), kind="stable")
        run, event, day = run[order].astype(np.int32), event[order].astype(np.int16), day[order]
        stopped = np.array(sorted(self._stopped), dtype=np.int64)
        tally = self._count(run, event, day, stopped)
        kept = (run, event, day) if self._keep_events else None
        days = np.array([self._stopped[number] for number in stopped.tolist()])
        return Block(len(self._runs), tally, kept, self._paths, (stopped, days))

    def _count(self, run: Ints, event: Ints, day: Floats, stopped: Ints) -> Tally:
        """Tally the runs that came to the end."""
        if len(stopped):
            here = ~np.isin(run, stopped)
            run, event, day = run[here], event[here], day[here]
            # Close the gaps: a tally knows how many runs there are, not which.
            run = run - np.searchsorted(stopped, run)
        return _count(self._compiled, run - self._first, event, day, len(self._runs) - len(stopped), self._until)


def count_ticks(compiled: Compiled, until: float) -> int:
    """Count the ticks before a day."""
    return int(np.searchsorted(compiled.world.tick_times[:-1], until, side="left"))


def watch(compiled: Compiled, parameters: Parameters, name: str, state: State) -> Array:
    """Look up what is recorded under a name, shape (rows, columns)."""
    world = compiled.world
    if name in world.memories:
        return state.memory[world.memories[name]]
    if name == "credibility":
        from negsim.kernel import evaluate_formula

        return np.asarray(evaluate_formula(world.trust, parameters, {"memory": state.memory})) + np.zeros(state.width)
    if name == "need":
        from negsim.kernel import needs

        return needs(world, parameters, state)[:-1]
    if name == "channel":
        return state.channel
    if name == "concession":
        return state.stage
    if name == "frozen":
        return state.frozen
    always = [path for path in PATHS if path not in ("resentment", "fear")]
    allowed = ("events", *dict.fromkeys((*always, *world.memories)))
    raise ValueError(f"record: {name!r} is not among {', '.join(allowed)} (a memory is there while its term is on)")


def _count(compiled: Compiled, run: Ints, event: Ints, day: Floats, runs: int, until: float) -> Tally:
    """Tally one block: first days and numbers of every group's events."""
    group_of, groups = group_events(compiled)
    days = int(np.ceil(until))
    group = group_of[event]
    cell = run.astype(np.int64) * len(groups) + group
    counts = np.bincount(cell, minlength=runs * len(groups)).reshape(runs, len(groups))
    first = np.full((runs, len(groups)), days, dtype=np.int64)
    np.minimum.at(first.reshape(-1), cell, np.minimum(np.floor(day).astype(np.int64), days - 1))
    table = np.zeros((len(groups), days + 1), dtype=np.int64)
    for number in range(len(groups)):
        table[number] = np.bincount(first[:, number], minlength=days + 1)
    squares = (counts.astype(float) ** 2).sum(axis=0)
    return Tally(table, counts.sum(axis=0).astype(float), squares)


GROUP_COLUMNS: Final = ("kind", "actor", "counterpart", "channel", "subject")


def group_events(compiled: Compiled) -> tuple[Ints, list[tuple[str, ...]]]:
    """Group events for the summary: each move by itself, the packages of a channel together.

    Returns
    -------
    group_of : array of int, shape (events,)
    groups : list of (kind, actor, counterpart, channel, subject)
    """
    groups: dict[tuple[str, ...], int] = {}
    group_of = []
    for event in compiled.labels.events:
        subject = "" if event.kind == "agree" else event.subject
        key = (event.kind, event.actor, event.counterpart, event.channel, subject)
        group_of.append(groups.setdefault(key, len(groups)))
    return np.array(group_of, dtype=np.int64), list(groups)
