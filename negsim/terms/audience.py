"""What does giving cost at home? Resentment makes concessions to the resented dearer."""

from negsim.terms.term import Slot, Term, strength


def exponent(cost_scale, audience, exposure, resentment):  # type: ignore[no-untyped-def]
    """Exponent on the giver's cost."""
    return cost_scale * audience * exposure * resentment


def reluctance(approval, audience, resentment):  # type: ignore[no-untyped-def]
    """Log-odds of approval lost to resentment."""
    return -approval * audience * resentment


TERM = Term(
    name="audience",
    claim="Publics punish leaders who give to those they resent, the more so in public.",
    equation="cost *= exp(cost_scale audience exposure R); approval: - approval audience R",
    source="Fearon 1994, Domestic Political Audiences, APSR 88",
    parameters=(
        strength("cost_scale", 1.0, "how audience costs raise the price of giving"),
        strength("approval", 1.0, "how audience costs lower approval"),
    ),
    slots=(Slot("cost_exponent", exponent), Slot("approval", reluctance)),
)
