"""Which number is where? Key paths of all that can vary, and how the kernel's slots are made from them.

A slot is an array of the parameters. Its rows are computed from numbers of the scenario, so any of these can be one
value or one per column of the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

import numpy as np

from negsim.moves import list_events, rate_path
from negsim.parameters import RATES
from negsim.scenario import Scenario
from negsim.state import Floats, Ints
from negsim.terms.term import Term

Paths = tuple[str, ...]
"""Key paths, one for each row; ``=0.5`` stands for a number written out."""


@dataclass(frozen=True)
class Slot:
    """How a slot of the parameters is made: a formula over key paths, one column of arguments for each argument."""

    arguments: tuple[Paths, ...]
    formula: Callable[..., Any] | None = None
    """None takes the only argument as it is."""
    shape: tuple[int, ...] | None = None
    """Leading axes, where a row of a slot is itself a table."""

    def touches(self, paths: Container[str]) -> bool:
        """Whether any of these key paths is among the arguments."""
        return any(path in paths for column in self.arguments for path in column)


def collect_numbers(scenario: Scenario, shelf: Mapping[str, Term]) -> dict[str, float]:
    """Every number by key path: those of the scenario, default rates, and the terms' parameters."""
    numbers = dict(scenario.numbers())
    for move in list_events(scenario):
        numbers.setdefault(rate_path(scenario, move), RATES[move.kind].default if move.kind in RATES else 0.0)
    for name, term in shelf.items():
        given = scenario.term[name].model_extra or {} if name in scenario.term else {}
        for parameter in term.parameters:
            numbers[f"term.{name}.{parameter.name}"] = float(given.get(parameter.name, parameter.default))
    return numbers


def match_numbers(numbers: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """List the key paths that match patterns, in which `*` stands for one part of a path."""
    return list(_match(tuple(numbers), tuple(patterns)))


@lru_cache(maxsize=1024)  # a fit asks for the same few parameters hundreds of times
def _match(numbers: tuple[str, ...], patterns: tuple[str, ...]) -> tuple[str, ...]:
    wanted = [pattern.split(".") for pattern in patterns]
    return tuple(path for path in numbers if any(_matches(path.split("."), pattern) for pattern in wanted))


def _matches(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))


def resolve_params(scenario: Scenario, numbers: Mapping[str, float], params: Mapping[str, Any]) -> dict[str, Floats]:
    """Turn names of parameters and key paths into values of key paths.

    Raises
    ------
    KeyError
        For a name that is neither; the message names the nearest.
    ValueError
        For what is no number.
    """
    named = {spec.name: spec for spec in scenario.parameter}
    values: dict[str, Floats] = {}
    for name, given in params.items():
        try:
            value = np.atleast_1d(np.asarray(given, dtype=float))
        except (TypeError, ValueError):
            raise ValueError(f"{name}: {given!r} is no number") from None
        if name in named:
            spec = named[name]
            for path in match_numbers(numbers, spec.numbers):
                before = values.get(path, np.array([numbers[path]]))
                values[path] = {"set": value, "multiply": before * value, "add": before + value}[spec.how]
        elif name in numbers:
            values[name] = value
        else:
            raise KeyError(f"no parameter or number is called {name!r}{_hint(name, [*named, *numbers])}")
    return values


def select_values(values: Mapping[str, Floats], columns: Ints) -> dict[str, Floats]:
    """Keep some columns of values of shape ``(columns,)``; those of shape ``(1,)`` hold for all."""
    return {path: value if len(value) == 1 else value[columns] for path, value in values.items()}


def _hint(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"; nearest: {', '.join(near)}" if near else ""


@dataclass(frozen=True)
class Column:
    """One argument of a slot, laid out for some key paths that stand at other values.

    Attributes
    ----------
    numbers : array, shape (rows, 1)
        The scenario's own numbers.
    moved : tuple of (str, array of int)
        Key paths that stand at other values, each with its rows.
    """

    numbers: Floats
    moved: tuple[tuple[str, Ints], ...]

    def fill(self, values: Mapping[str, Floats]) -> Floats:
        """Put the other values in; shape ``(rows, 1)`` or ``(rows, width)``."""
        if not self.moved:
            return self.numbers.copy()
        result = np.empty((len(self.numbers), max(len(values[path]) for path, _ in self.moved)))
        result[:] = self.numbers
        for path, rows in self.moved:
            result[rows] = values[path]
        return result


def lay_slot(slot: Slot, numbers: Mapping[str, float], paths: Container[str]) -> tuple[Column, ...]:
    """Lay out the arguments of a slot for values of some key paths."""
    return tuple(_lay_column(column, numbers, paths) for column in slot.arguments)


def _lay_column(column: Paths, numbers: Mapping[str, float], paths: Container[str]) -> Column:
    own = [float(path[1:]) if path.startswith("=") else numbers[path] for path in column]
    rows: dict[str, list[int]] = {}
    for row, path in enumerate(column):
        if path in paths:
            rows.setdefault(path, []).append(row)
    moved = tuple((path, np.array(found, dtype=np.int64)) for path, found in rows.items())
    return Column(np.array(own, dtype=float).reshape(-1, 1), moved)


def make_slot(slot: Slot, columns: Sequence[Column], values: Mapping[str, Floats]) -> Floats:
    """Compute a slot from its arguments, laid out for these values; shape ``(rows, 1)`` or ``(rows, width)``."""
    filled = [column.fill(values) for column in columns]
    result = filled[0] if slot.formula is None else np.asarray(slot.formula(*filled), dtype=float)
    if result.ndim < 2:
        result = np.broadcast_to(result, (len(slot.arguments[0]), 1)).copy()
    result = result + 0.0  # a rate of -0.0 would have a wait of minus infinity
    return result if slot.shape is None else result.reshape(*slot.shape, result.shape[-1])
