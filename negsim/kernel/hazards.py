"""What may happen next, and how fast? Hazards of every move in every column, and what likelihoods ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from negsim.kernel.arithmetic import add_halves, add_up, clip, evaluate_formula, logistic, narrow, pick, row_blocks
from negsim.kernel.quantities import add_channel_quantities, add_relations, driven, needs
from negsim.kernel.stages import BEFORE_SIGNATURE, check_gates, find_possible, read_flags, read_switches
from negsim.kernel.utilities import find_utilities, log_products, weigh_packages
from negsim.state import Array, Columns, Flags, Floats, Ints, Parameters, Program, State, World
from negsim.vocabulary import IN_SESSION, SIGNED


@dataclass
class Packages:
    """Hazards of agreeing on packages, for the columns in which some can be agreed on; 0 for those that cannot."""

    rows: slice
    columns: Columns
    hazards: Floats
    """Shape (packages, columns), per day."""
    willing: tuple[Floats, Floats]
    """Probability that each side accepts, of the same shape."""


@dataclass
class Outlook:
    """What may happen next, and how fast.

    Attributes
    ----------
    hazards : array, shape (rows, width)
        Per day, of the dense moves (all of them, or those in `rows`).
    rows : array or None
        Which dense moves, where the discrete state is shared by all columns; None for all.
    packages : list of Packages
        Hazards of agreeing, where possible.
    overdue : array of bool, shape (concessions, width)
        Promises overdue.
    quantities : dict
        Everything the hazards were computed from, by name (for views and for a user's own agents).
    """

    hazards: Floats
    rows: Ints | None
    packages: list[Packages]
    overdue: Flags
    quantities: dict[str, Any]


def evaluate(world: World, parameters: Parameters, state: State) -> Outlook:
    """Compute the hazards of every move in every column.

    Parameters
    ----------
    world, parameters, state
        Compiled scenario, numbers and state; the state is not changed.

    Returns
    -------
    Outlook
        Hazards per day.
    """
    width = state.memory.shape[-1]
    flags = read_flags(world, parameters, state)
    blocked, gate_met = check_gates(world, state, flags)
    switches = read_switches(world, state, flags, blocked)
    q: dict[str, Any] = {"gate_met": gate_met, "memory": state.memory, "need": needs(world, parameters, state)}
    q["credibility"] = evaluate_formula(world.trust, parameters, q)
    add_relations(world, parameters, flags, q)
    add_channel_quantities(world, parameters, state, flags, q)
    reservation = driven(world, parameters, state, "reservation")
    q["seat_reservation"] = add_up(reservation, world.reservation_means) / world.reservation_sizes
    q["utilities"] = find_utilities(world, parameters, flags, q, width)
    weigh_packages(world, parameters, state, flags, q)
    factors = _factors(world, parameters, state, q, reservation)
    rows, rate = None, parameters["rate"]
    if state.width < width:
        rows = np.flatnonzero(find_possible(world, switches, slice(None))[:, 0])
        hazards = factors.take(world.base[rows], axis=0)
        hazards *= rate[rows]
    else:
        hazards = np.empty((world.dense, width))
        for block in row_blocks(world.dense, width):
            part = factors.take(world.base[block], axis=0, out=hazards[block], mode="clip")
            part *= rate[block]
            part *= find_possible(world, switches, block)
    if world.second is not None:
        _apply_second(world.second, rows, hazards, factors)
    q["flags"] = flags
    packages = list(_agreements(world, parameters, state, q, factors))
    return Outlook(hazards, rows, packages, flags["overdue"], q)


def _apply_second(second: Program, rows: Ints | None, hazards: Floats, factors: Array) -> None:
    """Multiply moves that have a second factor."""
    for row, factor in zip(second.rows, second.sources, strict=True):
        where = [row] if rows is None else np.flatnonzero(rows == row)
        hazards[where] *= factors[factor.rows]


def _factors(world: World, parameters: Parameters, state: State, q: dict[str, Any], reservation: Array) -> Array:
    """Factors that moves share: one, exponentials of log rates, logistics of steps, approvals."""
    width = state.memory.shape[-1]
    logs = np.empty((world.log_rate_rows, width))
    for program in world.log_rates:
        logs[program.rows] = evaluate_formula(program, parameters, q)
    factors = np.empty((world.factor_rows, width))
    factors[0] = 1.0
    signed = add_up(logs, world.signatures)
    np.exp(clip(signed), out=factors[1 : 1 + signed.shape[0]])
    margin = np.take(q["utilities"], world.alone, axis=0)
    margin -= reservation[world.alone_state]
    factors[world.bargained] = logistic(margin)
    _approvals(world, parameters, state, q, factors[world.approve_factors])
    return factors


def _approvals(world: World, parameters: Parameters, state: State, q: dict[str, Any], result: Array) -> None:
    """Write down the probabilities of approving and of rejecting what waits for a side, 0 where nothing waits."""
    sides = world.approve_side
    width = state.memory.shape[-1]
    result[:] = 0.0
    before = world.consent_rule[sides] == BEFORE_SIGNATURE
    tabled = np.where(state.consent[sides], 0, state.table[sides // 2])
    waiting = np.where(before[:, None], tabled, state.awaiting[sides])
    # Few sides have anything before them: only those cells (side, column) are judged, as one flat list.
    cells = np.flatnonzero(waiting)
    if len(cells):
        side, column = np.divmod(cells, state.width)
        where: Any = slice(None) if state.width < width else column
        yes, no = _judge(world, parameters, state, q, waiting.reshape(-1)[cells], side, column)
        result[side, where], result[len(sides) + side, where] = yes, no


def _judge(
    world: World, parameters: Parameters, state: State, q: dict[str, Any], bits: Ints, side: Ints, column: Ints
) -> tuple[Floats, Floats]:
    """Probabilities of approving and rejecting sets of items, each (cells,) or, state shared, (cells, width)."""
    shared = state.width < state.memory.shape[-1]
    where: Any = slice(None) if shared else column
    channel, own_side = np.divmod(world.approve_side[side], 2)
    before = world.consent_rule[world.approve_side[side]] == BEFORE_SIGNATURE
    odds = -pick(driven(world, parameters, state, "threshold"), world.approve_state[side], where)
    # One row for each position on the agenda, added up row by row.
    here = ((bits >> np.arange(world.agenda.shape[1])[:, None]) & 1) != 0
    items = world.agenda.T[:, channel]
    owed = before | ((world.agenda_side.T[:, channel] == own_side) & (state.stage[items, column] == SIGNED))
    stuck = (here & state.frozen[items, column] & owed).any(axis=0)
    tabled = here[..., None] if shared else here
    value: Array = sum(
        each * pick(table, side, where) for each, table in zip(tabled, parameters["values"], strict=True)
    )
    odds = value + odds
    for program in world.approval_programs:
        odds = odds + pick(evaluate_formula(program, parameters, q), side, where)
    sure, free = ~world.uncertain[side], ~stuck
    if shared:
        sure, free = sure[:, None], free[:, None]
    no = np.where(sure, 0.0, logistic(-odds))
    return np.where(sure, 1.0, logistic(odds)) * free, no


def _agreements(
    world: World, parameters: Parameters, state: State, q: dict[str, Any], factors: Array
) -> Iterator[Packages]:
    """Hazards of agreeing on each enabled package, where a channel is in session and its table free."""
    free = (state.channel == IN_SESSION) & (state.table == 0)
    chosen = q["package_enabled"] & free[world.package_channel]
    if not chosen.any():
        return
    if state.width == state.memory.shape[-1]:
        yield _agree_by_cell(world, parameters, q["margins"], factors, chosen)
        return
    for channel, rows in enumerate(world.channel_packages):
        if chosen[rows].any():
            yield _agree_by_row(world, parameters, q["margins"], factors, channel, np.flatnonzero(chosen[rows]))


def _weigh(margins: Array, nash_weight: Array) -> tuple[Floats, Floats, Floats]:
    """Turn margins, side 1 then 2, into the probabilities that they accept and the log of the Nash product."""
    odds = np.exp(clip(margins), out=margins)
    half, willing = len(odds) // 2, odds / (1.0 + odds)
    return willing[:half], willing[half:], log_products(odds, nash_weight)


def _agree_by_row(
    world: World, parameters: Parameters, margins: Array, factors: Array, channel: int, chosen: Ints
) -> Packages:
    """Agree in one channel, in a discrete state that all columns share: whole rows of packages."""
    rows = world.channel_packages[channel]
    packages = rows.start + chosen
    sides = margins[np.concatenate((packages, len(world.package_channel) + packages))]
    first, second, product = _weigh(sides, parameters["nash_weight"][packages])
    weight = np.exp(np.minimum(parameters["eta"][channel] * (product - product.max(axis=0)), 0.0))
    total = weight[0].copy()
    for row in weight[1:]:
        total += row
    rate = parameters["agree_rate"][channel] * factors[world.agree_signature[channel]]
    hazards, *likes = (np.zeros((rows.stop - rows.start, margins.shape[-1])) for _ in range(3))
    hazards[chosen] = weight / total * (first * second) * rate
    likes[0][chosen], likes[1][chosen] = first, second
    place = slice(world.dense + rows.start, world.dense + rows.stop)
    return Packages(place, slice(None), hazards, (likes[0], likes[1]))


def _agree_by_cell(world: World, parameters: Parameters, margins: Array, factors: Array, chosen: Flags) -> Packages:
    """Agree in all channels at once: only the cells (package, column) that are possible, as one flat list."""
    columns = np.flatnonzero(chosen.any(axis=0))
    cells = np.flatnonzero(chosen)
    package, column = np.divmod(cells, chosen.shape[-1])
    channel, place = world.package_channel[package], np.searchsorted(columns, column)
    sides = np.take(margins, np.concatenate((cells, chosen.size + cells)))
    first, second, product = _weigh(sides, pick(parameters["nash_weight"], package, column))
    # The largest is taken out of all powers alike, so that none of them can overflow or vanish. Both at() go through
    # the list in its order, so a sum does not depend on what stands beside it.
    group = channel * len(columns) + place
    top = np.full(world.channels * len(columns), -np.inf)
    np.maximum.at(top, group, product)
    weight = np.exp(np.minimum(pick(parameters["eta"], channel, column) * (product - top[group]), 0.0))
    total = np.zeros(len(top))
    np.add.at(total, group, weight)
    rate = pick(parameters["agree_rate"], channel, column) * factors[world.agree_signature[channel], column]
    hazards, *likes = (np.zeros((chosen.shape[0], len(columns))) for _ in range(3))
    hazards[package, place] = weight / total[group] * (first * second) * rate
    likes[0][package, place], likes[1][package, place] = first, second
    return Packages(slice(world.dense, world.moves), columns, hazards, (likes[0], likes[1]))


def total_hazard(outlook: Outlook, weights: Floats | None = None, which: Ints | None = None) -> Floats:
    """Sum the hazards of all moves, shape (width,), in an order that does not depend on the width.

    Parameters
    ----------
    weights : array, shape (profiles, columns), optional
        Weights of the moves; `which` says for every move which row of the weights is its own.
    """
    dense = outlook.hazards
    if weights is not None and which is not None:
        rows = np.arange(dense.shape[0]) if outlook.rows is None else outlook.rows
        dense = dense * weights[which[rows]]
    total = add_halves(dense)
    for packages in outlook.packages:
        hazards = packages.hazards
        if weights is not None and which is not None:
            hazards = hazards * narrow(weights[which[packages.rows]], packages.columns)
        total[packages.columns] += add_halves(hazards)
    return total


def hazards_of(outlook: Outlook, moves: Ints, columns: Ints, shared: bool) -> Floats:
    """Look up the hazards of one move in each of some columns.

    Returns
    -------
    array, shape (n,), or (1, width) where one discrete state is shared by all columns
    """
    if shared:
        return _shared_hazard(outlook, int(moves[0]))[None, :]
    found = np.zeros(len(moves))
    dense = moves < outlook.hazards.shape[0]
    found[dense] = outlook.hazards[moves[dense], columns[dense]]
    for packages in outlook.packages:
        places = np.full(outlook.hazards.shape[-1], -1)
        places[packages.columns] = np.arange(packages.hazards.shape[-1])
        here = (moves >= packages.rows.start) & (moves < packages.rows.stop) & (places[columns] >= 0)
        found[here] = packages.hazards[moves[here] - packages.rows.start, places[columns[here]]]
    return found


def _shared_hazard(outlook: Outlook, move: int) -> Floats:
    width = outlook.hazards.shape[-1]
    for packages in outlook.packages:
        if packages.rows.start <= move < packages.rows.stop:
            return np.asarray(packages.hazards[move - packages.rows.start])
    rows = np.arange(outlook.hazards.shape[0]) if outlook.rows is None else outlook.rows
    place = np.flatnonzero(rows == move)
    return outlook.hazards[place[0]] if len(place) else np.zeros(width)
