"""Can a user bring a theory of one's own, as one file, without touching the package?"""

import datetime as dt
import importlib
import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import negsim
from negsim.compiler import compile_scenario
from negsim.continuation import continue_histories
from negsim.history import History
from negsim.scenario_files import load_terms

UNTIL = dt.date(1993, 12, 31)
FILE = Path(__file__).parent.parent / "examples" / "terms" / "hardliner.py"


@pytest.fixture
def case(tmp_path) -> negsim.Scenario:
    """The main case with the example's term, as a user would write it: two lines in a file beside the term's."""
    shutil.copy(FILE, tmp_path / "hardliner.py")
    negsim.save_scenario(negsim.load_scenario("beijing-1999"), tmp_path / "mine.toml")
    with (tmp_path / "mine.toml").open("a", encoding="utf-8") as file:
        file.write('\n[term.hardliner]\nfile = "hardliner.py"\nweight = 0.8\n')
    return negsim.load_scenario(str(tmp_path / "mine.toml"))


def test_its_numbers_are_numbers_of_the_scenario(case):
    compiled = compile_scenario(case, load_terms(case))
    assert compiled.numbers["term.hardliner.weight"] == 0.8
    assert "grudge" in compiled.world.memories


def test_a_change_of_its_file_is_seen_at_the_next_simulation(case):
    before = negsim.simulate(case, runs=2, until=UNTIL).compiled.world.memories
    file = case.term_file("hardliner")
    file.write_text(file.read_text("utf-8").replace('"grudge"', '"spite"').replace("grudge", "spite"), "utf-8")
    assert "grudge" in before
    assert "spite" in negsim.simulate(case, runs=2, until=UNTIL).compiled.world.memories


def test_a_change_is_seen_that_leaves_its_file_as_large_and_as_old(case, monkeypatch):
    """Bytecode that Python keeps beside a file would be taken for current."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = case.term_file("hardliner")
    at = (1_000_000_000, 1_000_000_000)
    ends = []
    for number in ("0.4", "0.5"):
        file.write_text(file.read_text("utf-8").replace('"weight", 0.4', f'"weight", {number}'), "utf-8")
        os.utime(file, at)
        ends.append(load_terms(case)["hardliner"].parameters[0].default)
    assert ends == [0.4, 0.5]


def test_it_changes_what_happens_in_its_direction(case):
    plain, hard = (
        negsim.simulate(one, runs=200, seed=4, until=UNTIL, record=()).summary() for one in ("beijing-1999", case)
    )
    talks = [table.query("kind == 'meet'")["count"].sum() for table in (plain, hard)]
    assert talks[1] < 0.8 * talks[0]


def test_at_strength_zero_it_changes_nothing(case):
    plain = negsim.simulate("beijing-1999", runs=40, seed=4, until=UNTIL)
    mute = negsim.simulate(case, runs=40, seed=4, until=UNTIL, params={"term.hardliner.weight": 0.0})
    pd.testing.assert_frame_equal(plain.events, mute.events)


def test_its_memory_is_what_its_effects_made_it(case):
    """A grudge that never decays is the sum of the blows: read off the events, it equals what was recorded."""
    ensemble = negsim.simulate(case, runs=20, seed=4, record=("events", "grudge"))
    recorded = ensemble.to_xarray()["grudge"].sel(pair="JPN>PRK").to_numpy()[-1]
    last_tick = ensemble.compiled.world.tick_times[:-1][-1]
    events = ensemble.events[ensemble.events["day"] < last_tick]
    blows = events[(events["kind"] == "act") & (events["actor"] == "PRK")]
    hits = {name: act.hits.get("JPN", 0.0) for name, act in case.coercion.items()}
    walked = events[(events["kind"] == "walk_out") & (events["actor"] == "PRK") & (events["channel"] == "official")]
    humble = events[(events["kind"] == "walk_out") & (events["actor"] == "KRC")]
    for run in range(20):
        expected = sum(hits[str(act)] for act in blows[blows["run"] == run]["subject"])
        expected += (walked["run"] == run).sum() + (humble["run"] == run).sum()
        assert recorded[run] == pytest.approx(expected, rel=1e-3)


def test_it_goes_to_workers_and_into_replay(case):
    one = negsim.simulate(case, runs=60, seed=4, until=UNTIL, width=30)
    two = negsim.simulate(case, runs=60, seed=4, until=UNTIL, width=30, workers=2)
    pd.testing.assert_frame_equal(one.events, two.events)
    assert np.isfinite(negsim.replay(case, one, until=UNTIL).total).all()


def test_a_formula_that_asks_for_what_is_not_there_is_told_so(tmp_path):
    text = FILE.read_text(encoding="utf-8").replace("grudge_back", "mood")
    (tmp_path / "hardliner.py").write_text(text, encoding="utf-8")
    negsim.save_scenario(negsim.load_scenario("beijing-1999"), tmp_path / "mine.toml")
    with (tmp_path / "mine.toml").open("a", encoding="utf-8") as file:
        file.write('\n[term.hardliner]\nfile = "hardliner.py"\n')
    case = negsim.load_scenario(str(tmp_path / "mine.toml"))
    with pytest.raises(negsim.ScenarioError, match=r"term\.hardliner\.file.*'mood'"):
        negsim.simulate(case, runs=2)


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ('("plan", "open", "meet"), refusal', '("plan", "open", "met"), refusal', r"log_rates\[0\]\.moves.*mean meet"),
        ('("plan", "open", "meet"), refusal', '"meet", refusal', r"log_rates\[0\]\.moves.*names in brackets"),
        ('("act", "walk_out"), "grudge"', '("act", "walkout"), "grudge"', r"effects\[0\]\.events.*mean walk_out"),
        ('("act", "walk_out"), "grudge"', '("raise",), "grudge"', r"effects\[0\]\.events.*given \"raise\""),
        ('("act", "walk_out"), "grudge"', '("act",), "grudges"', r"effects\[0\]\.memory.*mean grudge"),
        ('"grudge", insult', '"grudge", insult, how="multiply"', r"effects\[0\]\.how.*add, scale"),
        ('"grudge", insult', '"grudge", insult, only=("act",)', r"effects\[0\]\.only.*given with act"),
        ('Memory("grudge"', 'Memory("kept"', r"memories\[0\]\.name.*no other"),
        ("effects=(", 'slots=(Slot("vouch", insult),), effects=(', r"slots\[0\]\.place.*mean vouching"),
        ("parameters=(", 'parameters=(Parameter("weight", 1, "", "", None), ', r"parameters\[1\].*each name once"),
    ],
)
def test_what_would_have_no_effect_is_refused_and_named(case, written, instead, said):
    file = case.term_file("hardliner")
    text = file.read_text(encoding="utf-8").replace("import Effect", "import Slot, Effect")
    assert written in text
    file.write_text(text.replace(written, instead), encoding="utf-8")
    with pytest.raises(negsim.ScenarioError, match="(?s)" + said):
        negsim.simulate(case, runs=2)


@pytest.mark.parametrize(
    ("argument", "moves", "lack"),
    [("pain", "act", "a channel"), ("pressure", "meet", "one side of a channel"), ("cost", "meet", "a concession")],
)
def test_a_formula_that_asks_for_what_its_moves_do_not_have_is_told_so(case, argument, moves, lack):
    file = case.term_file("hardliner")
    text = file.read_text(encoding="utf-8").replace("grudge_back", argument)
    file.write_text(text.replace('LogRate(("plan", "open", "meet")', f'LogRate(("{moves}",)'), encoding="utf-8")
    with pytest.raises(negsim.ScenarioError, match=f"(?s){argument}.*about {lack}"):
        negsim.simulate(case, runs=2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda case: negsim.sweep(case, {"term.hardliner.weight": [0.1, 0.2]}, runs=2),
        lambda case: negsim.counterfactual(case, intervention="no-rocket", runs=2),
        lambda case: importlib.import_module("negsim.mesa_front").NegotiationModel(case),
    ],
    ids=["sweep", "counterfactual", "mesa"],
)
def test_whoever_compiles_it_tells_of_a_formula_that_asks_for_what_is_not_there(case, ask):
    file = case.term_file("hardliner")
    file.write_text(file.read_text(encoding="utf-8").replace("grudge_back", "nonsense"), encoding="utf-8")
    with pytest.raises(negsim.ScenarioError, match="an argument 'nonsense'"):
        ask(case)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_what_both_sides_do_may_leave_a_memory_with_the_members_of_each(case, engine):
    """A memory that sessions add 1 to and that never decays is the number of sessions held, on both sides."""
    if engine == "compiled":
        pytest.importorskip("numba")
    file = case.term_file("hardliner")
    text = file.read_text(encoding="utf-8").replace('("act", "walk_out"), "grudge"', '("meet",), "grudge"')
    file.write_text(text, encoding="utf-8")
    ensemble = negsim.simulate(case, runs=20, seed=4, record=("events", "grudge"), engine=engine)
    recorded = ensemble.to_xarray()["grudge"]
    before = ensemble.events["day"] < ensemble.compiled.world.tick_times[:-1][-1]
    held = ensemble.events[before & (ensemble.events["kind"] == "meet")]
    for pair, channel in (("USA>PRK", "us_dprk"), ("PRK>USA", "us_dprk"), ("ROK>PRK", "inter_korean")):
        sessions = [((held["run"] == run) & (held["channel"] == channel)).sum() for run in range(20)]
        assert recorded.sel(pair=pair).to_numpy()[-1] == pytest.approx(sessions, rel=1e-3)
        assert sum(sessions) > 20


def test_a_formula_that_gives_no_number_is_refused_by_both_engines_and_names_its_term(case):
    file = case.term_file("hardliner")
    file.write_text(file.read_text().replace("return -weight * (", "return float('nan') * ("))
    for engine in ("numpy", "compiled"):
        with pytest.raises(negsim.ScenarioError, match=r"term\.hardliner\.file.*no numbers at the start"):
            negsim.simulate(case, runs=2, seed=4, until=UNTIL, engine=engine)


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_a_formula_that_gives_no_number_later_is_refused_with_the_date(case, engine):
    """A grudge is 0 until the first blow of a history; from then on the rates of talks are the square root of -1."""
    if engine == "compiled":
        pytest.importorskip("numba")
    file = case.term_file("hardliner")
    told = "import numpy as np\n" + file.read_text().replace(
        "return -weight * (", "return -weight * np.sqrt(1e-9 - grudge) * ("
    )
    file.write_text(told)
    compiled = compile_scenario(case, load_terms(case))
    blows = negsim.simulate("beijing-1999", runs=8, seed=0).events.query("kind in ('act', 'walk_out')")
    with pytest.raises(negsim.ScenarioError, match=r"term\.hardliner\.file.*no numbers from (\S+) on") as refusal:
        negsim.simulate(compiled, runs=2, seed=4, until=UNTIL, engine=engine)
    nothing = [History(np.zeros(0), np.zeros(0, dtype=np.int64))]
    asks = (
        lambda: negsim.counterfactual(case, None, "no-rocket", runs=2, engine=engine),
        lambda: continue_histories(compile_scenario(case, load_terms(case)), nothing, UNTIL, engine=engine),
        lambda: negsim.simulate(case, runs=4, width=2, workers=2, engine=engine),
    )
    for ask in asks:
        with pytest.raises(negsim.ScenarioError, match="no numbers from"):
            ask()
    named = dt.date.fromisoformat(re.search(r"from (\S+) on", str(refusal.value)).group(1))
    assert named == blows["date"].min().date()


def test_formulas_are_followed_once_for_a_compiled_scenario(case, monkeypatch):
    compiled = compile_scenario(case, load_terms(case))
    before = negsim.simulate(compiled, runs=2, seed=4, until=UNTIL).events
    monkeypatch.setattr("negsim.trials.HISTORIES", "not looked at again")
    pd.testing.assert_frame_equal(negsim.simulate(compiled, runs=2, seed=4, until=UNTIL).events, before)
