"""Can one afford to give? What cannot be taken back is dear when the other grows stronger and is not trusted."""

from negsim.terms.term import Slot, Term, strength


def exposure_to_shift(theta, credibility, shift, irreversibility):  # type: ignore[no-untyped-def]
    """Utility lost by giving what cannot be taken back."""
    return -theta * (1 - credibility) * shift * irreversibility


TERM = Term(
    name="commitment",
    claim="A deal that shifts power to someone who cannot bind himself is not made.",
    equation="U_giver -= theta (1 - cred) shift irreversibility",
    source="Fearon 1995, Rationalist Explanations for War, IO 49; Powell 2006, IO 60",
    parameters=(strength("theta", 0.5, "weight of the commitment problem"),),
    slots=(Slot("giver_utility", exposure_to_shift),),
)
