"""Will it pass at home? Approval by domestic groups: the win-set of the second level."""

from negsim.terms.term import Slot, Term, strength


def weight(strength):  # type: ignore[no-untyped-def]
    """Weight of the groups' values in the log-odds of approval."""
    return strength


TERM = Term(
    name="ratification",
    claim="An accord must pass at home; what groups there think of it decides, and takes time.",
    equation="p = logistic(strength sum_g weight_g value_g(P) - threshold - audience R)",
    source="Putnam 1988, Diplomacy and Domestic Politics, IO 42; Iida 1996, Public Choice 89",
    parameters=(strength("strength", 1.0, "how strongly the groups' values decide"),),
    slots=(Slot("values_weight", weight),),
    ratifies=True,
)
