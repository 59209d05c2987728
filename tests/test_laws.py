"""Which laws hold for every scenario? Nothing changes a run but its own clocks, state and numbers."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import negsim.replays
from checks import Referee, calm, examples, list_rows
from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import Drawn, Moment, Work, moments, run_block, simulate
from negsim.kernel import Outlook
from negsim.moves import list_events
from negsim.replays import replay, split_runs
from negsim.results import Ensemble
from negsim.scenario import Actor, Scenario, TermSettings
from negsim.scenario_files import load_scenario
from negsim.state import Floats, Ints, State
from negsim.streams import Clocks
from negsim.terms import SHELF
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES
from strategies import SHARES, number_paths, numbers_for, pair, scenarios

CASES = ("bargaining-pair", "two-state-channel", "beijing-1999")
seeds = st.integers(0, 2**32)


# -- comparing histories ---------------------------------------------------------------------------------------------


def table(ensemble: Ensemble, runs: int | None = None) -> list[Any]:
    """Columns run, event and day of the first runs, to be compared to the bit."""
    assert ensemble.columns is not None
    run, event, day = ensemble.columns
    first = slice(None) if runs is None else run < runs
    return [column[first].tolist() for column in (run, event, day)]


def name_rows(ensemble: Ensemble, rename: Mapping[str, str] | None = None) -> list[tuple[int, str]]:
    """Run and full name of each event."""
    assert ensemble.columns is not None
    names = {actor: (rename or {}).get(actor, actor) for actor in ensemble.scenario.actor}
    labels = [
        ":".join((e.kind, names[e.actor], names[e.counterpart], e.channel, e.subject))
        for e in ensemble.compiled.labels.events
    ]
    return [(int(run), labels[event]) for run, event in zip(*ensemble.columns[:2], strict=True)]


def assert_same_up_to_rounding(one: Ensemble, other: Ensemble, rename: Mapping[str, str] | None = None) -> None:
    """The same events at the same times, whatever their row numbers; `rename` maps the actors of the first."""
    assert name_rows(one, rename) == name_rows(other)
    assert one.columns is not None
    assert other.columns is not None
    assert one.columns[2] == pytest.approx(other.columns[2], rel=0, abs=1e-6)


def simulate_some(scenario: Scenario | str, **options: Any) -> Ensemble:
    return simulate(scenario, **({"runs": 11, "seed": 4} | options))


# -- batches, workers, order -----------------------------------------------------------------------------------------


@examples(10)
@given(st.data(), scenarios(), seeds)
@calm
def test_a_run_is_the_same_to_the_bit_whatever_stands_beside_it(data: st.DataObject, scenario: Scenario, seed: int):
    params = data.draw(numbers_for(scenario, max_numbers=3))
    together = table(simulate_some(scenario, runs=3, seed=seed, params=params))
    for width in (1, 2):
        assert table(simulate_some(scenario, runs=3, seed=seed, params=params, width=width)) == together, width


@examples(10)
@given(scenarios(), seeds)
@calm
def test_more_runs_keep_the_earlier_ones(scenario: Scenario, seed: int):
    few = simulate(scenario, runs=300, seed=seed)
    assert table(simulate(scenario, runs=5, seed=seed)) == table(few, 5)
    assert table(simulate(scenario, runs=600, seed=seed, width=257), 300) == table(few)


@pytest.mark.parametrize(("case", "years"), [("bargaining-pair", 1), ("two-state-channel", 1), ("beijing-1999", 2)])
def test_three_thousand_runs_begin_with_the_same_five_hundred(case: str, years: int):
    scenario = load_scenario(case)
    until = scenario.start.replace(year=scenario.start.year + years) - dt.timedelta(days=1)
    few = simulate(scenario, runs=500, seed=9, until=until)
    many = simulate(scenario, runs=3000, seed=9, until=until)
    assert table(many, 500) == table(few)
    assert not np.array_equal(many.columns[1][-50:], few.columns[1][-50:])


class Backwards(Executor):
    """Does the last block first."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], **_: Any) -> Iterator[Any]:
        calls = list(zip(*iterables, strict=True))
        done = [self.submit(fn, *arguments) for arguments in reversed(calls)]
        return iter([future.result() for future in reversed(done)])


@pytest.mark.parametrize("case", CASES)
def test_workers_and_executors_change_nothing(case: str):
    scenario = load_scenario(case)
    until = min(scenario.end, dt.date(scenario.start.year + 1, 12, 31))
    options: dict[str, Any] = {"runs": 40, "width": 9, "until": until}
    expected = table(simulate_some(case, **options))
    assert table(simulate_some(case, workers=2, **options)) == expected
    for executor in (ThreadPoolExecutor(3), Backwards(), ProcessPoolExecutor(2)):
        with executor:
            assert table(simulate_some(case, executor=executor, **options)) == expected, executor


def test_workers_and_executors_take_numbers_of_each_run_along():
    rates = np.linspace(3.0, 9.0, 40)
    options: dict[str, Any] = {"runs": 40, "width": 9, "params": {"channel.talks.rates.meet": rates}}
    expected = table(simulate_some("two-state-channel", **options))
    assert table(simulate_some("two-state-channel", workers=2, **options)) == expected
    for executor in (Backwards(), ProcessPoolExecutor(2)):
        with executor:
            assert table(simulate_some("two-state-channel", executor=executor, **options)) == expected, executor


@examples(10)
@given(st.data(), scenarios(), seeds)
@calm
def test_a_run_with_numbers_of_its_own_is_the_run_with_those_numbers(
    data: st.DataObject, scenario: Scenario, seed: int
):
    runs = 5
    paths = number_paths(scenario)
    wide = {path: data.draw(several(path, paths[path], runs)) for path in data.draw(numbers_for(scenario))}
    batch = list_rows(simulate(scenario, runs=runs, seed=seed, params=wide))
    for run in (0, runs - 1):
        alone = {path: values[run] for path, values in wide.items()}
        assert list_rows(simulate(scenario, runs=runs, seed=seed, params=alone))[run] == batch[run]


def several(path: str, number: float, count: int) -> st.SearchStrategy[np.ndarray]:
    """Values around a number, one for each run."""
    top = 1.0 if path.rsplit(".", 1)[-1] in SHARES else np.inf
    eighths = st.lists(st.integers(5, 12), min_size=count, max_size=count)
    return eighths.map(lambda drawn: np.minimum(number * np.array(drawn) / 8, top))


@examples(10)
@given(scenarios(), seeds)
@calm
def test_what_is_recorded_changes_nothing(scenario: Scenario, seed: int):
    plain = simulate_some(scenario, seed=seed)
    watched = simulate_some(scenario, seed=seed, record=("events", "credibility", "need", "concession", "frozen"))
    assert table(watched) == table(plain)


# -- stopping --------------------------------------------------------------------------------------------------------


@examples(10)
@given(st.data(), scenarios(), seeds)
@calm
def test_what_happens_by_a_date_does_not_depend_on_the_end(data: st.DataObject, scenario: Scenario, seed: int):
    days = (scenario.end - scenario.start).days
    until = data.draw(st.integers(0, days))
    longer = simulate_some(scenario, seed=seed)
    shorter = simulate_some(scenario, seed=seed, until=scenario.start + dt.timedelta(days=until))
    before = longer.columns[2] < until + 1
    assert table(shorter) == [column[before].tolist() for column in longer.columns]


@examples(10)
@given(st.data(), scenarios(), seeds)
@calm
def test_stopping_and_going_on_is_going_through(data: st.DataObject, scenario: Scenario, seed: int):
    compiled = compile_scenario(scenario)
    end = float(compiled.world.tick_times[-1])
    stop = data.draw(st.floats(0.01, 0.99)) * end
    through = go_on(compiled, start_runs(compiled, 5, seed), end)[0]
    first, left = go_on(compiled, start_runs(compiled, 5, seed), stop)
    then = [go_on(compiled, one, end)[0] for one in left]
    assert sorted(first + [row for rows in then for row in rows]) == through


Paused = tuple[Ints, State, Drawn]
"""Run numbers, state and clocks of runs that have been stopped."""


def start_runs(compiled: Compiled, count: int, seed: int) -> Paused:
    names = [move.name for move in compiled.labels.events[: compiled.world.moves]]
    runs = np.arange(count)
    return runs, compiled.start(compiled.bind(), count), Drawn(Clocks(seed, names, runs))


def go_on(compiled: Compiled, paused: Paused, until: float) -> tuple[list[Any], list[Paused]]:
    """Go on to a date: (run, day, event) of all that happens, in order, and the runs as they then stand."""
    runs, state, chooser = paused
    left: list[Paused] = []
    rows: list[Any] = []

    def leave(numbers: Ints, state: State, columns: Ints) -> None:
        clocks = copy.deepcopy(chooser)
        clocks.select(columns)
        left.append((numbers[columns], state.select(columns), clocks))

    for moment in moments(compiled.world, compiled.bind(), state, chooser, until, leave, runs):
        rows += list_events_of(moment)
    return sorted(rows), left


def list_events_of(moment: Moment) -> Iterator[tuple[int, float, int]]:
    for events, columns in ((moment.events[moment.fired], moment.fired), *moment.happened):
        for event, column in zip(events.tolist(), columns.tolist(), strict=True):
            yield int(moment.runs[column]), float(moment.state.time[column]), event


# -- adding what does nothing ----------------------------------------------------------------------------------------


def draw_rings(scenario: Scenario, count: int = 6) -> dict[str, list[list[float]]]:
    """The first rings of every clock of a scenario in a few runs, by the move's name."""
    names = [move.name for move in list_events(scenario)]
    clocks = Clocks(77, names, np.array([0, 3, 300]))
    moves, columns = (places.ravel() for places in np.indices(clocks.remaining.shape))
    rings = []
    for _ in range(count):
        rings.append(clocks.remaining.copy())
        clocks.renew(moves, columns)
    return {name: np.array(rings)[:, move].tolist() for move, name in enumerate(names)}


def change(scenario: Scenario, **changes: Any) -> Scenario:
    """A copy with other top-level keys."""
    return scenario.model_copy(update=changes)


def add_move(scenario: Scenario) -> Scenario | None:
    """Every concession may be pledged, if only at a rate of zero."""
    changed = {
        name: given.model_copy(update={"unilateral": True, "rates": given.rates | {"pledge": 0.0}})
        for name, given in scenario.concession.items()
        if not given.unilateral
    }
    return change(scenario, concession=scenario.concession | changed) if changed else None


def add_actor(scenario: Scenario) -> Scenario:
    """A state that nobody has to do with, named first."""
    return change(scenario, actor={"Nobody": Actor(reservation=3.0)} | scenario.actor)


def add_run_of_the_mill(scenario: Scenario) -> Scenario:
    """A channel that nobody ever plans, with moves ahead of all others."""
    first = next(iter(scenario.channel.values()))
    still = dict.fromkeys(("plan", "open", "meet", "adjourn", "close", "agree", "cancel", "walk_out"), 0.0)
    idle = first.model_copy(update={"rates": still, "gates": ()})
    return change(scenario, channel={"idle": idle} | scenario.channel)


NEUTRAL = {
    "ripeness": ("theta",),
    "resentment": ("cool", "heat", "alarm", "harm_act", "harm_suspend", "harm_freeze", "harm_walk_out", "harm_reject"),
    "audience": ("cost_scale", "approval"),
    "credibility": ("reputation", "kept_weight", "broken_weight", "broken_act", "overdue_per_year"),
    "alignment": ("scale",),
    "sequencing": ("met",),
    "demand": ("walk_out",),
    "brinkmanship": ("isolation", "restraint_weight", "engagement_weight"),
    "season": ("strength",),
    "mediation": ("strength", "strength_bias"),
    "commitment": ("theta",),
}
"""Numbers of a term that make it say nothing at zero (ratification has none: it decides whether approval is sure)."""


def add_terms(scenario: Scenario) -> Scenario | None:
    """All terms that were off, at zero strength."""
    on = tuple(SHELF) if scenario.terms is None else scenario.terms
    added = [name for name in NEUTRAL if name not in on]
    if any(regard.resentment > 0 for regard in scenario.regard):
        added = [name for name in added if name != "resentment"]  # what they start with is felt by the audience
    if not added:
        return None
    zero = {name: TermSettings(**dict.fromkeys(NEUTRAL[name], 0.0)) for name in added}
    kept = {name: given for name, given in scenario.term.items() if name not in added}
    return change(scenario, terms=(*added, *on), term=kept | zero)


@pytest.mark.parametrize("add", [add_move, add_actor, add_run_of_the_mill, add_terms])
@examples(10)
@given(scenario=scenarios(), seed=seeds)
@calm
def test_adding_what_does_nothing_changes_nothing(
    add: Callable[[Scenario], Scenario | None], scenario: Scenario, seed: int
):
    fuller = add(scenario)
    assume(fuller is not None)
    assert_same_up_to_rounding(simulate_some(scenario, seed=seed), simulate_some(fuller, seed=seed))


@pytest.mark.parametrize("add", [add_move, add_actor, add_run_of_the_mill, add_terms])
@examples(10)
@given(scenario=scenarios())
@calm
def test_adding_anything_changes_no_ring_of_the_others(add: Callable[[Scenario], Scenario | None], scenario: Scenario):
    fuller = add(scenario)
    assume(fuller is not None)
    before, after = draw_rings(scenario), draw_rings(fuller)
    assert before == {name: after[name] for name in before}


def test_what_does_something_is_told_from_what_does_nothing():
    scenario = pair(term={"commitment": TermSettings(theta=0.0)})
    other = pair(term={"resentment": TermSettings(harm_walk_out=5.0)})
    with pytest.raises(AssertionError):
        assert_same_up_to_rounding(simulate_some(scenario, runs=40), simulate_some(other, runs=40))


# -- names -----------------------------------------------------------------------------------------------------------


def rename_actors(scenario: Scenario, names: Mapping[str, str]) -> Scenario:
    """The same scenario with other names of its actors, who are listed the other way round."""
    data = _rename(scenario.model_dump(by_alias=True), names)
    for driver in data["driver"].values():
        driver["target"] = ".".join(names.get(part, part) for part in driver["target"].split("."))
    data["actor"] = dict(reversed(data["actor"].items()))
    return Scenario.model_validate(data)


def _rename(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): _rename(inner, names) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_rename(inner, names) for inner in value)
    return names.get(value, value) if isinstance(value, str) else value


@examples(10)
@given(scenarios(), seeds)
@calm
def test_actors_under_other_names_do_the_same_on_the_same_clocks(scenario: Scenario, seed: int):
    names = {name: f"State_{len(scenario.actor) - number}" for number, name in enumerate(scenario.actor)}
    renamed = rename_actors(scenario, names)
    original = simulate_some(scenario, seed=seed)
    clocks = tuple(move.name for move in list_events(scenario))
    assert_same_up_to_rounding(original, simulate_on(renamed, seed, clocks), names)


def simulate_on(scenario: Scenario, seed: int, clock_names: tuple[str, ...] | None) -> Ensemble:
    """Simulate with clocks of these addresses."""
    like = simulate_some(scenario, runs=1, seed=seed)
    work = Work(scenario, seed, like.until, {}, ("events",), clock_names)
    block = run_block(work, like.compiled, np.arange(11))
    return Ensemble(like.compiled, 11, seed, like.until, block.tally, block.events, block.paths, {})


def test_other_names_alone_are_other_clocks():
    names = {"A": "North", "B": "South"}
    renamed = rename_actors(pair(), names)
    with pytest.raises(AssertionError):
        assert_same_up_to_rounding(simulate_some(pair()), simulate_on(renamed, 4, None), names)


# -- hazards ---------------------------------------------------------------------------------------------------------


class Wary(Drawn):
    """Draws, and looks at every hazard first."""

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        for hazards in (outlook.hazards, *(packages.hazards for packages in outlook.packages)):
            assert np.isfinite(hazards).all()
            assert (hazards >= 0).all()
        return super().choose(outlook, state, horizon, until)


@st.composite
def extreme_numbers(draw: Any, scenario: Scenario) -> dict[str, float]:
    """A few numbers a million times too large or too small, no share above one."""
    paths = number_paths(scenario)
    found = {}
    for path in draw(st.lists(st.sampled_from(sorted(paths)), max_size=8, unique=True)):
        number = (paths[path] or 1.0) * 10.0 ** draw(st.integers(-6, 6))
        found[path] = min(number, 1.0) if path.rsplit(".", 1)[-1] in SHARES else number
    return found


@examples(20)
@given(st.data(), scenarios(), seeds)
@calm
def test_hazards_are_finite_and_never_negative_whatever_the_numbers(data: st.DataObject, scenario: Scenario, seed: int):
    """In every state that is reached; a run of very many moves is left after a hundred of them."""
    compiled = compile_scenario(scenario)
    parameters = compiled.bind(compiled.resolve(data.draw(extreme_numbers(scenario))))
    clocks = Clocks(seed, [move.name for move in list_events(scenario)], np.arange(3))
    end = float(compiled.world.tick_times[-1])
    loop = moments(compiled.world, parameters, compiled.start(parameters, 3), Wary(clocks), end)
    for moment, _ in zip(loop, range(100), strict=False):
        assert np.isfinite(moment.state.memory).all()
        assert (moment.state.memory >= 0).all()
        assert ((moment.state.shipped >= 0) & (moment.state.shipped <= 1 + 1e-9)).all()


# -- the rules of the game -------------------------------------------------------------------------------------------


@examples(20)
@given(st.data(), scenarios(), seeds)
@calm
def test_no_event_breaks_the_rules_and_what_is_recorded_is_what_they_say(
    data: st.DataObject, scenario: Scenario, seed: int
):
    """Kind by kind, stage by stage: a referee that knows the rules alone follows every event table.

    No concession in an impossible stage; a restraint ends by its act, its withdrawal or its `while_open` only, and then
    it does end.
    """
    params = {path: number for path, number in data.draw(numbers_for(scenario)).items() if not path.endswith("_days")}
    ensemble = simulate_some(
        scenario, runs=6, seed=seed, params=params, record=("events", "channel", "concession", "frozen")
    )
    for run, rows in enumerate(list_rows(ensemble)):
        follow_and_compare(ensemble, run, rows)


@pytest.mark.parametrize("case", CASES)
def test_the_shipped_cases_keep_to_the_rules(case: str):
    until = min(load_scenario(case).end, dt.date(1996, 12, 31)) if case == "beijing-1999" else None
    ensemble = simulate(case, runs=10, seed=8, until=until, record=("events", "channel", "concession", "frozen"))
    for run, rows in enumerate(list_rows(ensemble)):
        follow_and_compare(ensemble, run, rows)


def follow_and_compare(ensemble: Ensemble, run: int, rows: list[Any]) -> None:
    """Follow one run by the rules, and compare with the stages recorded at every tick."""
    referee = Referee(ensemble.scenario)
    ticks = ensemble.compiled.world.tick_times.tolist()
    assert all(row["day"] in ticks for row in rows if row["kind"] == "delivered")
    for tick in range(len(ensemble.paths["channel"])):
        # A move dated on a tick comes after it; what is delivered comes with it.
        past = [row for row in rows if (row["day"], row["kind"] != "delivered") <= (ticks[tick], False)]
        referee.follow(past)
        rows = rows[len(past) :]
        compare_stages(ensemble, referee, tick, run)
    referee.follow(rows)


def compare_stages(ensemble: Ensemble, referee: Referee, tick: int, run: int) -> None:
    channels, stages, frozen = (ensemble.paths[name][tick, :, run] for name in ("channel", "concession", "frozen"))
    assert [CHANNEL_STAGES[int(stage)] for stage in channels] == list(referee.channel.values())
    assert [CONCESSION_STAGES[int(stage)] for stage in stages] == list(referee.stage.values())
    assert [bool(flag) for flag in frozen] == list(referee.frozen.values())


# -- replay ----------------------------------------------------------------------------------------------------------


@examples(10)
@given(st.data(), scenarios(), seeds)
@calm
def test_replay_scores_a_column_alike_alone_together_and_on_its_own_history(
    data: st.DataObject, scenario: Scenario, seed: int
):
    """One history shared by all columns, a history of its own for each column, and each column by itself."""
    width = 4
    ensemble = simulate_some(scenario, runs=2, seed=seed)
    compiled, history = ensemble.compiled, split_runs(ensemble)[1]
    paths = number_paths(scenario)
    chosen = [path for path in data.draw(numbers_for(scenario)) if not path.endswith("_days")]
    params = {path: data.draw(several(path, paths[path], width)) for path in chosen}
    params["term.resentment.cool"] = np.linspace(0.4, 0.7, width)
    shared = replay(compiled, history, params)
    own = replay(compiled, [history] * width, params)
    alone = [replay(compiled, history, {p: v[column] for p, v in params.items()}) for column in range(width)]
    for name, rounding in {"events": 0.0, "intervals": 0.0, "total": 1e-14}.items():
        expected = np.stack([getattr(one, name)[..., 0] for one in alone], axis=-1)
        assert getattr(shared, name) == pytest.approx(expected, rel=1e-11, abs=1e-12, nan_ok=True), name
        assert getattr(own, name) == pytest.approx(expected, rel=rounding, abs=0, nan_ok=True), name


@examples(10)
@given(scenarios(), seeds)
@calm
def test_numbers_that_move_dates_are_scored_column_by_column(scenario: Scenario, seed: int):
    """Lead times decide when the state changes: columns cannot share it, and replay notices by itself."""
    ensemble = simulate_some(scenario, runs=1, seed=seed)
    compiled, history = ensemble.compiled, split_runs(ensemble)[0]
    leads = {f"concession.{k}.lead_time_days": np.array([0.0, 3.0, 40.0]) for k in scenario.concession}
    together = replay(compiled, history, leads).total
    alone = [
        replay(compiled, history, {path: days[column] for path, days in leads.items()}).total[0] for column in range(3)
    ]
    assert together == pytest.approx(alone, rel=1e-11, abs=1e-12)


@examples(10)
@given(st.data(), scenarios(), seeds)
@calm
def test_a_shorter_window_scores_the_same_moves_up_to_its_end(data: st.DataObject, scenario: Scenario, seed: int):
    """The likelihood of a window is that of the history cut at its end; the rest is the likelihood of what follows."""
    ensemble = simulate_some(scenario, runs=3, seed=seed)
    compiled, histories = ensemble.compiled, split_runs(ensemble)
    until = data.draw(st.integers(0, (scenario.end - scenario.start).days))
    window = replay(compiled, histories, until=scenario.start + dt.timedelta(days=until))
    whole = replay(compiled, histories)
    for column, history in enumerate(histories):
        inside = int((history.days < until + 1).sum())
        assert window.events[:inside, column] == pytest.approx(whole.events[:inside, column], rel=0, abs=0)
        assert np.isnan(window.events[inside:, column]).all()
        assert (window.intervals[:inside, column] == whole.intervals[:inside, column]).all()
        assert window.intervals[inside, column] <= whole.intervals[inside, column]
        expected = window.events[:inside, column].sum() - window.intervals[:, column].sum()
        assert window.total[column] == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_histories_of_any_length_and_number_are_scored_together(monkeypatch: pytest.MonkeyPatch):
    """More than are replayed side by side, the longest in another block than the rest."""
    monkeypatch.setattr(negsim.replays, "REPLAY_WIDTH", 100)
    ensemble = simulate("two-state-channel", runs=210, seed=5)
    histories = split_runs(ensemble)
    scored = replay(ensemble.compiled, histories)
    for column in (0, 99, 100, 209):
        alone = replay(ensemble.compiled, histories[column])
        assert scored.total[column] == pytest.approx(alone.total[0], rel=1e-14)
        assert scored.events[: len(histories[column]), column].tolist() == alone.events[:, 0].tolist()
