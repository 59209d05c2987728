"""Which theories does a scenario hold, and what is left of it without some of them?

A theory is a term. Without it the hazards take its neutral value, its numbers are gone, and so are the parameters that
speak of nothing else; priors of all others stay as they are. Without any, the scenario is *static*: what is possible
still follows from what was done, but how likely it is does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from negsim.problems import Problem, ScenarioError, describe_value, find_nearest, list_names
from negsim.scenario import Scenario
from negsim.terms import SHELF


def list_theories(scenario: Scenario) -> tuple[str, ...]:
    """Names of the terms that are switched on."""
    if scenario.terms is not None:
        return tuple(scenario.terms)
    own = [name for name, settings in scenario.term.items() if settings.file is not None and name not in SHELF]
    return (*SHELF, *own)


def switch_off(scenario: Scenario, theories: Iterable[str]) -> Scenario:
    """Take theories out of a scenario.

    Raises
    ------
    ScenarioError
        For names of no theory that is switched on, with the nearest that is.
    """
    gone, known = set(theories), list_theories(scenario)
    unknown = sorted(gone - set(known))
    if unknown:
        allowed = f"a theory that is switched on: {list_names(known)}"
        raise ScenarioError(
            Problem("<theories>", "", describe_value(name), allowed, find_nearest(name, known)) for name in unknown
        )
    kept = [spec for spec in scenario.parameter if not all(_belongs_to(path, gone) for path in spec.numbers)]
    return scenario.model_copy(
        update={
            "terms": tuple(name for name in known if name not in gone),
            "term": {name: settings for name, settings in scenario.term.items() if name not in gone},
            "parameter": tuple(kept),
        }
    )


def make_static(scenario: Scenario) -> Scenario:
    """Take every theory out of a scenario."""
    return switch_off(scenario, list_theories(scenario))


def _belongs_to(path: str, theories: set[str]) -> bool:
    return any(path.startswith(f"term.{name}.") for name in theories)
