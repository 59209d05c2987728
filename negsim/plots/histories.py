"""What is each run doing? Some histories as swim-lanes: the channels, each actor, and what each gives that lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.moves import Event
from negsim.plots.page import (
    BLACK,
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    MARGIN,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    WIDTH,
    Page,
    fit_line,
    is_act,
    measure_width,
    name_of,
    recorded_events,
    say_nothing,
    set_dates,
    to_axis,
)
from negsim.results import Ensemble, ResultError
from negsim.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LANE_HEIGHTS: Final = {"channel": 0.21, "actor": 0.21, "concession": 0.16}
LABEL_SIZES: Final = {"channel": 8.0, "actor": 8.0, "concession": 7.0}
LONGEST_LABEL: Final = 2.3
GAP, LEGEND = 0.52, 0.55

LEFT_OFF: Final = ("delivered", "complete", "suspend", "stall", "withdraw", "broken", "lapsed")
"""Events after which a concession is no longer in force."""


@dataclass(frozen=True)
class Family:
    """Kinds of event that share a sign."""

    label: str
    kinds: tuple[str, ...]
    shape: str
    colour: str
    size: float


FAMILIES: Final = (
    Family("accord", ("agree",), "*", GREEN, 10),
    Family("approved at home", ("approve",), "^", GREEN, 5),
    Family("rejected at home", ("reject",), "v", VERMILION, 5),
    Family("walk-out, plan cancelled", ("walk_out", "cancel"), "X", VERMILION, 6.5),
    Family("demand raised", ("raise",), "s", PURPLE, 5),
    Family("coercive act", ("act",), "D", VERMILION, 4.5),
    Family("pledged", ("pledge",), "|", BLUE, 7),
    Family("done at once", ("once",), "o", BLUE, 4.5),
    Family("broken off, stalled", ("renege", "withdraw", "broken", "suspend", "stall"), "x", ORANGE, 5.5),
)
"""Signs; ``once`` is the beginning of an act, which is its whole doing."""


@check_arguments
def draw_histories(ensemble: Ensemble, runs: Sequence[int] = (0, 1, 2), figure: Figure | None = None) -> Figure:
    """Draw some runs as swim-lanes.

    Parameters
    ----------
    ensemble : Ensemble
        With events recorded.
    runs : sequence of int
        Which runs; those that the ensemble does not have are left out.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure

    Raises
    ------
    ResultError
        When events were not recorded, or the ensemble has none of the runs.
    """
    shown = [run for run in runs if 0 <= run < ensemble.runs]
    if not shown:
        raise ResultError(f"runs {list(runs)}: the ensemble has runs 0 to {ensemble.runs - 1}")
    stories = [_take_story(ensemble, run) for run in shown]
    lanes = _make_lanes(ensemble.scenario, stories)
    height = max(sum(lane.height for lane in lanes.values()), 0.5)
    caption = "Above: channels. Below: what each actor does, and what it gives that lasts."
    page = Page("What is each run doing?", ensemble, caption, len(shown) * (height + GAP) + LEGEND, figure)
    left = max((lane.width for lane in lanes.values()), default=0.2) + MARGIN + 0.1
    for place, story in enumerate(stories):
        axes = page.add_panel(left, 0.2 + place * (height + GAP), WIDTH - left - MARGIN - 0.05, height)
        _draw_story(axes, ensemble, story, lanes)
    _draw_legend(page, len(shown) * (height + GAP) + 0.1)
    return page.figure


@dataclass(frozen=True)
class Story:
    """The events of one run, with their days."""

    run: int
    events: tuple[tuple[float, Event], ...]


def _take_story(ensemble: Ensemble, number: int) -> Story:
    run, event, day = recorded_events(ensemble)
    rows = slice(*np.searchsorted(run, (number, number + 1)))
    known = ensemble.compiled.labels.events
    pairs = zip(day[rows], event[rows], strict=True)
    return Story(number, tuple((float(when), known[what]) for when, what in pairs))


# -- lanes ------------------------------------------------------------------------------------------------------------

Key = tuple[str, str]
"""``channel``, ``actor`` or ``concession``, and which."""


@dataclass(frozen=True)
class Lane:
    """A lane's words, and where it lies in inches."""

    kind: str
    name: str
    label: str
    top: float

    @property
    def height(self) -> float:
        """Its height."""
        return LANE_HEIGHTS[self.kind]

    @property
    def middle(self) -> float:
        """Where its signs stand."""
        return self.top + self.height / 2

    @property
    def width(self) -> float:
        """Width of its words."""
        return measure_width(self.label, LABEL_SIZES[self.kind])


def _make_lanes(scenario: Scenario, stories: Sequence[Story]) -> dict[Key, Lane]:
    """Lanes for what happens in these runs or goes on from the start: channels, then each actor and what it gives."""
    busy = {key for story in stories for _, event in story.events for key in _keys(scenario, event)}
    busy |= {("channel", name) for name, stage in scenario.initial.channels.items() if stage != "closed"}
    for name, stage in scenario.initial.concessions.items():
        if stage == "in_force":
            busy |= {("concession", name), ("actor", scenario.concession[name].giver)}
    lanes: dict[Key, Lane] = {}
    top = 0.0
    for kind, name in _order(scenario):
        if (kind, name) in busy:
            label = fit_line(name_of(_table(scenario, kind), name), LABEL_SIZES[kind], LONGEST_LABEL)
            lanes[kind, name] = Lane(kind, name, label, top)
            top += LANE_HEIGHTS[kind]
    return lanes


def _table(scenario: Scenario, kind: str) -> Mapping[str, Any]:
    tables: dict[str, Mapping[str, Any]] = {
        "channel": scenario.channel,
        "actor": scenario.actor,
        "concession": scenario.concession,
    }
    return tables[kind]


def _order(scenario: Scenario) -> list[Key]:
    order = [("channel", name) for name in scenario.channel]
    for actor in scenario.actor:
        order.append(("actor", actor))
        order += [("concession", name) for name, given in scenario.concession.items() if given.giver == actor]
    return order


def _keys(scenario: Scenario, event: Event) -> tuple[Key, ...]:
    """The lane in which an event stands, first, and another that must be there for it."""
    if event.channel and event.kind not in ("approve", "reject"):
        return (("channel", event.channel),)
    if event.kind not in ("act", "raise", "approve", "reject") and not is_act(scenario, event.subject):
        return ("concession", event.subject), ("actor", event.actor)
    return (("actor", event.actor),)


# -- spans of time ----------------------------------------------------------------------------------------------------


def _spans(
    events: Iterable[tuple[float, Event]], begins: Sequence[str], ends: Sequence[str], going: bool, until: float
) -> list[tuple[float, float]]:
    """From each beginning to the end that follows it, or to the end of the run."""
    spans, since = [], 0.0 if going else None
    for day, event in events:
        if event.kind in begins and since is None:
            since = day
        elif event.kind in ends and since is not None:
            spans.append((since, day))
            since = None
    return spans if since is None else [*spans, (since, until)]


def _channel_spans(ensemble: Ensemble, story: Story, name: str) -> list[list[tuple[float, float]]]:
    """When a channel is open, and when it is in session."""
    here = [(day, event) for day, event in story.events if event.channel == name]
    stage, until = ensemble.scenario.initial.channels.get(name), ensemble.until
    return [
        _spans(here, ("open",), ("close", "walk_out"), stage in ("open", "in_session"), until),
        _spans(here, ("meet",), ("adjourn", "close", "walk_out"), stage == "in_session", until),
    ]


def _concession_spans(ensemble: Ensemble, story: Story, name: str) -> list[list[tuple[float, float]]]:
    """When a concession is in force, and when it is frozen."""
    here = [(day, event) for day, event in story.events if event.subject == name and not event.channel]
    initial, until = ensemble.scenario.initial, ensemble.until
    return [
        _spans(here, ("begin", "resume"), LEFT_OFF, initial.concessions.get(name) == "in_force", until),
        _spans(here, ("freeze",), ("lift",), name in initial.frozen, until),
    ]


# -- drawing ----------------------------------------------------------------------------------------------------------


def _draw_story(axes: Axes, ensemble: Ensemble, story: Story, lanes: Mapping[Key, Lane]) -> None:
    set_dates(axes, ensemble, ensemble.until)
    axes.set_ylim(max((lane.top + lane.height for lane in lanes.values()), default=1.0), 0.0)
    axes.set_yticks([])
    axes.grid(axis="x", color=PALE, linewidth=0.5)
    axes.set_title(f"Run {story.run}", loc="left", fontsize=9, fontweight="bold", color=INK, pad=4)
    for lane in lanes.values():
        _draw_lane(axes, ensemble, story, lane)
    _draw_signs(axes, ensemble, story, lanes)
    if not story.events:
        say_nothing(axes)


def _draw_lane(axes: Axes, ensemble: Ensemble, story: Story, lane: Lane) -> None:
    """A lane's words, and the bars of what lasts in it."""
    large = lane.kind != "concession"
    style: dict[str, Any] = {"fontsize": LABEL_SIZES[lane.kind], "color": INK if large else GREY}
    beside = axes.get_yaxis_transform()
    axes.text(-0.008, lane.middle, lane.label, transform=beside, ha="right", va="center", **style)
    axes.axhline(lane.top, color=PALE if large else FAINT, linewidth=0.8, zorder=0)
    if lane.kind == "channel":
        axes.axhspan(lane.top, lane.top + lane.height, color=FAINT, linewidth=0, zorder=0)
        is_open, in_session = _channel_spans(ensemble, story, lane.name)
        _draw_spans(axes, ensemble, is_open, lane, 0.6, SKY, 0.55)
        _draw_spans(axes, ensemble, in_session, lane, 0.6, BLUE, 1.0)
    if lane.kind == "concession":
        in_force, frozen = _concession_spans(ensemble, story, lane.name)
        _draw_spans(axes, ensemble, in_force, lane, 0.62, ORANGE, 0.75)
        _draw_spans(axes, ensemble, frozen, lane, 0.16, BLACK, 1.0)


def _draw_spans(
    axes: Axes,
    ensemble: Ensemble,
    spans: Iterable[tuple[float, float]],
    lane: Lane,
    share: float,
    colour: str,
    alpha: float,
) -> None:
    """Bars over times, as high as a share of their lane."""
    low, high = axes.get_xlim()
    least = (high - low) / 600  # about a pixel, so that a short session is seen
    for start, end in spans:
        left, right = to_axis(ensemble, np.array([start, end]))
        width, height = max(right - left, least), share * lane.height
        axes.barh(lane.middle, width, left=left, height=height, color=colour, alpha=alpha, linewidth=0, zorder=2)


def _draw_signs(axes: Axes, ensemble: Ensemble, story: Story, lanes: Mapping[Key, Lane]) -> None:
    signs: dict[str, list[tuple[float, float]]] = {}
    for day, event in story.events:
        lane = lanes[_keys(ensemble.scenario, event)[0]]
        once = event.kind == "begin" and is_act(ensemble.scenario, event.subject)
        signs.setdefault("once" if once else event.kind, []).append((day, lane.middle))
    for family in FAMILIES:
        points = [point for kind in family.kinds for point in signs.get(kind, ())]
        if points:
            days, places = zip(*points, strict=True)
            axes.plot(to_axis(ensemble, np.array(days)), places, **_style(family), zorder=4)


def _style(family: Family) -> dict[str, Any]:
    lines_only = family.shape in "|x"
    return {
        "marker": family.shape,
        "markersize": family.size,
        "color": family.colour,
        "linestyle": "none",
        "markeredgecolor": family.colour if lines_only else "white",
        "markeredgewidth": 1.4 if lines_only else 0.6,
    }


def _draw_legend(page: Page, top: float) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    lasting: list[Any] = [Patch(color=SKY, alpha=0.55, label="channel open"), Patch(color=BLUE, label="in session")]
    lasting += [Patch(color=ORANGE, alpha=0.75, label="in force"), Line2D([], [], color=BLACK, label="frozen")]
    signs = [Line2D([], [], label=family.label, **_style(family)) for family in FAMILIES]
    axes = page.add_panel(MARGIN, top, WIDTH - 2 * MARGIN, 0.5)
    axes.set_axis_off()
    axes.legend(
        handles=[*lasting, *signs],
        ncols=5,
        fontsize=7.5,
        frameon=False,
        loc="upper left",
        borderpad=0,
        borderaxespad=0,
        columnspacing=2.4,
        handlelength=1.4,
    )
