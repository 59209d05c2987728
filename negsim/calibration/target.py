"""What is sampled? A log-likelihood and a prior, seen from coordinates in which the prior is standard normal.

A target knows nothing of negotiations: its log-likelihood takes many points, a row each, and gives a number for each.
A point is the parameters on their own scale and, if there are any, unit-cube coordinates (unknown dates) beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from scipy import special

from negsim.calibration.priors import JointPrior
from negsim.state import Floats

LogLikelihood = Callable[..., Floats]
"""From parameters, shape (n, P), and the unit cube, shape (n, L), where L is not 0, to log-likelihoods, shape (n,):
minus infinity where the data are impossible. A row's number must not depend on the other rows."""


@dataclass(frozen=True)
class Estimated:
    """Likelihoods estimated with everything latent integrated out, and for each a way that it was found, drawn by its
    weight.

    Attributes
    ----------
    log_mean : array, shape (n,)
        Log of each estimate; their exponentials have no bias.
    log_likelihood : array, shape (n,)
        Of the parameters with what was drawn.
    latent : array, shape (n, L)
        What was drawn, on its own scale.
    """

    log_mean: Floats
    log_likelihood: Floats
    latent: Floats


class Marginal(Protocol):
    """A likelihood of parameters alone that can be estimated."""

    prior: JointPrior
    evaluations: int
    """Replays made so far."""

    def estimate(self, z: Floats, particles: int) -> Estimated:
        """Estimate it at standard coordinates, shape (n, P), by so many particles each."""

    def replay(self, z: Floats, latent: Floats) -> Floats:
        """Log-likelihood with what was drawn, shapes (n, P) and (n, L) to (n,), up to a constant."""

    def find_points(self, latent: Floats) -> Floats:
        """Find the unit-cube coordinates of what was drawn."""

    def log_volume(self, unit: Floats) -> Floats:
        """Log of the volume that a unit of volume of the cube stands for, at some points."""


@runtime_checkable
class Integrable(Protocol):
    """A log-likelihood whose latent coordinates may be integrated out."""

    def explain_no_marginal(self) -> str:
        """Say why not; nothing where they can."""

    def marginal(self, prior: JointPrior, seed: int, narrow: bool = False) -> Marginal:
        """Make the likelihood of parameters alone; `narrow`: look only where what is latent is possible, with pains."""


class Target:
    """A posterior to be sampled, which counts what it is asked.

    Parameters
    ----------
    log_likelihood : callable
        See :data:`LogLikelihood`; called with many rows at a time.
    prior : JointPrior
        Of the P parameters.
    latent : int
        Number L of unit-cube coordinates, uniform beforehand.

    Attributes
    ----------
    evaluations : int
        Rows evaluated so far.
    """

    def __init__(self, log_likelihood: LogLikelihood, prior: JointPrior, latent: int = 0) -> None:
        self.prior = prior
        self.latent = latent
        self.evaluations = 0
        self._log_likelihood = log_likelihood

    @property
    def parameters(self) -> int:
        """Number P of parameters."""
        return len(self.prior)

    @property
    def size(self) -> int:
        """Number P + L of coordinates."""
        return len(self.prior) + self.latent

    def point(self, z: Floats) -> tuple[Floats, Floats]:
        """Parameters, shape (n, P), and unit coordinates, shape (n, L), at standard coordinates, shape (n, P + L)."""
        p = self.parameters
        return self.prior.from_unconstrained(z[:, :p]), special.ndtr(z[:, p:])

    def log_likelihood(self, z: Floats) -> Floats:
        """Log-likelihood at standard coordinates, shape (n, P + L) to (n,).

        Raises
        ------
        ValueError
            When the log-likelihood gives another shape, NaN or plus infinity; the message names the point.
        """
        theta, unit = self.point(z)
        told = self._log_likelihood(theta, unit) if self.latent else self._log_likelihood(theta)
        found = np.asarray(told, dtype=float)
        self.evaluations += len(z)
        if found.shape != (len(z),):
            raise ValueError(f"the log-likelihood of {len(z)} points has shape {found.shape}, not ({len(z)},)")
        wrong = np.isnan(found) | (found == np.inf)
        if wrong.any():
            place = int(np.argmax(wrong))
            raise ValueError(f"the log-likelihood is {found[place]} at {self._describe(theta[place], unit[place])}")
        return found

    def _describe(self, theta: Floats, unit: Floats) -> str:
        named = [f"{name} = {value:.6g}" for name, value in zip(self.prior.names, theta, strict=True)]
        if self.latent:
            named.append(f"unit coordinates {np.array2string(unit, precision=4, threshold=8)}")
        return ", ".join(named)
