"""Does every ring of every clock come from its own address, whatever else is drawn beside it?"""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import assert_chance_explains, compare_neighbours, compare_with_exponential
from negsim.scalar.drawing import Waits
from negsim.scalar.waits import has_row
from negsim.streams import BLOCK_WIDTH, PURPOSE_CLOCKS, ROWS_AT_ONCE, Clocks, Streams, address_words, open_stream

NAMES = ("plan:A:talks:", "agree:A:talks:food+visit", "freeze:JPN::food_aid", "act:B::test")
MANY = 3 * ROWS_AT_ONCE + 1
"""Rings enough to cross the borders of what is drawn at once."""

runs = st.lists(st.integers(0, 5 * BLOCK_WIDTH), min_size=1, max_size=12, unique=True).map(sorted)
names = st.lists(st.sampled_from(NAMES), min_size=1, unique=True)


def ring_alone(seed: int, name: str, run: int, count: int = MANY) -> list[float]:
    """The first rings of one clock in one run, drawn one row at a time as docs/model.md (section 9) writes it."""
    digest = hashlib.sha256(name.encode()).digest()
    words = [int.from_bytes(digest[4 * word : 4 * word + 4], "little") for word in range(4)]
    sequence = np.random.SeedSequence(seed, spawn_key=(1, run // 256, *words))
    stream = np.random.Generator(np.random.SFC64(sequence))
    return [float(stream.standard_exponential(256)[run % 256]) for _ in range(count)]


def ring(clocks: Clocks, count: int = MANY) -> np.ndarray:
    """Let every clock of every run ring together; shape (count, moves, runs)."""
    moves, columns = (places.ravel() for places in np.indices(clocks.remaining.shape))
    found = []
    for _ in range(count):
        found.append(clocks.remaining.copy())
        clocks.renew(moves, columns)
    return np.array(found)


def start(seed: int, addresses: list[str], which: list[int]) -> Clocks:
    return Clocks(seed, addresses, np.array(which))


@given(st.integers(0, 2**140), st.lists(st.integers(0, 2**40), min_size=1, max_size=3), names)
def test_streams_opened_together_are_those_opened_alone(seed: int, blocks: list[int], chosen: list[str]):
    words = [address_words(name) for name in chosen]
    together = Streams(seed, PURPOSE_CLOCKS, blocks, words)
    for place, block in enumerate(blocks):
        for number, word in enumerate(words):
            alone, found = open_stream(seed, PURPOSE_CLOCKS, block, word), np.empty(50)
            for _ in range(2):
                together.draw(place, number, found)
                assert found.tolist() == alone.standard_exponential(50).tolist()


def test_waits_that_the_compiled_loop_draws_are_numpys_to_the_last_bit():
    """More numbers than one in a thousand of which comes from the tail or an edge of the ziggurat."""
    pytest.importorskip("numba")
    waits, many = Waits(1999, PURPOSE_CLOCKS, NAMES, np.arange(BLOCK_WIDTH)), 6
    draws = waits.of(np.arange(1))
    with np.errstate(over="ignore"):
        while not all(has_row(draws, 0, move, many - 1) for move in range(len(NAMES))):
            waits.make_room()
            draws = waits.of(np.arange(1))
    for move, name in enumerate(NAMES):
        alone = open_stream(1999, PURPOSE_CLOCKS, 0, address_words(name)).standard_exponential((many, BLOCK_WIDTH))
        assert np.array_equal(draws.pool[draws.row_of[0, move, :many]], alone)


# -- addresses -------------------------------------------------------------------------------------------------------


def test_the_scheme_has_the_constants_it_is_recorded_with():
    assert (BLOCK_WIDTH, PURPOSE_CLOCKS) == (256, 1)


def test_an_address_is_the_first_words_of_the_names_digest():
    assert address_words("freeze:JPN::food_aid") == (2691541288, 911168044, 518661857, 1658973385)
    assert address_words("agree:A:talks:food+visit") == (451587745, 3675121065, 974798918, 1788897842)


@pytest.mark.parametrize(
    ("seed", "name", "run", "rings"),
    [
        (
            0,
            "freeze:JPN::food_aid",
            0,
            (0.938687415473523, 0.2568008664302666, 1.0150775015249454, 0.2805937733865202, 0.6922699507076833),
        ),
        (
            20000101,
            "agree:A:talks:food+visit",
            700,
            (0.3975189351382216, 2.8109325216893803, 0.11015066013327617, 0.43224051541779135, 0.4833511313504351),
        ),
    ],
)
def test_rings_at_two_addresses_are_those_written_down(seed: int, name: str, run: int, rings: tuple[float, ...]):
    clocks = start(seed, [name], [run])
    assert ring(clocks, len(rings))[:, 0, 0] == pytest.approx(rings, rel=1e-12, abs=0)


def test_every_part_of_an_address_matters():
    address = {"entropy": 7, "purpose": PURPOSE_CLOCKS, "block": 0, "words": address_words("plan:A:talks:")}
    others = {"entropy": 8, "purpose": 2, "block": 1, "words": address_words("plan:A:talks2:")}
    first = open_stream(**address).standard_exponential(4)
    assert (open_stream(**address).standard_exponential(4) == first).all()
    for part, other in others.items():
        assert (open_stream(**(address | {part: other})).standard_exponential(4) != first).all(), part


# -- the same ring, whatever stands beside it ------------------------------------------------------------------------


@given(st.integers(0, 2**64), names, runs)
def test_rings_drawn_in_blocks_are_those_drawn_one_by_one(seed: int, addresses: list[str], which: list[int]):
    rings = ring(start(seed, addresses, which))
    for move, name in enumerate(addresses):
        for column, run in enumerate(which):
            assert rings[:, move, column].tolist() == ring_alone(seed, name, run)


@given(names, runs, st.data())
def test_fewer_runs_and_fewer_moves_hear_the_same_rings(addresses: list[str], which: list[int], data: st.DataObject):
    some = sorted(data.draw(st.sets(st.sampled_from(range(len(which))), min_size=1)))
    moves = data.draw(st.permutations(range(len(addresses))))[: data.draw(st.integers(1, len(addresses)))]
    everything = ring(start(3, addresses, which))
    part = ring(start(3, [addresses[move] for move in moves], [which[column] for column in some]))
    assert (part == everything[:, moves][:, :, some]).all()


@given(st.data())
def test_clocks_ring_at_their_own_pace(data: st.DataObject):
    """Any order of rings: each clock still hears its own, also across what is drawn at once."""
    which = [0, 255, 256, 900]
    clocks = start(11, list(NAMES), which)
    heard = np.zeros((len(NAMES), len(which)), dtype=int)
    for _ in range(data.draw(st.integers(1, 40))):
        columns = np.array(sorted(data.draw(st.sets(st.sampled_from(range(len(which))), min_size=1))))
        moves = np.array([data.draw(st.sampled_from(range(len(NAMES)))) for _ in columns])
        clocks.renew(moves, columns)
        heard[moves, columns] += 1
    assert (clocks.rings == heard).all()
    for move, name in enumerate(NAMES):
        for column, run in enumerate(which):
            ring_now = ring_alone(11, name, run, heard[move, column] + 1)[-1]
            assert clocks.remaining[move, column] == ring_now


@given(runs, st.data())
def test_runs_that_stay_hear_what_they_would_have_heard(which: list[int], data: st.DataObject):
    kept = sorted(data.draw(st.sets(st.sampled_from(range(len(which))), min_size=1)))
    clocks = start(5, list(NAMES), which)
    before = data.draw(st.integers(0, ROWS_AT_ONCE + 1))
    ring(clocks, before)
    clocks.select(np.array(kept))
    expected = ring(start(5, list(NAMES), which))[before:, :, kept]
    assert (ring(clocks, MANY - before) == expected).all()


def test_a_scenario_without_moves_has_no_clocks():
    assert start(0, [], [0, 1]).remaining.shape == (0, 2)


# -- chance ----------------------------------------------------------------------------------------------------------


def test_rings_are_exponential_and_tell_nothing_of_each_other():
    rings = ring(start(1, list(NAMES), list(range(300))), 40)
    p_values = {"wait": compare_with_exponential(rings.ravel())}
    for axis, name in enumerate(("next ring", "other move", "other run")):
        p_values[name] = compare_neighbours(np.moveaxis(rings, axis, -1).ravel())
    assert_chance_explains(p_values)
