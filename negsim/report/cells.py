"""How do numbers, dates and pictures stand on a page? Each number with its error, each picture as text."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negsim.margins import write_error
from negsim.odd import Listing
from negsim.report.findings import Findings, Picture

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

MOST_ROWS: Final = 60
"""Rows of a table that are shown; the file has the rest."""

SENTENCES: Final = {
    "state": "How resentment, trust and need moved: the middle of the histories and the band that holds 80 per cent.",
    "explanation": "How probable each reported event was near its date, and when the fitted model would have had it.",
    "outcomes": "Each watched outcome without the change and with it, in the model and looking back, ± two errors.",
    "partings": "When the histories of a pair part, and through which move.",
    "forecast": "How probable each event becomes as time goes on; where both lines agree nothing was learned about it.",
}


def draw(figure: Figure, sentence: str) -> Picture:
    """Turn a figure into text that a page can hold."""
    held = io.BytesIO()
    figure.savefig(held, format="png", dpi=100)
    return Picture(embed(held.getvalue()), sentence)


def embed(content: bytes) -> str:
    """Turn a PNG into an address that holds it."""
    return "data:image/png;base64," + base64.b64encode(content).decode("ascii")


def find_pictures(found: Findings, *names: str) -> list[Picture]:
    """Pictures whose file names begin so."""
    return [
        Picture(embed(file.read_bytes()), SENTENCES.get(file.stem, f"From {path}."))
        for path, file in found.pictures.items()
        if file.stem.startswith(names)
    ]


def pictures_in(found: Findings, folder: Path) -> list[Picture]:
    """Pictures that lie in a folder."""
    return [
        Picture(embed(file.read_bytes()), SENTENCES.get(file.stem, f"From {path}."))
        for path, file in found.pictures.items()
        if Path(path).parent == folder
    ]


def list_table(path: str, table: pandas.DataFrame) -> Listing:
    """A table as it lies in its file, cut where it is long."""
    cut = table.head(MOST_ROWS)
    rows = tuple(tuple(write_cell(value) for value in row) for row in cut.itertuples(index=False))
    more = f", the first {len(cut)} of {len(table)} rows" if len(cut) < len(table) else ""
    return Listing(f"From {path}{more}", tuple(str(name).replace("_", " ") for name in table.columns), rows)


def write_cell(value: Any) -> str:
    """A value for a reader."""
    if isinstance(value, float):
        return "" if value != value else f"{value:.3g}"
    return "" if value is None else str(value)


def write_share(value: Any, error: Any) -> str:
    """A probability with its error, or why it has none."""
    if value is None or value != value:
        return ""
    if error is None or error != error:
        return f"{100 * float(value):.1f}% (no error given)"
    if float(error) == 0.0:  # all or none of them: a count says no more than that
        return "in all of them" if float(value) > 0 else "in none of them"
    return f"{100 * float(value):.1f}\u00a0±\u00a0{write_error(100 * float(error), 1)}%"


def write_mean(value: float, error: float) -> str:
    """A mean with its error, if that is known."""
    return f"{value:.2f}" if error != error else f"{value:.2f}\u00a0±\u00a0{write_error(error)}"


def write_change(value: float, error: float) -> str:
    """A change of the log evidence with its error."""
    return "not known" if value != value else f"{value:+.2f}\u00a0±\u00a0{write_error(error)}"


def write_factor(change: float) -> str:
    """How many times as probable something is with what was taken out, as far as a person counts."""
    if change != change:
        return ""
    return "more than a million" if change < -math.log(1e6) else f"{float(f'{math.exp(-change):.2g}'):,g}"


def write_date(value: Any) -> str:
    """A day, or nothing."""
    text = "" if value is None else str(value)[:10]
    return "" if text in ("", "NaT", "nan", "None") else text


def write_span(start: Any, end: Any) -> str:
    """A window of days."""
    first, last = write_date(start), write_date(end)
    return first if first == last else f"{first} to {last}"


def name_place(path: str) -> str:
    """What to call a folder in the results."""
    return "this folder" if path == "." else path


def first_line(text: str) -> str:
    """The first line of a text, as a sentence begins."""
    line = text.partition("\n")[0]
    return line[:1].upper() + line[1:]
