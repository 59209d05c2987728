"""Which way from the prior to the posterior? A pilot tries it, and what it finds is the plan of the runs that count.

Temperatures, the t and the surrogate fitted at each of them, which moves are made and how long: all that is adapted is
adapted here, and the pilot's particles are then thrown away. The runs follow the plan as it is: without adaptation
their evidence has no bias, and they are independent, so that what differs between them is a measured error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from negsim.calibration.posterior import SamplingError
from negsim.calibration.psis import effective_sample_size
from negsim.calibration.surrogate import Archive
from negsim.calibration.swarms import LEAP, Guide, Move, Reference, Swarm, raise_power
from negsim.calibration.target import Progress, Target
from negsim.state import Floats

FIRST_POOL: Final = 4
"""Possible points drawn from the prior, at least, for each particle."""
STAY_EFFECTIVE: Final = 0.5
"""Share of particles that stay effective from one temperature to the next."""
MOST_DRAWS: Final = 50
"""Draws from the prior for each particle, at most, until enough points are possible."""
FEWEST_POSSIBLE: Final = 30
"""With fewer possible points among them, sampling is refused."""
WANTED: Final = {"large": 0.25, "parameters": 0.3, "glide": 0.35}
"""Acceptance that block and step sizes, and lengths of glides, are adapted to."""
LATENT_BLOCKS: Final = 4
"""The latent coordinates are moved this part of them at a time."""
MOST_LEAPS: Final = 6
"""Longest glide: a quarter of a circle, after which a bell is forgotten."""
LEAST_GLIDING: Final = 0.2
"""Where fewer glides are accepted the surrogate is not worth following."""
REMEMBERED: Final = 0.4
"""Largest correlation of a coordinate with where it started, after the moves at a temperature."""
FEWEST_ROUNDS: Final = 2
MOST_ROUNDS: Final = 8
"""Rounds of moves at a temperature."""
LONGER: Final = 4
"""The runs stay so many times longer than the pilot at the last temperature."""


@dataclass(frozen=True)
class Stage:
    """A temperature with what guides there, the moves made there, and what the pilot remembered after them.

    `particles` are the pilot's at the end: coordinates and log-likelihoods.
    """

    guide: Guide
    moves: tuple[Move, ...]
    memory: float
    particles: tuple[Floats, Floats]


@dataclass(frozen=True)
class Plan:
    """How the runs go: draws from the prior for each run, then the stages."""

    draws: int
    stages: tuple[Stage, ...]


class Tuner:
    """Which moves are made in a round, adapted to how often they are accepted.

    Where a surrogate is worth following, a round is a glide of everything, one of a `part` of the coordinates and one
    of the `rest` (a particle where the surrogate is wrong moves at least along those in which it is right), and a
    `local` step of everything. Else it moves a `large` block at full step and everything by a `local` step; where
    there are latent coordinates, the `parameters` alone, a block of the `latent` alone, and the parameters again: they
    are what the latent coordinates depend on, and where they hang, everything does.
    """

    def __init__(self, target: Target) -> None:
        self._parameters, self._size = target.parameters, target.size
        self._block = float(target.size)
        self._step = 1.0
        self._leaps = float(MOST_LEAPS)
        self._order = np.arange(target.size)
        between = ("parameters", "latent", "parameters") if target.parameters else ("latent",)
        self._stepping = ("large", *(between if target.latent else ()), "local")
        self.gliding = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Moves of the next round."""
        return ("glide", "part", "rest", "local") if self.gliding else self._stepping

    def plan(self, kind: str, stream: np.random.Generator) -> Move:
        """Plan a move."""
        p, size = self._parameters, self._size
        match kind:
            case "glide":
                return Move(np.arange(size), LEAP, round(self._leaps))
            case "part":
                self._order = stream.permutation(size)
                return Move(np.sort(self._order[: -(-size // 2)]), LEAP, MOST_LEAPS)
            case "rest":
                return Move(np.sort(self._order[size // 2 :]), LEAP, MOST_LEAPS)
            case "local":
                return Move(np.arange(size), 0.0)
            case "parameters":
                return Move(np.arange(p), self._step)
            case "latent":
                return Move(np.sort(p + stream.permutation(size - p)[: -(-(size - p) // LATENT_BLOCKS)]), 1.0)
        return Move(np.sort(stream.permutation(size)[: round(self._block)]), 1.0)

    def learn(self, kind: str, acceptance: float) -> None:
        """Adapt to the share of particles that accepted a move."""
        if kind == "large":
            wider = self._block * np.exp(1.5 * (acceptance - WANTED[kind]))
            self._block = min(max(wider, 1.0), float(self._size))
        elif kind == "parameters":
            self._step = min(self._step * float(np.exp(acceptance - WANTED[kind])), 1.0)
        elif kind == "glide":
            self._leaps = min(max(self._leaps * float(np.exp(acceptance - WANTED[kind])), 1.0), MOST_LEAPS)
            self.gliding = self.gliding and acceptance >= LEAST_GLIDING


def explore(target: Target, particles: int, stream: np.random.Generator, tell: Progress) -> Plan:
    """Send the pilot: find temperatures, references, surrogates and moves."""
    archive = Archive()
    swarm = Swarm(target, particles, [stream], archive)
    draws, possible = _draw_until_possible(swarm)
    tuner = Tuner(target)
    stages: list[Stage] = []
    if possible < 2 * particles:  # points will stand several times: move them apart before anything else
        stages.append(_climb(swarm, 0.0, 0.0, tuner, archive))
    temperature = 0.0
    while temperature < 1:
        tell(temperature**0.3, "pilot")
        rise = find_rise(swarm.pool()[1][0], 1 - temperature)
        temperature = 1.0 if rise == 1 - temperature else temperature + rise
        stages.append(_climb(swarm, temperature, rise, tuner, archive))
    return Plan(draws, tuple(_learn(stage, archive) for stage in stages))


def _learn(stage: Stage, archive: Archive) -> Stage:
    """Fit a stage's surrogate anew to all that the pilot has seen."""
    if not any(move.leaps for move in stage.moves):
        return stage
    again = archive.fit(stage.guide.temperature, *stage.particles)
    return replace(stage, guide=replace(stage.guide, surrogate=again or stage.guide.surrogate))


def _draw_until_possible(swarm: Swarm) -> tuple[int, int]:
    """Draw until enough points are possible; how many were drawn, how many of them were possible."""
    draws = possible = 0
    while possible < FIRST_POOL * swarm.particles and draws < MOST_DRAWS * swarm.particles:
        swarm.draw(FIRST_POOL * swarm.particles)
        told = swarm.pool()[1]
        draws, possible = told.size, int(np.isfinite(told).sum())
    if possible < FEWEST_POSSIBLE:
        raise SamplingError(
            f"of {draws} points drawn from the prior, only {possible} make the data possible (log-likelihood above "
            f"minus infinity): too few to start from. Look for what cannot happen under the prior, or let the "
            "log-likelihood subtract a large number for each broken rule instead."
        )
    return draws, possible


def find_rise(log_likelihood: Floats, rest: float) -> float:
    """Find how far the temperature can rise, at most by `rest`, with enough possible points staying effective."""
    told = log_likelihood[np.isfinite(log_likelihood)]
    wanted = STAY_EFFECTIVE * len(told)
    if effective_sample_size(rest * told) >= wanted:
        return rest
    low, high = np.log(1e-14), np.log(rest)
    for _ in range(50):
        middle = (low + high) / 2
        if effective_sample_size(np.exp(middle) * told) < wanted:
            high = middle
        else:
            low = middle
    return float(np.exp(low))


def _climb(swarm: Swarm, temperature: float, rise: float, tuner: Tuner, archive: Archive) -> Stage:
    """Rise to a temperature, and move until the particles have forgotten where they started, or patience is out."""
    (z,), (told,) = swarm.pool()
    logs = raise_power(told, rise)
    weights = np.exp(logs - logs.max())
    reference = Reference(z, weights / weights.sum())
    swarm.warm(rise)
    guide = Guide(temperature, reference, archive.fit(temperature, swarm.z, swarm.log_likelihood))
    tuner.gliding = guide.surrogate is not None
    started = swarm.z
    moves: list[Move] = []
    for done in range(1, MOST_ROUNDS + 1):
        for kind in tuner.kinds:
            moves.append(tuner.plan(kind, swarm.streams[0]))
            tuner.learn(kind, float(swarm.move(guide, moves[-1]).mean()))
        memory = remember(started, swarm.z)
        if done >= FEWEST_ROUNDS and memory < REMEMBERED:
            break
    if temperature == 1:  # the runs go on, for it is these states that they return
        for kind in tuner.kinds * ((LONGER - 1) * done):
            moves.append(tuner.plan(kind, swarm.streams[0]))
    return Stage(guide, tuple(moves), memory, (swarm.z, swarm.log_likelihood))


def remember(before: Floats, after: Floats) -> float:
    """Find the largest correlation of a coordinate with where it was."""
    first, second = before - before.mean(axis=0), after - after.mean(axis=0)
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return float(np.abs((first * second).sum(axis=0) / np.maximum(spread, 1e-300)).max())
