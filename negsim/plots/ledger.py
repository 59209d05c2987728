"""Who gave what for what? A ledger of concessions: how often each is promised, begun, kept, and against what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.margins import write_error
from negsim.moves import Event
from negsim.plots.page import (
    GREY,
    INK,
    MARGIN,
    ORANGE,
    PALE,
    SKY,
    WIDTH,
    Page,
    fit_line,
    measure_width,
    name_of,
    origin_of,
    recorded_events,
    say_nothing,
    wrap_text,
)
from negsim.results import Ensemble
from negsim.scenario import Scenario
from negsim.state import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS: Final = ("pledged\nalone", "in an\naccord", "begun", "fulfilled", "broken\noff")
PLEDGED, IN_ACCORD, BEGUN, FULFILLED, BROKEN_OFF = range(5)
KINDS: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "act": {"pledge": (PLEDGED,), "begin": (BEGUN, FULFILLED), "renege": (BROKEN_OFF,)},
    "flow": {"pledge": (PLEDGED,), "begin": (BEGUN,), "delivered": (FULFILLED,), "renege": (BROKEN_OFF,)},
    "restraint": {
        "pledge": (PLEDGED,),
        "begin": (BEGUN,),
        "renege": (BROKEN_OFF,),
        "withdraw": (BROKEN_OFF,),
        "broken": (BROKEN_OFF,),
    },
    "process": {"pledge": (PLEDGED,), "begin": (BEGUN,), "complete": (FULFILLED,), "renege": (BROKEN_OFF,)},
}
"""In which columns an event counts, by kind of concession."""

LINE: Final = 0.28
HEADING: Final = 1.15
"""A line, in inches; room for the name of a pair, in lines."""
FIRST, STEP = 2.75, 0.67
LAST: Final = FIRST + STEP * len(COLUMNS) + 0.12
FULL: Final = WIDTH - 2 * MARGIN


@check_arguments
def draw_ledger(ensemble: Ensemble, figure: Figure | None = None) -> Figure:
    """Draw who gave what to whom, how often, and what stood against it in accords.

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
    recorded_events(ensemble)
    blocks = _pair_up(ensemble.scenario)
    lines = max(sum(len(names) + HEADING for names in blocks.values()), 2.0)
    caption = (
        "Mean number of times in a run, with its Monte-Carlo error; a dot: cannot happen. "
        "Fulfilled: delivered, completed, or (an act) done."
    )
    origin = origin_of(ensemble, exploded="left out")
    page = Page("Who gave what for what?", origin, caption, LINE * (lines + 1.7) + 0.1, figure)
    axes = page.add_panel(MARGIN, 0.0, FULL, LINE * (lines + 1.7))
    axes.set_axis_off()
    axes.set_xlim(0, FULL)
    axes.set_ylim(lines + 0.1, -1.6)
    if blocks and ensemble.whole.runs:
        _draw_books(axes, ensemble.whole, blocks)
    else:
        say_nothing(axes, "Every run exploded" if blocks else "Nothing can be given in this scenario")
    return page.figure


# -- keeping books ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A concession's line: mean and its error for each column, which can happen at all, and what stood against it."""

    mean: Floats
    error: Floats
    possible: tuple[bool, ...]
    against: tuple[tuple[str, float], ...]


def _pair_up(scenario: Scenario) -> dict[str, list[str]]:
    """Concessions by giver and recipient."""
    blocks: dict[str, list[str]] = {}
    for name, given in scenario.concession.items():
        pair = (given.giver, scenario.recipient(name))
        blocks.setdefault(" → ".join(name_of(scenario.actor, actor) for actor in pair), []).append(name)
    return blocks


def _enter(ensemble: Ensemble, concession: str) -> Entry:
    """Count what every run shows of a concession."""
    run, event, _ = recorded_events(ensemble)
    known = ensemble.compiled.labels.events
    columns = [_columns_of(ensemble.scenario, one, concession) for one in known]
    counted = np.array([[column in found for found in columns] for column in range(len(COLUMNS))])
    counts = np.array([np.bincount(run[flags[event]], minlength=ensemble.runs) for flags in counted])
    spread = counts.std(axis=1, ddof=1) if ensemble.runs > 1 else np.full(len(COLUMNS), np.nan)
    against = _stood_against(ensemble, concession)
    possible = tuple(bool(flags.any()) for flags in counted)
    return Entry(counts.mean(axis=1), spread / np.sqrt(ensemble.runs), possible, against)


def _columns_of(scenario: Scenario, event: Event, concession: str) -> tuple[int, ...]:
    """In which columns an event counts for a concession."""
    if concession in event.items:
        return (IN_ACCORD,)
    if event.subject != concession or event.channel:
        return ()
    return KINDS[scenario.concession[concession].kind].get(event.kind, ())


def _stood_against(ensemble: Ensemble, concession: str) -> tuple[tuple[str, float], ...]:
    """What others gave in the accords that hold a concession, and how often in a run; most frequent first."""
    _, event, _ = recorded_events(ensemble)
    scenario, known = ensemble.scenario, ensemble.compiled.labels.events
    giver = _giver(scenario, concession)
    times = np.bincount(event, minlength=len(known)) / ensemble.runs
    found: Counter[str] = Counter()
    for number in np.flatnonzero(times):
        if concession in known[number].items:
            others = [item for item in known[number].items if _giver(scenario, item) != giver]
            found.update(dict.fromkeys(others, float(times[number])))
    return tuple(found.most_common())


def _giver(scenario: Scenario, concession: str) -> str:
    return scenario.principal(scenario.concession[concession].giver)


# -- drawing ----------------------------------------------------------------------------------------------------------


def _draw_books(axes: Axes, ensemble: Ensemble, blocks: Mapping[str, Sequence[str]]) -> None:
    for number, heading in enumerate(COLUMNS):
        axes.text(FIRST + STEP * (number + 0.5), -0.75, heading, ha="center", va="center", fontsize=8, color=INK)
    axes.text(LAST, -0.75, "against what in accords,\nand how often", va="center", fontsize=8, color=INK)
    ledger = {name: _enter(ensemble, name) for names in blocks.values() for name in names}
    top = max(float(entry.mean.max()) for entry in ledger.values()) or 1.0
    line = 0.0
    for heading, names in blocks.items():
        axes.axhline(line - 0.02, color=PALE, linewidth=0.8)
        axes.text(0, line + 0.55, heading, va="center", fontsize=8.5, fontweight="bold", color=INK)
        for place, name in enumerate(names, start=1):
            _draw_entry(axes, ensemble.scenario, name, ledger[name], line + place + 0.5, top)
        line += len(names) + HEADING


def _draw_entry(axes: Axes, scenario: Scenario, name: str, entry: Entry, line: float, top: float) -> None:
    label, size = _in_its_room(name_of(scenario.concession, name), FIRST - 0.2)
    axes.text(0.12, line, label, va="center", fontsize=size, color=INK, linespacing=1.1)
    for number in range(len(COLUMNS)):
        if entry.possible[number]:
            _draw_cell(axes, entry, number, line, top)
        else:
            axes.text(FIRST + STEP * (number + 0.5), line, "·", ha="center", va="center", fontsize=8, color=GREY)
    words = [f"{name_of(scenario.concession, other)} {times:.2f}" for other, times in entry.against]
    axes.text(LAST, line, _in_two_lines(words), va="center", fontsize=7, color=INK, linespacing=1.1)


def _draw_cell(axes: Axes, entry: Entry, number: int, line: float, top: float) -> None:
    """A number with its error, on a colour that deepens with it."""
    from matplotlib.patches import Rectangle

    left, mean, error = FIRST + STEP * number, entry.mean[number], entry.error[number]
    colour, depth = ORANGE if number == BROKEN_OFF else SKY, 0.75 * np.sqrt(mean / top)
    axes.add_patch(Rectangle((left + 0.02, line - 0.46), STEP - 0.04, 0.92, color=colour, alpha=depth, linewidth=0))
    axes.text(left + STEP * 0.5, line, f"{mean:.2f}", ha="right", va="center", fontsize=8, color=INK)
    if error > 0:  # unknown of one run, and where all runs agree
        axes.text(left + STEP * 0.53, line + 0.03, f"±{write_error(error)}", va="center", fontsize=6.5, color=GREY)


def _in_its_room(label: str, inches: float) -> tuple[str, float]:
    """A label and the size of its letters: two smaller lines where one does not hold it, cut where these do not."""
    if measure_width(label, 8) <= inches:
        return label, 8.0
    first, *rest = wrap_text(label, 7, inches)
    lines = [first, " ".join(rest)] if rest else [first]
    return "\n".join(fit_line(line, 7, inches) for line in lines), 7.0


def _in_two_lines(words: Sequence[str]) -> str:
    """As many of the words as two lines hold."""
    for kept in range(len(words), -1, -1):
        lines = wrap_text("; ".join([*words[:kept], *(["…"] if kept < len(words) else [])]), 7, FULL - LAST)
        if len(lines) <= 2:
            return "\n".join(lines)
    return "…"
