"""What do the actors look at? Needs, drivers, relations, and what weighs on a channel (docs/model.md, section 4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from negsim.kernel.arithmetic import add_up
from negsim.state import Array, Floats, Ints, Parameters, State, World
from negsim.vocabulary import DONE, EXPONENT_LIMIT, IN_FORCE, PROMISED, RAISED

ANSWERING_BITS = (1 << PROMISED) | (1 << IN_FORCE)
FACTORS = ("shortfall", "supply")
"""Numbers that drivers multiply; they add to the others."""


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
        width = max(values.shape[-1], state.width, *(parameters[driver.slot].shape[-1] for driver in mine))
        values = np.repeat(values, width // values.shape[-1], axis=-1)
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


def add_relations(world: World, parameters: Parameters, flags: dict[str, Any], q: dict[str, Any]) -> None:
    """Engagement, easing by allies, share in force, restraints."""
    live = np.concatenate((flags["open"], flags["in_force"])).astype(np.int16)
    if world.ally_engaged.size:
        engaged = _saturate(add_up(live, world.engaged))[world.ally_engaged]
        q["ally"] = add_up(parameters["ally_weight"] * engaged, world.allies)
    else:
        q["ally"] = np.zeros((max(world.allies.members.shape[1], 1), 1))
    if "engagement" in world.wants:
        q["engagement"] = _saturate(add_up(live, world.engaged_states))
    if "share_in_force" in world.wants:
        held = flags["in_force"] | ((flags["bits"] & (1 << DONE)) != 0)
        q["share_in_force"] = add_up(parameters["share"] * held[world.share_concession], world.shares)
    if "restraint" in world.wants:
        q["restraint"] = np.minimum(add_up(live, world.restraints), 1).astype(float)


def _saturate(count: Ints) -> Floats:
    """Turn a count of what is live between two into a number from 0 to 1."""
    number = count.astype(float)
    return number / (1.0 + number)


def add_channel_quantities(
    world: World, parameters: Parameters, state: State, flags: dict[str, Any], q: dict[str, Any]
) -> None:
    """Pain of channels and pressure of demands."""
    if "pain" in world.wants:
        waiting = np.exp(-(state.time - state.last_deal) / parameters["patience"])
        q["pain"] = add_up(q["need"][:-1], world.pains) / world.pain_sizes + (1.0 - waiting)
    if "pressure" in world.wants:
        unanswered = state.demand == RAISED
        answering = (flags["bits"] & ANSWERING_BITS) != 0
        for demand, items in enumerate(world.answers):
            unanswered[demand] &= ~answering[items].any(axis=0)
        q["pressure"] = add_up(parameters["demand_weight"] * unanswered, world.pressures)
