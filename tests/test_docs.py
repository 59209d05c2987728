"""Do the pages hold what they promise? Links, commands, public names, and the tutorial as it is typed."""

from __future__ import annotations

import argparse
import inspect
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import negsim
from negsim.cli import main, make_parser
from negsim.plots.theories import draw_term, list_curves
from negsim.terms import SHELF
from pages import BLOCK, DOCS, PAGES, TUTORIAL, blocks, lines_of, read

OUTSIDE = re.compile(r"https://[\w-]+(\.[\w-]+)+(/[\w./~%-]*)?(#[\w-]+)?")
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
COMMANDS = {name for action in make_parser()._actions for name in (action.choices or ()) if action.dest == "command"}


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_project_leads_somewhere(page: Path):
    assert broken_links(page, read(page)) == []


def test_a_broken_link_is_found(tmp_path: Path):
    (tmp_path / "there.md").write_text("# A heading\n")
    text = "[a](there.md) [b](there.md#a-heading) [c](gone.md) [d](there.md#no-heading) [e](https://example.org)"
    assert broken_links(tmp_path / "page.md", text) == ["gone.md", "there.md#no-heading"]
    assert broken_links(tmp_path / "page.md", "[f](https://example) [g](http://example.org)") != []


def test_every_page_is_in_the_contents_once():
    listed = [
        line.strip()
        for page in PAGES
        for kind, inside in blocks(read(page))
        if kind == "{toctree}"
        for line in inside.splitlines()
        if line.strip() and not line.startswith(":")
    ]
    assert len(listed) == len(set(listed))
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} == {
        name for name in listed if not name.startswith("made/")
    }


# -- commands in running text, and what is included (blocks are typed by test_docs_typed.py) ---------------------------


def strange_commands(text: str) -> list[str]:
    """Commands named in running text that the shell would refuse; `...` stands for whatever may be there."""
    named = re.findall(r"`(negsim \w[^`]*)`", BLOCK.sub("", text))
    return [line for line in named if "..." not in line and not is_command(" ".join(line.split()))]


def is_command(line: str) -> bool:
    words = shlex.split(line)[1:]
    if len(words) == 1 and words[0] in COMMANDS:  # the name of a command
        return True
    try:
        make_parser().parse_args(words)
    except (SystemExit, argparse.ArgumentError):
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_the_text_is_one(page: Path, capsys: pytest.CaptureFixture[str]):
    assert strange_commands(read(page)) == []


def test_a_command_that_is_none_is_found(capsys: pytest.CaptureFixture[str]):
    text = "`negsim rnu template`, `negsim run template --rnus 3`, `negsim run`, `negsim fit ... --out DIR`"
    assert strange_commands(text) == ["negsim rnu template", "negsim run template --rnus 3"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_included_is_there_with_its_marks(page: Path):
    for kind, inside in blocks(read(page)):
        if not kind.startswith("{literalinclude}"):
            continue
        text = (page.parent / kind.split()[1]).read_text(encoding="utf-8")
        marks = re.findall(r':(?:start-after|end-before): "?(.+?)"?$', inside, re.MULTILINE)
        assert [mark for mark in marks if mark not in text] == []


# -- the reference -----------------------------------------------------------------------------------------------------

PUBLIC = [name for name in negsim.__all__ if name != "__version__"]


def test_every_public_name_is_in_the_reference():
    text = read(DOCS / "reference.md")
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
    typed = lines_of(read(TUTORIAL / "commands.sh"))
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
