"""Where does a formula find what it asks for? Tables from the names of arguments to key paths and to rows.

The names are those of :data:`negsim.terms.term.QUANTITIES`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from negsim.layout.rows import Rows
from negsim.terms.term import Formula


@dataclass(frozen=True)
class About:
    """What one row of a formula is about, by names; empty where it is about nothing of the kind."""

    actor: str = ""
    counterpart: str = ""
    channel: str = ""
    side: int = -1
    concession: str = ""
    act: str = ""
    need: tuple[str, str] = ("", "")
    month: int = -1
    magnitude: str = "=0"
    """Key path."""


def argument_names(formula: Formula) -> list[str]:
    """List the names of a formula's arguments, in order."""
    return list(inspect.signature(formula).parameters)


def _exposure(rows: Rows, about: About) -> str:
    if about.channel:
        return f"channel.{about.channel}.exposure"
    return f"concession.{about.concession}.exposure" if about.concession else "=1"


def _season(rows: Rows, about: About) -> str:
    good, state = about.need
    return f"good.{good}.need.{state}.season.{about.month}"


NUMBERS: Final[dict[str, Callable[[Rows, About], str]]] = {
    "magnitude": lambda rows, about: about.magnitude,
    "exposure": _exposure,
    "audience": lambda rows, about: f"actor.{about.actor}.audience",
    "power": lambda rows, about: f"actor.{about.actor}.power",
    "reservation": lambda rows, about: f"actor.{about.actor}.reservation",
    "cost": lambda rows, about: f"concession.{about.concession}.cost",
    "irreversibility": lambda rows, about: f"concession.{about.concession}.irreversibility",
    "shift": lambda rows, about: rows.regard_path(about.actor, about.counterpart, "shift", "=0"),
    "reliability": lambda rows, about: f"channel.{about.channel}.reliability" if about.channel else "=0",
    "bias": lambda rows, about: f"channel.{about.channel}.bias",
    "season": _season,
}
"""Arguments that are numbers of the scenario: their key paths."""

QUANTITIES: Final[dict[str, tuple[str, Callable[[Rows, About], int]]]] = {
    "credibility": ("credibility", lambda rows, about: rows.pair[about.actor, about.counterpart]),
    "credibility_back": ("credibility", lambda rows, about: rows.pair[about.counterpart, about.actor]),
    "engagement": ("engagement", lambda rows, about: rows.state[about.actor]),
    "share_in_force": ("share_in_force", lambda rows, about: rows.state[about.actor]),
    "pain": ("pain", lambda rows, about: rows.channel[about.channel]),
    "surplus": ("surplus", lambda rows, about: rows.channel[about.channel]),
    "gate_met": ("gate_met", lambda rows, about: rows.channel[about.channel]),
    "pressure": ("pressure", lambda rows, about: 2 * rows.channel[about.channel] + about.side),
    "restraint": ("restraint", lambda rows, about: rows.act[about.act]),
}
"""Arguments that depend on the state: the kernel's quantity and the row in it (easing by allies: see the sheet)."""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("audience", "power", "reservation", "engagement", "share_in_force"), ("actor",)),
    **dict.fromkeys(("credibility", "credibility_back", "ally", "shift"), ("actor", "counterpart")),
    **dict.fromkeys(("pain", "surplus", "gate_met", "bias"), ("channel",)),
    **dict.fromkeys(("cost", "irreversibility"), ("concession",)),
    "pressure": ("channel", "side"),
    "restraint": ("act",),
    "season": ("need",),
}
"""What the formula must be about for an argument to have a meaning; of the others there is always one."""

_WORDS: Final = {"actor": "a mover", "side": "one side of a channel", "act": "a coercive act"}


def find_lack(name: str, about: About, *, memory: bool) -> str | None:
    """Say what a formula is not about although an argument (a memory: what one holds against another) needs it."""
    needs = ("actor", "counterpart") if memory else NEEDS.get(name, ())
    empty = About()
    lack = next((need for need in needs if getattr(about, need) == getattr(empty, need)), None)
    return lack and _WORDS.get(lack, f"a {lack}")
