"""Would a fit find the truth? Histories drawn with parameters from the prior, observed, fitted; where the truth ranks.

Simulation-based calibration (Talts and others 2018; Cook, Gelman and Rubin 2006): if simulator, observation, likelihood
and sampler are right, the truth is like one more draw of its posterior, so its rank is uniform: of every parameter, and
of quantities that depend on the data. Without those a likelihood that ignores its data would pass (Modrák and others
2023), so the log-likelihood is among them, and three more. Given a chronology and its posterior, truths are drawn from
that posterior instead and the new history is fitted together with the old one (posterior SBC: Säilynoja and others
2025): calibration where it matters.

Each simulation has its own address, so a study can be interrupted and gone on with: finished ones are lines of a file.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.calibration.fitting import declare_prior
from negsim.calibration.likelihood import ChronologyLikelihood, find_free
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.calibration.predictive import adjust_by_holm, simulate_history
from negsim.calibration.priors import JointPrior
from negsim.calibration.sampling import sample_posterior
from negsim.calibration.target import LogLikelihood
from negsim.chronology import Chronology
from negsim.compiler import Compiled, compile_case
from negsim.engines import choose_engine
from negsim.history import History
from negsim.observation import NothingObserved, Observer
from negsim.problems import list_names, require_whole
from negsim.progress import Progress, tell_count
from negsim.results import error_of_share
from negsim.scenario import Scenario
from negsim.scenario_files import scenario_digest
from negsim.state import Floats
from negsim.streams import open_stream
from negsim.version import VERSION

if TYPE_CHECKING:
    import pandas

PURPOSE_RANKS: Final = 89
DRAWS: Final = 199
"""Draws of a posterior at which quantities of the data are taken."""
INTERVAL: Final = 0.9
QUANTITIES: Final = ("log-likelihood", "expected moves", "hazard of the last move", "longest rescaled wait")
"""Quantities that depend on data, parameters and unknown dates together."""

NO_RANKS: Final = {"ranks": None, "method": "", "trusted": True, "evaluations": 0, "told": 0}
"""What is noted of a simulation that has none."""

Doctor = Callable[[ChronologyLikelihood], LogLikelihood]
"""Makes the log-likelihood that is fitted, from the right one."""


@dataclass(frozen=True, eq=False, repr=False)
class Ranks:
    """Where truths rank among the draws of their posteriors.

    Attributes
    ----------
    names : tuple of str
        The parameters, then :data:`QUANTITIES`.
    values : array, shape (simulations, quantities)
        Share of the posterior below the truth.
    fallbacks : int
        How many posteriors the quick sampler was not trusted with.
    failures : int
        How many no sampler was trusted with; they count as they are, none is dropped.
    blank : int
        Those of them in which not a single draw was found: they have no ranks.
    rejected : int
        Simulations in which nothing made the news (they are left out by a rule that looks at data only).
    ran_away : int
        Simulations whose history ran away (left out by such a rule as well: a history shows whether it did).
    """

    names: tuple[str, ...]
    values: Floats
    fallbacks: int
    failures: int
    rejected: int
    blank: int = 0
    ran_away: int = 0

    def __repr__(self) -> str:
        return f"Ranks({next(self._tell())})"

    def __str__(self) -> str:
        return self.summary()

    def table(self) -> pandas.DataFrame:
        """Test the ranks of each quantity.

        Columns: `p_value` of uniform ranks (Kolmogorov and Smirnov), `p_holm`, `coverage` of the central 90% interval,
        `coverage_se`.
        """
        import pandas as pd
        from scipy import stats

        p_values = np.array([stats.kstest(column, "uniform").pvalue for column in self.values.T])
        inside = np.abs(self.values - 0.5) <= INTERVAL / 2
        coverage = inside.mean(axis=0)
        return pd.DataFrame(
            {
                "p_value": p_values,
                "p_holm": adjust_by_holm(p_values),
                "coverage": coverage,
                "coverage_se": error_of_share(inside.sum(axis=0), len(self.values)),
            },
            index=pd.Index(self.names, name="quantity"),
        )

    def summary(self) -> str:
        """Say whether the ranks are uniform."""
        return "\n".join(self._tell())

    def _tell(self) -> Iterator[str]:
        many = len(self.values)
        without = f", {self.blank} of them without a draw and so without ranks" if self.blank else ""
        gone = f", {self.ran_away} that ran away" if self.ran_away else ""
        yield (
            f"{many} simulations with ranks ({self.rejected} more without news{gone}), {self.fallbacks} passed on to "
            f"tempering, {self.failures} trusted to no sampler{without}"
        )
        if not many:
            return
        table = self.table()
        parameters = table.iloc[: len(self.names) - len(QUANTITIES)]
        mean = float(parameters["coverage"].mean())
        inside = np.abs(self.values[:, : len(parameters)] - 0.5) <= INTERVAL / 2
        error = float(error_of_share(inside.sum(), inside.size))  # of independent intervals: it is no less
        if many > 1:
            error = max(error, float(inside.mean(axis=1).std(ddof=1) / np.sqrt(many)))
        worst = table["p_holm"].idxmin()
        yield f"smallest Holm-adjusted p {table['p_holm'].min():.3g} ({worst})"
        yield (
            f"{INTERVAL:.0%} intervals of the parameters hold the truth in {mean:.3f} ± {error:.3f}; "
            f"least {parameters['coverage'].min():.3f}, most {parameters['coverage'].max():.3f}"
        )


def sbc(
    case: Scenario | str | Path,
    *,
    simulations: int = 100,
    seed: int = 0,
    free: Sequence[str] | None = None,
    observer: dict[str, Any] | None = None,
    given: tuple[Posterior, Chronology] | None = None,
    doctor: Doctor | None = None,
    path: str | Path | None = None,
    engine: str = "numpy",
    workers: int = 1,
    progress: Progress | None = None,
    **settings: Any,
) -> Ranks:
    """Check a fit by simulation-based calibration: simulate, observe, fit, and rank the truth among the draws.

    Parameters
    ----------
    case : Scenario, str or Path
    simulations : int
    seed : int
        Simulation n is the same whatever their number.
    free : sequence of str, optional
        Parameters (default: those that the case declares free or marginalised).
    observer : dict, optional
        How the source observes histories: options of :class:`negsim.observation.Observer` (default: it misses nothing
        and gives dates to the day).
    given : (Posterior, Chronology), optional
        Draw the true values from this posterior, and fit to the simulated record together with this chronology.
    doctor : callable, optional
        Alters the log-likelihood that is fitted, to plant a bug and see that it is found.
    path : path, optional
        File of finished simulations, a line of JSON each; those already in it are not done again. Where it holds as
        many as are asked for, these are they, whatever their numbers (several processes may have shared a study out).
    engine : str
        ``numpy``, ``compiled`` or ``auto``, as in :func:`negsim.fit`.
    workers : int
        Threads of the compiled engine. The ranks do not depend on their number.
    progress : callable, optional
        Told the share of the work that is done, and what is being done.
    **settings
        `method` and those of :func:`negsim.calibration.sampling.sample_posterior`.

    Returns
    -------
    Ranks

    Raises
    ------
    ValueError
        When `path` holds a study of something else, or no study; when there is no parameter whose truth could rank.
    """
    require_whole("simulations", simulations)
    study = _prepare(case, seed, free, observer or {}, given, doctor, engine, settings, workers)
    done = _read(path, study) if path is not None else {}
    numbers = sorted(done)[:simulations] if len(done) >= simulations else range(simulations)
    for place, number in enumerate(numbers):
        if number not in done:
            done[number] = study.run(number)
            if path is not None:
                with Path(path).open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"number": number, **done[number]}) + "\n")
        tell_count(progress, place + 1, simulations, "simulations")
    told = [done[number] for number in numbers if done[number]["ranks"] is not None]
    lost = [done[number] for number in numbers if done[number]["ranks"] is None]
    ran_away = sum(bool(entry.get("ran_away")) for entry in lost)
    return Ranks(
        names=(*study.prior.names, *QUANTITIES),
        values=np.array([entry["ranks"] for entry in told]).reshape(len(told), len(study.prior) + len(QUANTITIES)),
        fallbacks=sum(entry["method"] == "tempering" for entry in told),
        failures=sum(not done[number]["trusted"] for number in numbers),
        rejected=sum(entry["trusted"] for entry in lost) - ran_away,
        blank=sum(not entry["trusted"] for entry in lost),
        ran_away=ran_away,
    )


@dataclass(frozen=True)
class Study:
    """What every simulation needs."""

    compiled: Compiled
    prior: JointPrior
    seed: int
    observer: Observer
    given: tuple[Posterior, ChronologyLikelihood] | None
    doctor: Doctor | None
    engine: str
    settings: dict[str, Any]
    workers: int = 1

    @property
    def head(self) -> dict[str, Any]:
        """What a file of this study says first."""
        watched = self.observer
        return {
            "case": self.compiled.scenario.name,
            "scenario_digest": scenario_digest(self.compiled.scenario),
            "parameters": list(self.prior.names),
            "seed": self.seed,
            "given": None if self.given is None else self.given[1].chronology.name,
            "doctor": None if self.doctor is None else getattr(self.doctor, "__name__", "a doctor without a name"),
            "observer": {
                "reporting": [f"{', '.join(rule.moves)}: {rule.probability:g}" for rule in watched.reporting.rules],
                "precision": watched.precision if isinstance(watched.precision, str) else dict(watched.precision),
                "first": watched.first and watched.first.isoformat(),
                "last": watched.last and watched.last.isoformat(),
                "ending": watched.ending,
                "unreported": watched.unreported,
                "keep_order": watched.keep_order,
            },
            "engine": self.engine,
            "settings": self.settings,
            "version": VERSION,
        }

    def run(self, number: int) -> dict[str, Any]:
        """Do one simulation: where the truth ranks, and how the posterior was found."""
        stream = open_stream(self.seed, PURPOSE_RANKS, number, ())
        drawn = None if self.given is None else self.given[0].resample(1, stream)
        theta = self.prior.draw(1, stream) if drawn is None else drawn.draws
        nothing = History(np.zeros(0), np.zeros(0, dtype=np.int64))
        blank = self._likelihood(replace(self.observer, ending=None).observe(nothing, 0))
        entropy = int(stream.integers(2**31))
        history = simulate_history(blank, theta, entropy)
        if history is None:
            return {**NO_RANKS, "ran_away": True}
        try:
            told = self.observer.observe(history, entropy, number)
        except NothingObserved:
            return dict(NO_RANKS)
        target = self._likelihood(told)
        unit = target.chronology.find_point(self.compiled, history)[None, :]
        many = sum(not move.implied for move in told.moves)
        try:
            posterior, trusted = self._fit(target, drawn, entropy)
        except SamplingError:
            return {**NO_RANKS, "trusted": False, "told": many}
        ranks = self._rank(target, posterior, theta, unit, drawn, stream)
        return {
            "ranks": ranks.tolist(),
            "method": posterior.method,
            "trusted": trusted,
            "evaluations": posterior.evaluations,
            "told": many,
        }

    def _likelihood(self, chronology: Chronology) -> ChronologyLikelihood:
        return ChronologyLikelihood(self.compiled, chronology, self.prior.names, self.engine, self.workers)

    def _fit(self, target: ChronologyLikelihood, drawn: Posterior | None, seed: int) -> tuple[Posterior, bool]:
        fitted: LogLikelihood = target if self.doctor is None else self.doctor(target)
        latent = target.open_dates
        if self.given is not None and drawn is not None:
            before, own = self.given[1], fitted
            old = before.open_dates

            def together(theta: Floats, unit: Floats | None = None) -> Floats:
                coordinates = np.zeros((len(theta), 0)) if unit is None else unit
                return before(theta, coordinates[:, :old]) + own(theta, coordinates[:, old:])

            fitted, latent = together, latent + old
        try:
            return sample_posterior(fitted, self.prior, seed=seed, latent=latent, **self.settings), True
        except SamplingError as refusal:
            if refusal.posterior is None:
                raise
            return refusal.posterior, False

    def _rank(
        self,
        target: ChronologyLikelihood,
        posterior: Posterior,
        theta: Floats,
        unit: Floats,
        drawn: Posterior | None,
        stream: np.random.Generator,
    ) -> Floats:
        """Share of the posterior below the truth, for parameters and quantities; ties are broken at random."""
        some = posterior.resample(DRAWS, stream)
        skipped = 0 if drawn is None else drawn.latent.shape[1]
        truth = measure_quantities(target, theta, unit)
        found = measure_quantities(target, some.draws, some.latent[:, skipped:])
        below = posterior.weights @ (posterior.draws < theta)
        tied = (found == truth).sum(axis=0)
        rank = (found < truth).sum(axis=0) + stream.integers(0, tied + 1)
        return np.concatenate([below, (rank + stream.random(len(QUANTITIES))) / (DRAWS + 1)])


def measure_quantities(target: ChronologyLikelihood, theta: Floats, unit: Floats) -> Floats:
    """Measure :data:`QUANTITIES` at some points, shape (points, quantities); those without a move are 0."""
    told = target.score(theta, target.histories(unit))
    total = told.total + target.chronology.log_volume(unit)
    many = len(target.chronology.moves)
    last = told.events[many - 1] if many else np.zeros(len(theta))
    return np.column_stack([total, told.intervals.sum(axis=0), last, told.intervals[: many + 1].max(axis=0)])


def _prepare(
    case: Scenario | str | Path,
    seed: int,
    free: Sequence[str] | None,
    observer: dict[str, Any],
    given: tuple[Posterior, Chronology] | None,
    doctor: Doctor | None,
    engine: str,
    settings: dict[str, Any],
    workers: int,
) -> Study:
    compiled = compile_case(case)
    if given is not None:
        _check_given(given)
    names = tuple(free) if free is not None else find_free(compiled)
    prior = declare_prior(compiled.scenario, names) if given is None else given[0].prior
    engine = choose_engine(engine, compiled)
    if not prior.names:
        raise ValueError(
            f"{compiled.scenario.name} has no parameter to rank: it declares none free, and free= names none"
        )
    _check_options(observer)
    known = None if given is None else (given[0], ChronologyLikelihood(compiled, given[1], prior.names, engine))
    return Study(compiled, prior, seed, Observer(compiled, **observer), known, doctor, engine, settings, workers)


def _check_given(given: object) -> None:
    """Make sure that a posterior comes with what it was fitted to."""
    kinds = (Posterior, Chronology)
    if not isinstance(given, tuple | list) or len(given) != 2 or not all(map(isinstance, given, kinds)):
        raise TypeError(f"given must be a pair (Posterior, Chronology), not {reprlib.repr(given)}")


def _check_options(observer: Mapping[str, Any]) -> None:
    known = [option.name for option in fields(Observer) if option.init and option.name != "compiled"]
    if unknown := [name for name in observer if name not in known]:
        raise ValueError(f"observer has no option {list_names(map(str, unknown))}; there are {list_names(known)}")


def _read(path: str | Path, study: Study) -> dict[int, dict[str, Any]]:
    """Read the finished simulations of a file, or begin it; a line cut short is done again."""
    file = Path(path)
    if file.is_dir():
        raise ValueError(f"path must be a file, not the folder {file}")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(study.head) + "\n", encoding="utf-8")
        return {}
    text = file.read_text(encoding="utf-8")
    first, *lines = text.splitlines() or [""]
    try:
        head = json.loads(first)
    except ValueError:
        raise ValueError(f"path: {file} holds no study: sbc begins a file that does not exist") from None
    if head != study.head:
        raise ValueError(f"{file} holds another study: {first}; this one is {json.dumps(study.head)}")
    if not text.endswith("\n"):  # cut short by an interruption: the next simulation gets a line of its own
        with file.open("a", encoding="utf-8") as end:
            end.write("\n")
    done = {}
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        done[entry.pop("number")] = entry
    return done
