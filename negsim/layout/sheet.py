"""What do the formulas work on? The slots of the parameters and the programs of the terms, as they are laid out.

A sheet is filled while the rooms of this package go over a scenario, one after the other. Every slot gets its name
here, and the kernel is told which of its quantities some formula asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from negsim.layout.arguments import NUMBERS, QUANTITIES, About, argument_names, find_lack
from negsim.layout.formulas import Gathered
from negsim.layout.rows import Rows, row_numbers
from negsim.numbers import Paths, Slot
from negsim.state import Program, Source
from negsim.terms.term import Formula, Term

Found = tuple[str, Any]
"""Where an argument is: ("path", key path) or (quantity, row number)."""
NOTHING: Mapping[str, Source] = {}


class UnknownArgument(ValueError):
    """A formula of a term asks for what does not exist, or not where it is used (`lack`: what is missing there)."""

    def __init__(self, term: str, argument: str, lack: str | None = None) -> None:
        self.term, self.argument, self.lack = term, argument, lack
        said = f"no quantity, memory or parameter is called {argument!r}"
        super().__init__(f"term {term!r}: {said if lack is None else f'{argument!r} needs {lack}'}")


class Sheet:
    """The slots made so far, and what makes them.

    Attributes
    ----------
    rows : Rows
        Names to row numbers.
    terms : sequence of Term
        The terms switched on, in order.
    memories : dict of str to slice
        Rows of each memory: one for each pair of states.
    slots : dict of str to Slot
        How each slot of the parameters is made.
    wants : set of str
        Quantities that some formula asks for, so that the kernel computes no others.
    allies : dict
        Row of easing by allies for each (actor, counterpart) that a formula asks for.
    """

    def __init__(self, rows: Rows, terms: Sequence[Term], shelf: Mapping[str, Term]) -> None:
        self.rows = rows
        self.terms = terms
        self.memories = _memory_slices(terms, len(rows.pair))
        self.slots: dict[str, Slot] = {}
        self.wants: set[str] = set()
        self.allies: dict[tuple[str, str], int] = {}
        self._known_memories = {memory.name for term in shelf.values() for memory in term.memories}

    # -- slots --

    def add_slot(
        self,
        name: str,
        *columns: Sequence[str],
        formula: Formula | None = None,
        shape: tuple[int, ...] | None = None,
    ) -> str:
        """Add a slot: a formula over columns of key paths, or one column as it is. Returns its name."""
        self.slots[name] = Slot(tuple(tuple(column) for column in columns), formula, shape)
        return name

    def gather(self, place: str, abouts: Sequence[About]) -> Gathered:
        """Gather what the terms say to a place whose formulas use numbers only."""
        gathered = Gathered()
        for term, formula in self._speakers(place):
            gathered.add(formula, self.find_numbers(term, formula, abouts))
        return gathered

    def find_numbers(self, term: Term, formula: Formula, abouts: Sequence[About]) -> list[Paths]:
        """Find the arguments of a formula that may not depend on the state."""
        columns = self._columns(term, argument_names(formula), abouts)
        if any(kind != "path" for column in columns.values() for kind, _ in column):
            name = getattr(formula, "__name__", str(formula))
            raise ValueError(f"term {term.name!r}: {name} may use numbers only, not the state")
        return [tuple(where for _, where in column) for column in columns.values()]

    # -- programs --

    def programs(self, place: str, abouts: Sequence[About]) -> tuple[Program, ...]:
        """Make the programs of all terms that speak to a place."""
        return tuple(self.program(term, formula, abouts) for term, formula in self._speakers(place))

    def program(
        self,
        term: Term,
        formula: Formula,
        abouts: Sequence[About],
        target: Any = None,
        given: Mapping[str, Source] = NOTHING,
    ) -> Program:
        """Make a formula over rows whose arguments may depend on the state; some arguments may be given."""
        names = argument_names(formula)
        columns = self._columns(term, [name for name in names if name not in given], abouts)
        sources = {name: self._source(term, column) for name, column in columns.items()} | dict(given)
        return Program(formula, tuple(sources[name] for name in names), target)

    def find(self, term: Term, name: str, about: About) -> Found:
        """Find one argument of a formula for one row.

        Raises
        ------
        UnknownArgument
            When the term asks for what does not exist.
        """
        if any(parameter.name == name for parameter in term.parameters):
            return "path", f"term.{term.name}.{name}"
        lack = find_lack(name, about, memory=name.removesuffix("_back") in self._known_memories)
        if lack is not None:
            raise UnknownArgument(term.name, name, lack)
        found = self._find_memory(name, about) or self._find_quantity(name, about)
        if found is None:
            raise UnknownArgument(term.name, name)
        return found

    # -- how arguments are found --

    def _speakers(self, place: str) -> list[tuple[Term, Formula]]:
        return [(term, slot.formula) for term in self.terms for slot in term.slots if slot.place == place]

    def _columns(self, term: Term, names: Sequence[str], abouts: Sequence[About]) -> dict[str, list[Found]]:
        return {name: [self.find(term, name, about) for about in abouts] for name in names}

    def _source(self, term: Term, column: Sequence[Found]) -> Source:
        kinds = {kind for kind, _ in column} or {"path"}
        if len(kinds) > 1:
            raise ValueError(f"term {term.name!r}: an argument mixes {sorted(kinds)}")
        places = [where for _, where in column]
        if kinds == {"path"}:
            return Source(self.add_slot(f"argument_{len(self.slots)}", places))
        return Source(kinds.pop(), row_numbers(places))

    def _find_memory(self, name: str, about: About) -> Found | None:
        """Find a memory's row; the memory of a term that is switched off is 0."""
        plain = name.removesuffix("_back")
        if name in self.memories:
            return "memory", self.memories[name].start + self.rows.pair[about.actor, about.counterpart]
        if plain in self.memories and plain != name:
            return "memory", self.memories[plain].start + self.rows.pair[about.counterpart, about.actor]
        return ("path", "=0") if plain in self._known_memories else None

    def _find_quantity(self, name: str, about: About) -> Found | None:
        if name in NUMBERS:
            return "path", NUMBERS[name](self.rows, about)
        if name == "ally":
            found = name, self.allies.setdefault((about.actor, about.counterpart), len(self.allies))
        elif name in QUANTITIES:
            quantity, find_row = QUANTITIES[name]
            found = quantity, find_row(self.rows, about)
        else:
            return None
        self.wants.add(found[0])
        return found


def _memory_slices(terms: Sequence[Term], pairs: int) -> dict[str, slice]:
    names = [memory.name for term in terms for memory in term.memories]
    return {name: slice(number * pairs, (number + 1) * pairs) for number, name in enumerate(names)}
