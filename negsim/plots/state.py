"""How did the state move? Median and 10-90% band over the runs, for each pair of states and each need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.plots.page import (
    BLUE,
    INK,
    MARGIN,
    PALE,
    VERMILION,
    WIDTH,
    Page,
    fit_line,
    name_of,
    names_of,
    origin_of,
    say_nothing,
    set_dates,
    to_axis,
)
from negsim.results import Ensemble, ResultError
from negsim.state import Array, Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

QUANTITIES: Final = {
    "resentment": "Resentment: what each holds against the other",
    "fear": "Alarm: how fresh the last blow is",
    "credibility": "Credibility: how far each trusts the other's promises (0 to 1)",
    "need": "Need: how much it lacks the good",
}
"""What of the state can be drawn, with its heading."""
MOST_PANELS: Final = 3
ACROSS: Final = 3
HEADING, PANEL_HEIGHT, PANEL_STEP = 0.3, 1.25, 1.95
LEFT: Final = 0.45
PANEL_WIDTH: Final = (WIDTH - ACROSS * LEFT - MARGIN) / ACROSS


@check_arguments
def draw_state(
    ensemble: Ensemble,
    quantities: Iterable[str] | None = None,
    most: int = MOST_PANELS,
    figure: Figure | None = None,
) -> Figure:
    """Draw how the state moved.

    Parameters
    ----------
    ensemble : Ensemble
        Simulated with, for instance, ``record=("resentment", "credibility", "need")``.
    quantities : iterable of str, optional
        Which of :data:`QUANTITIES` (default: all that were recorded).
    most : int
        Pairs of states, or needs, shown for each quantity: those that move most.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.

    Returns
    -------
    Figure

    Raises
    ------
    ResultError
        When nothing of the state was recorded, or not what is asked for.
    """
    asked, whole = _choose_quantities(ensemble, quantities), ensemble.whole
    chosen = {name: _choose_panels(whole, name, most) for name in asked if whole.runs}
    shown = {name: panels for name, panels in chosen.items() if panels}
    heights = [HEADING + PANEL_STEP * -(-len(panels) // ACROSS) for panels in shown.values()]
    caption = "Median (line) and 10-90% of the runs (band) at each tick. Solid and dashed: who holds it."
    origin = origin_of(ensemble, exploded="left out")
    page = Page("How did the state move?", origin, caption, sum(heights) or PANEL_STEP, figure)
    if not shown:
        axes = page.add_panel(LEFT, 0.0, WIDTH - 2 * LEFT, PANEL_HEIGHT)
        axes.set_axis_off()
        say_nothing(axes, "There is nothing of this in the scenario" if whole.runs else "Every run exploded")
    top = 0.0
    for (name, panels), height in zip(shown.items(), heights, strict=True):
        page.write(MARGIN, top + 0.12, QUANTITIES[name], fontsize=9.5, fontweight="bold", color=INK)
        _draw_panels(page, whole, name, panels, top + HEADING)
        top += height
    return page.figure


# -- what is shown ----------------------------------------------------------------------------------------------------


def _choose_quantities(ensemble: Ensemble, asked: Iterable[str] | None) -> list[str]:
    wanted = [name for name in QUANTITIES if name in ensemble.paths] if asked is None else list(asked)
    unknown = [name for name in wanted if name not in QUANTITIES]
    if unknown:
        raise ResultError(f"{', '.join(unknown)}: can be drawn: {', '.join(QUANTITIES)}")
    missing = [name for name in wanted if name not in ensemble.paths]
    if missing or not wanted:
        names = ", ".join(f'"{name}"' for name in missing or ("resentment", "credibility", "need"))
        raise ResultError(f"the state was not recorded: simulate with record=({names},)")
    return wanted


@dataclass(frozen=True)
class Panel:
    """A small picture: its title, and for each line a name and the row of the path that it shows."""

    title: str
    lines: tuple[tuple[str, int], ...]


def _choose_panels(ensemble: Ensemble, quantity: str, most: int) -> list[Panel]:
    """The panels that move most, in the scenario's order; the first ones where nothing moves."""
    path = ensemble.paths[quantity]
    panels = _need_panels(ensemble) if quantity == "need" else _pair_panels(ensemble)
    reach = [max(float(np.ptp(path[:, row])) for _, row in panel.lines) for panel in panels]
    order = sorted(range(len(panels)), key=lambda number: -reach[number])
    moving = [number for number in order if reach[number] > 1e-6] or order
    return [panels[number] for number in sorted(moving[:most])]


def _need_panels(ensemble: Ensemble) -> list[Panel]:
    scenario = ensemble.scenario
    return [
        Panel(f"{name_of(scenario.actor, state)}: {name_of(scenario.good, good)}", (("", row),))
        for row, (good, state) in enumerate(ensemble.compiled.labels.needs)
    ]


def _pair_panels(ensemble: Ensemble) -> list[Panel]:
    """A panel for each two states, with a line for each direction."""
    actors, pairs = ensemble.scenario.actor, ensemble.compiled.labels.pairs
    together: dict[frozenset[str], list[tuple[str, str]]] = {}
    for pair in pairs:
        together.setdefault(frozenset(pair), []).append(pair)
    return [
        Panel(names_of(actors, found[0]), tuple((name_of(actors, pair[0]), pairs.index(pair)) for pair in found))
        for found in together.values()
    ]


# -- drawing ----------------------------------------------------------------------------------------------------------


def _draw_panels(page: Page, ensemble: Ensemble, quantity: str, panels: Sequence[Panel], top: float) -> None:
    """Three panels to a row, all on one scale."""
    path = ensemble.paths[quantity]
    when = to_axis(ensemble, ensemble.compiled.world.tick_times[: len(path)])
    bands = [[_band(path[:, row]) for _, row in panel.lines] for panel in panels]
    highest = max((float(band.max()) for found in bands for band in found), default=1.0) or 1.0
    for number, (panel, found) in enumerate(zip(panels, bands, strict=True)):
        down, across = divmod(number, ACROSS)
        left, named = LEFT + across * (LEFT + PANEL_WIDTH), bool(panel.lines[0][0])
        axes = page.add_panel(left, top + 0.42 + PANEL_STEP * down, PANEL_WIDTH, PANEL_HEIGHT)
        set_dates(axes, ensemble, ensemble.until, few=True)
        axes.set_ylim(0, 1 if quantity == "credibility" else highest * 1.05)
        axes.grid(color=PALE, linewidth=0.5)
        title = fit_line(panel.title, 8, PANEL_WIDTH)
        axes.set_title(title, loc="left", fontsize=8, color=INK, pad=15 if named else 5)
        for place, ((name, _), band) in enumerate(zip(panel.lines, found, strict=True)):
            _draw_band(axes, when, band, name, place)


def _band(path: Array) -> Floats:
    """Quantiles 10, 50 and 90% over the runs, at each tick."""
    return np.asarray(np.quantile(path, (0.1, 0.5, 0.9), axis=-1), dtype=np.float64)


def _draw_band(axes: Axes, when: Floats, band: Floats, name: str, place: int) -> None:
    """One line and its band; its name above the panel, the first at the left and the second at the right."""
    colour = (BLUE, VERMILION)[place]
    axes.fill_between(when, band[0], band[2], color=colour, alpha=0.22, linewidth=0)
    axes.plot(when, band[1], color=colour, linewidth=1.6, linestyle=("-", (0, (4, 1.2)))[place])
    side = ("left", "right")[place]
    words = fit_line(name, 7.5, PANEL_WIDTH / 2 - 0.05)
    axes.text(place, 1.03, words, ha=side, va="bottom", fontsize=7.5, color=colour, transform=axes.transAxes)
