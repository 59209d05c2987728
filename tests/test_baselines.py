"""Have the numbers of the shipped cases moved? Golden numbers, written anew by `make baseline` and only then.

They say nothing of being right (other tests do); they make a change of results a visible diff with a reason, which
CHANGELOG.md tags [RESULTS].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import negsim
from conftest import BASELINES, compare_with_baseline

Golden = Callable[[str, Mapping[str, float]], None]


@pytest.mark.parametrize("case", sorted(negsim.scenarios()))
def test_shipped_cases_give_the_numbers_written_down(case: str, golden: Golden):
    events = negsim.simulate(case, runs=100, seed=1).events
    counts = events["kind"].astype(str).value_counts().sort_index()
    golden(case, {"events": len(events), "mean day": events["day"].mean(), **counts.to_dict()})


def test_each_golden_file_belongs_to_a_shipped_case():
    assert {file.stem for file in BASELINES.glob("*.json")} == set(negsim.scenarios())


def test_numbers_that_moved_are_noticed(tmp_path: Path):
    file = tmp_path / "case.json"
    compare_with_baseline(file, {"events": 3, "mean day": 1.5}, refresh=True)
    compare_with_baseline(file, {"events": 3, "mean day": 1.5}, refresh=False)
    for moved in ({"events": 3, "mean day": 1.5001}, {"events": 3}, {"events": 3, "mean day": 1.5, "agree": 1}):
        with pytest.raises(AssertionError):
            compare_with_baseline(file, moved, refresh=False)


def test_numbers_never_written_down_are_noticed(tmp_path: Path):
    with pytest.raises(AssertionError, match="make baseline"):
        compare_with_baseline(tmp_path / "case.json", {"events": 3}, refresh=False)
