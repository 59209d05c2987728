"""Do sweeps give every point its runs, and the same ones whoever computes them, in whatever order?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from negsim.calibration.posterior import Posterior
from negsim.calibration.priors import JointPrior
from negsim.compiler import compile_case, compile_scenario
from negsim.ensemble import simulate
from negsim.parameters import Belief
from negsim.problems import ScenarioError
from negsim.results import error_of_share
from negsim.scenario import Scenario
from negsim.scenario_files import load_scenario, load_terms
from negsim.sweeps.designs import Design
from negsim.sweeps.readings import Sweep
from negsim.sweeps.running import expand_sweep, resume_sweep, sweep
from strategies import pair, two_state_channel

WORTH, RATE = "concession.food.worth.B", "channel.talks.rates.open"
GRID: Mapping[str, list[float]] = {WORTH: [1.0, 2.0, 3.0], RATE: [1.0, 4.0]}
PLAN, CANCEL = "channel.talks.rates.plan", "channel.talks.rates.cancel"
PLANS: Mapping[str, list[float]] = {PLAN: [0.5, 1.0, 2.0, 4.0, 8.0]}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Half a year of two states at one table."""
    return pair(end=dt.date(1998, 6, 30))


@pytest.fixture(scope="module")
def small() -> Scenario:
    """A channel that is planned and cancelled, for a year."""
    return two_state_channel(years=1)


def rows_of(done: Sweep) -> pd.DataFrame:
    """Every run of every point, in one order."""
    return done.dataset().to_table().to_pandas().sort_values(["point", "run"]).reset_index(drop=True)


def assert_same_rows(one: Sweep, other: Sweep, runs: int | None = None) -> None:
    """The same rows to the bit; of `other` only the first runs if so many are given."""
    left, right = rows_of(one), rows_of(other)
    if runs is not None:
        right = right[right["run"] < runs].reset_index(drop=True)
    pd.testing.assert_frame_equal(left, right, check_exact=True)


# -- what comes out ---------------------------------------------------------------------------------------------------


def test_numbers_that_meet_are_applied_in_the_order_given():
    compiled = compile_case("template")
    path, written = "concession.grain.cost", compiled.numbers["concession.grain.cost"]
    assert compiled.resolve({"costs": 2.0})[path] == pytest.approx(2.0 * written)
    assert compiled.resolve({path: 0.7, "costs": 2.0})[path] == pytest.approx(1.4)
    assert compiled.resolve({"costs": 2.0, path: 0.7})[path] == pytest.approx(0.7)


def test_a_point_of_a_sweep_is_the_ensemble_at_its_numbers(scenario):
    done = sweep(scenario, GRID, runs=300, seed=5)
    table = done.to_frame().set_index(["point", "event"])
    for point in (0, 5):
        numbers = dict(zip(done.design.names, done.design.values[point], strict=True))
        alone = simulate(scenario, runs=300, seed=5, params=numbers).summary()
        meet, told = alone[alone["kind"] == "meet"].iloc[0], table.loc[(point, "meet.talks")]
        assert 0 < told["probability"] < 1
        assert told["probability"] == meet["probability"]
        assert told["count"] == pytest.approx(meet["count"])
        assert told["count_mcse"] == pytest.approx(meet["count_mcse"])
        assert [told[f"date_{share}"] for share in (10, 50, 90)] == [meet[f"date_{share}"] for share in (10, 50, 90)]
    assert list(table.index.get_level_values("event").unique()) == list(done.events)


def test_the_points_of_a_design_differ_in_the_compiled_arrays(scenario):
    compiled = compile_scenario(scenario, load_terms(scenario))
    design = Design.grid(GRID)
    bound = compiled.bind(compiled.resolve(dict(zip(design.names, design.values.T, strict=True))))
    varied = np.concatenate([slot.reshape(-1, len(design)) for slot in bound.slots.values() if slot.shape[-1] > 1])
    columns = {tuple(column) for column in varied.T.tolist()}
    assert len(columns) == len(design)


def test_every_parameter_of_the_case_moves_the_compiled_arrays():
    case = load_scenario("beijing-1999")
    compiled = compile_scenario(case, load_terms(case))
    for spec in case.parameter:
        bound = compiled.bind(compiled.resolve({spec.name: np.array([1.3, 1.7])}))
        varied = [slot for slot in bound.slots.values() if slot.shape[-1] > 1]
        assert any((slot[..., 0] != slot[..., 1]).any() for slot in varied), spec.name


def test_run_r_has_the_same_clocks_in_all_points_unless_told_otherwise(small):
    twins = Design.table({PLAN: [1.0, 1.0], CANCEL: [1.0, 1.0]})
    shared = sweep(small, twins, runs=64).outcome("plan.talks", "day")
    apart = sweep(small, twins, runs=64, common=False).outcome("plan.talks", "day")
    assert np.array_equal(shared[0], shared[1])
    assert np.array_equal(apart[0], shared[0])
    assert not np.isin(apart[1], apart[0][np.isfinite(apart[0])]).any()


def test_common_clocks_make_differences_between_points_less_noisy(small):
    close = {PLAN: [2.0, 2.2]}
    shared, apart = (sweep(small, close, runs=512, common=c).outcome("plan.talks", "count") for c in (True, False))
    assert np.var(shared[1] - shared[0]) < 0.5 * np.var(apart[1] - apart[0])


def test_outcomes_of_single_runs_agree_with_the_summary(small):
    done = sweep(small, PLANS, runs=200, events=["plan.*", "cancel.*"])
    table = done.to_frame(["plan.talks"])
    happened, count, day = (done.outcome("plan.talks", what) for what in ("happened", "count", "day"))
    assert table["probability"].to_list() == happened.mean(axis=1).tolist()
    assert table["count"].to_list() == pytest.approx(count.mean(axis=1).tolist())
    assert np.array_equal(np.isfinite(day), happened == 1)
    by_june = done.outcome("plan.talks", until=dt.date(1998, 6, 30))
    assert np.array_equal(by_june == 1, day < 181)
    assert np.array_equal(by_june, done.outcome("plan.talks", until="1998-06-30"))
    assert 0 < by_june.sum() < happened.sum()

    last = int(day[np.isfinite(day)][0])  # somebody plans on the last day that counts
    by_then = done.outcome("plan.talks", until=small.start + dt.timedelta(days=last))
    assert np.array_equal(by_then == 1, day < last + 1)
    assert done.events == ("plan.talks", "cancel.talks.A", "cancel.talks.B")


def test_kinds_of_event_are_found_by_name_and_by_address(small):
    done = sweep(small, PLANS, runs=20, events=["plan::talks", "cancel::*"], precision={"plan::talks": 0.2})
    assert (set(done.events), done.manifest["precision"]) == (
        {"plan.talks", "cancel.talks.A", "cancel.talks.B"},
        {"plan.talks": 0.2},
    )
    assert np.array_equal(done.outcome("cancel:B:talks"), done.outcome("cancel.talks.B"), equal_nan=True)
    assert set(done.to_frame(["plan::talks", "plan.talks"])["event"]) == {"plan.talks"}
    for word, told in {
        "cancel::talks": "more than one kind of event: cancel.talks.A, cancel.talks.B",
        "plan::tlks": "nearest: plan::talks",
        "plan::talks::": "no kind of event",
        "meet::talks": "no kind of event",
    }.items():
        with pytest.raises(ValueError, match=told):
            done.outcome(word)


def test_dates_of_a_summary_are_those_by_which_a_share_has_happened_to_the_run(small):
    done = sweep(small, {PLAN: [1.0, 3.0, 60.0]}, runs=20)
    days, table = done.outcome("plan.talks", "day"), done.to_frame(["plan.talks"])
    assert np.isfinite(days).all(axis=1).any()  # of twenty runs two are a tenth, neither more nor fewer
    for point, row in table.iterrows():
        known = np.sort(days[point][np.isfinite(days[point])])
        for percent in (10, 50, 90):
            by_then = known[-(-percent * len(known) // 100) - 1]
            assert row[f"date_{percent}"].date() == small.start + dt.timedelta(days=int(by_then))


def test_a_grid_comes_back_with_its_numbers_as_dimensions(scenario):
    done = sweep(scenario, GRID, runs=20)
    labelled = done.to_xarray(["meet.talks"])
    assert labelled["probability"].dims == (WORTH, RATE, "event")
    assert labelled[RATE].values.tolist() == GRID[RATE]
    here = labelled["probability"].sel({WORTH: 3.0, RATE: 1.0}).item()
    assert here == done.outcome("meet.talks")[4].mean()
    assert labelled.attrs["seed"] == 0


def test_other_designs_come_back_along_points(small):
    design = Design.latin_hypercube({PLAN: (0.5, 4.0), CANCEL: (0.5, 2.0)}, 5, seed=1)
    labelled = sweep(small, design, runs=20).to_xarray()
    assert labelled["count"].dims == ("point", "event")
    assert labelled[PLAN].values.tolist() == design.values[:, 0].tolist()


def test_pandas_polars_and_duckdb_read_the_blocks_alike(small, tmp_path):
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    done = sweep(small, PLANS, runs=40, store=tmp_path / "out")
    files = str(done.folder / "blocks" / "*.parquet")
    asked = f"select point, avg(\"count.plan.talks\") from read_parquet('{files}') group by point order by point"
    by_duckdb = [mean for _, mean in duckdb.sql(asked).fetchall()]
    by_polars = polars.read_parquet(files).group_by("point").mean().sort("point")["count.plan.talks"].to_list()
    by_pandas = pd.read_parquet(done.folder / "blocks").groupby("point")["count.plan.talks"].mean().to_list()
    assert by_duckdb == pytest.approx(by_pandas)
    assert by_polars == pytest.approx(by_pandas)
    assert by_pandas == pytest.approx(done.to_frame(["plan.talks"])["count"].to_list())


def test_runs_that_explode_are_counted_and_left_out(small, monkeypatch):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 8)
    wild = sweep(small, {PLAN: [0.5, 30.0], CANCEL: [30.0]}, runs=40)
    table = wild.to_frame(["plan.talks"])
    assert table["stopped"].iloc[1] > 20
    assert (table["runs"] + table["stopped"]).to_list() == [40, 40]
    assert np.isnan(wild.outcome("plan.talks")).sum(axis=1).tolist() == table["stopped"].to_list()
    lost = sweep(small, {PLAN: [3000.0], CANCEL: [3000.0]}, runs=10).to_frame(["plan.talks"])
    assert lost["runs"].to_list() == [0]
    assert lost[["probability", "probability_mcse", "count", "count_mcse"]].isna().all(axis=None)


# -- whoever computes it ----------------------------------------------------------------------------------------------


class Backwards(Executor):
    """Computes the last that was handed out first, and only when it is asked for."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Future[Any], Any]] = []

    def submit(self, fn: Any, /, *given: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append((future, lambda: fn(*given, **named)))
        if len(self.waiting) == 4:
            self.drain()
        return future

    def drain(self) -> None:
        while self.waiting:
            future, act = self.waiting.pop()
            future.set_result(act())


@settings(max_examples=4)
@given(
    runs=st.sampled_from([1, 100, 256, 300, 600]),
    points_per_block=st.integers(1, 6),
    seed=st.integers(0, 3),
    threads=st.integers(1, 3),
)
def test_no_row_depends_on_blocks_or_executor(small, runs, points_per_block, seed, threads):
    whole = sweep(small, PLANS, runs=runs, seed=seed)
    with ThreadPoolExecutor(threads) as executor:
        cut = sweep(small, PLANS, runs=runs, seed=seed, points_per_block=points_per_block, executor=executor)
    assert_same_rows(whole, cut)


def test_no_row_depends_on_the_order_in_which_blocks_are_computed(small):
    executor = Backwards()
    cut = sweep(small, {PLAN: [0.5, 1.0, 2.0, 4.0]}, runs=512, points_per_block=2, executor=executor)
    assert_same_rows(cut, sweep(small, {PLAN: [0.5, 1.0, 2.0, 4.0]}, runs=512))


def test_processes_of_its_own_give_the_same_rows(small):
    assert_same_rows(sweep(small, PLANS, runs=300), sweep(small, PLANS, runs=300, points_per_block=1, workers=2))


# -- larger ones ------------------------------------------------------------------------------------------------------


@settings(max_examples=3)
@given(first=st.sampled_from([1, 100, 256, 300]), more=st.sampled_from([1, 156, 256, 500]))
def test_expanding_runs_leaves_what_is_there_and_equals_a_larger_sweep(small, tmp_path_factory, first, more):
    folder = tmp_path_factory.mktemp("sweep") / "store"
    sweep(small, PLANS, runs=first, store=folder)
    before = {path.name: path.read_bytes() for path in (folder / "blocks").iterdir()}
    grown = expand_sweep(folder, runs=first + more)
    after = {path.name: path.read_bytes() for path in (folder / "blocks").iterdir()}
    assert before.items() < after.items()
    assert_same_rows(grown, sweep(small, PLANS, runs=first + more))


def test_expanding_points_keeps_those_there_are(small, tmp_path):
    ranges = {PLAN: (0.5, 4.0), CANCEL: (0.5, 2.0)}
    longer = Design.sobol(ranges, 16, seed=3)
    begun = sweep(small, Design.sobol(ranges, 8, seed=3), runs=100, store=tmp_path / "store")
    rest = Design(longer.names, longer.values[8:])
    grown = expand_sweep(begun.folder, points=rest)
    assert_same_rows(grown, sweep(small, longer, runs=100))
    wider = expand_sweep(begun.folder, runs=300)
    assert_same_rows(wider, sweep(small, longer, runs=300))


# -- enough is enough -------------------------------------------------------------------------------------------------


def test_points_stop_when_they_are_known_precisely_enough(small, tmp_path):
    asked: dict[str, Any] = {"runs": 2048, "precision": {"plan.talks": 0.015}}
    done = sweep(small, PLANS, store=tmp_path / "store", **asked)
    runs = done.count_runs()
    happened = done.outcome("plan.talks")
    for point in range(len(runs)):
        for stopped in range(256, int(runs[point]), 256):
            assert error_of_share(happened[point, :stopped].sum(), stopped) > 0.015
        assert error_of_share(np.nansum(happened[point]), runs[point]) <= 0.015
    assert len(set(runs.tolist())) > 2
    assert_same_rows(done, sweep(small, PLANS, points_per_block=3, **asked))


def test_a_sweep_that_stops_early_is_taken_up_where_it_was(small, tmp_path):
    asked: dict[str, Any] = {"runs": 2048, "precision": {"plan.talks": 0.015}, "points_per_block": 2}
    done = sweep(small, PLANS, store=tmp_path / "store", **asked)
    whole = {path.name: path.read_bytes() for path in (done.folder / "blocks").iterdir()}
    for name in sorted(whole)[1::2]:
        (done.folder / "blocks" / name).unlink()
    again = resume_sweep(done.folder)
    assert whole == {path.name: path.read_bytes() for path in (again.folder / "blocks").iterdir()}


def test_an_event_that_never_happened_is_not_known_exactly():
    never, always = error_of_share(np.array([0, 256]), np.array([256, 256]))
    assert never == pytest.approx(0.00385, abs=1e-4)
    assert always == pytest.approx(never)


# -- at the door ------------------------------------------------------------------------------------------------------


def test_all_names_and_values_that_cannot_be_are_told_together(small):
    with pytest.raises(ScenarioError) as refused:
        sweep(small, {"channel.talks.rates.plann": [1.0], CANCEL: [-1.0, 1.0]}, runs=10)
    assert "did you mean channel.talks.rates.plan?" in str(refused.value)
    assert CANCEL in str(refused.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"events": ["plan.talk"]}, "nearest: plan.talks"),
        ({"precision": {"plan.talks": 0.7}}, "between 0 and 0.5"),
        ({"precision": {"plan.talks": 0.1}, "events": ["cancel.*"]}, "kinds of event that are kept"),
        ({"runs": 0}, "runs must be a whole number"),
        ({"until": dt.date(2005, 1, 1)}, "until must lie between"),
    ],
)
def test_options_that_cannot_be_are_refused(small, options, said):
    with pytest.raises(ValueError, match=said):
        sweep(small, PLANS, **options)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Design.grid({}), "at least one name"),
        (lambda: Design.grid({"a": []}), "at least one"),
        (lambda: Design.grid({"a": "12"}), "list of numbers"),
        (lambda: Design.grid({"a": [1, 1]}), "different numbers"),
        (lambda: Design.grid(dict.fromkeys("abcde", range(1000))), "1000 x 1000 x .* 100,000,000 points at most"),
        (lambda: Design.table({"a": [1.0, np.nan]}), "point 1: a is nan"),
        (lambda: Design.table({"a": ["much"]}), "a: not every value is a number"),
        (lambda: Design.table(pd.DataFrame([[1.0, 2.0]], columns=["a", "a"])), "a: a column is .* name no other has"),
        (lambda: Design.table({"a": [1.0], "b": [1.0, 2.0]}), "one length"),
        (lambda: Design.sobol({"a": (0, 1)}, 100), "such as 64 or 128"),
        (lambda: Design.sobol({"a": (1, 1)}, 8), "from a lower to a higher"),
        (lambda: Design.one_at_a_time({"a": (0, 1)}, {}), "no base value is given for a"),
    ],
)
def test_designs_that_cannot_be_are_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make()


def test_a_longer_sobol_sequence_begins_with_the_shorter_one():
    ranges = {"a": (0.0, 1.0), "b": (-1.0, 1.0)}
    assert np.array_equal(Design.sobol(ranges, 32, seed=4).values[:8], Design.sobol(ranges, 8, seed=4).values)


def test_a_latin_hypercube_has_one_point_in_each_slice():
    values = Design.latin_hypercube({"a": (0.0, 10.0), "b": (5.0, 15.0)}, 10, seed=2).values
    assert np.sort(np.floor(values), axis=0).tolist() == [[k, k + 5] for k in range(10)]


def test_draws_of_a_prior_and_of_a_posterior_are_points():
    case = load_scenario("beijing-1999")
    before = Design.prior_draws(case, 4000, seed=1)
    assert before.names == tuple(spec.name for spec in case.parameter if spec.role == "free")
    assert np.median(before.values[:, 0]) == pytest.approx(1.0, abs=0.05)  # lognormal around 1
    with pytest.raises(ValueError, match="no prior is declared for nothing; there is one for tempo_talks"):
        Design.prior_draws(case, 10, names=["nothing"])
    prior = JointPrior.declare({"a": Belief("normal", 0.0, 1.0)})
    values = np.array([[0.0], [1.0], [2.0]])
    weighted = Posterior(prior, values, np.log([0.5, 0.5, 1e-300]), np.zeros(3), 0.0, 0.0, "importance", 3, 0)
    drawn = Design.draws(weighted, 10, seed=1).values[:, 0]
    assert sorted(drawn.tolist()) == [0.0] * 5 + [1.0] * 5
