"""What would each side gain from a package? What its items are worth to those who decide, and whose margin counts."""

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
from negsim.state import Array, Ints, Sums
from negsim.vocabulary import CHANNEL_MOVE_STAGES, CHANNEL_STAGES

Voter = tuple[int, int]
"""Bundle and seat."""


def lay_packages(sheet: Sheet, worths: Worths) -> Fields:
    """Lay out the packages of every channel."""
    rows, packages = sheet.rows, sheet.rows.packages
    bundles, seats = _Bundles(worths), _Seats(rows)
    voters = [_voters(rows, bundles, seats, move, side) for side in (0, 1) for move in packages]
    renumbered, sums = bundles.by_length()
    _add_slots(sheet)
    return {
        "package_channel": integers(rows.channel[move.channel] for move in packages),
        "package_members": integers(package_bits(rows, move) for move in packages)[:, None],
        "package_items": _list_items(rows),
        **_slices(rows),
        "surplus_stages": _surplus_stages(sheet),
        "bundles": sums,
        "voters": _voter_rows(voters, renumbered),
        "reservation_means": make_sums(seats.groups, len(rows.state)),
        "reservation_sizes": np.array([float(len(members)) for members in seats.groups])[:, None],
    }


def _list_items(rows: Rows) -> Ints:
    """List the concessions of each package, shape (longest, packages); beyond the package the row after the last."""
    longest = max((len(move.items) for move in rows.packages), default=1)
    items = np.full((longest, len(rows.packages)), len(rows.concession), dtype=np.int64)
    for package, move in enumerate(rows.packages):
        items[: len(move.items), package] = [rows.concession[item] for item in move.items]
    return items


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


def _voters(rows: Rows, bundles: _Bundles, seats: _Seats, move: Event, side: int) -> list[Voter]:
    """List who decides on a package for a side; the least willing voter's margin is the side's."""
    members = rows.members(move.channel, side)
    how = rows.scenario.channel[move.channel].aggregation[side]
    if how == "mean":
        return [(bundles.find(move, side, None), seats.find(members))]
    deciding = members[:1] if how == "lead" else members
    return [(bundles.find(move, side, member), seats.find([member])) for member in deciding]


def _voter_rows(voters: Sequence[Sequence[Voter]], renumbered: Mapping[int, int]) -> tuple[Ints, Ints]:
    """Rows (voters, packages) of bundles and seats; short lists repeat a voter, which changes no minimum."""
    most = max((len(entries) for entries in voters), default=1)
    filled = [[*entries, *[entries[-1]] * (most - len(entries))] for entries in voters]
    bundles = [[renumbered[entries[voter][0]] for entries in filled] for voter in range(most)]
    seats = [[entries[voter][1] for entries in filled] for voter in range(most)]
    return np.array(bundles, dtype=np.int64).reshape(most, -1), np.array(seats, dtype=np.int64).reshape(most, -1)


# -- bundles ----------------------------------------------------------------------------------------------------------


@dataclass
class _Bundles:
    """What the items of a package are worth to a voter, as rows of utilities; each distinct list is summed once."""

    worths: Worths
    number: dict[tuple[int, ...], int] = field(default_factory=dict)

    def find(self, move: Event, side: int, voter: str | None) -> int:
        """Find or make the bundle of a package for a voter (None: the mean of the side)."""
        items = tuple(self._worth(move.channel, side, voter, item) for item in move.items)
        return self.number.setdefault(items, len(self.number))

    def _worth(self, channel: str, side: int, voter: str | None, item: str) -> int:
        if voter is None:
            return self.worths.of_mean[channel, side, item]
        return self.worths.of_item.get((channel, item, voter), self.worths.zero)

    def by_length(self) -> tuple[dict[int, int], Sums]:
        """Renumber the bundles, the longest first: those with one more item are then the first few, a slice."""
        ordered = sorted(self.number, key=len, reverse=True)
        renumbered = {self.number[items]: place for place, items in enumerate(ordered)}
        return renumbered, make_sums(ordered, self.worths.zero + 1)
