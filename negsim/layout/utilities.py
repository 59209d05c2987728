"""What is each item worth to whom, in which channel? The rows of utilities (model, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from negsim.layout.arguments import About
from negsim.layout.formulas import Total, doubt
from negsim.layout.rows import Fields, Rows, integers, make_sums
from negsim.layout.sheet import Sheet


@dataclass(frozen=True)
class Worths:
    """Rows of what items are worth: to beneficiaries, to givers, means over members, and a row of zeros."""

    benefits: Sequence[tuple[str, str, str]]
    """By (channel, item, state)."""
    givers: Sequence[tuple[str, str]]
    """By (channel, item); no channel for a unilateral step."""
    of_item: Mapping[tuple[str, str, str], int]
    """Row of (channel, item, state); no row for a state that an item does not concern."""
    of_mean: Mapping[tuple[str, int, str], int]
    """Row of (channel, side, item), for sides that decide by the mean."""

    @property
    def zero(self) -> int:
        """The row of zeros, which is the last."""
        return len(self.benefits) + len(self.givers) + len(self.of_mean)


def number_worths(rows: Rows) -> Worths:
    """Give what items are worth its rows."""
    channels = rows.scenario.channel.items()
    tabled = [(name, item) for name, channel in channels for item in channel.agenda]
    benefits = [(name, item, state) for name, item in tabled for state in rows.scenario.concession[item].worth]
    givers = [*tabled, *(("", item) for item in rows.concession)]
    of_item = {key: row for row, key in enumerate(benefits)}
    for row, (name, item) in enumerate(givers, start=len(benefits)):
        of_item[name, item, rows.giver(item)] = row
    means = [
        (name, side, item)
        for name, channel in channels
        for side in (0, 1)
        if channel.aggregation[side] == "mean"
        for item in channel.agenda
    ]
    first = len(benefits) + len(givers)
    return Worths(benefits, givers, of_item, {key: first + number for number, key in enumerate(means)})


def lay_utilities(sheet: Sheet, worths: Worths) -> Fields:
    """Lay out what items are worth."""
    return {
        **_benefits(sheet, worths),
        **_prices(sheet, worths),
        **_givers(sheet),
        **_returns(sheet),
        **_means(sheet.rows, worths),
        "utility_rows": worths.zero + 1,
    }


def _benefits(sheet: Sheet, worths: Worths) -> Fields:
    """Lay out what items are worth to beneficiaries, and how far these believe in a channel that they come."""
    rows = sheet.rows
    trusts: dict[tuple[str, str, str], int] = {}
    trust_of = [
        trusts.setdefault((channel, state, rows.giver(item)), len(trusts)) for channel, item, state in worths.benefits
    ]
    abouts = [About(actor=state, counterpart=giver, channel=channel) for channel, state, giver in trusts]
    vouching = sheet.gather("vouching", abouts)
    zeros = ["=0"] * len(abouts)
    sheet.add_slot("doubt", zeros, *vouching.columns, formula=Total(vouching.parts, doubt))
    sheet.add_slot("worth", [f"concession.{item}.worth.{state}" for _, item, state in worths.benefits])
    about_items = [
        About(actor=state, counterpart=rows.giver(item), channel=channel, concession=item)
        for channel, item, state in worths.benefits
    ]
    return {
        "chi_pair": integers(rows.pair[state, giver] for _, state, giver in trusts),
        "benefit_chi": integers(trust_of),
        "benefit_need": integers(_need_row(rows, item, state) for _, item, state in worths.benefits),
        "benefit_programs": sheet.programs("benefit_factor", about_items),
    }


def _need_row(rows: Rows, concession: str, state: str) -> int:
    """Row of the state's need for what a concession brings; the row of ones if there is none."""
    row = rows.need_met(concession, state)
    return len(rows.need) if row is None else row


def _prices(sheet: Sheet, worths: Worths) -> Fields:
    """Lay out costs, and the exponents on them, which all items from one giver to one recipient share in a channel.

    A unilateral step has an exponent of its own, for its own publicity.
    """
    rows = sheet.rows
    exponents: dict[About, int] = {}
    exponent_of = []
    for channel, item in worths.givers:
        about = About(
            actor=rows.giver(item),
            counterpart=rows.scenario.recipient(item),
            channel=channel,
            concession="" if channel else item,
        )
        exponent_of.append(exponents.setdefault(about, len(exponents)))
    sheet.add_slot("cost", [f"concession.{item}.cost" for _, item in worths.givers])
    return {
        "exponents": sheet.programs("cost_exponent", list(exponents)),
        "exponent_rows": len(exponents),
        "giver_exponent": integers(exponent_of),
        "giver_concession": integers(rows.concession[item] for _, item in worths.givers),
    }


def _givers(sheet: Sheet) -> Fields:
    """Lay out what else giving is worth to the giver, in whatever channel."""
    rows = sheet.rows
    recipients = {name: rows.scenario.recipient(name) for name in rows.concession}
    abouts = [
        About(actor=rows.giver(name), counterpart=recipient, concession=name) for name, recipient in recipients.items()
    ]
    sheet.add_slot("care", [f"concession.{name}.care" for name in recipients])
    return {
        "care_need": integers(_need_row(rows, name, recipient) for name, recipient in recipients.items()),
        "giver_programs": sheet.programs("giver_utility", abouts),
    }


def _returns(sheet: Sheet) -> Fields:
    """Lay out what a concession answers: rows of (answering concession, item answered)."""
    rows = sheet.rows
    answers = [
        (name, answered)
        for name, concession in rows.scenario.concession.items()
        for answered in concession.in_return_for
        if rows.giver(name) in rows.scenario.concession[answered].worth
    ]
    groups: dict[str, list[int]] = {}
    for row, (name, _) in enumerate(answers):
        groups.setdefault(name, []).append(row)
    sheet.add_slot("return_worth", [f"concession.{item}.worth.{rows.giver(name)}" for name, item in answers])
    return {
        "return_concession": integers(rows.concession[name] for name in groups),
        "return_item": integers(rows.concession[item] for _, item in answers),
        "return_pair": integers(rows.pair[rows.giver(name), rows.giver(item)] for name, item in answers),
        "returns": make_sums(list(groups.values()), len(answers)),
    }


def _means(rows: Rows, worths: Worths) -> Fields:
    """Lay out means over the members of a side."""
    groups = [
        [worths.of_item.get((channel, item, member), worths.zero) for member in rows.members(channel, side)]
        for channel, side, item in worths.of_mean
    ]
    return {
        "means": make_sums(groups, worths.zero),
        "mean_sizes": np.array([float(len(group)) for group in groups])[:, None],
    }
