"""Does importance sampling find what is known, and does its gate refuse what it cannot find?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from checks import assert_chance_explains, compare_mean
from known_posteriors import (
    Known,
    compare_ranks,
    dose_response,
    funnel,
    gamma_poisson,
    gaussian,
    rank_truth,
    shifted_dates,
    standard_prior,
    two_bells,
)
from negsim.calibration import importance
from negsim.calibration.importance import Bell, find_modes, measure_slopes, sample_by_importance
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.priors import JointPrior, Prior1D
from negsim.calibration.psis import (
    effective_sample_size,
    evidence_error,
    fit_generalised_pareto,
    smooth_weights,
    weigh_beyond,
)
from negsim.calibration.target import Target


def sample(known: Known, seed: int = 1, **settings: int) -> Posterior:
    return sample_by_importance(Target(known.log_likelihood, known.prior), seed, **settings)


# -- the tail of the weights ------------------------------------------------------------------------------------------

EVEN = (np.arange(400) + 0.5) / 400
TAILS = {
    "bounded": np.log1p(stats.genpareto(-0.3).ppf(EVEN)),
    "heavy": np.log1p(stats.genpareto(0.8).ppf(EVEN)),
    "t for normal": (lambda x: stats.t(3).logpdf(x) - stats.norm.logpdf(x))(
        special.ndtri((np.arange(500) + 0.5) / 500) + 0.1
    ),
}
PUBLISHED = {  # k-hat, largest weight and effective sample size by arviz-stats 0.8.0
    "bounded": (-0.1518767058734656, 0.005477238733550391, 356.5532466229078),
    "heavy": (0.7378791023306153, 0.11852823924231237, 43.42936206171735),
    "t for normal": (0.6911081552541214, 0.016137637641250882, 423.3097692202121),
}


@pytest.mark.parametrize("name", TAILS)
def test_weights_are_smoothed_as_arviz_smooths_them(name: str):
    smoothed, k_hat = smooth_weights(TAILS[name])
    weights = np.exp(smoothed - special.logsumexp(smoothed))
    found = (k_hat, weights.max(), effective_sample_size(smoothed))
    assert found == pytest.approx(PUBLISHED[name], rel=1e-9)


@pytest.mark.parametrize("shape", [-0.4, 0.0, 0.5, 1.0])
def test_the_shape_of_a_tail_is_found(shape: float):
    excess = np.sort(stats.genpareto(shape, scale=2.0).rvs(5_000, random_state=np.random.default_rng(3)))
    assert fit_generalised_pareto(excess) == pytest.approx((shape, 2.0), abs=0.08)


def test_equal_weights_stay_equal():
    smoothed, k_hat = smooth_weights(np.zeros(1_000))
    assert (smoothed == 0).all()
    assert k_hat == 0.0


def test_a_tail_of_which_nothing_is_known_is_not_trusted():
    few = np.full(1_000, -np.inf)
    few[:20] = 0.0
    assert smooth_weights(few)[1] == np.inf
    assert smooth_weights(np.zeros(10))[1] == np.inf


@given(st.integers(0, 2**32 - 1), st.floats(-200, 200))
def test_smoothing_does_not_depend_on_the_scale_of_the_weights(seed: int, shift: float):
    logs = 2 * np.random.default_rng(seed).standard_normal(300)
    smoothed, k_hat = smooth_weights(logs)
    moved, again = smooth_weights(logs + shift)
    assert moved == pytest.approx(smoothed + shift, abs=1e-6)
    assert again == pytest.approx(k_hat, abs=1e-6)
    assert smoothed.max() <= logs.max() + 1e-12


# -- slopes and modes -------------------------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_slopes_are_found_in_one_call(size: int, points: int, seed: int):
    """Exact for a cubic, but for rounding; the rows are as many as promised."""
    rng = np.random.default_rng(seed)
    slope, curve, bend = rng.standard_normal(size), rng.standard_normal((size, size)), rng.standard_normal(size)
    calls: list[int] = []

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        calls.append(len(theta))
        return theta @ slope + np.einsum("ni,ij,nj->n", theta, curve, theta) + theta**3 @ bend

    z = rng.uniform(-1, 1, (points, size))
    heights, gradients, hessians = measure_slopes(Target(log_likelihood, standard_prior(size)), z)
    assert calls == [points * (1 + 2 * size + size * (size - 1))]
    assert heights == pytest.approx(log_likelihood(z) - 0.5 * (z**2).sum(axis=1))
    assert gradients == pytest.approx(slope + z @ (curve + curve.T) + 3 * z**2 * bend - z, abs=1e-4)
    exact = curve + curve.T + 6 * (z * bend)[:, :, None] * np.eye(size) - np.eye(size)
    assert hessians == pytest.approx(exact, abs=1e-6 * 1e3)


def test_climbs_to_one_summit_find_one_mode():
    known = gaussian(6)
    (mode,) = find_modes(Target(known.log_likelihood, known.prior), np.random.default_rng(1).standard_normal((4, 6)))
    assert mode.place == pytest.approx(known.mean, abs=1e-4)
    assert np.sqrt(np.diag(mode.covariance)) == pytest.approx(known.sd, rel=1e-4)
    assert mode.mass - 3 * np.log(2 * np.pi) == pytest.approx(known.log_evidence, abs=1e-4)


def test_climbs_to_two_summits_find_both():
    known = two_bells()
    modes = find_modes(Target(known.log_likelihood, known.prior), np.array([[1.0, 1.2], [-1.0, -1.5], [2.0, 2.0]]))
    assert sorted(mode.place[0] for mode in modes) == pytest.approx([-1.41, 1.41], abs=0.02)


def test_a_climb_that_leads_nowhere_finds_no_mode():
    """Beyond the edge nothing is possible, and the summit lies beyond it."""

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return np.where(theta[:, 0] < 0.5, 10 * theta[:, 0], -np.inf)

    assert find_modes(Target(log_likelihood, standard_prior(1)), np.zeros((1, 1))) == []


def test_the_bell_is_a_multivariate_t():
    scale = np.array([[2.0, 0.6], [0.6, 0.5]])
    bell = Bell(np.array([1.0, -1.0]), scale)
    exact = stats.multivariate_t([1.0, -1.0], scale, df=importance.DEGREES)
    draws = bell.draw(4_000, np.random.default_rng(4))
    assert bell.log_density(draws) == pytest.approx(exact.logpdf(draws))
    distance = np.einsum("ni,ij,nj->n", draws - bell.mean, np.linalg.inv(scale), draws - bell.mean) / 2
    assert_chance_explains({"distance": stats.kstest(distance, stats.f(2, importance.DEGREES).cdf).pvalue})


def test_the_error_of_a_mean_of_heavy_tailed_weights_counts_the_end_that_no_sample_holds():
    stream, shape, draws = np.random.default_rng(3), 0.45, 2_000
    away, said, plain = [], [], []
    for _ in range(400):
        given = -shape * np.log(stream.random(draws))  # Pareto: a mean of 1 / (1 - shape), hardly a variance
        smoothed, _ = smooth_weights(given)
        away.append(special.logsumexp(smoothed) - np.log(draws) + np.log1p(-shape))
        said.append(evidence_error(given, smoothed))
        plain.append(np.sqrt(1 / effective_sample_size(smoothed) - 1 / draws))
    held, before = (np.mean(np.abs(away) < error) for error in (said, plain))
    assert 0.66 < held < 0.74
    assert held > before + 0.02
    light = stream.random(draws)
    assert weigh_beyond(np.log(light), smooth_weights(np.log(light))[0]) < 1e-3 / np.sqrt(draws) * 10
    assert weigh_beyond(np.zeros(draws), np.zeros(draws)) == 0.0


# -- what is known is found -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "known",
    [gamma_poisson(), dose_response(), gaussian(6), gaussian(15)],
    ids=["gamma_poisson", "dose_response", "gaussian_6", "gaussian_15"],
)
def test_known_posteriors_are_matched(known: Known):
    posterior = sample(known)
    error = 4 / np.sqrt(posterior.ess)
    assert posterior.log_evidence == pytest.approx(known.log_evidence, abs=4 * posterior.log_evidence_se)
    assert np.abs(posterior.mean() - known.mean).max() < error * known.sd.max()
    assert (np.abs((posterior.mean() - known.mean) / known.sd) < error).all()
    assert posterior.sd() == pytest.approx(known.sd, rel=error)
    assert posterior.evaluations < 10_000
    assert posterior.diagnostics["k_hat"] <= importance.LARGEST_K


def test_errors_of_the_evidence_are_as_large_as_is_said():
    known = dose_response()
    found = [sample(known, seed, draws=1_000) for seed in range(60)]
    scaled = np.array([(p.log_evidence - known.log_evidence) / p.log_evidence_se for p in found])
    assert_chance_explains({"bias": compare_mean(scaled), "size": compare_mean(scaled**2, 1.0)})


def test_an_edge_of_the_possible_is_weighed_right(monkeypatch: pytest.MonkeyPatch):
    """A bell cut off short of its summit; where the gate lets it through, its evidence is that of an integral."""

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return np.where(theta[:, 0] < 0.3, -0.5 * (theta[:, 0] / 0.5) ** 2 + 5 * theta[:, 0], -np.inf)

    theta = np.linspace(-8, 0.3, 20_001)[:-1]
    log_mass = log_likelihood(theta[:, None]) + stats.norm.logpdf(theta) + np.log(theta[1] - theta[0])
    with monkeypatch.context() as patch:
        patch.setattr(importance, "find_modes", lambda *_: [importance.Mode(np.zeros(1), 0.0, np.eye(1), 0.0)])
        posterior = sample_by_importance(Target(log_likelihood, standard_prior(1)), 1)
    assert (posterior.draws < 0.3).all()
    assert posterior.log_evidence == pytest.approx(special.logsumexp(log_mass), abs=4 * posterior.log_evidence_se)


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    first, again, other = (sample(gamma_poisson(), seed) for seed in (5, 5, 6))
    assert (first.draws == again.draws).all()
    assert (first.log_weights == again.log_weights).all()
    assert first.log_evidence == again.log_evidence != other.log_evidence


# -- the gate ---------------------------------------------------------------------------------------------------------


def test_a_funnel_is_refused():
    with pytest.raises(SamplingError, match=r"k-hat|effective|maximum"):
        sample(funnel())


@pytest.mark.parametrize("first", [0.5, 0.9])
def test_two_bells_are_refused(first: float):
    with pytest.raises(SamplingError, match="2 modes"):
        sample(two_bells(first=first))


def test_a_bell_that_no_climb_found_is_seen_by_its_weights(monkeypatch: pytest.MonkeyPatch):
    """With one start the search finds one bell; the draws from the prior that fell into the other give it away."""
    monkeypatch.setattr(importance, "STARTS", 1)
    with pytest.raises(SamplingError, match=r"effective|k-hat") as refusal:
        sample(two_bells())
    assert refusal.value.posterior is not None
    assert refusal.value.posterior.diagnostics["modes"] == 1


def test_a_second_bell_of_no_weight_is_passed_over():
    assert sample(two_bells(first=1e-5)).diagnostics["modes"] == 1


def test_what_is_refused_can_be_looked_at():
    with pytest.raises(SamplingError) as refusal:
        sample(two_bells())
    assert refusal.value.posterior is not None
    assert refusal.value.posterior.diagnostics["refused"]


def test_impossible_data_are_refused():
    known = gamma_poisson()
    with pytest.raises(SamplingError, match="none of 400 points"):
        sample_by_importance(Target(lambda theta: np.full(len(theta), -np.inf), known.prior), 1)


def test_latent_coordinates_are_not_for_importance_sampling():
    known = shifted_dates()
    with pytest.raises(ValueError, match="tempering"):
        sample_by_importance(Target(known.log_likelihood, known.prior, known.latent), 1)


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (lambda theta: np.full(len(theta), np.nan), "nan at rate = "),
        (lambda theta: np.full(len(theta), np.inf), "inf at rate = "),
        (lambda theta: np.zeros((len(theta), 1)), "shape"),
    ],
)
def test_a_log_likelihood_that_is_no_number_is_refused_with_the_point(told, says: str):
    with pytest.raises(ValueError, match=says):
        sample_by_importance(Target(told, gamma_poisson().prior), 1)


# -- ranks ------------------------------------------------------------------------------------------------------------


def rank_counts(exposure: float, blind: bool = False) -> np.ndarray:
    """Rank truths where a fit supposes some exposure (2 is right), or does not look at the data at all."""
    prior = JointPrior(["rate"], [Prior1D("gamma", 2.0, 1.0)])

    def told(theta: np.ndarray, unit: np.ndarray, data: np.ndarray, exposure: float = 2.0) -> np.ndarray:
        return stats.poisson.logpmf(data, exposure * theta).sum(axis=1)

    def fit(data: np.ndarray, seed: int) -> Posterior:
        supposed = np.zeros(0) if blind else data
        target = Target(lambda theta: told(theta, theta, supposed, exposure), prior)
        posterior = sample_by_importance(target, seed, draws=1_000)
        if blind:
            posterior.log_likelihood[:] = told(posterior.draws, posterior.draws, data)
        return posterior

    def simulate(theta: np.ndarray, unit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.poisson(2.0 * theta[0], 4)

    return rank_truth(fit, simulate, told, prior, latent=0, simulations=150)


def test_truths_rank_evenly_among_the_draws():
    assert_chance_explains(compare_ranks(rank_counts(exposure=2.0)))


def test_ranks_give_a_wrong_exposure_away():
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains(compare_ranks(rank_counts(exposure=1.5)))


def test_the_rank_of_the_log_likelihood_gives_away_a_fit_that_ignores_the_data():
    """The prior itself ranks every truth evenly; only a quantity that depends on the data sees it."""
    p_values = compare_ranks(rank_counts(exposure=2.0, blind=True))
    assert p_values[0] > 1e-3
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains(p_values)
