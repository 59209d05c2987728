"""Who computes beside this process? Workers of its own, that are gone when their work is, or when it is interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any


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
    """
    pool = ProcessPoolExecutor(count, initializer=_begin, initargs=(initializer, arguments))
    try:
        yield pool
    except BaseException:
        for process in list((pool._processes or {}).values()):
            process.kill()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin(initializer: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """Leave it to the parent to answer an interrupt."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    initializer(*arguments)
