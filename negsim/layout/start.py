"""Where does everything stand at the start?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from negsim.scenario import Scenario
from negsim.state import Array, Floats, Parameters, State, World
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES, DEMAND_STAGES, IN_FORCE, SUSPENDED


def make_start(scenario: Scenario, world: World, parameters: Parameters, width: int, shared: bool) -> State:
    """Make the state at the start of a scenario.

    Parameters
    ----------
    scenario, world, parameters
        The scenario, its rows, and the numbers for initial memories and stocks.
    width : int
        Number of columns.
    shared : bool
        Whether all columns share the discrete state.
    """
    discrete = 1 if shared else width
    initial = scenario.initial

    def spread(values: Sequence[Any], dtype: Any) -> Array:
        return np.repeat(np.array(values, dtype=dtype).reshape(len(values), 1), discrete, axis=1)

    def nothing(rows: int, dtype: Any) -> Array:
        return np.zeros((rows, discrete), dtype=dtype)

    stages = [CONCESSION_STAGES.index(initial.concessions.get(name, "none")) for name in scenario.concession]
    channels = [CHANNEL_STAGES.index(initial.channels.get(name, "closed")) for name in scenario.channel]
    demands = [DEMAND_STAGES.index(initial.demands.get(name, "dormant")) for name in scenario.demand]
    return State(
        time=np.zeros(discrete),
        tick=np.zeros(discrete, dtype=np.int64),
        channel=spread(channels, np.int8),
        table=nothing(world.channels, np.int64),
        consent=nothing(2 * world.channels, bool),
        awaiting=nothing(2 * world.channels, np.int64),
        last_deal=nothing(world.channels, float),
        stage=spread(stages, np.int8),
        frozen=spread([name in initial.frozen for name in scenario.concession], bool),
        begun=spread([stage in (IN_FORCE, SUSPENDED) for stage in stages], bool),
        changed=nothing(world.concessions, float),
        completions=nothing(world.concessions, np.int64),
        demand=spread(demands, np.int8),
        shipped=nothing(len(world.flow_concession), float),
        memory=_widened(parameters["memory_start"], width),
    )


def _widened(rows: Floats, width: int) -> Floats:
    return np.broadcast_to(rows, (rows.shape[0], width)).copy()
