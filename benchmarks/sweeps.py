"""Do sweeps scale, and do they survive? Tables on the screen and ``results/sweeps.json`` (each part with its date).

    python benchmarks/sweeps.py scaling        # time and memory by points, runs, workers, actors, concessions
    python benchmarks/sweeps.py efficiency     # two workers next to two processes that share nothing
    python benchmarks/sweeps.py kill           # thirty kills at random moments: serial, two workers, Dask
    python benchmarks/sweeps.py standing       # the standing large job: 1,024 points x 256 runs of the case
    python benchmarks/sweeps.py million        # 1,000 points x 1,000 runs of the case, streamed to disk

Every measurement is a process of its own, so that its peak memory is its own. Processor time is that of the process and
its workers: on a machine that others use it says more than the clock does.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import math
import multiprocessing
import os
import platform
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np

import negsim

HERE: Final = Path(__file__)
RESULT: Final = HERE.parent / "results" / "sweeps.json"
CASE: Final = "beijing-1999"
SEED: Final = 1999
TEMPO: Final = "tempo_talks"
KILLS: Final = 30


# -- what is swept ----------------------------------------------------------------------------------------------------


def make_world(actors: int, channels: int, items: int, years: int = 1) -> negsim.Scenario:
    """Make states at several tables: each table has two sides and `items` concessions of each."""
    names = [f"s{number}" for number in range(actors)]
    concession: dict[str, Any] = {}
    channel: dict[str, Any] = {}
    for place in range(channels):
        sides = names[place % actors], names[(place + 1 + place // actors % max(actors - 1, 1)) % actors]
        agenda = []
        for giver, taker in (sides, sides[::-1]):
            for item in range(items):
                name = f"k{place}_{giver}_{item}"
                concession[name] = {"giver": giver, "kind": "act", "worth": {taker: 1.5}, "cost": 0.5}
                agenda.append(name)
        channel[f"c{place}"] = {"sides": [[sides[0]], [sides[1]]], "agenda": agenda, "max_items": 2}
    return negsim.Scenario(
        name=f"world-{actors}-{channels}-{items}",
        start=dt.date(2001, 1, 1),
        end=dt.date(2000 + years, 12, 31),
        actor={name: {} for name in names},
        concession=concession,
        channel=channel,
    )


def draw_points(points: int) -> negsim.Design:
    """Draw points from the priors of the case's free parameters."""
    case = negsim.load_scenario(CASE)
    ranges = {spec.name: spec.prior for spec in case.parameter if spec.role == "free" and spec.prior is not None}
    return negsim.Design.latin_hypercube(ranges, points, seed=SEED)


# -- one measurement, in a process of its own -------------------------------------------------------------------------


def measure(asked: Mapping[str, Any]) -> dict[str, float]:
    """Run one sweep and say what it took."""
    if "world" in asked:
        case: Any = make_world(*asked["world"])
        design = negsim.Design.grid({"channel.c0.rates.meet": np.linspace(2, 6, asked["points"]).tolist()})
    else:
        case, design = CASE, draw_points(asked["points"])
    if "part" in asked:  # one of several that share the points without knowing of each other
        design = negsim.Design(design.names, design.values[asked["part"] :: asked["parts"]])
    with tempfile.TemporaryDirectory(dir=asked.get("folder")) as folder:
        before, begun = use_processor(), time.perf_counter()
        more = {"workers": asked.get("workers", 1), "engine": asked.get("engine", "numpy")}
        more["until"] = dt.date.fromisoformat(asked["until"]) if asked.get("until") else None
        done = negsim.sweep(case, design, runs=asked["runs"], seed=SEED, store=Path(folder) / "store", **more)
        wall, cpu = time.perf_counter() - begun, use_processor() - before
        size = sum(path.stat().st_size for path in (done.folder / "blocks").iterdir())
        assert done.share_done == 1.0
        assert done.failures.empty
    own, workers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "wall_s": wall,
        "cpu_s": cpu,
        "peak_mb": own.ru_maxrss / 1024,
        "worker_peak_mb": workers.ru_maxrss / 1024,
        "disk_mb": size / 1e6,
        "run_points": len(design) * asked["runs"],
        "moves": len(list_moves(case)),
    }


def use_processor() -> float:
    """Seconds of processor time of this process and those of its children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def list_moves(case: Any) -> Sequence[Any]:
    from negsim.moves import list_events

    return list_events(negsim.load_scenario(case) if isinstance(case, str) else case)


def measure_apart(**asked: Any) -> dict[str, float]:
    """Measure in a fresh process."""
    return read_measured(start_measuring(**asked))


def start_measuring(**asked: Any) -> subprocess.Popen[str]:
    command = [sys.executable, str(HERE), "measure", json.dumps(asked)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())


def read_measured(process: subprocess.Popen[str]) -> dict[str, float]:
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(f"a measurement failed: {said}")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE.parents[1])}


# -- scaling ----------------------------------------------------------------------------------------------------------

SERIES: Final[dict[str, list[dict[str, Any]]]] = {
    "points": [{"points": n, "runs": 256} for n in (8, 16, 32)],
    "runs": [{"points": 8, "runs": n} for n in (256, 512, 1024)],
    "workers": [{"points": 16, "runs": 256, "workers": n} for n in (1, 2)],
    "actors": [{"points": 8, "runs": 64, "world": [n, n, 1]} for n in (2, 5, 10, 20, 50)],
    "concessions": [{"points": 8, "runs": 64, "world": [4, n // 4, 2]} for n in (4, 20, 60, 120, 200)],
}
SIZES: Final = {
    "points": lambda asked: asked["points"],
    "runs": lambda asked: asked["runs"],
    "workers": lambda asked: asked["workers"],
    "actors": lambda asked: asked["world"][0],
    "concessions": lambda asked: 4 * asked["world"][1],
}


def scale(name: str) -> dict[str, Any]:
    """Measure a series, and how time and memory grow along it."""
    rows = [{"size": SIZES[name](asked), **measure_apart(**asked)} for asked in SERIES[name]]
    found = {"rows": rows, **find_slopes(rows)}
    tell_series(name, found)
    return found


def find_slopes(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Exponents: between the two largest sizes, processor time and memory grow as so many powers of the size."""
    smaller, larger = rows[-2:]
    step = math.log(larger["size"] / smaller["size"])
    return {f"{what}_slope": math.log(larger[what] / smaller[what]) / step for what in ("cpu_s", "wall_s", "peak_mb")}


def tell_series(name: str, found: Mapping[str, Any]) -> None:
    print(f"\n{name:>12}  moves  processor s   wall s   runs/s cpu   peak MB  worker MB  disk MB")
    for row in found["rows"]:
        print(
            f"{row['size']:>12}  {row['moves']:>5}  {row['cpu_s']:>11.1f}  {row['wall_s']:>7.1f}  "
            f"{row['run_points'] / row['cpu_s']:>11.0f}  {row['peak_mb']:>8.0f}  {row['worker_peak_mb']:>9.0f}  "
            f"{row['disk_mb']:>7.2f}"
        )
    print(f"    processor time ~ size^{found['cpu_s_slope']:.2f}, memory ~ size^{found['peak_mb_slope']:.2f}")


def compare_workers(rounds: int, points: int = 32) -> dict[str, Any]:
    """Two workers of one sweep, in turns with two processes side by side that do half of the points each."""
    rows = []
    for _ in range(rounds):
        together = measure_apart(points=points, runs=256, workers=2)
        begun = [start_measuring(points=points, runs=256, part=part, parts=2) for part in range(2)]
        apart = [read_measured(process) for process in begun]
        wall = max(one["wall_s"] for one in apart)
        cpu = sum(one["cpu_s"] for one in apart)
        row = {"together_wall_s": together["wall_s"], "apart_wall_s": wall, "efficiency": wall / together["wall_s"]}
        row |= {"together_cpu_s": together["cpu_s"], "apart_cpu_s": cpu, "cpu_ratio": cpu / together["cpu_s"]}
        rows.append(row)
        print({name: round(value, 2) for name, value in row.items()}, flush=True)
    median = {name: float(np.median([row[name] for row in rows])) for name in ("efficiency", "cpu_ratio")}
    print(f"efficiency of two workers: {median['efficiency']:.0%} by the clock, {median['cpu_ratio']:.0%} by work done")
    return {"rounds": rows, **median}


# -- kills ------------------------------------------------------------------------------------------------------------

FORK: Final = multiprocessing.get_context("fork")
POINTS: Final = {"channel.talks.rates.meet": [1.0 + 0.05 * step for step in range(160)]}
SWEPT: Final[dict[str, Any]] = {
    "case": "two-state-channel",
    "design": POINTS,
    "runs": 256,
    "points_per_block": 1,
}
"""A hundred and sixty blocks: a cluster, which takes seconds to start, sweeps for longer than that."""


def kill_often(kills: int, how: str) -> dict[str, Any]:
    """Kill a sweep, with all its processes, at random moments; go on each time; compare the end with a quiet run.

    Moments are even over the whole of a run, which is timed quietly first (its beginning, and from the first block to
    the last). When what was left has come to its end before, what is there is compared as well, and it begins anew.
    """
    stream = random.Random(f"{SEED} {how}")
    with tempfile.TemporaryDirectory() as folder:
        quiet, beginning, rest = time_quietly(Path(folder) / "quiet", how)
        store, same, ends, errors, seen = Path(folder) / "killed", True, 0, 0, []
        while len(seen) < kills:
            process = start_sweep(store, how)
            process.join(timeout=stream.uniform(0.0, beginning + rest))
            if process.exitcode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.join()
                seen.append(len(digest_blocks(store)))
            elif process.exitcode:
                errors += 1
            else:
                same, ends = same and digest_blocks(store) == quiet, ends + 1
                shutil.rmtree(store)
        while (process := start_sweep(store, how)).join() or process.exitcode:
            errors += 1
        same = same and digest_blocks(store) == quiet
    verdict = "identical" if same else "DIFFERENT"
    print(
        f"{how}: {kills} kills, {len(quiet)} blocks, finished at each kill {seen}, {errors} errors: {verdict}",
        flush=True,
    )
    found = {"how": how, "kills": kills, "blocks": len(quiet), "ends": ends + 1, "errors": errors}
    return {**found, "beginning_s": beginning, "rest_s": rest, "blocks_at_kill": seen, "identical": same}


def time_quietly(store: Path, how: str) -> tuple[dict[str, str], float, float]:
    """Sweep without a kill: the blocks, the seconds until the first of them, and from there to the last."""
    begun = time.time()
    process = start_sweep(store, how)
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the quiet sweep ({how}) failed")
    made = [path.stat().st_mtime for path in (store / "blocks").glob("[!.]*")]
    return digest_blocks(store), min(made) - begun, max(made) - min(made)


def start_sweep(store: Path, how: str) -> Any:
    """Begin a sweep, or go on with it, in a group of processes of its own."""
    process = FORK.Process(target=sweep_in_a_group, args=(store, how))
    process.start()
    return process


def sweep_in_a_group(store: Path, how: str) -> None:
    os.setpgid(0, 0)
    if how == "dask":
        from distributed import Client, LocalCluster

        with (
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
            Client(cluster) as client,
        ):
            negsim.sweep(**SWEPT, store=store, executor=client.get_executor())
    else:
        negsim.sweep(**SWEPT, store=store, workers=2 if how == "workers" else 1)


def digest_blocks(store: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (store / "blocks").glob("[!.]*")}


# -- large ones -------------------------------------------------------------------------------------------------------


def run_large(points: int, runs: int, **more: Any) -> dict[str, Any]:
    """One large sweep: how long, how much memory in the writing process and in the largest worker, how much disk."""
    found = measure_apart(points=points, runs=runs, folder=tempfile.gettempdir(), **more)
    print(
        f"{points:,} points x {runs:,} runs, {more}: {found['wall_s']:,.0f} s, "
        f"{found['run_points'] / found['wall_s']:,.0f} runs/s; peak {found['peak_mb']:,.0f} MB, largest worker "
        f"{found['worker_peak_mb']:,.0f} MB; {found['disk_mb']:,.0f} MB on disk"
    )
    return {"points": points, "runs": runs, **more, **found}


# -- the command ------------------------------------------------------------------------------------------------------


def note(part: str, found: Any) -> None:
    """Keep a part of the results, with the date, the machine and the versions of this part."""
    results = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    about = {
        "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "versions": {name: version(name) for name in ("negsim", "numpy", "pyarrow")},
    }
    results[part] = {**about, "found": found}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("scaling", "efficiency", "kill", "standing", "million", "measure"))
    parser.add_argument("asked", nargs="?", help="one series of scaling, one way to kill, or what is measured")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--engine", default="auto", help="of the large jobs (default: auto)")
    parser.add_argument("--until", help="last day simulated in the large jobs: a short period shows streaming alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = parser.parse_args()
    large = {"workers": options.workers, "engine": options.engine, "until": options.until}
    if options.part == "measure":
        print(json.dumps(measure(json.loads(options.asked))))
    elif options.part == "scaling":
        for series in [options.asked] if options.asked else SERIES:
            note(f"scaling {series}", scale(series))
    elif options.part == "efficiency":
        note("efficiency", compare_workers(options.rounds))
    elif options.part == "kill":
        for how in [options.asked] if options.asked else ("serial", "workers", "dask"):
            note(f"kill {how}", kill_often(options.kills, how))
    elif options.part == "standing":
        note("standing", run_large(1024, 256, **large))
    else:
        name = f"million until {options.until}" if options.until else "million"
        note(name, run_large(1000, 1000, **large))


if __name__ == "__main__":
    main()
