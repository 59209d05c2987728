"""Which row is what? Names of a scenario become row numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from negsim.moves import Event, list_consequences, list_events
from negsim.scenario import Scenario
from negsim.state import Ints, Sums

Fields = dict[str, Any]
"""Some fields of the world, by name."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Rows:
    """A scenario with the row of everything that has one: each mapping's keys stand in the order of their rows."""

    scenario: Scenario
    state: Mapping[str, int]
    channel: Mapping[str, int]
    concession: Mapping[str, int]
    demand: Mapping[str, int]
    act: Mapping[str, int]
    need: Mapping[tuple[str, str], int]
    """By (good, state)."""
    pair: Mapping[tuple[str, str], int]
    """By (holder, toward): states that have to do with each other."""
    moves: tuple[Event, ...]
    consequences: tuple[Event, ...]

    @property
    def dense(self) -> list[Event]:
        """Moves whose hazards are computed row by row: all but the packages."""
        return [move for move in self.moves if move.kind != "agree"]

    @property
    def packages(self) -> list[Event]:
        """Moves of agreeing, one for each channel and package."""
        return [move for move in self.moves if move.kind == "agree"]

    @property
    def longest_agenda(self) -> int:
        """Number of items on the longest agenda."""
        return max((len(channel.agenda) for channel in self.scenario.channel.values()), default=1)

    def giver(self, concession: str) -> str:
        """The state that gives: the giver's principal."""
        return self.scenario.principal(self.scenario.concession[concession].giver)

    def members(self, channel: str, side: int) -> list[str]:
        """The states on a side of a channel: its members' principals, one for each member."""
        return [self.scenario.principal(member) for member in self.scenario.channel[channel].sides[side]]

    def need_met(self, concession: str, state: str) -> int | None:
        """Row of a state's need that a concession relieves, if any."""
        good = self.scenario.concession[concession].good
        return None if good is None else self.need.get((good, state))

    def regard_path(self, holder: str, toward: str, number: str, default: str) -> str:
        """Key path of a number of a regard, or what stands for it where none is given."""
        for position, regard in enumerate(self.scenario.regard):
            if (regard.holder, regard.toward) == (holder, toward) and getattr(regard, number) is not None:
                return f"regard.{position}.{number}"
        return default


def number_rows(scenario: Scenario) -> Rows:
    """Give everything that has a name its row."""
    return Rows(
        scenario,
        state=_numbered(name for name, actor in scenario.actor.items() if actor.kind == "state"),
        channel=_numbered(scenario.channel),
        concession=_numbered(scenario.concession),
        demand=_numbered(scenario.demand),
        act=_numbered(scenario.coercion),
        need=_numbered((name, state) for name, good in scenario.good.items() for state in good.need),
        pair=_numbered(_meetings(scenario)),
        moves=tuple(list_events(scenario)),
        consequences=tuple(list_consequences(scenario)),
    )


def _numbered(keys: Iterable[Key]) -> dict[Key, int]:
    return {key: row for row, key in enumerate(dict.fromkeys(keys))}


def _meetings(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """Ordered pairs of states that have to do with each other."""
    principal = scenario.principal
    for channel in scenario.channel.values():
        for one, two in itertools.product(*channel.sides):
            yield from _both_ways(principal(one), principal(two))
    for name, concession in scenario.concession.items():
        giver = principal(concession.giver)
        for other in (scenario.recipient(name), *concession.worth):
            yield from _both_ways(giver, other)
        for answered in concession.in_return_for:
            yield giver, principal(scenario.concession[answered].giver)
    for act in scenario.coercion.values():
        for hit in act.hits:
            yield from _both_ways(principal(act.actor), hit)
    for demand in scenario.demand.values():
        yield principal(demand.owner), principal(demand.target)
    for regard in scenario.regard:
        yield regard.holder, regard.toward


def _both_ways(one: str, two: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (one, two), (two, one)


# -- row numbers as arrays --------------------------------------------------------------------------------------------


def integers(numbers: Iterable[int]) -> Ints:
    """Row numbers as an array, also where there are none."""
    return np.array(list(numbers), dtype=np.int64)


def row_numbers(numbers: Sequence[int]) -> slice | Ints:
    """Row numbers, as a slice where they follow one another: a slice is a view, an array of numbers copies."""
    if numbers and list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))):
        return slice(numbers[0], numbers[0] + len(numbers))
    return integers(numbers)


def make_sums(groups: Sequence[Sequence[int]], none: int) -> Sums:
    """Make a table of sums, short groups padded with a number that no row has (or a row of zeros)."""
    longest = max((len(group) for group in groups), default=0) or 1
    members = np.full((longest, len(groups)), none, dtype=np.int64)
    for column, group in enumerate(groups):
        members[: len(group), column] = group
    layers = []
    for place in range(longest):
        longer = [number for number, group in enumerate(groups) if len(group) > place]
        everywhere = len(longer) == len(groups)
        layers.append((slice(None) if everywhere else row_numbers(longer), members[place, longer]))
    return Sums(members, tuple(layers))
