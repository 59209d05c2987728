"""What changes from outside, and when? Dated series, as a step for each tick."""

from __future__ import annotations

import numpy as np

from negsim.calendar import day_number
from negsim.layout.rows import Fields
from negsim.layout.sheet import Sheet
from negsim.state import Driver, Floats


def lay_drivers(sheet: Sheet, ticks: Floats) -> Fields:
    """Lay out the drivers; before its first date a driver changes nothing."""
    found = (_driver(sheet, name, ticks) for name in sheet.rows.scenario.driver)
    return {"drivers": tuple(driver for driver in found if driver is not None)}


def _driver(sheet: Sheet, name: str, ticks: Floats) -> Driver | None:
    case = sheet.rows.scenario
    driver = case.driver[name]
    kind, owner, *_, target = driver.target.split(".")
    if kind == "actor" and owner not in sheet.rows.state:
        return None  # what an intermediary would approve or reserve is its principal's business
    neutral = "=1" if target in ("shortfall", "supply") else "=0"
    values = [f"driver.{name}.values.{step}" for step in range(len(driver.values))]
    slot = sheet.add_slot(f"driver_{name}", [neutral, *values])
    dates = np.array([day_number(case.start, date) for date in driver.dates])
    row = sheet.rows.state[owner] if kind == "actor" else sheet.rows.need[owner, driver.target.split(".")[3]]
    return Driver(slot, target, row, np.searchsorted(dates, ticks, side="right"))
