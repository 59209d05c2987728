"""Do the shipped cases load, and does every number in the main one say where it comes from?"""

from __future__ import annotations

import copy
import csv
import datetime as dt
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from negsim.scenario import Scenario
from negsim.scenario_files import check_scenario, load_scenario, scenarios
from negsim.terms import SHELF
from negsim.vocabulary import CONCESSION_MOVES

ROOT = Path(__file__).parents[1]
CASES = ROOT / "negsim" / "cases"
SEEDS = ROOT / "seeds"
MAIN = "beijing-1999"
REAL = (MAIN, "agreed-framework-1994", "good-friday-1998")
TEXTBOOK = ("bargaining-pair", "two-state-channel")
SHIPPED = sorted(path.stem for path in CASES.glob("*.toml"))
CITATION = re.compile(r"\b(?:[AEFN]\d{2,3}|T\d{4}\.\w+\.\w+)\b")


def read_rows(name: str) -> list[dict[str, str]]:
    with (SEEDS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


ARTICLE = {row["id"]: row for row in read_rows("article_events.csv")}
CHRONOLOGY = {row["id"]: row for row in read_rows("chronology_1990_1999.csv")}
TONNAGE = {f"T{row['year']}.{row['donor']}.{row['flow']}": row for row in read_rows("aid_tonnage_1995_1999.csv")}
OTHERS = {
    row["id"]: row
    for name in ("agreed_framework_1993_1995", "good_friday_1993_1998")
    for row in read_rows(f"{name}.csv")
}
ROWS = {**ARTICLE, **CHRONOLOGY, **TONNAGE, **OTHERS}


@pytest.fixture(scope="module")
def text() -> str:
    return (CASES / f"{MAIN}.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tables(text: str) -> dict[str, Any]:
    return tomllib.loads(text)


@pytest.fixture(scope="module", params=REAL)
def real_text(request: pytest.FixtureRequest) -> str:
    return (CASES / f"{request.param}.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def real_tables(real_text: str) -> dict[str, Any]:
    return tomllib.loads(real_text)


@pytest.fixture(scope="module")
def case() -> Scenario:
    return load_scenario(MAIN)


# -- every case ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_case_loads_without_a_mistake(name: str):
    assert not [str(problem) for problem in check_scenario(name)]
    assert load_scenario(name).name == name


def test_the_real_cases_and_the_two_textbook_cases_are_on_the_list():
    assert {*REAL, *TEXTBOOK} <= set(scenarios())


@pytest.mark.parametrize("name", [*REAL, *TEXTBOOK])
def test_every_case_begins_by_saying_what_it_is_and_how_to_change_it(name: str):
    top = (CASES / f"{name}.toml").read_text(encoding="utf-8").partition("\nformat = ")[0]
    assert top.startswith("# ")
    assert "change" in top


# -- where each number comes from ------------------------------------------------------------------------------------


def find_uncovered(tables: Mapping[str, Any]) -> Iterator[str]:
    """Numbers and dates for which no `basis` speaks, by key path."""
    yield from _uncovered(tables, "", "", {})


def _uncovered(value: Any, where: str, inside: str, basis: Mapping[str, str]) -> Iterator[str]:
    """``where`` is the whole key path, ``inside`` the path inside the nearest table that has a basis."""
    if isinstance(value, Mapping):
        if "basis" in value:
            inside, basis = "", value["basis"]
        for key, inner in value.items():
            if key not in ("basis", "sources"):
                yield from _uncovered(inner, _join(where, key), _join(inside, key), basis)
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            yield from _uncovered(inner, _join(where, position), _join(inside, position), basis)
    elif isinstance(value, int | float | dt.date) and not isinstance(value, bool) and not _speaks(basis, inside):
        yield where


def _join(path: str, key: object) -> str:
    return f"{path}.{key}" if path else str(key)


def _speaks(basis: Mapping[str, str], inside: str) -> bool:
    return "*" in basis or any(inside == key or inside.startswith(f"{key}.") for key in basis)


def find_bases(value: Any) -> Iterator[Mapping[str, Any]]:
    """Tables that have a `basis`."""
    if isinstance(value, Mapping):
        if "basis" in value:
            yield value
        for key, inner in value.items():
            if key != "basis":
                yield from find_bases(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from find_bases(inner)


PERIOD = {"format", "start", "end"}


def test_every_number_of_a_real_case_says_where_it_comes_from(real_tables: dict[str, Any]):
    assert set(find_uncovered(real_tables)) == PERIOD


def test_a_number_without_a_basis_is_found(tables: dict[str, Any]):
    spoilt = copy.deepcopy(tables)
    del spoilt["concession"]["japan_food"]["basis"]["*"]
    del spoilt["demand"]["abductions"]["basis"]
    found = set(find_uncovered(spoilt)) - PERIOD
    assert {"concession.japan_food.cost", "demand.abductions.weight", "demand.abductions.rates.raise"} <= found
    assert "concession.japan_food.quantity" not in found


def test_no_basis_speaks_of_what_is_not_in_its_table(real_tables: dict[str, Any]):
    def present(table: Any, key: str) -> bool:
        for part in key.split("."):
            table = table[int(part)] if isinstance(table, list) else table.get(part)
            if table is None:
                return False
        return True

    named = [(table, key) for table in find_bases(real_tables) for key in table["basis"] if key != "*"]
    assert named
    assert not [key for table, key in named if not present(table, key)]


def test_every_basis_is_a_row_of_the_seeds_or_says_that_it_is_a_judgement(real_tables: dict[str, Any]):
    said = [words for table in find_bases(real_tables) for words in table["basis"].values()]
    assert said
    assert not [words for words in said if not words.startswith("judgement: ") and not CITATION.match(words)]
    assert not [row for words in said for row in CITATION.findall(words) if row not in ROWS]


def test_the_sources_are_exactly_the_rows_that_are_cited(real_text: str, real_tables: dict[str, Any]):
    cited = set(CITATION.findall(real_text.partition("\n[sources]\n")[0]))
    assert cited == set(real_tables["sources"])
    assert cited <= set(ROWS)


def test_weaker_rows_keep_their_mark(real_tables: dict[str, Any]):
    def is_weak(row: Mapping[str, str]) -> bool:
        return "general knowledge" in (row.get("source") or row.get("confidence") or "")

    weak = [row for row in real_tables["sources"] if is_weak(ROWS[row])]
    assert weak
    assert not [row for row in weak if "general knowledge" not in real_tables["sources"][row]]


def test_the_seeds_folder_says_which_rows_are_weak():
    readme = (SEEDS / "README.md").read_text(encoding="utf-8")
    dated = {**CHRONOLOGY, **OTHERS}
    unsourced = [row for row, content in dated.items() if content["source"].startswith("unsourced")]
    assert unsourced
    assert not [row for row in unsourced if row not in readme]
    assert "random seed" in readme


# -- the facts it quotes ---------------------------------------------------------------------------------------------


def days_between(first: str, last: str) -> int:
    return (dt.date.fromisoformat(last) - dt.date.fromisoformat(first)).days


def test_one_japanese_pledge_is_the_67_000_tons_of_the_article(case: Scenario):
    pledge = case.concession["japan_food"].quantity
    assert pledge == 67000
    assert pledge == float(ARTICLE["A19"]["magnitude"]) == float(CHRONOLOGY["E083"]["magnitude"])
    assert pledge == float(TONNAGE["T1997.JPN.food_pledged_or_approved"]["value"])


def test_food_promised_on_the_day_of_the_accord_can_come_by_march(case: Scenario):
    lead = case.concession["japan_food"].lead_time_days
    to_march = days_between(ARTICLE["A12"]["date_start"], ARTICLE["A14"]["date_start"])
    consent = days_between(CHRONOLOGY["E082"]["date_start"], CHRONOLOGY["E083"]["date_start"])
    assert to_march == 71
    assert lead == to_march - consent


def test_the_inquiry_is_into_the_ten_names_of_the_list(case: Scenario):
    assert case.concession["abduction_inquiry"].quantity == float(ARTICLE["A23"]["magnitude"]) == 10
    assert float(CHRONOLOGY["E144"]["magnitude"]) == 10


def test_the_visitors_are_as_many_as_on_the_first_visit_and_come_within_its_notice(case: Scenario):
    visits = case.concession["spouse_visits"]
    assert visits.quantity == float(CHRONOLOGY["E085"]["magnitude"])
    # They began on 8 November; with monthly ticks what is not ready on the 1st is not ready on the 8th.
    assert visits.lead_time_days < days_between(CHRONOLOGY["E084"]["date_start"], "1997-11-01")
    assert days_between(CHRONOLOGY["E084"]["date_start"], CHRONOLOGY["E085"]["date_start"]) == 30


def test_eased_sanctions_are_not_in_force_before_the_accord(case: Scenario):
    lead = case.concession["us_relief"].lead_time_days
    assert lead >= days_between(CHRONOLOGY["E131"]["date_start"], ARTICLE["A02"]["date_start"])


def test_fuel_flows_at_the_rate_of_the_agreed_framework(case: Scenario):
    fuel = case.concession["us_fuel"]
    assert fuel.quantity / (fuel.duration_days / 365.25) == pytest.approx(
        float(CHRONOLOGY["E040"]["magnitude"]), rel=1e-3
    )


def test_food_from_other_donors_is_the_tonnage_less_what_japan_sent(case: Scenario):
    driver, supply = case.driver["other_donors"], case.good["food"].need["PRK"].supply
    japan = {1995: 300_000, 1996: 200_000, 1998: 67_000}
    assert [float(CHRONOLOGY[row]["magnitude"]) for row in ("E049", "E053", "E083")] == list(japan.values())
    for date, value in zip(driver.dates[1:], driver.values[1:], strict=True):
        flows = ("CHN", "OTHERS_incl_JPN")
        others = sum(float(TONNAGE[f"T{date.year}.{donor}.food_delivered"]["value"]) for donor in flows)
        assert value * supply == pytest.approx(others - japan.get(date.year, 0))


def test_need_peaks_in_the_lean_months(case: Scenario):
    season = case.good["food"].need["PRK"].season
    lean = {int(ARTICLE["A15"][end][-2:]) for end in ("date_start", "date_end")}
    assert {month for month, need in enumerate(season, start=1) if need == max(season)} == lean == {3, 4}
    assert sum(season) / 12 == pytest.approx(1)


@pytest.mark.parametrize(
    ("driver", "row", "position"),
    [("succession", "E039", 0), ("sunshine", "E090", 0)],
)
def test_changes_of_leader_come_on_their_day(case: Scenario, driver: str, row: str, position: int):
    assert case.driver[driver].dates[position].isoformat() == CHRONOLOGY[row]["date_start"]


def test_shortage_begins_four_completed_years_before_the_article(case: Scenario):
    famine = case.driver["famine"]
    assert famine.values[0] == 0
    assert famine.dates[1].isoformat() == ARTICLE["A17"]["date_start"]


def test_the_accord_waits_for_pyongyang_and_only_proposes_to_tokyo(case: Scenario):
    red_cross = case.channel["red_cross"]
    assert [case.principal(side[0]) for side in red_cross.sides] == ["JPN", "PRK"]
    assert red_cross.consent == ("after", "before_signature")


def test_talks_wait_for_the_accord_only_after_the_offer_without_conditions_is_gone(case: Scenario):
    (gate,) = case.channel["official"].gates
    assert gate.hard
    assert gate.from_ is not None
    withdrawn, announced = CHRONOLOGY["E099"]["date_start"], CHRONOLOGY["E139"]["date_start"]
    assert withdrawn < gate.from_.isoformat() <= announced
    assert set(gate.items) <= set(case.channel["red_cross"].agenda)


def test_the_whole_accord_is_one_package(case: Scenario):
    packages = case.channel["red_cross"].packages
    assert packages is not None
    assert float(ARTICLE["A02"]["magnitude"]) == max(map(len, packages)) == len(case.channel["red_cross"].agenda)


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("us_relief", "moratorium"),
        ("rok_exchange", "moratorium"),
        ("japan_flights", "moratorium"),
        ("spouse_visits", "japan_food"),
        ("japan_search", "abduction_inquiry"),
    ],
)
def test_what_the_sources_call_a_return_is_one(case: Scenario, given: str, answered: str):
    assert answered in case.concession[given].in_return_for


# -- its size and its parameters -------------------------------------------------------------------------------------


def list_moves(case: Scenario) -> list[str]:
    """Names of all moves, counted from the scenario alone."""
    moves: list[str] = []
    for name, channel in case.channel.items():
        moves += [f"{kind}:{name}" for kind in ("plan", "open", "meet", "adjourn", "close")]
        for side, rule in zip(channel.sides, channel.consent, strict=True):
            kinds = ("cancel", "walk_out", "approve", "reject") if rule != "none" else ("cancel", "walk_out")
            moves += [f"{kind}:{side[0]}:{name}" for kind in kinds]
        moves += [f"agree:{name}:{'+'.join(sorted(package))}" for package in channel.packages or ()]
    moves += [f"raise:{name}" for name in case.demand] + [f"act:{name}" for name in case.coercion]
    for name, given in case.concession.items():
        off = {"pledge": not given.unilateral, "freeze": not given.freezable, "lift": not given.freezable}
        moves += [f"{kind}:{name}" for kind in CONCESSION_MOVES[given.kind] if not off.get(kind, False)]
    return moves


def test_no_two_moves_are_the_same_and_there_are_few_enough_to_be_quick(case: Scenario):
    moves = list_moves(case)
    assert len(moves) == len(set(moves))
    assert len(moves) <= 130
    assert len([move for move in moves if move.startswith("agree")]) <= 30


def test_every_concession_can_be_given(case: Scenario):
    listed = {item for channel in case.channel.values() for package in channel.packages or () for item in package}
    stuck = set(case.concession) - listed - {name for name, given in case.concession.items() if given.unilateral}
    assert not stuck


def test_every_item_of_an_agenda_is_in_a_package(case: Scenario):
    for channel in case.channel.values():
        assert {item for package in channel.packages or () for item in package} == set(channel.agenda)


def test_every_state_at_a_table_has_groups_where_its_consent_is_asked(case: Scenario):
    for channel in case.channel.values():
        for side, rule in zip(channel.sides, channel.consent, strict=True):
            groups = case.actor[case.principal(side[0])].groups
            assert rule == "none" or all(any(item in g.values for g in groups.values()) for item in channel.agenda)


def test_no_group_values_what_never_comes_before_it(case: Scenario):
    for name, actor in case.actor.items():
        asked = {
            item
            for channel in case.channel.values()
            for side, rule in zip(channel.sides, channel.consent, strict=True)
            if rule != "none" and case.principal(side[0]) == name
            for item in channel.agenda
        }
        for group in actor.groups.values():
            assert set(group.values) <= asked


def test_six_parameters_are_free_and_the_names_differ(case: Scenario):
    names = [parameter.name for parameter in case.parameter]
    assert len(names) == len(set(names)) >= 12
    assert len([parameter for parameter in case.parameter if parameter.role == "free"]) == 6


@pytest.mark.parametrize("name", REAL[1:])
def test_the_other_real_cases_free_no_more_than_their_events_can_carry(name: str):
    roles = [parameter.role for parameter in load_scenario(name).parameter]
    assert roles.count("free") == 4
    assert {"fixed", "marginalised"} <= set(roles)


def test_every_parameter_has_a_label_and_a_prior_around_what_is_written(real_tables: dict[str, Any]):
    for parameter in load_scenario(real_tables["name"]).parameter:
        prior = parameter.prior
        assert parameter.label
        assert prior is not None
        if prior.family == "beta":
            assert prior.a == prior.b  # around one half, which is what is written
            assert all(value_at(real_tables, path) == 0.5 for path in parameter.numbers)
            continue
        assert prior.sd is not None
        centre = prior.median if prior.family == "lognormal" else prior.mean
        if parameter.how == "multiply":
            assert (prior.family, centre) == ("lognormal", 1.0)
            assert 0.4 <= prior.sd <= 0.7
        else:
            assert centre == written_value(real_tables, *parameter.numbers)


def value_at(tables: Any, path: str) -> Any:
    for part in path.split("."):
        tables = tables[part]
    return tables


def written_value(tables: Mapping[str, Any], path: str) -> float:
    """A term's number: as the file has it, or the term's own default."""
    _, term, name = path.split(".")
    (default,) = [declared.default for declared in SHELF[term].parameters if declared.name == name]
    return float(tables["term"].get(term, {}).get(name, default))


# -- the textbook cases ----------------------------------------------------------------------------------------------


def test_the_comment_of_the_bargaining_pair_is_right():
    pair = load_scenario("bargaining-pair")
    table = pair.channel["table"]
    assert table.packages is not None
    utilities = {package: package_utilities(pair, package) for package in table.packages}
    value = {package: math.prod(math.log1p(math.exp(u)) for u in us) ** 0.5 for package, us in utilities.items()}
    chance = {package: math.prod(1 / (1 + math.exp(-u)) for u in us) for package, us in utilities.items()}
    rate = {p: table.rates["agree"] * value[p] / sum(value.values()) * chance[p] for p in utilities}
    comment = (CASES / "bargaining-pair.toml").read_text(encoding="utf-8").partition("\nformat")[0]
    exchange = rate["grain", "timber"]
    for number in (*value.values(), *chance.values(), *rate.values(), sum(rate.values())):
        assert f"{number:.4f}" in comment
    assert f"{exchange / sum(rate.values()):.3f}" in comment
    assert f"after {365.25 / sum(rate.values()):.0f} days" in comment


def package_utilities(case: Scenario, package: tuple[str, ...]) -> tuple[float, ...]:
    """Worth less cost for each side's leader, with full trust and no need to weigh."""
    given = [case.concession[item] for item in package]
    leaders = [side[0] for side in case.channel["table"].sides]
    return tuple(sum(c.worth.get(i, 0.0) - (c.cost if c.giver == i else 0.0) for c in given) for i in leaders)


def test_the_comment_of_the_two_state_channel_is_right():
    channel = load_scenario("two-state-channel").channel["talks"]
    a, b = channel.rates["meet"], channel.rates["adjourn"]
    comment = (CASES / "two-state-channel.toml").read_text(encoding="utf-8").partition("\nformat")[0]
    assert f"a = {a:g} a year" in comment
    assert f"b = {b:g} a year" in comment
    assert f"{a / (a + b) * (1 - math.exp(-(a + b) / 12)):.4f}" in comment
    assert f"{a * b / (a + b) + (a / (a + b)) ** 2 * (1 - math.exp(-(a + b))):.4f}" in comment


@pytest.mark.parametrize("name", TEXTBOOK)
def test_a_textbook_case_has_no_theory_switched_on_and_only_the_rates_it_names(name: str):
    scenario = load_scenario(name)
    assert scenario.terms == ()
    moving = {m: r for c in scenario.channel.values() for m, r in c.rates.items() if r > 0}
    assert set(moving) == ({"agree"} if name == "bargaining-pair" else {"meet", "adjourn"})
    assert not any(rate for given in scenario.concession.values() for rate in given.rates.values())
