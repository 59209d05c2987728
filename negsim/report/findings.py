"""What does a folder of results hold? Whatever the commands wrote there, in it or in folders up to two levels below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negsim.calibration.posterior import Posterior, SamplingError
from negsim.problems import NegsimError, ScenarioError
from negsim.results import Ensemble, ResultError, load_results
from negsim.scenario import Scenario
from negsim.scenario_files import load_scenario, scenario_digest
from negsim.sweeps.readings import Sweep, open_sweep
from negsim.sweeps.stores import SweepError

if TYPE_CHECKING:
    import pandas

DEEPEST: Final = 2
"""Levels of folders below that are looked into: deeper, a folder of a whole project would be searched."""
MOST_BYTES: Final = 20_000_000
"""A table larger than this is not for a page."""
NUMBERS: Final = {
    ("question", "probability", "error"): ("probability", "error"),
    ("without", "change", "error", "says"): ("change", "error"),
    ("event", "prior", "posterior"): (
        "prior", "posterior", "left_out", "prior_error", "posterior_error", "left_out_error", "k_hat",
    ),
}  # fmt: skip
"""By the columns of the tables that a page words anew: which of theirs are numbers."""


UNREADABLE: Final = (ResultError, ScenarioError, SamplingError, SweepError, OSError, ValueError, KeyError)
"""What is raised by results that are damaged, cut short or of another version."""


class NothingFound(NegsimError, ValueError):
    """There is no result in a folder; the message says what was looked for."""


@dataclass(frozen=True)
class Picture:
    """A picture as text, with the sentence that says what it shows."""

    source: str
    sentence: str


@dataclass
class Findings:
    """What lies in a folder.

    Attributes
    ----------
    folder : Path
    scenario : Scenario or None
        The case of the results, where one of them still has it.
    ensembles, posteriors : dict
        By the folder in which they lie, relative to `folder`.
    sweeps : dict of str to Sweep
        Stores of sweeps, by folder.
    tables : dict of str to DataFrame
        CSV files by their relative path.
    texts : dict of str to str
        Answers in words, by relative path.
    pictures : dict of str to Path
        PNG files by relative path.
    drawn : dict of str to Picture
        What was drawn for the report of what lies in a folder.
    unread : list of str
        What lies there and could not be read, with the reason.
    strangers : list of str
        Places of results that are of another version of the scenario.
    """

    folder: Path
    scenario: Scenario | None = None
    ensembles: dict[str, Ensemble] = field(default_factory=dict)
    posteriors: dict[str, Posterior] = field(default_factory=dict)
    sweeps: dict[str, Sweep] = field(default_factory=dict)
    tables: dict[str, pandas.DataFrame] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)
    drawn: dict[str, Picture] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def is_forecast(self, name: str) -> bool:
        """Whether the histories of a folder begin in the middle: futures, which have their own section."""
        return name != "." and any(Path(path).parent.as_posix() == name for path, _ in self.tables_called("forecast"))

    def tables_called(self, *endings: str) -> Iterator[tuple[str, pandas.DataFrame]]:
        """Tables whose file name ends so, without its suffix."""
        return ((path, table) for path, table in self.tables.items() if Path(path).stem.endswith(endings))


def gather_findings(folder: Path) -> Findings:
    """Look through a folder.

    Raises
    ------
    NothingFound
        When there is no such folder, or nothing in it that a report could be about.
    """
    if not folder.is_dir():
        raise NothingFound(f"{folder}: no such folder; allowed: one that `negsim run ... --out DIR` or `fit` wrote")
    found = Findings(folder)
    for place in _places(folder, DEEPEST):
        _look(found, place)
    if not (found.ensembles or found.posteriors or found.sweeps or found.tables):
        told = f" ({'; '.join(found.unread)})" if found.unread else ""
        raise NothingFound(
            f"{folder}: no events.parquet, posterior.json or table in it or up to {DEEPEST} levels below{told}; "
            f"allowed: a folder that `negsim run`, `fit` or `forecast` wrote with --out"
        )
    found.scenario = _scenario(found)
    found.strangers = list(_find_strangers(found))
    return found


def _places(folder: Path, depth: int) -> Iterator[Path]:
    yield folder
    inner = sorted(path for path in folder.iterdir() if path.is_dir()) if depth else []
    for path in inner:
        if path.name != "not-trusted" and not path.name.startswith("."):
            yield from _places(path, depth - 1)


def _look(found: Findings, place: Path) -> None:
    """Read what lies in one folder."""
    name = place.relative_to(found.folder).as_posix()
    if (place / "events.parquet").is_file() and (place / "provenance.json").is_file():
        _try(found, name, lambda: found.ensembles.__setitem__(name, load_results(place)))
    if (place / "sweep.json").is_file():
        _try(found, name, lambda: found.sweeps.__setitem__(name, open_sweep(place)))
    if (place / "posterior.json").is_file():
        _try(found, name, lambda: _take_fit(found, name, place))
    for file in sorted(place.iterdir()):
        path = file.relative_to(found.folder).as_posix()
        if file.suffix == ".csv" and file.name != "summary.csv" and file.stat().st_size <= MOST_BYTES:
            _try(found, path, lambda file=file, path=path: found.tables.__setitem__(path, _read_table(file)))
        elif file.suffix == ".png":
            found.pictures[path] = file
        elif file.suffix == ".txt":
            _try(found, path, lambda file=file, path=path: found.texts.__setitem__(path, file.read_text("utf-8")))


def _take_fit(found: Findings, name: str, place: Path) -> None:
    """Take a fit, unless a comparison kept it for itself (``--keep``): that is of another variant of the case."""
    posterior = Posterior.load(place)
    if "refused" not in posterior.provenance:
        found.posteriors[name] = posterior


def _read_table(file: Path) -> pandas.DataFrame:
    """Read a table, and make sure that numbers of one that a page words anew are numbers."""
    import pandas as pd

    table = pd.read_csv(file)
    for columns, numbers in NUMBERS.items():
        for name in numbers if set(columns) <= set(table.columns) else ():
            if name in table and (pd.to_numeric(table[name], errors="coerce").isna() & table[name].notna()).any():
                raise ValueError(f"not every {name} in it is a number")
    return table


def _try(found: Findings, name: str, read: Any) -> None:
    """Read something, or note why it cannot be."""
    try:
        read()
    except UNREADABLE as error:
        found.unread.append(f"{name}: {' '.join(str(error).split())[:200]}")


def _scenario(found: Findings) -> Scenario | None:
    """The case that the results are about: as it was simulated, else as it was fitted, else as it was foreseen."""
    for name, ensemble in found.ensembles.items():
        if not found.is_forecast(name):
            return ensemble.scenario
    for name in found.sweeps:
        return load_scenario(found.folder / name / "scenario.toml")
    for posterior in found.posteriors.values():
        asked = posterior.provenance.get("asked") or {}
        try:
            scenario = load_scenario(asked.get("case") or posterior.provenance["scenario"])
        except (ScenarioError, KeyError, OSError):
            continue
        if scenario_digest(scenario) == posterior.provenance.get("scenario_digest"):
            return scenario
        found.unread.append(f"{scenario.name}: has changed since it was fitted, and is left out")
    return next((ensemble.scenario for ensemble in found.ensembles.values()), None)


def _find_strangers(found: Findings) -> Iterator[str]:
    """Results that are not of the scenario of the page: it was changed between two commands.

    A forecast's scenario may end later; what else differs is a difference. Where there is no other, fits have
    nothing to be held against.
    """
    if (scenario := found.scenario) is None:
        return
    ours, others = {scenario_digest(scenario)}, found.posteriors
    for name, ensemble in found.ensembles.items():
        if ensemble.scenario.model_copy(update={"end": scenario.end}) == scenario:
            ours.add(scenario_digest(ensemble.scenario))
            if ensemble.scenario is scenario and found.is_forecast(name):
                others = {}
        else:
            yield name
    for name, posterior in others.items():
        if posterior.provenance.get("scenario_digest", scenario_digest(scenario)) not in ours:
            yield name
