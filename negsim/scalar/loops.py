"""How do runs go through time? The compiled loop that draws histories by clocks, and what it shares with that which
scores given ones (:mod:`negsim.scalar.given`).

Both do what :func:`negsim.ensemble.moments` does for a batch. They take LANES columns at a time, and another wherever
one ends. Each goes at its own pace, from one stop to the next (a move or a tick); the hazards of all are computed
abreast, what a move changes is done in each for itself. A loop may be called from several threads, each with arrays of
its own. One that lacks something (room for waits or events) says so and returns; called again, it goes on where
it stopped.

In every function A holds the whole numbers of all lanes and after them the lists (L), V the numbers of all lanes; S and
U are those of one lane.
"""

from __future__ import annotations

from typing import NamedTuple

from negsim.scalar.abreast import view_lane
from negsim.scalar.clocks import choose, run_clocks
from negsim.scalar.effects import (
    change_channels,
    change_stages,
    find_broken,
    find_delivered,
    name_consequence,
)
from negsim.scalar.hazards import evaluate, read_calendar
from negsim.scalar.interfering import Orders, interfere, note_done, stand_still
from negsim.scalar.listing import list_wanted
from negsim.scalar.numbers import Values
from negsim.scalar.passage import advance
from negsim.scalar.possibilities import find_possible, forget
from negsim.scalar.relations import relate
from negsim.scalar.tables import ACTIVE, BEGINS, EXPLODED, GOING, LANES, NOTHING, OVER, TICK, Stand, Tables
from negsim.scalar.waits import Draws, has_row
from negsim.state import Array, Floats, Ints

ENDED, LACKS_CLOCK, LACKS_ROOM, EXPLODES = range(4)
"""Why a loop returns."""
NEXT, KEPT, STARTED = range(3)
"""What is noted of how far a loop has come: the next column, events kept, whether it has started."""
NOTES = 3
"""How many numbers these are."""


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
    wound: bool
    """Whether they have run before, so that each is resumed where it stood."""
    leaves: Rests
    """Where each column is left at the end, if it is to be resumed."""


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


def start_lanes(
    T: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, first: int, last: int
) -> int:  # fmt: skip
    """Put the first columns at their start, or where they rested; the next column that no lane has yet.

    Lanes without a column stand where the last one does.
    """
    clear_lists(A[LANES * s.possible :], t, s)
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        for place in range(len(c.shared)):
            U[place] = c.shared[place]
        _put_column(S, U, t, s, v, c, min(first + lane, last - 1))
        S[s.going] = GOING if first + lane < last else OVER
    read_calendar(T, V, t, v)
    return min(first + LANES, last)


def clear_lists(L: Ints, t: Tables, s: Stand) -> None:
    """Let nothing be listed."""
    for place in range(len(L)):
        L[place] = 0
    for pair in range(t.pairs):
        L[s.counting + pair] = pair
    forget(L, t, s)


def take_column(
    A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, lane: int, column: int
) -> None:  # fmt: skip
    """Put another column into a lane: it begins at the next re-evaluation."""
    S, U = view_lane(A, lane), view_lane(V, lane)
    _put_column(S, U, t, s, v, c, column)
    forget(A[LANES * s.possible :], t, s)
    S[s.going] = BEGINS


def _put_column(
    S: Ints, U: Floats, t: Tables, s: Stand, v: Values, c: Columns, column: int
) -> None:  # fmt: skip
    if len(c.rests.whole):
        _resume(S, U, c.rests, column)
    else:
        _begin(S, U, t, v, c, column)
    for move in range(t.moves):
        U[v.hazard + move] = 0.0
    U[v.elapsed] = 0.0
    U[v.tick], U[v.next_tick] = float(S[s.tick]), c.ticks[S[s.tick] + 1]
    S[s.column], S[s.fresh] = column, 1
    S[s.ticked], S[s.pending], S[s.given], S[s.period], S[s.made] = 1, -1, 0, 0, 0


def _begin(S: Ints, U: Floats, t: Tables, v: Values, c: Columns, column: int) -> None:
    """Start afresh; the parameters that all columns share stand there already."""
    for place in range(len(c.varying)):
        U[c.varying[place]] = c.rows[column, place]
    for place in range(v.now_shortfall, v.remaining):
        U[place] = c.shared[place]
    for row in range(t.memories):
        U[v.memory + row] = U[v.memory_start + row]
    for place in range(len(c.fresh)):
        S[place] = c.fresh[place]


def keep_rest(S: Ints, U: Floats, rests: Rests, column: int) -> None:
    """Keep where a lane rests."""
    for place in range(rests.numbers.shape[1]):
        rests.numbers[column, place] = U[place]
    for place in range(rests.whole.shape[1]):
        rests.whole[column, place] = S[place]


def _resume(S: Ints, U: Floats, rests: Rests, column: int) -> None:
    for place in range(rests.numbers.shape[1]):
        U[place] = rests.numbers[column, place]
    for place in range(rests.whole.shape[1]):
        S[place] = rests.whole[column, place]


def find_hazards(T: Ints, W: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, told: bool) -> None:
    """Find what is possible in all lanes, and compute their hazards."""
    L = A[LANES * s.possible :]
    if find_possible(T, W, L, A, V, t, s, v):
        relate(T, V, t, v)
    list_wanted(T, W, L, V, t, s, v)
    evaluate(T, L, V, t, s, v, told)


def pass_tick(S: Ints, U: Floats, s: Stand, v: Values, ticks: Floats) -> None:
    """Let a lane's calendar move on."""
    S[s.tick] += 1
    tick = S[s.tick]
    U[v.time], U[v.tick], U[v.next_tick] = ticks[tick], float(tick), ticks[tick + 1]
    S[s.ticked] = 1


# -- drawn ------------------------------------------------------------------------------------------------------------


def draw(
    T: Ints, W: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, d: Draws, o: Orders,
    r: Record, noted: Ints, most_events: int,
) -> int:  # fmt: skip
    """Draw the histories of all columns, from the first not yet done; says why it returns."""
    room, most = LANES * (t.concessions + t.whiles + t.flows + 1), LANES * (1 + len(o.still_low))
    L, told = A[LANES * s.possible :], len(r.path_of) > 0
    if not noted[STARTED]:
        noted[NEXT] = start_lanes(T, A, V, t, s, v, c, 0, len(d.places))
        for lane in range(LANES):
            _wind_clocks(view_lane(A, lane), V, t, s, v, c, d, lane)
        noted[STARTED] = 1
    while True:
        if not _renew_clocks(A, V, s, v, d):
            return LACKS_CLOCK
        if (r.keep and noted[KEPT] + room > len(r.day)) or (o.given and o.entered[0] + most > len(o.day)):
            return LACKS_ROOM
        find_hazards(T, W, A, V, t, s, v, told)
        if len(c.rests.whole) and not c.wound:
            _wait_for_clocks(A, V, s, v, c.origin)
        if told:
            _keep_states(A, V, s, r)
        if o.given:
            stand_still(A, V, s, v, o)
        choose(L, V, s, v)
        if o.given:
            interfere(A, V, s, v, o)
        if not _end_columns(A, V, t, s, v, c, d, r, noted):
            return ENDED
        run_clocks(L, V, s, v)
        advance(T, L, V, t, s, v)
        if _stop_columns(T, A, V, t, s, v, c, o, r, noted, most_events):
            return EXPLODES


def _wind_clocks(
    S: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, d: Draws, lane: int
) -> None:  # fmt: skip
    """Give every clock of a lane its first wait, if it is not resumed where it stood."""
    if c.wound:
        return
    block, place = d.blocks[S[s.column]], d.places[S[s.column]]
    for move in range(t.moves):
        has_row(d, block, move, 0)
        V[(v.remaining + move) * LANES + lane] = d.pool[d.row_of[block, move, 0], place]


def _wait_for_clocks(A: Ints, V: Floats, s: Stand, v: Values, moment: float) -> None:
    """Make up for what the clocks of columns that have just been resumed will lose to the days before they start."""
    L = A[LANES * s.possible :]
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        if S[s.fresh]:
            S[s.fresh] = 0
            for place in range(L[s.lengths + ACTIVE]):
                move = L[s.moves + place]
                U[v.remaining + move] += U[v.hazard + move] * (moment - U[v.time])


def _renew_clocks(A: Ints, V: Floats, s: Stand, v: Values, d: Draws) -> bool:
    """Start afresh the clocks that have rung, if there is room for their rows."""
    for lane in range(LANES):
        S = view_lane(A, lane)
        if S[s.going] == BEGINS:
            S[s.going] = GOING
        move = S[s.pending]
        if move < 0:
            continue
        ring = S[s.rings + move] + 1
        block, place = d.blocks[S[s.column]], d.places[S[s.column]]
        if not has_row(d, block, move, ring):
            return False
        S[s.rings + move] = ring
        V[(v.remaining + move) * LANES + lane] = d.pool[d.row_of[block, move, ring], place]
        S[s.pending] = -1
    return True


def _end_columns(
    A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, d: Draws, r: Record, noted: Ints
) -> bool:  # fmt: skip
    """End the columns whose next stop lies beyond the last day, and take others; whether any goes on."""
    going = False
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        if S[s.going] == GOING:
            if U[v.time] + U[v.elapsed] < c.until:
                going = True
                continue
            S[s.going] = OVER
            if len(c.leaves.whole):
                keep_rest(S, U, c.leaves, S[s.column])
            else:
                _close_counts(S, t, s, r)
        if noted[NEXT] < len(d.places):
            take_column(A, V, t, s, v, c, lane, noted[NEXT])
            _wind_clocks(S, V, t, s, v, c, d, lane)
            noted[NEXT] += 1
            going = True
        U[v.elapsed] = 0.0
    return going


def _stop_columns(
    T: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, o: Orders, r: Record, noted: Ints,
    most_events: int,
) -> bool:  # fmt: skip
    """Make the moves that come, pass the ticks; whether a column explodes."""
    explodes, turned = False, False
    for lane in range(LANES):
        S, U = view_lane(A, lane), view_lane(V, lane)
        turned = turned or S[s.going] == BEGINS
        if S[s.going] != GOING:
            continue
        move = int(U[v.chosen])
        if move == TICK:
            _tick(T, S, U, t, s, v, c, r, noted)
            turned = True
            continue
        S[s.ticked], S[s.pending] = 0, move
        if o.given:
            note_done(S, U, s, v, o)
            S[s.pending] = S[s.ring]
        if move == NOTHING:
            continue
        S[s.made] += 1
        _make(T, S, U, t, s, v, r, noted, move)
        if S[s.made] > most_events:
            S[s.going], S[s.pending] = EXPLODED, -1
            explodes = True
    if turned:
        read_calendar(T, V, t, v)
    return explodes


def _make(T: Ints, S: Ints, U: Floats, t: Tables, s: Stand, v: Values, r: Record, noted: Ints, move: int) -> None:
    """Make a move, with its consequences."""
    change_stages(T, S, U, t, s, v, move)
    change_channels(T, S, U, t, s, v, move)
    _note(T, S, U, t, s, v, r, noted, move)
    number = find_broken(T, S, t, s, move, -1)
    while number >= 0:
        event = name_consequence(T, t, number)
        change_stages(T, S, U, t, s, v, event)
        _note(T, S, U, t, s, v, r, noted, event)
        number = find_broken(T, S, t, s, move, number)


def _tick(T: Ints, S: Ints, U: Floats, t: Tables, s: Stand, v: Values, c: Columns, r: Record, noted: Ints) -> None:
    """Pass a tick; what is shipped whole is delivered."""
    pass_tick(S, U, s, v, c.ticks)
    for flow in range(t.flows):
        event = find_delivered(T, S, U, t, s, v, flow)
        if event >= 0:
            change_stages(T, S, U, t, s, v, event)
            _note(T, S, U, t, s, v, r, noted, event)


# -- what is kept -----------------------------------------------------------------------------------------------------


def _note(T: Ints, S: Ints, U: Floats, t: Tables, s: Stand, v: Values, r: Record, noted: Ints, event: int) -> None:
    """Count an event, and keep it if events are kept."""
    group = T[t.group + event]
    if S[s.counts + group] == 0:
        S[s.first_days + group] = min(int(U[v.time]), r.first.shape[1] - 2)
    S[s.counts + group] += 1
    if r.keep:
        place = noted[KEPT]
        r.column[place] = S[s.column]
        r.event[place] = event
        r.day[place] = U[v.time]
        noted[KEPT] = place + 1


def _close_counts(S: Ints, t: Tables, s: Stand, r: Record) -> None:
    """Add a finished run to the counts."""
    for group in range(t.groups):
        count = S[s.counts + group]
        if count > 0:
            r.first[group, S[s.first_days + group]] += 1
            r.total[group] += count
            r.squares[group] += float(count) * float(count)


def _keep_states(A: Ints, V: Floats, s: Stand, r: Record) -> None:
    """Keep the states of columns that stand at a tick."""
    for lane in range(LANES):
        S = view_lane(A, lane)
        if S[s.ticked] == 0 or S[s.going] != GOING:
            continue
        for place in range(len(r.path_of)):
            index = r.path_of[place]
            number = V[index * LANES + lane] if index >= 0 else float(S[-1 - index])
            r.paths[S[s.tick], place, S[s.column]] = number
