"""Are forecasts scored fairly, is power what it says, and does a registered forecast stay as it was?"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, linalg, stats

import negsim
from negsim.calibration.fitting import bring_together, declare_prior
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.priors import JointPrior, Prior1D
from negsim.ensemble import Explosive, ExplosiveWarning
from negsim.forecasts import (
    baselines,
    comparison,
    constant_rates,
    drawing,
    explanations,
    fits,
    information,
    omissions,
    reach,
    registration,
    verification,
)
from negsim.forecasts.accounts import account_for
from negsim.forecasts.comparison import Change, compare_theories
from negsim.forecasts.drawing import extend, forecast
from negsim.forecasts.explanations import explain_events, hold_events, list_told
from negsim.forecasts.information import measure_information
from negsim.forecasts.outlooks import Outlook, Period, hold_out, outcome, see
from negsim.forecasts.reach import LEVEL, measure_reach
from negsim.forecasts.verification import power, score, score_all
from negsim.observation import observe
from negsim.plots import draw_explanation, draw_forecast
from negsim.problems import ScenarioError
from negsim.questions import Answers, Question, answer, ask_about
from negsim.reporting import Reporting, Rule
from negsim.scenario_files import require_valid
from negsim.theories import list_theories, make_static, switch_off

pytestmark = pytest.mark.xdist_group("forecasts")  # one worker: a posterior is found once

PERIOD = Period(tuple(Question(f"q{n}", (f"e{n}",)) for n in range(8)), 0.0, 730.5)


def poisson_outlook(name: str, rates: np.ndarray, runs: int, seed: int, period: Period = PERIOD) -> Outlook:
    """Futures in which each question is a Poisson process (rates per year)."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(rates * period.days / 365.25, (runs, len(rates)))
    with np.errstate(divide="ignore"):
        first = period.days * (1 - rng.random(count.shape) ** (1 / count))
    return Outlook(name, period, np.where(count > 0, first, np.inf), count)


RATES = np.array([0.1, 0.2, 0.4, 0.8, 0.1, 0.2, 0.4, 0.8])


# -- scores and power -----------------------------------------------------------------------------------------------


def test_who_knows_the_rates_scores_best_on_average():
    truth = poisson_outlook("truth", RATES, 100, 1)
    knows, wrong = poisson_outlook("knows", RATES, 2000, 2), poisson_outlook("wrong", RATES[::-1] * 2, 2000, 3)
    table = score_all([knows, wrong], truth).set_index("forecaster")
    assert (table.loc["knows"] < table.loc["wrong"]).all()


def test_scores_of_a_sure_outcome_are_those_of_its_probability():
    told = Outlook("told", PERIOD, np.full((1, 8), 100.0), np.ones((1, 8), dtype=int))
    found = score(poisson_outlook("x", RATES, 4000, 4), told)
    assert found["log_score"].to_numpy() == pytest.approx(-np.log(found["probability"]))
    assert found["brier"].to_numpy() == pytest.approx((1 - found["probability"]) ** 2)
    assert (found["happened"] == 1).all()


def exceedance(outlook: Outlook, reference: Outlook, truth: Outlook) -> float:
    """Share of true outcomes, drawn from `truth`, whose gain is called one."""
    called = [
        power(outlook, reference, replace(truth, first=truth.first[[run]], count=truth.count[[run]])).p_value
        for run in range(truth.runs)
    ]
    return float(np.mean(np.array(called) <= 0.05))


def test_a_gain_is_called_one_no_more_often_than_promised_when_the_reference_is_right(monkeypatch):
    monkeypatch.setattr(verification, "RESAMPLED", 2)
    sharp, flat = poisson_outlook("sharp", RATES, 1500, 5), poisson_outlook("flat", RATES * 1.6, 1500, 6)
    said = power(sharp, flat)
    under_flat, under_sharp = (poisson_outlook("truth", rates, 400, 7) for rates in (RATES * 1.6, RATES))
    assert exceedance(sharp, flat, under_flat) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    assert exceedance(sharp, flat, under_sharp) == pytest.approx(said.power, abs=0.09)
    # Planted error: gains set against outcomes of another world than the reference's.
    assert exceedance(flat, sharp, under_flat) > 0.12


@pytest.mark.parametrize("which", ["log_score", "brier"])
def test_the_error_of_a_power_counts_the_futures_of_both_forecasters(which):
    pairs = ((poisson_outlook("x", RATES, 400, n), poisson_outlook("y", RATES * 1.6, 400, n + 100)) for n in range(60))
    found = [power(*pair, score=which) for pair in pairs]
    scatter = np.std([said.power for said in found], ddof=1)
    assert np.mean([said.power_error for said in found]) == pytest.approx(scatter, rel=0.3)
    alone = np.sqrt(np.mean([said.power * (1 - said.power) / 400 for said in found]))
    assert scatter > 1.5 * alone  # planted: as if what is exceeded were known exactly


def test_two_forecasters_that_say_the_same_cannot_be_told_apart():
    one = poisson_outlook("one", RATES, 2000, 8)
    said = power(one, replace(one, name="other"), one)
    assert said.power <= 0.05
    assert "cannot tell them apart" in said.describe()


def test_outcomes_as_probable_as_what_came_about_count_whatever_its_placements_add_up_to(monkeypatch):
    monkeypatch.setattr(verification, "RESAMPLED", 2)
    period = replace(PERIOD, questions=PERIOD.questions[:1])
    for seed in range(30):
        rng = np.random.default_rng(seed)
        mine, other = (poisson_outlook("x", rng.random(1), 900, seed, period) for _ in range(2))
        happens = np.isfinite(other.first[:, 0])
        for happened, others in ((True, happens), (False, ~happens)):
            day = np.full((64, 1), 3.0 if happened else np.inf)
            said = power(mine, other, Outlook("told", period, day, np.isfinite(day).astype(int))).p_value
            assert said in (1.0, pytest.approx((others.sum() + 1) / 901))


def test_forecasts_of_different_periods_are_not_compared():
    other = poisson_outlook("x", RATES, 10, 1, replace(PERIOD, end=365.0))
    with pytest.raises(ValueError, match="different questions or periods"):
        power(poisson_outlook("y", RATES, 10, 1), other)


# -- those who know only dates ----------------------------------------------------------------------------------------


def record_of(rates: np.ndarray, years: float, seed: int) -> baselines.Record:
    rng = np.random.default_rng(seed)
    count = rng.poisson(rates * years)
    days = -np.sort(rng.random(count.sum()) * years * 365.25)[::-1]
    kinds = rng.permutation(np.repeat(np.arange(len(rates)), count))
    watched, lately = (np.full(len(rates), 365.25 * span) for span in (years, min(years, 1.0)))
    return baselines.Record(days[None], kinds[None], watched, lately, years * 365.25)


def test_climatology_goes_on_at_the_rates_of_the_record_and_draws_rare_ones_together():
    record = record_of(RATES, 200.0, 1)
    found = baselines.climatology(record, PERIOD, 4000, 2)
    assert found.count.mean(axis=0) == pytest.approx(2 * RATES, rel=0.2)
    rare = replace(record, days=record.days[:, :1], kinds=record.kinds[:, :1])
    told = baselines.climatology(rare, PERIOD, 40_000, 2).count.mean(axis=0)
    assert (told > 0).all()
    assert told.max() < 10 * told.min()  # each by itself: one in two hundred years, the others never


def test_persistence_looks_at_the_last_year_only():
    record = record_of(RATES, 50.0, 3)
    late = replace(record, days=np.full_like(record.days, -5000.0))
    assert (
        baselines.persistence(late, PERIOD, 2000, 1).count.mean()
        < baselines.climatology(late, PERIOD, 2000, 1).count.mean() / 2
    )


def test_persistence_learns_nothing_from_a_year_that_nobody_watched(channel):
    case, told, _ = channel
    rules = (Rule(("meet:*",), last=dt.date(2002, 6, 30)), Rule(("adjourn:*",), first=dt.date(2003, 7, 1)))
    compiled = bring_together(case, told).compiled
    origin = dt.date(2004, 1, 1)
    period = replace(hold_out(compiled, told, origin), questions=ask_about(compiled, ["meet", "adjourn"]))
    record = baselines.read_record(compiled, replace(told, reporting=Reporting(rules)), period)
    days = [(origin - case.start).days, (origin - dt.date(2003, 7, 1)).days]
    assert record.watched == pytest.approx([days[0] - (origin - dt.date(2002, 7, 1)).days, days[1]])
    assert record.lately == pytest.approx([0.0, days[1]])
    assert not record.watch(period)[1][0].any()
    alike = {"days": np.full((1, 9), -100.0), "kinds": np.ones((1, 9), dtype=np.int64)}  # all of them adjourn
    often = replace(record, ahead=None, **alike)  # as if meetings were watched for again
    silent = replace(often, lately=np.array([365.25, record.lately[1]]))
    unknown, known = (baselines.persistence(one, period, 4000, 1).count[:, 0].mean() for one in (often, silent))
    assert unknown > 2 * known


def test_the_first_event_of_a_constant_rate_comes_when_it_should():
    record = record_of(RATES, 400.0, 4)
    found, rates = baselines.climatology(record, PERIOD, 6000, 5), record.counts()[0] / 400.0
    assert found.probability == pytest.approx(1 - np.exp(-2 * rates), abs=0.03)
    assert (found.first < 365.25).mean(axis=0) == pytest.approx(1 - np.exp(-rates), abs=0.03)


def test_the_likelihood_of_a_hawkes_process_is_that_of_a_slow_loop():
    rng = np.random.default_rng(6)
    days, kinds = -np.sort(rng.random(12) * 900)[::-1], rng.integers(0, 3, 12)
    common, span, exposed = np.array([0.5, 0.3, 0.2]), 1000.0, 940.0
    theta = np.array([[0.8, 0.4, 60.0, 0.7], [0.5, 0.1, 10.0, 0.2]])
    fast = baselines._log_likelihood(theta, days, kinds, common, span, exposed)
    for row, (background, offspring, half_life, own) in enumerate(theta):
        decay, base = np.log(2) / half_life, background * len(days) / exposed
        total = -base * exposed
        for i in range(len(days)):
            heats = [offspring * decay * np.exp(-decay * (days[i] - days[j])) for j in range(i)]
            same = sum(heat for j, heat in enumerate(heats) if kinds[j] == kinds[i])
            total += np.log((base + (1 - own) * sum(heats)) * common[kinds[i]] + own * same)
            total -= offspring * (1 - np.exp(decay * days[i]))
        assert fast[row] == pytest.approx(total, rel=1e-10)


def test_a_hawkes_process_does_not_take_days_that_nobody_watched_for_silence():
    stream, years = np.random.default_rng(11), 24.0
    days = -np.sort(stream.random((1, 20)) * years / 4 * 365.25)[:, ::-1]
    kinds = stream.integers(0, 2, days.shape)
    watched, nobody = np.full(2, years / 4 * 365.25), np.zeros(2)
    record = baselines.Record(days, kinds, watched, nobody, years * 365.25)
    period = replace(PERIOD, questions=PERIOD.questions[:2])
    rate = 20 / (years / 4) * period.days / 365.25  # of both kinds together
    for forecaster in (baselines.hawkes, baselines.climatology):
        assert forecaster(record, period, 1000, 1).count.sum(axis=1).mean() == pytest.approx(rate, rel=0.2)


def test_futures_of_a_hawkes_process_have_the_means_of_its_equations():
    """Intensities of kinds decay to the background and jump with each event: a linear equation for their means."""
    common, span, length = np.array([0.5, 0.3, 0.2]), 1000.0, 400.0
    background, offspring, half_life, own = theta = np.array([0.8, 0.5, 60.0, 0.7])
    days, kinds = np.array([-40.0, -3.0]), np.array([2, 0])
    decay, base = np.log(2) / half_life, background * len(days) / span
    heat = offspring * decay * (np.exp(decay * days)[:, None] * (kinds[:, None] == np.arange(3))).sum(axis=0)
    spread = own * np.eye(3) + (1 - own) * np.outer(common, np.ones(3))
    # Rows: what is expected of heat, then of counts, then a constant.
    drift = np.zeros((7, 7))
    drift[:3, :3] = offspring * decay * spread - decay * np.eye(3)
    drift[:3, 6] = offspring * decay * base * common
    drift[3:6, :3], drift[3:6, 6] = spread, base * common
    expected = (linalg.expm(drift * length) @ [*heat, 0.0, 0.0, 0.0, 1.0])[3:6]
    stream, runs = np.random.default_rng(1), 4000
    first, count = np.full((runs, 3), np.inf), np.zeros((runs, 3), dtype=np.int64)
    ahead = np.array([0.0, length]), np.ones((3, 1), dtype=bool)
    for run in range(runs):
        baselines._continue(theta, days, kinds, common, span, ahead, stream, first[run], count[run])
    error = count.std(axis=0) / np.sqrt(runs)
    assert (np.abs(count.mean(axis=0) - expected) < 4 * error).all()
    turned = (linalg.expm(drift * length) @ [*heat[::-1], 0.0, 0.0, 0.0, 1.0])[3:6]  # planted: kinds mixed up
    assert (np.abs(count.mean(axis=0) - turned) > 4 * error).any()
    assert (np.isfinite(first) == (count > 0)).all()


def test_what_is_watched_for_a_part_of_the_period_is_foretold_for_that_part(channel):
    """The second and fourth quarter of two years: half as many events, none before a quarter is over."""
    edges = np.linspace(0.0, PERIOD.days, 5)
    part = np.array([[False, True, False, True], *[[True] * 4] * (len(RATES) - 2), [False] * 4])
    share = part.mean(axis=1)
    whole = record_of(RATES, 400.0, 4)
    some = replace(whole, ahead=(edges, part))
    for forecaster in (baselines.climatology, baselines.persistence, baselines.hawkes):
        seen, every = (forecaster(record, PERIOD, 600, 5) for record in (some, whole))
        means, errors = seen.count.mean(axis=0), every.count.std(axis=0) / np.sqrt(600)
        assert (np.abs(means - every.count.mean(axis=0) * share) < 4 * errors).all()
        quarter = np.searchsorted(edges, seen.first[np.isfinite(seen.first[:, 0]), 0]) - 1
        assert set(quarter) == {1, 3}
    rate = whole.counts()[0, 0] / 400.0
    early = baselines.climatology(some, PERIOD, 6000, 5).first[:, 0] < edges[2]
    assert early.mean() == pytest.approx(1 - np.exp(-rate * 0.5), abs=0.03)
    case, told, _ = channel
    compiled, day = bring_together(case, told).compiled, dt.date(2004, 9, 9)
    seldom = replace(told, reporting=Reporting((Rule(("meet:*",), last=dt.date(2003, 12, 31)),
                                                Rule(("meet:*",), 1.0, day, day))))  # fmt: skip
    period = hold_out(compiled, seldom, dt.date(2004, 1, 1))
    record = baselines.read_record(compiled, seldom, period)
    assert baselines.climatology(record, period, 500, 1).probability[0] < 0.1  # a day of some five meetings a year


def test_a_record_without_events_foretells_none():
    empty = record_of(RATES * 0, 8.0, 1)
    for forecaster in (baselines.climatology, baselines.persistence, baselines.hawkes):
        assert forecaster(empty, PERIOD, 50, 1).count.sum() == 0


# -- a model among them -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def channel() -> tuple[negsim.Scenario, negsim.Chronology, Posterior]:
    """The textbook channel over five years, its history, and a posterior of its rate of meeting that is wide."""
    case = negsim.load_scenario("two-state-channel")
    data = case.model_dump(by_alias=True)
    data["end"] = dt.date(2005, 12, 31)
    prior = {"family": "gamma", "a": 12.0, "b": 2.0}
    data["parameter"] = [{"name": "meeting", "numbers": ["channel.talks.rates.meet"], "prior": prior}]
    case = negsim.Scenario.model_validate(data)
    told = observe(negsim.simulate(case, runs=1, seed=5), seed=1)
    likelihood = bring_together(case, told.cut(dt.date(2003, 12, 31)), ["meeting"])
    joint = declare_prior(case, ["meeting"])
    draws = joint.draw(300, np.random.default_rng(2))
    logs = likelihood(draws, np.zeros((300, likelihood.open_dates)) + 0.5)
    posterior = Posterior(joint, draws, logs, logs, 0.0, 0.0, "importance", 300, 2)
    return case, told, posterior


def test_a_chronology_given_by_its_file_is_the_one_of_the_fit_when_the_forecast_goes_beyond_the_scenario(tmp_path):
    (tmp_path / "events.csv").write_text("date,kind,channel\n2001-01-10,meet,talks\n2001-02,adjourn,talks\n")
    case, told = "two-state-channel", str(tmp_path / "events.csv")
    ends = negsim.load_scenario(case).end
    posterior = negsim.fit(case, told, seed=1, free=[])
    ahead = forecast(case, posterior, told, until=ends + dt.timedelta(days=90), runs=20)
    assert (ahead.origin, ahead.until) == (ends + dt.timedelta(days=1), ends + dt.timedelta(days=90))


@pytest.mark.parametrize("asked", ["", " | "])
def test_a_question_about_nothing_is_refused(channel, asked: str):
    with pytest.raises(ScenarioError, match="an event of the scenario"):
        ask_about(bring_together(channel[0], channel[1]).compiled, [asked])


def test_a_forecast_of_the_model_is_scored_beside_its_rivals(channel):
    case, told, posterior = channel
    compiled = bring_together(case, told).compiled
    known = told.cut(dt.date(2003, 12, 31))
    ahead = forecast(case, posterior, known, until=dt.date(2005, 12, 31), runs=200, seed=1)
    period = hold_out(compiled, told, dt.date(2004, 1, 1))
    happened = outcome(compiled, told, period)
    names = [question.label.split(":")[0] for question in period.questions]
    record = baselines.read_record(compiled, told, period)
    assert record.counts().mean(axis=0).sum() == sum(not move.implied for move in known.moves)
    seen = see("model", ahead, told, period)
    rival = baselines.climatology(record, period, 200)
    table = score(seen, happened).set_index("question")
    assert np.isfinite(score_all([seen, rival], happened).drop(columns="forecaster").to_numpy()).all()
    meet = names.index("meet")
    assert seen.count[:, meet].mean() == pytest.approx(2 * 4.5, rel=0.3)
    assert happened.count[0, meet] == sum(
        move.names[0].startswith("meet") and move.low >= period.start for move in told.moves
    )
    assert table["probability"].iloc[meet] > 0.9


def test_of_what_a_model_draws_only_what_would_be_told_is_seen(channel):
    case, told, posterior = channel
    known, compiled = told.cut(dt.date(2003, 12, 31)), bring_together(case, told).compiled
    ahead = forecast(case, posterior, known, until=dt.date(2005, 12, 31), runs=400, seed=1)
    half = replace(told, reporting=Reporting((Rule(("meet:*",), 0.5), Rule(("adjourn:*",)))))
    period = replace(hold_out(compiled, told, dt.date(2004, 1, 1)), questions=ask_about(compiled, ["meet", "adjourn"]))
    every, some = (see("model", ahead, source, period).count.sum(axis=0) for source in (told, half))
    assert some[0] == pytest.approx(every[0] / 2, abs=4 * np.sqrt(every[0]) / 2)
    assert some[1] == every[1] > 100


def test_what_was_watched_for_a_day_only_is_asked_about(channel):
    case, told, _ = channel
    compiled, day = bring_together(case, told).compiled, dt.date(2004, 9, 9)
    seldom = replace(told, reporting=Reporting((Rule(("meet:*",), first=day, last=day),)))
    (asked,) = hold_out(compiled, seldom, dt.date(2004, 1, 1)).questions
    assert asked.label.startswith("meet:")


def test_a_notebook_shows_what_a_forecast_says(channel):
    case, told, posterior = channel
    ahead = forecast(case, posterior, told.cut(dt.date(2003, 12, 31)), until=dt.date(2005, 12, 31), runs=20)
    assert repr(ahead).startswith("Forecast(20 futures, 2004-01-01 to 2005-12-31, by <")
    assert ahead._repr_html_().count("<tr") == len(ahead.summary()) + 1
    named = [text.get_text() for text in draw_forecast(ahead).axes[0].texts]
    assert any("session" in text for text in named)
    assert not any(text.startswith("meet:") for text in named)
    with pytest.raises(TypeError, match="questions must be a list"):
        ahead.answers("meet")


def test_the_errors_of_a_forecast_are_those_of_as_many_runs_as_its_posterior_is_worth(channel):
    case, told, posterior = channel
    known = told.cut(dt.date(2003, 12, 31))
    few = replace(posterior, diagnostics={**posterior.diagnostics, "ess": 20.0})
    ahead = forecast(case, few, known, until=dt.date(2005, 12, 31), runs=180, seed=1)
    plain, said = ahead.ensemble.summary(), ahead.summary()
    assert said["count_mcse"].to_numpy() == pytest.approx(3 * plain["count_mcse"].to_numpy(), nan_ok=True)
    assert (said["count_mcse"] > 0).any()
    happened = 20.0 * said["probability"]
    assert said["probability_mcse"].to_numpy() == pytest.approx(stats.beta.std(happened + 1, 21.0 - happened))


def test_a_forecast_from_the_prior_says_which_numbers_it_has_and_what_they_are_worth(channel):
    case, told, posterior = channel
    few = replace(posterior, diagnostics={**posterior.diagnostics, "ess": 5.0})
    known, asked = told.cut(dt.date(2003, 12, 31)), {"until": dt.date(2005, 12, 31), "runs": 400, "seed": 1}
    learned, unlearned = (forecast(case, few, known, parameters=source, **asked) for source in ("posterior", "prior"))
    assert learned.effective_runs == 5.0
    assert unlearned.effective_runs == (5.0 if posterior.latent.shape[1] else 400.0)
    sd = unlearned.posterior.prior.to_unconstrained(unlearned.posterior.draws).std(axis=0)
    assert sd == pytest.approx(1.0, abs=0.15), "draws of the prior"
    name = posterior.names[0]
    assert unlearned.ensemble.provenance["params"][name] == pytest.approx(unlearned.posterior.draws[:, 0].tolist())


def test_of_futures_that_all_exploded_nothing_is_known(channel):
    case, told, posterior = channel
    ahead = forecast(case, posterior, told.cut(dt.date(2003, 12, 31)), until=dt.date(2005, 12, 31), runs=20, seed=1)
    gone = replace(ahead.ensemble, stopped=(np.arange(20), np.ones(20)))
    said = replace(ahead, ensemble=gone).summary()
    assert (said["stopped"] == 20).all()
    assert said[["probability", "probability_mcse", "count", "count_mcse"]].isna().all(axis=None)


def test_a_scenario_that_is_extended_keeps_its_past(channel):
    case, told, posterior = channel
    short, long = (
        forecast(case, posterior, told.cut(dt.date(2003, 12, 31)), until=until, runs=50, seed=4)
        for until in (dt.date(2005, 12, 31), dt.date(2007, 12, 31))
    )
    before = long.ensemble.events[long.ensemble.events["date"] < "2006-01-01"].reset_index(drop=True)
    assert before.equals(short.ensemble.events.reset_index(drop=True))
    assert extend(case, dt.date(2005, 6, 1)) is case


@pytest.mark.parametrize(
    ("ask", "options", "said"),
    [
        (forecast, {"runs": 0}, "runs must be a whole number of at least 1"),
        (forecast, {"seed": -1}, "seed must be a whole number of at least 0"),
        (forecast, {"parameters": "posteriour"}, "parameters must be one of posterior, prior"),
        (explain_events, {"runs": 2.5}, "runs must be a whole number"),
        (explain_events, {"omit": "dates"}, "omit must be one of density, date"),
        (explain_events, {"events": []}, "events: there are none"),
        (explain_events, {"events": [3]}, r"events must be a DataFrame, or mappings .*, not \[3\]"),
        (account_for, {"events": "x"}, "events must be a DataFrame"),
        (explain_events, {"events": [{"kind": "meet"}]}, "events: row 1: date_start must be a date"),
    ],
)
def test_what_cannot_be_asked_of_a_fit_is_refused_before_anything_is_drawn(channel, ask, options, said):
    case, told, posterior = channel
    with pytest.raises((TypeError, ValueError), match=said):
        ask(case, posterior, told.cut(dt.date(2003, 12, 31)), **options)


def test_an_event_left_out_of_a_flat_fit_changes_nothing(channel):
    case, told, posterior = channel
    flat = replace(posterior, draws=np.full_like(posterior.draws, 6.0), log_weights=np.zeros(300))
    table = explain_events(case, flat, told.cut(dt.date(2003, 12, 31)), runs=60, seed=1).table
    assert table["left_out"].to_numpy() == pytest.approx(table["posterior"].to_numpy())
    assert (table["k_hat"] == 0).all()
    assert table["posterior"].between(0, 1).all()


def test_an_event_that_several_rows_tell_is_left_out_with_all_of_them(channel):
    case, told, posterior = channel
    known = told.cut(dt.date(2003, 12, 31))
    first, second = [move.row for move in known.moves if move.names[0].startswith("meet")][:2]
    day = dt.date(2002, 7, 1)
    events = [{"kind": "meet", "channel": "talks", "date_start": day, "date_end": day, "row": rows}
              for rows in (f"{first};{second}", f"{second};{first}", first)]  # fmt: skip
    table = explain_events(case, posterior, known, events=events, runs=200, seed=1).table
    both, turned, one = table["k_hat"]
    assert both == turned
    assert both != one


def test_an_event_whose_date_is_forgotten_is_implied_and_a_flat_fit_does_not_mind(channel, tmp_path):
    case, told, posterior = channel
    known = told.cut(dt.date(2003, 12, 31))
    left = omissions.forget_dates(known, [3])
    assert [move.implied for move in left.moves] == [place == 3 for place in range(len(known.moves))]
    assert (left.moves[3].low, left.moves[3].high) == known.window
    assert len(left.unknowns) == len(known.unknowns) + 1
    flat = replace(posterior, draws=np.full_like(posterior.draws, 6.0), log_weights=np.zeros(300))
    events = [{"kind": "meet", "channel": "talks", "date_start": known.date(move.low), "date_end": known.date(move.low),
               "row": move.row} for move in known.moves[:1]]  # fmt: skip
    table = explain_events(case, flat, known, events=events, runs=60, seed=1, omit="date").table
    assert table["how"].tolist() == ["weights"]
    assert table["left_out"].to_numpy() == pytest.approx(table["posterior"].to_numpy(), abs=0.05)


def test_an_event_of_several_moves_is_left_out_by_another_fit_or_not_at_all(channel, monkeypatch):
    case, told, posterior = channel
    known = told.cut(dt.date(2003, 12, 31))
    first, second = [move.row for move in known.moves if move.names[0].startswith("meet")][:2]
    events = [{"kind": "meet", "channel": "talks", "date_start": known.start, "date_end": known.start,
               "row": f"{first};{second}"}]  # fmt: skip
    quick = replace(posterior, draws=np.full_like(posterior.draws, 40.0))
    asked = []

    def find(self, scenario, chronology):
        asked.append(sum(move.implied for move in chronology.moves))
        return quick

    monkeypatch.setattr(fits.Fits, "find", find)
    held = explain_events(case, posterior, known, events=events, runs=40, seed=1, omit="date")
    row = held.table.iloc[0]
    assert (row["how"], asked) == ("refit", [2])
    marked = [line.get_xdata()[0] for line in draw_explanation(held).axes[1].lines if line.get_marker() == "D"]
    assert marked == [row["left_out"]]  # another fit needs no trust in weights
    assert row["left_out"] >= row["posterior"]  # those who meet ever so often have met

    def refuse(self, scenario, chronology):
        raise SamplingError("runs disagree")

    monkeypatch.setattr(fits.Fits, "find", refuse)
    row = explain_events(case, posterior, known, events=events, runs=40, seed=1, omit="date").table.iloc[0]
    assert row["how"] == "refused"
    assert np.isnan(row["left_out"])
    asked.clear()
    row = explain_events(case, posterior, known, events=events, runs=40, seed=1, omit="date", refit=False).table.iloc[0]
    assert (row["how"], asked) == ("not known", [])
    assert np.isnan(row["left_out"])


def test_how_many_events_need_another_fit_is_said_before_the_first_of_them(channel, monkeypatch):
    case, told, posterior = channel
    likelihood = bring_together(case, told.cut(dt.date(2003, 12, 31)))
    monkeypatch.setattr(omissions, "TRUSTED", -np.inf)
    monkeypatch.setattr(fits.Fits, "find", lambda self, scenario, chronology: posterior)
    events, said, counted = list_told(likelihood, None)[:3], [], []
    hold_events(
        likelihood, posterior, events, 40, 1, 1, lambda share, doing: said.append((share, doing)), "date", fits.Fits(1)
    )
    refits = [doing for _, doing in said if "fit " in doing]
    assert refits == [f"fit {n} of 3, without the date of {one.label}" for n, one in enumerate(events, start=1)]
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    explain_events(case, posterior, likelihood.chronology, runs=40, seed=1, progress=lambda *told: counted.append(told))
    assert counted[-1] == (1.0, "posterior")


def test_histories_that_explode_have_no_part_in_what_is_said_of_an_event(channel, monkeypatch):
    case, told, posterior = channel
    known = told.cut(dt.date(2003, 12, 31))
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 40)
    rates = np.where(np.arange(300) % 2, 2000.0, 3.0)[:, None] + 0 * posterior.draws
    some = replace(posterior, draws=rates, log_weights=np.zeros(300))
    last = [move for move in known.moves if move.names[0].startswith("meet")][-1]
    events = [{"kind": "meet", "channel": "talks", "date_start": known.date(last.low), "date_end": known.date(last.low),
               "row": last.row}]  # fmt: skip
    with pytest.warns(ExplosiveWarning):
        held = explain_events(case, some, known, events=events, runs=60, seed=1)
    assert 10 < held.posterior.runs < 50
    assert held.table["posterior"].iloc[0] == held.table["left_out"].iloc[0] == 1.0
    everything = replace(posterior, draws=np.full_like(posterior.draws, 2000.0))
    with (
        pytest.warns(ExplosiveWarning),
        pytest.raises(Explosive, match="all histories with numbers from the posterior"),
    ):
        explain_events(case, everything, known, events=events, runs=20, seed=1)


def test_the_bits_of_an_event_are_the_difference_of_two_densities(channel):
    case, told, posterior = channel
    known = told.cut(dt.date(2003, 12, 31))
    likelihood = bring_together(case, known, posterior.names)
    often, seldom = (replace(posterior, draws=np.full_like(posterior.draws, rate), log_weights=np.zeros(300))
                     for rate in (6.0, 3.0))  # fmt: skip
    table = measure_information((likelihood, often), (likelihood, seldom), draws=10).table
    days = np.array([(row.start - known.start).days for row in table.itertuples()])
    for number, row in enumerate(table.head(6).itertuples()):
        waited = days[number] - (days[number - 1] if number else 0)
        meets = row.event.startswith("meet")
        assert row.bits == pytest.approx((1 - 3 * waited / 365.25 / np.log(2)) * meets, abs=0.03)
        assert row.error == pytest.approx(0.0, abs=1e-9)
    assert table["key"].iloc[-1] == "silence"
    total = [likelihood(one.draws[:1], np.full((1, likelihood.open_dates), 0.5))[0] for one in (often, seldom)]
    assert table["bits"].sum() == pytest.approx((total[0] - total[1]) / np.log(2), abs=0.05)


def test_what_is_implied_between_two_events_is_taken_as_given_and_gives_no_bits(channel):
    """How fast sessions end says nothing where only meetings are told: that they ended is implied."""
    case, _, posterior = channel
    meetings = Reporting((Rule(("meet:*",)),))
    told = observe(negsim.simulate(case, runs=1, seed=5), meetings, seed=1, unreported="implied")
    told = replace(told, reporting=meetings)
    name = "channel.talks.rates.adjourn"
    likelihood = bring_together(case, told, [name])
    slow, fast = (
        replace(posterior, prior=JointPrior([name], posterior.prior.priors), draws=np.full((300, 1), rate),
                log_weights=np.zeros(300), latent=np.full((300, likelihood.open_dates), 0.5))
        for rate in (5.0, 20.0)
    )  # fmt: skip
    table = measure_information((likelihood, slow), (likelihood, fast), draws=10).table
    assert len(table) > 5
    assert table["bits"].to_numpy() == pytest.approx(0.0, abs=1e-9)


def test_the_error_of_a_density_is_the_scatter_of_means_over_draws():
    means, errors = np.array(
        [information._mean(logs, 80.0) for logs in np.random.default_rng(1).normal(0, 0.7, (500, 80))]
    ).T
    assert errors.mean() == pytest.approx(means.std(), rel=0.1)
    assert information._mean(np.zeros(80), 80.0) == (0.0, 0.0)


def test_an_event_is_near_its_date_to_the_last_day_of_a_year_after_it():
    ensemble = SimpleNamespace(scenario=SimpleNamespace(start=dt.date(2000, 1, 1)))
    for first, last, low, high in (
        (dt.date(2001, 3, 5), dt.date(2001, 3, 31), dt.date(2000, 3, 5), dt.date(2002, 3, 31)),
        (dt.date(2004, 2, 29), dt.date(2004, 2, 29), dt.date(2003, 2, 28), dt.date(2005, 2, 28)),
    ):
        edges = explanations._around(ensemble, explanations.Told("", Question("", ("x",)), first, last, ()))
        assert edges == ((low - dt.date(2000, 1, 1)).days, (high - dt.date(2000, 1, 1)).days + 1)


def test_what_an_event_says_of_the_numbers_is_taken_from_draws_by_its_own_hazard(channel, monkeypatch):
    """It speaks for draws with a large hazard; without it they weigh less, each as its hazard says."""
    _, _, posterior = channel
    drawn = posterior.resample(300, np.random.default_rng(1))
    rates = drawn.draws[:, 0]
    monkeypatch.setattr(explanations, "_near", lambda *_: rates > np.median(rates))
    one = explanations.Told("", Question("", ("meet",)), dt.date(2002, 1, 1), dt.date(2002, 1, 1), ("a", "b"))
    left = explanations._leave_out_density(one, None, drawn, {"a": np.log(rates), "b": np.log(rates)})
    exact = np.average(rates > np.median(rates), weights=rates**-2.0)
    assert left["left_out"] == pytest.approx(exact, abs=0.02)
    assert exact < 0.45


def test_weights_without_a_date_are_not_trusted_where_draws_are_worth_few(channel):
    case, told, posterior = channel
    likelihood = bring_together(case, told.cut(dt.date(2003, 12, 31)), posterior.names)
    unit = np.random.default_rng(3).random((300, likelihood.open_dates))
    drawn = replace(posterior, latent=unit).resample(300, np.random.default_rng(1))
    few = replace(drawn, diagnostics={"ess": 25.0})
    known, unknown = (omissions.weigh_out(likelihood, one, [4]) for one in (drawn, few))
    assert (known.how, unknown.how) == ("weights", omissions.NOT_KNOWN)
    assert known.worth <= min(drawn.ess, 300)


def test_the_error_of_a_share_is_known_where_all_runs_agree():
    never, half = drawing.standard_error(np.array([0.0, 0.5]), 100.0)
    assert half == pytest.approx(0.05, rel=0.01)
    assert 0.3 / 100 < never < 1.5 / 100


# -- questions and theories -------------------------------------------------------------------------------------------


def test_a_question_is_answered_by_any_of_its_events():
    ensemble = negsim.simulate("two-state-channel", runs=30, seed=1)
    meet, adjourn, either = (Question(x, tuple(x.split("|"))) for x in ("meet", "adjourn", "meet|adjourn"))
    found = answer(ensemble, [meet, adjourn, either])
    np.testing.assert_array_equal(found.count[:, 2], found.count[:, 0] + found.count[:, 1])
    np.testing.assert_array_equal(found.first[:, 2], np.minimum(found.first[:, 0], found.first[:, 1]))
    table = ensemble.summary().set_index("kind")
    assert np.isfinite(found.first[:, 0]).mean() == pytest.approx(table.loc["meet", "probability"])


def test_a_question_about_nothing_known_is_refused_with_the_nearest():
    compiled = bring_together("beijing-1999", "article").compiled
    with pytest.raises(ScenarioError, match="did you mean"):
        ask_about(compiled, ["begin:JPN::japan_foot"])
    assert len(ask_about(compiled)) >= 10


def test_a_theory_taken_out_takes_its_own_parameters_with_it():
    case = negsim.load_scenario("beijing-1999")
    without = switch_off(case, ["sequencing"])
    require_valid(without)
    assert {spec.name for spec in case.parameter} - {spec.name for spec in without.parameter} == {"gate"}
    assert set(list_theories(case)) - set(list_theories(without)) == {"sequencing"}
    static = make_static(case)
    require_valid(static)
    assert list_theories(static) == ()
    with pytest.raises(ScenarioError, match="did you mean resentment"):
        switch_off(case, ["resentmint"])


@pytest.fixture(scope="module")
def pair() -> tuple[negsim.Scenario, negsim.Chronology, Posterior]:
    """The world of the template, everything of a history of its first years told to the day, two numbers learned."""
    case = negsim.load_scenario(files("negsim") / "cases" / "template.toml")
    case = case.model_copy(update={"end": dt.date(2001, 12, 31)})
    told = observe(negsim.simulate(case, runs=1, seed=2), seed=1)
    return case, told, negsim.fit(case, told, seed=1, even_if_too_much=True, draws=400)


def test_evidence_without_a_theory_is_the_same_by_weights_and_by_another_fit(pair):
    case, told, posterior = pair
    found = compare_theories(
        case, told, seed=1, theories=("ripeness", "audience", "season"), rivals=False, posterior=posterior
    )
    assert max(abs(change.change) for change in found.changes) > 0.05
    assert all(change.at_most >= -4 * change.at_most_error for change in found.changes)  # a divergence is not negative
    assert any(change.at_most > 4 * change.at_most_error for change in found.changes)
    for change in found.changes:
        assert change.how == "weights"
        again = negsim.fit(switch_off(case, [change.without]), told, seed=5, even_if_too_much=True, draws=400)
        error = 4 * np.hypot(change.error, np.hypot(again.log_evidence_se, posterior.log_evidence_se)) + 0.02
        assert change.change == pytest.approx(again.log_evidence - posterior.log_evidence, abs=error)


def test_the_error_of_a_change_by_weights_is_its_scatter_whatever_the_draws_weigh_before(monkeypatch):
    """Draws of two kinds of weight, of which some are taken: what they weigh in both evidences adds no error."""
    rng, size, few = np.random.default_rng(5), 40_000, 400
    draws, weights = rng.standard_normal(size), np.where(np.arange(size) % 2, 0.0, 2.0)
    ratio = 0.3 * draws
    prior = JointPrior(["x"], [Prior1D("normal", 0.0, 1.0)])
    posterior = Posterior(prior, draws[:, None], weights, np.zeros(size), 0.0, 0.0, "importance", size, 1)
    monkeypatch.setattr(comparison, "DRAWS", few)
    monkeypatch.setattr(comparison, "_leave", lambda *_: (lambda theta, latent: 0.3 * theta[:, 0], [0]))
    walked = replace(posterior, diagnostics={"ess": 0.1 * size})  # each is worth a tenth, those that are taken as well
    assert comparison._thin(walked, 1).ess == pytest.approx(0.1 * few)
    stones = [comparison._Stone(comparison._thin(posterior, seed)) for seed in range(200)]
    changes, errors, _ = np.array([stone.weigh(None, None) for stone in stones]).T
    exact = np.log(posterior.weights @ np.exp(ratio))
    assert np.abs(changes.mean() - exact) < 4 * changes.std() / np.sqrt(200)
    assert errors.mean() == pytest.approx(changes.std(), rel=0.2)
    both = posterior.weights * np.exp(ratio)
    told_before = np.sqrt((size * (both @ both) / both.sum() ** 2 - 1) / (posterior.ess * few / size))
    assert told_before > 2 * errors.mean()


def test_records_are_worth_no_more_than_the_draws_behind_them(pair, monkeypatch):
    case, told, posterior = pair
    likelihood = bring_together(case, told, posterior.names)
    monkeypatch.setattr(comparison, "RECORDS", 40)
    every = comparison._Records.draw(likelihood, posterior, 1)
    few = comparison._Records.draw(likelihood, replace(posterior, diagnostics={"ess": 5.0}), 1)
    assert few.worth == 5.0
    assert every.worth == 40.0
    left = bring_together(switch_off(case, list_theories(case)[:1]), told, posterior.names)
    kept = list(range(len(posterior.names)))
    assert few.mean_log_ratio(left, kept)[1] == pytest.approx(np.sqrt(8.0) * every.mean_log_ratio(left, kept)[1])


@pytest.mark.filterwarnings("ignore::negsim.ensemble.ExplosiveWarning")
def test_records_that_run_away_are_not_said_to_fall_silent(pair, monkeypatch):
    case, told, posterior = pair
    likelihood = bring_together(case, told, posterior.names)
    monkeypatch.setattr(comparison, "RECORDS", 40)
    every = comparison._Records.draw(likelihood, posterior, 1)
    sizes = np.bincount(every.ensemble.columns[0], minlength=40)
    most = int(np.median(every.ensemble.events.query("drawn").groupby("run").size()))
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", most)
    with pytest.warns(ExplosiveWarning, match=r"\d+ of 40 drawn records exploded: at_most is of the others"):
        fewer = comparison._Records.draw(likelihood, posterior, 1)
    kept = every.ensemble.events.query("drawn").groupby("run").size().reindex(range(40), fill_value=0) <= most
    assert 0 < kept.sum() < 40 == len(sizes)
    np.testing.assert_array_equal(fewer.draws, every.draws[kept])
    assert fewer.log_likelihood == pytest.approx(every.log_likelihood[kept])
    pairs = [(likelihood, posterior)] * 2
    assert measure_reach(*pairs, records=40, draws=3, seed=1).records < 40


def test_weights_that_cannot_be_trusted_say_so_or_lead_to_another_fit(pair):
    case, told, posterior = pair
    name = list_theories(case)[0]
    few = replace(posterior, log_weights=np.where(np.arange(len(posterior.draws)) < 3, 0.0, -60.0))
    left, again = (
        compare_theories(case, told, seed=1, theories=[name], rivals=False, posterior=few, refit=refit).changes[0]
        for refit in (False, True)
    )
    assert "not known" in left.says
    assert again.how == "refit"
    static = compare_theories(case, told, seed=1, theories=[], posterior=few, refit=False).changes[0]
    assert (static.without, static.how) == (comparison.STATIC, "refit")


def test_two_theories_less_are_weighed_from_the_fit_without_one_of_them(pair, monkeypatch):
    """The whole case's weights cannot be trusted; those of the second fit can, and agree with a fit without both."""
    case, told, posterior = pair
    names = ("audience", "season")
    few = replace(posterior, log_weights=np.where(np.arange(len(posterior.draws)) < 3, 0.0, -60.0))
    found = compare_theories(case, told, seed=1, theories=names, pairs=True, rivals=False, posterior=few, draws=400)
    single, _, both = found.changes
    assert (single.how, both.how) == ("refit", "weights")
    again = negsim.fit(switch_off(case, names), told, seed=5, even_if_too_much=True, draws=400)
    assert both.error >= single.error
    error = 4 * np.hypot(both.error, again.log_evidence_se) + 0.02
    assert both.change == pytest.approx(again.log_evidence - few.log_evidence, abs=error)
    monkeypatch.setattr(comparison, "FEWEST", np.inf)  # no weights are good enough: all are fitted again
    refitted = compare_theories(case, told, seed=1, theories=names, pairs=True, rivals=False, posterior=few, draws=400)
    assert [change.how for change in refitted.changes] == ["refit"] * 3


def test_a_theory_is_spoken_for_only_by_enough():
    enough, small = Change("x", -4.0, 0.2, "weights"), Change("x", -2.0, 0.2, "weights", at_most=1.0, at_most_error=0.1)
    assert enough.says == "the data speak for it"
    assert "more than the model itself expects" in replace(enough, at_most=0.1, at_most_error=0.1).says
    assert Change("x", -4.0, 0.9, "weights").says == "cannot tell"
    assert Change("x", 4.0, 0.2, "weights").says == "the data speak against it"
    assert "nor would a complete record" in small.says


def test_evidence_of_constant_rates_is_the_integral_over_them(pair, monkeypatch):
    case, told, _ = pair
    shape, mean = 2.0, 1.5
    monkeypatch.setattr(constant_rates, "SHAPES", np.array([shape]))
    monkeypatch.setattr(constant_rates, "MEANS", np.array([mean]))
    likelihood = bring_together(case, told)
    found, error = constant_rates.constant_rate_evidence(likelihood)
    prior, days = stats.gamma(shape, scale=mean / shape / 365.25), told.window[1]
    names = [event.name for event in likelihood.compiled.labels.events[: likelihood.compiled.world.moves]]
    numbers = [sum(move.names == (name,) for move in told.moves) for name in names]
    most = prior.ppf(1 - 1e-12)
    exact = {
        n: np.log(integrate.quad(lambda r, n=n: prior.pdf(r) * r**n * np.exp(-r * days), 0, most, limit=200)[0])
        for n in set(numbers)
    }
    volume = told.log_volume(np.full((1, len(told.unknowns)), 0.5))[0]
    assert found == pytest.approx(sum(exact[n] for n in numbers) + volume, abs=0.05 + 4 * error)


def test_constant_rates_that_a_case_expects_have_mean_and_spread_of_its_histories(pair, monkeypatch):
    """Histories whose rates are gamma: its two numbers come back from counts, which spread more than the rates."""
    case, told, posterior = pair
    likelihood = bring_together(case, told)
    shape, mean, runs = 3.0, np.array([0.3, 2.0, 9.0]), 20_000
    rng, seen = np.random.default_rng(4), []
    counts = rng.poisson(rng.gamma(shape, mean / shape, (runs, 3)))
    run, event = (np.repeat(numbers, counts.ravel()) for numbers in np.indices(counts.shape).reshape(2, -1))
    drawn = SimpleNamespace(whole=SimpleNamespace(columns=(run, event, np.zeros(len(run))), runs=runs))
    monkeypatch.setattr(constant_rates, "simulate", lambda *given, **how: drawn)
    plain = constant_rates._gamma_poisson

    def look(counts, exposed, shape, rate):
        seen.append((shape, rate))
        return plain(counts, exposed, shape, rate)

    monkeypatch.setattr(constant_rates, "_gamma_poisson", look)
    evidence, _ = constant_rates.expected_rate_evidence(likelihood, posterior, histories=runs)
    assert np.isfinite(evidence)
    found = seen[0][0][:3]
    assert found == pytest.approx(shape, rel=0.2)
    assert found / seen[0][1][:3] * told.window[1] == pytest.approx(mean, rel=0.03)
    assert (
        counts[:, 0].mean() ** 2 / counts[:, 0].var() < 0.5 * shape
    )  # had the scatter of counts been taken for theirs


def test_evidence_at_a_stage_is_that_of_what_was_known_and_its_change_is_the_prequential_score(
    pair, tmp_path, monkeypatch
):
    case, told, posterior = pair
    monkeypatch.setattr(comparison, "RECORDS", 20)
    monkeypatch.setattr(comparison, "DRAWS", 100)
    day = dt.date(2001, 3, 31)
    asked = {"theories": ("audience",), "posterior": posterior, "keep": tmp_path, "draws": 400, "rivals": False}
    found = compare_theories(case, told, seed=1, stages=[day], **asked)
    assert [stage.until for stage in found.stages] == [day, told.until]
    monkeypatch.setattr(fits, "fit", None)  # what was fitted is found again
    early = compare_theories(case, told.cut(day), seed=1, **{**asked, "posterior": None})
    assert found.stages[0].changes[0].change == early.changes[0].change
    table = found.table().set_index("without")
    path = found.path().pivot(index="until", columns="without", values="change")
    assert table["foretold"].to_dict() == pytest.approx((path.loc[told.until] - path.loc[day]).to_dict())
    assert (table["largest"] >= table["evidence_for"]).all()
    assert "were foretold" in found.describe()


def test_a_fit_conditioned_on_the_news_is_not_compared(pair):
    case, told, posterior = pair
    conditioned = replace(posterior, provenance={**posterior.provenance, "conditioned_on": "open:*"})
    with pytest.raises(comparison.Conditioned, match="conditioned on open"):
        compare_theories(case, told, posterior=conditioned)


def test_stages_are_spread_over_the_events_and_end_before_the_end(pair):
    _, told, _ = pair
    late, early = dt.date(2001, 6, 30), dt.datetime(2000, 6, 30, 12)
    assert comparison._sort_stages(told, [late, early, late]) == [early.date(), late]
    with pytest.raises(ValueError, match=f"stages must be days before {told.until}"):
        comparison._sort_stages(told, [early, told.until])
    days = comparison.spread_stages(told, 3)
    known = [sum(move.high <= (day - told.start).days + 1 for move in told.moves) for day in days]
    assert days == sorted(days)
    assert np.diff([0, *known, len(told.moves)]) == pytest.approx(len(told.moves) / 4, abs=1)
    assert days[-1] < told.until


@pytest.fixture(scope="module")
def reached(pair) -> tuple[tuple, tuple]:
    """The world of the template with its theories and without, each with draws of the numbers it has."""
    case, told, posterior = pair
    static = make_static(case)
    kept = [spec.name for spec in static.parameter if spec.name in posterior.names]
    columns = [posterior.names.index(name) for name in kept]
    prior = declare_prior(static, kept)
    return (
        (bring_together(case, told, posterior.names), posterior),
        (bring_together(static, told, kept), replace(posterior, prior=prior, draws=posterior.draws[:, columns])),
    )


def test_an_e_value_misleads_no_more_often_than_it_may_and_a_forgotten_silence_is_found_out(reached, monkeypatch):
    records = 150
    may = stats.binom.ppf(0.999, records, LEVEL) / records
    said = measure_reach(*reached, records=records, draws=12, seed=3)
    assert said.false_alarm <= may
    assert said.if_wrong < 0 < said.if_right
    assert said.power > said.false_alarm
    assert f"{said.power:.2f} ± {said.power_error:.2f}" in said.describe()
    whole = reach.replay

    def forget_silence(compiled, *rest, **how):
        found = whole(compiled, *rest, **how)
        return replace(found, intervals=found.intervals * (compiled is not reached[0][0].compiled))

    monkeypatch.setattr(reach, "replay", forget_silence)
    assert measure_reach(*reached, records=40, draws=4, seed=3).false_alarm > may


# -- registered forecasts ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def registered(channel, tmp_path_factory) -> Path:
    case, told, posterior = channel
    until = dt.date(2007, 6, 15)
    ahead, before = (
        forecast(case, posterior, told.cut(dt.date(2003, 12, 31)), until=until, runs=80, seed=3, parameters=source)
        for source in ("posterior", "prior")
    )
    with pytest.raises(ValueError, match="give this one another name"):
        registration.register(ahead, {"model": before})
    path = tmp_path_factory.mktemp("registered") / "ahead.json"
    registration.register(ahead, {"prior": before}, note="a test").save(path)
    return path


def test_a_registered_forecast_is_scored_without_drawing_anything_again(registered, tmp_path):
    events = tmp_path / "events.csv"
    events.write_text("date,kind,channel\n2004-02-01,meet,talks\n2004-03,adjourn,talks\n", encoding="utf-8")
    held = registration.load_registered(registered)
    table = registration.score_registered(held, events, observed_until=dt.date(2005, 7, 15))
    meet = table[(table["question"].str.startswith("meet"))].set_index("forecaster")
    assert list(meet.index) == ["model", "prior"]
    assert (meet["happened"] == 1).all()
    assert meet["log_score"].to_numpy() == pytest.approx(-np.log(meet["probability"].to_numpy()))
    assert table["rps_count"].isna().all()  # the period is not over
    assert registration.score_registered(held, events)["rps_count"].notna().all()
    with pytest.raises(ScenarioError, match="observed until"):
        registration.score_registered(held, events, observed_until=dt.date(2004, 1, 5))


def test_events_from_before_a_forecast_are_left_aside_and_counted(registered, tmp_path):
    held, late, both, early = registration.load_registered(registered), *(tmp_path / f"{n}.csv" for n in range(3))
    head, before, after = "date,kind,channel", "2002-02-01,meet,talks\n2002-03,adjourn,talks", "2004-02-01,meet,talks"
    late.write_text(f"{head}\n{after}\n", encoding="utf-8")
    both.write_text(f"{head}\n{before}\n{after}\n", encoding="utf-8")
    early.write_text(f"{head}\n{before}\n", encoding="utf-8")
    alone, beside = registration.score_registered(held, late), registration.score_registered(held, both)
    assert (alone.attrs["left_aside"], beside.attrs["left_aside"]) == (0, 2)
    pd.testing.assert_frame_equal(alone, beside)
    with pytest.raises(ScenarioError, match="2 events, none of them from 2004-01-01 on"):
        registration.score_registered(held, early)


def test_events_between_the_last_whole_month_and_the_last_day_observed_are_taken_and_do_not_count(registered, tmp_path):
    held, events = registration.load_registered(registered), tmp_path / "events.csv"
    events.write_text("date,kind,channel\n2004-02-01,meet,talks\n2004-05-10,adjourn,talks\n", encoding="utf-8")
    table = registration.score_registered(held, events, observed_until="2004-05-20").set_index("question")
    assert table.attrs["scored_until"] == dt.date(2004, 4, 30)
    assert (table.filter(like="meet", axis=0)["happened"] == 1).all()
    assert (table.filter(like="adjourn", axis=0)["happened"] == 0).all()
    later = registration.score_registered(held, events, observed_until=dt.date(2004, 5, 31)).set_index("question")
    assert (later.filter(like="adjourn", axis=0)["happened"] == 1).all()
    with pytest.raises(ScenarioError, match="outside the window"):
        registration.score_registered(held, events, observed_until="2004-05-09")


def test_a_forecast_is_scored_where_nothing_happened(registered, tmp_path):
    events = tmp_path / "events.csv"
    events.write_text("date,move,status,reason\n2004,,outside,nothing happened\n", encoding="utf-8")
    table = registration.score_registered(registration.load_registered(registered), events)
    assert (table["happened"] == 0).all()
    assert table["log_score"].to_numpy() == pytest.approx(-np.log1p(-table["probability"].to_numpy()))


def test_what_came_about_may_be_told_by_a_codebook(registered, tmp_path):
    rows, book, plain = tmp_path / "told.csv", tmp_path / "told.toml", tmp_path / "plain.csv"
    rows.write_text("id,date_start,date_end,told\nA,2004-02-01,2004-02-01,they sat down\n", encoding="utf-8")
    coverage = '[[coverage]]\nmoves = ["*"]\nprobability = 1.0\n'
    book.write_text(f'{coverage}[row.A]\nmoves = [{{ move = "meet:north:talks:" }}]\n', encoding="utf-8")
    plain.write_text("date,kind,channel\n2004-02-01,meet,talks\n", encoding="utf-8")
    held = registration.load_registered(registered)
    told = registration.score_registered(held, rows, codebook=book)
    pd.testing.assert_frame_equal(told, registration.score_registered(held, plain))
    assert (told["happened"] == 1).any()


def test_an_event_on_either_side_of_the_origin_counts_as_far_as_it_comes_after(registered, tmp_path):
    events = tmp_path / "events.csv"
    events.write_text("date,kind,channel\n2003-07/2004-06,meet,talks\n", encoding="utf-8")
    table = registration.score_registered(registration.load_registered(registered), events).set_index("question")
    assert table.attrs["left_aside"] == 0
    assert table.filter(like="meet", axis=0)["happened"].to_numpy() == pytest.approx(182 / 366, abs=0.2)


@pytest.mark.parametrize("date", ["1901-02-01", "2008-01-01", "2004-02-30"])
def test_impossible_dates_of_what_came_about_are_refused(registered, tmp_path, date):
    events = tmp_path / "events.csv"
    events.write_text(f"date,kind,channel\n2004-02-01,meet,talks\n{date},adjourn,talks\n", encoding="utf-8")
    with pytest.raises(ScenarioError, match="row 2"):
        registration.score_registered(registration.load_registered(registered), events)


def test_a_registered_forecast_that_was_changed_is_refused(registered, tmp_path):
    told = json.loads(registered.read_text(encoding="utf-8"))
    told["forecasts"]["model"]["by_month_end"][0][0] += 0.01
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(ScenarioError, match="it has been changed"):
        registration.load_registered(changed)
    content = {key: value for key, value in told.items() if key != "digest"}
    changed.write_text(json.dumps({**content, "digest": registration._digest(content)}), encoding="utf-8")
    registration.load_registered(changed)  # whoever writes the digest anew needs the published one to be found out
    published = registration.load_registered(registered).digest
    with pytest.raises(ScenarioError, match="digest that was published"):
        registration.load_registered(changed, published[:12])


def test_a_forecast_is_registered_once(registered):
    with pytest.raises(FileExistsError):
        registration.load_registered(registered).save(registered)


def test_registered_probabilities_never_fall(registered):
    for frozen in registration.load_registered(registered).content["forecasts"].values():
        reached = np.array(frozen["by_month_end"])
        assert (np.diff(reached, axis=1) >= 0).all()
        assert ((reached > 0) & (reached < 1)).all()
        assert np.array(frozen["counts"]).sum(axis=1) == pytest.approx(1.0, abs=1e-3)


def test_of_very_many_futures_no_probability_is_rounded_to_0_or_1():
    first = np.broadcast_to([np.inf, 0.0], (200_000, 2))
    many = SimpleNamespace(
        ask=lambda questions: Answers(questions, first, np.isfinite(first).astype(int)),
        ensemble=SimpleNamespace(scenario=SimpleNamespace(start=dt.date(2000, 1, 1)), seed=1),
        effective_runs=200_000.0,
    )
    reached = np.array(registration._freeze(many, PERIOD.questions[:2], [dt.date(2000, 1, 31)])["by_month_end"])
    assert ((reached > 0) & (reached < 1)).all()


def test_what_happens_on_the_last_day_of_a_month_has_happened_by_its_end():
    first = np.array([[30.9, 31.0, np.inf]])
    one = SimpleNamespace(
        ask=lambda questions: Answers(questions, first, np.isfinite(first).astype(int)),
        ensemble=SimpleNamespace(scenario=SimpleNamespace(start=dt.date(2000, 1, 1)), seed=1),
        effective_runs=1.0,
    )
    ends = registration._month_ends(dt.date(2000, 1, 10), dt.date(2000, 3, 5))
    assert ends == [dt.date(2000, 1, 31), dt.date(2000, 2, 29), dt.date(2000, 3, 5)]
    reached = np.array(registration._freeze(one, PERIOD.questions[:3], ends)["by_month_end"])
    assert reached.tolist() == [[0.75, 0.75, 0.75], [0.25, 0.75, 0.75], [0.25, 0.25, 0.25]]


def test_months_of_a_registered_date_are_the_lengths_of_its_months():
    ends = [dt.date(2000, 1, 31), dt.date(2000, 2, 29), dt.date(2000, 3, 5)]
    period = replace(PERIOD, questions=PERIOD.questions[:2])
    happened = Outlook("told", period, np.array([[21.99, np.inf], [22.0, 51.0]]), np.array([[1, 0], [1, 1]]))
    said = np.array([[0.1, 0.4, 0.5], [0.0, 0.2, 0.3]])
    found = registration._crps_of_dates(said, happened, ends, dt.date(2000, 1, 10))
    days = np.array([22, 29, 5])  # from the origin on, and each end of a month included
    first = (days @ [0.9**2, 0.6**2, 0.5**2] + days @ [0.1**2, 0.6**2, 0.5**2]) / 2
    second = (days @ [0.0, 0.2**2, 0.3**2] + days @ [0.0, 0.2**2, 0.7**2]) / 2
    assert found == pytest.approx(np.array([first, second]) / registration.MONTH)


def test_the_forecast_that_is_kept_here_is_the_one_whose_digest_is_published():
    root = Path(__file__).parents[1]
    held = registration.load_registered(root / "forecasts" / "beijing-2000-2004.json")
    assert held.digest in (root / "docs" / "forecasts.md").read_text(encoding="utf-8")
    assert (held.origin, held.until) == (dt.date(1999, 12, 22), dt.date(2004, 12, 31))
    assert held.forecasters == ("model", "prior")
