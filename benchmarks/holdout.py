"""Can the model forecast what it has not seen? Fitted to the 1990s until 1997, scored on 1998 and 1999, with rivals.

The structure of the case was chosen knowing the whole decade (hindsight); only its numbers are learned from what was
known at the end of 1997. Rivals: climatology, persistence, Hawkes, and the model without any theory (static) under the
same priors. What a period of this size could have shown is said beside what it showed. Prints a table and writes
results/holdout.md and .json. `--keep DIR` saves the fits there and takes them up again.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

import negsim
from negsim.calibration.fitting import bring_together
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.tempering import PARTICLES, RUNS
from negsim.forecasts.baselines import climatology, hawkes, persistence, read_record
from negsim.forecasts.drawing import forecast
from negsim.forecasts.outlooks import Outlook, hold_out, outcome, see
from negsim.forecasts.verification import power, score, score_all
from negsim.theories import make_static

CASE, CHRONOLOGY = "beijing-1999", "1990s"
LAST = dt.date(1997, 12, 31)
RESULTS = Path(__file__).parent / "results"
NEXT_DAY = LAST + dt.timedelta(days=1)


def main() -> None:
    options = read_options()
    case = negsim.load_scenario(CASE)
    full = negsim.load_chronology(case, CHRONOLOGY)
    known = full.cut(LAST)
    compiled = bring_together(case, full).compiled
    period = hold_out(compiled, full, NEXT_DAY)
    happened = outcome(compiled, full, period, seed=options.seed)
    told = float(happened.count.sum(axis=1).mean())
    outlooks, fits = [], {}
    for name, scenario in (("model", case), ("static", make_static(case))):
        posterior, seconds, refused = fit(name, scenario, known, options)
        ahead = forecast(scenario, posterior, known, until=full.until, runs=options.runs, seed=options.seed)
        outlooks.append(see(name, ahead, full, period, options.seed))
        fits[name] = describe(posterior, seconds, refused)
    record = read_record(compiled, full, period, options.seed)
    for rival in (climatology, persistence, hawkes):
        outlooks.append(rival(record, period, options.runs, options.seed))
    report(outlooks, happened, fits, told, options)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--particles", type=int, default=PARTICLES, help="of each run of the sampler")
    parser.add_argument("--chains", type=int, default=RUNS, help="independent runs of the sampler")
    parser.add_argument("--runs", type=int, default=4000, help="futures of each forecaster (default: 4000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="auto", help="who replays in the fits: numpy, compiled or auto (default)")
    parser.add_argument("--keep", type=Path, help="save the fits there, and take them up again")
    return parser.parse_args()


def fit(
    name: str, scenario: negsim.Scenario, known: negsim.Chronology, options: argparse.Namespace
) -> tuple[Posterior, float, str]:
    """The posterior, the seconds of processor time it took, and what the sampler complains of."""
    kept = None if options.keep is None else options.keep / name
    if kept is not None and (kept / "posterior.json").exists():
        posterior = Posterior.load(kept)
        return posterior, posterior.provenance["seconds"], posterior.provenance["refused"]
    started, refused = time.process_time(), ""
    try:
        settings = {"particles": options.particles, "runs": options.chains, "engine": options.engine}
        posterior = negsim.fit(scenario, known, seed=options.seed, progress=tell(name), **settings)
    except SamplingError as error:
        if error.posterior is None:
            raise
        posterior, refused = error.posterior, str(error)
    seconds = time.process_time() - started
    if kept is not None:
        from dataclasses import replace

        noted = {**posterior.provenance, "seconds": seconds, "refused": refused}
        replace(posterior, provenance=noted).save(kept)
    return posterior, seconds, refused


def tell(name: str) -> Callable[[float, str], None]:
    """Progress as a line for each twentieth of a fit."""
    last = [0.0]

    def say(share: float, doing: str) -> None:
        if share >= last[0] + 0.05:
            last[0] = share
            print(f"{name}: {share:.0%} ({doing})", file=sys.stderr, flush=True)

    return say


def describe(posterior: Posterior, seconds: float, refused: str) -> dict:
    return {
        "log_evidence": posterior.log_evidence,
        "log_evidence_se": posterior.log_evidence_se,
        "ess": posterior.ess,
        "evaluations": posterior.evaluations,
        "seconds": round(seconds),
        "engine": posterior.provenance["engine"],
        "refused": refused,
        "says": dict(zip(posterior.names, posterior.verdicts(), strict=True)),
    }


def report(outlooks: list[Outlook], happened: Outlook, fits: dict, told: float, options: argparse.Namespace) -> None:
    table = score_all(outlooks, happened)
    table["events"] = [float(one.count.sum(axis=1).mean()) for one in outlooks]
    model = outlooks[0]
    differences = [
        power(model, other, happened, score=which) for other in outlooks[1:] for which in ("log_score", "brier")
    ]
    lines = [
        f"# The model on 1998 and 1999, {dt.date.today()}",
        "",
        f"`python benchmarks/holdout.py --particles {options.particles} --chains {options.chains} "
        f"--runs {options.runs} --seed {options.seed}`",
        "",
        f"Numbers learned from `{CHRONOLOGY}` until {LAST}; {len(model.period.questions)} kinds of event asked about, "
        f"{told:.0f} events told after that. The structure of the case was chosen with hindsight, knowing them.",
        "",
        f"## Forecast: {NEXT_DAY} to {find_last_day(model)}, of which no fit was told anything",
        "",
        "Losses, summed over the kinds of event (smaller is better); `events`: how many were expected to be told.",
        "",
        write_table(table),
        "",
        "What the period could show, and what it showed (gains of the model over all kinds of event):",
        "",
        *(f"- {one.score}: {one.describe()}" for one in differences if one.score == "log_score"),
        "",
        "The kinds of event on which the model gained and lost most against climatology (log scores):",
        "",
        write_table(largest(outlooks, happened)),
        "",
        f"## Fit: until {LAST}",
        "",
        "The bar for one of them: 300 s of a core.",
        "",
        *(
            f"- {name}: log evidence {told['log_evidence']:.2f} ± {told['log_evidence_se']:.2f}, effective sample size "
            f"{told['ess']:.0f}, {told['evaluations']:,} likelihoods in {told['seconds']} s of a core, "
            f"{told['engine']}" + (f"; NOT TRUSTED: {told['refused']}" if told["refused"] else "")
            for name, told in fits.items()
        ),
        "",
    ]
    print("\n".join(lines))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "holdout.md").write_text("\n".join(lines), encoding="utf-8")
    held = {
        "date": dt.date.today().isoformat(),
        "scores": table.to_dict("records"),
        "differences": [vars(one) for one in differences],
        "fits": fits,
        "questions": {one.name: score(one, happened).to_dict("records") for one in outlooks},
    }
    (RESULTS / "holdout.json").write_text(json.dumps(held, indent=1) + "\n", encoding="utf-8")


def find_last_day(outlook: Outlook) -> dt.date:
    """The last day asked about."""
    return NEXT_DAY + dt.timedelta(days=round(outlook.period.days) - 1)


def largest(outlooks: list[Outlook], happened: Outlook, most: int = 6) -> pd.DataFrame:
    """The questions on which the model gained and lost most against climatology."""
    model, plain = score(outlooks[0], happened), score(outlooks[2], happened)
    table = model[["question", "happened", "probability"]].rename(columns={"probability": "model"})
    table["climatology"] = plain["probability"]
    table["gain"] = plain["log_score"] - model["log_score"]
    order = table["gain"].sort_values()
    return table.loc[[*order.index[-most:][::-1], *order.index[:most][::-1]]]


def write_table(table: pd.DataFrame) -> str:
    """A table in Markdown."""
    cells = [[f"{value:.2f}" if isinstance(value, float) else str(value) for value in row] for row in table.to_numpy()]
    rows = [list(table.columns), ["---"] * len(table.columns), *cells]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    main()
