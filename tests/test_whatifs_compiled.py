"""Does the compiled engine interfere as the kernel does? Both arms of what-if questions by both engines."""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import negsim
from negsim.arms import Arm
from negsim.counterfactuals import Counterfactual, counterfactual
from negsim.couplings import MODEL, run_pair
from negsim.engines import EngineWarning
from negsim.interference import Impossible
from negsim.intervention_files import load_intervention, what_ifs
from strategies import two_state_channel
from test_engines import SECOND, check_same_histories

pytest.importorskip("numba")
pytestmark = pytest.mark.xdist_group("compiled")  # one process compiles for all

CASE = "beijing-1999"
MEET, PLAN, CANCEL = "meet:*:official:", "plan:A:talks:", "cancel:A:talks:"
NAMES = ("without", "changed", "other")
KINDS = ("removed", "forced", "impossible", "held")


def check_same_log(one: Arm, two: Arm) -> int:
    """The same things done to the same runs, dates within a second; how many."""
    for kind in KINDS:
        tables = [arm.log.table(kind) for arm in (one, two)]
        (run, move, day), (other_run, other_move, other_day) = (
            [column[np.lexsort((table[1], table[2].round(3), table[0]))] for column in table] for table in tables
        )
        assert run.tolist() == other_run.tolist(), kind
        assert move.tolist() == other_move.tolist(), kind
        assert np.abs(day - other_day).max(initial=0.0) < SECOND
    assert one.log.reasons == two.log.reasons
    return sum(len(one.log.table(kind)[0]) for kind in KINDS)


def check_same_answers(one: Counterfactual, two: Counterfactual) -> int:
    """The same arms, told in the same words; how much was done to the changed one."""
    assert two.provenance["engine"] == {"interventional": "compiled"}
    assert two.text() == one.text()
    done = 0
    for name in NAMES:
        mine, theirs = (getattr(answer.interventional, name) for answer in (one, two))
        check_same_histories(mine.ensemble, theirs.ensemble)
        done = check_same_log(mine, theirs)
    return done


def in_both(case: Any, question: Any, runs: int = 40, params: Any = None, **named: Any) -> tuple[Counterfactual, ...]:
    asked = {"seed": 3, "runs": runs, "products": ["interventional"], **named}
    return tuple(counterfactual(case, params, question, engine=name, **asked) for name in ("numpy", "compiled"))


@pytest.mark.parametrize("question", what_ifs(negsim.load_scenario(CASE)))
def test_the_questions_of_the_case_have_the_same_answers(question: str):
    check_same_answers(*in_both(CASE, question))


QUESTIONS: dict[str, dict[str, Any]] = {
    "the second meeting of a year falls away": {"remove": [{"move": MEET, "nth": 2, "within": "1991"}]},
    "a meeting is late": {"delay": [{"move": "meet:JPN:official:", "days": 45.5, "if_impossible": "leave"}]},
    "a meeting is on another day": {
        "move": [{"move": "meet:JPN:official:", "to": dt.date(1991, 7, 1), "if_impossible": "leave"}]
    },
    "two bans at once": {
        "ban": [
            {"move": MEET, "from": dt.date(1990, 6, 10), "until": dt.date(1991, 5, 3)},
            {"move": "agree:*:official:*", "from": dt.date(1991, 1, 1), "until": dt.date(1992, 2, 29)},
        ]
    },
    "forced, banned and removed": {
        "force": [
            {"move": "open:JPN:official:", "date": dt.date(1990, 5, 5), "if_impossible": "leave"},
            {"move": "meet:JPN:official:", "date": dt.date(1990, 8, 1), "if_impossible": "leave"},
        ],
        "ban": [{"move": "walk_out:*:official:", "from": dt.date(1990, 8, 1)}],
        "remove": [{"move": "act:*::*"}],
    },
    "numbers change twice, and a meeting falls away between": {
        "number": [
            {"path": "channel.official.rates.open", "multiply": 3.0, "from": dt.date(1990, 3, 9)},
            {"path": "term.resentment.heat", "value": 0.1, "from": dt.date(1990, 7, 1), "until": dt.date(1991, 6, 30)},
        ],
        "remove": [{"move": MEET, "nth": 3}],
    },
    "numbers are others from the start": {"number": [{"path": "channel.official.rates.open", "multiply": 0.5}]},
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_any_interference_has_the_same_answer(question: str):
    params = {"term.resentment.heat": np.linspace(0.1, 0.4, 300)}
    until = dt.date(1992, 6, 30)
    one, two = in_both(CASE, {"name": "x", **QUESTIONS[question]}, 300, params, until=until)
    done = check_same_answers(one, two)
    assert done > 0 or set(QUESTIONS[question]) == {"number"}
    changed, without = (getattr(two.interventional, name).ensemble for name in ("changed", "without"))
    assert not changed.events.equals(without.events)


def test_a_forced_move_that_cannot_be_is_refused_in_the_same_words():
    talks = two_state_channel(plan=1.0, cancel=10.0, years=4)
    question = {"name": "x", "force": [{"move": CANCEL, "date": dt.date(1998, 1, 2)}]}
    said = []
    for engine in ("numpy", "compiled"):
        with pytest.raises(Impossible) as refused:
            counterfactual(talks, None, question, runs=2, engine=engine)
        said.append(str(refused.value))
    assert said[0] == said[1]
    assert "talks is closed" in said[0]


def test_a_move_left_out_is_found_among_bans_whatever_their_number():
    talks = two_state_channel(plan=10.0, cancel=1.0, years=1)
    push = {"move": "meet:A:talks:", "date": dt.date(1998, 2, 1), "if_impossible": "leave"}
    question = {"name": "x", "force": [push], "ban": [{"move": CANCEL}, {"move": PLAN, "from": dt.date(1998, 3, 1)}]}
    one, two = in_both(talks, question)
    assert check_same_answers(one, two) > 40
    assert one.interventional.changed.log.reasons


def test_runs_that_explode_go_no_further_where_numbers_change(monkeypatch: pytest.MonkeyPatch):
    for place in ("negsim.ensemble.MOST_EVENTS", "negsim.arms.MOST_EVENTS"):
        monkeypatch.setattr(place, 12)
    talks = two_state_channel(plan=1.0, cancel=10.0, years=4)
    often = {"path": "channel.talks.rates.plan", "multiply": 3.0, "from": dt.date(1999, 1, 1)}
    one, two = in_both(talks, {"name": "x", "number": [often]}, 300)
    check_same_answers(one, two)
    for name in NAMES:
        stopped = [getattr(answer.interventional, name).ensemble.stopped for answer in (one, two)]
        assert 0 < len(stopped[0][0]) < 300
        assert stopped[0][0].tolist() == stopped[1][0].tolist()


def test_an_answer_is_the_same_in_threads_and_a_pair_alone_is_its_pair():
    question = load_intervention(negsim.load_scenario(CASE), "no-freeze")
    asked = {"seed": 3, "runs": 300, "until": dt.date(1991, 6, 30), "products": ["interventional"]}
    one, other = (counterfactual(CASE, None, question, engine="compiled", workers=w, **asked) for w in (1, 2))
    assert other.text() == one.text()
    pairs = [run_pair(negsim.load_scenario(CASE), question, {}, 3, 12, engine=name) for name in ("numpy", "compiled")]
    for mine, theirs in zip(*pairs, strict=True):
        assert theirs.provenance["engine"] == "compiled"
        check_same_histories(mine, theirs)


def test_looking_back_is_left_to_the_kernel_and_it_is_said():
    asked = {"given": "history", "seed": 5, "runs": 2}
    with pytest.warns(EngineWarning, match="recalls no clocks"):
        answer = counterfactual(CASE, None, "no-rocket", engine="compiled", **asked)
    assert answer.provenance["engine"] == {"interventional": "compiled", "retrospective": "numpy"}
    assert answer.returned
    with warnings.catch_warnings():
        warnings.simplefilter("error", EngineWarning)
        chosen = counterfactual(CASE, None, "no-rocket", engine="auto", **asked)
    assert chosen.text() == answer.text()
    assert answer.retrospective.without.ensemble.provenance["engine"] == "numpy"
    assert {MODEL[0]: answer.interventional.without.ensemble.provenance["engine"]} == {"without": "compiled"}


def test_an_order_that_is_not_followed_would_be_noticed():
    """Planted bug: the second ring is removed instead of the first."""
    talks = two_state_channel(plan=1.0, cancel=10.0, years=4)
    one, _ = in_both(talks, {"name": "x", "remove": [{"move": PLAN}]})
    _, two = in_both(talks, {"name": "x", "remove": [{"move": PLAN, "nth": 2}]})
    with pytest.raises(AssertionError):
        check_same_answers(one, replace(two, intervention=one.intervention))
