"""How does a negotiation look as a Mesa model? One run: an agent for each actor, a step for each tick.

The agents are windows on the arrays of the kernel. Nothing is computed here, and the model with seed s and run r is run
r of an ensemble with seed s, to the bit. An agent of one's own overrides :meth:`Negotiator.hazards` (docs/mesa.md).

Mesa forces the start method of worker processes when it is imported; imported here, it is made to give it back.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np

from negsim.calendar import day_number, read_day
from negsim.compiler import compile_scenario
from negsim.deciders import Deciders, DecisionError, View
from negsim.ensemble import Drawn, Moment, end_of, moments
from negsim.history import read_history
from negsim.moves import Event
from negsim.problems import find_nearest, list_names
from negsim.recording import watch
from negsim.scenario import Scenario
from negsim.scenario_files import load_terms, require_settings, require_valid, take_scenario
from negsim.state import Floats, Parameters
from negsim.streams import Clocks
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES, JOINT_MOVES, OPEN

_START_METHOD = multiprocessing.get_start_method(allow_none=True)
import mesa  # noqa: E402

multiprocessing.set_start_method(_START_METHOD, force=True)

__all__ = ["DecisionError", "Happening", "NegotiationModel", "Negotiator", "View"]


class Happening(NamedTuple):
    """One event of the run, as in the event table of an ensemble.

    ``step`` is the step in which it happened (from 1), ``day`` counts from the start, ``drawn`` is False for what
    follows by itself, and ``forced`` is True for a move that somebody forced.
    """

    step: int
    date: dt.date
    day: float
    kind: str
    actor: str
    counterpart: str
    channel: str
    subject: str
    drawn: bool
    forced: bool


class Negotiator(mesa.Agent):  # type: ignore[misc]
    """A Mesa agent that stands for an actor. Override :meth:`hazards` to decide its moves yourself.

    Parameters
    ----------
    model : NegotiationModel
        The model.
    actor : str
        Name of the actor in the scenario.
    """

    def __init__(self, model: NegotiationModel, actor: str) -> None:
        super().__init__(model)
        self.actor = actor
        self.principal = model.case.principal(actor)
        """The state behind it: itself, or whom it answers to. Feelings, trust and needs are the principal's."""

    @property
    def label(self) -> str:
        """What people call it."""
        return self.model.case.actor[self.actor].label or self.actor

    @property
    def kind(self) -> str:
        """``state`` or ``intermediary``."""
        return str(self.model.case.actor[self.actor].kind)

    # -- what it may override -----------------------------------------------------------------------------------------

    def hazards(self, view: View) -> Mapping[Event, float] | None:
        """Decide for the actor. Override this in a subclass; it is called whenever hazards are updated.

        Parameters
        ----------
        view : View
            What the actor can do now, and the values of the model: ``view.alone``, hazards per year of its
            own moves (approvals among them), and ``view.joint``, its willingness in moves of two sides.

        Returns
        -------
        mapping of Event to float, or None
            New values for some of these moves; the others keep those of the model.
        """
        return None

    def force(self, move: Event | str | Mapping[str, str], at: dt.date | dt.datetime | str | None = None) -> None:
        """Make a move at a given instant (by default now). It is marked as forced, and does not affect any clock.

        Parameters
        ----------
        move : Event, str or mapping
            A move of a view, an address (``"freeze:JPN::food"``), or as many parts as identify it.
        at : date, datetime or str, optional
            When. If the move is impossible at that time, an error says why.

        Raises
        ------
        DecisionError
            For a move that does not exist or is not the actor's own, or a date that is past.
        """
        if (found := self.model.find_move(move)) not in self.moves:
            raise DecisionError(
                f"{self.actor}: {found.name}: allowed: a move of its own ({found.actor} makes this one)"
            )
        self.model.force(found, at)

    # -- what it sees -------------------------------------------------------------------------------------------------

    @property
    def resentment(self) -> dict[str, float]:
        """What it holds against each other state."""
        return self._held("resentment")

    @property
    def alarm(self) -> dict[str, float]:
        """How alarmed it is by each other state."""
        return self._held("fear")

    @property
    def trust(self) -> dict[str, float]:
        """How far it believes what each other state promises."""
        return self._held("credibility")

    def _held(self, name: str) -> dict[str, float]:
        pairs = self.model.compiled.labels.pairs
        return {
            toward: float(self.model.look(name)[row])
            for row, (holder, toward) in enumerate(pairs)
            if holder == self.principal
        }

    @property
    def gives(self) -> dict[str, str]:
        """Stage of each concession that is its to give."""
        return {
            name: self.model.stage(name)
            for name, concession in self.model.case.concession.items()
            if concession.giver == self.actor
        }

    @property
    def channels(self) -> dict[str, str]:
        """Stage of each channel in which it sits."""
        seats = self.model.case.channel.items()
        return {
            name: self.model.channel_stage(name)
            for name, channel in seats
            if any(self.actor in side for side in channel.sides)
        }

    @property
    def total_resentment(self) -> float:
        """All that it holds against others."""
        return sum(self.resentment.values())

    @property
    def in_force(self) -> int:
        """How many of its concessions are in force."""
        return Counter(self.gives.values())["in_force"]

    @property
    def moves(self) -> list[Event]:
        """All moves that it can ever make, alone or leading a side of a channel."""
        joint = (*JOINT_MOVES, "agree")
        return [
            move
            for move in self.model.moves
            if self.actor == move.actor or (move.kind in joint and self.actor == move.counterpart)
        ]

    @property
    def events(self) -> list[Happening]:
        """What it did in the last step."""
        return [event for event in self.model.step_events if event.actor == self.actor]


MODEL_REPORTERS: Final = {name: name for name in ("date", "in_force", "open_channels")}
AGENT_REPORTERS: Final = {name: name for name in ("actor", "in_force", "total_resentment")}
"""What the data collector of every model collects: names of attributes."""

MakeAgent = Callable[["NegotiationModel", str], Negotiator]


class NegotiationModel(mesa.Model):  # type: ignore[misc]
    """One history of a scenario as a Mesa model.

    Parameters
    ----------
    case : Scenario or str
        A scenario, the name of a shipped case, or a path.
    run : int
        Which run of the ensemble with the same seed it is.
    params : mapping, optional
        Numbers to change, by name of a parameter or key path.
    until : date or str, optional
        Last day (default: the scenario's end).
    agents : mapping of str to callable, optional
        For some actors, subclasses of :class:`Negotiator` (or anything that makes one of a model and a name).
    model_reporters, agent_reporters : mapping, optional
        For the data collector, besides those that are there.
    seed : int, optional
        As in an ensemble. ``rng`` is Mesa's newer word for it: give one of them, or none for a fresh seed.
    rng : int, SeedSequence or Generator, optional
        The same; of a generator the seed is drawn.

    Attributes
    ----------
    case, compiled : Scenario, Compiled
        The scenario, as data and as arrays.
    state : State
        The arrays, with one column; they change with every event.
    seed, run : int
        The address of the run: ``negsim.simulate(case, seed=seed)`` has it as run ``run``.
    negotiators : dict of str to Negotiator
        The agents by name of the actor.
    events, step_events : list of Happening
        All events so far, and those of the last step.
    datacollector : DataCollector
        Collects at the start and after every step; its table ``events`` holds every event.

    Raises
    ------
    ScenarioError
        For a scenario that does not pass its checks, and for numbers that cannot be set.
    ValueError
        For a seed, a run or a name of an actor that cannot be.
    """

    def __init__(
        self,
        case: Scenario | str | Path,
        run: int = 0,
        params: Mapping[str, float] | None = None,
        until: dt.date | str | None = None,
        agents: Mapping[str, MakeAgent] | None = None,
        model_reporters: Mapping[str, Any] | None = None,
        agent_reporters: Mapping[str, Any] | None = None,
        seed: int | None = None,
        rng: Any = None,
    ) -> None:
        self.seed = _find_seed(seed, rng)
        super().__init__(rng=self.seed)
        self.case = require_valid(take_scenario(case))
        require_settings(self.case, _require_numbers(params or {}), "params")
        self.run = _require_run(run)
        self.compiled = compile_scenario(self.case, load_terms(self.case))
        self.moves: list[Event] = list(self.compiled.labels.events[: self.compiled.world.moves])
        self.events: list[Happening] = []
        self.step_events: list[Happening] = []
        self._until = end_of(self.compiled, until)
        self._parameters: Parameters = self.compiled.bind(self.compiled.resolve(params))
        self.state = self.compiled.start(self._parameters, 1)
        clocks = Clocks(self.seed, [move.name for move in self.moves], np.array([self.run]))
        self._chooser = Deciders(self.compiled, Drawn(clocks))
        self._step = 0
        self._broken = ""
        self.running: bool = True
        self._loop = moments(
            self.compiled.world, self._parameters, self.state, self._chooser, self._until, runs=np.array([self.run])
        )
        self.negotiators = self._make_agents(agents or {})
        self.datacollector = mesa.DataCollector(
            model_reporters={**MODEL_REPORTERS, **(model_reporters or {})},
            agent_reporters={**AGENT_REPORTERS, **(agent_reporters or {})},
            tables={"events": list(Happening._fields)},
        )
        self.datacollector.collect(self)

    def _make_agents(self, makers: Mapping[str, MakeAgent]) -> dict[str, Negotiator]:
        for name, make in makers.items():
            if not callable(make):
                raise TypeError(f"agents[{name!r}]: {make!r}; allowed: a subclass of Negotiator, or what makes one")
            if name not in self.case.actor:
                hint = find_nearest(name, self.case.actor)
                near = f"; did you mean {hint}?" if hint else ""
                raise ValueError(f"agents[{name!r}]: allowed: an actor ({list_names(self.case.actor)}){near}")
        made = {name: makers.get(name, Negotiator)(self, name) for name in self.case.actor}
        for name, agent in made.items():
            if not isinstance(agent, Negotiator):
                raise TypeError(
                    f"agents[{name!r}] made {agent!r}; allowed: what makes a Negotiator of a model and a name"
                )
            if type(agent).hazards is not Negotiator.hazards:
                self._chooser.appoint(name, agent.hazards)
        return made

    # -- time passes --------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """Advance to the next tick: first every agent's own ``step``, then all events up to it. After the end, nothing.

        Raises
        ------
        DecisionError
            For what an agent decided, and for a step after an error in the loop over time.
        """
        self.step_events = []
        if not self.running:
            return
        if self._broken:
            raise DecisionError(f"the run was broken off on {self.date} ({self._broken}): make the model again")
        self._step += 1
        self.agents.do("step")
        try:
            self._go_on()
        except BaseException as error:
            self._broken = str(error) or type(error).__name__
            raise
        self.datacollector.collect(self)

    def _go_on(self) -> None:
        """Go through time up to the next tick, or to the end."""
        for moment in self._loop:
            self._note(moment)
            if len(moment.ticked):
                return
        self.running = False

    def _note(self, moment: Moment) -> None:
        """List the events of a moment."""
        self.state = moment.state
        for number in (moment.events[moment.fired], *(events for events, _ in moment.happened)):
            for row in number.tolist():
                self._list(row)

    def _list(self, row: int) -> None:
        event, drawn = self.compiled.labels.events[row], row < len(self.moves)
        happening = Happening(
            self._step, self.date, self.day, event.kind, event.actor, event.counterpart, event.channel, event.subject,
            drawn, drawn and self._chooser.forced,
        )  # fmt: skip
        self.step_events.append(happening)
        self.events.append(happening)
        self.datacollector.add_table_row("events", happening._asdict())

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled or copied: it is in the middle of a loop over time, and its seed and run say it all."""
        raise TypeError(
            f"a NegotiationModel cannot be pickled or copied: make it again (seed={self.seed}, run={self.run}), "
            f"and step {self._step} times"
        )

    def force(self, move: Event | str | Mapping[str, str], at: dt.date | dt.datetime | str | None = None) -> None:
        """Make any move at a given instant (see :meth:`Negotiator.force`)."""
        moment = at if isinstance(at, dt.datetime) else read_day("at", at)
        day = self.day if moment is None else day_number(self.case.start, moment)
        if not self.day <= day < self._until:
            raise DecisionError(f"force at {at}: allowed: a moment from {self.date} to the last day of the run")
        self._chooser.force(self.find_move(move), day)

    def find_move(self, move: Event | str | Mapping[str, str]) -> Event:
        """Find a move by its address or its parts.

        Raises
        ------
        ScenarioError
            When it names none, or several; with the nearest.
        """
        return self.moves[int(read_history(self.compiled, [(0.0, move)], "<move>").moves[0])]

    # -- what there is to see -----------------------------------------------------------------------------------------

    @property
    def day(self) -> float:
        """Days from the start: the moment of the last event or tick; after the end, the end."""
        return float(self.state.time[0]) if self.running else self._until

    @property
    def date(self) -> dt.date:
        """The day it is; after the end, the last day."""
        return self.case.start + dt.timedelta(days=int(min(self.day, self._until - 1)))

    def stage(self, concession: str) -> str:
        """Stage of a concession, in words."""
        row = _find_row("concession", self.compiled.labels.concessions, concession)
        return CONCESSION_STAGES[self.state.stage[row, 0]]

    def is_frozen(self, concession: str) -> bool:
        """Whether its giver has frozen a concession."""
        return bool(self.state.frozen[_find_row("concession", self.compiled.labels.concessions, concession), 0])

    def channel_stage(self, channel: str) -> str:
        """Stage of a channel, in words."""
        return CHANNEL_STAGES[self.state.channel[_find_row("channel", self.compiled.labels.channels, channel), 0]]

    def look(self, name: str) -> Floats:
        """Rows of what can be recorded under a name (``resentment``, ...); zeros while its term is off."""
        if name in ("resentment", "fear") and name not in self.compiled.world.memories:
            return np.zeros(len(self.compiled.labels.pairs))
        return np.asarray(watch(self.compiled, self._parameters, name, self.state)[:, 0])

    @property
    def in_force(self) -> int:
        """How many concessions are in force."""
        return sum(agent.in_force for agent in self.negotiators.values())

    @property
    def open_channels(self) -> int:
        """How many channels are open or in session."""
        return int(np.count_nonzero(self.state.channel[:, 0] >= OPEN))


def _find_row(what: str, names: Sequence[str], given: str) -> int:
    if given not in names:
        near = find_nearest(str(given), names)
        raise KeyError(f"{what} {given!r}: allowed: {list_names(names)}{f'; did you mean {near}?' if near else ''}")
    return names.index(given)


def _require_numbers(params: Mapping[str, float]) -> Mapping[str, float]:
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping of names to numbers, not {params!r}")
    for name, value in params.items():
        if not isinstance(value, int | float | np.number):
            raise ValueError(f"params[{name!r}]: {value!r}; allowed: one number, for a model is one run")
    return params


def _require_run(run: int) -> int:
    if not isinstance(run, int | np.integer) or isinstance(run, bool) or run < 0:
        raise ValueError(f"run: {run!r}; allowed: a whole number of 0 or more")
    return int(run)


def _find_seed(seed: Any, rng: Any) -> int:
    """The seed of the clocks: a number as it is; of other things that Mesa takes, a number that stands for them."""
    if seed is not None and rng is not None:
        raise ValueError("give seed or rng, not both: they are two names of one thing")
    given = seed if rng is None else rng
    if given is None:
        given = np.random.SeedSequence()
    if isinstance(given, np.random.SeedSequence) and not given.spawn_key and isinstance(given.entropy, int):
        return given.entropy
    if isinstance(given, np.random.Generator | np.random.BitGenerator):
        return int(np.random.default_rng(given).integers(2**63))
    if isinstance(given, float) and given.is_integer():  # Mesa lets a seed be a float
        given = int(given)
    if isinstance(given, int | np.integer) and not isinstance(given, bool) and given >= 0:
        return int(given)
    raise ValueError(f"seed: {given!r}; allowed: a whole number of 0 or more, a fresh SeedSequence, a Generator")
