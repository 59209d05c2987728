"""How is a posterior of one bell sampled in a moment? Find the bell, draw from a wide one, weigh.

A batched Newton search from several starts finds the mode and its curvature (Laplace); a multivariate t there is
refitted twice to the weighted draws' moments; draws of the last one, together with the pilot's draws from the prior,
are weighted by importance and their tail smoothed (:mod:`negsim.calibration.psis`). The prior's share in the mixture
bounds the weights: a mode that the t misses and the pilot hit shows as a few huge weights, and the gate refuses.

**The gate.** k-hat at most 0.5, effective sample size at least 300, one mode. What fails is an error that carries the
draws, not a posterior.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy import linalg, special

from negsim.calibration.posterior import MAKE_POSSIBLE, TEMPER, Posterior, SamplingError
from negsim.calibration.psis import effective_sample_size, evidence_error, find_doubts, smooth_weights
from negsim.calibration.target import Target
from negsim.progress import Progress, tell_nobody
from negsim.state import Flags, Floats
from negsim.streams import open_stream

PURPOSE_IMPORTANCE: Final = 82
DRAWS: Final = 4000
PILOT: Final = 0.1
"""Draws from the prior, as a share of all."""
STARTS: Final = 4
DEGREES: Final = 7.0
"""Degrees of freedom of the t."""
REFITS: Final = (500, 1000)
"""Draws on which the t is refitted."""

LARGEST_K: Final = 0.5
LEAST_ESS: Final = 300.0
NEGLIGIBLE: Final = 1e-3
"""Share of the mass below which a second mode is passed over."""

STENCIL: Final = 1e-3
"""Finite differences reach so many prior standard deviations."""
MOST_STEPS: Final = 30
CONVERGED: Final = 1e-4
"""Newton stops when it expects to gain less than this (in log density)."""
SHORTER: Final = (1.0, 0.5, 0.2, 0.05, 0.01)
"""Shares of a Newton step that are tried."""
LONGEST: Final = 4.0
"""Longest Newton step, in prior standard deviations."""


# -- modes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mode:
    """A local maximum of the posterior density, in standard coordinates.

    Attributes
    ----------
    place : array, shape (P,)
    height : float
        Log density there.
    covariance : array, shape (P, P)
        Inverse of minus the Hessian.
    mass : float
        Log of the mass of the bell with this height and covariance.
    """

    place: Floats
    height: float
    covariance: Floats
    mass: float


def find_modes(target: Target, starts: Floats) -> list[Mode]:
    """Climb from several starts by Newton's method, all in one call per step.

    Parameters
    ----------
    target : Target
    starts : array, shape (S, P)

    Returns
    -------
    list of Mode
        The different ones, the weightiest first; none where no climb ended in a maximum.
    """
    modes: list[Mode] = []
    climbing = starts
    for _ in range(MOST_STEPS):
        heights, gradients, hessians = measure_slopes(target, climbing)
        steps, gains, curved = _plan_steps(gradients, hessians)
        arrived = gains < CONVERGED
        for place in np.flatnonzero(arrived & curved):
            _note_mode(modes, climbing[place], float(heights[place]), hessians[place])
        going = np.flatnonzero(~arrived)
        if not len(going):
            break
        climbing = _search_lines(target, climbing[going], steps[going], heights[going])
        if not len(climbing):
            break
    return sorted(modes, key=lambda mode: -mode.mass)


def measure_slopes(target: Target, z: Floats) -> tuple[Floats, Floats, Floats]:
    """Log density, gradient and Hessian at some points, by finite differences in one call.

    It takes 1 + 2P + P(P - 1) rows a point. The prior's part is exact.

    Returns
    -------
    heights, gradients, hessians : arrays, shapes (S,), (S, P) and (S, P, P)
        NaN where a row of the stencil is impossible.
    """
    many, size = z.shape
    unit = np.eye(size)
    first, second = np.triu_indices(size, 1)
    pairs = unit[first] + unit[second]
    stencil = STENCIL * np.concatenate([np.zeros((1, size)), unit, -unit, pairs, -pairs])
    rows = (z[:, None, :] + stencil).reshape(-1, size)
    told = target.log_likelihood(rows).reshape(many, -1)
    with np.errstate(invalid="ignore"):
        here, up, down, both_up, both_down = np.split(told, np.cumsum([1, size, size, len(first)]), axis=1)
        gradients = (up - down) / (2 * STENCIL)
        straight = (up - 2 * here + down) / STENCIL**2
        cross = both_up + both_down + 2 * here - (up + down)[:, first] - (up + down)[:, second]
    hessians = np.zeros((many, size, size))
    hessians[:, first, second] = hessians[:, second, first] = cross / (2 * STENCIL**2)
    hessians[:, np.arange(size), np.arange(size)] = straight
    heights = here[:, 0] - 0.5 * (z * z).sum(axis=1)
    return heights, gradients - z, hessians - unit


def _plan_steps(gradients: Floats, hessians: Floats) -> tuple[Floats, Floats, Flags]:
    """Newton steps made uphill and not too long; what each would gain; whether the place is curved like a maximum."""
    broken: Flags = np.asarray(~(np.isfinite(gradients).all(axis=1) & np.isfinite(hessians).all(axis=(1, 2))))
    values, vectors = np.linalg.eigh(np.where(broken[:, None, None], 0.0, -hessians))
    along = np.einsum("sji,sj->si", vectors, np.where(broken[:, None], 0.0, gradients))
    steps = along / np.maximum(np.abs(values), 0.1)
    gains = 0.5 * (along * steps).sum(axis=1)
    steps = np.einsum("sij,sj->si", vectors, steps)
    length = np.sqrt((steps**2).sum(axis=1, keepdims=True))
    steps *= np.minimum(1.0, LONGEST / np.maximum(length, 1e-300))
    return steps, gains, np.asarray(~broken & (values > 0).all(axis=1))


def _search_lines(target: Target, z: Floats, steps: Floats, heights: Floats) -> Floats:
    """Go the best of some shares of each step; those that nowhere rise drop out."""
    shares = np.array(SHORTER)
    tried = z[:, None, :] + shares[:, None] * steps[:, None, :]
    told = target.log_likelihood(tried.reshape(-1, z.shape[1])).reshape(len(z), -1)
    rise = told - 0.5 * (tried**2).sum(axis=2) - heights[:, None]
    best = rise.argmax(axis=1)
    rows = np.arange(len(z))
    return np.asarray(tried[rows, best][rise[rows, best] > 0])


def _note_mode(modes: list[Mode], place: Floats, height: float, hessian: Floats) -> None:
    """Add a mode unless it is known: within half a standard deviation of one that is."""
    known = (float((place - mode.place) @ np.linalg.solve(mode.covariance, place - mode.place)) for mode in modes)
    if any(distance < 0.25 for distance in known):
        return
    covariance: Floats = np.asarray(np.linalg.inv(-hessian), dtype=float)
    mass = height + 0.5 * float(np.linalg.slogdet(2 * np.pi * covariance)[1])
    modes.append(Mode(place, height, covariance, mass))


def choose_starts(z: Floats, heights: Floats, number: int) -> Floats:
    """Choose high points that lie apart, from draws, shape (n, P): the highest, then the highest far from those."""
    left = z[np.argsort(-heights)][: max(number, np.isfinite(heights).sum() // 2)]
    apart = np.sqrt(z.shape[1])
    chosen = [left[0]]
    while len(chosen) < number:
        distance = np.min([np.sqrt(((left - start) ** 2).sum(axis=1)) for start in chosen], axis=0)
        far = distance >= apart
        if not far.any():
            apart /= 2
            if apart < 0.1:
                break
            continue
        chosen.append(left[np.argmax(far)])
    return np.array(chosen)


# -- the bell ---------------------------------------------------------------------------------------------------------


class Bell:
    """A multivariate t.

    Parameters
    ----------
    mean : array, shape (P,)
    scale : array, shape (P, P)
    """

    def __init__(self, mean: Floats, scale: Floats) -> None:
        self.mean = mean
        self.scale = scale
        self._factor = np.linalg.cholesky(scale)

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw points, shape (n, P)."""
        noise = rng.standard_normal((n, len(self.mean))) @ self._factor.T
        return self.mean + noise / np.sqrt(rng.chisquare(DEGREES, n) / DEGREES)[:, None]

    def log_density(self, z: Floats) -> Floats:
        """Log density at points, shape (n,)."""
        size = len(self.mean)
        away = linalg.solve_triangular(self._factor, (z - self.mean).T, lower=True)
        constant = special.gammaln((DEGREES + size) / 2) - special.gammaln(DEGREES / 2)
        constant -= 0.5 * size * np.log(DEGREES * np.pi) + np.log(np.diag(self._factor)).sum()
        return np.asarray(constant - 0.5 * (DEGREES + size) * np.log1p((away**2).sum(axis=0) / DEGREES))

    def refit(self, z: Floats, log_weights: Floats) -> Bell:
        """Match the moments of weighted draws; where few are effective, keep some of the old scale."""
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        mean = weights @ z
        away = z - mean
        trust = 1 / (1 + len(mean) * float(weights @ weights))
        return Bell(mean, trust * (weights[:, None] * away).T @ away + (1 - trust) * self.scale)


# -- sampling ---------------------------------------------------------------------------------------------------------


def sample_by_importance(
    target: Target,
    seed: int,
    *,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Posterior:
    """Sample a posterior by Pareto-smoothed importance sampling.

    Parameters
    ----------
    target : Target
        With at least one parameter and nothing latent.
    seed : int
    draws : int
        Draws that are weighted and returned (a tenth of them from the prior).
    progress : callable, optional
        See :data:`~negsim.progress.Progress`.

    Returns
    -------
    Posterior

    Raises
    ------
    SamplingError
        When the gate refuses; its `posterior` holds the draws, where there are any.
    """
    if target.latent or not target.parameters:
        raise ValueError("importance sampling needs parameters and nothing latent: use tempering")
    tell = progress or tell_nobody
    before = target.evaluations
    stream = open_stream(seed, PURPOSE_IMPORTANCE, 0, ())
    pilot = stream.standard_normal((round(PILOT * draws), target.size))
    told = target.log_likelihood(pilot)
    if not np.isfinite(told).any():
        count = f"none of {len(pilot)} points drawn from the prior makes the data possible"
        raise SamplingError(f"{count}. {MAKE_POSSIBLE}")
    tell(0.1, "modes")
    modes = find_modes(target, choose_starts(pilot, told - 0.5 * (pilot**2).sum(axis=1), STARTS))
    if not modes:
        raise SamplingError(f"no climb ended in a maximum of the posterior density: {TEMPER}")
    tell(0.4, "draws")
    bell = _refit(target, Bell(modes[0].place, modes[0].covariance), stream)
    posterior = _weigh(target, bell, pilot, told, draws, seed, stream)
    posterior = _note_modes(posterior, modes, target.evaluations - before)
    tell(1.0, "draws")
    if posterior.diagnostics["refused"]:
        why = posterior.diagnostics["refused"]
        raise SamplingError(f"importance sampling is not to be trusted ({why}): {TEMPER}", posterior)
    return posterior


def _refit(target: Target, bell: Bell, stream: np.random.Generator) -> Bell:
    for draws in REFITS:
        z = bell.draw(draws, stream)
        log_weights = target.log_likelihood(z) - 0.5 * (z * z).sum(axis=1) - bell.log_density(z)
        if not np.isfinite(log_weights).any():
            return bell
        bell = bell.refit(z, smooth_weights(log_weights)[0])
    return bell


def _weigh(
    target: Target, bell: Bell, pilot: Floats, told: Floats, draws: int, seed: int, stream: np.random.Generator
) -> Posterior:
    """Draw from the bell and weigh the draws and the pilot's by the mixture that they come from."""
    drawn = bell.draw(draws - len(pilot), stream)
    z = np.concatenate([pilot, drawn])
    log_likelihood = np.concatenate([told, target.log_likelihood(drawn)])
    before = target.prior.logpdf_unconstrained(z)
    share = len(pilot) / draws
    mixture = np.logaddexp(np.log(share) + before, np.log1p(-share) + bell.log_density(z))
    given = log_likelihood + before - mixture
    log_weights, k_hat = smooth_weights(given)
    ess = effective_sample_size(log_weights)
    kept = log_weights > -np.inf
    return Posterior(
        prior=target.prior,
        draws=target.point(z[kept])[0],
        log_weights=log_weights[kept],
        log_likelihood=log_likelihood[kept],
        log_evidence=float(special.logsumexp(log_weights) - np.log(draws)),
        log_evidence_se=evidence_error(given, log_weights),
        method="importance",
        evaluations=0,
        seed=seed,
        diagnostics={"ess": ess, "k_hat": k_hat},
    )


def _note_modes(posterior: Posterior, modes: list[Mode], evaluations: int) -> Posterior:
    """Note the modes and what the gate says."""
    heavy = [mode for mode in modes if mode.mass > modes[0].mass + np.log(NEGLIGIBLE)]
    diagnostics = {**posterior.diagnostics, "modes": len(heavy)}
    diagnostics["refused"] = "; ".join(_refuse(posterior.ess, posterior.diagnostics["k_hat"], len(heavy)))
    return replace(posterior, evaluations=evaluations, diagnostics=diagnostics)


def _refuse(ess: float, k_hat: float, modes: int) -> list[str]:
    doubts = find_doubts(k_hat, ess, LARGEST_K, LEAST_ESS)
    return [*doubts, f"there are {modes} modes"] if modes > 1 else doubts
