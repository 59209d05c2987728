"""What if what were different? A question about a scenario: events removed, banned, forced, delayed; numbers; parts.

A question is data, a TOML file or the same as Python objects, and is checked whole against its scenario at the door.
How each kind of change acts on the clocks is in docs/model.md, section 9: *remove* consumes one ring without effect,
*ban* stops a clock for a time and so postpones, *force* makes a move at a date and leaves its clock alone, *delay* and
*move* are a removal and a forced move.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from negsim.calendar import ZONELESS
from negsim.edtf import FORMS, NotADate, parse_interval
from negsim.moves import Event, find_nearest_address, list_consequences, list_events
from negsim.numbers import match_numbers
from negsim.problems import Problem, describe_value, find_nearest
from negsim.scenario import Number, Positive, Scenario, Table


def _read_text(given: Any) -> Any:
    """A date or a moment that stands in quotes, or that Python gave as a text; anything else as it is."""
    if isinstance(given, str):
        with contextlib.suppress(ValueError):
            return dt.date.fromisoformat(given)
        with contextlib.suppress(ValueError):
            return dt.datetime.fromisoformat(given)
    return given


Day = Annotated[dt.date, BeforeValidator(_read_text)]
Moment = Annotated[dt.datetime | dt.date, BeforeValidator(_read_text)]
IfImpossible = Literal["refuse", "leave"]
Count = Annotated[int, Field(ge=1)]


class Remove(Table):
    """One ring of a move's clock is consumed without effect."""

    move: str
    """The move, kind:actor:channel:subject; `*` stands for anything within a part."""
    nth: Count = 1
    """Which of its occurrences, counted from the beginning of `within`."""
    within: str | None = None
    """When it must fall to count: a day, a month, a year or an interval (default: ever)."""


class Ban(Table):
    """A move cannot be made for a time; its clock stands still, so what was due comes later."""

    move: str
    """The move, kind:actor:channel:subject; `*` stands for anything within a part."""
    from_: Annotated[Day | None, Field(alias="from")] = None
    """First day of the ban (default: the scenario's first)."""
    until: Day | None = None
    """Last day of the ban (default: the scenario's last)."""

    model_config = ConfigDict(populate_by_name=True)


class Force(Table):
    """A move is made at a date, whatever its clock says, and its clock is not touched."""

    move: str
    """The move, kind:actor:channel:subject."""
    date: Moment
    """When: a day (its first moment), or a moment."""
    if_impossible: IfImpossible = "refuse"
    """Where the state does not allow it: refuse the question, or leave such runs as they are and count them."""


class Delay(Table):
    """An occurrence is removed, and the move is made some days later."""

    move: str
    """The move, kind:actor:channel:subject."""
    days: Positive
    """By how much."""
    nth: Count = 1
    """Which of its occurrences, counted from the beginning of `within`."""
    within: str | None = None
    """When it must fall to count (default: ever)."""
    if_impossible: IfImpossible = "refuse"
    """What to do where the state does not allow it by then."""


class Move(Table):
    """An occurrence is removed, and the move is made at another date, earlier or later."""

    move: str
    """The move, kind:actor:channel:subject."""
    to: Moment
    """The other date. The move is made then in every run, whether or not there is an occurrence to remove."""
    nth: Count = 1
    """Which of its occurrences, counted from the beginning of `within`."""
    within: str | None = None
    """When it must fall to count (default: ever)."""
    if_impossible: IfImpossible = "refuse"
    """What to do where the state does not allow it at the other date."""


class NumberChange(Table):
    """A number is another one from a date on."""

    path: str
    """Its key path (`*` stands for one part), or the name of a `[[parameter]]`, which stands for its numbers."""
    value: Number | None = None
    """What it becomes,"""
    multiply: Number | None = None
    """or what it is multiplied by,"""
    add: Number | None = None
    """or what is added to it: one of the three."""
    from_: Annotated[Day | None, Field(alias="from")] = None
    """First day (default: from the start, initial state included)."""
    until: Day | None = None
    """Last day (default: the scenario's last)."""

    model_config = ConfigDict(populate_by_name=True)

    def apply(self, number: Any) -> Any:
        """Change a number, or an array of them."""
        if self.value is not None:
            return number * 0.0 + self.value
        return number * self.multiply if self.multiply is not None else number + self.add

    @model_validator(mode="after")
    def _one_way(self) -> NumberChange:
        if sum(way is not None for way in (self.value, self.multiply, self.add)) != 1:
            raise ValueError("exactly one of value, multiply and add")
        return self


class Watch(Table):
    """An outcome that the answer speaks of first."""

    event: str
    """Kind of event, kind:actor:channel:subject; an empty part or `*` stands for any."""
    label: str
    """What to call it in a sentence, such as `talks between the governments`."""
    by: Day | None = None
    """Only what happens until this day counts (default: the end of the simulation)."""
    from_: Annotated[Day | None, Field(alias="from")] = None
    """Only what happens from this day on counts."""

    model_config = ConfigDict(populate_by_name=True)


class Intervention(Table):
    """A what-if question: what is changed, and what to watch. Without any change it is the null intervention."""

    format: Literal[1] = 1
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """What the question is called."""
    question: str = ""
    """The question in words."""
    reason: str = ""
    """Why it is asked in this way."""
    watch: Annotated[tuple[Watch, ...], Field(strict=False)] = ()
    """Outcomes that the answer speaks of first."""
    drop: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Parts that are not there at all, such as `channel.red_cross`; what cannot be without them goes too."""
    add: dict[str, Any] = {}
    """Tables merged into the scenario: new parts, or other values of old ones (lists are replaced whole)."""
    remove: Annotated[tuple[Remove, ...], Field(strict=False)] = ()
    ban: Annotated[tuple[Ban, ...], Field(strict=False)] = ()
    force: Annotated[tuple[Force, ...], Field(strict=False)] = ()
    delay: Annotated[tuple[Delay, ...], Field(strict=False)] = ()
    move: Annotated[tuple[Move, ...], Field(strict=False)] = ()
    number: Annotated[tuple[NumberChange, ...], Field(strict=False)] = ()

    @property
    def is_null(self) -> bool:
        """Whether nothing is changed."""
        dated = (self.remove, self.ban, self.force, self.delay, self.move, self.number)
        return not (self.drop or self.add or any(dated))

    @property
    def is_structural(self) -> bool:
        """Whether parts of the scenario are added or dropped."""
        return bool(self.drop or self.add)


# -- moves ------------------------------------------------------------------------------------------------------------


def match_moves(pattern: str, events: Sequence[Event]) -> list[int]:
    """Places of the moves that an address means; `*` is anything within a part, colons at its end may be left out.

    Examples
    --------
    >>> from negsim.moves import Event
    >>> moves = [Event("freeze", "A", "B", "", "rice"), Event("freeze", "A", "B", "", "coal")]
    >>> match_moves("freeze:*:*:*", moves), match_moves("freeze:A::coal", moves)
    ([0, 1], [1])
    """
    wanted = pattern.split(":")
    wanted += [""] * (4 - len(wanted))
    return [place for place, event in enumerate(events) if _fits(event.name.split(":"), wanted)]


def match_kind(pattern: str, event: Event) -> bool:
    """Whether an event is of a kind that is watched: an empty part means any; of an accord, an item that it holds.

    Examples
    --------
    >>> from negsim.moves import Event
    >>> accord = Event("agree", "A", "B", "table", "rice+coal", items=("rice", "coal"))
    >>> match_kind("agree::table", accord), match_kind("agree:::coal", accord), match_kind("open", accord)
    (True, True, False)
    """
    kind, actor, channel, subject = [*pattern.split(":"), "", "", ""][:4]
    held = event.items if event.kind == "agree" else (event.subject,)
    pairs = ((kind, event.kind), (actor, event.actor), (channel, event.channel))
    return all(not wanted or fnmatchcase(part, wanted) for wanted, part in pairs) and (
        not subject or any(fnmatchcase(item, subject) for item in (*held, event.subject))
    )


def _fits(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


# -- checks -----------------------------------------------------------------------------------------------------------


def find_misfits(
    intervention: Intervention, before: Scenario, scenario: Scenario, numbers: Mapping[str, float], file: str
) -> list[Problem]:
    """Every place where a question does not fit the scenario (as it is with parts added and dropped).

    Parameters
    ----------
    before : Scenario
        As it is without them: what is watched may be of either.
    numbers : mapping of str to float
        Every number of the scenario by key path.
    file : str
        What to call the question in problems.
    """
    events = list_events(scenario)
    return [
        *_check_moves(intervention, events, file),
        *_check_dates(intervention, scenario, file),
        *_check_numbers(intervention, scenario, numbers, file),
        *_check_watch(intervention, (before, scenario), file),
    ]


def _dated(intervention: Intervention) -> Iterator[tuple[str, Any]]:
    """Every entry with its key."""
    for section in ("remove", "ban", "force", "delay", "move", "number", "watch"):
        for place, entry in enumerate(getattr(intervention, section)):
            yield f"{section}.{place}", entry


def _check_moves(intervention: Intervention, events: list[Event], file: str) -> Iterator[Problem]:
    names = [event.name for event in events]
    for key, entry in _dated(intervention):
        if not hasattr(entry, "move"):
            continue
        found, one = len(match_moves(entry.move, events)), not isinstance(entry, Remove | Ban)
        given = describe_value(entry.move)
        if not found:
            allowed = "a move of the scenario, kind:actor:channel:subject; * stands for anything within a part"
            yield Problem(file, f"{key}.move", given, allowed, find_nearest(entry.move, names))
        elif found > 1 and one:
            yield Problem(file, f"{key}.move", f"{given}, which means {found} moves", "one move: it is to be made")


def _check_dates(intervention: Intervention, scenario: Scenario, file: str) -> Iterator[Problem]:
    period = f"a date from {scenario.start} to {scenario.end}"
    for key, entry in _dated(intervention):
        named = [("from", getattr(entry, "from_", None)), *((n, getattr(entry, n, None)) for n in ("until", "by"))]
        named += [(name, getattr(entry, name, None)) for name in ("date", "to")]
        for name, when in named:
            day = when.date() if isinstance(when, dt.datetime) else when
            if getattr(when, "tzinfo", None) is not None:
                yield Problem(file, f"{key}.{name}", str(when), f"a date or a moment {ZONELESS}")
            if day is not None and not scenario.start <= day <= scenario.end:
                yield Problem(file, f"{key}.{name}", str(when), period)
        first, last = getattr(entry, "from_", None), getattr(entry, "until", None) or getattr(entry, "by", None)
        if first is not None and last is not None and last < first:
            yield Problem(file, f"{key}.until", str(last), f"a date from {first} on, when it begins")
        if within := getattr(entry, "within", None):
            yield from _check_window(within, scenario, f"{key}.within", file)


def _check_window(text: str, scenario: Scenario, key: str, file: str) -> Iterator[Problem]:
    try:
        low, high = parse_interval(text)
    except NotADate as error:
        yield Problem(file, key, f"{describe_value(text)} ({error})", FORMS)
        return
    if (low is not None and low > scenario.end) or (high is not None and high <= scenario.start):
        yield Problem(file, key, describe_value(text), f"a window that touches {scenario.start} to {scenario.end}")


def _check_numbers(
    intervention: Intervention, scenario: Scenario, numbers: Mapping[str, float], file: str
) -> Iterator[Problem]:
    for place, entry in enumerate(intervention.number):
        if not find_paths(entry.path, scenario, numbers):
            allowed = "the key path of a number, such as concession.NAME.cost, or the name of a parameter"
            known = [*(spec.name for spec in scenario.parameter), *numbers]
            yield Problem(
                file, f"number.{place}.path", describe_value(entry.path), allowed, find_nearest(entry.path, known)
            )


def find_paths(path: str, scenario: Scenario, numbers: Mapping[str, float]) -> list[str]:
    """Key paths that a change of numbers means."""
    named = {spec.name: spec.numbers for spec in scenario.parameter}
    return match_numbers(numbers, named.get(path, (path,)))


def _check_watch(intervention: Intervention, arms: Iterable[Scenario], file: str) -> Iterator[Problem]:
    known = [event for arm in arms for event in (*list_events(arm), *list_consequences(arm))]
    for place, entry in enumerate(intervention.watch):
        if not any(match_kind(entry.event, event) for event in known):
            allowed = "a kind of event of the scenario, kind:actor:channel:subject"
            nearest = find_nearest_address(entry.event, known)
            yield Problem(file, f"watch.{place}.event", describe_value(entry.event), allowed, nearest)
