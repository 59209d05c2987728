"""How do actors stand to each other now? What the stages of channels and concessions decide, in some runs abreast.

Written as for one run, like :mod:`negsim.scalar.hazards`.
"""

from __future__ import annotations

from negsim.scalar.numbers import Values
from negsim.scalar.tables import Tables
from negsim.state import Floats, Ints


def relate(T: Ints, V: Floats, t: Tables, v: Values) -> None:
    """Engagement, easing by allies, shares in force, restraints, pressure of demands: what stages alone decide."""
    for pair in range(t.engaged_pairs):
        V[v.engaged + pair] = _saturate(_count_live(T, V, v, t.engaged_first + pair, t.engaged_item))
    for ally in range(t.allies):
        total = V[v.zero]
        for place in range(T[t.ally_first + ally], T[t.ally_first + ally + 1]):
            entry = T[t.ally_entry + place]
            total += V[v.ally_weight + entry] * V[v.engaged + T[t.ally_engaged + entry]]
        V[v.ally + ally] = total
    for state in range(t.states):
        V[v.engagement + state] = _saturate(_count_live(T, V, v, t.seated_first + state, t.seated_item))
        total = V[v.zero]
        for place in range(T[t.share_first + state], T[t.share_first + state + 1]):
            entry = T[t.share_entry + place]
            total += V[v.held + T[t.share_concession + entry]] * V[v.share + entry]
        V[v.share_in_force + state] = total
    for act in range(t.acts):
        V[v.restraint + act] = min(_count_live(T, V, v, t.restraint_first + act, t.restraint_item), 1.0)
    for side in range(2 * t.channels):
        total = V[v.zero]
        for place in range(T[t.pressure_first + side], T[t.pressure_first + side + 1]):
            total += _find_pressure(T, V, t, v, T[t.pressure_item + place])
        V[v.pressure + side] = total


def _count_live(T: Ints, V: Floats, v: Values, first: int, items: int) -> float:
    """How many channels and concessions of a list are live: open, in force."""
    count: float = V[v.zero]
    for entry in range(T[first], T[first + 1]):
        count += V[v.live + T[items + entry]]
    return count


def _saturate(count: float) -> float:
    return count / (1.0 + count)


def _find_pressure(T: Ints, V: Floats, t: Tables, v: Values, demand: int) -> float:
    """Weight of a demand that is raised and that no concession answers."""
    pressing: float = V[v.raised + demand]
    for place in range(T[t.answer_first + demand], T[t.answer_first + demand + 1]):
        pressing = pressing * (1.0 - V[v.answering + T[t.answer_concession + place]])
    pressing = pressing * V[v.demand_weight + demand]
    return pressing
