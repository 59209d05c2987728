"""Which arrays does the kernel move? The compiled world, the parameters and the state.

The last axis of every array is the batch: one column for each run, parameter vector or imputed history. Arrays of the
parameters have width 1 or the width of the batch. In a replay of one history under many parameters the discrete arrays
have width 1 and only ``memory`` is wide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Array = NDArray[Any]
Columns = Ints | slice


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
        return State(**{name: array[..., columns].copy() for name, array in self.arrays().items()})

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
        chosen = {name: array if array.shape[-1] == 1 else array[..., columns] for name, array in self.slots.items()}
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
    """A table of row sums: result row g is the sum of rows ``members[:, g]`` (padded with a row of zeros)."""

    members: Ints

    @property
    def empty(self) -> bool:
        """Whether there is nothing to sum."""
        return self.members.shape[1] == 0


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
    """A scenario compiled to row numbers. Rows of moves: first those always computed (``dense``), then packages.

    Labels (names) are kept apart, in :class:`negsim.compiler.Labels`.
    """

    # calendar
    tick_times: Floats
    """Time of every tick, the start first, the end (which is no tick) last."""
    tick_month: Ints
    # sizes
    channels: int
    concessions: int
    demands: int
    acts: int
    states: int
    pairs: int
    dense: int
    moves: int
    # what each event (move, then consequences) concerns and does; -1 for nothing
    kind: Ints
    event_channel: Ints
    event_side: Ints
    event_concession: Ints
    event_demand: Ints
    event_act: Ints
    new_stage: Ints
    new_begun: Ints
    new_frozen: Ints
    new_channel: Ints
    completes: NDArray[np.bool_]
    resets: NDArray[np.bool_]
    drops: NDArray[np.bool_]
    package_bits: Ints
    memory_rows: Ints
    memory_adds: Ints
    memory_scales: Ints
    delivered: Ints
    broken: Ints
    lapsed: Ints
    # concessions
    flow_of: Ints
    flow_concession: Ints
    flow_stock: Ints
    answers: NDArray[np.bool_]
    breaks: NDArray[np.bool_]
    while_channel: Ints
    timed: Ints
    # channels
    agenda: Ints
    agenda_side: Ints
    consent_rule: Ints
    demand_channel: Ints
    demand_answers: tuple[Ints, ...]
    gates: tuple[Gate, ...]
    # hazards
    concession_rows: slice
    allowed: Ints
    move_concession: Ints
    channel_rows: Ints
    channel_allowed: Ints
    raise_rows: Ints
    base: Ints
    base_again: Ints
    again_rows: Ints
    approve_rows: Ints
    bargain_rows: slice
    bargained: Ints
    signatures: Ints
    signature_rows: slice
    package_channel: Ints
    package_slices: tuple[slice, ...]
    package_signature: Ints
    # quantities
    memory_size: int
    memory_slices: Mapping[str, slice]
    stock_rows: slice
    decay_of: Ints
    overdue_programs: tuple[tuple[str, slice, Sums], ...]
    chi_pairs: Ints
    benefit_chi: Ints
    benefit_need: Ints
    exponents: tuple[Program, ...]
    exponent_rows: int
    giver_exponent: Ints
    giver_concession: Ints
    giver_programs: tuple[Program, ...]
    benefit_programs: tuple[Program, ...]
    returns: Sums
    return_rows: Ints
    return_items: Ints
    return_pairs: Ints
    means: Sums
    node_levels: tuple[tuple[slice, Ints, Ints], ...]
    nodes: int
    side_nodes: tuple[Ints, Ints]
    side_voters: tuple[Ints, Ints]
    voters: Sums
    voter_sizes: Floats
    giver_alone: Ints
    giver_state: Ints
    package_bits_by_row: Ints
    channel_packages: Sums
    engaged: Sums
    engaged_states: Sums
    ally_engaged: Ints
    allies: Sums
    ally_rows: int
    share_rows: Ints
    shares: Sums
    restraints: Sums
    pressures: Sums
    pain_needs: Sums
    needs: int
    approval_programs: tuple[Program, ...]
    ratifies: NDArray[np.bool_]
    approve_state: Ints
    log_rates: tuple[Program, ...]
    log_rate_rows: int
    wants: frozenset[str]
    drivers: tuple[Driver, ...]
    start: State
    memory_start: str
    extra: Mapping[str, Any] = field(default_factory=dict)
