"""How does the outcome depend on the numbers? ``sweep`` runs many points; ``resume`` and ``expand`` go on with them."""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negsim.cli.bars import share_bar
from negsim.cli.words import (
    InputError,
    add_case,
    add_command,
    add_engine,
    add_settings,
    add_tick,
    add_workers,
    date,
    mistakes_of,
    prepare,
    told_if_interrupted,
    whole,
)
from negsim.margins import write_error

if TYPE_CHECKING:
    from negsim.scenario import Scenario
    from negsim.sweeps.designs import Design
    from negsim.sweeps.readings import Sweep

MOST_LEVELS: Final = 100_000
"""Levels of one number."""
MOST_ROWS: Final = 40
"""Points that are printed; all of them are in the store."""
MOST_EVENTS: Final = 4
"""Kinds of event that are printed when none is asked for."""

Varied = tuple[str, str, tuple[float, ...]]
"""What --vary says: key, how (levels, range, prior), numbers."""


# -- commands ---------------------------------------------------------------------------------------------------------


def sweep(options: argparse.Namespace) -> None:
    """Simulate a scenario at many points, keep every finished block, print a table."""
    from negsim.sweeps.running import sweep as run_sweep

    if not options.store.strip():
        raise InputError("--store: the folder has no name")
    scenario = prepare(options)
    with refusals_as_input():
        design = make_design(scenario, options)
        _check_shown(scenario, options)
        with warnings_as_lines(), told_if_stopped(options.store), share_bar("sweep") as progress:
            done = run_sweep(
                scenario,
                design,
                runs=options.runs,
                seed=options.seed,
                store=options.store,
                workers=options.workers,
                params=dict(options.set) or None,
                until=options.until,
                events=options.keep or None,
                common=not options.independent,
                precision=dict(options.precision) or None,
                engine=options.engine,
                progress=progress,
                any_version=options.any_version,
            )
    tell(done, options)


def _check_shown(scenario: Scenario, options: argparse.Namespace) -> None:
    """Refuse what cannot be printed before anything is computed."""
    from negsim.compiler import compile_scenario
    from negsim.scenario_files import load_terms
    from negsim.sweeps.outcomes import choose_outcomes, match_name

    if options.show:
        kept = choose_outcomes(compile_scenario(scenario, load_terms(scenario)), options.keep or None)
        with mistakes_of(ValueError, "--show: "):
            for event in options.show:
                match_name(event, dict(zip(kept.names, kept.groups, strict=True)))


def resume(options: argparse.Namespace) -> None:
    """Compute what is missing of a sweep."""
    from negsim.sweeps.running import resume_sweep

    with refusals_as_input(), warnings_as_lines(), told_if_stopped(options.store), share_bar("resume") as progress:
        done = resume_sweep(
            options.store,
            workers=options.workers,
            retry_failed=options.retry_failed,
            progress=progress,
            any_version=options.any_version,
        )
    tell(done, options)


def expand(options: argparse.Namespace) -> None:
    """Give a sweep more runs, or more points."""
    from negsim.sweeps.running import expand_sweep

    with refusals_as_input(), warnings_as_lines(), told_if_stopped(options.store), share_bar("expand") as progress:
        done = expand_sweep(
            options.store,
            runs=options.runs,
            points=None if options.table is None else read_table(options.table),
            workers=options.workers,
            progress=progress,
            any_version=options.any_version,
        )
    tell(done, options)


def told_if_stopped(store: str) -> contextlib.AbstractContextManager[None]:
    """Say where the blocks are that were finished, should somebody interrupt."""
    return told_if_interrupted(f"finished blocks are in {store}; `negsim resume {store}` computes the others")


@contextlib.contextmanager
def refusals_as_input() -> Iterator[None]:
    """Take a sweep that is refused for a mistake of the person who asked for it."""
    from negsim.sweeps.stores import RefusedSweep

    try:
        yield
    except (RefusedSweep, ValueError) as error:
        raise InputError(str(error).replace("any_version=True", "--any-version")) from error


@contextlib.contextmanager
def warnings_as_lines() -> Iterator[None]:
    """Tell warnings as a person would."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: print(f"negsim: {message}", file=sys.stderr)
        yield


# -- the design -------------------------------------------------------------------------------------------------------


def make_design(scenario: Scenario, options: argparse.Namespace) -> Design:
    """Make the points that were asked for."""
    from negsim.sweeps.designs import Design

    varied: list[Varied] = options.vary
    if options.table is not None:
        if varied:
            raise InputError("--table and --vary: allowed: one of them")
        return read_table(options.table)
    if not varied:
        raise InputError("nothing varies: allowed: --vary KEY=A:B:N (repeatable), or --table FILE")
    keys = [key for key, _, _ in varied]
    if len(set(keys)) < len(keys):
        raise InputError(f"--vary: {next(key for key in keys if keys.count(key) > 1)} is given twice")
    if options.design == "grid":
        if options.points is not None:
            raise InputError("--points: allowed with --design lhs or sobol; a grid has as many as its levels make")
        return Design.grid({key: list(numbers) for key, how, numbers in varied if _must_be(key, how, "levels")})
    if options.points is None:
        raise InputError(f"--points N: needed with --design {options.design}")
    make = {"lhs": Design.latin_hypercube, "sobol": Design.sobol}[options.design]
    ranges = {key: _range_of(scenario, key, how, numbers) for key, how, numbers in varied}
    return make(ranges, options.points, seed=options.seed)


SHAPES: Final = {"levels": "KEY=A:B:N or KEY=V1,V2,...", "range": "KEY=A:B or KEY=prior"}


def _must_be(key: str, how: str, wanted: str) -> bool:
    if (how == "levels") != (wanted == "levels"):
        design = "a grid" if wanted == "levels" else "a sample"
        raise InputError(f"--vary {key}: {design} needs {SHAPES[wanted]}")
    return True


def _range_of(scenario: Scenario, key: str, how: str, numbers: tuple[float, ...]) -> Any:
    _must_be(key, how, "range")
    if how == "range":
        return numbers
    priors = {spec.name: spec.prior for spec in scenario.parameter if spec.prior is not None}
    if key not in priors:
        raise InputError(f"--vary {key}=prior: allowed: a parameter with a prior: {', '.join(priors) or 'none has'}")
    return priors[key]


def read_table(name: str) -> Design:
    """Read points from a table: a column for each key, a row for each point."""
    from negsim.csv_files import read_numbers
    from negsim.sweeps.designs import Design

    return Design.table(read_numbers(Path(name), name, "a table of points"))


def vary(text: str) -> Varied:
    """Read KEY=A:B:N, KEY=A:B, KEY=V1,V2,... or KEY=prior."""
    import numpy as np

    key, equals, words = text.partition("=")
    key = key.strip()
    with contextlib.suppress(ValueError):
        if key and equals and words == "prior":
            return key, "prior", ()
        if key and equals and ":" in words:
            low, high, *count = words.split(":")
            ends = float(low), float(high)
            if not (math.isfinite(ends[0]) and math.isfinite(ends[1])):
                raise ValueError
            if len(count) == 1 and 2 <= int(count[0]) <= MOST_LEVELS:
                return key, "levels", tuple(np.linspace(ends[0], ends[1], int(count[0])).tolist())
            if not count:
                return key, "range", ends
        elif key and equals:
            return key, "levels", tuple(float(word) for word in words.split(","))
    raise argparse.ArgumentTypeError(
        f"{text!r} is none of KEY=A:B:N (N levels, 2 to {MOST_LEVELS:,}, from A to B), KEY=V1,V2,... (levels), "
        "KEY=A:B (a range), KEY=prior"
    )


def event_error(text: str) -> tuple[str, float]:
    """Read EVENT=ERROR."""
    event, equals, error = text.partition("=")
    with contextlib.suppress(ValueError):
        if event and equals:
            return event.strip(), float(error)
    raise argparse.ArgumentTypeError(f"{text!r} is not EVENT=ERROR, such as meet.official=0.01")


# -- what is told -----------------------------------------------------------------------------------------------------


def tell(done: Sweep, options: argparse.Namespace) -> None:
    """Print a row for each point, and say what failed."""
    with refusals_as_input():
        table = make_table(done, options.show)
    print(table.head(MOST_ROWS).to_string(index=False, float_format=lambda number: f"{number:.4g}"))
    more = len(table) - MOST_ROWS
    print(f"\n{'' if more <= 0 else f'and {more:,} more points; '}probability ± its Monte-Carlo error; all of it in:")
    print(f"{done.folder}: {', '.join(sorted(path.name for path in done.folder.iterdir() if path.name[0] != '.'))}")
    failed = done.failures
    if len(failed):
        first = failed.iloc[0]
        raise RuntimeError(
            f"{failed['point'].nunique()} of {len(done.design)} points failed in some runs; the first, point "
            f"{first['point']}: {first['error']}; `negsim resume {done.folder} --retry-failed` computes them anew"
        )


def make_table(done: Sweep, events: list[str]) -> Any:
    """Make a table: the numbers of each point, its runs, and how probable some kinds of event are."""
    import numpy as np

    chosen = [done.name_of(event) for event in events]
    told = done.to_frame(chosen or None)
    table = done.design.to_frame()
    table.insert(0, "point", np.arange(len(table)))
    table["runs"] = told.groupby("point")["runs"].first().reindex(table.index, fill_value=0)
    for event in chosen or _most_moved(told, done.events):
        rows = told[(told["event"] == event) & told["probability"].notna()]  # none where every run exploded
        pairs = zip(rows["probability"], rows["probability_mcse"], strict=True)
        known = dict(
            zip(rows["point"], (f"{share:.3f} ± {write_error(error, 3)}" for share, error in pairs), strict=True)
        )
        table[event] = [known.get(point, "") for point in table.index]
    return table


def _most_moved(told: Any, events: tuple[str, ...]) -> list[str]:
    """The kinds of event whose probability differs most between points, in the order of the scenario."""
    shares = told.groupby("event")["probability"]
    spread = (shares.max() - shares.min()).sort_values(ascending=False, kind="stable")
    chosen = set(spread.index[:MOST_EVENTS])
    return [event for event in events if event in chosen]


# -- the parser -------------------------------------------------------------------------------------------------------


def add_how(parser: argparse.ArgumentParser) -> None:
    """Say by whom it is computed, and what is printed."""
    add_workers(parser, "processes")
    parser.add_argument(
        "--show", metavar="EVENT", action="append", default=[],
        help="print this kind of event, such as meet.official or meet::official "
        "(repeatable; default: those that differ most)",
    )  # fmt: skip
    parser.add_argument(
        "--any-version", action="store_true", help="add to a store even if another version of negsim or numpy made it"
    )


def add_points(parser: argparse.ArgumentParser) -> None:
    """Say which numbers vary, and over which points."""
    parser.add_argument(
        "--vary", metavar="KEY=A:B:N", type=vary, action="append", default=[],
        help="vary a number or a named parameter (repeatable): N levels from A to B, levels V1,V2,..., a range A:B, "
        "or its prior",
    )  # fmt: skip
    parser.add_argument(
        "--design", choices=("grid", "lhs", "sobol"), default="grid",
        help="every combination of levels, or a sample of ranges: Latin hypercube, Sobol sequence (default: grid)",
    )  # fmt: skip
    parser.add_argument("--points", metavar="N", type=whole(1), help="number of points of a sample")
    parser.add_argument("--table", metavar="FILE", help="points of your own: a CSV file with a column for each key")


def add_sweep(commands: Any) -> None:
    """Add ``sweep``."""
    parser = add_command(
        commands,
        "sweep",
        sweep,
        "simulate a scenario at many points of its parameters, and save every finished block",
        "negsim sweep beijing-1999 --vary tempo_talks=0.5:2:7 --store out/tempo",
        "negsim sweep beijing-1999 --vary tempo_talks=0.5:2:7 --vary gate=0,2,4 --runs 512 --workers 2 --store out/two",
        "negsim sweep beijing-1999 --vary alarm=prior --vary gate=1:6 --design sobol --points 256 --store out/sobol",
        "negsim sweep my-case.toml --table points.csv --precision meet.talks=0.01 --runs 4096 --store out/mine",
    )
    add_case(parser)
    add_points(parser)
    parser.add_argument("--store", metavar="DIR", required=True, help="folder for finished blocks")
    parser.add_argument("--runs", metavar="N", type=whole(1), default=256, help="runs of each point (default: 256)")
    parser.add_argument("--seed", metavar="S", type=whole(0, None), default=0, help="seed of the clocks (default: 0)")
    parser.add_argument("--until", metavar="DATE", type=date, help="stop at this date (default: the scenario's end)")
    add_tick(parser)
    add_settings(parser)
    parser.add_argument(
        "--precision", metavar="EVENT=ERROR", type=event_error, action="append", default=[],
        help="stop a point early when the error of this event's probability is small enough (repeatable)",
    )  # fmt: skip
    add_engine(parser)
    parser.add_argument("--independent", action="store_true", help="use independent random numbers at each point")
    parser.add_argument(
        "--keep", metavar="EVENT", action="append", default=[],
        help="keep only these kinds of event, by name or address, * for any part (repeatable; default: all)",
    )  # fmt: skip
    add_how(parser)


def add_resume(commands: Any) -> None:
    """Add ``resume``."""
    parser = add_command(
        commands,
        "resume",
        resume,
        "resume a sweep that was interrupted or damaged",
        "negsim resume out/tempo --workers 2",
        "negsim resume out/tempo --retry-failed",
    )
    parser.add_argument("store", metavar="DIR", help="folder that `negsim sweep ... --store DIR` made")
    parser.add_argument("--retry-failed", action="store_true", help="compute again what failed")
    add_how(parser)


def add_expand(commands: Any) -> None:
    """Add ``expand``."""
    parser = add_command(
        commands,
        "expand",
        expand,
        "add runs or points to a sweep; what is there stays as it is",
        "negsim expand out/tempo --runs 1024",
        "negsim expand out/mine --table more-points.csv --workers 2",
    )
    parser.add_argument("store", metavar="DIR", help="folder that `negsim sweep ... --store DIR` made")
    parser.add_argument("--runs", metavar="N", type=whole(1), help="number of runs that each point has afterwards")
    parser.add_argument("--table", metavar="FILE", help="points to add: a CSV file with a column for each key")
    add_how(parser)
