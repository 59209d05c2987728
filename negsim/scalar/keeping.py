"""Where is a compiled engine kept, and what tells whether it is still the one that would be compiled now?

Each has a folder of the cache directory to itself, named by a digest of all that went into it, this processor among
that: machines that share a home directory do not share code. Numba keeps what it made beside the source in that folder.
Nothing that is wrong with the cache ends a computation: what cannot be read is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from getpass import getuser
from inspect import getfile
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, Final

import numpy as np

from negsim.scalar.formulas import Formula

CACHE_VARIABLE: Final = "NEGSIM_CACHE"
MOST_KEPT: Final = 100
"""Engines that are kept, of a megabyte each: every change of a term of one's own makes another."""
SOURCE: Final = "engine.py"
FIXED: Final = (bool, int, float, complex, str, bytes, np.generic)
"""Values that a compiler takes as they are when it meets their name."""


def cache_directory() -> Path:
    """Where compiled engines are kept: ``NEGSIM_CACHE``, or ``negsim`` in the user's cache directory."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE])
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "negsim"


def place_source(text: str, digest: str) -> Path:
    """Write the source of an engine where numba can keep what it compiles beside it, unless that is there already."""
    elsewhere = Path(tempfile.gettempdir()) / f"negsim-{getuser()}"
    for root in (cache_directory(), elsewhere):
        file = root / digest / SOURCE
        with contextlib.suppress(OSError):
            if root == elsewhere and not _is_private(root):
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(file.parent, os.W_OK):
                continue
            os.utime(file.parent)  # it is used now
            if not file.exists():
                draft = file.with_suffix(f".{os.getpid()}")
                draft.write_text(text, encoding="utf-8")
                draft.replace(file)
                _tidy(root)
            return file
    return Path("<engine>")


def _is_private(folder: Path) -> bool:
    """Make a folder where everybody may, for nobody else; whether it is so: what is read from there is run."""
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and (
        not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)
    )


def _tidy(root: Path) -> None:
    """Take away the engines that have not been used for longest, where there are too many."""
    with contextlib.suppress(OSError):
        used = {file.parent: file.parent.stat().st_mtime for file in root.glob(f"*/{SOURCE}")}
        for folder in sorted(used, key=used.__getitem__)[:-MOST_KEPT]:
            shutil.rmtree(folder, ignore_errors=True)


def take_or_compile(compiled: Any, kinds: tuple[Any, ...]) -> None:
    """Take a function of numba's from what is kept, or compile and keep it, whatever becomes of the files.

    Parameters
    ----------
    compiled : numba function
        Kept by numba.
    kinds : tuple
        Numba's types of its arguments.
    """
    try:
        compiled.compile(kinds)
    except Exception:  # reading a damaged file may come to anything
        if compiled.signatures:
            return  # it is compiled, and could not be kept
        if compiled.stats.cache_path is None or not _clear(Path(compiled.stats.cache_path), compiled.__qualname__):
            raise
        compiled.compile(kinds)


def _clear(folder: Path, name: str) -> bool:
    """Take away what is kept of a function; whether there was anything."""
    files = list(folder.glob(f"*{name}-*"))
    for file in files:
        file.unlink()
    return bool(files)


def digest_engine(text: str, formulas: Sequence[Formula], sources: Sequence[Path], constants: object) -> str:
    """Digest of all that a compiled engine is made of.

    Parameters
    ----------
    text : str
        Its source.
    formulas : sequence of callable
    sources : sequence of Path
        Files of the code that it is compiled with.
    constants : object
        What that code names, as :func:`repr` shows it.
    """
    import numba
    from numba.core.registry import cpu_target

    state = hashlib.sha256(text.encode())
    processor = cpu_target.target_context.codegen().magic_tuple()
    state.update(f"{numba.__version__} {np.__version__} {sys.version} {processor} {constants!r}".encode())
    for source in sources:
        state.update(source.read_bytes())
    for formula in formulas:
        with contextlib.suppress(OSError, TypeError):
            state.update(Path(getfile(formula)).read_bytes())
        state.update(describe_formula(formula).encode())
    return state.hexdigest()[:16]


def rename_formula(formula: Formula) -> Formula:
    """A function of a name that no other has, not even one of the same text that took other numbers from elsewhere.

    Machines that one process loads, each made by another, would otherwise take each other's formulas.
    """
    if not isinstance(formula, FunctionType):
        return formula
    parts = (formula.__code__, formula.__globals__, formula.__name__, formula.__defaults__, formula.__closure__)
    copy = FunctionType(*parts)
    digest = hashlib.sha256(describe_formula(formula).encode()).hexdigest()[:16]
    copy.__qualname__ = f"{formula.__qualname__}_{digest}"
    return copy


def describe_formula(formula: Formula) -> str:
    """Say what a compiler would make of a formula and of all that it names."""
    return _describe(formula, set())


def _describe(value: Any, seen: set[int]) -> str:
    function = getattr(value, "py_func", value)
    if isinstance(function, ModuleType):
        return function.__name__
    if not isinstance(function, FunctionType):
        entries = value.tolist() if isinstance(value, np.ndarray) else value
        if isinstance(entries, list | tuple):
            return f"[{', '.join(_describe(entry, seen) for entry in entries)}]"
        return repr(entries) if isinstance(entries, FIXED) else ""
    if id(function) in seen:
        return ""
    seen.add(id(function))
    code = function.__code__
    names = list(_list_names(code))
    named = {name: function.__globals__[name] for name in names if name in function.__globals__}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):
            named[name] = cell.cell_contents
    for module in [entry for entry in named.values() if isinstance(entry, ModuleType)]:
        named |= {f"{module.__name__}.{name}": vars(module)[name] for name in names if name in vars(module)}
    return f"{_describe_code(code)} {[(name, _describe(named[name], seen)) for name in sorted(named)]}"


def _list_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _list_names(inner)


def _describe_code(code: CodeType) -> str:
    constants = [_describe_code(entry) if isinstance(entry, CodeType) else repr(entry) for entry in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"
