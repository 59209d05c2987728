"""Who computes the blocks? This process, processes of its own, or any executor of ``concurrent.futures``.

Results come back as they are finished, in any order; whoever asks keeps them by name. Only a window of blocks is handed
out at a time, so memory does not grow with the sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from itertools import chain, islice
from typing import Final

from negsim.processes import open_workers
from negsim.sweeps.stores import SweepError
from negsim.sweeps.work import Done, Job, Task, compute, prepare_process

AHEAD: Final = 512
"""Blocks handed out to an executor at a time: more than most clusters have cores, few enough to hold in memory."""
MOST_DEATHS: Final = 3
"""How often in a row workers may die without finishing anything."""

Lost = list[tuple[Task, BaseException]]
"""Blocks that an executor did not bring back, and what it said."""


def compute_here(job: Job, tasks: Iterable[Task]) -> Iterator[Done]:
    """Compute one block after the other in this process: slow, and easy to debug."""
    return (compute(job, task) for task in tasks)


def compute_by(executor: Executor, job: Job, tasks: Iterator[Task], lost: Lost, ahead: int = AHEAD) -> Iterator[Done]:
    """Let an executor compute blocks; what it loses is noted in `lost`, and goes on with the others."""
    waiting: dict[Future[Done], Task] = {}
    broken = False
    try:
        while True:
            for task in () if broken else islice(tasks, ahead - len(waiting)):
                try:
                    waiting[executor.submit(compute, job, task)] = task
                except (BrokenExecutor, RuntimeError) as error:
                    lost.append((task, error))
                    broken = True
                    break
            if not waiting:
                return
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                task = waiting.pop(future)
                trouble = _trouble_of(future)
                if trouble is None:
                    yield future.result()
                else:
                    lost.append((task, trouble))
    finally:
        for future in waiting:
            future.cancel()


def _trouble_of(future: Future[Done]) -> BaseException | None:
    """What went wrong outside the model: a worker died, an answer could not be sent."""
    if future.cancelled():
        return RuntimeError("the executor cancelled it")
    return future.exception()


def compute_in_processes(workers: int, job: Job, tasks: Iterator[Task]) -> Iterator[Done]:
    """Let processes of one's own compute blocks; when one is killed, others take over what it had.

    Raises
    ------
    SweepError
        When workers die again and again without finishing anything.
    """
    deaths = 0
    while deaths < MOST_DEATHS:
        lost: Lost = []
        finished = 0
        with open_workers(workers, prepare_process) as pool:
            for done in compute_by(pool, job, tasks, lost, ahead=2 * workers):
                finished += 1
                yield done
        if not lost:
            return
        deaths = 0 if finished else deaths + 1
        tasks = chain([task for task, _ in lost], tasks)
    raise SweepError(
        f"worker processes died {deaths} times without finishing a block (out of memory?); "
        "all finished blocks are safe: resume with fewer workers"
    )
