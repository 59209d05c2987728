"""What did the events say about the numbers? Each parameter before and after, and how far it was narrowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.calibration.posterior import CANNOT_TELL, PRIOR_DRIVEN, Posterior
from negsim.calibration.weights import weighted_quantiles
from negsim.plots.page import (
    BLACK,
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    SKY,
    WIDTH,
    Origin,
    Page,
    lay_rows,
)
from negsim.plots.rows import measure_labels, write_labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from negsim.scenario import Scenario

ROW: Final = 0.36
BANDS: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
NORMAL: Final = 1.645
"""Half the width of the prior's 90% interval, in its standard deviations."""
COLOURS: Final = {"learned": BLUE, "moved": ORANGE, CANNOT_TELL: SKY, "prior-driven": GREY}
BARS: Final = 2.3
"""Width of the panel of contractions in inches."""


@check_arguments
def draw_parameters(posterior: Posterior, figure: Figure | None = None, scenario: Scenario | None = None) -> Figure:
    """Draw each parameter before and after the fit, in standard deviations of its prior, and how far it was narrowed.

    Parameters
    ----------
    posterior : Posterior
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.
    scenario : Scenario, optional
        The case, which has a label for each parameter; else they bear their names.
    """
    rows = len(posterior.names)
    height = ROW * max(rows, 1)
    page = Page("What did the events say about the numbers?", _origin(posterior), CAPTION, height + 0.75, figure)
    called, below = _call(posterior, scenario)
    left = measure_labels(called, below)
    width = WIDTH - left - BARS - 0.75
    axes = page.add_panel(left, 0.3, width, height)
    _draw_bands(axes, posterior)
    write_labels(axes, called, below)
    page.write(left, 0.06, "before (pale) and after (coloured)", fontsize=8, color=GREY)
    bars = page.add_panel(left + width + 0.3, 0.3, BARS, height)
    _draw_contractions(bars, posterior)
    page.write(left + width + 0.3, 0.06, "share of the variance taken away", fontsize=8, color=GREY)
    return page.figure


def _call(posterior: Posterior, scenario: Scenario | None) -> tuple[Sequence[str], Sequence[str]]:
    """Labels of the rows and their second lines: the names, where any parameter has a label."""
    labels = {} if scenario is None else {spec.name: spec.label for spec in scenario.parameter if spec.label}
    called = tuple(labels.get(name, name) for name in posterior.names)
    return called, () if called == posterior.names else posterior.names


CAPTION: Final = (
    "Left: 90% of the prior (pale), 90% and the middle half of the posterior (light, dark) and its median, on the "
    "scale on which the prior is normal. Right: contraction ± one standard error; left of the dotted line a parameter "
    "is prior-driven, unless its middle moved by half a standard deviation; up to two errors right of it, cannot tell."
)


def _origin(posterior: Posterior) -> Origin:
    told = posterior.provenance
    about = f"{told.get('scenario', 'a posterior')} given {told.get('chronology', '?')} until {told.get('until', '?')}"
    digest = str(told.get("scenario_digest", ""))[:10]
    line = f"{posterior.method}, seed {posterior.seed}, effective sample size {posterior.ess:.0f}, scenario {digest}"
    return Origin(about, line)


def _draw_bands(axes: Axes, posterior: Posterior) -> None:
    z = posterior.prior.to_unconstrained(posterior.draws)
    quantiles = weighted_quantiles(z, posterior.weights, BANDS)
    medians = posterior.quantiles((0.5,))[0]
    rows = np.arange(len(posterior.names))
    lay_rows(axes, len(rows), grid=False)
    reach = max(2.6, float(np.abs(quantiles).max()) + 0.3)
    axes.set_xlim(-reach, reach + 0.9)
    axes.set_xlabel("standard deviations of the prior, from its median", fontsize=7.5, color=GREY)
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=1)
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False, "va": "center"}
    for row, says in enumerate(posterior.verdicts()):
        low, lower, middle, upper, high = quantiles[:, row]
        colour = COLOURS[says]
        axes.barh(row, 2 * NORMAL, left=-NORMAL, height=0.62, color=PALE, linewidth=0, zorder=2)
        axes.barh(row, high - low, left=low, height=0.34, color=colour, alpha=0.45, linewidth=0, zorder=3)
        axes.barh(row, upper - lower, left=lower, height=0.34, color=colour, alpha=0.9, linewidth=0, zorder=4)
        axes.plot([middle, middle], [row - 0.27, row + 0.27], color=BLACK, linewidth=1.8, zorder=5)
        axes.text(0.995, row, f"{medians[row]:.2g}", ha="right", fontsize=8, color=INK, **beside)
    axes.text(
        0.995, -0.5, "median", ha="right", fontsize=7, color=GREY, transform=axes.get_yaxis_transform(), va="bottom"
    )


def _draw_contractions(axes: Axes, posterior: Posterior) -> None:
    contraction, spread = posterior.contraction(), posterior.contraction_mcse()
    rows = np.arange(len(contraction))
    lay_rows(axes, len(rows), grid=False)
    low = min(-0.12, float((contraction - spread).min()) - 0.02)
    axes.set_xlim(low, 1.0)
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.axvline(PRIOR_DRIVEN, color=GREY, linewidth=0.9, linestyle=":")
    for row, says in enumerate(posterior.verdicts()):
        axes.barh(row, contraction[row], height=0.5, color=COLOURS[says], alpha=0.8, linewidth=0, zorder=2)
        ends = [contraction[row] - spread[row], contraction[row] + spread[row]]
        axes.plot(ends, [row, row], color=BLACK, linewidth=1.1, zorder=3)
        place = max(contraction[row], 0) + spread[row] + 0.03
        axes.text(place, row, says, va="center", fontsize=7.5, color=INK)
    axes.set_xlabel("contraction", fontsize=7.5, color=GREY)
