"""How are likelihoods of moves of one order estimated by the compiled filter? Some parameter vectors at a time."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from negsim.compiler import Compiled
from negsim.scalar.drawing import lay_columns, make_rows, prepare
from negsim.scalar.guided import Estimates, Luck, Swarm
from negsim.scalar.layouts import Layout
from negsim.scalar.tables import LANES
from negsim.scalar.ways import Chain, Guide
from negsim.state import Floats, Ints
from negsim.streams import open_stream

PURPOSE_GUIDED = 101
TOGETHER = 16
"""Parameter vectors whose uniform numbers come from one stream: a number of theirs does not depend on other vectors."""
NEAR = (0.05, 0.25, 0.7)
"""Nodes of a grid stand so many days apart at first, then"""
GROWTH = 0.5
"""apart by such a share of the days to the end of the window, but by no more than"""
WIDEST = 60.0
"""so many days."""


def estimate_likelihoods(
    compiled: Compiled,
    chain: Chain,
    guide: Guide,
    values: Mapping[str, Floats],
    until: float,
    particles: int,
    seed: tuple[int, int],
    workers: int = 1,
) -> Estimates:
    """Estimate the likelihood of moves of one order under some parameter vectors, their dates integrated out.

    Parameters
    ----------
    compiled : Compiled
    chain : Chain
        The moves.
    guide : Guide
        What is expected of each.
    values : mapping of key path to array
        Numbers at other values, each of shape (1,) or (vectors,).
    until : float
        Days of the window.
    particles : int
        Of each filter.
    seed : (int, int)
        Seed, and which call of many.
    workers : int
        Threads.

    Returns
    -------
    Estimates
    """
    engine = prepare(compiled)
    layout, vectors = engine.layout, len(guide.pace)
    moves, blocks = len(chain.moves), len(chain.ends)
    columns = lay_columns(engine, compiled.bind(values), until)
    wanted = layout.lay_wants()
    found = Estimates(
        log_mean=np.full(vectors, -np.inf),
        log_likelihood=np.full(vectors, -np.inf),
        days=np.zeros((vectors, moves)),
        pace=np.zeros((vectors, moves)),
        share=np.zeros((vectors, moves)),
        effective=np.zeros((vectors, blocks)),
    )

    def run(block: int) -> None:
        here = slice(block * TOGETHER, min((block + 1) * TOGETHER, vectors))
        many = here.stop - here.start
        stream = open_stream(seed[0], PURPOSE_GUIDED, seed[1], (block,))
        luck = Luck(stream.random((TOGETHER, particles, moves))[:many], stream.random((TOGETHER, blocks + 1))[:many])
        rows = np.ascontiguousarray(columns.rows[here]) if columns.varying.size else columns.rows
        engine.machine.guide(
            layout.fixed, wanted, *make_rows(layout), *layout.records, columns._replace(rows=rows), chain,
            Guide(guide.pace[here], guide.share[here]), make_swarm(layout, chain, particles), luck,
            Estimates(*(array[here] for array in found)), 0, many,
        )  # fmt: skip

    many = -(-vectors // TOGETHER)
    if workers == 1 or many == 1:
        for block in range(many):
            run(block)
    else:
        with ThreadPoolExecutor(workers) as threads:
            list(threads.map(run, range(many)))
    return found


def make_swarm(layout: Layout, chain: Chain, particles: int) -> Swarm:
    """Make room for the particles of one parameter vector."""
    moves, blocks = len(chain.moves), len(chain.ends)
    v, t = layout.values, layout.tables
    each = moves, particles
    return Swarm(
        whole=np.zeros((2, particles, layout.stand.column), dtype=np.int64),
        numbers=np.zeros((2, particles, t.memories + v.remaining - v.time)),
        days=np.zeros(each),
        pace=np.zeros(each),
        share=np.zeros(each),
        parents=np.zeros((blocks, particles), dtype=np.int64),
        weight=np.zeros(particles),
        ahead=np.zeros(particles),
        likelihood=np.zeros(particles),
        earlier=np.zeros(particles),
        luck=np.zeros(particles),
        node=np.zeros(particles, dtype=np.int64),
        cells=np.zeros(chain.grid.shape[1]),
        ways=np.zeros((moves + 1, chain.grid.shape[1])),
        abreast=np.zeros((moves + 1) * (1 + chain.grid.shape[1]) * LANES),
    )


def lay_chain(moves: Ints, low: Floats, high: Floats, until: float, longest: int) -> Chain:
    """Lay moves of one order out.

    Parameters
    ----------
    moves : array of int, shape (moves,)
    low, high : array, shape (moves,)
        Their windows in days, equal where a date is known by rule.
    until : float
        Days of the window.
    longest : int
        Most moves of a block.
    """
    many = len(moves)
    low = np.maximum.accumulate(np.append(low, until))
    high = np.minimum.accumulate(np.append(high, until)[::-1])[::-1].copy()
    first = np.flatnonzero(np.diff(high, prepend=-1.0))
    run = np.searchsorted(first, np.arange(many + 1), side="right") - 1
    grids = []
    for number, start in enumerate(first.tolist()):
        last = int(np.flatnonzero(run == number)[-1])
        begin = low[start - 1] if start else 0.0
        grids.append(_lay_grid(min(begin, high[start] - 1.0), low[last], high[start]))
    grid = np.zeros((len(grids), max(map(len, grids))))
    for number, moments in enumerate(grids):
        grid[number, : len(moments)] = moments
    ends: list[int] = []
    for start, stop in zip(first.tolist(), [*first[1:].tolist(), many], strict=True):
        pieces = max(-(-(stop - start) // longest), 1)
        ends += np.linspace(start, stop, pieces + 1).round().astype(int).tolist()[1:]
    ends = sorted({end for end in ends if 0 < end <= many} | {many})
    nodes = np.array([len(moments) for moments in grids], dtype=np.int64)
    gaps = np.diff(grid, axis=1, append=0.0)
    per_gap = np.divide(1.0, gaps, out=np.zeros_like(gaps), where=gaps > 0)
    whole = {"moves": moves, "run": run, "nodes": nodes, "ends": np.array(ends)}
    return Chain(
        low=low, high=high, grid=grid, per_gap=per_gap, **{name: row.astype(np.int64) for name, row in whole.items()}
    )


def _lay_grid(begin: float, low: float, high: float) -> Floats:
    """Lay moments out from the begin of a run to the end of its window, dense before that and before its begin."""
    days = np.array([0.0, *np.cumsum(NEAR)])
    while days[-1] < high - begin:
        days = np.append(days, days[-1] + min(max(GROWTH * days[-1], NEAR[-1]), WIDEST))
    moments = np.concatenate([high - days, low - days if begin < low < high else []])
    inside = np.unique(moments[(moments > begin + 0.01) & (moments <= high)])
    kept = np.concatenate([[True], np.diff(inside) > 0.01]) if len(inside) else np.zeros(0, dtype=bool)
    kept[-1:] = True
    return np.concatenate([[begin], inside[kept]])
