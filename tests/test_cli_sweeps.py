"""Does the shell sweep, resume and expand, say how far it is, and refuse what cannot be?"""

from __future__ import annotations

from pathlib import Path

import pytest

from negsim.cli.bars import SECONDS_BETWEEN_LINES, Lines
from negsim.cli.sweeps import vary
from negsim.progress import tell_count
from negsim.sweeps.readings import open_sweep

CASE = ("sweep", "two-state-channel", "--until", "2001-03-31")
MEET, ADJOURN = "channel.talks.rates.meet", "channel.talks.rates.adjourn"


def test_a_sweep_prints_its_points_and_can_be_resumed_and_expanded(said, tmp_path):
    store = str(tmp_path / "store")
    code, out, err = said(*CASE, "--vary", f"{MEET}=2:10:3", "--runs", "40", "--store", store)
    assert (code, err) == (0, "")
    heading, *rows = out.splitlines()
    assert heading.split() == ["point", MEET, "runs", *heading.split()[3:]]
    assert [row.split()[:3] for row in rows[:3]] == [["0", "2", "40"], ["1", "6", "40"], ["2", "10", "40"]]
    assert "±" in rows[0]
    for block in (tmp_path / "store" / "blocks").glob("*0000002-0000003*"):
        block.unlink()
    assert said("resume", store)[:2] == (0, out)
    code, out, _ = said("expand", store, "--runs", "60", "--show", "meet.talks")
    assert code == 0
    assert out.splitlines()[0].split() == ["point", MEET, "runs", "meet.talks"]
    assert out.splitlines()[1].split()[2] == "60"
    (tmp_path / "more.csv").write_text(f"{MEET}\n20\n")
    assert said("expand", store, "--table", str(tmp_path / "more.csv"))[0] == 0
    assert len(open_sweep(store).design) == 4


def test_what_cannot_be_printed_is_refused_before_anything_is_computed(said, tmp_path):
    wrong = (*CASE, "--vary", f"{MEET}=2,3", "--store", str(tmp_path / "store"), "--show", "meet")
    code, _, err = said(*wrong)
    assert code == 2
    assert "no kind of event is called 'meet'; nearest: meet.talks" in err
    assert not (tmp_path / "store").exists()


def test_another_sweep_in_the_same_folder_says_what_to_do(said, tmp_path):
    asked = (*CASE, "--runs", "4", "--store", str(tmp_path / "store"))
    assert said(*asked, "--vary", f"{MEET}=2,3")[0] == 0
    code, _, err = said(*asked, "--vary", f"{MEET}=2,3,4")
    assert code == 2
    assert (
        "holds another sweep (a new one needs a folder of its own; to give it more runs or points, expand it):" in err
    )


@pytest.mark.parametrize("where", ["file/store", "loop/store", "x" * 300, "/proc/store"])
def test_a_place_where_no_folder_can_be_is_wrong_input(said, tmp_path, where):
    (tmp_path / "file").write_text("a file")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    code, _, err = said(*CASE, "--vary", f"{MEET}=2,3", "--runs", "4", "--store", str(tmp_path / where))
    assert code == 2
    assert "no sweep can be kept there (" in err
    assert "safe" not in err


def test_a_store_of_another_version_is_refused_in_the_words_of_the_shell(said, tmp_path, monkeypatch):
    asked = (*CASE, "--vary", f"{MEET}=2,3", "--runs", "4", "--store", str(tmp_path / "store"))
    assert said(*asked)[0] == 0
    monkeypatch.setattr("negsim.sweeps.manifests.built_with", lambda: {"negsim": "0.0.1"})
    code, _, err = said(*asked)
    assert code == 2
    assert "say that any will do (--any-version)" in err


def test_samples_of_ranges_and_points_of_ones_own(said, tmp_path):
    sample = ("--vary", f"{MEET}=2:10", "--vary", f"{ADJOURN}=10:20", "--design", "sobol", "--points", "4")
    assert said(*CASE, *sample, "--runs", "8", "--store", str(tmp_path / "sobol"))[0] == 0
    design = open_sweep(tmp_path / "sobol").design
    assert (design.kind, design.names, len(design)) == ("sobol", (MEET, ADJOURN), 4)
    (tmp_path / "own.csv").write_text(f"{MEET},{ADJOURN}\n2,10\n3,20\n")
    own = ("--table", str(tmp_path / "own.csv"), "--keep", "meet.*", "--precision", "meet.talks=0.4", "--independent")
    assert said(*CASE, *own, "--runs", "300", "--store", str(tmp_path / "own"))[0] == 0
    done = open_sweep(tmp_path / "own")
    assert done.count_runs().tolist() == [256, 256]
    assert (done.events, done.manifest["common_noise"]) == (("meet.talks",), False)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "nothing varies"),
        (("--vary", f"{MEET}=2:10"), "a grid needs KEY=A:B:N or KEY=V1,V2,..."),
        (("--vary", f"{MEET}=2:10:3", "--vary", f"{MEET}=1,2"), f"{MEET} is given twice"),
        (("--vary", f"{MEET}=2:10:3", "--points", "4"), "allowed with --design lhs or sobol"),
        (("--vary", f"{MEET}=2:10", "--design", "lhs"), "--points N: needed with --design lhs"),
        (("--vary", f"{MEET}=2:10:3", "--design", "lhs", "--points", "4"), "a sample needs KEY=A:B"),
        (("--vary", f"{MEET}=prior", "--design", "lhs", "--points", "4"), "a parameter with a prior: none has"),
        (("--vary", f"{MEET}=2:10", "--design", "sobol", "--points", "5"), "such as 4 or 8, not 5"),
        (("--vary", "channel.talks.rates.met=1,2"), f"did you mean {MEET}?"),
        (("--vary", f"{MEET}=1,2", "--keep", "meet.talk"), "nearest: meet.talks"),
        (
            ("--vary", f"{MEET}=1,2", "--show", "meet::talk"),
            "--show: no kind of event is called 'meet::talk'; nearest: m",
        ),
        (("--table", "nowhere.csv"), "nowhere.csv: given no such file"),
    ],
)
def test_what_cannot_be_is_refused_with_exit_code_2(said, tmp_path, words, told):
    code, out, err = said(*CASE, *words, "--store", str(tmp_path / "store"))
    assert (code, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


def test_a_folder_of_another_sweep_is_refused(said, tmp_path):
    words = ("--vary", f"{MEET}=1,2", "--runs", "4", "--store", str(tmp_path / "store"))
    assert said(*CASE, *words)[0] == 0
    code, _, err = said(*CASE, *words, "--seed", "1")
    assert code == 2
    assert "seed: 0 is stored, 1 is asked for" in err
    code, _, err = said("resume", str(tmp_path / "nothing"))
    assert (code, Path(tmp_path / "nothing").exists()) == (2, False)
    assert "no sweep is here" in err


def test_points_that_fail_end_in_exit_code_1(said, tmp_path, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("negsim.sweeps.work.run_block", fail)
    code, _, err = said(*CASE, "--vary", f"{MEET}=1,2", "--runs", "4", "--store", str(tmp_path / "store"))
    assert code == 1
    assert "2 of 2 points failed" in err
    assert "of all things" in err
    assert "--retry-failed" in err


@pytest.mark.parametrize("text", ["a", "a=", "a=1:2:1", "a=1:2:3:4", "a=x", "=1:2:3", "a=1:2:x"])
def test_what_varies_must_be_written_in_one_of_four_ways(text):
    with pytest.raises(Exception, match=r"KEY=A:B:N"):
        vary(text)


def test_progress_in_a_pipe_is_a_line_now_and_then(capsys):
    now = [0.0]
    told = Lines("sweep", lambda: now[0])
    for done in (1000, 1500, 2000, 2500):
        tell_count(told, done, 5000)
        now[0] += 0.6 * SECONDS_BETWEEN_LINES
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["sweep: 40% (2,000 of 5,000 runs), 54 s left"]
