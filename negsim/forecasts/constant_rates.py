"""How likely is a chronology if nothing depends on anything? Every move at a constant rate of its own.

What is possible is not asked: every move could happen at any time. So nothing is implied either: only told moves are to
be explained, and what a source would not have told stays open. Given where the vague dates lie the evidence has a
closed form (gamma rates, Poisson counts); its mean is taken over placements of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from scipy.special import gammaln, logsumexp

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.chronology import Chronology
from negsim.ensemble import simulate
from negsim.forecasts.drawing import PURPOSE_PRIOR, open_purpose
from negsim.state import Floats, Ints
from negsim.streams import address_words, open_stream

PLACEMENTS: Final = 1000
PURPOSE_PLACEMENTS: Final = 94
SHAPES: Final = np.geomspace(0.02, 5.0, 25)
MEANS: Final = np.geomspace(1e-3, 10.0, 41)
"""Prior means of constant rates that are tried, events per year."""
HISTORIES: Final = 1000
"""Histories drawn from the prior that say how often the case expects each move."""
STEADIEST: Final = 100.0
"""Largest shape of a rate's gamma prior: it is known to a tenth."""


def constant_rate_evidence(likelihood: ChronologyLikelihood, seed: int = 0) -> tuple[float, float]:
    """Log evidence of a chronology if every move happened at a constant rate, and its standard error.

    The rates share a gamma prior, whose two numbers are those under which the chronology is likeliest: that favours
    this rival.
    """
    counts, row, exposed, logs = _place(likelihood, seed)
    known = (exposed > 0) | (counts > 0).any(axis=0)
    counts, exposed = counts[:, known], exposed[known]
    tried = [(np.array(shape), np.array(shape * 365.25 / mean)) for shape in SHAPES for mean in MEANS]
    return max(_mean(logs + _gamma_poisson(counts, exposed, shape, rate)[row]) for shape, rate in tried)


def expected_rate_evidence(
    likelihood: ChronologyLikelihood, posterior: Posterior, seed: int = 0, histories: int = HISTORIES
) -> tuple[float, float]:
    """The same, each rate with the prior that the case itself implies.

    Its gamma prior has mean and variance of the rate at which the move happens in histories drawn from the case's
    prior (but for those that run away): what the case thinks of each move beforehand, without knowing on what it
    depends.

    Parameters
    ----------
    likelihood : ChronologyLikelihood
    posterior : Posterior
        Of the case: its prior is used.
    """
    compiled, told = likelihood.compiled, likelihood.chronology
    theta = posterior.prior.draw(histories, open_purpose(seed, PURPOSE_PRIOR))
    params = {name: theta[:, column] for column, name in enumerate(posterior.names)}
    drawn = simulate(
        compiled, runs=histories, seed=seed, params=params, until=told.until, engine=likelihood.engine
    ).whole
    histories = drawn.runs
    assert drawn.columns is not None, "events are recorded"
    run, event, _ = drawn.columns
    moves = compiled.world.moves
    here = event < moves
    number = np.bincount(run[here].astype(np.int64) * moves + event[here], minlength=histories * moves).reshape(
        histories, moves
    )
    # Half an event is added to all histories together: what none of them has is rare, not impossible.
    mean = (number.sum(axis=0) + 0.5) / histories
    spread = np.maximum(number.var(axis=0) - mean, mean**2 / STEADIEST)
    shape = np.maximum(mean**2 / spread, 0.5 / histories)
    counts, row, exposed, logs = _place(likelihood, seed)
    return _mean(logs + _gamma_poisson(counts, exposed, shape, shape * told.window[1] / mean)[row])


def _place(likelihood: ChronologyLikelihood, seed: int) -> tuple[Floats, Ints, Floats, Floats]:
    """Place everything vague.

    Returns
    -------
    counts : array, shape (ways, moves)
        How often each move is made, once for each way there is.
    row : array of int, shape (placements,)
        Which way a placement has.
    exposed : array, shape (moves,)
        Days exposed to each move.
    logs : array, shape (placements,)
        Of the volume, and of being told.
    """
    told = _keep_told(likelihood.chronology)
    coverage = told.coverage(likelihood.compiled)
    stream = open_stream(seed, PURPOSE_PLACEMENTS, 0, address_words("constant"))
    placed = told.place(likelihood.compiled, stream.random((PLACEMENTS, len(told.unknowns))))
    moves = likelihood.compiled.world.moves
    every = np.stack([np.bincount(row, minlength=moves) for row in placed.moves]).astype(float)
    counts, row = np.unique(every, axis=0, return_inverse=True)
    exposed = coverage.exposure(np.zeros(1), np.array([told.window[1]]))[:, 0][coverage.profile]
    shares = np.stack([coverage.log_share(m, d) for m, d in zip(placed.moves, placed.days, strict=True)]).sum(axis=1)
    return counts, row.reshape(-1), exposed, placed.log_volume + shares


def _keep_told(chronology: Chronology) -> Chronology:
    """The chronology without the moves that it only implies."""
    kept = [place for place, move in enumerate(chronology.moves) if not move.implied]
    number = {place: position for position, place in enumerate(kept)}
    links = tuple(
        replace(link, before=number[link.before], after=number[link.after])
        for link in chronology.links
        if link.before in number and link.after in number
    )
    return replace(chronology, moves=tuple(chronology.moves[place] for place in kept), links=links)


def _gamma_poisson(counts: Floats, exposed: Floats, shape: Floats, rate: Floats) -> Floats:
    """Log density of counts on given dates, the rates (per day) integrated over their gamma prior."""
    terms = gammaln(shape + counts) - gammaln(shape) + shape * np.log(rate) - (shape + counts) * np.log(rate + exposed)
    return np.asarray(terms.sum(axis=1))


def _mean(logs: Floats) -> tuple[float, float]:
    """Log of the mean over placements, and its standard error."""
    weights = np.exp(logs - logs.max())
    error = float(weights.std(ddof=1) / weights.mean() / np.sqrt(len(weights)))
    return float(logsumexp(logs) - np.log(len(logs))), error
