"""What would have happened otherwise, given all that the article tells? A fit, and history run again on its own clocks.

python examples/look_back.py [RUNS [QUESTION ...]]     # the fit is kept in out/fit (or is that of `make demo`)
"""

import sys
from pathlib import Path

import negsim
from negsim.plots import draw_outcomes

CASE, TOLD, OUT = "beijing-1999", "article", Path("out")
runs = int(sys.argv[1]) if len(sys.argv) > 1 else 300
wanted = sys.argv[2:] or ["no-rocket"]

if (OUT / "fit").is_dir():
    posterior = negsim.Posterior.load(OUT / "fit")
else:  # some minutes, once
    posterior = negsim.fit(CASE, TOLD, seed=1, particles=100, engine="auto")
    posterior.save(OUT / "fit")

for name in wanted:
    # Each run has a draw of the numbers and, with it, of every date and move that the article leaves open.
    answer = negsim.counterfactual(CASE, posterior, name, given=TOLD, seed=1, runs=runs, products=["retrospective"])
    answer.save(OUT / "look-back" / name)
    draw_outcomes(answer).savefig(OUT / "look-back" / f"{name}.png")
    print(answer.headline())

print(
    f"\n{runs} draws of {posterior.method} on `{TOLD}`; ± is one standard error of the draws. Looking back, without the"
)
print(
    f"change every history returns exactly ({'yes' if answer.returned else 'NO'}). What clocks would have read in the"
)
print("other world is assumed, not known: clocks that start afresh are told beside it. `answer.text()` says all of it.")
