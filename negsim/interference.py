"""What happens next when somebody interferes? A chooser with removals, bans and forced moves on top of the clocks.

In the terms of the clocks (docs/model.md, section 9): a removed ring starts the clock's next wait but the move is not
made; while a move is banned its hazard is zero, so its clock stands still; a forced move is made at its date and its
clock takes no notice. What was done to which run is kept, so that it can be told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from negsim.calendar import day_number
from negsim.compiler import Compiled
from negsim.edtf import parse_interval
from negsim.ensemble import NOTHING
from negsim.interventions import Intervention, NumberChange, find_paths, match_moves
from negsim.kernel import Outlook, choose, hazards_of, run_clocks
from negsim.problems import NegsimError
from negsim.reasons import explain_impossible
from negsim.state import Flags, Floats, Ints, State

NEVER = np.inf


class Impossible(NegsimError):
    """A forced move that the state does not allow; the message says which, when, why, and what can be done."""


# -- what is to be done -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Removal:
    """One ring of a clock that passes without its move.

    Attributes
    ----------
    moves : array of bool, shape (moves,)
        The moves that are counted together.
    nth : int
        Which of their rings it is, counted from 1 within the window.
    low, high : float
        The window, in days from the start: ``low <= day < high``.
    delay : float or None
        Days after which the move is made all the same; None for never.
    refuse : bool
        Whether it is an error if a delayed move is impossible on its day (otherwise it is left out, and counted).
    """

    moves: Flags
    nth: int
    low: float
    high: float
    delay: float | None = None
    refuse: bool = True


@dataclass(frozen=True, eq=False)
class Standstill:
    """Some moves cannot be made for a time.

    Attributes
    ----------
    moves : array of int
        Their row numbers.
    low, high : float
        From when until when, in days from the start.
    """

    moves: Ints
    low: float
    high: float


@dataclass(frozen=True)
class Push:
    """A move is made at a date, whatever its clock says.

    Attributes
    ----------
    move : int
        Its row number.
    day : float
        Days from the start.
    refuse : bool
        Whether it is an error if the move is impossible then (otherwise it is left out, and counted).
    """

    move: int
    day: float
    refuse: bool = True


@dataclass(frozen=True)
class Step:
    """Numbers are others for a time.

    Attributes
    ----------
    change : NumberChange
        What becomes of them.
    paths : tuple of str
        Their key paths.
    low, high : float
        From when until when, in days from the start.
    """

    change: NumberChange
    paths: tuple[str, ...]
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Plan:
    """An intervention by row numbers and days."""

    removals: tuple[Removal, ...] = ()
    standstills: tuple[Standstill, ...] = ()
    pushes: tuple[Push, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def dates(self) -> tuple[float, ...]:
        """Days on which something changes: moments of re-evaluation in every arm."""
        periods = [(still.low, still.high) for still in self.standstills] + [(s.low, s.high) for s in self.steps]
        edges = [day for period in periods for day in period]
        return tuple(sorted({day for day in (*edges, *(push.day for push in self.pushes)) if 0 < day < NEVER}))


def lay_plan(compiled: Compiled, intervention: Intervention) -> Plan:
    """Turn an intervention that has passed its checks into row numbers and days."""
    events = compiled.labels.events[: compiled.world.moves]
    start = compiled.scenario.start

    def window(entry: Any) -> tuple[float, float]:
        low, high = parse_interval(entry.within) if entry.within else (None, None)
        return _day(start, low, -NEVER), _day(start, high, NEVER)

    def period(entry: Any) -> tuple[float, float]:
        last = None if entry.until is None else entry.until + dt.timedelta(days=1)
        return _day(start, entry.from_, 0.0), _day(start, last, NEVER)

    def flags(pattern: str) -> Flags:
        found = np.zeros(len(events), dtype=bool)
        found[match_moves(pattern, events)] = True
        return found

    removals = [Removal(flags(e.move), e.nth, *window(e)) for e in intervention.remove]
    removals += [Removal(flags(e.move), e.nth, *window(e)) for e in intervention.move]
    removals += [
        Removal(flags(e.move), e.nth, *window(e), e.days, e.if_impossible == "refuse") for e in intervention.delay
    ]
    stills = [Standstill(np.flatnonzero(flags(e.move)), *period(e)) for e in intervention.ban]
    pushes = [(e.move, e.date, e.if_impossible) for e in intervention.force]
    pushes += [(e.move, e.to, e.if_impossible) for e in intervention.move]
    steps = [
        Step(e, tuple(find_paths(e.path, compiled.scenario, compiled.numbers)), *period(e)) for e in intervention.number
    ]
    made = [Push(match_moves(move, events)[0], day_number(start, when), r == "refuse") for move, when, r in pushes]
    return Plan(tuple(removals), tuple(stills), tuple(sorted(made, key=lambda push: push.day)), tuple(steps))


def _day(start: dt.date, date: dt.date | None, otherwise: float) -> float:
    return otherwise if date is None else day_number(start, date)


# -- what was done ----------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class Log:
    """What an intervention did, as pieces that each hold the runs, the moves and the days of some entries.

    Attributes
    ----------
    removed, forced, impossible : list of (runs, moves, days)
        Rings that passed without effect, moves that were forced, and forced moves that the state did not allow.
    held : list of (runs, moves, days)
        Banned moves that could have been made otherwise, at the beginning of the ban in each run.
    reasons : list of (int, str)
        Why a forced move was impossible, in the first run in which it was (of each block).
    """

    removed: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    forced: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    impossible: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    held: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)
    reasons: list[tuple[int, str]] = field(default_factory=list)

    def table(self, what: str) -> tuple[Ints, Ints, Floats]:
        """One kind of entry as arrays of runs, moves and days."""
        parts = getattr(self, what)
        if not parts:
            return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
        run, move, day = (np.concatenate(column) for column in zip(*parts, strict=True))
        return run, move, day


class Rings(Protocol):
    """Clocks of all moves: what is left on each, and how they are started anew."""

    remaining: Floats

    def renew(self, moves: Ints, columns: Ints) -> None:
        """Start the next wait of some (move, column) pairs."""


class Interfering:
    """Chooses by clocks, with an intervention.

    Parameters
    ----------
    compiled : Compiled
        The world of this arm.
    clocks : Rings
        Clocks of every run; kept whole while columns of the loop come to their end.
    runs : array of int
        Run numbers.
    plan : Plan
        What is to be done.
    """

    def __init__(self, compiled: Compiled, clocks: Rings, runs: Ints, plan: Plan) -> None:
        self.clocks, self.log = clocks, Log()
        self._compiled, self._runs, self.plan = compiled, runs, plan
        width = len(runs)
        self._here = np.arange(width)
        self._seen = np.zeros((len(plan.removals), width), dtype=np.int64)
        self._due = np.full((len(plan.pushes) + len(plan.removals), width), NEVER)
        for row, push in enumerate(plan.pushes):
            self._due[row] = push.day
        self._bitten = np.zeros((len(plan.standstills), width), dtype=bool)

    # -- the loop asks ------------------------------------------------------------------------------------------------

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Take the nearest of rings and forced moves; rings that are to be removed pass without effect."""
        pushed, wait = self._next_push(state)
        soon = np.flatnonzero(wait < horizon)
        possible = hazards_of(outlook, self._pushed_move(pushed[soon]), soon, False) > 0 if len(soon) else soon
        self._stand_still(outlook, state)
        self._remaining = self._take()
        events, elapsed = self._nearest(outlook, state, horizon)
        first = wait[soon] <= elapsed[soon]
        columns = soon[first]
        self._pushed = np.full(len(horizon), -1)
        self._pushed[columns] = pushed[columns]
        moves = self._pushed_move(pushed[columns])
        events[columns] = np.where(possible[first], moves, NOTHING)
        elapsed[columns] = wait[columns]
        self._at = state.time + elapsed
        self._ringing = np.where((events >= 0) & (self._pushed < 0), events, -1)
        self._remove(events)
        for column in columns[~possible[first]].tolist():
            if self._at[column] < until:
                self._explain(outlook, state, column)
        return events, elapsed

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Let the clocks run, start afresh those that rang, and note what was done."""
        run_clocks(outlook, self._remaining, elapsed)
        self._put(self._remaining)
        rang = np.flatnonzero((self._ringing >= 0) & ((events >= 0) | (events == NOTHING)))
        if len(rang):
            self._note_rings(rang, events[rang] == NOTHING)
            self.clocks.renew(self._ringing[rang], self._here[rang])
        pushed = np.flatnonzero((self._pushed >= 0) & ((events >= 0) | (events == NOTHING)))
        if len(pushed):
            self._note_pushes(pushed, events[pushed] == NOTHING)

    def select(self, columns: Ints) -> None:
        """Keep some columns in the loop."""
        self._here = self._here[columns]

    def resume(self, columns: Ints) -> None:
        """Take runs up again, where the loop goes on with other numbers."""
        self._here = columns

    def depart(self) -> None:
        """Take note that numbers have changed in every run."""
        self._diverge(np.arange(len(self._here)))

    # -- rings --------------------------------------------------------------------------------------------------------

    def _nearest(self, outlook: Outlook, state: State, horizon: Floats) -> tuple[Ints, Floats]:
        """The next ring of each column, or the tick."""
        return choose(outlook, self._remaining, horizon)

    def _take(self) -> Floats:
        """What is left on the clocks of the columns in the loop."""
        whole = len(self._here) == len(self._runs)
        return self.clocks.remaining if whole else np.take(self.clocks.remaining, self._here, axis=1)

    def _put(self, remaining: Floats) -> None:
        if remaining is not self.clocks.remaining:
            self.clocks.remaining[:, self._here] = remaining

    # -- bans ---------------------------------------------------------------------------------------------------------

    def _stand_still(self, outlook: Outlook, state: State) -> None:
        """Take the hazards of banned moves away."""
        for row, still in enumerate(self.plan.standstills):
            columns = np.flatnonzero((state.time >= still.low) & (state.time < still.high))
            if len(columns):
                held = still_moves(outlook, still.moves, columns)
                self._note_ban(row, columns[held], state.time)

    def _note_ban(self, row: int, columns: Ints, time: Floats) -> None:
        fresh = columns[~self._bitten[row, self._here[columns]]]
        if len(fresh):
            self._bitten[row, self._here[fresh]] = True
            move = int(self.plan.standstills[row].moves[0])
            self.log.held.append((self._runs[self._here[fresh]], np.full(len(fresh), move), time[fresh]))
            self._diverge(fresh)

    # -- removals -----------------------------------------------------------------------------------------------------

    def _remove(self, events: Ints) -> None:
        """Let rings that are to be removed pass without effect. Changes `events`."""
        ringing = np.flatnonzero(self._ringing >= 0)
        for row, removal in enumerate(self.plan.removals):
            counted = ringing[self._counts(removal, ringing)]
            due = counted[self._seen[row, self._here[counted]] + 1 == removal.nth]
            events[due] = NOTHING

    def _counts(self, removal: Removal, columns: Ints) -> Flags:
        """Whether what rings in some columns is an occurrence that a removal counts."""
        at = self._at[columns]
        return removal.moves[self._ringing[columns]] & (at >= removal.low) & (at < removal.high)

    def _note_rings(self, columns: Ints, removed: Flags) -> None:
        for row, removal in enumerate(self.plan.removals):
            counted = columns[self._counts(removal, columns)]
            here = self._here[counted]
            self._seen[row, here] += 1
            if removal.delay is not None:
                late = self._seen[row, here] == removal.nth
                self._due[len(self.plan.pushes) + row, here[late]] = self._at[counted[late]] + removal.delay
        gone = columns[removed]
        if len(gone):
            self.log.removed.append((self._runs[self._here[gone]], self._ringing[gone], self._at[gone]))
            self._diverge(gone)

    # -- forced moves -------------------------------------------------------------------------------------------------

    def _next_push(self, state: State) -> tuple[Ints, Floats]:
        """Row of the next forced move of each column, and the days until then."""
        if not len(self._due):
            return np.zeros(len(self._here), dtype=np.int64), np.full(len(self._here), NEVER)
        due = self._due[:, self._here]
        row = due.argmin(axis=0)
        return row, reach(state.time, due[row, np.arange(due.shape[1])])

    def _pushed_move(self, rows: Ints) -> Ints:
        """Moves of some rows: forced ones first, then those that are delayed."""
        moves = [push.move for push in self.plan.pushes]
        moves += [int(removal.moves.argmax()) for removal in self.plan.removals]
        return np.array(moves, dtype=np.int64)[rows] if moves else np.zeros(0, dtype=np.int64)

    def _note_pushes(self, columns: Ints, failed: Flags) -> None:
        rows = self._pushed[columns]
        self._due[rows, self._here[columns]] = NEVER
        moves = self._pushed_move(rows)
        for what, chosen in ((self.log.forced, ~failed), (self.log.impossible, failed)):
            if chosen.any():
                where = columns[chosen]
                what.append((self._runs[self._here[where]], moves[chosen], self._at[where]))
        if (~failed).any():
            self._diverge(columns[~failed])

    def _explain(self, outlook: Outlook, state: State, column: int) -> None:
        """Refuse a forced move that is impossible, or keep the reason of the first."""
        row = int(self._pushed[column])
        pushes = self.plan.pushes
        refuse = pushes[row].refuse if row < len(pushes) else self.plan.removals[row - len(pushes)].refuse
        move = int(self._pushed_move(np.array([row]))[0])
        run = int(self._runs[self._here[column]])
        if not refuse and any(told <= run for told, _ in self.log.reasons):
            return
        text = explain_impossible(self._compiled, state, outlook, move, column, float(self._at[column]))
        if refuse:
            raise Impossible(
                f"run {run}: {text}; with if_impossible = 'leave' such runs stay as they are, and are counted"
            )
        self.log.reasons[:] = [(run, text)]

    # -- when histories begin to differ -------------------------------------------------------------------------------

    def _diverge(self, columns: Ints) -> None:
        """Told of columns in which the intervention has just had its first effect, or another one."""


def still_moves(outlook: Outlook, moves: Ints, columns: Ints) -> Flags:
    """Set hazards of some moves to zero in some columns; in which of the columns there was any. Changes `outlook`."""
    found = np.zeros(len(columns), dtype=bool)
    dense = moves[moves < outlook.hazards.shape[0]]
    for move in dense.tolist():
        found |= outlook.hazards[move, columns] > 0
        outlook.hazards[move, columns] = 0.0
    for packages in outlook.packages:
        rows = moves[(moves >= packages.rows.start) & (moves < packages.rows.stop)] - packages.rows.start
        if len(rows):
            here = np.arange(outlook.hazards.shape[1])[packages.columns]
            places = np.flatnonzero(np.isin(here, columns))
            found |= np.isin(columns, here[places][(packages.hazards[np.ix_(rows, places)] > 0).any(axis=0)])
            packages.hazards[np.ix_(rows, places)] = 0.0
    return found


def reach(time: Floats, dates: Floats) -> Floats:
    """Days from moments to later ones, such that adding them arrives (and 0 for what is past).

    Exactly, unless the way is longer than half the date: then at most one unit in its last place away (some 1e-13
    days), since no number of days may lead to a date whose last bit is odd.
    """
    wait = np.maximum(dates - time, 0.0)
    finite = np.isfinite(wait)
    gap = np.where(finite, dates - (time + np.where(finite, wait, 0.0)), 0.0)
    return np.asarray(np.maximum(wait + np.where(dates > time, gap, 0.0), 0.0))


def join_logs(logs: Sequence[Log]) -> Log:
    """Put the logs of several blocks together."""
    total = Log()
    for log in logs:
        for what in ("removed", "forced", "impossible", "held", "reasons"):
            getattr(total, what).extend(getattr(log, what))
    return total
