"""Which mechanisms does a sequence speak for? Log evidence with a theory and without it, and whether that is enough.

The evidence of the case without a theory follows from the posterior with it: the mean, over its draws, of the ratio of
the two likelihoods (the parameters they share have the same priors). Where those weights cannot be trusted the case is
fitted again without the theory. A ratio of evidences is an e-value: were the case without the theory right, data would
speak for the theory by a factor of 20 or more with probability 1/20 at most (Markov's inequality), however few.

*Is it enough?* On average over what the model with the theory could have drawn, the log evidence for it is at most the
mean log ratio of the two likelihoods at the true parameters, of complete records to the day (the divergence of
marginals is no larger than that of joint distributions). Where even that is less than log 20, sequences of this length
do not say so on average.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import gammaln, logsumexp

from negsim.calibration.fitting import bring_together, fit
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.calibration.psis import effective_sample_size, smooth_weights
from negsim.chronology import Chronology
from negsim.ensemble import simulate
from negsim.forecasts.drawing import PURPOSE, open_purpose
from negsim.replays import replay
from negsim.scenario import Scenario
from negsim.scenario_files import load_scenario
from negsim.state import Floats
from negsim.streams import address_words, open_stream
from negsim.theories import list_theories, make_static, switch_off

if TYPE_CHECKING:
    import pandas

ENOUGH: Final = float(np.log(20.0))
"""Log evidence from which on a sequence is said to speak for or against."""
TRUSTED: Final = 0.7
"""Largest k-hat of weights that are trusted."""
FEWEST: Final = 30.0
"""Least effective number of draws behind weights that are trusted."""
RECORDS: Final = 200
"""Complete records that are drawn to say what could be shown."""
PLACEMENTS: Final = 1000
PURPOSE_PLACEMENTS: Final = 94
STATIC, CONSTANT = "every theory (static)", "everything but constant rates"
SHAPES: Final = np.geomspace(0.02, 5.0, 25)
MEANS: Final = np.geomspace(1e-3, 10.0, 41)
"""Prior means of constant rates that are tried, events per year."""

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Change:
    """What is left of the evidence without something.

    Attributes
    ----------
    without : str
        What was taken out.
    change, error : float
        Log evidence without it less log evidence with it (negative: the data speak for it), and its standard error.
    how : str
        ``weights`` of the posterior, ``refit``, or ``formula``.
    k_hat : float
        Of the weights; NaN where they were not used.
    at_most : float
        What a complete record of the same length could show for it on average, at most; NaN where that is not known.
    """

    without: str
    change: float
    error: float
    how: str
    k_hat: float = np.nan
    at_most: float = np.nan
    at_most_error: float = np.nan

    @property
    def says(self) -> str:
        """What the data say of it."""
        if not np.isfinite(self.change):
            return "not known: the weights cannot be trusted, and it was not fitted again"
        if -self.change - 2 * self.error >= ENOUGH:
            return "the data speak for it"
        if self.change - 2 * self.error >= ENOUGH:
            return "the data speak against it"
        beyond_reach = self.at_most + 2 * self.at_most_error < ENOUGH
        return "cannot tell, nor would a complete record on average" if beyond_reach else "cannot tell"


@dataclass(frozen=True)
class Comparison:
    """Evidence of a case without some of its theories.

    Attributes
    ----------
    posterior : Posterior
        Of the whole case.
    changes : tuple of Change
    """

    posterior: Posterior
    changes: tuple[Change, ...]

    def table(self) -> pandas.DataFrame:
        """One row for each thing taken out (see :class:`Change`), with the e-value ``evidence_for`` it."""
        import pandas as pd

        columns = ("without", "change", "error", "at_most", "at_most_error", "how", "k_hat", "says")
        table = pd.DataFrame([[getattr(one, name) for name in columns] for one in self.changes], columns=columns)
        table.insert(3, "evidence_for", np.exp(np.clip(-table["change"], -700, 700)))
        return table

    def describe(self) -> str:
        """Say in a sentence or two what the sequence speaks for."""
        told = {says: [one.without for one in self.changes if one.says == says] for says in dict.fromkeys(self._says())}
        lines = [f"{says}: {', '.join(names)}." for says, names in told.items()]
        return "\n".join(line[:1].upper() + line[1:] for line in lines)

    def _says(self) -> Iterable[str]:
        return (one.says for one in self.changes)


def compare_theories(
    case: Scenario | str,
    chronology: Chronology | str | None = None,
    seed: int = 0,
    theories: Sequence[str] | None = None,
    pairs: bool = False,
    rivals: bool = True,
    refit: bool = True,
    posterior: Posterior | None = None,
    progress: Progress | None = None,
    engine: str = "numpy",
    **settings: Any,
) -> Comparison:
    """Take theories out of a case one at a time and say what the evidence loses.

    Parameters
    ----------
    case : Scenario or str
    chronology : Chronology or str, optional
        Default: the first of the case's own.
    seed : int
        Seed of the samplers.
    theories : sequence of str, optional
        Which (default: all that are switched on).
    pairs : bool
        Also two at a time.
    rivals : bool
        Also without all of them (static), and constant rates.
    refit : bool
        Fit again where the weights cannot be trusted; otherwise their change is not known.
    posterior : Posterior, optional
        Of the case and the chronology, if it has been fitted already.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.
    engine : str
        Who replays, simulates and fits again: ``numpy``, ``compiled`` or ``auto`` (see :func:`negsim.simulate`).
    **settings
        Of the sampler (see :func:`negsim.fit`).

    Returns
    -------
    Comparison
    """
    scenario = load_scenario(case) if isinstance(case, str) else case
    tell = progress or (lambda share, doing: None)
    likelihood = bring_together(scenario, chronology, engine=engine)
    told, settings = likelihood.chronology, {**settings, "engine": likelihood.engine}
    if posterior is None:
        tell(0.0, "fit")
        posterior = fit(scenario, told, seed, **settings)
    singles = [(name,) for name in (theories if theories is not None else list_theories(scenario))]
    sets: list[tuple[str, ...]] = [*singles, *(combinations([name for (name,) in singles], 2) if pairs else ())]
    records = _Records.draw(likelihood, posterior, seed)
    changes = []
    for place, names in enumerate(sets):
        tell(place / (len(sets) + 2), f"without {' and '.join(names)}")
        changes.append(_take_out(switch_off(scenario, names), names, told, posterior, records, seed, refit, settings))
    if rivals:
        tell(len(sets) / (len(sets) + 2), "static")
        changes.append(_fit_static(scenario, told, posterior, seed, refit, settings))
        changes.append(_constant(likelihood, posterior, seed))
    return Comparison(posterior, tuple(changes))


# -- one theory less --------------------------------------------------------------------------------------------------


def _take_out(
    left: Scenario,
    names: tuple[str, ...],
    told: Chronology,
    posterior: Posterior,
    records: _Records,
    seed: int,
    refit: bool,
    settings: dict[str, Any],
) -> Change:
    label = " and ".join(names)
    kept = [place for place, name in enumerate(posterior.names) if name in {spec.name for spec in left.parameter}]
    likelihood = bring_together(left, told, [posterior.names[place] for place in kept], settings["engine"])
    bound = records.mean_log_ratio(likelihood, kept)
    logs = likelihood(posterior.draws[:, kept], posterior.latent) - posterior.log_likelihood
    smooth, k_hat = smooth_weights(logs + posterior.log_weights)
    share = effective_sample_size(smooth) / len(smooth)
    worth = share * posterior.ess
    if k_hat <= TRUSTED and worth >= FEWEST:
        change = float(logsumexp(smooth))
        # Of a mean of weights: their squared coefficient of variation is 1 / share - 1.
        error = float(np.sqrt(max(1 / share - 1, 0.0) / posterior.ess))
        return Change(label, change, error, "weights", k_hat, *bound)
    if not refit:
        return Change(label, np.nan, np.nan, "weights", k_hat, *bound)
    found = fit(left, told, seed, even_if_too_much=True, **settings)
    return Change(label, *_difference(found, posterior), "refit", k_hat, *bound)


def _difference(found: Posterior, posterior: Posterior) -> tuple[float, float]:
    error = float(np.hypot(found.log_evidence_se, posterior.log_evidence_se))
    return found.log_evidence - posterior.log_evidence, error


def _fit_static(
    scenario: Scenario, told: Chronology, posterior: Posterior, seed: int, refit: bool, settings: dict[str, Any]
) -> Change:
    if not refit:
        return Change(STATIC, np.nan, np.nan, "refit")
    found = fit(make_static(scenario), told, seed, even_if_too_much=True, **settings)
    return Change(STATIC, *_difference(found, posterior), "refit")


@dataclass(frozen=True)
class _Records:
    """Complete records drawn from the whole case, with the parameters of each."""

    ensemble: Any
    draws: Floats
    log_likelihood: Floats
    until: dt.date

    @classmethod
    def draw(cls, likelihood: ChronologyLikelihood, posterior: Posterior, seed: int) -> _Records:
        compiled, until, engine = likelihood.compiled, likelihood.chronology.until, likelihood.engine
        draws = posterior.resample(RECORDS, open_purpose(seed, PURPOSE)).draws
        params = {name: draws[:, column] for column, name in enumerate(posterior.names)}
        ensemble = simulate(compiled, RECORDS, seed, params, until=until, engine=engine)
        return cls(ensemble, draws, replay(compiled, ensemble, params, until, engine=engine).total, until)

    def mean_log_ratio(self, left: ChronologyLikelihood, kept: Sequence[int]) -> tuple[float, float]:
        """Mean log ratio of the likelihoods with and without, and its standard error."""
        params = {name: self.draws[:, place] for name, place in zip(left.names, kept, strict=True)}
        without = replay(left.compiled, self.ensemble, params, self.until, engine=left.engine)
        ratio = self.log_likelihood - without.total
        if not np.isfinite(ratio).all():  # without the theory, something that was drawn is impossible
            return float(np.inf), 0.0
        return float(ratio.mean()), float(ratio.std(ddof=1) / np.sqrt(len(ratio)))


# -- constant rates ---------------------------------------------------------------------------------------------------


def _constant(likelihood: ChronologyLikelihood, posterior: Posterior, seed: int) -> Change:
    evidence, error = constant_rate_evidence(likelihood, seed)
    return Change(
        CONSTANT,
        evidence - posterior.log_evidence,
        float(np.hypot(error, posterior.log_evidence_se)),
        "formula",
    )


def constant_rate_evidence(likelihood: ChronologyLikelihood, seed: int = 0) -> tuple[float, float]:
    """Log evidence of a chronology if every move happened at a constant rate, and its standard error.

    The rates share a gamma prior, whose two numbers are those under which the chronology is likeliest: that favours
    this rival. What is possible is not asked: every move could happen at any time. Given where the vague dates lie the
    evidence has a closed form; its mean is taken over placements of them.
    """
    compiled, told, coverage = likelihood.compiled, likelihood.chronology, likelihood.coverage
    stream = open_stream(seed, PURPOSE_PLACEMENTS, 0, address_words("constant"))
    placed = told.place(compiled, stream.random((PLACEMENTS, len(told.unknowns))))
    moves = compiled.world.moves
    numbers = np.stack([np.bincount(row, minlength=moves) for row in placed.moves])
    end = np.array([told.window[1]])
    exposed = coverage.exposure(np.zeros(1), end)[:, 0][coverage.profile]
    shares = np.stack([coverage.log_share(m, d) for m, d in zip(placed.moves, placed.days, strict=True)]).sum(axis=1)
    known = (exposed > 0) | (numbers > 0).any(axis=0)
    numbers, exposed = numbers[:, known], exposed[known]
    best, error = -np.inf, 0.0
    for shape in SHAPES:
        for mean in MEANS:
            rate = shape * 365.25 / mean
            terms = gammaln(shape + numbers) - gammaln(shape) + shape * np.log(rate)
            logs = (terms - (shape + numbers) * np.log(rate + exposed)).sum(axis=1) + placed.log_volume + shares
            mean_log = float(logsumexp(logs) - np.log(len(logs)))
            if mean_log > best:
                weights = np.exp(logs - logs.max())
                best, error = mean_log, float(weights.std(ddof=1) / weights.mean() / np.sqrt(len(weights)))
    return best, error
