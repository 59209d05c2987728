"""What does a fitted case make of what happened, and is that enough? Every answer to it, from one posterior.

Each event beside the histories that the case draws, before and after the fit and without its date; the evidence against
the case without theories and against constant rates; which events that evidence comes from; and whether sequences of
this length could tell at all. All of it is fit, not forecast.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from negsim.calibration.fitting import bring_fit, bring_together
from negsim.calibration.posterior import Posterior
from negsim.chronology import Chronology
from negsim.forecasts.comparison import ENOUGH, STATIC, Change, Comparison, compare_theories
from negsim.forecasts.explanations import Explanation, hold_events, list_told
from negsim.forecasts.fits import Fits
from negsim.forecasts.information import Information, measure_information
from negsim.forecasts.reach import Reach, measure_reach
from negsim.margins import write_error
from negsim.progress import Progress, part_of, tell_nobody
from negsim.scenario import Scenario
from negsim.scenario_files import take_scenario
from negsim.theories import make_static

if TYPE_CHECKING:
    import pandas

NAMES = ("the model", "the static model")


@dataclass(frozen=True, eq=False, repr=False)
class Account:
    """What a fitted case makes of what happened.

    Attributes
    ----------
    explanation : Explanation
        Each event beside simulated histories.
    comparison : Comparison
        Evidence against the rivals.
    information : Information or None
        Which events speak for the theories (None where the fit of the static model was refused).
    reach : Reach or None
        Whether it could be told.
    """

    explanation: Explanation
    comparison: Comparison
    information: Information | None
    reach: Reach | None

    def __repr__(self) -> str:
        return f"Account({self.comparison!r}, {self.explanation!r})"

    def __str__(self) -> str:
        return self.describe()

    def describe(self) -> str:
        """Say whether the events tell the case from the same case without its theories."""
        return "\n".join(self._tell())

    def _tell(self) -> Iterator[str]:
        yield _count(self.explanation.table)
        yield self.comparison.describe()
        static = next(one for one in self.comparison.changes if one.without == STATIC)
        yield _judge(static)
        if self.information is not None:
            yield self.information.describe()
        if self.reach is not None:
            yield self.reach.describe()


def _count(table: pandas.DataFrame) -> str:
    """How many events the fit made likelier near their dates, and how many less likely."""
    gain = table["posterior"] - table["prior"]
    clear = gain.abs() > 2 * np.hypot(table["posterior_error"], table["prior_error"])
    more, less = int((clear & (gain > 0)).sum()), int((clear & (gain < 0)).sum())
    return (
        f"Of {len(table)} events the fit makes {more} clearly more and {less} clearly less probable near their dates, "
        f"in histories that know nothing but the numbers."
    )


def _judge(static: Change) -> str:
    told = f"log evidence {-static.change:+.1f} ± {write_error(static.error, 1)}, {ENOUGH:.1f} is enough"
    if static.says.startswith("the data speak for it"):
        return f"The events tell the model from the static one ({told}); its structure was chosen knowing such events."
    if static.says == "the data speak against it":
        return f"The events speak against the theories together ({told})."
    if static.how == "refused":
        return "Whether the events tell the model from the static one is not known: its fit was refused."
    return f"The events cannot tell the model from the static one ({told})."


def account_for(
    case: Scenario | str | Path,
    posterior: Posterior,
    chronology: Chronology | str | Path | None = None,
    *,
    runs: int = 2000,
    seed: int = 0,
    events: Any = None,
    refit: bool = True,
    sampler: Mapping[str, Any] | None = None,
    keep: str | Path | None = None,
    engine: str = "numpy",
    progress: Progress | None = None,
) -> Account:
    """Ask how well a fit accounts for the events, and which of them speak for the theories (``negsim explain``).

    Parameters
    ----------
    case : Scenario, str or Path
    posterior : Posterior
        From :func:`negsim.fit` on the chronology.
    chronology : Chronology, str or Path, optional
        Default: the first of the case's own.
    runs : int
        Simulated histories of each kind.
    seed : int
    events : DataFrame or iterable of mappings, optional
        As in :func:`negsim.explain_events`.
    refit : bool
        Whether to fit again if the date of an event cannot be removed by reweighting (the rivals are fitted anyway).
    sampler : mapping, optional
        Settings of the other fits, such as particles and runs (see :func:`negsim.fit`).
    keep : str or Path, optional
        Folder in which other fits are saved and found again.
    engine : str
        As in :func:`negsim.simulate`.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.

    Returns
    -------
    Account
    """
    tell = progress or tell_nobody
    scenario = take_scenario(case)
    likelihood = bring_fit(scenario, posterior, chronology, engine)
    happened = likelihood.chronology
    told = list_told(likelihood, events)
    with ExitStack() as stack:
        folder = Path(keep if keep is not None else stack.enter_context(tempfile.TemporaryDirectory()))
        fits = Fits(seed, {**(sampler or {}), "engine": engine}, folder)
        tell(0.0, "rivals")
        again: dict[str, Any] = {"keep": folder, "engine": engine}
        comparison = compare_theories(
            scenario, happened, seed=seed, theories=(), posterior=posterior, **again, **(sampler or {})
        )
        explanation = hold_events(
            likelihood,
            posterior,
            told,
            runs,
            seed,
            1,
            part_of(tell, 0.1, 0.9),
            "date",
            fits if refit else None,
        )
        tell(0.9, "what could be told")
        refused = any(one.how == "refused" for one in comparison.changes)
        told_apart = (None, None) if refused else _tell_from_static(scenario, happened, posterior, fits, engine)
    return Account(explanation, comparison, *told_apart)


def _tell_from_static(
    case: Scenario, chronology: Chronology, posterior: Posterior, fits: Fits, engine: str
) -> tuple[Information, Reach]:
    """What every event says for the case against the same case without theories, and what could be said at all."""
    static = make_static(case)
    other = fits.find(static, chronology)
    model = (bring_together(case, chronology, posterior.names, engine), posterior)
    reference = (bring_together(static, chronology, other.names, engine), other)
    information = measure_information(model, reference, NAMES, seed=fits.seed)
    return information, measure_reach(model, reference, NAMES, seed=fits.seed)
