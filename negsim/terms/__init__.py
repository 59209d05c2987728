"""Which theories are on the shelf? One file each; this is the list."""

from typing import Final

from negsim.terms import (
    alignment,
    audience,
    brinkmanship,
    commitment,
    credibility,
    demand,
    mediation,
    ratification,
    resentment,
    ripeness,
    season,
    sequencing,
)
from negsim.terms.term import QUANTITIES, SLOTS, Effect, LogRate, Memory, Slot, Term, Trust

SHELF: Final[dict[str, Term]] = {
    module.TERM.name: module.TERM
    for module in (
        ripeness,
        resentment,
        audience,
        credibility,
        ratification,
        alignment,
        sequencing,
        demand,
        brinkmanship,
        season,
        mediation,
        commitment,
    )
}
"""The shipped terms by name, in the order of the documentation."""

__all__ = ["QUANTITIES", "SHELF", "SLOTS", "Effect", "LogRate", "Memory", "Slot", "Term", "Trust"]
