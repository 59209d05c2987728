"""What is a parameter? Each is declared once: name, unit, meaning, default, prior and source.

Terms declare theirs beside their formulas; the baseline rates that every scenario starts from are declared here.
Priors, sweeps, sliders, the documentation and ``--set`` all read these declarations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Belief:
    """A prior, by family and its two numbers on a scale a person can judge.

    ``normal``: mean and standard deviation; ``lognormal``: median and standard deviation of the logarithm;
    ``beta`` and ``gamma``: a and b (gamma: shape and rate); ``uniform``: low and high.
    """

    family: str
    first: float
    second: float


@dataclass(frozen=True)
class Parameter:
    """One number of the model, declared.

    Attributes
    ----------
    name : str
        Last part of its key path.
    default : float
        Value where a scenario gives none.
    unit : str
        Unit, or ``""`` for a pure number.
    meaning : str
        One line for a person.
    belief : Belief
        What is thought of it before any data.
    source : str
        Where the number comes from; ``judgement`` where nowhere else.
    above_zero : bool
        Whether an amount (of a lognormal or gamma belief) may not be 0 either: a stretch of time, what is divided by.
    """

    name: str
    default: float
    unit: str
    meaning: str
    belief: Belief
    source: str = "judgement"
    above_zero: bool = False

    def refuse(self, value: float) -> str | None:
        """Say in words what may stand there if a value may not; what is believed of it tells which values there are."""
        if self.belief.family == "beta":
            return None if 0 <= value <= 1 else "a number from 0 to 1"
        if self.belief.family not in ("lognormal", "gamma"):
            return None
        if self.above_zero:
            return None if value > 0 else "a number above 0"
        return None if value >= 0 else "a number of at least 0"


def rate(name: str, default: float, meaning: str, sd: float = 0.7) -> Parameter:
    """Declare a baseline rate per year with a lognormal prior around its default."""
    return Parameter(name, default, "per year", meaning, Belief("lognormal", default, sd))


RATES: Final[dict[str, Parameter]] = {
    declared.name: declared
    for declared in (
        rate("plan", 0.5, "a series of talks is planned"),
        rate("open", 2.0, "a planned series begins"),
        rate("meet", 4.0, "an open series goes into session"),
        rate("adjourn", 60.0, "a session ends"),
        rate("close", 0.3, "a series ends without rancour"),
        rate("agree", 12.0, "a package is tabled, while in session"),
        rate("cancel", 0.2, "a side drops planned talks"),
        rate("walk_out", 0.1, "a side breaks off a series"),
        rate("raise", 0.3, "a demand is raised while the channel is open"),
        rate("act", 0.3, "a coercive act"),
        rate("pledge", 0.3, "a unilateral promise, were it certain to be worth it"),
        rate("begin", 4.0, "a promise is carried out, were it certain to be worth it"),
        rate("suspend", 0.2, "a flow is suspended"),
        rate("stall", 0.5, "a process is stalled"),
        rate("resume", 0.5, "a suspended concession is resumed, were it certain to be worth it"),
        rate("complete", 0.5, "a process comes to its result"),
        rate("withdraw", 0.1, "a restraint is given up"),
        rate("renege", 0.1, "a promise is taken back"),
        rate("freeze", 0.05, "a concession is frozen"),
        rate("lift", 0.5, "a freeze is lifted, were it certain to be worth it"),
    )
}
"""Baseline rate of each kind of move; a scenario's ``rates`` override them."""
