"""How fast does each possible move come now? The hazards of some runs abreast, from what is listed as wanted.

Written as for one run, and compiled so that each number is that of LANES of them. What is listed (L) is wanted by any
of them; flags (0 or 1) say which of them may do what.

The equations are those of docs/model.md, sections 5 to 7; the terms' formulas are called through ``evaluate_rows``,
which :mod:`negsim.scalar.building` writes for the formulas of a scenario.
"""

from __future__ import annotations

import numpy as np

from negsim.scalar.abreast import (
    as_truths,
    count_full_rows,
    count_true,
    look_up,
    pack,
    select,
    take_at,
    trailing_zeros,
    unpack,
)
from negsim.scalar.exponentials import exponential, exponential_within, log1p_of, logarithm
from negsim.scalar.numbers import Values
from negsim.scalar.tables import (
    ACTIVE,
    AGREEING,
    BENEFITS,
    CONCESSIONS,
    EXPONENTS,
    GIVERS,
    MEANS,
    MOVES,
    PACKAGES,
    PAINS,
    PROGRAM_COLUMNS,
    SIGNATURES,
    STEPS,
    SURPLUS,
    Stand,
    Tables,
)
from negsim.state import Floats, Ints
from negsim.vocabulary import EXPONENT_LIMIT


def evaluate_rows(
    formula: int, T: Ints, L: Ints, V: Floats, arguments: int, width: int, rows: int, count: int, out: int
) -> None:
    """Call a formula for some rows; written anew for every set of formulas (see :mod:`negsim.scalar.building`).

    Parameters
    ----------
    formula : int
        Its number.
    arguments, width : int
        Where in T its rows of arguments begin, and how long a row is.
    rows : int
        Where in L the rows stand.
    count : int
        How many rows.
    out : int
        Where in V the result of row 0 would go; each goes so many further as its row says.
    """
    raise NotImplementedError


# -- what changes with the calendar ----------------------------------------------------------------------------------


def read_calendar(T: Ints, V: Floats, t: Tables, v: Values) -> None:
    """Look up what depends on the tick: what drivers move, reservations, which gates are active, need before stocks."""
    tick = V[v.tick]
    _copy(V, v.shortfall, v.now_shortfall, t.needs)
    _copy(V, v.supply, v.now_supply, t.needs)
    _copy(V, v.reservation, v.now_reservation, t.states)
    _copy(V, v.threshold, v.now_threshold, t.states)
    for driver in range(t.drivers):
        place = T[t.driver_target + driver] + T[t.driver_row + driver]
        step = take_at(V, T[t.driver_slot + driver], look_up(T, t.driver_step + driver * t.ticks, tick))
        if T[t.driver_multiplies + driver]:
            V[place] = V[place] * step
        else:
            V[place] = V[place] + step
    for seat in range(t.seats):
        first, last = T[t.seat_first + seat], T[t.seat_first + seat + 1]
        total = V[v.zero]
        for place in range(first, last):
            total += V[v.now_reservation + T[t.seat_state + place]]
        V[v.seat + seat] = total / (last - first)
    for gate in range(t.gates):
        V[v.gate_active + gate] = look_up(T, t.gate_active + gate * t.ticks, tick)
    month = look_up(T, t.tick_month, tick)
    for need in range(t.needs):
        V[v.ripe_need + need] = take_at(V, v.season + 12 * need, month) * V[v.now_shortfall + need]


def _copy(V: Floats, source: int, target: int, count: int) -> None:
    for row in range(count):
        V[target + row] = V[source + row]


# -- hazards ----------------------------------------------------------------------------------------------------------


def evaluate(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values, told: bool) -> None:
    """Compute the hazards of what is possible, per day; all others stand at zero.

    Parameters
    ----------
    told : bool
        Whether needs and credibility are wanted though nothing is possible: they may be recorded.
    """
    if L[s.lengths + ACTIVE] == 0 and not told:
        return
    for number in range(t.trust_count):
        _evaluate_program(T, L, V, t, t.trust + number * PROGRAM_COLUMNS, 0, s.counting, t.pairs, v.credibility)
    _find_first_exponentials(T, L, V, t, s, v)
    _find_utilities(T, L, V, t, s, v)
    _find_packages(T, L, V, t, s, v)
    _find_factors(T, L, V, t, s, v)
    _find_hazards(T, L, V, t, s, v)


def _evaluate_program(
    T: Ints, L: Ints, V: Floats, t: Tables, program: int, before: int, rows: int, count: int, out: int
) -> None:
    """Call a formula for the listed rows; its arguments begin so many rows before those that the program names."""
    arguments = t.argument + (T[program + 1] - before) * t.arguments
    evaluate_rows(T[program], T, L, V, arguments, t.arguments, rows, count, out)


def exponentiate(V: Floats, first: int, count: int) -> None:
    """Take exponentials of some numbers in a row."""
    for place in range(count):
        V[first + place] = exponential(V[first + place])


def _clip(exponent: float) -> float:
    return min(max(exponent, -EXPONENT_LIMIT), EXPONENT_LIMIT)


def _find_first_exponentials(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Exponentials of what time and memory alone decide: needs after stocks, pains of waiting, prices of giving."""
    waits, prices = v.second + t.needs, v.second + t.needs + L[s.lengths + PAINS]
    stocks = v.memory + t.memories - 1 - t.needs
    for need in range(t.needs):
        V[v.second + need] = max(-V[stocks + need] / V[v.scale + need], -EXPONENT_LIMIT)
    for place in range(L[s.lengths + PAINS]):
        V[waits + place] = -(V[v.time] - V[v.last_deal + L[s.pains + place]]) / V[v.patience]
    count = L[s.lengths + EXPONENTS]
    _add_exponents(T, L, V, t, s, v, prices, count)
    exponentiate(V, v.second, prices + count - v.second)
    for need in range(t.needs):
        V[v.need + need] = V[v.ripe_need + need] * V[v.second + need]
    V[v.need + t.needs] = 1.0
    for place in range(L[s.lengths + PAINS]):
        channel = L[s.pains + place]
        total = V[v.zero]
        for entry in range(T[t.pain_first + channel], T[t.pain_first + channel + 1]):
            total += V[v.need + T[t.pain_item + entry]]
        V[v.pain + channel] = total / T[t.pain_size + channel] + (1.0 - V[waits + place])
    for place in range(count):
        V[v.price + L[s.exponents + place]] = V[prices + place]


def _add_exponents(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values, prices: int, count: int) -> None:
    """Add up the exponents of what giving costs, by the listed rows."""
    for place in range(count):
        V[prices + place] = 0.0
    for number in range(t.exponent_count):
        _evaluate_program(T, L, V, t, t.exponent + number * PROGRAM_COLUMNS, 0, s.exponents, count, v.first)
        for place in range(count):
            V[prices + place] += V[v.first + L[s.exponents + place]]
    for place in range(count):
        V[prices + place] = _clip(V[prices + place])


# -- utilities --------------------------------------------------------------------------------------------------------


def _find_utilities(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """What items are worth: to beneficiaries, to givers, to sides that decide by the mean."""
    _find_benefits(T, L, V, t, s, v)
    _find_own_worths(T, L, V, t, s, v)
    for place in range(L[s.lengths + GIVERS]):
        giver = L[s.givers + place]
        cost = V[v.cost + giver] * V[v.price + T[t.giver_exponent + giver]]
        V[v.utility + t.benefits + giver] = V[v.own + T[t.giver_concession + giver]] - cost
    for place in range(L[s.lengths + MEANS]):
        mean = L[s.means + place]
        total = V[v.zero]
        first, last = T[t.mean_first + mean], T[t.mean_first + mean + 1]
        for entry in range(first, last):
            total += V[v.utility + T[t.mean_row + entry]]
        V[v.utility + t.benefits + t.givers + mean] = total / (last - first)


def _find_benefits(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    count = L[s.lengths + BENEFITS]
    for place in range(count):
        row = L[s.benefits + place]
        doubt = V[v.doubt + T[t.benefit_chi + row]]
        believed = 1.0 - (1.0 - V[v.credibility + T[t.benefit_pair + row]]) * doubt
        V[v.utility + row] = believed * V[v.worth + row] * V[v.need + T[t.benefit_need + row]]
    for number in range(t.benefit_count):
        _evaluate_program(T, L, V, t, t.benefit + number * PROGRAM_COLUMNS, 0, s.benefits, count, v.first)
        for place in range(count):
            V[v.utility + L[s.benefits + place]] *= V[v.first + L[s.benefits + place]]


def _find_own_worths(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """What giving is worth to the giver: care, what it answers, what terms add."""
    count = L[s.lengths + CONCESSIONS]
    for place in range(count):
        concession = L[s.concessions + place]
        answer = V[v.zero]
        for entry in range(T[t.return_first + concession], T[t.return_first + concession + 1]):
            row = T[t.return_entry + entry]
            worth = V[v.credibility + T[t.return_pair + row]] * V[v.return_worth + row]
            answer += V[v.standing + T[t.return_item + row]] * worth
        care = V[v.care + concession] * V[v.need + T[t.care_need + concession]]
        V[v.own + concession] = care + answer
    for number in range(t.giver_count):
        _evaluate_program(T, L, V, t, t.giver + number * PROGRAM_COLUMNS, 0, s.concessions, count, v.first)
        for place in range(count):
            V[v.own + L[s.concessions + place]] += V[v.first + L[s.concessions + place]]


# -- packages ---------------------------------------------------------------------------------------------------------


def _find_packages(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Margins of both sides by package, logs of the Nash products, and the surplus of channels: the mean product."""
    count, packed = L[s.lengths + PACKAGES], 0
    for place in range(count):
        package = L[s.packages + place]
        one, two = _find_margin(T, V, t, v, 0, package), _find_margin(T, V, t, v, 1, package)
        V[v.margin + place] = one
        V[v.margin + count + place] = two
        enabled = as_truths(L[s.enabled + package])
        pack(V, v.packed, packed, enabled, one)
        pack(V, v.packed_second, packed, enabled, two)
        pack(V, v.packed_weight, packed, enabled, V[v.nash_weight + package])
        packed += count_true(enabled)
    asked = L[s.lengths + SURPLUS]
    for place in range(count_full_rows(packed)):
        _find_product(V, v, place, asked > 0)
    packed = 0
    for place in range(count):
        enabled = as_truths(L[s.enabled + L[s.packages + place]])
        V[v.tail + place] = unpack(V, v.packed, packed, enabled)
        V[v.tail + count + place] = unpack(V, v.packed_second, packed, enabled)
        V[v.product + place] = unpack(V, v.packed_weight, packed, enabled)
        if asked:
            V[v.nash + place] = unpack(V, v.packed_nash, packed, enabled)
        packed += count_true(enabled)
    for number in range(asked):
        _find_surplus(L, V, s, v, L[s.surplus + number])


def _find_product(V: Floats, v: Values, place: int, asked: bool) -> None:
    """Exponentials of minus the sizes of packed margins and logs of Nash products, each in the place of what it needs.

    Packages are enabled in few runs at a time, so the others are left out and the rest stands closely packed.
    """
    one, two = V[v.packed + place], V[v.packed_second + place]
    tail, other_tail = exponential_within(-abs(one)), exponential_within(-abs(two))
    # Gains are softplus of margins; the product is first ** weight * second ** (1 - weight).
    first, second = (
        logarithm(max(one, 0.0) + log1p_of(tail)),
        logarithm(max(two, 0.0) + log1p_of(other_tail)),
    )
    product = V[v.packed_weight + place] * (first - second) + second
    V[v.packed + place] = tail
    V[v.packed_second + place] = other_tail
    V[v.packed_weight + place] = product
    if asked:
        V[v.packed_nash + place] = exponential(product)


def _find_surplus(L: Ints, V: Floats, s: Stand, v: Values, channel: int) -> None:
    """Mean Nash product over the packages that a run may agree on."""
    total, count = V[v.zero], V[v.zero]
    for place in range(L[s.package_first + channel], L[s.package_first + channel + 1]):
        total += V[v.nash + place]
        count += select(as_truths(L[s.enabled + L[s.packages + place]]), 1.0, 0.0)
    V[v.surplus + channel] = total / max(count, 1.0)


def _find_margin(T: Ints, V: Floats, t: Tables, v: Values, side: int, package: int) -> float:
    """Margin of a side's least willing voter over the reservation."""
    least = V[v.zero] + np.inf
    for voter in range(t.voters):
        row = t.voter + ((2 * voter + side) * t.packages + package) * (t.most_items + 1)
        worth = V[v.zero]
        for place in range(row + 1, row + 1 + t.most_items):
            worth += V[T[place]]
        least = min(least, worth - V[T[row]])
    return _clip(least)


# -- factors and hazards ----------------------------------------------------------------------------------------------


def _find_factors(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Exponentials of log rates, logistics of steps, probabilities of approval."""
    for number in range(t.log_rate_count):
        program = t.log_rate + number * PROGRAM_COLUMNS
        first, last = L[s.rate_first + number], L[s.rate_first + number + 1]
        if last > first:
            _evaluate_program(T, L, V, t, program, T[program + 2], s.log_rates + first, last - first, v.first)
    V[v.factor] = 1.0
    for place in range(L[s.lengths + SIGNATURES]):
        signature = L[s.signatures + place]
        row = t.signature + signature * t.most_rates
        total = V[v.zero]
        for entry in range(row, row + t.most_rates):
            total += V[T[entry]]
        V[v.factor + 1 + signature] = exponential_within(_clip(total))
    for place in range(L[s.lengths + STEPS]):
        step = L[s.steps + place]
        margin = V[v.utility + T[t.alone + step]] - V[v.now_reservation + T[t.alone_state + step]]
        V[v.factor + t.first_step + step] = _logistic(margin)
    _find_approvals(T, L, V, t, s, v)


def _logistic(odds: float) -> float:
    return 1.0 / (1.0 + exponential_within(_clip(-odds)))


def _find_approvals(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Probabilities of approving and of rejecting what waits for a side."""
    first = v.factor + t.first_step + t.concessions
    for number in range(t.approvals):
        if L[s.waiting + number] == 0:
            continue
        odds = V[v.opinion + number] - V[v.now_threshold + T[t.approve_state + number]]
        for place in range(t.approval_count):
            program = t.approval + place * PROGRAM_COLUMNS
            _evaluate_program(T, L, V, t, program, -number, s.counting, 1, v.first)
            odds += V[v.first]
        if T[t.uncertain + number]:
            V[first + number] = _logistic(odds) * V[v.free + number]
            V[first + t.approvals + number] = _logistic(-odds)
        else:
            V[first + number] = V[v.free + number]
            V[first + t.approvals + number] = 0.0


def _find_hazards(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    for place in range(L[s.lengths + MOVES]):
        move = L[s.moves + place]
        hazard = V[v.factor + T[t.base + move]] * V[v.rate + move] * V[v.factor + T[t.second + move]]
        V[v.hazard + move] = select(as_truths(L[s.possible + move]), hazard, 0.0)
    for place in range(L[s.lengths + AGREEING]):
        _find_agreements(T, L, V, t, s, v, L[s.agreeing + place])


def _find_agreements(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int) -> None:
    """Hazards of agreeing on each enabled package: an asymmetric Nash product, if both sides accept."""
    first, last = L[s.package_first + channel], L[s.package_first + channel + 1]
    other = L[s.lengths + PACKAGES]
    top, total = V[v.zero] - np.inf, V[v.zero]
    for place in range(first, last):
        enabled = as_truths(L[s.enabled + L[s.packages + place]])
        top = max(top, select(enabled, V[v.product + place], -np.inf))
    for place in range(first, last):
        # The largest is taken out of all powers alike, so that none of them can overflow or vanish.
        V[v.product + place] = exponential(min(V[v.eta + channel] * (V[v.product + place] - top), 0.0))
        total += select(as_truths(L[s.enabled + L[s.packages + place]]), V[v.product + place], 0.0)
    rate = V[v.agree_rate + channel] * V[v.factor + T[t.agree_signature + channel]] / total
    for place in range(first, last):
        package = L[s.packages + place]
        one, two = V[v.tail + place], V[v.tail + other + place]
        willing = select(V[v.margin + place] > 0.0, 1.0, one) * select(V[v.margin + other + place] > 0.0, 1.0, two)
        hazard = V[v.product + place] * rate * willing / ((1.0 + one) * (1.0 + two))
        may = as_truths(L[s.agreeable + channel] & L[s.enabled + package])
        V[v.hazard + t.dense + package] = select(may, hazard, 0.0)


def clear_hazards(T: Ints, W: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Let no move come that was listed and is wanted no longer, nor any package before packages are listed anew."""
    for piece in range(T[t.piece_first + MOVES], T[t.piece_first + MOVES + 1]):
        word = T[t.piece_word + piece]
        bits = L[s.words + word] & ~L[s.new_words + word] & W[t.piece + piece]
        while bits != 0:
            V[v.hazard + T[t.piece_base + piece] + trailing_zeros(bits)] = 0.0
            bits &= bits - 1
    for place in range(L[s.lengths + MOVES], L[s.lengths + ACTIVE]):
        V[v.hazard + L[s.moves + place]] = 0.0
