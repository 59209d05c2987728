"""Which events speak for the theories? Bits that each told event gives for one model against another, by date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.forecasts.information import Information
from negsim.moves import list_events
from negsim.plots.page import (
    BLUE,
    GREY,
    INK,
    MARGIN,
    VERMILION,
    WIDTH,
    Origin,
    Page,
    describe_events,
    lay_rows,
)
from negsim.plots.rows import LARGE, SMALL, fit_label, measure_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW: Final = 0.4
LONGEST: Final = 3.1
DATES: Final = 1.25
"""Room for the dates in inches."""
CAPTION: Final = (
    "How much better {0} expected each event than {1} did, in bits (1 bit: a factor of 2), both fitted to all events: "
    "where evidence comes from, fit and not forecast. To the right: for {0}; to the left: for {1}. Lines are ± two "
    "Monte-Carlo standard errors. An event counts with the silence before it; moves that are only implied are given."
)


@check_arguments
def draw_information(held: Information, figure: Figure | None = None) -> Figure:
    """Draw what every told event says for a model against another.

    Parameters
    ----------
    held : Information
        From :func:`negsim.forecasts.information.measure_information`.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.
    """
    table = held.table
    labels = _label(held)
    found = held.posterior.provenance
    line = f"{found.get('chronology', 'a posterior')} until {found.get('until', '')}, {len(table) - 1} told moves"
    origin = Origin(held.scenario.title or held.scenario.name, f"{line}, seed {held.posterior.seed}, fit, not forecast")
    height = ROW * len(table)
    page = Page("Which events speak for the theories?", origin, CAPTION.format(*held.names), height + 0.75, figure)
    left = DATES + measure_labels([words for words, _ in labels], [who for _, who in labels], LONGEST)
    axes = page.add_panel(left, 0.3, WIDTH - left - 0.3, height)
    page.write(left, 0.06, f"bits for {held.names[0]} against {held.names[1]}", fontsize=8, color=GREY)
    for row, (words, who) in enumerate(labels):
        top = 0.3 + ROW * row
        page.write(MARGIN, top + 0.09, _write_dates(table.iloc[row]), fontsize=8, color=INK)
        for text, size, below, colour in ((words, LARGE, 0.05, INK), (who, SMALL, 0.21, GREY)):
            fitted, size = fit_label(text, size, LONGEST)
            page.write(MARGIN + DATES, top + below, fitted, fontsize=size, color=colour)
    _draw_bits(axes, table)
    return page.figure


def _label(held: Information) -> list[tuple[str, str]]:
    """What each event is, in two lines."""
    known = {event.name: event for event in list_events(held.scenario)}
    found = []
    for names in held.table["event"]:
        events = [known[name] for name in names.split(" | ") if name in known]
        words, who = describe_events(held.scenario, events) if events else ("Silence after the last event", "")
        found.append((words, who))
    return found


def _write_dates(event: Any) -> str:
    if event["key"] == "silence":
        return f"until {event['end']}"
    if event["start"] == event["end"]:
        return str(event["start"])
    first, last = (f"{event[end]:%Y-%m}" for end in ("start", "end"))
    return first if first == last else f"{first} to {last}"


def _draw_bits(axes: Axes, table: Any) -> None:
    bits = table["bits"].to_numpy()
    drawn = np.clip(np.nan_to_num(bits, posinf=99.0, neginf=-99.0), -99.0, 99.0)
    colours = [BLUE if value > 0 else VERMILION for value in drawn]
    axes.barh(np.arange(len(table)), drawn, height=0.5, color=colours, linewidth=0, zorder=2)
    reach = 2 * table["error"].to_numpy()
    for row, (value, error) in enumerate(zip(drawn, reach, strict=True)):
        axes.plot([value - error, value + error], [row, row], color=INK, linewidth=1.2, zorder=3)
    axes.axvline(0.0, color=INK, linewidth=0.8, zorder=4)
    lay_rows(axes, len(table))
