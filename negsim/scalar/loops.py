"""How does one run go through time? The two compiled loops: histories drawn by clocks, given histories scored.

Both do what :func:`negsim.ensemble.moments` does for a batch. They work on the columns they are given, one after the
other, and may be called from several threads, each with arrays of its own. A loop that lacks something (rows of a
clock, room for events) says so and returns; called again, it goes on where it stopped.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from negsim.kernel.arithmetic import SMALLEST
from negsim.scalar.effects import (
    change_channels,
    change_stages,
    find_broken,
    find_delivered,
    name_consequence,
)
from negsim.scalar.hazards import evaluate, read_calendar
from negsim.scalar.numbers import Values
from negsim.scalar.passage import advance
from negsim.scalar.tables import ACTIVE, Stand, Tables
from negsim.state import Array, Floats, Ints

ENDED, LACKS_CLOCK, LACKS_ROOM, EXPLODES = range(4)
"""Why a loop returns."""
BEGUN, UNDER_WAY = 1, 2
"""How far a column has come that is going: before its first re-evaluation, after it."""
RUN, PENDING, KEPT, GOING, TICKED = range(5)
"""What is noted of how far a loop has come: the column, the move whose clock is to be renewed, events kept, whether
the column has begun, whether its last step was a tick."""


class Rests(NamedTuple):
    """S and V of some columns at their last re-evaluation before a moment, a row for each; without rows for none."""

    whole: Ints
    numbers: Floats


class Columns(NamedTuple):
    """The parameters of some columns and where they start.

    ``shared`` is V at the start; ``varying`` are the indices in V of what differs, ``rows`` its values, a row for each
    column; ``fresh`` is S at the start.
    """

    shared: Floats
    varying: Ints
    rows: Floats
    fresh: Ints
    ticks: Floats
    until: float
    rests: Rests
    """Where each column is resumed, if it is; else without columns."""
    origin: float
    """From when clocks run in columns that are resumed."""


class Draws(NamedTuple):
    """Rows of the clocks: ``pool[chunk_of[move, number], row, lane]`` is a ring's wait."""

    pool: Floats
    chunk_of: Ints
    lanes: Ints
    """Each column's place in the rows."""


class Record(NamedTuple):
    """What is kept of some columns: events, counts for the summary, the state at every tick."""

    column: Array
    event: Array
    day: Floats
    keep: bool
    first: Ints
    total: Floats
    squares: Floats
    path_of: Ints
    """Indices in V; those in S, less one and negative, for whole numbers."""
    paths: Array
    """Shape (ticks, what is kept, columns)."""


class Account(NamedTuple):
    """Given histories and what is found of their likelihood: a row for each column."""

    days: Floats
    moves: Ints
    logs: Floats
    integrals: Floats
    profile: Ints
    edges: Floats
    sums: Floats
    covered: bool
    rests: Rests
    """Where each column is left at the end, if anyone wants to know."""


# -- what both do -----------------------------------------------------------------------------------------------------


def begin(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, column: int) -> None:
    """Put a column at its start."""
    for place in range(len(c.shared)):
        V[place] = c.shared[place]
    for place in range(len(c.varying)):
        V[c.varying[place]] = c.rows[column, place]
    for row in range(t.memories):
        V[v.memory + row] = V[v.memory_start + row]
    for place in range(len(c.fresh)):
        S[place] = c.fresh[place]
    read_calendar(T, S, V, t, s, v)


def resume(S: Ints, V: Floats, s: Stand, v: Values, rests: Rests, column: int) -> None:
    """Put a column where it rested."""
    for place in range(rests.numbers.shape[1]):
        V[place] = rests.numbers[column, place]
    for place in range(rests.whole.shape[1]):
        S[place] = rests.whole[column, place]


def pass_tick(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, ticks: Floats) -> None:
    """Let the calendar move on."""
    S[s.tick] += 1
    V[v.time] = ticks[S[s.tick]]
    read_calendar(T, S, V, t, s, v)


# -- drawn ------------------------------------------------------------------------------------------------------------


def draw(
    T: Ints, W: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, d: Draws, r: Record,
    noted: Ints, most_events: int,
) -> int:  # fmt: skip
    """Draw the histories of all columns, from the first not yet done; says why it returns."""
    while noted[RUN] < len(d.lanes):
        if not noted[GOING]:
            if len(c.rests.whole):
                resume(S, V, s, v, c.rests, noted[RUN])
            else:
                begin(T, S, V, t, s, v, c, noted[RUN])
            for move in range(t.moves):
                V[v.remaining + move] = d.pool[d.chunk_of[move, 0], 0, d.lanes[noted[RUN]]]
            noted[GOING], noted[TICKED] = BEGUN, 1
        status = _draw_one(T, W, S, V, t, s, v, c, d, r, noted, most_events)
        if status != ENDED:
            return status
        _close_counts(S, t, s, r)
        noted[GOING] = 0
        noted[RUN] += 1
    return ENDED


def _draw_one(
    T: Ints, W: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, d: Draws, r: Record,
    noted: Ints, most_events: int,
) -> int:  # fmt: skip
    room = t.concessions + t.whiles + t.flows + 1
    moved = True
    while True:
        if noted[PENDING] >= 0 and not _renew(S, V, s, v, d, noted):
            return LACKS_CLOCK
        if r.keep and noted[KEPT] + room > len(r.day):
            return LACKS_ROOM
        evaluate(T, W, S, V, t, s, v, moved, len(r.path_of) > 0)
        if noted[GOING] == BEGUN:
            if len(c.rests.whole):
                _wait_for(S, V, s, v, c.origin - V[v.time])
            noted[GOING] = UNDER_WAY
        if noted[TICKED]:
            _keep_state(S, V, s, r, noted[RUN])
        horizon = c.ticks[S[s.tick] + 1] - V[v.time]
        move, elapsed = _choose(S, V, s, v, horizon)
        if not V[v.time] + elapsed < c.until:
            return ENDED
        _run_clocks(S, V, s, v, elapsed)
        advance(T, S, V, t, s, v, elapsed)
        if move >= 0:
            moved = True
            noted[TICKED], noted[PENDING] = 0, move
            S[s.made] += 1
            _make(T, S, V, t, s, v, r, noted, move)
            if S[s.made] > most_events:
                return EXPLODES
        else:
            moved = _tick(T, S, V, t, s, v, c, r, noted)
            noted[TICKED] = 1


def _renew(S: Ints, V: Floats, s: Stand, v: Values, d: Draws, noted: Ints) -> bool:
    """Start a clock's next wait afresh, if its row has been drawn."""
    move = noted[PENDING]
    ring = S[s.rings + move] + 1
    chunk, row = ring // d.pool.shape[1], ring % d.pool.shape[1]
    if chunk >= d.chunk_of.shape[1] or d.chunk_of[move, chunk] < 0:
        return False
    S[s.rings + move] = ring
    V[v.remaining + move] = d.pool[d.chunk_of[move, chunk], row, d.lanes[noted[RUN]]]
    noted[PENDING] = -1
    return True


def _choose(S: Ints, V: Floats, s: Stand, v: Values, horizon: float) -> tuple[int, float]:
    """Choose the nearest ring, if it comes before the horizon; else -1."""
    chosen, nearest = -1, horizon
    for place in range(S[s.lengths + ACTIVE]):
        move = S[s.moves + place]
        wait = V[v.remaining + move] / V[v.hazard + move]
        if wait < nearest:
            chosen, nearest = move, wait
    return chosen, nearest


def _run_clocks(S: Ints, V: Floats, s: Stand, v: Values, elapsed: float) -> None:
    """Let the clocks gather their hazards for some days."""
    for place in range(S[s.lengths + ACTIVE]):
        move = S[s.moves + place]
        V[v.remaining + move] = max(V[v.remaining + move] - V[v.hazard + move] * elapsed, SMALLEST)


def _wait_for(S: Ints, V: Floats, s: Stand, v: Values, days: float) -> None:
    """Make up for what clocks will lose to the days before they start."""
    for place in range(S[s.lengths + ACTIVE]):
        move = S[s.moves + place]
        V[v.remaining + move] += V[v.hazard + move] * days


def _make(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, r: Record, noted: Ints, move: int) -> None:
    """Make a move, with its consequences."""
    change_stages(T, S, V, t, s, v, move)
    change_channels(T, S, V, t, s, v, move)
    _note(T, S, V, t, s, v, r, noted, move)
    number = find_broken(T, S, t, s, move, -1)
    while number >= 0:
        event = name_consequence(T, t, number)
        change_stages(T, S, V, t, s, v, event)
        _note(T, S, V, t, s, v, r, noted, event)
        number = find_broken(T, S, t, s, move, number)


def _tick(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, r: Record, noted: Ints) -> bool:
    """Pass a tick; whether the discrete state or a gate has changed."""
    pass_tick(T, S, V, t, s, v, c.ticks)
    changed = bool(T[t.gate_changes + S[s.tick]])
    for flow in range(t.flows):
        event = find_delivered(T, S, V, t, s, v, flow)
        if event >= 0:
            change_stages(T, S, V, t, s, v, event)
            _note(T, S, V, t, s, v, r, noted, event)
            changed = True
    return changed


# -- what is kept -----------------------------------------------------------------------------------------------------


def _note(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, r: Record, noted: Ints, event: int) -> None:
    """Count an event, and keep it if events are kept."""
    group = T[t.group + event]
    if S[s.counts + group] == 0:
        S[s.first_days + group] = min(int(V[v.time]), r.first.shape[1] - 2)
    S[s.counts + group] += 1
    if r.keep:
        place = noted[KEPT]
        r.column[place] = noted[RUN]
        r.event[place] = event
        r.day[place] = V[v.time]
        noted[KEPT] = place + 1


def _close_counts(S: Ints, t: Tables, s: Stand, r: Record) -> None:
    """Add a finished run to the counts."""
    for group in range(t.groups):
        count = S[s.counts + group]
        if count > 0:
            r.first[group, S[s.first_days + group]] += 1
            r.total[group] += count
            r.squares[group] += float(count) * float(count)


def _keep_state(S: Ints, V: Floats, s: Stand, r: Record, column: int) -> None:
    """Keep the state at a tick."""
    for place in range(len(r.path_of)):
        index = r.path_of[place]
        r.paths[S[s.tick], place, column] = V[index] if index >= 0 else float(S[-1 - index])


# -- given ------------------------------------------------------------------------------------------------------------


def score(
    T: Ints,
    W: Ints,
    S: Ints,
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
    for column in range(first, last):
        begin(T, S, V, t, s, v, c, column)
        _score_one(T, W, S, V, t, s, v, c, a, column)


def _score_one(
    T: Ints, W: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, a: Account, column: int
) -> None:
    number, period, moved = 0, 0, True
    for profile in range(a.sums.shape[0]):
        V[v.exposure + profile] = a.sums[profile, 0]
    while True:
        move = a.moves[column, number]
        evaluate(T, W, S, V, t, s, v, moved, False)
        horizon = c.ticks[S[s.tick] + 1] - V[v.time]
        wait = max(a.days[column, number] - V[v.time], 0.0)
        comes = wait < horizon
        elapsed = wait if comes else horizon
        inside = V[v.time] + elapsed < c.until
        spent = elapsed if inside else c.until - V[v.time]
        if a.covered:
            period = _expose(V, v, a, period, V[v.time] + spent)
            a.integrals[column, number] += _add_exposed(S, V, s, v, a)
        else:
            a.integrals[column, number] += _add_hazards(S, V, s, v) * spent
        if not inside:
            if len(a.rests.whole):
                _keep_rest(S, V, a.rests, column)
            return
        hazard = V[v.hazard + move] if comes else 0.0
        advance(T, S, V, t, s, v, elapsed)
        if comes:
            a.logs[column, number] = np.log(hazard) if hazard > 0.0 else -np.inf
            if hazard > 0.0:
                _make_given(T, S, V, t, s, v, move)
            number += 1
            moved = True
        else:
            moved = _tick_given(T, S, V, t, s, v, c)


def _keep_rest(S: Ints, V: Floats, rests: Rests, column: int) -> None:
    for place in range(rests.numbers.shape[1]):
        rests.numbers[column, place] = V[place]
    for place in range(rests.whole.shape[1]):
        rests.whole[column, place] = S[place]


def _add_hazards(S: Ints, V: Floats, s: Stand, v: Values) -> float:
    total = 0.0
    for place in range(S[s.lengths + ACTIVE]):
        total += V[v.hazard + S[s.moves + place]]
    return total


def _add_exposed(S: Ints, V: Floats, s: Stand, v: Values, a: Account) -> float:
    """Integrate the hazards of what would have been reported."""
    gained = v.exposure + a.sums.shape[0]
    total = 0.0
    for place in range(S[s.lengths + ACTIVE]):
        move = S[s.moves + place]
        total += V[v.hazard + move] * V[gained + a.profile[move]]
    return total


def _expose(V: Floats, v: Values, a: Account, period: int, until: float) -> int:
    """Find the days of reporting that each profile gains up to a moment; the period it lies in."""
    last = len(a.edges) - 1
    while period < last - 1 and a.edges[period + 1] <= until:
        period += 1
    low, high = a.edges[period], a.edges[period + 1]
    share = 1.0 if until >= high else max((until - low) / (high - low), 0.0)
    for profile in range(a.sums.shape[0]):
        below = a.sums[profile, period]
        reached = below + share * (a.sums[profile, period + 1] - below)
        V[v.exposure + a.sums.shape[0] + profile] = reached - V[v.exposure + profile]
        V[v.exposure + profile] = reached
    return period


def _make_given(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, move: int) -> None:
    change_stages(T, S, V, t, s, v, move)
    change_channels(T, S, V, t, s, v, move)
    number = find_broken(T, S, t, s, move, -1)
    while number >= 0:
        change_stages(T, S, V, t, s, v, name_consequence(T, t, number))
        number = find_broken(T, S, t, s, move, number)


def _tick_given(T: Ints, S: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns) -> bool:
    pass_tick(T, S, V, t, s, v, c.ticks)
    changed = bool(T[t.gate_changes + S[s.tick]])
    for flow in range(t.flows):
        event = find_delivered(T, S, V, t, s, v, flow)
        if event >= 0:
            change_stages(T, S, V, t, s, v, event)
            changed = True
    return changed
