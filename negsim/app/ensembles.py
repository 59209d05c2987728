"""What do many histories say? Ensembles for the page, kept for a while, and given up when nobody waits any more."""

from __future__ import annotations

import threading
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from time import monotonic

import numpy as np

from negsim.compiler import Compiled
from negsim.ensemble import ExplosiveWarning, simulate
from negsim.moves import Event
from negsim.plots.page import describe_events
from negsim.questions import Answers, Question, answer, case_questions, require_known
from negsim.results import Ensemble, group_events

MOST_RUNS = 5_000
MOST_SECONDS = 30.0
"""After which a question is given up: the machine is too slow for it, or the numbers are explosive."""
KEPT = 12
"""Ensembles kept in memory."""
MOST_ROWS = 24
TELLING = ("open", "agree", "walk_out", "act", "begin", "freeze", "complete")
"""Kinds of event that a case without questions of its own is asked about."""


class Superseded(Exception):
    """Nobody waits for the answer any more: the same window has asked something else."""


class TooSlow(Exception):
    """The answer takes longer than anyone would wait."""


class Ensembles:
    """Simulates and keeps ensembles; of each window only the latest question is worked on.

    One ensemble is computed at a time: two at once would both be late on the cores that most people have.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[object, ...], Ensemble] = OrderedDict()
        self._latest: OrderedDict[str, int] = OrderedDict()
        self._working = threading.Lock()
        self._guard = threading.Lock()

    def ask(
        self, compiled: Compiled, runs: int, seed: int, settings: Mapping[str, float], window: str = "", number: int = 0
    ) -> Ensemble:
        """Simulate, unless it is known already.

        Parameters
        ----------
        window, number
            Which window asks, and the number of its question: while it is worked on, a later number ends it.

        Raises
        ------
        Superseded, TooSlow
        """
        key = (id(compiled), runs, seed, tuple(sorted(settings.items())))
        self._note(window, number)
        with self._working:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            give_up = self._watch(window, number)
            give_up(0, runs)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExplosiveWarning)  # the page says so itself
                ensemble = simulate(compiled, runs=runs, seed=seed, params=dict(settings), progress=give_up)
            self._kept[key] = ensemble
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return ensemble

    def _note(self, window: str, number: int) -> None:
        with self._guard:
            self._latest[window] = max(number, self._latest.pop(window, 0))
            while len(self._latest) > 1000:
                self._latest.popitem(last=False)

    def _watch(self, window: str, number: int):  # type: ignore[no-untyped-def]
        """Make what stops a simulation nobody waits for."""
        until = monotonic() + MOST_SECONDS

        def give_up(done: int, runs: int) -> None:
            if self._latest.get(window, 0) > number:
                raise Superseded
            if monotonic() > until:
                raise TooSlow

        return give_up


def list_questions(compiled: Compiled) -> tuple[Question, ...]:
    """What the page asks of an ensemble: the case's own questions, or the kinds of event that tell most."""
    own = case_questions(compiled.scenario.name)
    try:
        require_known(compiled, own)
    except Exception:  # a case of the same name that is not that case
        own = ()
    return own or _telling(compiled)


def _telling(compiled: Compiled) -> tuple[Question, ...]:
    numbers, groups = group_events(compiled)
    events = compiled.labels.events
    found = []
    for number, (kind, actor, _, channel, subject) in enumerate(groups):
        delivers = kind == "delivered" and compiled.scenario.concession[subject].kind == "flow"
        if kind in TELLING or delivers:
            members: list[Event] = [events[row] for row in np.flatnonzero(numbers == number)]
            words = ", ".join(describe_events(compiled.scenario, members))
            found.append(Question(words, (f"{kind}:{actor}:{channel}:{subject}",)))
    return tuple(found[:MOST_ROWS])


def ask_questions(compiled: Compiled, ensemble: Ensemble) -> Answers:
    """Answer them, of the runs that came to the end."""
    answers = answer(ensemble, list_questions(compiled))
    kept = np.setdiff1d(np.arange(ensemble.runs), ensemble.stopped[0])
    return Answers(answers.questions, answers.first[kept], answers.count[kept])
