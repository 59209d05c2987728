"""How does one arm of a comparison run? The loop over time with an intervention, numbers changing on their dates.

Where numbers change, the loop stops at the re-evaluation of that date and goes on with the others: states and clocks
are handed over as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from negsim.compiler import Compiled
from negsim.ensemble import moments
from negsim.interference import Interfering, Log, Plan, join_logs
from negsim.numbers import resolve_params
from negsim.recording import Block, Recorder
from negsim.results import Ensemble, gather
from negsim.state import Floats, Ints, State

MOMENT = 1e-6
"""Days by which the loop runs past a date on which numbers change, so that rounding cannot stop it short of it."""

Part = tuple[Block, Log]
"""What came out of some runs of an arm: what was recorded, and what the intervention did."""


@dataclass(frozen=True)
class Arm:
    """One arm: a world, an intervention in its rows, and what happened.

    Attributes
    ----------
    ensemble : Ensemble
        Events of every run.
    log : Log
        What the intervention did.
    """

    ensemble: Ensemble
    log: Log


def run_arm(compiled: Compiled, chooser: Interfering, params: Mapping[str, Any], runs: Ints, until: float) -> Part:
    """Run some runs of one arm.

    Parameters
    ----------
    compiled : Compiled
        The arm's world; dates of the intervention are among its ticks.
    chooser : Interfering
        Who chooses in these runs, with the intervention (one without entries leaves everything as it is).
    params : mapping
        Numbers at other values, each a scalar or one for each run of the whole; those the world does not have are
        passed over.
    runs : array of int
        Run numbers.
    until : float
        Days from the start.
    """
    values = resolve_known(compiled, params)
    mine = {path: value if len(value) == 1 else value[runs] for path, value in values.items()}
    return _run_block(compiled, chooser, mine, runs, until), chooser.log


def gather_arm(compiled: Compiled, parts: Sequence[Part], runs: int, seed: int, until: float) -> Arm:
    """Put the parts of an arm together."""
    blocks, logs = zip(*parts, strict=True)
    return Arm(gather(compiled, blocks, runs, seed, until, {}, ("events",)), join_logs(logs))


def resolve_known(compiled: Compiled, params: Mapping[str, Any]) -> dict[str, Floats]:
    """Turn the parameters that a world has into values of key paths."""
    named = {spec.name for spec in compiled.scenario.parameter}
    known = {name: value for name, value in params.items() if name in named or name in compiled.numbers}
    return resolve_params(compiled.scenario, compiled.numbers, known)


def _run_block(
    compiled: Compiled, chooser: Interfering, values: Mapping[str, Floats], runs: Ints, until: float
) -> Block:
    plan = chooser.plan
    edges = sorted({day for step in plan.steps for day in (step.low, step.high) if 0 < day < until})
    now = step_numbers(compiled, plan, values, 0.0)
    parameters = compiled.bind(now)
    state = compiled.start(parameters, len(runs))
    if now is not values:
        chooser.depart()
    recorder = Recorder(compiled, runs, ("events",), state, until, parameters)
    live, exploded = np.arange(len(runs)), _Exploded(recorder)
    for start, stop in zip([0.0, *edges], [*(edge + MOMENT for edge in edges), until], strict=True):
        if start > 0:
            parameters = compiled.bind(step_numbers(compiled, plan, values, start))
            chooser.resume(live)
            chooser.depart()
        rest, mine = _Rest(state, int(runs[0])), runs[live]
        loop = moments(
            compiled.world, parameters.select(live), state.select(live), chooser, stop, rest.keep, mine, exploded.note
        )
        for moment in loop:
            recorder.note(moment)
        live = np.flatnonzero(~np.isin(runs, exploded.runs))
        state = rest.state
    return recorder.finish()


def step_numbers(compiled: Compiled, plan: Plan, values: Mapping[str, Floats], day: float) -> Mapping[str, Floats]:
    """Numbers as they are from a day on; the same mapping where no step is in force."""
    steps = [step for step in plan.steps if step.low <= day < step.high]
    if not steps:
        return values
    now = dict(values)
    for step in steps:
        for path in step.paths:
            now[path] = np.atleast_1d(step.change.apply(now.get(path, np.array([compiled.numbers[path]]))))
    return now


class _Exploded:
    """Runs that were stopped because they exploded: they go no further where numbers change."""

    def __init__(self, recorder: Recorder) -> None:
        self.runs: list[int] = []
        self._recorder = recorder

    def note(self, runs: Ints, days: Floats) -> None:
        """Take note of some more."""
        self.runs += runs.tolist()
        self._recorder.stop(runs, days)


class _Rest:
    """Where every run stands when the loop has let go of it."""

    def __init__(self, state: State, first: int) -> None:
        self.state, self._first = state.copy(), first

    def keep(self, runs: Ints, state: State, columns: Ints) -> None:
        """Keep some columns as they are."""
        arrays, places = state.arrays(), runs[columns] - self._first
        for name, array in self.state.arrays().items():
            array[..., places] = arrays[name][..., columns]


def list_dates(*plans: Plan) -> Sequence[float]:
    """Days on which anything changes in any arm."""
    return sorted({day for plan in plans for day in plan.dates})
