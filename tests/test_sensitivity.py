"""Do the indices find what is known to be there, and are their errors honest?"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats

from negsim.scenario import Scenario
from negsim.sweeps import sensitivity
from negsim.sweeps.designs import Design, describe_problem
from negsim.sweeps.discovery import cut_into_boxes, find_regions
from negsim.sweeps.readings import error_over_points
from negsim.sweeps.running import sweep
from negsim.sweeps.sensitivity import (
    compare_points,
    explain_variance,
    morris_effects,
    one_at_a_time,
    open_resampling,
    pawn_indices,
    resample_runs,
    screen,
    sobol_indices,
)
from strategies import two_state_channel

PLAN, CANCEL = "channel.talks.rates.plan", "channel.talks.rates.cancel"
NOTHING = "concession.word.worth.B"
RANGES = {PLAN: (0.2, 3.0), CANCEL: (0.5, 4.0), NOTHING: (0.5, 1.5)}
"""The last of them cannot matter: no accord is ever tabled."""


@pytest.fixture(scope="module")
def small() -> Scenario:
    return two_state_channel(years=1)


# -- Sobol indices ----------------------------------------------------------------------------------------------------

ANGLES = dict.fromkeys("abc", (-np.pi, np.pi))
# Ishigami & Homma (1990) with a = 7, b = 0.1: variances of the parts, by hand.
PARTS = {"a": 0.5 * (1 + 0.1 * np.pi**4 / 5) ** 2, "b": 7**2 / 8, "ac": 0.1**2 * np.pi**8 * (1 / 18 - 1 / 50)}
WHOLE = sum(PARTS.values())
FIRST = np.array([PARTS["a"], PARTS["b"], 0.0]) / WHOLE
TOTAL = np.array([PARTS["a"] + PARTS["ac"], PARTS["b"], PARTS["ac"]]) / WHOLE


def ishigami(points: np.ndarray) -> np.ndarray:
    a, b, c = points.T
    return np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def noisy_ishigami(design: Design, common: bool, runs: int = 32) -> np.ndarray:
    """Outcomes of runs whose mean is the function: noise that is shared by the points or not, and varies with them."""
    stream = np.random.default_rng(1)
    noise = stream.normal(0, 2, (1 if common else len(design), runs))
    noise -= noise.mean(axis=1, keepdims=True) if common else 0.0
    return ishigami(design.values)[:, None] + noise * (1 + 0.3 * design.values[:, :1])


def agrees(table, exact: dict[str, np.ndarray]) -> bool:
    """Whether known indices lie within the stated errors."""
    return all(
        (table[f"{word}_low"] - 2 * table[f"{word}_mcse"] <= indices).all()
        and (indices <= table[f"{word}_high"] + 2 * table[f"{word}_mcse"]).all()
        for word, indices in exact.items()
    )


@pytest.mark.parametrize("common", [True, False])
def test_sobol_indices_of_a_known_function_are_within_their_stated_errors(common):
    design = Design.sobol_indices(ANGLES, 512, seed=2)
    table = explain_variance(design, noisy_ishigami(design, common), common)
    exact = {"first": FIRST, "total": TOTAL}
    assert agrees(table, exact)
    assert not agrees(table, {word: indices[::-1] for word, indices in exact.items()})
    widths = table[["first_high", "total_high"]].to_numpy() - table[["first_low", "total_low"]].to_numpy()
    assert widths.max() < 0.4
    assert table[["first_mcse", "total_mcse"]].to_numpy().max() < 0.05


@pytest.mark.parametrize("common", [True, False])
def test_the_noise_of_the_runs_is_not_taken_for_variance(common):
    found, plain = [], []
    for seed in range(6):
        design = Design.sobol_indices(ANGLES, 256, seed=seed)
        stream = np.random.default_rng(seed)
        # Shared clocks that drive every point another way are as good as clocks of its own.
        noise = stream.normal(0, 8, (len(design), 16))
        noisy = ishigami(design.values)[:, None] + noise
        table = explain_variance(design, noisy, common)
        means = noisy.mean(axis=1)
        found.append(np.concatenate([table["first"], table["total"]]))
        plain.append(explain_variance(design, means[:, None], common)["total"].to_numpy())
        assert (np.abs(found[-1][3:] - TOTAL) < 4 * table["total_mcse"] + 0.1).all()
        exact = scipy.stats.sobol_indices(func=_in_blocks(means, 3), n=256)
        assert plain[-1] == pytest.approx(exact.total_order.ravel())  # a single run: its noise is not known
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(np.mean(found, axis=0) - np.concatenate([FIRST, TOTAL])) < 4 * error + 0.02).all()
    assert (np.mean(plain, axis=0) - TOTAL).max() > 0.1  # planted: as if means over runs were known exactly


def _in_blocks(means: np.ndarray, dims: int) -> dict[str, np.ndarray]:
    first, second, *mixed = means.reshape(dims + 2, -1)
    return {"f_A": first[None], "f_B": second[None], "f_AB": np.array(mixed)[:, None]}


def test_what_is_nearly_all_noise_is_refused_and_of_a_single_run_no_error_is_told():
    design = Design.sobol_indices(ANGLES, 16, seed=2)
    nothing = np.random.default_rng(1).normal(size=(len(design), 4))
    with pytest.raises(ValueError, match="hardly differ by more than the noise"):
        explain_variance(design, nothing, common=False)
    for common in (True, False):
        alone = explain_variance(design, ishigami(design.values)[:, None], common)
        assert alone[["first_mcse", "total_mcse"]].isna().all(axis=None)
        assert np.isnan(list(resample_runs(nothing[:, :1], common, open_resampling(0), 2))).all()
    with pytest.raises(ValueError, match="n must be"):
        Design.sobol_indices(ANGLES, 1)


def test_a_design_in_another_order_would_be_noticed():
    design = Design.sobol_indices(ANGLES, 512, seed=2)
    shuffled = ishigami(design.values).reshape(5, 512)[[1, 0, 3, 2, 4]].reshape(-1, 1)
    assert not agrees(explain_variance(design, shuffled), {"first": FIRST, "total": TOTAL})


def test_the_monte_carlo_error_of_a_mean_is_the_textbook_one():
    for runs in (4, 400):
        outcome = np.random.default_rng(3).exponential(size=(2, runs))
        for common in (True, False):
            means = np.array(list(resample_runs(outcome, common, open_resampling(0), 2000)))
            assert means.std(axis=0) == pytest.approx(outcome.std(axis=1, ddof=1) / np.sqrt(runs), rel=0.1)


def test_a_number_that_cannot_matter_has_no_share_at_all(small):
    done = sweep(small, Design.sobol_indices(RANGES, 16, seed=1), runs=64)
    table = sobol_indices(done, "cancel.talks.A", "count")
    assert table.loc[NOTHING, "total"] == 0.0  # to the bit: points that differ in it alone share all their clocks
    assert table.loc[PLAN, "total"] > 0.1
    assert (table["total_low"] <= table["total"]).all()


def test_what_has_no_variance_is_refused(small):
    done = sweep(small, Design.sobol_indices({PLAN: (1.0, 2.0)}, 4), runs=4)
    with pytest.raises(ValueError, match="no variance to explain"):
        sobol_indices(done, "begin.word")
    with pytest.raises(ValueError, match="has no mean"):
        sobol_indices(done, "plan.talks", "day")
    with pytest.raises(ValueError, match=r"need a design of Design\.sobol_indices, not of kind 'grid'"):
        sobol_indices(sweep(small, {PLAN: [1.0, 2.0]}, runs=4), "plan.talks")


# -- screening --------------------------------------------------------------------------------------------------------


def test_screening_puts_numbers_in_order_and_tells_what_does_not_matter(small):
    pytest.importorskip("SALib")
    done = sweep(small, Design.morris(RANGES, trajectories=6, seed=1), runs=64)
    effects = morris_effects(done, "plan.talks")
    assert effects["mu_star"].idxmax() == PLAN
    assert effects.loc[NOTHING, ["mu_star", "sigma", "mu_star_mcse"]].tolist() == [0.0, 0.0, 0.0]
    assert 0 < effects.loc[PLAN, "mu_star_mcse"] < effects.loc[PLAN, "mu_star"]


@pytest.mark.parametrize("common", [True, False])
def test_screening_does_not_take_the_noise_of_the_runs_for_effects(common, monkeypatch):
    pytest.importorskip("SALib")
    monkeypatch.setattr(sensitivity, "RESAMPLED", 8)
    design = Design.morris({"a": (0.0, 2.0), "b": (-1.0, 1.0), "c": (0.0, 1.0)}, trajectories=20, seed=3)
    a, b, _ = design.values.T
    exact = screen(design, (a + 1.5 * a * b**2)[:, None])[["mu_star", "sigma"]].to_numpy()
    assert exact[2].tolist() == [0.0, 0.0]
    stream, found, plain = np.random.default_rng(4), [], []
    for _ in range(30):
        outcome = (a + 1.5 * a * b**2)[:, None] + stream.normal(0, 4, (len(design), 16))
        found.append(screen(design, outcome, common)[["mu_star", "sigma"]].to_numpy())
        plain.append(screen(design, outcome.mean(axis=1)[:, None], common)[["mu_star", "sigma"]].to_numpy())
    more, as_they_are = (np.mean(each, axis=0) - exact for each in (found, plain))
    assert as_they_are[2].min() > 1.5  # planted: as if means over runs were known exactly
    assert as_they_are[:2, 1].min() > 0.5
    assert more[2].max() < 0.8
    assert np.abs(more[:2]).max() < 0.35


def test_effects_are_those_of_the_library_that_chose_the_points():
    analyse = pytest.importorskip("SALib.analyze.morris").analyze
    design = Design.morris(dict.fromkeys("abc", (-np.pi, np.pi)), trajectories=15, levels=6, seed=5)
    outcome = ishigami(design.values)
    theirs = analyse(describe_problem(design.details["ranges"]), design.values, outcome, num_levels=6, seed=1)
    ours = screen(design, outcome[:, None])
    for name in ("mu_star", "mu", "sigma"):
        assert ours[name].to_numpy() == pytest.approx(np.asarray(theirs[name], dtype=float))
    assert ours["mu_star_ci"].to_numpy() == pytest.approx(np.asarray(theirs["mu_star_conf"], dtype=float), rel=0.15)
    assert ours["mu_star_mcse"].isna().all()


def test_pawn_puts_a_number_without_influence_beside_the_others(small, monkeypatch):
    pytest.importorskip("SALib")
    monkeypatch.setattr(sensitivity, "RESAMPLED", 40)
    done = sweep(small, Design.latin_hypercube(RANGES, 80, seed=1), runs=32, points_per_block=40)
    table = pawn_indices(done, "plan.talks")
    assert table.index.tolist() == [*RANGES, "(none)"]
    assert table["median"].idxmax() == PLAN
    assert table.loc[PLAN, "median"] > 1.5 * table.loc["(none)", "median"]


# -- one at a time ----------------------------------------------------------------------------------------------------


def test_one_number_at_a_time_is_compared_with_the_base_run_by_run(small):
    base = {PLAN: 1.0, CANCEL: 1.0, NOTHING: 1.0}
    design = Design.one_at_a_time(RANGES, base)
    shared, apart = (one_at_a_time(sweep(small, design, runs=256, common=c), "plan.talks") for c in (True, False))
    assert shared.loc[PLAN, "low_change"] < 0 < shared.loc[PLAN, "high_change"]
    assert shared.loc[NOTHING, ["low_change", "high_change"]].tolist() == [0.0] * 2
    assert shared.loc[NOTHING, ["low_mcse", "high_mcse"]].tolist() == pytest.approx([np.sqrt(0.5) / 256] * 2)
    assert 0 < shared.loc[PLAN, "high_mcse"] < apart.loc[PLAN, "high_mcse"]
    assert (shared[["low", "high"]].to_numpy() == np.array(list(RANGES.values()))).all()


def test_the_error_of_a_difference_counts_pairs_only_where_runs_are_pairs():
    here, there = np.random.default_rng(4).normal(size=(2, 500))
    there = here + 0.1 * there
    assert compare_points(there, here, common=True)[1] == pytest.approx(0.1 / np.sqrt(500), rel=0.1)
    assert compare_points(there, here, common=False)[1] == pytest.approx(np.sqrt(2 / 500), rel=0.1)


def test_a_difference_that_no_run_shows_is_not_said_to_be_exact():
    never, half = np.zeros(100), np.arange(100) % 2.0
    never[90:] = np.nan
    assert compare_points(never, never, common=True) == (0.0, pytest.approx(np.sqrt(0.5) / 90))
    assert compare_points(never, never, common=False)[1] == pytest.approx(1.0 / 90)
    assert compare_points(half, never, common=False)[1] == pytest.approx(np.hypot(0.05025, np.sqrt(0.5) / 90), rel=1e-3)


def test_what_is_missing_at_some_points_is_refused_or_left_out_without_a_warning():
    pytest.importorskip("SALib")
    pytest.importorskip("sklearn")
    hypercube = Design.latin_hypercube({"a": (0.0, 1.0), "b": (0.0, 1.0)}, 80, seed=1)
    outcome = np.random.default_rng(7).integers(0, 2, (80, 16)).astype(float)
    outcome[3] = np.nan
    outcome[7, :15] = np.nan
    done = SimpleNamespace(design=hypercube, manifest={"common_noise": True}, outcome=lambda *_, **__: outcome)
    with pytest.raises(ValueError, match="1 points have no run that came to the end"):
        pawn_indices(done, "talks")
    with pytest.raises(ValueError, match="4 points have no run"):
        explain_variance(Design.sobol_indices(ANGLES, 8), np.full((40, 4), [[np.nan]] * 4 + [[1.0]] * 36))
    found = find_regions(done, "talks", most=2)
    assert found.table["points"].sum() == 39
    assert np.isfinite(found.table["probability_se"]).all()
    for common in (True, False):
        difference, error = compare_points(outcome[7], outcome[0], common)
        assert difference == outcome[7, 15] - (outcome[0, 15] if common else outcome[0].mean())
        assert np.isnan(error)
        assert np.isnan(compare_points(outcome[3], outcome[0], common)).all()


def test_the_error_of_a_mean_over_points_counts_the_runs_that_they_share():
    stream = np.random.default_rng(8)
    means, errors = [], []
    for _ in range(400):
        chances, clocks = stream.beta(2.0, 2.0, (40, 1)), stream.random((1, 16))
        outcome = (clocks < chances).astype(float)
        means.append(outcome.mean())
        errors.append([error_over_points(outcome, common) for common in (True, False)])
    scatter, (said, apart) = np.std(means), np.mean(errors, axis=0)
    assert said == pytest.approx(scatter, rel=0.1)
    assert apart < scatter / 2  # planted: as if every point had clocks of its own


@pytest.mark.parametrize("missing", [False, True])
def test_what_is_neither_of_a_point_nor_of_a_run_counts_once(missing):
    points, runs, stream = 20, 32, np.random.default_rng(9)
    true, said = [], []
    for _ in range(400):
        outcome = stream.normal(0.0, 0.5, (points, runs)) + stream.normal(0.0, 0.03, (points, 1))
        if missing:
            outcome[np.arange(runs) >= stream.integers(runs // 2, 2 * runs, (points, 1))] = np.nan
        each = 0.5**2 / np.count_nonzero(~np.isnan(outcome), axis=1) + 0.03**2
        true.append(each.mean() / points)
        said.append(error_over_points(outcome, common=True) ** 2)
    assert np.sqrt(np.mean(said)) == pytest.approx(np.sqrt(np.mean(true)), rel=0.1)


def test_points_that_happen_to_agree_have_the_error_of_their_runs():
    outcome = np.tile([0.0, 1.0], (3, 5))  # five of ten at each of three points
    for common in (True, False):
        assert error_over_points(outcome, common) >= np.sqrt(0.25 / 30)
    assert error_over_points(outcome, common=False) == pytest.approx(np.sqrt(0.25 / 27))


def test_a_share_of_none_or_all_of_the_runs_of_some_points_has_an_error():
    none, every = np.zeros((12, 8)), np.ones((12, 8))
    none[3, 2:] = np.nan
    assert error_over_points(none, common=False) == pytest.approx(scipy.stats.beta.std(1, 91))
    assert error_over_points(every, common=True) == pytest.approx(scipy.stats.beta.std(9, 1)), "eight clocks, not 96"
    assert error_over_points(none[:1], common=False) == pytest.approx(scipy.stats.beta.std(1, 9))
    assert np.isnan(error_over_points(none[:1, :1], common=False))


# -- regions ----------------------------------------------------------------------------------------------------------


def test_the_box_that_was_hidden_is_found():
    pytest.importorskip("sklearn")
    stream = np.random.default_rng(5)
    values = stream.random((800, 3))
    inside = (values[:, 0] > 0.6) & (values[:, 1] < 0.5)
    shares = np.where(inside, 0.9, 0.2) + stream.normal(0, 0.05, 800)
    found = cut_into_boxes(("a", "b", "c"), values, shares[:, None], "talks", most=3, least_points=10, seed=0)
    best = found.table.iloc[0]
    assert best["a.low"] == pytest.approx(0.6, abs=0.03)
    assert best["b.high"] == pytest.approx(0.5, abs=0.03)
    assert not np.isfinite(best[["a.high", "b.low", "c.low", "c.high"]].to_numpy(dtype=float)).any()
    assert best["probability"] == pytest.approx(0.9, abs=3 * best["probability_se"])
    assert found.table[["share", "coverage"]].sum().tolist() == pytest.approx([1.0, 1.0])
    assert found.explained > 0.9
    assert "0.89 ± 0.01 where a > 0.603 and b <= 0.506 (22% of the region, " in found.describe()


def test_where_there_is_no_region_the_boxes_say_so():
    pytest.importorskip("sklearn")
    stream = np.random.default_rng(6)
    found = cut_into_boxes(("a", "b"), stream.random((400, 2)), stream.random((400, 1)), "talks", 6, 10, seed=0)
    assert found.explained < 0.02  # on the points that grew it the tree explains more than that


def test_regions_of_a_sweep(small):
    pytest.importorskip("sklearn")
    done = sweep(small, Design.sobol(RANGES, 64, seed=1), runs=64)
    found = find_regions(done, "plan.talks", most=3, least_points=8)
    assert np.isfinite(found.table[f"{PLAN}.low"].iloc[0])
    assert found.table["probability"].is_monotonic_decreasing
    with pytest.raises(ValueError, match="64 points: regions are found from 80 or more"):
        find_regions(done, "plan.talks", least_points=20)
