"""What happens while time passes? Decays, stocks, shipping, in some runs abreast (model, section 5).

Written as for one run, like :mod:`negsim.scalar.hazards`.
"""

from __future__ import annotations

from negsim.kernel.arithmetic import SMALLEST
from negsim.scalar.abreast import select
from negsim.scalar.hazards import exponentiate
from negsim.scalar.numbers import Values
from negsim.scalar.tables import ALL, OVERDUE_ONES, Stand, Tables
from negsim.state import Floats, Ints


def advance(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values) -> None:
    """Let the days until the next stop pass."""
    elapsed = V[v.elapsed]
    for decay in range(t.decays):
        V[v.shrink + decay] = -V[v.decay + decay] * elapsed
    exponentiate(V, v.shrink, t.decays)
    for row in range(t.memories):
        V[v.memory + row] *= V[v.shrink + T[t.decay_of + row]]
    for place in range(t.overdues if L[s.lengths + OVERDUE_ONES] else 0):
        fed = V[v.zero]
        for entry in range(T[t.overdue_first + place], T[t.overdue_first + place + 1]):
            promise = T[t.overdue_entry + entry]
            fed += V[v.late + T[t.overdue_concession + promise]] * V[v.overdue + promise]
        _feed(T, V, t, v, T[t.overdue_memory + place], fed)
    _ship(T, L, V, t, s, v, elapsed)
    V[v.time] += elapsed


def _feed(T: Ints, V: Floats, t: Tables, v: Values, row: int, inflow: float) -> None:
    """Add what an inflow per day, itself decaying, has left in a row of memory."""
    decay = T[t.decay_of + row]
    gained = inflow / V[v.decay + decay] * (1.0 - V[v.shrink + decay])
    V[v.memory + row] += select(inflow != 0.0, gained, 0.0)


def _ship(T: Ints, L: Ints, V: Floats, t: Tables, s: Stand, v: Values, elapsed: float) -> None:
    """Move what is under way: shares shipped and stocks."""
    for need in range(t.needs):
        V[v.first + need] = V[v.now_supply + need]
    for flow in range(t.flows):
        concession = T[t.flow_concession + flow]
        if L[s.stood + concession] & ALL == 0:
            continue
        share = V[v.live + t.channels + concession] * min(elapsed / V[v.duration + flow], 1.0 - V[v.shipped + flow])
        V[v.shipped + flow] += share
        if T[t.flow_stock + flow] >= 0:
            V[v.first + T[t.flow_stock + flow]] += V[v.quantity + flow] * (share / max(elapsed, SMALLEST))
    stocks = t.memories - 1 - t.needs
    for need in range(t.needs):
        _feed(T, V, t, v, stocks + need, V[v.first + need])
