"""Do the histories of the other real cases pass through the model, and does it do there what it was made to do?"""

from __future__ import annotations

import numpy as np
import pytest

import negsim
from negsim.chronology import Chronology
from negsim.chronology_checks import draw_points, walk
from negsim.chronology_files import load_chronology
from negsim.compiler import Compiled, compile_scenario

pytestmark = pytest.mark.xdist_group("other_cases")  # one worker: chronologies are read once

CASES = {"agreed-framework-1994": "crisis", "good-friday-1998": "process"}


@pytest.fixture(scope="module", params=CASES)
def told(request: pytest.FixtureRequest) -> tuple[Compiled, Chronology]:
    compiled = compile_scenario(negsim.load_scenario(request.param))
    return compiled, load_chronology(compiled, CASES[request.param])


def test_nearly_all_dates_that_the_rows_allow_are_possible(told):
    compiled, chronology = told
    assert walk(compiled, chronology, draw_points(chronology, 100, seed=1)).share > 0.9


def test_the_chronology_has_a_finite_likelihood(told):
    compiled, chronology = told
    unit = draw_points(chronology, 20, seed=2)
    replayed = negsim.replay(
        compiled, chronology.stack(compiled, unit), until=chronology.until, coverage=chronology.coverage(compiled)
    )
    assert np.isfinite(replayed.total).mean() > 0.8


def test_every_row_is_used_or_says_why_not_and_conflicts_are_kept(told):
    _, chronology = told
    assert all(row.reason for row in chronology.rows)
    assert sum(bool(row.conflict) for row in chronology.rows) >= 4
    assert any(row.weak for row in chronology.rows)
    assert {row.status for row in chronology.rows} == {"mapped", "outside"}


def test_at_least_three_in_five_facts_are_mapped_however_one_counts(told):
    shares = told[1].shares()
    assert shares["moves_mapped"] >= 0.6 * shares["moves"]
    assert shares["mapped"] >= 0.6 * shares["facts"]


def test_a_thousand_days_of_either_case_do_not_explode():
    for name in CASES:
        ensemble = negsim.simulate(name, runs=200, seed=3)
        assert 20 < len(ensemble.events) / ensemble.runs < 120


def replay_impossible(case: str, rows: list[dict[str, str]]) -> str:
    return "\n".join(negsim.replay(case, rows).problems)


def test_talks_of_all_stay_shut_while_there_is_no_ceasefire():
    opening = [
        {"date": "1995-11-28", "kind": "plan", "channel": "stormont"},
        {"date": "1997-09-09", "kind": "open", "channel": "stormont"},
    ]
    ceasefire = [
        {"date": "1997-07-19", "kind": "pledge", "subject": "ceasefire"},
        {"date": "1997-07-20", "kind": "begin", "subject": "ceasefire"},
    ]
    bomb = [{"date": "1997-08-01", "kind": "act", "subject": "bomb"}]
    assert "gate" in replay_impossible("good-friday-1998", opening)
    assert replay_impossible("good-friday-1998", [opening[0], *ceasefire, opening[1]]) == ""
    assert "gate" in replay_impossible("good-friday-1998", [opening[0], *ceasefire, *bomb, opening[1]])


def test_an_envoys_word_binds_his_capital_only_when_it_approves():
    visit = [
        {"date": "1994-05-20", "kind": "plan", "channel": "us_dprk"},
        {"date": "1994-05-21", "kind": "open", "channel": "us_dprk"},
        {"date": "1994-06-01", "kind": "plan", "channel": "pyongyang"},
        {"date": "1994-06-15", "kind": "open", "channel": "pyongyang"},
        {"date": "1994-06-15", "kind": "meet", "channel": "pyongyang"},
        {"date": "1994-06-16", "kind": "agree", "channel": "pyongyang"},
    ]
    freeze = {"date": "1994-06-20", "kind": "begin", "subject": "pause"}
    rest = {"date": "1994-06-23", "kind": "begin", "subject": "sanctions_pause"}
    approval = {"date": "1994-06-22", "kind": "approve", "channel": "pyongyang"}
    assert "sanctions_pause" in replay_impossible("agreed-framework-1994", [*visit, freeze, rest])
    assert replay_impossible("agreed-framework-1994", [*visit, freeze, approval, rest]) == ""
