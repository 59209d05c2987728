"""Was it said beforehand? A forecast frozen in a file with a digest, scored when the events are known.

The file holds the scenario as it was, priors and what was learned, seed and code, and for each question the probability
that it has been answered by the end of each month and of how often. Nothing of it is computed again when it is scored.
The digest shows whether anything was changed since; whoever publishes it elsewhere can show that to others.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.calendar import day_number, read_day
from negsim.chronology import Chronology
from negsim.chronology_files import load_chronology
from negsim.compiler import Compiled, compile_scenario
from negsim.forecasts.drawing import Forecast
from negsim.forecasts.outlooks import Outlook, Period, told_between
from negsim.problems import Problem, ScenarioError, require_whole
from negsim.questions import Question
from negsim.scenario import Scenario
from negsim.scenario_files import scenario_digest
from negsim.scores import brier, log_score, ranked_probability_score
from negsim.state import Floats
from negsim.version import VERSION
from negsim.whole_files import write_whole

if TYPE_CHECKING:
    import pandas

FORMAT: Final = 1
MOST_COUNTED: Final = 12
"""Counts from this on are one category."""
PLACEMENTS: Final = 64
"""Placements of vague dates over which scores are averaged."""
MONTH: Final = 365.25 / 12


@dataclass(frozen=True, repr=False)
class Registered:
    """A forecast as it was frozen.

    Attributes
    ----------
    content : mapping
        Everything in the file but the digest.
    digest : str
        SHA-256 of it.
    """

    content: Mapping[str, Any]
    digest: str

    def __repr__(self) -> str:
        name = self.content["scenario"]["name"]
        return f"Registered({name!r}: {self.origin} to {self.until}, {self.digest[:12]})"

    @property
    def origin(self) -> dt.date:
        """First day forecast."""
        return dt.date.fromisoformat(self.content["origin"])

    @property
    def until(self) -> dt.date:
        """Last day forecast."""
        return dt.date.fromisoformat(self.content["until"])

    @property
    def questions(self) -> tuple[Question, ...]:
        """What was asked."""
        return tuple(Question(one["label"], tuple(one["events"])) for one in self.content["questions"])

    @property
    def forecasters(self) -> tuple[str, ...]:
        """Who forecast."""
        return tuple(self.content["forecasts"])

    @check_arguments
    def save(self, path: str | Path) -> Path:
        """Write it; a file that is there is not overwritten.

        Raises
        ------
        FileExistsError
            When the file is there: a registered forecast is made once.
        """
        target = Path(path)
        text = json.dumps({"digest": self.digest, **self.content}, indent=1, ensure_ascii=False)
        with target.open("x"):
            pass  # taken: of two processes one comes first
        try:
            return write_whole(target, text + "\n")
        except BaseException:
            target.unlink(missing_ok=True)
            raise


@check_arguments
def register(
    ahead: Forecast,
    others: Mapping[str, Forecast] | None = None,
    *,
    note: str = "",
    questions: Sequence[Question] | Iterable[str] = (),
) -> Registered:
    """Freeze a forecast, so that it can be scored when the events are known. Save it with ``save``.

    Parameters
    ----------
    ahead : Forecast
        The forecast, entered as ``model``.
    others : mapping of str to Forecast, optional
        Other forecasts of the same period to compare it with, by name: for example from the prior.
    note : str
        A note to keep with it.
    questions : sequence of Question or str, optional
        As in :meth:`Forecast.ask`.

    Returns
    -------
    Registered
    """
    if "model" in (others or {}):
        raise ValueError("others: the forecast itself is entered as 'model'; give this one another name")
    every = {"model": ahead, **(others or {})}
    for name, one in every.items():
        if not isinstance(one, Forecast):
            raise TypeError(f"others[{name!r}] must be a Forecast, not {one!r}")
    periods = {(one.origin, one.until) for one in every.values()}
    if len(periods) > 1:
        raise ValueError(f"forecasts of different periods cannot be registered together: {sorted(periods)}")
    scenario, posterior = ahead.ensemble.scenario, ahead.posterior
    asked = ahead.ask(questions).questions
    ends = _month_ends(ahead.origin, ahead.until)
    content = {
        "format": FORMAT,
        "registered": dt.datetime.now(dt.UTC).date().isoformat(),
        "note": note,
        "origin": ahead.origin.isoformat(),
        "until": ahead.until.isoformat(),
        "code": {"negsim": VERSION, "digest": code_digest()},
        "scenario": json.loads(scenario.canonical()),
        "scenario_digest": scenario_digest(scenario),
        "fit": {
            "chronology": posterior.provenance.get("chronology", ""),
            "chronology_digest": posterior.provenance.get("chronology_digest", ""),
            "seed": posterior.seed,
            "method": posterior.method,
            "log_evidence": round(posterior.log_evidence, 4),
            "parameters": _parameters(ahead),
        },
        "questions": [{"label": one.label, "events": list(one.addresses)} for one in asked],
        "month_ends": [day.isoformat() for day in ends],
        "forecasts": {name: _freeze(one, asked, ends) for name, one in every.items()},
    }
    return Registered(content, _digest(content))


def load_registered(path: str | Path, digest: str | None = None) -> Registered:
    """Load a registered forecast, and refuse one that was changed.

    Parameters
    ----------
    path : str or Path
        The file that :func:`negsim.register` or the command ``negsim register`` made.
    digest : str, optional
        The digest that was published, or its beginning. The file must match it.

    Returns
    -------
    Registered

    Raises
    ------
    ScenarioError
        When the file is missing, is not a registered forecast, or differs from what was registered.
    """
    file = str(path)
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError([Problem(file, "", str(error.strerror), "a registered forecast")]) from error
    except ValueError as error:
        raise ScenarioError([Problem(file, "", f"no JSON ({error})", "a registered forecast")]) from error
    if not isinstance(told, dict) or told.get("format") != FORMAT or "digest" not in told:
        raise ScenarioError([Problem(file, "format", "something else", f"a registered forecast of format {FORMAT}")])
    content = {key: value for key, value in told.items() if key != "digest"}
    found = _digest(content)
    if found != told["digest"]:
        given = f"content whose digest is {found[:16]}..., not the {str(told['digest'])[:16]}... that it says"
        raise ScenarioError([Problem(file, "digest", given, "the forecast as it was registered: it has been changed")])
    if digest is not None and not (digest and found.startswith(digest.lower())):
        raise ScenarioError([Problem(file, "digest", f"{found[:16]}...", f"the digest that was published, {digest}")])
    return Registered(content, found)


# -- scoring ----------------------------------------------------------------------------------------------------------


def score_registered(
    registered: Registered,
    events: str | Path,
    *,
    seed: int = 0,
    observed_until: dt.date | str | None = None,
    codebook: str | Path | None = None,
) -> pandas.DataFrame:
    """Score a registered forecast by what happened.

    Parameters
    ----------
    registered : Registered
    events : str or Path
        A CSV file as for :func:`negsim.load_chronology`, with all events that answer the questions. Silence counts as
        nothing having happened; if nothing did, say so with a row whose status is `outside`. Events from before the
        origin are set aside; one whose date may lie on either side of it counts only for the part that comes after.
    seed : int
        For dates that the file leaves open.
    observed_until : date or str, optional
        Last day of which the file knows (default: the last day forecast). Scores go to the last end of a month by
        then; later events, which the file may hold up to this day, do not count.
    codebook : str or Path, optional
        A TOML file that says which moves the rows mean, if the file does not name them itself.

    Returns
    -------
    DataFrame
        A row for each forecaster and question: ``forecaster``, ``question``, ``probability`` by then, ``happened``
        (share of the placements of vague dates), ``log_score``, ``brier``, ``crps_first`` (months, until then),
        ``rps_count`` (only where the whole period was observed). All are losses. ``attrs["left_aside"]`` counts the
        events that were left aside, ``attrs["scored_until"]`` is the last day to which the scores go.

    Raises
    ------
    ScenarioError
        For rows that cannot be read, each named; for an `observed_until` before the first end of a month; for a file
        whose events all come before the origin.
    """
    require_whole("seed", seed, 0, None)
    compiled = _compile(registered)
    ends = [dt.date.fromisoformat(day) for day in registered.content["month_ends"]]
    last = read_day("observed_until", observed_until) or registered.until
    seen = [end for end in ends if end <= last]
    if not seen:
        raise ScenarioError([Problem(str(events), "observed until", str(last), f"a date from {ends[0]} on")])
    told = load_chronology(compiled, events, window=(None, last), codebook=codebook, check=False)
    start = compiled.scenario.start
    period = Period(registered.questions, day_number(start, registered.origin), day_number(start, seen[-1]) + 1.0)
    aside = _count_before(told, period.start)
    if aside and aside == sum(not move.implied for move in told.moves):
        given = f"{aside} events, none of them from {registered.origin} on"
        allowed = f"events from {registered.origin}, the first day forecast, to {last}"
        raise ScenarioError([Problem(str(events), "date", given, allowed)])
    happened = told_between(compiled, told, period, PLACEMENTS, seed, "what came about")
    table = _tabulate(registered, happened, seen, len(seen) == len(ends))
    table.attrs |= {"left_aside": aside, "scored_until": seen[-1]}
    return table


def _count_before(told: Chronology, day: float) -> int:
    """Told events that cannot have happened on a day or later."""
    return sum(high <= day and not move.implied for move, high in zip(told.moves, told.placement.high, strict=True))


def _tabulate(registered: Registered, happened: Outlook, seen: Sequence[dt.date], whole: bool) -> pandas.DataFrame:
    import pandas as pd

    any_time = np.isfinite(happened.first)
    parts = []
    for name, frozen in registered.content["forecasts"].items():
        reached = np.array(frozen["by_month_end"])[:, : len(seen)]
        table = pd.DataFrame({"forecaster": name, "question": [one.label for one in registered.questions]})
        table["probability"] = reached[:, -1]
        table["happened"] = any_time.mean(axis=0)
        table["log_score"] = log_score(reached[:, -1], any_time).mean(axis=0)
        table["brier"] = brier(reached[:, -1], any_time).mean(axis=0)
        table["crps_first"] = _crps_of_dates(reached, happened, seen, registered.origin)
        counted = np.minimum(happened.count, MOST_COUNTED)
        shares = np.array(frozen["counts"])  # rounded in the file
        shares = shares / shares.sum(axis=1, keepdims=True)
        ranked = ranked_probability_score(shares[None, :, :], counted).mean(axis=0)
        table["rps_count"] = ranked if whole else np.nan
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _crps_of_dates(reached: Floats, happened: Outlook, seen: Sequence[dt.date], origin: dt.date) -> Floats:
    """Months of squared distance between the forecast's step at each end of a month and what had happened by then."""
    days = np.array([(end - origin).days + 1.0 for end in seen])
    lengths = np.diff(np.concatenate(([0.0], days))) / MONTH
    by_then = happened.first[:, :, None] < days
    return np.asarray((((reached - by_then) ** 2) @ lengths).mean(axis=0))


def _compile(registered: Registered) -> Compiled:
    """The events that a registered forecast speaks of; terms, whose files may be gone, change nothing about them."""
    scenario = Scenario.model_validate_json(json.dumps(registered.content["scenario"]))
    return compile_scenario(scenario.model_copy(update={"terms": (), "term": {}}))


# -- freezing ---------------------------------------------------------------------------------------------------------


def code_digest() -> str:
    """Digest of the package's own code: which negsim it was, to the letter."""
    folder = Path(__file__).parents[1]
    every = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        every.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return every.hexdigest()


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _month_ends(origin: dt.date, until: dt.date) -> list[dt.date]:
    """Ends of the months from the origin on, and the last day."""
    months = range(origin.year * 12 + origin.month, until.year * 12 + until.month)
    ends = [dt.date(month // 12, month % 12 + 1, 1) - dt.timedelta(days=1) for month in months]
    return [*(end for end in ends if end >= origin), until]


def _freeze(one: Forecast, questions: Sequence[Question], ends: Sequence[dt.date]) -> dict[str, Any]:
    """Probabilities by the end of each month and of each count; never quite 0 or 1."""
    found = one.ask(questions)
    start, runs = one.ensemble.scenario.start, len(found.first)
    days = np.array([day_number(start, end) + 1.0 for end in ends])
    reached = ((found.first[:, :, None] < days).sum(axis=0) + 0.5) / (runs + 1)
    counts = np.minimum(found.count, MOST_COUNTED)
    shares = np.stack([(counts == number).mean(axis=0) for number in range(MOST_COUNTED + 1)], axis=1)
    return {
        "runs": runs,
        "seed": one.ensemble.seed,
        "worth_of_runs": round(one.effective_runs, 1),
        "by_month_end": np.round(reached, max(5, len(str(runs)) + 1)).tolist(),  # half a run is not rounded away
        "counts": np.round(shares, 5).tolist(),
    }


def _parameters(ahead: Forecast) -> list[dict[str, Any]]:
    posterior = ahead.posterior
    bands = posterior.quantiles((0.05, 0.5, 0.95)).T
    return [
        {"name": name, "prior": prior.describe(), "posterior_5_50_95": [float(f"{value:.4g}") for value in band]}
        for name, prior, band in zip(posterior.names, posterior.prior.priors, bands, strict=True)
    ]
