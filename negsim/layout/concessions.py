"""What do concessions take and bring, and what are goods to those who need them?"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from negsim.layout.arguments import About
from negsim.layout.formulas import Product, per_day
from negsim.layout.rows import Fields, Rows, integers
from negsim.layout.sheet import Sheet
from negsim.state import Flags


def lay_concessions(sheet: Sheet) -> Fields:
    """Lay out lead times, flows, what is held only while a channel is open, and what demands and acts touch."""
    rows, concessions = sheet.rows, sheet.rows.scenario.concession
    flows = [name for name, concession in concessions.items() if concession.kind == "flow"]
    held = {name: concession.while_open for name, concession in concessions.items() if concession.while_open}
    stocks = [rows.need_met(name, rows.scenario.recipient(name)) for name in flows]
    sheet.add_slot("lead", [f"concession.{name}.lead_time_days" for name in concessions])
    sheet.add_slot("grace", [f"concession.{name}.grace_days" for name in concessions])
    sheet.add_slot("quantity", [f"concession.{name}.quantity" for name in flows])
    sheet.add_slot("duration", [f"concession.{name}.duration_days" for name in flows])
    return {
        "flow_concession": integers(rows.concession[name] for name in flows),
        "flow_of": integers(flows.index(name) if name in flows else -1 for name in rows.concession),
        "flow_stock": integers(-1 if stock is None else stock for stock in stocks),
        "while_rows": integers(rows.concession[name] for name in held),
        "while_channel": integers(rows.channel[channel] for channel in held.values()),
        "answers": _membership(rows, [demand.answered_by for demand in rows.scenario.demand.values()]),
        "breaks": _membership(rows, [act.breaks for act in rows.scenario.coercion.values()]),
    }


def _membership(rows: Rows, groups: Iterable[Iterable[str]]) -> Flags:
    """Table of which concessions are in which group; shape (groups, concessions)."""
    table = [[name in set(group) for name in rows.concession] for group in groups]
    return np.array(table, dtype=bool).reshape(len(table), len(rows.concession))


def add_goods(sheet: Sheet) -> None:
    """Add the slots of what need depends on: shortfall, scale, supply, season."""
    needs = list(sheet.rows.need)
    for number in ("shortfall", "scale"):
        sheet.add_slot(number, [f"good.{good}.need.{state}.{number}" for good, state in needs])
    sheet.add_slot("supply", [f"good.{good}.need.{state}.supply" for good, state in needs], formula=per_day)
    abouts = [About(need=need, month=month) for need in needs for month in range(12)]
    gathered = sheet.gather("need_factor", abouts)
    ones = ["=1"] * len(abouts)
    sheet.add_slot("season", ones, *gathered.columns, formula=Product(gathered.parts), shape=(len(needs), 12))
