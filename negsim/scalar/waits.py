"""How are the waits of clocks drawn in a compiled loop? The numbers of :class:`negsim.streams.Clocks`, row by row.

Numpy's way from a stream to waits of unit rate, written again so that no loop has to return for more: SFC64
(Doty-Humphrey), then a ziggurat of 256 layers (Marsaglia and Tsang 2000).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from negsim.state import Array, Floats, Ints

ZERO, ONE, TWO, THREE = (np.uint64(number) for number in range(4))
LAYER_BITS, LAYER_MASK = np.uint64(8), np.uint64(255)
UNUSED_BITS = np.uint64(3)
SHIFT_A, SHIFT_B, SHIFT_C, SHIFT_BACK = np.uint64(11), np.uint64(3), np.uint64(24), np.uint64(40)
UNIT = 1.0 / 9007199254740992.0
"""2**-53: a number of so many bits times this lies between 0 and 1."""
TAIL = 7.69711747013104972
"""Where the ziggurat ends and its tail begins."""


class Draws(NamedTuple):
    """Clocks of some blocks of runs: ``pool[row_of[block, move, ring], place]`` is how long a ring waits."""

    pool: Floats
    """Rows of waits in the order in which they were drawn; of each block and move, the first rows first of all."""
    row_of: Ints
    known: Ints
    """How many rows have been drawn, by block and move."""
    drawn: Ints
    """How many rows of the pool have been drawn or are kept for first rows (one number)."""
    states: Array
    """States of the streams, shape (blocks, moves, 4)."""
    heights: Array
    """The ziggurat's: below which bits a number lies within the next layer, how wide a bit is, densities."""
    widths: Floats
    densities: Floats
    blocks: Ints
    """Each column's block,"""
    places: Ints
    """and its place in the rows."""


def has_row(d: Draws, block: int, move: int, ring: int) -> bool:
    """Draw the row of a ring, if it has not been, and if there is room for it."""
    if ring >= d.row_of.shape[2]:
        return False
    while d.known[block, move] <= ring:
        number = d.known[block, move]
        if number > 0:
            if d.drawn[0] == len(d.pool):
                return False
            d.row_of[block, move, number] = d.drawn[0]
            d.drawn[0] += 1
        _draw_row(d, block, move, d.row_of[block, move, number])
        d.known[block, move] = number + 1
    return True


def _draw_row(d: Draws, block: int, move: int, row: int) -> None:
    """Draw the next waits of a stream."""
    state = d.states[block, move]
    for place in range(d.pool.shape[1]):
        while True:
            bits = _draw_bits(state) >> UNUSED_BITS
            layer = bits & LAYER_MASK
            bits >>= LAYER_BITS
            wait = bits * d.widths[layer]
            if bits < d.heights[layer]:
                break
            if layer == ZERO:
                wait = TAIL - np.log1p(-_draw_unit(state))
                break
            step = d.densities[layer - ONE] - d.densities[layer]
            if step * _draw_unit(state) + d.densities[layer] < np.exp(-wait):
                break
        d.pool[row, place] = wait


def _draw_unit(state: Array) -> float:
    """Draw a number between 0 and 1."""
    unit: float = (_draw_bits(state) >> SHIFT_A) * UNIT
    return unit


def _draw_bits(state: Array) -> np.uint64:
    """Draw 64 bits: SFC64."""
    a, b, c = state[ZERO], state[ONE], state[TWO]
    drawn: np.uint64 = a + b + state[THREE]
    state[ZERO], state[ONE] = b ^ (b >> SHIFT_A), c + (c << SHIFT_B)
    state[TWO], state[THREE] = (c << SHIFT_C | c >> SHIFT_BACK) + drawn, state[THREE] + ONE
    return drawn
