"""What does a scenario say, in words? Who can give what to whom, where they talk, what moves they have."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from negsim.moves import list_events, list_packages, rate_path
from negsim.numbers import collect_numbers
from negsim.scenario import Actor, Channel, Concession, Gate, ParameterSpec, Prior, Scenario
from negsim.scenario_checks import PRIOR_NUMBERS
from negsim.scenario_files import load_terms
from negsim.vocabulary import DEFAULT_TERMS

Row = tuple[str, ...]

LINE: Final = 120
NARROWEST: Final = 50
"""Lines are wrapped at `LINE`, but the last column keeps at least this width."""

_CONSENT = {"before_signature": "approves before signing", "after": "approves after signing", "none": "asks nobody"}


def say_count(number: int, one: str, many: str = "") -> str:
    """A number of things, with their name.

    Examples
    --------
    >>> say_count(1, "package"), say_count(1000, "history", "histories")
    ('1 package', '1,000 histories')
    """
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def describe_scenario(scenario: Scenario) -> str:
    """A scenario in words, as ``negsim show`` prints it.

    Parameters
    ----------
    scenario : Scenario
        A scenario that has passed its checks.
    """
    parts = [_heading(scenario), *(_section(title, list(rows)) for title, rows in list_sections(scenario))]
    return "\n\n".join(part for part in parts if part)


def list_sections(scenario: Scenario) -> tuple[tuple[str, Iterator[Row]], ...]:
    """The sections of a scenario in words: title and rows, for whoever sets them otherwise."""
    return (
        ("Actors", _actors(scenario)),
        ("Goods", _goods(scenario)),
        ("Concessions", _concessions(scenario)),
        ("Channels", _channels(scenario)),
        ("Demands", _demands(scenario)),
        ("Coercive acts", _coercions(scenario)),
        ("Drivers", _drivers(scenario)),
        ("At the start", _start(scenario)),
        ("Moves", _moves(scenario)),
        ("Terms", _terms(scenario)),
        ("Parameters", _parameters(scenario)),
    )


def _heading(scenario: Scenario) -> str:
    lines = [f"{scenario.name}: {scenario.title}" if scenario.title else scenario.name]
    lines += [scenario.description.strip()] if scenario.description.strip() else []
    return "\n".join([*lines, f"{scenario.start} to {scenario.end}, hazards updated every {scenario.tick}"])


def _section(title: str, rows: Sequence[Row]) -> str:
    """A title and its rows, columns aligned and the last one wrapped; nothing where there are no rows."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    heading = title if title in ("Moves", "At the start") else f"{title} ({len(rows)})"
    return "\n".join([heading, *(_line(row, widths) for row in rows)])


def _line(row: Row, widths: Sequence[int]) -> str:
    start = "  " + "".join(f"{cell:<{width}}  " for cell, width in zip(row, widths, strict=False))
    room = max(LINE - len(start), NARROWEST)
    wrapped = textwrap.wrap(row[-1], room, break_on_hyphens=False) or [""]
    return (start + f"\n{' ' * len(start)}".join(wrapped)).rstrip()


def _join(parts: Iterable[str], glue: str = "; ") -> str:
    return glue.join(part for part in parts if part)


def _amounts(numbers: dict[str, float]) -> str:
    return ", ".join(f"{name} {number:g}" for name, number in numbers.items())


# -- one table each ----------------------------------------------------------------------------------------------


def _actors(scenario: Scenario) -> Iterator[Row]:
    for name, actor in scenario.actor.items():
        yield name, actor.label, _role(actor, asked=_is_asked(scenario, name))


def _role(actor: Actor, *, asked: bool) -> str:
    role = f"intermediary, answers to {actor.answers_to}" if actor.answers_to else "state"
    groups = ", ".join(group.label or name for name, group in actor.groups.items())
    told = f"asks {groups}" if asked else f"never asks {groups} (leads no side that approves at home)"
    return _join([role, told if groups else ""])


def _is_asked(scenario: Scenario, state: str) -> bool:
    """Whether an accord of some channel needs the approval of a state's home."""
    return any(
        scenario.principal(side[0]) == state and rule != "none"
        for channel in scenario.channel.values()
        for side, rule in zip(channel.sides, channel.consent, strict=True)
    )


def _goods(scenario: Scenario) -> Iterator[Row]:
    for name, good in scenario.good.items():
        yield name, good.label, _join([f"in {good.unit}" if good.unit else "", f"needed by {', '.join(good.need)}"])


def _concessions(scenario: Scenario) -> Iterator[Row]:
    for name, given in scenario.concession.items():
        yield name, given.label, f"{given.giver} -> {scenario.recipient(name)}", given.kind, _terms_of_giving(given)


def _terms_of_giving(given: Concession) -> str:
    return _join(
        [
            f"costs {given.cost:g}",
            f"worth {_amounts(given.worth)}" if given.worth else "",
            f"{given.quantity:,.10g} {given.unit}".rstrip() if given.good else "",
            f"in return for {', '.join(given.in_return_for)}" if given.in_return_for else "",
            f"while {given.while_open} is open" if given.while_open else "",
            "once" if given.once else "",
            "" if given.unilateral else "only in a package",
        ]
    )


def _channels(scenario: Scenario) -> Iterator[Row]:
    for name, channel in scenario.channel.items():
        sides = " | ".join(", ".join(side) for side in channel.sides)
        yield name, channel.label, sides, _terms_of_talks(channel)


def _terms_of_talks(channel: Channel) -> str:
    consent = [f"{side[0]} {_CONSENT[rule]}" for side, rule in zip(channel.sides, channel.consent, strict=True)]
    return _join(
        [
            f"about {', '.join(channel.agenda)} ({say_count(len(list_packages(channel)), 'package')})",
            *consent,
            f"vouched for by {channel.intermediary}" if channel.intermediary else "",
            *map(_gate, channel.gates),
        ]
    )


def _gate(gate: Gate) -> str:
    effect = "opens only with" if gate.hard else "opens sooner with"
    items = (" or " if gate.need == "any" else " and ").join(gate.items)
    since, until = (f" from {gate.from_}" if gate.from_ else ""), (f" until {gate.to}" if gate.to else "")
    return f"{effect} {items} {gate.stage}{since}{until}"


def _demands(scenario: Scenario) -> Iterator[Row]:
    for name, demand in scenario.demand.items():
        answers = f"; answered by {', '.join(demand.answered_by)}" if demand.answered_by else ""
        yield name, demand.label, f"{demand.owner} of {demand.target}", f"in {demand.channel}{answers}"


def _coercions(scenario: Scenario) -> Iterator[Row]:
    for name, act in scenario.coercion.items():
        broken = f"; breaks {', '.join(act.breaks)}" if act.breaks else ""
        yield name, act.label, act.actor, f"hits {_amounts(act.hits)}{broken}"


def _drivers(scenario: Scenario) -> Iterator[Row]:
    for name, driver in scenario.driver.items():
        series = ", ".join(f"{value:g} from {date}" for date, value in zip(driver.dates, driver.values, strict=True))
        yield name, driver.label, driver.target, series


def _start(scenario: Scenario) -> Iterator[Row]:
    initial = scenario.initial
    for name, stage in {**initial.channels, **initial.concessions, **initial.demands}.items():
        yield name, stage.replace("_", " ")
    for name in initial.frozen:
        yield name, "frozen"


def _moves(scenario: Scenario) -> Iterator[Row]:
    counts = Counter(event.kind for event in list_events(scenario))
    yield str(counts.total()), ", ".join(f"{kind} {count}" for kind, count in counts.items())


def _terms(scenario: Scenario) -> Iterator[Row]:
    known = load_terms(scenario)
    own = [name for name in known if scenario.term_file(name)]
    for name in (*DEFAULT_TERMS, *own) if scenario.terms is None else scenario.terms:
        settings = scenario.term[name].model_extra if name in scenario.term else None
        yield name, _join([known[name].claim, _amounts(settings or {})], "  ")


def _parameters(scenario: Scenario) -> Iterator[Row]:
    for spec in scenario.parameter:
        yield spec.name, spec.label, spec.role, _join([_moved(spec), _prior(spec.prior) if spec.prior else ""])


def _moved(spec: ParameterSpec) -> str:
    verb = {"set": "sets", "multiply": "multiplies", "add": "is added to"}[spec.how]
    return f"{verb} {', '.join(spec.numbers)}"


def _prior(prior: Prior) -> str:
    return f"{prior.family} ({', '.join(f'{name} {getattr(prior, name):g}' for name in PRIOR_NUMBERS[prior.family])})"


def describe_moves(scenario: Scenario) -> str:
    """List every move by its address, with the key path and the value of its rate."""
    numbers = collect_numbers(scenario, {})
    rows = [(move.name, rate_path(scenario, move)) for move in list_events(scenario)]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    head = f"{'address (kind:actor:channel:subject)':<{widths[0]}}  {'rate, per year':<{widths[1]}}"
    lines = [f"{name:<{widths[0]}}  {path:<{widths[1]}}  {numbers[path]:g}" for name, path in rows]
    return "\n".join([head.rstrip(), *lines])
