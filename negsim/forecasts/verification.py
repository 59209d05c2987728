"""How good was a forecast, and could this period have shown it? Scores of outlooks, differences, and their power.

All forecasters are asked the same questions about the same period. Each is scored by what was told: the log score and
the Brier score of whether something happens at all, the continuous ranked probability score of how often, and of when
first (in years, the period's end cutting it off). Where an outcome is vague its scores are averaged over placements.

A difference between two forecasters is set against what it would be were either of them right: their own futures, taken
as outcomes, give its distribution under both, whatever the dependence between questions. The same, before anything is
known of the period, is the power of a hold-out of this size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from negsim.forecasts.outlooks import Outlook
from negsim.margins import write_error
from negsim.scores import brier, crps, log_score
from negsim.state import Floats
from negsim.streams import open_stream

if TYPE_CHECKING:
    import pandas

LEVEL: Final = 0.05
"""How often a difference may be called one when the reference is right."""
ROUNDING: Final = 1e-9
"""Relative difference up to which two gains are one."""
PURPOSE_POWER: Final = 99
"""Purpose number of the stream that draws futures again."""
RESAMPLED: Final = 60
"""How often that is done."""
YEAR: Final = 365.25
SCORES: Final = ("log_score", "brier", "crps_count", "crps_first")


def score(outlook: Outlook, happened: Outlook) -> pandas.DataFrame:
    """Score a forecaster on each question.

    Parameters
    ----------
    outlook : Outlook
        What was forecast.
    happened : Outlook
        What came about; several runs are placements of what is vague, and scores are averaged over them.

    Returns
    -------
    DataFrame
        A row for each question: ``question``, ``probability``, ``happened`` (share of the placements), ``log_score``
        (nats), ``brier``, ``crps_count`` (events), ``crps_first`` (years). All are losses.
    """
    import pandas as pd

    probability = outlook.probability
    any_time = np.isfinite(happened.first)
    years = outlook.period.days / YEAR
    counts, first = outlook.count.T.astype(float), np.minimum(outlook.first.T / YEAR, years)
    told_first = np.minimum(happened.first / YEAR, years)
    table = pd.DataFrame({"question": [question.label for question in outlook.period.questions]})
    table["probability"] = probability
    table["happened"] = any_time.mean(axis=0)
    table["log_score"] = log_score(probability, any_time).mean(axis=0)
    table["brier"] = brier(probability, any_time).mean(axis=0)
    table["crps_count"] = np.mean([crps(counts, run.astype(float)) for run in happened.count], axis=0)
    table["crps_first"] = np.mean([crps(first, run) for run in told_first], axis=0)
    return table


def score_all(outlooks: Sequence[Outlook], happened: Outlook) -> pandas.DataFrame:
    """Score several forecasters: sums over questions of each score, a row for each forecaster."""
    import pandas as pd

    rows = []
    for outlook in outlooks:
        found = score(outlook, happened)
        rows.append({"forecaster": outlook.name} | {name: float(found[name].sum()) for name in SCORES})
    return pd.DataFrame(rows)


# -- differences ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Power:
    """What a period could show of two forecasters.

    Attributes
    ----------
    name, reference : str
        The forecaster, and the one it is held against.
    score : str
        ``log_score`` or ``brier``; a gain is how much less the forecaster loses than the reference, over all questions.
    level : float
        How often a gain may be called one when the reference is right.
    critical : float
        Gain above which it is called one: exceeded with probability `level` when the reference is right.
    power : float
        Probability that the gain exceeds it when the forecaster is right; `power_error` its standard error: of the
        futures of both, from which also `critical` and the probabilities are known.
    if_right, if_wrong : float
        Mean gain when the forecaster is right, and when the reference is.
    gain : float or None
        What it was, where an outcome is known.
    p_value : float or None
        Probability of a gain at least as large when the reference is right (by simulation). Where the outcome is vague
        it is cautious: a gain that is averaged over placements varies less than those of single futures.
    """

    name: str
    reference: str
    score: str
    level: float
    critical: float
    power: float
    power_error: float
    if_right: float
    if_wrong: float
    gain: float | None = None
    p_value: float | None = None

    def describe(self) -> str:
        """Say it in a sentence or two."""
        before = (
            f"{self.name} against {self.reference}: were {self.name} right, a period like this would show it with "
            f"probability {self.power:.2f} ± {write_error(self.power_error)} (gain above {self.critical:.2f}; "
            f"{self.if_right:+.2f} on average, {self.if_wrong:+.2f} were {self.reference} right)."
        )
        if self.gain is None or self.p_value is None:
            return before
        verdict = "" if self.p_value <= self.level else " The period cannot tell them apart."
        said = "p < 0.001" if self.p_value < 0.001 else f"p = {self.p_value:.3f}"
        return f"{before} It was {self.gain:+.2f} ({said}, simulated).{verdict}"


def power(
    outlook: Outlook,
    reference: Outlook,
    happened: Outlook | None = None,
    *,
    score: str = "log_score",
    level: float = LEVEL,
) -> Power:
    """Say whether a period could tell two forecasters apart, before or after it is over.

    The futures of each forecaster are taken as outcomes in turn, as the source would report them: a model's outlook
    (:func:`~negsim.forecasts.outlooks.see`) leaves out what the chronology's coverage does. How coarsely the source
    gives dates does not matter: the log and the Brier score ask only whether something was reported in the period.

    Parameters
    ----------
    outlook, reference : Outlook
        Two forecasts of the same questions and period.
    happened : Outlook, optional
        What happened.
    score : {"log_score", "brier"}
    level : float
        See :class:`Power`.

    Returns
    -------
    Power
    """
    if outlook.period != reference.period:
        raise ValueError("the two forecasters were asked about different questions or periods")
    if score not in ("log_score", "brier"):
        raise ValueError(f"score {score!r} is not one of log_score, brier")
    right, wrong = (_gains(outlook, reference, truth, score) for truth in (outlook, reference))
    critical = float(np.quantile(wrong, 1 - level, method="higher"))
    share = _share_above(right, critical)
    gain = p_value = None
    if happened is not None:
        gain = float(_gains(outlook, reference, happened, score).mean())
        # The mean of equal placements may miss them by its last bit: then what ties with it would not count.
        p_value = float(((wrong > gain - ROUNDING * max(1.0, abs(gain))).sum() + 1) / (len(wrong) + 1))
    error = float(np.sqrt(max(share * (1 - share), 1 / len(right)) / len(right)))
    error = max(error, _scatter_power(outlook, reference, score, level))
    names = (outlook.name, reference.name, score, level)
    return Power(*names, critical, share, error, float(right.mean()), float(wrong.mean()), gain, p_value)


def _share_above(gains: Floats, bound: float) -> float:
    """Share of gains above one of them, whatever their sums' last bits."""
    return float((gains > bound + ROUNDING * max(1.0, abs(bound))).mean())


def _gains(outlook: Outlook, reference: Outlook, truth: Outlook, score: str) -> Floats:
    """Gain over all questions, for each run of what came about, shape (runs,)."""
    least, more = _gain_by_question(outlook.probability, reference.probability, score)
    return np.asarray(least + np.isfinite(truth.first) @ more)


def _gain_by_question(probability: Floats, reference: Floats, score: str) -> tuple[float, Floats]:
    """Gain where nothing happens, and how much larger it is where each question is answered, shape (questions,)."""
    formula = log_score if score == "log_score" else brier
    without, with_it = (formula(reference, way) - formula(probability, way) for way in (False, True))
    return float(without.sum()), np.asarray(with_it - without)


def _scatter_power(outlook: Outlook, reference: Outlook, score: str, level: float) -> float:
    """Standard deviation of the power, had both forecasters drawn other futures: their own are drawn again."""
    stream, found = open_stream(0, PURPOSE_POWER, 0, ()), []
    happened = [np.isfinite(one.first).astype(float) for one in (outlook, reference)]
    for _ in range(RESAMPLED):
        drawn = [stream.integers(len(each), size=len(each)) for each in happened]
        times = [np.bincount(which, minlength=len(which)) for which in drawn]
        chances = [(count @ each + 0.5) / (len(each) + 1) for count, each in zip(times, happened, strict=True)]
        least, more = _gain_by_question(chances[0], chances[1], score)
        right, wrong = ((least + each @ more)[which] for each, which in zip(happened, drawn, strict=True))
        found.append(_share_above(right, float(np.quantile(wrong, 1 - level, method="higher"))))
    return float(np.std(found, ddof=1))
