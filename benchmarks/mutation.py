"""Would the tests notice? Ten planted bugs and many small mutations, each run against the tests in a copy.

    python benchmarks/mutation.py fit                   # do the planted bugs still fit the source? (seconds)
    python benchmarks/mutation.py planted               # plant them one by one (about ten minutes)
    python benchmarks/mutation.py mutants --sample 150  # small mutations of kernel, terms, likelihood (about an hour)

Each writes its part of ``results/mutation.md`` (from ``results/mutation.json``). The working tree itself is never
touched. Each change is shown to a few quick tests first, and to all of them where these notice nothing. Tests that fail
without any bug are named and left out. The golden numbers (``test_baselines.py``) are not
among the tests: they notice that something changed, not that it is wrong.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = Path(__file__).parent / "results"
TESTS: Final = (
    "tests/test_kernel.py",
    "tests/test_reference_agreement.py",
    "tests/test_streams.py",
    "tests/test_explosions.py",
    "tests/test_own_term.py",
    "tests/test_laws.py",
    "tests/test_continuation.py",
    "tests/test_cases.py",
    "tests/test_results.py",
    "tests/test_likelihood.py",
    "tests/test_oracles.py",
)
"""Tests of what the kernel computes, those that notice most and soonest first."""
FIRST_LOOK: Final = (
    "tests/test_kernel.py",
    "tests/test_reference_agreement.py",
    "tests/test_streams.py",
    "tests/test_explosions.py",
)
"""Asked beforehand, with few drawn scenarios: most bugs are seen at once, and only what passes is looked at longer."""
QUICKLY: Final = "--hypothesis-profile=quick"
CAUGHT, MISSED, TIMED_OUT = "caught", "missed", "timed out"


# -- a copy of the project, and its tests -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What the tests said: `caught`, `missed` or `timed out`, and the first test that failed."""

    result: str
    test: str
    seconds: float


def join_verdicts(verdicts: Sequence[Verdict]) -> Verdict:
    """Say what several files of tests said together: who notices, notices for all."""
    noticed = [verdict for verdict in verdicts if verdict.result != MISSED]
    result = CAUGHT if any(verdict.result == CAUGHT for verdict in noticed) else TIMED_OUT if noticed else MISSED
    return Verdict(result, ", ".join(verdict.test for verdict in noticed), sum(verdict.seconds for verdict in verdicts))


class Copy:
    """A copy of the project in a temporary directory, in which one file at a time is changed."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in listed.stdout.decode().split("\0"):
            if name and (ROOT / name).is_file():
                (directory / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, directory / name)
        self._environment = {**os.environ, "PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
        place = self.run(["-c", "import negsim; print(negsim.__file__)"], 60).stdout.strip()
        assert Path(place).is_relative_to(directory), f"the copy imports negsim from {place}"

    def run(self, arguments: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
        """Run Python in the copy."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.directory,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def test(self, tests: Sequence[str], left_out: Sequence[str], timeout: float) -> Verdict:
        """Run tests (and what pytest is told besides) until the first fails."""
        options = ["-m", "pytest", "-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
        start = time.perf_counter()
        try:
            done = self.run([*options, *(f"--deselect={test}" for test in left_out), *tests], timeout)
        except subprocess.TimeoutExpired:
            return Verdict(TIMED_OUT, f"no answer in {timeout:.0f} s", timeout)
        seconds = time.perf_counter() - start
        if done.returncode == 0:
            return Verdict(MISSED, "", seconds)
        return Verdict(CAUGHT, (failed_tests(done.stdout) or ["could not be collected"])[0], seconds)

    def test_changed(
        self, file: str, text: str, tests: Sequence[str], left_out: Sequence[str], timeout: float
    ) -> Verdict:
        """Run tests with one file changed."""
        place = self.directory / file
        before = place.read_text()
        place.write_text(text)
        try:
            return self.test(tests, left_out, timeout)
        finally:
            place.write_text(before)


def failed_tests(output: str) -> list[str]:
    """Tests that pytest reports as failed (or files that it could not read)."""
    return re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)


def find_failing(copy: Copy, tests: Sequence[str], timeout: float) -> tuple[list[str], float]:
    """Tests that fail without any bug, and how long all take."""
    start = time.perf_counter()
    done = copy.run(["-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], timeout)
    return failed_tests(done.stdout), time.perf_counter() - start


# -- ten planted bugs -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bug:
    """A bug as a change of text: what it is, where, what is replaced by what."""

    name: str
    file: str
    right: str
    wrong: str

    def plant(self, text: str) -> str:
        """Change a text; an error where the text to be changed is not there exactly once."""
        if text.count(self.right) != 1:
            raise LookupError(f"{self.name}: {self.file} holds {self.right!r} {text.count(self.right)} times")
        return text.replace(self.right, self.wrong)


BUGS: Final = (
    Bug(
        "season shifted by a month",
        "negsim/kernel/quantities.py",
        "world.tick_month[state.tick]",
        "(world.tick_month[state.tick] + 1) % 12",
    ),
    Bug(
        "decay per tick instead of per year",
        "negsim/kernel/effects.py",
        'np.exp(-parameters["decay"] * elapsed)',
        'np.exp(-parameters["decay"] * (30.4375 + 0.0 * elapsed))',
    ),
    Bug(
        "a mask ignored: frozen items can be tabled",
        "negsim/kernel/stages.py",
        '"available": ((bits & AVAILABLE_BITS) != 0) & ~state.frozen',
        '"available": ((bits & AVAILABLE_BITS) != 0)',
    ),
    Bug(
        "a term's sign: resentment eases talks",
        "negsim/terms/resentment.py",
        "return -cool * exposure",
        "return cool * exposure",
    ),
    Bug(
        "a clock reused: moves of the same kind and actor share one",
        "negsim/streams.py",
        "hashlib.sha256(name.encode())",
        'hashlib.sha256(":".join(name.split(":")[:2]).encode())',
    ),
    Bug(
        "consent of one side only",
        "negsim/kernel/effects.py",
        "settled = state.consent[2 * channels, columns] & state.consent[2 * channels + 1, columns]",
        "settled = state.consent[2 * channels, columns].copy()",
    ),
    Bug("lead time ignored", "negsim/kernel/stages.py", "ready = since >= lead", "ready = since >= 0.0 * lead"),
    Bug(
        "end of observation lost",
        "negsim/replays.py",
        "np.where(inside, elapsed, until - state.time)",
        "np.where(inside, elapsed, 0.0)",
    ),
    Bug(
        "credibility of the wrong actor",
        "negsim/layout/arguments.py",
        '"credibility_back": ("credibility", lambda rows, about: rows.pair[about.counterpart, about.actor])',
        '"credibility_back": ("credibility", lambda rows, about: rows.pair[about.actor, about.counterpart])',
    ),
    Bug(
        "stock counting one donor",
        "negsim/kernel/effects.py",
        "inflow[world.flow_stock[flow]] += ",
        "inflow[world.flow_stock[flow]] = ",
    ),
)


def fit_bugs() -> None:
    """Check that every bug still fits the source.

    Raises
    ------
    LookupError
        Naming the first that does not.
    """
    for bug in BUGS:
        bug.plant((ROOT / bug.file).read_text())


# -- small mutations --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mutant:
    """One small change: the bytes from `start` to `stop` of a file become `after`."""

    file: str
    line: int
    start: int
    stop: int
    before: str
    after: str
    context: str
    """The line it stands in."""

    def change(self, text: str) -> str:
        """Change a text."""
        source = text.encode()
        return (source[: self.start] + self.after.encode() + source[self.stop :]).decode()

    @property
    def told(self) -> str:
        """What is changed, on one line."""
        before, after = (" ".join(part.split()) for part in (self.before, self.after))
        context = "" if before in (self.context, "") else f" in `{self.context}`"
        return f"`{before}` → `{after}`{context}"


TARGETS: Final[dict[str, tuple[str, ...]]] = {
    "negsim/kernel/*.py": (),
    "negsim/ensemble.py": ("moments", "Drawn"),
    "negsim/replays.py": (),
    "negsim/terms/*.py": (),
}
"""Files, and which of their definitions (all, if none is named)."""
DECLARATIONS: Final = ("negsim/terms/__init__.py", "negsim/terms/term.py")
BINARY: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip
SWAPPED: Final = {
    "minimum": "maximum", "maximum": "minimum", "any": "all", "all": "any", "min": "max", "max": "min",
    "argmin": "argmax", "exp": "expm1", "log1p": "log", "zeros": "ones", "ones": "zeros",
}  # fmt: skip
NUMBERLESS: Final = ("Belief", "TypeVar")
"""Calls whose numbers say what is believed beforehand, not what is computed."""


class Mutator:
    """Finds the mutations of one file."""

    def __init__(self, file: str, text: str, definitions: Sequence[str]) -> None:
        self._file, self._text = file, text
        self._bytes = [0]
        for line in text.encode().splitlines(keepends=True):
            self._bytes.append(self._bytes[-1] + len(line))
        self._definitions = definitions

    def find(self) -> Iterator[Mutant]:
        """Every mutation."""
        for node in ast.parse(self._text).body:
            if not self._definitions or getattr(node, "name", None) in self._definitions:
                yield from self._walk(node)

    def _walk(self, node: ast.AST) -> Iterator[Mutant]:
        for after in self._changes(node):
            yield self._mutant(node, after)
        for name, value in ast.iter_fields(node):
            if not self._silent(node, name):
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        yield from self._walk(child)

    @staticmethod
    def _silent(node: ast.AST, name: str) -> bool:
        """Whether a part computes nothing: annotations, decorators, checks of types, priors."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NUMBERLESS:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            return True
        return name in ("annotation", "returns", "decorator_list", "keywords" if _is_declaration(node) else "")

    def _mutant(self, node: Any, after: str) -> Mutant:
        start = self._bytes[node.lineno - 1] + node.col_offset
        stop = self._bytes[node.end_lineno - 1] + node.end_col_offset
        before = self._text.encode()[start:stop].decode()
        context = self._text.splitlines()[node.lineno - 1].strip()
        return Mutant(self._file, node.lineno, start, stop, before, after, context)

    @staticmethod
    def _changes(node: ast.AST) -> Iterator[str]:
        """What a piece of source could become."""
        if isinstance(node, ast.BinOp) and not _is_text(node):
            yield _write(ast.BinOp(node.left, BINARY[type(node.op)](), node.right))
        elif isinstance(node, ast.Compare):
            for place, given in enumerate(node.ops):
                for other in COMPARED[type(given)]:
                    signs = [*node.ops[:place], other(), *node.ops[place + 1 :]]
                    yield _write(ast.Compare(node.left, signs, node.comparators))
        elif isinstance(node, ast.BoolOp):
            yield _write(ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values))
        elif isinstance(node, ast.UnaryOp):
            yield _write(node.operand)
        elif isinstance(node, ast.Constant):
            yield from _numbers(node.value)
        elif isinstance(node, ast.Attribute) and node.attr in SWAPPED:
            yield f"{ast.unparse(node.value)}.{SWAPPED[node.attr]}"
        elif isinstance(node, ast.AugAssign):
            yield "pass"
            yield ast.unparse(ast.AugAssign(node.target, BINARY[type(node.op)](), node.value))
        elif _is_effect(node):
            yield "pass"


def _write(node: ast.expr) -> str:
    """Write an expression so that it can stand anywhere."""
    return f"({ast.unparse(node)})"


def _is_declaration(node: ast.AST) -> bool:
    """Whether a call declares a parameter: its named numbers are priors."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("strength", "amount")


def _is_effect(node: ast.AST) -> bool:
    """Whether a statement does something to what is there already, and can be left out."""
    if isinstance(node, ast.Assign):
        return isinstance(node.targets[0], ast.Subscript | ast.Attribute)
    return isinstance(node, ast.Continue) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(part, ast.Constant | ast.JoinedStr) and _said(part) for part in (node.left, node.right))


def _said(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def _numbers(value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, int):
        yield str(value + 1)
    elif isinstance(value, float):
        yield repr(value * 1.5 if value else 1.0)


def find_mutants() -> list[Mutant]:
    """Every mutation of the files in question, in the order of the text."""
    found = []
    for pattern, definitions in TARGETS.items():
        for place in sorted(ROOT.glob(pattern)):
            file = place.relative_to(ROOT).as_posix()
            if file not in DECLARATIONS:
                found += list(Mutator(file, place.read_text(), definitions).find())
    return [mutant for mutant in found if _compiles(mutant)]


def _compiles(mutant: Mutant) -> bool:
    text = (ROOT / mutant.file).read_text()
    try:
        return ast.dump(ast.parse(mutant.change(text))) != ast.dump(ast.parse(text))
    except SyntaxError:
        return False


# -- studies ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """How a study is run."""

    tests: tuple[str, ...]
    jobs: int
    timeout: float | None
    every: bool = False
    """Whether each file of tests is asked, or only those up to the first that notices."""
    minutes: float = float("inf")
    """No change is begun later than this after the start."""


def run_study(changes: Sequence[tuple[str, str, str]], setting: Setting) -> tuple[list[Verdict | None], dict[str, Any]]:
    """Run the tests against each change (name, file, text), several copies of the project at a time.

    Returns
    -------
    verdicts : list of Verdict or None
        One for each change; None where the time was over before its turn.
    about : dict
        When it was begun and on which commit, which tests were run, which were left out because they fail by
        themselves, how long all take.
    """
    begun, last = datetime.now(UTC), time.monotonic() + 60.0 * setting.minutes
    tests = [test for test in setting.tests if (ROOT / test.partition("::")[0]).exists()]
    with tempfile.TemporaryDirectory() as place:
        copies: SimpleQueue[Copy] = SimpleQueue()
        for number in range(setting.jobs):
            copies.put(Copy(Path(place) / str(number)))
        first = copies.get()
        left_out, seconds = find_failing(first, tests, 3600)
        timeout = setting.timeout or 60.0 + 3.0 * seconds
        print(
            f"{len(tests)} files of tests take {seconds:.0f} s; failing by themselves: {', '.join(left_out) or 'none'}"
        )
        looks = [(timeout, [test]) for test in tests] if setting.every else [(timeout, tests)]
        quickly = [QUICKLY, *(test for test in FIRST_LOOK if test in tests)]
        if len(quickly) > 1 and not setting.every:
            took = first.test(quickly, left_out, timeout).seconds
            looks.insert(0, (60.0 + 3.0 * took, quickly))
        copies.put(first)
        judge = partial(_judge, copies, looks, left_out, len(changes), last)
        with ThreadPoolExecutor(setting.jobs) as pool:
            verdicts = list(pool.map(judge, enumerate(changes, start=1)))
    about = {"begun": begun.date().isoformat(), "commit": name_commit(), "tests": tests, "left_out": left_out}
    return verdicts, {**about, "seconds_without_a_bug": round(seconds, 1)}


def name_commit() -> str:
    """The commit that the copies are made of (and whether files have been changed since)."""
    told = ["git", "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"]
    return subprocess.run(told, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _judge(
    copies: SimpleQueue[Copy],
    looks: Sequence[tuple[float, Sequence[str]]],
    left_out: Sequence[str],
    count: int,
    last: float,
    numbered: tuple[int, tuple[str, str, str]],
) -> Verdict | None:
    if time.monotonic() > last:
        return None
    number, (name, file, text) = numbered
    copy = copies.get()
    try:
        verdicts: list[Verdict] = []
        for timeout, tests in looks:
            verdicts.append(copy.test_changed(file, text, tests, left_out, timeout))
            if tests[0] == QUICKLY and verdicts[-1].result != MISSED:
                break
    finally:
        copies.put(copy)
    verdict = join_verdicts(verdicts)
    print(f"{number}/{count} {verdict.result:9} {verdict.seconds:5.0f} s  {name}  {verdict.test}", flush=True)
    return verdict


def study_bugs(setting: Setting) -> dict[str, Any]:
    """Plant every bug."""
    fit_bugs()
    changes = [(bug.name, bug.file, bug.plant((ROOT / bug.file).read_text())) for bug in BUGS]
    verdicts, about = run_study(changes, setting)
    return {**about, "bugs": put_beside(BUGS, verdicts)}


def study_mutants(setting: Setting, sample: int, seed: int) -> dict[str, Any]:
    """Try a sample of the mutations."""
    every = find_mutants()
    chosen = random.Random(seed).sample(every, min(sample, len(every)))
    changes = [
        (f"{mutant.file}:{mutant.line} {mutant.told}", mutant.file, mutant.change((ROOT / mutant.file).read_text()))
        for mutant in chosen
    ]
    verdicts, about = run_study(changes, setting)
    rows = sorted(put_beside(chosen, verdicts), key=lambda row: (row["file"], row["start"]))
    return {**about, "possible": len(every), "seed": seed, "mutants": rows}


def put_beside(changes: Sequence[Bug | Mutant], verdicts: Sequence[Verdict | None]) -> list[dict[str, Any]]:
    """One row for each change that was tried: what it is, and what the tests said."""
    told = zip(changes, verdicts, strict=True)
    return [{**asdict(change), **asdict(verdict)} for change, verdict in told if verdict is not None]


# -- the report -------------------------------------------------------------------------------------------------------


def tell_bugs(part: dict[str, Any]) -> list[str]:
    """The part of the report on planted bugs."""
    caught = sum(row["result"] != MISSED for row in part["bugs"])
    lines = ["## Planted bugs", "", f"{caught} of {len(part['bugs'])} caught (target: at least nine).", ""]
    lines += ["| bug | file | result | by |", "|---|---|---|---|"]
    lines += [f"| {row['name']} | `{row['file']}` | {row['result']} | {row['test']} |" for row in part["bugs"]]
    return [*lines, "", *tell_about(part)]


def tell_mutants(part: dict[str, Any]) -> list[str]:
    """The part of the report on small mutations."""
    rows = part["mutants"]
    survivors = [row for row in rows if row["result"] == MISSED]
    share, count = 1 - len(survivors) / len(rows), len(rows)
    error = (share * (1 - share) / count) ** 0.5
    lines = [
        "## Small mutations",
        "",
        f"{100 * share:.0f}% of {count} killed (standard error {100 * error:.0f} points; target: at least 85%).",
        f"They were drawn, with seed {part['seed']}, from {part['possible']:,} possible ones of the kernel, the terms,",
        "the loop over time and the likelihood.",
        "",
        "| file | tried | killed |",
        "|---|---|---|",
    ]
    for file in sorted({row["file"] for row in rows}):
        here = [row["result"] != MISSED for row in rows if row["file"] == file]
        lines.append(f"| `{file}` | {len(here)} | {sum(here)} |")
    lines += ["", f"Survivors ({len(survivors)}):", ""]
    for row in survivors:
        mutant = Mutant(**{part.name: row[part.name] for part in fields(Mutant)})
        lines.append(f"- `{row['file']}:{row['line']}` {mutant.told}")
    return [*lines, "", *tell_about(part)]


def tell_about(part: dict[str, Any]) -> list[str]:
    """What was run."""
    left_out = ", ".join(f"`{test}`" for test in part["left_out"]) or "none"
    files = ", ".join(f"`{test}`" for test in part["tests"])
    run = f"Run on {part['begun']}, commit `{part['commit']}`. " if "commit" in part else ""
    return [f"{run}Tests: {files}. Left out because they failed without a bug: {left_out}.", ""]


def write_report(name: str, part: dict[str, Any]) -> None:
    """Put one part into the results, beside the other."""
    RESULTS.mkdir(exist_ok=True)
    place = RESULTS / "mutation.json"
    parts = json.loads(place.read_text()) if place.exists() else {}
    parts[name] = part
    place.write_text(json.dumps(parts, indent=1) + "\n")
    lines = ["# Would the tests notice?", "", "Written by `python benchmarks/mutation.py`.", ""]
    lines += tell_bugs(parts["planted"]) if "planted" in parts else []
    lines += tell_mutants(parts["mutants"]) if "mutants" in parts else []
    (RESULTS / "mutation.md").write_text("\n".join(lines).rstrip() + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study; 1 where a planted bug no longer fits the source."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("fit", "planted", "mutants"))
    parser.add_argument("--sample", type=int, default=150, help="how many mutations are tried")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--jobs", type=int, default=1, help="copies of the project tested at a time")
    parser.add_argument(
        "--timeout", type=float, help="seconds for the tests of one change (default: by what they take)"
    )
    parser.add_argument("--tests", nargs="+", default=TESTS, help="which tests")
    parser.add_argument("--every", action="store_true", help="ask every file of tests, not only up to the first")
    parser.add_argument(
        "--minutes", type=float, default=float("inf"), help="begin no change later than this after the start"
    )
    parser.add_argument("--dry", action="store_true", help="do not write the report")
    given = parser.parse_args(arguments)
    try:
        fit_bugs()
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    setting = Setting(tuple(given.tests), given.jobs, given.timeout, given.every, given.minutes)
    studies: dict[str, Callable[[], dict[str, Any]]] = {
        "planted": lambda: study_bugs(setting),
        "mutants": lambda: study_mutants(setting, given.sample, given.seed),
    }
    if given.what == "fit":
        print(f"all {len(BUGS)} bugs fit; {len(find_mutants()):,} small mutations are possible")
        return 0
    part = studies[given.what]()
    if not given.dry:
        write_report(given.what, part)
    rows = part.get("bugs") or part["mutants"]
    print(f"{sum(row['result'] != MISSED for row in rows)} of {len(rows)} caught")
    return 0


if __name__ == "__main__":
    sys.exit(main())
