"""Which theories does a sequence speak for? ``compare`` takes them out of a fitted case, one at a time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negsim.cli.bars import share_bar
from negsim.cli.fits import add_sampler
from negsim.cli.futures import add_fitted, reopen
from negsim.cli.words import (
    add_command,
    find_target,
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


def compare(options: argparse.Namespace) -> None:
    """Take theories out of a fitted case and print what the evidence loses."""
    from negsim.calibration.posterior import describe_evidence
    from negsim.forecasts.comparison import Conditioned, compare_theories

    target = find_target(options.out, "theories.csv")
    scenario, chronology, posterior = reopen(Path(options.fit))
    if options.keep is not None:
        make_folder(options.keep)
    settings = {name: getattr(options, name) for name in ("particles", "runs") if getattr(options, name) is not None}
    with told_if_interrupted(say_kept(options.keep)), share_bar("compare") as progress, mistakes_of(Conditioned):
        found = compare_theories(
            scenario,
            chronology,
            seed=options.seed,
            theories=options.theory,
            pairs=options.pairs,
            rivals=not options.no_rivals,
            refit=not options.no_refit,
            posterior=posterior,
            stages=options.stages,
            keep=options.keep,
            progress=progress,
            engine=options.engine,
            **settings,
        )
    table = found.table()
    if target is not None:
        write_table(table, target)
        print(f"{target}: written", file=sys.stderr)
    print(f"with everything: {describe_evidence(posterior)}\n")
    print(write_changes(table))
    print(f"\n{wrap_sentences(found.describe())}\n\n{LEGEND}{FORETOLD if len(found.stages) > 1 else ''}")


def say_kept(folder: str | None) -> str:
    """Say what becomes of fits that were finished when somebody interrupts."""
    if folder is None:
        return "finished fits are lost; with --keep DIR a stop loses none"
    return f"finished fits are in {folder}; the same command takes them up again"


def write_changes(table: pandas.DataFrame) -> str:
    """A table of what the evidence loses, as it is printed: numbers with their errors, factors written out."""
    import pandas as pd

    shown = pd.DataFrame({"without": table["without"]})
    for name in ("change", "evidence_for", "foretold", "largest", "at_most"):
        if name in ("evidence_for", "largest") and name in table:
            shown[name] = table[name].map(_write_factor)
        elif name in table:
            errors = table["error" if name == "change" else f"{name}_error"]
            shown[name] = [_write_number(*pair) for pair in zip(table[name], errors, strict=True)]
    shown["says"] = table["says"]
    return str(shown.to_string(index=False))


def _write_factor(factor: float) -> str:
    if factor != factor:
        return ""
    return "> 1,000,000" if factor > 1e6 else f"{float(f'{factor:.3g}'):,g}"


def _write_number(number: float, error: float) -> str:
    if number != number:
        return ""
    if number == float("inf"):
        return "no bound"
    return f"{round(number, 2) + 0.0:.2f} ± {write_error(error)}"


LEGEND = """\
change        log evidence without it minus with it: negative supports it
evidence_for  the factor by which the events support it; 20 counts as enough, 1 is nothing
at_most       upper bound on the log evidence for it that a complete record of the same length could show on average;
              no bound if some such records hold what is impossible without it"""

FORETOLD = """
foretold      the same for events after the first stage, predicted one after the other: negative supports it
largest       the largest evidence_for at any stage; if the case without it were true, 20 or more would have
              probability 0.05 at most"""


def add_compare(commands: Any) -> None:
    """Add ``compare``."""
    parser = add_command(
        commands,
        "compare",
        compare,
        "remove theories from a fitted case, one at a time, and report which of them the events support",
        "negsim compare out/fit",
        "negsim compare out/fit --theory resentment --theory sequencing --pairs",
        "negsim compare out/fit --stages 2 --keep out/variants --engine auto",
        "negsim compare out/fit --no-refit     # minutes less; what reweighting cannot tell is left open",
    )
    add_fitted(parser)
    parser.add_argument(
        "--theory", metavar="NAME", action="append", help="remove this theory (repeatable; default: each in turn)"
    )
    parser.add_argument("--pairs", action="store_true", help="also remove two at a time")
    parser.add_argument("--no-rivals", action="store_true", help="leave out the static model and constant rates")
    parser.add_argument(
        "--no-refit",
        action="store_true",
        help="do not fit again without a theory where reweighting the fit's draws fails (the static model is always "
        "fitted, unless --no-rivals leaves it out)",
    )
    parser.add_argument(
        "--stages",
        metavar="N",
        type=whole(0),
        default=0,
        help="compare at N earlier dates as well, by how well each variant predicted the rest (a fit each)",
    )
    parser.add_argument("--keep", metavar="DIR", help="save fits there, and resume from them after an interruption")
    add_sampler(parser)
    parser.add_argument("--out", metavar="PLACE", help="write the table there: a folder, or a file (.csv)")
