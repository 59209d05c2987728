"""Is what the compiled engine keeps for later processes found by them, and never taken for something else?

The machine is a small one here: its loops call one formula. What is asked is how functions are named, kept and found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import negsim
from growing_terms import write_term

pytest.importorskip("numba")

from negsim.scalar import building, keeping
from negsim.scalar.building import _digest
from negsim.scalar.keeping import place_source, take_or_compile
from negsim.scenario_files import load_terms

LONG = " + ".join(f"weight ** {power} / {power}.0" for power in range(3, 60))
"""So long that a compiler calls it where it could write it out."""
SMALL_MACHINE = """
import json, sys
import negsim
from negsim.scalar import building
from negsim.scenario_files import load_terms

building.MODULES = ()
building._constants = lambda module: {}
building.write_source = lambda formulas, wide: "\\n".join(
    f"def {name}_columns(weight):\\n    return formula_0(weight)" for name in building.ENTRIES
) + "\\ndef evaluate_rows():\\n    return 0\\n"
read = building.read_home
building.read_home = lambda inner: {"__name__": building.__name__}

def other(weight):
    return weight

said = []
for path in sys.argv[1:]:
    if path == "other":
        for _ in range(3):
            building._compile_for(other, __import__("numba").float64)
        continue
    formula = load_terms(negsim.load_scenario(path))["growth"].log_rates[0].formula
    said.append(building.build_machine([formula]).draw(1.0))
print(json.dumps(said))
"""


def write_case(folder: Path, result: str, before: str = "") -> Path:
    """Write a case with a term of its own, whose formula gives a result."""
    folder.mkdir(exist_ok=True)
    write_term(folder, result, before)
    negsim.save_scenario(negsim.load_scenario("two-state-channel"), folder / "case.toml")
    with (folder / "case.toml").open("a", encoding="utf-8") as file:
        file.write('\n[term.growth]\nfile = "growth.py"\n')
    return folder / "case.toml"


def draw_in_new_process(cache: Path, *cases: Path | str) -> list[float]:
    """What small machines of some cases give in a process of their own, by what they say the results of their terms."""
    environment = {**os.environ, "NEGSIM_CACHE": str(cache)}
    command = [sys.executable, "-c", SMALL_MACHINE, *map(str, cases)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_two_versions_of_a_term_made_by_two_processes_are_not_confused_in_a_third(tmp_path):
    """Both were made by processes that counted alike, so all that tells their functions apart are the names."""
    first, second = (
        write_case(tmp_path / name, f"{value} + 0.0 * ({LONG})") for name, value in (("a", 1.5), ("b", 2.5))
    )
    cache = tmp_path / "cache"
    assert draw_in_new_process(cache, first) == [1.5]
    assert draw_in_new_process(cache, second) == [2.5]
    assert draw_in_new_process(cache, first, second) == [1.5, 2.5]
    assert draw_in_new_process(cache, "other", second, first) == [2.5, 1.5]


def test_terms_of_one_text_that_read_other_numbers_are_not_confused_either(tmp_path):
    before = 'from pathlib import Path\nK = float(Path(__file__).with_name("k.txt").read_text())'
    cases = [write_case(tmp_path / name, f"K + 0.0 * ({LONG})", before) for name in ("a", "b")]
    for case, value in zip(cases, ("1.5", "2.5"), strict=True):
        (case.parent / "k.txt").write_text(value)
    cache = tmp_path / "cache"
    assert [draw_in_new_process(cache, case) for case in cases] == [[1.5], [2.5]]
    assert draw_in_new_process(cache, *cases) == [1.5, 2.5]
    assert draw_in_new_process(cache, "other", *cases[::-1]) == [2.5, 1.5]


def test_a_term_that_is_loaded_again_has_the_machine_it_had(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "_BUILT", {})
    monkeypatch.setattr(building, "_build", lambda formulas: object())

    def build(result: str) -> object:
        case = negsim.load_scenario(write_case(tmp_path / "a", result, "K = 2.0"))
        return building.build_machine([load_terms(case)["growth"].log_rates[0].formula])

    assert build("K * weight") is build("K * weight") is not build("K + weight")


@pytest.fixture
def make(tmp_path) -> Callable[[], Any]:
    """Makes a function that numba keeps, as a process does that knows nothing of an earlier one."""
    file = tmp_path / "engine.py"
    file.write_text("def double(x):\n    return 2.0 * x\n", encoding="utf-8")

    def make() -> Any:
        import numba

        home: dict[str, Any] = {"__name__": __name__}
        exec(compile(file.read_text("utf-8"), str(file), "exec"), home)
        compiled = numba.njit(cache=True)(home["double"])
        take_or_compile(compiled, (numba.float64,))
        return compiled

    return make


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
def test_a_damaged_file_is_made_anew(make, tmp_path, kind):
    """As a full disk, or a machine that went down, may leave it."""
    make()
    (file,) = tmp_path.glob(f"__pycache__/*.{kind}")
    for left in (0, 100):
        file.write_bytes(file.read_bytes()[:left])
        assert make()(1.5) == 3.0
        assert file.stat().st_size > left
    assert make().stats.cache_hits


def test_what_cannot_be_kept_is_compiled_all_the_same(make, monkeypatch):
    from numba.core.caching import IndexDataCacheFile

    def fail(*given: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(IndexDataCacheFile, "_save_data", fail)
    assert make()(1.5) == 3.0


def test_a_function_that_cannot_be_compiled_says_so(tmp_path):
    import numba

    with pytest.raises(numba.TypingError):
        take_or_compile(numba.njit(lambda x: x.no_such), (numba.float64,))


def test_nothing_is_put_where_nothing_can_be_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NEGSIM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(keeping.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert place_source("", "a").is_relative_to(tmp_path / "cache")
    monkeypatch.setattr(keeping.os, "access", lambda folder, how: (tmp_path / "cache") not in Path(folder).parents)
    assert place_source("", "a").is_relative_to(tmp_path / "temporary")


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="folders have no owners here")
def test_a_folder_that_others_could_have_filled_is_not_used(tmp_path, monkeypatch):
    """Machine code is kept there, and run as it is found."""
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("NEGSIM_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(keeping.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"negsim-{keeping.getuser()}"
    assert place_source("", "a") == folder / "a" / keeping.SOURCE
    assert not folder.stat().st_mode & 0o077
    folder.chmod(0o777)
    assert not place_source("", "a").is_relative_to(tmp_path)
    folder.chmod(0o700)
    folder.rename(tmp_path / "theirs")
    folder.symlink_to(tmp_path / "theirs")
    assert not place_source("", "a").is_relative_to(tmp_path)


def test_the_cache_does_not_grow_for_ever_and_what_is_used_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("NEGSIM_CACHE", str(tmp_path))
    monkeypatch.setattr(keeping, "MOST_KEPT", 3)
    for name in "abcd":
        place_source("", name)
        os.utime(tmp_path / name, (ord(name), ord(name)))
    assert {file.name for file in tmp_path.iterdir()} == {"b", "c", "d"}
    place_source("", "b")
    place_source("", "e")
    assert {file.name for file in tmp_path.iterdir()} == {"b", "d", "e"}


def test_another_processor_has_machines_of_its_own(monkeypatch):
    from numba.core.codegen import CPUCodegen

    here = _digest("", [])
    assert _digest("", []) == here
    monkeypatch.setattr(CPUCodegen, "magic_tuple", lambda codegen: ("x86_64", "another", ""))
    assert _digest("", []) != here


def write_formula(value: float, way: str) -> Callable[[float], float]:
    """A formula that multiplies by a number it takes from elsewhere, its own text always the same."""
    home: dict[str, Any] = {"K": value, "numbers": ModuleType("numbers"), "table": np.array([1.0, value])}
    home["numbers"].K = value
    exec(f"def helper(x):\n    return {value} * x", home)
    exec(f"def outer(k):\n    def formula(x):\n        return {way}\n    return formula", home)
    return home["outer"](value)


@pytest.mark.parametrize("way", ["K * x", "numbers.K * x", "table[1] * x", "helper(x)", "k * x", "sum(K for _ in x)"])
def test_a_machine_is_made_anew_when_a_number_changes_that_a_formula_takes_from_elsewhere(way):
    digests = [_digest("", [write_formula(value, way)]) for value in (1.5, 1.5, 2.5)]
    assert digests[0] == digests[1] != digests[2]
