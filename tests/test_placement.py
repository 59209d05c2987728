"""Do points of the unit cube become dates that keep every window and order, and is the volume right?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from negsim.placement import Conflict, Link, find_conflicts, solve

WIDEST = 40


def points(size: int, count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, size))


@st.composite
def bounds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[Link]]:
    """Windows and links around some dates, so that at least these keep them all."""
    size = draw(st.integers(1, 7))
    days = np.array(draw(st.lists(st.integers(0, WIDEST), min_size=size, max_size=size))) + 0.25
    before = np.array(draw(st.lists(st.integers(0, 20), min_size=size, max_size=size)))
    after = np.array(draw(st.lists(st.integers(1, 20), min_size=size, max_size=size)))
    low, high = np.floor(days) - before, np.floor(days) + after
    days = days + np.arange(size) / (2 * size)  # nothing at the same moment
    links = []
    for a, b in draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=8)):
        if days[a] < days[b]:
            gap = days[b] - days[a]
            least = draw(st.sampled_from([0.0, math.floor(gap)]))
            most = draw(st.sampled_from([math.inf, math.ceil(gap) + 1.0]))
            links.append(Link(a, b, least, most))
    return low.astype(float), high.astype(float), links


@given(bounds(), st.booleans(), st.booleans())
def test_every_point_keeps_every_window_and_order(bounded, by_rule, as_listed):
    low, high, links = bounded
    placement = solve(low, high, links, by_rule=by_rule, as_listed=False)
    days, volume = placement.place(points(placement.size, 200))
    assert np.isfinite(volume).all()
    assert (days >= low - 1e-9).all()
    assert (days <= high + 1e-9).all()
    for link in links:
        gap = days[:, link.after] - days[:, link.before]
        assert (gap >= link.least - 1e-9).all()
        assert (gap <= link.most + 1e-9).all()


@given(bounds())
def test_dates_lead_back_to_their_point(bounded):
    low, high, links = bounded
    placement = solve(low, high, links, as_listed=False)
    unit = points(placement.size, 50)
    again, _ = placement.place(placement.unplace(placement.place(unit)[0]))
    np.testing.assert_allclose(again, placement.place(unit)[0], atol=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "links"),
    [
        ([0, 0], [10, 8], [Link(0, 1, least=1.0, most=3.0)]),
        ([0, 0, 0], [10, 10, 10], [Link(0, 1), Link(0, 2)]),
        ([0, 2, 4], [5, 6, 7], [Link(0, 1), Link(1, 2)]),
        ([0, 0, 5, 5], [10, 8, 6, 6], [Link(0, 1), Link(1, 2), Link(2, 3)]),
        ([0, 0, 3], [9, 9, 4], [Link(0, 2, most=2.0), Link(2, 1, least=1.0)]),
    ],
)
def test_the_mean_volume_is_the_share_of_dates_that_rejection_keeps(low, high, links):
    low, high = np.array(low, dtype=float), np.array(high, dtype=float)
    placement = solve(low, high, links, by_rule=False, as_listed=False)
    volume = np.exp(placement.place(points(placement.size, 100_000))[1])
    drawn = low + points(len(low), 400_000, seed=1) * (high - low)
    kept = np.ones(len(drawn), dtype=bool)
    for link in links:
        gap = drawn[:, link.after] - drawn[:, link.before]
        kept &= (gap >= link.least) & (gap <= link.most)
    box = np.prod(high - low)
    error = math.hypot(volume.std() / math.sqrt(len(volume)), box * kept.std() / math.sqrt(len(kept)))
    assert volume.mean() == pytest.approx(box * kept.mean(), abs=4.5 * error)


def test_a_chain_in_one_window_has_the_same_volume_at_every_point():
    placement = solve(np.zeros(4), np.full(4, 10.0), [Link(k, k + 1) for k in range(3)])
    volume = placement.place(points(placement.size, 100))[1]
    np.testing.assert_allclose(volume, math.log(10**4 / 24))


def test_dates_of_one_day_in_one_order_need_no_coordinate():
    placement = solve(np.full(3, 5.0), np.full(3, 6.0), [Link(2, 0), Link(0, 1)])
    days, volume = placement.place(np.empty((1, 0)))
    np.testing.assert_allclose(days, [[5.5, 5.75, 5.25]])
    np.testing.assert_allclose(volume, -math.log(6))


def test_dates_of_one_day_in_no_order_keep_their_coordinates_unless_listed():
    low, high = np.full(2, 5.0), np.full(2, 6.0)
    assert solve(low, high, [], as_listed=False).size == 2
    listed = solve(low, high, [])
    assert listed.size == 0
    np.testing.assert_allclose(listed.moments, [5 + 1 / 3, 5 + 2 / 3])


def test_the_order_of_listing_gives_way_to_links():
    placement = solve(np.full(3, 5.0), np.full(3, 6.0), [Link(2, 0)])
    assert placement.moments[2] < placement.moments[0]
    assert placement.size == 0


def test_a_day_whose_rule_would_break_a_distance_keeps_its_coordinates():
    """The second day holds two dates: its first would be at a third, less than a whole day after the middle."""
    low, high = np.array([5.0, 6.0, 6.0]), np.array([6.0, 7.0, 7.0])
    placement = solve(low, high, [Link(0, 1, least=1.0), Link(1, 2)])
    days, _ = placement.place(points(placement.size, 100))
    assert placement.size > 0
    assert (days[:, 1] - days[:, 0] >= 1.0 - 1e-9).all()


def test_a_circle_is_told_as_one():
    (conflict,) = find_conflicts(np.zeros(3), np.ones(3), [Link(0, 1), Link(1, 2), Link(2, 0)])
    assert conflict.circle
    assert sorted(conflict.places) == [0, 1, 2]


def test_a_window_that_is_over_too_early_is_told_with_what_it_must_follow():
    links = [Link(0, 1), Link(1, 2)]
    found = find_conflicts(np.array([0.0, 9.0, 4.0]), np.array([1.0, 12.0, 8.0]), links)
    assert found == [Conflict((2, 1), False, 9.0)]


def test_windows_that_meet_in_one_moment_leave_no_room():
    assert find_conflicts(np.array([5.0, 4.0]), np.array([6.0, 5.0]), [Link(0, 1)])
    with pytest.raises(ValueError, match="no dates"):
        solve(np.array([5.0, 4.0]), np.array([6.0, 5.0]), [Link(0, 1)])


def test_a_date_too_long_after_what_it_must_follow_soon_is_told():
    links = [Link(0, 1, most=3.0), Link(0, 2)]
    (conflict,) = find_conflicts(np.array([0.0, 20.0, 0.0]), np.array([6.0, 25.0, 30.0]), links)
    assert conflict.places == (1, 0)


@given(bounds())
def test_bounds_that_some_dates_keep_have_no_conflict(bounded):
    assert find_conflicts(*bounded) == []


# -- coordinates ------------------------------------------------------------------------------------------------------


def test_the_first_of_a_chain_in_one_window_is_bent():
    """Dates that keep a chain evenly have one volume, w ** 3 / 3!, at every point."""
    placement = solve(np.zeros(3), np.full(3, 60.0), [Link(0, 1), Link(1, 2)])
    assert [step.power for step in placement.steps] == [3.0, 2.0, 1.0]
    np.testing.assert_allclose(placement.place(points(3, 50))[1], 3 * math.log(60) - math.log(6))


def test_what_must_come_soon_bends_nothing():
    """A session within 14 days of its opening, an agreement after it at any time: few points are squeezed into an end.

    The volume at a point is then bounded, where a coordinate bent for a window of 500 days, in a room of 14, puts half
    of the room behind the last thousandth of the coordinate.
    """
    low, high = np.zeros(6), np.full(6, 500.0)
    links = [Link(0, 1, most=14.0), Link(1, 2, most=7.0), *(Link(2, later) for later in (3, 4, 5))]
    placement = solve(low, high, links)
    powers = {step.place: step.power for step in placement.steps}
    assert (powers[0], powers[1], powers[2]) == (4.0, 1.0, 1.0)
    unit = points(6, 1_000)
    days = placement.place(unit)[0]
    assert np.quantile((days[:, 1] - days[:, 0]) / np.minimum(14.0, 500.0 - days[:, 0]), 0.5) == pytest.approx(
        0.5, abs=0.05
    )
