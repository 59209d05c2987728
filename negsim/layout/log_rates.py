"""Which log rates does each move add up? Moves that add up the same rows share a signature, computed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from negsim.layout.arguments import About, argument_names
from negsim.layout.rows import Fields, Rows, make_sums
from negsim.layout.sheet import Sheet
from negsim.moves import Event
from negsim.state import Program
from negsim.terms.term import LogRate, Term


@dataclass(frozen=True)
class LogRates:
    """Rows of log rates by move, as signatures; the empty one is that of a move of which no term speaks."""

    programs: tuple[Program, ...]
    size: int
    """Number of rows."""
    signatures: Mapping[tuple[int, ...], int]
    of_move: Mapping[Event, int]

    def fields(self) -> Fields:
        """Fields of the world."""
        sums = make_sums(list(self.signatures), self.size)
        return {"signatures": sums, "log_rates": self.programs, "log_rate_rows": self.size}

    def of_channel(self, channel: str) -> int:
        """Signature of agreeing in a channel, which the kernel takes to be one for all its packages.

        Raises
        ------
        ValueError
            When a term tells the packages apart.
        """
        found = {number for move, number in self.of_move.items() if move.kind == "agree" and move.channel == channel}
        if len(found) > 1:
            raise ValueError("a log rate of `agree` must be the same for all packages of a channel")
        return found.pop() if found else self.signatures[()]


def number_log_rates(sheet: Sheet) -> LogRates:
    """Make the programs of all log rates, and find which of their rows each move adds up."""
    programs: list[Program] = []
    size = 0
    rows_of: dict[Event, list[int]] = {}
    for term in sheet.terms:
        for hook in term.log_rates:
            shared, row_of = _shared_rows(sheet, term, hook)
            if shared:
                programs.append(sheet.program(term, hook.formula, shared, slice(size, size + len(shared))))
            for move, row in row_of.items():
                rows_of.setdefault(move, []).append(size + row)
            size += len(shared)
    # The longest first: those that have one more row to add are then the first few, which numpy takes as a slice.
    signatures = sorted({(): None, **{tuple(rows): None for rows in rows_of.values()}}, key=len, reverse=True)
    number = {signature: place for place, signature in enumerate(signatures)}
    return LogRates(tuple(programs), size, number, {move: number[tuple(rows)] for move, rows in rows_of.items()})


def _shared_rows(sheet: Sheet, term: Term, hook: LogRate) -> tuple[list[About], dict[Event, int]]:
    """One row for all moves for which a formula has the same arguments; the row of each move."""
    names = argument_names(hook.formula)
    numbered: dict[Any, int] = {}
    abouts: list[About] = []
    row_of = {}
    for move in sheet.rows.moves:
        if move.kind in hook.moves:
            about = describe_move(sheet.rows, move)
            row_of[move] = numbered.setdefault(tuple(sheet.find(term, name, about) for name in names), len(numbered))
            if len(abouts) < len(numbered):
                abouts.append(about)
    return abouts, row_of


def describe_move(rows: Rows, move: Event) -> About:
    """What a move is about, with principals for actors."""
    case = rows.scenario
    return About(
        actor=case.principal(move.actor),
        counterpart=case.principal(move.counterpart),
        channel=move.channel,
        side=move.side,
        concession=move.subject if move.subject in case.concession and not move.channel else "",
        act=move.subject if move.kind == "act" else "",
    )
