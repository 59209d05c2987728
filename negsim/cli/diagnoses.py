"""Can a fit be believed, and what does it rest on? ``diagnose`` asks of a saved posterior what a reviewer would."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from negsim.cli.bars import share_bar
from negsim.cli.futures import add_fitted, reopen
from negsim.cli.words import add_command, add_engine, find_target, paths_as_input, whole


def diagnose(options: argparse.Namespace) -> None:
    """Check a saved posterior and say in words what it is worth."""
    from negsim.calibration.diagnosis import diagnose as check

    target = find_target(options.out, "diagnosis.txt")
    scenario, chronology, posterior = reopen(Path(options.fit))
    with share_bar("diagnose") as progress:
        found = check(
            scenario,
            posterior,
            chronology,
            runs=options.histories,
            seed=options.seed,
            draws=options.draws,
            influence=not options.no_influence,
            conventions=options.conventions,
            progress=progress,
            engine=options.engine,
        )
    print(found)
    if target is not None:
        from negsim.whole_files import write_whole

        with paths_as_input("is in the way"):
            write_whole(target, f"{found}\n")
        print(f"{target}: written", file=sys.stderr)


def add_diagnose(commands: Any) -> None:
    """Add ``diagnose``."""
    parser = add_command(
        commands,
        "diagnose",
        diagnose,
        "check a fit: what was learned, which events are surprising, and whether one of them carries the result",
        "negsim diagnose out/fit",
        "negsim diagnose out/fit --no-influence     # without the longest part",
    )
    add_fitted(parser)
    parser.add_argument(
        "--seed", metavar="S", type=whole(0, None), default=0, help="seed of the simulations (default: 0)"
    )
    parser.add_argument(
        "--draws",
        metavar="N",
        type=whole(10),
        default=200,
        help="draws of the posterior to replay (default: 200)",
    )
    parser.add_argument(
        "--histories",
        metavar="N",
        type=whole(20),
        default=199,
        help="histories to simulate for each check (default: 199)",
    )
    parser.add_argument(
        "--no-influence", action="store_true", help="do not leave out each event in turn (the longest part)"
    )
    parser.add_argument("--conventions", action="store_true", help="fit again with unknown dates fixed by rule")
    add_engine(parser)
    parser.add_argument("--out", metavar="PLACE", help="write the findings to this folder, or text file (.txt)")
