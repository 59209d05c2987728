"""How does one history go? Event by event, with what stands after each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from negsim.compiler import Compiled
from negsim.ensemble import Drawn, end_of, moments
from negsim.moves import Event
from negsim.state import Array, State
from negsim.streams import Clocks

KEPT = 64
"""Histories kept in memory: as many as a person has in mind, in some windows."""
MOST_FRAMES = 3_000
"""Nobody steps through more; numbers that make more happen are explosive."""


class TooLong(Exception):
    """A history of more events than anyone would step through."""


@dataclass(frozen=True)
class Frame:
    """What stands after an event (or at the start, where nothing has happened).

    Attributes
    ----------
    date : date
    events : tuple of Event
        What happened: a move and what followed from it.
    stage, frozen : array, shape (concessions,)
    channel : array, shape (channels,)
    """

    date: dt.date
    events: tuple[Event, ...]
    stage: Array
    frozen: Array
    channel: Array


def walk(compiled: Compiled, seed: int, run: int, settings: Mapping[str, float]) -> tuple[Frame, ...]:
    """Walk through one run of an ensemble, from the start to its last event."""
    return _walk(_Held(compiled), seed, run, tuple(settings.items()))


@dataclass(frozen=True)
class _Held:
    """A compiled case that can be a key: cases are kept, so the same case is the same object."""

    compiled: Compiled

    def __hash__(self) -> int:
        return id(self.compiled)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.compiled is self.compiled


@lru_cache(maxsize=KEPT)
def _walk(held: _Held, seed: int, run: int, settings: tuple[tuple[str, float], ...]) -> tuple[Frame, ...]:
    compiled = held.compiled
    parameters = compiled.bind(compiled.resolve(dict(settings)))
    state = compiled.start(parameters, 1)
    names = compiled.labels.addresses
    chooser = Drawn(Clocks(seed, names, np.array([run])))
    frames = [_frame(compiled, state, ())]
    for moment in moments(compiled.world, parameters, state, chooser, end_of(compiled, None), runs=np.array([run])):
        rows = [int(row) for rows in (moment.events[moment.fired], *(r for r, _ in moment.happened)) for row in rows]
        if rows:
            frames.append(_frame(compiled, moment.state, tuple(compiled.labels.events[row] for row in rows)))
        if len(frames) > MOST_FRAMES:
            raise TooLong(f"More than {MOST_FRAMES:,} events by {frames[-1].date}: these numbers feed on themselves.")
    return tuple(frames)


def _frame(compiled: Compiled, state: State, events: tuple[Event, ...]) -> Frame:
    date = compiled.scenario.start + dt.timedelta(days=int(state.time[0]))
    return Frame(date, events, state.stage[:, 0].copy(), state.frozen[:, 0].copy(), state.channel[:, 0].copy())
