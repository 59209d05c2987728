"""What if one number were different? The same clocks, run by run, with and without the change."""

import sys

import numpy as np

import negsim

runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
CHANGE = {"moratorium_worth": 2.0}  # a named parameter of the case; any key path does as well

as_it_is = negsim.simulate("beijing-1999", runs=runs, seed=1)
changed = negsim.simulate("beijing-1999", runs=runs, seed=1, params=CHANGE)


def happened(ensemble: negsim.Ensemble, kind: str, **parts: str) -> np.ndarray:
    """For each run, whether such an event happens in it."""
    events = ensemble.events[ensemble.events["kind"] == kind]
    for part, name in parts.items():
        events = events[events[part] == name]
    return np.isin(np.arange(ensemble.runs), events["run"])


print(f"The missile moratorium worth twice as much to the others, {runs:,} runs: change in probability")
for words, kind, parts in (
    ("moratorium begins", "begin", {"subject": "moratorium"}),
    ("Japan and North Korea sit down", "meet", {"channel": "official"}),
    ("a missile is tested", "act", {"subject": "missile_test"}),
):
    # Run r draws on the same clocks in both, so most of the noise goes out with the difference.
    difference = happened(changed, kind, **parts).astype(float) - happened(as_it_is, kind, **parts)
    print(f"  {words:<32} {difference.mean():+.3f} ± {difference.std(ddof=1) / np.sqrt(runs):.3f}")
