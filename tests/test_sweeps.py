"""Do sweeps give every point its runs, the same whoever computes them, and survive whatever happens to them?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from negsim.ensemble import simulate
from negsim.scenario import Scenario
from negsim.sweeps.readings import Sweep
from negsim.sweeps.running import sweep
from strategies import pair

WORTH, RATE = "concession.food.worth.B", "channel.talks.rates.open"
GRID: Mapping[str, list[float]] = {WORTH: [1.0, 2.0, 3.0], RATE: [1.0, 4.0]}


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Half a year of two states at one table."""
    return pair(end=dt.date(1998, 6, 30))


def rows_of(done: Sweep) -> pd.DataFrame:
    """Every run of every point, in one order."""
    table = done.dataset().to_table().to_pandas()
    return table.sort_values(["point", "run"]).reset_index(drop=True)


def assert_same_rows(one: Sweep, other: Sweep) -> None:
    pd.testing.assert_frame_equal(rows_of(one), rows_of(other), check_exact=True)


def blocks_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blocks").iterdir()}


# -- what comes out ---------------------------------------------------------------------------------------------------


def test_a_point_of_a_sweep_is_the_ensemble_at_its_numbers(scenario):
    done = sweep(scenario, GRID, runs=300, seed=5)
    table = done.to_frame().set_index(["point", "event"])
    for point, (worth, rate) in enumerate(done.design.values):
        alone = simulate(scenario, runs=300, seed=5, params={WORTH: worth, RATE: rate}).summary()
        meet = alone[alone["kind"] == "meet"].iloc[0]
        told = table.loc[(point, "meet.talks")]
        assert told["probability"] == meet["probability"]
        assert told["count"] == pytest.approx(meet["count"])
        assert told["count_mcse"] == pytest.approx(meet["count_mcse"])
        assert [told[f"date_{share}"] for share in (10, 50, 90)] == [meet[f"date_{share}"] for share in (10, 50, 90)]
    assert list(table.index.get_level_values("event").unique()) == list(done.events)
