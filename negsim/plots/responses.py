"""What happens as a number changes? Responses with bands, and a map over two numbers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.plots.page import BLUE, GREEN, INK, MARGIN, ORANGE, PALE, PURPLE, SKY, VERMILION, WIDTH, Page, fit_line
from negsim.plots.sensitivity import say_event, say_number, say_origin
from negsim.results import error_of_share
from negsim.state import Array, Floats
from negsim.sweeps.readings import Sweep, average_runs, error_over_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
STYLES: Final = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)), (0, (1, 1)))
"""Lines differ in more than colour."""
ACROSS: Final = 2
PANEL: Final = 2.3
MOST_LEVELS: Final = 24
MOST_LABELS: Final = 10
BINS: Final = 8
"""Slices of a number's range where it has no levels."""
WIDE: Final = 8.0
"""From this ratio of its ends on, a range is drawn on a logarithmic axis."""


@check_arguments
def draw_responses(
    done: Sweep,
    events: Sequence[str],
    names: Sequence[str] | None = None,
    until: dt.date | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw how probable some events are as each number varies, whatever the others are.

    Parameters
    ----------
    done : Sweep
        Of any design.
    events : sequence of str
        Kinds of event, six at most.
    names : sequence of str, optional
        The numbers, a panel for each (default: all that vary).
    until : date, optional
        By the end of this day (default: at all).
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure
    """
    if not 1 <= len(events) <= len(COLOURS):
        raise ValueError(f"between one and {len(COLOURS)} kinds of event can be told apart, not {len(events)}")
    shown = list(done.design.names if names is None else names)
    unknown = [name for name in shown if name not in done.design.names]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: the sweep varies {', '.join(done.design.names)}")
    rows = -(-len(shown) // ACROSS)
    legend = 0.22 * len(events) + 0.1
    caption = (
        "Share of runs, ± two standard errors (band, cut at 0 and 100%). With several numbers varying: mean over the "
        "points at each level (or in each eighth of the range), and the band is the error of that mean over points "
        "and runs."
    )
    by = "" if until is None else f": by {until}"
    subject = (done.scenario.title or done.scenario.name) + by
    inches = legend + rows * (PANEL + 0.75)
    page = Page("What happens as a number changes?", say_origin(done, subject), caption, inches, figure)
    for place, event in enumerate(events):
        _draw_key(page, 0.22 * place, say_event(done, event), place)
    outcomes = [done.outcome(event, until=until) for event in events]
    width = (WIDTH - (ACROSS + 0.3) * 0.55) / ACROSS if len(shown) > 1 else WIDTH - 0.9
    for number, name in enumerate(shown):
        row, column = divmod(number, ACROSS)
        axes = page.add_panel(0.55 + column * (width + 0.5), legend + 0.1 + row * (PANEL + 0.75), width, PANEL)
        _draw_panel(axes, done, name, outcomes)
    return page.figure


def _draw_key(page: Page, top: float, words: str, place: int) -> None:
    axes = page.add_panel(MARGIN + 0.1, top, 0.45, 0.2)
    axes.set_axis_off()
    axes.plot([0, 1], [0, 0], color=COLOURS[place], linestyle=STYLES[place], linewidth=1.8)
    page.write(MARGIN + 0.65, top + 0.04, fit_line(words, 8.5, WIDTH - 1.2), fontsize=8.5, color=INK)


def _draw_panel(axes: Axes, done: Sweep, name: str, outcomes: Sequence[Floats]) -> None:
    values = done.design.values[:, done.design.names.index(name)]
    group = _group(values)
    drawn = values
    for place, outcome in enumerate(outcomes):
        at, middle, error = _average(values, group, outcome, done.manifest["common_noise"])
        drawn = at
        style: dict[str, Any] = {"color": COLOURS[place], "linestyle": STYLES[place]}
        low, high = np.clip([middle - 2 * error, middle + 2 * error], 0.0, 1.0)
        axes.fill_between(at, low, high, color=COLOURS[place], alpha=0.2, linewidth=0)
        axes.plot(at, middle, linewidth=1.8, marker="o", markersize=3, **style)
    axes.set_ylim(-0.02, 1.02)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25%", "50%", "75%", "100%"])
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.set_xlabel(fit_line(say_number(done, name), 8.5, 4.0), fontsize=8.5, color=INK)
    _set_scale(axes, drawn)


def _group(values: Floats) -> Array:
    """Number the levels of a number, or slices of its range with as many points each."""
    levels, group = np.unique(values, return_inverse=True)
    if len(levels) <= MOST_LEVELS:
        return group
    edges = np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1])
    return np.searchsorted(edges, values, side="right")


def _average(values: Floats, group: Array, outcome: Floats, common: bool) -> tuple[Floats, Floats, Floats]:
    """Mean outcome of each group of points (those without a run left out) and its error."""
    rows = []
    for number in range(int(group.max()) + 1):
        here = outcome[(group == number) & ~np.isnan(outcome).all(axis=1)]
        middle = average_runs(here).mean() if len(here) else np.nan
        rows.append((values[group == number].mean(), middle, error_over_points(here, common)))
    at, middle, error_of = np.array(rows).T
    return at, middle, error_of


def _set_scale(axes: Axes, drawn: Floats) -> None:
    """Draw wide ranges of positive numbers on a logarithmic axis, with plain numbers on it."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

    if drawn.min() <= 0 or drawn.max() / drawn.min() < WIDE:
        return
    axes.set_xscale("log")
    few = len(drawn) <= MOST_LABELS and _are_plain(drawn)
    axes.xaxis.set_major_locator(FixedLocator(drawn.tolist()) if few else LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _are_plain(levels: Floats) -> bool:
    """Whether these are levels that a person wrote, not means of slices."""
    return all(len(f"{level:.10g}") <= 5 for level in levels)


# -- two numbers ------------------------------------------------------------------------------------------------------


@check_arguments
def draw_phase_map(done: Sweep, event: str, until: dt.date | None = None, figure: Figure | None = None) -> Figure:
    """Draw how probable an event is over two numbers: where it is nearly certain, where it hardly happens.

    Parameters
    ----------
    done : Sweep
        Of a grid of two numbers.
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
    if done.design.kind != "grid" or len(done.design.names) != 2:
        raise ValueError(f"a map needs a grid of two numbers, not {done.design.kind} of {', '.join(done.design.names)}")
    levels = [np.asarray(side, dtype=float) for side in done.design.details["levels"].values()]
    outcome = done.outcome(event, until=until)
    shape = tuple(map(len, levels))
    runs = np.count_nonzero(~np.isnan(outcome), axis=1).reshape(shape)
    share = np.where(runs > 0, np.nansum(outcome, axis=1).reshape(shape) / np.maximum(runs, 1), np.nan)
    error = error_of_share(share * runs, np.where(runs > 0, runs, np.nan))
    caption = (
        f"Share of runs in each cell; its Monte-Carlo error is at most {np.nanmax(error):.3f}. Lines: 25, 50 and 75%, "
        "drawn between the middles of cells. Framed: cells within two errors of 50%, which more runs could move across."
    )
    origin = say_origin(done, say_event(done, event, until))
    page = Page("Where does it happen?", origin, caption, 4.75, figure)
    axes = page.add_panel(0.6, 0.28, WIDTH - 1.75, 3.9)
    order = [np.argsort(side) for side in levels]
    grid = share[np.ix_(*order)]
    image = axes.pcolormesh(grid.T, cmap="cividis", vmin=0, vmax=1, edgecolors="white", linewidth=0.5)
    _write_cells(axes, grid, error[np.ix_(*order)], image.cmap)
    _draw_levels(axes, grid)
    for side, axis in zip(levels, (axes.xaxis, axes.yaxis), strict=True):
        axis.set_ticks(np.arange(len(side)) + 0.5, [f"{level:.3g}" for level in np.sort(side)])
    across, up = (say_number(done, name) for name in done.design.names)
    axes.set_xlabel(fit_line(across, 8.5, 6.0), fontsize=8.5, color=INK)
    page.write(MARGIN, 0.03, fit_line(f"↑ {up}", 8.5, 6.0), fontsize=8.5, color=INK)
    axes.tick_params(length=0)
    bar = page.figure.colorbar(image, cax=page.add_panel(WIDTH - 1.0, 0.28, 0.18, 3.9))
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1.0], labels=["0", "25%", "50%", "75%", "100%"])
    bar.outline.set_visible(False)
    return page.figure


def _write_cells(axes: Axes, grid: Floats, error: Floats, cmap: Any) -> None:
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    small = grid.size > 144
    for (column, row), share in np.ndenumerate(grid):
        if not small:
            ink = "white" if share < 0.6 else INK
            style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 7.5, "color": ink}
            text = axes.text(column + 0.5, row + 0.5, "–" if np.isnan(share) else f"{100 * share:.0f}%", **style)
            text.set(zorder=5, path_effects=[withStroke(linewidth=3, foreground=cmap(share))])
        if abs(share - 0.5) <= 2 * error[column, row]:
            axes.add_patch(
                Rectangle((column + 0.06, row + 0.06), 0.88, 0.88, fill=False, edgecolor=VERMILION, linewidth=1.6)
            )


def _draw_levels(axes: Axes, grid: Floats) -> None:
    if min(grid.shape) < 2 or np.isnan(grid).any():
        return
    places = [np.arange(size) + 0.5 for size in grid.shape]
    inside = [level for level in (0.25, 0.5, 0.75) if grid.min() < level < grid.max()]
    if inside:
        axes.contour(
            *places, grid.T, levels=inside, colors="white", linewidths=[2.2 if at == 0.5 else 1.0 for at in inside]
        )
