"""How are given histories scored by the compiled loop? One after the other, a column each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from negsim.compiler import Compiled
from negsim.history import Coverage, Stacked
from negsim.scalar.drawing import lay_columns, prepare
from negsim.scalar.loops import Account
from negsim.state import Array, Floats, Ints

NO_EDGES = np.array([0.0, 1.0])


def score_histories(
    compiled: Compiled, histories: Stacked, values: Mapping[str, Floats], until: float, coverage: Coverage | None
) -> tuple[Floats, Floats]:
    """Score histories, a column each.

    Parameters
    ----------
    compiled : Compiled
    histories : Stacked
    values : mapping of key path to array
        Numbers at other values, each of shape (1,) or (columns,).
    until : float
        Days of the window.
    coverage : Coverage or None
        What would have been reported.

    Returns
    -------
    logs : array, shape (moves, columns)
        Log hazard of each move (with the log of its share of coverage), NaN beyond the end of a shorter history.
    integrals : array, shape (moves + 1, columns)
        Integrated hazards.
    """
    engine = prepare(compiled)
    layout = engine.layout
    columns = lay_columns(compiled, layout, compiled.bind(values), until)
    days: Floats = np.ascontiguousarray(histories.days.T, dtype=float)
    moves: Ints = np.ascontiguousarray(histories.moves.T, dtype=np.int64)
    logs, integrals = np.full((len(days), days.shape[1] - 1), np.nan), np.zeros(days.shape)
    account = Account(days, moves, logs, integrals, *_lay_coverage(layout.tables.moves, coverage))
    whole, numbers = np.zeros(layout.stand.size, dtype=np.int64), np.zeros(layout.values.size)
    engine.machine.score(layout.fixed, whole, numbers, *layout.records, columns, account, 0, len(days))
    logs = logs.T
    if coverage is not None:
        told = ~np.isnan(logs)
        logs[told] += coverage.log_share(histories.moves[:-1][told], histories.days[:-1][told])
    return logs, integrals.T


def _lay_coverage(moves: int, coverage: Coverage | None) -> tuple[Array, Ints, Floats, Floats, bool]:
    """Which moves count at all, and how coverage grows with time."""
    if coverage is None:
        return np.ones(moves, np.int8), np.zeros(moves, np.int64), NO_EDGES.copy(), np.zeros((0, 2)), False
    profile: Ints = np.array(coverage.profile, dtype=np.int64)
    watched: Array = np.asarray((coverage.shares > 0).any(axis=1))[profile].astype(np.int8)
    return watched, profile, np.array(coverage.edges, dtype=float), np.array(coverage.sums), True
