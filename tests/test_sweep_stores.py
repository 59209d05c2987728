"""Does a sweep survive what happens to it: kills, damage, full disks, failing points, other hands?"""

from __future__ import annotations

import copy
import datetime as dt
import gc
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from negsim.scenario import Scenario, TermSettings
from negsim.scenario_files import load_scenario, save_scenario
from negsim.sweeps import dispatch, work
from negsim.sweeps.readings import open_sweep
from negsim.sweeps.running import expand_sweep, resume_sweep, sweep
from negsim.sweeps.stores import Store, SweepError
from strategies import two_state_channel

PLAN = "channel.talks.rates.plan"
PLANS = {PLAN: [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]}
FORK = multiprocessing.get_context("fork")
BLOCKS = 12
ASKED: dict[str, Any] = {"runs": 512, "points_per_block": 1}


@pytest.fixture(scope="module")
def small() -> Scenario:
    return two_state_channel(years=1)


@pytest.fixture(scope="module")
def whole(small, tmp_path_factory) -> dict[str, bytes]:
    """Blocks of the sweep when nothing happens to it."""
    folder = tmp_path_factory.mktemp("whole") / "store"
    sweep(small, PLANS, store=folder, **ASKED)
    return blocks_of(folder)


def blocks_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / "blocks").glob("[!.]*")}


def wait_for_blocks(folder: Path, number: int) -> None:
    """Wait until some blocks are there."""
    until = time.monotonic() + 60
    while len(list((folder / "blocks").glob("*.parquet"))) < number:
        assert time.monotonic() < until
        time.sleep(0.002)


# -- kills ------------------------------------------------------------------------------------------------------------


def run_in_a_group(act: Callable[..., Any], *given: Any, **named: Any) -> None:
    """Do something as the leader of a group of processes, so that all of them can be killed together."""
    os.setpgid(0, 0)
    act(*given, **named)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sweep_that_is_killed_and_resumed_is_the_one_that_was_not(small, whole, tmp_path, workers):
    folder = tmp_path / "store"
    for blocks in (1, 4, 8):
        named = {"store": folder, "workers": workers, **ASKED}
        child = FORK.Process(target=run_in_a_group, args=(sweep, small, PLANS), kwargs=named)
        child.start()
        wait_for_blocks(folder, blocks)
        os.killpg(child.pid, signal.SIGKILL)
        child.join()
        assert len(blocks_of(folder)) >= blocks
        assert blocks_of(folder).items() <= whole.items()
    resume_sweep(folder, workers=workers)
    assert blocks_of(folder) == whole


MARK = Path()
"""Where :func:`compute_or_die` notes that it has died once."""


def compute_or_die(job: work.Job, task: work.Task) -> work.Done:
    if task.points == (3,) and not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work.compute(job, task)


def test_a_worker_that_is_killed_is_replaced(small, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "MARK", tmp_path / "killed")
    monkeypatch.setattr(dispatch, "compute", compute_or_die)
    sweep(small, PLANS, store=tmp_path / "store", workers=2, **ASKED)
    assert MARK.exists()
    assert blocks_of(tmp_path / "store") == whole


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_always_die_end_a_sweep_with_words(small, tmp_path, monkeypatch):
    monkeypatch.setattr(dispatch, "compute", die)
    with pytest.raises(SweepError, match="worker processes died 3 times"):
        sweep(small, PLANS, store=tmp_path / "store", workers=2, **ASKED)


def test_workers_do_not_outlive_a_sweep_that_is_killed(small, tmp_path):
    # Whoever runs holds the writing end of this pipe; it is closed when the last of them is gone.
    reading, writing = os.pipe()
    named = {"store": tmp_path / "store", "workers": 2, "runs": 256 * 400, "points_per_block": 1}
    child = FORK.Process(target=sweep, args=(small, PLANS), kwargs=named)
    child.start()
    os.close(writing)
    wait_for_blocks(tmp_path / "store", 1)
    child.kill()
    child.join()
    assert os.read(reading, 1) == b""
    os.close(reading)


CLUSTER = """
import os, signal, sys, threading, time
from pathlib import Path
from distributed import Client, LocalCluster
import negsim

def kill_one(cluster, folder):
    while len(list((folder / "blocks").glob("*.parquet"))) < 3:
        time.sleep(0.002)
    os.kill(next(iter(cluster.workers.values())).process.pid, signal.SIGKILL)
    print("killed")

if __name__ == "__main__":
    case, folder = sys.argv[1], Path(sys.argv[2])
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        killer = threading.Thread(target=kill_one, args=(cluster, folder))
        killer.start()
        points = {"channel.talks.rates.plan": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0]}
        executor = client.get_executor()
        done = negsim.sweep(case, points, runs=512, store=folder, executor=executor, points_per_block=1)
        killer.join()
        print(done.share_done)
"""


def test_a_dask_cluster_of_which_a_worker_is_killed_gives_the_same_sweep(small, whole, tmp_path):
    pytest.importorskip("distributed")
    case, script = save_scenario(small, tmp_path / "small.toml"), tmp_path / "script.py"
    script.write_text(CLUSTER)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, str(script), str(case), str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=120)
    assert done.stdout.split() == ["killed", "1.0"], done.stderr
    assert blocks_of(tmp_path / "store") == whole


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", [lambda content: content[:-100], lambda content: content[:50] + b"x" + content[51:]])
def test_a_damaged_block_is_named_refused_and_computed_anew(small, whole, tmp_path, harm):
    folder = tmp_path / "store"
    sweep(small, PLANS, store=folder, **ASKED)
    name = sorted(whole)[3]
    (folder / "blocks" / name).write_bytes(harm(whole[name]))
    with pytest.raises(SweepError, match=name):
        open_sweep(folder)
    with pytest.warns(UserWarning, match=f"{name} is damaged"):
        resume_sweep(folder)
    assert blocks_of(folder) == whole


def test_a_full_disk_is_told_and_loses_nothing_that_is_finished(small, whole, tmp_path):
    folder = tmp_path / "store"
    heard, telling = FORK.Pipe(duplex=False)

    def run_short_of_room() -> None:
        """Write with a limit on the size of files that lets small ones pass: the system itself refuses the larger."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        sizes = sorted(len(content) for content in whole.values())
        resource.setrlimit(resource.RLIMIT_FSIZE, (sizes[BLOCKS // 2], sizes[-1] * 10))
        try:
            sweep(small, PLANS, store=folder, **ASKED)
        except SweepError as error:
            telling.send(str(error))

    child = FORK.Process(target=run_short_of_room)
    child.start()
    child.join()
    assert heard.poll()
    assert "all finished blocks are safe" in heard.recv()
    finished = blocks_of(folder)
    assert finished.items() < whole.items()
    resume_sweep(folder)
    assert blocks_of(folder) == whole


def test_a_full_disk_is_called_by_its_name(tmp_path, monkeypatch):
    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(SweepError, match="the disk is full; all finished blocks are safe: make room and resume"):
        Store(tmp_path).write("name", b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_a_folder_that_cannot_be_written_to_is_told_as_such(small, whole, tmp_path):
    folder = tmp_path / "store"
    sweep(small, PLANS, store=folder, **ASKED)
    for above in [folder, *folder.parents][:-1]:
        if above.stat().st_uid == 0 and above.stat().st_mode & 0o005 == 0:
            above.chmod(above.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        with pytest.raises(SweepError, match=r"cannot be written to \(Permission denied\)"):
            resume_sweep(folder)
        assert open_sweep(folder).share_done == 1.0
    finally:
        os.seteuid(0)
    assert blocks_of(folder) == whole


def test_what_an_interrupted_process_left_half_written_is_swept_up(small, whole, tmp_path):
    sweep(small, PLANS, store=tmp_path / "store", **ASKED)
    (tmp_path / "store" / "blocks" / ".points-half.parquet.part").write_bytes(b"half")
    resume_sweep(tmp_path / "store")
    assert blocks_of(tmp_path / "store") == whole


def hold(folder: Path, ready: Any, leave: Any) -> None:
    with Store(folder).lock():
        ready.set()
        leave.wait()


def test_two_processes_do_not_write_into_one_store(small, tmp_path):
    ready, leave = FORK.Event(), FORK.Event()
    child = FORK.Process(target=hold, args=(tmp_path / "store", ready, leave))
    child.start()
    ready.wait()
    with pytest.raises(SweepError, match="another process is writing here"):
        sweep(small, PLANS, store=tmp_path / "store", **ASKED)
    leave.set()
    child.join()
    sweep(small, PLANS, store=tmp_path / "store", **ASKED)


# -- points that fail -------------------------------------------------------------------------------------------------


def break_points(monkeypatch: pytest.MonkeyPatch, bad: float) -> None:
    """Let the engine fail wherever a number has a value."""
    real = work.run_block

    def run_block(given: Any, *more: Any, **named: Any) -> Any:
        if (given.params[PLAN] == bad).any():
            raise FloatingPointError("planned to death")
        return real(given, *more, **named)

    monkeypatch.setattr(work, "run_block", run_block)


def test_a_failing_point_is_a_record_and_the_others_are_not_touched(small, tmp_path, monkeypatch):
    asked = {"runs": 300, "points_per_block": 3}
    good = sweep(small, PLANS, **asked)
    break_points(monkeypatch, 4.0)
    done = sweep(small, PLANS, store=tmp_path / "store", **asked)
    table = done.failures
    assert table[["point", "first_run", "last_run", "stage"]].to_numpy().tolist() == [
        [3, 0, 256, "run"],
        [3, 256, 300, "run"],
    ]
    assert table["error"].unique().tolist() == ["FloatingPointError: planned to death"]
    assert table["traceback"].str.contains("run_block").all()
    assert table[PLAN].tolist() == [4.0, 4.0]
    expected = good.outcome("plan.talks")
    expected[3] = np.nan
    assert np.array_equal(done.outcome("plan.talks"), expected, equal_nan=True)

    monkeypatch.undo()
    assert np.array_equal(resume_sweep(done.folder).outcome("plan.talks"), expected, equal_nan=True)
    mended = resume_sweep(done.folder, retry_failed=True)
    assert mended.failures.empty
    assert np.array_equal(mended.outcome("plan.talks"), good.outcome("plan.talks"))


# -- other hands ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"seed": 1}, "seed: 0 is stored, 1 is asked for"),
        ({"runs": 600}, "runs: 512 is stored, 600 is asked for"),
        ({"common": False}, "common_noise: true is stored, false is asked for"),
        ({"until": dt.date(1998, 3, 1)}, "until_days: "),
        ({"events": ["plan.*"]}, "events: nothing is stored"),
        ({"params": {"channel.talks.rates.cancel": 2.0}}, "params: "),
        ({"design": {PLAN: [0.5, 1.0, 2.0, 4.0, 8.0, 17.0]}}, "design_digest: "),
        ({"case": two_state_channel(plan=2.0, years=1)}, "scenario_digest: "),
    ],
)
def test_a_store_of_another_sweep_is_refused_by_the_name_of_what_differs(small, tmp_path_factory, change, field):
    folder = tmp_path_factory.getbasetemp() / "another"
    if not folder.exists():
        sweep(small, PLANS, store=folder, **ASKED)
    asked = {"case": small, "design": PLANS, "store": folder, **ASKED, **change}
    with pytest.raises(SweepError, match=field) as refused:
        sweep(**asked)
    assert ("expand" in str(refused.value)) == ("runs" in change)


def edit(path: Path, **fields: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


@pytest.mark.parametrize("runs", [float("nan"), 600.5, "many", True])
def test_an_expansion_to_no_number_of_runs_leaves_the_store_as_it_was(small, tmp_path, runs):
    folder = tmp_path / "store"
    sweep(small, {PLAN: [0.5]}, runs=4, store=folder)
    before = (folder / "sweep.json").read_bytes()
    with pytest.raises(ValueError, match="runs must be a whole number of at least 1"):
        expand_sweep(folder, runs=runs)
    assert (folder / "sweep.json").read_bytes() == before
    assert open_sweep(folder).runs == 4


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("runs", None, "is damaged: runs is nothing"),
        ("runs", float("nan"), "is damaged: runs is nan"),
        ("outcomes", [], "is damaged: outcomes is an empty list"),
        ("extents", [{"first": 0}], "is damaged: extents are a list"),
        ("names", ["nobody"], "cannot be read"),
        ("format", 7, "7 is stored, 1 is what this version reads"),
    ],
)
def test_a_manifest_edited_by_hand_is_refused_in_words(small, tmp_path, field, value, said):
    folder = tmp_path / "store"
    sweep(small, {PLAN: [0.5]}, runs=4, store=folder)
    edit(folder / "sweep.json", **{field: value})
    with pytest.raises(SweepError, match=re.escape(said)):
        resume_sweep(folder)
    if field != "extents":
        with pytest.raises(SweepError, match=re.escape(said)):
            open_sweep(folder)


def test_a_table_of_points_with_words_for_numbers_is_refused_in_words(small, tmp_path):
    folder = tmp_path / "store"
    sweep(small, {PLAN: [0.5]}, runs=4, store=folder)
    pd.DataFrame({"point": [0], PLAN: ["often"]}).to_parquet(folder / "design.parquet")
    with pytest.raises(SweepError, match=r"design\.parquet cannot be read"):
        resume_sweep(folder)


def test_other_versions_are_refused_by_name_unless_any_will_do(small, whole, tmp_path):
    folder = tmp_path / "store"
    sweep(small, PLANS, store=folder, **ASKED)
    edit(folder / "sweep.json", versions={"negsim": "0.0.1", "numpy": np.__version__})
    with pytest.raises(SweepError, match=r"negsim: 0\.0\.1 made it(.|\n)*any_version=True"):
        resume_sweep(folder)
    assert blocks_of(resume_sweep(folder, any_version=True).folder) == whole


def test_a_scenario_or_design_that_was_changed_in_the_store_is_refused(small, tmp_path):
    folder = tmp_path / "store"
    sweep(small, PLANS, store=folder, **ASKED)
    good = (folder / "scenario.toml").read_text()
    (folder / "scenario.toml").write_text(good.replace("plan = 3.0", "plan = 2.0"))
    with pytest.raises(SweepError, match="scenario_digest is not the one"):
        resume_sweep(folder)
    (folder / "scenario.toml").write_text(good)
    edit(folder / "sweep.json", design_digest="0" * 64)
    with pytest.raises(SweepError, match="design_digest is not the one"):
        open_sweep(folder)


def test_a_folder_without_a_sweep_is_told_as_such_and_left_as_it_was(tmp_path):
    for act in (open_sweep, resume_sweep, lambda folder: expand_sweep(folder, runs=10)):
        with pytest.raises(SweepError, match=r"no sweep is here"):
            act(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_a_worker_of_another_version_computes_nothing(small, tmp_path):
    class Elsewhere(ThreadPoolExecutor):
        def submit(self, fn, job, *more):
            return super().submit(fn, replace(job, versions={"negsim": "0.0.1"}), *more)

    with Elsewhere(1) as executor, pytest.raises(SweepError, match=r"lost 12 blocks.*OtherVersions.*0\.0\.1"):
        sweep(small, PLANS, store=tmp_path / "store", executor=executor, **ASKED)
    assert list((tmp_path / "store").glob("blocks/*")) == []


@pytest.mark.xdist_group("compiled")  # one process compiles for all
@pytest.mark.skipif(find_spec("numba") is None, reason="needs numba")
def test_an_engine_is_part_of_what_is_asked(small, tmp_path):
    asked = {"runs": 20, "points_per_block": 3, "store": tmp_path / "store"}
    plain = sweep(small, PLANS, **asked)
    with pytest.raises(SweepError, match='engine: "numpy" is stored, "compiled" is asked for'):
        sweep(small, PLANS, engine="compiled", **asked)
    fast = sweep(small, PLANS, engine="compiled", runs=20)
    for what in ("count", "day"):
        assert np.array_equal(fast.outcome("plan.talks", what), plain.outcome("plan.talks", what))


def test_expanding_to_less_is_refused(small, tmp_path):
    sweep(small, PLANS, store=tmp_path / "store", **ASKED)
    with pytest.raises(ValueError, match="has 512 already"):
        expand_sweep(tmp_path / "store", runs=512)


def test_a_store_holds_the_terms_of_ones_own(tmp_path):
    file = Path(__file__).parents[1] / "examples" / "terms" / "hardliner.py"
    own = {"hardliner": TermSettings(file=str(file))}
    case = load_scenario("two-state-channel").model_copy(update={"term": own, "terms": ("hardliner",)})
    begun = sweep(case, {"channel.talks.rates.meet": [1.0, 2.0]}, runs=10, store=tmp_path / "store")
    first = begun.outcome("meet.talks", "count")
    assert (begun.folder / "terms" / "hardliner.py").read_text() == file.read_text()
    moved = begun.folder.rename(tmp_path / "moved")
    assert np.array_equal(expand_sweep(moved, runs=20).outcome("meet.talks", "count")[:, :10], first)
    (moved / "terms" / "hardliner.py").write_text(file.read_text() + "# changed\n")
    with pytest.raises(SweepError, match="terms_digest is not the one"):
        resume_sweep(moved)


def test_another_thread_is_refused_as_another_process_is_and_undoes_no_lock(tmp_path):
    store, again = Store(tmp_path / "store"), Store(tmp_path / "." / "store")
    with store.lock():
        for _ in range(2):
            with pytest.raises(SweepError, match="another process is writing here"), again.lock():
                pass
        code = f"from negsim.sweeps.stores import Store\nwith Store({str(store.folder)!r}).lock(): pass"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert "another process is writing here" in done.stderr
    with again.lock():
        pass


def test_a_sweep_stays_readable_when_the_working_folder_changes(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = sweep(small, PLANS, store="store", **ASKED)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert found.count_runs().sum() > 0


def test_a_temporary_store_lasts_as_long_as_a_copy_of_its_sweep(small):
    found = sweep(small, PLANS, **ASKED)
    other, folder = copy.copy(found), found.folder
    del found
    gc.collect()
    assert other.count_runs().sum() > 0
    del other
    gc.collect()
    assert not folder.exists()
