"""What does a TOML file hold, and if it cannot be read, why? Text and syntax, before anyone asks what they mean.

Scenarios, what-if questions and codebooks come through here, so a file that is none is refused in the same words.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

from negsim.problems import NOTHING, Problem, ScenarioError, describe_value, find_nearest

_AT: Final = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")


def refuse(file: str, given: str, allowed: str, nearest: str | None = None) -> ScenarioError:
    """Make the error about a file as a whole."""
    return ScenarioError([Problem(file, "", given, allowed, nearest)])


def name_after(path: Path, otherwise: str) -> str:
    """What to call a thing that has no other name: after its file, in the letters that names may have."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", path.stem).lstrip("_.-") or otherwise


def find_neighbour(path: Path) -> str | None:
    """Name of the file beside a path that is none: of the same ending, and most alike."""
    folder = path.parent
    beside = {other.stem: other.name for other in folder.glob(f"*{path.suffix}")} if path.suffix else {}
    nearest = find_nearest(path.stem, beside)
    return None if nearest is None else beside[nearest]


def read_text(path: Path, file: str, what: str, most_bytes: int) -> str:
    """Read the text of a file that exists.

    Parameters
    ----------
    path : Path
    file : str
        What to call it in mistakes.
    what : str
        What it should be, such as ``a scenario file``.
    most_bytes : int
        Larger files are not read.

    Raises
    ------
    ScenarioError
        When it is too large, may not be read, or is no text in UTF-8.
    """
    try:
        size = path.stat().st_size
        if size > most_bytes:
            raise refuse(file, f"a file of {size / 1e6:,.1f} MB", f"{what} of at most {most_bytes / 1e6:g} MB")
        return _decode(path.read_bytes(), file)
    except OSError as error:
        raise refuse(file, f"a file that cannot be read ({error.strerror})", "a file that you may read") from error


def _decode(content: bytes, file: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        utf_16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
        kind = "text in UTF-16" if utf_16 else f"bytes that are no text in UTF-8 (first at byte {error.start})"
        raise refuse(file, kind, "a text file in UTF-8") from error


def parse_toml(text: str, file: str) -> dict[str, Any]:
    """Read text as TOML.

    Raises
    ------
    ScenarioError
        With line and column of what is wrong.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([_syntax_problem(str(error), text, file)]) from error
    except RecursionError as error:
        raise refuse(file, "lists or tables nested hundreds deep", "tables at most five deep") from error
    except ValueError as error:  # a number with more digits than Python reads
        raise refuse(file, f"a value that cannot be read ({error})", "numbers below 1e308") from error


def _syntax_problem(message: str, text: str, file: str) -> Problem:
    """Where the TOML itself is wrong: line and column, what stands there, and what the reader wanted."""
    place = _AT.search(message)
    said = _AT.sub("", message)
    if place is None or place[1] is None:
        return Problem(file, "end of the file", NOTHING, f"valid TOML: {said}")
    if said.startswith(("Invalid initial character for a key part", "Expected")) and not text.isascii():
        said += "; names are written with a-z, 0-9 and _, labels as you like"
    line = text.splitlines()[int(place[1]) - 1 : int(place[1])]
    given = describe_value(line[0].strip()) if line else NOTHING
    return Problem(file, f"line {place[1]}, column {place[2]}", given, f"valid TOML: {said}")
