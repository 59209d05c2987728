"""Can every page be typed from top to bottom: Python, commands, files, queries, each as its page says?

Doctests are run by `make check`, what a page includes by test_examples.py, the tutorial by test_docs.py.
"""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import threading
import tomllib
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

import negsim
from negsim.chronology_files import load_chronology
from negsim.cli import main
from negsim.compiler import compile_scenario
from negsim.forecasts.registration import load_registered
from negsim.scalar import building
from negsim.scenario_files import load_terms
from pages import PAGES, ROOT, TUTORIAL, lines_of, read, typed_blocks

SHORT = "until=__import__('datetime').date(1991, 12, 31)"
SMALLER = {
    "README.md": {"runs=1000": f"runs=8, {SHORT}"},
    "agreed-framework.md": {"--seed 1": "--seed 1 --particles 50 --runs 2 --until 1993-12-31"},
    "engines.md": {"runs=100_000": "runs=4"},
    "forecasts.md": {
        "--seed 1": "--seed 1 --particles 50 --runs 2",
        "--out out/explained": "--out out/explained --histories 20 --particles 50 --runs 2 --no-refit",
        "compare out/fit": "compare out/fit --theory resentment",
        "forecast out/fit": "forecast out/fit --runs 20",
        "register out/fit": "register out/fit --runs 20",
    },
    "good-friday.md": {"--seed 1": "--seed 1 --particles 50 --runs 2 --until 1995-06-30"},
    "sweeps.md": {
        "runs=256": f"runs=2, {SHORT}",
        "--seed 1": "--seed 1 --runs 2 --until 1991-12-31",
        "runs=128": f"runs=40, {SHORT}",
        "(ranges, 64)": "(ranges, 16)",
        "Design.morris(ranges)": "Design.morris(ranges, trajectories=4)",
        "runs=512": f"runs=2, {SHORT}",
        "runs=1024": f"runs=2, {SHORT}",
        ", workers=2": "",
        'store="out/tempo", executor': 'store="out/cluster", executor',
        "LocalCluster(n_workers=4": 'LocalCluster(processes=False, dashboard_address=":0", n_workers=1',
    },
    "teaching.md": {
        "--runs 500": "--runs 2 --until 1991-12-31",
        "--runs 200": "--runs 2 --until 1998-12-31",
        "runs=500": "runs=2",
    },
    "whatif.md": {"runs=20": "runs=2", "--runs 500": "--runs 2 --until 1998-12-31"},
}
"""What makes the blocks of a page short enough for a test."""
COMPILED = ("agreed-framework.md", "engines.md", "good-friday.md")
NEEDS = dict.fromkeys(COMPILED, ("numba",)) | {"app.md": ("uvicorn",), "sweeps.md": ("SALib", "distributed", "duckdb")}
"""Packages without which a page is not typed."""
TYPED = [page.name for page in PAGES if typed_blocks(read(page))]


# -- a reader --------------------------------------------------------------------------------------------------------


class Reader:
    """Types what a page shows, in a folder that holds what the page takes for granted."""

    def __init__(self, page: str, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.namespace: dict[str, Any] = {"__name__": "__main__"}
        self.typed: Counter[str] = Counter()
        GRANTED.get(page, lambda _: None)(folder)

    def type(self, kind: str, inside: str) -> None:
        """Do with a block what its page says."""
        if (self.page, kind) in SAID:
            number = self.typed[kind] = self.typed[kind] + 1
            SAID[self.page, kind][number - 1](self.folder, inside)
        elif kind == "python":
            exec(compile(inside, self.page, "exec"), self.namespace)
        else:
            assert kind in ("", "sh"), f"nobody has said what a reader does with a block of {kind}"
            for line in lines_of(inside):
                self.enter(line)

    def enter(self, line: str) -> None:
        """Enter a line at the shell."""
        program, *words = shlex.split(line)
        if program == "negsim" and words[0] == "app":
            words += ["--port", str(free_port())]
        if program == "negsim":
            assert main(words) == 0, line
        elif program == "make":
            assert all(re.search(rf"^{word}:.*## ", read(ROOT / "Makefile"), re.MULTILINE) for word in words), line
        else:
            assert (program, words[0]) == ("pip", "install"), f"nobody has said what a reader does with {line!r}"
            require_extras(words[1])


def require_extras(package: str) -> None:
    """The extras of negsim that a page names exist."""
    name, extras = re.fullmatch(r"(\w+)(?:\[([\w,]+)\])?", package).groups()
    assert name == "negsim"
    known = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]["optional-dependencies"]
    assert set(extras.split(",") if extras else ()) <= set(known)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def visit(app: Any, **settings: Any) -> None:
    """Serve as uvicorn does, look at the page once, and end."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, ws="none", **settings))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.02)
    with urllib.request.urlopen(f"http://{settings['host']}:{settings['port']}/") as page:
        assert b"<title>negsim</title>" in page.read()
    server.should_exit = True
    thread.join()


# -- what pages take for granted, and what they say is done with files ------------------------------------------------


def lay_tutorial(folder: Path) -> None:
    for name in ("harbour.toml", "events.csv"):
        shutil.copy(TUTORIAL / name, folder)


def add_term(folder: Path, inside: str) -> None:
    """'Name it in the scenario': the lines stand in a scenario beside the term's file."""
    shutil.copy(ROOT / "examples" / "terms" / "hardliner.py", folder)
    data = {**tomllib.loads(read(TUTORIAL / "harbour.toml")), **tomllib.loads(inside)}
    (folder / "mine.toml").write_text(tomli_w.dumps(data), encoding="utf-8")
    assert main(["check", "mine.toml"]) == 0
    case = negsim.load_scenario("mine.toml")
    assert compile_scenario(case, load_terms(case)).numbers["term.hardliner.weight"] == 0.6


def read_codebook(folder: Path, inside: str) -> None:
    """The codebook reads the table that stands above it."""
    (folder / "events.toml").write_text(inside, encoding="utf-8")
    chronology = load_chronology("beijing-1999", "events.csv", codebook="events.toml")
    assert [row.status for row in chronology.rows] == ["mapped", "duplicate", "mapped"]
    told, plan, dropped = chronology.moves
    assert (told.implied, plan.implied, dropped.implied) == (False, True, False)


def ask_question(folder: Path, inside: str) -> None:
    answer = negsim.counterfactual(
        "beijing-1999", None, tomllib.loads(inside), "history", runs=2, products=["retrospective"]
    )
    assert "forced: begin:PRK::moratorium at 1998-08-01" in answer.text()


def ask_blocks(folder: Path, inside: str) -> None:
    import duckdb

    means = dict(duckdb.sql(inside).fetchall())
    assert sorted(means) == list(range(6))
    assert all(0 <= mean <= 1 for mean in means.values())


def look_at_store(folder: Path, inside: str) -> None:
    """What is said to be on the disk is there."""
    store, *entries = inside.split("\n")
    found = {path.name + "/" * path.is_dir() for path in (folder / store).iterdir()}
    assert {entry.split()[0] for entry in entries if entry} <= found


def save_as(name: str) -> Callable[[Path, str], object]:
    return lambda folder, inside: (folder / name).write_text(inside, encoding="utf-8")


def hold_to_digest(folder: Path, inside: str) -> None:
    assert load_registered(ROOT / "forecasts" / "beijing-2000-2004.json").digest == inside.strip()


def say_so(folder: Path, inside: str) -> None:
    """The line is one that the compiled engine writes."""
    assert inside.strip().replace("the draw loop", "the {name} loop") in read(Path(building.__file__))


def lay_results(folder: Path) -> None:
    """What a page on results takes for granted: some of the tutorial's, saved."""
    negsim.simulate(TUTORIAL / "harbour.toml", runs=5, seed=1).save(folder / "out")


def lay_handins(folder: Path) -> None:
    (folder / "handins").mkdir()
    for name in ("anna", "ben"):
        shutil.copy(ROOT / "examples" / "teaching" / "rivals.toml", folder / "handins" / f"{name}.toml")


GRANTED: dict[str, Callable[[Path], object]] = {
    "forecasts.md": lay_tutorial,
    "reports.md": lay_results,
    "teaching.md": lay_handins,
    "app.md": lambda folder: main(["new", "my-case.toml"]),
}
SAID: dict[tuple[str, str], list[Callable[[Path, str], object]]] = {
    ("chronologies.md", "text"): [save_as("events.csv")],
    ("chronologies.md", "toml"): [read_codebook],
    ("engines.md", "text"): [say_so],
    ("forecasts.md", "text"): [save_as("later.csv"), save_as("quiet.csv"), hold_to_digest],
    ("scenarios.md", "text"): [save_as("exports.csv")],
    ("sweeps.md", "sql"): [ask_blocks],
    ("sweeps.md", "text"): [look_at_store],
    ("terms.md", "toml"): [add_term],
    ("whatif.md", "toml"): [ask_question],
}


COMPILING = pytest.mark.xdist_group("compiled")


@pytest.mark.usefixtures("quick_explanations")
@pytest.mark.parametrize("name", [pytest.param(n, marks=COMPILING) if n in COMPILED else n for n in TYPED])
def test_a_page_can_be_typed_from_top_to_bottom(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    if name == "app.md":
        monkeypatch.setattr("uvicorn.run", visit)
    reader = Reader(name, tmp_path)
    (page,) = (page for page in PAGES if page.name == name)
    shrunk = set()
    for kind, inside in typed_blocks(read(page)):
        for many, few in SMALLER.get(name, {}).items():
            if many in inside and kind in ("", "python"):
                shrunk.add(many)
                inside = inside.replace(many, few)
        reader.type(kind, inside)
    assert shrunk == set(SMALLER.get(name, {}))


@pytest.mark.parametrize(
    ("kind", "inside"),
    [
        ("python", "import negsim\nnegsim.simulat(1)"),
        ("python", "x ="),
        ("toml", "a = 1"),
        ("", "negsim check no-such-file.toml"),
        ("", "make tea"),
        ("", "pip install 'negsim[tea]'"),
        ("", "tea my-case.toml"),
    ],
)
def test_what_cannot_be_typed_is_found(kind: str, inside: str, tmp_path: Path):
    with pytest.raises((AssertionError, AttributeError, SyntaxError)):
        Reader("page.md", tmp_path).type(kind, inside)
