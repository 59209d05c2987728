"""Which mechanisms does a sequence speak for? Evidence with and without a theory as it grows, and if it is enough.

The evidence of the case without a theory follows from the posterior with it: the mean, over its draws, of the ratio of
the two likelihoods (the parameters they share have the same priors). Where those weights cannot be trusted the case is
fitted again without the theory. Two theories less are weighed from the whole case, else from a fit without one of them,
and fitted again where none of these can be trusted. A ratio of evidences is an e-value: were the case without the
theory right, data would speak for the theory by a factor of 20 or more with probability 1/20 at most (Markov's
inequality), however few.

*As it grows.* The evidence of a sequence is the product of what was said of each event before it was known. At some
dates on the way (stages) the same is asked of what was known by then. The change of the log evidence from the first
stage to the end is the change of the *prequential log score* (Dawid 1984) of everything told after that stage: it owes
less to the priors than the evidence does. The ratios at the stages are a likelihood-ratio martingale under the case
without the theory, so the largest of them exceeds 20 with probability 1/20 at most as well (Ville's inequality),
whenever one stops. (That is exact where a chronology tells everything that happens; moves that it only implies are
known later than they happened.)

*Is it enough?* On average over what the model with the theory could have drawn, the log evidence for it is at most the
mean log ratio of the two likelihoods at the true parameters, of complete records to the day (the divergence of
marginals is no larger than that of joint distributions). Where even that is less than log 20, sequences of this length
do not say so on average. (True parameters are draws from the fit, so this is of two variants that begin with what was
learned: from wider priors a record may also show that one of them fits only far out.)
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import logsumexp

from negsim.calibration.fitting import bring_fit, bring_together
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.psis import effective_sample_size, smooth_weights, weigh_beyond
from negsim.chronology import Chronology
from negsim.ensemble import ExplosiveWarning, simulate
from negsim.forecasts.constant_rates import constant_rate_evidence, expected_rate_evidence
from negsim.forecasts.drawing import PURPOSE, open_purpose
from negsim.forecasts.fits import Fits
from negsim.problems import NegsimError, require_whole
from negsim.progress import Progress, part_of
from negsim.replays import replay
from negsim.results import Ensemble
from negsim.scenario import Scenario
from negsim.scenario_files import take_scenario
from negsim.state import Floats
from negsim.theories import list_theories, make_static, switch_off

if TYPE_CHECKING:
    import pandas

ENOUGH: Final = float(np.log(20.0))
"""Log evidence from which on a sequence is said to speak for or against."""
TRUSTED: Final = 0.7
"""Largest k-hat of weights that are trusted."""
FEWEST: Final = 30.0
"""Least effective number of draws behind weights that are trusted."""
DRAWS: Final = 1000
"""Draws of a posterior, at most, that are scored without a theory."""
RECORDS: Final = 200
"""Complete records that are drawn to say what could be shown."""
STATIC = "every theory (static)"
CONSTANT, EXPECTED = "all but constant rates (likeliest prior)", "all but constant rates (the case's prior)"


class Conditioned(NegsimError, ValueError):
    """A fit that cannot be compared, because its likelihood is conditioned on something; the message says on what."""


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
        ``weights`` of the posterior, ``refit``, ``refused`` (a fit not to be trusted), or ``formula``.
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
            why = "its fit was refused" if self.how == "refused" else "it was not fitted again"
            return f"not known: the weights cannot be trusted, and {why}"
        beyond_reach = self.at_most + 2 * self.at_most_error < ENOUGH
        if -self.change - 2 * self.error >= ENOUGH:
            return "the data speak for it" + (", more than the model itself expects" if beyond_reach else "")
        if self.change - 2 * self.error >= ENOUGH:
            return "the data speak against it"
        return "cannot tell, nor would a complete record on average" if beyond_reach else "cannot tell"

    def since(self, earlier: Change) -> Change:
        """The same of what was told after an earlier stage: the change of its prequential log score."""
        error = float(np.hypot(self.error, earlier.error))
        return Change(self.without, self.change - earlier.change, error, self.how)


@dataclass(frozen=True)
class Stage:
    """What the events said that were known on a day.

    Attributes
    ----------
    until : date
    told : int
        Moves told by then.
    log_evidence, error : float
        Of the whole case.
    changes : tuple of Change
    """

    until: dt.date
    told: int
    log_evidence: float
    error: float
    changes: tuple[Change, ...]


@dataclass(frozen=True, repr=False)
class Comparison:
    """Evidence of a case without some of its theories.

    Attributes
    ----------
    posterior : Posterior
        Of the whole case.
    changes : tuple of Change
        At the end.
    stages : tuple of Stage
        What was known at some dates, the last of them being the end.
    """

    posterior: Posterior
    changes: tuple[Change, ...]
    stages: tuple[Stage, ...] = ()

    def __repr__(self) -> str:
        return f"Comparison({self.posterior!r} without {', '.join(one.without for one in self.changes)})"

    def __str__(self) -> str:
        return self.describe()

    def table(self) -> pandas.DataFrame:
        """One row for each thing taken out (see :class:`Change`), with the e-value ``evidence_for`` it.

        With stages also ``foretold`` and ``foretold_error``: the change of the prequential log score of what was told
        after the first of them; ``largest``: the largest e-value at any stage (not known where one is not).
        """
        import pandas as pd

        columns = ("without", "change", "error", "at_most", "at_most_error", "how", "k_hat", "says")
        table = pd.DataFrame([[getattr(one, name) for name in columns] for one in self.changes], columns=columns)
        table.insert(3, "evidence_for", _e_value(table["change"].to_numpy()))
        if len(self.stages) > 1:
            later = [one.since(first) for one, first in zip(self.changes, self.stages[0].changes, strict=True)]
            table.insert(4, "foretold", [one.change for one in later])
            table.insert(5, "foretold_error", [one.error for one in later])
            path = np.array([[one.change for one in stage.changes] for stage in self.stages])
            table.insert(6, "largest", _e_value(path.min(axis=0)))
        return table

    def path(self) -> pandas.DataFrame:
        """A row for each stage and thing taken out: ``until``, ``told``, and what :meth:`table` says of it."""
        import pandas as pd

        rows = [
            (stage.until, stage.told, one.without, one.change, one.error, float(_e_value(np.array(one.change))))
            for stage in self.stages
            for one in stage.changes
        ]
        return pd.DataFrame(rows, columns=["until", "told", "without", "change", "error", "evidence_for"])

    def describe(self) -> str:
        """Say in some sentences what the sequence speaks for, and whether it is enough."""
        return "\n".join(self._tell())

    def _tell(self) -> Iterator[str]:
        yield from _group((one.without, one.says) for one in self.changes)
        if len(self.stages) > 1:
            first = self.stages[0]
            yield f"By how the events after {first.until} were foretold ({self.stages[-1].told - first.told} told):"
            later = [one.since(before) for one, before in zip(self.changes, first.changes, strict=True)]
            yield from (f"  {line}" for line in _group((one.without, one.says) for one in later))


def _group(said: Any) -> Iterator[str]:
    told: dict[str, list[str]] = {}
    for name, says in said:
        told.setdefault(says, []).append(name)
    for says, names in told.items():
        yield f"{says[:1].upper()}{says[1:]}: {', '.join(names)}."


def _e_value(change: Floats) -> Floats:
    return np.exp(np.clip(-change, -700, 700))


def compare_theories(
    case: Scenario | str | Path,
    chronology: Chronology | str | Path | None = None,
    *,
    seed: int = 0,
    theories: Sequence[str] | None = None,
    pairs: bool = False,
    rivals: bool = True,
    refit: bool = True,
    posterior: Posterior | None = None,
    stages: int | Sequence[dt.date] = 0,
    keep: str | Path | None = None,
    engine: str = "numpy",
    progress: Progress | None = None,
    **settings: Any,
) -> Comparison:
    """Remove theories from a case one at a time, and say how much evidence and predictive power is lost.

    Parameters
    ----------
    case : Scenario or str
    chronology : Chronology, str or Path, optional
        Default: the first of the case's own.
    seed : int
        Seed of the samplers.
    theories : sequence of str, optional
        Which (default: all that are switched on).
    pairs : bool
        Also remove two at a time.
    rivals : bool
        Also compare with the case without any theory (static), and with constant rates.
    refit : bool
        Fit again if the weights cannot be trusted; otherwise the change is reported as unknown. (The static model is
        fitted anyway.)
    posterior : Posterior, optional
        The fit of the case to the chronology, if there is one already.
    stages : int or sequence of date
        Earlier days at which to repeat the comparison with what was known by then; or how many of them, spaced so
        that about as many moves are reported between them. Each takes a fit of its own.
    keep : str or Path, optional
        Folder in which fits are saved and found again, so that nothing is lost when this is interrupted.
    engine : str
        ``numpy``, ``compiled`` or ``auto`` (see :func:`negsim.simulate`).
    progress : callable, optional
        Told the share of the work that is done, and what is being done.
    **settings
        Settings of the sampler (see :func:`negsim.fit`).

    Returns
    -------
    Comparison

    Raises
    ------
    Conditioned
        For a posterior that is conditioned on the news: what it says about other variants is not known.
    ValueError
        For a posterior of something else (:func:`negsim.calibration.fitting.bring_fit`), and for a stage outside the
        period.
    """
    if posterior is not None and (news := posterior.provenance.get("conditioned_on")):
        raise Conditioned(f"the fit is conditioned on {news}: variants are compared by fits without that condition")
    scenario = take_scenario(case)
    likelihood = bring_together(scenario, chronology, engine=engine)
    if posterior is not None:
        bring_fit(likelihood.compiled, posterior, likelihood.chronology)
    told = likelihood.chronology
    if isinstance(stages, int):
        require_whole("stages", stages, 0)
    singles = [(name,) for name in (theories if theories is not None else list_theories(scenario))]
    sets: list[tuple[str, ...]] = [*singles, *(combinations([name for (name,) in singles], 2) if pairs else ())]
    fits = Fits(seed, {**settings, "engine": likelihood.engine}, None if keep is None else Path(keep))
    work = _Work(scenario, tuple(sets), rivals, refit, fits)
    days = [*(spread_stages(told, stages) if isinstance(stages, int) else _sort_stages(told, stages)), told.until]
    found = []
    for number, day in enumerate(days):
        known = told if day == told.until else told.cut(day)
        tell = part_of(progress, number / len(days), (number + 1) / len(days))
        tell(0.0, f"fit until {day}")
        whole = posterior if posterior is not None and known is told else fits.find(scenario, known, known is not told)
        changes = work.take_out(replace(likelihood, chronology=known), whole, tell)
        count = sum(not move.implied for move in known.moves)
        found.append(Stage(day, count, whole.log_evidence, whole.log_evidence_se, changes))
    return Comparison(whole, found[-1].changes, tuple(found))


def _sort_stages(told: Chronology, stages: Sequence[dt.date]) -> list[dt.date]:
    """Days on the way, the first of them first: what comes after it is said to have been foretold."""
    if odd := [day for day in stages if not isinstance(day, dt.date)]:
        raise TypeError(f"stages must be a number of them or dates, not {odd[0]!r}")
    days = sorted({day.date() if isinstance(day, dt.datetime) else day for day in stages})
    if days and days[-1] >= told.until:
        raise ValueError(f"stages must be days before {told.until}, the last that is known, not {days[-1]}")
    return days


def spread_stages(told: Chronology, number: int) -> list[dt.date]:
    """Days between which about as many moves are told: the days on which the last of each part is known."""
    known = np.sort([told.placement.high[place] for place, move in enumerate(told.moves) if not move.implied])
    places = np.linspace(0, len(known), number + 2)[1:-1].round().astype(int) - 1
    days = [told.date(known[place] - 1.0) for place in places if place >= 0]
    return [day for day in dict.fromkeys(days) if day < told.until]


# -- one theory less --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stone:
    """A fit to step from: draws that can be weighted, and the change of the log evidence from the whole case to it."""

    drawn: Posterior
    change: float = 0.0
    error: float = 0.0

    def weigh(self, left: Scenario, likelihood: ChronologyLikelihood) -> tuple[float, float, float]:
        """Weigh the draws by what is left of the case: the change, its error, k-hat; NaN where they are not trusted."""
        without, kept = _leave(left, likelihood, self.drawn)
        logs = without(self.drawn.draws[:, kept], self.drawn.latent) - self.drawn.log_likelihood
        both = logs + self.drawn.log_weights
        smooth, k_hat = smooth_weights(both)
        share = effective_sample_size(smooth) / len(smooth)
        if not (k_hat <= TRUSTED and share * self.drawn.ess >= FEWEST):
            return np.nan, np.nan, k_hat
        change = float(logsumexp(smooth))
        # Draws that weigh as much with the theory as without it say the same of both evidences, and add no error.
        away = np.exp(smooth - change) - self.drawn.weights
        worth = max(effective_sample_size(self.drawn.log_weights) / self.drawn.ess, 1.0)
        # Of the draws; what smoothing moved; what it cut off.
        variance = away @ away * worth + (change - logsumexp(both)) ** 2 + weigh_beyond(both, smooth) ** 2
        return self.change + change, float(np.hypot(np.sqrt(variance), self.error)), k_hat


@dataclass(frozen=True)
class _Work:
    """What is to be taken out of a case, and how."""

    scenario: Scenario
    sets: tuple[tuple[str, ...], ...]
    rivals: bool
    refit: bool
    fits: Fits

    def take_out(self, likelihood: ChronologyLikelihood, posterior: Posterior, tell: Progress) -> tuple[Change, ...]:
        """Take out each in turn."""
        records = _Records.draw(likelihood, posterior, self.fits.seed)
        stones: dict[tuple[str, ...], _Stone] = {(): _Stone(_thin(posterior, self.fits.seed))}
        steps = len(self.sets) + self.rivals
        changes = []
        for place, names in enumerate(self.sets):
            tell((place + 1) / (steps + 1), f"without {' and '.join(names)}")
            near = [stones[part] for part in ((), *((name,) for name in names)) if part in stones]
            change, fitted = self._without(names, likelihood, posterior, near, records)
            changes.append(change)
            if fitted is not None:
                stones[names] = _Stone(_thin(fitted, self.fits.seed), change.change, change.error)
        if self.rivals:
            tell(steps / (steps + 1), "static")
            changes += self._rivals(likelihood, posterior, records)
        return tuple(changes)

    def _without(
        self,
        names: tuple[str, ...],
        likelihood: ChronologyLikelihood,
        posterior: Posterior,
        near: Sequence[_Stone],
        records: _Records,
    ) -> tuple[Change, Posterior | None]:
        """The change without some theories, by the first weights that can be trusted, else by another fit."""
        left, label = switch_off(self.scenario, names), " and ".join(names)
        bound = records.mean_log_ratio(*_leave(left, likelihood, posterior))
        tried = []
        for stone in near:
            change, error, k_hat = stone.weigh(left, likelihood)
            if np.isfinite(change):
                return Change(label, change, error, "weights", k_hat, *bound), None
            tried.append(k_hat)
        return self._fit_again(left, label, likelihood, posterior, min(tried), bound)

    def _fit_again(
        self,
        left: Scenario,
        label: str,
        likelihood: ChronologyLikelihood,
        posterior: Posterior,
        k_hat: float,
        bound: tuple[float, float],
    ) -> tuple[Change, Posterior | None]:
        if not self.refit:
            return Change(label, np.nan, np.nan, "weights", k_hat, *bound), None
        try:
            found = self.fits.find(left, likelihood.chronology)
        except SamplingError:
            return Change(label, np.nan, np.nan, "refused", k_hat, *bound), None
        error = float(np.hypot(found.log_evidence_se, posterior.log_evidence_se))
        return Change(label, found.log_evidence - posterior.log_evidence, error, "refit", k_hat, *bound), found

    def _rivals(self, likelihood: ChronologyLikelihood, posterior: Posterior, records: _Records) -> list[Change]:
        static = make_static(self.scenario)
        bound = records.mean_log_ratio(*_leave(static, likelihood, posterior))
        changes = [replace(self, refit=True)._fit_again(static, STATIC, likelihood, posterior, np.nan, bound)[0]]
        for name, (evidence, error) in (
            (CONSTANT, constant_rate_evidence(likelihood, self.fits.seed)),
            (EXPECTED, expected_rate_evidence(likelihood, posterior, self.fits.seed)),
        ):
            both = float(np.hypot(error, posterior.log_evidence_se))
            changes.append(Change(name, evidence - posterior.log_evidence, both, "formula"))
        return changes


def _thin(posterior: Posterior, seed: int) -> Posterior:
    """Some of the draws, with their weights, where there are many."""
    draws = len(posterior.draws)
    if draws <= DRAWS:
        return posterior
    kept = open_purpose(seed, PURPOSE).choice(draws, DRAWS, replace=False)
    return replace(
        posterior,
        draws=posterior.draws[kept],
        latent=posterior.latent[kept],
        log_likelihood=posterior.log_likelihood[kept],
        log_weights=posterior.log_weights[kept],
        diagnostics={**posterior.diagnostics, "ess": posterior.ess * DRAWS / draws},
    )


def _leave(
    left: Scenario, likelihood: ChronologyLikelihood, posterior: Posterior
) -> tuple[ChronologyLikelihood, list[int]]:
    """The likelihood of what is left of a case, and which parameters are left."""
    still = {spec.name for spec in left.parameter}
    kept = [place for place, name in enumerate(posterior.names) if name in still]
    names = [posterior.names[place] for place in kept]
    return bring_together(left, likelihood.chronology, names, likelihood.engine), kept


@dataclass(frozen=True)
class _Records:
    """Complete records drawn from the whole case, with the parameters of each; none of those that ran away.

    They are worth no more independent records than the posterior has draws.
    """

    ensemble: Ensemble
    draws: Floats
    log_likelihood: Floats
    until: dt.date
    worth: float

    @classmethod
    def draw(cls, likelihood: ChronologyLikelihood, posterior: Posterior, seed: int) -> _Records:
        compiled, until, engine = likelihood.compiled, likelihood.chronology.until, likelihood.engine
        draws = posterior.resample(RECORDS, open_purpose(seed, PURPOSE)).draws
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExplosiveWarning)
            every = simulate(
                compiled,
                runs=RECORDS,
                seed=seed,
                params=_name_columns(posterior.names, draws),
                until=until,
                engine=engine,
            )
        if wild := len(every.stopped[0]):
            warnings.warn(f"{wild} of {RECORDS} drawn records exploded: at_most is of the others", ExplosiveWarning, 2)
        draws = np.delete(draws, every.stopped[0], axis=0)
        params = _name_columns(posterior.names, draws)
        scored = replay(compiled, every.whole, params, until=until, engine=engine).total
        return cls(every.whole, draws, scored, until, min(float(len(draws)), posterior.ess))

    def mean_log_ratio(self, left: ChronologyLikelihood, kept: Sequence[int]) -> tuple[float, float]:
        """Mean log ratio of the likelihoods with and without, and its standard error."""
        params = {name: self.draws[:, place] for name, place in zip(left.names, kept, strict=True)}
        without = replay(left.compiled, self.ensemble, params, until=self.until, engine=left.engine)
        ratio = self.log_likelihood - without.total
        if not np.isfinite(ratio).all():  # without the theory, something that was drawn is impossible
            return float(np.inf), 0.0
        return float(ratio.mean()), float(ratio.std(ddof=1) / np.sqrt(self.worth))


def _name_columns(names: Sequence[str], draws: Floats) -> dict[str, Floats]:
    return {name: draws[:, column] for column, name in enumerate(names)}
