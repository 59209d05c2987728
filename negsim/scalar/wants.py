"""What is wanted when something may be chosen? For each choice a row of bits, over all that there is.

Choices are the dense moves, an accord in each channel, and the packages to agree on. Whether a move or an accord is
possible is decided by the code of one thing, its switch (a channel, a concession, a demand, ...). To what is possible
belongs all that its hazard is computed from, so what some runs have to compute is the union of one row for each choice
that any of them has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from negsim.scalar.tables import KINDS, WORD, WORDS_ABREAST, YES, count_bits
from negsim.state import Array, Ints, Program, Sums, World


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

    def _accord(self, channel: int) -> int:
        """Agreeing in a channel, without the packages there are to agree on."""
        factor = int(self._world.agree_signature[channel])
        return self._bit("agreeing", channel) | (self._signature(factor - 1) if factor else 0)

    def _list_packages(self) -> list[int]:
        """The packages, each with what its items are worth to all who decide."""
        packages = self._sizes["packages"]
        rows = [self._bit("packages", package) for package in range(packages)]
        for number, items in enumerate(list_voter_items(self._world)):
            rows[number % packages] |= self._all(self._utility(row) for row in items)
        return rows

    def _list_choices(self) -> list[int]:
        """All choices, each with all that belongs to it."""
        moves, channels = range(self._world.dense), range(self._world.channels)
        return [*map(self._move, moves), *map(self._accord, channels), *self._list_packages()]

    def lay_rows(self) -> Ints:
        """Rows of words, choice by choice, and last of what is wanted always."""
        return self._as_words([*self._list_choices(), self._always])

    def list_askers(self) -> list[list[int]]:
        """For each channel the moves and accords for which its surplus is asked."""
        chosen = self._list_choices()[: self._world.dense + self._world.channels]
        bits = [self._bit("surplus", channel) for channel in range(self._world.channels)]
        return [[choice for choice, row in enumerate(chosen) if row & bit] for bit in bits]

    def list_always_asked(self) -> list[bool]:
        """Whether the surplus of each channel is asked for always."""
        return [self._always & self._bit("surplus", channel) != 0 for channel in range(self._world.channels)]

    def list_switches(self) -> list[int]:
        """For each move and accord the switch that decides whether it is possible."""
        return [switch for switch, _ in self._find_switches()]

    def lay_allowed(self, watched: Array) -> Ints:
        """The codes of their switches at which moves and accords are possible, as bits, if only some moves count."""
        world = self._world
        counts = [bool(watched[move]) for move in range(world.dense)]
        counts += [bool(watched[world.dense + part.start : world.dense + part.stop].any())
                   for part in world.channel_packages]  # fmt: skip
        codes = [codes for _, codes in self._find_switches()]
        return np.array([code * count for code, count in zip(codes, counts, strict=True)], dtype=np.int64)

    def _find_switches(self) -> list[tuple[int, int]]:
        """For each move and accord its switch, and the codes of it that allow it."""
        world = self._world
        approvals, always = len(world.approve_side), world.channels + world.concessions + world.demands
        found = []
        for move in range(world.dense):
            decision = int(world.base[move]) - self._sizes["first_step"] - world.concessions
            if decision >= 0:
                found.append((always + 1 + decision % approvals, YES))
            else:
                found.append((int(world.entity[move]), int(world.allowed.ravel()[move])))
        return found + [(always + 1 + approvals + channel, YES) for channel in range(world.channels)]

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
