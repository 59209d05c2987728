"""Does the house stand as it was drawn? What importing changes, who knows whom, what the files say of themselves."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "negsim"
HEAVY = ("matplotlib", "mesa", "numba", "pandas", "pyarrow", "solara", "xarray")
VIEWS = ("matplotlib", "mesa", "solara")
ROOMS_THAT_LOOK = {"__main__.py", "app", "cli", "mesa_front.py", "plots", "report"}
DRAWERS = {"utils", "util", "helpers", "common", "misc"}


def run_python(code: str, cwd: Path = ROOT) -> str:
    """Run code in a fresh interpreter; its output, or a failure that shows what it said."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def rooms() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def is_room_of_views(room: Path) -> bool:
    return room.relative_to(PACKAGE).parts[0] in ROOMS_THAT_LOOK


# -- what importing changes --------------------------------------------------------------------------------------


def test_importing_negsim_loads_nothing_heavy():
    loaded = run_python("import sys, negsim; print(*sorted({name.split('.')[0] for name in sys.modules}))").split()
    assert "negsim" in loaded
    assert not set(HEAVY) & set(loaded)


def test_reaching_for_every_public_name_loads_no_view():
    code = "import sys, negsim; [getattr(negsim, name) for name in negsim.__all__]; print(*sorted(sys.modules))"
    assert not set(VIEWS) & set(run_python(code).split())


SNAPSHOT = """
import locale, multiprocessing, os, random, signal, sys, threading, warnings
import numpy, scipy.special, scipy.stats  # what these set for themselves is theirs

def snapshot():
    return {
        "start method": multiprocessing.get_start_method(allow_none=True),
        "warnings": list(warnings.filters),
        "python's random seed": random.getstate(),
        "numpy's random seed": repr(numpy.random.get_state()),
        "numpy's floating-point errors": numpy.geterr(),
        "numpy's print options": repr(numpy.get_printoptions()),
        "environment": dict(os.environ),
        "threads": threading.active_count(),
        "working directory": os.getcwd(),
        "search path": list(sys.path),
        "exception hook": sys.excepthook,
        "interrupt": signal.getsignal(signal.SIGINT),
        "locale": locale.setlocale(locale.LC_ALL),
    }

before = snapshot()
{act}
after = snapshot()
print(*(name for name in before if before[name] != after[name]), sep=", ")
"""


def test_importing_negsim_changes_nothing_in_the_process():
    code = "import negsim; [getattr(negsim, name) for name in negsim.__all__]"
    assert run_python(SNAPSHOT.replace("{act}", code)) == ""


def test_the_snapshot_sees_a_change():
    code = "multiprocessing.set_start_method('spawn'); numpy.random.seed(1); warnings.simplefilter('ignore')"
    assert run_python(SNAPSHOT.replace("{act}", code)) == "start method, warnings, numpy's random seed"


# -- who knows whom (the floors themselves are import-linter's, in `make check`) ----------------------------------


def imported_packages(source: str) -> Iterator[str]:
    """Top-level packages that a file imports, wherever in the file; ``negsim`` only where the root itself is meant."""
    rooms_of_house = {room.stem for room in PACKAGE.iterdir()}
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "negsim":
                names = [f"negsim.{alias.name}" if alias.name in rooms_of_house else "negsim" for alias in node.names]
        yield from (name if name == "negsim" else name.split(".")[0] for name in names if not is_room_name(name))


def is_room_name(name: str) -> bool:
    return name.startswith("negsim.")


def test_no_room_below_the_views_imports_a_view():
    lower = [room for room in rooms() if not is_room_of_views(room)]
    assert lower
    guilty = {room.name: set(imported_packages(room.read_text())) & set(VIEWS) for room in lower}
    assert not {name: found for name, found in guilty.items() if found}


def test_no_room_imports_the_root_of_the_package():
    guilty = [room.name for room in rooms() if "negsim" in set(imported_packages(room.read_text()))]
    assert not guilty


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import negsim", {"negsim"}),
        ("def f():\n    from negsim import simulate", {"negsim"}),
        ("from negsim import vocabulary", set()),
        ("import negsim.vocabulary", set()),
        ("def f():\n    import matplotlib.pyplot as plt", {"matplotlib"}),
        ("from mesa.agent import Agent", {"mesa"}),
    ],
)
def test_the_reader_of_imports_sees_each_form(source: str, expected: set[str]):
    assert set(imported_packages(source)) == expected


def test_no_room_is_a_drawer():
    assert not {room.stem for room in rooms()} & DRAWERS


# -- what the files say of themselves ----------------------------------------------------------------------------


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.relative_to(PACKAGE)))
def test_each_room_says_in_its_first_line_which_question_it_answers(room: Path):
    first_line = (ast.get_docstring(ast.parse(room.read_text())) or "").partition("\n")[0]
    assert "?" in first_line


COUNTRIES = re.compile(r"japan|dprk|korea|pyongyang|tokyo|seoul|washington", re.IGNORECASE)


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.relative_to(PACKAGE)))
def test_no_room_names_a_country(room: Path):
    assert not COUNTRIES.findall(room.read_text())


# Written so that the patterns do not find themselves.
MACHINE_PATH = re.compile(r"(?<![\w.])(/(?:work|tmp|root|opt|mnt|home/\w+|Users/\w+)/|C:\\Users)")
REGISTRY_HOST = re.compile(r"p[y]pi[.]org|p[y]thonhosted|n[p]mjs|d[e]b[.]debian|a[n]aconda[.]org")


def addresses_in(text: str) -> list[str]:
    return [match.group() for pattern in (MACHINE_PATH, REGISTRY_HOST) for match in pattern.finditer(text)]


def text_of(file: Path) -> str:
    content = file.read_bytes()
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def test_no_tracked_file_holds_a_path_of_a_machine_or_the_host_of_a_registry():
    guilty = {str(file.relative_to(ROOT)): addresses_in(text_of(file)) for file in tracked_files()}
    assert not {name: found for name, found in guilty.items() if found}


@pytest.mark.parametrize("text", [f"see /{'work'}/x", f"https://{'pypi'}.org/simple", f"/home/{'me'}/"])
def test_the_search_for_addresses_finds_one(text: str):
    assert addresses_in(text)


# -- facts that are written twice must agree ---------------------------------------------------------------------


def project() -> dict[str, object]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_same_everywhere():
    version = run_python("import negsim; print(negsim.__version__)")
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    newest = re.search(r"^## (\S+?),? ", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest
    assert newest.group(1) == version


def test_every_dependency_earns_its_sentence_in_the_design_notes():
    requirements = [
        *project()["dependencies"],
        *(r for extra in project()["optional-dependencies"].values() for r in extra),
    ]
    names = [re.match(r"[\w-]+", requirement).group() for requirement in requirements]
    notes = (ROOT / "docs" / "design.md").read_text()
    assert names
    assert not [name for name in names if f"**{name}**" not in notes]


def test_constraints_are_names_and_versions_only():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert lines
    assert not [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)]


# -- the README keeps its word -----------------------------------------------------------------------------------


def test_the_readme_names_only_make_targets_that_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= named <= targets
