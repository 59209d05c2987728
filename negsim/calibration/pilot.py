"""Which way leads to the posterior? Scouts climb from the prior, a rehearsal from what they found: the runs' plan.

A bell is fitted to where the scouts arrive; from it the way is a third as long, if the posterior looks anything like a
bell. Base, temperatures, the t and the surrogate at each of them, which moves are made and how long: all that is
adapted is adapted here, and these particles are then thrown away. The runs follow the plan as it is: without adaptation
their evidence has no bias, and they are independent, so that what differs between them is a measured error. What no
scout came near is in the base by the prior's share alone; the scouts' own evidence, found from the prior, is the check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

from negsim.calibration.bases import Base, Bell
from negsim.calibration.posterior import MAKE_POSSIBLE, SamplingError
from negsim.calibration.psis import effective_sample_size, scatter_error
from negsim.calibration.surrogate import Archive, Surrogate
from negsim.calibration.swarms import LEAP, Guide, Move, Reference, Swarm, raise_power
from negsim.calibration.target import Target
from negsim.progress import Progress
from negsim.state import Floats, Ints

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
CLIQUE: Final = 0.1
"""Share of the coordinates that a clique has."""
CLIQUES: Final = 3
"""Cliques that take turns."""
REMEMBERED: Final = 0.4
"""Largest correlation of a coordinate with where it started, after the moves at a temperature."""
FEWEST_ROUNDS: Final = 2
MOST_ROUNDS: Final = 8
"""Rounds of moves at a temperature."""
LONGER: Final = 2
"""From a bell, the runs stay so many times longer than the rehearsal at each temperature."""
EVIDENCE_SPREAD: Final = 1.0
"""Standard deviation of the runs' log evidence above which they are said to disagree."""
LONGEST: Final = 4
"""They stay so many times longer at the last, whose states they return, and draw as many times more from the bell."""


@dataclass(frozen=True)
class Stage:
    """A temperature with what guides there, the moves made there, and what the pilot remembered after them.

    `particles` are the pilot's at the end: coordinates and log-likelihoods.
    """

    guide: Guide
    moves: tuple[Move, ...]
    memory: float
    particles: tuple[Floats, Floats]

    @property
    def glides(self) -> int:
        """Number of moves along the surrogate."""
        return sum(move.leaps > 0 for move in self.moves)

    def follow(self, surrogate: Surrogate | None) -> Stage:
        """The stage with another surrogate to glide along, if there is one."""
        return replace(self, guide=replace(self.guide, surrogate=surrogate or self.guide.surrogate))


@dataclass(frozen=True)
class Plan:
    """How the runs go: draws from the base for each run, then the stages; what the scouts found on the way.

    Attributes
    ----------
    possible : float
        Share of points drawn from the prior that were possible.
    log_evidence : array, shape (scouts,)
        As each of the scouts found it.
    evaluations : int
        What it took to find the plan, in log-likelihoods.
    rest : callable, optional
        Makes the plan that runs follow of this one, the scouts' own.
    """

    draws: int
    stages: tuple[Stage, ...]
    base: Base
    possible: float
    log_evidence: Floats
    evaluations: int = 0
    rest: Callable[[Progress], Plan] | None = None

    def complete(self, tell: Progress) -> Plan:
        """Rehearse the way of the runs, if that has not been done."""
        return self if self.rest is None else replace(self.rest(tell), evaluations=self.evaluations)


class Tuner:
    """Which moves are made in a round, adapted to how often they are accepted.

    Where a surrogate is worth following, a round is a glide of everything, one of a `part` of the coordinates and one
    of the `rest` (a particle where the surrogate is wrong moves at least along those in which it is right), a `local`
    step of everything, and, of many coordinates, a glide of a `clique`: one that remembers much, with those that it
    goes with most, which is how ridges are walked along. Else it moves a `large` block at full step and everything by a
    `local` step; where there are latent coordinates, the `parameters` alone, a block of the `latent` alone, and the
    parameters again: they are what the latent coordinates depend on, and where they hang, everything does.
    """

    def __init__(self, target: Target) -> None:
        self._parameters, self._size = target.parameters, target.size
        self._block = float(target.size)
        self._step = 1.0
        self._leaps = float(MOST_LEAPS)
        self._order = np.arange(target.size)
        self._cliques: list[Ints] = []
        self._turn = 0
        between = ("parameters", "latent", "parameters") if target.parameters else ("latent",)
        self._stepping = ("large", *(between if target.latent else ()), "local")
        self.gliding = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """Moves of the next round."""
        gliding = ("glide", "part", "rest", "local", *(("clique",) if self._cliques else ()))
        return gliding if self.gliding else self._stepping

    def note(self, memory: Floats, reference: Reference) -> None:
        """Note how much each coordinate remembers, shape (D,): cliques are of those that remember most."""
        size = round(self._size * CLIQUE)
        if size < 2:
            return
        together = np.linalg.inv(reference.precision)
        spread = np.sqrt(np.diag(together))
        goes = np.abs(together / np.outer(spread, spread))
        self._cliques = [np.sort(np.argsort(-goes[slow])[:size]) for slow in np.argsort(-memory)[:CLIQUES]]

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
            case "clique":
                self._turn += 1
                return Move(self._cliques[self._turn % len(self._cliques)], LEAP, MOST_LEAPS)
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


def explore(
    target: Target, particles: int, streams: Sequence[np.random.Generator], tell: Progress, fitted: bool = True
) -> Plan:
    """Send scouts from the prior; :meth:`Plan.complete` fits a bell to what they find and rehearses the way from there.

    Parameters
    ----------
    target : Target
    particles : int
        Of each scout.
    streams : sequence of Generator
        One for each scout.
    tell : callable
    fitted : bool
        Whether the runs may set out from the bell; where its way has no fewer stages they set out from the prior.
    """
    archive = Archive()
    scouts = Swarm(target, particles, streams, archive)
    draws, possible = _draw_until_possible(scouts)
    stages = _ascend(scouts, possible, archive, lambda done: tell(done, "scouts"))
    found = Plan(draws, stages, scouts.base, possible / (draws * len(streams)), scouts.log_evidence)
    return replace(found, rest=partial(_rehearse if fitted else _retrace, found, scouts, archive))


def _rehearse(plan: Plan, scouts: Swarm, archive: Archive, tell: Progress) -> Plan:
    """Fit a bell to what scouts found, and try the shorter way from there; the plan of the runs."""
    target, stages = scouts.target, plan.stages
    bell = fit_bell(stages[-1].guide.reference, target)
    rehearsal = Swarm(target, scouts.particles, scouts.streams, archive, bell)
    surrogate = archive.fit(1.0, *stages[-1].particles)
    draws, possible = _draw_until_possible(rehearsal)
    shorter = _ascend(rehearsal, possible, archive, lambda done: tell(done, "rehearsal"), surrogate)
    if len(shorter) >= len(stages):
        return _retrace(plan, scouts, archive, tell)
    better = archive.fit(1.0, *shorter[-1].particles)
    taught = tuple(stage.follow(better) for stage in shorter)
    return replace(plan, draws=LONGEST * draws, stages=taught, base=bell)


def _retrace(plan: Plan, scouts: Swarm, archive: Archive, tell: Progress) -> Plan:
    """Let the runs go the scouts' way, along better surrogates."""
    tell(1.0, "rehearsal")
    again = [stage.follow(archive.fit(stage.guide.temperature, *stage.particles)) for stage in plan.stages]
    return replace(plan, stages=tuple(again))


def _ascend(
    swarm: Swarm, possible: int, archive: Archive, tell: Callable[[float], None], surrogate: Surrogate | None = None
) -> tuple[Stage, ...]:
    """Climb from the base to the posterior, along one surrogate or one fitted at each temperature."""
    tuner = Tuner(swarm.target)
    climb = partial(_climb, swarm, tuner=tuner, archive=archive, surrogate=surrogate)
    stages: list[Stage] = []
    if possible < 2 * swarm.particles * len(swarm.streams):  # points will stand several times: move them apart first
        stages.append(climb(0.0, 0.0))
    temperature = 0.0
    while temperature < 1:
        tell(temperature**0.3)
        rise = find_rise(swarm.pool()[1].ravel(), 1 - temperature)
        temperature = 1.0 if rise == 1 - temperature else temperature + rise
        stages.append(climb(temperature, rise))
    return tuple(stages)


def fit_bell(reference: Reference, target: Target, wider: float = 1.0) -> Bell:
    """Take a bell from the moments of particles, its covariance so much wider; parameters are spread along ridges."""
    covariance = np.asarray(wider * np.linalg.inv(reference.precision))
    return Bell(reference.mean, covariance, target.parameters or target.latent)


def find_missed(scouts: Floats, log_evidence: float) -> list[str]:
    """Say whether less evidence was found than by scouts (log evidence of each) and more than chance is behind it."""
    ratio = np.exp(scouts - log_evidence)
    missed = float(np.log(ratio.mean()))
    if missed > EVIDENCE_SPREAD and ratio.mean() - 1 > 2 * scatter_error(ratio) * ratio.mean():
        return [
            f"less was found than by the scouts before, whose log evidence is {missed:.2f} higher (at most "
            f"{EVIDENCE_SPREAD:g})"
        ]
    return []


def _draw_until_possible(swarm: Swarm) -> tuple[int, int]:
    """Draw until enough points are possible; how many were drawn, how many of them were possible."""
    draws = possible = 0
    scouts = len(swarm.streams)
    while possible < FIRST_POOL * swarm.particles * scouts and draws < MOST_DRAWS * swarm.particles:
        swarm.draw(FIRST_POOL * swarm.particles)
        gain = swarm.pool()[1]
        draws, possible = gain.shape[1], int(np.isfinite(gain).sum())
    if possible < FEWEST_POSSIBLE:
        raise SamplingError(
            f"of {scouts * draws} points drawn from the prior, only {possible} make the data possible: too few to "
            f"start from. {MAKE_POSSIBLE}"
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


def _climb(
    swarm: Swarm, temperature: float, rise: float, tuner: Tuner, archive: Archive, surrogate: Surrogate | None
) -> Stage:
    """Rise to a temperature, and move until the particles have forgotten where they started, or patience is out."""
    pool, gain = swarm.pool()
    logs = raise_power(gain.ravel(), rise)
    weights = np.exp(logs - logs.max())
    reference = Reference(pool.reshape(-1, pool.shape[2]), weights / weights.sum())
    swarm.warm(rise)
    guide = Guide(temperature, reference, surrogate or archive.fit(temperature, *swarm.told()))
    tuner.gliding = guide.surrogate is not None
    started = swarm.z
    moves: list[Move] = []
    for done in range(1, MOST_ROUNDS + 1):
        for kind in tuner.kinds:
            moves.append(tuner.plan(kind, swarm.streams[0]))
            tuner.learn(kind, float(swarm.move(guide, moves[-1]).mean()))
        memory = remember(started, swarm.z)
        tuner.note(memory, reference)
        if done >= FEWEST_ROUNDS and memory.max() < REMEMBERED:
            break
    longer = LONGEST if temperature == 1 else 1 if surrogate is None else LONGER
    for kind in tuner.kinds * ((longer - 1) * done):
        moves.append(tuner.plan(kind, swarm.streams[0]))
    return Stage(guide, tuple(moves), float(memory.max()), swarm.told())


def remember(before: Floats, after: Floats) -> Floats:
    """Find how much each coordinate goes with where it was (absolute correlation), shapes (n, D) to (D,)."""
    first, second = before - before.mean(axis=0), after - after.mean(axis=0)
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return np.asarray(np.abs((first * second).sum(axis=0)) / np.maximum(spread, 1e-300))
