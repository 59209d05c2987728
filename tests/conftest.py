"""What do all tests share? How long hypothesis searches, no windows on the screen, and the golden numbers."""

from __future__ import annotations

import os

# Before numpy is loaded: threads of linear algebra burn the time they wait in, and tests keep all cores busy as it is.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import csv
import gc
import json
import multiprocessing
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

BASELINES = Path(__file__).parent / "baselines"

# No deadline: a test that fails on a busy machine tells nothing. `--hypothesis-profile=dev` searches anew each time,
# `=quick` takes a first look (the mutation study does).
settings.register_profile(
    "ci",
    derandomize=True,
    max_examples=40,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", settings.get_profile("ci"), max_examples=8)
settings.register_profile("dev", max_examples=200, deadline=None, print_blob=True)
settings.load_profile("ci")

os.environ.setdefault("MPLBACKEND", "Agg")

if TYPE_CHECKING:
    from negsim.compiler import Compiled

START_METHOD = multiprocessing.get_start_method(allow_none=True)


@pytest.fixture(autouse=True, scope="session")
def _processes_start_as_ever() -> None:
    """Collecting the tests (and what they import) has not changed how processes start."""
    usual = multiprocessing.get_all_start_methods()[0]
    assert multiprocessing.get_start_method(allow_none=True) in (START_METHOD, usual)


@pytest.fixture(scope="session")
def beijing() -> Compiled:
    """The case that most tests of the engine look at, compiled once."""
    from negsim.compiler import compile_scenario
    from negsim.scenario_files import load_scenario

    return compile_scenario(load_scenario("beijing-1999"))


@pytest.fixture(scope="session")
def hand_made() -> list[dict[str, str]]:
    """The article's sequence with the moves that it implies, as rows."""
    text = resources.files("negsim").joinpath("cases/beijing-1999.history.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command here: its exit code, and what it said on either stream."""
    from negsim.cli import main

    def run(*words: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as leaving:
            code = int(leaving.code or 0)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-baselines", action="store_true", help="write the golden numbers anew")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the workers of pytest-xdist keep to its groups.

    It writes the group into ``_nodeid``, which pytest 9.2 no longer reads: the tests of a group went to any worker, and
    two compiled the engine at once. Where a test has a group of its own and one of its file, its own counts.
    """
    if not getattr(config.option, "loadgroup", False):
        return
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        if mark is not None and "@" not in item.nodeid.rpartition("]")[2]:
            item._id = type(item._id).parse(f"{item.nodeid}@{mark.args[0]}")


def pytest_collection_finish() -> None:
    """Look no more for garbage among what was collected and imported: it stays, and is much."""
    gc.collect()
    gc.freeze()


def compare_with_baseline(path: Path, numbers: Mapping[str, float], *, refresh: bool, tolerance: float = 1e-9) -> None:
    """Hold numbers against those written down; write them down when asked to."""
    if refresh:
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(dict(numbers), indent=2) + "\n")
    assert path.exists(), f"no golden numbers in {path.name}: `make baseline` writes them"
    assert dict(numbers) == pytest.approx(json.loads(path.read_text()), rel=tolerance, abs=tolerance)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, Mapping[str, float]], None]:
    """Hold a dictionary of numbers against ``tests/baselines/NAME.json``, which `make baseline` writes."""
    refresh: bool = request.config.getoption("--refresh-baselines")
    return lambda name, numbers: compare_with_baseline(BASELINES / f"{name}.json", numbers, refresh=refresh)


@pytest.fixture
def quick_explanations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `explain` draw few records, and trust any weights that are not all zero instead of fitting again."""
    from negsim.forecasts import comparison, omissions, reach

    for name, number in {"TRUSTED": np.inf, "FEWEST": 1.0, "DRAWS": 60, "DATES": 4}.items():
        monkeypatch.setattr(omissions, name, number)
    for name, number in {"RECORDS": 20, "DRAWS": 5}.items():
        monkeypatch.setattr(reach, name, number)
        monkeypatch.setattr(comparison, name, 4 * number)
