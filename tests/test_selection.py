"""Is a fit right about a source that exists only because something happened? On a case where all of it is known."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import special

import negsim
from negsim.calibration import selection
from negsim.calibration.fitting import bring_together, declare_prior
from negsim.calibration.selection import NoNews, condition_on_news, learn_intensity
from negsim.ensemble import ExplosiveWarning
from negsim.history import History

NEWS = "meet:*:talks:"
NAMES = ("meeting", "ending")
YEAR = 365.25


def talks() -> negsim.Scenario:
    """Talks that meet and adjourn at two unknown rates."""
    data = negsim.load_scenario("two-state-channel").model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + 2)
    prior = {"family": "lognormal", "median": 4.0, "sd": 0.5}
    data["parameter"] = [
        {"name": name, "numbers": [f"channel.talks.rates.{rate}"], "prior": prior}
        for name, rate in (("meeting", "meet"), ("ending", "adjourn"))
    ]
    return negsim.Scenario.model_validate(data)


def read_paper(case: negsim.Scenario) -> negsim.Chronology:
    """What is written on the day of the third meeting of a history."""
    history = History(np.array([100.0, 180.0, 300.0, 420.0, 600.0]), np.array([0, 1, 0, 1, 0]))
    compiled = bring_together(case, negsim.observe(negsim.simulate(case, runs=1, seed=1))).compiled
    names = [event.name for event in compiled.labels.events]
    number = np.array([names.index("meet:north:talks:"), names.index("adjourn:north:talks:")])
    history = History(history.days, number[history.moves])
    day = case.start + np.timedelta64(600, "D").item()
    return negsim.observe(history, compiled=compiled, last=day, seed=0)


def intensity(theta: np.ndarray) -> np.ndarray:
    """Meetings a day over the last year, whatever went before: a chain of two states."""
    a, b = theta.T / YEAR
    end, span = 601.0, selection.SPAN
    fading = (np.exp(-(a + b) * (end - span)) - np.exp(-(a + b) * end)) / (a + b) / span
    return a * (b + a * fading) / (a + b)


def test_the_simulated_intensity_is_the_exact_one():
    case = talks()
    likelihood = bring_together(case, read_paper(case), NAMES)
    prior = declare_prior(likelihood.compiled.scenario, NAMES)
    found = learn_intensity(likelihood, prior, NEWS, seed=1, runs=4_000)
    z = np.random.default_rng(1).uniform(-1.5, 1.5, (200, 2))
    off = found.log(z) - np.log(intensity(prior.from_unconstrained(z)))
    assert (np.abs(off) < 4 * found.error(z) + 0.03).all()
    assert found.error(z).max() < 0.15
    with pytest.raises(AssertionError):  # an intensity that leans another way is told from it
        assert (np.abs(off + 0.3 * z[:, 0]) < 4 * found.error(z) + 0.03).all()


def test_errors_of_an_intensity_are_its_scatter_though_counts_spread_more_than_poissons():
    rng, scatter = np.random.default_rng(3), []
    features = selection.make_features(rng.standard_normal((500, 1)), products=False)
    for _ in range(200):
        expected = np.exp(features @ [0.5, 0.4, 0.0]) * rng.gamma(0.5, 2.0, 500)  # a variance of 1 + 2 times the mean
        scatter.append(selection.regress_counts(features, rng.poisson(expected).astype(float), 1.0))
    found, covariances = (np.array(values) for values in zip(*scatter, strict=True))
    told, seen = np.sqrt(covariances.mean(axis=0).diagonal()), found.std(axis=0)
    assert told == pytest.approx(seen, rel=0.25)
    poisson = np.exp(features @ [0.5, 0.4, 0.0])
    assert (np.sqrt(np.linalg.inv((features.T * poisson) @ features).diagonal()) < 0.7 * seen).all()


def test_histories_that_run_away_say_nothing_of_the_intensity(monkeypatch):
    case = talks()
    likelihood = bring_together(case, read_paper(case), NAMES)
    prior, seen = declare_prior(likelihood.compiled.scenario, NAMES), []
    plain = selection.regress_counts

    def look(features, counts, exposure):
        seen.append((len(counts), counts.sum()))
        return plain(features, counts, exposure)

    monkeypatch.setattr(selection, "regress_counts", look)
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 14)
    with pytest.warns(ExplosiveWarning) as warned:
        found = learn_intensity(likelihood, prior, NEWS, seed=1, runs=1_000)
    more = int(re.search(r"and (\d+) more of 1,000", str(warned[0].message)).group(1))
    assert seen == [(1_000 - more - 1, found.events)]


def test_a_conditioned_fit_is_the_posterior_on_a_grid():
    """Brute force: likelihood by replay and exact intensity on a grid of both rates."""
    case = talks()
    told = read_paper(case)
    likelihood = bring_together(case, told, NAMES)
    prior = declare_prior(likelihood.compiled.scenario, NAMES)
    axis = np.linspace(-4, 4, 41)
    z = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    theta = prior.from_unconstrained(z)
    logs = likelihood(theta) + prior.logpdf_unconstrained(z)

    def moments(given: np.ndarray) -> np.ndarray:
        share = np.exp(given - special.logsumexp(given))
        return share @ np.log(theta)

    plain, conditioned = moments(logs), moments(logs - np.log(intensity(theta)))
    asked = {"even_if_too_much": True, "even_if_explosive": True, "seed": 2}
    fits = [negsim.fit(case, told, news=news, **asked) for news in (None, NEWS)]
    for posterior, exact in zip(fits, (plain, conditioned), strict=True):
        assert posterior.weights @ np.log(posterior.draws) == pytest.approx(exact, abs=0.03)
    assert np.abs(conditioned - plain).min() > 0.06  # it matters, so that leaving it out would be seen
    assert "not conditioned" in str(fits[0])
    assert f"given that {NEWS} made the news" in str(fits[1])
    assert fits[1].provenance["conditioned_on"] == NEWS


def test_news_that_nobody_makes_is_refused_with_the_nearest():
    case = talks()
    likelihood = bring_together(case, read_paper(case), NAMES)
    prior = declare_prior(likelihood.compiled.scenario, NAMES)
    with pytest.raises(NoNews, match="nearest: meet:north:talks:"):
        learn_intensity(likelihood, prior, "meet:north:talk:", seed=1)
    with pytest.raises(NoNews, match="too few"):
        learn_intensity(likelihood, prior, "walk_out:*", seed=1, runs=50)
    conditioned = condition_on_news(likelihood, prior, learn_intensity(likelihood, prior, NEWS, seed=1, runs=2_000))
    theta = np.array([[4.0, 4.0]])
    assert conditioned(theta) > likelihood(theta)  # a rate per day is below one
