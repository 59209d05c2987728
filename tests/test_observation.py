"""Does the simulator of observation thin, coarsen and condition as it says, and nothing else?"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import negsim
from negsim.chronology import Chronology
from negsim.chronology_checks import draw_points, walk
from negsim.history import History
from negsim.observation import NothingObserved, observe, observe_runs
from negsim.replays import split_runs
from negsim.reporting import Reporting, Rule
from negsim.results import Ensemble

RUNS = 12
HALF = Reporting((Rule(("*",), 0.5),))

pytestmark = pytest.mark.xdist_group("observation")  # one worker: what is observed is simulated once


@pytest.fixture(scope="module")
def ensemble() -> Ensemble:
    return negsim.simulate("beijing-1999", runs=RUNS, seed=11)


@pytest.fixture(scope="module")
def histories(ensemble: Ensemble) -> list[History]:
    return split_runs(ensemble)


@pytest.fixture(scope="module")
def early() -> Ensemble:
    """Four years of the same histories, for what is asked many times over."""
    return negsim.simulate("beijing-1999", runs=RUNS, seed=11, until=dt.date(1993, 12, 31))


@pytest.fixture(scope="module")
def few(early: Ensemble) -> list[History]:
    histories = split_runs(early)
    assert min(map(len, histories)) > 20
    return histories


def told(chronology: Chronology) -> list[tuple[str, float]]:
    return [(move.names[0], move.low) for move in chronology.moves if not move.implied]


# -- what is reported ------------------------------------------------------------------------------------------------


def test_a_source_that_misses_nothing_tells_every_move_on_its_day(ensemble, histories):
    chronology = observe(ensemble, run=3)
    assert [low for _, low in told(chronology)] == np.floor(histories[3].days).tolist()
    names = [event.name for event in ensemble.compiled.labels.events]
    assert [name for name, _ in told(chronology)] == [names[move] for move in histories[3].moves]
    assert len(chronology.rows) == len(histories[3])


def test_a_source_that_reports_nothing_tells_nothing(ensemble):
    chronology = observe(ensemble, Reporting(()), run=3)
    assert chronology.moves == ()
    assert chronology.rows == ()


@given(seed=st.integers(0, 2**32 - 1), run=st.integers(0, RUNS - 1))
def test_the_same_seed_tells_the_same(early, few, seed: int, run: int):
    first = observe(few[run], HALF, "month", seed=seed, compiled=early.compiled, run=run)
    assert first == observe(early, HALF, "month", seed=seed, run=run)


def test_other_seeds_and_other_runs_tell_other_things(ensemble, histories):
    seen = {
        tuple(told(observe(histories[0], HALF, seed=seed, run=run, compiled=ensemble.compiled)))
        for seed in range(4)
        for run in range(4)
    }
    assert len(seen) == 16


@given(
    seed=st.integers(0, 2**32 - 1),
    run=st.integers(0, RUNS - 1),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_what_is_reported_at_some_probability_is_reported_at_any_higher_one(early, few, seed, run, shares):
    low, high = sorted(shares)
    some, more = (
        told(observe(few[run], Reporting((Rule(("*",), d),)), seed=seed, run=run, compiled=early.compiled))
        for d in (low, high)
    )
    assert set(some) <= set(more)


@given(seed=st.integers(0, 2**32 - 1))
def test_whether_a_move_is_reported_depends_on_no_other_move(early, few, seed: int):
    history = few[0]
    some = history.moves % 2 == 0
    alone = observe(History(history.days[some], history.moves[some]), HALF, seed=seed, compiled=early.compiled)
    every = observe(history, HALF, seed=seed, compiled=early.compiled)
    names = {event.name for number, event in enumerate(early.compiled.labels.events) if number % 2 == 0}
    assert told(alone) == [entry for entry in told(every) if entry[0] in names]


def test_the_share_that_is_reported_is_the_probability(ensemble, histories):
    counts = [
        len(observe(history, HALF, seed=5, run=run, compiled=ensemble.compiled).moves)
        for run, history in enumerate(histories)
    ]
    total = sum(len(history) for history in histories)
    assert sum(counts) == pytest.approx(total / 2, abs=4.5 * np.sqrt(total) / 2)


def test_rules_decide_by_address_and_date(ensemble, histories):
    rules = Reporting((Rule(("act:*",), 1.0, dt.date(1995, 1, 1), dt.date(1995, 12, 31)),))
    for chronology in observe_runs(ensemble, reporting=rules).values():
        assert all(name.startswith("act:") for name, _ in told(chronology))
        assert all(chronology.date(low).year == 1995 for _, low in told(chronology))


# -- how finely it is dated ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["day", "month", "year", "window"])
def test_windows_hold_the_days_on_which_it_happened(ensemble, histories, precision: str):
    for run, chronology in observe_runs(ensemble, precision=precision).items():
        low = np.array([move.low for move in chronology.moves])
        high = np.array([move.high for move in chronology.moves])
        assert ((low <= histories[run].days) & (histories[run].days < high)).all()
        assert (high - low >= 1).all()
        assert (high <= chronology.window[1]).all()


def test_each_kind_of_move_has_its_own_precision(ensemble):
    chronology = observe(ensemble, precision={"act:*": "year", "*:official:*": "month"}, run=1)
    widths = {"act": 365, "begin": 1}
    for move in chronology.moves:
        kind = move.names[0].split(":")[0]
        assert move.high - move.low >= widths.get(kind, 1)
        if kind == "begin":
            assert move.high - move.low == 1
    assert {move.key.split(".")[1][:3] for move in chronology.moves} >= {"act", "beg"}


def test_coarse_dates_keep_the_order_in_which_they_are_told(ensemble):
    chronology = observe(ensemble, precision="year", run=2)
    days, _ = chronology.placement.place(draw_points(chronology, 50, 0))
    assert (np.diff(days, axis=1) >= 0).all()


def test_without_the_order_only_windows_bind(ensemble):
    chronology = observe(ensemble, precision="year", run=2, keep_order=False)
    days, _ = chronology.placement.place(draw_points(chronology, 50, 0))
    assert chronology.links == ()
    assert (np.diff(days, axis=1) < 0).any()


def test_rows_say_what_a_source_would_say(ensemble):
    chronology = observe(ensemble, precision="month", run=0)
    row = chronology.rows[0]
    assert set(row.fields) == {"id", "date", "kind", "actor", "channel", "subject"}
    assert len(row.fields["date"]) == len("1990-01")
    assert chronology.moves[0].names[0].startswith(row.fields["kind"])


# -- what is not reported --------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**32 - 1), run=st.integers(0, RUNS - 1))
def test_implied_moves_complete_the_history(early, few, seed: int, run: int):
    history = few[run]
    chronology = observe(history, HALF, "year", seed=seed, compiled=early.compiled, run=run, unreported="implied")
    point = chronology.find_point(early.compiled, history)
    (again,) = chronology.histories(early.compiled, point[None])
    np.testing.assert_array_equal(again.moves, history.moves)
    np.testing.assert_allclose(again.days, history.days, atol=1.0)


def test_histories_of_a_complete_source_are_possible(ensemble):
    """With every day known, what is left open is the hour: the state allows nearly every draw."""
    for chronology in list(observe_runs(ensemble).values())[:4]:
        assert walk(ensemble.compiled, chronology, draw_points(chronology, 8, 0)).share > 0.8


def test_dropped_moves_leave_no_trace_and_implied_ones_count_as_known(ensemble):
    dropped = observe(ensemble, HALF, run=4)
    implied = observe(ensemble, HALF, run=4, unreported="implied")
    assert not any(move.implied for move in dropped.moves)
    assert told(dropped) == told(implied)
    assert sum(move.implied for move in implied.moves) > 0
    assert len({move.key for move in implied.moves}) == len(implied.moves)
    full = implied.coverage(ensemble.compiled)
    assert (full.shares == 1.0).all()


# -- conditions ------------------------------------------------------------------------------------------------------

ACCORD = "approve:PRK:red_cross:"


def test_the_observation_ends_with_the_day_of_what_made_the_news(ensemble, histories):
    seen = observe_runs(ensemble, ending=ACCORD)
    names = [event.name for event in ensemble.compiled.labels.events]
    happened = {
        run: next(day for day, move in zip(history.days, history.moves, strict=True) if names[move] == ACCORD)
        for run, history in enumerate(histories)
        if any(names[move] == ACCORD for move in history.moves)
    }
    assert happened
    assert set(seen) == set(happened)
    for run, chronology in seen.items():
        assert chronology.window[1] == np.floor(happened[run]) + 1
        assert ACCORD in [name for name, _ in told(chronology)]
        assert all(low < chronology.window[1] for _, low in told(chronology))


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_what_made_the_news_is_told_and_silence_about_it_counts_in_full(ensemble, share: float):
    rarely = Reporting((Rule(("*",), share),))
    seen = observe_runs(ensemble, ending=ACCORD, reporting=rarely)
    assert seen
    for chronology in seen.values():
        last = chronology.window[1] - 0.5
        assert [low for name, low in told(chronology) if name == ACCORD] == [last - 0.5]
        assert chronology.reporting.probabilities(chronology.start, ACCORD, np.array([0.5, last])).tolist() == [1, 1]
        assert chronology.reporting.probabilities(chronology.start, "open::official:", np.array([last])) == share


def test_without_the_event_there_is_no_chronology(ensemble, histories):
    empty = History(np.zeros(0), np.zeros(0, dtype=np.int64))
    with pytest.raises(NothingObserved):
        observe(empty, compiled=ensemble.compiled, ending=ACCORD)


def test_a_later_first_day_leaves_out_what_came_before(ensemble):
    chronology = observe(ensemble, first=dt.date(1995, 1, 1), last=dt.date(1996, 12, 31), run=5)
    assert {chronology.date(low).year for _, low in told(chronology)} <= {1995, 1996}
    assert chronology.until == dt.date(1996, 12, 31)


# -- what is refused -------------------------------------------------------------------------------------------------


ODD = {
    "precision": ({"precision": "mnth"}, ValueError, "did you mean month"),
    "no precision": ({"precision": None}, ValueError, "precision None is none of"),
    "precision of nothing": ({"precision": {"act:PRK::misile_test": "day"}}, ValueError, "act:PRK::missile_test"),
    "news": ({"ending": "aprove:*"}, ValueError, "'aprove:*' fits no move"),
    "empty news": ({"ending": ""}, ValueError, "ending: '' fits no move; addresses look like plan:"),
    "news by number": ({"ending": 5}, ValueError, "ending: 5 fits no move"),
    "coverage": ({"coverage": 0.5}, TypeError, "coverage must be a Reporting"),
    "unreported": ({"unreported": "lost"}, ValueError, "unreported must be"),
    "order": ({"unreported": "implied", "keep_order": False}, ValueError, "keep_order"),
    "days": ({"first": "1996-01-01", "last": dt.date(1995, 1, 1)}, ValueError, "must not come after last"),
    "words for a day": ({"first": "soon"}, ValueError, "first must be a date"),
    "run beyond": ({"run": 10_000}, ValueError, "run must be one of the ensemble's"),
    "run before": ({"run": -1}, ValueError, "run must be a whole number of at least 0"),
    "seed": ({"seed": -1}, ValueError, "seed must be a whole number of at least 0"),
}


@pytest.mark.parametrize(("options", "kind", "said"), ODD.values(), ids=ODD)
def test_what_makes_no_sense_is_refused(ensemble, options, kind, said):
    with pytest.raises(kind, match=re.escape(said)):
        observe(ensemble, **options)


def test_only_whole_histories_are_observed(ensemble, histories):
    with pytest.raises(ValueError, match="compiled="):
        observe(histories[0])
    with pytest.raises(TypeError, match="not NoneType"):
        observe(None)
    cut = replace(ensemble, stopped=(np.array([2]), np.array([100.0])))
    with pytest.raises(ValueError, match="run 2 exploded"):
        observe(cut, run=2)
    assert set(observe_runs(ensemble)) - set(observe_runs(cut)) == {2}
