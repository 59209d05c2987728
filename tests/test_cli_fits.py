"""Does the shell fit and forecast, and does it say what is wrong with what it is given?"""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

import negsim
from negsim.cli import main
from negsim.cli.theories import write_changes

pytestmark = pytest.mark.xdist_group("cli_fits")  # one worker: what is asked about is fitted once


@pytest.fixture(scope="module")
def textbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the textbook channel, its rate of meeting free, and a chronology of one of its histories."""
    folder = tmp_path_factory.mktemp("textbook")
    case = negsim.load_scenario("two-state-channel")
    data = case.model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + 7)
    prior = {"family": "gamma", "a": 4.0, "b": 2.0}
    data["parameter"] = [{"name": "meeting", "numbers": ["channel.talks.rates.meet"], "prior": prior}]
    case = negsim.Scenario.model_validate(data)
    negsim.save_scenario(case, folder / "case.toml")
    events = negsim.simulate(case, runs=1, seed=5).events
    write_events(folder / "events.csv", [(row.date.date(), row.kind, row.channel) for row in events.itertuples()])
    return folder


def write_events(path: Path, rows: list[tuple[dt.date | str, str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["date", "kind", "channel"])
        writer.writerows(rows)


@pytest.fixture(scope="module")
def fitted(textbook: Path) -> Path:
    told = ["--chronology", textbook / "events.csv", "--until", "2002-12-31", "--even-if-too-much"]
    case, out = textbook / "case.toml", textbook / "fit"
    assert main([str(word) for word in ("fit", case, *told, "--seed", 2, "--out", out)]) == 0
    return out


def test_a_fit_is_kept_with_what_it_was_fitted_to(textbook, fitted):
    posterior = negsim.Posterior.load(fitted)
    assert posterior.names == ("meeting",)
    assert posterior.provenance["asked"]["case"] == str(textbook / "case.toml")
    assert posterior.provenance["until"] == "2002-12-31"


def test_a_fit_is_diagnosed_from_its_folder_and_the_answer_is_kept(fitted, said, tmp_path):
    words = ("diagnose", fitted, "--draws", "20", "--histories", "20", "--no-influence")
    code, out, _ = said(*words, "--out", tmp_path / "said.txt")
    assert code == 0
    assert "What was learned" in out
    assert "Which event carries the claim" not in out
    assert (tmp_path / "said.txt").read_text(encoding="utf-8") == out
    code, out, err = said(*words, "--out", tmp_path / "checks")
    assert (code, err) == (0, f"{tmp_path / 'checks' / 'diagnosis.txt'}: written\n")
    assert (tmp_path / "checks" / "diagnosis.txt").read_text(encoding="utf-8") == out


def test_a_what_if_may_name_the_file_that_the_fit_was_told(textbook, fitted, said, tmp_path):
    question = tmp_path / "slow.toml"
    question.write_text('question = "?"\n[[number]]\npath = "channel.talks.rates.meet"\nmultiply = 0.5\n')
    words = ("whatif", textbook / "case.toml", question, "--runs", "4", "--posterior", fitted)
    code, out, _ = said(*words, "--given", textbook / "events.csv")
    assert code == 0
    assert "the record `events`" in out
    assert said(*words)[1] == out


def test_a_forecast_asks_about_the_event_that_was_named(fitted, said):
    words = ("forecast", fitted, "--runs", "20", "--seed", "3")
    code, out, _ = said(*words, "--event", "meet::talks:")
    assert code == 0
    assert "meet::talks:" in out
    assert said(*words, "--event", "meet::talks:")[1] == out


@pytest.mark.xdist_group("compiled")  # one process compiles for all
def test_a_run_and_a_forecast_are_the_same_by_either_engine(fitted, said):
    for words in (("run", "template", "--runs", 20), ("forecast", fitted, "--runs", 20)):
        code, out, _ = said(*words)
        assert code == 0
        assert said(*words, "--engine", "auto")[1] == out


def test_a_forecast_leaves_the_dates_of_what_never_comes_blank(fitted, said):
    _, out, _ = said("forecast", fitted, "--runs", "1")
    never = [line for line in out.splitlines() if line.split()[1:2] == ["0.000"]]
    assert never
    assert not any("None" in line or "-" in line for line in never)


def test_a_forecast_may_go_beyond_the_scenarios_end_and_says_so(fitted, said):
    code, out, _ = said("forecast", fitted, "--runs", "10", "--until", "2009-12-31")
    assert code == 0
    assert "to 2009-12-31" in out
    assert "nothing new comes from outside" in out


@pytest.mark.usefixtures("quick_explanations")
def test_a_fit_is_explained_with_every_event_its_rivals_and_what_could_be_told(fitted, said, tmp_path):
    sizes = ("--histories", 20, "--keep", tmp_path / "kept", "--out", tmp_path / "said")
    code, out, _ = said("explain", fitted, *sizes)
    assert code == 0
    assert "fit, not forecast" in out
    events = re.findall(r"^ *\S+ .* \d{4}-\d\d-\d\d( +[01]\.\d\d ± 0\.\d\d){3} +weights$", out, re.MULTILINE)
    assert len(events) == len(pd.read_csv(tmp_path / "said" / "explanation.csv")) > 3
    assert "every theory (static)" in out
    assert "cannot tell the model from the static one" in out  # it has no theories: they are the same
    assert "Could it be told?" in out
    written = {file.name for file in (tmp_path / "said").iterdir()}
    assert written == {"explanation.csv", "explanation.png", "evidence.csv", "information.csv", "information.png"}


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([("2001-02-31", "meet", "talks")], "row 1"),
        ([("2001-02-03", "meet", "talks"), ("2001-03-04", "meat", "talks")], "row 2"),
        ([("1901-02-03", "meet", "talks")], "row 1"),
        ([("2001-02-03", "meet", "talks"), ("2001-03-03", "meet", "talks")], "row 2"),
    ],
    ids=["no such date", "no such move", "outside the window", "impossible in the state"],
)
def test_a_bad_chronology_names_its_row_and_what_was_fitted_is_kept(textbook, fitted, said, tmp_path, rows, place):
    before = (fitted / "posterior.json").read_bytes()
    write_events(tmp_path / "bad.csv", rows)
    words = ("fit", textbook / "case.toml", "--chronology", tmp_path / "bad.csv", "--out", fitted)
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert place in err
    assert "Traceback" not in err
    assert (fitted / "posterior.json").read_bytes() == before


def test_too_many_parameters_are_refused_with_the_option_that_allows_them(textbook, said, tmp_path):
    write_events(tmp_path / "one.csv", [("2001-02-03", "meet", "talks")])
    code, _, err = said("fit", textbook / "case.toml", "--chronology", tmp_path / "one.csv")
    assert code == 2
    assert "--even-if-too-much" in err


def test_a_prior_that_explodes_is_refused_with_the_option_that_allows_it(textbook, said, tmp_path, monkeypatch):
    write_events(tmp_path / "some.csv", [("2001-02-03", "meet", "talks")])
    monkeypatch.setattr("negsim.calibration.outlook.PriorOutlook.bound", 0.0)
    words = ("fit", textbook / "case.toml", "--chronology", tmp_path / "some.csv", "--even-if-too-much")
    code, _, err = said(*words)
    assert code == 2
    assert "--even-if-explosive" in err
    assert "even_if_explosive" not in err


def test_a_forecast_from_a_case_that_has_changed_is_refused(textbook, fitted, said):
    case = textbook / "case.toml"
    written = case.read_text()
    case.write_text(written.replace('title = "', 'title = "Another '))
    code, _, err = said("forecast", fitted)
    case.write_text(written)
    assert code == 2
    assert "has changed since it was fitted" in err


def test_a_fit_whose_files_are_elsewhere_says_so(textbook, fitted, said):
    case = textbook / "case.toml"
    case.rename(textbook / "moved.toml")
    code, _, err = said("forecast", fitted)
    (textbook / "moved.toml").rename(case)
    assert code == 2
    assert f"was fitted to {case}, which is not here: call negsim from the folder in which it was fitted" in err


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (None, "does not say which"),
        ({}, "does not say which"),
        (5, "does not say which"),
        ({"until": "soon"}, "a date"),
    ],
)
def test_a_fit_edited_by_hand_is_refused_in_words(fitted, said, tmp_path, asked, words):
    shutil.copytree(fitted, tmp_path / "fit")
    head = tmp_path / "fit" / "posterior.json"
    told = json.loads(head.read_text())
    told["provenance"]["asked"] = {**told["provenance"]["asked"], **asked} if asked == {"until": "soon"} else asked
    head.write_text(json.dumps(told))
    code, _, err = said("forecast", tmp_path / "fit")
    assert code == 2
    assert words in err


def test_a_forecast_from_a_folder_without_a_fit_is_refused(said, tmp_path):
    for command in ("forecast", "diagnose"):
        code, _, err = said(command, tmp_path)
        assert code == 2
        assert "negsim fit" in err


def test_a_forecast_is_registered_and_scored_and_a_bad_row_of_events_is_named(fitted, said, tmp_path):
    file, events = tmp_path / "ahead.json", tmp_path / "events.csv"
    code, out, _ = said("register", fitted, file, "--until", "2004-12-31", "--runs", "20")
    assert code == 0
    digest = out.partition("digest ")[2].split()[0]
    assert said("register", fitted, file)[0] == 2
    own = ("--until", "2004-12-31", "--runs", "20", "--event", "meet::talks")
    assert "2004-12-31, 1 questions" in said("register", fitted, tmp_path / "own.json", *own)[1]
    code, _, err = said("register", fitted, tmp_path / "slip.json", *own, "--event", "meet::tlks")
    assert (code, (tmp_path / "slip.json").exists()) == (2, False)
    assert "did you mean meet::talks?" in err
    write_events(events, [("2003-02-03", "meet", "talks")])
    code, out, _ = said("score", file, events, "--observed-until", "2003-12-31", "--digest", digest[:10])
    assert code == 0
    assert "model" in out
    assert "left aside" not in out
    assert "scored from 2003-01-01 to 2003-12-31, the end of the last whole month observed" in out
    assert "rps_count   the same for how often it happened" in out  # a reader need not look for it elsewhere
    assert "no such file" in said("score", file, events, "--codebook", tmp_path / "none.toml")[2]
    write_events(events, [("2001-02-03", "meet", "talks"), ("2003-02-03", "meet", "talks")])
    assert "1 event was left aside: from before" in said("score", file, events)[1]
    write_events(events, [("2003-02-03", "meet", "talks"), ("2003-02-30", "meet", "talks")])
    code, _, err = said("score", file, events)
    assert code == 2
    assert "row 2" in err
    file.write_text(file.read_text().replace('"until": "2004-12-31"', '"until": "2004-12-30"'))
    code, _, err = said("score", file, events)
    assert code == 2
    assert "has been changed" in err


def test_a_change_of_nothing_has_no_sign():
    table = pd.DataFrame(
        {"without": ["season"], "change": [-0.001], "error": [0.002], "evidence_for": [1.0], "at_most": [0.0],
         "at_most_error": [0.0], "says": ["cannot tell"]}
    )  # fmt: skip
    assert " 0.00 ± <.01" in write_changes(table)
    assert "-0.00" not in write_changes(table)


def test_fits_that_an_interrupt_loses_or_not_are_told(fitted, said, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("negsim.forecasts.comparison.compare_theories", interrupt)
    monkeypatch.setattr("negsim.forecasts.accounts.account_for", interrupt)
    for command in ("compare", "explain"):
        assert said(command, fitted)[::2] == (
            130,
            "\nnegsim: finished fits are lost; with --keep DIR a stop loses none\nnegsim: interrupted\n",
        )
        code, _, err = said(command, fitted, "--keep", tmp_path / "kept")
        assert (code, f"finished fits are in {tmp_path / 'kept'}; the same command takes them up again" in err) == (
            130,
            True,
        )
