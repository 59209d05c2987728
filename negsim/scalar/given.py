"""How probable is what happened? The compiled loop that scores given histories, in some runs abreast.

A, V, S and U are those of :mod:`negsim.scalar.loops`.
"""

from __future__ import annotations

import numpy as np

from negsim.scalar.clocks import add_exposed, add_hazards, approach, expose
from negsim.scalar.effects import change_channels, change_stages, find_broken, find_delivered, name_consequence
from negsim.scalar.hazards import read_calendar
from negsim.scalar.loops import Account, Columns, find_hazards, keep_rest, pass_tick, start_group
from negsim.scalar.numbers import Values
from negsim.scalar.passage import advance
from negsim.scalar.tables import LANES, OVER, Stand, Tables
from negsim.state import Floats, Ints


def score(
    T: Ints,
    W: Ints,
    A: Ints,
    V: Floats,
    t: Tables,
    s: Stand,
    v: Values,
    c: Columns,
    a: Account,
    first: int,
    last: int,
) -> None:
    """Score the given histories of some columns (see :class:`negsim.replays.Given`)."""
    for column in range(first, last, LANES):
        start_group(T, A, V, t, s, v, c, column, last)
        for lane in range(LANES):
            U = V[lane::LANES]
            U[v.next_move] = a.days[min(column + lane, last - 1), 0]
            if a.covered:
                _enter_period(U, v, a, 0)
                for profile in range(a.sums.shape[0]):
                    U[v.exposure + profile] = a.sums[profile, 0]
        _score_group(T, W, A, V, t, s, v, c, a, column)


def _score_group(
    T: Ints, W: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, a: Account, column: int
) -> None:
    L = A[LANES]
    going = True
    while going:
        find_hazards(T, W, A, V, t, s, v, False)
        approach(V, v, c.until)
        if a.covered:
            _find_periods(A, V, s, v, a)
            expose(V, v, a.sums.shape[0])
            add_exposed(T, L, V, t, s, v, a.profile)
        else:
            add_hazards(L, V, s, v)
        going = _account(A, V, s, v, a, column)
        advance(T, L, V, t, s, v)
        _stop_given(T, A, V, t, s, v, c, a, column)


def _account(A: Ints, V: Floats, s: Stand, v: Values, a: Account, column: int) -> bool:
    """Enter what the way to the next stop adds, and the hazard of a move that comes; whether any column goes on."""
    going = False
    for lane in range(LANES):
        S, U = A[lane], V[lane::LANES]
        if S[s.going] == OVER:
            U[v.elapsed] = 0.0
            continue
        number = S[s.given]
        a.integrals[column + lane, number] += U[v.integral]
        if U[v.ended] > 0.0:
            if len(a.rests.whole):
                keep_rest(S, U, a.rests, column + lane)
            S[s.going] = OVER
            U[v.elapsed] = 0.0
            continue
        going = True
        if U[v.chosen] > 0.0:
            hazard = U[v.hazard + a.moves[column + lane, number]]
            a.logs[column + lane, number] = np.log(hazard) if hazard > 0.0 else -np.inf
    return going


def _stop_given(
    T: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, a: Account, column: int
) -> None:
    """Make the given moves that come, pass the ticks."""
    turned = False
    for lane in range(LANES):
        S, U = A[lane], V[lane::LANES]
        if S[s.going] == OVER:
            continue
        if U[v.chosen] > 0.0:
            number = S[s.given]
            if a.logs[column + lane, number] > -np.inf:
                _make_given(T, S, U, t, s, v, a.moves[column + lane, number])
            S[s.given], S[s.moved] = number + 1, 1
            U[v.next_move] = a.days[column + lane, number + 1]
            continue
        turned = True
        pass_tick(T, S, U, t, s, v, c.ticks)
        for flow in range(t.flows):
            event = find_delivered(T, S, U, t, s, v, flow)
            if event >= 0:
                change_stages(T, S, U, t, s, v, event)
                S[s.moved] = 1
    if turned:
        read_calendar(T, V, t, v)


def _make_given(T: Ints, S: Ints, U: Floats, t: Tables, s: Stand, v: Values, move: int) -> None:
    change_stages(T, S, U, t, s, v, move)
    change_channels(T, S, U, t, s, v, move)
    number = find_broken(T, S, t, s, move, -1)
    while number >= 0:
        change_stages(T, S, U, t, s, v, name_consequence(T, t, number))
        number = find_broken(T, S, t, s, move, number)


def _find_periods(A: Ints, V: Floats, s: Stand, v: Values, a: Account) -> None:
    """Find the period of the coverage in which each column's next stop lies."""
    last = len(a.edges) - 1
    for lane in range(LANES):
        S, U = A[lane], V[lane::LANES]
        until, period = U[v.time] + U[v.spent], S[s.period]
        while period < last - 1 and a.edges[period + 1] <= until:
            period += 1
        if period != S[s.period]:
            S[s.period] = period
            _enter_period(U, v, a, period)


def _enter_period(U: Floats, v: Values, a: Account, period: int) -> None:
    U[v.period], U[v.period + 1] = a.edges[period], a.edges[period + 1]
    for profile in range(a.sums.shape[0]):
        U[v.below + profile] = a.sums[profile, period]
        U[v.rise + profile] = a.sums[profile, period + 1] - a.sums[profile, period]
