"""Does the model make histories like the one that was told? Statistics that are no part of the likelihood.

Simulated histories pass through the chronology's coverage (:mod:`negsim.observation`); the same statistics are taken of
both. Three comparisons:

- *prior*: each simulated history has its own draw of the prior. A share, not a p-value.
- *posterior*: each has its own draw of the posterior. The data were used to find it, so the share of simulations above
  is drawn towards one half: it is told as a share and not called a p-value.
- *sampled p-value*: all histories have the **same** draw of the posterior, one taken at random, and so have the dates
  that nobody knows. Given the data, such a draw is distributed like the truth, so the rank of the data among the
  simulations is uniform if the model is right (Gosselin 2011; Johnson 2007 for pivotal quantities): a p-value without
  refitting. It is random: another seed takes another draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.chronology import Chronology
from negsim.compiler import Compiled
from negsim.ensemble import Explosive, Work, run_block
from negsim.history import History
from negsim.observation import NothingObserved, Observer
from negsim.replays import replay, split_runs
from negsim.results import Ensemble, gather
from negsim.state import Flags, Floats, Ints
from negsim.streams import open_stream

if TYPE_CHECKING:
    import pandas

PURPOSE_PREDICTIVE: Final = 87
RUNS: Final = 199
"""Simulated histories for each comparison: ranks then come in steps of half a percent."""
QUIET_DAYS: Final = 90.0
"""Days of silence after which whoever moves is said to move first."""
FIRST_MOVERS: Final = 3
"""Actors of whom it is asked how often they move first."""
QUANTILES: Final = (0.05, 0.5, 0.95)
WAYS: Final = 3
"""Comparisons for which histories are simulated: prior, posterior, one draw."""


@dataclass(frozen=True)
class Told:
    """What a source told of one history.

    Attributes
    ----------
    days : array, shape (told,)
        Moments of the told moves, in the order of time.
    actors : array of int, shape (told,)
        Who made each (its place among `deciders`).
    waits : array, shape (told + 1,)
        Integrated hazard of what would have been told, up to the first, between, and from the last to the end.
    window : (float, float)
        Begin and end of the observation.
    """

    days: Floats
    actors: Ints
    waits: Floats
    window: tuple[float, float]


Statistic = Callable[[Told], float]


def median_gap(told: Told) -> float:
    """Median of the days between told moves."""
    return float(np.median(np.diff(told.days))) if len(told.days) > 1 else np.nan


def longest_silence(told: Told) -> float:
    """Longest stretch of days without a told move, the window's ends included."""
    return float(np.diff(np.r_[told.window[0], told.days, told.window[1]]).max())


def reciprocity_lag(told: Told) -> float:
    """Median of the days from a told move to the next one by somebody else."""
    lags = []
    for place, day in enumerate(told.days):
        others = np.flatnonzero(told.actors[place + 1 :] != told.actors[place])
        if len(others):
            lags.append(told.days[place + 1 + others[0]] - day)
    return float(np.median(lags)) if lags else np.nan


def rescaled_distance(told: Told) -> float:
    """Largest distance between the distribution of rescaled waits and the exponential (Kolmogorov and Smirnov)."""
    waits = np.sort(told.waits[:-1])
    if not len(waits):
        return np.nan
    uniform, steps = -np.expm1(-waits), np.arange(len(waits) + 1) / len(waits)
    return float(max((steps[1:] - uniform).max(), (uniform - steps[:-1]).max()))


def count_told(told: Told) -> float:
    """How many moves are told."""
    return float(len(told.days))


STATISTICS: Final[dict[str, Statistic]] = {
    "told moves": count_told,
    "median days between told moves": median_gap,
    "longest silence, days": longest_silence,
    "reciprocity lag, days": reciprocity_lag,
    "rescaled waits, distance from exponential": rescaled_distance,
}


def first_moves(actor: int) -> Statistic:
    """Make the statistic that counts how often an actor is the first to move after a silence."""

    def count(told: Told) -> float:
        quiet = np.diff(np.r_[told.window[0] - np.inf, told.days]) >= QUIET_DAYS
        return float((told.actors[quiet] == actor).sum())

    return count


@dataclass(frozen=True, eq=False)
class PredictiveCheck:
    """The told history beside simulated ones.

    Attributes
    ----------
    table : DataFrame
        A row for each statistic: `told` (median over the posterior of the unknown dates), `prior_q05`, `prior_q50`,
        `prior_q95`, `prior_share` (of simulations above the told one, ties counted half), the same for `posterior`, the
        sampled `p_value` (two-sided) and `p_holm`, adjusted for the number of statistics. Shares have a Monte Carlo
        error of at most ``0.5 / sqrt(n)``, n being the histories that are compared.
    runs : int
        Simulated histories of each comparison.
    ran_away : int
        Of those of all comparisons, how many ran away and are left out: nothing is known of what they would have told.
    no_news : int
        How many are left out because nothing in them made the news.
    fewest : int or None
        Histories that are left in the comparison that has the fewest; the errors of its shares are of so many.
    """

    table: pandas.DataFrame
    runs: int
    ran_away: int = 0
    no_news: int = 0
    fewest: int | None = None

    def summary(self) -> str:
        """Say what does not look like the model's histories."""
        return "\n".join(self._tell())

    def _tell(self) -> Iterator[str]:
        odd = self.table[self.table["p_holm"] < 0.05]
        yield (
            f"{len(self.table)} statistics of the told history beside {self.runs} simulated ones: "
            f"{len(odd) or 'none'} out of line at 5% (Holm-adjusted)\n"
            "  (what was told; 5 | 50 | 95% of the simulated, and of those under the prior; sampled p-value)"
        )
        for name, row in self.table.iterrows():
            yield (
                f"  {name}: told {row['told']:.3g}; simulated {_band(row, 'posterior')} "
                f"(prior {_band(row, 'prior')}), p {row['p_value']:.2g}"
            )
        if self.ran_away:
            yield (
                f"  {self.ran_away} of {WAYS * self.runs} simulated histories ran away and are left out: the numbers "
                "feed on themselves there"
            )
        if self.no_news:
            yield (
                f"  {self.no_news} of {WAYS * self.runs} simulated histories have nothing that made the news and are "
                f"left out; {self.fewest} are left where fewest are"
            )


def _band(row: pandas.Series, way: str) -> str:
    return " | ".join(f"{row[f'{way}_q{100 * p:02.0f}']:.3g}" for p in QUANTILES)


def check_predictions(
    likelihood: ChronologyLikelihood,
    posterior: Posterior,
    seed: int = 0,
    runs: int = RUNS,
    ending: str | None = None,
    statistics: Mapping[str, Statistic] | None = None,
) -> PredictiveCheck:
    """Compare the told history with simulated ones.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
    posterior : Posterior
    seed : int
    runs : int
        Simulated histories of each comparison.
    ending : str, optional
        Address, with ``*``, of the move that makes the news: only simulated histories that have it are compared, and
        they are seen until it. (Default: all, over the chronology's window.)
    statistics : mapping of str to callable, optional
        From :class:`Told` to a number (default: :data:`STATISTICS`, and how often each actor moves first).

    Returns
    -------
    PredictiveCheck
    """
    import pandas as pd

    stream = open_stream(seed, PURPOSE_PREDICTIVE, 0, ())
    drawn = posterior.resample(runs, stream)
    told = _told(likelihood, drawn)
    one = int(stream.integers(runs))
    ways = {
        "prior": posterior.prior.draw(runs, stream),
        "posterior": drawn.draws,
        "sampled": np.repeat(drawn.draws[one : one + 1], runs, axis=0),
    }
    made, ran_away = {}, 0
    for number, (way, theta) in enumerate(ways.items(), 1):
        made[way], gone = simulate_told(likelihood, theta, seed, number, ending)
        ran_away += gone
    asked = dict(statistics or _ask(likelihood, made["prior"]))
    asked = {name: ask for name, ask in asked.items() if not np.isnan([ask(each) for each in made["prior"]]).all()}
    found = {way: np.array([[ask(each) for ask in asked.values()] for each in told]) for way, told in made.items()}
    data = np.array([[statistic(each) for statistic in asked.values()] for each in told])
    columns: dict[str, Any] = {"told": _median(data)}
    for way in ("prior", "posterior"):
        columns |= {f"{way}_q{100 * p:02.0f}": _quantile(found[way], p) for p in QUANTILES}
        columns[f"{way}_share"] = _share_above(data, found[way])
    columns["p_value"] = rank_two_sided(data[one], found["sampled"], stream)
    columns["p_holm"] = adjust_by_holm(columns["p_value"])
    table = pd.DataFrame(columns, index=pd.Index(list(asked), name="statistic"))
    left = [len(each) for each in made.values()]
    return PredictiveCheck(table, runs, ran_away, WAYS * runs - ran_away - sum(left), min(left))


def _told(likelihood: ChronologyLikelihood, drawn: Posterior) -> list[Told]:
    """What the chronology tells, with the unknown dates of each draw; what it only implies is not told."""
    chronology, compiled = likelihood.chronology, likelihood.compiled
    placed = chronology.place(compiled, drawn.latent)
    order = chronology.sort(placed.days)
    found = likelihood.score(drawn.draws, likelihood.histories(drawn.latent), likelihood.reported)
    told = np.array([not move.implied for move in chronology.moves], dtype=bool)
    return [
        _gather(compiled, placed.days[k][line], placed.moves[k][line], told[line], found.intervals[:, k], chronology)
        for k, line in enumerate(order)
    ]


def _gather(
    compiled: Compiled, days: Floats, moves: Ints, told: Flags, intervals: Floats, chronology: Chronology
) -> Told:
    deciders = list_deciders(compiled)
    actors = np.array([deciders.index(compiled.labels.events[move].actor) for move in moves[told]], dtype=np.int64)
    sums = np.cumsum(intervals[: len(days) + 1])
    edges = np.r_[0.0, sums[:-1][told], sums[-1]]
    return Told(days[told], actors, np.diff(edges), chronology.window)


def list_deciders(compiled: Compiled) -> list[str]:
    """Names of all who can make a move."""
    return list(dict.fromkeys(event.actor for event in compiled.labels.events[: compiled.world.moves]))


def _ask(likelihood: ChronologyLikelihood, prior: Sequence[Told]) -> dict[str, Statistic]:
    """The shipped statistics, and for those who move most how often they moved first.

    Who they are is decided by simulations of the prior, not by the data: a choice by the data would spoil p-values.
    """
    deciders = list_deciders(likelihood.compiled)
    moves = np.bincount(np.concatenate([each.actors for each in prior]), minlength=len(deciders))
    seen = [int(actor) for actor in np.argsort(-moves, kind="stable")[:FIRST_MOVERS] if moves[actor]]
    return STATISTICS | {f"{deciders[actor]} moves first, times": first_moves(actor) for actor in seen}


def simulate_told(
    likelihood: ChronologyLikelihood, theta: Floats, seed: int, way: int, ending: str | None = None
) -> tuple[list[Told], int]:
    """Simulate a history for each parameter vector and tell it as the chronology's source would have.

    With `ending`, histories without that move are left out. So are those that ran away, which are counted.

    Raises
    ------
    negsim.ensemble.Explosive
        When every history runs away.
    NothingObserved
        When none of the others has the move that makes the news.
    """
    compiled, chronology = likelihood.compiled, likelihood.chronology
    first, last = chronology.date(chronology.window[0]), chronology.until
    observer = Observer(compiled, chronology.reporting, "day", first, last, ending)
    simulated = _simulate(likelihood, theta, seed, way)
    kept = np.setdiff1d(np.arange(simulated.runs), simulated.stopped[0])
    if not len(kept):
        raise Explosive(f"all {simulated.runs} simulated histories ran away: the parameters are explosive")
    every = split_runs(simulated)
    histories = [every[run] for run in kept]
    params = {name: theta[kept, column] for column, name in enumerate(likelihood.names)}
    waits = replay(
        compiled, histories, params, until=last, coverage=likelihood.reported, engine=likelihood.engine
    ).intervals
    found = []
    for column, (run, history) in enumerate(zip(kept, histories, strict=True)):
        try:
            seen = observer.observe(history, seed, way * simulated.runs + int(run))
        except NothingObserved:
            continue
        told = _find_told(compiled, history, seen)
        inside = history.days < seen.window[1]
        days, moves = history.days[inside], history.moves[inside]
        found.append(_gather(compiled, days, moves, told[inside], waits[:, column], seen))
    if not found:
        raise NothingObserved(
            f"ending: none of {len(kept)} simulated histories has {ending}, so there is none to compare: name a move "
            "that happens more often, or simulate more histories (runs)"
        )
    return found, simulated.runs - len(kept)


def simulate_history(likelihood: ChronologyLikelihood, theta: Floats, seed: int) -> History | None:
    """Simulate a history to the end of the chronology's window, theta of shape (1, P); None where it runs away."""
    simulated = _simulate(likelihood, theta, seed, 0)
    return None if len(simulated.stopped[0]) else split_runs(simulated)[0]


def _simulate(likelihood: ChronologyLikelihood, theta: Floats, seed: int, way: int) -> Ensemble:
    compiled, until = likelihood.compiled, likelihood.chronology.window[1]
    params = {name: theta[:, column] for column, name in enumerate(likelihood.names)}
    entropy = int(open_stream(seed, PURPOSE_PREDICTIVE, way, ()).integers(2**63))
    values = compiled.resolve(params)
    work = Work(compiled.scenario, entropy, until, values, ("events",), engine=likelihood.engine)
    block = run_block(work, compiled, np.arange(len(theta)))
    return gather(compiled, [block], len(theta), entropy, until, {}, ("events",))


def _find_told(compiled: Compiled, history: History, seen: Chronology) -> Flags:
    """Which moves of a history a chronology made from it tells."""
    names = [event.name for event in compiled.labels.events[: compiled.world.moves]]
    told = np.zeros(len(history), dtype=bool)
    for move in seen.moves:
        same = (history.moves == names.index(move.names[0])) & (np.floor(history.days) == np.floor(move.low)) & ~told
        told[np.argmax(same)] = True
    return told


# -- ranks -------------------------------------------------------------------------------------------------------------


def rank_two_sided(data: Floats, simulated: Floats, stream: np.random.Generator) -> Floats:
    """Two-sided p-values of the data's rank among simulations, ties broken at random; undefined values rank lowest.

    Parameters
    ----------
    data : array, shape (statistics,)
    simulated : array, shape (runs, statistics)
    """
    data, simulated = (np.nan_to_num(values, nan=-np.inf, neginf=-np.inf) for values in (data, simulated))
    below, tied = (simulated < data).sum(axis=0), (simulated == data).sum(axis=0)
    rank = below + stream.integers(0, tied + 1)
    share = (rank + stream.random(len(data))) / (len(simulated) + 1)
    return np.asarray(2 * np.minimum(share, 1 - share))


def adjust_by_holm(p_values: Floats) -> Floats:
    """Adjust p-values for their number (Holm 1979)."""
    order = np.argsort(p_values)
    raised = (len(p_values) - np.arange(len(p_values))) * p_values[order]
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return adjusted


def _median(values: Floats) -> Floats:
    return _quantile(values, 0.5)


def _quantile(values: Floats, probability: float) -> Floats:
    """Quantiles of what is defined; NaN where nothing is."""
    found = np.full(values.shape[1], np.nan)
    for column in range(values.shape[1]):
        known = values[~np.isnan(values[:, column]), column]
        if len(known):
            found[column] = np.quantile(known, probability)
    return found


def _share_above(data: Floats, simulated: Floats) -> Floats:
    """Share of simulations above the data, over the data's unknown dates, ties counted half; undefined ranks lowest."""
    data, simulated = (np.nan_to_num(values, nan=-np.inf, neginf=-np.inf) for values in (data, simulated))
    above = (simulated[:, None, :] > data[None, :, :]) + 0.5 * (simulated[:, None, :] == data[None, :, :])
    return np.asarray(above.mean(axis=(0, 1)))
