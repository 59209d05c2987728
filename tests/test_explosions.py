"""Is a run that runs away stopped, told of and kept out of the summary, while the others go on?"""

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import negsim
from negsim import cli
from negsim.compiler import compile_scenario
from negsim.continuation import continue_histories
from negsim.ensemble import Explosive, ExplosiveWarning
from negsim.history import History
from negsim.plots import draw_ledger, draw_timeline

MOST = 200
MAD = (1, 4)
"""Runs in which talks begin and end thousands of times a year."""
EVERYTHING = ("events", "channel")

Simulate = Callable[..., negsim.Ensemble]


def rates(mad: tuple[int, ...]) -> dict[str, Any]:
    speed = np.ones(5)
    speed[list(mad)] = 500.0
    return {"channel.talks.rates.meet": 6.0 * speed, "channel.talks.rates.adjourn": 18.0 * speed}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Simulate:
    """Simulate five runs of the textbook talks; more than 200 moves are an explosion."""
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", MOST)

    def simulate(mad: tuple[int, ...] = MAD, **options: Any) -> negsim.Ensemble:
        return negsim.simulate("two-state-channel", runs=5, seed=1, params=rates(mad), **options)

    return simulate


@pytest.fixture
def exploded(run: Simulate) -> negsim.Ensemble:
    with pytest.warns(ExplosiveWarning):
        return run(record=EVERYTHING)


def test_the_warning_names_the_first_and_counts_the_others(run: Simulate):
    with pytest.warns(ExplosiveWarning, match=r"run 1 \(and 1 more of 5\) made more than 200 moves in \d+ days"):
        run()


def test_explosive_runs_are_marked_with_the_day_of_their_last_move(exploded: negsim.Ensemble):
    runs, days = exploded.stopped
    moves = exploded.events.groupby("run")["day"]
    assert runs.tolist() == list(MAD)
    np.testing.assert_array_equal(days, moves.max().loc[list(MAD)])
    np.testing.assert_array_equal(moves.size().loc[list(MAD)], MOST + 1)
    assert (days < 60).all()


def test_the_other_runs_go_on_as_if_alone(exploded: negsim.Ensemble, run: Simulate):
    calm = run(mad=()).events
    for number in {0, 2, 3}:
        mine = exploded.events[exploded.events["run"] == number].reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, calm[calm["run"] == number].reset_index(drop=True))


def test_the_summary_counts_only_runs_that_came_to_the_end_and_says_how_many(exploded: negsim.Ensemble):
    summary = exploded.summary()
    meetings = exploded.events.query("kind == 'meet' and run not in @MAD").groupby("run").size()
    row = summary[summary["kind"] == "meet"].iloc[0]
    assert (row["runs"], row["stopped"]) == (3, 2)
    assert row["count"] == pytest.approx(meetings.mean())
    assert row["count_mcse"] == pytest.approx(meetings.std() / np.sqrt(3))


@pytest.mark.filterwarnings("ignore::negsim.ensemble.ExplosiveWarning")
@pytest.mark.parametrize("options", [{"width": 1}, {"width": 2}, {"width": 2, "workers": 2}])
def test_neither_width_nor_workers_change_what_is_stopped(
    exploded: negsim.Ensemble, run: Simulate, options: dict[str, int]
):
    other = run(record=EVERYTHING, **options)
    np.testing.assert_array_equal(other.stopped, exploded.stopped)
    pd.testing.assert_frame_equal(other.summary(), exploded.summary())
    np.testing.assert_array_equal(other.paths["channel"], exploded.paths["channel"])


def test_paths_end_where_a_run_is_stopped(exploded: negsim.Ensemble):
    path, ticks = exploded.paths["channel"][:, 0, :], exploded.compiled.world.tick_times[:-1]
    for number, day in zip(*exploded.stopped, strict=True):
        np.testing.assert_array_equal(np.isnan(path[:, number]), ticks > day)
    assert not np.isnan(path[:, [0, 2, 3]]).any()


def test_what_is_whole_is_as_if_the_others_had_not_been_drawn(exploded: negsim.Ensemble, run: Simulate):
    whole, calm = exploded.whole, run(mad=(), record=EVERYTHING)
    kept = [0, 2, 3]
    assert whole.runs == 3
    assert not len(whole.stopped[0])
    assert calm.whole is calm
    for number, before in enumerate(kept):
        mine = whole.events[whole.events["run"] == number].drop(columns="run").reset_index(drop=True)
        theirs = calm.events[calm.events["run"] == before].drop(columns="run").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, theirs)
    np.testing.assert_array_equal(whole.paths["channel"], calm.paths["channel"][..., kept])
    shares = ["probability", "count", "runs"]
    pd.testing.assert_frame_equal(whole.summary()[shares], exploded.summary()[shares])


def test_pictures_of_shares_leave_out_what_the_summary_leaves_out(exploded: negsim.Ensemble, run: Simulate):
    with pytest.warns(ExplosiveWarning):
        unrecorded = run(record=())
    for ensemble in (exploded, unrecorded):
        words = [text.get_text() for text in write_on(draw_timeline(ensemble))]
        shares = {word.partition(" ")[0] for word in words if " ± " in word}
        assert shares
        assert shares <= {f"{100 * share:.1f}" for share in ensemble.summary()["probability"]}
        assert any("5 runs (2 exploded, left out)" in word for word in words)
    assert any("2 exploded, left out" in text.get_text() for text in write_on(draw_ledger(exploded)))
    with pytest.warns(ExplosiveWarning):
        nothing = run(mad=(0, 1, 2, 3, 4))
    assert any("Every run exploded" in text.get_text() for text in write_on(draw_timeline(nothing)))


def write_on(figure: Any) -> list[Any]:
    """Every piece of text in a figure."""
    return list(figure.findobj(lambda artist: hasattr(artist, "get_text")))


def test_a_saved_result_still_knows_what_was_stopped(exploded: negsim.Ensemble, tmp_path):
    back = negsim.load_results(exploded.save(tmp_path))
    np.testing.assert_array_equal(back.stopped, exploded.stopped)
    pd.testing.assert_frame_equal(back.summary(), exploded.summary())
    assert back.provenance["runs_stopped"] == 2


def test_what_is_whole_can_be_saved_by_itself(exploded: negsim.Ensemble, tmp_path):
    back = negsim.load_results(exploded.whole.save(tmp_path))
    pd.testing.assert_frame_equal(back.summary(), exploded.whole.summary())
    assert (back.runs, back.provenance["runs_left_out"]) == (3, list(MAD))
    assert exploded.provenance["runs"] == 5


def test_where_every_run_explodes_nothing_is_said_of_the_rest(run: Simulate):
    with pytest.warns(ExplosiveWarning, match="4 more"):
        summary = run(mad=(0, 1, 2, 3, 4)).summary()
    assert summary["probability"].isna().all()
    assert (summary["runs"] == 0).all()


def test_a_strict_simulation_refuses_to_go_on(run: Simulate):
    with pytest.raises(Explosive, match="run 1 made more than 200 moves"):
        run(strict=True)


def test_futures_that_explode_are_stopped_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", MOST)
    compiled = compile_scenario(negsim.load_scenario("two-state-channel"))
    nothing = [History(np.zeros(0), np.zeros(0, dtype=np.int64))] * 5
    with pytest.warns(ExplosiveWarning, match="run 1"):
        futures = continue_histories(compiled, nothing, dt.date(2001, 6, 1), rates(MAD))
    assert futures.stopped[0].tolist() == list(MAD)


def test_the_command_line_warns_and_prints_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.filters", [])
        code = cli.main(["run", "two-state-channel", "--runs", "20"])
    told = capsys.readouterr()
    assert code == 0
    assert told.err.startswith("negsim: warning: run ")
    assert "more of 20) made more than 10 moves" in told.err
    assert "meet" in told.out


@pytest.mark.filterwarnings("ignore::negsim.ensemble.ExplosiveWarning")
def test_what_was_stopped_is_not_scored_as_if_silence_had_followed(run: Simulate):
    ensemble = run(mad=(1,))
    with pytest.raises(ValueError, match="run 1 exploded and was stopped"):
        negsim.replay("two-state-channel", ensemble)
    assert np.isfinite(negsim.replay("two-state-channel", ensemble.whole).total).all()
