"""Who computes beside this process? Workers of its own, that are gone when their work is, or when it is interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

from negsim.problems import NegsimError


class LostWorkers(NegsimError, BrokenProcessPool):
    """A worker process died in the middle of its work; the message says what may have ended it."""


@contextmanager
def open_workers(
    count: int, initializer: Callable[..., object], arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """Start worker processes, and end them with the block.

    Left by an exception (an interrupt above all), they are killed in the middle of what they do: nobody would take it,
    and a pool that is asked to stop waits for it, forever if it is interrupted once more.

    Parameters
    ----------
    count : int
        Processes.
    initializer : callable
        Called in each of them first, with `arguments`.
    arguments : tuple

    Raises
    ------
    LostWorkers
        When one of them dies.
    """
    pool = ProcessPoolExecutor(count, initializer=_begin, initargs=(initializer, arguments))
    try:
        yield pool
    except BaseException as error:
        for process in list((pool._processes or {}).values()):
            process.kill()
        if type(error) is BrokenProcessPool:
            raise LostWorkers(
                "a worker process died: it was killed, ran out of memory or, where workers are started anew (macOS, "
                'Windows), the script lacks `if __name__ == "__main__":` around its calls; workers=1 needs none'
            ) from error
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(initializer: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """Leave it to the parent to answer an interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    initializer(*arguments)
