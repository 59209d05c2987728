"""What is swept, in words that last? The manifest of a sweep: written once, compared before anything is added to it."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from negsim.compiler import Compiled
from negsim.problems import describe_value
from negsim.scenario import Scenario
from negsim.scenario_files import load_scenario, move_term_files, written_digest
from negsim.state import Floats
from negsim.streams import BLOCK_WIDTH
from negsim.sweeps.designs import Design
from negsim.sweeps.plans import Extent
from negsim.sweeps.stores import DESIGN, FORMAT, MANIFEST, SCENARIO, TERMS, RefusedSweep, Store
from negsim.sweeps.work import Job, built_with
from negsim.term_files import digest_terms, own_term_files

ASKED: Final = (
    "format", "scenario", "scenario_digest", "terms_digest", "tick", "until_days", "engine", "seed", "common_noise",
    "params", "names", "events", "precision", "random_block", "points_per_block", "points", "design_digest", "runs",
)  # fmt: skip
"""Fields that must be the same before anything is added, in the order in which a difference is told."""


@dataclass(frozen=True)
class Options:
    """What is asked of a sweep besides scenario and design."""

    runs: int
    seed: int
    until: float
    engine: str
    params: Mapping[str, float]
    events: tuple[str, ...] | None
    common: bool
    precision: Mapping[str, float]
    points_per_block: int


def describe_sweep(compiled: Compiled, design: Design, options: Options, outcomes: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of a new sweep."""
    scenario = compiled.scenario
    return {
        "format": FORMAT,
        "scenario": scenario.name,
        "scenario_digest": written_digest(scenario),
        "terms_digest": digest_terms(scenario),
        "tick": scenario.tick,
        "until_days": options.until,
        "engine": options.engine,
        "seed": options.seed,
        "common_noise": options.common,
        "params": dict(options.params),
        "names": list(design.names),
        "events": None if options.events is None else list(options.events),
        "precision": dict(options.precision),
        "random_block": BLOCK_WIDTH,
        "points_per_block": options.points_per_block,
        "points": len(design),
        "design_digest": design.digest,
        "runs": options.runs,
        "extents": [asdict(Extent(0, len(design), (0, options.runs)))],
        "design": {"kind": design.kind, "details": design.details},
        "outcomes": dict(outcomes),
        "term_files": {name: scenario.term[name].file for name in own_term_files(scenario)},
        "versions": {**built_with(), "python": platform.python_version()},
        "made": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": platform.machine(),
    }


def compare_manifests(stored: Mapping[str, Any], asked: Mapping[str, Any], folder: Path) -> None:
    """Make sure that what is asked for is what is stored.

    Raises
    ------
    SweepError
        Naming every field that differs, with both values.
    """
    asked = json.loads(json.dumps(asked))
    differ = [
        f"{name}: {describe_value(stored.get(name))} is stored, {describe_value(asked.get(name))} is asked for"
        for name in ASKED
        if stored.get(name) != asked.get(name)
    ]
    if differ:
        larger = any(stored.get(name) != asked.get(name) for name in ("runs", "points"))
        hint = "; to give it more runs or points, expand it" if larger else ""
        said = f"{folder} holds another sweep (a new one needs a folder of its own{hint})"
        raise RefusedSweep("\n  ".join([f"{said}:", *differ]))


def require_versions(stored: Mapping[str, Any], folder: Path, any_version: bool) -> None:
    """Make sure that what is added is computed by the same versions as what is there.

    Raises
    ------
    SweepError
        Naming the versions that differ.
    """
    here, then = built_with(), stored.get("versions", {})
    differ = [
        f"{name}: {then.get(name)} made it, {here[name]} is here" for name in here if then.get(name) != here[name]
    ]
    if differ and not any_version:
        told = "\n  ".join(differ)
        raise RefusedSweep(
            f"{folder}: other versions may round differently, so nothing is added:\n  {told}\n"
            f"install those versions, or say that any will do (any_version=True)"
        )


# -- scenario and design beside the manifest --------------------------------------------------------------------------


def write_sources(store: Store, scenario: Scenario, design: Design) -> None:
    """Put scenario, its own terms and the design beside the manifest, so that the folder can be read on its own."""
    from negsim.scenario_files import save_scenario

    store.folder.mkdir(parents=True, exist_ok=True)
    files = own_term_files(scenario)
    for name, path in files.items():
        store.write(f"{TERMS}/{name}.py", path.read_bytes())
    moved = move_term_files(scenario, {name: f"{TERMS}/{name}.py" for name in files})
    save_scenario(moved, store.folder / SCENARIO)
    write_design(store, design)


def write_design(store: Store, design: Design) -> None:
    """Put the points in place as a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {"point": np.arange(len(design), dtype=np.int32)}
    columns |= {name: design.values[:, place] for place, name in enumerate(design.names)}
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    store.write(DESIGN, sink.getvalue())


def read_sources(store: Store, manifest: Mapping[str, Any]) -> tuple[Scenario, Design]:
    """Read scenario and design.

    Raises
    ------
    SweepError
        When one of them is not what the manifest says.
    """
    import pyarrow.parquet as pq

    path = store.folder / DESIGN
    try:
        scenario = load_scenario(store.folder / SCENARIO)
        table = pq.read_table(path)
        names = tuple(manifest["names"])
        values: Floats = np.stack([table[name].to_numpy() for name in names], axis=1).astype(float)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise RefusedSweep(f"{path} cannot be read, or {SCENARIO} beside it: {error}") from error
    # After an expansion that was interrupted the table may hold points that the manifest does not know yet.
    kind = manifest["design"]
    design = Design(names, values[: manifest["points"]], kind["kind"], kind["details"])
    if design.digest != manifest["design_digest"]:
        raise RefusedSweep(f"{path} is damaged: design_digest is not the one in the manifest")
    restored = restore_scenario(scenario, manifest)
    if written_digest(restored) != manifest["scenario_digest"]:
        raise RefusedSweep(f"{store.folder / SCENARIO} was changed: scenario_digest is not the one in the manifest")
    if digest_terms(scenario) != manifest["terms_digest"]:
        raise RefusedSweep(f"{store.folder / TERMS} was changed: terms_digest is not the one in the manifest")
    return scenario, design


def restore_scenario(scenario: Scenario, manifest: Mapping[str, Any]) -> Scenario:
    """The scenario with the files of its own terms where they were when it was swept (for its digest)."""
    return move_term_files(scenario, manifest.get("term_files", {}))


def make_job(scenario: Scenario, manifest: Mapping[str, Any]) -> Job:
    """What all blocks of a sweep have in common."""
    same = {name: manifest[name] for name in ASKED if name not in ("points", "design_digest", "runs", "precision")}
    key = hashlib.sha256(json.dumps(same, sort_keys=True).encode()).hexdigest()
    events = manifest["events"]
    return Job(
        scenario=scenario,
        seed=manifest["seed"],
        until=manifest["until_days"],
        engine=manifest["engine"],
        params=manifest["params"],
        names=tuple(manifest["names"]),
        outcomes=None if events is None else tuple(events),
        common=manifest["common_noise"],
        versions=built_with(),
        key=key,
    )


def read_extents(manifest: Mapping[str, Any]) -> list[Extent]:
    """The extents of a sweep.

    Raises
    ------
    SweepError
        When the manifest holds none that can be read.
    """
    try:
        return [Extent(entry["first"], entry["last"], tuple(entry["runs"])) for entry in manifest["extents"]]
    except (KeyError, TypeError) as error:
        raise RefusedSweep(f"{MANIFEST} is damaged: extents are {describe_value(manifest['extents'])}") from error


def expand_manifest(manifest: Mapping[str, Any], extents: Sequence[Extent], design: Design) -> dict[str, Any]:
    """The manifest after an expansion."""
    same_kind = len(design) == manifest["points"]
    kind = manifest["design"] if same_kind else {"kind": "table", "details": {}}
    return {
        **manifest,
        "points": len(design),
        "design_digest": design.digest,
        "runs": extents[0].runs[-1],
        "extents": [asdict(extent) for extent in extents],
        "design": kind,
    }
