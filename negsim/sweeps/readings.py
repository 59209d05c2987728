"""What came out of a sweep? Tables with the varied numbers as columns, labelled arrays, single runs; failures as well.

Everything is read from the store, some points at a time: memory grows with the points, not with the runs.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.calendar import day_number, read_day
from negsim.results import error_of_count, error_of_share
from negsim.state import Array, Floats
from negsim.sweeps.manifests import read_extents, read_sources
from negsim.sweeps.outcomes import match_name
from negsim.sweeps.plans import count_runs
from negsim.sweeps.stores import Block, RefusedSweep, Store
from negsim.sweeps.work import METADATA, Failure

if TYPE_CHECKING:
    import pandas
    import pyarrow.dataset
    import xarray

DAYS: Final = (10, 50, 90)
"""Percentiles of first dates in a summary."""


class _Lease:
    """What a temporary store lasts for: it goes when neither the sweep nor a copy of it is looked at any more."""

    def __init__(self, folder: Path) -> None:
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


class Sweep:
    """A sweep in its store, finished or not.

    Attributes
    ----------
    folder : Path
        The store.
    manifest : dict
        What was swept, with which seed, options and versions.
    scenario : Scenario
    design : Design
        The points.
    """

    def __init__(self, folder: str | Path, temporary: bool = False) -> None:
        self.folder = Path(folder)
        self._store = Store(self.folder.absolute())
        self._lease = _Lease(self.folder) if temporary else None
        self.manifest = self._store.read_manifest()
        self.scenario, self.design = read_sources(self._store, self.manifest)
        damaged = self._store.find_damaged()
        if damaged:
            names = ", ".join(str(block.path) for block in damaged)
            raise RefusedSweep(f"damaged (cut short or altered): {names}; resume the sweep to compute them anew")
        self._blocks = self._store.list_blocks()

    def __repr__(self) -> str:
        most = "up to " if self.manifest["precision"] else ""
        told = f"{len(self.design)} points x {most}{self.runs} runs of {self.manifest['scenario']}"
        return f"Sweep({str(self.folder)!r}: {told}, {int(self.count_runs().sum()):,} runs finished)"

    # -- what it is --

    @property
    def runs(self) -> int:
        """Runs of each point (the most, when points may stop early)."""
        return int(self.manifest["runs"])

    @property
    def seed(self) -> int:
        """The seed."""
        return int(self.manifest["seed"])

    @property
    def events(self) -> tuple[str, ...]:
        """Kinds of event that were kept."""
        return tuple(self.manifest["outcomes"])

    @check_arguments
    def name_of(self, event: str) -> str:
        """What the sweep calls a kind of event, by that name or its address (``meet::official`` is ``meet.official``).

        Raises
        ------
        ValueError
            Where none is meant, with the nearest, or several, with all.
        """
        return match_name(event, self.manifest["outcomes"])

    @property
    def provenance(self) -> dict[str, Any]:
        """Where it comes from, in the words of an ensemble's provenance."""
        return dict(self.manifest)

    @cached_property
    def share_done(self) -> float:
        """Share of the planned runs that are in the store (a point that stopped early counts with the runs it has)."""
        return float(self.count_runs().sum() / count_runs(read_extents(self.manifest)))

    def count_runs(self) -> Array:
        """Finished runs of each point, shape (points,)."""
        runs = np.zeros(len(self.design), dtype=np.int64)
        for block in self._blocks.values():
            np.add.at(runs, _read(block.path, ["point"])["point"], 1)
        return runs

    @property
    def failures(self) -> pandas.DataFrame:
        """What failed: a row for each point and block of runs, with stage, error, traceback and the point's numbers.

        The table is your own. A point's rows are missing from everything else for the runs that failed.
        """
        return self._failures.copy()

    @cached_property
    def _failures(self) -> pandas.DataFrame:
        import pandas as pd

        found = [failure for block in self._blocks.values() for failure in read_failures(block.path)]
        table = pd.DataFrame([asdict(failure) for failure in found], columns=[field.name for field in fields(Failure)])
        return table.join(self.design.to_frame(), on="point")

    # -- single runs --

    def dataset(self) -> pyarrow.dataset.Dataset:
        """Every run of every point, not yet read: filter it, choose columns, go through it in batches.

        The files are those of ``blocks/*.parquet`` in the store, which pandas, polars and DuckDB read as well.
        """
        import pyarrow.dataset as ds

        return ds.dataset([str(block.path) for block in self._blocks.values()], format="parquet")

    @check_arguments
    def outcome(self, event: str, what: str = "happened", *, until: dt.date | str | None = None) -> Floats:
        """One outcome of every run of every point.

        Parameters
        ----------
        event : str
            Kind of event, such as ``meet.official``, or its address, such as ``meet::official``; ``moves`` with `what`
            ``"count"`` for all moves together.
        what : {"happened", "count", "day"}
            Whether it happened (0 or 1), how often, or when first (days from the start; infinite if never).
        until : date, optional
            For ``happened``: by the end of this day (default: at all).

        Returns
        -------
        array, shape (points, runs)
            NaN for runs that are missing (not computed yet, failed, not needed) and those that exploded.
        """
        last = read_day("until", until)
        column = self._find_column(event, what, last)
        found = np.full((len(self.design), self.runs), np.nan)
        for block in self._blocks.values():
            table = _read(block.path, ["point", "run", "stopped", column])
            judged = self._judge(table[column], what, last)
            found[table["point"], table["run"]] = np.where(np.isnan(table["stopped"]), judged, np.nan)
        return found

    def _find_column(self, event: str, what: str, until: dt.date | None) -> str:
        if what not in ("happened", "count", "day"):
            raise ValueError(f"what: {what!r} is not among happened, count, day")
        if event == "moves" and what == "count":
            return "moves"
        name = self.name_of(event)
        if until is not None and what != "happened":
            raise ValueError(f"until goes with what='happened', not with {what!r}")
        if until is not None and until < self.scenario.start:
            raise ValueError(f"until must be a day from {self.scenario.start} on, not {until}")
        return f"count.{name}" if what == "count" else f"first.{name}"

    def _judge(self, column: Array, what: str, until: dt.date | None) -> Floats:
        if what == "count":
            return column.astype(float)
        if what == "day":
            return np.where(np.isnan(column), np.inf, column)
        last = np.inf if until is None else day_number(self.scenario.start, until) + 1.0
        return (column < last).astype(float)  # NaN (never) is not before any day

    # -- tables --

    @check_arguments
    def to_frame(self, events: Sequence[str] | None = None) -> pandas.DataFrame:
        """Summarise every point in a tidy table: a row for each point and kind of event.

        Returns
        -------
        DataFrame
            ``point``, the varied numbers, ``event``; ``runs`` of the point that came to the end, and ``stopped``, those
            that exploded and are left out; ``probability`` that the event happens
            and its Monte-Carlo error ``probability_mcse`` (the standard deviation of Beta(k + 1, n - k + 1));
            ``date_10``, ``date_50``, ``date_90`` of its first time among the runs in which it happens; ``count``, the
            mean number of times, and ``count_mcse``.
        """
        import pandas as pd

        chosen = self._choose(events)
        parts = [self._sum_up(points, rows, chosen) for points, rows in self._by_points(chosen)]
        if not parts:  # nothing is finished yet, or everything failed
            columns = ["point", "stopped", *(f"{part}.{event}" for event in chosen for part in ("count", "first"))]
            parts = [self._sum_up(np.zeros(0, np.int64), dict.fromkeys(columns, np.zeros(0)), chosen)]
        table = pd.concat(parts, ignore_index=True)
        told = table.merge(self.design.to_frame(), left_on="point", right_index=True, how="left")
        first = ["point", *self.design.names, "event"]
        return told[[*first, *(name for name in told.columns if name not in first)]]

    def _choose(self, events: Sequence[str] | None) -> list[str]:
        if events is not None and not len(events):
            raise ValueError("events: there are none; leave them out for all kinds")
        return list(self.events if events is None else dict.fromkeys(map(self.name_of, events)))

    def _by_points(self, events: Sequence[str]) -> Iterator[tuple[Array, dict[str, Array]]]:
        """Go through the store, some points with all their runs at a time."""
        columns = ["point", "stopped", *(f"{part}.{event}" for event in events for part in ("count", "first"))]
        groups: dict[str, list[Block]] = {}
        for block in self._blocks.values():
            groups.setdefault(block.name.partition(".")[0], []).append(block)
        for blocks in groups.values():
            tables = [_read(block.path, columns) for block in blocks]
            rows = {name: np.concatenate([table[name] for table in tables]) for name in columns}
            points = np.unique(rows["point"])
            if len(points):
                yield points, rows

    def _sum_up(self, points: Array, rows: Mapping[str, Array], events: Sequence[str]) -> pandas.DataFrame:
        import pandas as pd

        complete, every = np.isnan(rows["stopped"]), np.searchsorted(points, rows["point"])
        stopped, place = np.bincount(every, ~complete), every[complete]
        runs = np.bincount(place, minlength=len(points))
        parts = []
        for event in events:
            count, first = rows[f"count.{event}"][complete].astype(float), rows[f"first.{event}"][complete]
            happened = np.bincount(place, count > 0, len(points))
            some = np.where(runs > 0, runs, np.nan)
            mean = np.bincount(place, count, len(points)) / some
            spread = np.bincount(place, (count - mean[place]) ** 2, len(points)) / np.maximum(runs - 1, 1)
            columns = {
                "point": points,
                "event": event,
                "runs": runs,
                "stopped": stopped.astype(np.int64),
                "probability": happened / some,
                "probability_mcse": error_of_share(happened, some),
                **self._quantiles(place, first, len(points)),
                "count": mean,
                "count_mcse": error_of_count(spread, some),
            }
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts).sort_values("point", kind="stable")

    def _quantiles(self, place: Array, first: Floats, points: int) -> dict[str, Array]:
        """Dates by which a share of those that happen has happened, for each point (NaT where none does)."""
        here = ~np.isnan(first)
        order = np.lexsort((first[here], place[here]))
        days, sizes = np.floor(first[here][order]), np.bincount(place[here], minlength=points)
        starts = np.cumsum(sizes) - sizes
        found = {}
        for percent in DAYS:
            at = starts + np.maximum(np.ceil(percent / 100 * sizes).astype(np.int64) - 1, 0)
            day = days[np.minimum(at, len(days) - 1)] if len(days) else np.zeros(points)
            dates = np.datetime64(self.scenario.start, "s") + day.astype("timedelta64[D]")
            found[f"date_{percent}"] = np.where(sizes > 0, dates, np.datetime64("NaT"))
        return found

    @check_arguments
    def to_xarray(self, events: Sequence[str] | None = None) -> xarray.Dataset:
        """Convert the summary to labelled arrays.

        The points of a grid become a dimension for each number; those of any other design lie along ``point``, with
        the varied numbers as coordinates. Fixed numbers and where it comes from are attributes.
        """
        import xarray as xr

        chosen = self._choose(events)
        table = self.to_frame(chosen)
        index = np.asarray(table["point"]), np.array([chosen.index(event) for event in table["event"]], dtype=np.int64)
        dims, shape, coordinates = self._axes()
        variables = {}
        for name in ("runs", "stopped", "probability", "probability_mcse", "count", "count_mcse"):
            filled = np.full((len(self.design), len(chosen)), 0 if name in ("runs", "stopped") else np.nan)
            filled[index] = table[name].to_numpy()
            variables[name] = ((*dims, "event"), filled.reshape(*shape, len(chosen)))
        attributes = {name: value for name, value in self.manifest.items() if isinstance(value, str | int | float)}
        fixed = {f"params.{name}": value for name, value in self.manifest["params"].items()}
        return xr.Dataset(variables, coords={**coordinates, "event": chosen}, attrs={**attributes, **fixed})

    def _axes(self) -> tuple[tuple[str, ...], tuple[int, ...], dict[str, Any]]:
        design = self.design
        if design.kind == "grid":
            levels = design.details["levels"]
            return tuple(levels), tuple(map(len, levels.values())), {name: list(at) for name, at in levels.items()}
        varied = {name: ("point", design.values[:, place]) for place, name in enumerate(design.names)}
        return ("point",), (len(design),), {"point": np.arange(len(design)), **varied}


def open_sweep(folder: str | Path) -> Sweep:
    """Open a sweep in its store, finished or not.

    Parameters
    ----------
    folder : str or Path
        The store.

    Returns
    -------
    Sweep

    Raises
    ------
    SweepError
        When there is none, or a file is damaged; the message names it.
    """
    return Sweep(folder)


def average_runs(outcome: Floats) -> Floats:
    """Mean outcome of each point over its runs, shape (points, runs) to (points,); NaN for points without any."""
    known = ~np.isnan(outcome)
    runs, total = known.sum(axis=1), np.where(known, outcome, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, runs, out=np.full(len(runs), np.nan), where=runs > 0))


def error_of_mean(outcome: Floats) -> float:
    """Standard error of the mean of independent values, those that are missing left out; NaN for fewer than two."""
    known = outcome[~np.isnan(outcome)]
    return float(known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else np.nan


def error_over_points(outcome: Floats, common: bool) -> float:
    """Standard error of the mean share of points that stand for others like them, shape (points, runs).

    From how points differ, and no less than from the runs of each; where points share the clocks of their runs, also
    from how runs differ, which no number of points averages out. What is neither of a point nor of a run is in both of
    these, and counts once (Cameron, Gelbach and Miller 2011). Of one point, from its runs. Where nothing differs, as
    for a share of so many runs.
    """
    known = outcome[~np.isnan(outcome)]
    if len(known) > 1 and np.ptp(known) == 0:
        worth = (~np.isnan(outcome)).any(axis=0).sum() if common else len(known)
        return float(error_of_share(known[0] * worth, worth))
    if len(outcome) == 1:
        return error_of_mean(outcome[0])
    by_points = error_of_mean(average_runs(outcome)) ** 2
    if not common:
        return float(np.sqrt(np.fmax(by_points, _vary_within(outcome))))
    by_runs, apart = _vary_over_runs(outcome)
    return float(np.sqrt(max(by_points + by_runs - apart, by_points, by_runs)))


def _vary_within(outcome: Floats) -> float:
    """Variance of the mean over points that the runs of each give it; NaN where none has two."""
    each = np.array([error_of_mean(runs) ** 2 for runs in outcome])
    return float(np.nanmean(each) / len(each)) if np.isfinite(each).any() else np.nan


def _vary_over_runs(outcome: Floats) -> tuple[float, float]:
    """Variance of the mean over points by how shared runs differ; of that the part that is not the runs' own."""
    known = ~np.isnan(outcome)
    points, runs = len(outcome), int(known.any(axis=0).sum())
    if runs < 2:
        return np.nan, np.nan
    away = np.where(known, outcome - average_runs(outcome)[:, None], 0.0)
    weights = known / (points * known.sum(axis=1, keepdims=True))
    own = away.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    spare = runs / (runs - 1)
    by_runs = float(np.sum((weights * away).sum(axis=0) ** 2) * spare)
    return by_runs, float(np.sum((weights * (away - own)) ** 2) * spare * points / (points - 1))


# -- files ------------------------------------------------------------------------------------------------------------


def read_failures(path: Path) -> list[Failure]:
    """Failures noted in a block."""
    return [Failure(**noted) for noted in _read_notes(path)["failures"]]


def read_points(path: Path) -> list[int]:
    """Points that a block was to hold, those that failed included."""
    return [int(point) for point in _read_notes(path)["points"]]


def _read_notes(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    notes: dict[str, Any] = json.loads(pq.read_schema(path).metadata[METADATA])
    return notes


def _read(path: Path, columns: Sequence[str]) -> dict[str, Array]:
    """Columns of a block as arrays; NaN where a number is missing."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=list(columns))
    return {name: table[name].to_numpy() for name in columns}
