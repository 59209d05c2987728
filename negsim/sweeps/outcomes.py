"""What is kept of a run? For each kind of event how often it happened and when first; and how many moves there were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from negsim.compiler import Compiled
from negsim.problems import find_nearest, list_names
from negsim.recording import Block, group_events
from negsim.state import Floats, Ints
from negsim.vocabulary import SIDE_MOVES


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
    """Choose kinds of event by name, with `*` for any part; all of them by default.

    Raises
    ------
    ValueError
        For words that match no kind of event; all are named, with the nearest.
    """
    group_of, groups = group_events(compiled)
    names = [name_group(group) for group in groups]
    patterns = ["*"] if wanted is None else list(map(str, wanted))
    unknown = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)]
    if unknown:
        raise ValueError("; ".join(say_unknown(word, names) for word in unknown))
    kept = [place for place, name in enumerate(names) if any(fnmatchcase(name, pattern) for pattern in patterns)]
    place_of = np.full(len(groups), len(kept), dtype=np.int64)
    place_of[kept] = np.arange(len(kept))
    chosen = tuple(names[place] for place in kept), tuple(groups[place] for place in kept)
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


def say_unknown(word: str, names: Sequence[str]) -> str:
    """Say that no kind of event is called so, and which may have been meant."""
    near = find_nearest(word, names)
    return f"no kind of event is called {word!r}; " + (f"nearest: {near}" if near else f"there are {list_names(names)}")


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
