"""Do fits find the truth, and would planted bugs of the likelihood be found? Ranks of truths, a study to be resumed.

    python benchmarks/calibration/ranks.py small [--simulations 500]      the textbook channel, dated to the day
    python benchmarks/calibration/ranks.py vague [--simulations 500]      the same, dated to the month
    python benchmarks/calibration/ranks.py tempered [--simulations 500]   that by tempering, for hard cases
    python benchmarks/calibration/ranks.py planted [--simulations 500]    the first with six planted bugs
    python benchmarks/calibration/ranks.py checks [--simulations 500]     how often checks of fit cry wolf
    python benchmarks/calibration/ranks.py beijing [--simulations 500]    beijing-1999, seen as the article saw it

Finished simulations are lines of a file under the folder given by --keep; a study that is interrupted goes on from
there, and with --report it reports those that there are. A planted bug's study ends as soon as it is caught beyond
doubt. What is printed is written to ``benchmarks/results/calibration-<study>.json`` with date, seed, commit, observer
and settings; with another --seed to ``calibration-<study>-<seed>.json``.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import negsim
from negsim.calibration.fitting import bring_together, declare_prior
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.predictive import check_predictions
from negsim.calibration.ranks import QUANTITIES, Ranks, sbc
from negsim.calibration.sampling import sample_posterior
from negsim.engines import choose_engine

RESULTS = Path(__file__).parents[1] / "results"
SEED = 1999
DRAWS = 1500
STEP = 50
"""A planted bug is looked for after so many simulations, again and again."""
BEYOND_DOUBT = 1e-6
"""Holm-adjusted p below which no more simulations are spent on a bug (looking ten times costs less than a digit)."""


def textbook(years: int = 6) -> negsim.Scenario:
    """Talks between two states that meet and adjourn at two unknown rates."""
    data = negsim.load_scenario("two-state-channel").model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + years)
    prior = {"family": "lognormal", "median": 4.0, "sd": 0.6}
    data["parameter"] = [
        {"name": name, "numbers": [f"channel.talks.rates.{rate}"], "prior": prior}
        for name, rate in (("meeting", "meet"), ("ending", "adjourn"))
    ]
    return negsim.Scenario.model_validate(data)


# -- planted bugs ------------------------------------------------------------------------------------------------------


def forget_quarter(right: ChronologyLikelihood) -> Callable[..., Any]:
    """The last quarter of the window does not count, neither moves nor silence."""
    first, last = right.chronology.window
    day = right.chronology.date(first + 0.75 * (last - first))
    return ChronologyLikelihood(right.compiled, right.chronology.cut(day), right.names, right.engine)


def forget_silence(right: ChronologyLikelihood) -> Callable[..., Any]:
    """The time after the last move does not count."""
    return lambda theta: right(theta) + right.score(theta, right.histories(nothing(theta))).intervals[-1]


def forget_first(right: ChronologyLikelihood) -> Callable[..., Any]:
    """The hazard of the first move does not count."""

    def wrong(theta: np.ndarray) -> np.ndarray:
        events = right.score(theta, right.histories(nothing(theta))).events
        return right(theta) - (events[0] if len(events) else 0.0)

    return wrong


def swap(right: ChronologyLikelihood) -> Callable[..., Any]:
    """Two parameters stand in each other's place."""
    return lambda theta: right(theta[:, ::-1])


def count_twice(right: ChronologyLikelihood) -> Callable[..., Any]:
    """Every move and every silence counts twice."""
    return lambda theta: 2 * right(theta)


def ignore(right: ChronologyLikelihood) -> Callable[..., Any]:
    """The data are not looked at: ranks of parameters stay uniform."""
    return lambda theta: np.zeros(len(theta))


PLANTED = (forget_quarter, forget_silence, forget_first, swap, count_twice, ignore)


def nothing(theta: np.ndarray) -> np.ndarray:
    """No unknown dates."""
    return np.zeros((len(theta), 0))


# -- studies -----------------------------------------------------------------------------------------------------------


def describe(ranks: Ranks, head: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a study."""
    table = ranks.table()
    parameters = table.iloc[: len(ranks.names) - len(QUANTITIES)]["coverage"]
    return {
        "simulations": len(ranks.values) + ranks.rejected + ranks.blank + ranks.ran_away,
        "without_news": ranks.rejected,
        "ran_away": ranks.ran_away,
        "fallbacks_to_tempering": ranks.fallbacks,
        "trusted_to_no_sampler": ranks.failures,
        "without_a_draw": ranks.blank,
        "smallest_holm_p": float(table["p_holm"].min()),
        "mean_coverage_90": float(parameters.mean()),
        "coverage_90": {name: float(value) for name, value in parameters.items()},
        "p_values": {name: float(value) for name, value in table["p_value"].items()},
        "study_head": head,
    }


def study(case: negsim.Scenario, name: str, simulations: int, keep: Path, seed: int, **options: Any) -> dict[str, Any]:
    """Run a study or go on with it."""
    file = keep / f"{name}.jsonl"
    began, before = time.process_time(), count_lines(file)
    ranks = sbc(case, simulations=simulations, seed=seed, path=file, progress=tell, engine="auto", **options)
    print(ranks.summary())
    print(ranks.table().to_string(float_format="%.3f"), flush=True)
    found = describe(ranks, json.loads(file.read_text().splitlines()[0]))
    done = simulations - before
    if done > 0:
        found["processor_seconds_per_simulation"] = round((time.process_time() - began) / done, 2)
    return found


def count_lines(file: Path) -> int:
    """Finished simulations in a file."""
    return max(len(file.read_text().splitlines()) - 1, 0) if file.exists() else 0


def tell(share: float, doing: str) -> None:
    if round(100 * share) % 10 == 0:
        print(f"  {doing}", flush=True)


def run_small(simulations: int, keep: Path, seed: int) -> dict[str, Any]:
    return study(textbook(), "small", simulations, keep, seed, draws=DRAWS)


def run_vague(simulations: int, keep: Path, seed: int) -> dict[str, Any]:
    """Dates to the month are sampled along."""
    return study(textbook(2), "vague", simulations, keep, seed, observer={"precision": "month"})


def run_tempered(simulations: int, keep: Path, seed: int) -> dict[str, Any]:
    """The same by the sampler that others are passed on to, surrogate and all."""
    settings = {"method": "tempering", "particles": 100, "runs": 4}
    return study(textbook(2), "tempered", simulations, keep, seed, observer={"precision": "month"}, **settings)


def run_planted(simulations: int, keep: Path, seed: int) -> dict[str, Any]:
    found = {}
    for doctor in PLANTED:
        for many in (*range(STEP, simulations, STEP), simulations):
            name = f"planted-{doctor.__name__}"
            found[doctor.__name__] = study(textbook(), name, many, keep, seed, doctor=doctor, draws=DRAWS)
            p = found[doctor.__name__]["smallest_holm_p"]
            if p < BEYOND_DOUBT:
                break
        print(f"{doctor.__doc__}  Holm-adjusted p {p:.2g} after {many}: {'caught' if p < 0.01 else 'NOT caught'}")
    caught = sum(entry["smallest_holm_p"] < 0.01 for entry in found.values())
    print(f"{caught} of {len(PLANTED)} caught")
    return {"caught": caught, "planted": len(PLANTED), "beyond_doubt": BEYOND_DOUBT, "step": STEP, "each": found}


def run_beijing(simulations: int, keep: Path, seed: int) -> dict[str, Any]:
    """Nine years seen as the article sees them: its coverage, months for dates; the rest happened at unknown dates."""
    case = negsim.load_scenario("beijing-1999")
    reporting = negsim.load_chronology(case, "article").reporting
    observer = {"reporting": reporting, "precision": "month", "unreported": "implied"}
    threads = os.cpu_count() or 1
    return study(case, "beijing", simulations, keep, seed, observer=observer, method="guided", workers=threads)


def run_checks(simulations: int, keep: Path, seed: int) -> dict[str, Any]:
    """How often the p-values of predictive checks fall below 5% when the model is right."""
    file = keep / "checks.jsonl"
    keep.mkdir(parents=True, exist_ok=True)
    before = count_lines(file)
    began = time.process_time()
    with file.open("a", encoding="utf-8") as lines:
        if not lines.tell():
            lines.write(json.dumps({"case": "textbook", "seed": seed, "draws": DRAWS, "runs": 99}) + "\n")
        for number in range(before, simulations):
            lines.write(json.dumps(check_once(number, seed)) + "\n")
            lines.flush()
            tell(number + 1, simulations)
    spent = time.process_time() - began
    done = [json.loads(line) for line in file.read_text().splitlines()[1 : simulations + 1]]
    out: dict[str, Any] = {"simulations": len(done), "statistics": {}}
    if simulations > before:
        out["processor_seconds_per_simulation"] = round(spent / (simulations - before), 2)
    for name in done[0]:
        p_values, shares = np.array([entry[name] for entry in done]).T
        below = int((p_values < 0.05).sum())
        low, high = stats.binomtest(below, len(done)).proportion_ci()
        naive = float((2 * np.minimum(shares, 1 - shares) < 0.05).mean())
        out["statistics"][name] = {"type_1_error": below / len(done), "interval": [low, high], "naive_share": naive}
        print(f"{name}: p < .05 in {below / len(done):.3f} ({low:.3f} to {high:.3f}); doubled tail share {naive:.3f}")
    return out


def check_once(number: int, seed: int) -> dict[str, list[float]]:
    """p-value and posterior share of each statistic, for a history of the right model."""
    case = textbook()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
    params = {name: 4.0 * np.exp(0.6 * rng.standard_normal(1)) for name in ("meeting", "ending")}
    told = negsim.observe(negsim.simulate(case, runs=1, seed=int(rng.integers(2**31)), params=params))
    own = int(rng.integers(2**31))
    likelihood = bring_together(case, told, ("meeting", "ending"))
    likelihood = replace(likelihood, engine=choose_engine("auto", likelihood.compiled))
    prior = declare_prior(case, likelihood.names)
    posterior = sample_posterior(likelihood, prior, seed=own, latent=likelihood.open_dates, draws=DRAWS)
    table = check_predictions(likelihood, posterior, seed=own, runs=99).table
    return {name: [float(row.p_value), float(row.posterior_share)] for name, row in table.iterrows()}


STUDIES = {
    "small": (run_small, 500),
    "vague": (run_vague, 500),
    "tempered": (run_tempered, 500),
    "planted": (run_planted, 500),
    "beijing": (run_beijing, 500),
    "checks": (run_checks, 500),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--simulations", type=int)
    parser.add_argument("--keep", type=Path, default=Path("out") / "calibration", help="folder of finished simulations")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--report", action="store_true", help="run none, report the simulations that are finished")
    options = parser.parse_args()
    run, usual = STUDIES[options.study]
    usually = options.seed == SEED
    keep = options.keep if usually else options.keep / f"seed-{options.seed}"
    many = count_lines(keep / f"{options.study}.jsonl") if options.report else options.simulations or usual
    found = run(many, keep, options.seed)
    head = {
        "study": options.study,
        "date": dt.date.today().isoformat(),
        "seed": options.seed,
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        ).stdout.strip(),
        "version": negsim.__version__,
        "processors": os.cpu_count(),
    }
    file = RESULTS / f"calibration-{options.study}{'' if usually else f'-{options.seed}'}.json"
    file.write_text(json.dumps(head | found, indent=1) + "\n", encoding="utf-8")
    print(f"written: {file.name}")


if __name__ == "__main__":
    main()
