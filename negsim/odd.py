"""What is the model, in the order in which readers of agent-based models expect it? The ODD, read off the code.

Overview, design concepts, details (Grimm et al. 2020, JASSS 23(2) 7). What is declared is taken from there:
kinds of entry and their fields from the scenario's tables, moves and stages from the vocabulary, rates, terms,
quantities and parameters from their own declarations. So a term added to the shelf is in the next description.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Final

from pydantic import BaseModel

from negsim.parameters import RATES, Belief, Parameter
from negsim.scenario import (
    Actor,
    Channel,
    Coercion,
    Concession,
    Demand,
    Driver,
    Good,
    Group,
    Need,
    Regard,
    Scenario,
)
from negsim.scenario_files import load_terms
from negsim.state import State
from negsim.terms import QUANTITIES, SHELF, SLOTS, Term
from negsim.vocabulary import (
    BARGAINED_STEPS,
    CHANNEL_STAGES,
    CONCESSION_MOVES,
    CONCESSION_STAGES,
    CONSEQUENCES,
    DEMAND_STAGES,
    JOINT_MOVES,
    SIDE_MOVES,
    TICKS,
)

ENTITIES: Final[tuple[type[BaseModel], ...]] = (
    Actor, Group, Good, Need, Concession, Channel, Demand, Coercion, Regard, Driver,
)  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """A table for a reader.

    Attributes
    ----------
    caption : str
    headings : tuple of str
    rows : tuple of tuple of str
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """A section of the description: a title, paragraphs, tables."""

    title: str
    paragraphs: tuple[str, ...]
    listings: tuple[Listing, ...] = ()


def describe_model(scenario: Scenario | None = None) -> tuple[Part, ...]:
    """Describe the model by the ODD protocol.

    Parameters
    ----------
    scenario : Scenario, optional
        With it, purpose, scales, initialisation, input data and terms are those of the scenario.

    Returns
    -------
    tuple of Part
        The seven elements, in the protocol's order.
    """
    terms = _terms(scenario)
    return (
        _purpose(scenario),
        _entities(scenario),
        _scheduling(),
        _concepts(terms),
        _initialisation(scenario),
        _input(scenario),
        _submodels(terms),
    )


def write_markdown(parts: tuple[Part, ...], level: int = 2) -> str:
    """Write parts as Markdown, their titles as headings of a level."""
    return "\n\n".join(line for part in parts for line in _markdown(part, level)) + "\n"


def _markdown(part: Part, level: int) -> Iterator[str]:
    yield f"{'#' * level} {part.title}"
    yield from part.paragraphs
    for listing in part.listings:
        yield f"**{listing.caption}**"
        rows = [listing.headings, tuple("---" for _ in listing.headings), *listing.rows]
        yield "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _terms(scenario: Scenario | None) -> Mapping[str, Term]:
    if scenario is None:
        return SHELF
    known = load_terms(scenario)
    return known if scenario.terms is None else {name: known[name] for name in scenario.terms}


# -- overview ----------------------------------------------------------------------------------------------------------


def _purpose(scenario: Scenario | None) -> Part:
    general = (
        "To say which theories of bargaining, at which strengths, make a dated history of concessions, talks and blows "
        "probable; to draw other histories under the same rules; and to compare the two. The patterns it is judged by "
        "are the order and the dates of the events of a chronology, each with its window."
    )
    own = () if scenario is None else (f"{scenario.title or scenario.name}. {scenario.description}".strip(),)
    return Part("1. Purpose and patterns", (*own, general))


def _entities(scenario: Scenario | None) -> Part:
    rows = [
        (kind.__name__, name, field.description or "")
        for kind in ENTITIES
        for name, field in kind.model_fields.items()
        if name not in ("label", "basis")
    ]
    stages = (
        ("channel", ", ".join(CHANNEL_STAGES)),
        ("concession", ", ".join(CONCESSION_STAGES)),
        ("demand", ", ".join(DEMAND_STAGES)),
    )
    variables = ", ".join(entry.name for entry in fields(State))
    when = "a calendar of days" if scenario is None else f"{scenario.start} to {scenario.end}"
    tick = f"one of {', '.join(TICKS)}" if scenario is None else f"a {scenario.tick}"
    return Part(
        "2. Entities, state variables and scales",
        (
            "Governments and intermediaries hold concessions that they can give, sit in channels, raise demands, and "
            "can strike. There is no space but the network of who can give what to whom, and who sits where.",
            f"Time is continuous, over {when}; hazards are updated at every move and at every tick ({tick}). "
            f"The state of a run: {variables}.",
        ),
        (
            Listing("What a scenario declares", ("entity", "attribute", "meaning"), tuple(rows)),
            Listing("Stages", ("of a", "stages"), stages),
        ),
    )


def _scheduling() -> Part:
    kinds = tuple((kind, ", ".join(moves)) for kind, moves in CONCESSION_MOVES.items())
    rates = tuple((rate.name, rate.meaning, f"{rate.default:g}") for rate in RATES.values())
    return Part(
        "3. Process overview and scheduling",
        (
            "Each possible move has a hazard, constant between re-evaluations. The next event is the first ring of the "
            "moves' own exponential clocks or the next tick, whichever is sooner. At a move: memories decay to the "
            "moment, the move's effects are applied, what follows from it without a hazard of its own "
            f"({', '.join(CONSEQUENCES)}), then hazards are computed anew. No two moves are simultaneous.",
            f"Joint moves of a channel: {', '.join((*JOINT_MOVES, 'agree'))}. Moves of a side: {', '.join(SIDE_MOVES)}."
            f" Steps of a giver that are weighed like bargains: {', '.join(BARGAINED_STEPS)}.",
        ),
        (
            Listing("Moves of a giver, by kind of concession", ("kind", "moves"), kinds),
            Listing("Rates a year where a scenario gives none", ("move", "what happens", "rate"), rates),
        ),
    )


# -- design concepts ---------------------------------------------------------------------------------------------------


def _concepts(terms: Mapping[str, Term]) -> Part:
    learning = [term.name for term in terms.values() if term.memories]
    concepts = (
        ("Basic principles", "; ".join(term.claim for term in terms.values())),
        ("Emergence", "orders of events, ripeness, spirals of blows, contagion between channels: none is scheduled"),
        ("Adaptation", "hazards follow the state; nobody searches for a best reply"),
        ("Objectives", "utility of packages in log-odds, a reservation, approval by weighted groups at home"),
        ("Learning", f"memories in {', '.join(learning)}" if learning else "none"),
        ("Prediction", "none: nobody looks ahead"),
        ("Sensing", "every actor sees every move when it happens"),
        ("Interaction", "by moves only: accords, deliveries, breaches, blows, and allies' dealings"),
        ("Stochasticity", "all of it in the clocks; each is addressed by seed, block of runs and move"),
        ("Collectives", "sides of channels, groups at home"),
        ("Observation", "the events of each run; chronologies see them through windows and reporting probabilities"),
    )
    return Part("4. Design concepts", (), (Listing("Concepts", ("concept", "here"), concepts),))


# -- details -----------------------------------------------------------------------------------------------------------


def _initialisation(scenario: Scenario | None) -> Part:
    if scenario is None:
        return Part("5. Initialisation", ("As the scenario says; what it does not name is closed, none, dormant.",))
    stages = {**scenario.initial.channels, **scenario.initial.concessions, **scenario.initial.demands}
    rows = tuple((name, stage.replace("_", " ")) for name, stage in stages.items())
    frozen = tuple((name, "frozen") for name in scenario.initial.frozen)
    regards = tuple(
        (f"{regard.holder} of {regard.toward}", f"resentment {regard.resentment:g}") for regard in scenario.regard
    )
    return Part(
        "5. Initialisation",
        (f"On {scenario.start}. What is not named is closed, none, dormant.",),
        (Listing("At the start", ("what", "stands at"), (*rows, *frozen, *regards)),),
    )


def _input(scenario: Scenario | None) -> Part:
    if scenario is None or not scenario.driver:
        return Part(
            "6. Input data", ("Drivers: dated series that multiply needs or shift reservations and thresholds.",)
        )
    rows = tuple(
        (driver.label or name, driver.target, f"{date}", f"{value:g}")
        for name, driver in scenario.driver.items()
        for date, value in zip(driver.dates, driver.values, strict=True)
    )
    return Part("6. Input data", (), (Listing("Drivers", ("driver", "moves", "from", "value"), rows),))


def _submodels(terms: Mapping[str, Term]) -> Part:
    theories = tuple((term.name, term.claim, term.equation, term.source) for term in terms.values())
    numbers = tuple(
        (f"term.{term.name}.{number.name}", number.meaning, _amount(number), _believed(number.belief), number.source)
        for term in terms.values()
        for number in term.parameters
    )
    asked = (*QUANTITIES.items(), *SLOTS.items())
    return Part(
        "7. Submodels",
        (
            "Each term is one theory in one file: it adds to the log of hazards, enters utilities at named places, and "
            "keeps memories. Terms combine by sums and products; one that is switched off contributes nothing.",
        ),
        (
            Listing("Terms", ("term", "claim", "equation", "source"), theories),
            Listing("Their parameters", ("key path", "meaning", "default", "prior", "source"), numbers),
            Listing("Quantities that formulas ask for, and places where they enter", ("name", "meaning"), asked),
        ),
    )


def _amount(number: Parameter) -> str:
    return f"{number.default:g} {number.unit}".strip()


def _believed(belief: Belief) -> str:
    return f"{belief.family}({belief.first:g}, {belief.second:g})"
