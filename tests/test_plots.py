"""Do the pictures show what was simulated, and can they be read? Questions, numbers, labels, overlaps, empty cases."""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import itertools
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import date2num
from matplotlib.figure import Figure
from matplotlib.text import Text

from negsim import plots
from negsim.calibration.fitting import declare_prior
from negsim.calibration.posterior import Posterior
from negsim.ensemble import simulate
from negsim.plots import draw_all, draw_histories, draw_ledger, draw_parameters, draw_state, draw_timeline
from negsim.plots.page import measure_width
from negsim.plots.rows import LARGE, LONGEST, SMALLEST, measure_labels, write_labels
from negsim.results import Ensemble, ResultError
from negsim.scenario import Scenario
from negsim.scenario_files import load_scenario

pytestmark = pytest.mark.xdist_group("plots")  # one worker: what is drawn is simulated once

EVERYTHING = ("events", "resentment", "credibility", "need")
WITHOUT_TERMS = ("events", "credibility", "need")
CASES = ("beijing-1999", "template", "bargaining-pair", "two-state-channel")
Drawn = Callable[[str, str], Figure]
"""A picture of a case."""
PICTURES = {
    "timeline": (draw_timeline, "When do things happen?"),
    "histories": (draw_histories, "What is each run doing?"),
    "ledger": (draw_ledger, "Who gave what for what?"),
    "state": (draw_state, "How did the state move?"),
}


@pytest.mark.parametrize("name", [name for name in plots.__all__ if name.startswith("draw_")])
def test_a_picture_is_told_what_it_cannot_be_drawn_of(name: str, tmp_path: Path):
    draw = getattr(plots, name)
    arguments = list(inspect.signature(draw).parameters.values())
    others = ["x" if one.name == "event" else tmp_path for one in arguments[1:] if one.default is one.empty]
    with pytest.raises(TypeError, match=rf"^{arguments[0].name} must be an? [A-Z]\w+, not 7$"):
        draw(7, *others)


@pytest.fixture(scope="module")
def ensembles() -> dict[str, Ensemble]:
    records = {name: EVERYTHING if load_scenario(name).terms is None else WITHOUT_TERMS for name in CASES}
    return {name: simulate(name, runs=30, seed=3, record=records[name]) for name in CASES}


@pytest.fixture(scope="module")
def drawn(ensembles: dict[str, Ensemble]) -> Drawn:
    """Pictures of the cases, each drawn once; who changes one draws its own."""
    return functools.cache(lambda case, picture: PICTURES[picture][0](ensembles[case]))


@pytest.fixture(scope="module")
def river(ensembles: dict[str, Ensemble]) -> Ensemble:
    return ensembles["template"]


@pytest.fixture(scope="module")
def article() -> pd.DataFrame:
    return pd.read_csv(resources.files("negsim") / "cases" / "beijing-1999.article.csv")


def bare_case() -> Scenario:
    """Two actors, nothing to give, no labels."""
    return Scenario(
        name="bare",
        start=dt.date(2001, 1, 1),
        end=dt.date(2001, 12, 31),
        actor={"old_king": {}, "b": {}},
        coercion={"border_raid": {"actor": "old_king", "hits": {"b": 1.0}}},
    )


@pytest.fixture(scope="module")
def silent() -> Ensemble:
    """Nothing can happen: all rates are zero."""
    case = load_scenario("two-state-channel")
    still = dict.fromkeys(case.channel["talks"].rates, 0.0)
    channel = case.channel["talks"].model_copy(update={"rates": still})
    return simulate(case.model_copy(update={"channel": {"talks": channel}}), runs=5, record=WITHOUT_TERMS)


def words(figure: Figure) -> list[str]:
    return [text.get_text() for text in texts(figure)]


def texts(figure: Figure) -> list[Text]:
    """Everything that is written when a figure is drawn, in that order (a figure holds texts that it never draws)."""
    written: list[Text] = []
    draw = Text.draw

    def listen(text: Text, *arguments, **options) -> None:
        written.append(text)
        draw(text, *arguments, **options)

    with mock.patch.object(Text, "draw", listen):
        FigureCanvasAgg(figure).draw()
    return [text for text in dict.fromkeys(written) if text.get_visible() and text.get_text().strip()]


def misplaced(figure: Figure) -> tuple[list[tuple[str, str]], list[str]]:
    """Pairs of texts that are written over each other (a pixel of touch is allowed); texts that reach over the edge."""
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts(figure)]
    over = [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 and min(a.y1, b.y1) - max(a.y0, b.y0) > 1
    ]
    width, height = figure.get_size_inches() * figure.dpi
    cut_off = [word for word, box in boxes if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height]
    return over, cut_off


@pytest.mark.parametrize("length", [30, 40, 44, 48, 52])
def test_labels_of_any_length_stay_on_the_page(length: int):
    figure = Figure(figsize=(9, 3))
    label = "15 Camp David and Blair House: accord approved at home"[-length:]
    left = measure_labels([label, "short"], longest=3.1)
    write_labels(figure.add_axes((left / 9, 0.1, 0.5, 0.8)), [label, "short"], longest=3.1)
    assert misplaced(figure)[1] == []


# -- every picture ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_has_its_question_for_a_title(picture: str, drawn: Drawn):
    assert drawn("template", picture).get_suptitle() == PICTURES[picture][1]


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_says_where_it_comes_from(picture: str, drawn: Drawn, river: Ensemble):
    foot = [word for word in words(drawn("template", picture)) if "seed" in word]
    assert len(foot) == 1
    for part in ("30 runs", "seed 3", "tick month", "template", str(river.provenance["scenario_digest"])[:10]):
        assert part in foot[0]


def test_changed_numbers_are_told(river: Ensemble):
    changed = simulate("template", runs=2, params={"raids": 0.5})
    assert any("1 numbers changed" in word for word in words(draw_timeline(changed)))
    assert not any("changed" in word for word in words(draw_timeline(river)))


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("case", CASES)
def test_no_words_overlap_and_none_is_cut_off(picture: str, case: str, drawn: Drawn):
    assert misplaced(drawn(case, picture)) == ([], [])


def test_no_words_overlap_in_the_picture_of_the_readme(ensembles: dict[str, Ensemble], article: pd.DataFrame):
    assert misplaced(draw_timeline(ensembles["beijing-1999"], article)) == ([], [])


def test_the_search_for_overlaps_and_cuts_finds_them(river: Ensemble):
    figure = draw_timeline(river)
    figure.text(0.02, 0.985, "right over the question")
    figure.text(0.98, 0.3, "over the edge of the page")
    over, cut_off = misplaced(figure)
    assert ("right over the question", "When do things happen?") in [pair[::-1] for pair in over]
    assert "over the edge of the page" in cut_off


@pytest.mark.parametrize("case", ["beijing-1999", "good-friday-1998", "agreed-framework-1994"])
def test_parameters_bear_the_labels_of_their_case_and_nothing_overlaps(case: str):
    scenario = load_scenario(case)
    names = [spec.name for spec in scenario.parameter if spec.prior is not None]
    posterior = pretend_fit(scenario, names)
    figure = draw_parameters(posterior, scenario=scenario)
    labels = [spec.label for spec in scenario.parameter if spec.prior is not None]
    written = words(figure)
    assert [label for label in labels if not any(word[:40] == label[:40] for word in written)] == []
    assert set(names) <= set(written)
    assert misplaced(figure) == ([], [])
    assert set(names) <= set(words(draw_parameters(posterior)))


def pretend_fit(scenario: Scenario, names: list[str]) -> Posterior:
    """Draws of the prior, as if they had been learned."""
    prior = declare_prior(scenario, names)
    nothing = np.zeros(50)
    draws = prior.draw(50, np.random.default_rng(2))
    told = {"scenario": scenario.name}
    return Posterior(prior, draws, nothing, nothing, 0.0, 0.0, "tempering", 50, 1, provenance=told)


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_can_be_drawn_on_a_figure_of_ones_own(picture: str, river: Ensemble):
    mine = Figure(figsize=(3, 3))
    assert PICTURES[picture][0](river, figure=mine) is mine
    assert mine.get_size_inches()[0] == 9.0


@pytest.mark.parametrize("picture", PICTURES)
def test_a_single_run_can_be_drawn(picture: str):
    figure = PICTURES[picture][0](simulate("template", runs=1, record=EVERYTHING))
    assert misplaced(figure)[0] == []
    assert any("1 run, " in text.get_text() for text in figure.texts)


@pytest.mark.parametrize("picture", ["timeline", "histories"])
def test_a_picture_of_nothing_says_so(picture: str, silent: Ensemble):
    assert "Nothing happened" in words(PICTURES[picture][0](silent))


def test_ledger_and_state_of_nothing_can_be_drawn(silent: Ensemble):
    assert "0.00" in words(draw_ledger(silent))
    assert draw_state(silent).axes


def test_a_scenario_without_concessions_has_an_empty_ledger():
    assert "Nothing can be given in this scenario" in words(draw_ledger(simulate(bare_case(), runs=2)))


@pytest.mark.parametrize("draw", [draw_histories, draw_ledger])
def test_a_picture_of_events_needs_them_recorded(draw):
    with pytest.raises(ResultError, match=r'record=\("events",\)'):
        draw(simulate("template", runs=2, record=()))


def test_a_picture_of_the_state_needs_it_recorded(river: Ensemble):
    with pytest.raises(ResultError, match=r'record=\("resentment", "credibility", "need",\)'):
        draw_state(simulate("template", runs=2))
    with pytest.raises(ResultError, match=r'record=\("fear",\)'):
        draw_state(river, ["resentment", "fear"])
    with pytest.raises(ResultError, match="anger: can be drawn: resentment"):
        draw_state(river, ["anger"])


# -- nothing else is touched --------------------------------------------------------------------------------------


def test_pictures_use_no_pyplot_and_change_no_setting(tmp_path: Path):
    code = (
        "import sys; from negsim.ensemble import simulate; from negsim.plots import draw_all\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib; before = dict(matplotlib.rcParams)\n"
        f"draw_all(simulate('template', runs=3, record={EVERYTHING!r}), {str(tmp_path)!r})\n"
        "print('matplotlib.pyplot' in sys.modules, dict(matplotlib.rcParams) == before)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split() == ["False", "True"], done.stderr


def png_size(file: Path) -> tuple[int, int]:
    return struct.unpack(">II", file.read_bytes()[16:24])


def test_draw_all_writes_what_was_recorded(river: Ensemble, tmp_path: Path):
    written = draw_all(river, tmp_path / "new" / "folder", prefix="river-")
    assert [file.name for file in written] == [f"river-{name}.png" for name in PICTURES]
    assert all(png_size(file)[0] == 900 for file in written)
    assert all(file.stat().st_size < 200_000 for file in written)


@pytest.mark.parametrize(
    ("record", "names"),
    [((), ["timeline"]), (("need",), ["timeline", "state"]), (("events",), ["timeline", "histories", "ledger"])],
)
def test_draw_all_leaves_out_what_was_not_recorded(record: tuple[str, ...], names: list[str], tmp_path: Path):
    written = draw_all(simulate("template", runs=3, record=record), tmp_path)
    assert [file.stem for file in written] == names


# -- the timeline -------------------------------------------------------------------------------------------------


def day_of(date: str | dt.date) -> float:
    return float(date2num(np.datetime64(date)))


def fans(figure: Figure) -> Iterator[tuple[float, float, float]]:
    """Left edge, median and right edge of each fan, from the top."""
    axes = figure.axes[0]
    wide = sorted((bar.get_y(), bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches if is_bar(bar))
    medians = [line.get_xdata()[0] for line in axes.lines if line.get_color() == "#000000"]
    for (_, left, right), middle in zip(wide, medians, strict=True):
        yield left, middle, right


def is_bar(patch) -> bool:
    return hasattr(patch, "get_width") and patch.get_alpha() == 0.55


def test_the_fan_of_a_row_is_that_of_the_summary(river: Ensemble):
    summary = river.summary()
    row = summary[(summary["kind"] == "act") & (summary["subject"] == "raid")].iloc[0]
    ((left, middle, right),) = fans(draw_timeline(river, events=["act:::raid"]))
    first = river.events[river.events["kind"] == "act"].groupby("run")["day"].min()
    start = day_of(river.scenario.start)
    assert (left, middle, right) == pytest.approx(tuple(start + first.quantile([0.1, 0.5, 0.9])), abs=1e-4)
    assert abs(middle - day_of(row["date_50"].date())) < 120  # the summary takes the day of a run, not between two


def test_the_fan_is_the_same_without_recorded_events_to_the_day(river: Ensemble):
    bare = simulate("template", runs=30, seed=3, record=())
    rows = ["act:::raid", "open::river_talks", "begin:::grain"]
    for one, other in zip(fans(draw_timeline(river, events=rows)), fans(draw_timeline(bare, events=rows)), strict=True):
        assert one == pytest.approx(other, abs=1.0)


def test_the_share_of_a_row_is_that_of_the_summary_with_its_error(river: Ensemble):
    summary = river.summary()
    row = summary[(summary["kind"] == "begin") & (summary["subject"] == "prisoners")].iloc[0]
    share = f"{100 * row['probability']:.1f} ± {100 * row['probability_mcse']:.1f}%"
    assert share in words(draw_timeline(river, events=["begin:::prisoners"]))


def test_rows_are_described_by_the_labels_of_the_scenario(river: Ensemble):
    rows = ["act:::raid", "begin:::grain", "begin:::prisoners", "walk_out", "open", "raise", "approve"]
    shown = words(draw_timeline(river, events=rows))
    for what, who in (
        ("A raid across the river", "Upland"),
        ("A shipment of grain: begun", "Lowland to Upland"),
        ("Prisoners sent home: done", "Upland to Lowland"),
        ("Talks at the river: walk-out", "either side"),
        ("Talks at the river: opened", "Lowland and Upland"),
        ("What became of the missing soldiers", "Lowland: demand raised"),
        ("Talks at the river: accord approved at home", "Lowland"),
    ):
        assert shown[shown.index(what) + 1] == who


def test_what_has_no_label_is_called_by_its_id():
    shown = words(draw_timeline(simulate(bare_case(), runs=20)))
    assert "border raid" in shown
    assert "old king" in shown


def test_marks_are_the_rows_in_the_order_of_their_dates(river: Ensemble):
    marks = [
        {"date_start": "2004-01-01", "date_end": "2004-12-31", "kind": "act", "subject": "raid", "row": "M2"},
        {"date_start": dt.date(2001, 5, 4), "date_end": dt.date(2001, 5, 4), "kind": "open", "row": "M1"},
        {"date_start": None, "date_end": "2006-01-01", "kind": "act", "subject": "raid", "row": "M3"},
    ]
    figure = draw_timeline(river, marks)
    shown = [word for word in words(figure) if word in ("M1", "M2", "M3", "Talks at the river: opened")]
    assert shown == ["Talks at the river: opened", "M1", "M2", "M3"]
    signs = {line.get_marker(): line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() in ("D", "<")}
    assert signs["D"] == day_of("2004-01-01") + 366 / 2  # 2004 is a leap year
    assert signs["<"] == day_of("2006-01-02")
    assert len(list(fans(figure))) == 2


def test_marks_may_be_a_table_with_empty_cells(river: Ensemble):
    table = pd.DataFrame(
        {"label": ["raid", "talks"], "date_start": [pd.NaT, pd.Timestamp("2001-02-03")], "actor": [None, "Lowland"]}
    ).assign(date_end=pd.to_datetime(["2001-01-01", "2001-02-05"]), kind=["act", "open"], row=["A", np.nan])
    assert "A" in words(draw_timeline(river, table))


def test_a_mark_of_an_accord_means_the_accords_that_hold_its_items(river: Ensemble):
    mark = {"date_end": "2001-01-01", "kind": "agree", "subject": "prisoners+water"}
    shown = words(draw_timeline(river, [mark]))
    accords = river.events[river.events["kind"] == "agree"]
    held = accords["subject"].map(lambda subject: {"prisoners", "water"} <= set(subject.split("+"))).astype(bool)
    share = accords.loc[held, "run"].nunique() / river.runs
    assert share > 0
    assert any(word.startswith(f"{100 * share:.1f} ±") for word in shown)


def test_a_row_of_joined_events_needs_them_recorded(river: Ensemble):
    bare = simulate("template", runs=3, record=())
    assert draw_timeline(bare, events=["agree", "act"])  # the packages of a channel are counted together
    with pytest.raises(ResultError, match=r'record=\("events",\)'):
        draw_timeline(bare, events=["walk_out"])


def test_marks_that_mean_nothing_are_all_told_with_the_nearest(river: Ensemble):
    marks = [
        {"date_end": "2001-01-01", "kind": "act", "subject": "raids", "row": "M1"},
        {"date_end": "2001-01-01", "kind": "begin", "subject": "grains", "row": "M2"},
    ]
    with pytest.raises(
        ResultError, match=r"M1: act:::raids is no event of scenario template; nearest: act:Upland::raid"
    ) as caught:
        draw_timeline(river, marks)
    assert "M2: begin:::grains" in str(caught.value)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ({"kind": "act"}, "mark 1: no column 'date_end'"),
        ({"date_end": "2001-01-01"}, "mark 1: no column 'kind'"),
        ({"date_end": "", "kind": "act"}, "mark 1: date_end is empty"),
        ({"date_end": "soon", "kind": "act"}, "mark 1: Invalid isoformat string: 'soon'"),
        ({"date_start": "2002-01-01", "date_end": "2001-01-01", "kind": "act"}, "later than date_end"),
    ],
)
def test_a_mark_that_cannot_be_read_is_told(mark: dict[str, str], said: str, river: Ensemble):
    with pytest.raises(ResultError, match=said):
        draw_timeline(river, [mark])


def test_a_timeline_that_nobody_chose_keeps_to_the_likeliest_rows(ensembles: dict[str, Ensemble]):
    figure = draw_timeline(ensembles["beijing-1999"])
    assert len(list(fans(figure))) == 24
    assert any("the 24 likeliest of" in word for word in words(figure))


def test_where_nothing_telling_happens_a_timeline_shows_what_does(ensembles: dict[str, Ensemble]):
    assert {"Talks: session", "Talks: session ends"} <= set(words(draw_timeline(ensembles["two-state-channel"])))


def test_every_event_of_the_article_is_an_event_of_the_case(ensembles: dict[str, Ensemble], article: pd.DataFrame):
    shown = words(draw_timeline(ensembles["beijing-1999"], article))
    assert len(article) >= 12
    assert [row for row in article["row"] if row not in shown] == []


# -- histories ----------------------------------------------------------------------------------------------------


def bars(figure: Figure, panel: int, colour: str) -> list[tuple[float, float]]:
    """From when to when the bars of a colour reach."""
    from matplotlib.colors import to_hex

    found = [patch for patch in figure.axes[panel].patches if to_hex(patch.get_facecolor()) == colour.lower()]
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in found if hasattr(bar, "get_width")]


def test_sessions_last_from_meeting_to_adjourning(ensembles: dict[str, Ensemble]):
    talks = ensembles["two-state-channel"]
    events = talks.events[talks.events["run"] == 1]
    start = day_of(talks.scenario.start)
    begins = start + events.loc[events["kind"] == "meet", "day"].to_numpy()
    ends = start + events.loc[events["kind"] == "adjourn", "day"].to_numpy()
    ends = np.append(ends, start + talks.until) if len(ends) < len(begins) else ends
    drawn = bars(draw_histories(talks, [1]), 0, "#0072B2")
    assert len(drawn) > 1
    shortest = talks.until / 600
    expected = [(a, max(b, a + shortest)) for a, b in zip(begins, ends, strict=True)]
    assert np.array(drawn) == pytest.approx(np.array(expected), abs=1e-4)


def test_a_channel_open_from_the_start_is_drawn_open_to_the_end(ensembles: dict[str, Ensemble]):
    talks = ensembles["two-state-channel"]
    ((left, right),) = bars(draw_histories(talks, [0]), 0, "#56B4E9")
    assert (left, right) == pytest.approx((day_of("2001-01-01"), day_of("2002-01-01")))


def test_a_concession_is_in_force_from_its_beginning_to_its_end(river: Ensemble):
    lasting = {
        "grain": ("delivered", "suspend"),
        "water": ("complete", "stall"),
        "no_raids": ("withdraw", "broken", "lapsed"),
    }
    figure = draw_histories(river, range(4))
    for run in range(4):
        events = river.events[river.events["run"] == run]
        expected = []
        for subject, ends in lasting.items():
            own = events[events["subject"] == subject]
            begun = own.loc[own["kind"].isin(["begin", "resume"]), "day"].tolist()
            ended = own.loc[own["kind"].isin(ends), "day"].tolist()
            expected += zip(begun, [*ended, river.until][: len(begun)], strict=True)
        drawn = [(a - day_of("2000-01-01"), b - day_of("2000-01-01")) for a, b in bars(figure, run, "#E69F00")]
        assert sorted(a for a, _ in drawn) == pytest.approx(sorted(a for a, _ in expected), abs=1e-4)
        assert sum(b - a for a, b in drawn) == pytest.approx(sum(b - a for a, b in expected), abs=7 * len(drawn))


def test_each_run_has_a_panel_with_its_number_and_the_same_lanes(river: Ensemble):
    figure = draw_histories(river, [4, 2])
    panels = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert [axes.get_title(loc="left") for axes in panels] == ["Run 4", "Run 2"]
    lanes = [[text.get_text() for text in axes.texts] for axes in panels]
    assert lanes[0] == lanes[1]
    assert {"Talks at the river", "Upland", "Lowland"} <= set(lanes[0])


def test_coercive_acts_stand_in_the_lane_of_their_actor(river: Ensemble):
    axes = draw_histories(river, [0]).axes[0]
    (signs,) = [line for line in axes.lines if line.get_marker() == "D"]
    raids = river.events[(river.events["run"] == 0) & (river.events["kind"] == "act")]
    assert len(raids)
    assert signs.get_xdata() - day_of("2000-01-01") == pytest.approx(raids["day"].to_numpy(), abs=1e-4)
    heights = {text.get_text(): text.get_position()[1] for text in axes.texts}
    assert set(signs.get_ydata()) == {heights["Upland"]}


def test_runs_that_are_not_there_are_left_out(river: Ensemble):
    assert "Run 29" in words(draw_histories(river, [29, 30]))
    with pytest.raises(ResultError, match=r"runs \[30\]: the ensemble has runs 0 to 29"):
        draw_histories(river, [30])


# -- the ledger ---------------------------------------------------------------------------------------------------


def cells(figure: Figure, label: str) -> list[str]:
    """What stands in the five columns of a line (a dot, or a mean), and after them."""
    shown = [word for word in words(figure) if not word.startswith("±")]
    place = shown.index(label)
    return shown[place + 1 : place + 7]


def mean_count(ensemble: Ensemble, subject: str, *kinds: str) -> str:
    events = ensemble.events
    found = events["kind"].isin(kinds) & (events["subject"].astype(str) == subject)
    return f"{found.sum() / ensemble.runs:.2f}"


def accords_with(ensemble: Ensemble, *items: str) -> str:
    accords = ensemble.events.loc[ensemble.events["kind"] == "agree", "subject"].astype(str)
    return f"{sum(set(items) <= set(subject.split('+')) for subject in accords) / ensemble.runs:.2f}"


def test_a_line_of_the_ledger_counts_what_the_event_table_shows(river: Ensemble):
    figure = draw_ledger(river)
    flow = [mean_count(river, "grain", "pledge"), accords_with(river, "grain"), mean_count(river, "grain", "begin")]
    flow += [mean_count(river, "grain", "delivered"), mean_count(river, "grain", "renege")]
    assert cells(figure, "A shipment of grain")[:5] == flow
    act = ["·", accords_with(river, "prisoners"), *[mean_count(river, "prisoners", "begin")] * 2]
    assert cells(figure, "Prisoners sent home")[:5] == [*act, mean_count(river, "prisoners", "renege")]
    broken = mean_count(river, "no_raids", "renege", "withdraw", "broken")
    assert cells(figure, "No raids across the river")[3:5] == ["·", broken]


def test_a_long_label_of_the_ledger_is_set_on_two_lines_and_not_cut():
    label = "The Additional Protocol and the roadmap with the inspectors"
    case = load_scenario("template")
    named = case.concession["water"].model_copy(update={"label": label})
    case = case.model_copy(update={"concession": {**case.concession, "water": named}})
    figure = draw_ledger(simulate(case, runs=20))
    assert label in [" ".join(word.split()) for word in words(figure)]
    assert misplaced(figure) == ([], [])


def test_means_of_the_ledger_have_their_error(river: Ensemble):
    counts = np.zeros(river.runs)
    begun = river.events[(river.events["kind"] == "begin") & (river.events["subject"] == "grain")]
    np.add.at(counts, begun["run"].to_numpy(), 1)
    assert f"±{counts.std(ddof=1) / np.sqrt(river.runs):.2f}" in words(draw_ledger(river))


def test_the_ledger_names_what_the_other_side_gave(ensembles: dict[str, Ensemble]):
    pair = ensembles["bargaining-pair"]
    figure = draw_ledger(pair)
    together = accords_with(pair, "grain", "timber")
    assert float(together) > 0
    assert cells(figure, "Grain")[5] == f"Timber {together}"
    assert cells(figure, "Timber")[5] == f"Grain {together}"


# -- the state ----------------------------------------------------------------------------------------------------


def test_the_line_is_the_median_and_the_band_holds_eighty_percent(river: Ensemble):
    axes = draw_state(river, ["resentment"]).axes[0]
    pairs = river.compiled.labels.pairs
    for line, band, pair in zip(axes.lines, axes.collections, pairs, strict=True):
        path = river.paths["resentment"][:, pairs.index(pair)]
        assert line.get_ydata() == pytest.approx(np.median(path, axis=1), abs=1e-5)
        edge = band.get_paths()[0].vertices[:, 1]
        assert edge.max() == pytest.approx(np.quantile(path, 0.9, axis=1).max(), abs=1e-5)
    assert axes.lines[0].get_xdata()[0] == day_of(river.scenario.start)


def test_a_run_that_exploded_does_not_hide_how_the_state_of_the_others_moved(river: Ensemble):
    path = river.paths["resentment"].copy()
    path[5:, :, 0] = np.nan
    day = float(river.compiled.world.tick_times[5])
    spoilt = replace(river, paths={"resentment": path}, stopped=(np.array([0]), np.array([day])))
    figure = draw_state(spoilt)
    pair = river.compiled.labels.pairs.index(river.compiled.labels.pairs[0])
    assert figure.axes[0].lines[0].get_ydata() == pytest.approx(np.median(path[:, pair, 1:], axis=1), abs=1e-5)
    assert any("(1 exploded, left out)" in word for word in words(figure))
    every = replace(spoilt, stopped=(np.arange(river.runs), np.full(river.runs, day)))
    assert "Every run exploded" in words(draw_state(every))


def test_a_quantity_that_the_scenario_has_nothing_of_is_left_out(ensembles: dict[str, Ensemble]):
    pair = ensembles["bargaining-pair"]
    assert not any(word.startswith("Need") for word in words(draw_state(pair)))
    assert "There is nothing of this in the scenario" in words(draw_state(pair, ["need"]))


def test_pairs_that_do_not_move_are_left_out(ensembles: dict[str, Ensemble]):
    titles = [axes.get_title(loc="left") for axes in draw_state(ensembles["beijing-1999"], ["resentment"]).axes]
    assert len(titles) == 3
    assert not [title for title in titles if "United Nations" in title]


def test_more_panels_can_be_asked_for(ensembles: dict[str, Ensemble]):
    few, many = (draw_state(ensembles["beijing-1999"], ["credibility"], most=most) for most in (1, 3))
    assert len(few.axes) == 1
    assert len(many.axes) == 3
    assert few.axes[0].get_title(loc="left") in [axes.get_title(loc="left") for axes in many.axes]


def test_a_label_that_is_a_little_too_long_is_set_smaller_and_one_much_too_long_is_cut():
    figure = Figure(figsize=(8, 2))
    axes = figure.add_axes((0.5, 0.1, 0.4, 0.8))
    label = "How strongly the unanswered demand on abductions breaks talks"
    write_labels(axes, [label, "short", 2 * label])
    whole, short, cut = axes.texts
    assert (whole.get_text(), short.get_text()) == (label, "short")
    assert cut.get_text().endswith("…")
    assert SMALLEST * LARGE <= cut.get_fontsize() < whole.get_fontsize() < short.get_fontsize() == LARGE
    for text in axes.texts:
        assert measure_width(text.get_text(), text.get_fontsize()) <= LONGEST + 0.01
