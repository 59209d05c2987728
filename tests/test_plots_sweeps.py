"""Do the pictures of sweeps show what the sweeps say?"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from matplotlib.figure import Figure

from negsim.plots import draw_indices, draw_phase_map, draw_responses, draw_tornado
from negsim.scenario import Scenario
from negsim.sweeps.designs import Design
from negsim.sweeps.running import sweep
from strategies import two_state_channel

PLAN, CANCEL = "channel.talks.rates.plan", "channel.talks.rates.cancel"


@pytest.fixture(scope="module")
def small() -> Scenario:
    return two_state_channel(years=1)


def words_of(figure: Figure) -> str:
    """Everything that is written on a picture, drawn once so that nothing is left out."""
    figure.canvas.draw()
    texts = [text.get_text() for axes in figure.axes for text in (*axes.texts, axes.xaxis.label)]
    ticks = [tick.get_text() for axes in figure.axes for tick in (*axes.get_xticklabels(), *axes.get_yticklabels())]
    return "\n".join([*(text.get_text() for text in figure.texts), *texts, *ticks])


def test_a_map_writes_the_share_of_every_cell_and_frames_what_is_undecided(small):
    done = sweep(small, {PLAN: [0.5, 1.0, 8.0], CANCEL: [0.5, 2.0]}, runs=64)
    shares = done.outcome("plan.talks").mean(axis=1)
    figure = draw_phase_map(done, "plan.talks")
    words = words_of(figure)
    assert all(f"{100 * share:.0f}%" in words for share in shares)
    assert PLAN in words
    assert f"↑ {CANCEL}" in words
    undecided = np.abs(shares - 0.5) <= 2 * np.sqrt(shares * (1 - shares) / 64)
    assert 0 < undecided.sum() < 6
    assert len(figure.axes[0].patches) == undecided.sum()
    with pytest.raises(ValueError, match="a grid of two numbers"):
        draw_phase_map(sweep(small, {PLAN: [0.5, 1.0]}, runs=4), "plan.talks")


def test_a_map_of_what_never_happens_does_not_call_that_certain(small):
    done = sweep(small, {PLAN: [0.5, 1.0], CANCEL: [0.5, 2.0]}, runs=8)
    assert "its Monte-Carlo error is at most 0.090" in words_of(draw_phase_map(done, "begin.word"))


def test_a_tornado_has_its_longest_bar_on_top_and_errors_from_pairs(small):
    design = Design.one_at_a_time({CANCEL: (0.5, 4.0), PLAN: (0.3, 4.0)}, {CANCEL: 1.0, PLAN: 1.0})
    figure = draw_tornado(sweep(small, design, runs=64), "plan.talks", until=dt.date(1998, 9, 30))
    words = words_of(figure)
    assert words.index(PLAN) < words.index(CANCEL)
    assert "by 1998-09-30" in words
    widths = [bar.get_width() for bar in figure.axes[0].patches]
    assert widths[0] < 0 < widths[1]
    assert widths[2:] == [0.0, 0.0]  # the first plan comes before anything could be cancelled


def test_a_tornado_of_single_runs_tells_no_error(small):
    design = Design.one_at_a_time({CANCEL: (0.5, 4.0), PLAN: (0.3, 4.0)}, {CANCEL: 1.0, PLAN: 1.0})
    figure = draw_tornado(sweep(small, design, runs=1), "plan.talks")
    assert [line.get_xdata()[0] - line.get_xdata()[1] for line in figure.axes[0].lines[1:]] == [0.0] * 4


def test_responses_have_a_panel_for_each_number_and_a_band_for_each_event(small):
    design = Design.latin_hypercube({PLAN: (0.2, 4.0), CANCEL: (0.5, 2.0)}, 40, seed=1)
    done = sweep(small, design, runs=16)
    figure = draw_responses(done, ["plan.talks", "cancel.talks.A"])
    panels = [axes for axes in figure.axes if axes.collections]
    assert [len(axes.lines) for axes in panels] == [2, 2]
    heights = [band.get_paths()[0].vertices[:, 1] for axes in panels for band in axes.collections]
    assert max(map(np.max, heights)) == 1.0  # some share is so near to 100% that two errors go beyond
    first = panels[0].lines[0]
    assert len(first.get_xdata()) == 8
    assert first.get_ydata()[0] < first.get_ydata()[-1]
    assert panels[0].get_xscale() == "log"
    assert panels[1].get_xscale() == "linear"
    assert "Talks: planned" in words_of(figure) or "talks: planned" in words_of(figure)
    with pytest.raises(ValueError, match="the sweep varies"):
        draw_responses(done, ["plan.talks"], names=["nothing"])
    with pytest.raises(ValueError, match="can be told apart"):
        draw_responses(done, ["plan.talks"] * 7)
    with pytest.raises(ValueError, match=r"called 'plan\.talk'; nearest: plan\.talks"):
        draw_responses(done, ["plan.talk"])


def test_shares_of_variance_are_told_with_both_errors(small):
    design = Design.sobol_indices({PLAN: (0.2, 4.0), CANCEL: (0.5, 2.0)}, 8, seed=1)
    figure = draw_indices(sweep(small, design, runs=16), "cancel.talks.A", "count")
    words = words_of(figure)
    assert words.count("(±") == 4
    assert "(±" not in words_of(draw_indices(sweep(small, design, runs=1), "cancel.talks.A", "count"))
    assert "95% confidence" in words
    assert "how often" in words
