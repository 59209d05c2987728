"""How do two arms of paired histories differ? Differences with their errors, and where and through what they part.

Run r of one arm and run r of the other belong together: differences are taken run by run and their errors from their
own spread, which is what common clocks make small. Nothing here runs a history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.calendar import moments
from negsim.compiler import Compiled
from negsim.moves import Event
from negsim.recording import GROUP_COLUMNS
from negsim.results import Ensemble, ResultError
from negsim.state import Array, Flags, Floats, Ints

if TYPE_CHECKING:
    import pandas

Key = tuple[str, ...]
ALL_MOVES: Final = "all moves"
HALF: Final = 0.5
"""Pairs that are taken to differ from the others where none does, for the error."""


@dataclass(frozen=True)
class Outcome:
    """What is compared: how often and when first an event of a kind happens in a window of days."""

    label: str
    counts: Callable[[Event], bool]
    low: float = -np.inf
    high: float = np.inf


@dataclass(frozen=True, eq=False)
class Measured:
    """One outcome in every run: how often, and the day of the first time (infinite: never)."""

    count: Ints
    first: Floats

    @property
    def happened(self) -> Floats:
        """1 where it happened, else 0."""
        return (self.count > 0).astype(float)

    def select(self, runs: Flags) -> Measured:
        """Take some of the runs."""
        return Measured(self.count[runs], self.first[runs])


def measure(ensemble: Ensemble, outcome: Outcome) -> Measured:
    """Count an outcome in every run of an ensemble."""
    run, event, day = recorded(ensemble)
    labels = ensemble.compiled.labels.events
    wanted = np.array([outcome.counts(label) for label in labels])
    kept = wanted[event] & (day >= outcome.low) & (day < outcome.high)
    first = np.full(ensemble.runs, np.inf)
    np.minimum.at(first, run[kept], day[kept])
    return Measured(np.bincount(run[kept], minlength=ensemble.runs), first)


def recorded(ensemble: Ensemble) -> tuple[Ints, Ints, Floats]:
    """Run, number and day of every event."""
    if ensemble.columns is None:
        raise ResultError('events were not recorded: simulate with record=("events",)')
    return ensemble.columns


# -- differences ------------------------------------------------------------------------------------------------------


def compare(without: Measured, changed: Measured, other: Measured | None, effective: float) -> dict[str, float]:
    """Compare one outcome run by run.

    Parameters
    ----------
    without, changed : Measured
        The two arms.
    other : Measured, optional
        The changed arm on independent clocks, with the same numbers run by run: the yardstick of the variance ratios.
    effective : float
        How many independent pairs the runs are worth.

    Returns
    -------
    dict
        ``without``, ``changed``: probabilities; ``difference`` with its standard error ``difference_se``, and the
        share of pairs that ``differ``;
        ``count_without``, ``count_changed``, ``count_difference``, ``count_difference_se``; ``days_later``, the mean
        change of the first date where it happens in both, with ``days_later_se`` and the share of such runs ``both``;
        ``variance_ratio`` (of the single outcome) and ``count_variance_ratio``, with ``..._se``: variance of the
        difference on independent clocks over that on common ones (infinite where common clocks leave none);
        ``independent_se``, what the error of the difference would be on independent clocks. Errors of differences are
        never nothing: where all pairs agree they are taken as if half a pair did not.
    """
    both = (without.count > 0) & (changed.count > 0)
    later = changed.first[both] - without.first[both]
    share = both.mean() * effective if len(both) else 0.0
    row = {
        "without": _average(without.happened),
        "changed": _average(changed.happened),
        **_mean(changed.happened - without.happened, effective, "difference", HALF),
        "differ": _average(changed.happened != without.happened),
        "count_without": _average(without.count),
        "count_changed": _average(changed.count),
        **_mean(changed.count - without.count, effective, "count_difference", HALF),
        "both": _average(both),
        **_mean(later, share, "days_later"),
    }
    if other is not None:
        apart, together = (arm.happened - without.happened for arm in (other, changed))
        row |= {"independent_se": _mean(apart, effective, "x", HALF)["x_se"]}
        row |= variance_ratio(apart, together, "variance_ratio", effective)
        wide, narrow = (arm.count - without.count for arm in (other, changed))
        row |= variance_ratio(wide, narrow, "count_variance_ratio", effective)
    return row


def _average(values: Array) -> float:
    return float(values.mean()) if len(values) else np.nan


def _mean(values: Array, effective: float, name: str, pairs: float = 0.0) -> dict[str, float]:
    """A mean and its standard error, as good as from so many independent values; of equal ones by so many pairs."""
    if len(values) < 2 or effective < 2:
        return {name: _average(values), f"{name}_se": np.nan}
    variance = float(values.var(ddof=1)) or pairs / effective
    return {name: float(values.mean()), f"{name}_se": float(np.sqrt(variance / effective))}


def variance_ratio(independent: Array, common: Array, name: str, effective: float) -> dict[str, float]:
    """Variance on independent clocks over that on common ones, with a standard error.

    The error is taken run by run (delta method): both differences are from the same arm, so their squares vary
    together.
    """
    if len(common) < 2:
        return {name: np.nan, f"{name}_se": np.nan}
    wide, narrow = (float(np.var(values, ddof=1)) for values in (independent, common))
    if narrow == 0.0:
        return {name: np.inf if wide > 0 else np.nan, f"{name}_se": np.nan}
    ratio = wide / narrow
    pulls = (independent - independent.mean()) ** 2 - ratio * (common - common.mean()) ** 2
    return {name: ratio, f"{name}_se": float(pulls.std(ddof=1) / narrow / np.sqrt(effective))}


def compare_kinds(
    without: Ensemble, changed: Ensemble, other: Ensemble | None, effective: float, kept: Flags
) -> pandas.DataFrame:
    """Compare every kind of event that either world has, and the number of all moves (first row), in the runs kept."""
    import pandas as pd

    arms = [arm for arm in (without, changed, other) if arm is not None]
    kinds: dict[Key, None] = {}
    for arm in arms:
        kinds |= dict.fromkeys(kind_of(event) for event in arm.compiled.labels.events)
    rows = []
    for kind in [None, *kinds]:
        outcome = Outcome(ALL_MOVES, _same_kind(kind))
        first, second, *third = (measure(arm, outcome).select(kept) for arm in arms)
        if kind is not None and not any(m.count.any() for m in (first, second)):
            continue
        named = dict(zip(GROUP_COLUMNS, kind or (ALL_MOVES, "", "", "", ""), strict=True))
        rows.append(named | compare(first, second, third[0] if third else None, effective))
    return pd.DataFrame(rows)


def kind_of(event: Event) -> Key:
    """What kind of event it is, as in summaries: packages of a channel together."""
    subject = "" if event.kind == "agree" else event.subject
    return (event.kind, event.actor, event.counterpart, event.channel, subject)


def _same_kind(kind: Key | None) -> Callable[[Event], bool]:
    if kind is None:
        return lambda event: event.kind not in ("delivered", "broken", "lapsed")
    return lambda event: kind_of(event) == kind


# -- where histories part ---------------------------------------------------------------------------------------------

Marks = tuple[Ints, Ints, Floats]
"""Runs, moves and days of events that are the intervention's own."""


@dataclass(frozen=True, eq=False)
class Partings:
    """Where the moves of two arms first come in another order.

    Attributes
    ----------
    day : array, shape (runs,)
        Infinite where they never do.
    kind : list of tuple or None
        Through which kind of event: the first that only one of the two has there.
    only_changed : array of bool
        Whether it is the changed arm that has it.
    shifted : array of bool
        Runs whose moves come in the same order, but not all on the same dates.
    """

    day: Floats
    kind: list[Key | None]
    only_changed: Flags
    shifted: Flags

    def select(self, runs: Flags) -> Partings:
        """Take some of the runs."""
        kind = [kind for kind, taken in zip(self.kind, runs, strict=True) if taken]
        return Partings(self.day[runs], kind, self.only_changed[runs], self.shifted[runs])


def find_partings(without: Ensemble, changed: Ensemble, removed: Marks, forced: Marks) -> Partings:
    """Find where each pair of histories parts, the intervention's own moves left out.

    Moves that only one of the two worlds has, removed rings in the arm without and forced moves in the changed arm are
    the intervention itself; what is looked for is its first consequence. Both marks are in the numbers of the changed
    world, which may have other moves.
    """
    numbers = {event.name: n for n, event in enumerate(_moves(without.compiled))}
    shared = {event.name for event in _moves(changed.compiled)} & numbers.keys()
    there = np.array([numbers.get(event.name, -1) for event in _moves(changed.compiled)], dtype=np.int64)
    first = _sequences(without, numbers, shared, (removed[0], there[removed[1]], removed[2]))
    second = _sequences(changed, numbers, shared, forced)
    runs, events = without.runs, _moves(without.compiled)
    day, only = np.full(runs, np.inf), np.zeros(runs, dtype=bool)
    shifted, kind = np.zeros(runs, dtype=bool), list[Key | None]([None] * runs)
    for run in range(runs):
        (moves_a, days_a), (moves_b, days_b) = first[run], second[run]
        length = min(len(moves_a), len(moves_b))
        same = moves_a[:length] == moves_b[:length]
        place = length if same.all() else int(same.argmin())
        if place == len(moves_a) == len(moves_b):
            shifted[run] = bool((days_a != days_b).any())
            continue
        a, b = (days[place] if place < len(days) else np.inf for days in (days_a, days_b))
        only[run], day[run] = b < a, min(a, b)
        kind[run] = kind_of(events[(moves_b if b < a else moves_a)[place]])
    return Partings(day, kind, only, shifted)


def _moves(compiled: Compiled) -> Sequence[Event]:
    return compiled.labels.events[: compiled.world.moves]


def _sequences(ensemble: Ensemble, numbers: dict[str, int], shared: set[str], own: Marks) -> list[tuple[Ints, Floats]]:
    """Moves and days of every run, in the numbers of one world, without the intervention's own."""
    run, event, day = recorded(ensemble)
    names = [move.name for move in _moves(ensemble.compiled)]
    common = np.array([numbers[name] if name in shared else -1 for name in names], dtype=np.int64)
    drawn = event < len(common)
    run, event, day = run[drawn], event[drawn].astype(np.int64), day[drawn]
    marked = set(zip(*(column.tolist() for column in own), strict=True))
    kept = common[event] >= 0
    if marked:
        told = zip(run.tolist(), event.tolist(), day.tolist(), strict=True)
        kept &= np.array([entry not in marked for entry in told], dtype=bool)
    run, event, day = run[kept], common[event[kept]], day[kept]
    edges = np.searchsorted(run, np.arange(ensemble.runs + 1))
    return [(event[a:b], day[a:b]) for a, b in pairwise(edges)]


def tabulate_partings(partings: Partings, without: Ensemble, effective: float) -> pandas.DataFrame:
    """Through which moves histories part: share of pairs with its standard error, and the middle date.

    Pairs that never part make a row of their own (kind empty), told apart by whether dates shift. Errors are those of
    so many independent pairs.
    """
    import pandas as pd

    rows = []
    keys = [(kind, bool(only)) for kind, only in zip(partings.kind, partings.only_changed, strict=True)]
    parted = {key for key in keys if key[0] is not None}
    for kind, only in sorted(parted, key=lambda key: -keys.count(key)):
        here = np.array([key == (kind, only) for key in keys])
        assert kind is not None
        middle = moments(without.scenario.start, np.array([np.median(partings.day[here])]))[0]
        arm = "changed" if only else "without"
        rows.append(
            {**dict(zip(GROUP_COLUMNS, kind, strict=True)), "only": arm, **_share(here, effective), "date_50": middle}
        )
    never = ~np.isfinite(partings.day)
    for said, here in (("same order, other dates", partings.shifted), ("the same", never & ~partings.shifted)):
        nobody = dict.fromkeys(GROUP_COLUMNS, "")
        rows.append(nobody | {"only": said, **_share(here, effective), "date_50": np.datetime64("NaT")})
    return pd.DataFrame(rows)


def _share(here: Flags, effective: float) -> dict[str, Any]:
    share = float(here.mean())
    variance = share * (1 - share) or HALF / effective
    return {"share": share, "share_se": float(np.sqrt(variance / effective))}
