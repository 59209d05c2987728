"""What would the log-likelihood be where it was not asked for? A polynomial through the points where it was.

Replaying a history is dear, a polynomial is cheap: particles glide along its slopes (:mod:`negsim.calibration.swarms`),
and only where they arrive is the log-likelihood itself asked, which accepts or refuses them. However wrong the
polynomial, what is sampled stays right; a bad one is refused more often.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import linalg

from negsim.state import Floats, Ints

Singles = np.ndarray[Any, np.dtype[np.float32]]
"""Numbers of single precision, a column for each point."""

MOST_POINTS: Final = 5000
"""Points that are fitted, at most."""
MOST_PAIRS: Final = 1500
"""Products of two coordinates, at most: those that the residuals of the rest speak for most."""
RIDGE: Final = 5.0
"""Penalty on squared coefficients, in points of weight one."""
EDGES: Final = (0.005, 0.995)
"""Beyond these quantiles of the points each coordinate counts as if it stood there."""
LOW: Final = 0.1
"""Quantile of the particles' log density below which points count less."""
POWERS: Final = 3
"""Highest power of a coordinate."""


@dataclass(frozen=True)
class Surrogate:
    """A polynomial of clipped and standardised coordinates: powers of each, and products of pairs.

    Attributes
    ----------
    low, high : array, shape (D,)
        Where coordinates are clipped.
    centre, scale : array, shape (D,)
    level : float
        The constant.
    powers : array, shape (POWERS, D)
        Coefficients of the coordinates, their squares and their cubes.
    products : array, shape (D, D)
        Coefficients of products, symmetric, nothing on the diagonal; each product stands there twice, by half.
    """

    low: Floats
    high: Floats
    centre: Floats
    scale: Floats
    level: float
    powers: Floats
    products: Floats

    def __call__(self, z: Floats) -> Floats:
        """Values at points, shape (n, D) to (n,)."""
        x = self._standardise(z)
        raised = sum(x ** (k + 1) @ self.powers[k] for k in range(POWERS))
        return np.asarray(self.level + raised + ((x @ self.products) * x).sum(axis=1))

    def slope(self, z: Floats) -> Floats:
        """Gradients at points, shape (n, D) to (n, D)."""
        x = self._standardise(z)
        rise = 2 * (x @ self.products) + sum((k + 1) * self.powers[k] * x**k for k in range(POWERS))
        return np.asarray(np.where((z > self.low) & (z < self.high), rise / self.scale, 0.0))

    def _standardise(self, z: Floats) -> Floats:
        return np.asarray((np.clip(z, self.low, self.high) - self.centre) / self.scale)


def fit_surrogate(z: Floats, told: Floats, weights: Floats) -> Surrogate:
    """Fit a polynomial to log-likelihoods by weighted ridge regression.

    Parameters
    ----------
    z : array, shape (n, D)
    told : array, shape (n,)
        Finite log-likelihoods.
    weights : array, shape (n,)
        From 0 to 1.
    """
    low, high = np.quantile(z[weights >= weights.mean()], EDGES, axis=0)
    x = np.clip(z, low, high)
    share = weights / weights.sum()
    centre = share @ x
    scale = np.sqrt(np.maximum(share @ (x - centre) ** 2, 1e-12))
    columns: Singles = np.ascontiguousarray(((x - centre) / scale).T, dtype=np.float32)
    powers: Singles = np.concatenate([columns, columns**2, columns**3])
    first, second = _choose_pairs(columns, powers, told, weights)
    level, found = _regress(np.concatenate([powers, columns[first] * columns[second]]), told, weights)
    size = z.shape[1]
    products = np.zeros((size, size))
    products[first, second] = products[second, first] = found[POWERS * size :] / 2
    return Surrogate(low, high, centre, scale, level, found[: POWERS * size].reshape(POWERS, size), products)


def _choose_pairs(x: Singles, powers: Singles, told: Floats, weights: Floats) -> tuple[Ints, Ints]:
    """Choose products of two coordinates: all of them, or those that what is left of the powers goes with."""
    first, second = np.triu_indices(len(x), 1)
    if len(first) <= MOST_PAIRS:
        return first, second
    level, found = _regress(powers, told, weights)
    left = (weights * (told - level - found.astype(np.float32) @ powers)).astype(np.float32)
    strength = np.abs((left * x) @ x.T)[first, second]
    kept = np.sort(np.argpartition(-strength, MOST_PAIRS)[:MOST_PAIRS])
    return first[kept], second[kept]


def _regress(features: Singles, told: Floats, weights: Floats) -> tuple[float, Floats]:
    """Constant and coefficients of a weighted ridge regression; the constant is not penalised.

    Numbers are of single precision: the noise of a surrogate is far above its rounding, and it takes half the time.
    """
    share = weights / weights.sum()
    mean, level = features @ share.astype(np.float32), float(share @ told)
    root = np.sqrt(weights)
    rooted = (features - mean[:, None]) * root.astype(np.float32)
    gram = (rooted @ rooted.T).astype(float)
    gram[np.diag_indices_from(gram)] += RIDGE
    aim = rooted @ (root * (told - level)).astype(np.float32)
    found = np.asarray(linalg.cho_solve(linalg.cho_factor(gram, overwrite_a=True), aim.astype(float)))
    return level - float(mean @ found), found


class Archive:
    """Points at which the log-likelihood was asked, to fit surrogates to."""

    def __init__(self) -> None:
        self._z: list[Floats] = []
        self._told: list[Floats] = []

    def note(self, z: Floats, told: Floats) -> None:
        """Note points, shape (n, D), and their log-likelihoods; those that are impossible teach nothing."""
        possible = np.isfinite(told)
        self._z.append(z[possible])
        self._told.append(told[possible])

    def fit(self, temperature: float, z: Floats, told: Floats) -> Surrogate | None:
        """Fit a surrogate where particles are at a temperature.

        Parameters
        ----------
        temperature : float
        z, told : arrays, shapes (n, D) and (n,)
            Where they are. Points of the archive whose tempered density is lower than that of most of them count less.

        Returns
        -------
        Surrogate or None
            None where the points do not tell enough to fit one.
        """
        points, values = np.concatenate(self._z), np.concatenate(self._told)
        here = temperature * told - 0.5 * (z * z).sum(axis=1)
        here = here[np.isfinite(here)]
        heights = temperature * values - 0.5 * (points * points).sum(axis=1)
        below = (heights - np.quantile(here, LOW)) / max(float(here.std()), 1e-9)
        weights = np.exp(np.clip(below, -20.0, 0.0))
        if len(weights) > MOST_POINTS:
            kept = np.sort(np.argpartition(-weights, MOST_POINTS)[:MOST_POINTS])
            points, values, weights = points[kept], values[kept], weights[kept]
        if weights.sum() <= POWERS * z.shape[1]:
            return None
        try:
            return fit_surrogate(points, values, weights)
        except linalg.LinAlgError:  # a needle: points as good as on a line tell no polynomial from another
            return None
