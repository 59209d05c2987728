"""How fast is it, next to what? A table on the screen and ``results/speed.json`` (``make bench``).

Everything that is compared is timed in turns within one process, round after round, so that a busy machine slows all of
them; what is reported are medians over rounds, ratios being taken within each round. One core, and its processor time
(nothing starts a thread); set `--rounds` higher on a machine that others use.

    python benchmarks/speed.py            # about five minutes
    python benchmarks/speed.py --quick    # about one minute, rougher
    python benchmarks/speed.py --full     # besides, a million runs in one go (long)
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from plain_loop import PlainLoop

from negsim import load_scenario, simulate
from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import Drawn, Work, moments, run_block
from negsim.replays import replay, split_runs
from negsim.streams import Clocks

CASE: Final = "beijing-1999"
RESULT: Final = Path(__file__).parent / "results" / "speed.json"
SEED: Final = 1999
WIDTHS: Final = (1, 64, 1024, 4096, 8192)
PACKAGES: Final = ("numpy", "scipy", "mesa", "pydantic")
MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Size:
    """How much is timed."""

    rounds: int
    runs: Mapping[str, int]
    """Runs of each contestant in each round."""
    vectors: int
    memory: tuple[int, ...]


BATCHES: Final = {"1024": 1024, "4096": 4096, "8192": 8192}
FULL = Size(5, {"1": 4, "64": 128, **BATCHES, "plain": 60, "mesa": 4}, 1000, (20_000, 100_000))
QUICK = Size(3, {"1": 2, "64": 64, **BATCHES, "plain": 25, "mesa": 2}, 1000, (4_096,))


@dataclass(frozen=True)
class Line:
    """A row of the table: a number, what it should be, what it might become.

    ``spread`` is half the range between the quartiles of the rounds, relative to the median.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    aim: float | None = None
    at_most: bool = False
    spread: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met (None without a target)."""
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target

    def tell(self) -> str:
        """One line of text."""
        sign, verdict = "<=" if self.at_most else ">=", {None: "", True: "met", False: "MISSED"}[self.met]
        target = "" if self.target is None else f"{sign} {tell_number(self.target)}"
        aim = "" if self.aim is None else f"({sign} {tell_number(self.aim)})"
        spread = "" if self.spread is None else f"+-{100 * self.spread:.0f}%"
        value = f"{tell_number(self.value):>10} {self.unit:<20}"
        return f"{self.name:<50}{value}{spread:>7}  {target:>11} {aim:>12}  {verdict}".rstrip()


def tell_number(number: float) -> str:
    """A number with three or four digits that count."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


# -- timing -----------------------------------------------------------------------------------------------------------


def time_once(act: Callable[[], Any]) -> float:
    """Seconds of processor time that something takes, without the garbage of others.

    Nothing here starts a thread, so on an idle machine these are the seconds of the clock; on a busy one they leave out
    the time that others had the core.
    """
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        act()
        return time.process_time() - start
    finally:
        gc.enable()


@dataclass
class Rounds:
    """What each contestant took for one unit of its work, by round."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def time(self, name: str, act: Callable[[], Any], units: float) -> None:
        """Time one turn."""
        self.seconds.setdefault(name, []).append(time_once(act) / units)

    def rate(self, name: str, unit: str, **told: Any) -> Line:
        """Units a second."""
        return self._line(f"{name}", [1.0 / second for second in self.seconds[name]], unit, **told)

    def ratio(self, name: str, slow: str, fast: str, unit: str, **told: Any) -> Line:
        """How many times as long one takes as the other."""
        pairs = zip(self.seconds[slow], self.seconds[fast], strict=True)
        return self._line(name, [one / other for one, other in pairs], unit, **told)

    @staticmethod
    def _line(name: str, values: list[float], unit: str, **told: Any) -> Line:
        middle = statistics.median(values)
        low, _, high = statistics.quantiles(values, n=4) if len(values) > 1 else (middle,) * 3
        return Line(name, middle, unit, spread=(high - low) / 2.0 / middle, **told)


# -- histories --------------------------------------------------------------------------------------------------------


def kernel_turn(compiled: Compiled, width: int, runs: int, until: float) -> Callable[[], None]:
    """Simulate runs by the kernel, so many side by side; events are recorded."""
    work = Work(compiled.scenario, SEED, until, {}, ("events",))

    def act() -> None:
        for start in range(0, runs, width):
            run_block(work, compiled, np.arange(start, start + width))

    return act


def plain_turn(loop: PlainLoop, runs: int) -> Callable[[], None]:
    """Simulate runs by the plain loop, one after the other."""

    def act() -> None:
        for run in range(runs):
            loop.run(run)

    return act


def mesa_turn(compiled: Compiled, runs: int) -> Callable[[], None] | None:
    """Simulate runs by the Mesa model (None where Mesa is not installed)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from mesa_model import run_model
    except ImportError:
        return None

    def act() -> None:
        for run in range(runs):
            run_model(compiled.scenario, run)

    return act


DRAWS: Final = 2_000_000


def draw_turn() -> Callable[[], None]:
    """Draw standard exponentials from the generator that the clocks use."""
    generator, out = np.random.Generator(np.random.SFC64(SEED)), np.empty(DRAWS // 20)

    def act() -> None:
        for _ in range(20):
            generator.standard_exponential(out=out)

    return act


def compare_histories(compiled: Compiled, size: Size) -> list[Line]:
    """Kernel at several widths, plain loop, Mesa model and bare draws, in turns."""
    months, until = len(compiled.world.tick_times) - 1, float(compiled.world.tick_times[-1])
    loop = PlainLoop(compiled.scenario, SEED)
    turns = {
        f"kernel, batch of {w:,}": (kernel_turn(compiled, w, size.runs[str(w)], until), size.runs[str(w)] * months)
        for w in WIDTHS
    }
    turns["plain Python loop"] = (plain_turn(loop, size.runs["plain"]), size.runs["plain"] * months)
    mesa = mesa_turn(compiled, size.runs["mesa"])
    if mesa is not None:
        turns["Mesa model"] = (mesa, size.runs["mesa"] * months)
    turns["standard_exponential"] = (draw_turn(), DRAWS)
    rounds = Rounds()
    for act, _ in list(turns.values())[:-1]:
        act()  # a first turn for caches, of the machine and of the programs
    for _ in range(size.rounds):
        for name, (act, units) in turns.items():
            rounds.time(name, act, units)
    return tell_histories(rounds, list(turns))


def tell_histories(rounds: Rounds, names: Sequence[str]) -> list[Line]:
    """Rates, and ratios at the best batch."""
    kernels = [name for name in names if name.startswith("kernel")]
    best = min(kernels, key=lambda name: statistics.median(rounds.seconds[name]))
    lines = [rounds.rate(name, "run-months/s") for name in names if name != "standard_exponential"]
    lines.append(rounds.rate("standard_exponential", "draws/s"))
    lines.append(
        rounds.ratio(
            "a run-month at the best batch", best, "standard_exponential", "draws", target=1500, aim=400, at_most=True
        )
    )
    lines.append(rounds.ratio("kernel against the plain loop", "plain Python loop", best, "times", target=5, aim=15))
    if "Mesa model" in names:
        lines.append(rounds.ratio("kernel against the Mesa model", "Mesa model", best, "times"))
    return lines


@dataclass
class Count:
    """What happened in some runs."""

    moves: int = 0
    ticks: int = 0
    consequences: int = 0


def count_events(compiled: Compiled, runs: int, until: float) -> Count:
    """Count what happens until a day."""
    world, parameters, count = compiled.world, compiled.bind(), Count()
    names = tuple(event.name for event in compiled.labels.events[: world.moves])
    clocks = Drawn(Clocks(SEED, names, np.arange(runs)))
    for moment in moments(world, parameters, compiled.start(parameters, runs), clocks, until):
        count.moves += len(moment.fired)
        count.ticks += len(moment.ticked)
        count.consequences += sum(len(events) for events, _ in moment.happened)
    return count


def count_iterations(compiled: Compiled, runs: int, until: float) -> int:
    """Re-evaluations until a day."""
    count = count_events(compiled, runs, until)
    return count.moves + count.ticks


def count_work(compiled: Compiled, runs: int = 512) -> list[Line]:
    """How much happens in a decade."""
    until = float(compiled.world.tick_times[-1])
    count, decades = count_events(compiled, runs, until), runs * until / 3652.5
    return [
        Line("moves that the scenario knows", compiled.world.moves, "moves"),
        Line("moves made", count.moves / decades, "a decade"),
        Line("consequences", count.consequences / decades, "a decade"),
        Line("re-evaluations", (count.moves + count.ticks) / decades, "a decade"),
    ]


# -- growth -----------------------------------------------------------------------------------------------------------


def measure_growth(compiled: Compiled, size: Size, width: int = 1024) -> list[Line]:
    """How time grows with runs and with months: exponents of a power law, 1 being linear.

    In the case more happens in a month as the years go by, so months are also counted in re-evaluations.
    """
    until, rounds = float(compiled.world.tick_times[-1]), Rounds()
    runs, parts = (1, 4), (0.25, 1.0)
    for _ in range(size.rounds):
        for times in runs:
            rounds.time(f"runs {times}", kernel_turn(compiled, width, times * width, until), 1)
        for part in parts:
            rounds.time(f"months {part}", kernel_turn(compiled, width, width, part * until), 1)
    happened = [count_iterations(compiled, 128, part * until) for part in parts]
    busier = math.log(happened[1] / happened[0] / 4.0) / math.log(4.0)
    per_month = _exponent(rounds, "months 0.25", "months 1.0")
    return [
        Line("time grows with runs to the power of", _exponent(rounds, "runs 1", "runs 4"), "", 1.1, at_most=True),
        Line("time grows with months to the power of", per_month, ""),
        Line("time grows with re-evaluations to the power of", per_month / (1.0 + busier), "", 1.1, at_most=True),
    ]


def _exponent(rounds: Rounds, few: str, four_times: str) -> float:
    times = zip(rounds.seconds[few], rounds.seconds[four_times], strict=True)
    return statistics.median(math.log(more / less) / math.log(4.0) for less, more in times)


# -- memory -----------------------------------------------------------------------------------------------------------

MEASURE = """
import resource, sys
import negsim
negsim.simulate(sys.argv[1], runs=int(sys.argv[2]), seed=1, record=())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_megabytes(runs: int) -> float:
    """Most memory that a process held while it simulated runs, recording summaries only."""
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([root, *sys.path])}
    command = [sys.executable, "-c", MEASURE, CASE, str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return int(done.stdout) / scale


def measure_memory(size: Size, full: bool) -> list[Line]:
    """Memory of a million runs: in one go, or by the slope between two smaller numbers (a quick look has no slope)."""
    if full:
        return [Line("memory of 10^6 runs", peak_megabytes(MILLION), "MB", 1500.0, at_most=True)]
    peaks = {runs: peak_megabytes(runs) for runs in size.memory}
    lines = [Line(f"memory of {runs:,} runs", peak, "MB") for runs, peak in peaks.items()]
    if len(peaks) > 1:
        (few, low), (many, high) = peaks.items()
        scaled = max(high, high + (high - low) / (many - few) * (MILLION - many))
        lines.append(Line("memory of 10^6 runs, by the slope", scaled, "MB", 1500.0, at_most=True))
    return lines


# -- replay -----------------------------------------------------------------------------------------------------------


def draw_vectors(compiled: Compiled, count: int) -> dict[str, Any]:
    """Parameter vectors as a calibration has them: every parameter of the case that is not fixed, around its value."""
    generator, vectors = np.random.default_rng(SEED), {}
    for spec in compiled.scenario.parameter:
        if spec.role != "fixed":
            middle = compiled.numbers[spec.numbers[0]] if spec.how == "set" else 1.0
            vectors[spec.name] = middle * np.exp(0.2 * generator.standard_normal(count))
    return vectors


def compare_replays(compiled: Compiled, size: Size) -> list[Line]:
    """Log-likelihoods a second over ten years, of one history and of a history for each column."""
    until = compiled.scenario.start.replace(year=compiled.scenario.start.year + 10) - dt.timedelta(days=1)
    histories = split_runs(simulate(compiled.scenario, runs=size.vectors, seed=SEED, until=until))
    vectors = draw_vectors(compiled, size.vectors)
    typical = sorted(histories, key=len)[len(histories) // 2]
    rounds = Rounds()
    shared, own = "replay, one history shared", "replay, a history for each column"
    for turn in range(size.rounds + 1):
        for name, history in ((shared, typical), (own, histories)):
            if turn:
                rounds.time(name, lambda given=history: replay(compiled, given, vectors, until=until), size.vectors)
            else:
                total = replay(compiled, history, vectors, until=until).total
                assert np.isfinite(total).all(), "a history that was simulated cannot be impossible"
    return [
        Line("moves in the shared history", len(typical), "moves"),
        Line("parameters in a vector", len(vectors), "parameters"),
        rounds.rate(shared, "log-likelihoods/s", target=3000, aim=10_000),
        rounds.rate(own, "log-likelihoods/s", target=1000, aim=4000),
    ]


# -- the report -------------------------------------------------------------------------------------------------------


def describe_machine() -> dict[str, Any]:
    """Where and with what this was measured."""
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        cpu = models[0] if models else cpu
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else math.nan
    return {
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "load_before": round(load, 2),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": {"negsim": version_of("negsim"), **{name: version_of(name) for name in PACKAGES}},
    }


def version_of(package: str) -> str:
    """Version of a package, without a fuss where there is none."""
    if package == "negsim":
        from negsim.version import VERSION

        return VERSION
    try:
        return version(package)
    except Exception:
        return "not installed"


def write_report(machine: Mapping[str, Any], lines: Sequence[Line], path: Path) -> None:
    """Write everything as JSON."""
    path.parent.mkdir(exist_ok=True)
    rows = [{**asdict(line), "met": line.met} for line in lines]
    path.write_text(json.dumps({"case": CASE, "seed": SEED, **machine, "lines": rows}, indent=2) + "\n")


def measure_all(size: Size, full: bool, tell: Callable[[Line], None]) -> list[Line]:
    """Measure one thing after the other, telling each line as it comes."""
    scenario = load_scenario(CASE)
    start = time.perf_counter()
    compiled = compile_scenario(scenario)
    lines = [Line("compiling the scenario (once, not in what follows)", time.perf_counter() - start, "s")]
    tell(lines[0])
    parts: tuple[Callable[[], list[Line]], ...] = (
        lambda: count_work(compiled),
        lambda: compare_histories(compiled, size),
        lambda: compare_replays(compiled, size),
        lambda: measure_growth(compiled, size),
        lambda: measure_memory(size, full),
    )
    for part in parts:
        for line in part():
            lines.append(line)
            tell(line)
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 0 even where a target is missed (the table says so)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds; does not replace the results")
    parser.add_argument("--full", action="store_true", help="besides, a million runs in one go")
    parser.add_argument("--rounds", type=int, help="how often everything is timed")
    parser.add_argument("--out", type=Path, help="where to write the JSON (default: results/speed.json unless --quick)")
    given = parser.parse_args(arguments)
    size = QUICK if given.quick else FULL
    if given.rounds:
        size = Size(given.rounds, size.runs, size.vectors, size.memory)
    machine = describe_machine()
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    print(f"{CASE} on {machine['cpu']}, {machine['cores']} cores, load {machine['load_before']}")
    print(f"Python {machine['python']}, {versions}\n")
    lines = measure_all(size, given.full, lambda line: print(line.tell(), flush=True))
    missed = [line.name for line in lines if line.met is False]
    print(f"\n{sum(line.met is True for line in lines)} targets met, {len(missed)} missed", *missed, sep="\n  ")
    machine["load_after"] = round(os.getloadavg()[0], 2)
    machine["peak_megabytes_of_this_process"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    path = given.out or (None if given.quick else RESULT)
    if path is not None:
        write_report(machine, lines, path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
