"""From where do the particles set out? From the prior, or from a bell near the posterior with the prior behind it.

Tempering leads from a base, of which draws can be had and whose density is known, to the posterior: at temperature t
the density is ``base ** (1 - t) * (prior * likelihood) ** t``. The nearer the base the shorter the way, and the surer
the evidence, which is the sum of what the way adds. A base must reach wherever the posterior is; that it never has much
less than the prior's own density bounds the weights as the likelihood does.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import linalg, special

from negsim.state import Floats

FROM_PRIOR: Final = 0.1
"""Share of a fitted base that is the prior."""
STRETCHED: Final = 0.8
"""Share of the rest in which one coordinate is spread wider."""
STRETCH: Final = 2.0
"""How many times as wide."""


class Base:
    """The prior itself, standard normal in all coordinates."""

    def draw(self, n: int, size: int, stream: np.random.Generator) -> Floats:
        """Draw points, shape (n, size)."""
        return stream.standard_normal((n, size))

    def excess(self, z: Floats) -> Floats:
        """Log of the prior's density over the base's at points, shape (n, D) to (n,)."""
        return np.zeros(len(z))

    def slope(self, z: Floats) -> Floats:
        """Gradient of the base's log density at points, shape (n, D) to (n, D)."""
        return -z


class Bell(Base):
    """A normal, the same with one coordinate or another spread wider, and the prior, mixed.

    Where a coordinate is spread, the others go with it as they do in the normal: along a ridge the base then reaches as
    far again as what it was fitted to. The density of such a normal is the first one's times ``exp((1 - 1 / STRETCH**2)
    * t**2 / 2) / STRETCH``, where t is how many standard deviations the coordinate is from its mean.

    Parameters
    ----------
    mean : array, shape (D,)
    covariance : array, shape (D, D)
    stretched : int
        The first so many coordinates are those that are spread; 0: none is.
    """

    def __init__(self, mean: Floats, covariance: Floats, stretched: int = 0) -> None:
        self._mean = mean
        self._factor = linalg.cholesky(covariance, lower=True)
        self._precision = np.linalg.inv(covariance)
        self._constant = -float(np.log(np.diag(self._factor)).sum())
        self._spread = np.sqrt(np.diag(covariance))[:stretched]
        self._follow = (covariance / np.diag(covariance))[:, :stretched]

    def draw(self, n: int, size: int, stream: np.random.Generator) -> Floats:
        """Draw points, shape (n, size)."""
        z = stream.standard_normal((n, size))
        behind = stream.random(n) < FROM_PRIOR
        away = z @ self._factor.T
        if len(self._spread):
            wide, which = stream.random(n) < STRETCHED, stream.integers(len(self._spread), size=n)
            more = np.where(wide, (STRETCH - 1) * away[np.arange(n), which], 0.0)
            away += more[:, None] * self._follow[:, which].T
        return np.asarray(np.where(behind[:, None], z, self._mean + away))

    def excess(self, z: Floats) -> Floats:
        """Log of the prior's density over the base's at points, shape (n, D) to (n,)."""
        over = self._over_prior(z, (z - self._mean) @ self._precision) + self._over_normal(z)[0]
        return np.asarray(-np.logaddexp(np.log(FROM_PRIOR), np.log1p(-FROM_PRIOR) + over))

    def slope(self, z: Floats) -> Floats:
        """Gradient of the base's log density at points, shape (n, D) to (n, D)."""
        pull = (z - self._mean) @ self._precision
        wider, push = self._over_normal(z)
        odds = np.log1p(-FROM_PRIOR) - np.log(FROM_PRIOR) + self._over_prior(z, pull) + wider
        share = 1 / (1 + np.exp(np.clip(-odds, -700, 700)))[:, None]
        return np.asarray(share * (push - pull) - (1 - share) * z)

    def _over_prior(self, z: Floats, pull: Floats) -> Floats:
        """Log density of the normal over the prior's."""
        return np.asarray(self._constant + 0.5 * ((z * z).sum(axis=1) - ((z - self._mean) * pull).sum(axis=1)))

    def _over_normal(self, z: Floats) -> tuple[Floats, Floats]:
        """Log density of all the normals over that of the first, shape (n,), and its gradient, shape (n, D)."""
        many, push = len(self._spread), np.zeros_like(z)
        if not many:
            return np.zeros(len(z)), push
        steep = 1 - 1 / STRETCH**2
        away = (z - self._mean)[:, :many] / self._spread
        logs = np.log(STRETCHED / STRETCH / many) + 0.5 * steep * away * away
        found = np.logaddexp(np.log1p(-STRETCHED), special.logsumexp(logs, axis=1))
        push[:, :many] = np.exp(logs - found[:, None]) * steep * away / self._spread
        return found, push
