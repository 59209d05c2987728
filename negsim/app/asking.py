"""What does the browser ask? Its words become a checked request, or all that is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from negsim.app.cases import open_case, read_case
from negsim.app.ensembles import MOST_RUNS
from negsim.compiler import Compiled
from negsim.intervention_files import load_intervention, what_ifs
from negsim.interventions import Intervention
from negsim.plots.page import describe_events
from negsim.problems import NOTHING, Problem, ScenarioError, describe_value, find_nearest, list_names
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
    change : mapping of str to float
        Numbers that are different in the other arm of a comparison.
    intervention : Intervention or None
        What else is different in it: a what-if question that ships with the case, or a move that is banned.
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
    intervention: Intervention | None
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
    change, intervention = _change(compiled, words.get("change"), problems)
    if problems:
        raise ScenarioError(problems)
    window, number = str(words.get("window", ""))[:64], numbers.pop("number")
    return Request(
        compiled, settings, **numbers, change=change, intervention=intervention, window=window, number=number
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


def _change(compiled: Compiled, given: Any, problems: list[Problem]) -> tuple[dict[str, float], Intervention | None]:
    """What is different in the other arm: ``{"numbers": ...}``, ``{"question": name}`` or ``{"ban": move}``."""
    if not given:
        return {}, None
    if not isinstance(given, Mapping) or len(given) != 1 or not {*given} <= {"numbers", "question", "ban"}:
        problems.append(Problem(FILE, "change", _describe(given), "numbers, a question or a banned move"))
        return {}, None
    kind, what = next(iter(given.items()))
    if kind == "numbers":
        return _settings(compiled, what, "change", problems), None
    try:
        return {}, _intervention(compiled, kind, what)
    except ScenarioError as error:
        problems += error.problems
        return {}, None


def _intervention(compiled: Compiled, kind: str, what: Any) -> Intervention:
    """A question that ships with the case (no other file is looked for), or the ban of a move."""
    shipped = what_ifs(compiled.scenario)
    if kind == "question":
        if what not in shipped:
            nearest = find_nearest(str(what), shipped)
            raise ScenarioError([Problem(FILE, "change.question", _describe(what), list_names(shipped), nearest)])
        return load_intervention(compiled.scenario, what)
    if not isinstance(what, str):
        raise ScenarioError([Problem(FILE, "change.ban", _describe(what), "a move, kind:actor:channel:subject")])
    return load_intervention(compiled.scenario, {"name": "ban", "ban": [{"move": what}]})


def _describe(given: Any) -> str:
    return NOTHING if given is None else describe_value(given)


def list_changeable(compiled: Compiled) -> list[str]:
    """Names of all numbers that can be changed: the case's named parameters first, then key paths."""
    return [spec.name for spec in compiled.scenario.parameter] + sorted(compiled.numbers)


def list_moves(compiled: Compiled) -> dict[str, str]:
    """Moves that can be banned, by address, in words; accords not one by one."""
    moves = compiled.labels.events[: compiled.world.dense]
    return {move.name: ": ".join(describe_events(compiled.scenario, [move])) for move in moves}
