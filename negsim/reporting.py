"""What would a source have told, had it happened? Rules for moves, with a probability each.

A rule names moves by their address, with ``*`` for whatever is there: ``open:*:official:*`` is every opening of the
channel `official`. Of several rules that fit, the first decides. What no rule names was not watched: it is not
reported, and silence about it says nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from negsim.calendar import day_number
from negsim.compiler import Compiled
from negsim.history import Coverage
from negsim.state import Floats


@dataclass(frozen=True)
class Rule:
    """How likely a source was to report some moves, over some time.

    Attributes
    ----------
    moves : tuple of str
        Addresses, ``*`` for whatever is there.
    probability : float
        Probability d of being reported.
    first, last : date or None
        First and last day of the rule (None: of the observation).
    basis : str
        Where it comes from.
    """

    moves: tuple[str, ...]
    probability: float = 1.0
    first: dt.date | None = None
    last: dt.date | None = None
    basis: str = ""

    def fits(self, move: str) -> bool:
        """Whether the rule speaks of a move."""
        return any(fnmatchcase(move, pattern) for pattern in self.moves)


@dataclass(frozen=True)
class Reporting:
    """What a source would have reported: rules, of which the first that fits decides."""

    rules: tuple[Rule, ...]

    def compile(
        self, compiled: Compiled, window: tuple[float, float], accounted: Sequence[tuple[str, float, float]] = ()
    ) -> Coverage:
        """Turn the rules into what :func:`negsim.replay` takes.

        Parameters
        ----------
        compiled : Compiled
        window : (float, float)
            Begin and end of the observation, in days; nothing is reported outside.
        accounted : sequence of (address, begin, end)
            Moves that are accounted for whatever the source says, and between which days (those that a chronology
            implies, in their windows): their hazards count in full.
        """
        names = compiled.labels.addresses
        own = self.edges(compiled.scenario.start, window)
        edges = np.unique(np.concatenate((own, [day for _, *days in accounted for day in days]))).clip(*window)
        middles = (edges[:-1] + edges[1:]) / 2
        every = np.stack([self.probabilities(compiled.scenario.start, name, middles) for name in names])
        for name, low, high in accounted:
            every[names.index(name), (middles > low) & (middles < high)] = 1.0
        shares, profile = np.unique(every, axis=0, return_inverse=True)
        return Coverage(profile.ravel(), edges, shares)

    def edges(self, start: dt.date, window: tuple[float, float]) -> Floats:
        """Days between which reporting is constant: the window's ends and the rules' within it."""
        days = [day for rule in self.rules for day in _ends(rule, start) if window[0] < day < window[1]]
        return np.unique(np.array([*window, *days], dtype=float))

    def probabilities(self, start: dt.date, move: str, days: Floats) -> Floats:
        """Probability that a move would have been reported on some days (from the start of the scenario)."""
        found = np.zeros(len(days))
        for rule in reversed([rule for rule in self.rules if rule.fits(move)]):
            first, last = _ends(rule, start)
            found[(days >= first) & (days < last)] = rule.probability
        return found


EVERYTHING = Reporting((Rule(("*",), basis="everything is reported"),))
"""A source that misses nothing."""


def _ends(rule: Rule, start: dt.date) -> tuple[float, float]:
    first = -np.inf if rule.first is None else day_number(start, rule.first)
    last = np.inf if rule.last is None else day_number(start, rule.last) + 1.0
    return first, last


def idle_rules(rules: Sequence[Rule], moves: Iterable[str]) -> list[tuple[int, str]]:
    """Patterns that name no move of a scenario: (number of the rule, pattern)."""
    names = list(moves)
    return [
        (number, pattern)
        for number, rule in enumerate(rules)
        for pattern in rule.moves
        if not any(fnmatchcase(name, pattern) for name in names)
    ]
