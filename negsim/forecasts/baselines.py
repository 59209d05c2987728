"""What would someone say who knows nothing but dates? Forecasters to be beaten: climatology, persistence, Hawkes.

They see how often each kind of event was told, and when; not what is possible, nor why. Their rates carry the same kind
of uncertainty as the model's: a gamma prior that all kinds of event share, found from all of them (partial pooling),
and a draw of the rates for each run.

* *climatology*: each kind happens at a constant rate, learned from everything told before the origin;
* *persistence*: the same, learned from the last twelve months;
* *Hawkes* (Hawkes 1971): each event makes others likelier for a while, of its own kind or of any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import gammaln

from negsim.calibration.priors import JointPrior
from negsim.calibration.sampling import sample_posterior
from negsim.chronology import Chronology
from negsim.compiler import Compiled
from negsim.forecasts.outlooks import Outlook, Period, place_told
from negsim.parameters import Belief
from negsim.state import Flags, Floats, Ints
from negsim.streams import address_words, open_stream

YEAR: Final = 365.25
PURPOSE_BASELINES: Final = 93
PLACEMENTS: Final = 16
"""Placements of vague dates that a forecaster learns from."""
SHAPES: Final = np.geomspace(0.05, 5.0, 25)
"""Shapes of the shared gamma prior that are tried; its mean is tried beside the mean rate."""
MEANS: Final = np.geomspace(0.2, 5.0, 21)


@dataclass(frozen=True)
class Record:
    """What was told before a period, of the period's questions.

    Attributes
    ----------
    days : array, shape (placements, told)
        Days before the start of the period, negative.
    kinds : array of int, shape (placements, told)
        Which question each event answers.
    watched : array, shape (questions,)
        Days on which it could have been told.
    lately : array, shape (questions,)
        Those of them that are in the last twelve months.
    span : float
        Days from the begin of the record to the start of the period.
    ahead : (array, array), optional
        Days from the start of the period between which the same is watched, shape (spells + 1,), and which questions
        are, shape (questions, spells) (default: all of them all the time).
    """

    days: Floats
    kinds: Ints
    watched: Floats
    lately: Floats
    span: float
    ahead: tuple[Floats, Flags] | None = None

    def watch(self, period: Period) -> tuple[Floats, Flags]:
        """What is watched in the period, as `ahead` says."""
        everything = (np.array([0.0, period.days]), np.ones((len(self.watched), 1), dtype=bool))
        return everything if self.ahead is None else self.ahead

    def counts(self, days: float | None = None) -> Floats:
        """Events of each kind in the last days before the period, shape (placements, questions)."""
        recent = self.days >= -(self.span if days is None else days)
        kinds = len(self.watched)
        return np.stack(
            [np.bincount(row[keep & (row >= 0)], minlength=kinds) for row, keep in zip(self.kinds, recent, strict=True)]
        ).astype(float)


def read_record(compiled: Compiled, chronology: Chronology, period: Period, seed: int = 0) -> Record:
    """Read what a chronology told before a period."""
    known = chronology.cut(chronology.date(period.start - 1.0))
    days, moves = place_told(compiled, known, PLACEMENTS, seed)
    answered = np.full(len(compiled.labels.events), -1)
    for number, question in enumerate(period.questions):
        answered[question.events(compiled.labels.events)] = number
    begin, end = known.window[0], period.start
    since = (begin, max(begin, end - YEAR))
    watched, lately = (_count_days(*_find_watched(compiled, chronology, period, day, end)) for day in since)
    edges, flags = _find_watched(compiled, chronology, period, period.start, period.end)
    return Record(days - end, answered[moves], watched, lately, end - begin, (edges - end, flags))


def _find_watched(
    compiled: Compiled, chronology: Chronology, period: Period, begin: float, end: float
) -> tuple[Floats, Flags]:
    """Days between which the same is watched, and which questions of a period could have been told there."""
    edges = chronology.reporting.edges(chronology.start, (begin, end))
    middles = (edges[:-1] + edges[1:]) / 2
    found = []
    for question in period.questions:
        names = [compiled.labels.events[n].name for n in question.events(compiled.labels.events)]
        told = [chronology.reporting.probabilities(chronology.start, name, middles) > 0 for name in names]
        found.append(np.any(told, axis=0))
    return edges, np.array(found)


def _count_days(edges: Floats, watched: Flags) -> Floats:
    return np.asarray(watched @ np.diff(edges))


# -- constant rates ---------------------------------------------------------------------------------------------------


def climatology(record: Record, period: Period, runs: int, seed: int = 0) -> Outlook:
    """Each kind of event goes on at the rate of the whole record."""
    return _constant("climatology", record.counts(), record.watched / YEAR, record.watch(period), period, runs, seed)


def persistence(record: Record, period: Period, runs: int, seed: int = 0) -> Outlook:
    """Each kind of event goes on at the rate of the last twelve months."""
    return _constant("persistence", record.counts(YEAR), record.lately / YEAR, record.watch(period), period, runs, seed)


def _constant(
    name: str, counts: Floats, years: Floats, ahead: tuple[Floats, Flags], period: Period, runs: int, seed: int
) -> Outlook:
    stream = open_stream(seed, PURPOSE_BASELINES, 0, address_words(name))
    shape, rate = pool(counts.mean(axis=0), years)
    chosen = counts[np.arange(runs) % len(counts)]
    rates = stream.gamma(shape + chosen) / (rate + years)
    days = _count_days(*ahead)
    count = stream.poisson(rates * days / YEAR)
    with np.errstate(divide="ignore"):  # the first of n uniform days; of none there is none
        first = days * -np.expm1(np.log(stream.random(count.shape)) / count)
    edges, watched = ahead
    for question in np.flatnonzero(~watched.all(axis=1)):  # days of watching become days of the period
        passed = np.concatenate(([0.0], np.cumsum(watched[question] * np.diff(edges))))
        first[:, question] = np.interp(first[:, question], passed, edges)
    return Outlook(name, period, np.where(count > 0, first, np.inf), count)


def pool(counts: Floats, years: Floats) -> tuple[float, float]:
    """Find the gamma prior that all rates share: shape and rate (in years) under which the counts are likeliest.

    Counts given a gamma prior are negative binomial; the two numbers are found on a grid.
    """
    mean = max(counts.sum() / max(years.sum(), 1e-9), 1e-6)
    shape, rate = (grid.ravel() for grid in np.meshgrid(SHAPES, 1 / (mean * MEANS), indexing="ij"))
    rate = shape * rate
    a, b = shape[:, None], rate[:, None]
    told = (gammaln(a + counts) - gammaln(a) + a * np.log(b) - (a + counts) * np.log(b + years)).sum(axis=1)
    best = int(told.argmax())
    return float(shape[best]), float(rate[best])


# -- events that make others likelier ---------------------------------------------------------------------------------

HAWKES: Final = JointPrior(
    ["background", "offspring", "half_life", "own"],
    [Belief("lognormal", 1.0, 1.0), Belief("beta", 1.5, 3.0), Belief("lognormal", 45.0, 1.0), Belief("beta", 1.0, 1.0)],
)
"""Background rate (in units of the mean rate of the record), mean number of events that one event brings about,
half-life of that in days, share of it that goes to events of the same kind."""


def hawkes(record: Record, period: Period, runs: int, seed: int = 0) -> Outlook:
    """Each event makes others likelier, for a while: its own kind, or any in proportion to how common it is.

    Fitted by importance sampling to the same record; draws of the posterior each have a future.
    """
    shape, rate = pool(record.counts().mean(axis=0), record.watched / YEAR)
    common = (record.counts().mean(axis=0) + shape) / (record.watched / YEAR + rate)
    common = common / common.sum()
    exposed = float(common @ record.watched)
    histories = [_sorted(record, row) for row in range(len(record.days))]
    posterior = sample_posterior(
        lambda theta: _mean_log([_log_likelihood(theta, *one, common, record.span, exposed) for one in histories[:4]]),
        HAWKES,
        seed=seed,
    )
    stream, ahead = open_stream(seed, PURPOSE_BASELINES, 0, address_words("hawkes")), record.watch(period)
    draws = posterior.resample(runs, stream).draws
    first = np.full((runs, len(common)), np.inf)
    count = np.zeros(first.shape, dtype=np.int64)
    for run in range(runs):
        days, kinds = histories[run % len(histories)]
        _continue(draws[run], days, kinds, common, exposed, ahead, stream, first[run], count[run])
    return Outlook("hawkes", period, first, count)


def _sorted(record: Record, row: int) -> tuple[Floats, Ints]:
    kept = record.kinds[row] >= 0
    days, kinds = record.days[row][kept], record.kinds[row][kept]
    order = np.argsort(days, kind="stable")
    return days[order], kinds[order]


def _mean_log(logs: list[Floats]) -> Floats:
    stacked = np.stack(logs)
    top = stacked.max(axis=0)
    return np.asarray(top + np.log(np.exp(stacked - top).mean(axis=0)))


def _log_likelihood(theta: Floats, days: Floats, kinds: Ints, common: Floats, span: float, exposed: float) -> Floats:
    """Log-likelihood of a record under each parameter vector, shape (n,): one pass over the events.

    It was watched for `exposed` days, on average over its kinds of event.
    """
    background, offspring, half_life, own = theta.T
    base = background * _mean_rate(days, exposed)
    decay = np.log(2.0) / half_life
    own_heat = np.zeros((len(common), len(theta)))
    total, last, logs = np.zeros(len(theta)), -span, np.zeros(len(theta))
    for day, kind in zip(days, kinds, strict=True):
        fade = np.exp(-decay * (day - last))
        own_heat *= fade
        total *= fade
        last = day
        logs += np.log(base * common[kind] + own * own_heat[kind] + (1 - own) * common[kind] * total)
        own_heat[kind] += offspring * decay
        total += offspring * decay
    left = np.array([-np.expm1(-rate * -days).sum() for rate in decay])
    return np.asarray(logs - base * exposed - offspring * left)


def _mean_rate(days: Floats, exposed: float) -> float:
    """Events of a record a day on which they could have been told."""
    return len(days) / exposed if exposed else 0.0


def _continue(
    theta: Floats,
    days: Floats,
    kinds: Ints,
    common: Floats,
    exposed: float,
    ahead: tuple[Floats, Flags],
    stream: np.random.Generator,
    first: Floats,
    count: Ints,
) -> None:
    """Draw one future by thinning, and enter it into `first` and `count`: of what is watched, nothing else is told."""
    background, offspring, half_life, own = theta
    base, decay = background * _mean_rate(days, exposed), np.log(2.0) / half_life
    heat = np.zeros(len(common))
    np.add.at(heat, kinds, offspring * decay * np.exp(decay * days))
    now, edges, (spells, watched) = 0.0, np.cumsum(common), ahead
    while True:
        ceiling = base + heat.sum()
        if ceiling == 0.0:  # nothing was ever told
            return
        wait = stream.exponential(1 / ceiling)
        now += wait
        if now >= spells[-1]:
            return
        heat *= np.exp(-decay * wait)
        total = heat.sum()
        chance = stream.random() * ceiling
        if chance >= base + total:
            continue
        if chance < own * total:
            kind = int(np.searchsorted(np.cumsum(heat), chance / own, side="right"))
        else:
            kind = int(np.searchsorted(edges, stream.random() * edges[-1], side="right"))
        kind = min(kind, len(common) - 1)
        if not watched[kind, np.searchsorted(spells, now, side="right") - 1]:
            continue
        heat[kind] += offspring * decay
        first[kind] = min(first[kind], now)
        count[kind] += 1
        if count.sum() > MOST_EVENTS:
            return


MOST_EVENTS: Final = 5000
"""Events of one future after which it is cut off (a draw of parameters near explosion)."""
