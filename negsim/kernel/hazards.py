"""What may happen next, and how fast? Hazards of every move in every column, and what likelihoods ask of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from negsim.kernel.arithmetic import add_halves, add_up, clip, evaluate_formula, logistic, narrow, with_zero
from negsim.kernel.quantities import add_channel_quantities, add_relations, driven, needs
from negsim.kernel.stages import BEFORE_SIGNATURE, check_gates, find_possible, read_flags
from negsim.kernel.utilities import find_utilities, weigh_packages
from negsim.state import Array, Columns, Flags, Floats, Ints, Parameters, Program, State, World
from negsim.vocabulary import IN_SESSION, SIGNED

LOWEST = -1e300
"""Below any logarithm of a Nash product, and yet a number."""


@dataclass
class Packages:
    """Hazards of the packages of one channel, for the columns where its table is free."""

    rows: slice
    columns: Columns
    hazards: Floats
    """Shape (packages, columns), per day."""


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
    possible = find_possible(world, state, flags, blocked)
    q: dict[str, Any] = {"gate_met": gate_met, "memory": state.memory, "need": needs(world, parameters, state)}
    q["credibility"] = evaluate_formula(world.trust, parameters, q)
    add_relations(world, parameters, flags, q)
    add_channel_quantities(world, parameters, state, flags, q)
    reservation = driven(world, parameters, state, "reservation")
    q["seat_reservation"] = add_up(with_zero(reservation), world.reservation_means) / world.reservation_sizes
    q["utilities"] = find_utilities(world, parameters, flags, q, width)
    weigh_packages(world, parameters, state, flags, q)
    factors = _factors(world, parameters, state, q, reservation)
    rows = np.flatnonzero(possible[:, 0]) if state.width < width else None
    if rows is None:
        hazards = factors[world.base]
        hazards *= parameters["rate"]
        hazards *= possible.view(np.uint8)
    else:
        rate = parameters["rate"]
        hazards = factors[world.base[rows]] * rate[rows]
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
    logs = np.zeros((world.log_rate_rows + 1, width))
    for program in world.log_rates:
        logs[program.rows] = evaluate_formula(program, parameters, q)
    factors = np.empty((world.factor_rows, width))
    factors[0] = 1.0
    signed = add_up(logs, world.signatures)
    np.exp(clip(signed), out=factors[1 : 1 + signed.shape[0]])
    factors[world.bargained] = logistic(q["utilities"][world.alone] - reservation[world.alone_state])
    factors[world.approve_factors] = _approvals(world, parameters, state, q)
    return factors


def _approvals(world: World, parameters: Parameters, state: State, q: dict[str, Any]) -> Array:
    """Probabilities of approving and of rejecting what waits for a side, 0 where nothing waits."""
    sides = world.approve_side
    width = state.memory.shape[-1]
    result = np.zeros((2 * len(sides), width))
    if not len(sides):
        return result
    before = world.consent_rule[sides] == BEFORE_SIGNATURE
    tabled = np.where(state.consent[sides], 0, state.table[sides // 2])
    waiting = np.where(before[:, None], tabled, state.awaiting[sides])
    pending = (waiting != 0).any(axis=0)
    if not pending.any():
        return result
    columns: Columns = slice(None) if state.width < width else np.flatnonzero(pending)
    waiting, stage, frozen = (narrow(rows, columns) for rows in (waiting, state.stage, state.frozen))
    value = np.zeros((len(sides), width if isinstance(columns, slice) else len(columns)))
    stuck = np.zeros(waiting.shape, dtype=bool)
    for position in range(world.agenda.shape[1]):
        item = world.agenda[sides // 2, position]
        here = ((waiting >> position) & 1) != 0
        value += here * narrow(parameters["values"][position], columns)
        own = world.agenda_side[sides // 2, position] == sides % 2
        owed = before[:, None] | (own[:, None] & (stage[item] == SIGNED))
        stuck |= here & frozen[item] & owed
    threshold = driven(world, parameters, state, "threshold")
    odds = value - narrow(threshold[world.approve_state], columns)
    for program in world.approval_programs:
        odds = odds + narrow(evaluate_formula(program, parameters, q), columns)
    sure = ~world.uncertain[:, None]
    no = np.where(sure, 0.0, logistic(-odds)) * (waiting != 0)
    yes = np.where(sure, 1.0, logistic(odds)) * ((waiting != 0) & ~stuck)
    result[:, columns] = np.concatenate((yes, no))
    return result


def _agreements(
    world: World, parameters: Parameters, state: State, q: dict[str, Any], factors: Array
) -> Iterator[Packages]:
    """Hazards of agreeing on each package, where a channel is in session and its table free."""
    free = (state.channel == IN_SESSION) & (state.table == 0)
    shared = state.width < state.memory.shape[-1]
    for channel, rows in enumerate(world.channel_packages):
        found = np.flatnonzero(free[channel])
        if not len(found):
            continue
        columns: Columns = slice(None) if shared else found
        product = narrow(q["log_product"][rows], columns)
        enabled = narrow(q["package_enabled"][rows], columns)
        first, second = (narrow(q["odds"][start:][rows], columns) for start in (0, len(world.package_channel)))
        likes = first / (1.0 + first) * (second / (1.0 + second))
        # The largest is taken out of all powers alike, so that none of them can overflow or vanish.
        top = np.where(enabled, product, LOWEST).max(axis=0)
        weight = np.exp(np.minimum(narrow(parameters["eta"][channel], columns) * (product - top), 0.0)) * enabled
        total = weight[0]
        for row in weight[1:]:
            total = total + row
        share = weight / np.where(total > 0, total, 1.0)
        rate = narrow(parameters["agree_rate"][channel], columns) * narrow(
            factors[world.agree_signature[channel]], columns
        )
        yield Packages(slice(world.dense + rows.start, world.dense + rows.stop), columns, share * likes * rate)


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
