"""How are rows added, formulas called, columns taken? Elementwise along the batch, whatever its width.

No BLAS, no reductions along the batch, sums taken row by row: a column comes out the same to the bit whatever stands
beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from negsim.state import Array, Columns, Floats, Ints, Parameters, Program, Sums
from negsim.vocabulary import EXPONENT_LIMIT

SMALLEST = 1e-300
"""What a clock keeps at least, and the shortest time there is: a wait of nothing, whatever the hazard."""
BUFFER = 512
"""Elements of numpy's buffers while the kernel works; results do not depend on it."""
CACHED = 1 << 16
"""Numbers of an array that are worked on together, so that they stay in a core's cache from one pass to the next."""


@contextmanager
def short_buffers() -> Iterator[None]:
    """Have numpy read a broadcast column or row where it lies: into a buffer wider than a row it would copy it."""
    before = np.setbufsize(BUFFER)
    try:
        yield
    finally:
        np.setbufsize(before)


def row_blocks(rows: int, width: int) -> Iterator[slice]:
    """Cut rows into blocks that fit into a core's cache, none of more than 255 rows."""
    size = min(max(CACHED // max(width, 1), 1), 255)
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def add_up(rows: Array, sums: Sums) -> Array:
    """Add rows in the order of the table, never along the batch; 0 where a group is empty."""
    (places, members), *layers = sums.layers
    if len(members) == sums.members.shape[1]:
        total = rows.take(members, axis=0)
    else:
        total = np.zeros((sums.members.shape[1], rows.shape[-1]), dtype=rows.dtype)
        total[places] = rows.take(members, axis=0)
    for places, members in layers:
        total[places] += rows.take(members, axis=0)
    return total


def narrow(array: Array, columns: Columns) -> Array:
    """Take columns of an array, unless all columns share one."""
    if array.shape[-1] == 1 or isinstance(columns, slice):
        return array
    return np.take(array, columns, axis=-1)


def pick(table: Floats, rows: Ints, columns: Any) -> Array:
    """Take cells (row, column) of numbers that may be alike in all columns; whole rows, if all columns are wanted."""
    if table.shape[-1] == 1:
        return table[rows] if isinstance(columns, slice) else table[rows, 0]
    return np.asarray(table[rows, columns])


def evaluate_formula(program: Program, parameters: Parameters, quantities: dict[str, Any]) -> Array:
    """Call a formula with its arguments looked up."""
    values = []
    for source in program.sources:
        values.append(parameters[source.name] if source.rows is None else quantities[source.name][source.rows])
    return np.asarray(program.formula(*values))


def clip(exponent: Array) -> Array:
    """Keep an exponent where exp is finite. Changes the array it is given."""
    return exponent.clip(-EXPONENT_LIMIT, EXPONENT_LIMIT, out=exponent)


def logistic(x: Array) -> Array:
    """Logistic function of a clipped argument. Overwrites the array it is given."""
    np.negative(clip(x), out=x)
    np.exp(x, out=x)
    x += 1.0
    return np.divide(1.0, x, out=x)


def add_halves(rows: Floats) -> Floats:
    """Add rows by halving the table until one is left; of an odd number the last waits for the next round."""
    count = rows.shape[0]
    if count < 2:
        return rows[0].copy() if count else np.zeros(rows.shape[-1])
    folded: Floats = np.empty((count - count // 2, rows.shape[-1]))
    while count > 1:
        half = count // 2
        np.add(rows[:half], rows[half : 2 * half], out=folded[:half])
        if count % 2:
            folded[half] = rows[count - 1]
        rows, count = folded, count - half
    return np.asarray(folded[0])
