"""Do a user's own formulas give numbers? Tried once for a compiled scenario, at its start.

A hazard that is no number rings no clock: a history in which nothing happens would be all there is to see of it.
"""

from __future__ import annotations

import numpy as np

from negsim.compiler import Compiled
from negsim.kernel.hazards import evaluate
from negsim.problems import Problem, ScenarioError
from negsim.terms import SHELF
from negsim.theories import list_theories

TRIED = "tried"


def require_numbers(compiled: Compiled) -> None:
    """Make sure that all hazards are numbers at the start, where a scenario has terms of its own.

    Raises
    ------
    ScenarioError
        Naming its own terms.
    """
    scenario = compiled.scenario
    own = [name for name in list_theories(scenario) if name not in SHELF]
    if not own or compiled.kept.get(TRIED):
        return
    parameters = compiled.bind()
    with np.errstate(all="ignore"):
        outlook = evaluate(compiled.world, parameters, compiled.start(parameters, 1))
    hazards = [outlook.hazards, *(package.hazards for package in outlook.packages)]
    if any(np.isnan(each).any() for each in hazards):
        raise ScenarioError(
            Problem(
                scenario.name,
                f"term.{name}.file",
                f"{scenario.term_file(name)}, with which hazards are no numbers at the start",
                "formulas that give a number whatever the state (memories begin at 0: mind logs and divisions)",
            )
            for name in own
        )
    compiled.kept[TRIED] = True
