"""Which picture answers which question? When things happen, what each run does, who gave what, how the state moved.

Every picture has its question for a title and says below what it shows: runs, seed, tick, digest of the scenario.
Pictures are drawn on a :class:`matplotlib.figure.Figure` of their own, without pyplot: nothing is kept open, no window
is needed and no setting of matplotlib is touched. They are 900 pixels wide (to be read at that size) in the colours of
Okabe and Ito (2008), which people with any kind of colour vision can tell apart.
"""

from __future__ import annotations

import datetime as dt
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.calendar import moments as dates_of
from negsim.compiler import Event
from negsim.problems import find_nearest
from negsim.results import Ensemble, ResultError, group_events, path_labels
from negsim.scenario import Scenario
from negsim.state import Array, Floats, Ints
from negsim.vocabulary import SIDE_MOVES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 9.0
"""Inches; a hundred pixels each."""
MARGIN: Final = 0.12
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7",
)  # fmt: skip
INK, GREY, PALE, FAINT = "#222222", "#666666", "#D9D9D9", "#F2F2F2"

TELLING: Final = ("open", "agree", "walk_out", "act", "begin", "freeze", "complete", "delivered")
"""Kinds of event that a timeline shows unless told otherwise."""
MOST_ROWS: Final = 24
"""Rows of a timeline that nobody chose."""
MOST_PANELS: Final = 6
"""Pairs of states shown for one quantity of the state."""

WORDS: Final = {
    "plan": "planned", "open": "opened", "meet": "session", "adjourn": "session ends", "close": "closed",
    "agree": "accord", "cancel": "plan cancelled", "walk_out": "walk-out", "approve": "accord approved at home",
    "reject": "accord rejected at home", "raise": "demand raised", "pledge": "pledged", "begin": "begun",
    "suspend": "suspended", "stall": "stalled", "resume": "resumed", "complete": "completed", "withdraw": "withdrawn",
    "renege": "reneged on", "freeze": "frozen", "lift": "freeze lifted", "delivered": "delivered", "broken": "broken",
    "lapsed": "lapsed",
}  # fmt: skip

Number = float | np.floating[Any]


# -- when do things happen --------------------------------------------------------------------------------------------


def draw_timeline(
    ensemble: Ensemble,
    marks: Any = None,
    events: Iterable[str] | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw when each kind of event first happens, beside what was reported.

    Parameters
    ----------
    ensemble : Ensemble
        Events need not have been recorded, unless a row joins several kinds of event.
    marks : DataFrame or iterable of mappings, optional
        Reported events: ``label``, ``date_start``, ``date_end``, ``kind`` and, as far as they tell the event,
        ``actor``, ``channel``, ``subject`` (of an accord: items it must hold); ``row`` is written at the mark. Their
        kinds of event are the rows of the picture, in the order of their dates.
    events : iterable of str, optional
        Rows to show instead: addresses ``kind:actor:channel:subject`` in which an empty part stands for any.
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
    reported = _read_marks(marks)
    rows, note = _timeline_rows(ensemble, reported, events)
    page = _Page("When do things happen?", _timeline_caption(ensemble, bool(reported), note), figure)
    height = 0.36 * max(len(rows), 1)
    left, right = _label_width(rows), 0.95
    page.resize(height + 0.5)
    axes = page.panel(left, 0.12, WIDTH - left - right, height)
    _dress_timeline(axes, ensemble, reported, len(rows))
    for place, row in enumerate(rows):
        _draw_row(axes, ensemble, row, place)
    if not rows:
        _say_nothing(axes)
    return page.figure


@dataclass(frozen=True)
class _Mark:
    """A reported event: in words, when (the first day may be unknown), and what it is in the scenario."""

    label: str
    row: str
    start: dt.date | None
    end: dt.date
    parts: tuple[str, str, str, str]


@dataclass(frozen=True)
class _Row:
    """A row of the timeline: two lines of words, the numbers of the events it joins, first days, marks."""

    what: str
    who: str
    events: Ints
    first: Floats
    marks: tuple[_Mark, ...]


def _read_marks(marks: Any) -> list[_Mark]:
    if marks is None:
        return []
    records = marks.to_dict("records") if hasattr(marks, "to_dict") else list(marks)
    found, faults = [], []
    for number, record in enumerate(records, start=1):
        try:
            found.append(_read_mark(record))
        except (KeyError, TypeError, ValueError) as error:
            faults.append(f"mark {number}: {'no column ' if isinstance(error, KeyError) else ''}{error}")
    if faults:
        raise ResultError("\n".join(faults))
    return sorted(found, key=lambda mark: (mark.start or mark.end, mark.end))


def _read_mark(record: Mapping[str, Any]) -> _Mark:
    actor, channel, subject = (_text(record.get(part)) for part in ("actor", "channel", "subject"))
    end = _date(record["date_end"])
    if end is None:
        raise ValueError("date_end is empty")
    start = _date(record.get("date_start"))
    label, row = _text(record.get("label")), _text(record.get("row"))
    return _Mark(label, row, start, end, (_text(record["kind"]), actor, channel, subject))


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _date(value: Any) -> dt.date | None:
    """A date from a date, a moment or text; None from what is empty (pandas: NaN, NaT)."""
    if value is None or value == "" or value != value:
        return None
    return dt.date.fromisoformat(str(value)[:10])


def _timeline_rows(
    ensemble: Ensemble, reported: Sequence[_Mark], events: Iterable[str] | None
) -> tuple[list[_Row], str]:
    """The rows, and what is to be said about their choice."""
    note = ""
    if events is not None:
        wanted = [(address, _parts_of(address)) for address in events]
    elif reported:
        wanted = [(mark.row or mark.label, mark.parts) for mark in reported]
    else:
        wanted, note = _likeliest(ensemble)
    numbers = _find_all(ensemble, wanted)
    marked: dict[tuple[int, ...], list[_Mark]] = {}
    for mark, found in zip(reported, _find_all(ensemble, [(m.row or m.label, m.parts) for m in reported]), strict=True):
        marked.setdefault(tuple(found), []).append(mark)
    places = dict.fromkeys(tuple(found) for found in numbers)
    return [_make_row(ensemble, key, tuple(marked.get(key, ()))) for key in places], note


def _parts_of(address: str) -> tuple[str, str, str, str]:
    kind, actor, channel, subject, *_ = (*address.split(":"), "", "", "", "")
    return kind, actor, channel, subject


def _likeliest(ensemble: Ensemble) -> tuple[list[tuple[str, tuple[str, str, str, str]]], str]:
    """The telling events that happen most surely, in the order of their median dates."""
    table = ensemble.summary()
    table = table[table["kind"].isin(TELLING) & (table["probability"] > 0)]
    kept = table.nlargest(MOST_ROWS, "probability", keep="first").sort_values("date_50", kind="stable")
    note = f"the {len(kept)} likeliest of {len(table)} kinds of event" if len(kept) < len(table) else ""
    columns = kept[["kind", "actor", "channel", "subject"]].astype(str).itertuples(index=False, name=None)
    return [("", (kind, actor, channel, subject)) for kind, actor, channel, subject in columns], note


def _find_all(ensemble: Ensemble, wanted: Sequence[tuple[str, tuple[str, str, str, str]]]) -> list[Ints]:
    """Numbers of the events that each address means; all that mean none are told at once."""
    known = ensemble.compiled.labels.events
    found = [np.array([number for number, event in enumerate(known) if _is(event, parts)]) for _, parts in wanted]
    faults = [
        f"{name or 'event'}: {':'.join(parts)} is no event of scenario {ensemble.scenario.name}"
        f"{_nearest(':'.join(parts), [event.name for event in known])}"
        for (name, parts), numbers in zip(wanted, found, strict=True)
        if not len(numbers)
    ]
    if faults:
        raise ResultError("\n".join(faults))
    return found


def _is(event: Event, parts: tuple[str, str, str, str]) -> bool:
    kind, actor, channel, subject = parts
    if kind != event.kind or (actor and actor != event.actor) or (channel and channel != event.channel):
        return False
    if event.kind == "agree":
        return set(filter(None, subject.split("+"))) <= set(event.items)
    return not subject or subject == event.subject


def _nearest(given: str, known: Sequence[str]) -> str:
    near = find_nearest(given, known)
    return f"; nearest: {near}" if near else ""


def _make_row(ensemble: Ensemble, numbers: tuple[int, ...], marks: tuple[_Mark, ...]) -> _Row:
    events = np.array(numbers)
    what, who = _describe(ensemble.scenario, [ensemble.compiled.labels.events[number] for number in numbers])
    return _Row(what, who, events, _first_days(ensemble, events), marks)


def _first_days(ensemble: Ensemble, numbers: Ints) -> Floats:
    """Day of the first of some events, of each run in which one happens, in the order of time."""
    if ensemble.columns is not None:
        run, event, day = ensemble.columns
        here = np.isin(np.arange(len(ensemble.compiled.labels.events)), numbers)[event]
        _, first = np.unique(run[here], return_index=True)
        return np.sort(day[here][first])
    group_of, groups = group_events(ensemble.compiled)
    for group in range(len(groups)):
        if np.array_equal(np.flatnonzero(group_of == group), numbers):
            counts = ensemble.tally.first[group, :-1]
            return np.repeat(np.arange(len(counts)) + 0.5, counts)
    name = ensemble.compiled.labels.events[int(numbers[0])].name
    raise ResultError(f'a row that joins several events ({name}, ...) needs them: simulate with record=("events",)')


def _dress_timeline(axes: Axes, ensemble: Ensemble, reported: Sequence[_Mark], rows: int) -> None:
    """Dates along the bottom, a stripe under every second row."""
    last = max((_days(ensemble, mark.end) + 30 for mark in reported), default=0.0)
    _date_axis(axes, ensemble, max(ensemble.until, last))
    axes.set_ylim(max(rows, 1) - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    for place in range(0, rows, 2):
        axes.axhspan(place - 0.5, place + 0.5, color=FAINT, linewidth=0, zorder=0)


def _draw_row(axes: Axes, ensemble: Ensemble, row: _Row, place: int) -> None:
    """One kind of event: words at the left, the fan of first dates, marks, and at the right how often it happens."""
    beside = {"transform": axes.get_yaxis_transform(), "clip_on": False}
    axes.text(-0.012, place - 0.06, row.what, ha="right", va="bottom", fontsize=8.5, color=INK, **beside)
    axes.text(-0.012, place + 0.02, row.who, ha="right", va="top", fontsize=7, color=GREY, **beside)
    axes.text(1.012, place, _share(len(row.first), ensemble.runs), va="center", fontsize=8, color=INK, **beside)
    if len(row.first):
        _draw_fan(axes, ensemble, row.first, place)
    for mark in row.marks:
        _draw_mark(axes, ensemble, mark, place)


def _draw_fan(axes: Axes, ensemble: Ensemble, first: Floats, place: int) -> None:
    low, lower, middle, upper, high = _moments(ensemble, np.quantile(first, (0.1, 0.25, 0.5, 0.75, 0.9)))
    axes.barh(place, high - low, left=low, height=0.34, color=SKY, alpha=0.55, linewidth=0, zorder=2)
    axes.barh(place, upper - lower, left=lower, height=0.34, color=BLUE, alpha=0.75, linewidth=0, zorder=3)
    axes.plot([middle, middle], [place - 0.27, place + 0.27], color=BLACK, linewidth=1.8, zorder=4)


def _draw_mark(axes: Axes, ensemble: Ensemble, mark: _Mark, place: int) -> None:
    """What was reported: a diamond in the middle of its days; an arrow to the left where the first is unknown."""
    end = _days(ensemble, mark.end) + 1.0
    start = end if mark.start is None else _days(ensemble, mark.start)
    left, middle, right = _moments(ensemble, np.array([start, (start + end) / 2, end]))
    if right - left > 20:
        axes.plot([left, right], [place, place], color=VERMILION, linewidth=1.6, zorder=5)
    shape = "D" if mark.start is not None else "<"
    axes.plot([middle], [place], shape, color=VERMILION, markersize=6, markeredgecolor="white", zorder=6)
    axes.annotate(
        mark.row, (middle, place), (0, 5), textcoords="offset points", ha="center", va="bottom", fontsize=6.5,
        color="#A03C00", zorder=7,
    )  # fmt: skip


def _timeline_caption(ensemble: Ensemble, marked: bool, note: str) -> str:
    fan = "First time: middle half (dark), 10-90% (light) and median (line) of the runs in which it happens."
    diamonds = " Diamonds: what was reported." if marked else ""
    share = " At the right: share of runs in which it happens, with its Monte-Carlo error."
    return f"{fan}{diamonds}{share}\n{_origin(ensemble, note)}"


def _share(happened: int, runs: int) -> str:
    """A share of runs and its standard error, in per cent."""
    share = happened / runs
    return f"{100 * share:.0f}% ± {100 * np.sqrt(share * (1 - share) / runs):.1f}"


def _label_width(rows: Sequence[_Row]) -> float:
    widest = max((max(_width(row.what, 8.5), _width(row.who, 7)) for row in rows), default=1.0)
    return widest + MARGIN + 0.1


# -- what is each run doing -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Family:
    """Kinds of event that share a sign."""

    label: str
    kinds: tuple[str, ...]
    shape: str
    colour: str
    size: float = 6.0


FAMILIES: Final = (
    _Family("accord", ("agree",), "*", GREEN, 10),
    _Family("approved at home", ("approve",), "^", GREEN, 5),
    _Family("rejected at home", ("reject",), "v", VERMILION, 5),
    _Family("walk-out, plan cancelled", ("walk_out", "cancel"), "X", VERMILION, 6.5),
    _Family("demand raised", ("raise",), "s", PURPLE, 5),
    _Family("coercive act", ("act",), "D", VERMILION, 4.5),
    _Family("freeze", ("freeze",), "P", BLACK, 6.5),
    _Family("freeze lifted", ("lift",), "o", "white", 5),
    _Family("pledged", ("pledge",), "|", BLUE, 7),
    _Family("done at once", ("once",), "o", BLUE, 4.5),
    _Family("broken off", ("renege", "withdraw", "broken", "suspend", "stall"), "x", ORANGE, 5.5),
)
"""Signs of the histories (`once`: the begin of an act, which is its whole doing)."""

LEFT_OFF: Final = ("delivered", "complete", "suspend", "stall", "withdraw", "broken", "lapsed")
"""Events after which a concession is no longer in force."""


def draw_histories(ensemble: Ensemble, runs: Sequence[int] = (0, 1, 2), figure: Figure | None = None) -> Figure:
    """Draw some runs as swim-lanes: one lane for each channel and each actor.

    Parameters
    ----------
    ensemble : Ensemble
        With events recorded.
    runs : sequence of int
        Which runs (those that there are).
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure

    Raises
    ------
    ResultError
        When events were not recorded, or none of `runs` is in the ensemble.
    """
    shown = [run for run in runs if 0 <= run < ensemble.runs]
    if not shown:
        raise ResultError(f"runs {list(runs)} are not among the ensemble's {ensemble.runs} (0 to {ensemble.runs - 1})")
    stories = [_Story.of(ensemble, run) for run in shown]
    channels, actors = _lanes(ensemble, stories)
    lanes = len(channels) + len(actors)
    page = _Page("What is each run doing?", _histories_caption(ensemble), figure)
    height, gap, legend = 0.24 * max(lanes, 2), 0.52, 0.62
    page.resize(len(shown) * (height + gap) + legend)
    names = [_name(ensemble.scenario, lane) for lane in (*channels, *actors)]
    left = max((_width(name, 8) for name in names), default=1.0) + MARGIN + 0.1
    for place, story in enumerate(stories):
        axes = page.panel(left, 0.2 + place * (height + gap), WIDTH - left - MARGIN - 0.05, height)
        _draw_story(axes, ensemble, story, channels, actors)
    _draw_legend(page, len(shown) * (height + gap) + 0.12)
    return page.figure


@dataclass(frozen=True)
class _Story:
    """The events of one run."""

    run: int
    events: tuple[tuple[float, Event], ...]

    @classmethod
    def of(cls, ensemble: Ensemble, number: int) -> _Story:
        """Take one run out of an ensemble."""
        run, event, day = _recorded(ensemble)
        rows = slice(*np.searchsorted(run, (number, number + 1)))
        known = ensemble.compiled.labels.events
        return cls(number, tuple((float(when), known[what]) for when, what in zip(day[rows], event[rows], strict=True)))


def _recorded(ensemble: Ensemble) -> tuple[Ints, Ints, Floats]:
    if ensemble.columns is None:
        raise ResultError('events were not recorded: simulate with record=("events",)')
    return ensemble.columns


def _lanes(ensemble: Ensemble, stories: Sequence[_Story]) -> tuple[list[str], list[str]]:
    """Channels and actors that something happens to in these runs, or that are in the middle of something."""
    initial = ensemble.scenario.initial
    busy = {event.channel for story in stories for _, event in story.events}
    busy |= {event.actor for story in stories for _, event in story.events if _in_actors_lane(event)}
    busy |= {name for name, stage in initial.channels.items() if stage != "closed"}
    busy |= {ensemble.scenario.concession[name].giver for name, at in initial.concessions.items() if at == "in_force"}
    return [name for name in ensemble.scenario.channel if name in busy], [a for a in ensemble.scenario.actor if a in busy]


def _in_actors_lane(event: Event) -> bool:
    return not event.channel or event.kind in ("approve", "reject")


def _draw_story(
    axes: Axes, ensemble: Ensemble, story: _Story, channels: Sequence[str], actors: Sequence[str]
) -> None:
    lanes = [*channels, *actors]
    _date_axis(axes, ensemble, ensemble.until)
    axes.set_ylim(max(len(lanes), 1) - 0.5, -0.5)
    axes.set_yticks(range(len(lanes)), [_name(ensemble.scenario, lane) for lane in lanes], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=PALE, linewidth=0.5)
    axes.set_title(f"Run {story.run}", loc="left", fontsize=9, fontweight="bold", color=INK, pad=4)
    for place in range(0, len(lanes), 2):
        axes.axhspan(place - 0.5, place + 0.5, color=FAINT, linewidth=0, zorder=0)
    if channels and actors:
        axes.axhline(len(channels) - 0.5, color=GREY, linewidth=0.8)
    for place, channel in enumerate(channels):
        _draw_spans(axes, ensemble, _open_spans(ensemble, story, channel), place, 0.5, SKY, 0.55)
        _draw_spans(axes, ensemble, _session_spans(ensemble, story, channel), place, 0.5, BLUE, 1.0)
    for place, actor in enumerate(actors, start=len(channels)):
        _draw_giving(axes, ensemble, story, actor, place)
    _draw_signs(axes, ensemble, story, lanes)
    if not story.events:
        _say_nothing(axes)


def _draw_spans(
    axes: Axes, ensemble: Ensemble, spans: Iterable[tuple[float, float]], place: float, height: float, colour: str,
    alpha: float,
) -> None:  # fmt: skip
    for start, end in spans:
        left, right = _moments(ensemble, np.array([start, end]))
        least = (axes.get_xlim()[1] - axes.get_xlim()[0]) / 600  # a pixel, so that a short session is seen
        axes.barh(
            place, max(right - left, least), left=left, height=height, color=colour, alpha=alpha, linewidth=0, zorder=2
        )


def _spans(
    events: Iterable[tuple[float, Event]], begins: Sequence[str], ends: Sequence[str], going: bool, until: float
) -> list[tuple[float, float]]:
    """From each beginning to the end that follows it (or the end of the run)."""
    spans, since = [], 0.0 if going else None
    for day, event in events:
        if event.kind in begins and since is None:
            since = day
        elif event.kind in ends and since is not None:
            spans.append((since, day))
            since = None
    return spans if since is None else [*spans, (since, until)]


def _open_spans(ensemble: Ensemble, story: _Story, channel: str) -> list[tuple[float, float]]:
    here = [(day, event) for day, event in story.events if event.channel == channel]
    going = ensemble.scenario.initial.channels.get(channel) in ("open", "in_session")
    return _spans(here, ("open",), ("close", "walk_out"), going, ensemble.until)


def _session_spans(ensemble: Ensemble, story: _Story, channel: str) -> list[tuple[float, float]]:
    here = [(day, event) for day, event in story.events if event.channel == channel]
    going = ensemble.scenario.initial.channels.get(channel) == "in_session"
    return _spans(here, ("meet",), ("adjourn", "close", "walk_out"), going, ensemble.until)


def _draw_giving(axes: Axes, ensemble: Ensemble, story: _Story, actor: str, place: int) -> None:
    """A thin bar for each concession of an actor while it is in force, named where there is room."""
    given = [
        (name, spans)
        for name, concession in ensemble.scenario.concession.items()
        if concession.giver == actor and (spans := _force_spans(ensemble, story, name))
    ]
    for number, (_, spans) in enumerate(given):
        step = 0.8 / max(len(given), 2)
        _draw_spans(axes, ensemble, spans, place - 0.4 + step * (number + 0.5), step * 0.7, ORANGE, 0.75)


def _force_spans(ensemble: Ensemble, story: _Story, concession: str) -> list[tuple[float, float]]:
    if ensemble.scenario.concession[concession].kind == "act":
        return []
    here = [(day, event) for day, event in story.events if event.subject == concession]
    going = ensemble.scenario.initial.concessions.get(concession) == "in_force"
    return _spans(here, ("begin", "resume"), LEFT_OFF, going, ensemble.until)


def _draw_signs(axes: Axes, ensemble: Ensemble, story: _Story, lanes: Sequence[str]) -> None:
    signs: dict[str, list[tuple[float, int]]] = {}
    for day, event in story.events:
        lane = event.actor if _in_actors_lane(event) else event.channel
        signs.setdefault(_sign_of(ensemble.scenario, event), []).append((day, lanes.index(lane)))
    for family in FAMILIES:
        points = [point for kind in family.kinds for point in signs.get(kind, ())]
        if points:
            days, places = zip(*points, strict=True)
            axes.plot(_moments(ensemble, np.array(days)), places, **_style(family), zorder=4)


def _sign_of(scenario: Scenario, event: Event) -> str:
    if event.kind == "begin" and scenario.concession[event.subject].kind == "act":
        return "once"
    return event.kind


def _style(family: _Family) -> dict[str, Any]:
    line_only = family.shape in "|x"
    edge = family.colour if line_only else BLACK if family.colour == "white" else "white"
    width = 1.4 if line_only else 0.8 if family.colour == "white" else 0.4
    return {
        "marker": family.shape, "markersize": family.size, "color": family.colour, "linestyle": "none",
        "markeredgecolor": edge, "markeredgewidth": width,
    }  # fmt: skip


def _draw_legend(page: _Page, top: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    spans = [Patch(color=SKY, alpha=0.55, label="channel open"), Patch(color=BLUE, label="in session")]
    spans.append(Patch(color=ORANGE, alpha=0.75, label="concession in force"))
    signs = [Line2D([], [], label=family.label, **_style(family)) for family in FAMILIES]
    axes = page.panel(MARGIN, top, WIDTH - 2 * MARGIN, 0.5)
    axes.set_axis_off()
    axes.legend(
        handles=[*spans, *signs], ncols=5, fontsize=7.5, frameon=False, loc="upper left", borderpad=0,
        bbox_to_anchor=(0, 1), columnspacing=1.4, handlelength=1.4, mode="expand",
    )  # fmt: skip


def _histories_caption(ensemble: Ensemble) -> str:
    return f"Upper lanes: channels. Lower lanes: what each actor does.\n{_origin(ensemble)}"


# -- who gave what for what -------------------------------------------------------------------------------------------

ENTRIES: Final = ("pledged\nalone", "in an\naccord", "begun", "fulfilled", "broken\noff")
"""Columns of the ledger."""
_BROKEN_OFF: Final = ("renege", "withdraw", "broken")


def draw_ledger(ensemble: Ensemble, figure: Figure | None = None) -> Figure:
    """Draw who gave what to whom, how often, and what stood against it in the accords.

    Parameters
    ----------
    ensemble : Ensemble
        With events recorded.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure

    Raises
    ------
    ResultError
        When events were not recorded.
    """
    _recorded(ensemble)
    ledger = _keep_books(ensemble)
    blocks = _by_pair(ensemble.scenario)
    page = _Page("Who gave what for what?", _ledger_caption(ensemble), figure)
    lines = sum(len(names) + 1.15 for _, names in blocks)
    page.resize(0.27 * max(lines, 1) + 0.75)
    axes = page.panel(MARGIN, 0.1, WIDTH - 2 * MARGIN, 0.27 * max(lines, 1) + 0.55)
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH - 2 * MARGIN)
    axes.set_ylim(max(lines, 1) + 0.1, -1.95)
    _draw_books(axes, ensemble.scenario, blocks, ledger)
    if not blocks:
        _say_nothing(axes, "No concessions in this scenario")
    return page.figure


@dataclass(frozen=True)
class _Entry:
    """A concession's line in the ledger: mean and standard error for each column, and what stood against it."""

    mean: Floats
    error: Floats
    possible: tuple[bool, ...]
    against: tuple[tuple[str, float], ...]


def _keep_books(ensemble: Ensemble) -> dict[str, _Entry]:
    """Count what each run shows of each concession."""
    run, event, _ = _recorded(ensemble)
    known, books = ensemble.compiled.labels.events, {}
    for name in ensemble.scenario.concession:
        columns = [np.array([_column_of(ensemble.scenario, e, name) == c for e in known]) for c in range(len(ENTRIES))]
        fulfilled = [e.kind == "begin" and e.subject == name and _is_act(ensemble.scenario, name) for e in known]
        columns[3] |= np.array(fulfilled, dtype=bool)
        counts = np.array([np.bincount(run[flags[event]], minlength=ensemble.runs) for flags in columns])
        error = counts.std(axis=1, ddof=1) / np.sqrt(ensemble.runs) if ensemble.runs > 1 else np.full(len(counts), np.nan)
        possible = tuple(bool(flags.any()) for flags in columns)
        books[name] = _Entry(counts.mean(axis=1), error, possible, _stood_against(ensemble, name))
    return books


def _is_act(scenario: Scenario, concession: str) -> bool:
    return scenario.concession[concession].kind == "act"


def _column_of(scenario: Scenario, event: Event, concession: str) -> int:
    """Which column an event counts in, for a concession (-1: none)."""
    if event.kind == "agree":
        return 1 if concession in event.items else -1
    if event.subject != concession or event.channel:
        return -1
    if event.kind in _BROKEN_OFF:
        return 4 if event.kind != "broken" or scenario.concession[concession].kind == "restraint" else -1
    if event.kind == "delivered":
        return 3 if scenario.concession[concession].kind == "flow" else -1
    return {"pledge": 0, "begin": 2, "complete": 3}.get(event.kind, -1)


def _stood_against(ensemble: Ensemble, concession: str) -> tuple[tuple[str, float], ...]:
    """What the other side gave in the accords that hold a concession, and how often a run, most frequent first."""
    _, event, _ = _recorded(ensemble)
    scenario = ensemble.scenario
    giver = scenario.principal(scenario.concession[concession].giver)
    times = np.bincount(event, minlength=len(ensemble.compiled.labels.events)) / ensemble.runs
    found: Counter[str] = Counter()
    for number, made in enumerate(ensemble.compiled.labels.events):
        if concession in made.items and times[number]:
            others = [item for item in made.items if scenario.principal(scenario.concession[item].giver) != giver]
            found.update(dict.fromkeys(others, float(times[number])))
    return tuple(found.most_common())


def _by_pair(scenario: Scenario) -> list[tuple[str, list[str]]]:
    """Concessions by giver and recipient."""
    blocks: dict[str, list[str]] = {}
    for name, concession in scenario.concession.items():
        heading = f"{_name(scenario, concession.giver)} → {_name(scenario, scenario.recipient(name))}"
        blocks.setdefault(heading, []).append(name)
    return list(blocks.items())


def _draw_books(
    axes: Axes, scenario: Scenario, blocks: Sequence[tuple[str, Sequence[str]]], ledger: Mapping[str, _Entry]
) -> None:
    first, step, text = 2.75, 0.67, 2.75 + 0.67 * len(ENTRIES) + 0.12
    for number, heading in enumerate(ENTRIES):
        axes.text(first + step * (number + 0.5), -0.75, heading, ha="center", va="center", fontsize=8, color=INK)
    axes.text(text, -0.75, "against what, in accords\n(times a run)", va="center", fontsize=8, color=INK)
    top = max((float(entry.mean.max()) for entry in ledger.values()), default=0.0) or 1.0
    line = 0.0
    for heading, names in blocks:
        axes.axhline(line - 0.02, color=PALE, linewidth=0.8)
        axes.text(0, line + 0.55, heading, va="center", fontsize=8.5, fontweight="bold", color=INK)
        for place, name in enumerate(names, start=1):
            _draw_entry(axes, scenario, name, ledger[name], line + place + 0.5, top)
        line += len(names) + 1.15


def _draw_entry(axes: Axes, scenario: Scenario, name: str, entry: _Entry, line: float, top: float) -> None:
    from matplotlib.patches import Rectangle

    first, step, text = 2.75, 0.67, 2.75 + 0.67 * len(ENTRIES) + 0.12
    axes.text(0.12, line, _fit(_name(scenario, name), 8, first - 0.2), va="center", fontsize=8, color=INK)
    for number, (mean, error) in enumerate(zip(entry.mean, entry.error, strict=True)):
        left = first + step * number
        if not entry.possible[number]:
            axes.text(left + step / 2, line, "·", ha="center", va="center", fontsize=8, color=GREY)
            continue
        colour = ORANGE if number == 4 else SKY
        shade = 0.75 * np.sqrt(mean / top)
        axes.add_patch(Rectangle((left + 0.02, line - 0.46), step - 0.04, 0.92, color=colour, alpha=shade, linewidth=0))
        axes.text(left + step * 0.5, line, f"{mean:.2f}", ha="right", va="center", fontsize=8, color=INK)
        if np.isfinite(error):
            axes.text(left + step * 0.53, line + 0.03, f"±{error:.2f}", va="center", fontsize=6, color=GREY)
    against = ", ".join(f"{_name(scenario, other)} {times:.2f}" for other, times in entry.against)
    width = WIDTH - 2 * MARGIN - text
    lines = _wrap(against, 6.8, width)
    axes.text(text, line, "\n".join(lines[:2]), va="center", fontsize=6.8, color=INK, linespacing=0.95)


def _ledger_caption(ensemble: Ensemble) -> str:
    counts = "Mean number of times in a run, with its Monte-Carlo error; a dot: cannot happen."
    return f"{counts} Fulfilled: delivered, completed, or (an act) done.\n{_origin(ensemble)}"


# -- how the state moved ----------------------------------------------------------------------------------------------

QUANTITIES: Final = {
    "resentment": "Resentment: what each holds against the other",
    "fear": "Alarm: how fresh the last blow is",
    "credibility": "Credibility: how far each trusts the other's promises (0 to 1)",
    "need": "Need: how much it lacks the good",
}
"""What of the state can be drawn, with its heading."""


def draw_state(
    ensemble: Ensemble, quantities: Iterable[str] | None = None, figure: Figure | None = None
) -> Figure:
    """Draw how the state moved: median and 10-90% band over the runs, for each pair of states.

    Parameters
    ----------
    ensemble : Ensemble
        Simulated with, for instance, ``record=("resentment", "credibility", "need")``.
    quantities : iterable of str, optional
        Which of :data:`QUANTITIES` (default: all that were recorded).
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure

    Raises
    ------
    ResultError
        When nothing of the state, or not what is asked for, was recorded.
    """
    wanted = [name for name in QUANTITIES if name in ensemble.paths] if quantities is None else list(quantities)
    missing = [name for name in wanted if name not in ensemble.paths or name not in QUANTITIES]
    if missing or not wanted:
        asked = missing or ("resentment", "credibility", "need")
        names = ", ".join(f'"{name}"' for name in asked)
        raise ResultError(f"{', '.join(asked)}: not recorded: simulate with record=({names},)")
    groups = [(name, _panels(ensemble, name)) for name in wanted]
    page = _Page("How did the state move?", _state_caption(ensemble), figure)
    heights = [0.42 + 1.95 * -(-len(panels) // 3) for _, panels in groups]
    page.resize(sum(heights))
    for (name, panels), top in zip(groups, np.cumsum([0.0, *heights[:-1]]), strict=True):
        page.figure.text(*page.at(MARGIN, top + 0.12), QUANTITIES[name], fontsize=9.5, fontweight="bold", va="top")
        _draw_panels(page, ensemble, name, panels, top + 0.42)
    return page.figure


@dataclass(frozen=True)
class _Panel:
    """A small picture: its title, and for each line a name and the row it shows."""

    title: str
    lines: tuple[tuple[str, int], ...]


def _panels(ensemble: Ensemble, quantity: str) -> list[_Panel]:
    """Pairs of states (or needs) that move most; all that there are where nothing moves."""
    path = ensemble.paths[quantity]
    panels = _need_panels(ensemble) if quantity == "need" else _pair_panels(ensemble)
    reach = {panel: max(float(np.ptp(path[:, row])) for _, row in panel.lines) for panel in panels}
    moving = [panel for panel in panels if reach[panel] > 1e-6] or panels
    kept = sorted(moving, key=lambda panel: -reach[panel])[:MOST_PANELS]
    return [panel for panel in panels if panel in kept]


def _need_panels(ensemble: Ensemble) -> list[_Panel]:
    scenario = ensemble.scenario
    needs = ensemble.compiled.labels.needs
    return [
        _Panel(f"{_name(scenario, state)}: {_short(scenario.good[good].label or good)}", (("", row),))
        for row, (good, state) in enumerate(needs)
    ]


def _pair_panels(ensemble: Ensemble) -> list[_Panel]:
    """A panel for each two states, with a line for each direction."""
    scenario, pairs = ensemble.scenario, ensemble.compiled.labels.pairs
    together: dict[frozenset[str], list[tuple[str, int]]] = {}
    for row, (holder, toward) in enumerate(pairs):
        together.setdefault(frozenset((holder, toward)), []).append((_name(scenario, holder), row))
    first = {frozenset(pair): pair for pair in reversed(pairs)}
    return [
        _Panel(" and ".join(_name(scenario, state) for state in first[pair]), tuple(lines))
        for pair, lines in together.items()
    ]


def _draw_panels(page: _Page, ensemble: Ensemble, quantity: str, panels: Sequence[_Panel], top: float) -> None:
    """Three panels to a row, all on one scale."""
    ticks, _ = ensemble.paths[quantity].shape[0], path_labels(ensemble.compiled, quantity)
    when = _moments(ensemble, ensemble.compiled.world.tick_times[:ticks])
    bands = {panel: [_band(ensemble.paths[quantity][:, row]) for _, row in panel.lines] for panel in panels}
    highest = max((float(band.max()) for found in bands.values() for band in found), default=1.0) or 1.0
    width = (WIDTH - 3 * 0.45 - MARGIN) / 3
    for number, panel in enumerate(panels):
        across, down = number % 3, number // 3
        axes = page.panel(0.45 + across * (width + 0.45), top + 0.3 + 1.95 * down, width, 1.25)
        _date_axis(axes, ensemble, ensemble.until, few=True)
        axes.set_ylim(0, 1 if quantity == "credibility" else highest * 1.05)
        axes.grid(color=PALE, linewidth=0.5)
        axes.set_title(panel.title, loc="left", fontsize=8, color=INK, pad=15)
        for place, ((name, _), band) in enumerate(zip(panel.lines, bands[panel], strict=True)):
            _draw_band(axes, when, band, name, place)


def _band(path: Array) -> Floats:
    """Quantiles 10, 50 and 90% over the runs, at each tick."""
    return np.asarray(np.quantile(path, (0.1, 0.5, 0.9), axis=-1), dtype=float)


def _draw_band(axes: Axes, when: Floats, band: Floats, name: str, place: int) -> None:
    colour = (BLUE, VERMILION)[place % 2]
    axes.fill_between(when, band[0], band[2], color=colour, alpha=0.22, linewidth=0)
    axes.plot(when, band[1], color=colour, linewidth=1.6, linestyle="-" if place == 0 else (0, (4, 1.2)))
    if name:
        axes.text(
            0.0 if place == 0 else 1.0, 1.03, name, ha="left" if place == 0 else "right", va="bottom", fontsize=7.5,
            color=colour, transform=axes.transAxes,
        )  # fmt: skip


def _state_caption(ensemble: Ensemble) -> str:
    told = "Median (line) and 10-90% of the runs (band) at each tick. Solid and dashed: who holds it."
    return f"{told}\n{_origin(ensemble)}"


# -- all of them ------------------------------------------------------------------------------------------------------


def draw_all(ensemble: Ensemble, directory: str | Path, marks: Any = None, prefix: str = "") -> list[Path]:
    """Draw the pictures for which data were recorded, and write them as PNG files.

    Parameters
    ----------
    ensemble : Ensemble
    directory : str or Path
        Made if it is not there.
    marks : DataFrame or iterable of mappings, optional
        Reported events for the timeline.
    prefix : str
        What the names of the files begin with.

    Returns
    -------
    list of Path
        The files written, among ``timeline.png``, ``histories.png``, ``ledger.png``, ``state.png``.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"timeline": draw_timeline(ensemble, marks)}
    if ensemble.columns is not None:
        pictures |= {"histories": draw_histories(ensemble), "ledger": draw_ledger(ensemble)}
    if set(QUANTITIES) & set(ensemble.paths):
        pictures["state"] = draw_state(ensemble)
    written = []
    for name, figure in pictures.items():
        written.append(folder / f"{prefix}{name}.png")
        figure.savefig(written[-1], dpi=100)
    return written


# -- paper and words --------------------------------------------------------------------------------------------------


class _Page:
    """A figure of fixed width with a question on top, an origin at the foot, and panels placed in inches."""

    def __init__(self, question: str, caption: str, figure: Figure | None) -> None:
        from matplotlib.figure import Figure as NewFigure

        self.figure = NewFigure(dpi=100) if figure is None else figure
        self._question, self._caption = question, caption
        self._head, self._height = 0.45, 1.0

    def resize(self, inches: float) -> None:
        """Make room of some height between head and foot, and write both."""
        lines = [piece for line in self._caption.split("\n") for piece in _wrap(line, 7.5, WIDTH - 2 * MARGIN)]
        foot = 0.14 * len(lines) + 0.12
        self._height = self._head + inches + foot
        self.figure.set_size_inches(WIDTH, self._height)
        self.figure.set_facecolor("white")
        left, top = self.at(MARGIN, -self._head + 0.1)
        self.figure.suptitle(self._question, x=left, y=top, ha="left", va="top", fontsize=14, fontweight="bold")
        self.figure.text(left, 0.08 / self._height, "\n".join(lines), fontsize=7.5, color=GREY, va="bottom")

    def at(self, left: float, top: float) -> tuple[float, float]:
        """Figure coordinates of a point given in inches from the left and from below the head."""
        return left / WIDTH, 1.0 - (self._head + top) / self._height

    def panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes whose upper left corner is at a point (see :meth:`at`)."""
        x, y = self.at(left, top + height)
        axes = self.figure.add_axes((x, y, width / WIDTH, height / self._height))
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(GREY)
        axes.tick_params(labelsize=7.5, colors=INK, length=3)
        return axes


def _origin(ensemble: Ensemble, note: str = "") -> str:
    """Where a picture comes from: runs, seed, tick, digest."""
    told = ensemble.provenance
    runs = f"{ensemble.runs:,} run{'s' if ensemble.runs != 1 else ''}"
    changed = f", {len(told['params'])} numbers changed" if told.get("params") else ""
    scenario = f"scenario {told['scenario']} ({str(told['scenario_digest'])[:10]}{changed})"
    return ", ".join(filter(None, [runs, f"seed {ensemble.seed}", f"tick {told['tick']}", scenario, note]))


def _date_axis(axes: Axes, ensemble: Ensemble, days: float, few: bool = False) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    axes.set_xlim(*_moments(ensemble, np.array([0.0, days])))
    locator = AutoDateLocator(minticks=3, maxticks=6 if few else 12)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))


def _moments(ensemble: Ensemble, days: Floats) -> Floats:
    """Turn days from the start into matplotlib's numbers for dates."""
    from matplotlib.dates import date2num

    return np.asarray(date2num(dates_of(ensemble.scenario.start, days)), dtype=float)


def _days(ensemble: Ensemble, date: dt.date) -> float:
    return float((date - ensemble.scenario.start).days)


def _say_nothing(axes: Axes, words: str = "Nothing happened") -> None:
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=10, color=GREY)


def _describe(scenario: Scenario, events: Sequence[Event]) -> tuple[str, str]:
    """What kind of event this is, in two lines: what happens, and who does it."""
    event = events[0]
    actors = list(dict.fromkeys(one.actor for one in events))
    words = WORDS.get(event.kind, event.kind)
    if event.kind == "act":
        return _short(scenario.coercion[event.subject].label or event.subject), _names(scenario, actors)
    if event.channel:
        return f"{_name(scenario, event.channel)}: {words}{_items(scenario, events)}", _talkers(scenario, event, actors)
    if event.kind == "raise":
        demand = scenario.demand[event.subject]
        return _short(demand.label or event.subject), f"{_name(scenario, event.actor)}: {words}"
    words = "done" if event.kind == "begin" and _is_act(scenario, event.subject) else words
    who = f"{_name(scenario, event.actor)} to {_name(scenario, event.counterpart)}"
    return f"{_name(scenario, event.subject)}: {words}", who


def _items(scenario: Scenario, events: Sequence[Event]) -> str:
    """The items that all of some accords have in common and not all accords of the channel have."""
    event = events[0]
    if event.kind != "agree":
        return ""
    every = {items for one in events for items in [one.items]}
    shared = [item for item in event.items if all(item in items for items in every)]
    return f" with {_name(scenario, shared[0])[0].lower()}{_name(scenario, shared[0])[1:]}" if shared else ""


def _talkers(scenario: Scenario, event: Event, actors: Sequence[str]) -> str:
    if event.kind in SIDE_MOVES:
        return _names(scenario, actors) if len(actors) == 1 else "either side"
    return _names(scenario, (event.actor, event.counterpart))


def _names(scenario: Scenario, names: Iterable[str]) -> str:
    return " and ".join(_name(scenario, name) for name in names)


def _name(scenario: Scenario, name: str) -> str:
    """What something is called in a picture: its label up to the first comma, colon or bracket; without one, its id."""
    for shelf in (scenario.actor, scenario.channel, scenario.concession, scenario.demand, scenario.coercion):
        if name in shelf:
            return _short(shelf[name].label or name)  # type: ignore[index]
    return _short(name)


def _short(label: str) -> str:
    for end in (":", ",", " ("):
        label = label.partition(end)[0]
    return label.replace("_", " ").strip()


@cache
def _width(text: str, size: float) -> float:
    """Width of a line of text in inches."""
    from matplotlib.textpath import TextPath

    return float(TextPath((0, 0), text, size=size).get_extents().width) / 72 if text.strip() else 0.0


def _fit(text: str, size: float, inches: float) -> str:
    """Cut a line where it does not fit."""
    if _width(text, size) <= inches:
        return text
    while text and _width(f"{text}…", size) > inches:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _wrap(text: str, size: float, inches: float) -> list[str]:
    """Break a text into lines that fit."""
    lines: list[str] = []
    for word in text.split():
        if lines and _width(f"{lines[-1]} {word}", size) <= inches:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]
