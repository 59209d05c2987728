"""Does the data have the shape of a scenario? Each misshapen value in words, and what is left of the rest.

Pydantic finds every misshapen value at once. So that the checks on how the parts fit together need not wait until all
of those are mended, :func:`salvage` takes the misshapen values out and reads the remainder with a lenient copy of the
model, in which nothing is required: an absent value is None there (an absent table of tables: empty).
"""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from negsim.problems import NOTHING, Problem, describe_value, find_nearest
from negsim.scenario import Scenario, Table

A_NAME: Final = "a name of letters, digits and _, starting with a letter"
A_DATE: Final = "a date such as 1999-12-31, without quotes"

_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,80}")
_TABLE_EXPECTED: Final = ("model_type", "dict_type", "model_attributes_type", "mapping_type")

_ALLOWED: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "greater_than": lambda limit: f"a number above {limit['gt']:g}",
    "greater_than_equal": lambda limit: f"a number of at least {limit['ge']:g}",
    "less_than_equal": lambda limit: f"a number of at most {limit['le']:g}",
    "int_type": lambda _: "a whole number",
    "bool_type": lambda _: "true or false, without quotes",
    "string_type": lambda _: "text in quotes",
    "date_type": lambda _: A_DATE,
    "tuple_type": lambda _: "a list, in square brackets",
    "literal_error": lambda limit: str(limit["expected"]),
    "too_short": lambda limit: f"at least {_count(limit['min_length'], 'entry')}",
    "too_long": lambda limit: f"at most {_count(limit['max_length'], 'entry')}",
    "dict_type": lambda _: "a table",
    "model_type": lambda _: "a table",
}
"""What may stand there, by pydantic's name of the error."""


def find_misshapen(data: Mapping[str, Any], file: str) -> tuple[Scenario | None, tuple[str, ...], Iterator[Problem]]:
    """Read plain data as a scenario.

    Parameters
    ----------
    data : mapping
        Tables as TOML gives them.
    file : str
        What to call the file in problems.

    Returns
    -------
    scenario : Scenario or None
        The scenario, or None when anything is misshapen.
    keys : tuple of str
        Key paths of the misshapen values.
    problems : iterator of Problem
        One for each, worded when it is asked for.
    """
    try:
        return Scenario.model_validate(data), (), iter(())
    except ValidationError as error:
        details = _details(error)
        keys = tuple(key_path(detail["loc"]) for detail in details)
        return None, keys, (_problem(detail, file) for detail in details)


def salvage(data: Mapping[str, Any]) -> Scenario:
    """Read what is well-formed of misshapen data; what is not there is None, required or not."""
    rest = _copy_tables(data)
    lenient = cast("type[Scenario]", _lenient(Scenario))
    while True:
        try:
            return lenient.model_validate(rest)
        except ValidationError as error:
            for detail in reversed(_details(error)):
                _take_out(rest, detail)


def key_path(location: tuple[int | str, ...]) -> str:
    """A key path as TOML would write it; parts that are no plain words are quoted."""
    parts = [str(part) for part in location if part != "[key]"]
    return ".".join(part if _BARE.fullmatch(part) else json.dumps(part[:80]) for part in parts)


def _details(error: ValidationError) -> list[ErrorDetails]:
    """Pydantic's errors, without lists that are too short only because an entry in them is misshapen."""
    details = error.errors(include_url=False)
    above = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in above]


# -- problems ----------------------------------------------------------------------------------------------------


def _problem(detail: ErrorDetails, file: str) -> Problem:
    kind, location = detail["type"], detail["loc"]
    key = key_path(location)
    if kind == "missing":
        return Problem(file, key, NOTHING, f"required: {_purpose(location)}")
    if kind == "extra_forbidden":
        return unknown_key(Scenario, location, detail["input"], file)
    if kind == "string_pattern_mismatch":
        return Problem(file, key, describe_value(detail["input"]), _pattern_in_words(detail, location))
    return Problem(file, key, describe_value(detail["input"]), allowed_value(detail), _nearest_literal(detail))


def allowed_value(detail: ErrorDetails) -> str:
    """What may stand where pydantic found something else, in words."""
    kind, given = detail["type"], detail["input"]
    if kind == "float_type" and isinstance(given, int) and not isinstance(given, bool):
        return "a number of at most 308 digits"
    return _ALLOWED[kind](detail.get("ctx", {})) if kind in _ALLOWED else detail["msg"]


def unknown_key(root: type[Table], location: tuple[int | str, ...], value: Any, file: str) -> Problem:
    """A key that there is not, with the one that was probably meant, or else those that there are in its place."""
    table, name = _table_at(root, location[:-1]), str(location[-1])
    keys = [field.alias or key for key, field in table.model_fields.items()]
    nearest = find_nearest(name, keys)
    allowed = "no key of this name" if nearest else f"no key of this name; the keys here are {', '.join(keys)}"
    return Problem(file, key_path(location), describe_value(value), allowed, nearest)


def _pattern_in_words(detail: ErrorDetails, location: tuple[int | str, ...]) -> str:
    if location == ("name",):
        return "a name of letters, digits, _ . and -, starting with a letter or digit"
    return A_NAME + (", with dots if you like" if "." in detail["ctx"]["pattern"] else "")


def _nearest_literal(detail: ErrorDetails) -> str | None:
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return None
    return find_nearest(detail["input"], re.findall(r"'([^']*)'", detail["ctx"]["expected"]))


def _purpose(location: tuple[int | str, ...]) -> str:
    """What a missing key is for: the first sentence of its description, or its type."""
    name = str(location[-1])
    field = next(f for key, f in _table_at(Scenario, location[:-1]).model_fields.items() if name in (key, f.alias))
    return field.description.split("\n")[0] if field.description else _type_in_words(field)


def _type_in_words(field: FieldInfo) -> str:
    named = {"date": A_DATE, "float": "a number", "str": A_NAME}
    annotation = field.annotation
    if choices := [str(choice) for choice in get_args(annotation) if isinstance(choice, str)]:
        return f"one of {', '.join(choices)}"
    if isinstance(annotation, type) and annotation.__name__ in named:
        return named[annotation.__name__]
    return "a table" if get_origin(annotation) is dict else "a list"


def _count(number: int, noun: str) -> str:
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


# -- walking the model -------------------------------------------------------------------------------------------


def _table_at(root: type[Table], location: tuple[int | str, ...]) -> type[Table]:
    """The table model that stands at a location of the data."""
    table = root
    for part in location:
        for name, field in table.model_fields.items():
            if part in (name, field.alias):
                table = next(_tables_in(field.annotation), table)
                break
    return table


def _tables_in(annotation: Any) -> Iterator[type[Table]]:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        yield annotation
    for inner in get_args(annotation):
        yield from _tables_in(inner)


@functools.cache
def _lenient(table: type[Table]) -> type[Table]:
    """A copy of a table model in which nothing is required, nested tables included; tables of tables are empty."""
    fields: dict[str, Any] = {}
    for name, field in table.model_fields.items():
        annotation, loosened = _loosen(field.annotation), copy.copy(field)
        if field.is_required() and get_origin(annotation) is dict:
            loosened.default = {}
        elif field.is_required():
            annotation, loosened.default = annotation | None, None
        loosened.annotation = annotation
        fields[name] = (annotation, loosened)
    return create_model(f"Lenient{table.__name__}", __base__=table, __module__=table.__module__, **fields)


def _loosen(annotation: Any) -> Any:
    """An annotation with every table model in it replaced by its lenient copy."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return _lenient(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if not any(_tables_in(annotation)):
        return annotation
    if origin is Annotated:
        return Annotated[_loosen(inner[0]), *inner[1:]]
    if origin in (Union, UnionType):
        return Union[tuple(_loosen(part) for part in inner)]  # noqa: UP007 (the parts are known only now)
    return origin[tuple(part if part is Ellipsis else _loosen(part) for part in inner)]


# -- taking out what is misshapen --------------------------------------------------------------------------------


def _copy_tables(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy_tables(inner) for key, inner in value.items()}
    return [_copy_tables(inner) for inner in value] if isinstance(value, list | tuple) else value


def _take_out(data: Any, detail: ErrorDetails) -> None:
    """Remove the value an error points at; a whole table of the wrong type becomes an empty one."""
    path = [part for part in detail["loc"] if part != "[key]"]
    for part in path[:-1]:
        if isinstance(data, dict) and part not in data:
            return  # gone already: the name of the table was misshapen too
        data = data[part]
    if isinstance(data, list) and detail["type"] not in _TABLE_EXPECTED:
        del data[cast("int", path[-1])]
    elif isinstance(data, list):
        data[cast("int", path[-1])] = {}
    else:
        data.pop(path[-1], None)
