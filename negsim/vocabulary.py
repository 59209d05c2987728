"""Which words does the model speak: kinds of concession, stages, moves, and when a move is possible?

Everything here is a table that the compiler, the checks and the documentation read; nothing here is code.
"""

from __future__ import annotations

from typing import Final

# -- stages ------------------------------------------------------------------------------------------------------

CONCESSION_STAGES: Final = ("none", "tabled", "signed", "promised", "in_force", "suspended", "done")
NONE, TABLED, SIGNED, PROMISED, IN_FORCE, SUSPENDED, DONE = range(7)
STANDING: Final = (SIGNED, PROMISED, IN_FORCE, DONE)
"""Stages that count as given or owed: what `in_return_for` and gates look at."""

CHANNEL_STAGES: Final = ("closed", "planned", "open", "in_session")
CLOSED, PLANNED, OPEN, IN_SESSION = range(4)

DEMAND_STAGES: Final = ("dormant", "raised")
DORMANT, RAISED = range(2)

# -- kinds of concession -----------------------------------------------------------------------------------------

CONCESSION_KINDS: Final = ("act", "flow", "restraint", "process")

CONCESSION_MOVES: Final[dict[str, tuple[str, ...]]] = {
    "act": ("pledge", "begin", "renege", "freeze", "lift"),
    "flow": ("pledge", "begin", "suspend", "resume", "renege", "freeze", "lift"),
    "restraint": ("pledge", "begin", "withdraw", "renege", "freeze", "lift"),
    "process": ("pledge", "begin", "stall", "resume", "complete", "renege", "freeze", "lift"),
}
"""Moves a giver has, by kind of concession."""

CONCESSION_MOVE_STAGES: Final[dict[str, tuple[int, ...]]] = {
    "pledge": (NONE,),
    "begin": (PROMISED,),
    "suspend": (IN_FORCE,),
    "stall": (IN_FORCE,),
    "resume": (SUSPENDED,),
    "complete": (IN_FORCE,),
    "withdraw": (IN_FORCE,),
    "renege": (PROMISED,),
    "freeze": (NONE, TABLED, SIGNED, PROMISED, IN_FORCE, SUSPENDED),
    "lift": (NONE, TABLED, SIGNED, PROMISED, IN_FORCE, SUSPENDED, DONE),
}
"""Stages a concession must be in for each move."""

NEEDS_UNFROZEN: Final = ("pledge", "begin", "resume", "freeze")
NEEDS_FROZEN: Final = ("lift",)

# -- moves -------------------------------------------------------------------------------------------------------

JOINT_MOVES: Final = ("plan", "open", "meet", "adjourn", "close")
"""Moves of both sides of a channel together, besides `agree` (one move for each package)."""
SIDE_MOVES: Final = ("cancel", "walk_out", "approve", "reject")
"""Moves of one side of a channel."""
CHANNEL_MOVE_STAGES: Final[dict[str, tuple[int, ...]]] = {
    "plan": (CLOSED,),
    "open": (PLANNED,),
    "meet": (OPEN,),
    "adjourn": (IN_SESSION,),
    "close": (OPEN,),
    "agree": (IN_SESSION,),
    "cancel": (PLANNED,),
    "walk_out": (OPEN, IN_SESSION),
    "approve": (CLOSED, PLANNED, OPEN, IN_SESSION),
    "reject": (CLOSED, PLANNED, OPEN, IN_SESSION),
}

BARGAINED_STEPS: Final = ("pledge", "begin", "resume", "lift")
"""Unilateral steps that carry the giver's logistic of utility."""

MOVE_KINDS: Final = (
    *JOINT_MOVES,
    "agree",
    *SIDE_MOVES,
    "raise",
    "act",
    "pledge",
    "begin",
    "suspend",
    "stall",
    "resume",
    "complete",
    "withdraw",
    "renege",
    "freeze",
    "lift",
)
"""Kinds of move that have a hazard."""

CONSEQUENCES: Final = ("delivered", "broken", "lapsed")
"""What follows from a move or a timer without a hazard of its own: a flow shipped whole, a restraint broken by the
act it forbids, a restraint ended because its channel closed."""

CONSENT_RULES: Final = ("before_signature", "after", "none")
TICKS: Final = ("month", "week", "day")

DEFAULT_TERMS: Final = (
    "ripeness",
    "resentment",
    "audience",
    "credibility",
    "ratification",
    "alignment",
    "sequencing",
    "demand",
    "brinkmanship",
    "season",
    "mediation",
    "commitment",
)

DAYS_PER_YEAR: Final = 365.25
EXPONENT_LIMIT: Final = 50.0
"""Every exponent of the model is kept within plus or minus this, so that no hazard overflows."""
