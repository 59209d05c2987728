"""Which Python files define the terms of one's own, and what do they say now?

They are read anew each time, and so are the files of one's own that they import, where these have changed: bytecode and
modules that Python keeps would answer for what a file said earlier.
"""

from __future__ import annotations

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import ModuleType
from typing import Final

from negsim.problems import Problem, describe_value
from negsim.scenario import Scenario
from negsim.terms import SHELF, Term
from negsim.terms.declarations import find_slips
from negsim.whole_files import write_whole

INSTALLED: Final = ("site-packages", "dist-packages")
"""Folders whose files are nobody's own."""
_SAID: Final[dict[str, tuple[ModuleType, bytes]]] = {}
"""Modules of one's own that terms import, and what their files said when they were last looked at."""


def run_term_files(scenario: Scenario, file: str) -> tuple[dict[str, Term], tuple[Problem, ...]]:
    """The shelf and the terms that a scenario's own files define; a file that is not there is another check's.

    Parameters
    ----------
    scenario : Scenario
    file : str
        What to call the scenario in mistakes.
    """
    terms, problems = dict(SHELF), list[Problem]()
    for name, path in own_term_files(scenario).items():
        if name in SHELF or path.suffix != ".py" or not path.is_file():
            continue
        try:
            terms[name] = _run_term_file(name, path)
            problems += find_slips(terms[name], str(path), _memories_of(SHELF))
        except Exception as error:
            given = f"{describe_value(str(path))}: {type(error).__name__}: {error}"
            problems.append(
                Problem(file, f"term.{name}.file", given, f'a file that sets TERM = Term(name="{name}", ...)')
            )
    return terms, tuple(problems)


def own_term_files(scenario: Scenario) -> dict[str, Path]:
    """Files of terms of one's own, by name."""
    found = {name: scenario.term_file(name) for name in scenario.term}
    return {name: path for name, path in found.items() if path is not None}


def read_term_files(scenario: Scenario) -> dict[str, str]:
    """What the files of terms of one's own say, by name, to the byte (see :func:`write_term_file`)."""
    files = {name: path for name, path in own_term_files(scenario).items() if path.is_file()}
    return {name: path.read_bytes().decode("utf-8", "surrogateescape") for name, path in files.items()}


def write_term_file(path: Path, text: str) -> None:
    """Write what :func:`read_term_files` read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode("utf-8", "surrogateescape"))


def digest_terms(scenario: Scenario) -> str:
    """SHA-256 of the files of a scenario's own terms and of what they import of one's own; empty without any."""
    files = own_term_files(scenario)
    texts = {name: files[name].read_bytes() if files[name].is_file() else b"" for name in sorted(files)}
    content = b"".join(name.encode() + text for name, text in texts.items())
    imports = {name: path for text in texts.values() for name, path in _list_imports(text, "", {})}
    content += b"".join(name.encode() + imports[name].read_bytes() for name in sorted(imports))
    return hashlib.sha256(content).hexdigest() if files else ""


def _memories_of(terms: Mapping[str, Term]) -> list[str]:
    return [memory.name for term in terms.values() for memory in term.memories]


def _run_term_file(name: str, path: Path) -> Term:
    """Run a term's file as a module that can be found again, by a name that no other version of it has."""
    text = path.read_bytes()
    _renew_imports(text)
    module = ModuleType(f"negsim_term_{name}_{hashlib.sha256(text).hexdigest()[:16]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        exec(compile(text, str(path), "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[module.__name__]
        raise
    _renew_imports(text)  # notes what was imported just now
    term = getattr(module, "TERM", None)
    if not isinstance(term, Term):
        raise TypeError(f"TERM is {'not set' if term is None else 'no Term'}")
    if term.name != name:
        raise ValueError(f"its TERM is called {term.name}")
    return term


# -- what a term imports ----------------------------------------------------------------------------------------------


def _renew_imports(text: bytes) -> None:
    """Run the modules of one's own that a text imports again, where what they are made of has changed."""
    renewed = False
    for name, path in _list_imports(text, "", {}):
        module, content = sys.modules.get(name), path.read_bytes()
        if module is None:
            continue
        same, before = _SAID.get(name, (module, content))
        if same is module and (renewed or before != content):
            exec(compile(content, str(path), "exec", dont_inherit=True), module.__dict__)
            renewed = True
        _SAID[name] = module, content


def _list_imports(text: bytes, package: str, seen: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    """Modules of one's own that a text imports, and their files: each once, after those that it imports itself."""
    with suppress(SyntaxError, ValueError):
        for name in _list_names(ast.parse(text), package):
            path = None if name in seen else _find_own(name)
            if path is not None:
                seen[name] = path
                parent = name if path.stem == "__init__" else name.rpartition(".")[0]
                yield from _list_imports(path.read_bytes(), parent, seen)
                yield name, path


def _list_names(tree: ast.Module, package: str) -> Iterator[str]:
    """Names of modules that may be imported: of ``from a import b`` both ``a`` and ``a.b``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            with suppress(ImportError):
                whole = resolve_name("." * node.level + (node.module or ""), package)
                yield whole
                yield from (f"{whole}.{alias.name}" for alias in node.names)


def _find_own(name: str) -> Path | None:
    """The file of a module, unless it was installed, or comes with Python or with negsim."""
    top = name.partition(".")[0]
    if top in (*sys.stdlib_module_names, "negsim") or (top != name and _find_own(top) is None):
        return None  # to look for what is in a package would run it
    try:
        spec = find_spec(name)
    except (ImportError, AttributeError, ValueError):
        return None
    path = Path(spec.origin) if spec is not None and spec.origin else Path()
    installed = {*INSTALLED} & {*path.parts} or path.is_relative_to(sysconfig.get_paths()["stdlib"])
    return path if path.suffix == ".py" and path.is_file() and not installed else None
