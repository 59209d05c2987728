"""When are talks ripe? Pain without a deal and a way out that both can see open channels."""

import numpy as np

from negsim.terms.term import LogRate, Term, amount, strength


def push(theta, pain, surplus, centre):  # type: ignore[no-untyped-def]
    """Log rate of planning and opening."""
    return theta * (pain + np.log1p(surplus) - centre)


TERM = Term(
    name="ripeness",
    claim="Talks are planned and opened when both sides hurt and a deal is in sight.",
    equation="plan, open: + theta (pain + ln(1 + mean surplus) - centre)",
    source="Zartman 1989, Ripe for Resolution; mean over packages as a logsum, McFadden 1978",
    parameters=(
        strength("theta", 1.0, "how strongly pain and a way out open talks"),
        amount("patience_years", 3.0, "time without a deal that hurts", "years"),
        strength("centre", 1.0, "pain and prospects at which rates are the baseline"),
    ),
    log_rates=(LogRate(("plan", "open"), push),),
)
