"""How do results become something to send? ``report`` writes one HTML file about a folder of them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from negsim.cli.words import InputError, add_command, paths_as_input, whole


def report(options: argparse.Namespace) -> None:
    """Write the report, and say where it is."""
    from negsim.report import NothingFound, write_report

    folder = Path(options.folder)
    target = folder / "report.html" if options.out is None else Path(options.out)
    try:
        with paths_as_input("cannot be written to"):
            written = write_report(folder, target, runs=options.runs)
    except NothingFound as error:
        raise InputError(str(error)) from error
    print(written)
    print("one file, to be opened in any browser", file=sys.stderr)


def add_report(commands: Any) -> None:
    """Add ``report``."""
    parser = add_command(
        commands,
        "report",
        report,
        "write one self-contained HTML page about the results in a folder",
        "negsim run beijing-1999 --runs 1000 --out out && negsim report out",
        "negsim report out/fit --out beijing.html",
    )
    parser.add_argument(
        "folder", metavar="DIR", help="folder that other commands wrote to with --out, or one up to two levels above it"
    )
    parser.add_argument("--out", metavar="FILE", help="the file to write (default: report.html in the folder)")
    parser.add_argument(
        "--runs",
        metavar="N",
        type=whole(0),
        default=400,
        help="histories to simulate to compare a fit with its events, if the folder has no such table (default: 400)",
    )
