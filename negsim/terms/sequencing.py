"""What opens what? A met gate opens the channel behind it."""

from negsim.terms.term import LogRate, Term, strength


def opening(met, gate_met):  # type: ignore[no-untyped-def]
    """Log rate of opening once the gates are met."""
    return met * gate_met


TERM = Term(
    name="sequencing",
    claim="Talks that wait for something open soon after it is there.",
    equation="open: + met when all active gates are met",
    source="the case's own claim (A29)",
    parameters=(strength("met", 2.0, "how much a met gate hastens the opening"),),
    log_rates=(LogRate(("open",), opening),),
)
