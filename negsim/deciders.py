"""Who decides? In one run, some actors by code from outside; everybody else by the model and its clocks.

A decider is called at every re-evaluation with what its actor can do (a :class:`View`), and says what is to be
different. It changes the hazards of its own moves only. The clocks stay where they are, so the noise of all other moves
is the same whoever decides.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from negsim.compiler import Compiled
from negsim.ensemble import Chooser
from negsim.kernel import Outlook
from negsim.moves import Event
from negsim.problems import NegsimError, find_nearest
from negsim.reasons import explain_impossible
from negsim.state import Floats, Ints, State
from negsim.vocabulary import DAYS_PER_YEAR, JOINT_MOVES

TOGETHER: Final = (*JOINT_MOVES, "agree")
"""Kinds of move that two sides make together."""


class DecisionError(NegsimError):
    """A decision that cannot be carried out. The message names the actor and the move, and says what is allowed."""


@dataclass(frozen=True)
class View:
    """What an actor can do at a re-evaluation, and how the model would have it decide; what is impossible is left out.

    Attributes
    ----------
    actor : str
        Whose view it is.
    day : float
        Days from the start.
    date : date
        The day it is.
    alone : mapping of Event to float
        Moves that are its own, approving and rejecting an accord among them: hazard per year.
    joint : mapping of Event to float
        Moves of channels in which it leads a side: the probability that its side is willing. The model has every side
        willing to plan, open, meet, adjourn and close (1); for a package it is the side's acceptance.
    """

    actor: str
    day: float
    date: dt.date
    alone: Mapping[Event, float]
    joint: Mapping[Event, float]


Decide = Callable[[View], Mapping[Event, float] | None]
"""Takes a view and gives what is to be different: other values for moves of the view. What is not named stays."""


class Deciders:
    """Chooses for one run: deciders change the hazards of their own moves, then another chooser draws.

    Parameters
    ----------
    compiled : Compiled
        The scenario.
    inner : Chooser
        Draws what happens.

    Attributes
    ----------
    forced : bool
        Whether the move that was chosen last is a forced one.
    """

    def __init__(self, compiled: Compiled, inner: Chooser) -> None:
        self._compiled = compiled
        self._moves = compiled.labels.events[: compiled.world.moves]
        self._rows = {move: row for row, move in enumerate(self._moves)}
        self._leaders = {
            name: tuple(side[0] for side in channel.sides) for name, channel in compiled.scenario.channel.items()
        }
        self._inner = inner
        self._deciders: dict[str, Decide] = {}
        self._queue: list[tuple[float, Event]] = []
        self.forced = False

    def appoint(self, actor: str, decide: Decide) -> None:
        """Let somebody decide for an actor."""
        self._deciders[actor] = decide

    def force(self, move: Event, day: float) -> None:
        """Have a move made at a moment, in days from the start. Its clock is not touched, so nothing else shifts."""
        self._queue.append((day, move))
        self._queue.sort(key=lambda entry: entry[0])  # stable: of the same moment, first come, first made

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Let the deciders decide, then draw; a forced move comes before what is drawn for a later moment."""
        hazards = self._list_hazards(outlook)
        willing = self._willingness(outlook)
        for actor, decide in self._deciders.items():
            view = self._look(actor, state, hazards, willing)
            self._change(outlook, view, decide(view) or {})
        events, elapsed = self._inner.choose(outlook, state, horizon, until)
        self.forced = False
        if self._queue:
            wait = np.maximum(self._queue[0][0] - state.time, 0.0)
            if wait[0] < horizon[0] and wait[0] <= elapsed[0] and state.time[0] + wait[0] < until:
                self.forced = True
                return self._due(outlook, state, hazards), wait
        return events, elapsed

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Let the clocks run; that of a forced move does not ring."""
        self._inner.settle(outlook, elapsed, events, fired[:0] if self.forced else fired)
        if self.forced:
            del self._queue[0]

    def select(self, columns: Ints) -> None:
        """Keep some columns."""
        self._inner.select(columns)

    def _due(self, outlook: Outlook, state: State, hazards: Mapping[Event, float]) -> Ints:
        """Take the forced move that is due.

        Raises
        ------
        DecisionError
            When it is impossible; the message says why.
        """
        day, move = self._queue[0]
        row = self._rows[move]
        if move not in hazards:
            moment = max(day, float(state.time[0]))
            raise DecisionError(f"forced: {explain_impossible(self._compiled, state, outlook, row, 0, moment)}")
        return np.array([row])

    # -- looking ------------------------------------------------------------------------------------------------------

    def _list_hazards(self, outlook: Outlook) -> dict[Event, float]:
        """Hazards per day of the moves that are possible, as the model has them.

        Who is sure to approve has no hazard of rejecting. It could reject all the same, so that stands there with 0.
        """
        dense = outlook.hazards[:, 0]
        found = {self._moves[row]: float(dense[row]) for row in np.flatnonzero(dense > 0)}
        for packages in outlook.packages:
            here = packages.hazards[:, 0]
            found |= {self._moves[packages.rows.start + row]: float(here[row]) for row in np.flatnonzero(here > 0)}
        return {replace(move, kind="reject"): 0.0 for move in found if move.kind == "approve"} | found

    def _willingness(self, outlook: Outlook) -> Callable[[Event, int], float]:
        """For a joint move and a side, the probability that the side is willing."""

        def look_up(move: Event, side: int) -> float:
            row = self._rows[move]
            for packages in outlook.packages:
                if packages.rows.start <= row < packages.rows.stop:
                    return float(packages.willing[side][row - packages.rows.start, 0])
            return 1.0

        return look_up

    def _look(
        self, actor: str, state: State, hazards: Mapping[Event, float], willing: Callable[[Event, int], float]
    ) -> View:
        alone = {
            move: hazard * DAYS_PER_YEAR
            for move, hazard in hazards.items()
            if move.actor == actor and move.kind not in TOGETHER
        }
        joint = {
            move: willing(move, self._leaders[move.channel].index(actor))
            for move in hazards
            if move.kind in TOGETHER and actor in self._leaders[move.channel]
        }
        day = float(state.time[0])
        return View(actor, day, self._compiled.scenario.start + dt.timedelta(days=int(day)), alone, joint)

    # -- changing -----------------------------------------------------------------------------------------------------

    def _change(self, outlook: Outlook, view: View, decision: Mapping[Event, float]) -> None:
        """Write what is to be different into the hazards. What equals the model's own value is left to the bit."""
        if not isinstance(decision, Mapping):
            raise DecisionError(
                f"{view.actor} on {view.date}: {decision!r}; allowed: a mapping of moves to numbers, or None"
            )
        for move, value in decision.items():
            before = _require_allowed(view, move, value)
            if value == before:
                continue
            row = self._rows[move]
            if move in view.alone:
                outlook.hazards[row, 0] = value / DAYS_PER_YEAR
            else:
                _scale(outlook, row, value / before)


def _scale(outlook: Outlook, row: int, factor: float) -> None:
    """Multiply the hazard of one move."""
    if row < outlook.hazards.shape[0]:
        outlook.hazards[row, 0] *= factor
    for packages in outlook.packages:
        if packages.rows.start <= row < packages.rows.stop:
            packages.hazards[row - packages.rows.start, 0] *= factor


def _require_allowed(view: View, move: Event, value: float) -> float:
    """Make sure that a decision is about a move of the view, and its value allowed; give the model's own value.

    Raises
    ------
    DecisionError
        Naming actor, move, value, what is allowed, and the nearest move.
    """
    known = {**view.alone, **view.joint}
    if move not in known:
        given = getattr(move, "name", repr(move))
        nearest = find_nearest(given, [entry.name for entry in known])
        hint = f"; did you mean {nearest}?" if nearest else ""
        raise DecisionError(f"{view.actor} on {view.date}: {given}: allowed: a move of its view{hint}")
    most, what = (math.inf, "a hazard per year") if move in view.alone else (1.0, "a probability, at most 1")
    if not isinstance(value, int | float | np.number) or not 0 <= value <= most or value == math.inf:
        raise DecisionError(f"{view.actor} on {view.date}: {move.name}: {value!r}; allowed: {what}, finite, 0 or more")
    return known[move]
