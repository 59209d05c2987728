"""Is a likelihood with the dates integrated out estimated without bias, and is the posterior that comes of it right?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special

import negsim
import negsim.calibration.chains as chains
from negsim.calibration.fitting import bring_together, declare_prior
from negsim.calibration.hills import Hill, fit_hill
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import SamplingError
from negsim.calibration.sampling import sample_posterior
from negsim.compiler import compile_case
from negsim.observation import Observer
from negsim.replays import split_runs
from negsim.reporting import Reporting, Rule
from negsim.scalar.guiding import lay_chain

pytest.importorskip("numba")
pytestmark = pytest.mark.xdist_group("compiled")  # one process compiles for all

NAMES = ("meeting", "ending")
SURE = 5.0
"""Standard errors that two estimates of the same number may lie apart."""


def textbook(years: int = 1) -> negsim.Scenario:
    """Some years of talks that meet and adjourn."""
    data = negsim.load_scenario("two-state-channel").model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + years)
    prior = {"family": "lognormal", "median": 5.0, "sd": 0.5}
    data["parameter"] = [
        {"name": name, "numbers": [f"channel.talks.rates.{rate}"], "prior": prior}
        for name, rate in zip(NAMES, ("meet", "adjourn"), strict=True)
    ]
    return negsim.Scenario.model_validate(data)


def look(case: negsim.Scenario, seed: int, precision: str, share: float, names=NAMES) -> ChronologyLikelihood:
    """A simulated history of which a share is told, so precisely; the rest is implied."""
    observer = Observer(compile_case(case), Reporting((Rule(("*",), share),)), precision, unreported="implied")
    history = split_runs(negsim.simulate(case, runs=1, seed=seed))[0]
    return bring_together(case, observer.observe(history, seed), names, engine="compiled")


def filter_dates(likelihood: ChronologyLikelihood, seed: int) -> tuple[float, float]:
    """Log-likelihood at the prior's middle by the filter, and its error."""
    prior = declare_prior(likelihood.compiled.scenario, likelihood.names)
    chain = likelihood.marginal(prior, seed)
    z = np.zeros((256, len(prior)))
    return average([chain.estimate(z, 8).log_mean for _ in range(3)][-1])


def average_dates(likelihood: ChronologyLikelihood, seed: int) -> tuple[float, float]:
    """The same by plain Monte Carlo over dates."""
    prior = declare_prior(likelihood.compiled.scenario, likelihood.names)
    unit = np.random.default_rng(seed).random((60_000, likelihood.open_dates))
    middle = prior.from_unconstrained(np.zeros((1, len(prior))))
    return average(likelihood(np.repeat(middle, len(unit), axis=0), unit))


def average(logs: np.ndarray) -> tuple[float, float]:
    """Log of the mean, and its standard error."""
    shares = np.exp(logs - logs.max())
    return float(np.log(shares.mean()) + logs.max()), float(shares.std() / shares.mean() / np.sqrt(len(shares)))


def count_errors(one: tuple[float, float], other: tuple[float, float]) -> float:
    """How many standard errors two logs lie apart."""
    return abs(one[0] - other[0]) / max(float(np.hypot(one[1], other[1])), 1e-9)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    precision=st.sampled_from(["day", "month", "year"]),
    share=st.sampled_from([0.3, 0.7, 1.0]),
)
def test_the_mean_estimate_is_the_likelihood_with_the_dates_integrated_out(seed, precision, share):
    likelihood = look(textbook(), seed, precision, share)
    assume(likelihood.open_dates and len(likelihood.chronology.moves) <= 9)  # else plain Monte Carlo is no witness
    assert count_errors(filter_dates(likelihood, seed), average_dates(likelihood, seed)) < SURE


def test_blocks_add_up_to_the_replay_of_the_dates_that_were_drawn():
    case = negsim.load_scenario("beijing-1999")
    likelihood = look(case, 5, "month", 0.1, ("tempo_talks", "alarm"))
    prior = declare_prior(case, likelihood.names)
    chain = likelihood.marginal(prior, 1)
    z = np.random.default_rng(1).standard_normal((16, 2))
    found = chain.estimate(z, 16)
    possible = np.isfinite(found.log_mean)
    assert possible.sum() >= 8
    replayed = chain.replay(z[possible], found.latent[possible])
    np.testing.assert_allclose(found.log_likelihood[possible], replayed, rtol=1e-9)
    assert (np.diff(found.latent[possible], axis=1) >= 0).all()
    unit = chain.find_points(found.latent[possible])
    likelihoods = likelihood(prior.from_unconstrained(z[possible]), unit)
    np.testing.assert_allclose(likelihoods, replayed + likelihood.chronology.log_volume(unit), rtol=1e-9)


def test_threads_change_nothing_and_other_vectors_do_not_either():
    likelihood = look(textbook(), 3, "month", 0.5)
    prior = declare_prior(likelihood.compiled.scenario, NAMES)
    z = np.random.default_rng(2).standard_normal((40, 2))
    one = likelihood.marginal(prior, 4).estimate(z, 16)
    two = replace(likelihood, workers=2).marginal(prior, 4).estimate(z, 16)
    few = likelihood.marginal(prior, 4).estimate(z[:20], 16)
    np.testing.assert_array_equal(one.log_mean, two.log_mean)
    np.testing.assert_array_equal(one.latent[:20], few.latent)


def test_windows_that_are_an_hour_too_long_are_found(monkeypatch):
    plain = average_dates(look(textbook(), 1, "month", 0.7), 1)
    monkeypatch.setattr(
        chains, "lay_chain", lambda moves, low, high, *rest: lay_chain(moves, low, high + 1 / 24, *rest)
    )
    assert count_errors(filter_dates(look(textbook(), 1, "month", 0.7), 1), plain) > SURE


def test_the_posterior_agrees_with_temperings_and_with_the_likelihood_of_its_draws():
    likelihood = look(textbook(), 11, "month", 0.6)
    prior = declare_prior(likelihood.compiled.scenario, NAMES)
    guided = sample_posterior(likelihood, prior, 1, "guided", likelihood.open_dates)
    tempered = sample_posterior(likelihood, prior, 1, "tempering", likelihood.open_dates, particles=100, runs=4)
    errors = np.sqrt(guided.sd() ** 2 / guided.ess + tempered.sd() ** 2 / tempered.ess)
    assert (np.abs(guided.mean() - tempered.mean()) < 4 * errors).all()
    spread = 4 * np.hypot(guided.log_evidence_se, tempered.log_evidence_se)
    assert abs(guided.log_evidence - tempered.log_evidence) < spread + 0.05
    np.testing.assert_allclose(likelihood(guided.draws, guided.latent), guided.log_likelihood, rtol=1e-9)
    total = special.logsumexp(guided.log_weights)
    assert abs(total) < 1e-9


def test_many_open_dates_in_a_known_order_are_left_to_the_guided_sampler():
    case = textbook(years=7)
    observer = Observer(compile_case(case), Reporting((Rule(("*",), 0.2),)), "month", unreported="implied")
    told = observer.observe(split_runs(negsim.simulate(case, runs=1, seed=2))[0], 2)
    posterior = negsim.fit(case, told, engine="auto", even_if_too_much=True)
    assert posterior.latent.shape[1] > 40
    assert posterior.method == "guided"
    truth = [case.model_dump(by_alias=True)["channel"]["talks"]["rates"][rate] for rate in ("meet", "adjourn")]
    low, high = posterior.quantiles((0.001, 0.999))
    assert (low < truth).all()
    assert (truth < high).all()


def test_what_is_no_chain_is_refused_with_the_reason():
    likelihood = look(textbook(), 3, "month", 0.5)
    prior = declare_prior(likelihood.compiled.scenario, NAMES)
    assert likelihood.explain_no_marginal() == ""
    assert "compiled engine" in replace(likelihood, engine="numpy").explain_no_marginal()
    article = bring_together("beijing-1999", "article", ("alarm",), engine="compiled")
    assert article.explain_no_marginal()
    with pytest.raises(SamplingError, match=r"cannot take this chronology \(it needs the compiled engine"):
        sample_posterior(replace(likelihood, engine="numpy"), prior, 1, "guided", likelihood.open_dates)
    with pytest.raises(ValueError, match="the likelihood of a chronology"):
        sample_posterior(lambda theta: np.zeros(len(theta)), prior, 1, "guided")


@pytest.mark.parametrize("far", [1.2, 5.0])
def test_a_hill_of_which_few_points_are_high_is_looked_for_near_where_it_was_thought_to_be(far):
    """A quadratic in thirteen numbers goes through any twelve points; one that did lay anywhere at all."""
    stream = np.random.default_rng(4)
    guess = Hill(np.zeros(13), np.eye(13))
    for _ in range(20):
        z = far * stream.standard_normal((12, 13))
        hill, _ = fit_hill(z, -500.0 - 5.0 * stream.random(12), guess)
        assert np.linalg.norm(hill.place) < 5.0
        assert np.linalg.eigvalsh(hill.precision).min() > 0.1


def test_a_hill_seen_at_many_points_is_found_where_it_is():
    stream = np.random.default_rng(4)
    place, root = np.array([0.5, -0.3, 0.2]), np.array([[1.2, 0.1, 0.0], [0.1, 0.9, 0.2], [0.0, 0.2, 1.1]])
    z = stream.standard_normal((2000, 3))
    heights = -0.5 * (((z - place) @ root) ** 2).sum(axis=1) + 0.1 * stream.standard_normal(2000)
    hill, noise = fit_hill(z, heights, Hill(np.zeros(3), np.eye(3)))
    assert hill.place == pytest.approx(place, abs=0.05)
    assert hill.precision == pytest.approx(root @ root.T, abs=0.05)
    assert noise == pytest.approx(0.1, rel=0.1)


def test_arithmetic_that_fails_is_a_refusal_of_the_sampler():
    def broken(theta):
        raise np.linalg.LinAlgError("Singular matrix")

    prior = declare_prior(textbook(), NAMES)
    with pytest.raises(SamplingError, match=r"arithmetic \(Singular matrix\)"):
        sample_posterior(broken, prior, seed=1)
