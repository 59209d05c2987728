"""What comes next, says a fit? ``forecast`` draws futures from a posterior that ``fit`` saved."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negsim.cli.bars import share_bar
from negsim.cli.words import (
    InputError,
    add_command,
    add_engine,
    add_workers,
    date,
    find_target,
    make_folder,
    mistakes_of,
    paths_as_input,
    require_target,
    whole,
    write_numbers,
    write_table,
)

if TYPE_CHECKING:
    from negsim.calibration.posterior import Posterior
    from negsim.chronology import Chronology
    from negsim.questions import Question
    from negsim.scenario import Scenario


def forecast(options: argparse.Namespace) -> None:
    """Draw futures from a saved posterior and print how probable each event is, and when."""
    from negsim.forecasts.drawing import forecast as draw

    scenario, chronology, posterior = reopen(Path(options.fit))
    _require_period(scenario, chronology, options.origin, options.until)
    folder = None if options.out is None else make_folder(options.out)
    when = {"origin": options.origin, "until": options.until, "runs": options.runs, "seed": options.seed}
    questions = _ask(scenario, options.event)
    with share_bar("forecast") as progress:
        how: dict[str, Any] = {"engine": options.engine, "workers": options.workers, "progress": progress}
        told = draw(scenario, posterior, chronology, **when, **how)
    table = told.answers(questions)
    try:
        if folder is not None:
            told.ensemble.save(folder)
            write_table(table, folder / "forecast.csv")
            print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}", file=sys.stderr)
    finally:  # a full disk loses the files, not the answer
        print(f"{scenario.title or scenario.name}: {told.origin} to {told.until}, {options.runs:,} futures\n")
        dates = [name for name in table if str(name).startswith("date_")]
        shown = table.assign(**{name: table[name].map(lambda day: "" if day is None else day) for name in dates})
        print(write_numbers(shown))
    if told.until > scenario.end:
        print(
            f"\nBeyond the scenario's end ({scenario.end}) nothing new comes from outside: drivers keep their values."
        )


def _require_period(scenario: Scenario, chronology: Chronology, origin: dt.date | None, until: dt.date | None) -> None:
    """Refuse a period without a day in it, before anything is drawn."""
    first = origin or chronology.until + dt.timedelta(days=1)
    if not scenario.start <= first:
        raise InputError(f"--origin {first}: allowed: a date from {scenario.start} on")
    if until is not None and until < first:
        raise InputError(f"--until {until}: allowed: a date from {first} on, the first day that is drawn")
    if until is None and first > scenario.end:
        raise InputError(
            f"{first}, the first day drawn, comes after the scenario's end ({scenario.end}): give --until DATE"
        )


def _ask(scenario: Scenario, events: list[str]) -> tuple[Question, ...]:
    """Put the questions before anything is drawn, so that a misspelled one costs nothing."""
    from negsim.compiler import compile_case
    from negsim.questions import ask_about

    return ask_about(compile_case(scenario), events)


def register(options: argparse.Namespace) -> None:
    """Freeze a forecast in a file, and print its digest."""
    from negsim.forecasts.drawing import forecast as draw
    from negsim.forecasts.registration import register as freeze

    scenario, chronology, posterior = reopen(Path(options.fit))
    _require_period(scenario, chronology, None, options.until)
    require_target(options.file)
    if Path(options.file).exists():
        raise InputError(f"{options.file} exists already: a forecast is registered once")

    questions = _ask(scenario, options.event)

    def drawn(parameters: Any) -> Any:
        when = {"until": options.until, "runs": options.runs, "seed": options.seed}
        return draw(scenario, posterior, chronology, **when, parameters=parameters)

    registered = freeze(drawn("posterior"), {"prior": drawn("prior")}, note=options.note, questions=questions)
    with paths_as_input("exists already: a forecast is registered once"):
        registered.save(options.file)
    print(f"{options.file}: {registered.origin} to {registered.until}, {len(registered.questions)} questions")
    print(f"digest {registered.digest}")
    print("Publish the digest: it shows later that nothing was changed.")


def score(options: argparse.Namespace) -> None:
    """Score a registered forecast by what came about."""
    from negsim.forecasts.registration import load_registered, score_registered

    target = find_target(options.out, "scores.csv")
    registered = load_registered(options.registered, options.digest)
    table = score_registered(
        registered, options.events, observed_until=options.observed_until, codebook=options.codebook
    )
    if target is not None:
        write_table(table, target)
    print(f"{options.registered}: registered {registered.content['registered']}, digest {registered.digest[:16]}")
    until = table.attrs["scored_until"]
    whole_months = "" if until == registered.until else ", the end of the last whole month observed"
    print(f"scored from {registered.origin} to {until}{whole_months}\n")
    if aside := table.attrs["left_aside"]:
        events = "1 event was" if aside == 1 else f"{aside} events were"
        print(f"{events} left aside: from before {registered.origin}, the first day forecast\n")
    shown = table[table["forecaster"] == "model"].drop(columns="forecaster")
    print(shown.to_string(index=False, na_rep="", float_format="%.3f"))
    sums = table.groupby("forecaster", sort=False)[["log_score", "brier", "crps_first", "rps_count"]]
    print("\nsums over the questions (smaller is better), of the model and of what it is compared with")
    print(f"{sums.sum(min_count=1).to_string(na_rep='', float_format='%.3f')}\n\n{SCORES}")


SCORES = """\
happened    whether it happened in the period (a share if the file leaves its date open)
log_score   minus the log of the probability that was given to what happened
brier       squared difference between the probability and what happened
crps_first  the same for the date of the first event, added up over months
rps_count   the same for how often it happened, added up over counts; blank until the whole period is observed"""


def reopen(folder: Path) -> tuple[Scenario, Chronology, Posterior]:
    """Load a saved posterior with the case and the chronology that it was fitted to.

    Raises
    ------
    InputError
        When there is no posterior, or case or chronology are no longer what it was fitted to.
    """
    from negsim.calibration.fitting import chronology_digest
    from negsim.calibration.posterior import Posterior, SamplingError
    from negsim.chronology_files import load_chronology
    from negsim.scenario_files import load_scenario, scenario_digest

    try:
        posterior = Posterior.load(folder)
    except (SamplingError, OSError) as error:
        raise InputError(f"{error}; allowed: a folder that `negsim fit ... --out` wrote") from error
    asked = _find_asked(folder, posterior)
    scenario = load_scenario(asked["case"])
    chronology = load_chronology(scenario, asked["chronology"], codebook=asked["codebook"])
    if asked["until"] is not None:
        with mistakes_of(ValueError):
            chronology = chronology.cut(asked["until"])
    now = {"scenario": scenario_digest(scenario), "chronology": chronology_digest(chronology)}
    for what, digest in now.items():
        if digest != posterior.provenance.get(f"{what}_digest"):
            name = asked["chronology" if what == "chronology" else "case"]
            raise InputError(f"{folder}: the {what} {name} has changed since it was fitted; fit it again")
    return scenario, chronology, posterior


def _find_asked(folder: Path, posterior: Posterior) -> dict[str, Any]:
    """What was fitted to what, in the words of whoever asked; its files are seen from where they were then."""
    asked = posterior.provenance.get("asked")
    if not isinstance(asked, dict) or not isinstance(asked.get("case"), str) or "chronology" not in asked:
        raise InputError(f"{folder} does not say which case and chronology it was fitted to: fit it with `negsim fit`")
    told: dict[str, Any] = {"codebook": None, "until": None, **asked}
    gone = [told[name] for name in ("case", "chronology", "codebook") if told[name] and _is_gone(told[name])]
    if gone:
        raise InputError(
            f"{folder} was fitted to {' and '.join(gone)}, which {'are' if len(gone) > 1 else 'is'} not here: call "
            "negsim from the folder in which it was fitted"
        )
    return told


def _is_gone(name: str) -> bool:
    """Whether what was a file, not the name of something that ships, is no longer where it was."""
    return Path(name).suffix in (".toml", ".csv") and not Path(name).exists()


def add_fitted(parser: argparse.ArgumentParser) -> None:
    """Take a saved posterior."""
    parser.add_argument("fit", metavar="FIT", help="folder that `negsim fit ... --out FIT` wrote")


def add_events(parser: argparse.ArgumentParser) -> None:
    """Let questions be asked."""
    parser.add_argument(
        "--event",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="ask about this event, kind:actor:channel:subject (repeatable; default: the case's questions)",
    )


def add_forecast(commands: Any) -> None:
    """Add ``forecast``."""
    parser = add_command(
        commands,
        "forecast",
        forecast,
        "simulate futures from a fit and print how probable each event is, and when",
        "negsim forecast out/fit",
        "negsim forecast out/fit --until 2004-12-31 --runs 4000 --out out/forecast",
        "negsim forecast out/fit --event act:PRK::missile_test --event walk_out::official:",
    )
    add_fitted(parser)
    parser.add_argument("--origin", metavar="DATE", type=date, help="first day forecast (default: when knowledge ends)")
    parser.add_argument("--until", metavar="DATE", type=date, help="last day forecast (default: the scenario's end)")
    parser.add_argument("--runs", metavar="N", type=whole(1), default=2000, help="number of futures (default: 2000)")
    parser.add_argument("--seed", metavar="S", type=whole(0, None), default=0, help="seed of the futures (default: 0)")
    add_events(parser)
    add_workers(parser)
    add_engine(parser)
    parser.add_argument("--out", metavar="DIR", help="write the futures and the table there")


def add_register(commands: Any) -> None:
    """Add ``register``."""
    parser = add_command(
        commands,
        "register",
        register,
        "freeze a forecast in a file with a digest, to be scored when the events are known",
        "negsim register out/fit forecasts/2000-2004.json --until 2004-12-31 --runs 10000",
        "negsim register out/fit mine.json --event agree::official     # and no other question",
    )
    add_fitted(parser)
    parser.add_argument("file", metavar="FILE", help="where to write it (JSON); an existing file is not overwritten")
    parser.add_argument("--until", metavar="DATE", type=date, help="last day forecast (default: the scenario's end)")
    parser.add_argument("--runs", metavar="N", type=whole(1), default=10_000, help="number of futures (default: 10000)")
    parser.add_argument("--seed", metavar="S", type=whole(0, None), default=0, help="seed of the futures (default: 0)")
    add_events(parser)
    parser.add_argument("--note", metavar="TEXT", default="", help="a note to keep with it")


def add_score(commands: Any) -> None:
    """Add ``score``."""
    parser = add_command(
        commands,
        "score",
        score,
        "score a registered forecast by the events that happened",
        "negsim score forecasts/2000-2004.json events.csv",
        "negsim score forecasts/2000-2004.json events.csv --observed-until 2002-12-31 --digest 3f9c",
    )
    parser.add_argument("registered", metavar="REGISTERED", help="file that `negsim register` wrote")
    parser.add_argument(
        "events",
        metavar="EVENTS",
        help="CSV file (columns date and move) of all events that answer the questions; earlier ones are set aside; if "
        "nothing happened, it has a row with status outside",
    )
    parser.add_argument("--codebook", metavar="FILE", help="TOML file that says which moves the rows of the CSV mean")
    parser.add_argument(
        "--observed-until",
        metavar="DATE",
        type=date,
        help="last day that the file covers (default: the last forecast); scores go to the last end of a month by then",
    )
    parser.add_argument("--digest", metavar="HEX", help="the digest that was published, or its beginning")
    parser.add_argument("--out", metavar="PLACE", help="write all scores there: a folder, or a file (.csv)")
