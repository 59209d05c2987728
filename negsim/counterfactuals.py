"""What would have happened if ...? A question to the model, and to a history, with the answer's uncertainty.

Two products, never mixed. *Interventional*: many histories of the model, each once as the clocks have it and once with
the change, on the same clocks. *Retrospective*: the history that happened, its clocks read off, run again with the
change; without it the history returns exactly. Data cannot tell how the clocks of the two worlds hang together; the
retrospective answer says what it assumes, and gives another coupling beside it.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.answers import save_answer, write_answer, write_headline
from negsim.arguments import check_arguments
from negsim.arms import Arm
from negsim.calibration.fitting import bring_together
from negsim.calibration.posterior import Posterior
from negsim.chronology import Chronology
from negsim.comparisons import Comparison
from negsim.compiler import Compiled
from negsim.couplings import MODEL, PAST, Inquiry, Record, compile_both, run_arms
from negsim.csv_files import read_rows
from negsim.engines import EngineWarning
from negsim.ensemble import end_of
from negsim.history import History, Stacked, read_history, stack_histories
from negsim.intervention_files import load_intervention
from negsim.interventions import Intervention
from negsim.problems import Problem, ScenarioError, require_whole
from negsim.progress import Progress
from negsim.results import describe_origin
from negsim.scenario import Scenario
from negsim.scenario_files import require_valid, take_scenario
from negsim.state import Floats
from negsim.streams import open_stream

if TYPE_CHECKING:
    import pandas

PRODUCTS: Final = ("interventional", "retrospective")
PURPOSE_DRAWS = 53
"""Address of the draws that choose among the posterior's."""


@dataclass(frozen=True, repr=False, eq=False)
class Counterfactual:
    """The answer to a what-if question.

    Attributes
    ----------
    intervention : Intervention
        What was asked.
    gone : tuple of str
        Parts of the scenario that were dropped, including those that cannot exist without another.
    interventional : Comparison or None
        The model with and without the change, on common clocks (if asked for).
    retrospective : Comparison or None
        The history with and without the change, on the clocks read off it (if a history was given).
    returned : bool or None
        Whether the history came back exactly, in every draw, without the change.
    provenance : dict
    """

    intervention: Intervention
    gone: tuple[str, ...]
    interventional: Comparison | None
    retrospective: Comparison | None
    returned: bool | None
    provenance: Mapping[str, Any]

    @property
    def products(self) -> dict[str, Comparison]:
        """What there is, by name."""
        found = {"interventional": self.interventional, "retrospective": self.retrospective}
        return {name: comparison for name, comparison in found.items() if comparison is not None}

    def summary(self) -> pandas.DataFrame:
        """Every watched outcome and kind of event, with and without the change, and the difference with its error.

        Returns
        -------
        DataFrame
            ``product``; ``outcome`` (a watched one's label) or ``kind``, ``actor``, ``counterpart``, ``channel``,
            ``subject``; the columns of :func:`negsim.pairs.compare`. In the retrospective product `other` is the
            probability under the other coupling.
        """
        import pandas as pd

        return pd.concat([part.summary().assign(product=name) for name, part in self.products.items()])

    def __repr__(self) -> str:
        return f"Counterfactual({self.intervention.name!r}: {' and '.join(self.products)})"

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """The answer in sentences, each number with its uncertainty, and what it assumes."""
        return write_answer(self.intervention, self.products, self.gone, self.returned)

    def headline(self) -> str:
        """The answer in one sentence: the last of the watched outcomes, with its uncertainty."""
        return write_headline(self.intervention, self.products)

    @check_arguments
    def save(self, directory: str | Path) -> Path:
        """Write the answer: sentences, tables, the question, and where it comes from."""
        return save_answer(Path(directory), self.text(), self.intervention, self.products, self.provenance)


def counterfactual(
    case: Scenario | str | Path,
    posterior_or_params: Posterior | Mapping[str, Any] | None = None,
    intervention: Intervention | Mapping[str, Any] | str | Path = "",
    given: Chronology | History | str | Path | Any = None,
    *,
    runs: int = 1000,
    seed: int = 0,
    until: dt.date | str | None = None,
    products: Collection[str] = PRODUCTS,
    engine: str = "numpy",
    workers: int = 1,
    progress: Progress | None = None,
) -> Counterfactual:
    """Ask what would have happened if something had been different.

    Parameters
    ----------
    case : Scenario or str
        A scenario, the name of a shipped case, or a path.
    posterior_or_params : Posterior, mapping or None
        What is known about the parameters: a posterior, from which each run takes a draw; numbers to change (as in
        :func:`negsim.simulate`); or None for the case's own.
    intervention : Intervention, mapping, str or Path
        The question: an object, plain data, the name of one that ships with the case, or a file.
    given : Chronology, History, rows, str or Path, optional
        What happened, for the retrospective product: a chronology the posterior was fitted to (or its name), or a
        history with exact dates (rows as :func:`negsim.replay` takes them, a CSV file of such, or ``"history"`` for the
        one that ships with the case).
    runs : int
        Pairs of histories.
    seed : int
        Seed of clocks and draws.
    until : date, optional
        Last day (default: the scenario's end; in retrospect the end of the record).
    products : collection of str
        Which answers to compute: ``interventional``, ``retrospective`` (which needs `given`), by default both.
    engine : str
        As in :func:`negsim.simulate`, for the interventional answer. The retrospective one is always computed with
        numpy, because the compiled engine cannot recall clocks.
    workers : int
        Processes; threads if everything asked for is compiled. The answer does not depend on their number.
    progress : callable, optional
        Told the share of the work that is done, and which arm is running.

    Returns
    -------
    Counterfactual

    Raises
    ------
    ScenarioError
        For mistakes in the scenario or the question, all at once.
    negsim.interference.Impossible
        When a forced move is impossible and the question does not say to leave such runs.
    ValueError
        When a chronology leaves dates open and there is no posterior, or only one of another chronology, to draw them
        from.

    Warns
    -----
    negsim.engines.EngineWarning
        When the compiled engine is asked for and numpy runs instead: for the retrospective answer, and for a scenario
        that the compiled engine cannot run.
    """
    _check_wanted(products, given, runs, seed, workers)
    scenario = require_valid(take_scenario(case))
    question = load_intervention(scenario, intervention)
    worlds = compile_both(scenario, question)
    numbers = _draw_numbers(posterior_or_params, runs, seed)
    resolve_or_refuse(worlds.before, numbers.params)
    record = None
    if given is not None and "retrospective" in products:
        record = _find_record(worlds.before, numbers, given, runs)
    end = end_of(worlds.before, until)
    back = record.end if record is not None and until is None else end
    model, past, returned = None, None, None
    if engine == "compiled" and record is not None:
        warnings.warn("the numpy engine looks back: the compiled one recalls no clocks", EngineWarning, stacklevel=2)
    engine = worlds.choose_engine(engine)
    asked = "interventional" in products
    inquiry = Inquiry(scenario, question, numbers.params, seed, runs, asked, end, record, back, engine=engine)
    arms = run_arms(inquiry, worlds, workers, progress)
    if inquiry.model:
        model = _compare(question, arms, MODEL, numbers)
    if record is not None:
        past = _compare(question, arms, PAST, numbers, record.name)
        returned = came_back(past.without, record.histories, min(back, record.end))
    return Counterfactual(question, worlds.gone, model, past, returned, _describe(inquiry, numbers, model, past))


def _describe(inquiry: Inquiry, numbers: Numbers, model: Comparison | None, past: Comparison | None) -> dict[str, Any]:
    """Where an answer comes from."""
    engines = zip(PRODUCTS, (inquiry.engine, "numpy"), (model, past), strict=True)
    return describe_origin(inquiry.scenario, inquiry.seed, {}, ("events",)) | {
        "runs": inquiry.runs,
        "question": inquiry.question.model_dump(mode="json", by_alias=True, exclude_defaults=True),
        "parameters": numbers.described,
        "given": None if past is None else past.given,
        "engine": {name: engine for name, engine, product in engines if product is not None},
    }


def _check_wanted(products: Collection[str], given: Any, runs: int, seed: int, workers: int) -> None:
    unknown = [str(name) for name in products if name not in PRODUCTS]
    if unknown or not len(products):
        raise ValueError(f"products must be some of {', '.join(PRODUCTS)}, not {', '.join(unknown) or 'none'}")
    if given is None and "interventional" not in products:
        raise ValueError("a retrospective answer needs to be told what happened: `given`")
    require_whole("runs", runs, 2)
    require_whole("seed", seed, 0, None)
    require_whole("workers", workers)


def _compare(
    question: Intervention,
    arms: Mapping[str, Arm],
    names: tuple[str, str, str],
    numbers: Numbers,
    given: str | None = None,
) -> Comparison:
    """Put the arms of one product side by side; the last is that under the other coupling."""
    without, changed, other = (arms[name] for name in names)
    coupling = names[2].removeprefix("history, changed, ")
    return Comparison(question, without, changed, other, coupling, numbers.effective, numbers.described, given)


# -- numbers -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers:
    """Values of the parameters, one for each run or one for all; what a posterior says of open dates; how to say it."""

    params: Mapping[str, Any]
    latent: Floats | None
    names: tuple[str, ...]
    effective: float
    described: str


def _draw_numbers(given: Posterior | Mapping[str, Any] | None, runs: int, seed: int) -> Numbers:
    if isinstance(given, Posterior):
        drawn = given.resample(runs, open_stream(seed, PURPOSE_DRAWS, 0, ()))
        params = {name: drawn.draws[:, column] for column, name in enumerate(drawn.names)}
        said = f"a draw of the posterior for each run (worth {given.ess:.0f} independent draws)"
        return Numbers(params, drawn.latent, drawn.names, min(float(runs), given.ess), said)
    if given is None:
        return Numbers({}, None, (), float(runs), "the case's own numbers, which are uncertain and not varied here")
    said = f"numbers set by hand: {', '.join(given)}" if given else "the case's own numbers"
    return Numbers(dict(given), None, (), float(runs), said)


def resolve_or_refuse(compiled: Compiled, params: Mapping[str, Any]) -> None:
    """Make sure that every parameter is known.

    Raises
    ------
    ScenarioError
        With the first name that is not, and the nearest.
    """
    try:
        compiled.resolve(params)
    except KeyError as error:
        raise ScenarioError([Problem("<params>", "", str(error.args[0]), "parameters or key paths")]) from None


def came_back(arm: Arm, histories: Stacked, until: float) -> bool:
    """Whether every run of an arm is its record, move by move and date by date, up to a moment."""
    assert arm.ensemble.columns is not None
    run, event, day = arm.ensemble.columns
    kept = (event < arm.ensemble.compiled.world.moves) & (day < until)
    happened = np.stack((run[kept], event[kept], day[kept]))
    days, moves = histories.days, histories.moves
    place, column = np.nonzero((days < until) & (moves >= 0))
    order = np.lexsort((place, column))
    told = np.stack((column[order], moves[place, column][order], days[place, column][order]))
    return happened.shape == told.shape and bool((happened == told).all())


# -- what happened ----------------------------------------------------------------------------------------------------


def _find_record(compiled: Compiled, numbers: Numbers, given: Any, runs: int) -> Record:
    try:
        exact = _exact_rows(compiled, given)
    except ScenarioError:
        if numbers.latent is None or not isinstance(given, str | Path):
            raise
        exact = None  # a chronology in a file, whose open dates the posterior has
    if exact is not None:
        history, name = exact
        last = float(np.floor(history.days.max(initial=0.0))) + 1.0
        return Record(stack_histories([history] * runs), last, name)
    likelihood = bring_together(compiled, given, numbers.names)
    chronology = likelihood.chronology
    wanted, held = likelihood.open_dates, numbers.latent
    if wanted and (held is None or held.shape[1] != wanted):
        said = "no posterior says which" if held is None else f"the posterior has {held.shape[1]}: it is of another one"
        raise ValueError(f"the chronology {chronology.name} leaves {wanted} dates open, and {said}")
    unit = np.zeros((runs, 0)) if held is None or not wanted else held
    return Record(likelihood.histories(unit), chronology.window[1], chronology.name)


def _exact_rows(compiled: Compiled, given: Any) -> tuple[History, str] | None:
    """A history with exact dates, if that is what was given."""
    if isinstance(given, Chronology):
        return None
    if isinstance(given, str | Path):
        path = shipped_history(compiled.scenario.name) if given == "history" else Path(given)
        if path.suffix != ".csv" or not path.is_file():
            return None
        rows = read_rows(path, str(given), "a history")
        if not {"date", "kind"} <= rows[0].keys():
            return None
        return read_history(compiled, rows, str(given)), str(given)
    return read_history(compiled, given), "a history given by its rows"


def shipped_history(case: str) -> Path:
    """Where the exact history that ships with a case lies (whether or not there is one)."""
    from importlib import resources

    return Path(str(resources.files("negsim") / "cases" / f"{case}.history.csv"))
