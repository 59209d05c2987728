"""Which formulas may a world call, and where does each find its arguments?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from negsim.layout.formulas import unchanged
from negsim.scalar.numbers import Numbering, count_rows
from negsim.state import Array, Parameters, Program, World
from negsim.terms import SHELF

STATE_SLOTS = ("cost_exponent", "giver_utility", "benefit_factor", "approval")
"""Slots of terms whose formulas may depend on the state, so that they are called while a run goes on."""

Formula = Callable[..., Any]


def list_other_programs(world: World) -> tuple[Program, ...]:
    """List the programs besides those of log rates."""
    places = (world.benefit_programs, world.exponents, world.giver_programs, world.approval_programs)
    return (world.trust, *(program for programs in places for program in programs))


def list_programs(world: World) -> tuple[Program, ...]:
    """List all programs."""
    return (*list_other_programs(world), *world.log_rates)


def list_formulas(world: World) -> tuple[Formula, ...]:
    """List the formulas a world may call: those shipped, whether used or not, then those of a user's own terms.

    So one compilation serves all scenarios whose terms are shipped.
    """
    return tuple(dict.fromkeys((*SHIPPED, *(program.formula for program in list_programs(world)))))


def _list_shipped() -> Iterator[Formula]:
    yield unchanged
    for term in SHELF.values():
        yield from (hook.formula for hook in term.log_rates)
        yield from (slot.formula for slot in term.slots if slot.place in STATE_SLOTS)
        yield from [term.trust.formula] if term.trust else []


SHIPPED = tuple(dict.fromkeys(_list_shipped()))
"""Formulas of the shelf that may depend on the state, in its order."""


def lay_programs(
    world: World, parameters: Parameters, numbering: Numbering, sizes: Mapping[str, int], formulas: Sequence[Formula]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Lay out where each formula finds its arguments; how many formulas speak to each place."""
    places = {
        "trust": ((world.trust,), sizes["pairs"]),
        "benefit": (world.benefit_programs, sizes["benefits"]),
        "exponent": (world.exponents, sizes["exponents"]),
        "giver": (world.giver_programs, sizes["concessions"]),
        "log_rate": (world.log_rates, 0),
        "approval": (world.approval_programs, sizes["approvals"]),
    }
    arguments: list[Array] = []
    tables: dict[str, Any] = {}
    counts: dict[str, int] = {}
    end = 0
    for place, (programs, rows) in places.items():
        tables[place] = []
        for program in programs:
            first, last = (program.rows.start, program.rows.stop) if place == "log_rate" else (0, rows)
            count = last - first
            assert count_rows(program.sources, parameters, count) == count, "a program has a row for each of its place"
            table = np.full((count, sizes["arguments"]), 0, dtype=np.int64)
            for position, source in enumerate(program.sources):
                table[:, position] = numbering.find(source, count)
            tables[place] += [formulas.index(program.formula), end, first, last]
            arguments.append(table)
            end += count
        counts[f"{place}_count"] = len(programs)
    tables["argument"] = np.concatenate(arguments) if arguments else []
    return tables, counts
