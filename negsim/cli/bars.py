"""How far has a command come? A bar on a terminal; in a pipe, a line now and then, which can be read in a log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from negsim.progress import Progress

SECONDS_BETWEEN_LINES: Final = 15.0
"""In a pipe, progress is told once in so many seconds."""
SHAPE: Final = "{l_bar}{bar}| {elapsed}, {remaining} to go"


@contextlib.contextmanager
def share_bar(command: str) -> Iterator[Progress]:
    """Show the progress of a command on the error stream."""
    if not sys.stderr.isatty():
        yield Lines(command)
        return
    from tqdm import tqdm

    with tqdm(total=1.0, desc=command, file=sys.stderr, leave=False, bar_format=SHAPE) as bar:
        begun = False

        def move(share: float, doing: str) -> None:
            nonlocal begun
            if not begun:  # what was there before takes no time, and says nothing about what is left
                bar.initial = bar.n = share
                begun = True
            bar.set_description(f"{command} ({doing})", refresh=False)
            bar.update(max(share - bar.n, 0.0))

        yield move


class Lines:
    """Tells progress in lines: how much, what, and how long still.

    Parameters
    ----------
    command : str
        With what each line begins.
    clock : callable
        Seconds.
    """

    def __init__(self, command: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._command = command
        self._clock = clock
        self._begun: tuple[float, float] | None = None
        self._told = clock()

    def __call__(self, share: float, doing: str) -> None:
        """Take note; tell when it is time to."""
        now = self._clock()
        if self._begun is None:
            self._begun = now, share
        if now - self._told < SECONDS_BETWEEN_LINES:
            return
        self._told = now
        passed, done = now - self._begun[0], share - self._begun[1]
        left = f", {describe_time(passed * (1 - share) / done)} left" if done > 0 else ""
        print(f"{self._command}: {share:.0%} ({doing}){left}", file=sys.stderr, flush=True)


def describe_time(seconds: float) -> str:
    """A time that a person can judge.

    Examples
    --------
    >>> describe_time(42.0), describe_time(150.0), describe_time(9000.0)
    ('42 s', '2.5 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
