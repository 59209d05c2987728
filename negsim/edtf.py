"""What does a vague date mean? Text such as ``1991`` or ``1999-03/1999-04`` becomes the days it may stand for.

A small part of the Extended Date/Time Format (ISO 8601-2): years, months, days, intervals of them, and intervals open
at one end. An interval is read as *some day between*, not as something that lasted.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

Interval = tuple[dt.date | None, dt.date | None]
"""First day that is possible, and the day after the last one; None where nothing is said."""

FORMS: Final = "a day 1998-08-31, a month 1998-08, a year 1991, an interval 1999-03/1999-04, an open one ..1999-12-21"
PRECISIONS: Final = ("day", "month", "year", "window")
"""How finely a source may date what it reports; `window` says no more than that it happened."""

_DATE: Final = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")

_NUMBERED: Final = re.compile(r"(\d{1,4})[-./ ](\d{1,2})[-./ ](\d{1,4})")
_CLOCK: Final = re.compile(r"[T ]\d{1,2}:\d{2}.*$")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class NotADate(ValueError):
    """Text that names no interval of days; the message says why."""


def parse_interval(text: str) -> Interval:
    """Read a date of any precision as the days it may stand for.

    Raises
    ------
    NotADate
        When the text has no known form, names a day that no calendar has, or ends before it begins.

    Examples
    --------
    >>> parse_interval("1998-08")
    (datetime.date(1998, 8, 1), datetime.date(1998, 9, 1))
    >>> parse_interval("..1999-12-21")
    (None, datetime.date(1999, 12, 22))
    """
    first, last = _split(text.strip())
    low = None if first is None else _parse_date(first)[0]
    high = None if last is None else _parse_date(last)[1]
    if low is not None and high is not None and high <= low:
        raise NotADate("it ends before it begins")
    return low, high


def _split(text: str) -> tuple[str | None, str | None]:
    """The two ends of an interval; a single date is both ends, ``..`` none."""
    for mark in ("/", ".."):
        if mark in text:
            first, last = (part.strip() for part in text.split(mark, 1))
            ends = (None if first in ("", "..") else first, None if last in ("", "..") else last)
            if ends == (None, None):
                raise NotADate("an interval needs one end at least")
            return ends
    return text, text


def _parse_date(text: str) -> tuple[dt.date, dt.date]:
    """The first day of a year, month or day, and the day after its last."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise NotADate("a time of day says more than a day" if "T" in text else "no known form")
    year, month, day = (None if part is None else int(part) for part in found.groups())
    assert year is not None
    try:
        if month is None:
            return dt.date(year, 1, 1), dt.date(year + 1, 1, 1)
        if day is None:
            return dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1)
        first = dt.date(year, month, day)
        return first, first + dt.timedelta(days=1)
    except (ValueError, OverflowError):
        raise NotADate("no calendar has this date") from None


def guess_date(text: str) -> str | None:
    """What was probably meant by a date in another form; None where it is anyone's guess, as with 4/5/1978.

    Examples
    --------
    >>> guess_date("19/11/1977"), guess_date("Sept. 1978"), guess_date("March 26, 1979")
    ('1977-11-19', '1978-09', '1979-03-26')
    """
    written = _CLOCK.sub("", text.strip())
    found = _numbers(written) or _words(written)
    if found is None:
        return None
    try:
        _parse_date(found)
    except NotADate:
        return None
    return found


def _numbers(text: str) -> str | None:
    """A day whose month is a number: the year at either end, the month recognised where the day is above 12."""
    found = _NUMBERED.fullmatch(text)
    if found is None:
        return None
    first, second, third = found.groups()
    if len(first) == 4:
        return f"{first}-{int(second):02}-{int(third):02}"
    a, b = int(first), int(second)
    if len(third) != 4 or (a <= 12 and b <= 12 and a != b):
        return None
    day, month = (b, a) if b > 12 else (a, b)
    return f"{third}-{month:02}-{day:02}"


def _words(text: str) -> str | None:
    """A month or a day whose month is written out in English, in any order."""
    words = re.findall(r"[^\W\d_]+|\d+", text)
    months = [_MONTHS.index(word[:3].lower()) + 1 for word in words if word[:3].lower() in _MONTHS]
    years = [word for word in words if word.isdigit() and len(word) == 4]
    days = [int(word) for word in words if word.isdigit() and len(word) <= 2]
    if len(months) != 1 or len(years) != 1 or len(days) > 1:
        return None
    return f"{years[0]}-{months[0]:02}" + "".join(f"-{day:02}" for day in days)


def format_interval(low: dt.date, high: dt.date) -> str:
    """Write the days from `low` up to but not including `high` in the shortest form.

    Examples
    --------
    >>> format_interval(dt.date(1998, 8, 1), dt.date(1998, 9, 1))
    '1998-08'
    >>> format_interval(dt.date(1999, 9, 7), dt.date(1999, 9, 13))
    '1999-09-07/1999-09-12'
    """
    last = high - dt.timedelta(days=1)
    for text in (f"{low.year:04}", f"{low:%Y-%m}", low.isoformat()):
        if _parse_date(text) == (low, high):
            return text
    return f"{low.isoformat()}/{last.isoformat()}"


def coarsen(day: dt.date, precision: str) -> Interval:
    """The interval by which a source of some precision dates a day; open at both ends for ``window``."""
    if precision == "window":
        return None, None
    return _parse_date({"day": day.isoformat(), "month": f"{day:%Y-%m}", "year": f"{day.year:04}"}[precision])
