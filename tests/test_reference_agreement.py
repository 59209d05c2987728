"""Does the kernel do what the slow witness does, on any scenario: same histories, same hazards, same likelihood?

Scenarios, their numbers and seeds are drawn; a failing example names the first place where the two part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reference
from checks import calm, examples
from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import Drawn, moments, simulate
from negsim.history import History
from negsim.kernel import Outlook
from negsim.moves import list_events, rate_path
from negsim.replays import Given, replay, split_runs
from negsim.scenario import Scenario
from negsim.scenario_files import load_scenario
from negsim.state import Floats, Ints, State
from negsim.streams import Clocks
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES, DEMAND_STAGES
from strategies import numbers_for, pair, scenarios, two_state_channel

DAYS = 1e-6
"""How far the two may differ in a date."""
seeds = st.integers(0, 2**32)

Dated = list[tuple[float, str]]


def name_moves(compiled: Compiled, history: History) -> Dated:
    """A history as the witness reads it."""
    return [(float(day), compiled.labels.events[move].name) for day, move in zip(*_lists(history), strict=True)]


def _lists(history: History) -> tuple[list[float], list[int]]:
    return history.days.tolist(), history.moves.tolist()


def draw_histories(
    scenario: Scenario, seed: int, runs: int, numbers: dict[str, float]
) -> tuple[Compiled, list[History]]:
    ensemble = simulate(scenario, runs=runs, seed=seed, params=numbers)
    return ensemble.compiled, split_runs(ensemble)


def describe(row: Any) -> tuple[str, ...]:
    return (row.kind, row.actor, row.counterpart, row.channel, row.subject)


# -- histories -------------------------------------------------------------------------------------------------------


@examples(20)
@given(st.data(), scenarios(), seeds, st.sampled_from((0, 1, 255, 256, 700)))
@calm
def test_the_same_clocks_give_the_same_histories(data: st.DataObject, scenario: Scenario, seed: int, run: int):
    numbers = data.draw(numbers_for(scenario))
    found = list(run_kernel(compile_scenario(scenario), numbers, seed, run))
    expected = reference.simulate(scenario, seed, run, numbers=numbers)
    for number, (mine, theirs) in enumerate(itertools.zip_longest(found, expected)):
        assert mine is not None, (number, "missing", theirs)
        assert theirs is not None, (number, "too much", mine)
        assert describe(mine[1]) == describe(theirs), (number, mine, theirs)
        assert abs(mine[0] - theirs.time) < DAYS, (number, mine, theirs)


def run_kernel(compiled: Compiled, numbers: dict[str, float], seed: int, run: int) -> Iterator[tuple[float, Any]]:
    """Dates and events of one run, in a batch with its neighbour."""
    runs = np.array([run, run + 1])
    parameters = compiled.bind(compiled.resolve(numbers))
    labels = compiled.labels.events
    clocks = Clocks(seed, [move.name for move in labels[: compiled.world.moves]], runs)
    state, end = compiled.start(parameters, 2), float(compiled.world.tick_times[-1])
    for moment in moments(compiled.world, parameters, state, Drawn(clocks), end, runs=runs):
        for events, columns in ((moment.events[moment.fired], moment.fired), *moment.happened):
            for event, column in zip(events, columns, strict=True):
                if moment.runs[column] == run:
                    yield float(moment.state.time[column]), labels[event]


@pytest.mark.parametrize("name", ["bargaining-pair", "two-state-channel"])
def test_the_witness_runs_the_textbook_cases_alike(name: str):
    scenario = load_scenario(name)
    events = simulate(scenario, runs=4, seed=2).events
    for run, rows in events.groupby("run"):
        expected = reference.simulate(scenario, 2, int(run))
        assert [describe(row) for row in rows.itertuples()] == [describe(row) for row in expected]
        assert rows.day.to_numpy() == pytest.approx([row.time for row in expected], rel=0, abs=DAYS)


def test_the_witness_runs_the_main_case_alike():
    scenario = load_scenario("beijing-1999")
    until = scenario.start.replace(year=1993)
    events = simulate(scenario, runs=2, seed=3, until=until).events
    rows = events[events.run == 1]
    expected = reference.simulate(scenario, 3, 1, until=float((until - scenario.start).days + 1))
    assert [describe(row) for row in rows.itertuples()] == [describe(row) for row in expected]
    assert rows.day.to_numpy() == pytest.approx([row.time for row in expected], rel=0, abs=DAYS)


# -- likelihood ------------------------------------------------------------------------------------------------------


@examples(20)
@given(st.data(), scenarios(), seeds)
@calm
def test_likelihoods_agree_event_by_event(data: st.DataObject, scenario: Scenario, seed: int):
    """At other numbers than those that drew the history: what happened may then be unlikely or impossible."""
    compiled, histories = draw_histories(scenario, seed, 2, {})
    numbers = data.draw(numbers_for(scenario))
    scored = replay(compiled, histories, numbers)
    for column, history in enumerate(histories):
        total, per_event, integral = reference.log_likelihood(scenario, name_moves(compiled, history), numbers=numbers)
        assert scored.events[: len(history), column] == pytest.approx(per_event, rel=1e-10, abs=1e-10)
        assert np.isnan(scored.events[len(history) :, column]).all()
        assert scored.intervals[:, column].sum() == pytest.approx(integral, rel=1e-10, abs=1e-10)
        assert scored.total[column] == pytest.approx(total, rel=1e-10, abs=1e-10)


@examples(20)
@given(st.data(), scenarios(), seeds)
@calm
def test_a_history_of_any_moves_is_scored_alike(data: st.DataObject, scenario: Scenario, seed: int):
    """Moves that nobody could make, too: minus infinity, and nothing happens.

    (Moves whose rate is zero are left out: they are minus infinity whatever the state, and the model does not say
    whether they happen.)
    """
    compiled = compile_scenario(scenario)
    end = float(compiled.world.tick_times[-1])
    moves = [move.name for move in list_events(scenario) if compiled.numbers[rate_path(scenario, move)] > 0]
    assume(moves)
    fractions = data.draw(st.lists(st.tuples(st.floats(0, 0.999), st.sampled_from(moves)), max_size=12))
    rows = sorted(((share * end, name) for share, name in fractions), key=lambda row: row[0])
    total, per_event, _ = reference.log_likelihood(scenario, rows)
    scored = replay(compiled, rows)
    assert scored.events[:, 0] == pytest.approx(per_event, rel=1e-10, abs=1e-10)
    assert scored.total[0] == pytest.approx(total, rel=1e-10, abs=1e-10)
    assert bool(scored.problems) == (-np.inf in per_event)


# -- hazards and states ----------------------------------------------------------------------------------------------


class Watched(Given):
    """Replays a history and keeps all hazards of every stretch, by name."""

    def __init__(self, compiled: Compiled, history: History, width: int) -> None:
        super().__init__(compiled, [history], width)
        self.names = [move.name for move in compiled.labels.events[: compiled.world.moves]]
        self.seen: list[dict[str, float]] = []
        self.final: State | None = None

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        self.seen.append(dict(self._read(outlook)))
        self.final = state
        return super().choose(outlook, state, horizon, until)

    def _read(self, outlook: Outlook) -> Iterator[tuple[str, float]]:
        yield from dict.fromkeys(self.names, 0.0).items()
        rows = range(len(outlook.hazards)) if outlook.rows is None else outlook.rows
        for place, row in enumerate(rows):
            yield self.names[row], float(outlook.hazards[place, -1])
        for packages in outlook.packages:
            for place in range(packages.hazards.shape[0]):
                yield self.names[packages.rows.start + place], float(packages.hazards[place, -1])


def watch(compiled: Compiled, numbers: dict[str, float], history: History, width: int) -> Watched:
    """Replay a history; two columns share one discrete state, so only possible moves are computed."""
    given_moves = Watched(compiled, history, width)
    values = compiled.resolve(numbers)
    wide = {path: value if path.endswith("_days") else np.repeat(value, width) for path, value in values.items()}
    parameters = compiled.bind(wide)
    state = compiled.start(parameters, width, shared=width > 1)
    for _ in moments(compiled.world, parameters, state, given_moves, float(compiled.world.tick_times[-1])):
        pass
    return given_moves


@examples(20)
@given(st.data(), scenarios(), seeds, st.sampled_from((1, 2)))
@calm
def test_every_hazard_of_every_stretch_agrees(data: st.DataObject, scenario: Scenario, seed: int, width: int):
    numbers = data.draw(numbers_for(scenario))
    compiled, histories = draw_histories(scenario, seed, 1, numbers)
    seen = watch(compiled, numbers, histories[0], width).seen
    stretches = reference.replay(scenario, name_moves(compiled, histories[0]), numbers=numbers)
    for number, (mine, theirs) in enumerate(itertools.zip_longest(seen, stretches)):
        assert list(mine) == list(theirs.hazards)
        differing = {
            name: (mine[name], hazard)
            for name, hazard in theirs.hazards.items()
            if not math.isclose(mine[name], hazard, rel_tol=1e-9, abs_tol=1e-15)
        }
        assert not differing, number


@examples(20)
@given(st.data(), scenarios(), seeds)
@calm
def test_states_agree_at_the_end(data: st.DataObject, scenario: Scenario, seed: int):
    numbers = data.draw(numbers_for(scenario))
    compiled, histories = draw_histories(scenario, seed, 1, numbers)
    final = watch(compiled, numbers, histories[0], 1).final
    world = reference.World(scenario, numbers)
    assert final is not None
    found = dict(read_state(compiled, final))
    for key, value in read_witness(world, follow(world, name_moves(compiled, histories[0]))):
        if key in found:
            exact = not isinstance(value, float)
            assert found.pop(key) == (value if exact else pytest.approx(value, rel=1e-9, abs=1e-12)), key
    assert not found, "the witness does not know these"


def follow(world: reference.World, rows: Dated) -> reference.State:
    """The witness's state at the last re-evaluation of a history."""
    state = world.start()
    dated: list[tuple[float, int, Any]] = [(time, 0, n) for n, time in enumerate(world.tick_times) if n > 0]
    dated += [(time, 1, name) for time, name in rows]
    for time, _, what in sorted(dated, key=lambda row: row[:2]):
        world.advance_to(state, time)
        if isinstance(what, int):
            world.tick(state, what)
        else:
            world.apply(state, what)
    return state


def read_state(compiled: Compiled, state: State) -> Iterator[tuple[Any, Any]]:
    """What the kernel's arrays say, by names (consent means nothing while the table is empty)."""
    labels, world, scenario = compiled.labels, compiled.world, compiled.scenario
    yield "time", float(state.time[0])
    for row, c in enumerate(labels.channels):
        agenda = scenario.channel[c].agenda
        yield ("channel", c), CHANNEL_STAGES[state.channel[row, 0]]
        yield ("table", c), _items(agenda, state.table[row, 0])
        yield ("last deal", c), float(state.last_deal[row, 0])
        for side in (0, 1):
            yield ("consent", c, side), bool(state.table[row, 0]) and bool(state.consent[2 * row + side, 0])
            yield ("awaiting", c, side), _items(agenda, state.awaiting[2 * row + side, 0])
    for row, k in enumerate(labels.concessions):
        yield ("stage", k), CONCESSION_STAGES[state.stage[row, 0]]
        for name, array in (("frozen", state.frozen), ("begun", state.begun), ("changed", state.changed)):
            yield (name, k), array[row, 0]
        yield ("completions", k), int(state.completions[row, 0])
    for row, concession in enumerate(world.flow_concession):
        yield ("shipped", labels.concessions[concession]), float(state.shipped[row, 0])
    for row, d in enumerate(labels.demands):
        yield ("demand", d), DEMAND_STAGES[state.demand[row, 0]]
    for memory, rows in world.memories.items():
        for pair_row, (i, j) in enumerate(labels.pairs):
            if i != j:
                yield (memory, i, j), float(state.memory[rows.start + pair_row, 0])
    for row, (good, i) in enumerate(labels.needs):
        yield ("stock", good, i), float(state.memory[world.stocks.start + row, 0])


def _items(agenda: tuple[str, ...], bits: Any) -> tuple[str, ...]:
    return tuple(k for position, k in enumerate(agenda) if int(bits) >> position & 1)


def read_witness(world: reference.World, state: reference.State) -> Iterator[tuple[Any, Any]]:
    """The same from the witness."""
    yield "time", state.time
    for c in state.channel:
        agenda = world.data["channel"][c]["agenda"]
        yield ("channel", c), state.channel[c]
        yield ("table", c), tuple(k for k in agenda if k in state.table[c])
        yield ("last deal", c), state.last_deal[c]
        for side in (0, 1):
            yield ("consent", c, side), bool(state.table[c]) and state.consent[c, side]
            yield ("awaiting", c, side), tuple(k for k in agenda if k in state.awaiting[c, side])
    for name in ("stage", "frozen", "begun", "changed", "completions", "shipped", "demand"):
        for key, value in getattr(state, name).items():
            yield (name, key), value
    memories = {"resentment": state.resentment, "fear": state.alarm, "kept": state.kept, "broken": state.broken}
    for name, memory in memories.items():
        for (i, j), value in memory.items():
            yield (name, i, j), value
    for (good, i), value in state.stock.items():
        yield ("stock", good, i), value


# -- can they be told apart? -----------------------------------------------------------------------------------------


def test_a_witness_with_another_number_is_not_believed():
    scenario = pair()
    compiled, histories = draw_histories(scenario, 1, 1, {})
    rows = name_moves(compiled, histories[0])
    scored = replay(compiled, histories[0]).total[0]
    for path, number in {"term.ripeness.theta": 1.001, "concession.food.cost": 0.501}.items():
        total, _, _ = reference.log_likelihood(scenario, rows, numbers={path: number})
        assert total != pytest.approx(scored, rel=1e-10, abs=1e-10)


def test_a_witness_with_another_seed_is_not_believed():
    scenario = two_state_channel()
    days = [day for day, _ in run_kernel(compile_scenario(scenario), {}, 1, 0)]
    assert days[0] == pytest.approx(reference.simulate(scenario, 1, 0)[0].time, abs=DAYS)
    assert days[0] != pytest.approx(reference.simulate(scenario, 2, 0)[0].time, abs=1000 * DAYS)
