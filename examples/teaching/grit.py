"""Does it pay to give first? GRIT, tit-for-tat and a hard line, played by North against the same South.

Osgood (1962): graduated and reciprocated initiatives in tension-reduction. The three strategies are three settings of
North's own numbers; South, the border and the random clocks are the same.
"""

import sys

from matplotlib.dates import YearLocator
from matplotlib.figure import Figure

import negsim

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
rivals = negsim.load_scenario(__file__.replace("grit.py", "rivals.toml"))
STRATEGIES = {  # North's restraint: how often it is offered, at what cost to North; how often North raids
    "Hard line: gives nothing, raids twice as often": ("#D55E00", 0.0, 1.5, 1.6),
    "Tit-for-tat: keeps quiet if South does": ("#0072B2", 1.0, 2.5, 0.8),
    "GRIT: keeps quiet first, and again after a blow": ("#009E73", 6.0, -1.0, 0.8),
}
figure = Figure((9, 4.4), layout="constrained")
held, raids = figure.subplots(1, 2)
for number, (label, (colour, pledge, cost, raid)) in enumerate(STRATEGIES.items()):
    north = {"concession.north_quiet.rates.pledge": pledge, "concession.north_quiet.cost": cost}
    north["coercion.north_raid.rates.act"] = raid
    ensemble = negsim.simulate(rivals, runs=runs, seed=1, params=north, record=("events", "resentment"))
    resentment = ensemble.to_xarray()["resentment"].sel(pair="south>north")
    held.plot(resentment["tick"], resentment.mean("run"), color=colour, lw=2, label=label)
    held.fill_between(resentment["tick"], *resentment.quantile([0.1, 0.9], "run"), color=colour, alpha=0.15, lw=0)
    counts = (ensemble.events["subject"] == "south_raid").groupby(ensemble.events["run"]).sum()
    error = counts.std() / runs**0.5
    raids.barh(-number, counts.mean(), xerr=2 * error, color=colour)
    print(f"{label:<50} raids by South in ten years: {counts.mean():.1f} ± {error:.1f}")
held.xaxis.set_major_locator(YearLocator(2))
held.set(title="What South holds against North", ylabel="resentment: mean, and 80% of the runs")
raids.set(title="Raids by South in ten years", xlabel="mean, with two Monte-Carlo errors", yticks=[])
figure.legend(loc="outside lower center", frameon=False)
figure.suptitle("Does it pay to give first?", fontweight="bold")
figure.savefig("grit.png", dpi=100)
