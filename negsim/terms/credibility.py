"""Whom can one believe? Beta updating of trust by kept and broken promises, with forgetting."""

from negsim.parameters import Belief, Parameter
from negsim.terms.term import Effect, LogRate, Memory, Term, Trust, amount, strength


def trust(prior, prior_weight, kept, broken):  # type: ignore[no-untyped-def]
    """Posterior mean of a Beta belief that the other keeps its word."""
    return (prior * prior_weight + kept) / (prior_weight + kept + broken)


def reputation_cost(reputation, credibility_back):  # type: ignore[no-untyped-def]
    """Log rate of breaking a promise, lowered by a reputation worth keeping."""
    return -reputation * (credibility_back - 0.5)


def half_life(half_life_years):  # type: ignore[no-untyped-def]
    """Half-life of memory in days."""
    return half_life_years * 365.25


def kept_once(kept_weight):  # type: ignore[no-untyped-def]
    """Evidence of one promise kept."""
    return kept_weight


def broken_once(broken_weight):  # type: ignore[no-untyped-def]
    """Evidence of one promise broken."""
    return broken_weight


def act_breaks(broken_act, magnitude):  # type: ignore[no-untyped-def]
    """Evidence in a coercive act."""
    return broken_act * magnitude


def overdue(overdue_per_year):  # type: ignore[no-untyped-def]
    """Evidence a year in a promise overdue."""
    return overdue_per_year


TERM = Term(
    name="credibility",
    claim="Promises kept build trust, promises broken destroy it, and a reputation is worth keeping.",
    equation="cred = (m0 n0 + K)/(n0 + K + B); suspend, stall, renege: - reputation (cred - 1/2)",
    source="Kydd 2000, Trust, Reassurance, and Cooperation, IO 54 (Beta version with forgetting)",
    parameters=(
        Parameter("prior_mean", 0.5, "", "trust before any evidence", Belief("beta", 4.0, 4.0)),
        amount("prior_weight", 4.0, "promises that the prior is worth", above_zero=True),
        amount("half_life_years", 6.0, "half-life of what is remembered", "years"),
        amount("kept_weight", 1.0, "weight of a promise kept"),
        amount("broken_weight", 1.0, "weight of a promise broken"),
        amount("broken_act", 0.3, "weight of a coercive act that hits at 1"),
        amount("overdue_per_year", 0.5, "weight a year of a promise overdue", "per year"),
        strength("reputation", 1.0, "how a good name holds back from breaking promises"),
    ),
    memories=(
        Memory("kept", half_life),
        Memory("broken", half_life, overdue=overdue),
    ),
    log_rates=(LogRate(("suspend", "stall", "renege"), reputation_cost),),
    effects=(
        Effect(("begin", "complete", "delivered"), "kept", kept_once),
        Effect(("suspend", "stall", "renege", "broken"), "broken", broken_once),
        Effect(("act",), "broken", act_breaks),
    ),
    trust=Trust(trust, "credibility"),
)
