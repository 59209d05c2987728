"""What do the stages allow? Flags of the discrete state, gates, and which moves are possible."""

from __future__ import annotations

from typing import Any

import numpy as np

from negsim.state import Array, Parameters, State, World
from negsim.vocabulary import DONE, IN_FORCE, NONE, OPEN, PROMISED, STANDING, SUSPENDED

BEFORE_SIGNATURE, AFTER = 0, 1
"""Consent rules of a side, as numbers of the world."""
AVAILABLE_BITS = (1 << NONE) | (1 << SUSPENDED)
STANDING_BITS = sum(1 << stage for stage in STANDING)
PROMISED_BITS = (1 << PROMISED) | (1 << IN_FORCE) | (1 << DONE)


def read_flags(world: World, parameters: Parameters, state: State) -> dict[str, Any]:
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


def check_gates(world: World, state: State, flags: dict[str, Any]) -> tuple[Array, Array]:
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


def read_switches(world: World, state: State, flags: dict[str, Any], blocked: Array) -> Array:
    """Read what each thing that decides on moves is like: its code, as a bit."""
    live = flags["open"][world.demand_channel]
    demand = state.demand + 2 * live.astype(np.int8)
    concession = state.stage + 8 * state.frozen.astype(np.int8) + 16 * flags["ready"].astype(np.int8)
    channel = state.channel + 4 * blocked.astype(np.int8)
    certain = np.zeros((1, state.channel.shape[-1]), dtype=np.int8)
    codes = np.concatenate((channel, concession, demand, certain)).astype(np.uint32)
    return np.asarray(np.left_shift(np.uint32(1), codes))


def find_possible(world: World, switches: Array, rows: slice) -> Array:
    """Which of some dense moves are possible (approvals and rejections are settled later)."""
    bits = switches.take(world.entity[rows], axis=0)
    bits &= world.allowed[rows]
    return np.asarray(bits != 0)
