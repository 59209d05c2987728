"""Who deals with what? The period, actors, goods, concessions, demands, coercion, who regards whom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from negsim.problems import Problem, list_names
from negsim.scenario import Concession
from negsim.scenario_checks.draft import Draft, check_rates, check_repeats, is_seated
from negsim.vocabulary import CONCESSION_MOVES

MAX_YEARS: Final = 200


HOSTS: Final = "whoever mediates between others is a state, and the `intermediary` of a channel"


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
            yield draft.problem(f"{key}.answers_to", None, f"the name of a state ({list_names(draft.states)}); {HOSTS}")
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
        yield from check_rates(draft, key, given.rates, moves, f'concession of kind "{given.kind}"')


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
    yield from check_repeats(draft, f"{key}.in_return_for", given.in_return_for)


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
        yield from check_repeats(draft, f"{key}.answered_by", demand.answered_by)
        yield from _check_opposite(draft, key, demand.owner, demand.target, demand.channel)
        yield from check_rates(draft, key, demand.rates, ("raise",), "demand")


def _check_opposite(
    draft: Draft, key: str, owner: str | None, target: str | None, name: str | None
) -> Iterator[Problem]:
    channel = draft.scenario.channel.get(name) if name else None
    seats = draft.sides(channel) if channel and is_seated(draft, channel) else []
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
        yield from check_rates(draft, key, act.rates, ("act",), "coercive act")


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
    yield from check_repeats(draft, f"{key}.breaks", breaks)


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
