"""How does someone who waits learn how far the work has come? By the share that is done, and by what is being done."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Told the share of the work that is done, from 0 to 1, and what is being done. The one kind for all functions."""


def tell_nobody(share: float, doing: str) -> None:
    """Take the place of a listener where nobody listens."""


def tell_count(progress: Progress | None, done: int, total: int, what: str = "runs") -> None:
    """Tell how many of so many are done."""
    if progress is not None:
        progress(done / total, f"{done:,} of {total:,} {what}")


def part_of(progress: Progress | None, begin: float, end: float) -> Progress:
    """Let one of several stages tell its share of the whole, which never goes back where a stage begins anew.

    Parameters
    ----------
    progress : callable, optional
        Who is told of the whole.
    begin, end : float
        Shares of the whole between which the stage lies.
    """
    reached = begin

    def tell(share: float, doing: str) -> None:
        nonlocal reached
        reached = max(reached, begin + (end - begin) * share)
        if progress is not None:
            progress(reached, doing)

    return tell
