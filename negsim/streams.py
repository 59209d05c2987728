"""Where does randomness come from? Unit-rate clocks, one for each move, with an address for every ring.

The n-th ring of a move in run r is drawn from the stream addressed by (seed, purpose, r // 256, the move's name), so it
is the same whatever the batch, the order, the number of runs or the other moves (model, section 9).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from negsim.state import Array, Floats, Ints

BLOCK_WIDTH = 256
"""Runs that share a stream: a constant of the scheme, recorded with every result, never tuned."""
PURPOSE_CLOCKS = 1
ROWS_AT_ONCE = 4


def address_words(name: str) -> tuple[int, ...]:
    """Turn a move's name into four 32-bit words of a stream's address."""
    digest = hashlib.sha256(name.encode()).digest()[:16]
    return tuple(int.from_bytes(digest[start : start + 4], "little") for start in range(0, 16, 4))


def open_stream(entropy: int, purpose: int, block: int, words: tuple[int, ...]) -> np.random.Generator:
    """Open the generator at an address."""
    sequence = np.random.SeedSequence(entropy, spawn_key=(purpose, block, *words))
    return np.random.Generator(np.random.SFC64(sequence))


class Streams:
    """Streams of some blocks of runs, one for each of some addresses in each: the numbers of :func:`open_stream`.

    Opened all at once, in one generator that is set from one to the other: a generator for each would take as long as
    a history.

    Parameters
    ----------
    entropy, purpose : int
        What their addresses begin with.
    blocks : sequence of int
        What comes next.
    words : sequence of tuple of int
        How each goes on (:func:`address_words`).

    Attributes
    ----------
    states : array, shape (blocks, streams, 4)
        Where each stands: the words of SFC64.
    """

    def __init__(self, entropy: int, purpose: int, blocks: Sequence[int], words: Sequence[tuple[int, ...]]) -> None:
        self._bits = np.random.SFC64(0)
        self._generator = np.random.Generator(self._bits)
        self._blank = self._bits.state
        self.states = _seed_streams(entropy, purpose, blocks, words)

    def draw(self, block: int, number: int, out: Floats) -> None:
        """Draw the next numbers of a stream, waits of unit rate; `block` counts those given from 0."""
        self._bits.state = {**self._blank, "state": {"state": self.states[block, number]}}
        self._generator.standard_exponential(out=out)
        self.states[block, number] = self._bits.state["state"]["state"]


class Clocks:
    """Clocks of all moves for some runs: what is left until each next ring.

    Parameters
    ----------
    entropy : int
        The seed.
    names : sequence of str
        Addresses of the clocks, one for each move.
    runs : array of int, shape (width,)
        Run numbers of the columns; columns that name the same run take the same clocks.
    purpose : int
        Part of the address, so that clocks of different uses are different.

    Attributes
    ----------
    remaining : array, shape (moves, width)
        Integrated hazard left until each clock's next ring.
    rings : array of int, shape (moves, width)
        How often each clock has rung.
    """

    def __init__(self, entropy: int, names: Sequence[str], runs: Ints, purpose: int = PURPOSE_CLOCKS) -> None:
        self._blocks, self._block_of = np.unique(runs // BLOCK_WIDTH, return_inverse=True)
        self._place = runs % BLOCK_WIDTH
        words = [address_words(name) for name in names]
        self._streams = Streams(entropy, purpose, self._blocks.tolist(), words)
        self._drawn = np.zeros((len(names), len(self._blocks)), dtype=np.int64)
        # Waits are drawn in pieces of four rows, kept one after the other in the order in which they were needed.
        self._pieces = 0
        self._pool = np.empty((len(names) * len(self._blocks), ROWS_AT_ONCE * BLOCK_WIDTH))
        self._piece_of = np.zeros((1, len(names), len(self._blocks)), dtype=np.int64)
        self.rings = np.zeros((len(names), len(runs)), dtype=np.int32)
        for move in range(len(names)):
            for block in range(len(self._blocks)):
                self._draw(move, block)
        first = self._pool.reshape(len(names), len(self._blocks), ROWS_AT_ONCE * BLOCK_WIDTH)
        self.remaining = np.ascontiguousarray(first[:, self._block_of, self._place])

    def _draw(self, move: int, block: int) -> None:
        """Draw the next rows of a stream (always for all 256 runs of its block)."""
        number = int(self._drawn[move, block]) // ROWS_AT_ONCE
        if number == len(self._piece_of):
            self._piece_of = np.concatenate((self._piece_of, np.zeros_like(self._piece_of[:1])))
        if self._pieces == len(self._pool):
            self._pool = np.concatenate((self._pool, np.empty((len(self._pool) // 2 + 1, self._pool.shape[1]))))
        self._streams.draw(block, move, self._pool[self._pieces])
        self._piece_of[number, move, block] = self._pieces
        self._pieces += 1
        self._drawn[move, block] += ROWS_AT_ONCE

    def renew(self, moves: Ints, columns: Ints) -> None:
        """Ring the clocks of some (move, column) pairs: start each one's next wait afresh."""
        ring = self.rings[moves, columns] + 1
        self.rings[moves, columns] = ring
        blocks = self._block_of[columns]
        short = ring >= self._drawn[moves, blocks]
        if short.any():
            for move, block in {*zip(moves[short].tolist(), blocks[short].tolist(), strict=True)}:
                self._draw(move, block)
        piece = self._piece_of[ring // ROWS_AT_ONCE, moves, blocks]
        place = ring % ROWS_AT_ONCE * BLOCK_WIDTH + self._place[columns]
        self.remaining[moves, columns] = self._pool[piece, place]

    def select(self, columns: Ints) -> None:
        """Keep some columns only."""
        self.remaining = np.take(self.remaining, columns, axis=1)
        self.rings = np.take(self.rings, columns, axis=1)
        self._block_of = self._block_of[columns]
        self._place = self._place[columns]


# -- many streams at once ---------------------------------------------------------------------------------------------

POOL: Final = 4
"""Words in which numpy's SeedSequence gathers an address."""
HASH: Final = (0x43B0D7E5, 0x931E8875)
"""First of the constants that hash a word of the address, and by what each is multiplied to give the next."""
STATE_HASH: Final = (0x8B51F9DD, 0x58F38DED)
"""The same where words of a state are made."""
LEFT, RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
HALF: Final = np.uint32(16)
ROUNDS: Final = 12
"""Numbers that SFC64 passes over at first."""


def _seed_streams(entropy: int, purpose: int, blocks: Sequence[int], words: Sequence[tuple[int, ...]]) -> Array:
    """Seed generators at many addresses as numpy does at one; their states, shape (blocks, streams, 4).

    Numpy gathers an address in a pool of words (SeedSequence, after O'Neill 2015), and SFC64 passes over some numbers.
    """
    keys = [[*_split(block)] for block in blocks]
    if not words:
        return np.zeros((len(blocks), 0, 4), dtype=np.uint64)
    if len({*map(len, keys)}) > 1:
        return np.concatenate([_seed_streams(entropy, purpose, [block], words) for block in blocks])
    first = [*_split(entropy)]
    common = [*first, *[0] * (POOL - len(first)), *_split(purpose)]
    own = np.array([(*key, *word) for key in keys for word in words], dtype=np.uint32).reshape(
        len(keys) * len(words), -1
    )
    address = [np.full(1, word, dtype=np.uint32) for word in common] + list(own.T)
    constants = _list_constants(HASH, POOL * (len(address) + POOL))
    pool = _hash(np.array(address[:POOL]), constants[: POOL + 1])
    done = POOL
    for source in range(POOL):
        others = [place for place in range(POOL) if place != source]
        pool[others] = _mix(pool[others], _hash(pool[source], constants[done : done + POOL]))
        done += POOL - 1
    for word in address[POOL:]:
        pool = _mix(pool, _hash(word, constants[done : done + POOL + 1]))
        done += POOL
    halves = _hash(np.resize(pool, (6, pool.shape[1])), _list_constants(STATE_HASH, 7))
    return _warm_up(halves.astype(np.uint64)).reshape(len(keys), len(words), 4)


def _split(number: int) -> Iterator[int]:
    """Split a number into words of 32 bits, the lowest first."""
    yield number & 0xFFFFFFFF
    while number := number >> 32:
        yield number & 0xFFFFFFFF


def _list_constants(hash_: tuple[int, int], count: int) -> Array:
    constants = [hash_[0]]
    while len(constants) < count:
        constants.append(constants[-1] * hash_[1] & 0xFFFFFFFF)
    return np.array(constants, dtype=np.uint32)[:, None]


def _hash(words: Array, constants: Array) -> Array:
    """Hash words, each by a constant and the one after it."""
    hashed: Array = (words ^ constants[:-1]) * constants[1:]
    hashed ^= hashed >> HALF
    return hashed


def _mix(words: Array, others: Array) -> Array:
    mixed: Array = LEFT * words - RIGHT * others
    mixed ^= mixed >> HALF
    return mixed


def _warm_up(halves: Array) -> Array:
    """States of SFC64 from halves of its words, after the numbers that it passes over."""
    a, b, c = (halves[low] | halves[low + 1] << np.uint64(32) for low in (0, 2, 4))
    for number in range(1, ROUNDS + 1):
        drawn = a + b + np.uint64(number)
        a, b, c = b ^ b >> np.uint64(11), c + (c << np.uint64(3)), (c << np.uint64(24) | c >> np.uint64(40)) + drawn
    return np.stack((a, b, c, np.full_like(a, ROUNDS + 1)), axis=1)
