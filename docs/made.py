"""Which pages are made and not written? Theories, the model by the ODD protocol, commands: read off the code."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from negsim.cli import make_parser
from negsim.odd import describe_model, write_markdown
from negsim.plots.theories import draw_term, list_curves
from negsim.terms import SHELF, Term


def write_pages(folder: Path) -> None:
    """Write the pages, with the pictures of the theories, into a folder."""
    folder.mkdir(exist_ok=True)
    for term in SHELF.values():
        if list_curves(term):
            draw_term(term).savefig(folder / f"{term.name}.png", dpi=100)
    pages = {"theories": "\n\n".join(tell_theories()), "odd": tell_model(), "commands": "\n\n".join(tell_commands())}
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")


def tell_theories() -> Iterator[str]:
    """The page of the theories: claim, equation, source, parameters, picture."""
    yield "# The theories"
    yield (
        "Each term is one theory in one file of `negsim/terms/`. This page is made from their declarations, the "
        "pictures from their formulas: what a formula adds or multiplies, as one quantity changes and the others stand "
        "still, with the strength halved and doubled. [The model](../model.md) has how they enter together; "
        "[adding a term](../terms.md) how to write one."
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


def tell_commands() -> Iterator[str]:
    """The page of the commands: the help of each."""
    yield "# Commands"
    yield "What `negsim COMMAND --help` says. Exit codes: 0 done, 1 failed, 2 wrong input."
    for action in make_parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, parser in action.choices.items():
                yield f"## negsim {name}"
                yield f"```text\n{parser.format_help().strip()}\n```"
