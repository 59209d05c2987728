"""What in the declaration of a term would have no effect, or cannot be? Words that are no move, memory or place."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from negsim.problems import Problem, describe_value, find_nearest
from negsim.terms.term import HOWS, SLOTS, Effect, Term
from negsim.vocabulary import CONCESSION_KINDS, CONCESSION_MOVES, CONSEQUENCES, MOVE_KINDS

OF_CONCESSIONS: Final = (*dict.fromkeys(move for moves in CONCESSION_MOVES.values() for move in moves), *CONSEQUENCES)
"""Events of a concession."""

FELT: Final = tuple(event for event in (*MOVE_KINDS, *CONSEQUENCES) if event != "raise")
"""Events that do something to somebody's memory."""


def find_slips(term: Term, file: str, memories: Collection[str]) -> Iterator[Problem]:
    """Find what a term declares and nothing would come of.

    Parameters
    ----------
    term : Term
        A term of a user's own.
    file : str
        Its file, to be named.
    memories : collection of str
        Names of the memories of all other terms.
    """
    names = [parameter.name for parameter in term.parameters]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield Problem(file, f"parameters[{number}].name", describe_value(name), "each name once")
    for number, hook in enumerate(term.log_rates):
        yield from _check_names(file, f"log_rates[{number}].moves", hook.moves, MOVE_KINDS)
    for number, effect in enumerate(term.effects):
        yield from _check_effect(file, f"effects[{number}]", effect, [*(own.name for own in term.memories), *memories])
    for number, slot in enumerate(term.slots):
        yield from _check_names(file, f"slots[{number}].place", (slot.place,), tuple(SLOTS))
    for number, memory in enumerate(term.memories):
        if memory.name in memories:
            allowed = "a name that no other term's memory has"
            yield Problem(file, f"memories[{number}].name", describe_value(memory.name), allowed)


def _check_effect(file: str, key: str, effect: Effect, memories: Collection[str]) -> Iterator[Problem]:
    yield from _check_names(file, f"{key}.events", effect.events, FELT)
    yield from _check_names(file, f"{key}.memory", (effect.memory,), memories)
    yield from _check_names(file, f"{key}.how", (effect.how,), HOWS)
    if effect.only is not None:
        yield from _check_names(file, f"{key}.only", effect.only, CONCESSION_KINDS)
        for event in effect.events:
            if event in FELT and event not in OF_CONCESSIONS:
                yield Problem(file, f"{key}.only", f"with {event}", "with events of concessions, no others")


def _check_names(file: str, key: str, given: object, known: Collection[str]) -> Iterator[Problem]:
    if not isinstance(given, tuple | list):
        yield Problem(file, key, describe_value(given), 'names in brackets, such as ("meet",)')
        return
    for name in given:
        if name not in known:
            yield Problem(file, key, describe_value(name), ", ".join(known), find_nearest(str(name), known))
