"""Are the scores what the books say? Worked numbers, closed forms, propriety by simulation, evidence that holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from checks import assert_chance_explains
from negsim.scores import (
    brier,
    brier_bounds,
    categorical_log_score,
    crps,
    difference_e_process,
    energy_score,
    interval_score,
    likelihood_e_process,
    log_score,
    randomised_pit,
    ranked_probability_score,
)

numbers = st.floats(-100, 100)
ensembles = arrays(float, st.integers(1, 12), elements=st.integers(-8, 8).map(float))


# -- worked numbers and closed forms ----------------------------------------------------------------------------------


def test_a_probability_is_scored_by_what_came_about():
    assert log_score(0.8, True) == pytest.approx(-np.log(0.8))
    assert log_score(0.8, False) == pytest.approx(-np.log(0.2))
    assert log_score(0.0, True) == np.inf
    assert brier([0.8, 0.8], [True, False]) == pytest.approx([0.04, 0.64])


def test_categories_are_scored_one_by_one():
    forecast = [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]]
    assert categorical_log_score(forecast, [1, 2]) == pytest.approx(-np.log([0.5, 0.8]))
    assert ranked_probability_score(forecast, [0, 2]) == pytest.approx([0.8**2 + 0.3**2, 0.1**2 + 0.2**2])


def test_ranked_probabilities_of_two_categories_are_the_brier_score():
    assert ranked_probability_score([0.3, 0.7], 1) == pytest.approx(brier(0.7, True))


def test_crps_of_one_member_is_its_distance():
    assert crps([3.0], 5.0) == 2.0


def test_crps_of_a_fine_ensemble_is_that_of_the_normal():
    """Gneiting and Raftery (2007), equation 21."""
    members = special.ndtri((np.arange(20_000) + 0.5) / 20_000)
    outcome = np.array([-1.3, 0.0, 2.5])
    expected = outcome * (2 * special.ndtr(outcome) - 1) + 2 * stats.norm.pdf(outcome) - 1 / np.sqrt(np.pi)
    assert crps(np.broadcast_to(members, (3, 20_000)), outcome) == pytest.approx(expected, abs=1e-4)


def test_crps_of_counts_is_their_ranked_probability_score():
    probabilities = np.array([0.1, 0.4, 0.3, 0.2])
    for outcome in range(4):
        scored = crps(np.arange(4.0), float(outcome), weights=probabilities)
        assert scored == pytest.approx(ranked_probability_score(probabilities, outcome))


@given(ensembles, numbers, st.integers(0, 2**32 - 1))
def test_crps_is_the_area_between_the_forecast_and_what_came_about(members: np.ndarray, outcome: float, seed: int):
    weights = np.random.default_rng(seed).random(len(members)) + 0.01
    edges = np.unique([*members, outcome])
    below = np.array([weights[members <= edge].sum() for edge in edges]) / weights.sum()
    area = (np.diff(edges) * (below - (outcome <= edges))[:-1] ** 2).sum()
    assert crps(members, outcome, weights) == pytest.approx(area, abs=1e-9)


@given(ensembles, numbers, st.integers(-8, 8))
def test_censored_crps_is_the_area_up_to_the_end_of_observation(members: np.ndarray, outcome: float, end: int):
    edges = np.unique([-200.0, *members, outcome, float(end)])
    below = np.array([(members <= edge).mean() for edge in edges])
    seen = edges[:-1] < end
    area = (np.diff(edges) * (below - (outcome <= edges))[:-1] ** 2)[seen].sum()
    assert crps(members, outcome, censored_at=float(end)) == pytest.approx(area, abs=1e-9)


def test_what_never_happens_is_scored_up_to_the_end_of_observation():
    assert crps([5.0, np.inf], np.inf, censored_at=10.0) == pytest.approx(5 / 2 - (2 * 5 / 4) / 2)
    with pytest.raises(ValueError, match="censored_at"):
        crps([5.0, np.inf], 3.0)


@given(ensembles, numbers)
def test_the_energy_score_of_one_quantity_is_its_crps(members: np.ndarray, outcome: float):
    assert energy_score(members[:, None], [outcome]) == pytest.approx(float(crps(members, outcome)), abs=1e-9)


def test_the_energy_score_does_not_depend_on_how_pairs_are_cut(monkeypatch: pytest.MonkeyPatch):
    members = np.random.default_rng(1).standard_normal((50, 3))
    whole = energy_score(members, np.zeros(3))
    monkeypatch.setattr("negsim.scores.PAIRS_AT_ONCE", 200)
    assert energy_score(members, np.zeros(3)) == pytest.approx(whole)


@pytest.mark.parametrize("weights", [None, [0.5, 0.2, 0.2, 0.1]])
def test_fair_scores_do_not_punish_a_small_ensemble(weights: list[float] | None):
    rng = np.random.default_rng(2)
    outcome = 0.7
    exact = outcome * (2 * special.ndtr(outcome) - 1) + 2 * stats.norm.pdf(outcome) - 1 / np.sqrt(np.pi)
    small = rng.standard_normal((20_000, 4))
    fair = crps(small, np.full(20_000, outcome), weights, fair=True)
    unfair = crps(small, np.full(20_000, outcome), weights)
    error = fair.std() / np.sqrt(len(fair))
    assert abs(fair.mean() - exact) < 4 * error
    assert unfair.mean() - exact > 20 * error
    one = np.mean([energy_score(row[:, None], [outcome], weights, fair=True) for row in small[:500]])
    assert one == pytest.approx(fair[:500].mean())


def test_an_interval_pays_for_its_width_and_for_each_miss():
    assert interval_score(1.0, 3.0, [2.0, 0.5, 4.0], level=0.8) == pytest.approx([2.0, 2.0 + 5.0, 2.0 + 10.0])


def test_the_log_score_of_the_truth_averages_to_its_entropy():
    truth = np.array([0.5, 0.25, 0.25])
    assert truth @ categorical_log_score(truth, np.arange(3)) == pytest.approx(1.5 * np.log(2))


# -- propriety: who says what he thinks does best on average -----------------------------------------------------------


def assert_truth_wins(truth: np.ndarray, other: np.ndarray):
    gain = other - truth
    assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


@pytest.mark.parametrize("score", [log_score, brier])
@pytest.mark.parametrize("said", [0.15, 0.45])
def test_a_forecaster_of_events_does_best_by_saying_what_he_thinks(score, said: float):
    happened = np.random.default_rng(3).random(40_000) < 0.3
    assert_truth_wins(score(0.3, happened), score(said, happened))


@pytest.mark.parametrize("said", [[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]])
@pytest.mark.parametrize("score", [categorical_log_score, ranked_probability_score])
def test_a_forecaster_of_categories_does_best_by_saying_what_he_thinks(score, said: list[float]):
    truth = [0.5, 0.3, 0.2]
    outcome = np.random.default_rng(4).choice(3, size=20_000, p=truth)
    assert_truth_wins(score(truth, outcome), score(said, outcome))


@pytest.mark.parametrize("censored_at", [None, 1.2])
@pytest.mark.parametrize("factor", [0.6, 1.6])
def test_a_forecaster_of_times_does_best_by_saying_what_he_thinks(factor: float, censored_at: float | None):
    members = -np.log1p(-(np.arange(200) + 0.5) / 200)
    outcome = np.random.default_rng(5).exponential(size=20_000)
    truth, other = (crps(np.broadcast_to(m, (20_000, 200)), outcome, censored_at=censored_at)
                    for m in (members, factor * members))  # fmt: skip
    assert_truth_wins(truth, other)


@pytest.mark.parametrize("turn", [-1.0, 0.0])
def test_the_energy_score_sees_how_quantities_go_together(turn: float):
    rng = np.random.default_rng(6)
    first = rng.standard_normal((120, 2))
    joint = np.array([[1.0, 0.0], [0.95, 0.3]])
    members, wrong = first @ joint.T, first @ np.array([[1.0, 0.0], [0.95 * turn, np.sqrt(1 - (0.95 * turn) ** 2)]]).T
    outcome = rng.standard_normal((800, 2)) @ joint.T
    scores = np.array([[energy_score(m, y, fair=True) for m in (members, wrong)] for y in outcome])
    assert_truth_wins(scores[:, 0], scores[:, 1])


@pytest.mark.parametrize("widened", [0.7, 1.4])
def test_the_best_interval_is_the_central_one(widened: float):
    outcome = np.random.default_rng(7).standard_normal(40_000)
    edge = special.ndtri(0.95)
    truth, other = (interval_score(-e, e, outcome, level=0.9) for e in (edge, widened * edge))
    assert_truth_wins(truth, other)


# -- calibration ------------------------------------------------------------------------------------------------------


def test_transforms_of_calibrated_forecasts_are_uniform_and_of_others_are_not():
    rng = np.random.default_rng(8)
    members = np.arange(30.0)
    outcome = rng.poisson(3.0, 3_000).astype(float)
    uniform = rng.random(3_000)
    right, wrong = (
        randomised_pit(np.broadcast_to(members, (3_000, 30)), outcome, uniform, stats.poisson.pmf(members, mean))
        for mean in (3.0, 3.6)
    )
    assert_chance_explains({"calibrated": stats.kstest(right, "uniform").pvalue})
    with pytest.raises(AssertionError):
        assert_chance_explains({"too high": stats.kstest(wrong, "uniform").pvalue})


# -- evidence ---------------------------------------------------------------------------------------------------------


def bets(rng: np.random.Generator, mine: float, theirs: float, true: float, days: int = 300) -> tuple[np.ndarray, ...]:
    happened = rng.random(days) < true
    return (
        likelihood_e_process(log_score(mine, happened), log_score(theirs, happened)),
        difference_e_process(brier(theirs, happened) - brier(mine, happened), brier_bounds(mine, theirs)),
    )


def test_evidence_against_a_right_reference_is_rarely_strong_whenever_one_stops():
    rng = np.random.default_rng(9)
    strong = np.array([[path.max() >= 20 for path in bets(rng, 0.4, 0.3, true=0.3)] for _ in range(2_000)])
    for count in strong.sum(axis=0):
        assert stats.binomtest(int(count), 2_000, 0.05, alternative="greater").pvalue > 1e-3
    assert strong[:, 0].any()


def test_no_difference_is_no_evidence_even_where_both_are_wrong():
    """Losses are the same on average at a rate half way between the forecasts, though neither is right."""
    rng = np.random.default_rng(10)
    strong = sum(bool(bets(rng, 0.4, 0.2, true=0.3)[1].max() >= 20) for _ in range(2_000))
    assert stats.binomtest(strong, 2_000, 0.05, alternative="greater").pvalue > 1e-3


def test_evidence_for_who_knows_more_grows():
    rng = np.random.default_rng(11)
    final = np.array([[path[-1] for path in bets(rng, 0.3, 0.6, true=0.3)] for _ in range(200)])
    assert (np.median(final, axis=0) > 1e3).all()


def test_expected_evidence_is_one_where_the_reference_is_right():
    """Exactly, over all outcomes of three events."""
    mine, theirs = np.array([0.7, 0.2, 0.5]), np.array([0.4, 0.3, 0.5])
    expected = 0.0
    for outcome in np.ndindex(2, 2, 2):
        happened = np.array(outcome, dtype=bool)
        chance = np.where(happened, theirs, 1 - theirs).prod()
        expected += chance * likelihood_e_process(log_score(mine, happened), log_score(theirs, happened))[-1]
    assert expected == pytest.approx(1.0)


@given(st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_no_event_costs_more_than_its_bound(mine: float, theirs: float, happened: bool):
    assert brier(mine, happened) - brier(theirs, happened) <= brier_bounds(mine, theirs) + 1e-12


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: brier(1.2, True), "between 0 and 1"),
        (lambda: log_score(np.nan, True), "between 0 and 1"),
        (lambda: ranked_probability_score([0.5, 0.4], 0), "add up"),
        (lambda: categorical_log_score([0.5, 0.5], 2), "categories"),
        (lambda: crps([1.0, 2.0], 1.0, weights=[1.0, -1.0]), "weights"),
        (lambda: crps([1.0], 1.0, fair=True), "more than one"),
        (lambda: energy_score([[1.0]], [1.0, 2.0]), "shape"),
        (lambda: interval_score(0.0, 1.0, 0.5, level=1.0), "level"),
        (lambda: interval_score(1.0, 0.0, 0.5, level=0.5), "ends before it begins"),
        (lambda: difference_e_process([-2.0], 1.0), "bound"),
        (lambda: difference_e_process([0.5, np.nan], 1.0), "not a number"),
        (lambda: randomised_pit([0.5, np.nan], 1.0, 0.5), "not a number"),
        (lambda: energy_score([[1.0, np.inf]], [1.0, 2.0]), "not finite"),
        (lambda: crps([], 1.0), "at least one member"),
    ],
)
def test_what_is_no_forecast_is_refused(call, says: str):
    with pytest.raises(ValueError, match=says):
        call()
