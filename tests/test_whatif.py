"""Can a what-if be asked from the shell, and do its pictures show what the answer says?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import negsim
from negsim.cli import main
from negsim.plots import draw_answer, draw_outcomes, draw_partings

pytestmark = pytest.mark.xdist_group("whatif")  # one worker: what is shown is asked once

CASE = "two-state-channel"


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("question") / "ban.toml"
    compiled = negsim.load_scenario(CASE)
    channel = next(iter(compiled.channel))
    file.write_text(
        f'name = "ban"\nquestion = "What if nobody could meet for half a year?"\n'
        f'[[ban]]\nmove = "meet:*:{channel}:"\nuntil = {compiled.start.replace(month=6, day=30)}\n'
        f'[[watch]]\nevent = "meet"\nlabel = "they meet"\nby = {compiled.start.replace(month=12, day=31)}\n'
        f'[[watch]]\nevent = "adjourn"\nlabel = "a session ends"\n'
    )
    return file


@pytest.fixture(scope="module")
def answer(question: Path) -> negsim.Counterfactual:
    channel = negsim.load_scenario(CASE).channel
    name, sides = next(iter(channel)), next(iter(channel.values())).sides
    start = negsim.load_scenario(CASE).start
    meet, adjourn = (f"{kind}:{sides[0][0]}:{name}:" for kind in ("meet", "adjourn"))
    rows = [(start.replace(month=3), meet), (start.replace(month=8), adjourn)]
    return negsim.counterfactual(CASE, None, question, given=rows, seed=2, runs=200)


def test_a_question_is_answered_in_sentences_tables_and_pictures(question, tmp_path, capsys):
    folder = tmp_path / "out"
    assert main(["whatif", CASE, str(question), "--runs", "40", "--out", str(folder)]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("What if nobody could meet for half a year?")
    assert "a ban postpones" in " ".join(said.out.split())
    assert max(map(len, said.out.splitlines())) <= 120
    written = {file.name for file in folder.iterdir()}
    assert written >= {
        "answer.txt",
        "question.toml",
        "interventional.csv",
        "outcomes.png",
        "partings.png",
        "provenance.json",
    }
    assert (folder / "answer.txt").read_text().split() == said.out.split()


def test_without_a_question_those_of_the_case_are_listed(capsys):
    assert main(["whatif", "beijing-1999"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert len(listed) == len(negsim.what_ifs("beijing-1999"))
    assert all(line.endswith("?") for line in listed)


def test_a_case_without_questions_shows_one_that_can_be_asked(capsys, tmp_path):
    for case in ("two-state-channel", "template"):
        assert main(["whatif", case]) == 0
        file = tmp_path / "question.toml"
        file.write_text(capsys.readouterr().out.partition("\n\n")[2])
        assert negsim.load_intervention(case, file).remove


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-question"], "no such file"),
        (["QUESTION", "--set", "channel.talks.rates.opne=1"], "did you mean"),
        (["QUESTION", "--only", "retrospective"], "told what happened"),
        (["QUESTION", "--given", "nowhere.csv"], "no such file"),
        (["QUESTION", "--until", "1801-01-01"], "allowed: a date from"),
        (["QUESTION", "--posterior", "nowhere"], "is missing"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(question, words, said, capsys):
    asked = [str(question) if word == "QUESTION" else word for word in words]
    assert main(["whatif", CASE, *asked, "--runs", "2"]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err


def test_a_history_with_vague_dates_is_refused_with_the_way_to_look_back_on_it(question, tmp_path, capsys):
    (tmp_path / "events.csv").write_text("date,kind,channel\n2001-03,meet,talks\n")
    words = ["whatif", CASE, str(question), "--runs", "4", "--given", str(tmp_path / "events.csv")]
    assert main(words) == 2
    assert "is looked back on by --posterior, of a fit" in capsys.readouterr().err


def test_a_forced_move_that_is_impossible_is_wrong_input(question, tmp_path, capsys):
    case = negsim.load_scenario(CASE)
    name, channel = next(iter(case.channel.items()))
    file = tmp_path / "force.toml"
    file.write_text(f'name = "force"\n[[force]]\nmove = "adjourn:{channel.sides[0][0]}:{name}:"\ndate = {case.start}\n')
    assert main(["whatif", CASE, str(file), "--runs", "2"]) == 2
    assert "if_impossible" in capsys.readouterr().err


def test_the_picture_of_outcomes_shows_the_numbers_of_the_answer(answer):
    figure = draw_outcomes(answer)
    shares, difference, recalled = figure.axes
    row = answer.interventional.outcomes.iloc[0]
    drawn = {round(float(line.get_xdata()[0]), 6) for line in shares.lines if len(line.get_xdata()) == 1}
    assert {round(100 * row["without"], 6), round(100 * row["changed"], 6)} <= drawn
    bars = sorted(patch.get_width() for patch in difference.patches)
    np.testing.assert_allclose(bars, sorted(400 * answer.interventional.outcomes["independent_se"]))
    past = answer.retrospective.outcomes.iloc[0]
    drawn = {round(float(line.get_xdata()[0]), 6) for line in recalled.lines if len(line.get_xdata()) == 1}
    assert {round(100 * past[name], 6) for name in ("without", "changed", "other")} <= drawn


def test_a_share_of_none_of_the_pairs_has_a_bar_in_the_picture():
    early = {"event": "meet", "label": "they meet", "by": negsim.load_scenario(CASE).start}
    found = negsim.counterfactual(CASE, None, {"name": "early", "watch": [early]}, seed=2, runs=4)
    assert found.interventional.outcomes["without"].tolist() == [0.0]
    bars = [line.get_xdata() for line in draw_outcomes(found).axes[0].lines if len(line.get_xdata()) == 2]
    assert [tuple(bar) for bar in bars] == [(0.0, pytest.approx(200 * np.sqrt(5 / 6 / 6 / 7)))] * 2


def test_the_picture_of_partings_ends_at_the_share_that_parts(answer):
    curves = draw_partings(answer).axes[0].lines
    for curve, part in zip(curves, answer.products.values(), strict=True):
        share = 100 * np.isfinite(part.partings.day).mean()
        assert curve.get_ydata()[-1] == pytest.approx(share)


def test_a_question_that_changes_nothing_can_be_drawn(tmp_path):
    nothing = negsim.counterfactual(CASE, None, {"name": "nothing"}, runs=4)
    assert [file.name for file in draw_answer(nothing, tmp_path)] == ["partings.png"]
    assert "What if: nothing?" in str(draw_outcomes(nothing).texts)


def test_a_headline_is_one_sentence_with_its_uncertainty(answer):
    told = answer.headline()
    assert told.startswith("What if nobody could meet for half a year? A session ends: ")
    assert "in the model" in told
    assert "looking back" in told
    assert "±" in told or "at most" in told
    assert "\n" not in told
