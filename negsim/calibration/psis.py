"""Can importance weights be trusted? Their tail, smoothed, and its shape k-hat.

Pareto-smoothed importance sampling (Vehtari, Simpson, Gelman, Yao and Gabry 2024, "Pareto smoothed importance
sampling", JMLR 25): the largest weights are replaced by quantiles of a generalised Pareto distribution fitted to them.
Its shape k says how many moments the weights have: below 0.5 the variance is finite, above 0.7 nothing can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from negsim.state import Floats, Ints

FEWEST_IN_TAIL: Final = 5
"""A shorter tail is not fitted (k-hat is then infinite: nothing is known)."""
PRIOR_DRAWS: Final = 10.0
"""Weight, in draws, of the prior that holds k-hat near 0.5."""
LARGEST_SHAPE: Final = 0.9
"""Shape as which a heavier tail counts where its mean is asked for: from 1 on it has none."""


def smooth_weights(log_weights: Floats) -> tuple[Floats, float]:
    """Smooth the tail of importance weights.

    Parameters
    ----------
    log_weights : array, shape (n,)
        Logs of the weights, up to a constant; minus infinity for a weight of zero.

    Returns
    -------
    log_weights : array, shape (n,)
        The same with the tail smoothed, on the same scale, none above the largest given.
    k_hat : float
        Shape of the tail; infinite when too few weights are positive to tell, 0 when the tail is flat.
    """
    tail = _fit_tail(log_weights)
    if not len(tail.places):
        return log_weights.copy(), tail.k
    top = float(log_weights.max())
    length = len(tail.places)
    quantiles = _generalised_pareto_quantiles((np.arange(length) + 0.5) / length, tail.k, tail.sigma)
    smoothed = log_weights.copy()
    smoothed[tail.places] = np.minimum(np.log(quantiles + tail.cutoff), 0.0) + top
    return smoothed, tail.k


@dataclass(frozen=True)
class _Tail:
    """The largest weights, ascending, and the generalised Pareto distribution of what they exceed a cutoff by.

    Cutoff and scale are in units of the largest weight; there are no places where nothing could be fitted.
    """

    places: Ints
    cutoff: float
    k: float
    sigma: float


def _fit_tail(log_weights: Floats) -> _Tail:
    n, none = len(log_weights), np.zeros(0, dtype=np.int64)
    length = int(min(0.2 * n, 3 * np.sqrt(n)))
    order = np.argsort(log_weights, kind="stable")
    top = float(log_weights[order[-1]]) if n else -np.inf
    cutoff = float(log_weights[order[-length - 1]]) if n > length else -np.inf
    if length < FEWEST_IN_TAIL or cutoff == -np.inf:
        return _Tail(none, 0.0, np.inf, 0.0)
    places = order[n - length :]
    excess = np.exp(log_weights[places] - top) - np.exp(cutoff - top)
    if excess[-1] <= 1e-12 or excess[len(excess) // 4] <= 0:  # many equal weights: nothing to smooth
        return _Tail(none, 0.0, 0.0, 0.0)
    k, sigma = fit_generalised_pareto(excess)
    return _Tail(places, float(np.exp(cutoff - top)), k, sigma)


def fit_generalised_pareto(excess: Floats) -> tuple[float, float]:
    """Fit shape and scale of a generalised Pareto distribution to excesses over a threshold.

    Zhang and Stephens (2009), "A new and efficient estimation method for the generalized Pareto distribution",
    Technometrics 51, with the weak prior of Vehtari and others (2024) on the shape.

    Parameters
    ----------
    excess : array, shape (n,)
        Positive excesses, in ascending order.

    Returns
    -------
    shape, scale : float
    """
    n = len(excess)
    size = 30 + int(np.sqrt(n))
    grid = 1 - np.sqrt(size / (np.arange(size) + 0.5))
    quartile = excess[int(n / 4 + 0.5) - 1]
    grid = grid / (3 * quartile) + 1 / excess[-1]
    shapes = np.log1p(-grid[:, None] * excess).mean(axis=1)
    profile = n * (np.log(-grid / shapes) - shapes - 1)
    weights = np.exp(profile - profile.max())
    weights /= weights.sum()
    inverse = float(weights @ grid)
    shape = float(np.log1p(-inverse * excess).mean())
    scale = -shape / inverse
    return (n * shape + PRIOR_DRAWS * 0.5) / (n + PRIOR_DRAWS), scale


def _generalised_pareto_quantiles(probability: Floats, k: float, sigma: float) -> Floats:
    if abs(k) < 1e-12:
        return -sigma * np.log1p(-probability)
    return np.asarray(sigma * np.expm1(-k * np.log1p(-probability)) / k)


def effective_sample_size(log_weights: Floats) -> float:
    """Kish's effective sample size of weights given by their logs."""
    top = log_weights.max(initial=-np.inf)
    if top == -np.inf:
        return 0.0
    weights = np.exp(log_weights - top)
    return float(weights.sum() ** 2 / (weights @ weights))


def find_doubts(k_hat: float, ess: float, largest_k: float, least_ess: float) -> list[str]:
    """Say what speaks against weights whose tail has the shape `k_hat` and of which so many are effective."""
    doubts = []
    if k_hat > largest_k:
        doubts.append(f"k-hat is {k_hat:.2f} (at most {largest_k})")
    if ess < least_ess:
        doubts.append(f"the effective sample size is {ess:.0f} (at least {least_ess:.0f})")
    return doubts


def evidence_error(given: Floats, smoothed: Floats) -> float:
    """Relative standard error of the mean of smoothed weights.

    From how they scatter, and from what was cut off: of heavy tails no sample holds the end, which weighs as much as
    the error itself (the mean is then more often too small than too large).

    Parameters
    ----------
    given, smoothed : array, shape (n,)
        Logs of the weights before and after :func:`smooth_weights`.
    """
    worth = effective_sample_size(smoothed)
    if not worth:
        return np.inf
    return float(np.hypot(np.sqrt(max(1 / worth - 1 / len(smoothed), 0.0)), weigh_beyond(given, smoothed)))


def weigh_beyond(given: Floats, smoothed: Floats) -> float:
    """Weight beyond the largest, if the tail goes on as it was fitted, as a share of all the smoothed weights.

    Parameters
    ----------
    given, smoothed : array, shape (n,)
        Logs of the weights before and after :func:`smooth_weights`.
    """
    tail = _fit_tail(given)
    if not len(tail.places):
        return 0.0
    weights = np.exp(smoothed - given.max())
    whole = tail.cutoff + tail.sigma / max(1 - tail.k, 1 - LARGEST_SHAPE)
    return float(max(len(tail.places) * whole - weights[tail.places].sum(), 0.0) / weights.sum())


def scatter_error(values: Floats) -> float:
    """Relative standard error of the mean of a few independent values, from their scatter.

    Enlarged, by half for four values and a fifth for eight, so that twice the error holds the truth as often as twice
    a known one would (Student 1908).
    """
    n = len(values)
    return float(values.std(ddof=1) / values.mean() / np.sqrt(n) * stats.t.isf(stats.norm.sf(2), n - 1) / 2)


def control_rejection(log_weights: Floats, wanted: int, stream: np.random.Generator) -> tuple[Ints, Floats]:
    """Thin weighted draws: those below a weight stay by chance, and then with that weight.

    What draws weigh on average stays as it is, so means keep their expectation (rejection control: Liu, Chen and Wong
    1998, "Rejection control and sequential importance sampling", JASA 93).

    Parameters
    ----------
    log_weights : array, shape (n,)
    wanted : int
        How many are to be kept, on average; all that weigh something where there are no more.
    stream : Generator

    Returns
    -------
    kept : array of int
        Places, ascending.
    log_weights : array, shape (len(kept),)
        On the same scale.
    """
    weights = np.exp(log_weights - log_weights.max())
    ascending = np.sort(weights[weights > 0])
    below = np.cumsum(ascending)
    kept_of = below / ascending + np.arange(len(ascending))[::-1]  # kept on average with each weight as the bound
    enough = kept_of <= wanted
    bound = ascending[np.argmax(enough)] if enough.any() else below[-1] / wanted
    kept = np.flatnonzero(stream.random(len(weights)) * bound < weights)
    return kept, np.log(np.maximum(weights[kept], bound)) + log_weights.max()
