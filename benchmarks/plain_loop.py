"""How fast would a good plain Python programmer be? One run at a time, only what can happen now, no numpy in the model.

The baseline that ``speed.py`` compares the kernel with. It is written for speed as one would by hand:

* names become row numbers once, and all that the numbers alone decide is multiplied out then (``plain_tables.py``);
* enabled moves are kept, by the form of their hazard, in dictionaries that change only when an entity changes its
  stage, so nothing is spent on moves that cannot happen;
* what depends on stages alone (engagement, easing by allies, pressure of demands, shares in force) is worked out when a
  stage changes, and what is costly (prospects of a channel) only for channels whose hazards ask for it;
* what a package is worth is a sum of amounts, added up beforehand, times the few features that change;
* memories that share a half-life are kept undecayed beside one common factor, so that time passing costs one `exp` for
  each half-life.

Same model (docs/model.md), same clocks (section 9), same histories as the kernel: ``tests/test_plain_loop.py``. Terms
of one's own are not supported.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from math import exp, inf, log, log1p
from operator import mul
from typing import Any

from plain_tables import LIMIT, STANDS, ActTable, Ballot, ChannelTable, GateTable, Tables, clip, logistic

from negsim.moves import Event
from negsim.scenario import Scenario
from negsim.streams import BLOCK_WIDTH, PURPOSE_CLOCKS, address_words, open_stream
from negsim.vocabulary import (
    CLOSED,
    CONSEQUENCES,
    DONE,
    IN_FORCE,
    IN_SESSION,
    NONE,
    OPEN,
    PLANNED,
    PROMISED,
    SIGNED,
    SUSPENDED,
    TABLED,
)

WHOLE = 1 - 1e-9
TINY = 1e-30
"""A common factor of decay is multiplied out when it has become this small."""
STAGE_AFTER = {
    "plan": PLANNED, "open": OPEN, "meet": IN_SESSION, "adjourn": OPEN,
    "close": CLOSED, "cancel": CLOSED, "walk_out": CLOSED,
}  # fmt: skip


class Clocks:
    """Rings of all moves, drawn for the 256 runs of a block together (section 9) and kept while runs stay in it."""

    def __init__(self, seed: int, names: Iterable[str]) -> None:
        self._seed = seed
        self._words = [address_words(name) for name in names]
        self._block = -1
        self._streams: list[Any] = []
        self._rows: list[list[list[float]]] = []

    def turn_to(self, run: int) -> int:
        """Make ready for a run; returns its column."""
        block, column = divmod(run, BLOCK_WIDTH)
        if block != self._block:
            self._block = block
            self._streams = [open_stream(self._seed, PURPOSE_CLOCKS, block, words) for words in self._words]
            self._rows = [[] for _ in self._words]
        return column

    def ring(self, move: int, ring: int, column: int) -> float:
        """How much hazard the ring of a move takes."""
        rows = self._rows[move]
        while ring >= len(rows):
            rows.append(self._streams[move].standard_exponential(BLOCK_WIDTH).tolist())
        return rows[ring][column]


# -- one run ---------------------------------------------------------------------------------------------------------


class Run:
    """One history under way.

    Enabled moves are kept by the form of their hazard, as move -> entry:

    =========  =================================================================================
    steady     rate
    talking    rate * exp(-cool*exposure*(R_12 + R_21)/2): meet
    heated     rate * exp(x + heat*R), x from stages alone: walk_out, act
    alarmed    rate * exp(alarm*F): cancel, freeze
    promised   rate * exp(alarm*F - reputation*(cred - 1/2)): suspend, stall, renege (without alarm)
    steps      rate * logistic(utility - reservation): pledge, begin, resume, lift
    prospects  plan and open, which look at all that could be agreed
    =========  =================================================================================

    Besides, `bargaining` holds the channels that could agree, `deciding` those that may wait for approval.
    """

    def __init__(self, tables: Tables, clocks: Clocks, run: int) -> None:
        self.tables, self.clocks, self.column = tables, clocks, clocks.turn_to(run)
        self.now, self.tick = 0.0, 0
        self.record: list[tuple[float, int]] = []
        moves = range(len(tables.events))
        self.rings = [0] * len(moves)
        self.left = [clocks.ring(move, 0, self.column) for move in moves]
        self._start_memories()
        self._start_stages()

    def _start_memories(self) -> None:
        t = self.tables
        self.resentment, self.alarm = list(t.first_resentment), [0.0] * len(t.prior)
        self.kept, self.broken = [0.0] * len(t.prior), [0.0] * len(t.prior)
        self.slow = self.fast = self.forget = 1.0
        self.stock = list(t.first_stock)
        self.overdue: list[int] = []

    def _start_stages(self) -> None:
        t = self.tables
        self.steady: dict[int, float] = {}
        self.talking: dict[int, tuple[float, float, int, int]] = {}
        self.heated: dict[int, tuple[float, float, int]] = {}
        self.alarmed: dict[int, tuple[float, int]] = {}
        self.promised: dict[int, tuple[float, float, int, int]] = {}
        self.steps: dict[int, Any] = {}
        self.prospects: dict[int, tuple[int, float, bool]] = {}
        self.bargaining: dict[int, None] = {}
        self.deciding: dict[int, None] = {}
        self.enabled: list[Any] = [() for _ in t.concessions]
        self.channel_enabled: list[Any] = [() for _ in t.channels]
        self.stage, self.frozen = [NONE] * len(t.concessions), list(t.first_frozen)
        self.begun = [stage in (IN_FORCE, SUSPENDED) for stage in t.first_stage]
        self.ready = [False] * len(t.concessions)
        self.changed, self.shipped = [0.0] * len(t.concessions), [0.0] * len(t.concessions)
        self.owed: dict[int, None] = {}
        self.shipping: dict[int, None] = {}
        self.free = self.standing = 0
        self.channel, self.table = [CLOSED] * len(t.channels), [[] for _ in t.channels]  # type: ignore[var-annotated]
        self.consent = [[False, False] for _ in t.channels]
        self.awaiting: list[list[list[int]]] = [[[], []] for _ in t.channels]
        self.last_deal = [0.0] * len(t.channels)
        self.raised = list(t.first_demand)
        self.ally, self.related = [0.0] * len(t.prior), False
        for k, stage in enumerate(t.first_stage):
            self._set_stage(k, stage)
        for c, stage in enumerate(t.first_channel):
            self._set_channel(c, stage)
        self._relate()

    # -- the loop --

    def go(self, until: float, most: int) -> list[tuple[float, int]]:
        """Run to a time, or for so many moves; returns (day, event) of all that happened."""
        ticks, left = self.tables.ticks, self.left
        stop, count = min(until, ticks[-1]), 0
        while count < most:
            moves, hazards = self._evaluate()
            waits = [left[move] / hazard for move, hazard in zip(moves, hazards, strict=True)]
            wait = min(waits, default=inf)
            border = min(ticks[self.tick + 1], stop)
            fires = self.now + wait < border
            elapsed = wait if fires else border - self.now
            if not fires and border == stop:
                break
            for move, hazard in zip(moves, hazards, strict=True):
                left[move] -= hazard * elapsed
            self._advance(elapsed)
            if fires:
                count += 1
                self.now += wait
                self._fire(moves[waits.index(wait)])
            else:
                self.now = border
                self._pass_tick()
        return self.record

    def _fire(self, move: int) -> None:
        """Make a move, and start its clock afresh."""
        self.record.append((self.now, move))
        self.rings[move] += 1
        self.left[move] = self.clocks.ring(move, self.rings[move], self.column)
        self._apply(move)
        if self.related:
            self._relate()

    def _pass_tick(self) -> None:
        self.tick += 1
        for k in sorted(self.shipping):
            if self.shipped[k] >= WHOLE:
                self.record.append((self.now, self._consequence("delivered", k)))
                self._complete(k)
                self._please(k, ease=True)
        if self.related:
            self._relate()

    def _consequence(self, kind: str, k: int) -> int:
        t = self.tables
        return len(t.events) + CONSEQUENCES.index(kind) * len(t.concessions) + k

    # -- hazards --

    def _evaluate(self) -> tuple[list[int], list[float]]:
        """Moves that can happen now, and their hazards per day."""
        if self.owed:
            self._look_at_promises()
        moves = [*self.steady, *self.heated, *self.alarmed, *self.talking, *self.promised, *self.steps]
        trust, needs = self._trusts(), self._needs()
        hazards = [*self.steady.values()]
        hazards += self._heated()
        if self.alarmed or self.talking:
            hazards += self._alarmed()
            hazards += self._talking()
        if self.promised:
            hazards += self._promised(trust)
        if self.steps:
            self._steps(trust, needs, hazards)
        if self.prospects:
            self._look_ahead(trust, needs, moves, hazards)
        for c in self.bargaining:
            self._bargain(c, trust, needs, moves, hazards)
        for c in self.deciding:
            self._decide(c, moves, hazards)
        return moves, hazards

    def _trusts(self) -> list[float]:
        """What each believes of each other's promises."""
        tables, forget = self.tables, self.forget
        if not tables.learns:
            return tables.prior
        weight = tables.prior_weight
        return [
            (prior + forget * kept) / (weight + forget * (kept + broken))
            for prior, kept, broken in zip(tables.prior, self.kept, self.broken, strict=True)
        ]

    def _needs(self) -> list[float]:
        """How much each good is needed; the last, row -1, stands for what is no good."""
        tables = self.tables
        needs = [
            lack * exp(x if (x := -stock / scale) > -50.0 else -50.0)
            for lack, stock, scale in zip(tables.lack[self.tick], self.stock, tables.stock_scale, strict=True)
        ]
        needs.append(1.0)
        return needs

    def _heated(self) -> list[float]:
        heat, resentment = self.tables.heat * self.slow, self.resentment
        return [
            rate * exp(x if -50.0 < (x := shift + heat * resentment[pair]) < 50.0 else clip(x))
            for rate, shift, pair in self.heated.values()
        ]

    def _alarmed(self) -> list[float]:
        weight, alarm = self.tables.alarm * self.fast, self.alarm
        return [
            rate * exp(x if -50.0 < (x := weight * alarm[pair]) < 50.0 else clip(x))
            for rate, pair in self.alarmed.values()
        ]

    def _talking(self) -> list[float]:
        slow, resentment = self.slow, self.resentment
        return [
            rate * exp(x if -50.0 < (x := cool * slow * (resentment[one] + resentment[two])) < 50.0 else clip(x))
            for rate, cool, one, two in self.talking.values()
        ]

    def _promised(self, trust: list[float]) -> list[float]:
        fast, alarm, reputation = self.fast, self.alarm, self.tables.reputation
        return [
            rate * exp(clip(weight * fast * alarm[pair] - reputation * (trust[back] - 0.5)))
            for rate, weight, pair, back in self.promised.values()
        ]

    def _steps(self, trust: list[float], needs: list[float], hazards: list[float]) -> None:
        """Unilateral steps, by what they are worth to who takes them."""
        resentment, slow, ally = self.resentment, self.slow, self.ally
        reservation = self.tables.reservation[self.tick]
        for rate, giver, pair, scale, cost, need, care, fear, answered, returns in self.steps.values():
            x = scale * slow * resentment[pair] - ally[pair]
            value = care * needs[need] - cost * exp(x if -50.0 < x < 50.0 else clip(x)) - reservation[giver]
            if fear:
                value -= fear * (1.0 - trust[pair])
            if answered & self.standing:
                value += self._returned(returns, trust)
            hazards.append(rate / (1.0 + exp(-value if -50.0 < value < 50.0 else clip(-value))))

    def _look_ahead(self, trust: list[float], needs: list[float], moves: list[int], hazards: list[float]) -> None:
        """Planning and opening: pain, what could be agreed, gates, resentment."""
        tables, resentment = self.tables, self.resentment
        for move, (c, rate, opens) in self.prospects.items():
            channel, x = tables.channels[c], 0.0
            if opens and channel.gates:
                blocked, met = self._look_at_gates(channel.gates)
                if blocked:
                    continue
                x = tables.gate_met if met else 0.0
            if tables.ripeness:
                ripe = self._pain(c, channel, needs) + log1p(self._mean_value(channel, trust, needs))
                x += tables.ripeness * (ripe - tables.centre)
            one, two = channel.pairs
            x += channel.cool * self.slow * (resentment[one] + resentment[two])
            moves.append(move)
            hazards.append(rate * exp(x if -50.0 < x < 50.0 else clip(x)))

    def _look_at_gates(self, gates: list[GateTable]) -> tuple[bool, bool]:
        """Whether a hard gate blocks, and whether there are active gates and all are met."""
        blocked, active, all_met = False, False, True
        for gate in gates:
            if gate.active[self.tick]:
                come = (gate.far[self.stage[k]] for k in gate.items)
                met = all(come) if gate.every else any(come)
                active, all_met = True, all_met and met
                blocked = blocked or (gate.hard and not met)
        return blocked, active and all_met

    def _pain(self, c: int, channel: ChannelTable, needs: list[float]) -> float:
        pain = 1.0 - exp(max((self.last_deal[c] - self.now) / self.tables.patience, -LIMIT))
        for row in channel.needs:
            pain += needs[row] / len(channel.needs)
        return pain

    # -- bargaining --

    def _margins(
        self, mean: bool, ballots: list[Ballot], doubt: float, trust: list[float], needs: list[float]
    ) -> list[float]:
        """How far each package is above what a side would rather do without."""
        if len(ballots) == 1:
            return self._vote(ballots[0], doubt, trust, needs)
        votes = [self._vote(ballot, doubt, trust, needs) for ballot in ballots]
        return [sum(vote) / len(vote) if mean else min(vote) for vote in zip(*votes, strict=True)]

    def _vote(self, ballot: Ballot, doubt: float, trust: list[float], needs: list[float]) -> list[float]:
        """One voter's margin for each package of a menu: amounts times features."""
        given, price, care, fear, returned = ballot.features
        values = []
        for pair, need in given:
            values.append((1.0 - (1.0 - trust[pair]) * doubt) * needs[need])
        for pair, scale in price:
            x = scale * self.slow * self.resentment[pair] - self.ally[pair]
            values.append(exp(x if -50.0 < x < 50.0 else clip(x)))
        for (need,) in care:
            values.append(needs[need])
        for (pair,) in fear:
            values.append(1.0 - trust[pair])
        for answered, returns in returned:
            values.append(self._returned(returns, trust) if answered & self.standing else 0.0)
        values.append(-self.tables.reservation[self.tick][ballot.state])
        return [sum(map(mul, package, values)) for package in ballot.packages]

    def _returned(self, returns: Iterable[tuple[int, int, float]], trust: list[float]) -> float:
        """What standing concessions of others are worth that something answers."""
        return sum([trust[pair] * worth for bit, pair, worth in returns if bit & self.standing])

    def _mean_value(self, channel: ChannelTable, trust: list[float], needs: list[float]) -> float:
        """Mean Nash product of what could be agreed."""
        menu = channel.menu(self.free)
        if not menu.moves:
            return 0.0
        weight, total = channel.weight, 0.0
        ones = self._margins(*menu.sides[0], channel.doubt, trust, needs)
        twos = self._margins(*menu.sides[1], channel.doubt, trust, needs)
        for one, two in zip(ones, twos, strict=True):
            first = log1p(exp(one if -50.0 < one < 50.0 else clip(one)))
            second = log1p(exp(two if -50.0 < two < 50.0 else clip(two)))
            total += (first / second) ** weight * second
        return total / len(menu.moves)

    def _bargain(self, c: int, trust: list[float], needs: list[float], moves: list[int], hazards: list[float]) -> None:
        """Hazards of agreeing on each package."""
        channel = self.tables.channels[c]
        menu, (there, back) = channel.menu(self.free), channel.pairs
        if not menu.moves or not channel.agree_rate:
            return
        products, likes = [], []
        ones, twos = (self._margins(*side, channel.doubt, trust, needs) for side in menu.sides)
        for one, two in zip(ones, twos, strict=True):
            first, second = exp(clip(one)), exp(clip(two))
            products.append(channel.weight * log(log1p(first)) + (1.0 - channel.weight) * log(log1p(second)))
            likes.append(first / (1.0 + first) * second / (1.0 + second))
        top = max(products)
        shares = [exp(channel.eta * (product - top)) for product in products]
        cooled = exp(clip(channel.cool * self.slow * (self.resentment[there] + self.resentment[back])))
        rate = channel.agree_rate * cooled / sum(shares)
        for move, share, like in zip(menu.moves, shares, likes, strict=True):
            if share:  # far from the best, it may have underflowed
                moves.append(move)
                hazards.append(rate * share * like)

    def _decide(self, c: int, moves: list[int], hazards: list[float]) -> None:
        """Hazards of approving and rejecting what waits for a side."""
        channel = self.tables.channels[c]
        for side in (0, 1):
            approval, items, held_up = channel.approvals[side], self._undecided(c, side), False
            if not items or approval is None or not approval.rate:
                continue
            if channel.rules[side] == "before_signature":
                held_up = any(self.frozen[k] for k in items)
            else:
                held_up = any(self.frozen[k] for k in self._own(c, side, items))
            yes, no = 1.0, 0.0
            if approval.values is not None:
                x = sum([approval.values.get(k, 0.0) for k in items]) - self.tables.threshold[self.tick][approval.state]
                x -= approval.pressure * self.slow * self.resentment[approval.pair]
                yes, no = logistic(x), logistic(-x)
            if not held_up:
                moves.append(approval.moves[0])
                hazards.append(approval.rate * yes)
            if no:
                moves.append(approval.moves[1])
                hazards.append(approval.rate * no)

    def _undecided(self, c: int, side: int) -> list[int]:
        """Items that wait for the approval of a side."""
        if self.tables.channels[c].rules[side] == "before_signature":
            return [] if self.consent[c][side] else self.table[c]
        return self.awaiting[c][side]

    def _own(self, c: int, side: int, items: list[int]) -> list[int]:
        """Of the items that await approval, those that the side gives and that stand at signed."""
        return [k for k in items if self.stage[k] == SIGNED and self._gives(c, side, k)]

    def _gives(self, c: int, side: int, k: int) -> bool:
        return self.tables.concessions[k].giver in self.tables.channels[c].seats[side]

    # -- time passes --

    def _advance(self, elapsed: float) -> None:
        """Let some days pass: decays, promises overdue, what is shipped."""
        if elapsed <= 0.0:
            return
        t = self.tables
        self.slow *= exp(max(-t.slow * elapsed, -LIMIT))
        self.fast *= exp(max(-t.fast * elapsed, -LIMIT))
        passed = exp(max(-t.forget * elapsed, -LIMIT))
        self.forget *= passed
        if self.overdue:
            inflow = t.overdue / t.forget * (1.0 - passed) / self.forget
            for k in self.overdue:
                for pair, _ in t.concessions[k].glad:
                    self.broken[pair] += inflow
        if self.slow < TINY or self.fast < TINY or self.forget < TINY:
            self._multiply_out()
        if self.stock or self.shipping:
            self._ship(elapsed)

    def _multiply_out(self) -> None:
        """Let the memories decay themselves, and begin with common factors of 1 again."""
        self.resentment = [x * self.slow for x in self.resentment]
        self.alarm = [x * self.fast for x in self.alarm]
        self.kept = [x * self.forget for x in self.kept]
        self.broken = [x * self.forget for x in self.broken]
        self.slow = self.fast = self.forget = 1.0

    def _ship(self, elapsed: float) -> None:
        t = self.tables
        inflow = t.supply[self.tick]
        if self.shipping:
            inflow = list(inflow)
            for k in self.shipping:
                flow = t.concessions[k]
                effort = min(1.0, (1.0 - self.shipped[k]) * flow.duration / elapsed)
                self.shipped[k] += effort * elapsed / flow.duration
                if flow.need >= 0:
                    inflow[flow.need] += effort * flow.quantity / flow.duration
        for row, decay in enumerate(t.stock_decay):
            rest = exp(max(-decay * elapsed, -LIMIT))
            self.stock[row] = self.stock[row] * rest + inflow[row] / decay * (1.0 - rest)

    def _look_at_promises(self) -> None:
        """Which promises can be begun by now, and which are overdue."""
        overdue = []
        for k in self.owed:
            given = self.tables.concessions[k]
            since = self.now - self.changed[k]
            ready = since >= given.lead and (given.place < 0 or self.channel[given.place] >= OPEN)
            if ready != self.ready[k]:
                self.ready[k] = ready
                self._place(k)
            if since >= given.patience:
                overdue.append(k)
        self.overdue = overdue

    # -- changes of stage, and which moves they enable --

    def _place(self, k: int) -> None:
        """Enable the moves that a concession has in its present stage, and no others."""
        for form, move, _ in self.enabled[k]:
            del getattr(self, form)[move]
        code = self.stage[k] + 8 * self.frozen[k] + 16 * self.ready[k]
        self.enabled[k] = now = self.tables.concessions[k].moves[code]
        for form, move, entry in now:
            getattr(self, form)[move] = entry
        bit, stage = self.tables.concessions[k].bit, self.stage[k]
        free = stage in (NONE, SUSPENDED) and not self.frozen[k]
        self.free = self.free | bit if free else self.free & ~bit
        self.standing = self.standing | bit if STANDS[stage] else self.standing & ~bit

    def _set_stage(self, k: int, stage: int) -> None:
        given, before = self.tables.concessions[k], self.stage[k]
        self.stage[k], self.changed[k] = stage, self.now
        if stage == PROMISED:
            self.owed[k] = None
        elif before == PROMISED:
            del self.owed[k]
            self.ready[k] = False
            if not self.owed:
                self.overdue = []
        if given.kind == "flow" and stage == IN_FORCE:
            self.shipping[k] = None
        elif k in self.shipping:
            del self.shipping[k]
        self.related = self.related or (stage in (IN_FORCE, DONE)) or before == IN_FORCE
        self._place(k)
        for demand in given.answers:
            self._press(self.tables.demands[demand].channel)

    def _set_channel(self, c: int, stage: int) -> None:
        """Enable what a channel's stage enables, and what hangs on its being open."""
        self.related = self.related or (stage >= OPEN) != (self.channel[c] >= OPEN)
        self.channel[c] = stage
        for form, move, _ in self.channel_enabled[c]:
            del getattr(self, form)[move]
        self.channel_enabled[c] = now = self.tables.channels[c].moves[stage]
        for form, move, entry in now:
            getattr(self, form)[move] = entry
        for row, demand in enumerate(self.tables.demands):
            if demand.channel == c:
                self._offer_demand(row)
        self._press(c)
        self._note_table(c)

    def _offer_demand(self, row: int) -> None:
        """Enable or disable the raising of a demand."""
        demand = self.tables.demands[row]
        if demand.rate and not self.raised[row] and self.channel[demand.channel] >= OPEN:
            self.steady[demand.move] = demand.rate
        else:
            self.steady.pop(demand.move, None)

    def _set_demand(self, row: int, raised: bool) -> None:
        self.raised[row] = raised
        self._offer_demand(row)
        self._press(self.tables.demands[row].channel)

    def _note_table(self, c: int) -> None:
        """Note whether a channel could agree, and whether something in it may wait for approval."""
        if self.channel[c] == IN_SESSION and not self.table[c]:
            self.bargaining[c] = None
        else:
            self.bargaining.pop(c, None)
        if self.table[c] or self.awaiting[c][0] or self.awaiting[c][1]:
            self.deciding[c] = None
        else:
            self.deciding.pop(c, None)

    def _press(self, c: int) -> None:
        """Demands unanswered hasten walking out."""
        if self.channel[c] >= OPEN:
            for move, rate, weights in self.tables.channels[c].walk_outs:
                pressure = sum([weight for demand, weight in weights if self._unanswered(demand)])
                self.heated[move] = (rate, pressure, self.heated[move][2])

    def _unanswered(self, demand: int) -> bool:
        return self.raised[demand] and not any(
            self.stage[k] in (PROMISED, IN_FORCE) for k in self.tables.demands[demand].answers
        )

    def _relate(self) -> None:
        """Work out anew what depends on who deals with whom: easing by allies, temptation to act."""
        self.related = False
        for pair, allies in self.tables.allies:
            self.ally[pair] = sum([weight * self._engaged(*dealings) for weight, *dealings in allies])
        for act in self.tables.acts.values():
            if act.rate:
                self.heated[act.move] = (act.rate, self._temptation(act), act.pair)

    def _engaged(self, channels: list[int], concessions: list[int]) -> float:
        n = sum([self.channel[c] >= OPEN for c in channels]) + sum([self.stage[k] == IN_FORCE for k in concessions])
        return n / (1.0 + n)

    def _temptation(self, act: ActTable) -> float:
        t = self.tables
        share = sum([part for k, part in t.shares[act.state] if self.stage[k] in (IN_FORCE, DONE)])
        restrained = any(self.stage[k] == IN_FORCE for k in act.breaks)
        engaged = self._engaged(t.seats[act.state], [])
        return t.isolation * (0.5 - share) - t.restraint * restrained - t.engagement * engaged

    # -- what moves do --

    def _apply(self, move: int) -> None:
        event = self.tables.events[move]
        if event.kind == "act":
            self._act(move)
        elif event.kind == "raise":
            self._set_demand(list(self.tables.scenario.demand).index(event.subject), True)
        elif event.channel:
            self._move_channel(self.tables.channel_row[event.channel], move, event)
        else:
            self._move_concession(self.tables.concession_row[event.subject], event.kind)

    def _act(self, move: int) -> None:
        act = self.tables.acts[move]
        for pair, harm, evidence in act.hits:
            self._harm(pair, harm)
            self.broken[pair] += evidence / self.forget
        for k in act.breaks:
            if self.stage[k] == IN_FORCE:
                self.record.append((self.now, self._consequence("broken", k)))
                self._end(k)
                for pair, _ in self.tables.concessions[k].glad:
                    self.broken[pair] += self.tables.broken / self.forget

    def _move_channel(self, c: int, move: int, event: Event) -> None:
        kind = event.kind
        if kind in ("walk_out", "cancel", "reject"):
            name = "harm_reject" if kind == "reject" else "harm_walk_out"
            for pair in self.tables.channels[c].holders[1 - event.side]:
                self._harm(pair, self.tables.term("resentment", name))
        if kind == "agree":
            self._agree(c, move)
        elif kind == "approve":
            self._approve(c, event.side)
        elif kind == "reject":
            self._reject(c, event.side)
        else:
            if kind in ("close", "walk_out"):
                self._drop_table(c)
            self._set_channel(c, STAGE_AFTER[kind])
            if STAGE_AFTER[kind] == CLOSED:
                self._lapse(c)
        self._note_table(c)

    def _lapse(self, c: int) -> None:
        for k, given in enumerate(self.tables.concessions):
            if given.place == c and self.stage[k] == IN_FORCE:
                self.record.append((self.now, self._consequence("lapsed", k)))
                self._end(k)

    def _agree(self, c: int, move: int) -> None:
        channel = self.tables.channels[c]
        self.table[c] = next(items for row, _, items in channel.packages if row == move)
        for k in self.table[c]:
            self._set_stage(k, TABLED)
        self.consent[c] = [rule != "before_signature" for rule in channel.rules]
        self._sign_if_agreed(c)

    def _sign_if_agreed(self, c: int) -> None:
        if not all(self.consent[c]):
            return
        rules, items = self.tables.channels[c].rules, self.table[c]
        for k in items:
            given_by = 0 if self._gives(c, 0, k) else 1
            self._set_stage(k, SIGNED if rules[given_by] == "after" else PROMISED)
        for side in (0, 1):
            if rules[side] == "after":
                self.awaiting[c][side] += [k for k in items if k not in self.awaiting[c][side]]
        self.table[c], self.consent[c], self.last_deal[c] = [], [False, False], self.now

    def _approve(self, c: int, side: int) -> None:
        if self.tables.channels[c].rules[side] == "before_signature":
            self.consent[c][side] = True
            self._sign_if_agreed(c)
            return
        for k in self._own(c, side, self.awaiting[c][side]):
            self._set_stage(k, PROMISED)
        self.awaiting[c][side] = []

    def _reject(self, c: int, side: int) -> None:
        if self.tables.channels[c].rules[side] == "before_signature":
            self._drop_table(c)
            return
        refused = self.awaiting[c][side]
        for k in refused:
            if self.stage[k] in (SIGNED, PROMISED):
                self._send_back(k)
        self.awaiting[c][side] = []
        self.awaiting[c][1 - side] = [k for k in self.awaiting[c][1 - side] if k not in refused]

    def _drop_table(self, c: int) -> None:
        for k in self.table[c]:
            self._send_back(k)
        self.table[c], self.consent[c] = [], [False, False]

    def _send_back(self, k: int) -> None:
        self._set_stage(k, SUSPENDED if self.begun[k] else NONE)

    def _move_concession(self, k: int, kind: str) -> None:
        given = self.tables.concessions[k]
        if kind in ("freeze", "lift"):
            self.frozen[k] = kind == "freeze"
            self._place(k)
            for pair, harm in given.freeze_harm if kind == "freeze" else ():
                self._harm(pair, harm)
        elif kind in ("suspend", "stall", "renege"):
            for pair, harm in given.harm:
                self._harm(pair, harm)
                self.broken[pair] += self.tables.broken / self.forget
            self._end(k) if kind == "renege" else self._set_stage(k, SUSPENDED)
        elif kind == "begin":
            self._please(k, ease=given.kind in ("act", "restraint"))
            if given.kind == "act":
                self._complete(k)
            else:
                self.begun[k] = True
                self._set_stage(k, IN_FORCE)
        elif kind == "complete":
            self._please(k, ease=True)
            self._complete(k)
        elif kind == "withdraw":
            self._end(k)
        else:
            self._set_stage(k, PROMISED if kind == "pledge" else IN_FORCE)

    def _end(self, k: int) -> None:
        self.begun[k], self.shipped[k] = False, 0.0
        self._set_stage(k, NONE)

    def _complete(self, k: int) -> None:
        self.begun[k], self.shipped[k] = False, 0.0
        self._set_stage(k, DONE if self.tables.concessions[k].once else NONE)
        for demand in self.tables.concessions[k].answers:
            self._set_demand(demand, False)

    # -- memory --

    def _harm(self, pair: int, size: float) -> None:
        self.resentment[pair] += size / self.slow
        self.alarm[pair] += size / self.fast

    def _please(self, k: int, ease: bool) -> None:
        """A promise kept: credibility for the giver and, where it is felt, less resentment."""
        for pair, easing in self.tables.concessions[k].glad:
            self.kept[pair] += self.tables.kept / self.forget
            if ease:
                self.resentment[pair] *= easing


class PlainLoop:
    """Simulate a scenario one run at a time.

    Parameters
    ----------
    scenario : Scenario
        A scenario that has passed its checks.
    seed : int
        Seed of the clocks; the same as for :func:`negsim.simulate`.
    numbers : mapping of str to float, optional
        Other values for some numbers, by key path.
    """

    def __init__(self, scenario: Scenario, seed: int, numbers: Mapping[str, float] | None = None) -> None:
        self.tables = Tables(scenario, numbers)
        self._clocks = Clocks(seed, [event.name for event in self.tables.events])
        giving = [(name, given.giver, scenario.recipient(name)) for name, given in scenario.concession.items()]
        self.events = [
            *self.tables.events,
            *(Event(kind, giver, other, "", k) for kind, (k, giver, other) in itertools.product(CONSEQUENCES, giving)),
        ]

    def run(self, run: int, until: float = inf, most: int = 1_000_000) -> list[tuple[float, int]]:
        """Simulate one run.

        Parameters
        ----------
        run : int
            Which run.
        until : float
            Days from the start; nothing at or after it happens.
        most : int
            Stop after so many moves.

        Returns
        -------
        list of (float, int)
            Day and number of each event; ``events[number]`` says what it is.
        """
        return Run(self.tables, self._clocks, run).go(until, most)
