"""Where does randomness come from? Unit-rate clocks, one for each move, with an address for every ring.

The n-th ring of a move in run r is drawn from the stream addressed by (seed, purpose, r // 256, the move's name), so it
is the same whatever the batch, the order, the number of runs or the other moves (model, section 9).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from negsim.state import Ints

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
        self._entropy = entropy
        self._purpose = purpose
        self._words = [address_words(name) for name in names]
        self._blocks, self._block_of = np.unique(runs // BLOCK_WIDTH, return_inverse=True)
        self._place = runs % BLOCK_WIDTH
        self._streams: dict[tuple[int, int], np.random.Generator] = {}
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
        stream = self._streams.get((move, block))
        if stream is None:
            address = int(self._blocks[block])
            stream = open_stream(self._entropy, self._purpose, address, self._words[move])
            self._streams[move, block] = stream
        stream.standard_exponential(out=self._pool[self._pieces])
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


class Rows:
    """The clocks of one block of runs as rows of waits, drawn as far as somebody has asked for.

    The numbers are those of :class:`Clocks`; here they are looked up by whoever runs one history after the other.

    Parameters
    ----------
    entropy : int
        The seed.
    words : sequence of tuple of int
        Addresses of the clocks (:func:`address_words`), one for each move.
    block : int
        Number of the block of runs.
    purpose : int
        Part of the address.

    Attributes
    ----------
    pool : array, shape (chunks, ROWS_AT_ONCE, BLOCK_WIDTH)
        What has been drawn, in the order in which it was asked for.
    chunk_of : array of int, shape (moves, most chunks of a move)
        Which chunk of the pool holds a move's first rows, its next ones, ...; -1 where nothing has been drawn.
    """

    def __init__(
        self, entropy: int, words: Sequence[tuple[int, ...]], block: int, purpose: int = PURPOSE_CLOCKS
    ) -> None:
        self._streams = [open_stream(entropy, purpose, block, found) for found in words]
        self._drawn = len(words)
        self.pool = np.empty((2 * max(len(words), 1), ROWS_AT_ONCE, BLOCK_WIDTH))
        self.chunk_of = np.full((len(words), 8), -1, dtype=np.int64)
        self.chunk_of[:, 0] = np.arange(len(words))
        for move, stream in enumerate(self._streams):
            stream.standard_exponential(out=self.pool[move])

    def draw(self, move: int) -> None:
        """Draw the next rows of a move's clock."""
        count = int(np.count_nonzero(self.chunk_of[move] >= 0))
        if count == self.chunk_of.shape[1]:
            more = np.full_like(self.chunk_of, -1)
            self.chunk_of = np.concatenate((self.chunk_of, more), axis=1)
        if self._drawn == len(self.pool):
            self.pool = np.concatenate((self.pool, np.empty_like(self.pool)))
        self._streams[move].standard_exponential(out=self.pool[self._drawn])
        self.chunk_of[move, count] = self._drawn
        self._drawn += 1
