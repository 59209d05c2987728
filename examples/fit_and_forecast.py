"""What do dated events teach, and what comes next? Fit a case to its chronology, forecast a year, draw one picture.

With a case and events of your own: python fit_and_forecast.py my-case.toml events.csv
"""

import datetime as dt
import sys

import negsim
from negsim.plots import draw_forecast

case = negsim.load_scenario(sys.argv[1] if len(sys.argv) > 1 else "beijing-1999")
told = negsim.load_chronology(case, sys.argv[2] if len(sys.argv) > 2 else None)  # None: the case's own
futures = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
print("\n".join(told.report().splitlines()[:4]))  # what became of the rows, and what they leave open

# The case says which numbers may be learned and what is thought of them beforehand. Half a minute where the compiled
# engine is installed, minutes elsewhere; it refuses to answer where its draws are not to be trusted.
posterior = negsim.fit(case, told, seed=1, engine="auto")
posterior.save("fit")  # negsim.Posterior.load("fit") brings it back
print(posterior.summary()[["q05", "q50", "q95", "contraction", "contraction_mcse"]].round(2).to_string())
for says in ("learned", "moved", "cannot tell", "prior-driven"):
    names = [name for name, verdict in zip(posterior.names, posterior.verdicts(), strict=True) if verdict == says]
    print(f"{says}: {', '.join(names) or 'nothing'}")

# Futures begin where the events end. The second forecast has the same past and numbers from the prior: where both agree
# within their errors, the forecast follows from what was written into the case and not from the events.
until = told.until + dt.timedelta(days=365)
ahead, unlearned = (
    negsim.forecast(case, posterior, told, until=until, runs=futures, seed=1, parameters=source)
    for source in ("posterior", "prior")
)
table = ahead.answers()[["question", "probability", "error", "date_50"]]
before = unlearned.answers()
apart = (table["probability"] - before["probability"]).abs() > 2 * (table["error"] ** 2 + before["error"] ** 2) ** 0.5
table["says"] = apart.map({True: "learned", False: "prior-driven"})
print(table.round(3).to_string(index=False, na_rep="never"))

draw_forecast(ahead, unlearned).savefig("forecast.png")
