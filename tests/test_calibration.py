"""Do the samplers find known posteriors, and does a fit say what it was fitted to?"""

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

import negsim
from negsim.calibration.fitting import TooMuchAsked, bring_together, chronology_digest, declare_prior, fit
from negsim.calibration.likelihood import find_free
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.priors import JointPrior
from negsim.calibration.sampling import sample_posterior
from negsim.chronology_checks import find_starts
from negsim.forecasts.drawing import forecast
from negsim.parameters import Belief

pytestmark = pytest.mark.xdist_group("calibration")  # one worker: what the article allows is found once

COUNTS = np.array([4, 2, 5, 3])
PRIOR = JointPrior(["rate"], [Belief("gamma", 3.0, 2.0)])
EXACT_MEAN, EXACT_SD = 17 / 6, np.sqrt(17) / 6
EXACT_EVIDENCE = (
    3 * np.log(2) - special.gammaln(3) + special.gammaln(17) - 17 * np.log(6) - special.gammaln(COUNTS + 1).sum()
)


def log_poisson(theta):
    return stats.poisson.logpmf(COUNTS[None, :], theta).sum(axis=1)


@pytest.mark.parametrize("method", ["importance", "tempering"])
def test_the_conjugate_posterior_of_a_rate_is_found(method):
    found = sample_posterior(log_poisson, PRIOR, seed=1, method=method)
    error = EXACT_SD / np.sqrt(found.ess)
    assert abs(found.mean()[0] - EXACT_MEAN) < 5 * error
    assert found.sd()[0] == pytest.approx(EXACT_SD, rel=0.1)
    assert abs(found.log_evidence - EXACT_EVIDENCE) < max(4 * found.log_evidence_se, 0.05)


def test_a_likelihood_that_forgets_an_observation_is_found_out():
    wrong = sample_posterior(lambda theta: log_poisson(theta) - stats.poisson.logpmf(3, theta[:, 0]), PRIOR, seed=1)
    assert abs(wrong.log_evidence - EXACT_EVIDENCE) > max(4 * wrong.log_evidence_se, 0.05)


def test_a_posterior_on_a_grid_is_matched():
    """Two parameters with a curved likelihood: mean, sd and evidence by summing over a fine grid."""
    prior = JointPrior(["a", "b"], [Belief("normal", 0.0, 1.0), Belief("normal", 0.0, 1.0)])

    def log_likelihood(theta):
        a, b = theta[:, 0], theta[:, 1]
        return -0.5 * ((a + b**2 / 4 - 1.0) / 0.5) ** 2 - 0.5 * ((b - 0.3) / 0.6) ** 2

    axis = np.linspace(-6, 6, 601)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    joint = log_likelihood(points) + stats.norm.logpdf(points).sum(axis=1)
    evidence = special.logsumexp(joint) + 2 * np.log(axis[1] - axis[0])
    weights = np.exp(joint - special.logsumexp(joint))
    mean = weights @ points
    sd = np.sqrt(weights @ (points - mean) ** 2)
    for method in ("importance", "tempering"):
        found = sample_posterior(log_likelihood, prior, seed=3, method=method)
        assert np.all(np.abs(found.mean() - mean) < 5 * sd / np.sqrt(found.ess)), method
        assert found.sd() == pytest.approx(sd, rel=0.1), method
        assert abs(found.log_evidence - evidence) < max(4 * found.log_evidence_se, 0.05), method


def test_the_gate_refuses_importance_sampling_of_two_separate_hills():
    prior = JointPrior(["a", "b"], [Belief("normal", 0.0, 1.0)] * 2)

    def hills(theta):
        apart = ((theta[:, :, None] - np.array([-2.0, 2.0])) ** 2).sum(axis=1)
        return special.logsumexp(-0.5 * apart / 0.02, axis=1)

    with pytest.raises(SamplingError) as refusal:
        sample_posterior(hills, prior, seed=1, method="importance")
    assert str(refusal.value)


def test_the_same_seed_gives_the_same_draws_and_they_come_back_from_a_file(tmp_path):
    one, two = (sample_posterior(log_poisson, PRIOR, seed=7) for _ in range(2))
    np.testing.assert_array_equal(one.draws, two.draws)
    one.save(tmp_path / "posterior")
    back = Posterior.load(tmp_path / "posterior")
    np.testing.assert_array_equal(back.draws, one.draws)
    assert back.names == one.names
    assert back.log_evidence == one.log_evidence


# -- fits of the case -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def article():
    case = bring_together("beijing-1999", "article")
    return bring_together("beijing-1999", "article", find_free(case.compiled))


@pytest.fixture(scope="module")
def points(article):
    prior = declare_prior(article.compiled.scenario, article.names)
    theta = prior.draw(40, np.random.default_rng(3))
    unit = find_starts(article.compiled, article.chronology, 40, 3)
    return prior, theta, unit


def test_the_likelihood_of_points_is_that_of_their_histories_and_their_volume(article, points):
    _, theta, unit = points
    told = article(theta, unit)
    assert np.isfinite(told).all()
    volume = article.chronology.log_volume(unit)
    for row in (0, 17, 39):
        history = article.chronology.histories(article.compiled, unit[row : row + 1])[0]
        params = dict(zip(article.names, theta[row], strict=True))
        alone = negsim.replay(
            article.compiled, history, params, until=article.chronology.until, coverage=article.coverage
        )
        assert told[row] == pytest.approx(alone.total[0] + volume[row], rel=1e-12)


def test_more_parameters_than_the_events_can_carry_are_refused_with_the_count(article):
    names = [spec.name for spec in article.compiled.scenario.parameter if spec.prior is not None]
    with pytest.raises(TooMuchAsked, match=f"{len(names)} parameters are free, but article tells"):
        fit("beijing-1999", "article", free=names)


def test_a_parameter_without_a_prior_is_refused_by_name(article):
    with pytest.raises(ValueError, match="no prior is declared for tempo_of_nothing"):
        declare_prior(article.compiled.scenario, ["tempo_of_nothing"])


def test_a_fit_of_the_textbook_channel_finds_its_rate():
    """Constant rates: with a gamma prior a rate's posterior is gamma(a + moves, b + years it could be made in)."""
    case = negsim.load_scenario("two-state-channel")
    prior = {"family": "gamma", "a": 4.0, "b": 2.0}
    data = case.model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + 8)
    data["parameter"] = [{"name": "meeting", "numbers": ["channel.talks.rates.meet"], "prior": prior}]
    case = negsim.Scenario.model_validate(data)
    history = negsim.simulate(case, runs=1, seed=5, record=("events",))
    observed = negsim.observe(history, run=0, seed=1)
    posterior = fit(case, observed, seed=2, even_if_too_much=True)
    events = history.events
    met = events[events["kind"] == "meet"]["day"].to_numpy()
    left = np.array([0.0, *events[events["kind"] == "adjourn"]["day"]])[: len(met) + 1]
    ends = np.array([*met, history.until])[: len(left)]
    shape, years = 4.0 + len(met), 2.0 + (ends - left).sum() / 365.25
    assert len(met) > 5
    assert posterior.mean()[0] == pytest.approx(shape / years, rel=0.03)
    assert posterior.sd()[0] == pytest.approx(np.sqrt(shape) / years, rel=0.1)
    assert posterior.provenance["chronology"] == observed.name


def test_a_digest_knows_how_coordinates_become_dates(article):
    told = article.chronology
    first, *others = told.placement.steps
    bent = replace(told.placement, steps=(replace(first, power=first.power + 1), *others))
    other = replace(told)
    other.__dict__["placement"] = bent
    assert chronology_digest(replace(told)) == chronology_digest(told) != chronology_digest(other)


def test_a_forecast_begins_at_its_origin_and_carries_the_posteriors_draws(article, points):
    prior, theta, unit = points
    posterior = Posterior(
        prior=prior,
        draws=theta,
        log_weights=np.zeros(len(theta)),
        log_likelihood=article(theta, unit),
        log_evidence=0.0,
        log_evidence_se=0.0,
        method="tempering",
        evaluations=0,
        seed=0,
        latent=unit,
    )
    told = forecast("beijing-1999", posterior, "article", runs=200, seed=4)
    assert told.origin == dt.date(1999, 12, 22)
    assert (told.ensemble.events["date"] >= np.datetime64("1999-12-22")).all()
    again = forecast("beijing-1999", posterior, "article", runs=200, seed=4)
    assert told.ensemble.events.equals(again.ensemble.events)
    assert (told.summary()["probability_mcse"] >= told.ensemble.summary()["probability_mcse"]).all()


def test_a_posterior_of_something_else_is_refused(article):
    other = sample_posterior(log_poisson, PRIOR, seed=7)
    with pytest.raises(ValueError, match="beijing-1999 has no rate, which the posterior is of"):
        forecast("beijing-1999", other, "article", runs=10)
