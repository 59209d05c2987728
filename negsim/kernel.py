"""What happens next? One step: hazards of the state, the next event, its effects.

Everything here works on whole batches, elementwise along the last axis, so that a column comes out the same to the bit
whatever stands beside it: no BLAS, no reductions along the batch, sums taken row by row. Names, files and seeds are
unknown here. The equations are in docs/model.md, sections 4 to 7.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from negsim.state import Array, Columns, Flags, Floats, Ints, Parameters, Program, State, Sums, World
from negsim.vocabulary import (
    CLOSED,
    DONE,
    DORMANT,
    EXPONENT_LIMIT,
    IN_FORCE,
    IN_SESSION,
    NONE,
    OPEN,
    PROMISED,
    RAISED,
    SIGNED,
    SUSPENDED,
    TABLED,
)

BEFORE_SIGNATURE, AFTER = 0, 1
AVAILABLE_BITS = (1 << NONE) | (1 << SUSPENDED)
STANDING_BITS = (1 << SIGNED) | (1 << PROMISED) | (1 << IN_FORCE) | (1 << DONE)
PROMISED_BITS = (1 << PROMISED) | (1 << IN_FORCE) | (1 << DONE)
ANSWERING_BITS = (1 << PROMISED) | (1 << IN_FORCE)
FACTORS = ("shortfall", "supply")
"""Numbers that drivers multiply; they add to the others."""
LOWEST = -1e300
"""Below any logarithm of a Nash product, and yet a number."""
SMALLEST = 1e-300
"""What a clock keeps at least: a wait of nothing, whatever the hazard."""
WHOLE = 1 - 1e-9
"""A flow whose shipped share has come this far is delivered."""


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


# -- sums and formulas ------------------------------------------------------------------------------------------------


def add_up(rows: Array, sums: Sums) -> Array:
    """Add rows in the order of the table, never along the batch."""
    total: Array = rows[sums.members[0]]
    for members in sums.members[1:]:
        total += rows[members]
    return total


def narrow(array: Array, columns: Columns) -> Array:
    """Take columns of an array, unless all columns share one."""
    if array.shape[-1] == 1 or isinstance(columns, slice):
        return array
    return np.take(array, columns, axis=-1)


def evaluate_formula(program: Program, parameters: Parameters, quantities: dict[str, Any]) -> Array:
    """Call a formula with its arguments looked up."""
    values = []
    for source in program.sources:
        values.append(parameters[source.name] if source.rows is None else quantities[source.name][source.rows])
    return np.asarray(program.formula(*values))


def clip(exponent: Array) -> Array:
    """Keep an exponent where exp is finite. Changes the array it is given."""
    np.maximum(exponent, -EXPONENT_LIMIT, out=exponent)
    return np.minimum(exponent, EXPONENT_LIMIT, out=exponent)


def logistic(x: Array) -> Array:
    """Logistic function of a clipped argument. Overwrites the array it is given."""
    np.negative(clip(x), out=x)
    np.exp(x, out=x)
    x += 1.0
    return np.divide(1.0, x, out=x)


# -- what the discrete state says -------------------------------------------------------------------------------------


def _flags(world: World, parameters: Parameters, state: State) -> dict[str, Any]:
    """Stages as flags: what is open, in force, standing, ready, overdue, unanswered."""
    bits = np.left_shift(np.uint8(1), state.stage.view(np.uint8))
    since = state.time - state.changed
    lead = parameters["lead"]
    is_open = state.channel >= OPEN
    ready = since >= lead
    if len(world.while_rows):
        ready[world.while_rows] &= is_open[world.while_channel]
    overdue = (state.stage == PROMISED) & (since >= lead + parameters["grace"])
    in_force = state.stage == IN_FORCE
    return {
        "bits": bits,
        "open": is_open,
        "ready": ready,
        "overdue": overdue,
        "in_force": in_force,
        "available": ((bits & AVAILABLE_BITS) != 0) & ~state.frozen,
        "standing": (bits & STANDING_BITS) != 0,
    }


def _gates(world: World, state: State, flags: dict[str, Any]) -> tuple[Array, Array]:
    """Which channels a hard gate blocks, and which have active gates that are all met."""
    blocked = np.zeros(state.channel.shape, dtype=bool)
    gated = np.zeros(state.channel.shape, dtype=bool)
    unmet = np.zeros(state.channel.shape, dtype=bool)
    for gate in world.gates:
        wanted = PROMISED_BITS if gate.promised else STANDING_BITS
        stands = (flags["bits"][gate.items] & wanted) != 0
        met = stands.all(axis=0) if gate.all_of else stands.any(axis=0)
        active = gate.active[state.tick]
        gated[gate.channel] |= active
        unmet[gate.channel] |= active & ~met
        if gate.hard:
            blocked[gate.channel] |= active & ~met
    return blocked, (gated & ~unmet).astype(float)


def _possible(world: World, state: State, flags: dict[str, Any], blocked: Array) -> Array:
    """Which dense moves are possible (approvals and rejections are settled later)."""
    live = flags["open"][world.demand_channel]
    demand = state.demand + 2 * live.astype(np.int8)
    concession = state.stage + 8 * state.frozen.astype(np.int8) + 16 * flags["ready"].astype(np.int8)
    channel = state.channel + 4 * blocked.astype(np.int8)
    certain = np.zeros((1, state.channel.shape[-1]), dtype=np.int8)
    codes = np.concatenate((channel, concession, demand, certain)).astype(np.uint32)
    bits = np.left_shift(np.uint32(1), codes)
    return np.asarray((bits[world.entity] & world.allowed) != 0)


# -- quantities -------------------------------------------------------------------------------------------------------


def _at_step(table: Floats, step: Ints) -> Floats:
    """Look up a driver's value at each column's step; shape of the table (steps, 1 or width)."""
    if table.shape[-1] == 1:
        return np.asarray(table[step, 0])
    if len(step) == 1:
        return np.asarray(table[step[0]])
    return np.asarray(table[step, np.arange(len(step))])


def _at_month(table: Floats, month: Ints) -> Floats:
    """Look up a profile at each column's month; shape of the table (rows, 12, 1 or width)."""
    if table.shape[-1] == 1:
        return np.asarray(table[:, month, 0])
    if len(month) == 1:
        return np.asarray(table[:, month[0], :])
    return np.asarray(table[:, month, np.arange(len(month))])


def driven(world: World, parameters: Parameters, state: State, target: str) -> Array:
    """Apply the drivers to one kind of number: factors on shortfall and supply, additions to the others."""
    values = parameters[target]
    mine = [driver for driver in world.drivers if driver.target == target]
    if mine:
        values = np.repeat(values, state.memory.shape[-1] // values.shape[-1], axis=-1)
    for driver in mine:
        step = _at_step(parameters[driver.slot], driver.step[state.tick])
        values[driver.row] = values[driver.row] * step if target in FACTORS else values[driver.row] + step
    return values


def needs(world: World, parameters: Parameters, state: State) -> Array:
    """Need of each (good, state), and a last row of ones for what is not a good."""
    shortfall = driven(world, parameters, state, "shortfall")
    season = _at_month(parameters["season"], world.tick_month[state.tick])
    stock = state.memory[world.stocks]
    need = np.ones((stock.shape[0] + 1, state.memory.shape[-1]))
    need[:-1] = season * shortfall * np.exp(np.maximum(-stock / parameters["scale"], -EXPONENT_LIMIT))
    return need


def _relations(world: World, parameters: Parameters, flags: dict[str, Any], q: dict[str, Any]) -> None:
    """Engagement, easing by allies, share in force, restraints."""
    width = flags["in_force"].shape[-1]
    live = np.zeros((world.channels + world.concessions + 1, width))
    live[: world.channels] = flags["open"]
    live[world.channels : -1] = flags["in_force"]
    if world.ally_engaged.size:
        count = add_up(live, world.engaged)
        engaged = (count / (1.0 + count))[world.ally_engaged]
        q["ally"] = add_up(_with_zero(parameters["ally_weight"] * engaged), world.allies)
    else:
        q["ally"] = np.zeros((max(world.allies.members.shape[1], 1), 1))
    if "engagement" in world.wants:
        count = add_up(live, world.engaged_states)
        q["engagement"] = count / (1.0 + count)
    if "share_in_force" in world.wants:
        held = flags["in_force"] | ((flags["bits"] & (1 << DONE)) != 0)
        q["share_in_force"] = add_up(_with_zero(parameters["share"] * held[world.share_concession]), world.shares)
    if "restraint" in world.wants:
        q["restraint"] = np.minimum(add_up(live, world.restraints), 1.0)


def _with_zero(rows: Array) -> Array:
    """Add a row of zeros at the end, for tables of sums to point to."""
    return np.concatenate((rows, np.zeros((1, rows.shape[-1]))))


def _channel_quantities(
    world: World, parameters: Parameters, state: State, flags: dict[str, Any], q: dict[str, Any]
) -> None:
    """Pain of channels and pressure of demands."""
    if "pain" in world.wants:
        need = q["need"].copy()
        need[-1] = 0.0
        waiting = np.exp(-(state.time - state.last_deal) / parameters["patience"])
        q["pain"] = add_up(need, world.pains) / world.pain_sizes + (1.0 - waiting)
    if "pressure" in world.wants:
        answered = (world.answers[:, :, None] & ((flags["bits"] & ANSWERING_BITS) != 0)).any(axis=1)
        unanswered = (state.demand == RAISED) & ~answered
        weights = parameters["demand_weight"] * unanswered
        q["pressure"] = add_up(_with_zero(weights), world.pressures)


# -- utilities --------------------------------------------------------------------------------------------------------


def _utilities(world: World, parameters: Parameters, flags: dict[str, Any], q: dict[str, Any], width: int) -> Array:
    """What each item is worth to whom, by context: benefits, givers' rows, means, and a row of zeros."""
    trust = q["credibility"]
    believed = 1.0 - (1.0 - trust[world.chi_pair]) * parameters["doubt"]
    rows = np.zeros((world.utility_rows, width))
    benefits = len(world.benefit_chi)
    benefit = believed[world.benefit_chi] * parameters["worth"] * q["need"][world.benefit_need]
    for program in world.benefit_programs:
        benefit = benefit * evaluate_formula(program, parameters, q)
    rows[:benefits] = benefit
    exponent = np.zeros((world.exponent_rows, width))
    for program in world.exponents:
        exponent += evaluate_formula(program, parameters, q)
    price = np.exp(clip(exponent))
    own = parameters["care"] * q["need"][world.care_need] + np.zeros(width)
    if world.return_item.size:
        answer = trust[world.return_pair] * parameters["return_worth"] * flags["standing"][world.return_item]
        own[world.return_concession] += add_up(_with_zero(answer), world.returns)
    for program in world.giver_programs:
        own += evaluate_formula(program, parameters, q)
    givers = len(world.giver_exponent)
    rows[benefits : benefits + givers] = own[world.giver_concession] - parameters["cost"] * price[world.giver_exponent]
    if world.mean_sizes.size:
        rows[benefits + givers : -1] = add_up(rows, world.means) / world.mean_sizes
    return rows


def _margins(world: World, parameters: Parameters, rows: Array, q: dict[str, Any]) -> Array:
    """Margins of side 1 over every package, then those of side 2."""
    worth = np.zeros((world.nodes, rows.shape[-1]))
    for level, parents, items in world.levels:
        np.add(worth[parents], rows[items], out=worth[level])
    reservation = q["seat_reservation"]
    nodes, seats = world.seats
    margin: Array = worth[nodes[0]]
    margin -= reservation[seats[0]]
    for more_nodes, more_seats in zip(nodes[1:], seats[1:], strict=True):
        np.minimum(margin, worth[more_nodes] - reservation[more_seats], out=margin)
    return margin


def _packages(world: World, parameters: Parameters, state: State, flags: dict[str, Any], q: dict[str, Any]) -> None:
    """Acceptance, Nash products and surplus of every package."""
    bits = (flags["available"][world.agenda] * world.agenda_bits).sum(axis=1, dtype=np.int32)
    enabled = (bits[world.package_channel] & world.package_members) == world.package_members
    packages = len(world.package_channel)
    odds = np.exp(clip(_margins(world, parameters, q["utilities"], q)))
    gains = np.log1p(odds)
    np.log(gains, out=gains)
    weight = parameters["nash_weight"]
    product = weight * gains[:packages]
    product += (1.0 - weight) * gains[packages:]
    q.update(package_enabled=enabled, odds=odds, log_product=product)
    if "surplus" in world.wants:
        q["surplus"] = _surplus(world, product, enabled)


def _surplus(world: World, product: Array, enabled: Array) -> Array:
    """Mean Nash product over the enabled packages of each channel."""
    value = np.zeros((product.shape[0] + 1, product.shape[1]))
    np.exp(product, out=value[:-1])
    value[:-1] *= enabled
    total = add_up(value, world.channel_sums)
    count = np.zeros((enabled.shape[0] + 1, enabled.shape[1]), dtype=np.int16)
    count[:-1] = enabled
    return total / np.maximum(add_up(count, world.channel_sums), 1)


# -- hazards ----------------------------------------------------------------------------------------------------------


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
    flags = _flags(world, parameters, state)
    blocked, gate_met = _gates(world, state, flags)
    possible = _possible(world, state, flags, blocked)
    q: dict[str, Any] = {"gate_met": gate_met, "memory": state.memory, "need": needs(world, parameters, state)}
    q["credibility"] = evaluate_formula(world.trust, parameters, q)
    _relations(world, parameters, flags, q)
    _channel_quantities(world, parameters, state, flags, q)
    reservation = driven(world, parameters, state, "reservation")
    q["seat_reservation"] = add_up(_with_zero(reservation), world.reservation_means) / world.reservation_sizes
    q["utilities"] = _utilities(world, parameters, flags, q, width)
    _packages(world, parameters, state, flags, q)
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


# -- time passes ------------------------------------------------------------------------------------------------------


def advance(world: World, parameters: Parameters, state: State, overdue: Flags, elapsed: Floats) -> None:
    """Let time pass: decays, stocks, shipping (model, section 5). Changes the state.

    Parameters
    ----------
    overdue : array of bool
        Promises overdue at the last re-evaluation.
    elapsed : array, shape (width,)
        Days.
    """
    shrink = np.exp(-parameters["decay"] * elapsed)[world.decay_of]
    state.memory *= shrink
    if len(world.overdue_concession) and overdue.any():
        weights = parameters["overdue"] * overdue[world.overdue_concession]
        rows = world.overdue_memory
        fed = add_up(_with_zero(weights), world.overdue_sums)
        state.memory[rows] += fed / parameters["decay"][world.decay_of[rows]] * (1.0 - shrink[rows])
    if len(world.flow_concession) or world.stocks.stop > world.stocks.start:
        _ship(world, parameters, state, elapsed, shrink)
    state.time = state.time + elapsed


def _ship(world: World, parameters: Parameters, state: State, elapsed: Floats, shrink: Array) -> None:
    """Move what is under way: shares shipped and stocks."""
    inflow = driven(world, parameters, state, "supply") + np.zeros(state.memory.shape[-1])
    moving = state.stage[world.flow_concession] == IN_FORCE
    if moving.any():
        share = np.minimum(elapsed / parameters["duration"], 1.0 - state.shipped)
        share *= moving
        state.shipped += share
        pace = share / np.maximum(elapsed, SMALLEST)
        for flow in np.flatnonzero(world.flow_stock >= 0):
            inflow[world.flow_stock[flow]] += parameters["quantity"][flow] * pace[flow]
    rows = world.stocks
    state.memory[rows] += inflow / parameters["decay"][world.decay_of[rows]] * (1.0 - shrink[rows])


# -- effects ----------------------------------------------------------------------------------------------------------

Happened = list[tuple[Ints, Ints]]
"""Consequences: event numbers and the columns they happened in, in order."""


def apply(world: World, parameters: Parameters, state: State, events: Ints, columns: Ints) -> Happened:
    """Apply one move in each of some columns, then its consequences. Changes the state.

    Parameters
    ----------
    events : array of int, shape (n,)
        Moves.
    columns : array of int, shape (n,)
        Columns of the discrete state, each at most once.

    Returns
    -------
    list of (events, columns)
        Consequences that followed.
    """
    _move_stages(world, state, events, columns)
    _move_channels(world, state, events, columns)
    _remember(world, parameters, state, events, columns)
    happened = []
    for followed, where in (*_break_restraints(world, state, events, columns), *_lapse(world, state, events, columns)):
        _move_stages(world, state, followed, where)
        _remember(world, parameters, state, followed, where)
        happened.append((followed, where))
    return happened


def pass_tick(world: World, parameters: Parameters, state: State, columns: Ints) -> Happened:
    """Pass a tick in some columns: timers run out, the calendar moves on. Changes the state."""
    state.time[columns] = world.tick_times[state.tick[columns] + 1]
    happened = []
    flowing = state.stage[world.flow_concession] == IN_FORCE
    done = flowing[:, columns] & (state.shipped[:, columns] >= WHOLE)
    for flow in np.flatnonzero(done.any(axis=1)):
        where = columns[done[flow]]
        events = np.full(len(where), world.moves + world.flow_concession[flow])
        _move_stages(world, state, events, where)
        _remember(world, parameters, state, events, where)
        happened.append((events, where))
    state.tick[columns] += 1
    return happened


def _move_stages(world: World, state: State, events: Ints, columns: Ints) -> None:
    """Change stages, flags and counts of the concessions and demands that events name."""
    stage = world.new_stage[events]
    moved = stage >= 0
    if moved.any():
        rows, where = world.event_concession[events[moved]], columns[moved]
        state.stage[rows, where] = stage[moved]
        state.changed[rows, where] = state.time[where]
    begun = world.new_begun[events]
    told = begun >= 0
    if told.any():
        state.begun[world.event_concession[events[told]], columns[told]] = begun[told] != 0
    frozen = world.new_frozen[events]
    told = frozen >= 0
    if told.any():
        state.frozen[world.event_concession[events[told]], columns[told]] = frozen[told] != 0
    _finish(world, state, events, columns)
    raised = world.event_demand[events]
    told = raised >= 0
    if told.any():
        state.demand[raised[told], columns[told]] = RAISED


def _finish(world: World, state: State, events: Ints, columns: Ints) -> None:
    """Reset what has ended, count what is complete, settle the demands it answers."""
    ended = world.ends[events]
    if not ended.any():
        return
    rows, where = world.event_concession[events[ended]], columns[ended]
    for flow, concession in enumerate(world.flow_concession):
        state.shipped[flow, where[rows == concession]] = 0.0
    complete = world.completes[events[ended]]
    rows, where = rows[complete], where[complete]
    state.completions[rows, where] += 1
    for demand in range(world.demands):
        state.demand[demand, where[world.answers[demand, rows]]] = DORMANT


def _remember(world: World, parameters: Parameters, state: State, events: Ints, columns: Ints) -> None:
    """Change the memories of those an event affects."""
    shared = state.width < state.memory.shape[-1]
    for first, count, layer in world.effects:
        counts = count[events]
        total = int(counts.sum())
        if not total:
            continue
        entries = np.repeat(first[events] - np.cumsum(counts) + counts, counts) + np.arange(total)
        where: Any = slice(None) if shared else np.repeat(columns, counts)
        row, add, scale = layer[:, entries]
        factor = _per_column(parameters["effect_scales"], scale, where)
        term = _per_column(parameters["effect_adds"], add, where)
        state.memory[row, where] = state.memory[row, where] * factor + term


def _per_column(table: Floats, rows: Ints, where: Any) -> Array:
    """Numbers of rows, for the columns in question."""
    if table.shape[-1] == 1:
        return table[rows] if isinstance(where, slice) else table[rows, 0]
    return np.asarray(table[rows, where])


def _move_channels(world: World, state: State, events: Ints, columns: Ints) -> None:
    """Change channels: stages, tables, consents."""
    stage = world.new_channel[events]
    moved = stage >= 0
    if moved.any():
        state.channel[world.event_channel[events[moved]], columns[moved]] = stage[moved]
    for chosen, act in (
        (world.drops[events], _drop_tables),
        (world.package_bits[events] > 0, _table_packages),
        (world.approves[events], _approve),
        (world.rejects[events], _reject),
    ):
        if chosen.any():
            act(world, state, events[chosen], columns[chosen])


def _items(world: World, channels: Ints, bits: Ints) -> tuple[Ints, Ints, Ints]:
    """List the items of sets: their positions on the agenda, which set each is of, and their rows."""
    position, which = np.nonzero((bits >> np.arange(world.agenda.shape[1])[:, None]) & 1)
    return position, which, world.agenda[channels[which], position]


def _set_stage(state: State, rows: Ints, columns: Ints, stage: Any) -> None:
    state.stage[rows, columns] = stage
    state.changed[rows, columns] = state.time[columns]


def _send_back(state: State, rows: Ints, columns: Ints) -> None:
    """Return items to where they came from: suspended if they had begun, else none."""
    _set_stage(state, rows, columns, np.where(state.begun[rows, columns], SUSPENDED, NONE))


def _drop_tables(world: World, state: State, events: Ints, columns: Ints) -> None:
    channels = world.event_channel[events]
    _, which, items = _items(world, channels, state.table[channels, columns])
    _send_back(state, items, columns[which])
    state.table[channels, columns] = 0
    state.consent[2 * channels, columns] = False
    state.consent[2 * channels + 1, columns] = False


def _table_packages(world: World, state: State, events: Ints, columns: Ints) -> None:
    channels, bits = world.event_channel[events], world.package_bits[events]
    _, which, items = _items(world, channels, bits)
    _set_stage(state, items, columns[which], TABLED)
    state.table[channels, columns] = bits
    for side in (0, 1):
        consents = world.consent_rule[2 * channels + side] != BEFORE_SIGNATURE
        state.consent[2 * channels + side, columns] = consents
    _sign_if_settled(world, state, channels, columns)


def _sign_if_settled(world: World, state: State, channels: Ints, columns: Ints) -> None:
    """Sign where both consents are in: what a side gives is promised, or waits for approval after the signature."""
    settled = state.consent[2 * channels, columns] & state.consent[2 * channels + 1, columns]
    channels, columns = channels[settled], columns[settled]
    bits = state.table[channels, columns]
    position, which, items = _items(world, channels, bits)
    giver = 2 * channels[which] + world.agenda_side[channels[which], position]
    _set_stage(state, items, columns[which], np.where(world.consent_rule[giver] == AFTER, SIGNED, PROMISED))
    for side in (0, 1):
        rows = 2 * channels + side
        after = world.consent_rule[rows] == AFTER
        state.awaiting[rows[after], columns[after]] |= bits[after]
        state.consent[rows, columns] = False
    state.table[channels, columns] = 0
    state.last_deal[channels, columns] = state.time[columns]


def _approve(world: World, state: State, events: Ints, columns: Ints) -> None:
    channels = world.event_channel[events]
    rows = 2 * channels + world.event_side[events]
    before = world.consent_rule[rows] == BEFORE_SIGNATURE
    state.consent[rows[before], columns[before]] = True
    _sign_if_settled(world, state, channels[before], columns[before])
    channels, rows, columns = channels[~before], rows[~before], columns[~before]
    position, which, items = _items(world, channels, state.awaiting[rows, columns])
    where = columns[which]
    owed = (world.agenda_side[channels[which], position] == rows[which] % 2) & (state.stage[items, where] == SIGNED)
    _set_stage(state, items[owed], where[owed], PROMISED)
    state.awaiting[rows, columns] = 0


def _reject(world: World, state: State, events: Ints, columns: Ints) -> None:
    rows = 2 * world.event_channel[events] + world.event_side[events]
    before = world.consent_rule[rows] == BEFORE_SIGNATURE
    _drop_tables(world, state, events[before], columns[before])
    rows, columns = rows[~before], columns[~before]
    bits = state.awaiting[rows, columns]
    _, which, items = _items(world, rows // 2, bits)
    where = columns[which]
    stage = state.stage[items, where]
    undone = (stage == SIGNED) | (stage == PROMISED)
    _send_back(state, items[undone], where[undone])
    state.awaiting[rows, columns] = 0
    state.awaiting[rows ^ 1, columns] &= ~bits


def _break_restraints(world: World, state: State, events: Ints, columns: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Find the restraints in force that a coercive act breaks."""
    acts = world.event_act[events]
    acting = acts >= 0
    if acting.any():
        for concession in np.flatnonzero(world.breaks.any(axis=0)):
            where = columns[acting][world.breaks[acts[acting], concession]]
            yield from _ended(world, state, world.concessions + int(concession), int(concession), where)


def _lapse(world: World, state: State, events: Ints, columns: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Find the restraints in force whose channel has just closed."""
    closed = world.new_channel[events] == CLOSED
    if closed.any():
        channels = world.event_channel[events[closed]]
        for concession, channel in zip(world.while_rows, world.while_channel, strict=True):
            where = columns[closed][channels == channel]
            yield from _ended(world, state, 2 * world.concessions + int(concession), int(concession), where)


def _ended(world: World, state: State, event: int, concession: int, where: Ints) -> Iterator[tuple[Ints, Ints]]:
    where = where[state.stage[concession, where] == IN_FORCE]
    if len(where):
        yield np.full(len(where), world.moves + event), where


# -- choice -----------------------------------------------------------------------------------------------------------


def choose(outlook: Outlook, remaining: Floats, horizon: Floats) -> tuple[Ints, Floats]:
    """Choose the next event of every column: the nearest ring, if it comes before the horizon.

    Parameters
    ----------
    outlook : Outlook
        Hazards, dense rows all computed.
    remaining : array, shape (moves, width)
        What is left on each clock.
    horizon : array, shape (width,)
        Days until the next tick.

    Returns
    -------
    events : array of int, shape (width,)
        The move that fires, or -1.
    elapsed : array, shape (width,)
        Days until then, or until the horizon.
    """
    dense = outlook.hazards.shape[0]
    with np.errstate(divide="ignore", over="ignore"):
        waits = remaining[:dense] / outlook.hazards
        nearest = waits.min(axis=0, initial=np.inf)
        elapsed = np.minimum(nearest, horizon)
        sparse = []
        for packages in outlook.packages:
            wait = remaining[packages.rows][:, packages.columns] / packages.hazards
            sparse.append((packages, wait, wait.min(axis=0)))
            elapsed[packages.columns] = np.minimum(elapsed[packages.columns], sparse[-1][2])
    events = np.full(len(horizon), -1)
    fires = elapsed < horizon
    fired = np.flatnonzero(fires & (nearest <= elapsed))
    if len(fired):
        events[fired] = np.take(waits, fired, axis=1).argmin(axis=0)
    for packages, wait, soonest in sparse:
        columns = np.arange(len(horizon))[packages.columns]
        won = (events[columns] < 0) & fires[columns] & (soonest <= elapsed[columns])
        events[columns[won]] = packages.rows.start + wait[:, won].argmin(axis=0)
    return events, elapsed


def run_clocks(outlook: Outlook, remaining: Floats, elapsed: Floats) -> None:
    """Let the clocks gather their hazards for some days. Changes `remaining`, and uses up the hazards."""
    dense = outlook.hazards.shape[0]
    left = remaining[:dense]
    outlook.hazards *= elapsed
    left -= outlook.hazards
    np.maximum(left, SMALLEST, out=left)
    for packages in outlook.packages:
        here = elapsed[packages.columns]
        rest = remaining[packages.rows][:, packages.columns] - packages.hazards * here
        remaining[packages.rows, packages.columns] = np.maximum(rest, SMALLEST)


# -- hazards of given moves -------------------------------------------------------------------------------------------


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


def add_halves(rows: Floats) -> Floats:
    """Add rows by halving the table until one is left."""
    while rows.shape[0] > 1:
        half = rows.shape[0] // 2
        folded = rows[:half] + rows[half : 2 * half]
        rows = np.concatenate((folded, rows[2 * half :])) if rows.shape[0] % 2 else folded
    return rows[0].copy() if rows.shape[0] else np.zeros(rows.shape[-1])


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
