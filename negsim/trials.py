"""Do a user's own formulas give numbers? Tried once for a compiled scenario: at its start, and along a few histories.

A hazard that is no number rings no clock: a history in which nothing happens would be all there is to see of it. States
that the histories tried do not come to, and other values of the parameters, are not tried.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np

from negsim.compiler import Compiled
from negsim.kernel.hazards import Outlook, evaluate
from negsim.problems import Problem, ScenarioError
from negsim.state import Flags, Floats, Ints, State
from negsim.streams import Clocks
from negsim.terms import SHELF
from negsim.theories import list_theories

TRIED, FOLLOWED = "tried", "followed"
HISTORIES: Final = 8
"""Histories that are followed: the first of seed 0."""
MOST_STEPS: Final = 2000
"""Steps after which they are not followed any further."""


def require_numbers(compiled: Compiled) -> None:
    """Make sure that all hazards are numbers at the start, where a scenario has terms of its own.

    Raises
    ------
    ScenarioError
        Naming its own terms.
    """
    own = _list_own(compiled)
    if not own or compiled.kept.get(TRIED):
        return
    parameters = compiled.bind()
    with np.errstate(all="ignore"):
        outlook = evaluate(compiled.world, parameters, compiled.start(parameters, 1))
    if _find_lost(outlook, 1).any():
        raise ScenarioError(_blame(compiled, own, "at the start"))
    compiled.kept[TRIED] = True


def require_numbers_later(
    compiled: Compiled, loop: Callable[..., Iterable[object]], draw: Callable[[Clocks], Any]
) -> None:
    """Make sure of the same along a few histories.

    Parameters
    ----------
    compiled : Compiled
    loop : callable
        The loop over time.
    draw : callable
        Makes a chooser of clocks.

    Raises
    ------
    ScenarioError
        Naming its own terms, and the date from which on hazards are no numbers.
    """
    own = _list_own(compiled)
    if not own or compiled.kept.get(FOLLOWED):
        return
    parameters, until = compiled.bind(), float(compiled.world.tick_times[-1])
    chooser = _Watched(draw(Clocks(0, compiled.labels.addresses, np.arange(HISTORIES))))
    with np.errstate(all="ignore"):
        start = compiled.start(parameters, HISTORIES)
        steps = loop(compiled.world, parameters, start, chooser, until, stop=lambda runs, days: None)
        for _ in zip(range(MOST_STEPS), steps, strict=False):
            if np.isfinite(chooser.lost):
                break
    if np.isfinite(chooser.lost):
        day = compiled.scenario.start + dt.timedelta(days=int(chooser.lost))
        raise ScenarioError(_blame(compiled, own, f"from {day} on in one of {HISTORIES} histories"))
    compiled.kept[FOLLOWED] = True


def _list_own(compiled: Compiled) -> list[str]:
    return [name for name in list_theories(compiled.scenario) if name not in SHELF]


def _find_lost(outlook: Outlook, width: int) -> Flags:
    """Columns in which a hazard is no number."""
    lost = np.zeros(width, dtype=bool) | np.isnan(outlook.hazards).any(axis=0)
    for package in outlook.packages:
        lost[package.columns] |= np.isnan(package.hazards).any(axis=0)
    return lost


def _blame(compiled: Compiled, own: list[str], when: str) -> Iterator[Problem]:
    scenario = compiled.scenario
    for name in own:
        yield Problem(
            scenario.name,
            f"term.{name}.file",
            f"{scenario.term_file(name)}, with which hazards are no numbers {when}",
            "formulas that give a number whatever the state (memories begin at 0: mind logs and divisions)",
        )


class _Watched:
    """Chooses as another does, and notes the first moment at which a hazard is no number."""

    def __init__(self, chooser: Any) -> None:
        self.lost = np.inf
        self._chooser = chooser
        self.settle, self.select = chooser.settle, chooser.select

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Look at the hazards, and let the other choose."""
        lost = _find_lost(outlook, state.width)
        self.lost = min(self.lost, state.time[lost].min(initial=np.inf))
        events, elapsed = self._chooser.choose(outlook, state, horizon, until)
        return events, np.where(lost, horizon, elapsed)
