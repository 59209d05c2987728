"""Where does each fact of the compiled world stand in one row of whole numbers (T), and a run's own in another (S)?

A table of rows is flat, row after row. A list of lists is two tables: where each list begins (one entry more than there
are lists) and what the lists hold, one after the other. What is wanted is told by rows of bits, in a third row (W).
Runs that are computed abreast share their lists (L). A holds the whole numbers of all of them, LANES side by side for
each fact, and after these the lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Tables(NamedTuple):
    """Sizes of the world, and the first index in T of every table."""

    # -- sizes
    channels: int
    concessions: int
    demands: int
    dense: int
    moves: int
    ticks: int
    agenda_length: int
    flows: int
    gates: int
    whiles: int
    acts: int
    needs: int
    pairs: int
    memories: int
    decays: int
    drivers: int
    overdues: int
    seats: int
    voters: int
    packages: int
    benefits: int
    givers: int
    means: int
    exponents: int
    log_rates: int
    signatures: int
    approvals: int
    first_step: int
    """Row of the first bargained step among the factors; those of approvals follow those of all concessions."""
    arguments: int
    """Most arguments that a formula has."""
    engaged_pairs: int
    states: int
    allies: int
    groups: int
    """Groups of events in a summary."""
    choices: int
    """Dense moves, an accord in each channel, packages."""
    switches: int
    """What decides which moves are possible: channels, concessions, demands, what always is, approvals, and whether a
    channel may agree."""
    words: int
    """Words of bits that say what is wanted, a multiple of WORDS_ABREAST."""
    most_items: int
    """Items of the largest package."""
    most_rates: int
    """Log rates of the longest sum."""
    # -- how many formulas speak to a place
    trust_count: int
    benefit_count: int
    exponent_count: int
    giver_count: int
    log_rate_count: int
    approval_count: int
    # -- calendar
    tick_month: int
    # -- events
    event: int
    """Rows of EVENT_COLUMNS."""
    effect_first: int
    effect_row: int
    effect_add: int
    effect_scale: int
    group: int
    # -- channels and concessions
    agenda: int
    agenda_side: int
    consent_rule: int
    demand_channel: int
    gate_channel: int
    gate_wanted: int
    gate_all: int
    gate_hard: int
    gate_first: int
    gate_item: int
    gate_active: int
    while_row: int
    while_channel: int
    held_by: int
    answers: int
    answer_first: int
    answer_concession: int
    """The concessions that answer each demand."""
    breaks: int
    flow_concession: int
    flow_stock: int
    flow_of: int
    # -- what is wanted
    switch: int
    """For each dense move, and for an accord in each channel, the switch that decides whether it is possible."""
    asker_first: int
    asker_choice: int
    """The moves and accords for which the surplus of each channel is asked."""
    always_asked: int
    """Whether it is asked for always."""
    always: int
    """Where in W the row begins that says what is wanted always; before it stand those of moves, accords, packages."""
    allowed: int
    """Where in W the codes stand at which each move and accord is possible, as bits."""
    piece_first: int
    """The bits of each kind lie in so many words: in pieces."""
    piece_word: int
    piece_base: int
    """Row of the thing whose bit is the lowest of the word."""
    piece: int
    """Where in W their masks stand."""
    kind_list: int
    """First index in S of the list of each kind."""
    # -- moves
    base: int
    second: int
    signature: int
    """Where in V the log rates of each sum stand, as many in a row as the longest has."""
    # -- packages
    package_channel: int
    member_first: int
    member_item: int
    """The concessions in each package."""
    channel_first: int
    agree_signature: int
    seat_first: int
    seat_state: int
    voter: int
    """Where in V a voter's reservation and what it adds up stand: rows of one length, by voter, side and package."""
    # -- utilities
    benefit_pair: int
    benefit_chi: int
    benefit_need: int
    giver_exponent: int
    giver_concession: int
    care_need: int
    return_first: int
    return_entry: int
    return_item: int
    return_pair: int
    mean_first: int
    mean_row: int
    alone: int
    alone_state: int
    # -- relations
    engaged_first: int
    engaged_item: int
    seated_first: int
    seated_item: int
    ally_first: int
    ally_entry: int
    ally_engaged: int
    share_first: int
    share_entry: int
    share_concession: int
    restraint_first: int
    restraint_item: int
    pressure_first: int
    pressure_item: int
    pain_first: int
    pain_item: int
    pain_size: int
    # -- approvals
    approve_state: int
    approve_side: int
    uncertain: int
    # -- memory
    decay_of: int
    overdue_first: int
    overdue_entry: int
    overdue_memory: int
    overdue_concession: int
    driver_row: int
    driver_target: int
    driver_multiplies: int
    driver_slot: int
    driver_step: int
    # -- formulas: for each place, rows of PROGRAM_COLUMNS
    trust: int
    benefit: int
    exponent: int
    giver: int
    log_rate: int
    approval: int
    argument: int
    """Rows of indices in V, as many in a row as any formula has arguments."""


class Stand(NamedTuple):
    """First index of everything that a run keeps as whole numbers (S), and of the lists of some runs abreast (L)."""

    # -- the state
    tick: int
    channel: int
    table: int
    consent: int
    awaiting: int
    stage: int
    frozen: int
    begun: int
    completions: int
    demand: int
    # -- how far it has come
    column: int
    """Which column it is."""
    fresh: int
    """Whether it has just been taken."""
    going: int
    ticked: int
    """Whether the last step was a tick."""
    pending: int
    """The move whose clock is to be renewed, or -1."""
    ring: int
    """Where somebody interferes: the move whose clock rings first, or -1."""
    pushed: int
    """The forced move that comes next, by its row; then the one that comes first of all, or -1."""
    allowed: int
    """Whether the state allows it."""
    given: int
    """How many of the given moves it has made."""
    period: int
    """In which period of the coverage it is."""
    # -- what is counted
    rings: int
    counts: int
    first_days: int
    made: int
    # -- what is read off the state of all runs
    code: int
    """The code of each switch, as a bit."""
    # -- of the lists: for which runs something is so, as bits
    possible: int
    """Each dense move,"""
    agreeable: int
    """an accord in each channel,"""
    enabled: int
    """and each package: its items are on offer, and it may be agreed on or the surplus of its channel is asked for."""
    stood: int
    """Each concession in force, held, answering and standing (one after the other in one word)."""
    available: int
    """Each concession may be tabled."""
    open: int
    raised: int
    blocked: int
    """A hard gate blocks each channel."""
    met: int
    """Its active gates are all met."""
    waiting: int
    # -- what is wanted: bits, and lists of what is to be computed; their lengths stand in `lengths`
    choices: int
    """What any run may choose."""
    words: int
    new_words: int
    moves: int
    """Dense moves that are possible, then packages that may be agreed on now."""
    steps: int
    signatures: int
    log_rates: int
    pains: int
    surplus: int
    exponents: int
    concessions: int
    benefits: int
    givers: int
    means: int
    agreeing: int
    rate_first: int
    """Where the listed rows of each formula of log rates begin."""
    packages: int
    package_first: int
    """Where each channel's packages begin among those listed."""
    counting: int
    """0, 1, 2, ...: the list of all rows."""
    lengths: int
    size: int


EVENT_COLUMNS = (
    "event_channel", "event_side", "event_concession", "event_demand", "event_act", "new_channel", "new_stage",
    "new_begun", "new_frozen", "completes", "ends", "drops", "approves", "rejects", "package_bits",
)  # fmt: skip
PROGRAM_COLUMNS = 4
"""Number of the formula, its first row of arguments, the first row it speaks of, the row after the last."""

KINDS = (
    "moves", "agreeing", "packages", "steps", "signatures", "log_rates", "pains", "surplus", "exponents", "concessions",
    "benefits", "givers", "means",
)  # fmt: skip
"""What may be wanted: first what may be chosen, then what belongs to it; surplus and agreeing are channels."""
(
    MOVES, AGREEING, PACKAGES, STEPS, SIGNATURES, LOG_RATES, PAINS, SURPLUS, EXPONENTS, CONCESSIONS, BENEFITS, GIVERS,
    MEANS,
) = range(len(KINDS))  # fmt: skip
OVERDUE_ONES, ACTIVE = range(len(KINDS), len(KINDS) + 2)
"""Lengths besides those of the lists of each kind; the active moves are the dense ones and the packages after them."""
NO, YES = 1, 2
"""Codes of what is one or the other, as bits."""
LANES = 16
"""Runs that are computed abreast; a power of 2."""
ALL = (1 << LANES) - 1
"""Mask of what holds for all of them."""
WORDS_ABREAST = 8
"""Words of bits that are united by one instruction."""
OVER, GOING, EXPLODED, BEGINS = range(4)
"""Whether a lane's column goes on, or begins at the next re-evaluation."""
TICK, NOTHING = -1, -2
"""What may come instead of a move: the tick; time passes and nothing happens."""
KIND_COUNT = len(KINDS)
LENGTHS = KIND_COUNT + 2
WORD_BITS = 6
WORD = 1 << WORD_BITS
"""Bits of a word."""


def as_record(named: Any) -> Any:
    """Turn a named tuple of whole numbers into a record of the same names."""
    return np.array([tuple(named)], dtype=[(name, np.int64) for name in named._fields])[0]


def count_bits(sizes: Mapping[str, int]) -> list[int]:
    """First bit of each kind, and the number of bits."""
    first = [0]
    for kind in KINDS:
        first.append(first[-1] + size_of(kind, sizes))
    return first


def size_of(kind: str, sizes: Mapping[str, int]) -> int:
    """How many things of a kind there are."""
    return sizes[{"moves": "dense", "steps": "concessions", "pains": "channels", "surplus": "channels",
                  "agreeing": "channels"}.get(kind, kind)]  # fmt: skip
