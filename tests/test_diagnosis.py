"""Does a diagnosis say what a fit rests on, and does it notice what is wrong?"""

import datetime as dt
import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import negsim
from negsim.calibration import dates, identifiability, predictive
from negsim.calibration.dates import _explain, _share_error
from negsim.calibration.diagnosis import diagnose
from negsim.calibration.fitting import bring_fit, bring_together, chronology_digest, declare_prior, fit
from negsim.calibration.identifiability import find_bounds, find_directions, identify, measure_distance, scale_power
from negsim.calibration.influence import _compare, leave_events_out, widen_date
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.outlook import ExplosivePrior, PriorOutlook, foresee
from negsim.calibration.posterior import Posterior
from negsim.calibration.predictive import (
    Told,
    adjust_by_holm,
    check_predictions,
    longest_silence,
    median_gap,
    rank_two_sided,
    reciprocity_lag,
    rescaled_distance,
    simulate_told,
)
from negsim.calibration.priors import JointPrior, Prior1D
from negsim.calibration.psis import smooth_weights
from negsim.calibration.surprises import measure_surprises
from negsim.compiler import compile_scenario
from negsim.ensemble import Explosive
from negsim.history import History
from negsim.observation import NothingObserved, Observer

pytestmark = pytest.mark.xdist_group("diagnosis")  # one worker: a fit is diagnosed once

# -- a small case: talks that meet and adjourn ------------------------------------------------------------------------


def textbook(years=2, **priors):
    data = negsim.load_scenario("two-state-channel").model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + years)
    numbers = {"meeting": "meet", "ending": "adjourn"}
    data["parameter"] = [
        {"name": name, "numbers": [f"channel.talks.rates.{numbers[name]}"], "prior": prior}
        for name, prior in priors.items()
    ]
    return negsim.Scenario.model_validate(data)


CALM = {"family": "lognormal", "median": 4.0, "sd": 0.5}


@pytest.fixture(scope="module")
def case():
    return textbook(meeting=CALM, ending=CALM)


@pytest.fixture(scope="module")
def told(case):
    return negsim.observe(negsim.simulate(case, runs=1, seed=5), precision="month", seed=1)


@pytest.fixture(scope="module")
def posterior(case, told):
    """Draws near enough to a posterior of the case to be diagnosed, with dates that nobody knows."""
    likelihood = bring_together(case, told, ("meeting", "ending"))
    prior, rng = declare_prior(case, likelihood.names), np.random.default_rng(2)
    theta, unit = prior.draw(400, rng), rng.random((400, likelihood.open_dates))
    logs = likelihood(theta, unit)
    return Posterior(prior, theta, logs, logs, 0.0, 0.0, "importance", 400, 1, latent=unit)


@pytest.fixture(scope="module")
def diagnosis(case, told, posterior):
    return diagnose(case, posterior, told, seed=3, draws=20, runs=39)


def test_a_diagnosis_has_every_part_and_says_it_in_words(diagnosis):
    said = diagnosis.summary()
    for title in ("What was learned", "expectation", "carries the claim", "Unknown dates", "Histories the model makes"):
        assert title in said
    assert set(diagnosis.identifiability.table["says"]) <= {"learned", "moved", "cannot tell", "prior-driven"}
    assert diagnosis.predictive.table["p_value"].between(0, 1).all()


def test_every_told_event_has_a_surprise_and_an_influence(diagnosis, told):
    keys = {move.key for move in told.moves}
    assert set(diagnosis.surprises.table.index) == keys
    assert set(diagnosis.influence.table.index) == keys
    assert diagnosis.surprises.table["chance"].to_numpy() == pytest.approx(1.0)  # meet and adjourn take turns


def test_a_chance_is_among_what_would_be_told(case, told, posterior):
    """Meet and adjourn take turns: each is the only one that can be told, however seldom it would be."""
    seldom = replace(told, reporting=negsim.reporting.Reporting((negsim.reporting.Rule(("*",), probability=0.5),)))
    likelihood = bring_together(case, seldom, posterior.names)
    found = measure_surprises(likelihood, posterior.resample(5, np.random.default_rng(1)))
    assert found.chances == pytest.approx(1.0)


def test_a_chance_on_the_first_and_the_last_day_of_the_record_is_one_of_all_all_the_same(case, posterior):
    """Moves that share a day are put at shares of it, less than half a day from where the record begins or ends."""
    days = [0.2, 0.6, 99.3, 99.8]  # meet, adjourn, meet, adjourn
    compiled = compile_scenario(case)
    kinds = [event.kind for event in compiled.labels.events]
    moves = [kinds.index(kind) for kind in ("meet", "adjourn")] * 2
    history = History(np.array(days), np.array(moves))
    last = case.start + dt.timedelta(days=99)
    told = Observer(compiled, last=last).observe(history, 0)
    drawn = replace(posterior.resample(5, np.random.default_rng(1)), latent=np.zeros((5, 0)))
    found = measure_surprises(bring_together(case, told, posterior.names), drawn)
    assert found.chances == pytest.approx(1.0)


@pytest.mark.xdist_group("compiled")  # one process compiles for all
def test_a_diagnosis_is_the_same_by_either_engine(case, told, posterior, diagnosis):
    pytest.importorskip("numba")
    again = diagnose(case, posterior, told, seed=3, draws=20, runs=39, engine="compiled")
    for part in ("surprises", "influence", "predictive"):
        numbers = [getattr(one, part).table.select_dtypes("number") for one in (again, diagnosis)]
        np.testing.assert_allclose(*numbers, rtol=1e-6, atol=1e-9)


def test_the_waits_of_a_surprise_add_up_to_the_integrated_hazard(case, told, posterior, diagnosis):
    likelihood = bring_together(case, told, posterior.names)
    waits = diagnosis.surprises.waits
    assert waits.shape == (20, len(told.moves))
    assert (waits >= 0).all()
    found = likelihood.score(posterior.draws[:1], likelihood.histories(posterior.latent[:1]))
    assert found.intervals.shape[0] == len(told.moves) + 1


def test_the_probability_of_a_date_is_the_ratio_of_two_evidences():
    """One meeting in a window, one unknown rate: with its date forgotten, the posterior is known in closed form."""
    case = textbook(years=1, meeting={"family": "gamma", "a": 2.0, "b": 2.0})
    start = case.start
    rows = [(start + dt.timedelta(days=100), "meet:north:talks:")]
    told = negsim.observe(_history(case, rows), compiled=bring_together(case, _nothing(case)).compiled)
    posterior = fit(case, told, seed=1, even_if_too_much=True)
    found = diagnose(case, posterior, told, seed=4, draws=200, runs=19)
    compiled = bring_together(case, told).compiled
    anywhen = negsim.observe(_history(case, rows), precision="window", compiled=compiled)
    rates, dates = np.linspace(0.02, 10, 150), (np.arange(60) + 0.5) / 60
    theta, unit = (axis.reshape(-1, 1) for axis in np.meshgrid(rates, dates, indexing="ij"))
    prior = stats.gamma.pdf(rates, 2.0, scale=0.5)
    wide = np.exp(bring_together(compiled, anywhen, posterior.names)(theta, unit)).reshape(150, 60).mean(axis=1)
    narrow = np.exp(bring_together(compiled, told, posterior.names)(rates[:, None]))
    exact = (narrow @ prior) / (wide @ prior)
    row = found.influence.table.iloc[0]
    assert row["date_probability"] == pytest.approx(exact, rel=0.1)


@pytest.mark.filterwarnings("error")
def test_a_draw_under_which_an_event_is_impossible_has_weight_zero(case, told, posterior, monkeypatch):
    likelihood, drawn = bring_together(case, told, posterior.names), replace(posterior, log_weights=np.zeros(400))
    place, (ratio, _) = 1, widen_date(likelihood, drawn, 1, 6, seed=3)
    plain = ChronologyLikelihood.score

    def forbid(self, theta, histories):
        score = plain(self, theta, histories)
        ruled_out = (theta[:, None] == banned).all(axis=2).any(axis=1)
        return replace(score, total=np.where(ruled_out, -np.inf, score.total))

    monkeypatch.setattr(ChronologyLikelihood, "score", forbid)
    banned = drawn.draws[:3]
    with_impossible, share = widen_date(likelihood, drawn, place, 6, seed=3)
    assert with_impossible[:3].tolist() == [-np.inf] * 3
    assert with_impossible[3:] == pytest.approx(ratio[3:])
    row, kept = _compare(drawn, with_impossible, share), np.exp(smooth_weights(with_impossible)[0])
    assert np.isfinite(row["k_hat"])
    assert row["shifts"] == pytest.approx((kept @ drawn.draws / kept.sum() - drawn.mean()) / drawn.sd())
    banned = drawn.draws
    found = leave_events_out(likelihood, drawn, seed=3, dates=6)
    assert (found.table["k_hat"] == np.inf).all()
    assert "not known: impossible under every draw" in found.summary()


def test_the_error_of_a_shift_is_that_of_weights_which_have_to_do_with_the_parameter_or_have_not():
    rng, draws = np.random.default_rng(7), 400
    prior = JointPrior(["a"], [Prior1D("normal", 0.0, 1.0)])
    for slope, noise in ((0.3, 0.0), (0.0, 0.6), (0.4, 0.5)):
        rows = []
        for _ in range(200):
            z = rng.standard_normal((draws, 1))
            some = Posterior(prior, z, np.zeros(draws), np.zeros(draws), 0.0, 0.0, "importance", draws, 1)
            rows.append(_compare(some, slope * z[:, 0] + noise * rng.standard_normal(draws), np.full(draws, 0.1)))
        shifts, errors = np.array([[*row["shifts"], row["shift_mcse"]] for row in rows]).T
        assert errors.mean() == pytest.approx(shifts.std(), rel=0.12), (slope, noise)


def test_a_share_of_variance_that_many_dates_explain_by_chance_is_not_told_as_certain():
    stream, draws, dates = np.random.default_rng(8), 120, 30
    even, found = np.full(draws, 1 / draws), []
    for _ in range(300):
        ranks, values = stream.random((draws, dates)) - 0.5, stream.standard_normal((draws, 1))
        share = _explain(ranks, values, even, draws)
        found.append((share[0], _share_error(share, dates, draws)[0]))
    shares, errors = np.array(found).T
    assert errors.min() > 0.07
    assert np.sqrt(np.mean(shares**2)) < np.sqrt(np.mean(errors**2))
    assert np.isnan(_share_error(share, dates, dates)).all()


def test_the_error_of_a_dates_probability_is_its_scatter_over_draws():
    rng, draws = np.random.default_rng(6), 400
    prior = JointPrior(["a"], [Prior1D("normal", 0.0, 1.0)])
    rows = []
    for _ in range(200):
        z = rng.standard_normal((draws, 1))
        some = Posterior(prior, z, np.zeros(draws), np.zeros(draws), 0.0, 0.0, "importance", draws, 1)
        rows.append(_compare(some, 1.5 + 0.5 * z[:, 0], np.full(draws, 0.1)))
    found, told = (np.array([row[name] for row in rows]) for name in ("date_probability", "date_probability_mcse"))
    assert found.mean() == pytest.approx(np.exp(-1.5 - 0.125), rel=0.01)  # one over the mean ratio
    assert told.mean() == pytest.approx(found.std(), rel=0.2)
    shifts, errors = np.array([[*row["shifts"], row["shift_mcse"]] for row in rows]).T
    assert shifts.mean() == pytest.approx(0.5, abs=0.03)
    assert errors.mean() == pytest.approx(shifts.std(), rel=0.12)
    assert errors.mean() < 0.8 / np.sqrt(draws)  # both means are of the same draws
    fewer = _compare(replace(some, diagnostics={"ess": draws / 4}), 1.5 + 0.5 * z[:, 0], np.full(draws, 0.1))
    for name in ("date_probability_mcse", "shift_mcse"):  # of draws that are worth a quarter of their number
        assert fewer[name] == pytest.approx(2 * rows[-1][name])


def test_a_date_of_which_nothing_is_known_is_as_probable_as_chance_whatever_room_the_others_leave():
    rng, draws = np.random.default_rng(8), 2_000
    prior = JointPrior(["a"], [Prior1D("normal", 0.0, 1.0)])
    z = rng.standard_normal((draws, 1))
    some = Posterior(prior, z, np.zeros(draws), np.zeros(draws), 0.0, 0.0, "importance", draws, 1)
    room = rng.uniform(5.0, 800.0, draws)  # days, for an event that is told to the day
    assert _compare(some, np.log(room), 1 / room)["times_even"] == pytest.approx(1.0, abs=0.02)
    assert 1 / room.mean() < 0.7 * (1 / room).mean()  # what is to be expected is not the mean share of the room


def _history(case, rows):
    from negsim.history import read_history

    return read_history(bring_together(case, _nothing(case)).compiled, rows)


def _nothing(case):
    from negsim.compiler import compile_scenario
    from negsim.history import History

    compiled = compile_scenario(case)
    return negsim.observe(History(np.zeros(0), np.zeros(0, dtype=np.int64)), compiled=compiled)


def test_a_posterior_of_something_else_is_refused(case, told):
    other = Posterior(
        JointPrior(["meeting"], [Prior1D("normal", 0.0, 1.0)]),
        np.zeros((3, 1)), np.zeros(3), np.zeros(3), 0.0, 0.0, "importance", 3, 1,
    )  # fmt: skip
    with pytest.raises(ValueError, match="open dates"):
        diagnose(case, other, told)
    for ask in (diagnose, negsim.forecast, negsim.explain_events):
        with pytest.raises(TypeError, match=r"posterior (is what negsim\.fit gives|must be a Posterior), not None"):
            ask(case, None, told)
        with pytest.raises(ValueError, match="beijing-1999 has no meeting, ending, which the posterior is of"):
            ask("beijing-1999", other_names(told), None)


def other_names(told):
    prior = JointPrior(["meeting", "ending"], [Prior1D("normal", 0.0, 1.0)] * 2)
    return Posterior(prior, np.zeros((3, 2)), np.zeros(3), np.zeros(3), 0.0, 0.0, "importance", 3, 1)


def test_a_posterior_of_another_chronology_of_as_many_dates_is_refused(case, told, posterior):
    mine = replace(posterior, provenance={"chronology": "mine", "chronology_digest": chronology_digest(told)})
    assert bring_fit(case, mine, told).chronology is told
    moved = replace(told, window=(told.window[0], told.window[1] + 1))
    with pytest.raises(ValueError, match="was fitted to mine, which told something else than run 0 does now"):
        bring_fit(case, mine, moved)


@pytest.mark.parametrize(("name", "value"), [("draws", 0), ("runs", 1), ("seed", -1), ("runs", 20.0)])
def test_what_is_no_number_of_draws_is_refused_by_name(case, told, posterior, name, value):
    with pytest.raises(ValueError, match=f"{name} must be a whole number"):
        diagnose(case, posterior, told, **{name: value})


def test_an_ending_that_no_simulated_history_has_is_refused_in_words(case, told, posterior):
    with pytest.raises(ValueError, match="ending: '' fits no move; addresses look like"):
        diagnose(case, posterior, told, draws=2, runs=2, influence=False, ending="")
    likelihood = bring_together(case, _nothing(case), posterior.names)
    with pytest.raises(NothingObserved, match="none of 5 simulated histories has adjourn:"):
        simulate_told(likelihood, np.full((5, 2), [4.0, 1e-9]), 0, 1, "adjourn:*")


def test_histories_without_news_are_counted_where_they_are_left_out(case, told, posterior):
    likelihood = bring_together(case, told, posterior.names)
    rare = replace(posterior, draws=np.column_stack([np.full(400, 1.0), posterior.draws[:, 1]]))
    found = check_predictions(likelihood, rare, seed=1, runs=20, ending="adjourn:*")
    assert 0 < found.fewest < 20
    assert found.no_news >= 20 - found.fewest
    assert f"{found.no_news} of 60 simulated histories have nothing that made the news" in found.summary()
    assert f"{found.fewest} are left where fewest are" in found.summary()
    every = check_predictions(likelihood, posterior, seed=1, runs=5)
    assert (every.no_news, every.fewest) == (0, 5)


# -- identifiability --------------------------------------------------------------------------------------------------


def bell(scale, n=20_000):
    """Draws of a normal posterior whose first direction, (1, 1), is narrowed to `scale`."""
    rng = np.random.default_rng(1)
    along, across = rng.standard_normal(n) * scale, rng.standard_normal(n)
    z = np.column_stack([along + across, along - across]) / np.sqrt(2)
    logs = -0.5 * along**2 * (1 / scale**2 - 1)
    prior = JointPrior(["a", "b"], [Prior1D("normal", 0.0, 1.0)] * 2)
    return Posterior(prior, z, np.zeros(n), logs, 0.0, 0.0, "importance", n, 1)


def test_the_direction_that_was_learned_is_found_where_neither_parameter_was():
    found = identify(bell(0.2))
    values, vectors = find_directions(bell(0.2))
    assert values == pytest.approx([0.04, 1.0], rel=0.05)
    assert np.abs(vectors[:, 0]) == pytest.approx([0.7071, 0.7071], abs=0.02)
    assert found.directions["contraction"].iloc[0] == pytest.approx(0.96, abs=0.01)
    assert found.directions["information"].iloc[0] == pytest.approx(24, rel=0.1)
    assert identify(bell(0.8)).directions["information"].iloc[0] == pytest.approx(1 / 0.64 - 1, rel=0.1)
    assert found.learned == pytest.approx(0.96, abs=0.05)
    assert "flat" in found.summary()


def test_the_error_of_what_is_learned_is_its_scatter_and_unknown_for_one_draw(monkeypatch):
    monkeypatch.setattr(identifiability, "find_bounds", functools.cache(find_bounds))  # sixty times the same
    rng, names = np.random.default_rng(2), [f"p{place}" for place in range(20)]
    prior = JointPrior(names, [Prior1D("normal", 0.0, 1.0)] * 20)

    def learn(z):
        nothing = np.zeros(len(z))
        return identify(Posterior(prior, z, nothing, nothing, 0.0, 0.0, "importance", 1, 1))

    found = [learn(rng.standard_normal((100, 20)) * 0.8) for _ in range(60)]
    scatter = np.std([one.learned for one in found])
    assert np.mean([one.learned_mcse for one in found]) == pytest.approx(scatter, rel=0.35)
    assert "± 0." in found[0].summary().partition("\n")[0]
    alone = learn(np.ones((1, 20)))
    assert np.isnan(alone.learned_mcse)
    assert alone.directions["contraction_mcse"].isna().all()


def test_a_direction_counts_as_narrowed_only_if_all_before_it_do(monkeypatch):
    monkeypatch.setattr(identifiability, "find_bounds", lambda *_: np.array([0.0, 2.0]))
    assert list(identify(bell(0.2)).directions["says"]) == ["cannot tell", "flat"]


def test_many_dates_explain_no_more_of_a_parameter_than_goes_with_them():
    """Twenty dates of a hundred draws explain a fifth of anything by chance: that is taken off."""
    rng, weights, shares = np.random.default_rng(7), np.full(100, 0.01), []
    for _ in range(200):
        ranks, noise = rng.random((100, 20)), rng.standard_normal(100)
        values = np.column_stack([noise, np.sqrt(12) * ranks[:, 0] + noise])
        shares.append(dates._explain(ranks, values, weights, 100.0))
    none, half = np.mean(shares, axis=0)
    assert none < 0.06
    assert half == pytest.approx(0.5, abs=0.03)


def test_few_draws_of_a_prior_hardly_ever_look_narrowed_and_many_of_a_narrow_posterior_do():
    rng = np.random.default_rng(4)

    def narrowed(scales, draws, times):
        bounds = find_bounds(len(scales), draws)
        z = rng.standard_normal((times, draws, len(scales))) * scales
        variances = np.linalg.eigvalsh(z.transpose(0, 2, 1) @ z / draws)
        return variances, (np.logical_and.accumulate(variances < bounds, axis=1)).sum(axis=1)

    chance = stats.binom.ppf(0.999, 400, 0.0375)  # 2.3%, and what 400 samples of the bound leave open
    variances, found = narrowed(np.ones(12), 100, 400)
    assert variances[:, 0].max() < 0.75, "the narrowest of twelve always looks narrowed"
    assert (found > 0).sum() <= chance
    assert 0 < (narrowed(np.full(12, np.sqrt(0.9)), 300, 400)[1] > 0).sum() <= chance
    assert np.isin(narrowed(np.r_[0.5, 0.5, np.ones(10)], 2_000, 50)[1], 2).all()
    assert not find_bounds(12, 12.0).any(), "fewer draws than directions tell nothing"


def test_a_direction_that_the_draws_are_too_few_to_tell_is_said_to_be_so():
    found = identify(bell(0.85, n=40))
    assert set(found.directions["says"]) <= {"cannot tell", "flat"}
    assert "so few draws do not tell" in found.summary()
    assert list(identify(bell(0.2)).directions["says"]) == ["narrowed", "flat"]


def test_power_scaling_tells_a_prior_that_decides_from_data_that_do():
    z = 0.1 * np.random.default_rng(2).standard_normal((20_000, 1))
    logs = -0.5 * z[:, 0] ** 2 * (1 / 0.1**2 - 1)
    one = JointPrior(["a"], [Prior1D("normal", 0.0, 1.0)])
    flat, sharp = bell(1.0), Posterior(one, z, np.zeros(20_000), logs, 0.0, 0.0, "importance", 20_000, 1)
    assert (scale_power(flat, "likelihood") < 0.01).all()
    assert (scale_power(flat, "prior") > 0.05).all()
    assert (scale_power(sharp, "likelihood") > 0.05).all()
    assert (scale_power(sharp, "prior") < 0.01).all()


def test_the_sensitivity_to_the_likelihood_is_that_of_two_bells():
    """The posterior of a bell, and those with the likelihood a hundredth stronger and weaker, by their own curves."""
    z = 0.5 * np.random.default_rng(3).standard_normal((40_000, 1))
    logs = -1.5 * z[:, 0] ** 2  # with the prior a variance of a quarter
    prior = JointPrior(["a"], [Prior1D("normal", 0.0, 1.0)])
    found = scale_power(Posterior(prior, z, np.zeros(40_000), logs, 0.0, 0.0, "importance", 40_000, 1), "likelihood")
    grid, distances = np.linspace(z.min(), z.max(), 20_001), []
    for power in (identifiability.POWER, 1 / identifiability.POWER):
        p, q = (stats.norm.cdf(grid, scale=(1 + 3 * each) ** -0.5) for each in (1.0, power))
        spread = sum(side * np.log2(2 * side / (p + q)) for side in (p, q)).sum()
        distances.append(np.sqrt(spread / (p + q).sum()))
    assert found[0] == pytest.approx(np.mean(distances) / np.log2(identifiability.POWER), rel=0.05)


def test_the_distance_between_weightings_is_none_for_the_same_and_one_for_what_lies_apart():
    values = np.linspace(0, 1, 100)
    same = np.full(100, 0.01)
    left, right = (np.where(values < 0.01, 1.0, 0.0), np.where(values > 0.99, 1.0, 0.0))
    assert measure_distance(values, same, same) == pytest.approx(0.0, abs=1e-7)
    assert measure_distance(values, left / left.sum(), right / right.sum()) > 0.9


# -- the outlook of the prior -----------------------------------------------------------------------------------------


def test_a_prior_under_which_histories_run_away_is_refused_by_name():
    wild = {"family": "lognormal", "median": 4.0, "sd": 2.5}
    case = textbook(years=1, meeting=wild, ending={"family": "lognormal", "median": 2000.0, "sd": 0.1})
    told = negsim.observe(negsim.simulate(case, runs=1, seed=5), precision="day", seed=1)
    with pytest.raises(ExplosivePrior, match=r"high values of meeting .*even_if_explosive"):
        fit(case, told, even_if_too_much=True)
    with pytest.raises(ValueError, match="method 'none'"):  # the prior is let through, the method is looked at next
        fit(case, told, even_if_too_much=True, even_if_explosive=True, method="none")


def test_of_two_parameters_the_one_that_tells_what_runs_away_is_blamed():
    """Of forty histories all grow with `pace`, but three run away: those with the three highest values of `heat`."""
    pace, heat = np.linspace(-2, 2, 40), np.linspace(-1, 1, 40)[::-1].copy()
    wild = np.array([5, 20, 30])
    heat[[0, 1, 2, *wild]] = [*heat[wild], *heat[:3]]
    moves = np.where(np.isin(np.arange(40), wild), 4_000.0, np.arange(40) + 10.0)
    found = PriorOutlook(("pace", "heat"), np.column_stack([pace, heat]), moves, 10.0, 4_000.0)
    assert found.busy.nonzero()[0].tolist() == wild.tolist()
    # heat wins all 3 * 37 comparisons, pace 5 + (20 - 1) + (30 - 2)
    assert found.blame() == [("heat", pytest.approx(1.0)), ("pace", pytest.approx(2 * 52 / 111 - 1))]
    with pytest.raises(ExplosivePrior, match=r"The busiest go with high values of heat \(rank correlation \+1.00\)"):
        found.require_calm()
    calm = PriorOutlook(("pace", "heat"), found.z, np.arange(40) + 10.0, 10.0, 4_000.0)
    assert not calm.explosive
    assert calm.blame()[0] == ("pace", pytest.approx(1.0))


def test_where_all_histories_run_away_no_parameter_is_blamed():
    z = np.random.default_rng(1).standard_normal((20, 1))
    everywhere = PriorOutlook(("pace",), z, np.full(20, 4_000.0), 10.0, 4_000.0)
    assert everywhere.blame() == []
    with pytest.raises(ExplosivePrior, match=r"No parameter tells the busiest from the others: lower what feeds"):
        everywhere.require_calm()


def test_a_calm_prior_is_let_through_and_its_moves_are_those_of_simulations(case):
    compiled = bring_together(case, _nothing(case)).compiled
    found = foresee(compiled, declare_prior(case, ("meeting", "ending")), runs=400, seed=1)
    found.require_calm()
    rng = np.random.default_rng(2)
    theta = found_prior(case).draw(400, rng)
    counts = np.bincount(
        negsim.simulate(case, runs=400, seed=9, params={"meeting": theta[:, 0], "ending": theta[:, 1]}).events["run"],
        minlength=400,
    )
    assert stats.ks_2samp(found.moves, counts).pvalue > 0.001


def found_prior(case):
    return declare_prior(case, ("meeting", "ending"))


# -- statistics -------------------------------------------------------------------------------------------------------


def test_waits_of_what_is_told_take_in_those_of_what_is_not(case):
    compiled = bring_together(case, _nothing(case)).compiled
    days, moves, told = np.array([1.0, 2.0, 3.0]), np.array([0, 1, 0]), np.array([True, False, True])
    intervals = np.array([0.1, 0.2, 0.4, 0.8, np.nan])  # the last is of a longer history beside it
    found = predictive._gather(compiled, days, moves, told, intervals, _nothing(case))
    assert found.waits == pytest.approx([0.1, 0.6, 0.8])
    assert found.days.tolist() == [1.0, 3.0]


def test_what_a_chronology_implies_is_no_part_of_the_waits_as_it_is_none_of_simulated_ones(case):
    """Meetings are told; that they adjourned in between is implied, and no source would have told it."""
    meetings = negsim.reporting.Reporting((negsim.reporting.Rule(("meet:*",)),))
    history = negsim.simulate(case, runs=1, seed=5)
    told = replace(negsim.observe(history, meetings, unreported="implied"), reporting=meetings)
    likelihood = bring_together(case, told, ("meeting", "ending"))
    prior, rng, draws = declare_prior(case, likelihood.names), np.random.default_rng(2), 30
    theta, unit = prior.draw(draws, rng), rng.random((draws, likelihood.open_dates))
    some = Posterior(prior, theta, np.zeros(draws), np.zeros(draws), 0.0, 0.0, "importance", 30, 1, latent=unit)
    placed = told.place(likelihood.compiled, unit)
    for seen, days, rates in zip(predictive._told(likelihood, some), placed.days, theta, strict=True):
        order = np.argsort(days)
        met = np.array([not told.moves[place].implied for place in order])
        away = days[order][met] - np.r_[0.0, days[order][~met]][: met.sum()]
        assert len(away) > 3
        assert seen.waits[:-1] == pytest.approx(rates[0] * away / 365.25)


def test_statistics_of_a_history_worked_by_hand():
    told = Told(np.array([10.0, 20.0, 50.0]), np.array([0, 0, 1]), np.array([1.0, 0.5, 2.0, 0.1]), (0.0, 100.0))
    assert median_gap(told) == 20.0
    assert longest_silence(told) == 50.0
    assert reciprocity_lag(told) == 35.0  # 40 from the first, 30 from the second, none from the last
    exact = stats.kstest([1.0, 0.5, 2.0], "expon").statistic
    assert rescaled_distance(told) == pytest.approx(exact)


def test_histories_that_run_away_are_left_out_and_counted(case, told, posterior, monkeypatch):
    likelihood = bring_together(case, told, posterior.names)
    whole = check_predictions(likelihood, posterior, runs=30)
    most = len(told.moves)
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", most)
    rest = check_predictions(likelihood, posterior, runs=30)
    assert whole.ran_away == 0 < rest.ran_away < 90
    assert rest.table.loc["told moves", "prior_q95"] <= most < whole.table.loc["told moves", "prior_q95"]
    assert f"{rest.ran_away} of 90 simulated histories ran away" in rest.summary()
    assert "ran away" not in whole.summary()
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", -1)
    with pytest.raises(Explosive, match="all 30 simulated histories ran away"):
        simulate_told(likelihood, posterior.draws[:30], 0, 1)


def test_a_p_value_holds_one_draw_and_its_dates_against_histories_of_that_draw(case, told, posterior, monkeypatch):
    asked, ranked = [], []

    def look(likelihood, theta, *given):
        asked.append(theta)
        return simulate_told(likelihood, theta, *given)

    def rank(data, simulated, stream):
        ranked.append(data)
        return rank_two_sided(data, simulated, stream)

    monkeypatch.setattr(predictive, "simulate_told", look)
    monkeypatch.setattr(predictive, "rank_two_sided", rank)
    likelihood = bring_together(case, told, posterior.names)
    check_predictions(likelihood, posterior, seed=5, runs=20)
    prior, drawn, one = asked
    assert len(np.unique(one, axis=0)) == 1
    assert len(np.unique(drawn, axis=0)) > 10 < len(np.unique(prior, axis=0))
    (place,) = np.flatnonzero((posterior.draws == one[0]).all(axis=1))
    mine = replace(
        posterior, draws=one[:1], latent=posterior.latent[[place]], log_likelihood=np.zeros(1), log_weights=np.zeros(1)
    )
    exact = rescaled_distance(predictive._told(likelihood, mine)[0])
    assert np.isclose(ranked[0], exact, rtol=1e-9, atol=0).any()


def test_ranks_are_uniform_if_data_are_like_the_simulations_and_small_if_not():
    rng = np.random.default_rng(5)
    p = np.array([rank_two_sided(row[:1], row[1:, None], rng)[0] for row in rng.poisson(3.0, (4_000, 10))])
    assert stats.kstest(p, "uniform").pvalue > 0.001
    assert stats.kstest(p * 10 / 9, "uniform").pvalue < 1e-6  # were the data not one of those that are ranked
    assert rank_two_sided(np.array([99.0]), rng.poisson(3.0, (199, 1)), rng)[0] < 0.01


def test_what_is_undefined_ranks_lowest_in_shares_as_in_p_values():
    simulated = np.array([[1.0], [np.nan], [3.0], [np.nan]])
    assert predictive._share_above(np.array([[np.nan]]), simulated) == pytest.approx((2 + 0.5 * 2) / 4)
    assert predictive._share_above(np.array([[1.0]]), simulated) == pytest.approx((1 + 0.5) / 4)


def test_holm_raises_the_smallest_by_their_number():
    assert adjust_by_holm(np.array([0.01, 0.5, 0.02])) == pytest.approx([0.03, 0.5, 0.04])
    assert adjust_by_holm(np.array([0.031, 0.5, 0.03])) == pytest.approx(
        [0.09, 0.5, 0.09]
    )  # none below a smaller one's


@pytest.mark.parametrize(
    ("prior", "likelihood", "shift", "said"),
    [
        (0.2, 0.2, 1.5, "pull against each other"),
        (0.2, 0.2, 0.3, ""),
        (0.2, 0.01, 0.3, "leans on its prior"),
        (0.01, 0.2, 2.0, ""),
    ],
)
def test_a_conflict_is_told_only_where_the_data_took_a_parameter_far(prior, likelihood, shift, said):
    note = identifiability._note(prior, likelihood, shift)
    assert said in note
    assert bool(said) == bool(note)
