"""Are what-if questions read whole, with every mistake at once, and do scenarios lose and gain parts cleanly?"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

import negsim
from negsim.amendments import amend
from negsim.intervention_files import load_intervention, what_ifs
from negsim.interventions import Intervention
from negsim.problems import ScenarioError
from negsim.scenario_files import check

CASE = "beijing-1999"


@pytest.fixture(scope="module")
def case() -> negsim.Scenario:
    return negsim.load_scenario(CASE)


def mistakes(case: negsim.Scenario, question: object) -> dict[str, str]:
    """Key and whole text of every mistake."""
    with pytest.raises(ScenarioError) as refusal:
        load_intervention(case, question)
    return {problem.key: str(problem) for problem in refusal.value.problems}


def test_every_question_that_ships_asks_something_and_watches_something(case):
    shipped = what_ifs(case)
    assert len(shipped) >= 5
    for name, words in shipped.items():
        question = load_intervention(case, name)
        assert words.endswith("?")
        assert question.name == name
        assert not question.is_null
        assert question.watch


def test_the_same_question_in_python_and_in_a_file_is_equal(case, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\n[[ban]]\nmove = "freeze:JPN::*"\nfrom = 1998-08-31\n'
        '[[number]]\npath = "alarm"\nmultiply = 0.5\nfrom = 1999-01-01\n'
    )
    python = {
        "name": "mine",
        "ban": [{"move": "freeze:JPN::*", "from": dt.date(1998, 8, 31)}],
        "number": [{"path": "alarm", "multiply": 0.5, "from": "1999-01-01"}],
    }
    assert load_intervention(case, file) == load_intervention(case, python)


def test_a_moment_may_be_a_text_and_an_address_end_without_its_colons(case):
    forced = {"move": "plan:JPN:official", "date": "1998-05-01T12:00"}
    (push,) = load_intervention(case, {"name": "sooner", "force": [forced]}).force
    assert push.date == dt.datetime(1998, 5, 1, 12)
    assert "force.0.date" in mistakes(case, {"name": "later", "force": [{**forced, "date": "1998-05"}]})


def test_all_mistakes_of_fit_are_told_at_once_with_the_nearest_name(case):
    late, early = dt.date(1999, 1, 1), dt.date(1998, 1, 1)
    zoned = dt.datetime(1998, 8, 31, 12, tzinfo=dt.timezone(dt.timedelta(hours=9)))
    wrong = {
        "name": "wrong",
        "ban": [{"move": "act:PRK::missile_tst"}, {"move": "act:*:*:*", "from": late, "until": early}],
        "remove": [{"move": "freeze:JPN::japan_food", "within": "1998-13"}],
        "force": [{"move": "freeze:JPN::japan_food", "date": day} for day in (dt.date(2005, 1, 1), zoned)],
        "delay": [{"move": "agree:*:*:*", "days": 3.0}],
        "number": [{"path": "alrm", "value": 1.0}, {"path": "channel.official.exposure", "value": -1.0}],
        "watch": [{"event": "fly", "label": "somebody flies"}],
    }
    told = mistakes(case, wrong)
    assert set(told) == {
        "ban.0.move", "ban.1.until", "remove.0.within", "force.0.date", "force.1.date", "delay.0.move",
        "number.0.path", "channel.official.exposure", "watch.0.event",
    }  # fmt: skip
    assert "did you mean act:PRK::missile_test?" in told["ban.0.move"]
    assert "did you mean alarm?" in told["number.0.path"]
    assert "one move" in told["delay.0.move"]
    assert "without a time zone" in told["force.1.date"]


def test_a_watched_event_that_neither_arm_has_is_refused_where_parts_are_dropped_and_added(case):
    data = {"drop": ["channel.red_cross"], "add": {"coercion": {"raid": {"actor": "PRK", "hits": {"JPN": 0.1}}}}}
    watched = ["agree::red_cross", "act:::raid", "delivered:::japan_food", "aggree::official", "act:::raids"]
    told = mistakes(case, {**data, "watch": [{"event": event, "label": event} for event in watched]})
    assert set(told) == {"watch.3.event", "watch.4.event"}
    assert "did you mean agree::official?" in told["watch.3.event"]
    assert "did you mean act:::raid?" in told["watch.4.event"]


def test_all_mistakes_of_shape_are_told_at_once(case):
    told = mistakes(
        case,
        {
            "name": "wrong name",
            "remoove": [],
            "ban": [{"move": "act:PRK::missile_test", "form": 1, "from": "August"}],
            "force": [{"move": "act:PRK::missile_test", "date": 3}],
            "delay": [{"move": "act:PRK::missile_test", "days": 0.0}],
            "number": [{"path": "alarm"}],
        },
    )
    assert set(told) == {"name", "remoove", "ban.0.form", "ban.0.from", "force.0.date", "delay.0.days", "number.0"}
    assert "did you mean from?" in told["ban.0.form"]
    assert "did you mean remove?" in told["remoove"]
    assert "exactly one of value, multiply and add" in told["number.0"]


def test_a_question_without_a_name_is_named_after_its_file(case, tmp_path: Path):
    file = tmp_path / "no raids.toml"
    file.write_text('question = "What if nobody raided?"\ndrop = []\n')
    assert load_intervention(case, file).name == "no-raids"
    assert load_intervention(case, {"drop": []}).name == "question"


def test_no_question_at_all_is_said_to_be_none(case):
    assert "intervention: given nothing" in mistakes(case, "")[""]


def test_a_question_that_is_not_there_names_the_nearest(case):
    assert "did you mean no-rocket?" in mistakes(case, "no-rockets")[""]


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00", b"[[[[", b""])
def test_a_file_that_is_no_question_is_refused(case, tmp_path: Path, content: bytes):
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    assert mistakes(case, file)


# -- parts dropped and added -----------------------------------------------------------------------------------------


PARTS = ("actor.PRK", "actor.JRC", "concession.abduction_inquiry", "coercion.missile_test", "driver.famine")


@pytest.mark.parametrize("part", PARTS)
def test_the_case_stays_a_scenario_without_one_of_its_parts(case, part: str):
    rest, gone = amend(case, [part], {}, "x")
    assert gone[0] == part
    assert part.partition(".")[2] not in getattr(rest, part.partition(".")[0])
    assert check(rest) == ()


def test_a_term_dropped_is_switched_off_and_the_others_stay(case):
    rest, _ = amend(case, ["term.alignment"], {}, "x")
    assert "alignment" not in rest.terms
    assert len(rest.terms) == 11


def test_a_channel_takes_its_demands_along_and_an_actor_all_it_does(case):
    assert amend(case, ["channel.red_cross"], {}, "x")[1] == ("channel.red_cross", "demand.pre1945_missing")
    rest, gone = amend(case, ["actor.USA"], {}, "x")
    assert "channel.us_dprk" in gone
    assert rest.concession["moratorium"].while_open is None
    # A parameter that moved a number of the second regard still moves the same one.
    spec = next(spec for spec in rest.parameter if spec.name == "colonial_grievance")
    place = int(spec.numbers[0].split(".")[1])
    assert (rest.regard[place].holder, rest.regard[place].toward) == ("PRK", "JPN")


def test_the_regards_that_move_up_keep_their_parameters(case):
    """Without Japan's own regard, listed first, the one that the parameter means has another number."""
    case = case.model_copy(update={"regard": case.regard[2:4] + case.regard[:2] + case.regard[4:]})
    specs = tuple(
        spec.model_copy(update={"numbers": ("regard.3.resentment",)}) if spec.name == "colonial_grievance" else spec
        for spec in case.parameter
    )
    rest, _ = amend(case.model_copy(update={"parameter": specs}), ["actor.USA"], {}, "x")
    spec = next(spec for spec in rest.parameter if spec.name == "colonial_grievance")
    assert spec.numbers == ("regard.1.resentment",)


def test_a_part_can_be_added_and_is_checked_like_any(case):
    table = {"label": "Track two", "sides": [["JPN"], ["PRK"]], "agenda": ["japan_flights"]}
    more, _ = amend(case, [], {"channel": {"track_two": table}}, "x")
    assert more.channel["track_two"].label == "Track two"
    assert list(more.channel)[:-1] == list(case.channel)
    told = mistakes(case, {"name": "x", "add": {"channel": {"track_two": {**table, "sides": [["JPN"], ["PRC"]]}}}})
    assert "did you mean PRK?" in told["channel.track_two.sides.1.0"]


def test_what_does_not_exist_cannot_be_dropped(case):
    assert "did you mean actor.USA?" in mistakes(case, {"name": "x", "drop": ["actor.USB"]})["drop.0"]


def test_the_null_intervention_changes_nothing():
    assert Intervention(name="nothing").is_null
    assert not Intervention(name="something", drop=("channel.red_cross",)).is_null
