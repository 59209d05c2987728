"""What is a given history? Dated moves, found by name, for replay.

A move may be named by its address (``"freeze:JPN::food_aid"``), or by a mapping or a row of an event table with
``kind`` and as many of ``actor``, ``channel``, ``subject`` as it takes to tell it apart. Consequences (``delivered``,
``broken``, ``lapsed``) are not moves: the replay works them out, so rows that name them are passed over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from negsim.calendar import ZONELESS, day_number
from negsim.compiler import Compiled
from negsim.moves import Event, find_address
from negsim.problems import NOTHING, Problem, ScenarioError, find_nearest
from negsim.state import Floats, Ints
from negsim.vocabulary import CONSEQUENCES

PARTS: Final = ("kind", "actor", "channel", "subject")
EXACT: Final = "a date such as 1999-12-21, or days from the start; a chronology with rough dates needs a fit to it"
"""What may stand for a date."""


@dataclass(frozen=True, eq=False, repr=False)
class History:
    """Moves in the order of time.

    Attributes
    ----------
    days : array, shape (moves,)
        Days from the start.
    moves : array of int, shape (moves,)
        Row numbers of the moves.
    """

    days: Floats
    moves: Ints

    def __len__(self) -> int:
        """Number of moves."""
        return len(self.moves)

    def __repr__(self) -> str:
        when = f", days {self.days[0]:.6g} to {self.days[-1]:.6g}" if len(self) else ""
        return f"History({len(self):,} moves{when})"


@dataclass(frozen=True, eq=False)
class Coverage:
    """With what probability a source would have reported each move, over time.

    Attributes
    ----------
    profile : array of int, shape (moves,)
        Which profile each move has.
    edges : array, shape (periods + 1,)
        Days from the start between which reporting is constant.
    shares : array, shape (profiles, periods)
        Probability of being reported; 0 outside the edges.
    """

    profile: Ints
    edges: Floats
    shares: Floats

    def exposure(self, start: Floats, stop: Floats) -> Floats:
        """Days of reporting between two moments of each column, shape (profiles, columns)."""
        return np.stack(
            [np.interp(stop, self.edges, total) - np.interp(start, self.edges, total) for total in self.sums]
        )

    @cached_property
    def sums(self) -> Floats:
        """Days of reporting up to every edge, shape (profiles, periods + 1)."""
        gained = np.cumsum(self.shares * np.diff(self.edges), axis=1)
        return np.concatenate((np.zeros((len(gained), 1)), gained), axis=1)

    def shares_at(self, days: Floats) -> Floats:
        """Probability of being reported at some moments, shape (profiles, moments)."""
        return self.shares[:, self._period(days)]

    def log_share(self, moves: Ints, days: Floats) -> Floats:
        """Log probability that moves at some days were reported."""
        return np.asarray(self._log_shares[self.profile[moves], self._period(days)])

    def _period(self, days: Floats) -> Ints:
        return np.clip(np.searchsorted(self.edges, days, side="right") - 1, 0, self.shares.shape[1] - 1)

    @cached_property
    def _log_shares(self) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.shares))


def read_history(compiled: Compiled, rows: Any, file: str = "<history>") -> History:
    """Find the moves that rows name and put them in the order of time.

    Parameters
    ----------
    compiled : Compiled
        Whose moves they are.
    rows : iterable or DataFrame
        Pairs (when, move); or mappings with ``date`` (or ``day``) and ``move`` (its address) or the parts of the move;
        or an event table. *When* is a date, a datetime or a number of days from the start. Rows of the same moment keep
        their order.
    file : str
        What to call them in mistakes.

    Raises
    ------
    ScenarioError
        With every row that cannot be understood: what was given, what is allowed, the nearest move.
    TypeError
        For what has no rows.
    """
    if isinstance(rows, History):
        return rows
    if hasattr(rows, "to_dicts"):  # a frame of polars
        rows = rows.to_dicts()
    elif hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        rows = rows.to_dict("records")
    if not isinstance(rows, Iterable) or isinstance(rows, str | bytes):
        raise TypeError(f"a history is a list of moves, an event table, a History or an Ensemble, not {rows!r}")
    days, moves, problems = [], [], []
    for number, row in enumerate(rows, start=1):
        try:
            when, what = _split(row)
            if isinstance(what, Mapping) and what.get("kind") in CONSEQUENCES:
                continue
            days.append(_day(compiled, when))
            moves.append(find_move(compiled, what))
        except _Misread as misread:
            problems.append(Problem(file, f"row {number}", misread.given, misread.allowed, misread.nearest))
    if problems:
        raise ScenarioError(tuple(problems))
    order = np.argsort(np.array(days), kind="stable")
    return History(np.array(days, dtype=float)[order], np.array(moves, dtype=np.int64)[order])


class _Misread(Exception):
    def __init__(self, given: str, allowed: str, nearest: str | None = None) -> None:
        super().__init__(given)
        self.given, self.allowed, self.nearest = given, allowed, nearest


def _split(row: Any) -> tuple[Any, Any]:
    if isinstance(row, Mapping):
        day = row.get("day")
        return (day if day is not None else row.get("date")), row
    if not isinstance(row, Sequence) or len(row) != 2:
        raise _Misread(repr(row), "a pair (when, move), or a mapping with date and the parts of the move")
    when, what = row
    return when, what


def _day(compiled: Compiled, when: Any) -> float:
    """Days from the start, checked to lie within the scenario's period."""
    if isinstance(when, str):
        try:
            when = dt.datetime.fromisoformat(when)
        except ValueError:
            raise _Misread(repr(when), EXACT) from None
    if isinstance(when, np.datetime64):
        when = when.astype("datetime64[us]").item()
    start = compiled.scenario.start
    if getattr(when, "tzinfo", None) is not None:
        raise _Misread(str(when), f"a date or a moment {ZONELESS}")
    if isinstance(when, dt.date):
        day = day_number(start, when)
    elif isinstance(when, int | float | np.number) and not isinstance(when, bool):
        day = float(when)
    else:
        raise _Misread(NOTHING if when is None else repr(when), "a date, or days from the start")
    if not 0 <= day < float(compiled.world.tick_times[-1]):
        raise _Misread(str(when), f"a moment from {start} to the end of {compiled.scenario.end}")
    return day


def find_move(compiled: Compiled, what: Any) -> int:
    """Find the row number of a move by its address, its number or its parts."""
    moves = compiled.labels.events[: compiled.world.moves]
    if isinstance(what, int | np.integer) and not isinstance(what, bool):
        if 0 <= what < len(moves):
            return int(what)
        raise _Misread(str(what), f"a move's number below {len(moves)}")
    if isinstance(what, Event):
        what = what.name
    if isinstance(what, str):
        names = [move.name for move in moves]
        if (meant := find_address(what, names)) is not None:
            return names.index(meant)
        raise _Misread(repr(what), "a move of the scenario, kind:actor:channel:subject", find_nearest(what, names))
    if isinstance(what, Mapping) and _told(what.get("move")):
        return find_move(compiled, what["move"])
    if isinstance(what, Mapping):
        return _find_by_parts(moves, {part: str(what[part]) for part in PARTS if _told(what.get(part))})
    raise _Misread(repr(what), "a move by its address or its parts")


def _told(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _find_by_parts(moves: Sequence[Event], parts: Mapping[str, str]) -> int:
    if parts.get("kind") == "agree" and "subject" in parts:
        wanted = set(parts["subject"].split("+"))
        found = [
            number
            for number, move in enumerate(moves)
            if move.kind == "agree"
            and set(move.items) == wanted
            and all(getattr(move, part) == parts[part] for part in ("actor", "channel") if part in parts)
        ]
    else:
        found = [n for n, move in enumerate(moves) if all(getattr(move, part) == parts[part] for part in parts)]
    if len(found) == 1:
        return found[0]
    given = ":".join(parts.get(part, "") for part in PARTS)
    if found and parts:
        some = ", ".join(moves[number].name for number in found[:4])
        more = ", ..." if len(found) > 4 else ""
        raise _Misread(given, f"parts that name one move; these name {len(found)} ({some}{more})")
    raise _Misread(given, "a move of the scenario", find_nearest(given, [move.name for move in moves]))


@dataclass(frozen=True, eq=False)
class Stacked:
    """Histories side by side, a column each.

    Attributes
    ----------
    days : array, shape (longest + 1, columns)
        In the order of time, padded with infinity.
    moves : array of int, shape (longest + 1, columns)
        Row numbers of the moves, padded with -1.
    """

    days: Floats
    moves: Ints

    @property
    def columns(self) -> int:
        """Number of histories."""
        return int(self.days.shape[1])

    def select(self, columns: Ints) -> Stacked:
        """Take some of the histories."""
        return Stacked(self.days[:, columns], self.moves[:, columns])


def stack_histories(histories: Sequence[History]) -> Stacked:
    """Put histories side by side."""
    lengths = np.array([len(history.days) for history in histories], dtype=np.int64)
    longest = int(lengths.max(initial=0))
    days, moves = _pad(len(histories), longest + 1)
    if longest:
        told = np.arange(longest + 1) < lengths[:, None]
        days[told] = np.concatenate([history.days for history in histories])
        moves[told] = np.concatenate([history.moves for history in histories])
    return Stacked(days.T, moves.T)


def stack_moves(days: Floats, moves: Ints) -> Stacked:
    """Put histories of equal length side by side; each is brought into the order of time.

    Parameters
    ----------
    days, moves : arrays, shape (columns, moves)
        Moves of the same moment keep their order.
    """
    order = np.argsort(days, axis=1, kind="stable")
    ordered, names = _pad(days.shape[0], days.shape[1] + 1)
    ordered[:, :-1] = np.take_along_axis(days, order, axis=1)
    names[:, :-1] = np.take_along_axis(np.broadcast_to(moves, days.shape), order, axis=1)
    return Stacked(ordered.T, names.T)


def _pad(columns: int, length: int) -> tuple[Floats, Ints]:
    """Days and moves beyond every end, shape (columns, length)."""
    return np.full((columns, length), np.inf), np.full((columns, length), -1, dtype=np.int64)
