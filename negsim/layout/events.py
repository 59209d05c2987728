"""What does each event concern, and what does it do to stages? Events as columns of small numbers."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from negsim.layout.rows import Fields, Rows
from negsim.moves import Event
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES, DONE, NONE

NUMBERS: Final = {
    "event_channel": -1,
    "event_side": -1,
    "event_concession": -1,
    "event_demand": -1,
    "event_act": -1,
    "new_channel": -1,
    "new_stage": -1,
    "new_begun": -1,
    "new_frozen": -1,
    "package_bits": 0,
}
"""Columns of numbers, and what stands where an event has none."""
FLAGS: Final = ("completes", "ends", "drops", "approves", "rejects")

NEW_CHANNEL: Final = {
    kind: CHANNEL_STAGES.index(stage)
    for kind, stage in {
        "plan": "planned",
        "open": "open",
        "meet": "in_session",
        "adjourn": "open",
        "close": "closed",
        "cancel": "closed",
        "walk_out": "closed",
    }.items()
}
NEW_STAGE: Final = {
    kind: CONCESSION_STAGES.index(stage)
    for kind, stage in {
        "pledge": "promised",
        "begin": "in_force",
        "suspend": "suspended",
        "stall": "suspended",
        "resume": "in_force",
    }.items()
}


def lay_events(rows: Rows) -> Fields:
    """Lay out every move and consequence."""
    entries = [_describe(rows, event) for event in (*rows.moves, *rows.consequences)]
    numbers = {
        name: np.array([entry.get(name, nothing) for entry in entries], dtype=np.int64)
        for name, nothing in NUMBERS.items()
    }
    flags = {name: np.array([entry.get(name, False) for entry in entries], dtype=bool) for name in FLAGS}
    return numbers | flags


def package_bits(rows: Rows, event: Event) -> int:
    """The items of a package as bits over its channel's agenda."""
    agenda = rows.scenario.channel[event.channel].agenda
    return sum(1 << agenda.index(item) for item in event.items)


def _describe(rows: Rows, event: Event) -> dict[str, Any]:
    if event.channel:
        return _describe_channel_move(rows, event)
    if event.kind == "raise":
        return {"event_demand": rows.demand[event.subject]}
    if event.kind == "act":
        return {"event_act": rows.act[event.subject]}
    return {"event_concession": rows.concession[event.subject], **_describe_step(rows, event)}


def _describe_channel_move(rows: Rows, event: Event) -> dict[str, Any]:
    return {
        "event_channel": rows.channel[event.channel],
        "event_side": event.side,
        "new_channel": NEW_CHANNEL.get(event.kind, -1),
        "package_bits": package_bits(rows, event),
        "drops": event.kind in ("close", "walk_out"),
        "approves": event.kind == "approve",
        "rejects": event.kind == "reject",
    }


def _describe_step(rows: Rows, event: Event) -> dict[str, Any]:
    """What an event does to the stage of its concession (model, section 4)."""
    if event.kind in ("freeze", "lift"):
        return {"new_frozen": event.kind == "freeze"}
    concession = rows.scenario.concession[event.subject]
    completes = event.kind in ("complete", "delivered") or (event.kind == "begin" and concession.kind == "act")
    if completes:
        stage = DONE if concession.once else NONE
        return {"new_stage": stage, "new_begun": 0, "completes": True, "ends": True}
    if event.kind in ("withdraw", "renege", "broken", "lapsed"):
        return {"new_stage": NONE, "new_begun": 0, "ends": True}
    return {"new_stage": NEW_STAGE[event.kind], "new_begun": 1 if event.kind == "begin" else -1}
