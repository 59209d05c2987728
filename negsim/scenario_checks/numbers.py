"""Which theories, and which numbers are uncertain? Terms with their settings, parameters with their priors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from negsim.problems import Problem, describe_value, find_nearest
from negsim.scenario import ParameterSpec
from negsim.scenario_checks.draft import Draft, check_repeats
from negsim.scenario_checks.paths import match_paths, number_paths
from negsim.terms import SHELF, Term

PRIOR_NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    "normal": ("mean", "sd"),
    "lognormal": ("median", "sd"),
    "beta": ("a", "b"),
    "gamma": ("a", "b"),
    "uniform": ("low", "high"),
}
"""The numbers that each family of priors takes."""


def check_terms(draft: Draft) -> Iterator[Problem]:
    """Terms are on the shelf or in a file of one's own; their settings are their parameters."""
    scenario = draft.scenario
    own = [name for name, settings in scenario.term.items() if settings.file is not None]
    known = [*draft.terms, *(name for name in own if name not in draft.terms)]
    for position, name in enumerate(scenario.terms or ()):
        if name not in known:
            yield draft.problem(f"terms.{position}", name, _known_terms(known), known)
    yield from check_repeats(draft, "terms", scenario.terms or ())
    for name, settings in scenario.term.items():
        key = f"term.{name}"
        if name not in known and draft.whole(key):
            yield draft.problem(key, name, _known_terms(known), known)
        if settings.file is not None:
            yield from _check_term_file(draft, name)
        if name in draft.terms:
            yield from _check_settings(draft, key, draft.terms[name], settings.model_extra or {})


def _known_terms(known: Iterable[str]) -> str:
    return f"a term that exists ({', '.join(known)}), or one of your own: a table [term.NAME] with `file`"


def _check_term_file(draft: Draft, name: str) -> Iterator[Problem]:
    key, path, given = f"term.{name}.file", draft.scenario.term_file(name) or Path(), draft.scenario.term[name].file
    if name in SHELF:
        yield draft.problem(key, given, f"no file: {name} is a shipped term; give yours another name")
    elif path.suffix != ".py":
        yield draft.problem(key, given, "a Python file (.py)")
    elif not path.is_file():
        neighbours = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        nearest = find_nearest(path.name, neighbours)
        yield Problem(draft.file, key, describe_value(given), f"a file that exists (looked for {path})", nearest)


def _check_settings(draft: Draft, key: str, term: Term, settings: Mapping[str, Any]) -> Iterator[Problem]:
    numbers = {declared.name: declared for declared in term.parameters}
    for name, value in settings.items():
        if name not in numbers:
            allowed = f"a parameter of the term {term.name} ({', '.join(numbers)})"
            yield draft.problem(f"{key}.{name}", name, allowed, numbers)
        elif draft.whole(f"{key}.{name}") and (allowed := numbers[name].refuse(value) or ""):
            yield draft.problem(f"{key}.{name}", value, allowed)


def check_parameters(draft: Draft) -> Iterator[Problem]:
    """Parameters move numbers that exist, under names of their own, with priors that are complete."""
    paths: tuple[str, ...] | None = None
    seen: set[str] = set()
    for number, spec in enumerate(draft.scenario.parameter):
        key = f"parameter.{number}"
        if spec.name is not None and spec.name in seen:
            yield draft.problem(f"{key}.name", spec.name, "each name once")
        seen.add(spec.name)
        paths = paths or number_paths(draft.scenario, draft.terms)
        yield from _check_numbers(draft, key, spec, paths)
        yield from _check_prior(draft, f"{key}.prior", spec)


def _check_numbers(draft: Draft, key: str, spec: ParameterSpec, paths: tuple[str, ...]) -> Iterator[Problem]:
    """Every pattern matches a number, unless what it speaks of could not be read."""
    unread = tuple(f"term.{name}." for name, own in draft.scenario.term.items() if own.file and name not in draft.terms)
    for position, pattern in enumerate(spec.numbers or ()):
        table = ".".join(pattern.split(".")[:2])
        if not match_paths(pattern, paths) and draft.whole(table) and not pattern.startswith(unread):
            allowed = "the key path of a number, such as concession.NAME.cost; * stands for any one part"
            yield draft.problem(f"{key}.numbers.{position}", pattern, allowed, _starred(pattern, paths))


def _starred(pattern: str, paths: Iterable[str]) -> set[str]:
    """Key paths with stars where a pattern has them, to look for the nearest in."""
    stars = [position for position, part in enumerate(pattern.split(".")) if part == "*"]
    split = [path.split(".") for path in paths]
    return {".".join("*" if position in stars else part for position, part in enumerate(parts)) for parts in split}


def _check_prior(draft: Draft, key: str, spec: ParameterSpec) -> Iterator[Problem]:
    prior = spec.prior
    if prior is None or prior.family is None:
        return
    needed = PRIOR_NUMBERS[prior.family]
    for name in ("mean", "sd", "median", "low", "high", "a", "b"):
        value = getattr(prior, name)
        if value is None and name in needed and draft.whole(key):
            yield draft.problem(f"{key}.{name}", None, f"a number: a {prior.family} prior has {' and '.join(needed)}")
        elif value is not None and name not in needed:
            allowed = f"nothing here: a {prior.family} prior has {' and '.join(needed)}"
            yield draft.problem(f"{key}.{name}", value, allowed)
    if prior.family == "uniform" and prior.low is not None and prior.high is not None and not prior.low < prior.high:
        yield draft.problem(f"{key}.high", prior.high, f"a number above low ({prior.low:g})")
