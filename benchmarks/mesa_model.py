"""How would one write this model with Mesa? Governments and talks as agents, a month as a step.

The idiomatic agent-based version that ``speed.py`` measures the kernel against: every government and every channel is
an agent with attributes and methods, agents say what they could do and how fast, and a step of the model lets the
events of one month happen one after the other (competing risks: the next event among all options of all agents), then
collects data. It is written to be read, in the way of Mesa's own examples, not to be fast.

The mechanics are those of docs/model.md. Simplified where it makes no difference to the law of the histories:

* waiting times are drawn afresh at each event (hazards are constant in between, so nothing is lost) from the model's
  own random numbers; the addressed clocks of section 9, and with them "the same run whatever the batch", are gone;
* all shipped terms are on and ticks are months; other scenarios are refused.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

import mesa

from negsim.calendar import tick_dates
from negsim.numbers import collect_numbers
from negsim.parameters import RATES
from negsim.scenario import Channel, Coercion, Concession, Demand, Gate, Scenario
from negsim.terms import SHELF

YEAR = 365.25
Option = tuple[float, Callable[[], None]]
"""(hazard per day, what happens)."""


def limited_exp(x: float) -> float:
    """Take the exponential of a number kept within plus or minus 50."""
    return math.exp(max(-50.0, min(50.0, x)))


def logistic(x: float) -> float:
    """Logistic function."""
    return 1.0 / (1.0 + limited_exp(-x))


@dataclass
class Regard:
    """What a government holds against another, and what it remembers of its promises."""

    resentment: float = 0.0
    alarm: float = 0.0
    kept: float = 0.0
    broken: float = 0.0
    prior: float = 0.5
    shift: float = 0.0


class Gift:
    """A concession and how far it has come."""

    def __init__(self, model: NegotiationModel, name: str, spec: Concession) -> None:
        self.model, self.name, self.spec = model, name, spec
        self.giver = model.government(spec.giver)
        self.recipient = model.government(spec.recipient or next(iter(spec.worth)))
        self.stage: str = model.scenario.initial.concessions.get(name, "none")
        self.frozen = name in model.scenario.initial.frozen
        self.begun = self.stage in ("in_force", "suspended")
        self.changed = 0.0
        self.shipped = 0.0

    @property
    def free(self) -> bool:
        """Whether it can be put on a table."""
        return self.stage in ("none", "suspended") and not self.frozen

    @property
    def standing(self) -> bool:
        """Whether it counts as given or owed."""
        return self.stage in ("signed", "promised", "in_force", "done")

    @property
    def waited(self) -> float:
        """Days since its last change of stage."""
        return self.model.now - self.changed

    @property
    def overdue(self) -> bool:
        """Whether it is promised and late."""
        return self.stage == "promised" and self.waited >= self.spec.lead_time_days + self.spec.grace_days

    @property
    def ready(self) -> bool:
        """Whether what is promised can be begun."""
        place = self.spec.while_open
        return self.waited >= self.spec.lead_time_days and (place is None or self.model.talks[place].is_open)

    def beneficiaries(self) -> Iterator[tuple[Government, float]]:
        """Who gains by it, and how much."""
        for name, worth in self.spec.worth.items():
            if worth > 0:
                yield self.model.governments[name], worth

    def set_stage(self, stage: str) -> None:
        """Move to another stage."""
        self.stage, self.changed = stage, self.model.now

    def send_back(self) -> None:
        """Return from a table or a rejected accord."""
        self.set_stage("suspended" if self.begun else "none")

    def end(self, stage: str = "none") -> None:
        """Stop giving it."""
        self.begun, self.shipped = False, 0.0
        self.set_stage(stage)

    def complete(self) -> None:
        """Finish one round of giving: trust is earned, resentment eased, demands settled."""
        self.end("done" if self.spec.kind == "act" and self.spec.once else "none")
        self.please(eases=True)
        for claim in self.model.claims:
            if self.name in claim.spec.answered_by:
                claim.raised = False

    def please(self, eases: bool) -> None:
        """Tell the beneficiaries that a promise was kept."""
        for government, worth in self.beneficiaries():
            regard = government.regards[self.giver]
            regard.kept += self.model.number("credibility", "kept_weight")
            if eases:
                regard.resentment *= limited_exp(-self.model.number("resentment", "goodwill") * worth)

    def harm(self, strength: str, breaks: bool) -> None:
        """Disappoint the beneficiaries."""
        for government, worth in self.beneficiaries():
            government.resent(self.giver, self.model.number("resentment", strength) * worth)
            if breaks:
                government.regards[self.giver].broken += self.model.number("credibility", "broken_weight")

    def effort(self, days: float) -> float:
        """Part of some days in which it is still shipped."""
        if self.spec.kind != "flow" or self.stage != "in_force" or days <= 0:
            return 0.0
        return min(1.0, (1.0 - self.shipped) * self.spec.duration_days / days)


class Claim:
    """A demand and whether it is on the table."""

    def __init__(self, model: NegotiationModel, name: str, spec: Demand) -> None:
        self.model, self.spec, self.name = model, spec, name
        self.raised = model.scenario.initial.demands.get(name, "dormant") == "raised"
        self.concerned = {model.government(spec.owner), model.government(spec.target)}

    @property
    def unanswered(self) -> bool:
        """Whether it is raised and nothing that answers it is promised or in force."""
        gifts = (self.model.gifts[name] for name in self.spec.answered_by)
        return self.raised and not any(gift.stage in ("promised", "in_force") for gift in gifts)

    def put(self) -> None:
        """Raise it."""
        self.raised = True


class Government(mesa.Agent):
    """A state: remembers, needs, gives, threatens, approves."""

    model: NegotiationModel

    def __init__(self, model: NegotiationModel, name: str) -> None:
        super().__init__(model)
        self.name, self.spec = name, model.scenario.actor[name]
        self.regards: dict[Government, Regard] = {}
        self.gifts: list[Gift] = []
        self.threats: list[Coercion] = []
        needs = {good: spec.need[name] for good, spec in model.scenario.good.items() if name in spec.need}
        self.needs = needs
        self.stock = {good: need.stock for good, need in needs.items()}

    # -- what it feels --

    def trust(self, other: Government) -> float:
        """How far it believes another's promises."""
        regard, weight = self.regards[other], self.model.number("credibility", "prior_weight")
        return (regard.prior * weight + regard.kept) / (weight + regard.kept + regard.broken)

    def need(self, good: str | None) -> float:
        """How much it lacks a good."""
        if good not in self.needs:
            return 1.0
        need = self.needs[good]
        season: float = need.season[self.model.date.month - 1] ** self.model.number("season", "strength")
        shortfall = self.model.driven(f"good.{good}.need.{self.name}.shortfall", need.shortfall)
        return season * shortfall * limited_exp(-self.stock[good] / need.scale)

    @property
    def reservation(self) -> float:
        """What it would rather do without."""
        return self.model.driven(f"actor.{self.name}.reservation", self.spec.reservation)

    def easing(self, other: Government) -> float:
        """How far its allies' dealings with another ease its own."""
        total = 0.0
        for alignment in self.model.scenario.alignment:
            if alignment.actor == self.name and alignment.ally != other.name:
                ally = self.model.governments[alignment.ally]
                total += alignment.weight * self.model.engagement(ally, other)
        return self.model.number("alignment", "scale") * self.spec.alignment * total

    def value(self, gift: Gift, exposure: float, doubt: float = 1.0) -> float:
        """What a gift is worth to it: given to it, or given by it."""
        value = 0.0
        if self.name in gift.spec.worth:
            believed = 1.0 - (1.0 - self.trust(gift.giver)) * doubt
            value += believed * gift.spec.worth[self.name] * self.need(gift.spec.good)
        if gift.giver is self:
            value += self.value_of_giving(gift, exposure)
        return value

    def value_of_giving(self, gift: Gift, exposure: float) -> float:
        """What giving is worth: its cost at home, care, what is had in return, fear of a stronger other."""
        other, number = gift.recipient, self.model.number
        pressure = number("audience", "cost_scale") * self.spec.audience * exposure * self.regards[other].resentment
        value = -gift.spec.cost * limited_exp(pressure - self.easing(other))
        value += gift.spec.care * other.need(gift.spec.good)
        for name in gift.spec.in_return_for:
            answered = self.model.gifts[name]
            if answered.standing and self.name in answered.spec.worth:
                value += self.trust(answered.giver) * answered.spec.worth[self.name]
        shift = self.regards[other].shift * gift.spec.irreversibility
        return value - number("commitment", "theta") * (1.0 - self.trust(other)) * shift

    def resent(self, other: Government, harm: float) -> None:
        """Hold something against another."""
        self.regards[other].resentment += harm
        self.regards[other].alarm += harm

    # -- what it could do --

    def options(self) -> Iterator[Option]:
        """Everything it could do alone, and how fast."""
        for gift in self.gifts:
            yield from self.options_of_giving(gift)
        for threat in self.threats:
            yield self.rate(threat.rates, "act", self.temptation(threat)), lambda t=threat: self.strike(t)

    def rate(self, rates: dict[str, float], kind: str, log_rate: float = 0.0, factor: float = 1.0) -> float:
        """Hazard per day."""
        return rates.get(kind, RATES[kind].default) * factor * limited_exp(log_rate) / YEAR

    def options_of_giving(self, gift: Gift) -> Iterator[Option]:
        """What it could do with a gift, by its stage."""
        spec, stage, rates = gift.spec, gift.stage, gift.spec.rates
        willing = logistic(self.value(gift, spec.exposure) - self.reservation)
        fear = self.model.number("resentment", "alarm") * self.regards[gift.recipient].alarm
        doubt = self.model.number("credibility", "reputation") * (gift.recipient.trust(self) - 0.5)
        if stage == "none" and spec.unilateral and not gift.frozen:
            yield self.rate(rates, "pledge", 0.0, willing), lambda: gift.set_stage("promised")
        if stage == "promised":
            if gift.ready and not gift.frozen:
                yield self.rate(rates, "begin", 0.0, willing), lambda: self.begin(gift)
            yield self.rate(rates, "renege", -doubt), lambda: self.stop(gift, "none")
        if stage == "in_force":
            if spec.kind == "flow":
                yield self.rate(rates, "suspend", fear - doubt), lambda: self.stop(gift, "suspended")
            if spec.kind == "process":
                yield self.rate(rates, "stall", fear - doubt), lambda: self.stop(gift, "suspended")
                yield self.rate(rates, "complete"), gift.complete
            if spec.kind == "restraint":
                yield self.rate(rates, "withdraw"), gift.end
        if stage == "suspended" and not gift.frozen:
            yield self.rate(rates, "resume", 0.0, willing), lambda: gift.set_stage("in_force")
        if spec.freezable and not gift.frozen and stage != "done":
            yield self.rate(rates, "freeze", fear), lambda: self.freeze(gift)
        if spec.freezable and gift.frozen:
            yield self.rate(rates, "lift", 0.0, willing), lambda: setattr(gift, "frozen", False)

    def temptation(self, threat: Coercion) -> float:
        """Log rate of a coercive act."""
        number = self.model.number
        worths = {gift: max(0.0, gift.spec.worth.get(self.name, 0.0)) for gift in self.model.gifts.values()}
        held = sum(worth for gift, worth in worths.items() if gift.stage in ("in_force", "done"))
        share = held / sum(worths.values()) if any(worths.values()) else 0.0
        restrained = any(self.model.gifts[name].stage == "in_force" for name in threat.breaks)
        tables = sum(talks.is_open for talks in self.model.talks.values() if talks.seats(self))
        victim = self.model.governments[next(iter(threat.hits))]
        return (
            number("resentment", "heat") * self.regards[victim].resentment
            + number("brinkmanship", "isolation") * (0.5 - share)
            - number("brinkmanship", "restraint_weight") * restrained
            - number("brinkmanship", "engagement_weight") * tables / (1 + tables)
        )

    # -- what it does --

    def begin(self, gift: Gift) -> None:
        """Carry out a promise."""
        if gift.spec.kind == "act":
            gift.complete()
            return
        gift.please(eases=gift.spec.kind == "restraint")
        gift.begun = True
        gift.set_stage("in_force")

    def stop(self, gift: Gift, stage: str) -> None:
        """Suspend, stall or renege."""
        gift.harm("harm_suspend", breaks=True)
        if stage == "none":
            gift.end()
        else:
            gift.set_stage(stage)

    def freeze(self, gift: Gift) -> None:
        """Put a gift on hold."""
        gift.frozen = True
        gift.harm("harm_freeze", breaks=False)

    def strike(self, threat: Coercion) -> None:
        """Commit a coercive act."""
        for name, hit in threat.hits.items():
            victim = self.model.governments[name]
            victim.resent(self, self.model.number("resentment", "harm_act") * hit)
            victim.regards[self].broken += self.model.number("credibility", "broken_act") * hit
        for name in threat.breaks:
            gift = self.model.gifts[name]
            if gift.stage == "in_force":
                gift.end()
                for government, _ in gift.beneficiaries():
                    government.regards[self].broken += self.model.number("credibility", "broken_weight")

    # -- time passes --

    def live(self, days: float) -> None:
        """Forget, wait for what is late, use up what is in stock."""
        number = self.model.number
        slow = 0.5 ** (days / (number("resentment", "half_life_years") * YEAR))
        fast = 0.5 ** (days / number("resentment", "alarm_half_life_days"))
        years = number("credibility", "half_life_years") * YEAR
        kept = 0.5 ** (days / years)
        for other, regard in self.regards.items():
            late = sum(gift.overdue for gift in other.gifts if gift.spec.worth.get(self.name, 0.0) > 0)
            inflow = number("credibility", "overdue_per_year") * late / YEAR
            regard.resentment *= slow
            regard.alarm *= fast
            regard.kept *= kept
            regard.broken = regard.broken * kept + inflow * years / math.log(2) * (1.0 - kept)
        for good, need in self.needs.items():
            inflow = self.model.driven(f"good.{good}.need.{self.name}.supply", need.supply) / YEAR
            for gift in self.model.gifts.values():
                if gift.spec.good == good and gift.recipient is self:
                    inflow += gift.effort(days) * gift.spec.quantity / gift.spec.duration_days
            left = 0.5 ** (days / need.half_life_days)
            self.stock[good] = self.stock[good] * left + inflow * need.half_life_days / math.log(2) * (1.0 - left)


class Talks(mesa.Agent):
    """A channel: two sides who plan, meet, agree, part."""

    model: NegotiationModel

    def __init__(self, model: NegotiationModel, name: str, spec: Channel) -> None:
        super().__init__(model)
        self.name, self.spec = name, spec
        self.stage: str = model.scenario.initial.channels.get(name, "closed")
        self.sides = [[model.government(actor) for actor in side] for side in spec.sides]
        self.gifts = [model.gifts[item] for item in spec.agenda]
        self.packages = self.list_packages()
        self.table: list[Gift] = []
        self.consent = [False, False]
        self.awaiting: list[list[Gift]] = [[], []]
        self.last_deal = 0.0

    def list_packages(self) -> list[list[Gift]]:
        """Everything that could be agreed on at once."""
        if self.spec.packages is not None:
            return [[gift for gift in self.gifts if gift.name in package] for package in self.spec.packages]
        most = min(self.spec.max_items, len(self.gifts))
        return [list(items) for size in range(1, most + 1) for items in combinations(self.gifts, size)]

    @property
    def is_open(self) -> bool:
        """Whether a series of talks is under way."""
        return self.stage in ("open", "in_session")

    def seats(self, government: Government) -> bool:
        """Whether a government sits here."""
        return government in self.sides[0] or government in self.sides[1]

    # -- what the sides think --

    def margin(self, side: int, items: list[Gift]) -> float:
        """How far a package is above what a side would rather do without."""
        doubt = max(0.0, 1.0 - self.model.number("mediation", "strength") * self.spec.reliability)
        how, members = self.spec.aggregation[side], self.sides[side]
        margins = [
            sum(member.value(gift, self.spec.exposure, doubt) for gift in items) - member.reservation
            for member in (members[:1] if how == "lead" else members)
        ]
        return min(margins) if how == "veto" else sum(margins) / len(margins)

    def bargains(self) -> list[tuple[list[Gift], float, float]]:
        """Packages that could be agreed on: (items, log Nash product, chance that both accept)."""
        power = math.log(self.sides[0][0].spec.power / self.sides[1][0].spec.power)
        weight = logistic(power + self.model.number("mediation", "strength_bias") * self.spec.bias)
        found = []
        for items in self.packages:
            if all(gift.free for gift in items):
                one, two = self.margin(0, items), self.margin(1, items)
                gains = math.log(math.log1p(limited_exp(one))), math.log(math.log1p(limited_exp(two)))
                product = weight * gains[0] + (1.0 - weight) * gains[1]
                found.append((items, product, logistic(one) * logistic(two)))
        return found

    @property
    def pain(self) -> float:
        """Mean need of what the agenda could bring, and time without a deal."""
        lacking = {(gift.spec.good, name) for gift in self.gifts for name in gift.spec.worth}
        needs = [
            self.model.governments[name].need(good)
            for good, name in sorted(lacking, key=str)
            if good in self.model.governments[name].needs
        ]
        patience = self.model.number("ripeness", "patience_years") * YEAR
        waited = 1.0 - limited_exp(-(self.model.now - self.last_deal) / patience)
        return (sum(needs) / len(needs) if needs else 0.0) + waited

    @property
    def ripeness(self) -> float:
        """Log rate of planning and opening."""
        bargains = self.bargains()
        mean = sum(limited_exp(product) for _, product, _ in bargains) / len(bargains) if bargains else 0.0
        centre = self.model.number("ripeness", "centre")
        return self.model.number("ripeness", "theta") * (self.pain + math.log1p(mean) - centre)

    @property
    def chill(self) -> float:
        """Log rate of talking, lowered by what both hold against each other."""
        one, two = self.sides[0][0], self.sides[1][0]
        mean = (one.regards[two].resentment + two.regards[one].resentment) / 2.0
        return -self.model.number("resentment", "cool") * self.spec.exposure * mean

    def pressure(self, side: int) -> float:
        """Weight of unanswered demands on a side."""
        return sum(
            claim.spec.weight
            for claim in self.model.claims
            if claim.spec.channel == self.name and claim.unanswered and claim.concerned & set(self.sides[side])
        )

    def gates(self) -> tuple[bool, bool]:
        """Whether a hard gate blocks, and whether there are active gates and all are met."""
        today = self.model.date
        active = [g for g in self.spec.gates if (g.from_ or dt.date.min) <= today < (g.to or dt.date.max)]
        met = [self.gate_is_met(gate) for gate in active]
        blocked = any(gate.hard and not ok for gate, ok in zip(active, met, strict=True))
        return blocked, bool(active) and all(met)

    def gate_is_met(self, gate: Gate) -> bool:
        """Whether the items of a gate have come far enough."""
        far = ("promised", "in_force", "done", *(("signed",) if gate.stage == "signed" else ()))
        come = [self.model.gifts[item].stage in far for item in gate.items]
        return all(come) if gate.need == "all" else any(come)

    # -- what could happen here --

    def options(self) -> Iterator[Option]:
        """Everything that could happen here, and how fast."""
        if self.stage == "closed":
            yield self.rate("plan", self.ripeness + self.chill), lambda: self.set_stage("planned")
        if self.stage == "planned":
            yield from self.options_of_opening()
        if self.stage == "open":
            yield self.rate("meet", self.chill), lambda: self.set_stage("in_session")
            yield self.rate("close"), self.part
        if self.stage == "in_session":
            yield self.rate("adjourn"), lambda: self.set_stage("open")
            if not self.table:
                yield from self.options_of_agreeing()
        if self.is_open:
            yield from self.options_of_demanding()
            for side in (0, 1):
                heat = self.model.number("resentment", "heat") * self.regard(side).resentment
                heat += self.model.number("demand", "walk_out") * self.pressure(side)
                yield self.rate("walk_out", heat), lambda s=side: self.walk_out(s)
        for side in (0, 1):
            yield from self.options_of_approving(side)

    def rate(self, kind: str, log_rate: float = 0.0) -> float:
        """Hazard per day."""
        return self.spec.rates.get(kind, RATES[kind].default) * limited_exp(log_rate) / YEAR

    def regard(self, side: int) -> Regard:
        """How the leader of a side regards the other's."""
        return self.sides[side][0].regards[self.sides[1 - side][0]]

    def options_of_opening(self) -> Iterator[Option]:
        """Open what is planned, or drop it."""
        blocked, met = self.gates()
        if not blocked:
            bonus = self.model.number("sequencing", "met") if met else 0.0
            yield self.rate("open", self.ripeness + self.chill + bonus), lambda: self.set_stage("open")
        for side in (0, 1):
            fear = self.model.number("resentment", "alarm") * self.regard(side).alarm
            yield self.rate("cancel", fear), lambda s=side: self.cancel(s)

    def options_of_agreeing(self) -> Iterator[Option]:
        """Agree on one of the packages: better ones sooner."""
        bargains = self.bargains()
        top = max((product for _, product, _ in bargains), default=0.0)
        shares = [math.exp(self.spec.eta * (product - top)) for _, product, _ in bargains]
        for (items, _, accept), share in zip(bargains, shares, strict=True):
            yield self.rate("agree", self.chill) * accept * share / sum(shares), lambda i=items: self.agree(i)

    def options_of_demanding(self) -> Iterator[Option]:
        """Raise a demand."""
        for claim in self.model.claims:
            if claim.spec.channel == self.name and not claim.raised:
                yield claim.spec.rates.get("raise", RATES["raise"].default) / YEAR, claim.put

    def options_of_approving(self, side: int) -> Iterator[Option]:
        """Approve or reject at home what waits for it."""
        rule, leader, other = self.spec.consent[side], self.sides[side][0], self.sides[1 - side][0]
        if rule == "before_signature":
            items, held_up = [] if self.consent[side] else self.table, any(gift.frozen for gift in self.table)
        else:
            items, held_up = self.awaiting[side], any(gift.frozen for gift in self.owed(side))
        if not items:
            return
        yes, rate = 1.0, leader.spec.approval_rate / YEAR
        if leader.spec.groups:
            groups = leader.spec.groups.values()
            value = sum(group.weight * group.values.get(gift.name, 0.0) for group in groups for gift in items)
            threshold = self.model.driven(f"actor.{leader.name}.threshold", leader.spec.threshold)
            reluctance = self.model.number("audience", "approval") * leader.spec.audience
            reluctance *= leader.regards[other].resentment
            yes = logistic(self.model.number("ratification", "strength") * value - threshold - reluctance)
        if not held_up:
            yield rate * yes, lambda: self.approve(side)
        yield rate * (1.0 - yes), lambda: self.reject(side)

    # -- what happens --

    def set_stage(self, stage: str) -> None:
        """Move to another stage."""
        self.stage = stage

    def part(self) -> None:
        """End the talks: the table is cleared, what hangs on them lapses."""
        self.stage = "closed"
        self.clear_table()
        for gift in self.model.gifts.values():
            if gift.spec.while_open == self.name and gift.stage == "in_force":
                gift.end()

    def cancel(self, side: int) -> None:
        """Drop planned talks."""
        self.offend(side, "harm_walk_out")
        self.part()

    def walk_out(self, side: int) -> None:
        """Break off."""
        self.offend(side, "harm_walk_out")
        self.part()

    def offend(self, side: int, strength: str) -> None:
        """Give the other side something to resent."""
        for government in dict.fromkeys(self.sides[1 - side]):
            government.resent(self.sides[side][0], self.model.number("resentment", strength))

    def clear_table(self) -> None:
        """Send back what is on the table."""
        for gift in self.table:
            gift.send_back()
        self.table, self.consent = [], [False, False]

    def agree(self, items: list[Gift]) -> None:
        """Put a package on the table."""
        for gift in items:
            gift.set_stage("tabled")
        self.table = list(items)
        self.consent = [rule != "before_signature" for rule in self.spec.consent]
        self.sign_if_agreed()

    def sign_if_agreed(self) -> None:
        """Sign what both sides consent to."""
        if not all(self.consent):
            return
        for gift in self.table:
            giving = 0 if gift.giver in self.sides[0] else 1
            gift.set_stage("signed" if self.spec.consent[giving] == "after" else "promised")
        for side in (0, 1):
            if self.spec.consent[side] == "after":
                self.awaiting[side] += [gift for gift in self.table if gift not in self.awaiting[side]]
        self.table, self.consent, self.last_deal = [], [False, False], self.model.now

    def owed(self, side: int) -> list[Gift]:
        """What a side has signed and not yet approved."""
        return [gift for gift in self.awaiting[side] if gift.stage == "signed" and gift.giver in self.sides[side]]

    def approve(self, side: int) -> None:
        """Get a yes at home."""
        if self.spec.consent[side] == "before_signature":
            self.consent[side] = True
            self.sign_if_agreed()
            return
        for gift in self.owed(side):
            gift.set_stage("promised")
        self.awaiting[side] = []

    def reject(self, side: int) -> None:
        """Get a no at home."""
        self.offend(side, "harm_reject")
        if self.spec.consent[side] == "before_signature":
            self.clear_table()
            return
        refused, self.awaiting[side] = self.awaiting[side], []
        self.awaiting[1 - side] = [gift for gift in self.awaiting[1 - side] if gift not in refused]
        for gift in refused:
            if gift.stage in ("signed", "promised"):
                gift.send_back()


class NegotiationModel(mesa.Model):
    """A negotiation, month by month.

    Parameters
    ----------
    scenario : Scenario
        A scenario that has passed its checks, with all shipped terms on.
    seed : int
        Seed of the model's random numbers.
    """

    def __init__(self, scenario: Scenario, seed: int | None = None) -> None:
        super().__init__(seed=seed)
        if scenario.tick != "month" or (scenario.terms is not None and set(scenario.terms) != set(SHELF)):
            raise ValueError("the Mesa model knows monthly ticks and all shipped terms only")
        self.scenario = scenario
        self.numbers = collect_numbers(scenario, SHELF)
        self.dates = tick_dates(scenario.start, scenario.end, "month")
        self.days = [(date - scenario.start).days for date in self.dates] + [(scenario.end - scenario.start).days + 1]
        self.now, self.month, self.events = 0.0, 0, 0
        states = [name for name, actor in scenario.actor.items() if actor.kind == "state"]
        self.governments = {name: Government(self, name) for name in states}
        self.introduce()
        self.gifts = {name: Gift(self, name, spec) for name, spec in scenario.concession.items()}
        self.talks = {name: Talks(self, name, spec) for name, spec in scenario.channel.items()}
        self.claims = [Claim(self, name, spec) for name, spec in scenario.demand.items()]
        for gift in self.gifts.values():
            gift.giver.gifts.append(gift)
        for threat in scenario.coercion.values():
            self.government(threat.actor).threats.append(threat)
        self.datacollector = mesa.DataCollector(
            model_reporters={
                "open": lambda model: sum(talks.is_open for talks in model.talks.values()),
                "in_force": lambda model: sum(gift.stage == "in_force" for gift in model.gifts.values()),
            }
        )

    def introduce(self) -> None:
        """Let the governments know each other."""
        prior = self.number("credibility", "prior_mean")
        for one in self.governments.values():
            one.regards = {two: Regard(prior=prior) for two in self.governments.values() if two is not one}
        for given in self.scenario.regard:
            regard = self.governments[given.holder].regards[self.governments[given.toward]]
            regard.resentment, regard.shift = given.resentment, given.shift
            regard.prior = prior if given.credibility is None else given.credibility

    def government(self, actor: str) -> Government:
        """The government behind an actor."""
        return self.governments[self.scenario.principal(actor)]

    def number(self, term: str, name: str) -> float:
        """A number of a term."""
        return self.numbers[f"term.{term}.{name}"]

    @property
    def date(self) -> dt.date:
        """First day of the month."""
        return self.dates[self.month]

    def driven(self, target: str, number: float) -> float:
        """A number as the drivers have it by now."""
        for driver in self.scenario.driver.values():
            if driver.target == target:
                past = [value for date, value in zip(driver.dates, driver.values, strict=True) if date <= self.date]
                if past:
                    number = number * past[-1] if target.startswith("good") else number + past[-1]
        return number

    def engagement(self, one: Government, two: Government) -> float:
        """How far two governments deal with each other."""
        facing = [
            talks.is_open
            for talks in self.talks.values()
            if (one in talks.sides[0] and two in talks.sides[1]) or (two in talks.sides[0] and one in talks.sides[1])
        ]
        given = [gift.stage == "in_force" for gift in self.gifts.values() if {gift.giver, gift.recipient} == {one, two}]
        n = sum(facing) + sum(given)
        return n / (1 + n)

    def pass_time(self, days: float) -> None:
        """Let all live through some days."""
        self.agents_by_type[Government].do("live", days)
        for gift in self.gifts.values():
            gift.shipped += gift.effort(days) * days / gift.spec.duration_days
        self.now += days

    def step(self) -> None:
        """Live through a month: one event after the other, then the first of the next month."""
        until = self.days[self.month + 1]
        while True:
            options = [option for agent in self.agents for option in agent.options()]
            weights = [hazard for hazard, _ in options]
            wait = self.random.expovariate(sum(weights)) if any(weights) else math.inf
            if self.now + wait >= until:
                break
            self.pass_time(wait)
            _, happen = self.random.choices(options, weights)[0]
            happen()
            self.events += 1
        self.pass_time(until - self.now)
        self.now, self.month = float(until), self.month + 1
        for gift in self.gifts.values():
            if gift.stage == "in_force" and gift.shipped >= 1.0 - 1e-9:
                gift.complete()
                self.events += 1
        self.datacollector.collect(self)


def run_model(scenario: Scenario, seed: int) -> int:
    """Run a scenario to its end; the number of events."""
    model = NegotiationModel(scenario, seed=seed)
    for _ in model.dates:
        model.step()
    return model.events
