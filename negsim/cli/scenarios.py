"""What is in a scenario, and is it well written? ``list``, ``show``, ``check`` and ``new``."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from negsim.cli.words import InputError, add_case, add_command, paths_as_input

if TYPE_CHECKING:
    from negsim.problems import Problem


def list_cases(_: argparse.Namespace) -> None:
    """Print the names and titles of the shipped cases."""
    from negsim.scenario_files import scenarios

    titles = scenarios()
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        print(f"{name:<{width}}  {title}".rstrip())


def show(options: argparse.Namespace) -> None:
    """Print a scenario in words, the addresses of its moves, or the model by the ODD protocol."""
    from negsim.descriptions import describe_moves, describe_scenario
    from negsim.scenario_files import load_scenario

    if options.odd:
        from negsim.odd import describe_model, write_markdown

        print(write_markdown(describe_model(load_scenario(options.case))), end="")
        return
    describe = describe_moves if options.moves else describe_scenario
    print(describe(load_scenario(options.case)))


def check(options: argparse.Namespace) -> None:
    """Print every mistake of scenario files, or that there is none."""
    from negsim.problems import ScenarioError
    from negsim.scenario_files import check_scenario

    if options.chronology is not None:
        _check_chronology(options)
        return
    if options.codebook is not None:
        raise InputError("--codebook: allowed with the --chronology that it is for")
    found: list[Problem] = []
    for file in _list_files(options.file):
        problems = check_scenario(file)
        found += problems
        if not problems:
            print(f"{file}: no mistakes{_name_files_not_run(file)}")
    if found:
        raise ScenarioError(found)


def _list_files(named: Iterable[str]) -> Iterator[str]:
    """The files that are to be checked: of a folder its scenario files."""
    for name in named:
        inside = sorted(map(str, Path(name).glob("*.toml"))) if Path(name).is_dir() else []
        yield from inside or [name]


def _name_files_not_run(file: str) -> str:
    """Say which Python files of a scenario a check has not run."""
    from negsim.problems import list_names
    from negsim.scenario_files import load_scenario

    scenario = load_scenario(file, run_files=False)
    paths = [path for name in scenario.term if (path := scenario.term_file(name)) is not None]
    return f" ({list_names(str(path) for path in paths)}: only a run reads what is in it)" if paths else ""


def _check_chronology(options: argparse.Namespace) -> None:
    """Say what a case makes of a chronology, or every mistake of it."""
    from negsim.chronology_checks import describe_room
    from negsim.chronology_files import load_chronology
    from negsim.compiler import compile_case
    from negsim.scenario_files import load_scenario

    if len(options.file) > 1:
        raise InputError("--chronology: allowed with one scenario")
    compiled = compile_case(load_scenario(options.file[0]))
    told = load_chronology(compiled, options.chronology, codebook=options.codebook)
    print("\n".join([f"{options.chronology}: no mistakes", "", told.report(), *describe_room(compiled, told)]))


def new(options: argparse.Namespace) -> None:
    """Write the template or a copy of a case, and beside it the schema if asked for."""
    from negsim.scenario_files import TEMPLATE, write_template
    from negsim.scenario_schemas import SCHEMA_NAME, schema_path, write_schema

    if not options.file.strip():
        raise InputError("the file has no name")
    target = Path(options.file)
    if target.is_dir():
        raise InputError(f"{target} is a folder")
    with paths_as_input("exists already (--force overwrites it)"):
        write_template(target, TEMPLATE if options.copy_of is None else options.copy_of, force=options.force)
        print(f"{target}: written; next: negsim check {shlex.quote(str(target))}")
        if options.schema:
            beside = write_schema(target.with_name(SCHEMA_NAME), force=options.force)
            print(f"{beside}: written; editors find it by the first line of {target}")
        elif options.copy_of is None:
            print(f"The schema by which editors complete and check it: {schema_path()} (--schema writes it beside)")


def add_list(commands: Any) -> None:
    """Add ``list``."""
    add_command(commands, "list", list_cases, "list the shipped cases", "negsim list")


def add_show(commands: Any) -> None:
    """Add ``show``."""
    parser = add_command(
        commands,
        "show",
        show,
        "show a scenario in words: actors, channels, concessions, moves, theories, parameters",
        "negsim show beijing-1999",
        "negsim show my-case.toml | less",
        "negsim show my-case.toml --moves      # as a chronology, a question or --event names them",
        "negsim show my-case.toml --odd > odd.md",
    )
    add_case(parser)
    also = parser.add_mutually_exclusive_group()
    also.add_argument("--odd", action="store_true", help="the model of the case by the ODD protocol, as Markdown")
    also.add_argument(
        "--moves", action="store_true", help="list the address of every move, with the number that sets its rate"
    )


def add_check(commands: Any) -> None:
    """Add ``check``."""
    parser = add_command(
        commands,
        "check",
        check,
        "check scenario files and chronologies; report every mistake at once, with the name probably meant",
        "negsim check my-case.toml",
        "negsim check handins                  # all scenario files of a folder",
        "negsim check my-case.toml --chronology events.csv      # what the case makes of each row",
    )
    parser.add_argument(
        "file", metavar="FILE", nargs="+", help="scenario file (TOML), a folder of them, or a shipped case"
    )
    parser.add_argument(
        "--chronology", metavar="NAME", help="also check this chronology: one of the case's, or a CSV file"
    )
    parser.add_argument("--codebook", metavar="FILE", help="TOML file that says which moves the rows of the CSV mean")


def add_new(commands: Any) -> None:
    """Add ``new``."""
    parser = add_command(
        commands,
        "new",
        new,
        "write a commented scenario to start from, or a copy of a case",
        "negsim new my-case.toml",
        "negsim new my-beijing.toml --copy-of beijing-1999   # with its comments and questions",
        "negsim new my-case.toml --schema     # and the schema by which editors complete and check it",
    )
    parser.add_argument("file", metavar="FILE", help="where to write it")
    parser.add_argument("--copy-of", metavar="CASE", help="copy this case instead: one that ships, or a file")
    parser.add_argument("--schema", action="store_true", help="also write the JSON Schema")
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")
