"""What does a change make of it, and where do histories part? The two pictures of a what-if answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.comparisons import Comparison
from negsim.counterfactuals import Counterfactual
from negsim.moves import Event
from negsim.plots.page import (
    BLACK,
    BLUE,
    GREY,
    INK,
    MARGIN,
    PALE,
    VERMILION,
    WIDTH,
    Page,
    describe_events,
    fit_line,
    lay_rows,
    say_nothing,
    set_dates,
    to_axis,
    wrap_text,
)
from negsim.plots.rows import fit_label
from negsim.results import error_of_share
from negsim.whole_files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW: Final = 0.52
LABELS: Final = 2.35
"""Room for the labels of the outcomes in inches."""
GAP: Final = 0.28
MOST_MOVES: Final = 6
"""Moves named through which histories part, in each product."""
COLOURS: Final = {"interventional": BLACK, "retrospective": BLUE}
NAMES: Final = {"interventional": "in the model", "retrospective": "looking back"}

OUTCOMES: Final = (
    "Bars are ± two standard errors. In the model: share of the histories in which it happens, as they are (open) and "
    "changed (filled). Difference: changed minus unchanged, pair by pair on the same clocks (black), and how wide it "
    "would be on independent clocks (grey). "
)
BACK: Final = (
    "Looking back: as it happened (diamond), changed with every clock keeping its reading (filled), changed with "
    "clocks that start afresh where histories part (open)."
)
PARTED: Final = (
    "Left: share of the pairs whose moves have come in another order by then, the intervention's own moves left out. "
    "Right: the move that only one of the two has there, with the change or without it, ± two standard errors."
)


@check_arguments
def draw_answer(answer: Counterfactual, directory: str | Path) -> list[Path]:
    """Draw the pictures of an answer and write them as PNG files.

    Returns
    -------
    list of Path
        ``outcomes.png`` (where the question watches any) and ``partings.png``.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"partings": draw_partings(answer)}
    if answer.intervention.watch:
        pictures["outcomes"] = draw_outcomes(answer)
    files = {folder / f"{name}.png": figure for name, figure in pictures.items()}
    for file, figure in files.items():
        with whole_file(file) as beside:
            figure.savefig(beside, dpi=100)
    return list(files)


# -- outcomes ---------------------------------------------------------------------------------------------------------


@check_arguments
def draw_outcomes(answer: Counterfactual, figure: Figure | None = None) -> Figure:
    """Draw the watched outcomes with and without the change, and the paired difference.

    Parameters
    ----------
    answer : Counterfactual
        From :func:`negsim.counterfactual`.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.
    """
    model, past = answer.interventional, answer.retrospective
    watched = answer.intervention.watch
    caption = (OUTCOMES if model else "Bars are ± two standard errors. ") + (BACK if past else "")
    height = ROW * max(len(watched), 1)
    page = _open_page(answer, caption, height + 0.75, figure)
    if not watched:
        say_nothing(page.add_panel(LABELS, 0.3, 3.0, ROW), "The question watches nothing")
        return page.figure
    panels = [*([_draw_shares, _draw_difference] if model else []), *([_draw_recalled] if past else [])]
    width = (WIDTH - LABELS - MARGIN - 0.15 - GAP * (len(panels) - 1)) / len(panels)
    for place, draw in enumerate(panels):
        left = LABELS + place * (width + GAP)
        axes = page.add_panel(left, 0.32, width, height)
        page.write(left, 0.06, _HEADS[draw], fontsize=8.5, color=GREY)
        lay_rows(axes, len(watched))
        comparison = past if draw is _draw_recalled else model
        assert comparison is not None
        draw(axes, comparison)
    for row, watch in enumerate(watched):
        lines = wrap_text(_capital(watch.label), 8.5, LABELS - MARGIN - 0.2)[:2]
        when = _window(watch.from_, watch.by)
        top = 0.32 + ROW * (row + 0.5) - 0.13 - 0.065 * (len(lines) - 1 + bool(when))
        for number, line in enumerate(lines):
            page.write(MARGIN, top + 0.14 * number, line, fontsize=8.5, color=INK)
        page.write(MARGIN, top + 0.14 * len(lines) + 0.01, when, fontsize=7, color=GREY)
    return page.figure


def _open_page(answer: Counterfactual, caption: str, inches: float, figure: Figure | None) -> Page:
    question = answer.intervention.question or f"What if: {answer.intervention.name}?"
    some = next(iter(answer.products.values()))
    note = f"record: {answer.retrospective.given}" if answer.retrospective else ""
    return Page(fit_line(question, 15.5, WIDTH - 2 * MARGIN), some.without.ensemble, caption, inches, figure, note)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _window(first: Any, last: Any) -> str:
    if first and last:
        return f"{first} to {last}"
    return f"from {first} on" if first else f"until {last}" if last else ""


def _mark(
    axes: Axes,
    at: float,
    row: float,
    error: float,
    shape: str,
    colour: str,
    filled: bool,
    within: tuple[float, float] = (0.0, 100.0),
) -> None:
    """A share or difference with a bar of two standard errors on each side, as far as it can reach."""
    low, high = np.clip([at - 2 * error, at + 2 * error], *within)
    axes.plot([low, high], [row, row], color=colour, linewidth=1.3, zorder=2)
    face = colour if filled else "white"
    axes.plot([at], [row], shape, color=colour, markerfacecolor=face, markersize=5.5, zorder=3, clip_on=False)


def _error(share: float, comparison: Comparison) -> float:
    """Standard error of a share in per cent; of one that is all or none it is not nothing."""
    return float(100 * error_of_share(share * comparison.worth, comparison.worth))


def _draw_shares(axes: Axes, model: Comparison) -> None:
    for row, outcome in enumerate(model.outcomes.to_dict("records")):
        for name, lift, filled in (("without", -0.14, False), ("changed", 0.14, True)):
            share = outcome[name]
            _mark(axes, 100 * share, row + lift, _error(share, model), "o", BLACK, filled)
    _set_percent(axes)


def _draw_difference(axes: Axes, model: Comparison) -> None:
    axes.axvline(0.0, color=GREY, linewidth=0.8, zorder=1)
    widest = 1.0
    for row, outcome in enumerate(model.outcomes.to_dict("records")):
        at, common, independent = (100 * outcome[n] for n in ("difference", "difference_se", "independent_se"))
        axes.barh(row, 4 * independent, left=at - 2 * independent, height=0.34, color=PALE, linewidth=0, zorder=1)
        _mark(axes, at, row, common, "o", BLACK, True, (-100.0, 100.0))
        widest = max(widest, abs(at) + 2.3 * max(independent, common))
    axes.set_xlim(-widest, widest)
    axes.set_xlabel("points", fontsize=7.5, color=GREY, labelpad=2)


def _draw_recalled(axes: Axes, past: Comparison) -> None:
    for row, outcome in enumerate(past.outcomes.to_dict("records")):
        told = outcome["without"]  # all or none of the draws: known, as it is the record's own
        _mark(axes, 100 * told, row - 0.2, _error(told, past) if 0 < told < 1 else 0.0, "D", BLACK, True)
        _mark(axes, 100 * outcome["changed"], row, _error(outcome["changed"], past), "o", BLUE, True)
        _mark(axes, 100 * outcome["other"], row + 0.2, _error(outcome["other"], past), "o", VERMILION, False)
    _set_percent(axes)


def _set_percent(axes: Axes) -> None:
    axes.set_xlim(-3, 103)
    axes.set_xticks([0, 50, 100], ["0%", "50%", "100%"])


_HEADS: Final[Mapping[Any, str]] = {
    _draw_shares: "In the model",
    _draw_difference: "Difference, pair by pair",
    _draw_recalled: "Looking back",
}


# -- partings ---------------------------------------------------------------------------------------------------------


@check_arguments
def draw_partings(answer: Counterfactual, figure: Figure | None = None) -> Figure:
    """Draw when the histories of a pair part, and through which moves.

    Parameters
    ----------
    answer : Counterfactual
        From :func:`negsim.counterfactual`.
    figure : Figure, optional
        Drawn on, instead of a new one; its size is set.
    """
    named = {name: _name_moves(part) for name, part in answer.products.items()}
    rows = sum(len(moves) + 1 for moves in named.values())
    height = max(0.36 * rows, 1.8)
    page = _open_page(answer, PARTED, height + 0.85, figure)
    _draw_curves(page.add_panel(0.5, 0.32, 3.3, height), answer)
    page.write(0.5, 0.06, "Pairs that have parted", fontsize=8.5, color=GREY)
    page.write(4.15, 0.06, "Through which move", fontsize=8.5, color=GREY)
    axes = page.add_panel(7.0, 0.32, WIDTH - 7.0 - 0.35, 0.36 * rows)
    lay_rows(axes, rows)
    place = 0
    for name, moves in named.items():
        page.write(4.15, 0.32 + 0.36 * place + 0.12, _capital(NAMES[name]), fontsize=8, color=GREY)
        place += 1
        for words, who, share, error in moves:
            _draw_move(axes, page, place, (words, who), (100 * share, 100 * error), COLOURS[name])
            place += 1
    axes.set_xlim(0, 103)
    axes.set_xticks([0, 50, 100], ["0%", "50%", "100%"])
    return page.figure


def _draw_move(
    axes: Axes, page: Page, row: int, words: tuple[str, str], share: tuple[float, float], colour: str
) -> None:
    axes.barh(row, share[0], height=0.42, color=colour, alpha=0.75, linewidth=0, zorder=2)
    ends = [max(share[0] - 2 * share[1], 0.0), min(share[0] + 2 * share[1], 100.0)]
    axes.plot(ends, [row, row], color=VERMILION, linewidth=1.3, zorder=3)
    top = 0.32 + 0.36 * row
    said, size = fit_label(words[0], 8, 2.6)
    page.write(4.3, top + 0.04, said, fontsize=size, color=INK)
    page.write(4.3, top + 0.18, fit_line(words[1], 6.8, 2.6), fontsize=6.8, color=GREY)


def _name_moves(comparison: Comparison) -> list[tuple[str, str, float, float]]:
    """The moves through which most pairs part: in words, who and in which arm, share and its error."""
    table = comparison.through()
    table = table[table["kind"] != ""].head(MOST_MOVES)
    found = []
    for row in table.to_dict("records"):
        arm = comparison.changed if row["only"] == "changed" else comparison.without
        scenario = arm.ensemble.scenario
        words, who = describe_events(scenario, _events_of(arm.ensemble.compiled.labels.events, row))
        side = "only with the change" if row["only"] == "changed" else "only without it"
        found.append((words, f"{side}: {who}", row["share"], row["share_se"]))
    return found


def _events_of(events: Sequence[Event], row: Mapping[str, Any]) -> list[Event]:
    parts = ("kind", "actor", "channel") if row["kind"] == "agree" else ("kind", "actor", "channel", "subject")
    return [event for event in events if all(getattr(event, part) == row[part] for part in parts)]


def _draw_curves(axes: Axes, answer: Counterfactual) -> None:
    for name, part in answer.products.items():
        ensemble = part.without.ensemble
        days = np.sort(part.partings.day[np.isfinite(part.partings.day)])
        at = to_axis(ensemble, np.array([0.0, *days, ensemble.until]))
        share = 100 * np.array([*range(len(days) + 1), len(days)]) / part.kept.sum()
        axes.step(at, share, where="post", color=COLOURS[name], linewidth=1.6, label=NAMES[name])
    ends = [part.without.ensemble.until for part in answer.products.values()]
    set_dates(axes, next(iter(answer.products.values())).without.ensemble, max(ends), few=True)
    axes.set_ylim(0, 103)
    axes.set_yticks([0, 50, 100], ["0%", "50%", "100%"])
    axes.grid(axis="y", color=PALE, linewidth=0.6)
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0.965), fontsize=7.5, frameon=False)  # below the line of 100%
