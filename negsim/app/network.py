"""Who concedes to whom just now? The actors in a circle, their channels, an arrow for each living concession."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np

from negsim.app.stepping import Frame
from negsim.compiler import Compiled
from negsim.moves import Event
from negsim.plots.page import name_of, shorten
from negsim.scenario import Channel
from negsim.vocabulary import CHANNEL_STAGES, CONCESSION_STAGES, IN_SESSION, NONE, OPEN, PLANNED

Place = tuple[float, float]
WIDTH, HEIGHT, RADIUS = 780.0, 520.0, (330.0, 205.0)
BUBBLE: Final = 34.0
"""Radius of an actor."""
SMALL: Final = 26.0
"""Radius of an intermediary."""
LETTER: Final = 8.0
"""Width of a letter in a circle."""
ROOM: Final = 90.0
"""Room that the name of an actor takes beside and below it."""
ALONG: Final = (0.5, 0.34, 0.66, 0.24, 0.76, 0.42, 0.58)
"""Where along its way the name of an arrow stands, by its place among those between the same two actors."""
BEND: Final = 26.0
"""How far arrows between the same two actors are bent apart."""
LONGEST: Final = 24
"""Letters of a name at an arrow."""
WORDS: Final = {
    "tabled": "on the table", "signed": "signed", "promised": "promised", "in_force": "in force",
    "suspended": "suspended", "done": "done", "frozen": "frozen",
}  # fmt: skip
"""What the state of a concession is called; each is drawn in its own way (page.css)."""


@dataclass(frozen=True)
class Arrow:
    """A concession that lives: who gives it to whom, and how it stands."""

    concession: str
    giver: str
    recipient: str
    standing: str


def find_arrows(compiled: Compiled, frame: Frame) -> list[Arrow]:
    """List the concessions that are anywhere between tabled and done, or frozen."""
    arrows = []
    for row, name in enumerate(compiled.labels.concessions):
        stage, frozen = int(frame.stage[row]), bool(frame.frozen[row])
        if stage == NONE and not frozen:
            continue
        giver, recipient = compiled.scenario.concession[name].giver, compiled.scenario.recipient(name)
        arrows.append(Arrow(name, giver, recipient, "frozen" if frozen else CONCESSION_STAGES[stage]))
    return arrows


def draw_network(compiled: Compiled, frame: Frame) -> str:
    """Draw the network as SVG."""
    places = _places(compiled)
    busy = {name for event in frame.events for name in _parties(event)}
    ways, names = _draw_arrows(compiled, find_arrows(compiled, frame), places, frame)
    return (
        f'<svg class="network" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{_say(compiled, frame)}">'
        f"{_heads()}{_draw_channels(compiled, frame, places)}{ways}"
        f"{''.join(_draw_actor(compiled, name, places, name in busy) for name in places)}{names}</svg>"
    )


def _parties(event: Event) -> tuple[str, ...]:
    return (event.actor, event.counterpart)


def _say(compiled: Compiled, frame: Frame) -> str:
    """The picture in words, for whoever does not see it."""
    case = compiled.scenario
    told = [
        f"{name_of(case.actor, arrow.giver)} to {name_of(case.actor, arrow.recipient)}: "
        f"{name_of(case.concession, arrow.concession)}, {WORDS[arrow.standing]}"
        for arrow in find_arrows(compiled, frame)
    ]
    return escape(f"{frame.date}. " + ("; ".join(told) or "No concession lives"), quote=True)


# -- actors -----------------------------------------------------------------------------------------------------------


def _places(compiled: Compiled) -> dict[str, Place]:
    """Put the states on an ellipse, and intermediaries beside those they answer to, facing each other by pairs."""
    actors = compiled.scenario.actor
    states = [name for name, actor in actors.items() if actor.kind == "state"]
    apart = 2 * np.pi / len(states)
    places = {}
    for number, state in enumerate(states):
        group = [state, *(name for name, actor in actors.items() if actor.answers_to == state)]
        way = -1 if number % 2 else 1
        for place, name in enumerate(group):
            angle = number * apart - np.pi * 0.75 + way * place * apart / (len(group) + 1)
            places[name] = (WIDTH / 2 + RADIUS[0] * float(np.cos(angle)), HEIGHT / 2 + RADIUS[1] * float(np.sin(angle)))
    return places


def _draw_actor(compiled: Compiled, name: str, places: dict[str, Place], busy: bool) -> str:
    actor, place = compiled.scenario.actor[name], places[name]
    kind = f"actor {actor.kind}{' busy' if busy else ''}"
    radius = BUBBLE if actor.kind == "state" else SMALL
    below = _has_room_below(place, [other for other in places.values() if other != place])
    y = place[1] + (BUBBLE + 18 if below else -BUBBLE - 8)
    short, label = name[:8], shorten(actor.label or name)
    long = "" if label == short else label  # it stands in the circle
    return (
        f'<g class="{kind}"><circle cx="{place[0]:.1f}" cy="{place[1]:.1f}" r="{radius}"/>'
        f'<text class="short" x="{place[0]:.1f}" y="{place[1] + 5:.1f}"{_fit(short, radius)}>{escape(short)}</text>'
        f'<text class="long" x="{place[0]:.1f}" y="{y:.1f}">{escape(long)}</text></g>'
    )


def _has_room_below(place: Place, others: list[Place]) -> bool:
    """Whether a name stands below its actor: in the lower half, unless somebody is in its way on that side alone."""
    below = place[1] >= HEIGHT / 2
    crowded = [
        any(abs(x - place[0]) < ROOM and 0 < (y - place[1]) * side < ROOM for x, y in others)
        for side in ((1, -1) if below else (-1, 1))
    ]
    return below != (crowded == [True, False])


def _fit(short: str, radius: float) -> str:
    """Press a name together that is too long for its circle."""
    wide = len(short) * LETTER > 2 * radius - 6
    return f' textLength="{2 * radius - 6:.0f}" lengthAdjust="spacingAndGlyphs"' if wide else ""


# -- channels ---------------------------------------------------------------------------------------------------------


def _draw_channels(compiled: Compiled, frame: Frame, places: dict[str, Place]) -> str:
    drawn = []
    for row, (name, channel) in enumerate(compiled.scenario.channel.items()):
        stage = int(frame.channel[row])
        if stage < PLANNED:
            continue
        kind = {PLANNED: "planned", OPEN: "open", IN_SESSION: "session"}[stage]
        label = f"{escape(name_of(compiled.scenario.channel, name))}: {CHANNEL_STAGES[stage].replace('_', ' ')}"
        lines = "".join(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
            for (x1, y1), (x2, y2) in _seats(places, channel)
        )
        drawn.append(f'<g class="channel {kind}">{lines}<title>{label}</title></g>')
    return "".join(drawn)


def _seats(places: dict[str, Place], channel: Channel) -> list[tuple[Place, Place]]:
    """Lines of a channel: one between two actors; where more sit there, one from each to a table amid the two sides.

    Who vouches sits there too.
    """
    sides = [[places[name] for name in side] for side in channel.sides]
    seated = [place for side in sides for place in side]
    if channel.intermediary is not None and places[channel.intermediary] not in seated:
        seated.append(places[channel.intermediary])
    if len(seated) == 2:
        return [(seated[0], seated[1])]
    x, y = np.mean([np.mean(side, axis=0) for side in sides], axis=0)
    return [(place, (float(x), float(y))) for place in seated]


# -- arrows -----------------------------------------------------------------------------------------------------------


def _heads() -> str:
    """Arrow heads, one for each way of standing."""
    return "<defs>" + "".join(
        f'<marker id="head-{word}" class="head {word}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" '
        f'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto"><path d="M0,0 L10,5 L0,10 z"/></marker>'
        for word in WORDS
    ) + "</defs>"  # fmt: skip


def _draw_arrows(compiled: Compiled, arrows: list[Arrow], places: dict[str, Place], frame: Frame) -> tuple[str, str]:
    """All arrows, and all their names, which stand above everything."""
    fresh = {event.subject for event in frame.events}
    lanes: dict[frozenset[str], int] = defaultdict(int)
    drawn = []
    for arrow in arrows:
        if arrow.giver == arrow.recipient or arrow.recipient not in places:
            continue
        pair = frozenset((arrow.giver, arrow.recipient))
        lanes[pair] += 1
        drawn.append(_draw_arrow(compiled, arrow, places, lanes[pair], arrow.concession in fresh))
    return "".join(way for way, _ in drawn), "".join(name for _, name in drawn)


def _draw_arrow(compiled: Compiled, arrow: Arrow, places: dict[str, Place], lane: int, fresh: bool) -> tuple[str, str]:
    """The arrow, and its name."""
    start, end = np.array(places[arrow.giver]), np.array(places[arrow.recipient])
    along = (end - start) / np.linalg.norm(end - start)
    # The side is that of the pair, not of the arrow, so that two arrows of opposite direction do not meet.
    first, second = sorted((arrow.giver, arrow.recipient))
    axis = np.array(places[second]) - np.array(places[first])
    across = np.array((-axis[1], axis[0])) / np.linalg.norm(axis)
    bend = across * BEND * ((lane + 1) // 2) * (1 if lane % 2 else -1)
    start, end = start + along * (BUBBLE + 2) + bend * 0.35, end - along * (BUBBLE + 6) + bend * 0.35
    control = (start + end) / 2 + bend * 1.3
    # Names of neighbouring arrows stand at different places along the way, counted from the same actor.
    share = ALONG[(lane - 1) % len(ALONG)]
    share = share if arrow.giver == first else 1 - share
    middle = (1 - share) ** 2 * start + 2 * share * (1 - share) * control + share**2 * end
    full = name_of(compiled.scenario.concession, arrow.concession)
    label = escape(full if len(full) <= LONGEST else f"{full[: LONGEST - 1].rstrip()}…")
    word = WORDS[arrow.standing]
    kind = f"{arrow.standing}{' fresh' if fresh else ''}"
    way = (
        f'<g class="arrow {kind}"><path d="M{start[0]:.1f},{start[1]:.1f} Q{control[0]:.1f},{control[1]:.1f} '
        f'{end[0]:.1f},{end[1]:.1f}" marker-end="url(#head-{arrow.standing})"/>'
        f"<title>{escape(full)}: {word}</title></g>"
    )
    return way, f'<text class="name {kind}" x="{middle[0]:.1f}" y="{middle[1] - 3:.1f}">{label}</text>'
