"""What is a negotiation? The data a person writes, as frozen objects.

A :class:`Scenario` is the same thing as its TOML file (see :mod:`negsim.scenario_files`). Every number in it has a
*key path* such as ``concession.food_aid.cost`` or ``channel.official.rates.open``; parameters, sweeps, sliders and
``--set`` all use these paths. Fields that hold no number the kernel reads (labels, notes, sources) are for people.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PrivateAttr, StringConstraints


def _plain_zero(number: float) -> float:
    """Write -0.0 as 0.0, so that what is equal also reads and digests the same."""
    return number + 0.0


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Names = Annotated[tuple[Name, ...], Field(strict=False)]
Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_plain_zero)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_plain_zero)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), AfterValidator(_plain_zero)]
Basis = Annotated[dict[str, str], Field(description="For each number of this table: its source row, or `judgement`.")]

FAR: Final = 4.75
"""Standard deviations from its mean beyond which a normal number comes once in a million times on either side."""


class Table(BaseModel):
    """A table of a scenario: frozen, nothing but declared keys, no silent conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)


class Group(Table):
    """A domestic group whose consent matters when an accord comes home."""

    label: str = ""
    weight: NonNegative = 1.0
    """Weight of the group in its actor's approval."""
    values: dict[Name, Number] = {}
    """What the group thinks each concession is worth, in utility."""
    basis: Basis = {}


class Actor(Table):
    """A government, or an intermediary that answers to one."""

    label: str = ""
    kind: Literal["state", "intermediary"] = "state"
    """A state decides for itself; an intermediary negotiates and answers to a state."""
    answers_to: Name | None = None
    """The state an intermediary answers to (required for an intermediary, forbidden for a state)."""
    reservation: Number = 0.0
    """Utility below which the actor would rather not agree."""
    audience: NonNegative = 0.5
    """Audience costs: how strongly resentment at home raises the price of giving."""
    alignment: NonNegative = 1.0
    """How much allies' dealings ease the actor's own (multiplies the alignment weights)."""
    power: Positive = 1.0
    """Bargaining power: side 1's share of the Nash product is power1 / (power1 + power2)."""
    approval_rate: NonNegative = 12.0
    """Decisions at home per year while an accord waits for one."""
    threshold: Number = 0.0
    """What the groups' weighted value of an accord must pass for approval to be likelier than not."""
    groups: dict[Name, Group] = {}
    """Domestic groups that an accord must satisfy (without any, it is always approved)."""
    basis: Basis = {}


class Need(Table):
    """How much one beneficiary lacks a good."""

    shortfall: NonNegative = 1.0
    """Need when nothing is in stock and the season is average."""
    scale: Positive = 1.0
    """Stock at which need has fallen to 1/e, in units of the good."""
    half_life_days: Positive = 180.0
    """Half-life of the stock."""
    supply: NonNegative = 0.0
    """Exogenous supply, units a year."""
    stock: NonNegative = 0.0
    """Stock at the start."""
    season: Annotated[tuple[NonNegative, ...], Field(strict=False, min_length=12, max_length=12)] = (1.0,) * 12
    """Need by calendar month, January first (used while the term `season` is on)."""
    basis: Basis = {}


class Good(Table):
    """Something that is shipped: food, fuel."""

    label: str = ""
    unit: str = ""
    """What it is counted in, such as t."""
    need: dict[Name, Need] = {}
    """Who lacks it, and how much."""
    basis: Basis = {}


class Concession(Table):
    """Something one actor can give."""

    label: str = ""
    giver: Name
    """The actor that gives it."""
    kind: Literal["act", "flow", "restraint", "process"]
    """An act is done at once; a flow is shipped over time; a restraint holds until broken; a process is worked at."""
    recipient: Name | None = None
    """The state it is given to (default: the first state in `worth`)."""
    worth: dict[Name, Number] = {}
    """What it is worth to each state that benefits, in utility."""
    cost: Number = 0.0
    """What it costs the giver, in utility."""
    care: NonNegative = 0.0
    """What relieving the recipient's need is worth to the giver itself, in utility (times that need)."""
    good: Name | None = None
    """The good that a flow brings."""
    quantity: Positive = 1.0
    """Full scale of one round of giving (flows: what is shipped, in units of the good)."""
    unit: str = ""
    """What the quantity is counted in, such as t."""
    lead_time_days: NonNegative = 0.0
    """Time between the promise and the first day it can begin."""
    grace_days: NonNegative = 90.0
    """Time after the lead time before a promise counts as overdue."""
    duration_days: Positive = 90.0
    """Flows: time in which the quantity is shipped."""
    once: bool = False
    """Acts only: can be done only once (ends in stage `done`)."""
    exposure: NonNegative = 1.0
    """Publicity of a unilateral step (multiplies audience costs)."""
    irreversibility: NonNegative = 0.0
    """How far giving it cannot be taken back (used by the term `commitment`)."""
    unilateral: bool = True
    """Whether the giver may pledge it without a package."""
    freezable: bool = True
    """Whether the giver may freeze it."""
    in_return_for: Names = ()
    """Concessions of others that this one answers; their worth is added to what giving this one is worth."""
    while_open: Name | None = None
    """Restraints only: in force only while this channel is open."""
    rates: dict[Name, NonNegative] = {}
    """Baseline rates per year of the giver's moves; what is not given takes the declared default."""
    basis: Basis = {}


class Gate(Table):
    """A condition on opening a channel."""

    items: Annotated[Names, Field(min_length=1)]
    """Concessions that must stand."""
    stage: Literal["signed", "promised"] = "signed"
    """How far they must have come (or further)."""
    need: Literal["all", "any"] = "all"
    """Whether all items must stand, or any one of them."""
    hard: bool = False
    """Hard: the channel cannot open while the gate is unmet. Soft: meeting it only speeds the opening."""
    from_: Annotated[dt.date | None, Field(alias="from")] = None
    """First day on which the gate counts (default: always)."""
    to: dt.date | None = None
    """Day from which it no longer counts (default: never)."""
    model_config = ConfigDict(populate_by_name=True)


class Channel(Table):
    """A place where two sides talk."""

    label: str = ""
    sides: Annotated[tuple[Names, ...], Field(strict=False, min_length=2, max_length=2)]
    """Two lists of actors; the first of each list leads."""
    aggregation: Annotated[
        tuple[Literal["lead", "mean", "veto"], ...], Field(strict=False, min_length=2, max_length=2)
    ] = ("lead", "lead")
    """How a side of several actors forms one utility: its leader's, the mean, or the least willing one's."""
    agenda: Annotated[Names, Field(min_length=1)]
    """Concessions that can be agreed here."""
    max_items: Annotated[int, Field(ge=1, le=8)] = 4
    """Most items in one package."""
    packages: Annotated[tuple[Names, ...] | None, Field(strict=False)] = None
    """Named packages; without them, all subsets of the agenda of up to `max_items`."""
    exposure: NonNegative = 1.0
    """Political exposure: how public dealings here are."""
    reliability: Share = 0.0
    """How far the intermediary vouches for what is promised here."""
    bias: Number = 0.0
    """Leaning of the intermediary towards side 1 (log-odds of the Nash weight)."""
    eta: NonNegative = 1.0
    """Sharpness of the choice among packages."""
    intermediary: Name | None = None
    """The actor who vouches for what is promised here."""
    venue: str = ""
    consent: Annotated[
        tuple[Literal["before_signature", "after", "none"], ...], Field(strict=False, min_length=2, max_length=2)
    ] = ("before_signature", "before_signature")
    """For each side: does approval at home come before the signature, after it, or is none needed?"""
    gates: Annotated[tuple[Gate, ...], Field(strict=False)] = ()
    """Conditions on opening."""
    rates: dict[Name, NonNegative] = {}
    """Baseline rates per year: plan, open, meet, adjourn, close, agree, cancel, walk_out."""
    basis: Basis = {}


class Demand(Table):
    """Something one state wants of another and may raise at the table."""

    label: str = ""
    owner: Name
    """The actor that wants it."""
    target: Name
    """The actor it is wanted of."""
    channel: Name
    """Where it is raised."""
    weight: NonNegative = 1.0
    """How hard it presses while it is unanswered."""
    answered_by: Names = ()
    """Concessions that answer it while promised or in force, and settle it when complete."""
    rates: dict[Name, NonNegative] = {}
    """Baseline rate per year: raise."""
    basis: Basis = {}


class Coercion(Table):
    """A coercive act: a missile test, an incursion."""

    label: str = ""
    actor: Name
    """Who does it."""
    hits: dict[Name, NonNegative]
    """Whom it hits and how hard (on a scale where a grave act is 1); the first named is the counterpart."""
    breaks: Names = ()
    """Restraints of the same actor that it breaks."""
    rates: dict[Name, NonNegative] = {}
    """Baseline rate per year: act."""
    basis: Basis = {}


class Alignment(Table):
    """How far an ally's dealings ease an actor's own."""

    actor: Name
    """The state whose dealings become easier."""
    ally: Name
    """The state whose own dealings ease them."""
    weight: NonNegative
    """How much they ease them."""
    basis: Basis = {}


class Regard(Table):
    """How one state sees another at the start."""

    holder: Name
    """The state that regards."""
    toward: Name
    """The state that is regarded."""
    resentment: NonNegative = 0.0
    """What the holder has against the other at the start."""
    credibility: Share | None = None
    """Prior mean of the other's credibility (default: the term's)."""
    shift: Number = 0.0
    """How far power will shift to the other once a deal is done (term `commitment`)."""
    basis: Basis = {}


class Driver(Table):
    """A dated series from outside: a shortage, other donors, a change of leader."""

    label: str = ""
    target: str
    """`good.G.need.A.shortfall`, `good.G.need.A.supply` (multiplied), `actor.A.threshold` or `actor.A.reservation`
    (added to)."""
    dates: Annotated[tuple[dt.date, ...], Field(strict=False, min_length=1)]
    """Dates from which each value holds (at the first tick on or after it); before the first: no change."""
    values: Annotated[tuple[Number, ...], Field(strict=False, min_length=1)]
    """A value for each date."""
    basis: Basis = {}


class Initial(Table):
    """Where things stand at the start; whatever is not named is closed, none, dormant."""

    channels: dict[Name, Literal["closed", "planned", "open", "in_session"]] = {}
    concessions: dict[Name, Literal["none", "promised", "in_force", "suspended", "done"]] = {}
    frozen: Names = ()
    demands: dict[Name, Literal["dormant", "raised"]] = {}


class Prior(Table):
    """A prior on a scale a person can judge."""

    family: Literal["normal", "lognormal", "beta", "gamma", "uniform"]
    """Takes `mean`, `sd` (normal), `median`, `sd` (lognormal), `a`, `b` (beta; gamma: shape, rate) or `low`, `high`."""
    mean: Number | None = None
    sd: Positive | None = None
    """Standard deviation (normal), or of the logarithm (lognormal)."""
    median: Positive | None = None
    low: Number | None = None
    high: Number | None = None
    a: Positive | None = None
    b: Positive | None = None

    def ends(self) -> tuple[float, float] | None:
        """How far it reaches down and up, but for one draw in a million; None where the family itself ends at 0."""
        if self.family == "normal" and self.mean is not None and self.sd is not None:
            return self.mean - FAR * self.sd, self.mean + FAR * self.sd
        if self.family == "uniform" and self.low is not None and self.high is not None:
            edge = (self.high - self.low) / 1e6
            return self.low + edge, self.high - edge
        return None


class ParameterSpec(Table):
    """A named parameter of the case: which numbers it moves, and what is known of it beforehand."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.]*$")]
    """What the parameter is called in tables and by `--set`."""
    label: str = ""
    numbers: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    """Key paths; `*` stands for any one part of a path."""
    how: Literal["set", "multiply", "add"] = "set"
    """Whether the parameter's value replaces the numbers, multiplies them or is added to them."""
    role: Literal["free", "fixed", "marginalised"] = "free"
    """Whether calibration estimates it, leaves it at its value, or averages over its prior."""
    prior: Prior | None = None
    """What is thought of it before any data."""
    basis: Basis = {}


class TermSettings(Table):
    """Numbers of one term, and the file of a term of one's own."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number] = Field(init=False)
    file: str | None = None
    """A Python file that defines the term (relative to the scenario file)."""
    basis: Basis = {}


Tick = Literal["month", "week", "day"]


class Scenario(Table):
    """A negotiation as data: who takes part, what they can give, where they talk, and from when to when."""

    format: Literal[1] = 1
    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    """What the scenario is called."""
    title: str = ""
    description: str = ""
    start: dt.date
    """First day of the period."""
    end: dt.date
    """Last day of the period: hazards run until the midnight that ends it."""
    tick: Tick = "month"
    """How often hazards are updated between moves."""
    terms: Names | None = None
    """Terms switched on (default: all shipped ones)."""
    sources: dict[str, str] = {}
    """What the source rows in `basis` stand for."""
    actor: Annotated[dict[Name, Actor], Field(min_length=2)]
    """Who negotiates: two actors or more."""
    good: dict[Name, Good] = {}
    """What is shipped."""
    concession: dict[Name, Concession] = {}
    """What each can give."""
    channel: dict[Name, Channel] = {}
    """Where they talk."""
    demand: dict[Name, Demand] = {}
    """What is wanted and may be raised at the table."""
    coercion: dict[Name, Coercion] = {}
    """Coercive acts."""
    alignment: Annotated[tuple[Alignment, ...], Field(strict=False)] = ()
    """Whose dealings ease whose."""
    regard: Annotated[tuple[Regard, ...], Field(strict=False)] = ()
    """How states see each other at the start (default: without resentment)."""
    driver: dict[Name, Driver] = {}
    """Dated series from outside."""
    initial: Initial = Initial()
    """Where things stand at the start."""
    term: dict[Name, TermSettings] = {}
    """Numbers of the theories, and files of one's own."""
    parameter: Annotated[tuple[ParameterSpec, ...], Field(strict=False)] = ()
    """Named parameters of the case."""
    _folder: Path | None = PrivateAttr(None)

    def __eq__(self, other: object) -> bool:
        """Equal means: the same data in the same order (order decides who is a recipient, and which move is first)."""
        return isinstance(other, Scenario) and self.canonical() == other.canonical()

    def __hash__(self) -> int:
        return hash(self.canonical())

    def __repr__(self) -> str:
        parts = f"{len(self.actor)} actors, {len(self.channel)} channels, {len(self.concession)} concessions"
        return f"Scenario({self.name!r}: {parts}, {self.start} to {self.end})"

    __str__ = __repr__

    # -- small questions the other rooms ask ---------------------------------------------------------------------

    def principal(self, actor: str) -> str:
        """The state behind an actor: itself, or whom it answers to."""
        return self.actor[actor].answers_to or actor

    def recipient(self, concession: str) -> str:
        """The state a concession is given to."""
        given = self.concession[concession]
        return given.recipient or next(iter(given.worth))

    def with_tick(self, tick: Tick) -> Scenario:
        """The same scenario with its hazards updated every month, week or day, as ``--tick`` has it.

        Raises
        ------
        ValueError
            For another word.
        """
        if tick not in get_args(Tick):
            raise ValueError(f"tick must be one of {', '.join(get_args(Tick))}, not {tick!r}")
        return self.model_copy(update={"tick": tick})

    def canonical(self) -> str:
        """The whole scenario as one line of JSON: what equality and the digest look at (where it lies is no part)."""
        return self.model_dump_json(by_alias=True, warnings=False)

    def term_file(self, term: str) -> Path | None:
        """Where the Python file of a term of one's own lies: relative to the scenario's file, else to the present."""
        settings = self.term.get(term)
        if settings is None or settings.file is None:
            return None
        return (self._folder or Path()) / settings.file

    def numbers(self) -> dict[str, float]:
        """Every number the kernel reads, written or defaulted, by key path (terms' own numbers not included)."""
        every = _numbers(self.model_dump(exclude={"format", "parameter", "term", "sources"}, warnings=False), "")
        return {path: number for path, number in every if not path.endswith(".max_items")}


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield path, float(value)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for position, inner in enumerate(value):
            yield from _numbers(inner, f"{path}.{position}")
