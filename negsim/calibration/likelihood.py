"""How likely is a chronology under parameters and dates? The bridge from the kernel to the samplers.

The samplers see one function of points: parameters by name, and for everything the chronology leaves open a coordinate
between 0 and 1. Its mean over the coordinates is the likelihood of the parameters (docs/model.md, section 10).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from negsim.calibration.chains import ChainLikelihood, explain_no_chain
from negsim.calibration.priors import JointPrior
from negsim.chronology import Chronology
from negsim.compiler import Compiled
from negsim.history import Coverage, Stacked, stack_moves
from negsim.replays import Replay, replay
from negsim.state import Floats


@dataclass(frozen=True)
class ChronologyLikelihood:
    """Log-likelihood of a chronology.

    Attributes
    ----------
    compiled : Compiled
        The scenario.
    chronology : Chronology
        What happened.
    names : tuple of str
        Parameters of the points: names of the scenario's parameters, or key paths.
    engine : str
        Who replays (see :func:`negsim.simulate`).
    workers : int
        Threads of the compiled engine.
    """

    compiled: Compiled
    chronology: Chronology
    names: tuple[str, ...]
    engine: str = "numpy"
    workers: int = 1

    @property
    def open_dates(self) -> int:
        """Number of coordinates that the chronology leaves open."""
        return len(self.chronology.unknowns)

    @cached_property
    def coverage(self) -> Coverage:
        """What the source would have reported, and of implied moves all in their windows."""
        return self.chronology.coverage(self.compiled)

    @cached_property
    def reported(self) -> Coverage:
        """What the source would have reported, of implied moves as of others: for those that are taken as given."""
        return self.chronology.reporting.compile(self.compiled, self.chronology.window)

    def __call__(self, theta: Floats, unit: Floats | None = None) -> Floats:
        """Log-likelihood at some points.

        Parameters
        ----------
        theta : array, shape (n, len(names))
        unit : array, shape (n, open_dates)
            May be left out where nothing is open.

        Returns
        -------
        array, shape (n,)
            Minus infinity where the history is impossible.
        """
        placed = self.chronology.place(self.compiled, np.zeros((len(theta), 0)) if unit is None else unit)
        sequence = self.chronology.placement.sequence
        histories = stack_moves(placed.days[:, sequence], placed.moves[:, sequence])
        return self.score(theta, histories).total + placed.log_volume

    def score(self, theta: Floats, histories: Stacked, coverage: Coverage | None = None) -> Replay:
        """Replay histories under parameters, a column each (default: by :attr:`coverage`)."""
        params = {name: theta[:, column] for column, name in enumerate(self.names)}
        until, coverage = self.chronology.until, coverage or self.coverage
        return replay(
            self.compiled, histories, params, until=until, coverage=coverage, engine=self.engine, workers=self.workers
        )

    def histories(self, unit: Floats) -> Stacked:
        """Turn coordinates into histories, a column each."""
        return self.chronology.stack(self.compiled, unit)

    def explain_no_marginal(self) -> str:
        """Say why the dates cannot be integrated out by a particle filter; nothing where they can."""
        if self.engine != "compiled":
            return 'it needs the compiled engine: --engine auto, in Python engine="auto"'
        return explain_no_chain(self.compiled, self.chronology)

    def marginal(self, prior: JointPrior, seed: int, narrow: bool = False) -> ChainLikelihood:
        """Make the likelihood of parameters alone, the dates integrated out; `prior` is that of :attr:`names`."""
        return ChainLikelihood(self.compiled, self.chronology, prior, seed, self.workers, narrow)


def find_free(compiled: Compiled, roles: Sequence[str] = ("free", "marginalised")) -> tuple[str, ...]:
    """List the parameters of a scenario by their roles."""
    return tuple(spec.name for spec in compiled.scenario.parameter if spec.role in roles)
