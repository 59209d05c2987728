"""Are bells near what scouts found enough of a map? Learn a base from weighted draws, draw from it, weigh.

Scouts (:mod:`negsim.calibration.pilot`) say roughly where a posterior is; a base with a bell there
(:class:`~negsim.calibration.bases.Bell`) is fitted to weighted draws, round after round, all of them weighted by the
mixture of the bases so far (adaptive multiple importance sampling: Cornuet, Marin, Mira and Robert 2012). These draws
are then thrown away: a base that was fitted to its own draws flatters them. Fresh ones from the last base, with nothing
adapted, are independent, and their weights say by themselves how good they are: the evidence has no bias, and a ridge
that the base does not follow shows as a few huge weights.

**The gate.** That of :mod:`negsim.calibration.importance`: k-hat at most 0.5, effective sample size at least 300; and
not much less evidence than the scouts found from the prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
from scipy import special

from negsim.calibration.bases import Base
from negsim.calibration.importance import LARGEST_K, LEAST_ESS
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
from negsim.calibration.target import Progress, Target
from negsim.state import Floats
from negsim.streams import open_stream

PURPOSE_REWEIGHING: Final = 103
DRAWS: Final = 32_768
BLOCK: Final = 8192
"""Draws of a round of learning, and those that are weighed at a time."""
ROUNDS: Final = 6
"""Rounds of learning, at most."""
ENOUGH: Final = 1500.0
"""Effective draws after which no further round is made."""
HOPELESS: Final = 20.0
"""Effective draws of two rounds with which no third is worth it."""
WIDER: Final = 1.1
"""Factor on the covariance of the draws."""
KEPT: Final = 6000
"""Draws that are returned, about."""


def sample_by_reweighing(
    target: Target, seed: int, plan: Plan, *, draws: int = DRAWS, progress: Progress | None = None
) -> Posterior:
    """Sample a posterior by importance sampling, from where scouts found it.

    Parameters
    ----------
    target : Target
    seed : int
    plan : Plan
        Of the scouts (:func:`~negsim.calibration.tempering.send_scouts`).
    draws : int
        Draws that are weighed after the base is learned; of those with small weights some are returned for all.
    progress : callable, optional
        See :data:`~negsim.calibration.target.Progress`.

    Returns
    -------
    Posterior

    Raises
    ------
    SamplingError
        When the gate refuses; its `posterior` holds the draws.
    """
    tell = progress or (lambda share, what: None)
    before = target.evaluations
    base = learn(target, plan, open_stream(seed, PURPOSE_REWEIGHING, 0, ()), lambda share: tell(0.5 * share, "bells"))
    stream = open_stream(seed, PURPOSE_REWEIGHING, 1, ())
    points, told = [], []
    for done in range(0, draws, BLOCK):
        points.append(base.draw(min(BLOCK, draws - done), target.size, stream))
        told.append(target.log_likelihood(points[-1]))
        tell(0.5 + 0.5 * min(done + BLOCK, draws) / draws, "draws")
    posterior = weigh(target, base, np.concatenate(points), np.concatenate(told), seed, stream)
    posterior = replace(posterior, evaluations=plan.evaluations + target.evaluations - before)
    doubts = find_doubts(posterior.diagnostics["k_hat"], posterior.ess, LARGEST_K, LEAST_ESS)
    missed = find_missed(plan.log_evidence, posterior.log_evidence)
    if missed or doubts:
        raise SamplingError(
            f"importance sampling is not to be trusted ({'; '.join([*doubts, *missed])}): {TEMPER}", posterior
        )
    return posterior


def learn(target: Target, plan: Plan, stream: np.random.Generator, tell: Callable[[float], None]) -> Base:
    """Fit a base to draws from a base, until enough of them are effective.

    Raises
    ------
    SamplingError
        When hardly any is.
    """
    reference = plan.stages[-1].guide.reference
    bases, points, told = list[Base](), list[Floats](), list[Floats]()
    for number in range(ROUNDS):
        bases.append(fit_bell(reference, target, WIDER))
        points.append(bases[-1].draw(BLOCK, target.size, stream))
        told.append(target.log_likelihood(points[-1]))
        z = np.concatenate(points)
        mixture = special.logsumexp([-base.excess(z) for base in bases], axis=0) - np.log(len(bases))
        log_weights, _ = smooth_weights(np.concatenate(told) - mixture)
        worth = effective_sample_size(log_weights)
        if worth < HOPELESS and number:
            raise SamplingError(
                f"of {len(z)} draws from bells where scouts have been, {worth:.0f} are effective: {TEMPER}"
            )
        weights = np.exp(log_weights - log_weights.max())
        reference = Reference(z, weights / weights.sum())
        tell((number + 1) / ROUNDS)
        if worth >= ENOUGH:
            break
    return fit_bell(reference, target, WIDER)


def weigh(target: Target, base: Base, z: Floats, told: Floats, seed: int, stream: np.random.Generator) -> Posterior:
    """Weigh draws from a base, and keep few of those that weigh little."""
    log_weights, k_hat = smooth_weights(told + base.excess(z))
    worth = effective_sample_size(log_weights)
    kept, logs = control_rejection(log_weights, KEPT, stream)
    draws, latent = target.point(z[kept])
    return Posterior(
        prior=target.prior,
        draws=draws,
        latent=latent,
        log_weights=logs,
        log_likelihood=told[kept],
        log_evidence=float(special.logsumexp(log_weights) - np.log(len(z))),
        log_evidence_se=evidence_error(worth, len(z)),
        method="importance",
        evaluations=0,
        seed=seed,
        diagnostics={"ess": effective_sample_size(logs), "k_hat": k_hat, "weighed": len(z), "effective": worth},
    )
