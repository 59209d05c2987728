"""Which numbers can a parameter move? Their key paths, and patterns that stand for several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from negsim.scenario import Concession, Scenario
from negsim.terms import SHELF, Term
from negsim.vocabulary import CONCESSION_MOVES, JOINT_MOVES

CHANNEL_RATES: Final = (*JOINT_MOVES, "agree", "cancel", "walk_out")
"""Moves of a channel that have a baseline rate of their own (approval has its actor's `approval_rate`)."""


def number_paths(scenario: Scenario, terms: Mapping[str, Term] = SHELF) -> tuple[str, ...]:
    """Key paths of every number that a parameter may move: written, defaulted, baseline rates and terms' own."""
    return tuple(dict.fromkeys([*scenario.numbers(), *_rate_paths(scenario), *_term_paths(scenario, terms)]))


def _rate_paths(scenario: Scenario) -> Iterator[str]:
    moves: dict[str, dict[str, tuple[str, ...]]] = {
        "channel": dict.fromkeys(scenario.channel, CHANNEL_RATES),
        "demand": dict.fromkeys(scenario.demand, ("raise",)),
        "coercion": dict.fromkeys(scenario.coercion, ("act",)),
        "concession": {name: _giver_moves(given) for name, given in scenario.concession.items()},
    }
    for section, things in moves.items():
        for name, kinds in things.items():
            yield from (f"{section}.{name}.rates.{kind}" for kind in kinds)


def _giver_moves(given: Concession) -> tuple[str, ...]:
    absent = (() if given.unilateral else ("pledge",)) + (() if given.freezable else ("freeze", "lift"))
    return tuple(move for move in CONCESSION_MOVES.get(given.kind, ()) if move not in absent)


def _term_paths(scenario: Scenario, terms: Mapping[str, Term]) -> Iterator[str]:
    for name, term in terms.items():
        yield from (f"term.{name}.{declared.name}" for declared in term.parameters)
    for name, settings in scenario.term.items():
        yield from (f"term.{name}.{number}" for number in settings.model_extra or {})


def match_paths(pattern: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Key paths that a pattern stands for; `*` stands for any one part.

    Examples
    --------
    >>> match_paths("actor.*.audience", ["actor.A.audience", "actor.A.power", "actor.B.audience"])
    ('actor.A.audience', 'actor.B.audience')
    """
    if "*" not in pattern:
        return tuple(path for path in paths if path == pattern)
    wanted = pattern.split(".")

    def fits(path: str) -> bool:
        parts = path.split(".")
        return len(parts) == len(wanted) and all(w in ("*", p) for w, p in zip(wanted, parts, strict=True))

    return tuple(path for path in paths if fits(path))
