"""Which posteriors are known? Targets with exact answers, targets that fool samplers, and ranks that give bugs away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from negsim.calibration.posterior import Posterior
from negsim.calibration.priors import JointPrior, Prior1D


def standard_prior(size: int) -> JointPrior:
    return JointPrior([f"p{place}" for place in range(size)], [Prior1D("normal", 0.0, 1.0)] * size)


@dataclass(frozen=True)
class Known:
    """A target, with what is known of its posterior.

    Attributes
    ----------
    latent : int
        Unit-cube coordinates.
    mean, sd : array
        Of the parameters.
    log_evidence : float
    """

    log_likelihood: Callable[..., np.ndarray]
    prior: JointPrior
    log_evidence: float
    mean: np.ndarray
    sd: np.ndarray
    latent: int = 0


# -- exact ------------------------------------------------------------------------------------------------------------


def gamma_poisson(counts: tuple[int, ...] = (3, 5, 1, 4), exposure: float = 2.0) -> Known:
    """Counts of events at one rate: the posterior is gamma, the evidence negative binomial."""
    a, b = 2.0, 1.5
    total, time = sum(counts), exposure * len(counts)
    y = np.array(counts)

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return stats.poisson.logpmf(y, exposure * theta).sum(axis=1)

    evidence = a * np.log(b) - special.gammaln(a) + total * np.log(exposure) - special.gammaln(y + 1).sum()
    evidence += special.gammaln(a + total) - (a + total) * np.log(b + time)
    mean, sd = (a + total) / (b + time), np.sqrt(a + total) / (b + time)
    return Known(
        log_likelihood, JointPrior(["rate"], [Prior1D("gamma", a, b)]), evidence, np.array([mean]), np.array([sd])
    )


def gaussian(size: int, seed: int = 0) -> Known:
    """A correlated normal likelihood, with scales from a tenth of the prior's to nine tenths."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.standard_normal((size, size)))
    precision = turn @ np.diag(np.exp(rng.uniform(np.log(0.1), np.log(0.9), size)) ** -2) @ turn.T
    centre = 0.7 * rng.standard_normal(size)

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        away = theta - centre
        return -0.5 * np.einsum("ij,jk,ik->i", away, precision, away)

    total = precision + np.eye(size)
    pull = precision @ centre
    mean = np.linalg.solve(total, pull)
    evidence = -0.5 * centre @ pull + 0.5 * pull @ mean - 0.5 * np.linalg.slogdet(total)[1]
    return Known(log_likelihood, standard_prior(size), evidence, mean, np.sqrt(np.diag(np.linalg.inv(total))))


def dose_response() -> Known:
    """Two parameters, curved together: successes at four doses, integrated on a grid."""
    dose = np.array([-0.86, -0.30, -0.05, 0.73])  # Gelman and others, Bayesian Data Analysis, section 3.7
    tried, deaths = 5, np.array([0, 1, 3, 5])
    prior = JointPrior(["level", "slope"], [Prior1D("normal", 0.0, 2.0), Prior1D("lognormal", 5.0, 1.0)])

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        logit = theta[:, :1] + theta[:, 1:] * dose
        return (deaths * logit - tried * np.logaddexp(0, logit)).sum(axis=1)

    return _integrate(log_likelihood, prior, points=401)


def _integrate(log_likelihood: Callable[[np.ndarray], np.ndarray], prior: JointPrior, points: int) -> Known:
    """Integrate two parameters over a grid of standard coordinates (the trapezium rule is exact enough for bells)."""
    axis = np.linspace(-7, 7, points)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    theta = prior.from_unconstrained(z)
    log_mass = log_likelihood(theta) + stats.norm.logpdf(z).sum(axis=1) + 2 * np.log(axis[1] - axis[0])
    evidence = special.logsumexp(log_mass)
    share = np.exp(log_mass - evidence)
    mean = share @ theta
    return Known(log_likelihood, prior, evidence, mean, np.sqrt(share @ (theta - mean) ** 2))


def shifted_dates(size: int = 20) -> Known:
    """Dates near a day that a parameter shifts, within their windows: each summed out by hand, the rest on a line."""
    prior = JointPrior(["shift"], [Prior1D("normal", 0.0, 1.0)])
    width = 0.15

    def log_likelihood(theta: np.ndarray, unit: np.ndarray) -> np.ndarray:
        return -0.5 * (((unit - 0.3 - 0.4 * theta) / width) ** 2).sum(axis=1)

    theta = np.linspace(-6, 6, 12_001)
    low, high = (np.array([[0.0], [1.0]]) - 0.3 - 0.4 * theta) / width
    tail = np.where(low > 0, -1, 1)  # the smaller tail is the exact one
    each = np.abs(special.ndtr(tail * high) - special.ndtr(tail * low)) * width * np.sqrt(2 * np.pi)
    log_mass = size * np.log(each) + stats.norm.logpdf(theta) + np.log(1e-3)
    evidence = special.logsumexp(log_mass)
    share = np.exp(log_mass - evidence)
    mean = share @ theta
    sd = np.sqrt(share @ (theta - mean) ** 2)
    return Known(log_likelihood, prior, evidence, np.array([mean]), np.array([sd]), size)


# -- what fools a sampler ---------------------------------------------------------------------------------------------


def two_bells(size: int = 2, apart: float = 1.5, width: float = 0.25, first: float = 0.5) -> Known:
    """Two bells on a diagonal, `first` being the likelihood's share of the lower one."""
    prior = standard_prior(size)
    centres = np.array([-apart, apart])

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        away = ((theta[:, None, :] - centres[:, None]) ** 2).sum(axis=2)
        return special.logsumexp(-0.5 * away / width**2, b=np.array([first, 1 - first]), axis=1)

    spread = 1 + width**2
    evidence = size * (-0.5 * apart**2 / spread + np.log(width) - 0.5 * np.log(spread))
    mean = np.full(size, (1 - 2 * first) * apart / spread)
    sd = np.sqrt(width**2 / spread + (apart / spread) ** 2 - mean**2)
    return Known(log_likelihood, prior, evidence, mean, sd)


def funnel(size: int = 5, spread: float = 3.0, wide: float = 20.0) -> Known:
    """Neal's funnel: the first coordinate is the log variance of the others (the evidence is 1)."""
    prior = JointPrior(
        ["log_variance", *(f"x{place}" for place in range(1, size))],
        [Prior1D("normal", 0.0, spread), *[Prior1D("normal", 0.0, wide)] * (size - 1)],
    )

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        narrower = np.exp(-theta[:, 0]) - wide**-2.0
        others = (theta[:, 1:] ** 2).sum(axis=1)
        return (size - 1) * (np.log(wide) - theta[:, 0] / 2) - 0.5 * others * narrower

    return Known(log_likelihood, prior, 0.0, np.zeros(size), np.r_[spread, np.full(size - 1, np.exp(spread**2 / 4))])


# -- ranks ------------------------------------------------------------------------------------------------------------


def place_truth(posterior: Posterior, theta: np.ndarray, unit: np.ndarray, log_likelihood: float) -> np.ndarray:
    """Weight of the draws below the truth, for each parameter, latent coordinate and the log-likelihood.

    Over data drawn with parameters drawn from the prior it is uniform, if the sampler is right (Cook, Gelman and Rubin
    2006; Modrak and others 2023 for the log-likelihood).
    """
    draws = np.concatenate([posterior.draws, posterior.latent, posterior.log_likelihood[:, None]], axis=1)
    return posterior.weights @ (draws < np.concatenate([theta, unit, [log_likelihood]]))


def rank_truth(
    fit: Callable[[np.ndarray, int], Posterior],
    simulate: Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray],
    told: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    prior: JointPrior,
    latent: int,
    simulations: int,
) -> np.ndarray:
    """Draw truths, simulate, fit and place the truth, shape (simulations, quantities)."""
    ranks = []
    for number in range(simulations):
        rng = np.random.default_rng([7, number])
        theta, unit = prior.draw(1, rng), rng.random((1, latent))
        data = simulate(theta[0], unit[0], rng)
        truth = float(told(theta, unit, data)[0])
        ranks.append(place_truth(fit(data, number), theta[0], unit[0], truth))
    return np.array(ranks)


def compare_ranks(ranks: np.ndarray) -> dict[int, float]:
    """p-value of uniformity for each quantity (Kolmogorov and Smirnov)."""
    return {column: float(stats.kstest(ranks[:, column], "uniform").pvalue) for column in range(ranks.shape[1])}
