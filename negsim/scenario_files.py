"""How does a scenario come from a file, and go back to one?

This is the door: whatever passes :func:`load_scenario` can be simulated, and whatever does not is refused with all its
mistakes at once (:class:`~negsim.problems.ScenarioError`).
"""

from __future__ import annotations

import hashlib
import itertools
import os
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from negsim.problems import Problem, ScenarioError, describe_value, find_nearest, list_names
from negsim.scenario import ParameterSpec, Scenario
from negsim.scenario_checks import Draft, find_misfits, match_paths, number_paths
from negsim.scenario_schemas import SCHEMA_NAME
from negsim.scenario_structure import find_misshapen, salvage
from negsim.term_files import digest_terms, own_term_files, run_term_files
from negsim.terms import SHELF, Term
from negsim.toml_files import find_neighbour, name_after, parse_toml, read_text, refuse
from negsim.whole_files import write_new, write_whole

MAX_BYTES: Final = 5_000_000
MOST_TOLD: Final = 1000
TEMPLATE: Final = "template"

_IN_MEMORY: Final = "<scenario>"
_SECTIONS: Final = ("actor", "good", "concession", "channel", "demand", "coercion", "driver", "term")


def load_scenario(source: str | Path, *, run_files: bool = True) -> Scenario:
    """Load a scenario and check it as a whole.

    Parameters
    ----------
    source : str or Path
        A scenario file, or the name of a shipped case such as ``"beijing-1999"``.
    run_files : bool
        Whether to run the Python files of user-defined terms that the scenario names, which also checks their
        settings. Only load files that you trust.

    Returns
    -------
    Scenario

    Raises
    ------
    ScenarioError
        With every mistake found: an unknown case, an unreadable file, wrong values, names that do not exist.

    Examples
    --------
    >>> import negsim
    >>> negsim.load_scenario("two-state-channel").title
    'Talks in session and out of it'
    """
    return read_scenario(*read_source(source), run_files=run_files)


def read_scenario(file: str, text: str, folder: Path, *, run_files: bool = True) -> Scenario:
    """Check the text of a scenario file, as :func:`load_scenario` does, once :func:`read_source` has found it."""
    scenario, problems = _examine(_parse(text, file), file, folder, run_files=run_files)
    if scenario is None or problems:
        raise ScenarioError(problems)
    return scenario


def take_scenario(case: Scenario | str | Path) -> Scenario:
    """The scenario that is meant: itself, or that of a file or a shipped case.

    Raises
    ------
    ScenarioError
        With every mistake found in a file.
    TypeError
        For what is none of these.
    """
    if isinstance(case, Scenario):
        return case
    if not isinstance(case, str | Path):
        raise TypeError(f"a case is a scenario, the name of a shipped one or a file, not {type(case).__name__}")
    return load_scenario(case)


def parse_scenario(text: str, file: str = "<text>") -> Scenario:
    """Read a scenario from the text of a TOML file; ``file`` is what to call it in mistakes.

    Raises
    ------
    ScenarioError
        With every mistake found.
    """
    scenario, problems = _examine(_parse(text, file), file, None, run_files=False)
    if scenario is None or problems:
        raise ScenarioError(problems)
    return scenario


def check_scenario(source: str | Path) -> tuple[Problem, ...]:
    """Every mistake in a scenario file or shipped case; none means that it loads. No file of a term is run."""
    try:
        load_scenario(source, run_files=False)
    except ScenarioError as error:
        return error.problems
    return ()


def check(scenario: Scenario) -> tuple[Problem, ...]:
    """Every mistake in a scenario made in Python: the same checks as at the door for files."""
    return _examine(_plain(scenario), _IN_MEMORY, scenario._folder, run_files=False)[1]


def require_valid(scenario: Scenario) -> Scenario:
    """Give back a scenario that has passed every check (copies made with ``model_copy`` have passed none).

    Raises
    ------
    ScenarioError
        With every mistake found.
    """
    checked, problems = _examine(_plain(scenario), _IN_MEMORY, scenario._folder, run_files=True)
    if checked is None or problems:
        raise ScenarioError(problems)
    return checked


def require_settings(scenario: Scenario, settings: Mapping[str, float], file: str = "<settings>") -> None:
    """Make sure that numbers can be set to other values: that they exist, and that the scenario stays one.

    Parameters
    ----------
    scenario : Scenario
        A scenario that has passed its checks.
    settings : mapping of str to float
        Values by key path, or by name of a ``[[parameter]]`` (which replaces, multiplies or is added to its numbers).
    file : str
        What to call the settings in mistakes.

    Raises
    ------
    ScenarioError
        With every key that is not known (and the nearest that is), and every value that is not allowed.
    """
    paths, data, unknown = number_paths(scenario, load_terms(scenario)), _plain(scenario), []
    named, written = {spec.name: spec for spec in scenario.parameter}, scenario.numbers()
    for key, value in settings.items():
        if key not in named and key not in paths:
            allowed = "the key path of a number, such as concession.NAME.cost, or the name of a parameter"
            nearest = find_nearest(key, [*named, *paths])
            unknown.append(Problem(file, key, f"a key that is not known (with the value {value:g})", allowed, nearest))
        for path in _paths_moved(named[key], paths) if key in named else {key} & set(paths):
            _put(data, path, _changed(named.get(key), value, written.get(path)))
    problems = (*unknown, *_examine(data, file, scenario._folder, run_files=True, priors=False)[1])
    if problems:
        raise ScenarioError(problems)


def load_terms(scenario: Scenario) -> dict[str, Term]:
    """Terms by name: the shelf, and the scenario's own from their files, which are run.

    Raises
    ------
    ScenarioError
        With every file that does not define a term as it should.
    """
    terms, problems = run_term_files(scenario, _IN_MEMORY)
    if problems:
        raise ScenarioError(problems)
    return terms


def scenarios() -> dict[str, str]:
    """List the cases that ship with negsim: their titles, by name.

    Examples
    --------
    >>> import negsim
    >>> negsim.scenarios()["good-friday-1998"]
    'The Good Friday process, 1993-1998'
    """
    texts = {name: (_cases() / f"{name}.toml").read_text("utf-8") for name in _list_shipped()}
    return {name: str(tomllib.loads(text).get("title", "")) for name, text in texts.items()}


def _list_shipped() -> list[str]:
    return sorted(path.stem for path in _cases().glob("*.toml") if path.stem != TEMPLATE)


def save_scenario(scenario: Scenario, path: str | Path) -> Path:
    """Write a scenario to a TOML file, leaving out defaults. Loading the file gives an equal scenario.

    The file is written completely or not at all.

    Parameters
    ----------
    scenario : Scenario
    path : str or Path
        The file, in a folder that exists.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        For a path that names no file.
    OSError
        For a file that cannot be written.
    """
    if not Path(path).name:
        raise ValueError(f"path must name a file, not {str(path)!r}")
    return write_whole(Path(path), dump_scenario(scenario))


def dump_scenario(scenario: Scenario) -> str:
    """A scenario as the text of a TOML file; defaults are left out."""
    return dump_toml({"format": scenario.format, **_plain(scenario, exclude_defaults=True)})


def write_numbers(scenario: Scenario, values: Mapping[str, float]) -> Scenario:
    """Write numbers into a scenario, by key path, where they would otherwise be given as parameters.

    Raises
    ------
    ScenarioError
        When what comes out is no scenario.
    """
    data = _plain(scenario)
    for path, value in values.items():
        _put(data, path, value)
    changed, problems = _examine(data, _IN_MEMORY, scenario._folder, run_files=True)
    if changed is None or problems:
        raise ScenarioError(problems)
    return changed


def dump_toml(data: Mapping[str, Any]) -> str:
    """Plain data as the text of a TOML file."""
    import tomli_w

    return tomli_w.dumps(data)


def scenario_digest(scenario: Scenario) -> str:
    """SHA-256 of the scenario in canonical form, and of the files of its own terms: equal scenarios, equal digests.

    Where its file and those of its terms lie is no part.
    """
    files = {name: f"{name}.py" for name in own_term_files(scenario)}
    return written_digest(move_term_files(scenario, files), digest_terms(scenario))


def written_digest(scenario: Scenario, more: str = "") -> str:
    """SHA-256 of the scenario in canonical form alone, whatever the files of its own terms say."""
    return hashlib.sha256(f"{scenario.canonical()}{more}".encode()).hexdigest()


def move_term_files(scenario: Scenario, files: Mapping[str, str]) -> Scenario:
    """The scenario with files of its own terms at other places."""
    if not files:
        return scenario
    moved = {
        name: settings.model_copy(update={"file": files.get(name, settings.file)})
        for name, settings in scenario.term.items()
    }
    return scenario.model_copy(update={"term": moved})


# -- the template ------------------------------------------------------------------------------------------------


def write_template(path: str | Path, case: str | Path = TEMPLATE, *, force: bool = False) -> Path:
    """Write a scenario file of one's own to start from: the commented template, or a copy of a case.

    The template is named after the file. A copy keeps the name of its case, by which the questions and chronologies
    that ship with the case are found, and its comments.

    Raises
    ------
    ScenarioError
        For an unknown case.
    FileExistsError
        If the file is there already and ``force`` is not given.
    """
    target = Path(path)
    text = read_source(case)[1]
    if not text.startswith("#:schema"):
        text = f"#:schema ./{SCHEMA_NAME}\n{text}"
    name = name_after(target, "my-case")
    return write_new(target, text.replace(f'name = "{TEMPLATE}"', f'name = "{name}"', 1), force=force)


# -- reading -----------------------------------------------------------------------------------------------------


def _cases() -> Path:
    return Path(str(resources.files("negsim") / "cases"))


def read_source(source: str | Path) -> tuple[str, str, Path]:
    """Find a scenario file: what to call it in mistakes, its text, and the folder its relative paths start from.

    Raises
    ------
    ScenarioError
        For an unknown case, or a file that cannot be read.
    """
    file, allowed = str(source), "the name of a shipped case, or of a file"
    if "\n" in file:
        raise refuse("<case>", describe_value(file), f"{allowed}, not what stands in one")
    try:
        path = _find(source)
        is_folder = path.is_dir()
    except OSError as error:
        raise refuse("<case>", describe_value(file), f"{allowed} ({error.strerror})") from error
    if is_folder:
        raise refuse(file, "a directory", "a scenario file (TOML)")
    if not path.exists():
        raise refuse(file, "no such file", "a scenario file that exists", find_neighbour(path))
    if not path.is_file():
        raise refuse(file, "something that is no regular file", "a scenario file (TOML)")
    text = read_text(path, file, "a scenario file", MAX_BYTES)
    return file, text, path.parent.absolute()


def _find(source: str | Path) -> Path:
    """The path that a source means: a name without ending or folder is a shipped case's."""
    if isinstance(source, Path) or source.endswith(".toml") or os.path.basename(source) != source:
        return Path(source)
    shipped = _list_shipped()
    if source in shipped or source == TEMPLATE:
        return _cases() / f"{source}.toml"
    if source and Path(source).exists():
        return Path(source)
    allowed = f"a scenario file (.toml), or a shipped case ({list_names(shipped)})"
    raise refuse("<case>", describe_value(source), allowed, find_nearest(source, shipped))


def _parse(text: str, file: str) -> dict[str, Any]:
    data = parse_toml(text, file)
    if not data:
        raise refuse(file, "an empty file" if not text.strip() else "a file with nothing but comments", _A_SCENARIO)
    return data


_A_SCENARIO: Final = "a scenario: name, start, end and two actors or more (`negsim new FILE` writes one to start from)"


# -- examining ---------------------------------------------------------------------------------------------------


def _examine(
    data: Mapping[str, Any], file: str, folder: Path | None, *, run_files: bool, priors: bool = True
) -> tuple[Scenario | None, tuple[Problem, ...]]:
    """Read plain data as a scenario and find all that is wrong with it, and with what its priors can make of it."""
    scenario, misshapen, problems = find_misshapen(data, file)
    readable = salvage(data) if scenario is None else scenario
    readable._folder = folder
    terms, faults = run_term_files(readable, file) if run_files else (dict(SHELF), ())
    draft = Draft(readable, file, _names(data), frozenset(misshapen), terms)
    found = _first(itertools.chain(problems, find_misfits(draft), faults), file)
    if scenario is None or found or not priors:
        return scenario, found
    return scenario, _first(_find_wild_priors(scenario, file, terms), file)


def _find_wild_priors(scenario: Scenario, file: str, terms: Mapping[str, Term]) -> Iterator[Problem]:
    """Priors under which a number is now and then what it cannot be, such as a normal one of a rate."""
    wide = [(n, spec, ends) for n, spec in enumerate(scenario.parameter) if spec.prior and (ends := spec.prior.ends())]
    paths, written = number_paths(scenario, terms) if wide else (), scenario.numbers()
    for end in (0, 1) if wide else ():
        data, moved = _plain(scenario), {}
        for number, spec, ends in wide:
            for path in _paths_moved(spec, paths):
                _put(data, path, _changed(spec, ends[end], written.get(path)))
                moved[path] = number
        told = set()
        for problem in _examine(data, file, scenario._folder, run_files=False, priors=False)[1]:
            number = moved.get(problem.key, -1)
            if number >= 0 and number not in told:
                told.add(number)
                given = f"a prior of {scenario.parameter[number].name} that reaches {problem.key} = {problem.given}"
                allowed = f"a prior under which it stays {problem.allowed}, such as a lognormal one"
                yield Problem(file, f"parameter.{number}.prior", given, allowed)


def _first(problems: Iterable[Problem], file: str) -> tuple[Problem, ...]:
    """Each problem once; of a file with thousands, as many as a person might read."""
    distinct = tuple(dict.fromkeys(itertools.islice(problems, MOST_TOLD + 1)))
    if len(distinct) <= MOST_TOLD:
        return distinct
    more = Problem(file, "", f"more than {MOST_TOLD} mistakes", "a scenario; the first mistakes may explain the others")
    return (*distinct[:MOST_TOLD], more)


def _names(data: Mapping[str, Any]) -> dict[str, Collection[str]]:
    tables = {section: data.get(section) for section in _SECTIONS}
    return {section: table.keys() if isinstance(table, Mapping) else () for section, table in tables.items()}


def _plain(scenario: Scenario, *, exclude_defaults: bool = False) -> dict[str, Any]:
    dumped = scenario.model_dump(by_alias=True, exclude_defaults=exclude_defaults, exclude_none=True, warnings=False)
    return dict(_lists(dumped))


def _lists(value: Any) -> Any:
    """Plain data with lists for tuples, as TOML gives it."""
    if isinstance(value, Mapping):
        return {key: _lists(inner) for key, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, list | tuple) else value


# -- settings ----------------------------------------------------------------------------------------------------


def _paths_moved(spec: ParameterSpec, paths: tuple[str, ...]) -> set[str]:
    """Key paths of the numbers that a named parameter moves."""
    return {path for pattern in spec.numbers for path in match_paths(pattern, paths)}


def _changed(spec: ParameterSpec | None, value: float, before: float | None) -> float:
    """A number as a setting makes it; a default that is not written counts as 1 (it is some positive number)."""
    written = 1.0 if before is None else before
    return {"set": value, "multiply": written * value, "add": written + value}[spec.how if spec else "set"]


def _put(data: Any, path: str, value: float) -> None:
    """Set a number in plain data, making the tables on its way."""
    *way, last = path.split(".")
    for part in way:
        data = data[int(part)] if isinstance(data, list) else data.setdefault(part, {})
    data[int(last) if isinstance(data, list) else last] = value
