"""Does a scenario come back from its file as it went, and is only what can be simulated let in?"""

from __future__ import annotations

import datetime as dt
import json
import os
import pickle
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import strategies
from negsim import scenario as model
from negsim.numbers import collect_numbers
from negsim.problems import Problem, ScenarioError, describe_value, find_nearest
from negsim.scenario import Actor, Concession, Good, Need, Scenario, TermSettings
from negsim.scenario_checks import count_subsets, match_paths, number_paths
from negsim.scenario_files import (
    check,
    check_scenario,
    load_scenario,
    load_terms,
    parse_scenario,
    require_settings,
    require_valid,
    save_scenario,
    scenario_digest,
    scenarios,
    write_template,
)
from negsim.scenario_schemas import SCHEMA_NAME, scenario_schema, schema_path, write_schema
from negsim.terms import SHELF

CASES = Path(__file__).parents[1] / "negsim" / "cases"
TEMPLATE = CASES / "template.toml"

OWN_TERM = '''"""Do old friends talk more?"""

from negsim.parameters import Belief, Parameter
from negsim.terms import LogRate, Term


def warmth(strength):
    return strength


TERM = Term(
    name="warmth",
    claim="Friends talk.",
    equation="plan: + strength",
    source="a test",
    parameters=(Parameter("strength", 1.0, "", "how much more", Belief("normal", 1.0, 0.5)),),
    log_rates=(LogRate(("plan",), warmth),),
)
'''


@pytest.fixture
def template() -> Scenario:
    return load_scenario("template")


def small(**changes: Any) -> Scenario:
    parts: dict[str, Any] = {
        "name": "small",
        "start": dt.date(2000, 1, 1),
        "end": dt.date(2001, 1, 1),
        "actor": {"A": Actor(), "B": Actor()},
    }
    return Scenario(**parts | changes)


def with_own_term(folder: Path, content: str = OWN_TERM, settings: str = "", name: str = "warmth") -> Path:
    """A scenario file beside the file of a term of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "warmth.py").write_text(content)
    text = TEMPLATE.read_text("utf-8") + f'\n[term.{name}]\nfile = "warmth.py"\n{settings}'
    (folder / "case.toml").write_text(text)
    return folder / "case.toml"


# -- there and back ----------------------------------------------------------------------------------------------


@given(strategies.scenarios())
def test_a_saved_scenario_loads_as_an_equal_one(tmp_path_factory, drawn):
    file = save_scenario(drawn, tmp_path_factory.mktemp("saved") / "case.toml")
    loaded = load_scenario(file)
    assert loaded == drawn
    assert scenario_digest(loaded) == scenario_digest(drawn)
    assert loaded.model_dump() == drawn.model_dump()


@given(st.text(), st.text(st.characters(codec="utf-8")), st.floats(allow_nan=False, allow_infinity=False))
def test_any_text_and_any_number_survive_the_file(tmp_path_factory, label, word, number):
    label = label.encode("utf-8", "ignore").decode()
    drawn = small(
        title=label,
        description=word,
        sources={word: label},
        actor={"A": Actor(label=label, reservation=number), "B": Actor(basis={word: word})},
    )
    file = save_scenario(drawn, tmp_path_factory.mktemp("saved") / "case.toml")
    assert load_scenario(file) == drawn


@pytest.mark.parametrize("name", [*scenarios(), "template"])
def test_every_shipped_case_loads_saves_and_loads_again(name, tmp_path):
    case = load_scenario(name)
    assert load_scenario(save_scenario(case, tmp_path / "again.toml")) == case
    assert check(case) == ()


def test_what_stands_at_its_default_is_left_out(tmp_path):
    text = save_scenario(small(), tmp_path / "case.toml").read_text()
    assert tomllib.loads(text) == {
        "format": 1,
        "name": "small",
        "start": dt.date(2000, 1, 1),
        "end": dt.date(2001, 1, 1),
        "actor": {"A": {}, "B": {}},
    }


def test_the_first_day_of_a_gate_is_written_as_in_the_language(template, tmp_path):
    text = save_scenario(template, tmp_path / "case.toml").read_text()
    assert "from = 2001-01-01" in text
    assert "from_" not in text


def test_saving_over_a_file_replaces_it_whole_and_leaves_nothing_beside(template, tmp_path):
    file = tmp_path / "case.toml"
    file.write_text("old")
    assert save_scenario(template, file) == file
    assert load_scenario(file) == template
    assert [entry.name for entry in tmp_path.iterdir()] == ["case.toml"]


def test_a_save_that_fails_leaves_the_old_file_as_it_was(template, tmp_path, monkeypatch):
    file = tmp_path / "case.toml"
    file.write_text("old")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        save_scenario(template, file)
    assert file.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["case.toml"]


# -- equality and digest -----------------------------------------------------------------------------------------


def test_the_digest_changes_with_any_number_and_with_the_order_of_a_table(template):
    reordered = template.model_copy(update={"concession": dict(reversed(template.concession.items()))})
    changed = template.with_tick("week")
    with pytest.raises(ValueError, match="tick must be one of month, week, day, not 'year'"):
        template.with_tick("year")
    assert len({scenario_digest(each) for each in (template, reordered, changed)}) == 3
    assert template != reordered
    assert template != changed
    assert template != "template"


def test_the_digest_does_not_depend_on_where_the_file_lies(template, tmp_path):
    elsewhere = load_scenario(save_scenario(template, tmp_path / "case.toml"))
    assert scenario_digest(elsewhere) == scenario_digest(template)
    assert elsewhere == template
    assert hash(elsewhere) == hash(template)


def test_the_digest_of_a_scenario_is_the_one_it_has_always_had():
    assert scenario_digest(small()) == "0941d2da670656ee0e143b11e4dd745cc47fbdda19508b0c960a3162f079365d"


def test_whole_and_negative_zeros_digest_as_the_same_number():
    one, other = (small(actor={"A": Actor(reservation=zero), "B": Actor()}) for zero in (0, -0.0))
    assert scenario_digest(one) == scenario_digest(other)


def test_a_scenario_survives_pickling(template):
    assert pickle.loads(pickle.dumps(template)) == template


# -- where scenarios come from -----------------------------------------------------------------------------------


def test_the_list_of_cases_has_titles_and_not_the_template():
    titles = scenarios()
    assert "beijing-1999" in titles
    assert "template" not in titles
    assert all(titles.values())


def test_each_shipped_case_is_called_like_its_file():
    assert all(load_scenario(name).name == name for name in scenarios())


def test_a_path_may_be_text_or_a_path_with_or_without_its_ending(template, tmp_path, monkeypatch):
    save_scenario(template, tmp_path / "bare")
    monkeypatch.chdir(tmp_path)
    assert load_scenario("bare") == load_scenario("./bare") == load_scenario(tmp_path / "bare") == template


def test_a_text_is_called_what_one_likes_in_its_mistakes():
    with pytest.raises(ScenarioError, match=r"mine: tick: given"):
        parse_scenario(TEMPLATE.read_text("utf-8").replace('tick = "month"', 'tick = "moon"'), file="mine")


# -- scenarios made in Python ------------------------------------------------------------------------------------


def test_a_scenario_made_in_python_meets_the_same_checks():
    typo = small(concession={"k": Concession(giver="Aa", kind="act", worth={"B": 1.0})})
    (problem,) = check(typo)
    assert (problem.file, problem.key, problem.nearest) == ("<scenario>", "concession.k.giver", "A")
    with pytest.raises(ScenarioError, match=r"1 mistake:\n<scenario>: concession\.k\.giver"):
        require_valid(typo)


def test_a_copy_with_an_impossible_value_is_refused(template):
    copied = template.model_copy(update={"tick": "moon", "end": dt.date(1990, 1, 1)})
    assert [problem.key for problem in check(copied)] == ["tick", "end"]


def test_a_valid_scenario_is_handed_back_equal(template):
    assert require_valid(template) == template


@given(strategies.scenarios())
def test_every_scenario_that_the_strategies_draw_is_valid(drawn):
    assert check(drawn) == ()


@given(strategies.scenarios())
def test_the_numbers_that_can_be_named_are_those_that_the_compiler_reads(drawn):
    assert set(number_paths(drawn)) == set(collect_numbers(drawn, SHELF))


def test_a_star_in_a_pattern_stands_for_one_part_only():
    paths = ("actor.A.power", "actor.A.groups.g.weight", "actor.B.power", "good.A.power")
    assert match_paths("actor.*.power", paths) == ("actor.A.power", "actor.B.power")
    assert match_paths("actor.A.*", paths) == ("actor.A.power",)
    assert match_paths("*", paths) == ()


@pytest.mark.parametrize(("size", "most", "count"), [(5, 3, 25), (8, 8, 255), (3, 9, 7), (0, 4, 0), (16, 2, 136)])
def test_packages_are_counted_without_making_them(size, most, count):
    assert count_subsets(size, most) == count


# -- settings ----------------------------------------------------------------------------------------------------


def test_numbers_that_exist_can_be_set(template):
    settings = {"actor.Upland.audience": 1.0, "raids": 0.2, "concession.grain.rates.lift": 3.0, "regard.0.shift": 1.0}
    require_settings(template, {**settings, "term.season.strength": 0.0, "good.grain.need.Upland.season.3": 2.0})


SETTINGS = {
    "actor.Uplnd.audience": (1.0, "a key that is not known", "actor.Upland.audience"),
    "raid": (1.0, "a key that is not known", "raids"),
    "raids": (-1.0, "-1.0", None),
    "actor.Upland.power": (0.0, "0.0", None),
    "channel.river_talks.reliability": (2.0, "2.0", None),
    "concession.water.rates.stall": (float("nan"), "nan", None),
    "concession.prisoners.rates.pledge": (1.0, "a key that is not known", None),
    "good.grain.need.Upland.season.12": (1.0, "a key that is not known", None),
    "channel.river_talks.max_items": (2.0, "a key that is not known", None),
    "driver.bad_harvest.values.0": (-1.0, "-1.0", None),
}


@pytest.mark.parametrize(("key", "expected"), SETTINGS.items(), ids=SETTINGS)
def test_a_setting_that_cannot_be_is_told_with_the_nearest_key(template, key, expected):
    value, given, nearest = expected
    with pytest.raises(ScenarioError) as caught:
        require_settings(template, {key: value})
    (problem,) = caught.value.problems
    assert problem.key == ("coercion.raid.rates.act" if key == "raids" else key)
    assert given in problem.given
    assert nearest is None or problem.nearest == nearest


def test_settings_do_not_change_the_scenario(template):
    before = template.canonical()
    require_settings(template, {"actor.Upland.audience": 3.0})
    assert template.canonical() == before


def test_a_parameter_that_multiplies_is_held_against_the_number_it_makes(template):
    spec = template.parameter[1].model_copy(update={"numbers": ("coercion.raid.rates.act",)})
    scaled = template.model_copy(update={"parameter": (spec,)})
    require_settings(scaled, {"costs": 2.0})
    with pytest.raises(ScenarioError, match=r"coercion\.raid\.rates\.act: given -0\.3"):
        require_settings(scaled, {"costs": -2.0})


# -- terms of one's own ------------------------------------------------------------------------------------------


def test_a_term_of_ones_own_is_found_beside_the_scenario_wherever_one_stands(tmp_path, monkeypatch):
    file = with_own_term(tmp_path / "mine", settings="strength = 2.0\n")
    monkeypatch.chdir(tmp_path)
    case = load_scenario(Path("mine") / "case.toml")
    assert load_terms(case)["warmth"].claim == "Friends talk."
    assert case.term_file("warmth") == file.parent / "warmth.py"
    assert case.term_file("season") is None
    monkeypatch.chdir("/")
    assert "warmth" in load_terms(pickle.loads(pickle.dumps(case.model_copy(update={"tick": "week"}))))
    assert require_valid(case) == case


def test_checking_a_file_does_not_run_the_files_it_names(tmp_path):
    file = with_own_term(tmp_path, f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n{OWN_TERM}")
    assert check_scenario(file) == ()
    load_scenario(file, run_files=False)
    assert not (tmp_path / "ran").exists()
    load_scenario(file)
    assert (tmp_path / "ran").exists()


def test_settings_of_ones_own_term_are_checked_when_it_is_loaded(tmp_path):
    file = with_own_term(tmp_path, settings="strenght = 2.0\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    (problem,) = caught.value.problems
    assert (problem.key, problem.nearest) == ("term.warmth.strenght", "strength")


BAD_TERMS = {
    "a file that breaks off": ("TERM = (", "SyntaxError"),
    "a file that fails": ("1 / 0", "ZeroDivisionError"),
    "no term in it": ("", "TypeError: TERM is not set"),
    "something else": ("TERM = 3", "TypeError: TERM is no Term"),
    "a term of another name": (OWN_TERM.replace('name="warmth"', 'name="cold"'), "ValueError: its TERM is called cold"),
}


@pytest.mark.parametrize(("content", "said"), BAD_TERMS.values(), ids=BAD_TERMS)
def test_a_term_file_that_defines_no_term_is_a_mistake(tmp_path, content, said):
    file = with_own_term(tmp_path, content)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    (problem,) = caught.value.problems
    assert problem.key == "term.warmth.file"
    assert said in problem.given
    with pytest.raises(ScenarioError, match="warmth"):
        load_terms(load_scenario(file, run_files=False))


def test_a_term_file_misspelt_names_its_neighbour(tmp_path):
    file = with_own_term(tmp_path)
    file.write_text(file.read_text().replace("warmth.py", "warmt.py"))
    (problem,) = check_scenario(file)
    assert problem.nearest == "warmth.py"


def test_a_parameter_may_move_a_number_of_ones_own_term(tmp_path):
    file = with_own_term(tmp_path, settings='[[parameter]]\nname = "w"\nnumbers = ["term.warmth.strength"]\n')
    assert check_scenario(file) == ()
    assert load_scenario(file).parameter[-1].name == "w"
    file.write_text(file.read_text().replace("warmth.strength", "warmth.strenth"))
    assert check_scenario(file) == ()
    with pytest.raises(ScenarioError, match=r"did you mean term\.warmth\.strength\?"):
        load_scenario(file)


def test_numbers_of_a_term_must_be_numbers_in_python_too():
    with pytest.raises(ValueError, match="valid number"):
        TermSettings(strength="high")


# -- the template and the schema ---------------------------------------------------------------------------------


def tables() -> list[type[model.Table]]:
    return [each for each in vars(model).values() if isinstance(each, type) and issubclass(each, model.Table)]


def test_the_template_teaches_every_key_of_the_language():
    text = TEMPLATE.read_text("utf-8")
    keys = {field.alias or name for table in tables() for name, field in table.model_fields.items()}
    assert keys
    assert not {key for key in keys if not re.search(rf"(?<!\w){key}(?!\w)", text)}


def test_the_template_shows_the_defaults_it_says_it_shows(template):
    shown = {"reservation": 0.0, "alignment": 1.0, "power": 1.0, "approval_rate": 12.0, "threshold": 0.0}
    assert {name: getattr(Actor(), name) for name in shown} == shown
    assert template.good == {
        "grain": Good(label="Grain", unit="t", need={"Upland": template.good["grain"].need["Upland"]})
    }
    assert template.good["grain"].need["Upland"].shortfall == Need().shortfall


def test_a_new_scenario_is_named_after_its_file_and_loads(tmp_path):
    file = write_template(tmp_path / "two rivers.toml")
    assert load_scenario(file).name == "two-rivers"
    assert file.read_text().startswith(f"#:schema ./{SCHEMA_NAME}\n")


def test_a_new_scenario_does_not_overwrite_unless_told_to(tmp_path):
    file = tmp_path / "case.toml"
    file.write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        write_template(file)
    assert file.read_text() == "mine"
    assert load_scenario(write_template(file, force=True)).name == "case"


def test_the_shipped_schema_is_the_one_the_models_give():
    remedy = "python -c 'from negsim.scenario_schemas import *; write_schema(schema_path(), force=True)'"
    assert schema_path().read_text("utf-8") == json.dumps(scenario_schema(), indent=2) + "\n", remedy


def test_the_schema_is_written_once_and_not_over_another_file(tmp_path):
    file = write_schema(tmp_path / SCHEMA_NAME)
    assert write_schema(file) == file
    file.write_text("{}")
    with pytest.raises(FileExistsError):
        write_schema(file)


def test_the_schema_describes_every_key_but_labels():
    plain = {"label", "unit", "venue", "title", "description", "format"}
    for table in tables():
        undescribed = {name for name, field in table.model_fields.items() if not field.description} - plain
        assert table in (model.Prior, model.Initial) or not undescribed, undescribed


def as_json(data: Any) -> Any:
    """TOML's data as JSON has it: dates as text."""
    return json.loads(json.dumps(data, default=str))


@pytest.mark.parametrize("name", [*scenarios(), "template"])
def test_every_shipped_case_passes_the_schema(name):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(scenario_schema())
    validator.check_schema(scenario_schema())
    data = tomllib.loads((CASES / f"{name}.toml").read_text("utf-8"))
    assert not list(validator.iter_errors(as_json(data)))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("actor", "Upland", "powr"), 1.0),
        (("actor", "Upland", "power"), -1.0),
        (("concession", "grain", "kind"), "flwo"),
        (("concession", "grain", "worth", "Up land"), 1.0),
        (("channel", "river_talks", "agenda"), []),
        (("term", "resentment", "heat"), "hot"),
        (("end",), 2009),
    ],
)
def test_the_schema_sees_what_an_editor_should_mark(path, value):
    jsonschema = pytest.importorskip("jsonschema")
    data = as_json(tomllib.loads(TEMPLATE.read_text("utf-8")))
    table = data
    for part in path[:-1]:
        table = table[part]
    table[path[-1]] = value
    assert list(jsonschema.Draft202012Validator(scenario_schema()).iter_errors(data))


# -- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "nothing"),
        (True, "true"),
        ("a\nb", '"a\\nb"'),
        ("x" * 100, '"' + "x" * 60 + '..."'),
        (dt.date(1999, 12, 31), "1999-12-31"),
        (10**100, "a whole number of more than 60 digits"),
        ([], "an empty list"),
        ([1, [2], {"a": 1}, "b", 5], 'a list (1, a list, a table, "b", ...)'),
        ({}, "an empty table"),
        ({str(n): n for n in range(14)}, "a table (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more)"),
        (1.5, "1.5"),
    ],
)
def test_values_are_described_as_they_would_be_written(value, words):
    assert describe_value(value) == words


def test_the_nearest_name_is_found_whatever_its_capitals_and_none_where_none_is_near():
    names = ["Upland", "Lowland", "river_talks"]
    assert find_nearest("UPLAND", names) == "Upland"
    assert find_nearest("river", names) == "river_talks"
    assert find_nearest("xyz", names) is None


def test_mistakes_are_counted_and_survive_pickling():
    problem = Problem("a.toml", "tick", '"moon"', "month, week or day", "month")
    error = ScenarioError([problem, problem])
    assert str(error).startswith("2 mistakes:\na.toml: tick: given")
    assert str(problem).endswith("did you mean month?")
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
