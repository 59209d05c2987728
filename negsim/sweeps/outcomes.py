"""What is kept of a run? For each kind of event how often it happened and when first; and how many moves there were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import numpy as np

from negsim.compiler import Compiled
from negsim.moves import Event, find_nearest_address
from negsim.problems import find_nearest, list_names
from negsim.recording import Block, group_events
from negsim.state import Floats, Ints
from negsim.vocabulary import SIDE_MOVES

ADDRESS: Final = (0, 1, 3, 4)
"""Where kind, actor, channel and subject, the parts of an address, stand in a kind of event."""


@dataclass(frozen=True)
class Outcomes:
    """Which kinds of event are kept, and which of them each event of the scenario is.

    Attributes
    ----------
    names : tuple of str
        Names of the kinds kept: ``meet.official``, ``walk_out.official.JPN``, ``begin.food``; in the scenario's order.
    groups : tuple of (kind, actor, counterpart, channel, subject)
        The same in full.
    place_of : array of int, shape (events,)
        Place among the names; their number for what is not kept.
    moves : int
        Events below this number are moves, the others consequences.
    """

    names: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    place_of: Ints
    moves: int


def choose_outcomes(compiled: Compiled, wanted: Sequence[str] | None = None) -> Outcomes:
    """Choose kinds of event by name or address, with `*` for any part; all of them by default.

    Raises
    ------
    ValueError
        For words that match no kind of event; all are named, with the nearest.
    """
    group_of, groups = group_events(compiled)
    known = {name_group(group): group for group in groups}
    found = {str(word): match_names(str(word), known) for word in (["*"] if wanted is None else wanted)}
    if unknown := [word for word, names in found.items() if not names]:
        raise ValueError("; ".join(say_unknown(word, known) for word in unknown))
    meant = {name for names in found.values() for name in names}
    kept = [place for place, name in enumerate(known) if name in meant]
    place_of = np.full(len(groups), len(kept), dtype=np.int64)
    place_of[kept] = np.arange(len(kept))
    chosen = tuple(name for name in known if name in meant), tuple(groups[place] for place in kept)
    return Outcomes(*chosen, place_of[group_of], compiled.world.moves)


def name_group(group: Sequence[str]) -> str:
    """Name a kind of event: kind, where or what, and for what either side may do, who.

    Examples
    --------
    >>> name_group(("meet", "north", "south", "talks", "")), name_group(("walk_out", "north", "south", "talks", ""))
    ('meet.talks', 'walk_out.talks.north')
    """
    kind, actor, _, channel, subject = group
    return ".".join([kind, channel or subject, *([actor] if kind in SIDE_MOVES else [])])


def match_names(word: str, known: Mapping[str, Sequence[str]]) -> list[str]:
    """Which kinds of event a word means: a name, or an address as questions have it; `*` stands for anything.

    Parameters
    ----------
    word : str
        ``meet.talks``, ``walk_out.*``, or ``walk_out:north:talks`` (an empty or missing part of an address is any).
    known : mapping of str to (kind, actor, counterpart, channel, subject)
        The kinds by name.

    Examples
    --------
    >>> known = {"meet.talks": ("meet", "a", "b", "talks", ""), "begin.food": ("begin", "a", "b", "", "food")}
    >>> match_names("meet::talks", known), match_names("begin:::food", known), match_names("*.talks", known)
    (['meet.talks'], ['begin.food'], ['meet.talks'])
    """
    if ":" not in word:
        return [name for name in known if fnmatchcase(name, word)]
    parts = [part or "*" for part in word.split(":")]
    if len(parts) > len(ADDRESS):
        return []
    asked = list(zip(ADDRESS, parts, strict=False))
    return [name for name, group in known.items() if all(fnmatchcase(group[at], part) for at, part in asked)]


def match_name(word: str, known: Mapping[str, Sequence[str]]) -> str:
    """The one kind of event that a name or an address means.

    Raises
    ------
    ValueError
        Where there is none, with the nearest, or more than one, with all.
    """
    names = [word] if word in known else match_names(word, known) if ":" in word else []
    if len(names) > 1:
        raise ValueError(f"{word!r} is more than one kind of event: {list_names(names)}")
    if not names:
        raise ValueError(say_unknown(word, known))
    return names[0]


def say_unknown(word: str, known: Mapping[str, Sequence[str]]) -> str:
    """Say that no kind of event is called so, and which may have been meant."""
    events = [Event(kind, actor, other, channel, subject) for kind, actor, other, channel, subject in known.values()]
    near = find_nearest_address(word, events) if ":" in word else find_nearest(word, known)
    return f"no kind of event is called {word!r}; " + (f"nearest: {near}" if near else f"there are {list_names(known)}")


def tabulate(outcomes: Outcomes, block: Block) -> tuple[Ints, Floats, Ints, Floats]:
    """Count what happened in each run of a block.

    Returns
    -------
    moves : array of int, shape (runs,)
        Moves made, of whatever kind.
    stopped : array, shape (runs,)
        Day at which a run that exploded was stopped; NaN for those that came to the end.
    counts : array of int, shape (names, runs)
        How often each kind of event happened.
    first : array, shape (names, runs)
        Day of the first; NaN without any.
    """
    assert block.events is not None, "a sweep records events"
    run, event, day = block.events
    column, width = run.astype(np.int64), block.runs
    moves = np.bincount(column[event < outcomes.moves], minlength=width)
    place = outcomes.place_of[event]
    kept = place < len(outcomes.names)
    cell = place[kept] * width + column[kept]
    shape = (len(outcomes.names), width)
    stopped = np.full(width, np.nan)
    stopped[block.stopped[0]] = block.stopped[1]
    counts = np.bincount(cell, minlength=shape[0] * width).reshape(shape)
    first = np.full(shape, np.nan)
    # Events of one run stand in the order of time, so the first row of a cell is its first event.
    cells, position = np.unique(cell, return_index=True)
    first.flat[cells] = day[kept][position]
    return moves, stopped, counts, first
