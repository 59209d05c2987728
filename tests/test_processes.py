"""Are workers gone when their work is, or when somebody interrupts? And is what was finished still there?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import pytest

import negsim
from negsim.processes import LostWorkers, open_workers

ROOT = Path(__file__).parents[1]
HARBOUR = ROOT / "examples" / "tutorial" / "harbour.toml"


def rest() -> None:
    """Nothing to prepare."""


def sleep_and_tell(place: Path) -> None:
    (place / "begun").touch()
    time.sleep(3)
    (place / "ended").touch()


def test_workers_do_their_work_and_leave_interrupts_to_the_parent():
    with open_workers(2, rest) as pool:
        assert list(pool.map(abs, [-1, 2])) == [1, 2]
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        (known, *_) = pool._processes.values()
    assert not known.is_alive()


def test_the_death_of_a_worker_says_what_it_may_have_died_of():
    with pytest.raises(LostWorkers, match="ran out of memory"), open_workers(1, rest) as pool:
        pool.submit(os._exit, 1).result()
    assert issubclass(LostWorkers, BrokenExecutor)  # what it was called before
    assert issubclass(LostWorkers, negsim.NegsimError)


def test_an_interrupt_does_not_wait_for_what_workers_are_at(tmp_path: Path):
    def work() -> None:
        with open_workers(1, rest) as pool:
            pool.submit(sleep_and_tell, tmp_path)
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not (tmp_path / "ended").exists()


def test_a_sweep_interrupted_twice_leaves_its_blocks_no_worker_and_a_hint(tmp_path: Path):
    store = tmp_path / "store"
    words = ["sweep", HARBOUR, "--vary", "tempo=0.5:2:400", "--runs", "512", "--workers", "2", "--store", store]
    process = subprocess.Popen(
        [sys.executable, "-m", "negsim", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        while not list(store.glob("blocks/points*")) and process.poll() is None:
            time.sleep(0.05)
        for _ in range(2):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the parent and to its workers
        out, err = process.communicate(timeout=120)
    finally:
        process.kill()
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert f"finished blocks are in {store}; `negsim resume {store}` computes the others\nnegsim: interrupted\n" in err
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert list(store.glob("blocks/points*"))


def test_an_interrupt_while_the_command_loads_is_a_line_as_well():
    code = """
import builtins, sys
load = builtins.__import__
def interrupt(name, *rest):
    if name == "negsim.cli":
        raise KeyboardInterrupt
    return load(name, *rest)
builtins.__import__ = interrupt
from negsim.__main__ import main
sys.exit(main())
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "negsim: interrupted\n")
