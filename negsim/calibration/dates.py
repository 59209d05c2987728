"""How much of what was learned hangs on dates that nobody knows? Shares of variance, and fits with dates put by rule.

Unknown dates are sampled with the parameters, so no convention is needed; this says what a convention would have done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.sampling import sample_posterior
from negsim.margins import write_error
from negsim.state import Floats

if TYPE_CHECKING:
    import pandas

CONVENTIONS: Final = {"early": 0.1, "middle": 0.5, "late": 0.9}
"""Where in the room that is left to it each unknown date is put."""
NOTEWORTHY: Final = 0.1
"""Share of a parameter's variance below which dates are passed over in words."""


@dataclass(frozen=True, eq=False)
class DateSensitivity:
    """What unknown dates do to the parameters.

    Attributes
    ----------
    shares : DataFrame
        A row for each parameter: `share` of its posterior variance that goes with the unknown dates (adjusted R² of a
        linear regression on their ranks), `share_mcse`, the `date` that goes with it most, and their rank
        `correlation`.
    conventions : DataFrame or None
        A row for each parameter, a column for each convention: how far the posterior mean lies from the one that leaves
        dates open, in posterior standard deviations; with ``<convention>_mcse``. NaN where the convention makes the
        history impossible.
    """

    shares: pandas.DataFrame
    conventions: pandas.DataFrame | None = None

    def summary(self) -> str:
        """Say which parameters depend on unknown dates."""
        return "\n".join(self._tell())

    def _tell(self) -> Iterator[str]:
        worst = self.shares[self.shares["share"] >= NOTEWORTHY].sort_values("share", ascending=False)
        if not len(worst):
            yield f"no parameter has {NOTEWORTHY:.0%} or more of its posterior variance from unknown dates"
        for name, row in worst.iterrows():
            yield (
                f"  {name}: {row['share']:.0%} ± {write_error(100 * row['share_mcse'], 0)}% of its posterior variance "
                f"goes with unknown dates, most with {row['date']} (rank correlation {row['correlation']:+.2f})"
            )
        if self.conventions is not None:
            for way in CONVENTIONS:
                column = self.conventions[way]
                if column.isna().all():
                    yield f"  dates put {way}: the history is impossible"
                    continue
                name = column.abs().idxmax()
                error = self.conventions.loc[name, f"{way}_mcse"]
                yield f"  dates put {way}: {name} moves most, by {column[name]:+.2f} ± {write_error(error)} sd"


def measure_date_sensitivity(
    likelihood: ChronologyLikelihood, posterior: Posterior, conventions: bool = False, seed: int = 0
) -> DateSensitivity:
    """Measure how much hangs on unknown dates.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
    posterior : Posterior
    conventions : bool
        Fit anew with dates put early, in the middle and late (some ten thousand likelihoods each).
    seed : int
        Of those fits.
    """
    import pandas as pd

    unknowns = [unknown.key for unknown in likelihood.chronology.unknowns]
    z = posterior.prior.to_unconstrained(posterior.draws)
    size = len(unknowns)
    share = np.zeros(z.shape[1])
    closest: list[tuple[str, float]] = [("", 0.0)] * z.shape[1]
    if size:
        ranks = np.column_stack([_rank(column) for column in posterior.latent.T])
        mine = np.column_stack([_rank(column) for column in z.T])
        share = _explain(ranks, mine, posterior.weights, posterior.ess)
        together = _correlate(mine, ranks, posterior.weights)
        closest = [(unknowns[k], float(row[k])) for row in together if (k := int(np.abs(row).argmax())) >= 0]
    shares = pd.DataFrame(
        {
            "share": share,
            "share_mcse": _share_error(share, size, posterior.ess),
            "date": [name for name, _ in closest],
            "correlation": [value for _, value in closest],
        },
        index=pd.Index(posterior.names, name="parameter"),
    )
    return DateSensitivity(shares, _fit_by_convention(likelihood, posterior, seed) if conventions and size else None)


def _rank(values: Floats) -> Floats:
    return np.asarray(np.argsort(np.argsort(values)) / max(len(values) - 1, 1) - 0.5)


def _explain(ranks: Floats, values: Floats, weights: Floats, ess: float) -> Floats:
    """Adjusted share of each column's variance that a weighted linear regression explains."""
    root = np.sqrt(weights)[:, None]
    x = ranks - weights @ ranks
    y = values - weights @ values
    coefficients = np.linalg.lstsq(root * x, root * y, rcond=None)[0]
    left = weights @ (y - x @ coefficients) ** 2 / np.maximum(weights @ y**2, 1e-300)
    spare = max(ess - ranks.shape[1] - 1, 1.0)
    return np.asarray(np.clip(1 - left * max(ess - 1, 1.0) / spare, 0.0, 1.0))


def _share_error(share: Floats, dates: int, ess: float) -> Floats:
    """Standard error of an adjusted share: of a correlation that is there, and of what so many dates give by chance.

    Not known (NaN) of no more draws than dates; 0 only without a date.
    """
    spare = ess - dates - 1
    if spare <= 0:
        return np.full(len(share), np.nan)
    by_chance = 2 * dates / (spare * (ess + 1))
    return np.asarray((1 - share) * np.sqrt(4 * share / max(ess, 4.0) + by_chance))


def _correlate(first: Floats, second: Floats, weights: Floats) -> Floats:
    a, b = (values - weights @ values for values in (first, second))
    scale = np.sqrt(np.outer(weights @ a**2, weights @ b**2))
    return np.asarray((weights[:, None] * a).T @ b / np.maximum(scale, 1e-300))


def _fit_by_convention(likelihood: ChronologyLikelihood, posterior: Posterior, seed: int) -> pandas.DataFrame:
    import pandas as pd

    columns: dict[str, Floats] = {}
    for way, place in CONVENTIONS.items():
        point = np.full((1, likelihood.open_dates), place)

        def log_likelihood(theta: Floats, at: Floats = point) -> Floats:
            return likelihood(theta, np.repeat(at, len(theta), axis=0))

        try:
            found = sample_posterior(log_likelihood, posterior.prior, seed=seed)
        except SamplingError:
            columns |= {
                way: np.full(len(posterior.names), np.nan),
                f"{way}_mcse": np.full(len(posterior.names), np.nan),
            }
            continue
        columns[way] = (found.mean() - posterior.mean()) / posterior.sd()
        error = np.sqrt(1 / posterior.ess + (found.sd() / posterior.sd()) ** 2 / found.ess)
        columns[f"{way}_mcse"] = error
    return pd.DataFrame(columns, index=pd.Index(posterior.names, name="parameter"))
