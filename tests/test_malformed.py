"""Is every mistake in a scenario told, at its key, in words, and nothing else with it?

Each case plants one mistake in the template, which has none, and expects exactly that one to be told: by the checks
and by the command line, which never shows a traceback.
"""

from __future__ import annotations

import copy
import datetime as dt
import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negsim.cli import main
from negsim.problems import Problem, ScenarioError
from negsim.scenario_files import _examine, check_scenario, dump_toml, load_scenario, parse_scenario

ROOT = Path(__file__).parents[1]
TEMPLATE = (ROOT / "negsim" / "cases" / "template.toml").read_text("utf-8")
VALID = tomllib.loads(TEMPLATE)

Data = dict[str, Any]
Edit = Callable[[Data], None]


def step(data: Any, part: str) -> Any:
    return data[int(part)] if isinstance(data, list) else data.setdefault(part, {})


def put(path: str, value: Any) -> Edit:
    """Write a value at a key path, making tables on the way."""

    def edit(data: Data) -> None:
        *way, last = path.split(".")
        table: Any = data
        for part in way:
            table = step(table, part)
        table[int(last) if isinstance(table, list) else last] = value

    return edit


def add(path: str, value: Any) -> Edit:
    """Append a value to a list."""

    def edit(data: Data) -> None:
        *way, last = path.split(".")
        table: Any = data
        for part in way:
            table = step(table, part)
        table.setdefault(last, []).append(value)

    return edit


def drop(path: str) -> Edit:
    """Remove what stands at a key path."""

    def edit(data: Data) -> None:
        *way, last = path.split(".")
        table: Any = data
        for part in way:
            table = step(table, part)
        del table[int(last) if isinstance(table, list) else last]

    return edit


def both(*edits: Edit) -> Edit:
    def edit(data: Data) -> None:
        for one in edits:
            one(data)

    return edit


def edited(edit: Edit) -> str:
    data = copy.deepcopy(VALID)
    edit(data)
    return dump_toml(data)


def second_channel(**changes: Any) -> Edit:
    """A second channel between the same two, with its own agenda."""
    channel = {"sides": [["Lowland"], ["Upland"]], "agenda": ["prisoners"], **changes}
    return put("channel.border_talks", channel)


def circle_of_gates() -> Edit:
    """Prisoners are agreed only at the border, which waits for the market, agreed only at the river, and so on."""
    return both(
        put("concession.open_market.unilateral", False),
        put("channel.river_talks.agenda", ["open_market", "grain"]),
        put("channel.river_talks.gates", [{"items": ["prisoners"], "hard": True}]),
        second_channel(gates=[{"items": ["open_market"], "hard": True}]),
    )


def many_items(count: int) -> Edit:
    names = [f"step_{number}" for number in range(count)]
    given = {name: {"giver": "Upland", "kind": "act", "worth": {"Lowland": 1.0}} for name in names}
    return both(
        *(put(f"concession.{name}", table) for name, table in given.items()),
        put("channel.river_talks.agenda", names),
    )


@dataclass(frozen=True)
class Mistake:
    """What is planted, and what is to be told of it."""

    edit: Edit
    key: str
    given: str
    allowed: str
    nearest: str | None = None


MISTAKES = {
    # -- wrong types and values ------------------------------------------------------------------------------------
    "text where a number belongs": Mistake(
        put("concession.grain.cost", "high"), "concession.grain.cost", '"high"', "a number"
    ),
    "number where text belongs": Mistake(put("title", 7), "title", "7", "text in quotes"),
    "quoted truth": Mistake(
        put("concession.open_market.once", "yes"), "concession.open_market.once", '"yes"', "true or false"
    ),
    "truth where a number belongs": Mistake(
        put("concession.grain.cost", True), "concession.grain.cost", "true", "a number"
    ),
    "quoted number": Mistake(put("actor.Upland.power", "2"), "actor.Upland.power", '"2"', "a number"),
    "fraction where a count belongs": Mistake(
        put("channel.river_talks.max_items", 2.5), "channel.river_talks.max_items", "2.5", "a whole number"
    ),
    "list where a table belongs": Mistake(
        put("concession.grain", ["Lowland"]), "concession.grain", "a list", "a table"
    ),
    "list where all concessions belong": Mistake(
        both(put("good", []), drop("driver")), "good", "an empty list", "a table"
    ),
    "table where a list belongs": Mistake(put("parameter", {"name": "raids"}), "parameter", "a table (name)", "a list"),
    "text where a list belongs": Mistake(
        put("channel.river_talks.agenda", "grain"), "channel.river_talks.agenda", '"grain"', "a list"
    ),
    "number among names": Mistake(
        add("concession.water.in_return_for", 3), "concession.water.in_return_for.1", "3", "text in quotes"
    ),
    "not a number": Mistake(put("concession.grain.cost", math.nan), "concession.grain.cost", "nan", "a finite number"),
    "infinity": Mistake(
        put("concession.grain.worth.Upland", math.inf), "concession.grain.worth.Upland", "inf", "a finite number"
    ),
    "minus infinity": Mistake(
        put("actor.Upland.reservation", -math.inf), "actor.Upland.reservation", "-inf", "a finite number"
    ),
    "not a number as a rate": Mistake(
        put("coercion.raid.rates.act", math.nan), "coercion.raid.rates.act", "nan", "a finite number"
    ),
    "negative rate": Mistake(put("coercion.raid.rates.act", -0.5), "coercion.raid.rates.act", "-0.5", "at least 0"),
    "negative rate of a channel": Mistake(
        put("channel.river_talks.rates.open", -1), "channel.river_talks.rates.open", "-1", "at least 0"
    ),
    "negative weight": Mistake(
        put("demand.missing_soldiers.weight", -1.0), "demand.missing_soldiers.weight", "-1.0", "at least 0"
    ),
    "power of nothing": Mistake(put("actor.Upland.power", 0.0), "actor.Upland.power", "0.0", "a number above 0"),
    "share above one": Mistake(
        put("channel.river_talks.reliability", 1.5), "channel.river_talks.reliability", "1.5", "at most 1"
    ),
    "huge whole number": Mistake(
        put("concession.grain.quantity", 10**400), "concession.grain.quantity", "more than 60 digits", "a number"
    ),
    "eleven months": Mistake(
        put("good.grain.need.Upland.season", [1.0] * 11),
        "good.grain.need.Upland.season",
        "a list",
        "at least 12 entries",
    ),
    "thirteen months": Mistake(
        put("good.grain.need.Upland.season", [1.0] * 13),
        "good.grain.need.Upland.season",
        "a list",
        "at most 12 entries",
    ),
    "unknown kind": Mistake(
        put("concession.water.kind", "proces"),
        "concession.water.kind",
        '"proces"',
        "'act', 'flow', 'restraint' or 'process'",
        "process",
    ),
    "unknown tick": Mistake(put("tick", "weekly"), "tick", '"weekly"', "'month', 'week' or 'day'", "week"),
    "unknown consent rule": Mistake(
        put("channel.river_talks.consent.0", "before"),
        "channel.river_talks.consent.0",
        '"before"',
        "'before_signature'",
        "before_signature",
    ),
    "unknown format": Mistake(put("format", 2), "format", "2", "1"),
    # -- dates -----------------------------------------------------------------------------------------------------
    "quoted date": Mistake(put("start", "2000-01-01"), "start", '"2000-01-01"', "a date such as"),
    "moment where a day belongs": Mistake(
        put("end", dt.datetime(2009, 12, 31, 12)), "end", "2009-12-31 12:00:00", "a date such as"
    ),
    "year where a date belongs": Mistake(
        put("driver.bad_harvest.dates.0", 2003), "driver.bad_harvest.dates.0", "2003", "a date such as"
    ),
    "end before start": Mistake(put("end", dt.date(1999, 1, 1)), "end", "1999-01-01", "after start (2000-01-01)"),
    "no time at all": Mistake(put("end", dt.date(2000, 1, 1)), "end", "2000-01-01", "after start"),
    "three hundred years": Mistake(put("end", dt.date(2300, 1, 1)), "end", "2300-01-01", "at most 200 years"),
    "gate that ends before it begins": Mistake(
        put("channel.river_talks.gates.0.to", dt.date(2000, 6, 1)),
        "channel.river_talks.gates.0.to",
        "2000-06-01",
        "after from (2001-01-01)",
    ),
    "dates out of order": Mistake(
        put("driver.bad_harvest.dates.1", dt.date(2003, 1, 1)),
        "driver.bad_harvest.dates.1",
        "2003-01-01",
        "after the one before",
    ),
    # -- keys ------------------------------------------------------------------------------------------------------
    "misspelt key": Mistake(
        put("concession.grain.lead_tme_days", 5.0),
        "concession.grain.lead_tme_days",
        "5.0",
        "no key of this name",
        "lead_time_days",
    ),
    "misspelt table": Mistake(put("chanel", {}), "chanel", "an empty table", "no key of this name", "channel"),
    "missing end": Mistake(drop("end"), "end", "nothing", "required: Last day"),
    "missing giver": Mistake(
        drop("concession.grain.giver"), "concession.grain.giver", "nothing", "required: The actor"
    ),
    "missing items of a gate": Mistake(
        drop("channel.river_talks.gates.0.items"), "channel.river_talks.gates.0.items", "nothing", "required"
    ),
    "name with a space": Mistake(put("good.rye flour", {}), 'good."rye flour"', '"rye flour"', "letters, digits and _"),
    "name with an accent": Mistake(put("good.blé", {}), 'good."bl\\u00e9"', '"blé"', "letters, digits and _"),
    "scenario named like a folder": Mistake(put("name", "a/b"), "name", '"a/b"', "letters, digits"),
    # -- names -----------------------------------------------------------------------------------------------------
    "misspelt giver": Mistake(
        put("concession.grain.giver", "Lowlnd"),
        "concession.grain.giver",
        '"Lowlnd"',
        "the name of an actor (Upland, Lowland)",
        "Lowland",
    ),
    "misspelt beneficiary": Mistake(
        put("concession.grain.worth", {"uplnad": 1.0}),
        "concession.grain.worth.uplnad",
        '"uplnad"',
        "the name of a state",
        "Upland",
    ),
    "misspelt member of a side": Mistake(
        put("channel.river_talks.sides.1", ["Uplands"]),
        "channel.river_talks.sides.1.0",
        '"Uplands"',
        "the name of an actor",
        "Upland",
    ),
    "misspelt item of an agenda": Mistake(
        put("channel.river_talks.agenda.0", "grian"),
        "channel.river_talks.agenda.0",
        '"grian"',
        "the name of a concession",
        "grain",
    ),
    "misspelt item of a gate": Mistake(
        put("channel.river_talks.gates.0.items", ["no_raid"]),
        "channel.river_talks.gates.0.items.0",
        '"no_raid"',
        "the name of a concession",
        "no_raids",
    ),
    "misspelt answer": Mistake(
        put("demand.missing_soldiers.answered_by", ["prisoner"]),
        "demand.missing_soldiers.answered_by.0",
        '"prisoner"',
        "the name of a concession",
        "prisoners",
    ),
    "misspelt channel of a demand": Mistake(
        put("demand.missing_soldiers.channel", "river"),
        "demand.missing_soldiers.channel",
        '"river"',
        "the name of a channel (river_talks)",
        "river_talks",
    ),
    "misspelt good": Mistake(
        put("concession.grain.good", "grains"),
        "concession.grain.good",
        '"grains"',
        "the name of a good (grain)",
        "grain",
    ),
    "misspelt channel of a restraint": Mistake(
        put("concession.no_raids.while_open", "river_talk"),
        "concession.no_raids.while_open",
        '"river_talk"',
        "the name of a channel",
        "river_talks",
    ),
    "misspelt return": Mistake(
        put("concession.water.in_return_for", ["grian"]),
        "concession.water.in_return_for.0",
        '"grian"',
        "the name of a concession",
        "grain",
    ),
    "misspelt value of a group": Mistake(
        put("actor.Lowland.groups.farmers.values.watr", 1.0),
        "actor.Lowland.groups.farmers.values.watr",
        '"watr"',
        "the name of a concession",
        "water",
    ),
    "misspelt term": Mistake(
        put("terms", ["ripenes"]), "terms.0", '"ripenes"', "a term that exists (ripeness", "ripeness"
    ),
    "misspelt table of a term": Mistake(
        put("term.resentmnt", {"heat": 1.0}), "term.resentmnt", '"resentmnt"', "a term that exists", "resentment"
    ),
    "misspelt number of a term": Mistake(
        put("term.resentment.haet", 1.0), "term.resentment.haet", '"haet"', "a parameter of the term resentment", "heat"
    ),
    "misspelt start of a channel": Mistake(
        put("initial.channels", {"river_tolks": "open"}),
        "initial.channels.river_tolks",
        '"river_tolks"',
        "the name of a channel",
        "river_talks",
    ),
    "misspelt start of a concession": Mistake(
        put("initial.concessions.waters", "promised"),
        "initial.concessions.waters",
        '"waters"',
        "the name of a concession",
        "water",
    ),
    "misspelt start of a demand": Mistake(
        put("initial.demands", {"soldiers": "raised"}),
        "initial.demands.soldiers",
        '"soldiers"',
        "the name of a demand",
        "missing_soldiers",
    ),
    "misspelt frozen": Mistake(
        put("initial.frozen", ["open_markt"]),
        "initial.frozen.0",
        '"open_markt"',
        "the name of a concession",
        "open_market",
    ),
    "misspelt holder": Mistake(
        put("regard.0.holder", "Lowlamd"), "regard.0.holder", '"Lowlamd"', "the name of a state", "Lowland"
    ),
    "misspelt target of a driver": Mistake(
        put("driver.bad_harvest.target", "good.grain.need.Uplnd.shortfall"),
        "driver.bad_harvest.target",
        "Uplnd",
        "good.G.need.A.shortfall",
        "good.grain.need.Upland.shortfall",
    ),
    "target no driver can move": Mistake(
        put("driver.bad_harvest.target", "actor.Upland.power"),
        "driver.bad_harvest.target",
        '"actor.Upland.power"',
        "actor.A.threshold or actor.A.reservation",
        "actor.Upland.reservation",
    ),
    "misspelt number of a parameter": Mistake(
        put("parameter.0.numbers", ["coercion.raids.rates.act"]),
        "parameter.0.numbers.0",
        '"coercion.raids.rates.act"',
        "the key path of a number",
        "coercion.raid.rates.act",
    ),
    "pattern that matches nothing": Mistake(
        put("parameter.1.numbers", ["concession.*.costs"]),
        "parameter.1.numbers.0",
        '"concession.*.costs"',
        "* stands for any one part",
        "concession.*.cost",
    ),
    "misspelt move": Mistake(
        put("channel.river_talks.rates.walkout", 1.0),
        "channel.river_talks.rates.walkout",
        '"walkout"',
        "a move of a channel (plan",
        "walk_out",
    ),
    "move of another kind": Mistake(
        put("concession.no_raids.rates.suspend", 1.0),
        "concession.no_raids.rates.suspend",
        '"suspend"',
        'kind "restraint" (pledge, begin, withdraw',
    ),
    "move a demand does not have": Mistake(
        put("demand.missing_soldiers.rates.drop", 1.0),
        "demand.missing_soldiers.rates.drop",
        '"drop"',
        "a move of a demand (raise)",
    ),
    "move an act does not have": Mistake(
        put("coercion.raid.rates.raid", 1.0), "coercion.raid.rates.raid", '"raid"', "a move of a coercive act (act)"
    ),
    "approval given a rate of its own": Mistake(
        put("channel.river_talks.rates.approve", 1.0),
        "channel.river_talks.rates.approve",
        '"approve"',
        "a move of a channel",
    ),
    # -- who may do what to whom -----------------------------------------------------------------------------------
    "lonely actor": Mistake(
        lambda data: data.update(name="lonely", **only_one_actor()), "actor", "a table (Upland)", "at least 2 entries"
    ),
    "intermediary that answers to nobody": Mistake(
        put("actor.Envoy.kind", "intermediary"),
        "actor.Envoy.answers_to",
        "nothing",
        "; whoever mediates between others is a state",
    ),
    "intermediary that answers to a typo": Mistake(
        put("actor.Envoy", {"kind": "intermediary", "answers_to": "Uplan"}),
        "actor.Envoy.answers_to",
        '"Uplan"',
        "the name of a state",
        "Upland",
    ),
    "state that answers to another": Mistake(
        put("actor.Highland.answers_to", "Upland"), "actor.Highland.answers_to", '"Upland"', "nothing for a state"
    ),
    "intermediary as beneficiary": Mistake(
        both(
            put("actor.Envoy", {"kind": "intermediary", "answers_to": "Upland"}),
            put("concession.grain.recipient", "Envoy"),
        ),
        "concession.grain.recipient",
        '"Envoy"',
        "the name of a state (Upland, Lowland)",
        "Upland",
    ),
    "gift to oneself": Mistake(
        put("concession.grain.worth.Lowland", 1.0),
        "concession.grain.worth.Lowland",
        '"Lowland"',
        "another state than its giver's",
    ),
    "gift to nobody": Mistake(
        drop("concession.open_market.worth"),
        "concession.open_market.worth",
        "nothing",
        "at least one state, or a recipient",
    ),
    "answer to oneself": Mistake(
        put("concession.grain.in_return_for", ["open_market"]),
        "concession.grain.in_return_for.0",
        '"open_market"',
        "a concession of another state",
    ),
    "flow done once": Mistake(
        put("concession.grain.once", True), "concession.grain.once", "true", 'only a concession of kind "act"'
    ),
    "flow while a channel is open": Mistake(
        put("concession.grain.while_open", "river_talks"),
        "concession.grain.while_open",
        '"river_talks"',
        'only a concession of kind "restraint"',
    ),
    "one state on both sides": Mistake(
        both(
            put("actor.Envoy", {"kind": "intermediary", "answers_to": "Lowland"}),
            put("channel.river_talks.sides.1", ["Upland", "Envoy"]),
        ),
        "channel.river_talks.sides",
        "a list",
        "without a state in common (here: Lowland)",
    ),
    "empty side": Mistake(
        second_channel(sides=[["Upland"], []]), "channel.border_talks.sides.1", "an empty list", "at least one actor"
    ),
    "one side": Mistake(
        second_channel(sides=[["Upland"]]), "channel.border_talks.sides", "a list", "at least 2 entries"
    ),
    "actor seated twice": Mistake(
        put("channel.river_talks.sides.1", ["Upland", "Upland"]),
        "channel.river_talks.sides.1.1",
        '"Upland"',
        "each name once",
    ),
    "empty agenda": Mistake(
        put("channel.river_talks.agenda", []), "channel.river_talks.agenda", "an empty list", "at least 1 entry"
    ),
    "item listed twice": Mistake(
        add("channel.river_talks.agenda", "grain"), "channel.river_talks.agenda.5", '"grain"', "each name once"
    ),
    "item of someone who is not there": Mistake(
        both(put("actor.Highland", {}), put("concession.grain.giver", "Highland")),
        "channel.river_talks.agenda.0",
        '"grain"',
        "given by Highland",
    ),
    "demand of someone who is not there": Mistake(
        both(put("actor.Highland", {}), put("demand.missing_soldiers.owner", "Highland")),
        "demand.missing_soldiers.owner",
        '"Highland"',
        "an actor that sits in river_talks",
    ),
    "demand to one's own side": Mistake(
        put("demand.missing_soldiers.target", "Lowland"),
        "demand.missing_soldiers.target",
        '"Lowland"',
        "on the other side of river_talks",
    ),
    "act that hits nobody": Mistake(
        put("coercion.raid.hits", {}), "coercion.raid.hits", "an empty table", "at least one state"
    ),
    "act that hits its actor": Mistake(
        put("coercion.raid.hits.Upland", 1.0), "coercion.raid.hits.Upland", '"Upland"', "another state than its actor's"
    ),
    "act that breaks what is no restraint": Mistake(
        put("coercion.raid.breaks", ["water"]),
        "coercion.raid.breaks.0",
        '"water"',
        "a restraint of the same state (no_raids)",
    ),
    "regard of oneself": Mistake(
        put("regard.0.toward", "Lowland"), "regard.0.toward", '"Lowland"', "another state than its holder"
    ),
    "regard told twice": Mistake(
        add("regard", {"holder": "Lowland", "toward": "Upland"}),
        "regard.1",
        "Lowland and Upland again",
        "each pair once",
    ),
    "ally of oneself": Mistake(
        add("alignment", {"actor": "Upland", "ally": "Upland", "weight": 1.0}),
        "alignment.0.ally",
        '"Upland"',
        "another state than its actor",
    ),
    # -- packages and gates ----------------------------------------------------------------------------------------
    "no packages at all": Mistake(
        put("channel.river_talks.packages", []), "channel.river_talks.packages", "an empty list", "at least one package"
    ),
    "empty package": Mistake(
        put("channel.river_talks.packages", [["grain"], []]),
        "channel.river_talks.packages.1",
        "an empty list",
        "at least one item",
    ),
    "package beyond the agenda": Mistake(
        put("channel.river_talks.packages", [["grain", "wter"]]),
        "channel.river_talks.packages.0.1",
        '"wter"',
        "an item of the agenda",
        "water",
    ),
    "package listed twice": Mistake(
        put("channel.river_talks.packages", [["grain", "water"], ["water", "grain"]]),
        "channel.river_talks.packages.1",
        "a list",
        "not listed already",
    ),
    "item twice in a package": Mistake(
        put("channel.river_talks.packages", [["grain", "grain"]]),
        "channel.river_talks.packages.0.1",
        '"grain"',
        "each name once",
    ),
    "too many packages": Mistake(
        both(many_items(12), put("channel.river_talks.max_items", 4)),
        "channel.river_talks.max_items",
        "793 packages",
        "max_items = 2 makes 78",
    ),
    "too many items": Mistake(
        both(many_items(17), put("channel.river_talks.max_items", 2)),
        "channel.river_talks.agenda",
        "a list",
        "at most 16 items (here 17)",
    ),
    "circle of gates": Mistake(
        circle_of_gates(),
        "channel.river_talks.gates",
        "a circle of gates (river_talks waits for prisoners, to be had only in border_talks; border_talks waits",
        "can be met",
    ),
    "gate on what it gates": Mistake(
        put("channel.river_talks.gates", [{"items": ["prisoners"], "hard": True}]),
        "channel.river_talks.gates",
        "river_talks waits for prisoners",
        "can be met",
    ),
    # -- drivers, the start, terms and parameters ------------------------------------------------------------------
    "more dates than values": Mistake(
        put("driver.bad_harvest.values", [1.8]),
        "driver.bad_harvest.values",
        "1 values for 2 dates",
        "as many values as dates",
    ),
    "negative multiplier": Mistake(
        put("driver.bad_harvest.values.0", -1.0), "driver.bad_harvest.values.0", "-1.0", "at least 0"
    ),
    "act in force at the start": Mistake(
        put("initial.concessions.prisoners", "in_force"),
        "initial.concessions.prisoners",
        '"in_force"',
        "an act without once = true can be: none, promised",
    ),
    "flow done at the start": Mistake(
        put("initial.concessions.grain", "done"), "initial.concessions.grain", '"done"', "a flow can be"
    ),
    "restraint suspended at the start": Mistake(
        put("initial.concessions.no_raids", "suspended"),
        "initial.concessions.no_raids",
        '"suspended"',
        "a restraint can be: none, promised, in_force",
    ),
    "restraint in force without its channel": Mistake(
        put("initial.concessions.no_raids", "in_force"),
        "initial.concessions.no_raids",
        '"in_force"',
        "only if initial.channels.river_talks is open",
    ),
    "stage that no start can have": Mistake(
        put("initial.concessions.water", "tabled"), "initial.concessions.water", '"tabled"', "'none', 'promised'"
    ),
    "frozen though it cannot be": Mistake(
        put("concession.open_market.freezable", False), "initial.frozen.0", '"open_market"', "freezable = true"
    ),
    "term switched on twice": Mistake(
        put("terms", ["ripeness", "ripeness"]), "terms.1", '"ripeness"', "each name once"
    ),
    "text as a number of a term": Mistake(
        put("term.resentment.heat", "hot"), "term.resentment.heat", '"hot"', "a number"
    ),
    "infinite number of a term": Mistake(
        put("term.resentment.heat", math.inf), "term.resentment.heat", "inf", "a finite number"
    ),
    "term file that is not there": Mistake(
        put("term.pride.file", "pride.py"), "term.pride.file", "pride.py", "a file that exists"
    ),
    "term file of another sort": Mistake(
        put("term.pride.file", "pride.txt"), "term.pride.file", "pride.txt", "a Python file"
    ),
    "file for a shipped term": Mistake(
        put("term.season.file", "season.py"), "term.season.file", "season.py", "a shipped term"
    ),
    "parameter named twice": Mistake(put("parameter.1.name", "raids"), "parameter.1.name", '"raids"', "each name once"),
    "unknown family of priors": Mistake(
        put("parameter.0.prior.family", "lognormall"),
        "parameter.0.prior.family",
        '"lognormall"',
        "'lognormal'",
        "lognormal",
    ),
    "prior without its median": Mistake(
        drop("parameter.0.prior.median"), "parameter.0.prior.median", "nothing", "a lognormal prior has median and sd"
    ),
    "prior with a stranger's number": Mistake(
        put("parameter.0.prior.mean", 1.0), "parameter.0.prior.mean", "1.0", "a lognormal prior has median and sd"
    ),
    "uniform prior upside down": Mistake(
        put("parameter.1.prior.low", 3.0), "parameter.1.prior.high", "2.0", "above low (3)"
    ),
    "prior with a negative spread": Mistake(
        put("parameter.0.prior.sd", -1.0), "parameter.0.prior.sd", "-1.0", "above 0"
    ),
}


def only_one_actor() -> Data:
    """Everything that names the other actor is emptied too, so that one mistake is left."""
    emptied: Data = {key: {} for key in ("concession", "channel", "demand", "coercion", "driver", "initial", "term")}
    return {**emptied, "actor": {"Upland": {}}, "regard": [], "parameter": []}


@pytest.fixture
def tell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str | bytes], tuple[Problem, ...]]:
    """Write a file, hold what the command line tells of it against what the checks find, and hand that back."""

    def tell_problems(content: str | bytes) -> tuple[Problem, ...]:
        file = tmp_path / "case.toml"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        problems = check_scenario(file)
        assert main(["check", str(file)]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == f"negsim: {ScenarioError(problems)}\n"
        assert "Traceback" not in said.err
        assert main(["run", str(file), "--runs", "1"]) == 2
        assert "Traceback" not in capsys.readouterr().err
        return problems

    return tell_problems


def test_the_template_has_no_mistake(tmp_path):
    file = tmp_path / "case.toml"
    file.write_text(dump_toml(VALID))
    assert check_scenario(file) == ()
    assert main(["check", str(file)]) == 0


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_one_mistake_is_told_at_its_key_in_words_and_nothing_else(mistake, tell, tmp_path):
    problems = tell(edited(mistake.edit))
    assert [problem.key for problem in problems] == [mistake.key]
    (problem,) = problems
    assert problem.file == str(tmp_path / "case.toml")
    assert mistake.given in problem.given
    assert mistake.allowed in problem.allowed
    assert problem.nearest == mistake.nearest
    assert len(str(problem)) < 1000


# -- files that are not even TOML, or not even files -------------------------------------------------------------


@dataclass(frozen=True)
class Broken:
    """A file's content, and what is to be told of it."""

    content: str | bytes
    key: str
    given: str
    allowed: str


FIRST_LINES = TEMPLATE.count("\n")

BROKEN = {
    "empty file": Broken("", "", "an empty file", "name, start, end and two actors"),
    "blank file": Broken("\n  \n", "", "an empty file", "name, start, end and two actors"),
    "nothing but comments": Broken("# to be written\n", "", "nothing but comments", "negsim new"),
    "binary file": Broken(bytes(range(256)) * 10, "", "no text in UTF-8 (first at byte 128)", "UTF-8"),
    "latin-1 text": Broken('title = "blé"'.encode("latin-1"), "", "no text in UTF-8 (first at byte 11)", "UTF-8"),
    "utf-16 text": Broken(TEMPLATE.encode("utf-16"), "", "text in UTF-16", "a text file in UTF-8"),
    "nul bytes": Broken(b"\0" * 64, "line 1, column 1", '"\\u0000', "valid TOML"),
    "no TOML": Broken("start: 2000-01-01\n", "line 1, column 6", '"start: 2000-01-01"', "valid TOML: Expected '='"),
    "unclosed text": Broken(
        'title = "Two neighbours\n', "line 1, column 24", "Two neighbours", "valid TOML: Illegal character"
    ),
    "unclosed list": Broken("a = [1,\n", "end of the file", "nothing", "valid TOML: Invalid value"),
    "day that no calendar has": Broken(
        "start = 1999-02-30\n", "line 1, column 9", '"start = 1999-02-30"', "valid TOML: Invalid date"
    ),
    "key written twice": Broken(
        f'{TEMPLATE}\n[concession.mill]\ngiver = "Upland"\ngiver = "Lowland"\n',
        f"line {FIRST_LINES + 4}, column 18",
        '"giver = \\"Lowland\\""',
        "valid TOML: Cannot overwrite a value",
    ),
    "concession declared twice": Broken(
        f"{TEMPLATE}\n[concession.grain]\n",
        f"line {FIRST_LINES + 2}, column 18",
        '"[concession.grain]"',
        "valid TOML: Cannot declare",
    ),
    "lists nested a hundred thousand deep": Broken(
        "a = " + "[" * 100_000, "", "nested hundreds deep", "tables at most five deep"
    ),
    "number of ten thousand digits": Broken("a = " + "9" * 10_000, "", "a value that cannot be read", "below 1e308"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_a_file_that_cannot_be_read_is_told_once_with_its_place(broken, tell):
    (problem,) = tell(broken.content)
    assert problem.key == broken.key
    assert broken.given in problem.given
    assert broken.allowed in problem.allowed


def test_tables_nested_deep_are_told_as_an_unknown_key(tell):
    (problem,) = tell(f"{TEMPLATE}\n[{'.'.join('a' * 400)}]\n")
    assert (problem.key, problem.given) == ("a", "a table (a)")
    assert problem.allowed.startswith("no key of this name")


def test_control_characters_in_keys_are_not_printed_raw(tell):
    (problem,) = tell(f'"\\u001b[31mred" = 1\n{TEMPLATE}')
    assert problem.key == '"\\u001b[31mred"'
    assert "\x1b" not in str(problem)


def test_a_file_of_a_hundred_megabytes_is_refused_before_it_is_read(tmp_path, monkeypatch):
    file = tmp_path / "large.toml"
    with file.open("wb") as sparse:
        sparse.truncate(100_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read"))
    (problem,) = check_scenario(file)
    assert problem == Problem(str(file), "", "a file of 100.0 MB", "a scenario file of at most 5 MB")


def test_a_folder_is_no_scenario(tmp_path):
    (problem,) = check_scenario(tmp_path)
    assert (problem.given, problem.allowed) == ("a directory", "a scenario file (TOML)")


def test_a_file_that_is_not_there_names_its_nearest_neighbour(tmp_path):
    (tmp_path / "talks.toml").write_text(TEMPLATE)
    (problem,) = check_scenario(tmp_path / "tolks.toml")
    assert (problem.given, problem.nearest) == ("no such file", "talks.toml")


def test_a_file_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    file = tmp_path / "case.toml"
    file.write_text(TEMPLATE)

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (problem,) = check_scenario(file)
    assert problem.given == "a file that cannot be read (Permission denied)"


def test_an_unknown_case_names_those_that_exist_and_the_nearest():
    (problem,) = check_scenario("beijing-1998")
    assert problem.given == '"beijing-1998"'
    assert "beijing-1999" in problem.allowed
    assert problem.nearest == "beijing-1999"


def test_a_byte_order_mark_does_no_harm(tmp_path):
    file = tmp_path / "case.toml"
    file.write_bytes(b"\xef\xbb\xbf" + TEMPLATE.encode())
    assert load_scenario(file) == parse_scenario(TEMPLATE)


def test_of_a_file_with_thousands_of_mistakes_the_first_thousand_are_told(tell):
    rows = "".join(f"key_{number} = {number}\n" for number in range(20_000))
    problems = tell(f"{rows}[actor.Upland]\n[actor.Lowland]\n")
    assert len(problems) == 1001
    assert problems[-1].given == "more than 1000 mistakes"


# -- many mistakes -----------------------------------------------------------------------------------------------

TEN = {
    "concession.grain.giver": put("concession.grain.giver", "Lowlnd"),
    "concession.grain.cost": put("concession.grain.cost", "high"),
    "concession.water.kind": put("concession.water.kind", "proces"),
    "concession.water.in_return_for.0": put("concession.water.in_return_for", ["grian"]),
    "channel.river_talks.gates.0.items.0": put("channel.river_talks.gates.0.items", ["no_raid"]),
    "channel.river_talks.max_item": put("channel.river_talks.max_item", 3),
    "coercion.raid.rates.act": put("coercion.raid.rates.act", -1.0),
    "demand.missing_soldiers.channel": put("demand.missing_soldiers.channel", "river"),
    "term.resentment.haet": put("term.resentment.haet", 1.0),
    "end": put("end", dt.date(1999, 1, 1)),
}


def test_ten_mistakes_are_told_together_misshapen_values_beside_unknown_names(tell):
    problems = tell(edited(both(*TEN.values())))
    assert sorted(problem.key for problem in problems) == sorted(TEN)
    assert str(ScenarioError(problems)).startswith("10 mistakes:\n")


def test_a_table_that_cannot_be_read_is_not_reported_again_where_it_is_named(tell):
    (problem,) = tell(edited(put("concession.grain", 5)))
    assert problem.key == "concession.grain"


def test_unknown_words_that_resemble_nothing_get_no_hint(tell):
    (problem,) = tell(edited(put("concession.grain.giver", "Zzzz")))
    assert problem.nearest is None
    assert "did you mean" not in str(problem)


# -- gates that look like a circle and are none ------------------------------------------------------------------

OPEN_CIRCLES = {
    "a soft gate": put("channel.border_talks.gates.0.hard", False),
    "an item that can be pledged alone": put("concession.open_market.unilateral", True),
    "an item that is promised at the start": put("initial.concessions.open_market", "promised"),
    "a channel that is open at the start": put("initial.channels.river_talks", "open"),
    "a gate that ends": put("channel.river_talks.gates.0.to", dt.date(2005, 1, 1)),
    "a gate that begins later": put("channel.border_talks.gates.0.from", dt.date(2005, 1, 1)),
    "a third channel that breaks it": put(
        "channel.market_talks", {"sides": [["Lowland"], ["Upland"]], "agenda": ["open_market"]}
    ),
    "any other item": both(
        put("channel.border_talks.gates.0.items", ["open_market", "grain"]),
        put("channel.border_talks.gates.0.need", "any"),
    ),
}


@pytest.mark.parametrize("way_out", OPEN_CIRCLES.values(), ids=OPEN_CIRCLES.keys())
def test_a_circle_of_gates_with_a_way_out_is_no_mistake(way_out):
    parse_scenario(edited(both(circle_of_gates(), way_out)))


def test_two_separate_circles_are_two_mistakes(tell):
    upland, lowland = {"giver": "Upland", "kind": "act", "unilateral": False}, ["Lowland"]
    aside = both(
        *(put(f"concession.aside_{n}", {**upland, "worth": {"Lowland": 1.0}}) for n in (1, 2)),
        *(
            put(
                f"channel.aside_{n}",
                {
                    "sides": [["Upland"], lowland],
                    "agenda": [f"aside_{n}"],
                    "gates": [{"items": [f"aside_{3 - n}"], "hard": True}],
                },
            )
            for n in (1, 2)
        ),
    )
    problems = tell(edited(both(circle_of_gates(), aside)))
    assert [problem.key for problem in problems] == ["channel.river_talks.gates", "channel.aside_1.gates"]


# -- whatever is written -----------------------------------------------------------------------------------------


def paths_in(data: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every key path in plain data, tables and lists included."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    inner = [found for key, value in items for found in paths_in(value, (*path, str(key)))]
    return [path, *inner] if path else inner


PATHS = paths_in(VALID)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.datetimes()
    | st.text(max_size=5)
    | st.sampled_from(["Upland", "Lowland", "grain", "water", "river_talks", "in_force", "act", "state", "Envoy"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Upland", "grain", "kind", "items", "rates", "x y", "Envoy", "gates", "hits"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@given(st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(["put", "drop"]), ANYTHING), min_size=1, max_size=6))
def test_whatever_is_written_is_told_or_loads_and_never_crashes(changes):
    data = copy.deepcopy(VALID)
    for path, how, value in changes:
        try:
            (drop(".".join(path)) if how == "drop" else put(".".join(path), value))(data)
        except (KeyError, IndexError, AttributeError, TypeError, ValueError):
            continue  # an earlier change has taken away the table
    _, problems = _examine(data, "case.toml", None, run_files=True)
    for problem in problems:
        assert problem.key
        assert problem.allowed
    assert len({(problem.key, problem.given, problem.allowed) for problem in problems}) == len(problems)


@given(st.integers(0, len(TEMPLATE)), st.integers(0, 40), st.text(max_size=5))
def test_whatever_is_cut_out_or_written_in_the_text_is_told_or_loads(place, length, text):
    broken = TEMPLATE[:place] + text + TEMPLATE[place + length :]
    for problem in mistakes_in(broken):
        assert str(problem).startswith("<text>: ")


def mistakes_in(text: str) -> tuple[Problem, ...]:
    try:
        parse_scenario(text)
    except ScenarioError as error:
        return error.problems
    return ()
