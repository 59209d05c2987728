"""How is a posterior sampled that no single bell fits? From the prior, the likelihood turned up by degrees.

Adaptive tempered sequential Monte Carlo (Del Moral, Doucet and Jasra 2006). Scouts are drawn from the prior; at each
temperature they are weighted by a power of the likelihood (chosen so that half of them stay effective), resampled, and
moved until they have forgotten where they started (:mod:`negsim.calibration.swarms` says how). Several independent runs
do the same from a bell fitted to what the scouts found (:mod:`negsim.calibration.pilot`), a shorter way, and what they
return is the posterior.

- *What it cannot do.* A narrow neck or needle that holds much of the posterior and next to nothing of the prior may be
  missed by all alike, and then they agree: `memory` near 1 (below) is the warning. Give such parameters another form (a
  scale and standard deviations in its units, say) in which their posterior is no needle. Where scouts find much more
  than the runs, the bell has missed it, and that is an error.
- *How sure the evidence is* is measured: by the scatter of the runs, enlarged because so few of them know their scatter
  badly themselves (:func:`scatter_error`).
- *Impossible points* (log-likelihood minus infinity) are drawn again until enough are possible; the share that was is
  a factor of the evidence. Where next to nothing is possible, let the log-likelihood subtract a large number for each
  rule that is broken instead (1e4, say): low temperatures then lead the particles out of it, to the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from negsim.calibration.bases import Base
from negsim.calibration.pilot import EVIDENCE_SPREAD, Plan, explore, find_missed
from negsim.calibration.posterior import LOOK, Posterior, SamplingError
from negsim.calibration.psis import effective_sample_size, scatter_error
from negsim.calibration.swarms import Swarm
from negsim.calibration.target import Target
from negsim.progress import Progress, part_of, tell_nobody
from negsim.state import Floats
from negsim.streams import open_stream

PURPOSE_TEMPERING: Final = 81
PARTICLES: Final = 125
FEWEST_PARTICLES: Final = 50
PILOT: Final = 3
"""The scouts together have so many times the particles of a run."""
SCOUTS: Final = 4
FOUND, SCOUTING = 0.28, 0.4
"""Shares of the work that are done when scouts have come back, and when the runs' way has been rehearsed."""
DRAWS: Final = 600
"""Draws that are returned of each run, at most."""
RUNS: Final = 8
DISAGREEMENT: Final = 1.05
"""R-hat between runs above which they are said to disagree."""

ADVICE: Final = (
    "The posterior may have several modes or narrow ridges: fit with more particles (--particles N, in Python "
    f"particles=N) or learn fewer parameters (--free NAME for each, in Python free=[...]). {LOOK}"
)


@dataclass(frozen=True)
class Journey:
    """What the runs were like.

    Attributes
    ----------
    effective : array, shape (runs, stages)
        Share of the pool that stayed effective as the temperature rose.
    acceptance : array, shape (runs, stages)
        Mean acceptance of the moves.
    """

    effective: Floats
    acceptance: Floats


def follow(plan: Plan, swarm: Swarm, tell: Progress) -> Journey:
    """Follow a plan: nothing is adapted, so that the evidence has no bias."""
    runs = len(swarm.streams)
    swarm.draw(plan.draws)
    effective, acceptance = (np.ones((runs, len(plan.stages))) for _ in range(2))
    total = sum(len(stage.moves) for stage in plan.stages)
    done, temperature = 0, 0.0
    for place, stage in enumerate(plan.stages):
        effective[:, place] = swarm.warm(stage.guide.temperature - temperature)
        temperature = stage.guide.temperature
        accepted = np.zeros(runs)
        for move in stage.moves:
            accepted += swarm.move(stage.guide, move).reshape(runs, -1).mean(axis=1)
            done += 1
            tell(done / total, "runs")
        acceptance[:, place] = accepted / len(stage.moves)
    return Journey(effective, acceptance)


def send_scouts(
    target: Target, seed: int, *, particles: int = PARTICLES, fitted: bool = True, progress: Progress | None = None
) -> Plan:
    """Find out where a posterior is, and how runs of so many particles are to go there.

    Parameters
    ----------
    target, seed, particles, fitted, progress
        See :func:`sample_by_tempering`.

    Raises
    ------
    SamplingError
        When hardly any point is possible.
    """
    if particles < FEWEST_PARTICLES:
        raise ValueError(f"{particles} particles: at least {FEWEST_PARTICLES} are needed")
    streams = [open_stream(seed, PURPOSE_TEMPERING, 0, (scout,)) for scout in range(SCOUTS)]
    before = target.evaluations
    plan = explore(target, -(-PILOT * particles // SCOUTS), streams, progress or tell_nobody, fitted)
    return replace(plan, evaluations=target.evaluations - before)


def sample_by_tempering(
    target: Target,
    seed: int,
    *,
    particles: int = PARTICLES,
    runs: int = RUNS,
    fitted: bool = True,
    plan: Plan | None = None,
    progress: Progress | None = None,
) -> Posterior:
    """Sample a posterior by adaptive tempered sequential Monte Carlo.

    Parameters
    ----------
    target : Target
    seed : int
        Run r draws from its own stream: it is the same however many runs there are.
    particles : int
        Of each run.
    runs : int
        Independent runs (at least 2), whose spread is the error.
    fitted : bool
        Whether the runs may set out from a bell fitted to what scouts found. False: from the prior, a longer way.
    plan : Plan, optional
        What scouts found who were sent before (:func:`send_scouts`, with the same seed, particles and `fitted`).
    progress : callable, optional
        See :data:`~negsim.progress.Progress`.

    Returns
    -------
    Posterior
        Draws of all runs, each run weighted by its evidence.

    Raises
    ------
    SamplingError
        When the runs disagree (its `posterior` holds what they found), or hardly any point is possible.
    """
    if runs < 2 or particles < FEWEST_PARTICLES:
        raise ValueError(f"{runs} runs of {particles} particles: at least 2 of {FEWEST_PARTICLES} are needed")
    tell = progress or tell_nobody
    before = target.evaluations
    if plan is None:
        plan = send_scouts(target, seed, particles=particles, fitted=fitted, progress=part_of(tell, 0.0, FOUND))
        before += plan.evaluations
    plan = plan.complete(lambda share, what: tell(FOUND + (SCOUTING - FOUND) * share, what))
    streams = [open_stream(seed, PURPOSE_TEMPERING, run + 1, ()) for run in range(runs)]
    swarm = Swarm(target, particles, streams, base=plan.base)
    journey = follow(plan, swarm, lambda share, what: tell(SCOUTING + (1 - SCOUTING) * share, what))
    posterior = _gather(swarm, plan, journey, seed, plan.evaluations + target.evaluations - before)
    _require_agreement(posterior)
    return posterior


def _gather(swarm: Swarm, plan: Plan, journey: Journey, seed: int, evaluations: int) -> Posterior:
    """Put the runs together."""
    target, runs = swarm.target, len(swarm.streams)
    shares = np.exp(swarm.log_evidence - swarm.log_evidence.max())
    z, gain = swarm.pool(every=-(-len(plan.stages[-1].moves) * swarm.particles // DRAWS))
    told = gain - swarm.base.excess(z.reshape(-1, target.size)).reshape(gain.shape)
    ratio = _between_to_within(np.concatenate([z, told[:, :, None]], axis=2))
    draws, latent = target.point(z.reshape(-1, target.size))
    with np.errstate(divide="ignore"):
        log_weights = np.repeat(np.log(shares), z.shape[1])
    names = [*target.prior.names, *(f"latent {place}" for place in range(target.latent)), "log-likelihood"]
    main = ratio[: target.parameters or target.latent]
    diagnostics = {
        "ess": min(effective_sample_size(log_weights), runs / max(float(main.mean()), 1e-300)),
        "r_hat": {name: float(value) for name, value in zip(names, np.sqrt(1 + ratio), strict=True)},
        "temperatures": [stage.guide.temperature for stage in plan.stages],
        "moves": [len(stage.moves) for stage in plan.stages],
        "glides": [sum(move.leaps > 0 for move in stage.moves) for stage in plan.stages],
        "memory": [stage.memory for stage in plan.stages],
        "acceptance": journey.acceptance.mean(axis=0).tolist(),
        "possible": plan.possible,
        "base": "prior" if type(plan.base) is Base else "bell",
        "scouts": plan.log_evidence.tolist(),
        "runs": [
            {"log_evidence": float(evidence), "least_effective": float(least)}
            for evidence, least in zip(swarm.log_evidence, journey.effective.min(axis=1), strict=True)
        ],
    }
    return Posterior(
        prior=target.prior,
        draws=draws,
        latent=latent,
        log_weights=log_weights,
        log_likelihood=told.ravel(),
        log_evidence=float(np.log(shares.mean()) + swarm.log_evidence.max()),
        log_evidence_se=scatter_error(shares),
        method="tempering",
        evaluations=evaluations,
        seed=seed,
        diagnostics=diagnostics,
    )


def _between_to_within(each: Floats) -> Floats:
    """Variance of the runs' means over the variance within runs, shape (runs, n, quantities) to (quantities,)."""
    within = each.var(axis=1).mean(axis=0)
    return np.asarray(each.mean(axis=1).var(axis=0, ddof=1) / np.maximum(within, 1e-300))


def _require_agreement(posterior: Posterior) -> None:
    r_hat = posterior.diagnostics["r_hat"]
    worst = max(r_hat, key=lambda name: r_hat[name])
    evidence = np.array([run["log_evidence"] for run in posterior.diagnostics["runs"]])
    spread = float(evidence.std(ddof=1))
    if r_hat[worst] > DISAGREEMENT or spread > EVIDENCE_SPREAD:
        raise SamplingError(
            f"{len(evidence)} independent runs disagree: R-hat of {worst} is {r_hat[worst]:.3f} (at most "
            f"{DISAGREEMENT}), their log evidence spreads by {spread:.2f} (at most {EVIDENCE_SPREAD:g}). {ADVICE}",
            posterior,
        )
    missed = find_missed(np.array(posterior.diagnostics["scouts"]), posterior.log_evidence)
    if missed:
        raise SamplingError(f"{missed[0]}. {ADVICE}", posterior)
