"""What do all tests share? How long hypothesis searches, no windows on the screen, and the golden numbers."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Callable, Mapping
from pathlib import Path

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

START_METHOD = multiprocessing.get_start_method(allow_none=True)


@pytest.fixture(autouse=True, scope="session")
def _processes_start_as_ever() -> None:
    """Collecting the tests (and what they import) has not changed how processes start."""
    usual = multiprocessing.get_all_start_methods()[0]
    assert multiprocessing.get_start_method(allow_none=True) in (START_METHOD, usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--refresh-baselines", action="store_true", help="write the golden numbers anew")


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
