"""Does the plain loop that the kernel's speed is compared with tell the same histories as the kernel?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import calm, examples
from negsim.ensemble import simulate
from negsim.scenario import Scenario, TermSettings
from negsim.scenario_files import load_scenario, scenarios
from strategies import numbers_for, pair
from strategies import scenarios as drawn_scenarios

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from plain_loop import PlainLoop

SECOND = 1.0 / 86400.0


def kernel_histories(
    scenario: Scenario, seed: int, runs: int, numbers: dict[str, float]
) -> list[list[tuple[float, int]]]:
    ensemble = simulate(scenario, runs=runs, seed=seed, params=numbers, strict=True)
    assert ensemble.columns is not None
    histories: list[list[tuple[float, int]]] = [[] for _ in range(runs)]
    for run, event, day in zip(*(column.tolist() for column in ensemble.columns), strict=True):
        histories[run].append((day, event))
    return histories


def assert_same_history(ours: list[tuple[float, int]], theirs: list[tuple[float, int]], names: list[str]) -> None:
    """The same events in the same order, dated to the second."""
    assert [names[event] for _, event in ours] == [names[event] for _, event in theirs]
    assert [day for day, _ in ours] == pytest.approx([day for day, _ in theirs], rel=0, abs=SECOND)


def compare(scenario: Scenario, seed: int, runs: int, numbers: dict[str, float] | None = None) -> int:
    """Compare some runs; the number of events compared."""
    plain = PlainLoop(scenario, seed, numbers)
    names = [event.name for event in plain.events]
    expected = kernel_histories(scenario, seed, runs, numbers or {})
    for run, history in enumerate(expected):
        assert_same_history(plain.run(run), history, names)
    return sum(len(history) for history in expected)


@pytest.mark.parametrize(("case", "runs"), [("beijing-1999", 12), ("bargaining-pair", 40), ("two-state-channel", 40)])
def test_a_shipped_case_has_the_same_histories(case: str, runs: int):
    assert case in scenarios()
    assert compare(load_scenario(case), seed=20, runs=runs) > runs


def test_runs_beyond_the_first_block_of_clocks_are_the_same():
    scenario = load_scenario("bargaining-pair")
    plain = PlainLoop(scenario, 4)
    names = [event.name for event in plain.events]
    expected = kernel_histories(scenario, 4, 260, {})
    for run in (257, 3, 259, 255):
        assert_same_history(plain.run(run), expected[run], names)


@examples(20)
@given(drawn_scenarios(), st.integers(0, 2**32 - 1))
@calm
def test_a_drawn_scenario_has_the_same_histories(scenario: Scenario, seed: int):
    compare(scenario, seed, runs=2)


@examples(20)
@given(st.data())
@calm
def test_other_numbers_give_the_same_histories(data: st.DataObject):
    scenario = data.draw(drawn_scenarios())
    compare(scenario, 1, runs=2, numbers=data.draw(numbers_for(scenario)))


def test_stopping_early_gives_the_beginning_of_the_history():
    plain = PlainLoop(load_scenario("beijing-1999"), 7)
    whole = plain.run(3)
    half = plain.run(3, until=2000.0)
    assert 0 < len(half) < len(whole)
    assert half == [event for event in whole if event[0] < 2000.0]


def test_the_comparison_sees_another_seed():
    plain = PlainLoop(pair(), 1)
    expected = kernel_histories(pair(), 2, 1, {})
    with pytest.raises(AssertionError):
        assert_same_history(plain.run(0), expected[0], [event.name for event in plain.events])


def test_the_comparison_sees_a_date_that_is_a_minute_off():
    plain = PlainLoop(pair(), 1)
    names = [event.name for event in plain.events]
    history = plain.run(0)
    moved = [(day + 60 * SECOND, event) for day, event in history]
    with pytest.raises(AssertionError):
        assert_same_history(moved, history, names)


def test_terms_of_ones_own_are_refused():
    scenario = pair(terms=("resentment", "mine"), term={"mine": TermSettings(file="mine.py")})
    with pytest.raises(ValueError, match="mine"):
        PlainLoop(scenario, 1)
