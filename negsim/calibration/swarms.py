"""How are particles warmed and moved? By steps that leave a tempered posterior as it is.

- *Steps* of some coordinates, the others held, that a Student t fitted to the particles would always accept
  (t-preconditioned Crank-Nicolson: Grumitt, Karamanis and Seljak 2024): weakly informed dates are drawn almost afresh
  in one, where a random walk in 40 dimensions creeps; small ones reach what the t does not describe: edges of the
  possible, ridges, particles stranded in its tails.
- *Glides* of all coordinates along the slopes of a surrogate of the log-likelihood (Hamiltonian Monte Carlo whose
  trajectory is the surrogate's and whose acceptance is the posterior's own: Rasmussen 2003): far, and for one
  log-likelihood each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from negsim.calibration.bases import Base
from negsim.calibration.posterior import MAKE_POSSIBLE, SamplingError
from negsim.calibration.psis import effective_sample_size
from negsim.calibration.surrogate import Archive, Surrogate
from negsim.calibration.target import Target
from negsim.calibration.weights import choose_systematically
from negsim.state import Flags, Floats, Ints

DEGREES: Final = 5.0
"""Degrees of freedom of the fitted t."""
SMALLEST_STEP: Final = 0.05
LEAP: Final = 0.25
"""Step of a glide, in standard deviations of the particles."""
UNEVEN: Final = 0.2
"""Each particle's leaps are up to this share longer or shorter, so that none keeps coming back to where it was."""


@dataclass(frozen=True)
class Move:
    """A step of some coordinates, the others held, or a glide of all of them.

    Attributes
    ----------
    block : array of int
        The coordinates.
    step : float
        1 forgets the coordinate (as far as the t is right), near 0 hardly moves it; 0: drawn for each particle anew,
        between a small one and 1.
    leaps : int
        Of a glide; 0: a step.
    """

    block: Ints
    step: float
    leaps: int = 0


class Reference:
    """A Student t fitted to weighted particles.

    Parameters
    ----------
    z : array, shape (n, D)
    weights : array, shape (n,)
        Adding up to one.
    """

    def __init__(self, z: Floats, weights: Floats) -> None:
        size = z.shape[1]
        self.mean: Floats = weights @ z
        away = z - self.mean
        covariance = (weights[:, None] * away).T @ away
        # Few effective particles know variances better than covariances.
        trust = 1 / (1 + size * float(weights @ weights))
        spread = np.maximum(np.diag(covariance), 1e-12)
        covariance = trust * covariance + np.diag((1 - trust) * spread + 1e-9 * spread)
        self.precision: Floats = np.linalg.inv(covariance)

    def distance(self, z: Floats) -> Floats:
        """Squared Mahalanobis distance from the mean, shape (n,)."""
        away = z - self.mean
        return np.asarray(np.einsum("ij,ij->i", away @ self.precision, away))

    def log_density(self, distance: Floats) -> Floats:
        """Log density of the t, up to a constant."""
        return -0.5 * (DEGREES + len(self.mean)) * np.log1p(distance / DEGREES)

    def spread(self, block: Ints) -> Floats:
        """Factor of the scale of a block given the other coordinates, shape (b, b)."""
        return np.asarray(np.linalg.cholesky(np.linalg.inv(self.precision[np.ix_(block, block)])))

    def conditional(self, z: Floats, block: Ints) -> tuple[Floats, Floats]:
        """Mean, shape (n, b), and factor of the scale, shape (b, b), of a block given the other coordinates."""
        inner = self.precision[np.ix_(block, block)]
        scale = np.linalg.inv(inner)
        rest = np.setdiff1d(np.arange(len(self.mean)), block)
        pull = (z[:, rest] - self.mean[rest]) @ self.precision[np.ix_(rest, block)]
        return self.mean[block] - pull @ scale, np.linalg.cholesky(scale)


@dataclass(frozen=True)
class Guide:
    """What particles are moved by at a temperature: the t for steps, the surrogate for glides."""

    temperature: float
    reference: Reference
    surrogate: Surrogate | None = None


class Swarm:
    """Particles of one or more runs side by side, each run with its own randomness.

    Every state that a particle passes through at a temperature counts (waste-free: Dau and Chopin 2022): the pool of
    them is what is weighted, fitted and resampled at the next.

    Attributes
    ----------
    z : array, shape (runs * n, D)
        Standard coordinates of the particles, run after run.
    gain : array, shape (runs * n,)
        Log of likelihood times prior over the base: what the temperature is a power of.
    log_evidence : array, shape (runs,)
        So far.
    """

    def __init__(
        self,
        target: Target,
        particles: int,
        streams: Sequence[np.random.Generator],
        archive: Archive | None = None,
        base: Base | None = None,
    ) -> None:
        self.target = target
        self.base = base or Base()
        self.particles = particles
        self.streams = streams
        self.log_evidence = np.zeros(len(streams))
        self._archive = archive
        self._trail: list[tuple[Floats, Floats]] = []

    def draw(self, draws: int) -> None:
        """Draw from the base, `draws` points for each run: the first pool."""
        z = self._each(lambda stream: self.base.draw(draws, self.target.size, stream))
        self._trail.append((z, self._ask(z) + self.base.excess(z)))

    def pool(self, every: int = 1) -> tuple[Floats, Floats]:
        """States passed through since the last resampling and their gains, shapes (runs, states, D), (runs, states)."""
        kept = self._trail[::-1][::every]
        runs = len(self.streams)
        z = np.concatenate([z.reshape(runs, -1, self.target.size) for z, _ in kept], axis=1)
        return z, np.concatenate([gain.reshape(runs, -1) for _, gain in kept], axis=1)

    def told(self) -> tuple[Floats, Floats]:
        """Where the particles are, and their log-likelihoods."""
        return self.z, self.gain - self.base.excess(self.z)

    def warm(self, rise: float) -> Floats:
        """Raise the temperature: weigh the pool, add to the evidence, resample.

        Returns
        -------
        array, shape (runs,)
            Share of the pool of each run that stays effective.
        """
        z, gain = self.pool()
        logs = raise_power(gain, rise)
        top = logs.max(axis=1)
        if not np.isfinite(top).all():
            count = f"none of {logs.shape[1]} points that were drawn makes the data possible"
            raise SamplingError(f"{count}. {MAKE_POSSIBLE}")
        weights = np.exp(logs - top[:, None])
        self.log_evidence = self.log_evidence + top + np.log(weights.mean(axis=1))
        chosen = [
            choose_systematically(row, self.particles, stream)
            for row, stream in zip(weights, self.streams, strict=True)
        ]
        self.z = np.concatenate([run[places] for run, places in zip(z, chosen, strict=True)])
        self.gain = np.concatenate([run[places] for run, places in zip(gain, chosen, strict=True)])
        self._trail.clear()
        return np.array([effective_sample_size(row) / len(row) for row in logs])

    def move(self, guide: Guide, move: Move) -> Flags:
        """Make a move and say which particles accepted it, shape (runs * n,)."""
        z, log_ratio = self._glide(guide, move) if move.leaps else self._step(guide.reference, move)
        log_likelihood, excess = self._ask(z), self.base.excess(z)
        possible = np.isfinite(log_likelihood)
        gain = np.where(possible, log_likelihood, 0.0) + excess
        log_ratio += guide.temperature * (gain - self.gain) - excess + self.base.excess(self.z)
        log_ratio -= 0.5 * ((z * z).sum(axis=1) - (self.z * self.z).sum(axis=1))
        patience = self._each(lambda stream: stream.standard_exponential(self.particles))
        accepted = possible & (-patience < log_ratio)
        self.z = np.where(accepted[:, None], z, self.z)
        self.gain = np.where(accepted, gain, self.gain)
        self._trail.append((self.z, self.gain))
        return np.asarray(accepted)

    def _step(self, reference: Reference, move: Move) -> tuple[Floats, Floats]:
        """Step so that the reference t stays as it is; where to, and the log of the t's density back over there.

        A t is a normal whose precision is a gamma variable: given that (drawn for the present point) a step of the
        normal that is reversible for it is taken: ``mean + sqrt(1 - step**2) (z - mean) + step noise``.
        """
        step = np.full(len(self.z), move.step)
        if move.step == 0:
            step = SMALLEST_STEP ** self._each(lambda stream: stream.random(self.particles))
        before = reference.distance(self.z)
        shape = (DEGREES + len(reference.mean)) / 2
        precision = self._each(lambda stream: stream.standard_gamma(shape, self.particles))
        precision /= (DEGREES + before) / 2
        mean, factor = reference.conditional(self.z, move.block)
        noise = self._each(lambda stream: stream.standard_normal((self.particles, len(move.block)))) @ factor.T
        keep = np.sqrt(1 - step**2)[:, None] * (self.z[:, move.block] - mean)
        z = self.z.copy()
        z[:, move.block] = mean + keep + step[:, None] * noise / np.sqrt(precision)[:, None]
        return z, reference.log_density(before) - reference.log_density(reference.distance(z))

    def _glide(self, guide: Guide, move: Move) -> tuple[Floats, Floats]:
        """Glide along the surrogate's slopes from a random push; where to, and the kinetic energy lost on the way.

        Leapfrog steps (Neal 2011) in coordinates in which the particles have unit variance. They can be retraced and
        keep volume whatever the slopes are, which is all that is asked of them.
        """
        assert guide.surrogate is not None
        block, slope = move.block, guide.surrogate.slope
        factor = guide.reference.spread(block)
        push = self._each(lambda stream: stream.standard_normal((self.particles, len(block))))
        uneven = self._each(lambda stream: stream.uniform(-UNEVEN, UNEVEN, self.particles))
        leap = (move.step * (1 + uneven))[:, None]

        def pull(z: Floats) -> Floats:
            toward = guide.temperature * (slope(z) - z)
            if guide.temperature < 1:
                toward += (1 - guide.temperature) * self.base.slope(z)
            return toward[:, block] @ factor

        z, speed = self.z.copy(), push + 0.5 * leap * pull(self.z)
        for done in range(1, move.leaps + 1):
            z[:, block] += leap * speed @ factor.T
            speed += (leap if done < move.leaps else 0.5 * leap) * pull(z)
        return z, 0.5 * ((push * push).sum(axis=1) - (speed * speed).sum(axis=1))

    def _ask(self, z: Floats) -> Floats:
        told = self.target.log_likelihood(z)
        if self._archive is not None:
            self._archive.note(z, told)
        return told

    def _each(self, draw: Callable[[np.random.Generator], Floats]) -> Floats:
        """Draw for every run from its own stream."""
        return np.concatenate([draw(stream) for stream in self.streams])


def raise_power(gain: Floats, rise: float) -> Floats:
    """Log weights for a rise in temperature; what is impossible stays so, even for a rise of 0."""
    possible = np.isfinite(gain)
    return np.where(possible, rise * np.where(possible, gain, 0.0), -np.inf)
