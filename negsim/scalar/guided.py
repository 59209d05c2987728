"""How likely are moves of one known order whose dates are not known? A compiled particle filter, guided to the dates.

Under one parameter vector at a time, particles go through the chain of moves together, some moves (a block) at a time.
What lies ahead of a particle is judged by a simpler model, in which all waits are exponential
(:mod:`negsim.scalar.ways`): there it is known how likely the moves to come are to keep their windows. Where a particle
stands, it knows all hazards; the wait for the next move is proposed in proportion to both, and what that makes too
probable or too rare is a weight.
Between blocks particles are resampled by their weights and by what lies ahead. So the mean weight is the likelihood
with the dates integrated out, without bias, whatever the guide says; a bad one costs precision.

A particle rests at a move that it has just made, before the re-evaluation that follows in any case; so blocks add up to
the ordinary likelihood of its dates. A, V, S and U are those of :mod:`negsim.scalar.loops`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from negsim.scalar.abreast import view_lane
from negsim.scalar.clocks import sum_hazards
from negsim.scalar.exponentials import exponential, logarithm
from negsim.scalar.foresight import table_ways
from negsim.scalar.given import make_given, pass_given_tick
from negsim.scalar.hazards import read_calendar
from negsim.scalar.loops import Columns, clear_lists, find_hazards
from negsim.scalar.numbers import Values
from negsim.scalar.passage import advance
from negsim.scalar.possibilities import forget
from negsim.scalar.tables import GOING, LANES, OVER, Stand, Tables
from negsim.scalar.ways import FLAT, Chain, Guide, find_node, flat, look_ahead, read_way, rise, shrunk
from negsim.state import Floats, Ints

BENT = 10.0
"""Most by which a move is made likelier or less likely to come for the share that it has of the hazard."""


STAYS, FAILS = -1.0, -2.0
"""Instead of a wait: the move does not come before the tick; it cannot come in its window any more."""


class Swarm(NamedTuple):
    """Room for the particles of one parameter vector."""

    whole: Ints
    numbers: Floats
    """Where particles rest, shapes (2, particles, numbers): those of the last block and of this one."""
    days: Floats
    pace: Floats
    share: Floats
    """Of each particle in each move, shape (moves, particles)."""
    parents: Ints
    """From whom each particle descends after each block, shape (blocks, particles)."""
    weight: Floats
    ahead: Floats
    likelihood: Floats
    earlier: Floats
    luck: Floats
    node: Ints
    """Where the next stretch is looked for on the grid, of each particle; -1: nobody knows."""
    cells: Floats
    """How likely the next move is between two nodes."""
    ways: Floats
    """Log of how likely the moves from each on are to keep their windows, at each node; shape (moves + 1, nodes)."""
    abreast: Floats
    """The same of LANES parameter vectors (:func:`negsim.scalar.foresight.table_ways`)."""


class Luck(NamedTuple):
    """Uniform numbers: shapes (vectors, particles, moves) and (vectors, blocks + 1)."""

    moves: Floats
    picks: Floats


class Estimates(NamedTuple):
    """What is found for each parameter vector: log of the estimated likelihood; and of one trajectory drawn by its
    weight, the log-likelihood, the dates, the total hazard before each move and the move's share of it.
    """

    log_mean: Floats
    log_likelihood: Floats
    days: Floats
    pace: Floats
    share: Floats
    effective: Floats
    """Share of the particles that were effective after each block."""


def guide(
    T: Ints, W: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, h: Chain, g: Guide, w: Swarm,
    k: Luck, e: Estimates, first: int, last: int,
) -> None:  # fmt: skip
    """Estimate the likelihoods of some parameter vectors."""
    for group in range(first, last, LANES):
        for lane in range(LANES):
            vector = min(group + lane, last - 1)
            for number in range(len(h.moves) + 1):
                w.abreast[number * LANES + lane] = g.pace[vector, number]
        table_ways(h, w.abreast)
        for vector in range(group, min(group + LANES, last)):
            _take_ways(h, w, vector - group)
            _filter_dates(T, W, A, V, t, s, v, c, h, g, w, k, e, vector)


def _take_ways(h: Chain, w: Swarm, lane: int) -> None:
    """Take the ways of one parameter vector from those of all."""
    first, width = len(h.moves) + 1, h.grid.shape[1]
    for number in range(first):
        for node in range(h.nodes[h.run[number]]):
            w.ways[number, node] = w.abreast[(first + number * width + node) * LANES + lane]


def _filter_dates(
    T: Ints, W: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, h: Chain, g: Guide, w: Swarm,
    k: Luck, e: Estimates, vector: int,
) -> None:  # fmt: skip
    particles, blocks = len(w.weight), len(h.ends)
    for particle in range(particles):
        w.weight[particle], w.likelihood[particle] = 0.0, 0.0
    total, start = 0.0, 0
    for block in range(blocks):
        for group in range(0, particles, LANES):
            _start_particles(T, A, V, t, s, v, c, w, vector, block, start, group)
            _guide_group(T, W, A, V, t, s, v, c, h, g, w, k, vector, block, h.ends[block], group)
        start = h.ends[block]
        total += _resample(h, w, k, e, vector, block, start)
        if total == -np.inf:
            break
    e.log_mean[vector] = total
    _trace_back(h, w, k, e, vector, total)


# -- through time ------------------------------------------------------------------------------------------------------


def _start_particles(
    T: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, w: Swarm, vector: int, block: int,
    start: int, group: int,
) -> None:  # fmt: skip
    """Put the next particles at the start of the scenario, or where those rested from which they descend.

    Where one group is all there are, a particle that descends from itself stands in its lane already.
    """
    last = len(w.weight) - 1
    stay = block > 0 and last < LANES
    if stay:
        forget(A[LANES * s.possible :], t, s)
    else:
        _clear_lanes(A, V, t, s, v, c, vector, block + group == 0)
    for lane in range(LANES):
        S, U, particle = view_lane(A, lane), view_lane(V, lane), min(group + lane, last)
        if block > 0 and not (stay and w.parents[block - 1, particle] == lane):
            _wake(S, U, t, s, v, w, block & 1, w.parents[block - 1, particle])
        U[v.tick], U[v.next_tick] = float(S[s.tick]), c.ticks[S[s.tick] + 1]
        S[s.going], S[s.ticked], S[s.pending], S[s.given] = GOING, 1, -1, start
        w.luck[particle], w.node[particle] = -1.0, -1
        if group + lane > last or w.weight[particle] == -np.inf:
            S[s.going] = OVER
    read_calendar(T, V, t, v)


def _clear_lanes(
    A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, vector: int, first: bool
) -> None:  # fmt: skip
    """Put all lanes at the start, row by row; with its first particles the parameters of a vector, which stay there."""
    clear_lists(A[LANES * s.possible :], t, s)
    for place in range(len(c.fresh)):
        for lane in range(LANES):
            A[place * LANES + lane] = c.fresh[place]
    for place in range(0 if first else v.now_shortfall, v.remaining):
        _spread(V, place, c.shared[place])
    for place in range(len(c.varying) if first else 0):
        _spread(V, c.varying[place], c.rows[vector, place])
    for move in range(t.moves):
        _spread(V, v.hazard + move, 0.0)
    for row in range(t.memories):
        for lane in range(LANES):
            V[(v.memory + row) * LANES + lane] = V[(v.memory_start + row) * LANES + lane]


def _spread(V: Floats, row: int, number: float) -> None:
    """Write a number into a row for all lanes."""
    for lane in range(LANES):
        V[row * LANES + lane] = number


def _guide_group(
    T: Ints, W: Ints, A: Ints, V: Floats, t: Tables, s: Stand, v: Values, c: Columns, h: Chain, g: Guide, w: Swarm,
    k: Luck, vector: int, block: int, end: int, group: int,
) -> None:  # fmt: skip
    """Let a group of particles go through a block of moves, and after the last one to the end of the observation."""
    L = A[LANES * s.possible :]
    going = True
    while going:
        find_hazards(T, W, A, V, t, s, v, False)
        sum_hazards(L, V, s, v)
        for lane in range(LANES):
            S, U = view_lane(A, lane), view_lane(V, lane)
            U[v.elapsed] = 0.0
            if S[s.going] == GOING:
                _propose(S, U, s, v, c, h, g, w, k, vector, group + lane)
        advance(T, L, V, t, s, v)
        going, turned = False, False
        for lane in range(LANES):
            S, U = view_lane(A, lane), view_lane(V, lane)
            if S[s.going] == GOING:
                turned |= _stop_guided(T, S, U, t, s, v, c, h)
                if S[s.given] == end and (end < len(h.moves) or U[v.ended] > 0.0):
                    _lay_down(S, U, t, s, v, w, 1 - (block & 1), group + lane)
                    S[s.going] = OVER
                else:
                    going = True
        if turned:
            read_calendar(T, V, t, v)


def _stop_guided(T: Ints, S: Ints, U: Floats, t: Tables, s: Stand, v: Values, c: Columns, h: Chain) -> bool:
    """Make the move that comes, or pass the tick; whether it was a tick."""
    if U[v.chosen] > 0.0:
        make_given(T, S, U, t, s, v, h.moves[S[s.given]])
        S[s.given] += 1
        return False
    if U[v.ended] > 0.0:
        return False
    pass_given_tick(T, S, U, t, s, v, c.ticks)
    return True


def _lay_down(S: Ints, U: Floats, t: Tables, s: Stand, v: Values, w: Swarm, side: int, particle: int) -> None:
    """Keep the state that a particle has come to."""
    for place in range(s.column):
        w.whole[side, particle, place] = S[place]
    for row in range(t.memories):
        w.numbers[side, particle, row] = U[v.memory + row]
    for place in range(v.time, v.remaining):
        w.numbers[side, particle, t.memories + place - v.time] = U[place]


def _wake(S: Ints, U: Floats, t: Tables, s: Stand, v: Values, w: Swarm, side: int, particle: int) -> None:
    """Go on from a state that was kept."""
    for place in range(s.column):
        S[place] = w.whole[side, particle, place]
    for row in range(t.memories):
        U[v.memory + row] = w.numbers[side, particle, row]
    for place in range(v.time, v.remaining):
        U[place] = w.numbers[side, particle, t.memories + place - v.time]


# -- the proposal ------------------------------------------------------------------------------------------------------


def _propose(
    S: Ints, U: Floats, s: Stand, v: Values, c: Columns, h: Chain, g: Guide, w: Swarm, k: Luck, vector: int,
    particle: int,
) -> None:  # fmt: skip
    """Propose the wait for the next move, up to the next tick; weigh it."""
    number, total, time = S[s.given], U[v.integral], U[v.time]
    horizon = U[v.next_tick] - time
    U[v.chosen], U[v.ended] = 0.0, 0.0
    if number == len(h.moves):
        U[v.ended] = 1.0 if time + horizon >= c.until else 0.0
        _pass_by(U, v, w, particle, min(horizon, c.until - time), 0.0)
        return
    hazard = U[v.hazard + h.moves[number]]
    floor, ceiling = max(h.low[number] - time, 0.0), h.high[number] - time
    wait, density = floor, 0.0
    if floor >= horizon or (hazard <= 0.0 and ceiling > horizon):
        wait = STAYS
    elif hazard <= 0.0 or ceiling < floor:
        wait = FAILS
    elif ceiling > floor:
        wait, density = _draw_moment(U, v, h, g, w, k, vector, particle, number)
    else:
        w.node[particle] = -1
    if wait == STAYS:
        _pass_by(U, v, w, particle, horizon, density)
        return
    if wait == FAILS:
        w.weight[particle] = -np.inf
        S[s.going] = OVER
        return
    w.luck[particle] = -1.0
    U[v.chosen], U[v.elapsed] = 1.0, wait
    _weigh(w, particle, logarithm(hazard) - total * wait, density)
    w.days[number, particle] = time + wait
    w.pace[number, particle], w.share[number, particle] = total, hazard / total


def _pass_by(U: Floats, v: Values, w: Swarm, particle: int, days: float, density: float) -> None:
    """Let days pass without a move; weigh it."""
    U[v.elapsed] = days
    _weigh(w, particle, -U[v.integral] * days, density)


def _draw_moment(
    U: Floats, v: Values, h: Chain, g: Guide, w: Swarm, k: Luck, vector: int, particle: int, number: int
) -> tuple[float, float]:  # fmt: skip
    """Draw the wait for a possible move within its window, or that it does not come before the tick; log density."""
    total, time = U[v.integral], U[v.time]
    horizon, hazard = U[v.next_tick] - time, U[v.hazard + h.moves[number]]
    floor, ceiling = max(h.low[number] - time, 0.0), h.high[number] - time
    if w.luck[particle] < 0.0:
        w.luck[particle] = k.moves[vector, particle, number]
    begin, end = time + floor, time + min(horizon, ceiling)
    ready = total * min(max(hazard / (total * g.share[vector, number]), 1.0 / BENT), BENT)
    first = _find_first(h, w, number + 1, particle, begin)
    last = _find_last(h, number + 1, first, end)
    scale, stays = _find_highest(h, w, number + 1, first, last, begin, end), 0.0
    if ceiling > horizon:
        node = last if h.run[number] == h.run[number + 1] else find_node(h, number, end)
        later = read_way(h, w.ways, number, node, end)
        scale = max(scale, later)
        stays = exponential(later - scale - total * (horizon - floor))
    comes = ready * _sum_cells(h, w, number + 1, first, last, begin, end, total, scale)
    if not comes + stays > 0.0:
        return FAILS, 0.0
    luck = w.luck[particle] * (comes + stays)
    if luck >= comes and stays > 0.0:
        w.luck[particle], w.node[particle] = (luck - comes) / stays, last
        return STAYS, logarithm(stays / (comes + stays))
    moment, node = _find_moment(h, w, number + 1, first, last, begin, end, total, luck / ready)
    w.node[particle] = node if number + 1 < len(h.moves) and h.run[number + 1] == h.run[number + 2] else -1
    ahead = read_way(h, w.ways, number + 1, node, moment) - scale
    return moment - time, logarithm(ready / (comes + stays)) + ahead - total * (moment - begin)


def _find_first(h: Chain, w: Swarm, number: int, particle: int, begin: float) -> int:
    """Find the node after which a stretch begins, from that where the particle was last, if that is known."""
    run, node = h.run[number], w.node[particle]
    if node < 0:
        return find_node(h, number, begin)
    while node + 2 < h.nodes[run] and h.grid[run, node + 1] <= begin:
        node += 1
    return int(node)


def _find_last(h: Chain, number: int, first: int, end: float) -> int:
    """Find the node from which a stretch that begins after the first reaches its end."""
    run, node = h.run[number], first
    while node + 2 < h.nodes[run] and h.grid[run, node + 1] < end:
        node += 1
    return node


def _find_highest(
    h: Chain, w: Swarm, number: int, first: int, last: int, begin: float, end: float
) -> float:  # fmt: skip
    """Find the best of what lies ahead over a stretch."""
    highest = max(read_way(h, w.ways, number, first, begin), read_way(h, w.ways, number, last, end))
    for node in range(first + 1, last + 1):
        highest = max(highest, w.ways[number, node])
    return highest


def _sum_cells(
    h: Chain, w: Swarm, number: int, first: int, last: int, begin: float, end: float, total: float, scale: float
) -> float:  # fmt: skip
    """Integrate what lies ahead at a move to come over a stretch, less likely by the total hazard with time."""
    run, left, mass = h.run[number], begin, 0.0
    here = exponential(read_way(h, w.ways, number, first, begin) - scale)
    for node in range(first, last + 1):
        right = end if node == last else h.grid[run, node + 1]
        there = exponential(read_way(h, w.ways, number, node, right) - scale - total * (right - begin))
        loss, days = total - rise(h, w.ways, number, node), right - left
        w.cells[node - first] = (here - there) / loss if abs(loss * days) >= FLAT else here * flat(loss * days) * days
        mass += w.cells[node - first]
        left, here = right, there
    return mass


def _find_moment(
    h: Chain, w: Swarm, number: int, first: int, last: int, begin: float, end: float, total: float, luck: float
) -> tuple[float, int]:  # fmt: skip
    """Find the moment up to which the integral is so large, and the last node before it."""
    run, node, left = h.run[number], first, begin
    while node < last and luck >= w.cells[node - first]:
        luck -= w.cells[node - first]
        node += 1
        left = h.grid[run, node]
    right = end if node == last else h.grid[run, node + 1]
    loss = total - rise(h, w.ways, number, node)
    gone = min(luck / max(w.cells[node - first], 1e-300), 1.0) * shrunk(loss, right - left)
    moment: float = left + gone
    if abs(loss * gone) >= 1e-9:
        moment = left - logarithm(1.0 - min(loss * gone, 1.0 - 1e-15)) / loss
    return min(moment, right), node


def _weigh(w: Swarm, particle: int, gained: float, proposed: float) -> None:
    w.likelihood[particle] += gained
    w.weight[particle] += gained - proposed


# -- between blocks ----------------------------------------------------------------------------------------------------


def _resample(
    h: Chain, w: Swarm, k: Luck, e: Estimates, vector: int, block: int, number: int
) -> float:  # fmt: skip
    """Take particles by their weights where too few are effective; log of what the mean weight is divided by."""
    particles, last = len(w.weight), number == len(h.moves)
    top = -np.inf
    for particle in range(particles):
        w.ahead[particle] = 0.0
        if w.weight[particle] > -np.inf and not last:
            w.ahead[particle] = look_ahead(h, w.ways, number, w.days[number - 1, particle])
        top = max(top, w.weight[particle] + w.ahead[particle])
        w.parents[block, particle] = particle
    if top == -np.inf:
        return top
    mean, squares = 0.0, 0.0
    for particle in range(particles):
        share = np.exp(w.weight[particle] + w.ahead[particle] - top)
        mean += share
        squares += share * share
    e.effective[vector, block] = mean * mean / squares / particles
    gained: float = top + np.log(mean / particles)
    if last:
        return gained
    if mean * mean > 0.5 * squares * particles:
        return 0.0
    for particle in range(particles):
        w.earlier[particle] = w.likelihood[particle]
    reached, source = np.exp(w.weight[0] + w.ahead[0] - top), 0
    for particle in range(particles):
        mark = (k.picks[vector, block] + particle) / particles * mean
        while reached < mark and source < particles - 1:
            source += 1
            reached += np.exp(w.weight[source] + w.ahead[source] - top)
        w.parents[block, particle] = source
    for particle in range(particles):
        w.likelihood[particle] = w.earlier[w.parents[block, particle]]
        w.weight[particle] = -w.ahead[w.parents[block, particle]]
    return gained


def _trace_back(h: Chain, w: Swarm, k: Luck, e: Estimates, vector: int, total: float) -> None:
    """Draw one particle by its weight, and follow it back to the start."""
    particles, blocks = len(w.weight), len(h.ends)
    if total == -np.inf:
        e.log_likelihood[vector] = -np.inf
        return
    top, mean = -np.inf, 0.0
    for particle in range(particles):
        top = max(top, w.weight[particle])
    for particle in range(particles):
        mean += np.exp(w.weight[particle] - top)
    mark, particle = k.picks[vector, blocks] * mean, 0
    reached = np.exp(w.weight[0] - top)
    while reached < mark and particle < particles - 1:
        particle += 1
        reached += np.exp(w.weight[particle] - top)
    e.log_likelihood[vector] = w.likelihood[particle]
    for block in range(blocks - 1, -1, -1):
        for number in range(h.ends[block - 1] if block > 0 else 0, h.ends[block]):
            e.days[vector, number] = w.days[number, particle]
            e.pace[vector, number] = w.pace[number, particle]
            e.share[vector, number] = w.share[number, particle]
        if block > 0:
            particle = w.parents[block - 1, particle]
