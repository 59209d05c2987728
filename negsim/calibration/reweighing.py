"""Are bells near what scouts found enough of a map? Learn a base from weighted draws, draw from it, weigh.

Scouts (:mod:`negsim.calibration.pilot`) say roughly where a posterior is; a base with a bell there
(:class:`~negsim.calibration.bases.Bell`) is fitted to weighted draws, round after round, all of them weighted by the
mixture of the bases so far (adaptive multiple importance sampling: Cornuet, Marin, Mira and Robert 2012). These draws
are then thrown away: a base that was fitted to its own draws flatters them. Fresh ones from the last base, with nothing
adapted, are independent, and their weights say by themselves how good they are: the evidence has no bias, and a ridge
that the base does not follow shows as a few huge weights.

**The gate.** k-hat at most 0.7, effective sample size at least 300, and not much less evidence than the
scouts found from the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import special

from negsim.calibration.bases import Base
from negsim.calibration.importance import LEAST_ESS
from negsim.calibration.pilot import Plan, find_missed, fit_bell
from negsim.calibration.posterior import TEMPER, Posterior, SamplingError
from negsim.calibration.psis import (
    control_rejection,
    effective_sample_size,
    evidence_error,
    find_doubts,
    smooth_weights,
)
from negsim.calibration.swarms import Reference
from negsim.calibration.target import Target
from negsim.progress import Progress, tell_nobody
from negsim.state import Floats
from negsim.streams import open_stream

PURPOSE_REWEIGHING: Final = 103
MOST_DRAWS: Final = 65_536
"""Draws that are weighed where no number is asked for, at most."""
BLOCK: Final = 8192
"""Draws of a round of learning, and those that are weighed at a time."""
ROUNDS: Final = 8
"""Rounds of learning, at most."""
ENOUGH: Final = 4000.0
"""Effective draws after which no further round of learning is made."""
WANTED: Final = 9000.0
"""Effective draws that are aimed at thereafter; fewer will be, as the base flatters those that it was learned from."""
HOPELESS: Final = 20.0
"""Effective draws of two rounds with which no third is worth it."""
LARGEST_K: Final = 0.7
"""With a larger k-hat the draws show where the base is too narrow: it is fitted to them, and they are drawn anew,"""
ATTEMPTS: Final = 2
"""until so many attempts have been made."""
WIDER: Final = 1.1
"""Factor on the covariance of the draws."""
KEPT: Final = 6000
"""Draws that are returned, about."""


def sample_by_reweighing(
    target: Target, seed: int, plan: Plan, *, draws: int | None = None, progress: Progress | None = None
) -> Posterior:
    """Sample a posterior by importance sampling, from where scouts found it.

    Parameters
    ----------
    target : Target
    seed : int
    plan : Plan
        Of the scouts (:func:`~negsim.calibration.tempering.send_scouts`).
    draws : int, optional
        Draws that are weighed after the base is learned (of those with small weights some are returned for all).
        Usually as many as would let 9,000 be effective, if those that the base was learned from say right, at most
        65,536.
    progress : callable, optional
        See :data:`~negsim.progress.Progress`.

    Returns
    -------
    Posterior

    Raises
    ------
    SamplingError
        When the gate refuses; its `posterior` holds the draws.
    """
    tell = progress or tell_nobody
    before = target.evaluations
    learning = open_stream(seed, PURPOSE_REWEIGHING, 0, ())
    base, usual = learn(target, plan, learning, lambda share: tell(0.4 * share, "bells"))
    stream = open_stream(seed, PURPOSE_REWEIGHING, 1, ())
    for attempt in range(1, ATTEMPTS + 1):
        z, log_likelihood = _draw(target, base, draws or usual, stream, lambda share: tell(0.4 + 0.6 * share, "draws"))
        given = log_likelihood + base.excess(z)
        log_weights, k_hat = smooth_weights(given)
        worth = effective_sample_size(log_weights)
        if k_hat <= LARGEST_K or worth < LEAST_ESS or attempt == ATTEMPTS:
            break
        base = fit_bell(weigh_particles(z, log_weights), target, WIDER)
    posterior = _keep(target, z, log_likelihood, given, log_weights, seed, stream)
    posterior = replace(
        posterior,
        evaluations=plan.evaluations + target.evaluations - before,
        diagnostics={**posterior.diagnostics, "k_hat": k_hat, "attempts": attempt},
    )
    doubts = find_doubts(k_hat, worth, LARGEST_K, LEAST_ESS)
    doubts += find_missed(plan.log_evidence, posterior.log_evidence)
    if doubts:
        raise SamplingError(f"importance sampling is not to be trusted ({'; '.join(doubts)}): {TEMPER}", posterior)
    return posterior


def _draw(
    target: Target, base: Base, draws: int, stream: np.random.Generator, tell: Callable[[float], None]
) -> tuple[Floats, Floats]:
    """Draw from a base, block by block; with log-likelihoods."""
    points, told = [], []
    for done in range(0, draws, BLOCK):
        points.append(base.draw(min(BLOCK, draws - done), target.size, stream))
        told.append(target.log_likelihood(points[-1]))
        tell(min(done + BLOCK, draws) / draws)
    return np.concatenate(points), np.concatenate(told)


def learn(target: Target, plan: Plan, stream: np.random.Generator, tell: Callable[[float], None]) -> tuple[Base, int]:
    """Fit a base to draws from a base, until enough of them are effective.

    Returns
    -------
    Base
    int
        How many draws from it are worth weighing.

    Raises
    ------
    SamplingError
        When hardly any is.
    """
    reference = plan.stages[-1].guide.reference
    bases, excess = list[Base](), list[Floats]()
    z, told = np.zeros((0, target.size)), np.zeros(0)
    for number in range(ROUNDS):
        bases.append(fit_bell(reference, target, WIDER))
        drawn = bases[-1].draw(BLOCK, target.size, stream)
        z, told = np.concatenate([z, drawn]), np.concatenate([told, target.log_likelihood(drawn)])
        excess = [np.concatenate([known, base.excess(drawn)]) for known, base in zip(excess, bases, strict=False)]
        excess.append(bases[-1].excess(z))
        mixture = special.logsumexp([-each for each in excess], axis=0) - np.log(len(bases))
        log_weights, _ = smooth_weights(told - mixture)
        worth = effective_sample_size(log_weights)
        if worth < HOPELESS and number:
            raise SamplingError(
                f"of {len(z)} draws from bells where scouts have been, {worth:.0f} are effective: {TEMPER}"
            )
        reference = weigh_particles(z, log_weights)
        tell((number + 1) / ROUNDS)
        if worth >= ENOUGH:
            break
    blocks = np.ceil(WANTED / worth * len(z) / BLOCK)
    return fit_bell(reference, target, WIDER), int(min(blocks * BLOCK, MOST_DRAWS))


def weigh_particles(z: Floats, log_weights: Floats) -> Reference:
    """Find the moments of weighted draws."""
    weights = np.exp(log_weights - log_weights.max())
    return Reference(z, weights / weights.sum())


def _keep(
    target: Target,
    z: Floats,
    log_likelihood: Floats,
    given: Floats,
    log_weights: Floats,
    seed: int,
    stream: np.random.Generator,
) -> Posterior:
    """Make a posterior of draws and their weights, given and smoothed; few of those that weigh little."""
    worth = effective_sample_size(log_weights)
    kept, logs = control_rejection(log_weights, KEPT, stream)
    draws, latent = target.point(z[kept])
    return Posterior(
        prior=target.prior,
        draws=draws,
        latent=latent,
        log_weights=logs,
        log_likelihood=log_likelihood[kept],
        log_evidence=float(special.logsumexp(log_weights) - np.log(len(z))),
        log_evidence_se=evidence_error(given, log_weights),
        method="importance",
        evaluations=0,
        seed=seed,
        diagnostics={"ess": effective_sample_size(logs), "weighed": len(z), "effective": worth},
    )
