"""What can be asked of a history? Questions in words, each about one or more kinds of event: whether, when, how often.

A question names events by addresses ``kind:actor:channel:subject`` in which an empty or missing part is any; of an
accord the subject names items that it must hold. A case may ship its own questions, as a CSV file beside it; without
one, every kind of event is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from negsim.compiler import Compiled
from negsim.csv_files import read_rows
from negsim.moves import Event, find_nearest_address
from negsim.problems import Problem, ScenarioError, describe_value, list_names
from negsim.recording import group_events
from negsim.results import Ensemble, ResultError
from negsim.state import Floats, Ints
from negsim.vocabulary import CONSEQUENCES

COLUMNS: Final = ("label", "event")
EITHER: Final = "|"
"""Stands between the addresses of a question that asks for one of several kinds of event."""


@dataclass(frozen=True)
class Question:
    """Whether something happens.

    Attributes
    ----------
    label : str
        What is asked, as a statement: ``Food aid is shipped``.
    addresses : tuple of str
        Kinds of event of which one answers it.
    """

    label: str
    addresses: tuple[str, ...]

    def events(self, known: Sequence[Event]) -> Ints:
        """Find the numbers of the events that answer it."""
        parts = [_split(address) for address in self.addresses]
        return np.array([n for n, event in enumerate(known) if any(_fits(event, part) for part in parts)], dtype=int)


@dataclass(frozen=True, eq=False)
class Answers:
    """What an ensemble says to some questions.

    Attributes
    ----------
    questions : tuple of Question
    first : array, shape (runs, questions)
        Day of the first event that answers each; infinity where none does.
    count : array of int, shape (runs, questions)
        How many do.
    """

    questions: tuple[Question, ...]
    first: Floats
    count: Ints


def case_questions(case: str) -> tuple[Question, ...]:
    """Questions that ship with a case; none where it has no file of them."""
    path = Path(str(resources.files("negsim") / "cases" / f"{case}.questions.csv"))
    return read_questions(path) if path.is_file() else ()


def read_questions(path: Path) -> tuple[Question, ...]:
    """Read questions from a CSV file with the columns ``label`` and ``event``.

    Raises
    ------
    ScenarioError
        When the file or a column is missing, or a row is empty; every mistake with its row.
    """
    rows = read_rows(path, str(path), "a list of questions")
    columns = list(rows[0])
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise ScenarioError([Problem(str(path), "header", list_names(columns), f"a column {name}") for name in missing])
    bad = [n for n, row in enumerate(rows, start=1) if not all((row[name] or "").strip() for name in COLUMNS)]
    if bad:
        raise ScenarioError([Problem(str(path), f"row {n}", "an empty cell", "a label and an event") for n in bad])
    return tuple(Question(row["label"].strip(), _split_either(row["event"])) for row in rows)


def ask_about(compiled: Compiled, events: Iterable[str] = ()) -> tuple[Question, ...]:
    """Put questions about some events: those named by addresses, or else the case's own, or else every kind of event.

    Raises
    ------
    ScenarioError
        For addresses that name no event of the scenario, with the nearest that does.
    """
    asked = tuple(Question(address, _split_either(address)) for address in events)
    found = asked or case_questions(compiled.scenario.name) or _every(compiled)
    require_known(compiled, found)
    return found


def require_known(compiled: Compiled, questions: Sequence[Question], file: str = "<questions>") -> None:
    """Refuse questions about events that the scenario does not have, all at once."""
    known = compiled.labels.events
    problems = []
    for question in questions:
        for address in question.addresses or ("",):
            if not address or not any(_fits(event, _split(address)) for event in known):
                nearest = find_nearest_address(address, known)
                allowed = "an event of the scenario, kind:actor:channel:subject"
                problems.append(Problem(file, question.label, describe_value(address), allowed, nearest))
    if problems:
        raise ScenarioError(problems)


def answer(ensemble: Ensemble, questions: Sequence[Question]) -> Answers:
    """Find in every run when each question is first answered, and how often.

    Raises
    ------
    ResultError
        When events were not recorded.
    """
    if ensemble.columns is None:
        raise ResultError('events were not recorded: simulate with record=("events",)')
    run, event, day = ensemble.columns
    known = ensemble.compiled.labels.events
    first = np.full((ensemble.runs, len(questions)), np.inf)
    count = np.zeros((ensemble.runs, len(questions)), dtype=np.int64)
    for column, question in enumerate(questions):
        here = np.isin(np.arange(len(known)), question.events(known))[event]
        np.minimum.at(first[:, column], run[here], day[here])
        count[:, column] = np.bincount(run[here], minlength=ensemble.runs)
    return Answers(tuple(questions), first, count)


def _every(compiled: Compiled) -> tuple[Question, ...]:
    groups = group_events(compiled)[1]
    addresses = [":".join((kind, actor, channel, subject)) for kind, actor, _, channel, subject in groups]
    shown = [a for a in addresses if a.partition(":")[0] not in CONSEQUENCES]
    return tuple(Question(address, (address,)) for address in shown)


def _split_either(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(EITHER) if part.strip())


def _split(address: str) -> Mapping[str, str]:
    kind, actor, channel, subject, *_ = (*address.split(":"), "", "", "", "")
    return {"kind": kind, "actor": actor, "channel": channel, "subject": subject}


def _fits(event: Event, parts: Mapping[str, str]) -> bool:
    if any(parts[name] and parts[name] != getattr(event, name) for name in ("kind", "actor", "channel")):
        return False
    if event.kind == "agree":
        return {*filter(None, parts["subject"].split("+"))} <= {*event.items}
    return not parts["subject"] or parts["subject"] == event.subject
