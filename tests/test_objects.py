"""How do the objects behave that a user holds: shown in a notebook, compared, copied, sent elsewhere, changed?"""

from __future__ import annotations

import ast
import builtins
import copy
import dataclasses
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import negsim
from negsim.compiler import Compiled

pytestmark = pytest.mark.xdist_group("objects")  # one worker: what is held is made once

SHORT = 200
"""Characters in which an object says what it is."""
ARRAYS = {"Array", "DataFrame", "Flags", "Floats", "Ints"}
CASE = "bargaining-pair"
PACKAGE = Path(negsim.__file__).parent


@pytest.fixture(scope="module")
def held() -> dict[str, Any]:
    ensemble = negsim.simulate(CASE, runs=4, seed=1)
    told = negsim.observe(ensemble)
    answer = negsim.counterfactual(
        CASE,
        intervention={
            "watch": [{"event": "agree::table", "label": "an accord"}],
            "number": [{"path": "actor.north.audience", "value": 2.0}],
        },
        runs=4,
    )
    design = negsim.Design.grid({"actor.north.audience": [0.5, 1.0]})
    return {
        "ensemble": ensemble,
        "scenario": ensemble.scenario,
        "compiled": ensemble.compiled,
        "replay": negsim.replay(CASE, ensemble),
        "chronology": told,
        "history": told.histories(ensemble.compiled, np.full((1, len(told.unknowns)), 0.5))[0],
        "answer": answer,
        "comparison": answer.interventional,
        "question": answer.intervention,
        "design": design,
        "sweep": negsim.sweep(CASE, design, runs=2),
    }


def test_each_says_in_a_line_what_it_is(held):
    for name, one in held.items():
        assert re.match(r"\w+\(.+\)$", repr(one), re.DOTALL), name
        assert len(repr(one)) < SHORT or name == "question", f"{name}: {len(repr(one))} characters"
    assert repr(held["ensemble"]) == "Ensemble('bargaining-pair': 4 runs, 2001-01-01 to 2001-12-31, seed 1)"


def test_a_day_that_is_not_simulated_is_not_said_to_be():
    part = negsim.simulate(CASE, runs=2, until="2001-03-31")
    assert "2001-01-01 to 2001-03-31" in repr(part)


def test_a_notebook_shows_the_summary_of_an_ensemble(held):
    shown = held["ensemble"]._repr_html_()
    assert shown.count("<tr") == len(held["ensemble"].summary()) + 1
    assert "&#x27;bargaining-pair&#x27;" in shown


def test_each_can_be_compared_copied_and_sent_to_another_process(held):
    for name, one in held.items():
        assert one == one, name
        assert (one == copy.copy(one)) in (True, False), name
        if name != "sweep":  # a folder, which is opened anew
            assert repr(pickle.loads(pickle.dumps(one))) == repr(copy.deepcopy(one)) == repr(one), name


@pytest.mark.parametrize("engine", ["numpy", pytest.param("auto", marks=pytest.mark.xdist_group("compiled"))])
def test_why_a_move_was_impossible_survives_the_way_to_another_process(engine: str):
    found = negsim.replay(CASE, [(0.5, "adjourn:north:table:")], engine=engine)
    elsewhere = pickle.loads(pickle.dumps(found))
    assert "adjourn" in found.problems[0]
    assert elsewhere.problems == found.problems


def test_what_is_done_to_a_table_changes_no_other_result(held):
    for one, names in ((held["ensemble"], ["events"]), (held["comparison"], ["outcomes", "kinds"])):
        for name in names:
            before = getattr(one, name).copy()
            table = getattr(one, name)
            table[table.columns[0]] = 0
            table.insert(0, "mine", 1)
            pd.testing.assert_frame_equal(getattr(one, name), before)
    held["answer"].products.clear()
    assert len(held["answer"].summary())


def test_pictures_are_found_without_an_import_of_their_own():
    code = "import negsim, sys; negsim.plots.draw_timeline; assert 'matplotlib' not in sys.modules; print(dir(negsim))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'plots'" in found.stdout


# -- the classes themselves -------------------------------------------------------------------------------------------


def reach_classes() -> set[type]:
    """The dataclasses that public functions return, and those of their fields; not the rows of a compiled scenario."""
    found: set[type] = set()
    todo = [getattr(negsim, name) for name in negsim.__all__ if name != "__version__"]
    while todo:
        one = inspect.unwrap(todo.pop())
        if inspect.isclass(one) and (one in found or not one.__module__.startswith("negsim")):
            continue
        known = vars(sys.modules[one.__module__]) if inspect.isclass(one) else one.__globals__
        texts = (
            [field.type for field in dataclasses.fields(one)]
            if dataclasses.is_dataclass(one) and one is not Compiled
            else []
        )
        if inspect.isclass(one):
            found.add(one)
        else:
            texts = [str(inspect.signature(one).return_annotation)]
        words = {word for text in texts for word in re.findall(r"\w+", str(text))}
        todo += [known[word] for word in words if inspect.isclass(known.get(word))]
    return {one for one in found if dataclasses.is_dataclass(one)}


def find_arrays(one: type) -> Iterator[str]:
    """Fields by which a class compares though nobody can say whether two of them are equal."""
    if one.__dataclass_params__.eq:
        for field in dataclasses.fields(one):
            if field.compare and ARRAYS & set(re.findall(r"\w+", str(field.type))):
                yield f"{one.__name__}.{field.name}"


def test_no_class_that_holds_arrays_compares_by_them():
    classes = reach_classes()
    assert {"Ensemble", "Comparison", "Identifiability", "Tally"} <= {one.__name__ for one in classes}
    assert not [field for one in classes for field in find_arrays(one)]


def test_the_search_finds_an_array_by_which_a_class_compares():
    @dataclasses.dataclass
    class Careless:
        name: str
        values: Floats  # noqa: F821

    assert list(find_arrays(Careless)) == ["Careless.values"]


# -- errors -----------------------------------------------------------------------------------------------------------

WITHIN = {"CannotCompile", "NotADate", "UnknownArgument"}
"""Raised and caught inside."""


def find_strays(text: str) -> list[str]:
    """Classes of errors that are children of Python's own only."""
    kinds = {name for name, one in vars(builtins).items() if inspect.isclass(one) and issubclass(one, Exception)}
    found = []
    for one in ast.walk(ast.parse(text)):
        parents = {ast.unparse(base) for base in one.bases} if isinstance(one, ast.ClassDef) else set()
        if parents & kinds and not parents & {"NegsimError", "UserWarning"} and not one.name.startswith("_"):
            found.append(one.name)
    return found


def test_all_errors_are_one_family():
    rooms = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ("app", "cli")]
    strays = {name for path in rooms for name in find_strays(path.read_text("utf-8"))}
    assert strays == WITHIN | {"NegsimError"}
    assert issubclass(negsim.ScenarioError, negsim.NegsimError)


def test_the_search_finds_an_error_outside_the_family():
    assert find_strays("class A(ValueError): ...\nclass B(NegsimError, ValueError): ...\nclass C(Exception): ...") == [
        "A",
        "C",
    ]


def test_errors_survive_the_way_to_another_process():
    with pytest.raises(negsim.ScenarioError) as refused:
        negsim.load_scenario("nowhere")
    for error in (refused.value, negsim.SamplingError("no", posterior=None)):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)
