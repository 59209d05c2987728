"""What is wanted when something is in a certain state? For each switch and code a row of bits, over all that there is.

A switch is what decides which moves are possible (a channel, a concession, a demand, ...), its code the state it is in.
To the moves that are possible then belongs all that their hazards are computed from, so what a run has to compute is
the union of one row for each switch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from negsim.scalar.tables import KINDS, WORD, WORDS_ABREAST, count_bits
from negsim.state import Array, Ints, Program, Sums, World

CODES = {"channel": 8, "concession": 32, "demand": 4, "always": 1, "other": 2}
"""How many codes each kind of switch has (docs of negsim.layout.hazards)."""


def list_members(sums: Sums, zero: int) -> list[list[int]]:
    """List the members of each sum, without the row of zeros that fills short ones up."""
    return [[int(row) for row in column if row != zero] for column in sums.members.T]


def list_mean_rows(world: World) -> list[list[int]]:
    """List the utility rows of each mean: as many as it has members, also those that an item does not concern."""
    sizes = world.mean_sizes.ravel().astype(int)
    return [world.means.members[:size, mean].tolist() for mean, size in enumerate(sizes)]


def list_voter_items(world: World) -> list[list[int]]:
    """List the utility rows of the items of a package, by voter, side and package."""
    items = list_members(world.bundles, world.utility_rows)
    return [items[bundle] for bundle in world.voters[0].ravel()]


def count_codes(world: World) -> list[int]:
    """How many codes each switch has."""
    counts = {
        "channel": world.channels, "concession": world.concessions, "demand": world.demands, "always": 1,
        "other": len(world.approve_side) + world.channels,
    }  # fmt: skip
    return [CODES[kind] for kind, count in counts.items() for _ in range(count)]


class Wants:
    """Finds out what is wanted for what, as sets of bits (whole numbers of Python).

    Parameters
    ----------
    world : World
    sizes : mapping of str to int
        Sizes of the tables.
    other : sequence of Program
        Formulas besides those of log rates; what they ask for is wanted always.
    """

    def __init__(self, world: World, sizes: Mapping[str, int], other: Sequence[Program]) -> None:
        self._world, self._sizes = world, sizes
        self._edges = count_bits(sizes)
        self._first = dict(zip(KINDS, self._edges, strict=False))
        self.words = -(-self._edges[-1] // (WORD * WORDS_ABREAST)) * WORDS_ABREAST
        self._signatures = list_members(world.signatures, world.log_rate_rows)
        self._rates = self._find_asked()
        self._means = list_mean_rows(world)
        asked = {source.name for program in other for source in program.sources if source.rows is not None}
        wanted = [kind for kind, name in (("pains", "pain"), ("surplus", "surplus")) if name in asked]
        self._always = self._all(self._bit(kind, channel) for kind in wanted for channel in range(world.channels))
        self._second = dict(zip(world.second.rows, world.second.sources, strict=True)) if world.second else {}

    def _bit(self, kind: str, row: int) -> int:
        return 1 << (self._first[kind] + int(row))

    @staticmethod
    def _all(sets: Iterable[int]) -> int:
        union = 0
        for bits in sets:
            union |= bits
        return union

    def _find_asked(self) -> list[int]:
        """What each log rate asks for besides what is always at hand."""
        asked = [self._bit("log_rates", row) for row in range(self._sizes["log_rates"])]
        for program in self._world.log_rates:
            for source in program.sources:
                kind = {"pain": "pains", "surplus": "surplus"}.get(source.name)
                if kind is None or source.rows is None:
                    continue
                rows = np.arange(self._world.channels)[source.rows]
                for row, channel in zip(range(program.rows.start, program.rows.stop), rows, strict=True):
                    asked[row] |= self._bit(kind, channel)
        return asked

    def _signature(self, number: int) -> int:
        return self._bit("signatures", number) | self._all(self._rates[row] for row in self._signatures[number])

    def _utility(self, row: int) -> int:
        """What an item is worth to someone, with what it is computed from."""
        benefits, givers, means = (self._sizes[name] for name in ("benefits", "givers", "means"))
        if row < benefits:
            return self._bit("benefits", row)
        if row < benefits + givers:
            giver = row - benefits
            return (
                self._bit("givers", giver)
                | self._bit("exponents", self._world.giver_exponent[giver])
                | self._bit("concessions", self._world.giver_concession[giver])
            )
        if row < benefits + givers + means:
            mean = row - benefits - givers
            return self._bit("means", mean) | self._all(self._utility(member) for member in self._means[mean])
        return 0

    def _move(self, move: int) -> int:
        """A dense move with its factors."""
        world = self._world
        bits = self._bit("moves", move)
        if move in self._second:
            bits |= self._signature(int(self._second[move].rows) - 1)
        base, signatures = int(world.base[move]), self._sizes["signatures"]
        step = base - self._sizes["first_step"]
        if 0 < base <= signatures:
            bits |= self._signature(base - 1)
        elif 0 <= step < world.concessions:
            bits |= self._bit("steps", step) | self._utility(int(world.alone[step]))
        return bits

    def lay_switches(self, watched: Array) -> Ints:
        """Rows of words, switch by switch and code by code, if only some moves count."""
        world = self._world
        first_decision = self._sizes["first_step"] + world.concessions
        approvals = len(world.approve_side)
        rows = [[0] * codes for codes in count_codes(world)]
        always = world.channels + world.concessions + world.demands
        rows[always][0] = self._always
        for move in np.flatnonzero(watched[: world.dense]).tolist():
            bits, decision = self._move(move), int(world.base[move]) - first_decision
            if decision >= 0:
                rows[always + 1 + decision % approvals][1] |= bits
                continue
            switch, allowed = int(world.entity[move]), int(world.allowed.ravel()[move])
            for code in range(len(rows[switch])):
                if allowed >> code & 1:
                    rows[switch][code] |= bits
        for channel, part in enumerate(world.channel_packages):
            if watched[world.dense + part.start : world.dense + part.stop].any():
                factor = int(world.agree_signature[channel])
                signature = self._signature(factor - 1) if factor else 0
                rows[always + 1 + approvals + channel][1] = self._bit("agreeing", channel) | signature
        return self._as_words(bits for codes in rows for bits in codes)

    def lay_items(self) -> Ints:
        """Rows of words for the items of agendas, by channel and position: what they are worth to all who decide."""
        world = self._world
        length, packages = world.agenda.shape[1], len(world.package_channel)
        rows = [0] * (world.channels * length)
        members = world.package_members.ravel()
        for number, items in enumerate(list_voter_items(world)):
            package = number % packages
            positions = [position for position in range(length) if members[package] >> position & 1]
            for position, row in zip(positions, items, strict=True):
                rows[world.package_channel[package] * length + position] |= self._utility(row)
        return self._as_words(rows)

    def list_pieces(self) -> list[list[tuple[int, int, int]]]:
        """For each kind, where its bits lie: words, masks, the row of the thing whose bit is a word's lowest."""
        pieces = []
        for first, last in pairwise(self._edges):
            bits, found = (1 << last) - (1 << first), []
            for word in range(first // WORD, -(-last // WORD)):
                mask = (bits >> WORD * word) & ((1 << WORD) - 1)
                found.append((word, mask, WORD * word - first))
            pieces.append(found)
        return pieces

    def lay_masks(self) -> Ints:
        """Masks of all pieces, one after the other."""
        masks = [mask for pieces in self.list_pieces() for _, mask, _ in pieces]
        return np.array(masks, dtype=np.uint64).view(np.int64)

    def _as_words(self, rows: Iterable[int]) -> Ints:
        raw = b"".join(bits.to_bytes(8 * self.words, "little") for bits in rows)
        words: Any = np.frombuffer(raw, dtype="<i8").astype(np.int64)
        return words  # type: ignore[no-any-return]
