"""Are the compiled engine's exponentials and logarithms numpy's, to the last bits?"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from negsim.scalar import exponentials
from negsim.scalar.tables import LANES

pytest.importorskip("numba")
pytestmark = pytest.mark.xdist_group("compiled")

LAST_BITS = 8e-16
"""Relative error allowed: a few units in the last place."""


@functools.cache
def compile_over_rows(name: str, last: float) -> Any:
    """A function over rows of LANES numbers, without what may be reordered; `last` is its last coefficient."""
    from numba import njit

    from negsim.scalar.building import UNCALLED, read_home
    from negsim.scalar.lanes import put, take

    function = read_home(njit(error_model="numpy", **UNCALLED))[name]

    @njit(error_model="numpy")
    def over(rows: Any) -> None:
        for row in range(len(rows) // LANES):
            put(rows, row, function(take(rows, row)))

    return over


def compute(name: str, numbers: Any) -> Any:
    """Values of a function at all numbers of an array."""
    padded = np.concatenate((numbers, np.ones(-len(numbers) % LANES)))
    compile_over_rows(name, exponentials.E11)(padded)
    return padded[: len(numbers)]


def spread(low: float, high: float) -> Any:
    """Numbers between two ends, the ends among them, most in the middle."""
    drawn = np.random.default_rng(7).uniform(low, high, 20_000)
    return np.concatenate((drawn, drawn * 1e-3, drawn * 1e-9, [low, high, 0.0, 1.0]))


def far_apart(found: Any, true: Any) -> float:
    """Largest relative difference."""
    return float(np.max(np.abs(found - true) / np.maximum(np.abs(true), 1e-300)))


def test_exponentials_are_numpys_over_the_whole_range():
    numbers = spread(-708.0, 709.0)
    assert far_apart(compute("exponential", numbers), np.exp(numbers)) < LAST_BITS


def test_beyond_the_range_exponentials_neither_overflow_nor_vanish():
    least, most = compute("exponential", np.array([-1e6, 1e6]))
    assert 0.0 < least < 1e-300
    assert 1e300 < most < np.inf


def test_logarithms_are_numpys_for_all_normal_numbers():
    numbers = np.concatenate((np.exp(spread(-708.0, 709.0)), 1.0 + spread(-0.4, 0.4)[:-3]))
    assert far_apart(compute("logarithm", numbers), np.log(numbers)) < LAST_BITS


def test_logarithms_of_one_and_a_little_keep_their_digits():
    numbers = np.concatenate((np.exp(-np.abs(spread(-700.0, 700.0))), [0.0, 1.0]))
    assert far_apart(compute("log1p_of", numbers), np.log1p(numbers)) < LAST_BITS


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, -2.0, np.inf, -np.inf, np.nan, 1e-320, 1e300, 800.0, -800.0])


@pytest.mark.parametrize(("ours", "function"), [("exponential_of", np.exp), ("logarithm_of", np.log),
                                                ("log1p_any", np.log1p)])  # fmt: skip
def test_what_formulas_call_is_numpys_for_any_number(ours: str, function: Any):
    ordinary = np.abs(spread(-300.0, 300.0)) + 1e-30
    assert far_apart(compute(ours, ordinary), function(ordinary)) < LAST_BITS
    with np.errstate(all="ignore"):
        true = function(SPECIAL)
    true[np.abs(true) < 1e-300] = 0.0
    if function is np.log:
        true[SPECIAL == 1e-320] = -np.inf
    found = compute(ours, SPECIAL)
    found[np.abs(found) < 1e-300] = 0.0
    assert found == pytest.approx(true, rel=1e-15, nan_ok=True)


def test_a_series_one_term_short_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exponentials, "E11", 0.0)
    numbers = spread(-50.0, 50.0)
    assert far_apart(compute("exponential", numbers), np.exp(numbers)) > LAST_BITS
