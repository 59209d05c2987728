"""How surprising is each told event? What the model expected just before it, and how long it had been waiting.

Time is measured in expectation: between two told or implied moves passes the integrated hazard of all that would have
been told. Under the model these waits are exponential with mean 1 (time rescaling: Brown and others 2002), and given
that something is told at a moment, it is each move with a chance in proportion to its hazard.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.edtf import format_interval
from negsim.ensemble import moments
from negsim.kernel import Outlook, total_hazard
from negsim.replays import Given
from negsim.state import Floats, Ints, State

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Surprises:
    """What the model expected of each told event.

    Attributes
    ----------
    table : DataFrame
        A row for each told move, the most surprising first: `event`, `row` of the source, `when` (its window),
        `chance` (of this move, given that something is told at that moment: posterior mean) with `chance_q05` and
        `chance_q95` over the posterior, `surprise` (minus the log of the chance, in nats), `waited` (integrated hazard
        since the move before; its mean is 1 under the model).
    chances, waits : arrays, shape (draws, told)
        Of each draw of the posterior, in the order of the chronology.
    """

    table: pandas.DataFrame
    chances: Floats
    waits: Floats

    def summary(self, most: int = 5) -> str:
        """Say which events surprise most."""
        return "\n".join(self._tell(most))

    def _tell(self, most: int) -> Iterator[str]:
        mean = float(self.table["surprise"].mean())
        yield (
            f"{len(self.table)} told events, {mean:.2f} nats of surprise each on average; the most surprising, with "
            "their chance among all\nthat could have happened at that moment (5 to 95% of the posterior) and how long "
            "was waited (1: as long as expected):"
        )
        for _, row in self.table.head(most).iterrows():
            yield (
                f"  {row['when']}  {row['event']}  chance {row['chance']:.2g} "
                f"({row['chance_q05']:.2g} to {row['chance_q95']:.2g}), waited {row['waited']:.2f}"
            )


def measure_surprises(likelihood: ChronologyLikelihood, posterior: Posterior) -> Surprises:
    """Measure how surprising each told event is.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
    posterior : Posterior
        Equally weighted draws (:meth:`Posterior.resample`); each is replayed once.

    Returns
    -------
    Surprises
    """
    import pandas as pd

    chronology = likelihood.chronology
    logs, totals, waits = watch(likelihood, posterior.draws, posterior.latent)
    told = [place for place, move in enumerate(chronology.moves) if not move.implied]
    chances = np.exp(logs - np.log(totals))[:, told]
    low, high = chronology.placement.low, chronology.placement.high
    table = pd.DataFrame(
        {
            "event": [" | ".join(chronology.moves[place].names) for place in told],
            "row": [chronology.moves[place].row for place in told],
            "when": [format_interval(chronology.date(low[k]), chronology.date(high[k])) for k in told],
            "chance": chances.mean(axis=0),
            "chance_q05": np.quantile(chances, 0.05, axis=0),
            "chance_q95": np.quantile(chances, 0.95, axis=0),
            "surprise": np.abs(np.log(chances.mean(axis=0))),
            "waited": waits[:, told].mean(axis=0),
        },
        index=pd.Index([chronology.moves[place].key for place in told], name="key"),
    )
    return Surprises(table.sort_values("surprise", ascending=False), chances, waits[:, told])


def watch(likelihood: ChronologyLikelihood, theta: Floats, unit: Floats) -> tuple[Floats, Floats, Floats]:
    """Replay the chronology's histories at some points and watch what was expected at each move.

    Returns
    -------
    logs, totals, waits : arrays, shape (points, moves), in the order of the chronology
        Log hazard of the move that was made, hazard of all that would have been told (per day), and the integrated
        hazard since the move before.
    """
    compiled, chronology = likelihood.compiled, likelihood.chronology
    histories = likelihood.histories(unit)
    order = chronology.sort(chronology.place(compiled, unit).days)
    values = compiled.resolve({name: theta[:, column] for column, name in enumerate(likelihood.names)})
    parameters = compiled.bind(values)
    given = Watching(compiled, histories, len(theta), likelihood.coverage)
    for _ in moments(compiled.world, parameters, compiled.start(parameters, len(theta)), given, chronology.window[1]):
        pass
    found = []
    for array in (given.logs, given.totals, given.integrals[:-1]):
        ordered = np.empty((len(theta), len(chronology.moves)))
        np.put_along_axis(ordered, order, array.T, axis=1)
        found.append(ordered)
    return found[0], found[1], found[2]


class Watching(Given):
    """Chooses what histories say, and notes the hazard of all that would be told when a move is made."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.totals = np.full_like(self.logs, np.nan)

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Name the next given move, score it, and note the total."""
        before = self._next.copy()
        events, elapsed = super().choose(outlook, state, horizon, until)
        made = np.flatnonzero(self._next > before)
        if len(made):
            total = total_hazard(outlook)
            if self._coverage is not None:
                shares = self._coverage.shares_at(state.time + elapsed)
                total = total_hazard(outlook, shares, self._coverage.profile)
            self.totals[before[made], self._places[made]] = total[made]
        return events, elapsed
