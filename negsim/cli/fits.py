"""What do events say about the numbers of a case? ``fit`` learns them from a chronology."""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negsim.cli.bars import share_bar
from negsim.cli.words import (
    InputError,
    add_case,
    add_command,
    add_engine,
    add_workers,
    date,
    make_folder,
    mistakes_of,
    whole,
)

if TYPE_CHECKING:
    from negsim.calibration.posterior import Posterior
    from negsim.chronology import Chronology
    from negsim.scenario import Scenario


def fit(options: argparse.Namespace) -> None:
    """Fit a case to a chronology, print what was learned, keep the posterior."""
    from negsim.calibration.fitting import declare_prior
    from negsim.calibration.fitting import fit as fit_case
    from negsim.chronology_checks import describe_room
    from negsim.compiler import compile_case
    from negsim.scenario_files import load_scenario

    scenario = load_scenario(options.case)
    if options.free:
        with mistakes_of(ValueError):
            declare_prior(scenario, options.free)
    chronology = read_told(scenario, options)
    folder = None if options.out is None else make_folder(options.out)
    told = [*_heading(chronology.report().splitlines()), *describe_room(compile_case(scenario), chronology)]
    print("\n".join(told), file=sys.stderr)
    settings = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    settings |= {name: getattr(options, name) for name in PASSED_ON}
    with _refusals_as_input(options, folder), share_bar("fit") as progress:
        posterior = fit_case(scenario, chronology, progress=progress, **settings)
    try:
        if folder is not None:
            _keep(posterior, options, folder)
    finally:  # a full disk loses the files, not the answer
        print(posterior.summary()[list(SHOWN)].rename(columns=SHOWN).to_string(float_format="%.3g"))
        print(f"\n{describe_fit(posterior)}")


def _heading(report: list[str]) -> list[str]:
    """What a report says before its lists: its first line, and those set in below it."""
    return [report[0], *itertools.takewhile(lambda line: line.startswith("  "), report[1:])]


SETTINGS: Final = ("particles", "runs", "draws")
"""Options of the samplers, each with its own default."""
PASSED_ON: Final = (
    "seed", "method", "free", "even_if_too_much", "even_if_explosive", "engine", "workers", "news",
)  # fmt: skip
"""Options that mean what the arguments of their names mean."""


@contextlib.contextmanager
def _refusals_as_input(options: argparse.Namespace, folder: Path | None) -> Iterator[None]:
    """Say what was refused in the words of the shell, and keep what was found all the same."""
    from negsim.calibration.adapters import SamplerMissing
    from negsim.calibration.fitting import TooMuchAsked
    from negsim.calibration.outlook import ExplosivePrior
    from negsim.calibration.posterior import SamplingError
    from negsim.calibration.selection import NoNews

    try:
        yield
    except (TooMuchAsked, ExplosivePrior) as error:
        said = str(error).replace("even_if_too_much=True", "--even-if-too-much")
        raise InputError(said.replace("even_if_explosive=True", "--even-if-explosive")) from error
    except SamplerMissing as error:
        raise InputError(str(error)) from error
    except NoNews as error:
        raise InputError(f"--news {options.news}: {error}") from error
    except SamplingError as error:
        if folder is not None and error.posterior is not None:
            kept = error.posterior.save(folder / "not-trusted")
            print(f"{kept}: what was found, to be looked at and not to be used", file=sys.stderr)
        raise


SHOWN: Final = {
    "mean": "mean", "sd": "sd", "mcse": "mc error", "q05": "5%", "q95": "95%",
    "prior_mean": "prior mean", "prior_sd": "prior sd", "contraction": "contraction", "says": "says",
}  # fmt: skip
"""Columns of the summary that are printed, and what they are called."""


def describe_fit(posterior: Posterior) -> str:
    """Say in a few lines how the posterior was found and what it is worth."""
    from negsim.calibration.posterior import describe_condition, describe_evidence

    found = posterior.provenance
    return (
        f"{found['chronology']} until {found['until']}, by {posterior.method}: {posterior.evaluations:,} likelihoods, "
        f"worth {posterior.ess:.0f} independent draws;\n{describe_evidence(posterior)}.\n"
        "Contraction is the share of the prior variance that the events removed. A parameter marked prior-driven was "
        "not learned; for one marked cannot tell, there are too few draws to say.\n"
        f"The likelihood is {describe_condition(found)}."
    )


def read_told(scenario: Scenario, options: argparse.Namespace) -> Chronology:
    """The chronology that was asked for, as far as it was known on a day if one is given."""
    from negsim.chronology_files import load_chronology

    told = load_chronology(scenario, options.chronology, codebook=options.codebook)
    if options.until is None:
        return told
    first = told.date(told.window[0])
    if not first <= options.until <= told.until:
        raise InputError(f"--until {options.until}: allowed: a date from {first} to {told.until}")
    return told.cut(options.until)


def _keep(posterior: Posterior, options: argparse.Namespace, folder: Path) -> None:
    """Save the posterior, with what was asked for, so that a forecast finds case and chronology again."""
    from dataclasses import replace

    until: dt.date | None = options.until
    asked = {
        "case": options.case,
        "chronology": options.chronology or posterior.provenance["chronology"],
        "codebook": options.codebook,
        "until": None if until is None else until.isoformat(),
    }
    replace(posterior, provenance={**posterior.provenance, "asked": asked}).save(folder)
    written = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file()))
    print(f"{folder}: {written}; next: negsim forecast {folder}", file=sys.stderr)


# -- the parser ----------------------------------------------------------------------------------------------------


def add_told(parser: argparse.ArgumentParser) -> None:
    """Take a chronology."""
    parser.add_argument(
        "--chronology",
        metavar="NAME",
        help="what happened: a chronology of the case, or a CSV file (default: the first of the case's own)",
    )
    parser.add_argument("--codebook", metavar="FILE", help="TOML file that says which moves the rows of the CSV mean")
    parser.add_argument("--until", metavar="DATE", type=date, help="use only what was known by this day")


def add_sampler(parser: argparse.ArgumentParser) -> None:
    """Take what concerns the sampler."""
    parser.add_argument("--seed", metavar="S", type=whole(0, None), default=0, help="seed of the sampler (default: 0)")
    parser.add_argument(
        "--particles",
        metavar="N",
        type=whole(50),
        help="particles of the scouts, and of each tempering run (default: 125)",
    )
    parser.add_argument("--runs", metavar="N", type=whole(2), help="independent tempering runs (default: 8)")
    add_engine(parser)


def add_fit(commands: Any) -> None:
    """Add ``fit``."""
    parser = add_command(
        commands,
        "fit",
        fit,
        "learn the free parameters of a case from a chronology, and say which of them were learned",
        "negsim fit beijing-1999 --out out/fit --engine auto --workers 2",
        "negsim fit beijing-1999 --chronology 1990s --until 1997-12-31 --out out/fit-1997",
        "negsim fit my-case.toml --chronology events.csv --seed 1 --out out/fit",
    )
    add_case(parser)
    add_told(parser)
    add_sampler(parser)
    add_workers(parser, "threads of the compiled engine")
    methods = ("auto", "importance", "guided", "tempering", "emcee", "nautilus")
    parser.add_argument(
        "--method", choices=methods, default="auto", help="which sampler (emcee and nautilus need the extra samplers)"
    )
    parser.add_argument(
        "--draws",
        metavar="N",
        type=whole(1000),
        help="draws to weight (default: enough for some thousand effective ones, at most 65,536)",
    )
    parser.add_argument(
        "--news",
        metavar="MOVE",
        help="condition on the move without which the source would not exist; * stands for anything (open:*:official:)",
    )
    parser.add_argument(
        "--free", metavar="NAME", action="append", help="learn this parameter instead of those declared (repeatable)"
    )
    parser.add_argument(
        "--even-if-too-much", action="store_true", help="learn more parameters than the events can support"
    )
    parser.add_argument(
        "--even-if-explosive", action="store_true", help="fit even if histories explode under the prior"
    )
    parser.add_argument("--out", metavar="DIR", help="save the posterior there")
