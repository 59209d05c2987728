"""Which region of the parameters leads to an outcome? A tree cuts it into boxes, judged on points it never saw.

Scenario discovery after Bryant & Lempert (2010), with a regression tree (Breiman et al. 1984) in place of PRIM. A tree
looks for the boxes that differ most, so it flatters itself on the points it was grown on. Therefore half of the points
grow it and the other half say what is in its boxes (an honest tree: Athey & Imbens 2016).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.margins import write_error
from negsim.state import Flags, Floats, Ints
from negsim.sweeps.readings import Sweep, average_runs, error_over_points

if TYPE_CHECKING:
    import pandas

PURPOSE: Final = 93
"""Address of the draw that divides the points."""
LEAST_POINTS: Final = 10
"""Points of either half in a box, at least (boxes with fewer held-out points have no error to tell)."""


@dataclass(frozen=True, eq=False, repr=False)
class Regions:
    """Boxes of the parameters, and what happens in them.

    Attributes
    ----------
    event : str
        What is looked for.
    names : tuple of str
        The numbers that vary.
    table : DataFrame
        A row for each box, the one where the event is most probable first: ``NAME.low`` and ``NAME.high`` (infinite
        where the box ends with the region), ``points`` held out in it, ``probability`` there and its error
        ``probability_se`` (over points: what the box leaves open; and over runs, where points share their clocks),
        ``share`` of the region that it takes, ``coverage``, its share of all histories in which the event happens.
    explained : float
        Share of the variance between held-out points that the boxes explain; below 0 they say nothing.
    """

    event: str
    names: tuple[str, ...]
    table: pandas.DataFrame
    explained: float

    def __repr__(self) -> str:
        return f"Regions({len(self.table)} boxes of {', '.join(self.names)} for {self.event!r})"

    def __str__(self) -> str:
        return self.describe()

    def describe(self) -> str:
        """Say it in words, a line for each box."""
        lines = [f"{self.event}: the boxes explain {self.explained:.0%} of the differences between points left out"]
        for number in range(len(self.table)):
            row = self.table.iloc[number]
            lines.append(
                f"  {row['probability']:.2f} ± {write_error(row['probability_se'])} where {self._say_box(row)} "
                f"({row['share']:.0%} of the region, {row['coverage']:.0%} of the cases)"
            )
        return "\n".join(lines)

    def _say_box(self, row: Any) -> str:
        sides = []
        for name in self.names:
            low, high = row[f"{name}.low"], row[f"{name}.high"]
            if np.isfinite(low) and np.isfinite(high):
                sides.append(f"{low:.3g} < {name} <= {high:.3g}")
            elif np.isfinite(low):
                sides.append(f"{name} > {low:.3g}")
            elif np.isfinite(high):
                sides.append(f"{name} <= {high:.3g}")
        return " and ".join(sides) or "anything holds"


def find_regions(
    done: Sweep,
    event: str,
    *,
    seed: int = 0,
    until: dt.date | str | None = None,
    most: int = 6,
    least_points: int = LEAST_POINTS,
) -> Regions:
    """Find boxes of the parameter space in which an event is likely or unlikely. Needs the extra `sensitivity`.

    Parameters
    ----------
    done : Sweep
        Of a design that fills a region (a Latin hypercube, a Sobol sequence, draws).
    event : str
        Kind of event, such as ``meet.official``.
    seed : int
        Seed of the split of the points into halves.
    until : date, optional
        By the end of this day (default: at all).
    most : int
        The largest number of boxes.
    least_points : int
        The smallest number of points in a box, of those that grow the tree.

    Returns
    -------
    Regions

    Raises
    ------
    ValueError
        When there are too few points.
    """
    outcome = done.outcome(event, until=until)
    names, values, common = done.design.names, done.design.values, done.manifest["common_noise"]
    return cut_into_boxes(names, values, outcome, event, most, least_points, seed, common)


def cut_into_boxes(
    names: tuple[str, ...],
    values: Floats,
    outcome: Floats,
    event: str,
    most: int,
    least_points: int,
    seed: int,
    common: bool = False,
) -> Regions:
    """Find boxes from points and what happens in their runs, shape (points, runs); see :func:`find_regions`."""
    import pandas as pd

    tree_maker = _require_tree()
    shares = average_runs(outcome)
    known = np.flatnonzero(~np.isnan(shares))
    if len(known) < 4 * least_points:
        raise ValueError(f"{len(known)} points: regions are found from {4 * least_points} or more")
    stream = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSE,)))
    shuffled = stream.permutation(known)
    growing, judging = shuffled[::2], shuffled[1::2]
    tree = tree_maker(max_leaf_nodes=max(most, 2), min_samples_leaf=least_points, random_state=0)
    tree.fit(values[growing], shares[growing])
    box_of = tree.apply(values[judging])
    rows = [
        {**_name_sides(names, sides), **_judge(outcome[judging], box_of == leaf, common)}
        for leaf, sides in _find_boxes(tree.tree_, len(names)).items()
    ]
    table = pd.DataFrame(rows).sort_values("probability", ascending=False, ignore_index=True)
    return Regions(event, names, table, _explain(shares[judging], box_of, shares[growing], tree.apply(values[growing])))


def _judge(outcome: Floats, here: Flags, common: bool) -> dict[str, float]:
    shares = average_runs(outcome)
    inside = shares[here]
    count, total = len(inside), float(shares.sum())
    return {
        "points": count,
        "probability": float(inside.mean()) if count else np.nan,
        "probability_se": error_over_points(outcome[here], common) if count > 1 else np.nan,
        "share": count / len(shares),
        "coverage": float(inside.sum()) / total if total else np.nan,
    }


def _explain(judged: Floats, box_of: Ints, grown: Floats, grown_box_of: Ints) -> float:
    """Share of the variance of points left out that the boxes' means, from the other half, explain."""
    means = {leaf: grown[grown_box_of == leaf].mean() for leaf in np.unique(grown_box_of)}
    left = judged - np.array([means[leaf] for leaf in box_of])
    spread = float(np.sum((judged - grown.mean()) ** 2))
    return 1.0 - float(np.sum(left**2)) / spread if spread else 0.0


def _name_sides(names: tuple[str, ...], sides: Floats) -> dict[str, float]:
    ends = ("low", "high")
    return {f"{name}.{end}": sides[place, at] for place, name in enumerate(names) for at, end in enumerate(ends)}


def _find_boxes(tree: Any, dims: int) -> dict[int, Floats]:
    """Sides of the boxes of a fitted tree, by leaf; shape (names, 2) each."""
    whole = np.tile([-np.inf, np.inf], (dims, 1))
    found: dict[int, Floats] = {}
    waiting = [(0, whole)]
    while waiting:
        node, sides = waiting.pop()
        if tree.children_left[node] < 0:
            found[node] = sides
            continue
        place, cut = tree.feature[node], tree.threshold[node]
        below, above = sides.copy(), sides.copy()
        below[place, 1], above[place, 0] = cut, cut
        waiting += [(tree.children_left[node], below), (tree.children_right[node], above)]
    return found


def _require_tree() -> Any:
    try:
        from sklearn.tree import DecisionTreeRegressor
    except ImportError as error:
        raise ImportError("this needs scikit-learn: install negsim[sensitivity]") from error
    return DecisionTreeRegressor
