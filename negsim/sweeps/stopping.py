"""Has a point had enough runs? It has when the probabilities that matter are known as precisely as asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from negsim.results import error_of_share


class Stopping:
    """Counts, point by point, how often each event of interest happened.

    What it decides depends on the runs up to now and on nothing else, so a sweep that is interrupted, or spread over
    other workers, stops each point where it would have stopped anyway.

    Parameters
    ----------
    precision : mapping of str to float
        Largest error of the probability of each kind of event.
    points : int
        Number of points.
    """

    def __init__(self, precision: Mapping[str, float], points: int) -> None:
        self.precision = precision
        self.runs = np.zeros(points, dtype=np.int64)
        self.happened = {name: np.zeros(points, dtype=np.int64) for name in precision}
        self.failed = np.zeros(points, dtype=bool)

    def note(self, files: Iterable[Path], failed: Iterable[int]) -> None:
        """Take note of finished blocks."""
        import pyarrow.parquet as pq

        columns = ["point", "stopped", *(f"count.{name}" for name in self.precision)]
        for file in files:
            table = pq.read_table(file, columns=columns)
            table = table.filter(table["stopped"].is_null())
            point = table["point"].to_numpy()
            np.add.at(self.runs, point, 1)
            for name in self.precision:
                np.add.at(self.happened[name], point, table[f"count.{name}"].to_numpy() > 0)
        self.failed[list(failed)] = True

    def choose_open(self, points: Sequence[int]) -> tuple[int, ...]:
        """Those of some points that need more runs."""
        going = ~self.failed
        if self.precision:
            needs = [error_of_share(self.happened[name], self.runs) > error for name, error in self.precision.items()]
            going = going & np.any(needs, axis=0)
        return tuple(point for point in points if going[point])
