"""Why is a move impossible? The rule it breaks and the state that breaks it, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from negsim.calendar import moments
from negsim.compiler import Compiled
from negsim.kernel import Outlook
from negsim.moves import Event
from negsim.state import State
from negsim.vocabulary import (
    CHANNEL_MOVE_STAGES,
    CHANNEL_STAGES,
    CONCESSION_MOVE_STAGES,
    CONCESSION_STAGES,
    DEMAND_STAGES,
    NEEDS_FROZEN,
    NEEDS_UNFROZEN,
    NONE,
    OPEN,
    SIGNED,
    SUSPENDED,
    TABLED,
)


def explain_impossible(compiled: Compiled, state: State, outlook: Outlook, move: int, column: int, day: float) -> str:
    """Say in one line which move is impossible, when, and why.

    Parameters
    ----------
    compiled : Compiled
    state, outlook
        As they stand just before the move.
    move, column : int
        Row of the move and column of the discrete state.
    day : float
        When the move is said to have happened.
    """
    event = compiled.labels.events[move]
    when = str(moments(compiled.scenario.start, np.array(day)))[:10]
    reasons = list(_reasons(compiled, state, outlook, move, column)) or ["its rate is 0"]
    return f"{when} {event.name}: impossible, {'; '.join(reasons)}"


def _reasons(compiled: Compiled, state: State, outlook: Outlook, move: int, column: int) -> Iterator[str]:
    event = compiled.labels.events[move]
    if event.kind == "raise":
        yield from _demand_reasons(compiled, state, event, column)
    elif event.channel:
        yield from _channel_reasons(compiled, state, outlook, event, column)
    elif event.kind != "act":
        yield from _concession_reasons(compiled, state, outlook, event, column)


def _list_stages(names: tuple[str, ...], stages: tuple[int, ...]) -> str:
    return " or ".join(names[stage].replace("_", " ") for stage in stages)


def _way_there(compiled: Compiled, event: Event, stage: int, allowed: tuple[int, ...]) -> str:
    """Say which moves lead from a stage to one that a move needs, the fewest that do."""
    ways: dict[int, tuple[str, ...]] = {stage: ()}
    frontier = [stage]
    steps = list(_steps(compiled, event))
    while frontier and not ways.keys() & set(allowed):
        reached = frontier.pop(0)
        for kind, sources, target in steps:
            if reached in sources and target not in ways:
                ways[target] = (*ways[reached], kind)
                frontier.append(target)
    found = [ways[target] for target in allowed if target in ways]
    if not found:
        if event.channel:
            return ""
        what = "approve, in the channel of its accord," if stage in (TABLED, SIGNED) else "an accord with it"
        return f" ({what} comes before)"
    return f" ({' and '.join(found[0])} come{'' if len(found[0]) > 1 else 's'} before)"


def _steps(compiled: Compiled, event: Event) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Moves that change the stage of what a move is about: kind, stages it leads from, stage it leads to."""
    world = compiled.world
    sources, targets, alike = (
        (CHANNEL_MOVE_STAGES, world.new_channel, "channel")
        if event.channel
        else (CONCESSION_MOVE_STAGES, world.new_stage, "subject")
    )
    for number, other in enumerate(compiled.labels.events[: world.moves]):
        if getattr(other, alike) == getattr(event, alike) and targets[number] >= 0 and other.kind != "walk_out":
            yield other.kind, sources[other.kind], int(targets[number])


def _demand_reasons(compiled: Compiled, state: State, event: Event, column: int) -> Iterator[str]:
    demand = compiled.scenario.demand[event.subject]
    stage = int(state.demand[compiled.labels.demands.index(event.subject), column])
    if DEMAND_STAGES[stage] != "dormant":
        yield f"{event.subject} is {DEMAND_STAGES[stage]} and must be dormant"
    channel = int(state.channel[compiled.labels.channels.index(demand.channel), column])
    if channel < OPEN:
        yield f"channel {demand.channel} is {CHANNEL_STAGES[channel]} and must be open or in session"


def _channel_reasons(compiled: Compiled, state: State, outlook: Outlook, event: Event, column: int) -> Iterator[str]:
    row = compiled.labels.channels.index(event.channel)
    stage = int(state.channel[row, column])
    allowed = CHANNEL_MOVE_STAGES[event.kind]
    if stage not in allowed:
        wanted = _list_stages(CHANNEL_STAGES, allowed)
        way = _way_there(compiled, event, stage, allowed)
        yield f"channel {event.channel} is {CHANNEL_STAGES[stage].replace('_', ' ')} and must be {wanted}{way}"
    elif event.kind == "open":
        yield f"a hard gate of channel {event.channel} is not met"
    if event.kind == "agree":
        if state.table[row, column]:
            waits = _who_decides(compiled, state, row, column)
            yield f"another package is on the table of channel {event.channel}{waits}"
        for item in event.items:
            yield from _item_reasons(compiled, state, item, column)
    if event.kind in ("approve", "reject"):
        yield from _consent_reasons(compiled, state, event, row, column)


def _who_decides(compiled: Compiled, state: State, row: int, column: int) -> str:
    """Say whose decision at home the package on the table of a channel waits for."""
    channel = compiled.scenario.channel[compiled.labels.channels[row]]
    waited = [
        compiled.scenario.principal(members[0])
        for side, members in enumerate(channel.sides)
        if channel.consent[side] == "before_signature" and not state.consent[2 * row + side, column]
    ]
    return f" (approve or reject by {' and '.join(waited)} comes before)" if waited else ""


def _item_reasons(compiled: Compiled, state: State, item: str, column: int) -> Iterator[str]:
    row = compiled.labels.concessions.index(item)
    stage = int(state.stage[row, column])
    if stage not in (NONE, SUSPENDED):
        yield f"{item} is {CONCESSION_STAGES[stage].replace('_', ' ')} and must be none or suspended"
    if state.frozen[row, column]:
        yield f"{item} is frozen"


def _consent_reasons(compiled: Compiled, state: State, event: Event, row: int, column: int) -> Iterator[str]:
    rule = compiled.scenario.channel[event.channel].consent[event.side]
    side = 2 * row + event.side
    if rule == "before_signature":
        if not state.table[row, column]:
            yield f"nothing is on the table of channel {event.channel}"
        elif state.consent[side, column]:
            yield f"{event.actor} has already approved"
        else:
            yield "an item on the table is frozen"
    elif not state.awaiting[side, column]:
        yield f"nothing signed in channel {event.channel} waits for {event.actor}"
    else:
        yield "an item that waits is frozen"


def _concession_reasons(compiled: Compiled, state: State, outlook: Outlook, event: Event, column: int) -> Iterator[str]:
    row = compiled.labels.concessions.index(event.subject)
    stage = int(state.stage[row, column])
    allowed = CONCESSION_MOVE_STAGES[event.kind]
    if stage not in allowed:
        wanted = _list_stages(CONCESSION_STAGES, allowed)
        way = _way_there(compiled, event, stage, allowed)
        yield f"{event.subject} is {CONCESSION_STAGES[stage].replace('_', ' ')} and must be {wanted}{way}"
    frozen = bool(state.frozen[row, column])
    if frozen and event.kind in NEEDS_UNFROZEN:
        yield f"{event.subject} is frozen"
    if not frozen and event.kind in NEEDS_FROZEN:
        yield f"{event.subject} is not frozen"
    if event.kind == "begin" and stage in allowed and not frozen:
        yield from _begin_reasons(compiled, state, outlook, event, row, column)


def _begin_reasons(
    compiled: Compiled, state: State, outlook: Outlook, event: Event, row: int, column: int
) -> Iterator[str]:
    concession = compiled.scenario.concession[event.subject]
    ready = outlook.quantities["flags"]["ready"]
    if not ready[row, column if ready.shape[-1] > 1 else 0]:
        since = float(state.time[column] - state.changed[row, column])
        if since < concession.lead_time_days:
            stood = f"had been promised for {since:.0f} days at the last tick or move before"
            yield f"{event.subject} {stood} and takes {concession.lead_time_days:g}"
        if concession.while_open is not None:
            channel = int(state.channel[compiled.labels.channels.index(concession.while_open), column])
            if channel < OPEN:
                yield f"channel {concession.while_open} is {CHANNEL_STAGES[channel]} and must be open or in session"
