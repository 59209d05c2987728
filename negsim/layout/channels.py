"""What is on each channel's agenda, who must consent, and what stands before its opening?"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator

import numpy as np

from negsim.calendar import day_number
from negsim.layout.rows import Fields, Rows, integers
from negsim.state import Flags, Floats, Gate
from negsim.vocabulary import CONSENT_RULES


def lay_channels(rows: Rows, ticks: Floats) -> Fields:
    """Lay out agendas, rules of consent and gates."""
    case = rows.scenario
    agenda = np.full((len(rows.channel), rows.longest_agenda), -1, dtype=np.int64)
    side = np.full(agenda.shape, -1, dtype=np.int64)
    for name, channel in rows.channel.items():
        first = rows.members(name, 0)
        for position, item in enumerate(case.channel[name].agenda):
            agenda[channel, position] = rows.concession[item]
            side[channel, position] = 0 if rows.giver(item) in first else 1
    return {
        "agenda": agenda,
        "agenda_side": side,
        "consent_rule": integers(
            CONSENT_RULES.index(rule) for channel in case.channel.values() for rule in channel.consent
        ),
        "demand_channel": integers(rows.channel[demand.channel] for demand in case.demand.values()),
        "gates": tuple(_gates(rows, ticks)),
    }


def _gates(rows: Rows, ticks: Floats) -> Iterator[Gate]:
    for name, row in rows.channel.items():
        for gate in rows.scenario.channel[name].gates:
            items = integers(rows.concession[item] for item in gate.items)
            active = _active(rows, ticks, gate.from_, gate.to)
            yield Gate(row, items, gate.stage == "promised", gate.need == "all", gate.hard, active)


def _active(rows: Rows, ticks: Floats, low: dt.date | None, high: dt.date | None) -> Flags:
    """At which ticks a gate is active."""
    start = rows.scenario.start
    first = -math.inf if low is None else day_number(start, low)
    last = math.inf if high is None else day_number(start, high)
    return (ticks >= first) & (ticks < last)
