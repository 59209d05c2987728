"""How likely is a chronology whose order is known and whose dates are not, with the dates integrated out?

Where every move follows the one before it, whatever the dates, the moves are a chain. A particle filter goes along it
(:mod:`negsim.scalar.guided`) and estimates the likelihood of parameters alone without bias; with the parameters' prior
and one trajectory that it draws, the estimate is as good as the likelihood itself (Andrieu, Doucet and Holenstein
2010): where such draws are weighted by it, they come from the exact posterior of parameters and dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np

from negsim.calibration.priors import JointPrior
from negsim.calibration.target import Estimated
from negsim.chronology import Chronology
from negsim.compiler import Compiled
from negsim.history import Stacked
from negsim.replays import replay
from negsim.scalar.guiding import estimate_likelihoods, lay_chain
from negsim.scalar.ways import Chain, Guide
from negsim.state import Floats, Ints

LONGEST_BLOCK: Final = 8
"""Moves after which particles are resampled at the latest."""
USUAL: Final = 0.15
"""Share of the hazard that a move is thought to have before anything is known."""
SHRUNK: Final = 5.0
"""Draws that the guide must outweigh before it believes that the parameters matter to it."""


FAR: Final = 30.0
"""How much less likely than the likeliest, in logs, parameters may be that teach the guide."""
FEWEST: Final = 16
"""So many of the likeliest teach it all the same."""
ROOM: Final = 0.5
"""What the guide expects goes beyond what was seen by so much at most, in logs."""

SLACK: Final = 0.01
"""Days by which a lead time is taken to be shorter, for rounding."""

Regression = tuple[Floats, tuple[Any, Any]]
"""Coefficients, shape (1 + P, moves + 1), of a log; and bounds of each."""


def explain_no_chain(compiled: Compiled, chronology: Chronology) -> str:
    """Say why a chronology is no chain that the filter can go along; nothing where it is one."""
    if any(len(move.names) > 1 for move in chronology.moves):
        return "some rows may stand for one move or another"
    if (chronology.coverage(compiled).shares < 1).any():
        return "some moves may have gone unreported"
    if not chronology.moves:
        return "no move is told"
    reach, order = chronology.placement.reach, chronology.placement.sequence.tolist()
    if any(reach[later, earlier] > 0 for earlier, later in pairwise(order)):
        return "the order of some moves is not known"
    if any(link.least > 0 or np.isfinite(link.most) for link in chronology.links):
        return "some moves must keep a distance"
    return ""


@dataclass
class ChainLikelihood:
    """The likelihood of a chain, estimated, and what is known so far of how to guide the particles.

    Attributes
    ----------
    compiled : Compiled
    chronology : Chronology
        One for which :func:`explain_no_chain` says nothing.
    prior : JointPrior
        Of parameters of the scenario.
    seed : int
    workers : int
        Threads.
    narrow : bool
        Whether moves keep within what lead times leave: what is pledged too late for its begin is never tried. It costs
        nothing but the grids, and changes no likelihood.
    evaluations : int
        Particles that have gone through the chain so far, and replays.
    """

    compiled: Compiled
    chronology: Chronology
    prior: JointPrior
    seed: int
    workers: int = 1
    narrow: bool = False
    evaluations: int = 0
    chain: Chain = field(init=False)
    _calls: int = field(default=0, init=False)
    _guide: tuple[Regression, Regression] = field(init=False)

    def __post_init__(self) -> None:
        chronology, placement = self.chronology, self.chronology.placement
        order = placement.sequence
        low = np.where(placement.fixed, placement.moments, placement.low)[order]
        high = np.where(placement.fixed, placement.moments, placement.high)[order]
        moves = chronology.number(self.compiled)[order]
        if self.narrow:
            low, high = self._leave_lead_times(moves, low, high)
        self.chain = lay_chain(moves, low, high, chronology.window[1], LONGEST_BLOCK)
        even = np.log(len(moves) / (chronology.window[1] - chronology.window[0]))
        flat = np.zeros((len(self.prior) + 1, len(moves) + 1))
        flat[0] = 1.0
        anything = (-np.inf, np.inf)
        self._guide = (even * flat, anything), (np.log(USUAL) * flat, anything)

    def _leave_lead_times(self, moves: Ints, low: Floats, high: Floats) -> tuple[Floats, Floats]:
        """Narrow windows: nothing begins before its lead time is over, counted from the last pledge of it."""
        low, high, pledged = low.copy(), high.copy(), dict[str, int]()
        varied = self.compiled.resolve(self._name(np.zeros((1, len(self.prior)))))
        for place, move in enumerate(moves.tolist()):
            event = self.compiled.labels.events[move]
            path = f"concession.{event.subject}.lead_time_days"
            if event.kind == "pledge":
                pledged[event.subject] = place
            elif event.kind == "begin" and event.subject in pledged and path not in varied:
                before, days = pledged[event.subject], self.compiled.numbers[path] - SLACK
                high[before] = min(high[before], high[place] - days)
                low[place] = max(low[place], low[before] + days)
        return low, high

    def estimate(self, z: Floats, particles: int) -> Estimated:
        """Estimate the likelihood at standard coordinates, shape (n, P), by so many particles each.

        What is drawn are dates, in the order of the chain.
        """
        features = np.column_stack([np.ones(len(z)), z])
        pace, share = (np.exp(np.clip(features @ table, *bounds)) for table, bounds in self._guide)
        self._calls += 1
        found = estimate_likelihoods(
            self.compiled, self.chain, Guide(pace, np.minimum(share, 1.0)), self.compiled.resolve(self._name(z)),
            self.chronology.window[1], particles, (self.seed, self._calls), self.workers,
        )  # fmt: skip
        self.evaluations += len(z) * particles
        self._learn(z, found.pace, found.share, found.log_mean)
        constant = self.chronology.placement.log_constant
        return Estimated(found.log_mean + constant, found.log_likelihood, found.days)

    def _learn(self, z: Floats, pace: Floats, share: Floats, log_mean: Floats) -> None:
        """Learn from trajectories how fast each move is come to, by a regression on the parameters.

        Parameters far from likely, whose hazards are wild, teach nothing.
        """
        near = log_mean > max(min(np.max(log_mean) - FAR, np.sort(log_mean)[-FEWEST:][0]), -1e300)
        if near.sum() < 2:
            return
        around = z[near].mean(axis=0)
        away = z[near] - around
        pull = away.T @ away + SHRUNK * np.eye(z.shape[1])
        self._guide = _regress(pace[near], around, away, pull), _regress(share[near], around, away, pull)

    def replay(self, z: Floats, latent: Floats) -> Floats:
        """Log-likelihood of given dates, shapes (n, P) and (n, moves) to (n,), without the volume of fixed ones."""
        self.evaluations += len(z)
        moves = np.repeat(self.chain.moves[:, None], len(latent), axis=1)
        beyond = np.full((1, len(latent)), np.inf)
        histories = Stacked(np.vstack((latent.T, beyond)), np.vstack((moves, np.full(beyond.shape, -1))))
        coverage, until = self.chronology.coverage(self.compiled), self.chronology.until
        return replay(
            self.compiled,
            histories,
            self._name(z),
            until=until,
            coverage=coverage,
            engine="compiled",
            workers=self.workers,
        ).total

    def find_points(self, latent: Floats) -> Floats:
        """Find the unit-cube coordinates of dates in the order of the chain, shape (n, moves) to (n, open dates)."""
        placement = self.chronology.placement
        ordered = np.empty_like(latent)
        ordered[:, placement.sequence] = latent
        return placement.unplace(ordered)

    def log_volume(self, unit: Floats) -> Floats:
        """Log of the volume that a unit of volume of the cube stands for, at some points."""
        return self.chronology.log_volume(unit)

    def _name(self, z: Floats) -> dict[str, Floats]:
        theta = self.prior.from_unconstrained(z)
        return {name: theta[:, column] for column, name in enumerate(self.prior.names)}


def _regress(values: Floats, around: Floats, away: Floats, pull: Floats) -> Regression:
    """Regress logs of what was seen of each move on parameters."""
    logs = np.log(np.maximum(values, 1e-12))
    logs = np.column_stack([logs, logs[:, -1]])
    slopes = np.linalg.solve(pull, away.T @ (logs - logs.mean(axis=0)))
    bounds = logs.min(axis=0) - ROOM, logs.max(axis=0) + ROOM
    return np.vstack([logs.mean(axis=0) - around @ slopes, slopes]), bounds
