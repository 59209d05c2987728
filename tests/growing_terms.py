"""A small term of a user's own, of which tests write version after version."""

from __future__ import annotations

from pathlib import Path

TERM = """
from negsim.parameters import Belief, Parameter
from negsim.terms import LogRate, Term
{before}

def grow(weight):
    return {result}


TERM = Term(
    name="growth",
    claim="Things grow.",
    equation="meet: + weight",
    source="a test",
    parameters=(Parameter("weight", 1.0, "", "how much", Belief("normal", 1.0, 0.2)),),
    log_rates=(LogRate(("meet",), grow),),
)
"""


def write_term(folder: Path, result: str, before: str = "") -> None:
    """Write a term whose formula gives a result, after some lines of its own."""
    (folder / "growth.py").write_text(TERM.format(result=result, before=before), encoding="utf-8")
