"""Which points of the parameters are looked at? Grids, samples that fill a region, draws, tables of one's own."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.calibration.posterior import Posterior
from negsim.calibration.priors import JointPrior, Prior1D, read_prior
from negsim.parameters import Belief, Parameter
from negsim.problems import MOST, require_whole
from negsim.scenario import Prior, Scenario
from negsim.scenario_files import take_scenario
from negsim.state import Floats

if TYPE_CHECKING:
    import pandas

Range = tuple[float, float] | Prior1D | Prior | Belief | Parameter
"""Where a number may lie: between two values, evenly; or as a prior says."""

PURPOSE: Final = 91
"""Address of the draws that make designs."""


@dataclass(frozen=True, eq=False, repr=False)
class Design:
    """The points of a sweep: values of some parameters. Its class methods make grids, samples and other designs.

    Attributes
    ----------
    names : tuple of str
        What varies: key paths of numbers or names of parameters.
    values : array, shape (points, names)
    kind : str
        How the points were chosen.
    details : dict
        What an analysis needs to know about the choice (levels of a grid, size of a sample, ranges).
    """

    names: tuple[str, ...]
    values: Floats
    kind: str = "table"
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.names or self.values.ndim != 2 or 0 in self.values.shape:
            raise ValueError("a design needs at least one name and one point")
        if self.values.shape[1] != len(self.names) or len(set(self.names)) < len(self.names):
            raise ValueError(f"{self.values.shape[1]} columns of values for the names {', '.join(self.names)}")
        wrong = np.argwhere(~np.isfinite(self.values))
        if len(wrong):
            point, place = wrong[0]
            raise ValueError(f"point {point}: {self.names[place]} is {self.values[point, place]}, no finite number")

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        return f"Design({self.kind}: {len(self):,} points of {', '.join(self.names)})"

    @property
    def digest(self) -> str:
        """SHA-256 of names and values."""
        content = repr(self.names).encode() + np.ascontiguousarray(self.values, dtype="<f8").tobytes()
        return hashlib.sha256(content).hexdigest()

    def to_frame(self) -> pandas.DataFrame:
        """Give the points as a table: a row for each, its number as index."""
        import pandas as pd

        return pd.DataFrame(self.values, columns=list(self.names), index=pd.RangeIndex(len(self), name="point"))

    # -- points that are written out --

    @classmethod
    @check_arguments
    def grid(cls, levels: Mapping[str, Sequence[float]]) -> Design:
        """Every combination of some levels; the last name varies fastest.

        Parameters
        ----------
        levels : mapping of str to sequence of float
            The levels of each number.

        Examples
        --------
        >>> Design.grid({"rate": [0.1, 0.2], "cost": [1.0, 2.0]}).values.tolist()
        [[0.1, 1.0], [0.1, 2.0], [0.2, 1.0], [0.2, 2.0]]
        """
        sides = {name: _read_levels(name, given) for name, given in levels.items()}
        many = math.prod(map(len, sides.values())) if sides else 0
        if many > MOST:
            raise ValueError(f"{' x '.join(str(len(side)) for side in sides.values())} levels: {MOST:,} points at most")
        columns = np.meshgrid(*sides.values(), indexing="ij")
        points = np.array([column.ravel() for column in columns], dtype=float).reshape(len(sides), many)
        return cls(tuple(sides), np.ascontiguousarray(points.T), "grid", {"levels": sides})

    @classmethod
    @check_arguments
    def table(cls, points: Any) -> Design:
        """Points of your own.

        Parameters
        ----------
        points : DataFrame or mapping of str to sequence of float
            A column for each number, a row for each point.
        """
        if not (isinstance(points, Mapping) or hasattr(points, "columns")):
            raise TypeError(f"points must be a table or a mapping of names to numbers, not {type(points).__name__}")
        columns = {str(name): _read_column(str(name), points[name]) for name in getattr(points, "columns", points)}
        if len({column.shape for column in columns.values()}) > 1:
            raise ValueError("the columns of a design must be of one length")
        return cls(tuple(columns), np.stack(list(columns.values()), axis=1) if columns else np.zeros((0, 0)))

    @classmethod
    @check_arguments
    def one_at_a_time(cls, ranges: Mapping[str, tuple[float, float]], base: Mapping[str, float]) -> Design:
        """A base point, and for each number its low and its high value with all others at the base (tornado).

        Parameters
        ----------
        ranges : mapping of str to (low, high)
        base : mapping of str to float
            The value of each number at the base.
        """
        names = tuple(ranges)
        missing = [name for name in names if name not in base]
        if missing:
            raise ValueError(f"no base value is given for {', '.join(missing)}")
        middle = np.array([_read_column(name, [base[name]])[0] for name in names])
        points = [middle]
        ends = {name: _read_ends(name, where) for name, where in ranges.items()}
        for place, name in enumerate(names):
            for end in ends[name]:
                point = middle.copy()
                point[place] = end
                points.append(point)
        return cls(names, np.array(points), "one_at_a_time", {"ranges": ends})

    # -- points that fill a region --

    @classmethod
    @check_arguments
    def latin_hypercube(cls, ranges: Mapping[str, Range], n: int, *, seed: int = 0) -> Design:
        """A Latin hypercube: each number takes each of `n` slices of its range once (McKay, Beckman & Conover 1979)."""
        from scipy.stats import qmc

        require_whole("n", n)
        cube = qmc.LatinHypercube(len(ranges), rng=_open_generator(seed)).random(n)
        return cls._fill(ranges, cube, "latin_hypercube", {"seed": seed})

    @classmethod
    @check_arguments
    def sobol(cls, ranges: Mapping[str, Range], n: int, *, seed: int = 0) -> Design:
        """Points of a scrambled Sobol sequence, which cover a region evenly (Sobol 1967; Owen 1998).

        `n` is a power of two. A longer sequence with the same seed begins with the points of a shorter one.
        """
        cube = _draw_sobol(len(ranges), n, seed)
        return cls._fill(ranges, cube, "sobol", {"seed": seed})

    @classmethod
    @check_arguments
    def sobol_indices(cls, ranges: Mapping[str, Range], n: int, *, seed: int = 0) -> Design:
        """Points from which :func:`negsim.sobol_indices` finds first-order and total indices: n (names + 2) of them.

        Two samples A and B of `n` points (a power of two, at least 2), and for each number A with that number's column
        taken from B (Saltelli et al. 2010).
        """
        require_whole("n", n, 2)
        dims = len(ranges)
        both = _draw_sobol(2 * dims, n, seed)
        first, second = both[:, :dims], both[:, dims:]
        mixed = [np.where(np.arange(dims) == place, second, first) for place in range(dims)]
        return cls._fill(ranges, np.concatenate([first, second, *mixed]), "sobol_indices", {"seed": seed, "n": n})

    @classmethod
    @check_arguments
    def morris(
        cls, ranges: Mapping[str, tuple[float, float]], *, seed: int = 0, trajectories: int = 20, levels: int = 4
    ) -> Design:
        """Trajectories that change one number after the other (Morris 1991); needs the extra `sensitivity`."""
        sample = require_salib("SALib.sample.morris").sample
        problem = describe_problem(ranges)
        points = sample(problem, trajectories, num_levels=levels, seed=_small_seed(seed))
        details = {"levels": levels, "ranges": dict(zip(ranges, problem["bounds"], strict=True))}
        return cls(tuple(ranges), np.asarray(points, dtype=float), "morris", details)

    @classmethod
    @check_arguments
    def draws(cls, source: Posterior | JointPrior, n: int, *, seed: int = 0) -> Design:
        """Draws of a posterior (by their weights) or of a prior."""
        generator = _open_generator(seed)
        if isinstance(source, Posterior):
            return cls(source.names, source.resample(n, generator).draws, "posterior", {"seed": seed})
        return cls(source.names, source.draw(n, generator), "prior", {"seed": seed})

    @classmethod
    @check_arguments
    def prior_draws(
        cls, case: Scenario | str | Path, n: int, *, seed: int = 0, names: Sequence[str] | None = None
    ) -> Design:
        """Draws of a case's parameters from the priors that it declares (default: of those it declares free)."""
        case = take_scenario(case)
        priors = {spec.name: spec.prior for spec in case.parameter if spec.prior is not None}
        free = [spec.name for spec in case.parameter if spec.role == "free" and spec.name in priors]
        chosen = free if names is None else list(names)
        lacking = [name for name in chosen if name not in priors]
        if lacking:
            raise ValueError(f"no prior is declared for {', '.join(lacking)}; there is one for {', '.join(priors)}")
        return cls.draws(JointPrior.declare({name: priors[name] for name in chosen}), n, seed=seed)

    @classmethod
    def _fill(cls, ranges: Mapping[str, Range], cube: Floats, kind: str, details: Mapping[str, Any]) -> Design:
        columns = [_stretch(name, where, cube[:, place]) for place, (name, where) in enumerate(ranges.items())]
        told = {
            name: _read_ends(name, where) if isinstance(where, tuple | list) else str(where)
            for name, where in ranges.items()
        }
        values = np.stack(columns, axis=1) if columns else np.zeros((0, 0))
        return cls(tuple(ranges), values, kind, {**details, "ranges": told})


def read_design(given: Any) -> Design:
    """Read a design in any of its forms: a design, a table, or levels of a grid by name."""
    if isinstance(given, Design):
        return given
    if isinstance(given, Mapping):
        return Design.grid(given)
    if hasattr(given, "columns") and hasattr(given, "index"):
        return Design.table(given)
    raise TypeError(f"a design is a Design, a DataFrame or a mapping of names to levels, not {type(given).__name__}")


def _read_column(name: str, given: Any) -> Floats:
    try:
        column = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: not every value is a number ({error})") from None
    if column.ndim != 1:
        raise ValueError(f"{name}: a column is a list of numbers whose name no other has; its shape is {column.shape}")
    return column


def _read_levels(name: str, given: Any) -> list[float]:
    if isinstance(given, str) or not hasattr(given, "__len__"):
        raise ValueError(f"{name}: levels are a list of numbers, not {given!r}")
    levels: list[float] = _read_column(name, given).tolist()
    if not levels or len(set(levels)) < len(levels):
        raise ValueError(f"{name}: levels must be different numbers, at least one, not {levels}")
    return levels


def _read_ends(name: str, where: Any) -> list[float]:
    try:
        low, high = (float(end) for end in where)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: a range is (low, high), not {where!r}") from None
    return [low, high]


def _stretch(name: str, where: Range, unit: Floats) -> Floats:
    """Stretch the unit interval over a range."""
    if isinstance(where, tuple | list):
        low, high = _read_ends(name, where)
        if not low < high:
            raise ValueError(f"{name}: a range goes from a lower to a higher number, not from {low} to {high}")
        return low + (high - low) * unit
    if not isinstance(where, Prior1D | Prior | Belief | Parameter):
        raise ValueError(f"{name}: a range is (low, high) or a prior, not {where!r}")
    inside = np.clip(unit, 1e-12, 1 - 1e-12)  # a sequence may touch 0, where a prior has no value
    return read_prior(where).ppf(inside)


def _draw_sobol(dims: int, n: int, seed: int) -> Floats:
    from scipy.stats import qmc

    require_whole("n", n)
    if n & (n - 1):
        below = 1 << int(math.log2(n))
        raise ValueError(f"a Sobol sequence has a power of two points, such as {below} or {2 * below}, not {n}")
    points: Floats = qmc.Sobol(dims, rng=_open_generator(seed)).random(n)
    return points


def _open_generator(seed: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSE,)))


def _small_seed(seed: int) -> int:
    """A seed for a library that takes 32 bits only."""
    return int(np.random.SeedSequence(seed, spawn_key=(PURPOSE,)).generate_state(1)[0])


def describe_problem(ranges: Mapping[str, Any]) -> dict[str, Any]:
    """What varies, in the words of SALib."""
    return {"num_vars": len(ranges), "names": list(ranges), "bounds": [_read_ends(*pair) for pair in ranges.items()]}


def require_salib(module: str) -> Any:
    """Import a part of SALib, or say which extra brings it."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError("this needs SALib: install negsim[sensitivity]") from error
