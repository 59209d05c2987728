"""Does the article's own sequence of events pass through the model, move by move?"""

import datetime as dt

import numpy as np
import pytest

import negsim
from negsim.compiler import Compiled
from negsim.ensemble import moments
from negsim.history import History, read_history
from negsim.replays import Given
from negsim.state import State
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES

pytestmark = pytest.mark.xdist_group("article")  # one worker: the sequence is walked through once

UNTIL = dt.date(1999, 12, 21)


@pytest.fixture(scope="module")
def history(beijing: Compiled, hand_made: list[dict[str, str]]) -> History:
    return read_history(beijing, hand_made)


def states_after(beijing: Compiled, history: History) -> list[State]:
    """Walk through a history and keep the state after every move."""
    parameters = beijing.bind()
    state = beijing.start(parameters, 1)
    given = Given(beijing, [history], 1)
    return [
        moment.state.copy()
        for moment in moments(beijing.world, parameters, state, given, float(beijing.world.tick_times[-1]))
        if len(moment.fired)
    ]


@pytest.fixture(scope="module")
def walked(beijing: Compiled, history: History) -> dict[str, State]:
    names = [beijing.labels.events[move].name for move in history.moves]
    return dict(zip(names, states_after(beijing, history), strict=True))


def channel(beijing: Compiled, state: State, name: str) -> str:
    return CHANNEL_STAGES[state.channel[beijing.labels.channels.index(name), 0]]


def concession(beijing: Compiled, state: State, name: str) -> str:
    return CONCESSION_STAGES[state.stage[beijing.labels.concessions.index(name), 0]]


def test_the_sequence_has_a_finite_likelihood(beijing, history):
    result = negsim.replay(beijing, history, until=UNTIL)
    assert result.problems == ()
    assert np.isfinite(result.total).all()
    assert np.isfinite(result.events).all()


@pytest.mark.parametrize("tick", ["month", "week", "day"])
def test_the_sequence_is_possible_at_every_tick(hand_made, tick):
    case = negsim.load_scenario("beijing-1999").model_copy(update={"tick": tick})
    assert np.isfinite(negsim.replay(case, hand_made, until=UNTIL).total).all()


def test_every_row_cites_the_article_and_says_whether_the_article_states_it(hand_made):
    for row in hand_made:
        assert any(cited.startswith("A") for cited in row["rows"].split(";")), row
        assert row["status"] in ("stated", "implied"), row


def test_the_rocket_meets_aid_that_flows_and_talks_that_are_only_planned(beijing, walked):
    state = walked["act:PRK::missile_test"]
    assert channel(beijing, state, "official") == "planned"
    assert concession(beijing, state, "japan_food") in ("in_force", "none")


def test_after_the_rocket_aid_is_frozen_and_the_plan_is_gone(beijing, walked):
    state = walked["cancel:JPN:official:"]
    assert channel(beijing, state, "official") == "closed"
    assert state.frozen[beijing.labels.concessions.index("japan_food"), 0]


def test_american_easing_is_promised_and_not_in_force_when_the_accord_is_signed(beijing, walked):
    assert concession(beijing, walked["approve:PRK:red_cross:"], "us_relief") == "promised"


def test_the_accord_promises_what_pyongyang_gives_and_only_proposes_what_tokyo_gives(beijing, walked):
    state = walked["approve:PRK:red_cross:"]
    for given in ("spouse_visits", "abduction_inquiry"):
        assert concession(beijing, state, given) == "promised"
    for proposed in ("japan_food", "japan_search"):
        assert concession(beijing, state, proposed) == "signed"


def test_the_talks_open_the_same_day_because_the_accord_met_their_gate(beijing, hand_made, history):
    before = [row for row in hand_made if row["kind"] != "approve" or row["channel"] != "red_cross"]
    result = negsim.replay(beijing, before, until=UNTIL)
    assert result.total[0] == -np.inf
    assert any("open:JPN:official:" in problem and "hard gate" in problem for problem in result.problems)
    assert np.isfinite(negsim.replay(beijing, history, until=UNTIL).total).all()


def test_the_freeze_comes_because_of_the_rocket(beijing, hand_made):
    """Without the test the hazard of freezing the day after is a small fraction of what it is with it."""
    freeze = [row["kind"] for row in hand_made].index("freeze")
    quiet = [row for row in hand_made if row["kind"] != "act"]
    with_test = negsim.replay(beijing, hand_made, until=UNTIL).events[freeze, 0]
    without = negsim.replay(beijing, quiet, until=UNTIL).events[freeze - 1, 0]
    assert with_test - without > np.log(100)


def test_aid_cannot_be_proposed_while_it_is_frozen(beijing, hand_made):
    never_lifted = [row for row in hand_made if row["kind"] != "lift"]
    result = negsim.replay(beijing, never_lifted, until=UNTIL)
    assert any("japan_food is frozen" in problem for problem in result.problems)
