"""Is what is handed to a public function of the kind that its signature names? Asked once, where a caller comes in.

The annotations are the only list of what is allowed. Kinds are told apart here; what a name or a number may be besides
is checked by the function itself.
"""

from __future__ import annotations

import inspect
import re
import reprlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, wraps
from numbers import Integral, Real
from os import PathLike
from typing import Any, Final, Literal, ParamSpec, TypeVar, Union, get_args, get_origin

from negsim.problems import MOST, require_whole

P = ParamSpec("P")
R = TypeVar("R")

FROM_ZERO: Final = ("seed", "run")
"""Whole numbers that may be 0, and of any size; all others start at 1 and are bounded."""
PLACES: Final = ("directory", "folder", "keep", "path", "store")
"""Files and folders; a text without letters would mean the working directory."""

FORMERLY: Final = {
    "account_for": "events runs seed keep progress engine sampler refit",
    "compare_theories": "seed theories pairs rivals refit posterior stages keep progress engine",
    "counterfactual": "seed runs until products progress workers engine",
    "diagnose": "seed draws runs influence conventions ending progress engine",
    "expand_sweep": "runs points executor workers",
    "explain_events": "events runs seed workers progress engine omit keep sampler refit",
    "find_regions": "until most least_points seed",
    "fit": "seed method free even_if_too_much even_if_explosive progress engine news workers",
    "forecast": "origin until runs seed record parameters engine",
    "morris_effects": "until seed",
    "observe": "seed",
    "one_at_a_time": "until",
    "pawn_indices": "until seed",
    "power": "score level",
    "register": "note questions",
    "replay": "until coverage engine workers",
    "resume_sweep": "executor workers",
    "sbc": "simulations seed",
    "score_registered": "observed_until seed codebook",
    "simulate": "runs seed params until workers record progress executor width strict engine",
    "sobol_indices": "until seed",
    "sweep": "runs seed store executor workers",
    "Design.draws": "seed",
    "Design.latin_hypercube": "seed",
    "Design.morris": "trajectories levels seed",
    "Design.prior_draws": "names seed",
    "Design.sobol": "seed",
    "Design.sobol_indices": "seed",
    "Sweep.outcome": "until",
}
"""What was once taken by position, after what still is, and in this order. Such a call works, with a warning."""


def check_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function be called only with arguments of the kinds that its annotations name.

    Parameters
    ----------
    function : callable
        Its annotations are texts (``from __future__ import annotations``). What is annotated ``Any``, or collected by
        ``*`` and ``**``, is let through.

    Returns
    -------
    callable
        Raises TypeError, or ValueError for what is no whole number, naming the argument, what it was given and what
        it takes. Whole numbers of other kinds than Python's own, such as numpy's, arrive as its own: JSON writes no
        others.
    """
    signature = inspect.signature(function)
    taken = {
        name: str(parameter.annotation)
        for name, parameter in signature.parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and parameter.annotation is not parameter.empty  # self, and cls
    }

    positions = sum(one.kind is one.POSITIONAL_OR_KEYWORD for one in signature.parameters.values())
    former = FORMERLY.get(function.__qualname__, "").split()

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        if len(args) > positions and former:
            args, kwargs = _give_names(function.__name__, positions, former, args, kwargs)  # type: ignore[assignment]
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:  # too many or too few: Python says that best
            return function(*args, **kwargs)
        for name, value in bound.arguments.items():
            if name in taken:
                _check(name, value, _list_kinds(function, taken[name]))
                if not isinstance(value, bool) and isinstance(value, Integral):
                    bound.arguments[name] = int(value)
        return function(*bound.args, **bound.kwargs)

    return checked


def _give_names(
    function: str, positions: int, former: list[str], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the names to what came by position and is taken by name; what cannot be named is for Python to refuse."""
    given = dict(zip(former, args[positions:], strict=False))
    if len(args) > positions + len(former) or given.keys() & kwargs.keys():
        return args, dict(kwargs)
    said = ", ".join(f"{name}=..." for name in given)
    warnings.warn(f"{function}: write {said}; it will no longer be taken by position", FutureWarning, stacklevel=3)
    return args[:positions], {**kwargs, **given}


def _check(name: str, given: object, kinds: tuple[str, ...]) -> None:
    if "int" in kinds and all(kind in ("int", "None") for kind in kinds):
        if given is not None or "None" not in kinds:
            least, most = (0, None) if name in FROM_ZERO else (1, MOST)
            require_whole(name, given, least, most)
        return
    if name in PLACES and isinstance(given, str) and not given.strip():
        raise ValueError(f"{name} must have a name, not {given!r}")
    if not any(_is(given, kind) for kind in kinds):
        *others, last = dict.fromkeys(map(_say, kinds))
        allowed = f"{', '.join(others)} or {last}" if others else last
        raise TypeError(f"{name} must be {allowed}, not {reprlib.repr(given)}")


@cache
def _list_kinds(function: Callable[..., Any], annotation: str) -> tuple[str, ...]:
    """Read the alternatives of an annotation: names of kinds, with what the function's own file calls otherwise."""
    return tuple(kind for part in _split(annotation) for kind in _resolve(part, inspect.unwrap(function).__globals__))


def _split(annotation: str) -> Iterator[str]:
    """Take an annotation apart at the bars that stand outside brackets, and leave off what stands in brackets.

    But for lists of texts, which are a kind of their own.
    """
    annotation = re.sub(r"\b(Sequence|Iterable|Collection)\[str\]", "texts", annotation)
    depth, name = 0, ""
    for letter in f"{annotation}|":
        if letter == "|" and not depth:
            yield name.strip().rpartition(".")[2]
            name = ""
        elif letter in "[]":
            depth += 1 if letter == "[" else -1
        elif not depth:
            name += letter


def _resolve(name: str, known: Mapping[str, Any]) -> Iterator[str]:
    """Replace the name of a union, a choice of words or a callable by what it stands for; keep all other names."""
    meant = known.get(name)
    origin = get_origin(meant)
    if origin is Literal:
        yield "str"
    elif origin is Union or type(meant).__name__ == "UnionType":
        for part in get_args(meant):
            yield from _resolve(getattr(part, "__name__", str(part)), known)
    else:
        yield name if origin is None else origin.__name__


def _is(given: object, kind: str) -> bool:
    """Whether something is of a kind; of a class that is not loaded there can be nothing, so its name is enough."""
    match kind:
        case "Any" | "ndarray":  # what is made of an array is the function's to say
            return True
        case "None" | "NoneType":
            return given is None
        case "bool":
            return isinstance(given, bool) or type(given).__name__ == "bool"  # numpy has one of its own
        case "int" | "float":
            return isinstance(given, Real) and not isinstance(given, bool)
        case "Path":
            return isinstance(given, PathLike)
        case "Callable":
            return callable(given)
        case "Mapping" | "dict":
            return isinstance(given, Mapping)
        case "texts":
            if not isinstance(given, Iterable) or not _is(given, "Sequence"):
                return False
            return isinstance(given, Iterator) or all(isinstance(one, str) for one in given)
        case "Sequence" | "Iterable" | "Collection" | "tuple":
            return hasattr(given, "__iter__") and not isinstance(given, str | bytes | Mapping)
    return any(parent.__name__ == kind for parent in type(given).__mro__)


_WORDS: Final = {
    "None": "None",
    "NoneType": "None",
    "bool": "True or False",
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "Path": "a path",
    "Callable": "a function",
    "Mapping": "a mapping",
    "dict": "a mapping",
    "Sequence": "a list",
    "texts": "a list of texts",
    "Iterable": "a list",
    "Collection": "a list",
    "tuple": "a pair",
    "date": "a date",
}


def _say(kind: str) -> str:
    return _WORDS.get(kind) or f"{'an' if kind[0] in 'AEIOU' else 'a'} {kind}"
