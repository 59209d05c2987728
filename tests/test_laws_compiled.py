"""Do the laws hold for the compiled engine too? Those of test_laws.py, with that engine in place of the kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import test_laws as laws
from negsim.ensemble import Explosive, ExplosiveWarning, simulate
from negsim.replays import replay
from negsim.results import Ensemble

pytest.importorskip("numba")
pytestmark = pytest.mark.xdist_group("compiled")

OF_ANY_SCENARIO = (
    laws.test_a_run_is_the_same_to_the_bit_whatever_stands_beside_it,
    laws.test_more_runs_keep_the_earlier_ones,
    laws.test_a_run_with_numbers_of_its_own_is_the_run_with_those_numbers,
    laws.test_what_is_recorded_changes_nothing,
    laws.test_what_happens_by_a_date_does_not_depend_on_the_end,
    laws.test_no_event_breaks_the_rules_and_what_is_recorded_is_what_they_say,
    laws.test_replay_scores_a_column_alike_alone_together_and_on_its_own_history,
    laws.test_numbers_that_move_dates_are_scored_column_by_column,
    laws.test_a_shorter_window_scores_the_same_moves_up_to_its_end,
)


@pytest.fixture(autouse=True)
def compiled_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the laws simulate and replay with the compiled engine."""

    def simulate_compiled(scenario: Any, **options: Any) -> Ensemble:
        try:
            ensemble = simulate(scenario, **options, engine="compiled")
        except ExplosiveWarning as warning:
            raise Explosive(str(warning)) from warning
        assert ensemble.provenance["engine"] == "compiled"
        return ensemble

    monkeypatch.setattr(laws, "simulate", simulate_compiled)
    monkeypatch.setattr(laws, "replay", lambda *given, **options: replay(*given, **options, engine="compiled"))


@pytest.mark.parametrize("law", OF_ANY_SCENARIO, ids=lambda law: law.__name__.removeprefix("test_"))
def test_a_law_holds(law: Callable[[], None]):
    law()


def test_histories_of_any_length_and_number_are_scored_together(monkeypatch: pytest.MonkeyPatch):
    laws.test_histories_of_any_length_and_number_are_scored_together(monkeypatch)


@pytest.mark.parametrize("add", [laws.add_move, laws.add_actor, laws.add_run_of_the_mill, laws.add_terms])
def test_adding_what_does_nothing_changes_nothing(add: Callable[..., Any]):
    laws.test_adding_what_does_nothing_changes_nothing(add)


@pytest.mark.parametrize("case", laws.CASES)
def test_the_shipped_cases_keep_to_the_rules(case: str):
    laws.test_the_shipped_cases_keep_to_the_rules(case)


def test_three_thousand_runs_begin_with_the_same_five_hundred():
    laws.test_three_thousand_runs_begin_with_the_same_five_hundred("beijing-1999", 2)


def test_an_engine_whose_runs_depend_on_their_number_breaks_a_law(monkeypatch: pytest.MonkeyPatch):
    def planted(scenario: Any, **options: Any) -> Ensemble:
        return simulate(scenario, **options | {"seed": options["seed"] + options["runs"] // 100}, engine="compiled")

    monkeypatch.setattr(laws, "simulate", planted)
    with pytest.raises(AssertionError):
        laws.test_three_thousand_runs_begin_with_the_same_five_hundred("beijing-1999", 2)
