"""What was probable, and what comes next? Told events under prior and posterior; forecasts with their fans of dates."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.forecasts.drawing import Forecast
from negsim.forecasts.explanations import Explanation, is_trusted
from negsim.plots.page import (
    BLACK,
    BLUE,
    GREY,
    PALE,
    SKY,
    VERMILION,
    WIDTH,
    Page,
    lay_rows,
    mark_dates,
    name_question,
)
from negsim.plots.rows import measure_labels, write_labels
from negsim.questions import Question

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW: Final = 0.34
SHARES: Final = 2.5
"""Width of the panel of probabilities in inches."""
LONGEST: Final = 3.1
"""Most room for a label in inches."""
MARKS: Final = {"prior": ("o", "white", GREY), "posterior": ("o", BLUE, BLUE), "left_out": ("D", "white", VERMILION)}
NAMES: Final = {"prior": "prior", "posterior": "fitted", "left_out": "fitted without it"}


# -- what was probable ------------------------------------------------------------------------------------------------


@check_arguments
def draw_explanation(held: Explanation, figure: Figure | None = None) -> Figure:
    """Draw for each told event how probable the model makes it near its date, and when it would have it.

    Parameters
    ----------
    held : Explanation
        From :func:`negsim.explain_events`.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.
    """
    table = held.table
    height = ROW * len(table)
    question = "How probable was what happened?"
    page = Page(question, held.posterior, EXPLAINED, height + 0.75, figure, "fit, not forecast")
    left = measure_labels(list(table["event"]), longest=LONGEST)
    width = WIDTH - left - SHARES - 0.45
    dates = page.add_panel(left, 0.3, width, height)
    page.write(left, 0.06, "when the fitted model has it", fontsize=8, color=GREY)
    lay_rows(dates, len(table))
    write_labels(dates, list(table["event"]), longest=LONGEST)
    for row, event in enumerate(table.itertuples()):
        _draw_dates(dates, row, (event.date_10, event.date_50, event.date_90))
        middle = event.start + (event.end - event.start) / 2
        dates.plot([event.start, event.end + dt.timedelta(days=1)], [row, row], color=VERMILION, linewidth=2, zorder=5)
        dates.plot([middle], [row], "D", color=VERMILION, markersize=5.5, markeredgecolor="white", zorder=6)
    mark_dates(dates, 7)
    shares = page.add_panel(left + width + 0.3, 0.3, SHARES, height)
    page.write(left + width + 0.3, 0.06, "probability within a year of its date", fontsize=8, color=GREY)
    _draw_shares(shares, table)
    return page.figure


EXPLAINED: Final = (
    "Left: by when 10, 50 and 90% of the fitted histories that have such an event after a year before its date have "
    "seen it (bar, line), and the date that was told (diamond). Right: share of whole histories with such an event "
    "within a year of its date, ± two standard errors, with numbers from the prior (open circle), after the fit (dot) "
    "and after a fit that left the event's own date out (open diamond; none where that is not known)."
)


def _draw_shares(axes: Axes, table: Any) -> None:
    lay_rows(axes, len(table), grid=False)
    for row, event in table.iterrows():
        for place, (name, (shape, face, edge)) in enumerate(MARKS.items()):
            if np.isnan(event[name]) or (name == "left_out" and not is_trusted(event)):
                continue
            height, reach = row + 0.22 * (place - 1), 2 * event[f"{name}_error"]
            axes.plot([event[name] - reach, event[name] + reach], [height, height], color=edge, linewidth=1, zorder=2)
            axes.plot([event[name]], [height], shape, color=edge, markerfacecolor=face, markersize=4.5, zorder=3)
    _set_shares(axes, len(table))


# -- what comes next --------------------------------------------------------------------------------------------------


@check_arguments
def draw_forecast(
    ahead: Forecast,
    unlearned: Forecast | None = None,
    questions: Sequence[Question] = (),
    figure: Figure | None = None,
) -> Figure:
    """Draw how probable each answer becomes as time goes on, and when it comes if it comes.

    Parameters
    ----------
    ahead : Forecast
    unlearned : Forecast, optional
        The same with parameters from the prior, to show what is prior-driven.
    questions : sequence of Question, optional
        What is asked (default: what the case ships).
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.
    """
    table, known = ahead.answers(questions), ahead.ensemble.compiled.labels.events
    asked = ahead.ask(questions).questions
    labels = [name_question(ahead.ensemble.scenario, question, known) for question in asked]
    height = ROW * len(table)
    note = f"{ahead.origin} to {ahead.until}"
    page = Page("What comes next?", ahead.ensemble, AHEAD if unlearned else ALONE, height + 0.75, figure, note)
    left = measure_labels(labels, longest=LONGEST)
    width = WIDTH - left - SHARES - 0.45
    dates = page.add_panel(left, 0.3, width, height)
    page.write(left, 0.06, "when, if it happens", fontsize=8, color=GREY)
    lay_rows(dates, len(table))
    write_labels(dates, labels, longest=LONGEST)
    for row, one in enumerate(table.itertuples()):
        _draw_dates(dates, row, (one.date_10, one.date_50, one.date_90))
    dates.set_xlim(ahead.origin, ahead.until)  # type: ignore[arg-type]
    mark_dates(dates, 7)
    shares = page.add_panel(left + width + 0.3, 0.3, SHARES, height)
    page.write(left + width + 0.3, 0.06, f"probability by {ahead.until}", fontsize=8, color=GREY)
    _draw_probabilities(shares, ahead, unlearned, questions)
    return page.figure


AHEAD: Final = (
    "Left: by when 10, 50 and 90% of the futures in which it happens have seen it. Right: share of futures in which it "
    "happens, ± two standard errors: as forecast (dot), and had nothing been learned, with numbers from the prior "
    "(open circle). Where the two agree the forecast is prior-driven."
)
ALONE: Final = (
    "Left: by when 10, 50 and 90% of the futures in which it happens have seen it. Right: share of futures in which it "
    "happens, ± two standard errors."
)


def _draw_probabilities(axes: Axes, ahead: Forecast, unlearned: Forecast | None, questions: Sequence[Question]) -> None:
    told = [("posterior", ahead)] if unlearned is None else [("prior", unlearned), ("posterior", ahead)]
    rows = 0
    for name, one in told:
        table, (shape, face, edge) = one.answers(questions), MARKS[name]
        rows = len(table)
        for row, (share, error) in enumerate(zip(table["probability"], table["error"], strict=True)):
            height = row + (0 if unlearned is None else 0.14 if name == "posterior" else -0.14)
            ends = [max(share - 2 * error, 0), min(share + 2 * error, 1)]
            axes.plot(ends, [height, height], color=edge, linewidth=1.2, zorder=2)
            axes.plot([share], [height], shape, color=edge, markerfacecolor=face, markersize=5, zorder=3)
    lay_rows(axes, rows, grid=False)
    _set_shares(axes, rows)


# -- rows -------------------------------------------------------------------------------------------------------------


def _draw_dates(axes: Axes, row: int, dates: tuple[Any, Any, Any]) -> None:
    low, middle, high = dates
    if middle is None or middle != middle:
        axes.text(
            0.5,
            row,
            "in no run",
            transform=axes.get_yaxis_transform(),
            ha="center",
            va="center",
            fontsize=7.5,
            color=GREY,
        )
        return
    axes.barh(row, high - low, left=low, height=0.42, color=SKY, alpha=0.7, linewidth=0, zorder=2)
    axes.plot([middle, middle], [row - 0.3, row + 0.3], color=BLACK, linewidth=1.8, zorder=4)


def _set_shares(axes: Axes, rows: int) -> None:
    axes.set_xlim(-0.02, 1.02)  # a mark at either end is seen whole
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    axes.grid(axis="x", color=PALE, linewidth=0.6)
    for row in range(rows):
        axes.axhline(row + 0.5, color=PALE, linewidth=0.5, zorder=1)
