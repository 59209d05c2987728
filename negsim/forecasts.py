"""What comes next? Histories that agree with what is known up to a date, and many futures drawn from each.

A forecast carries three uncertainties: of the parameters and of the open dates (each run has a draw of the posterior),
and of what happens then (each run has clocks of its own).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from negsim.calibration.fitting import bring_together
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.chronology import Chronology
from negsim.continuation import continue_histories
from negsim.results import Ensemble
from negsim.scenario import Scenario

if TYPE_CHECKING:
    import pandas

PURPOSE = 3
"""Address of the draws that choose among the posterior's."""


@dataclass(frozen=True)
class Forecast:
    """Futures after an origin.

    Attributes
    ----------
    origin : date
        First day that is drawn.
    ensemble : Ensemble
        What happens from the origin on, a run for each draw of the posterior.
    posterior : Posterior
        The draws, equally weighted, in the order of the runs.
    """

    origin: dt.date
    ensemble: Ensemble
    posterior: Posterior

    def summary(self) -> pandas.DataFrame:
        """Probability and dates of the next event of each kind (see :meth:`Ensemble.summary`).

        ``probability_mcse`` counts the runs; the posterior's own Monte-Carlo error is added to it as if it had
        ``posterior.ess`` independent draws.
        """
        table = self.ensemble.summary()
        ess = min(self.posterior.ess, float(self.ensemble.runs))
        p = table["probability"]
        table["probability_mcse"] = np.sqrt(p * (1 - p) / ess)
        return table


def forecast(
    case: Scenario | str,
    posterior: Posterior,
    chronology: Chronology | str = "article",
    origin: dt.date | None = None,
    until: dt.date | None = None,
    runs: int = 2000,
    seed: int = 0,
    record: Iterable[str] = ("events",),
) -> Forecast:
    """Draw what follows a chronology.

    Parameters
    ----------
    case : Scenario or str
        The case the posterior belongs to.
    posterior : Posterior
        From :func:`negsim.fit` on the same chronology.
    chronology : Chronology or str
        What is known.
    origin : date, optional
        First day that is drawn (default: the day after the chronology ends).
    until : date, optional
        Last day (default: the scenario's end).
    runs : int
        Futures.
    seed : int
        Seed.
    record : iterable of str
        As in :func:`negsim.simulate`.

    Returns
    -------
    Forecast

    Raises
    ------
    ValueError
        When the posterior has other open dates than the chronology: it was fitted to something else.
    """
    likelihood = bring_together(case, chronology, posterior.names)
    if posterior.latent.shape[1] != likelihood.open_dates:
        raise ValueError(
            f"the posterior has {posterior.latent.shape[1]} open dates and the chronology {likelihood.open_dates}: "
            f"it was fitted to {posterior.provenance.get('chronology', 'something else')}"
        )
    first = origin or likelihood.chronology.until + dt.timedelta(days=1)
    drawn = _draw_equally(posterior, runs, seed)
    ensemble = _continue(likelihood, drawn, first, until, seed, record)
    return Forecast(first, ensemble, drawn)


def _draw_equally(posterior: Posterior, runs: int, seed: int) -> Posterior:
    return posterior.resample(runs, np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSE,))))


def _continue(
    likelihood: ChronologyLikelihood,
    drawn: Posterior,
    origin: dt.date,
    until: dt.date | None,
    seed: int,
    record: Iterable[str],
) -> Ensemble:
    params = {name: drawn.draws[:, column] for column, name in enumerate(drawn.names)}
    histories = likelihood.histories(drawn.latent)
    return continue_histories(likelihood.compiled, histories, origin, params, seed, until, record)
