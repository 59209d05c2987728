"""Does the page say what the model says, refuse what it must, and bear what people do to it? Without a browser."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import socket
import threading
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import negsim
from negsim import couplings
from negsim.app import ensembles, stepping
from negsim.app.asking import read_request
from negsim.app.cases import MOST_CHARACTERS, open_case, read_case
from negsim.app.ensembles import Ensembles, Superseded, ask_questions, list_questions, list_telling
from negsim.app.fans import difference_with_error, draw_fans, share_with_error
from negsim.app.network import draw_network, find_arrows
from negsim.app.sliders import draw_sliders, list_sliders
from negsim.app.stepping import TooLong, walk
from negsim.cli import main, make_parser
from negsim.compiler import Compiled
from negsim.ensemble import ExplosiveWarning
from negsim.intervention_files import load_intervention
from negsim.questions import Answers, Question
from negsim.vocabulary import CONCESSION_STAGES, IN_SESSION

pytest.importorskip("starlette", reason="the page needs the extra `app`")
from negsim.app.server import LOOPBACK, MOST_BYTES, Desk, make_server


def text_of(case: str) -> str:
    return (resources.files("negsim") / "cases" / f"{case}.toml").read_text("utf-8")


TEMPLATE = text_of("template")
SHORT = TEMPLATE.replace("end = 2009-12-31", "end = 2001-12-31")
GIVEN = {"case": {"text": SHORT, "file": "short.toml"}}


def short() -> Compiled:
    """Two years of the template, as the server has it."""
    return read_case(SHORT, "short.toml")


# -- asking the server as a browser does ---------------------------------------------------------------------------


def call(
    server: Any,
    path: str,
    words: object = None,
    host: str = "127.0.0.1:8765",
    kind: str = "application/json",
    body: bytes | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Send one request to an ASGI application; status, headers, body of the answer."""
    sent: list[dict[str, Any]] = []
    content = json.dumps(words).encode() if body is None else body
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET" if words is None and body is None else "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", host.encode()), (b"content-type", kind.encode())],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8765),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(server(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])


def ask(server: Any, path: str, **words: object) -> tuple[int, dict[str, Any]]:
    status, _, body = call(server, path, {**GIVEN, **words})
    return status, json.loads(body)


@pytest.fixture(scope="module")
def server() -> Any:
    return make_server()


# -- the page itself -----------------------------------------------------------------------------------------------


def test_the_page_names_no_address_but_its_own(server: Any):
    for path in ("/", "/page.css", "/page.js"):
        status, headers, body = call(server, path)
        assert status == 200
        assert not re.findall(rb"https?://|//[\w-]+\.\w+", body)
        assert "default-src 'self'" in headers["content-security-policy"]


def test_every_place_that_the_script_and_the_answers_name_is_on_the_page(server: Any):
    page, script = (call(server, path)[2].decode() for path in ("/", "/page.js"))
    places = set(re.findall(r'id="([\w-]+)"', page))
    named = set(re.findall(r'\bat\("([\w-]+)"\)', script)) | set(re.findall(r'\bon\("([\w-]+)"', script))
    for path in ("/case", "/history"):
        named |= set(ask(server, path)[1]["html"])
    named |= set(ask(server, "/ensemble", runs=5)[1]["html"]) | set(ask(server, "/comparison", runs=5)[1]["html"])
    assert len(named) > 20
    assert named <= places


def test_every_control_has_a_name_for_those_who_do_not_see_it(server: Any):
    page = call(server, "/")[2].decode()
    inside = re.findall(r'<label[^>]*>[^<]*<\w+ [^>]*?id="([\w-]+)"', page)
    labelled = {*re.findall(r'for="([\w-]+)"', page), *inside}
    assert set(re.findall(r'<(?:input|select)[^>]*? id="([\w-]+)"', page)) <= labelled
    sliders = draw_sliders(list_sliders(open_case("beijing-1999")), {})
    assert set(re.findall(r'type="range" id="([\w-]+)"', sliders)) == set(re.findall(r'for="([\w-]+)"', sliders))
    assert sliders.count("aria-label=") == sliders.count('type="number"')


def test_a_page_from_elsewhere_gets_nothing(server: Any):
    assert call(server, "/", host="evil.example")[0] == 400
    assert call(server, "/history", GIVEN, kind="text/plain")[0] == 415
    assert call(server, "/history", GIVEN)[0] == 200


# -- sliders -------------------------------------------------------------------------------------------------------


def test_sliders_show_unit_prior_and_where_the_case_stands():
    sliders = {slider.name: slider for slider in list_sliders(open_case("beijing-1999"))}
    assert len(sliders) == len(negsim.load_scenario("beijing-1999").parameter)
    tempo, alarm = sliders["tempo_talks"], sliders["alarm"]
    assert (tempo.unit, tempo.default, alarm.default) == ("times", 1.0, 8.0)
    assert sliders["resentment_half_life"].unit == "years"
    assert "median 1, 90% between 0.373 and 2.68" in tempo.describe_prior()
    for slider in sliders.values():
        assert slider.low <= slider.default <= slider.high
        assert slider.low < slider.high
        assert 99 <= (slider.high - slider.low) / slider.step < 260
        places = (slider.default - slider.low) / slider.step
        assert places == pytest.approx(round(places), abs=1e-6)  # else the browser would move it
    drawn = draw_sliders(list(sliders.values()), {"alarm": 5.0})
    assert 'value="5" data-name="alarm" data-default="8"' in drawn


# -- one history ---------------------------------------------------------------------------------------------------


def test_stepping_goes_through_the_run_of_the_ensemble():
    compiled = short()
    frames = walk(compiled, seed=3, run=2, settings={"raids": 1.0})
    events = negsim.simulate(short(), runs=3, seed=3, params={"raids": 1.0}).events
    row = events[events["run"] == 2]
    told = [(str(frame.date), event.kind, event.subject) for frame in frames for event in frame.events]
    dates = row["date"].astype(str).str[:10]
    assert told == list(zip(dates, row["kind"], row["subject"], strict=True))
    assert frames[0].events == ()


def test_the_picture_shows_each_concession_as_it_stands():
    compiled = open_case("beijing-1999")
    frames = walk(compiled, seed=1, run=0, settings={})
    seen = set()
    for frame in frames[::10]:
        arrows = find_arrows(compiled, frame)
        drawn = draw_network(compiled, frame)
        for name, stage, frozen in zip(compiled.labels.concessions, frame.stage, frame.frozen, strict=True):
            standing = [arrow.standing for arrow in arrows if arrow.concession == name]
            assert standing == (["frozen"] if frozen else [CONCESSION_STAGES[stage]] if stage else [])
            seen.update(standing)
        assert drawn.count('class="arrow ') == len(arrows)
    assert {"in_force", "promised", "frozen"} <= seen


def test_everybody_on_a_side_sits_at_the_table():
    compiled = open_case("good-friday-1998")
    (row,) = (row for row, name in enumerate(compiled.scenario.channel) if name == "stormont")
    first = walk(compiled, seed=1, run=0, settings={})[0]
    stages = np.zeros_like(first.channel)
    stages[row] = IN_SESSION
    drawn = draw_network(compiled, replace(first, channel=stages))
    (lines,) = re.findall(r'class="channel session">(.*?)</g>', drawn)
    begins, ends = (re.findall(rf'x{end}="([^"]+)" y{end}="([^"]+)"', lines) for end in (1, 2))
    seats = set(re.findall(r'<circle cx="([^"]+)" cy="([^"]+)" r="[^"]+"/><text class="short"', drawn))
    assert set(begins) <= seats
    channel = compiled.scenario.channel["stormont"]
    assert channel.intermediary not in (None, *channel.sides[0], *channel.sides[1])
    assert len(set(begins)) == len(begins) == sum(map(len, channel.sides)) + 1
    assert len(set(ends)) == 1
    assert not set(ends) & set(begins)


def test_no_actor_stands_on_the_name_of_another():
    for case in negsim.scenarios():
        compiled = open_case(case)
        drawn = draw_network(compiled, walk(compiled, seed=1, run=0, settings={})[0])
        names = re.findall(r'class="long" x="([^"]+)" y="([^"]+)">([^<]+)', drawn)
        circles = np.array(re.findall(r'<circle cx="([^"]+)" cy="([^"]+)" r="([^"]+)"', drawn), dtype=float)
        for x, y, name in names:
            along = float(x) + np.linspace(-3.0, 3.0, 20)[:, None] * len(name)  # a letter is six wide or more
            assert (np.hypot(along - circles[:, 0], float(y) - circles[:, 1]) > circles[:, 2]).all(), name


def test_a_name_that_stands_in_the_circle_is_not_said_twice(server: Any):
    drawn = ask(server, "/history")[1]["html"]["history"]
    assert re.findall(r'class="short"[^>]*>(\w+)<', drawn) == ["Upland", "Lowland"]
    assert re.findall(r'class="long"[^>]*>(\w*)<', drawn) == ["", ""]


def test_a_history_of_explosive_numbers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stepping, "MOST_FRAMES", 200)
    compiled = short()
    with pytest.raises(TooLong, match="feed on themselves"):
        walk(compiled, seed=1, run=0, settings={"coercion.raid.rates.act": 3e5})


def test_a_step_beyond_the_end_is_the_end(server: Any):
    status, answer = ask(server, "/history", step=10**9)
    assert status == 200
    assert f"event {answer['steps']} of {answer['steps']}" in answer["html"]["now"]


# -- many histories ------------------------------------------------------------------------------------------------


def test_the_ensembles_page_says_what_the_ensemble_says(server: Any):
    _, answer = ask(server, "/ensemble", runs=60, seed=4)
    ensemble = negsim.simulate(short(), runs=60, seed=4)
    summary = ensemble.summary()
    compiled = short()
    answers = ask_questions(compiled, ensemble)
    for question, first in zip(answers.questions, answers.first.T, strict=True):
        kind, actor, channel, subject = question.addresses[0].split(":")
        row = summary[(summary["kind"] == kind) & (summary["actor"] == actor)]
        row = row[(row["channel"] == channel) & (row["subject"] == subject)]
        share, error = share_with_error(first)
        assert share == pytest.approx(row["probability"].sum())  # consequences that never came have no row
        assert f"{100 * share:.1f} ± {100 * error:.1f}%" in answer["html"]["ensemble"]
    assert "60 runs, seed 4, the case as it is" in answer["html"]["ensemble"]


def test_each_shipped_case_has_questions_and_opens(server: Any):
    for name in negsim.scenarios():
        assert list_questions(open_case(name))
        assert call(server, "/case", {"case": {"name": name}})[0] == 200


def test_accords_are_never_left_out_of_what_the_page_asks(server: Any):
    compiled = open_case("agreed-framework-1994")
    asked = [question.addresses[0].split(":") for question in list_questions(compiled)]
    channels = [name for name, channel in compiled.scenario.channel.items() if channel.agenda]
    assert [channel for kind, _, channel, _ in asked if kind == "agree"] == channels
    every = len(list_telling(compiled))
    assert len(asked) == 30 < every
    told = ask(server, "/ensemble", case={"name": "agreed-framework-1994"}, runs=5)[1]["html"]["ensemble"]
    assert f"The 30 that tell most of {every} kinds of event." in told


def test_a_comparison_is_run_by_run_on_the_same_clocks(server: Any):
    same = ask(server, "/comparison", runs=40, change={})[1]["html"]["comparison"]
    assert set(re.findall(r"<td>([+-]\d+\.\d) ±", same)) == {"+0.0"}
    changed = ask(server, "/comparison", runs=40, change={"numbers": {"raids": 3.0}})[1]["html"]["comparison"]
    arms = [negsim.simulate(short(), runs=40, seed=1, params=p) for p in ({}, {"raids": 3.0})]
    compiled = short()
    asked = [question.addresses[0] for question in list_questions(compiled)]
    raids = next(number for number, address in enumerate(asked) if address.startswith("act:"))
    difference, error = difference_with_error(*(ask_questions(compiled, arm).first[:, raids] for arm in arms))
    assert difference > 0
    assert f"{100 * difference:+.1f} ± {100 * error:.1f}" in changed


def test_pairs_of_which_one_run_exploded_are_left_out_of_both_arms(server: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 20)
    status, answer = ask(server, "/comparison", runs=40, seed=11, change={"numbers": {"raids": 3.0}})
    shown = answer["html"]["comparison"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExplosiveWarning)
        arms = [negsim.simulate(short(), runs=40, seed=11, params=p) for p in ({}, {"raids": 3.0})]
    gone = set(arms[0].stopped[0]) | set(arms[1].stopped[0])
    assert 0 < len(arms[0].stopped[0]) != len(gone) < 40, "the arms lose different runs"
    raids = [arm.events.query("kind == 'act'").groupby("run").size().reindex(range(40), fill_value=0) for arm in arms]
    first, second = ((counts > 0).drop(index=list(gone)).mean() for counts in raids)
    assert status == 200
    assert f"{100 * (second - first):+.1f} ±" in re.search(r"<tr><td>A raid across.*?</tr>", shown)[0]
    assert f"{len(gone)} runs exploded" in shown


def test_when_every_run_explodes_the_page_says_so(server: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("negsim.ensemble.MOST_EVENTS", 2)
    for page in ("/ensemble", "/comparison"):
        status, answer = ask(server, page, runs=5, seed=12, change={"numbers": {"raids": 3.0}})
        assert status == 422
        assert "every run exploded" in answer["problems"]


def test_a_banned_move_never_happens_in_the_other_arm(server: Any):
    shown = ask(server, "/comparison", runs=20, change={"ban": "act:Upland::raid"})[1]["html"]["comparison"]
    (row,) = re.findall(r"<tr><td>A raid across the river.*?</tr>", shown)
    without, with_it = re.findall(r"<td>([\d.]+) ±", row)
    assert float(without) > 0
    assert float(with_it) == 0
    assert "with: never act:Upland::raid" in shown


def test_the_questions_that_ship_with_a_case_can_be_chosen(server: Any):
    case = {"case": {"name": "beijing-1999"}}
    offered = json.loads(call(server, "/case", case)[2])["questions"]
    assert {"no-red-cross", "no-rocket"} <= set(offered)
    request = read_request({**case, "change": {"question": "no-rocket"}})
    assert request.intervention is not None
    assert request.intervention.question == offered["no-rocket"]


def test_a_long_name_of_a_row_stands_on_two_lines_and_keeps_who_did_it():
    name = "Talks of the six powers with Iran: walk-out, E3 and the European Union"
    case = negsim.load_scenario("two-state-channel")
    answers = Answers((Question(name, ("walk_out",)),), np.full((5, 1), 30.0), np.ones((5, 1), dtype=int))
    drawn = draw_fans(case, 365.0, [answers], ["the case"])
    lines = re.findall(r'<text class="question"[^>]* y="([\d.]+)">([^<]*)<', drawn)
    assert " ".join(line for _, line in lines) == name
    assert float(lines[1][0]) - float(lines[0][0]) > 12
    assert lines[1][1] == "E3 and the European Union"


def test_errors_are_never_nothing():
    always, never = np.zeros(100), np.full(100, np.inf)
    assert share_with_error(always) == (1.0, pytest.approx(np.sqrt(0.5) / 100))
    assert share_with_error(never) == (0.0, pytest.approx(np.sqrt(0.5) / 100))
    assert difference_with_error(always, always) == (0.0, pytest.approx(np.sqrt(0.5) / 100))
    half = np.where(np.arange(100) % 2, 0.0, np.inf)
    assert difference_with_error(half, always) == (0.5, pytest.approx(0.05))


# -- what comes in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "a question as the page sends it"),
        ({}, "the name of a case"),
        ({"case": {"name": "templat"}}, "Did you mean template"),
        ({"case": {"name": "../../secret.toml"}}, "a case ("),
        ({"case": {"text": "actor = ["}}, "valid TOML"),
        ({"case": {"text": "\0\0"}}, "valid TOML"),
        ({"case": {"text": ""}}, "a scenario"),
        ({"case": {"text": "x = " + "[" * 5000}}, "nested"),
        ({"case": {"text": "name = 'x'"}}, "start"),
        ({"case": {"text": "#" * (MOST_CHARACTERS + 1)}}, "at most 1,000,000"),
        ({"case": {"text": TEMPLATE.replace('tick = "month"', 'tick = "day"')}}, "at most 2,000 ticks"),
        ({**GIVEN, "seed": -1}, "a whole number from 0"),
        ({**GIVEN, "seed": None}, "a whole number from 0"),
        ({**GIVEN, "seed": 1e300}, "a whole number from 0"),
        ({**GIVEN, "runs": 10**6}, "from 1 to 5,000"),
        ({**GIVEN, "run": 1.5}, "a whole number"),
        ({**GIVEN, "settings": {"raids": -3}}, "at least 0"),
        ({**GIVEN, "settings": {"rads": 1}}, "Did you mean raids"),
        ({**GIVEN, "settings": {"raids": None}}, "a finite number"),
        ({**GIVEN, "settings": {"raids": "<script>"}}, "a finite number"),
        ({**GIVEN, "settings": [1]}, "numbers by name"),
        ({**GIVEN, "change": {"numbers": {"rads": 1}}}, "Did you mean raids"),
        ({**GIVEN, "change": {"question": "../../etc/passwd"}}, "change.question"),
        ({**GIVEN, "change": {"ban": "act:Uplnd::raid"}}, "act:Upland::raid"),
        ({**GIVEN, "change": {"ban": 3}}, "kind:actor:channel:subject"),
        ({**GIVEN, "change": {"everything": 1}}, "a question or a banned move"),
        ({**GIVEN, "change": {"numbers": {"actor.Upland.power": 0}}}, "actor.Upland.power"),
    ],
)
def test_what_cannot_be_is_told_and_the_server_goes_on(server: Any, words: object, complaint: str):
    status, _, body = call(server, "/ensemble", words)
    assert status == 422
    assert complaint in json.loads(body)["problems"]
    assert ask(server, "/history")[0] == 200


def test_all_mistakes_are_told_together():
    with pytest.raises(negsim.ScenarioError) as caught:
        read_request({**GIVEN, "seed": -1, "run": "x", "settings": {"raids": -1, "rads": 2}})
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_question_is_refused(server: Any, body: bytes):
    assert call(server, "/history", body=body)[0] == 400


def test_too_large_a_body_is_refused(server: Any):
    assert call(server, "/history", body=b" " * (MOST_BYTES + 1))[0] == 413


def test_a_file_opened_in_the_browser_cannot_run_code(tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    trace = tmp_path / "trace"
    (tmp_path / "own.py").write_text(f"open({str(trace)!r}, 'w').write('ran')")
    text = TEMPLATE + '\n[term.own]\nfile = "own.py"\n'
    with pytest.raises(negsim.ScenarioError, match="without code of its own"):
        read_case(text, "upload.toml")
    for path in ("/case", "/history", "/ensemble", "/comparison", "/scenario", "/results"):
        status, _, body = call(server, path, {"case": {"text": text, "file": "upload.toml"}})
        assert status == 422
        assert "without code of its own" in json.loads(body)["problems"]
    assert not trace.exists()


def test_words_of_a_file_stay_words(server: Any):
    text = SHORT.replace('"Two neighbours on one river"', "'<img src=x onerror=alert(1)>'")
    text = text.replace('label = "A shipment of grain"', "label = '<script>alert(2)</script>'")
    case = {"case": {"text": text, "file": "<b>bold</b>.toml"}, "runs": 20, "step": 10**6}
    for path in ("/case", "/history", "/ensemble", "/comparison"):
        html = json.loads(call(server, path, case)[2])["html"]
        assert not [piece for piece in html.values() if re.search("<script|<img|<b>", piece)]
    wrong = call(server, "/case", {"case": {"text": "name = '<img src=x>'", "file": "<b>bold</b>.toml"}})[2]
    assert not re.search("<img|<b>", json.loads(wrong)["problems"])


def test_a_scenario_opened_in_the_browser_is_the_same_as_a_shipped_one(server: Any):
    cases = ({"name": "two-state-channel"}, {"text": text_of("two-state-channel")})
    shipped, opened = (call(server, "/history", {"case": case, "step": 20})[2] for case in cases)
    assert shipped == opened


# -- what goes out -------------------------------------------------------------------------------------------------


def test_the_scenario_comes_down_with_its_numbers_as_they_are(server: Any, tmp_path: Path):
    _, headers, body = call(server, "/scenario", {**GIVEN, "settings": {"raids": 1.5, "term.resentment.heat": 0.25}})
    assert headers["content-disposition"] == 'attachment; filename="template.toml"'
    (tmp_path / "template.toml").write_bytes(body)
    again = negsim.load_scenario(tmp_path / "template.toml")
    direct = negsim.simulate(short(), runs=5, seed=2, params={"raids": 1.5, "term.resentment.heat": 0.25})
    assert negsim.simulate(again, runs=5, seed=2).events.equals(direct.events)


def test_results_come_down_as_a_folder_that_loads(server: Any, tmp_path: Path):
    _, headers, body = call(server, "/results", {**GIVEN, "runs": 30, "seed": 8, "settings": {"raids": 1.5}})
    assert headers["content-disposition"].endswith('results.zip"')
    zipfile.ZipFile(io.BytesIO(body)).extractall(tmp_path)
    loaded = negsim.load_results(tmp_path)
    assert loaded.events.equals(negsim.simulate(short(), runs=30, seed=8, params={"raids": 1.5}).events)


# -- many at once --------------------------------------------------------------------------------------------------


def test_two_hundred_clicks_from_two_windows_are_all_answered(server: Any):
    def click(number: int) -> tuple[int, str]:
        status, answer = ask(server, "/history", seed=number % 2, step=number // 2, window=str(number % 2))
        return status, answer["html"]["now"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(click, range(200)))
    assert {status for status, _ in answers} == {200}
    for number, (_, now) in enumerate(answers):
        frames = walk(short(), number % 2, 0, {})
        assert f"event {min(number // 2, len(frames) - 1)} of {len(frames) - 1}" in now


def test_only_the_latest_question_of_a_window_is_worked_on():
    compiled, ensembles = short(), Ensembles()
    ensembles.ask(compiled, 10, 1, {}, "this", 5)
    with pytest.raises(Superseded):
        ensembles.ask(compiled, 10, 2, {}, "this", 4)
    assert ensembles.ask(compiled, 10, 2, {}, "that", 1).seed == 2


def test_numbers_in_another_order_are_another_question():
    """Of two that reach the same number the later one counts."""
    compiled, ensembles = read_case(SHORT + "# twice", "twice.toml"), Ensembles()
    rare, common = {"raids": 0.001}, {"coercion.raid.rates.act": 20.0}
    orders = ({**common, **rare}, {**rare, **common})
    few, many = (len(ensembles.ask(compiled, 20, 1, order).events) for order in orders)
    assert few < many
    few, many = (sum(len(walk(compiled, 1, run, order)) for run in range(20)) for order in orders)
    assert few < many


def test_a_file_that_was_edited_while_the_server_runs_is_read_again(tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text(SHORT, encoding="utf-8")
    before = open_case(str(file), str(file))
    assert open_case(str(file), str(file)) is before
    file.write_text(SHORT.replace("power = 1.5", "power = 2.5"), encoding="utf-8")
    now = open_case(str(file), str(file))
    assert [each.numbers["actor.Lowland.power"] for each in (before, now)] == [1.5, 2.5]


def test_so_is_one_whose_own_term_was_edited_and_its_results_hold_the_term(tmp_path: Path):
    file, term = tmp_path / "mine.toml", tmp_path / "hardliner.py"
    term.write_text(
        (Path(__file__).parent.parent / "examples" / "terms" / "hardliner.py").read_text("utf-8"), encoding="utf-8"
    )
    file.write_text(f'{SHORT}\n[term.hardliner]\nfile = "hardliner.py"\n', encoding="utf-8")
    before = open_case(str(file), str(file))
    assert open_case(str(file), str(file)) is before
    term.write_text(term.read_text("utf-8").replace('"weight", 0.4', '"weight", 0.5'), encoding="utf-8")
    now = open_case(str(file), str(file))
    assert now.numbers["term.hardliner.weight"] == 0.5
    asked = {"case": {"name": str(file)}, "runs": 2}
    _, content = Desk(str(file)).results(read_request(asked, str(file)))
    assert "terms/hardliner.py" in zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_question_that_nobody_waits_for_any_more_ends_at_once():
    compiled, ensembles = open_case("beijing-1999"), Ensembles()
    ended: list[type] = []
    started = threading.Event()

    def wait_for_many() -> None:
        started.set()
        try:
            ensembles.ask(compiled, 5000, 1, {}, "this", 1)
        except Superseded as error:
            ended.append(type(error))

    waiting = threading.Thread(target=wait_for_many)
    waiting.start()
    started.wait()
    assert ensembles.ask(compiled, 2, 1, {}, "this", 2).runs == 2
    waiting.join()
    assert ended == [Superseded]


def test_the_compiled_engine_is_asked_once_it_is_ready(monkeypatch: pytest.MonkeyPatch):
    compiled, asked = read_case(SHORT + "# once more", "fast.toml"), []

    def simulate(case: Compiled, **words: Any) -> Any:
        asked.append(words)
        plain = {name: words[name] for name in words if name not in ("engine", "workers", "width")}
        made = negsim.simulate(case, **plain)
        made.provenance["engine"] = "compiled" if "engine" in words else "numpy"
        return made

    monkeypatch.setattr(ensembles, "simulate", simulate)
    slow, fast = Ensembles(), Ensembles(fast=True)
    slow.warm_up(compiled)
    slow.ask(compiled, 7, 1, {})
    fast._warm_up(compiled)
    fast.ask(compiled, 7, 1, {})
    assert [words.get("engine") for words in asked] == [None, "auto", "compiled"]
    assert asked[2]["workers"] * asked[2]["width"] >= 7


def test_what_ifs_are_asked_of_the_compiled_engine_once_it_is_ready(monkeypatch: pytest.MonkeyPatch):
    compiled, asked = read_case(SHORT + "# once again", "fast-whatif.toml"), []
    question = load_intervention(
        compiled.scenario, {"name": "x", "number": [{"path": "channel.river_talks.rates.plan", "multiply": 2.0}]}
    )

    def run_pair(*given: Any, progress: Any, **how: Any) -> Any:
        asked.append(how)
        return couplings.run_pair(*given, progress=progress)

    monkeypatch.setattr(ensembles, "run_pair", run_pair)
    page = Ensembles()
    page.compare(compiled, 3, 1, {}, question)
    compiled.kept[ensembles.READY] = True
    page.compare(compiled, 4, 1, {}, question)
    assert asked == [{}, {"engine": "compiled", "workers": os.cpu_count()}]


# -- from the shell ------------------------------------------------------------------------------------------------


def test_the_command_refuses_what_cannot_be_served(capsys: pytest.CaptureFixture[str]):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for words, complaint in (
            (("app", "beijing-199"), "did you mean beijing-1999"),
            (("app", "--port", port), f"--port {port}"),
            (("app", "--host", "no.such.host.invalid"), "--host no.such.host.invalid"),
        ):
            assert main(words) == 2
            said = capsys.readouterr()
            assert complaint in said.err
            assert said.out == ""


def test_the_page_is_for_this_machine_unless_told_otherwise():
    options = make_parser().parse_args(["app"])
    assert options.host == "127.0.0.1"
    assert {"127.0.0.1", "localhost"} <= set(LOOPBACK)
