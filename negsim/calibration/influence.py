"""Which single event carries the claim? Each told event is left out in turn: it happened, but nobody knows when.

An event left out is *latent, not absent*: what came after it may need it, so its date is integrated over the whole
window of observation (as far as the order of events allows) instead of the days that the source gives. Draws of the
posterior are weighted by the ratio of the two integrals, worked out on a grid of dates for each draw, and the weights
are smoothed (:mod:`negsim.calibration.psis`). The mean ratio is the inverse of the probability of the date that was
told given everything else: how far the other events foretold it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.calibration.psis import smooth_weights
from negsim.chronology import Placed
from negsim.edtf import format_interval
from negsim.history import stack_moves
from negsim.margins import write_error
from negsim.placement import Link
from negsim.progress import Progress
from negsim.state import Floats
from negsim.streams import address_words, open_stream

if TYPE_CHECKING:
    import pandas

PURPOSE_INFLUENCE: Final = 86
DATES: Final = 24
"""Dates at which an event left out is tried, for each draw."""
LARGEST_K: Final = 0.7
"""k-hat above which a row is not to be relied on."""


@dataclass(frozen=True, eq=False)
class Influence:
    """What happens to the parameters when one event's date is forgotten.

    Attributes
    ----------
    table : DataFrame
        A row for each told event, the most influential first: `event`, `when`, `largest_shift` (in posterior standard
        deviations) of which `parameter`, `shift_mcse`, `date_probability` (of the dates that were told, given
        everything else; `date_probability_mcse`), `times_even` (how many times more probable than if all dates that the
        order allows were alike), `k_hat`.
    shifts : DataFrame
        Shift of every parameter (columns) without each event (rows), in posterior standard deviations.
    """

    table: pandas.DataFrame
    shifts: pandas.DataFrame

    def summary(self, most: int = 5) -> str:
        """Say which events matter most."""
        return "\n".join(self._tell(most))

    def _tell(self, most: int) -> Iterator[str]:
        yield "forgetting when an event happened (not that it did) moves the parameters most for:"
        for _, row in self.table.head(most).iterrows():
            if np.isnan(row["largest_shift"]):
                yield f"  {row['when']}  {row['event']}  not known: impossible under every draw on the dates tried"
                continue
            doubt = "" if row["k_hat"] <= LARGEST_K else f"  (k-hat {row['k_hat']:.2f}: not to be relied on)"
            yield (
                f"  {row['when']}  {row['event']}  {row['parameter']} by {row['largest_shift']:+.2f} ± "
                f"{write_error(row['shift_mcse'])} sd; its date {_round(row['times_even'])} times as probable as chance"
                f"{doubt}"
            )


def _round(times: float) -> str:
    """Two digits that count, written out."""
    return f"{float(f'{times:.2g}'):,g}"


def leave_events_out(
    likelihood: ChronologyLikelihood,
    posterior: Posterior,
    seed: int = 0,
    dates: int = DATES,
    progress: Progress | None = None,
) -> Influence:
    """Leave each told event out in turn.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
    posterior : Posterior
        Equally weighted draws (:meth:`Posterior.resample`); `dates` replays for each draw and told event.
    seed : int
        For the dates that are tried.
    dates : int
        Dates tried for each event and draw.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.

    Returns
    -------
    Influence
    """
    import pandas as pd

    chronology = likelihood.chronology
    told = [place for place, move in enumerate(chronology.moves) if not move.implied]
    ratios = []
    for number, place in enumerate(told):
        ratios.append(widen_date(likelihood, posterior, place, dates, seed))
        if progress is not None:
            progress((number + 1) / len(told), "events left out")
    lines = [_compare(posterior, *ratio) for ratio in ratios]
    keys = pd.Index([chronology.moves[place].key for place in told], name="key")
    low, high = chronology.placement.low, chronology.placement.high
    table = pd.DataFrame(
        {
            "event": [" | ".join(chronology.moves[place].names) for place in told],
            "when": [format_interval(chronology.date(low[k]), chronology.date(high[k])) for k in told],
            **{name: [line[name] for line in lines] for name in _COLUMNS},
        },
        index=keys,
    )
    shifts = pd.DataFrame([line["shifts"] for line in lines], columns=list(posterior.names), index=keys)
    return Influence(table.reindex(table["largest_shift"].abs().sort_values(ascending=False).index), shifts)


_COLUMNS: Final = (
    "largest_shift", "parameter", "shift_mcse", "date_probability", "date_probability_mcse", "times_even", "k_hat",
)  # fmt: skip


def widen_date(
    likelihood: ChronologyLikelihood, posterior: Posterior, place: int, dates: int, seed: int
) -> tuple[Floats, Floats]:
    """Log of the ratio of the integral over all dates of an event to that over its own, and share of dates told.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
    posterior : Posterior
        Equally weighted draws.
    place : int
        Of the event, among the moves of the chronology.
    dates : int
        Dates tried for each draw.
    seed : int

    Returns
    -------
    log_ratio : array, shape (draws,)
        Minus infinity (weight zero) for a draw under which the event is impossible on the dates tried, all or its own.
    share : array, shape (draws,)
        Length of the event's own window over that of all dates the order allows.
    """
    chronology = likelihood.chronology
    placed = chronology.place(likelihood.compiled, posterior.latent)
    floor, ceiling = _find_room(chronology.placement.links, placed.days, place, chronology.window)
    own_low = np.maximum(floor, chronology.placement.low[place])
    own_high = np.minimum(ceiling, chronology.placement.high[place])
    stream = open_stream(seed, PURPOSE_INFLUENCE, 0, address_words(chronology.moves[place].key))
    steps = (np.arange(dates) + stream.random((len(floor), dates))) / dates  # one in each slice: stratified
    wide = _integrate(likelihood, posterior, placed, place, floor, ceiling, steps)
    few = steps if own_high.max() - own_low.min() > 1.5 else steps[:, dates // 2, None]
    narrow = _integrate(likelihood, posterior, placed, place, own_low, own_high, few)
    possible = np.isfinite(wide) & np.isfinite(narrow)
    log_ratio = np.subtract(wide, narrow, out=np.full(len(wide), -np.inf), where=possible)
    return log_ratio, (own_high - own_low) / (ceiling - floor)


def _find_room(links: Sequence[Link], days: Floats, place: int, window: tuple[float, float]) -> tuple[Floats, Floats]:
    """The dates that the order of events leaves for one, given all others, shape (draws,) each."""
    floor, ceiling = np.full(len(days), window[0]), np.full(len(days), window[1])
    for link in links:
        if link.after == place:
            floor = np.maximum(floor, days[:, link.before] + link.least)
            ceiling = np.minimum(ceiling, days[:, link.before] + link.most)
        if link.before == place:
            ceiling = np.minimum(ceiling, days[:, link.after] - link.least)
            floor = np.maximum(floor, days[:, link.after] - link.most)
    return floor, np.maximum(ceiling, floor + 1e-9)


def _integrate(
    likelihood: ChronologyLikelihood,
    posterior: Posterior,
    placed: Placed,
    place: int,
    low: Floats,
    high: Floats,
    steps: Floats,
) -> Floats:
    """Log of the integral of the likelihood over the date of one event, for each draw."""
    sequence = likelihood.chronology.placement.sequence
    draws, tried = steps.shape
    days = np.repeat(placed.days, tried, axis=0)
    moves = np.repeat(placed.moves, tried, axis=0)
    days[:, place] = (low[:, None] + (high - low)[:, None] * steps).ravel()
    theta = np.repeat(posterior.draws, tried, axis=0)
    told = likelihood.score(theta, stack_moves(days[:, sequence], moves[:, sequence])).total.reshape(draws, tried)
    top = told.max(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.log(np.exp(told - np.where(np.isfinite(top), top, 0.0)[:, None]).mean(axis=1))
        return np.asarray(np.where(np.isfinite(top), top + total, -np.inf) + np.log(high - low))


def _compare(posterior: Posterior, log_ratio: Floats, share: Floats) -> dict[str, object]:
    """Shifts of the parameters under the weights, and how far the date was foretold; NaN where no weight is left."""
    if not np.isfinite(log_ratio).any():
        unknown: dict[str, object] = dict.fromkeys(_COLUMNS, np.nan)
        return unknown | {"parameter": "", "k_hat": np.inf, "shifts": np.full(len(posterior.names), np.nan)}
    smoothed, k_hat = smooth_weights(log_ratio)
    weights = np.exp(smoothed - smoothed.max())
    mean = weights.mean()
    spread = float(weights.std() / mean / np.sqrt(posterior.ess))
    probability = float(np.exp(-smoothed.max()) / mean)
    weights /= weights.sum()
    shifts = (weights @ posterior.draws - posterior.mean()) / posterior.sd()
    first = int(np.abs(shifts).argmax())
    return {
        "largest_shift": float(shifts[first]),
        "parameter": posterior.names[first],
        "shift_mcse": float(_shift_errors(posterior.draws, weights, posterior.ess)[first]),
        "date_probability": probability,
        "date_probability_mcse": probability * spread,
        "times_even": probability * float((1 / share).mean()),  # 1 where the likelihood is the same on all dates
        "k_hat": k_hat,
        "shifts": shifts,
    }


def _shift_errors(draws: Floats, weights: Floats, worth: float) -> Floats:
    """Errors of weighted means less the plain means of the same draws, in their standard deviations, shape (P,).

    By the delta method, draw by draw: what a draw does to both means and to the standard deviation goes together.
    """
    away = draws - draws.mean(axis=0)
    scaled = away / draws.std(axis=0)
    shift = weights @ scaled
    pulls = weights[:, None] * (scaled - shift) - (scaled + shift * (scaled**2 - 1) / 2) / len(draws)
    return np.asarray(np.sqrt((pulls**2).sum(axis=0) * len(draws) / worth))
