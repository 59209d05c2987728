"""Which numbers does the outcome hang on? A tornado for one number at a time, and shares of variance."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.margins import write_error
from negsim.moves import Event
from negsim.plots.page import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    SKY,
    WIDTH,
    Origin,
    Page,
    describe_events,
    lay_rows,
)
from negsim.plots.rows import measure_labels, write_labels
from negsim.sweeps.readings import Sweep
from negsim.sweeps.sensitivity import one_at_a_time, sobol_indices

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW: Final = 0.4


# -- words that pictures of sweeps share ------------------------------------------------------------------------------


def say_event(done: Sweep, event: str, until: dt.date | None = None) -> str:
    """Say what a kind of event is called, and by when.

    Raises
    ------
    ValueError
        For one that the sweep does not have, with the nearest.
    """
    kind, actor, counterpart, channel, subject = done.manifest["outcomes"][done.name_of(event)]
    what, who = describe_events(done.scenario, [Event(kind, actor, counterpart, channel, subject)])
    return f"{what} ({who})" + ("" if until is None else f" by {until}")


def say_number(done: Sweep, name: str) -> str:
    """Say what a number that varies is called: the label of a parameter, or its key path."""
    labels = {spec.name: spec.label for spec in done.scenario.parameter}
    return labels.get(name) or name


def say_origin(done: Sweep, subject: str) -> Origin:
    """Say where a picture of a sweep comes from."""
    told = done.manifest
    clocks = "clocks shared by the points" if told["common_noise"] else "clocks of its own for every point"
    exploded = int(
        np.isnan(done.outcome(done.events[0])).sum() - (done.runs * len(done.design) - done.count_runs().sum())
    )
    left_out = f" ({exploded:,} exploded and left out)" if exploded else ""
    runs = f"{len(done.design):,} points x {done.runs:,} runs{left_out}"
    scenario = f"scenario {told['scenario']} ({told['scenario_digest'][:10]})"
    return Origin(subject, f"{runs}, seed {done.seed}, {clocks}, tick {told['tick']}, {scenario}")


# -- one at a time ----------------------------------------------------------------------------------------------------


@check_arguments
def draw_tornado(done: Sweep, event: str, until: dt.date | None = None, figure: Figure | None = None) -> Figure:
    """Draw how the probability of an event changes when one number goes to the low or the high end of its range.

    Parameters
    ----------
    done : Sweep
        Of a design made by :meth:`negsim.Design.one_at_a_time`.
    event : str
        Kind of event, such as ``meet.official``.
    until : date, optional
        By the end of this day (default: at all).
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure
    """
    table = one_at_a_time(done, event, "happened", until=until)
    reach = table[["low_change", "high_change"]].abs().max(axis=1)
    table = table.loc[reach.sort_values(ascending=False, kind="stable").index]
    base = float(table["base"].iloc[0])
    height = ROW * len(table)
    caption = (
        f"Change of the probability against the base ({base:.2f}, the line), run by run, ± two Monte-Carlo errors. "
        "At the end of each bar the value that the number has there; all others are at the base."
    )
    origin = say_origin(done, say_event(done, event, until))
    page = Page("Which number moves it most?", origin, caption, height + 0.6, figure)
    labels = [say_number(done, str(name)) for name in table.index]
    left = measure_labels(labels)
    axes = page.add_panel(left, 0.1, WIDTH - left - 0.3, height)
    lay_rows(axes, len(labels))
    write_labels(axes, labels)
    ends = [table[f"{end}_change"].abs() + 2 * table[f"{end}_mcse"].fillna(0.0) for end in ("low", "high")]
    most = max(float(reached.max()) for reached in ends)
    axes.set_xlim(-1.25 * (most or 0.1), 1.25 * (most or 0.1))
    axes.axvline(0, color=INK, linewidth=1.0, zorder=3)
    for row, number in enumerate(table.itertuples()):
        _draw_change(axes, row, number.low_change, number.low_mcse, number.low, BLUE, -0.17)
        _draw_change(axes, row, number.high_change, number.high_mcse, number.high, ORANGE, 0.17)
    axes.set_xlabel("change of the probability (blue: at the low end, orange: at the high end)", fontsize=8, color=INK)
    return page.figure


def _draw_change(axes: Axes, row: int, change: float, error: float, value: float, colour: str, shift: float) -> None:
    height, error = row + shift, 0.0 if np.isnan(error) else error  # of a single run it is not known
    axes.barh(height, change, height=0.3, color=colour, alpha=0.85, linewidth=0, zorder=2)
    axes.plot([change - 2 * error, change + 2 * error], [height, height], color=INK, linewidth=1.0, zorder=4)
    side = 1 if change >= 0 else -1
    style: dict[str, Any] = {"fontsize": 7, "color": GREY, "va": "center", "ha": "left" if side > 0 else "right"}
    axes.annotate(
        f"{value:.3g}", (change + side * 2 * error, height), (3 * side, 0), textcoords="offset points", **style
    )


# -- shares of variance -----------------------------------------------------------------------------------------------


@check_arguments
def draw_indices(
    done: Sweep, event: str, what: str = "happened", until: dt.date | None = None, figure: Figure | None = None
) -> Figure:
    """Draw which share of an outcome's variance each number explains, by itself and with all others.

    Parameters
    ----------
    done : Sweep
        Of a design made by :meth:`negsim.Design.sobol_indices`.
    event, what, until
        The outcome, as in :meth:`negsim.Sweep.outcome`.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure
    """
    table = sobol_indices(done, event, what, until=until).sort_values("total", ascending=False, kind="stable")
    height = ROW * len(table)
    caption = (
        "Sobol indices: share of the variance of the outcome over the region. Lines: 95% confidence, from resampling "
        "points; beside them the Monte-Carlo error, from resampling runs. A number whose two shares differ works "
        "together with others."
    )
    subject = say_event(done, event, until) + (": how often" if what == "count" else ": whether")
    page = Page("What explains the differences?", say_origin(done, subject), caption, height + 0.6, figure)
    labels = [say_number(done, str(name)) for name in table.index]
    left = measure_labels(labels)
    axes = page.add_panel(left, 0.1, WIDTH - left - 0.3, height)
    lay_rows(axes, len(labels))
    write_labels(axes, labels)
    for row, number in enumerate(table.itertuples()):
        _draw_share(axes, row - 0.17, (number.first, number.first_low, number.first_high, number.first_mcse), BLUE)
        _draw_share(axes, row + 0.17, (number.total, number.total_low, number.total_high, number.total_mcse), SKY)
    most = float(table[["first_high", "total_high"]].to_numpy().max())
    axes.set_xlim(min(-0.02, 1.1 * float(table["first_low"].min())), max(1.0, 1.25 * most))
    axes.axvline(0, color=INK, linewidth=1.0, zorder=3)
    axes.set_xlabel("share of variance (dark: the number alone, light: with all others)", fontsize=8, color=INK)
    return page.figure


def _draw_share(axes: Axes, height: float, share: tuple[float, float, float, float], colour: str) -> None:
    middle, low, high, error = share
    axes.barh(height, middle, height=0.3, color=colour, linewidth=0, zorder=2)
    axes.plot([low, high], [height, height], color=INK, linewidth=1.0, zorder=4)
    place = max(high, middle, 0.0)
    text = f"{middle:.2f}"
    if not np.isnan(error):
        text += f" (±{write_error(error)})"
    axes.annotate(text, (place, height), (4, 0), textcoords="offset points", fontsize=7, color=GREY, va="center")
