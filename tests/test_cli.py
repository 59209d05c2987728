"""Does the shell get its answers, its exit codes and its silence?"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from negsim import cli, ensemble, scenario_files
from negsim.moves import list_events
from negsim.problems import ScenarioError
from negsim.results import load_results
from negsim.scenario_files import load_scenario
from negsim.scenario_schemas import SCHEMA_NAME, schema_path

ROOT = Path(__file__).parents[1]
COMMANDS = (
    "list",
    "show",
    "check",
    "new",
    "run",
    "app",
    "fit",
    "forecast",
    "register",
    "score",
    "sweep",
    "resume",
    "expand",
    "export",
)
QUICK = ("--runs", "3", "--until", "2000-06-30")


def shell(*words: str, cwd: Path | None = None, **options: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options}
    command = [sys.executable, "-m", "negsim", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)


# -- list, show, check -------------------------------------------------------------------------------------------


def test_list_prints_each_case_with_its_title(said):
    code, out, err = said("list")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == list(scenario_files.scenarios())
    assert "Japan and North Korea" in out


def test_show_lists_the_addresses_of_all_moves_with_their_rates(said):
    code, out, _ = said("show", "template", "--moves")
    lines = out.splitlines()[1:]
    assert code == 0
    assert [line.split()[0] for line in lines] == [move.name for move in list_events(load_scenario("template"))]
    assert ["act:Upland::raid", "coercion.raid.rates.act", "0.15"] in [line.split() for line in lines]


def test_show_describes_the_model_of_a_case_by_the_odd_protocol(said):
    code, out, err = said("show", "template", "--odd")
    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if line.startswith("## ")][::6] == [
        "## 1. Purpose and patterns",
        "## 7. Submodels",
    ]
    assert "| `pain` |" in out or "| pain |" in out
    assert said("show", "template", "--odd", "--moves")[0] == 2


def test_show_says_in_words_who_can_give_what_where_and_by_which_theories(said):
    code, out, err = said("show", "template")
    assert (code, err) == (0, "")
    titles = ("Actors (2)", "Goods (1)", "Concessions (5)", "Channels (1)", "Demands (1)", "Coercive acts (1)")
    for title in (*titles, "Drivers (1)", "At the start", "Moves", "Terms (12)", "Parameters (2)"):
        assert f"\n{title}\n" in out
    for words in (
        "Lowland -> Upland",
        "costs 0.4; worth Upland 3; 20,000 t; in return for water",
        "(25 packages)",
        "Lowland approves before signing; Upland asks nobody",
        "opens sooner with no_raids promised from 2001-01-01 until 2006-01-01",
        "1.8 from 2003-10-01, 1 from 2005-10-01",
        "half_life_years 3",
        "sets coercion.raid.rates.act; lognormal (median 0.15, sd 0.7)",
    ):
        assert " ".join(words.split()) in " ".join(out.split())


def test_show_says_whose_groups_at_home_are_never_asked(said, tmp_path):
    own = tmp_path / "own.toml"
    said("new", str(own))
    assert "asks Farmers along the river, Families of the prisoners" in " ".join(said("show", str(own))[1].split())
    own.write_text(own.read_text("utf-8").replace('["before_signature", "none"]', '["none", "after"]'), "utf-8")
    shown = " ".join(said("show", str(own))[1].split())
    assert "state; never asks Farmers along the river, Families of the prisoners (leads no side that approves" in shown


@pytest.mark.parametrize(("written", "shown"), [("4.25", "4.25 t"), ("0.4", "0.4 t"), ("5e6", "5,000,000 t")])
def test_show_rounds_no_quantity(said, tmp_path, written: str, shown: str):
    own = tmp_path / "own.toml"
    said("new", str(own))
    own.write_text(own.read_text("utf-8").replace("quantity = 20000.0", f"quantity = {written}"), "utf-8")
    assert f"; {shown}; in return for water" in " ".join(said("show", str(own))[1].split())


def test_show_counts_the_moves_that_the_engine_has(said):
    _, out, _ = said("show", "beijing-1999")
    from negsim.compiler import compile_scenario

    moves = compile_scenario(load_scenario("beijing-1999")).labels.moves
    assert f"\nMoves\n  {moves}  plan " in out


@pytest.mark.parametrize("name", [*scenario_files.scenarios(), "template"])
def test_show_keeps_its_lines_short(said, name):
    code, out, _ = said("show", name)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 180


def test_new_copies_a_case_with_its_comments_questions_and_chronologies(said, tmp_path):
    copy = tmp_path / "my-beijing.toml"
    code, out, err = said("new", str(copy), "--copy-of", "beijing-1999", "--schema")
    assert (code, err) == (0, "")
    assert f"{copy}: written" in out
    shipped = (ROOT / "negsim" / "cases" / "beijing-1999.toml").read_text("utf-8")
    assert copy.read_text("utf-8") == f"#:schema ./scenario.schema.json\n{shipped}"
    assert scenario_files.load_scenario(copy) == load_scenario("beijing-1999")
    assert said("whatif", str(copy)) == said("whatif", "beijing-1999")
    assert said("new", str(copy), "--copy-of", "beijing-1999")[0] == 2
    code, _, err = said("new", str(tmp_path / "other.toml"), "--copy-of", "bejing-1999")
    assert code == 2
    assert "did you mean beijing-1999?" in err
    assert not (tmp_path / "other.toml").exists()


def test_check_praises_each_good_file(said):
    assert said("check", "template", "beijing-1999") == (0, "template: no mistakes\nbeijing-1999: no mistakes\n", "")


def test_check_takes_a_folder_for_the_scenarios_in_it(said, tmp_path):
    for name in ("one", "two"):
        said("new", str(tmp_path / f"{name}.toml"))
    (tmp_path / "notes.txt").write_text("none of them")
    assert said("check", str(tmp_path))[1].count("no mistakes") == 2
    (tmp_path / "two.toml").write_text("hello")
    code, out, err = said("check", str(tmp_path))
    assert (code, out) == (2, f"{tmp_path / 'one.toml'}: no mistakes\n")
    assert "1 mistake" in err
    (tmp_path / "empty").mkdir()
    assert said("check", str(tmp_path / "empty"))[0] == 2


def test_check_tells_the_mistakes_of_all_files_together(said, tmp_path):
    for name, tick in (("one", "moon"), ("two", "year")):
        text = (ROOT / "negsim" / "cases" / "template.toml").read_text("utf-8")
        (tmp_path / f"{name}.toml").write_text(text.replace('tick = "month"', f'tick = "{tick}"'))
    code, out, err = said("check", str(tmp_path / "one.toml"), str(tmp_path / "two.toml"), "template")
    assert (code, out) == (2, "template: no mistakes\n")
    assert err.startswith("negsim: 2 mistakes:\n")
    assert "one.toml: tick" in err
    assert "two.toml: tick" in err


# -- new ---------------------------------------------------------------------------------------------------------


def test_check_says_what_becomes_of_a_chronology_or_what_is_wrong_with_it(said, tmp_path):
    events = tmp_path / "events.csv"
    events.write_text("date,move\n2001-02-03,act:Upland::raid\n")
    code, out, err = said("check", "template", "--chronology", str(events))
    assert (code, err) == (0, "")
    assert "1 rows, 2000-01-01 to 2009-12-31" in out
    events.write_text("date,move\n3/20/2001,act:Upland::raids\n")
    code, out, err = said("check", "template", "--chronology", str(events))
    assert (code, out) == (2, "")
    assert "did you mean 2001-03-20?" in err
    assert "did you mean act:Upland::raid?" in err
    assert said("check", "template", "beijing-1999", "--chronology", str(events))[0] == 2


def test_new_writes_a_scenario_that_checks_shows_and_runs(said, tmp_path):
    file = tmp_path / "my-case.toml"
    code, out, err = said("new", str(file))
    assert (code, err) == (0, "")
    assert f"negsim check {file}" in out
    assert str(schema_path()) in out
    assert [said(word, str(file), *more)[0] for word, more in (("check", ()), ("show", ()), ("run", QUICK))] == [0] * 3


def test_new_writes_the_schema_where_the_first_line_of_the_scenario_looks_for_it(said, tmp_path):
    code, out, _ = said("new", str(tmp_path / "my-case.toml"), "--schema")
    assert code == 0
    first_line = (tmp_path / "my-case.toml").read_text().splitlines()[0]
    assert first_line == f"#:schema ./{SCHEMA_NAME}"
    assert json.loads((tmp_path / SCHEMA_NAME).read_text())["title"] == "negsim scenario"
    assert SCHEMA_NAME in out


def test_new_refuses_to_overwrite_unless_forced(said, tmp_path):
    file = tmp_path / "my-case.toml"
    file.write_text("mine")
    code, _, err = said("new", str(file))
    assert code == 2
    assert err == f"negsim: {file} exists already (--force overwrites it)\n"
    assert file.read_text() == "mine"
    assert said("new", str(file), "--force")[0] == 0
    assert load_scenario(file).name == "my-case"


def test_new_in_a_folder_that_is_not_there_is_wrong_input(said, tmp_path):
    code, _, err = said("new", str(tmp_path / "nowhere" / "my-case.toml"))
    assert code == 2
    assert "nowhere" in err
    assert "No such file or directory" in err


# -- run ---------------------------------------------------------------------------------------------------------


def test_run_prints_the_table_and_nothing_else(said):
    code, out, err = said("run", "template", *QUICK)
    assert (code, err) == (0, "")
    assert out.split("\n")[0].split()[:3] == ["kind", "actor", "counterpart"]
    assert "river_talks" in out


def test_run_gives_the_same_table_for_the_same_seed_and_another_for_another(said):
    first, again, other = (said("run", "template", *QUICK, "--seed", seed)[1] for seed in ("1", "1", "2"))
    assert first == again
    assert first != other


def test_run_hands_its_options_to_the_engine(said, monkeypatch):
    asked = {}

    def simulate(scenario, **options):
        asked.update(options, scenario=scenario)
        raise RuntimeError("enough")

    monkeypatch.setattr(ensemble, "simulate", simulate)
    options = ("--runs", 7, "--seed", 3, "--until", "2004-05-06", "--tick", "week", "--workers", 2, "--engine", "auto")
    said("run", "template", *options, "--set", "raids=0.25", "--set", "actor.Upland.power=2")
    assert asked.pop("scenario") == load_scenario("template").with_tick("week")
    assert callable(asked.pop("progress"))
    assert asked == {
        "runs": 7,
        "engine": "auto",
        "seed": 3,
        "params": {"raids": 0.25, "actor.Upland.power": 2.0},
        "until": dt.date(2004, 5, 6),
        "workers": 2,
    }


def test_run_writes_what_came_out(said, tmp_path):
    out = tmp_path / "deep" / "out"
    code, table, err = said("run", "template", *QUICK, "--set", "raids=2", "--out", str(out))
    assert code == 0
    assert table.startswith(" ")
    written = {path.name for path in out.iterdir()}
    assert {"events.parquet", "summary.csv", "provenance.json"} <= written
    assert any(name.endswith(".png") for name in written)
    assert all(name in err for name in written)
    with (out / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {"kind", "probability", "date_50", "count"} <= set(rows[0])
    provenance = json.loads((out / "provenance.json").read_text())
    assert provenance["scenario_digest"] == scenario_files.scenario_digest(load_scenario("template"))
    assert provenance["params"] == {"raids": 2.0}
    assert len(load_results(out).summary()) == len(rows)


def test_run_writes_no_pictures_when_told_not_to(said, tmp_path):
    assert said("run", "template", *QUICK, "--out", str(tmp_path), "--no-plots")[0] == 0
    assert not list(tmp_path.glob("*.png"))
    assert (tmp_path / "summary.csv").is_file()


def test_run_refuses_a_file_where_the_folder_should_be(said, tmp_path):
    file = tmp_path / "out"
    file.write_text("mine")
    code, _, err = said("run", "template", *QUICK, "--out", str(file))
    assert code == 2
    assert err == f"negsim: {file} exists already and is no folder\n"


WRONG_WORDS = {
    "an unknown case": (("run", "beijing-1998"), "did you mean beijing-1999?"),
    "an unknown case to show": (("show", "bejing1999"), "did you mean beijing-1999?"),
    "an unknown key": (("run", "template", "--set", "actor.Uplnd.power=1"), "did you mean actor.Upland.power?"),
    "an unknown parameter": (("run", "template", "--set", "raid=1"), "did you mean raids?"),
    "a value out of range": (("run", "template", "--set", "actor.Upland.power=0"), "a number above 0"),
    "a setting without a value": (("run", "template", "--set", "raids"), "'raids' is not KEY=VALUE"),
    "a setting that is no number": (("run", "template", "--set", "raids=many"), "'raids=many' is not KEY=VALUE"),
    "a setting without a key": (("run", "template", "--set", "=1"), "'=1' is not KEY=VALUE"),
    "no runs": (("run", "template", "--runs", "0"), "'0' is no whole number of at least 1"),
    "half a run": (("run", "template", "--runs", "1.5"), "'1.5' is no whole number"),
    "a negative seed": (("run", "template", "--seed", "-1"), "'-1' is no whole number of at least 0"),
    "no workers": (("run", "template", "--workers", "0"), "at least 1"),
    "a date that is none": (("run", "template", "--until", "2004-02-30"), "'2004-02-30' is no date"),
    "a date before the start": (("run", "template", "--until", "1999-12-31"), "from 2000-01-01 to 2009-12-31"),
    "a date after the end": (("run", "template", "--until", "2010-01-01"), "from 2000-01-01 to 2009-12-31"),
    "an unknown tick": (("run", "template", "--tick", "year"), "choose from"),
    "an unknown option": (("run", "template", "--wrokers", "2"), "--wrokers"),
    "an option cut short": (("run", "template", "--run", "2"), "--run"),
    "an unknown command": (("rn", "template"), "rn"),
    "no case": (("run",), "CASE"),
}


@pytest.mark.parametrize(("words", "expected"), WRONG_WORDS.values(), ids=WRONG_WORDS)
def test_wrong_words_are_told_with_exit_code_2_and_no_traceback(said, words, expected):
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert expected in err
    assert "Traceback" not in err


def test_nothing_asked_is_answered_with_the_help_and_exit_code_2(said):
    code, out, err = said()
    assert (code, out) == (2, "")
    assert "examples:" in err


@pytest.mark.parametrize("words", [(), *((command,) for command in COMMANDS)], ids=["negsim", *COMMANDS])
def test_the_help_of_every_command_has_examples(said, words):
    code, out, err = said(*words, "--help")
    assert (code, err) == (0, "")
    assert "examples:\n  negsim " in out
    assert max(map(len, out.splitlines())) <= 120


def test_every_example_in_the_help_can_be_parsed(said):
    texts = [said(*words, "--help")[1] for words in [(), *((command,) for command in COMMANDS)]]
    examples = [line for text in texts for line in text.partition("examples:\n")[2].splitlines()]
    plain = [re.split("[#|>]", example)[0] for example in examples]
    commands = [words.split()[1:] for example in plain for words in example.split("&&") if words.split()]
    assert len(commands) > 10
    for words in commands:
        assert cli.make_parser().parse_args(words).command == words[0]


def test_the_version_is_printed(said):
    from negsim.version import VERSION

    assert said("--version") == (0, f"negsim {VERSION}\n", "")


# -- failures ----------------------------------------------------------------------------------------------------


@pytest.fixture
def _failing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all\nthings")

    monkeypatch.setattr(ensemble, "simulate", fail)


@pytest.mark.usefixtures("_failing")
def test_a_failure_is_one_line_with_exit_code_1(said):
    hint = "(--debug shows where)"
    assert said("run", "template") == (1, "", f"negsim: failed: ZeroDivisionError: of all things {hint}\n")


@pytest.mark.usefixtures("_failing")
@pytest.mark.parametrize("words", [("--debug", "run", "template"), ("run", "template", "--debug")])
def test_debug_shows_where_a_failure_happened(said, words):
    code, _, err = said(*words)
    assert code == 1
    assert err.startswith("Traceback")
    assert "ZeroDivisionError: of all" in err


def test_an_interrupt_is_a_short_line_with_exit_code_130(said, monkeypatch):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ensemble, "simulate", interrupt)
    assert said("run", "template") == (130, "", "negsim: interrupted\n")


# -- as a process of its own -------------------------------------------------------------------------------------


def test_the_command_and_the_module_are_the_same():
    done = shell("list")
    assert (done.returncode, done.stderr) == (0, "")
    assert "beijing-1999" in done.stdout
    assert 'negsim = "negsim.__main__:main"' in (ROOT / "pyproject.toml").read_text()


def test_a_bad_scenario_leaves_with_2_and_no_traceback(tmp_path):
    (tmp_path / "bad.toml").write_bytes(bytes(range(256)))
    done = shell("run", "bad.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "negsim: 1 mistake:\n"
        "bad.toml: given bytes that are no text in UTF-8 (first at byte 128)\n"
        "    allowed: a text file in UTF-8\n"
    )


def test_a_reader_that_has_seen_enough_is_no_failure():
    command = f"set -o pipefail; {sys.executable} -m negsim show beijing-1999 | head -n 1"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("beijing-1999:")


def test_a_pipe_sees_no_progress_bar_and_a_terminal_does(said):
    words = ["run", "template", *QUICK]
    assert said(*words)[2] == ""
    assert "run:   0%|" in seen_on_a_terminal([sys.executable, "-m", "negsim", *words])


def seen_on_a_terminal(command: Sequence[str]) -> str:
    """What a command writes to its error stream when that is a terminal."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment)
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 1024):
            seen += chunk
    except OSError:  # the other end has hung up
        pass
    finally:
        os.close(ours)
    assert process.wait() == 0
    return seen.decode()


def test_ctrl_c_ends_a_long_run_with_130_and_a_short_line(tmp_path):
    words = ["run", "beijing-1999", "--runs", "100000000", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(
        [sys.executable, "-m", "negsim", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    while not (tmp_path / "out").exists() and process.poll() is None:
        time.sleep(0.05)  # the folder is made just before it begins to compute
    process.send_signal(signal.SIGINT)
    try:
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert err == "negsim: interrupted\n"


def test_the_shell_door_loads_nothing_heavy_for_light_commands():
    code = (
        "import sys; from negsim.cli import main; main(['list']); main(['check', 'template']); "
        "print(sorted({'matplotlib', 'pandas', 'mesa', 'tqdm', 'xarray', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout.endswith("[]\n")


def test_mistakes_of_the_engine_in_the_scenario_are_input_too(said, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise ScenarioError([])

    monkeypatch.setattr(ensemble, "simulate", refuse)
    assert said("run", "template")[0] == 2
