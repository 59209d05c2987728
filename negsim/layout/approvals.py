"""What do domestic groups think of what waits for approval?"""

from __future__ import annotations

import numpy as np

from negsim.layout.arguments import About
from negsim.layout.formulas import GroupValues
from negsim.layout.log_rates import describe_move
from negsim.layout.rows import Fields, Rows, integers
from negsim.layout.sheet import Sheet
from negsim.moves import Event

NO_GROUP = ("=0", "=0")


def lay_approvals(sheet: Sheet) -> Fields:
    """Lay out the decisions at home, one for each channel side that must consent."""
    rows = sheet.rows
    approvals = [move for move in rows.dense if move.kind == "approve"]
    ratifies = any(term.ratifies for term in sheet.terms)
    abouts = [describe_move(rows, move) for move in approvals]
    _add_values(sheet, approvals)
    sheet.add_slot("threshold", [f"actor.{state}.threshold" for state in rows.state])
    uncertain = [ratifies and bool(rows.scenario.actor[move.actor].groups) for move in approvals]
    return {
        "approval_programs": sheet.programs("approval", abouts) if approvals else (),
        "approve_state": integers(rows.state[move.actor] for move in approvals),
        "approve_side": integers(2 * rows.channel[move.channel] + move.side for move in approvals),
        "uncertain": np.array(uncertain, dtype=bool),
    }


def _add_values(sheet: Sheet, approvals: list[Event]) -> None:
    """Add the slot of what groups think of each item, by position on the agenda and approval."""
    positions = sheet.rows.longest_agenda
    cells = [_opinions(sheet.rows, move, position) for position in range(positions) for move in approvals]
    groups = max((len(cell) for cell in cells), default=0)
    padded = [cell + [NO_GROUP] * (groups - len(cell)) for cell in cells]
    opinions = [[cell[group][part] for cell in padded] for group in range(groups) for part in (0, 1)]
    weight = sheet.gather("values_weight", [About()] * len(cells))
    formula, zeros = GroupValues(groups, weight.parts), ["=0"] * len(cells)
    sheet.add_slot("values", *opinions, *weight.columns, zeros, formula=formula, shape=(positions, len(approvals)))


def _opinions(rows: Rows, move: Event, position: int) -> list[tuple[str, str]]:
    """Key paths of weight and value, for each group that has a view of the item at a position of the agenda."""
    agenda = rows.scenario.channel[move.channel].agenda
    if position >= len(agenda):
        return []
    return [
        (f"actor.{move.actor}.groups.{name}.weight", f"actor.{move.actor}.groups.{name}.values.{agenda[position]}")
        for name, group in rows.scenario.actor[move.actor].groups.items()
        if agenda[position] in group.values
    ]
