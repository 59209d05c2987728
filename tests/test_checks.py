"""Can the shared checkers fail? A check that cannot is a defect: each one has a case here that it refuses."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import (
    Referee,
    adjust,
    assert_chance_explains,
    calm,
    compare_counts,
    compare_mean,
    compare_means,
    compare_neighbours,
    compare_with_exponential,
    examples,
    fit_slope,
    list_rows,
)
from negsim.ensemble import simulate
from negsim.scenario import Channel, Coercion, Concession, Initial, Scenario
from strategies import pair, two_state_channel

CERTAIN = 1e-6
"""A p-value that no unlucky draw explains."""


@pytest.fixture
def draws() -> np.random.Generator:
    return np.random.default_rng(20240229)


# -- statistics ------------------------------------------------------------------------------------------------------


def test_p_values_are_adjusted_for_being_many():
    # Smallest times three, next times two, largest times one; never falling, never above one.
    assert adjust([0.02, 0.01, 0.9]) == pytest.approx([0.04, 0.03, 0.9])
    assert adjust([0.3, 0.6, 0.5]) == pytest.approx([0.9, 1.0, 1.0])


def test_a_family_with_one_impossible_member_is_rejected_by_name():
    assert_chance_explains({"fair": 0.3, "unlucky": 0.01})
    with pytest.raises(AssertionError, match="wrong"):
        assert_chance_explains({"fair": 0.3, "wrong": 1e-5})


def test_a_family_of_nothing_proves_nothing():
    with pytest.raises(AssertionError, match="nothing"):
        assert_chance_explains({})
    with pytest.raises(AssertionError, match="not a p-value"):
        assert_chance_explains({"lost": float("nan")})


def test_a_mean_off_by_a_fifth_is_noticed(draws: np.random.Generator):
    values = draws.normal(size=2000)
    assert compare_mean(values) > 1e-3
    assert compare_mean(values + 0.2) < CERTAIN


def test_constants_are_compared_exactly():
    assert compare_mean(np.ones(5), 1.0) == 1.0
    assert compare_mean(np.ones(5), 2.0) == 0.0
    assert compare_means(np.ones(5), np.ones(4)) == 1.0
    assert compare_means(np.ones(5), np.zeros(4)) == 0.0


def test_two_means_a_fifth_apart_are_told_apart(draws: np.random.Generator):
    first, second = draws.normal(size=2000), draws.normal(size=3000)
    assert compare_means(first, second) > 1e-3
    assert compare_means(first, second + 0.2) < CERTAIN


def test_a_loaded_die_is_noticed(draws: np.random.Generator):
    counts = np.bincount(draws.integers(6, size=6000), minlength=6)
    assert compare_counts(counts, np.full(6, 1 / 6)) > 1e-3
    assert compare_counts(counts + np.array([300, 0, 0, 0, 0, 0]), np.full(6, 1 / 6)) < CERTAIN


def test_what_has_no_probability_must_not_happen():
    assert compare_counts([500, 500, 1], [0.5, 0.5, 0.0]) == 0.0
    assert compare_counts([500, 500, 0], [0.5, 0.5, 0.0]) == 1.0


def test_rare_cells_are_put_together():
    # Expected 992, 4 and 4: the last two become one cell of 8.
    assert compare_counts([992, 4, 4], [0.992, 0.004, 0.004]) == 1.0
    assert compare_counts([960, 20, 20], [0.992, 0.004, 0.004]) < CERTAIN


def test_waits_that_are_not_exponential_are_noticed(draws: np.random.Generator):
    waits = draws.exponential(size=3000)
    assert compare_with_exponential(waits) > 1e-3
    assert compare_with_exponential(1.2 * waits) < CERTAIN
    assert compare_with_exponential(draws.uniform(0, 2, size=3000)) < CERTAIN


def test_waits_that_repeat_themselves_are_noticed(draws: np.random.Generator):
    waits = draws.exponential(size=1500)
    assert compare_neighbours(waits) > 1e-3
    assert compare_neighbours(np.repeat(waits, 2)) < CERTAIN


def test_a_slope_is_an_order_of_convergence():
    assert fit_slope([1, 2, 4], [3, 6, 12]) == pytest.approx(1.0)
    assert fit_slope([1, 2, 4], [3, 12, 48]) == pytest.approx(2.0)


# -- drawn scenarios -------------------------------------------------------------------------------------------------


def test_a_property_that_does_not_hold_is_found_out():
    @examples(10)
    @given(st.integers())
    @calm
    def is_small(number: int) -> None:
        assert abs(number) < 2

    with pytest.raises(AssertionError):
        is_small()


def test_explosive_scenarios_are_passed_over_and_no_others():
    seen = []

    @examples(10)
    @given(st.sampled_from([1.0, 1e4]))
    @calm
    def ends(plan: float) -> None:
        simulate(two_state_channel(plan=plan, cancel=plan), runs=2)
        seen.append(plan)

    ends()
    assert set(seen) == {1.0}


# -- the rules of the game -------------------------------------------------------------------------------------------


def table() -> Scenario:
    """A may visit, 40 days after promising it, and keep a moratorium while talks are open, which its tests break."""
    return pair(
        start=dt.date(2000, 1, 1),
        end=dt.date(2000, 12, 31),
        good={},
        concession={
            "visit": Concession(giver="A", kind="act", worth={"B": 1.0}, lead_time_days=40.0, once=True),
            "moratorium": Concession(giver="A", kind="restraint", worth={"B": 1.0}, while_open="talks"),
        },
        channel={
            "talks": Channel(
                sides=(("A",), ("B",)), agenda=("visit", "moratorium"), consent=("after", "before_signature")
            )
        },
        coercion={"test": Coercion(actor="A", hits={"B": 1.0}, breaks=("moratorium",))},
        initial=Initial(channels={"talks": "open"}),
    )


ROUTE = (
    (1.0, "meet", "A", "talks", ""),
    (2.0, "agree", "A", "talks", "visit+moratorium"),
    (3.0, "approve", "B", "talks", ""),
    (4.0, "approve", "A", "talks", ""),
    (5.0, "begin", "A", "", "moratorium"),
    (44.5, "begin", "A", "", "visit"),
    (50.0, "act", "A", "", "test"),
    (50.0, "broken", "A", "", "moratorium"),
    (51.0, "pledge", "A", "", "moratorium"),
    (52.0, "begin", "A", "", "moratorium"),
    (53.0, "walk_out", "B", "talks", ""),
    (53.0, "lapsed", "A", "", "moratorium"),
    (60.0, "act", "A", "", "test"),
)


def read(rows: Any) -> list[dict[str, Any]]:
    return [dict(zip(("day", "kind", "actor", "channel", "subject"), row, strict=True)) for row in rows]


def play(rows: Any) -> Referee:
    referee = Referee(table())
    referee.follow(read(rows))
    return referee


def without(number: int) -> list[Any]:
    return [row for position, row in enumerate(ROUTE) if position != number]


def put(number: int, *rows: Any) -> list[Any]:
    return [*ROUTE[:number], *rows, *ROUTE[number:]]


def test_a_run_within_the_rules_is_followed_to_its_end():
    referee = play(ROUTE)
    assert referee.stage == {"visit": "done", "moratorium": "none"}
    assert referee.channel == {"talks": "closed"}


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(without(0), id="agreed outside a session"),
        pytest.param(without(2), id="approved what was not signed"),
        pytest.param(without(3), id="begun what was not promised"),
        pytest.param(without(7), id="a broken restraint goes on"),
        pytest.param(without(11), id="a restraint outlives its channel"),
        pytest.param(ROUTE[:7], id="the consequence is missing at the end"),
        pytest.param([*ROUTE[:5], (44.0 - 0.5, "begin", "A", "", "visit")], id="before the lead time"),
        pytest.param([*ROUTE, (60.0, "broken", "A", "", "moratorium")], id="broken when not in force"),
        pytest.param(put(5, (6.0, "lapsed", "A", "", "moratorium")), id="lapsed while the channel is open"),
        pytest.param(put(5, (6.0, "complete", "A", "", "moratorium")), id="a move of another kind"),
        pytest.param(put(5, (6.0, "freeze", "A", "", "visit")), id="begun while frozen"),
        pytest.param(put(5, (6.0, "lift", "A", "", "visit")), id="lifted what was not frozen"),
        pytest.param([*ROUTE[:6], (45.0, "pledge", "A", "", "visit")], id="pledged what is done"),
        pytest.param([*ROUTE, (59.0, "plan", "A", "talks", "")], id="time runs backwards"),
        pytest.param([*ROUTE, (61.0, "open", "A", "talks", "")], id="opened what was not planned"),
        pytest.param([*ROUTE, (61.0, "begin", "A", "", "moratorium")], id="in force again by itself"),
        pytest.param(put(2, (2.5, "agree", "A", "talks", "visit")), id="agreed on a full table"),
        pytest.param(put(4, (4.5, "approve", "A", "talks", "")), id="approved twice"),
        pytest.param(put(4, (4.5, "reject", "B", "talks", "")), id="rejected what is signed"),
    ],
)
def test_a_run_against_the_rules_is_stopped(rows: Any):
    with pytest.raises(AssertionError):
        play(rows)


def test_event_tables_are_listed_run_by_run():
    ensemble = simulate(two_state_channel(), runs=3, seed=1)
    rows = list_rows(ensemble)
    assert [len(run) for run in rows] == ensemble.events.groupby("run").size().tolist()
    assert {row["kind"] for run in rows for row in run} == {"plan", "cancel"}
    assert [row["day"] for row in rows[2]] == ensemble.events.query("run == 2").day.tolist()
