"""How is the shell's language made? Words with values, checked as they are read; what commands share.

Every command adds itself with :func:`add_command`; what it needs that is slow to import it imports when it runs.
"""

from __future__ import annotations

import argparse
import codecs
import contextlib
import datetime as dt
import errno
import io
import os
import sys
import textwrap
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negsim.margins import write_error
from negsim.problems import MOST, find_nearest

if TYPE_CHECKING:
    import pandas

    from negsim.scenario import Scenario

ALIKE: Final = 0.75
"""How much of its letters an option has in common with one that is meant, of 1: all begin with the same two."""
LINE: Final = 118
"""Letters in a printed line of text, at most."""


PLAINLY: Final = "negsim.plainly"
PLAIN: Final = {"±": "+-", "−": "-", "–": "-", "→": "->"}
"""What is written where a terminal has no such letter."""


class InputError(Exception):
    """What was asked for cannot be: an option's value, a file that is in the way."""


# -- commands and options ------------------------------------------------------------------------------------------


def examples(*lines: str) -> str:
    """Lay out example commands for the end of a help page."""
    return "\n".join(["examples:", *(f"  {line}" for line in lines)])


def add_debug(parser: argparse.ArgumentParser, default: Any) -> None:
    """Let a failure show where it happened."""
    parser.add_argument("--debug", action="store_true", default=default, help="show where a failure happened")


class CommandParser(argparse.ArgumentParser):
    """The parser of a command: of an option or a command that there is not it names the nearest."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Read words, and refuse those that are none of the command's."""
        read, beyond = super().parse_known_args(args, namespace)
        if beyond:
            near = get_close_matches(beyond[0].partition("=")[0], self._option_string_actions, n=1, cutoff=ALIKE)
            self.error(f"unrecognized arguments: {' '.join(beyond)}{f'; did you mean {near[0]}?' if near else ''}")
        return read, beyond

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a word that is none of those allowed; of a command name the nearest, not all."""
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            near = find_nearest(str(value), action.choices)
            meant = f"did you mean {near}?" if near else f"there are {', '.join(action.choices)}"
            raise argparse.ArgumentError(action, f"there is no command {value!r}; {meant}")
        super()._check_value(action, value)


def add_command(
    commands: Any, name: str, do: Callable[[argparse.Namespace], None], purpose: str, *shown: str, note: str = ""
) -> argparse.ArgumentParser:
    """Add a command: what it does (first sentence of its help), what else is to be known, and examples."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=purpose,
        description=wrap_sentences(f"{purpose[0].upper()}{purpose[1:]}.{note and f' {note}'}"),
        epilog=examples(*shown),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(do=do)
    add_debug(parser, default=argparse.SUPPRESS)
    return parser


def add_case(parser: argparse.ArgumentParser) -> None:
    """Take a scenario."""
    parser.add_argument("case", metavar="CASE", help="a shipped case, or a scenario file (TOML)")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Let numbers of the scenario be set."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        type=setting,
        action="append",
        default=[],
        help="set a number by its key path, or a named parameter (repeatable)",
    )


def add_tick(parser: argparse.ArgumentParser) -> None:
    """Let the calendar's resolution be chosen."""
    parser.add_argument(
        "--tick", choices=("month", "week", "day"), help="how often hazards are updated (default: as the scenario says)"
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Let the engine be chosen."""
    parser.add_argument(
        "--engine",
        choices=("numpy", "compiled", "auto"),
        default="numpy",
        help="which engine computes; compiled gives the same results several times as fast (default: numpy)",
    )


def add_workers(parser: argparse.ArgumentParser, who: str = "processes, or threads with the compiled engine") -> None:
    """Let work be shared out."""
    parser.add_argument("--workers", metavar="W", type=whole(1), default=1, help=f"{who} (default: 1)")


# -- values --------------------------------------------------------------------------------------------------------


def whole(least: int, most: int | None = MOST) -> Callable[[str], int]:
    """Read whole numbers of at least some size, and at most one that a machine could see the end of."""

    def read(text: str) -> int:
        with contextlib.suppress(ValueError):
            number = int(text)
            if most is not None and number > most:
                raise argparse.ArgumentTypeError(f"{text!r} is more than {most:,}")
            if number >= least:
                return number
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")

    return read


def date(text: str) -> dt.date:
    """Read a date."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 1999-12-31") from None


def setting(text: str) -> tuple[str, float]:
    """Read KEY=VALUE."""
    key, equals, value = text.partition("=")
    try:
        if key and equals:
            return key.strip(), float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE with a number, such as actor.Upland.audience=1.5")


# -- what several commands do --------------------------------------------------------------------------------------


def prepare(options: argparse.Namespace) -> Scenario:
    """The scenario that is to be run, with the options that concern it checked against it."""
    from negsim.scenario_files import load_scenario, require_settings

    scenario = load_scenario(options.case)
    if options.tick is not None:
        scenario = scenario.with_tick(options.tick)
    if options.until is not None and not scenario.start <= options.until <= scenario.end:
        raise InputError(f"--until {options.until}: allowed: a date from {scenario.start} to {scenario.end}")
    require_settings(scenario, dict(options.set), "--set")
    return scenario


def make_folder(name: str) -> Path:
    """Make the folder for results before anything is computed for it."""
    if not name.strip():
        raise InputError("the folder for results has no name")
    folder = Path(name)
    with paths_as_input("exists already and is no folder"):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise InputError(f"{folder} may not be written to")
    return folder


def require_target(name: str | None) -> None:
    """Make sure that a file of results can be where it was asked for, before anything is computed for it."""
    if name is None:
        return
    path = Path(name)
    if not name.strip():
        raise InputError("the file for results has no name")
    if path.is_dir():
        raise InputError(f"{path} is a folder")
    if not path.parent.is_dir():
        raise InputError(f"{path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: {path.parent} may not be written to")


def find_target(name: str | None, inside: str) -> Path | None:
    """Where a file of results goes: to the file that was named, or into a folder (a name without an ending)."""
    if name is None:
        return None
    path = Path(name)
    if name.strip() and not path.suffix and not path.is_file():
        return make_folder(name) / inside
    require_target(name)
    return path


def write_table(table: pandas.DataFrame, path: Path) -> None:
    """Write a table as CSV, whole or not at all."""
    from negsim.whole_files import whole_file

    with paths_as_input("is in the way"), whole_file(path) as file:
        table.to_csv(file, index=False)


@contextlib.contextmanager
def paths_as_input(in_the_way: str) -> Iterator[None]:
    """Take a path that is in the way, or leads nowhere, for a mistake of the person who wrote it."""
    try:
        yield
    except FileExistsError as error:
        raise InputError(f"{error.filename} {in_the_way}") from error
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise InputError(f"{error.filename}: {error.strerror}") from error
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP):
            raise
        raise InputError(f"{error.filename}: {error.strerror}") from error


def write_plainly(stream: Any) -> None:
    """Let a stream that cannot write every letter write something plain for those it lacks, and not fail."""
    codecs.register_error(PLAINLY, _replace_plainly)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=PLAINLY)


def _replace_plainly(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


def write_numbers(table: pandas.DataFrame) -> str:
    """A table as it is printed: to three digits, and empty what is not known."""
    return str(table.to_string(index=False, na_rep="", float_format=lambda number: write_error(number, 3)))


def wrap_sentences(text: str) -> str:
    """Break the lines of a text so that a terminal shows them whole."""
    lines = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        lines += textwrap.wrap(line, LINE, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(lines)


@contextlib.contextmanager
def told_if_interrupted(said: str) -> Iterator[None]:
    """Say what an interrupt has not lost, or how it would lose nothing."""
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nnegsim: {said}", file=sys.stderr)
        raise


@contextlib.contextmanager
def mistakes_of(kind: type[Exception], where: str = "") -> Iterator[None]:
    """Take a kind of error for a mistake of the person who asked, and say first where it was made."""
    try:
        yield
    except kind as error:
        raise InputError(f"{where}{error}") from error
