"""What if the source was only written because something happened? The likelihood, given that it did.

An article about an event exists because the event happened: had it not, nobody would have counted the years of silence
before it. Conditioned on the news, the likelihood is that of everything told, divided by how likely the news was on its
day whatever went before: its marginal intensity. That is found by simulation: histories with parameters from the prior,
and a Poisson regression of how often the news-making move falls in their last year, log-linear in the parameters'
standard coordinates and their squares and (where they are few) products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

import numpy as np
from scipy import linalg

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.priors import JointPrior
from negsim.ensemble import simulate
from negsim.problems import NegsimError, find_nearest
from negsim.state import Floats
from negsim.streams import open_stream

PURPOSE_SELECTION: Final = 97
RUNS: Final = 20_000
SPAN: Final = 365.0
"""The news is counted over so many days up to the end of the window."""
FEWEST_NEWS: Final = 100
"""With fewer moves of that kind in all histories the intensity is not known well enough."""
MOST_PRODUCTS: Final = 4
"""Products of parameters enter where there are no more than so many parameters."""
RIDGE: Final = 1.0
STEPS: Final = 50


class NoNews(NegsimError, ValueError):
    """The event that is conditioned on is no move of the scenario, or hardly ever happens; the message says which."""


@dataclass(frozen=True, eq=False)
class NewsIntensity:
    """Marginal intensity of the move that made the news, as a function of the parameters.

    Attributes
    ----------
    news : str
        Address of the move, with ``*``.
    coefficients : array
    covariance : array
        Of the coefficients.
    products : bool
        Whether products of parameters are among the features.
    events : int
        Moves that it was learned from.
    """

    news: str
    coefficients: Floats
    covariance: Floats
    products: bool
    events: int

    def log(self, z: Floats) -> Floats:
        """Log intensity per day at standard coordinates, shape (n, P) to (n,)."""
        return make_features(z, self.products) @ self.coefficients

    def error(self, z: Floats) -> Floats:
        """Standard error of the log intensity at standard coordinates, shape (n, P) to (n,)."""
        features = make_features(z, self.products)
        return np.asarray(np.sqrt(((features @ self.covariance) * features).sum(axis=1)))


def make_features(z: Floats, products: bool) -> Floats:
    """Features of the regression: 1, coordinates, their squares, and products if wanted."""
    parts = [np.ones((len(z), 1)), z, z**2]
    if products:
        first, second = np.triu_indices(z.shape[1], 1)
        parts.append(z[:, first] * z[:, second])
    return np.concatenate(parts, axis=1)


def learn_intensity(
    likelihood: ChronologyLikelihood, prior: JointPrior, news: str, seed: int, runs: int = RUNS
) -> NewsIntensity:
    """Learn how likely the news was, from histories with parameters from the prior.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
        Its window ends with the day of the news.
    prior : JointPrior
        Of its parameters.
    news : str
        Address of the move that made the news, with ``*`` for whatever is there.
    seed : int
    runs : int

    Raises
    ------
    NoNews
        When no move has this address, or hardly any history has one in its last year.
    """
    compiled, last = likelihood.compiled, likelihood.chronology.window[1]
    names = [event.name for event in compiled.labels.events[: compiled.world.moves]]
    wanted = np.array([number for number, name in enumerate(names) if fnmatchcase(name, news)], dtype=np.int64)
    if not len(wanted):
        near = find_nearest(news, names)
        raise NoNews(f"no move of {compiled.scenario.name} is called {news!r}{f'; nearest: {near}' if near else ''}")
    z = open_stream(seed, PURPOSE_SELECTION, 0, ()).standard_normal((runs, len(prior)))
    theta = prior.from_unconstrained(z)
    drawn = simulate(
        compiled,
        runs=runs,
        seed=seed,
        params=dict(zip(prior.names, theta.T, strict=True)),
        until=likelihood.chronology.until,
        engine=likelihood.engine,
    )
    assert drawn.columns is not None
    run, event, day = drawn.columns
    span = min(SPAN, last)
    counted = np.isin(event, wanted) & (day >= last - span) & (day < last)
    kept = np.setdiff1d(np.arange(runs), drawn.stopped[0])
    counts = np.bincount(run[counted], minlength=runs)[kept].astype(float)
    if counts.sum() < FEWEST_NEWS:
        raise NoNews(
            f"of {len(kept):,} histories under the prior, only {int(counts.sum())} moves in the last year before "
            f"{likelihood.chronology.until} are {news}: too few to learn how likely the news was"
        )
    products = len(prior) <= MOST_PRODUCTS
    coefficients, covariance = regress_counts(make_features(z[kept], products), counts, span)
    return NewsIntensity(news, coefficients, covariance, products, int(counts.sum()))


def regress_counts(features: Floats, counts: Floats, exposure: float) -> tuple[Floats, Floats]:
    """Poisson regression with a log link and a slight ridge (none on the constant), by Newton's method.

    Returns
    -------
    coefficients, covariance : arrays
        The covariance allows for counts that spread more than Poisson's (sandwich: White 1982).
    """
    penalty = np.full(features.shape[1], RIDGE)
    penalty[0] = 0.0
    found = np.zeros(features.shape[1])
    found[0] = np.log(counts.mean() / exposure)
    for _ in range(STEPS):
        expected = exposure * np.exp(np.minimum(features @ found, 20.0))
        slope = features.T @ (counts - expected) - penalty * found
        curve = (features * expected[:, None]).T @ features + np.diag(penalty)
        step = linalg.solve(curve, slope, assume_a="pos")
        found = found + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-8:
            break
    inverse = np.linalg.inv(curve)
    spread = features * (counts - expected)[:, None]
    return found, inverse @ (spread.T @ spread) @ inverse


def condition_on_news(
    likelihood: ChronologyLikelihood, prior: JointPrior, intensity: NewsIntensity
) -> Callable[..., Floats]:
    """Give the log-likelihood of everything told, given that the news happened on its day."""

    def conditioned(theta: Floats, unit: Floats | None = None) -> Floats:
        told = likelihood(theta) if unit is None else likelihood(theta, unit)
        return told - intensity.log(prior.to_unconstrained(theta))

    return conditioned
