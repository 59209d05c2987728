"""Do fits find the truth, and would planted bugs of the likelihood be found? Ranks of truths, a study to be resumed.

    python benchmarks/calibration/ranks.py small [--simulations 500]      the textbook channel, checks of fit included
    python benchmarks/calibration/ranks.py planted [--simulations 200]    the same with six planted bugs
    python benchmarks/calibration/ranks.py beijing [--simulations 20]     beijing-1999, 13 parameters, dated to the day

Finished simulations are lines of a file under the folder given by --keep; a study that is interrupted goes on from
there. What is printed is written to ``benchmarks/results/calibration-<study>.json`` with date and seed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import negsim
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.predictive import check_predictions
from negsim.calibration.ranks import QUANTITIES, Ranks, sbc

RESULTS = Path(__file__).parents[1] / "results"
SEED = 1999
DRAWS = 1500


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
    return ChronologyLikelihood(right.compiled, right.chronology.cut(day), right.names)


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


def describe(ranks: Ranks, seconds: float) -> dict[str, Any]:
    """What is kept of a study."""
    table = ranks.table()
    parameters = table.iloc[: len(ranks.names) - len(QUANTITIES)]["coverage"]
    return {
        "simulations": len(ranks.values),
        "seconds": round(seconds, 1),
        "fallbacks_to_tempering": ranks.fallbacks,
        "trusted_to_no_sampler": ranks.failures,
        "smallest_holm_p": float(table["p_holm"].min()),
        "mean_coverage_90": float(parameters.mean()),
        "coverage_90": {name: float(value) for name, value in parameters.items()},
        "p_values": {name: float(value) for name, value in table["p_value"].items()},
    }


def study(case: negsim.Scenario, name: str, simulations: int, keep: Path, **options: Any) -> tuple[Ranks, float]:
    """Run a study or go on with it."""
    began = time.perf_counter()
    ranks = sbc(case, simulations, SEED, path=keep / f"{name}.jsonl", progress=tell, **options)
    return ranks, time.perf_counter() - began


def tell(done: int, simulations: int) -> None:
    if done % max(simulations // 10, 1) == 0:
        print(f"  {done} of {simulations}", flush=True)


def run_small(simulations: int, keep: Path) -> dict[str, Any]:
    ranks, seconds = study(textbook(), "small", simulations, keep, draws=DRAWS)
    print(ranks.summary())
    print(ranks.table().to_string(float_format="%.3f"))
    return describe(ranks, seconds)


def run_planted(simulations: int, keep: Path) -> dict[str, Any]:
    found = {}
    for doctor in PLANTED:
        ranks, seconds = study(textbook(), f"planted-{doctor.__name__}", simulations, keep, doctor=doctor, draws=DRAWS)
        found[doctor.__name__] = describe(ranks, seconds)
        p = found[doctor.__name__]["smallest_holm_p"]
        print(f"{doctor.__doc__}  Holm-adjusted p {p:.2g}: {'caught' if p < 0.01 else 'NOT caught'}")
    caught = sum(entry["smallest_holm_p"] < 0.01 for entry in found.values())
    print(f"{caught} of {len(PLANTED)} caught")
    return {"caught": caught, "planted": len(PLANTED), "each": found}


def run_beijing(simulations: int, keep: Path) -> dict[str, Any]:
    ranks, seconds = study(negsim.load_scenario("beijing-1999"), "beijing", simulations, keep, engine="auto")
    print(ranks.summary())
    print(ranks.table().to_string(float_format="%.3f"))
    return describe(ranks, seconds)


def run_checks(simulations: int, keep: Path) -> dict[str, Any]:
    """How often the sampled p-values of predictive checks fall below 5% when the model is right."""
    case, values = textbook(), []
    began = time.perf_counter()
    names: list[str] = []
    for number in range(simulations):
        rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(number,)))
        params = {name: 4.0 * np.exp(0.6 * rng.standard_normal(1)) for name in ("meeting", "ending")}
        told = negsim.observe(negsim.simulate(case, runs=1, seed=int(rng.integers(2**31)), params=params), seed=number)
        posterior = negsim.fit(case, told, seed=number, even_if_too_much=True, even_if_explosive=True, draws=2000)
        likelihood = ChronologyLikelihood(_compile(case), told, posterior.names)
        table = check_predictions(likelihood, posterior, seed=number, runs=99).table
        names = list(table.index)
        values.append(table[["p_value", "posterior_share"]].to_numpy())
        tell(number + 1, simulations)
    every = np.array(values)
    out: dict[str, Any] = {
        "simulations": simulations,
        "seconds": round(time.perf_counter() - began, 1),
        "statistics": {},
    }
    for place, name in enumerate(names):
        below = int((every[:, place, 0] < 0.05).sum())
        tail = 2 * np.minimum(every[:, place, 1], 1 - every[:, place, 1])
        low, high = stats.binomtest(below, simulations).proportion_ci()
        naive = float((tail < 0.05).mean())
        out["statistics"][name] = {"type_1_error": below / simulations, "interval": [low, high], "naive_share": naive}
        print(f"{name}: p < .05 in {below / simulations:.3f} ({low:.3f} to {high:.3f}); doubled tail share {naive:.3f}")
    return out


def _compile(case: negsim.Scenario) -> Any:
    from negsim.compiler import compile_scenario

    return compile_scenario(case)


STUDIES = {
    "small": (run_small, 500),
    "planted": (run_planted, 200),
    "beijing": (run_beijing, 20),
    "checks": (run_checks, 500),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--simulations", type=int)
    parser.add_argument("--keep", type=Path, default=Path("out") / "calibration", help="folder of finished simulations")
    options = parser.parse_args()
    run, usual = STUDIES[options.study]
    found = run(options.simulations or usual, options.keep)
    head = {"study": options.study, "date": dt.date.today().isoformat(), "seed": SEED, "version": negsim.__version__}
    file = RESULTS / f"calibration-{options.study}.json"
    file.write_text(json.dumps(head | found, indent=1) + "\n", encoding="utf-8")
    print(f"written: {file.name}")


if __name__ == "__main__":
    main()
