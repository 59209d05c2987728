"""What does docs/model.md say, word for word, as slow loops over named things?

This is the witness that the kernel is checked against, so it shares nothing with it but the scenario's data objects:
stage names and default numbers are written out again from docs/model.md, sums are loops, state is dictionaries keyed
by names, and the only numpy here draws the clocks of section 9. Read it next to docs/model.md: sections follow it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from negsim.scenario import Scenario

YEAR = 365.25
WHOLE = 1 - 1e-9
SIDES = (0, 1)

DEFAULT_RATES = {
    "plan": 0.5, "open": 2.0, "meet": 4.0, "adjourn": 60.0, "close": 0.3, "agree": 12.0, "cancel": 0.2,
    "walk_out": 0.1, "raise": 0.3, "act": 0.3, "pledge": 0.3, "begin": 4.0, "suspend": 0.2, "stall": 0.5,
    "resume": 0.5, "complete": 0.5, "withdraw": 0.1, "renege": 0.1, "freeze": 0.05, "lift": 0.5,
}  # fmt: skip

CONCESSION_KINDS = {
    "act": ("pledge", "begin", "renege", "freeze", "lift"),
    "flow": ("pledge", "begin", "suspend", "resume", "renege", "freeze", "lift"),
    "restraint": ("pledge", "begin", "withdraw", "renege", "freeze", "lift"),
    "process": ("pledge", "begin", "stall", "resume", "complete", "renege", "freeze", "lift"),
}

TERM_NUMBERS: dict[str, dict[str, float]] = {
    "ripeness": {"theta": 1.0, "patience_years": 3.0, "centre": 1.0},
    "resentment": {
        "cool": 0.6, "heat": 0.5, "alarm": 4.0, "half_life_years": 4.0, "alarm_half_life_days": 60.0,
        "goodwill": 0.3, "harm_act": 1.0, "harm_suspend": 0.3, "harm_freeze": 0.15, "harm_walk_out": 0.2,
        "harm_reject": 0.1,
    },
    "audience": {"cost_scale": 1.0, "approval": 1.0},
    "credibility": {
        "prior_mean": 0.5, "prior_weight": 4.0, "half_life_years": 6.0, "kept_weight": 1.0, "broken_weight": 1.0,
        "broken_act": 0.3, "overdue_per_year": 0.5, "reputation": 1.0,
    },
    "ratification": {"strength": 1.0},
    "alignment": {"scale": 1.0},
    "sequencing": {"met": 2.0},
    "demand": {"walk_out": 1.0},
    "brinkmanship": {"isolation": 1.0, "restraint_weight": 2.0, "engagement_weight": 1.0},
    "season": {"strength": 1.0},
    "mediation": {"strength": 1.0, "strength_bias": 1.0},
    "commitment": {"theta": 0.5},
}  # fmt: skip

NEUTRAL_AT_ZERO = {
    "ripeness": ("theta",),
    "resentment": (
        "cool", "heat", "alarm", "harm_act", "harm_suspend", "harm_freeze", "harm_walk_out", "harm_reject",
    ),
    "audience": ("cost_scale", "approval"),
    "credibility": ("kept_weight", "broken_weight", "broken_act", "overdue_per_year", "reputation"),
    "ratification": (),
    "alignment": ("scale",),
    "sequencing": ("met",),
    "demand": ("walk_out",),
    "brinkmanship": ("isolation", "restraint_weight", "engagement_weight"),
    "season": ("strength",),
    "mediation": ("strength", "strength_bias"),
    "commitment": ("theta",),
}  # fmt: skip
"""Numbers of a term that are zero while it is switched off (ratification is told apart by name: p = 1)."""

Pair = tuple[str, str]
Consequence = tuple[str, str]


# -- small arithmetic ------------------------------------------------------------------------------------------------


def clip(x: float) -> float:
    """Every exponent is kept within plus or minus 50."""
    return max(-50.0, min(50.0, x))


def exponential(x: float) -> float:
    """`exp` of a kept exponent."""
    return math.exp(clip(x))


def logistic(x: float) -> float:
    """`1/(1+exp(-x))` of a kept exponent."""
    return 1.0 / (1.0 + math.exp(-clip(x)))


def softplus(x: float) -> float:
    """`log(1+exp(x))` of a kept exponent."""
    return math.log1p(math.exp(clip(x)))


def remember(x: float, half_life_days: float, days: float, inflow: float = 0.0) -> float:
    """A memory after some days, with a constant inflow a day."""
    decay = math.log(2.0) / half_life_days
    left = exponential(-decay * days)
    return x * left + inflow / decay * (1.0 - left)


# -- what there is ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """One thing that can happen, with a clock of its own.

    `side` is 0 or 1 for the moves of one side of a channel; `items` is the package of an `agree`.
    """

    kind: str
    actor: str
    counterpart: str
    channel: str = ""
    subject: str = ""
    side: int = -1
    items: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The address of the move's clock."""
        return f"{self.kind}:{self.actor}:{self.channel}:{self.subject}"


@dataclass(frozen=True)
class Event:
    """A row of the event table: a move or one of its consequences, `time` in days from the start."""

    time: float
    kind: str
    actor: str
    counterpart: str
    channel: str
    subject: str

    @property
    def name(self) -> str:
        """Name of the move (of a consequence: a name that no move has)."""
        return f"{self.kind}:{self.actor}:{self.channel}:{self.subject}"

    @property
    def is_consequence(self) -> bool:
        """Whether it has no hazard of its own."""
        return self.kind in ("delivered", "broken", "lapsed")


@dataclass
class State:
    """Where everything stands (section 3), as of the last re-evaluation.

    `tick` counts ticks passed, the start being 0. Keys are names, or pairs of names: (channel, side), (i, j) for
    what i holds against j, (good, state).
    """

    time: float = 0.0
    tick: int = 0
    channel: dict[str, str] = field(default_factory=dict)
    table: dict[str, list[str]] = field(default_factory=dict)
    consent: dict[tuple[str, int], bool] = field(default_factory=dict)
    awaiting: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    last_deal: dict[str, float] = field(default_factory=dict)
    stage: dict[str, str] = field(default_factory=dict)
    frozen: dict[str, bool] = field(default_factory=dict)
    begun: dict[str, bool] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)
    shipped: dict[str, float] = field(default_factory=dict)
    completions: dict[str, int] = field(default_factory=dict)
    demand: dict[str, str] = field(default_factory=dict)
    resentment: dict[Pair, float] = field(default_factory=dict)
    alarm: dict[Pair, float] = field(default_factory=dict)
    kept: dict[Pair, float] = field(default_factory=dict)
    broken: dict[Pair, float] = field(default_factory=dict)
    stock: dict[Pair, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Bargain:
    """What an enabled package promises the two sides: their acceptances, and `ln v(P)`."""

    accept: tuple[float, float]
    log_value: float


def thaw(value: Any) -> Any:
    """The same nested data with lists for tuples, so that numbers can be overridden in place."""
    if isinstance(value, dict):
        return {key: thaw(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [thaw(inner) for inner in value]
    return value


def override(data: Any, path: str, number: float) -> None:
    """Put a number at a key path; only `rates` may gain a key."""
    *above, last = path.split(".")
    node = data
    for part in above:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if isinstance(node, list):
        node[int(last)] = number
    elif last in node or (above[-1] == "rates" and last in DEFAULT_RATES):
        node[last] = number
    else:
        raise KeyError(path)


class World:
    """A scenario with its numbers, and what section 4 to 8 say about it.

    Parameters
    ----------
    scenario : Scenario
        What is negotiated. Custom terms are ignored.
    numbers : dict, optional
        Numbers by key path that replace the scenario's own or the defaults.
    """

    def __init__(self, scenario: Scenario, numbers: dict[str, float] | None = None) -> None:
        self.scenario = scenario
        self.data = thaw(scenario.model_dump())
        self.data["term"] = {name: dict(TERM_NUMBERS[name]) for name in TERM_NUMBERS}
        for name in TERM_NUMBERS:
            if name in scenario.term:
                self.data["term"][name].update(scenario.term[name].model_extra or {})
        for path, number in (numbers or {}).items():
            override(self.data, path, number)
        self.terms_on = tuple(TERM_NUMBERS) if scenario.terms is None else scenario.terms
        self.states = [name for name, actor in scenario.actor.items() if actor.kind == "state"]
        self.end = float((scenario.end - scenario.start).days + 1)
        self.tick_times = self._find_ticks()
        self.packages = {name: self._list_packages(name) for name in scenario.channel}
        self._moves = list(self._list_moves())
        self.move = {move.name: move for move in self._moves}

    # -- 1. time -----------------------------------------------------------------------------------------------------

    def _find_ticks(self) -> list[float]:
        """Days of the ticks; the start counts as the first one."""
        ticks = [0.0]
        for day in range(1, int(self.end)):
            date = self.scenario.start + dt.timedelta(days=day)
            first_of_month = self.scenario.tick == "month" and date.day == 1
            seventh_day = self.scenario.tick == "week" and day % 7 == 0
            if first_of_month or seventh_day or self.scenario.tick == "day":
                ticks.append(float(day))
        return ticks

    def date(self, state: State) -> dt.date:
        """Date of the last tick passed: what the calendar is read by."""
        return self.scenario.start + dt.timedelta(days=self.tick_times[state.tick])

    def driven(self, state: State, target: str) -> list[float]:
        """Values of all the drivers of a target that hold by now."""
        values = []
        for driver in self.data["driver"].values():
            if driver["target"] == target:
                past = [
                    value
                    for date, value in zip(driver["dates"], driver["values"], strict=True)
                    if date <= self.date(state)
                ]
                values += past[-1:]
        return values

    def active_gates(self, state: State, channel: str) -> list[dict[str, Any]]:
        """Gates of a channel that count at the last tick passed."""
        today = self.date(state)
        return [
            gate
            for gate in self.data["channel"][channel]["gates"]
            if (gate["from_"] is None or gate["from_"] <= today) and (gate["to"] is None or today < gate["to"])
        ]

    # -- 2. who stands behind whom -----------------------------------------------------------------------------------

    def principal(self, actor: str) -> str:
        """The state behind an actor."""
        answers_to = self.data["actor"][actor]["answers_to"]
        return actor if answers_to is None else str(answers_to)

    def giver(self, k: str) -> str:
        """Principal of the giver of a concession."""
        return self.principal(self.data["concession"][k]["giver"])

    def recipient(self, k: str) -> str:
        """Whom a concession is given to."""
        concession = self.data["concession"][k]
        return str(concession["recipient"] or next(iter(concession["worth"])))

    def glad(self, k: str) -> dict[str, float]:
        """Beneficiaries with positive worth, and the worth."""
        return {i: worth for i, worth in self.data["concession"][k]["worth"].items() if worth > 0}

    def seats(self, channel: str, side: int) -> list[str]:
        """Principals of the members of a side, one for each member."""
        return [self.principal(actor) for actor in self.data["channel"][channel]["sides"][side]]

    def leader(self, channel: str, side: int) -> str:
        """The actor that leads a side."""
        return str(self.data["channel"][channel]["sides"][side][0])

    def gives(self, channel: str, side: int, k: str) -> bool:
        """Whether an item is given by a side."""
        return self.giver(k) in self.seats(channel, side)

    def _list_packages(self, channel: str) -> list[tuple[str, ...]]:
        """Named packages, or all small subsets of the agenda, smaller first."""
        given = self.scenario.channel[channel]
        if given.packages is not None:
            return [tuple(k for k in given.agenda if k in package) for package in given.packages]
        sizes = range(1, min(given.max_items, len(given.agenda)) + 1)
        return [package for size in sizes for package in itertools.combinations(given.agenda, size)]

    def moves(self) -> list[Move]:
        """Every move, in the order that decides ties (section 9)."""
        return list(self._moves)

    def _list_moves(self) -> Iterator[Move]:
        for c in self.data["channel"]:
            yield from self._list_channel_moves(c)
        for d, demand in self.data["demand"].items():
            yield Move("raise", demand["owner"], demand["target"], "", d)
        for x, coercion in self.data["coercion"].items():
            yield Move("act", coercion["actor"], next(iter(coercion["hits"])), "", x)
        for k, concession in self.data["concession"].items():
            for kind in CONCESSION_KINDS[concession["kind"]]:
                unasked = kind == "pledge" and not concession["unilateral"]
                firm = kind in ("freeze", "lift") and not concession["freezable"]
                if not unasked and not firm:
                    yield Move(kind, concession["giver"], self.recipient(k), "", k)
        for c, packages in self.packages.items():
            for items in packages:
                yield Move("agree", self.leader(c, 0), self.leader(c, 1), c, "+".join(items), items=items)

    def _list_channel_moves(self, c: str) -> Iterator[Move]:
        for kind in ("plan", "open", "meet", "adjourn", "close"):
            yield Move(kind, self.leader(c, 0), self.leader(c, 1), c)
        for side in SIDES:
            mover, other = self.leader(c, side), self.leader(c, 1 - side)
            yield Move("cancel", mover, other, c, side=side)
            yield Move("walk_out", mover, other, c, side=side)
            if self.rule(c, side) != "none":
                yield Move("approve", self.principal(mover), other, c, side=side)
                yield Move("reject", self.principal(mover), other, c, side=side)

    def rule(self, channel: str, side: int) -> str:
        """When a side's consent comes."""
        return str(self.data["channel"][channel]["consent"][side])

    # -- 3. state ----------------------------------------------------------------------------------------------------

    def start(self) -> State:
        """Where everything stands at the start."""
        state, initial = State(), self.scenario.initial
        for c in self.data["channel"]:
            state.channel[c] = initial.channels.get(c, "closed")
            state.table[c], state.last_deal[c] = [], 0.0
            for side in SIDES:
                state.consent[c, side], state.awaiting[c, side] = False, []
        for k in self.data["concession"]:
            state.stage[k] = initial.concessions.get(k, "none")
            state.frozen[k] = k in initial.frozen
            state.begun[k] = state.stage[k] in ("in_force", "suspended")
            state.changed[k], state.shipped[k], state.completions[k] = 0.0, 0.0, 0
        for d in self.data["demand"]:
            state.demand[d] = initial.demands.get(d, "dormant")
        self._start_memories(state)
        return state

    def _start_memories(self, state: State) -> None:
        for i, j in itertools.permutations(self.states, 2):
            for memory in (state.resentment, state.alarm, state.kept, state.broken):
                memory[i, j] = 0.0
        if self.on("resentment"):
            for regard in self.data["regard"]:
                state.resentment[regard["holder"], regard["toward"]] = regard["resentment"]
        for name, good in self.data["good"].items():
            for i, need in good["need"].items():
                state.stock[name, i] = need["stock"]

    def standing(self, state: State, k: str) -> bool:
        """Whether a concession counts as given or owed."""
        return state.stage[k] in ("signed", "promised", "in_force", "done")

    def unanswered(self, state: State, d: str) -> bool:
        """Whether a demand is raised and nothing that answers it is promised or in force."""
        answers = self.data["demand"][d]["answered_by"]
        return state.demand[d] == "raised" and not any(state.stage[k] in ("promised", "in_force") for k in answers)

    def gate_met(self, state: State, gate: dict[str, Any]) -> bool:
        """Whether all (or any) of a gate's items have come far enough."""
        far = ["promised", "in_force", "done"] + (["signed"] if gate["stage"] == "signed" else [])
        come = [state.stage[k] in far for k in gate["items"]]
        return any(come) if gate["need"] == "any" else all(come)

    # -- 4. when a move is possible ----------------------------------------------------------------------------------

    def possible(self, state: State, move: Move) -> bool:
        """Whether a move can happen in a state."""
        if move.kind in ("approve", "reject"):
            return self._decision_due(state, move)
        if move.kind == "act":
            return True
        if move.kind == "raise":
            channel = self.data["demand"][move.subject]["channel"]
            return state.demand[move.subject] == "dormant" and self.talking(state, channel)
        if move.channel:
            return self._channel_move_possible(state, move)
        return self._concession_move_possible(state, move.kind, move.subject)

    def talking(self, state: State, channel: str) -> bool:
        """Whether a channel is open or in session."""
        return state.channel[channel] in ("open", "in_session")

    def free(self, state: State, items: Sequence[str]) -> bool:
        """Whether every item could be tabled: the package is enabled."""
        return all(state.stage[k] in ("none", "suspended") and not state.frozen[k] for k in items)

    def _channel_move_possible(self, state: State, move: Move) -> bool:
        c, stage = move.channel, state.channel[move.channel]
        match move.kind:
            case "plan":
                return stage == "closed"
            case "open":
                hard = [gate for gate in self.active_gates(state, c) if gate["hard"]]
                return stage == "planned" and all(self.gate_met(state, gate) for gate in hard)
            case "meet" | "close":
                return stage == "open"
            case "adjourn":
                return stage == "in_session"
            case "cancel":
                return stage == "planned"
            case "walk_out":
                return stage in ("open", "in_session")
            case "agree":
                return stage == "in_session" and not state.table[c] and self.free(state, move.items)
        raise ValueError(move.kind)

    def _decision_due(self, state: State, move: Move) -> bool:
        c, side = move.channel, move.side
        if self.rule(c, side) == "before_signature":
            due = bool(state.table[c]) and not state.consent[c, side]
            held_up = any(state.frozen[k] for k in state.table[c])
        else:
            due = bool(state.awaiting[c, side])
            held_up = any(state.frozen[k] for k in self._owed(state, c, side))
        return due and not (move.kind == "approve" and held_up)

    def _owed(self, state: State, c: str, side: int) -> list[str]:
        """Items awaiting a side's approval that it gives and that stand at signed."""
        return [k for k in state.awaiting[c, side] if self.gives(c, side, k) and state.stage[k] == "signed"]

    def _concession_move_possible(self, state: State, kind: str, k: str) -> bool:
        stage, frozen = state.stage[k], state.frozen[k]
        match kind:
            case "pledge":
                return stage == "none" and not frozen
            case "begin":
                return stage == "promised" and not frozen and self._ready(state, k)
            case "suspend" | "stall" | "complete" | "withdraw":
                return stage == "in_force"
            case "resume":
                return stage == "suspended" and not frozen
            case "renege":
                return stage == "promised"
            case "freeze":
                return not frozen and stage != "done"
            case "lift":
                return frozen
        raise ValueError(kind)

    def _ready(self, state: State, k: str) -> bool:
        """Whether the lead time is over and the channel it hangs on (if any) is open or in session."""
        concession = self.data["concession"][k]
        channel = concession["while_open"]
        return state.time - state.changed[k] >= concession["lead_time_days"] and (
            channel is None or self.talking(state, channel)
        )

    # -- 4. what a move does -----------------------------------------------------------------------------------------

    def apply(self, state: State, move_name: str) -> list[Consequence]:
        """Make a move at the state's time; returns its consequences as (kind, concession).

        Raises
        ------
        ValueError
            If the move is not possible.
        """
        move = self.move[move_name]
        if not self.possible(state, move):
            raise ValueError(f"{move_name} is not possible")
        was = dict(state.channel)
        self._remember_move(state, move)
        if move.channel:
            self._change_channel(state, move)
        elif move.kind == "raise":
            state.demand[move.subject] = "raised"
        elif move.kind != "act":
            self._change_concession(state, move.kind, move.subject)
        return self._break(state, move) + self._lapse(state, was)

    def _set(self, state: State, k: str, stage: str) -> None:
        if state.stage[k] != stage:
            state.stage[k] = stage
            state.changed[k] = state.time

    def _send_back(self, state: State, k: str) -> None:
        self._set(state, k, "suspended" if state.begun[k] else "none")

    def _finish(self, state: State, k: str) -> None:
        """End an item."""
        self._set(state, k, "none")
        state.begun[k] = False
        state.shipped[k] = 0.0

    def _complete(self, state: State, k: str) -> None:
        concession = self.data["concession"][k]
        state.completions[k] += 1
        self._finish(state, k)
        if concession["kind"] == "act" and concession["once"]:
            self._set(state, k, "done")
        for d, demand in self.data["demand"].items():
            if k in demand["answered_by"]:
                state.demand[d] = "dormant"

    def _change_concession(self, state: State, kind: str, k: str) -> None:
        match kind:
            case "pledge":
                self._set(state, k, "promised")
            case "begin" if self.data["concession"][k]["kind"] == "act":
                self._complete(state, k)
            case "begin":
                self._set(state, k, "in_force")
                state.begun[k] = True
            case "suspend" | "stall":
                self._set(state, k, "suspended")
            case "resume":
                self._set(state, k, "in_force")
            case "complete":
                self._complete(state, k)
            case "withdraw" | "renege":
                self._finish(state, k)
            case "freeze":
                state.frozen[k] = True
            case "lift":
                state.frozen[k] = False

    def _change_channel(self, state: State, move: Move) -> None:
        c = move.channel
        match move.kind:
            case "plan":
                state.channel[c] = "planned"
            case "open" | "adjourn":
                state.channel[c] = "open"
            case "meet":
                state.channel[c] = "in_session"
            case "close" | "walk_out":
                state.channel[c] = "closed"
                self._drop_table(state, c)
            case "cancel":
                state.channel[c] = "closed"
            case "agree":
                self._put_on_table(state, c, move.items)
            case "approve":
                self._approve(state, c, move.side)
            case "reject":
                self._reject(state, c, move.side)

    def _put_on_table(self, state: State, c: str, items: Sequence[str]) -> None:
        for k in items:
            self._set(state, k, "tabled")
        state.table[c] = list(items)
        for side in SIDES:
            state.consent[c, side] = self.rule(c, side) != "before_signature"
        self._sign_if_both_consent(state, c)

    def _drop_table(self, state: State, c: str) -> None:
        for k in state.table[c]:
            self._send_back(state, k)
        state.table[c] = []
        for side in SIDES:
            state.consent[c, side] = False

    def _sign_if_both_consent(self, state: State, c: str) -> None:
        if state.consent[c, 0] and state.consent[c, 1]:
            self._sign(state, c)

    def _sign(self, state: State, c: str) -> None:
        items = state.table[c]
        for k in items:
            self._set(state, k, "signed")
        for side in SIDES:
            if self.rule(c, side) == "after":
                waiting = state.awaiting[c, side]
                waiting.extend(k for k in items if k not in waiting)
            else:
                for k in items:
                    if self.gives(c, side, k):
                        self._set(state, k, "promised")
        state.table[c] = []
        state.last_deal[c] = state.time

    def _approve(self, state: State, c: str, side: int) -> None:
        if self.rule(c, side) == "before_signature":
            state.consent[c, side] = True
            self._sign_if_both_consent(state, c)
        else:
            for k in self._owed(state, c, side):
                self._set(state, k, "promised")
            state.awaiting[c, side] = []

    def _reject(self, state: State, c: str, side: int) -> None:
        if self.rule(c, side) == "before_signature":
            self._drop_table(state, c)
            return
        refused = state.awaiting[c, side]
        for k in refused:
            if state.stage[k] in ("signed", "promised"):
                self._send_back(state, k)
        state.awaiting[c, 1 - side] = [k for k in state.awaiting[c, 1 - side] if k not in refused]
        state.awaiting[c, side] = []

    # -- 4. consequences ---------------------------------------------------------------------------------------------

    def _break(self, state: State, move: Move) -> list[Consequence]:
        if move.kind != "act":
            return []
        forbidden = self.data["coercion"][move.subject]["breaks"]
        broken = [k for k in self.data["concession"] if k in forbidden and state.stage[k] == "in_force"]
        for k in broken:
            self._finish(state, k)
            for i in self.glad(k):
                state.broken[i, self.giver(k)] += self.number("credibility", "broken_weight")
        return [("broken", k) for k in broken]

    def _lapse(self, state: State, was: dict[str, str]) -> list[Consequence]:
        closed = [c for c, stage in state.channel.items() if stage == "closed" and was[c] != "closed"]
        lapsed = [
            k
            for k, concession in self.data["concession"].items()
            if concession["while_open"] in closed and state.stage[k] == "in_force"
        ]
        for k in lapsed:
            self._finish(state, k)
        return [("lapsed", k) for k in lapsed]

    def tick(self, state: State, tick_index: int) -> list[Consequence]:
        """Pass a tick that the state was already advanced to; returns what was delivered."""
        state.time = self.tick_times[tick_index]
        state.tick = tick_index
        delivered = []
        for k, concession in self.data["concession"].items():
            if concession["kind"] == "flow" and state.stage[k] == "in_force" and state.shipped[k] >= WHOLE:
                self._complete(state, k)
                self._please(state, k, ease=True)
                delivered.append(("delivered", k))
        return delivered

    # -- 5. between re-evaluations -----------------------------------------------------------------------------------

    def advance(self, state: State, days: float) -> None:
        """Let a stretch of time pass in which nothing happens."""
        if days <= 0:
            return
        effort = {k: self._effort(state, k, days) for k in self.data["concession"]}
        overdue = self._overdue_inflow(state)
        for pair in state.resentment:
            slow = self.number("resentment", "half_life_years") * YEAR
            fast = self.number("resentment", "alarm_half_life_days")
            forget = self.number("credibility", "half_life_years") * YEAR
            state.resentment[pair] = remember(state.resentment[pair], slow, days)
            state.alarm[pair] = remember(state.alarm[pair], fast, days)
            state.kept[pair] = remember(state.kept[pair], forget, days)
            state.broken[pair] = remember(state.broken[pair], forget, days, overdue[pair])
        for good, i in state.stock:
            self._restock(state, good, i, days, effort)
        for k, e in effort.items():
            state.shipped[k] += e * days / self.data["concession"][k]["duration_days"]
        state.time += days

    def advance_to(self, state: State, time: float) -> None:
        """Advance to a time, without leaving a rounding error in it."""
        self.advance(state, time - state.time)
        state.time = time

    def _effort(self, state: State, k: str, days: float) -> float:
        """`e`: the part of the stretch in which a flow in force still ships."""
        concession = self.data["concession"][k]
        if concession["kind"] != "flow" or state.stage[k] != "in_force":
            return 0.0
        return min(1.0, (1.0 - state.shipped[k]) * float(concession["duration_days"]) / days)

    def _restock(self, state: State, good: str, i: str, days: float, effort: dict[str, float]) -> None:
        need = self.data["good"][good]["need"][i]
        driver = math.prod(self.driven(state, f"good.{good}.need.{i}.supply"))
        inflow = need["supply"] * driver / YEAR
        for k, e in effort.items():
            concession = self.data["concession"][k]
            if concession["good"] == good and self.recipient(k) == i:
                inflow += e * concession["quantity"] / concession["duration_days"]
        state.stock[good, i] = remember(state.stock[good, i], need["half_life_days"], days, inflow)

    def _overdue_inflow(self, state: State) -> dict[Pair, float]:
        inflow = dict.fromkeys(state.broken, 0.0)
        for k, concession in self.data["concession"].items():
            patience = concession["lead_time_days"] + concession["grace_days"]
            if state.stage[k] == "promised" and state.time - state.changed[k] >= patience:
                for i in self.glad(k):
                    inflow[i, self.giver(k)] += self.number("credibility", "overdue_per_year") / YEAR
        return inflow

    # -- 6. utilities ------------------------------------------------------------------------------------------------

    def on(self, term: str) -> bool:
        """Whether a term is switched on."""
        return term in self.terms_on

    def number(self, term: str, name: str) -> float:
        """A number of a term, at its neutral value while the term is off."""
        if not self.on(term) and name in NEUTRAL_AT_ZERO[term]:
            return 0.0
        return float(self.data["term"][term][name])

    def regard(self, i: str, j: str) -> dict[str, Any]:
        """How i saw j at the start (empty where nothing is said)."""
        for regard in self.data["regard"]:
            if regard["holder"] == i and regard["toward"] == j:
                return dict(regard)
        return {}

    def trust(self, state: State, i: str, j: str, channel: str | None = None) -> float:
        """What i believes of j's promises: plain, or as mediated in a channel."""
        prior, weight = self.regard(i, j).get("credibility"), self.number("credibility", "prior_weight")
        if prior is None:
            prior = self.number("credibility", "prior_mean")
        kept, broken = state.kept[i, j], state.broken[i, j]
        plain = float((prior * weight + kept) / (weight + kept + broken))
        if channel is None:
            return plain
        vouched: float = self.number("mediation", "strength") * self.data["channel"][channel]["reliability"]
        return 1.0 - (1.0 - plain) * max(0.0, 1.0 - vouched)

    def need(self, state: State, good: str, i: str) -> float:
        """How much a state lacks a good it has a need of."""
        need = self.data["good"][good]["need"][i]
        month = self.date(state).month
        season = math.pow(need["season"][month - 1], self.number("season", "strength"))
        driver = math.prod(self.driven(state, f"good.{good}.need.{i}.shortfall"))
        return float(season * need["shortfall"] * driver * exponential(-state.stock[good, i] / need["scale"]))

    def need_for(self, state: State, k: str, i: str) -> float:
        """Need of a beneficiary for what a concession brings (1 for what is no good it lacks)."""
        good = self.data["concession"][k]["good"]
        if good is None or i not in self.data["good"][good]["need"]:
            return 1.0
        return self.need(state, good, i)

    def engagement(self, state: State, i: str, j: str) -> float:
        """How far two states deal with each other."""
        n = 0
        for c in self.data["channel"]:
            first, second = self.seats(c, 0), self.seats(c, 1)
            facing = (i in first and j in second) or (j in first and i in second)
            n += facing and self.talking(state, c)
        for k in self.data["concession"]:
            between = (self.giver(k), self.recipient(k)) in ((i, j), (j, i))
            n += between and state.stage[k] == "in_force"
        return n / (1 + n)

    def engagement_of_one(self, state: State, i: str) -> float:
        """How far a state deals with anyone."""
        n = 0
        for c in self.data["channel"]:
            n += i in self.seats(c, 0) + self.seats(c, 1) and self.talking(state, c)
        return n / (1 + n)

    def easing(self, state: State, i: str, j: str) -> float:
        """`ally_ij`: how far allies' dealings with j make giving to j easier for i."""
        total = 0.0
        for alignment in self.data["alignment"]:
            ally = alignment["ally"]
            if alignment["actor"] == i and ally != j:
                total += alignment["weight"] * self.engagement(state, ally, j)
        return float(self.number("alignment", "scale") * self.data["actor"][i]["alignment"] * total)

    def returned(self, state: State, i: str, k: str) -> float:
        """`r_i(k)`: what i thinks of the standing concessions that k answers."""
        total = 0.0
        for q in self.data["concession"][k]["in_return_for"]:
            worth = self.data["concession"][q]["worth"].get(i, 0.0)
            if self.standing(state, q) and worth != 0:
                total += self.trust(state, i, self.giver(q)) * worth
        return total

    def item_value(self, state: State, i: str, k: str, exposure: float, channel: str | None = None) -> float:
        """What one item is worth to a state, in a channel or alone."""
        concession, value = self.data["concession"][k], 0.0
        if i in concession["worth"]:
            trust = self.trust(state, i, self.giver(k), channel)
            value += trust * concession["worth"][i] * self.need_for(state, k, i)
        if i == self.giver(k):
            value += self._giving_value(state, i, k, exposure)
        return value

    def _giving_value(self, state: State, i: str, k: str, exposure: float) -> float:
        concession, j = self.data["concession"][k], self.recipient(k)
        audience = self.number("audience", "cost_scale") * self.data["actor"][i]["audience"]
        pressure = audience * exposure * state.resentment[i, j] - self.easing(state, i, j)
        shift = self.regard(i, j).get("shift", 0.0) * concession["irreversibility"]
        fear = self.number("commitment", "theta") * (1.0 - self.trust(state, i, j)) * shift
        kindness = concession["care"] * self.need_for(state, k, j)
        return float(-concession["cost"] * exponential(pressure) + kindness + self.returned(state, i, k) - fear)

    def reservation(self, state: State, i: str) -> float:
        """Reservation of a state, with its drivers."""
        return float(self.data["actor"][i]["reservation"] + sum(self.driven(state, f"actor.{i}.reservation")))

    def margin(self, state: State, c: str, side: int, items: Sequence[str]) -> float:
        """`M_s(P)`: how far a package is above what a side would rather do without."""
        exposure, margins = self.data["channel"][c]["exposure"], []
        for i in self.seats(c, side):
            utility = sum(self.item_value(state, i, k, exposure, c) for k in items)
            margins.append(utility - self.reservation(state, i))
        aggregation = self.data["channel"][c]["aggregation"][side]
        if aggregation == "lead":
            return margins[0]
        return min(margins) if aggregation == "veto" else sum(margins) / len(margins)

    def side_one_weight(self, c: str) -> float:
        """`w`: side 1's share of the Nash product."""
        power = [self.data["actor"][self.seats(c, side)[0]]["power"] for side in SIDES]
        bias = self.number("mediation", "strength_bias") * self.data["channel"][c]["bias"]
        return logistic(math.log(power[0] / power[1]) + bias)

    def bargains(self, state: State, c: str) -> dict[tuple[str, ...], Bargain]:
        """Every enabled package of a channel with its acceptances and value."""
        w, found = self.side_one_weight(c), {}
        for items in self.packages[c]:
            if self.free(state, items):
                one, two = (self.margin(state, c, side, items) for side in SIDES)
                value = w * math.log(softplus(one)) + (1.0 - w) * math.log(softplus(two))
                found[items] = Bargain((logistic(one), logistic(two)), value)
        return found

    def mean_value(self, state: State, c: str) -> float:
        """`vbar_c`: mean value of the enabled packages."""
        values = [exponential(bargain.log_value) for bargain in self.bargains(state, c).values()]
        return sum(values) / len(values) if values else 0.0

    def choice(self, state: State, c: str) -> dict[tuple[str, ...], float]:
        """`Q(P) * accept_1 * accept_2` of every enabled package."""
        bargains, eta = self.bargains(state, c), self.data["channel"][c]["eta"]
        # The largest is taken out of all powers alike, so that none of them can underflow.
        top = max((bargain.log_value for bargain in bargains.values()), default=0.0)
        powers = {items: math.exp(eta * (bargain.log_value - top)) for items, bargain in bargains.items()}
        total = sum(powers.values())
        return {
            items: powers[items] / total * bargain.accept[0] * bargain.accept[1] for items, bargain in bargains.items()
        }

    # -- 7. hazards --------------------------------------------------------------------------------------------------

    def hazards(self, state: State) -> dict[str, float]:
        """Hazard of every move, per day."""
        choices = {c: self.choice(state, c) for c in self.data["channel"]}
        hazards = {}
        for move in self._moves:
            hazards[move.name] = 0.0
            if self.possible(state, move):
                factor = self.factor(state, move, choices)
                hazards[move.name] = self.rate(move) * factor * exponential(self.log_rate(state, move)) / YEAR
        return hazards

    def rate(self, move: Move) -> float:
        """Baseline rate of a move, per year."""
        if move.kind in ("approve", "reject"):
            return float(self.data["actor"][move.actor]["approval_rate"])
        if move.kind == "raise":
            rates = self.data["demand"][move.subject]["rates"]
        elif move.kind == "act":
            rates = self.data["coercion"][move.subject]["rates"]
        elif move.channel:
            rates = self.data["channel"][move.channel]["rates"]
        else:
            rates = self.data["concession"][move.subject]["rates"]
        return float(rates.get(move.kind, DEFAULT_RATES[move.kind]))

    def factor(self, state: State, move: Move, choices: dict[str, dict[tuple[str, ...], float]]) -> float:
        """What bargaining or approval multiplies a rate by."""
        if move.kind == "agree":
            return choices[move.channel][move.items]
        if move.kind in ("pledge", "begin", "resume", "lift"):
            i, exposure = self.giver(move.subject), self.data["concession"][move.subject]["exposure"]
            return logistic(self.item_value(state, i, move.subject, exposure) - self.reservation(state, i))
        if move.kind == "approve":
            return self.approval(state, move.channel, move.side)
        if move.kind == "reject":
            return 1.0 - self.approval(state, move.channel, move.side)
        return 1.0

    def approval(self, state: State, c: str, side: int) -> float:
        """`p`: how likely a decision at home is a yes."""
        i, j = self.seats(c, side)[0], self.seats(c, 1 - side)[0]
        actor = self.data["actor"][i]
        if not self.on("ratification") or not actor["groups"]:
            return 1.0
        package = state.table[c] if self.rule(c, side) == "before_signature" else state.awaiting[c, side]
        value = 0.0
        for k in package:
            for group in actor["groups"].values():
                value += group["weight"] * group["values"].get(k, 0.0)
        threshold = actor["threshold"] + sum(self.driven(state, f"actor.{i}.threshold"))
        pressure = self.number("audience", "approval") * actor["audience"] * state.resentment[i, j]
        return logistic(self.number("ratification", "strength") * value - threshold - pressure)

    # -- 8. log-rate terms -------------------------------------------------------------------------------------------

    def log_rate(self, state: State, move: Move) -> float:
        """Sum of what the terms add to the logarithm of a rate."""
        return (
            self._ripeness(state, move)
            + self._resentment(state, move)
            + self._reputation(state, move)
            + self._sequencing(state, move)
            + self._demands(state, move)
            + self._brinkmanship(state, move)
        )

    def _ripeness(self, state: State, move: Move) -> float:
        if move.kind not in ("plan", "open") or not self.on("ripeness"):
            return 0.0
        ripe = self.pain(state, move.channel) + math.log(1.0 + self.mean_value(state, move.channel))
        return self.number("ripeness", "theta") * (ripe - self.number("ripeness", "centre"))

    def pain(self, state: State, c: str) -> float:
        """`pain_c`: mean need of what the agenda could bring, and time without a deal."""
        lacking = set()
        for k in self.data["channel"][c]["agenda"]:
            good = self.data["concession"][k]["good"]
            for i in self.data["concession"][k]["worth"]:
                if good is not None and i in self.data["good"][good]["need"]:
                    lacking.add((good, i))
        needs = [self.need(state, good, i) for good, i in sorted(lacking)]
        waited = (state.time - state.last_deal[c]) / (self.number("ripeness", "patience_years") * YEAR)
        return (sum(needs) / len(needs) if needs else 0.0) + 1.0 - exponential(-waited)

    def _resentment(self, state: State, move: Move) -> float:
        i, j = self.principal(move.actor), self.principal(move.counterpart)
        if move.kind in ("plan", "open", "meet", "agree"):
            mean = (state.resentment[i, j] + state.resentment[j, i]) / 2.0
            return -self.number("resentment", "cool") * float(self.data["channel"][move.channel]["exposure"]) * mean
        if move.kind in ("walk_out", "act"):
            return self.number("resentment", "heat") * state.resentment[i, j]
        if move.kind in ("cancel", "freeze", "suspend", "stall"):
            return self.number("resentment", "alarm") * state.alarm[i, j]
        return 0.0

    def _reputation(self, state: State, move: Move) -> float:
        if move.kind not in ("suspend", "stall", "renege"):
            return 0.0
        i, j = self.principal(move.actor), self.principal(move.counterpart)
        return -self.number("credibility", "reputation") * (self.trust(state, j, i) - 0.5)

    def _sequencing(self, state: State, move: Move) -> float:
        if move.kind != "open":
            return 0.0
        gates = self.active_gates(state, move.channel)
        met = bool(gates) and all(self.gate_met(state, gate) for gate in gates)
        return self.number("sequencing", "met") if met else 0.0

    def _demands(self, state: State, move: Move) -> float:
        if move.kind != "walk_out":
            return 0.0
        weight, seats = 0.0, self.seats(move.channel, move.side)
        for d, demand in self.data["demand"].items():
            concerns = self.principal(demand["owner"]) in seats or self.principal(demand["target"]) in seats
            if demand["channel"] == move.channel and concerns and self.unanswered(state, d):
                weight += demand["weight"]
        return self.number("demand", "walk_out") * weight

    def _brinkmanship(self, state: State, move: Move) -> float:
        if move.kind != "act":
            return 0.0
        i, breaks = self.principal(move.actor), self.data["coercion"][move.subject]["breaks"]
        restrained = any(state.stage[k] == "in_force" for k in breaks)
        return (
            self.number("brinkmanship", "isolation") * (0.5 - self.share_in_force(state, i))
            - self.number("brinkmanship", "restraint_weight") * restrained
            - self.number("brinkmanship", "engagement_weight") * self.engagement_of_one(state, i)
        )

    def share_in_force(self, state: State, i: str) -> float:
        """How much of all that others could give to i (what it values) it has."""
        possible = current = 0.0
        for k in self.data["concession"]:
            worth = self.glad(k).get(i, 0.0)
            possible += worth
            current += worth if state.stage[k] in ("in_force", "done") else 0.0
        return current / possible if possible > 0 else 0.0

    # -- 8. memory ---------------------------------------------------------------------------------------------------

    def _remember_move(self, state: State, move: Move) -> None:
        j = self.principal(move.actor)
        match move.kind:
            case "act":
                for i, hit in self.data["coercion"][move.subject]["hits"].items():
                    self._harm(state, i, j, self.number("resentment", "harm_act") * hit)
                    state.broken[i, j] += self.number("credibility", "broken_act") * hit
            case "suspend" | "stall" | "renege":
                for i, worth in self.glad(move.subject).items():
                    self._harm(state, i, j, self.number("resentment", "harm_suspend") * worth)
                    state.broken[i, j] += self.number("credibility", "broken_weight")
            case "freeze":
                for i, worth in self.glad(move.subject).items():
                    self._harm(state, i, j, self.number("resentment", "harm_freeze") * worth)
            case "walk_out" | "cancel":
                for i in set(self.seats(move.channel, 1 - move.side)):
                    self._harm(state, i, j, self.number("resentment", "harm_walk_out"))
            case "reject":
                for i in set(self.seats(move.channel, 1 - move.side)):
                    self._harm(state, i, j, self.number("resentment", "harm_reject"))
            case "begin":
                kind = self.data["concession"][move.subject]["kind"]
                self._please(state, move.subject, ease=kind in ("act", "restraint"))
            case "complete":
                self._please(state, move.subject, ease=True)

    def _harm(self, state: State, i: str, j: str, size: float) -> None:
        state.resentment[i, j] += size
        state.alarm[i, j] += size

    def _please(self, state: State, k: str, ease: bool) -> None:
        """A promise kept: credibility for the giver and, where it is felt, less resentment."""
        j = self.giver(k)
        for i, worth in self.glad(k).items():
            state.kept[i, j] += self.number("credibility", "kept_weight")
            if ease:
                state.resentment[i, j] *= exponential(-self.number("resentment", "goodwill") * worth)


# -- 9. clocks -------------------------------------------------------------------------------------------------------


class Clock:
    """The unit-rate clock of one move in one run."""

    def __init__(self, seed: int, run: int, name: str) -> None:
        from numpy.random import SFC64, Generator, SeedSequence

        words = struct.unpack("<4I", hashlib.sha256(name.encode()).digest()[:16])
        self._column = run % 256
        self._stream = Generator(SFC64(SeedSequence(seed, spawn_key=(1, run // 256, *words))))

    def ring(self) -> float:
        """How much hazard the next ring takes."""
        return float(self._stream.standard_exponential(256)[self._column])


def simulate(
    scenario: Scenario,
    seed: int,
    run: int,
    until: float | None = None,
    numbers: dict[str, float] | None = None,
    max_events: int = 10000,
) -> list[Event]:
    """One run: its moves and their consequences in order.

    Parameters
    ----------
    seed : int
        Entropy of the clocks.
    run : int
        Which run.
    until : float, optional
        Stop at this many days from the start (default: the end). Nothing at or after it happens.
    max_events : int
        Stop after this many moves.
    """
    world = World(scenario, numbers)
    state, stop = world.start(), _find_stop(world, until)
    clocks = {move.name: Clock(seed, run, move.name) for move in world.moves()}
    left = {name: clock.ring() for name, clock in clocks.items()}
    events: list[Event] = []
    count = 0
    while count < max_events:
        hazards = world.hazards(state)
        border = min([*world.tick_times[state.tick + 1 : state.tick + 2], stop])
        name, time = _find_first_ring(state.time, left, hazards)
        fires = time < border
        elapsed = (time if fires else border) - state.time
        for other, hazard in hazards.items():
            left[other] = max(0.0, left[other] - hazard * elapsed)
        world.advance_to(state, time if fires else border)
        if fires:
            count += 1
            left[name] = clocks[name].ring()
            events += _record(world, state.time, name, world.apply(state, name))
        elif border < stop:
            events += _record(world, state.time, None, world.tick(state, state.tick + 1))
        else:
            break
    return events


def _find_stop(world: World, until: float | None) -> float:
    return world.end if until is None else min(until, world.end)


def _find_first_ring(now: float, left: dict[str, float], hazards: dict[str, float]) -> tuple[str, float]:
    """The first move to ring, ties going to the first in order; infinity when nothing can."""
    first, soonest = "", math.inf
    for name, hazard in hazards.items():
        if hazard > 0 and left[name] / hazard < soonest:
            first, soonest = name, left[name] / hazard
    return first, now + soonest


def _record(world: World, time: float, name: str | None, consequences: list[Consequence]) -> list[Event]:
    rows = []
    if name is not None:
        move = world.move[name]
        rows.append(Event(time, move.kind, move.actor, move.counterpart, move.channel, move.subject))
    for kind, k in consequences:
        rows.append(Event(time, kind, world.data["concession"][k]["giver"], world.recipient(k), "", k))
    return rows


# -- 10. likelihood --------------------------------------------------------------------------------------------------

History = Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Stretch:
    """A time without re-evaluation: its length, the hazards in it, and the move that ends it (None: no move does)."""

    days: float
    hazards: dict[str, float]
    move: str | None


def replay(
    scenario: Scenario, history: History, until: float | None = None, numbers: dict[str, float] | None = None
) -> Iterator[Stretch]:
    """A history as stretches of constant hazards. Moves at or after the end of the window are left out."""
    world = World(scenario, numbers)
    state, stop = world.start(), _find_stop(world, until)
    # A move dated exactly on a tick comes after the tick: ticks sort before moves of the same time.
    dated: list[tuple[float, int, Any]] = [(time, 0, n) for n, time in enumerate(world.tick_times) if n > 0]
    dated += [(time, 1, name) for time, name in history]
    for time, _, what in sorted(dated, key=lambda row: row[:2]):
        if time >= stop:
            break
        move = world.move[what] if isinstance(what, str) else None
        possible = move is not None and world.possible(state, move)
        yield Stretch(time - state.time, world.hazards(state), None if move is None else move.name)
        world.advance_to(state, time)
        if isinstance(what, int):
            world.tick(state, what)
        elif possible:
            world.apply(state, what)
    yield Stretch(stop - state.time, world.hazards(state), None)


def log_likelihood(
    scenario: Scenario, history: History, until: float | None = None, numbers: dict[str, float] | None = None
) -> tuple[float, list[float], float]:
    """Log-likelihood of a history (a density per day for each move).

    Returns
    -------
    total : float
    per_event : list of float
        Log-hazard of each move just before it; minus infinity for one that could not happen. Such a move changes
        nothing, but its date is still a re-evaluation.
    integral : float
        Total hazard over the window.
    """
    per_event, integral = [], 0.0
    for stretch in replay(scenario, history, until, numbers):
        integral += sum(stretch.hazards.values()) * stretch.days
        if stretch.move is not None:
            hazard = stretch.hazards[stretch.move]
            per_event.append(math.log(hazard) if hazard > 0 else -math.inf)
    return sum(per_event) - integral, per_event, integral


def compensators(
    scenario: Scenario, history: History, until: float | None = None, numbers: dict[str, float] | None = None
) -> dict[str, list[float]]:
    """Hazard that each move gathered before each of its rings in a history and, last, since the final one.

    A move that could not happen is no ring.
    """
    gathered = {move.name: [0.0] for move in World(scenario, numbers).moves()}
    for stretch in replay(scenario, history, until, numbers):
        for name, hazard in stretch.hazards.items():
            gathered[name][-1] += hazard * stretch.days
        if stretch.move is not None and stretch.hazards[stretch.move] > 0:
            gathered[stretch.move].append(0.0)
    return gathered
