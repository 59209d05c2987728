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
from negsim.ensemble import MOST_EVENTS, moments
from negsim.interference import NEVER, Interfering, Log, Plan, join_logs
from negsim.numbers import resolve_params, select_values
from negsim.recording import Block, Recorder
from negsim.results import Ensemble, gather
from negsim.scalar.drawing import Filed
from negsim.scalar.interfering import FORCED, HELD, IMPOSSIBLE, REMOVED, Orders
from negsim.scalar.periods import Period, draw_periods
from negsim.scalar.tables import LANES
from negsim.state import Floats, Ints, State
from negsim.streams import Clocks

MOMENT = 1e-6
"""Days by which the loop runs past a date on which numbers change, so that rounding cannot stop it short of it."""

Part = tuple[Block, Log]
"""What came out of some runs of an arm: what was recorded, and what the intervention did."""


@dataclass(frozen=True, eq=False)
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
    mine = select_values(resolve_known(compiled, params), runs)
    return _run_block(compiled, chooser, mine, runs, until), chooser.log


def draw_arm(
    compiled: Compiled, plan: Plan, params: Mapping[str, Any], seed: int, purpose: int, runs: Ints, until: float
) -> Part:
    """Run some runs of one arm by the compiled engine, on clocks of their own (parameters: :func:`run_arm`).

    Raises
    ------
    negsim.interference.Impossible
        When a forced move is impossible and the plan does not say to leave such runs.
    """
    values = resolve_known(compiled, params)
    mine, edges = select_values(values, runs), _find_edges(plan, until)
    periods = [
        Period(stop, step_numbers(compiled, plan, mine, start))
        for start, stop in zip([0.0, *edges], [*(edge + MOMENT for edge in edges), until], strict=True)
    ]
    orders = _lay_orders(plan, compiled.world.moves, len(runs))
    names = compiled.labels.addresses
    block, filed = draw_periods(compiled, periods, orders, names, seed, runs, purpose, MOST_EVENTS)
    log = _read_log(filed)
    if log.impossible:
        run = _find_refused(plan, filed)
        alone = Interfering(compiled, Clocks(seed, names, run, purpose), run, plan)
        run_arm(compiled, alone, params, run, until)  # which knows why, and may refuse
        log.reasons = alone.log.reasons
    return block, log


def _lay_orders(plan: Plan, moves: int, columns: int) -> Orders:
    """Lay a plan out for the compiled engine."""
    removals, stills, pushes = plan.removals, plan.standstills, plan.pushes
    due = np.full((columns, len(pushes) + len(removals)), NEVER)
    due[:, : len(pushes)] = [push.day for push in pushes]
    delays = [NEVER if removal.delay is None else removal.delay for removal in removals]
    late = [int(removal.moves.argmax()) for removal in removals]
    room = 1000 + LANES * (1 + len(stills))
    return Orders(
        bool(removals or stills or pushes),
        np.array([removal.moves for removal in removals], dtype=np.int64).reshape(len(removals), moves),
        np.array([removal.nth for removal in removals], dtype=np.int64),
        np.array([removal.low for removal in removals], dtype=float),
        np.array([removal.high for removal in removals], dtype=float),
        np.array(delays, dtype=float),
        np.cumsum([0, *(len(still.moves) for still in stills)]),
        np.array([move for still in stills for move in still.moves], dtype=np.int64),
        np.array([still.low for still in stills], dtype=float),
        np.array([still.high for still in stills], dtype=float),
        np.array([*(push.move for push in pushes), *late], dtype=np.int64),
        due,
        np.zeros((columns, len(removals)), dtype=np.int64),
        np.zeros((columns, len(stills)), dtype=np.int64),
        what=np.zeros(room, dtype=np.int64),
        column=np.zeros(room, dtype=np.int64),
        order=np.zeros(room, dtype=np.int64),
        move=np.zeros(room, dtype=np.int64),
        day=np.zeros(room),
        entered=np.zeros(1, dtype=np.int64),
    )


def _read_log(filed: Filed) -> Log:
    """Sort what was done by its kind."""

    def find(kind: int) -> list[tuple[Ints, Ints, Floats]]:
        here = np.flatnonzero(filed.what == kind)
        return [(filed.run[here], filed.move[here], filed.day[here])] if len(here) else []

    return Log(find(REMOVED), find(FORCED), find(IMPOSSIBLE), find(HELD))


def _find_refused(plan: Plan, filed: Filed) -> Ints:
    """First run in which a move is impossible that the plan insists on, or else any."""
    refuses = np.array([*(push.refuse for push in plan.pushes), *(removal.refuse for removal in plan.removals)])
    here = np.flatnonzero(filed.what == IMPOSSIBLE)  # of a standstill `order` is its own place, not one in `refuses`
    insisted = here[refuses[filed.order[here]]]
    return np.atleast_1d(filed.run[insisted if len(insisted) else here].min())


def gather_arm(
    compiled: Compiled, parts: Sequence[Part], runs: int, seed: int, until: float, engine: str = "numpy"
) -> Arm:
    """Put the parts of an arm together."""
    blocks, logs = zip(*parts, strict=True)
    return Arm(gather(compiled, blocks, runs, seed, until, {}, ("events",), engine), join_logs(logs))


def resolve_known(compiled: Compiled, params: Mapping[str, Any]) -> dict[str, Floats]:
    """Turn the parameters that a world has into values of key paths."""
    named = {spec.name for spec in compiled.scenario.parameter}
    known = {name: value for name, value in params.items() if name in named or name in compiled.numbers}
    return resolve_params(compiled.scenario, compiled.numbers, known)


def _run_block(
    compiled: Compiled, chooser: Interfering, values: Mapping[str, Floats], runs: Ints, until: float
) -> Block:
    plan = chooser.plan
    edges = _find_edges(plan, until)
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


def _find_edges(plan: Plan, until: float) -> list[float]:
    """Days on which numbers change."""
    return sorted({day for step in plan.steps for day in (step.low, step.high) if 0 < day < until})


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
