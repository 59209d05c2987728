"""What is each package worth to whom? Utilities, margins over the reservation, Nash products, surplus."""

from __future__ import annotations

from typing import Any

import numpy as np

from negsim.kernel.arithmetic import add_up, clip, evaluate_formula
from negsim.state import Array, Parameters, State, World


def find_utilities(world: World, parameters: Parameters, flags: dict[str, Any], q: dict[str, Any], width: int) -> Array:
    """What each item is worth to whom, by context: benefits, givers' rows, means, and a row of zeros."""
    rows = np.empty((world.utility_rows, width))
    rows[-1] = 0.0
    benefits, givers = len(world.benefit_chi), len(world.giver_exponent)
    trust = q["credibility"]
    believed = 1.0 - (1.0 - trust[world.chi_pair]) * parameters["doubt"]
    benefit = np.multiply(believed[world.benefit_chi], parameters["worth"], out=rows[:benefits])
    benefit *= q["need"][world.benefit_need]
    for program in world.benefit_programs:
        benefit *= evaluate_formula(program, parameters, q)
    price = _find_prices(world, parameters, q, width)[world.giver_exponent]
    price *= parameters["cost"]
    own = _find_own_worths(world, parameters, flags, q, width)[world.giver_concession]
    np.subtract(own, price, out=rows[benefits : benefits + givers])
    if world.mean_sizes.size:
        rows[benefits + givers : -1] = add_up(rows, world.means) / world.mean_sizes
    return rows


def _find_prices(world: World, parameters: Parameters, q: dict[str, Any], width: int) -> Array:
    """Factors on the cost of giving, for each distinct exponent."""
    exponent = np.zeros((world.exponent_rows, width))
    for program in world.exponents:
        exponent += evaluate_formula(program, parameters, q)
    return np.exp(clip(exponent), out=exponent)


def _find_own_worths(
    world: World, parameters: Parameters, flags: dict[str, Any], q: dict[str, Any], width: int
) -> Array:
    """What giving each concession is worth to the giver, but for its cost."""
    own = np.empty((world.concessions, width))
    np.multiply(parameters["care"], q["need"][world.care_need], out=own)
    if world.return_item.size:
        answer = q["credibility"][world.return_pair] * parameters["return_worth"]
        answer = answer * flags["standing"][world.return_item]
        own[world.return_concession] += add_up(answer, world.returns)
    for program in world.giver_programs:
        own += evaluate_formula(program, parameters, q)
    return own


def _margins(world: World, parameters: Parameters, rows: Array, q: dict[str, Any]) -> Array:
    """Margins of side 1 over every package, then those of side 2."""
    worth, reservation = add_up(rows, world.bundles), q["seat_reservation"]
    bundles, seats = world.voters
    margin: Array = worth.take(bundles[0], axis=0)
    margin -= reservation[seats[0]]
    for more_bundles, more_seats in zip(bundles[1:], seats[1:], strict=True):
        np.minimum(margin, worth[more_bundles] - reservation[more_seats], out=margin)
    return margin


def weigh_packages(
    world: World, parameters: Parameters, state: State, flags: dict[str, Any], q: dict[str, Any]
) -> None:
    """Which packages are enabled, the margins over each, and the surplus of channels where a move asks for it."""
    available = np.concatenate((flags["available"], np.ones((1, state.width), dtype=bool)))
    enabled = available.take(world.package_items[0], axis=0)
    for items in world.package_items[1:]:
        enabled &= available.take(items, axis=0)
    q.update(package_enabled=enabled, margins=_margins(world, parameters, q["utilities"], q))
    if "surplus" in world.wants:
        asked = ((world.surplus_stages >> state.channel) & 1) != 0
        q["surplus"] = _surplus(world, parameters, q["margins"], enabled & asked[world.package_channel])


def log_products(odds: Array, weight: Array) -> Array:
    """Logarithms of Nash products from the odds that side 1, then side 2, accepts. Overwrites the odds."""
    gains = np.log(np.log1p(odds, out=odds), out=odds)
    half = len(gains) // 2
    product: Array = weight * gains[:half]
    product += (1.0 - weight) * gains[half:]
    return product


def _surplus(world: World, parameters: Parameters, margins: Array, chosen: Array) -> Array:
    """Mean Nash product over the chosen packages of each channel. Nothing is computed of the others."""
    packages, width = chosen.shape
    weight, count = parameters["nash_weight"], np.count_nonzero(chosen, axis=1)
    if width < margins.shape[-1]:  # one discrete state for all columns: whole rows
        rows = np.flatnonzero(count)
        products = log_products(np.exp(clip(margins[np.concatenate((rows, packages + rows))])), weight[rows])
        value = np.zeros((world.channels, margins.shape[-1]))
        channels = world.package_channel[rows]
        for channel, product in zip(channels, np.exp(products, out=products), strict=True):
            value[channel] += product
        return value / np.maximum(np.bincount(channels, minlength=world.channels), 1)[:, None]
    cells = np.flatnonzero(chosen)
    odds = np.exp(clip(np.take(margins, np.concatenate((cells, chosen.size + cells)))))
    weights = np.repeat(weight[:, 0], count) if weight.shape[-1] == 1 else weight.reshape(-1)[cells]
    products = log_products(odds, weights)
    # A sum goes through the list in its order, so that it does not depend on what stands beside it.
    place = cells + np.repeat((world.package_channel - np.arange(packages)) * width, count)
    total = np.bincount(place, np.exp(products, out=products), world.channels * width)
    number = np.bincount(place, minlength=len(total))
    return (total / np.maximum(number, 1)).reshape(-1, width)
