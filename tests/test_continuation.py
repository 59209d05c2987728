"""Is what comes after a given history drawn as it should be?"""

import datetime as dt

import numpy as np
import pytest

import negsim
from negsim.compiler import Compiled, compile_scenario
from negsim.continuation import continue_histories, rest_at
from negsim.history import History, read_history
from negsim.replays import split_runs
from strategies import two_state_channel

pytestmark = pytest.mark.xdist_group("continuation")  # one worker: the past is simulated once

ORIGIN, UNTIL = dt.date(1992, 5, 17), dt.date(1994, 6, 30)
LIMIT = float((ORIGIN - dt.date(1990, 1, 1)).days)
RUNS = 1000


@pytest.fixture(scope="module")
def past(beijing) -> list[History]:
    return split_runs(negsim.simulate(beijing, runs=RUNS, seed=8, until=ORIGIN - dt.timedelta(days=1)))


def test_nothing_happens_before_the_origin(beijing, past):
    events = continue_histories(beijing, past[:200], ORIGIN, seed=1, until=UNTIL).events
    assert (events["date"] >= np.datetime64(ORIGIN)).all()


@pytest.mark.parametrize("engine", ["numpy", "compiled"])
def test_futures_are_the_same_whoever_draws_them_and_tell_how_far_they_have_come(engine):
    if engine == "compiled":
        pytest.importorskip("numba")
    case = two_state_channel(plan=3.0, cancel=1.0)
    compiled, origin = compile_scenario(case), case.start + dt.timedelta(days=200)
    past = split_runs(negsim.simulate(compiled, runs=7, seed=3, until=origin - dt.timedelta(days=1)))
    told: list[tuple[float, str]] = []
    how = {"seed": 2, "engine": engine, "progress": lambda *one: told.append(one)}
    alone = continue_histories(compiled, past, origin, workers=1, **how).events
    check_told(told)
    beside = continue_histories(compiled, past, origin, workers=3, **how).events
    check_told(told)
    assert len(alone) > 7
    assert alone.equals(beside)


def check_told(told: list[tuple[float, str]]) -> None:
    """Shares that do not fall and end with all; then forget them."""
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert told[-1] == (1.0, "7 futures")
    told.clear()


def compare_counts(compiled: Compiled, past: list[History]) -> np.ndarray:
    """By how many standard errors mean counts differ from those of runs drawn at once, kind by kind."""
    continued = continue_histories(compiled, past, ORIGIN, seed=5, until=UNTIL).summary()
    through = negsim.simulate(compiled, runs=RUNS, seed=99, until=UNTIL).events
    later = through[through["day"] >= LIMIT]
    keys = ["kind", "actor", "channel", "subject"]
    scores = []
    for row in continued.itertuples():
        if row.kind == "agree" or row.count < 0.1:
            continue
        chosen = later[np.logical_and.reduce([later[key] == getattr(row, key) for key in keys])]
        counts = chosen.groupby("run").size().reindex(range(RUNS), fill_value=0)
        scores.append((row.count - counts.mean()) / np.hypot(row.count_mcse, counts.std() / np.sqrt(RUNS)))
    return np.array(scores)


def test_continued_histories_are_as_likely_as_histories_drawn_at_once(beijing, past):
    """Simulating to the origin and continuing is the same process as simulating through: compare counts by kind."""
    scores = compare_counts(beijing, past)
    assert len(scores) > 30
    assert np.abs(scores).max() < 4.0
    assert 0.5 < np.mean(scores**2) < 1.8
    forgetful = [History(h.days[h.days < LIMIT - 365], h.moves[h.days < LIMIT - 365]) for h in past]
    planted = compare_counts(beijing, forgetful)  # a year of the past is lost
    assert np.abs(planted).max() > 4.0
    assert np.mean(planted**2) > 1.8


def test_the_first_wait_after_an_origin_between_ticks_is_exponential_from_the_origin():
    case = two_state_channel(plan=3.0, cancel=1.0)
    compiled = compile_scenario(case)
    origin = case.start + dt.timedelta(days=45)
    empty = [read_history(compiled, [])] * 20_000
    events = continue_histories(compiled, empty, origin, seed=2).events
    first = events.groupby("run")["day"].min().to_numpy() - 45.0
    assert first.min() >= 0
    # Planning at 3 a year: the share planned within 30 days of the origin.
    share, expected = np.mean(first < 30.0), 1 - np.exp(-3.0 * 30 / 365.25)
    assert abs(share - expected) < 4 * np.sqrt(expected * (1 - expected) / len(empty))


def test_the_state_at_the_origin_is_that_of_the_last_re_evaluation(beijing, past):
    resting = rest_at(beijing, beijing.bind(), past[:50], LIMIT + 2.5)
    ticks = beijing.world.tick_times
    last = ticks[ticks < LIMIT + 2.5][-1]
    for column, history in enumerate(past[:50]):
        before = history.days[history.days < LIMIT + 2.5]
        assert resting.time[column] == pytest.approx(max(last, before.max(initial=0.0)))


def test_a_past_that_cannot_have_been_is_refused(beijing):
    rows = [("1991-01-01", "lift:JPN::japan_food")]
    with pytest.raises(ValueError, match="japan_food is not frozen"):
        continue_histories(beijing, [read_history(beijing, rows)], ORIGIN)
