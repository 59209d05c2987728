"""What do time and moves change? Decays, shipping, stages, tables, consents, memories, and consequences.

Everything here changes the state it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from negsim.kernel.arithmetic import SMALLEST, add_up, pick
from negsim.kernel.quantities import driven
from negsim.kernel.stages import AFTER, BEFORE_SIGNATURE
from negsim.state import Array, Flags, Floats, Ints, Parameters, State, World
from negsim.vocabulary import CLOSED, DORMANT, IN_FORCE, NONE, PROMISED, RAISED, SIGNED, SUSPENDED, TABLED

WHOLE = 1 - 1e-9
"""A flow whose shipped share has come this far is delivered."""

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
        fed = add_up(weights, world.overdue_sums)
        state.memory[rows] += fed / parameters["decay"][world.decay_of[rows]] * (1.0 - shrink[rows])
    if len(world.flow_concession) or world.stocks.stop > world.stocks.start:
        _ship(world, parameters, state, elapsed, shrink)
    state.time = state.time + elapsed


def _ship(world: World, parameters: Parameters, state: State, elapsed: Floats, shrink: Array) -> None:
    """Move what is under way: shares shipped and stocks."""
    inflow = driven(world, parameters, state, "supply") + np.zeros(max(state.width, parameters["quantity"].shape[-1]))
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
    flowing = state.stage[world.flow_concession] == IN_FORCE
    done = flowing[:, columns] & (state.shipped[:, columns] >= WHOLE)
    happened = _deliver(world, parameters, state, done, columns) if done.any() else []
    state.tick[columns] += 1
    return happened


def _deliver(world: World, parameters: Parameters, state: State, done: Flags, columns: Ints) -> Happened:
    """End the flows that have been shipped whole."""
    flow, place = np.nonzero(done)
    events, where = world.moves + world.flow_concession[flow], columns[place]
    _move_stages(world, state, events, where)
    happened = []
    # Memories learn of the first flow that ends in each column, then of the second: a column is changed once at a time.
    turn = np.cumsum(done, axis=0)[flow, place]
    for number in range(1, int(turn.max()) + 1):
        now = turn == number
        _remember(world, parameters, state, events[now], where[now])
        happened.append((events[now], where[now]))
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
    flow = world.flow_of[rows]
    flows = flow >= 0
    state.shipped[flow[flows], where[flows]] = 0.0
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
        factor = pick(parameters["effect_scales"], scale, where)
        term = pick(parameters["effect_adds"], add, where)
        state.memory[row, where] = state.memory[row, where] * factor + term


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
    consenting = (world.package_bits[events] > 0) | world.approves[events]
    if consenting.any():
        _sign_if_settled(world, state, world.event_channel[events[consenting]], columns[consenting])


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
