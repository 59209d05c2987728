"""What does a fit make of what happened? ``explain`` holds its events against it, and the fit against its rivals."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negsim.cli.bars import share_bar
from negsim.cli.fits import add_sampler
from negsim.cli.futures import add_fitted, reopen
from negsim.cli.theories import say_kept, write_changes
from negsim.cli.words import (
    add_command,
    make_folder,
    mistakes_of,
    told_if_interrupted,
    whole,
    wrap_sentences,
    write_table,
)
from negsim.margins import write_error

if TYPE_CHECKING:
    import pandas

    from negsim.calibration.posterior import Posterior
    from negsim.forecasts.accounts import Account


def explain(options: argparse.Namespace) -> None:
    """Hold the events of a fit against it, with and without each, and the fit against its rivals."""
    from negsim.forecasts.accounts import account_for
    from negsim.forecasts.comparison import Conditioned
    from negsim.report.sections import name_events

    scenario, chronology, posterior = reopen(Path(options.fit))
    if options.keep is not None:
        make_folder(options.keep)
    folder = None if options.out is None else make_folder(options.out)
    settings = {name: getattr(options, name) for name in ("particles", "runs") if getattr(options, name) is not None}
    with told_if_interrupted(say_kept(options.keep)), share_bar("explain") as progress, mistakes_of(Conditioned):
        found = account_for(
            scenario,
            posterior,
            chronology,
            events=name_events(scenario, chronology),
            runs=options.histories,
            seed=options.seed,
            keep=options.keep,
            progress=progress,
            engine=options.engine,
            sampler=settings,
            refit=not options.no_refit,
        )
    try:
        if folder is not None:
            _keep(found, folder)
    finally:  # a full disk loses the files, not the answer
        _print(
            found, options, f"{scenario.title or scenario.name}: {chronology.name} until {chronology.until}", posterior
        )


def _print(found: Account, options: argparse.Namespace, title: str, posterior: Posterior) -> None:
    from negsim.calibration.posterior import describe_evidence

    print(f"{title}; fit, not forecast\n")
    print(f"{write_events(found.explanation.table)}\n\n{LEGEND.format(runs=options.histories)}\n")
    print(f"with everything: {describe_evidence(posterior)}\n")
    print(f"{write_changes(found.comparison.table())}\n")
    print(wrap_sentences(found.describe()))


LEGEND = """\
prior, fitted, without it: probability that the event happens within 12 months of its date (and by the scenario's end,
where that comes sooner), in {runs:,} whole histories each: with parameters from the prior, from the fit, and from a fit
that is not told when it happened (by weights of the draws; refit if those cannot be trusted; refused if that fit cannot
be trusted either; not known with --no-refit)"""


def write_events(table: pandas.DataFrame) -> str:
    """A table of events, as it is printed."""
    import pandas as pd

    shown = pd.DataFrame({"event": table["event"]})
    alike = table["start"] == table["end"]
    shown["date"] = table["start"].astype(str).where(alike, table["start"].astype(str) + "/" + table["end"].astype(str))
    for name, title in (("prior", "prior"), ("posterior", "fitted"), ("left_out", "without it")):
        errors = table[f"{name}_error"]
        shown[title] = [
            "" if share != share else f"{share:.2f} ± {write_error(error)}"
            for share, error in zip(table[name], errors, strict=True)
        ]
    shown["by"] = table["how"]
    return str(shown.to_string(index=False))


def _keep(found: Account, folder: Path) -> None:
    from negsim.plots import draw_explanation, draw_information
    from negsim.whole_files import whole_file

    write_table(found.explanation.table, folder / "explanation.csv")
    write_table(found.comparison.table(), folder / "evidence.csv")
    with whole_file(folder / "explanation.png") as file:
        draw_explanation(found.explanation).savefig(file)
    if found.information is not None:
        write_table(found.information.table, folder / "information.csv")
        with whole_file(folder / "information.png") as file:
            draw_information(found.information).savefig(file)
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}", file=sys.stderr)


def add_explain(commands: Any) -> None:
    """Add ``explain``."""
    parser = add_command(
        commands,
        "explain",
        explain,
        "ask how well a fit accounts for each event, and how it compares with the case without theories",
        "negsim explain out/fit --engine auto --out out/explained",
        "negsim explain out/fit --keep out/variants     # an interruption loses no finished fit",
        "negsim explain out/fit --histories 500 --particles 100",
        "negsim explain out/fit --no-refit     # minutes less; some events are left open",
        note="It fits the case again without theories, and once for each event whose date cannot be removed by "
        "reweighting. If the events surprise the fit, that can be all of them, each as long as the fit itself. "
        "A progress line counts these fits. --no-refit leaves those events open.",
    )
    add_fitted(parser)
    parser.add_argument(
        "--histories",
        metavar="N",
        type=whole(10),
        default=2000,
        help="simulated histories of each kind (default: 2000)",
    )
    parser.add_argument(
        "--no-refit",
        action="store_true",
        help="do not fit again for an event whose date cannot be removed by reweighting",
    )
    parser.add_argument("--keep", metavar="DIR", help="save fits there, and resume from them after an interruption")
    add_sampler(parser)
    parser.add_argument("--out", metavar="DIR", help="write the tables and two pictures there")
