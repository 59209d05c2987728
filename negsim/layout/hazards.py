"""When is a move possible, and which factors make its hazard (model, sections 4 and 7)?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from negsim.layout.formulas import per_day, unchanged
from negsim.layout.log_rates import LogRates
from negsim.layout.rows import Fields, Rows, integers
from negsim.layout.sheet import Sheet
from negsim.layout.utilities import Worths
from negsim.moves import Event, rate_path
from negsim.state import Program, Source
from negsim.vocabulary import (
    BARGAINED_STEPS,
    CHANNEL_MOVE_STAGES,
    CONCESSION_MOVE_STAGES,
    DORMANT,
    NEEDS_FROZEN,
    NEEDS_UNFROZEN,
)


def lay_hazards(sheet: Sheet, worths: Worths, log_rates: LogRates) -> Fields:
    """Lay out rates, factors and conditions of the dense moves."""
    rows = sheet.rows
    sheet.add_slot("rate", [rate_path(rows.scenario, move) for move in rows.dense], formula=per_day)
    givers = {name: rows.giver(name) for name in rows.concession}
    return {
        **_possibilities(rows),
        **_factors(rows, log_rates),
        "alone": integers(worths.of_item["", name, giver] for name, giver in givers.items()),
        "alone_state": integers(rows.state[giver] for giver in givers.values()),
    }


# -- factors ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _FactorRows:
    """Rows of factors: one, signatures, bargained steps by concession, approvals, rejections."""

    signatures: int
    steps: int
    approvals: int

    @property
    def first_step(self) -> int:
        return 1 + self.signatures

    @property
    def first_approval(self) -> int:
        return self.first_step + self.steps

    @property
    def size(self) -> int:
        return self.first_approval + 2 * self.approvals


def _factors(rows: Rows, log_rates: LogRates) -> Fields:
    """Find each move's factor, and a second one where a term speaks to a step or an approval."""
    approvals = sum(move.kind == "approve" for move in rows.dense)
    layout = _FactorRows(len(log_rates.signatures), len(rows.concession), approvals)
    signed = {move: 1 + number for move, number in log_rates.of_move.items()}
    own = _own_factors(rows, layout)
    second = {row: signed[move] for row, move in enumerate(rows.dense) if move in own and move in signed}
    sources = tuple(Source("factor", factor) for factor in second.values())
    return {
        "base": integers(own.get(move, signed.get(move, 0)) for move in rows.dense),
        "second": Program(unchanged, sources, list(second)) if second else None,
        "factor_rows": layout.size,
        "bargained": slice(layout.first_step, layout.first_approval),
        "approve_factors": slice(layout.first_approval, layout.size),
        "agree_signature": integers(1 + log_rates.of_channel(name) for name in rows.channel),
    }


def _own_factors(rows: Rows, layout: _FactorRows) -> dict[Event, int]:
    """Factors other than log rates: a step's logistic of utility, the probability of approving or rejecting."""
    steps = [move for move in rows.dense if move.kind in BARGAINED_STEPS]
    decisions = [move for kind in ("approve", "reject") for move in rows.dense if move.kind == kind]
    own = {move: layout.first_step + rows.concession[move.subject] for move in steps}
    return own | {move: row for row, move in enumerate(decisions, start=layout.first_approval)}


# -- conditions -------------------------------------------------------------------------------------------------------


def _possibilities(rows: Rows) -> Fields:
    """For each dense move: which thing's code decides, and at which codes the move is possible, as bits.

    The kernel gives each thing a code: a channel its stage + 4 if a gate blocks it; a concession its stage + 8 if
    frozen + 16 if ready; a demand its stage + 2 if its channel is live; what is always possible 0.
    """
    return {
        "entity": integers(_deciding_row(rows, move) for move in rows.dense),
        "allowed": np.array([_allowed_codes(move) for move in rows.dense], dtype=np.uint32)[:, None],
    }


def _deciding_row(rows: Rows, move: Event) -> int:
    """Row of what decides among channels, concessions, demands and, last, what is always possible."""
    first_demand = len(rows.channel) + len(rows.concession)
    if move.kind in ("approve", "reject", "act"):
        return first_demand + len(rows.demand)
    if move.kind == "raise":
        return first_demand + rows.demand[move.subject]
    if move.channel:
        return rows.channel[move.channel]
    return len(rows.channel) + rows.concession[move.subject]


def _allowed_codes(move: Event) -> int:
    if move.kind in ("approve", "reject", "act"):
        return _bits([0])
    if move.kind == "raise":
        return _bits([DORMANT + 2])
    if move.channel:
        gates = (0,) if move.kind == "open" else (0, 4)
        return _bits([stage + gate for stage in CHANNEL_MOVE_STAGES[move.kind] for gate in gates])
    frozen = (8,) if move.kind in NEEDS_FROZEN else (0,) if move.kind in NEEDS_UNFROZEN else (0, 8)
    ready = (16,) if move.kind == "begin" else (0, 16)
    return _bits([stage + f + r for stage in CONCESSION_MOVE_STAGES[move.kind] for f in frozen for r in ready])


def _bits(codes: Sequence[int]) -> int:
    return sum(1 << code for code in codes)
