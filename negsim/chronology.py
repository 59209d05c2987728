"""What is known to have happened, and when? Rows of a source, the dated moves they stand for, what they leave open.

Nothing is dropped: every row of the source is mapped to moves of the scenario, a duplicate of another row, a
prediction, or outside the model, with the reason. A date is a window of days. Moves that must have happened for others
to be possible are *implied*: their dates are unknown like vague ones. :attr:`Chronology.unknowns` lists what is open,
as coordinates between 0 and 1; :meth:`Chronology.histories` turns them into complete histories.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from negsim.arguments import check_arguments
from negsim.calendar import day_number, read_day
from negsim.compiler import Compiled
from negsim.edtf import format_interval
from negsim.history import Coverage, History, Stacked, stack_moves
from negsim.placement import Link, Placement, read_points, solve
from negsim.reporting import Reporting
from negsim.state import Floats, Ints

if TYPE_CHECKING:
    import pandas

Status = Literal["mapped", "duplicate", "prediction", "outside"]
STATUSES: Final[tuple[Status, ...]] = ("mapped", "duplicate", "prediction", "outside")
SESSION_ENDS: Final = ("adjourn", "walk_out")
LINE: Final = 120


@dataclass(frozen=True)
class Row:
    """One row of the source.

    Attributes
    ----------
    id : str
    fields : mapping of str to str
        The row as it stands in the source.
    status : str
        ``mapped`` (to moves of its own, or as part of another row's move), ``duplicate`` (of a fact that another row
        tells), ``prediction`` (of what is still to come) or ``outside`` (the model has nothing for it).
    of : str
        The row it duplicates, or the move that it is part of.
    reason : str
        Why it has this status.
    conflict : str
        What contradicts it, kept as a note.
    is_move : bool
        Whether the fact is something that somebody did, or a state of things.
    weak : bool
        Whether the source itself says that it has no better source.
    """

    id: str
    fields: Mapping[str, str]
    status: Status = "mapped"
    of: str = ""
    reason: str = ""
    conflict: str = ""
    is_move: bool = True
    weak: bool = False


@dataclass(frozen=True)
class DatedMove:
    """A move that happened on some day of a window.

    Attributes
    ----------
    key : str
        What it is called in links and unknowns: the row and the kind of move, such as ``A33.open``.
    row : str
        The row that tells it, or that implies it.
    names : tuple of str
        Its address; several when the row stands for one of them and does not say which.
    low, high : float
        Days from the start of the scenario: ``low <= t < high``, at least one day apart.
    implied : bool
        Whether it is told by the source, or only required by what the source tells.
    """

    key: str
    row: str
    names: tuple[str, ...]
    low: float
    high: float
    implied: bool = False


@dataclass(frozen=True)
class Unknown:
    """What a chronology leaves open: one coordinate.

    Attributes
    ----------
    key, row : str
        The move it belongs to, and the row of that move.
    kind : str
        ``date``, or ``choice`` between the names of a move.
    low, high : float
        Window of the date in days, as far as windows and links bound it; of a choice: 0 and the number of names.
    names : tuple of str
        The move's address, or those between which to choose.
    implied : bool
    """

    key: str
    row: str
    kind: Literal["date", "choice"]
    low: float
    high: float
    names: tuple[str, ...]
    implied: bool


@dataclass(frozen=True, eq=False)
class Placed:
    """Points of the unit cube as dates.

    Attributes
    ----------
    days : array, shape (points, moves)
    moves : array of int, shape (points, moves)
        Row numbers of the compiled moves.
    log_volume : array, shape (points,)
        See :meth:`negsim.placement.Placement.place`; with the choices, of which each counts as one.
    """

    days: Floats
    moves: Ints
    log_volume: Floats


@dataclass(frozen=True, repr=False)
class Chronology:
    """What a source reports about the period of a scenario. Made by :func:`negsim.load_chronology`.

    Attributes
    ----------
    name : str
    case : str
        Name of the scenario to whose moves it refers.
    start : date
        Start of the scenario: day 0.
    window : (float, float)
        Beginning and end of the observation, in days.
    rows : tuple of Row
    moves : tuple of DatedMove
        In the order of the rows.
    links : tuple of Link
        Which move comes before which (by their places in `moves`).
    predictions : tuple of DatedMove
        What the source expects; not part of the likelihood.
    reporting : Reporting
        What the source would have reported.
    by_rule, as_listed : bool
        How dates of the same day are treated (see :func:`negsim.placement.solve`).
    """

    name: str
    case: str
    start: dt.date
    window: tuple[float, float]
    rows: tuple[Row, ...]
    moves: tuple[DatedMove, ...]
    links: tuple[Link, ...]
    reporting: Reporting
    predictions: tuple[DatedMove, ...] = ()
    by_rule: bool = True
    as_listed: bool = True

    def __repr__(self) -> str:
        return f"Chronology({next(self._report())!r})"

    # -- what is open ------------------------------------------------------------------------------------------------

    @property
    def until(self) -> dt.date:
        """Last day of the observation, as :func:`negsim.replay` takes it."""
        return self.date(self.window[1] - 1.0)

    @check_arguments
    def date(self, day: float) -> dt.date:
        """The date of a day counted from the start."""
        try:
            return self.start + dt.timedelta(days=int(np.floor(day)))
        except (OverflowError, ValueError):
            raise ValueError(f"day must be a number of days to a date, not {day!r}") from None

    @cached_property
    def placement(self) -> Placement:
        """Windows and links of the moves, solved."""
        low = np.array([move.low for move in self.moves], dtype=float)
        high = np.array([move.high for move in self.moves], dtype=float)
        return solve(low, high, self.links, by_rule=self.by_rule, as_listed=self.as_listed)

    @cached_property
    def unknowns(self) -> tuple[Unknown, ...]:
        """Coordinates of everything that is open: first dates, then choices between moves."""
        low, high = self.placement.low, self.placement.high
        dated = [(self.moves[step.place], low[step.place], high[step.place]) for step in self.placement.steps]
        dates = [
            Unknown(move.key, move.row, "date", float(first), float(last), move.names, move.implied)
            for move, first, last in dated
        ]
        chosen = [self.moves[place] for place in self._choices]
        return (
            *dates,
            *(Unknown(m.key, m.row, "choice", 0.0, float(len(m.names)), m.names, m.implied) for m in chosen),
        )

    @cached_property
    def _choices(self) -> list[int]:
        return [place for place, move in enumerate(self.moves) if len(move.names) > 1]

    @check_arguments
    def number(self, compiled: Compiled) -> Ints:
        """Row numbers of the moves in a compiled scenario; where a row is open between some, that of the first.

        Raises
        ------
        ValueError
            When the scenario lacks one of the moves.
        """
        numbers = compiled.labels.numbers
        if lacking := [name for move in self.moves for name in move.names if name not in numbers]:
            raise ValueError(f"{compiled.scenario.name} has no move {lacking[0]}; the chronology is of {self.case}")
        return np.array([numbers[move.names[0]] for move in self.moves], dtype=np.int64)

    @check_arguments
    def place(self, compiled: Compiled, unit: Floats) -> Placed:
        """Turn points of the unit cube into dated moves.

        Parameters
        ----------
        compiled : Compiled
            The compiled scenario.
        unit : array, shape (points, len(unknowns))
            Any values from 0 to 1: every point gives dates that keep all windows and all orders.
        """
        unit = read_points("unit", unit, len(self.unknowns))
        days, volume = self.placement.place(unit[:, : self.placement.size])
        numbers = compiled.labels.numbers
        moves = np.tile(self.number(compiled), (len(unit), 1))
        for column, place in enumerate(self._choices, start=self.placement.size):
            names = np.array([numbers[name] for name in self.moves[place].names])
            taken = np.minimum((unit[:, column] * len(names)).astype(np.int64), len(names) - 1)
            moves[:, place] = names[taken]
            volume = volume + np.log(len(names))
        return Placed(days, moves, volume)

    def stack(self, compiled: Compiled, unit: Floats) -> Stacked:
        """Turn points of the unit cube into complete histories side by side, as :func:`negsim.replay` takes them."""
        placed, sequence = self.place(compiled, unit), self.placement.sequence
        return stack_moves(placed.days[:, sequence], placed.moves[:, sequence])

    def sort(self, days: Floats) -> Ints:
        """Places of the moves in the order of time, shape (points, moves); of the same moment as the links say."""
        days, sequence = read_points("days", days, len(self.moves)), self.placement.sequence
        return np.asarray(sequence[np.argsort(days[:, sequence], axis=1, kind="stable")])

    def histories(self, compiled: Compiled, unit: Floats) -> list[History]:
        """Turn points of the unit cube into complete histories, one for each point (see :meth:`place`)."""
        stacked = self.stack(compiled, unit)
        return [History(days[:-1], moves[:-1]) for days, moves in zip(stacked.days.T, stacked.moves.T, strict=True)]

    def log_volume(self, unit: Floats) -> Floats:
        """Log of the volume that the map of :meth:`place` gives a unit of volume, at some points.

        The probability of what the source tells is the integral of the likelihood (a density per day) over all dates
        that keep windows and orders, summed over choices: the mean over the unit cube of
        ``exp(replay(...).total + log_volume(unit))``.
        """
        unit = read_points("unit", unit, len(self.unknowns))
        volume = self.placement.place(unit[:, : self.placement.size])[1]
        return volume + sum(float(np.log(len(self.moves[place].names))) for place in self._choices)

    @check_arguments
    def find_point(self, compiled: Compiled, history: History) -> Floats:
        """Find the point of the unit cube that a history comes from.

        Moves of the same address are taken in the order of time.

        Returns
        -------
        array, shape (len(unknowns),)

        Raises
        ------
        ValueError
            When the history lacks a move of the chronology.
        """
        numbers, free = compiled.labels.numbers, list(zip(history.moves.tolist(), history.days.tolist(), strict=True))
        days, choices = np.full(len(self.moves), np.nan), dict[int, int]()
        for place in sorted(range(len(self.moves)), key=lambda place: float(self.placement.low[place])):
            move = self.moves[place]
            wanted = [numbers[name] for name in move.names]
            low, high = self.placement.low[place], self.placement.high[place]
            found = next((entry for entry in free if entry[0] in wanted and low <= entry[1] < high), None)
            if found is None:
                raise ValueError(f"the history has no {' or '.join(move.names)} for {move.key}")
            free.remove(found)
            days[place], choices[place] = found[1], wanted.index(found[0])
        dates = self.placement.unplace(days[None, :])[0]
        taken = [(choices[place] + 0.5) / len(self.moves[place].names) for place in self._choices]
        return np.concatenate((dates, np.array(taken, dtype=float)))

    # -- what is reported --------------------------------------------------------------------------------------------

    @check_arguments
    def coverage(self, compiled: Compiled) -> Coverage:
        """The coverage, as :func:`negsim.replay` takes it.

        A move that the chronology implies is accounted for in its window: there its hazard counts in full, as if no
        other of its kind had happened than those that are told and implied.
        """
        self.number(compiled)  # refuses a scenario without these moves
        low, high = self.placement.low, self.placement.high
        implied = [
            (name, float(low[place]), float(high[place]))
            for place, move in enumerate(self.moves)
            if move.implied
            for name in move.names
        ]
        return self.reporting.compile(compiled, self.window, implied)

    def cut(self, last: dt.date | str) -> Chronology:
        """The chronology as it would have been known on a day.

        Told moves that may have happened later are left out; and implied ones, unless something told until then comes
        after them, or their own row is told and their window is over. (The windows themselves may owe something to
        later rows: a codebook is written with hindsight.)

        Raises
        ------
        ValueError
            For what is no day, or one before the window.
        """
        day = read_day("last", last) or self.until
        end = day_number(self.start, day) + 1.0
        if end <= self.window[0]:
            raise ValueError(f"last must be a day from {self.date(self.window[0])} on, not {day}")
        kept = self._known(end)
        number = {place: position for position, place in enumerate(kept)}
        moves = tuple(dataclasses.replace(self.moves[k], high=min(self.moves[k].high, end)) for k in kept)
        links = tuple(
            dataclasses.replace(link, before=number[link.before], after=number[link.after])
            for link in self.links
            if link.before in number and link.after in number
        )
        named = {move.row for move in moves} | {move.key for move in moves}
        rows = tuple(row for row in self.rows if row.status != "mapped" or row.id in named or row.of in named)
        window = (self.window[0], min(self.window[1], end))
        return dataclasses.replace(self, rows=rows, moves=moves, links=links, window=window)

    def _known(self, end: float) -> list[int]:
        """Places of the moves that are known at a moment."""
        high, reach = self.placement.high, self.placement.reach
        told = [place for place, move in enumerate(self.moves) if not move.implied and high[place] <= end]
        rows = {self.moves[place].row for place in told}
        needed = [
            place
            for place, move in enumerate(self.moves)
            if move.implied
            and ((high[place] <= end and move.row in rows) or any(reach[later, place] <= 0 for later in told))
        ]
        return sorted([*told, *needed])

    # -- in words ----------------------------------------------------------------------------------------------------

    def shares(self) -> dict[str, int]:
        """Count rows by what became of them.

        Returns
        -------
        dict
            ``rows``; rows of each status; ``facts`` (rows that are no duplicates); ``moves`` (facts that somebody did),
            and ``moves_mapped`` (of those, mapped or predicted).
        """
        count = Counter(row.status for row in self.rows)
        facts = [row for row in self.rows if row.status != "duplicate"]
        done = [row for row in facts if row.is_move]
        mapped = sum(row.status in ("mapped", "prediction") for row in done)
        statuses: dict[str, int] = {status: count[status] for status in STATUSES}
        return {"rows": len(self.rows), **statuses, "facts": len(facts), "moves": len(done), "moves_mapped": mapped}

    def conflicts(self) -> dict[str, str]:
        """What contradicts a row, by its id."""
        return {row.id: row.conflict for row in self.rows if row.conflict}

    def sessions_left(self) -> list[DatedMove]:
        """The meetings that nothing in the chronology ends: their sessions last to the end of the record."""
        channels: dict[str, list[int]] = {}
        for place, move in enumerate(self.moves):
            kind, _, channel, _ = move.names[0].split(":")
            if kind in ("meet", *SESSION_ENDS):
                channels.setdefault(channel, []).append(place)
        reach = self.placement.reach
        return [
            self.moves[met]
            for places in channels.values()
            for met in places
            if self.moves[met].names[0].startswith("meet:")
            and not any(reach[met, other] > 0 for other in places if other != met)
        ]

    def table(self) -> pandas.DataFrame:
        """One line for each row: what became of it, the moves it stands for with their windows, reason and conflict."""
        import pandas as pd

        lines = []
        for row in self.rows:
            own = [*self._moves_of(row.id, self.moves), *self._moves_of(row.id, self.predictions)]
            cells = (row.id, row.status, row.of, row.is_move, row.weak, "; ".join(own), row.reason, row.conflict)
            lines.append(cells)
        columns = ["id", "status", "of", "is_move", "weak", "moves", "reason", "conflict"]
        return pd.DataFrame(lines, columns=columns)

    def _moves_of(self, row: str, moves: Sequence[DatedMove]) -> Iterator[str]:
        for move in moves:
            if move.row == row:
                when = format_interval(self.date(move.low), self.date(move.high))
                yield f"{' | '.join(move.names)} {when}{' (implied)' if move.implied else ''}"

    def report(self) -> str:
        """Report what became of the source: shares, what is open, conflicts, and what is outside and why."""
        return "\n".join(self._report())

    def _report(self) -> Iterator[str]:
        number = self.shares()
        yield f"{self.name}: {number['rows']} rows, {self.date(self.window[0])} to {self.until}, for {self.case}"
        yield "  " + ", ".join(f"{number[status]} {_PLURALS[status]}" for status in STATUSES)
        done, facts = number["moves_mapped"], number["mapped"] + number["prediction"]
        yield (
            f"  of {number['moves']} distinct facts that are moves {done} are mapped "
            f"({_percent(done, number['moves'])}); of all {number['facts']} distinct facts {facts} "
            f"({_percent(facts, number['facts'])})"
        )
        implied = sum(move.implied for move in self.moves)
        dates = self.placement.size
        yield (
            f"  {len(self.moves)} moves, {len(self.moves) - implied} told and {implied} implied; "
            f"unknown: {dates} dates, {len(self.unknowns) - dates} choices; "
            f"{int(self.placement.fixed.sum())} known to the day"
        )
        for met in self.sessions_left():
            since = format_interval(self.date(met.low), self.date(met.high))
            yield f"  {met.names[0]} of {since} ({met.key}) is never told to end: in session to the end of the record"
        weak = sum(row.weak for row in self.rows)
        if weak:
            yield f"  {weak} rows rest on general knowledge at least in part"
        yield from _list_rows("Conflicts", [(row.id, row.conflict) for row in self.rows if row.conflict])
        yield from _list_rows("Predictions", [(row.id, self._foretold(row)) for row in self._of("prediction")])
        yield from _list_rows(
            "Duplicates",
            [(row.id, ": ".join(filter(None, (f"of {row.of}", row.reason)))) for row in self._of("duplicate")],
        )
        outside = self._of("outside")
        yield from _list_rows("Moves outside the model", [(row.id, row.reason) for row in outside if row.is_move])
        yield from _list_rows("No moves", [(row.id, row.reason) for row in outside if not row.is_move])

    def _foretold(self, row: Row) -> str:
        return row.reason or "; ".join(self._moves_of(row.id, self.predictions))

    def _of(self, status: Status) -> list[Row]:
        return [row for row in self.rows if row.status == status]


_PLURALS: Final = {
    "mapped": "mapped",
    "duplicate": "duplicates",
    "prediction": "predictions",
    "outside": "outside the model",
}


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _list_rows(title: str, entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    if entries:
        yield f"{title} ({len(entries)})"
        for name, text in entries:
            yield textwrap.fill(f"  {name}: {text}", LINE, subsequent_indent="      ")
