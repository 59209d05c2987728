"""How does a chronology come from a file? The shipped ones by name, one's own from a CSV file, codebook or none.

This is the door: what passes :func:`load_chronology` can be replayed; what does not is refused with all its mistakes at
once, each with the row it stands in.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Final

from negsim.calendar import read_day
from negsim.chronology import Chronology
from negsim.chronology_checks import find_impossible
from negsim.codebook import (
    Codebook,
    Columns,
    MoveEntry,
    OrderEntry,
    RowEntry,
    Window,
    parse_codebook,
    read_chronology,
)
from negsim.compiler import Compiled, compile_case
from negsim.csv_files import MAX_BYTES, read_rows
from negsim.problems import Problem, ScenarioError, describe_value, find_nearest, list_names
from negsim.scenario import Scenario
from negsim.scenario_files import take_scenario
from negsim.toml_files import find_neighbour, parse_toml, read_text, refuse

STATUSES: Final = ("mapped", "implied", "duplicate", "prediction", "outside")
PARTS: Final = ("kind", "actor", "channel", "subject")
COLUMNS: Final = (
    "id", "date", "date_start", "date_end", *PARTS, "move", "after", "status", "of", "reason", "conflict", "fact",
)  # fmt: skip
"""What a file of one's own says of a row, in any letters."""
PREVIOUS: Final = "previous"
"""What stands in the column `after` for the row above."""
ALIKE: Final = 0.8
"""How much of its letters the name of another column has in common with one of these, of 1, to be taken for a slip."""
ONE_MOVE: Final = "parts that name one move (of what is no move of the scenario: status = outside, with a reason)"


def load_chronology(
    case: Scenario | str | Path | Compiled,
    source: str | Path | None = None,
    *,
    codebook: str | Path | None = None,
    window: tuple[dt.date | str | None, dt.date | str | None] | None = None,
    check: bool = True,
) -> Chronology:
    """Load a chronology, the record of what happened: one that ships with the case, or a CSV file of your own.

    Parameters
    ----------
    case : Scenario, str or Compiled
        The scenario to whose moves the chronology refers.
    source : str or Path, optional
        Name of a chronology that ships with the case (default: the first that :func:`chronologies` lists), or a CSV
        file. Without a codebook the file names the moves itself: `docs/chronologies.md` explains its columns.
    codebook : str or Path, optional
        A TOML file that says which moves the rows of the CSV file stand for.
    window : (date or None, date or None), optional
        First and last day of the observation (default: what the codebook says, else the scenario's period).
    check : bool
        Whether to walk through some histories, to find moves that the state allows on none of their dates.

    Returns
    -------
    Chronology

    Raises
    ------
    ScenarioError
        With every mistake found, each naming its row.

    Examples
    --------
    >>> import negsim
    >>> article = negsim.load_chronology("beijing-1999", "article")
    >>> len(article.rows), len(article.moves)
    (40, 33)
    """
    compiled = case if isinstance(case, Compiled) else compile_case(case)
    chosen = _first_of(compiled.scenario) if source is None else source
    file, name, rows, book = _read(compiled, chosen, codebook)
    if window is not None:
        if len(window) != 2:
            raise ValueError(f"window must be a pair (first day, last day), not {window!r}")
        first, last = (read_day("window", day) for day in window)
        book = book.model_copy(update={"window": Window(from_=first, to=last)})
    chronology = read_chronology(compiled, book, rows, name, file)
    if check and (problems := find_impossible(compiled, chronology, file)):
        raise ScenarioError(problems)
    return chronology


def chronologies(case: Scenario | str | Path) -> dict[str, str]:
    """List the chronologies that ship with a case: their titles, by name. The first is the one fitted by default.

    Parameters
    ----------
    case : Scenario, str or Path
        A scenario, the name of a shipped case, or a path.

    Examples
    --------
    >>> import negsim
    >>> negsim.chronologies("beijing-1999")
    {'article': 'The article of 21 December 1999', '1990s': 'Dated events, 1990 to 1999'}
    """
    folder = _folder(take_scenario(case).name)
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    books = {file.stem: tomllib.loads(file.read_text("utf-8")) for file in files}
    order = sorted(books, key=lambda name: not books[name].get("first", False))
    return {name: str(books[name].get("title", "")) for name in order}


def _first_of(case: Scenario) -> str:
    shipped = chronologies(case)
    if not shipped:
        given, allowed = "none named, and none ships with the case", "a CSV file of what happened (--chronology)"
        raise ScenarioError([Problem(case.name, "chronology", given, allowed)])
    return next(iter(shipped))


def _folder(case: str) -> Path:
    return Path(str(resources.files("negsim") / "cases" / f"{case}.chronologies"))


def _read(
    compiled: Compiled, source: str | Path, codebook: str | Path | None
) -> tuple[str, str, list[dict[str, str]], Codebook]:
    """What to call the source in mistakes, its name, its rows and its codebook."""
    shipped = chronologies(compiled.scenario)
    if isinstance(source, str) and source in shipped and codebook is None:
        path = _folder(compiled.scenario.name) / f"{source}.csv"
        return source, source, read_rows(path, source), _read_codebook(path.with_suffix(".toml"))
    path, file = Path(source), str(source)
    if not path.is_file():
        allowed = f"a CSV file, or a chronology of {compiled.scenario.name} ({list_names(shipped)})"
        near = find_nearest(file, shipped) or find_neighbour(path)
        raise refuse(file, "a directory" if path.is_dir() else "no such file", allowed, near)
    rows = read_rows(path, file)
    if codebook is not None:
        return file, path.stem, rows, _read_codebook(Path(codebook))
    rows = [{_own_column(name): text for name, text in row.items()} for row in rows]
    book = _own_codebook(compiled, rows, file)
    return file, path.stem, _name_rows(rows), book


def _read_codebook(path: Path) -> Codebook:
    file = path.name
    if not path.is_file():
        raise refuse(file, "no such file", "a codebook that exists")
    return parse_codebook(parse_toml(read_text(path, file, "a codebook", MAX_BYTES), file), file)


# -- a file that names its moves itself --------------------------------------------------------------------------------


def _own_column(name: str) -> str:
    """The name of a column, whose capitals do not count."""
    return name.lower() if name.lower() in COLUMNS else name


def _ids(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Ids of the rows: their own, or their numbers."""
    return [row.get("id", "").strip() or str(number) for number, row in enumerate(rows, start=1)]


def _name_rows(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{**fields, "id": row} for fields, row in zip(rows, _ids(rows), strict=True)]


def _own_codebook(compiled: Compiled, rows: Sequence[Mapping[str, str]], file: str) -> Codebook:
    """The codebook that a file is by itself: columns for the moves, the status and the order of its rows."""
    columns = list(rows[0])
    dates = Columns(start="date", end="date") if "date" in columns else Columns()
    needed = [("date", "date_start"), ("move", "kind")]
    missing = [pair for pair in needed if not {*columns} & {*pair}]
    if missing:
        raise ScenarioError(
            Problem(file, "header", f"the columns {list_names(columns)}", f"a column {one} or {other}")
            for one, other in missing
        )
    problems = [*_find_slips(columns, file), *_find_copies(rows, file)]
    entries = {}
    orders: list[OrderEntry] = []
    for row, fields in zip(_ids(rows), rows, strict=True):
        entries[row] = _own_entry(compiled, row, fields, file, problems)
    tellers = [row for row, entry in entries.items() if entry.moves]
    for row, fields in zip(_ids(rows), rows, strict=True):
        orders += _own_orders(tellers, row, fields.get("after", ""), file, problems)
    if problems:
        raise ScenarioError([*problems, *_other_mistakes(compiled, entries, rows, dates, file)])
    return Codebook(columns=dates, order=tuple(orders), row=entries)


def _own_orders(
    tellers: Sequence[str], row: str, after: str, file: str, problems: list[Problem]
) -> Iterator[OrderEntry]:
    """What comes before a row, of the rows that tell a move; a row that tells none comes after nothing."""
    place = tellers.index(row) if row in tellers else 0
    for other in filter(None, map(str.strip, after.split(";"))) if row in tellers else ():
        named = tellers[place - 1] if other == PREVIOUS and place and PREVIOUS not in tellers else other
        if named in tellers or named.rpartition(".")[0] in tellers:
            yield OrderEntry(moves=(named, row))
        elif other != PREVIOUS:
            allowed = f"the id of a row that tells a move, or {PREVIOUS}: the last such row above"
            problems.append(Problem(file, f"row {row}", f"after {other}", allowed, find_nearest(other, tellers)))


def _find_slips(columns: Sequence[str], file: str) -> Iterator[Problem]:
    """Columns that would stay with the rows unread, though one that is read and is not there is nearly called so."""
    absent = [name for name in COLUMNS if name not in columns]
    for column in columns:
        if column not in COLUMNS and (near := get_close_matches(column.lower(), absent, n=1, cutoff=ALIKE)):
            allowed = "a column that is read, or a name less like one of these for what only stays with the row"
            yield Problem(file, "header", f"a column {column}", allowed, near[0])


def _find_copies(rows: Sequence[Mapping[str, str]], file: str) -> list[Problem]:
    """Rows without an id that say the same as one before: pasted twice, or two events of one day."""
    seen: dict[tuple[str, ...], int] = {}
    problems = []
    for number, row in enumerate(rows, start=1):
        first = seen.setdefault(tuple(row.values()), number)
        if first < number and not row.get("id", "").strip():
            allowed = "each event once; a second one of the same kind and day has an id of its own"
            problems.append(Problem(file, f"row {number}", f"the same as row {first}", allowed))
    return problems


def _other_mistakes(
    compiled: Compiled,
    entries: Mapping[str, RowEntry],
    rows: Sequence[Mapping[str, str]],
    columns: Columns,
    file: str,
) -> list[Problem]:
    """Mistakes in the rows that can be read, so that all are told at once."""
    try:
        read_chronology(compiled, Codebook(columns=columns, row=dict(entries)), _name_rows(rows), file, file)
    except ScenarioError as error:
        return list(error.problems)
    return []


def _own_entry(compiled: Compiled, row: str, fields: Mapping[str, str], file: str, problems: list[Problem]) -> RowEntry:
    """What a row says of itself."""
    told: dict[str, Any] = {"reason": fields.get("reason", ""), "conflict": fields.get("conflict", "")}
    if fields.get("fact", "").strip().lower() == "state":  # any other text is the user's own
        told["fact"] = "state"
    status = fields.get("status", "").strip() or "mapped"
    if status == "outside":
        return RowEntry(outside=True, **told)
    if status == "duplicate":
        return RowEntry(duplicate_of=fields.get("of", "").strip(), **told)
    if status not in STATUSES:
        allowed = f"a status: {', '.join(STATUSES)}"
        problems.append(Problem(file, f"row {row}", describe_value(status), allowed, find_nearest(status, STATUSES)))
    try:
        names = _own_moves(compiled, fields)
    except ValueError as error:
        problems.append(Problem(file, f"row {row}", str(error), ONE_MOVE))
        return RowEntry(outside=True, reason="not understood")
    entry = MoveEntry(move=names[0] if len(names) == 1 else names, date=_own_date(fields), implied=status == "implied")
    return RowEntry(predicts=(entry,), **told) if status == "prediction" else RowEntry(moves=(entry,), **told)


def _own_date(fields: Mapping[str, str]) -> str | None:
    """The row's date where it has to be said again: an implied move's default is the whole window."""
    return fields.get("date", "").strip() or None


def _own_moves(compiled: Compiled, fields: Mapping[str, str]) -> tuple[str, ...]:
    """Addresses of a row's move: as they are written, or found by their parts."""
    written = fields.get("move", "").strip()
    if written:
        return tuple(part.strip() for part in written.split("|"))
    parts = {part: fields.get(part, "").strip() for part in PARTS}
    if not any(parts.values()):
        raise ValueError("no move")
    events = compiled.labels.events[: compiled.world.moves]
    found = [event.name for event in events if all(_same(event, part, text) for part, text in parts.items() if text)]
    if len(found) > 1:
        raise ValueError(f"{':'.join(parts.values())}, which names {len(found)} moves ({list_names(found[:4])})")
    return (found[0] if found else ":".join(parts.values()),)


def _same(event: Any, part: str, text: str) -> bool:
    """Whether a move has a part; the items of a package come in any order."""
    own = str(getattr(event, part))
    return own == text or (part == "subject" and event.kind == "agree" and {*own.split("+")} == {*text.split("+")})
