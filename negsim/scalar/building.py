"""How is the scalar code compiled with the formulas of a scenario's terms?

The scalar modules are plain Python. Here their functions are read into a common home, in which ``evaluate_rows`` is a
switch over the formulas at hand, written to a file of a cache directory (:mod:`negsim.scalar.keeping`); numba compiles
the loops from there and keeps what it made beside that file.

What is computed for some runs abreast (the modules in ABREAST, and the formulas) is written for one: there ``V[row]``
and ``A[row]`` are read as the numbers of all lanes (:mod:`negsim.scalar.lanes`). A formula that lanes do not suit is
called for each.

Two things are promised to the compiler that it cannot see: no index into the rows of numbers is negative, and no two
arguments of a loop overlap. It can then keep in registers what it has read.
"""

from __future__ import annotations
import __future__

import ast
import contextlib
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import getfile, isfunction, signature
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final

import numpy as np

import negsim.scalar.clocks as clocks
import negsim.scalar.effects as effects
import negsim.scalar.exponentials as exponentials
import negsim.scalar.foresight as foresight
import negsim.scalar.given as given_histories
import negsim.scalar.guided as guided_dates
import negsim.scalar.hazards as hazards
import negsim.scalar.interfering as interfering
import negsim.scalar.listing as listing
import negsim.scalar.loops as loops
import negsim.scalar.passage as passage
import negsim.scalar.possibilities as possibilities
import negsim.scalar.relations as relations
import negsim.scalar.waits as waits
import negsim.scalar.ways as ways_ahead
from negsim.scalar.formulas import Formula
from negsim.scalar.keeping import describe_formula, digest_engine, place_source, rename_formula, take_or_compile
from negsim.scalar.tables import LANES

ABREAST: Final = (exponentials, possibilities, hazards, relations, passage, clocks, foresight)
MODULES: Final = (
    *ABREAST, listing, effects, interfering, waits, loops, given_histories, ways_ahead, guided_dates,
)  # fmt: skip
GIVEN: Final = ("evaluate_rows",)
"""Scalar functions that are written."""
ROWS: Final = ("T", "W", "A", "L", "S", "U", "V")
WIDE: Final = ("A", "V")
"""Those of them in which the numbers of all lanes stand side by side."""
ENTRIES: Final[dict[str, Callable[..., Any]]] = {
    "draw": loops.draw, "score": given_histories.score, "guide": guided_dates.guide,
}  # fmt: skip
UNCALLED: Final[dict[str, Any]] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
"""Options of functions that nobody calls from Python: nothing is made that would let one, which saves half the time."""


class CannotCompile(Exception):
    """The compiled engine cannot take a scenario; the message says why."""


@dataclass(frozen=True)
class Machine:
    """The loops, compiled (each at its first call, or loaded from the cache)."""

    draw: Callable[..., int]
    score: Callable[..., None]
    guide: Callable[..., None]


_BUILT: dict[tuple[object, ...], Machine] = {}


def build_machine(formulas: Sequence[Formula]) -> Machine:
    """Make the compiled loops for some formulas; those made before are kept.

    Raises
    ------
    CannotCompile
        When a formula cannot be compiled; the message names it and says why.
    """
    # A file of a term of one's own is run anew at each call: what is the same function then is another object.
    key = tuple((each.__module__, describe_formula(each)) if isfunction(each) else each for each in formulas)
    if key not in _BUILT:
        _BUILT[key] = _build(tuple(formulas))
    return _BUILT[key]


def _build(formulas: tuple[Formula, ...]) -> Machine:
    from numba import njit

    # Nothing is allocated, so arrays need not be counted.
    options: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}, "_nrt": False}
    plain, separate = _make_compilers()
    home, file = read_switch(formulas, njit(pipeline_class=plain, forceinline=True, **UNCALLED, **options))
    outer = njit(nogil=True, cache=file.exists(), pipeline_class=separate, **options)
    for name in ENTRIES:
        # What numba keeps is found by names; a process may hold several machines, made by others that counted alike.
        home[f"{name}_columns"].__qualname__ = f"{name}_columns_{file.parent.name}"
    return Machine(*(_announce(outer(home[f"{name}_columns"]), file, name) for name in ENTRIES))


def read_switch(formulas: Sequence[Formula], inner: Callable[[Any], Any]) -> tuple[dict[str, Any], Path]:
    """Read the scalar functions and the switch over formulas that they call.

    Parameters
    ----------
    formulas : sequence of callable
    inner : callable
        Makes a function compiled.

    Returns
    -------
    home : dict of str to object
        The functions, ``evaluate_rows`` among them.
    file : Path
        Where the switch is written.
    """
    home = read_home(inner)
    compiled = [_compile_formula(formula) for formula in formulas]
    home |= {f"formula_{number}": formula for number, (formula, _) in enumerate(compiled)}
    text = write_source(formulas, [wide for _, wide in compiled])
    file = place_source(text, _digest(text, formulas))
    exec(_compile_rewritten(text, file, wide=True), home)
    home["evaluate_rows"] = inner(home["evaluate_rows"])
    return home, file


def read_home(inner: Callable[[Any], Any]) -> dict[str, Any]:
    """Read the functions of all scalar modules, each compiled at its first call, and what they name.

    Parameters
    ----------
    inner : callable
        Makes a function compiled.
    """
    from numba.cpython.unsafe.numbers import trailing_zeros

    import negsim.scalar.lanes as lanes

    # Numba looks the home up by this name when it loads what it kept.
    home: dict[str, Any] = {"__name__": __name__, "unsigned": np.uint64, "trailing_zeros": trailing_zeros}
    home |= {name: getattr(lanes, name) for name in lanes.FUNCTIONS}
    for module in MODULES:
        constants = _constants(module)
        assert all(home.get(name, value) is value for name, value in constants.items()), f"{module}: names collide"
        home |= constants
    for module in MODULES:
        for name in _read_functions(module, home):
            home[name] = inner(home[name])
    lent = {np.exp: "exponential_of", np.log: "logarithm_of", np.log1p: "log1p_any"}
    lanes.lend({function: home[name] for function, name in lent.items()})
    return home


def _make_compilers() -> tuple[Any, Any]:
    """Make the compilers of inner and of outer functions.

    An inner function is taken over by those that call it before anything is improved in it: improving it alone, and
    again in each of them, would double the time. In an outer one no two arrays overlap.
    """
    from numba.core.compiler import Compiler

    class Inner(Compiler):
        def define_pipelines(self) -> Any:
            library = self.state.targetctx.codegen().create_library("inner")
            library._optimize_final_module = lambda: None
            self.state.library = library
            return super().define_pipelines()  # type: ignore[no-untyped-call]

    class Outer(Compiler):
        def define_pipelines(self) -> Any:
            self.state.flags.noalias = True
            return super().define_pipelines()  # type: ignore[no-untyped-call]

    return Inner, Outer


class _Rewriter(ast.NodeTransformer):
    """Hands indices into the rows of numbers over as unsigned ones: numba need not look whether they are negative.

    Where `wide`, a number in A or V is that of all lanes.
    """

    def __init__(self, wide: bool) -> None:
        self._wide = wide

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.value, ast.Name) or node.value.id not in ROWS or isinstance(node.slice, ast.Slice):
            return node
        if isinstance(node.slice, ast.Tuple):
            node.slice.elts = [_call("unsigned", index) for index in node.slice.elts]
        else:
            node.slice = _call("unsigned", node.slice)
        if self._wide and node.value.id in WIDE and isinstance(node.ctx, ast.Load):
            return _call("take", node.value, node.slice)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        (target,) = node.targets
        return self._put(target, node.value) or node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        if not self._is_wide(node.target):
            return node
        assert isinstance(node.target, ast.Subscript)
        now = _call("take", node.target.value, node.target.slice)
        return self._put(node.target, ast.BinOp(now, node.op, node.value)) or node

    def _is_wide(self, target: ast.AST) -> bool:
        rows = isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name) and target.value.id in WIDE
        return self._wide and rows

    def _put(self, target: ast.expr, value: ast.expr) -> ast.AST | None:
        if not self._is_wide(target):
            return None
        assert isinstance(target, ast.Subscript)
        assert isinstance(target.value, ast.Name)
        return ast.Expr(_call("put", ast.Name(target.value.id, ast.Load()), target.slice, value))


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _compile_rewritten(tree: str | ast.Module, file: Path, wide: bool) -> CodeType:
    parsed = _Rewriter(wide).visit(ast.parse(tree) if isinstance(tree, str) else tree)
    flags = __future__.annotations.compiler_flag
    code: CodeType = compile(ast.fix_missing_locations(parsed), str(file), "exec", flags=flags, dont_inherit=True)
    return code


def _read_functions(module: ModuleType, home: dict[str, Any]) -> list[str]:
    """Read the functions of a scalar module into the home; their names."""
    file = Path(getfile(module))
    tree = ast.parse(file.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name not in GIVEN]
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert not home.keys() & set(names), f"scalar functions share names: {sorted(home.keys() & set(names))}"
    exec(_compile_rewritten(tree, file, module in ABREAST), home)
    return names


def _compile_formula(formula: Formula) -> tuple[Any, bool]:
    """Make a formula compiled; whether for all lanes at once or, where numba cannot do that, for one number."""
    from numba import float64
    from numba.core.errors import NumbaError
    from numba.core.types import Boolean, Number

    from negsim.scalar.lanes import NUMBERS, TRUTHS

    said: Exception | None = None
    for element, results in ((NUMBERS, (Number, Boolean, type(NUMBERS), type(TRUTHS))), (float64, (Number, Boolean))):
        try:
            compiled = _compile_for(formula, element)
            result = compiled.nopython_signatures[0].return_type
            if isinstance(result, results):
                return compiled, element is NUMBERS
            said = TypeError(f"it does not return one number but {result}")
        except (NumbaError, TypeError) as error:
            said = error
    first = next((line for line in str(said).splitlines() if line.strip()), type(said).__name__)
    raise CannotCompile(f"numba cannot compile {_name(formula)}: {first}") from said


def _compile_for(formula: Formula, element: Any) -> Any:
    from numba import njit

    compiled = njit(error_model="numpy", **UNCALLED)(rename_formula(formula))
    compiled.compile((element,) * len(signature(formula).parameters))
    return compiled


def _announce(compiled: Any, file: Path, name: str) -> Callable[..., Any]:
    """Say so before a loop is compiled: the first call takes its time, later processes load what it made."""
    entry: list[Callable[..., Any]] = []

    def call(*given: Any) -> Any:
        if entry:
            # Arguments are made in one way alone, so the types of a hundred arrays need not be looked up at each call.
            return entry[0](*given)
        if not any(file.parent.glob(f"__pycache__/*{name}_columns*.nbi")):
            sys.stderr.write(f"negsim: compiling the {name} loop of the fast engine, once on this machine ...\n")
        from numba import typeof

        with _without_collection():
            take_or_compile(compiled, tuple(map(typeof, given)))
        entry.append(compiled.overloads[compiled.signatures[0]].entry_point)
        return entry[0](*given)

    return call


@contextlib.contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no garbage for a while: a compiler makes millions of objects and leaves hardly any circle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _constants(module: ModuleType) -> dict[str, Any]:
    """Numbers that the scalar code names, and numpy."""
    numbers = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, int | float | np.integer) and name.isupper()
    }
    return {**numbers, "np": np}


def _digest(text: str, formulas: Sequence[Formula]) -> str:
    """Digest of all that goes into a machine."""
    files = [Path(__file__), Path(__file__).with_name("lanes.py"), *(Path(getfile(module)) for module in MODULES)]
    named = [sorted(_constants(module).items()) for module in MODULES]
    constants = [(name, value) for entries in named for name, value in entries if name != "np"]
    return digest_engine(text, formulas, files, constants)


# -- the source -------------------------------------------------------------------------------------------------------


def write_source(formulas: Sequence[Formula], wide: Sequence[bool]) -> str:
    """Write the switch over formulas, and the functions that are called from outside.

    Parameters
    ----------
    formulas : sequence of callable
    wide : sequence of bool
        Whether each takes the numbers of all lanes at once.
    """
    lines = ['"""Which formula is which? Written by negsim.scalar.building; not to be edited."""', ""]
    lines += ["def evaluate_rows(formula, T, L, V, arguments, width, rows, count, out):"]
    for number, (formula, whole) in enumerate(zip(formulas, wide, strict=True)):
        places = range(len(signature(formula).parameters))
        lines += [
            f"    {'el' if number else ''}if formula == {number}:  # {_name(formula)}",
            "        for place in range(count):",
            "            at = arguments + width * L[rows + place]",
        ]
        if whole:
            values = ", ".join(f"V[T[at + {place}]]" for place in places)
            lines += [f"            V[out + L[rows + place]] = formula_{number}({values})"]
            continue
        lines += [f"            a{place} = V[T[at + {place}]]" for place in places]
        each = [
            f"formula_{number}({', '.join(f'pick_lane(a{place}, {lane})' for place in places)}) * 1.0"
            for lane in range(LANES)
        ]
        lines += [f"            V[out + L[rows + place]] = join_lanes(({', '.join(each)}))"]
    for name in ENTRIES:
        given = ", ".join(signature(ENTRIES[name]).parameters)
        lines += ["", "", f"def {name}_columns({given}):", f"    return {name}({given})"]
    return "\n".join(lines) + "\n"


def _name(formula: Formula) -> str:
    return f"{getattr(formula, '__module__', '')}.{getattr(formula, '__qualname__', formula)}"
