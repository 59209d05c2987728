"""Which case is looked at? A shipped one, or a scenario that somebody opened in the browser, as data only."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from negsim.compiler import Compiled, compile_scenario
from negsim.problems import Problem, ScenarioError, find_nearest, list_names
from negsim.scenario import Scenario
from negsim.scenario_files import (
    TEMPLATE,
    load_scenario,
    load_terms,
    parse_scenario,
    read_scenario,
    read_source,
    scenario_digest,
    scenarios,
)

MOST_CHARACTERS: Final = 1_000_000
MOST_TICKS: Final = 2_000
"""More would keep a person waiting; the command line has no such limit."""
KEPT: Final = 16
"""Compiled cases kept in memory."""


def case_names(extra: Path | None = None) -> dict[str, str]:
    """Cases to choose from, and their titles: those that ship, and the file that the server was started with."""
    titles = {**scenarios(), TEMPLATE: load_scenario(TEMPLATE).title}
    if extra is not None:
        titles = {str(extra): load_scenario(extra).title or extra.name, **titles}
    return titles


def open_case(name: str, extra: str | None = None) -> Compiled:
    """Compile a case by its name: a shipped one, or the file that the server was started with, and no other file.

    That file is compiled anew when it, or one that defines a term of its own, says something else than before.

    Raises
    ------
    ScenarioError
        For any other name, and for a file with mistakes.
    """
    return _open(name, extra, _say(*read_source(Path(name))) if name == extra else "")


@lru_cache(maxsize=KEPT)
def _open(name: str, extra: str | None, said: str) -> Compiled:
    known = case_names(None if extra is None else Path(extra))
    if name not in known:
        raise _refusal("<case>", "", repr(name), f"a case ({list_names(known)})", find_nearest(name, known))
    scenario = load_scenario(Path(name) if name == extra else name)
    return _require_short(compile_scenario(scenario, load_terms(scenario)), name)


def _say(file: str, text: str, folder: Path) -> str:
    """What a scenario file and those of its own terms say, as a digest."""
    return scenario_digest(_read(file, text, folder))


@lru_cache(maxsize=1)
def _read(file: str, text: str, folder: Path) -> Scenario:
    return read_scenario(file, text, folder, run_files=False)


@lru_cache(maxsize=KEPT)
def read_case(text: str, file: str) -> Compiled:
    """Compile a scenario from the text of a file that was opened in the browser: data, of which nothing is run.

    Raises
    ------
    ScenarioError
        With every mistake; for a text that is too long; for one that names a Python file.
    """
    if len(text) > MOST_CHARACTERS:
        given = f"a file of {len(text):,} characters"
        raise _refusal(file, "", given, f"a scenario of at most {MOST_CHARACTERS:,}")
    _refuse_code(text, file)
    return _require_short(compile_scenario(parse_scenario(text, file)), file)


def _refuse_code(text: str, file: str) -> None:
    """Refuse a scenario that names a file of a term of its own, before anything looks for that file."""
    try:
        terms = tomllib.loads(text).get("term", {})
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        return  # parse_scenario says what is wrong, and where
    named = [name for name, term in _tables(terms) if "file" in term]
    if named:
        raise ScenarioError(
            [
                Problem(
                    file,
                    f"term.{name}.file",
                    "a Python file",
                    "a scenario without code of its own: start `negsim app FILE` to look at one that you trust",
                )
                for name in named
            ]
        )


def _tables(value: Any) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(value, Mapping):
        return []
    return [(str(name), inner) for name, inner in value.items() if isinstance(inner, Mapping)]


def _require_short(compiled: Compiled, file: str) -> Compiled:
    ticks = len(compiled.world.tick_times) - 1
    if ticks > MOST_TICKS:
        allowed = f"at most {MOST_TICKS:,} ticks on the page: take a longer tick, or `negsim run`"
        raise _refusal(file, "tick", f"a period of {ticks:,} ticks", allowed)
    return compiled


def _refusal(file: str, key: str, given: str, allowed: str, nearest: str | None = None) -> ScenarioError:
    return ScenarioError([Problem(file, key, given, allowed, nearest)])
