"""Where does each number stand in the one row of floating-point numbers (V) that a run has?

First the slots of the parameters, in their order, then the quantities that formulas may ask for, then what only the
scalar code needs. A formula's argument is thus one index, whatever it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from negsim.state import Floats, Ints, Parameters, Source, World


class Values(NamedTuple):
    """First index in V of everything that stands there; the shapes are those of the kernel's arrays."""

    # -- slots of the parameters
    lead: int
    grace: int
    quantity: int
    duration: int
    decay: int
    overdue: int
    doubt: int
    worth: int
    cost: int
    care: int
    return_worth: int
    nash_weight: int
    eta: int
    agree_rate: int
    rate: int
    values: int
    demand_weight: int
    patience: int
    season: int
    scale: int
    share: int
    ally_weight: int
    memory_start: int
    # -- numbers that drivers move, as they are and as they stand at this tick
    shortfall: int
    supply: int
    reservation: int
    threshold: int
    now_shortfall: int
    now_supply: int
    now_reservation: int
    now_threshold: int
    # -- quantities of the state
    memory: int
    need: int
    credibility: int
    engagement: int
    share_in_force: int
    restraint: int
    pain: int
    surplus: int
    gate_met: int
    pressure: int
    ally: int
    # -- what a run carries along
    time: int
    tick: int
    next_tick: int
    """When the next one comes."""
    last_deal: int
    changed: int
    shipped: int
    remaining: int
    # -- flags, 0 or 1
    gate_active: int
    live: int
    """Of channels: open; of concessions, which follow them: in force."""
    held: int
    """Of concessions: in force or done."""
    answering: int
    """Of concessions: promised or in force."""
    standing: int
    raised: int
    late: int
    # -- what waits for approval
    opinion: int
    free: int
    """0 where a frozen item holds it up."""
    # -- what one re-evaluation leaves
    ripe_need: int
    """Need before stocks: season times shortfall, by need."""
    seat: int
    """Reservations by seat."""
    shrink: int
    """Decay since the last re-evaluation, by rate of decay."""
    engaged: int
    price: int
    own: int
    utility: int
    margin: int
    """Margins of the packages listed: of side 1, then of side 2."""
    tail: int
    """Exponentials of minus the sizes of the margins, laid out alike."""
    product: int
    """Logs of the Nash products of the packages listed; then weights of the choice among them."""
    nash: int
    """These products, where a surplus is asked for."""
    packed: int
    """Margins of side 1 where packages are enabled, run after run, without gaps; then their exponentials (tails)."""
    packed_second: int
    """Those of side 2."""
    packed_weight: int
    """Weights of side 1; then logs of Nash products."""
    packed_nash: int
    factor: int
    hazard: int
    # -- the next stop
    chosen: int
    """The move that comes first, or -1; of given ones: 1 if the next comes before the tick."""
    elapsed: int
    """Days until then."""
    next_move: int
    """When the next given move comes."""
    spent: int
    """Days until then or until the end of the window."""
    ended: int
    """1 if the window ends before."""
    integral: int
    # -- coverage
    period: int
    """When a period of reporting begins, and when it ends."""
    below: int
    """Days of reporting when it begins, by profile."""
    rise: int
    """Days of reporting in it."""
    exposure: int
    """Days of reporting up to now."""
    gained: int
    """Days of reporting since the last re-evaluation."""
    zero: int
    """A zero, for sums of fewer members than others."""
    # -- rows to compute side by side
    first: int
    second: int
    size: int


SLOTS = (
    "lead", "grace", "quantity", "duration", "decay", "overdue", "doubt", "worth", "cost", "care", "return_worth",
    "nash_weight", "eta", "agree_rate", "rate", "values", "demand_weight", "patience", "season", "scale", "share",
    "ally_weight", "memory_start", "shortfall", "supply", "reservation", "threshold",
)  # fmt: skip
"""Slots that the scalar code reads itself; the others are arguments of formulas."""
DRIVEN = ("shortfall", "supply", "reservation", "threshold")


@dataclass(frozen=True)
class Numbering:
    """Where slots and quantities stand in V."""

    values: Values
    slots: Mapping[str, int]
    """First index of every slot."""

    def find(self, source: Source, rows: int) -> Ints:
        """Index of a formula's argument for each of some rows."""
        if source.rows is None:
            return self.slots[source.name] + np.arange(rows)
        first: int = getattr(self.values, source.name)
        return first + np.arange(2**20)[source.rows] if isinstance(source.rows, slice) else first + source.rows


def number_values(world: World, parameters: Parameters, sizes: Mapping[str, int]) -> Numbering:
    """Give every number its index.

    Parameters
    ----------
    world : World
    parameters : Parameters
        Any parameters of this world: their slots are counted.
    sizes : mapping of str to int
        Sizes of what depends on the tables, by the name in :class:`Values`.
    """
    slots: dict[str, int] = {}
    end = 0
    for name, array in parameters.slots.items():
        slots[name] = end
        end += array.size // array.shape[-1]
    first = {name: slots[name] for name in SLOTS}
    for name, size in {**_quantity_sizes(world, parameters), **sizes}.items():
        first[name] = end
        end += size
    return Numbering(Values(**first, size=end), slots)


def _quantity_sizes(world: World, parameters: Parameters) -> dict[str, int]:
    """Sizes of what the world alone determines."""
    moved = {f"now_{name}": len(parameters[name]) for name in DRIVEN}
    needs = world.stocks.stop - world.stocks.start
    packages = len(world.package_channel)
    return moved | {
        "memory": len(world.decay_of),
        "need": needs + 1,
        "engagement": world.engaged_states.members.shape[1],
        "share_in_force": world.shares.members.shape[1],
        "restraint": world.restraints.members.shape[1],
        "pain": world.channels,
        "surplus": world.channels,
        "gate_met": world.channels,
        "pressure": 2 * world.channels,
        "ally": max(world.allies.members.shape[1], 1),
        **dict.fromkeys(("time", "tick", "next_tick"), 1),
        "last_deal": world.channels,
        "changed": world.concessions,
        "shipped": len(world.flow_concession),
        "remaining": world.moves,
        "gate_active": len(world.gates),
        "live": world.channels + world.concessions,
        **dict.fromkeys(("held", "answering", "standing"), world.concessions),
        "raised": world.demands,
        "late": world.concessions,
        "opinion": len(world.approve_side),
        "free": len(world.approve_side),
        "ripe_need": needs,
        "seat": world.reservation_means.members.shape[1],
        "shrink": len(parameters["decay"]),
        "engaged": world.engaged.members.shape[1],
        "price": world.exponent_rows,
        "own": world.concessions,
        "utility": world.utility_rows,
        "margin": 2 * packages,
        "tail": 2 * packages,
        **dict.fromkeys(("product", "nash", "packed", "packed_second", "packed_weight", "packed_nash"), packages),
        "factor": world.factor_rows,
        "hazard": world.moves,
        **dict.fromkeys(("chosen", "elapsed", "next_move", "spent", "ended", "integral"), 1),
        "period": 2,
        **dict.fromkeys(("below", "rise", "exposure", "gained"), world.moves),
        "zero": 1,
    }


def flatten_parameters(parameters: Parameters) -> tuple[Floats, Ints, Floats]:
    """Lay parameters out as rows of V.

    Returns
    -------
    shared : array
        All slots one after the other (those that vary by their first column).
    varying : array of int
        Indices of the rows that are not the same, bit by bit, in all columns.
    columns : array, shape (columns, rows that vary)
    """
    shared: list[Any] = []
    varying: list[Ints] = []
    rows: list[Floats] = []
    end = 0
    for array in parameters.slots.values():
        flat = array.reshape(-1, array.shape[-1])
        shared.append(flat[:, 0])
        if flat.shape[1] > 1:
            bits = flat.view(np.int64)
            found = np.flatnonzero((bits != bits[:, :1]).any(axis=1))
            varying.append(end + found)
            rows.append(flat[found])
        end += len(flat)
    places = np.concatenate([np.zeros(0, dtype=np.int64), *varying])
    columns = np.empty((parameters.width, len(places)))
    np.concatenate([np.zeros((0, parameters.width)), *rows], out=columns.T)
    return np.concatenate(shared), places, columns


def count_rows(sources: Sequence[Source], parameters: Parameters, otherwise: int) -> int:
    """Number of rows of a program: that of any argument."""
    for source in sources:
        if source.rows is None:
            return len(parameters[source.name])
        return (source.rows.stop - source.rows.start) if isinstance(source.rows, slice) else len(source.rows)
    return otherwise
