"""How does one instruction serve several runs? A type of numba's that holds the same number of LANES runs side by side.

A vector of LLVM's under numba's arithmetic: ``a * b + c`` of three such numbers is one multiplication and one addition
for all of them, and a formula written for one number serves them as it is. Which functions of numpy a formula may call
is listed at the end; :mod:`negsim.scalar.building` falls back on a call for each where it calls others.

This module needs numba and is loaded only when an engine is compiled.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import intrinsic, lower_builtin, models, overload, register_model
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.np.arrayobj import populate_array

from negsim.scalar.tables import LANES, WORDS_ABREAST

SHIFT: Final = LANES.bit_length() - 1
FAST: Final = ("contract",)
"""What the compiler may do to arithmetic: multiply and add at once."""
INDEX: Final = ir.IntType(32)


def _make_type(name: str, element: ir.Type, count: int = LANES) -> tuple[types.Type, ir.VectorType]:
    """Make a type of so many elements side by side."""
    vector = ir.VectorType(element, count)
    made = type(name, (types.Type,), {})

    def begin(self: Any, manager: Any, front_end: Any) -> None:
        models.PrimitiveModel.__init__(self, manager, front_end, vector)

    register_model(made)(type(f"{name}Model", (models.PrimitiveModel,), {"__init__": begin}))
    return made(name), vector


NUMBERS, NUMBERS_IR = _make_type("Numbers", ir.DoubleType())
WHOLES, WHOLES_IR = _make_type("Wholes", ir.IntType(64))
TRUTHS, TRUTHS_IR = _make_type("Truths", ir.IntType(1))
WORDS, WORDS_IR = _make_type("Words", ir.IntType(64), WORDS_ABREAST)
OTHERS: Final = (types.float64, types.int64, types.uint64, types.int32, types.boolean)
"""What may stand beside numbers of several runs: one number for all of them."""


# -- widening ---------------------------------------------------------------------------------------------------------


def _spread(builder: Any, value: Any) -> Any:
    """One value for all runs."""
    blank = ir.Constant(ir.VectorType(value.type, LANES), ir.Undefined)
    one = builder.insert_element(blank, value, ir.Constant(INDEX, 0))
    return builder.shuffle_vector(one, blank, ir.Constant(ir.VectorType(INDEX, LANES), [0] * LANES))


def _widen(context: Any, builder: Any, value: Any, kind: types.Type) -> Any:
    """Numbers of all runs, whatever was given."""
    if kind is NUMBERS:
        return value
    if kind is TRUTHS:
        return builder.uitofp(value, NUMBERS_IR)
    return _spread(builder, context.cast(builder, value, kind, types.float64))


# -- arithmetic -------------------------------------------------------------------------------------------------------


def _register(function: Any, result: types.Type, cases: list[tuple[types.Type, ...]], act: Callable[..., Any]) -> None:
    """Teach numba a function of numbers of several runs."""
    given = {"key": function, "cases": [signature(result, *case) for case in cases]}
    infer_global(function)(type(f"Lanes_{function.__name__}", (ConcreteTemplate,), given))
    for case in cases:

        def lower(context: Any, builder: Any, typed: Any, arguments: Any) -> Any:
            wide = (_widen(context, builder, *pair) for pair in zip(arguments, typed.args, strict=True))
            return act(builder, *wide)

        lower_builtin(function, *case)(lower)


ONE: Final[list[tuple[types.Type, ...]]] = [(NUMBERS,)]
TWO: Final[list[tuple[types.Type, ...]]] = [
    (NUMBERS, NUMBERS),
    *((NUMBERS, other) for other in (*OTHERS, TRUTHS)),
    *((other, NUMBERS) for other in (*OTHERS, TRUTHS)),
]


def _compare(sign: str) -> Callable[..., Any]:
    return lambda builder, a, b: builder.fcmp_ordered(sign, a, b)


def _choose(sign: str) -> Callable[..., Any]:
    return lambda builder, a, b: builder.select(builder.fcmp_ordered(sign, a, b), a, b)


def _intrinsic_of(name: str) -> Callable[..., Any]:
    """A function that LLVM knows for vectors."""

    def act(builder: Any, *values: Any) -> Any:
        kind = ir.FunctionType(NUMBERS_IR, [NUMBERS_IR] * len(values))
        function = builder.module.declare_intrinsic(f"llvm.{name}.v{LANES}f64", (), kind)
        return builder.call(function, values)

    return act


for _function, _act in (
    (operator.add, lambda builder, a, b: builder.fadd(a, b, flags=FAST)),
    (operator.sub, lambda builder, a, b: builder.fsub(a, b, flags=FAST)),
    (operator.mul, lambda builder, a, b: builder.fmul(a, b, flags=FAST)),
    (operator.truediv, lambda builder, a, b: builder.fdiv(a, b, flags=FAST)),
    (min, _choose("<")),
    (max, _choose(">")),
    (np.minimum, _choose("<")),
    (np.maximum, _choose(">")),
):
    for _name in {_function, getattr(operator, f"i{_function.__name__}", _function)}:
        _register(_name, NUMBERS, TWO, _act)
for _function, _sign in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
    (operator.ne, "!="),
):
    _register(_function, TRUTHS, TWO, _compare(_sign))
_register(operator.neg, NUMBERS, ONE, lambda builder, a: builder.fneg(a))
_register(abs, NUMBERS, ONE, _intrinsic_of("fabs"))
_register(np.abs, NUMBERS, ONE, _intrinsic_of("fabs"))
_register(np.sqrt, NUMBERS, ONE, _intrinsic_of("sqrt"))


def _register_bits(kind: types.Type, *functions: tuple[Any, Callable[..., Any]]) -> None:
    """Teach numba operators between two of a kind."""
    for function, act in functions:
        given = {"key": function, "cases": [signature(kind, kind, kind)]}
        infer_global(function)(type(f"{kind}_{function.__name__}", (ConcreteTemplate,), given))
        lower_builtin(function, kind, kind)(lambda context, builder, typed, given, act=act: act(builder, *given))


def _register_truths() -> None:
    given = {"key": operator.invert, "cases": [signature(TRUTHS, TRUTHS)]}
    infer_global(operator.invert)(type("Truths_invert", (ConcreteTemplate,), given))
    lower_builtin(operator.invert, TRUTHS)(lambda context, builder, typed, given: builder.not_(given[0]))


def _widen_whole(context: Any, builder: Any, value: Any, kind: types.Type) -> Any:
    """Whole numbers of all runs, whatever was given."""
    return value if kind is WHOLES else _spread(builder, context.cast(builder, value, kind, types.int64))


def _register_wholes() -> None:
    others = (types.int64, types.uint64, types.int32)
    cases = [(WHOLES, WHOLES), *((WHOLES, other) for other in others), *((other, WHOLES) for other in others)]
    for function, result, act in (
        (operator.add, WHOLES, lambda builder, a, b: builder.add(a, b)),
        (operator.sub, WHOLES, lambda builder, a, b: builder.sub(a, b)),
        (operator.mul, WHOLES, lambda builder, a, b: builder.mul(a, b)),
        (operator.or_, WHOLES, _OR),
        (operator.and_, WHOLES, _AND),
        (operator.lshift, WHOLES, lambda builder, a, b: builder.shl(a, b)),
        (operator.rshift, WHOLES, lambda builder, a, b: builder.lshr(a, b)),
        (operator.eq, TRUTHS, lambda builder, a, b: builder.icmp_signed("==", a, b)),
        (operator.ne, TRUTHS, lambda builder, a, b: builder.icmp_signed("!=", a, b)),
        (operator.ge, TRUTHS, lambda builder, a, b: builder.icmp_signed(">=", a, b)),
    ):
        given = {"key": function, "cases": [signature(result, *case) for case in cases]}
        infer_global(function)(type(f"Wholes_{function.__name__}", (ConcreteTemplate,), given))
        for case in cases:

            def lower(context: Any, builder: Any, typed: Any, given: Any, act: Any = act) -> Any:
                wide = (_widen_whole(context, builder, *pair) for pair in zip(given, typed.args, strict=True))
                return act(builder, *wide)

            lower_builtin(function, *case)(lower)


_OR: Final = lambda builder, a, b: builder.or_(a, b)  # noqa: E731
_AND: Final = lambda builder, a, b: builder.and_(a, b)  # noqa: E731
_register_bits(TRUTHS, (operator.and_, _AND), (operator.or_, _OR))
_register_bits(WORDS, (operator.sub, lambda builder, a, b: builder.sub(a, b)), (operator.or_, _OR), (operator.ior, _OR))
_register_truths()
_register_wholes()


# -- memory -----------------------------------------------------------------------------------------------------------


def _find_row(context: Any, builder: Any, kind: Any, array: Any, row: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    first = builder.shl(row, ir.Constant(row.type, SHIFT))
    wide = NUMBERS_IR if kind.dtype is types.float64 else WHOLES_IR
    return builder.bitcast(builder.gep(data, [first], inbounds=True), wide.as_pointer())


@intrinsic
def take(typing: Any, array: Any, row: Any) -> Any:
    """Numbers of all runs, or whole ones, in a row of an array."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        return builder.load(_find_row(context, builder, typed.args[0], given[0], given[1]), align=8)

    return signature(NUMBERS if array.dtype is types.float64 else WHOLES, array, row), generate


@intrinsic
def put(typing: Any, array: Any, row: Any, numbers: Any) -> Any:
    """Write numbers of all runs, or whole ones, into a row of an array."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        widen = _widen if typed.args[0].dtype is types.float64 else _widen_whole
        wide = widen(context, builder, given[2], typed.args[2])
        place = _find_row(context, builder, typed.args[0], given[0], given[1])
        builder.store(wide, place, align=8)
        return context.get_dummy_value()

    return signature(types.none, array, row, numbers), generate


@intrinsic
def view_lane(typing: Any, rows: Any, lane: Any) -> Any:
    """Numbers of one run, in a row of their own: as an array whose numbers lie LANES apart, known to the compiler."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        whole = context.make_array(typed.args[0])(context, builder, given[0])
        view = context.make_array(typed.return_type)(context, builder)
        word, size = ir.IntType(64), rows.dtype.bitwidth // 8
        count = builder.udiv(whole.nitems, ir.Constant(word, LANES))
        first = builder.gep(whole.data, [given[1]], inbounds=True)
        shape, strides = (cgutils.pack_array(builder, [each]) for each in (count, ir.Constant(word, LANES * size)))
        populate_array(view, first, shape, strides, ir.Constant(word, size), None)
        return view._getvalue()

    return signature(rows.copy(layout="A"), rows, lane), generate


@intrinsic
def take_at(typing: Any, array: Any, row: Any, steps: Any) -> Any:
    """Number of each run in a row of its own: so many rows, a whole number in the lanes of `steps`, after the first."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        shift = ir.Constant(WHOLES_IR, [SHIFT] * LANES)
        lanes = ir.Constant(WHOLES_IR, list(range(LANES)))
        rows = _count_on(context, builder, typed.args[1], *given[1:])
        places = builder.add(builder.shl(rows, shift), lanes)
        return _gather(context, builder, typed.args[0], given[0], places)

    return signature(NUMBERS, array, row, steps), generate


@intrinsic
def look_up(typing: Any, table: Any, first: Any, steps: Any) -> Any:
    """Entry of each run in a table of whole numbers: as many after the first as the lanes of `steps` say."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        places = _count_on(context, builder, typed.args[1], *given[1:])
        found = _gather(context, builder, typed.args[0], given[0], places)
        return builder.sitofp(found, NUMBERS_IR)

    return signature(NUMBERS, table, first, steps), generate


def _count_on(context: Any, builder: Any, kind: types.Type, first: Any, steps: Any) -> Any:
    """Whole numbers of all runs: so many after the first."""
    return builder.add(_widen_whole(context, builder, first, kind), builder.fptosi(steps, WHOLES_IR))


def _gather(context: Any, builder: Any, kind: Any, array: Any, places: Any) -> Any:
    """Entry of an array at the place of each run."""
    element = context.get_value_type(kind.dtype)
    data = context.make_array(kind)(context, builder, array).data
    addresses = builder.gep(data, [places], inbounds=True, source_etype=element)
    addresses.type = ir.VectorType(addresses.type, LANES)
    found, all_of_them = ir.VectorType(element, LANES), ir.Constant(TRUTHS_IR, [1] * LANES)
    gather = ir.FunctionType(found, [addresses.type, INDEX, TRUTHS_IR, found])
    name = f"llvm.masked.gather.v{LANES}{'f' if kind.dtype is types.float64 else 'i'}{kind.dtype.bitwidth}.v{LANES}p0"
    function = cgutils.get_or_insert_function(builder.module, gather, name)
    size = ir.Constant(INDEX, kind.dtype.bitwidth // 8)
    return builder.call(function, [addresses, size, all_of_them, ir.Constant(found, ir.Undefined)])


@intrinsic
def take_words(typing: Any, array: Any, first: Any) -> Any:
    """Whole numbers of a row that stand side by side."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        data = context.make_array(typed.args[0])(context, builder, given[0]).data
        place = builder.gep(data, [given[1]], inbounds=True)
        return builder.load(builder.bitcast(place, WORDS_IR.as_pointer()), align=8)

    return signature(WORDS, array, first), generate


@intrinsic
def put_words(typing: Any, array: Any, first: Any, words: Any) -> Any:
    """Write whole numbers side by side into a row."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        data = context.make_array(typed.args[0])(context, builder, given[0]).data
        place = builder.gep(data, [given[1]], inbounds=True)
        builder.store(given[2], builder.bitcast(place, WORDS_IR.as_pointer()), align=8)
        return context.get_dummy_value()

    return signature(types.none, array, first, words), generate


def _find_place(context: Any, builder: Any, kind: types.Type, array: Any, row: Any, place: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    first = builder.shl(row, ir.Constant(row.type, SHIFT))
    return builder.gep(data, [builder.add(first, place)], inbounds=True)


@intrinsic
def pack(typing: Any, array: Any, row: Any, place: Any, truths: Any, numbers: Any) -> Any:
    """Write the numbers of the runs for which it is true side by side, from a place after the first of a row on."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        where = _find_place(context, builder, typed.args[0], *given[:3])
        kind = ir.FunctionType(ir.VoidType(), [NUMBERS_IR, where.type, TRUTHS_IR])
        name = f"llvm.masked.compressstore.v{LANES}f64"
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [given[4], where, given[3]])
        return context.get_dummy_value()

    return signature(types.none, array, row, place, truths, numbers), generate


@intrinsic
def unpack(typing: Any, array: Any, row: Any, place: Any, truths: Any) -> Any:
    """Numbers that stand side by side from a place on, for the runs for which it is true; 0 for the others."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        where = _find_place(context, builder, typed.args[0], *given[:3])
        kind = ir.FunctionType(NUMBERS_IR, [where.type, TRUTHS_IR, NUMBERS_IR])
        function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.expandload.v{LANES}f64")
        return builder.call(function, [where, given[3], ir.Constant(NUMBERS_IR, [0.0] * LANES)])

    return signature(NUMBERS, array, row, place, truths), generate


@intrinsic
def count_true(typing: Any, truths: Any) -> Any:
    """In how many runs it is true."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        bits = builder.bitcast(given[0], ir.IntType(LANES))
        return builder.zext(builder.ctpop(bits), ir.IntType(64))

    return signature(types.int64, truths), generate


@intrinsic
def count_full_rows(typing: Any, places: Any) -> Any:
    """How many rows so many numbers take."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        more = builder.add(given[0], ir.Constant(given[0].type, LANES - 1))
        return builder.lshr(more, ir.Constant(given[0].type, SHIFT))

    return signature(places, places), generate


# -- what scalar code and formulas may call ---------------------------------------------------------------------------


@intrinsic
def select(typing: Any, truths: Any, one: Any, other: Any) -> Any:
    """One number where it is true, the other where it is not."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        both = (_widen(context, builder, value, kind) for value, kind in zip(given[1:], typed.args[1:], strict=True))
        return builder.select(given[0], *both)

    return signature(NUMBERS, truths, one, other), generate


@intrinsic
def select_whole(typing: Any, truths: Any, one: Any, other: Any) -> Any:
    """Do the same with whole numbers."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        both = (_widen_whole(context, builder, *pair) for pair in zip(given[1:], typed.args[1:], strict=True))
        return builder.select(given[0], *both)

    return signature(WHOLES, truths, one, other), generate


@intrinsic
def as_bits(typing: Any, truths: Any) -> Any:
    """Mask of the runs for which it is true: a bit for each."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        return builder.zext(builder.bitcast(given[0], ir.IntType(LANES)), ir.IntType(64))

    return signature(types.int64, truths), generate


@intrinsic
def as_truths(typing: Any, bits: Any) -> Any:
    """Whether it is true for each run, by a mask."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        return builder.bitcast(builder.trunc(given[0], ir.IntType(LANES)), TRUTHS_IR)

    return signature(TRUTHS, bits), generate


@intrinsic
def bits_of(typing: Any, numbers: Any) -> Any:
    """Bits of numbers, or of one."""
    one = numbers == types.float64
    result, kind = (types.uint64, ir.IntType(64)) if one else (WHOLES, WHOLES_IR)
    return signature(result, numbers), lambda context, builder, typed, given: builder.bitcast(given[0], kind)


@intrinsic
def number_of(typing: Any, bits: Any) -> Any:
    """Numbers of some bits, or of one."""
    one = bits == types.uint64
    result, kind = (types.float64, ir.DoubleType()) if one else (NUMBERS, NUMBERS_IR)
    return signature(result, bits), lambda context, builder, typed, given: builder.bitcast(given[0], kind)


@intrinsic
def pick_lane(typing: Any, numbers: Any, lane: Any) -> Any:
    """Number of one run."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        return builder.extract_element(given[0], builder.trunc(given[1], INDEX))

    return signature(types.float64, numbers, lane), generate


@intrinsic
def join_lanes(typing: Any, numbers: Any) -> Any:
    """Numbers of all runs, from a tuple of one for each."""

    def generate(context: Any, builder: Any, typed: Any, given: Any) -> Any:
        joined = ir.Constant(NUMBERS_IR, ir.Undefined)
        for lane in range(LANES):
            value = builder.extract_value(given[0], lane)
            joined = builder.insert_element(joined, value, ir.Constant(INDEX, lane))
        return joined

    return signature(NUMBERS, numbers), generate


LENT: Final[set[Any]] = set()


def lend(formulas: dict[Any, Any]) -> None:
    """Let formulas call functions of numpy for all lanes, from the first call on: each by what takes its place."""
    for function, ours in formulas.items():
        if function not in LENT:
            overload(function)(_make_overload(ours))
            LENT.add(function)


def _make_overload(ours: Any) -> Callable[[Any], Any]:
    def choose(x):  # type: ignore[no-untyped-def] # numba compares signatures
        return (lambda x: ours(x)) if x is NUMBERS else None

    return choose


FUNCTIONS: Final = (
    "take", "put", "view_lane", "take_at", "look_up", "take_words", "put_words", "pack", "unpack", "count_true",
    "count_full_rows", "select", "select_whole", "as_bits", "as_truths", "bits_of", "number_of", "pick_lane",
    "join_lanes",
)  # fmt: skip
"""What compiled code calls by name."""
