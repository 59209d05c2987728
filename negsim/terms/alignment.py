"""Do allies' dealings pave the way? An ally's engagement makes one's own cheaper."""

from negsim.terms.term import Slot, Term, strength


def weight(scale):  # type: ignore[no-untyped-def]
    """Weight of allies' engagement."""
    return scale


def easing(ally):  # type: ignore[no-untyped-def]
    """Exponent on the giver's cost, lowered by allies' dealings."""
    return -ally


TERM = Term(
    name="alignment",
    claim="It is easier to deal with an adversary while one's allies deal with it.",
    equation="ally_ij = scale alignment_i sum_a A_ia n_aj/(1 + n_aj); cost *= exp(-ally)",
    source="the case's own claim (A40); cf. Snyder 1997, Alliance Politics",
    parameters=(strength("scale", 1.0, "how allies' dealings ease one's own"),),
    slots=(Slot("ally_scale", weight), Slot("cost_exponent", easing)),
)
