"""Does the kernel keep its small promises: ties, sums of nothing, odd numbers of rows?"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

import reference
from negsim import load_scenario, replay, simulate
from negsim.compiler import compile_scenario
from negsim.history import Coverage, read_history
from negsim.kernel import Outlook, Packages, add_halves, add_up, arithmetic, choose, narrow, run_clocks, short_buffers
from negsim.kernel.stages import AVAILABLE_BITS, PROMISED_BITS, STANDING_BITS
from negsim.layout.rows import make_sums
from negsim.replays import split_runs
from negsim.scenario import Channel
from negsim.terms import SHELF
from negsim.vocabulary import CONCESSION_STAGES
from strategies import pair

ONE_DAY = np.array([1.0])


def look_out(dense: float, package: float) -> Outlook:
    """One dense move and one package in one column, with their hazards per day."""
    packages = Packages(slice(1, 2), np.array([0]), np.array([[package]]), (np.ones((1, 1)), np.ones((1, 1))))
    return Outlook(np.array([[dense]]), None, [packages], np.zeros((0, 1), dtype=bool), {})


@pytest.mark.parametrize(("dense", "package"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)], ids=["dense", "package", "both"])
def test_what_would_ring_on_the_tick_itself_waits_until_the_tick_has_passed(dense, package):
    events, elapsed = choose(look_out(dense, package), np.ones((2, 1)), ONE_DAY)
    assert (events.tolist(), elapsed.tolist()) == ([-1], [1.0])


def test_of_two_clocks_that_ring_together_the_first_is_heard():
    remaining = np.full((2, 1), 0.25)
    assert choose(look_out(1.0, 1.0), remaining, ONE_DAY)[0].tolist() == [0]
    assert choose(look_out(0.5, 1.0), remaining, ONE_DAY)[0].tolist() == [1]
    both = Outlook(np.ones((2, 1)), None, [], np.zeros((0, 1), dtype=bool), {})
    assert choose(both, remaining, ONE_DAY)[0].tolist() == [0]


@pytest.mark.parametrize("rows_at_once", [1, 3, 255])
def test_cutting_the_moves_into_blocks_changes_neither_choice_nor_clocks(monkeypatch, rows_at_once):
    generator = np.random.default_rng(5)
    remaining = generator.integers(1, 4, (300, 7)).astype(float)  # few values, so that many clocks ring together
    hazards = generator.integers(0, 3, (300, 7)).astype(float)
    hazards[:, 0] = 0.0
    monkeypatch.setattr(arithmetic, "CACHED", 7 * rows_at_once)
    outlook = Outlook(hazards.copy(), None, [], np.zeros((0, 7), dtype=bool), {})
    events, elapsed = choose(outlook, remaining, np.full(7, 10.0))
    with np.errstate(divide="ignore"):
        waits = remaining / hazards
    assert events.tolist() == [-1, *waits[:, 1:].argmin(axis=0)]
    assert elapsed.tolist() == np.minimum(waits.min(axis=0), 10.0).tolist()
    left = remaining.copy()
    run_clocks(outlook, left, elapsed)
    assert np.array_equal(left, np.maximum(remaining - hazards * elapsed, arithmetic.SMALLEST))


def test_buffers_are_short_only_while_the_kernel_works():
    before, inside = np.getbufsize(), []

    def fail() -> None:
        inside.append(np.getbufsize())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), short_buffers():
        fail()
    assert (inside, np.getbufsize()) == ([arithmetic.BUFFER], before)
    assert before > arithmetic.BUFFER


def test_columns_are_taken_unless_all_share_one():
    table = np.arange(6.0).reshape(2, 3)
    assert narrow(table, np.array([2, 0])).tolist() == [[2.0, 0.0], [5.0, 3.0]]
    assert narrow(table, slice(None)) is table
    assert narrow(table[:, :1], np.array([2, 0])).tolist() == [[0.0], [3.0]]


def test_a_group_without_members_adds_up_to_nothing():
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]])
    found = add_up(rows, make_sums([[0, 1, 2], [], [2], [1, 0]], none=3))
    assert found.tolist() == [[7.0, 70.0], [0.0, 0.0], [4.0, 40.0], [3.0, 30.0]]
    assert add_up(rows, make_sums([], none=3)).shape == (0, 2)


@pytest.mark.parametrize("count", range(8))
def test_halving_adds_up_every_row_once(count):
    rows = 2.0 ** np.arange(2 * count).reshape(count, 2)
    before = rows.copy()
    assert add_halves(rows).tolist() == rows.sum(axis=0).tolist()
    assert np.array_equal(rows, before)


def test_the_terms_declare_the_numbers_of_the_model_as_their_defaults():
    declared = {name: {number.name: number.default for number in term.parameters} for name, term in SHELF.items()}
    assert declared == reference.TERM_NUMBERS


@pytest.mark.parametrize(
    ("bits", "stages"),
    [
        (AVAILABLE_BITS, {"none", "suspended"}),
        (STANDING_BITS, {"signed", "promised", "in_force", "done"}),
        (PROMISED_BITS, {"promised", "in_force", "done"}),
    ],
    ids=["can be tabled", "signed or later", "promised or later"],
)
def test_stages_that_count_alike_are_these(bits, stages):
    assert {name for place, name in enumerate(CONCESSION_STAGES) if bits >> place & 1} == stages


def test_accords_of_a_history_that_columns_share_are_scored_as_those_of_a_history_for_each():
    until = dt.date(1993, 12, 31)
    ensemble = simulate(load_scenario("beijing-1999"), runs=12, seed=1, until=until)
    events = ensemble.compiled.labels.events
    numbers = {"term.resentment.cool": np.array([0.3, 0.6, 0.9])}
    channels = set()
    for history in split_runs(ensemble):
        signed = {events[move].channel for move in history.moves if events[move].kind == "agree"}
        if signed - channels:
            shared, own = (replay(ensemble.compiled, given, numbers, until=until) for given in (history, [history] * 3))
            assert shared.events == pytest.approx(own.events, rel=1e-12)
            assert shared.intervals == pytest.approx(own.intervals, rel=1e-12)
        channels |= signed
    assert len(channels) > 1


@pytest.mark.parametrize("columns", [1, 2], ids=["a history shared", "a history for each"])
def test_a_source_that_tells_of_half_halves_every_hazard(columns):
    """A reported move counts d h, and silence d of the integrated hazard (model, section 8)."""
    ensemble = simulate(load_scenario("bargaining-pair"), runs=1, seed=3)
    compiled, history = ensemble.compiled, split_runs(ensemble)[0]
    edges = np.array([0.0, compiled.world.tick_times[-1]])
    half = Coverage(np.zeros(compiled.world.moves, dtype=np.int64), edges, np.array([[0.5]]))
    numbers = {"term.resentment.cool": np.array([0.3, 0.9])}
    full, told = (replay(compiled, [history] * columns, numbers, coverage=given) for given in (None, half))
    assert len(history) > 0
    assert told.events == pytest.approx(full.events + np.log(0.5))
    assert told.intervals == pytest.approx(0.5 * full.intervals)


@pytest.mark.parametrize("rates", [(0.0, 5.0), (5.0, 0.0)])
def test_a_move_that_some_of_the_numbers_make_impossible_is_told(rates):
    given = [("2001-02-03", "meet:north:talks:")]
    scored = replay("two-state-channel", given, {"channel.talks.rates.meet": np.array(rates)})
    assert np.isneginf(scored.total).tolist() == [rate == 0.0 for rate in rates]
    assert scored.problems == ("2001-02-03 meet:north:talks:: impossible, its rate is 0",)


@pytest.mark.parametrize("columns", [1, 2], ids=["a history shared", "a history for each"])
@pytest.mark.parametrize(("side", "frozen"), [("A", "visit"), ("B", "food")])
def test_what_the_other_side_froze_holds_up_no_approval_of_ones_own(side, frozen, columns):
    """After signature a side approves what it gives itself (model, section 4): A the food, B the visit."""
    scenario = pair(
        channel={"talks": Channel(sides=(("A",), ("B",)), agenda=("food", "visit"), consent=("after",) * 2)}
    )
    other = {"A": "B", "B": "A"}[side]
    moves = ["plan:A:talks:", "open:A:talks:", "meet:A:talks:", "agree:A:talks:food+visit", f"freeze:{other}::{frozen}"]
    for who, possible in ((side, True), (other, False)):
        history = [(f"1998-02-{day:02d}", move) for day, move in enumerate([*moves, f"approve:{who}:talks:"], start=1)]
        given = read_history(compile_scenario(scenario), history)
        scored = replay(scenario, [given] * columns, {"term.resentment.cool": np.array([0.3, 0.6])})
        assert np.isfinite(scored.total).all() == possible
        assert [f"approve:{who}:talks:" in problem for problem in scored.problems] == [True] * (not possible)
