"""Do ranks of the truth tell a right likelihood from a wrong one, and does a study survive an interruption?"""

import json

import numpy as np
import pytest
from scipy import stats

import negsim
from negsim.calibration.fitting import bring_together
from negsim.calibration.ranks import PURPOSE_RANKS, QUANTITIES, Ranks, measure_quantities, sbc
from negsim.streams import open_stream


def textbook():
    data = negsim.load_scenario("two-state-channel").model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + 1)
    prior = {"family": "lognormal", "median": 4.0, "sd": 0.6}
    data["parameter"] = [{"name": "meeting", "numbers": ["channel.talks.rates.meet"], "prior": prior}]
    return negsim.Scenario.model_validate(data)


def told(values, size=1):
    return Ranks((*(f"p{k}" for k in range(size)), *QUANTITIES), values, 0, 0, 0)


def test_uniform_ranks_pass_and_a_quantity_that_gives_a_bug_away_does_not():
    values = np.random.default_rng(1).random((400, 1 + len(QUANTITIES)))
    assert told(values).table()["p_holm"].min() > 0.01
    bent = values.copy()
    bent[:, 1] **= 2  # the log-likelihood alone: what a likelihood that ignores its data does
    table = told(bent).table()
    assert table["p_holm"].idxmin() == "log-likelihood"
    assert table["p_holm"].min() < 1e-6
    assert "log-likelihood" in told(bent).summary()


def test_the_log_likelihood_that_ranks_is_the_one_that_is_fitted():
    case = textbook()
    observed = negsim.observe(negsim.simulate(case, runs=1, seed=3), precision="month")
    target = bring_together(case, observed, ("meeting",))
    rng = np.random.default_rng(2)
    theta, unit = rng.uniform(2.0, 8.0, (6, 1)), rng.random((6, target.open_dates))
    found = measure_quantities(target, theta, unit)[:, QUANTITIES.index("log-likelihood")]
    assert found == pytest.approx(target(theta, unit))
    assert (observed.log_volume(unit) > 1.0).all()  # without which it would be another one


def test_an_interrupted_study_goes_on_to_the_same_ranks(tmp_path):
    whole = sbc(textbook(), simulations=3, seed=4, draws=1000)
    file = tmp_path / "study.jsonl"
    sbc(textbook(), simulations=2, seed=4, draws=1000, path=file)
    file.write_text(file.read_text() + '{"number": 2, "ran')  # cut short by an interruption
    again = sbc(textbook(), simulations=3, seed=4, draws=1000, path=file)
    np.testing.assert_allclose(again.values, whole.values)
    assert json.loads(file.read_text().splitlines()[-1])["number"] == 2
    assert json.loads(file.read_text().splitlines()[0])["parameters"] == ["meeting"]
    with pytest.raises(ValueError, match="another study"):
        sbc(textbook(), simulations=1, seed=5, path=file)


def test_the_truth_ranks_anywhere_and_not_if_the_likelihood_is_too_sure_of_itself():
    def treble(right):
        return lambda theta: 3 * right(theta)

    right, wrong = (
        sbc(textbook(), simulations=40, seed=8, draws=1000, doctor=doctor).table() for doctor in (None, treble)
    )
    assert right["p_holm"].min() > 0.001
    assert wrong["p_holm"].min() < 0.001
    assert wrong.loc["meeting", "coverage"] < 0.75 < right.loc["meeting", "coverage"]


def test_new_data_that_say_nothing_leave_a_posterior_as_it_was_given():
    case = textbook()
    observed = negsim.observe(negsim.simulate(case, runs=1, seed=3))
    posterior = negsim.fit(case, observed, seed=1, even_if_too_much=True, draws=2000)

    def silence(right):
        return lambda theta, unit=None: np.zeros(len(theta))

    found = sbc(case, simulations=6, seed=4, given=(posterior, observed), doctor=silence, draws=2000).values[:, 0]
    streams = [open_stream(4, PURPOSE_RANKS, number, ()) for number in range(6)]
    truths = np.array([posterior.resample(1, stream).draws[0, 0] for stream in streams])
    places = (posterior.draws < truths).T @ posterior.weights
    assert found == pytest.approx(places, abs=0.04)
    under_prior = stats.norm.cdf(posterior.prior.to_unconstrained(truths[:, None])[:, 0])
    assert np.abs(places - under_prior).max() > 0.1  # what would be found had the old data been forgotten


def test_truths_may_be_drawn_from_a_posterior_and_fitted_together_with_its_data():
    case = textbook()
    observed = negsim.observe(negsim.simulate(case, runs=1, seed=3))
    posterior = negsim.fit(case, observed, seed=1, even_if_too_much=True, draws=1000)
    ranks = sbc(case, simulations=2, seed=4, given=(posterior, observed), draws=1000)
    assert ranks.values.shape == (2, 1 + len(QUANTITIES))
    assert ((ranks.values >= 0) & (ranks.values <= 1)).all()


def test_a_simulation_without_a_single_draw_is_counted_and_ends_no_study():
    def impossible(right):
        return lambda theta: np.full(len(theta), -np.inf)

    ranks = sbc(textbook(), simulations=2, seed=4, doctor=impossible, draws=1000)
    assert (ranks.failures, ranks.blank, ranks.rejected, len(ranks.values)) == (2, 2, 0, 0)
    assert "2 of them without a draw" in ranks.summary()


def test_a_truth_that_runs_away_is_left_out_and_counted(monkeypatch, tmp_path):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 10)
    file = tmp_path / "study.jsonl"
    ranks = sbc(textbook(), simulations=12, seed=8, draws=1000, path=file)
    assert 0 < ranks.ran_away < 12
    assert (ranks.ran_away + len(ranks.values), ranks.failures, ranks.rejected, ranks.blank) == (12, 0, 0, 0)
    assert f"{ranks.ran_away} that ran away" in ranks.summary()
    assert sbc(textbook(), simulations=12, seed=8, draws=1000, path=file).ran_away == ranks.ran_away


def test_intervals_that_always_hold_the_truth_have_an_error_all_the_same():
    middle = told(np.full((5, 1 + len(QUANTITIES)), 0.5))
    assert (middle.table()["coverage_se"] > 0.1).all()
    assert "hold the truth in 1.000 ± 0.1" in middle.summary()
    assert "hold the truth in 1.000 ± 0.2" in told(middle.values[:1]).summary()
