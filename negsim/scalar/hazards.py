"""How fast does each possible move come now? The hazards of one run, from what is listed as wanted.

The equations are those of docs/model.md, sections 5 to 7; the terms' formulas are called through ``evaluate_rows``,
which :mod:`negsim.scalar.building` writes for the formulas of a scenario.
"""

from __future__ import annotations

import numpy as np

from negsim.kernel.stages import BEFORE_SIGNATURE, STANDING_BITS
from negsim.scalar.numbers import Values
from negsim.scalar.possibilities import list_possible
from negsim.scalar.tables import (
    BENEFITS,
    CONCESSIONS,
    EXPONENTS,
    GIVERS,
    MEANS,
    MOVES,
    PAINS,
    PROGRAM_COLUMNS,
    PROMISED_ONES,
    SIGNATURES,
    STEPS,
    Stand,
    Tables,
)
from negsim.state import Array, Floats, Ints
from negsim.vocabulary import EXPONENT_LIMIT, OPEN, PROMISED, SIGNED


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


def read_timers(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> bool:
    """Look whether promises have become ready or overdue; whether any has changed."""
    changed = False
    for place in range(S[s.lengths + PROMISED_ONES]):
        concession = S[s.promised + place]
        since = V[v.time] - V[v.changed + concession]
        lead = V[v.lead + concession]
        held_by = T[t.held_by + concession]
        ready = since >= lead and (held_by < 0 or S[s.channel + held_by] >= OPEN)
        overdue = since >= lead + V[v.grace + concession]
        if ready != S[s.ready + concession] or overdue != S[s.overdue + concession]:
            S[s.ready + concession] = ready
            S[s.overdue + concession] = overdue
            changed = True
    return changed


# -- hazards ----------------------------------------------------------------------------------------------------------


def evaluate(
    T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, watched: Array, given: int, moved: bool
) -> None:
    """Compute the hazards of what is possible, per day; all others stand at zero.

    Parameters
    ----------
    watched : array of int8, shape (moves,)
        Moves whose hazards count.
    given : int
        A move whose hazard counts besides, or -1.
    moved : bool
        Whether the discrete state or the calendar has changed since the last re-evaluation.
    """
    if moved:
        _renew_timers(T, S, V, t, s, v)
        list_possible(T, S, V, t, s, v, watched, given)
    elif read_timers(T, S, V, t, s, v):
        list_possible(T, S, V, t, s, v, watched, given)
    _find_needs(T, V, t, v)
    for number in range(t.trust_count):
        program = t.trust + number * PROGRAM_COLUMNS
        arguments = t.argument + T[program + 1] * t.arguments
        evaluate_rows(T[program], T, S, V, arguments, t.arguments, -1, t.pairs, v.credibility)
    _find_pains(T, S, V, t, s, v)
    _find_utilities(T, S, V, t, s, v)
    _find_packages(T, S, V, t, s, v)
    _find_factors(T, S, V, t, s, v)
    _find_hazards(T, S, V, t, s, v)


def _renew_timers(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Look at the timers of all promises, whether listed or not."""
    listed = 0
    for concession in range(t.concessions):
        if S[s.stage + concession] == PROMISED:
            S[s.promised + listed] = concession
            listed += 1
    S[s.lengths + PROMISED_ONES] = listed
    read_timers(T, S, V, t, s, v)


def _find_needs(T: Ints, V: Floats, t: Tables, v: Values) -> None:
    stocks = v.memory + t.memories - 1 - t.needs
    for need in range(t.needs):
        relief = max(-V[stocks + need] / V[v.scale + need], -EXPONENT_LIMIT)
        V[v.need + need] = V[v.ripe_need + need] * np.exp(relief)
    V[v.need + t.needs] = 1.0


def _find_pains(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    for place in range(S[s.lengths + PAINS]):
        channel = S[s.pains + place]
        total = 0.0
        for entry in range(T[t.pain_first + channel], T[t.pain_first + channel + 1]):
            total += V[v.need + T[t.pain_item + entry]]
        waiting = np.exp(-(V[v.time] - V[v.last_deal + channel]) / V[v.patience])
        V[v.pain + channel] = total / T[t.pain_size + channel] + (1.0 - waiting)


def _clip(exponent: float) -> float:
    return min(max(exponent, -EXPONENT_LIMIT), EXPONENT_LIMIT)


# -- utilities --------------------------------------------------------------------------------------------------------


def _find_utilities(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """What items are worth: to beneficiaries, to givers, to sides that decide by the mean."""
    _find_benefits(T, S, V, t, s, v)
    _find_prices(T, S, V, t, s, v)
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
        program = t.benefit + number * PROGRAM_COLUMNS
        arguments = t.argument + T[program + 1] * t.arguments
        evaluate_rows(T[program], T, S, V, arguments, t.arguments, s.benefits, count, v.first)
        for place in range(count):
            V[v.utility + S[s.benefits + place]] *= V[v.first + place]


def _find_prices(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    count = S[s.lengths + EXPONENTS]
    for place in range(count):
        V[v.second + place] = 0.0
    for number in range(t.exponent_count):
        program = t.exponent + number * PROGRAM_COLUMNS
        arguments = t.argument + T[program + 1] * t.arguments
        evaluate_rows(T[program], T, S, V, arguments, t.arguments, s.exponents, count, v.first)
        for place in range(count):
            V[v.second + place] += V[v.first + place]
    for place in range(count):
        V[v.price + S[s.exponents + place]] = np.exp(_clip(V[v.second + place]))


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
        program = t.giver + number * PROGRAM_COLUMNS
        arguments = t.argument + T[program + 1] * t.arguments
        evaluate_rows(T[program], T, S, V, arguments, t.arguments, s.concessions, count, v.first)
        for place in range(count):
            V[v.own + S[s.concessions + place]] += V[v.first + place]


# -- packages ---------------------------------------------------------------------------------------------------------


def _find_packages(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Odds of acceptance of both sides, Nash products, surplus."""
    count = S[s.package_first + t.channels]
    for place in range(count):
        package = S[s.packages + place]
        V[v.odds + place] = np.exp(_clip(_find_margin(T, V, t, v, 0, package)))
        V[v.odds + t.packages + place] = np.exp(_clip(_find_margin(T, V, t, v, 1, package)))
    for place in range(count):
        weight = V[v.nash_weight + S[s.packages + place]]
        first, second = np.log(np.log1p(V[v.odds + place])), np.log(np.log1p(V[v.odds + t.packages + place]))
        V[v.product + place] = weight * first + (1.0 - weight) * second
    for channel in range(t.channels):
        if S[s.surplus_mark + channel] == S[s.stamp]:
            first, last = S[s.package_first + channel], S[s.package_first + channel + 1]
            total = 0.0
            for place in range(first, last):
                total += np.exp(V[v.product + place])
            V[v.surplus + channel] = total / max(last - first, 1)


def _find_margin(T: Ints, V: Floats, t: Tables, v: Values, side: int, package: int) -> float:
    """Margin of a side's least willing voter over the reservation."""
    least = np.inf
    for voter in range(t.voters):
        row = (2 * voter + side) * t.packages + package
        worth = 0.0
        for place in range(T[t.voter_first + row], T[t.voter_first + row + 1]):
            worth += V[v.utility + T[t.voter_item + place]]
        least = min(least, worth - V[v.seat + T[t.voter_seat + row]])
    return least


# -- factors and hazards ----------------------------------------------------------------------------------------------


def _find_factors(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Exponentials of log rates, logistics of steps, probabilities of approval."""
    V[v.factor] = 1.0
    for place in range(S[s.lengths + STEPS]):
        step = S[s.steps + place]
        margin = V[v.utility + T[t.alone + step]] - V[v.now_reservation + T[t.alone_state + step]]
        V[v.factor + t.first_step + step] = 1.0 / (1.0 + np.exp(_clip(-margin)))
    _find_approvals(T, S, V, t, s, v)
    for number in range(t.log_rate_count):
        program = t.log_rate + number * PROGRAM_COLUMNS
        arguments = t.argument + (T[program + 1] - T[program + 2]) * t.arguments
        first, last = S[s.rate_first + number], S[s.rate_first + number + 1]
        rows = s.log_rates + first
        evaluate_rows(T[program], T, S, V, arguments, t.arguments, rows, last - first, v.second)
        for place in range(last - first):
            V[v.first + S[rows + place]] = V[v.second + place]
    for place in range(S[s.lengths + SIGNATURES]):
        signature = S[s.signatures + place]
        total = 0.0
        for entry in range(T[t.signature_first + signature], T[t.signature_first + signature + 1]):
            total += V[v.first + T[t.signature_row + entry]]
        V[v.factor + 1 + signature] = np.exp(_clip(total))


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
            arguments = t.argument + (T[program + 1] + number) * t.arguments
            evaluate_rows(T[program], T, S, V, arguments, t.arguments, -1, 1, v.first)
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
    for channel in range(t.channels):
        if S[s.agreeing + channel]:
            _find_agreements(T, S, V, t, s, v, channel)


def _find_agreements(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, channel: int) -> None:
    """Hazards of agreeing on each enabled package: an asymmetric Nash product, if both sides accept."""
    first, last = S[s.package_first + channel], S[s.package_first + channel + 1]
    top = -np.inf
    for place in range(first, last):
        top = max(top, V[v.product + place])
    total = 0.0
    for place in range(first, last):
        # The largest is taken out of all powers alike, so that none of them can overflow or vanish.
        weight = np.exp(min(V[v.eta + channel] * (V[v.product + place] - top), 0.0))
        V[v.product + place] = weight
        total += weight
    rate = V[v.agree_rate + channel] * V[v.factor + T[t.agree_signature + channel]]
    for place in range(first, last):
        one, two = V[v.odds + place], V[v.odds + t.packages + place]
        likes = one / (1.0 + one) * (two / (1.0 + two))
        share = V[v.product + place] / total
        V[v.hazard + t.dense + S[s.packages + place]] = share * likes * rate
