"""How does one ask on, in Python? The tutorial's results, after its commands have been typed in the same folder."""

import datetime as dt

import negsim

# [simulate]
harbour = negsim.load_scenario("harbour.toml")
ensemble = negsim.simulate(harbour, runs=200, seed=1)
seizures = ensemble.events[ensemble.events["subject"] == "seizure"]
print(f"{len(seizures) / ensemble.runs:.1f} boats seized in five years, on average over {ensemble.runs} histories")

# [fit]
told = negsim.load_chronology(harbour, "events.csv")
posterior = negsim.Posterior.load("out/fit")
# or: posterior = negsim.fit(harbour, told, seed=1, particles=60, runs=2)
print(posterior.summary()[["mean", "mcse", "contraction", "says"]].round(2).to_string())

# [forecast]
ahead = negsim.forecast(harbour, posterior, told, until=dt.date(2016, 12, 31), runs=200, seed=1)
print(ahead.answers(["act:coast::seizure"])[["question", "probability", "error"]].round(2).to_string(index=False))

# [end]
