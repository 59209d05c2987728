"""When is need greatest? The calendar of a good."""

from negsim.terms.term import Slot, Term, strength


def profile(strength, season):  # type: ignore[no-untyped-def]
    """Factor on need in the month of the last tick."""
    return season**strength


TERM = Term(
    name="season",
    claim="Need follows the year: a lean season makes a good worth more.",
    equation="need *= season(month)^strength",
    source="the case's own claim (A15)",
    parameters=(strength("strength", 1.0, "how far the seasonal profile counts"),),
    slots=(Slot("need_factor", profile),),
)
