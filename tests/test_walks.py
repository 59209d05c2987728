"""Does the walk through a history say what the replay counts, and what the state allowed?"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import negsim
from negsim.compiler import Compiled
from negsim.scenario import Channel, Concession, Initial
from negsim.vocabulary import DAYS_PER_YEAR
from negsim.walks import Step, walk
from strategies import pair


@pytest.fixture(scope="module")
def steps(beijing: Compiled, hand_made: list[dict[str, str]]) -> list[Step]:
    return walk(beijing, hand_made)


def step(steps: list[Step], name: str) -> Step:
    return next(entry for entry in steps if entry.move.name == name)


def test_every_row_is_a_step_on_its_day(steps, hand_made):
    assert [(entry.date, entry.move.kind) for entry in steps] == [(row["date"][:10], row["kind"]) for row in hand_made]


def test_the_hazards_of_the_walk_are_those_of_the_replay(beijing, steps, hand_made):
    logs = negsim.replay(beijing, hand_made).events[:, 0]
    np.testing.assert_allclose(np.log([entry.per_year / DAYS_PER_YEAR for entry in steps]), logs, rtol=1e-12)


def test_shares_are_shares_and_baselines_are_the_rates_of_the_file(beijing, steps):
    assert all(0 < entry.share < 1 for entry in steps)
    rate = beijing.numbers["channel.official.rates.plan"]
    assert step(steps, "plan:JPN:official:").baseline == pytest.approx(rate)
    rate = beijing.numbers["channel.us_dprk.rates.agree"]
    assert next(entry for entry in steps if entry.move.kind == "agree").baseline == pytest.approx(rate)


@pytest.mark.parametrize(
    ("move", "reason"),
    [
        ("cancel:JPN:official:", "official planned"),
        ("lift:JPN::japan_food", "japan_food none, frozen"),
        ("approve:PRK:red_cross:", "on the table, waiting for PRK: "),
        ("act:PRK::missile_test", "always possible"),
        ("raise:JPN::abductions", "abductions dormant, official in session"),
    ],
)
def test_reasons_say_how_things_stood(steps, move, reason):
    assert step(steps, move).reason.startswith(reason)


def test_the_planned_talks_open_through_a_gate_that_is_met(steps):
    last = [entry for entry in steps if entry.move.name == "open:JPN:official:"][-1]
    assert last.reason == "official planned, its gates met"


def test_what_begins_was_promised_for_longer_than_it_takes(steps):
    begun = [entry for entry in steps if entry.move.kind == "begin"]
    assert begun
    for entry in begun:
        days, lead = entry.reason.replace(")", "").split(" for ")[1].split(" days (lead time ")
        assert float(days) >= float(lead) - 0.5


def test_a_move_that_was_impossible_has_no_hazard(beijing, hand_made):
    never_lifted = [row for row in hand_made if row["kind"] != "lift"]
    assert any(entry.per_year == 0 for entry in walk(beijing, never_lifted))


def test_the_page_has_a_line_for_every_move_with_the_hazard_of_the_replay(beijing, hand_made):
    place = Path(__file__).parents[1] / "docs" / "made.py"
    spec = importlib.util.spec_from_file_location("made", place)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    lines = "\n".join(made.tell_walk()).split("\n")
    table = [line.split(" | ") for line in lines if line.startswith("| 1")]
    logs = negsim.replay(beijing, hand_made).events[:, 0]
    assert [line[5] for line in table] == [f"{DAYS_PER_YEAR * np.exp(log):.3g}" for log in logs]


CLOSED = "channel talks is closed and must be open or in session"


@pytest.mark.parametrize(
    ("channel", "day", "reasons"),
    [
        ("closed", 1.0, ["promised for 0 days at the last tick or move before and takes 40", CLOSED]),
        ("open", 50.0, ["promised for 31 days at the last tick or move before and takes 40"]),
        ("closed", 80.0, [CLOSED]),
    ],
)
def test_what_keeps_a_promise_from_being_carried_out_is_named_and_nothing_else(channel, day, reasons):
    pause = Concession(giver="A", kind="restraint", worth={"B": 1.0}, lead_time_days=40.0, while_open="talks")
    case = pair(
        good={},
        concession={"pause": pause},
        channel={"talks": Channel(sides=(("A",), ("B",)), agenda=("pause",))},
        initial=Initial(channels={"talks": channel}, concessions={"pause": "promised"}),
    )
    (problem,) = negsim.replay(case, [(day, "begin:A::pause")]).problems
    named = ["promised for", "channel talks is"]
    assert [word in problem for word in named] == [any(word in reason for reason in reasons) for word in named]
    assert all(reason in problem for reason in reasons)
