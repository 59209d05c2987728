"""Is the article's posterior right, and how fast is it found beside emcee? On the same likelihood, in one process.

    python benchmarks/calibration/samplers.py peers        fit and emcee in turn: effective samples a second
    python benchmarks/calibration/samplers.py reference    fits beside independent draws: means, spreads, evidence

The reference shares nothing with the samplers but the likelihood: half a million independent draws from normals laid
where a fit has been and along lines from there, weighted by importance, so that its errors follow from the weights.
Fits are by the usual way, and one is by tempering, which does not weigh at all. Seconds are processor seconds.
What is printed is written to ``benchmarks/results/samplers-<what>.json`` with date, commit and settings.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special, stats

import negsim
from negsim.calibration.fitting import bring_together, declare_prior
from negsim.calibration.likelihood import find_free
from negsim.calibration.posterior import SamplingError
from negsim.calibration.psis import effective_sample_size, smooth_weights
from negsim.calibration.target import Target

RESULTS = Path(__file__).parents[1] / "results"
CASE, CHRONOLOGY = "beijing-1999", "article"
SEEDS = (1, 2, 3)
"""Of the fits that are held against the reference."""
BLOCKS, BLOCK = 64, 8192
"""Draws of the reference."""
FROM_PRIOR = 0.03
"""Share of them that comes from the prior."""
ALONG, REACH = 0.3, (-4.0, -2.0, 2.0, 4.0)
"""Share of the rest that lies along the lines, and where on them, in standard deviations."""
WIDER = 1.1
"""Factor on the covariance that the fit found."""


def fit(seed: int, **settings: Any) -> tuple[negsim.Posterior, dict[str, Any]]:
    """Fit the article; what it cost."""
    began = time.process_time()
    trusted = True
    try:
        found = negsim.fit(CASE, CHRONOLOGY, seed=seed, engine="auto", **settings)
    except SamplingError as refusal:
        if refusal.posterior is None:
            raise
        found, trusted = refusal.posterior, False
    seconds = time.process_time() - began
    told = {
        "method": found.method,
        "settings": settings,
        "seed": seed,
        "trusted": trusted,
        "processor_seconds": round(seconds, 1),
        "evaluations": found.evaluations,
        "effective": round(found.ess, 1),
        "effective_per_second": round(found.ess / seconds, 2),
        "log_evidence": found.log_evidence,
        "log_evidence_se": found.log_evidence_se,
    }
    print(json.dumps(told), flush=True)
    return found, told


def run_peers() -> dict[str, Any]:
    """Effective samples a second: ours by their weights, emcee's by how far the means of independent runs differ."""
    fit(1, particles=50, runs=2)  # compiles
    ours, mine = fit(1, particles=100)
    theirs, other = fit(1, method="emcee", particles=100, runs=4, steps=300)
    ratio = mine["effective_per_second"] / other["effective_per_second"]
    print(f"fit finds {ratio:.1f} times as many effective samples a second as emcee")
    return {"ours": mine, "emcee": other, "ratio": ratio, "apart_in_sd": compare(ours, theirs)["means_apart_in_sd"]}


def run_reference() -> dict[str, Any]:
    """Are fits of several seeds within .05 sd (means), 5% (spreads) and .1 (log evidence) of independent draws?"""
    fits = [*(fit(seed) for seed in SEEDS), fit(SEEDS[0], method="tempering")]
    truth = weigh(fits[0][0])
    told = {
        "draws": len(truth.draws),
        "effective": round(effective_sample_size(truth.log_weights), 1),
        **{name: truth.diagnostics[name] for name in ("k_hat", "proposed", "processor_seconds")},
        "log_evidence": truth.log_evidence,
        "log_evidence_se": truth.log_evidence_se,
        "sd_error": dict(zip(truth.names, np.round(measure(truth)[2], 4).tolist(), strict=True)),
    }
    print(json.dumps(told), flush=True)
    found = [mine | compare(ours, truth) for ours, mine in fits]
    for each in found:
        print(json.dumps(each, indent=1), flush=True)
    return {"fits": found, "reference": told}


# -- the reference ----------------------------------------------------------------------------------------------------


class Lines:
    """Normals of one covariance: at the mean of a fit and along a line for each parameter; and the prior, mixed.

    A line goes where all else goes with the parameter, up to `REACH` standard deviations of it: what lies along ridges
    is reached, however thin. The density of a normal so shifted by s deviations is the middle one's times ``exp(s * t -
    s**2 / 2)``, t being how many deviations the parameter is from its mean.
    """

    def __init__(self, mean: np.ndarray, covariance: np.ndarray, parameters: int) -> None:
        self._bell = stats.multivariate_normal(mean, covariance)
        self._mean = mean
        self._spread = np.sqrt(np.diag(covariance))[:parameters]
        self._follow = (covariance / np.sqrt(np.diag(covariance)))[:, :parameters].T

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw points, shape (n, D)."""
        z = self._bell.rvs(n, random_state=rng)
        shift = rng.choice(REACH, n) * (rng.random(n) < ALONG)
        z += shift[:, None] * self._follow[rng.integers(len(self._spread), size=n)]
        return np.where(rng.random((n, 1)) < FROM_PRIOR, rng.standard_normal(z.shape), z)

    def log_density(self, z: np.ndarray) -> np.ndarray:
        """Log density at points, shape (n,)."""
        away = (z - self._mean)[:, : len(self._spread)] / self._spread
        logs = np.concatenate([shift * away - shift**2 / 2 for shift in REACH], axis=1)
        along = special.logsumexp(logs, axis=1) + np.log(ALONG / logs.shape[1])
        near = self._bell.logpdf(z) + np.logaddexp(np.log1p(-ALONG), along)
        return np.logaddexp(np.log1p(-FROM_PRIOR) + near, np.log(FROM_PRIOR) + stats.norm.logpdf(z).sum(axis=1))


def weigh(shape: negsim.Posterior, seed: int = 77) -> negsim.Posterior:
    """Weigh independent draws: no chain, no temperature; `shape` only says where to draw."""
    began = time.process_time()
    target = make_target()
    z = np.hstack([shape.prior.to_unconstrained(shape.draws), special.ndtri(np.clip(shape.latent, 1e-15, 1 - 1e-15))])
    covariance = WIDER * np.cov(z.T, aweights=shape.weights)
    proposal, rng = Lines(shape.weights @ z, covariance, target.parameters), np.random.default_rng(seed)
    kept, logs, told = [], [], []
    for _ in range(BLOCKS):
        z = proposal.draw(BLOCK, rng)
        likelihood = target.log_likelihood(z)
        weight = likelihood + stats.norm.logpdf(z).sum(axis=1) - proposal.log_density(z)
        possible = np.isfinite(weight)
        kept.append(z[possible])
        logs.append(weight[possible])
        told.append(likelihood[possible])
    z, weight = np.concatenate(kept), np.concatenate(logs)
    draws, latent = target.point(z)
    many = BLOCK * BLOCKS
    worth = effective_sample_size(weight)
    return negsim.Posterior(
        prior=target.prior,
        draws=draws,
        latent=latent,
        log_weights=weight,
        log_likelihood=np.concatenate(told),
        log_evidence=float(special.logsumexp(weight) - np.log(many)),
        log_evidence_se=float(np.sqrt(1 / worth - 1 / many)),
        method="importance",
        evaluations=many,
        seed=seed,
        diagnostics={
            "k_hat": smooth_weights(weight)[1],
            "proposed": many,
            "processor_seconds": round(time.process_time() - began, 1),
        },
    )


def make_target() -> Target:
    """What a fit of the article samples."""
    likelihood = bring_together(CASE, CHRONOLOGY, engine="auto")
    roles = (("free",), ("marginalised",))
    names = tuple(name for role in roles for name in find_free(likelihood.compiled, role))
    prior = declare_prior(likelihood.compiled.scenario, names)
    return Target(replace(likelihood, names=names), prior, likelihood.open_dates)


# -- two posteriors ---------------------------------------------------------------------------------------------------


def measure(posterior: negsim.Posterior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means and spreads on the scale on which priors are normal, and the relative error of spreads.

    Of independent draws the error follows from their weights, of several runs from how much leaving one out changes.
    """
    z, weights = posterior.prior.to_unconstrained(posterior.draws), posterior.weights
    mean, spread = find_moments(z, weights)
    runs = len(posterior.diagnostics.get("runs", ()))
    if not runs:
        pull = weights[:, None] * ((z - mean) ** 2 - spread**2) / (2 * spread**2)
        return mean, spread, np.sqrt((pull**2).sum(axis=0))
    run = np.repeat(np.arange(runs), len(z) // runs)
    others = np.array([find_moments(z[run != one], weights[run != one])[1] for one in range(runs)])
    return mean, spread, np.sqrt((runs - 1) * others.var(axis=0)) / spread


def find_moments(z: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weights @ z / weights.sum()
    return mean, np.sqrt(weights @ (z - mean) ** 2 / weights.sum())


def compare(one: negsim.Posterior, other: negsim.Posterior) -> dict[str, Any]:
    """How far two posteriors are apart, on the scale on which priors are normal."""
    (mean, spread, error), (other_mean, other_spread, other_error) = measure(one), measure(other)
    apart, ratio = np.abs(mean - other_mean) / other_spread, spread / other_spread - 1
    return {
        "means_apart_in_sd": dict(zip(one.names, np.round(apart, 3).tolist(), strict=True)),
        "sd_apart": dict(zip(one.names, np.round(ratio, 3).tolist(), strict=True)),
        "sd_apart_error": dict(zip(one.names, np.round(np.hypot(error, other_error), 3).tolist(), strict=True)),
        "largest_mean_apart": float(apart.max()),
        "largest_sd_apart": float(np.abs(ratio).max()),
        "log_evidence_apart": one.log_evidence - other.log_evidence,
        "log_evidence_apart_error": float(np.hypot(one.log_evidence_se, other.log_evidence_se)),
    }


STUDIES = {"peers": run_peers, "reference": run_reference}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    options = parser.parse_args()
    head = {
        "study": options.study,
        "date": dt.date.today().isoformat(),
        "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], text=True).strip(),
        "version": negsim.__version__,
        "processors": os.cpu_count(),
    }
    found = STUDIES[options.study]()
    file = RESULTS / f"samplers-{options.study}.json"
    file.write_text(json.dumps(head | found, indent=1) + "\n", encoding="utf-8")
    print(f"written: {file.name}")


if __name__ == "__main__":
    main()
