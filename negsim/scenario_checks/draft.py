"""What is a scenario while it is being checked? What could be read of it, and how mistakes in it are worded.

A draft may stand on misshapen data (see :mod:`negsim.scenario_structure`): whatever could not be read is None there,
so the checks pass over what is absent; that something *is* absent they say only where nothing was misshapen.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from negsim.problems import Problem, describe_value, find_nearest, list_names
from negsim.scenario import Channel, Scenario
from negsim.terms import Term


@dataclass(frozen=True)
class Draft:
    """A scenario while it is being checked.

    Attributes
    ----------
    scenario : Scenario
        What could be read of it.
    file : str
        What to call its file in problems.
    names : mapping
        The names in each table of tables as written, misshapen ones included, so that one mistake is told once.
    misshapen : frozenset of str
        Key paths of values that could not be read.
    terms : mapping
        Terms known by name: the shelf, and terms of one's own that have been loaded.
    """

    scenario: Scenario
    file: str
    names: Mapping[str, Collection[str]]
    misshapen: frozenset[str]
    terms: Mapping[str, Term]

    def problem(self, key: str, given: Any, allowed: str, among: Iterable[str] = ()) -> Problem:
        """Word a problem; ``among`` are the valid names to look for the nearest in."""
        nearest = find_nearest(given, among) if isinstance(given, str) else None
        return Problem(self.file, key, describe_value(given), allowed, nearest)

    def whole(self, key: str) -> bool:
        """Whether everything under a key could be read, so that what is absent was never written."""
        return key not in self._torn

    @cached_property
    def _torn(self) -> frozenset[str]:
        """Keys of misshapen values and of everything that holds one."""
        return frozenset(above for key in self.misshapen for above in _and_above(key))

    def told(self, key: str) -> bool:
        """Whether a value was found misshapen at a key, above it or below it."""
        return not self.whole(key) or any(above in self.misshapen for above in _and_above(key))

    def unknown(self, key: str, name: str | None, section: str) -> Iterator[Problem]:
        """A problem if no table of a section bears the name."""
        known = self.names[section]
        if name is not None and section not in self.misshapen and name not in known:
            yield self.problem(key, name, f"the name of {_article(section)} ({list_names(known)})", known)

    def not_a_state(self, key: str, name: str | None) -> Iterator[Problem]:
        """A problem if the name is no state's; for an intermediary the state behind it is the nearest."""
        states = self.states
        unread = "actor" in self.misshapen or (name in self.names["actor"] and name not in self.scenario.actor)
        if name is None or name in states or unread:
            return
        allowed = f"the name of a state ({list_names(states)})"
        behind = self.principal(name) if name in self.scenario.actor else None
        nearest = behind if behind in states else find_nearest(name, states)
        yield Problem(self.file, key, describe_value(name), allowed, nearest)

    @cached_property
    def states(self) -> Collection[str]:
        """Names of actors that are states."""
        return {name: None for name, actor in self.scenario.actor.items() if actor.kind == "state"}.keys()

    def principal(self, name: str | None) -> str | None:
        """The state behind an actor; None if the actor is not known."""
        actor = self.scenario.actor.get(name) if name else None
        return None if actor is None else actor.answers_to or name

    def giver(self, concession: str) -> str | None:
        """The state that gives a concession; None if that is not known."""
        given = self.scenario.concession.get(concession)
        return None if given is None else self.principal(given.giver)

    def sides(self, channel: Channel) -> list[set[str]]:
        """The states on each side of a channel, as far as they are known."""
        return [{state for actor in side if (state := self.principal(actor))} for side in channel.sides or ()]


def _and_above(key: str) -> Iterator[str]:
    """A key path and those of everything that holds it."""
    return itertools.accumulate(key.split("."), "{}.{}".format)


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


# -- what several checks ask for ---------------------------------------------------------------------------------


def check_repeats(draft: Draft, key: str, names: Iterable[str]) -> Iterator[Problem]:
    """Nothing is listed twice."""
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield draft.problem(f"{key}.{position}", name, "each name once")
        seen.add(name)


def check_rates(draft: Draft, key: str, rates: Iterable[str], moves: Iterable[str], what: str) -> Iterator[Problem]:
    """Rates are those of moves that there are."""
    for move in rates:
        if move not in moves:
            yield draft.problem(f"{key}.rates.{move}", move, f"a move of a {what} ({', '.join(moves)})", moves)


def is_seated(draft: Draft, channel: Channel) -> bool:
    """Whether it is known who sits in a channel: else what is on its agenda cannot be judged."""
    actors = [actor for side in channel.sides or () for actor in side]
    return bool(actors) and all(draft.principal(actor) for actor in actors)
