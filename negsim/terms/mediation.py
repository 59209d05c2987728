"""What does an intermediary change? It vouches for promises, and may lean to a side."""

from negsim.terms.term import Slot, Term, strength


def vouching(strength, reliability):  # type: ignore[no-untyped-def]
    """Share of doubt that the intermediary removes."""
    return strength * reliability


def leaning(strength_bias, bias):  # type: ignore[no-untyped-def]
    """Log-odds of side 1's Nash weight."""
    return strength_bias * bias


TERM = Term(
    name="mediation",
    claim="Promises made through a trusted hand are believed more; a biased hand tilts the deal.",
    equation="cred -> 1 - (1 - cred)(1 - strength reliability); ln(w/(1-w)) += strength_bias bias",
    source="Buzard & Horne 2019, Inefficient Concessions and Mediation; Kydd 2003, AJPS 47",
    parameters=(
        strength("strength", 1.0, "how far the intermediary's vouching counts"),
        strength("strength_bias", 1.0, "how far its leaning counts"),
    ),
    slots=(Slot("vouching", vouching), Slot("nash_bias", leaning)),
)
