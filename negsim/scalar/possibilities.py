"""What has to be computed now? After a change of the discrete state: what is possible, and all that hangs on it.

Everything here is scalar code over the three arrays (see :mod:`negsim.scalar.tables`). A thing is listed when the first
that needs it is listed: its mark is then the stamp of this listing.
"""

from __future__ import annotations

from negsim.kernel.stages import AVAILABLE_BITS, BEFORE_SIGNATURE
from negsim.scalar.numbers import Values
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
from negsim.vocabulary import DONE, IN_FORCE, IN_SESSION, OPEN, PROMISED, RAISED


def list_possible(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, watched: Array, given: int) -> None:
    """List all that must be computed until the discrete state changes again.

    Parameters
    ----------
    watched : array of int8, shape (moves,)
        Moves whose hazards count; the others are passed over (unless others need them).
    given : int
        A move whose hazard counts besides, or -1.
    """
    S[s.stamp] += 1
    for length in (MOVES, STEPS, SIGNATURES, PAINS, EXPONENTS, CONCESSIONS, BENEFITS, GIVERS, MEANS):
        S[s.lengths + length] = 0
    _read_stages(T, S, t, s)
    _read_gates(T, S, V, t, s, v)
    _read_relations(T, S, V, t, s, v)
    _find_waiting(T, S, t, s)
    _list_moves(T, S, V, t, s, v, watched, given)
    _list_packages(T, S, V, t, s, v, watched, given)
    _list_log_rates(T, S, t, s)
    if t.pains_wanted:
        for channel in range(t.channels):
            _want_pain(S, s, channel)


# -- the discrete state -----------------------------------------------------------------------------------------------


def _read_stages(T: Ints, S: Ints, t: Tables, s: Stand) -> None:
    """Codes of concessions and demands, and which promises a timer runs for."""
    promised = 0
    for concession in range(t.concessions):
        stage = S[s.stage + concession]
        if stage == PROMISED:
            S[s.promised + promised] = concession
            promised += 1
        else:
            S[s.overdue + concession] = 0
        code = stage + 8 * S[s.frozen + concession] + 16 * S[s.ready + concession]
        S[s.code + t.channels + concession] = code
    S[s.lengths + PROMISED_ONES] = promised
    first = s.code + t.channels + t.concessions
    for demand in range(t.demands):
        live = S[s.channel + T[t.demand_channel + demand]] >= OPEN
        S[first + demand] = S[s.demand + demand] + 2 * live
    S[first + t.demands] = 0


def _read_gates(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Codes of channels: their stage, and whether a hard gate blocks them; which have active gates that are all met."""
    for channel in range(t.channels):
        S[s.blocked + channel] = 0
        V[v.gate_met + channel] = 0.0
    tick = S[s.tick]
    for gate in range(t.gates):
        if T[t.gate_active + gate * t.ticks + tick]:
            V[v.gate_met + T[t.gate_channel + gate]] = 1.0
    for gate in range(t.gates):
        if T[t.gate_active + gate * t.ticks + tick] and not _is_met(T, S, t, s, gate):
            channel = T[t.gate_channel + gate]
            V[v.gate_met + channel] = 0.0
            S[s.blocked + channel] |= T[t.gate_hard + gate]
    for channel in range(t.channels):
        S[s.code + channel] = S[s.channel + channel] + 4 * S[s.blocked + channel]


def _is_met(T: Ints, S: Ints, t: Tables, s: Stand, gate: int) -> bool:
    first, last = T[t.gate_first + gate], T[t.gate_first + gate + 1]
    standing = 0
    for entry in range(first, last):
        standing += (T[t.gate_wanted + gate] >> S[s.stage + T[t.gate_item + entry]]) & 1
    return standing == last - first if T[t.gate_all + gate] else standing > 0


def _count_live(T: Ints, S: Ints, t: Tables, s: Stand, lists: int, items: int, number: int) -> float:
    """How many channels and concessions of a list are live: open, in force."""
    count = 0
    for entry in range(T[lists + number], T[lists + number + 1]):
        item = T[items + entry]
        if item < t.channels:
            count += S[s.channel + item] >= OPEN
        else:
            count += S[s.stage + item - t.channels] == IN_FORCE
    return float(count)


def _read_relations(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Engagement, easing by allies, shares in force, restraints, pressure of demands."""
    for pair in range(t.engaged_pairs):
        count = _count_live(T, S, t, s, t.engaged_first, t.engaged_item, pair)
        V[v.engaged + pair] = count / (1.0 + count)
    for ally in range(t.allies):
        total = 0.0
        for place in range(T[t.ally_first + ally], T[t.ally_first + ally + 1]):
            entry = T[t.ally_entry + place]
            total += V[v.ally_weight + entry] * V[v.engaged + T[t.ally_engaged + entry]]
        V[v.ally + ally] = total
    for state in range(t.states):
        count = _count_live(T, S, t, s, t.seated_first, t.seated_item, state)
        V[v.engagement + state] = count / (1.0 + count)
        total = 0.0
        for place in range(T[t.share_first + state], T[t.share_first + state + 1]):
            entry = T[t.share_entry + place]
            stage = S[s.stage + T[t.share_concession + entry]]
            if stage in (IN_FORCE, DONE):
                total += V[v.share + entry]
        V[v.share_in_force + state] = total
    for act in range(t.acts):
        count = _count_live(T, S, t, s, t.restraint_first, t.restraint_item, act)
        V[v.restraint + act] = min(count, 1.0)
    for side in range(2 * t.channels):
        total = 0.0
        for place in range(T[t.pressure_first + side], T[t.pressure_first + side + 1]):
            demand = T[t.pressure_item + place]
            if S[s.demand + demand] == RAISED and not _is_answered(T, S, t, s, demand):
                total += V[v.demand_weight + demand]
        V[v.pressure + side] = total


def _is_answered(T: Ints, S: Ints, t: Tables, s: Stand, demand: int) -> bool:
    for concession in range(t.concessions):
        if T[t.answers + demand * t.concessions + concession]:
            stage = S[s.stage + concession]
            if stage in (PROMISED, IN_FORCE):
                return True
    return False


def _find_waiting(T: Ints, S: Ints, t: Tables, s: Stand) -> None:
    """Find what waits for each side's approval."""
    for approval in range(t.approvals):
        side = T[t.approve_side + approval]
        waiting = S[s.awaiting + side]
        if T[t.consent_rule + side] == BEFORE_SIGNATURE:
            waiting = 0 if S[s.consent + side] else S[s.table + side // 2]
        S[s.waiting + approval] = waiting


# -- lists ------------------------------------------------------------------------------------------------------------


def _append(S: Ints, s: Stand, rows: int, length: int, row: int) -> None:
    S[rows + S[s.lengths + length]] = row
    S[s.lengths + length] += 1


def _list_moves(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, watched: Array, given: int) -> None:
    """List the dense moves that are possible, with their factors."""
    for move in range(t.moves):
        V[v.hazard + move] = 0.0
    for move in range(t.dense):
        possible = (T[t.allowed + move] >> S[s.code + T[t.entity + move]]) & 1
        if not possible or not (watched[move] or move == given) or V[v.rate + move] <= 0.0:
            continue
        base, second = T[t.base + move], T[t.second + move]
        decision = base - t.first_step - t.concessions
        if decision >= 0 and not S[s.waiting + decision % t.approvals]:
            continue
        _append(S, s, s.moves, MOVES, move)
        if second > 0:
            _want_signature(T, S, t, s, second - 1)
        if base > t.signatures:
            if decision < 0:
                _append(S, s, s.steps, STEPS, base - t.first_step)
                _want_utility(T, S, t, s, T[t.alone + base - t.first_step])
        elif base > 0:
            _want_signature(T, S, t, s, base - 1)


def _list_packages(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, watched: Array, given: int) -> None:
    """List the enabled packages of channels that may agree, or whose surplus is asked for."""
    listed = 0
    for channel in range(t.channels):
        S[s.package_first + channel] = listed
        first, last = T[t.channel_first + channel], T[t.channel_first + channel + 1]
        S[s.agreeing + channel] = 0
        if S[s.channel + channel] == IN_SESSION and S[s.table + channel] == 0:
            for package in range(first, last):
                move = t.dense + package
                if watched[move] or move == given:
                    S[s.agreeing + channel] = 1
            if S[s.agreeing + channel]:
                _want_signature(T, S, t, s, T[t.agree_signature + channel] - 1)
        if S[s.agreeing + channel] or S[s.surplus_mark + channel] == S[s.stamp]:
            available, wanted = _find_available(T, S, t, s, channel), 0
            for package in range(first, last):
                members = T[t.package_members + package]
                if available & members == members:
                    S[s.packages + listed] = package
                    listed += 1
                    wanted |= members
            _want_items(T, S, t, s, channel, wanted)
    S[s.package_first + t.channels] = listed


def _find_available(T: Ints, S: Ints, t: Tables, s: Stand, channel: int) -> int:
    """Items of an agenda that may be tabled, as bits."""
    bits = 0
    for position in range(t.agenda_length):
        item = T[t.agenda + channel * t.agenda_length + position]
        if item >= 0 and (AVAILABLE_BITS >> S[s.stage + item]) & 1 and not S[s.frozen + item]:
            bits |= 1 << position
    return bits


def _want_items(T: Ints, S: Ints, t: Tables, s: Stand, channel: int, items: int) -> None:
    """List what some items of an agenda are worth to all who decide there."""
    for position in range(t.agenda_length):
        if (items >> position) & 1:
            place = channel * t.agenda_length + position
            for entry in range(T[t.item_first + place], T[t.item_first + place + 1]):
                _want_utility(T, S, t, s, T[t.item_row + entry])


def _want_utility(T: Ints, S: Ints, t: Tables, s: Stand, row: int) -> None:
    """List what an item is worth to someone, with what it is computed from."""
    if S[s.utility_mark + row] == S[s.stamp]:
        return
    S[s.utility_mark + row] = S[s.stamp]
    mean = row - t.benefits - t.givers
    if mean < 0:
        _want_own_utility(T, S, t, s, row)
    elif mean < t.means:
        _append(S, s, s.means, MEANS, mean)
        for place in range(T[t.mean_first + mean], T[t.mean_first + mean + 1]):
            member = T[t.mean_row + place]
            if S[s.utility_mark + member] != S[s.stamp]:
                S[s.utility_mark + member] = S[s.stamp]
                if member < t.benefits + t.givers:
                    _want_own_utility(T, S, t, s, member)


def _want_own_utility(T: Ints, S: Ints, t: Tables, s: Stand, row: int) -> None:
    if row < t.benefits:
        _append(S, s, s.benefits, BENEFITS, row)
        return
    giver = row - t.benefits
    _append(S, s, s.givers, GIVERS, giver)
    exponent, concession = T[t.giver_exponent + giver], T[t.giver_concession + giver]
    if S[s.exponent_mark + exponent] != S[s.stamp]:
        S[s.exponent_mark + exponent] = S[s.stamp]
        _append(S, s, s.exponents, EXPONENTS, exponent)
    if S[s.concession_mark + concession] != S[s.stamp]:
        S[s.concession_mark + concession] = S[s.stamp]
        _append(S, s, s.concessions, CONCESSIONS, concession)


def _want_signature(T: Ints, S: Ints, t: Tables, s: Stand, signature: int) -> None:
    """List a sum of log rates, with what its log rates ask for."""
    if signature < 0 or S[s.signature_mark + signature] == S[s.stamp]:
        return
    S[s.signature_mark + signature] = S[s.stamp]
    _append(S, s, s.signatures, SIGNATURES, signature)
    for place in range(T[t.signature_first + signature], T[t.signature_first + signature + 1]):
        row = T[t.signature_row + place]
        S[s.rate_mark + row] = S[s.stamp]
        _want_pain(S, s, T[t.rate_pain + row])
        if T[t.rate_surplus + row] >= 0:
            S[s.surplus_mark + T[t.rate_surplus + row]] = S[s.stamp]


def _want_pain(S: Ints, s: Stand, channel: int) -> None:
    if channel >= 0 and S[s.pain_mark + channel] != S[s.stamp]:
        S[s.pain_mark + channel] = S[s.stamp]
        _append(S, s, s.pains, PAINS, channel)


def _list_log_rates(T: Ints, S: Ints, t: Tables, s: Stand) -> None:
    """List the log rates wanted, formula by formula."""
    listed = 0
    for number in range(t.log_rate_count):
        program = t.log_rate + number * PROGRAM_COLUMNS
        S[s.rate_first + number] = listed
        for row in range(T[program + 2], T[program + 3]):
            if S[s.rate_mark + row] == S[s.stamp]:
                S[s.log_rates + listed] = row
                listed += 1
    S[s.rate_first + t.log_rate_count] = listed
