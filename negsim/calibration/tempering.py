"""How is a posterior sampled that no single bell fits? From the prior, the likelihood turned up by degrees.

Adaptive tempered sequential Monte Carlo (Del Moral, Doucet and Jasra 2006). Particles are drawn from the prior; at each
temperature they are weighted by a power of the likelihood (chosen so that half of them stay effective), resampled, and
moved until they have forgotten where they started.

- *Moves.* Coordinates in which the prior is standard normal and a Student t fitted to the particles allow large steps
  that the t itself would accept (t-preconditioned Crank-Nicolson: Grumitt, Karamanis and Seljak 2024): weakly informed
  dates are drawn almost afresh in one step, where a random walk in 40 dimensions creeps. Steps in blocks, small ones
  among them, reach what the t does not describe: edges of the possible, ridges, particles stranded in its tails.
- *Pilot.* What is adapted (temperatures, fitted t, blocks, step sizes) is adapted by a pilot, whose particles are then
  thrown away. The runs that count follow its plan: without adaptation their evidence has no bias, and they are
  independent, so that what differs between them is a measured error.
- *What it cannot do.* A narrow neck or needle that holds much of the posterior and next to nothing of the prior may be
  missed by all runs alike, and then they agree: `memory` near 1 (below) is the warning. Give such parameters another
  form (a scale and standard deviations in its units, say) in which their posterior is no needle.
- *Impossible points* (log-likelihood minus infinity) are drawn again until enough are possible; the share that was is
  a factor of the evidence. Where next to nothing is possible, let the log-likelihood subtract a large number for each
  rule that is broken instead (1e4, say): low temperatures then lead the particles out of it, to the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from negsim.calibration.posterior import Posterior, SamplingError, choose_systematically
from negsim.calibration.psis import effective_sample_size
from negsim.calibration.target import Progress, Target
from negsim.state import Flags, Floats, Ints
from negsim.streams import open_stream

PURPOSE_TEMPERING: Final = 81
PARTICLES: Final = 250
FEWEST_PARTICLES: Final = 50
PILOT: Final = 3
"""The pilot has so many times the particles of a run."""
FIRST_POOL: Final = 4
"""Possible points drawn from the prior, at least, for each particle."""
DRAWS: Final = 1000
"""Draws that are returned of each run, at most."""
RUNS: Final = 4

STAY_EFFECTIVE: Final = 0.5
"""Share of particles that stay effective from one temperature to the next."""
MOST_DRAWS: Final = 50
"""Draws from the prior for each particle, at most, until enough points are possible."""
FEWEST_POSSIBLE: Final = 30
"""With fewer possible points among them, sampling is refused."""
DEGREES: Final = 5.0
"""Degrees of freedom of the fitted t."""
WANTED: Final = {"large": 0.25, "parameters": 0.3}
"""Acceptance that block and step sizes are adapted to."""
LATENT_BLOCKS: Final = 4
"""The latent coordinates are moved this part of them at a time."""
SMALLEST_STEP: Final = 0.05
REMEMBERED: Final = 0.4
"""Largest correlation of a coordinate with where it started, after the moves at a temperature."""
FEWEST_ROUNDS: Final = 2
MOST_ROUNDS: Final = 8
"""Rounds of moves at a temperature."""
LONGER: Final = 3
"""The runs stay so many times longer than the pilot at the last temperature."""
DISAGREEMENT: Final = 1.05
"""R-hat between runs above which they are said to disagree."""
EVIDENCE_SPREAD: Final = 1.0
"""Standard deviation of the runs' log evidence above which they are said to disagree."""


# -- what the pilot finds and the runs follow -------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """A step of some coordinates, the others held.

    Attributes
    ----------
    block : array of int
        The coordinates.
    step : float
        1 forgets the coordinate (as far as the t is right), near 0 hardly moves it; 0: drawn for each particle anew,
        between a small one and 1.
    """

    block: Ints
    step: float


@dataclass(frozen=True)
class Stage:
    """A temperature, the t fitted there, the moves made there, and what the pilot remembered after them."""

    temperature: float
    reference: Reference
    moves: tuple[Move, ...]
    memory: float


@dataclass(frozen=True)
class Plan:
    """How the runs go: draws from the prior for each run, then the stages."""

    draws: int
    stages: tuple[Stage, ...]


class Reference:
    """A Student t fitted to weighted particles.

    Parameters
    ----------
    z : array, shape (n, D)
    weights : array, shape (n,)
        Adding up to one.
    """

    def __init__(self, z: Floats, weights: Floats) -> None:
        size = z.shape[1]
        self.mean: Floats = weights @ z
        away = z - self.mean
        covariance = (weights[:, None] * away).T @ away
        # Few effective particles know variances better than covariances.
        trust = 1 / (1 + size * float(weights @ weights))
        spread = np.maximum(np.diag(covariance), 1e-12)
        covariance = trust * covariance + np.diag((1 - trust) * spread + 1e-9 * spread)
        self.precision: Floats = np.linalg.inv(covariance)

    def distance(self, z: Floats) -> Floats:
        """Squared Mahalanobis distance from the mean, shape (n,)."""
        away = z - self.mean
        return np.asarray(np.einsum("ij,ij->i", away @ self.precision, away))

    def log_density(self, distance: Floats) -> Floats:
        """Log density of the t, up to a constant."""
        return -0.5 * (DEGREES + len(self.mean)) * np.log1p(distance / DEGREES)

    def conditional(self, z: Floats, block: Ints) -> tuple[Floats, Floats]:
        """Mean, shape (n, b), and factor of the scale, shape (b, b), of a block given the other coordinates."""
        inner = self.precision[np.ix_(block, block)]
        scale = np.linalg.inv(inner)
        rest = np.setdiff1d(np.arange(len(self.mean)), block)
        pull = (z[:, rest] - self.mean[rest]) @ self.precision[np.ix_(rest, block)]
        return self.mean[block] - pull @ scale, np.linalg.cholesky(scale)


# -- particles --------------------------------------------------------------------------------------------------------


class Swarm:
    """Particles of one or more runs side by side, each run with its own randomness.

    Every state that a particle passes through at a temperature counts (waste-free: Dau and Chopin 2022): the pool of
    them is what is weighted, fitted and resampled at the next.

    Attributes
    ----------
    z : array, shape (runs * n, D)
        Standard coordinates of the particles, run after run.
    log_likelihood : array, shape (runs * n,)
    log_evidence : array, shape (runs,)
        So far.
    """

    def __init__(self, target: Target, particles: int, streams: Sequence[np.random.Generator]) -> None:
        self.target = target
        self.particles = particles
        self.streams = streams
        self.log_evidence = np.zeros(len(streams))
        self._trail: list[tuple[Floats, Floats]] = []

    def draw(self, draws: int) -> None:
        """Draw from the prior, `draws` points for each run: the first pool."""
        z = self._each(lambda stream: stream.standard_normal((draws, self.target.size)))
        self._trail.append((z, self.target.log_likelihood(z)))

    def pool(self, every: int = 1) -> tuple[Floats, Floats]:
        """States passed through since the last resampling, arrays of shape (runs, states, D) and (runs, states)."""
        kept = self._trail[::-1][::every]
        runs = len(self.streams)
        z = np.concatenate([z.reshape(runs, -1, self.target.size) for z, _ in kept], axis=1)
        return z, np.concatenate([told.reshape(runs, -1) for _, told in kept], axis=1)

    def warm(self, rise: float) -> Floats:
        """Raise the temperature: weigh the pool, add to the evidence, resample.

        Returns
        -------
        array, shape (runs,)
            Share of the pool of each run that stays effective.
        """
        z, told = self.pool()
        logs = raise_power(told, rise)
        top = logs.max(axis=1)
        if not np.isfinite(top).all():
            raise SamplingError(f"none of {logs.shape[1]} points drawn from the prior makes the data possible")
        weights = np.exp(logs - top[:, None])
        self.log_evidence = self.log_evidence + top + np.log(weights.mean(axis=1))
        chosen = [
            choose_systematically(row, self.particles, stream)
            for row, stream in zip(weights, self.streams, strict=True)
        ]
        self.z = np.concatenate([run[places] for run, places in zip(z, chosen, strict=True)])
        self.log_likelihood = np.concatenate([run[places] for run, places in zip(told, chosen, strict=True)])
        self._trail.clear()
        return np.array([effective_sample_size(row) / len(row) for row in logs])

    def move(self, temperature: float, reference: Reference, move: Move) -> Flags:
        """Make a move and say which particles accepted it, shape (runs * n,)."""
        step = np.full(len(self.z), move.step)
        if move.step == 0:
            step = SMALLEST_STEP ** self._each(lambda stream: stream.random(self.particles))
        z, distance = self._propose(reference, move.block, step)
        log_likelihood = self.target.log_likelihood(z)
        possible = np.isfinite(log_likelihood)
        log_ratio = temperature * (np.where(possible, log_likelihood, 0.0) - self.log_likelihood)
        log_ratio -= 0.5 * ((z * z).sum(axis=1) - (self.z * self.z).sum(axis=1))
        log_ratio -= reference.log_density(distance) - reference.log_density(reference.distance(self.z))
        patience = self._each(lambda stream: stream.standard_exponential(self.particles))
        accepted = possible & (-patience < log_ratio)
        self.z = np.where(accepted[:, None], z, self.z)
        self.log_likelihood = np.where(accepted, log_likelihood, self.log_likelihood)
        self._trail.append((self.z, self.log_likelihood))
        return np.asarray(accepted)

    def _propose(self, reference: Reference, block: Ints, step: Floats) -> tuple[Floats, Floats]:
        """Propose a step that leaves the reference t as it is.

        A t is a normal whose precision is a gamma variable: given that (drawn for the present point) a step of the
        normal that is reversible for it is taken: ``mean + sqrt(1 - step**2) (z - mean) + step noise``.
        """
        shape = (DEGREES + len(reference.mean)) / 2
        precision = self._each(lambda stream: stream.standard_gamma(shape, self.particles))
        precision /= (DEGREES + reference.distance(self.z)) / 2
        mean, factor = reference.conditional(self.z, block)
        noise = self._each(lambda stream: stream.standard_normal((self.particles, len(block)))) @ factor.T
        keep = np.sqrt(1 - step**2)[:, None] * (self.z[:, block] - mean)
        z = self.z.copy()
        z[:, block] = mean + keep + step[:, None] * noise / np.sqrt(precision)[:, None]
        return z, reference.distance(z)

    def _each(self, draw: Callable[[np.random.Generator], Floats]) -> Floats:
        """Draw for every run from its own stream."""
        return np.concatenate([draw(stream) for stream in self.streams])


# -- the pilot --------------------------------------------------------------------------------------------------------


class Tuner:
    """Which moves are made in a round, adapted to how often they are accepted.

    A round moves a `large` block at full step and everything by a `local` step; where there are latent coordinates, the
    `parameters` alone, a block of the `latent` alone, and the parameters again: they are what the latent coordinates
    depend on, and where they hang, everything does.
    """

    def __init__(self, target: Target) -> None:
        self._parameters, self._size = target.parameters, target.size
        self._block = float(target.size)
        self._step = 1.0
        between = ("parameters", "latent", "parameters") if target.parameters else ("latent",)
        self.kinds = ("large", *(between if target.latent else ()), "local")

    def plan(self, kind: str, stream: np.random.Generator) -> Move:
        """Plan a move."""
        p, size = self._parameters, self._size
        match kind:
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


def explore(target: Target, particles: int, stream: np.random.Generator, tell: Progress) -> Plan:
    """Send the pilot: find temperatures, references and moves."""
    swarm = Swarm(target, particles, [stream])
    draws, possible = _draw_until_possible(swarm)
    tuner = Tuner(target)
    stages: list[Stage] = []
    if possible < 2 * particles:  # points will stand several times: move them apart before anything else
        stages.append(_climb(swarm, 0.0, 0.0, tuner))
    temperature = 0.0
    while temperature < 1:
        tell(temperature**0.3, "pilot")
        rise = find_rise(swarm.pool()[1][0], 1 - temperature)
        temperature = 1.0 if rise == 1 - temperature else temperature + rise
        stages.append(_climb(swarm, temperature, rise, tuner))
    return Plan(draws, tuple(stages))


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


def raise_power(log_likelihood: Floats, rise: float) -> Floats:
    """Log weights for a rise in temperature; what is impossible stays so, even for a rise of 0."""
    possible = np.isfinite(log_likelihood)
    return np.where(possible, rise * np.where(possible, log_likelihood, 0.0), -np.inf)


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


def _climb(swarm: Swarm, temperature: float, rise: float, tuner: Tuner) -> Stage:
    """Rise to a temperature, and move until the particles have forgotten where they started, or patience is out."""
    (z,), (told,) = swarm.pool()
    logs = raise_power(told, rise)
    weights = np.exp(logs - logs.max())
    reference = Reference(z, weights / weights.sum())
    swarm.warm(rise)
    started = swarm.z
    moves: list[Move] = []
    for done in range(1, MOST_ROUNDS + 1):
        for kind in tuner.kinds:
            moves.append(tuner.plan(kind, swarm.streams[0]))
            tuner.learn(kind, float(swarm.move(temperature, reference, moves[-1]).mean()))
        memory = remember(started, swarm.z)
        if done >= FEWEST_ROUNDS and memory < REMEMBERED:
            break
    if temperature == 1:  # the runs go on, for it is these states that they return
        for kind in tuner.kinds * ((LONGER - 1) * done):
            moves.append(tuner.plan(kind, swarm.streams[0]))
    return Stage(temperature, reference, tuple(moves), memory)


def remember(before: Floats, after: Floats) -> float:
    """Find the largest correlation of a coordinate with where it was."""
    first, second = before - before.mean(axis=0), after - after.mean(axis=0)
    spread = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    return float(np.abs((first * second).sum(axis=0) / np.maximum(spread, 1e-300)).max())


# -- the runs ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Journey:
    """What the runs were like.

    Attributes
    ----------
    effective : array, shape (runs, stages)
        Share of the pool that stayed effective as the temperature rose.
    acceptance : array, shape (runs, stages)
        Mean acceptance of the moves.
    possible : float
        Share of points drawn from the prior that were possible.
    """

    effective: Floats
    acceptance: Floats
    possible: float


def follow(plan: Plan, swarm: Swarm, tell: Progress) -> Journey:
    """Follow a plan: nothing is adapted, so that the evidence has no bias."""
    runs = len(swarm.streams)
    swarm.draw(plan.draws)
    possible = float(np.isfinite(swarm.pool()[1]).mean())
    effective, acceptance = (np.ones((runs, len(plan.stages))) for _ in range(2))
    total = sum(len(stage.moves) for stage in plan.stages)
    done, temperature = 0, 0.0
    for place, stage in enumerate(plan.stages):
        effective[:, place] = swarm.warm(stage.temperature - temperature)
        temperature = stage.temperature
        accepted = np.zeros(runs)
        for move in stage.moves:
            accepted += swarm.move(temperature, stage.reference, move).reshape(runs, -1).mean(axis=1)
            done += 1
            tell(done / total, "runs")
        acceptance[:, place] = accepted / len(stage.moves)
    return Journey(effective, acceptance, possible)


def sample_by_tempering(
    target: Target,
    seed: int,
    *,
    particles: int = PARTICLES,
    runs: int = RUNS,
    progress: Progress | None = None,
) -> Posterior:
    """Sample a posterior by adaptive tempered sequential Monte Carlo.

    Parameters
    ----------
    target : Target
    seed : int
        Run r draws from its own stream: it is the same however many runs there are.
    particles : int
        Of each run.
    runs : int
        Independent runs (at least 2), whose spread is the error.
    progress : callable, optional
        See :data:`~negsim.calibration.target.Progress`.

    Returns
    -------
    Posterior
        Draws of all runs, each run weighted by its evidence.

    Raises
    ------
    SamplingError
        When the runs disagree (its `posterior` holds what they found), or hardly any point is possible.
    """
    if runs < 2 or particles < FEWEST_PARTICLES:
        raise ValueError(f"{runs} runs of {particles} particles: at least 2 of {FEWEST_PARTICLES} are needed")
    tell = progress or (lambda share, what: None)
    before = target.evaluations
    pilot = open_stream(seed, PURPOSE_TEMPERING, 0, ())
    plan = explore(target, PILOT * particles, pilot, lambda share, what: tell(share / (runs + 1), what))
    streams = [open_stream(seed, PURPOSE_TEMPERING, run + 1, ()) for run in range(runs)]
    swarm = Swarm(target, particles, streams)
    journey = follow(plan, swarm, lambda share, what: tell((1 + runs * share) / (runs + 1), what))
    posterior = _gather(swarm, plan, journey, seed, target.evaluations - before)
    _require_agreement(posterior)
    return posterior


def _gather(swarm: Swarm, plan: Plan, journey: Journey, seed: int, evaluations: int) -> Posterior:
    """Put the runs together."""
    target, runs = swarm.target, len(swarm.streams)
    shares = np.exp(swarm.log_evidence - swarm.log_evidence.max())
    z, told = swarm.pool(every=-(-len(plan.stages[-1].moves) * swarm.particles // DRAWS))
    ratio = _between_to_within(np.concatenate([z, told[:, :, None]], axis=2))
    draws, latent = target.point(z.reshape(-1, target.size))
    with np.errstate(divide="ignore"):
        log_weights = np.repeat(np.log(shares), z.shape[1])
    names = [*target.prior.names, *(f"latent {place}" for place in range(target.latent)), "log-likelihood"]
    main = ratio[: target.parameters or target.latent]
    diagnostics = {
        "ess": min(effective_sample_size(log_weights), runs / max(float(main.mean()), 1e-300)),
        "r_hat": {name: float(value) for name, value in zip(names, np.sqrt(1 + ratio), strict=True)},
        "temperatures": [stage.temperature for stage in plan.stages],
        "moves": [len(stage.moves) for stage in plan.stages],
        "memory": [stage.memory for stage in plan.stages],
        "acceptance": journey.acceptance.mean(axis=0).tolist(),
        "possible": journey.possible,
        "runs": [
            {"log_evidence": float(evidence), "least_effective": float(least)}
            for evidence, least in zip(swarm.log_evidence, journey.effective.min(axis=1), strict=True)
        ],
    }
    return Posterior(
        prior=target.prior,
        draws=draws,
        latent=latent,
        log_weights=log_weights,
        log_likelihood=told.ravel(),
        log_evidence=float(np.log(shares.mean()) + swarm.log_evidence.max()),
        log_evidence_se=float(shares.std(ddof=1) / shares.mean() / np.sqrt(runs)),
        method="tempering",
        evaluations=evaluations,
        seed=seed,
        diagnostics=diagnostics,
    )


def _between_to_within(each: Floats) -> Floats:
    """Variance of the runs' means over the variance within runs, shape (runs, n, quantities) to (quantities,)."""
    within = each.var(axis=1).mean(axis=0)
    return np.asarray(each.mean(axis=1).var(axis=0, ddof=1) / np.maximum(within, 1e-300))


def _require_agreement(posterior: Posterior) -> None:
    r_hat = posterior.diagnostics["r_hat"]
    worst = max(r_hat, key=lambda name: r_hat[name])
    evidence = np.array([run["log_evidence"] for run in posterior.diagnostics["runs"]])
    spread = float(evidence.std(ddof=1))
    if r_hat[worst] <= DISAGREEMENT and spread <= EVIDENCE_SPREAD:
        return
    raise SamplingError(
        f"{len(evidence)} independent runs disagree: R-hat of {worst} is {r_hat[worst]:.3f} (at most {DISAGREEMENT}), "
        f"their log evidence spreads by {spread:.2f} (at most {EVIDENCE_SPREAD:g}). The posterior may have several "
        "modes or narrow ridges: try more particles, or fewer free parameters. What was found is in the error's "
        "`posterior`.",
        posterior,
    )
