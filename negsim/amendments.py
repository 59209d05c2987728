"""What is a scenario without one of its parts, or with others? Parts dropped with what hangs on them, tables merged in.

A channel takes its demands with it, an actor all that it gives, wants, does and answers for; whoever only mentioned
what is gone forgets it. The result passes the same checks as any scenario.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from negsim.problems import Problem, ScenarioError, describe_value, find_nearest, list_names
from negsim.scenario import Scenario
from negsim.scenario_checks import match_paths, number_paths
from negsim.scenario_files import dump_toml, load_terms, parse_scenario
from negsim.vocabulary import DEFAULT_TERMS

SECTIONS: Final = ("actor", "channel", "concession", "demand", "coercion", "driver", "term")
"""Parts that can be dropped."""

Data = dict[str, Any]


@dataclass
class Amendment:
    """A scenario's plain data while parts are taken out of it.

    Attributes
    ----------
    data : dict
        Tables as TOML gives them.
    gone : list of str
        What was dropped, in order: what was asked for and what could not be without it.
    """

    data: Data
    gone: list[str] = field(default_factory=list)

    def table(self, section: str) -> Data:
        """A table of tables; an empty one where the scenario has none."""
        return self.data.get(section) or {}

    def drop(self, section: str, name: str) -> None:
        """Drop a part, and what cannot be without it."""
        if f"{section}.{name}" in self.gone:
            return
        self.gone.append(f"{section}.{name}")
        self.table(section).pop(name, None)
        _FORGET[section](self, name)

    def drop_where(self, section: str, says: Callable[[str, Data], bool]) -> None:
        """Drop every part of a section of which something holds."""
        for name in [name for name, entry in self.table(section).items() if says(name, entry)]:
            self.drop(section, name)


def amend(
    scenario: Scenario, drop: Iterable[str], add: Mapping[str, Any], file: str
) -> tuple[Scenario, tuple[str, ...]]:
    """Drop parts of a scenario, and merge tables into it.

    Parameters
    ----------
    scenario : Scenario
        A scenario that has passed its checks.
    drop : iterable of str
        Parts such as ``channel.red_cross``.
    add : mapping
        Tables to merge: tables into tables, anything else takes the place of what was there.
    file : str
        What to call the amendment in mistakes.

    Returns
    -------
    scenario : Scenario
        The other scenario, checked like any.
    gone : tuple of str
        Everything that was dropped.

    Raises
    ------
    ScenarioError
        With every part that does not exist (and the nearest), and everything wrong with the outcome.
    """
    data = _plain(scenario)
    wanted, problems = _read_drops(data, drop, file)
    if problems:
        raise ScenarioError(problems)
    amendment = Amendment(data)
    for section, name in wanted:
        amendment.drop(section, name)
    _merge(data, add)
    _forget_numbers(scenario, data, file)
    changed = parse_scenario(dump_toml(data), file)
    changed._folder = scenario._folder
    return changed, tuple(amendment.gone)


def _plain(scenario: Scenario) -> Data:
    return dict(_lists(scenario.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True, warnings=False)))


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(inner) for key, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, list | tuple) else value


def _merge(data: Data, tables: Mapping[str, Any]) -> None:
    for key, value in tables.items():
        if isinstance(value, Mapping) and isinstance(data.get(key), dict):
            _merge(data[key], value)
        else:
            data[key] = _lists(value)


def _read_drops(data: Data, drop: Iterable[str], file: str) -> tuple[list[tuple[str, str]], list[Problem]]:
    """Sections and names of what is to be dropped, and what does not exist."""
    wanted, problems = [], []
    known = [f"{section}.{name}" for section in SECTIONS for name in _names(data, section)]
    for place, part in enumerate(drop):
        section, _, name = part.partition(".")
        if part in known:
            wanted.append((section, name))
        else:
            allowed = f"SECTION.NAME of a part that exists; sections: {list_names(SECTIONS)}"
            problems.append(Problem(file, f"drop.{place}", describe_value(part), allowed, find_nearest(part, known)))
    return wanted, problems


def _names(data: Data, section: str) -> Sequence[str]:
    if section == "term":
        return list(data.get("terms") or dict.fromkeys([*DEFAULT_TERMS, *data.get("term", {})]))
    return list(data.get(section) or {})


# -- what hangs on a part ---------------------------------------------------------------------------------------------


def _forget_channel(amendment: Amendment, name: str) -> None:
    amendment.drop_where("demand", lambda _, demand: demand["channel"] == name)
    for concession in amendment.table("concession").values():
        if concession.get("while_open") == name:
            del concession["while_open"]
    _forget_start(amendment, "channels", name)


def _forget_concession(amendment: Amendment, name: str) -> None:
    for channel in amendment.table("channel").values():
        _discard(channel.get("agenda"), name)
        for gate in channel.get("gates", []):
            _discard(gate["items"], name)
        channel["gates"] = [gate for gate in channel.get("gates", []) if gate["items"]]
        if "packages" in channel:
            kept = [tuple(item for item in package if item != name) for package in channel["packages"]]
            channel["packages"] = [list(package) for package in dict.fromkeys(filter(None, kept))]
    amendment.drop_where("channel", lambda _, channel: not channel["agenda"])
    for concession in amendment.table("concession").values():
        _discard(concession.get("in_return_for"), name)
    for demand in amendment.table("demand").values():
        _discard(demand.get("answered_by"), name)
    for act in amendment.table("coercion").values():
        _discard(act.get("breaks"), name)
    for actor in amendment.table("actor").values():
        for group in actor.get("groups", {}).values():
            group.get("values", {}).pop(name, None)
    _forget_start(amendment, "concessions", name)
    _discard(amendment.table("initial").get("frozen"), name)


def _forget_actor(amendment: Amendment, name: str) -> None:
    amendment.drop_where("actor", lambda _, actor: actor.get("answers_to") == name)
    for channel in amendment.table("channel").values():
        for side in channel["sides"]:
            _discard(side, name)
        if channel.get("intermediary") == name:
            del channel["intermediary"]
    amendment.drop_where("channel", lambda _, channel: not all(channel["sides"]))
    for table, key in (("concession", "worth"), ("coercion", "hits"), ("good", "need")):
        for entry in amendment.table(table).values():
            entry.get(key, {}).pop(name, None)
    amendment.drop_where("concession", lambda _, given: name in (given["giver"], given.get("recipient")))
    amendment.drop_where("concession", lambda _, given: not given.get("worth"))
    amendment.drop_where("demand", lambda _, demand: name in (demand["owner"], demand["target"]))
    amendment.drop_where("coercion", lambda _, act: act["actor"] == name or not act["hits"])
    amendment.drop_where("driver", lambda _, driver: name in driver["target"].split("."))
    alignment = amendment.data.get("alignment", [])
    alignment[:] = [entry for entry in alignment if name not in (entry["actor"], entry["ally"])]
    _forget_regards(amendment.data, name)


def _forget_regards(data: Data, name: str) -> None:
    """Take out how an actor regards others and is regarded; the numbers of the others' regards move up."""
    regards = data.get("regard", [])
    kept = [place for place, entry in enumerate(regards) if name not in (entry["holder"], entry["toward"])]
    places = {f"regard.{old}.": f"regard.{new}." for new, old in enumerate(kept)}
    regards[:] = [regards[place] for place in kept]
    for spec in data.get("parameter", []):
        moved = (_move_up(pattern, places) for pattern in spec["numbers"])
        spec["numbers"] = [pattern for pattern in moved if pattern]


def _move_up(pattern: str, places: Mapping[str, str]) -> str:
    section, _, rest = pattern.partition(".")
    place, _, key = rest.partition(".")
    if section != "regard" or place == "*":
        return pattern
    front = places.get(f"regard.{place}.")
    return f"{front}{key}" if front else ""


def _forget_term(amendment: Amendment, name: str) -> None:
    terms = _names(amendment.data, "term")
    amendment.data["terms"] = [term for term in terms if term != name]


def _forget_demand(amendment: Amendment, name: str) -> None:
    _forget_start(amendment, "demands", name)


def _forget_nothing(amendment: Amendment, name: str) -> None:
    """What nothing else mentions."""


_FORGET: Final[dict[str, Callable[[Amendment, str], None]]] = {
    "actor": _forget_actor,
    "channel": _forget_channel,
    "concession": _forget_concession,
    "demand": _forget_demand,
    "coercion": _forget_nothing,
    "driver": _forget_nothing,
    "term": _forget_term,
}


def _forget_start(amendment: Amendment, key: str, name: str) -> None:
    amendment.table("initial").get(key, {}).pop(name, None)


def _discard(names: list[str] | None, name: str) -> None:
    """Take a name out of a list that may not be there."""
    if names is not None:
        names[:] = [other for other in names if other != name]


def _forget_numbers(before: Scenario, data: Data, file: str) -> None:
    """Let parameters forget numbers that are gone; those without any left go themselves."""
    specs = data.pop("parameter", [])
    if not specs:
        return
    rest = parse_scenario(dump_toml(data), file)
    rest._folder = before._folder
    old, new = (number_paths(scenario, load_terms(scenario)) for scenario in (before, rest))
    for spec in specs:
        spec["numbers"] = [p for p in spec["numbers"] if match_paths(p, new) or not match_paths(p, old)]
    kept = [spec for spec in specs if spec["numbers"]]
    if kept:
        data["parameter"] = kept
