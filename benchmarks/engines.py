"""What does the compiled engine gain, and does it tell the same histories? ``results/engines.json``.

Both engines are timed in turns on one core, by processor time; ratios are medians over rounds. Times of a machine that
others use mean little, ratios somewhat more.

    python benchmarks/engines.py                      # a few minutes
    python benchmarks/engines.py --identity 100000    # besides, that many runs of every shipped case in both engines
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from pair_kernel import BLOCK_WIDTH, check_same, make_runner
from plain_loop import PlainLoop
from speed import describe_machine, draw_vectors, time_once

import negsim
from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import simulate
from negsim.replays import replay, split_runs

RESULT: Final = Path(__file__).parent / "results" / "engines.json"
CASE: Final = "beijing-1999"
SEED: Final = 1999
SECOND: Final = 1.0 / 86_400.0
CASES: Final = negsim.scenarios()
CHUNK: Final = 10_000
WIDTH: Final = 4096
"""Histories that are drawn side by side, by as many as the kernel is at its best with."""
FIRST_USE: Final = """
import time, negsim
start = time.perf_counter()
negsim.simulate("two-state-channel", runs=1, engine="compiled")
print(time.perf_counter() - start)
"""
ALONE: Final = f"""
import sys
import negsim
from negsim.compiler import compile_scenario
from negsim.ensemble import simulate
compiled = compile_scenario(negsim.load_scenario("{CASE}"))
for line in sys.stdin:
    simulate(compiled, runs=4096, seed={SEED}, record=(), engine="compiled", workers=1)
    print("drawn", flush=True)
"""
"""A process that draws what one thread draws, as often as it is told to."""


def time_in_turns(turns: dict[str, Callable[[], Any]], units: dict[str, float], rounds: int) -> dict[str, list[float]]:
    """Seconds that each contestant takes for one unit, by round."""
    for act in turns.values():
        act()
    found: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, act in turns.items():
            found[name].append(time_once(act) / units[name])
    return found


def tell(name: str, value: float, unit: str, bar: str = "") -> dict[str, Any]:
    """Print a line and keep it."""
    print(f"{name:<62}{value:>14,.2f} {unit:<20}{bar}", flush=True)
    return {"name": name, "value": value, "unit": unit, "bar": bar}


def compare_simulation(rounds: int) -> list[dict[str, Any]]:
    """Run-months a second: both engines with 4,096 histories side by side, and the plain Python loop.

    What laying a scenario out takes is not counted: it is done once for any number of histories, alike for both.
    """
    lines = []
    for case in (CASE, "bargaining-pair"):
        compiled = compile_scenario(negsim.load_scenario(case))
        months = len(compiled.world.tick_times) - 1

        def run(engine: str, compiled: Any = compiled) -> None:
            simulate(compiled, runs=WIDTH, seed=SEED, width=WIDTH, engine=engine)

        turns = {"numpy": lambda run=run: run("numpy"), "compiled": lambda run=run: run("compiled")}
        units = dict.fromkeys(turns, float(WIDTH * months))
        if case == CASE:
            loop = PlainLoop(compiled.scenario, SEED)
            turns["plain loop"] = lambda loop=loop: [loop.run(number) for number in range(12)]
            units["plain loop"] = 12.0 * months
        seconds = time_in_turns(turns, units, rounds)
        for name, found in seconds.items():
            lines.append(tell(f"{case}, {name}", 1.0 / statistics.median(found), "run-months/s"))
        for slow in [name for name in seconds if name != "compiled"]:
            ratio = statistics.median(a / b for a, b in zip(seconds[slow], seconds["compiled"], strict=True))
            bar = ">= 8, aim 20" if (case, slow) == (CASE, "numpy") else ""
            lines.append(tell(f"{case}, compiled against {slow}", ratio, "times", bar))
    return lines


def compare_limit(rounds: int, blocks: int = 64) -> list[dict[str, Any]]:
    """The textbook pair against a loop written by hand for it alone (``pair_kernel.py``)."""
    check_same(SEED)
    compiled, draw = compile_scenario(negsim.load_scenario("bargaining-pair")), make_runner(SEED)
    runs = blocks * BLOCK_WIDTH
    turns = {
        "by hand": lambda: draw(runs),
        "compiled": lambda: simulate(compiled, runs=runs, seed=SEED, width=runs, record=(), engine="compiled"),
    }
    units = dict.fromkeys(turns, runs * float(len(compiled.world.tick_times) - 1))
    seconds = time_in_turns(turns, units, rounds)
    share = statistics.median(a / b for a, b in zip(seconds["by hand"], seconds["compiled"], strict=True))
    found = {name: 1.0 / statistics.median(taken) for name, taken in seconds.items()}
    lines = [tell(f"bargaining-pair, {name}, no events kept", rate, "run-months/s") for name, rate in found.items()]
    return [*lines, tell("bargaining-pair, share of the limit", share, "", ">= 0.5")]


def compare_replay(rounds: int, columns: int = 512) -> list[dict[str, Any]]:
    """Log-likelihoods a second, a history of its own for each column, over ten years."""
    compiled = compile_scenario(negsim.load_scenario(CASE))
    until = compiled.scenario.start.replace(year=compiled.scenario.start.year + 10) - dt.timedelta(days=1)
    histories = split_runs(simulate(compiled.scenario, runs=columns, seed=SEED, until=until))
    vectors = draw_vectors(compiled, columns)
    turns = {
        engine: (lambda engine=engine: replay(compiled, histories, vectors, until=until, engine=engine))
        for engine in ("numpy", "compiled")
    }
    seconds = time_in_turns(turns, dict.fromkeys(turns, float(columns)), rounds)
    lines = [
        tell(f"replay with own histories, {name}", 1.0 / statistics.median(found), "log-likelihoods/s",
             ">= 20,000, aim 60,000" if name == "compiled" else "")
        for name, found in seconds.items()
    ]  # fmt: skip
    ratio = statistics.median(a / b for a, b in zip(seconds["numpy"], seconds["compiled"], strict=True))
    return [*lines, tell("replay with own histories, compiled against numpy", ratio, "times")]


def compare_threads(rounds: int) -> list[dict[str, Any]]:
    """How much faster two threads are than one, by the clock; and two processes, which share nothing."""
    apart = [
        subprocess.Popen([sys.executable, "-c", ALONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    compiled = compile_scenario(negsim.load_scenario(CASE))
    turns: dict[str, Callable[[], Any]] = {
        "one thread": lambda: draw_many(compiled, 1),
        "two threads": lambda: draw_many(compiled, 2),
        "one process": lambda: let_draw(apart[:1]),
        "two processes": lambda: let_draw(apart),
    }
    found: dict[str, list[float]] = {name: [] for name in turns}
    let_draw(apart)
    for _ in range(rounds):
        for name, act in turns.items():
            start = time.perf_counter()
            act()
            found[name].append(time.perf_counter() - start)
    for process in apart:
        process.communicate()
    gains = [statistics.median(a / b for a, b in zip(found[f"one {kind}"], found[f"two {many}"], strict=True))
             for kind, many in (("thread", "threads"), ("process", "processes"))]  # fmt: skip
    return [
        tell("two threads against one", gains[0], "times", ">= 1.8"),
        tell("two processes, each with as much to do, against one", 2.0 * gains[1], "times", "what the machine gives"),
    ]


def draw_many(compiled: Compiled, workers: int) -> None:
    """Draw histories of the main case with summaries alone."""
    simulate(compiled, runs=4096, seed=SEED, record=(), engine="compiled", workers=workers)


def let_draw(processes: Sequence[Any]) -> None:
    """Let processes draw at the same time, and wait for all."""
    for process in processes:
        process.stdin.write("draw\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout.readline() == "drawn\n"


def time_first_use() -> list[dict[str, Any]]:
    """Seconds of a first use that compiles, and of a later process that loads."""
    root = str(Path(__file__).parents[1])
    lines = []
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPATH": root, "NEGSIM_CACHE": cache}
        for name, bar in (("first use, compiling", "<= 40"), ("first use in a later process", "<= 3")):
            command = [sys.executable, "-c", FIRST_USE]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            lines.append(tell(name, float(done.stdout), "s", bar))
    return lines


def compare_identity(runs: int) -> list[dict[str, Any]]:
    """Whether both engines tell the same histories of every shipped case, and how far dates and scores differ."""
    lines = []
    for case in CASES:
        compiled = compile_scenario(negsim.load_scenario(case))
        events, later, apart = 0, 0.0, 0.0
        for first in range(0, runs, CHUNK):
            count = min(CHUNK, runs - first)
            one, two = (
                simulate(case, runs=count, seed=SEED + first // CHUNK, engine=name) for name in ("numpy", "compiled")
            )
            assert one.columns is not None
            assert two.columns is not None
            assert all(np.array_equal(one.columns[part], two.columns[part]) for part in (0, 1)), f"{case}: other moves"
            later = max(later, float(np.abs(one.columns[2] - two.columns[2]).max(initial=0.0)))
            events += len(one.columns[0])
            if first == 0:
                scores = [replay(compiled, split_runs(one)[:500], engine=name).total for name in ("numpy", "compiled")]
                apart = float(np.max(np.abs(scores[1] / scores[0] - 1.0)))
        assert later < SECOND, f"{case}: dates differ by {later} days"
        lines.append(tell(f"{case}: runs with the same moves in the same order", runs, "runs"))
        lines.append(tell(f"{case}: events compared", events, "events"))
        lines.append(tell(f"{case}: largest difference of dates", later / SECOND, "seconds", "< 1"))
        lines.append(tell(f"{case}: log-likelihoods differ by, relative, times 1e12", apart * 1e12, "", "< 1,000"))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--identity", type=int, default=0, metavar="RUNS", help="compare so many runs of every case")
    parser.add_argument("--only-identity", action="store_true", help="time nothing")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args(arguments)
    machine = describe_machine()
    lines: list[dict[str, Any]] = []
    if given.only_identity:
        lines = read_kept(given.out)
    else:
        lines += compare_simulation(given.rounds)
        lines += compare_limit(given.rounds)
        lines += compare_replay(given.rounds)
        lines += compare_threads(given.rounds)
        lines += time_first_use()
    if given.identity:
        lines += [{**line, "date": machine["date"]} for line in compare_identity(given.identity)]
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps({**machine, "seed": SEED, "lines": lines}, indent=2) + "\n")
    return 0


def read_kept(file: Path) -> list[dict[str, Any]]:
    """Read what was timed before, each line with its date; lines of an older comparison of histories are left out."""
    if not file.exists():
        return []
    before = json.loads(file.read_text())
    return [{"date": before["date"], **line} for line in before["lines"] if line["name"].partition(":")[0] not in CASES]


if __name__ == "__main__":
    sys.exit(main())
