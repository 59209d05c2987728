"""What did the clocks say in a history that happened? Their readings, and clocks that ring again as they did.

Replaying a history gives the reading of every clock at each of its rings: that *is* its wait E. A clock that had not
rung by the end of the record had E above its reading; what is above it is exponential again, so it is drawn afresh from
an address, and is the same with and without an intervention (docs/model.md, section 9).

Rounding must not move what is unchanged: a column that no intervention has touched yet follows its record date by date,
and later a ring that is due where the record has it, to nine digits of its wait, takes the date of the record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from negsim.compiler import Compiled
from negsim.ensemble import TICK, moments
from negsim.history import Stacked
from negsim.interference import Interfering, Plan, reach
from negsim.kernel import Outlook, choose
from negsim.replays import Given
from negsim.state import Flags, Floats, Ints, Parameters, State
from negsim.streams import Clocks

PURPOSE_AFTER = 51
"""Address of the waits of what had not rung by the end of the record."""
PURPOSE_FRESH = 52
"""Address of clocks that start afresh where histories part (the other coupling)."""
SAME = 1e-9
"""Share of a wait within which a ring is due where the record has it."""
SHORTEST = 1e-300


@dataclass(frozen=True)
class Recollection:
    """Readings of the clocks in given histories, a column each.

    Attributes
    ----------
    compiled : Compiled
        The world in which the histories happened.
    histories : Stacked
    waits : array, shape (longest, columns)
        E of each ring: hazard gathered since the ring of the same clock before it.
    rest : array, shape (moves, columns)
        Hazard gathered since each clock's last ring, at the end of the record.
    """

    compiled: Compiled
    histories: Stacked
    waits: Floats
    rest: Floats

    def select(self, columns: Ints) -> Recollection:
        """Take some of the histories."""
        return Recollection(
            self.compiled, self.histories.select(columns), self.waits[:, columns], self.rest[:, columns]
        )

    def follow(self) -> tuple[Ints, Ints]:
        """Where each clock rings first, shape (moves, columns), and next after each ring; -1 for not again."""
        columns = np.arange(self.histories.columns)
        following = np.full(self.waits.shape, -1, dtype=np.int64)
        first = np.full(self.rest.shape, -1, dtype=np.int64)
        for place in range(len(self.waits) - 1, -1, -1):
            there = self.histories.moves[place] >= 0
            moves, where = self.histories.moves[place, there], columns[there]
            following[place, where] = first[moves, where]
            first[moves, where] = place
        return first, following


def read_clocks(compiled: Compiled, parameters: Parameters, histories: Stacked, until: float) -> Recollection:
    """Read every clock off given histories.

    Parameters
    ----------
    histories : Stacked
        A column for each run: all that happened until the end of the record.
    until : float
        End of the record, in days.

    Raises
    ------
    ValueError
        When a history is impossible; the message says which move and why.
    """
    reading = Reading(compiled, histories)
    state = compiled.start(parameters, histories.columns)
    for _ in moments(compiled.world, parameters, state, reading, until):
        pass
    if reading.problems:
        raise ValueError("a history cannot have been: " + "; ".join(list(dict.fromkeys(reading.problems))[:3]))
    return Recollection(compiled, histories, reading.waits, reading.gathered)


class Reading(Given):
    """Follows histories and reads the clocks: hazard gathered since each one's last ring."""

    def __init__(self, compiled: Compiled, histories: Stacked) -> None:
        super().__init__(compiled, histories, histories.columns)
        self.waits = np.zeros((len(histories.days) - 1, histories.columns))
        self.gathered = np.zeros((compiled.world.moves, histories.columns))

    def choose(self, outlook: Outlook, state: State, horizon: Floats, until: float) -> tuple[Ints, Floats]:
        """Name the next given move, and let the clocks gather until then."""
        stopped, place = self._stopped.copy(), self._next.copy()
        events, elapsed = super().choose(outlook, state, horizon, until)
        inside = state.time + elapsed < until
        spent = np.where(stopped, 0.0, np.where(inside, elapsed, until - state.time))
        self._gather(outlook, spent)
        made = np.flatnonzero(self._next > place)
        rows, where = place[made], self._places[made]
        moves = self._moves[rows, where]
        self.waits[rows, where] = self.gathered[moves, where]
        self.gathered[moves, where] = 0.0
        return events, elapsed

    def _gather(self, outlook: Outlook, spent: Floats) -> None:
        dense = outlook.hazards.shape[0]
        self.gathered[:dense, self._places] += outlook.hazards * spent
        for packages in outlook.packages:
            where = self._places[packages.columns]
            rows = np.arange(packages.rows.start, packages.rows.stop)
            self.gathered[np.ix_(rows, where)] += packages.hazards * spent[packages.columns]


class RecalledClocks:
    """Clocks that ring as they did in the record, and from there on by fresh waits.

    Parameters
    ----------
    recollection : Recollection
    compiled : Compiled
        The world to ring in: that of the record, or one with parts dropped or added (clocks are found by name).
    seed : int
    runs : array of int
        Run numbers of the columns.
    """

    def __init__(self, recollection: Recollection, compiled: Compiled, seed: int, runs: Ints) -> None:
        names = [event.name for event in compiled.labels.events[: compiled.world.moves]]
        known = {event.name: row for row, event in enumerate(recollection.compiled.labels.events)}
        source = np.array([known.get(name, -1) for name in names])
        first, self._following = recollection.follow()
        self._waits, self._days = recollection.waits, recollection.histories.days
        self._place = np.where((source >= 0)[:, None], first[source], -1)
        self._rest = np.where((source >= 0)[:, None], recollection.rest[source], 0.0)
        self._after = Clocks(seed, names, runs, PURPOSE_AFTER)
        self._fresh = Clocks(seed, names, runs, PURPOSE_FRESH)
        self._forgotten = np.zeros(len(runs), dtype=bool)
        columns = np.arange(len(runs))
        recalled = self._waits[self._place, columns] if len(self._waits) else self._rest
        self.remaining = np.where(self._place >= 0, recalled, self._rest + self._after.remaining)
        np.maximum(self.remaining, SHORTEST, out=self.remaining)

    def renew(self, moves: Ints, columns: Ints) -> None:
        """Start the next wait of some (move, column) pairs: that of the record while there is one."""
        place = self._place[moves, columns]
        known = place >= 0
        following = np.where(known, self._following[place, columns], -1) if len(self._waits) else place
        self._place[moves, columns] = following
        again, last, beyond = following >= 0, known & (following < 0), ~known
        if again.any():
            self._set(moves[again], columns[again], self._waits[following[again], columns[again]])
        if last.any():
            m, c = moves[last], columns[last]
            self._set(m, c, self._rest[m, c] + self._after.remaining[m, c])
        for clocks, chosen in (
            (self._after, beyond & ~self._forgotten[columns]),
            (self._fresh, beyond & self._forgotten[columns]),
        ):
            if chosen.any():
                m, c = moves[chosen], columns[chosen]
                clocks.renew(m, c)
                self._set(m, c, clocks.remaining[m, c])

    def _set(self, moves: Ints, columns: Ints, waits: Floats) -> None:
        self.remaining[moves, columns] = np.maximum(waits, SHORTEST)

    def due(self, columns: Ints) -> tuple[Floats, Floats]:
        """Date at which the record has the next ring of every clock (infinite: none), and the whole of its wait."""
        place = self._place[:, columns]
        if not len(self._waits):
            return np.full(place.shape, np.inf), np.zeros(place.shape)
        days = np.where(place >= 0, self._days[place, columns], np.inf)
        return days, np.where(place >= 0, self._waits[place, columns], 0.0)

    def forget(self, columns: Ints) -> None:
        """Start all clocks of some columns afresh (the other coupling)."""
        columns = columns[~self._forgotten[columns]]
        self._forgotten[columns] = True
        self._place[:, columns] = -1
        self.remaining[:, columns] = self._fresh.remaining[:, columns]


class Recalling(Interfering):
    """Chooses by recalled clocks, with an intervention.

    Parameters
    ----------
    compiled, clocks, runs, plan
        As for :class:`Interfering`.
    histories : Stacked
        The record in the rows of this world; read only while a column is on record.
    on_record : bool
        Whether the columns start on record (not where the world itself differs).
    afresh : bool
        Whether all clocks of a run start afresh when it leaves the record (the other coupling).
    """

    clocks: RecalledClocks

    def __init__(
        self,
        compiled: Compiled,
        clocks: RecalledClocks,
        runs: Ints,
        plan: Plan,
        histories: Stacked,
        on_record: bool = True,
        afresh: bool = False,
    ) -> None:
        super().__init__(compiled, clocks, runs, plan)
        self._days, self._moves = histories.days, histories.moves
        self._on = np.full(len(runs), True)
        self._next = np.zeros(len(runs), dtype=np.int64)
        self._afresh = afresh
        if not on_record:
            self._diverge(self._here)

    def settle(self, outlook: Outlook, elapsed: Floats, events: Ints, fired: Ints) -> None:
        """Let the clocks run; the record has been followed by one more move."""
        followed = self._here[(self._ringing >= 0) & (events >= 0)]
        told = self._on[followed] & np.isfinite(self._days[self._next[followed], followed])
        self._next[followed[told]] += 1
        super().settle(outlook, elapsed, events, fired)

    def _nearest(self, outlook: Outlook, state: State, horizon: Floats) -> tuple[Ints, Floats]:
        """The next move of the record where a column is on it, else the next ring, on the date it had if unchanged."""
        events, elapsed = choose(outlook, self._remaining, horizon)
        day = self._days[self._next[self._here], self._here]
        on = self._on[self._here]
        off = np.flatnonzero(~on)
        if len(off):
            self._keep_dates(outlook, state, horizon, off, events, elapsed)
        told = np.flatnonzero(on & np.isfinite(day))
        if len(told):
            wait = reach(state.time[told], day[told])
            here = self._here[told]
            comes = wait < horizon[told]
            events[told] = np.where(comes, self._moves[self._next[here], here], TICK)
            elapsed[told] = np.where(comes, wait, horizon[told])
        return events, elapsed

    def _keep_dates(
        self, outlook: Outlook, state: State, horizon: Floats, columns: Ints, events: Ints, elapsed: Floats
    ) -> None:
        """Put rings that are due where the record has them on its dates. Changes `events` and `elapsed`."""
        days, whole = self.clocks.due(self._here[columns])
        near = self._find_unchanged(outlook, state, columns, days, whole)
        found = np.flatnonzero(near.any(axis=0))
        if not len(found):
            return
        days = np.where(near[:, found], days[:, found], np.inf)
        move, where = days.argmin(axis=0), columns[found]
        wait = reach(state.time[where], days.min(axis=0))
        first = (events[where] == move) | (wait <= elapsed[where])
        where, move, wait = where[first], move[first], wait[first]
        comes = wait < horizon[where]
        events[where] = np.where(comes, move, TICK)
        elapsed[where] = np.where(comes, wait, horizon[where])

    def _find_unchanged(self, outlook: Outlook, state: State, columns: Ints, days: Floats, whole: Floats) -> Flags:
        """Which clocks would ring on the date of the record, but for rounding; shape (moves, columns)."""
        hazards = np.zeros(days.shape)
        hazards[: outlook.hazards.shape[0]] = outlook.hazards[:, columns]
        for packages in outlook.packages:
            here = np.arange(outlook.hazards.shape[1])[packages.columns]
            _, mine, theirs = np.intersect1d(columns, here, return_indices=True)
            hazards[np.ix_(np.arange(packages.rows.start, packages.rows.stop), mine)] = packages.hazards[:, theirs]
        wait = np.where(np.isfinite(days), days - state.time[columns], 0.0)
        gap = np.abs(self._remaining[:, columns] - hazards * wait)
        return np.isfinite(days) & (hazards > 0) & (gap <= SAME * whole + SHORTEST)

    def _diverge(self, columns: Ints) -> None:
        """Leave the record in some columns."""
        here = self._here[columns]
        self._on[here] = False
        if self._afresh:
            self.clocks.forget(here)
