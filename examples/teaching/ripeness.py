"""When do rivals come to the table? Ripeness: pain on both sides, and a way out that both can see.

Zartman (1989). A harvest fails in South at the start of 2004 and is good again in 2006. With the theory switched on,
hunger brings talks about; switched off, talks come as often as ever.
"""

import datetime as dt
import sys

import numpy as np
from matplotlib.figure import Figure

import negsim

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
rivals = negsim.load_scenario(__file__.replace("ripeness.py", "rivals.toml"))
DATES, HUNGER = [dt.date(2000, 1, 1), dt.date(2004, 1, 1), dt.date(2006, 1, 1)], [0.0, 2.0, 0.0]
famine = {"target": "good.grain.need.south.shortfall", "dates": DATES, "values": HUNGER}
rivals = type(rivals).model_validate({**rivals.model_dump(by_alias=True), "driver": {"famine": famine}})
figure = Figure((8, 4.4), layout="constrained")
axes = figure.subplots()
for theta, colour, label in ((1.0, "#D55E00", "ripeness on"), (0.0, "#0072B2", "ripeness off")):
    ensemble = negsim.simulate(rivals, runs=runs, seed=1, params={"term.ripeness.theta": theta})
    planned = ensemble.events[ensemble.events["kind"] == "plan"]
    counts = np.bincount(planned["date"].dt.year - 2000, minlength=10) / runs
    axes.errorbar(
        np.arange(2000, 2010) + 0.5, counts, 2 * np.sqrt(counts / runs), color=colour, marker="o", label=label
    )
    during, before = counts[4:6].mean(), counts[1:4].mean()
    print(f"{label:<13} talks planned a year: {before:.2f} before the hunger, {during:.2f} in it")
axes.axvspan(2004, 2006, color="#E69F00", alpha=0.2, lw=0)
axes.text(2005, 0.02, "hunger in South", ha="center")
axes.set(ylim=(0, None), xlabel="year", ylabel="talks planned, per run and year\n(two Monte-Carlo errors)")
axes.legend(frameon=False)
figure.suptitle("When do rivals come to the table? Ripeness", fontweight="bold")
figure.savefig("ripeness.png", dpi=100)
