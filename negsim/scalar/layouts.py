"""How is a world laid out flat? Its tables, what is wanted at which codes, and where a run's numbers stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from negsim.kernel.stages import PROMISED_BITS, STANDING_BITS
from negsim.scalar.formulas import Formula, lay_programs, list_formulas, list_other_programs, list_programs
from negsim.scalar.numbers import Numbering, Values, number_values
from negsim.scalar.tables import EVENT_COLUMNS, KINDS, LENGTHS, Stand, Tables, as_record, size_of
from negsim.scalar.wants import Wants, list_mean_rows, list_members, list_voter_items
from negsim.state import Array, Floats, Ints, Parameters, State, World

LONGEST_AGENDA = 31
"""Items whose bits fit into the whole numbers of the tables."""


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
    wants : Wants
        What has to be computed for what.
    """

    numbering: Numbering
    tables: Tables
    stand: Stand
    fixed: Ints
    ticks: Floats
    formulas: tuple[Formula, ...]
    wants: Wants
    _wanted: dict[bytes, Ints] = field(default_factory=dict, repr=False, compare=False)

    def lay_wants(self, watched: Array | None = None) -> Ints:
        """W: rows of bits that say what is wanted at which code; of some moves only, if they are named."""
        if watched is None:
            watched = np.ones(self.tables.moves, dtype=bool)
        key = watched.astype(bool).tobytes()
        if key not in self._wanted:
            wants = self.wants
            self._wanted[key] = np.concatenate((wants.lay_rows(), wants.lay_masks(), wants.lay_allowed(watched)))
        return self._wanted[key]

    @property
    def values(self) -> Values:
        """Where floating-point numbers stand."""
        return self.numbering.values

    @cached_property
    def records(self) -> tuple[Any, ...]:
        """Tables, stand and values as records, which compiled functions hand on as pointers."""
        return tuple(as_record(named) for named in (self.tables, self.stand, self.values))


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
    wants = Wants(world, sizes, list_other_programs(world))
    sizes["words"] = wants.words
    sizes["most_items"] = max((len(items) for items in list_voter_items(world)), default=0)
    sizes["most_rates"] = world.signatures.members.shape[0]
    rows = max(world.exponent_rows, world.log_rate_rows, world.utility_rows, world.concessions, 1)
    scratch = rows + sizes["needs"] + sizes["channels"] + sizes["signatures"] + sizes["concessions"]
    numbering = number_values(world, parameters, {
        "credibility": sizes["pairs"], "first": rows, "second": scratch,
    })  # fmt: skip
    stand = _lay_stand(sizes)
    tables = {
        **_lay_events(world, numbering, groups),
        **_lay_channels(world),
        **_lay_concessions(world),
        **_lay_packages(world, sizes, numbering),
        **_lay_utilities(world),
        **_lay_relations(world),
        **_lay_memory(world, numbering),
        **_lay_choices(wants),
        **_lay_kinds(stand, wants),
    }
    formulas = list_formulas(world)
    programs, counts = lay_programs(world, parameters, numbering, sizes, formulas)
    first, fixed, end = {}, [], 0
    for name, table in {**tables, **programs}.items():
        flat = np.asarray(table).ravel().astype(np.int32)
        first[name] = end
        fixed.append(flat)
        end += len(flat)
    return Layout(
        numbering,
        Tables(**sizes, **counts, **first, **_place_wants(sizes, wants)),
        stand,
        np.concatenate(fixed),
        world.tick_times,
        formulas,
        wants,
    )


def _sizes(world: World, parameters: Parameters, groups: Ints) -> dict[str, int]:
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
        "voters": len(world.voters[0]),
        "packages": len(world.package_channel),
        "benefits": len(world.benefit_chi),
        "givers": len(world.giver_exponent),
        "means": len(world.mean_sizes),
        "exponents": world.exponent_rows,
        "log_rates": world.log_rate_rows,
        "signatures": world.signatures.members.shape[1],
        "approvals": len(world.approve_side),
        "first_step": world.bargained.start,
        "arguments": max((len(program.sources) for program in list_programs(world)), default=1) or 1,
        "engaged_pairs": world.engaged.members.shape[1],
        "states": world.engaged_states.members.shape[1],
        "allies": world.allies.members.shape[1],
        "groups": int(groups.max(initial=-1)) + 1,
        "choices": world.dense + world.channels + len(world.package_channel),
        "switches": 2 * world.channels + world.concessions + world.demands + 1 + len(world.approve_side),
    }


# -- lists of lists ---------------------------------------------------------------------------------------------------


def _list(name: str, what: str, lists: Iterable[Sequence[int]]) -> dict[str, Any]:
    """Two tables of a list of lists."""
    kept = [list(entries) for entries in lists]
    return {
        f"{name}_first": np.cumsum([0, *map(len, kept)]),
        f"{name}_{what}": [entry for entries in kept for entry in entries],
    }


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
    return {
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
        **_list("answer", "concession", [np.flatnonzero(row).tolist() for row in world.answers]),
        "breaks": world.breaks,
        "flow_concession": world.flow_concession,
        "flow_stock": world.flow_stock,
        "flow_of": flow_of,
    }


def _lay_packages(world: World, sizes: Mapping[str, int], numbering: Numbering) -> dict[str, Any]:
    values = numbering.values
    voters = _pad(list_voter_items(world), sizes["most_items"], values.utility, values)
    second = np.zeros(world.dense, dtype=np.int64)
    if world.second is not None:
        second[world.second.rows] = [source.rows for source in world.second.sources]
    return {
        "base": world.base,
        "second": second,
        "signature": _pad(
            list_members(world.signatures, world.log_rate_rows), sizes["most_rates"], values.first, values
        ),
        "package_channel": world.package_channel,
        **_list("member", "item", _list_package_items(world)),
        "channel_first": [0, *(part.stop for part in world.channel_packages)],
        "agree_signature": world.agree_signature,
        **_list("seat", "state", _seat_states(world)),
        "voter": np.column_stack((values.seat + world.voters[1].ravel(), voters)),
    }


def _list_package_items(world: World) -> list[list[int]]:
    """The concessions in each package."""
    agendas = world.agenda[world.package_channel]
    return [
        [item for position, item in enumerate(agenda) if members >> position & 1]
        for agenda, members in zip(agendas.tolist(), world.package_members.ravel().tolist(), strict=True)
    ]


def _pad(lists: Sequence[Sequence[int]], length: int, first: int, values: Values) -> Ints:
    """Lists of rows as indices in V, filled up to one length with that of a zero."""
    padded = np.full((len(lists), length), values.zero)
    for number, rows in enumerate(lists):
        padded[number, : len(rows)] = first + np.array(rows, dtype=np.int64)
    return padded


def _seat_states(world: World) -> list[list[int]]:
    sizes = world.reservation_sizes[:, 0].astype(int)
    return [world.reservation_means.members[:size, seat].tolist() for seat, size in enumerate(sizes)]


def _lay_utilities(world: World) -> dict[str, Any]:
    returns: list[list[int]] = [[] for _ in range(world.concessions)]
    for concession, entries in zip(
        world.return_concession, list_members(world.returns, len(world.return_item)), strict=False
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
        **_list("mean", "row", list_mean_rows(world)),
        "alone": world.alone,
        "alone_state": world.alone_state,
    }


def _lay_relations(world: World) -> dict[str, Any]:
    live = world.channels + world.concessions
    needs = world.stocks.stop - world.stocks.start
    return {
        **_list("engaged", "item", list_members(world.engaged, live)),
        **_list("seated", "item", list_members(world.engaged_states, live)),
        **_list("ally", "entry", list_members(world.allies, len(world.ally_engaged))),
        "ally_engaged": world.ally_engaged,
        **_list("share", "entry", list_members(world.shares, len(world.share_concession))),
        "share_concession": world.share_concession,
        **_list("restraint", "item", list_members(world.restraints, live)),
        **_list("pressure", "item", list_members(world.pressures, world.demands)),
        **_list("pain", "item", list_members(world.pains, needs)),
        "pain_size": world.pain_sizes,
        "approve_state": world.approve_state,
        "approve_side": world.approve_side,
        "uncertain": world.uncertain,
    }


def _lay_memory(world: World, numbering: Numbering) -> dict[str, Any]:
    multiplied = ("shortfall", "supply")
    return {
        "decay_of": world.decay_of,
        **_list("overdue", "entry", list_members(world.overdue_sums, len(world.overdue_concession))),
        "overdue_memory": world.overdue_memory,
        "overdue_concession": world.overdue_concession,
        "driver_row": [driver.row for driver in world.drivers],
        "driver_target": [getattr(numbering.values, f"now_{driver.target}") for driver in world.drivers],
        "driver_multiplies": [driver.target in multiplied for driver in world.drivers],
        "driver_slot": [numbering.slots[driver.slot] for driver in world.drivers],
        "driver_step": [driver.step for driver in world.drivers],
    }


def _lay_choices(wants: Wants) -> dict[str, Any]:
    """What decides whether moves and accords are possible, and who asks for the surplus of a channel."""
    return {
        "switch": wants.list_switches(),
        **_list("asker", "choice", wants.list_askers()),
        "always_asked": wants.list_always_asked(),
    }


def _lay_kinds(stand: Stand, wants: Wants) -> dict[str, Any]:
    """Where the bits of each kind lie, and where in L its list."""
    pieces = wants.list_pieces()
    flat = [piece for found in pieces for piece in found]
    return {
        "piece_first": np.cumsum([0, *map(len, pieces)]),
        "piece_word": [word for word, _, _ in flat],
        "piece_base": [base for _, _, base in flat],
        "kind_list": [getattr(stand, kind) for kind in KINDS],
    }


def _place_wants(sizes: Mapping[str, int], wants: Wants) -> dict[str, int]:
    """Where in W the row of what is wanted always begins, the masks of all pieces, the codes that allow."""
    always = sizes["choices"] * sizes["words"]
    piece = always + sizes["words"]
    return {"always": always, "piece": piece, "allowed": piece + len(wants.lay_masks())}


def _lay_stand(sizes: Mapping[str, int]) -> Stand:
    channels, concessions, moves = sizes["channels"], sizes["concessions"], sizes["moves"]
    counts = {
        "tick": 1, "channel": channels, "table": channels, "consent": 2 * channels, "awaiting": 2 * channels,
        "stage": concessions, "frozen": concessions, "begun": concessions, "completions": concessions,
        "demand": sizes["demands"],
        **dict.fromkeys(("column", "fresh", "going", "ticked", "pending", "ring", "pushed", "allowed", "given"), 1),
        "period": 1, "rings": moves, "counts": sizes["groups"], "first_days": sizes["groups"], "made": 1,
        "code": sizes["switches"],
        "possible": sizes["dense"], "agreeable": channels, "enabled": sizes["packages"],
        "stood": concessions, "available": concessions, "open": channels, "raised": sizes["demands"],
        "blocked": channels, "met": channels, "waiting": sizes["approvals"],
        **dict.fromkeys(("choices", "words", "new_words"), sizes["words"]),
        **{kind: size_of(kind, sizes) for kind in KINDS}, "moves": moves, "rate_first": sizes["log_rates"] + 1,
        "package_first": channels + 1, "counting": max(sizes["pairs"], 1), "lengths": LENGTHS,
    }  # fmt: skip
    first, end = {}, 0
    for name, count in counts.items():
        first[name] = end
        end += count
    return Stand(**first, size=end)


def start_stand(layout: Layout, state: State) -> Ints:
    """S at the start of a run: the discrete state of a state of width 1."""
    whole = np.zeros(layout.stand.code, dtype=np.int64)
    for name, array in state.arrays().items():
        if hasattr(layout.stand, name):
            flat = np.asarray(array).reshape(-1)
            place = getattr(layout.stand, name)
            whole[place : place + len(flat)] = flat
    return whole
