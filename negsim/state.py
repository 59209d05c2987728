"""Which arrays does the kernel move? The compiled world, the parameters and the state.

The last axis of every array is the batch: one column for each run, parameter vector or imputed history. Arrays of the
parameters have width 1 or the width of the batch. In a replay of one history under many parameters the discrete arrays
have width 1 and only ``memory`` is wide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Array = NDArray[Any]
Flags = NDArray[np.bool_]
Columns = Ints | slice


def take_columns(array: Array, columns: Columns) -> Array:
    """Copy some columns, each row in one piece (an array indexed by column numbers has each column in one)."""
    return array[..., columns].copy() if isinstance(columns, slice) else np.take(array, columns, axis=-1)


@dataclass
class State:
    """Where every run stands at its last re-evaluation.

    Shapes: ``(rows, width)``, ``time`` and ``tick`` ``(width,)``. Rows of ``consent`` and ``awaiting`` are channel
    sides (2c, 2c + 1); sets of items are bit masks over the channel's agenda; ``shipped`` has a row for each flow;
    ``memory`` has the rows of every memory, the stocks of goods, and one row that catches what concerns nobody.
    """

    time: Floats
    tick: Ints
    channel: Array
    table: Ints
    consent: Array
    awaiting: Ints
    last_deal: Floats
    stage: Array
    frozen: Array
    begun: Array
    changed: Floats
    completions: Ints
    demand: Array
    shipped: Floats
    memory: Floats

    def select(self, columns: Columns) -> State:
        """Copy some columns."""
        return State(**{name: take_columns(array, columns) for name, array in self.arrays().items()})

    def copy(self) -> State:
        """Copy everything."""
        return self.select(slice(None))

    def arrays(self) -> dict[str, Array]:
        """All arrays by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}

    @property
    def width(self) -> int:
        """Number of columns of the discrete arrays."""
        return int(self.time.shape[0])


@dataclass(frozen=True)
class Parameters:
    """Numbers as the kernel wants them: by slot, each ``(rows, 1)`` or ``(rows, width)``; rates are per day."""

    slots: Mapping[str, Floats]
    width: int

    def __getitem__(self, slot: str) -> Floats:
        """Take one slot."""
        return self.slots[slot]

    def select(self, columns: Columns) -> Parameters:
        """Keep some columns of what varies."""
        if self.width == 1:
            return self
        chosen = {
            name: array if array.shape[-1] == 1 else take_columns(array, columns) for name, array in self.slots.items()
        }
        return replace(self, slots=chosen, width=int(np.arange(self.width)[columns].shape[0]))


@dataclass(frozen=True)
class Source:
    """Where a formula's argument comes from: a slot of the parameters, or rows of a quantity."""

    name: str
    rows: Any = None
    """None for a slot of the parameters; a slice or row numbers for a quantity of the state."""


@dataclass(frozen=True)
class Program:
    """A formula with its arguments found; its result has one row for each of ``rows`` of its target."""

    formula: Callable[..., Any]
    sources: tuple[Source, ...]
    rows: Any
    """Target rows: a slice or row numbers."""


@dataclass(frozen=True)
class Sums:
    """A table of row sums: result row g is the sum of rows ``members[:, g]`` (padded with the number of no row)."""

    members: Ints
    layers: tuple[tuple[Any, Ints], ...]
    """What is added up, one member of each group after the other: (result rows that have one more, these members)."""


@dataclass(frozen=True)
class Gate:
    """A condition on opening a channel, by row numbers."""

    channel: int
    items: Ints
    promised: bool
    all_of: bool
    hard: bool
    active: NDArray[np.bool_]
    """For each tick."""


@dataclass(frozen=True)
class Driver:
    """A dated series: which rows of which quantity it moves, and its step at each tick."""

    slot: str
    target: str
    row: int
    step: Ints


@dataclass(frozen=True)
class World:
    """A scenario compiled to row numbers, without a name in it.

    Moves are numbered in the order of the model's section 9: first those computed densely, then packages. Events are
    the moves, then for each concession *delivered*, *broken*, *lapsed*. -1 stands for nothing.
    """

    # -- calendar and sizes
    tick_times: Floats
    """Time of every tick, the start first, the end (which is no tick) last."""
    tick_month: Ints
    channels: int
    concessions: int
    demands: int
    dense: int
    """Moves computed densely; the rest are packages."""
    moves: int
    # -- events: whom they concern and what they do, shape (events,)
    event_channel: Ints
    event_side: Ints
    event_concession: Ints
    event_demand: Ints
    event_act: Ints
    new_channel: Ints
    new_stage: Ints
    new_begun: Ints
    new_frozen: Ints
    completes: Flags
    ends: Flags
    drops: Flags
    approves: Flags
    rejects: Flags
    package_bits: Ints
    effects: tuple[tuple[Ints, Ints, Ints], ...]
    """Layers of (first entry of each event, number of entries, entries (3, n): row of memory, what is added, what
    multiplies); within a layer an event changes no row twice."""
    # -- concessions
    flow_concession: Ints
    flow_of: Ints
    """For each concession, its row among the flows."""
    flow_stock: Ints
    while_rows: Ints
    while_channel: Ints
    answers: Flags
    """Shape (demands, concessions)."""
    breaks: Flags
    """Shape (acts, concessions)."""
    # -- channels
    agenda: Ints
    """Shape (channels, longest agenda): concessions; -1 beyond the agenda."""
    agenda_side: Ints
    consent_rule: Ints
    """Shape (2 channels,): 0 before signature, 1 after, 2 none."""
    demand_channel: Ints
    gates: tuple[Gate, ...]
    # -- when a dense move is possible: bit of its entity's code
    entity: Ints
    allowed: Array
    # -- hazards
    base: Ints
    """For each dense move, its row among the factors."""
    second: Program | None
    """A further factor for moves that have both a bargained step and a log rate: (rows, factor rows)."""
    factor_rows: int
    signatures: Sums
    """Sums of log rates that moves share; their exponentials are the factors 1, 2, ..."""
    bargained: slice
    approve_factors: slice
    package_channel: Ints
    package_members: Ints
    package_items: Ints
    """Shape (longest package, packages): concessions; beyond the package one that is always available."""
    channel_packages: tuple[slice, ...]
    channel_sums: Sums
    surplus_stages: Array
    """For each channel, the stages in which some formula asks for its surplus, as bits; shape (channels, 1)."""
    agree_signature: Ints
    log_rates: tuple[Program, ...]
    log_rate_rows: int
    # -- memory
    memories: Mapping[str, slice]
    trust: Program
    decay_of: Ints
    stocks: slice
    overdue_memory: Ints
    overdue_sums: Sums
    overdue_concession: Ints
    # -- utilities
    chi_pair: Ints
    benefit_chi: Ints
    benefit_need: Ints
    benefit_programs: tuple[Program, ...]
    exponents: tuple[Program, ...]
    exponent_rows: int
    giver_exponent: Ints
    giver_concession: Ints
    giver_programs: tuple[Program, ...]
    care_need: Ints
    return_concession: Ints
    return_item: Ints
    return_pair: Ints
    returns: Sums
    means: Sums
    mean_sizes: Floats
    utility_rows: int
    bundles: Sums
    """Sums of what the items of a package are worth to one who decides on it."""
    voters: tuple[Ints, Ints]
    """Rows of bundles and of reservations, shape (voters, 2 packages): side 1 over every package, then side 2."""
    reservation_means: Sums
    reservation_sizes: Floats
    alone: Ints
    alone_state: Ints
    # -- other quantities
    engaged: Sums
    engaged_states: Sums
    allies: Sums
    ally_engaged: Ints
    share_concession: Ints
    shares: Sums
    restraints: Sums
    pressures: Sums
    pains: Sums
    pain_sizes: Floats
    approval_programs: tuple[Program, ...]
    approve_state: Ints
    approve_side: Ints
    uncertain: Flags
    wants: frozenset[str]
    drivers: tuple[Driver, ...]
