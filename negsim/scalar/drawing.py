"""How are histories drawn by the compiled loop? With the waits of their clocks and room for what is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from negsim.compiler import Compiled
from negsim.recording import Block, Tally, count_ticks, group_events, watch
from negsim.scalar.building import CannotCompile, Machine, build_machine
from negsim.scalar.interfering import Orders
from negsim.scalar.layouts import LONGEST_AGENDA, Layout, lay_out, start_stand
from negsim.scalar.loops import (
    ENDED,
    EXPLODES,
    KEPT,
    LACKS_CLOCK,
    LACKS_ROOM,
    NOTES,
    Columns,
    Record,
    Rests,
)
from negsim.scalar.numbers import flatten_parameters
from negsim.scalar.tables import EXPLODED, LANES, OVER
from negsim.scalar.waits import Draws
from negsim.state import Array, Floats, Ints, Parameters
from negsim.streams import BLOCK_WIDTH, PURPOSE_CLOCKS, Streams, address_words

ROOM = 64
"""Events for which a column is given room at first."""
FIRST_RINGS = 8
"""Rings of a move for which there is room at first; memory that nothing is written to is not taken."""

_ROW, _NUMBERS, _TABLE = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 0), np.int64)
NO_ORDERS = Orders(
    False, _TABLE, _ROW, _NUMBERS, _NUMBERS, _NUMBERS, np.zeros(1, np.int64), _ROW, _NUMBERS, _NUMBERS, _ROW,
    np.zeros((0, 0)), _TABLE, _TABLE, _ROW, _ROW, _ROW, _ROW, _NUMBERS, np.zeros(1, np.int64),
)  # fmt: skip
"""Nobody interferes."""


@dataclass(frozen=True)
class Engine:
    """A compiled scenario laid out flat, and the loops compiled for it."""

    layout: Layout
    machine: Machine
    fresh: Ints
    """S at the start of a run."""


def prepare(compiled: Compiled) -> Engine:
    """Lay a scenario out flat and compile the loops for its formulas, once.

    Raises
    ------
    CannotCompile
        When a formula of a term cannot be compiled; the message says why.
    """
    if compiled.world.agenda.shape[1] > LONGEST_AGENDA:
        raise CannotCompile(f"an agenda has more than {LONGEST_AGENDA} items")
    if "compiled" not in compiled.kept:
        parameters = compiled.bind()
        layout = lay_out(compiled.world, parameters, group_events(compiled)[0])
        fresh = start_stand(layout, compiled.start(parameters, 1))
        compiled.kept["compiled"] = Engine(layout, build_machine(layout.formulas), fresh)
    engine: Engine = compiled.kept["compiled"]
    return engine


def lay_columns(engine: Engine, parameters: Parameters, until: float) -> Columns:
    """Lay out the parameters of some columns and where they start."""
    layout = engine.layout
    shared, varying, rows = flatten_parameters(parameters)
    whole = np.zeros(layout.values.size)
    whole[: len(shared)] = shared
    none = make_rests(layout, 0)
    return Columns(whole, varying, rows, engine.fresh, np.array(layout.ticks), float(until), none, 0.0, False, none)


def make_rests(layout: Layout, columns: int) -> Rests:
    """Room for where so many columns rest."""
    whole = np.zeros((columns, layout.stand.code), dtype=np.int64)
    return Rests(whole, np.zeros((columns, layout.values.gate_active)))


# -- blocks -----------------------------------------------------------------------------------------------------------


def draw_block(
    compiled: Compiled,
    values: Mapping[str, Floats],
    names: Sequence[str],
    seed: int,
    runs: Ints,
    until: float,
    wanted: Sequence[str],
    most_events: int,
    clock_runs: Ints | None = None,
    rests: Rests | None = None,
    origin: float = 0.0,
    purpose: int = PURPOSE_CLOCKS,
) -> Block:
    """Draw some runs and hand back what was recorded.

    Parameters
    ----------
    compiled : Compiled
    values : mapping of key path to array
        Numbers at other values, each of shape (1,) or (runs,).
    names : sequence of str
        Addresses of the clocks.
    seed : int
    runs : array of int
        Run numbers, ascending.
    until : float
        Days to draw.
    wanted : sequence of str
        What to record (see :func:`negsim.simulate`).
    most_events : int
        Moves after which a run is stopped.
    clock_runs : array of int, optional
        Whose clocks each of the runs takes (default: its own).
    rests : Rests, optional
        Where each of the runs is resumed (default: they begin at the beginning).
    origin : float
        From when the clocks of resumed runs run.
    purpose : int
        Part of the address of the clocks.
    """
    engine = prepare(compiled)
    columns = lay_columns(engine, compiled.bind(values), until)
    keeper = Keeper(compiled, engine.layout, columns, runs, until, wanted)
    if rests is not None:
        columns = columns._replace(rests=rests, origin=origin)
    keeper.make_room(np.arange(len(runs)))
    waits = Waits(seed, purpose, names, runs if clock_runs is None else clock_runs)
    draw_columns(engine, columns, waits, np.arange(len(runs)), NO_ORDERS, keeper, most_events)
    return keeper.finish()


class Waits:
    """Waits of the clocks of some runs, drawn as far as the compiled loop asks for them.

    Parameters
    ----------
    seed, purpose : int
        What the addresses of their streams begin with.
    names : sequence of str
        Addresses of the clocks, one for each move.
    runs : array of int
        Whose clocks each column takes.
    """

    def __init__(self, seed: int, purpose: int, names: Sequence[str], runs: Ints) -> None:
        from numba.np.random._constants import fe_double, ke_double, we_double

        numbers, self._block_of = np.unique(runs // BLOCK_WIDTH, return_inverse=True)
        self._place = runs % BLOCK_WIDTH
        states = Streams(seed, purpose, numbers.tolist(), [address_words(name) for name in names]).states
        first = states.shape[:2]
        row_of = np.zeros((*first, FIRST_RINGS), dtype=np.int64)
        row_of[:, :, 0] = np.arange(first[0] * first[1]).reshape(first)
        self._draws = Draws(
            np.empty((FIRST_RINGS * first[0] * first[1] + 1, BLOCK_WIDTH)), row_of, np.zeros(first, dtype=np.int64),
            np.array([first[0] * first[1]]), states, ke_double, we_double, fe_double, self._block_of, self._place,
        )  # fmt: skip

    def of(self, here: Ints) -> Draws:
        """Waits of some of the columns."""
        return self._draws._replace(blocks=self._block_of[here], places=self._place[here])

    def make_room(self) -> None:
        """Make room for more rings of a move if any has used its room up, for more rows of waits if these are full."""
        draws = self._draws
        pool, row_of = draws.pool, draws.row_of
        if draws.drawn[0] == len(pool):
            pool = np.concatenate((pool, np.empty((len(pool) // 2 + 1, BLOCK_WIDTH))))
        if draws.known.max(initial=0) == row_of.shape[2]:
            row_of = np.concatenate((row_of, np.zeros_like(row_of)), axis=2)
        self._draws = draws._replace(pool=pool, row_of=row_of)


def select_columns(columns: Columns, here: Ints) -> Columns:
    """Take some columns."""
    return columns._replace(rows=np.ascontiguousarray(columns.rows[here])) if columns.varying.size else columns


def make_rows(layout: Layout) -> tuple[Ints, Floats]:
    """Room for what runs abreast carry along: A and V of the loops."""
    stand = layout.stand
    whole = _make_row(LANES * stand.possible + stand.size, np.int64)
    return whole, _make_row(LANES * layout.values.size, np.float64)


def _make_row(count: int, kind: type) -> Array:
    """Zeros in a row that begins where a vector may."""
    room: Array = np.zeros(count + LANES, dtype=kind)
    first = -(room.ctypes.data // room.itemsize) % LANES
    return room[first : first + count]


def draw_columns(
    engine: Engine, columns: Columns, waits: Waits, here: Ints, orders: Orders, keeper: Keeper, most_events: int
) -> None:
    """Draw runs whose clocks are some of those at hand, going on whenever the loop has what it lacked."""
    layout = engine.layout
    whole, numbers = make_rows(layout)
    noted = np.zeros(NOTES, dtype=np.int64)
    wanted = layout.lay_wants()
    status = LACKS_ROOM
    while status != ENDED:
        status = engine.machine.draw(
            layout.fixed, wanted, whole, numbers, *layout.records, columns, waits.of(here), orders, keeper.record,
            noted, most_events,
        )  # fmt: skip
        if status == LACKS_CLOCK:
            waits.make_room()
        elif status == LACKS_ROOM:
            keeper.clear(noted)
            keeper.file(orders)
        elif status == EXPLODES:
            stand, place = layout.stand, layout.values.time * LANES
            going, column = (whole[row * LANES : (row + 1) * LANES] for row in (stand.going, stand.column))
            for lane in np.flatnonzero(going == EXPLODED).tolist():
                keeper.stop(int(column[lane]), float(numbers[place + lane]))
            going[going == EXPLODED] = OVER
    keeper.clear(noted)
    keeper.file(orders)


class Filed(NamedTuple):
    """What an intervention did: run, kind (see :mod:`negsim.scalar.interfering`), row of the order, move, day."""

    run: Ints
    what: Ints
    order: Ints
    move: Ints
    day: Floats


class Keeper:
    """Keeps what is recorded of some runs: counts, events, the state at ticks."""

    def __init__(
        self, compiled: Compiled, layout: Layout, columns: Columns, runs: Ints, until: float, wanted: Sequence[str]
    ) -> None:
        self._compiled, self._runs, self._until = compiled, runs, until
        self._keep = "events" in wanted
        self._parts: list[tuple[Array, Array, Floats]] = []
        self._filed: list[tuple[Array, ...]] = []
        self._stopped: dict[int, float] = {}
        groups, days = layout.tables.groups, int(np.ceil(until))
        self._tally = Tally(np.zeros((groups, days + 1), dtype=np.int64), np.zeros(groups), np.zeros(groups))
        self._names = [name for name in wanted if name != "events"]
        places = [_find_places(compiled, layout, name) for name in self._names]
        self._edges = np.cumsum([0, *map(len, places)])
        self._path_of = np.concatenate(places) if places else np.zeros(0, dtype=np.int64)
        ticks = count_ticks(compiled, until) if places else 0
        self._paths = np.zeros((ticks, len(self._path_of), len(runs)), dtype=np.float32)
        self._here = np.zeros(0, dtype=np.int64)
        self.record: Record

    def make_room(self, here: Ints) -> None:
        """Make room for what is recorded of some of the runs, given by their places."""
        self._here = here
        room = ROOM * len(here) + 1000 if self._keep else 0
        paths = self._paths
        if len(here) < len(self._runs):
            paths = np.zeros((len(self._paths), len(self._path_of), len(here)), dtype=np.float32)
        self.record = Record(
            np.zeros(room, np.int32), np.zeros(room, np.int16), np.zeros(room), self._keep, self._tally.first,
            self._tally.total, self._tally.squares, self._path_of, paths,
        )  # fmt: skip

    def clear(self, noted: Ints) -> None:
        """Take what has been recorded so far."""
        kept = int(noted[KEPT])
        if kept:
            runs = self._runs[self._here[self.record.column[:kept]]].astype(np.int32)
            self._parts.append((runs, self.record.event[:kept].copy(), self.record.day[:kept].copy()))
            noted[KEPT] = 0
        if self.record.paths is not self._paths:
            self._paths[:, :, self._here] = self.record.paths

    def file(self, orders: Orders) -> None:
        """Take what an intervention has done so far."""
        count = int(orders.entered[0])
        if count:
            runs = self._runs[self._here[orders.column[:count]]]
            entries = (orders.what, orders.order, orders.move, orders.day)
            self._filed.append((runs, *(column[:count].copy() for column in entries)))
            orders.entered[0] = 0

    @property
    def filed(self) -> Filed:
        """All that an intervention has done."""
        empty = (np.zeros(0, np.int64),) * 4 + (np.zeros(0),)
        return Filed(*(np.concatenate(column) for column in zip(*(self._filed or [empty]), strict=True)))

    def list_stopped(self) -> list[int]:
        """List the places of runs that have exploded."""
        return np.flatnonzero(np.isin(self._runs, list(self._stopped))).tolist()

    def stop(self, column: int, day: float) -> None:
        """Note a run that explodes; what would have been recorded of it at later ticks is unknown."""
        self._stopped[int(self._runs[self._here[column]])] = day
        later = np.searchsorted(self._compiled.world.tick_times[:-1], day, side="right")
        self.record.paths[later:, :, column] = np.nan

    def finish(self) -> Block:
        """Hand over what was recorded."""
        stopped = np.array(sorted(self._stopped), dtype=np.int64)
        days = np.array([self._stopped[run] for run in stopped.tolist()])
        first = self._tally.first
        first[:, -1] = len(self._runs) - len(stopped) - first[:, :-1].sum(axis=1)
        events = self._gather_events() if self._keep else None
        paths = {
            name: self._paths[:, low:high]
            for name, low, high in zip(self._names, self._edges[:-1], self._edges[1:], strict=True)
        }
        return Block(len(self._runs), self._tally, events, paths, (stopped, days))

    def _gather_events(self) -> tuple[Ints, Ints, Floats]:
        """All events in the order of runs and time."""
        empty: tuple[Array, Array, Floats] = (np.zeros(0, np.int32), np.zeros(0, np.int16), np.zeros(0))
        run, event, day = (np.concatenate(column) for column in zip(*(self._parts or [empty]), strict=True))
        near: Ints = run - self._runs[0]
        few = self._runs[-1] - self._runs[0] < 2**16  # which are sorted in two passes
        order = np.argsort(near.astype(np.uint16) if few else near, kind="stable")
        return run[order], event[order], day[order]


def _find_places(compiled: Compiled, layout: Layout, name: str) -> Ints:
    """Where what is recorded under a name stands: in V, or, less one and negative, in S."""
    state = compiled.start(compiled.bind(), 1)
    rows = len(watch(compiled, compiled.bind(), name, state))
    whole = {"channel": layout.stand.channel, "concession": layout.stand.stage, "frozen": layout.stand.frozen}
    if name in whole:
        return -1 - (whole[name] + np.arange(rows))
    if name in compiled.world.memories:
        return layout.values.memory + np.arange(layout.tables.memories)[compiled.world.memories[name]]
    place: int = getattr(layout.values, name)
    return place + np.arange(rows)
