"""Does the article's own sequence of events pass through the model, move by move?"""

import csv
import datetime as dt
from importlib import resources

import numpy as np
import pytest

import negsim
from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import moments
from negsim.history import History, read_history
from negsim.replays import Given
from negsim.state import State
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES

UNTIL = dt.date(1999, 12, 21)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    text = resources.files("negsim").joinpath("cases/beijing-1999.history.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_scenario(negsim.load_scenario("beijing-1999"))


@pytest.fixture(scope="module")
def history(compiled: Compiled, rows: list[dict[str, str]]) -> History:
    return read_history(compiled, rows)


def states_after(compiled: Compiled, history: History) -> list[State]:
    """Walk through a history and keep the state after every move."""
    parameters = compiled.bind()
    state = compiled.start(parameters, 1)
    given = Given(compiled, [history], 1)
    return [
        moment.state.copy()
        for moment in moments(compiled.world, parameters, state, given, float(compiled.world.tick_times[-1]))
        if len(moment.fired)
    ]


@pytest.fixture(scope="module")
def walked(compiled: Compiled, history: History) -> dict[str, State]:
    names = [compiled.labels.events[move].name for move in history.moves]
    return dict(zip(names, states_after(compiled, history), strict=True))


def channel(compiled: Compiled, state: State, name: str) -> str:
    return CHANNEL_STAGES[state.channel[compiled.labels.channels.index(name), 0]]


def concession(compiled: Compiled, state: State, name: str) -> str:
    return CONCESSION_STAGES[state.stage[compiled.labels.concessions.index(name), 0]]


def test_the_sequence_has_a_finite_likelihood(compiled, history):
    result = negsim.replay(compiled, history, until=UNTIL)
    assert result.problems == ()
    assert np.isfinite(result.total).all()
    assert np.isfinite(result.events).all()


@pytest.mark.parametrize("tick", ["month", "week", "day"])
def test_the_sequence_is_possible_at_every_tick(rows, tick):
    case = negsim.load_scenario("beijing-1999").model_copy(update={"tick": tick})
    assert np.isfinite(negsim.replay(case, rows, until=UNTIL).total).all()


def test_every_row_cites_the_article_and_says_whether_the_article_states_it(rows):
    for row in rows:
        assert any(cited.startswith("A") for cited in row["rows"].split(";")), row
        assert row["status"] in ("stated", "implied"), row


def test_the_rocket_meets_aid_that_flows_and_talks_that_are_only_planned(compiled, walked):
    state = walked["act:PRK::missile_test"]
    assert channel(compiled, state, "official") == "planned"
    assert concession(compiled, state, "japan_food") in ("in_force", "none")


def test_after_the_rocket_aid_is_frozen_and_the_plan_is_gone(compiled, walked):
    state = walked["cancel:JPN:official:"]
    assert channel(compiled, state, "official") == "closed"
    assert state.frozen[compiled.labels.concessions.index("japan_food"), 0]


def test_american_easing_is_promised_and_not_in_force_when_the_accord_is_signed(compiled, walked):
    assert concession(compiled, walked["approve:PRK:red_cross:"], "us_relief") == "promised"


def test_the_accord_promises_what_pyongyang_gives_and_only_proposes_what_tokyo_gives(compiled, walked):
    state = walked["approve:PRK:red_cross:"]
    for given in ("spouse_visits", "abduction_inquiry"):
        assert concession(compiled, state, given) == "promised"
    for proposed in ("japan_food", "japan_search"):
        assert concession(compiled, state, proposed) == "signed"


def test_the_talks_open_the_same_day_because_the_accord_met_their_gate(compiled, rows, history):
    before = [row for row in rows if row["kind"] != "approve" or row["channel"] != "red_cross"]
    result = negsim.replay(compiled, before, until=UNTIL)
    assert result.total[0] == -np.inf
    assert any("open:JPN:official:" in problem and "hard gate" in problem for problem in result.problems)
    assert np.isfinite(negsim.replay(compiled, history, until=UNTIL).total).all()


def test_the_freeze_comes_because_of_the_rocket(compiled, rows):
    """Without the test the hazard of freezing the day after is a small fraction of what it is with it."""
    freeze = [row["kind"] for row in rows].index("freeze")
    quiet = [row for row in rows if row["kind"] != "act"]
    with_test = negsim.replay(compiled, rows, until=UNTIL).events[freeze, 0]
    without = negsim.replay(compiled, quiet, until=UNTIL).events[freeze - 1, 0]
    assert with_test - without > np.log(100)


def test_aid_cannot_be_proposed_while_it_is_frozen(compiled, rows):
    never_lifted = [row for row in rows if row["kind"] != "lift"]
    result = negsim.replay(compiled, never_lifted, until=UNTIL)
    assert any("japan_food is frozen" in problem for problem in result.problems)
