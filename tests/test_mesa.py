"""Is the Mesa model the same run as in an ensemble, and does it behave as people who come from Mesa expect?"""

from __future__ import annotations

import copy
import datetime as dt
import pickle
from collections.abc import Callable

import numpy as np
import pytest

import negsim
from negsim.mesa_front import DecisionError, NegotiationModel, Negotiator, mesa
from test_house import SNAPSHOT, run_python

# Mesa comes from negsim's front, which undoes what importing it does to the way processes start.
PATHS = ("resentment", "fear", "credibility", "need", "channel", "concession", "frozen")


# -- the same run, to the bit --------------------------------------------------------------------------------------


class Watched(NegotiationModel):
    """Keeps what an ensemble records at ticks (memories whose term is off are recorded by neither)."""

    def step(self):
        if not hasattr(self, "paths"):
            self.paths = {name: [self.seen(name)] for name in recorded(self.case)}
        super().step()
        if self.running:
            for name, path in self.paths.items():
                path.append(self.seen(name))

    def seen(self, name):
        return np.asarray(self.look(name), dtype=np.float32)


def recorded(case: negsim.Scenario) -> tuple[str, ...]:
    off = case.terms is not None and "resentment" not in case.terms
    return PATHS[2:] if off else PATHS


def assert_same_run(case: negsim.Scenario, seed: int, run: int, until: dt.date | None = None) -> int:
    """Hold a Mesa model against a row of an ensemble: every event with its exact day, and the state at every tick."""
    ensemble = negsim.simulate(case, runs=run + 2, seed=seed, until=until, record=("events", *recorded(case)))
    row = ensemble.events[ensemble.events["run"] == run]
    model = Watched(case, run=run, seed=seed, until=until)
    model.run_model()
    columns = ["kind", "actor", "counterpart", "channel", "subject", "drawn"]
    assert [tuple(getattr(event, column) for column in columns) for event in model.events] == [
        tuple(values) for values in row[columns].astype(object).itertuples(index=False, name=None)
    ]
    assert [event.day for event in model.events] == row["day"].tolist()
    for name, path in model.paths.items():
        assert np.array_equal(np.array(path), ensemble.paths[name][:, :, run]), name
    return len(model.events)


@pytest.mark.parametrize("tick", ["month", "week"])
@pytest.mark.parametrize("case", ["template", "bargaining-pair", "two-state-channel"])
@pytest.mark.parametrize(("seed", "run"), [(7, 3)])
def test_a_model_is_its_row_of_the_ensemble(case: str, tick: str, seed: int, run: int):
    scenario = negsim.load_scenario(case).model_copy(update={"tick": tick})
    short = tick == "week" and case == "template"
    assert_same_run(scenario, seed, run, until=dt.date(2001, 12, 31) if short else None)


@pytest.mark.parametrize(("tick", "seed", "run"), [("month", 3, 2), ("month", 11, 0), ("week", 3, 1)])
def test_a_model_is_its_row_of_the_ensemble_over_the_whole_case(tick: str, seed: int, run: int):
    scenario = negsim.load_scenario("beijing-1999").model_copy(update={"tick": tick})
    assert assert_same_run(scenario, seed, run) > 50


def test_another_number_changes_the_model_as_it_changes_the_ensemble():
    until = dt.date(2003, 12, 31)
    ensemble = negsim.simulate("template", runs=258, seed=1, params={"raids": 2.0}, until=until)
    row = ensemble.events[ensemble.events["run"] == 257]  # beyond the first block of random numbers
    model = NegotiationModel("template", seed=1, run=257, params={"raids": 2.0}, until=until)
    model.run_model()
    assert [event.day for event in model.events] == row["day"].tolist()
    plain = NegotiationModel("template", seed=1, run=257, until=until)
    plain.run_model()
    assert [event.day for event in plain.events] != row["day"].tolist()


# -- as Mesa people expect -----------------------------------------------------------------------------------------


def test_there_is_an_agent_for_each_actor_and_a_step_for_each_tick():
    model = NegotiationModel("beijing-1999", seed=1, until=dt.date(1990, 12, 31))
    assert [agent.actor for agent in model.agents] == list(model.case.actor)
    assert {agent.actor: agent.principal for agent in model.agents if agent.kind == "intermediary"} == {
        "JRC": "JPN",
        "KRC": "PRK",
    }
    dates = []
    while model.running:
        model.step()
        dates.append(model.date)
    assert dates == [*(dt.date(1990, month, 1) for month in range(2, 13)), dt.date(1990, 12, 31)]
    model.step()  # after the end nothing happens
    assert len(model.datacollector.get_model_vars_dataframe()) == 13


def test_the_events_of_a_step_lie_between_its_ticks_and_stand_in_the_collectors_table():
    model = NegotiationModel("template", seed=1)
    listed = []
    while model.running:
        before = model.date
        model.step()
        assert all(before <= event.date <= model.date for event in model.step_events)
        listed += model.step_events
    assert listed == model.events
    table = model.datacollector.get_table_dataframe("events")
    assert list(table["day"]) == [event.day for event in listed]
    assert set(table["step"]) <= set(range(1, 121))


def test_the_collector_takes_reporters_of_ones_own():
    model = NegotiationModel(
        "template",
        seed=1,
        until=dt.date(2000, 6, 30),
        model_reporters={"raids": lambda model: sum(event.kind == "act" for event in model.events)},
        agent_reporters={"trusts": lambda agent: min(agent.trust.values())},
    )
    model.run_model()
    assert {"date", "in_force", "open_channels", "raids"} <= set(model.datacollector.get_model_vars_dataframe())
    agents = model.datacollector.get_agent_vars_dataframe()
    assert agents["trusts"].between(0, 1).all()
    assert set(agents["actor"]) == {"Upland", "Lowland"}


def test_agents_see_what_the_arrays_hold():
    model = NegotiationModel("template", seed=1)
    upland = model.negotiators["Upland"]
    for _ in range(40):
        model.step()
    assert set(upland.gives) == {name for name, given in model.case.concession.items() if given.giver == "Upland"}
    assert upland.resentment == {
        "Lowland": model.look("resentment")[model.compiled.labels.pairs.index(("Upland", "Lowland"))]
    }
    assert upland.total_resentment == sum(upland.resentment.values())
    assert upland.channels == {"river_talks": model.channel_stage("river_talks")}
    assert upland.alarm.keys() == upland.trust.keys() == {"Lowland"}
    assert {move.kind for move in upland.moves} >= {"plan", "agree", "act", "cancel", "pledge"}
    assert upland.in_force == list(upland.gives.values()).count("in_force")
    assert model.is_frozen("water") == any(event.kind == "freeze" for event in model.events if event.subject == "water")


def test_a_memory_whose_term_is_off_is_nothing():
    case = negsim.load_scenario("template").model_copy(update={"terms": ("season",)})
    model = NegotiationModel(case, seed=1, until=dt.date(2000, 3, 1))
    model.run_model()
    assert model.negotiators["Lowland"].resentment == {"Upland": 0.0}


@pytest.mark.parametrize("rng", [5, np.int64(5), 5.0, np.random.SeedSequence(5)])
def test_seed_and_rng_are_two_words_for_one_thing(rng: object):
    assert NegotiationModel("template", rng=rng).seed == NegotiationModel("template", seed=5).seed == 5


def test_a_generator_gives_one_seed_after_another_and_nothing_gives_a_fresh_one():
    drawn = [
        [NegotiationModel("template", rng=rng).seed for _ in range(2)] for rng in map(np.random.default_rng, (1, 1))
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0][0] != drawn[0][1]
    assert NegotiationModel("template").seed != NegotiationModel("template").seed


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"seed": 1, "rng": 1}, "not both"),
        ({"seed": -1}, "whole number of 0 or more"),
        ({"rng": "one"}, "whole number of 0 or more"),
        ({"run": 1.5}, "whole number of 0 or more"),
        ({"agents": {"Uplnd": Negotiator}}, "did you mean Upland"),
    ],
)
def test_what_cannot_be_is_refused_with_what_is_allowed(words: dict[str, object], complaint: str):
    with pytest.raises(ValueError, match=complaint):
        NegotiationModel("template", **words)


def test_numbers_and_cases_are_checked_at_the_door():
    with pytest.raises(negsim.ScenarioError, match="beijing-1999"):
        NegotiationModel("bejing-1999")
    with pytest.raises(negsim.ScenarioError, match="raids"):
        NegotiationModel("template", params={"rads": 1.0})


@pytest.mark.parametrize(
    ("ask", "complaint"),
    [
        (lambda: NegotiationModel("template", params=3), "params must be a mapping of names to numbers, not 3"),
        (lambda: NegotiationModel("template", params={"raids": [1, 2]}), "one number, for a model is one run"),
        (lambda: NegotiationModel("template", agents={"Upland": 3}), "a subclass of Negotiator, or what makes one"),
        (lambda: NegotiationModel("template", agents={"Upland": lambda *_: None}), r"agents\['Upland'\] made None"),
        (lambda: NegotiationModel("template").stage("wter"), "concession 'wter': allowed: grain, .*did you mean water"),
        (lambda: NegotiationModel("template").is_frozen(None), "concession None: allowed: grain"),
        (lambda: NegotiationModel("template").channel_stage("river"), "did you mean river_talks"),
        (lambda: NegotiationModel("template").force("freeze:Lowland::grain", at=3), "at must be a date"),
        (
            lambda: copy.deepcopy(NegotiationModel("template", seed=7)),
            r"make it again .seed=7, run=0., and step 0",
        ),
        (lambda: pickle.dumps(NegotiationModel("template", seed=7)), "cannot be pickled or copied"),
    ],
)
def test_what_a_user_of_mesa_may_try_is_refused_in_words(ask: Callable[[], object], complaint: str):
    with pytest.raises((TypeError, ValueError, KeyError), match=complaint):
        ask()


def test_a_run_that_was_broken_off_does_not_go_on_as_if_it_had_ended():
    class Rash(Negotiator):
        def hazards(self, view):
            return [1.0] if view.day > 100 else None

    model = NegotiationModel("template", seed=1, agents={"Upland": Rash})
    with pytest.raises(DecisionError, match=r"\[1.0\]; allowed: a mapping of moves to numbers"):
        model.run_model()
    day = model.day
    with pytest.raises(DecisionError, match="the run was broken off on 2000-0"):
        model.step()
    assert model.running
    assert model.day == day < 200


def test_mesas_own_batch_run_runs_it():
    rows = mesa.batch_run(
        NegotiationModel,
        {"case": "template", "until": dt.date(2000, 3, 1), "run": [0, 1], "seed": [4]},
        number_processes=1,
        display_progress=False,
    )
    assert {row["run"] for row in rows} == {0, 1}


# -- what Mesa does to a process, and what a later Mesa takes away --------------------------------------------------


def test_importing_the_mesa_front_changes_nothing_in_the_process():
    code = "import negsim.mesa_front; assert 'mesa' in sys.modules"
    warmed = SNAPSHOT.replace("import numpy,", "import networkx, pandas, numpy,")
    assert run_python(warmed.replace("{act}", code)) == ""


MESA_4 = """
import sys, warnings
warnings.simplefilter("error")
import negsim.mesa_front as front
mesa = sys.modules["mesa"]
for name in ("batch_run", "space"):
    delattr(mesa, name)

plain = mesa.Model.__init__

def strict(self, *, rng=None):
    plain(self, rng=rng)

mesa.Model.__init__ = strict
mesa.Model.steps = property(lambda self: 1 / 0, lambda self, value: None)
mesa.Model.scenario = property(lambda self: None)
mesa.Model.time = property(lambda self: 0.0)
mesa.Model._wrapped_step = lambda self: self._user_step()
mesa.Agent.pos = property(lambda self: 1 / 0, lambda self, value: None)
mesa.DataCollector.collect = lambda self, model: [getattr(model, name) for name in self.model_reporters.values()]
model = front.NegotiationModel("template", seed=1)
model.run_model()
print(len(model.events))
"""


def test_nothing_is_used_that_mesa_4_takes_away():
    model = NegotiationModel("template", seed=1)
    model.run_model()
    assert run_python(MESA_4) == str(len(model.events))


# -- agents of one's own -------------------------------------------------------------------------------------------


class Unmoved(Negotiator):
    """Looks at everything and gives the model's own values back."""

    looked = 0

    def hazards(self, view):
        self.looked += 1
        return {**view.alone, **view.joint}


class Stubborn(Negotiator):
    """Signs nothing and goes to no table."""

    def hazards(self, view):
        return dict.fromkeys(view.joint, 0.0)


class Generous(Negotiator):
    """Pledges almost at once, whatever the model thinks of it."""

    def hazards(self, view):
        return {move: 1e6 for move in view.alone if move.kind == "pledge"}


class Planner(Negotiator):
    """Freezes at a date."""

    def step(self):
        if self.model.date == dt.date(2001, 3, 1):
            self.force("freeze:Lowland::grain", at=dt.datetime(2001, 3, 9, 12))


def run_with(**agents: type[Negotiator]) -> NegotiationModel:
    model = NegotiationModel("template", seed=1, agents=agents, until=dt.date(2003, 12, 31))
    model.run_model()
    return model


def test_an_agent_that_agrees_with_the_model_changes_nothing():
    model = run_with(Lowland=Unmoved, Upland=Unmoved)
    assert model.events == run_with().events
    assert all(agent.looked > 48 for agent in model.agents)


def test_an_agent_can_stay_away_from_every_table():
    assert {"plan", "open", "agree"} & {event.kind for event in run_with().events}
    assert not {"plan", "open", "agree"} & {event.kind for event in run_with(Lowland=Stubborn).events}


def test_an_agent_can_give_at_once():
    model = run_with(Lowland=Generous)
    first = next(event for event in model.events if event.kind == "pledge" and event.actor == "Lowland")
    assert first.date == model.case.start


def test_a_forced_move_happens_at_its_instant_and_is_marked():
    model = run_with(Lowland=Planner)
    forced = [event for event in model.events if event.forced]
    assert [(event.kind, event.subject, event.day) for event in forced] == [("freeze", "grain", 433.5)]
    before = [event for event in run_with().events if event.day < 433.5]
    assert [event for event in model.events if event.day < 433.5] == before


def test_an_impossible_forced_move_says_why():
    model = NegotiationModel("template", seed=1)
    model.negotiators["Upland"].force({"kind": "meet", "channel": "river_talks"})
    with pytest.raises(DecisionError, match="channel river_talks is planned and must be open"):
        model.step()


def test_only_ones_own_moves_can_be_forced_and_only_from_now_on():
    model = NegotiationModel("template", seed=1)
    lowland = model.negotiators["Lowland"]
    with pytest.raises(DecisionError, match="a move of its own"):
        lowland.force({"kind": "act", "subject": "raid"})
    with pytest.raises(negsim.ScenarioError, match="freeze:Lowland::grain"):
        lowland.force("freeze:Lowland::grian")
    model.step()
    with pytest.raises(DecisionError, match="a moment from 2000-02-01"):
        lowland.force("freeze:Lowland::grain", at=dt.date(2000, 1, 5))
