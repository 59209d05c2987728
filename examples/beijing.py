"""What does the model make of the road to Beijing? Ten thousand histories beside the events that the article reports.

Run by `make demo`. Writes the event table, its summary and the pictures to out/. The pictures of the documentation were
made by `python examples/beijing.py --pictures docs/pictures`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

import negsim
from negsim.plots import draw_all, draw_state

CASE = "beijing-1999"
STATE_RUNS = 1000  # the state at every tick takes memory: these are the first of the same histories
YEAR = pd.DateOffset(years=1)
COLUMNS = "{:<40} {:<8} {:<18} {:<12} {:<13} {}"
LEGEND = """\
by then        share of runs in which it has happened at least once by the reported date, with its Monte-Carlo error
within a year  the same, from a year before the reported date to a year after it (the simulation ends with 2000)
first time     since 1990, in the runs in which it happens: by when 10, 50 and 90% of them have seen it
row            in seeds/article_events.csv; E.. where that has no date: in seeds/chronology_1990_1999.csv

Nothing is fitted yet: every number of the case is set by hand. So this table shows what the model says before it has
seen these events, not how well it explains them."""


def main() -> None:
    options = read_options()
    with tqdm(total=options.runs, unit="run", leave=False, disable=not sys.stderr.isatty()) as bar:
        ensemble = negsim.simulate(
            CASE,
            runs=options.runs,
            seed=options.seed,
            workers=options.workers,
            progress=lambda done, _: bar.update(done - bar.n),
        )
    article = pd.read_csv(files("negsim") / "cases" / f"{CASE}.article.csv", parse_dates=["date_start", "date_end"])
    print(f"{ensemble.scenario.title}: {options.runs:,} simulated histories beside the article (seed {options.seed})\n")
    print_table(ensemble, article)
    print(f"\n{LEGEND}\n")
    pictures = keep(ensemble, article, options)
    print(f"Written to {options.out}/: events.parquet, summary.csv, {', '.join(file.name for file in pictures)}")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000, help="number of histories (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the clocks (default: 1)")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes (default: 2)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where to write (default: out)")
    parser.add_argument("--pictures", type=Path, help="also put the pictures there, as beijing-*.png")
    return parser.parse_args()


def print_table(ensemble: negsim.Ensemble, article: pd.DataFrame) -> None:
    """One line for each reported event: when it was, and how the simulated histories stand to it."""
    print(COLUMNS.format("reported event", "row", "date", "by then", "within a year", "first time"))
    for event in article.fillna("").itertuples():
        found = find_events(ensemble.events, event)
        by_then = found["date"] < event.date_end + pd.Timedelta(days=1)
        near = found["date"].between(event.date_start - YEAR, event.date_end + YEAR)
        shares = [write_share(found.loc[which, "run"].nunique(), ensemble.runs) for which in (by_then, near)]
        first = found.groupby("run")["date"].min()
        months = " ".join(f"{first.quantile(share):%Y-%m}" for share in (0.1, 0.5, 0.9)) if len(first) else "never"
        print(COLUMNS.format(event.label, event.row, write_dates(event.date_start, event.date_end), *shares, months))


def find_events(events: pd.DataFrame, wanted: tuple) -> pd.DataFrame:
    """The simulated events that are what was reported; the subject of an accord is an item that it holds."""
    same = events["kind"] == wanted.kind
    for part in filter(lambda part: getattr(wanted, part), ("actor", "channel", "subject")):
        names = events[part].cat.categories
        if not any(set(name.split("+")) >= {getattr(wanted, part)} for name in names):
            raise SystemExit(f"{CASE}.article.csv, {wanted.row}: nothing is called {getattr(wanted, part)}")
        same &= events[part].isin([name for name in names if getattr(wanted, part) in name.split("+")])
    return events[same]


def write_dates(start: pd.Timestamp, end: pd.Timestamp) -> str:
    if start == end:
        return f"{start:%Y-%m-%d}"
    return f"{end:%Y-%m}" if f"{start:%Y-%m}" == f"{end:%Y-%m}" else f"{start:%Y-%m} to {end:%Y-%m}"


def write_share(happened: int, runs: int) -> str:
    share = happened / runs
    return f"{100 * share:5.1f}% ± {100 * np.sqrt(share * (1 - share) / runs):.1f}"


def keep(ensemble: negsim.Ensemble, article: pd.DataFrame, options: argparse.Namespace) -> list[Path]:
    """Write events, summary and pictures."""
    ensemble.save(options.out)
    pictures = draw_all(ensemble, options.out, marks=article)
    state = ("resentment", "credibility", "need")
    few = negsim.simulate(CASE, runs=min(STATE_RUNS, options.runs), seed=options.seed, record=state)
    pictures.append(options.out / "state.png")
    draw_state(few).savefig(pictures[-1])
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        for file in pictures:
            shutil.copy(file, options.pictures / f"beijing-{file.name}")
    return pictures


if __name__ == "__main__":
    main()
