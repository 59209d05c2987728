"""How probable is what happened? The compiled loop that scores given histories, in some runs abreast.

A, V, S and U are those of :mod:`negsim.scalar.loops`.
"""

from __future__ import annotations

import numpy as np

from negsim.scalar.abreast import view_lane
from negsim.scalar.clocks import add_exposed, add_hazards, approach, expose
from negsim.scalar.effects import change_channels, change_stages, find_broken, find_delivered, name_consequence
from negsim.scalar.hazards import read_calendar
from negsim.scalar.loops import (
    Account,
    Columns,
    find_hazards,
    keep_rest,
    pass_tick,
    start_lanes,
    take_column,
)
from negsim.scalar.numbers import Values
from negsim.scalar.passage import advance
from negsim.scalar.tables import BEGINS, GOING, LANES, OVER, Stand, Tables
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
    if first == last:
        return
    L, following = A[LANES * s.possible :], start_lanes(T, A, V, t, s, v, c, first, last)
    for lane in range(LANES):
        _open_history(view_lane(A, lane), view_lane(V, lane), s, v, a)
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
        going = _account(A, V, s, v, a)
        for lane in range(LANES):
            if A[s.going * LANES + lane] == OVER and following < last:
                take_column(A, V, t, s, v, c, lane, following)
                _open_history(view_lane(A, lane), view_lane(V, lane), s, v, a)
                following, going = following + 1, True
        advance(T, L, V, t, s, v)
        _stop_given(T, A, V, t, s, v, c, a)


def _open_history(S: Ints, U: Floats, s: Stand, v: Values, a: Account) -> None:
    """Look up the first given move of a column."""
    U[v.next_move] = a.days[S[s.column], 0]
    if a.covered:
        _enter_period(U, v, a, 0)
        for profile in range(a.sums.shape[0]):
            U[v.exposure + profile] = a.sums[profile, 0]


def _account(A: Ints, V: Floats, s: Stand, v: Values, a: Account) -> bool:
    """Enter what the way to the next stop adds, and the hazard of a move that comes; whether any column goes on."""
    going = False
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        if S[s.going] == OVER:
            U[v.elapsed] = 0.0
            continue
        number, column = S[s.given], S[s.column]
        a.integrals[column, number] += U[v.integral]
        if U[v.ended] > 0.0:
            if len(a.rests.whole):
                keep_rest(S, U, a.rests, column)
            S[s.going] = OVER
            U[v.elapsed] = 0.0
            continue
        going = True
        if U[v.chosen] > 0.0:
            hazard = U[v.hazard + a.moves[column, number]]
            a.logs[column, number] = np.log(hazard) if hazard > 0.0 else -np.inf
    return going


def _stop_given(T: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, a: Account) -> None:
    """Make the given moves that come, pass the ticks."""
    turned = False
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        if S[s.going] == BEGINS:
            S[s.going], turned = GOING, True
            continue
        if S[s.going] == OVER:
            continue
        if U[v.chosen] > 0.0:
            number, column = S[s.given], S[s.column]
            if a.logs[column, number] > -np.inf:
                make_given(T, S, U, t, s, v, a.moves[column, number])
            S[s.given] = number + 1
            U[v.next_move] = a.days[column, number + 1]
            continue
        turned = True
        pass_given_tick(T, S, U, t, s, v, c.ticks)
    if turned:
        read_calendar(T, V, t, v)


def pass_given_tick(T: Ints, S: Ints, U: Floats, t: Tables, s: Stand, v: Values, ticks: Floats) -> None:
    """Let a lane's calendar move on; what is shipped whole is delivered."""
    pass_tick(S, U, s, v, ticks)
    for flow in range(t.flows):
        event = find_delivered(T, S, U, t, s, v, flow)
        if event >= 0:
            change_stages(T, S, U, t, s, v, event)


def make_given(T: Ints, S: Ints, U: Floats, t: Tables, s: Stand, v: Values, move: int) -> None:
    """Make a given move, with its consequences."""
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
        S, U = view_lane(A, lane), view_lane(V, lane)
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
