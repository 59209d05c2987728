"""Is the article's posterior right, and how fast is it found beside emcee? On the same likelihood, in one process.

    python benchmarks/calibration/samplers.py peers        fit and emcee in turn: effective samples a second
    python benchmarks/calibration/samplers.py reference    fit beside a long run: means, spreads, evidence

Seconds are processor seconds. What is printed is written to ``benchmarks/results/samplers-<what>.json`` with date,
commit and settings.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np

import negsim
from negsim.calibration.posterior import SamplingError

RESULTS = Path(__file__).parents[1] / "results"
CASE, CHRONOLOGY = "beijing-1999", "article"


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
    """Effective samples a second, ours and emcee's, by one measure: how far the means of independent runs differ."""
    fit(1, particles=50, runs=2)  # compiles
    ours, mine = fit(1, particles=100)
    theirs, other = fit(1, method="emcee", particles=100, runs=4, steps=300)
    ratio = mine["effective_per_second"] / other["effective_per_second"]
    print(f"fit finds {ratio:.1f} times as many effective samples a second as emcee")
    return {"ours": mine, "emcee": other, "ratio": ratio, "apart_in_sd": compare(ours, theirs)["means_apart_in_sd"]}


def run_reference() -> dict[str, Any]:
    """Means within .05 sd, spreads within 5%, log evidence within .1 of a run of four times the particles?

    And of one whose runs set out from the prior, so that it shares no bell with the others.
    """
    ours, mine = fit(1)
    long, reference = fit(77, particles=500)
    found = compare(ours, long)
    for name, value in found.items():
        print(f"{name}: {value}")
    prior, other = fit(78, particles=300, fitted=False)
    apart = {"fit_and_prior": compare(ours, prior), "reference_and_prior": compare(long, prior)}
    return {"fit": mine, "reference": reference, **found, "from_the_prior": other, **apart}


def compare(one: negsim.Posterior, other: negsim.Posterior) -> dict[str, Any]:
    """How far two posteriors are apart, on the scale on which priors are normal."""
    means, spreads = [], []
    for posterior in (one, other):
        z = posterior.prior.to_unconstrained(posterior.draws)
        means.append(posterior.weights @ z)
        spreads.append(np.sqrt(posterior.weights @ (z - means[-1]) ** 2))
    apart = np.abs(means[0] - means[1]) / spreads[1]
    ratio = spreads[0] / spreads[1] - 1
    return {
        "means_apart_in_sd": {name: round(float(value), 3) for name, value in zip(one.names, apart, strict=True)},
        "sd_apart": {name: round(float(value), 3) for name, value in zip(one.names, ratio, strict=True)},
        "largest_mean_apart": float(apart.max()),
        "largest_sd_apart": float(np.abs(ratio).max()),
        "log_evidence_apart": abs(one.log_evidence - other.log_evidence),
        "expected_of_chance_alone": {
            "mean": float(np.sqrt(1 / one.ess + 1 / other.ess)),
            "sd": float(np.sqrt(0.5 / one.ess + 0.5 / other.ess)),
            "log_evidence": float(np.hypot(one.log_evidence_se, other.log_evidence_se)),
        },
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
