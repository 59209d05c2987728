"""Is whatever a stranger hands in told in words, with exit code 2 and no traceback?"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import negsim
from negsim.cli.words import write_plainly
from negsim.compiler import compile_case
from negsim.csv_files import read_numbers
from negsim.problems import ScenarioError, require_whole
from negsim.scenario_files import check_scenario

TUTORIAL = Path(__file__).parents[1] / "examples" / "tutorial"
HARBOUR = TUTORIAL / "harbour.toml"
EVENTS = TUTORIAL / "events.csv"
SWEEP = ("sweep", str(HARBOUR), "--runs", "4", "--store")


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of things that are not what they should be, where the shell stands."""
    scenario, events = HARBOUR.read_text("utf-8"), EVENTS.read_text("utf-8")
    without_ids = [line.partition(",")[2] for line in events.splitlines()]
    files = {
        "empty.toml": b"",
        "letters.toml": scenario.replace("isle", "île").encode(),
        "copied.csv": "\n".join([*without_ids, without_ids[1]]).encode(),
        "slip.csv": events.replace("reason", "reason,afer", 1).encode(),
        "zone.csv": events.replace("2010-03-14", "2010-03-14T12:00+09:00").encode(),
        "words.csv": b"concession.quay.cost,tempo\n0.5,high\nnan,2\n",
        "file": b"x",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.csv").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


ODD = {
    "empty question": (("whatif", str(HARBOUR), "empty.toml"), "an empty file"),
    "letters in names": (("check", "letters.toml"), "names are written with a-z"),
    "pasted twice": (("check", str(HARBOUR), "--chronology", "copied.csv"), "row 18: given the same as row 1"),
    "slip in an option": (("run", str(HARBOUR), "--rnus=5"), "arguments: --rnus=5; did you mean --runs?"),
    "no such option": (("register", "a", "b", "--zebra", "x"), "unrecognized arguments: --zebra x\n"),
    "slip in a command": (("forcast", "a"), "there is no command 'forcast'; did you mean forecast?"),
    "no such command": (("zebra",), "there is no command 'zebra'; there are list, show, "),
    "slip in a column": (("check", str(HARBOUR), "--chronology", "slip.csv"), "a column afer"),
    "time zone": (("check", str(HARBOUR), "--chronology", "zone.csv"), "did you mean 2010-03-14?"),
    "folder as a chronology": (("fit", str(HARBOUR), "--chronology", "folder.csv"), "given a directory"),
    "codebook alone": (("check", str(HARBOUR), "--codebook", "x.toml"), "--chronology"),
    "name longer than a file may have": (("check", "x" * 300), 'x...": File name too long'),
    "endless name for a copy": (("new", "x" * 300), 'x...": File name too long'),
    "endless name of a chronology": (("fit", str(HARBOUR), "--chronology", "x" * 300), 'x...": File name too long'),
    "file without a name": (("new", ""), "the file has no name"),
    "file in no folder": (("new", "nowhere/x.toml"), "nowhere/x.toml: No such file or directory"),
    "folder without a name": (("run", str(HARBOUR), "--out", " "), "has no name"),
    "unknown parameter": (
        ("fit", str(HARBOUR), "--chronology", str(EVENTS), "--free", "nobody"),
        "no prior is declared for nobody; parameters with a prior: tempo",
    ),
    "file as a fit": (("forecast", "file"), "allowed: a folder that `negsim fit"),
    "file as a store": ((*SWEEP, "file", "--vary", "tempo=1,2"), "file exists already and is no folder"),
    "file as a sweep": (("resume", "file"), "no sweep is here"),
    "endless range": ((*SWEEP, "store", "--vary", "tempo=1:inf:3"), "is none of KEY=A:B:N"),
    "host without a name": (("app", str(HARBOUR), "--host", ""), "--host: it has no name"),
    "store without a name": ((*SWEEP, "", "--vary", "tempo=1,2"), "--store: the folder has no name"),
    "table in no folder": (("compare", "file", "--out", "nowhere/x.csv"), "there is no folder nowhere"),
    "table in place of a folder": (("diagnose", "file", "--out", "folder.csv"), "folder.csv is a folder"),
    "scores without a name": (("score", "file", "file", "--out", ""), "the file for results has no name"),
    "more levels than can be": ((*SWEEP, "store", "--vary", "tempo=1:2:1000000000"), "N levels, 2 to 100,000"),
    "more runs than can be": (("run", str(HARBOUR), "--runs", "1000000000000"), "is more than 100,000,000"),
    "words for numbers": ((*SWEEP, "store", "--table", "words.csv"), 'row 2, column concession.quay.cost: given "nan"'),
}


@pytest.mark.usefixtures("odd")
@pytest.mark.parametrize(("words", "expected"), ODD.values(), ids=ODD)
def test_odd_input_is_told_in_words_with_exit_code_2(said, words, expected):
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert expected in err
    assert "Traceback" not in err


def test_a_folder_that_may_not_be_written_to_is_told_before_anything_is_computed(said, tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    code, out, err = said("run", str(HARBOUR), "--out", str(tmp_path))
    assert (code, out) == (2, "")
    assert "may not be written to" in err


@pytest.mark.parametrize(("file", "content"), [("sweep.json", "[]"), ("sweep.json", "{"), ("design.parquet", "x")])
def test_a_damaged_store_is_a_mistake_of_what_was_handed_in_as_a_damaged_fit_is(said, tmp_path, file, content):
    store = tmp_path / "store"
    negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2, store=store)
    (store / file).write_text(content)
    for command in (("resume", str(store)), ("expand", str(store), "--runs", "3")):
        code, out, err = said(*command)
        assert (code, out) == (2, "")
        assert f"{file} " in err


@pytest.mark.parametrize("nameless", ["", " "])
def test_a_place_without_a_name_is_not_the_folder_where_one_stands(tmp_path, monkeypatch, nameless):
    monkeypatch.chdir(tmp_path)
    ensemble, answer = negsim.simulate(HARBOUR, runs=2), negsim.counterfactual(HARBOUR, None, {"name": "x"}, runs=2)
    calls = {
        "directory": [ensemble.save, answer.save, negsim.load_results],
        "path": [lambda name: negsim.save_scenario(ensemble.scenario, name)],
        "store": [lambda name: negsim.sweep(HARBOUR, {"tempo": [1]}, runs=2, store=name), negsim.resume_sweep],
        "folder": [negsim.open_sweep],
    }
    for name, some in calls.items():
        for call in some:
            with pytest.raises(ValueError, match=f"^{name} must have a name, not '{nameless}'$"):
                call(nameless)
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_without_some_letters_gets_plain_ones():
    letters = io.BytesIO()
    stream = io.TextIOWrapper(letters, encoding="ascii")
    write_plainly(stream)
    stream.write("Île: 0.5 ± 0.1")
    stream.flush()
    assert letters.getvalue() == b"?le: 0.5 +- 0.1"


def test_columns_of_a_chronology_may_have_any_capitals(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text(EVENTS.read_text("utf-8").replace("id,date,kind", "ID,Date,Kind", 1))
    assert len(negsim.load_chronology(str(HARBOUR), file).moves) == len(negsim.load_chronology(HARBOUR, EVENTS).moves)


def test_columns_that_are_only_kept_may_have_any_name_of_their_own(tmp_path):
    file = tmp_path / "events.csv"
    text = EVENTS.read_text("utf-8").replace("status,reason", "status,reason,source,note,type,state", 1)
    file.write_text(text, "utf-8")
    assert len(negsim.load_chronology(str(HARBOUR), str(file)).rows) == 17


def test_points_may_have_decimal_commas(tmp_path):
    file = tmp_path / "points.csv"
    file.write_text("tempo;cool\n0,5;1.5\n1;-2e-1\n")
    assert read_numbers(file, "points.csv", "points") == {"tempo": [0.5, 1.0], "cool": [1.5, -0.2]}


@pytest.mark.parametrize("given", [0, 1.0, "5", None, True, float("nan")])
def test_what_is_no_count_is_refused_by_name(given):
    with pytest.raises(ValueError, match="runs must be a whole number of at least 1, not"):
        require_whole("runs", given)
    with pytest.raises(ValueError, match="seed must be a whole number of at least 0"):
        negsim.simulate(HARBOUR, runs=2, seed=-1 if given == 0 else given)


def told() -> negsim.Chronology:
    """What is told of the harbour."""
    return negsim.load_chronology(HARBOUR, EVENTS)


CALLS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "text of a case": (
        lambda: negsim.simulate(HARBOUR.read_text("utf-8"), runs=2),
        ScenarioError,
        "not what stands in one",
    ),
    "endless name": (lambda: negsim.simulate("x" * 300, runs=2), ScenarioError, r"a file \(File name too long"),
    "no case": (lambda: negsim.simulate(None, runs=2), TypeError, "case must be a Scenario, a text"),
    "no case to fit": (lambda: negsim.fit(7), TypeError, "case must be a Scenario, a text"),
    "no case to study": (lambda: negsim.sbc(7), TypeError, "case must be a Scenario, a text"),
    "no parameter of a path": (lambda: negsim.fit(HARBOUR, EVENTS, free=["x"]), ValueError, "no prior is declared for"),
    "none to study": (lambda: negsim.sbc(HARBOUR, simulations=1, free=["x"]), ValueError, "no prior is declared for"),
    "no number": (lambda: negsim.simulate(HARBOUR, runs=2, params={"cool": float("nan")}), ValueError, "finite"),
    "a table of numbers": (
        lambda: negsim.replay(HARBOUR, [], params={"cool": [[1, 2], [3, 4]]}),
        ValueError,
        r"params\['cool'\]: shape \(2, 2\)",
    ),
    "no possible rate": (
        lambda: negsim.simulate(HARBOUR, runs=2, params={"tempo": [1, -1]}),
        ScenarioError,
        "at least 0",
    ),
    "words as a number": (
        lambda: negsim.simulate(HARBOUR, runs=2, params={"tempo": "high"}),
        ValueError,
        "is no number",
    ),
    "a number in quotes": (
        lambda: negsim.simulate(HARBOUR, runs=2, params={"channel.talks.rates.plan": "1"}),
        ValueError,
        "is no number",
    ),
    "no question": (
        lambda: negsim.counterfactual(HARBOUR, None, None),
        TypeError,
        "intervention must be an Intervention, a mapping",
    ),
    "seed of a sweep": (lambda: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2, seed=-1), ValueError, "seed must"),
    "range of one end": (lambda: negsim.Design.sobol({"tempo": (1.0,)}, 4), ValueError, "a range is"),
    "fewer points than none": (lambda: negsim.Design.latin_hypercube({"tempo": (1, 2)}, -1), ValueError, "n must be"),
    "moment in a zone": (
        lambda: negsim.replay(HARBOUR, [(dt.datetime(2010, 5, 1, tzinfo=dt.UTC), "act:coast::seizure")]),
        ScenarioError,
        "without a time zone",
    ),
    "no pair": (lambda: negsim.replay(HARBOUR, [3]), ScenarioError, "a pair"),
    "cut before the window": (
        lambda: negsim.load_chronology(HARBOUR, EVENTS).cut("2009-12-31"),
        ValueError,
        "last must be a day from 2010-01-01",
    ),
    "nothing for a compiled case": (lambda: told().number(None), TypeError, "compiled must be a Compiled, not None"),
    "another case": (lambda: told().number(compile_case("template")), ValueError, "template has no move .*; the chron"),
    "coverage of another case": (lambda: told().coverage(compile_case("template")), ValueError, "template has no move"),
    "a word for a day": (lambda: told().date("x"), TypeError, "day must be a number, not 'x'"),
    "no day": (lambda: told().date(float("nan")), ValueError, "day must be a number of days to a date, not nan"),
    "a day after all dates": (lambda: told().date(1e9), ValueError, "day must be a number of days to a date"),
    "words for days": (lambda: told().sort("x"), TypeError, r"days must be numbers, shape \(points, \d+\), not 'x'"),
    "days of one move": (lambda: told().sort([[1.0]]), ValueError, r"days has the shape \(1, 1\); it must be"),
    "words for a point": (lambda: told().stack(compile_case(HARBOUR), "x"), TypeError, "unit must be numbers"),
    "points of two lengths": (lambda: told().log_volume([[1], [1, 2]]), TypeError, "unit must be numbers"),
    "a history in words": (
        lambda: told().find_point(compile_case(HARBOUR), "x"),
        TypeError,
        "history must be a History, not 'x'",
    ),
    "one number for a history": (lambda: negsim.replay(HARBOUR, pd.Series([1, 2])), ScenarioError, "a pair"),
    "no number for a sweep": (
        lambda: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2, params={"cool": None}),
        TypeError,
        r"params\['cool'\] must be a number, not None",
    ),
    "no error for a sweep": (
        lambda: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2, precision={"meet.talks": None}),
        TypeError,
        r"precision\['meet.talks'\] must be a number, not None",
    ),
    "a number for an event": (
        lambda: negsim.sweep(HARBOUR, {"tempo": [1]}, runs=2).name_of(3),
        TypeError,
        "event must be a text, not 3",
    ),
    "window in words": (lambda: negsim.load_chronology(HARBOUR, EVENTS, window=("May", None)), ValueError, "a date"),
}


@pytest.mark.parametrize(("call", "kind", "said"), CALLS.values(), ids=CALLS)
def test_odd_arguments_are_refused_in_words(call, kind, said):
    with pytest.raises(kind, match=said):
        call()


@pytest.mark.parametrize(
    ("number", "value", "allowed"),
    [
        ("resentment.half_life_years", -4.0, "above 0"),
        ("resentment.harm_act", -1.0, "of at least 0"),
        ("resentment.harm_act", 0.0, None),
        ("resentment.cool", -1.0, None),
        ("credibility.prior_mean", 1.5, "from 0 to 1"),
        ("credibility.prior_weight", 0.0, "above 0"),
        ("ripeness.patience_years", 0.0, "above 0"),
    ],
)
def test_numbers_of_theories_keep_to_what_they_can_be(tmp_path: Path, number: str, value: float, allowed: str | None):
    term, name = number.split(".")
    file = tmp_path / "wild.toml"
    file.write_text(f"{HARBOUR.read_text('utf-8')}\n[term.{term}]\n{name} = {value}\n", encoding="utf-8")
    found = [(problem.key, problem.allowed) for problem in check_scenario(file)]
    assert found == ([(f"term.{number}", f"a number {allowed}")] if allowed else [])


def test_a_prior_under_which_a_rate_would_be_negative_is_refused(said, tmp_path: Path):
    text, declared = HARBOUR.read_text("utf-8"), '{ family = "lognormal", median = 1.0, sd = 0.6 }'
    file = tmp_path / "wild.toml"
    file.write_text(text.replace(declared, '{ family = "normal", mean = 1.0, sd = 0.6 }', 1), encoding="utf-8")
    code, _, err = said("check", file)
    assert code == 2
    assert err.count("parameter.") == 1
    assert "given a prior of tempo that reaches channel.talks.rates." in err
    for prior in ('{ family = "normal", mean = 1.0, sd = 0.2 }', '{ family = "uniform", low = 0.0, high = 2.0 }'):
        file.write_text(text.replace(declared, prior), encoding="utf-8")
        assert check_scenario(file) == ()


def test_frames_of_polars_are_tables_too():
    polars = pytest.importorskip("polars")
    rows = {"date": ["2010-05-01", "2010-06-01"], "move": ["act:coast::seizure", "plan:isle:talks:"]}
    told = [negsim.replay(HARBOUR, frame).total for frame in (polars.DataFrame(rows), pd.DataFrame(rows))]
    assert told[0] == told[1]
    design = negsim.Design.table(polars.DataFrame({"tempo": [0.5, 1.0], "cool": [0.1, 0.2]}))
    assert design.names == ("tempo", "cool")
    assert design.values.tolist() == [[0.5, 0.1], [1.0, 0.2]]


def test_a_day_may_be_written_wherever_a_date_is_asked_for():
    told = negsim.load_chronology(HARBOUR, EVENTS, window=("2010-01-01", "2013-12-31"))
    assert told.until == dt.date(2013, 12, 31)
    assert told.cut("2011-01-01") == told.cut(dt.date(2011, 1, 1))
    assert negsim.simulate(HARBOUR, runs=2, until="2011-01-01").until == 366.0


def test_what_ships_with_a_case_is_found_by_its_file_and_an_unknown_case_is_refused(tmp_path: Path):
    path = tmp_path / "mine.toml"
    negsim.save_scenario(negsim.load_scenario("beijing-1999"), path)
    assert negsim.chronologies(path) == negsim.chronologies("beijing-1999")
    assert negsim.what_ifs(path) == negsim.what_ifs("beijing-1999")
    for shipped in (negsim.chronologies, negsim.what_ifs):
        with pytest.raises(negsim.ScenarioError, match="beijing-1999"):
            shipped("bejing-1999")
