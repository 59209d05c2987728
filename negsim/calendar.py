"""When are the ticks? Dates become days from the start of the scenario, and back."""

from __future__ import annotations

import datetime as dt

import numpy as np

from negsim.state import Array, Floats

ZONELESS = "without a time zone: days are those of the scenario's calendar"


def tick_dates(start: dt.date, end: dt.date, tick: str) -> list[dt.date]:
    """List the dates of the ticks: the start, then each tick after it and up to the last day `end`."""
    if tick == "month":
        months = range(start.year * 12 + start.month, end.year * 12 + end.month)
        return [start, *(dt.date(month // 12, month % 12 + 1, 1) for month in months)]
    step = {"week": 7, "day": 1}[tick]
    return [start + dt.timedelta(days=days) for days in range(0, (end - start).days + 1, step)]


def read_day(name: str, given: dt.date | str | None) -> dt.date | None:
    """Take a day as people give it: a date, a moment of it, or text such as 1999-12-31; nothing stays nothing.

    Raises
    ------
    ValueError
        For what is no day, named as the argument `name`.
    """
    if given is None or (isinstance(given, dt.date) and not isinstance(given, dt.datetime)):
        return given
    try:
        return given.date() if isinstance(given, dt.datetime) else dt.date.fromisoformat(given)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a date such as 1999-12-31, not {given!r}") from None


def day_number(start: dt.date, date: dt.date | dt.datetime) -> float:
    """Days from midnight of the start to a date or a moment.

    Raises
    ------
    ValueError
        For a moment with a time zone.
    """
    if isinstance(date, dt.datetime):
        if date.tzinfo is not None:
            raise ValueError(f"{date}: give a moment {ZONELESS}")
        return (date - dt.datetime.combine(start, dt.time())).total_seconds() / 86400.0
    return float((date - start).days)


def moments(start: dt.date, days: Floats) -> Array:
    """Turn days from the start into moments of numpy, to the second; the last of a day is not rounded to the next."""
    days = np.asarray(days)
    seconds = np.minimum(np.round(days * 86400.0), (np.floor(days) + 1.0) * 86400.0 - 1.0)
    return np.datetime64(start, "s") + seconds.astype("timedelta64[s]")
