"""What does a change make of paired histories? Two arms side by side: outcomes, kinds of event, where they part."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from negsim.arms import Arm
from negsim.calendar import day_number
from negsim.interventions import Intervention, Watch, match_kind
from negsim.pairs import Measured, Outcome, Partings, compare, compare_kinds, find_partings, measure, tabulate_partings
from negsim.results import ResultError
from negsim.state import Flags

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """One product of a what-if question.

    Attributes
    ----------
    question : Intervention
    without, changed : Arm
        Run r of the one belongs to run r of the other.
    other : Arm
        The changed arm under another coupling: on independent clocks (the yardstick of the variance ratios), or with
        fresh clocks from where a history parts.
    coupling : str
        What the other coupling is.
    effective : float
        How many independent pairs the runs are worth.
    numbers : str
        Where the parameters are from.
    given : str or None
        What happened, in retrospect.
    """

    question: Intervention
    without: Arm
    changed: Arm
    other: Arm
    coupling: str
    effective: float
    numbers: str
    given: str | None = None

    def __repr__(self) -> str:
        given = f" given {self.given}" if self.given else ""
        return f"Comparison({self.question.name!r}: {self.runs:,} pairs of histories{given})"

    @property
    def runs(self) -> int:
        """Number of pairs."""
        return self.without.ensemble.runs

    @cached_property
    def kept(self) -> Flags:
        """Pairs that are compared: those of which no arm exploded."""
        kept = np.ones(self.runs, dtype=bool)
        for arm in (self.without, self.changed, self.other):
            kept[arm.ensemble.stopped[0]] = False
        if not kept.any():
            raise ResultError("every pair of histories exploded: the parameters are explosive")
        return kept

    @property
    def worth(self) -> float:
        """How many independent pairs those that are kept are worth."""
        return self.effective * float(self.kept.mean())

    @cached_property
    def partings(self) -> Partings:
        """Where each pair that is kept parts."""
        removed, forced = self.changed.log.table("removed"), self.changed.log.table("forced")
        return find_partings(self.without.ensemble, self.changed.ensemble, removed, forced).select(self.kept)

    def through(self) -> pandas.DataFrame:
        """Through which moves the pairs part (see :func:`negsim.pairs.tabulate_partings`)."""
        return tabulate_partings(self.partings, self.without.ensemble, self.worth)

    @property
    def outcomes(self) -> pandas.DataFrame:
        """The watched outcomes, with and without the change, in a table of your own."""
        return self._outcomes.copy()

    @property
    def kinds(self) -> pandas.DataFrame:
        """Every kind of event, with and without the change, in a table of your own; the number of all moves first."""
        return self._kinds.copy()

    @cached_property
    def _outcomes(self) -> pandas.DataFrame:
        import pandas as pd

        return pd.DataFrame([{"outcome": watch.label, **self._compare(watch)} for watch in self.question.watch])

    @cached_property
    def _kinds(self) -> pandas.DataFrame:
        yardstick = self.other.ensemble if self.given is None else None
        return compare_kinds(self.without.ensemble, self.changed.ensemble, yardstick, self.worth, self.kept)

    def summary(self) -> pandas.DataFrame:
        """Outcomes and kinds in one table."""
        import pandas as pd

        tables = [table for table in (self._outcomes, self._kinds) if len(table)]
        return pd.concat(tables, ignore_index=True)

    def watched(self, watch: Watch) -> Outcome:
        """A watched outcome in days."""
        start: dt.date = self.without.ensemble.scenario.start
        low = float("-inf") if watch.from_ is None else day_number(start, watch.from_)
        high = float("inf") if watch.by is None else day_number(start, watch.by) + 1.0
        return Outcome(watch.label, lambda event: match_kind(watch.event, event), low, high)

    def _compare(self, watch: Watch) -> dict[str, Any]:
        outcome = self.watched(watch)
        arms = (self.without, self.changed, self.other)
        first, second, third = (measure(arm.ensemble, outcome).select(self.kept) for arm in arms)
        if self.given is None:
            return compare(first, second, third, self.worth) | self._compare_concerned(first, second)
        beside = compare(first, third, None, self.worth)
        named = {"other": beside["changed"], "other_difference": beside["difference"]}
        return compare(first, second, None, self.worth) | named | {"other_difference_se": beside["difference_se"]}

    def _compare_concerned(self, without: Measured, changed: Measured) -> dict[str, float]:
        """The difference among the pairs in which the intervention found something to do."""
        here = self.concerned[self.kept]
        few = compare(without.select(here), changed.select(here), None, self.worth * here.mean())
        return {
            "concerned": float(here.mean()),
            "difference_concerned": few["difference"],
            "difference_concerned_se": few["difference_se"],
        }

    @cached_property
    def concerned(self) -> Flags:
        """Runs in which the intervention found something to do (all, where numbers or parts are others)."""
        if self.question.is_structural or self.question.number:
            return np.ones(self.runs, dtype=bool)
        found = np.zeros(self.runs, dtype=bool)
        for what in ("removed", "forced", "held"):
            found[self.changed.log.table(what)[0]] = True
        return found
