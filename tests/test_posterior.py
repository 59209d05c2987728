"""Does a posterior say what its weighted draws say, keep it, and does the right sampler find it?"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from threadpoolctl import threadpool_info, threadpool_limits

from known_posteriors import funnel, gamma_poisson, gaussian, shifted_dates, two_bells
from negsim.calibration.identifiability import identify
from negsim.calibration.posterior import Posterior, SamplingError, describe_evidence
from negsim.calibration.priors import JointPrior, Prior1D
from negsim.calibration.sampling import TRIED, sample_posterior
from negsim.calibration.weights import choose_systematically, weighted_quantiles


def make(n: int = 400, latent: int = 2, seed: int = 1) -> Posterior:
    """Three parameters: one narrowed and moved, one only moved, one left at its prior."""
    rng = np.random.default_rng(seed)
    prior = JointPrior(
        ["rate", "trust", "cost"],
        [
            Prior1D("lognormal", 0.5, 0.7, "per year"),
            Prior1D("beta", 4.0, 4.0, "probability"),
            Prior1D("normal", 0.0, 1.0),
        ],
    )
    z = rng.standard_normal((n, 3)) * [0.3, 0.99, 1.0] + [1.0, 0.5, 0.0]
    return Posterior(
        prior=prior,
        draws=prior.from_unconstrained(z),
        log_weights=rng.standard_normal(n),
        log_likelihood=rng.standard_normal(n),
        log_evidence=-12.3,
        log_evidence_se=0.1,
        method="tempering",
        evaluations=1_000,
        seed=7,
        diagnostics={"ess": 150.0, "r_hat": {"rate": 1.01}, "temperatures": np.array([0.5, 1.0])},
        latent=rng.random((n, latent)),
        provenance={"case": "a case", "chronology": "a chronology"},
    )


# -- what it says -----------------------------------------------------------------------------------------------------


def test_weights_add_up_to_one_and_count():
    posterior = make()
    assert posterior.weights.sum() == pytest.approx(1.0)
    assert posterior.mean() == pytest.approx((posterior.weights[:, None] * posterior.draws).sum(axis=0))
    assert posterior.mean() != pytest.approx(posterior.draws.mean(axis=0), rel=1e-3)


def test_moments_of_whole_weights_are_those_of_repeated_draws():
    times = np.array([1, 3, 0, 2])
    prior = JointPrior(["x"], [Prior1D("normal", 0.0, 1.0)])
    draws = np.array([[1.0], [2.0], [9.0], [4.0]])
    with np.errstate(divide="ignore"):
        posterior = Posterior(prior, draws, np.log(times), np.zeros(4), 0.0, 0.0, "importance", 4, 1)
    repeated = np.repeat(draws, times, axis=0)
    assert posterior.mean() == pytest.approx(repeated.mean(axis=0))
    assert posterior.sd() == pytest.approx(repeated.std(axis=0))
    assert posterior.ess == pytest.approx(36 / 14)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99))
def test_quantiles_split_the_weight(seed: int, probability: float):
    rng = np.random.default_rng(seed)
    values, weights = rng.standard_normal((500, 1)), rng.dirichlet(np.ones(500))
    (quantile,) = weighted_quantiles(values, weights, [probability])
    below = weights[values[:, 0] <= quantile].sum()
    assert below == pytest.approx(probability, abs=2 * weights.max())


def test_one_draw_that_has_all_the_weight_teaches_nothing():
    some = make(50)
    logs = np.full(50, -np.inf)
    logs[3] = 0.0
    alone = replace(some, log_weights=logs, diagnostics={})
    assert alone.ess == 1.0
    assert alone.summary()[["mcse", "contraction_mcse"]].isna().all(axis=None)
    assert "learned" not in alone.verdicts()


def test_draws_without_weight_have_no_part_in_quantiles():
    values, weights = np.array([[0.0], [10.0], [20.0], [30.0]]), np.array([0.0, 1.0, 0.0, 0.0])
    assert weighted_quantiles(values, weights, [0.05, 0.5, 0.95]) == pytest.approx(10.0)


def test_quantiles_of_equal_weights_are_the_ordinary_ones():
    values = np.random.default_rng(2).standard_normal((300, 2))
    found = weighted_quantiles(values, np.full(300, 1 / 300), [0.1, 0.5])
    assert found == pytest.approx(np.quantile(values, [0.1, 0.5], axis=0, method="hazen"))


def test_the_summary_says_what_the_data_said_and_where_they_said_nothing():
    table = make(4_000).summary()
    assert list(table.index) == ["rate", "trust", "cost"]
    assert list(table["says"]) == ["learned", "moved", "prior-driven"]
    assert table["contraction"].to_numpy() == pytest.approx([0.91, 0.02, 0.0], abs=0.12)
    assert table["shift"].to_numpy() == pytest.approx([1.0, 0.5, 0.0], abs=0.12)
    assert table["prior_mean"].to_numpy() == pytest.approx([0.5 * np.exp(0.245), 0.5, 0.0])
    assert (table["mcse"] == table["sd"] / np.sqrt(150)).all()
    assert list(table.columns[4:9]) == ["q05", "q25", "q50", "q75", "q95"]
    assert (table["q05"] < table["q50"]).all()
    assert (table["q50"] < table["q95"]).all()


def test_printed_it_is_a_table_of_before_and_after_with_what_is_not_learned():
    told = replace(make(4_000), provenance={"marginalised": ["cost"], "kept": ["tempo"]})
    lines = str(told).splitlines()
    assert "effective sample size 150" in lines[2]
    rows = {line.split()[0]: line for line in lines[4:7]}
    assert rows["rate"].endswith("learned")
    assert rows["cost"].endswith("prior-driven, averaged over")
    assert lines[-1] == "kept at the values written, not learned: tempo"
    assert len(repr(told)) < 120


def test_the_evidence_is_told_with_its_runs_and_with_what_may_be_chance():
    runs = [{"log_evidence": value} for value in (-12.4, -12.1, -12.3)]
    found = replace(make(), diagnostics={"ess": 150.0, "runs": runs}, provenance={})
    said = describe_evidence(found)
    assert said.startswith("log evidence -12.30 ± 0.10 (3 runs: -12.40 to -12.10; ")
    assert "a difference of 0.28 may be chance" in said
    assert said in str(found)


def test_a_parameter_that_was_moved_but_not_narrowed_is_not_called_prior_driven():
    prior = JointPrior(["x", "y"], [Prior1D("normal", 0.0, 1.0)] * 2)
    draws = np.random.default_rng(3).standard_normal((2_000, 2)) + np.array([1.0, 0.0])
    told = Posterior(prior, draws, np.zeros(2_000), np.zeros(2_000), 0.0, 0.0, "importance", 2_000, 1)
    assert told.verdicts() == ["moved", "prior-driven"]


def test_so_few_draws_that_a_narrowing_may_be_chance_cannot_tell_and_a_prior_is_hardly_ever_called_learned():
    prior = JointPrior(["x"], [Prior1D("normal", 0.0, 1.0)])

    def hold(draws):
        size = len(draws)
        return Posterior(prior, draws, np.zeros(size), np.zeros(size), 0.0, 0.0, "importance", size, 1)

    narrowed = np.sqrt(0.84) * stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]  # contraction 0.16
    few = hold(np.sqrt(0.84) * narrowed[200::400] / narrowed[200::400].std())
    assert few.contraction()[0] == pytest.approx(0.16)
    assert few.verdicts() == ["cannot tell"]
    assert "cannot tell with so few draws: x" in identify(few).summary()
    assert hold(narrowed).verdicts() == ["learned"]
    rng = np.random.default_rng(5)
    said = [hold(rng.standard_normal((50, 1))).verdicts()[0] for _ in range(400)]
    assert said.count("learned") <= 16  # more than a third of them without the error
    assert said.count("cannot tell") > 100


@pytest.mark.parametrize("odd", [1.5, -0.1, float("nan"), "half", None])
def test_what_is_no_probability_has_no_quantile(odd):
    for ask in (make().quantiles, make().summary):
        with pytest.raises(ValueError, match=r"^probabilities must be numbers from 0 to 1, not "):
            ask([0.5, odd])
        with pytest.raises(TypeError, match=r"^probabilities must be a list, not 0\.5"):
            ask(0.5)


def test_any_quantiles_can_be_had():
    assert list(make().summary([0.025, 0.975]).columns[4:6]) == ["q02.5", "q97.5"]


# -- resampling -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
def test_each_draw_is_chosen_as_often_as_its_weight_says(seed: int, n: int):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.full(40, 0.3))
    times = np.bincount(choose_systematically(weights, n, rng), minlength=40)
    assert times.sum() == n
    assert (np.abs(times - n * weights) < 1 + 1e-9).all()


def test_impossible_draws_are_never_chosen():
    weights = np.array([0.0, 0.5, 0.0, 0.5, 0.0])
    for seed in range(50):
        chosen = choose_systematically(weights, 4, np.random.default_rng(seed))
        assert set(chosen.tolist()) == {1, 3}


def test_resampled_draws_keep_their_company_and_weigh_the_same():
    posterior = make()
    equal = posterior.resample(200, np.random.default_rng(3))
    assert equal.weights == pytest.approx(np.full(200, 1 / 200))
    place = {tuple(draw): number for number, draw in enumerate(posterior.draws)}
    origin = [place[tuple(draw)] for draw in equal.draws]
    assert (equal.latent == posterior.latent[origin]).all()
    assert (equal.log_likelihood == posterior.log_likelihood[origin]).all()
    assert np.abs((equal.mean() - posterior.mean()) / posterior.sd()).max() < 0.2
    assert equal.diagnostics["resampled"] == 200
    assert origin != sorted(origin), "in random order, so that the first of them are as good as any"


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("latent", [0, 2])
def test_a_saved_posterior_comes_back(tmp_path: Path, latent: int):
    posterior = make(latent=latent)
    back = Posterior.load(posterior.save(tmp_path / "new" / "folder"))
    for name in ("draws", "log_weights", "log_likelihood", "latent"):
        assert (getattr(back, name) == getattr(posterior, name)).all(), name
    assert back.prior == posterior.prior
    assert back.provenance == posterior.provenance
    assert back.diagnostics == {**posterior.diagnostics, "temperatures": [0.5, 1.0]}
    for name in ("log_evidence", "log_evidence_se", "method", "evaluations", "seed"):
        assert getattr(back, name) == getattr(posterior, name), name


def test_saving_again_leaves_the_newer_one_alone(tmp_path: Path):
    make(seed=1).save(tmp_path)
    newer = make(seed=2)
    newer.save(tmp_path)
    assert (Posterior.load(tmp_path).draws == newer.draws).all()
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("fails_at", [1, 2])
def test_an_interrupted_save_leaves_the_earlier_posterior(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
):
    earlier = make(seed=1)
    earlier.save(tmp_path)
    calls = []
    replace_file = os.replace

    def interrupt(source: str, target: Path) -> None:
        calls.append(target)
        if len(calls) == fails_at:
            raise KeyboardInterrupt
        replace_file(source, target)

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", interrupt)
        with pytest.raises(KeyboardInterrupt):
            make(seed=2).save(tmp_path)
    assert (Posterior.load(tmp_path).draws == earlier.draws).all()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")], "nothing half-written is left"


def test_whoever_may_read_other_files_may_read_a_posterior(tmp_path: Path):
    make().save(tmp_path)
    (tmp_path / "plain").write_text("", encoding="utf-8")
    assert {path.stat().st_mode for path in tmp_path.iterdir()} == {(tmp_path / "plain").stat().st_mode}


def damage(folder: Path, what: str) -> None:
    (draws,) = folder.glob("draws-*.parquet")
    head = folder / "posterior.json"
    match what:
        case "no head":
            head.unlink()
        case "no draws":
            draws.unlink()
        case "torn head":
            head.write_text(head.read_text()[:40])
        case "other format":
            head.write_text(head.read_text().replace('"format": 1', '"format": 99'))
        case "torn draws":
            draws.write_bytes(draws.read_bytes()[:-1])


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("no head", "posterior.json is missing"),
        ("no draws", "parquet is missing"),
        ("torn head", "posterior.json is damaged"),
        ("other format", "format 1"),
        ("torn draws", "parquet is damaged"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(tmp_path: Path, what: str, says: str):
    make().save(tmp_path)
    damage(tmp_path, what)
    with pytest.raises(SamplingError, match=says):
        Posterior.load(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("seed", "x", 'seed is "x"'),
        ("method", None, "method is nothing"),
        ("provenance", [], "provenance is an empty list"),
        ("draws", {}, "'file'"),
        ("prior", [{"name": "rate"}], "family"),
        ("prior", [{"name": "rate", "family": "normal", "first": 0.0, "second": "wide"}], "'str'"),
        ("prior", [{"name": "rate", "family": "normal", "first": 0.0, "second": 1.0}], "do not fit"),
    ],
)
def test_a_head_that_was_edited_by_hand_is_refused_with_its_name(tmp_path: Path, field: str, value: object, says: str):
    make().save(tmp_path)
    head = tmp_path / "posterior.json"
    head.write_text(json.dumps(json.loads(head.read_text()) | {field: value}))
    with pytest.raises(SamplingError, match=rf"posterior\.json is damaged: .*{says}"):
        Posterior.load(tmp_path)


def test_draws_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="log_weights"):
        replace(make(), log_weights=np.zeros(3))
    with pytest.raises(ValueError, match="shape"):
        replace(make(), draws=np.zeros((400, 2)))


# -- to ArviZ ---------------------------------------------------------------------------------------------------------


def test_without_arviz_a_dictionary_is_handed_over(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    groups = make().to_arviz()
    assert set(groups) == {"posterior", "prior", "sample_stats"}
    assert groups["posterior"]["rate"].shape == (1, 150), "as many as the effective sample size is worth"
    assert groups["posterior"]["latent"].shape == (1, 150, 2)
    assert make().to_arviz(n=30)["sample_stats"]["lp"].shape == (1, 30)


def test_what_is_handed_over_is_weighted_by_resampling(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "arviz", None)
    posterior = make()
    rate = posterior.to_arviz(n=2_000)["posterior"]["rate"]
    assert rate.mean() == pytest.approx(posterior.mean()[0], rel=0.01)
    assert rate.mean() != pytest.approx(posterior.draws[:, 0].mean(), rel=0.003)


@pytest.mark.parametrize(("version", "given"), [("0.23.4", "groups"), ("1.0.0", "dictionary")])
def test_each_arviz_is_given_what_it_takes(monkeypatch: pytest.MonkeyPatch, version: str, given: str):
    arviz = SimpleNamespace(
        __version__=version,
        from_dict=lambda *args, **groups: ("dictionary", args[0]) if args else ("groups", groups),
    )
    monkeypatch.setitem(sys.modules, "arviz", arviz)
    kind, groups = make().to_arviz()
    assert kind == given
    assert "rate" in groups["posterior"]


@pytest.mark.skipif(importlib.util.find_spec("arviz") is None, reason="ArviZ is not installed")
@pytest.mark.filterwarnings("ignore::FutureWarning")  # it speaks of its own next version at import
def test_arviz_takes_it():
    assert make().to_arviz().posterior["rate"].shape == (1, 150)


# -- the samplers of others -------------------------------------------------------------------------------------------

OTHERS = {"emcee": {"particles": 60, "runs": 2, "steps": 300}, "nautilus": {"particles": 60, "draws": 300}}


@pytest.mark.parametrize("method", OTHERS)
def test_the_samplers_of_others_find_the_same_posterior(method: str, monkeypatch: pytest.MonkeyPatch):
    package = pytest.importorskip(method)
    if method == "nautilus":  # two coordinates need no neural networks, which take half a minute to train
        monkeypatch.setattr(package, "Sampler", functools.partial(package.Sampler, n_networks=0))
    known = gaussian(2)
    found = sample_posterior(known.log_likelihood, known.prior, seed=1, method=method, **OTHERS[method])
    error = 4 / np.sqrt(found.ess)
    assert found.method == method
    assert found.ess > 200
    assert (np.abs((found.mean() - known.mean) / known.sd) < error).all()
    assert found.sd() == pytest.approx(known.sd, rel=2 * error)
    if method == "nautilus":
        assert found.log_evidence == pytest.approx(known.log_evidence, abs=4 * found.log_evidence_se)
    else:
        assert "log evidence unknown" in str(found)


def test_ensembles_of_emcee_that_disagree_are_an_error_that_says_so():
    pytest.importorskip("emcee")
    known = gaussian(6)
    with pytest.raises(SamplingError, match=r"ensembles of emcee disagree: R-hat of \w+ is") as refusal:
        sample_posterior(known.log_likelihood, known.prior, seed=1, method="emcee", particles=14, runs=3, steps=12)
    assert refusal.value.posterior is not None


@pytest.mark.parametrize("method", OTHERS)
def test_a_sampler_that_is_not_installed_says_how_to_get_it(method: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, method, None)
    known = gamma_poisson()
    with pytest.raises(ImportError, match=r"pip install 'negsim\[samplers\]'"):
        sample_posterior(known.log_likelihood, known.prior, seed=1, method=method)


# -- which sampler ----------------------------------------------------------------------------------------------------


def test_one_bell_is_sampled_by_importance():
    known = gamma_poisson()
    posterior = sample_posterior(known.log_likelihood, known.prior, seed=1)
    assert posterior.method == "importance"
    assert posterior.log_evidence == pytest.approx(known.log_evidence, abs=4 * posterior.log_evidence_se)


def test_what_the_gate_refuses_is_tempered_and_says_why():
    known = two_bells()
    counted = []

    def count(theta: np.ndarray) -> np.ndarray:
        counted.append(len(theta))
        return known.log_likelihood(theta)

    posterior = sample_posterior(count, known.prior, seed=1)
    assert posterior.method == "tempering"
    assert "2 modes" in posterior.diagnostics["refused"]
    assert posterior.evaluations == sum(counted)
    assert posterior.log_evidence == pytest.approx(known.log_evidence, abs=5 * posterior.log_evidence_se)


def test_a_funnel_falls_through_the_gate_and_the_work_that_is_told_of_never_goes_back():
    known = funnel(4, spread=2.0, wide=10.0)
    told: list[tuple[float, str]] = []
    posterior = sample_posterior(known.log_likelihood, known.prior, seed=1, progress=lambda *one: told.append(one))
    assert "k-hat" in posterior.diagnostics["refused"]
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == pytest.approx((TRIED * 0.1, 1.0))
    assert {"modes", "draws"} < {what for _, what in told}


@pytest.mark.parametrize(("method", "used"), [("auto", "importance"), ("tempering", "tempering")])
def test_unknown_dates_are_sampled_along(method: str, used: str):
    known = shifted_dates(3)
    posterior = sample_posterior(known.log_likelihood, known.prior, 1, method, latent=3, particles=60, runs=2)
    assert posterior.method == used
    assert "refused" not in posterior.diagnostics
    assert posterior.latent.shape == (len(posterior.draws), 3)
    assert ((posterior.latent > 0) & (posterior.latent < 1)).all()


def test_dates_alone_can_be_sampled():
    """No parameter is free: the evidence is still there to be compared."""
    posterior = sample_posterior(
        lambda theta, unit: np.log(2 * unit).sum(axis=1), JointPrior([], []), seed=1, latent=2, runs=6
    )
    assert posterior.log_evidence == pytest.approx(0.0, abs=5 * posterior.log_evidence_se)
    assert posterior.weights @ posterior.latent == pytest.approx([2 / 3, 2 / 3], abs=0.04)
    assert len(posterior.summary()) == 0


def test_a_method_asked_for_by_name_is_used_or_refused():
    known = two_bells()
    assert sample_posterior(known.log_likelihood, known.prior, seed=1, method="tempering").method == "tempering"
    with pytest.raises(SamplingError, match="2 modes"):
        sample_posterior(known.log_likelihood, known.prior, seed=1, method="importance")


def test_what_cannot_be_asked_for_is_refused():
    known = gamma_poisson()
    with pytest.raises(ValueError, match="'nuts' is not one of auto, importance, guided, tempering"):
        sample_posterior(known.log_likelihood, known.prior, seed=1, method="nuts")
    with pytest.raises(TypeError, match="no setting walkers"):
        sample_posterior(known.log_likelihood, known.prior, seed=1, walkers=3)
    for setting in ({"particles": None}, {"runs": "x"}, {"draws": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(setting))} must be a whole number of at least 1, not"):
            sample_posterior(known.log_likelihood, known.prior, seed=1, **setting)


def test_linear_algebra_keeps_to_one_thread_while_a_posterior_is_sampled():
    known, threads = gamma_poisson(), list[int]()

    def count_threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    def look(theta: np.ndarray) -> np.ndarray:
        threads.extend(count_threads())
        return known.log_likelihood(theta)

    with threadpool_limits(2, "blas"):
        before = count_threads()
        sample_posterior(look, known.prior, seed=1)
        assert count_threads() == before
    assert set(threads) == {1}


def test_a_summary_of_resampled_draws_is_the_summary_within_its_error():
    known = gamma_poisson()
    posterior = sample_posterior(known.log_likelihood, known.prior, seed=1)
    table = posterior.resample(1_000, np.random.default_rng(1)).summary()
    assert abs(table["mean"].iloc[0] - known.mean[0]) < 4 * table["mcse"].iloc[0]
