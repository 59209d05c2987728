"""What does the browser ask? Its words become a checked request, or all that is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from negsim.app.cases import open_case, read_case
from negsim.app.ensembles import MOST_RUNS
from negsim.compiler import Compiled
from negsim.problems import NOTHING, Problem, ScenarioError, describe_value
from negsim.scenario_files import require_settings

FILE: Final = "<page>"
MOST_SEED: Final = 2**53 - 1
"""The largest whole number that a browser keeps exactly."""


@dataclass(frozen=True)
class Request:
    """What is asked, checked.

    Attributes
    ----------
    compiled : Compiled
        The case.
    settings : mapping of str to float
        Numbers at other values than the case's.
    seed, run, runs, step : int
    change : mapping
        What is different in the other arm of a comparison: ``name`` and ``value`` of a number.
    window, number
        Which window of the browser asks, and the number of its question.
    """

    compiled: Compiled
    settings: Mapping[str, float]
    seed: int
    run: int
    runs: int
    step: int
    change: Mapping[str, float]
    window: str
    number: int


def read_request(words: Any, extra: str | None = None) -> Request:
    """Check what the browser has sent.

    Parameters
    ----------
    words : object
        What came as JSON.
    extra : str, optional
        The file that the server was started with.

    Raises
    ------
    ScenarioError
        With every mistake: in the case, in its numbers, in whole numbers that are none or too large.
    """
    if not isinstance(words, Mapping):
        raise ScenarioError([Problem(FILE, "", describe_value(words), "a question as the page sends it")])
    compiled = _find_case(words.get("case"), extra)
    problems: list[Problem] = []
    numbers = {
        name: _whole(words, name, low, high, default, problems)
        for name, (low, high, default) in {
            "seed": (0, MOST_SEED, 1),
            "run": (0, MOST_SEED, 0),
            "runs": (1, MOST_RUNS, 500),
            "step": (0, MOST_SEED, 0),
            "number": (0, MOST_SEED, 0),
        }.items()
    }
    settings = _settings(compiled, words.get("settings"), "settings", problems)
    change = _settings(compiled, words.get("change"), "change", problems)
    if problems:
        raise ScenarioError(problems)
    number = numbers.pop("number")
    return Request(
        compiled, settings, **numbers, change=change, window=str(words.get("window", ""))[:64], number=number
    )


def _find_case(given: Any, extra: str | None) -> Compiled:
    if isinstance(given, Mapping) and isinstance(given.get("text"), str):
        return read_case(given["text"], str(given.get("file") or "<file>")[:100])
    if isinstance(given, Mapping) and isinstance(given.get("name"), str):
        return open_case(given["name"], extra)
    raise ScenarioError([Problem(FILE, "case", describe_value(given), "the name of a case, or the text of a scenario")])


def _whole(words: Mapping[Any, Any], name: str, low: int, high: int, default: int, problems: list[Problem]) -> int:
    given = words.get(name, default)
    if isinstance(given, float) and given.is_integer():
        given = int(given)
    if isinstance(given, int) and not isinstance(given, bool) and low <= given <= high:
        return given
    problems.append(Problem(FILE, name, _describe(given), f"a whole number from {low} to {high:,}"))
    return default


def _settings(compiled: Compiled, given: Any, name: str, problems: list[Problem]) -> dict[str, float]:
    """Numbers by name: finite, known, and such that the case stays a scenario."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        problems.append(Problem(FILE, name, _describe(given), "numbers by name"))
        return {}
    sound = {
        str(key): float(value)
        for key, value in given.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
    problems += [
        Problem(FILE, f"{name}.{key}", _describe(value), "a finite number")
        for key, value in given.items()
        if str(key) not in sound
    ]
    try:
        require_settings(compiled.scenario, sound, FILE)
    except ScenarioError as error:
        problems += error.problems
    return sound


def _describe(given: Any) -> str:
    return NOTHING if given is None else describe_value(given)


def list_changeable(compiled: Compiled) -> list[str]:
    """Names of all numbers that can be changed: the case's named parameters first, then key paths."""
    return [spec.name for spec in compiled.scenario.parameter] + sorted(compiled.numbers)
