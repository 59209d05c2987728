"""Does a full disk, a folder that is only read, or another process leave nothing half written, and nothing mixed?"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

import negsim
from negsim.calibration.posterior import Posterior
from negsim.results import ResultError
from negsim.whole_files import whole_file, write_whole

pytestmark = pytest.mark.xdist_group("whole_files")  # one worker: what is kept is fitted once

TUTORIAL = Path(__file__).parents[1] / "examples" / "tutorial"
HARBOUR = TUTORIAL / "harbour.toml"
FIT = ("fit", HARBOUR, "--chronology", TUTORIAL / "events.csv", "--particles", 60, "--runs", 2, "--seed", 1)


def fill_up(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_takes_its_place_when_it_is_finished(tmp_path: Path):
    file = write_whole(tmp_path / "a.csv", "old")
    with whole_file(file) as beside:
        beside.write_text("new")
        assert (beside.suffix, file.read_text()) == (".csv", "old")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.csv", "new")]


def test_a_link_goes_on_leading_to_the_file_that_is_written(tmp_path: Path):
    file = write_whole(tmp_path / "a.csv", "old")
    link = tmp_path / "link.csv"
    link.symlink_to(file)
    write_whole(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("failure", [None, ValueError("no")])
def test_a_pipe_is_written_into_and_not_replaced(tmp_path: Path, failure: Exception | None):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with contextlib.suppress(ValueError), whole_file(pipe) as beside:
        beside.write_text("told")
        if failure:
            raise failure
    assert os.read(reader, 10) == b"told"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "it is full"), KeyboardInterrupt(), ValueError("no")])
def test_a_failure_leaves_the_file_as_it_was_and_nothing_beside_it(tmp_path: Path, failure: BaseException):
    file = write_whole(tmp_path / "a.csv", b"old")

    def write() -> None:
        with whole_file(file) as beside:
            beside.write_text("hal")
            raise failure

    with pytest.raises(type(failure)) as failed:
        write()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.csv", "old")]
    if isinstance(failure, OSError):
        assert str(failed.value) == f"[Errno {errno.ENOSPC}] No space left on device: '{file}'"


def test_a_result_cut_short_by_a_full_disk_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ensemble = negsim.simulate(HARBOUR, runs=20, seed=1)
    ensemble.save(tmp_path)
    monkeypatch.setattr("pyarrow.parquet.write_table", fill_up)
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path}/events.parquet'"):
        ensemble.save(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    with pytest.raises(ResultError, match=r"provenance\.json: No such file"):
        negsim.load_results(tmp_path)


@pytest.mark.parametrize("name", ["events.parquet", "tally.npz", "paths.npz"])
def test_files_of_two_processes_in_one_folder_are_not_taken_for_one_result(tmp_path: Path, name: str):
    for seed in (1, 2):
        negsim.simulate(HARBOUR, runs=20, seed=seed, record=("events", "channel")).save(tmp_path / str(seed))
    os.replace(tmp_path / "2" / name, tmp_path / "1" / name)
    with pytest.raises(
        ResultError, match=rf"{name} is damaged: it is not the file that was saved with provenance\.json"
    ):
        negsim.load_results(tmp_path / "1")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from negsim.cli import main

    folder = tmp_path_factory.mktemp("fit")
    assert main([*map(str, FIT), "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (lambda fit: ("run", HARBOUR, "--runs", 20), "walk_out"),
        (
            lambda fit: ("forecast", fit, "--runs", 20, "--until", "2015-12-31"),
            "20 futures",
        ),
    ],
)
def test_a_full_disk_loses_the_files_and_not_the_answer(
    said, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Callable, answer: str
):
    monkeypatch.setattr("negsim.results.save_results", fill_up)
    code, out, err = said(*words(fitted), "--out", tmp_path / "out")
    assert code == 1
    assert answer in out
    assert "No space left on device" in err


def test_a_full_disk_does_not_lose_what_a_fit_has_learned(said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Posterior, "save", fill_up)
    code, out, err = said(*FIT, "--out", tmp_path / "out")
    assert code == 1
    assert "log evidence" in out
    assert "No space left on device" in err


def test_a_forecast_that_cannot_be_registered_leaves_no_file_in_its_own_way(
    said, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    words = ("register", fitted, tmp_path / "mine.json", "--until", "2015-03-31", "--runs", 20)
    with monkeypatch.context() as full:
        full.setattr("negsim.forecasts.registration.write_whole", fill_up)
        assert said(*words)[0] == 1
    assert not list(tmp_path.iterdir())
    assert said(*words)[0] == 0


def test_a_file_system_that_is_only_read_is_told_before_anything_is_computed(said, tmp_path, monkeypatch):
    def refuse(self: Path, *_: object, **__: object) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    target = tmp_path / "new"
    assert said("run", HARBOUR, "--out", target) == (2, "", f"negsim: {target}: Read-only file system\n")
    monkeypatch.setattr("os.access", lambda *_: False)
    code, out, err = said("compare", "anything", "--out", tmp_path / "x.csv")
    assert (code, out, err) == (2, "", f"negsim: {tmp_path / 'x.csv'}: {tmp_path} may not be written to\n")
