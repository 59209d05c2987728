"""How does a result become something to send? One HTML file that needs nothing else: words, tables, pictures.

``findings`` looks what a folder holds, ``sections`` says it in sentences, ``page.html`` sets it. Sections appear where
their results lie in the folder; what is missing is said, with the command that would make it.
"""

from __future__ import annotations

from pathlib import Path

from negsim.report.findings import NothingFound, gather_findings
from negsim.report.sections import write_sections
from negsim.whole_files import write_whole

__all__ = ["NothingFound", "write_report"]


def write_report(folder: str | Path, target: str | Path | None = None, runs: int = 400) -> Path:
    """Write a self-contained report about the results in a folder.

    Parameters
    ----------
    folder : str or Path
        Where `negsim run`, `fit`, `forecast`, `whatif`, `compare` or `sweep` wrote with ``--out``; each in this folder
        or in a folder within it.
    target : str or Path, optional
        The file to write (default: ``report.html`` in the folder).
    runs : int
        Histories of each kind that are drawn to hold a fit against its events, where the folder has no such table yet
        (0: none).

    Returns
    -------
    Path
        The file written. It refers to no other file and to no address.

    Raises
    ------
    NothingFound
        When the folder holds no result that can be read; the message says what was looked for.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    found = gather_findings(Path(folder))
    environment = Environment(
        loader=PackageLoader("negsim.report", ""),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("page.html").render(report=write_sections(found, runs))
    written = Path(folder) / "report.html" if target is None else Path(target)
    written.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(written, page)
