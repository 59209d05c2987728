"""What does each event do to memory? For every event, rows of memory with what is added and what multiplies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from negsim.layout.arguments import About
from negsim.layout.formulas import EffectAmounts
from negsim.layout.rows import Fields, Rows, integers
from negsim.layout.sheet import Sheet
from negsim.moves import Event
from negsim.numbers import Paths
from negsim.state import Ints
from negsim.terms.term import Effect, Formula, Term

Entry = tuple[int, int, int]
"""Row of memory, row of what is added, row of what multiplies (0: neither)."""


def lay_effects(sheet: Sheet) -> Fields:
    """Lay out the effects of every event on memory."""
    adds, scales = _Amounts(0.0), _Amounts(1.0)
    table = [list(_entries(sheet, adds, scales, event)) for event in (*sheet.rows.moves, *sheet.rows.consequences)]
    adds.add_slot(sheet, "effect_adds")
    scales.add_slot(sheet, "effect_scales")
    return {"effects": _layers(table)}


class _Amounts:
    """Amounts of effects, each distinct one a row; row 0 is neutral."""

    def __init__(self, neutral: float) -> None:
        self._neutral = neutral
        self._row: dict[tuple[Formula, tuple[Paths, ...], str], int] = {}

    def find(self, formula: Formula, columns: Sequence[Paths], magnitude: str) -> int:
        """Find or make the row of an amount."""
        return self._row.setdefault((formula, tuple(columns), magnitude), 1 + len(self._row))

    def add_slot(self, sheet: Sheet, name: str) -> None:
        """Add the slot of all amounts."""
        columns = [column for _, found, magnitude in self._row for column in (*found, (magnitude,))]
        parts = tuple((formula, len(found)) for formula, found, _ in self._row)
        # A last column that no formula takes gives the neutral row a width where there are no effects at all.
        sheet.add_slot(name, *columns, ("=0",), formula=EffectAmounts(self._neutral, parts))


def _entries(sheet: Sheet, adds: _Amounts, scales: _Amounts, event: Event) -> Iterator[Entry]:
    affected = list(_affected(sheet.rows, event))
    for term, effect in _effects_of(sheet, event):
        for pair, magnitude in affected:
            columns = sheet.find_numbers(term, effect.formula, [About(magnitude=magnitude)])
            row = sheet.memories[effect.memory].start + pair
            if effect.how == "add":
                yield row, adds.find(effect.formula, columns, magnitude), 0
            else:
                yield row, 0, scales.find(effect.formula, columns, magnitude)


def _effects_of(sheet: Sheet, event: Event) -> Iterator[tuple[Term, Effect]]:
    for term in sheet.terms:
        for effect in term.effects:
            laid = effect.memory in sheet.memories  # none is that of a term that is switched off
            if laid and event.kind in effect.events and _concerns(sheet.rows, event, effect.only):
                yield term, effect


def _concerns(rows: Rows, event: Event, only: tuple[str, ...] | None) -> bool:
    return only is None or rows.scenario.concession[event.subject].kind in only


def _affected(rows: Rows, event: Event) -> Iterator[tuple[int, str]]:
    """Find pairs (holder, mover) that an event affects, with the key path of how much."""
    case = rows.scenario
    mover = case.principal(event.actor)
    if event.kind == "act":
        for hit in case.coercion[event.subject].hits:
            yield rows.pair[hit, mover], f"coercion.{event.subject}.hits.{hit}"
    elif event.side >= 0:
        for holder in dict.fromkeys(rows.members(event.channel, 1 - event.side)):
            yield rows.pair[holder, mover], "=1"
    elif event.channel:
        for side, leaders in enumerate(reversed(case.channel[event.channel].sides)):
            for holder in dict.fromkeys(rows.members(event.channel, side)):
                yield rows.pair[holder, case.principal(leaders[0])], "=1"
    elif event.subject in case.concession:
        for state in case.concession[event.subject].worth:
            yield rows.pair[state, mover], f"concession.{event.subject}.worth.{state}"


def _layers(table: Sequence[Sequence[Entry]]) -> tuple[tuple[Ints, Ints, Ints], ...]:
    """Lay out the effects of every event so that within a layer no event changes a row twice.

    Otherwise the kernel, which applies a layer at once, would lose all but one of the changes of a row.
    """
    layers: list[list[list[Entry]]] = []
    for event, entries in enumerate(table):
        depth: dict[int, int] = {}
        for entry in entries:
            depth[entry[0]] = level = depth.get(entry[0], -1) + 1
            while level >= len(layers):
                layers.append([[] for _ in table])
            layers[level][event].append(entry)
    return tuple(_lay_layer(layer) for layer in layers)


def _lay_layer(layer: Sequence[Sequence[Entry]]) -> tuple[Ints, Ints, Ints]:
    count = integers(len(entries) for entries in layer)
    flat: Any = np.array([entry for entries in layer for entry in entries], dtype=np.int64).reshape(-1, 3)
    return np.cumsum(count) - count, count, np.ascontiguousarray(flat.T)
