"""How fast could the textbook pair run, if nothing else had to? A compiled loop written by hand for that case alone.

No framework: three packages, two sides with what they gain, the clocks of three moves, months. It looks at everything
anew at each tick and after each accord, as the model says, and tells the histories of ``bargaining-pair``, move by move
(:func:`check_same`). What it takes is the limit for an engine that runs any scenario.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

import negsim
from negsim.compiler import compile_scenario
from negsim.streams import BLOCK_WIDTH, PURPOSE_CLOCKS, Streams, address_words

CASE: Final = "bargaining-pair"
RATE: Final = 12.0 / 365.25
"""Of agreeing, per day."""
NORTH: Final = (-1.0, 3.0, 2.0)
SOUTH: Final = (2.0, -1.0, 1.0)
"""What grain, timber and both are worth to either side, less what they cost."""
ITEMS: Final = (1, 2, 3)
"""The items of each package, as bits."""
MOVES: Final = ("agree:north:table:grain", "agree:north:table:timber", "agree:north:table:grain+timber")


def run_block(pool: Any, ticks: Any, north: Any, south: Any, items: Any, run: Any, move: Any, day: Any) -> int:
    """Draw a block of histories into three arrays; how many events they have."""
    kept = 0
    remaining, hazard, product = np.empty(3), np.empty(3), np.empty(3)
    for lane in range(pool.shape[1]):
        time, tick, gone = 0.0, 0, 0
        for package in range(3):
            remaining[package] = pool[package, lane]
        while tick < len(ticks) - 1:
            total = 0.0
            for package in range(3):
                if items[package] & gone:
                    product[package] = 0.0
                    continue
                one, two = math.log1p(math.exp(north[package])), math.log1p(math.exp(south[package]))
                product[package] = math.sqrt(one * two)
                total += product[package]
            chosen, elapsed = -1, ticks[tick + 1] - time
            for package in range(3):
                hazard[package] = 0.0
                if product[package] > 0.0:
                    accept = (1.0 + math.exp(-north[package])) * (1.0 + math.exp(-south[package]))
                    hazard[package] = RATE * product[package] / total / accept
                    wait = remaining[package] / hazard[package]
                    if wait < elapsed:
                        chosen, elapsed = package, wait
            for package in range(3):
                remaining[package] -= hazard[package] * elapsed
            time += elapsed
            if chosen >= 0:
                # No item can be given twice, so no clock rings twice.
                gone |= items[chosen]
                run[kept], move[kept], day[kept] = lane, chosen, time
                kept += 1
            else:
                tick += 1
                time = ticks[tick]
    return kept


def make_runner(seed: int) -> Callable[[int], list[tuple[Any, Any, Any]]]:
    """Compile the loop; what comes back draws so many runs: (run, move, day) of every event, block by block."""
    from numba import njit

    compiled = njit(error_model="numpy", nogil=True)(run_block)
    ticks = compile_scenario(negsim.load_scenario(CASE)).world.tick_times
    given = (np.array(NORTH), np.array(SOUTH), np.array(ITEMS))
    words = [address_words(name) for name in MOVES]

    def draw(runs: int) -> list[tuple[Any, Any, Any]]:
        parts = []
        blocks = range(-(-runs // BLOCK_WIDTH))
        streams, pool = Streams(seed, PURPOSE_CLOCKS, blocks, words), np.empty((3, BLOCK_WIDTH))
        for block in blocks:
            run, move, day = (np.empty(3 * BLOCK_WIDTH, dtype=kind) for kind in (np.int32, np.int16, float))
            for package in range(3):
                streams.draw(block, package, pool[package])
            kept = compiled(pool, ticks, *given, run, move, day)
            parts.append((run[:kept] + block * BLOCK_WIDTH, move[:kept], day[:kept]))
        return parts

    draw(1)
    return draw


def check_same(seed: int, runs: int = 4 * BLOCK_WIDTH) -> None:
    """Insist that the kernel tells the histories that the library tells."""
    ensemble = negsim.simulate(CASE, runs=runs, seed=seed)
    assert ensemble.columns is not None
    names = [event.name for event in ensemble.compiled.labels.events]
    run, move, day = (np.concatenate(column) for column in zip(*make_runner(seed)(runs), strict=True))
    assert np.array_equal(ensemble.columns[0], run)
    assert [names[event] for event in ensemble.columns[1]] == [MOVES[number] for number in move]
    assert np.abs(ensemble.columns[2] - day).max() < 1.0 / 86_400.0
