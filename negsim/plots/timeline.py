"""When do things happen? For each kind of event the fan of simulated first dates, and beside it what was reported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.margins import write_error
from negsim.moves import Event
from negsim.plots.page import (
    BLACK,
    BLUE,
    GREY,
    INK,
    PALE,
    SKY,
    VERMILION,
    WIDTH,
    Page,
    days_until,
    describe_events,
    lay_rows,
    origin_of,
    say_nothing,
    set_dates,
    to_axis,
)
from negsim.plots.rows import measure_labels, write_labels
from negsim.problems import find_nearest
from negsim.recording import group_events
from negsim.results import Ensemble, ResultError, error_of_share
from negsim.state import Floats, Ints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TELLING: Final = ("open", "agree", "walk_out", "act", "begin", "freeze", "complete", "delivered")
"""Kinds of event that are shown unless told otherwise (all, where none of these happens)."""
MOST_ROWS: Final = 24
"""Rows of a picture for which nobody chose the rows."""
ROW_HEIGHT: Final = 0.4
LIFT: Final = 0.08
"""How far above the middle of its row a fan stands; along the foot of the row is how often the event happens in all."""

Address = tuple[str, str, str, str]
"""Kind, actor, channel, subject; empty for any."""


@check_arguments
def draw_timeline(
    ensemble: Ensemble, marks: Any = None, events: Iterable[str] | None = None, figure: Figure | None = None
) -> Figure:
    """Draw when each kind of event first happens, beside what was reported.

    Parameters
    ----------
    ensemble : Ensemble
        Events need not have been recorded, unless a row joins several kinds of event.
    marks : DataFrame or iterable of mappings, optional
        Reported events: ``date_end``, ``kind`` and, where there are any, ``date_start`` (empty: unknown), ``actor``,
        ``channel``, ``subject`` (of an accord: items that it held), ``label`` (what it is called in messages) and
        ``row`` (written at its mark). Their kinds of event are the rows of the picture, in the order of their dates.
    events : iterable of str, optional
        Rows to show instead: addresses ``kind:actor:channel:subject``, in which an empty or missing part is any.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure

    Raises
    ------
    ResultError
        For marks or addresses that name no event of the scenario (all at once), or that need events not recorded.
    """
    reported, whole = read_marks(marks), ensemble.whole
    rows, note = _make_rows(whole, reported, events) if whole.runs else ([], "")
    height = ROW_HEIGHT * max(len(rows), 1)
    origin = origin_of(ensemble, note, "left out")
    page = Page("When do things happen?", origin, _caption(ensemble, reported), height + 0.42, figure)
    labels = [row.what for row in rows], [row.who for row in rows]
    left, right = measure_labels(*labels), 0.95
    axes = page.add_panel(left, 0.12, WIDTH - left - right, height)
    _dress(axes, ensemble, reported, len(rows))
    write_labels(axes, *labels)
    for place, row in enumerate(rows):
        _draw_row(axes, whole, row, place)
    if not rows:
        say_nothing(axes, "Nothing happened" if whole.runs else "Every run exploded")
    return page.figure


# -- what was reported ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mark:
    """A reported event: in words, when (the first day may be unknown), and what it is in the scenario."""

    label: str
    row: str
    start: dt.date | None
    end: dt.date
    address: Address


def read_marks(marks: Any) -> list[Mark]:
    """Read reported events from a table, in the order of their dates.

    Raises
    ------
    ResultError
        With every row that cannot be read.
    """
    records = [] if marks is None else marks.to_dict("records") if hasattr(marks, "to_dict") else list(marks)
    found, faults = [], []
    for number, record in enumerate(records, start=1):
        try:
            found.append(_read_mark(record))
        except KeyError as error:
            faults.append(f"mark {number}: no column {error}")
        except (TypeError, ValueError) as error:
            faults.append(f"mark {number}: {error}")
    if faults:
        raise ResultError("\n".join(faults))
    return sorted(found, key=lambda mark: (mark.start or mark.end, mark.end))


def _read_mark(record: Mapping[str, Any]) -> Mark:
    start, end = _date(record.get("date_start")), _date(record["date_end"])
    if end is None:
        raise ValueError("date_end is empty")
    if start is not None and start > end:
        raise ValueError(f"date_start {start} is later than date_end {end}")
    actor, channel, subject = (_text(record.get(part)) for part in ("actor", "channel", "subject"))
    address = (_text(record["kind"]), actor, channel, subject)
    return Mark(_text(record.get("label")), _text(record.get("row")), start, end, address)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _date(value: Any) -> dt.date | None:
    """A date from a date, a moment or text; None from what is empty (in pandas NaN or NaT, unequal to itself)."""
    if value is None or value == "" or value != value:
        return None
    return dt.date.fromisoformat(str(value)[:10])


# -- which rows -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A kind of event: two lines of words, days of the first in each run and of all, marks."""

    what: str
    who: str
    first: Floats
    every: Floats
    marks: tuple[Mark, ...]


def _make_rows(ensemble: Ensemble, reported: Sequence[Mark], events: Iterable[str] | None) -> tuple[list[Row], str]:
    """The rows, and what is to be said about their choice."""
    note = ""
    named = [(mark.row or mark.label, mark.address) for mark in reported]
    marked = _find_events(ensemble, named)
    if events is not None:
        shown = _find_events(ensemble, [(address, _parts(address)) for address in events])
    elif reported:
        shown = marked
    else:
        shown, note = _likeliest(ensemble)
    rows = []
    for numbers in dict.fromkeys(shown):
        marks = tuple(mark for mark, found in zip(reported, marked, strict=True) if found == numbers)
        what, who = describe_events(ensemble.scenario, [ensemble.compiled.labels.events[n] for n in numbers])
        rows.append(Row(what, who, *_days_of(ensemble, numbers), marks))
    return rows, note


def _parts(address: str) -> Address:
    kind, actor, channel, subject, *_ = (*address.split(":"), "", "", "", "")
    return kind, actor, channel, subject


def _find_events(ensemble: Ensemble, wanted: Sequence[tuple[str, Address]]) -> list[tuple[int, ...]]:
    """Numbers of the events that each named address means; all those that mean none are told at once."""
    known = ensemble.compiled.labels.events
    found = [tuple(n for n, event in enumerate(known) if _is(event, address)) for _, address in wanted]
    faults = []
    for (name, address), numbers in zip(wanted, found, strict=True):
        if not numbers:
            near = find_nearest(":".join(address), [event.name for event in known])
            hint = f"; nearest: {near}" if near else ""
            faults.append(f"{name}: {':'.join(address)} is no event of scenario {ensemble.scenario.name}{hint}")
    if faults:
        raise ResultError("\n".join(faults))
    return found


def _is(event: Event, address: Address) -> bool:
    kind, actor, channel, subject = address
    if kind != event.kind or (actor and actor != event.actor) or (channel and channel != event.channel):
        return False
    if event.kind == "agree":
        return set(filter(None, subject.split("+"))) <= set(event.items)
    return not subject or subject == event.subject


def _likeliest(ensemble: Ensemble) -> tuple[list[tuple[int, ...]], str]:
    """The telling events that happen most surely, in the order of their median dates; any, if none is telling."""
    table = ensemble.summary()
    table = table[table["probability"] > 0]
    if table["kind"].isin(TELLING).any():
        table = table[table["kind"].isin(TELLING)]
    kept = table.nlargest(MOST_ROWS, "probability", keep="first").sort_values("date_50", kind="stable")
    note = f"the {len(kept)} likeliest of {len(table)} kinds of event" if len(kept) < len(table) else ""
    addresses = kept[["kind", "actor", "channel", "subject"]].astype(str).itertuples(index=False, name=None)
    return _find_events(ensemble, [("", address) for address in addresses]), note


def _days_of(ensemble: Ensemble, numbers: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Days of the first of some events in each run in which one happens, and of all of them (if recorded)."""
    if ensemble.columns is None:
        return _first_days(ensemble, np.array(numbers)), np.zeros(0)
    run, event, day = ensemble.columns
    here = np.isin(np.arange(len(ensemble.compiled.labels.events)), numbers)[event]
    _, first = np.unique(run[here], return_index=True)
    return day[here][first], day[here]


def _first_days(ensemble: Ensemble, numbers: Ints) -> Floats:
    """First days out of the counts behind the summary, which are kept of each group of events."""
    group_of, groups = group_events(ensemble.compiled)
    for group in range(len(groups)):
        if np.array_equal(np.flatnonzero(group_of == group), numbers):
            counts = ensemble.tally.first[group, :-1]
            return np.repeat(np.arange(len(counts)) + 0.5, counts)
    name = ensemble.compiled.labels.events[int(numbers[0])].name
    raise ResultError(f'a row of {len(numbers)} joined events ({name}, ...) needs record=("events",)')


# -- drawing ----------------------------------------------------------------------------------------------------------


def _dress(axes: Axes, ensemble: Ensemble, reported: Sequence[Mark], rows: int) -> None:
    """Dates along the bottom, a line under each row."""
    last = max((days_until(ensemble, mark.end) + 30 for mark in reported), default=0.0)
    set_dates(axes, ensemble, max(ensemble.until, last))
    lay_rows(axes, max(rows, 1))
    for place in range(rows):
        axes.axhline(place + 0.5, color=PALE, linewidth=0.6, zorder=1.5)
    if rows:
        axes.text(1.012, 1.005, "share of runs", transform=axes.transAxes, va="bottom", fontsize=7, color=GREY)


def _draw_row(axes: Axes, ensemble: Ensemble, row: Row, place: int) -> None:
    """One kind of event: the fan of first dates, marks, and at the right how often it happens."""
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False}
    axes.text(1.012, place, _share(len(row.first), ensemble.runs), va="center", fontsize=8, color=INK, **beside)
    if len(row.every):
        _draw_often(axes, ensemble, row.every, place)
    if len(row.first):
        _draw_fan(axes, ensemble, row.first, place - LIFT)
    for mark in row.marks:
        _draw_mark(axes, ensemble, mark, place - LIFT)


def _draw_often(axes: Axes, ensemble: Ensemble, days: Floats, place: int) -> None:
    """How often it happens, first times and later ones, along the foot of the row."""
    edges = np.linspace(0.0, ensemble.until, 4 * max(int(ensemble.until / 365.25), 6) + 1)
    times, _ = np.histogram(days, edges)
    tops = place + 0.5 - 0.3 * times / times.max()
    where = to_axis(ensemble, edges)
    axes.stairs(tops, where, baseline=place + 0.5, fill=True, color="#BDBDBD", linewidth=0, zorder=1)


def _draw_fan(axes: Axes, ensemble: Ensemble, first: Floats, height: float) -> None:
    low, lower, middle, upper, high = to_axis(ensemble, np.quantile(first, (0.1, 0.25, 0.5, 0.75, 0.9)))
    axes.barh(height, high - low, left=low, height=0.3, color=SKY, alpha=0.55, linewidth=0, zorder=2)
    axes.barh(height, upper - lower, left=lower, height=0.3, color=BLUE, alpha=0.75, linewidth=0, zorder=3)
    axes.plot([middle, middle], [height - 0.22, height + 0.22], color=BLACK, linewidth=1.8, zorder=4)


def _draw_mark(axes: Axes, ensemble: Ensemble, mark: Mark, height: float) -> None:
    """What was reported: a diamond in the middle of its days; an arrow to the left where the first is unknown."""
    end = days_until(ensemble, mark.end) + 1.0
    start = end if mark.start is None else days_until(ensemble, mark.start)
    left, middle, right = to_axis(ensemble, np.array([start, (start + end) / 2, end]))
    axes.plot([left, right], [height, height], color=VERMILION, linewidth=1.6, zorder=5)
    shape = "<" if mark.start is None else "D"
    axes.plot([middle], [height], shape, color=VERMILION, markersize=6, markeredgecolor="white", zorder=6)
    style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": 6.5, "color": "#A03C00", "zorder": 7}
    axes.annotate(mark.row, (middle, height), (0, 4), textcoords="offset points", **style)


def _caption(ensemble: Ensemble, reported: Sequence[Mark]) -> str:
    fan = "First time: middle half (dark), 10-90% (light) and median (line) of the runs in which it happens."
    often = " Grey: how often it happens in all." if ensemble.columns is not None else ""
    return fan + often + (" Diamonds: as reported." if reported else "")


def _share(happened: int, runs: int) -> str:
    """A share of runs and its Monte-Carlo error, in per cent."""
    error = 100 * float(error_of_share(happened, runs))
    return f"{100 * happened / runs:.1f} ± {write_error(error, 1)}%"
