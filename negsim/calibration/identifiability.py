"""Which parameters, and which combinations of them, did the data speak to? Contraction, directions, power scaling.

Everything is worked out from the posterior's draws on the scale on which the prior is standard normal, so that one unit
is one standard deviation of what was thought beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import ndtr

from negsim.calibration.posterior import CANNOT_TELL, PRIOR_DRIVEN, SURE, Posterior
from negsim.calibration.psis import smooth_weights
from negsim.margins import write_error
from negsim.state import Floats
from negsim.streams import open_stream

if TYPE_CHECKING:
    import pandas

POWER: Final = 1.01
"""Power by which prior or likelihood is strengthened, and its inverse by which it is weakened."""
SENSITIVE: Final = 0.05
"""Sensitivity to power scaling from which on a posterior is said to depend on what was scaled."""
FAR: Final = 1.0
"""Prior standard deviations by which a mean must have moved before prior and data are said to disagree."""
NAMED: Final = 3
"""Parameters that are named in a direction."""
NARROWED, FLAT = "narrowed", "flat"
PURPOSE_CHANCE: Final = 85
"""Purpose number of the stream that finds how narrow a direction looks by chance."""
CHANCES: Final = 400
"""Samples from which that is found."""


@dataclass(frozen=True, eq=False)
class Identifiability:
    """What the data can tell about the parameters.

    Attributes
    ----------
    table : DataFrame
        A row for each parameter: `says` (see :meth:`Posterior.verdicts`), `contraction` and `contraction_mcse`,
        `shift`, `prior_sensitivity`, `likelihood_sensitivity`, and `note`.
    directions : DataFrame
        A row for each direction of the prior-whitened space, from the best learned to the flattest: `information`
        (Fisher information in units of the prior's), `contraction`, `contraction_mcse`, `says` (``narrowed`` by a tenth
        or more, ``cannot tell`` with so few draws, ``flat``), and `direction` in words.
    learned, learned_mcse : float
        Effective number of parameters learned: the sum of the directions' contractions.
    """

    table: pandas.DataFrame
    directions: pandas.DataFrame
    learned: float
    learned_mcse: float

    def summary(self) -> str:
        """Say it in words."""
        return "\n".join(self._tell())

    def _tell(self) -> Iterator[str]:
        size = len(self.table)
        yield f"the data are worth {self.learned:.1f} ± {write_error(self.learned_mcse, 1)} of {size} parameters"
        for says in ("learned", "moved", CANNOT_TELL, "prior-driven"):
            names = list(self.table.index[self.table["says"] == says])
            if names:
                yield f"  {says}{' with so few draws' if says == CANNOT_TELL else ''}: {', '.join(names)}"
        for name, note in self.table["note"].items():
            if note:
                yield f"  {name}: {note}"
        says = self.directions["says"]
        count = {word: int((says == word).sum()) for word in (NARROWED, CANNOT_TELL, FLAT)}
        are = "is" if count[FLAT] == 1 else "are"
        few = f"of {count[CANNOT_TELL]} so few draws do not tell, " if count[CANNOT_TELL] else ""
        yield (
            f"{count[NARROWED]} of {size} directions are narrowed by a tenth or more, {few}{count[FLAT]} {are} flat "
            "(share of the prior's variance taken away along each, and its loadings):"
        )
        for _, row in self.directions.iterrows():
            remark = "" if row["says"] == NARROWED else f"  ({row['says']})"
            yield f"  {row['contraction']:5.2f} ± {write_error(row['contraction_mcse'])}  {row['direction']}{remark}"


def identify(posterior: Posterior) -> Identifiability:
    """Tell what the data could tell.

    Parameters
    ----------
    posterior : Posterior

    Returns
    -------
    Identifiability
    """
    import pandas as pd

    scaled = {what: scale_power(posterior, what) for what in ("prior", "likelihood")}
    columns: dict[str, Any] = {
        "parameter": list(posterior.names),
        "says": posterior.verdicts(),
        "contraction": posterior.contraction(),
        "contraction_mcse": posterior.contraction_mcse(),
        "shift": posterior.shift(),
        **{f"{what}_sensitivity": values for what, values in scaled.items()},
        "note": [_note(*row) for row in zip(scaled["prior"], scaled["likelihood"], posterior.shift(), strict=True)],
    }
    values, vectors = find_directions(posterior)
    worth = posterior.ess if posterior.ess >= 2.0 else np.nan
    surely = np.logical_and.accumulate(values < find_bounds(len(values), posterior.ess, posterior.seed))
    lines = pd.DataFrame(
        {
            "information": 1 / values - 1,
            "contraction": 1 - values,
            "contraction_mcse": values * np.sqrt(2 / worth),
            "says": np.select([surely, 1 - values >= PRIOR_DRIVEN], [NARROWED, CANNOT_TELL], FLAT),
            "direction": [_name_direction(posterior.names, vector) for vector in vectors.T],
        }
    )
    learned, error = float((1 - values).sum()), float(np.sqrt(2 / worth * (values**2).sum()))
    return Identifiability(pd.DataFrame(columns).set_index("parameter"), lines, learned, error)


def find_directions(posterior: Posterior) -> tuple[Floats, Floats]:
    """Find the directions in which the posterior is narrowest, in prior standard deviations.

    The posterior's covariance there is the inverse of (1 + Fisher information) as far as it is a bell; its eigenvectors
    say which combinations of parameters the data narrowed.

    Returns
    -------
    variances : array, shape (P,)
        Of the posterior along each direction, the smallest first; 1 is the prior's.
    directions : array, shape (P, P)
        A column each.
    """
    z = posterior.prior.to_unconstrained(posterior.draws)
    away = z - posterior.weights @ z
    covariance = (posterior.weights[:, None] * away).T @ away
    values, vectors = np.linalg.eigh(covariance)
    return np.maximum(values, 1e-12), vectors


def find_bounds(size: int, draws: float, seed: int = 0) -> Floats:
    """Find below which variance a direction was surely narrowed by a tenth: the narrowest of many looks so by chance.

    Had the data narrowed all directions from the k-th on by just a tenth, the k-th variance would be nine tenths of the
    smallest eigenvalue of the covariance of as many normal draws in the dimensions that are left (a Wishart matrix,
    sampled by Bartlett's decomposition, 1933). The bound is its 2.3% quantile: two standard errors down.

    Parameters
    ----------
    size : int
        Directions.
    draws : float
        What the posterior's draws are worth.
    seed : int

    Returns
    -------
    array, shape (size,)
        In units of the prior's variance, for the narrowest direction first; a direction counts if all before it do.
    """
    n, places = int(draws), np.arange(size)
    if n <= size:
        return np.zeros(size)
    stream = open_stream(seed, PURPOSE_CHANCE, 0, ())
    factors = np.tril(stream.standard_normal((CHANCES, size, size)), -1)
    factors[:, places, places] = np.sqrt(stream.chisquare(n - places, (CHANCES, size)))
    chance = factors @ factors.transpose(0, 2, 1) / n
    smallest = [np.linalg.eigvalsh(chance[:, :left, :left])[:, 0] for left in range(size, 0, -1)]
    return np.asarray((1 - PRIOR_DRIVEN) * np.quantile(smallest, ndtr(-SURE), axis=1))


def scale_power(posterior: Posterior, what: str) -> Floats:
    """Measure how far the posterior of each parameter moves as the prior or the likelihood is raised to a power.

    Kallioinen, Paananen, Bürkner and Vehtari (2024), "Detecting and diagnosing prior and likelihood sensitivity with
    power-scaling", Statistics and Computing 34: a distance between distribution functions (cumulative Jensen-Shannon)
    for each doubling of the power, from smoothed importance weights.

    Parameters
    ----------
    posterior : Posterior
    what : {"prior", "likelihood"}
        What is raised to a power a little over and under 1.

    Returns
    -------
    array, shape (P,)
    """
    z = posterior.prior.to_unconstrained(posterior.draws)
    logs = posterior.log_likelihood if what == "likelihood" else posterior.prior.logpdf_unconstrained(z)
    total = np.zeros(len(posterior.names))
    for power in (POWER, 1 / POWER):
        weights = _normalise(posterior.log_weights + smooth_weights((power - 1) * logs)[0])
        for place in range(len(total)):
            total[place] += measure_distance(z[:, place], posterior.weights, weights)
    return np.asarray(total / (2 * np.log2(POWER)))


def measure_distance(values: Floats, first: Floats, second: Floats) -> float:
    """Distance between two weightings of the same values: the root of the cumulative Jensen-Shannon divergence.

    It is scaled to lie between 0 and 1, and the larger of those of the values and of their negatives.
    """
    order = np.argsort(values)
    gaps = np.diff(values[order])
    p, q = np.cumsum(first[order])[:-1], np.cumsum(second[order])[:-1]
    return float(max(_diverge(p, q, gaps), _diverge(1 - p, 1 - q, gaps)))


def _diverge(p: Floats, q: Floats, gaps: Floats) -> float:
    p, q = np.clip(p, 0.0, 1.0), np.clip(q, 0.0, 1.0)
    middle = np.maximum((p + q) / 2, 1e-300)
    sides = (gaps @ (side * np.log2(np.maximum(side, 1e-300) / middle)) for side in (p, q))
    # The terms that make each side's divergence positive cancel between the two.
    bound = gaps @ (p + q)
    return float(np.sqrt(max(sum(sides), 0.0) / bound)) if bound > 0 else 0.0


def _normalise(logs: Floats) -> Floats:
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())


def _note(prior: float, likelihood: float, shift: float) -> str:
    """Say what the sensitivities mean; a conflict shows only where the data took a parameter far from its prior."""
    if prior >= SENSITIVE and likelihood >= SENSITIVE and abs(shift) >= FAR:
        return "prior and data pull against each other (both matter when scaled)"
    if prior >= SENSITIVE > likelihood:
        return "leans on its prior (scaling the prior moves it, scaling the likelihood hardly)"
    return ""


def _name_direction(names: tuple[str, ...], vector: Floats) -> str:
    """Name the parameters that weigh most in a direction, with their loadings, the first positive."""
    largest = np.argsort(-np.abs(vector))[:NAMED]
    sign = np.sign(vector[largest[0]]) or 1.0
    return " ".join(f"{sign * vector[place]:+.2f} {names[place]}" for place in largest if abs(vector[place]) >= 0.2)
