"""How likely is a chronology when moves that nobody reported are averaged over? A particle filter, for small cases.

The likelihood that is fitted (:mod:`negsim.calibration.likelihood`) samples the dates of moves that are known to have
happened, and takes it that nothing else has. Here whatever may have gone unreported is drawn: a move with hazard h of
which a share d is reported happens unseen at ``(1 - d) h``, and a particle weighs as much as it explains what was seen,
``d h`` at each told move times ``exp(-integral of d h)`` in between (Gordon, Salmond and Smith 1993; with hazards:
Rasmussen, Ratmann and Koelle 2011). Nothing guides the particles, so many told moves that need unseen ones before them
leave few alive: a check of the other way where both apply, no replacement of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.psis import scatter_error
from negsim.calibration.weights import choose_systematically
from negsim.ensemble import NOTHING, TICK, end_of, moments
from negsim.kernel import Outlook, choose, hazards_of, total_hazard
from negsim.state import Floats, Ints, State
from negsim.streams import open_stream

PURPOSE_FILTER: Final = 96
GROUPS: Final = 8
"""Independent filters side by side, whose spread is the error."""
MOMENT: Final = 1e-6
"""Days after a told move at which its particles are halted."""


@dataclass(frozen=True)
class Filtered:
    """What a particle filter says.

    Attributes
    ----------
    log_likelihood, standard_error : float
        Of what was told, per day of each told move; minus infinity where no particle explains it.
    alive : array, shape (told moves,)
        Share of the particles to which each told move was possible.
    """

    log_likelihood: float
    standard_error: float
    alive: Floats


def filter_unreported(
    likelihood: ChronologyLikelihood, theta: Floats, seed: int, particles: int = 1000, unit: Floats | None = None
) -> Filtered:
    """Find the likelihood of a chronology, unreported moves averaged over.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
        Of told moves only, and reporting that does not change within the window.
    theta : array, shape (P,)
        One parameter vector.
    seed : int
    particles : int
        Of each of eight independent filters.
    unit : array, shape (open dates,), optional
        Where the vague dates of told moves are to be.

    Raises
    ------
    ValueError
        When the chronology implies moves, or reporting changes with time.
    """
    chronology, compiled = likelihood.chronology, likelihood.compiled
    implied = [move.key for move in chronology.moves if move.implied]
    if implied:
        raise ValueError(f"a particle filter draws what was not told: leave out what is implied, {', '.join(implied)}")
    if likelihood.coverage.shares.shape[1] != 1:
        raise ValueError("reporting changes within the window: a particle filter is for reporting that does not")
    open_dates = np.zeros((1, likelihood.open_dates)) if unit is None else unit[None, :]
    told = chronology.histories(compiled, open_dates)[0]
    width = GROUPS * particles
    parameters = compiled.bind(compiled.resolve(dict(zip(likelihood.names, theta, strict=True))))
    state = compiled.start(parameters, width)
    shares = likelihood.coverage.shares[likelihood.coverage.profile, 0]
    stream = open_stream(seed, PURPOSE_FILTER, 0, ())
    total, alive = np.zeros(GROUPS), []
    end = end_of(compiled, chronology.until)
    for day, move in zip([*told.days.tolist(), end], [*told.moves.tolist(), -1], strict=True):
        chooser = Unseen(stream, shares, day, move, width)
        state = _advance(compiled.world, parameters, state, chooser, day + MOMENT if move >= 0 else end)
        logs = chooser.log_weights.reshape(GROUPS, particles)
        alive.append(float(np.isfinite(logs).mean()))
        with np.errstate(divide="ignore", invalid="ignore"):
            top = np.maximum(logs.max(axis=1), -1e300)
            weights = np.exp(logs - top[:, None])
            total = total + top + np.log(weights.mean(axis=1))
        kept = [
            group * particles + (choose_systematically(row, particles, stream) if row.any() else np.arange(particles))
            for group, row in enumerate(weights)
        ]
        state = state.select(np.concatenate(kept))
    return _put_together(total, np.array(alive[:-1]))


def _put_together(total: Floats, alive: Floats) -> Filtered:
    top = total.max()
    if not np.isfinite(top):
        return Filtered(-np.inf, np.nan, alive)
    each = np.exp(total - top)
    return Filtered(float(top + np.log(each.mean())), scatter_error(each), alive)


def _advance(world: Any, parameters: Any, state: State, chooser: Unseen, until: float) -> State:
    """Let all particles come to a moment; how each stands there."""
    resting = state.copy()

    def keep(runs: Ints, state: State, columns: Ints) -> None:
        arrays = state.arrays()
        for name, array in resting.arrays().items():
            array[..., runs[columns]] = arrays[name][..., columns]

    for _ in moments(world, parameters, state, chooser, until, leave=keep):
        pass
    return resting


class Unseen:
    """Chooses what happens unseen up to a told move, then that move; keeps the weights.

    Parameters
    ----------
    stream : Generator
    shares : array, shape (moves,)
        Of each move that is reported.
    day : float
        When the told move happens, or the observation ends.
    move : int
        Which move; -1 at the end.
    width : int
        Number of particles.
    """

    def __init__(self, stream: np.random.Generator, shares: Floats, day: float, move: int, width: int) -> None:
        self._stream, self._shares, self._day, self._move = stream, shares, day, move
        self._columns = np.arange(width)
        self._told = np.zeros(width, dtype=bool)
        self.log_weights = np.zeros(width)

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Draw the next unseen move of each particle, unless the tick or the told move comes first."""
        rest = np.maximum(self._day - state.time, 0.0)
        comes = ~self._told[self._columns] & (rest < horizon)
        waits = self._stream.standard_exponential((len(self._shares), len(rest)))
        events, elapsed = choose(self._hide(outlook), waits, np.where(comes, rest, horizon))
        which = np.arange(len(self._shares))
        seen = total_hazard(outlook, np.repeat(self._shares[:, None], len(rest), axis=1), which)
        self.log_weights[self._columns] -= seen * np.minimum(elapsed, rest)
        made = np.flatnonzero(comes & (events == TICK))
        if len(made) and self._move >= 0:
            events[made] = self._make(outlook, made)
        return events, np.where(np.isin(np.arange(len(rest)), made) & (self._move < 0), np.inf, elapsed)

    def _make(self, outlook: Outlook, made: Ints) -> Ints:
        """Make the told move where it is possible, and weigh it."""
        hazards = hazards_of(outlook, np.full(len(made), self._move), made, shared=False)
        with np.errstate(divide="ignore"):
            self.log_weights[self._columns[made]] += np.log(self._shares[self._move] * hazards)
        self._told[self._columns[made]] = True
        return np.where(hazards > 0, self._move, NOTHING)

    def _hide(self, outlook: Outlook) -> Outlook:
        """Hazards of what happens unseen."""
        unseen = 1.0 - self._shares
        packages = [replace(each, hazards=each.hazards * unseen[each.rows, None]) for each in outlook.packages]
        dense = outlook.hazards * unseen[: len(outlook.hazards), None]
        return replace(outlook, hazards=dense, packages=packages)

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Nothing to do: what is unseen has no memory, and the weights are kept when choosing."""

    def select(self, columns: Ints) -> None:
        """Keep some particles."""
        self._columns = self._columns[columns]
