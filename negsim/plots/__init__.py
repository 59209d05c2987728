"""Which picture answers which question? When things happen, what each run does, who gave what, how the state moved.

Each picture has its question for a title and says below what it shows: runs, seed, tick, digest of the scenario. It is
drawn on a figure of its own, without pyplot: nothing is kept open, no window is needed, no setting is touched.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from negsim.arguments import check_arguments
from negsim.plots.foresight import draw_explanation, draw_forecast
from negsim.plots.histories import draw_histories
from negsim.plots.information import draw_information
from negsim.plots.ledger import draw_ledger
from negsim.plots.parameters import draw_parameters
from negsim.plots.responses import draw_phase_map, draw_responses
from negsim.plots.sensitivity import draw_indices, draw_tornado
from negsim.plots.state import QUANTITIES, draw_state
from negsim.plots.timeline import draw_timeline
from negsim.plots.whatifs import draw_answer, draw_outcomes, draw_partings
from negsim.results import Ensemble
from negsim.whole_files import whole_file

__all__ = [
    "draw_all",
    "draw_answer",
    "draw_explanation",
    "draw_forecast",
    "draw_histories",
    "draw_indices",
    "draw_information",
    "draw_ledger",
    "draw_outcomes",
    "draw_parameters",
    "draw_partings",
    "draw_phase_map",
    "draw_responses",
    "draw_state",
    "draw_timeline",
    "draw_tornado",
]


@check_arguments
def draw_all(ensemble: Ensemble, directory: str | Path, marks: Any = None, prefix: str = "") -> list[Path]:
    """Draw the pictures for which data were recorded, and write them as PNG files.

    Parameters
    ----------
    ensemble : Ensemble
        The timeline needs nothing recorded, histories and ledger need events, the state its quantities.
    directory : str or Path
        Made if it is not there.
    marks : DataFrame or iterable of mappings, optional
        Reported events for the timeline (see :func:`draw_timeline`).
    prefix : str
        What the names of the files begin with.

    Returns
    -------
    list of Path
        The files written, among ``timeline.png``, ``histories.png``, ``ledger.png`` and ``state.png``.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"timeline": draw_timeline(ensemble, marks)}
    if ensemble.columns is not None:
        pictures |= {"histories": draw_histories(ensemble), "ledger": draw_ledger(ensemble)}
    if QUANTITIES.keys() & ensemble.paths.keys():
        pictures["state"] = draw_state(ensemble)
    files = {folder / f"{prefix}{name}.png": figure for name, figure in pictures.items()}
    for file, figure in files.items():
        with whole_file(file) as beside:
            figure.savefig(beside, dpi=100)
    return list(files)
