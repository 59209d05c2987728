"""What is a term? The contract that every theory on the shelf keeps.

A term is a declaration: its parameters, the memory it needs, and formulas that are plain elementwise functions of named
quantities. No formula indexes, loops or branches (``np.where`` aside), so the same function serves a batch of runs and
a compiled loop over one. A formula asks for what it needs by the names of its arguments:

* a parameter of the term, by its name;
* a memory by its name (what the mover holds against the counterpart) or with ``_back`` added (what
  the counterpart holds against the mover);
* one of the quantities in :data:`QUANTITIES`.

Every hook sums (log rates, exponents, utilities) or multiplies (factors), so terms combine in any order, and a term
that is switched off contributes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from negsim.parameters import Belief, Parameter

Formula = Callable[..., Any]

QUANTITIES: Final[dict[str, str]] = {
    "credibility": "the mover's trust in the counterpart, between 0 and 1",
    "credibility_back": "the counterpart's trust in the mover",
    "engagement": "how far the mover is engaged in talks at all, between 0 and 1",
    "ally": "how far allies' dealings ease the mover's own with the counterpart",
    "share_in_force": "share of what the mover could be given that is in force or done",
    "exposure": "publicity of the channel (or of the concession, for a unilateral step)",
    "pain": "need and time without a deal, of a channel",
    "surplus": "mean Nash product over a channel's enabled packages",
    "gate_met": "1 when a channel has active gates and all are met",
    "pressure": "weight of unanswered demands on a side of a channel",
    "restraint": "1 when a restraint that the act would break is in force",
    "audience": "the mover's audience costs",
    "power": "the mover's bargaining power",
    "reservation": "the mover's reservation utility",
    "magnitude": "in effects: worth of the concession to the affected state, how hard an act hits it, else 1",
    "cost": "cost of the concession to its giver",
    "shift": "how far power shifts to the counterpart once a deal is done",
    "irreversibility": "how far giving the concession cannot be taken back",
    "reliability": "how far the channel's intermediary vouches",
    "bias": "leaning of the intermediary towards side 1",
    "season": "seasonal profile of a need, at the last tick",
}
"""What a formula may ask for besides its own parameters and memories."""

SLOTS: Final[dict[str, str]] = {
    "cost_exponent": "added to the exponent on a giver's cost",
    "giver_utility": "added to what giving an item is worth to its giver",
    "benefit_factor": "multiplies what an item is worth to a beneficiary",
    "need_factor": "multiplies need",
    "vouching": "share of doubt that the channel removes",
    "nash_bias": "added to side 1's log-odds of the Nash weight",
    "approval": "added to the log-odds of approval at home",
    "values_weight": "multiplies what domestic groups think of an accord (1 where no term speaks)",
    "ally_scale": "multiplies easing by allies (0 where no term speaks)",
}
"""Places where a term may enter utilities and approval."""

HOWS: Final = ("add", "scale")
"""What an effect does with the number of its formula: adds it to the memory, or multiplies the memory by it."""


@dataclass(frozen=True)
class Memory:
    """What one state remembers of another: a number for each ordered pair of states that decays towards 0.

    Attributes
    ----------
    name : str
        What formulas call it; with ``_back`` added, the same memory of the counterpart about the mover.
    half_life_days : callable
        A formula of the term's own parameters: days in which the number halves.
    start : str or None
        The number of a scenario's ``regard`` that it starts from; without one it starts at 0.
    overdue : callable or None
        A formula of the term's own parameters: how much is added per year while a promise is overdue, for each such
        promise.
    """

    name: str
    half_life_days: Formula
    start: str | None = None
    overdue: Formula | None = None


@dataclass(frozen=True)
class LogRate:
    """A formula added to the logarithm of the rate of some kinds of move.

    Attributes
    ----------
    moves : tuple of str
        Kinds of move, such as ``"open"``.
    formula : callable
        Above 0 it makes them more frequent, below 0 rarer: +0.7 doubles the rate.
    """

    moves: tuple[str, ...]
    formula: Formula


@dataclass(frozen=True)
class Effect:
    """What an event does to a memory of those it affects.

    An act affects those it hits, an event of a concession those to whom it is worth something, what one side of a
    channel does the members of the other, and what both do (plan, open, meet, adjourn, close, agree) each member, about
    the leader of the other side. Raising a demand affects nobody.

    Attributes
    ----------
    events : tuple of str
        Kinds of event, moves or consequences.
    memory : str
        Name of a memory, of this term or of another.
    formula : callable
        The number that is added, or by which the memory is multiplied.
    how : {"add", "scale"}
        Which of the two.
    only : tuple of str or None
        Kinds of concession to which events of concessions are restricted.
    """

    events: tuple[str, ...]
    memory: str
    formula: Formula
    how: str = "add"
    only: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Slot:
    """A formula that enters utilities or approval.

    Attributes
    ----------
    place : str
        Where: one of :data:`SLOTS`.
    formula : callable
        At ``vouching``, ``need_factor``, ``nash_bias``, ``values_weight`` and ``ally_scale`` it may ask for numbers
        only, not for what depends on the state.
    """

    place: str
    formula: Formula


@dataclass(frozen=True)
class Trust:
    """How much one state trusts another, from its memories and its prior mean (``prior`` is the regard's number)."""

    formula: Formula
    prior: str


@dataclass(frozen=True)
class Term:
    """A theory: what it claims, where it comes from, and its formulas.

    Attributes
    ----------
    name : str
        What it is called in scenarios; its parameters have the key paths ``term.NAME.PARAMETER``.
    claim, equation, source : str
        For people: what it says in a sentence, its formulas written out, and who said it first.
    parameters : tuple of Parameter
        Its numbers.
    memories : tuple of Memory
        What it needs states to remember of one another.
    log_rates : tuple of LogRate
        How it changes the rates of moves.
    effects : tuple of Effect
        What events do to memories.
    slots : tuple of Slot
        How it enters utilities and approval.
    trust : Trust or None
        How much states trust each other, if that is what it is a theory of.
    ratifies : bool
        Whether approval at home is in question at all: without any such term every accord is approved.
    """

    name: str
    claim: str
    equation: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    memories: tuple[Memory, ...] = ()
    log_rates: tuple[LogRate, ...] = ()
    effects: tuple[Effect, ...] = ()
    slots: tuple[Slot, ...] = ()
    trust: Trust | None = None
    ratifies: bool = False


def strength(name: str, default: float, meaning: str, sd: float = 0.5, source: str = "judgement") -> Parameter:
    """Declare a strength with a normal prior around its default."""
    return Parameter(name, default, "", meaning, Belief("normal", default, sd), source)


def amount(
    name: str, default: float, meaning: str, unit: str = "", sd: float = 0.5, above_zero: bool = False
) -> Parameter:
    """Declare an amount with a lognormal prior around its default; a stretch of time cannot be 0."""
    belief, lasts = Belief("lognormal", default, sd), unit in ("years", "days")
    return Parameter(name, default, unit, meaning, belief, above_zero=above_zero or lasts)
