"""Does a what-if change only what it says, and does history come back exactly without it?"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import negsim
import strategies
from negsim import counterfactuals
from negsim.answers import _say_concerned
from negsim.arms import gather_arm, run_arm
from negsim.calibration.fitting import bring_together, declare_prior
from negsim.calibration.likelihood import find_free
from negsim.calibration.posterior import Posterior
from negsim.chronology_checks import find_starts
from negsim.compiler import Compiled, compile_scenario
from negsim.counterfactuals import came_back, counterfactual
from negsim.couplings import PURPOSE_INDEPENDENT, run_pair
from negsim.history import History, stack_histories
from negsim.interference import Impossible, Interfering, Plan, lay_plan, reach
from negsim.intervention_files import load_intervention
from negsim.moves import rate_path
from negsim.pairs import Measured, compare, find_partings, variance_ratio
from negsim.recollection import RecalledClocks, Recalling, read_clocks
from negsim.scenario import ParameterSpec
from negsim.streams import Clocks

pytestmark = pytest.mark.xdist_group("counterfactuals")  # one worker: history is asked once

CASE = "beijing-1999"
YEAR = 365.25
PLAN, CANCEL = "plan:A:talks:", "cancel:A:talks:"
NULL = {"name": "nothing"}
RETRO = ("retrospective",)


# -- worked by hand: one channel that is planned and cancelled, constant hazards ---------------------------------------


@pytest.fixture(scope="module")
def talks() -> negsim.Scenario:
    """Planned about once a year, cancelled within weeks."""
    return strategies.two_state_channel(plan=1.0, cancel=10.0, years=4)


def waits(scenario: negsim.Scenario, move: str, rings: int, runs: int = 64, seed: int = 3) -> np.ndarray:
    """The first waits of a move's clock, shape (rings, runs), read straight from the streams."""
    clocks = Clocks(seed, [move], np.arange(runs))
    found = [clocks.remaining[0].copy()]
    for _ in range(rings - 1):
        clocks.renew(np.zeros(runs, dtype=np.int64), np.arange(runs))
        found.append(clocks.remaining[0].copy())
    return np.array(found)


def ask(scenario: negsim.Scenario, question: dict, runs: int = 64, **others) -> negsim.Counterfactual:
    return counterfactual(scenario, None, {"name": "x", **question}, seed=3, runs=runs, **others)


def times(arm, kind: str, run: int) -> np.ndarray:
    events = arm.ensemble.events
    return events.loc[(events["run"] == run) & (events["kind"] == kind), "day"].to_numpy()


def first_times(arm, kind: str) -> np.ndarray:
    events = arm.ensemble.events
    first = events[events["kind"] == kind].groupby("run")["day"].min()
    return first.reindex(range(arm.ensemble.runs), fill_value=np.inf).to_numpy()


def check_removed(arm, scenario) -> None:
    """The first ring passes without effect; the move is made at the second, a whole new wait later."""
    one, two = waits(scenario, PLAN, 2) * YEAR
    ends = (scenario.end - scenario.start).days + 1.0
    expected = np.where(one + two < ends, one + two, np.inf)
    np.testing.assert_allclose(first_times(arm, "plan"), expected, rtol=1e-9)


def test_a_removed_ring_is_consumed_and_does_not_come_back_the_day_after(talks):
    answer = ask(talks, {"remove": [{"move": PLAN}]})
    check_removed(answer.interventional.changed, talks)
    run, _, day = answer.interventional.changed.log.table("removed")
    one = waits(talks, PLAN, 1)[0] * YEAR
    np.testing.assert_allclose(day[np.argsort(run)], one[np.sort(run)], rtol=1e-9)


def test_a_pair_alone_is_the_pair_of_the_answer(talks):
    question = load_intervention(talks, {"name": "x", "remove": [{"move": PLAN}]})
    answer = ask(talks, {"remove": [{"move": PLAN}]}).interventional
    pair = run_pair(talks, question, {}, seed=3, runs=64)
    for alone, arm in zip(pair, (answer.without, answer.changed), strict=True):
        pd.testing.assert_frame_equal(alone.events, arm.ensemble.events)
    assert not pair[0].events.equals(pair[1].events)


def test_a_ban_is_not_a_removal_what_was_due_comes_when_it_ends(talks):
    question = {"ban": [{"move": PLAN, "until": dt.date(1998, 12, 31)}]}
    arm = ask(talks, question).interventional.changed
    one = waits(talks, PLAN, 1)[0] * YEAR
    ends = (talks.end - talks.start).days + 1.0
    np.testing.assert_allclose(first_times(arm, "plan"), np.where(365 + one < ends, 365 + one, np.inf), rtol=1e-9)
    with pytest.raises(AssertionError):
        check_removed(arm, talks)


def check_clock_untouched(arm, scenario) -> None:
    """A plan forced on day 100 (the 11 April 1998): until its own first ring the clock gathers only while closed."""
    one = waits(scenario, PLAN, 1)[0] * YEAR
    checked = 0
    for run in np.flatnonzero(one > 100.0):
        plans, cancels = times(arm, "plan", run), times(arm, "cancel", run)
        assert plans[0] == 100.0
        if len(plans) > 1:
            closed = plans[1] - (cancels[0] - plans[0])
            np.testing.assert_allclose(closed, one[run], rtol=1e-9)
            checked += 1
    assert checked > 20


FORCED = {"force": [{"move": PLAN, "date": dt.date(1998, 4, 11), "if_impossible": "leave"}]}


def test_a_forced_move_is_made_on_its_date_and_its_clock_takes_no_notice(talks):
    answer = ask(talks, FORCED)
    check_clock_untouched(answer.interventional.changed, talks)
    assert set(answer.interventional.changed.log.table("forced")[2]) == {100.0}


def test_a_forced_move_that_started_its_clock_anew_would_be_noticed(talks, monkeypatch):
    """Planted bug: forcing a move renews its clock."""
    note = Interfering._note_pushes

    def touching(self, columns, failed):
        self.clocks.renew(self._pushed_move(self._pushed[columns]), self._here[columns])
        note(self, columns, failed)

    monkeypatch.setattr(Interfering, "_note_pushes", touching)
    with pytest.raises(AssertionError):
        check_clock_untouched(ask(talks, FORCED).interventional.changed, talks)


def test_a_forced_move_that_is_impossible_is_refused_or_left_and_counted(talks):
    question = {"force": [{"move": CANCEL, "date": dt.date(1998, 1, 2)}]}
    with pytest.raises(Impossible, match=r"cancel:A:talks:.*talks is closed.*if_impossible = 'leave'"):
        ask(talks, question)
    question["force"][0]["if_impossible"] = "leave"
    log = ask(talks, question).interventional.changed.log
    closed = waits(talks, PLAN, 1)[0] * YEAR > 1.0
    assert closed.sum() > 40
    np.testing.assert_array_equal(np.sort(log.table("impossible")[0]), np.flatnonzero(closed))


def test_a_delay_is_a_removal_and_a_forced_move_later(talks):
    arm = ask(talks, {"delay": [{"move": PLAN, "days": 20.0, "if_impossible": "leave"}]}).interventional.changed
    one, two = waits(talks, PLAN, 2) * YEAR
    ends = (talks.end - talks.start).days + 1.0
    late = (two > 20.0) & (one + 20.0 < ends)  # else the next ring comes first
    assert late.sum() > 30
    np.testing.assert_allclose(first_times(arm, "plan")[late], one[late] + 20.0, rtol=1e-9)


def test_a_moved_event_is_made_at_the_other_date_and_not_a_second_time(talks):
    question = {"move": [{"move": PLAN, "to": dt.date(1998, 1, 1), "within": "1998"}]}
    arm = ask(talks, question).interventional.changed
    one = waits(talks, PLAN, 1)[0] * YEAR
    for run in range(64):
        plans, cancels = times(arm, "plan", run), times(arm, "cancel", run)
        assert plans[0] == 0.0
        rings = one[run] + cancels[0]  # it gathers from the cancellation on
        if rings < 365:
            assert not np.isclose(plans, rings).any()


def test_a_number_changed_from_a_date_on_changes_the_hazard_from_there_on(talks):
    twice = {"number": [{"path": "channel.talks.rates.plan", "multiply": 2.0, "from": dt.date(1998, 4, 11)}]}
    answer = ask(talks, twice).interventional
    one = waits(talks, PLAN, 1)[0] * YEAR
    ends = (talks.end - talks.start).days + 1.0
    expected = np.where(one < 100, one, 100 + (one - 100) / 2)
    first = first_times(answer.changed, "plan")
    np.testing.assert_allclose(first, np.where(expected < ends, expected, np.inf), rtol=1e-9)
    for run in range(64):
        before, after = (times(arm, "plan", run) for arm in (answer.without, answer.changed))
        np.testing.assert_array_equal(before[before < 100], after[after < 100])


def test_a_number_changed_for_a_time_changes_back(talks):
    entry = {
        "path": "channel.talks.rates.plan",
        "value": 0.0,
        "from": dt.date(1998, 1, 1),
        "until": dt.date(1998, 4, 10),
    }
    arm = ask(talks, {"number": [entry]}).interventional.changed
    one = waits(talks, PLAN, 1)[0] * YEAR
    ends = (talks.end - talks.start).days + 1.0
    np.testing.assert_allclose(first_times(arm, "plan"), np.where(100 + one < ends, 100 + one, np.inf), rtol=1e-9)


def test_dates_of_a_question_are_moments_of_re_evaluation_in_every_arm(talks):
    answer = ask(talks, {"ban": [{"move": PLAN, "from": dt.date(1998, 3, 17), "until": dt.date(1998, 3, 20)}]})
    for product in answer.products.values():
        for arm in (product.without, product.changed, product.other):
            assert {75.0, 79.0} <= set(arm.ensemble.compiled.world.tick_times)


# -- the null intervention, and history -------------------------------------------------------------------------------


def test_the_null_intervention_makes_no_difference_at_all_and_is_what_simulate_draws():
    until = dt.date(1991, 12, 31)
    answer = counterfactual(CASE, None, NULL, seed=5, runs=40, until=until)
    model, drawn = answer.interventional, negsim.simulate(CASE, runs=40, seed=5, until=until)
    for arm in (model.without, model.changed):
        assert arm.ensemble.events.equals(drawn.events)
    assert (model.kinds[["difference", "count_difference", "differ"]] == 0).all(axis=None)
    assert model.kinds[["difference_se", "count_difference_se"]].to_numpy() == pytest.approx(np.sqrt(0.5) / 40)
    assert model.through()["share_se"].to_numpy() == pytest.approx(np.sqrt(0.5) / 40)
    assert not model.other.ensemble.events.equals(drawn.events)
    assert set(model.through()["share"]) == {0.0, 1.0}
    assert "never part" in answer.text()


@pytest.fixture(scope="module")
def no_rocket() -> negsim.Counterfactual:
    return counterfactual(CASE, None, "no-rocket", given="history", seed=5, runs=10)


def test_without_a_change_history_comes_back_exactly(no_rocket):
    assert no_rocket.returned
    past = no_rocket.retrospective
    assert (past.kinds["without"].isin([0.0, 1.0])).all()
    assert "comes back exactly" in no_rocket.text()


def recall(compiled: Compiled, on_record: bool, spoil: float = 0.0) -> bool:
    """Whether three vague copies of a drawn history come back, followed by the record or by the clocks alone."""
    rows, event, day = negsim.simulate(compiled.scenario, runs=3, seed=9, until=dt.date(1992, 12, 31)).columns
    drawn = event < compiled.world.moves
    records = [History(day[drawn & (rows == r)], event[drawn & (rows == r)].astype(np.int64)) for r in range(3)]
    stacked, end = stack_histories(records), 1096.0
    recalled = read_clocks(compiled, compiled.bind(), stacked, end)
    recalled = replace(recalled, waits=recalled.waits * (1 + spoil))

    runs = np.arange(3)
    chooser = Recalling(compiled, RecalledClocks(recalled, compiled, 1, runs), runs, Plan(), stacked, on_record)
    arm = gather_arm(compiled, [run_arm(compiled, chooser, {}, runs, end)], 3, 1, end)
    return came_back(arm, stacked, end)


def test_the_readings_of_the_clocks_alone_bring_history_back_to_the_last_bit():
    """Off the record nothing names the next move: every date comes out of the readings."""
    compiled = compile_scenario(negsim.load_scenario(CASE))
    assert recall(compiled, on_record=True)
    assert recall(compiled, on_record=False)
    assert not recall(compiled, on_record=False, spoil=1e-6)


def test_the_waits_of_a_drawn_history_are_those_that_were_drawn(talks):
    compiled = compile_scenario(talks)
    run, event, day = negsim.simulate(talks, runs=20, seed=3).columns
    records = [History(day[run == r], event[run == r].astype(np.int64)) for r in range(20)]
    end = float(compiled.world.tick_times[-1])
    recalled = read_clocks(compiled, compiled.bind(), stack_histories(records), end)
    drawn, (first, _) = waits(talks, PLAN, 1, 20)[0], recalled.follow()
    row = [move.name for move in compiled.labels.events].index(PLAN)
    rang = first[row] >= 0
    np.testing.assert_allclose(recalled.waits[first[row], np.arange(20)][rang], drawn[rang], rtol=1e-9)
    assert (recalled.rest[row][~rang] <= drawn[~rang]).all()


def test_no_rocket_does_not_come_back_as_rocket_the_day_after(no_rocket):
    past = no_rocket.retrospective
    later = first_times_of(past.changed, "act", "missile_test", after=3164.0)
    assert (later > 3164.0 + 365).all()


def test_a_ban_of_the_rocket_only_postpones_it():
    ban = {
        "name": "x",
        "ban": [{"move": "act:PRK::missile_test", "from": dt.date(1998, 8, 1), "until": dt.date(1998, 9, 30)}],
    }
    past = counterfactual(CASE, None, ban, given="history", seed=5, runs=8, products=RETRO).retrospective
    later = first_times_of(past.changed, "act", "missile_test", after=3134.0)
    assert (later > 3195.0).all()
    assert (later < 3195.0 + 60).all()  # the clock had a month to go on 1 August, and has it still on 1 October


def first_times_of(arm, kind: str, subject: str, after: float) -> np.ndarray:
    events = arm.ensemble.events
    found = events[(events["kind"] == kind) & (events["subject"] == subject) & (events["day"] >= after)]
    return found.groupby("run")["day"].min().reindex(range(arm.ensemble.runs), fill_value=np.inf).to_numpy()


def test_without_the_rocket_nothing_that_answered_it_happens(no_rocket):
    outcomes = no_rocket.retrospective.outcomes.set_index("outcome")
    assert (outcomes.loc[["Japan freezes its food aid", "the planned talks are dropped"], "without"] == 1.0).all()
    assert (outcomes.loc[["Japan freezes its food aid", "the planned talks are dropped"], "changed"] < 0.5).all()


def test_what_came_before_the_change_stays_as_it_was(no_rocket):
    past = no_rocket.retrospective
    limit = (dt.date(1998, 8, 31) - dt.date(1990, 1, 1)).days
    before, after = (arm.ensemble.events for arm in (past.without, past.changed))
    before, after = (events[events["day"] < limit] for events in (before, after))
    assert len(before) > 100
    assert before.reset_index(drop=True).equals(after.reset_index(drop=True))


def test_a_posterior_brings_its_own_dates_and_each_draw_comes_back():
    case = bring_together(CASE, "article")
    names = find_free(case.compiled)
    prior = declare_prior(case.compiled.scenario, names)
    draws, latent = prior.draw(12, np.random.default_rng(1)), find_starts(case.compiled, case.chronology, 12, 1)
    flat = np.zeros(12)
    posterior = Posterior(prior, draws, flat, flat, 0.0, 0.0, "importance", 12, 1, {"ess": 6.0}, latent)
    answer = counterfactual(CASE, posterior, "no-freeze", given=case.chronology, seed=2, runs=8, products=RETRO)
    assert answer.returned
    days = answer.retrospective.without.ensemble.events.query("kind == 'freeze' and subject == 'japan_food'")["day"]
    assert days.nunique() > 5
    assert answer.retrospective.effective == 6.0
    with pytest.raises(ValueError, match=r"leaves \d+ dates open"):
        counterfactual(CASE, None, "no-freeze", given=case.chronology, runs=2, products=RETRO)


def test_a_file_with_rough_dates_is_a_chronology_where_a_posterior_has_its_dates(tmp_path):
    plain = negsim.load_scenario("two-state-channel")
    numbers = {"name": "meeting", "numbers": ["channel.talks.rates.meet"], "how": "multiply"}
    spec = ParameterSpec.model_validate({**numbers, "prior": {"family": "lognormal", "median": 1.0, "sd": 0.5}})
    case, told = plain.model_copy(update={"parameter": (spec,)}), tmp_path / "events.csv"
    year = case.start.year
    told.write_text(f"date,kind,channel\n{year}-03,meet,talks\n{year}-06,adjourn,talks\n", "utf-8")
    read = bring_together(case, str(told))
    prior, flat = declare_prior(case, ["meeting"]), np.zeros(12)
    latent = find_starts(read.compiled, read.chronology, 12, 1)
    draws = prior.draw(12, np.random.default_rng(1))
    posterior = Posterior(prior, draws, flat, flat, 0.0, 0.0, "importance", 12, 1, {"ess": 6.0}, latent)
    question = {"name": "none", "number": [{"path": "meeting", "multiply": 1.0}]}
    answer = counterfactual(case, posterior, question, given=str(told), runs=4, products=RETRO)
    events = answer.retrospective.without.ensemble.events
    assert events[events["kind"] == "meet"].groupby("run")["date"].first().dt.month.tolist() == [3] * 4
    with pytest.raises(negsim.ScenarioError, match="needs a fit to it"):
        counterfactual(case, None, question, given=str(told), runs=2, products=RETRO)


def test_a_history_that_cannot_have_been_is_refused():
    rows = [("1995-01-01", "lift:JPN::japan_food")]
    with pytest.raises(ValueError, match="japan_food is not frozen"):
        counterfactual(CASE, None, NULL, given=rows, runs=2, products=RETRO)


def test_the_answer_is_the_same_with_any_number_of_workers(talks):
    rows = [("1998-05-01", PLAN), ("1998-06-01", CANCEL)]
    watch = [{"event": "plan", "label": "talks are planned"}]
    question = {"force": [{"move": CANCEL, "date": dt.date(1998, 5, 11), "if_impossible": "leave"}], "watch": watch}
    one, other = (ask(talks, question, runs=7, given=rows, workers=workers) for workers in (1, 3))
    assert one.returned
    assert "forced move was impossible" in one.text()
    assert other.text() == one.text()
    assert other.summary().equals(one.summary())
    for mine, theirs in zip(one.products.values(), other.products.values(), strict=True):
        for arm in ("without", "changed", "other"):
            assert getattr(mine, arm).ensemble.events.equals(getattr(theirs, arm).ensemble.events)
    with pytest.raises(ValueError, match="workers must be a whole number of at least 1, not 0"):
        ask(talks, question, workers=0)


# -- common clocks ----------------------------------------------------------------------------------------------------


@st.composite
def raised_rates(draw) -> tuple[negsim.Scenario, str, float, int]:
    """A scenario, the rate of one of its moves, by how much to raise it, and a seed."""
    scenario = draw(strategies.scenarios())
    moves = compile_scenario(scenario).labels.events
    move = draw(st.sampled_from(moves[: len(moves) - 3 * len(scenario.concession)]))
    return scenario, rate_path(scenario, move), draw(st.floats(1.05, 5.0)), draw(st.integers(0, 1000))


def firsts(scenario: negsim.Scenario, path: str, factor: float, seed: int) -> tuple[np.ndarray, list]:
    """When a move with this rate is first made in each run, and what happened before that."""
    compiled = compile_scenario(scenario)
    until = min(scenario.end, scenario.start + dt.timedelta(days=365))
    value = compiled.numbers[path] * factor
    run, event, day = negsim.simulate(scenario, runs=6, seed=seed, params={path: value}, until=until).columns
    moves = compiled.labels.events[: compiled.world.moves]
    mine = np.array([rate_path(scenario, move) == path for move in moves] + [False] * 3 * len(scenario.concession))
    first = np.full(6, np.inf)
    np.minimum.at(first, run[mine[event]], day[mine[event]])
    return first, [[*zip(event[run == r].tolist(), day[run == r].tolist(), strict=True)] for r in range(6)]


def check_not_later(one: tuple, two: tuple) -> None:
    for run, (before, after) in enumerate(zip(one[0], two[0], strict=True)):
        assert after <= before * (1 + 1e-9)
        earlier = [[entry for entry in told[run] if entry[1] < after] for told in (one[1], two[1])]
        assert [entry[0] for entry in earlier[0]] == [entry[0] for entry in earlier[1]]
        np.testing.assert_allclose(*([entry[1] for entry in part] for part in earlier), rtol=1e-9, atol=1e-9)


@given(raised_rates())
@settings(max_examples=8)
def test_raising_a_moves_hazard_never_makes_its_own_first_firing_later(drawn):
    scenario, path, factor, seed = drawn
    check_not_later(firsts(scenario, path, 1.0, seed), firsts(scenario, path, factor, seed))


def test_clocks_that_are_not_common_would_be_noticed(talks):
    path = "channel.talks.rates.plan"
    with pytest.raises(AssertionError):
        check_not_later(firsts(talks, path, 1.0, 1), firsts(talks, path, 1.2, 2))


def test_common_clocks_leave_less_variance_than_independent_ones():
    twentieth = {"number": [{"path": "channel.official.rates.open", "multiply": 1.05}]}
    answer = ask(negsim.load_scenario(CASE), twentieth, runs=120, until=dt.date(1992, 6, 30))
    every = answer.interventional.kinds.iloc[0]
    assert every["count_variance_ratio"] > 3
    swapped = replace(answer.interventional, changed=answer.interventional.other)  # planted bug: clocks not common
    assert swapped.kinds.iloc[0]["count_variance_ratio"] < 3


def test_a_variance_ratio_is_what_it_says():
    rng = np.random.default_rng(1)
    ratio = variance_ratio(3.0 * rng.normal(size=4000), rng.normal(size=4000), "r", 4000)
    assert abs(ratio["r"] - 9.0) < 4 * ratio["r_se"]
    assert 0.1 < ratio["r_se"] < 0.8
    assert variance_ratio(rng.normal(size=10), np.zeros(10), "r", 10)["r"] == np.inf
    assert np.isnan(variance_ratio(np.zeros(10), np.zeros(10), "r", 10)["r"])
    assert np.isnan(variance_ratio(np.ones(1), np.ones(1), "r", 1)["r"])


def test_the_error_of_a_variance_ratio_is_its_scatter_though_both_differences_are_from_one_arm():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(400):
        without, changed, other = rng.gamma(1.0, size=(3, 300)) * [[3.0], [1.0], [1.0]]
        found.append(variance_ratio(other - without, changed - without, "r", 300))
    scatter, said = np.std([one["r"] for one in found]), np.mean([one["r_se"] for one in found])
    assert said == pytest.approx(scatter, rel=0.2)  # taken apart, their errors would come to six times that
    assert variance_ratio(other - without, changed - without, "r", 75)["r_se"] == pytest.approx(2 * found[-1]["r_se"])


def test_what_runs_are_worth_is_in_every_error_of_an_answer(talks):
    watched = {"event": "plan", "by": dt.date(1998, 9, 30), "label": "talks are planned"}
    answer = ask(talks, {"remove": [{"move": PLAN, "within": "1998"}], "watch": [watched]}, runs=256)
    model = answer.interventional
    fewer = replace(model, effective=model.effective / 4)
    for name in ("outcomes", "kinds"):
        errors = [column for column in getattr(model, name) if column.endswith("_se")]
        once, twice = (getattr(one, name)[errors].to_numpy(dtype=float) for one in (model, fewer))
        days = np.array([column == "days_later_se" for column in errors])
        with np.errstate(invalid="ignore"):
            grown = twice / once
        assert (np.isclose(grown, 2.0) | np.isclose(grown, 4.0) | np.isnan(grown)).all(), "4 where half a pair differs"
        assert np.isclose(grown, 2.0)[:, ~days].any()
    text = replace(answer, interventional=fewer).text()
    shares = [float(share) for share in re.findall(r"(\d+\.\d) ± \d+\.\d%", text)]
    told = [float(error) for error in re.findall(r"\d ± (\d+\.\d)%", text)]
    assert len(shares) >= 4
    for share, error in zip(shares, told, strict=True):
        assert error == pytest.approx(np.sqrt(share * (100 - share) / fewer.worth), abs=0.06)


def test_a_difference_that_few_pairs_would_not_show_is_not_said_to_be_exact():
    stream, rare, told = np.random.default_rng(4), 0.01, []
    for _ in range(200):
        first, second = stream.random((2, 40)) < np.array([[0.0], [rare]])
        told.append(compare(measured(first), measured(second), None, 40.0))
        assert told[-1]["differ"] == second.mean()
    away, errors = (np.array([row[name] for row in told]) for name in ("difference", "difference_se"))
    assert (away == 0).mean() > 0.5, "mostly no pair differs"
    assert (np.abs(away - rare) < 2 * errors).mean() > 0.9


def measured(happened: np.ndarray) -> Measured:
    return Measured(happened.astype(int), np.where(happened, 1.0, np.inf))


def test_the_error_among_pairs_concerned_is_that_of_so_many_pairs(talks):
    watched = {"event": "plan", "by": dt.date(1998, 9, 30), "label": "talks are planned"}
    model = ask(talks, {"remove": [{"move": PLAN, "within": "1998-06"}], "watch": [watched]}, runs=512).interventional
    row, here = model.outcomes.iloc[0], model.concerned
    high = (dt.date(1998, 10, 1) - talks.start).days
    first, second = (first_times(arm, "plan") < high for arm in (model.without, model.changed))
    changes = second.astype(float) - first
    assert row["difference"] == pytest.approx(changes.mean())
    assert 20 < here.sum() < 256
    assert row["difference_concerned"] == pytest.approx(changes[here].mean())
    assert row["difference_concerned_se"] == pytest.approx(changes[here].std(ddof=1) / np.sqrt(here.sum()))


def test_a_difference_in_every_pair_concerned_is_not_said_to_be_none(talks):
    day = dt.date(1998, 7, 1)
    watched = {"event": "plan", "from": day, "by": day, "label": "talks are planned that day"}
    forced = {"move": PLAN, "date": day, "if_impossible": "leave"}
    answer = ask(talks, {"force": [forced], "watch": [watched]}, runs=40)
    row = answer.interventional.outcomes.iloc[0]
    pairs = 40 * row["concerned"]
    assert row["difference_concerned"] == 1.0
    assert row["difference_concerned_se"] == pytest.approx(np.sqrt(0.5) / pairs), "as if half a pair had none"
    assert 0 < row["concerned"] < 1
    said = f"+100 in the {100 * row['concerned']:.1f}% of the pairs concerned, in every one of them"
    assert said in answer.text()
    assert "none in the" not in answer.text() + answer.headline()


def test_what_is_watched_for_counts_to_the_end_of_the_last_day(talks):
    ensemble = ask(talks, {}, runs=40).interventional.without.ensemble
    day = int(ensemble.events.query("kind == 'plan'")["day"].min())
    by = talks.start + dt.timedelta(days=day)
    for last, happens in ((by, True), (by - dt.timedelta(days=1), False)):
        row = ask(talks, {"watch": [{"event": "plan", "by": last, "label": "x"}]}, runs=40).interventional.outcomes
        assert (row["without"].iloc[0] > 0) == happens


def test_histories_that_end_before_the_last_day_that_is_watched_are_said_to(talks):
    last = talks.start.replace(month=6, day=30)
    watch = {"watch": [{"event": "plan", "by": talks.end, "label": "they plan"}]}
    text = ask(talks, watch, runs=4, until=last).text()
    assert f"histories from {talks.start} to {last}, each pair" in text
    assert (
        f"The histories end on {last}; what would have come later does not count: they plan (by {talks.end})." in text
    )
    assert "The histories end" not in ask(talks, watch, runs=4).text()


def test_an_error_among_pairs_concerned_that_is_too_small_for_its_digits_is_not_nothing():
    row = {"concerned": 0.5, "difference_concerned": 0.03, "difference_concerned_se": 0.004, "differ": 0.02}
    assert _say_concerned(row) == "+3 ± <1 in the 50.0% of the pairs concerned"


def test_a_handful_of_pairs_rules_out_no_more_than_all_of_them(talks):
    answer = ask(talks, {"watch": [{"event": "plan", "by": dt.date(1998, 1, 2), "label": "early"}]}, runs=2)
    assert "0% (at most 77.6%)" in answer.text()


def test_pairs_of_which_a_history_explodes_are_left_out_and_counted(talks, monkeypatch):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 12)
    often = {"number": [{"path": "channel.talks.rates.plan", "multiply": 3.0, "from": dt.date(1999, 1, 1)}]}
    model = ask(talks, {**often, "watch": [{"event": "plan", "label": "talks are planned"}]}).interventional
    exploded = np.unique(
        np.concatenate([arm.ensemble.stopped[0] for arm in (model.without, model.changed, model.other)])
    )
    assert 0 < len(exploded) < 64
    np.testing.assert_array_equal(np.flatnonzero(~model.kept), exploded)
    assert len(model.partings.day) == 64 - len(exploded)
    counts = model.without.ensemble.events.groupby("run").size().reindex(range(64), fill_value=0)
    assert model.kinds.iloc[0]["count_without"] == pytest.approx(counts[model.kept].mean())


# -- parts that are not there -----------------------------------------------------------------------------------------


def test_the_clocks_of_the_others_are_the_same_without_a_channel():
    answer = counterfactual(CASE, None, "no-red-cross", seed=5, runs=40, until=dt.date(1991, 12, 31))
    assert answer.gone == ("channel.red_cross", "demand.pre1945_missing")
    model = answer.interventional
    assert "red_cross" not in set(model.changed.ensemble.events["channel"])
    # Whatever comes before the first Red Cross move of a run is the same in both arms.
    for run in range(40):
        events = model.without.ensemble.events
        events = events[events["run"] == run]
        first = events.loc[events["channel"] == "red_cross", "day"].min()
        same = events[events["day"] < (np.inf if np.isnan(first) else first)]
        other = model.changed.ensemble.events
        other = other[other["run"] == run]
        np.testing.assert_array_equal(same["day"], other["day"][: len(same)])
    assert not (model.through()["channel"] == "red_cross").any()


def test_parameters_of_parts_that_are_gone_are_passed_over():
    question = {"name": "x", "drop": ["demand.abductions"]}
    params = {"demand_weight": 1.5, "alarm": np.full(8, 7.0)}
    answer = counterfactual(CASE, params, question, seed=1, runs=8, until=dt.date(1990, 6, 30))
    assert answer.interventional.runs == 8
    with pytest.raises(negsim.ScenarioError, match="alarm"):
        counterfactual(CASE, {"alrm": 1.0}, question, runs=2)


# -- where histories part, and the answer in words -------------------------------------------------------------------


def test_histories_part_where_their_moves_first_differ(talks):
    answer = ask(talks, {"remove": [{"move": PLAN}]})
    model = answer.interventional
    partings = model.partings
    for run in range(64):
        cancels = times(model.without, "cancel", run)
        plans = times(model.changed, "plan", run)
        ends = [day[0] for day in (cancels, plans) if len(day)]
        # The removed plan is the intervention itself; its cancellation, or a plan made instead, is its consequence.
        assert partings.day[run] == (min(ends) if ends else np.inf)
    own = find_partings(model.without.ensemble, model.changed.ensemble, *([model.changed.log.table("forced")] * 2))
    assert (own.day != partings.day).any()  # with the removed ring counted in


def test_a_removed_ring_is_no_parting_where_parts_are_gone_that_stood_before_it():
    question = {"name": "x", "remove": [{"move": "act:PRK::missile_test"}], "drop": ["channel.red_cross"]}
    model = counterfactual(CASE, None, question, seed=1, runs=30, until=dt.date(1995, 12, 31)).interventional
    removed = {*zip(*(column.tolist() for column in model.changed.log.table("removed")[::2]), strict=True)}
    assert len(removed) > 15
    assert not removed & {*enumerate(model.partings.day.tolist())}


def test_the_answer_says_what_was_meant_what_is_assumed_and_how_sure_it_is(no_rocket):
    assert str(no_rocket) == no_rocket.text()
    assert repr(no_rocket) == "Counterfactual('no-rocket': interventional and retrospective)"
    text = no_rocket.text()
    assert "does not come back the day after" in text
    assert "No data can tell" in text
    assert "fresh clocks" in text
    assert "± is one standard error" in text
    for row in no_rocket.intervention.watch:
        lines = [line for line in text.splitlines() if line.startswith(f"- {row.label}:")]
        assert len(lines) == 2  # one for each product, never mixed
        assert all("±" in line or "at most" in line or "at least" in line for line in lines)


def test_an_answer_is_kept_whole(no_rocket, tmp_path):
    folder = no_rocket.save(tmp_path / "answer")
    names = {file.name for file in folder.iterdir()}
    assert {"answer.txt", "question.toml", "interventional.csv", "retrospective.csv", "provenance.json"} <= names
    again = load_intervention(negsim.load_scenario(CASE), folder / "question.toml")
    assert again == no_rocket.intervention


@given(st.floats(0, 4000), st.floats(0, 4000))
@example(1.8291177592785743, 1026.4457113135738)  # no number of days leads from the first to the second exactly
def test_days_to_a_date_arrive_exactly_or_as_near_as_numbers_allow(a: float, b: float):
    assume(a != b)
    time, date = np.array([min(a, b)]), np.array([max(a, b)])
    arrived = time + reach(time, date)
    assert abs(arrived - date)[0] <= np.spacing(date)[0]
    assert arrived[0] == date[0] or date[0] - time[0] > date[0] / 2
    assert reach(date, time)[0] == 0.0


def test_every_entry_of_a_question_finds_its_rows():
    case = negsim.load_scenario(CASE)
    plan = lay_plan(compile_scenario(case), load_intervention(case, "breakthroughs-earlier"))
    assert len(plan.pushes) == 7
    assert [push.day for push in plan.pushes] == sorted(push.day for push in plan.pushes)
    assert counterfactuals.PURPOSE_DRAWS != PURPOSE_INDEPENDENT
