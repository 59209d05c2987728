"""How are rows added, formulas called, columns taken? Elementwise along the batch, whatever its width.

No BLAS, no reductions along the batch, sums taken row by row: a column comes out the same to the bit whatever stands
beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from negsim.state import Array, Columns, Floats, Ints, Parameters, Program, Sums
from negsim.vocabulary import EXPONENT_LIMIT

SMALLEST = 1e-300
"""What a clock keeps at least, and the shortest time there is: a wait of nothing, whatever the hazard."""


def add_up(rows: Array, sums: Sums) -> Array:
    """Add rows in the order of the table, never along the batch; 0 where a group is empty."""
    (places, members), *layers = sums.layers
    first = np.take(rows, members, axis=0)
    if len(members) == sums.members.shape[1]:
        total = first
    else:
        total = np.zeros((sums.members.shape[1], rows.shape[-1]), dtype=rows.dtype)
        total[places] = first
    for places, members in layers:
        total[places] += np.take(rows, members, axis=0)
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
    """Add rows by halving the table until one is left."""
    while rows.shape[0] > 1:
        half = rows.shape[0] // 2
        folded = rows[:half] + rows[half : 2 * half]
        rows = np.concatenate((folded, rows[2 * half :])) if rows.shape[0] % 2 else folded
    return rows[0].copy() if rows.shape[0] else np.zeros(rows.shape[-1])
