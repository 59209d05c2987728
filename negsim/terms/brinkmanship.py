"""When does an actor turn to coercion? When it gets little, is bound by nothing and talks to nobody."""

from negsim.terms.term import LogRate, Term, strength


def temptation(isolation, restraint_weight, engagement_weight, share_in_force, restraint, engagement):  # type: ignore[no-untyped-def]
    """Log rate of a coercive act."""
    return isolation * (0.5 - share_in_force) - restraint_weight * restraint - engagement_weight * engagement


TERM = Term(
    name="brinkmanship",
    claim="Those who get nothing and talk to nobody raise the risk; a promise of restraint holds them back.",
    equation="act: + isolation (1/2 - share in force) - restraint_weight [restraint] - engagement_weight engagement",
    source="Schelling 1960, The Strategy of Conflict, ch. 8",
    parameters=(
        strength("isolation", 1.0, "how isolation tempts"),
        strength("restraint_weight", 2.0, "how far a restraint in force holds back"),
        strength("engagement_weight", 1.0, "how far talks hold back"),
    ),
    log_rates=(LogRate(("act",), temptation),),
)
