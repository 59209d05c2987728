"""What came out? Event tables, summaries and paths of many histories, with where they came from.

Nothing here runs a history. Blocks of runs are recorded one by one (:mod:`negsim.recording`) and gathered in the order
of the runs, so a result does not depend on who computed which block.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import html
import json
import math
import platform
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

import numpy as np

from negsim.arguments import check_arguments
from negsim.calendar import moments as dates_of
from negsim.compiler import Compiled
from negsim.problems import NegsimError, describe_value, find_odd_field
from negsim.recording import GROUP_COLUMNS, Block, Stopped, Tally, group_events
from negsim.scenario import Scenario
from negsim.scenario_files import move_term_files, read_scenario, save_scenario, scenario_digest, written_digest
from negsim.state import Array, Floats, Ints
from negsim.streams import BLOCK_WIDTH
from negsim.term_files import read_term_files, write_term_file
from negsim.whole_files import whole_file, write_whole

if TYPE_CHECKING:
    import pandas
    import xarray

FORMAT: Final = 2
WRITTEN: Final = {"scenario_digest": str, "runs": int, "seed": int, "until_days": int | float, "record": list}
"""What a saved result is loaded by, in `provenance.json`, and its kind."""


class ResultError(NegsimError):
    """A result that is missing, damaged, or does not hold what is asked of it."""


# -- the result -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False, repr=False)
class Ensemble:
    """Many simulated histories of one scenario. A notebook shows its summary.

    Attributes
    ----------
    scenario : Scenario
    runs, seed : int
    until : float
        Days simulated.
    provenance : dict
        Digest of the scenario, seed, versions, options.
    stopped : (runs, days)
        Runs that exploded, and the day on which each was stopped. Their events and paths end there, and the summary
        leaves them out.
    """

    compiled: Compiled
    runs: int
    seed: int
    until: float
    tally: Tally
    columns: tuple[Ints, Ints, Floats] | None
    paths: dict[str, Array]
    provenance: dict[str, Any]
    stopped: Stopped = field(default_factory=lambda: (np.zeros(0, np.int64), np.zeros(0)))

    def __repr__(self) -> str:
        case = self.scenario
        last = min(case.start + dt.timedelta(days=math.ceil(self.until) - 1), case.end)
        stopped = f", {len(self.stopped[0]):,} stopped" if len(self.stopped[0]) else ""
        return f"Ensemble({case.name!r}: {self.runs:,} runs, {case.start} to {last}, seed {self.seed}{stopped})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>{self.summary().to_html(index=False)}"

    @property
    def scenario(self) -> Scenario:
        """The scenario that was simulated."""
        return self.compiled.scenario

    @cached_property
    def whole(self) -> Ensemble:
        """The runs that came to the end, numbered from 0 (the ensemble itself where none exploded)."""
        if not len(self.stopped[0]):
            return self
        kept, columns = np.setdiff1d(np.arange(self.runs), self.stopped[0]), None
        if self.columns is not None:
            run, event, day = self.columns
            here = np.isin(run, kept)
            columns = (np.searchsorted(kept, run[here]).astype(run.dtype), event[here], day[here])
        paths = {name: path[..., kept] for name, path in self.paths.items()}
        none = (np.zeros(0, np.int64), np.zeros(0))
        gone = {"runs": len(kept), "runs_stopped": 0, "runs_left_out": self.stopped[0].tolist()}
        provenance = {**self.provenance, **gone}
        return replace(self, runs=len(kept), columns=columns, paths=paths, provenance=provenance, stopped=none)

    @property
    def events(self) -> pandas.DataFrame:
        """Every event of every run, in a table of your own: what you do to it changes no other result.

        Returns
        -------
        DataFrame
            Columns ``run`` (from 0), ``date`` (to the second), ``kind``, ``actor``, ``counterpart``, ``channel``,
            ``subject``, ``drawn`` (False for consequences) and ``day`` (days from the start, exact); in the order of
            runs and time.
        """
        return self._event_table.copy()

    @cached_property
    def _event_table(self) -> pandas.DataFrame:
        if self.columns is None:
            raise ResultError('events were not recorded: simulate with record=("events",)')
        return event_table(self.compiled, *self.columns)

    def summary(self) -> pandas.DataFrame:
        """Summarise each kind of event: how often it happens, and when.

        Returns
        -------
        DataFrame
            One row for each event that can happen (packages of a channel together): ``probability`` that it has
            happened by the end and its Monte-Carlo error ``probability_mcse`` (the standard deviation of
            Beta(k + 1, n - k + 1)); ``date_10``, ``date_50``, ``date_90`` of its first time among the runs in which it
            happens; ``count``, the mean number of times, and ``count_mcse`` (NaN where all runs agree: their
            spread says nothing). ``runs`` says of how many runs that is: those that came to the end; ``stopped`` how
            many exploded and are left out, so nothing is known of what they would have done.
        """
        return summarise(self.compiled, self.tally, self.runs, len(self.stopped[0]))

    def to_xarray(self) -> xarray.Dataset:
        """Convert the counts of the summary, and whatever was recorded at the ticks, to labelled arrays."""
        return _dataset(self)

    @check_arguments
    def save(self, directory: str | Path) -> Path:
        """Write the result: events as Parquet, the scenario as TOML, provenance as JSON.

        The directory is made if it is not there; what it held of an earlier result is replaced.
        """
        return save_results(self, Path(directory))


def gather(
    compiled: Compiled,
    parts: Iterable[Block],
    runs: int,
    seed: int,
    until: float,
    params: Mapping[str, Any],
    record: Iterable[str],
    engine: str = "numpy",
) -> Ensemble:
    """Put blocks together as they come; of a block nothing is kept but what was asked for."""
    tally: Tally | None = None
    events, pieces, stopped = [], [], []
    for part in parts:
        stopped.append(part.stopped)
        tally = part.tally if tally is None else tally + part.tally
        if part.events is not None:
            events.append(part.events)
        if part.paths:
            pieces.append(part.paths)
    assert tally is not None, "there is at least one block"
    columns = None
    if events:
        run, event, day = (np.concatenate(column) for column in zip(*events, strict=True))
        columns = (run, event, day)
    paths = {name: np.concatenate([piece[name] for piece in pieces], axis=2) for name in (pieces[0] if pieces else ())}
    ended = tuple(np.concatenate(column) for column in zip(*stopped, strict=True))
    provenance = describe_origin(compiled.scenario, seed, params, record) | {"engine": engine}
    provenance |= {"runs": runs, "runs_stopped": len(ended[0]), "until_days": until}
    return Ensemble(compiled, runs, seed, until, tally, columns, paths, provenance, (ended[0], ended[1]))


def describe_origin(scenario: Scenario, seed: int, params: Mapping[str, Any], record: Iterable[str]) -> dict[str, Any]:
    """Say where a result comes from."""
    import negsim.version as version

    own = read_term_files(scenario)
    return {
        "format": FORMAT,
        "scenario": scenario.name,
        "scenario_digest": scenario_digest(scenario),
        **({"terms": own} if own else {}),
        "seed": seed,
        "random_block": BLOCK_WIDTH,
        "tick": scenario.tick,
        "params": {name: np.asarray(value).tolist() for name, value in params.items()},
        "record": list(record),
        "engine": "numpy",
        "versions": {"negsim": version.VERSION, "numpy": np.__version__, "python": platform.python_version()},
        "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }


def event_table(compiled: Compiled, run: Ints, event: Ints, day: Floats) -> pandas.DataFrame:
    """Make a tidy table of events from their numbers."""
    import pandas as pd

    labels = compiled.labels.events
    table = pd.DataFrame({"run": run, "date": dates_of(compiled.scenario.start, day)})
    for column in GROUP_COLUMNS:
        names = [getattr(label, column) for label in labels]
        categories = list(dict.fromkeys(names))
        codes = np.array([categories.index(name) for name in names])
        table[column] = pd.Categorical.from_codes(codes[event], categories=categories)
    table["drawn"] = event < compiled.world.moves
    table["day"] = day
    return table


def summarise(compiled: Compiled, tally: Tally, runs: int, stopped: int = 0) -> pandas.DataFrame:
    """Turn counts into a table (see :meth:`Ensemble.summary`)."""
    import pandas as pd

    _, groups = group_events(compiled)
    complete = runs - stopped
    of = complete if complete else np.nan
    happened = complete - tally.first[:, -1]
    probability = happened / of
    mean = tally.total / of
    variance = np.maximum(tally.squares / of - mean**2, 0.0) * (of / max(complete - 1, 1))
    table = pd.DataFrame(groups, columns=list(GROUP_COLUMNS))
    table["probability"] = probability
    table["probability_mcse"] = error_of_share(happened, of)
    for percent in (10, 50, 90):
        table[f"date_{percent}"] = _quantile_dates(compiled, tally.first[:, :-1], percent / 100)
    table["count"] = mean
    table["count_mcse"] = error_of_count(variance, of)
    table["runs"], table["stopped"] = complete, stopped
    rows = [
        row
        for row, group in enumerate(groups)
        if tally.total[row] > 0 or group[0] not in ("delivered", "broken", "lapsed")
    ]
    return table.iloc[rows].reset_index(drop=True)


def error_of_share(happened: Any, runs: Any) -> Floats:
    """Error of a probability of which so many runs tell: the standard deviation of Beta(k + 1, n - k + 1).

    Unlike ``sqrt(p (1 - p) / n)`` it is not zero where something happened never, or always.
    """
    n, k = np.asarray(runs, dtype=float), np.asarray(happened, dtype=float)
    middle = (k + 1) / (n + 2)
    return np.asarray(np.sqrt(middle * (1 - middle) / (n + 3)))


def error_of_count(variance: Any, runs: Any) -> Floats:
    """Error of a mean count over so many runs; NaN where all agree (or there is one): their spread says nothing."""
    spread = np.asarray(variance, dtype=float)
    return np.asarray(np.sqrt(np.where(spread > 0, spread, np.nan) / runs))


def _quantile_dates(compiled: Compiled, first: Ints, share: float) -> Array:
    """The day by which a share of those that happen has happened, for each group (NaT where none does)."""
    reached = first.cumsum(axis=1)
    total = reached[:, -1]
    day = (reached >= np.ceil(share * np.maximum(total, 1))[:, None]).argmax(axis=1)
    dates = np.datetime64(compiled.scenario.start, "s") + day.astype("timedelta64[D]")
    return np.where(total > 0, dates, np.datetime64("NaT"))


def _dataset(ensemble: Ensemble) -> xarray.Dataset:
    import xarray as xr

    compiled = ensemble.compiled
    table = ensemble.summary()
    names = [":".join(row) for row in table[list(GROUP_COLUMNS)].astype(str).to_numpy()]
    variables: dict[str, Any] = {name: ("event", table[name].to_numpy()) for name in ("probability", "count")}
    variables |= {name: ("event", table[name].to_numpy()) for name in ("probability_mcse", "count_mcse")}
    coordinates: dict[str, Any] = {"event": names}
    for name, path in ensemble.paths.items():
        row, labels = path_labels(compiled, name)
        variables[name] = (("tick", row, "run"), path)
        coordinates[row] = labels
    if ensemble.paths:
        ticks = len(next(iter(ensemble.paths.values())))
        coordinates["tick"] = dates_of(compiled.scenario.start, compiled.world.tick_times[:ticks])
        coordinates["run"] = np.arange(ensemble.runs)
    attributes = {key: value for key, value in ensemble.provenance.items() if isinstance(value, str | int | float)}
    return xr.Dataset(variables, coords=coordinates, attrs=attributes)


def path_labels(compiled: Compiled, name: str) -> tuple[str, list[str]]:
    """Name the dimension and the rows of what was recorded under a name."""
    labels = compiled.labels
    if name == "channel":
        return "channel_name", list(labels.channels)
    if name in ("concession", "frozen"):
        return "concession_name", list(labels.concessions)
    if name == "need":
        return "need_of", [f"{good}:{state}" for good, state in labels.needs]
    return "pair", [f"{holder}>{toward}" for holder, toward in labels.pairs]


# -- files ------------------------------------------------------------------------------------------------------------


def save_results(ensemble: Ensemble, directory: Path) -> Path:
    """Write an ensemble (see :meth:`Ensemble.save`)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if directory.exists() and not directory.is_dir():
        raise ResultError(f"{directory} is no directory to save a result in")
    directory.mkdir(parents=True, exist_ok=True)
    provenance = directory / "provenance.json"
    for name in (provenance.name, *PARTS):  # what is cut short is no result, nor is an old one beside a new one
        (directory / name).unlink(missing_ok=True)
    _save_scenario(ensemble, directory)
    with whole_file(directory / "summary.csv") as file:
        ensemble.summary().to_csv(file, index=False)
    counts = {name: getattr(ensemble.tally, name) for name in ("first", "total", "squares")}
    ended = dict(zip(("stopped_run", "stopped_day"), ensemble.stopped, strict=True))
    digests = {"tally.npz": _write_arrays(directory / "tally.npz", {**counts, **ended})}
    if ensemble.paths:
        digests["paths.npz"] = _write_arrays(directory / "paths.npz", ensemble.paths)
    if ensemble.columns is not None:
        with whole_file(directory / "events.parquet") as file:
            events = event_table(ensemble.compiled, *ensemble.columns)
            pq.write_table(pa.Table.from_pandas(events, preserve_index=False), file)
            digests["events.parquet"] = _digest(file)
    write_whole(provenance, json.dumps({**ensemble.provenance, "files": digests}, indent=1) + "\n")
    return directory


def _save_scenario(ensemble: Ensemble, directory: Path) -> None:
    """Write the scenario, and beside it its own terms as they were when it was simulated."""
    files = {name: f"{TERMS}/{name}.py" for name in ensemble.provenance.get("terms", {})}
    for name, file in files.items():
        write_term_file(directory / file, ensemble.provenance["terms"][name])
    save_scenario(move_term_files(ensemble.scenario, files), directory / "scenario.toml")


TERMS: Final = "terms"
"""Folder of a result with its scenario's own terms."""
PARTS: Final = ("tally.npz", "paths.npz", "events.parquet")
"""Files of a result that `provenance.json` knows by their digests."""


def _write_arrays(path: Path, arrays: Mapping[str, Array]) -> str:
    with whole_file(path) as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return _digest(file)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _require_same(folder: Path, digests: Mapping[str, str]) -> None:
    """Let pass files that were saved together (results of older versions say nothing of it)."""
    for name, digest in digests.items():
        with _reading(folder / name) as file:
            if _digest(file) != digest:
                raise ValueError(
                    "it is not the file that was saved with provenance.json (was it edited, or did two processes "
                    "write to this folder at once?)"
                )


def load_results(directory: str | Path) -> Ensemble:
    """Load what :meth:`Ensemble.save` wrote.

    Parameters
    ----------
    directory : str or Path
        The folder to which it was written.

    Returns
    -------
    Ensemble

    Raises
    ------
    ResultError
        When a file is missing or damaged, does not fit the others, or the scenario is not the one that was simulated;
        the message names it.
    """
    from negsim.compiler import compile_scenario
    from negsim.scenario_files import load_terms

    folder = Path(directory)
    with _reading(folder / "provenance.json") as file:
        provenance = _require_provenance(json.loads(file.read_text("utf-8")), file)
        digests = provenance.pop("files", {})
    beside = folder.absolute() if "terms" in provenance else Path()  # which older versions did not save
    with _reading(folder / "scenario.toml") as file:
        scenario = read_scenario(str(file), file.read_text("utf-8"), beside, run_files=False)
    if provenance["scenario_digest"] not in (scenario_digest(scenario), written_digest(scenario)):
        raise ResultError(
            f"{file} is not the scenario that was simulated, or its own terms are not (its digest differs)"
        )
    compiled = compile_scenario(scenario, load_terms(scenario))
    runs, seed, until = (provenance[name] for name in ("runs", "seed", "until_days"))
    with _reading(folder / "tally.npz") as file, file.open("rb") as content, np.load(content) as arrays:
        tally = Tally(arrays["first"], arrays["total"], arrays["squares"])
        stopped = (arrays["stopped_run"], arrays["stopped_day"])
        _require_tally(compiled, tally, runs - len(stopped[0]))
    paths: dict[str, Array] = {}
    if {*provenance["record"]} - {"events"}:
        with _reading(folder / "paths.npz") as file, file.open("rb") as content, np.load(content) as arrays:
            paths = {name: arrays[name] for name in arrays.files}
    columns = None
    if "events" in provenance["record"]:
        with _reading(folder / "events.parquet") as file:
            columns = _load_events(compiled, file, runs)
    _require_same(folder, digests)
    return Ensemble(compiled, runs, seed, until, tally, columns, paths, provenance, stopped)


@contextmanager
def _reading(file: Path) -> Iterator[Path]:
    """Take what goes wrong while a file of a saved result is read for damage of that file."""
    try:
        yield file
    except OSError as error:
        why = error.strerror or ("it cannot be read" if file.exists() else "No such file or directory")
        raise ResultError(f"{file}: {why}; is {file.parent} a saved result?") from error
    except KeyError as error:
        lacking = str(error.args[0]).removesuffix(" is not a file in the archive")
        raise ResultError(f"{file} is damaged: it lacks {lacking}") from error
    except (EOFError, TypeError, ValueError, BadZipFile, zlib.error) as error:
        raise ResultError(f"{file} is damaged: {(str(error).splitlines() or [type(error).__name__])[0]}") from error


def _require_provenance(found: Any, file: Path) -> dict[str, Any]:
    """Let pass what says all that a result is loaded by."""
    if not isinstance(found, dict):
        raise ResultError(f"{file} is damaged: it holds {describe_value(found)}, not what a result says of itself")
    if found.get("format") != FORMAT:
        raise ResultError(f"{file}: format {found.get('format')!r}, expected {FORMAT}")
    if odd := find_odd_field(found, WRITTEN):
        raise ResultError(f"{file} is damaged: {odd}")
    return found


def _require_tally(compiled: Compiled, tally: Tally, complete: int) -> None:
    """Let pass counts that are those of so many runs of the scenario."""
    groups = len(group_events(compiled)[1])
    if not len(tally.first) == len(tally.total) == len(tally.squares) == groups:
        raise ValueError(f"it counts {len(tally.total)} kinds of event, the scenario has {groups}")
    counted = tally.first.sum(axis=1)
    if (counted != complete).any():
        raise ValueError(f"it counts {counted[counted != complete][0]} runs, provenance.json says {complete}")


def _load_events(compiled: Compiled, file: Path, runs: int) -> tuple[Array, Array, Floats]:
    import pandas as pd

    table = pd.read_parquet(file, columns=["run", *GROUP_COLUMNS, "day"])
    numbers = {
        (label.kind, label.actor, label.counterpart, label.channel, label.subject): number
        for number, label in enumerate(compiled.labels.events)
    }
    keys = list(table[list(GROUP_COLUMNS)].astype(str).itertuples(index=False, name=None))
    if unknown := next((key for key in keys if key not in numbers), None):
        raise ValueError(f"the scenario has no event {':'.join(unknown)}")
    if len(table) and not 0 <= table["run"].min() <= table["run"].max() < runs:
        raise ValueError(f"it has events of run {table['run'].max()}, provenance.json says {runs} runs")
    event: Array = np.array([numbers[key] for key in keys], dtype=np.int16)
    return table["run"].to_numpy(dtype=np.int32), event, table["day"].to_numpy(dtype=float)
