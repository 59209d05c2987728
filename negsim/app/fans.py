"""When do things happen, and how surely? A fan of first dates for each question, alone or beside another."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from negsim.margins import write_error
from negsim.questions import Answers
from negsim.scenario import Scenario
from negsim.state import Floats

WIDTH, LEFT, RIGHT, ROW, TOP = 1000.0, 360.0, 110.0, 34.0, 34.0
LONGEST: Final = 50
"""Letters of a line of a row's name; there is room for two lines."""
LINE: Final = 14.0
FEWEST: Final = 5
"""Runs below which no fan is drawn: quantiles of so few say nothing."""


def draw_fans(scenario: Scenario, days: float, arms: Sequence[Answers], names: Sequence[str]) -> str:
    """Draw one row for each question: a fan of first dates, and the share of runs in which it happens.

    Parameters
    ----------
    days : float
        Days of the period.
    arms : sequence of Answers
        One, or two that share their questions (without and with a change).
    names : sequence of str
        What the arms are called.
    """
    rows = len(arms[0].questions)
    height = TOP + ROW * rows + 8
    drawn = [_draw_axis(scenario, days, height)]
    for row, question in enumerate(arms[0].questions):
        y = TOP + ROW * (row + 0.5)
        drawn.append(_write_name(question.label, y))
        for number, arm in enumerate(arms):
            offset = 0.0 if len(arms) == 1 else (-7.0, 7.0)[number]
            drawn.append(
                _draw_fan(arm.first[:, row], days, y + offset, number, len(arms), names[number], question.label)
            )
    label = escape("; ".join(names), quote=True)
    return (
        f'<svg class="fans" viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" '
        f'aria-label="First dates of {rows} kinds of event ({label}); the table below has the numbers">'
        f"{''.join(drawn)}</svg>"
    )


def _write_name(name: str, y: float) -> str:
    """The name of a row, on two lines where one is too short; what does not fit into two is cut."""
    what, comma, who = name.rpartition(", ")
    lines = [f"{what},", who] if comma and len(name) > LONGEST else [name]
    if max(map(len, lines)) > LONGEST:
        lines = textwrap.wrap(name, LONGEST, max_lines=2, placeholder=" …")
    first = y + 4 - LINE * (len(lines) - 1) / 2
    return "".join(
        f'<text class="question" x="{LEFT - 12}" y="{first + LINE * number:.1f}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )


def _x(day: float, days: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * min(day, days) / days


def _draw_axis(scenario: Scenario, days: float, height: float) -> str:
    years = (scenario.end - scenario.start).days / 365.25
    every = next((step for step in (1, 2, 5, 10, 20, 50) if years / step <= 12), 100)
    parts = []
    for year in range(scenario.start.year, scenario.end.year + 2):
        at = (dt.date(year, 1, 1) - scenario.start).days
        if 0 <= at <= days + 1 and (year - scenario.start.year) % every == 0:
            x = _x(at, days)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{height - 4:.0f}"/>')
            if x < WIDTH - RIGHT - 20:  # beside it stands the heading of the shares
                parts.append(f'<text class="year" x="{x:.1f}" y="{TOP - 12}">{year}</text>')
    parts.append(f'<text class="heading" x="{WIDTH - RIGHT + 12}" y="{TOP - 12}">happens in</text>')
    return "".join(parts)


def write_share(share: float, error: float) -> str:
    """A share of runs with its error, in percent."""
    return f"{100 * share:.1f} ± {write_error(100 * error, 1)}%"


def _draw_fan(first: Floats, days: float, y: float, number: int, arms: int, name: str, label: str) -> str:
    happened = first[np.isfinite(first)]
    share, error = share_with_error(first)
    tall = 16.0 if arms == 1 else 10.0
    told = f"{label}, {name}: {write_share(share, error)} of runs"
    parts = [f'<g class="fan arm-{number}">']
    if len(happened) >= FEWEST:
        low, lower, middle, upper, high = (_x(day, days) for day in np.quantile(happened, [0.1, 0.25, 0.5, 0.75, 0.9]))
        parts.append(_bar("outer", low, high, y, tall))
        parts.append(_bar("inner", lower, upper, y, tall))
        parts.append(f'<line class="median" x1="{middle:.1f}" x2="{middle:.1f}" y1="{y - tall / 2:.1f}" '
                     f'y2="{y + tall / 2:.1f}"/>')  # fmt: skip
    else:
        parts += [f'<circle cx="{_x(day, days):.1f}" cy="{y:.1f}" r="2.5"/>' for day in happened]
    parts.append(
        f'<text class="share" x="{WIDTH - RIGHT + 12}" y="{y + 4:.1f}">{escape(write_share(share, error))}</text>'
    )
    return "".join([*parts, f"<title>{escape(told)}</title></g>"])


def _bar(kind: str, left: float, right: float, y: float, tall: float) -> str:
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{y - tall / 2:.1f}" width="{max(right - left, 1.0):.1f}" '
        f'height="{tall:.0f}"/>'
    )


def share_with_error(first: Floats) -> tuple[float, float]:
    """Share of the runs in which something happens, and its Monte-Carlo standard error (see :func:`_at_least`)."""
    share = float(np.isfinite(first).mean())
    return share, _at_least(share * (1 - share), len(first))


def difference_with_error(without: Floats, with_it: Floats) -> tuple[float, float]:
    """Difference of two shares, run by run on the same clocks, and its standard error."""
    paired = np.isfinite(with_it).astype(float) - np.isfinite(without)
    return float(paired.mean()), _at_least(float(paired.var()), len(paired))


def _at_least(variance: float, runs: int) -> float:
    """Standard error of a mean. Where all runs agree it is taken as if half a run differed."""
    return float(np.sqrt(max(variance, 0.5 / runs) / runs))
