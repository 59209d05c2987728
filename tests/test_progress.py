"""Is whoever waits told how far the work has come, by every function in the same words?"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import negsim
from negsim.progress import part_of, tell_count, tell_nobody

HARBOUR = Path(__file__).parents[1] / "examples" / "tutorial" / "harbour.toml"
LATER = {"name": "x", "number": [{"path": "channel.river_talks.rates.plan", "multiply": 2.0}]}
Told = list[tuple[float, str]]


def check_progress(told: Told) -> None:
    """Shares that do not fall, from within 0 to 1 up to 1, each with words."""
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] >= 0.0
    assert shares[-1] == 1.0
    assert all(isinstance(doing, str) and doing for _, doing in told)


@pytest.mark.parametrize("wrong", [[(0.0, "x"), (0.5, "x")], [(0.6, "x"), (0.5, "x"), (1.0, "x")], [(1.0, "")]])
def test_the_check_fails_where_it_should(wrong: Told):
    with pytest.raises(AssertionError):
        check_progress(wrong)


@pytest.mark.parametrize(
    ("work", "last"),
    [
        (lambda **how: negsim.simulate("template", runs=5, width=2, **how), "5 of 5 runs"),
        (lambda **how: negsim.simulate("template", runs=5, width=2, workers=2, **how), "5 of 5 runs"),
        (lambda **how: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=3, **how), "6 of 6 runs"),
        (lambda **how: negsim.counterfactual("template", None, LATER, runs=4, **how), "independent clocks"),
        (lambda **how: negsim.counterfactual("template", None, LATER, runs=4, workers=2, **how), "independent clocks"),
    ],
    ids=["simulate", "simulate by workers", "sweep", "counterfactual", "counterfactual by workers"],
)
def test_a_function_tells_the_share_that_is_done_and_what_is_being_done(work: Callable[..., Any], last: str):
    told: Told = []
    work(progress=lambda *one: told.append(one))
    check_progress(told)
    assert told[-1][1] == last


def test_a_study_tells_of_its_simulations():
    data = negsim.load_scenario("two-state-channel").model_dump(by_alias=True)
    data["end"] = data["start"].replace(year=data["start"].year + 1)
    prior = {"family": "lognormal", "median": 4.0, "sd": 0.6}
    data["parameter"] = [{"name": "meeting", "numbers": ["channel.talks.rates.meet"], "prior": prior}]
    told: Told = []
    case = negsim.Scenario.model_validate(data)
    negsim.sbc(case, simulations=2, seed=4, draws=1000, progress=lambda *one: told.append(one))
    assert told == [(0.5, "1 of 2 simulations"), (1.0, "2 of 2 simulations")]


def test_a_stage_tells_its_share_of_the_whole_and_never_goes_back():
    told: Told = []
    stage = part_of(lambda *one: told.append(one), 0.5, 0.75)
    for share in (0.0, 1.0, 0.5):
        stage(share, "x")
    assert [share for share, _ in told] == [0.5, 0.75, 0.75]
    part_of(None, 0.0, 1.0)(0.5, "nobody listens")
    tell_nobody(0.5, "nobody listens")
    tell_count(None, 1, 2)


def test_what_listens_is_of_one_kind_in_all_public_functions():
    kinds = {
        annotation
        for name in negsim.__all__
        for key, annotation in getattr(getattr(negsim, name), "__annotations__", {}).items()
        if key == "progress" and not dataclasses.is_dataclass(getattr(negsim, name))
    }
    assert kinds == {"Progress | None"}
