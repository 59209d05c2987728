"""What can be asked from the shell? Each command parses its words, asks another room, and prints the answer.

Exit codes: 0 done, 1 failed, 2 wrong input (a bad scenario, option or key), 130 interrupted. Whatever is slow to
import is imported by the command that needs it. A command lives in the file of its noun and adds itself; the list of
them is :data:`COMMANDS`.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from negsim.cli import (
    accounts,
    diagnoses,
    exports,
    fits,
    futures,
    pages,
    reports,
    runs,
    scenarios,
    sweeps,
    theories,
    whatifs,
)
from negsim.cli.words import CommandParser, InputError, add_debug, examples, write_plainly

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
NO_NAMES: Final = (errno.ENAMETOOLONG, errno.ELOOP)
"""What a system answers to a name that no file can have, wherever it was given."""

COMMANDS: Final[tuple[Callable[[Any], None], ...]] = (
    scenarios.add_list,
    scenarios.add_show,
    scenarios.add_check,
    scenarios.add_new,
    runs.add_run,
    fits.add_fit,
    diagnoses.add_diagnose,
    accounts.add_explain,
    theories.add_compare,
    futures.add_forecast,
    whatifs.add_whatif,
    sweeps.add_sweep,
    sweeps.add_resume,
    sweeps.add_expand,
    futures.add_register,
    futures.add_score,
    pages.add_app,
    reports.add_report,
    exports.add_export,
)
"""What adds each command, in the order of the help."""


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
    write_plainly(sys.stdout)
    return _guard(options)


def _guard(options: argparse.Namespace) -> int:
    """Do what was asked, and turn whatever goes wrong into a line and an exit code."""
    from negsim.problems import ScenarioError, describe_value

    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            options.do(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ScenarioError, InputError) as error:
        return _complain(error, WRONG_INPUT, options)
    except KeyboardInterrupt:
        print("negsim: interrupted", file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        if error.errno not in NO_NAMES:
            return _complain(error, FAILED, options)
        return _complain(InputError(f"{describe_value(error.filename)}: {error.strerror}"), WRONG_INPUT, options)
    except MemoryError as error:
        return _complain(MemoryError(f"too little memory for so many; {error}"), FAILED, options)
    except Exception as error:
        return _complain(error, FAILED, options)
    return DONE


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"negsim: warning: {message}", file=sys.stderr)


def _complain(error: Exception, code: int, options: argparse.Namespace) -> int:
    if options.debug:
        traceback.print_exc()
    elif code == WRONG_INPUT:
        print(f"negsim: {error}", file=sys.stderr)
    else:
        said = " ".join(str(error).split()) or "no message"
        print(f"negsim: failed: {type(error).__name__}: {said} (--debug shows where)", file=sys.stderr)
    return code


# -- the parser ----------------------------------------------------------------------------------------------------


def make_parser() -> argparse.ArgumentParser:
    """The parser of the command line (the documentation prints it)."""
    parser = CommandParser(
        prog="negsim",
        description="Simulate negotiations: who gives what to whom, when, and what stops them.",
        epilog=examples(
            "negsim list",
            "negsim show beijing-1999",
            "negsim run beijing-1999 --runs 1000 --seed 1",
            "negsim new my-case.toml && negsim check my-case.toml && negsim run my-case.toml",
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    add_debug(parser, default=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=CommandParser)
    for add in COMMANDS:
        add(commands)
    return parser


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        from negsim.version import VERSION

        print(f"negsim {VERSION}")
        parser.exit()
