"""Do both engines tell the same stories? The compiled loops against the kernel: same moves, moments and scores."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import negsim
from checks import calm, examples
from negsim.compiler import compile_scenario
from negsim.continuation import continue_histories
from negsim.engines import EngineWarning, NoCompiledEngine, choose_engine
from negsim.ensemble import simulate
from negsim.history import Coverage, read_history
from negsim.replays import replay, split_runs
from negsim.results import Ensemble
from negsim.scalar.building import write_source
from negsim.scalar.formulas import SHIPPED, list_formulas
from negsim.scalar.numbers import flatten_parameters
from negsim.scenario import Scenario
from negsim.scenario_files import load_scenario, load_terms
from strategies import numbers_for, scenarios, two_state_channel

pytest.importorskip("numba")
pytestmark = pytest.mark.xdist_group("compiled")  # one process compiles for all

SECOND = 1.0 / 86_400.0
"""How far two dates may differ, in days."""
seeds = st.integers(0, 2**32)


def check_same_histories(one: Ensemble, two: Ensemble) -> None:
    """The same events in the same order, dates within a second, the same counts and paths."""
    assert one.columns is not None
    assert two.columns is not None
    assert one.columns[0].tolist() == two.columns[0].tolist()
    assert one.columns[1].tolist() == two.columns[1].tolist()
    assert np.abs(one.columns[2] - two.columns[2]).max(initial=0.0) < SECOND
    for name in ("first", "total", "squares"):
        assert getattr(one.tally, name).tolist() == getattr(two.tally, name).tolist(), name
    for name, path in one.paths.items():
        assert two.paths[name] == pytest.approx(path, rel=1e-6, abs=1e-6), name


def check_same_scores(one: negsim.Replay, two: negsim.Replay) -> None:
    """The same log-likelihoods, whole and event by event."""
    assert two.total == pytest.approx(one.total, rel=1e-9, abs=1e-9)
    assert two.events == pytest.approx(one.events, rel=1e-9, abs=1e-9, nan_ok=True)
    assert two.intervals == pytest.approx(one.intervals, rel=1e-9, abs=1e-9)


def in_both(case: Any, **named: Any) -> tuple[Ensemble, Ensemble]:
    return simulate(case, engine="numpy", **named), simulate(case, engine="compiled", **named)


# -- histories --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", negsim.scenarios())
def test_every_shipped_case_has_the_same_histories(name: str):
    check_same_histories(*in_both(name, runs=260, seed=11))


@examples(20)
@given(st.data(), scenarios(), seeds)
@calm
def test_any_scenario_has_the_same_histories(data: st.DataObject, scenario: Scenario, seed: int):
    numbers = data.draw(numbers_for(scenario))
    check_same_histories(*in_both(scenario, runs=3, seed=seed, params=numbers))


def test_numbers_that_differ_by_run_stay_with_their_runs():
    params = {"term.resentment.heat": np.linspace(0.0, 0.5, 260)}
    check_same_histories(*in_both("beijing-1999", runs=260, seed=5, params=params))


def test_what_is_recorded_at_the_ticks_is_the_same():
    record = ("events", "resentment", "credibility", "need", "channel", "concession", "frozen")
    case = load_scenario("beijing-1999")
    check_same_histories(*in_both(case, runs=40, seed=2, record=record, until=case.start.replace(year=1994)))


def test_threads_blocks_and_widths_change_nothing():
    alone = simulate("beijing-1999", runs=300, seed=8, engine="compiled")
    check_same_histories(alone, simulate("beijing-1999", runs=300, seed=8, engine="compiled", width=100, workers=2))
    fewer = simulate("beijing-1999", runs=70, seed=8, engine="compiled")
    assert alone.columns is not None
    assert fewer.columns is not None
    assert alone.columns[2][alone.columns[0] < 70].tolist() == fewer.columns[2].tolist()


def test_a_run_that_explodes_is_stopped_alike(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 150)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one, two = in_both("beijing-1999", runs=60, seed=3)
    assert 0 < len(one.stopped[0]) < 60
    assert one.stopped[0].tolist() == two.stopped[0].tolist()
    assert one.stopped[1] == pytest.approx(two.stopped[1], abs=SECOND)
    check_same_histories(one, two)


def test_what_comes_after_a_given_past_is_drawn_alike():
    compiled, origin = compile_scenario(load_scenario("beijing-1999")), dt.date(1996, 5, 17)
    past = split_runs(simulate(compiled, runs=260, seed=4, until=origin - dt.timedelta(days=1)))
    params = {"term.resentment.heat": np.linspace(0.2, 0.4, 260)}
    one, two = (continue_histories(compiled, past, origin, params, 6, engine=name) for name in ("numpy", "compiled"))
    assert two.provenance["engine"] == "compiled"
    check_same_histories(one, two)


def test_a_past_that_cannot_have_been_is_refused_by_both():
    compiled = compile_scenario(load_scenario("beijing-1999"))
    past = [read_history(compiled, [("1995-01-01", "lift:JPN::japan_food")])]
    for engine in ("numpy", "compiled"):
        with pytest.raises(ValueError, match="japan_food is not frozen"):
            continue_histories(compiled, past, dt.date(1996, 5, 17), engine=engine)


# -- scores -----------------------------------------------------------------------------------------------------------


@examples(20)
@given(st.data(), scenarios(), seeds)
@calm
def test_any_history_scores_the_same_under_any_numbers(data: st.DataObject, scenario: Scenario, seed: int):
    """What happened may be impossible under the other numbers: then in both."""
    compiled = compile_scenario(scenario)
    histories = split_runs(simulate(scenario, runs=3, seed=seed))
    numbers = data.draw(numbers_for(scenario))
    check_same_scores(replay(compiled, histories, numbers), replay(compiled, histories, numbers, engine="compiled"))


@examples(15)
@given(st.data(), scenarios(), seeds)
@calm
def test_what_is_only_partly_reported_scores_the_same(data: st.DataObject, scenario: Scenario, seed: int):
    compiled = compile_scenario(scenario)
    histories = split_runs(simulate(scenario, runs=2, seed=seed))
    end, moves = float(compiled.world.tick_times[-1]), compiled.world.moves
    inner = sorted(data.draw(st.lists(st.floats(0.05, 0.95), min_size=1, max_size=3, unique=True)))
    edges = np.array([0.0, *(share * end for share in inner), end])
    share = st.sampled_from((0.0, 0.3, 1.0))
    shares = np.array(data.draw(st.lists(st.lists(share, min_size=len(edges) - 1, max_size=len(edges) - 1), min_size=3,
                                         max_size=3)))  # fmt: skip
    profile = np.array(data.draw(st.lists(st.integers(0, 2), min_size=moves, max_size=moves)))
    coverage = Coverage(profile, edges, shares)
    one, two = (replay(compiled, histories, coverage=coverage, engine=engine) for engine in ("numpy", "compiled"))
    check_same_scores(one, two)


def test_scores_are_the_same_bits_whatever_the_threads():
    past = simulate("two-state-channel", runs=31, seed=4)
    one, two, many = (replay("two-state-channel", past, engine="compiled", workers=n).total for n in (1, 2, 40))
    assert np.isfinite(one).all()
    assert one.tolist() == two.tolist() == many.tolist()


def test_an_impossible_move_is_explained_alike():
    case = load_scenario("beijing-1999")
    rows = [("1991-02-03", "complete:KRC::abduction_inquiry"), ("1992-05-06", "meet:JPN:official:")]
    one, two = (replay(case, rows, engine=engine) for engine in ("numpy", "compiled"))
    assert one.total[0] == two.total[0] == -np.inf
    assert one.problems
    assert one.problems == two.problems


def test_a_planted_difference_is_seen():
    one, two = simulate("two-state-channel", runs=20, seed=1), simulate("two-state-channel", runs=20, seed=2)
    with pytest.raises(AssertionError):
        check_same_histories(one, two)


# -- which engine -----------------------------------------------------------------------------------------------------


def test_only_rows_that_are_not_the_same_in_all_columns_are_laid_out_by_column():
    compiled = compile_scenario(two_state_channel())
    rates = {"channel.talks.rates.plan": np.array([1.0, 2.0, 2.0]), "channel.talks.rates.cancel": np.full(3, 2.0)}
    shared, varying, columns = flatten_parameters(compiled.bind(rates))
    alone = [flatten_parameters(compiled.bind({path: rate[[k]] for path, rate in rates.items()})) for k in range(3)]
    whole = np.repeat(shared[None, :], 3, axis=0)
    whole[:, varying] = columns
    assert whole.tolist() == [numbers.tolist() for numbers, _, _ in alone]
    assert len(varying) == 1


def test_the_provenance_says_which_engine_ran():
    assert simulate("two-state-channel", runs=2).provenance["engine"] == "numpy"
    assert simulate("two-state-channel", runs=2, engine="auto").provenance["engine"] == "compiled"


def test_an_engine_that_is_none_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"'compild'.*nearest: compiled"):
        simulate("two-state-channel", runs=2, engine="compild")


def test_without_numba_the_error_names_the_extra_and_auto_takes_the_kernel(monkeypatch: pytest.MonkeyPatch):
    compiled = compile_scenario(two_state_channel())
    monkeypatch.setattr("negsim.engines.find_spec", lambda name: None)
    with pytest.raises(NoCompiledEngine, match=r"negsim\[fast\]"):
        choose_engine("compiled", compiled)
    assert choose_engine("auto", compiled) == "numpy"


OWN_TERM = """
import numpy as np
from negsim.terms import LogRate, Term


def mood(pressure):
    return {formula}


TERM = Term("mood", "a claim", "an equation", "a source", log_rates=(LogRate(("walk_out",), mood),))
"""

OWN_TERM_OF_SHIPPED_FORMULAS = """
from negsim.terms import LogRate, Term
from negsim.terms.resentment import hotter
from negsim.terms.term import strength

TERM = Term(
    "mood", "a claim", "an equation", "a source", (strength("heat", 0.7, "how a mood hastens"),),
    log_rates=(LogRate(("walk_out", "cancel"), hotter),),
)
"""
"""A term of one's own that needs no compilation of its own."""


def write_own_term(folder: Path, text: str) -> Scenario:
    """The main case with a term of one's own beside it."""
    (folder / "mood.py").write_text(text, encoding="utf-8")
    negsim.save_scenario(load_scenario("beijing-1999"), folder / "mine.toml")
    with (folder / "mine.toml").open("a", encoding="utf-8") as file:
        file.write('\n[term.mood]\nfile = "mood.py"\n')
    return load_scenario(str(folder / "mine.toml"))


def test_a_term_that_cannot_be_compiled_runs_in_the_kernel_and_is_told_why(tmp_path: Path):
    case = write_own_term(tmp_path, OWN_TERM.format(formula="np.asarray(pressure).astype(object).astype(float)"))
    with pytest.warns(EngineWarning, match=r"numpy engine runs beijing-1999: .*mood"):
        ensemble = simulate(case, runs=3, seed=1, engine="compiled")
    assert ensemble.provenance["engine"] == "numpy"


def test_a_term_of_ones_own_that_can_be_compiled_joins_the_shipped_formulas(tmp_path: Path):
    case = write_own_term(tmp_path, OWN_TERM.format(formula="np.sqrt(pressure)"))
    formulas = list_formulas(compile_scenario(case, load_terms(case)).world)
    text = write_source(formulas, [True] * len(formulas))
    assert text.count("if formula ==") == len(SHIPPED) + 1
    assert choose_engine("compiled", compile_scenario(case, load_terms(case))) == "compiled"


def test_a_term_of_ones_own_tells_the_same_stories(tmp_path: Path):
    case = write_own_term(tmp_path, OWN_TERM_OF_SHIPPED_FORMULAS)
    one, two = in_both(case, runs=20, seed=4)
    assert list_formulas(two.compiled.world) == SHIPPED
    assert two.provenance["engine"] == "compiled"
    check_same_histories(one, two)
    other = simulate("beijing-1999", runs=20, seed=4)
    assert not one.events.equals(other.events)


def suited(x: Any, y: Any) -> Any:
    return x * np.exp(y)


def unsuited(x: Any, y: Any) -> Any:
    return np.arctan2(x, y)


@pytest.mark.parametrize(("number", "formula"), [(0, suited), (1, unsuited)])
def test_a_formula_is_called_for_all_runs_at_once_or_where_lanes_do_not_suit_it_for_each(number: int, formula: Any):
    """Of three places that a formula may be called for, two are: each reads its own rows, run by run."""
    from numba import njit

    from negsim.scalar.building import UNCALLED, read_switch
    from negsim.scalar.tables import LANES

    home, file = read_switch((suited, unsuited), njit(error_model="numpy", **UNCALLED))
    assert file.read_text().count("join_lanes") == 1
    evaluate, rows = home["evaluate_rows"], np.arange(7.0 * LANES)

    @njit(error_model="numpy")
    def call(which: int, arguments: Any, places: Any, numbers: Any) -> None:
        evaluate(which, arguments, places, numbers, 1, 2, 1, 2, 4)

    found = np.sin(rows).reshape(7, LANES)
    expected = found.copy()
    expected[4], expected[6] = formula(found[3], found[0]), formula(found[2], found[1])
    call(number, np.array([-1, 3, 0, 0, 0, 2, 1]), np.array([-1, 0, 2]), found.reshape(-1))
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_importing_the_engines_imports_no_numba():
    code = "import sys, negsim.ensemble, negsim.replays; print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
