"""Are draws from bells where scouts have been the posterior they are taken for, and are they refused where not?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from checks import assert_chance_explains, compare_mean
from known_posteriors import Known, funnel, gaussian, shifted_dates, two_bells
from negsim.calibration import reweighing
from negsim.calibration.bases import Bell
from negsim.calibration.posterior import SamplingError
from negsim.calibration.psis import control_rejection, effective_sample_size
from negsim.calibration.reweighing import sample_by_reweighing
from negsim.calibration.sampling import sample_posterior
from negsim.calibration.target import Target
from negsim.calibration.tempering import send_scouts


def make_target(known: Known) -> Target:
    return Target(known.log_likelihood, known.prior, known.latent)


@pytest.mark.parametrize(
    "known",
    [gaussian(6), gaussian(15), shifted_dates(), two_bells(2, apart=0.4)],
    ids=["gaussian_6", "gaussian_15", "shifted_dates", "near_bells"],
)
def test_known_posteriors_are_matched(known: Known):
    target = make_target(known)
    posterior = sample_by_reweighing(target, 1, send_scouts(target, 1))
    assert posterior.method == "importance"
    assert posterior.log_evidence == pytest.approx(known.log_evidence, abs=5 * posterior.log_evidence_se)
    error = 4 / np.sqrt(posterior.ess)
    assert (np.abs((posterior.mean() - known.mean) / known.sd) < error).all()
    assert posterior.sd() == pytest.approx(known.sd, rel=2 * error)
    assert len(posterior.draws) <= 1.1 * reweighing.KEPT
    assert posterior.latent.shape == (len(posterior.draws), known.latent)


def average_evidence() -> tuple[float, float]:
    """p-values of the mean evidence of many small samples, and of their mean squared first parameter, being right."""
    known = gaussian(4)
    target = make_target(known)
    plan = send_scouts(target, 1, particles=50)
    found = [sample_by_reweighing(target, seed, plan, draws=600) for seed in range(100)]
    ratio = np.exp([posterior.log_evidence - known.log_evidence for posterior in found])
    squares = [float(posterior.weights @ (posterior.draws[:, 0] - known.mean[0]) ** 2) for posterior in found]
    assert ratio.std() / np.sqrt(len(ratio)) < 0.01
    return compare_mean(ratio, 1.0), compare_mean(squares, known.sd[0] ** 2)


def test_neither_evidence_nor_spread_has_a_bias():
    assert_chance_explains(dict(zip(("evidence", "spread"), average_evidence(), strict=True)))


def test_a_stretch_that_the_density_forgets_is_noticed(monkeypatch: pytest.MonkeyPatch):
    forgetful = lambda bell, z: (np.zeros(len(z)), np.zeros_like(z))  # noqa: E731
    monkeypatch.setattr(Bell, "_over_normal", forgetful)
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains(dict(zip(("evidence", "spread"), average_evidence(), strict=True)))


def test_the_stated_error_of_the_evidence_is_that_of_many_samples():
    known = gaussian(4)
    target = make_target(known)
    plan = send_scouts(target, 1, particles=50)
    found = [sample_by_reweighing(target, seed, plan, draws=600) for seed in range(100)]
    scatter = np.std([posterior.log_evidence for posterior in found], ddof=1)
    assert np.mean([posterior.log_evidence_se for posterior in found]) == pytest.approx(scatter, rel=0.3)


def test_a_funnel_is_refused_by_its_tail():
    target = make_target(funnel(6))
    with pytest.raises(SamplingError, match=r"effective|k-hat") as refusal:
        sample_by_reweighing(target, 1, send_scouts(target, 1))
    assert "tempering" in str(refusal.value)


def test_less_evidence_than_the_scouts_found_is_refused():
    target = make_target(gaussian(4))
    plan = send_scouts(target, 1, particles=50)
    with pytest.raises(SamplingError, match=r"less was found than by the scouts .* 3\.\d+ higher"):
        sample_by_reweighing(target, 1, replace(plan, log_evidence=plan.log_evidence.mean() + np.full(4, 3.0)))


def hide_a_funnel() -> tuple[Known, list[int]]:
    """A funnel with one date that nothing hangs on; how many points were asked for, call by call."""
    known, asked = funnel(6), list[int]()

    def log_likelihood(theta: np.ndarray, unit: np.ndarray) -> np.ndarray:
        asked.append(len(unit))
        return known.log_likelihood(theta)

    return replace(known, log_likelihood=log_likelihood, latent=1), asked


def test_what_is_refused_is_tempered_from_the_same_scouts_and_says_why():
    known, asked = hide_a_funnel()
    settings = {"particles": 60, "runs": 2}
    shares: list[float] = []
    told = {"progress": lambda share, what: shares.append(share)}
    try:
        posterior = sample_posterior(known.log_likelihood, known.prior, 1, latent=1, **told, **settings)
    except SamplingError as refusal:  # by the runs too, which it may well be
        posterior = refusal.posterior
    assert posterior.method == "tempering"
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    together = sum(asked)
    asked.clear()
    try:
        alone = sample_posterior(known.log_likelihood, known.prior, 1, "tempering", latent=1, **settings)
    except SamplingError as refusal:
        alone = refusal.posterior
    assert np.array_equal(posterior.draws, alone.draws)
    assert together - sum(asked) >= 2 * reweighing.BLOCK
    assert alone.evaluations == sum(asked)


def test_importance_asked_for_by_name_is_not_tempered():
    known, _ = hide_a_funnel()
    with pytest.raises(SamplingError, match="tempering"):
        sample_posterior(known.log_likelihood, known.prior, 1, "importance", latent=1)


def test_an_easy_posterior_takes_fewer_draws():
    easy, asked_for = make_target(gaussian(4)), make_target(gaussian(4))
    plan = send_scouts(easy, 1, particles=50)
    assert sample_by_reweighing(easy, 1, plan).diagnostics["weighed"] < reweighing.MOST_DRAWS / 2
    assert sample_by_reweighing(asked_for, 1, plan, draws=10_000).diagnostics["weighed"] == 10_000


# -- thinning ----------------------------------------------------------------------------------------------------------


def test_thinned_draws_stand_for_those_that_are_gone():
    rng = np.random.default_rng(3)
    logs, values = 2 * rng.standard_normal(400), rng.standard_normal(400)
    truth = np.exp(logs) @ values
    found, sizes = [], []
    for seed in range(800):
        kept, weights = control_rejection(logs, 100, np.random.default_rng(seed))
        found.append(np.exp(weights) @ values[kept])
        sizes.append(len(kept))
        assert (np.diff(kept) > 0).all()
        assert (weights >= logs[kept] - 1e-12).all()
    assert_chance_explains({"sum": compare_mean(found, truth)})
    assert 95 < np.mean(sizes) <= 100
    assert np.std(sizes) > 0


def test_thinning_keeps_what_is_few_and_drops_what_weighs_nothing():
    logs = np.r_[-np.inf, np.log([1.0, 2.0, 3.0])]
    kept, weights = control_rejection(logs, 10, np.random.default_rng(1))
    assert kept.tolist() == [1, 2, 3]
    assert weights == pytest.approx(logs[1:])
    many = 2 * np.random.default_rng(2).standard_normal(5_000)
    _, thin = control_rejection(many, 1_000, np.random.default_rng(1))
    assert effective_sample_size(thin) > 0.9 * effective_sample_size(many)
