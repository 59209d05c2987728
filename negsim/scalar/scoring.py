"""How are given histories scored by the compiled loop? One after the other, a column each."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from negsim.compiler import Compiled
from negsim.history import Coverage, Stacked
from negsim.scalar.drawing import lay_columns, make_rests, make_rows, prepare
from negsim.scalar.loops import Account, Rests
from negsim.state import Array, Floats, Ints

NO_EDGES = np.array([0.0, 1.0])


def score_histories(
    compiled: Compiled,
    histories: Stacked,
    values: Mapping[str, Floats],
    until: float,
    coverage: Coverage | None,
    workers: int = 1,
    rests: Rests | None = None,
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
    workers : int
        Threads.
    rests : Rests, optional
        Filled with where each column is left.

    Returns
    -------
    logs : array, shape (moves, columns)
        Log hazard of each move (with the log of its share of coverage), NaN beyond the end of a shorter history.
    integrals : array, shape (moves + 1, columns)
        Integrated hazards.
    """
    engine = prepare(compiled)
    layout = engine.layout
    columns = lay_columns(engine, compiled.bind(values), until)
    days: Floats = np.ascontiguousarray(histories.days.T, dtype=float)
    moves: Ints = np.ascontiguousarray(histories.moves.T, dtype=np.int64)
    logs, integrals = np.full((len(days), days.shape[1] - 1), np.nan), np.zeros(days.shape)
    kept = rests or make_rests(layout, 0)
    account = Account(days, moves, logs, integrals, *_lay_coverage(layout.tables.moves, coverage), kept)
    wanted = layout.lay_wants(_find_watched(layout.tables.moves, moves, coverage))

    def score(first: int, last: int) -> None:
        engine.machine.score(layout.fixed, wanted, *make_rows(layout), *layout.records, columns, account, first, last)

    edges = np.linspace(0, len(days), min(workers, len(days)) + 1).astype(int).tolist()
    if len(edges) <= 2:
        score(0, len(days))
    else:
        with ThreadPoolExecutor(len(edges) - 1) as threads:
            list(threads.map(score, edges[:-1], edges[1:]))
    logs = logs.T
    if coverage is not None:
        told = ~np.isnan(logs)
        logs[told] += coverage.log_share(histories.moves[:-1][told], histories.days[:-1][told])
    return logs, integrals.T


def _find_watched(count: int, moves: Ints, coverage: Coverage | None) -> Array | None:
    """Which moves count at all: those that would have been reported at some time, and those given."""
    if coverage is None:
        return None
    watched: Array = np.asarray((coverage.shares > 0).any(axis=1))[coverage.profile]
    watched[moves[(moves >= 0) & (moves < count)]] = True
    return watched


def _lay_coverage(moves: int, coverage: Coverage | None) -> tuple[Ints, Floats, Floats, bool]:
    """How coverage grows with time, for each move."""
    if coverage is None:
        return np.zeros(moves, np.int64), NO_EDGES.copy(), np.zeros((0, 2)), False
    profile: Ints = np.array(coverage.profile, dtype=np.int64)
    return profile, np.array(coverage.edges, dtype=float), np.array(coverage.sums), True
