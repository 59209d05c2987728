"""Does the witness itself say what docs/model.md says, in worlds worked out by hand?

Arithmetic stands in the comments or as plain formulas of `math`, never through the reference's own helpers.
Most worlds are `pair()`: A may ship food to B (worth 2 to B, cost 0.5), B may visit A (worth 1.5 to A, cost 0.4), both
states have reservation 0, audience 0.5, power 1 and trust 1/2, and B's need for food is 1 at the start.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from checks import examples
from negsim.scenario import (
    Actor,
    Alignment,
    Channel,
    Coercion,
    Concession,
    Demand,
    Driver,
    Gate,
    Good,
    Group,
    Initial,
    Need,
    Regard,
    Scenario,
    TermSettings,
)
from negsim.scenario_checks import number_paths
from negsim.scenario_files import check
from reference import (
    DEFAULT_RATES,
    TERM_NUMBERS,
    Clock,
    State,
    World,
    compensators,
    log_likelihood,
    replay,
    simulate,
)
from strategies import numbers_for, pair, scenarios, two_state_channel

YEAR = 365.25


def logistic(x: float) -> float:
    """Its own, not the reference's."""
    return math.exp(x) / (1 + math.exp(x))


def talks(**changes: Any) -> Channel:
    """The channel of `pair()`, changed."""
    base: dict[str, Any] = {"sides": (("A",), ("B",)), "agenda": ("food", "visit")}
    return Channel(**(base | changes))


def began(scenario: Scenario, **numbers: float) -> tuple[World, State]:
    """A world and its start; numbers by key path with `__` for dots."""
    world = World(scenario, {path.replace("__", "."): number for path, number in numbers.items()})
    return world, world.start()


def in_session(**changes: Any) -> tuple[World, State]:
    """`pair()` at the table, its channel changed."""
    return began(pair(channel={"talks": talks(**changes)}, initial=Initial(channels={"talks": "in_session"})))


def yearly(world: World, state: State, name: str) -> float:
    """A hazard per year."""
    return world.hazards(state)[name] * YEAR


# -- 1. time ----------------------------------------------------------------------------------------------------------


def test_monthly_ticks_are_the_firsts_after_the_start_and_before_the_end() -> None:
    # 1 January is the start itself; 1 February is day 31, 1 March day 59; 1 April is the end.
    world = World(pair(start=dt.date(1998, 1, 1), end=dt.date(1998, 3, 31)))
    assert world.end == 90
    assert world.tick_times == [0, 31, 59]


def test_weekly_and_daily_ticks_count_from_the_start() -> None:
    period = {"start": dt.date(1998, 1, 7), "end": dt.date(1998, 1, 27)}  # 21 days; day 21 is the end
    assert World(pair(tick="week", **period)).tick_times == [0, 7, 14]
    assert World(pair(tick="day", **period)).tick_times == list(range(21))


def test_a_driver_holds_from_the_first_tick_on_or_after_its_date() -> None:
    dates = (dt.date(1998, 1, 1), dt.date(1998, 1, 15), dt.date(1998, 3, 1))
    shock = Driver(target="actor.A.reservation", dates=dates, values=(0.5, 1.0, -2.0))
    more = Driver(target="actor.A.reservation", dates=(dt.date(1998, 2, 1),), values=(0.25,))
    world, state = began(pair(driver={"shock": shock, "more": more}))
    held = []
    for state.tick in (0, 1, 2):
        held.append(world.reservation(state, "A"))
    assert held == [0.5, 1.25, -1.75]  # January 0.5; February 1 + 0.25; March -2 + 0.25


def test_no_driver_acts_before_its_first_date() -> None:
    shock = Driver(target="good.food.need.B.shortfall", dates=(dt.date(1998, 1, 2),), values=(3.0,))
    world, state = began(pair(driver={"shock": shock}))
    assert world.need(state, "food", "B") == 1.0
    state.tick = 1
    assert world.need(state, "food", "B") == 3.0


def test_a_gate_is_active_from_its_first_day_until_before_its_last() -> None:
    gate = Gate(items=("visit",), hard=True, from_=dt.date(1998, 2, 1), to=dt.date(1998, 3, 1))
    world, state = began(pair(channel={"talks": talks(gates=(gate,))}, initial=Initial(channels={"talks": "planned"})))
    possible = []
    for state.tick in (0, 1, 2):
        possible.append(world.possible(state, world.move["open:A:talks:"]))
    assert possible == [True, False, True]


# -- 2. who stands behind whom, and the order of moves ----------------------------------------------------------------


def test_moves_have_these_names_in_this_order() -> None:
    scenario = pair(
        actor={"A": Actor(), "A_society": Actor(kind="intermediary", answers_to="A"), "B": Actor()},
        channel={"talks": talks(sides=(("A_society", "A"), ("B",)), consent=("after", "none"))},
        demand={"list": Demand(owner="B", target="A", channel="talks")},
        coercion={"test": Coercion(actor="B", hits={"A": 1.0})},
    )
    assert [move.name for move in World(scenario).moves()] == [
        "plan:A_society:talks:",
        "open:A_society:talks:",
        "meet:A_society:talks:",
        "adjourn:A_society:talks:",
        "close:A_society:talks:",
        "cancel:A_society:talks:",
        "walk_out:A_society:talks:",
        "approve:A:talks:",
        "reject:A:talks:",
        "cancel:B:talks:",
        "walk_out:B:talks:",
        "raise:B::list",
        "act:B::test",
        "pledge:A::food",
        "begin:A::food",
        "suspend:A::food",
        "resume:A::food",
        "renege:A::food",
        "freeze:A::food",
        "lift:A::food",
        "pledge:B::visit",
        "begin:B::visit",
        "renege:B::visit",
        "freeze:B::visit",
        "lift:B::visit",
        "agree:A_society:talks:food",
        "agree:A_society:talks:visit",
        "agree:A_society:talks:food+visit",
    ]


def test_counterparts_are_the_other_leader_the_recipient_and_the_first_hit() -> None:
    scenario = pair(
        actor={"A": Actor(), "B_society": Actor(kind="intermediary", answers_to="B"), "B": Actor(), "C": Actor()},
        concession={"food": Concession(giver="A", kind="flow", worth={"C": 1.0, "B": 1.0}, recipient="B")},
        channel={"talks": talks(sides=(("A",), ("B_society",)), agenda=("food",))},
        coercion={"test": Coercion(actor="B_society", hits={"C": 1.0, "A": 1.0})},
    )
    against = {move.name: move.counterpart for move in World(scenario).moves()}
    assert against["approve:A:talks:"] == "B_society"
    assert against["walk_out:B_society:talks:"] == "A"
    assert against["approve:B:talks:"] == "A"
    assert against["begin:A::food"] == "B"
    assert against["act:B_society::test"] == "C"


def test_what_is_not_unilateral_or_freezable_has_no_such_moves() -> None:
    word = Concession(giver="A", kind="restraint", worth={"B": 1.0}, unilateral=False, freezable=False)
    world = World(pair(concession={"word": word}, channel={"talks": talks(agenda=("word",))}))
    kinds = [move.kind for move in world.moves() if move.subject == "word" and move.kind != "agree"]
    assert kinds == ["begin", "withdraw", "renege"]


def test_packages_are_small_subsets_smaller_first_or_the_named_ones() -> None:
    names = ("a", "b", "c")
    items = {name: Concession(giver="A", kind="act", worth={"B": 1.0}) for name in names}
    subsets = World(pair(concession=items, channel={"talks": talks(agenda=names, max_items=2)})).packages["talks"]
    assert subsets == [("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c")]
    named = talks(agenda=names, packages=(("c", "a"), ("b",)))
    assert World(pair(concession=items, channel={"talks": named})).packages["talks"] == [("a", "c"), ("b",)]


# -- 4. stages --------------------------------------------------------------------------------------------------------


def test_a_channel_goes_round_its_stages() -> None:
    world, state = began(pair())
    seen = []
    for kind in ("plan", "open", "meet", "adjourn", "close"):
        world.apply(state, f"{kind}:A:talks:")
        seen.append(state.channel["talks"])
    assert seen == ["planned", "open", "in_session", "open", "closed"]


def test_only_moves_that_the_stage_allows_are_possible() -> None:
    world, state = began(pair())
    on = [name for name in world.move if world.possible(state, world.move[name])]
    assert on == ["plan:A:talks:", "pledge:A::food", "freeze:A::food", "pledge:B::visit", "freeze:B::visit"]
    with pytest.raises(ValueError, match="not possible"):
        world.apply(state, "open:A:talks:")


def test_consent_before_signature_comes_from_both_sides_before_anything_is_promised() -> None:
    world, state = in_session()
    state.time = 10.0
    world.apply(state, "agree:A:talks:food+visit")
    assert (state.stage, state.table["talks"]) == ({"food": "tabled", "visit": "tabled"}, ["food", "visit"])
    assert state.changed == {"food": 10.0, "visit": 10.0}
    state.time = 20.0
    world.apply(state, "approve:A:talks:")
    assert state.stage == {"food": "tabled", "visit": "tabled"}
    assert not world.possible(state, world.move["approve:A:talks:"])
    assert not world.possible(state, world.move["agree:A:talks:food"])
    state.time = 30.0
    world.apply(state, "approve:B:talks:")
    assert state.stage == {"food": "promised", "visit": "promised"}
    assert (state.table["talks"], state.last_deal["talks"]) == ([], 30.0)
    assert state.changed == {"food": 30.0, "visit": 30.0}


def test_rejecting_before_signature_drops_the_table() -> None:
    world, state = in_session()
    world.apply(state, "agree:A:talks:food")
    world.apply(state, "approve:B:talks:")
    world.apply(state, "reject:A:talks:")
    assert (state.stage["food"], state.table["talks"]) == ("none", [])
    assert state.consent == {("talks", 0): False, ("talks", 1): False}


def test_without_consent_to_wait_for_an_accord_is_signed_and_promised_at_once() -> None:
    world, state = in_session(consent=("none", "none"))
    world.apply(state, "agree:A:talks:food+visit")
    assert state.stage == {"food": "promised", "visit": "promised"}


def test_a_side_that_approves_afterwards_holds_back_only_what_it_gives() -> None:
    world, state = in_session(consent=("none", "after"))
    world.apply(state, "agree:A:talks:food+visit")
    assert state.stage == {"food": "promised", "visit": "signed"}
    assert state.awaiting == {("talks", 0): [], ("talks", 1): ["food", "visit"]}
    world.apply(state, "approve:B:talks:")
    assert state.stage == {"food": "promised", "visit": "promised"}
    assert state.awaiting["talks", 1] == []


def test_rejecting_afterwards_sends_back_what_both_sides_signed_or_promised() -> None:
    world, state = in_session(consent=("none", "after"))
    world.apply(state, "agree:A:talks:food+visit")
    world.apply(state, "reject:B:talks:")
    assert state.stage == {"food": "none", "visit": "none"}
    assert state.awaiting["talks", 1] == []


def test_rejecting_afterwards_clears_the_other_sides_docket_of_the_same_items_only() -> None:
    world, state = in_session(consent=("after", "after"))
    world.apply(state, "agree:A:talks:food")
    world.apply(state, "approve:A:talks:")  # A's docket is empty, B still has the food to decide on
    world.apply(state, "agree:A:talks:visit")  # now A has the visit, B food and visit
    assert state.awaiting == {("talks", 0): ["visit"], ("talks", 1): ["food", "visit"]}
    world.apply(state, "reject:A:talks:")
    assert state.awaiting == {("talks", 0): [], ("talks", 1): ["food"]}
    assert state.stage == {"food": "promised", "visit": "none"}


def test_each_side_that_approves_afterwards_answers_for_its_own_items() -> None:
    world, state = in_session(consent=("after", "after"))
    world.apply(state, "agree:A:talks:food+visit")
    assert state.stage == {"food": "signed", "visit": "signed"}
    world.apply(state, "approve:B:talks:")
    assert state.stage == {"food": "signed", "visit": "promised"}
    world.apply(state, "reject:A:talks:")  # sends back even what B has promised meanwhile
    assert state.stage == {"food": "none", "visit": "none"}


def test_what_the_second_side_rejects_leaves_the_first_sides_docket() -> None:
    world, state = in_session(consent=("after", "after"))
    world.apply(state, "agree:A:talks:food+visit")
    world.apply(state, "reject:B:talks:")
    assert state.awaiting == {("talks", 0): [], ("talks", 1): []}
    assert not world.possible(state, world.move["approve:A:talks:"])


def test_what_is_frozen_holds_up_an_approval_but_no_rejection() -> None:
    world, state = in_session(consent=("before_signature", "after"))
    world.apply(state, "agree:A:talks:food+visit")
    world.apply(state, "freeze:B::visit")
    assert not world.possible(state, world.move["approve:A:talks:"])
    assert world.possible(state, world.move["reject:A:talks:"])
    world.apply(state, "lift:B::visit")
    world.apply(state, "approve:A:talks:")
    world.apply(state, "freeze:A::food")  # A's own: it does not hold up B's approval
    assert world.possible(state, world.move["approve:B:talks:"])
    world.apply(state, "freeze:B::visit")
    assert not world.possible(state, world.move["approve:B:talks:"])
    assert world.possible(state, world.move["reject:B:talks:"])


def test_what_is_frozen_can_be_neither_tabled_nor_pledged_nor_begun_nor_resumed() -> None:
    world, state = in_session()
    state.frozen["food"] = True
    for stage, name in (("none", "agree:A:talks:food"), ("none", "pledge:A::food"), ("promised", "begin:A::food")):
        state.stage["food"] = stage
        assert not world.possible(state, world.move[name])
    state.stage["food"] = "suspended"
    assert not world.possible(state, world.move["resume:A::food"])
    assert world.possible(state, world.move["lift:A::food"])


def test_walking_out_sends_a_begun_item_back_to_suspended() -> None:
    world, state = in_session()
    state.stage["food"], state.begun["food"] = "suspended", True
    world.apply(state, "agree:A:talks:food+visit")
    world.apply(state, "walk_out:B:talks:")
    assert state.stage == {"food": "suspended", "visit": "none"}
    assert (state.channel["talks"], state.table["talks"]) == ("closed", [])


def test_an_act_marked_once_is_done_and_any_other_can_be_given_again() -> None:
    items = {
        "once": Concession(giver="A", kind="act", worth={"B": 1.0}, once=True),
        "often": Concession(giver="A", kind="act", worth={"B": 1.0}),
    }
    world, state = began(pair(concession=items, channel={"talks": talks(agenda=("once",))}))
    for k in items:
        world.apply(state, f"pledge:A::{k}")
        world.apply(state, f"begin:A::{k}")
    assert state.stage == {"once": "done", "often": "none"}
    assert state.completions == {"once": 1, "often": 1}
    assert not world.possible(state, world.move["freeze:A::once"])


def test_a_demand_is_answered_by_a_promise_and_settled_by_completion() -> None:
    inquiry = Concession(giver="B", kind="process", worth={"A": 1.0})
    scenario = pair(
        concession={"inquiry": inquiry},
        channel={"talks": talks(agenda=("inquiry",))},
        demand={"missing": Demand(owner="A", target="B", channel="talks", answered_by=("inquiry",))},
        initial=Initial(channels={"talks": "open"}),
    )
    world, state = began(scenario)
    world.apply(state, "raise:A::missing")
    assert world.unanswered(state, "missing")
    world.apply(state, "pledge:B::inquiry")
    assert not world.unanswered(state, "missing")
    world.apply(state, "begin:B::inquiry")
    world.apply(state, "stall:B::inquiry")
    assert world.unanswered(state, "missing")
    world.apply(state, "resume:B::inquiry")
    world.apply(state, "complete:B::inquiry")
    assert (state.demand["missing"], state.stage["inquiry"]) == ("dormant", "none")


def test_a_demand_is_raised_only_across_an_open_table() -> None:
    scenario = pair(demand={"list": Demand(owner="B", target="A", channel="talks")})
    world, state = began(scenario)
    move, possible = world.move["raise:B::list"], []
    for state.channel["talks"] in ("closed", "planned", "open", "in_session"):
        possible.append(world.possible(state, move))
    assert possible == [False, False, True, True]


def test_lead_time_counts_from_the_promise_and_is_seen_when_the_clock_stops() -> None:
    food = Concession(giver="A", kind="flow", worth={"B": 2.0}, lead_time_days=31.0)
    world, state = began(pair(concession={"food": food}, channel={"talks": talks(agenda=("food",))}))
    world.advance_to(state, 20.0)
    world.apply(state, "pledge:A::food")
    begin = world.move["begin:A::food"]
    world.advance_to(state, 50.0)
    assert not world.possible(state, begin)
    world.advance_to(state, 51.0)
    assert world.possible(state, begin)


def test_a_restraint_that_hangs_on_talks_begins_and_lapses_with_them() -> None:
    pause = Concession(giver="B", kind="restraint", worth={"A": 1.0}, while_open="talks")
    world, state = began(pair(concession={"pause": pause}, channel={"talks": talks(agenda=("pause",))}))
    world.apply(state, "pledge:B::pause")
    assert not world.possible(state, world.move["begin:B::pause"])
    world.apply(state, "plan:A:talks:")
    assert not world.possible(state, world.move["begin:B::pause"])
    world.apply(state, "open:A:talks:")
    world.apply(state, "begin:B::pause")
    world.apply(state, "meet:A:talks:")
    assert state.stage["pause"] == "in_force"
    assert world.apply(state, "walk_out:A:talks:") == [("lapsed", "pause")]
    assert state.stage["pause"] == "none"
    assert state.broken["A", "B"] == 0.0  # lapsing breaks no promise


def test_a_coercive_act_breaks_the_restraints_in_force_in_the_scenarios_order() -> None:
    items = {name: Concession(giver="B", kind="restraint", worth={"A": 1.0}) for name in ("one", "two", "three")}
    scenario = pair(
        concession=items,
        channel={"talks": talks(agenda=("one",))},
        coercion={"test": Coercion(actor="B", hits={"A": 0.5}, breaks=("three", "two", "one"))},
        initial=Initial(concessions={"one": "in_force", "three": "in_force"}),
    )
    world, state = began(scenario)
    assert world.apply(state, "act:B::test") == [("broken", "one"), ("broken", "three")]
    assert set(state.stage.values()) == {"none"}
    # broken_act 0.3 * hit 0.5 for the act, and 1 for each of two broken restraints
    assert state.broken["A", "B"] == pytest.approx(2.15)


@pytest.mark.parametrize(
    ("need", "stage", "stages", "met"),
    [
        ("all", "signed", ("signed", "none"), False),
        ("any", "signed", ("signed", "none"), True),
        ("all", "promised", ("signed", "in_force"), False),
        ("all", "promised", ("done", "in_force"), True),
        ("any", "promised", ("tabled", "suspended"), False),
    ],
)
def test_gates_are_met_by_items_that_have_come_far_enough(
    need: Any, stage: Any, stages: tuple[str, str], met: bool
) -> None:
    gate = Gate(items=("food", "visit"), need=need, stage=stage, hard=True)
    world, state = began(pair(channel={"talks": talks(gates=(gate,))}, initial=Initial(channels={"talks": "planned"})))
    state.stage["food"], state.stage["visit"] = stages
    assert world.possible(state, world.move["open:A:talks:"]) is met


def test_reneging_and_withdrawing_end_an_item() -> None:
    world, state = began(pair(initial=Initial(concessions={"food": "in_force", "visit": "promised"})))
    state.shipped["food"] = 0.5
    world.apply(state, "suspend:A::food")
    assert (state.stage["food"], state.begun["food"], state.shipped["food"]) == ("suspended", True, 0.5)
    state.stage["food"] = "promised"  # as after an accord to resume it
    world.apply(state, "renege:A::food")
    assert (state.stage["food"], state.begun["food"], state.shipped["food"]) == ("none", False, 0.0)


# -- 5. between re-evaluations ----------------------------------------------------------------------------------------


def test_memories_halve_in_their_half_lives() -> None:
    world, state = began(pair())
    pair_ = ("A", "B")
    state.resentment[pair_] = state.alarm[pair_] = state.kept[pair_] = state.broken[pair_] = 1.0
    world.advance(state, 60.0)
    assert state.alarm[pair_] == pytest.approx(0.5)
    world.advance(state, 4 * YEAR - 60.0)
    assert state.resentment[pair_] == pytest.approx(0.5)
    world.advance(state, 2 * YEAR)
    assert state.kept[pair_] == state.broken[pair_] == pytest.approx(0.5)


def test_a_flow_ships_into_a_stock_that_decays() -> None:
    # 12 units in 90 days; half-life 180 days, so l = ln 2/180. After 45 days half is shipped.
    scenario = pair(initial=Initial(concessions={"food": "in_force"}))
    world, state = began(scenario, good__food__need__B__stock=3.0)
    world.advance(state, 45.0)
    rate, half = math.log(2) / 180, 0.5**0.25
    assert state.shipped["food"] == pytest.approx(0.5)
    assert state.stock["food", "B"] == pytest.approx(3 * half + 12 / 90 / rate * (1 - half))


def test_a_flow_ships_no_more_than_it_has_and_is_delivered_at_the_next_tick() -> None:
    # Over 120 days only 90 days' worth can be shipped: e = 0.75, 0.1 units a day.
    world, state = began(pair(initial=Initial(concessions={"food": "in_force"})))
    state.resentment["B", "A"] = 1.0
    world.advance_to(state, 120.0)
    rate = math.log(2) / 180
    assert state.shipped["food"] == pytest.approx(1.0)
    assert state.stock["food", "B"] == pytest.approx(0.1 / rate * (1 - 0.5 ** (120 / 180)))
    before = state.resentment["B", "A"]
    assert world.tick(state, 4) == [("delivered", "food")]
    assert (state.stage["food"], state.completions["food"], state.shipped["food"]) == ("none", 1, 0.0)
    assert state.kept["B", "A"] == 1.0
    assert state.resentment["B", "A"] == pytest.approx(before * math.exp(-0.3 * 2))


def test_a_flow_nearly_shipped_ships_only_the_rest() -> None:
    # 60 of 90 days are shipped; in the next 60 only 30 days' worth, 4 units at 4/60 a day.
    world, state = began(pair(initial=Initial(concessions={"food": "in_force"})))
    world.advance(state, 60.0)
    stock, rate = state.stock["food", "B"], math.log(2) / 180
    assert world.tick(state, 2) == []
    world.advance(state, 60.0)
    assert state.shipped["food"] == pytest.approx(1.0)
    left = 0.5 ** (60 / 180)
    assert state.stock["food", "B"] == pytest.approx(stock * left + 4 / 60 / rate * (1 - left))


def test_each_stock_fills_with_its_own_good_for_its_own_state() -> None:
    items = {
        "rice": Concession(giver="A", kind="flow", worth={"B": 1.0}, good="food", quantity=9.0),
        "maize": Concession(giver="A", kind="flow", worth={"B": 1.0, "C": 1.0}, recipient="C", good="food"),
        "oil": Concession(giver="A", kind="flow", worth={"B": 1.0}, good="fuel", quantity=50.0),
        "loan": Concession(giver="A", kind="flow", worth={"B": 1.0}),
    }
    scenario = pair(
        actor={"A": Actor(), "B": Actor(), "C": Actor()},
        good={"food": Good(need={"B": Need(), "C": Need()}), "fuel": Good(need={"C": Need()})},
        concession=items,
        channel={"talks": talks(agenda=("rice",))},
        initial=Initial(concessions=dict.fromkeys(items, "in_force")),
    )
    world, state = began(scenario)
    world.advance(state, 45.0)
    assert state.time == 45.0
    one = (1 - 0.5**0.25) / (math.log(2) / 180) / 90  # what is left of half of one unit
    assert state.stock == pytest.approx({("food", "B"): 9 * one, ("food", "C"): one, ("fuel", "C"): 0.0})


def test_supply_from_elsewhere_is_scaled_by_its_driver() -> None:
    donors = Driver(target="good.food.need.B.supply", dates=(dt.date(1998, 1, 1),), values=(2.0,))
    world, state = began(pair(driver={"donors": donors}), good__food__need__B__supply=YEAR)
    world.advance(state, 180.0)  # 2 a day for a half-life: 2/l * 1/2 = 180/ln 2
    assert state.stock["food", "B"] == pytest.approx(180 / math.log(2))


def test_an_overdue_promise_adds_to_what_is_broken() -> None:
    # Pledged on day 20 with 90 days of grace: overdue from day 110, as seen when the clock last stopped.
    world, state = began(pair())
    world.advance_to(state, 20.0)
    world.apply(state, "pledge:A::food")
    for day in (90.0, 110.0):
        world.advance_to(state, day)
    assert state.broken["B", "A"] == 0.0
    world.advance_to(state, 120.0)
    rate = math.log(2) / (6 * YEAR)
    assert state.broken["B", "A"] == pytest.approx(0.5 / YEAR / rate * (1 - math.exp(-rate * 10)))
    assert state.broken["A", "B"] == 0.0


# -- 6. utilities -----------------------------------------------------------------------------------------------------


def test_trust_is_a_mean_of_promises_kept_and_broken() -> None:
    world, state = began(pair())
    state.kept["A", "B"], state.broken["A", "B"] = 2.0, 1.0
    assert world.trust(state, "A", "B") == pytest.approx(4 / 7)  # (0.5*4 + 2)/(4 + 2 + 1)
    assert world.trust(state, "B", "A") == 0.5


def test_trust_starts_where_the_regard_puts_it() -> None:
    actor = {"A": Actor(), "B": Actor(), "C": Actor()}
    others = (Regard(holder="A", toward="C", credibility=0.9), Regard(holder="C", toward="B", credibility=0.8))
    world, state = began(pair(actor=actor, regard=(*others, Regard(holder="A", toward="B", credibility=0.25))))
    state.kept["A", "B"] = 4.0
    assert world.trust(state, "A", "B") == pytest.approx(5 / 8)  # (0.25*4 + 4)/(4 + 4)


def test_a_reliable_intermediary_lends_trust() -> None:
    world, state = in_session(reliability=0.5)
    assert world.trust(state, "A", "B", "talks") == pytest.approx(0.75)  # 1 - 0.5*0.5
    world.data["term"]["mediation"]["strength"] = 3.0  # 1 - 3*0.5 is clipped at 0
    assert world.trust(state, "A", "B", "talks") == 1.0


def test_need_is_season_times_shortfall_less_stock() -> None:
    season = (1.5,) + (1.0,) * 11
    food = Good(need={"B": Need(shortfall=2.0, scale=10.0, stock=10.0, season=season)})
    shock = Driver(target="good.food.need.B.shortfall", dates=(dt.date(1998, 1, 1),), values=(0.5,))
    scenario = pair(good={"food": food}, driver={"shock": shock})
    world, state = began(scenario)
    assert world.need(state, "food", "B") == pytest.approx(1.5 / math.e)  # 1.5 * 2*0.5 * exp(-1)
    stronger, _ = began(scenario, term__season__strength=2.0)
    assert stronger.need(state, "food", "B") == pytest.approx(2.25 / math.e)
    state.tick = 1  # February
    assert world.need(state, "food", "B") == pytest.approx(1 / math.e)


def test_only_who_lacks_the_good_values_it_by_need() -> None:
    food = Concession(giver="A", kind="flow", worth={"B": 2.0, "C": 3.0}, good="food")
    actor = {"A": Actor(), "B": Actor(), "C": Actor()}
    scenario = pair(actor=actor, concession={"food": food}, channel={"talks": talks(agenda=("food",))})
    world, state = began(scenario, good__food__need__B__shortfall=0.25)
    assert world.item_value(state, "B", "food", 1.0) == pytest.approx(0.5 * 2 * 0.25)
    assert world.item_value(state, "C", "food", 1.0) == pytest.approx(0.5 * 3)


def three_states(**changes: Any) -> Scenario:
    """A, B and C; A and B talk, C and B talk (open); C's aid to B is in force."""
    base: dict[str, Any] = {
        "actor": {"A": Actor(alignment=0.5), "B": Actor(), "C": Actor()},
        "concession": {
            "food": Concession(giver="A", kind="flow", worth={"B": 2.0}, cost=0.5),
            "aid": Concession(giver="C", kind="flow", worth={"B": 1.0}),
        },
        "channel": {"talks": talks(agenda=("food",)), "other": talks(sides=(("C",), ("B",)), agenda=("aid",))},
        "alignment": (
            Alignment(actor="A", ally="C", weight=0.9),
            Alignment(actor="A", ally="B", weight=5.0),
            Alignment(actor="B", ally="C", weight=7.0),
        ),
        "initial": Initial(channels={"other": "open"}, concessions={"aid": "in_force"}),
    }
    return pair(**(base | changes))


def test_engagement_counts_open_channels_and_concessions_in_force() -> None:
    world, state = began(three_states())
    assert world.engagement(state, "C", "B") == world.engagement(state, "B", "C") == pytest.approx(2 / 3)
    assert world.engagement(state, "A", "B") == 0.0
    assert world.engagement_of_one(state, "B") == 0.5
    assert world.engagement_of_one(state, "A") == 0.0


def test_allies_dealings_ease_an_actors_own() -> None:
    world, state = began(three_states())
    # scale 1 * alignment 0.5 * 0.9 * 2/3; the alignment with B itself says nothing about dealing with B
    assert world.easing(state, "A", "B") == pytest.approx(0.3)
    assert world.item_value(state, "A", "food", 1.0) == pytest.approx(-0.5 * math.exp(-0.3))


def test_giving_costs_more_to_those_one_resents_and_in_public() -> None:
    world, state = began(pair(regard=(Regard(holder="A", toward="B", resentment=2.0),)))
    # audience 1*0.5, resentment 2: exp(0.5 * exposure * 2)
    assert world.item_value(state, "A", "food", 1.0) == pytest.approx(-0.5 * math.e)
    assert world.item_value(state, "A", "food", 0.5) == pytest.approx(-0.5 * math.exp(0.5))
    assert world.item_value(state, "B", "visit", 1.0) == pytest.approx(-0.4)


def test_what_one_answers_is_worth_its_trusted_value_while_it_stands() -> None:
    scenario = pair()
    food = scenario.concession["food"].model_copy(update={"in_return_for": ("visit",)})
    world, state = began(pair(concession=dict(scenario.concession) | {"food": food}))
    values = []
    for state.stage["visit"] in ("none", "tabled", "signed", "promised", "in_force", "suspended", "done"):
        values.append(world.item_value(state, "A", "food", 1.0))
    gain = -0.5 + 0.5 * 1.5
    assert values == pytest.approx([-0.5, -0.5, gain, gain, gain, -0.5, gain])


def test_what_cannot_be_taken_back_is_feared_when_power_shifts() -> None:
    # theta 0.5 * (1 - 0.5) * shift 2 * irreversibility 0.8 = 0.4, on top of the cost of 0.5
    scenario = pair(regard=(Regard(holder="A", toward="B", shift=2.0),))
    world, state = began(scenario, concession__food__irreversibility=0.8)
    assert world.item_value(state, "A", "food", 1.0) == pytest.approx(-0.9)


def test_sides_aggregate_by_leader_mean_or_least_willing() -> None:
    # Alone, food is worth -0.5 to A, its giver, and 0 to C, whose reservation is 0.2.
    actor = {"A": Actor(), "B": Actor(), "C": Actor(reservation=0.2)}
    margins = []
    for rule in ("lead", "mean", "veto"):
        channel = talks(sides=(("C", "A", "A"), ("B",)), aggregation=(rule, "lead"))
        world, state = began(pair(actor=actor, channel={"talks": channel}))
        margins.append(world.margin(state, "talks", 0, ("food",)))
    assert margins == pytest.approx([-0.2, (-0.2 - 0.5 - 0.5) / 3, -0.5])


def test_power_and_bias_weigh_the_nash_product() -> None:
    world, _ = began(pair(channel={"talks": talks(bias=0.5)}), actor__A__power=3.0)
    assert world.side_one_weight("talks") == pytest.approx(logistic(math.log(3) + 0.5))
    plain, _ = began(pair(), actor__A__power=6.0, actor__B__power=2.0)
    assert plain.side_one_weight("talks") == pytest.approx(0.75)  # 6/(6 + 2)


def surplus(margin: float) -> float:
    """`log(1 + exp(M))`."""
    return math.log(1 + math.exp(margin))


FOOD = math.sqrt(surplus(-0.5) * surplus(1.0))  # A pays 0.5, B gains 0.5*2
VISIT = math.sqrt(surplus(0.75) * surplus(-0.4))  # A gains 0.5*1.5, B pays 0.4
BOTH = math.sqrt(surplus(0.25) * surplus(0.6))


def test_agreeing_follows_the_nash_product_and_both_acceptances() -> None:
    world, state = in_session()
    total = FOOD + VISIT + BOTH
    assert yearly(world, state, "agree:A:talks:food") == pytest.approx(
        12 * FOOD / total * logistic(-0.5) * logistic(1.0)
    )
    assert yearly(world, state, "agree:A:talks:food+visit") == pytest.approx(
        12 * BOTH / total * logistic(0.25) * logistic(0.6)
    )


def test_a_sharper_choice_raises_the_values_to_a_power() -> None:
    world, state = in_session(eta=3.0)
    total = FOOD**3 + VISIT**3 + BOTH**3
    assert yearly(world, state, "agree:A:talks:visit") == pytest.approx(
        12 * VISIT**3 / total * logistic(0.75) * logistic(-0.4)
    )


def test_only_enabled_packages_share_the_choice() -> None:
    world, state = in_session()
    state.stage["visit"] = "promised"
    assert world.mean_value(state, "talks") == pytest.approx(FOOD)
    assert yearly(world, state, "agree:A:talks:food") == pytest.approx(12 * logistic(-0.5) * logistic(1.0))
    assert yearly(world, state, "agree:A:talks:visit") == 0.0
    state.frozen["food"] = True
    assert world.mean_value(state, "talks") == 0.0


# -- 7. hazards -------------------------------------------------------------------------------------------------------


def test_unilateral_steps_carry_the_givers_logistic() -> None:
    world, state = began(pair(), actor__A__reservation=0.2, concession__food__rates__pledge=2.0)
    assert yearly(world, state, "pledge:A::food") == pytest.approx(2 * logistic(-0.7))
    assert yearly(world, state, "pledge:B::visit") == pytest.approx(0.3 * logistic(-0.4))
    assert yearly(world, state, "freeze:A::food") == pytest.approx(0.05)
    state.stage["food"], state.frozen["visit"] = "promised", True
    assert yearly(world, state, "begin:A::food") == pytest.approx(4 * logistic(-0.7))
    assert yearly(world, state, "renege:A::food") == pytest.approx(0.1)
    assert yearly(world, state, "lift:B::visit") == pytest.approx(0.5 * logistic(-0.4))
    state.stage["food"] = "suspended"
    assert yearly(world, state, "resume:A::food") == pytest.approx(0.5 * logistic(-0.7))


def ratified(**changes: Any) -> Scenario:
    """`pair()` at the table; A has two groups that see the food and the visit differently."""
    groups = {
        "farmers": Group(weight=2.0, values={"food": 0.5, "visit": 0.1}),
        "families": Group(weight=0.5, values={"visit": 1.0}),
    }
    actor = {"A": Actor(groups=groups, threshold=0.3, approval_rate=10.0), "B": Actor()}
    regard = (Regard(holder="A", toward="B", resentment=0.4),)
    return pair(actor=actor, regard=regard, initial=Initial(channels={"talks": "in_session"}), **changes)


def test_groups_at_home_decide_on_the_whole_table() -> None:
    world, state = began(ratified(), term__ratification__strength=2.0)
    world.apply(state, "agree:A:talks:food+visit")
    # values: 2*0.5 + 2*0.1 + 0.5*1 = 1.7; less threshold 0.3 and audience 0.5 * resentment 0.4
    p = logistic(2 * 1.7 - 0.3 - 0.2)
    assert yearly(world, state, "approve:A:talks:") == pytest.approx(10 * p)
    assert yearly(world, state, "reject:A:talks:") == pytest.approx(10 * (1 - p))
    assert yearly(world, state, "approve:B:talks:") == 12.0  # no groups
    assert yearly(world, state, "reject:B:talks:") == 0.0


def test_groups_decide_on_everything_awaiting_them_and_the_threshold_moves() -> None:
    driver = {"mood": Driver(target="actor.A.threshold", dates=(dt.date(1998, 1, 1),), values=(-0.5,))}
    world, state = began(ratified(channel={"talks": talks(consent=("after", "none"))}, driver=driver))
    world.apply(state, "agree:A:talks:visit")
    assert yearly(world, state, "approve:A:talks:") == pytest.approx(10 * logistic(0.7 + 0.2 - 0.2))


def test_every_exponent_is_kept_within_fifty() -> None:
    world, state = in_session()
    state.resentment["A", "B"] = 1e6
    assert yearly(world, state, "walk_out:A:talks:") == pytest.approx(0.1 * math.exp(50))
    assert world.item_value(state, "A", "food", 1.0) == pytest.approx(-0.5 * math.exp(50))
    assert world.margin(state, "talks", 0, ("food",)) < -1e20
    assert yearly(world, state, "pledge:A::food") == pytest.approx(0.3 * math.exp(-50), rel=1e-6)


# -- 8. log-rate terms ------------------------------------------------------------------------------------------------


def test_ripeness_weighs_pain_and_prospects() -> None:
    # Need for food 1, no time without a deal yet, centre 1: what is left is ln(1 + mean value).
    world, state = began(pair())
    mean = (FOOD + VISIT + BOTH) / 3
    assert yearly(world, state, "plan:A:talks:") == pytest.approx(0.5 * (1 + mean))
    state.channel["talks"], state.time = "planned", 3 * YEAR  # a whole patience without a deal: 1 - 1/e
    assert yearly(world, state, "open:A:talks:") == pytest.approx(2 * (1 + mean) * math.exp(1 - 1 / math.e))
    state.last_deal["talks"] = 3 * YEAR
    assert yearly(world, state, "open:A:talks:") == pytest.approx(2 * (1 + mean))


def test_pain_counts_each_good_and_state_once() -> None:
    items = {
        "rice": Concession(giver="A", kind="flow", worth={"B": 2.0}, good="food"),
        "maize": Concession(giver="A", kind="flow", worth={"B": 1.0}, good="food"),
        "oil": Concession(giver="A", kind="flow", worth={"B": 1.0}, good="fuel"),
    }
    goods = {"food": Good(need={"B": Need(shortfall=2.0)}), "fuel": Good(need={"B": Need(shortfall=0.5)})}
    scenario = pair(good=goods, concession=items, channel={"talks": talks(agenda=("rice", "maize", "oil"))})
    world, state = began(scenario)
    assert world.pain(state, "talks") == pytest.approx((2.0 + 0.5) / 2)


def test_resentment_cools_joint_moves_and_heats_ruptures() -> None:
    regard = (Regard(holder="A", toward="B", resentment=0.6), Regard(holder="B", toward="A", resentment=1.0))
    scenario = pair(regard=regard, coercion={"test": Coercion(actor="B", hits={"A": 1.0})}, terms=("resentment",))
    world, state = began(scenario, channel__talks__exposure=0.5)
    assert yearly(world, state, "plan:A:talks:") == pytest.approx(0.5 * math.exp(-0.6 * 0.5 * 0.8))
    assert yearly(world, state, "act:B::test") == pytest.approx(0.3 * math.exp(0.5 * 1.0))
    state.channel["talks"] = "in_session"
    assert yearly(world, state, "walk_out:A:talks:") == pytest.approx(0.1 * math.exp(0.5 * 0.6))
    assert yearly(world, state, "adjourn:A:talks:") == pytest.approx(60.0)


def test_alarm_speeds_punishment() -> None:
    world, state = began(pair(terms=("resentment",), initial=Initial(channels={"talks": "planned"})))
    state.alarm["A", "B"] = 0.5
    assert yearly(world, state, "freeze:A::food") == pytest.approx(0.05 * math.exp(2))
    assert yearly(world, state, "freeze:B::visit") == pytest.approx(0.05)
    assert yearly(world, state, "cancel:A:talks:") == pytest.approx(0.2 * math.exp(2))
    assert yearly(world, state, "cancel:B:talks:") == pytest.approx(0.2)
    state.stage["food"] = "in_force"
    assert yearly(world, state, "suspend:A::food") == pytest.approx(0.2 * math.exp(2))


def test_a_reputation_is_a_reason_to_keep_ones_word() -> None:
    world, state = began(pair(terms=("credibility",)))
    state.kept["B", "A"] = 4.0  # B trusts A at (2 + 4)/8
    state.stage["food"] = "in_force"
    assert yearly(world, state, "suspend:A::food") == pytest.approx(0.2 * math.exp(-0.25))
    state.stage["food"] = "promised"
    assert yearly(world, state, "renege:A::food") == pytest.approx(0.1 * math.exp(-0.25))


def test_met_gates_speed_the_opening_and_soft_ones_never_forbid_it() -> None:
    gates = (Gate(items=("visit",)), Gate(items=("food",), to=dt.date(1998, 2, 1)))
    start = Initial(channels={"talks": "planned"}, concessions={"visit": "promised"})
    world, state = began(pair(channel={"talks": talks(gates=gates)}, terms=("sequencing",), initial=start))
    assert yearly(world, state, "open:A:talks:") == pytest.approx(2.0)  # the second gate is unmet
    state.tick = 1  # and gone
    assert yearly(world, state, "open:A:talks:") == pytest.approx(2.0 * math.exp(2.0))


def test_no_gate_adds_nothing() -> None:
    world, state = began(pair(terms=("sequencing",), initial=Initial(channels={"talks": "planned"})))
    assert yearly(world, state, "open:A:talks:") == pytest.approx(2.0)


def test_an_unanswered_demand_makes_both_its_parties_walk_out() -> None:
    actor = {"A": Actor(), "B": Actor(), "C": Actor()}
    demand = {
        "list": Demand(owner="A", target="B", channel="talks", weight=0.7),
        "graves": Demand(owner="B", target="A", channel="talks", weight=0.2),
        "dormant": Demand(owner="B", target="A", channel="talks", weight=9.0),
        "elsewhere": Demand(owner="C", target="B", channel="other", weight=9.0),
    }
    channel = {"talks": talks(sides=(("C", "A"), ("B",))), "other": talks(sides=(("C",), ("B",)))}
    start = Initial(channels={"talks": "open"}, demands=dict.fromkeys(("list", "graves", "elsewhere"), "raised"))
    world, state = began(pair(actor=actor, channel=channel, demand=demand, terms=("demand",), initial=start))
    assert yearly(world, state, "walk_out:C:talks:") == pytest.approx(0.1 * math.exp(0.9))
    assert yearly(world, state, "walk_out:B:talks:") == pytest.approx(0.1 * math.exp(0.9))


def test_isolation_provokes_and_restraint_and_talk_hold_back() -> None:
    items = {
        "food": Concession(giver="A", kind="flow", worth={"B": 3.0}),
        "visa": Concession(giver="A", kind="act", worth={"B": 1.0}, once=True),
        "tax": Concession(giver="A", kind="act", worth={"B": -5.0}),
        "pause": Concession(giver="B", kind="restraint", worth={"A": 9.0}),
        "halt": Concession(giver="B", kind="restraint", worth={"A": 9.0}),
    }
    scenario = pair(
        concession=items,
        channel={"talks": talks(agenda=("food",))},
        coercion={"test": Coercion(actor="B", hits={"A": 1.0}, breaks=("pause", "halt"))},
        terms=("brinkmanship",),
    )
    world, state = began(scenario)
    assert yearly(world, state, "act:B::test") == pytest.approx(0.3 * math.exp(0.5))
    state.stage["visa"] = "done"  # 1 of 3 + 1
    assert yearly(world, state, "act:B::test") == pytest.approx(0.3 * math.exp(0.25))
    state.stage["food"] = "in_force"
    assert yearly(world, state, "act:B::test") == pytest.approx(0.3 * math.exp(-0.5))
    state.stage["pause"], state.channel["talks"] = "in_force", "open"
    assert yearly(world, state, "act:B::test") == pytest.approx(0.3 * math.exp(-0.5 - 2.0 - 0.5))


# -- 8. memory --------------------------------------------------------------------------------------------------------


def remembered(state: State, i: str, j: str) -> list[float]:
    """R, F, K and B of one state about another."""
    return [state.resentment[i, j], state.alarm[i, j], state.kept[i, j], state.broken[i, j]]


@pytest.mark.parametrize(
    ("name", "holder", "expected"),
    [
        ("act:A::test", "B", [1.0 + 0.8, 0.8, 0.0, 0.24]),  # hit 0.8: harm 0.8, broken 0.3*0.8
        ("suspend:A::food", "B", [1.0 + 0.6, 0.6, 0.0, 1.0]),  # 0.3 * worth 2
        ("freeze:A::food", "B", [1.0 + 0.3, 0.3, 0.0, 0.0]),  # 0.15 * worth 2
        ("walk_out:A:talks:", "B", [1.0 + 0.2, 0.2, 0.0, 0.0]),
        ("walk_out:B:talks:", "A", [1.0 + 0.2, 0.2, 0.0, 0.0]),
        ("cancel:A:planned:", "B", [1.0 + 0.2, 0.2, 0.0, 0.0]),
        ("reject:A:talks:", "B", [1.0 + 0.1, 0.1, 0.0, 0.0]),
        ("renege:B::visit", "A", [1.0 + 0.45, 0.45, 0.0, 1.0]),  # 0.3 * worth 1.5
        ("begin:B::visit", "A", [math.exp(-0.45), 0.0, 1.0, 0.0]),  # an act eases at once
        ("begin:A::oil", "B", [1.0, 0.0, 1.0, 0.0]),  # a flow only once it is delivered
        ("complete:B::inquiry", "A", [math.exp(-0.3), 0.0, 1.0, 0.0]),
    ],
)
def test_moves_are_remembered(name: str, holder: str, expected: list[float]) -> None:
    items = dict(pair().concession) | {
        "oil": Concession(giver="A", kind="flow", worth={"B": 1.0}),
        "inquiry": Concession(giver="B", kind="process", worth={"A": 1.0}),
    }
    scenario = pair(
        concession=items,
        channel={"talks": talks(), "planned": talks()},
        coercion={"test": Coercion(actor="A", hits={"B": 0.8})},
        regard=(Regard(holder="A", toward="B", resentment=1.0), Regard(holder="B", toward="A", resentment=1.0)),
        initial=Initial(
            channels={"talks": "open", "planned": "planned"},
            concessions={"food": "in_force", "visit": "promised", "oil": "promised", "inquiry": "in_force"},
        ),
    )
    world, state = began(scenario)
    if name.startswith("reject"):
        state.table["talks"] = ["oil"]
    world.apply(state, name)
    other = "A" if holder == "B" else "B"
    assert remembered(state, holder, other) == pytest.approx(expected)
    assert remembered(state, other, holder) == [1.0, 0.0, 0.0, 0.0]


def test_every_state_on_the_other_side_resents_a_walk_out_once() -> None:
    actor = {"A": Actor(), "B": Actor(), "C": Actor(), "B_society": Actor(kind="intermediary", answers_to="B")}
    channel = {"talks": talks(sides=(("A",), ("B", "B_society", "C")))}
    world, state = began(pair(actor=actor, channel=channel, initial=Initial(channels={"talks": "open"})))
    world.apply(state, "walk_out:A:talks:")
    assert (state.resentment["B", "A"], state.resentment["C", "A"]) == (0.2, 0.2)


def everything_off() -> Scenario:
    """A scenario that would use every term, with none of them on."""
    regard = (Regard(holder="A", toward="B", resentment=2.0, credibility=0.3, shift=1.0),)
    return ratified(terms=()).model_copy(update={"regard": regard})


def test_switched_off_terms_take_their_neutral_values() -> None:
    world, state = began(everything_off())
    assert set(state.resentment.values()) == {0.0}
    assert world.item_value(state, "A", "food", 1.0) == -0.5
    assert world.trust(state, "A", "B") == pytest.approx(0.3)
    world.apply(state, "agree:A:talks:food")
    assert yearly(world, state, "approve:A:talks:") == 10.0
    assert yearly(world, state, "walk_out:A:talks:") == pytest.approx(0.1)
    world.apply(state, "walk_out:A:talks:")
    world.apply(state, "pledge:A::food")
    world.apply(state, "renege:A::food")
    assert remembered(state, "B", "A") == [0.0, 0.0, 0.0, 0.0]
    assert world.trust(state, "B", "A") == 0.5
    assert yearly(world, state, "plan:A:talks:") == pytest.approx(0.5)


# -- numbers by key path ----------------------------------------------------------------------------------------------


def test_numbers_replace_the_scenarios_the_defaults_and_the_terms_own() -> None:
    scenario = pair(
        regard=(Regard(holder="B", toward="A"), Regard(holder="A", toward="B")),
        term={"resentment": TermSettings(cool=0.1, heat=0.2)},
    )
    numbers = {
        "term.resentment.cool": 0.9,
        "regard.1.resentment": 1.5,
        "regard.1.credibility": 0.2,
        "channel.talks.rates.open": 7.0,
        "good.food.need.B.season.0": 0.25,
    }
    world = World(scenario, numbers)
    state = world.start()
    assert (world.number("resentment", "cool"), world.number("resentment", "heat")) == (0.9, 0.2)
    assert state.resentment == {("A", "B"): 1.5, ("B", "A"): 0.0}
    assert world.trust(state, "A", "B") == pytest.approx(0.2)
    assert world.rate(world.move["open:A:talks:"]) == 7.0
    assert world.need(state, "food", "B") == 0.25
    assert scenario.good["food"].need["B"].season[0] == 1.0


@pytest.mark.parametrize("path", ["actor.A.powr", "channel.talks.rates.opening", "term.resentment.cold"])
def test_a_number_nobody_has_is_refused(path: str) -> None:
    with pytest.raises(KeyError):
        World(pair(), {path: 1.0})


# -- 9. clocks --------------------------------------------------------------------------------------------------------


def draw_exponentials(seed: int, run: int, name: str, count: int) -> list[float]:
    """The first rings of a clock, straight from section 9."""
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[4 * n : 4 * n + 4], "little") for n in range(4)]
    stream = np.random.Generator(np.random.SFC64(np.random.SeedSequence(seed, spawn_key=(1, run // 256, *words))))
    return [float(stream.standard_exponential(256)[run % 256]) for _ in range(count)]


@pytest.mark.parametrize("run", [0, 3, 255, 256, 700])
def test_a_clock_rings_where_its_address_says(run: int) -> None:
    clock = Clock(7, run, "plan:A:talks:")
    assert [clock.ring() for _ in range(3)] == draw_exponentials(7, run, "plan:A:talks:", 3)


def test_constant_hazards_turn_rings_into_dates() -> None:
    scenario = two_state_channel(plan=3.0, cancel=1.0, years=20)
    first_plan, second_plan = (ring * YEAR / 3 for ring in draw_exponentials(5, 2, "plan:A:talks:", 2))
    by_a, by_b = (draw_exponentials(5, 2, f"cancel:{side}:talks:", 1)[0] * YEAR for side in "AB")
    events = simulate(scenario, 5, 2)[:3]
    assert [event.kind for event in events] == ["plan", "cancel", "plan"]
    assert events[1].actor == ("A" if by_a < by_b else "B")
    waits = [events[0].time, events[1].time - events[0].time, events[2].time - events[1].time]
    assert waits == pytest.approx([first_plan, min(by_a, by_b), second_plan])


def test_what_did_not_ring_keeps_what_it_gathered() -> None:
    scenario = two_state_channel(plan=3.0, cancel=1.0, years=40)
    events = simulate(scenario, 5, 2)
    cancelled = [event.time - plan.time for plan, event in zip(events[::2], events[1::2], strict=False)]
    by_a = next(n for n, event in enumerate(events[1::2]) if event.actor == "A")
    # Side A's clock runs only while there is a plan to cancel, and rings when those times add up to its first E.
    assert sum(cancelled[: by_a + 1]) == pytest.approx(draw_exponentials(5, 2, "cancel:A:talks:", 1)[0] * YEAR)


def test_a_run_can_be_cut_short_by_its_number_of_moves() -> None:
    scenario = two_state_channel(years=20)
    assert simulate(scenario, 5, 2, max_events=3) == simulate(scenario, 5, 2)[:3]


def test_a_consequence_comes_right_after_its_cause() -> None:
    pause = Concession(giver="B", kind="restraint", worth={"A": 1.0}, freezable=False, rates={"withdraw": 0.0})
    scenario = pair(
        concession={"pause": pause},
        channel={"talks": talks(agenda=("pause",))},
        coercion={"test": Coercion(actor="B", hits={"A": 0.0}, breaks=("pause",), rates={"act": 6.0})},
        terms=(),
        initial=Initial(concessions={"pause": "in_force"}),
    )
    events = simulate(scenario, 1, 0)
    place = next(n for n, event in enumerate(events) if event.kind == "broken")
    assert (events[place - 1].kind, events[place - 1].time) == ("act", events[place].time)
    assert (events[place].actor, events[place].counterpart, events[place].subject) == ("B", "A", "pause")


# -- 10. likelihood ---------------------------------------------------------------------------------------------------


def test_the_likelihood_of_a_plan_and_a_cancellation() -> None:
    # Closed 100 days at 3 a year, planned 50 days at 1 + 1, closed again for the other 580 of 730.
    scenario = two_state_channel(plan=3.0, cancel=1.0, years=2)
    history = [(100.0, "plan:A:talks:"), (150.0, "cancel:B:talks:")]
    total, each, integral = log_likelihood(scenario, history)
    assert each == pytest.approx([math.log(3 / YEAR), math.log(1 / YEAR)])
    assert integral == pytest.approx((3 * 100 + 2 * 50 + 3 * 580) / YEAR)
    assert total == pytest.approx(sum(each) - integral)
    shorter = log_likelihood(scenario, history, until=120.0)
    assert shorter[0] == pytest.approx(math.log(3 / YEAR) - (3 * 100 + 2 * 20) / YEAR)


def test_a_move_at_the_end_of_the_window_is_outside_it() -> None:
    history = [(100.0, "plan:A:talks:"), (150.0, "cancel:B:talks:")]
    assert len(log_likelihood(two_state_channel(), history, until=150.0)[1]) == 1


def test_an_impossible_move_changes_nothing() -> None:
    scenario = two_state_channel(plan=3.0, cancel=1.0, years=2)
    total, each, integral = log_likelihood(scenario, [(100.0, "cancel:A:talks:")])
    assert (total, each) == (-math.inf, [-math.inf])
    assert integral == pytest.approx(3 * 730 / YEAR)


def test_a_move_dated_on_a_tick_comes_after_it() -> None:
    # 31 days of lead time end on the tick of 1 February: begun that day it is possible, begun the day before not.
    food = Concession(giver="A", kind="flow", worth={"B": 2.0}, lead_time_days=31.0)
    scenario = pair(
        concession={"food": food},
        channel={"talks": talks(agenda=("food",))},
        initial=Initial(concessions={"food": "promised"}),
    )
    assert log_likelihood(scenario, [(31.0, "begin:A::food")])[1][0] > -math.inf
    assert log_likelihood(scenario, [(30.9, "begin:A::food")])[1][0] == -math.inf


def test_a_hazard_is_the_one_in_force_just_before() -> None:
    # The lead time is over on day 10, but nobody looks before the tick of day 31.
    food = Concession(giver="A", kind="flow", worth={"B": 2.0}, lead_time_days=10.0)
    scenario = pair(
        concession={"food": food},
        channel={"talks": talks(agenda=("food",))},
        initial=Initial(concessions={"food": "promised"}),
    )
    assert log_likelihood(scenario, [(20.0, "begin:A::food")])[1][0] == -math.inf
    assert log_likelihood(scenario, [(32.0, "begin:A::food")])[1][0] > -math.inf


def test_compensators_add_up_between_rings() -> None:
    scenario = two_state_channel(plan=3.0, cancel=1.0, years=2)
    gathered = compensators(scenario, [(100.0, "plan:A:talks:"), (150.0, "cancel:B:talks:")])
    assert gathered["plan:A:talks:"] == pytest.approx([300 / YEAR, 3 * 580 / YEAR])
    assert gathered["cancel:B:talks:"] == pytest.approx([50 / YEAR, 0.0])
    assert gathered["cancel:A:talks:"] == pytest.approx([50 / YEAR])


# -- whatever is drawn ------------------------------------------------------------------------------------------------


def moves_of(scenario: Scenario, numbers: dict[str, float], run: int = 0) -> list[tuple[float, str]]:
    """A simulated history, without its consequences."""
    events = simulate(scenario, 11, run, numbers=numbers, max_events=400)
    return [(event.time, event.name) for event in events if not event.is_consequence]


@examples(20)
@given(scenarios(), st.data())
def test_simulated_rings_gather_exactly_what_their_clocks_drew(scenario: Scenario, data: st.DataObject) -> None:
    numbers = data.draw(numbers_for(scenario))
    history = moves_of(scenario, numbers)
    assume(0 < len(history) < 400)
    for name, gathered in compensators(scenario, history, numbers=numbers).items():
        drawn = draw_exponentials(11, 0, name, len(gathered))
        assert gathered[:-1] == pytest.approx(drawn[:-1], rel=1e-7, abs=1e-9)
        assert gathered[-1] <= drawn[-1] + 1e-9


@examples(20)
@given(scenarios())
def test_the_integral_is_what_all_moves_gathered(scenario: Scenario) -> None:
    history = moves_of(scenario, {})
    total, each, integral = log_likelihood(scenario, history)
    assert math.isfinite(total)
    assert len(each) == len([time for time, _ in history if time < World(scenario).end])
    assert integral == pytest.approx(sum(sum(parts) for parts in compensators(scenario, history).values()))


@examples(20)
@given(scenarios(), st.floats(0.05, 0.95))
def test_stopping_earlier_only_cuts_the_run_short(scenario: Scenario, share: float) -> None:
    until = share * World(scenario).end
    whole = simulate(scenario, 11, 1, max_events=400)
    assume(len(whole) < 400)
    assert simulate(scenario, 11, 1, until=until, max_events=400) == [event for event in whole if event.time < until]


@given(scenarios(max_states=4, max_channels=3, max_concessions=6))
def test_whatever_is_drawn_passes_the_door(scenario: Scenario) -> None:
    assert check(scenario) == ()
    world = World(scenario)
    assert len(set(world.move)) == len(world.moves())


@given(scenarios(), st.data())
def test_numbers_are_drawn_for_paths_that_the_door_knows(scenario: Scenario, data: st.DataObject) -> None:
    numbers = data.draw(numbers_for(scenario))
    assert set(numbers) <= set(number_paths(scenario))


@examples(20)
@given(scenarios())
def test_hazards_are_never_negative_and_zero_where_nothing_is_possible(scenario: Scenario) -> None:
    world = World(scenario)
    state = world.start()
    for stretch in replay(scenario, moves_of(scenario, {})):
        assert all(hazard >= 0 and math.isfinite(hazard) for hazard in stretch.hazards.values())
    hazards = world.hazards(state)
    assert all(hazards[name] == 0 for name, move in world.move.items() if not world.possible(state, move))


DEFINITION = Path(__file__).parents[1] / "docs" / "model.md"


def read_pairs(text: str) -> dict[str, float]:
    """Names followed by a number, as docs/model.md lists defaults."""
    return {name: float(number) for name, number in re.findall(r"([a-z_]+) (\d+(?:\.\d+)?)", text)}


@pytest.mark.parametrize("term", TERM_NUMBERS)
def test_default_numbers_of_terms_are_those_of_the_definition(term: str) -> None:
    rows = re.findall(rf"^\| {term} \| ([a-z_]+ [\d.].*?) \|", DEFINITION.read_text(), flags=re.MULTILINE)
    assert [read_pairs(row) for row in rows] == [TERM_NUMBERS[term]]


def test_default_rates_are_those_of_the_definition() -> None:
    text = DEFINITION.read_text().split("Default rates a year", 1)[1].split("##", 1)[0]
    assert read_pairs(text) == DEFAULT_RATES
