"""Which numbers does an outcome hang on? Sobol indices, screening, one number at a time; each with two errors.

A sweep knows its outcome at some points only, and at each point from some runs only. So a share of variance is
uncertain in two ways, which are told apart: by the points (a confidence interval, from resampling them) and by the runs
(a Monte-Carlo error, from resampling those). Where points share their clocks, runs are resampled for all of them
together.
"""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import erf, ndtri

from negsim.state import Floats, Ints
from negsim.sweeps.designs import Design, describe_problem, require_salib
from negsim.sweeps.readings import Sweep, average_runs, error_of_mean

if TYPE_CHECKING:
    import pandas

PURPOSE: Final = 92
"""Address of the draws that resample."""
RESAMPLED: Final = 200
"""How often points, and runs, are resampled."""
CONFIDENCE: Final = 0.95
NOISIEST: Final = 0.9
"""Share of the variance between points that the noise of the runs may have for indices to be told."""
MOSTLY: Final = 0.9
"""Share of the resampled indices that must be known for their spread to be told."""


def sobol_indices(
    done: Sweep, event: str, what: str = "happened", *, until: dt.date | str | None = None, seed: int = 0
) -> pandas.DataFrame:
    """Shares of an outcome's variance that each parameter explains, alone and with all others (Sobol 1993).

    Parameters
    ----------
    done : Sweep
        Of a design made by :meth:`negsim.Design.sobol_indices`.
    event, what, until
        The outcome, as in :meth:`negsim.Sweep.outcome`: its mean over runs is what is explained.
    seed : int
        Seed of the resampling.

    Returns
    -------
    DataFrame
        By name: ``first`` (explained by the number alone) and ``total`` (with all its interactions), after Saltelli et
        al. (2010); for each of them ``_low`` and ``_high``, 95% confidence by resampling points, and ``_mcse``, the
        Monte-Carlo error by resampling runs. What the noise of the runs adds to the variances is taken off; of a single
        run it is not known, nor is the Monte-Carlo error (NaN); nor is that of so few runs that nearly all could be
        noise.

    Raises
    ------
    ValueError
        For another design, for points without a run that came to the end, and for an outcome that is the same at all
        points, or differs between them hardly by more than the noise of the runs.
    """
    return explain_variance(done.design, read_outcome(done, event, what, until), done.manifest["common_noise"], seed)


def explain_variance(design: Design, outcome: Floats, common: bool = True, seed: int = 0) -> pandas.DataFrame:
    """Find Sobol indices of an outcome that is given run by run, shape (points, runs); see :func:`sobol_indices`."""
    import pandas as pd

    if design.kind != "sobol_indices":
        raise ValueError(f"Sobol indices need a design of Design.sobol_indices, not of kind {design.kind!r}")
    count, dims = int(design.details["n"]), len(design.names)
    middle = _require_means(outcome)
    if np.ptp(middle) == 0:
        raise ValueError(f"the outcome is {middle[0]:g} at all points: there is no variance to explain")
    noise = _measure_noise(outcome, middle, count, dims)
    found = _estimate(middle, count, dims, noise)
    if np.isnan(found).any():
        raise ValueError("points hardly differ by more than the noise of their runs: take more runs, or a wider region")
    stream = open_resampling(seed)
    chosen = (stream.integers(count, size=count) for _ in range(RESAMPLED))
    by_points = _keep_known([_estimate(middle, count, dims, noise, rows=rows) for rows in chosen])
    # What is drawn from the runs anew has their noise twice: in the means that it is drawn around, and around them.
    drawn = resample_runs(outcome, common, stream)
    by_runs = _keep_known([_estimate(means, count, dims, noise, times=2.0) for means in drawn])
    columns: dict[str, Any] = {"name": list(design.names)}
    for place, word in enumerate(("first", "total")):
        low, high = np.quantile(by_points[:, place], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
        columns |= {word: found[place], f"{word}_low": low, f"{word}_high": high}
        columns[f"{word}_mcse"] = by_runs[:, place].std(axis=0, ddof=1)
    return pd.DataFrame(columns).set_index("name")


def _keep_known(drawn: Sequence[Floats]) -> Floats:
    """Those of some resampled indices that can be told; all, and so nothing of their spread, where that leaves few."""
    every = np.array(drawn)
    known = ~np.isnan(every).any(axis=(1, 2))
    return every[known] if known.mean() >= MOSTLY else every


def _split_variance(values: Floats, count: int, dims: int) -> Floats:
    """Part of each pair of points of A and B in the variances, shape (points,) to (1 + 2 names, count).

    Their means are the variance of the outcome and, of each number, what it explains by itself (Saltelli et al. 2010)
    and with all others (Jansen 1999).
    """
    blocks = values.reshape(dims + 2, count) - values[: 2 * count].mean()
    first, second, mixed = blocks[0], blocks[1], blocks[2:]
    return np.vstack(((first**2 + second**2) / 2, second * (mixed - first), (first - mixed) ** 2 / 2))


def _measure_noise(outcome: Floats, middle: Floats, count: int, dims: int) -> Floats:
    """What the noise of the runs adds to each part on average, shape (1 + 2 names, count).

    The parts are squares and products of means over runs, so it follows from how the runs lie about these: as much as
    the parts of all runs' distances from the mean, each over the root of n (n - 1). Of a single run it is not known.
    """
    runs = (~np.isnan(outcome)).sum(axis=1)
    scale = np.sqrt(runs * np.maximum(runs - 1, 1))
    added = np.zeros((1 + 2 * dims, count))
    for run in outcome.T:
        added += _split_variance(np.where(np.isnan(run), 0.0, run - middle) / scale, count, dims)
    return added


def _estimate(
    means: Floats, count: int, dims: int, noise: Floats, times: float = 1.0, rows: Ints | slice = slice(None)
) -> Floats:
    """First-order and total indices, shape (2, names), of some pairs of points; NaN where nearly all is noise."""
    blocks = means.reshape(dims + 2, count)[:, rows]
    parts = _split_variance(blocks.ravel(), count, dims) - times * noise[:, rows]
    whole, *shares = parts.mean(axis=1)
    added = times * noise[0, rows].mean()
    noisy = added >= NOISIEST * (whole + added)
    return np.reshape(shares, (2, dims)) / (np.nan if noisy else whole)


# -- screening --------------------------------------------------------------------------------------------------------


def morris_effects(
    done: Sweep, event: str, what: str = "happened", *, until: dt.date | str | None = None, seed: int = 0
) -> pandas.DataFrame:
    """Screen parameters by the mean and spread of elementary effects (Morris 1991; Campolongo et al. 2007).

    Parameters
    ----------
    done : Sweep
        Of a design made by :meth:`negsim.Design.morris`.
    event, what, until
        The outcome, as in :meth:`negsim.Sweep.outcome`.
    seed : int
        Seed of the resampling.

    Returns
    -------
    DataFrame
        By name: ``mu_star``, the mean size of the change when the number goes through its range; ``mu``, with its sign;
        ``sigma``, how much that depends on where the others are; ``mu_star_ci``, half of the 95% confidence interval
        over trajectories; ``mu_star_mcse``, the Monte-Carlo error. What the noise of the runs adds to ``sigma`` and
        ``mu_star`` is taken off (of ``mu_star`` as far as effects are spread like normal ones); of a single run it is
        not known, nor is the Monte-Carlo error (NaN).
    """
    if done.design.kind != "morris":
        raise ValueError(f"elementary effects need a design of Design.morris, not of kind {done.design.kind!r}")
    return screen(done.design, read_outcome(done, event, what, until), done.manifest["common_noise"], seed)


def screen(design: Design, outcome: Floats, common: bool = True, seed: int = 0) -> pandas.DataFrame:
    """Find elementary effects of an outcome that is given run by run, shape (points, runs); see `morris_effects`."""
    import pandas as pd

    effects = _find_effects(design, _require_means(outcome))
    noise = _measure_scatter(design, outcome)
    sizes, sigma = _take_off(effects, noise)
    # What is drawn from the runs anew has their noise twice: in the means that it is drawn around, and around them.
    drawn = resample_runs(outcome, common, open_resampling(seed), RESAMPLED // 4)
    spread = np.array([_take_off(_find_effects(design, means), 2 * noise)[0] for means in drawn]).std(axis=0, ddof=1)
    half = ndtri((1 + CONFIDENCE) / 2) * np.abs(effects).std(axis=0, ddof=1) / np.sqrt(len(effects))
    columns = {"mu_star": sizes, "mu": effects.mean(axis=0), "sigma": sigma, "mu_star_ci": half, "mu_star_mcse": spread}
    return pd.DataFrame(columns, index=pd.Index(design.names, name="name"))


def _find_effects(design: Design, values: Floats) -> Floats:
    """Change for the whole range of each number along each trajectory, shape (points,) to (trajectories, names)."""
    ends = np.array([design.details["ranges"][name] for name in design.names], dtype=float)
    size = len(design.names)
    places = ((design.values - ends[:, 0]) / np.diff(ends, axis=1)[:, 0]).reshape(-1, size + 1, size)
    steps = np.diff(places, axis=1)  # of each step one number is not 0
    changes = np.diff(values.reshape(-1, size + 1), axis=1)
    moved = np.abs(steps).argmax(axis=2)
    found = np.empty_like(changes)
    np.put_along_axis(found, moved, changes / np.take_along_axis(steps, moved[:, :, None], axis=2)[:, :, 0], axis=1)
    return found


def _measure_scatter(design: Design, outcome: Floats) -> Floats:
    """Variance between trajectories that the noise of the runs adds to the effects of each number, shape (names,)."""
    middle, runs = average_runs(outcome), (~np.isnan(outcome)).sum(axis=1)
    scale = np.sqrt(runs * np.maximum(runs - 1, 1))
    apart = (np.where(np.isnan(run), 0.0, run - middle) / scale for run in outcome.T)
    return np.asarray(sum(_find_effects(design, run).var(axis=0, ddof=1) for run in apart))


def _take_off(effects: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Mean size of the effects, and their spread, without noise of a variance; shape (names,) each."""
    middle, whole = effects.mean(axis=0), effects.var(axis=0, ddof=1)
    sigma = np.sqrt(np.maximum(whole - noise, 0.0))
    plain, with_noise = (_fold(middle, spread) for spread in (sigma, np.sqrt(sigma**2 + noise)))
    less = np.divide(plain, with_noise, out=np.ones_like(plain), where=with_noise > 0)
    return np.maximum(np.abs(effects).mean(axis=0) * less, np.abs(middle)), sigma


def _fold(mean: Floats, sd: Floats) -> Floats:
    """Mean size of normal values."""
    far = np.divide(mean, sd, out=np.full_like(mean, np.inf), where=sd > 0)
    return np.asarray(sd * np.sqrt(2 / np.pi) * np.exp(-(far**2) / 2) + np.abs(mean) * erf(np.abs(far) / np.sqrt(2)))


def pawn_indices(
    done: Sweep, event: str, what: str = "happened", *, until: dt.date | str | None = None, seed: int = 0
) -> pandas.DataFrame:
    """How far knowing a parameter shifts the distribution of the outcome: PAWN (Pianosi & Wagener 2018).

    Works with any design that fills a region: a Latin hypercube, a Sobol sequence, draws. A dummy parameter without any
    influence (``(none)``) is listed with the others: whatever is not clearly above it is noise.

    Parameters
    ----------
    done : Sweep
    event, what, until
        The outcome, as in :meth:`Sweep.outcome`.
    seed : int
        Seed of the resampling and of the number without influence.

    Returns
    -------
    DataFrame
        By name: ``median``, ``mean`` and ``maximum`` over slices of the number's range of the Kolmogorov-Smirnov
        distance between the outcome there and anywhere; ``median_mcse``, the Monte-Carlo error.
    """
    analyse = require_salib("SALib.analyze.pawn").analyze
    nothing = open_resampling(seed).random(len(done.design))
    values = np.column_stack([done.design.values, nothing])
    names = [*done.design.names, "(none)"]
    problem = describe_problem(dict.fromkeys(names, (0.0, 1.0)))

    def find(means: Floats) -> dict[str, Floats]:
        found = analyse(problem, values, means, S=10, seed=seed)
        return {name: np.asarray(found[name], dtype=float) for name in ("median", "mean", "maximum")}

    return _tabulate(done, read_outcome(done, event, what, until), find, seed, names)


def _tabulate(
    done: Sweep, outcome: Floats, find: Callable[[Floats], dict[str, Floats]], seed: int, names: list[str]
) -> pandas.DataFrame:
    """Put what was found beside the Monte-Carlo error of its first column."""
    import pandas as pd

    middle = _require_means(outcome)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SALib's own, about older calls of numpy and pandas
        found = find(middle)
        leading = next(iter(found))
        drawn = resample_runs(outcome, done.manifest["common_noise"], open_resampling(seed), RESAMPLED // 4)
        spread = np.array([find(means)[leading] for means in drawn]).std(axis=0, ddof=1)
    columns = {**found, f"{leading}_mcse": spread}
    return pd.DataFrame(columns, index=pd.Index(names, name="name"))


# -- one number at a time ---------------------------------------------------------------------------------------------


def one_at_a_time(
    done: Sweep, event: str, what: str = "happened", *, until: dt.date | str | None = None
) -> pandas.DataFrame:
    """Change of the outcome when one parameter goes to the low or high end of its range and the others stay put.

    Parameters
    ----------
    done : Sweep
        Of a design made by :meth:`negsim.Design.one_at_a_time`.
    event, what, until
        The outcome, as in :meth:`negsim.Sweep.outcome`.

    Returns
    -------
    DataFrame
        By name: the ends of its range ``low`` and ``high``; the changes ``low_change`` and ``high_change`` of the mean
        outcome against the base, and their Monte-Carlo errors ``_mcse``, from the differences run by run (never 0:
        where no run differs they are as if half a one did); ``base``, the outcome at the base.
    """
    import pandas as pd

    if done.design.kind != "one_at_a_time":
        raise ValueError(f"this needs a design of Design.one_at_a_time, not of kind {done.design.kind!r}")
    outcome = read_outcome(done, event, what, until)
    rows = []
    for place, name in enumerate(done.design.names):
        row: dict[str, Any] = {"name": name}
        for end, word in enumerate(("low", "high")):
            point = 1 + 2 * place + end
            row[word] = done.design.values[point, place]
            row[f"{word}_change"], row[f"{word}_mcse"] = compare_points(
                outcome[point], outcome[0], done.manifest["common_noise"]
            )
        rows.append({**row, "base": average_runs(outcome[:1])[0]})
    return pd.DataFrame(rows).set_index("name")


def compare_points(there: Floats, here: Floats, common: bool) -> tuple[float, float]:
    """Difference of two points' mean outcomes and its Monte-Carlo error; by pairs of runs if they share clocks.

    The error of a single run is not known (NaN), nor is anything without one. Where all runs (or pairs) agree it is as
    if half a one did not.
    """
    if common:
        difference = there - here
        return float(average_runs(difference[None])[0]), _error_of_some(difference)
    first, second = average_runs(np.stack((there, here)))
    return float(first - second), float(np.hypot(_error_of_some(there), _error_of_some(here)))


def _error_of_some(outcome: Floats) -> float:
    return error_of_mean(outcome) or float(np.sqrt(0.5) / (~np.isnan(outcome)).sum())


# -- runs -------------------------------------------------------------------------------------------------------------


def read_outcome(done: Sweep, event: str, what: str, until: dt.date | str | None) -> Floats:
    """An outcome whose mean over runs can be taken, shape (points, runs)."""
    if what == "day":
        raise ValueError("what: a first date has no mean where an event may never happen; ask for happened or count")
    return done.outcome(event, what, until=until)


def _require_means(outcome: Floats) -> Floats:
    """Mean outcome of each point, where every point has one."""
    means = average_runs(outcome)
    if lacking := int(np.isnan(means).sum()):
        raise ValueError(
            f"{lacking} points have no run that came to the end: resume the sweep, or look at its failures and at the "
            "runs that exploded"
        )
    return means


def resample_runs(
    outcome: Floats, common: bool, stream: np.random.Generator, times: int = RESAMPLED
) -> Iterator[Floats]:
    """Draw the mean outcome of all points anew, as other runs might have given it, shape (points,) each time.

    NaN where no point has two runs: then nothing is known of how they differ.
    """
    known = ~np.isnan(outcome)
    filled = np.where(known, outcome, 0.0)
    runs = known.sum(axis=1)
    middle = filled.sum(axis=1) / runs
    squares = np.where(known, (outcome - middle[:, None]) ** 2, 0.0).sum(axis=1)
    spread = np.sqrt(squares / np.maximum(runs - 1, 1) / runs)
    if runs.max(initial=0) < 2:
        spread = np.full(len(runs), np.nan)
    # Runs drawn from n runs lie about their mean as n - 1 in n of the variance would have it.
    wider = np.where(runs.max(initial=0) > 1, np.sqrt(runs / np.maximum(runs - 1, 1)), np.nan)
    for _ in range(times):
        if common:
            weights = stream.multinomial(outcome.shape[1], np.full(outcome.shape[1], 1 / outcome.shape[1]))
            found = known @ weights
            yield middle + wider * np.where(found > 0, (filled @ weights) / np.maximum(found, 1) - middle, 0.0)
        else:
            yield middle + spread * stream.standard_normal(len(middle))


def open_resampling(seed: int) -> np.random.Generator:
    """The stream that resamples."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(PURPOSE,)))
