"""What does a term do? Each of its formulas as a curve, at half, once and twice its strength; memories as they fade."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.plots.page import BLUE, GREY, INK, ORANGE, VERMILION
from negsim.terms import Memory, Term
from negsim.vocabulary import DAYS_PER_YEAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANGES: Final = {
    "pain": (0.0, 3.0), "surplus": (0.0, 5.0), "magnitude": (0.0, 3.0), "season": (0.5, 2.0), "audience": (0.0, 1.5),
    "bias": (-2.0, 2.0), "shift": (0.0, 3.0), "pressure": (0.0, 3.0), "resentment": (0.0, 3.0), "fear": (0.0, 1.0),
    "kept": (0.0, 6.0), "broken": (0.0, 6.0), "value to the groups at home": (-3.0, 3.0),
}  # fmt: skip
"""From where to where a quantity is drawn (others: 0 to 1)."""
HELD: Final = {"pain": 1.0, "surplus": 1.0, "audience": 0.5, "exposure": 1.0, "resentment": 1.0, "resentment_back": 1.0,
               "irreversibility": 1.0, "shift": 1.0, "prior": 0.5, "season": 1.0, "reliability": 0.5, "bias": 1.0,
               "kept": 1.0, "broken": 1.0}  # fmt: skip
"""At what a quantity is held while another is drawn (others: one half)."""
STRENGTHS: Final = ((0.5, ORANGE, "half"), (1.0, BLUE, "as declared"), (2.0, VERMILION, "twice"))
POINTS: Final = 101


@dataclass(frozen=True)
class Curve:
    """A formula to draw.

    Attributes
    ----------
    formula : callable
    along : str
        The quantity on the horizontal axis.
    scaled : str or None
        The parameter that is halved and doubled.
    says : str
        What the vertical axis is.
    """

    formula: Callable[..., Any]
    along: str
    scaled: str | None
    says: str


def list_curves(term: Term) -> list[Curve]:
    """Find what there is to draw of a term: formulas that depend on something besides its parameters."""
    own = [number.name for number in term.parameters]
    memories = [memory.name for memory in term.memories]
    told = [(rate.formula, f"log rate of {', '.join(rate.moves)}") for rate in term.log_rates]
    told += [(slot.formula, slot.place.replace("_", " ")) for slot in term.slots]
    told += [(term.trust.formula, "trust")] if term.trust is not None else []
    told += [(effect.formula, f"{effect.memory}, {effect.how}: {', '.join(effect.events)}") for effect in term.effects]
    curves, drawn = [], set()
    for formula, says in told:
        names = list(inspect.signature(formula).parameters)
        asked = [name for name in names if name not in own]
        if asked and formula not in drawn:
            drawn.add(formula)
            strengths = [name for name in names if name in own]
            remembered = [name for name in asked if name in memories]
            curves.append(Curve(formula, (remembered or asked)[0], strengths[0] if strengths else None, says))
    if term.ratifies and own:
        curves.append(Curve(_approval, "value to the groups at home", own[0], "probability of approval"))
    return curves


def _approval(strength: Any, value: Any) -> Any:
    """How probable consent at home is, where the threshold is 0 and nothing is resented."""
    return 1 / (1 + np.exp(-strength * value))


def draw_term(term: Term) -> Figure:
    """Draw what a term does.

    Parameters
    ----------
    term : Term

    Returns
    -------
    Figure
        A panel for each formula, and one for memories that fade where the term has any.
    """
    from matplotlib.figure import Figure as NewFigure

    curves = list_curves(term)
    panels = len(curves) + bool(term.memories)
    columns = min(3, max(panels, 1))
    rows = -(-max(panels, 1) // columns)
    figure = NewFigure((3.2 * columns, 2.6 * rows + 0.5), layout="constrained", facecolor="white")
    axes = np.atleast_1d(figure.subplots(rows, columns)).ravel()
    for place, curve in zip(axes, curves, strict=False):
        _draw_curve(place, term, curve)
    if term.memories:
        _draw_memories(axes[len(curves)], term)
    for place in axes[panels:]:
        place.set_axis_off()
    figure.suptitle(f"{term.name}: {term.claim}", fontsize=9, color=INK, x=0.01, ha="left", wrap=True)
    return figure


def _draw_curve(axes: Axes, term: Term, curve: Curve) -> None:
    along = np.linspace(*RANGES.get(curve.along, (0.0, 1.0)), POINTS)
    for factor, colour, label in STRENGTHS if curve.scaled else STRENGTHS[1:2]:
        arguments = _arguments(term, curve, along, factor)
        values = np.broadcast_to(np.asarray(curve.formula(**arguments), dtype=float), along.shape)
        axes.plot(along, values, color=colour, linewidth=1.8, label=label)
    _dress(axes, curve.along.replace("_", " "), curve.says)
    if curve.scaled:
        axes.legend(title=curve.scaled.replace("_", " "), fontsize=6.5, title_fontsize=6.5, frameon=False)


def _arguments(term: Term, curve: Curve, along: Any, factor: float) -> Mapping[str, Any]:
    defaults = {number.name: number.default for number in term.parameters}
    found: dict[str, Any] = {}
    for name in inspect.signature(curve.formula).parameters:
        if name == curve.along or curve.along.startswith(f"{name} "):
            found[name] = along
        elif name in defaults:
            found[name] = defaults[name] * (factor if name == curve.scaled else 1.0)
        else:
            found[name] = HELD.get(name, 0.5)
    return found


def _draw_memories(axes: Axes, term: Term) -> None:
    defaults = {number.name: number.default for number in term.parameters}
    for memory, colour in zip(term.memories, (BLUE, VERMILION, ORANGE), strict=False):
        days = _half_life(memory, defaults)
        years = np.linspace(0.0, 5.0, POINTS)
        axes.plot(years, 0.5 ** (years * DAYS_PER_YEAR / days), color=colour, linewidth=1.8, label=memory.name)
    _dress(axes, "years after an event", "what is left of it")
    axes.set_ylim(0, 1.05)
    axes.legend(fontsize=6.5, frameon=False)


def _half_life(memory: Memory, defaults: Mapping[str, float]) -> float:
    names = inspect.signature(memory.half_life_days).parameters
    return float(memory.half_life_days(**{name: defaults[name] for name in names}))


def _dress(axes: Axes, along: str, says: str) -> None:
    axes.set_xlabel(along, fontsize=7.5, color=INK)
    axes.set_title(says, fontsize=7.5, color=GREY, loc="left", wrap=True)
    axes.tick_params(labelsize=7, colors=INK, length=3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
