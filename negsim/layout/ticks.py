"""When are hazards looked at anew between moves? The ticks, and further dates that a run asks for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from negsim.calendar import day_number, tick_dates
from negsim.layout.rows import Fields
from negsim.scenario import Scenario


def lay_ticks(scenario: Scenario, extra_days: Sequence[float]) -> Fields:
    """Lay out the ticks, with the end behind them, and the month of each."""
    dates = tick_dates(scenario.start, scenario.end, scenario.tick)
    month_of = {day_number(scenario.start, date): date.month - 1 for date in dates}
    end = day_number(scenario.start, scenario.end) + 1.0
    ticks = sorted(day for day in {*month_of, *map(float, extra_days)} if day < end)
    months = [month_of[ticks[0]]]
    for day in ticks[1:]:
        months.append(month_of.get(day, months[-1]))  # what depends on the calendar is read at regular ticks only
    return {"tick_times": np.array([*ticks, end]), "tick_month": np.array(months)}
