"""What can be worked out before a run of the plain loop starts? Names become rows, numbers are multiplied out.

The first half of the baseline of ``plain_loop.py``. Nothing here is timed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, log
from typing import Any

from negsim.calendar import day_number, tick_dates
from negsim.moves import Event, list_events, rate_path
from negsim.numbers import collect_numbers
from negsim.scenario import Channel, Gate, Scenario
from negsim.terms import SHELF
from negsim.vocabulary import (
    CHANNEL_STAGES,
    CLOSED,
    CONCESSION_MOVE_STAGES,
    CONCESSION_STAGES,
    DAYS_PER_YEAR,
    DEFAULT_TERMS,
    DONE,
    IN_FORCE,
    IN_SESSION,
    NEEDS_FROZEN,
    NEEDS_UNFROZEN,
    OPEN,
    PLANNED,
    PROMISED,
    STANDING,
)

LIMIT = 50.0
STANDS = tuple(stage in STANDING for stage in range(len(CONCESSION_STAGES)))
COMES = tuple(stage in (PROMISED, IN_FORCE, DONE) for stage in range(len(CONCESSION_STAGES)))
KEPT_WHEN_OFF = ("half_life", "prior", "patience", "centre")
"""Numbers that a term keeps while it is switched off; all others are 0 then."""


def clip(x: float) -> float:
    """Keep an exponent within bounds (in hot places the test is written out, to spare the call)."""
    return LIMIT if x > LIMIT else -LIMIT if x < -LIMIT else x


def logistic(x: float) -> float:
    """Logistic function of a clipped argument."""
    return 1.0 / (1.0 + exp(clip(-x)))


Stake = tuple[Any, ...]
"""What something is worth to a state is a sum of amounts times features of the state of things. A feature is
``("given", pair, need)`` (believed, times need), ``("price", pair, scale)``, ``("care", need)``, ``("fear", pair)`` or
``("returns", bits, ((bit, pair, worth), ...))``, bits being those of the concessions answered."""
Entry = tuple[str, int, Any]
"""(form of hazard, move, its numbers); the forms are those of :class:`plain_loop.Run`."""


@dataclass(slots=True)
class ChannelTable:
    """A channel by row numbers, its numbers multiplied out."""

    mask: int
    """Bits of the concessions on the agenda."""
    moves: dict[int, list[Entry]]
    """Moves enabled in each stage."""
    cool: float
    pairs: tuple[int, int]
    """What leader 1 holds against leader 2, and back."""
    doubt: float
    weight: float
    """Side 1's share of the Nash product."""
    eta: float
    agree_rate: float
    needs: list[int]
    sides: list[Side]
    packages: list[tuple[int, int, list[int]]]
    """(move, bits, concessions)."""
    gates: list[GateTable]
    rules: tuple[str, str]
    seats: tuple[list[int], list[int]]
    approvals: tuple[Approval | None, Approval | None]
    holders: tuple[list[int], list[int]]
    """For each side, the pairs by which its members remember what the other side's leader does."""
    walk_outs: list[tuple[int, float, list[tuple[int, float]]]]
    """(move, rate, demands with their weights)."""
    menus: dict[int, Menu] = field(default_factory=dict)

    def menu(self, free: int) -> Menu:
        """What can be agreed when these concessions are free (kept for the next time they are)."""
        free &= self.mask
        if free not in self.menus:
            packages = [(move, items) for move, bits, items in self.packages if bits & free == bits]
            sides = [(side.mean, [_ballot(*voter, packages) for voter in side.voters]) for side in self.sides]
            self.menus[free] = Menu([move for move, _ in packages], sides)
        return self.menus[free]


@dataclass(slots=True)
class Side:
    """Who decides for a side: the mean, or the least willing, of some states and their stakes in each concession."""

    mean: bool
    voters: list[tuple[int, dict[int, dict[Stake, float]]]]


@dataclass(slots=True)
class Menu:
    """Moves that agree on a package of the items now free, and who votes on them."""

    moves: list[int]
    sides: list[tuple[bool, list[Ballot]]]


@dataclass(slots=True)
class Ballot:
    """One voter's stakes in the packages of a menu: the features, and how much of each is in each package."""

    state: int
    features: tuple[list[tuple[Any, ...]], ...]
    """Of each kind (given, price, care, fear, returns), in the order of the amounts."""
    packages: list[tuple[float, ...]]
    """Amounts of the features, the last being 1 (of what the voter would do without)."""


def _ballot(state: int, stakes: dict[int, dict[Stake, float]], packages: list[tuple[int, list[int]]]) -> Ballot:
    """Add up a voter's stakes by package."""
    stake = dict.fromkeys(stake for _, items in packages for k in items for stake in stakes[k])
    sums = {feature: [sum(stakes[k].get(feature, 0.0) for k in items) for _, items in packages] for feature in stake}
    features: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in ("given", "price", "care", "fear", "returns")}
    rows = []
    for kind, found in features.items():
        for feature, amounts in sums.items():
            if feature[0] == kind and any(amounts):
                found.append(feature[1:])
                rows.append(amounts)
    return Ballot(state, tuple(features.values()), [(*(row[n] for row in rows), 1.0) for n in range(len(packages))])


@dataclass(slots=True)
class Gift:
    """What giving something does to its giver, by row numbers."""

    giver: int
    pair: int
    scale: float
    """Exponent of the cost for each unit of resentment."""
    cost: float
    need: int
    care: float
    fear: float
    """Utility lost at no trust."""
    answered: int
    """Bits of the concessions that it answers."""
    returns: tuple[tuple[int, int, float], ...]
    """(bit, pair, worth) of each concession that it answers."""


@dataclass(slots=True)
class GateTable:
    """A gate: its items, which stages are far enough, and whether it counts at each tick."""

    items: list[int]
    far: tuple[bool, ...]
    every: bool
    hard: bool
    active: list[bool]


@dataclass(slots=True)
class Approval:
    """Approval at home of one side of a channel."""

    moves: tuple[int, int]
    rate: float
    state: int
    values: dict[int, float] | None
    """What the groups think of each item; None where approval is certain."""
    pressure: float
    pair: int


@dataclass(slots=True)
class ConcessionTable:
    """A concession by row numbers, its numbers multiplied out."""

    kind: str
    giver: int
    bit: int
    lead: float
    patience: float
    """Days after which a promise is overdue."""
    duration: float
    quantity: float
    need: int
    """Row of the stock it fills, or -1."""
    once: bool
    place: int
    """Channel it hangs on, or -1."""
    glad: list[tuple[int, float]]
    """(pair, factor on resentment when it is given) for those it is worth something to."""
    harm: list[tuple[int, float]]
    freeze_harm: list[tuple[int, float]]
    moves: list[tuple[Entry, ...]]
    """Moves enabled by each code of stage, freeze (8) and readiness (16)."""
    answers: list[int]
    """Demands it answers."""


@dataclass(slots=True)
class DemandTable:
    """A demand by row numbers."""

    channel: int
    move: int
    rate: float
    answers: list[int]


@dataclass(slots=True)
class ActTable:
    """A coercive act by row numbers; `hits` are (pair, harm, evidence)."""

    move: int
    rate: float
    pair: int
    state: int
    hits: list[tuple[int, float, float]]
    breaks: list[int]


class Tables:
    """A scenario by row numbers.

    Parameters
    ----------
    scenario : Scenario
        A scenario that has passed its checks, without terms of its own.
    numbers : mapping of str to float, optional
        Other values for some of its numbers, by key path.
    """

    def __init__(self, scenario: Scenario, numbers: Mapping[str, float] | None = None) -> None:
        self.scenario = scenario
        self.numbers = collect_numbers(scenario, SHELF) | dict(numbers or {})
        self.on = set(DEFAULT_TERMS if scenario.terms is None else scenario.terms)
        if self.on - set(SHELF):
            raise ValueError(f"terms of one's own are not supported: {sorted(self.on - set(SHELF))}")
        self.states = {name: row for row, name in enumerate(n for n, a in scenario.actor.items() if a.kind == "state")}
        self.concession_row = {name: row for row, name in enumerate(scenario.concession)}
        self.channel_row = {name: row for row, name in enumerate(scenario.channel)}
        self.needs = {
            place: row for row, place in enumerate((g, i) for g in scenario.good for i in scenario.good[g].need)
        }
        self.pair_row: dict[tuple[str, str], int] = {}
        self.events = list_events(scenario)
        self.move_row = {event.name: row for row, event in enumerate(self.events)}
        self.rates = [self.numbers[rate_path(scenario, event)] / DAYS_PER_YEAR for event in self.events]
        self._number_terms()
        self._lay_out_time()
        self.channels = [self._channel(name) for name in scenario.channel]
        self.concessions = [self._concession(name) for name in scenario.concession]
        self.demands = [self._demand(name) for name in scenario.demand]
        self.acts = {self.move_row[e.name]: self._act(e) for e in self.events if e.kind == "act"}
        self._relate()
        self._start()

    # -- names to numbers --

    def term(self, term: str, name: str) -> float:
        """A number of a term, 0 while it is off (what is kept then has no effect)."""
        if term not in self.on and not any(part in name for part in KEPT_WHEN_OFF):
            return 0.0
        return self.numbers[f"term.{term}.{name}"]

    def state(self, actor: str) -> str:
        return self.scenario.principal(actor)

    def pair(self, holder: str, toward: str) -> int:
        """Row of what one state holds against another, made when first asked for."""
        return self.pair_row.setdefault((holder, toward), len(self.pair_row))

    def regard(self, holder: str, toward: str, number: str, default: float) -> float:
        for position, regard in enumerate(self.scenario.regard):
            if (regard.holder, regard.toward) == (holder, toward) and getattr(regard, number) is not None:
                return self.numbers[f"regard.{position}.{number}"]
        return default

    def actor_number(self, actor: str, name: str) -> float:
        return self.numbers[f"actor.{self.state(actor)}.{name}"]

    def _number_terms(self) -> None:
        half = math.log(2.0)
        self.slow = half / (self.numbers["term.resentment.half_life_years"] * DAYS_PER_YEAR)
        self.fast = half / self.numbers["term.resentment.alarm_half_life_days"]
        self.forget = half / (self.numbers["term.credibility.half_life_years"] * DAYS_PER_YEAR)
        self.heat, self.alarm = self.term("resentment", "heat"), self.term("resentment", "alarm")
        self.kept, self.broken = self.term("credibility", "kept_weight"), self.term("credibility", "broken_weight")
        self.overdue = self.term("credibility", "overdue_per_year") / DAYS_PER_YEAR
        self.prior_weight = self.numbers["term.credibility.prior_weight"]
        self.reputation = self.term("credibility", "reputation")
        self.ripeness = self.term("ripeness", "theta")
        self.centre = self.numbers["term.ripeness.centre"]
        self.patience = self.numbers["term.ripeness.patience_years"] * DAYS_PER_YEAR
        self.gate_met = self.term("sequencing", "met")
        self.isolation = self.term("brinkmanship", "isolation")
        self.restraint = self.term("brinkmanship", "restraint_weight")
        self.engagement = self.term("brinkmanship", "engagement_weight")

    # -- the calendar --

    def _lay_out_time(self) -> None:
        """Everything that the calendar decides, for each tick."""
        case = self.scenario
        self.dates = tick_dates(case.start, case.end, case.tick)
        self.ticks = [day_number(case.start, date) for date in self.dates] + [float((case.end - case.start).days + 1)]
        strength = self.term("season", "strength")
        self.lack: list[list[float]] = [[] for _ in self.dates]
        self.supply: list[list[float]] = [[] for _ in self.dates]
        self.reservation: list[list[float]] = [[] for _ in self.dates]
        self.threshold: list[list[float]] = [[] for _ in self.dates]
        for tick, date in enumerate(self.dates):
            for good, state in self.needs:
                path = f"good.{good}.need.{state}"
                season = self.numbers[f"{path}.season.{date.month - 1}"] ** strength
                self.lack[tick].append(season * self._driven(f"{path}.shortfall", tick))
                self.supply[tick].append(self._driven(f"{path}.supply", tick) / DAYS_PER_YEAR)
            for state in self.states:
                self.reservation[tick].append(self._driven(f"actor.{state}.reservation", tick))
                self.threshold[tick].append(self._driven(f"actor.{state}.threshold", tick))

    def _driven(self, path: str, tick: int) -> float:
        number = self.numbers[path]
        for name, driver in self.scenario.driver.items():
            past = sum(date <= self.dates[tick] for date in driver.dates)
            if driver.target == path and past:
                value = self.numbers[f"driver.{name}.values.{past - 1}"]
                number = number * value if path.startswith("good") else number + value
        return number

    # -- channels --

    def _channel(self, name: str) -> ChannelTable:
        given, path, row = self.scenario.channel[name], f"channel.{name}", self.channel_row[name]
        seats = [[self.state(actor) for actor in side] for side in given.sides]
        one, two = (side[0] for side in seats)
        exposure = self.numbers[f"{path}.exposure"]
        cool = -self.term("resentment", "cool") * exposure / 2.0
        bias = self.term("mediation", "strength_bias") * self.numbers[f"{path}.bias"]
        power = self.actor_number(one, "power") / self.actor_number(two, "power")
        vouched = self.term("mediation", "strength") * self.numbers[f"{path}.reliability"]
        agreements = [e for e in self.events if e.kind == "agree" and e.channel == name]
        bits = {k: 1 << self.concession_row[k] for k in self.concession_row}
        return ChannelTable(
            mask=sum(bits[k] for k in given.agenda),
            moves=self._channel_moves(name, row, cool, self.pair(one, two), self.pair(two, one)),
            cool=cool,
            pairs=(self.pair(one, two), self.pair(two, one)),
            doubt=max(0.0, 1.0 - vouched),
            weight=logistic(log(power) + bias),
            eta=self.numbers[f"{path}.eta"],
            agree_rate=self.rates[self.move_row[agreements[0].name]] if agreements else 0.0,
            needs=self._pains(given),
            sides=[self._side(given, side, seats[side], exposure) for side in (0, 1)],
            packages=[
                (self.move_row[e.name], sum(bits[k] for k in e.items), [self.concession_row[k] for k in e.items])
                for e in agreements
            ],
            gates=[self._gate(gate) for gate in given.gates],
            rules=given.consent,
            seats=([self.states[s] for s in seats[0]], [self.states[s] for s in seats[1]]),
            approvals=(self._approval(name, 0, seats), self._approval(name, 1, seats)),
            holders=(
                [self.pair(holder, two) for holder in dict.fromkeys(seats[0])],
                [self.pair(holder, one) for holder in dict.fromkeys(seats[1])],
            ),
            walk_outs=self._walk_outs(name, seats),
        )

    def _channel_moves(self, name: str, row: int, cool: float, there: int, back: int) -> dict[int, list[Any]]:
        """By stage, what a channel enables."""
        found: dict[int, list[Any]] = {stage: [] for stage in range(len(CHANNEL_STAGES))}
        for move, event in enumerate(self.events):
            rate = self.rates[move]
            if event.channel != name or not rate:
                continue
            pair = self.pair(self.state(event.actor), self.state(event.counterpart))
            if event.kind in ("plan", "open"):
                entry = (row, rate, event.kind == "open")
                found[CLOSED if event.kind == "plan" else PLANNED].append(("prospects", move, entry))
            elif event.kind == "meet":
                found[OPEN].append(("talking", move, (rate, cool, there, back)))
            elif event.kind == "close":
                found[OPEN].append(("steady", move, rate))
            elif event.kind == "adjourn":
                found[IN_SESSION].append(("steady", move, rate))
            elif event.kind == "cancel":
                found[PLANNED].append(("alarmed", move, (rate, pair)))
            elif event.kind == "walk_out":
                found[OPEN].append(("heated", move, (rate, 0.0, pair)))
                found[IN_SESSION].append(("heated", move, (rate, 0.0, pair)))
        return found

    def _pains(self, channel: Channel) -> list[int]:
        wanted = [
            (self.scenario.concession[k].good, i) for k in channel.agenda for i in self.scenario.concession[k].worth
        ]
        return [self.needs[place] for place in dict.fromkeys(wanted) if place in self.needs]  # type: ignore[index]

    def _side(self, channel: Channel, side: int, seats: list[str], exposure: float) -> Side:
        how = channel.aggregation[side]
        voters = seats[:1] if how == "lead" else seats if how == "mean" else list(dict.fromkeys(seats))
        stakes = [
            {self.concession_row[k]: self._stakes(k, voter, exposure) for k in channel.agenda} for voter in voters
        ]
        return Side(how == "mean", [(self.states[voter], held) for voter, held in zip(voters, stakes, strict=True)])

    def _stakes(self, k: str, voter: str, exposure: float) -> dict[Stake, float]:
        """What an item is to a voter: a benefit, a gift of its own, or nothing."""
        given, giver = self.scenario.concession[k], self.state(self.scenario.concession[k].giver)
        if voter == giver:
            gift = self._gift(k, exposure)
            return {
                ("price", gift.pair, gift.scale): -gift.cost,
                ("care", gift.need): gift.care,
                ("fear", gift.pair): -gift.fear,
                ("returns", gift.answered, gift.returns): 1.0 if gift.returns else 0.0,
            }
        if voter in given.worth:
            need = self.needs.get((given.good or "", voter), -1)
            return {("given", self.pair(voter, giver), need): self.numbers[f"concession.{k}.worth.{voter}"]}
        return {}

    def _gift(self, k: str, exposure: float) -> Gift:
        given, path = self.scenario.concession[k], f"concession.{k}"
        giver, recipient = self.state(given.giver), self.scenario.recipient(k)
        shift = self.regard(giver, recipient, "shift", 0.0) * self.numbers[f"{path}.irreversibility"]
        answered = [q for q in given.in_return_for if giver in self.scenario.concession[q].worth]
        return Gift(
            giver=self.states[giver],
            pair=self.pair(giver, recipient),
            scale=self.term("audience", "cost_scale") * self.actor_number(giver, "audience") * exposure,
            cost=self.numbers[f"{path}.cost"],
            need=self.needs.get((given.good or "", recipient), -1),
            care=self.numbers[f"{path}.care"],
            fear=self.term("commitment", "theta") * shift,
            answered=sum(1 << self.concession_row[q] for q in answered),
            returns=tuple(
                (
                    1 << self.concession_row[q],
                    self.pair(giver, self.state(self.scenario.concession[q].giver)),
                    self.numbers[f"concession.{q}.worth.{giver}"],
                )
                for q in answered
            ),
        )

    def _gate(self, gate: Gate) -> GateTable:
        active = [
            (gate.from_ is None or gate.from_ <= date) and (gate.to is None or date < gate.to) for date in self.dates
        ]
        items = [self.concession_row[k] for k in gate.items]
        return GateTable(items, COMES if gate.stage == "promised" else STANDS, gate.need == "all", gate.hard, active)

    def _approval(self, name: str, side: int, seats: list[list[str]]) -> Approval | None:
        if self.scenario.channel[name].consent[side] == "none":
            return None
        state, other = seats[side][0], seats[1 - side][0]
        found = [
            row for row, e in enumerate(self.events)
            if e.channel == name and e.side == side and e.kind in ("approve", "reject")
        ]  # fmt: skip
        values = {}
        for group, given in self.scenario.actor[state].groups.items():
            for k in given.values:
                path = f"actor.{state}.groups.{group}"
                value = self.numbers[f"{path}.weight"] * self.numbers[f"{path}.values.{k}"]
                values[self.concession_row[k]] = values.get(self.concession_row[k], 0.0) + value
        strength = self.term("ratification", "strength")
        certain = "ratification" not in self.on or not self.scenario.actor[state].groups
        return Approval(
            moves=(found[0], found[1]),
            rate=self.rates[found[0]],
            state=self.states[state],
            values=None if certain else {k: strength * value for k, value in values.items()},
            pressure=self.term("audience", "approval") * self.actor_number(state, "audience"),
            pair=self.pair(state, other),
        )

    def _walk_outs(self, name: str, seats: list[list[str]]) -> list[tuple[int, float, list[tuple[int, float]]]]:
        found = []
        for move, event in enumerate(self.events):
            if event.kind == "walk_out" and event.channel == name and self.rates[move]:
                weights = [
                    (row, self.term("demand", "walk_out") * self.numbers[f"demand.{d}.weight"])
                    for row, (d, given) in enumerate(self.scenario.demand.items())
                    if given.channel == name
                    and {self.state(given.owner), self.state(given.target)} & set(seats[event.side])
                ]
                found.append((move, self.rates[move], weights))
        return found

    # -- concessions, demands, acts --

    def _concession(self, name: str) -> ConcessionTable:
        given, path = self.scenario.concession[name], f"concession.{name}"
        giver = self.state(given.giver)
        worths = {i: self.numbers[f"{path}.worth.{i}"] for i in given.worth}
        glad = [(self.pair(i, giver), worth) for i, worth in worths.items() if worth > 0]
        goodwill = self.term("resentment", "goodwill")
        suspend, freeze = self.term("resentment", "harm_suspend"), self.term("resentment", "harm_freeze")
        lead = self.numbers[f"{path}.lead_time_days"]
        return ConcessionTable(
            kind=given.kind,
            giver=self.states[giver],
            bit=1 << self.concession_row[name],
            lead=lead,
            patience=lead + self.numbers[f"{path}.grace_days"],
            duration=self.numbers[f"{path}.duration_days"],
            quantity=self.numbers[f"{path}.quantity"],
            need=self.needs.get((given.good, self.scenario.recipient(name)), -1) if given.good else -1,
            once=given.once and given.kind == "act",
            place=self.channel_row[given.while_open] if given.while_open else -1,
            glad=[(pair, exp(clip(-goodwill * worth))) for pair, worth in glad],
            harm=[(pair, suspend * worth) for pair, worth in glad],
            freeze_harm=[(pair, freeze * worth) for pair, worth in glad],
            moves=self._concession_moves(name),
            answers=[row for row, d in enumerate(self.scenario.demand.values()) if name in d.answered_by],
        )

    def _concession_moves(self, name: str) -> list[tuple[tuple[str, int, Any], ...]]:
        moves = [
            (row, e) for row, e in enumerate(self.events) if e.subject == name and not e.channel and self.rates[row]
            and e.kind in CONCESSION_MOVE_STAGES
        ]  # fmt: skip
        table = []
        for code in range(32):
            stage, frozen, ready = code % 8, code & 8, code & 16
            possible = [
                (row, e) for row, e in moves
                if stage in CONCESSION_MOVE_STAGES[e.kind]
                and not (frozen and e.kind in NEEDS_UNFROZEN)
                and (frozen or e.kind not in NEEDS_FROZEN)
                and (ready or e.kind != "begin")
            ]  # fmt: skip
            table.append(tuple((self._form(e), row, self._entry(name, row, e)) for row, e in possible))
        return table

    @staticmethod
    def _form(event: Event) -> str:
        if event.kind in ("pledge", "begin", "resume", "lift"):
            return "steps"
        if event.kind in ("suspend", "stall", "renege"):
            return "promised"
        return "alarmed" if event.kind == "freeze" else "steady"

    def _entry(self, name: str, move: int, event: Event) -> Any:
        rate, form = self.rates[move], self._form(event)
        giver, other = self.state(event.actor), event.counterpart
        if form == "steps":
            gift = self._gift(name, self.numbers[f"concession.{name}.exposure"])
            return (
                rate,
                gift.giver,
                gift.pair,
                gift.scale,
                gift.cost,
                gift.need,
                gift.care,
                gift.fear,
                gift.answered,
                gift.returns,
            )
        if form == "promised":
            return rate, 0.0 if event.kind == "renege" else self.alarm, self.pair(giver, other), self.pair(other, giver)
        return (rate, self.pair(giver, other)) if form == "alarmed" else rate

    def _demand(self, name: str) -> DemandTable:
        given = self.scenario.demand[name]
        move = self.move_row[f"raise:{given.owner}::{name}"]
        answers = [self.concession_row[k] for k in given.answered_by]
        return DemandTable(self.channel_row[given.channel], move, self.rates[move], answers)

    def _act(self, event: Event) -> ActTable:
        given, actor = self.scenario.coercion[event.subject], self.state(event.actor)
        move = self.move_row[event.name]
        harm, evidence = self.term("resentment", "harm_act"), self.term("credibility", "broken_act")
        hits = []
        for i in given.hits:
            hit = self.numbers[f"coercion.{event.subject}.hits.{i}"]
            hits.append((self.pair(i, actor), harm * hit, evidence * hit))
        breaks = sorted(self.concession_row[k] for k in given.breaks)
        pair = self.pair(actor, self.state(event.counterpart))
        return ActTable(move, self.rates[move], pair, self.states[actor], hits, breaks)

    # -- relations --

    def _relate(self) -> None:
        """Whose dealings ease whose, who sits where, and what part of all it could be given each gift is to a state."""
        case = self.scenario
        giving = [(self.state(given.giver), case.recipient(k)) for k, given in case.concession.items()]
        easing = [(self.pair(i, j), self._eased(i, j)) for i, j in dict.fromkeys(giving)]
        self.allies = [(pair, allies) for pair, allies in easing if allies]
        self.seats = [
            [row for row, channel in enumerate(self.channels) if i in channel.seats[0] + channel.seats[1]]
            for i in self.states.values()
        ]
        self.shares = [self._shares(i) for i in self.states]

    def _eased(self, i: str, j: str) -> list[tuple[float, list[int], list[int]]]:
        """Allies whose dealings with j make giving to j easier for i: (weight, channels, concessions) of each."""
        scale = self.term("alignment", "scale") * self.actor_number(i, "alignment")
        return [
            (scale * self.numbers[f"alignment.{position}.weight"], *self._dealings(given.ally, j))
            for position, given in enumerate(self.scenario.alignment)
            if given.actor == i and given.ally != j
        ]

    def _shares(self, state: str) -> list[tuple[int, float]]:
        paths = {k: f"concession.{k}.worth.{state}" for k, c in self.scenario.concession.items() if state in c.worth}
        worth = {self.concession_row[k]: max(0.0, self.numbers[path]) for k, path in paths.items()}
        whole = sum(worth.values())
        return [(k, part / whole) for k, part in worth.items() if part > 0]

    def _dealings(self, one: str, two: str) -> tuple[list[int], list[int]]:
        i, j = self.states[one], self.states[two]
        places = [
            row for row, c in enumerate(self.channels)
            if (i in c.seats[0] and j in c.seats[1]) or (j in c.seats[0] and i in c.seats[1])
        ]  # fmt: skip
        gifts = [
            self.concession_row[k] for k, given in self.scenario.concession.items()
            if {self.state(given.giver), self.scenario.recipient(k)} == {one, two}
        ]  # fmt: skip
        return places, gifts

    # -- the start --

    def _start(self) -> None:
        case, initial = self.scenario, self.scenario.initial
        self.first_stage = [CONCESSION_STAGES.index(initial.concessions.get(k, "none")) for k in case.concession]
        self.first_frozen = [k in initial.frozen for k in case.concession]
        self.first_channel = [CHANNEL_STAGES.index(initial.channels.get(c, "closed")) for c in case.channel]
        self.first_demand = [initial.demands.get(d, "dormant") == "raised" for d in case.demand]
        self.first_stock = [self.numbers[f"good.{good}.need.{i}.stock"] for good, i in self.needs]
        self.stock_decay = [
            math.log(2.0) / self.numbers[f"good.{good}.need.{i}.half_life_days"] for good, i in self.needs
        ]
        self.stock_scale = [self.numbers[f"good.{good}.need.{i}.scale"] for good, i in self.needs]
        pairs, mean = list(self.pair_row), self.numbers["term.credibility.prior_mean"]
        resents = "resentment" in self.on
        self.first_resentment = [self.regard(*pair, "resentment", 0.0) if resents else 0.0 for pair in pairs]
        self.learns = "credibility" in self.on
        weight = self.prior_weight if self.learns else 1.0
        self.prior = [self.regard(*pair, "credibility", mean) * weight for pair in pairs]
