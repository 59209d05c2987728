"""What do the priors expect before any data? Histories drawn under them, and whether they run away.

Innocent priors on many numbers can be explosive together: moves that raise the hazards of moves. So histories are drawn
under the prior before anything is fitted; where the busiest of them hold more moves than anyone could believe in, that
is an error which names the number behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from negsim.calibration.priors import JointPrior
from negsim.chronology import Chronology
from negsim.compiler import Compiled
from negsim.ensemble import Drawn, Explosive, moments
from negsim.kernel import Outlook
from negsim.problems import NegsimError
from negsim.state import Flags, Floats, Ints, State
from negsim.streams import Clocks, open_stream

PURPOSE_OUTLOOK: Final = 84
RUNS: Final = 200
MOST: Final = 10.0
"""How many times the prior's median number of moves its 95% quantile may be."""
FEWEST: Final = 20.0
"""Moves that the median is taken to be at least: a handful may well become ten handfuls."""
STOPPED_A_YEAR: Final = 400.0
"""Moves a year, on average, at which a history is stopped."""
QUANTILES: Final = (0.05, 0.5, 0.75, 0.95)


class ExplosivePrior(NegsimError, ValueError):
    """Histories run away under the prior; the message says how far and which parameter is behind it."""


@dataclass(frozen=True)
class PriorOutlook:
    """Numbers of moves in histories drawn under the prior.

    Attributes
    ----------
    names : tuple of str
        The parameters that were drawn.
    z : array, shape (runs, P)
        Their draws, in standard coordinates.
    moves : array, shape (runs,)
        Moves in each history until the end of the window; those of a history that ran away count until it was stopped.
    years : float
        Length of the window.
    stopped_at : float
        Number of moves at which a history was stopped.
    """

    names: tuple[str, ...]
    z: Floats
    moves: Floats
    years: float
    stopped_at: float

    @property
    def explosive(self) -> bool:
        """Whether the busiest twentieth of histories holds too many moves."""
        return bool(self.quantiles()[-1] > self.bound)

    @property
    def bound(self) -> float:
        """Moves that the 95% quantile may have at most."""
        return min(MOST * max(float(np.median(self.moves)), FEWEST), 0.99 * self.stopped_at)

    def quantiles(self) -> Floats:
        """Numbers of moves at 5, 50, 75 and 95%."""
        return np.quantile(self.moves, QUANTILES)

    @property
    def busy(self) -> Flags:
        """Which histories are the busiest: those above the bound, of a calm prior the busiest twentieth."""
        return np.asarray(self.moves > min(self.bound, self.quantiles()[-1]))

    def blame(self) -> list[tuple[str, float]]:
        """How surely each parameter tells the busiest histories from the others, the surest first.

        A rank-biserial correlation: the probability that a busy history has the larger value of the parameter, less the
        probability that it has the smaller. What moves the number of moves of all histories alike is not to blame for
        the few that run away. Empty where all histories are as busy, so that no draw tells them apart.
        """
        busy = self.busy
        many, few = len(busy) - int(busy.sum()), int(busy.sum())
        if not many or not few:
            return []
        ranks = np.argsort(np.argsort(self.z, axis=0), axis=0)
        wins = ranks[busy].sum(axis=0) - few * (few - 1) / 2
        found = [(name, float(2 * wins[k] / (many * few) - 1)) for k, name in enumerate(self.names)]
        return sorted(found, key=lambda pair: -abs(pair[1]))

    def summary(self) -> str:
        """Say what the prior expects."""
        low, middle, _, high = self.quantiles()
        said = f"under the prior {len(self.moves)} histories of {self.years:.3g} years hold {middle:.0f} moves at the "
        return said + f"median, {low:.0f} at 5% and {high:.0f} at 95%"

    def require_calm(self) -> None:
        """Refuse a prior under which histories run away.

        Raises
        ------
        ExplosivePrior
        """
        if not self.explosive:
            return
        stopped = int((self.moves >= self.stopped_at).sum())
        ran = f"; {stopped} of them ran away and were stopped at {self.stopped_at:.0f} moves" if stopped else ""
        raise ExplosivePrior(
            f"{self.summary()}, where at most {self.bound:.0f} are believed ({MOST:g} times the median){ran}. "
            f"{self._advise()} what feeds on itself (the rates of coercive acts; their hits, 0.1 to 0.3 where two can "
            f"hurt each other; term.resentment.heat). To fit all the same: even_if_explosive=True"
        )

    def _advise(self) -> str:
        blamed = self.blame()
        if not blamed:
            return "No parameter tells the busiest from the others: lower"
        name, correlation = blamed[0]
        way = "high" if correlation > 0 else "low"
        told = f"The busiest go with {way} values of {name} (rank correlation {correlation:+.2f})"
        return f"{told}: narrow its prior, or lower"


def foresee(
    compiled: Compiled, prior: JointPrior, chronology: Chronology | None = None, runs: int = RUNS, seed: int = 0
) -> PriorOutlook:
    """Draw histories under the prior and count their moves.

    Parameters
    ----------
    compiled : Compiled
    prior : JointPrior
        Of named parameters of the scenario; its other numbers stay as they are written.
    chronology : Chronology, optional
        Counts go to the end of its window (default: the scenario's end).
    runs : int
    seed : int

    Returns
    -------
    PriorOutlook
    """
    z = open_stream(seed, PURPOSE_OUTLOOK, 0, ()).standard_normal((runs, len(prior)))
    until = float(compiled.world.tick_times[-1]) if chronology is None else chronology.window[1]
    theta = prior.from_unconstrained(z)
    most = max(STOPPED_A_YEAR * until / 365.25, MOST * FEWEST)
    moves = count_moves(compiled, {name: theta[:, k] for k, name in enumerate(prior.names)}, runs, seed, until, most)
    return PriorOutlook(prior.names, z, moves, until / 365.25, most)


def count_moves(
    compiled: Compiled, params: dict[str, Floats], runs: int, seed: int, until: float, most: float
) -> Floats:
    """Count the moves of histories, each until the end or until it has made `most` of them; shape (runs,)."""
    values = compiled.resolve(params)
    parameters = compiled.bind(values)
    names = compiled.labels.addresses
    chooser = Bounded(Clocks(seed, names, np.arange(runs), PURPOSE_OUTLOOK), runs, most)
    try:
        for _ in moments(compiled.world, parameters, compiled.start(parameters, runs), chooser, until):
            pass
    except Explosive:  # cannot be while `most` is below the loop's own bound
        chooser.made[:] = np.maximum(chooser.made, most)
    return chooser.made


class Bounded(Drawn):
    """Chooses by clocks, and ends a history that has made too many moves."""

    def __init__(self, clocks: Clocks, runs: int, most: float) -> None:
        super().__init__(clocks)
        self.made = np.zeros(runs)
        self._most = most
        self._places = np.arange(runs)

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Take the nearest ring; nothing comes any more where there was too much."""
        events, elapsed = super().choose(outlook, state, horizon, until)
        return events, np.where(self.made[self._places] >= self._most, np.inf, elapsed)

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Count the moves made."""
        super().settle(outlook, elapsed, events, fired)
        self.made[self._places[fired]] += 1

    def select(self, columns: Ints) -> None:
        """Keep some columns."""
        super().select(columns)
        self._places = self._places[columns]
