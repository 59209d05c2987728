"""How good was a forecast? Proper scores on plain arrays, and how much evidence a difference between two is.

Every score is a loss: smaller is better, and a forecaster does best on average by saying what he thinks (proper).
Ensembles carry weights (equal where none are given). Scores of many forecasts come out as an array, one each: what is
done with them (means, differences, errors) is for the caller to say.

Sources: Gneiting and Raftery (2007), "Strictly proper scoring rules, prediction, and estimation", JASA 102; for
ensembles Ferro (2014), "Fair scores for ensemble forecasts", QJRMS 140; for e-values Henzi and Ziegel (2022), "Valid
sequential inference on probability forecast performance", Biometrika 109, and Choe and Ramdas (2024), "Comparing
sequential forecasters", Operations Research 72.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BETS: Final = (np.arange(50) + 0.5) / 50
"""Shares of what may be lost that an e-process bets; it averages over them."""
PAIRS_AT_ONCE: Final = 4_000_000


# -- probabilities ----------------------------------------------------------------------------------------------------


def log_score(probability: Any, happened: Any) -> Floats:
    """Minus the log of the probability given to what came about, in nats.

    Parameters
    ----------
    probability : array
        That an event happens.
    happened : array of bool
        Whether it did; of the same shape, or one that broadcasts.

    Returns
    -------
    array
        Infinite where what came about had been called impossible.

    Examples
    --------
    >>> print(log_score([0.5, 0.9, 0.9], [True, True, False]).round(3))
    [0.693 0.105 2.303]
    """
    probability, happened = _as_probability(probability), np.asarray(happened, dtype=bool)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.where(happened, np.log(probability), np.log1p(-probability)))


def categorical_log_score(probabilities: Any, outcome: Any) -> Floats:
    """Minus the log of the probability given to the category that came about.

    Parameters
    ----------
    probabilities : array, shape (..., K)
        Adding up to one.
    outcome : array of int, shape (...)
        Which category it was.
    """
    probabilities = _as_distribution(probabilities)
    with np.errstate(divide="ignore"):
        return np.asarray(-np.log(_take(probabilities, outcome)))


def brier(probability: Any, happened: Any) -> Floats:
    """Brier score of an event's probability: its squared distance from what came about (1 or 0).

    Examples
    --------
    >>> print(brier([0.5, 0.9, 0.9], [True, True, False]).round(2))
    [0.25 0.01 0.81]
    """
    return np.asarray((_as_probability(probability) - np.asarray(happened, dtype=bool)) ** 2)


def ranked_probability_score(probabilities: Any, outcome: Any) -> Floats:
    """Ranked probability score of ordered categories: squared distance of the cumulative probabilities, added up.

    For a count it is its continuous ranked probability score.

    Parameters
    ----------
    probabilities : array, shape (..., K)
    outcome : array of int, shape (...)

    Examples
    --------
    >>> float(ranked_probability_score([0.2, 0.5, 0.3], 2).round(2))  # .2² + .7²
    0.53
    """
    probabilities = _as_distribution(probabilities)
    reached = np.arange(probabilities.shape[-1]) >= np.asarray(outcome)[..., None]
    _take(probabilities, outcome)  # refuses what is no category
    return np.asarray(((probabilities.cumsum(axis=-1) - reached)[..., :-1] ** 2).sum(axis=-1))


# -- ensembles --------------------------------------------------------------------------------------------------------


def crps(
    ensemble: Any, outcome: Any, weights: Any = None, *, censored_at: float | None = None, fair: bool = False
) -> Floats:
    """Continuous ranked probability score of a weighted ensemble.

    It is the mean distance from the outcome less half the mean distance between two members, in the outcome's unit.

    Parameters
    ----------
    ensemble : array, shape (..., M)
        Members; infinite ones (it never happens) need `censored_at`.
    outcome : array, shape (...)
        What came about; infinite, or anything from `censored_at` on, if it had not happened by then.
    weights : array, shape (M,) or (..., M), optional
        Of the members (default: equal).
    censored_at : float, optional
        Where observation ends: beyond it all values are alike (threshold-weighted, hence still proper).
    fair : bool
        Score the distribution that the members were drawn from, not the ensemble as it is: a small ensemble is then
        not punished for being small.

    Examples
    --------
    >>> float(crps([1.0, 3.0], 2.0))  # mean distance 1, half the mean distance between members 1/2
    0.5
    >>> float(crps([1.0, 3.0], 2.0, fair=True))
    0.0
    """
    members, outcome = np.asarray(ensemble, dtype=float), np.asarray(outcome, dtype=float)
    if censored_at is not None:
        members, outcome = np.minimum(members, censored_at), np.minimum(outcome, censored_at)
    if not (np.isfinite(members).all() and np.isfinite(outcome).all()):
        raise ValueError("a member or an outcome is not finite: say where observation ends with censored_at")
    shares = _as_weights(weights, members.shape)
    order = np.argsort(members, axis=-1, kind="stable")
    members, shares = np.take_along_axis(members, order, axis=-1), np.take_along_axis(shares, order, axis=-1)
    # Between two members: each gap counts as often as there is weight below it times weight above it.
    below = shares.cumsum(axis=-1)[..., :-1]
    between = 2 * (np.diff(members, axis=-1) * below * (1 - below)).sum(axis=-1)
    away = (shares * np.abs(members - outcome[..., None])).sum(axis=-1)
    return np.asarray(away - 0.5 * between * (_fairness(shares) if fair else 1.0))


def energy_score(ensemble: Any, outcome: Any, weights: Any = None, *, fair: bool = False) -> float:
    """Energy score: the CRPS for several quantities at once, with Euclidean distances.

    Scale the quantities first if they have different units.

    Parameters
    ----------
    ensemble : array, shape (M, D)
    outcome : array, shape (D,)
    weights : array, shape (M,), optional
    fair : bool
        As for :func:`crps`.

    Examples
    --------
    >>> energy_score([[0.0, 0.0], [3.0, 4.0]], [0.0, 0.0])  # (0 + 5)/2 - (5/2)/2
    1.25
    """
    members, outcome = np.asarray(ensemble, dtype=float), np.asarray(outcome, dtype=float)
    if members.ndim != 2 or outcome.shape != members.shape[1:]:
        raise ValueError(f"an outcome of shape {outcome.shape} does not fit an ensemble of shape {members.shape}")
    if not (np.isfinite(members).all() and np.isfinite(outcome).all()):
        raise ValueError("a member or an outcome is not finite: the energy score has no place for what never happens")
    shares = _as_weights(weights, members.shape[:1])
    away = shares @ np.linalg.norm(members - outcome, axis=1)
    rows = max(1, PAIRS_AT_ONCE // members.size)
    between = 0.0
    for start in range(0, len(members), rows):
        gaps = np.linalg.norm(members[start : start + rows, None] - members, axis=2)
        between += float(shares[start : start + rows] @ gaps @ shares)
    return float(away - 0.5 * between * (_fairness(shares) if fair else 1.0))


def interval_score(low: Any, high: Any, outcome: Any, level: float) -> Floats:
    """Score of a central interval: its width, and 2/(1 - level) for each unit by which the outcome lies outside.

    Examples
    --------
    >>> print(interval_score(1.0, 3.0, [2.0, 4.0], level=0.9))
    [ 2. 22.]
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level} is not between 0 and 1")
    low, high, outcome = (np.asarray(bound, dtype=float) for bound in (low, high, outcome))
    if not (low <= high).all():
        raise ValueError("an interval ends before it begins")
    outside = np.maximum(low - outcome, 0) + np.maximum(outcome - high, 0)
    return np.asarray(high - low + 2 / (1 - level) * outside)


def randomised_pit(ensemble: Any, outcome: Any, uniform: Any, weights: Any = None) -> Floats:
    """Probability integral transform: where in the forecast the outcome fell, uniform if forecasts are calibrated.

    Where members equal the outcome (counts, censored times) it falls at random among them.

    Parameters
    ----------
    ensemble : array, shape (..., M)
    outcome : array, shape (...)
    uniform : array, shape (...)
        Uniform random numbers, one for each outcome.
    weights : array, shape (M,) or (..., M), optional

    Examples
    --------
    >>> float(randomised_pit([0.0, 1.0, 1.0, 2.0], 1.0, 0.5))
    0.5
    """
    members, outcome = np.asarray(ensemble, dtype=float), np.asarray(outcome, dtype=float)[..., None]
    if np.isnan(members).any() or np.isnan(outcome).any():
        raise ValueError("a member or an outcome is not a number")
    shares = _as_weights(weights, members.shape)
    below, tied = ((shares * where).sum(axis=-1) for where in (members < outcome, members == outcome))
    return np.asarray(below + np.asarray(uniform, dtype=float) * tied)


# -- differences ------------------------------------------------------------------------------------------------------


def likelihood_e_process(log_scores: Any, reference_log_scores: Any) -> Floats:
    """Evidence that a forecaster knows more than a reference, from their log scores of the same sequence.

    The running likelihood ratio. Were the reference right, it would exceed 20 anywhere in the sequence with
    probability 1/20 at most, however the end of the sequence was chosen (Ville).

    Parameters
    ----------
    log_scores, reference_log_scores : array, shape (n,)
        Losses, each forecast made before its outcome was known.

    Returns
    -------
    array, shape (n,)
        Evidence after each outcome; 1 is none.
    """
    gains = np.asarray(reference_log_scores, dtype=float) - np.asarray(log_scores, dtype=float)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(np.cumsum(gains)))


def difference_e_process(gains: Any, bounds: Any) -> Floats:
    """Evidence that score differences are positive on average, without supposing that any forecast is right.

    Under the hypothesis that no gain is positive in expectation (given the past), it exceeds 20 anywhere with
    probability 1/20 at most. It bets shares of what may be lost on every gain and averages over the shares:
    mean over b of prod(1 + b gain / bound).

    Parameters
    ----------
    gains : array, shape (n,)
        Loss of the reference less loss of the forecaster.
    bounds : array, shape (n,) or float
        Largest loss a gain could have been (positive), known before the outcome: 1 for Brier scores, or exactly
        what :func:`brier_bounds` gives.

    Returns
    -------
    array, shape (n,)
    """
    gains, bounds = np.broadcast_arrays(np.asarray(gains, dtype=float), np.asarray(bounds, dtype=float))
    if not ((bounds >= 0) & (gains >= -bounds * (1 + 1e-12))).all():
        raise ValueError("a gain is below minus its bound, or not a number")
    ratios = np.divide(gains, bounds, out=np.zeros(gains.shape), where=bounds > 0)
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(np.log1p(BETS[:, None] * ratios).cumsum(axis=1)).mean(axis=0))


def brier_bounds(probability: Any, reference: Any) -> Floats:
    """Most that a forecaster can lose against a reference on one event, by Brier scores, whatever comes about."""
    probability, reference = _as_probability(probability), _as_probability(reference)
    either = [brier(probability, happened) - brier(reference, happened) for happened in (True, False)]
    return np.asarray(np.maximum(np.maximum(*either), 0.0))


# -- what is allowed --------------------------------------------------------------------------------------------------


def _as_probability(values: Any) -> Floats:
    probabilities = np.asarray(values, dtype=np.float64)
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise ValueError("a probability is not between 0 and 1")
    return probabilities


def _as_distribution(values: Any) -> Floats:
    probabilities = _as_probability(values)
    if probabilities.ndim == 0 or not np.allclose(probabilities.sum(axis=-1), 1.0, rtol=0, atol=1e-9):
        raise ValueError("probabilities do not add up to one")
    return probabilities


def _take(probabilities: Floats, outcome: Any) -> Floats:
    outcome = np.asarray(outcome)
    if not np.issubdtype(outcome.dtype, np.integer) or ((outcome < 0) | (outcome >= probabilities.shape[-1])).any():
        raise ValueError(f"an outcome is not one of the categories 0 to {probabilities.shape[-1] - 1}")
    shape = np.broadcast_shapes(outcome.shape, probabilities.shape[:-1])
    outcome = np.broadcast_to(outcome, shape)[..., None]
    return np.take_along_axis(np.broadcast_to(probabilities, (*shape, probabilities.shape[-1])), outcome, axis=-1)[
        ..., 0
    ]


def _as_weights(weights: Any, shape: tuple[int, ...]) -> Floats:
    """Weights that add up to one along the last axis."""
    if not shape or not shape[-1]:
        raise ValueError("an ensemble needs at least one member")
    if weights is None:
        return np.full(shape, 1 / shape[-1])
    weights = np.broadcast_to(np.asarray(weights, dtype=float), shape)
    total = weights.sum(axis=-1, keepdims=True)
    if not ((weights >= 0).all() and (total > 0).all() and np.isfinite(total).all()):
        raise ValueError("weights must be finite and not negative, and some of them positive")
    return np.asarray(weights / total)


def _fairness(shares: Floats) -> Any:
    """Factor by which an ensemble's members lie closer together than two draws of their own."""
    alike = (shares**2).sum(axis=-1)
    if (alike >= 1).any():
        raise ValueError("a fair score needs more than one member of positive weight")
    return 1 / (1 - alike)
