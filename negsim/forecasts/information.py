"""Which events speak for one model rather than another? What each expected of every event, in bits.

Of a told event: the log of the hazard just before it, less the integrated hazard since the told event before (what was
silent until then), averaged over draws of the posterior as probabilities are. Moves that were only implied in between
are taken as given. The difference between two models is the information that the event gives for the first against the
second: 1 bit is a factor of 2. Both have seen the event when they were fitted: this is fit, not forecast, and it shows
where evidence comes from, not how much there is (:mod:`negsim.forecasts.comparison`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.forecasts.drawing import PURPOSE, open_purpose
from negsim.margins import write_error
from negsim.scenario import Scenario
from negsim.state import Floats

if TYPE_CHECKING:
    import pandas

DRAWS: Final = 400
"""Draws of each posterior that are replayed."""

Fitted = tuple[ChronologyLikelihood, Posterior]
"""A model, and what it learned."""


@dataclass(frozen=True, eq=False)
class Information:
    """What every told event says for a model against another.

    Attributes
    ----------
    scenario : Scenario
    posterior : Posterior
        Of the model.
    names : (str, str)
        What the two are called.
    table : DataFrame
        A row for each told event in the order of time: ``key``, ``row``, ``event`` (its address), ``start`` and ``end``
        (first and last day on which it can have happened), ``bits`` for the model and their Monte-Carlo ``error``,
        ``surprise`` and ``reference_surprise`` (bits by which each model was surprised: minus the log of its density
        per day). The last row is the silence after the last event.
    """

    scenario: Scenario
    posterior: Posterior
    names: tuple[str, str]
    table: pandas.DataFrame

    def describe(self) -> str:
        """Say which events speak most for either."""
        return "\n".join(self._tell())

    def _tell(self) -> Iterator[str]:
        model, reference = self.names
        for name, sign in ((model, 1), (reference, -1)):
            clear = self.table[sign * self.table["bits"] > 2 * self.table["error"]]
            most = clear.reindex((sign * clear["bits"]).sort_values(ascending=False).index).head(3)
            said = [
                f"{one.event} ({one.start}) {sign * one.bits:.1f} ± {write_error(one.error, 1)}"
                for one in most.itertuples()
            ]
            yield f"Most bits for {name}: {', '.join(said) or 'no event gives any'}."


def measure_information(
    model: Fitted,
    reference: Fitted,
    names: tuple[str, str] = ("the model", "the static model"),
    draws: int = DRAWS,
    seed: int = 0,
) -> Information:
    """Measure what every told event says for a model against another.

    Parameters
    ----------
    model, reference : (ChronologyLikelihood, Posterior)
        Two variants of a case with their fits to one chronology.
    names : (str, str)
        What they are called.
    draws : int
        Draws of each posterior that are replayed.
    seed : int
        Chooses them.

    Returns
    -------
    Information
    """
    import pandas as pd

    likelihood, posterior = model
    chronology = likelihood.chronology
    mine, other = (_log_densities(*one, draws, seed) for one in (model, reference))
    told = [place for place, move in enumerate(chronology.moves) if not move.implied]
    low, high = chronology.placement.low, chronology.placement.high
    order = sorted(range(len(told)), key=lambda number: (high[told[number]], low[told[number]]))
    lines = []
    for number in order:
        move, place = chronology.moves[told[number]], told[number]
        dates = (chronology.date(low[place]), chronology.date(high[place] - 1.0))
        lines.append((move.key, move.row, " | ".join(move.names), *dates, *_compare(mine, other, number)))
    silence = ("silence", "", "silence after the last event", chronology.until, chronology.until)
    lines.append((*silence, *_compare(mine, other, len(told))))
    columns = ["key", "row", "event", "start", "end", "bits", "error", "surprise", "reference_surprise"]
    return Information(likelihood.compiled.scenario, posterior, names, pd.DataFrame(lines, columns=columns))


def _log_densities(
    likelihood: ChronologyLikelihood, posterior: Posterior, draws: int, seed: int
) -> tuple[Floats, float]:
    """Log density of each told event and of the silence at the end, shape (told + 1, draws); what draws are worth."""
    chronology = likelihood.chronology
    drawn = posterior.resample(draws, open_purpose(seed, PURPOSE))
    found = likelihood.score(drawn.draws, likelihood.histories(drawn.latent), likelihood.reported)
    order = chronology.sort(chronology.place(likelihood.compiled, drawn.latent).days).T
    is_told = np.array([not move.implied for move in chronology.moves])
    number = np.cumsum(is_told) - 1
    logs = np.empty((int(is_told.sum()) + 1, draws))
    waited = np.cumsum(found.intervals[: len(order) + 1], axis=0)
    for draw in range(draws):
        line = order[:, draw]
        at = np.flatnonzero(is_told[line])
        waits = np.diff(np.r_[0.0, waited[at, draw], waited[-1, draw]])
        logs[:-1][number[line[at]], draw] = found.events[at, draw] - waits[:-1]
        logs[-1, draw] = -waits[-1]
    return logs, min(posterior.ess, float(draws))


def _compare(mine: tuple[Floats, float], other: tuple[Floats, float], number: int) -> tuple[float, float, float, float]:
    """Bits for the first, their error, and by how many bits each was surprised."""
    (first, first_error), (second, second_error) = (_mean(logs[number], worth) for logs, worth in (mine, other))
    bits = np.array([first - second, np.hypot(first_error, second_error), -first, -second]) / np.log(2.0)
    return tuple(map(float, bits))  # type: ignore[return-value]


def _mean(logs: Floats, worth: float) -> tuple[float, float]:
    """Log of the mean of some exponentials, and its standard error."""
    top = float(logs.max())
    if not np.isfinite(top):
        return -np.inf, np.nan
    weights = np.exp(logs - top)
    return top + float(np.log(weights.mean())), float(weights.std(ddof=1) / weights.mean() / np.sqrt(worth))
