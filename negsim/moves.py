"""Which moves are there? All that can happen in a scenario, by names, in the order of the model's section 9."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from negsim.problems import find_nearest
from negsim.scenario import Channel, Concession, Scenario
from negsim.vocabulary import CONCESSION_MOVES, CONSEQUENCES, JOINT_MOVES


@dataclass(frozen=True)
class Event:
    """A kind of event that can happen in a scenario: a move somebody makes, or a consequence of moves.

    Attributes
    ----------
    kind : str
        Such as ``open``, ``pledge`` or ``delivered``.
    actor, counterpart : str
        Who does it, and towards whom.
    channel : str
        Where; empty outside channels.
    subject : str
        The concession, demand or act, or the items of a package joined by ``+``; empty where there is none.
    side : int
        Side of the channel that does it, 0 or 1; -1 where both or neither do.
    items : tuple of str
        Concessions of a package.
    """

    kind: str
    actor: str
    counterpart: str
    channel: str
    subject: str
    side: int = -1
    items: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Address of the move's clock (model, section 2)."""
        return f"{self.kind}:{self.actor}:{self.channel}:{self.subject}"


def find_nearest_address(given: str, events: Iterable[Event]) -> str | None:
    """The address of an event that looks most like one given, without the parts that it leaves out.

    Examples
    --------
    >>> table = [Event("agree", "A", "B", "table", "rice"), Event("reject", "A", "B", "table", "")]
    >>> find_nearest_address("aggree::table", table)
    'agree::table'
    """
    asked = [bool(part) for part in given.split(":")]
    written = (zip(asked, event.name.split(":"), strict=False) for event in events)
    shortened = dict.fromkeys(":".join(part if here else "" for here, part in parts) for parts in written)
    return find_nearest(given.rstrip(":"), shortened)


def find_address(given: str, known: Collection[str]) -> str | None:
    """The address that was meant: colons at its end may be left out, and a package has its items in any order.

    Examples
    --------
    >>> known = ["meet:A:table:", "agree:A:table:rice+oil"]
    >>> find_address("meet:A:table", known), find_address("agree:A:table:oil+rice", known)
    ('meet:A:table:', 'agree:A:table:rice+oil')
    >>> find_address("meet:B:table", known) is None
    True
    """
    if given in known:
        return given
    wanted = _parts(given)
    return next((address for address in known if _parts(address) == wanted), None)


def _parts(address: str) -> tuple[str, ...]:
    *place, subject = (part.strip() for part in f"{address}:::".split(":", 3))
    return (*place, *sorted(subject.rstrip(":").split("+")))


def list_events(scenario: Scenario) -> list[Event]:
    """List the moves: of channels, demands, acts and concessions, then packages (no consequences)."""
    return [
        *(move for channel in scenario.channel for move in _channel_moves(scenario, channel)),
        *(Event("raise", demand.owner, demand.target, "", name) for name, demand in scenario.demand.items()),
        *(Event("act", act.actor, next(iter(act.hits)), "", name) for name, act in scenario.coercion.items()),
        *(move for concession in scenario.concession for move in _concession_moves(scenario, concession)),
        *(move for channel in scenario.channel for move in _agreements(scenario, channel)),
    ]


def list_consequences(scenario: Scenario) -> list[Event]:
    """List what follows from moves and timers without a hazard of its own, kind by kind."""
    return [
        Event(kind, concession.giver, scenario.recipient(name), "", name)
        for kind in CONSEQUENCES
        for name, concession in scenario.concession.items()
    ]


def list_packages(channel: Channel) -> list[tuple[str, ...]]:
    """List a channel's packages: the named ones, or all subsets, smaller first; items in agenda order."""
    if channel.packages is not None:
        return [tuple(item for item in channel.agenda if item in named) for named in channel.packages]
    sizes = range(1, min(channel.max_items, len(channel.agenda)) + 1)
    return [package for size in sizes for package in itertools.combinations(channel.agenda, size)]


def rate_path(scenario: Scenario, move: Event) -> str:
    """Key path of a move's rate."""
    if move.kind in ("approve", "reject"):
        return f"actor.{move.actor}.approval_rate"
    if move.kind in ("raise", "act"):
        table = "demand" if move.kind == "raise" else "coercion"
        return f"{table}.{move.subject}.rates.{move.kind}"
    if move.channel:
        return f"channel.{move.channel}.rates.{move.kind}"
    return f"concession.{move.subject}.rates.{move.kind}"


def _leaders(channel: Channel) -> tuple[str, str]:
    return channel.sides[0][0], channel.sides[1][0]


def _channel_moves(scenario: Scenario, name: str) -> list[Event]:
    leaders = _leaders(scenario.channel[name])
    together = [Event(kind, *leaders, name, "") for kind in JOINT_MOVES]
    return [*together, *_side_moves(scenario, name, 0), *_side_moves(scenario, name, 1)]


def _side_moves(scenario: Scenario, name: str, side: int) -> list[Event]:
    channel = scenario.channel[name]
    leader, other = _leaders(channel)[side], _leaders(channel)[1 - side]
    moves = [Event(kind, leader, other, name, "", side) for kind in ("cancel", "walk_out")]
    if channel.consent[side] != "none":
        principal = scenario.principal(leader)
        moves += [Event(kind, principal, other, name, "", side) for kind in ("approve", "reject")]
    return moves


def _concession_moves(scenario: Scenario, name: str) -> list[Event]:
    concession = scenario.concession[name]
    return [
        Event(kind, concession.giver, scenario.recipient(name), "", name)
        for kind in CONCESSION_MOVES[concession.kind]
        if _has_move(concession, kind)
    ]


def _has_move(concession: Concession, kind: str) -> bool:
    if kind == "pledge":
        return concession.unilateral
    return concession.freezable or kind not in ("freeze", "lift")


def _agreements(scenario: Scenario, name: str) -> list[Event]:
    channel = scenario.channel[name]
    return [Event("agree", *_leaders(channel), name, "+".join(items), items=items) for items in list_packages(channel)]
