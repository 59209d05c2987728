"""How is a slot of the parameters computed from numbers? Formulas over columns of numbers, one row for each entry.

Several terms may speak to one slot. Their formulas stand one after the other, each with its share of the columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from negsim.numbers import Paths
from negsim.state import Floats
from negsim.terms.term import Formula
from negsim.vocabulary import DAYS_PER_YEAR, EXPONENT_LIMIT

Parts = tuple[tuple[Formula, int], ...]
"""Formulas, each with the number of columns it takes."""


@dataclass
class Gathered:
    """Formulas gathered from terms, and the columns of their arguments one after the other."""

    columns: list[Paths] = field(default_factory=list)
    formulas: list[tuple[Formula, int]] = field(default_factory=list)

    def add(self, formula: Formula, columns: Sequence[Paths]) -> None:
        """Add a formula with its columns."""
        self.columns += columns
        self.formulas.append((formula, len(columns)))

    @property
    def parts(self) -> Parts:
        """The formulas, as the classes below take them."""
        return tuple(self.formulas)


def _results(parts: Parts, columns: Sequence[Floats]) -> Iterator[Floats]:
    """Call each formula with its share of the columns."""
    start = 0
    for formula, count in parts:
        yield np.atleast_1d(formula(*columns[start : start + count]))  # a formula may be a constant
        start += count


def _stack(rows: Sequence[Any], width: int) -> Floats:
    """Stack single rows, each one value or one for each column of the batch."""
    stacked = np.empty((len(rows), width))
    for number, row in enumerate(rows):
        stacked[number : number + 1] = row
    return stacked


# -- of one number ----------------------------------------------------------------------------------------------------


def unchanged(value: Floats) -> Floats:
    """The value itself."""
    return value


def per_day(rate_per_year: Floats) -> Floats:
    """Rate per day."""
    return rate_per_year / DAYS_PER_YEAR


def days(years: Floats) -> Floats:
    """Years in days."""
    return years * DAYS_PER_YEAR


def doubt(vouching: Floats) -> Floats:
    """Share of doubt that a channel leaves."""
    return np.maximum(0.0, 1.0 - vouching)


# -- of several terms -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Total:
    """The sum of what terms contribute to a first column of zeros, finished by a formula."""

    parts: Parts
    finish: Callable[[Any], Any]

    def __call__(self, zero: Floats, *columns: Floats) -> Any:
        """Add up, then finish."""
        return self.finish(sum(_results(self.parts, columns), zero))


@dataclass(frozen=True)
class Product:
    """The product of what terms contribute with a first column."""

    parts: Parts

    def __call__(self, one: Floats, *columns: Floats) -> Any:
        """Multiply up."""
        return math.prod(_results(self.parts, columns), start=one)


@dataclass(frozen=True)
class Decays:
    """Rates of decay per day: memories by their formulas, stocks by their half-lives, one for the last row.

    The last row catches what concerns nobody; any rate will do that keeps it finite.
    """

    parts: Parts
    stocks: int

    def __call__(self, *columns: Floats) -> Any:
        """Half-lives to rates; shape ``(rows, width)``."""
        memories = len(columns) - self.stocks
        halves = [*_results(self.parts, columns[:memories]), *columns[memories:]]
        width = max((half.shape[-1] for half in halves), default=1)
        return _stack([*(math.log(2) / half for half in halves), 1.0], width)


@dataclass(frozen=True)
class Overdue:
    """What a promise overdue adds to a memory per day: nothing where it is worth nothing to the holder."""

    parts: Parts

    def __call__(self, *columns: Floats) -> Any:
        """Rates per year to amounts per day; shape ``(rows, width)``."""
        *arguments, worth = columns
        rates = list(_results(self.parts, arguments))
        width = max([worth.shape[-1], *(rate.shape[-1] for rate in rates)])
        return _stack(rates, width) / DAYS_PER_YEAR * (worth > 0)


@dataclass(frozen=True)
class NashWeight:
    """Weight of side 1: logistic of the log ratio of powers and what terms add (model, section 6)."""

    parts: Parts

    def __call__(self, first: Floats, second: Floats, *columns: Floats) -> Any:
        """Weigh two powers; shape ``(packages, width)``."""
        odds = sum(_results(self.parts, columns), np.log(first / second))
        return 1.0 / (1.0 + np.exp(-np.clip(odds, -EXPONENT_LIMIT, EXPONENT_LIMIT)))


@dataclass(frozen=True)
class AllyWeight:
    """Weight of an ally's dealings: the alignment's, times the actor's own, times what terms make of it."""

    parts: Parts

    def __call__(self, weight: Floats, own: Floats, *columns: Floats) -> Any:
        """Weigh each ally; shape ``(easings, width)``."""
        return sum(_results(self.parts, columns), 0.0 * weight) * own * weight


@dataclass(frozen=True)
class GroupValues:
    """What domestic groups think of an item: the sum of weight times value, times what terms make of it."""

    groups: int
    parts: Parts

    def __call__(self, *columns: Floats) -> Any:
        """Columns: weight and value of each group, those of the terms, zeros."""
        *columns_, total = columns
        for group in range(self.groups):
            total = total + columns_[2 * group] * columns_[2 * group + 1]
        return math.prod(_results(self.parts, columns_[2 * self.groups :]), start=total)


@dataclass(frozen=True)
class Shares:
    """Positive worths as shares of each state's whole."""

    owner: tuple[int, ...]
    states: int

    def __call__(self, worth: Floats) -> Any:
        """Divide each worth by its owner's whole."""
        positive = np.maximum(worth, 0.0)
        total = np.zeros((self.states, worth.shape[-1]))
        for row, owner in enumerate(self.owner):
            total[owner] += positive[row]
        whole = total[list(self.owner)]
        return positive / np.where(whole > 0, whole, 1.0)


@dataclass(frozen=True)
class EffectAmounts:
    """Amounts of effects: a neutral one first, then each by its formula, neutral where the magnitude is nothing."""

    neutral: float
    parts: Parts

    def __call__(self, *columns: Floats) -> Any:
        """Columns: for each amount those of its formula and its magnitude; then one that no formula takes."""
        width = max(column.shape[-1] for column in columns)
        rows = [np.asarray(self.neutral)]
        start = 0
        for formula, count in self.parts:
            amount, magnitude = formula(*columns[start : start + count]), columns[start + count]
            rows.append(np.where(magnitude > 0, amount, self.neutral))
            start += count + 1
        return _stack(rows, width)
