"""Can a fit be believed, and what does it rest on? Every check a reviewer asks for, in one call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from negsim.calibration.dates import DateSensitivity, measure_date_sensitivity
from negsim.calibration.fitting import bring_fit
from negsim.calibration.identifiability import Identifiability, identify
from negsim.calibration.influence import Influence, leave_events_out
from negsim.calibration.posterior import Posterior
from negsim.calibration.predictive import RUNS, PredictiveCheck, check_predictions
from negsim.calibration.surprises import Surprises, measure_surprises
from negsim.chronology import Chronology
from negsim.problems import require_whole
from negsim.progress import Progress, part_of, tell_nobody
from negsim.scenario import Scenario
from negsim.streams import open_stream

PURPOSE_DIAGNOSIS: Final = 88
DRAWS: Final = 200
"""Draws of the posterior that are replayed."""


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis:
    """Whether a fit can be trusted, and what it rests on. Print it to read it in words.

    Attributes
    ----------
    posterior : Posterior
    identifiability : Identifiability
        What was learned, and what is the prior.
    surprises : Surprises
        How far the model expected each event.
    influence : Influence or None
        What the result owes to the date of each event (None if not asked for).
    dates : DateSensitivity
        What depends on unknown dates.
    predictive : PredictiveCheck
        Whether simulated histories resemble this one.
    """

    posterior: Posterior
    identifiability: Identifiability
    surprises: Surprises
    influence: Influence | None
    dates: DateSensitivity
    predictive: PredictiveCheck

    def summary(self) -> str:
        """Say it in words, part by part."""
        return "\n".join(self._tell())

    def __repr__(self) -> str:
        return f"Diagnosis({self.posterior!r})"

    def __str__(self) -> str:
        """Say it in words."""
        return self.summary()

    def _tell(self) -> Iterator[str]:
        parts: dict[str, Any] = {
            "What was learned": self.identifiability,
            "Events against the model's expectation": self.surprises,
            "Which event carries the claim": self.influence,
            "Unknown dates": self.dates,
            "Histories the model makes": self.predictive,
        }
        yield self.posterior.describe()
        for title, part in parts.items():
            if part is not None:
                yield f"\n{title}\n{part.summary()}"


def diagnose(
    case: Scenario | str | Path,
    posterior: Posterior,
    chronology: Chronology | str | Path | None = None,
    *,
    runs: int = RUNS,
    seed: int = 0,
    draws: int = DRAWS,
    influence: bool = True,
    conventions: bool = False,
    ending: str | None = None,
    engine: str = "numpy",
    progress: Progress | None = None,
) -> Diagnosis:
    """Check a fit: what was learned, which events surprise the model, and which of them carry the result.

    Parameters
    ----------
    case : Scenario, str or Path
        The case the posterior belongs to.
    posterior : Posterior
        From :func:`negsim.fit` on the same chronology.
    chronology : Chronology, str or Path, optional
        What happened (default: the first of the case's own).
    runs : int
        Simulated histories of each predictive comparison.
    seed : int
        Seed of the simulations and of the draws that are replayed.
    draws : int
        Draws of the posterior that are replayed.
    influence : bool
        Leave out each reported event in turn (24 replays for each draw and event: the longest part).
    conventions : bool
        Fit again with unknown dates fixed by rule.
    ending : str, optional
        Address, with ``*``, of the move that makes the news: see `check_predictions` in
        :mod:`negsim.calibration.predictive`.
    engine : str
        ``numpy``, ``compiled`` or ``auto`` (see :func:`negsim.simulate`). What was expected just before each event is
        always computed with numpy.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.

    Returns
    -------
    Diagnosis

    Raises
    ------
    ValueError
        When the posterior was fitted to something else (:func:`negsim.calibration.fitting.bring_fit`), or a number of
        draws or runs is too small.
    """
    for name, number in (("draws", draws), ("runs", runs)):
        require_whole(name, number, 2)
    require_whole("seed", seed, 0, None)
    likelihood = bring_fit(case, posterior, chronology, engine)
    tell = progress or tell_nobody
    drawn = posterior.resample(draws, open_stream(seed, PURPOSE_DIAGNOSIS, 0, ()))
    tell(0.0, "surprises")
    surprises = measure_surprises(likelihood, drawn)
    tell(0.05, "predictions")
    predictive = check_predictions(likelihood, posterior, seed, runs, ending)
    tell(0.2, "dates")
    dates = measure_date_sensitivity(likelihood, posterior, conventions, seed)
    left_out = None
    if influence:
        left_out = leave_events_out(likelihood, drawn, seed, progress=part_of(tell, 0.3, 1.0))
    tell(1.0, "done")
    return Diagnosis(posterior, identify(posterior), surprises, left_out, dates, predictive)
