"""What is each package worth to whom? Utilities, margins over the reservation, Nash products, surplus."""

from __future__ import annotations

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
