"""Where do they deal? Channels with two sides, packages that can be counted, gates that can open."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from negsim.problems import Problem, list_names
from negsim.scenario import Channel
from negsim.scenario_checks.draft import Draft, check_rates, check_repeats, is_seated
from negsim.scenario_checks.paths import CHANNEL_RATES
from negsim.scenario_locks import find_circles

MAX_PACKAGES: Final = 255
MAX_AGENDA: Final = 16


def check_channels(draft: Draft) -> Iterator[Problem]:
    """Two sides that differ, an agenda that they can give, packages that can be counted."""
    for name, channel in draft.scenario.channel.items():
        key = f"channel.{name}"
        yield from _check_sides(draft, key, channel)
        yield from draft.unknown(f"{key}.intermediary", channel.intermediary, "actor")
        yield from _check_agenda(draft, key, channel)
        yield from _check_packages(draft, key, channel)
        yield from check_rates(draft, key, channel.rates, CHANNEL_RATES, "channel")


def _check_sides(draft: Draft, key: str, channel: Channel) -> Iterator[Problem]:
    for number, side in enumerate(channel.sides or ()):
        at = f"{key}.sides.{number}"
        if not side:
            yield draft.problem(at, (), "at least one actor")
        for position, actor in enumerate(side):
            yield from draft.unknown(f"{at}.{position}", actor, "actor")
        yield from check_repeats(draft, at, side)
    sides = draft.sides(channel)
    if len(sides) == 2 and (both := sides[0] & sides[1]):
        yield draft.problem(
            f"{key}.sides", channel.sides, f"sides without a state in common (here: {list_names(both)})"
        )


def _check_agenda(draft: Draft, key: str, channel: Channel) -> Iterator[Problem]:
    agenda, present = channel.agenda or (), set().union(*draft.sides(channel))
    for position, item in enumerate(agenda):
        at = f"{key}.agenda.{position}"
        yield from draft.unknown(at, item, "concession")
        giver = draft.giver(item)
        if giver is not None and giver in draft.scenario.actor and is_seated(draft, channel) and giver not in present:
            allowed = (
                f"a concession of a state that sits here ({list_names(sorted(present))}); {item} is given by {giver}"
            )
            yield draft.problem(at, item, allowed)
    yield from check_repeats(draft, f"{key}.agenda", agenda)
    if len(agenda) > MAX_AGENDA:
        yield draft.problem(f"{key}.agenda", agenda, f"at most {MAX_AGENDA} items (here {len(agenda)})")


def _check_packages(draft: Draft, key: str, channel: Channel) -> Iterator[Problem]:
    agenda = channel.agenda or ()
    if channel.packages is None:
        count = count_subsets(len(agenda), channel.max_items)
        if count > MAX_PACKAGES and len(agenda) <= MAX_AGENDA:
            yield _too_many_subsets(draft, key, channel, count)
        return
    if not channel.packages:
        yield draft.problem(f"{key}.packages", (), "at least one package, or no such key: all subsets of the agenda")
    if len(channel.packages) > MAX_PACKAGES:
        given = f"{len(channel.packages)} packages"
        yield Problem(draft.file, f"{key}.packages", given, f"at most {MAX_PACKAGES}")
    seen: set[frozenset[str]] = set()
    for number, package in enumerate(channel.packages):
        yield from _check_package(draft, f"{key}.packages.{number}", package, agenda, seen)


def _check_package(
    draft: Draft, at: str, package: tuple[str, ...], agenda: tuple[str, ...], seen: set[frozenset[str]]
) -> Iterator[Problem]:
    if not package:
        yield draft.problem(at, package, "at least one item")
    elif frozenset(package) in seen:
        yield draft.problem(at, package, "a package that is not listed already")
    seen.add(frozenset(package))
    for position, item in enumerate(package):
        if agenda and item not in agenda:
            yield draft.problem(f"{at}.{position}", item, f"an item of the agenda ({list_names(agenda)})", agenda)
    yield from check_repeats(draft, at, package)


def _too_many_subsets(draft: Draft, key: str, channel: Channel, count: int) -> Problem:
    size = len(channel.agenda)
    fitting = max(most for most in range(1, channel.max_items) if count_subsets(size, most) <= MAX_PACKAGES)
    remedy = f"max_items = {fitting} makes {count_subsets(size, fitting)}; or shorten the agenda, or list `packages`"
    given = f"{count} packages: all subsets of {size} items of up to {channel.max_items}"
    return Problem(draft.file, f"{key}.max_items", given, f"at most {MAX_PACKAGES} packages: {remedy}")


def count_subsets(size: int, most: int) -> int:
    """How many packages of one to ``most`` items an agenda of ``size`` items makes."""
    return sum(math.comb(size, items) for items in range(1, min(size, most) + 1))


# -- gates -------------------------------------------------------------------------------------------------------


def check_gates(draft: Draft) -> Iterator[Problem]:
    """Gates name concessions, have a beginning before their end, and do not wait for each other for ever."""
    for name, channel in draft.scenario.channel.items():
        for number, gate in enumerate(channel.gates):
            key = f"channel.{name}.gates.{number}"
            for position, item in enumerate(gate.items or ()):
                yield from draft.unknown(f"{key}.items.{position}", item, "concession")
            yield from check_repeats(draft, f"{key}.items", gate.items or ())
            if gate.from_ and gate.to and not gate.from_ < gate.to:
                yield draft.problem(f"{key}.to", gate.to, f"a date after from ({gate.from_})")
    yield from _check_locks(draft)


def _check_locks(draft: Draft) -> Iterator[Problem]:
    """No channels whose hard gates wait for items that only those same channels can bring about."""
    for circle in find_circles(draft.scenario):
        story = "; ".join(
            f"{name} waits for {list_names(wait.items)}, to be had only in {list_names(wait.homes)}"
            for name, wait in circle.items()
        )
        allowed = "hard gates that can be met: let an item be unilateral, or make a gate soft or give it dates"
        yield Problem(draft.file, f"channel.{next(iter(circle))}.gates", f"a circle of gates ({story})", allowed)
