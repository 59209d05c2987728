"""What comes next? Histories that agree with what is known up to a date, and many futures drawn from each.

A forecast carries three uncertainties: of the parameters and of the open dates (each run has a draw of the posterior),
and of what happens then (each run has clocks of its own).
"""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from negsim.arguments import check_arguments
from negsim.calendar import day_number, read_day
from negsim.calibration.fitting import bring_fit
from negsim.calibration.posterior import Posterior
from negsim.chronology import Chronology
from negsim.chronology_files import load_chronology
from negsim.continuation import continue_histories
from negsim.problems import require_whole
from negsim.progress import Progress
from negsim.questions import Answers, Question, answer, ask_about
from negsim.results import Ensemble, ResultError, error_of_share
from negsim.scenario import Scenario
from negsim.scenario_files import take_scenario
from negsim.state import Floats

if TYPE_CHECKING:
    import pandas

PURPOSE = 3
"""Address of the draws that choose among the posterior's."""
PURPOSE_PRIOR = 4
"""Address of the draws of parameters from their prior."""
SHARES = (0.1, 0.5, 0.9)
"""By when so many of the runs in which it happens have seen it."""
Source = Literal["posterior", "prior"]


@dataclass(frozen=True, eq=False, repr=False)
class Forecast:
    """Futures after an origin. A notebook shows their summary.

    Attributes
    ----------
    origin : date
        First day that is drawn.
    until : date
        Last day that is drawn.
    ensemble : Ensemble
        What happens from the origin on, a run for each draw of the posterior.
    posterior : Posterior
        The draws, equally weighted, in the order of the runs; with parameters from the prior these are the prior's.
    """

    origin: dt.date
    until: dt.date
    ensemble: Ensemble
    posterior: Posterior

    def __repr__(self) -> str:
        days = f"{self.origin} to {self.until}"
        return f"Forecast({self.ensemble.runs:,} futures, {days}, by {self.posterior!r})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.summary().to_html(index=False)}"

    @property
    def start(self) -> float:
        """Day of the origin, from the start of the scenario."""
        return day_number(self.ensemble.scenario.start, self.origin)

    @cached_property
    def effective_runs(self) -> float:
        """Number of independent runs that the forecast is worth: no more than the posterior has independent draws."""
        return min(self.posterior.ess, float(self.ensemble.whole.runs))

    def summary(self) -> pandas.DataFrame:
        """Probability and dates of the next event of each kind (see :meth:`Ensemble.summary`).

        ``probability_mcse`` and ``count_mcse`` are those of as many independent runs as the forecast is worth
        (:attr:`effective_runs`).
        """
        table = self.ensemble.summary()
        worth = self.effective_runs or np.nan
        table["probability_mcse"] = error_of_share(table["probability"] * worth, worth)
        table["count_mcse"] *= np.sqrt(self.ensemble.whole.runs / worth)
        return table

    @check_arguments
    def ask(self, questions: Sequence[Question] | Iterable[str] = ()) -> Answers:
        """Ask the futures that did not explode (default: what the case ships, else about every kind of event).

        Raises
        ------
        negsim.results.ResultError
            When all did, or events were not recorded.
        """
        if not self.ensemble.whole.runs:
            raise ResultError("every future exploded: the parameters are explosive")
        return answer(self.ensemble.whole, self._questions(questions))

    @check_arguments
    def answers(self, questions: Sequence[Question] | Iterable[str] = ()) -> pandas.DataFrame:
        """Answer each question: how probable it is by the last day, and when it happens if it does.

        Returns
        -------
        DataFrame
            ``question``, ``probability`` and its standard error ``error``; ``date_10``, ``date_50``, ``date_90``: by
            when so many per cent of the runs in which it happens have seen it; ``count``: mean number of times.
        """
        import pandas as pd

        found = self.ask(questions)
        probability = np.isfinite(found.first).mean(axis=0)
        table = pd.DataFrame({"question": [question.label for question in found.questions], "probability": probability})
        table["error"] = standard_error(probability, self.effective_runs)
        for share in SHARES:
            table[f"date_{100 * share:.0f}"] = self._dates(found.first, share)
        table["count"] = found.count.mean(axis=0)
        return table

    def _questions(self, questions: Sequence[Question] | Iterable[str]) -> tuple[Question, ...]:
        every = tuple(questions)
        if every and all(isinstance(one, Question) for one in every):
            return every  # type: ignore[return-value]
        return ask_about(self.ensemble.compiled, every)  # type: ignore[arg-type]

    def _dates(self, first: Floats, share: float) -> list[dt.date | None]:
        """The day by which a share of the runs in which each thing happens have seen it."""
        start = self.ensemble.scenario.start
        found: list[dt.date | None] = []
        for column in first.T:
            days = column[np.isfinite(column)]
            day = None if len(days) == 0 else int(np.quantile(days, share, method="inverted_cdf"))
            found.append(None if day is None else start + dt.timedelta(days=day))
        return found


def standard_error(probability: Floats, runs: float) -> Floats:
    """Standard error of probabilities estimated from so many runs.

    Of a share of 0 or 1 as well: half a run is added on either side.
    """
    share = (probability * runs + 0.5) / (runs + 1)
    return np.asarray(np.sqrt(share * (1 - share) / runs))


def forecast(
    case: Scenario | str | Path,
    posterior: Posterior,
    chronology: Chronology | str | Path | None = None,
    *,
    runs: int = 2000,
    seed: int = 0,
    origin: dt.date | str | None = None,
    until: dt.date | str | None = None,
    parameters: Source = "posterior",
    record: Iterable[str] = ("events",),
    engine: str = "numpy",
    workers: int = 1,
    progress: Progress | None = None,
) -> Forecast:
    """Simulate futures that follow a chronology, each with its own draw from a posterior.

    Parameters
    ----------
    case : Scenario or str
        The case the posterior belongs to.
    posterior : Posterior
        From :func:`negsim.fit` on the same chronology.
    chronology : Chronology, str or Path, optional
        What is known (default: the first of the case's own).
    runs : int
        Futures.
    seed : int
        Seed.
    origin : date, optional
        First day of the forecast (default: the day after the chronology ends).
    until : date, optional
        Last day (default: the scenario's end). Beyond the scenario's end, drivers keep their last values.
    parameters : {"posterior", "prior"}
        ``prior`` draws the parameters from their prior, and only the open dates from the posterior. This is what the
        forecast would be had the parameters not been learned; whatever the two forecasts share is prior-driven.
    record : iterable of str
        As in :func:`negsim.simulate`.
    engine : str
        As in :func:`negsim.simulate`.
    workers : int
        Processes; threads with the compiled engine. The forecast does not depend on their number.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.

    Returns
    -------
    Forecast

    Raises
    ------
    ValueError
        When the posterior was fitted to something else (:func:`negsim.calibration.fitting.bring_fit`), or `parameters`
        is another word.
    """
    scenario = take_scenario(case)
    last = read_day("until", until) or scenario.end
    require_whole("runs", runs)
    require_whole("seed", seed, 0, None)
    require_whole("workers", workers)
    if parameters not in get_args(Source):
        raise ValueError(f"parameters must be one of {', '.join(get_args(Source))}, not {parameters!r}")
    # Before the scenario is extended: what a chronology saw ends, if it says nothing else, where the scenario ends.
    told = chronology if isinstance(chronology, Chronology) else load_chronology(scenario, chronology)
    likelihood = bring_fit(extend(scenario, last), posterior, told, engine)
    first = read_day("origin", origin) or likelihood.chronology.until + dt.timedelta(days=1)
    drawn = _draw_equally(posterior, runs, seed)
    if parameters == "prior":
        drawn = _unlearn(drawn, posterior.prior.draw(runs, open_purpose(seed, PURPOSE_PRIOR)))
    params: Mapping[str, Any] = {name: drawn.draws[:, column] for column, name in enumerate(drawn.names)}
    futures = continue_histories(
        likelihood.compiled,
        likelihood.histories(drawn.latent),
        first,
        params,
        seed,
        last,
        record,
        likelihood.engine,
        workers,
        progress,
    )
    return Forecast(first, last, futures, drawn)


def extend(scenario: Scenario, until: dt.date) -> Scenario:
    """Let a scenario end later, if it ends before a date: nothing else changes.

    Drivers keep their last value beyond their last date, flows and restraints go on as they stood, and the calendar
    goes on ticking. So what is said of the years beyond the scenario's own end supposes that nothing comes from outside
    that the scenario does not know.
    """
    return scenario if until <= scenario.end else scenario.model_copy(update={"end": until})


def _draw_equally(posterior: Posterior, runs: int, seed: int) -> Posterior:
    return posterior.resample(runs, open_purpose(seed, PURPOSE))


def _unlearn(drawn: Posterior, values: Floats) -> Posterior:
    """Put draws from the prior, which are independent, in place of a posterior's; the open dates stay."""
    worth = drawn.ess if drawn.latent.shape[1] else float(len(values))
    unknown = np.full(len(values), np.nan)
    return replace(drawn, draws=values, log_likelihood=unknown, diagnostics={**drawn.diagnostics, "ess": worth})


def open_purpose(seed: int, purpose: int) -> np.random.Generator:
    """Open the stream of a purpose."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(purpose,)))
