"""How does a question come from a file, or from Python? The shipped questions of a case by name, one's own from TOML.

This is the door: what passes :func:`load_intervention` can be asked of its case; what does not is refused with all its
mistakes at once.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from negsim.amendments import amend
from negsim.interventions import Intervention, find_misfits, find_paths
from negsim.moves import list_events
from negsim.numbers import collect_numbers
from negsim.problems import NOTHING, Problem, ScenarioError, describe_value, find_nearest, list_names
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms, require_settings, take_scenario
from negsim.scenario_structure import A_DATE, allowed_value, key_path, unknown_key
from negsim.toml_files import find_neighbour, name_after, parse_toml, read_text, refuse

MAX_BYTES: Final = 1_000_000
_IN_MEMORY: Final = "<intervention>"
EXAMPLE: Final = """\
question = "What if this had not happened?"

[[remove]]
move   = "{taken}"
within = "{start}/{end}"      # the first in this time

[[watch]]
event = "{watched}"
label = "{called}"      # what the answer calls it
by    = {end}
"""


def load_intervention(
    case: Scenario | str | Path, source: str | Path | Mapping[str, Any] | Intervention
) -> Intervention:
    """Load a what-if question and check it against its case.

    Parameters
    ----------
    case : Scenario or str
        The scenario of which the question is asked.
    source : str, Path, mapping or Intervention
        Name of a question that ships with the case (:func:`what_ifs` lists them), a TOML file, or the same in Python.

    Returns
    -------
    Intervention

    Raises
    ------
    ScenarioError
        With every mistake found.
    """
    scenario = take_scenario(case)
    if isinstance(source, Intervention):
        intervention, file = source, _IN_MEMORY
    elif isinstance(source, Mapping):
        intervention, file = read_intervention({"name": "question"} | dict(source), _IN_MEMORY), _IN_MEMORY
    elif not isinstance(source, str | Path):
        raise TypeError(f"a question is a name, a file, a mapping or an Intervention, not {type(source).__name__}")
    else:
        file = str(source)
        text = read_text(_find(scenario, source), file, "a question", MAX_BYTES)
        named = {"name": name_after(Path(source), "question")}
        told = parse_toml(text, file)
        if not told:
            raise refuse(
                file, "an empty file", "a question: what is different, such as [[remove]], and what to [[watch]]"
            )
        intervention = read_intervention(named | told, file)
    check_intervention(scenario, intervention, file)
    return intervention


def what_ifs(case: Scenario | str | Path) -> dict[str, str]:
    """List the what-if questions that ship with a case: what each asks, by name.

    Parameters
    ----------
    case : Scenario, str or Path
        A scenario, the name of a shipped case, or a path.

    Examples
    --------
    >>> import negsim
    >>> list(negsim.what_ifs("beijing-1999"))
    ['breakthroughs-earlier', 'no-abduction-demand', 'no-freeze', 'no-red-cross', 'no-rocket']
    """
    folder = _folder(take_scenario(case).name)
    files = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    return {file.stem: str(tomllib.loads(file.read_text("utf-8")).get("question", "")) for file in files}


def write_example(scenario: Scenario) -> str:
    """A question to start from, as the text of a file: a move of the scenario that does not happen."""
    moves = list_events(scenario)
    taken = next((move for move in moves if move.kind == "act"), moves[0])
    accords = [f"agree::{move.channel}:" for move in moves if move.kind == "agree"]
    watched, called = (accords[0], "they reach an accord") if accords else (moves[-1].name, "the last move happens")
    return EXAMPLE.format(taken=taken.name, start=scenario.start, end=scenario.end, watched=watched, called=called)


def read_intervention(data: Mapping[str, Any], file: str) -> Intervention:
    """Read plain data as a question.

    Raises
    ------
    ScenarioError
        With every value that has the wrong shape, and every key that there is not.
    """
    try:
        return Intervention.model_validate(data)
    except ValidationError as error:
        problems = (_misshapen(detail, file) for detail in error.errors(include_url=False))
        raise ScenarioError(dict.fromkeys(problems)) from None


def amended(scenario: Scenario, intervention: Intervention, file: str = _IN_MEMORY) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario with a question's parts dropped and added, and what was dropped in all."""
    if not intervention.is_structural:
        return scenario, ()
    return amend(scenario, intervention.drop, intervention.add, file)


def check_intervention(scenario: Scenario, intervention: Intervention, file: str = _IN_MEMORY) -> None:
    """Make sure that a question can be asked of a scenario.

    Raises
    ------
    ScenarioError
        With every mistake found.
    """
    changed, _ = amended(scenario, intervention, file)
    numbers = collect_numbers(changed, load_terms(changed))
    problems = find_misfits(intervention, scenario, changed, numbers, file)
    try:
        require_settings(changed, _settings(intervention, changed, numbers), file)
    except ScenarioError as error:
        problems += error.problems
    if problems:
        raise ScenarioError(problems)


def _settings(intervention: Intervention, scenario: Scenario, numbers: Mapping[str, float]) -> dict[str, float]:
    """What the numbers that a question changes become."""
    return {
        path: float(entry.apply(numbers[path]))
        for entry in intervention.number
        for path in find_paths(entry.path, scenario, numbers)
    }


# -- reading ----------------------------------------------------------------------------------------------------------


def _folder(case: str) -> Path:
    return Path(str(resources.files("negsim") / "cases" / f"{case}.interventions"))


def _find(scenario: Scenario, source: str | Path) -> Path:
    shipped = what_ifs(scenario)
    if isinstance(source, str) and source in shipped:
        return _folder(scenario.name) / f"{source}.toml"
    allowed = f"a question file (TOML), or a question of {scenario.name} ({list_names(shipped)})"
    if source == "":
        raise refuse("intervention", NOTHING, allowed)
    path = Path(source)
    if not path.is_file():
        given = "a directory" if path.is_dir() else "no such file"
        raise refuse(str(source), given, allowed, find_nearest(str(source), shipped) or find_neighbour(path))
    return path


def _misshapen(detail: Any, file: str) -> Problem:
    key, given = key_path(detail["loc"]), describe_value(detail["input"])
    if len(detail["loc"]) > 3:  # pydantic tried a moment, and then a day
        return Problem(file, key_path(detail["loc"][:3]), given, f"{A_DATE}, or a moment such as 1999-12-31T12:00:00")
    if detail["type"] == "extra_forbidden":
        return unknown_key(Intervention, detail["loc"], detail["input"], file)
    if detail["type"] == "missing":
        return Problem(file, key, NOTHING, "required")
    if detail["type"] == "value_error":
        return Problem(file, key, given, str(detail["ctx"]["error"]))
    if detail["type"] == "string_pattern_mismatch":
        return Problem(file, key, given, "a name of letters, digits, _ . and -, starting with a letter or digit")
    return Problem(file, key, given, allowed_value(detail))
