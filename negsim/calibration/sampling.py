"""Which sampler finds the posterior? The quick one if it can be trusted, else the thorough one.

Where dates are open and the order of all moves is known, there is one for just that (:mod:`negsim.calibration.guided`).

While they work linear algebra keeps to one thread: its matrices are small, threads that wait for each other cost more
than they save, and with the number of cores the last digits would change, and with them the draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal, get_args

import numpy as np

from negsim.calibration.adapters import sample_by_emcee, sample_by_nautilus
from negsim.calibration.guided import sample_by_guided
from negsim.calibration.importance import sample_by_importance
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.priors import JointPrior
from negsim.calibration.reweighing import sample_by_reweighing
from negsim.calibration.target import Integrable, LogLikelihood, Target
from negsim.calibration.tempering import SCOUTING, sample_by_tempering, send_scouts
from negsim.problems import require_whole
from negsim.progress import Progress, part_of

Method = Literal["auto", "importance", "guided", "tempering", "emcee", "nautilus"]
METHODS: Final = get_args(Method)
SETTINGS: Final = {
    "importance": ("draws",),
    "guided": ("draws",),
    "tempering": ("particles", "runs", "fitted"),
    "emcee": ("particles", "runs", "steps"),
    "nautilus": ("particles", "draws"),
}
"""What can be set of each sampler; with ``auto``, what can be of the first three."""
TRIED: Final = 0.5
"""Share of the way that is kept for importance sampling; the rest is tempering's, should that be refused."""
MANY_DATES: Final = 40
"""Open dates beyond which ``auto`` leaves tempering aside where the order of all moves is known."""


def sample_posterior(
    log_likelihood: LogLikelihood,
    prior: JointPrior,
    seed: int,
    method: Method | str = "auto",
    latent: int = 0,
    progress: Progress | None = None,
    **settings: Any,
) -> Posterior:
    """Sample a posterior.

    Parameters
    ----------
    log_likelihood : callable
        ``log_likelihood(theta)``, or ``log_likelihood(theta, unit)`` where `latent` is not 0: from parameters on their
        own scale, shape (n, P), and unit-cube coordinates, shape (n, latent), to an array of shape (n,), minus infinity
        where the data are impossible.
    prior : JointPrior
        Of the P parameters.
    seed : int
        The same seed gives the same draws.
    method : {"auto", "importance", "guided", "tempering", "emcee", "nautilus"}
        ``auto``: importance sampling, and tempering wherever its gate refuses. With nothing latent bells are found by
        Newton's method (:mod:`negsim.calibration.importance`), else by scouts who go before the runs of tempering
        (:mod:`negsim.calibration.reweighing`). Where more than forty dates are open, the order of all moves is known
        and the compiled engine replays, ``guided``
        (:func:`~negsim.calibration.guided.sample_by_guided`). The last two are samplers of others
        (:mod:`negsim.calibration.adapters`).
    latent : int
        Number of unit-cube coordinates sampled along with the parameters.
    progress : callable, optional
        Told the share of the work done, and what is being done.
    **settings
        `particles`, `runs` and `fitted` for tempering and its scouts
        (:func:`~negsim.calibration.tempering.sample_by_tempering`), `draws` for importance sampling and the
        guided sampler, `particles`, `runs` and `steps` for emcee, `particles` (live points) and `draws` for nautilus.

    Returns
    -------
    Posterior
        With ``diagnostics["refused"]`` saying why importance sampling was not trusted, where it was tried.

    Raises
    ------
    SamplingError
        When no sampler can be trusted; the message says why, and `posterior` holds what was found.
    """
    from threadpoolctl import threadpool_limits  # importing it sets a variable of the environment

    _check_settings(method, settings)
    target = Target(log_likelihood, prior, latent)
    try:
        with threadpool_limits(1, "blas"):
            return _sample(target, log_likelihood, seed, method, progress, settings)
    except np.linalg.LinAlgError as error:
        raise SamplingError(f"the likelihood is too uneven for the sampler's arithmetic ({error})") from error


def _sample(
    target: Target, log_likelihood: LogLikelihood, seed: int, method: str, progress: Progress | None,
    settings: Mapping[str, Any],
) -> Posterior:  # fmt: skip
    """Sample by the method asked for, or by the first that can be trusted."""
    if method in ("emcee", "nautilus"):
        sample = sample_by_emcee if method == "emcee" else sample_by_nautilus
        return sample(target, seed, progress=progress, **_choose(settings, method))
    marginal = _take_integrable(log_likelihood)
    if method == "guided" and marginal is None:
        raise ValueError("the guided sampler takes the likelihood of a chronology and no other")
    if marginal is not None and (method == "guided" or (method == "auto" and _has_many_dates(marginal, target.latent))):
        return sample_by_guided(marginal, target.prior, seed, progress=progress, **_choose(settings, "guided"))
    thorough, quick = _choose(settings, "tempering"), _choose(settings, "importance")
    if method == "tempering":
        return sample_by_tempering(target, seed, progress=progress, **thorough)
    if target.latent:
        return _sample_with_scouts(target, seed, method, thorough, quick, progress)
    tried = 1.0 if method == "importance" else TRIED
    try:
        return sample_by_importance(target, seed, progress=part_of(progress, 0.0, tried), **quick)
    except SamplingError as refusal:
        if method == "importance":
            raise
        rest = part_of(progress, tried, 1.0)
        return _note_refusal(sample_by_tempering(target, seed, progress=rest, **thorough), target, refusal)


def _check_settings(method: str, settings: Mapping[str, Any]) -> None:
    """Refuse a method that there is not, what cannot be set of it, and numbers that are none."""
    if method not in METHODS:
        raise ValueError(f"method {method!r} is not one of {', '.join(METHODS)}")
    either = (*SETTINGS["tempering"], *SETTINGS["importance"])
    allowed = SETTINGS.get(method, either)
    unknown = set(settings) - {*allowed, *either}
    if unknown:
        raise TypeError(f"no setting {', '.join(sorted(unknown))}; there are {', '.join(allowed)}")
    for name, value in settings.items():
        if name != "fitted":
            require_whole(name, value)


def _sample_with_scouts(
    target: Target, seed: int, method: str, thorough: Mapping[str, Any], quick: Mapping[str, Any],
    progress: Progress | None,
) -> Posterior:  # fmt: skip
    """Send scouts; weigh draws from bells where they have been, or else let runs follow them."""
    pilot = {name: value for name, value in thorough.items() if name != "runs"}
    plan = send_scouts(target, seed, progress=part_of(progress, 0.0, SCOUTING), **pilot)
    tried = 1.0 if method == "importance" else SCOUTING + (1 - SCOUTING) * TRIED
    try:
        return sample_by_reweighing(target, seed, plan, progress=part_of(progress, SCOUTING, tried), **quick)
    except SamplingError as refusal:
        if method == "importance":
            raise
        rest = part_of(progress, tried, 1.0)
        return _note_refusal(sample_by_tempering(target, seed, plan=plan, progress=rest, **thorough), target, refusal)


def _note_refusal(posterior: Posterior, target: Target, refusal: SamplingError) -> Posterior:
    told = {**posterior.diagnostics, "refused": str(refusal)}
    return replace(posterior, evaluations=target.evaluations, diagnostics=told)


def _take_integrable(log_likelihood: object) -> Integrable | None:
    return log_likelihood if isinstance(log_likelihood, Integrable) else None


def _has_many_dates(likelihood: Integrable, latent: int) -> bool:
    return latent > MANY_DATES and not likelihood.explain_no_marginal()


def _choose(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    return {name: settings[name] for name in SETTINGS[method] if name in settings}
