"""Can the model walk through a chronology? Some of its histories are replayed; what never fits is named, and why.

Windows and orders say when moves can have happened; whether the state allows them then is known only by walking
through.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from negsim.chronology import Chronology
from negsim.compiler import Compiled
from negsim.problems import Problem, ScenarioError
from negsim.replays import replay, walk_anyway
from negsim.state import Array, Floats
from negsim.streams import address_words, open_stream

PURPOSE_STARTS = 72
"""Purpose number of the streams that draw points of a chronology."""
DRAWS = 64
MOST_BLOCKS = 50
A_WAY: Final = (
    "a move that the state allows; what came before it and nobody told is a row of its own, as implied "
    "(rows of one day happen as they are listed)"
)
A_REMEDY: Final = "say in the column `after` which row comes first (previous: the row above), or narrow the dates"
SCARCE: Final = 0.1
"""Share of random datings below which a chronology is said to leave little room."""
CULPRITS: Final = 3
"""Moves that are named then, those at which most datings stop."""


@dataclass(frozen=True, eq=False)
class Walk:
    """What came of replaying some histories of a chronology.

    Attributes
    ----------
    possible : array of bool, shape (draws,)
        Whether the state allowed every move.
    impossible : array, shape (moves,)
        In how many draws each move (in the order of the chronology) was not allowed.
    first : array, shape (moves,)
        In how many draws it was the first that was not.
    reasons : dict of int to str
        For moves that were the first once: why.
    """

    possible: Array
    impossible: Array
    first: Array
    reasons: dict[int, str]

    @property
    def share(self) -> float:
        """Share of the draws that the model can walk through."""
        return float(self.possible.mean())


def draw_points(chronology: Chronology, count: int, seed: int, block: int = 0) -> Floats:
    """Draw points of the unit cube of a chronology's unknowns, shape (count, unknowns)."""
    stream = open_stream(seed, PURPOSE_STARTS, block, address_words("point"))
    return np.asarray(stream.random((count, len(chronology.unknowns))))


def walk(compiled: Compiled, chronology: Chronology, unit: Floats) -> Walk:
    """Replay the histories at some points and say where the state does not allow them."""
    placed, histories = chronology.place(compiled, unit), chronology.stack(compiled, unit)
    refused: Array = np.isneginf(replay(compiled, histories, until=chronology.until).events)
    size = len(chronology.moves)
    places = chronology.sort(placed.days).T
    impossible = np.bincount(places[refused[:size]], minlength=size)
    bad = np.flatnonzero(refused.any(axis=0))
    firsts = places[refused.argmax(axis=0)[bad], bad]
    reasons = {}
    for place, column in dict(zip(firsts.tolist(), bad.tolist(), strict=True)).items():
        alone = histories.select(np.array([column]))
        reasons[place] = replay(compiled, alone, until=chronology.until).problems[0]
    possible: Array = np.logical_not(np.any(refused, axis=0))
    return Walk(possible, impossible, np.bincount(firsts, minlength=size), reasons)


def find_impossible(compiled: Compiled, chronology: Chronology, file: str, draws: int = DRAWS) -> list[Problem]:
    """Find moves that the state allows on none of the dates tried, whatever is made of those before them.

    Where each move alone is possible on some dates, and all together on none of many, the one that is refused most
    often is named.
    """
    if not chronology.moves:
        return []
    unit = draw_points(chronology, draws, 0)
    seen = walk(compiled, chronology, unit)
    if seen.possible.any():
        return []
    culprits = np.flatnonzero((seen.impossible == draws) & (seen.first > 0)).tolist()
    reasons = {place: seen.reasons[place] for place in culprits} | _refused_anyway(compiled, chronology, unit)
    if reasons:
        return [Problem(file, f"row {chronology.moves[place].row}", reasons[place], A_WAY) for place in sorted(reasons)]
    try:
        find_starts(compiled, chronology, 1, 0)
    except ScenarioError as error:
        return [replace(problem, file=file) for problem in error.problems]
    return []


def describe_room(compiled: Compiled, chronology: Chronology, draws: int = DRAWS) -> list[str]:
    """Say where the state allows few of some random datings: how many, and which rows stop them; else nothing."""
    if not chronology.unknowns:
        return []
    seen = walk(compiled, chronology, draw_points(chronology, draws, 0))
    if seen.share >= SCARCE:
        return []
    worst = [place for place in np.argsort(-seen.first, kind="stable")[:CULPRITS].tolist() if seen.first[place]]
    return [
        f"  of {draws} random datings of what is vague, the state allows {seen.possible.sum()}: a fit may find too few",
        *(f"  {seen.first[place]} stop at {chronology.moves[place].key}: {seen.reasons[place]}" for place in worst),
        f"  {A_REMEDY}",
    ]


def _refused_anyway(compiled: Compiled, chronology: Chronology, unit: Floats) -> dict[int, str]:
    """Moves refused on all dates even if all before them had happened, and why (their places in the chronology)."""
    given = walk_anyway(compiled, chronology.stack(compiled, unit), chronology.until)
    refused = np.isneginf(given.logs)
    places = chronology.sort(chronology.place(compiled, unit).days).T
    count = np.bincount(places[refused], minlength=len(chronology.moves))
    always = set(np.flatnonzero(count == len(unit)).tolist())
    if not always:
        return {}
    alone = walk_anyway(compiled, chronology.stack(compiled, unit[:1]), chronology.until)
    first = places[refused[:, 0], 0].tolist()
    return {place: said for place, said in zip(first, alone.problems, strict=False) if place in always}


def find_starts(compiled: Compiled, chronology: Chronology, count: int, seed: int) -> Floats:
    """Find points of the unit cube whose histories are possible, shape (count, unknowns).

    Drawn uniformly among those that are, by trying: the same seed gives the same points.

    Raises
    ------
    ScenarioError
        When hardly any point is possible; the message names the move that is refused most often, and why.
    """
    found, tried = np.empty((0, len(chronology.unknowns))), 0
    for blocks in _rounds():
        unit = np.concatenate([draw_points(chronology, max(count, DRAWS), seed, block) for block in blocks])
        seen = walk(compiled, chronology, unit)
        found, tried = np.concatenate((found, unit[seen.possible])), tried + len(unit)
        if len(found) >= count:
            return found[:count]
    worst = int(seen.first.argmax())
    given = f"{len(found)} possible histories of {tried} drawn; mostly {seen.reasons[worst]}"
    allowed = "dates that the state allows more often: narrower ones, or an order (the column `after`)"
    raise ScenarioError([Problem(chronology.name, f"row {chronology.moves[worst].row}", given, allowed)])


def _rounds() -> Iterator[range]:
    """Which blocks of draws are walked through at once: one, and as long as that is not enough as many as before."""
    done, coming = 0, 1
    while done < MOST_BLOCKS:
        yield range(done, coming)
        done, coming = coming, min(2 * coming, MOST_BLOCKS)
