"""What do the questions that ship with the case have for answers? One sentence and one picture each.

python examples/what_ifs.py [RUNS [QUESTION ...]]      # pictures go to out/what-ifs
"""

import sys
from pathlib import Path

import negsim
from negsim.plots import draw_outcomes

CASE, OUT = "beijing-1999", Path("out/what-ifs")
runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
wanted = sys.argv[2:] or list(negsim.what_ifs(CASE))

OUT.mkdir(parents=True, exist_ok=True)
for name in wanted:
    # `None`: the case's own numbers, where a posterior could stand; "history": the one that ships, with exact dates.
    answer = negsim.counterfactual(CASE, None, name, given="history", seed=1, runs=runs)
    print(answer.headline())
    draw_outcomes(answer).savefig(OUT / f"{name}.png")

print(f"\n{runs} pairs of histories; ± is one standard error. Looking back assumes that clocks keep their readings:")
print("that is not in the data, so clocks that start afresh are told beside it. `answer.text()` says all of it.")
