"""What does a CSV file hold, and if it cannot be read, why? Rows of texts by column, before anyone asks what they mean.

Chronologies, histories, questions and points come through here. What spreadsheets write is read as it is meant:
semicolons or tabs between cells, a mark of the byte order, empty lines at the end.
"""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from pathlib import Path
from typing import Final

from negsim.problems import Problem, ScenarioError, describe_value
from negsim.toml_files import find_neighbour, read_text, refuse

MAX_BYTES: Final = 5_000_000
NAMES: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
"""What may stand between cells, the first found in the header, and what it is called."""


def read_numbers(path: Path, file: str, what: str) -> dict[str, list[float]]:
    """Columns of a CSV file of numbers, by name; a comma within a cell is a decimal comma.

    Raises
    ------
    ScenarioError
        As for :func:`read_rows`, and with every cell that holds no finite number.
    """
    rows, problems = read_rows(path, file, what), []
    columns: dict[str, list[float]] = {name: [] for name in rows[0] if name}
    for number, row in enumerate(rows, start=1):
        for name, values in columns.items():
            value = _number(row[name])
            if value is None:
                given, allowed = describe_value(row[name]), "a finite number such as 0.5"
                problems.append(Problem(file, f"row {number}, column {name}", given, allowed))
            else:
                values.append(value)
    if problems:
        raise ScenarioError(problems)
    return columns


def _number(text: str) -> float | None:
    try:
        value = float(text if "." in text else text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def read_rows(path: Path, file: str, what: str = "a chronology") -> list[dict[str, str]]:
    """Rows of a CSV file with a header: texts by column, without rows that are empty throughout.

    Parameters
    ----------
    path, file, what
        As :func:`negsim.toml_files.read_text` takes them.

    Raises
    ------
    ScenarioError
        When it is no file, too large, no text in UTF-8, or has no rows; with every column named twice and every row
        of more cells than the header.
    """
    if not path.is_file():
        raise refuse(file, "a directory" if path.is_dir() else "no such file", f"{what} (CSV)", find_neighbour(path))
    text = read_text(path, file, what, MAX_BYTES)
    mark = _separator(text)
    try:
        header, *lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark)) or [[]]
    except csv.Error as error:
        raise refuse(file, str(error), "a table in CSV") from error
    columns = [name.strip() for name in header]
    filled = [cells for cells in lines if any(cell.strip() for cell in cells)]
    if problems := [*_twice(columns, file), *_too_long(columns, filled, file, mark)]:
        raise ScenarioError(problems)
    if not filled:
        raise refuse(file, "no rows", f"{what}: a CSV file with a header and rows")
    return [dict(zip(columns, [*cells, *[""] * len(columns)], strict=False)) for cells in filled]


def _separator(text: str) -> str:
    """What stands between the cells: a comma, unless the header has none and something else instead."""
    header = text.partition("\n")[0]
    return next((mark for mark in NAMES if mark in header), ",")


def _twice(columns: list[str], file: str) -> list[Problem]:
    count = Counter(name for name in columns if name)
    return [
        Problem(file, "header", f"the column {name} {number} times", "each column once")
        for name, number in count.items()
        if number > 1
    ]


def _too_long(columns: list[str], rows: list[list[str]], file: str, mark: str) -> list[Problem]:
    """Rows that would lose a cell: mostly a separator within a text."""
    problems = []
    allowed = f'a cell for each column; a text with {NAMES[mark]} is put in "quotes"'
    for number, cells in enumerate(rows, start=1):
        beyond = [cell for cell in cells[len(columns) :] if cell.strip()]
        if beyond:
            given = f"{len(cells)} cells, the last {describe_value(beyond[-1])}, under {len(columns)} columns"
            problems.append(Problem(file, f"row {number}", given, allowed))
    return problems
