"""How does a history pass through the model? Move by move: the state that allowed it, and how fast it could come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from negsim.calendar import moments as dates_of
from negsim.compiler import Compiled
from negsim.ensemble import moments
from negsim.history import History, read_history
from negsim.kernel import Outlook, hazards_of, total_hazard
from negsim.moves import Event
from negsim.replays import Given
from negsim.state import Floats, Ints, Parameters, State
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES, DAYS_PER_YEAR, DEMAND_STAGES


@dataclass(frozen=True)
class Step:
    """One move of a history, as the model saw it just before.

    Attributes
    ----------
    day : float
        Days from the start.
    date : str
    move : Event
    reason : str
        The state that made it possible, in words.
    per_year : float
        Its hazard a year; 0 where it was impossible.
    baseline : float
        Its rate a year before any term or utility speaks.
    share : float
        Its hazard as a share of that of all that could have happened then.
    """

    day: float
    date: str
    move: Event
    reason: str
    per_year: float
    baseline: float
    share: float


def walk(compiled: Compiled, history: Any, params: Mapping[str, Any] | None = None) -> list[Step]:
    """Walk through a history with one set of numbers.

    Parameters
    ----------
    compiled : Compiled
        The scenario.
    history : rows or History
        As for :func:`negsim.replay`.
    params : mapping, optional
        Numbers at other values, each a scalar.

    Returns
    -------
    list of Step
        One for each move, in the order of time.
    """
    given = read_history(compiled, history)
    parameters = compiled.bind(compiled.resolve(params))
    walker = Walker(compiled, given, parameters)
    end = float(compiled.world.tick_times[-1])
    for _ in moments(compiled.world, parameters, compiled.start(parameters, 1), walker, end):
        pass
    return walker.steps


class Walker(Given):
    """Makes the moves of one history, and notes each as it is made."""

    def __init__(self, compiled: Compiled, history: History, parameters: Parameters) -> None:
        super().__init__(compiled, [history], 1)
        self._parameters = parameters
        self._history = history
        self.steps: list[Step] = []

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Name the next given move, and note it if it comes now."""
        number = int(self._next[0])
        events, elapsed = super().choose(outlook, state, horizon, until)
        if int(self._next[0]) > number:
            self.steps.append(self._note(outlook, state, number))
        return events, elapsed

    def _note(self, outlook: Outlook, state: State, number: int) -> Step:
        row, day = int(self._history.moves[number]), float(self._history.days[number])
        event = self._compiled.labels.events[row]
        hazard = float(hazards_of(outlook, np.array([row]), np.array([0]), False)[0])
        date = str(dates_of(self._compiled.scenario.start, np.array(day)))[:10]
        reason = tell_state(self._compiled, state, outlook, event, day)
        share = hazard / float(total_hazard(outlook)[0]) if hazard > 0 else 0.0
        return Step(day, date, event, reason, hazard * DAYS_PER_YEAR, self._baseline(row), share)

    def _baseline(self, row: int) -> float:
        world = self._compiled.world
        if row < world.dense:
            return float(self._parameters["rate"][row, 0]) * DAYS_PER_YEAR
        return float(self._parameters["agree_rate"][world.package_channel[row - world.dense], 0]) * DAYS_PER_YEAR


# -- the state in words -----------------------------------------------------------------------------------------------


def tell_state(compiled: Compiled, state: State, outlook: Outlook, event: Event, day: float) -> str:
    """Say in words how what a move concerns stands just before the day on which it is made."""
    if event.kind in ("approve", "reject"):
        return _tell_waiting(compiled, state, event)
    if event.kind == "raise":
        stage = DEMAND_STAGES[state.demand[compiled.labels.demands.index(event.subject), 0]]
        return f"{event.subject} {stage}, {_channel(compiled, state, compiled.scenario.demand[event.subject].channel)}"
    if event.channel:
        return _tell_channel(compiled, state, outlook, event)
    if event.kind == "act":
        return "always possible"
    return _tell_concession(compiled, state, event, day)


def _channel(compiled: Compiled, state: State, name: str) -> str:
    return f"{name} {_word(CHANNEL_STAGES, state.channel[compiled.labels.channels.index(name), 0])}"


def _item(compiled: Compiled, state: State, name: str) -> str:
    row = compiled.labels.concessions.index(name)
    return f"{name} {_word(CONCESSION_STAGES, state.stage[row, 0])}{', frozen' if state.frozen[row, 0] else ''}"


def _word(stages: tuple[str, ...], stage: int) -> str:
    return stages[stage].replace("_", " ")


def _tell_channel(compiled: Compiled, state: State, outlook: Outlook, event: Event) -> str:
    told = [_channel(compiled, state, event.channel)]
    row = compiled.labels.channels.index(event.channel)
    if event.kind == "open" and outlook.quantities["gate_met"][row, 0] > 0:
        told.append("its gates met")
    if event.kind == "agree":
        told += ["table free", *(_item(compiled, state, item) for item in event.items)]
    return ", ".join(told)


def _tell_waiting(compiled: Compiled, state: State, event: Event) -> str:
    row = compiled.labels.channels.index(event.channel)
    tabled, signed = int(state.table[row, 0]), int(state.awaiting[2 * row + event.side, 0])
    agenda = [compiled.labels.concessions[item] for item in compiled.world.agenda[row] if item >= 0]
    before = compiled.scenario.channel[event.channel].consent[event.side] == "before_signature"
    bits = tabled if before else signed
    items = [item for place, item in enumerate(agenda) if bits >> place & 1]
    return f"{'on the table' if before else 'signed'}, waiting for {event.actor}: {', '.join(items) or 'nothing'}"


def _tell_concession(compiled: Compiled, state: State, event: Event, day: float) -> str:
    told = _item(compiled, state, event.subject)
    if event.kind != "begin":
        return told
    row = compiled.labels.concessions.index(event.subject)
    days = day - float(state.changed[row, 0])
    lead = compiled.scenario.concession[event.subject].lead_time_days
    return f"{told} for {days:.0f} days (lead time {lead:g})"
