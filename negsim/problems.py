"""What is wrong with what a person wrote, and how is it said?

A :class:`Problem` is one mistake: where it is, what was given, what is allowed, and the nearest valid name. Checks
never stop at the first: they gather problems, and :class:`ScenarioError` carries all of them at once.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Final

NOTHING: Final = "nothing"
"""How a missing value is described."""

MOST: Final = 100_000_000
"""Runs, points, draws or particles that can be asked for, at most: a machine could see the end of them."""

_NAMES_SHOWN: Final = 12
_TEXT_SHOWN: Final = 60


@dataclass(frozen=True)
class Problem:
    """One mistake in a scenario.

    Attributes
    ----------
    file : str
        File in which it stands, or what stands in for one (``<text>``, ``<scenario>``).
    key : str
        Key path such as ``concession.food_aid.giver``; ``line 3, column 7`` for a mistake in the TOML itself; empty
        for the file as a whole.
    given : str
        What was found there, in words.
    allowed : str
        What may stand there, in words.
    nearest : str or None
        The valid name or value that looks most like the one given.
    """

    file: str
    key: str
    given: str
    allowed: str
    nearest: str | None = None

    def __str__(self) -> str:
        where = f"{self.file}: {self.key}" if self.key else self.file
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{where}: given {self.given}\n    allowed: {self.allowed}{hint}"


class NegsimError(Exception):
    """The parent of all of negsim's own errors.

    An argument that a function cannot take raises a ``TypeError``, ``ValueError`` or ``KeyError``, as in Python itself.
    """


class ScenarioError(NegsimError):
    """A scenario that cannot be used, with every mistake found in it.

    Attributes
    ----------
    problems : tuple of Problem
        All mistakes, in the order of the file's tables.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        return "\n".join([f"{count} mistake{'' if count == 1 else 's'}:", *map(str, self.problems)])


def require_whole(name: str, given: object, least: int = 1, most: int | None = MOST) -> None:
    """Make sure that an argument is a whole number of at least some size, and at most another (None: of any size).

    Raises
    ------
    ValueError
        Naming the argument.
    """
    if isinstance(given, bool) or not isinstance(given, Integral) or given < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {given!r}")
    if most is not None and int(given) > most:
        raise ValueError(f"{name} must be {most:,} at most, not {describe_value(int(given))}")


def find_odd_field(found: Mapping[str, Any], kinds: Mapping[str, Any]) -> str | None:
    """Say which field of a file that negsim wrote is missing or of another kind than it was; None if none is."""
    for name, kind in kinds.items():
        value = found.get(name)
        if not isinstance(value, kind) or isinstance(value, bool):
            return f"{name} is {describe_value(value)}"
    return None


def find_nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that looks most like ``name``, or the only one that contains it, whatever their capitals.

    None when there is no such name.

    Examples
    --------
    >>> find_nearest("uplnad", ["Upland", "Lowland"])
    'Upland'
    >>> find_nearest("Mars", ["Upland", "Lowland"]) is None
    True
    """
    spelled: dict[str, str] = {}
    for known in valid:
        spelled.setdefault(known.lower(), known)
    # A cap on the length keeps the comparison, quadratic in it, from running for minutes on a hostile file.
    written = name[:200].lower()
    close = difflib.get_close_matches(written, spelled, n=1, cutoff=0.6)
    longer = [known for known in spelled if len(written) > 2 and written in known]
    found = close or (longer if len(longer) == 1 else [])
    return spelled[found[0]] if found else None


def list_names(names: Iterable[str]) -> str:
    """Names as a person would list them, cut after a dozen."""
    every = list(names)
    shown = ", ".join(every[:_NAMES_SHOWN])
    more = len(every) - _NAMES_SHOWN
    return (f"{shown} and {more} more" if more > 0 else shown) or "none"


def describe_value(value: Any) -> str:
    """A value as it would stand in a TOML file, cut to fit a line.

    Examples
    --------
    >>> print(describe_value("Upland"), describe_value(True), describe_value({"a": 1}), describe_value([1, 2]))
    "Upland" true a table (a) a list (1, 2)
    """
    match value:
        case None:
            return NOTHING
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value if len(value) <= _TEXT_SHOWN else value[:_TEXT_SHOWN] + "...", ensure_ascii=False)
        case dt.date() | dt.time():
            return str(value)
        case int():
            return str(value) if value.bit_length() < 200 else "a whole number of more than 60 digits"
        case Mapping():
            return f"a table ({list_names(map(str, value))})" if value else "an empty table"
        case _ if isinstance(value, Sequence):
            return f"a list ({_list_values(value)})" if value else "an empty list"
    return reprlib.repr(value)


def _list_values(values: Sequence[Any]) -> str:
    """The first few values of a list; what is nested is only named, so that no depth can exhaust the stack."""
    shown = ", ".join(_describe_inner(value) for value in values[:4])
    return f"{shown}, ..." if len(values) > 4 else shown


def _describe_inner(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "a list"
    return "a table" if isinstance(value, Mapping) else describe_value(value)
