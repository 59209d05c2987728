"""What does the model make of the road to Beijing? Fitted to the article, held against it, and asked what comes next.

Run by `make demo`. Writes the fit, the forecast, the event table, its summary and the pictures to out/. The pictures of
the documentation were made by `python examples/beijing.py --pictures docs/pictures`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pandas as pd
from tqdm import tqdm

import negsim
from negsim.plots import draw_all, draw_explanation, draw_forecast, draw_parameters, draw_state

CASE, CHRONOLOGY = "beijing-1999", "article"
STATE_RUNS = 1000  # the state at every tick takes memory: these are the first of the same histories
COLUMNS = "{:<40} {:<18} {:>12}{:>12}{:>12} {}"
NEXT = "{:<50} {:>11} {:>12}  {:<25} {}"
ALIKE = 2.0  # standard errors within which forecast and prior are not told apart


def main() -> None:
    options = read_options()
    case = negsim.load_scenario(CASE)
    chronology = negsim.load_chronology(case, CHRONOLOGY)
    say(f"{case.title}", "=")
    print("\n".join(chronology.report().splitlines()[:4]))
    posterior = fit(chronology, options)
    say("1. What the article says about the numbers of the model")
    print(posterior)
    note(LEARNED)
    with bar("histories") as progress:
        article = pd.read_csv(files("negsim") / "cases" / f"{CASE}.article.csv")
        held = negsim.explain_events(
            case,
            posterior,
            chronology,
            events=article,
            runs=options.runs,
            seed=options.seed,
            workers=options.workers,
            progress=progress,
            engine=options.engine,
        )
    say("2. The article beside the model (fit, not forecast)")
    print_article(held.table)
    note(HELD.format(runs=options.runs))
    asked = {"runs": options.futures, "seed": options.seed, "engine": options.engine}
    ahead = {
        source: negsim.forecast(case, posterior, chronology, parameters=source, **asked)
        for source in ("posterior", "prior")
    }
    say(f"3. What comes next: {ahead['posterior'].origin} to {ahead['posterior'].until}")
    print_forecast(*(ahead[source].answers() for source in ("posterior", "prior")))
    note(AHEAD.format(futures=options.futures))
    written = keep(held, ahead, posterior, article, options)
    names = ("events.parquet", "summary.csv", "forecast.csv", "article.csv", *(file.name for file in written))
    note(f"Written to {options.out}/: {', '.join(names)}")


LEARNED = """\
Medians and 90% intervals of the parameters, before and after the fit to the article. Learned: the article removed at
least a tenth of the prior variance. Moved: it did not, but shifted the estimate. Prior-driven: the article said next to
nothing, and you see the prior. Cannot tell: there are too few draws to say. Averaged over: not of interest itself, but
not known either. Every other number of the case stays as it was written."""

HELD = """\
The share of {runs:,} simulated histories in which the event happens between a year before and a year after its date:
with parameters from the prior, from the fit, and from a fit that leaves out this event's date (? means that the weights
cannot be trusted, - that the fit did not use the event). Each history starts in 1990; the article enters it through the
parameters only. 'When' gives the dates by which 10, 50 and 90% of the fitted histories that have such an event have
seen the first one, counted from a year before the actual date. Rows (A01, ...) are those of seeds/."""

AHEAD = """\
{futures:,} futures that begin where the article ends, each with its own draw of the parameters and of what the article
leaves open. 'Had nothing been learned' has the same past, with parameters from the prior. Where the two agree within
their errors the forecast is prior-driven: it follows from what was written into the case and from the situation on 21
December 1999, not from what the article taught. What happened after 1999 is not in the data."""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10_000, help="histories of each kind (default: 10000)")
    parser.add_argument("--futures", type=int, default=4000, help="futures of the forecast (default: 4000)")
    parser.add_argument("--particles", type=int, default=100, help="of the sampler's scouts (default: 100)")
    parser.add_argument("--engine", default="auto", help="who draws and replays: numpy, compiled or auto (default)")
    parser.add_argument("--seed", type=int, default=1, help="seed of sampler and clocks (default: 1)")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="processes (default: 2)")
    parser.add_argument("--fit", type=Path, help="use the posterior that was saved there instead of fitting")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where to write (default: out)")
    parser.add_argument("--pictures", type=Path, help="also put the pictures there, as beijing-*.png")
    return parser.parse_args()


def fit(chronology: negsim.Chronology, options: argparse.Namespace) -> negsim.Posterior:
    """The posterior, new or as it was saved."""
    if options.fit is not None:
        return negsim.Posterior.load(options.fit)
    with bar("fit") as progress:
        posterior = negsim.fit(
            CASE,
            chronology,
            seed=options.seed,
            particles=options.particles,
            engine=options.engine,
            workers=options.workers,
            progress=progress,
        )
    posterior.save(options.out / "fit")
    return posterior


@contextmanager
def bar(what: str) -> Iterator:
    """A bar on a terminal, nothing in a pipe."""
    with tqdm(
        total=1.0, desc=what, bar_format="{l_bar}{bar}| {elapsed}", leave=False, disable=not sys.stderr.isatty()
    ) as shown:
        yield lambda share, _: shown.update(share - shown.n)


# -- on the screen -------------------------------------------------------------------------------------------------


def say(heading: str, line: str = "-") -> None:
    print(f"\n{heading}\n{line * len(heading)}")


def note(text: str) -> None:
    print("\n" + textwrap.indent(textwrap.fill(" ".join(text.split()), 116), "  "))


def print_article(table: pd.DataFrame) -> None:
    """One line for each reported event: when it was, how probable the model makes it, and when it would have it."""
    print(COLUMNS.format("reported event", "date", "prior", "fitted", "without it", "when"))
    for event in table.itertuples():
        dates = write_dates(event.start, event.end)
        shares = [write_share(event.prior, event.prior_error), write_share(event.posterior, event.posterior_error)]
        without = "-" if pd.isna(event.left_out) else write_share(event.left_out, event.left_out_error)
        shares.append("?" if event.k_hat > 0.7 else without)
        print(COLUMNS.format(event.event, dates, *shares, write_months(event)))


def print_forecast(ahead: pd.DataFrame, unlearned: pd.DataFrame) -> None:
    """One line for each question: how probable, what it would be unlearned, when, and whether that is a difference."""
    print(NEXT.format("", "probability", "had nothing", "when, if it happens", ""))
    print(NEXT.format("by the end of the year", "", "been learned", "(10, 50 and 90%)", ""))
    for told, before in zip(ahead.itertuples(), unlearned.itertuples(), strict=True):
        apart = abs(told.probability - before.probability)
        alike = apart <= ALIKE * (told.error**2 + before.error**2) ** 0.5
        shares = [write_share(one.probability, one.error) for one in (told, before)]
        print(NEXT.format(told.question, *shares, write_months(told), "prior-driven" if alike else "learned").rstrip())


def write_dates(start, end) -> str:
    if start == end:
        return f"{start:%Y-%m-%d}"
    return f"{end:%Y-%m}" if f"{start:%Y-%m}" == f"{end:%Y-%m}" else f"{start:%Y-%m} to {end:%Y-%m}"


def write_months(row: tuple) -> str:
    dates = (row.date_10, row.date_50, row.date_90)
    return "never" if pd.isna(row.date_50) else " ".join(f"{date:%Y-%m}" for date in dates)


def write_share(share: float, error: float) -> str:
    return f"{100 * share:.1f} ± {100 * error:.1f}%" if error >= 0.0005 else f"{100 * share:.1f} ± <0.1%"


# -- in files ------------------------------------------------------------------------------------------------------


def keep(held, ahead: dict, posterior: negsim.Posterior, article: pd.DataFrame, options) -> list[Path]:
    """Write events, tables and pictures."""
    held.posterior.save(options.out)
    held.table.to_csv(options.out / "article.csv", index=False)
    ahead["posterior"].answers().to_csv(options.out / "forecast.csv", index=False)
    pictures = draw_all(held.posterior, options.out, marks=article)
    state = ("resentment", "credibility", "need")
    few = negsim.simulate(
        CASE, runs=min(STATE_RUNS, options.runs), seed=options.seed, record=state, engine=options.engine
    )
    figures = {
        "state": draw_state(few),
        "parameters": draw_parameters(posterior, scenario=held.posterior.scenario),
        "article": draw_explanation(held),
        "forecast": draw_forecast(ahead["posterior"], ahead["prior"]),
    }
    for name, figure in figures.items():
        pictures.append(options.out / f"{name}.png")
        figure.savefig(pictures[-1])
    if options.pictures:
        options.pictures.mkdir(parents=True, exist_ok=True)
        for file in pictures:
            shutil.copy(file, options.pictures / f"beijing-{file.name}")
    return pictures


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
