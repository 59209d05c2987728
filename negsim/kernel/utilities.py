"""What is each package worth to whom? Utilities, margins over the reservation, Nash products, surplus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from negsim.kernel.arithmetic import add_up, clip, evaluate_formula, with_zero
from negsim.state import Array, Parameters, State, World


def find_utilities(world: World, parameters: Parameters, flags: dict[str, Any], q: dict[str, Any], width: int) -> Array:
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
        own[world.return_concession] += add_up(with_zero(answer), world.returns)
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


def weigh_packages(
    world: World, parameters: Parameters, state: State, flags: dict[str, Any], q: dict[str, Any]
) -> None:
    """Which packages are enabled, the margins over each, and the surplus of channels where a move asks for it."""
    bits = (flags["available"][world.agenda] * world.agenda_bits).sum(axis=1, dtype=np.int32)
    enabled = (bits[world.package_channel] & world.package_members) == world.package_members
    q.update(package_enabled=enabled, margins=_margins(world, parameters, q["utilities"], q))
    if "surplus" in world.wants:
        asked = ((world.surplus_stages >> state.channel) & 1) != 0
        q["surplus"] = _surplus(world, parameters, q["margins"], enabled & asked[world.package_channel])


def log_products(odds: Sequence[Array], weight: Array) -> Array:
    """Logarithms of Nash products from the odds that either side accepts. Overwrites the odds."""
    gains = [np.log(np.log1p(side, out=side), out=side) for side in odds]
    product: Array = weight * gains[0]
    product += (1.0 - weight) * gains[1]
    return product


def _surplus(world: World, parameters: Parameters, margins: Array, chosen: Array) -> Array:
    """Mean Nash product over the chosen packages of each channel. Nothing is computed of the others."""
    packages, width = len(world.package_channel), margins.shape[-1]
    value = np.zeros((packages + 1, width))
    weight = parameters["nash_weight"]
    if chosen.shape[-1] < width:  # one discrete state for all columns: whole rows
        rows = np.flatnonzero(chosen[:, 0])
        sides = (margins[rows], margins[packages + rows])
        value[rows] = np.exp(log_products([np.exp(clip(side), out=side) for side in sides], weight[rows]))
    else:
        cells = np.flatnonzero(chosen)
        flat = margins.reshape(-1)
        sides = (flat[cells], flat[cells + chosen.size])
        weights = np.repeat(weight[:, 0], chosen.sum(axis=1)) if weight.shape[-1] == 1 else weight.reshape(-1)[cells]
        products = log_products([np.exp(clip(side), out=side) for side in sides], weights)
        value.reshape(-1)[cells] = np.exp(products, out=products)
    count = np.zeros((packages + 1, chosen.shape[-1]), dtype=np.int16)
    count[:-1] = chosen
    return add_up(value, world.channel_sums) / np.maximum(add_up(count, world.channel_sums), 1)
