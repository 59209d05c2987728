"""Do ranks of the truth tell a right likelihood from a wrong one, and does a study survive an interruption?"""

import json

import numpy as np
import pytest

import negsim
from negsim.calibration.ranks import QUANTITIES, Ranks, sbc


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


def test_an_interrupted_study_goes_on_to_the_same_ranks(tmp_path):
    whole = sbc(textbook(), 3, seed=4, draws=1000)
    file = tmp_path / "study.jsonl"
    sbc(textbook(), 2, seed=4, draws=1000, path=file)
    file.write_text(file.read_text() + '{"number": 2, "ran')  # cut short by an interruption
    again = sbc(textbook(), 3, seed=4, draws=1000, path=file)
    np.testing.assert_allclose(again.values, whole.values)
    assert json.loads(file.read_text().splitlines()[-1])["number"] == 2
    assert json.loads(file.read_text().splitlines()[0])["parameters"] == ["meeting"]
    with pytest.raises(ValueError, match="another study"):
        sbc(textbook(), 1, seed=5, path=file)


def test_truths_may_be_drawn_from_a_posterior_and_fitted_together_with_its_data():
    case = textbook()
    observed = negsim.observe(negsim.simulate(case, runs=1, seed=3))
    posterior = negsim.fit(case, observed, seed=1, even_if_too_much=True, draws=1000)
    ranks = sbc(case, 2, seed=4, given=(posterior, observed), draws=1000)
    assert ranks.values.shape == (2, 1 + len(QUANTITIES))
    assert ((ranks.values >= 0) & (ranks.values <= 1)).all()


def test_a_simulation_without_a_single_draw_is_counted_and_ends_no_study():
    def impossible(right):
        return lambda theta: np.full(len(theta), -np.inf)

    ranks = sbc(textbook(), 2, seed=4, doctor=impossible, draws=1000)
    assert (ranks.failures, ranks.blank, ranks.rejected, len(ranks.values)) == (2, 2, 0, 0)
    assert "2 of them without a draw" in ranks.summary()
