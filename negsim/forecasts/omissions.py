"""What would be thought if nobody knew when an event happened? It is left out as latent, not as absent.

What came after an event may need it, so its date is integrated over the whole window of observation, as far as the
order of events allows. Draws of the posterior are weighted by the ratio of that integral to the one over the event's
own days (:mod:`negsim.calibration.influence`); where those weights cannot be trusted, or a row tells several moves at
once, the case is fitted again to the chronology without the date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from negsim.calibration.influence import widen_date
from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.psis import effective_sample_size, smooth_weights
from negsim.chronology import Chronology
from negsim.forecasts.fits import Fits
from negsim.state import Floats, Ints

DRAWS: Final = 400
"""Draws that are weighted."""
DATES: Final = 12
"""Dates at which an event left out is tried, for each draw."""
TRUSTED: Final = 0.7
"""Largest k-hat of weights that are trusted."""
FEWEST: Final = 30.0
"""Least effective number of draws behind weights that are trusted."""


NOT_KNOWN: Final = "not known"


@dataclass(frozen=True, eq=False)
class Omission:
    """A fit without the date of an event.

    Attributes
    ----------
    how : str
        ``weights`` of the posterior's draws, ``refit``, ``refused`` (a fit not to be trusted: nothing is known), or
        ``not known`` (weights that cannot be trusted, before the case is fitted again).
    k_hat : float
        Of the weights; NaN where none were tried.
    log_weights : array, shape (draws,) or None
        Of the first draws, where they are trusted.
    worth : float
        Independent draws that the weighted ones are worth.
    posterior : Posterior or None
        The other fit.
    """

    how: str
    k_hat: float
    log_weights: Floats | None = None
    worth: float = 0.0
    posterior: Posterior | None = None


def weigh_out(likelihood: ChronologyLikelihood, drawn: Posterior, places: Sequence[int], seed: int = 0) -> Omission:
    """Leave out the dates of some told moves (those of an event) by weights of draws, where they can be trusted.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
    drawn : Posterior
        Equally weighted draws (:meth:`Posterior.resample`); the first :data:`DRAWS` are weighted.
    places : sequence of int
        Of the moves, among those of the chronology.
    seed : int
        For the dates that are tried.

    Returns
    -------
    Omission
        By ``weights``, or ``not known``.
    """
    k_hat = np.nan
    if len(places) == 1:
        some = take_draws(drawn, slice(DRAWS))
        log_ratio, _ = widen_date(likelihood, some, places[0], DATES, seed)
        smooth, k_hat = smooth_weights(log_ratio)
        share = effective_sample_size(smooth) / len(smooth)
        worth = share * min(drawn.ess, len(smooth))
        if k_hat <= TRUSTED and worth >= FEWEST:
            return Omission("weights", k_hat, smooth, worth)
    return Omission(NOT_KNOWN, k_hat)


def refit_without(likelihood: ChronologyLikelihood, places: Sequence[int], fits: Fits) -> Omission:
    """Leave out the dates of some told moves by another fit: ``refit`` or ``refused``."""
    try:
        other = fits.find(likelihood.compiled.scenario, forget_dates(likelihood.chronology, places))
    except SamplingError:
        return Omission("refused", np.nan)
    return Omission("refit", np.nan, posterior=other)


def forget_dates(chronology: Chronology, places: Sequence[int]) -> Chronology:
    """The chronology, of some told moves only that they happened in its window."""
    low, high = chronology.window
    moves = tuple(
        replace(move, low=low, high=high, implied=True) if place in places else move
        for place, move in enumerate(chronology.moves)
    )
    return replace(chronology, moves=moves)


def take_draws(drawn: Posterior, which: slice | Ints) -> Posterior:
    """Take some of equally weighted draws."""
    return replace(
        drawn,
        draws=drawn.draws[which],
        latent=drawn.latent[which],
        log_likelihood=drawn.log_likelihood[which],
        log_weights=drawn.log_weights[which],
    )
