"""What is negsim? Simulation, calibration and forecasting of negotiations in event time.

These are the public names. Each is loaded when it is first used, so that importing the package is fast.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import TYPE_CHECKING, Any

from negsim.version import VERSION as __version__

if TYPE_CHECKING:
    from negsim import plots as plots
    from negsim.calibration.diagnosis import Diagnosis, diagnose
    from negsim.calibration.fitting import fit
    from negsim.calibration.posterior import Posterior, SamplingError
    from negsim.calibration.ranks import sbc
    from negsim.chronology import Chronology
    from negsim.chronology_files import chronologies, load_chronology
    from negsim.counterfactuals import Counterfactual, counterfactual
    from negsim.ensemble import Explosive, simulate
    from negsim.forecasts.accounts import account_for
    from negsim.forecasts.comparison import compare_theories
    from negsim.forecasts.drawing import Forecast, forecast
    from negsim.forecasts.explanations import explain_events
    from negsim.forecasts.registration import load_registered, register, score_registered
    from negsim.forecasts.verification import power
    from negsim.intervention_files import load_intervention, what_ifs
    from negsim.interventions import Intervention
    from negsim.observation import observe
    from negsim.problems import NegsimError, ScenarioError
    from negsim.replays import Replay, replay
    from negsim.results import Ensemble, ResultError, load_results
    from negsim.scenario import Scenario
    from negsim.scenario_files import load_scenario, save_scenario, scenarios
    from negsim.sweeps.designs import Design
    from negsim.sweeps.discovery import find_regions
    from negsim.sweeps.readings import Sweep, open_sweep
    from negsim.sweeps.running import expand_sweep, resume_sweep, sweep
    from negsim.sweeps.sensitivity import morris_effects, one_at_a_time, pawn_indices, sobol_indices
    from negsim.sweeps.stores import SweepError

_HOMES = {
    "Chronology": "chronology",
    "Counterfactual": "counterfactuals",
    "Design": "sweeps.designs",
    "Diagnosis": "calibration.diagnosis",
    "Ensemble": "results",
    "Explosive": "ensemble",
    "Forecast": "forecasts.drawing",
    "Intervention": "interventions",
    "NegsimError": "problems",
    "Posterior": "calibration.posterior",
    "Replay": "replays",
    "ResultError": "results",
    "SamplingError": "calibration.posterior",
    "Scenario": "scenario",
    "ScenarioError": "problems",
    "Sweep": "sweeps.readings",
    "SweepError": "sweeps.stores",
    "account_for": "forecasts.accounts",
    "chronologies": "chronology_files",
    "compare_theories": "forecasts.comparison",
    "counterfactual": "counterfactuals",
    "diagnose": "calibration.diagnosis",
    "expand_sweep": "sweeps.running",
    "explain_events": "forecasts.explanations",
    "find_regions": "sweeps.discovery",
    "fit": "calibration.fitting",
    "forecast": "forecasts.drawing",
    "load_chronology": "chronology_files",
    "load_intervention": "intervention_files",
    "load_registered": "forecasts.registration",
    "load_results": "results",
    "load_scenario": "scenario_files",
    "morris_effects": "sweeps.sensitivity",
    "observe": "observation",
    "one_at_a_time": "sweeps.sensitivity",
    "open_sweep": "sweeps.readings",
    "pawn_indices": "sweeps.sensitivity",
    "power": "forecasts.verification",
    "register": "forecasts.registration",
    "replay": "replays",
    "resume_sweep": "sweeps.running",
    "save_scenario": "scenario_files",
    "sbc": "calibration.ranks",
    "scenarios": "scenario_files",
    "score_registered": "forecasts.registration",
    "simulate": "ensemble",
    "sobol_indices": "sweeps.sensitivity",
    "sweep": "sweeps.running",
    "what_ifs": "intervention_files",
}

__all__ = [
    "Chronology",
    "Counterfactual",
    "Design",
    "Diagnosis",
    "Ensemble",
    "Explosive",
    "Forecast",
    "Intervention",
    "NegsimError",
    "Posterior",
    "Replay",
    "ResultError",
    "SamplingError",
    "Scenario",
    "ScenarioError",
    "Sweep",
    "SweepError",
    "__version__",
    "account_for",
    "chronologies",
    "compare_theories",
    "counterfactual",
    "diagnose",
    "expand_sweep",
    "explain_events",
    "find_regions",
    "fit",
    "forecast",
    "load_chronology",
    "load_intervention",
    "load_registered",
    "load_results",
    "load_scenario",
    "morris_effects",
    "observe",
    "one_at_a_time",
    "open_sweep",
    "pawn_indices",
    "power",
    "register",
    "replay",
    "resume_sweep",
    "save_scenario",
    "sbc",
    "scenarios",
    "score_registered",
    "simulate",
    "sobol_indices",
    "sweep",
    "what_ifs",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its room; a function comes with a check of what it is handed."""
    from importlib import import_module

    if name == "plots":  # pictures of all of them, each of which imports matplotlib when it is drawn
        return import_module("negsim.plots")
    if name not in _HOMES:
        raise AttributeError(f"module 'negsim' has no attribute {name!r}", name=name, obj=sys.modules[__name__])
    from negsim.arguments import check_arguments

    found = getattr(import_module(f"negsim.{_HOMES[name]}"), name)
    if isinstance(found, FunctionType):
        found = check_arguments(found)
        found.__module__ = __name__  # where it is found again, by pickle for one
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """List the public names."""
    return sorted([*__all__, "plots"])
