"""Which variants of a case have been fitted already? Each is fitted once, and kept if there is a folder for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from negsim.calibration.fitting import chronology_digest, fit
from negsim.calibration.posterior import Posterior, SamplingError
from negsim.chronology import Chronology
from negsim.scenario import Scenario
from negsim.scenario_files import scenario_digest
from negsim.version import VERSION


@dataclass(frozen=True)
class Fits:
    """Fits of variants of a case to what was known at some dates.

    Attributes
    ----------
    seed : int
        Of the samplers.
    settings : mapping
        Of :func:`negsim.fit`: engine, particles, runs.
    folder : Path, optional
        Where fits are kept and found again, so that a stop loses none that was finished.
    """

    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def find(self, scenario: Scenario, told: Chronology, even_if_too_much: bool = True) -> Posterior:
        """The fit of a scenario to a chronology: as it was kept, or made now.

        Raises
        ------
        SamplingError
            When it is not to be trusted; such a fit is kept as well, and refused again.
        """
        place = None if self.folder is None else self.folder / self._name(scenario, told)
        if place is not None and (place / "posterior.json").exists():
            return _trust(Posterior.load(place))
        try:
            found = fit(scenario, told, seed=self.seed, even_if_too_much=even_if_too_much, **self.settings)
            refusal = ""
        except SamplingError as error:
            if error.posterior is None:
                raise
            found, refusal = error.posterior, str(error)
        found = replace(found, provenance={**found.provenance, "refused": refusal})
        if place is not None:
            found.save(place)
        return _trust(found)

    def _name(self, scenario: Scenario, told: Chronology) -> str:
        """A name for everything that the fit depends on, but for the engine, which changes nothing."""
        settings = sorted((name, value) for name, value in self.settings.items() if name != "engine")
        parts = (scenario_digest(scenario), chronology_digest(told), self.seed, settings, VERSION)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _trust(posterior: Posterior) -> Posterior:
    if refusal := posterior.provenance.get("refused"):
        raise SamplingError(str(refusal), posterior)
    return posterior
