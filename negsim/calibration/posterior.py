"""What is thought of the parameters after the data? Weighted draws, with how they were found and how far to trust them.

Draws carry weights, and everything here uses them. Equal weights come only from :meth:`Posterior.resample`, which is
asked for by name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from negsim.arguments import check_arguments
from negsim.calibration.priors import JUDGED_SCALES, JointPrior, Prior1D
from negsim.calibration.psis import effective_sample_size
from negsim.calibration.weights import choose_systematically, log_sum, weighted_quantiles
from negsim.margins import write_error
from negsim.problems import NegsimError, find_odd_field
from negsim.state import Floats
from negsim.whole_files import write_whole

if TYPE_CHECKING:
    import pandas

PRIOR_DRIVEN: Final = 0.1
"""Contraction below which a parameter is called prior-driven."""
SURE: Final = 2.0
"""Monte Carlo errors by which the contraction must exceed that for a parameter to be called learned."""
CANNOT_TELL: Final = "cannot tell"
MOVED: Final = 0.5
"""Shift, in prior standard deviations, at which a parameter that was not narrowed is said to have been moved."""
QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
PRIOR_BAND: Final = (0.05, 0.5, 0.95)
FORMAT: Final = 1
LOOK: Final = (
    "What was found is kept in not-trusted/ under --out, in Python in the error's `posterior`: to look at, not to use."
)
"""What a user is told of a posterior that is not to be trusted."""
MAKE_POSSIBLE: Final = (
    "The case hardly ever allows these events: say in which order those with vague dates came (the column `after`), "
    "list what must have come before and nobody told as moves that are implied, give a date more room where it has too "
    "little, or widen the priors. `negsim check CASE --chronology FILE` says which rows stop the others."
)
"""What a user is told where hardly a point of the prior makes the data possible."""
TEMPER: Final = 'fit by tempering (--method tempering, in Python method="tempering")'


class SamplingError(NegsimError):
    """The posterior could not be found, or not be trusted; says why.

    Attributes
    ----------
    posterior : Posterior or None
        What was found all the same, to be looked at and not to be used.
    """

    def __init__(self, message: str, posterior: Posterior | None = None) -> None:
        super().__init__(message)
        self.posterior = posterior


@dataclass(frozen=True, eq=False, repr=False)
class Posterior:
    """Weighted draws from a posterior. Print it for a table of the parameters before and after, with verdicts.

    Attributes
    ----------
    prior : JointPrior
        The prior of the parameters.
    draws : array, shape (n, P)
        Parameter vectors on their own scale.
    log_weights : array, shape (n,)
        Logs of their weights, which add up to one.
    log_likelihood : array, shape (n,)
        Log-likelihood of each draw.
    log_evidence, log_evidence_se : float
        Log of the probability (density) of the data before any parameter is known, and its standard error.
    method : str
        ``importance``, ``guided``, ``tempering``, ``emcee`` or ``nautilus``.
    evaluations : int
        Log-likelihoods computed, those of a refused attempt included.
    seed : int
        Seed of the sampler.
    diagnostics : dict
        Diagnostics of the run. Always `ess`; with importance sampling `k_hat`, and `modes` and `refused` or, with open
        dates, `weighed` (draws), `effective` (of these) and `attempts`; guided, `k_hat`, `particles`, `noise` (of a log
        estimate in the survey) and `rounds`. With tempering
        `r_hat` by name, `runs` (log evidence and least effective share of each independent run), `possible` (share of
        the prior's draws), and for each temperature `temperatures`, `moves`, `glides` (those along a surrogate),
        `acceptance` and `memory` (largest correlation of a coordinate with where it started, after the moves).
    latent : array, shape (n, L)
        Unit-cube coordinates sampled along with the parameters (unknown dates).
    provenance : dict
        Where data and model came from, as the caller says; saved with the rest.
    """

    prior: JointPrior
    draws: Floats
    log_weights: Floats
    log_likelihood: Floats
    log_evidence: float
    log_evidence_se: float
    method: str
    evaluations: int
    seed: int
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    latent: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.draws)
        if self.latent.size == 0:
            object.__setattr__(self, "latent", np.zeros((n, self.latent.shape[1] if self.latent.ndim == 2 else 0)))
        shapes = {"log_weights": self.log_weights.shape, "log_likelihood": self.log_likelihood.shape}
        wrong = [name for name, shape in shapes.items() if shape != (n,)]
        if wrong or self.draws.shape != (n, len(self.prior)) or len(self.latent) != n:
            raise ValueError(f"draws of shape {self.draws.shape} do not fit {wrong or 'the prior or the latent draws'}")
        object.__setattr__(self, "log_weights", self.log_weights - log_sum(self.log_weights))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return self.prior.names

    @property
    def weights(self) -> Floats:
        """Weights of the draws, shape (n,); they add up to one."""
        return np.exp(self.log_weights)

    @property
    def ess(self) -> float:
        """Effective sample size: how many independent draws would estimate a mean as well."""
        return float(self.diagnostics.get("ess", effective_sample_size(self.log_weights)))

    def mean(self) -> Floats:
        """Posterior means, shape (P,)."""
        return self.weights @ self.draws

    def sd(self) -> Floats:
        """Posterior standard deviations, shape (P,)."""
        return np.asarray(np.sqrt(self.weights @ (self.draws - self.mean()) ** 2))

    @check_arguments
    def quantiles(self, probabilities: Sequence[float] = QUANTILES) -> Floats:
        """Weighted quantiles, shape (len(probabilities), P); of probabilities from 0 to 1."""
        return weighted_quantiles(self.draws, self.weights, probabilities)

    def contraction(self) -> Floats:
        """How far the data narrowed each parameter: 1 - posterior variance / prior variance, shape (P,).

        Both are taken on the scale on which the prior is normal, so that a rate that turned out high is not said to
        have become less certain.
        """
        return 1.0 - self._standardised()[1] ** 2

    def shift(self) -> Floats:
        """How far the data moved each parameter, in standard deviations of its prior, shape (P,)."""
        return self._standardised()[0]

    def _standardised(self) -> tuple[Floats, Floats]:
        z = self.prior.to_unconstrained(self.draws)
        mean = self.weights @ z
        return mean, np.sqrt(self.weights @ (z - mean) ** 2)

    def contraction_mcse(self) -> Floats:
        """Monte Carlo standard error of the contraction, as of a variance from `ess` normal draws, shape (P,).

        NaN where fewer than two are effective: one draw says nothing of a spread.
        """
        return np.asarray((1.0 - self.contraction()) * np.sqrt(2.0 / self._worth))

    @property
    def _worth(self) -> float:
        """Effective sample size; NaN where it is that of hardly one draw."""
        return self.ess if self.ess >= 2.0 else np.nan

    @check_arguments
    def summary(self, probabilities: Sequence[float] = QUANTILES) -> pandas.DataFrame:
        """Summarise each parameter before and after the fit, with a verdict.

        Columns: `unit`, `mean`, `mcse` (Monte Carlo standard error of the mean), `sd`, a quantile for each probability
        (`q05` and so on), `prior_mean`, `prior_sd`, `prior_q05`, `prior_q50`, `prior_q95`, `shift`, `contraction` with
        `contraction_mcse`, and `says` (see :meth:`verdicts`).
        """
        import pandas as pd

        contraction = self.contraction()
        before = np.array([prior.ppf(PRIOR_BAND) for prior in self.prior.priors]).reshape(-1, len(PRIOR_BAND))
        columns: dict[str, Any] = {
            "parameter": list(self.names),
            "unit": [prior.unit for prior in self.prior.priors],
            "mean": self.mean(),
            "mcse": self.sd() / np.sqrt(self._worth),
            "sd": self.sd(),
        }
        columns |= {
            f"q{100 * p:04.1f}".removesuffix(".0"): row
            for p, row in zip(probabilities, self.quantiles(probabilities), strict=True)
        }
        columns |= {
            "prior_mean": self.prior.mean,
            "prior_sd": self.prior.sd,
            **{f"prior_q{100 * p:02.0f}": before[:, place] for place, p in enumerate(PRIOR_BAND)},
            "shift": self.shift(),
            "contraction": contraction,
            "contraction_mcse": self.contraction_mcse(),
            "says": self.verdicts(),
        }
        return pd.DataFrame(columns).set_index("parameter")

    def verdicts(self) -> list[str]:
        """Give a verdict on each parameter.

        ``learned``: they narrowed it by a tenth of its variance or more, and by two Monte Carlo errors more than that;
        ``moved``: they shifted it by half a prior standard deviation or more without surely narrowing it; ``cannot
        tell``: it looks narrowed by a tenth or more, but with so few draws that may be chance; ``prior-driven``: none
        of these, what is told of it is what was thought beforehand.
        """
        contraction, moved = self.contraction(), np.abs(self.shift()) >= MOVED
        sure = contraction - SURE * self.contraction_mcse() >= PRIOR_DRIVEN
        chosen = np.select(
            [sure, moved, contraction >= PRIOR_DRIVEN], ["learned", "moved", CANNOT_TELL], "prior-driven"
        )
        return [str(says) for says in chosen]

    def describe(self) -> str:
        """Describe each parameter before and after, as a table on readable scales."""
        return "\n".join(_describe(self))

    def __str__(self) -> str:
        """Say it as a table."""
        return self.describe()

    def __repr__(self) -> str:
        """Say in a line what it is of."""
        return f"<{_headline(self)}>"

    @check_arguments
    def resample(self, n: int, rng: np.random.Generator) -> Posterior:
        """Resample `n` equally weighted draws (systematic resampling), in random order."""
        chosen = rng.permutation(choose_systematically(self.weights, n, rng))
        return replace(
            self,
            draws=self.draws[chosen],
            latent=self.latent[chosen],
            log_likelihood=self.log_likelihood[chosen],
            log_weights=np.full(n, -np.log(n)),
            diagnostics={**self.diagnostics, "resampled": n, "ess": min(self.ess, float(n))},
        )

    @check_arguments
    def save(self, directory: str | Path) -> Path:
        """Write the posterior: draws as Parquet, everything else as JSON.

        The JSON is put in place last and names the Parquet file, so that an interrupted save leaves the earlier
        posterior whole.
        """
        return _save(self, Path(directory))

    @staticmethod
    @check_arguments
    def load(directory: str | Path) -> Posterior:
        """Load what :meth:`save` wrote.

        Raises
        ------
        SamplingError
            When a file is missing or damaged; the message names it.
        """
        return _load(Path(directory))

    def to_arviz(self, n: int | None = None, rng: np.random.Generator | None = None) -> Any:
        """Convert for ArviZ: an ``InferenceData`` (before 1.0), a ``DataTree`` (since), or without ArviZ a dictionary.

        ArviZ knows no weights in a posterior, so draws are resampled first: `n` of them (default: as many as the
        effective sample size is worth), by `rng` (default: from the posterior's seed).

        Returns
        -------
        InferenceData, DataTree or dict
            Groups `posterior`, `prior`, `sample_stats` and, with latent draws, a variable `latent` in `posterior`;
            arrays have a chain axis of length 1.
        """
        groups = self._groups(n or max(1, int(self.ess)), rng or np.random.default_rng(self.seed))
        try:
            import arviz
        except ImportError:
            return groups
        take: Any = arviz.from_dict
        return take(groups) if int(arviz.__version__.partition(".")[0]) >= 1 else take(**groups)

    def _groups(self, n: int, rng: np.random.Generator) -> dict[str, dict[str, Floats]]:
        equal = self.resample(n, rng)
        before = self.prior.draw(n, rng)
        posterior = {name: equal.draws[None, :, place] for place, name in enumerate(self.names)}
        if equal.latent.shape[1]:
            posterior["latent"] = equal.latent[None]
        return {
            "posterior": posterior,
            "prior": {name: before[None, :, place] for place, name in enumerate(self.names)},
            "sample_stats": {"lp": (equal.log_likelihood + self.prior.logpdf(equal.draws))[None]},
        }


# -- words ------------------------------------------------------------------------------------------------------------


def _headline(posterior: Posterior) -> str:
    told = posterior.provenance
    of = (
        f"{told['scenario']} given {told['chronology']} until {told['until']}"
        if "chronology" in told
        else "a posterior"
    )
    dates = f" and {posterior.latent.shape[1]} unknowns" if posterior.latent.shape[1] else ""
    return f"{of}: {len(posterior.names)} parameters{dates}, by {posterior.method}"


def describe_evidence(posterior: Posterior) -> str:
    """Say the log evidence, its error, how far apart the runs are behind it, and which difference may be chance."""
    if np.isnan(posterior.log_evidence):
        return f"log evidence unknown ({posterior.method} does not find it)"
    runs = [run["log_evidence"] for run in posterior.diagnostics.get("runs", ())]
    each = f"{len(runs)} runs: {min(runs):.2f} to {max(runs):.2f}; " if runs else ""
    chance = 2 * np.sqrt(2) * posterior.log_evidence_se
    return (
        f"log evidence {posterior.log_evidence:.2f} ± {write_error(posterior.log_evidence_se)} ({each}"
        f"from another fit's a difference of {chance:.2g} may be chance)"
    )


def describe_condition(told: Mapping[str, Any]) -> str:
    """Say whether a fit allows for the source having been written because something happened."""
    if told.get("conditioned_on") is None:
        return "not conditioned on what made the news"
    return (
        f"given that {told['conditioned_on']} made the news; how likely it was, from {told['news_events']:,} simulated "
        f"ones, moves a log-likelihood by ± {write_error(told['news_error'])}"
    )


def _describe(posterior: Posterior) -> Iterator[str]:
    yield _headline(posterior)
    yield describe_evidence(posterior)
    yield f"effective sample size {posterior.ess:,.0f} from {posterior.evaluations:,} evaluations"
    if "conditioned_on" in posterior.provenance:
        yield describe_condition(posterior.provenance)
    nuisance = set(posterior.provenance.get("marginalised", ()))
    lines: list[tuple[str, ...]] = [
        ("parameter", "unit", "before 5 | 50 | 95%", "after 5 | 50 | 95%", "contraction", "")
    ]
    after = posterior.quantiles(PRIOR_BAND)
    spread, verdicts = posterior.contraction_mcse(), posterior.verdicts()
    for place, (name, prior, contraction) in enumerate(
        zip(posterior.names, posterior.prior.priors, posterior.contraction(), strict=True)
    ):
        factor, unit = JUDGED_SCALES.get(prior.unit, (1.0, prior.unit))
        bands = [
            " | ".join(f"{factor * value:.3g}" for value in row) for row in (prior.ppf(PRIOR_BAND), after[:, place])
        ]
        says = verdicts[place] + (", averaged over" if name in nuisance else "")
        lines.append((name, unit, *bands, f"{contraction:.2f} ± {write_error(spread[place])}", says))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
    kept = posterior.provenance.get("kept", ())
    if kept:
        yield f"kept at the values written, not learned: {', '.join(kept)}"


# -- files ------------------------------------------------------------------------------------------------------------


def _save(posterior: Posterior, folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: posterior.draws[:, place] for place, name in enumerate(posterior.names)}
    columns |= {f".latent.{place}": posterior.latent[:, place] for place in range(posterior.latent.shape[1])}
    columns |= {".log_weight": posterior.log_weights, ".log_likelihood": posterior.log_likelihood}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    content = sink.getvalue().to_pybytes()
    digest = hashlib.sha256(content).hexdigest()
    head = {
        "format": FORMAT,
        "draws": {"file": f"draws-{digest[:16]}.parquet", "sha256": digest},
        "prior": [
            {"name": name, "family": prior.family, "first": prior.first, "second": prior.second, "unit": prior.unit}
            for name, prior in zip(posterior.names, posterior.prior.priors, strict=True)
        ],
        **{name: getattr(posterior, name) for name in _PLAIN},
    }
    text = json.dumps(head, indent=1, default=_plain) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / head["draws"]["file"], content)
    write_whole(folder / "posterior.json", text.encode())
    for other in folder.glob("draws-*.parquet"):
        if other.name != head["draws"]["file"]:
            other.unlink()
    return folder


_PLAIN: Final = {
    "log_evidence": float | int, "log_evidence_se": float | int, "method": str, "evaluations": int, "seed": int,
    "diagnostics": dict, "provenance": dict,
}  # fmt: skip
"""What is written as it is, and its kind."""


def _plain(value: Any) -> Any:
    """Say in JSON what numpy holds."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)


def _load(folder: Path) -> Posterior:
    try:
        return _assemble(_read_head(folder / "posterior.json"), folder)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise SamplingError(f"{folder / 'posterior.json'} is damaged: {error}") from error


def _assemble(head: dict[str, Any], folder: Path) -> Posterior:
    import pyarrow.parquet as pq

    if odd := find_odd_field(head, _PLAIN):
        raise ValueError(odd)
    path = folder / head["draws"]["file"]
    if not path.exists():
        raise SamplingError(f"{path} is missing")
    if hashlib.sha256(path.read_bytes()).hexdigest() != head["draws"]["sha256"]:
        raise SamplingError(f"{path} is damaged (its digest is not the one in posterior.json)")
    table = pq.read_table(path)
    columns = {name: table[name].to_numpy() for name in table.column_names}
    names = [entry.pop("name") for entry in head["prior"]]
    prior = JointPrior(names, [Prior1D(**entry) for entry in head["prior"]])
    if {*names} != {name for name in columns if not name.startswith(".")}:
        raise ValueError(f"priors of {', '.join(names)} do not fit the draws")
    latent = [name for name in columns if name.startswith(".latent.")]
    return Posterior(
        prior=prior,
        draws=_stack(columns, names, table.num_rows),
        latent=_stack(columns, latent, table.num_rows),
        log_weights=columns[".log_weight"],
        log_likelihood=columns[".log_likelihood"],
        **{name: head[name] for name in _PLAIN},
    )


def _stack(columns: Mapping[str, Floats], names: Sequence[str], rows: int) -> Floats:
    return np.stack([columns[name] for name in names], axis=1) if names else np.zeros((rows, 0))


def _read_head(path: Path) -> dict[str, Any]:
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise SamplingError(f"{path} is missing") from None
    except ValueError as error:
        raise SamplingError(f"{path} is damaged: {error}") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise SamplingError(f"{path} is not a posterior of format {FORMAT}")
    return head
