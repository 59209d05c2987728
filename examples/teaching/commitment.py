"""Why is a good deal not made? The commitment problem: what is given for ever, to one who grows stronger by it.

Fearon (1995), Powell (2006): land cannot be taken back, and it shifts power to South. The more it shifts, and the less
North trusts South, the rarer the deal, although both would gain by it on the day.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import negsim

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
rivals = negsim.load_scenario(__file__.replace("commitment.py", "rivals.toml"))
SHIFTS = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 8.0])
TRUST = {0.2: ("#D55E00", "North trusts South little (0.2)"), 0.8: ("#0072B2", "North trusts South much (0.8)")}
figure = Figure((7, 4.4), layout="constrained")
axes = figure.subplots()
for trust, (colour, label) in TRUST.items():
    # One call: a number for each run, the first `runs` of them with the first shift, and so on.
    change = {"regard.0.shift": np.repeat(SHIFTS, runs), "regard.0.credibility": trust, "term.commitment.theta": 1.0}
    events = negsim.simulate(rivals, runs=runs * len(SHIFTS), seed=1, params=change).events
    given = events[(events["kind"] == "begin") & (events["subject"] == "land")]["run"].unique()
    shares = np.bincount(given // runs, minlength=len(SHIFTS)) / runs
    errors = 2 * np.sqrt(shares * (1 - shares) / runs)
    axes.errorbar(SHIFTS, shares, errors, color=colour, marker="o", lw=2, capsize=3, label=label)
    print(f"{label}: land given in {shares[0]:.0%} of runs if power stays, {shares[-1]:.0%} if it shifts by 8")
axes.set(ylim=(0, 0.6), xlabel="how far power shifts to South once the land is given (utility)")
axes.set(ylabel="share of runs in which it is given\n(two Monte-Carlo errors)")
axes.legend(frameon=False)
figure.suptitle("Why is a good deal not made? The commitment problem", fontweight="bold")
figure.savefig("commitment.png", dpi=100)
