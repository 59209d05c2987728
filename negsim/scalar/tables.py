"""Where does each fact of the compiled world stand in one row of whole numbers (T), and a run's own in another (S)?

A table of rows is flat, row after row. A list of lists is two tables: where each list begins (one entry more than there
are lists) and what the lists hold, one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from negsim.kernel.stages import PROMISED_BITS, STANDING_BITS
from negsim.layout.formulas import unchanged
from negsim.scalar.numbers import Numbering, Values, count_rows, number_values
from negsim.state import Array, Floats, Ints, Parameters, Program, State, Sums, World
from negsim.terms import SHELF


class Tables(NamedTuple):
    """Sizes of the world, and the first index in T of every table."""

    # -- sizes
    channels: int
    concessions: int
    demands: int
    dense: int
    moves: int
    ticks: int
    agenda_length: int
    flows: int
    gates: int
    whiles: int
    acts: int
    needs: int
    pairs: int
    memories: int
    decays: int
    drivers: int
    overdues: int
    seats: int
    voters: int
    packages: int
    benefits: int
    givers: int
    means: int
    exponents: int
    log_rates: int
    signatures: int
    approvals: int
    first_step: int
    """Row of the first bargained step among the factors; those of approvals follow those of all concessions."""
    arguments: int
    """Most arguments that a formula has."""
    engaged_pairs: int
    states: int
    allies: int
    groups: int
    """Groups of events in a summary."""
    pains_wanted: int
    """Whether a formula outside the log rates asks for pain."""
    surplus_wanted: int
    # -- how many formulas speak to a place
    trust_count: int
    benefit_count: int
    exponent_count: int
    giver_count: int
    log_rate_count: int
    approval_count: int
    # -- calendar
    tick_month: int
    gate_changes: int
    # -- events
    event: int
    """Rows of EVENT_COLUMNS."""
    effect_first: int
    effect_row: int
    effect_add: int
    effect_scale: int
    group: int
    # -- channels and concessions
    agenda: int
    agenda_side: int
    consent_rule: int
    demand_channel: int
    gate_channel: int
    gate_wanted: int
    gate_all: int
    gate_hard: int
    gate_first: int
    gate_item: int
    gate_active: int
    while_row: int
    while_channel: int
    held_by: int
    answers: int
    breaks: int
    flow_concession: int
    flow_stock: int
    flow_of: int
    # -- moves
    entity: int
    allowed: int
    base: int
    second: int
    signature_first: int
    signature_row: int
    # -- packages
    package_channel: int
    package_members: int
    channel_first: int
    agree_signature: int
    voter_seat: int
    seat_first: int
    seat_state: int
    voter_first: int
    voter_item: int
    """Utility rows that a voter adds up, by voter, side and package."""
    item_first: int
    item_row: int
    """Utility rows that count for an item, by channel and position on its agenda."""
    # -- utilities
    benefit_pair: int
    benefit_chi: int
    benefit_need: int
    giver_exponent: int
    giver_concession: int
    care_need: int
    return_first: int
    return_entry: int
    return_item: int
    return_pair: int
    mean_first: int
    mean_row: int
    alone: int
    alone_state: int
    # -- relations
    engaged_first: int
    engaged_item: int
    seated_first: int
    seated_item: int
    ally_first: int
    ally_entry: int
    ally_engaged: int
    share_first: int
    share_entry: int
    share_concession: int
    restraint_first: int
    restraint_item: int
    pressure_first: int
    pressure_item: int
    pain_first: int
    pain_item: int
    pain_size: int
    # -- approvals
    approve_state: int
    approve_side: int
    uncertain: int
    # -- memory
    decay_of: int
    overdue_first: int
    overdue_entry: int
    overdue_memory: int
    overdue_concession: int
    driver_row: int
    driver_target: int
    driver_multiplies: int
    driver_slot: int
    driver_step: int
    # -- formulas: for each place, rows of PROGRAM_COLUMNS
    trust: int
    benefit: int
    exponent: int
    giver: int
    log_rate: int
    approval: int
    argument: int
    """Rows of indices in V, as many in a row as any formula has arguments."""
    rate_pain: int
    """Channel whose pain a log rate asks for, or -1."""
    rate_surplus: int


class Stand(NamedTuple):
    """First index in S of everything that a run keeps as whole numbers."""

    # -- the state
    tick: int
    channel: int
    table: int
    consent: int
    awaiting: int
    stage: int
    frozen: int
    begun: int
    completions: int
    demand: int
    # -- what is read off the state
    ready: int
    overdue: int
    code: int
    """What decides which moves are possible: codes of channels, concessions, demands, and of what always is."""
    blocked: int
    waiting: int
    # -- lists of what is to be computed; their lengths stand in `lengths`
    promised: int
    moves: int
    steps: int
    signatures: int
    log_rates: int
    rate_first: int
    """Where the listed rows of each formula of log rates begin."""
    pains: int
    exponents: int
    concessions: int
    benefits: int
    givers: int
    means: int
    packages: int
    package_first: int
    """Where each channel's packages begin among those listed."""
    package_count: int
    """How many packages of each channel are enabled."""
    agreeing: int
    """Whether a channel may agree."""
    lengths: int
    # -- marks of what is listed: the stamp of the last listing
    stamp: int
    signature_mark: int
    rate_mark: int
    pain_mark: int
    surplus_mark: int
    exponent_mark: int
    concession_mark: int
    utility_mark: int
    # -- what is counted
    rings: int
    counts: int
    first_days: int
    made: int
    size: int


EVENT_COLUMNS = (
    "event_channel", "event_side", "event_concession", "event_demand", "event_act", "new_channel", "new_stage",
    "new_begun", "new_frozen", "completes", "ends", "drops", "approves", "rejects", "package_bits",
)  # fmt: skip
PROGRAM_COLUMNS = 4
"""Number of the formula, its first row of arguments, the first row it speaks of, the row after the last."""

PROMISED_ONES, MOVES, STEPS, SIGNATURES, PAINS, EXPONENTS, CONCESSIONS, BENEFITS, GIVERS, MEANS = range(10)
LENGTHS = 10
"""Which length is whose."""

STATE_SLOTS = ("cost_exponent", "giver_utility", "benefit_factor", "approval")
"""Slots of terms whose formulas may depend on the state, so that they are called while a run goes on."""

Formula = Callable[..., Any]


@dataclass(frozen=True)
class Layout:
    """A world laid out flat.

    Attributes
    ----------
    numbering : Numbering
        Where floating-point numbers stand.
    tables, stand : Tables, Stand
        Where whole numbers stand.
    fixed : array of int
        T: the tables.
    ticks : array
        Times of the ticks, the end last.
    formulas : tuple of callable
        The terms' formulas, by the numbers that the tables give them.
    """

    numbering: Numbering
    tables: Tables
    stand: Stand
    fixed: Ints
    ticks: Floats
    formulas: tuple[Formula, ...]

    @property
    def values(self) -> Values:
        """Where floating-point numbers stand."""
        return self.numbering.values

    @cached_property
    def records(self) -> tuple[Any, ...]:
        """Tables, stand and values as records, which compiled functions hand on as pointers."""
        return tuple(as_record(named) for named in (self.tables, self.stand, self.values))


def as_record(named: Any) -> Any:
    """Turn a named tuple of whole numbers into a record of the same names."""
    return np.array([tuple(named)], dtype=[(name, np.int64) for name in named._fields])[0]


def lay_out(world: World, parameters: Parameters, groups: Ints) -> Layout:
    """Lay a world out flat.

    Parameters
    ----------
    world : World
    parameters : Parameters
        Any parameters of this world: their slots are counted.
    groups : array of int, shape (events,)
        Which group of a summary each event belongs to.
    """
    sizes = _sizes(world, parameters, groups)
    rows = max(world.exponent_rows, world.log_rate_rows, world.utility_rows, world.concessions, 1)
    numbering = number_values(world, parameters, {
        "credibility": sizes["pairs"], "exposure": 2 * world.moves, "first": rows, "second": rows,
    })  # fmt: skip
    tables = {
        **_lay_events(world, numbering, groups),
        **_lay_channels(world),
        **_lay_concessions(world),
        **_lay_packages(world),
        **_lay_utilities(world),
        **_lay_relations(world),
        **_lay_memory(world, numbering),
    }
    formulas = list_formulas(world)
    programs, counts = _lay_programs(world, parameters, numbering, sizes, formulas)
    first, fixed, end = {}, [], 0
    for name, table in {**tables, **programs}.items():
        flat = np.asarray(table, dtype=np.int64).ravel()
        first[name] = end
        fixed.append(flat)
        end += len(flat)
    return Layout(
        numbering,
        Tables(**sizes, **counts, **first),
        _lay_stand(sizes),
        np.concatenate(fixed),
        world.tick_times,
        formulas,
    )


def _sizes(world: World, parameters: Parameters, groups: Ints) -> dict[str, int]:
    asked = [source for program in _other_programs(world) for source in program.sources if source.rows is not None]
    return {
        "channels": world.channels,
        "concessions": world.concessions,
        "demands": world.demands,
        "dense": world.dense,
        "moves": world.moves,
        "ticks": len(world.tick_times) - 1,
        "agenda_length": world.agenda.shape[1],
        "flows": len(world.flow_concession),
        "gates": len(world.gates),
        "whiles": len(world.while_rows),
        "acts": len(world.breaks),
        "needs": world.stocks.stop - world.stocks.start,
        "pairs": len(parameters["trust_prior"]),
        "memories": len(world.decay_of),
        "decays": len(parameters["decay"]),
        "drivers": len(world.drivers),
        "overdues": len(world.overdue_memory),
        "seats": world.reservation_means.members.shape[1],
        "voters": len(world.seats[0]),
        "packages": len(world.package_channel),
        "benefits": len(world.benefit_chi),
        "givers": len(world.giver_exponent),
        "means": len(world.mean_sizes),
        "exponents": world.exponent_rows,
        "log_rates": world.log_rate_rows,
        "signatures": world.signatures.members.shape[1],
        "approvals": len(world.approve_side),
        "first_step": world.bargained.start,
        "arguments": max((len(program.sources) for program in _all_programs(world)), default=1) or 1,
        "engaged_pairs": world.engaged.members.shape[1],
        "states": world.engaged_states.members.shape[1],
        "allies": world.allies.members.shape[1],
        "groups": int(groups.max(initial=-1)) + 1,
        "pains_wanted": int(any(source.name == "pain" for source in asked)),
        "surplus_wanted": int("surplus" in world.wants),
    }


def _other_programs(world: World) -> tuple[Program, ...]:
    """Programs besides those of log rates."""
    places = (world.benefit_programs, world.exponents, world.giver_programs, world.approval_programs)
    return (world.trust, *(program for programs in places for program in programs))


def _all_programs(world: World) -> tuple[Program, ...]:
    return (*_other_programs(world), *world.log_rates)


# -- lists of lists ---------------------------------------------------------------------------------------------------


def _list(name: str, what: str, lists: Iterable[Sequence[int]]) -> dict[str, Any]:
    """Two tables of a list of lists."""
    kept = [list(entries) for entries in lists]
    return {
        f"{name}_first": np.cumsum([0, *map(len, kept)]),
        f"{name}_{what}": [entry for entries in kept for entry in entries],
    }


def _members(sums: Sums, zero: int) -> list[list[int]]:
    """The members of each sum, without the row of zeros that fills short ones up."""
    return [[int(row) for row in column if row != zero] for column in sums.members.T]


# -- tables -----------------------------------------------------------------------------------------------------------


def _lay_events(world: World, numbering: Numbering, groups: Ints) -> dict[str, Any]:
    events = len(world.event_channel)
    effects: list[list[tuple[int, int, int]]] = [[] for _ in range(events)]
    for first, count, entries in world.effects:
        for event in range(events):
            effects[event] += map(tuple, entries[:, first[event] : first[event] + count[event]].T.tolist())
    flat = [entry for entries in effects for entry in entries]
    row, add, scale = (np.array(column, dtype=np.int64) for column in zip(*flat, strict=True)) if flat else ([],) * 3
    return {
        "tick_month": world.tick_month,
        "event": np.stack([getattr(world, name).astype(np.int64) for name in EVENT_COLUMNS], axis=1),
        "effect_first": np.cumsum([0, *map(len, effects)]),
        "effect_row": numbering.values.memory + np.asarray(row, dtype=np.int64),
        "effect_add": numbering.slots["effect_adds"] + np.asarray(add, dtype=np.int64),
        "effect_scale": numbering.slots["effect_scales"] + np.asarray(scale, dtype=np.int64),
        "group": groups,
    }


def _lay_channels(world: World) -> dict[str, Any]:
    active = np.array([gate.active for gate in world.gates]).reshape(len(world.gates), len(world.tick_times) - 1)
    changes = np.concatenate(([True], (np.diff(active.astype(np.int8), axis=1) != 0).any(axis=0)))
    return {
        "gate_changes": changes,
        "agenda": world.agenda,
        "agenda_side": world.agenda_side,
        "consent_rule": world.consent_rule,
        "demand_channel": world.demand_channel,
        "gate_channel": [gate.channel for gate in world.gates],
        "gate_wanted": [PROMISED_BITS if gate.promised else STANDING_BITS for gate in world.gates],
        "gate_all": [gate.all_of for gate in world.gates],
        "gate_hard": [gate.hard for gate in world.gates],
        **_list("gate", "item", [gate.items.tolist() for gate in world.gates]),
        "gate_active": active,
        "while_row": world.while_rows,
        "while_channel": world.while_channel,
    }


def _lay_concessions(world: World) -> dict[str, Any]:
    held, flow_of = np.full((2, world.concessions), -1)
    held[world.while_rows] = world.while_channel
    flow_of[world.flow_concession] = np.arange(len(world.flow_concession))
    return {
        "held_by": held,
        "answers": world.answers,
        "breaks": world.breaks,
        "flow_concession": world.flow_concession,
        "flow_stock": world.flow_stock,
        "flow_of": flow_of,
    }


def _lay_packages(world: World) -> dict[str, Any]:
    second = np.zeros(world.dense, dtype=np.int64)
    if world.second is not None:
        second[world.second.rows] = [source.rows for source in world.second.sources]
    return {
        "entity": world.entity,
        "allowed": world.allowed,
        "base": world.base,
        "second": second,
        **_list("signature", "row", _members(world.signatures, world.log_rate_rows)),
        "package_channel": world.package_channel,
        "package_members": world.package_members,
        "channel_first": [0, *(part.stop for part in world.channel_packages)],
        "agree_signature": world.agree_signature,
        "voter_seat": world.seats[1],
        **_list("seat", "state", _seat_states(world)),
        **_list("voter", "item", _voter_items(world)),
        **_list("item", "row", _item_rows(world)),
    }


def _voter_items(world: World) -> list[list[int]]:
    """Utility rows of the items of a package, by voter, side and package."""
    items: list[list[int]] = [[] for _ in range(world.nodes)]
    for level, parents, last in world.levels:
        for node, parent, item in zip(range(level.start, level.stop), parents, last, strict=True):
            items[node] = [*items[parent], int(item)]
    return [items[node] for node in world.seats[0].ravel()]


def _item_rows(world: World) -> list[list[int]]:
    """Utility rows that any voter adds up for an item, by channel and position on its agenda."""
    length, packages = world.agenda.shape[1], len(world.package_channel)
    rows: list[dict[int, None]] = [{} for _ in range(world.channels * length)]
    members = world.package_members.ravel()
    for number, items in enumerate(_voter_items(world)):
        package = number % packages
        positions = [position for position in range(length) if members[package] >> position & 1]
        for position, row in zip(positions, items, strict=True):
            rows[world.package_channel[package] * length + position][row] = None
    return [list(found) for found in rows]


def _seat_states(world: World) -> list[list[int]]:
    sizes = world.reservation_sizes[:, 0].astype(int)
    return [world.reservation_means.members[:size, seat].tolist() for seat, size in enumerate(sizes)]


def _lay_utilities(world: World) -> dict[str, Any]:
    returns: list[list[int]] = [[] for _ in range(world.concessions)]
    for concession, entries in zip(
        world.return_concession, _members(world.returns, len(world.return_item)), strict=False
    ):
        returns[concession] = entries
    return {
        "benefit_pair": world.chi_pair[world.benefit_chi],
        "benefit_chi": world.benefit_chi,
        "benefit_need": world.benefit_need,
        "giver_exponent": world.giver_exponent,
        "giver_concession": world.giver_concession,
        "care_need": world.care_need,
        **_list("return", "entry", returns),
        "return_item": world.return_item,
        "return_pair": world.return_pair,
        **_list("mean", "row", _mean_rows(world)),
        "alone": world.alone,
        "alone_state": world.alone_state,
    }


def _mean_rows(world: World) -> list[list[int]]:
    """Utility rows of each mean: as many as it has members, also those that an item does not concern."""
    sizes = world.mean_sizes.ravel().astype(int)
    return [world.means.members[:size, mean].tolist() for mean, size in enumerate(sizes)]


def _lay_relations(world: World) -> dict[str, Any]:
    live = world.channels + world.concessions
    needs = world.stocks.stop - world.stocks.start
    return {
        **_list("engaged", "item", _members(world.engaged, live)),
        **_list("seated", "item", _members(world.engaged_states, live)),
        **_list("ally", "entry", _members(world.allies, len(world.ally_engaged))),
        "ally_engaged": world.ally_engaged,
        **_list("share", "entry", _members(world.shares, len(world.share_concession))),
        "share_concession": world.share_concession,
        **_list("restraint", "item", _members(world.restraints, live)),
        **_list("pressure", "item", _members(world.pressures, world.demands)),
        **_list("pain", "item", _members(world.pains, needs)),
        "pain_size": world.pain_sizes,
        "approve_state": world.approve_state,
        "approve_side": world.approve_side,
        "uncertain": world.uncertain,
    }


def _lay_memory(world: World, numbering: Numbering) -> dict[str, Any]:
    multiplied = ("shortfall", "supply")
    return {
        "decay_of": world.decay_of,
        **_list("overdue", "entry", _members(world.overdue_sums, len(world.overdue_concession))),
        "overdue_memory": world.overdue_memory,
        "overdue_concession": world.overdue_concession,
        "driver_row": [driver.row for driver in world.drivers],
        "driver_target": [getattr(numbering.values, f"now_{driver.target}") for driver in world.drivers],
        "driver_multiplies": [driver.target in multiplied for driver in world.drivers],
        "driver_slot": [numbering.slots[driver.slot] for driver in world.drivers],
        "driver_step": [driver.step for driver in world.drivers],
    }


# -- formulas ---------------------------------------------------------------------------------------------------------


def list_formulas(world: World) -> tuple[Formula, ...]:
    """List the formulas a world may call: those shipped, whether used or not, then those of a user's own terms.

    So one compilation serves all scenarios whose terms are shipped.
    """
    return tuple(dict.fromkeys((*SHIPPED, *(program.formula for program in _all_programs(world)))))


def _list_shipped() -> Iterator[Formula]:
    yield unchanged
    for term in SHELF.values():
        yield from (hook.formula for hook in term.log_rates)
        yield from (slot.formula for slot in term.slots if slot.place in STATE_SLOTS)
        yield from [term.trust.formula] if term.trust else []


SHIPPED = tuple(dict.fromkeys(_list_shipped()))
"""Formulas of the shelf that may depend on the state, in its order."""


def _lay_programs(
    world: World, parameters: Parameters, numbering: Numbering, sizes: Mapping[str, int], formulas: Sequence[Formula]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Lay out where each formula finds its arguments; how many formulas speak to each place."""
    places = {
        "trust": ((world.trust,), sizes["pairs"]),
        "benefit": (world.benefit_programs, sizes["benefits"]),
        "exponent": (world.exponents, sizes["exponents"]),
        "giver": (world.giver_programs, sizes["concessions"]),
        "log_rate": (world.log_rates, 0),
        "approval": (world.approval_programs, sizes["approvals"]),
    }
    arguments: list[Array] = []
    tables: dict[str, Any] = {}
    counts: dict[str, int] = {}
    end = 0
    for place, (programs, rows) in places.items():
        tables[place] = []
        for program in programs:
            first, last = (program.rows.start, program.rows.stop) if place == "log_rate" else (0, rows)
            count = last - first
            assert count_rows(program.sources, parameters, count) == count, "a program has a row for each of its place"
            table = np.full((count, sizes["arguments"]), 0, dtype=np.int64)
            for position, source in enumerate(program.sources):
                table[:, position] = numbering.find(source, count)
            tables[place] += [formulas.index(program.formula), end, first, last]
            arguments.append(table)
            end += count
        counts[f"{place}_count"] = len(programs)
    tables["argument"] = np.concatenate(arguments) if arguments else []
    tables |= {f"rate_{name}": _asked_of(world, name, sizes["log_rates"]) for name in ("pain", "surplus")}
    return tables, counts


def _asked_of(world: World, quantity: str, rows: int) -> Ints:
    """Channel whose quantity each log rate asks for, or -1."""
    asked = np.full(rows, -1)
    for program in world.log_rates:
        for source in program.sources:
            if source.name == quantity and source.rows is not None:
                asked[program.rows] = np.arange(2**20)[source.rows] if isinstance(source.rows, slice) else source.rows
    return asked


def _lay_stand(sizes: Mapping[str, int]) -> Stand:
    channels, concessions, moves = sizes["channels"], sizes["concessions"], sizes["moves"]
    counts = {
        "tick": 1, "channel": channels, "table": channels, "consent": 2 * channels, "awaiting": 2 * channels,
        "stage": concessions, "frozen": concessions, "begun": concessions, "completions": concessions,
        "demand": sizes["demands"], "ready": concessions, "overdue": concessions,
        "code": channels + concessions + sizes["demands"] + 1, "blocked": channels, "waiting": sizes["approvals"],
        "promised": concessions, "moves": moves, "steps": concessions, "signatures": sizes["signatures"],
        "log_rates": sizes["log_rates"], "rate_first": sizes["log_rates"] + 1, "pains": channels,
        "exponents": sizes["exponents"], "concessions": concessions, "benefits": sizes["benefits"],
        "givers": sizes["givers"], "packages": sizes["packages"], "package_first": channels + 1,
        "package_count": channels, "agreeing": channels, "lengths": LENGTHS, "stamp": 1,
        "signature_mark": sizes["signatures"], "rate_mark": sizes["log_rates"], "pain_mark": channels,
        "surplus_mark": channels, "exponent_mark": sizes["exponents"], "concession_mark": concessions,
        "utility_mark": sizes["benefits"] + sizes["givers"] + sizes["means"] + 1,
        "means": sizes["means"], "rings": moves, "counts": sizes["groups"], "first_days": sizes["groups"], "made": 1,
    }  # fmt: skip
    first, end = {}, 0
    for name, count in counts.items():
        first[name] = end
        end += count
    return Stand(**first, size=end)


def start_stand(layout: Layout, state: State) -> Ints:
    """S at the start of a run: the discrete state of a state of width 1."""
    whole = np.zeros(layout.stand.size, dtype=np.int64)
    for name, array in state.arrays().items():
        if hasattr(layout.stand, name):
            flat = np.asarray(array).reshape(-1)
            place = getattr(layout.stand, name)
            whole[place : place + len(flat)] = flat
    return whole
