"""What is thought of the parameters before any data? Priors, and the scale on which each of them is standard normal.

The samplers work in standard coordinates: ``z = quantile of the normal at the prior's cumulative probability``. There
every prior, whatever its family, is the same independent standard normal, so a step of one is a standard deviation of
what was thought beforehand, and the Jacobian is in the change of variable itself. The other side of it is people's
scale: an event rate per decade, a half-life in months, a probability (:meth:`JointPrior.describe`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy import special

from negsim.parameters import Belief, Parameter
from negsim.scenario import Prior
from negsim.state import Floats

Formula = Callable[[Any, float, float], Any]
"""A function of values and the two numbers of a prior."""

JUDGED_SCALES: Final[dict[str, tuple[float, str]]] = {
    "per year": (10.0, "events per decade"),
    "days": (12 / 365.25, "months"),
    "years": (12.0, "months"),
    "share": (100.0, "%"),
    "probability": (100.0, "%"),
}
"""What a unit is multiplied by and called where a person is to judge it."""

_HALF_LOG_TAU: Final = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class Family:
    """Formulas of a family of priors; in all of them `a` and `b` are its two numbers.

    Attributes
    ----------
    standardise, value : callable
        From a value to its standard coordinate and back.
    logpdf : callable
        Log density at a value inside the support.
    mean, variance : callable
        Moments, from the two numbers.
    support : callable
        Lowest and highest value, from the two numbers.
    positive : str
        Which numbers must be positive: ``"ab"``, ``"b"``, or ``"<"`` for a below b.
    """

    standardise: Formula
    value: Formula
    logpdf: Formula
    mean: Callable[[float, float], float]
    variance: Callable[[float, float], float]
    support: Callable[[float, float], tuple[float, float]]
    positive: str


def _from_tails(below: Floats, above: Floats) -> Floats:
    """Find the standard coordinate from the probabilities below and above: the smaller of them is the exact one."""
    return np.asarray(np.where(below < above, special.ndtri(below), -special.ndtri(above)))


def _to_tails(z: Floats, lower: Callable[[Any], Any], upper: Callable[[Any], Any]) -> Floats:
    """Find the value from whichever tail is the smaller."""
    tail = special.ndtr(-np.abs(z))
    return np.asarray(np.where(z < 0, lower(tail), upper(tail)))


def _beta_quantile(tail: Any, a: float, b: float) -> Any:
    """The value below which a beta distribution has a tail; scipy finds none for thin ones: only their power counts."""
    x = special.betaincinv(a, b, tail)
    return np.where(np.isnan(x), np.exp((_log(tail) + np.log(a) + special.betaln(a, b)) / a), x)


def _beta_quantile_above(tail: Any, a: float, b: float) -> Any:
    x = special.betainccinv(a, b, tail)
    return np.where(np.isnan(x), 1 - _beta_quantile(tail, b, a), x)


def _log(x: Any) -> Any:
    with np.errstate(divide="ignore"):
        return np.log(x)


FAMILIES: Final[dict[str, Family]] = {
    "normal": Family(
        standardise=lambda x, a, b: (x - a) / b,
        value=lambda z, a, b: a + b * z,
        logpdf=lambda x, a, b: -0.5 * ((x - a) / b) ** 2 - np.log(b) - _HALF_LOG_TAU,
        mean=lambda a, b: a,
        variance=lambda a, b: b**2,
        support=lambda a, b: (-np.inf, np.inf),
        positive="b",
    ),
    "lognormal": Family(
        standardise=lambda x, a, b: _log(x / a) / b,
        value=lambda z, a, b: a * np.exp(b * z),
        logpdf=lambda x, a, b: -0.5 * (_log(x / a) / b) ** 2 - _log(x) - np.log(b) - _HALF_LOG_TAU,
        mean=lambda a, b: a * np.exp(b**2 / 2),
        variance=lambda a, b: a**2 * np.exp(b**2) * np.expm1(b**2),
        support=lambda a, b: (0.0, np.inf),
        positive="ab",
    ),
    "beta": Family(
        standardise=lambda x, a, b: _from_tails(special.betainc(a, b, x), special.betaincc(a, b, x)),
        value=lambda z, a, b: _to_tails(z, lambda p: _beta_quantile(p, a, b), lambda p: _beta_quantile_above(p, a, b)),
        logpdf=lambda x, a, b: special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x) - special.betaln(a, b),
        mean=lambda a, b: a / (a + b),
        variance=lambda a, b: a * b / ((a + b) ** 2 * (a + b + 1)),
        support=lambda a, b: (0.0, 1.0),
        positive="ab",
    ),
    "gamma": Family(
        standardise=lambda x, a, b: _from_tails(special.gammainc(a, b * x), special.gammaincc(a, b * x)),
        value=lambda z, a, b: (
            _to_tails(z, lambda p: special.gammaincinv(a, p), lambda p: special.gammainccinv(a, p)) / b
        ),
        logpdf=lambda x, a, b: a * np.log(b) + special.xlogy(a - 1, x) - b * x - special.gammaln(a),
        mean=lambda a, b: a / b,
        variance=lambda a, b: a / b**2,
        support=lambda a, b: (0.0, np.inf),
        positive="ab",
    ),
    "uniform": Family(
        standardise=lambda x, a, b: _from_tails((x - a) / (b - a), (b - x) / (b - a)),
        value=lambda z, a, b: _to_tails(z, lambda p: a + (b - a) * p, lambda p: b - (b - a) * p),
        logpdf=lambda x, a, b: np.full(np.shape(x), -np.log(b - a)),
        mean=lambda a, b: (a + b) / 2,
        variance=lambda a, b: (b - a) ** 2 / 12,
        support=lambda a, b: (a, b),
        positive="<",
    ),
}
"""The families that a scenario and a term may name."""

_FIELDS: Final = {
    "normal": ("mean", "sd"),
    "lognormal": ("median", "sd"),
    "beta": ("a", "b"),
    "gamma": ("a", "b"),
    "uniform": ("low", "high"),
}


@dataclass(frozen=True)
class Prior1D:
    """A prior on one number.

    Parameters
    ----------
    family : {"normal", "lognormal", "beta", "gamma", "uniform"}
    first, second : float
        Its two numbers: mean and sd (normal), median and sd of the logarithm (lognormal), a and b (beta), shape and
        rate (gamma), low and high (uniform).
    unit : str
        Unit of the number, for people.

    Raises
    ------
    ValueError
        For a family that is not known, or numbers that it cannot have.

    Examples
    --------
    >>> rate = Prior1D("lognormal", 0.5, 0.7, "per year")
    >>> print(rate.describe())
    lognormal: median 5 events per decade, 90% between 1.58 and 15.8
    """

    family: str
    first: float
    second: float
    unit: str = ""

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"prior family {self.family!r} is not one of {', '.join(FAMILIES)}")
        a, b = self.first, self.second
        allowed = {"b": b > 0, "ab": min(a, b) > 0, "<": a < b}[FAMILIES[self.family].positive]
        if not (allowed and np.isfinite([a, b]).all()):
            names = " and ".join(_FIELDS[self.family])
            raise ValueError(f"a {self.family} prior cannot have {names} {a:g} and {b:g}")

    def standardise(self, x: Any) -> Floats:
        """Standard coordinate of values: 0 is the prior's median, 1 one standard deviation up (84% are below)."""
        low, high = self.support
        inside = np.clip(np.asarray(x, dtype=float), low, high)
        return np.asarray(FAMILIES[self.family].standardise(inside, self.first, self.second))

    def value(self, z: Any) -> Floats:
        """Value at a standard coordinate."""
        return np.asarray(FAMILIES[self.family].value(np.asarray(z, dtype=float), self.first, self.second))

    def logpdf(self, x: Any) -> Floats:
        """Log density; minus infinity outside the support."""
        x = np.asarray(x, dtype=float)
        low, high = self.support
        inside = (x >= low) & (x <= high)
        with np.errstate(invalid="ignore"):
            density = FAMILIES[self.family].logpdf(np.clip(x, low, high), self.first, self.second)
        return np.where(inside & ~np.isnan(density), density, -np.inf)

    def ppf(self, probability: Any) -> Floats:
        """Value below which the number lies with a probability."""
        return self.value(special.ndtri(np.asarray(probability, dtype=float)))

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw values, shape (n,)."""
        return self.value(rng.standard_normal(n))

    @property
    def support(self) -> tuple[float, float]:
        """Lowest and highest value."""
        return FAMILIES[self.family].support(self.first, self.second)

    @property
    def mean(self) -> float:
        """Prior mean."""
        return float(FAMILIES[self.family].mean(self.first, self.second))

    @property
    def sd(self) -> float:
        """Prior standard deviation."""
        return float(np.sqrt(FAMILIES[self.family].variance(self.first, self.second)))

    def describe(self) -> str:
        """Say it on a scale that a person can judge: median and central 90%."""
        factor, scale = JUDGED_SCALES.get(self.unit, (1.0, self.unit))
        middle, low, high = (f"{factor * number:.3g}" for number in self.ppf([0.5, 0.05, 0.95]))
        gap = "" if scale in ("", "%") else " "
        return f"{self.family}: median {middle}{gap}{scale}, 90% between {low} and {high}"


def read_prior(declared: Belief | Parameter | Prior | Prior1D) -> Prior1D:
    """Read a prior in any of the forms in which the model declares one."""
    match declared:
        case Prior1D():
            return declared
        case Parameter():
            return Prior1D(declared.belief.family, declared.belief.first, declared.belief.second, declared.unit)
        case Belief():
            return Prior1D(declared.family, declared.first, declared.second)
    first, second = (getattr(declared, name) for name in _FIELDS[declared.family])
    if first is None or second is None:
        raise ValueError(f"a {declared.family} prior needs {' and '.join(_FIELDS[declared.family])}")
    return Prior1D(declared.family, first, second)


@dataclass(frozen=True)
class JointPrior:
    """Independent priors on named parameters.

    Parameters
    ----------
    names : sequence of str
    priors : sequence of Prior1D, Belief, Parameter or scenario Prior
        One for each name.

    Examples
    --------
    >>> prior = JointPrior(["rate", "trust"], [Belief("lognormal", 2.0, 0.5), Belief("beta", 4.0, 4.0)])
    >>> print(prior.from_unconstrained([[0.0, 0.0]]).round(3))
    [[2.  0.5]]
    """

    names: tuple[str, ...]
    priors: tuple[Prior1D, ...]

    def __init__(self, names: Sequence[str], priors: Sequence[Belief | Parameter | Prior | Prior1D]) -> None:
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "priors", tuple(read_prior(prior) for prior in priors))
        if len(self.names) != len(self.priors):
            raise ValueError(f"{len(self.names)} names but {len(self.priors)} priors")
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"a name stands twice among {', '.join(self.names)}")

    @classmethod
    def declare(cls, priors: Mapping[str, Belief | Parameter | Prior | Prior1D]) -> JointPrior:
        """Put named priors together."""
        return cls(tuple(priors), tuple(priors.values()))

    def __len__(self) -> int:
        return len(self.names)

    def to_unconstrained(self, theta: Any) -> Floats:
        """Standard coordinates of parameter vectors, shape (..., P) to (..., P)."""
        columns = self._columns(theta)
        return self._stack([prior.standardise(x) for prior, x in columns], theta)

    def from_unconstrained(self, z: Any) -> Floats:
        """Parameter vectors at standard coordinates, shape (..., P) to (..., P)."""
        return self._stack([prior.value(x) for prior, x in self._columns(z)], z)

    def logpdf(self, theta: Any) -> Floats:
        """Log density of parameter vectors on their own scale, shape (..., P) to (...)."""
        return sum((prior.logpdf(x) for prior, x in self._columns(theta)), start=np.zeros(np.shape(theta)[:-1]))

    def logpdf_unconstrained(self, z: Any) -> Floats:
        """Log density in standard coordinates (the Jacobian included), shape (..., P) to (...)."""
        z = np.asarray(z, dtype=float)
        return np.asarray(-0.5 * (z * z).sum(axis=-1) - z.shape[-1] * _HALF_LOG_TAU)

    def ppf(self, unit: Any) -> Floats:
        """Parameter vectors at points of the unit cube, shape (..., P) to (..., P)."""
        return self.from_unconstrained(special.ndtri(np.asarray(unit, dtype=float)))

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw parameter vectors, shape (n, P)."""
        return self.from_unconstrained(rng.standard_normal((n, len(self))))

    @cached_property
    def mean(self) -> Floats:
        """Prior means, shape (P,)."""
        return np.array([prior.mean for prior in self.priors])

    @cached_property
    def sd(self) -> Floats:
        """Prior standard deviations, shape (P,)."""
        return np.array([prior.sd for prior in self.priors])

    def describe(self) -> str:
        """Say what is thought of each parameter, a line each, on scales that a person can judge."""
        width = max((len(name) for name in self.names), default=0)
        return "\n".join(
            f"{name:<{width}}  {prior.describe()}" for name, prior in zip(self.names, self.priors, strict=True)
        )

    def _columns(self, points: Any) -> Iterator[tuple[Prior1D, Floats]]:
        points = np.asarray(points, dtype=float)
        if points.shape[-1:] != (len(self),):
            raise ValueError(f"{len(self)} parameters, but points of shape {points.shape}")
        return ((prior, points[..., place]) for place, prior in enumerate(self.priors))

    def _stack(self, columns: list[Floats], like: Any) -> Floats:
        return np.stack(columns, axis=-1) if columns else np.zeros(np.shape(like))
