"""Who has to do with whom? Engagement, allies, what is in force, the pain of channels and the pressure of demands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from negsim.layout.arguments import About
from negsim.layout.formulas import AllyWeight, Shares, days
from negsim.layout.rows import Fields, Rows, integers, make_sums
from negsim.layout.sheet import Sheet


def lay_relations(sheet: Sheet) -> Fields:
    """Lay out relations; after every formula has asked for the allies it wants."""
    rows = sheet.rows
    live = len(rows.channel) + len(rows.concession)
    return {
        "engaged_states": make_sums([_seats_of(rows, state) for state in rows.state], live),
        "restraints": make_sums([_broken_by(rows, act) for act in rows.act], live),
        **_allies(sheet),
        **_shares(sheet),
        **_pressures(sheet),
        **_pains(sheet),
    }


# -- what is live: channels open, then concessions in force -----------------------------------------------------------


def _live_concession(rows: Rows, concession: str) -> int:
    return len(rows.channel) + rows.concession[concession]


def _broken_by(rows: Rows, act: str) -> list[int]:
    return [_live_concession(rows, item) for item in rows.scenario.coercion[act].breaks]


def _seats_of(rows: Rows, state: str) -> list[int]:
    """Channels in which a state sits."""
    return [row for name, row in rows.channel.items() if state in rows.members(name, 0) + rows.members(name, 1)]


def _engaging(rows: Rows, one: str, two: str) -> list[int]:
    """What engages two states: channels between them, and what one gives the other."""
    both = {(one, two), (two, one)}
    channels = [
        row
        for name, row in rows.channel.items()
        if both & {(a, b) for a in rows.members(name, 0) for b in rows.members(name, 1)}
    ]
    given = [
        _live_concession(rows, name)
        for name in rows.concession
        if (rows.giver(name), rows.scenario.recipient(name)) in both
    ]
    return channels + given


# -- allies -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Easing:
    """An ally whose dealings with the counterpart ease the actor's own."""

    actor: str
    counterpart: str
    ally: str
    path: str


def _easings(sheet: Sheet) -> Iterator[_Easing]:
    for actor, counterpart in sheet.allies:
        for position, alignment in enumerate(sheet.rows.scenario.alignment):
            if alignment.actor == actor and alignment.ally != counterpart:
                yield _Easing(actor, counterpart, alignment.ally, f"alignment.{position}.weight")


def _allies(sheet: Sheet) -> Fields:
    """Find whose dealings with whom ease whose."""
    rows, easings = sheet.rows, list(_easings(sheet))
    dealings = dict.fromkeys((easing.ally, easing.counterpart) for easing in easings)
    wanted = {pair: row for row, pair in enumerate(dealings)}
    groups: dict[tuple[str, str], list[int]] = {pair: [] for pair in sheet.allies}
    for row, easing in enumerate(easings):
        groups[easing.actor, easing.counterpart].append(row)
    scale = sheet.gather("ally_scale", [About()] * len(easings))
    weights = [easing.path for easing in easings]
    own = [f"actor.{easing.actor}.alignment" for easing in easings]
    sheet.add_slot("ally_weight", weights, own, *scale.columns, formula=AllyWeight(scale.parts))
    return {
        "engaged": make_sums(
            [_engaging(rows, ally, toward) for ally, toward in wanted], len(rows.channel) + len(rows.concession)
        ),
        "ally_engaged": integers(wanted[easing.ally, easing.counterpart] for easing in easings),
        "allies": make_sums(list(groups.values()), len(easings)),
    }


# -- shares, pressure, pain -------------------------------------------------------------------------------------------


def _shares(sheet: Sheet) -> Fields:
    """Lay out what each state could be given, as shares of the whole."""
    rows, concessions = sheet.rows, sheet.rows.scenario.concession
    shares = [(name, state) for state in rows.state for name in rows.concession if state in concessions[name].worth]
    groups: dict[str, list[int]] = {state: [] for state in rows.state}
    for row, (_, state) in enumerate(shares):
        groups[state].append(row)
    owner = tuple(rows.state[state] for _, state in shares)
    worths = [f"concession.{name}.worth.{state}" for name, state in shares]
    sheet.add_slot("share", worths, formula=Shares(owner, len(rows.state)))
    return {
        "share_concession": integers(rows.concession[name] for name, _ in shares),
        "shares": make_sums(list(groups.values()), len(shares)),
    }


def _pressures(sheet: Sheet) -> Fields:
    """Find the demands that press on each side of each channel."""
    rows = sheet.rows
    sides = [(name, side) for name in rows.channel for side in (0, 1)]
    sheet.add_slot("demand_weight", [f"demand.{name}.weight" for name in rows.demand])
    return {"pressures": make_sums([_pressing(rows, name, side) for name, side in sides], len(rows.demand))}


def _pressing(rows: Rows, channel: str, side: int) -> list[int]:
    members, principal = set(rows.members(channel, side)), rows.scenario.principal
    return [
        row
        for row, demand in enumerate(rows.scenario.demand.values())
        if demand.channel == channel and {principal(demand.owner), principal(demand.target)} & members
    ]


def _pains(sheet: Sheet) -> Fields:
    """Find the needs that each channel's agenda could relieve."""
    rows = sheet.rows
    pains = [_relieved(rows, name) for name in rows.channel]
    sheet.add_slot("patience", ["term.ripeness.patience_years"], formula=days)
    return {
        "pains": make_sums(pains, len(rows.need)),
        "pain_sizes": np.array([float(max(len(needs), 1)) for needs in pains])[:, None],
    }


def _relieved(rows: Rows, channel: str) -> list[int]:
    concessions = rows.scenario.concession
    agenda = rows.scenario.channel[channel].agenda
    needs = [rows.need_met(item, state) for item in agenda for state in concessions[item].worth]
    return [need for need in dict.fromkeys(needs) if need is not None]
