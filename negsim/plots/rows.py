"""What are the rows of a picture called? Labels of one or two lines left of a panel, and the room that they take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from negsim.plots.page import GREY, INK, MARGIN, fit_line, measure_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST: Final = 3.4
"""Most room for a label, in inches."""
WIDER: Final = 1.06
"""Letters that are set to whole pixels make a line up to so much wider than it was measured."""
GAP: Final = 0.1
"""Between a label and its panel, in inches."""
LARGE: Final = 8.5
SMALL: Final = 7.0
"""Sizes of the first and of the second line, in points."""
SMALLEST: Final = 0.85
"""A label too long for its room is set in letters so much smaller, at least, before it is cut."""


def measure_labels(labels: Sequence[str], below: Sequence[str] = (), longest: float = LONGEST) -> float:
    """Where a panel begins that has labels at its left.

    Parameters
    ----------
    labels : sequence of str
        One for each row.
    below : sequence of str
        Second lines, in small letters, one for each row or none at all.
    longest : float
        Where labels are cut, in inches.

    Returns
    -------
    float
        Inches from the left edge of the page.
    """
    lines = [*((label, LARGE) for label in labels), *((label, SMALL) for label in below)]
    widths = [measure_width(*fit_label(label, size, longest)) for label, size in lines]
    return WIDER * max(widths, default=GAP) + MARGIN + GAP


def write_labels(axes: Axes, labels: Sequence[str], below: Sequence[str] = (), longest: float = LONGEST) -> None:
    """Write the labels of rows beside a panel whose rows are laid (see :func:`negsim.plots.page.lay_rows`).

    Parameters
    ----------
    axes : Axes
    labels, below, longest
        As in :func:`measure_labels`.
    """
    beside: dict[str, Any] = {"transform": axes.get_yaxis_transform(), "clip_on": False, "ha": "right"}
    for row, (label, second) in enumerate(zip_longest(labels, below, fillvalue="")):
        lift, side = (0.06, "bottom") if below else (0.0, "center")
        words, size = fit_label(label, LARGE, longest)
        axes.text(-0.012, row - lift, words, va=side, fontsize=size, color=INK, **beside)
        if below:
            words, size = fit_label(second, SMALL, longest)
            axes.text(-0.012, row + 0.02, words, va="top", fontsize=size, color=GREY, **beside)


def fit_label(label: str, size: float, longest: float) -> tuple[str, float]:
    """Make a label fit its room in inches, and say in which size: by smaller letters, or else cut.

    Of `something: what became of it` the end is kept, which tells rows apart.
    """
    size = max(SMALLEST * size, min(size, size * longest / max(measure_width(label, size), 1e-9)))
    fitted = fit_line(label, size, longest + 1e-3)
    thing, colon, became = label.rpartition(": ")
    if fitted == label or not colon:
        return fitted, size
    end = colon + became
    return fit_line(thing, size, longest - measure_width(end, size)) + end, size
