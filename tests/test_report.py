"""Is the report whole by itself, true to the folder, and safe? And does the ODD leave nothing of the code out?"""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import negsim
from negsim.calibration.posterior import Posterior
from negsim.calibration.priors import JointPrior, Prior1D
from negsim.cli import main
from negsim.odd import describe_model, write_markdown
from negsim.report import NothingFound, write_report
from negsim.report.findings import gather_findings
from negsim.report.sections import name_events
from negsim.scenario_files import scenario_digest
from negsim.state import State
from negsim.terms import QUANTITIES, SHELF
from negsim.vocabulary import MOVE_KINDS

pytestmark = pytest.mark.xdist_group("report")  # one worker: a page is written once


class Reader(HTMLParser):
    """Gathers what a browser would fetch, the headings, the text, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []
        self.pictures: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag == "img":
            self.pictures.append(told)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_page(file: Path) -> Reader:
    reader = Reader()
    reader.feed(file.read_text(encoding="utf-8"))
    return reader


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("results")
    scenario = negsim.load_scenario("template")
    written = scenario.model_copy(update={"title": "<script>alert('x')</script> & sons"})
    negsim.simulate(written, runs=40, seed=1).save(place)
    (place / "forecast").mkdir()
    (place / "forecast" / "forecast.csv").write_text(
        "question,probability,error,date_10,date_50,date_90,count\nA raid,0.25,0.05,2010-01-01,2010-06-01,,0.3\n"
        "walk_out:Upland:river_talks:,0.4,0.05,2010-01-01,2010-06-01,,0.3\n"
    )
    (place / "quiet").mkdir()
    (place / "quiet" / "answer.txt").write_text("Without the raid: fewer talks, -0.12 ± 0.03")
    (place / "quiet" / "interventional.csv").write_text("outcome,variance_ratio\na raid,inf\n")
    changes = "resentment,-0.31,0.12,not enough\nripeness,,,unclear\n"
    (place / "theories.csv").write_text(f"without,change,error,says\n{changes}")
    (place / "checks").mkdir()
    (place / "checks" / "diagnosis.txt").write_text("36 told events, 1.02 nats of surprise each")
    make_posterior().save(place / "fit")
    negsim.sweep("template", negsim.Design.grid({"raids": [0.1, 0.4]}), runs=20, seed=1, store=place / "sweep")
    return place


def make_posterior() -> Posterior:
    rng = np.random.default_rng(5)
    prior = JointPrior(("raids",), (Prior1D("lognormal", 0.15, 0.7),))
    draws = np.exp(rng.normal(-1.9, 0.2, size=(400, 1)))
    return Posterior(
        prior=prior,
        draws=draws,
        latent=np.empty((400, 0)),
        log_likelihood=rng.normal(size=400),
        log_weights=np.full(400, -np.log(400)),
        log_evidence=-10.0,
        log_evidence_se=0.1,
        method="importance",
        evaluations=400,
        seed=1,
        diagnostics={"ess": 400.0},
        provenance={"scenario": "template", "chronology": "events", "until": "2009-12-31"},
    )


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return read_page(write_report(folder, tmp_path_factory.mktemp("page") / "page.html"))


def test_a_sweep_of_which_nothing_is_finished_has_no_picture(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "sweep", tmp_path / "results" / "sweep")
    for block in (tmp_path / "results" / "sweep" / "blocks").iterdir():
        block.unlink()
    reader = read_page(write_report(tmp_path / "results", tmp_path / "page.html"))
    assert "0% done" in " ".join(reader.text)


def test_a_report_fetches_nothing(page: Reader):
    assert page.addresses
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)


def test_what_people_wrote_is_text_and_not_code(page: Reader):
    assert "script" not in page.tags
    assert any("<script>alert('x')</script> & sons" in text for text in page.text)


def test_each_picture_has_a_sentence(page: Reader):
    assert len(page.pictures) >= 4
    assert all((picture["alt"] or "").endswith(".") and len(picture["alt"] or "") > 30 for picture in page.pictures)


def test_sections_stand_where_their_results_lie_and_what_is_missing_is_said(page: Reader):
    targets = [address for address in page.addresses if address.startswith("#")]
    assert targets == [
        "#question", "#scenario", "#model", "#parameters", "#checks", "#forecast", "#theories", "#counterfactuals",
        "#sweeps", "#limits", "#odd",
    ]  # fmt: skip
    text = " ".join(page.text)
    assert "-0.31\u00a0±\u00a00.12" in text
    assert "not known" in text
    assert not re.search(r"\b(nan|inf)\b", text)
    assert "quiet/interventional.csv" in text  # for who wants every number; the answer is in its sentences
    assert "2 points of raids" in text
    assert "negsim report DIR, with a fit in DIR" in text
    assert "25.0\u00a0±\u00a05.0%" in text
    assert "Talks at the river: walk-out, Upland 40.0" in text
    assert "fewer talks" in text
    assert "1.02 nats of surprise each" in text
    assert "log evidence -10.00 ± 0.10 (" in text


def test_what_one_side_does_is_told_apart_by_who_did_it(tmp_path: Path):
    case = negsim.load_scenario("beijing-1999")
    file = tmp_path / "events.csv"
    told = ("plan:JRC", "cancel:JRC", "plan:JRC", "cancel:KRC")
    rows = (f"1991-0{number},{move}:red_cross:" for number, move in enumerate(told, 1))
    file.write_text("\n".join(["date,move", *rows]), "utf-8")
    labels = [row["label"] for row in name_events(case, negsim.load_chronology(case, str(file)))]
    assert labels[1::2] == [
        "2 Red Cross talks: plan cancelled, Japanese Red Cross",
        "4 Red Cross talks: plan cancelled, North Korean Red Cross",
    ]
    assert labels[0] == "1 Red Cross talks: planned"
    file.write_text("date,move\n1995,freeze:JPN::japan_food\n1996,pledge:USA::us_food\n1997,act:PRK::incursion\n")
    assert [row["label"] for row in name_events(case, negsim.load_chronology(case, str(file)))] == [
        "1 Food aid: frozen, Japan to North Korea",
        "2 Food aid: pledged, United States to North Korea",
        "3 Incursion",
    ]


def test_an_empty_folder_is_refused_with_what_was_looked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(NothingFound, match=r"events\.parquet"):
        write_report(tmp_path)
    assert main(["report", str(tmp_path)]) == 2
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_a_damaged_result_is_named_and_the_rest_is_reported(folder: Path, tmp_path: Path):
    for part in ("fit", "forecast"):
        shutil.copytree(folder / part, tmp_path / part)
    (tmp_path / "fit" / "posterior.json").write_text("{")
    text = " ".join(read_page(write_report(tmp_path)).text)
    assert "Not read: fit" in text
    assert "What comes next" in text


TABLES_OF_WORDS = {
    "a forecast": ("forecast.csv", "question,probability,error\nmeet,0.5,0.1\nopen,0.5{,0.1", "probability"),
    "a comparison": ("theories.csv", "without,change,error,says\nseason,much,0.1,enough", "change"),
    "an explanation": ("notes.csv", "event,prior,posterior,left_out\nmeet,0.1,0.2,unknown", "left_out"),
}


@pytest.mark.parametrize(("name", "text", "column"), TABLES_OF_WORDS.values(), ids=TABLES_OF_WORDS)
def test_a_table_with_words_for_numbers_is_named_and_left_out(tmp_path: Path, name: str, text: str, column: str):
    (tmp_path / name).write_text(text)
    (tmp_path / "other.csv").write_text("event,prior\nmeet,low")
    found = gather_findings(tmp_path)
    assert list(found.tables) == ["other.csv"]
    assert found.unread == [f"{name}: not every {column} in it is a number"]


def test_what_weights_that_cannot_be_trusted_say_of_an_event_is_not_told(tmp_path: Path):
    head = "event,start,end,prior,prior_error,posterior,posterior_error,left_out,left_out_error,k_hat,how"
    rows = (
        f"{how} {k_hat},2000-01-01,2000-01-01,0.1,0.01,0.2,0.01,0.{n}5,0.01,{k_hat},{how}"
        for n, (how, k_hat) in enumerate((("density", 0.5), ("density", 0.9), ("refit", 0.9)))
    )
    (tmp_path / "explanation.csv").write_text("\n".join((head, *rows)))
    text = " ".join(read_page(write_report(tmp_path)).text)
    assert "5.0\u00a0±\u00a01.0%" in text
    assert "15.0\u00a0±\u00a01.0%" not in text
    assert "25.0\u00a0±\u00a01.0%" in text
    assert "not known" in text


def test_results_of_two_versions_of_a_scenario_are_told_apart(folder: Path, tmp_path: Path):
    scenario = negsim.load_scenario("template")
    negsim.simulate(scenario, runs=2, seed=1, until=scenario.start.replace(year=2001)).save(tmp_path)
    longer = scenario.model_copy(update={"end": scenario.end.replace(year=2011)})
    negsim.simulate(longer, runs=2, seed=1, until=scenario.start.replace(year=2001)).save(tmp_path / "longer")
    assert gather_findings(tmp_path).strangers == []
    negsim.simulate(
        scenario.model_copy(update={"title": "Another"}), runs=2, until=scenario.start.replace(year=2001)
    ).save(tmp_path / "other")
    assert gather_findings(tmp_path).strangers == ["other"]
    assert "Of another version of the scenario than this page: other" in " ".join(
        read_page(write_report(tmp_path, runs=0)).text
    )


def test_fits_that_a_comparison_kept_for_itself_are_no_results(folder: Path, tmp_path: Path):
    shutil.copytree(folder / "fit", tmp_path / "fit")
    posterior = make_posterior()
    for name, refusal in (("33d94b8993d00e56", ""), ("5c2646760983538a", "too few draws")):
        replace(posterior, provenance={**posterior.provenance, "refused": refusal}).save(tmp_path / "variants" / name)
    assert list(gather_findings(tmp_path).posteriors) == ["fit"]


@pytest.mark.parametrize("case", ["template", "gone.toml"])
def test_a_forecast_beyond_the_end_makes_no_stranger_of_its_fit(folder: Path, tmp_path: Path, case: str):
    scenario = negsim.load_scenario("template")
    posterior = make_posterior()
    told = {**posterior.provenance, "scenario_digest": scenario_digest(scenario), "asked": {"case": case}}
    replace(posterior, provenance=told).save(tmp_path / "fit")
    shutil.copytree(folder / "forecast", tmp_path / "a-forecast")  # first among the folders
    longer = scenario.model_copy(update={"end": scenario.end.replace(year=2011)})
    negsim.simulate(longer, runs=2, seed=1).save(tmp_path / "a-forecast")
    said = " ".join(read_page(write_report(tmp_path, runs=0)).text)
    assert (f"Beyond the scenario's end ({scenario.end})" in said) == (case == "template")
    found = gather_findings(tmp_path)
    assert found.strangers == []
    assert found.scenario == (scenario if case == "template" else longer)


def test_results_are_exported_as_tables_beside_what_they_are_made_of(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(folder, tmp_path / "out")
    assert main(["export", str(tmp_path / "out")]) == 0
    told = capsys.readouterr().out
    events, fitted = negsim.load_results(folder).events, Posterior.load(folder / "fit")
    read = pd.read_csv(tmp_path / "out" / "events.csv", parse_dates=["date"], keep_default_na=False)
    assert f"events.csv: {len(events):,} rows" in told
    for column in ("run", "kind", "actor", "counterpart", "channel", "subject", "drawn", "day"):
        assert list(read[column]) == list(events[column])
    assert (read["date"] == events["date"]).all()
    draws = pd.read_csv(tmp_path / "out" / "fit" / "draws.csv")
    assert np.average(draws["raids"], weights=draws["weight"]) == pytest.approx(fitted.mean()[0])
    assert list(pd.read_csv(tmp_path / "out" / "fit" / "parameters.csv")["parameter"]) == list(fitted.names)
    points = pd.read_csv(tmp_path / "out" / "sweep" / "points.csv")
    assert set(points["raids"]) == {0.1, 0.4}
    assert read_page(write_report(tmp_path / "out", tmp_path / "one.html", runs=0)).pictures
    shutil.copytree(folder / "quiet", tmp_path / "tables")
    assert main(["export", str(tmp_path / "tables")]) == 2


def test_the_command_writes_into_the_folder_and_says_where(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    shutil.copytree(folder / "forecast", tmp_path, dirs_exist_ok=True)
    assert main(["report", str(tmp_path), "--runs", "0"]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").is_file()


# -- the description of the model -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def odd() -> str:
    return write_markdown(describe_model())


def test_the_description_has_the_seven_elements_in_order(odd: str):
    assert re.findall(r"^## (\d)\.", odd, re.MULTILINE) == list("1234567")


def test_the_description_holds_every_term_with_every_parameter(odd: str):
    paths = [f"term.{term.name}.{number.name}" for term in SHELF.values() for number in term.parameters]
    assert [path for path in paths if f"| {path} |" not in odd] == []
    assert [term.name for term in SHELF.values() if term.source.replace("|", "\\|") not in odd] == []


def test_the_description_holds_every_move_quantity_and_state_variable(odd: str):
    rated = set(MOVE_KINDS) - {"approve", "reject"}  # their rate is an actor's
    assert [move for move in rated if f"| {move} |" not in odd] == []
    assert [name for name in QUANTITIES if f"| {name} |" not in odd] == []
    assert [name for name in State.__dataclass_fields__ if name not in odd] == []


def test_the_description_of_a_case_has_its_own_terms_and_drivers():
    case = negsim.load_scenario("good-friday-1998")
    few = write_markdown(describe_model(case.model_copy(update={"terms": ("ripeness",)})))
    assert "term.ripeness.theta" in few
    assert "term.resentment" not in few
    assert "1997-05-01" in few


def test_every_attribute_that_decides_something_has_a_meaning():
    silent = {
        (part[0], part[1])
        for part in describe_model()[1].listings[0].rows
        if not part[2] and part[1] not in ("unit", "kind", "venue", "agenda", "consent", "answered_by")
    }
    assert silent <= {
        ("Concession", "good"), ("Coercion", "actor"), ("Demand", "owner"), ("Demand", "target"), ("Regard", "holder"),
        ("Regard", "toward"), ("Driver", "values"),
    }  # fmt: skip
