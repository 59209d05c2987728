"""Which channels can never open, because their hard gates wait for each other?

Opening is played out to its end: what can be pledged alone can stand; a channel opens when its hard gates can be met;
what is on the agenda of a channel that opens can stand. Channels still shut then wait, and those on a circle of waiting
are a mistake. Nothing is said against what could not be read (see :mod:`negsim.scenario_structure`).
"""

from __future__ import annotations

from dataclasses import dataclass

from negsim.scenario import Channel, Gate, Scenario


@dataclass(frozen=True)
class Wait:
    """What a channel that cannot open waits for, and the channels where that could be agreed."""

    items: tuple[str, ...]
    homes: tuple[str, ...]


def find_circles(scenario: Scenario) -> tuple[dict[str, Wait], ...]:
    """Circles of channels that wait for each other for ever, each with what its channels wait for."""
    waits = _find_waits(scenario)
    circles: list[dict[str, Wait]] = []
    for channel in waits:
        ahead = _ahead(waits, channel)
        if channel in ahead and not any(channel in circle for circle in circles):
            circles.append(
                {name: wait for name, wait in waits.items() if name in ahead and channel in _ahead(waits, name)}
            )
    return tuple(circles)


def open_at_first(scenario: Scenario) -> set[str]:
    """Channels that are open at the start."""
    started = {name for name, stage in scenario.initial.channels.items() if stage in ("open", "in_session")}
    return started & set(scenario.channel)


def _find_waits(scenario: Scenario) -> dict[str, Wait]:
    standing, opened = _standing_at_first(scenario), open_at_first(scenario)
    while True:
        standing |= {item for name in opened for item in scenario.channel[name].agenda or ()}
        more = {name for name, each in scenario.channel.items() if _can_open(scenario, each, standing)} - opened
        if not more:
            return {
                name: _wait(scenario, each, standing) for name, each in scenario.channel.items() if name not in opened
            }
        opened |= more


def _standing_at_first(scenario: Scenario) -> set[str]:
    """What needs no channel: pledged alone, under way at the start, or not readable."""
    written = {item for channel in scenario.channel.values() for gate in channel.gates for item in gate.items or ()}
    under_way = {name for name, stage in scenario.initial.concessions.items() if stage != "none"}
    alone = {name for name, given in scenario.concession.items() if given.unilateral}
    return under_way | alone | (written - set(scenario.concession))


def _can_open(scenario: Scenario, channel: Channel, standing: set[str]) -> bool:
    return not any(_missing(scenario, gate, standing) for gate in channel.gates)


def _wait(scenario: Scenario, channel: Channel, standing: set[str]) -> Wait:
    items = tuple(dict.fromkeys(item for gate in channel.gates for item in _missing(scenario, gate, standing)))
    homes = tuple(name for name, each in scenario.channel.items() if set(items) & set(each.agenda or ()))
    return Wait(items, homes)


def _missing(scenario: Scenario, gate: Gate, standing: set[str]) -> tuple[str, ...]:
    """Items for want of which a gate keeps its channel shut for the whole period (dated gates do not)."""
    begins_later = gate.from_ and scenario.start and gate.from_ > scenario.start
    ends_earlier = gate.to and scenario.end and gate.to <= scenario.end
    items = gate.items or ()
    missing = tuple(item for item in items if item not in standing)
    met = len(missing) < len(items) if gate.need == "any" else not missing
    return () if met or not gate.hard or begins_later or ends_earlier else missing


def _ahead(waits: dict[str, Wait], start: str) -> set[str]:
    """Channels that a channel waits for, at once or by way of others."""
    found: set[str] = set()
    ahead = [*waits[start].homes]
    while ahead:
        name = ahead.pop()
        if name in waits and name not in found:
            found.add(name)
            ahead.extend(waits[name].homes)
    return found
