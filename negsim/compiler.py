"""Which row is what? Names become row numbers here and nowhere else: a Scenario is compiled to a World.

The compiled scenario also knows, for every slot of the parameters, which key paths its rows come from, so that any
number of a scenario can vary along the batch (:meth:`Compiled.bind`).
"""

from __future__ import annotations

import inspect
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from negsim.calendar import day_number, tick_dates
from negsim.parameters import RATES
from negsim.scenario import Scenario
from negsim.state import Array, Driver, Floats, Gate, Ints, Parameters, Program, Source, State, Sums, World
from negsim.terms import SHELF, Term
from negsim.vocabulary import (
    BARGAINED_STEPS,
    CHANNEL_MOVE_STAGES,
    CHANNEL_STAGES,
    CONCESSION_MOVE_STAGES,
    CONCESSION_MOVES,
    CONCESSION_STAGES,
    CONSENT_RULES,
    CONSEQUENCES,
    DAYS_PER_YEAR,
    DEFAULT_TERMS,
    DEMAND_STAGES,
    DONE,
    IN_FORCE,
    JOINT_MOVES,
    MOVE_KINDS,
    NEEDS_FROZEN,
    NEEDS_UNFROZEN,
    NONE,
    SUSPENDED,
)

EVENT_KINDS = (*MOVE_KINDS, *CONSEQUENCES)


@dataclass(frozen=True)
class Event:
    """A move or a consequence, by names. `name` is the address of its clock (moves only)."""

    kind: str
    actor: str
    counterpart: str
    channel: str
    subject: str
    side: int = -1
    items: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Address of the move's clock (model, section 2)."""
        return f"{self.kind}:{self.actor}:{self.channel}:{self.subject}"


@dataclass(frozen=True)
class Labels:
    """Names of the rows."""

    states: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    channels: tuple[str, ...]
    concessions: tuple[str, ...]
    demands: tuple[str, ...]
    acts: tuple[str, ...]
    needs: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]
    moves: int


@dataclass(frozen=True)
class Slot:
    """How a slot of the parameters is made: a formula over key paths, one column of arguments for each row."""

    arguments: tuple[tuple[str, ...], ...]
    formula: Callable[..., Any] | None = None
    shape: tuple[int, ...] | None = None


@dataclass
class Compiled:
    """A compiled scenario: the world's rows, their names, and where each number comes from."""

    scenario: Scenario
    world: World
    labels: Labels
    numbers: dict[str, float]
    slots: dict[str, Slot]
    tick_dates: list[Any] = field(default_factory=list)
    _cache: dict[str, Floats] = field(default_factory=dict)

    def resolve(self, params: Mapping[str, Any] | None) -> dict[str, Floats]:
        """Turn names of parameters and key paths into values of key paths.

        Raises
        ------
        KeyError
            For a name that is neither; the message names the nearest.
        """
        return resolve_params(self.scenario, self.numbers, params or {})

    def bind(self, values: Mapping[str, Floats] | None = None) -> Parameters:
        """Make the kernel's parameters, with some key paths at other values.

        Parameters
        ----------
        values : mapping of key path to array, optional
            Each a scalar or of shape ``(width,)``.
        """
        values = {path: np.atleast_1d(np.asarray(value, dtype=float)) for path, value in (values or {}).items()}
        width = max((len(value) for value in values.values()), default=1)
        made = {}
        for name, slot in self.slots.items():
            touched = any(path in values for column in slot.arguments for path in column) if values else False
            if touched:
                made[name] = _make_slot(slot, self.numbers, values)
            else:
                if name not in self._cache:
                    self._cache[name] = _make_slot(slot, self.numbers, {})
                made[name] = self._cache[name]
        return Parameters(made, max((array.shape[-1] for array in made.values()), default=1) if width > 1 else 1)

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
        return _start_state(self, parameters, width, shared)


def _make_slot(slot: Slot, numbers: Mapping[str, float], values: Mapping[str, Floats]) -> Floats:
    columns = [_fetch(paths, numbers, values) for paths in slot.arguments]
    rows = len(slot.arguments[0]) if slot.arguments else 0
    result = columns[0] if slot.formula is None else np.asarray(slot.formula(*columns), dtype=float)
    if result.ndim < 2:
        result = np.broadcast_to(result, (rows, 1)).copy()
    return result.reshape(*slot.shape, result.shape[-1]) if slot.shape is not None else result


def _fetch(paths: Sequence[str], numbers: Mapping[str, float], values: Mapping[str, Floats]) -> Floats:
    width = max((len(values[path]) for path in paths if path in values), default=1)
    result = np.empty((len(paths), width))
    for row, path in enumerate(paths):
        if path in values:
            result[row] = values[path]
        else:
            result[row] = float(path[1:]) if path.startswith("=") else numbers[path]
    return result


def resolve_params(scenario: Scenario, numbers: Mapping[str, float], params: Mapping[str, Any]) -> dict[str, Floats]:
    """Turn names of parameters and key paths into values of key paths (see :meth:`Compiled.resolve`)."""
    from difflib import get_close_matches

    named = {spec.name: spec for spec in scenario.parameter}
    values: dict[str, Floats] = {}
    for name, given in params.items():
        value = np.atleast_1d(np.asarray(given, dtype=float))
        if name in named:
            spec = named[name]
            for path in match_numbers(numbers, spec.numbers):
                before = values.get(path, np.array([numbers[path]]))
                values[path] = {"set": value, "multiply": before * value, "add": before + value}[spec.how]
        elif name in numbers:
            values[name] = value
        else:
            near = get_close_matches(name, [*named, *numbers], n=3, cutoff=0.5)
            hint = f"; nearest: {', '.join(near)}" if near else ""
            raise KeyError(f"no parameter or number is called {name!r}{hint}")
    return values


def match_numbers(numbers: Iterable[str], patterns: Iterable[str]) -> list[str]:
    """List the key paths that match patterns, in which `*` stands for one part of a path."""
    wanted = [pattern.split(".") for pattern in patterns]
    return [path for path in numbers if any(_matches(path.split("."), pattern) for pattern in wanted)]


def _matches(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))


# -- numbers ----------------------------------------------------------------------------------------------------------


def collect_numbers(scenario: Scenario, shelf: Mapping[str, Term]) -> dict[str, float]:
    """Every number by key path: those of the scenario, default rates, and the terms' parameters."""
    numbers = dict(scenario.numbers())
    for event in list_events(scenario):
        path = rate_path(scenario, event)
        numbers.setdefault(path, RATES[event.kind].default if event.kind in RATES else 0.0)
    for name, term in shelf.items():
        given = scenario.term[name].model_extra or {} if name in scenario.term else {}
        for parameter in term.parameters:
            numbers[f"term.{name}.{parameter.name}"] = float(given.get(parameter.name, parameter.default))
    return numbers


def rate_path(scenario: Scenario, event: Event) -> str:
    """Key path of a move's rate."""
    if event.kind in ("approve", "reject"):
        return f"actor.{event.actor}.approval_rate"
    if event.kind in ("raise", "act"):
        room = "demand" if event.kind == "raise" else "coercion"
        return f"{room}.{event.subject}.rates.{event.kind}"
    if event.channel:
        return f"channel.{event.channel}.rates.{event.kind}"
    return f"concession.{event.subject}.rates.{event.kind}"


# -- moves ------------------------------------------------------------------------------------------------------------


def list_packages(channel: Any) -> list[tuple[str, ...]]:
    """List a channel's packages: the named ones, or all subsets, smaller first; items in agenda order."""
    if channel.packages is not None:
        return [tuple(item for item in channel.agenda if item in named) for named in channel.packages]
    sizes = range(1, min(channel.max_items, len(channel.agenda)) + 1)
    return [package for size in sizes for package in itertools.combinations(channel.agenda, size)]


def list_events(scenario: Scenario) -> list[Event]:
    """List the moves of a scenario in the order of the model's section 9 (consequences not included)."""
    events: list[Event] = []
    packages: list[Event] = []
    for name, channel in scenario.channel.items():
        leaders = [side[0] for side in channel.sides]
        events += [Event(kind, leaders[0], leaders[1], name, "") for kind in JOINT_MOVES]
        for side in (0, 1):
            events += _side_moves(scenario, name, side)
        for items in list_packages(channel):
            packages.append(Event("agree", leaders[0], leaders[1], name, "+".join(items), items=items))
    for name, demand in scenario.demand.items():
        events.append(Event("raise", demand.owner, demand.target, "", name))
    for name, act in scenario.coercion.items():
        events.append(Event("act", act.actor, next(iter(act.hits)), "", name))
    for name, concession in scenario.concession.items():
        for kind in CONCESSION_MOVES[concession.kind]:
            if (kind != "pledge" or concession.unilateral) and (kind not in ("freeze", "lift") or concession.freezable):
                events.append(Event(kind, concession.giver, scenario.recipient(name), "", name))
    return events + packages


def _side_moves(scenario: Scenario, name: str, side: int) -> list[Event]:
    channel = scenario.channel[name]
    leader, other = channel.sides[side][0], channel.sides[1 - side][0]
    moves = [Event(kind, leader, other, name, "", side) for kind in ("cancel", "walk_out")]
    if channel.consent[side] != "none":
        principal = scenario.principal(leader)
        moves += [Event(kind, principal, other, name, "", side) for kind in ("approve", "reject")]
    return moves


def _consequences(scenario: Scenario) -> list[Event]:
    return [
        Event(kind, concession.giver, scenario.recipient(name), "", name)
        for kind in CONSEQUENCES
        for name, concession in scenario.concession.items()
    ]


# -- compiling --------------------------------------------------------------------------------------------------------


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
    """
    shelf = {**SHELF, **(own_terms or {})}
    return _Compiler(scenario, shelf, extra_dates).compile()


@dataclass(frozen=True)
class _Row:
    """What a row of a formula's target is about, by names."""

    actor: str = ""
    counterpart: str = ""
    channel: str = ""
    side: int = -1
    concession: str = ""
    act: str = ""
    need: int = -1
    month: int = -1
    magnitude: str = "=0"
    slot: int = -1


class _Compiler:
    """Compiles one scenario; each method fills some fields of the world."""

    def __init__(self, scenario: Scenario, shelf: Mapping[str, Term], extra_dates: Sequence[float]) -> None:
        self.scenario = scenario
        on = DEFAULT_TERMS if scenario.terms is None else scenario.terms
        own = [name for name in scenario.term if name in shelf and name not in SHELF]
        self.asleep = {memory.name for term in shelf.values() for memory in term.memories}
        self.terms = [shelf[name] for name in dict.fromkeys((*on, *(own if scenario.terms is None else ())))]
        self.numbers = collect_numbers(scenario, shelf)
        self.extra_dates = extra_dates
        self.slots: dict[str, Slot] = {}
        self.wants: set[str] = set()
        self.fields: dict[str, Any] = {}
        self.counter = itertools.count()

    # -- names to rows --

    def compile(self) -> Compiled:
        self._name_rows()
        self._calendar()
        self._memories()
        self._events()
        self._channels()
        self._concessions()
        self._goods()
        self._utilities()
        self._packages()
        self._hazards()
        self._effects()
        self._relations()
        self._drivers()
        self.fields["wants"] = frozenset(self.wants)
        world = World(**self.fields)
        return Compiled(self.scenario, world, self.labels, self.numbers, self.slots, self.dates)

    def _name_rows(self) -> None:
        case = self.scenario
        self.states = [name for name, actor in case.actor.items() if actor.kind == "state"]
        self.concessions = list(case.concession)
        self.channels = list(case.channel)
        self.needs = [(good, state) for good in case.good for state in case.good[good].need]
        self.moves = list_events(case)
        self.all_events = [*self.moves, *_consequences(case)]
        self.pairs = list(dict.fromkeys(self._meetings()))
        self.pair_row = {pair: row for row, pair in enumerate(self.pairs)}
        dense = [move for move in self.moves if move.kind != "agree"]
        self.fields |= {
            "channels": len(self.channels),
            "concessions": len(self.concessions),
            "demands": len(case.demand),
            "states": len(self.states),
            "dense": len(dense),
            "moves": len(self.moves),
        }
        self.labels = Labels(
            tuple(self.states),
            tuple(self.pairs),
            tuple(self.channels),
            tuple(self.concessions),
            tuple(case.demand),
            tuple(case.coercion),
            tuple(self.needs),
            tuple(self.all_events),
            len(self.moves),
        )

    def _meetings(self) -> Iterable[tuple[str, str]]:
        """Ordered pairs of states that have to do with each other."""
        case = self.scenario
        for channel in case.channel.values():
            sides = [[case.principal(member) for member in side] for side in channel.sides]
            for one, two in itertools.product(*sides):
                yield from ((one, two), (two, one))
        for name, concession in case.concession.items():
            giver = case.principal(concession.giver)
            for other in (case.recipient(name), *concession.worth):
                yield from ((giver, other), (other, giver))
            for answered in concession.in_return_for:
                yield (giver, case.principal(case.concession[answered].giver))
        for act in case.coercion.values():
            for hit in act.hits:
                yield from ((case.principal(act.actor), hit), (hit, case.principal(act.actor)))
        for demand in case.demand.values():
            yield (case.principal(demand.owner), case.principal(demand.target))
        for regard in case.regard:
            yield (regard.holder, regard.toward)

    def _calendar(self) -> None:
        case = self.scenario
        self.dates = tick_dates(case.start, case.end, case.tick)
        times = {day_number(case.start, date): date for date in self.dates}
        for moment in self.extra_dates:
            times.setdefault(float(moment), None)  # type: ignore[arg-type]
        end = day_number(case.start, case.end) + 1.0
        ordered = sorted(time for time in times if time < end)
        months: list[int] = []
        for time in ordered:
            months.append(times[time].month - 1 if times[time] is not None else months[-1])
        self.ticks = np.array(ordered)
        self.fields["tick_times"] = np.array([*ordered, end])
        self.fields["tick_month"] = np.array(months)

    # -- slots and programs --

    def _slot(self, paths: Sequence[str], formula: Callable[..., Any] | None = None, name: str | None = None) -> str:
        return self._slot_of([tuple(paths)], formula, name)

    def _slot_of(
        self,
        columns: Sequence[Sequence[str]],
        formula: Callable[..., Any] | None = None,
        name: str | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> str:
        name = name or f"argument_{next(self.counter)}"
        self.slots[name] = Slot(tuple(tuple(column) for column in columns), formula, shape)
        return name

    def _argument(self, term: Term, name: str, row: _Row) -> tuple[str, Any]:
        """Find one argument of a formula for one row: ('path', key path) or (quantity, row number)."""
        if any(parameter.name == name for parameter in term.parameters):
            return "path", f"term.{term.name}.{name}"
        found = self._memory_argument(name, row)
        if found is not None:
            return found
        finders: dict[str, Callable[[], tuple[str, Any]]] = {
            "credibility": lambda: ("credibility", self.pair_row[row.actor, row.counterpart]),
            "credibility_back": lambda: ("credibility", self.pair_row[row.counterpart, row.actor]),
            "engagement": lambda: ("engagement", self.states.index(row.actor)),
            "share_in_force": lambda: ("share_in_force", self.states.index(row.actor)),
            "ally": lambda: ("ally", self._ally(row.actor, row.counterpart)),
            "pain": lambda: ("pain", self.channels.index(row.channel)),
            "surplus": lambda: ("surplus", self.channels.index(row.channel)),
            "gate_met": lambda: ("gate_met", self.channels.index(row.channel)),
            "pressure": lambda: ("pressure", 2 * self.channels.index(row.channel) + row.side),
            "restraint": lambda: ("restraint", list(self.scenario.coercion).index(row.act)),
            "magnitude": lambda: ("path", row.magnitude),
            "exposure": lambda: ("path", self._exposure(row)),
            "audience": lambda: ("path", f"actor.{row.actor}.audience"),
            "power": lambda: ("path", f"actor.{row.actor}.power"),
            "reservation": lambda: ("path", f"actor.{row.actor}.reservation"),
            "cost": lambda: ("path", f"concession.{row.concession}.cost"),
            "irreversibility": lambda: ("path", f"concession.{row.concession}.irreversibility"),
            "shift": lambda: ("path", self._regard(row.actor, row.counterpart, "shift", "=0")),
            "reliability": lambda: ("path", f"channel.{row.channel}.reliability" if row.channel else "=0"),
            "bias": lambda: ("path", f"channel.{row.channel}.bias"),
            "season": lambda: ("path", self._season(row)),
        }
        if name not in finders:
            raise ValueError(f"term {term.name!r}: no quantity, memory or parameter is called {name!r}")
        kind, where = finders[name]()
        if kind != "path":
            self.wants.add(kind)
        return kind, where

    def _memory_argument(self, name: str, row: _Row) -> tuple[str, Any] | None:
        """Find a memory's row; the memory of a term that is switched off is 0."""
        for memory, place in self.memory_slices.items():
            if name == memory:
                return "memory", place.start + self.pair_row[row.actor, row.counterpart]
            if name == f"{memory}_back":
                return "memory", place.start + self.pair_row[row.counterpart, row.actor]
        return ("path", "=0") if name.removesuffix("_back") in self.asleep else None

    def _exposure(self, row: _Row) -> str:
        if row.channel:
            return f"channel.{row.channel}.exposure"
        return f"concession.{row.concession}.exposure" if row.concession else "=1"

    def _season(self, row: _Row) -> str:
        good, state = self.needs[row.need]
        return f"good.{good}.need.{state}.season.{row.month}"

    def _regard(self, holder: str, toward: str, number: str, default: str) -> str:
        for position, regard in enumerate(self.scenario.regard):
            if (regard.holder, regard.toward) == (holder, toward) and getattr(regard, number) is not None:
                return f"regard.{position}.{number}"
        return default

    def _columns(self, term: Term, formula: Callable[..., Any], rows: Sequence[_Row]) -> list[list[tuple[str, Any]]]:
        names = inspect.signature(formula).parameters
        return [[self._argument(term, name, row) for row in rows] for name in names]

    def _program(self, term: Term, formula: Callable[..., Any], rows: Sequence[_Row], target: Any) -> Program:
        """Make a formula over rows whose arguments may depend on the state."""
        sources = []
        for column in self._columns(term, formula, rows):
            if all(kind == "path" for kind, _ in column):
                sources.append(Source(self._slot([where for _, where in column])))
            else:
                kinds = {kind for kind, _ in column}
                if len(kinds) > 1:
                    raise ValueError(f"term {term.name!r}: an argument mixes {sorted(kinds)}")
                sources.append(Source(kinds.pop(), _rows([where for _, where in column])))
        return Program(formula, tuple(sources), target)

    def _constant(self, term: Term, formula: Callable[..., Any], rows: Sequence[_Row]) -> list[tuple[str, ...]]:
        """Find the arguments of a formula that may not depend on the state."""
        columns = self._columns(term, formula, rows)
        for column in columns:
            if any(kind != "path" for kind, _ in column):
                raise ValueError(f"term {term.name!r}: {formula.__name__} may use numbers only, not the state")
        return [tuple(where for _, where in column) for column in columns]

    def _places(self, place: str) -> list[tuple[Term, Callable[..., Any]]]:
        return [(term, slot.formula) for term in self.terms for slot in term.slots if slot.place == place]

    def _constant_sum(self, name: str, place: str, rows: Sequence[_Row], finish: Callable[..., Any]) -> None:
        """Make a slot from all the contributions to a place that use numbers only."""
        columns: list[tuple[str, ...]] = [("=0",) * len(rows)]
        parts: list[tuple[Callable[..., Any], int]] = []
        for term, formula in self._places(place):
            found = self._constant(term, formula, rows)
            columns += found
            parts.append((formula, len(found)))
        self._slot_of(columns, _Contributions(tuple(parts), finish), name)

    # -- memories --

    def _memories(self) -> None:
        self.memory_slices: dict[str, slice] = {}
        decays: list[tuple[Term | None, Any]] = []
        decay_of: list[int] = []
        start = 0
        for term in self.terms:
            for memory in term.memories:
                self.memory_slices[memory.name] = slice(start, start + len(self.pairs))
                start += len(self.pairs)
                decay_of += [len(decays)] * len(self.pairs)
                decays.append((term, memory.half_life_days))
        self.stocks = slice(start, start + len(self.needs))
        decay_of += [len(decays) + row for row in range(len(self.needs))]
        self.trash = self.stocks.stop
        self.memory_size = self.trash + 1
        decay_of.append(len(decays) + len(self.needs))
        columns, parts = [], []
        for term_, formula in decays:
            assert term_ is not None
            found = self._constant(term_, formula, [_Row()])
            columns += found
            parts.append((formula, len(found)))
        halves = [f"good.{good}.need.{state}.half_life_days" for good, state in self.needs]
        self._slot_of([*columns, *((path,) for path in halves)], _Decays(tuple(parts), len(halves)), "decay")
        self.fields |= {"memories": self.memory_slices, "decay_of": np.array(decay_of), "stocks": self.stocks}
        self._overdue()
        self._trust()

    def _overdue(self) -> None:
        """Find which memory rows promises overdue feed."""
        groups: dict[int, list[int]] = {}
        concessions: list[int] = []
        columns: list[tuple[str, ...]] = []
        parts: list[tuple[Callable[..., Any], int]] = []
        magnitudes: list[str] = []
        for term, memory in self._with_overdue():
            for number, (name, concession) in enumerate(self.scenario.concession.items()):
                giver = self.scenario.principal(concession.giver)
                for holder in concession.worth:
                    row = self.memory_slices[memory.name].start + self.pair_row[holder, giver]
                    groups.setdefault(row, []).append(len(concessions))
                    concessions.append(number)
                    found = self._constant(term, memory.overdue, [_Row()])
                    columns += found
                    parts.append((memory.overdue, len(found)))
                    magnitudes.append(f"concession.{name}.worth.{holder}")
        self._slot_of([*columns, tuple(magnitudes)], _Overdue(tuple(parts)), "overdue")
        self.fields |= {
            "overdue_memory": np.array(list(groups), dtype=np.int64),
            "overdue_sums": _sums(list(groups.values()), len(concessions)),
            "overdue_concession": np.array(concessions, dtype=np.int64),
        }

    def _with_overdue(self) -> Iterable[tuple[Term, Any]]:
        return ((term, memory) for term in self.terms for memory in term.memories if memory.overdue is not None)

    def _trust(self) -> None:
        """Make trust a program over pairs; without a term of trust it stays at its prior."""
        source = next((term for term in self.terms if term.trust is not None), None)
        default = "term.credibility.prior_mean"
        priors = [self._regard(holder, toward, "credibility", default) for holder, toward in self.pairs]
        slot = self._slot(priors, name="trust_prior")
        if source is None or source.trust is None:
            self.fields["trust"] = Program(_unchanged, (Source(slot),), None)
            return
        rows = [_Row(actor=holder, counterpart=toward) for holder, toward in self.pairs]
        names = list(inspect.signature(source.trust.formula).parameters)
        program = self._program_with_prior(source, rows, names, slot)
        self.fields["trust"] = program

    def _program_with_prior(self, term: Term, rows: Sequence[_Row], names: Sequence[str], slot: str) -> Program:
        assert term.trust is not None
        sources = []
        for name in names:
            if name == "prior":
                sources.append(Source(slot))
                continue
            column = [self._argument(term, name, row) for row in rows]
            if column and column[0][0] != "path":
                sources.append(Source(column[0][0], _rows([where for _, where in column])))
            else:
                sources.append(Source(self._slot([where for _, where in column])))
        return Program(term.trust.formula, tuple(sources), None)

    # -- events --

    def _events(self) -> None:
        events = self.all_events
        case = self.scenario
        demands, acts = list(case.demand), list(case.coercion)
        count = len(events)
        nothing = {name: np.full(count, -1, dtype=np.int64) for name in EVENT_COLUMNS}
        flags = {name: np.zeros(count, dtype=bool) for name in EVENT_FLAGS}
        nothing["package_bits"] = np.zeros(count, dtype=np.int64)
        for row, event in enumerate(events):
            if event.channel:
                nothing["event_channel"][row] = self.channels.index(event.channel)
                nothing["event_side"][row] = event.side
                nothing["new_channel"][row] = NEW_CHANNEL.get(event.kind, -1)
                flags["drops"][row] = event.kind in ("close", "walk_out")
                flags["approves"][row] = event.kind == "approve"
                flags["rejects"][row] = event.kind == "reject"
                agenda = case.channel[event.channel].agenda
                nothing["package_bits"][row] = sum(1 << agenda.index(item) for item in event.items)
            elif event.kind == "raise":
                nothing["event_demand"][row] = demands.index(event.subject)
            elif event.kind == "act":
                nothing["event_act"][row] = acts.index(event.subject)
            else:
                self._concession_event(row, event, nothing, flags)
        self.fields |= nothing | flags

    def _concession_event(self, row: int, event: Event, table: dict[str, Ints], flags: dict[str, Array]) -> None:
        concession = self.scenario.concession[event.subject]
        table["event_concession"][row] = self.concessions.index(event.subject)
        if event.kind in ("freeze", "lift"):
            table["new_frozen"][row] = event.kind == "freeze"
            return
        completes = event.kind in ("complete", "delivered") or (event.kind == "begin" and concession.kind == "act")
        ends = completes or event.kind in ("withdraw", "renege", "broken", "lapsed")
        finished = DONE if concession.once else NONE
        table["new_stage"][row] = finished if completes else NONE if ends else NEW_STAGE[event.kind]
        table["new_begun"][row] = 0 if ends else 1 if event.kind == "begin" else -1
        flags["completes"][row], flags["ends"][row] = completes, ends

    # -- channels and concessions --

    def _channels(self) -> None:
        case = self.scenario
        longest = max((len(channel.agenda) for channel in case.channel.values()), default=1)
        agenda = np.full((len(self.channels), longest), -1, dtype=np.int64)
        side = np.full((len(self.channels), longest), -1, dtype=np.int64)
        for number, channel in enumerate(case.channel.values()):
            first = {case.principal(member) for member in channel.sides[0]}
            for position, item in enumerate(channel.agenda):
                agenda[number, position] = self.concessions.index(item)
                side[number, position] = 0 if case.principal(case.concession[item].giver) in first else 1
        rules = [CONSENT_RULES.index(rule) for channel in case.channel.values() for rule in channel.consent]
        self.fields |= {
            "agenda": agenda,
            "agenda_bits": np.where(agenda >= 0, 1 << np.arange(longest), 0)[:, :, None].astype(np.int32),
            "agenda_side": side,
            "consent_rule": np.array(rules, dtype=np.int64),
            "demand_channel": np.array([self.channels.index(d.channel) for d in case.demand.values()], dtype=np.int64),
            "gates": tuple(self._gates()),
        }

    def _gates(self) -> Iterable[Gate]:
        case = self.scenario
        for number, channel in enumerate(case.channel.values()):
            for gate in channel.gates:
                low = -math.inf if gate.from_ is None else day_number(case.start, gate.from_)
                high = math.inf if gate.to is None else day_number(case.start, gate.to)
                items = np.array([self.concessions.index(item) for item in gate.items])
                active = (self.ticks >= low) & (self.ticks < high)
                yield Gate(number, items, gate.stage == "promised", gate.need == "all", gate.hard, active)

    def _concessions(self) -> None:
        case = self.scenario
        named = list(case.concession.items())
        for number in ("lead_time_days", "grace_days"):
            self._slot([f"concession.{name}.{number}" for name in case.concession], name=number.split("_")[0])
        flows = [row for row, (_, concession) in enumerate(named) if concession.kind == "flow"]
        stocks = [self._stock(name, concession) for name, concession in named if concession.kind == "flow"]
        for number in ("quantity", "duration_days"):
            paths = [f"concession.{self.concessions[row]}.{number}" for row in flows]
            self._slot(paths, name=number.split("_")[0])
        held = [row for row, (_, concession) in enumerate(named) if concession.while_open is not None]
        answers = np.zeros((len(case.demand), len(named)), dtype=bool)
        for row, demand in enumerate(case.demand.values()):
            answers[row, [self.concessions.index(item) for item in demand.answered_by]] = True
        breaks = np.zeros((len(case.coercion), len(named)), dtype=bool)
        for row, act in enumerate(case.coercion.values()):
            breaks[row, [self.concessions.index(item) for item in act.breaks]] = True
        self.fields |= {
            "flow_concession": np.array(flows, dtype=np.int64),
            "flow_stock": np.array(stocks, dtype=np.int64),
            "while_rows": np.array(held, dtype=np.int64),
            "while_channel": np.array(
                [self.channels.index(str(named[row][1].while_open)) for row in held], dtype=np.int64
            ),
            "answers": answers,
            "breaks": breaks,
        }

    def _stock(self, name: str, concession: Any) -> int:
        place = (str(concession.good), self.scenario.recipient(name))
        return self.needs.index(place) if place in self.needs else -1

    def _goods(self) -> None:
        for number in ("shortfall", "scale", "supply", "stock"):
            paths = [f"good.{good}.need.{state}.{number}" for good, state in self.needs]
            self._slot(paths, _per_day if number == "supply" else None, number)
        rows = [_Row(need=row, month=month) for row in range(len(self.needs)) for month in range(12)]
        columns: list[tuple[str, ...]] = [("=1",) * len(rows)]
        parts = []
        for term, formula in self._places("need_factor"):
            found = self._constant(term, formula, rows)
            columns += found
            parts.append((formula, len(found)))
        self._slot_of(columns, _Product(tuple(parts)), "season", (len(self.needs), 12))

    # -- utilities --

    def _utilities(self) -> None:
        """Lay out the rows of what items are worth: benefits, givers, means over members, and zero."""
        case = self.scenario
        self.utility_row: dict[tuple[str, str, str], int] = {}
        benefits: list[tuple[str, str, str]] = []
        givers: list[tuple[str, str]] = []
        contexts = [*((name, item) for name in self.channels for item in case.channel[name].agenda)]
        contexts += [("", item) for item in self.concessions]
        for context, item in contexts:
            givers.append((context, item))
            if context:
                benefits += [(context, item, state) for state in case.concession[item].worth]
        for row, key in enumerate(benefits):
            self.utility_row[key] = row
        for row, (context, item) in enumerate(givers, start=len(benefits)):
            self.utility_row[context, item, case.principal(case.concession[item].giver)] = row
        self._benefits(benefits)
        self._givers(givers)
        self._means(len(benefits) + len(givers))

    def _benefits(self, benefits: Sequence[tuple[str, str, str]]) -> None:
        case = self.scenario
        chis: dict[tuple[str, str, str], int] = {}
        chi_of, needs = [], []
        for context, item, state in benefits:
            giver = case.principal(case.concession[item].giver)
            chi_of.append(chis.setdefault((context, state, giver), len(chis)))
            good = case.concession[item].good
            needs.append(self.needs.index((good, state)) if (good, state) in self.needs else len(self.needs))
        rows = [_Row(actor=state, counterpart=giver, channel=context) for context, state, giver in chis]
        self._constant_sum("doubt", "vouching", rows, _doubt)
        self._slot([f"concession.{item}.worth.{state}" for _, item, state in benefits], name="worth")
        about = [
            _Row(actor=state, counterpart=case.principal(case.concession[item].giver), channel=context, concession=item)
            for context, item, state in benefits
        ]
        programs = [self._program(term, formula, about, None) for term, formula in self._places("benefit_factor")]
        self.fields |= {
            "chi_pair": np.array([self.pair_row[state, giver] for _, state, giver in chis], dtype=np.int64),
            "benefit_chi": np.array(chi_of, dtype=np.int64),
            "benefit_need": np.array(needs, dtype=np.int64),
            "benefit_programs": tuple(programs),
        }

    def _givers(self, givers: Sequence[tuple[str, str]]) -> None:
        case = self.scenario
        exponents: dict[tuple[str, str, str], int] = {}
        exponent_of = []
        self.ally_rows: dict[tuple[str, str], int] = {}
        for context, item in givers:
            giver = case.principal(case.concession[item].giver)
            place = context if context else f"/{item}"
            exponent_of.append(exponents.setdefault((place, giver, case.recipient(item)), len(exponents)))
        rows = [
            _Row(
                actor=giver,
                counterpart=recipient,
                channel="" if place.startswith("/") else place,
                concession=place[1:] if place.startswith("/") else "",
            )
            for place, giver, recipient in exponents
        ]
        self.fields["exponents"] = tuple(
            self._program(term, formula, rows, None) for term, formula in self._places("cost_exponent")
        )
        self._slot([f"concession.{item}.cost" for _, item in givers], name="cost")
        self._slot([f"concession.{name}.care" for name in case.concession], name="care")
        about = [
            _Row(actor=case.principal(given.giver), counterpart=case.recipient(name), concession=name)
            for name, given in case.concession.items()
        ]
        self.fields |= {
            "exponent_rows": len(exponents),
            "care_need": np.array([self._need_row(name) for name in case.concession], dtype=np.int64),
            "giver_exponent": np.array(exponent_of, dtype=np.int64),
            "giver_concession": np.array([self.concessions.index(item) for _, item in givers], dtype=np.int64),
            "giver_programs": tuple(
                self._program(term, formula, about, None) for term, formula in self._places("giver_utility")
            ),
        }
        self._returns()

    def _need_row(self, name: str) -> int:
        """Row of the recipient's need for what a concession brings; the row of ones if there is none."""
        place = (str(self.scenario.concession[name].good), self.scenario.recipient(name))
        return self.needs.index(place) if place in self.needs else len(self.needs)

    def _returns(self) -> None:
        """What a concession answers: rows of (answering concession, item answered, pair)."""
        case = self.scenario
        entries: list[tuple[int, str, str]] = []
        groups: dict[int, list[int]] = {}
        for row, (_, concession) in enumerate(case.concession.items()):
            giver = case.principal(concession.giver)
            for answered in concession.in_return_for:
                if giver in case.concession[answered].worth:
                    groups.setdefault(row, []).append(len(entries))
                    entries.append((row, answered, giver))
        self._slot([f"concession.{item}.worth.{giver}" for _, item, giver in entries], name="return_worth")
        pairs = [(giver, case.principal(case.concession[item].giver)) for _, item, giver in entries]
        self.fields |= {
            "return_concession": np.array(list(groups), dtype=np.int64),
            "return_item": np.array([self.concessions.index(item) for _, item, _ in entries], dtype=np.int64),
            "return_pair": np.array([self.pair_row[pair] for pair in pairs], dtype=np.int64),
            "returns": _sums(list(groups.values()), len(entries)),
        }

    def _means(self, first: int) -> None:
        """Add rows for sides that decide by the mean of their members."""
        case = self.scenario
        groups: list[list[int]] = []
        self.mean_row: dict[tuple[str, int, str], int] = {}
        for name, channel in case.channel.items():
            for side in (0, 1):
                if channel.aggregation[side] == "mean":
                    members = [case.principal(member) for member in channel.sides[side]]
                    for item in channel.agenda:
                        rows = [self.utility_row.get((name, item, member), -1) for member in members]
                        self.mean_row[name, side, item] = first + len(groups)
                        groups.append(rows)
        self.zero_row = first + len(groups)
        groups = [[self.zero_row if row < 0 else row for row in rows] for rows in groups]
        self.fields |= {
            "means": _sums(groups, self.zero_row),
            "mean_sizes": np.array([float(len(rows)) for rows in groups])[:, None],
            "utility_rows": self.zero_row + 1,
        }

    # -- packages --

    def _packages(self) -> None:
        case = self.scenario
        packages = [move for move in self.moves if move.kind == "agree"]
        self.node: dict[tuple[str, str, tuple[str, ...]], int] = {("", "", ()): 0}
        self.node_list: list[tuple[int, int, int, int]] = []  # node, parent, utility row, level
        seats: dict[tuple[str, ...], int] = {}
        per_side: tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]] = ([], [])
        for move in packages:
            for side in (0, 1):
                per_side[side].append(self._voters(move, side, seats))
        slices, start = [], 0
        for name in self.channels:
            count = sum(move.channel == name for move in packages)
            slices.append(slice(start, start + count))
            start += count
        ordered = self._levels()
        self.fields |= {
            "package_channel": np.array([self.channels.index(move.channel) for move in packages], dtype=np.int64),
            "package_members": self.fields["package_bits"][self.fields["dense"] : len(self.moves)][:, None],
            "channel_packages": tuple(slices),
            "levels": ordered[1],
            "nodes": len(self.node),
            "seats": _seat_rows(per_side[0] + per_side[1], ordered[0]),
            "channel_sums": _sums([list(range(part.start, part.stop)) for part in slices], len(packages)),
            "reservation_means": _sums(
                [[self.states.index(s) for s in members] for members in seats], len(self.states)
            ),
            "reservation_sizes": np.array([float(len(members)) for members in seats])[:, None],
        }
        self._slot([f"actor.{state}.reservation" for state in self.states], name="reservation")
        rows = [_Row(channel=move.channel) for move in packages]
        powers = [
            tuple(f"actor.{case.principal(side[0])}.power" for side in case.channel[move.channel].sides)
            for move in packages
        ]
        columns: list[tuple[str, ...]] = [tuple(p[0] for p in powers), tuple(p[1] for p in powers)]
        parts = []
        for term, formula in self._places("nash_bias"):
            found = self._constant(term, formula, rows)
            columns += found
            parts.append((formula, len(found)))
        self._slot_of(columns, _NashWeight(tuple(parts)), "nash_weight")
        self._slot([f"channel.{name}.eta" for name in self.channels], name="eta")
        self._slot([f"channel.{name}.rates.agree" for name in self.channels], _per_day, "agree_rate")

    def _voters(self, move: Event, side: int, seats: dict[tuple[str, ...], int]) -> list[tuple[int, int]]:
        """For one package and side: (node, seat) of each voter, the least willing of whom decides."""
        channel = self.scenario.channel[move.channel]
        members = [self.scenario.principal(member) for member in channel.sides[side]]
        how = channel.aggregation[side]
        groups = {"lead": [members[:1]], "mean": [members], "veto": [[member] for member in members]}[how]
        voters = []
        for group in groups:
            seat = seats.setdefault(tuple(group), len(seats))
            voters.append((self._node(move, side, group[0] if how != "mean" else f"mean {side}"), seat))
        return voters

    def _node(self, move: Event, side: int, voter: str) -> int:
        """Find or make the node of a package for a voter, through the package without its last item."""
        parent = 0
        for position, item in enumerate(move.items):
            key = (move.channel, voter, move.items[: position + 1])
            if key not in self.node:
                row = (
                    self.mean_row[move.channel, side, item]
                    if voter.startswith("mean ")
                    else self.utility_row.get((move.channel, item, voter), self.zero_row)
                )
                self.node[key] = len(self.node)
                self.node_list.append((self.node[key], parent, row, position))
            parent = self.node[key]
        return parent

    def _levels(self) -> tuple[dict[int, int], tuple[tuple[slice, Ints, Ints], ...]]:
        """Renumber the nodes by level, so that each level is one slice computed from the one before."""
        renumbered = {0: 0}
        levels = []
        for level in range(max((entry[3] for entry in self.node_list), default=-1) + 1):
            entries = [entry for entry in self.node_list if entry[3] == level]
            first = len(renumbered)
            for node, _, _, _ in entries:
                renumbered[node] = len(renumbered)
            parents = np.array([renumbered[entry[1]] for entry in entries])
            levels.append((slice(first, len(renumbered)), parents, np.array([entry[2] for entry in entries])))
        return renumbered, tuple(levels)

    # -- relations --

    def _relations(self) -> None:
        self._engagements()
        case = self.scenario
        shares = [
            (name, state) for state in self.states for name, given in case.concession.items() if state in given.worth
        ]
        groups = [[row for row, (_, holder) in enumerate(shares) if holder == state] for state in self.states]
        paths = [f"concession.{name}.worth.{state}" for name, state in shares]
        owner = np.array([self.states.index(state) for _, state in shares], dtype=np.int64)
        self._slot_of([tuple(paths)], _Shares(tuple(owner.tolist()), len(self.states)), "share")
        live = {name: row for row, name in enumerate(self.concessions, start=len(self.channels))}
        restraints = [[live[item] for item in act.breaks] for act in case.coercion.values()]
        pressures: list[list[int]] = []
        for name, channel in case.channel.items():
            for side in channel.sides:
                members = {case.principal(member) for member in side}
                pressures.append(
                    [
                        row
                        for row, demand in enumerate(case.demand.values())
                        if demand.channel == name
                        and {case.principal(demand.owner), case.principal(demand.target)} & members
                    ]
                )
        pains = [self._pain_rows(channel) for channel in case.channel.values()]
        self._slot([f"demand.{name}.weight" for name in case.demand], name="demand_weight")
        self._slot(["term.ripeness.patience_years"], _days, "patience")
        self.fields |= {
            "share_concession": np.array([self.concessions.index(name) for name, _ in shares], dtype=np.int64),
            "shares": _sums(groups, len(shares)),
            "restraints": _sums(restraints, len(self.channels) + len(self.concessions)),
            "pressures": _sums(pressures, len(case.demand)),
            "pains": _sums(pains, len(self.needs)),
            "pain_sizes": np.array([float(max(len(rows), 1)) for rows in pains])[:, None],
        }

    def _pain_rows(self, channel: Any) -> list[int]:
        wanted = [
            (self.scenario.concession[item].good, state)
            for item in channel.agenda
            for state in self.scenario.concession[item].worth
        ]
        return [self.needs.index(place) for place in dict.fromkeys(wanted) if place in self.needs]

    def _engagements(self) -> None:
        """Find what engages two states, and one state with any."""
        case = self.scenario
        zero = len(self.channels) + len(self.concessions)
        sits = [[{case.principal(m) for m in side} for side in channel.sides] for channel in case.channel.values()]
        alone = [[row for row, (one, two) in enumerate(sits) if state in one or state in two] for state in self.states]
        wanted: dict[tuple[str, str], int] = {}
        groups: list[list[int]] = []
        engaged_of: list[int] = []
        weights: list[tuple[str, str]] = []
        for (state, toward), _ in self.ally_rows.items():
            rows = []
            for position, alignment in enumerate(case.alignment):
                if alignment.actor == state and alignment.ally != toward:
                    engaged_of.append(wanted.setdefault((alignment.ally, toward), len(wanted)))
                    rows.append(len(weights))
                    weights.append((f"alignment.{position}.weight", state))
            groups.append(rows)
        engaged = []
        for ally, toward in wanted:
            rows = [
                row for row, (a, b) in enumerate(sits) if (ally in a and toward in b) or (toward in a and ally in b)
            ]
            for row, (name, given) in enumerate(case.concession.items(), start=len(self.channels)):
                if {case.principal(given.giver), case.recipient(name)} == {ally, toward}:
                    rows.append(row)
            engaged.append(rows)
        columns = [tuple(path for path, _ in weights), tuple(f"actor.{state}.alignment" for _, state in weights)]
        parts = []
        for term, formula in self._places("ally_scale"):
            found = self._constant(term, formula, [_Row()] * len(weights))
            columns += found
            parts.append((formula, len(found)))
        self._slot_of(columns, _Weighted(tuple(parts)), "ally_weight")
        self.fields |= {
            "engaged": _sums(engaged, zero),
            "engaged_states": _sums(alone, zero),
            "ally_engaged": np.array(engaged_of, dtype=np.int64),
            "allies": _sums(groups, len(weights)),
        }

    def _ally(self, actor: str, counterpart: str) -> int:
        return self.ally_rows.setdefault((actor, counterpart), len(self.ally_rows))

    # -- hazards --

    def _hazards(self) -> None:
        dense = [move for move in self.moves if move.kind != "agree"]
        self._possibilities(dense)
        rates = [rate_path(self.scenario, move) for move in dense]
        self._slot(rates, _per_day, "rate")
        signature_of, agree_signature = self._log_rates()
        signatures = len(self.fields["signatures"].members[0])
        first_step = 1 + signatures
        case = self.scenario
        first_approval = first_step + len(self.concessions)
        approvals = [move for move in dense if move.kind == "approve"]
        base, second_rows, second_factors = [], [], []
        seen = {"approve": 0, "reject": 0}
        for row, move in enumerate(dense):
            factor = 1 + signature_of[move] if move in signature_of else 0
            if move.kind in BARGAINED_STEPS:
                step = first_step + self.concessions.index(move.subject)
                if factor:
                    second_rows.append(row)
                    second_factors.append(Source("factor", factor))
                factor = step
            elif move.kind in seen:
                if factor:
                    second_rows.append(row)
                    second_factors.append(Source("factor", factor))
                factor = first_approval + seen[move.kind] + (len(approvals) if move.kind == "reject" else 0)
                seen[move.kind] += 1
            base.append(factor)
        givers = [case.principal(concession.giver) for concession in case.concession.values()]
        alone = [self.utility_row["", name, giver] for name, giver in zip(self.concessions, givers, strict=True)]
        self.fields |= {
            "base": np.array(base, dtype=np.int64),
            "second": Program(_unchanged, tuple(second_factors), second_rows) if second_rows else None,
            "factor_rows": first_approval + 2 * len(approvals),
            "bargained": slice(first_step, first_approval),
            "approve_factors": slice(first_approval, first_approval + 2 * len(approvals)),
            "agree_signature": 1 + np.array([agree_signature[name] for name in self.channels], dtype=np.int64),
            "alone": np.array(alone, dtype=np.int64),
            "alone_state": np.array([self.states.index(giver) for giver in givers], dtype=np.int64),
        }
        self._approvals(approvals)

    def _possibilities(self, dense: Sequence[Event]) -> None:
        """For each dense move: which thing's code decides, and at which codes the move is possible."""
        first_concession = len(self.channels)
        first_demand = first_concession + len(self.concessions)
        certain = first_demand + len(self.scenario.demand)
        entities, allowed = [], []
        demands = list(self.scenario.demand)
        for move in dense:
            if move.kind in ("approve", "reject", "act"):
                entities.append(certain)
                allowed.append(1)
            elif move.kind == "raise":
                entities.append(first_demand + demands.index(move.subject))
                allowed.append(1 << 2)  # dormant, channel live
            elif move.channel:
                entities.append(self.channels.index(move.channel))
                stages = CHANNEL_MOVE_STAGES[move.kind]
                free = sum(1 << stage for stage in stages)
                allowed.append(free if move.kind == "open" else free | free << 4)
            else:
                entities.append(first_concession + self.concessions.index(move.subject))
                allowed.append(_concession_codes(move.kind))
        self.fields |= {
            "entity": np.array(entities, dtype=np.int64),
            "allowed": np.array(allowed, dtype=np.uint32)[:, None],
        }

    def _log_rates(self) -> tuple[dict[Event, int], dict[str, int]]:
        """Make the programs of log rates; moves with the same rows share a signature."""
        rows_of: dict[Event, list[int]] = {}
        programs: list[Program] = []
        first = 0
        for term in self.terms:
            for hook in term.log_rates:
                shared: dict[Any, int] = {}
                rows: list[_Row] = []
                members: list[tuple[Event, int]] = []
                names = inspect.signature(hook.formula).parameters
                for move in self.moves:
                    if move.kind in hook.moves:
                        row = self._about(move)
                        key = tuple(self._argument(term, name, row) for name in names)
                        if key not in shared:
                            shared[key] = first + len(rows)
                            rows.append(row)
                        members.append((move, shared[key]))
                if rows:
                    programs.append(self._program(term, hook.formula, rows, slice(first, first + len(rows))))
                    first += len(rows)
                for move, number in members:
                    rows_of.setdefault(move, []).append(number)
        signatures: dict[tuple[int, ...], int] = {(): 0}
        found = {move: signatures.setdefault(tuple(rows), len(signatures)) for move, rows in rows_of.items()}
        agree = dict.fromkeys(self.channels, 0)
        for move, number in found.items():
            if move.kind == "agree":
                if agree[move.channel] not in (0, number):
                    raise ValueError("a log rate of `agree` must be the same for all packages of a channel")
                agree[move.channel] = number
        self.fields |= {
            "signatures": _sums([list(rows) for rows in signatures], first),
            "log_rates": tuple(programs),
            "log_rate_rows": first,
        }
        return found, agree

    def _about(self, move: Event) -> _Row:
        case = self.scenario
        return _Row(
            actor=case.principal(move.actor),
            counterpart=case.principal(move.counterpart),
            channel=move.channel,
            side=move.side,
            concession=move.subject if move.subject in case.concession and not move.channel else "",
            act=move.subject if move.kind == "act" else "",
        )

    def _approvals(self, approvals: Sequence[Event]) -> None:
        case = self.scenario
        sides = [2 * self.channels.index(move.channel) + move.side for move in approvals]
        rows = [self._about(move) for move in approvals]
        ratifies = any(term.ratifies for term in self.terms)
        longest = self.fields["agenda"].shape[1]
        cells: list[list[tuple[str, str]]] = []
        for position in range(longest):
            for move in approvals:
                agenda = case.channel[move.channel].agenda
                item = agenda[position] if position < len(agenda) else None
                cells.append(
                    [
                        (
                            f"actor.{move.actor}.groups.{group}.weight",
                            f"actor.{move.actor}.groups.{group}.values.{item}",
                        )
                        for group, data in case.actor[move.actor].groups.items()
                        if item in data.values
                    ]
                )
        most = max((len(cell) for cell in cells), default=0)
        padded = [cell + [("=0", "=0")] * (most - len(cell)) for cell in cells]
        columns = [tuple(cell[group][part] for cell in padded) for group in range(most) for part in (0, 1)]
        parts = []
        for term, formula in self._places("values_weight"):
            found = self._constant(term, formula, [_Row()] * len(cells))
            columns += found
            parts.append((formula, len(found)))
        columns.append(("=0",) * len(cells))
        self._slot_of(columns, _Values(most, tuple(parts)), "values", (longest, len(approvals)))
        self._slot([f"actor.{state}.threshold" for state in self.states], name="threshold")
        uncertain = [ratifies and bool(case.actor[move.actor].groups) for move in approvals]
        self.fields |= {
            "approval_programs": tuple(
                self._program(term, formula, rows, None) for term, formula in self._places("approval")
            )
            if approvals
            else (),
            "approve_state": np.array([self.states.index(move.actor) for move in approvals], dtype=np.int64),
            "approve_side": np.array(sides, dtype=np.int64),
            "uncertain": np.array(uncertain, dtype=bool),
        }

    # -- effects --

    def _effects(self) -> None:
        """For each event: rows of memory, what is added, what multiplies."""
        adds = _Amounts(0.0)
        scales = _Amounts(1.0)
        table: list[list[tuple[int, int, int]]] = [[] for _ in self.all_events]
        for number, event in enumerate(self.all_events):
            for term in self.terms:
                for effect in term.effects:
                    if event.kind in effect.events and self._concerns(event, effect.only):
                        amounts = adds if effect.how == "add" else scales
                        for row, magnitude in self._affected(event):
                            paths = self._constant(term, effect.formula, [_Row(magnitude=magnitude)])
                            place = self.memory_slices[effect.memory].start + row
                            entry = amounts.enter(effect.formula, paths, magnitude)
                            table[number].append((place, entry, 0) if effect.how == "add" else (place, 0, entry))
        self.fields["effects"] = _layers(table)
        self.slots["effect_adds"], self.slots["effect_scales"] = adds.slot(), scales.slot()
        starts = self._memory_starts()
        self._slot(starts, name="memory_start")

    def _memory_starts(self) -> list[str]:
        starts = []
        for term in self.terms:
            for memory in term.memories:
                for holder, toward in self.pairs:
                    starts.append(self._regard(holder, toward, memory.start, "=0") if memory.start else "=0")
        starts += [f"good.{good}.need.{state}.stock" for good, state in self.needs]
        return [*starts, "=0"]

    def _concerns(self, event: Event, only: tuple[str, ...] | None) -> bool:
        return only is None or self.scenario.concession[event.subject].kind in only

    def _affected(self, event: Event) -> Iterable[tuple[int, str]]:
        """Rows of pairs (holder, mover) an event affects, with the key path of how much."""
        case = self.scenario
        mover = case.principal(event.actor)
        if event.kind == "act":
            hits = case.coercion[event.subject].hits
            return [(self.pair_row[hit, mover], f"coercion.{event.subject}.hits.{hit}") for hit in hits]
        if event.side >= 0:
            other = case.channel[event.channel].sides[1 - event.side]
            holders = dict.fromkeys(case.principal(member) for member in other)
            return [(self.pair_row[holder, mover], "=1") for holder in holders]
        if event.subject in case.concession and not event.channel:
            worth = case.concession[event.subject].worth
            return [(self.pair_row[state, mover], f"concession.{event.subject}.worth.{state}") for state in worth]
        return []

    # -- drivers --

    def _drivers(self) -> None:
        drivers = []
        for name, driver in self.scenario.driver.items():
            parts = driver.target.split(".")
            target = parts[-1]
            if parts[0] == "actor" and parts[1] not in self.states:
                continue  # what an intermediary would approve or reserve is its principal's business
            row = self.needs.index((parts[1], parts[3])) if parts[0] == "good" else self.states.index(parts[1])
            neutral = "=1" if target in ("shortfall", "supply") else "=0"
            paths = [neutral, *(f"driver.{name}.values.{step}" for step in range(len(driver.values)))]
            slot = self._slot(paths, name=f"driver_{name}")
            dates = np.array([day_number(self.scenario.start, date) for date in driver.dates])
            steps = np.searchsorted(dates, self.ticks, side="right")
            drivers.append(Driver(slot, target, row, steps))
        self.fields["drivers"] = tuple(drivers)


# -- formulas of slots ------------------------------------------------------------------------------------------------

Parts = tuple[tuple[Callable[..., Any], int], ...]


def _split(parts: Parts, columns: Sequence[Floats]) -> Iterable[Any]:
    """Call each formula with its share of the columns."""
    start = 0
    for formula, count in parts:
        yield np.atleast_1d(formula(*columns[start : start + count]))  # a formula may be a constant
        start += count


@dataclass(frozen=True)
class _Contributions:
    parts: Parts
    finish: Callable[..., Any]

    def __call__(self, zero: Floats, *columns: Floats) -> Any:
        total = zero
        for part in _split(self.parts, columns):
            total = total + part
        return self.finish(total)


@dataclass(frozen=True)
class _Product:
    parts: Parts

    def __call__(self, one: Floats, *columns: Floats) -> Any:
        total = one
        for part in _split(self.parts, columns):
            total = total * part
        return total


@dataclass(frozen=True)
class _Decays:
    """Rates of decay per day: memories by their formulas, stocks by their half-lives, nothing for the last row."""

    parts: Parts
    stocks: int

    def __call__(self, *columns: Floats) -> Any:
        memories = len(columns) - self.stocks
        halves = [np.asarray(half) for half in _split(self.parts, columns[:memories])]
        halves += list(columns[memories:])
        width = max((half.shape[-1] for half in halves), default=1)
        rows = [np.broadcast_to(math.log(2) / half, (1, width)) for half in halves]
        return np.concatenate([*rows, np.full((1, width), 1.0)])


@dataclass(frozen=True)
class _Overdue:
    parts: Parts

    def __call__(self, *columns: Floats) -> Any:
        *columns_, worth = columns
        rates = [np.asarray(rate) for rate in _split(self.parts, columns_)]
        width = max([worth.shape[-1], *(rate.shape[-1] for rate in rates)])
        rows = [np.broadcast_to(rate, (1, width)) for rate in rates]
        stacked = np.concatenate(rows) if rows else np.zeros((0, width))
        return stacked / DAYS_PER_YEAR * (worth > 0)


@dataclass(frozen=True)
class _NashWeight:
    parts: Parts

    def __call__(self, first: Floats, second: Floats, *columns: Floats) -> Any:
        odds = np.log(first / second)
        for part in _split(self.parts, columns):
            odds = odds + part
        return 1.0 / (1.0 + np.exp(-np.clip(odds, -50, 50)))


@dataclass(frozen=True)
class _Weighted:
    parts: Parts

    def __call__(self, weight: Floats, own: Floats, *columns: Floats) -> Any:
        scale: Any = 0.0 * weight
        for part in _split(self.parts, columns):
            scale = scale + part
        return scale * own * weight


@dataclass(frozen=True)
class _Values:
    groups: int
    parts: Parts

    def __call__(self, *columns: Floats) -> Any:
        *columns_, total = columns
        for group in range(self.groups):
            total = total + columns_[2 * group] * columns_[2 * group + 1]
        for part in _split(self.parts, columns_[2 * self.groups :]):
            total = total * part
        return total


@dataclass(frozen=True)
class _Shares:
    """Positive worths as shares of each state's whole."""

    owner: tuple[int, ...]
    states: int

    def __call__(self, worth: Floats) -> Any:
        positive = np.maximum(worth, 0.0)
        total = np.zeros((self.states, worth.shape[-1]))
        for row, owner in enumerate(self.owner):
            total[owner] += positive[row]
        whole = total[list(self.owner)]
        return positive / np.where(whole > 0, whole, 1.0)


class _Amounts:
    """Amounts of effects, each distinct one a row; row 0 is neutral, as is an effect of what is worth nothing."""

    def __init__(self, neutral: float) -> None:
        self.neutral = neutral
        self.entries: dict[Any, int] = {}

    def enter(self, formula: Callable[..., Any], paths: Sequence[tuple[str, ...]], magnitude: str) -> int:
        key = (formula, tuple(path for (path,) in paths), magnitude)
        return self.entries.setdefault(key, 1 + len(self.entries))

    def slot(self) -> Slot:
        columns = [(path,) for _, paths, magnitude in self.entries for path in (*paths, magnitude)]
        parts = tuple((formula, len(paths)) for formula, paths, _ in self.entries)
        return Slot((*columns, ("=0",)), _AmountRows(self.neutral, parts))


@dataclass(frozen=True)
class _AmountRows:
    neutral: float
    parts: Parts

    def __call__(self, *columns: Floats) -> Any:
        width = max(column.shape[-1] for column in columns)
        rows = [np.full((1, width), self.neutral)]
        start = 0
        for formula, count in self.parts:
            amount = np.asarray(formula(*columns[start : start + count]))
            magnitude = columns[start + count]
            rows.append(np.broadcast_to(np.where(magnitude > 0, amount, self.neutral), (1, width)))
            start += count + 1
        return np.concatenate(rows)


def _unchanged(value: Floats) -> Floats:
    return value


def _per_day(rate: Floats) -> Floats:
    return rate / DAYS_PER_YEAR


def _days(years: Floats) -> Floats:
    return years * DAYS_PER_YEAR


def _doubt(vouching: Floats) -> Floats:
    return np.maximum(0.0, 1.0 - vouching)


# -- small tables -----------------------------------------------------------------------------------------------------

EVENT_COLUMNS = (
    "event_channel",
    "event_side",
    "event_concession",
    "event_demand",
    "event_act",
    "new_channel",
    "new_stage",
    "new_begun",
    "new_frozen",
)
EVENT_FLAGS = ("completes", "ends", "drops", "approves", "rejects")
NEW_CHANNEL = {
    kind: CHANNEL_STAGES.index(stage)
    for kind, stage in {
        "plan": "planned",
        "open": "open",
        "meet": "in_session",
        "adjourn": "open",
        "close": "closed",
        "cancel": "closed",
        "walk_out": "closed",
    }.items()
}
NEW_STAGE = {
    kind: CONCESSION_STAGES.index(stage)
    for kind, stage in {
        "pledge": "promised",
        "begin": "in_force",
        "suspend": "suspended",
        "stall": "suspended",
        "resume": "in_force",
    }.items()
}


def _concession_codes(kind: str) -> int:
    """Codes (stage + 8 frozen + 16 ready) at which a move of a concession is possible, as bits."""
    bits = 0
    for stage in CONCESSION_MOVE_STAGES[kind]:
        for frozen in (0, 1):
            if (frozen and kind in NEEDS_UNFROZEN) or (not frozen and kind in NEEDS_FROZEN):
                continue
            for ready in (0, 1):
                if ready or kind != "begin":
                    bits |= 1 << (stage + 8 * frozen + 16 * ready)
    return bits


def _sums(groups: Sequence[Sequence[int]], zero: int) -> Sums:
    """Make a table of sums, padded with the row of zeros."""
    longest = max((len(group) for group in groups), default=0) or 1
    members = np.full((longest, len(groups)), zero, dtype=np.int64)
    for column, group in enumerate(groups):
        members[: len(group), column] = group
    return Sums(members)


def _layers(table: Sequence[Sequence[tuple[int, int, int]]]) -> tuple[tuple[Ints, Ints, Ints], ...]:
    """Lay out the effects of every event so that within a layer no event changes a row twice."""
    layers: list[list[list[tuple[int, int, int]]]] = []
    for event, entries in enumerate(table):
        seen: dict[int, int] = {}
        for entry in entries:
            depth = seen[entry[0]] = seen.get(entry[0], -1) + 1
            while depth >= len(layers):
                layers.append([[] for _ in table])
            layers[depth][event].append(entry)
    laid = []
    for layer in layers:
        count = np.array([len(entries) for entries in layer], dtype=np.int64)
        flat = np.array([entry for entries in layer for entry in entries], dtype=np.int64).reshape(-1, 3).T
        laid.append((np.cumsum(count) - count, count, np.ascontiguousarray(flat)))
    return tuple(laid)


def _rows(numbers: Sequence[int]) -> slice | Ints:
    """Row numbers, as a slice where they follow one another."""
    if list(numbers) == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False:
        return slice(numbers[0], numbers[0] + len(numbers))
    return np.array(numbers, dtype=np.int64)


def _seat_rows(voters: Sequence[Sequence[tuple[int, int]]], renumbered: Mapping[int, int]) -> tuple[Ints, Ints]:
    """Rows (voters, packages) of nodes and seats, short lists padded by repeating."""
    most = max((len(entries) for entries in voters), default=1)
    filled = [[*entries, *[entries[-1]] * (most - len(entries))] for entries in voters]
    nodes = [[renumbered[entries[voter][0]] for entries in filled] for voter in range(most)]
    seats = [[entries[voter][1] for entries in filled] for voter in range(most)]
    return np.array(nodes, dtype=np.int64).reshape(most, -1), np.array(seats, dtype=np.int64).reshape(most, -1)


# -- the start --------------------------------------------------------------------------------------------------------


def _start_state(compiled: Compiled, parameters: Parameters, width: int, shared: bool) -> State:
    """Make the state at the start of the scenario."""
    case, world = compiled.scenario, compiled.world
    discrete = 1 if shared else width
    initial = case.initial

    def spread(values: Sequence[Any], dtype: Any) -> Array:
        return np.repeat(np.array(values, dtype=dtype).reshape(len(values), 1), discrete, axis=1)

    stages = [CONCESSION_STAGES.index(initial.concessions.get(name, "none")) for name in case.concession]
    memory = np.empty((parameters["memory_start"].shape[0], width))
    memory[:] = parameters["memory_start"]
    return State(
        time=np.zeros(discrete),
        tick=np.zeros(discrete, dtype=np.int64),
        channel=spread([CHANNEL_STAGES.index(initial.channels.get(name, "closed")) for name in case.channel], np.int8),
        table=spread([0] * world.channels, np.int64),
        consent=spread([False] * (2 * world.channels), bool),
        awaiting=spread([0] * (2 * world.channels), np.int64),
        last_deal=spread([0.0] * world.channels, float),
        stage=spread(stages, np.int8),
        frozen=spread([name in initial.frozen for name in case.concession], bool),
        begun=spread([stage in (IN_FORCE, SUSPENDED) for stage in stages], bool),
        changed=spread([0.0] * world.concessions, float),
        completions=spread([0] * world.concessions, np.int64),
        demand=spread([DEMAND_STAGES.index(initial.demands.get(name, "dormant")) for name in case.demand], np.int8),
        shipped=spread([0.0] * len(world.flow_concession), float),
        memory=memory,
    )
