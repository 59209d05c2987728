"""What would have happened if ...? ``whatif`` asks a case a question; without one it lists those that ship with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negsim.cli.bars import share_bar
from negsim.cli.futures import reopen
from negsim.cli.words import (
    InputError,
    add_case,
    add_command,
    add_engine,
    add_settings,
    add_workers,
    date,
    make_folder,
    whole,
    wrap_sentences,
)

if TYPE_CHECKING:
    from negsim.scenario import Scenario

EXACT = "It was read as a history, with exact dates. What is dated vaguely is looked back on by --posterior, of a fit."


def whatif(options: argparse.Namespace) -> None:
    """Ask a case a question and print the answer; without a question, list those that ship with the case."""
    from negsim.scenario_files import load_scenario

    scenario = load_scenario(options.case)
    if options.question is None:
        _list_questions(scenario)
        return
    posterior, given = _find_known(scenario, options)
    folder = None if options.out is None else make_folder(options.out)
    answer = _ask(scenario, posterior, given, options)
    print(wrap_sentences(answer.text()))
    if folder is not None:
        answer.save(folder)
        if not options.no_plots:
            from negsim.plots import draw_answer

            draw_answer(answer, folder)
        print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}", file=sys.stderr)


def _list_questions(scenario: Scenario) -> None:
    from negsim.intervention_files import what_ifs, write_example

    shipped = what_ifs(scenario)
    if not shipped:
        print(f"no questions ship with {scenario.name}; one of your own is a file such as this:\n")
        print(write_example(scenario))
    width = max(map(len, shipped), default=0)
    for name, question in shipped.items():
        print(f"{name:<{width}}  {question}")


def _find_known(scenario: Scenario, options: argparse.Namespace) -> tuple[Any, Any]:
    """What is known of the numbers, and what is known to have happened."""
    from negsim.scenario_files import require_settings, scenario_digest

    settings = dict(options.set)
    if options.posterior is None:
        require_settings(scenario, settings, "--set")
        return settings or None, options.given
    if settings:
        raise InputError("--set together with --posterior: allowed: one of them, a posterior sets the numbers itself")
    fitted, chronology, posterior = reopen(Path(options.posterior))
    if scenario_digest(fitted) != scenario_digest(scenario):
        raise InputError(f"--posterior {options.posterior}: it was fitted to {fitted.name}, not to {options.case}")
    same = options.given in (None, chronology.name, posterior.provenance["asked"]["chronology"])
    return posterior, chronology if same else options.given


def _ask(scenario: Scenario, known: Any, given: Any, options: argparse.Namespace) -> Any:
    from negsim.counterfactuals import counterfactual
    from negsim.interference import Impossible
    from negsim.problems import ScenarioError

    if options.until is not None and not scenario.start <= options.until <= scenario.end:
        raise InputError(f"--until {options.until}: allowed: a date from {scenario.start} to {scenario.end}")
    products = (options.only,) if options.only else ("interventional", "retrospective")
    if options.only == "retrospective" and given is None:
        raise InputError("--only retrospective: it has to be told what happened: --given or --posterior")
    with share_bar("whatif") as progress:
        try:
            return counterfactual(
                scenario,
                known,
                options.question,
                given,
                seed=options.seed,
                runs=options.runs,
                until=options.until,
                products=products,
                progress=progress,
                workers=options.workers,
                engine=options.engine,
            )
        except ScenarioError as error:
            if not any(problem.file == given for problem in error.problems):
                raise
            raise InputError(f"{error}\n{EXACT}") from error
        except Impossible as error:
            raise InputError(f"{options.question}: {error}") from error
        except ValueError as error:
            raise InputError(f"{options.question}: {error}") from error


def add_whatif(commands: Any) -> None:
    """Add ``whatif``."""
    parser = add_command(
        commands,
        "whatif",
        whatif,
        "ask what would have happened if something had been different, in the model and in a history",
        "negsim whatif beijing-1999                          # which questions ship with the case",
        "negsim whatif beijing-1999 no-rocket --runs 500",
        "negsim whatif beijing-1999 no-rocket --given history --out out/no-rocket",
        "negsim whatif beijing-1999 no-freeze --posterior out/fit",
        "negsim whatif beijing-1999 my-question.toml --set tempo_talks=1.5",
    )
    add_case(parser)
    parser.add_argument("question", metavar="QUESTION", nargs="?", help="a question of the case, or a TOML file")
    parser.add_argument("--runs", metavar="N", type=whole(2), default=1000, help="pairs of histories (default: 1000)")
    parser.add_argument("--seed", metavar="S", type=whole(0, None), default=0, help="seed of the clocks (default: 0)")
    add_workers(parser)
    parser.add_argument(
        "--posterior", metavar="DIR", help="take the parameters from a fit: the folder that `negsim fit --out` wrote"
    )
    parser.add_argument(
        "--given",
        metavar="WHAT",
        help="what happened, for the retrospective answer: `history` (the case's own, with exact dates), a CSV file of "
        "such, or a chronology (with --posterior; default there: the one it was fitted to)",
    )
    parser.add_argument("--only", choices=("interventional", "retrospective"), help="compute only this answer")
    parser.add_argument("--until", metavar="DATE", type=date, help="stop at this date (default: the scenario's end)")
    add_engine(parser)
    add_settings(parser)
    parser.add_argument("--out", metavar="DIR", help="write the answer, tables and pictures there")
    parser.add_argument("--no-plots", action="store_true", help="write no pictures")
