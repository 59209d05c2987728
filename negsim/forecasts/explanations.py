"""How probable was what happened? Each told event under the prior, after the fit, and after a fit that left it out.

All three look at whole simulated histories, from the scenario's start on, that know nothing of the events but what the
parameters have learned from them. It is fit, not forecast: the posterior has seen the events that it is asked about.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np

from negsim.calendar import day_number, read_day
from negsim.calibration.fitting import bring_fit
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.calibration.psis import effective_sample_size, smooth_weights
from negsim.calibration.weights import weighted_quantiles
from negsim.chronology import Chronology
from negsim.ensemble import Explosive, simulate
from negsim.forecasts.drawing import PURPOSE, PURPOSE_PRIOR, SHARES, open_purpose, standard_error
from negsim.forecasts.fits import Fits
from negsim.forecasts.omissions import NOT_KNOWN, Omission, refit_without, take_draws, weigh_out
from negsim.problems import require_whole
from negsim.progress import Progress, tell_nobody
from negsim.questions import Question, require_known
from negsim.results import Ensemble
from negsim.scenario import Scenario
from negsim.state import Flags, Floats

if TYPE_CHECKING:
    import pandas

MONTHS: Final = 12
"""How near to its date an event is looked for."""
NOT_TRUSTED: Final = 0.7
"""k-hat above which weights that leave an event out are not trusted."""
Omit = Literal["density", "date"]


@dataclass(frozen=True)
class Told:
    """An event that was reported.

    Attributes
    ----------
    label : str
        What it is called.
    question : Question
        Which events of the scenario it is.
    start, end : date
        First and last day on which it can have happened.
    rows : tuple of str
        Rows of the chronology that tell it.
    places : tuple of int
        The told moves of those rows, among the moves of the chronology.
    """

    label: str
    question: Question
    start: dt.date
    end: dt.date
    rows: tuple[str, ...]
    places: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """Events beside the histories that the model draws.

    Attributes
    ----------
    told : tuple of Told
    prior, posterior : Ensemble
        Histories with parameters from the prior, and from the posterior; those that exploded are left out.
    table : DataFrame
        A row for each event: ``event``, ``row``, ``start``, ``end``; probability that it happens within a year of its
        date (as far as the scenario goes) under the ``prior``, the ``posterior``, and ``left_out`` (the posterior
        without this event), each with its standard error (``prior_error`` and so on); ``k_hat`` of the weights that
        leave it out, and ``how`` it was left out (``density``, ``weights``, ``refit``, ``refused`` or ``not known``);
        ``date_10``, ``date_50``, ``date_90``: when the posterior has the first such event after a year before its date,
        where it has one.
    """

    told: tuple[Told, ...]
    prior: Ensemble
    posterior: Ensemble
    table: pandas.DataFrame

    def __repr__(self) -> str:
        return f"Explanation({len(self.table)} events beside {self.posterior!r})"


def explain_events(
    case: Scenario | str | Path,
    posterior: Posterior,
    chronology: Chronology | str | Path | None = None,
    *,
    runs: int = 2000,
    seed: int = 0,
    events: Any = None,
    omit: Omit = "density",
    refit: bool = True,
    sampler: Mapping[str, Any] | None = None,
    keep: str | Path | None = None,
    engine: str = "numpy",
    workers: int = 1,
    progress: Progress | None = None,
) -> Explanation:
    """Compare the events of a chronology with simulated histories, before and after the fit.

    Parameters
    ----------
    case : Scenario, str or Path
    posterior : Posterior
        From :func:`negsim.fit` on the chronology.
    chronology : Chronology, str or Path, optional
        Default: the first of the case's own.
    runs, seed, workers, progress
        Histories of each kind, as in :func:`negsim.simulate`. The two share their clocks, so that they differ by
        their parameters only.
    events : DataFrame or iterable of mappings, optional
        Which events, in words: ``label``, ``date_start``, ``date_end``, ``kind`` and, as far as there are any,
        ``actor``, ``channel``, ``subject`` and ``row`` (default: the told moves of the chronology).
    omit : {"density", "date"}
        How an event is left out. ``density``: it happened when it did, but what that says about the parameters is not
        counted. ``date``: it happened, but nobody knows when (:mod:`negsim.forecasts.omissions`). This takes a
        minute or more, and a fit for each event for which reweighting fails.
    refit : bool
        Whether to fit again if reweighting fails; otherwise those events are left open.
    sampler : mapping, optional
        Settings of those fits, such as particles and runs (see :func:`negsim.fit`).
    keep : str or Path, optional
        Folder in which those fits are saved and found again.
    engine : str
        ``numpy``, ``compiled`` or ``auto`` (see :func:`negsim.simulate`).

    Returns
    -------
    Explanation

    Raises
    ------
    ScenarioError
        For events that the scenario does not have.
    ValueError
        For a posterior of something else (:func:`negsim.calibration.fitting.bring_fit`), events without dates, and
        another word for `omit`.
    Explosive
        When every history explodes.
    """
    require_whole("runs", runs)
    require_whole("seed", seed, 0, None)
    if omit not in get_args(Omit):
        raise ValueError(f"omit must be one of {', '.join(get_args(Omit))}, not {omit!r}")
    likelihood = bring_fit(case, posterior, chronology, engine)
    told = list_told(likelihood, events)
    settings = {**(sampler or {}), "engine": likelihood.engine}
    fits = Fits(seed, settings, None if keep is None else Path(keep)) if refit else None
    return hold_events(likelihood, posterior, told, runs, seed, workers, progress or tell_nobody, omit, fits)


def hold_events(
    likelihood: ChronologyLikelihood,
    posterior: Posterior,
    told: tuple[Told, ...],
    runs: int,
    seed: int,
    workers: int,
    tell: Progress,
    omit: Omit,
    fits: Fits | None,
) -> Explanation:
    """Do what :func:`explain_events` does, with everything at hand.

    Parameters
    ----------
    likelihood, posterior, told, runs, seed, workers, omit
        As there.
    tell : callable
        Told the share of the work that is done, and what is being done.
    fits : Fits or None
        Makes other fits; without it what needs them stays open.
    """
    scenario, engine = likelihood.compiled.scenario, likelihood.engine
    part = 1 / (2 + (len(told) if omit == "date" else 0))  # an event left out counts as much as an ensemble

    def run(values: Floats, begun: float | None, source: str) -> Ensemble:
        params = {name: values[:, column] for column, name in enumerate(posterior.names)}
        told = None if begun is None else lambda share, _: tell(begun + part * share, source)
        found = simulate(scenario, runs=runs, seed=seed, params=params, workers=workers, progress=told, engine=engine)
        if not found.whole.runs:
            raise Explosive(f"all histories with numbers from the {source} exploded: no event can be held against them")
        return found

    prior = run(posterior.prior.draw(runs, open_purpose(seed, PURPOSE_PRIOR)), 0.0, "prior").whole
    drawn = posterior.resample(runs, open_purpose(seed, PURPOSE))
    every = run(drawn.draws, part, "posterior")
    after, drawn = every.whole, take_draws(drawn, np.setdiff1d(np.arange(runs), every.stopped[0]))
    table = _tabulate(told, prior, after, drawn)
    if omit == "density":
        hazards = log_hazards(likelihood, drawn)
        left = [_leave_out_density(one, after, drawn, hazards) for one in told]
    else:
        omissions = _leave_out_dates(told, likelihood, drawn, seed, fits, lambda n, doing: tell((2 + n) * part, doing))
        left = []
        for one, found in zip(told, omissions, strict=True):
            other = None if found.posterior is None else found.posterior.resample(runs, open_purpose(seed, PURPOSE))
            again = run(other.draws, None, "other fit").whole if other is not None else None
            left.append(_share_left_out(one, found, after, other, again))
    place = list(table.columns).index("date_10")
    for number, name in enumerate(("left_out", "left_out_error", "k_hat", "how")):
        table.insert(place + number, name, [line[name] for line in left])
    return Explanation(told, prior, after, table)


def log_hazards(likelihood: ChronologyLikelihood, draws: Posterior) -> Mapping[str, Floats]:
    """Log hazard (per day) of each told move just before it happened, for each draw, by the row that tells it.

    Returns
    -------
    mapping of str to array, shape (draws,)
        Of a row that tells several moves: the sum.
    """
    chronology = likelihood.chronology
    placed = chronology.place(likelihood.compiled, draws.latent)
    scored = likelihood.score(draws.draws, chronology.stack(likelihood.compiled, draws.latent)).events
    places = chronology.sort(placed.days)
    logs = np.empty_like(placed.days)
    np.put_along_axis(logs, places, scored[: places.shape[1]].T, axis=1)
    found: dict[str, Floats] = {}
    for place, move in enumerate(chronology.moves):
        if not move.implied:
            found[move.row] = found.get(move.row, np.zeros(len(logs))) + logs[:, place]
    return found


# -- what was told ----------------------------------------------------------------------------------------------------


def list_told(likelihood: ChronologyLikelihood, events: Any) -> tuple[Told, ...]:
    """List the events that are asked about: those given, or all told moves of the chronology.

    Raises
    ------
    ScenarioError, ValueError
        As :func:`explain_events`.
    """
    told = _read_told(events, likelihood) if events is not None else _told_by(likelihood.chronology)
    require_known(likelihood.compiled, [one.question for one in told], "<events>")
    return told


def _told_by(chronology: Chronology) -> tuple[Told, ...]:
    found = []
    for place, move in enumerate(chronology.moves):
        if not move.implied:
            question = Question(move.key, move.names)
            low, high = chronology.placement.low[place], chronology.placement.high[place]
            start, end = chronology.date(low), chronology.date(high - 1.0)
            found.append(Told(move.key, question, start, end, (move.row,), (place,)))
    return tuple(sorted(found, key=lambda one: (one.start, one.end)))


def _read_told(events: Any, likelihood: ChronologyLikelihood) -> tuple[Told, ...]:
    rows = events.to_dict("records") if hasattr(events, "to_dict") else events
    rows = list(rows) if isinstance(rows, Iterable) else None
    if rows is None or not all(isinstance(row, Mapping) for row in rows):
        raise TypeError(f"events must be a DataFrame, or mappings with kind, date_start and so on, not {events!r}")
    found = []
    for number, row in enumerate(rows, start=1):
        parts = [_text(row, part) for part in ("kind", "actor", "channel", "subject")]
        label = _text(row, "label") or ":".join(parts)
        start, end = (_read_date(f"events: row {number}: {key}", row.get(key)) for key in ("date_start", "date_end"))
        question, cited = Question(label, (":".join(parts),)), tuple(_text(row, "row").split(";"))
        found.append(Told(label, question, start, end, cited, _find_places(likelihood, question, cited)))
    if not found:
        raise ValueError("events: there are none; leave them out to ask about all told moves of the chronology")
    return tuple(found)


def _read_date(name: str, given: Any) -> dt.date:
    """A day, of whatever a table holds: text, a date, a moment."""
    day = read_day(name, str(given)[:10])
    assert day is not None, "text is a day or refused"
    return day


def _find_places(likelihood: ChronologyLikelihood, question: Question, rows: Sequence[str]) -> tuple[int, ...]:
    """The told moves of some rows that are such an event; all of them, where none is."""
    events = likelihood.compiled.labels.events
    names = {events[number].name for number in question.events(events)}
    told = [(k, move) for k, move in enumerate(likelihood.chronology.moves) if move.row in rows and not move.implied]
    return tuple(k for k, move in told if names & set(move.names)) or tuple(k for k, _ in told)


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    return value.strip() if isinstance(value, str) else ""


# -- the table --------------------------------------------------------------------------------------------------------


def _tabulate(told: Iterable[Told], prior: Ensemble, after: Ensemble, drawn: Posterior) -> pandas.DataFrame:
    import pandas as pd

    lines = []
    for one in told:
        line: dict[str, Any] = {"event": one.label, "row": ";".join(one.rows), "start": one.start, "end": one.end}
        line |= _share("prior", _near(prior, one), None, prior.runs)
        line |= _share("posterior", _near(after, one), None, min(drawn.ess, after.runs))
        lines.append(line | _dates(after, one))
    return pd.DataFrame(lines)


def _near(ensemble: Ensemble, one: Told) -> Flags:
    """Runs in which it happens within a year of its date."""
    run, day = _days(ensemble, one)
    low, high = _around(ensemble, one)
    near: Flags = np.bincount(run[(day >= low) & (day < high)], minlength=ensemble.runs) > 0
    return near


def _days(ensemble: Ensemble, one: Told) -> tuple[Any, Floats]:
    assert ensemble.columns is not None, "events are recorded"
    run, event, day = ensemble.columns
    known = ensemble.compiled.labels.events
    here = np.isin(np.arange(len(known)), one.question.events(known))[event]
    return run[here], day[here]


def _around(ensemble: Ensemble, one: Told) -> tuple[float, float]:
    start = ensemble.scenario.start
    return day_number(start, _shift(one.start, -MONTHS)), day_number(start, _shift(one.end, MONTHS)) + 1.0


def _shift(date: dt.date, months: int) -> dt.date:
    """The same day some months on; the 28th where the month is too short."""
    month = date.year * 12 + date.month - 1 + months
    try:
        return date.replace(year=month // 12, month=month % 12 + 1)
    except ValueError:
        return date.replace(year=month // 12, month=month % 12 + 1, day=28)


def _share(name: str, happened: Flags, weights: Floats | None, worth: float) -> dict[str, float]:
    probability = float(np.average(happened, weights=weights))
    return {name: probability, f"{name}_error": float(standard_error(np.array(probability), worth))}


def _leave_out_density(one: Told, after: Ensemble, drawn: Posterior, hazards: Mapping[str, Floats]) -> dict[str, Any]:
    """Weigh the runs as if the event's own density had no part in the fit (Pareto-smoothed importance weights)."""
    told = [hazards[row] for row in one.rows if row in hazards]
    if not told:
        return dict(NOT_LEFT_OUT)
    happened = _near(after, one)
    smooth, k_hat = smooth_weights(-np.sum(told, axis=0))
    share = effective_sample_size(smooth) / len(smooth)
    weights = np.exp(smooth - smooth.max())
    left = _share("left_out", happened, weights, share * min(drawn.ess, len(happened)))
    return {**left, "k_hat": k_hat, "how": "density"}


def _leave_out_dates(
    told: tuple[Told, ...],
    likelihood: ChronologyLikelihood,
    drawn: Posterior,
    seed: int,
    fits: Fits | None,
    advance: Callable[[int, str], None],
) -> list[Omission]:
    """Leave out each event's date: by weights first; then it is known how many need another fit, and said."""
    found = []
    for one in told:
        advance(0, f"weights without the date of {one.label}")
        found.append(weigh_out(likelihood, drawn, one.places, seed) if one.places else Omission("", np.nan))
    needy = [place for place, omission in enumerate(found) if omission.how == NOT_KNOWN]
    for number, place in enumerate(needy if fits is not None else ()):
        assert fits is not None
        advance(
            len(told) - len(needy) + number,
            f"fit {number + 1} of {len(needy)}, without the date of {told[place].label}",
        )
        found[place] = replace(refit_without(likelihood, told[place].places, fits), k_hat=found[place].k_hat)
    advance(len(told), "events with and without their dates")
    return found


def _share_left_out(
    one: Told, found: Omission, after: Ensemble, other: Posterior | None, again: Ensemble | None
) -> dict[str, Any]:
    """The share of the runs had nobody known when the event happened: by weights, or with another fit."""
    told = {"k_hat": found.k_hat, "how": found.how}
    if other is not None and again is not None:
        return told | _share("left_out", _near(again, one), None, min(other.ess, again.runs))
    if found.log_weights is None:
        return NOT_LEFT_OUT | told
    weights = np.exp(found.log_weights - found.log_weights.max())
    return told | _share("left_out", _near(after, one)[: len(weights)], weights, found.worth)


def is_trusted(event: Mapping[Any, Any]) -> bool:
    """Whether what a row of the table says without the event can be trusted: of another fit, or by its k-hat."""
    return event.get("how") == "refit" or not event.get("k_hat", np.nan) > NOT_TRUSTED


NOT_LEFT_OUT: Final[dict[str, Any]] = {"left_out": np.nan, "left_out_error": np.nan, "k_hat": np.nan, "how": ""}


def _dates(ensemble: Ensemble, one: Told) -> dict[str, dt.date | None]:
    """When the first such event after a year before its date comes, among the runs in which one does."""
    run, day = _days(ensemble, one)
    later = day >= _around(ensemble, one)[0]
    first = np.full(ensemble.runs, np.inf)
    np.minimum.at(first, run[later], day[later])
    days = first[np.isfinite(first)]
    names = [f"date_{100 * share:.0f}" for share in SHARES]
    if len(days) == 0:
        return dict.fromkeys(names)
    equal = np.full(len(days), 1 / len(days))
    found = weighted_quantiles(days[:, None], equal, SHARES)[:, 0]
    start = ensemble.scenario.start
    return {name: start + dt.timedelta(days=int(value)) for name, value in zip(names, found, strict=True)}
