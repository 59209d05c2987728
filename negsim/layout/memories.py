"""What is remembered, and how does it fade? Memories of pairs of states, stocks of goods, overdue promises, trust."""

from __future__ import annotations

from negsim.layout.arguments import About
from negsim.layout.formulas import Decays, Gathered, Overdue, unchanged
from negsim.layout.rows import Fields, integers, make_sums
from negsim.layout.sheet import Sheet
from negsim.state import Program, Source
from negsim.terms.term import Memory, Term


def lay_memories(sheet: Sheet) -> Fields:
    """Lay out the rows of memory: those of each term, the stocks, and one that catches what concerns nobody."""
    memories = _memories(sheet)
    pairs, stocks = len(sheet.rows.pair), len(sheet.rows.need)
    first = len(memories) * pairs
    _add_decays(sheet)
    _add_starts(sheet)
    by_memory = [number for number in range(len(memories)) for _ in range(pairs)]
    by_row = range(len(memories), len(memories) + stocks + 1)
    return {
        "memories": sheet.memories,
        "stocks": slice(first, first + stocks),
        "decay_of": integers([*by_memory, *by_row]),
        "trust": _trust(sheet),
        **_overdue(sheet),
    }


def _memories(sheet: Sheet) -> list[tuple[Term, Memory]]:
    return [(term, memory) for term in sheet.terms for memory in term.memories]


def _add_decays(sheet: Sheet) -> None:
    gathered = Gathered()
    for term, memory in _memories(sheet):
        gathered.add(memory.half_life_days, sheet.find_numbers(term, memory.half_life_days, [About()]))
    halves = [(f"good.{good}.need.{state}.half_life_days",) for good, state in sheet.rows.need]
    sheet.add_slot("decay", *gathered.columns, *halves, formula=Decays(gathered.parts, len(halves)))


def _add_starts(sheet: Sheet) -> None:
    rows = sheet.rows
    starts = [
        rows.regard_path(holder, toward, memory.start, "=0") if memory.start else "=0"
        for _, memory in _memories(sheet)
        for holder, toward in rows.pair
    ]
    stocks = [f"good.{good}.need.{state}.stock" for good, state in rows.need]
    sheet.add_slot("memory_start", [*starts, *stocks, "=0"])


def _overdue(sheet: Sheet) -> Fields:
    """Find which rows of memory promises overdue feed."""
    rows, gathered = sheet.rows, Gathered()
    groups: dict[int, list[int]] = {}
    promised: list[str] = []
    worths: list[str] = []
    for term, memory in _memories(sheet):
        if memory.overdue is None:
            continue
        for name, concession in rows.scenario.concession.items():
            for holder in concession.worth:
                row = sheet.memories[memory.name].start + rows.pair[holder, rows.giver(name)]
                groups.setdefault(row, []).append(len(promised))
                promised.append(name)
                worths.append(f"concession.{name}.worth.{holder}")
                gathered.add(memory.overdue, sheet.find_numbers(term, memory.overdue, [About()]))
    sheet.add_slot("overdue", *gathered.columns, worths, formula=Overdue(gathered.parts))
    return {
        "overdue_memory": integers(groups),
        "overdue_sums": make_sums(list(groups.values()), len(promised)),
        "overdue_concession": integers(rows.concession[name] for name in promised),
    }


def _trust(sheet: Sheet) -> Program:
    """Make trust a program over pairs; without a term of trust it stays at its prior."""
    rows = sheet.rows
    default = "term.credibility.prior_mean"
    priors = [rows.regard_path(holder, toward, "credibility", default) for holder, toward in rows.pair]
    prior = Source(sheet.add_slot("trust_prior", priors))
    for term in sheet.terms:
        if term.trust is not None:
            abouts = [About(actor=holder, counterpart=toward) for holder, toward in rows.pair]
            return sheet.program(term, term.trust.formula, abouts, given={"prior": prior})
    return Program(unchanged, (prior,), None)
