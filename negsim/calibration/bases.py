"""From where do the particles set out? From the prior, or from a bell near the posterior with the prior behind it.

Tempering leads from a base, of which draws can be had and whose density is known, to the posterior: at temperature t
the density is ``base ** (1 - t) * (prior * likelihood) ** t``. The nearer the base the shorter the way, and the surer
the evidence, which is the sum of what the way adds. A base must reach wherever the posterior is; that it never has much
less than the prior's own density bounds the weights as the likelihood does.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import linalg

from negsim.state import Floats

FROM_PRIOR: Final = 0.1
"""Share of a fitted base that is the prior."""


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
    """A normal and the prior, mixed.

    Parameters
    ----------
    mean : array, shape (D,)
    covariance : array, shape (D, D)
    """

    def __init__(self, mean: Floats, covariance: Floats) -> None:
        self._mean = mean
        self._factor = linalg.cholesky(covariance, lower=True)
        self._precision = np.linalg.inv(covariance)
        self._constant = -float(np.log(np.diag(self._factor)).sum())

    def draw(self, n: int, size: int, stream: np.random.Generator) -> Floats:
        """Draw points, shape (n, size)."""
        z = stream.standard_normal((n, size))
        behind = stream.random(n) < FROM_PRIOR
        return np.asarray(np.where(behind[:, None], z, self._mean + z @ self._factor.T))

    def excess(self, z: Floats) -> Floats:
        """Log of the prior's density over the base's at points, shape (n, D) to (n,)."""
        over = self._over_prior(z, (z - self._mean) @ self._precision)
        return np.asarray(-np.logaddexp(np.log(FROM_PRIOR), np.log1p(-FROM_PRIOR) + over))

    def slope(self, z: Floats) -> Floats:
        """Gradient of the base's log density at points, shape (n, D) to (n, D)."""
        pull = (z - self._mean) @ self._precision
        odds = np.log1p(-FROM_PRIOR) - np.log(FROM_PRIOR) + self._over_prior(z, pull)
        share = 1 / (1 + np.exp(np.clip(-odds, -700, 700)))[:, None]
        return np.asarray(-share * pull - (1 - share) * z)

    def _over_prior(self, z: Floats, pull: Floats) -> Floats:
        """Log density of the normal over the prior's."""
        return np.asarray(self._constant + 0.5 * ((z * z).sum(axis=1) - ((z - self._mean) * pull).sum(axis=1)))
