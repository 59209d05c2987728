"""Which blocks make up a sweep? Points by runs, cut so that no block ever changes when a sweep is expanded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from negsim.streams import BLOCK_WIDTH


@dataclass(frozen=True)
class Extent:
    """Points that came into a sweep together: from `first` to before `last`; and up to which runs, each time.

    ``runs`` begins with 0; each expansion adds a number.
    """

    first: int
    last: int
    runs: tuple[int, ...]


@dataclass(frozen=True)
class Cell:
    """A block before it is known what is in it: its place in the plan, and its name."""

    points: range
    first: int
    last: int

    @property
    def name(self) -> str:
        """Name of the file of the block, without the digest of its content."""
        points, runs = (self.points.start, self.points.stop), (self.first, self.last)
        return "points-{:07d}-{:07d}.runs-{:07d}-{:07d}".format(*points, *runs)


def plan_waves(extents: Sequence[Extent], points_per_block: int) -> Iterator[list[Cell]]:
    """Go through all blocks: those of the first 256 runs of every point, then those of the next, and so on."""
    edges = sorted({edge for extent in extents for edge in _cut_runs(extent)})
    for first, last in edges:
        yield [
            Cell(range(start, min(start + points_per_block, extent.last)), first, last)
            for extent in extents
            if (first, last) in _cut_runs(extent)
            for start in range(extent.first, extent.last, points_per_block)
        ]


def _cut_runs(extent: Extent) -> list[tuple[int, int]]:
    """Cut the runs of an extent where random blocks end, and where it ended before it was expanded."""
    cuts = {*extent.runs, *range(0, extent.runs[-1], BLOCK_WIDTH)}
    return list(pairwise(sorted(cuts)))


def count_runs(extents: Sequence[Extent]) -> int:
    """Runs of all points together."""
    return sum((extent.last - extent.first) * extent.runs[-1] for extent in extents)


def add_runs(extents: Sequence[Extent], runs: int) -> list[Extent]:
    """Let every point have more runs.

    Raises
    ------
    ValueError
        When some have as many already.
    """
    most = max(extent.runs[-1] for extent in extents)
    if runs <= most:
        raise ValueError(f"runs: the sweep has {most} already; expanding it to {runs} would add nothing")
    return [Extent(extent.first, extent.last, (*extent.runs, runs)) for extent in extents]


def add_points(extents: Sequence[Extent], points: int) -> list[Extent]:
    """Add points, which get as many runs as the others have."""
    last, runs = extents[-1].last, extents[0].runs[-1]
    return [*extents, Extent(last, last + points, (0, runs))]
