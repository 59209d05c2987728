"""What does a scenario look like as arrays? It is compiled to a world of rows without names.

The compiled scenario also knows, for every slot of the parameters, which key paths its rows come from, so that any
number of a scenario can vary along the batch (:meth:`Compiled.bind`). How each part is laid out is in
:mod:`negsim.layout`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from negsim.layout.approvals import lay_approvals
from negsim.layout.channels import lay_channels
from negsim.layout.concessions import add_goods, lay_concessions
from negsim.layout.drivers import lay_drivers
from negsim.layout.effects import lay_effects
from negsim.layout.events import lay_events
from negsim.layout.hazards import lay_hazards
from negsim.layout.log_rates import number_log_rates
from negsim.layout.memories import lay_memories
from negsim.layout.packages import lay_packages
from negsim.layout.relations import lay_relations
from negsim.layout.rows import Fields, Rows, number_rows
from negsim.layout.sheet import Sheet, UnknownArgument
from negsim.layout.start import make_start
from negsim.layout.ticks import lay_ticks
from negsim.layout.utilities import lay_utilities, number_worths
from negsim.moves import Event
from negsim.numbers import Column, Slot, collect_numbers, lay_slot, make_slot, resolve_params
from negsim.problems import Problem, ScenarioError
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms, read_scenario, read_source, require_settings, require_valid
from negsim.state import Floats, Parameters, State, World
from negsim.terms import SHELF, Term
from negsim.vocabulary import DEFAULT_TERMS

MOST_MADE: Final = 8
"""Scenarios whose compiled form is kept."""


@dataclass(frozen=True)
class Labels:
    """What the rows of the world's arrays stand for: each tuple's entries stand in the order of their rows.

    Attributes
    ----------
    states, channels, concessions, demands, acts : tuple of str
    pairs : tuple of (str, str)
        Who holds something against whom: (holder, toward).
    needs : tuple of (str, str)
        (good, state).
    events : tuple of Event
        All kinds of event; the moves come first.
    moves : int
        How many of them are moves.
    """

    states: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    channels: tuple[str, ...]
    concessions: tuple[str, ...]
    demands: tuple[str, ...]
    acts: tuple[str, ...]
    needs: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    moves: int

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses of the moves, which are also those of their clocks."""
        return tuple(event.name for event in self.events[: self.moves])

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Row numbers of the moves by their addresses."""
        return {name: number for number, name in enumerate(self.addresses)}


@dataclass(eq=False, repr=False)
class Compiled:
    """A compiled scenario: arrays for the kernel, and what is needed to fill them with other numbers.

    Attributes
    ----------
    scenario : Scenario
        What was compiled.
    world : World
        Its structure as arrays of row numbers, without a name in it.
    labels : Labels
        What the rows stand for.
    numbers : dict of str to float
        Every number that can vary, by key path, as the scenario has it.
    slots : dict of str to Slot
        How the arrays of the kernel's parameters are made from such numbers, by their names.
    kept : dict
        What an engine makes of the world once, by the engine's name.
    """

    scenario: Scenario
    world: World
    labels: Labels
    numbers: dict[str, float]
    slots: dict[str, Slot]
    _unmoved: dict[str, Floats] = field(default_factory=dict)
    """Slots at the scenario's own numbers, made when first asked for."""
    _laid: dict[frozenset[str], dict[str, tuple[Column, ...]]] = field(default_factory=dict)
    """Arguments of the slots that some key paths touch, by these paths."""
    kept: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Compiled({self.scenario.name!r}: {self.labels.moves} moves, {len(self.numbers)} numbers)"

    def __getstate__(self) -> dict[str, Any]:
        """A copy, and what is sent to another process, goes without what can be made again there."""
        return {**vars(self), "_unmoved": {}, "_laid": {}, "kept": {}}

    def resolve(self, params: Mapping[str, Any] | None) -> dict[str, Floats]:
        """Turn names of parameters and key paths into values of key paths.

        Raises
        ------
        KeyError
            For a name that is neither; the message names the nearest.
        """
        return resolve_params(self.scenario, self.numbers, params or {})

    def check_ranges(self, params: Mapping[str, Any] | None) -> None:
        """Make sure that the scenario stays one with the least and with the largest value of each parameter.

        Raises
        ------
        ValueError
            For what is not finite.
        ScenarioError
            For what is out of range.
        """
        for name, value in (params or {}).items():
            if np.asarray(value).dtype.kind in "SU":
                raise ValueError(f"params[{name!r}]: {value!r} is no number")
            if not np.isfinite(np.asarray(value, dtype=float)).all():  # None is not
                raise ValueError(f"params[{name!r}]: not every number is finite")
        for end in (np.min, np.max) if params else ():
            require_settings(
                self.scenario, {name: float(end(value)) for name, value in (params or {}).items()}, "params"
            )

    def bind(self, values: Mapping[str, Floats] | None = None) -> Parameters:
        """Make the kernel's parameters, with some key paths at other values.

        Parameters
        ----------
        values : mapping of key path to array, optional
            Each a scalar or of shape ``(width,)``.
        """
        moved = {path: np.atleast_1d(np.asarray(value, dtype=float)) for path, value in (values or {}).items()}
        laid = self._lay(frozenset(moved))
        made = {
            name: make_slot(slot, laid[name], moved) if name in laid else self._own(name)
            for name, slot in self.slots.items()
        }
        return Parameters(made, max((array.shape[-1] for array in made.values()), default=1))

    def _lay(self, paths: frozenset[str]) -> dict[str, tuple[Column, ...]]:
        """Lay out the slots that some key paths touch: once, as a fit asks for the same ones hundreds of times."""
        if paths not in self._laid:
            touched = {name: slot for name, slot in self.slots.items() if slot.touches(paths)}
            self._laid[paths] = {name: lay_slot(slot, self.numbers, paths) for name, slot in touched.items()}
        return self._laid[paths]

    def _own(self, name: str) -> Floats:
        if name not in self._unmoved:
            slot = self.slots[name]
            self._unmoved[name] = make_slot(slot, lay_slot(slot, self.numbers, ()), {})
        return self._unmoved[name]

    def start(self, parameters: Parameters, width: int, shared: bool = False) -> State:
        """Make the state at the start of the scenario.

        Parameters
        ----------
        parameters : Parameters
            For initial memories and stocks.
        width : int
            Number of columns.
        shared : bool
            Whether all columns share the discrete state.
        """
        return make_start(self.scenario, self.world, parameters, width, shared)


def compile_scenario(
    scenario: Scenario, own_terms: Mapping[str, Term] | None = None, extra_dates: Sequence[float] = ()
) -> Compiled:
    """Compile a scenario that has passed its checks.

    Parameters
    ----------
    scenario : Scenario
        The scenario.
    own_terms : mapping of str to Term, optional
        Terms that are not on the shelf, by name.
    extra_dates : sequence of float
        Further moments of re-evaluation, in days (dates of interventions).

    Raises
    ------
    ScenarioError
        For an own term with a formula that asks for what there is not.
    """
    shelf = {**SHELF, **(own_terms or {})}
    rows = number_rows(scenario)
    sheet = Sheet(rows, choose_terms(scenario, shelf), shelf)
    try:
        world = _lay_world(sheet, lay_ticks(scenario, extra_dates))
    except UnknownArgument as unknown:
        raise ScenarioError([_explain(unknown, scenario)]) from None
    return Compiled(scenario, world, _label(rows), collect_numbers(scenario, shelf), sheet.slots)


def compile_case(case: Scenario | str | Path) -> Compiled:
    """Compile a scenario, or that of a file or a shipped case, after all its checks.

    What was compiled lately is found again by all that it was made of: the text of the file or of the scenario, and
    the terms. Files of a user's own terms may have changed meanwhile, so a scenario that has some is compiled anew.

    Raises
    ------
    ScenarioError
        With every mistake found.
    """
    if isinstance(case, Scenario):
        key, check = (case.canonical(), case._folder), partial(require_valid, case)
    else:
        source = read_source(case)
        key, check = source[1:], partial(read_scenario, *source)
    made = _MADE.get(key)
    if made is None or load_terms(made[0].scenario) != made[1]:
        scenario = check()
        terms = load_terms(scenario)
        made = compile_scenario(scenario, terms), terms
        if not any(scenario.term_file(name) for name in scenario.term):
            _MADE[key] = made
            for old in list(_MADE)[:-MOST_MADE]:
                _MADE.pop(old, None)
    return replace(made[0], scenario=made[0].scenario.model_copy(deep=True))  # its tables are the caller's to change


_MADE: Final[dict[tuple[str, Path | None], tuple[Compiled, dict[str, Term]]]] = {}
"""What was compiled last, and the terms it was made with; never handed out itself."""


def _explain(unknown: UnknownArgument, scenario: Scenario) -> Problem:
    given = f"{scenario.term_file(unknown.term)}, a formula of which has an argument {unknown.argument!r}"
    allowed = "arguments that are parameters or memories of the term, or quantities of the model (docs/terms.md)"
    if unknown.lack is not None:
        allowed = f"{unknown.argument!r} in formulas about {unknown.lack}, which not all uses of this one are"
    return Problem(scenario.name, f"term.{unknown.term}.file", given, allowed)


def choose_terms(scenario: Scenario, shelf: Mapping[str, Term]) -> list[Term]:
    """Choose the terms switched on: those named, or all that ship and those of the scenario's own files."""
    if scenario.terms is not None:
        return [shelf[name] for name in dict.fromkeys(scenario.terms)]
    own = (name for name in scenario.term if name in shelf and name not in SHELF)
    return [shelf[name] for name in (*DEFAULT_TERMS, *own)]


def _lay_world(sheet: Sheet, ticks: Fields) -> World:
    """Lay out all parts of the world. Relations come last: they need to know which allies were asked for."""
    rows, moments = sheet.rows, ticks["tick_times"][:-1]
    worths = number_worths(rows)
    add_goods(sheet)
    fields = {
        **ticks,
        **_sizes(rows),
        **lay_events(rows),
        **lay_channels(rows, moments),
        **lay_concessions(sheet),
        **lay_memories(sheet),
        **lay_utilities(sheet, worths),
        **lay_packages(sheet, worths),
    }
    log_rates = number_log_rates(sheet)
    fields |= log_rates.fields()
    fields |= lay_hazards(sheet, worths, log_rates)
    fields |= lay_approvals(sheet)
    fields |= lay_effects(sheet)
    fields |= lay_drivers(sheet, moments)
    fields |= lay_relations(sheet)
    return World(**fields, wants=frozenset(sheet.wants))


def _sizes(rows: Rows) -> dict[str, int]:
    return {
        "channels": len(rows.channel),
        "concessions": len(rows.concession),
        "demands": len(rows.demand),
        "dense": len(rows.dense),
        "moves": len(rows.moves),
    }


def _label(rows: Rows) -> Labels:
    return Labels(
        states=tuple(rows.state),
        pairs=tuple(rows.pair),
        channels=tuple(rows.channel),
        concessions=tuple(rows.concession),
        demands=tuple(rows.demand),
        acts=tuple(rows.act),
        needs=tuple(rows.need),
        events=(*rows.moves, *rows.consequences),
        moves=len(rows.moves),
    )
