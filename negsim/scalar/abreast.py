"""What may scalar code do with the same number of several runs? What it may do with one, and what stands here.

Written for one run. In compiled code the functions of :mod:`negsim.scalar.lanes` take their places, and a number is
then that of LANES runs side by side; :mod:`negsim.scalar.building` says in which modules.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from negsim.scalar.tables import LANES, WORDS_ABREAST
from negsim.state import Floats, Ints


def select(truth: bool, one: float, other: float) -> float:
    """One number where it is true, the other where it is not; both are computed."""
    return one if truth else other


def select_whole(truth: bool, one: int, other: int) -> int:
    """Do the same with whole numbers."""
    return one if truth else other


def as_bits(truth: bool) -> int:
    """Mask of the runs for which it is true: a bit for each."""
    return int(truth)


def as_truths(bits: int) -> bool:
    """Whether it is true, by a mask."""
    return bits & 1 != 0


def view_lane(rows: Any, lane: int) -> Any:
    """Numbers of one run, in a row of their own."""
    return rows[lane::LANES]


def take_at(V: Floats, row: int, steps: float) -> float:
    """Number so many rows after the first."""
    number: float = V[row + int(steps)]
    return number


def look_up(T: Ints, first: int, steps: float) -> float:
    """Entry of a table so many places after the first."""
    return float(T[first + int(steps)])


def take_words(row: Ints, first: int) -> Any:
    """WORDS_ABREAST whole numbers of a row, side by side."""
    return row[first : first + WORDS_ABREAST]


def put_words(row: Ints, first: int, words: Any) -> None:
    """Write WORDS_ABREAST whole numbers into a row."""
    row[first : first + WORDS_ABREAST] = words


def pack(V: Floats, row: int, place: int, truth: bool, number: float) -> None:
    """Where it is true, write a number at a place after the first of a row; in lanes one after the other."""
    if truth:
        V[row + place] = number


def unpack(V: Floats, row: int, place: int, truth: bool) -> float:
    """Where it is true, the number at a place after the first of a row, else 0; in lanes one after the other."""
    number: float = V[row + place] if truth else 0.0
    return number


def count_true(truth: bool) -> int:
    """In how many lanes it is true."""
    return int(truth)


def count_full_rows(places: int) -> int:
    """How many rows so many places take."""
    return places


def bits_of(number: float) -> Any:
    """Bits of a number, as a whole one."""
    return np.float64(number).view(np.uint64)


def number_of(bits: Any) -> float:
    """Number of some bits."""
    number: float = np.uint64(bits).view(np.float64)
    return number


def trailing_zeros(word: int) -> int:
    """Place of the lowest bit that is set."""
    return (word & -word).bit_length() - 1
