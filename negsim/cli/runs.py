"""What happens in a scenario? ``run`` simulates it many times."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from negsim.cli.bars import share_bar
from negsim.cli.words import (
    add_case,
    add_command,
    add_engine,
    add_settings,
    add_tick,
    add_workers,
    date,
    make_folder,
    prepare,
    whole,
    write_numbers,
)


def run(options: argparse.Namespace) -> None:
    """Simulate a scenario, print the summary, and keep the results if asked to."""
    from negsim.ensemble import simulate

    scenario = prepare(options)
    folder = None if options.out is None else make_folder(options.out)
    with share_bar("run") as progress:
        ensemble = simulate(
            scenario,
            runs=options.runs,
            seed=options.seed,
            params=dict(options.set) or None,
            until=options.until,
            workers=options.workers,
            engine=options.engine,
            progress=progress,
        )
    summary = ensemble.summary()
    try:
        if folder is not None:
            _keep(ensemble, folder, pictures=not options.no_plots)
    finally:  # a full disk loses the files, not the answer
        shown = summary.drop(columns=["runs", "stopped"])
        print(write_numbers(shown))


def _keep(ensemble: Any, folder: Path, *, pictures: bool) -> None:
    """Write what came out: events, summary, provenance and pictures."""
    ensemble.save(folder)
    if pictures:
        from negsim.plots import draw_all

        draw_all(ensemble, folder)
    written = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file()))
    print(f"{folder}: {written}", file=sys.stderr)


def add_run(commands: Any) -> None:
    """Add ``run``."""
    parser = add_command(
        commands,
        "run",
        run,
        "simulate a scenario many times and print how probable each kind of event is, and when",
        "negsim run beijing-1999 --runs 1000 --seed 1",
        "negsim run beijing-1999 --runs 10000 --workers 4 --engine auto --out out",
        "negsim run my-case.toml --until 2004-06-30 --tick week",
        "negsim run my-case.toml --set actor.Upland.audience=1.5 --set raids=0.2",
    )
    add_case(parser)
    parser.add_argument("--runs", metavar="N", type=whole(1), default=1000, help="number of runs (default: 1000)")
    parser.add_argument("--seed", metavar="S", type=whole(0, None), default=0, help="seed of the clocks (default: 0)")
    parser.add_argument("--until", metavar="DATE", type=date, help="stop at this date (default: the scenario's end)")
    add_tick(parser)
    add_settings(parser)
    add_workers(parser)
    add_engine(parser)
    parser.add_argument("--out", metavar="DIR", help="write events, summary, provenance and pictures there")
    parser.add_argument("--no-plots", action="store_true", help="write no pictures")
