"""How do I write a scenario of my own? As Python objects here; as a file it is the same, and nothing gets lost."""

import datetime as dt
import sys
import tempfile
from pathlib import Path

import negsim

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000

# Fishing quotas against a search for missing boats. What is not written has a declared default.
quota = {"label": "Fishing quota", "giver": "north", "kind": "process", "worth": {"south": 2.0}, "cost": 1.0}
search = {"label": "Search for boats", "giver": "south", "kind": "act", "worth": {"north": 1.5}, "cost": 0.5}
scenario = negsim.Scenario(
    name="strait",
    title="Two fishing nations on one strait",
    start=dt.date(2001, 1, 1),
    end=dt.date(2005, 12, 31),
    actor={"north": {"label": "North"}, "south": {"label": "South", "audience": 0.5}},
    concession={"quota": quota, "search": search},
    channel={"talks": {"label": "Talks", "sides": [["north"], ["south"]], "agenda": ["quota", "search"]}},
    coercion={"seizure": {"label": "Seizure of a boat", "actor": "south", "hits": {"north": 0.5}}},
)

# Through a file and back. `negsim check strait.toml` would name every mistake in it at once.
with tempfile.TemporaryDirectory() as folder:
    again = negsim.load_scenario(negsim.save_scenario(scenario, Path(folder) / "strait.toml"))
print("through a file and back:", "the same" if again == scenario else "not the same")

for event in negsim.simulate(scenario, runs=runs, seed=1).summary().itertuples():
    if event.kind in ("open", "agree", "begin", "walk_out"):
        print(f"{event.kind:8} {event.channel or event.subject:6} by {event.actor}: {event.probability:.1f}")
