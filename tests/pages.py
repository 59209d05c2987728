"""What do the pages of the documentation hold? Their blocks, and the commands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TUTORIAL = ROOT / "examples" / "tutorial"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md"]
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a page: what they are said to be, and what they hold."""
    yield from BLOCK.findall(text)


def typed_blocks(text: str) -> list[tuple[str, str]]:
    """Blocks that a reader types or saves: none that Sphinx fills, and no doctests, which `make check` runs."""
    return [(kind, inside) for kind, inside in blocks(text) if kind[:1] != "{" and not inside.startswith(">>> ")]


def lines_of(inside: str) -> list[str]:
    """The lines of a block of commands, without comments."""
    return [line for line in (each.partition("#")[0].strip() for each in inside.splitlines()) if line]
