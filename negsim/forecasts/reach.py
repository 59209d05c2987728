"""Could a sequence of this length tell two models apart? E-values of records drawn from either, before they are known.

Complete records, to the day, are drawn from each of two fitted models: more than any source tells. Of each record both
models say event by event how likely it was, given what came before (their predictions averaged over draws of their
posteriors, as each record teaches them on the way). The running ratio is an e-value: drawn from the reference, it
exceeds 20 anywhere in a record with probability 1/20 at most (Ville's inequality). The share that did is told beside
the power, as a check on the working of both.

Of what a source would tell of a record (:func:`negsim.observe`) nothing is said: what it leaves out, and dates that it
coarsens, would have to be integrated over by two fits for each record. On average it shows less; how much less is not
computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import logsumexp

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.posterior import Posterior
from negsim.ensemble import simulate
from negsim.forecasts.drawing import PURPOSE, open_purpose
from negsim.history import Stacked, stack_histories
from negsim.margins import write_error
from negsim.replays import replay, split_runs
from negsim.state import Floats

LEVEL: Final = 0.05
"""An e-value of 1 over this is called enough."""
RECORDS: Final = 100
"""Records drawn from each model."""
DRAWS: Final = 50
"""Draws of each posterior over which predictions are averaged."""

Fitted = tuple[ChronologyLikelihood, Posterior]
"""A model, and what it learned."""


@dataclass(frozen=True)
class Reach:
    """What a complete record could show of two models.

    Attributes
    ----------
    name, reference : str
    power, power_error : float
        Probability that the e-value for the model is 1 / :data:`LEVEL` or more at the end, were it right.
    false_alarm, false_alarm_error : float
        Probability that it is so anywhere in the record, were the reference right: :data:`LEVEL` at most.
    if_right, if_wrong : float
        Median of the log e-value at the end, were the model right, and were the reference.
    impossible : float
        Share of the model's records in which something happens that the reference calls impossible.
    records : int
        Drawn from the model, and as many from the reference (but for those that ran away).
    """

    name: str
    reference: str
    power: float
    power_error: float
    false_alarm: float
    false_alarm_error: float
    if_right: float
    if_wrong: float
    impossible: float
    records: int

    def describe(self) -> str:
        """Say it in a sentence or two."""
        bounded = np.isfinite(self.if_right)
        middle = f"log evidence {self.if_right:+.1f} in the middle" if bounded else "beyond all bounds in the middle"
        never = f"; {100 * self.impossible:.0f}% of such records hold what {self.reference} calls impossible"
        power, alarm = (write_error(error) for error in (self.power_error, self.false_alarm_error))
        return (
            f"Could it be told? Were {self.name} right, a complete record of the same length, to the day, would speak "
            f"for it by a factor of {1 / LEVEL:.0f} or more with probability {self.power:.2f} ± {power} "
            f"({middle}{never if self.impossible else ''}). Were {self.reference} right, it would do so at any "
            f"moment with probability {self.false_alarm:.2f} ± {alarm} ({self.if_wrong:+.1f} in "
            f"the middle; {LEVEL:.2f} is the most that can be). What a source tells is less than such a record; how "
            "much less it could show is not computed."
        )


def measure_reach(
    model: Fitted,
    reference: Fitted,
    names: tuple[str, str] = ("the model", "the static model"),
    records: int | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> Reach:
    """Say what a complete record could show of two models.

    Parameters
    ----------
    model, reference : (ChronologyLikelihood, Posterior)
        Two variants of a case with their fits; records have the length of the chronology.
    names : (str, str)
        What they are called.
    records, draws : int, optional
        Default: :data:`RECORDS` and :data:`DRAWS`.
    seed : int

    Returns
    -------
    Reach
    """
    records, draws = records or RECORDS, draws or DRAWS
    pair = tuple((likelihood, _draw(posterior, draws, seed)) for likelihood, posterior in (model, reference))
    right, wrong = (_log_e_values(_draw_records(*truth, records, seed), pair) for truth in pair)
    enough = -np.log(LEVEL)
    power = float(np.mean([path[-1] >= enough for path in right]))
    false = float(np.mean([path.max() >= enough for path in wrong]))
    if_right, if_wrong = (float(np.median([path[-1] for path in paths])) for paths in (right, wrong))
    errors = _error(power, len(right)), _error(false, len(wrong))
    impossible = float(np.mean([np.isinf(path[-1]) for path in right]))
    return Reach(*names, power, errors[0], false, errors[1], if_right, if_wrong, impossible, len(right))


def _error(share: float, records: int) -> float:
    return float(np.sqrt(max(share * (1 - share), 1 / records) / records))


def _draw(posterior: Posterior, draws: int, seed: int) -> Floats:
    return posterior.resample(draws, open_purpose(seed, PURPOSE)).draws


def _draw_records(likelihood: ChronologyLikelihood, theta: Floats, records: int, seed: int) -> Stacked:
    """Complete records, each from one of some parameter vectors in turn; none of those that ran away."""
    taken = theta[np.arange(records) % len(theta)]
    params = {name: taken[:, column] for column, name in enumerate(likelihood.names)}
    until, engine = likelihood.chronology.until, likelihood.engine
    return stack_histories(
        split_runs(
            simulate(likelihood.compiled, runs=records, seed=seed, params=params, until=until, engine=engine).whole
        )
    )


def _log_e_values(records: Stacked, pair: tuple[tuple[ChronologyLikelihood, Floats], ...]) -> list[Floats]:
    """Of each record, the log e-value for the first model against the second after each move and at the end."""
    model, reference = (_foretell(records, *one) for one in pair)
    return [mine - other for mine, other in zip(model, reference, strict=True)]


def _foretell(records: Stacked, likelihood: ChronologyLikelihood, theta: Floats) -> list[Floats]:
    """Of each record, the log of what was said of all moves until each, and of all with the silence after the last."""
    columns, draws = records.columns, len(theta)
    params = {name: np.tile(theta[:, column], columns) for column, name in enumerate(likelihood.names)}
    paired = records.select(np.repeat(np.arange(columns), draws))
    found = replay(likelihood.compiled, paired, params, until=likelihood.chronology.until, engine=likelihood.engine)
    said = []
    for record in range(columns):
        here = slice(record * draws, (record + 1) * draws)
        length = int(np.isfinite(records.days[:, record]).sum())
        logs = np.vstack((found.events[:length, here], np.zeros((1, draws)))) - found.intervals[: length + 1, here]
        said.append(logsumexp(np.cumsum(logs, axis=0), axis=1) - np.log(draws))
    return said
