"""What is a picture drawn on? A page of fixed width: the question on top, where it comes from below, panels between.

Also the words and colours that all pictures share. Sizes and places are in inches, so that nothing is scaled: a page is
900 pixels wide at 100 dots per inch and meant to be read at that size.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from negsim.calendar import moments
from negsim.moves import Event
from negsim.questions import Question
from negsim.results import Ensemble, ResultError
from negsim.scenario import Scenario
from negsim.state import Floats, Ints
from negsim.vocabulary import SIDE_MOVES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH: Final = 9.0
MARGIN: Final = 0.12

# Okabe and Ito (2008): told apart with any kind of colour vision.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE = "#0072B2", "#D55E00", "#CC79A7"
INK, GREY, PALE, FAINT = "#222222", "#666666", "#D9D9D9", "#F2F2F2"

HEAD: Final = 0.66
"""Room for the question and the title of the scenario."""


@dataclass(frozen=True)
class Origin:
    """Where a picture comes from that shows no single ensemble: the line below its question, and its last line."""

    title: str
    line: str


class Page:
    """A figure with a question on top, a caption at the foot, and panels placed in inches.

    Parameters
    ----------
    question : str
        What the picture answers.
    ensemble : Ensemble or Origin
        What it shows, or where that comes from.
    caption : str
        How it is to be read.
    inches : float
        Height of the room for panels.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.
    note : str
        Said after where the picture comes from.
    """

    def __init__(
        self,
        question: str,
        ensemble: Ensemble | Origin,
        caption: str,
        inches: float,
        figure: Figure | None,
        note: str = "",
    ) -> None:
        from matplotlib.figure import Figure as NewFigure

        origin = ensemble if isinstance(ensemble, Origin) else origin_of(ensemble, note)
        lines = [*wrap_text(caption, 7.5, WIDTH - 2 * MARGIN), origin.line]
        self._height = HEAD + inches + 0.15 * len(lines) + 0.14
        self.figure = NewFigure() if figure is None else figure
        self.figure.set_dpi(100)
        self.figure.set_size_inches(WIDTH, self._height)
        self.figure.set_facecolor("white")
        left, top = self.at(MARGIN, 0.1 - HEAD)
        self.figure.suptitle(question, x=left, y=top, ha="left", va="top", fontsize=14, fontweight="bold", color=INK)
        self.write(MARGIN, 0.37 - HEAD, fit_line(origin.title, 9, WIDTH - 2 * MARGIN), fontsize=9, color=GREY)
        self.figure.text(left, 0.08 / self._height, "\n".join(lines), fontsize=7.5, color=GREY, va="bottom")

    def at(self, left: float, top: float) -> tuple[float, float]:
        """Figure coordinates of a point: inches from the left edge, and down from below the head."""
        return left / WIDTH, 1.0 - (HEAD + top) / self._height

    def write(self, left: float, top: float, text: str, **style: Any) -> None:
        """Write a line whose upper left corner is at a point (see :meth:`at`)."""
        self.figure.text(*self.at(left, top), text, va="top", **style)

    def add_panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes whose upper left corner is at a point (see :meth:`at`)."""
        x, y = self.at(left, top + height)
        axes = self.figure.add_axes((x, y, width / WIDTH, height / self._height))
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(GREY)
        axes.tick_params(labelsize=7.5, colors=INK, length=3)
        return axes


def origin_of(ensemble: Ensemble, note: str = "", exploded: str = "drawn up to there") -> Origin:
    """Where a picture of an ensemble comes from; `exploded` says what became of runs that did."""
    return Origin(ensemble.scenario.title or ensemble.scenario.name, describe_origin(ensemble, note, exploded))


def describe_origin(ensemble: Ensemble, note: str = "", exploded: str = "drawn up to there") -> str:
    """Say in a line where a picture comes from: runs, seed, tick, digest."""
    told = ensemble.provenance
    runs = f"{ensemble.runs:,} run{'' if ensemble.runs == 1 else 's'}"
    if stopped := len(ensemble.stopped[0]):
        runs += f" ({stopped:,} exploded, {exploded})"
    changed = f", {len(told['params'])} numbers changed" if told.get("params") else ""
    scenario = f"scenario {told['scenario']} ({str(told['scenario_digest'])[:10]}{changed})"
    return ", ".join(filter(None, [runs, f"seed {ensemble.seed}", f"tick {told['tick']}", scenario, note]))


def say_nothing(axes: Axes, words: str = "Nothing happened") -> None:
    """Say in the middle of a panel why it is empty."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=10, color=GREY)


def recorded_events(ensemble: Ensemble) -> tuple[Ints, Ints, Floats]:
    """Run, number and day of every event.

    Raises
    ------
    ResultError
        When events were not recorded.
    """
    if ensemble.columns is None:
        raise ResultError('events were not recorded: simulate with record=("events",)')
    return ensemble.columns


def lay_rows(axes: Axes, rows: int, grid: bool = True) -> None:
    """Let the vertical axis be rows without marks, the first on top, with pale lines across them."""
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    if grid:
        axes.grid(axis="x", color=PALE, linewidth=0.6)
        axes.set_axisbelow(True)


# -- dates ------------------------------------------------------------------------------------------------------------


def set_dates(axes: Axes, ensemble: Ensemble, days: float, few: bool = False) -> None:
    """Let the horizontal axis run from the start of the scenario over some days."""
    axes.set_xlim(*to_axis(ensemble, np.array([0.0, days])))
    mark_dates(axes, 6 if few else 12)


def mark_dates(axes: Axes, most: int) -> None:
    """Mark round dates along the horizontal axis, so many at most."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=most)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=False))  # type: ignore[no-untyped-call]


def to_axis(ensemble: Ensemble, days: Floats) -> Floats:
    """Turn days from the start into matplotlib's numbers for dates."""
    from matplotlib.dates import date2num

    numbers: Floats = date2num(moments(ensemble.scenario.start, days))  # type: ignore[no-untyped-call]
    return numbers


def days_until(ensemble: Ensemble, date: dt.date) -> float:
    """Days from the start to a date, which may lie outside the scenario's period."""
    return float((date - ensemble.scenario.start).days)


# -- words ------------------------------------------------------------------------------------------------------------

WORDS: Final = {
    "plan": "planned", "open": "opened", "meet": "session", "adjourn": "session ends", "close": "closed",
    "agree": "accord", "cancel": "plan cancelled", "walk_out": "walk-out", "approve": "accord approved at home",
    "reject": "accord rejected at home", "raise": "demand raised", "pledge": "pledged", "begin": "begun",
    "suspend": "suspended", "stall": "stalled", "resume": "resumed", "complete": "completed", "withdraw": "withdrawn",
    "renege": "reneged on", "freeze": "frozen", "lift": "freeze lifted", "delivered": "delivered", "broken": "broken",
    "lapsed": "lapsed",
}  # fmt: skip
"""What kinds of event are called in pictures."""


class Labelled(Protocol):
    """An entry of a scenario that people have a name for."""

    @property
    def label(self) -> str:
        """What people call it; may be empty."""


def name_of(table: Mapping[str, Labelled], name: str) -> str:
    """What something is called in a picture: its label up to the first comma, colon or bracket; without one, its id."""
    return shorten(table[name].label or name.replace("_", " "))


def names_of(table: Mapping[str, Labelled], names: Iterable[str]) -> str:
    """Several names with *and* between them."""
    return " and ".join(name_of(table, name) for name in names)


def shorten(label: str) -> str:
    """Cut a label at its first comma, colon or bracket."""
    for end in (":", ",", " ("):
        label = label.partition(end)[0]
    return label.strip()


def is_act(scenario: Scenario, concession: str) -> bool:
    """Whether a concession is done at once."""
    return scenario.concession[concession].kind == "act"


def describe_events(scenario: Scenario, events: Sequence[Event]) -> tuple[str, str]:
    """Say in two lines what kind of event some events are: what happens, and who does it."""
    event, actors = events[0], list(dict.fromkeys(one.actor for one in events))
    words = WORDS.get(event.kind, event.kind)
    if event.kind == "agree" and (shared := _shared_items(events)):
        item = name_of(scenario.concession, shared[0])
        return f"Accord with {item[:1].lower()}{item[1:]}", name_of(scenario.channel, event.channel)
    if event.channel:
        return f"{name_of(scenario.channel, event.channel)}: {words}", _talkers(scenario, event, actors)
    who = names_of(scenario.actor, actors)
    if event.kind == "act":
        return name_of(scenario.coercion, event.subject), who
    if event.kind == "raise":
        return name_of(scenario.demand, event.subject), f"{who}: {words}"
    words = "done" if event.kind == "begin" and is_act(scenario, event.subject) else words
    recipient = name_of(scenario.actor, event.counterpart)
    return f"{name_of(scenario.concession, event.subject)}: {words}", f"{who} to {recipient}"


def name_kind(scenario: Scenario, events: Sequence[Event]) -> str:
    """Say in one line what kind of event some events are; and who does it, where that alone tells it from others."""
    what, who = describe_events(scenario, events)
    return f"{what}, {who}" if events[0].side >= 0 or _has_twins(scenario, events[0].subject) else what


def _has_twins(scenario: Scenario, subject: str) -> bool:
    """Whether something else that is given, or done to others, is called the same in pictures."""
    tables: tuple[Mapping[str, Labelled], ...] = (scenario.concession, scenario.coercion)
    for table in tables:
        if subject in table:
            return [name_of(table, other) for other in table].count(name_of(table, subject)) > 1
    return False


def name_question(scenario: Scenario, question: Question, known: Sequence[Event]) -> str:
    """What a question is called: by its label, and where this is but the address of one kind of event, in words."""
    events = [known[number] for number in question.events(known)]
    kinds = {(event.kind, event.actor, event.channel, event.channel or event.subject) for event in events}
    told = question.addresses == (question.label,) and len(kinds) == 1
    return name_kind(scenario, events) if told else question.label


def _shared_items(accords: Sequence[Event]) -> list[str]:
    """The items that all of some accords hold."""
    return [item for item in accords[0].items if all(item in accord.items for accord in accords)]


def _talkers(scenario: Scenario, event: Event, actors: Sequence[str]) -> str:
    if event.kind in SIDE_MOVES:
        return name_of(scenario.actor, actors[0]) if len(actors) == 1 else "either side"
    return names_of(scenario.actor, (event.actor, event.counterpart))


# -- the width of words -----------------------------------------------------------------------------------------------


@cache
def measure_width(text: str, size: float) -> float:
    """Width of a line of text in inches."""
    # By the font's own advances: the outlines of a text path take a hundred times as long to measure.
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(size=size), ismath=False)
    return float(width) / 72


def fit_line(text: str, size: float, inches: float) -> str:
    """Cut a line where it does not fit."""
    if measure_width(text, size) <= inches:
        return text
    while text and measure_width(f"{text}…", size) > inches:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrap_text(text: str, size: float, inches: float) -> list[str]:
    """Break a text into lines that fit."""
    lines: list[str] = []
    for word in text.split():
        if lines and measure_width(f"{lines[-1]} {word}", size) <= inches:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]
