"""How is a posterior sampled whose likelihood is only estimated? Climb, survey, weigh.

Importance sampling squared (Tran, Scharth, Pitt and Kohn 2013): parameters are drawn from a bell, the likelihood of
each, with all that is latent integrated out, is estimated without bias by a particle filter
(:mod:`negsim.calibration.chains`), and the draw weighs prior times estimate over the bell's density. What the noise of
the estimates costs is effective sample size, nothing else.

- *Climb.* From the best of some draws from the prior, steps of Newton's method: slope and curvature of the likelihood
  are means over trajectories drawn by the filter (Fisher's and Louis's identities), so that each step needs only
  replays of these.
- *Survey.* Estimates at draws from a wide bell there; a quadratic fitted to their logs (a regression: the noise
  averages out) gives the next bell. Twice.
- *Weigh.* As many particles as make the noise of a log estimate about one; rounds of draws, each from a bell refitted
  to the weighted draws so far, until enough are effective. All are weighted by the mixture of the bells.

**The gate.** k-hat at most 0.7 and effective sample size at least 100; what fails is an error that carries the draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from scipy import special

from negsim.calibration.hills import Hill, fit_hill
from negsim.calibration.importance import STENCIL
from negsim.calibration.posterior import MAKE_POSSIBLE, TEMPER, Posterior, SamplingError
from negsim.calibration.priors import JointPrior
from negsim.calibration.psis import effective_sample_size, evidence_error, find_doubts, smooth_weights
from negsim.calibration.target import Estimated, Integrable, Marginal
from negsim.progress import Progress, tell_nobody
from negsim.state import Floats
from negsim.streams import open_stream

PURPOSE_GUIDED: Final = 102
DRAWS: Final = 400
SCOUTS: Final = 64
"""Draws from the prior, the best of which is where the climb begins."""
FEW: Final = 16
"""Particles of an estimate that is only to show the way."""
MORE: Final = (1, 4, 16)
"""Times as many particles where so few find the chronology impossible."""
MOST: Final = (*MORE, 64)
"""The same in the last attempt."""
TRAJECTORIES: Final = 12
CLIMBS: Final = 8
LONGEST: Final = 3.0
"""Longest step of the climb, in prior standard deviations."""
SHARES: Final = (0.0, 0.25, 0.5, 1.0)
"""Shares of a step that are tried,"""
TRIES: Final = 8
"""each by so many estimates."""
ARRIVED: Final = 0.3
"""The climb ends with a step that is to gain less than half of this."""
MISSING: Final = 0.8
"""Most of the information that unknown dates may be thought to take away."""
SURVEYS: Final = (240, 320)
WIDE: Final = 1.2
"""Scale of the bells that are surveyed, in those of the quadratic."""
FAR: Final = 18.0
"""An estimate so much lower than the highest, in logs, says nothing of the top."""
NOISE: Final = 1.0
"""Standard deviation of a log estimate that is aimed at."""
MOST_PARTICLES: Final = 64
LARGEST_K: Final = 0.7
LEAST_ESS: Final = 100.0
ROUNDS: Final = 8
SMALLEST_ROUND: Final = 64
"""Rounds after the first are of so many draws, or as many times that as seem to be missing."""
WANTED: Final = 150.0
"""Effective draws after which no further round is made."""


def sample_by_guided(
    likelihood: Integrable,
    prior: JointPrior,
    seed: int,
    *,
    draws: int = DRAWS,
    progress: Progress | None = None,
) -> Posterior:
    """Sample the posterior of a chronology whose order is known and whose dates are not.

    Parameters
    ----------
    likelihood : Integrable
        That of a chronology with the compiled engine, if its moves are a chain
        (:func:`~negsim.calibration.chains.explain_no_chain`).
    prior : JointPrior
        Of at least one parameter.
    seed : int
    draws : int
        Draws of each round; up to eight rounds are made, until 150 draws are effective.
    progress : callable, optional
        See :data:`~negsim.progress.Progress`.

    Returns
    -------
    Posterior

    Raises
    ------
    SamplingError
        When the chronology is no such chain (the message says why), or the gate refuses: then its `posterior` holds the
        draws, where there are any.
    """
    why = likelihood.explain_no_marginal() or ("" if len(prior) else "there is no parameter")
    if why:
        raise SamplingError(f"the guided sampler cannot take this chronology ({why}): {TEMPER}")
    tell = progress or tell_nobody
    stream = open_stream(seed, PURPOSE_GUIDED, 0, ())
    chain = likelihood.marginal(prior, seed)
    try:
        hill = climb(chain, find_start(chain, stream, MORE), tell, MORE)
    except SamplingError:  # particles that know too little of what lies ahead find no way
        chain = likelihood.marginal(prior, seed, narrow=True)
        hill = climb(chain, find_start(chain, stream, MOST), tell, MOST)
    hill, noise = survey(chain, hill, stream, tell)
    return weigh(chain, hill, noise, seed, draws, stream, tell)


# -- climb -------------------------------------------------------------------------------------------------------------


def find_start(chain: Marginal, stream: np.random.Generator, multiples: Sequence[int]) -> Floats:
    """Find the best of some draws from the prior, with as many times the particles as it takes."""
    z = stream.standard_normal((SCOUTS, len(chain.prior)))
    z[0] = 0.0
    for more in multiples:
        told = chain.estimate(z, more * FEW).log_mean
        if np.isfinite(told).any():
            return np.asarray(z[np.argmax(told)])
    raise SamplingError(f"at none of {SCOUTS} points drawn from the prior is the chronology possible. {MAKE_POSSIBLE}")


def draw_trajectories(chain: Marginal, place: Floats, multiples: Sequence[int]) -> Floats:
    """Draw dates at a point, shape (trajectories, moves), with as many times the particles as it takes."""
    for more in multiples:
        found = chain.estimate(np.repeat(place[None, :], TRAJECTORIES, axis=0), more * FEW)
        possible = np.isfinite(found.log_mean)
        if possible.sum() >= TRAJECTORIES // 2:
            return found.latent[possible]
    raise SamplingError(f"hardly any dates are found that make the chronology possible. {MAKE_POSSIBLE}")


def climb(chain: Marginal, start: Floats, tell: Progress, multiples: Sequence[int] = MORE) -> Hill:
    """Climb to where the posterior density is highest, by means over trajectories."""
    place, lost = start, []
    for number in range(CLIMBS):
        slopes, curves = measure_trajectories(chain, place, draw_trajectories(chain, place, multiples))
        lost.append(slopes - slopes.mean(axis=0))
        full = np.eye(len(place)) - curves.mean(axis=0)
        precision = _take_away(full, np.concatenate(lost[-3:]))
        step = np.linalg.solve(precision, slopes.mean(axis=0) - place)
        tell(0.15 * (number + 1) / CLIMBS, "climb")
        if step @ precision @ step < ARRIVED:
            return Hill(place + step, precision)
        step *= min(1.0, LONGEST / float(np.sqrt(step @ step)))
        tried = place + np.array(SHARES)[:, None] * step
        heights = chain.estimate(np.repeat(tried, TRIES, axis=0), FEW).log_mean.reshape(len(tried), TRIES)
        place = tried[np.argmax(special.logsumexp(heights, axis=1) - 0.5 * (tried**2).sum(axis=1))]
    return Hill(place, precision)


def measure_trajectories(chain: Marginal, place: Floats, days: Floats) -> tuple[Floats, Floats]:
    """Slope and curvature of each trajectory's log-likelihood at a point, by finite differences in one call.

    Returns
    -------
    slopes, curves : arrays, shapes (trajectories, P) and (trajectories, P, P)
    """
    size = len(place)
    unit = np.eye(size)
    first, second = np.triu_indices(size, 1)
    pairs = unit[first] + unit[second]
    stencil = STENCIL * np.concatenate([np.zeros((1, size)), unit, -unit, pairs, -pairs])
    rows = np.tile(place + stencil, (len(days), 1))
    told = chain.replay(rows, np.repeat(days, len(stencil), axis=0)).reshape(len(days), -1)
    here, up, down, both_up, both_down = np.split(told, np.cumsum([1, size, size, len(first)]), axis=1)
    slopes = (up - down) / (2 * STENCIL)
    cross = both_up + both_down + 2 * here - (up + down)[:, first] - (up + down)[:, second]
    curves = np.zeros((len(days), size, size))
    curves[:, first, second] = curves[:, second, first] = cross / (2 * STENCIL**2)
    curves[:, np.arange(size), np.arange(size)] = (up - 2 * here + down) / STENCIL**2
    return slopes, curves


def _take_away(full: Floats, scatter: Floats) -> Floats:
    """The information that is left when that of unknown dates, the scatter of slopes, is taken away (Louis 1982)."""
    values, vectors = np.linalg.eigh(full)
    root = vectors * np.sqrt(np.maximum(values, 1.0))
    inverse = np.linalg.inv(root)
    missing = inverse @ (scatter.T @ scatter / max(len(scatter) - 3, 1)) @ inverse.T
    shares, axes = np.linalg.eigh(missing)
    left = (axes * (1 - np.minimum(shares, MISSING))) @ axes.T
    return np.asarray(root @ left @ root.T)


# -- survey ------------------------------------------------------------------------------------------------------------


def survey(chain: Marginal, hill: Hill, stream: np.random.Generator, tell: Progress) -> tuple[Hill, float]:
    """Fit a quadratic to estimates around a hill; also the noise of an estimate by few particles."""
    points, heights = np.zeros((0, len(hill.place))), np.zeros(0)
    noise = 1.0
    for number, many in enumerate(SURVEYS):
        z = hill.bell(WIDE).draw(many, stream)
        points = np.concatenate([points, z])
        heights = np.concatenate([heights, chain.estimate(z, FEW).log_mean - 0.5 * (z**2).sum(axis=1)])
        high = heights > heights.max() - FAR
        hill, noise = fit_hill(points[high], heights[high], hill)
        tell(0.15 + 0.15 * (number + 1) / len(SURVEYS), "survey")
    return hill, noise


# -- weigh -------------------------------------------------------------------------------------------------------------


def weigh(
    chain: Marginal, hill: Hill, noise: float, seed: int, draws: int, stream: np.random.Generator,
    tell: Progress,
) -> Posterior:  # fmt: skip
    """Draw from the bell and weigh, until enough draws are effective."""
    particles = int(np.clip(FEW * round((noise / NOISE) ** 2), FEW, MOST_PARTICLES))
    bells, parts, many = [hill.bell(1.0)], list[tuple[Floats, Estimated]](), draws
    for number in range(ROUNDS):
        z = bells[-1].draw(many, stream)
        parts.append((z, chain.estimate(z, particles)))
        every = np.concatenate([z for z, _ in parts])
        height = np.concatenate([found.log_mean for _, found in parts]) + chain.prior.logpdf_unconstrained(every)
        shares = np.array([len(z) for z, _ in parts]) / len(every)
        mixture = special.logsumexp([bell.log_density(every) for bell in bells], axis=0, b=shares[:, None])
        given = height - mixture
        log_weights, k_hat = smooth_weights(given)
        tell(0.3 + 0.7 * (number + 1) / ROUNDS, "draws")
        ess = effective_sample_size(log_weights)
        if ess >= WANTED and k_hat <= LARGEST_K:
            break
        if k_hat <= LARGEST_K:
            many = min(draws, SMALLEST_ROUND * (1 + int(len(every) * (WANTED / ess - 1.0) / SMALLEST_ROUND)))
        bells.append(bells[-1].refit(every, log_weights))
    notes = {"k_hat": k_hat, "particles": particles, "noise": noise, "rounds": len(parts)}
    error = evidence_error(given, log_weights)
    posterior = _put_together(chain, parts, log_weights, error, seed, notes)
    reasons = find_doubts(k_hat, posterior.ess, LARGEST_K, LEAST_ESS)
    if reasons:
        raise SamplingError(f"the guided sampler is not to be trusted ({'; '.join(reasons)})", posterior)
    return posterior


def _put_together(
    chain: Marginal,
    parts: list[tuple[Floats, Estimated]],
    log_weights: Floats,
    error: float,
    seed: int,
    notes: dict[str, Any],
) -> Posterior:
    z = np.concatenate([z for z, _ in parts])
    latent = np.concatenate([found.latent for _, found in parts])
    told = np.concatenate([found.log_likelihood for _, found in parts])
    ess = effective_sample_size(log_weights)
    kept = log_weights > -np.inf
    unit = chain.find_points(latent[kept])
    return Posterior(
        prior=chain.prior,
        draws=chain.prior.from_unconstrained(z[kept]),
        log_weights=log_weights[kept],
        log_likelihood=told[kept] + chain.log_volume(unit),
        log_evidence=float(special.logsumexp(log_weights) - np.log(len(z))),
        log_evidence_se=error,
        method="guided",
        evaluations=chain.evaluations,
        seed=seed,
        latent=unit,
        diagnostics={"ess": ess, **notes},
    )
