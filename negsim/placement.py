"""Which dates keep every window and every order? A map from the unit cube onto all of them, with its volume.

Dates are bounded by windows, `low <= t < high`, and by links between pairs, `least <= t_after - t_before <= most`. Such
bounds are a simple temporal network; tightened by shortest paths it is *decomposable* (Dechter, Meiri and Pearl,
Artificial Intelligence 49, 1991): dates can be chosen one after the other, each within what those chosen before leave
it, and the last always finds room. So every point of the unit cube becomes dates that keep all bounds, and all such
dates come from one point each.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np

from negsim.state import Array, Floats, Ints

EDGE: Final = 1e-12
"""Unit coordinates are kept this far from 1, where a date would leave no room for those after it."""
NARROWEST: Final = 1e-9
"""A window narrower than this, in days, is empty."""


@dataclass(frozen=True)
class Link:
    """One date comes after another: at least `least` and at most `most` days later."""

    before: int
    after: int
    least: float = 0.0
    most: float = np.inf
    why: str = ""


@dataclass(frozen=True)
class Conflict:
    """Why no dates keep all bounds.

    Attributes
    ----------
    places : tuple of int
        The dates at odds: those of a circle, in order; or the one without a day left and the one that it must follow.
    circle : bool
        Whether the dates are to come after one another in a circle.
    earliest : float
        Otherwise: the first moment that what goes before leaves for the first of `places`.
    """

    places: tuple[int, ...]
    circle: bool
    earliest: float = np.nan


@dataclass(frozen=True)
class Step:
    """How one date is chosen when some others have been chosen already.

    Attributes
    ----------
    place : int
        Which date.
    floors, floor_gaps : array
        Dates chosen before that can keep it from being early: it comes no sooner than each of them less its gap, in
        days.
    ceilings, ceiling_gaps : array
        Dates chosen before that can keep it from being late: it comes no later than each of them and its gap.
    power : float
        How many dates share its room, itself included, the others after it. The more, the earlier it is placed on
        average, which gives a chain of dates in one window the same volume at every point.
    """

    place: int
    floors: Ints
    floor_gaps: Floats
    ceilings: Ints
    ceiling_gaps: Floats
    power: float


@dataclass(frozen=True, eq=False)
class Placement:
    """Windows and links of some dates, solved.

    Attributes
    ----------
    low, high : array, shape (dates,)
        The windows as the links leave them, in days.
    reach : array, shape (dates, dates)
        ``reach[i, j]``: how much later than date i date j can be at most.
    fixed : array of bool, shape (dates,)
        Dates put at a moment by rule (see :func:`solve`).
    moments : array, shape (dates,)
        The moments of the fixed ones.
    steps : tuple of Step
        The other dates, in the order in which they are chosen: one unit coordinate each.
    log_constant : float
        Log volume of the fixed dates: minus log k! for every day with k of them.
    links : tuple of Link
        The links, with those that the order of listing added.
    """

    low: Floats
    high: Floats
    reach: Floats
    fixed: Array
    moments: Floats
    steps: tuple[Step, ...]
    log_constant: float
    links: tuple[Link, ...]

    @property
    def size(self) -> int:
        """Number of unit coordinates."""
        return len(self.steps)

    @cached_property
    def sequence(self) -> Ints:
        """All dates in an order that no link contradicts (for those that fall on the same moment)."""
        return np.array(_sort_links(len(self.low), self.links, np.arange(len(self.low)))[0], dtype=np.int64)

    def place(self, unit: Floats) -> tuple[Floats, Floats]:
        """Turn points of the unit cube into dates.

        Parameters
        ----------
        unit : array, shape (points, size)

        Returns
        -------
        days : array, shape (points, dates)
        log_volume : array, shape (points,)
            Log of the volume, in days to the power of the number of dates, that the map gives a unit of volume at this
            point: for any function f of the dates, the integral of f over all dates that keep the bounds is the mean
            of ``f * exp(log_volume)`` over the unit cube.
        """
        days = self._begin(len(unit))
        volume = np.full(len(unit), self.log_constant)
        rest = 1.0 - np.clip(unit.T, 0.0, 1.0 - EDGE, order="C")
        for left, bend, step in zip(rest, np.log(rest), self.steps, strict=True):
            floor, room = self._room(days, step)
            days[:, step.place] = floor + room * (1.0 - left ** (1.0 / step.power))
            volume += np.log(room / step.power) + (1.0 / step.power - 1.0) * bend
        return days, volume

    def unplace(self, days: Floats) -> Floats:
        """Turn dates back into the points of the unit cube they come from (what is fixed is not looked at)."""
        given = np.where(self.fixed, self.moments, days)
        unit = np.empty((len(given), self.size))
        for number, step in enumerate(self.steps):
            floor, room = self._room(given, step)
            left = np.clip(1.0 - (given[:, step.place] - floor) / room, 0.0, 1.0)
            unit[:, number] = 1.0 - left**step.power
        return unit

    def _begin(self, points: int) -> Floats:
        days = np.empty((len(self.low), points)).T  # a date's moments stand side by side
        days[:] = np.where(self.fixed, self.moments, np.nan)
        return days

    def _room(self, days: Floats, step: Step) -> tuple[Floats, Floats]:
        """The earliest moment that is left for a date, and how long a stretch from there."""
        floor = np.full(len(days), self.low[step.place])
        ceiling = np.full(len(days), self.high[step.place])
        for place, gap in zip(step.floors.tolist(), step.floor_gaps.tolist(), strict=True):
            np.maximum(floor, days[:, place] - gap, out=floor)
        for place, gap in zip(step.ceilings.tolist(), step.ceiling_gaps.tolist(), strict=True):
            np.minimum(ceiling, days[:, place] + gap, out=ceiling)
        return floor, np.maximum(ceiling - floor, EDGE)


def solve(
    low: Floats, high: Floats, links: Sequence[Link], *, by_rule: bool = True, as_listed: bool = True
) -> Placement:
    """Solve windows and links.

    Parameters
    ----------
    low, high : array, shape (dates,)
        Windows in days, ``low <= t < high``.
    links : sequence of Link
    by_rule : bool
        Whether dates known to the day are put at a moment by rule instead of having a coordinate: the j-th of k dates
        of a day at j / (k + 1) of it, where they would be on average. Hazards hardly change within a day, so the
        integral over the day is the value there times the volume, 1 / k!. Only days whose dates stand in one order can
        have it; the dates of other days keep their coordinates.
    as_listed : bool
        Whether dates of the same day that no link puts in order happened in the order in which they are listed.

    Raises
    ------
    ValueError
        When no dates keep all bounds (:func:`find_conflicts` says why).
    """
    every = tuple(links)
    reach = tighten(low, high, every)
    if as_listed:
        every += _list_order(reach)
        reach = tighten(low, high, every)
    if _is_empty(reach):
        raise ValueError("no dates keep all windows and links")
    size = len(low)
    first, last = -reach[:size, size], reach[size, :size]
    fixed, moments, constant = _fix(reach) if by_rule else (np.zeros(size, dtype=bool), np.zeros(size), 0.0)
    steps = _plan(reach, fixed, every)
    return Placement(first, last, reach[:size, :size], fixed, moments, steps, constant, every)


def tighten(low: Floats, high: Floats, links: Sequence[Link]) -> Floats:
    """Find how far each date can be after each other, by shortest paths (Floyd and Warshall).

    Returns
    -------
    array, shape (dates + 1, dates + 1)
        The last row and column are day 0: ``reach[-1, j]`` is the end of window j, ``-reach[j, -1]`` its beginning.
    """
    size = len(low)
    reach = np.full((size + 1, size + 1), np.inf)
    np.fill_diagonal(reach, 0.0)
    reach[size, :size] = high
    reach[:size, size] = -np.asarray(low)
    for link in links:
        reach[link.after, link.before] = min(reach[link.after, link.before], -link.least)
        reach[link.before, link.after] = min(reach[link.before, link.after], link.most)
    for middle in range(size + 1):
        np.minimum(reach, reach[:, middle, None] + reach[None, middle, :], out=reach)
    return reach


def find_conflicts(low: Floats, high: Floats, links: Sequence[Link]) -> list[Conflict]:
    """Say why no dates keep all bounds; an empty list when some do."""
    _, stuck = _sort_links(len(low), links, np.arange(len(low)))
    if stuck:
        return [Conflict(circle, True) for circle in _find_circles(stuck, links)]
    found = _find_late(np.asarray(low, dtype=float), np.asarray(high, dtype=float), links)
    if not found and _is_empty(tighten(low, high, links)):
        found = _find_far(np.asarray(low, dtype=float), np.asarray(high, dtype=float), links)
    return found


# -- what is possible ------------------------------------------------------------------------------------------------


def _is_empty(reach: Floats) -> bool:
    """Whether some date has no room, or two have none between them."""
    slack = reach + reach.T
    np.fill_diagonal(slack, np.inf)
    return bool((slack <= NARROWEST).any() or (np.diag(reach) < 0).any())


def _sort_links(size: int, links: Sequence[Link], rank: Ints) -> tuple[list[int], set[int]]:
    """Put dates in an order that the links allow, low rank first; and those that are left over in circles."""
    after: list[list[int]] = [[] for _ in range(size)]
    waits = np.zeros(size, dtype=np.int64)
    for link in links:
        after[link.before].append(link.after)
        waits[link.after] += 1
    ready = sorted(np.flatnonzero(waits == 0).tolist(), key=lambda place: rank[place])
    order = []
    while ready:
        place = ready.pop(0)
        order.append(place)
        for follower in after[place]:
            waits[follower] -= 1
            if waits[follower] == 0:
                ready.append(follower)
        ready.sort(key=lambda place: rank[place])
    return order, set(range(size)) - set(order)


def _find_circles(stuck: set[int], links: Sequence[Link]) -> list[tuple[int, ...]]:
    """One circle through each knot of dates that wait for one another."""
    before = {place: [link.before for link in links if link.after == place and link.before in stuck] for place in stuck}
    circles, seen = [], set[int]()
    for start in sorted(stuck):
        walked: list[int] = []
        place = start
        while place not in walked and place not in seen and before[place]:
            walked.append(place)
            place = before[place][0]
        if place in walked:
            circle = walked[walked.index(place) :][::-1]
            first = circle.index(min(circle))
            circles.append((*circle[first:], *circle[:first]))
        seen |= set(walked)
    return circles


def _find_late(low: Floats, high: Floats, links: Sequence[Link]) -> list[Conflict]:
    """Dates whose window is over before what they must follow can have happened."""
    order, _ = _sort_links(len(low), links, np.arange(len(low)))
    earliest, because, found = low.copy(), dict[int, int](), []
    for place in order:
        for link in links:
            if link.after == place and earliest[link.before] + link.least > earliest[place]:
                earliest[place] = earliest[link.before] + link.least
                because[place] = link.before
        if earliest[place] >= high[place] - NARROWEST:
            found.append(Conflict((place, because.get(place, place)), False, float(earliest[place])))
            earliest[place] = low[place]  # what follows is judged as if this had its own window
    return found


def _find_far(low: Floats, high: Floats, links: Sequence[Link]) -> list[Conflict]:
    """Dates too far after what they must follow soon: the first link without which the rest has room."""
    for number, link in enumerate(links):
        if np.isfinite(link.most):
            others = [*links[:number], Link(link.before, link.after, link.least), *links[number + 1 :]]
            if not _is_empty(tighten(low, high, others)):
                return [Conflict((link.after, link.before), False, float(low[link.after]))]
    last = next(link for link in links if np.isfinite(link.most))
    return [Conflict((last.after, last.before), False, float(low[last.after]))]


# -- days --------------------------------------------------------------------------------------------------------------


def _days_shared(reach: Floats) -> list[Ints]:
    """Groups of dates known to the same day."""
    size = len(reach) - 1
    low, high = -reach[:size, size], reach[size, :size]
    whole = (np.abs(high - low - 1.0) < NARROWEST) & (np.abs(low - np.round(low)) < NARROWEST)
    day = np.round(low).astype(np.int64)
    return [np.flatnonzero(whole & (day == number)) for number in np.unique(day[whole])]


def _list_order(reach: Floats) -> tuple[Link, ...]:
    """Links between dates of the same day, in the order of listing as far as other links allow it."""
    added = []
    for group in _days_shared(reach):
        known = [
            Link(a, b) for a, i in enumerate(group) for b, j in enumerate(group) if i != j and reach[j, i] <= NARROWEST
        ]
        order, _ = _sort_links(len(group), known, np.arange(len(group)))
        places = group[order].tolist()
        added += [Link(a, b, why="listed in this order") for a, b in pairwise(places)]
    return tuple(added)


def _fix(reach: Floats) -> tuple[Array, Floats, float]:
    """Put dates known to the day at moments by rule, where their day is in one order and all bounds are kept."""
    size = len(reach) - 1
    fixed, moments = np.zeros(size, dtype=bool), np.zeros(size)
    groups = [group for group in _days_shared(reach) if _is_chain(reach, group)]
    for group in groups:
        before = (reach[np.ix_(group, group)] <= NARROWEST).sum(axis=1) - 1
        moments[group] = np.round(-reach[group, size]) + (before + 1) / (len(group) + 1)
        fixed[group] = True
    for group in groups:
        if not _keeps(reach, fixed, moments, group):
            fixed[group] = False
    shared = [len(group) for group in groups if fixed[group].all()]
    constant = -float(sum(math.lgamma(count + 1) for count in shared))
    return fixed, moments, constant


def _is_chain(reach: Floats, group: Ints) -> bool:
    """Whether the dates of a day stand in one order, and no more than an order binds them."""
    inner = reach[np.ix_(group, group)]
    return bool(((inner <= NARROWEST) | (inner.T <= NARROWEST)).all() and (inner >= -NARROWEST).all())


def _keeps(reach: Floats, fixed: Array, moments: Floats, group: Ints) -> bool:
    """Whether the moments of a day keep their distances to those of all other days."""
    others = np.flatnonzero(fixed)
    later = moments[others][None, :] - moments[group][:, None]
    return bool(
        (later <= reach[np.ix_(group, others)] + NARROWEST).all()
        and (-later <= reach[np.ix_(others, group)].T + NARROWEST).all()
    )


# -- one after the other -----------------------------------------------------------------------------------------------


def _plan(reach: Floats, fixed: Array, links: Sequence[Link]) -> tuple[Step, ...]:
    """Decide in which order dates are chosen, and which of the earlier ones can bind each."""
    size = len(fixed)
    low, high = -reach[:size, size], reach[size, :size]
    rank = np.argsort(np.lexsort((np.arange(size), low)))
    free = [place for place in _sort_links(size, links, rank)[0] if not fixed[place]]
    chosen = np.flatnonzero(fixed).tolist()
    steps = []
    for number, place in enumerate(free):
        known = np.array(chosen + free[:number], dtype=np.int64)
        floors = known[high[known] - reach[place, known] > low[place] + NARROWEST]
        ceilings = known[low[known] + reach[known, place] < high[place] - NARROWEST]
        power = 1.0 + _count_followers(reach, place, np.array(free[number + 1 :], dtype=np.int64), ceilings)
        steps.append(Step(place, floors, reach[place, floors], ceilings, reach[ceilings, place], power))
    return tuple(steps)


def _count_followers(reach: Floats, place: int, later: Ints, ceilings: Ints) -> int:
    """How many dates follow this one in the same room.

    The first of k dates in one window is the smallest of k uniform ones, so its coordinate is bent to the power 1 / k:
    then the volume of a chain, w ** k / k!, is the same at every point. A date that must come soon after this one, or
    one that may come later than the ceiling of this one, leaves its room as it is.
    """
    size = len(reach) - 1
    same = np.abs(reach[later, size] - reach[place, size]) + np.abs(reach[size, later] - reach[size, place]) < NARROWEST
    follows = same & (np.abs(reach[later, place]) < NARROWEST)
    width = reach[size, place] + reach[place, size]
    shares = (np.abs(reach[np.ix_(ceilings, later)] - reach[ceilings, place][:, None]) < NARROWEST).all(axis=0)
    return int((follows & shares & (reach[place, later] > width - NARROWEST)).sum())


def read_points(name: str, given: Any, columns: int) -> Floats:
    """Read numbers, shape (points, columns).

    Raises
    ------
    TypeError, ValueError
        For what is no array of numbers, or of another shape; naming the argument.
    """
    try:
        found = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be numbers, shape (points, {columns}), not {reprlib.repr(given)}") from None
    if found.ndim != 2 or found.shape[1] != columns:
        raise ValueError(f"{name} has the shape {found.shape}; it must be (points, {columns})")
    return found
