"""Does tempering find what is known: several bells, edges, many unknown dates, and how likely the data were at all?"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special, stats

from checks import assert_chance_explains, compare_mean, compare_means
from known_posteriors import (
    Known,
    compare_ranks,
    funnel,
    gamma_poisson,
    gaussian,
    rank_truth,
    shifted_dates,
    standard_prior,
    two_bells,
)
from negsim.calibration import bases, pilot, swarms, tempering
from negsim.calibration.bases import Base, Bell
from negsim.calibration.pilot import Tuner, find_rise, fit_bell, remember
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.priors import JointPrior, Prior1D
from negsim.calibration.surrogate import Archive, Surrogate, fit_surrogate
from negsim.calibration.swarms import Guide, Move, Reference, Swarm
from negsim.calibration.target import Target
from negsim.calibration.tempering import sample_by_tempering, scatter_error


def sample(known: Known, seed: int = 1, **settings: int) -> Posterior:
    return sample_by_tempering(Target(known.log_likelihood, known.prior, known.latent), seed, **settings)


def evidences(posterior: Posterior) -> np.ndarray:
    return np.array([run["log_evidence"] for run in posterior.diagnostics["runs"]])


# -- what is known is found -------------------------------------------------------------------------------------------


def assert_matches(posterior: Posterior, known: Known):
    """Evidence within five standard errors, moments within four of what so many draws allow."""
    assert posterior.log_evidence == pytest.approx(known.log_evidence, abs=5 * posterior.log_evidence_se)
    error = 4 / np.sqrt(posterior.ess)
    assert (np.abs((posterior.mean() - known.mean) / known.sd) < error).all()
    assert posterior.sd() == pytest.approx(known.sd, rel=2 * error)


@pytest.mark.parametrize(
    "known",
    [gamma_poisson(), gaussian(6), gaussian(15), two_bells(), two_bells(3, first=0.8), shifted_dates()],
    ids=["gamma_poisson", "gaussian_6", "gaussian_15", "two_bells", "uneven_bells", "shifted_dates"],
)
def test_known_posteriors_are_matched(known: Known):
    posterior = sample(known, runs=6)
    assert_matches(posterior, known)
    assert posterior.latent.shape == (len(posterior.draws), known.latent)


def test_the_checker_of_matches_can_fail():
    known, other = gamma_poisson(), gamma_poisson(exposure=2.5)
    with pytest.raises(AssertionError):
        assert_matches(sample(known), other)


def test_a_mild_funnel_is_followed_down_its_neck():
    known = funnel(4, spread=1.0, wide=3.0)
    posterior = sample(known, runs=6, particles=500)
    assert posterior.log_evidence == pytest.approx(0.0, abs=5 * posterior.log_evidence_se)
    assert posterior.mean()[0] == pytest.approx(0.0, abs=0.1)
    assert posterior.sd()[0] == pytest.approx(1.0, abs=0.05)


def test_a_needle_is_remembered():
    """Neal's funnel holds a third of its mass where the prior has next to none: the particles know where they began."""
    try:
        found = sample(funnel())
    except SamplingError as refusal:  # which it may well be
        found = refusal.posterior
    assert max(found.diagnostics["memory"]) > 0.5
    assert max(sample(gaussian(6)).diagnostics["memory"]) < pilot.REMEMBERED


def average_evidence(fitted: bool, monkeypatch: pytest.MonkeyPatch) -> float:
    """p-value of the mean evidence over many small runs being the truth, known to within 2%: 10% off is found."""
    monkeypatch.setattr(tempering, "DISAGREEMENT", 5.0)  # what small runs return is not looked at
    monkeypatch.setattr(tempering, "EVIDENCE_SPREAD", 5.0)
    known = funnel(6, spread=1.0, wide=3.0)
    runs = 100 if fitted else 200  # from the prior it is farther, and runs scatter more
    ratio = np.exp(evidences(sample(known, runs=runs, particles=50, fitted=fitted)) - known.log_evidence)
    assert ratio.std() / np.sqrt(len(ratio)) < 0.02
    return compare_mean(ratio, 1.0)


@pytest.mark.parametrize("fitted", [True, False])
def test_evidence_has_no_bias(fitted: bool, monkeypatch: pytest.MonkeyPatch):
    assert_chance_explains({"evidence": average_evidence(fitted, monkeypatch)})


def test_a_base_whose_density_is_a_little_wrong_biases_the_evidence(monkeypatch: pytest.MonkeyPatch):
    excess = Bell.excess
    monkeypatch.setattr(Bell, "excess", lambda bell, z: excess(bell, z) + 0.1)
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains({"evidence": average_evidence(True, monkeypatch)})


def test_the_stated_error_of_the_evidence_holds_the_truth_and_a_third_of_it_does_not(monkeypatch: pytest.MonkeyPatch):
    """How many fits' evidence is twice its error from the truth: at most as many as of known errors."""
    monkeypatch.setattr(tempering, "DISAGREEMENT", 5.0)
    monkeypatch.setattr(tempering, "EVIDENCE_SPREAD", 5.0)
    known, fits = funnel(3, spread=1.0, wide=3.0), 30
    found = [sample(known, seed, runs=4, particles=50) for seed in range(fits)]
    away = np.array([abs(fit.log_evidence - known.log_evidence) / fit.log_evidence_se for fit in found])

    def count_misses(errors: float) -> float:
        return float(stats.binom.sf((away > 2 * errors).sum() - 1, fits, 2 * stats.norm.sf(2)))

    assert_chance_explains({"misses": count_misses(1.0)})
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains({"misses": count_misses(0.3)})


@pytest.mark.parametrize("n", [3, 4, 8])
def test_twice_the_error_of_a_few_values_holds_their_mean_as_often_as_a_known_one(n: int):
    values = 100 + np.random.default_rng(n).standard_normal((20_000, n))
    plain = values.std(axis=1, ddof=1) / np.sqrt(n)
    factor = scatter_error(values[0]) * values[0].mean() / plain[0]

    def compare(errors: np.ndarray) -> float:
        held = int((np.abs(values.mean(axis=1) - 100) < 2 * errors).sum())
        return float(stats.binomtest(held, 20_000, 1 - 2 * stats.norm.sf(2)).pvalue)

    assert_chance_explains({"held": compare(factor * plain)})
    assert compare(plain) < 1e-6


# -- edges of the possible --------------------------------------------------------------------------------------------


def test_what_is_impossible_counts_as_evidence():
    """Possible beyond one standard deviation only: 15.9% of the prior."""

    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return np.where(theta[:, 0] > 1, 0.0, -np.inf)

    posterior = sample_by_tempering(Target(log_likelihood, standard_prior(2)), 1)
    assert posterior.log_evidence == pytest.approx(np.log(special.ndtr(-1)), abs=5 * posterior.log_evidence_se)
    assert posterior.mean() == pytest.approx([stats.norm.pdf(1) / special.ndtr(-1), 0.0], abs=0.08)
    assert posterior.draws[:, 0].min() > 1
    assert posterior.diagnostics["possible"] == pytest.approx(special.ndtr(-1), abs=0.03)


def order(unit: np.ndarray) -> np.ndarray:
    """How many neighbours stand in the wrong order."""
    return (np.diff(unit, axis=1) < 0).sum(axis=1)


def told_by_order(theta: np.ndarray, unit: np.ndarray) -> np.ndarray:
    return np.where(order(unit) == 0, stats.norm.logpdf(unit.mean(axis=1), theta[:, 0], 0.2), -np.inf)


def test_points_that_are_rarely_possible_are_found_and_moved_apart():
    """Five dates in order: 1 point in 120, fewer than there are particles at the start."""
    posterior = sample_by_tempering(Target(told_by_order, standard_prior(1), 5), 1, runs=6)
    middle = 0.5  # the mean of five uniform dates, with standard deviation sqrt(1/60), whatever their order
    spread = np.sqrt(1 + 0.04 + 1 / 60)
    exact = stats.norm.logpdf(middle, 0, spread) - np.log(120)
    assert (order(posterior.latent) == 0).all()
    assert posterior.log_evidence == pytest.approx(exact, abs=5 * posterior.log_evidence_se + 0.01)
    assert posterior.mean()[0] == pytest.approx(middle / spread**2, abs=0.05)


def test_broken_rules_that_cost_much_lead_to_what_is_possible():
    """Eight dates in order, 1 point in 40,320: out of reach of chance, not of a likelihood that counts mistakes."""

    def log_likelihood(theta: np.ndarray, unit: np.ndarray) -> np.ndarray:
        return stats.norm.logpdf(theta[:, 0], 0.5, 1.0) - 1e4 * order(unit)

    posterior = sample_by_tempering(Target(log_likelihood, standard_prior(1), 8), 1, runs=6)
    exact = stats.norm.logpdf(0.5, 0, np.sqrt(2)) - special.gammaln(9)
    assert (order(posterior.latent) == 0).all()
    assert posterior.log_evidence == pytest.approx(exact, abs=5 * posterior.log_evidence_se)
    assert posterior.mean()[0] == pytest.approx(0.25, abs=0.1)
    places = posterior.weights @ posterior.latent
    assert places == pytest.approx(np.arange(1, 9) / 9, abs=0.03)


def test_what_is_hardly_ever_possible_is_refused_with_the_count():
    def log_likelihood(theta: np.ndarray) -> np.ndarray:
        return np.where(theta[:, 0] > 4, 0.0, -np.inf)

    with pytest.raises(SamplingError, match=r"of [0-9]+ points drawn from the prior, only [0-9] make.*widen the pri"):
        sample_by_tempering(Target(log_likelihood, standard_prior(2)), 1)


# -- disagreement -----------------------------------------------------------------------------------------------------


def test_runs_that_disagree_are_an_error_that_says_so():
    """Two needles in eight dimensions: which one a small run falls into is chance."""
    known = two_bells(8, apart=2.0, width=0.02)
    with pytest.raises(SamplingError, match=r"runs disagree: R-hat of \w+ is [0-9.]+ .* log evidence") as refusal:
        sample(known, particles=50)
    assert all(advice in str(refusal.value) for advice in ("--particles", "particles=", "--free", "not-trusted/"))
    found = refusal.value.posterior
    assert found is not None
    assert max(found.diagnostics["r_hat"].values()) > tempering.DISAGREEMENT or evidences(found).std() > 1


def test_more_runs_keep_the_earlier_ones():
    few, many = (sample(gaussian(3), runs=runs) for runs in (2, 5))
    assert (evidences(many)[:2] == evidences(few)).all()
    assert (many.draws[: len(few.draws)] == few.draws).all()


def test_the_same_seed_gives_the_same_draws_and_another_seed_others():
    first, again, other = (sample(shifted_dates(3), seed, particles=60) for seed in (5, 5, 6))
    assert (first.draws == again.draws).all()
    assert (first.latent == again.latent).all()
    assert first.log_evidence == again.log_evidence != other.log_evidence


def test_runs_are_weighted_by_their_evidence():
    posterior = sample(gaussian(3), runs=3, particles=60)
    shares = posterior.weights.reshape(3, -1).sum(axis=1)
    assert shares == pytest.approx(special.softmax(evidences(posterior)))
    assert posterior.log_evidence == pytest.approx(special.logsumexp(evidences(posterior)) - np.log(3))


@pytest.mark.parametrize("settings", [{"runs": 1}, {"particles": 10}])
def test_too_few_to_tell_are_refused(settings: dict[str, int]):
    with pytest.raises(ValueError, match="are needed"):
        sample(gamma_poisson(), **settings)


def test_work_is_told_of_from_nothing_to_the_end():
    shares: list[float] = []
    known = gamma_poisson()
    sample_by_tempering(Target(known.log_likelihood, known.prior), 1, progress=lambda share, what: shares.append(share))
    assert shares[0] == 0.0
    assert shares[-1] == pytest.approx(1.0)
    assert shares == sorted(shares)


def test_the_likelihood_is_asked_for_many_rows_at_a_time():
    known = gaussian(4)
    rows: list[int] = []

    def count(theta: np.ndarray) -> np.ndarray:
        rows.append(len(theta))
        return known.log_likelihood(theta)

    posterior = sample_by_tempering(Target(count, known.prior), 1, runs=4, particles=100)
    assert min(rows) == tempering.PILOT * 100
    assert sum(rows) == posterior.evaluations


# -- parts ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 1e6), st.floats(1e-3, 1.0))
def test_the_temperature_rises_until_half_of_the_particles_are_effective(seed: int, scale: float, rest: float):
    told = scale * np.random.default_rng(seed).standard_normal(200)
    rise = find_rise(told, rest)
    weights = np.exp(rise * told - (rise * told).max())
    effective = weights.sum() ** 2 / (weights**2).sum() / 200
    assert 0 < rise <= rest
    assert effective == pytest.approx(0.5, abs=1e-3) or (rise == rest and effective >= 0.5)


def test_what_is_forgotten_is_not_remembered():
    rng = np.random.default_rng(1)
    before = rng.standard_normal((2_000, 3))
    after = np.stack([before[:, 0], rng.standard_normal(2_000), 0.6 * before[:, 2] + 0.8 * rng.standard_normal(2_000)])
    assert remember(before, after.T) == pytest.approx([1.0, 0.0, 0.6], abs=0.06)


def make_reference(rng: np.random.Generator, size: int) -> Reference:
    z = rng.standard_normal((5_000, size)) @ rng.standard_normal((size, size)) + rng.standard_normal(size)
    return Reference(z, np.full(5_000, 1 / 5_000))


@given(st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_a_block_is_what_the_others_leave_of_it(size: int, seed: int):
    rng = np.random.default_rng(seed)
    reference = make_reference(rng, size)
    block, rest = np.arange(1), np.arange(1, size)
    z = rng.standard_normal((4, size))
    mean, factor = reference.conditional(z, block)
    covariance = np.linalg.inv(reference.precision)
    slope = covariance[0, rest] @ np.linalg.inv(covariance[np.ix_(rest, rest)])
    assert mean[:, 0] == pytest.approx(reference.mean[0] + (z[:, rest] - reference.mean[rest]) @ slope)
    assert factor[0, 0] ** 2 == pytest.approx(covariance[0, 0] - slope @ covariance[rest, 0])


@pytest.mark.parametrize("move", [Move(np.arange(3), 1.0), Move(np.arange(3), 0.4), Move(np.array([0, 2]), 0.8)])
def test_steps_leave_the_reference_as_it_is(move: Move):
    """Draws of the t are still draws of the t after a step that is always accepted."""
    rng = np.random.default_rng(2)
    reference = make_reference(rng, 3)
    swarm = Swarm(Target(lambda theta: np.zeros(len(theta)), standard_prior(3)), 8_000, [rng])
    scale = np.linalg.inv(reference.precision)
    exact = stats.multivariate_t(reference.mean, scale, df=swarms.DEGREES, seed=rng)
    swarm.z = exact.rvs(8_000)
    stepped, back = swarm._step(reference, move)
    distance = reference.distance(stepped)
    before = reference.log_density(reference.distance(swarm.z))
    assert back == pytest.approx(before - reference.log_density(distance))
    whitened = (stepped - reference.mean) @ np.linalg.inv(np.linalg.cholesky(scale)).T
    tests = {place: stats.kstest(whitened[:, place], stats.t(swarms.DEGREES).cdf).pvalue for place in range(3)}
    assert_chance_explains({**tests, "distance": stats.kstest(distance / 3, stats.f(3, swarms.DEGREES).cdf).pvalue})
    assert np.abs(stepped - swarm.z).max() > 0.1


# -- bases ------------------------------------------------------------------------------------------------------------


def make_bell() -> Bell:
    rng = np.random.default_rng(8)
    z = 0.6 * rng.standard_normal((400, 3)) @ rng.standard_normal((3, 3)) + [1.0, 0.0, -1.0]
    return fit_bell(Reference(z, np.full(400, 1 / 400)), Target(lambda theta: np.zeros(len(theta)), standard_prior(3)))


def test_draws_of_a_bell_have_its_density():
    """The prior over the base, averaged over the base's draws, is one; so are moments of the prior."""
    bell, rng = make_bell(), np.random.default_rng(9)
    z = bell.draw(200_000, 3, rng)
    ratio = np.exp(bell.excess(z))
    assert ratio.max() < 1 / bases.FROM_PRIOR
    moments = {"all": compare_mean(ratio, 1.0)}
    moments |= {f"mean {place}": compare_mean(ratio * z[:, place], 0.0) for place in range(3)}
    moments |= {f"variance {place}": compare_mean(ratio * z[:, place] ** 2, 1.0) for place in range(3)}
    assert_chance_explains(moments)


def test_slopes_of_a_bell_are_those_of_its_density():
    bell, z = make_bell(), 2 * np.random.default_rng(10).standard_normal((50, 3))

    def log_density(z: np.ndarray) -> np.ndarray:
        return -0.5 * (z * z).sum(axis=1) - bell.excess(z)

    for place, small in enumerate(1e-5 * np.eye(3)):
        rise = (log_density(z + small) - log_density(z - small)) / 2e-5
        assert bell.slope(z)[:, place] == pytest.approx(rise, abs=1e-5)
    assert (Base().slope(z) == -z).all()


def wander(bell: Bell, monkeypatch: pytest.MonkeyPatch | None = None) -> dict[str, float]:
    """Move draws that are halfway from a bell to a posterior by steps and glides: p-values of their means as before."""
    rng = np.random.default_rng(11)
    target = Target(lambda theta: -1.5 * ((theta - 0.5) ** 2).sum(axis=1), standard_prior(3))
    swarm = Swarm(target, 20_000, [rng], base=bell)
    swarm.draw(200_000)
    swarm.warm(0.5)
    started = swarm.z
    surrogate = fit_surrogate(started[:500], -((started[:500] - 0.3) ** 2).sum(axis=1), np.ones(500))
    guide = Guide(0.5, Reference(started, np.full(20_000, 1 / 20_000)), surrogate)
    if monkeypatch:
        excess = bell.excess
        monkeypatch.setattr(bell, "excess", lambda z: 0.8 * excess(z))
    for _ in range(3):
        for move in (Move(np.arange(3), 0.25, 6), Move(np.arange(3), 0.0)):
            assert swarm.move(guide, move).mean() > 0.2
    quantities = [(f"{place}", swarm.z[:, place], started[:, place]) for place in range(3)]
    quantities += [(f"squared {place}", now**2, then**2) for place, now, then in quantities]
    return {place: compare_means(now, then) for place, now, then in quantities}


def test_moves_between_a_bell_and_the_posterior_leave_what_is_there():
    assert_chance_explains(wander(make_bell()))


def test_the_check_of_moves_from_a_bell_can_fail(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains(wander(make_bell(), monkeypatch))


def test_a_clique_is_what_remembers_most_with_what_it_goes_with():
    """Of twenty coordinates the first remembers most, and goes with the last."""
    rng = np.random.default_rng(12)
    z = rng.standard_normal((4_000, 20))
    z[:, 19] += 2 * z[:, 0]
    tuner = Tuner(Target(lambda theta: np.zeros(len(theta)), standard_prior(20)))
    tuner.gliding = True
    assert "clique" not in tuner.kinds
    tuner.note(np.r_[0.9, np.linspace(0.5, 0.1, 19)], Reference(z, np.full(4_000, 1 / 4_000)))
    assert "clique" in tuner.kinds
    planned = [tuner.plan("clique", rng).block.tolist() for _ in range(pilot.CLIQUES)]
    assert [0, 19] in planned
    assert {len(block) for block in planned} == {2}


def test_a_bell_that_shortens_nothing_is_left_out():
    """Where the prior is the posterior, or nothing like a bell, the runs set out from the prior."""
    flat = sample_by_tempering(Target(lambda theta: np.zeros(len(theta)), standard_prior(2)), 1)
    assert flat.diagnostics["base"] == "prior"
    assert sample(gaussian(6)).diagnostics["base"] == "bell"
    assert sample(gaussian(6), fitted=False).diagnostics["base"] == "prior"


def test_what_scouts_found_and_runs_did_not_is_an_error(monkeypatch: pytest.MonkeyPatch):
    """A bell in the wrong place, without the prior behind it: the runs agree on too little."""
    monkeypatch.setattr(bases, "FROM_PRIOR", 1e-12)
    monkeypatch.setattr(pilot, "fit_bell", lambda reference, target: Bell(np.full(2, 1.5), 0.04 * np.eye(2)))
    known = two_bells(2, width=0.2, first=0.9)
    with pytest.raises(SamplingError, match=r"less was found than by the scouts .* [0-9.]+ higher"):
        sample(known)


# -- surrogates -------------------------------------------------------------------------------------------------------


def curved(z: np.ndarray) -> np.ndarray:
    return 1.0 - z[:, 0] ** 2 + 0.3 * z[:, 1] ** 3 + 0.5 * z[:, 0] * z[:, 2] - z[:, 2]


def test_a_polynomial_is_found_by_its_values():
    z = np.random.default_rng(1).uniform(-2, 2, (4_000, 3))
    found = fit_surrogate(z, curved(z), np.ones(4_000))
    assert found(z) == pytest.approx(curved(z), abs=0.15)
    assert np.abs(found(z) - curved(z)).mean() < 0.02


def test_slopes_are_those_of_the_values_and_none_where_coordinates_are_clipped():
    z = np.random.default_rng(2).standard_normal((400, 3))
    found = fit_surrogate(z, curved(z), np.ones(400))
    for place, small in enumerate(1e-6 * np.eye(3)):
        assert found.slope(z)[:, place] == pytest.approx((found(z + small) - found(z - small)) / 2e-6, abs=1e-4)
    assert (found.slope(np.full((1, 3), 99.0)) == 0).all()


def test_of_many_products_those_that_matter_are_kept(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("negsim.calibration.surrogate.MOST_PAIRS", 4)
    z = np.random.default_rng(3).standard_normal((2_000, 8))
    found = fit_surrogate(z, z[:, 0] + 2 * z[:, 2] * z[:, 5], np.ones(2_000))
    assert np.unravel_index(np.abs(found.products).argmax(), (8, 8)) == (2, 5)
    assert (found.products != 0).sum() == 8


def glide_along(surrogate: Surrogate | None, broken: bool, monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Let draws of a normal posterior glide along a surrogate: they must stay draws of it."""
    rng = np.random.default_rng(4)
    target = Target(lambda theta: -1.5 * (theta**2).sum(axis=1), standard_prior(2))  # the posterior's sd is 1/2
    swarm = Swarm(target, 20_000, [rng])
    swarm.z = 0.5 * rng.standard_normal((20_000, 2))
    swarm.gain = target.log_likelihood(swarm.z)
    guide = Guide(1.0, Reference(swarm.z, np.full(20_000, 1 / 20_000)), surrogate)
    if broken:
        glide = Swarm._glide
        monkeypatch.setattr(Swarm, "_glide", lambda *given: (glide(*given)[0], np.zeros(20_000)))
    accepted = [swarm.move(guide, Move(np.array(block), 0.25, 6)).mean() for block in ([0, 1], [1], [0, 1])]
    assert min(accepted) > 0.2
    return {str(place): stats.kstest(2 * swarm.z[:, place], "norm").pvalue for place in range(2)}


def wrong_surrogate() -> Surrogate:
    """Of another likelihood: shifted and wider."""
    z = np.random.default_rng(5).standard_normal((500, 2))
    return fit_surrogate(z, -((z - 0.2) ** 2).sum(axis=1), np.ones(500))


def test_a_glide_along_a_wrong_surrogate_leaves_the_posterior_as_it_is(monkeypatch: pytest.MonkeyPatch):
    assert_chance_explains(glide_along(wrong_surrogate(), False, monkeypatch))


def test_the_check_of_glides_can_fail(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains(glide_along(wrong_surrogate(), True, monkeypatch))


def test_too_few_points_make_no_surrogate_and_impossible_ones_teach_nothing():
    archive = Archive()
    z = np.random.default_rng(6).standard_normal((30, 2))
    told = np.where(z[:, 0] > 0, curved(np.column_stack((z, z[:, 0]))), -np.inf)
    archive.note(z[:5], told[:5])
    assert archive.fit(0.5, z, told) is None
    archive.note(z, told)
    assert np.isfinite(archive.fit(0.5, z, told)(z)).all()


# -- ranks ------------------------------------------------------------------------------------------------------------


def rank_dates(noise: float, simulations: int = 50) -> np.ndarray:
    """Rank truths where something is seen at an unknown date, with a noise that a fit supposes (0.3 is right)."""
    prior = JointPrior(["level"], [Prior1D("normal", 0.0, 1.0)])

    def told(theta: np.ndarray, unit: np.ndarray, data: np.ndarray, noise: float = 0.3) -> np.ndarray:
        away = (data - theta[:, :1] - 2 * unit) / noise
        return -0.5 * (away**2).sum(axis=1) - 2 * np.log(noise)

    def fit(data: np.ndarray, seed: int) -> Posterior:
        target = Target(lambda theta, unit: told(theta, unit, data, noise), prior, 2)
        return sample_by_tempering(target, seed, particles=50, runs=2)

    def simulate(theta: np.ndarray, unit: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return theta[0] + 2 * unit + 0.3 * rng.standard_normal(2)

    return rank_truth(fit, simulate, told, prior, latent=2, simulations=simulations)


def test_truths_rank_evenly_among_the_draws(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempering, "DISAGREEMENT", 2.0)  # two small runs may differ; here the average over fits counts
    monkeypatch.setattr(tempering, "EVIDENCE_SPREAD", 5.0)
    assert_chance_explains(compare_ranks(rank_dates(noise=0.3)))


def test_ranks_give_a_wrong_noise_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempering, "DISAGREEMENT", 2.0)
    monkeypatch.setattr(tempering, "EVIDENCE_SPREAD", 5.0)
    with pytest.raises(AssertionError, match="chance does not explain"):
        assert_chance_explains(compare_ranks(rank_dates(noise=0.6, simulations=25)))
