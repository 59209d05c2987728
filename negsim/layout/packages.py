"""What would each side gain from a package? Packages as nodes that share their beginnings, so that sums are made once.

A node is a beginning of a package seen by a voter; its worth is that of its parent plus that of the last item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from negsim.layout.arguments import About, argument_names
from negsim.layout.events import package_bits
from negsim.layout.formulas import NashWeight, per_day
from negsim.layout.rows import Fields, Rows, integers, make_sums
from negsim.layout.sheet import Sheet
from negsim.layout.utilities import Worths
from negsim.moves import Event
from negsim.state import Array, Ints
from negsim.vocabulary import CHANNEL_MOVE_STAGES, CHANNEL_STAGES

Voter = tuple[int, int]
"""Node and seat."""
Level = tuple[slice, Ints, Ints]
"""Nodes, their parents, the utility rows of their last items."""


def lay_packages(sheet: Sheet, worths: Worths) -> Fields:
    """Lay out the packages of every channel."""
    rows, packages = sheet.rows, sheet.rows.packages
    nodes, seats = _Nodes(worths), _Seats(rows)
    voters = [_voters(rows, nodes, seats, move, side) for side in (0, 1) for move in packages]
    renumbered, levels = nodes.by_level()
    _add_slots(sheet)
    return {
        "package_channel": integers(rows.channel[move.channel] for move in packages),
        "package_members": integers(package_bits(rows, move) for move in packages)[:, None],
        **_slices(rows),
        "surplus_stages": _surplus_stages(sheet),
        "levels": levels,
        "nodes": len(renumbered),
        "seats": _seat_rows(voters, renumbered),
        "reservation_means": make_sums(seats.groups, len(rows.state)),
        "reservation_sizes": np.array([float(len(members)) for members in seats.groups])[:, None],
    }


def _slices(rows: Rows) -> Fields:
    """Find each channel's share of the packages, which stand in the order of the channels."""
    counts = [sum(move.channel == name for move in rows.packages) for name in rows.channel]
    stops = np.cumsum(counts, dtype=np.int64).tolist()
    slices = [slice(stop - count, stop) for stop, count in zip(stops, counts, strict=True)]
    groups = [range(part.start, part.stop) for part in slices]
    return {"channel_packages": tuple(slices), "channel_sums": make_sums(groups, len(rows.packages))}


def _surplus_stages(sheet: Sheet) -> Array:
    """Find the stages of each channel in which a move is possible whose log rate asks for the surplus."""
    hooks = [hook for term in sheet.terms for hook in term.log_rates if "surplus" in argument_names(hook.formula)]
    kinds = {kind for hook in hooks for kind in hook.moves}
    anywhere = tuple(range(len(CHANNEL_STAGES)))
    asked = {stage for kind in kinds for stage in CHANNEL_MOVE_STAGES.get(kind, anywhere)}
    if any("surplus" in argument_names(slot.formula) for term in sheet.terms for slot in term.slots):
        asked = {*anywhere}
    return np.full((len(sheet.rows.channel), 1), sum(1 << stage for stage in asked), dtype=np.uint8)


def _add_slots(sheet: Sheet) -> None:
    rows, packages = sheet.rows, sheet.rows.packages
    leaders = [tuple(rows.members(move.channel, side)[0] for side in (0, 1)) for move in packages]
    powers = [[f"actor.{leader[side]}.power" for leader in leaders] for side in (0, 1)]
    bias = sheet.gather("nash_bias", [About(channel=move.channel) for move in packages])
    sheet.add_slot("nash_weight", *powers, *bias.columns, formula=NashWeight(bias.parts))
    sheet.add_slot("reservation", [f"actor.{state}.reservation" for state in rows.state])
    sheet.add_slot("eta", [f"channel.{name}.eta" for name in rows.channel])
    sheet.add_slot("agree_rate", [f"channel.{name}.rates.agree" for name in rows.channel], formula=per_day)


# -- voters -----------------------------------------------------------------------------------------------------------


class _Seats:
    """Whose reservation counts: groups of states (by row), each distinct one a seat."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._seat: dict[tuple[str, ...], int] = {}

    def find(self, members: Sequence[str]) -> int:
        """Find or make the seat of some states."""
        return self._seat.setdefault(tuple(members), len(self._seat))

    @property
    def groups(self) -> list[list[int]]:
        """Rows of states of each seat."""
        return [[self._rows.state[member] for member in members] for members in self._seat]


def _voters(rows: Rows, nodes: _Nodes, seats: _Seats, move: Event, side: int) -> list[Voter]:
    """List who decides on a package for a side; the least willing voter's margin is the side's."""
    members = rows.members(move.channel, side)
    how = rows.scenario.channel[move.channel].aggregation[side]
    if how == "mean":
        return [(nodes.find(move, side, None), seats.find(members))]
    deciding = members[:1] if how == "lead" else members
    return [(nodes.find(move, side, member), seats.find([member])) for member in deciding]


def _seat_rows(voters: Sequence[Sequence[Voter]], renumbered: Mapping[int, int]) -> tuple[Ints, Ints]:
    """Rows (voters, packages) of nodes and seats; short lists repeat a voter, which changes no minimum."""
    most = max((len(entries) for entries in voters), default=1)
    filled = [[*entries, *[entries[-1]] * (most - len(entries))] for entries in voters]
    nodes = [[renumbered[entries[voter][0]] for entries in filled] for voter in range(most)]
    seats = [[entries[voter][1] for entries in filled] for voter in range(most)]
    return np.array(nodes, dtype=np.int64).reshape(most, -1), np.array(seats, dtype=np.int64).reshape(most, -1)


# -- nodes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Node:
    parent: int
    item: int
    """Utility row of the last item."""
    level: int


@dataclass
class _Nodes:
    """Beginnings of packages, each made once for each voter; node 0 is the empty package."""

    worths: Worths
    made: list[_Node] = field(default_factory=list)
    number: dict[tuple[str, str | int, tuple[str, ...]], int] = field(default_factory=dict)

    def find(self, move: Event, side: int, voter: str | None) -> int:
        """Find or make the node of a package for a voter (None: the mean of the side)."""
        node = 0
        for level, item in enumerate(move.items):
            key = (move.channel, side if voter is None else voter, move.items[: level + 1])
            if key not in self.number:
                self.made.append(_Node(node, self._worth(move.channel, side, voter, item), level))
                self.number[key] = len(self.made)
            node = self.number[key]
        return node

    def _worth(self, channel: str, side: int, voter: str | None, item: str) -> int:
        if voter is None:
            return self.worths.of_mean[channel, side, item]
        return self.worths.of_item.get((channel, item, voter), self.worths.zero)

    def by_level(self) -> tuple[dict[int, int], tuple[Level, ...]]:
        """Renumber the nodes by level, so that each level is one slice computed from the one before."""
        renumbered = {0: 0}
        levels = []
        for level in range(max((node.level for node in self.made), default=-1) + 1):
            numbers = [number for number, node in enumerate(self.made, start=1) if node.level == level]
            first = len(renumbered)
            renumbered |= {number: first + place for place, number in enumerate(numbers)}
            entries = [self.made[number - 1] for number in numbers]
            parents = integers(renumbered[entry.parent] for entry in entries)
            levels.append((slice(first, len(renumbered)), parents, integers(entry.item for entry in entries)))
        return renumbered, tuple(levels)
