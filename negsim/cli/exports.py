"""How do results go on into R, Stata or a spreadsheet? ``export`` writes them as CSV beside what they are made of."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negsim.cli.words import InputError, add_command, write_table

if TYPE_CHECKING:
    import pandas

    from negsim.calibration.posterior import Posterior
    from negsim.report.findings import Findings


def export(options: argparse.Namespace) -> None:
    """Write the tables of all results in a folder, and say where they are."""
    from negsim.report import NothingFound
    from negsim.report.findings import gather_findings

    folder = Path(options.folder)
    try:
        found = gather_findings(folder)
    except NothingFound as error:
        raise InputError(str(error)) from error
    for unread in found.unread:
        print(f"negsim: warning: {unread}", file=sys.stderr)
    tables = dict(_make_tables(found))
    for place, table in tables.items():
        write_table(table, folder / place)
        print(f"{folder / place}: {len(table):,} rows")
    if not tables:
        raise InputError(f"{folder}: all that lies there are tables and pictures already")


def _make_tables(found: Findings) -> Iterator[tuple[Path, pandas.DataFrame]]:
    """The tables, with their places seen from the folder."""
    for name, ensemble in found.ensembles.items():
        if ensemble.columns is not None:
            yield Path(name, "events.csv"), ensemble.events
    for name, posterior in found.posteriors.items():
        yield Path(name, "parameters.csv"), posterior.summary().reset_index()
        yield Path(name, "draws.csv"), _list_draws(posterior)
    for name, done in found.sweeps.items():
        yield Path(name, "points.csv"), done.to_frame()


def _list_draws(posterior: Posterior) -> pandas.DataFrame:
    """A row for each draw: its parameters, its weight (of all together 1) and its log-likelihood."""
    import pandas as pd

    drawn = pd.DataFrame(posterior.draws, columns=list(posterior.names))
    return drawn.assign(weight=posterior.weights, log_likelihood=posterior.log_likelihood)


def add_export(commands: Any) -> None:
    """Add ``export``."""
    parser = add_command(
        commands,
        "export",
        export,
        "write the results in a folder as CSV, for R, Stata or a spreadsheet",
        "negsim run beijing-1999 --out out && negsim export out",
        "negsim export out/fit      # draws.csv and parameters.csv",
        note="Events, draws and numbers of a fit, and points of a sweep, each beside what it is made of.",
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        help="folder that other commands wrote to with --out or --store, or one up to two levels above it",
    )
