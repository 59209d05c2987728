"""Which moves do the rows of a source stand for? A codebook says it, row by row, and makes a chronology of them.

A codebook is a TOML file beside the CSV file of the source. :func:`read_chronology` finds every mistake in the two at
once: rows that the codebook forgets, moves that the scenario does not have, dates that no calendar has, orders that run
in a circle, windows that what must come before leaves empty.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from negsim.calendar import day_number
from negsim.chronology import Chronology, DatedMove, Row
from negsim.compiler import Compiled
from negsim.edtf import FORMS, Interval, NotADate, format_interval, guess_date, parse_interval
from negsim.moves import find_address
from negsim.placement import Conflict, Link, find_conflicts
from negsim.problems import NOTHING, Problem, ScenarioError, describe_value, find_nearest, list_names
from negsim.reporting import EVERYTHING, Reporting, Rule, idle_rules
from negsim.scenario import NonNegative, Positive, Share, Table
from negsim.scenario_structure import allowed_value, key_path, unknown_key

Texts = Annotated[tuple[str, ...], Field(strict=False)]
Table_rows = Sequence[Mapping[str, str]]


class MoveEntry(Table):
    """One move that a row stands for."""

    move: str | Annotated[tuple[str, ...], Field(strict=False, min_length=2)]
    """Its address kind:actor:channel:subject, or several, of which one happened."""
    date: str | None = None
    """When: a date, or `start` or `end` of the row. Default: the row's; of an implied move: any day of the window."""
    implied: bool = False
    """Whether it is only required by what the source tells."""
    after_days: NonNegative = 0.0
    """Least time since the move before it in this row."""
    within_days: Positive | None = None
    """Most time since the move before it in this row."""
    key: str | None = None
    """What to call it behind the row's id (default: its kind)."""


class RowEntry(Table):
    """What a row is: moves, part of another row's move, a duplicate, a prediction or outside the model."""

    moves: Annotated[tuple[MoveEntry, ...], Field(strict=False)] = ()
    """The moves it stands for or implies, in the order of time."""
    part_of: str | None = None
    """The move of another row that already says what this row says."""
    duplicate_of: str | None = None
    """The row that tells the same fact."""
    predicts: Annotated[tuple[MoveEntry, ...], Field(strict=False)] = ()
    """Moves that the source expects."""
    outside: bool = False
    """Whether the model has nothing for it."""
    fact: Literal["move", "state"] = "move"
    """Whether it is something that somebody did, or a state of things (words, rules, backgrounds)."""
    reason: str = ""
    """Why it is what it is."""
    conflict: str = ""
    """What contradicts it."""


class OrderEntry(Table):
    """Moves that came one after the other."""

    moves: Annotated[tuple[str, ...], Field(strict=False, min_length=2)]
    """Keys of moves (or ids of rows with a single move), in the order of time."""
    at_least_days: NonNegative = 0.0
    """Least time between each and the next."""
    at_most_days: Positive | None = None
    """Most time between each and the next."""
    reason: str = ""


class CoverageEntry(Table):
    """What the source would have reported."""

    moves: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """Addresses, with * for whatever is there."""
    probability: Share
    """Probability of being reported."""
    from_: Annotated[dt.date | None, Field(alias="from")] = None
    """First day (default: of the window)."""
    to: dt.date | None = None
    """Last day (default: of the window)."""
    basis: str = ""


class Window(Table):
    """First and last day of the observation."""

    from_: Annotated[dt.date | None, Field(alias="from")] = None
    to: dt.date | None = None
    model_config = ConfigDict(populate_by_name=True)


class Columns(Table):
    """Which columns of the CSV file hold what."""

    id: str = "id"
    start: str = "date_start"
    end: str = "date_end"
    source: str = "source"


class Codebook(Table):
    """How the rows of a source become moves of a scenario."""

    format: Literal[1] = 1
    title: str = ""
    case: str = ""
    first: bool = False
    """Whether the case is fitted to it where no chronology is named."""
    columns: Columns = Columns()
    weak_mark: str = ""
    """Words in the column `source` by which the source says that a row has no better one."""
    window: Window = Window()
    same_day: Literal["listed", "free"] = "listed"
    """Whether moves of the same day that nothing else orders happened as they are listed, or in any order."""
    coverage: Annotated[tuple[CoverageEntry, ...], Field(strict=False)] = ()
    order: Annotated[tuple[OrderEntry, ...], Field(strict=False)] = ()
    row: dict[str, RowEntry] = {}
    """What each row is, by its id."""


@dataclass
class Draft:
    """A chronology in the making, and what is wrong with it."""

    compiled: Compiled
    codebook: Codebook
    file: str
    window: tuple[float, float]
    rows: list[Row] = field(default_factory=list)
    moves: list[DatedMove] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    predictions: list[DatedMove] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Addresses of the scenario's moves."""
        return list(self.compiled.labels.addresses)

    def complain(self, row: str, given: str, allowed: str, nearest: str | None = None) -> None:
        """Note a mistake in a row."""
        self.problems.append(Problem(self.file, f"row {row}" if row else "", given, allowed, nearest))

    def day(self, date: dt.date) -> float:
        """Days from the start of the scenario."""
        return day_number(self.compiled.scenario.start, date)

    def show(self, low: float, high: float) -> str:
        """A window as a date."""
        start = self.compiled.scenario.start
        return format_interval(start + dt.timedelta(days=int(low)), start + dt.timedelta(days=int(np.ceil(high))))


def parse_codebook(data: Mapping[str, Any], file: str) -> Codebook:
    """Read plain data as a codebook.

    Raises
    ------
    ScenarioError
        With every value that has the wrong shape, and every key that there is not.
    """
    try:
        return Codebook.model_validate(data)
    except ValidationError as error:
        raise ScenarioError([_misshapen(detail, file) for detail in error.errors(include_url=False)]) from None


def read_chronology(compiled: Compiled, codebook: Codebook, table: Table_rows, name: str, file: str) -> Chronology:
    """Make a chronology of the rows of a source.

    Parameters
    ----------
    compiled : Compiled
        The compiled scenario.
    codebook : Codebook
    table : sequence of mappings
        Rows of the source: texts by column.
    name, file : str
        What to call the chronology, and its source in mistakes.

    Raises
    ------
    ScenarioError
        With every mistake that can be seen without walking through it.
    """
    draft = Draft(compiled, codebook, file, _window(compiled, codebook))
    _check_window(draft)
    _check_ids(draft, table)
    for fields in table:
        _add_row(draft, fields)
    _check_references(draft)
    _add_orders(draft)
    reporting = Reporting(tuple(_rule(entry) for entry in codebook.coverage)) if codebook.coverage else EVERYTHING
    _check_reporting(draft, reporting)
    if not draft.problems:
        _check_dates(draft)
    if draft.problems:
        raise ScenarioError(draft.problems)
    return Chronology(
        name=name,
        case=compiled.scenario.name,
        start=compiled.scenario.start,
        window=draft.window,
        rows=tuple(draft.rows),
        moves=tuple(draft.moves),
        links=tuple(draft.links),
        reporting=reporting,
        predictions=tuple(draft.predictions),
        as_listed=codebook.same_day == "listed",
    )


# -- the codebook itself ---------------------------------------------------------------------------------------------


def _misshapen(detail: Any, file: str) -> Problem:
    location = detail["loc"]
    in_row = location[:1] == ("row",) and len(location) > 1
    key = f"row {location[1]}" if in_row else key_path(location)
    inner = key_path(location[2:]) if in_row else ""
    if detail["type"] == "extra_forbidden":
        problem = unknown_key(Codebook, location, detail["input"], file)
    else:
        problem = Problem(file, key, describe_value(detail["input"]), allowed_value(detail))
    return replace(problem, key=key, allowed=f"{inner}: {problem.allowed}" if inner else problem.allowed)


def _window(compiled: Compiled, codebook: Codebook) -> tuple[float, float]:
    case = compiled.scenario
    first, last = codebook.window.from_ or case.start, codebook.window.to or case.end
    return day_number(case.start, first), day_number(case.start, last) + 1.0


def _check_window(draft: Draft) -> None:
    case, end = draft.compiled.scenario, float(draft.compiled.world.tick_times[-1])
    low, high = draft.window
    if not 0 <= low < high <= end:
        asked = draft.codebook.window
        given = f"from {asked.from_ or case.start} to {asked.to or case.end}"
        draft.problems.append(Problem(draft.file, "window", given, f"a window within {case.start} to {case.end}"))
        draft.window = (0.0, end)


def _check_ids(draft: Draft, table: Table_rows) -> None:
    """Every row of the source is in the codebook once, and the other way round."""
    ids = [fields.get(draft.codebook.columns.id, "") for fields in table]
    for row, count in Counter(ids).items():
        if count > 1:
            draft.complain(row or NOTHING, f"the same id {count} times", "an id of its own for each row")
    for row in draft.codebook.row:
        if row not in ids:
            draft.complain(row, "a row that the source does not have", list_names(ids), find_nearest(row, ids))


def _rule(entry: CoverageEntry) -> Rule:
    return Rule(entry.moves, entry.probability, entry.from_, entry.to, entry.basis)


# -- rows ------------------------------------------------------------------------------------------------------------


def _add_row(draft: Draft, fields: Mapping[str, str]) -> None:
    columns = draft.codebook.columns
    row = fields.get(columns.id, "")
    entry = draft.codebook.row.get(row)
    if entry is None:
        known = "moves, part_of, duplicate_of, predicts or outside in the codebook: no row is dropped silently"
        draft.complain(row, "a row that the codebook forgets", known)
        return
    made = _row(draft, row, entry, fields)
    if made is not None:
        draft.rows.append(made)
    window = _row_window(draft, row, entry, fields)
    if window is None:
        for move in (*entry.moves, *entry.predicts):
            _names(draft, row, move)
        return
    start, low = len(draft.moves), window
    for move in entry.moves:
        dated = _dated(draft, row, move, low)
        if dated is None:
            continue
        if len(draft.moves) > start:
            most = np.inf if move.within_days is None else move.within_days
            place = len(draft.moves)
            draft.links.append(Link(place - 1, place, move.after_days, most, f"row {row}"))
        draft.moves.append(dated)
    draft.predictions.extend(filter(None, (_expected(draft, row, move, low) for move in entry.predicts)))


def _row(draft: Draft, row: str, entry: RowEntry, fields: Mapping[str, str]) -> Row | None:
    """What becomes of a row: exactly one thing."""
    ways = {
        "mapped": entry.part_of is not None or _tells(entry),
        "duplicate": entry.duplicate_of is not None,
        "prediction": bool(entry.predicts),
        "outside": entry.outside,
    }
    chosen = [status for status, taken in ways.items() if taken]
    if len(chosen) != 1 or (entry.part_of is not None and any(not move.implied for move in entry.moves)):
        given = " and ".join(chosen) if len(chosen) > 1 else "part of a move and moves" if chosen else NOTHING
        allowed = "one of: moves, part_of, duplicate_of, predicts, outside"
        draft.complain(row, given, allowed)
        return None
    status: Any = chosen[0]
    if status == "outside" and not entry.reason:
        draft.complain(row, "outside without a reason", "the reason why the model has nothing for it")
    mark = draft.codebook.weak_mark
    weak = bool(mark) and mark in fields.get(draft.codebook.columns.source, "")
    of = entry.part_of or entry.duplicate_of or ""
    return Row(row, dict(fields), status, of, entry.reason, entry.conflict, entry.fact == "move", weak)


def _tells(entry: RowEntry) -> bool:
    """Whether a row has moves of its own; those that it only implies beside being something else are not."""
    beside = entry.predicts or entry.duplicate_of is not None or entry.outside
    return any(not move.implied for move in entry.moves) or bool(entry.moves and not beside)


def _row_window(draft: Draft, row: str, entry: RowEntry, fields: Mapping[str, str]) -> tuple[Interval, Interval] | None:
    """What the row's own dates say: interval of its start and interval of its end; open where nothing is said."""
    if not entry.moves and not entry.predicts:
        return None
    columns, found = draft.codebook.columns, []
    for column in (columns.start, columns.end):
        text = fields.get(column, "").strip()
        interval = _interval(draft, row, text) if text else (None, None)
        if interval is None:
            return None
        found.append(interval)
    (first, _), (_, last) = found
    if first is not None and last is not None and last <= first:
        draft.complain(row, f"{first} to {fields.get(columns.end)}", "an end that is not before the start")
        return None
    return found[0], found[1]


def _interval(draft: Draft, row: str, text: str) -> Interval | None:
    try:
        return parse_interval(text)
    except NotADate as error:
        draft.complain(row, f"{describe_value(text)} ({error})", FORMS, guess_date(text))
        return None


def _names(draft: Draft, row: str, entry: MoveEntry) -> tuple[str, ...] | None:
    """Addresses of a move, if the scenario has them all."""
    written = (entry.move,) if isinstance(entry.move, str) else entry.move
    known, names = draft.names, []
    for name in written:
        if (meant := find_address(name, known)) is not None:
            names.append(meant)
        else:
            allowed = "a move of the scenario, kind:actor:channel:subject"
            draft.complain(row, describe_value(name), allowed, find_nearest(name, known))
    return tuple(names) if len(names) == len(written) else None


def _dated(draft: Draft, row: str, entry: MoveEntry, own: tuple[Interval, Interval]) -> DatedMove | None:
    names = _names(draft, row, entry)
    interval = _when(draft, row, entry, own)
    if names is None or interval is None:
        return None
    low, high = draft.window
    first = low if interval[0] is None else max(low, draft.day(interval[0]))
    last = high if interval[1] is None else min(high, draft.day(interval[1]))
    if last <= first:
        case = draft.compiled.scenario.start
        span = f"{case + dt.timedelta(days=int(low))} to {case + dt.timedelta(days=int(high) - 1)}"
        draft.complain(row, f"{' | '.join(names)} outside the window", f"a date within the window, {span}")
        return None
    key = _new_key(draft, row, entry, names[0])
    return DatedMove(key, row, names, first, last, entry.implied)


def _expected(draft: Draft, row: str, entry: MoveEntry, own: tuple[Interval, Interval]) -> DatedMove | None:
    """A prediction: its date may lie after the window, not after the scenario's end."""
    names, interval = _names(draft, row, entry), _when(draft, row, entry, own)
    if names is None or interval is None:
        return None
    end = float(draft.compiled.world.tick_times[-1])
    first = draft.window[1] if interval[0] is None else draft.day(interval[0])
    last = end if interval[1] is None else min(end, draft.day(interval[1]))
    if not 0 <= first < last:
        draft.complain(row, "a prediction outside the scenario's period", f"a date until {draft.compiled.scenario.end}")
        return None
    return DatedMove(f"{row}.{names[0].split(':')[0]}", row, names, first, last)


def _when(draft: Draft, row: str, entry: MoveEntry, own: tuple[Interval, Interval]) -> Interval | None:
    if entry.date == "start":
        return own[0]
    if entry.date == "end":
        return own[1]
    if entry.date is not None:
        return _interval(draft, row, entry.date)
    return (None, None) if entry.implied else (own[0][0], own[1][1])


def _new_key(draft: Draft, row: str, entry: MoveEntry, name: str) -> str:
    """What a move is called: row and kind, with a number from the second on."""
    plain = f"{row}.{entry.key or name.split(':')[0]}"
    taken = {move.key for move in draft.moves}
    return next(key for key in (plain, *(f"{plain}{n}" for n in range(2, 1000))) if key not in taken)


# -- what refers to what ---------------------------------------------------------------------------------------------


def _check_references(draft: Draft) -> None:
    ids, keys = {row.id for row in draft.rows}, _places(draft)
    for row in draft.rows:
        if row.status == "duplicate" and (row.of not in ids or row.of == row.id):
            nearest = find_nearest(row.of, ids - {row.id})
            draft.complain(row.id, f"duplicate of {row.of}", "another row of the source", nearest)
        if row.status == "mapped" and row.of and row.of not in keys:
            draft.complain(row.id, f"part of {row.of}", "the key of a move", find_nearest(row.of, keys))


def _places(draft: Draft) -> dict[str, int]:
    """Places of the moves by key, and by row where it has one only."""
    count = Counter(move.row for move in draft.moves)
    single = {move.row: place for place, move in enumerate(draft.moves) if count[move.row] == 1}
    return single | {move.key: place for place, move in enumerate(draft.moves)}


def _add_orders(draft: Draft) -> None:
    places = _places(draft)
    for number, entry in enumerate(draft.codebook.order, start=1):
        unknown = [key for key in entry.moves if key not in places]
        for key in unknown:
            allowed = "the key of a move, such as A33.open"
            draft.problems.append(Problem(draft.file, f"order {number}", key, allowed, find_nearest(key, places)))
        if not unknown:
            most = np.inf if entry.at_most_days is None else entry.at_most_days
            chain = [places[key] for key in entry.moves]
            draft.links.extend(Link(a, b, entry.at_least_days, most, entry.reason) for a, b in pairwise(chain))


def _check_reporting(draft: Draft, reporting: Reporting) -> None:
    for number, pattern in idle_rules(reporting.rules, draft.names):
        nearest = find_nearest(pattern, draft.names)
        allowed = "addresses of moves, with * for whatever is there"
        draft.problems.append(Problem(draft.file, f"coverage {number + 1}", describe_value(pattern), allowed, nearest))
    start = draft.compiled.scenario.start
    for move in draft.moves:
        days = np.array([move.low, move.high - 1e-6])
        told = max(float(reporting.probabilities(start, name, days).max()) for name in move.names)
        if not move.implied and told == 0:
            allowed = "a probability above 0 of being reported, in a rule of the coverage"
            draft.complain(move.row, f"{move.key} is told, and the coverage says that it never is", allowed)


# -- dates against orders --------------------------------------------------------------------------------------------


def _check_dates(draft: Draft) -> None:
    low = np.array([move.low for move in draft.moves], dtype=float)
    high = np.array([move.high for move in draft.moves], dtype=float)
    for conflict in find_conflicts(low, high, draft.links):
        draft.complain(*_conflict_in_words(draft, conflict))


def _conflict_in_words(draft: Draft, conflict: Conflict) -> tuple[str, str, str]:
    moves = [draft.moves[place] for place in conflict.places]
    if conflict.circle:
        around = " before ".join([*(move.key for move in moves), moves[0].key])
        return moves[0].row, f"an order that runs in a circle: {around}", "an order with a beginning"
    late, before = moves[0], moves[-1]
    given = f"{late.key} in {draft.show(late.low, late.high)}"
    other = f"{before.key} ({draft.show(before.low, before.high)})"
    if conflict.earliest < late.high:
        return late.row, f"{given}, too long after {other}", "a date within the days that its order leaves"
    first = draft.compiled.scenario.start + dt.timedelta(days=int(conflict.earliest))
    return late.row, given, f"a date from {first} on: it comes after {other}"
