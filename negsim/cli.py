"""What can be asked from the shell? Each command parses its words, asks another room, and prints the answer.

Exit codes: 0 done, 1 failed, 2 wrong input (a bad scenario, option or key), 130 interrupted. Whatever is slow to
import is imported by the command that needs it.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from negsim.problems import Problem
    from negsim.scenario import Scenario

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

Progress = Callable[[int, int], None]


class InputError(Exception):
    """What was asked for cannot be: an option's value, a file that is in the way."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``negsim`` (default: those of the shell).

    Returns
    -------
    int
        The exit code.
    """
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        parser.print_help(sys.stderr)
        return WRONG_INPUT
    return _guard(options)


def _guard(options: argparse.Namespace) -> int:
    """Do what was asked, and turn whatever goes wrong into a line and an exit code."""
    from negsim.problems import ScenarioError

    try:
        options.do(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ScenarioError, InputError) as error:
        return _complain(error, WRONG_INPUT, options)
    except KeyboardInterrupt:
        print("negsim: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        return _complain(error, FAILED, options)
    return DONE


def _complain(error: Exception, code: int, options: argparse.Namespace) -> int:
    if options.debug:
        traceback.print_exc()
    elif code == WRONG_INPUT:
        print(f"negsim: {error}", file=sys.stderr)
    else:
        said = " ".join(str(error).split()) or "no message"
        print(f"negsim: failed: {type(error).__name__}: {said} (--debug shows where)", file=sys.stderr)
    return code


# -- the commands ------------------------------------------------------------------------------------------------


def list_cases(_: argparse.Namespace) -> None:
    """Print the names and titles of the shipped cases."""
    from negsim.scenario_files import scenarios

    titles = scenarios()
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        print(f"{name:<{width}}  {title}".rstrip())


def show(options: argparse.Namespace) -> None:
    """Print a scenario in words."""
    from negsim.descriptions import describe_scenario
    from negsim.scenario_files import load_scenario

    print(describe_scenario(load_scenario(options.case)))


def check(options: argparse.Namespace) -> None:
    """Print every mistake of scenario files, or that there is none."""
    from negsim.problems import ScenarioError
    from negsim.scenario_files import check_scenario

    found: list[Problem] = []
    for file in options.file:
        problems = check_scenario(file)
        found += problems
        if not problems:
            print(f"{file}: no mistakes")
    if found:
        raise ScenarioError(found)


def new(options: argparse.Namespace) -> None:
    """Write the template, and beside it the schema if asked for."""
    from negsim.scenario_files import SCHEMA_NAME, schema_path, write_schema, write_template

    target = Path(options.file)
    with _paths_as_input("exists already (--force overwrites it)"):
        write_template(target, force=options.force)
        print(f"{target}: written; next: negsim check {target}")
        if options.schema:
            beside = write_schema(target.with_name(SCHEMA_NAME), force=options.force)
            print(f"{beside}: written; editors find it by the first line of {target}")
        else:
            print(f"The schema by which editors complete and check it: {schema_path()} (--schema writes it beside)")


def run(options: argparse.Namespace) -> None:
    """Simulate a scenario, print the summary, and keep the results if asked to."""
    from negsim.ensemble import simulate

    scenario = _prepare(options)
    folder = None if options.out is None else _make_folder(options.out)
    with _progress_bar(options.runs) as progress:
        ensemble = simulate(
            scenario,
            runs=options.runs,
            seed=options.seed,
            params=dict(options.set) or None,
            until=options.until,
            workers=options.workers,
            progress=progress,
        )
    summary = ensemble.summary()
    if folder is not None:
        _keep(ensemble, summary, folder, pictures=not options.no_plots)
    print(summary.to_string(index=False, na_rep="", float_format="%.3f"))


# -- what the commands need --------------------------------------------------------------------------------------


def _prepare(options: argparse.Namespace) -> Scenario:
    """The scenario that is to be run, with the options that concern it checked against it."""
    from negsim.scenario_files import load_scenario, require_settings

    scenario = load_scenario(options.case)
    if options.tick is not None:
        scenario = scenario.model_copy(update={"tick": options.tick})
    if options.until is not None and not scenario.start <= options.until <= scenario.end:
        raise InputError(f"--until {options.until}: allowed: a date from {scenario.start} to {scenario.end}")
    require_settings(scenario, dict(options.set), "--set")
    return scenario


def _make_folder(name: str) -> Path:
    """Make the folder for results before anything is computed for it."""
    folder = Path(name)
    with _paths_as_input("exists already and is no folder"):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _paths_as_input(in_the_way: str) -> Iterator[None]:
    """Take a path that is in the way, or leads nowhere, for a mistake of the person who wrote it."""
    try:
        yield
    except FileExistsError as error:
        raise InputError(f"{error.filename} {in_the_way}") from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error


@contextlib.contextmanager
def _progress_bar(runs: int) -> Iterator[Progress | None]:
    """A bar on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    with tqdm(total=runs, unit="run", file=sys.stderr, leave=False) as bar:
        yield lambda done, _total: _move_to(bar, done)


def _move_to(bar: Any, done: int) -> None:
    bar.update(done - bar.n)


def _keep(ensemble: Any, summary: Any, folder: Path, *, pictures: bool) -> None:
    """Write what came out: events, summary, provenance and pictures."""
    ensemble.save(folder)
    summary.to_csv(folder / "summary.csv", index=False)
    if pictures:
        from negsim.plots import draw_all

        draw_all(ensemble, folder)
    written = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_file()))
    print(f"{folder}: {written}", file=sys.stderr)


# -- the words ---------------------------------------------------------------------------------------------------


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line (the documentation prints it)."""
    parser = argparse.ArgumentParser(
        prog="negsim",
        description="Simulate negotiations: who gives what to whom, when, and what stops them.",
        epilog=_examples(
            "negsim list",
            "negsim show beijing-1999",
            "negsim run beijing-1999 --runs 1000 --seed 1",
            "negsim new my-case.toml && negsim check my-case.toml && negsim run my-case.toml",
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    _add_debug(parser, default=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for add in (_add_list, _add_show, _add_check, _add_new, _add_run):
        add(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        from negsim.version import VERSION

        print(f"negsim {VERSION}")
        parser.exit()


def _examples(*lines: str) -> str:
    return "\n".join(["examples:", *(f"  {line}" for line in lines)])


def _add_debug(parser: argparse.ArgumentParser, default: Any) -> None:
    parser.add_argument("--debug", action="store_true", default=default, help="show where a failure happened")


def _add_command(
    commands: Any, name: str, do: Callable[[argparse.Namespace], None], purpose: str, *examples: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=purpose,
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=_examples(*examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(do=do)
    _add_debug(parser, default=argparse.SUPPRESS)
    return parser


def _add_list(commands: Any) -> None:
    _add_command(commands, "list", list_cases, "list the shipped cases", "negsim list")


def _add_show(commands: Any) -> None:
    parser = _add_command(
        commands,
        "show",
        show,
        "show a scenario in words: actors, channels, concessions, moves, theories, parameters",
        "negsim show beijing-1999",
        "negsim show my-case.toml | less",
    )
    _add_case(parser)


def _add_check(commands: Any) -> None:
    parser = _add_command(
        commands,
        "check",
        check,
        "check scenario files: every mistake at once, and the name that was probably meant",
        "negsim check my-case.toml",
        "negsim check cases/*.toml",
    )
    parser.add_argument("file", metavar="FILE", nargs="+", help="scenario file (TOML), or a shipped case")


def _add_new(commands: Any) -> None:
    parser = _add_command(
        commands,
        "new",
        new,
        "write a commented scenario to start from",
        "negsim new my-case.toml",
        "negsim new my-case.toml --schema     # and the schema by which editors complete and check it",
    )
    parser.add_argument("file", metavar="FILE", help="where to write it")
    parser.add_argument("--schema", action="store_true", help="write the JSON Schema beside it")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")


def _add_run(commands: Any) -> None:
    parser = _add_command(
        commands,
        "run",
        run,
        "simulate a scenario many times and print how probable each kind of event is, and when",
        "negsim run beijing-1999 --runs 1000 --seed 1",
        "negsim run beijing-1999 --runs 10000 --workers 4 --out out",
        "negsim run my-case.toml --until 2004-06-30 --tick week",
        "negsim run my-case.toml --set actor.Upland.audience=1.5 --set raids=0.2",
    )
    _add_case(parser)
    parser.add_argument("--runs", metavar="N", type=_whole(1), default=1000, help="number of runs (default: 1000)")
    parser.add_argument("--seed", metavar="S", type=_whole(0), default=0, help="seed of the clocks (default: 0)")
    parser.add_argument("--until", metavar="DATE", type=_date, help="stop at this date (default: the scenario's end)")
    parser.add_argument("--tick", choices=("month", "week", "day"), help="how often hazards are looked at anew")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        type=_setting,
        action="append",
        default=[],
        help="set a number by its key path, or a named parameter (repeatable)",
    )
    parser.add_argument("--workers", metavar="W", type=_whole(1), default=1, help="processes (default: 1)")
    parser.add_argument("--out", metavar="DIR", help="write events, summary, provenance and pictures there")
    parser.add_argument("--no-plots", action="store_true", help="write no pictures")


def _add_case(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("case", metavar="CASE", help="a shipped case, or a scenario file (TOML)")


def _whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        with contextlib.suppress(ValueError):
            if (number := int(text)) >= least:
                return number
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")

    return read


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 1999-12-31") from None


def _setting(text: str) -> tuple[str, float]:
    key, equals, value = text.partition("=")
    try:
        if key and equals:
            return key.strip(), float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE with a number, such as actor.Upland.audience=1.5")
