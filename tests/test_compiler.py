"""Is a case compiled once, and anew as soon as anything it is made of has changed?"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

import negsim
from negsim import compiler
from negsim.compiler import compile_case
from negsim.scenario_files import save_scenario

CASE = "bargaining-pair"


@pytest.fixture(autouse=True)
def nothing_made(monkeypatch: pytest.MonkeyPatch) -> dict:
    made: dict = {}
    monkeypatch.setattr(compiler, "_MADE", made)
    return made


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the scenarios that are compiled, in order."""
    names: list[str] = []
    real = compiler.compile_scenario

    def count(scenario: negsim.Scenario, terms: dict) -> compiler.Compiled:
        names.append(scenario.name)
        return real(scenario, terms)

    monkeypatch.setattr(compiler, "compile_scenario", count)
    return names


def test_what_has_not_changed_is_compiled_once(counted):
    case = negsim.load_scenario(CASE)
    for same in (CASE, CASE, case, case.model_copy()):
        assert compile_case(same).scenario == case
    assert len(counted) == 2  # by its file, and by what it says


def test_a_change_of_any_number_is_seen(counted, tmp_path: Path):
    case = negsim.load_scenario(CASE)
    other = case.model_copy(
        update={"actor": {**case.actor, "north": case.actor["north"].model_copy(update={"power": 9.0})}}
    )
    file = save_scenario(case, tmp_path / "mine.toml")
    assert compile_case(case).numbers["actor.north.power"] != 9.0
    assert compile_case(file).numbers["actor.north.power"] != 9.0
    save_scenario(other, file)
    assert compile_case(other).numbers["actor.north.power"] == 9.0
    assert compile_case(file).numbers["actor.north.power"] == 9.0


def test_whoever_changes_the_tables_of_a_scenario_changes_no_other_result():
    first = negsim.simulate(CASE, runs=2)
    first.scenario.sources["A"] = "changed"
    del first.scenario.actor["north"]
    second = negsim.simulate(CASE, runs=2)
    assert "north" in second.scenario.actor
    assert "A" not in second.scenario.sources
    assert second.scenario == negsim.load_scenario(CASE)


def test_a_theory_put_on_the_shelf_later_is_taken(counted, monkeypatch: pytest.MonkeyPatch):
    compile_case(CASE)
    shelf = compiler.load_terms(negsim.load_scenario(CASE))
    monkeypatch.setattr(compiler, "load_terms", lambda scenario: {**shelf, "new": next(iter(shelf.values()))})
    compile_case(CASE)
    assert len(counted) == 2


def test_only_the_last_few_are_kept(nothing_made):
    case = negsim.load_scenario("two-state-channel")
    for number in range(compiler.MOST_MADE + 3):
        compile_case(case.model_copy(update={"title": str(number)}))
    assert len(nothing_made) == compiler.MOST_MADE


def test_threads_may_compile_and_simulate_at_once():
    alone = negsim.simulate(CASE, runs=20, seed=3).columns
    found: list[bool] = []

    def work() -> None:
        columns = negsim.simulate(CASE, runs=20, seed=3).columns
        found.append(all((one == other).all() for one, other in zip(columns, alone, strict=True)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4
