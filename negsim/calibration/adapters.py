"""How are the samplers of others asked for the same posterior? emcee and nautilus, in the same coordinates.

They answer to the same target and give the same kind of posterior, so that a fit can be checked by a sampler that
shares no line with ours (extra `samplers`). Both are imported only when asked for.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import special

from negsim.calibration.posterior import LOOK, TEMPER, Posterior, SamplingError
from negsim.calibration.psis import effective_sample_size
from negsim.calibration.target import Target
from negsim.problems import NegsimError
from negsim.progress import Progress, tell_nobody
from negsim.state import Floats
from negsim.streams import open_stream

PURPOSE_EMCEE: Final = 98
STEPS: Final = 2000
FEWEST_WALKERS: Final = 100
RUNS: Final = 4
LIVE: Final = 1000
EFFECTIVE: Final = 2000
KEPT: Final = 1000
"""Draws that are returned of emcee, at most, of each run."""
DISAGREEMENT: Final = 1.05
"""R-hat between runs of emcee above which they are said to disagree."""
WORST: Final = -1e250
"""What nautilus is told of impossible points: it takes no infinity."""


class SamplerMissing(NegsimError, ImportError):
    """The package of a sampler is not installed; says how to get it."""


def sample_by_emcee(
    target: Target,
    seed: int,
    *,
    particles: int | None = None,
    runs: int = RUNS,
    steps: int = STEPS,
    progress: Progress | None = None,
) -> Posterior:
    """Sample a posterior by emcee's ensembles (differential evolution moves: ter Braak 2006, Nelson and others 2014).

    Parameters
    ----------
    target : Target
    seed : int
    particles : int, optional
        Walkers of each ensemble (default: a hundred, or twice as many as coordinates and two).
    runs : int
        Independent ensembles (at least 2).
    steps : int
        Of each ensemble; the first half is thrown away.
    progress : callable, optional

    Returns
    -------
    Posterior
        Without a log evidence, which emcee does not find (NaN).

    Raises
    ------
    SamplerMissing
        Without emcee.
    SamplingError
        When the ensembles disagree, or hardly any point is possible.
    """
    try:
        import emcee
    except ImportError as error:
        raise SamplerMissing("method 'emcee' needs the package emcee: pip install 'negsim[samplers]'") from error
    tell = progress or tell_nobody
    before = target.evaluations
    walkers = particles or max(FEWEST_WALKERS, 2 * target.size + 2)
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]

    def log_density(z: Floats) -> Floats:
        return np.asarray(target.log_likelihood(z) - 0.5 * (z * z).sum(axis=1))

    chains, times = [], []
    for run in range(runs):
        stream = open_stream(seed, PURPOSE_EMCEE, run, ())
        sampler = emcee.EnsembleSampler(walkers, target.size, log_density, moves=moves, vectorize=True)
        sampler.random_state = np.random.RandomState(stream.integers(2**32, size=8).tolist()).get_state()
        for step, _ in enumerate(sampler.sample(_start(target, walkers, stream), iterations=steps), start=1):
            tell((run + step / steps) / runs, "emcee")
        times.append(_measure_memory(sampler, steps))
        thin = max(1, (steps - steps // 2) * walkers // KEPT)
        chains.append(np.asarray(sampler.get_chain(discard=steps // 2, thin=thin)))
    return _gather_chains(target, np.array(chains), times, seed, target.evaluations - before, steps)


def _measure_memory(sampler: Any, steps: int) -> float:
    """Longest autocorrelation time of a coordinate, in steps; all that were kept, where some walker never moved."""
    with np.errstate(invalid="ignore"):
        times = sampler.get_autocorr_time(discard=steps // 2, tol=0)
    return float(np.nan_to_num(times, nan=steps - steps // 2).max())


def _start(target: Target, walkers: int, stream: np.random.Generator) -> Floats:
    """Draw possible points from the prior, the better half of them, so that no walker begins in a desert."""
    z = stream.standard_normal((8 * walkers, target.size))
    told = target.log_likelihood(z)
    if np.isfinite(told).sum() < walkers:
        raise SamplingError(
            f"of {len(z)} points drawn from the prior, fewer than {walkers} make the data possible: {TEMPER}"
        )
    return z[np.argsort(-told)[: 2 * walkers]][stream.permutation(2 * walkers)[:walkers]]


def _gather_chains(
    target: Target, chains: Floats, times: list[float], seed: int, evaluations: int, steps: int
) -> Posterior:
    """Put the ensembles together, shape (runs, steps kept, walkers, D)."""
    runs, kept, walkers, size = chains.shape
    each = chains.reshape(runs, kept * walkers, size)
    within = each.var(axis=1).mean(axis=0)
    ratio = each.mean(axis=1).var(axis=0, ddof=1) / np.maximum(within, 1e-300)
    r_hat = np.sqrt(1 + ratio)
    z = each.reshape(-1, size)
    draws, latent = target.point(z)
    names = [*target.prior.names, *(f"latent {place}" for place in range(target.latent))]
    # Short chains underrate their own memory: ensembles that differ know better, as with tempering.
    worth = runs * walkers * (steps - steps // 2) / max(max(times), 1.0)
    worth = min(worth, runs / max(float(ratio[: target.parameters or size].mean()), 1e-300), float(len(z)))
    posterior = Posterior(
        prior=target.prior,
        draws=draws,
        latent=latent,
        log_weights=np.zeros(len(z)),
        log_likelihood=target.log_likelihood(z),
        log_evidence=np.nan,
        log_evidence_se=np.nan,
        method="emcee",
        evaluations=evaluations,
        seed=seed,
        diagnostics={
            "ess": worth,
            "autocorrelation_steps": times,
            "r_hat": {name: float(value) for name, value in zip(names, r_hat, strict=True)},
        },
    )
    if r_hat.max() > DISAGREEMENT:
        raise SamplingError(
            f"{runs} ensembles of emcee disagree: R-hat of {names[int(r_hat.argmax())]} is {r_hat.max():.3f} (at most "
            f"{DISAGREEMENT}): take more steps (in Python steps=N; {steps} were taken) or {TEMPER}. {LOOK}",
            posterior,
        )
    return posterior


def sample_by_nautilus(
    target: Target, seed: int, *, particles: int = LIVE, draws: int = EFFECTIVE, progress: Progress | None = None
) -> Posterior:
    """Sample a posterior by nautilus: importance nested sampling with neural networks (Lange 2023).

    Parameters
    ----------
    target : Target
    seed : int
    particles : int
        Live points.
    draws : int
        Effective sample size that is wanted.
    progress : callable, optional

    Raises
    ------
    SamplerMissing
        Without nautilus.
    """
    try:
        import nautilus
    except ImportError as error:
        raise SamplerMissing("method 'nautilus' needs nautilus-sampler: pip install 'negsim[samplers]'") from error
    if target.size < 2:
        raise ValueError("nautilus needs at least two coordinates")
    tell = progress or tell_nobody
    before = target.evaluations

    def from_cube(unit: Floats) -> Floats:
        return np.asarray(special.ndtri(np.clip(unit, 1e-300, 1 - 1e-16)))

    def log_likelihood(z: Floats) -> Floats:
        return np.maximum(target.log_likelihood(np.atleast_2d(z)), WORST)

    sampler = nautilus.Sampler(
        from_cube, log_likelihood, n_dim=target.size, n_live=particles, vectorized=True, pass_dict=False, seed=seed
    )
    tell(0.0, "nautilus")
    sampler.run(n_eff=draws, verbose=False)
    tell(1.0, "nautilus")
    return _weigh(target, sampler, seed, target.evaluations - before)


def _weigh(target: Target, sampler: Any, seed: int, evaluations: int) -> Posterior:
    z, log_weights, told = (np.asarray(part) for part in sampler.posterior())
    possible = told > WORST
    draws, latent = target.point(z[possible])
    ess = effective_sample_size(log_weights[possible])
    return Posterior(
        prior=target.prior,
        draws=draws,
        latent=latent,
        log_weights=log_weights[possible],
        log_likelihood=told[possible],
        log_evidence=float(sampler.log_z),
        log_evidence_se=float(np.sqrt(1 / ess)),
        method="nautilus",
        evaluations=evaluations,
        seed=seed,
        diagnostics={"ess": ess},
    )
