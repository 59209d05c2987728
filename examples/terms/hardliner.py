"""Who never forgets? A term of one's own: a grudge that only grows, and keeps its holder from the table."""

from negsim.parameters import Belief, Parameter
from negsim.terms import Effect, LogRate, Memory, Term


def refusal(weight, grudge, grudge_back):
    """Log rate of arranging and holding talks, lowered by what either side will not forget."""
    return -weight * (grudge + grudge_back)


def insult(magnitude):
    """What one blow adds to the grudge."""
    return magnitude


def for_ever():
    """Half-life of the grudge in days: ten thousand years."""
    return 3_652_500.0


TERM = Term(
    name="hardliner",
    claim="Some governments forget nothing, and do not sit down with whom they have not forgiven.",
    equation="plan, open, meet: - weight (G_12 + G_21);  G_ij += harm of every blow, and never decays",
    source="an example",
    parameters=(Parameter("weight", 0.4, "", "how a grudge keeps from the table", Belief("normal", 0.4, 0.2)),),
    memories=(Memory("grudge", for_ever),),
    log_rates=(LogRate(("plan", "open", "meet"), refusal),),
    effects=(Effect(("act", "walk_out"), "grudge", insult),),
)
