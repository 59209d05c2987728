"""How does the outcome depend on the numbers? A sweep that survives a crash, and what it says."""

import sys
import tempfile
from pathlib import Path

import negsim

if __name__ == "__main__":  # worker processes may import this file
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())

    # Every combination of levels. Run r has the same clocks at every point, so differences are hardly noise.
    # workers=2 computes in two processes, executor=client.get_executor() on a Dask cluster: the same numbers.
    points = negsim.Design.grid({"raids": [0.05, 0.2, 0.8], "actor.Upland.power": [0.5, 2.0]})
    done = negsim.sweep("template", points, runs=runs, seed=1, store=folder / "raids")
    print(f"{len(done.design)} points, {done.share_done:.0%} done")

    # Whoever runs it again goes on where it stopped; a larger sweep begins with this one.
    done = negsim.expand_sweep(folder / "raids", runs=2 * runs)
    table = done.to_frame(["agree.river_talks"])
    for point in table.itertuples():
        print(f"raids {point.raids:4.2f} a year, accord: {point.probability:.2f} ± {point.probability_mcse:.2f}")

    # The same as labelled arrays, with the numbers as dimensions.
    accord = done.to_xarray(["agree.river_talks"])["probability"].mean("actor.Upland.power")
    print(accord.sel(event="agree.river_talks").round(2).to_series().to_dict())
