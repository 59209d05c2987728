"""How fast does each possible move come now? The hazards of one run, from what is listed as wanted.

The equations are those of docs/model.md, sections 5 to 7; the terms' formulas are called through ``evaluate_rows``,
which :mod:`negsim.scalar.building` writes for the formulas of a scenario.
"""

from __future__ import annotations

import numpy as np

from negsim.kernel.stages import BEFORE_SIGNATURE, STANDING_BITS
from negsim.scalar.exponentials import exponential, log1p_of, logarithm
from negsim.scalar.numbers import Values
from negsim.scalar.possibilities import list_possible, read_timers
from negsim.scalar.tables import (
    ACTIVE,
    AGREEING,
    BENEFITS,
    CONCESSIONS,
    EXPONENTS,
    GIVERS,
    MEANS,
    MOVES,
    PAINS,
    PROGRAM_COLUMNS,
    SIGNATURES,
    STEPS,
    SURPLUS,
    Stand,
    Tables,
)
from negsim.state import Floats, Ints
from negsim.vocabulary import EXPONENT_LIMIT, SIGNED


def evaluate_rows(
    formula: int, T: Ints, S: Ints, V: Floats, arguments: int, width: int, rows: int, count: int, out: int
) -> None:
    """Call a formula for some rows; written anew for every set of formulas (see :mod:`negsim.scalar.building`).

    Parameters
    ----------
    formula : int
        Its number.
    arguments, width : int
        Where in T its rows of arguments begin, and how long a row is.
    rows : int
        Where in S the rows stand, or -1 for the first ones.
    count : int
        How many rows.
    out : int
        Where in V the results go, one after the other.
    """
    raise NotImplementedError


# -- what changes with the calendar and with timers -------------------------------------------------------------------


def read_calendar(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Look up what depends on the tick: what drivers move, reservations, need before stocks."""
    tick = S[s.tick]
    _copy(V, v.shortfall, v.now_shortfall, t.needs)
    _copy(V, v.supply, v.now_supply, t.needs)
    _copy(V, v.reservation, v.now_reservation, t.states)
    _copy(V, v.threshold, v.now_threshold, t.states)
    for driver in range(t.drivers):
        place = T[t.driver_target + driver] + T[t.driver_row + driver]
        step = V[T[t.driver_slot + driver] + T[t.driver_step + driver * t.ticks + tick]]
        V[place] = V[place] * step if T[t.driver_multiplies + driver] else V[place] + step
    for seat in range(t.seats):
        total = 0.0
        first, last = T[t.seat_first + seat], T[t.seat_first + seat + 1]
        for place in range(first, last):
            total += V[v.now_reservation + T[t.seat_state + place]]
        V[v.seat + seat] = total / (last - first)
    month = T[t.tick_month + tick]
    for need in range(t.needs):
        V[v.ripe_need + need] = V[v.season + 12 * need + month] * V[v.now_shortfall + need]


def _copy(V: Floats, source: int, target: int, count: int) -> None:
    for row in range(count):
        V[target + row] = V[source + row]


# -- hazards ----------------------------------------------------------------------------------------------------------


def evaluate(T: Ints, W: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, moved: bool, told: bool) -> None:
    """Compute the hazards of what is possible, per day; all others stand at zero.

    Parameters
    ----------
    moved : bool
        Whether the discrete state or the calendar has changed since the last re-evaluation.
    told : bool
        Whether needs and credibility are wanted though nothing is possible: they may be recorded.
    """
    if moved or read_timers(T, S, V, t, s, v):
        list_possible(T, W, S, V, t, s, v)
    if S[s.lengths + ACTIVE] == 0 and not told:
        return
    for number in range(t.trust_count):
        _evaluate_program(T, S, V, t, s, t.trust + number * PROGRAM_COLUMNS, 0, s.counting, t.pairs, v.credibility)
    _find_first_exponentials(T, S, V, t, s, v)
    _find_utilities(T, S, V, t, s, v)
    _find_packages(T, S, V, t, s, v)
    _find_factors(T, S, V, t, s, v)
    _find_hazards(T, S, V, t, s, v)


def _evaluate_program(
    T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, program: int, before: int, rows: int, count: int, out: int
) -> None:
    """Call a formula for the listed rows; its arguments begin so many rows before those that the program names."""
    arguments = t.argument + (T[program + 1] - before) * t.arguments
    evaluate_rows(T[program], T, S, V, arguments, t.arguments, rows, count, out)


def exponentiate(V: Floats, first: int, count: int) -> None:
    """Take exponentials of some numbers in a row, of a few more, so that all come in fours."""
    for place in range((count + 3) & -4):
        V[first + place] = exponential(V[first + place])


def _clip(exponent: float) -> float:
    return min(max(exponent, -EXPONENT_LIMIT), EXPONENT_LIMIT)


def _find_first_exponentials(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Exponentials of what time and memory alone decide: needs after stocks, pains of waiting, prices of giving."""
    waits, prices = v.second + t.needs, v.second + t.needs + S[s.lengths + PAINS]
    stocks = v.memory + t.memories - 1 - t.needs
    for need in range(t.needs):
        V[v.second + need] = max(-V[stocks + need] / V[v.scale + need], -EXPONENT_LIMIT)
    for place in range(S[s.lengths + PAINS]):
        V[waits + place] = -(V[v.time] - V[v.last_deal + S[s.pains + place]]) / V[v.patience]
    count = S[s.lengths + EXPONENTS]
    _add_exponents(T, S, V, t, s, v, prices, count)
    exponentiate(V, v.second, prices + count - v.second)
    for need in range(t.needs):
        V[v.need + need] = V[v.ripe_need + need] * V[v.second + need]
    V[v.need + t.needs] = 1.0
    for place in range(S[s.lengths + PAINS]):
        channel = S[s.pains + place]
        total = 0.0
        for entry in range(T[t.pain_first + channel], T[t.pain_first + channel + 1]):
            total += V[v.need + T[t.pain_item + entry]]
        V[v.pain + channel] = total / T[t.pain_size + channel] + (1.0 - V[waits + place])
    for place in range(count):
        V[v.price + S[s.exponents + place]] = V[prices + place]


def _add_exponents(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, prices: int, count: int) -> None:
    """Add up the exponents of what giving costs, by the listed rows."""
    for place in range(count):
        V[prices + place] = 0.0
    for number in range(t.exponent_count):
        _evaluate_program(T, S, V, t, s, t.exponent + number * PROGRAM_COLUMNS, 0, s.exponents, count, v.first)
        for place in range(count):
            V[prices + place] += V[v.first + place]
    for place in range(count):
        V[prices + place] = _clip(V[prices + place])


# -- utilities --------------------------------------------------------------------------------------------------------


def _find_utilities(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """What items are worth: to beneficiaries, to givers, to sides that decide by the mean."""
    _find_benefits(T, S, V, t, s, v)
    _find_own_worths(T, S, V, t, s, v)
    for place in range(S[s.lengths + GIVERS]):
        giver = S[s.givers + place]
        cost = V[v.cost + giver] * V[v.price + T[t.giver_exponent + giver]]
        V[v.utility + t.benefits + giver] = V[v.own + T[t.giver_concession + giver]] - cost
    for place in range(S[s.lengths + MEANS]):
        mean = S[s.means + place]
        total = 0.0
        first, last = T[t.mean_first + mean], T[t.mean_first + mean + 1]
        for entry in range(first, last):
            total += V[v.utility + T[t.mean_row + entry]]
        V[v.utility + t.benefits + t.givers + mean] = total / (last - first)


def _find_benefits(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    count = S[s.lengths + BENEFITS]
    for place in range(count):
        row = S[s.benefits + place]
        doubt = V[v.doubt + T[t.benefit_chi + row]]
        believed = 1.0 - (1.0 - V[v.credibility + T[t.benefit_pair + row]]) * doubt
        V[v.utility + row] = believed * V[v.worth + row] * V[v.need + T[t.benefit_need + row]]
    for number in range(t.benefit_count):
        _evaluate_program(T, S, V, t, s, t.benefit + number * PROGRAM_COLUMNS, 0, s.benefits, count, v.first)
        for place in range(count):
            V[v.utility + S[s.benefits + place]] *= V[v.first + place]


def _find_own_worths(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """What giving is worth to the giver: care, what it answers, what terms add."""
    count = S[s.lengths + CONCESSIONS]
    for place in range(count):
        concession = S[s.concessions + place]
        answer = 0.0
        for entry in range(T[t.return_first + concession], T[t.return_first + concession + 1]):
            row = T[t.return_entry + entry]
            if (STANDING_BITS >> S[s.stage + T[t.return_item + row]]) & 1:
                answer += V[v.credibility + T[t.return_pair + row]] * V[v.return_worth + row]
        care = V[v.care + concession] * V[v.need + T[t.care_need + concession]]
        V[v.own + concession] = care + answer
    for number in range(t.giver_count):
        _evaluate_program(T, S, V, t, s, t.giver + number * PROGRAM_COLUMNS, 0, s.concessions, count, v.first)
        for place in range(count):
            V[v.own + S[s.concessions + place]] += V[v.first + place]


# -- packages ---------------------------------------------------------------------------------------------------------


def _find_packages(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Margins and gains of both sides by package, and the surplus of channels: the mean Nash product."""
    count = S[s.package_first + t.channels]
    if count == 0:
        for place in range(S[s.lengths + SURPLUS]):
            V[v.surplus + S[s.surplus + place]] = 0.0
        return
    padded = (count + 3) & -4
    for place in range(count):
        package = S[s.packages + place]
        V[v.margin + place] = _clip(_find_margin(T, V, t, v, 0, package))
        V[v.margin + padded + place] = _clip(_find_margin(T, V, t, v, 1, package))
        V[v.product + place] = V[v.nash_weight + package]
    for place in range(2 * padded):
        margin = V[v.margin + place]
        V[v.gain + place] = max(margin, 0.0) + log1p_of(exponential(-abs(margin)))
    for place in range(padded):
        other = V[v.gain + padded + place]
        V[v.ratio + place] = logarithm(V[v.gain + place] / other)
        # The product is first ** weight * second ** (1 - weight).
        V[v.product + place] = other * exponential(V[v.product + place] * V[v.ratio + place])
    for number in range(S[s.lengths + SURPLUS]):
        channel = S[s.surplus + number]
        first, last = S[s.package_first + channel], S[s.package_first + channel + 1]
        total = 0.0
        for place in range(first, last):
            total += V[v.product + place]
        V[v.surplus + channel] = total / max(last - first, 1)


def _find_margin(T: Ints, V: Floats, t: Tables, v: Values, side: int, package: int) -> float:
    """Margin of a side's least willing voter over the reservation."""
    least = np.inf
    for voter in range(t.voters):
        row = t.voter + ((2 * voter + side) * t.packages + package) * (t.most_items + 1)
        worth = 0.0
        for place in range(row + 1, row + 1 + t.most_items):
            worth += V[T[place]]
        least = min(least, worth - V[T[row]])
    return least


# -- factors and hazards ----------------------------------------------------------------------------------------------


def _find_factors(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Exponentials of log rates, logistics of steps, probabilities of approval."""
    for number in range(t.log_rate_count):
        program = t.log_rate + number * PROGRAM_COLUMNS
        first, last = S[s.rate_first + number], S[s.rate_first + number + 1]
        if last > first:
            rows = s.log_rates + first
            _evaluate_program(T, S, V, t, s, program, T[program + 2], rows, last - first, v.second)
            for place in range(last - first):
                V[v.first + S[rows + place]] = V[v.second + place]
    signatures, steps = S[s.lengths + SIGNATURES], S[s.lengths + STEPS]
    for place in range(signatures):
        signature = S[s.signatures + place]
        row = t.signature + signature * t.most_rates
        total = 0.0
        for entry in range(row, row + t.most_rates):
            total += V[T[entry]]
        V[v.second + place] = _clip(total)
    for place in range(steps):
        step = S[s.steps + place]
        margin = V[v.utility + T[t.alone + step]] - V[v.now_reservation + T[t.alone_state + step]]
        V[v.second + signatures + place] = _clip(-margin)
    exponentiate(V, v.second, signatures + steps)
    V[v.factor] = 1.0
    for place in range(signatures):
        V[v.factor + 1 + S[s.signatures + place]] = V[v.second + place]
    for place in range(steps):
        V[v.factor + t.first_step + S[s.steps + place]] = 1.0 / (1.0 + V[v.second + signatures + place])
    _find_approvals(T, S, V, t, s, v)


def _find_approvals(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Probabilities of approving and of rejecting what waits for a side."""
    first = v.factor + t.first_step + t.concessions
    for number in range(t.approvals):
        waiting = S[s.waiting + number]
        if waiting == 0:
            continue
        value, stuck = _find_opinion(T, S, V, t, s, v, number, waiting)
        odds = value - V[v.now_threshold + T[t.approve_state + number]]
        for place in range(t.approval_count):
            program = t.approval + place * PROGRAM_COLUMNS
            _evaluate_program(T, S, V, t, s, program, -number, s.counting, 1, v.first)
            odds += V[v.first]
        sure = T[t.uncertain + number] == 0
        yes = 1.0 if sure else 1.0 / (1.0 + np.exp(_clip(-odds)))
        V[first + number] = 0.0 if stuck else yes
        V[first + t.approvals + number] = 0.0 if sure else 1.0 / (1.0 + np.exp(_clip(odds)))


def _find_opinion(
    T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, number: int, waiting: int
) -> tuple[float, bool]:
    """What groups think of what waits, and whether a frozen item holds it up."""
    side = T[t.approve_side + number]
    before = T[t.consent_rule + side] == BEFORE_SIGNATURE
    value, stuck = 0.0, False
    for position in range(t.agenda_length):
        if (waiting >> position) & 1:
            place = (side // 2) * t.agenda_length + position
            item = T[t.agenda + place]
            value += V[v.values + position * t.approvals + number]
            own = T[t.agenda_side + place] == side % 2
            owed = before or (own and S[s.stage + item] == SIGNED)
            stuck = stuck or (owed and S[s.frozen + item] != 0)
    return value, stuck


def _find_hazards(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    for place in range(S[s.lengths + MOVES]):
        move = S[s.moves + place]
        hazard = V[v.factor + T[t.base + move]] * V[v.rate + move]
        V[v.hazard + move] = hazard * V[v.factor + T[t.second + move]]
    for place in range(S[s.lengths + AGREEING]):
        _find_agreements(T, S, V, t, s, v, S[s.agreeing + place])


def _find_agreements(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int) -> None:
    """Hazards of agreeing on each enabled package: an asymmetric Nash product, if both sides accept."""
    first, last = S[s.package_first + channel], S[s.package_first + channel + 1]
    other = v.margin + ((S[s.package_first + t.channels] + 3) & -4)
    top = -np.inf
    for place in range(first, last):
        V[v.product + place] = logarithm(V[v.product + place])
        top = max(top, V[v.product + place])
    total = 0.0
    for place in range(first, last):
        # The largest is taken out of all powers alike, so that none of them can overflow or vanish.
        weight = exponential(min(V[v.eta + channel] * (V[v.product + place] - top), 0.0))
        V[v.product + place] = weight
        total += weight
    rate = V[v.agree_rate + channel] * V[v.factor + T[t.agree_signature + channel]]
    for place in range(first, last):
        one, two = exponential(-V[v.margin + place]), exponential(-V[other + place])
        share = V[v.product + place] / total
        V[v.hazard + t.dense + S[s.packages + place]] = share * rate / ((1.0 + one) * (1.0 + two))
