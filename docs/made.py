"""Which pages are made and not written? Theories, the model by the ODD protocol, commands: read off the code."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final

from negsim.cli import make_parser
from negsim.compiler import compile_scenario
from negsim.odd import describe_model, write_markdown
from negsim.plots.theories import draw_term, list_curves
from negsim.replays import replay
from negsim.scenario_files import load_scenario
from negsim.terms import SHELF, Term
from negsim.walks import walk

WALKED: Final = "beijing-1999"


def write_pages(folder: Path) -> None:
    """Write the pages, with the pictures of the theories, into a folder."""
    folder.mkdir(exist_ok=True)
    for term in SHELF.values():
        if list_curves(term):
            draw_term(term).savefig(folder / f"{term.name}.png", dpi=100)
    pages = {
        "theories": "\n\n".join(tell_theories()),
        "odd": tell_model(),
        "commands": "\n\n".join(tell_commands()),
        "walk": "\n\n".join(tell_walk()),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")


def tell_theories() -> Iterator[str]:
    """The page of the theories: claim, equation, source, parameters, picture."""
    yield "# The theories"
    yield (
        "Each term is one theory, in one file of `negsim/terms/`. This page is made from the declarations in "
        "these files. The pictures show what a formula adds or multiplies as one quantity changes and the others "
        "stay fixed, with the strength halved and doubled. [The model](../model.md) says how the terms work "
        "together, and [adding a term](../terms.md) how to write one of your own."
    )
    for term in SHELF.values():
        yield from tell_theory(term)


def tell_theory(term: Term) -> Iterator[str]:
    """One theory."""
    yield f"## {term.name}"
    yield term.claim
    yield f"```text\n{term.equation}\n```"
    yield f"Source: {term.source}."
    rows = [
        f"| `term.{term.name}.{number.name}` | {number.meaning} | {number.default:g} {number.unit} | "
        f"{number.belief.family}({number.belief.first:g}, {number.belief.second:g}) |"
        for number in term.parameters
    ]
    if rows:
        yield "\n".join(["| parameter | meaning | default | prior |", "|---|---|---|---|", *rows])
    if list_curves(term):
        yield f"![What the term {term.name} does: its formulas as curves]({term.name}.png)"


def tell_model() -> str:
    """The page of the ODD protocol."""
    return "# The model by the ODD protocol\n\nMade from the code's own declarations.\n\n" + write_markdown(
        describe_model()
    )


def tell_walk() -> Iterator[str]:
    """The page of the article's sequence, move by move."""
    compiled = compile_scenario(load_scenario(WALKED))
    text = resources.files("negsim").joinpath(f"cases/{WALKED}.history.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    yield "# The article's sequence, move by move"
    yield (
        f"This page walks through the history in `negsim/cases/{WALKED}.history.csv`, computed by the engine: each "
        "move, the state just before it, and how fast the model expected it with the case's own numbers. "
        "*Implied* moves are not in the article, but what it reports could not have happened without them; *rows* "
        "are those of `seeds/`. A hazard is a rate per year in that state: at 12, the move would come after a "
        "month on average, had nothing else happened. *Times baseline* is the effect of terms, utilities and "
        "approval on the rate in the file; *share* is the move's part of all that could have happened at that "
        "moment. These are numbers of a model, not measurements. The log-likelihood of the whole is the sum of "
        "the log hazards minus their integral."
    )
    lines = ["| date | move | | rows | possible because | hazard a year | times baseline | share |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for step, row in zip(walk(compiled, rows), rows, strict=True):
        cited = row["rows"].replace(";", ", ")
        rate = step.per_year / step.baseline
        cells = (step.date, f"`{step.move.name}`", row["status"], cited, step.reason)
        lines.append(f"| {' | '.join(cells)} | {step.per_year:.3g} | {rate:.3g} | {100 * step.share:.2g}% |")
    yield "\n".join(lines)
    total = replay(compiled, rows).total[0]
    yield f"Log-likelihood (per day) of the whole period with these moves and no others: {total:.1f}."


def tell_commands() -> Iterator[str]:
    """The page of the commands: the help of each."""
    yield "# Commands"
    yield "What `negsim COMMAND --help` says. Exit codes: 0 done, 1 failed, 2 wrong input."
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, parser in action.choices.items():
                yield f"## negsim {name}"
                yield f"```text\n{parser.format_help().strip()}\n```"
