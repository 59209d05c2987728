"""Do answers come from what the files of one's own terms say now, and does what is kept say what they said then?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

import negsim
from growing_terms import write_term
from negsim.chronology_files import load_chronology
from negsim.compiler import compile_case
from negsim.forecasts.fits import Fits
from negsim.forecasts.registration import Registered, _compile
from negsim.results import ResultError
from negsim.scenario_files import load_terms, scenario_digest
from negsim.sweeps.stores import SweepError


@pytest.fixture
def case(tmp_path) -> negsim.Scenario:
    """A small case with a term of its own."""
    folder = tmp_path / "mine"
    folder.mkdir()
    write_term(folder, "weight")
    small = negsim.load_scenario("two-state-channel").model_copy(update={"terms": ("growth",)})
    text = negsim.scenario_files.dump_scenario(small)
    (folder / "case.toml").write_text(f'{text}\n[term.growth]\nfile = "growth.py"\n', encoding="utf-8")
    return negsim.load_scenario(folder / "case.toml")


@pytest.fixture
def helper(tmp_path, monkeypatch) -> Path:
    """A file that a term may import."""
    folder = tmp_path / "helping"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    yield folder / "growth_numbers.py"
    sys.modules.pop("growth_numbers", None)
    sys.modules.pop("growth_more", None)


def rate(case: negsim.Scenario) -> float:
    return load_terms(case)["growth"].log_rates[0].formula(1.0)


# -- what is imported -------------------------------------------------------------------------------------------------


def test_a_change_of_what_a_term_imports_is_seen_though_its_file_is_as_large_and_as_old(case, helper):
    write_term(case.term_file("growth").parent, "LARGE * weight", "from growth_numbers import LARGE")
    rates, digests = [], []
    for number in ("2.0", "3.0", "3.0", "2.0"):
        helper.write_text(f"LARGE = {number}\n")
        os.utime(helper, (1_000_000_000, 1_000_000_000))
        rates.append(rate(case))
        digests.append(scenario_digest(case))
    assert rates == [2.0, 3.0, 3.0, 2.0]
    assert digests[0] == digests[3] != digests[1] == digests[2]


def test_so_is_a_change_of_what_that_imports(case, helper):
    write_term(case.term_file("growth").parent, "growth_numbers.LARGE * weight", "import growth_numbers")
    helper.write_text("from growth_more import MORE\nLARGE = 2.0 * MORE\n")
    rates = []
    for number in (2.0, 3.0):
        helper.with_name("growth_more.py").write_text(f"MORE = {number}\n")
        rates.append(rate(case))
    assert rates == [4.0, 6.0]


def test_what_has_not_changed_is_not_run_again(case, helper):
    write_term(case.term_file("growth").parent, "LARGE * weight", "from growth_numbers import LARGE")
    helper.write_text("LARGE = 2.0\nRUN = []\n")
    rate(case)
    before = sys.modules["growth_numbers"].RUN
    rate(case)
    assert sys.modules["growth_numbers"].RUN is before


# -- what is kept -----------------------------------------------------------------------------------------------------


def test_the_digest_changes_with_the_term_and_not_with_where_it_lies(case, tmp_path):
    before = scenario_digest(case)
    folder = case.term_file("growth").parent
    folder.rename(tmp_path / "elsewhere")
    assert scenario_digest(negsim.load_scenario(tmp_path / "elsewhere" / "case.toml")) == before
    write_term(tmp_path / "elsewhere", "2.0 * weight")
    assert scenario_digest(negsim.load_scenario(tmp_path / "elsewhere" / "case.toml")) != before


def test_a_fit_that_is_kept_does_not_answer_for_another_version_of_a_term(case, tmp_path):
    (tmp_path / "told.csv").write_text("id,date,move\n1,2001-03,meet:north:talks:\n")
    told = load_chronology(case, tmp_path / "told.csv")
    before = Fits(seed=0)._name(case, told)
    assert Fits(seed=0)._name(case, told) == before
    write_term(case.term_file("growth").parent, "2.0 * weight")
    assert Fits(seed=0)._name(case, told) != before


def test_a_result_goes_on_with_the_term_that_was_simulated(case, tmp_path, monkeypatch):
    """Whatever has become of its file meanwhile, and wherever the result is loaded."""
    ensemble = negsim.simulate(case, runs=20, seed=1)
    write_term(case.term_file("growth").parent, "-5.0 * weight")
    ensemble.save(tmp_path / "result")
    case.term_file("growth").unlink()
    monkeypatch.chdir(tmp_path)
    back = negsim.load_results(tmp_path / "result")
    again = negsim.simulate(back.scenario, runs=20, seed=1)
    assert (again.events["day"] == ensemble.events["day"]).all()
    assert back.provenance == ensemble.provenance


def test_a_term_that_was_changed_in_a_result_is_noticed(case, tmp_path):
    negsim.simulate(case, runs=5).save(tmp_path / "result")
    file = tmp_path / "result" / "terms" / "growth.py"
    file.write_text(file.read_text("utf-8").replace("return weight", "return -weight"), "utf-8")
    with pytest.raises(ResultError, match="digest differs"):
        negsim.load_results(tmp_path / "result")


def test_a_sweep_is_not_gone_on_with_where_what_a_term_imports_has_changed(case, helper, tmp_path):
    write_term(case.term_file("growth").parent, "LARGE * weight", "from growth_numbers import LARGE")
    helper.write_text("LARGE = 2.0\n")
    negsim.sweep(case, {"term.growth.weight": [0.5, 1.0]}, runs=5, store=tmp_path / "store")
    helper.write_text("LARGE = 3.0\n")
    with pytest.raises(SweepError, match="terms_digest"):
        negsim.sweep(case, {"term.growth.weight": [0.5, 1.0]}, runs=5, store=tmp_path / "store")
    with pytest.raises(SweepError, match="was changed: terms_digest"):
        negsim.expand_sweep(tmp_path / "store", runs=10)


def test_a_registered_forecast_is_scored_without_the_files_of_its_terms(case, tmp_path, monkeypatch):
    registered = Registered({"scenario": json.loads(case.canonical())}, "")
    events = compile_case(case).labels.events
    monkeypatch.chdir(tmp_path)
    assert _compile(registered).labels.events == events
