"""Do summaries, tables and files say what the histories did?"""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import negsim
from negsim.calendar import day_number
from negsim.calendar import moments as dates_of
from negsim.recording import PATHS
from negsim.results import ResultError

pytestmark = pytest.mark.xdist_group("results")  # one worker: what is recorded is simulated once

RUNS = 150


@pytest.fixture(scope="module")
def ensemble() -> negsim.Ensemble:
    record = ("events", "resentment", "credibility", "need", "channel", "concession", "frozen")
    return negsim.simulate("beijing-1999", runs=RUNS, seed=11, record=record)


def firsts(events: pd.DataFrame, **parts: str) -> pd.Series:
    """First date of an event in each run in which it happens."""
    chosen = events
    for column, name in parts.items():
        chosen = chosen[chosen[column] == name]
    return chosen.groupby("run")["date"].min()


def test_the_table_is_in_the_order_of_runs_and_time_and_runs_start_at_zero(ensemble):
    events = ensemble.events
    assert events["run"].is_monotonic_increasing
    assert set(events["run"]) <= set(range(RUNS))
    assert events["run"].min() == 0
    assert all(part["day"].is_monotonic_increasing for _, part in events.groupby("run"))


def test_the_table_has_the_promised_columns(ensemble):
    assert list(ensemble.events.columns) == [
        "run", "date", "kind", "actor", "counterpart", "channel", "subject", "drawn", "day",
    ]  # fmt: skip


@pytest.mark.parametrize("parts", [{"kind": "act", "subject": "missile_test"}, {"kind": "agree", "channel": "us_dprk"}])
def test_the_summary_says_what_the_table_shows(ensemble, parts):
    first = firsts(ensemble.events, **parts)
    summary = ensemble.summary()
    row = summary
    for column, name in parts.items():
        row = row[row[column] == name]
    row = row.iloc[0]
    assert row["probability"] == pytest.approx(len(first) / RUNS)
    ordered = first.sort_values().dt.floor("D")
    for percent in (10, 50, 90):
        assert row[f"date_{percent}"] == ordered.iloc[int(np.ceil(percent / 100 * len(ordered))) - 1]


def test_counts_and_their_error_are_those_of_the_table(ensemble):
    events = ensemble.events
    per_run = events[events["kind"] == "meet"].groupby("run").size().reindex(range(RUNS), fill_value=0)
    by_channel = events[(events["kind"] == "meet") & (events["channel"] == "official")]
    counts = by_channel.groupby("run").size().reindex(range(RUNS), fill_value=0)
    row = ensemble.summary().query("kind == 'meet' and channel == 'official'").iloc[0]
    assert row["count"] == pytest.approx(counts.mean())
    assert row["count_mcse"] == pytest.approx(counts.std(ddof=1) / np.sqrt(RUNS))
    assert ensemble.summary().query("kind == 'meet'")["count"].sum() == pytest.approx(per_run.mean())


def test_what_never_happened_in_some_runs_is_not_known_to_be_impossible(ensemble):
    summary = ensemble.summary()
    happened = (summary["probability"] * RUNS).to_numpy()
    assert 0.0 in happened
    assert summary["probability_mcse"].to_numpy() == pytest.approx(stats.beta.std(happened + 1, RUNS - happened + 1))


def test_where_all_runs_agree_the_error_of_a_count_is_not_known(ensemble):
    summary = ensemble.summary()
    alike = summary["probability"] == 0
    assert alike.any()
    assert summary.loc[alike, "count_mcse"].isna().all()
    assert (summary["count_mcse"].dropna() > 0).all()
    assert negsim.simulate("bargaining-pair", runs=1, record=()).summary()["count_mcse"].isna().all()


def test_a_summary_needs_no_events():
    with_events = negsim.simulate("bargaining-pair", runs=50, seed=1)
    without = negsim.simulate("bargaining-pair", runs=50, seed=1, record=())
    pd.testing.assert_frame_equal(with_events.summary(), without.summary())
    with pytest.raises(ResultError, match="events were not recorded"):
        _ = without.events


def test_paths_agree_with_the_events(ensemble):
    """The recorded stage of a channel at each tick is what the last event before it made it."""
    data = ensemble.to_xarray()
    stage = data["channel"].sel(channel_name="official").to_numpy()
    made = {"plan": 1, "open": 2, "meet": 3, "adjourn": 2, "close": 0, "cancel": 0, "walk_out": 0}
    events = ensemble.events
    official = events[(events["channel"] == "official") & events["kind"].isin(list(made))]
    ticks = ensemble.compiled.world.tick_times[: len(stage)]
    for run in (0, 7, RUNS - 1):
        mine = official[official["run"] == run]
        for tick, time in enumerate(ticks):
            before = mine[mine["day"] < time]
            expected = made[str(before["kind"].iloc[-1])] if len(before) else 0
            assert stage[tick, run] == expected, (run, tick)


def test_every_path_can_be_recorded_and_is_labelled(ensemble):
    wanted = set(PATHS)
    assert wanted - {"fear"} <= set(ensemble.to_xarray().data_vars)
    data = ensemble.to_xarray()
    assert data["resentment"].dims == ("tick", "pair", "run")
    assert "JPN>PRK" in data["pair"].to_numpy()
    assert (data["credibility"] > 0).all()
    assert (data["credibility"] < 1).all()


def test_unknown_things_to_record_are_refused_by_name():
    with pytest.raises(ValueError, match="'moods' is not among events"):
        negsim.simulate("bargaining-pair", runs=5, record=("moods",))


def test_what_is_saved_comes_back(tmp_path, ensemble):
    ensemble.save(tmp_path / "out")
    back = negsim.load_results(tmp_path / "out")
    pd.testing.assert_frame_equal(back.summary(), ensemble.summary())
    columns = [column for column in ensemble.events if column != "date"]
    pd.testing.assert_frame_equal(back.events[columns], ensemble.events[columns])
    assert (back.events["date"] == ensemble.events["date"]).all()
    assert back.scenario == ensemble.scenario
    for name, path in ensemble.paths.items():
        np.testing.assert_array_equal(back.paths[name], path)


def test_provenance_says_where_a_result_comes_from(tmp_path):
    result = negsim.simulate("bargaining-pair", runs=10, seed=5, params={"term.ripeness.theta": 0.5})
    result.save(tmp_path)
    told = json.loads((tmp_path / "provenance.json").read_text())
    assert told["seed"] == 5
    assert told["runs"] == 10
    assert told["params"] == {"term.ripeness.theta": 0.5}
    assert len(told["scenario_digest"]) == 64
    assert {"negsim", "numpy", "python"} <= set(told["versions"])


def test_a_changed_scenario_beside_a_result_is_noticed(tmp_path):
    negsim.simulate("bargaining-pair", runs=5).save(tmp_path)
    file = tmp_path / "scenario.toml"
    file.write_text(file.read_text().replace("bargaining-pair", "something-else"))
    with pytest.raises(ResultError, match="digest differs"):
        negsim.load_results(tmp_path)


def test_a_folder_that_is_no_result_is_refused(tmp_path):
    with pytest.raises(ResultError, match=r"provenance\.json"):
        negsim.load_results(tmp_path)


DAMAGED: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "empty": ("provenance.json", lambda file: file.write_bytes(b""), "is damaged: Expecting value"),
    "no text": ("scenario.toml", lambda file: file.write_bytes(b"\xff"), "is damaged: 'utf-8'"),
    "a list": ("provenance.json", lambda file: file.write_text("[]"), "it holds an empty list"),
    "a key less": ("provenance.json", lambda file: rewrite(file, seed=None), "seed is nothing"),
    "runs in words": ("provenance.json", lambda file: rewrite(file, runs="five"), 'runs is "five"'),
    "other runs": ("provenance.json", lambda file: rewrite(file, runs=4), "counts 5 runs, provenance.json says 4"),
    "counts cut off": ("tally.npz", lambda file: file.write_bytes(file.read_bytes()[:300]), "is damaged"),
    "no counts": ("tally.npz", lambda file: np.savez(file, first=np.zeros(2)), "it lacks total"),
    "counts gone": ("tally.npz", Path.unlink, "No such file"),
    "events cut off": ("events.parquet", lambda file: file.write_bytes(file.read_bytes()[:300]), "is damaged"),
    "events gone": ("events.parquet", Path.unlink, "No such file"),
    "paths gone": ("paths.npz", Path.unlink, "No such file"),
    "events of nobody": ("events.parquet", lambda file: alter(file, kind="sneeze"), "has no event sneeze:"),
    "events of other runs": ("events.parquet", lambda file: alter(file, run=7), "it has events of run 7"),
}


def rewrite(file: Path, **fields: Any) -> None:
    told = json.loads(file.read_text()) | fields
    file.write_text(json.dumps({name: value for name, value in told.items() if value is not None}))


def alter(file: Path, **columns: Any) -> None:
    pd.read_parquet(file).assign(**columns).to_parquet(file)


@pytest.mark.parametrize(("name", "damage", "said"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_result_is_refused_and_the_file_named(tmp_path, name, damage, said):
    negsim.simulate("bargaining-pair", runs=5, record=("events", "channel")).save(tmp_path)
    damage(tmp_path / name)
    with pytest.raises(ResultError, match=rf"{tmp_path}/\w+\.\w+.*{said}"):
        negsim.load_results(tmp_path)


def test_saving_again_without_events_leaves_no_old_events(tmp_path):
    negsim.simulate("bargaining-pair", runs=5).save(tmp_path)
    negsim.simulate("bargaining-pair", runs=5, record=()).save(tmp_path)
    assert not (tmp_path / "events.parquet").exists()


def test_stopping_early_keeps_what_came_before():
    whole = negsim.simulate("beijing-1999", runs=40, seed=3, until="1993-12-31")
    part = negsim.simulate("beijing-1999", runs=40, seed=3, until="1992-06-17")
    limit = (dt.date(1992, 6, 18) - dt.date(1990, 1, 1)).days
    expected = whole.events[whole.events["day"] < limit].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.events.reset_index(drop=True), expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"runs": 0}, "runs must be a whole number"),
        ({"workers": 0}, "workers must be"),
        ({"until": dt.date(2030, 1, 1)}, "until must lie between"),
        ({"until": "1995"}, "until must be a date such as 1999-12-31, not '1995'"),
        ({"params": {"term.ripeness.theta": [1.0, 2.0]}}, "one for each of 5 runs"),
    ],
)
def test_bad_arguments_are_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        negsim.simulate("bargaining-pair", **({"runs": 5} | arguments))


def test_a_year_alone_is_no_date():
    with pytest.raises(TypeError, match="until must be a date, a text or None, not 1995"):
        negsim.simulate("bargaining-pair", runs=5, until=1995)


def test_an_unknown_parameter_is_refused_with_the_nearest():
    with pytest.raises(KeyError, match="theta"):
        negsim.simulate("bargaining-pair", runs=5, params={"term.ripenes.theta": 1.0})


def test_what_is_recorded_follows_the_parameters_of_each_run():
    """Trust at the start is the prior mean of the regard, which here differs from run to run."""
    means = np.linspace(0.1, 0.9, 7)
    numbers, until = {"regard.0.credibility": means}, dt.date(1990, 12, 31)
    result = negsim.simulate("beijing-1999", runs=7, params=numbers, until=until, record=("credibility",), width=3)
    first = result.to_xarray()["credibility"].sel(pair="JPN>PRK").to_numpy()[0]
    np.testing.assert_allclose(first, means, rtol=1e-6)


def test_a_scenario_in_which_nothing_can_happen_runs_to_its_end():
    still = negsim.Scenario(
        name="still", start=dt.date(2000, 1, 1), end=dt.date(2000, 12, 31), actor={"A": {}, "B": {}}
    )
    assert len(negsim.simulate(still, runs=3).events) == 0


def test_a_rate_of_minus_zero_is_a_rate_of_zero():
    case = negsim.load_scenario("two-state-channel")
    never, adjourn = [
        negsim.simulate(case, runs=5, params={"channel.talks.rates.adjourn": rate}).columns for rate in (0.0, -0.0)
    ]
    assert [column.tolist() for column in adjourn] == [column.tolist() for column in never]
    rates = dict(case.channel["talks"].rates) | {"adjourn": -0.0}
    talks = case.channel["talks"].model_copy(update={"rates": rates})
    written = negsim.simulate(case.model_copy(update={"channel": {"talks": talks}}), runs=5).columns
    assert written[1].tolist() == never[1].tolist()


def test_a_memory_cannot_be_recorded_while_its_term_is_off():
    case = negsim.load_scenario("beijing-1999").model_copy(update={"terms": ("season",)})
    with pytest.raises(ValueError, match="while its term is on"):
        negsim.simulate(case, runs=2, record=("resentment",))


def test_the_last_moment_of_a_day_is_not_told_as_the_next():
    days = np.array([0.0, 0.5, 58.9999999, 59.0, 365.99999999])
    told = dates_of(dt.date(2004, 1, 1), days)
    assert [str(moment)[:10] for moment in told] == [
        "2004-01-01",
        "2004-01-01",
        "2004-02-28",
        "2004-02-29",
        "2004-12-31",
    ]
    with pytest.raises(ValueError, match="without a time zone"):
        day_number(dt.date(2004, 1, 1), dt.datetime(2004, 3, 1, tzinfo=dt.UTC))


def test_what_is_saved_is_what_was_drawn_whatever_became_of_its_table(tmp_path):
    drawn = negsim.simulate("two-state-channel", runs=3, seed=1)
    before = drawn.events.copy()
    table = drawn.events
    table["day"] = 0.0
    pd.testing.assert_frame_equal(negsim.load_results(drawn.save(tmp_path)).events, before)


def test_a_result_is_not_saved_over_a_file(tmp_path):
    (tmp_path / "notes.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(negsim.ResultError, match=r"notes\.txt is no directory"):
        negsim.simulate("two-state-channel", runs=2).save(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "kept"
