"""How high is a posterior around its top, when heights are only estimated? A quadratic, fitted by a regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from negsim.calibration.importance import Bell
from negsim.state import Floats

MOVED: Final = 1.0
"""Standard deviations by which the place of a guess is thought to be off, in those of the guess,"""
BENT: Final = 0.15
"""and what its curvature is thought to be off, as a share."""
FADES: Final = 0.25
"""How fast points count less (in logs, with the squared distance) that lie farther from the guess than most."""
STRAY: Final = 3.0
"""A point that lies so many standard deviations off the quadratic counts half."""
LEAST: Final = 0.25
"""Least variance around the quadratic that is believed: one with more coefficients than points leaves none."""
PASSES: Final = 5
CURVED: Final = (0.2, 5.0)
"""Least and most curvature that is believed, in that of the guess."""


@dataclass(frozen=True)
class Hill:
    """A quadratic log posterior density, in standard coordinates: where its top is, and minus its Hessian."""

    place: Floats
    precision: Floats

    def bell(self, wide: float) -> Bell:
        """Make a t around it, so much wider."""
        return Bell(self.place, np.asarray(wide**2 * np.linalg.inv(self.precision), dtype=float))


def fit_hill(z: Floats, heights: Floats, guess: Hill) -> tuple[Hill, float]:
    """Fit a quadratic to noisy heights; it leans towards a guess.

    Parameters
    ----------
    z : array, shape (n, P)
    heights : array, shape (n,)
        Log posterior densities, finite.
    guess : Hill

    Returns
    -------
    Hill
    float
        Standard deviation of what it leaves, from the median.
    """
    values, vectors = np.linalg.eigh(guess.precision)
    out = vectors / np.sqrt(values)
    into = np.linalg.inv(out)
    y = (z - guess.place) @ into.T  # where the guess is round
    linear, bend, rest = _regress(y, heights + 0.5 * (y**2).sum(axis=1))
    curved, axes = np.linalg.eigh(np.eye(y.shape[1]) - bend)
    around = (axes * np.clip(curved, *CURVED)) @ axes.T
    place = guess.place + out @ np.linalg.solve(around, linear)
    return Hill(place, into.T @ around @ into), float(1.48 * np.median(np.abs(rest)))


def _regress(y: Floats, heights: Floats) -> tuple[Floats, Floats, Floats]:
    """Slope and Hessian at 0 of a quadratic through heights, and what it leaves of them; stray points count less."""
    size = y.shape[1]
    first, second = np.triu_indices(size)
    x = np.column_stack([np.ones(len(y)), y, y[:, first] * y[:, second]])
    lean = np.diag([0.0, *np.full(size, MOVED**-2.0), *np.full(len(first), BENT**-2.0)])
    near = np.exp(-FADES * np.maximum((y**2).sum(axis=1) - size, 0.0))
    weights, spread = near, 1.0
    for _ in range(PASSES):
        weighted = (x * weights[:, None]).T / spread
        coefficients = np.linalg.solve(weighted @ x + lean, weighted @ heights)
        rest = heights - x @ coefficients
        spread = max(float(weights @ rest**2 / weights.sum()), LEAST)
        weights = near / (1 + rest**2 / (STRAY**2 * spread))
    bend = np.zeros((size, size))
    bend[first, second] = coefficients[size + 1 :]
    return coefficients[1 : size + 1], bend + bend.T, rest
