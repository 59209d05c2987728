"""Where does the time go? By phase of one iteration and by function, written to ``results/profile.md``.

(Not called profile.py: the standard library has a module of that name, which cProfile imports.)

    python benchmarks/hot_spots.py [--runs 1024]
"""

from __future__ import annotations

import argparse
import ast
import cProfile
import datetime as dt
import inspect
import pstats
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
from speed import CASE, SEED, describe_machine, draw_vectors

from negsim import ensemble, load_scenario
from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import Work, run_block
from negsim.kernel import hazards
from negsim.recording import Recorder
from negsim.replays import Given, replay, split_runs
from negsim.state import Parameters, State
from negsim.streams import Clocks

RESULT: Final = Path(__file__).parent / "results" / "profile.md"
PHASES: Final = ("evaluate", "advance", "apply", "pass_tick")
"""Functions that the loop over time calls by name."""


# -- phases -----------------------------------------------------------------------------------------------------------


@dataclass
class Stopwatch:
    """Seconds of processor time and calls by name; what is timed inside another counts in both."""

    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Time every call of a function."""

        def timed(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            try:
                return function(*given, **named)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start
                self.calls[name] = self.calls.get(name, 0) + 1

        return timed


def called_functions(function: Callable[..., Any], home: ModuleType) -> list[str]:
    """Functions of the kernel that a function of one of its rooms calls by name, in the order of the text."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    names = [node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    own = [name for name in names if inspect.isfunction(getattr(home, name, None))]
    return list(dict.fromkeys(name for name in own if getattr(home, name).__module__.startswith("negsim.kernel.")))


@contextmanager
def timed_phases(watch: Stopwatch) -> Iterator[None]:
    """Put stopwatches on the phases of the loop, on the parts of `evaluate`, on choosing and on recording."""
    places: list[tuple[Any, str, str]] = [(ensemble, name, name) for name in PHASES if hasattr(ensemble, name)]
    places += [(hazards, name, f"evaluate: {name}") for name in called_functions(hazards.evaluate, hazards)]
    places += [(ensemble.Drawn, "choose", "choose"), (ensemble.Drawn, "settle", "run the clocks")]
    places += [(Given, "choose", "choose and score")]
    places += [(Recorder, "note", "record"), (Recorder, "finish", "gather records")]
    places += [(Clocks, "__init__", "open the streams"), (State, "select", "drop finished columns (state)")]
    places += [(Parameters, "select", "drop finished columns (parameters)")]
    before = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, told in places:
        setattr(owner, name, watch.wrap(told, getattr(owner, name)))
    try:
        yield
    finally:
        for owner, name, function in before:
            setattr(owner, name, function)


def tell_phases(act: Callable[[], Any], title: str) -> list[str]:
    """Break one piece of work down by phase."""
    act()
    watch, start = Stopwatch(), time.process_time()
    with timed_phases(watch):
        act()
    total = time.process_time() - start
    lines = [f"### {title}", "", "| phase | share | calls | µs a call |", "|---|---|---|---|"]
    by_share = sorted(watch.seconds, key=lambda name: -watch.seconds[name])
    for name in (name for name in by_share if ":" not in name):
        parts = [part for part in by_share if part.startswith(f"{name}: ")]
        lines += [tell_phase(part, watch, total) for part in (name, *parts)]
    rest = total - sum(seconds for name, seconds in watch.seconds.items() if ":" not in name)
    lines.append(f"| the loop itself and what is not named | {100 * rest / total:.1f}% | | |")
    return [*lines, "", f"Total: {total:.2f} s.", ""]


def tell_phase(name: str, watch: Stopwatch, total: float) -> str:
    """One row of the table."""
    seconds, calls = watch.seconds[name], watch.calls[name]
    told = f"&nbsp;&nbsp;of which `{name.partition(': ')[2]}`" if ":" in name else name
    return f"| {told} | {100 * seconds / total:.1f}% | {calls:,} | {1e6 * seconds / calls:,.0f} |"


# -- functions --------------------------------------------------------------------------------------------------------


def tell_functions(act: Callable[[], Any], title: str, most: int = 25) -> list[str]:
    """Break one piece of work down by function (the profiler's own time makes many small calls look dear)."""
    profiler = cProfile.Profile()
    profiler.runcall(act)
    stats = pstats.Stats(profiler)
    rows = sorted(stats.stats.items(), key=lambda row: -row[1][2])  # type: ignore[attr-defined]
    total = sum(row[1][2] for row in rows)
    lines = [f"### {title}", "", "| function | share of own time | calls | own µs a call |", "|---|---|---|---|"]
    for (file, line, name), (_, calls, own, _, _) in rows[:most]:
        place = f"{Path(file).name}:{line} " if line else ""
        lines.append(f"| `{place}{name}` | {100 * own / total:.1f}% | {calls:,} | {1e6 * own / calls:.1f} |")
    return [*lines, ""]


# -- the report -------------------------------------------------------------------------------------------------------


def simulate_block(compiled: Compiled, runs: int) -> Callable[[], Any]:
    """Make the work of simulating one block."""
    work = Work(compiled.scenario, SEED, float(compiled.world.tick_times[-1]), {}, ("events",))
    return lambda: run_block(work, compiled, np.arange(runs))


def list_work(compiled: Compiled, runs: int, columns: int = 1000) -> dict[str, Callable[[], Any]]:
    """Pieces of work worth a look, by title."""
    until = compiled.scenario.start.replace(year=compiled.scenario.start.year + 10) - dt.timedelta(days=1)
    histories = split_runs(ensemble.simulate(compiled.scenario, runs=columns, seed=SEED, until=until))
    vectors = draw_vectors(compiled, columns)
    return {
        f"Simulating {runs:,} runs side by side": simulate_block(compiled, runs),
        "Simulating one run alone": simulate_block(compiled, 1),
        f"Replaying one history under {columns:,} vectors": lambda: replay(
            compiled, histories[0], vectors, until=until
        ),
        f"Replaying {columns:,} histories, each under its own vector": lambda: replay(
            compiled, histories, vectors, until=until
        ),
    }


def write_report(runs: int) -> str:
    """Profile a block of a simulation, one run, and two replays."""
    work, machine = list_work(compile_scenario(load_scenario(CASE)), runs), describe_machine()
    lines = [
        "# Where the time goes",
        "",
        f"`{CASE}` on {machine['cpu']}, Python {machine['python']}, numpy {machine['versions']['numpy']},",
        f"{machine['date']}, load of the machine at the start {machine['load_before']}; processor time, written by",
        "`python benchmarks/hot_spots.py`. A part that is called inside another part is counted in both.",
        "",
        "## By phase of an iteration",
        "",
        *(line for title, act in work.items() for line in tell_phases(act, title)),
        "## By function",
        "",
        *(line for title, act in work.items() for line in tell_functions(act, title)),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1024, help="runs side by side")
    parser.add_argument("--out", type=Path, default=RESULT, help="where to write the report")
    given = parser.parse_args(arguments)
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(write_report(given.runs))
    print(given.out.read_text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
