"""How does it start, and what comes from outside? Initial stages that moves could have led to, dated drivers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from negsim.problems import Problem
from negsim.scenario import Concession
from negsim.scenario_checks.draft import Draft, check_repeats
from negsim.scenario_locks import open_at_first

DRIVER_TARGETS: Final = "good.G.need.A.shortfall, good.G.need.A.supply, actor.A.threshold or actor.A.reservation"


def check_drivers(draft: Draft) -> Iterator[Problem]:
    """Each driver moves a number that exists, at dates in order, with a value for each."""
    for name, driver in draft.scenario.driver.items():
        key = f"driver.{name}"
        if driver.target is not None:
            yield from _check_target(draft, f"{key}.target", driver.target)
        dates, values = driver.dates, driver.values
        if draft.whole(key) and len(dates) != len(values):
            given = f"{len(values)} values for {len(dates)} dates"
            yield Problem(draft.file, f"{key}.values", given, "as many values as dates")
        for position, (earlier, later) in enumerate(itertools.pairwise(dates or ()), start=1):
            if not earlier < later:
                yield draft.problem(f"{key}.dates.{position}", later, f"a date after the one before it ({earlier})")
        if driver.target and driver.target.startswith("good."):
            for position, value in enumerate(values or ()):
                if value < 0:
                    yield draft.problem(f"{key}.values.{position}", value, "a number of at least 0 (it multiplies)")


def _check_target(draft: Draft, key: str, target: str) -> Iterator[Problem]:
    existing = [
        *(
            f"good.{good}.need.{state}.{number}"
            for good, each in draft.scenario.good.items()
            for state in each.need
            for number in ("shortfall", "supply")
        ),
        *(f"actor.{actor}.{number}" for actor in draft.scenario.actor for number in ("threshold", "reservation")),
    ]
    if target not in existing and draft.whole("good"):
        yield draft.problem(key, target, f"{DRIVER_TARGETS}, of a good and an actor that exist", existing)


def check_initial(draft: Draft) -> Iterator[Problem]:
    """The start is a state that the moves could have led to."""
    initial = draft.scenario.initial
    for name in initial.channels:
        yield from draft.unknown(f"initial.channels.{name}", name, "channel")
    for name in initial.demands:
        yield from draft.unknown(f"initial.demands.{name}", name, "demand")
    for name, stage in initial.concessions.items():
        yield from draft.unknown(f"initial.concessions.{name}", name, "concession")
        if (given := draft.scenario.concession.get(name)) is not None:
            yield from _check_stage(draft, name, given, stage)
    for position, name in enumerate(initial.frozen):
        yield from draft.unknown(f"initial.frozen.{position}", name, "concession")
        if name in draft.scenario.concession and not draft.scenario.concession[name].freezable:
            yield draft.problem(f"initial.frozen.{position}", name, "a concession with freezable = true")
    yield from check_repeats(draft, "initial.frozen", initial.frozen)


def _check_stage(draft: Draft, name: str, given: Concession, stage: str) -> Iterator[Problem]:
    key, channel = f"initial.concessions.{name}", given.while_open
    legal = {
        "act": ["none", "promised", *(["done"] if given.once else [])],
        "flow": ["none", "promised", "in_force", "suspended"],
        "restraint": ["none", "promised", "in_force"],
        "process": ["none", "promised", "in_force", "suspended"],
        None: [stage],
    }[given.kind]
    if stage not in legal:
        what = f"an act{'' if given.once else ' without once = true'}" if given.kind == "act" else f"a {given.kind}"
        yield draft.problem(key, stage, f"a stage where {what} can be: {', '.join(legal)}")
    elif stage == "in_force" and channel in draft.scenario.channel and channel not in open_at_first(draft.scenario):
        yield draft.problem(key, stage, f"in_force only if initial.channels.{channel} is open or in_session")
