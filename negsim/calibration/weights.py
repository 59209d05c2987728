"""What do draws say that carry weights? Sums, quantiles, and draws of equal weight chosen among them."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from numbers import Real

import numpy as np

from negsim.state import Floats, Ints


def log_sum(logs: Floats) -> float:
    """Log of the sum of what logs are given of."""
    top = logs.max()
    return float(top + np.log(np.exp(logs - top).sum()))


def weighted_quantiles(values: Floats, weights: Floats, probabilities: Sequence[float]) -> Floats:
    """Quantiles of weighted values, shape (n, P) to (len(probabilities), P): the middle of each draw's step.

    Draws without weight have no part in it.

    Raises
    ------
    ValueError
        For a probability that is no number from 0 to 1.
    """
    asked: Sequence[object] = probabilities
    if odd := [one for one in asked if not (isinstance(one, Real) and 0 <= float(one) <= 1)]:
        raise ValueError(f"probabilities must be numbers from 0 to 1, not {reprlib.repr(odd[0])}")
    values, weights = values[weights > 0], weights[weights > 0]
    found = np.empty((len(probabilities), values.shape[1]))
    for place in range(values.shape[1]):
        order = np.argsort(values[:, place])
        steps = weights[order]
        found[:, place] = np.interp(probabilities, np.cumsum(steps) - 0.5 * steps, values[order, place])
    return found


def choose_systematically(weights: Floats, n: int, rng: np.random.Generator) -> Ints:
    """Choose `n` places by weight with one random number (systematic resampling): each within one of its share."""
    edges = np.cumsum(weights)
    chosen = np.searchsorted(edges / edges[-1], (rng.uniform() + np.arange(n)) / n, side="right")
    return np.minimum(chosen, len(weights) - 1)
