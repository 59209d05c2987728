"""How much noise do common clocks take out of a difference? Variance ratios against independent clocks.

For each change, pairs of histories on the same clocks and the same pairs on independent ones; the ratio is of the
variances of the difference, per pair. Small changes of rates and a halved one show what the scheme can do; the
questions that ship with the case show what it does for them, whatever it is: for the number of all moves and for single
outcomes.

    python benchmarks/common_clocks.py --runs 1000      # a few minutes; writes results/common_clocks.{json,md}
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from speed import describe_machine

import negsim

CASE = "beijing-1999"
RESULTS = Path(__file__).parent / "results"
TEMPOS = ("tempo_talks", "tempo_repair", "tempo_accords", "tempo_pledges", "tempo_incursions")
TESTS = "coercion.missile_test.rates.act"
TARGETS = {"5%": 10.0, "halved": 2.0}


def list_changes() -> list[tuple[str, Any, float | None]]:
    """Words, question and target of each change."""
    twentieth = [
        (f"{name} + 5%", {"name": name, "number": [{"path": name, "multiply": 1.05}]}, TARGETS["5%"]) for name in TEMPOS
    ]
    halved = [
        ("missile tests halved", {"name": "half", "number": [{"path": TESTS, "multiply": 0.5}]}, TARGETS["halved"])
    ]
    return [*twentieth, *halved, *((name, name, None) for name in negsim.what_ifs(CASE))]


def measure(words: str, question: Any, target: float | None, runs: int, seed: int) -> dict[str, Any]:
    """Variance ratios of one change."""
    answer = negsim.counterfactual(CASE, None, question, seed=seed, runs=runs)
    model = answer.interventional
    every = model.kinds.iloc[0]
    kinds = model.kinds.iloc[1:]
    moved = kinds[(kinds["variance_ratio"] < math.inf) & kinds["variance_ratio"].notna()]
    return {
        "change": words,
        "target": target,
        "ratio": every["count_variance_ratio"],
        "ratio_se": every["count_variance_ratio_se"],
        "difference": every["count_difference"],
        "difference_se": every["count_difference_se"],
        "share_parted": float((model.partings.day < math.inf).mean()),
        "single_outcomes": {
            "kinds": len(kinds),
            "without_noise": int((kinds["variance_ratio"] == math.inf).sum()),
            "quartiles": [float(moved["variance_ratio"].quantile(q)) for q in (0.25, 0.5, 0.75)],
        },
        "watched": [
            {"outcome": row["outcome"], "ratio": row["variance_ratio"], "ratio_se": row["variance_ratio_se"]}
            for row in model.outcomes.to_dict("records")
        ],
    }


def tell(entry: dict[str, Any]) -> str:
    """One line of the table."""
    low, middle, high = entry["single_outcomes"]["quartiles"]
    target = "" if entry["target"] is None else f"{entry['target']:g}"
    met = "" if entry["target"] is None else (" yes" if entry["ratio"] >= entry["target"] else " NO")
    return (
        f"| {entry['change']} | {write_ratio(entry['ratio'], entry['ratio_se'])} | {target}{met} | "
        f"{entry['difference']:+.2f} ± {entry['difference_se']:.2f} | {100 * entry['share_parted']:.0f}% | "
        f"{middle:,.1f} ({low:,.1f} to {high:,.1f}) |"
    )


def write_ratio(ratio: float, error: float) -> str:
    if math.isinf(ratio):
        return "no noise left"
    return "no noise in either" if math.isnan(ratio) else f"{ratio:,.1f} ± {error:,.1f}"


def read_kept(options: argparse.Namespace) -> dict[str, Any]:
    """What was measured before, with the same runs and seed, and is not to be measured anew."""
    before = json.loads((RESULTS / "common_clocks.json").read_text())
    if (before["runs"], before["seed"]) != (options.runs, options.seed):
        raise SystemExit("--again goes with the runs and the seed of what is written")
    return {entry["change"]: entry for entry in before["changes"] if entry["change"] not in options.again}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="pairs of histories (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the clocks (default: 1)")
    parser.add_argument("--again", nargs="+", metavar="CHANGE", help="measure only these anew; the rest is as written")
    options = parser.parse_args()
    kept = read_kept(options) if options.again else {}
    head = [
        "| change | variance ratio, all moves | target | difference in moves | pairs that part | single outcomes: "
        "median (quartiles) |",
        "|---|---|---|---|---|---|",
    ]
    print("\n".join(head))
    machine, entries = describe_machine(), []
    for words, question, target in list_changes():
        entries.append(kept.get(words) or measure(words, question, target, options.runs, options.seed))
        print(tell(entries[-1]), flush=True)
    lines = [
        "# What common clocks take out",
        "",
        f"Written by `python benchmarks/common_clocks.py --runs {options.runs} --seed {options.seed}` on "
        f"{machine['date'][:10]}, negsim {machine['versions']['negsim']}. Variance of the difference between two arms "
        f"on independent clocks, over that on common ones, {options.runs:,} pairs of `{CASE}` over its whole period; "
        "± is one standard error. Single outcomes: whether each kind of event happens at all, for kinds in which any "
        "pair differs.",
        "",
        *head,
        *map(tell, entries),
        "",
        "Outcomes that the shipped questions watch:",
        "",
        "| question | outcome | variance ratio |",
        "|---|---|---|",
        *(
            f"| {entry['change']} | {row['outcome']} | {write_ratio(row['ratio'], row['ratio_se'])} |"
            for entry in entries
            for row in entry["watched"]
        ),
    ]
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "common_clocks.md").write_text("\n".join(lines) + "\n")
    record = {"machine": machine, "runs": options.runs, "seed": options.seed, "changes": entries}
    (RESULTS / "common_clocks.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
