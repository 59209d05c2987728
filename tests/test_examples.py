"""Do the examples run as a user would run them, and do they say what they said?

`pytest tests/test_examples.py --refresh-baselines` writes what they say anew (the .out files beside them).
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import negsim
from negsim.calibration.fitting import bring_together, declare_prior
from negsim.calibration.likelihood import find_free
from negsim.calibration.posterior import Posterior
from negsim.chronology_checks import find_starts

pytestmark = pytest.mark.xdist_group("examples")  # one worker: the demo is run once

POINTS = 40
EXAMPLES = Path(__file__).parents[1] / "examples"
PRINTED = ("human_agent", "own_agent", "own_scenario", "replay_history", "save_and_load")
SMALL = {
    "fit_and_forecast": ["case.toml", "events.csv", "40"],
    "look_back": ["4", "no-rocket"],
    "beijing": ["--runs", "40", "--futures", "40", "--workers", "1", "--engine", "numpy"],
    "sweep": ["16"],
    "what_if": ["40"],
    "what_ifs": ["4", "no-freeze"],
}
ROOT_ONLY = re.compile(r"^(?:from|import) negsim(\S*)", re.MULTILINE)


def run_example(name: str, folder: Path, *words: str) -> str:
    """Run an example here, in a folder of its own: what it prints. A warning is an error, as in every test."""
    file, printed, complained = EXAMPLES / f"{name}.py", io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [str(file), *words])
        patch.syspath_prepend(str(file.parent))
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(complained):
            runpy.run_path(str(file), run_name="__main__")
    said = [line for line in complained.getvalue().splitlines() if not line.startswith("negsim: compiling")]
    assert said == []  # no progress bar where there is no terminal
    return printed.getvalue()


def run_as_a_program(name: str, folder: Path, *words: str) -> str:
    """Run an example as a user would; what it prints, or a failure that shows what it said."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *words]
    done = subprocess.run(
        command,
        capture_output=True,
        cwd=folder,
        env=environment,
        check=False,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no warning, and no progress bar where there is no terminal
    return done.stdout


def test_every_example_is_tested():
    assert {file.stem for file in EXAMPLES.glob("*.py")} == {*PRINTED, *SMALL}


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_printed(name: str, tmp_path: Path, request: pytest.FixtureRequest):
    run = run_as_a_program if name == "human_agent" else run_example
    printed = run(name, tmp_path)
    golden = EXAMPLES / f"{name}.out"
    if request.config.getoption("--refresh-baselines"):
        golden.write_text(printed, encoding="utf-8")
    assert printed == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [*PRINTED, *SMALL])
def test_an_example_uses_public_names_only(name: str):
    rooms = set(ROOT_ONLY.findall((EXAMPLES / f"{name}.py").read_text(encoding="utf-8")))
    assert rooms
    assert rooms <= {"", ".mesa_front", ".plots"}


@pytest.mark.parametrize("name", [name for name in (*PRINTED, *SMALL) if name != "beijing"])
def test_an_example_is_short(name: str):
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 40


def test_a_what_if_says_what_changes_and_how_surely(tmp_path: Path):
    heading, *lines = run_example("what_if", tmp_path, *SMALL["what_if"]).splitlines()
    assert "40 runs" in heading
    assert len(lines) == 3
    assert all(re.fullmatch(r"  \S.*\S +[+-][01]\.\d{3} ± 0\.\d{3}", line) for line in lines)


@pytest.mark.xdist_group("compiled")  # one process compiles for all
def test_a_fit_says_what_was_learned_and_what_comes_next(tmp_path: Path):
    data = negsim.load_scenario("two-state-channel").model_dump(by_alias=True)
    prior = {"family": "gamma", "a": 4.0, "b": 2.0}
    data["parameter"] = [{"name": "meeting", "numbers": ["channel.talks.rates.meet"], "prior": prior}]
    case = negsim.Scenario.model_validate(data | {"end": data["start"].replace(year=data["start"].year + 5)})
    negsim.save_scenario(case, tmp_path / "case.toml")
    events = negsim.simulate(case, runs=1, seed=5).events
    told = events.assign(date=events["date"].dt.date)[["date", "kind", "channel"]]
    told.to_csv(tmp_path / "events.csv", index=False)
    printed = run_example("fit_and_forecast", tmp_path, *SMALL["fit_and_forecast"])
    assert f"{len(told)} told" in printed
    assert "learned: meeting" in printed
    assert "prior-driven: nothing" in printed
    futures = re.findall(r"^ *(meet|adjourn)\S* +([01]\.\d+) +0\.\d+ \d{4}-\d\d-\d\d ", printed, re.MULTILINE)
    assert {kind for kind, _ in futures} == {"meet", "adjourn"}
    assert negsim.Posterior.load(tmp_path / "fit").names == ("meeting",)
    assert (tmp_path / "forecast.png").stat().st_size > 10_000


# -- the teaching set ------------------------------------------------------------------------------------------------

TEACHING = sorted(file.stem for file in (EXAMPLES / "teaching").glob("*.py"))


def test_the_teaching_set_has_its_four_lessons():
    assert TEACHING == ["commitment", "grit", "mediator", "ripeness"]


@pytest.mark.parametrize("name", TEACHING)
def test_a_lesson_is_short_says_what_it_asks_and_uses_public_names_only(name: str):
    text = (EXAMPLES / "teaching" / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40
    assert text.partition("\n")[0].count("?") == 1
    assert set(ROOT_ONLY.findall(text)) == {""}


@pytest.mark.parametrize("name", TEACHING)
def test_a_lesson_prints_its_numbers_and_draws_its_figure(name: str, tmp_path: Path):
    printed = run_example(f"teaching/{name}", tmp_path, "30")
    assert re.search(r"\d", printed)
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def test_a_sweep_says_what_changes_along_its_numbers(tmp_path: Path):
    first, *points, means = run_example("sweep", tmp_path, *SMALL["sweep"], str(tmp_path)).splitlines()
    assert first == "6 points, 100% done"
    assert len(points) == 6
    assert all(re.fullmatch(r"raids 0\.\d\d a year, accord: [01]\.\d\d ± 0\.\d\d", line) for line in points)
    assert means.startswith("{0.05: ")
    assert len(list((tmp_path / "raids" / "blocks").iterdir())) > 1


def test_the_shipped_questions_are_answered_in_a_sentence_and_a_picture(tmp_path: Path):
    answer, *rest = run_example("what_ifs", tmp_path, *SMALL["what_ifs"]).splitlines()
    assert answer.startswith("What if food aid had gone on without the freeze?")
    assert "in the model" in answer
    assert "looking back" in answer
    assert "4 pairs" in " ".join(rest)
    assert (tmp_path / "out" / "what-ifs" / "no-freeze.png").stat().st_size > 10_000


def test_history_is_asked_with_a_fit_that_is_kept(fitted: Path, tmp_path: Path):
    shutil.copytree(fitted, tmp_path / "out" / "fit")
    answer, *rest = run_example("look_back", tmp_path, *SMALL["look_back"]).splitlines()
    assert re.search(r"looking back .*%.*, with fresh clocks .*% .*\(as it happened: yes\)", answer)
    assert "every history returns exactly (yes)" in " ".join(rest)
    assert (tmp_path / "out" / "look-back" / "no-rocket.png").stat().st_size > 10_000


# -- the main job -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fitted")
    save_points(folder)
    return folder


@pytest.fixture(scope="module")
def demo(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(fitted, folder / "fit")
    return run_example("beijing", folder, *SMALL["beijing"], "--fit", "fit", "--pictures", "shown"), folder


def save_points(folder: Path) -> None:
    """What stands in for a fit: points that the article allows, drawn from the prior, none more likely than another."""
    likelihood = bring_together("beijing-1999", "article")
    names = find_free(likelihood.compiled)
    prior = declare_prior(likelihood.compiled.scenario, names)
    nothing = np.zeros(POINTS)
    told = {"scenario": "beijing-1999", "chronology": "article", "until": "1999-12-21"}
    Posterior(
        prior=prior,
        draws=prior.draw(POINTS, np.random.default_rng(3)),
        log_weights=nothing,
        log_likelihood=nothing,
        log_evidence=0.0,
        log_evidence_se=0.0,
        method="tempering",
        evaluations=0,
        seed=0,
        latent=find_starts(likelihood.compiled, likelihood.chronology, POINTS, 3),
        provenance=told,
    ).save(folder)


def reported_events() -> list[str]:
    table = (EXAMPLES.parent / "negsim" / "cases" / "beijing-1999.article.csv").read_text(encoding="utf-8")
    return table.splitlines()[1:]


def test_the_demo_has_a_line_for_each_reported_event(demo: tuple[str, Path]):
    labels = [line.split(",")[0] for line in reported_events()]
    assert len(labels) >= 12
    assert [label for label in labels if f"\n{label} " not in demo[0]] == []


def test_the_demo_gives_each_share_with_its_error(demo: tuple[str, Path]):
    table, ahead = demo[0].partition("2. The article")[2].split("3. What comes next")
    shares = re.findall(r"(\d+) ± (\d+\.\d)%", table)
    assert len(shares) >= 2 * len(reported_events())
    assert all(0 <= float(share) <= 100 and float(error) < 50 for share, error in shares)
    assert len(re.findall(r"\d ± \d+\.\d%", ahead)) == 2 * len(negsim_questions())


def negsim_questions() -> list[str]:
    table = (EXAMPLES.parent / "negsim" / "cases" / "beijing-1999.questions.csv").read_text(encoding="utf-8")
    return table.splitlines()[1:]


def test_the_demo_says_what_is_fit_and_what_was_not_learned(demo: tuple[str, Path]):
    assert "fit, not forecast" in demo[0]
    assert "prior-driven" in demo[0].partition("3. What comes next")[2]


def test_the_demo_has_a_line_for_each_question(demo: tuple[str, Path]):
    assert [line for line in negsim_questions() if f"\n{line.split(',')[0]} " not in demo[0]] == []


def test_the_lines_of_the_demo_fit_a_terminal(demo: tuple[str, Path]):
    assert max(map(len, demo[0].splitlines())) <= 120


def test_the_demo_writes_the_events_and_the_pictures(demo: tuple[str, Path]):
    written = {file.name for file in (demo[1] / "out").iterdir()}
    names = ("timeline", "histories", "ledger", "state", "parameters", "article", "forecast")
    pictures = {f"{name}.png" for name in names}
    assert {
        "forecast.csv",
        "article.csv",
        "events.parquet",
        "summary.csv",
        "provenance.json",
        "scenario.toml",
        *pictures,
    } <= written
    assert {file.name for file in (demo[1] / "shown").iterdir()} == {f"beijing-{name}" for name in pictures}
    assert all(name in demo[0] for name in ("events.parquet", *pictures))


def test_rows_of_the_article_are_rows_of_the_seeds():
    known = [
        line.split(",")[0]
        for name in ("article_events.csv", "chronology_1990_1999.csv")
        for line in (EXAMPLES.parent / "seeds" / name).read_text(encoding="utf-8").splitlines()
    ]
    cited = [row for line in reported_events() for row in line.rsplit(",", 1)[1].split(";")]
    assert set(cited) <= set(known)
