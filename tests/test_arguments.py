"""Is whatever is handed to a public function, and is nothing it could take, refused by the argument's name?"""

from __future__ import annotations

import datetime as dt
import inspect
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import negsim
from negsim.arguments import FORMERLY, check_arguments
from negsim.compiler import compile_case

TUTORIAL = Path(__file__).parents[1] / "examples" / "tutorial"
HARBOUR = TUTORIAL / "harbour.toml"
EVENTS = TUTORIAL / "events.csv"
FUNCTIONS = [name for name in negsim.__all__ if inspect.isfunction(getattr(negsim, name))]


class Thing:
    """Nothing that anybody takes."""

    def __repr__(self) -> str:
        return "a thing"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_refuses_what_none_of_its_arguments_takes(name: str):
    function = getattr(negsim, name)
    arguments = inspect.signature(function).parameters.values()
    right = {one.name: stand_in(one.annotation) for one in arguments if one.default is one.empty}
    for argument in arguments:
        if "Any" in argument.annotation.split(" | ") or argument.kind is argument.VAR_KEYWORD:
            continue
        with pytest.raises((TypeError, ValueError), match=f"^{argument.name} must be .*, not a thing$"):
            function(**{**right, argument.name: Thing()})


def stand_in(annotation: str) -> Any:
    """Something of the first kind that an annotation names, by name alone."""
    kind = annotation.split(" | ")[0]
    return {"str": "x", "Any": "x"}.get(kind) or type(kind, (), {})()


def take(
    case: negsim.Scenario | str | Path,
    runs: int = 1,
    seed: int = 0,
    free: Any = None,
    day: dt.date | None = None,
    share: float = 0.5,
    whole: bool = True,
    names: list[str] | tuple[str, ...] | None = None,
) -> tuple[Any, ...]:
    """Take one argument of each kind."""
    return case, runs, seed, free, day, share, whole, names


@pytest.mark.parametrize(
    "given",
    [
        {"case": HARBOUR, "runs": np.int64(3), "share": 1, "whole": np.True_},
        {"case": "x", "names": np.array(["a"]), "free": Thing(), "day": dt.datetime(2010, 1, 1)},
        {"case": np.str_("x"), "names": ["a"], "share": np.float64(0.5)},
    ],
)
def test_what_may_stand_for_a_kind_is_let_through(given: dict[str, Any]):
    assert check_arguments(take)(**given) == take(**given)


def test_whole_numbers_of_numpy_arrive_as_pythons_own_which_every_file_can_hold(tmp_path: Path):
    assert [type(number) for number in check_arguments(take)("x", np.int64(3), seed=np.uint8(2))[1:3]] == [int, int]
    negsim.simulate(HARBOUR, runs=np.int64(2), seed=np.int64(1)).save(tmp_path / "runs")
    assert negsim.load_results(tmp_path / "runs").seed == 1
    design = negsim.Design.one_at_a_time({"tempo": (np.int64(1), np.int64(3))}, {"tempo": np.int64(2)})
    done = negsim.sweep(HARBOUR, design, runs=np.int64(2), seed=np.int64(1), store=tmp_path / "store")
    assert negsim.open_sweep(tmp_path / "store").runs == done.runs == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"case": None}, "case must be a Scenario, a text or a path, not None"),
        ({"runs": 0}, "runs must be a whole number of at least 1, not 0"),
        ({"runs": True}, "runs must be a whole number of at least 1, not True"),
        ({"runs": 10**12}, "runs must be 100,000,000 at most, not 1000000000000"),
        ({"runs": 10**400}, "runs must be 100,000,000 at most, not a whole number of more than 60 digits"),
        ({"seed": -1}, "seed must be a whole number of at least 0, not -1"),
        ({"seed": math.nan}, "seed must be a whole number of at least 0, not nan"),
        ({"day": 7}, "day must be a date or None, not 7"),
        ({"share": "half"}, "share must be a number, not 'half'"),
        ({"whole": "no"}, "whole must be True or False, not 'no'"),
        ({"names": "abc"}, "names must be a list, a pair or None, not 'abc'"),
    ],
)
def test_what_is_of_another_kind_is_refused_with_what_is_allowed(given: dict[str, Any], said: str):
    with pytest.raises((TypeError, ValueError)) as refused:
        check_arguments(take)(**{"case": "x", **given})
    assert str(refused.value) == said


def test_too_few_arguments_are_told_as_python_tells_them():
    with pytest.raises(TypeError, match=r"^simulate\(\) missing 1 required positional argument: 'case'"):
        negsim.simulate()


def test_public_functions_keep_their_signature_and_can_be_sent_to_other_processes():
    for name in FUNCTIONS:
        function = getattr(negsim, name)
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__doc__
    assert list(inspect.signature(negsim.replay).parameters)[:2] == ["case", "history"]


def test_a_call_is_about_what_stands_first_and_says_all_else_by_name():
    for name in FUNCTIONS:
        first = [
            one for one in inspect.signature(getattr(negsim, name)).parameters.values() if one.kind < one.KEYWORD_ONLY
        ]
        how = {"runs", "seed", "until", "engine", "workers", "executor", "progress", "free", "params"} - HOW_OF.get(
            name, set()
        )
        assert not how & {one.name for one in first}, name


HOW_OF = {"replay": {"params"}}
"""A replay is of a history under these numbers."""
LAST = ["engine", "workers", "executor", "progress"]


def test_what_says_how_comes_in_one_order_everywhere():
    for name in FUNCTIONS:
        given = list(inspect.signature(getattr(negsim, name)).parameters)
        tail = [one for one in given if one in LAST]
        assert tail == [one for one in LAST if one in given], name
        if {"runs", "seed"} <= set(given):
            assert given.index("seed") == given.index("runs") + 1, name


@pytest.mark.parametrize("name", FORMERLY)
def test_what_was_once_taken_by_position_still_is_by_its_name(name: str):
    function = getattr(negsim.Design if name.startswith("Design.") else negsim.Sweep, name.partition(".")[2], None)
    function = function or getattr(negsim, name)
    taken = inspect.signature(function).parameters
    assert all(taken[one].kind is inspect.Parameter.KEYWORD_ONLY for one in FORMERLY[name].split())


def test_a_call_as_it_once_was_written_gives_what_it_gave():
    with pytest.warns(FutureWarning, match=r"^simulate: write runs=\.\.\., seed=\.\.\.; it will no longer") as told:
        once = negsim.simulate(HARBOUR, 3, 5)
    assert told[0].filename == __file__
    assert once.events.equals(negsim.simulate(HARBOUR, runs=3, seed=5).events)
    with pytest.warns(FutureWarning, match="counterfactual: write seed="):
        before = negsim.counterfactual("template", None, {"ban": [{"move": "open:*:*:"}]}, None, 7, 3)
    assert (before.provenance["seed"], before.provenance["runs"]) == (7, 3)
    with pytest.warns(FutureWarning, match="sobol: write seed="):
        design = negsim.Design.sobol({"a": (0, 1)}, 4, 3)
    assert np.array_equal(design.values, negsim.Design.sobol({"a": (0, 1)}, 4, seed=3).values)


def test_what_was_never_taken_by_position_is_refused_as_python_refuses_it():
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 positional arguments"):
        negsim.simulate(HARBOUR, 3, runs=4)
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments but 3 positional arguments"):
        negsim.register(*[None] * 3, note="x")


SAME = {
    "case": ("Scenario | str | Path", None),
    "chronology": ("Chronology | str | Path | None", None),
    "engine": ("str", "numpy"),
    "runs": ("int", None),
    "seed": ("int", 0),
    "until": ("dt.date | str | None", None),
    "workers": ("int", 1),
}
"""What an argument of a name takes wherever it occurs, and its default (None: each function has its own)."""
APART = {("expand_sweep", "runs")}
"""Runs to be added to, which may stay as they are."""


def test_an_argument_of_one_name_takes_the_same_everywhere():
    found = {
        (name, key): parameter
        for name in FUNCTIONS
        for key, parameter in inspect.signature(getattr(negsim, name)).parameters.items()
    }
    for (name, key), parameter in found.items():
        if key in SAME and (name, key) not in APART:
            kind, default = SAME[key]
            taken = parameter.annotation.removesuffix(" | Compiled")
            assert taken == kind or f"{taken} | None" == kind, f"{name}({key}: {parameter.annotation})"
            assert default is None or parameter.default in (default, inspect.Parameter.empty), f"{name}({key})"
    assert {key for _, key in found if "progress" in key or key == "told"} == {"progress"}


# -- what the functions check themselves ------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "shape"), [([1, 2, 3], r"\(3,\)"), ([[1], [2]], r"\(2, 1\)"), ([], r"\(0,\)")])
def test_a_parameter_of_another_length_is_told_by_the_name_it_was_given(given: list[Any], shape: str):
    with pytest.raises(
        ValueError, match=rf"^params\['costs'\]: shape {shape}; give one number, or one for each of 2 runs$"
    ):
        negsim.simulate("template", runs=2, params={"costs": given})


def test_a_study_of_nothing_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="simulations must be a whole number of at least 1, not 0"):
        negsim.sbc(HARBOUR, simulations=0)
    with pytest.raises(ValueError, match="harbour has no parameter to rank"):
        negsim.sbc(HARBOUR, simulations=1, free=[])
    with pytest.raises(ValueError, match="observer has no option precison; there are reporting, precision"):
        negsim.sbc(HARBOUR, simulations=1, observer={"precison": "day"})
    with pytest.raises(TypeError, match=r"given must be a pair \(Posterior, Chronology\)"):
        negsim.sbc(HARBOUR, simulations=1, given=("a", "b"))
    with pytest.raises(ValueError, match="path must be a file, not the folder"):
        negsim.sbc(HARBOUR, simulations=1, path=tmp_path)
    with pytest.raises(ValueError, match="holds no study"):
        negsim.sbc(HARBOUR, simulations=1, path=HARBOUR)


def test_a_replay_keeps_its_parameters_within_their_ranges_where_a_caller_comes_in():
    history = [("2010-05-01", "act:coast::seizure")]
    for wild in (-1.0, [0.5, -1.0]):
        with pytest.raises(negsim.ScenarioError, match="allowed: a number of at least 0"):
            negsim.replay(HARBOUR, history, params={"tempo": wild})
    with pytest.raises(ValueError, match=r"params\['cool'\]: not every number is finite"):
        negsim.replay(HARBOUR, history, params={"cool": math.inf})
    with pytest.raises(ValueError, match=r"params\['cool'\]: not every number is finite"):
        negsim.replay(HARBOUR, history, params={"cool": None})
    compiled = compile_case(HARBOUR)
    inside = negsim.replay(HARBOUR, history, params={"tempo": 0.5}).total
    assert np.array_equal(negsim.replay(compiled, history, params={"tempo": 0.5}).total, inside)


def test_a_history_may_come_in_the_columns_of_a_chronology():
    history = [("2010-05-01", "act:coast::seizure"), ("2010-07-01", "act:coast::seizure")]
    table = pd.DataFrame(history, columns=["date", "move"])
    expected = negsim.replay(HARBOUR, history).total
    assert np.array_equal(negsim.replay(HARBOUR, table).total, expected)
    assert np.array_equal(negsim.replay(HARBOUR, table.to_dict("records")).total, expected)
    with pytest.raises(negsim.ScenarioError, match="did you mean act:coast::seizure"):
        negsim.replay(HARBOUR, [{"date": "2010-05-01", "move": "act:coast::seizur"}])


CALLS: dict[str, tuple[Any, str]] = {
    "names of nothing": (
        lambda: negsim.fit(HARBOUR, EVENTS, free=[None]),
        r"free must be a list of texts or None, not \[N",
    ),
    "stages of nothing": (
        lambda: negsim.compare_theories(HARBOUR, negsim.load_chronology(HARBOUR, EVENTS), stages=[None]),
        "stages must be a number of them or dates, not None",
    ),
    "history that has no rows": (lambda: negsim.replay(HARBOUR, 3), "a history is a list of moves"),
    "window of one day": (
        lambda: negsim.load_chronology(HARBOUR, EVENTS, window=["2010-01-01"]),
        "window must be a pair",
    ),
    "file without a name": (lambda: negsim.save_scenario(negsim.load_scenario(HARBOUR), ""), "path must have a name"),
    "folder for a file": (lambda: negsim.save_scenario(negsim.load_scenario(HARBOUR), Path()), "path must name a file"),
    "event that is no word": (lambda: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2, events=[None]), "None"),
    "stages before the first": (
        lambda: negsim.compare_theories(HARBOUR, negsim.load_chronology(HARBOUR, EVENTS), stages=-1),
        "stages must be a whole number of at least 0",
    ),
    "outcomes before the start": (
        lambda: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2).outcome("agree.talks", until=dt.date(1900, 1, 1)),
        "until must be a day from 2010-01-01 on, not 1900-01-01",
    ),
    "observed until before the start": (
        lambda: negsim.observe(negsim.simulate(HARBOUR, runs=1), last=dt.date(1900, 1, 1)),
        r"last \(1900-01-01\) must not come before the scenario's start, 2010-01-01",
    ),
    "observed from after the end": (
        lambda: negsim.observe(negsim.simulate(HARBOUR, runs=1), first=dt.date(2100, 1, 1)),
        r"first \(2100-01-01\) must not come after the scenario's end",
    ),
}


RANGES = {"tempo": (0.5, 2.0)}
METHODS: dict[str, tuple[Any, str]] = {
    "grid of nothing": (lambda: negsim.Design.grid(None), "levels must be a mapping, not None"),
    "points of a text": (lambda: negsim.Design.sobol(RANGES, "4"), "n must be a whole number of at least 1, not '4'"),
    "no points": (lambda: negsim.Design.sobol_indices(RANGES, 0), "n must be a whole number of at least 1, not 0"),
    "no ranges": (lambda: negsim.Design.latin_hypercube({}, 4), "a design needs at least one name and one point"),
    "range of a text": (lambda: negsim.Design.sobol({"tempo": "x"}, 4), r"tempo: a range is \(low, high\) or a prior"),
    "levels of words": (lambda: negsim.Design.grid({"tempo": [1, "high"]}), "tempo: not every value is a number"),
    "levels of lists": (lambda: negsim.Design.grid({"tempo": [1, [2]]}), "tempo: not every value is a number"),
    "points of a number": (lambda: negsim.Design.table(3), "points must be a table or a mapping .*, not int"),
    "range of words": (
        lambda: negsim.Design.one_at_a_time({"tempo": (1, "high")}, {"tempo": 1}),
        r"tempo: a range is \(low, high\), not \(1, 'high'\)",
    ),
    "base of words": (
        lambda: negsim.Design.one_at_a_time(RANGES, {"tempo": "high"}),
        "tempo: not every value is a number",
    ),
    "base of nothing": (lambda: negsim.Design.one_at_a_time(RANGES, None), "base must be a mapping, not None"),
    "draws of nothing": (lambda: negsim.Design.draws(None, 4), "source must be a Posterior or a JointPrior"),
    "trajectories": (lambda: negsim.Design.morris([1, 2]), r"ranges must be a mapping, not \[1, 2\]"),
    "save nowhere": (
        lambda: negsim.simulate(HARBOUR, runs=1).save(None),
        "directory must be a text or a path, not None",
    ),
    "load nothing": (lambda: negsim.Posterior.load(None), "directory must be a text or a path, not None"),
    "outcome of a number": (
        lambda: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2).outcome(3),
        "event must be a text, not 3",
    ),
    "table of no events": (
        lambda: negsim.sweep(HARBOUR, {"tempo": [1, 2]}, runs=2).to_frame([]),
        "events: there are none",
    ),
}


@pytest.mark.parametrize(("call", "said"), METHODS.values(), ids=METHODS)
def test_methods_that_people_call_refuse_by_the_arguments_name_as_well(call: Any, said: str):
    with pytest.raises((TypeError, ValueError), match=said):
        call()


def test_a_design_of_the_priors_takes_a_case_as_everything_does():
    by_name = negsim.Design.prior_draws(str(HARBOUR), 3, seed=1)
    assert np.array_equal(by_name.values, negsim.Design.prior_draws(negsim.load_scenario(HARBOUR), 3, seed=1).values)


@pytest.mark.parametrize(("call", "said"), CALLS.values(), ids=CALLS)
def test_what_only_the_function_can_know_is_refused_by_it(call: Any, said: str):
    with pytest.raises((TypeError, ValueError), match=said):
        call()
