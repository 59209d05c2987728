"""What do the events say about the numbers? A case fitted to a chronology.

Which numbers may be learned is the case's own declaration: parameters with the role *free* are learned, those
*marginalised* are sampled along so that their uncertainty is not hidden, those *fixed* stay as they are written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from negsim.calibration.likelihood import ChronologyLikelihood, find_free
from negsim.calibration.outlook import PriorOutlook, foresee
from negsim.calibration.posterior import Posterior
from negsim.calibration.priors import JointPrior, read_prior
from negsim.calibration.sampling import sample_posterior
from negsim.calibration.selection import NewsIntensity, condition_on_news, learn_intensity
from negsim.calibration.target import LogLikelihood
from negsim.chronology import Chronology
from negsim.chronology_files import load_chronology
from negsim.compiler import Compiled, compile_case
from negsim.engines import choose_engine
from negsim.problems import NegsimError
from negsim.progress import Progress
from negsim.scenario import ParameterSpec, Scenario
from negsim.scenario_files import scenario_digest
from negsim.terms import SHELF
from negsim.version import VERSION

TOLD_PER_PARAMETER: Final = 2
"""Told moves that each free parameter must have behind it."""


class TooMuchAsked(NegsimError, ValueError):
    """More parameters are free than the events can carry; the message gives both counts."""


def fit(
    case: Scenario | str | Path,
    chronology: Chronology | str | Path | None = None,
    *,
    seed: int = 0,
    method: str = "auto",
    free: Sequence[str] | None = None,
    even_if_too_much: bool = False,
    even_if_explosive: bool = False,
    news: str | None = None,
    engine: str = "numpy",
    workers: int = 1,
    progress: Progress | None = None,
    **settings: Any,
) -> Posterior:
    """Fit a case to a chronology: learn its free parameters, and average over everything that is not known.

    Parameters
    ----------
    case : Scenario, str or Path
        A scenario, the name of a shipped case, or a path.
    chronology : Chronology, str or Path, optional
        What happened: a chronology, or the name of one of the case's (default: the first of the case's own).
    seed : int
        Seed of the sampler.
    method : str
        ``auto``, ``importance``, ``guided`` (for chronologies whose order is known and whose dates are not, with the
        compiled engine) or ``tempering``.
    free : sequence of str, optional
        Parameters to learn instead of those the case declares free.
    even_if_too_much : bool
        Fit even if there are more free parameters than the events can support.
    even_if_explosive : bool
        Fit even if histories explode under the prior (:mod:`negsim.calibration.outlook`).
    news : str, optional
        Address, with ``*``, of the move on the last day of the window without which the source would not have been
        written. The fit is then conditioned on it (:mod:`negsim.calibration.selection`).
    engine : str
        ``numpy``, ``compiled`` or ``auto`` (see :func:`negsim.simulate`).
    workers : int
        Threads of the compiled engine. The posterior does not depend on their number.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.
    **settings
        Passed on to :func:`negsim.calibration.sampling.sample_posterior`.

    Returns
    -------
    Posterior
        Weighted draws of the free and the marginalised parameters, and of everything the chronology leaves open.

    Raises
    ------
    TooMuchAsked
        When there are fewer than two reported moves for each free parameter.
    ExplosivePrior
        When histories explode under the prior.
    NoNews
        When `news` names no move, or one that hardly ever happens.
    """
    likelihood = bring_together(case, chronology, engine=engine, workers=workers)
    scenario = likelihood.compiled.scenario
    learned = tuple(free) if free is not None else find_free(likelihood.compiled, ("free",))
    nuisance = tuple(name for name in find_free(likelihood.compiled, ("marginalised",)) if name not in learned)
    _refuse_too_much(likelihood.chronology, learned, even_if_too_much)
    prior = declare_prior(scenario, (*learned, *nuisance))
    outlook = foresee(likelihood.compiled, prior, likelihood.chronology, seed=seed)
    if not even_if_explosive:
        outlook.require_calm()
    target = replace(likelihood, names=prior.names)
    intensity = None if news is None else learn_intensity(target, prior, news, seed)
    asked: LogLikelihood = target if intensity is None else condition_on_news(target, prior, intensity)
    posterior = sample_posterior(
        asked, prior, seed=seed, method=method, latent=target.open_dates, progress=progress, **settings
    )
    return _note_origin(posterior, target, learned, outlook, intensity)


def bring_together(
    case: Scenario | str | Path | Compiled,
    chronology: Chronology | str | Path | None = None,
    names: Sequence[str] = (),
    engine: str = "numpy",
    workers: int = 1,
) -> ChronologyLikelihood:
    """Compile a case, load a chronology of it (default: its first), and choose who replays it."""
    compiled = case if isinstance(case, Compiled) else compile_case(case)
    told = chronology if isinstance(chronology, Chronology) else load_chronology(compiled.scenario, chronology)
    return ChronologyLikelihood(compiled, told, tuple(names), choose_engine(engine, compiled), workers)


def bring_fit(
    case: Scenario | str | Path | Compiled,
    posterior: Posterior,
    chronology: Chronology | str | Path | None = None,
    engine: str = "numpy",
) -> ChronologyLikelihood:
    """Bring a posterior together with the case and the chronology that it was fitted to.

    Raises
    ------
    TypeError
        For what is no posterior.
    ValueError
        For a posterior of something else: of parameters that the case does not have, of other open dates, of another
        chronology.
    """
    if not isinstance(posterior, Posterior):
        raise TypeError(f"a posterior is what negsim.fit gives, not {type(posterior).__name__}")
    likelihood = bring_together(case, chronology, posterior.names, engine)
    compiled, told = likelihood.compiled, likelihood.chronology
    fitted = posterior.provenance.get("chronology", "something else")
    known = {*compiled.numbers, *(spec.name for spec in compiled.scenario.parameter)}
    if lacking := [name for name in posterior.names if name not in known]:
        raise ValueError(f"{compiled.scenario.name} has no {', '.join(lacking)}, which the posterior is of")
    if posterior.latent.shape[1] != likelihood.open_dates:
        raise ValueError(
            f"the posterior has {posterior.latent.shape[1]} open dates and the chronology {likelihood.open_dates}: "
            f"it was fitted to {fitted}"
        )
    digest = chronology_digest(told)
    if posterior.provenance.get("chronology_digest", digest) != digest:
        raise ValueError(f"the posterior was fitted to {fitted}, which told something else than {told.name} does now")
    return likelihood


def declare_prior(scenario: Scenario, names: Sequence[str]) -> JointPrior:
    """Put together the priors of some of a scenario's parameters.

    Raises
    ------
    ValueError
        For a name that the scenario does not declare, or declares without a prior; all are named.
    """
    declared = {spec.name: spec.prior for spec in scenario.parameter}
    lacking = [name for name in names if declared.get(name) is None]
    if lacking:
        known = ", ".join(name for name, prior in declared.items() if prior is not None)
        raise ValueError(f"no prior is declared for {', '.join(lacking)}; parameters with a prior: {known}")
    units = {spec.name: _unit_of(spec) for spec in scenario.parameter}
    found = {name: read_prior(prior) for name in names if (prior := declared[name]) is not None}
    return JointPrior.declare({name: replace(prior, unit=units[name]) for name, prior in found.items()})


def _unit_of(spec: ParameterSpec) -> str:
    """What a parameter of a case is counted in: a factor on the numbers as they are written, or their own unit."""
    if spec.how == "multiply":
        return "factor"
    parts = spec.numbers[0].split(".")
    if "rates" in parts:
        return "per year"
    if parts[0] == "term" and parts[1] in SHELF:
        return next((declared.unit for declared in SHELF[parts[1]].parameters if declared.name == parts[-1]), "")
    return next((unit for ending, unit in (("_days", "days"), ("_years", "years")) if parts[-1].endswith(ending)), "")


def _refuse_too_much(chronology: Chronology, learned: Sequence[str], even_so: bool) -> None:
    told = sum(not move.implied for move in chronology.moves)
    most = told // TOLD_PER_PARAMETER
    if len(learned) > most and not even_so:
        raise TooMuchAsked(
            f"{len(learned)} parameters are free, but {chronology.name} tells {told} moves, which carry {most} at most "
            f"(one for every {TOLD_PER_PARAMETER}): fix some, or ask for it with even_if_too_much=True"
        )


def chronology_digest(chronology: Chronology) -> str:
    """Digest of what a chronology tells, and of how the coordinates of a posterior become its dates."""
    moves = [(move.names, move.low, move.high, move.implied) for move in chronology.moves]
    links = [(link.before, link.after, link.least, link.most) for link in chronology.links]
    rules = [(rule.moves, rule.probability, rule.first, rule.last) for rule in chronology.reporting.rules]
    steps = [(step.place, step.power) for step in chronology.placement.steps]
    return hashlib.sha256(repr((chronology.window, moves, links, rules, steps)).encode()).hexdigest()


def _note_origin(
    posterior: Posterior,
    likelihood: ChronologyLikelihood,
    learned: Sequence[str],
    outlook: PriorOutlook,
    intensity: NewsIntensity | None,
) -> Posterior:
    """Say what was fitted to what."""
    chronology = likelihood.chronology
    origin: dict[str, Any] = {
        "scenario": likelihood.compiled.scenario.name,
        "scenario_digest": scenario_digest(likelihood.compiled.scenario),
        "chronology": chronology.name,
        "chronology_digest": chronology_digest(chronology),
        "until": chronology.until.isoformat(),
        "free": list(learned),
        "marginalised": [name for name in posterior.names if name not in learned],
        "kept": [spec.name for spec in likelihood.compiled.scenario.parameter if spec.name not in posterior.names],
        "prior_moves": dict(zip(("q05", "q50", "q75", "q95"), outlook.quantiles().tolist(), strict=True)),
        "engine": likelihood.engine,
        "version": VERSION,
        "conditioned_on": None if intensity is None else intensity.news,
    }
    if intensity is not None:
        errors = intensity.error(posterior.prior.to_unconstrained(posterior.draws))
        origin |= {"news_events": intensity.events, "news_error": float(posterior.weights @ errors)}
    return replace(posterior, provenance={**posterior.provenance, **origin})
