"""Are the compiled engine's exponentials and logarithms numpy's, to the last bits?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from negsim.scalar import exponentials

LAST_BITS = 8e-16
"""Relative error allowed: a few units in the last place."""


def compile_each(name: str) -> Callable[[Any], Any]:
    """A scalar function over all numbers of an array, compiled without what may be reordered."""
    from numba import njit

    function = njit(getattr(exponentials, name))

    @njit
    def over(numbers: Any) -> Any:
        found = np.empty_like(numbers)
        for place in range(len(numbers)):
            found[place] = function(numbers[place])
        return found

    return over  # type: ignore[no-any-return]


def spread(low: float, high: float) -> Any:
    """Numbers between two ends, the ends among them, most in the middle."""
    drawn = np.random.default_rng(7).uniform(low, high, 20_000)
    return np.concatenate((drawn, drawn * 1e-3, drawn * 1e-9, [low, high, 0.0, 1.0]))


def far_apart(found: Any, true: Any) -> float:
    """Largest relative difference."""
    return float(np.max(np.abs(found - true) / np.maximum(np.abs(true), 1e-300)))


def test_exponentials_are_numpys_over_the_whole_range():
    pytest.importorskip("numba")
    numbers = spread(-708.0, 709.0)
    assert far_apart(compile_each("exponential")(numbers), np.exp(numbers)) < LAST_BITS


def test_beyond_the_range_exponentials_neither_overflow_nor_vanish():
    pytest.importorskip("numba")
    least, most = compile_each("exponential")(np.array([-1e6, 1e6]))
    assert 0.0 < least < 1e-300
    assert 1e300 < most < np.inf


def test_logarithms_are_numpys_for_all_normal_numbers():
    pytest.importorskip("numba")
    numbers = np.concatenate((np.exp(spread(-708.0, 709.0)), 1.0 + spread(-0.4, 0.4)[:-3]))
    assert far_apart(compile_each("logarithm")(numbers), np.log(numbers)) < LAST_BITS


def test_logarithms_of_one_and_a_little_keep_their_digits():
    pytest.importorskip("numba")
    numbers = np.concatenate((np.exp(-np.abs(spread(-700.0, 700.0))), [0.0, 1.0]))
    assert far_apart(compile_each("log1p_of")(numbers), np.log1p(numbers)) < LAST_BITS


def test_a_series_one_term_short_is_seen(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("numba")
    monkeypatch.setattr(exponentials, "E11", 0.0)
    numbers = spread(-50.0, 50.0)
    assert far_apart(compile_each("exponential")(numbers), np.exp(numbers)) > LAST_BITS
