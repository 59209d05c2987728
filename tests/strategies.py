"""Which small negotiations should every property hold for?

`scenarios()` draws valid ones that between them touch every part of docs/model.md, fast enough (rates of several a
year, a period of a year or two) that the slow loop of `reference.py` can witness them; `numbers_for()` draws other
numbers for one of them. Below are a few written by hand, small enough to work out on paper.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from negsim.scenario import (
    Actor,
    Alignment,
    Channel,
    Coercion,
    Concession,
    Demand,
    Driver,
    Gate,
    Good,
    Group,
    Initial,
    Need,
    Regard,
    Scenario,
    TermSettings,
)
from negsim.scenario_locks import find_circles
from reference import CONCESSION_KINDS, DEFAULT_RATES, TERM_NUMBERS

CHANNEL_MOVES = ("plan", "open", "meet", "adjourn", "close", "agree", "cancel", "walk_out")
CONSENT_RULES = ("before_signature", "after", "none")
AGGREGATIONS = ("lead", "mean", "veto")
LIVELY_RATES = {
    "plan": 12.0, "open": 40.0, "meet": 50.0, "adjourn": 12.0, "close": 2.0, "agree": 250.0, "cancel": 2.0,
    "walk_out": 1.0, "raise": 6.0, "act": 5.0, "pledge": 4.0, "begin": 40.0, "suspend": 6.0, "stall": 6.0,
    "resume": 12.0, "complete": 6.0, "withdraw": 0.4, "renege": 1.0, "freeze": 0.3, "lift": 12.0,
}  # fmt: skip
SHARES = ("reliability", "credibility", "prior_mean")
"""Numbers that may not pass 1."""

Draw = Any


# -- small pieces ----------------------------------------------------------------------------------------------------
# They are kept once made: hypothesis looks at every new strategy from all sides, and a scenario draws hundreds.


@cache
def decimals(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers of two decimals: they shrink well and read well."""
    return st.integers(round(low * 100), round(high * 100)).map(lambda hundredths: hundredths / 100)


@lru_cache(maxsize=None, typed=True)
def any_of(*choices: Any) -> st.SearchStrategy[Any]:
    """One of a few values."""
    return st.sampled_from(choices)


def some(names: Sequence[str], least: int = 0, most: int | None = None) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of a list of names, in any order."""
    return _some(tuple(names), least, most)


@cache
def _some(names: tuple[str, ...], least: int, most: int | None) -> st.SearchStrategy[tuple[str, ...]]:
    if not names:
        return st.just(())
    bound = len(names) if most is None else min(most, len(names))
    return st.lists(st.sampled_from(names), min_size=min(least, bound), max_size=bound, unique=True).map(tuple)


@cache
@st.composite
def rates(draw: Draw, kinds: tuple[str, ...]) -> dict[str, float]:
    """Rates for most of the kinds of move, high enough for much to happen in a year; some zero, some left out."""
    found = {}
    for kind in kinds:
        how = draw(any_of("lively", "lively", "lively", "lively", "lively", "zero", "default"))
        if how != "default":
            found[kind] = 0.0 if how == "zero" else LIVELY_RATES[kind] * draw(st.integers(4, 12)) / 8
    return found


@st.composite
def days_within(draw: Draw, start: dt.date, end: dt.date) -> dt.date:
    """A day of the period, or a little before or after it."""
    length = (end - start).days
    return start + dt.timedelta(days=draw(st.integers(-20, length + 20)))


# -- parts of a scenario ---------------------------------------------------------------------------------------------


@st.composite
def periods(draw: Draw) -> dict[str, Any]:
    """When it starts and ends, and how finely time is cut."""
    tick = draw(any_of("month", "month", "week", "day"))
    start = dt.date(1995, 1, 1) + dt.timedelta(days=draw(st.integers(0, 1000)))
    shortest, longest = {"month": (200, 600), "week": (100, 300), "day": (20, 50)}[tick]
    return {"start": start, "end": start + dt.timedelta(days=draw(st.integers(shortest, longest))), "tick": tick}


@st.composite
def actors(draw: Draw, states: list[str], concessions: list[str]) -> dict[str, Actor]:
    """States A, B, C; behind some of them an intermediary."""
    group = st.builds(
        Group,
        weight=decimals(0, 2),
        values=st.dictionaries(any_of(*concessions), decimals(-2, 3), max_size=len(concessions)),
    )
    names, found = any_of("press", "party"), {}
    for name in states:
        found[name] = Actor(
            reservation=draw(decimals(-1.5, 0.5)),
            audience=draw(decimals(0, 1.5)),
            alignment=draw(decimals(0, 2)),
            power=draw(decimals(0.2, 3)),
            approval_rate=draw(decimals(5, 60)),
            threshold=draw(decimals(-1, 2)),
            groups=draw(
                st.one_of(
                    st.just({}), st.dictionaries(names, group, min_size=1), st.fixed_dictionaries({"party": group})
                )
            ),
        )
    for name in draw(some(states, most=2)):
        # Numbers of an intermediary are there to be ignored: what counts is its principal's.
        found[f"{name}_society"] = Actor(
            kind="intermediary", answers_to=name, reservation=draw(decimals(-3, 3)), power=draw(decimals(0.2, 3))
        )
    return found


@st.composite
def goods(draw: Draw, states: list[str]) -> dict[str, Good]:
    """Food and fuel, and who lacks them."""
    season = st.lists(decimals(0, 2), min_size=12, max_size=12).map(tuple)
    need = st.builds(
        Need,
        shortfall=decimals(0, 2),
        scale=decimals(1, 20),
        half_life_days=decimals(10, 300),
        supply=decimals(0, 20),
        stock=decimals(0, 10),
        season=st.one_of(st.just((1.0,) * 12), season),
    )
    names = draw(some(["food", "fuel"], least=1))
    return {name: Good(need=draw(st.dictionaries(any_of(*states), need, min_size=1))) for name in names}


@st.composite
def sides(draw: Draw, actor: dict[str, Actor], states: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Two lists of actors whose principals do not meet."""
    order = draw(st.permutations(states))
    cut = draw(st.integers(1, len(states) - 1))
    found = []
    for there in (order[:cut], order[cut:]):
        eligible = [name for name, given in actor.items() if (given.answers_to or name) in there]
        found.append(draw(some(eligible, least=1, most=3)))
    return found[0], found[1]


@st.composite
def gates(draw: Draw, period: dict[str, Any], concessions: list[str]) -> Gate:
    """A condition on opening: soft or hard, now or for ever, on some or all of a few concessions."""
    first, last = draw(days_within(period["start"], period["end"])), draw(days_within(period["start"], period["end"]))
    return Gate(
        items=draw(some(concessions, least=1, most=2)),
        stage=draw(any_of("signed", "promised")),
        need=draw(any_of("all", "any")),
        hard=draw(st.booleans()),
        from_=draw(any_of(None, min(first, last))),
        to=draw(any_of(None, max(first, last) + dt.timedelta(days=1))),
    )


@st.composite
def packages(draw: Draw, agenda: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """A named list of different packages."""
    subsets = draw(st.lists(st.sets(any_of(*agenda), min_size=1), min_size=1, max_size=4, unique_by=frozenset))
    return tuple(tuple(k for k in agenda if k in subset) for subset in subsets)


@st.composite
def channels(
    draw: Draw, actor: dict[str, Actor], seated: tuple[Any, Any], concession: dict[str, Concession], period: Any
) -> Channel:
    """A channel between two sides, its agenda drawn from what they can give."""
    principals = {actor[name].answers_to or name for side in seated for name in side}
    eligible = [k for k, given in concession.items() if (actor[given.giver].answers_to or given.giver) in principals]
    agenda = draw(some(eligible, least=1, most=4))
    brokers = [name for name, given in actor.items() if given.kind == "intermediary"]
    return Channel(
        sides=seated,
        aggregation=(draw(any_of(*AGGREGATIONS)), draw(any_of(*AGGREGATIONS))),
        agenda=agenda,
        max_items=draw(st.integers(1, 3)),
        packages=draw(st.one_of(st.none(), packages(agenda))),
        exposure=draw(decimals(0, 2)),
        reliability=draw(decimals(0, 1)),
        bias=draw(decimals(-1, 1)),
        eta=draw(decimals(0, 3)),
        intermediary=draw(any_of(None, *brokers)),
        consent=(draw(any_of(*CONSENT_RULES)), draw(any_of(*CONSENT_RULES))),
        gates=tuple(draw(st.lists(gates(period, list(concession)), max_size=2))),
        rates=draw(rates(CHANNEL_MOVES)),
    )


@st.composite
def concessions(
    draw: Draw, actor: dict[str, Actor], states: list[str], givers: dict[str, str], good: Any, places: list[str]
) -> dict[str, Concession]:
    """One concession for each name in `givers`, of any kind."""
    found = {}
    for name, giver in givers.items():
        kind = draw(any_of("act", "flow", "restraint", "restraint", "process"))
        others = [state for state in states if state != (actor[giver].answers_to or giver)]
        worth = draw(st.dictionaries(any_of(*others), decimals(-0.5, 3), max_size=2))
        recipient = draw(any_of(None, *others)) if worth else draw(any_of(*others))
        answers = [k for k in givers if _principal(actor, givers[k]) != _principal(actor, giver)]
        found[name] = Concession(
            giver=giver,
            kind=kind,
            recipient=recipient,
            worth=worth,
            cost=draw(decimals(-0.5, 2)),
            care=draw(any_of(0.0, 0.0, 0.7, 2.5)),
            good=draw(any_of(None, *good)),
            quantity=draw(decimals(1, 30)),
            lead_time_days=draw(st.one_of(st.just(0.0), decimals(0, 60))),
            grace_days=draw(decimals(0, 60)),
            duration_days=draw(decimals(5, 100)),
            once=kind == "act" and draw(st.booleans()),
            exposure=draw(decimals(0, 2)),
            irreversibility=draw(decimals(0, 1)),
            unilateral=draw(any_of(True, True, False)),
            freezable=draw(any_of(True, True, False)),
            in_return_for=draw(some(answers, most=2)),
            while_open=draw(any_of(None, *places)) if kind == "restraint" else None,
            rates=draw(rates(CONCESSION_KINDS[kind])),
        )
    return found


def _principal(actor: dict[str, Actor], name: str) -> str:
    return actor[name].answers_to or name


@st.composite
def demands(draw: Draw, channel: dict[str, Channel], names: list[str]) -> Demand:
    """A demand across the table of one of the channels."""
    place = draw(any_of(*channel))
    owner_side = draw(any_of(0, 1))
    return Demand(
        owner=draw(any_of(*channel[place].sides[owner_side])),
        target=draw(any_of(*channel[place].sides[1 - owner_side])),
        channel=place,
        weight=draw(decimals(0, 2)),
        answered_by=draw(some(names, most=2)),
        rates=draw(rates(("raise",))),
    )


@st.composite
def coercions(draw: Draw, actor: dict[str, Actor], states: list[str], concession: dict[str, Concession]) -> Coercion:
    """A coercive act, and the restraints of the same state that it breaks."""
    bound = [given.giver for given in concession.values() if given.kind == "restraint"]
    mover = draw(any_of(*actor, *bound, *bound))
    state = _principal(actor, mover)
    others = [name for name in states if name != state]
    own = [
        k for k, given in concession.items() if given.kind == "restraint" and _principal(actor, given.giver) == state
    ]
    return Coercion(
        actor=mover,
        hits=draw(st.dictionaries(any_of(*others), decimals(0, 0.6), min_size=1)),
        breaks=draw(some(own, least=1)),
        rates=draw(rates(("act",))),
    )


@st.composite
def drivers(draw: Draw, target: str, period: dict[str, Any]) -> Driver:
    """A dated series for a target."""
    dates = draw(st.lists(days_within(period["start"], period["end"]), min_size=1, max_size=3, unique=True))
    low, high = (0.0, 3.0) if target.startswith("good") else (-1.0, 1.0)
    return Driver(
        target=target, dates=tuple(sorted(dates)), values=tuple(draw(decimals(low, high)) for _ in range(len(dates)))
    )


def driver_targets(actors: list[str], good: dict[str, Good]) -> list[str]:
    """Everything that a driver may move (an intermediary's own numbers move nothing)."""
    needs = [f"good.{name}.need.{i}" for name, given in good.items() for i in given.need]
    own = [f"actor.{i}.{number}" for i in actors for number in ("threshold", "reservation")]
    return [f"{need}.{number}" for need in needs for number in ("shortfall", "supply")] + own


@st.composite
def initials(
    draw: Draw, channel: dict[str, Channel], concession: dict[str, Concession], demand: dict[str, Demand]
) -> Initial:
    """Where things stand at the start, nothing contradicting anything else."""
    stages = any_of("closed", "planned", "open", "in_session", "in_session")
    places = {name: draw(stages) for name in channel}
    found = {}
    for name, given in concession.items():
        usual = {
            "act": ("none", "none", "promised"),
            "flow": ("none", "none", "promised", "in_force", "suspended"),
            "process": ("none", "none", "promised", "in_force", "suspended"),
            "restraint": ("none", "promised", "in_force", "in_force"),
        }[given.kind]
        found[name] = draw(any_of(*usual, *(["done"] if given.once else [])))
        if given.while_open is not None and places[given.while_open] in ("closed", "planned"):
            found[name] = "none"
    return Initial(
        channels={name: stage for name, stage in places.items() if stage != "closed"},
        concessions={name: stage for name, stage in found.items() if stage != "none"},
        frozen=draw(
            some([k for k, given in concession.items() if given.freezable and found[k] in ("none", "promised")], most=2)
        ),
        demands={name: draw(any_of("dormant", "raised")) for name in demand},
    )


@st.composite
def terms(draw: Draw) -> dict[str, Any]:
    """Which terms are on, and other numbers for some of them."""
    on = draw(st.one_of(st.none(), st.none(), some(list(TERM_NUMBERS), least=6), some(list(TERM_NUMBERS))))
    settings = {}
    for name in draw(some(list(TERM_NUMBERS) if on is None else list(on), most=3)):
        chosen = draw(some(list(TERM_NUMBERS[name]), least=1, most=2))
        settings[name] = TermSettings(**{key: draw(_near(key, TERM_NUMBERS[name][key])) for key in chosen})
    return {"terms": on, "term": settings}


@cache
def _near(key: str, number: float) -> st.SearchStrategy[float]:
    """A number of the same kind: sign, shares and positive numbers are kept."""
    top = 1.0 if key in SHARES else 10.0 if number == 0 else float("inf")
    if number == 0:
        return decimals(0, 0.5)
    return st.integers(4, 16).map(lambda eighths: min(top, number * eighths / 8))


# -- whole scenarios -------------------------------------------------------------------------------------------------


@st.composite
def scenarios(draw: Draw, max_states: int = 3, max_channels: int = 2, max_concessions: int = 5) -> Scenario:
    """Small valid scenarios that between them touch every part of the model.

    Parameters
    ----------
    max_states : int
        At most this many states (2 or more), each with at most one intermediary.
    max_channels, max_concessions : int
        At most this many (at least 1 channel; at least as many concessions as states).
    """
    states = ["A", "B", "C", "D", "E"][: draw(st.integers(2, max_states))]
    count = draw(st.integers(len(states), max(len(states), max_concessions)))
    names = [f"k{number}" for number in range(1, count + 1)]
    places = ["talks", "society_talks", "summit"][: draw(st.integers(1, max_channels))]
    period = draw(periods())
    actor = draw(actors(states, names))
    good = draw(st.one_of(st.just({}), goods(states)))
    # Each state gives something, so that no channel is without an agenda.
    givers = {k: draw(any_of(*actor)) for k in names}
    for k, state in zip(names, states, strict=False):
        givers[k] = draw(any_of(*[name for name in actor if _principal(actor, name) == state]))
    concession = draw(concessions(actor, states, givers, good, places))
    channel = {c: draw(channels(actor, draw(sides(actor, states)), concession, period)) for c in places}
    demand = {f"d{number}": draw(demands(channel, names)) for number in range(1, 1 + draw(st.integers(0, 2)))}
    tests = [f"x{number}" for number in range(1, 1 + draw(any_of(0, 1, 2, 2)))]
    targets = draw(some(driver_targets(list(actor), good), most=3))
    scenario = Scenario(
        name="drawn",
        **period,
        **draw(terms()),
        actor=actor,
        good=good,
        concession=concession,
        channel=channel,
        demand=demand,
        coercion={x: draw(coercions(actor, states, concession)) for x in tests},
        alignment=draw(alignments(states)),
        regard=draw(regards(states)),
        driver={f"s{number}": draw(drivers(target, period)) for number, target in enumerate(targets)},
        initial=draw(initials(channel, concession, demand)),
    )
    assume(not find_circles(scenario))  # hard gates that wait for each other are refused at the door
    return scenario


def _pairs(states: list[str]) -> list[tuple[str, str]]:
    return [(i, j) for i in states for j in states if i != j]


@st.composite
def alignments(draw: Draw, states: list[str]) -> tuple[Alignment, ...]:
    """Who follows whom, each pair at most once."""
    pairs = draw(st.lists(any_of(*_pairs(states)), max_size=3, unique=True))
    return tuple(Alignment(actor=i, ally=j, weight=draw(decimals(0, 1.5))) for i, j in pairs)


@st.composite
def regards(draw: Draw, states: list[str]) -> tuple[Regard, ...]:
    """How some see others, each pair at most once."""
    pairs = draw(st.lists(any_of(*_pairs(states)), max_size=4, unique=True))
    return tuple(
        Regard(
            holder=i,
            toward=j,
            resentment=draw(decimals(0, 2)),
            credibility=draw(st.one_of(st.none(), decimals(0, 1))),
            shift=draw(decimals(-1, 2)),
        )
        for i, j in pairs
    )


def number_paths(scenario: Scenario) -> dict[str, float]:
    """Every number that an override may change: the scenario's own, its defaulted rates and its terms' numbers."""
    found = {path: number for path, number in scenario.numbers().items() if not path.endswith(".max_items")}
    for c in scenario.channel:
        for kind in CHANNEL_MOVES:
            found.setdefault(f"channel.{c}.rates.{kind}", DEFAULT_RATES[kind])
    for k, concession in scenario.concession.items():
        absent = (() if concession.unilateral else ("pledge",)) + (() if concession.freezable else ("freeze", "lift"))
        for kind in CONCESSION_KINDS[concession.kind]:
            if kind not in absent:
                found.setdefault(f"concession.{k}.rates.{kind}", DEFAULT_RATES[kind])
    for d in scenario.demand:
        found.setdefault(f"demand.{d}.rates.raise", DEFAULT_RATES["raise"])
    for x in scenario.coercion:
        found.setdefault(f"coercion.{x}.rates.act", DEFAULT_RATES["act"])
    for name in TERM_NUMBERS if scenario.terms is None else scenario.terms:
        settings = scenario.term[name].model_extra if name in scenario.term else None
        found |= {f"term.{name}.{key}": value for key, value in (TERM_NUMBERS[name] | (settings or {})).items()}
    return found


@st.composite
def numbers_for(draw: Draw, scenario: Scenario, max_numbers: int = 6) -> dict[str, float]:
    """Other values for a few of a scenario's numbers, by key path. No number changes its sign."""
    paths = number_paths(scenario)
    chosen = draw(some(sorted(paths), most=max_numbers))
    return {path: draw(_near(path.rsplit(".", 1)[-1], paths[path])) for path in chosen}


# -- worlds written by hand ------------------------------------------------------------------------------------------


def pair(**changes: Any) -> Scenario:
    """Two states, one channel, one concession each: A ships food, B visits. Two years of monthly ticks, all terms.

    `changes` replace top-level keys of the scenario.
    """
    base: dict[str, Any] = {
        "name": "pair",
        "start": dt.date(1998, 1, 1),
        "end": dt.date(1999, 12, 31),
        "actor": {"A": Actor(), "B": Actor()},
        "good": {"food": Good(need={"B": Need(scale=10.0)})},
        "concession": {
            "food": Concession(giver="A", kind="flow", worth={"B": 2.0}, cost=0.5, good="food", quantity=12.0),
            "visit": Concession(giver="B", kind="act", worth={"A": 1.5}, cost=0.4),
        },
        "channel": {"talks": Channel(sides=(("A",), ("B",)), agenda=("food", "visit"))},
    }
    return Scenario(**(base | changes))


def two_state_channel(plan: float = 3.0, cancel: float = 1.0, years: int = 2) -> Scenario:
    """A channel that is only ever planned (rate `plan`) and cancelled (each side at rate `cancel`): constant hazards.

    `cancel` is one rate, since both sides' moves share it; the plan is cancelled at twice the rate.
    """
    still = dict.fromkeys(("open", "meet", "adjourn", "close", "agree", "walk_out"), 0.0)
    nothing = dict.fromkeys(CONCESSION_KINDS["act"], 0.0)
    return Scenario(
        name="two_state_channel",
        start=dt.date(1998, 1, 1),
        end=dt.date(1998 + years, 1, 1) - dt.timedelta(days=1),
        terms=(),
        actor={"A": Actor(), "B": Actor()},
        concession={
            "word": Concession(
                giver="A", kind="act", worth={"B": 1.0}, unilateral=False, freezable=False, rates=nothing
            )
        },
        channel={
            "talks": Channel(
                sides=(("A",), ("B",)),
                agenda=("word",),
                consent=("none", "none"),
                rates={"plan": plan, "cancel": cancel, **still},
            )
        },
    )
