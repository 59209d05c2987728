"""Do the parts of a scenario fit together? Names that exist, sides that can deal, gates that can open.

Each check is a generator of problems over a :class:`Draft`; none stops at the first mistake or relies on another.
A draft may stand on misshapen data (see :mod:`negsim.scenario_structure`): whatever could not be read is None there,
so the checks pass over what is absent; that something *is* absent they say only where nothing was misshapen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from negsim.problems import Problem, describe_value, find_nearest, list_names
from negsim.scenario import Channel, Concession, ParameterSpec, Scenario
from negsim.scenario_locks import find_circles, open_at_first
from negsim.terms import SHELF, Term
from negsim.vocabulary import CONCESSION_MOVES, JOINT_MOVES

MAX_PACKAGES: Final = 255
MAX_AGENDA: Final = 16
MAX_YEARS: Final = 200

CHANNEL_RATES: Final = (*JOINT_MOVES, "agree", "cancel", "walk_out")
"""Moves of a channel that have a baseline rate of their own (approval has its actor's `approval_rate`)."""

PRIOR_NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    "normal": ("mean", "sd"),
    "lognormal": ("median", "sd"),
    "beta": ("a", "b"),
    "gamma": ("a", "b"),
    "uniform": ("low", "high"),
}
"""The numbers that each family of priors takes."""

DRIVER_TARGETS: Final = "good.G.need.A.shortfall, good.G.need.A.supply, actor.A.threshold or actor.A.reservation"


@dataclass(frozen=True)
class Draft:
    """A scenario while it is being checked.

    Attributes
    ----------
    scenario : Scenario
        What could be read of it.
    file : str
        What to call its file in problems.
    names : mapping
        The names in each table of tables as written, misshapen ones included, so that one mistake is told once.
    misshapen : frozenset of str
        Key paths of values that could not be read.
    terms : mapping
        Terms known by name: the shelf, and terms of one's own that have been loaded.
    """

    scenario: Scenario
    file: str
    names: Mapping[str, Collection[str]]
    misshapen: frozenset[str]
    terms: Mapping[str, Term]

    def problem(self, key: str, given: Any, allowed: str, among: Iterable[str] = ()) -> Problem:
        """Word a problem; ``among`` are the valid names to look for the nearest in."""
        nearest = find_nearest(given, among) if isinstance(given, str) else None
        return Problem(self.file, key, describe_value(given), allowed, nearest)

    def whole(self, key: str) -> bool:
        """Whether everything under a key could be read, so that what is absent was never written."""
        return key not in self._torn

    @cached_property
    def _torn(self) -> frozenset[str]:
        """Keys of misshapen values and of everything that holds one."""
        return frozenset(above for key in self.misshapen for above in _and_above(key))

    def unknown(self, key: str, name: str | None, section: str) -> Iterator[Problem]:
        """A problem if no table of a section bears the name."""
        known = self.names[section]
        if name is not None and section not in self.misshapen and name not in known:
            yield self.problem(key, name, f"the name of {_article(section)} ({list_names(known)})", known)

    def not_a_state(self, key: str, name: str | None) -> Iterator[Problem]:
        """A problem if the name is no state's; for an intermediary the state behind it is the nearest."""
        states = self.states
        unread = "actor" in self.misshapen or (name in self.names["actor"] and name not in self.scenario.actor)
        if name is None or name in states or unread:
            return
        allowed = f"the name of a state ({list_names(states)})"
        behind = self.principal(name) if name in self.scenario.actor else None
        nearest = behind if behind in states else find_nearest(name, states)
        yield Problem(self.file, key, describe_value(name), allowed, nearest)

    @cached_property
    def states(self) -> Collection[str]:
        """Names of actors that are states."""
        return {name: None for name, actor in self.scenario.actor.items() if actor.kind == "state"}.keys()

    def principal(self, name: str | None) -> str | None:
        """The state behind an actor; None if the actor is not known."""
        actor = self.scenario.actor.get(name) if name else None
        return None if actor is None else actor.answers_to or name

    def giver(self, concession: str) -> str | None:
        """The state that gives a concession; None if that is not known."""
        given = self.scenario.concession.get(concession)
        return None if given is None else self.principal(given.giver)

    def sides(self, channel: Channel) -> list[set[str]]:
        """The states on each side of a channel, as far as they are known."""
        return [{state for actor in side if (state := self.principal(actor))} for side in channel.sides or ()]


def find_misfits(draft: Draft) -> Iterator[Problem]:
    """Every place where the parts of a scenario do not fit together, in the order of the file's tables."""
    found = itertools.chain.from_iterable(check(draft) for check in CHECKS)
    return (problem for problem in found if not _told(draft, problem.key))


def _told(draft: Draft, key: str) -> bool:
    """Whether a value was found misshapen at a key, above it or below it."""
    return not draft.whole(key) or any(above in draft.misshapen for above in _and_above(key))


def _and_above(key: str) -> Iterator[str]:
    """A key path and those of everything that holds it."""
    return itertools.accumulate(key.split("."), "{}.{}".format)


# -- the period, the actors and what they want -------------------------------------------------------------------


def check_period(draft: Draft) -> Iterator[Problem]:
    """The period has a beginning before its end, and a length that can be simulated."""
    start, end = draft.scenario.start, draft.scenario.end
    if not start or not end:
        return
    if not start < end:
        yield draft.problem("end", end, f"a date after start ({start})")
    elif (end - start).days > MAX_YEARS * 366:
        yield draft.problem("end", end, f"a date at most {MAX_YEARS} years after start ({start})")


def check_actors(draft: Draft) -> Iterator[Problem]:
    """Intermediaries answer to a state, states to nobody; groups value concessions that exist."""
    for name, actor in draft.scenario.actor.items():
        key = f"actor.{name}"
        if actor.kind == "state" and actor.answers_to is not None and draft.whole(f"{key}.kind"):
            yield draft.problem(f"{key}.answers_to", actor.answers_to, 'nothing for a state; or kind = "intermediary"')
        elif actor.kind == "intermediary" and actor.answers_to is None and draft.whole(key):
            yield draft.problem(f"{key}.answers_to", None, f"the name of a state ({list_names(draft.states)})")
        elif actor.kind == "intermediary":
            yield from draft.not_a_state(f"{key}.answers_to", actor.answers_to)
        for group, opinion in actor.groups.items():
            for concession in opinion.values:
                yield from draft.unknown(f"{key}.groups.{group}.values.{concession}", concession, "concession")


def check_goods(draft: Draft) -> Iterator[Problem]:
    """Goods are needed by states."""
    for name, good in draft.scenario.good.items():
        for state in good.need:
            yield from draft.not_a_state(f"good.{name}.need.{state}", state)


# -- concessions -------------------------------------------------------------------------------------------------


def check_concessions(draft: Draft) -> Iterator[Problem]:
    """Each concession is given by one state to others, and has only the keys that its kind can use."""
    for name, given in draft.scenario.concession.items():
        key = f"concession.{name}"
        yield from draft.unknown(f"{key}.giver", given.giver, "actor")
        yield from _check_benefit(draft, key, name, given)
        yield from _check_kind(draft, key, given)
        yield from _check_returns(draft, key, name, given)
        moves = CONCESSION_MOVES.get(given.kind, tuple(given.rates))
        yield from _check_rates(draft, key, given.rates, moves, f'concession of kind "{given.kind}"')


def _check_benefit(draft: Draft, key: str, name: str, given: Concession) -> Iterator[Problem]:
    receivers = [(f"{key}.worth.{state}", state) for state in given.worth]
    if given.recipient is not None:
        receivers.append((f"{key}.recipient", given.recipient))
    elif not given.worth and draft.whole(key):
        yield draft.problem(f"{key}.worth", None, "what it is worth to at least one state, or a recipient")
    for at, state in receivers:
        yield from draft.not_a_state(at, state)
        if state == draft.giver(name):
            yield draft.problem(at, state, "another state than its giver's")


def _check_kind(draft: Draft, key: str, given: Concession) -> Iterator[Problem]:
    yield from draft.unknown(f"{key}.good", given.good, "good")
    yield from draft.unknown(f"{key}.while_open", given.while_open, "channel")
    only = (("while_open", given.while_open, "restraint"), ("once", given.once, "act"))
    for field, value, kind in only:
        if value and given.kind not in (kind, None):
            yield draft.problem(f"{key}.{field}", value, f'nothing here: only a concession of kind "{kind}" has it')


def _check_returns(draft: Draft, key: str, name: str, given: Concession) -> Iterator[Problem]:
    for position, other in enumerate(given.in_return_for):
        at = f"{key}.in_return_for.{position}"
        yield from draft.unknown(at, other, "concession")
        if other == name or (draft.giver(other) is not None and draft.giver(other) == draft.giver(name)):
            yield draft.problem(at, other, "a concession of another state")
    yield from _check_repeats(draft, f"{key}.in_return_for", given.in_return_for)


def _check_rates(draft: Draft, key: str, rates: Iterable[str], moves: Iterable[str], what: str) -> Iterator[Problem]:
    for move in rates:
        if move not in moves:
            yield draft.problem(f"{key}.rates.{move}", move, f"a move of a {what} ({', '.join(moves)})", moves)


# -- channels and their packages ---------------------------------------------------------------------------------


def check_channels(draft: Draft) -> Iterator[Problem]:
    """Two sides that differ, an agenda that they can give, packages that can be counted."""
    for name, channel in draft.scenario.channel.items():
        key = f"channel.{name}"
        yield from _check_sides(draft, key, channel)
        yield from draft.unknown(f"{key}.intermediary", channel.intermediary, "actor")
        yield from _check_agenda(draft, key, channel)
        yield from _check_packages(draft, key, channel)
        yield from _check_rates(draft, key, channel.rates, CHANNEL_RATES, "channel")


def _check_sides(draft: Draft, key: str, channel: Channel) -> Iterator[Problem]:
    for number, side in enumerate(channel.sides or ()):
        at = f"{key}.sides.{number}"
        if not side:
            yield draft.problem(at, (), "at least one actor")
        for position, actor in enumerate(side):
            yield from draft.unknown(f"{at}.{position}", actor, "actor")
        yield from _check_repeats(draft, at, side)
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
        if giver is not None and giver in draft.scenario.actor and _seated(draft, channel) and giver not in present:
            allowed = (
                f"a concession of a state that sits here ({list_names(sorted(present))}); {item} is given by {giver}"
            )
            yield draft.problem(at, item, allowed)
    yield from _check_repeats(draft, f"{key}.agenda", agenda)
    if len(agenda) > MAX_AGENDA:
        yield draft.problem(f"{key}.agenda", agenda, f"at most {MAX_AGENDA} items (here {len(agenda)})")


def _seated(draft: Draft, channel: Channel) -> bool:
    """Whether it is known who sits in a channel: else what is on its agenda cannot be judged."""
    actors = [actor for side in channel.sides or () for actor in side]
    return bool(actors) and all(draft.principal(actor) for actor in actors)


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
    yield from _check_repeats(draft, at, package)


def _too_many_subsets(draft: Draft, key: str, channel: Channel, count: int) -> Problem:
    size = len(channel.agenda)
    fitting = max(most for most in range(1, channel.max_items) if count_subsets(size, most) <= MAX_PACKAGES)
    remedy = f"max_items = {fitting} makes {count_subsets(size, fitting)}; or shorten the agenda, or list `packages`"
    given = f"{count} packages: all subsets of {size} items of up to {channel.max_items}"
    return Problem(draft.file, f"{key}.max_items", given, f"at most {MAX_PACKAGES} packages: {remedy}")


def count_subsets(size: int, most: int) -> int:
    """How many packages of one to ``most`` items an agenda of ``size`` items makes."""
    return sum(math.comb(size, items) for items in range(1, min(size, most) + 1))


def _check_repeats(draft: Draft, key: str, names: Iterable[str]) -> Iterator[Problem]:
    """Nothing is listed twice."""
    seen: set[str] = set()
    for position, name in enumerate(names):
        if name in seen:
            yield draft.problem(f"{key}.{position}", name, "each name once")
        seen.add(name)


# -- gates -------------------------------------------------------------------------------------------------------


def check_gates(draft: Draft) -> Iterator[Problem]:
    """Gates name concessions, have a beginning before their end, and do not wait for each other for ever."""
    for name, channel in draft.scenario.channel.items():
        for number, gate in enumerate(channel.gates):
            key = f"channel.{name}.gates.{number}"
            for position, item in enumerate(gate.items or ()):
                yield from draft.unknown(f"{key}.items.{position}", item, "concession")
            yield from _check_repeats(draft, f"{key}.items", gate.items or ())
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


# -- demands, coercion, who regards whom -------------------------------------------------------------------------


def check_demands(draft: Draft) -> Iterator[Problem]:
    """Each demand is raised across a table: its owner on one side, its target on the other."""
    for name, demand in draft.scenario.demand.items():
        key = f"demand.{name}"
        yield from draft.unknown(f"{key}.owner", demand.owner, "actor")
        yield from draft.unknown(f"{key}.target", demand.target, "actor")
        yield from draft.unknown(f"{key}.channel", demand.channel, "channel")
        for position, item in enumerate(demand.answered_by):
            yield from draft.unknown(f"{key}.answered_by.{position}", item, "concession")
        yield from _check_repeats(draft, f"{key}.answered_by", demand.answered_by)
        yield from _check_opposite(draft, key, demand.owner, demand.target, demand.channel)
        yield from _check_rates(draft, key, demand.rates, ("raise",), "demand")


def _check_opposite(
    draft: Draft, key: str, owner: str | None, target: str | None, name: str | None
) -> Iterator[Problem]:
    channel = draft.scenario.channel.get(name) if name else None
    seats = draft.sides(channel) if channel and _seated(draft, channel) else []
    if len(seats) != 2 or not (draft.principal(owner) and draft.principal(target)):
        return
    sitting = list_names(sorted(seats[0] | seats[1]))
    side = next((side for side in seats if draft.principal(owner) in side), None)
    if side is None:
        yield draft.problem(f"{key}.owner", owner, f"an actor that sits in {name}, or whose state does ({sitting})")
    elif draft.principal(target) not in (opposite := seats[1] if side is seats[0] else seats[0]):
        allowed = f"an actor on the other side of {name} than {owner} ({list_names(sorted(opposite))})"
        yield draft.problem(f"{key}.target", target, allowed)


def check_coercions(draft: Draft) -> Iterator[Problem]:
    """Each act hits other states, and breaks only its own actor's restraints."""
    for name, act in draft.scenario.coercion.items():
        key = f"coercion.{name}"
        yield from draft.unknown(f"{key}.actor", act.actor, "actor")
        if not act.hits:
            yield draft.problem(f"{key}.hits", {}, "at least one state, and how hard it is hit")
        for state in act.hits:
            yield from draft.not_a_state(f"{key}.hits.{state}", state)
            if state == draft.principal(act.actor):
                yield draft.problem(f"{key}.hits.{state}", state, "another state than its actor's")
        yield from _check_broken(draft, key, act.actor, act.breaks)
        yield from _check_rates(draft, key, act.rates, ("act",), "coercive act")


def _check_broken(draft: Draft, key: str, actor: str | None, breaks: tuple[str, ...]) -> Iterator[Problem]:
    own = [
        name
        for name, given in draft.scenario.concession.items()
        if given.kind == "restraint" and draft.giver(name) == draft.principal(actor)
    ]
    for position, item in enumerate(breaks):
        given, at = draft.scenario.concession.get(item), f"{key}.breaks.{position}"
        yield from draft.unknown(at, item, "concession")
        if given is None or given.kind is None or not draft.principal(actor) or not draft.giver(item):
            continue
        if item not in own:
            yield draft.problem(at, item, f"a restraint of the same state ({list_names(own)})")
    yield from _check_repeats(draft, f"{key}.breaks", breaks)


def check_pairs(draft: Draft) -> Iterator[Problem]:
    """Alignments and regards hold between two states, each pair once."""
    alignments = [(one.actor, one.ally) for one in draft.scenario.alignment]
    regards = [(one.holder, one.toward) for one in draft.scenario.regard]
    yield from _check_pairs(draft, "alignment", ("actor", "ally"), alignments)
    yield from _check_pairs(draft, "regard", ("holder", "toward"), regards)


def _check_pairs(
    draft: Draft, section: str, fields: tuple[str, str], pairs: list[tuple[str, str]]
) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for number, pair in enumerate(pairs):
        key = f"{section}.{number}"
        for field, name in zip(fields, pair, strict=True):
            yield from draft.not_a_state(f"{key}.{field}", name)
        if None in pair:
            continue
        if pair[0] == pair[1]:
            yield draft.problem(f"{key}.{fields[1]}", pair[1], f"another state than its {fields[0]}")
        if pair in seen:
            yield Problem(draft.file, key, f"{pair[0]} and {pair[1]} again", "each pair once")
        seen.add(pair)


# -- drivers and the start ---------------------------------------------------------------------------------------


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
    yield from _check_repeats(draft, "initial.frozen", initial.frozen)


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


# -- terms and parameters ----------------------------------------------------------------------------------------


def check_terms(draft: Draft) -> Iterator[Problem]:
    """Terms are on the shelf or in a file of one's own; their settings are their parameters."""
    scenario = draft.scenario
    own = [name for name, settings in scenario.term.items() if settings.file is not None]
    known = [*draft.terms, *(name for name in own if name not in draft.terms)]
    for position, name in enumerate(scenario.terms or ()):
        if name not in known:
            yield draft.problem(f"terms.{position}", name, _known_terms(known), known)
    yield from _check_repeats(draft, "terms", scenario.terms or ())
    for name, settings in scenario.term.items():
        key = f"term.{name}"
        if name not in known and draft.whole(key):
            yield draft.problem(key, name, _known_terms(known), known)
        if settings.file is not None:
            yield from _check_term_file(draft, name)
        if name in draft.terms:
            yield from _check_settings(draft, key, draft.terms[name], settings.model_extra or {})


def _known_terms(known: Iterable[str]) -> str:
    return f"a term that exists ({', '.join(known)}), or one of your own: a table [term.NAME] with `file`"


def _check_term_file(draft: Draft, name: str) -> Iterator[Problem]:
    key, path, given = f"term.{name}.file", draft.scenario.term_file(name) or Path(), draft.scenario.term[name].file
    if name in SHELF:
        yield draft.problem(key, given, f"no file: {name} is a shipped term; give yours another name")
    elif path.suffix != ".py":
        yield draft.problem(key, given, "a Python file (.py)")
    elif not path.is_file():
        neighbours = [other.name for other in path.parent.glob("*.py")] if path.parent.is_dir() else []
        nearest = find_nearest(path.name, neighbours)
        yield Problem(draft.file, key, describe_value(given), f"a file that exists (looked for {path})", nearest)


def _check_settings(draft: Draft, key: str, term: Term, settings: Mapping[str, Any]) -> Iterator[Problem]:
    numbers = [declared.name for declared in term.parameters]
    for name in settings:
        if name not in numbers:
            allowed = f"a parameter of the term {term.name} ({', '.join(numbers)})"
            yield draft.problem(f"{key}.{name}", name, allowed, numbers)


def check_parameters(draft: Draft) -> Iterator[Problem]:
    """Parameters move numbers that exist, under names of their own, with priors that are complete."""
    paths: tuple[str, ...] | None = None
    seen: set[str] = set()
    for number, spec in enumerate(draft.scenario.parameter):
        key = f"parameter.{number}"
        if spec.name is not None and spec.name in seen:
            yield draft.problem(f"{key}.name", spec.name, "each name once")
        seen.add(spec.name)
        paths = paths or number_paths(draft.scenario, draft.terms)
        yield from _check_numbers(draft, key, spec, paths)
        yield from _check_prior(draft, f"{key}.prior", spec)


def _check_numbers(draft: Draft, key: str, spec: ParameterSpec, paths: tuple[str, ...]) -> Iterator[Problem]:
    """Every pattern matches a number, unless what it speaks of could not be read."""
    unread = tuple(f"term.{name}." for name, own in draft.scenario.term.items() if own.file and name not in draft.terms)
    for position, pattern in enumerate(spec.numbers or ()):
        table = ".".join(pattern.split(".")[:2])
        if not match_paths(pattern, paths) and draft.whole(table) and not pattern.startswith(unread):
            allowed = "the key path of a number, such as concession.NAME.cost; * stands for any one part"
            yield draft.problem(f"{key}.numbers.{position}", pattern, allowed, _starred(pattern, paths))


def _starred(pattern: str, paths: Iterable[str]) -> set[str]:
    """Key paths with stars where a pattern has them, to look for the nearest in."""
    stars = [position for position, part in enumerate(pattern.split(".")) if part == "*"]
    split = [path.split(".") for path in paths]
    return {".".join("*" if position in stars else part for position, part in enumerate(parts)) for parts in split}


def _check_prior(draft: Draft, key: str, spec: ParameterSpec) -> Iterator[Problem]:
    prior = spec.prior
    if prior is None or prior.family is None:
        return
    needed = PRIOR_NUMBERS[prior.family]
    for name in ("mean", "sd", "median", "low", "high", "a", "b"):
        value = getattr(prior, name)
        if value is None and name in needed and draft.whole(key):
            yield draft.problem(f"{key}.{name}", None, f"a number: a {prior.family} prior has {' and '.join(needed)}")
        elif value is not None and name not in needed:
            allowed = f"nothing here: a {prior.family} prior has {' and '.join(needed)}"
            yield draft.problem(f"{key}.{name}", value, allowed)
    if prior.family == "uniform" and prior.low is not None and prior.high is not None and not prior.low < prior.high:
        yield draft.problem(f"{key}.high", prior.high, f"a number above low ({prior.low:g})")


def number_paths(scenario: Scenario, terms: Mapping[str, Term] = SHELF) -> tuple[str, ...]:
    """Key paths of every number that a parameter may move: written, defaulted, baseline rates and terms' own."""
    return tuple(dict.fromkeys([*scenario.numbers(), *_rate_paths(scenario), *_term_paths(scenario, terms)]))


def _rate_paths(scenario: Scenario) -> Iterator[str]:
    moves: dict[str, dict[str, tuple[str, ...]]] = {
        "channel": dict.fromkeys(scenario.channel, CHANNEL_RATES),
        "demand": dict.fromkeys(scenario.demand, ("raise",)),
        "coercion": dict.fromkeys(scenario.coercion, ("act",)),
        "concession": {name: _giver_moves(given) for name, given in scenario.concession.items()},
    }
    for section, things in moves.items():
        for name, kinds in things.items():
            yield from (f"{section}.{name}.rates.{kind}" for kind in kinds)


def _giver_moves(given: Concession) -> tuple[str, ...]:
    absent = (() if given.unilateral else ("pledge",)) + (() if given.freezable else ("freeze", "lift"))
    return tuple(move for move in CONCESSION_MOVES.get(given.kind, ()) if move not in absent)


def _term_paths(scenario: Scenario, terms: Mapping[str, Term]) -> Iterator[str]:
    for name, term in terms.items():
        yield from (f"term.{name}.{declared.name}" for declared in term.parameters)
    for name, settings in scenario.term.items():
        yield from (f"term.{name}.{number}" for number in settings.model_extra or {})


def match_paths(pattern: str, paths: Iterable[str]) -> tuple[str, ...]:
    """Key paths that a pattern stands for; `*` stands for any one part.

    Examples
    --------
    >>> match_paths("actor.*.audience", ["actor.A.audience", "actor.A.power", "actor.B.audience"])
    ('actor.A.audience', 'actor.B.audience')
    """
    wanted = pattern.split(".")

    def fits(path: str) -> bool:
        parts = path.split(".")
        return len(parts) == len(wanted) and all(w in ("*", p) for w, p in zip(wanted, parts, strict=True))

    return tuple(path for path in paths if fits(path))


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


CHECKS: Final = (
    check_period,
    check_actors,
    check_goods,
    check_concessions,
    check_channels,
    check_gates,
    check_demands,
    check_coercions,
    check_pairs,
    check_drivers,
    check_initial,
    check_terms,
    check_parameters,
)
"""All checks, in the order of a file's tables."""
