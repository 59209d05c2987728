"""Do the pages hold what they promise? Links, code, commands, public names, and the tutorial as it is typed."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import negsim
from negsim.cli import main, make_parser
from negsim.plots.theories import draw_term, list_curves
from negsim.terms import SHELF

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIAL = ROOT / "examples" / "tutorial"
PAGES = sorted(DOCS.glob("*.md"))
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OUTSIDE = re.compile(r"https://[\w-]+(\.[\w-]+)+(/[\w./~%-]*)?(#[\w-]+)?")
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: what they are said to be, and what they hold."""
    yield from BLOCK.findall(text)


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def broken_links(page: Path, text: str) -> list[str]:
    """Links to files or headings that are not there; pages made when the documentation is built count as there.

    Of addresses outside only the form is looked at: `make links` asks them.
    """
    broken = []
    for link in LINK.findall(BLOCK.sub("", text)):
        path, _, anchor = link.partition("#")
        if OUTSIDE.fullmatch(link) or path.startswith("made/"):
            continue
        target = page if not path else page.parent / path
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target.read_text())):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path):
    assert broken_links(page, page.read_text(encoding="utf-8")) == []


def test_a_broken_link_is_found(tmp_path: Path):
    (tmp_path / "there.md").write_text("# A heading\n")
    text = "[a](there.md) [b](there.md#a-heading) [c](gone.md) [d](there.md#no-heading) [e](https://example.org)"
    assert broken_links(tmp_path / "page.md", text) == ["gone.md", "there.md#no-heading"]
    assert broken_links(tmp_path / "page.md", "[f](https://example) [g](http://example.org)") != []


def test_every_page_is_in_the_contents_once():
    listed = [
        line.strip()
        for page in PAGES
        for kind, inside in blocks(page.read_text(encoding="utf-8"))
        if kind == "{toctree}"
        for line in inside.splitlines()
        if line.strip() and not line.startswith(":")
    ]
    assert len(listed) == len(set(listed))
    assert {page.stem for page in PAGES} - {"index"} == {name for name in listed if not name.startswith("made/")}


# -- code --------------------------------------------------------------------------------------------------------------


def block_problems(page: Path, text: str) -> list[str]:
    """Blocks that could not be run.

    Python names what negsim has; TOML is valid; commands are commands. (Python is also run, below, or a doctest, which
    `make check` runs; the tutorial's commands are run below, included files by test_examples.py.)
    """
    problems = []
    for kind, inside in blocks(text):
        first = inside.strip().partition("\n")[0]
        if kind == "python" and not inside.startswith(">>> "):
            problems += [f"{why}: {first}" for why in python_problems(inside)]
        if kind == "toml":
            try:
                tomllib.loads(inside)
            except tomllib.TOMLDecodeError as error:
                problems.append(f"{error}: {first}")
        problems += [f"no such command: {line}" for line in commands(inside) if not is_command(line)]
    return problems


def python_problems(text: str) -> list[str]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        return [str(error)]
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "negsim"
    }
    return [f"negsim has no {name}" for name in sorted(used - set(negsim.__all__))]


def commands(text: str) -> list[str]:
    return [line.partition("#")[0].strip() for line in text.splitlines() if re.match(r"negsim \w", line)]


def is_command(line: str) -> bool:
    words = shlex.split(line.partition("&&")[0])[1:]
    try:
        make_parser().parse_args(words)
    except SystemExit:
        return False
    except argparse.ArgumentError:
        return False
    return True


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.name)
def test_every_block_is_run_or_can_be(page: Path, capsys: pytest.CaptureFixture[str]):
    assert block_problems(page, page.read_text(encoding="utf-8")) == []


def test_a_block_that_cannot_be_run_is_found(capsys: pytest.CaptureFixture[str]):
    python = "```python\nnegsim.simulat(1)\n```\n\n```python\nx =\n```\n\n"
    text = python + "```toml\na = \n```\n\n```\nnegsim rnu template\n```\n"
    assert len(block_problems(Path("page.md"), text)) == 4


SHORT = "until=__import__('datetime').date(1991, 12, 31)"
SMALLER = {
    "README.md": {"runs=1000": f"runs=8, {SHORT}"},
    "sweeps.md": {
        "runs=256": f"runs=2, {SHORT}",
        "runs=128": f"runs=3, {SHORT}",
        "(ranges, 64)": "(ranges, 16)",
        "Design.morris(ranges)": "Design.morris(ranges, 4)",
        "runs=512": f"runs=2, {SHORT}",
        "runs=1024": f"runs=2, {SHORT}",
        ", workers=2": "",
        'store="out/tempo", executor': 'store="out/cluster", executor',
        "LocalCluster(n_workers=4": 'LocalCluster(processes=False, dashboard_address=":0", n_workers=1',
    },
    "whatif.md": {"runs=20": "runs=2"},
    "engines.md": {"runs=100_000": "runs=4"},
}
"""What makes the blocks of a page short enough for a test."""


def written_python(text: str) -> list[str]:
    """Blocks of Python on a page that are no doctests, which are run elsewhere."""
    return [inside for kind, inside in blocks(text) if kind == "python" and not inside.startswith(">>> ")]


def test_every_page_with_python_is_run():
    pages = [page for page in (ROOT / "README.md", *PAGES) if written_python(page.read_text(encoding="utf-8"))]
    assert {page.name for page in pages} == set(SMALLER)


COMPILING = pytest.mark.xdist_group("compiled")


@pytest.mark.parametrize("name", [pytest.param(n, marks=COMPILING) if n == "engines.md" else n for n in SMALLER])
def test_the_python_of_a_page_can_be_typed_from_top_to_bottom(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    if name == "engines.md":
        pytest.importorskip("numba")
    if name == "sweeps.md":
        pytest.importorskip("SALib"), pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    text = "\n".join(written_python((ROOT / name if name == "README.md" else DOCS / name).read_text(encoding="utf-8")))
    for many, few in SMALLER[name].items():
        assert many in text
        text = text.replace(many, few)
    exec(compile(text, name, "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out or name == "sweeps.md"


def test_the_question_of_the_page_is_asked():
    (question,) = [
        inside for kind, inside in blocks((DOCS / "whatif.md").read_text(encoding="utf-8")) if kind == "toml"
    ]
    answer = negsim.counterfactual(
        "beijing-1999", None, tomllib.loads(question), "history", runs=2, products=["retrospective"]
    )
    assert "forced: begin:PRK::moratorium at 1998-08-01" in answer.text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_included_is_there_with_its_marks(page: Path):
    for kind, inside in blocks(page.read_text(encoding="utf-8")):
        if not kind.startswith("{literalinclude}"):
            continue
        text = (page.parent / kind.split()[1]).read_text(encoding="utf-8")
        marks = re.findall(r':(?:start-after|end-before): "?(.+?)"?$', inside, re.MULTILINE)
        assert [mark for mark in marks if mark not in text] == []


# -- the reference -----------------------------------------------------------------------------------------------------

PUBLIC = [name for name in negsim.__all__ if name != "__version__"]


def test_every_public_name_is_in_the_reference():
    text = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert set(PUBLIC) <= set(re.findall(r"^\.\. auto(?:function|class|exception):: (\w+)$", text, re.MULTILINE))


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_says_what_it_is_and_what_it_takes(name: str):
    thing = getattr(negsim, name)
    told = inspect.getdoc(thing) or ""
    assert len(told.partition("\n")[0]) > 10
    if inspect.isfunction(thing):
        taken = [key for key in inspect.signature(thing).parameters if key not in ("settings", "options")]
        assert [key for key in taken if not re.search(rf"\b{key}\b", told)] == []


# -- the theories ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHELF)
def test_every_theory_has_a_picture_with_a_panel_for_each_formula(name: str):
    curves = list_curves(SHELF[name])
    figure = draw_term(SHELF[name])
    drawn = [axes for axes in figure.axes if axes.lines]
    assert curves
    assert len(drawn) == len(curves) + bool(SHELF[name].memories)
    assert all(len({tuple(line.get_ydata()) for line in axes.lines}) >= 1 for axes in drawn)


# -- the tutorial ------------------------------------------------------------------------------------------------------

FEWER = {
    "--runs 500": "--runs 40",
    "--particles 60": "--particles 50",
    "--runs 400": "--runs 40",
    "--runs 200": "--runs 0",
}


def test_the_tutorial_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for file in ("harbour.toml", "events.csv", "tutorial.py"):
        shutil.copy(TUTORIAL / file, tmp_path)
    monkeypatch.chdir(tmp_path)
    typed = commands((TUTORIAL / "commands.sh").read_text(encoding="utf-8"))
    assert len(typed) == 7
    for line in typed:
        for many, few in FEWER.items():
            line = line.replace(many, few)
        assert main(shlex.split(line)[1:]) == 0, line
    assert "prior-driven" in capsys.readouterr().out
    assert (tmp_path / "out" / "report.html").is_file()
    script = (tmp_path / "tutorial.py").read_text().replace("runs=200", "runs=20")
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "boats seized" in done.stdout
