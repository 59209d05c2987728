"""What does a mediator change? One who vouches makes accords likelier; one who leans makes them lean.

Kydd (2003), Buzard and Horne (2019). Left: a mediator who takes half of every doubt away. Right: who adds something.
"""

import sys

import numpy as np
from matplotlib.figure import Figure

import negsim

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
rivals = negsim.load_scenario(__file__.replace("mediator.py", "rivals.toml"))
TRUST, BIAS = [0.1, 0.3, 0.5, 0.7, 0.9], {-2.0: "leans to South", 0.0: "leans to nobody", 2.0: "leans to North"}


def first_accords(trust, reliability, bias):
    change = {"regard.0.credibility": trust, "regard.1.credibility": trust}
    change |= {"channel.table.reliability": reliability, "channel.table.bias": np.repeat(bias, runs)}
    events = negsim.simulate(rivals, runs=runs * len(bias), seed=1, params=change).events
    return events[events["kind"] == "agree"].groupby("run").first()["subject"].astype(str)


left, right = (figure := Figure((9, 4.4), layout="constrained")).subplots(1, 2)
for reliability, colour, label in ((0.0, "#D55E00", "no mediator"), (0.5, "#0072B2", "a mediator who vouches")):
    accords = first_accords(np.repeat(TRUST, runs), reliability, [0.0] * len(TRUST))
    shares = np.bincount(accords.index // runs, minlength=len(TRUST)) / runs
    left.errorbar(TRUST, shares, 2 * np.sqrt(shares * (1 - shares) / runs), color=colour, marker="o", label=label)
    print(f"{label:<23} accord in {shares[0]:.0%} of runs at trust 0.1, {shares[-1]:.0%} at 0.9")
accords = first_accords(0.5, 0.5, list(BIAS))
for item, colour, way in (("money", "#009E73", 1), ("rights", "#CC79A7", -1)):
    added = accords.str.contains(item).groupby(accords.index // runs)
    right.barh(list(BIAS.values()), way * added.mean(), xerr=2 * added.sem(), color=colour)
left.set(ylim=(0, 1), xlabel="trust in each other at the start", ylabel="share of runs with an accord")
left.legend()
right.set(xlim=(-0.7, 0.7), xlabel="North adds rights   |   South adds money\n(share of accords, 2 standard errors)")
figure.suptitle("What does a mediator change?", fontweight="bold")
figure.savefig("mediator.png", dpi=100)
