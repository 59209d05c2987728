"""Is what is handed to a public function of the kind that its signature names? Asked once, where a caller comes in.

The annotations are the only list of what is allowed. Kinds are told apart here; what a name or a number may be besides
is checked by the function itself.
"""

from __future__ import annotations

import inspect
import re
import reprlib
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

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
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


def _check(name: str, given: object, kinds: tuple[str, ...]) -> None:
    if "int" in kinds and all(kind in ("int", "None") for kind in kinds):
        if given is not None or "None" not in kinds:
            least, most = (0, None) if name in FROM_ZERO else (1, MOST)
            require_whole(name, given, least, most)
        return
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
        case "Any":
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
