"""What happens next? One step: hazards of the state, the next event, its effects.

Everything here works on whole batches, elementwise along the last axis, so that a column comes out the same to the bit
whatever stands beside it. Names, files and seeds are unknown here. The equations are in docs/model.md, sections 4 to 7.
"""

from negsim.kernel.arithmetic import add_halves, add_up, evaluate_formula, narrow, short_buffers
from negsim.kernel.choice import choose, run_clocks
from negsim.kernel.effects import Happened, advance, apply, pass_tick
from negsim.kernel.hazards import Outlook, Packages, evaluate, hazards_of, total_hazard
from negsim.kernel.quantities import driven, needs

__all__ = [
    "Happened",
    "Outlook",
    "Packages",
    "add_halves",
    "add_up",
    "advance",
    "apply",
    "choose",
    "driven",
    "evaluate",
    "evaluate_formula",
    "hazards_of",
    "narrow",
    "needs",
    "pass_tick",
    "run_clocks",
    "short_buffers",
    "total_hazard",
]
