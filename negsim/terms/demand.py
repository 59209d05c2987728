"""What breaks talks? A demand raised and not answered."""

from negsim.terms.term import LogRate, Term, strength


def rupture(walk_out, pressure):  # type: ignore[no-untyped-def]
    """Log rate of walking out under an unanswered demand."""
    return walk_out * pressure


TERM = Term(
    name="demand",
    claim="A demand on the table and not answered drives both who raised it and whom it is put to from the room.",
    equation="walk_out: + walk_out sum of weights of unanswered demands",
    source="the case's own claim (A34)",
    parameters=(strength("walk_out", 1.0, "how an unanswered demand of weight 1 hastens walking out"),),
    log_rates=(LogRate(("walk_out",), rupture),),
)
