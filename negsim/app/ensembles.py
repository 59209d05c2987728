"""What do many histories say? Ensembles for the page, kept for a while, and given up when nobody waits any more."""

from __future__ import annotations

import os
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from operator import itemgetter
from time import monotonic
from typing import Any, Final

import numpy as np

from negsim.compiler import Compiled
from negsim.couplings import run_pair
from negsim.engines import EngineWarning
from negsim.ensemble import Explosive, ExplosiveWarning, simulate
from negsim.interventions import Intervention
from negsim.moves import Event
from negsim.plots.page import describe_events
from negsim.progress import Progress
from negsim.questions import Answers, Question, answer, case_questions, require_known
from negsim.recording import group_events
from negsim.results import Ensemble

MOST_RUNS = 5_000
MOST_SECONDS = 30.0
"""After which a question is given up: the machine is too slow for it, or the numbers are explosive."""
KEPT = 12
"""Ensembles kept in memory."""
MOST_ROWS: Final = 30
READY = "the compiled engine is ready for the page"
"""Where a compiled case keeps that it is."""
TELLING: Final = ("agree", "open", "act", "begin", "delivered", "freeze", "complete", "walk_out")
"""Kinds of event that a case without questions of its own is asked about, those that tell most first."""


class Superseded(Exception):
    """Nobody waits for the answer any more: the same window has asked something else."""


class TooSlow(Exception):
    """The answer takes longer than anyone would wait."""


class Ensembles:
    """Simulates and keeps ensembles; of each window only the latest question is worked on.

    One ensemble is computed at a time: two at once would both be late on the cores that most people have.

    Parameters
    ----------
    fast : bool
        Whether to make the compiled engine ready, where numba is installed (the first time ever takes half a minute).
    """

    def __init__(self, fast: bool = False) -> None:
        self._fast = fast
        self._kept: OrderedDict[Hashable, tuple[Compiled, tuple[Ensemble, ...]]] = OrderedDict()
        self._latest: OrderedDict[str, int] = OrderedDict()
        self._working = threading.Lock()
        self._guard = threading.Lock()
        self._warming = threading.Lock()

    def warm_up(self, compiled: Compiled) -> None:
        """Make the compiled engine ready for a case, beside everything else; until it is, numpy answers."""
        if self._fast and READY not in compiled.kept:
            threading.Thread(target=self._warm_up, args=(compiled,), daemon=True).start()

    def _warm_up(self, compiled: Compiled) -> None:
        with self._warming, warnings.catch_warnings():
            warnings.simplefilter("ignore", EngineWarning)
            if READY not in compiled.kept:
                engine = simulate(compiled, runs=1, engine="auto").provenance["engine"]
                if engine == "compiled":
                    compiled.kept[READY] = True

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

        def make(give_up: Progress) -> tuple[Ensemble, ...]:
            asked: dict[str, Any] = {"runs": runs, "seed": seed, "params": dict(settings), "progress": give_up}
            if READY not in compiled.kept:
                return (simulate(compiled, **asked),)
            threads = os.cpu_count() or 1  # the compiled engine lets go of the interpreter
            return (simulate(compiled, **asked, engine="compiled", workers=threads, width=-(-runs // threads)),)

        key = (id(compiled), runs, seed, tuple(settings.items()), "")
        return self._work(key, compiled, make, window, number)[0]

    def compare(
        self,
        compiled: Compiled,
        runs: int,
        seed: int,
        settings: Mapping[str, float],
        intervention: Intervention,
        window: str = "",
        number: int = 0,
    ) -> tuple[Ensemble, ...]:
        """Simulate without and with an intervention on the same clocks (see :meth:`ask`)."""

        def make(give_up: Progress) -> tuple[Ensemble, ...]:
            fast: dict[str, Any] = {"engine": "compiled", "workers": os.cpu_count() or 1}
            how = fast if READY in compiled.kept else {}
            scenario = compiled.scenario
            return run_pair(scenario, intervention, settings, seed, max(runs, 2), progress=give_up, **how)

        key = (id(compiled), runs, seed, tuple(settings.items()), intervention.model_dump_json())
        return self._work(key, compiled, make, window, number)

    def _work(
        self,
        key: Hashable,
        compiled: Compiled,
        make: Callable[[Progress], tuple[Ensemble, ...]],
        window: str,
        number: int,
    ) -> tuple[Ensemble, ...]:
        """Do a piece of work unless its outcome is kept; the case is kept with it, so that its key stays its own."""
        self._note(window, number)
        with self._working:
            if key not in self._kept:
                give_up = self._watch(window, number)
                give_up(0.0, "")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ExplosiveWarning)  # the page says so itself
                    warnings.simplefilter("ignore", EngineWarning)
                    self._kept[key] = (compiled, make(give_up))
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[key][1]

    def _note(self, window: str, number: int) -> None:
        with self._guard:
            self._latest[window] = max(number, self._latest.pop(window, 0))
            while len(self._latest) > 1000:
                self._latest.popitem(last=False)

    def _watch(self, window: str, number: int) -> Progress:
        """Make what is told of progress, and stops a simulation nobody waits for."""
        until = monotonic() + MOST_SECONDS

        def give_up(share: float, doing: str) -> None:
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
    return own or list_telling(compiled)[:MOST_ROWS]


def list_telling(compiled: Compiled) -> tuple[Question, ...]:
    """Put a question about each kind of event that tells something, those that tell most first."""
    numbers, groups = group_events(compiled)
    events = compiled.labels.events
    found = []
    for number, (kind, actor, _, channel, subject) in enumerate(groups):
        if kind in TELLING and (kind != "delivered" or compiled.scenario.concession[subject].kind == "flow"):
            members: list[Event] = [events[row] for row in np.flatnonzero(numbers == number)]
            words = ", ".join(describe_events(compiled.scenario, members))
            found.append((TELLING.index(kind), Question(words, (f"{kind}:{actor}:{channel}:{subject}",))))
    return tuple(question for _, question in sorted(found, key=itemgetter(0)))


def ask_questions(compiled: Compiled, ensemble: Ensemble) -> Answers:
    """Answer them, of the runs that came to the end (:class:`Explosive` where none did)."""
    return ask_pairs(compiled, [ensemble])[0][0]


def ask_pairs(compiled: Compiled, arms: Sequence[Ensemble]) -> tuple[list[Answers], int]:
    """Answer them in each arm, of the runs that came to the end in all of them; and how many did not."""
    ended = np.ones(arms[0].runs, dtype=bool)
    for arm in arms:
        ended[arm.stopped[0]] = False
    if not ended.any():
        raise Explosive("every run exploded: the numbers feed on themselves")
    every = [answer(arm, list_questions(compiled)) for arm in arms]
    return [Answers(each.questions, each.first[ended], each.count[ended]) for each in every], int((~ended).sum())
