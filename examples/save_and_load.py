"""How do I keep results and come back to them? Save, load, and look at the state between the events."""

import sys
import tempfile

import numpy as np

import negsim

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500

# `record` names what is kept besides the summary: events, and parts of the state at every tick.
ensemble = negsim.simulate("template", runs=runs, seed=1, record=("events", "resentment", "concession"))

with tempfile.TemporaryDirectory() as folder:
    ensemble.save(folder)  # events.parquet, summary.csv, scenario.toml, provenance.json, ...
    again = negsim.load_results(folder)

print("events:", "the same" if again.events.equals(ensemble.events) else "not the same")
print("made from scenario", again.provenance["scenario"], "with seed", again.provenance["seed"])

# Labelled arrays: a dimension for the ticks, one for the runs, one for what was recorded.
state = again.to_xarray()
print("dimensions of resentment:", *state["resentment"].dims)
lowland = state["resentment"].sel(pair="Lowland>Upland")
print("what Lowland holds against Upland, median:", end=" ")
print(*(f"{year}: {np.median(lowland.sel(tick=f'{year}-01-01')):.1f}" for year in (2000, 2003, 2006)), sep="  ")
