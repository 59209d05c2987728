"""By what do editors complete and check a scenario file? Its JSON Schema, read off the declarations of a scenario."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any, Final

from negsim.scenario import Scenario
from negsim.whole_files import write_new

SCHEMA_NAME: Final = "scenario.schema.json"


def write_schema(path: str | Path, *, force: bool = False) -> Path:
    """Write the JSON Schema by which editors complete and check a scenario file.

    Raises
    ------
    FileExistsError
        If the file is there already with other content and ``force`` is not given.
    """
    target, text = Path(path), json.dumps(scenario_schema(), indent=2) + "\n"
    current = target.is_file() and target.read_bytes() == text.encode()
    return target if current else write_new(target, text, force=force)


def schema_path() -> Path:
    """Where the shipped JSON Schema lies."""
    return Path(str(resources.files("negsim") / "schema" / SCHEMA_NAME))


def scenario_schema() -> dict[str, Any]:
    """The JSON Schema of scenario files."""
    schema = Scenario.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_close(schema), "title": "negsim scenario"}


def _close(schema: Any) -> Any:
    """Forbid names that do not match their pattern, and drop what only Python knows (null, generated titles)."""
    if isinstance(schema, list):
        return [_close(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _close(inner) for key, inner in schema.items() if not (key == "title" and isinstance(inner, str))}
    if closed.get("default", ...) is None:
        del closed["default"]
    if "patternProperties" in closed:
        closed["additionalProperties"] = False
    choices = closed.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices and len(choices) == 2:
        del closed["anyOf"]
        closed |= next(choice for choice in choices if choice != {"type": "null"})
    return closed
