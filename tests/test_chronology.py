"""Are chronologies whole, consistent and honest? What becomes of rows, windows, orders, likelihood, mistakes."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import negsim
from negsim.chronology import Chronology
from negsim.chronology_checks import describe_room, draw_points, find_starts, walk
from negsim.chronology_files import chronologies, load_chronology
from negsim.compiler import Compiled, compile_scenario
from negsim.edtf import NotADate, format_interval, guess_date, parse_interval
from negsim.history import read_history
from negsim.problems import Problem, ScenarioError
from negsim.reporting import Reporting, Rule

pytestmark = pytest.mark.xdist_group("chronology")  # one worker: chronologies are read once

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "negsim" / "cases" / "beijing-1999.chronologies"
SEEDS = {"article": "article_events.csv", "1990s": "chronology_1990_1999.csv"}
ELSEWHERE = {
    "agreed-framework-1994": ("crisis", "agreed_framework_1993_1995.csv"),
    "good-friday-1998": ("process", "good_friday_1993_1998.csv"),
}


@pytest.fixture(scope="module")
def article(beijing: Compiled) -> Chronology:
    return load_chronology(beijing, "article")


@pytest.fixture(scope="module")
def nineties(beijing: Compiled) -> Chronology:
    return load_chronology(beijing, "1990s")


@pytest.fixture(params=["article", "1990s"])
def shipped(request: pytest.FixtureRequest, article: Chronology, nineties: Chronology) -> Chronology:
    return {"article": article, "1990s": nineties}[request.param]


def places(chronology: Chronology) -> dict[str, int]:
    return {move.key: place for place, move in enumerate(chronology.moves)}


# -- what becomes of the rows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "seed"), [*SEEDS.items(), *ELSEWHERE.values()])
def test_the_shipped_tables_are_the_seeds_unchanged(name: str, seed: str):
    (table,) = SHIPPED.parent.glob(f"*.chronologies/{name}.csv")
    assert table.read_bytes() == (ROOT / "seeds" / seed).read_bytes()


def test_a_case_is_told_by_its_own_chronology_unless_another_is_named(beijing):
    assert load_chronology(beijing, check=False).name == next(iter(chronologies("beijing-1999"))) == "article"
    assert {case: load_chronology(case, check=False).name for case in ELSEWHERE} == {
        case: ELSEWHERE[case][0] for case in ELSEWHERE
    }
    with pytest.raises(ScenarioError, match="none ships with the case"):
        load_chronology("two-state-channel")


def test_the_case_lists_its_chronologies():
    assert set(chronologies("beijing-1999")) == set(SEEDS)
    assert chronologies("two-state-channel") == {}
    assert {case: tuple(chronologies(case)) for case in ELSEWHERE} == {
        case: (name,) for case, (name, _) in ELSEWHERE.items()
    }


@pytest.mark.parametrize(("name", "count"), [("article", 40), ("1990s", 146)])
def test_every_row_is_mapped_or_has_a_reason(beijing, name: str, count: int):
    rows = load_chronology(beijing, name, check=False).rows
    assert len({row.id for row in rows}) == len(rows) == count
    assert all(row.reason for row in rows)


def test_all_facts_of_the_article_that_are_moves_are_mapped(article):
    shares = article.shares()
    assert shares["moves_mapped"] == shares["moves"] == 19
    events = {row.id for row in article.rows if row.fields["kind"] in ("event", "commitment")}
    assert not [row.id for row in article.rows if row.id in events and row.status == "outside"]


def test_at_least_three_in_five_facts_of_the_nineties_are_mapped_however_one_counts(nineties):
    shares = nineties.shares()
    assert shares["moves_mapped"] >= 0.6 * shares["moves"]
    assert shares["mapped"] >= 0.6 * shares["facts"]


def test_only_types_without_a_cameo_code_count_as_no_moves(nineties):
    with (ROOT / "seeds" / "event_types_cameo_goldstein.csv").open(encoding="utf-8") as file:
        coded = {row["type"] for row in csv.DictReader(file)}
    uncoded = {row.fields["type"] for row in nineties.rows} - coded
    assert uncoded
    assert {row.fields["type"] for row in nineties.rows if not row.is_move} == uncoded


def test_what_the_article_expects_is_kept_apart_from_what_happened(article):
    assert {row.id for row in article.rows if row.status == "prediction"} == {"A14", "A21"}
    when = {move.row: (article.date(move.low), article.date(move.high)) for move in article.predictions}
    assert when == {
        "A14": (dt.date(2000, 3, 1), dt.date(2000, 5, 1)),
        "A21": (dt.date(2000, 3, 1), dt.date(2000, 6, 1)),
    }
    assert all(move.implied for move in article.moves if move.row in ("A14", "A21"))


def test_rows_from_general_knowledge_keep_their_mark(nineties):
    assert sum(row.weak for row in nineties.rows) == 34


def test_facts_in_conflict_keep_their_note(article, nineties):
    assert {"A07", "A13", "A27", "A37", "A38"} <= set(article.conflicts())
    assert {"E025", "E098", "E145"} <= set(nineties.conflicts())


def test_the_report_names_shares_conflicts_and_what_is_outside(shipped):
    report = shipped.report()
    for word in ("are mapped", "Conflicts (", "No moves (", "implied"):
        assert word in report
    for row in shipped.rows:
        if row.status == "outside" or row.conflict:
            assert f"  {row.id}: " in report


def test_a_chronology_shows_itself_in_a_line(article):
    assert repr(article) == "Chronology('article: 40 rows, 1990-01-01 to 1999-12-21, for beijing-1999')"


def test_the_table_has_a_line_for_every_row(shipped):
    table = shipped.table()
    assert table["id"].tolist() == [row.id for row in shipped.rows]
    own = table[(table["status"] == "mapped") & (table["of"] == "")]
    assert (own["moves"] != "").all()


# -- windows and orders ----------------------------------------------------------------------------------------------


def test_a_round_of_talks_met_on_its_first_day_and_adjourned_on_its_last(nineties):
    at = places(nineties)
    met, adjourned = nineties.moves[at["E013.meet"]], nineties.moves[at["E013.adjourn"]]
    assert nineties.date(met.low) == dt.date(1991, 8, 30)
    assert nineties.date(adjourned.low) == dt.date(1991, 9, 2)


def test_dropping_a_plan_implies_one_made_between_the_breakdown_and_the_rocket(article):
    place = places(article)["A35.plan"]
    low, high = article.placement.low[place], article.placement.high[place]
    assert article.moves[place].implied
    assert article.date(low) == dt.date(1992, 1, 1)
    assert article.date(high) == dt.date(1998, 9, 1)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_accord_comes_before_the_talks_and_easing_after_the_understanding(article, seed: int):
    at = places(article)
    days, _ = article.placement.place(draw_points(article, 20, seed)[:, : article.placement.size])
    for first, second in [("A02.approve", "A01.open"), ("A36.agree", "A37.approve"), ("A08.act", "A13.freeze")]:
        assert (days[:, at[first]] < days[:, at[second]]).all()


@pytest.mark.parametrize(("name", "share"), [("article", 0.8), ("1990s", 0.5)])
def test_most_random_draws_are_possible_in_the_state(beijing, name: str, share: float):
    chronology = load_chronology(beijing, name, check=False)
    assert walk(beijing, chronology, draw_points(chronology, 256, 1)).share > share


def test_starting_points_are_possible_and_the_same_for_the_same_seed(beijing, article):
    unit = find_starts(beijing, article, 30, seed=5)
    assert unit.shape == (30, len(article.unknowns))
    assert walk(beijing, article, unit).share == 1.0
    np.testing.assert_array_equal(unit, find_starts(beijing, article, 30, seed=5))


def test_the_hand_made_walk_is_one_of_the_articles_histories(beijing, article, hand_made):
    walked = read_history(beijing, hand_made)
    point = article.find_point(beijing, walked)
    (history,) = article.histories(beijing, point[None])
    result = negsim.replay(beijing, history, until=article.until)
    assert result.problems == ()
    same = (history.moves[:, None] == walked.moves) & (np.abs(history.days[:, None] - walked.days) < 1.0)
    assert same.any(axis=1).all()


def test_a_history_without_a_told_move_has_no_point(beijing, article):
    with pytest.raises(ValueError, match="the history has no"):
        article.find_point(beijing, read_history(beijing, [("1999-12-21", "plan:JPN:official:")]))


def test_a_choice_between_moves_takes_each_in_its_share_and_counts_both(beijing, article):
    (choice,) = [unknown for unknown in article.unknowns if unknown.kind == "choice"]
    assert choice.names == ("walk_out:JPN:official:", "walk_out:PRK:official:")
    names = [event.name for event in beijing.labels.events]
    unit = draw_points(article, 100, 0)
    placed = article.place(beijing, unit)
    taken = [names[move] for move in placed.moves[:, places(article)["A34.walk_out"]]]
    assert taken == [choice.names[int(2 * u)] for u in unit[:, -1]]
    dates_only = article.placement.place(unit[:, :-1])[1]
    np.testing.assert_allclose(article.log_volume(unit), dates_only + np.log(2))
    np.testing.assert_allclose(placed.log_volume, article.log_volume(unit))


def test_coordinates_of_the_wrong_shape_are_refused(beijing, article):
    with pytest.raises(ValueError, match=r"\(3, 2\)"):
        article.histories(beijing, np.zeros((3, 2)))


def test_what_is_known_on_a_day_has_nothing_later_and_can_be_replayed(beijing, nineties):
    cut = nineties.cut(dt.date(1997, 12, 31))
    assert cut.until == dt.date(1997, 12, 31)
    assert (cut.placement.high <= cut.window[1]).all()
    kept = {move.key for move in cut.moves}
    assert {"E085.begin", "E083.approve", "E070.begin"} <= kept
    assert not {"E088.begin", "E088.pledge2", "E098.freeze", "E123.plan"} & kept
    assert walk(beijing, cut, draw_points(cut, 64, 0)).share > 0.5
    assert max(row.fields["date_start"] for row in cut.rows if row.status == "mapped") <= "1997-12-31"


# -- the likelihood of vague dates -----------------------------------------------------------------------------------

SESSION = "meet:north:talks:"
RECESS = "adjourn:north:talks:"


def two_moves(tmp_path: Path, first: str, second: str, after: str = "1") -> Chronology:
    file = tmp_path / "talks.csv"
    file.write_text(f"id,date,move,after\n1,{first},{SESSION},\n2,{second},{RECESS},{after}\n")
    return load_chronology("two-state-channel", file)


def test_starting_points_are_the_first_possible_ones_however_many_are_walked_through_at_once(tmp_path):
    compiled = compile_scenario(negsim.load_scenario("two-state-channel"))
    chronology = two_moves(tmp_path, "2001-06/2001-12", "2001-01/2001-09", after="")
    drawn = np.concatenate([draw_points(chronology, 64, 3, block) for block in range(8)])
    possible = walk(compiled, chronology, drawn).possible
    assert possible[: 2 * 64].sum() < 30 < possible.sum()
    np.testing.assert_array_equal(find_starts(compiled, chronology, 30, seed=3), drawn[possible][:30])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001-02", "2001-03"),
        ("2001-02", "2001-02"),
        ("2001-02/2001-04", "2001-03/2001-05"),
        ("2001", "2001"),
        ("2001-02-10", "2001-02-10"),
        ("2001-02-10", "2001-02-11"),
        ("2001-02-10", "2001-02-10/2001-02-12"),
    ],
)
def test_the_likelihood_of_vague_dates_is_that_of_quadrature(tmp_path, first: str, second: str):
    chronology = two_moves(tmp_path, first, second)
    compiled = compile_scenario(negsim.load_scenario("two-state-channel"))
    unit = draw_points(chronology, 4000, 0)
    logs = negsim.replay(compiled, chronology.stack(compiled, unit), until=chronology.until).total
    values = np.exp(logs + chronology.log_volume(unit))
    exact = quadrature(chronology)
    error = values.std() / np.sqrt(len(values))
    assert values.mean() == pytest.approx(exact, abs=4.5 * error + 1e-3 * exact)


def quadrature(chronology: Chronology) -> float:
    """Density of the closed form, summed over a fine grid of both windows, where the first comes first."""
    a, b, end = 6 / 365.25, 18 / 365.25, 365.0
    one, two = (np.linspace(move.low, move.high, 2001)[:-1] for move in chronology.moves)
    one, two = one + (one[1] - one[0]) / 2, two + (two[1] - two[0]) / 2
    met, adjourned = np.meshgrid(one, two, indexing="ij")
    density = a * np.exp(-a * met) * b * np.exp(-b * (adjourned - met)) * np.exp(-a * (end - adjourned))
    cell = (one[1] - one[0]) * (two[1] - two[0])
    half = np.isclose(met, adjourned)  # cells on the diagonal: half of them
    return float((density * ((met < adjourned) & ~half)).sum() * cell + (density * half).sum() * cell / 2)


@pytest.mark.parametrize(("name", "nats"), [("article", 0.1), ("1990s", 0.4)])
def test_days_placed_by_rule_cost_little_against_days_sampled(beijing, name: str, nats: float):
    """The same vague dates under both: what the hour of all exact days together does to the likelihood."""
    ruled = load_chronology(beijing, name, check=False)
    sampled = dataclasses.replace(ruled, by_rule=False)
    assert sampled.placement.size == ruled.placement.size + ruled.placement.fixed.sum()
    unit = find_starts(beijing, sampled, 100, seed=1)
    days, choices = unit[:, : sampled.placement.size], unit[:, sampled.placement.size :]
    same = np.concatenate((ruled.placement.unplace(sampled.placement.place(days)[0]), choices), axis=1)
    hours = negsim.replay(beijing, sampled.stack(beijing, unit), until=ruled.until).total
    rule = negsim.replay(beijing, ruled.stack(beijing, same), until=ruled.until).total
    both = np.isfinite(rule)
    assert both.mean() > 0.95
    assert abs(np.log(np.mean(np.exp(hours[both] - rule[both])))) < nats


# -- what is reported ------------------------------------------------------------------------------------------------


def test_told_moves_would_have_been_reported_and_implied_ones_are_accounted_for(beijing, shipped):
    coverage = shipped.coverage(beijing)
    names = [event.name for event in beijing.labels.events]
    for move, low, high in zip(shipped.moves, shipped.placement.low, shipped.placement.high, strict=True):
        for name in move.names:
            shares = np.exp(coverage.log_share(np.array([names.index(name)] * 2), np.array([low, high - 1e-6])))
            assert shares.max() > 0
            if move.implied:
                assert (shares == 1.0).all()


def test_coverage_keeps_the_articles_likelihood_finite(beijing, article):
    unit = find_starts(beijing, article, 20, seed=2)
    coverage = article.coverage(beijing)
    result = negsim.replay(beijing, article.stack(beijing, unit), until=article.until, coverage=coverage)
    assert np.isfinite(result.total).all()


def test_silence_counts_only_where_a_rule_says_so(beijing):
    quiet = Reporting((Rule(("open:*",), 0.5, dt.date(1995, 1, 1), dt.date(1995, 12, 31)),))
    coverage = quiet.compile(beijing, (0.0, 3652.0))
    names = [event.name for event in beijing.labels.events[: beijing.world.moves]]
    exposed = coverage.exposure(np.array([0.0]), np.array([3652.0]))[:, 0]
    days = dict(zip(names, exposed[coverage.profile], strict=True))
    assert days.pop("open:JPN:official:") == pytest.approx(0.5 * 365)
    assert {days[name] for name in names if not name.startswith("open:")} == {0.0}


def test_the_first_rule_that_fits_decides():
    rules = Reporting((Rule(("open:*",), 0.2, None, dt.date(1994, 12, 31)), Rule(("*",), 0.9)))
    start = dt.date(1990, 1, 1)
    np.testing.assert_allclose(rules.probabilities(start, "open:a:b:", np.array([0.0, 3000.0])), [0.2, 0.9])


# -- a file of one's own, and its mistakes ---------------------------------------------------------------------------

HEADER = "id,date,kind,actor,channel,subject,after,status,of,reason\n"


@pytest.fixture
def tell(tmp_path: Path, beijing: Compiled):
    """Mistakes of a file of one's own that holds some rows."""

    def mistakes(*rows: str, header: str = HEADER) -> tuple[Problem, ...]:
        file = tmp_path / "own.csv"
        file.write_text(header + "".join(f"{row}\n" for row in rows))
        with pytest.raises(ScenarioError) as caught:
            load_chronology(beijing, file)
        return caught.value.problems

    return mistakes


def test_a_file_of_ones_own_loads_with_vague_dates_and_orders(tmp_path, beijing):
    file = tmp_path / "own.csv"
    file.write_text(
        f"{HEADER}test,1998-08,act,PRK,,missile_test,,,,\n"
        "freeze,1998-08-31/1998-09,freeze,JPN,,japan_food,test,,,\n"
        "lift,..1999-12-21,lift,,,japan_food,freeze,implied,,\n"
        "again,1998-08-31,,,,,,duplicate,test,told twice\n"
        "visit,1999-05,,,,,,outside,,a visit\n"
        "aid,2000-03/2000-04,begin,JPN,,japan_food,,prediction,,expected\n"
    )
    chronology = load_chronology(beijing, file, window=(None, dt.date(1999, 12, 31)))
    assert [move.key for move in chronology.moves] == ["test.act", "freeze.freeze", "lift.lift"]
    assert [row.status for row in chronology.rows] == [
        "mapped",
        "mapped",
        "mapped",
        "duplicate",
        "outside",
        "prediction",
    ]
    days, _ = chronology.placement.place(draw_points(chronology, 100, 0))
    assert (np.diff(days, axis=1) >= 0).all()
    assert chronology.until == dt.date(1999, 12, 31)


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("", ["3"]),
        ("1992-03-09,adjourn:JPN:official:", []),
        ("1992-03,walk_out:JPN:official:", []),
        ("1992-03-09,adjourn:JRC:red_cross:", ["3"]),  # of another table
        ("1992-03-02/1992-03-09,adjourn:JPN:official:", []),  # may have come after it
    ],
)
def test_a_session_that_is_never_told_to_end_is_named(tmp_path, beijing, end: str, left: list[str]):
    file = tmp_path / "own.csv"
    file.write_text(
        "date,move\n1992-01-06,meet:JPN:official:\n1992-01-08,adjourn:JPN:official:\n1992-03-05,meet:JPN:official:\n"
        f"{end}\n"
    )
    chronology = load_chronology(beijing, file, check=False)
    assert [move.row for move in chronology.sessions_left()] == left
    told = [line for line in chronology.report().splitlines() if "in session to the end of the record" in line]
    assert [("1992-03-05" in line) for line in told] == [True] * len(left)


def test_what_nobody_did_is_no_fact_that_is_a_move(tmp_path, beijing):
    file = tmp_path / "own.csv"
    file.write_text(
        "date,move,status,reason,Fact\n"
        "1998-08-31,act:PRK::missile_test,,,the launch\n"
        "1998-09,,outside,a flood,state\n"
        "1998-10,,outside,a visit,\n"
        "2000-01-20/2000-03,,outside,an election,State\n"
    )
    assert [row.is_move for row in load_chronology(beijing, file).rows] == [True, False, True, False]


def test_a_move_may_be_one_of_several(tmp_path, beijing):
    file = tmp_path / "own.csv"
    file.write_text("date,move\n1998,act:PRK::missile_test | act:PRK::short_range_test\n")
    chronology = load_chronology(beijing, file)
    assert [unknown.kind for unknown in chronology.unknowns] == ["date", "choice"]
    assert chronology.rows[0].id == "1"


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("1999-02-30", "no calendar"),
        ("1999-13", "no calendar"),
        ("soon", "no known form"),
        ("9999-12-31", "no calendar"),
        ("1999-05/1999-04", "ends before it begins"),
        ("1999-12-21T08:00", "more than a day"),
        ("../..", "one end"),
    ],
)
def test_a_date_that_cannot_be_is_told_by_its_row(tell, date: str, said: str):
    (problem,) = tell(f"E1,{date},act,PRK,,missile_test,,,,")
    assert problem.key == "row E1"
    assert said in problem.given


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("19/11/1977", "1977-11-19"),
        ("11/19/1977", "1977-11-19"),
        ("1977/11/19", "1977-11-19"),
        ("4.4.1978", "1978-04-04"),
        ("4/5/1978", None),
        ("Sept. 1978", "1978-09"),
        ("17 September 1978", "1978-09-17"),
        ("March 26, 1979", "1979-03-26"),
        ("1998-08-31T12:00+09:00", "1998-08-31"),
        ("1998-08-31 00:00:00", "1998-08-31"),
        ("31 February 1978", None),
        ("marching 1", None),
        ("", None),
    ],
)
def test_a_date_in_another_form_is_guessed_unless_it_may_be_two(written: str, meant: str | None):
    assert guess_date(written) == meant


def test_a_date_in_another_form_is_told_with_what_it_means(tell):
    (problem,) = tell("E1,31/8/1998,act,PRK,,missile_test,,,,")
    assert problem.nearest == "1998-08-31"


def test_an_unknown_actor_is_told_with_the_nearest_move(tell):
    (problem,) = tell("E1,1998-08-31,act,PKR,,missile_test,,,,")
    assert problem.key == "row E1"
    assert problem.nearest == "act:PRK::missile_test"


def test_parts_that_name_several_moves_are_told(tell):
    (problem,) = tell("E1,1998-08-31,begin,JPN,,,,,,")
    assert problem.key == "row E1"
    assert "3 moves" in problem.given


def test_orders_that_run_in_a_circle_are_told(tell):
    problems = tell(
        "E1,1998,act,PRK,,missile_test,E3,,,",
        "E2,1998,freeze,JPN,,japan_food,E1,,,",
        "E3,1998,lift,JPN,,japan_food,E2,,,",
    )
    assert [problem.key for problem in problems] == ["row E1"]
    assert "circle: E1.act before E2.freeze before E3.lift before E1.act" in problems[0].given


def test_an_event_outside_the_window_is_told(tell):
    (problem,) = tell("E1,1989-08-31,act,PRK,,missile_test,,,,")
    assert problem.key == "row E1"
    assert "outside the window" in problem.given
    assert "1990-01-01 to 2000-12-31" in problem.allowed


def test_a_date_that_its_order_leaves_no_room_is_told_with_what_it_follows(tell):
    (problem,) = tell("E1,1998-09,act,PRK,,missile_test,,,,", "E2,1998-08-31,freeze,JPN,,japan_food,E1,,,")
    assert problem.key == "row E2"
    assert "E1.act (1998-09)" in problem.allowed


def test_an_event_that_the_state_does_not_allow_is_told_with_the_reason(tell):
    (problem,) = tell("E1,1998-09,lift,JPN,,japan_food,,,,", "E2,1999,act,PRK,,missile_test,,,,")
    assert problem.key == "row E1"
    assert "japan_food is not frozen" in problem.given


def test_what_follows_from_an_impossible_event_is_not_told_again(tell):
    problems = tell(
        "E1,1991,open,JPN,official,,,,,",
        "E2,1992,meet,JPN,official,,,,,",
        "E3,1993,adjourn,JPN,official,,,,,",
    )
    assert [problem.key for problem in problems] == ["row E1"]


def test_impossible_events_are_told_together_each_with_what_comes_before_it(tell):
    problems = tell(
        "E1,1991,open,JPN,official,,,,,",
        "E2,1992,walk_out,JPN,official,,,,,",
        "E3,1993,meet,JPN,official,,,,,",
        "E4,1994,begin,JPN,,japan_food,,,,",
    )
    ways = {problem.key: problem.given.rpartition("(")[2] for problem in problems}
    assert ways == {
        "row E1": "plan comes before)",
        "row E3": "plan and open come before)",
        "row E4": "pledge comes before)",
    }
    assert all("as implied" in problem.allowed for problem in problems)
    assert all("rows of one day happen as they are listed" in problem.allowed for problem in problems)


def test_events_that_are_possible_alone_and_never_together_are_told(tell):
    (problem,) = tell("E1,1998-08,freeze,JPN,,japan_food,,,,", "E2,1998-08,freeze,JPN,,japan_food,,,,")
    assert problem.given.startswith("0 possible histories of 3200 drawn; mostly 1998-08-")
    assert "japan_food is frozen" in problem.given


def test_many_mistakes_are_told_together(tell):
    problems = tell(
        "E1,1999-02-30,act,PRK,,missile_test,,,,",
        "E2,1998,act,PKR,,missile_test,,,,",
        "E3,1989,act,PRK,,missile_test,,,,",
        "E4,1998,act,PRK,,missile_test,,mapt,,",
        "E5,1998,,,,,,duplicate,E9,",
        "E6,1998,,,,,,outside,,",
        "E7,1998,begin,JPN,,,,,,",
        "E8,1998,act,PRK,,missile_test,,,,",
        "E8,1998,act,PRK,,missile_test,,,,",
    )
    assert sorted(problem.key for problem in problems) == [f"row E{number}" for number in range(1, 9)]


def test_an_order_after_a_row_that_is_not_there_is_told(tell):
    (problem,) = tell("E1,1998,act,PRK,,missile_test,E2,,,")
    assert (problem.key, problem.given) == ("row E1", "after E2")


def test_an_order_after_a_row_that_tells_no_move_is_told_by_its_row(tell):
    (problem,) = tell("E1,1997,,,,,,outside,,a visit", "E1b,1998,act,PRK,,missile_test,E1,,,")
    assert (problem.key, problem.given) == ("row E1b", "after E1")


def test_previous_is_the_row_above_that_tells_a_move(tmp_path, beijing):
    rows = ["plan:JPN:official:,", "open:JPN:official:,", ",outside", "meet:JPN:official,", "adjourn:JPN:official:,"]
    written = "".join(f"1992-03,{row},why,previous\n" for row in rows)
    (tmp_path / "own.csv").write_text(f"date,move,status,reason,after\n{written}")
    chronology = load_chronology(beijing, tmp_path / "own.csv")
    days, _ = chronology.placement.place(draw_points(chronology, 50, 0))
    assert [move.row for move in chronology.moves] == ["1", "2", "4", "5"]
    assert (np.diff(days, axis=1) >= 0).all()
    assert describe_room(beijing, chronology) == []


def test_a_chronology_whose_vague_dates_hardly_ever_fit_says_which_rows_stop_it(tmp_path, beijing):
    rows = ("plan", "open", "meet", "adjourn", "close")
    written = "".join(f"{row},1992-03,{row}:JPN:official:\n" for row in rows)
    (tmp_path / "own.csv").write_text(f"id,date,move\n{written}")
    said = describe_room(beijing, load_chronology(beijing, tmp_path / "own.csv"))
    assert "of 64 random datings" in said[0]
    assert 1 <= len(said[1:-1]) <= 3
    assert all("official is" in line for line in said[1:-1])
    assert "`after`" in said[-1]


def test_the_items_of_an_accord_come_in_any_order_in_an_address_too(tmp_path, beijing):
    name = next(name for name in beijing.labels.addresses if "+" in name)
    channel, items = name.rpartition(":")[::2]
    turned = "+".join(reversed(items.split("+")))
    (tmp_path / "own.csv").write_text(f"date,move\n1995,{channel}:{turned}\n")
    (move,) = load_chronology(beijing, tmp_path / "own.csv", check=False).moves
    assert move.names == (name,)
    assert read_history(beijing, [("1995-01-01", f"{channel}:{turned}")]).moves.tolist() == [
        beijing.labels.numbers[name]
    ]


def test_a_prediction_without_a_reason_says_what_is_expected(tmp_path, beijing):
    (tmp_path / "own.csv").write_text("date,move,status\n2000-03,begin:JPN::japan_food,prediction\n")
    told = load_chronology(beijing, tmp_path / "own.csv", window=(None, "1999-12-31")).report()
    assert "begin:JPN::japan_food 2000-03" in told


def test_an_accord_that_waits_for_approval_says_so(tell):
    (problem,) = tell(
        "E1,1991-01-01,plan,JPN,official,,,,,",
        "E2,1991-02-01,open,JPN,official,,,,,",
        "E3,1991-02-02,meet,JPN,official,,,,,",
        "E4,1991-02-03,agree,JPN,official,abduction_inquiry+japan_food,,,,",
        "E5,1991-03-01,begin,JPN,,japan_food,,,,",
    )
    assert problem.key == "row E5"
    assert "approve, in the channel of its accord, comes before" in problem.given


def test_a_file_without_dates_or_moves_is_told(tell):
    problems = tell("1", header="id\n")
    assert [problem.allowed for problem in problems] == ["a column date or date_start", "a column move or kind"]


def test_a_chronology_that_is_not_there_names_those_that_are(beijing):
    with pytest.raises(ScenarioError) as caught:
        load_chronology(beijing, "articel")
    (problem,) = caught.value.problems
    assert problem.nearest == "article"
    assert "1990s" in problem.allowed


def test_a_file_that_is_not_there_names_its_neighbour(tmp_path, beijing):
    (tmp_path / "events.csv").write_text("date,move\n")
    with pytest.raises(ScenarioError) as caught:
        load_chronology(beijing, tmp_path / "event.csv")
    assert caught.value.problems[0].nearest == "events.csv"
    with pytest.raises(ScenarioError, match="given a directory"):
        load_chronology(beijing, tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"date;move;reason\n1998-08-31;act:PRK::missile_test;a rocket, over Japan\n",
        b"date\tmove\n1998-08-31\tact:PRK::missile_test\n",
        b"\xef\xbb\xbf date , move \r\n1998-08-31,act:PRK::missile_test\r\n,,\r\n\r\n",
        b'date,move,reason\n"1998-08-31",act:PRK::missile_test,"two\nlines"\n,,\n',
    ],
)
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, beijing, content: bytes):
    file = tmp_path / "own.csv"
    file.write_bytes(content)
    (move,) = load_chronology(beijing, file).moves
    assert move.names == ("act:PRK::missile_test",)
    assert load_chronology(beijing, file).date(move.low) == dt.date(1998, 8, 31)


def test_a_row_that_names_no_move_is_told_so(tmp_path, beijing):
    file = tmp_path / "own.csv"
    file.write_text("date,kind,actor,told\n1998-08-31,act,PRK,a rocket\n1998-09-01,,,an earthquake\n")
    with pytest.raises(ScenarioError) as caught:
        load_chronology(beijing, file)
    (problem,) = [problem for problem in caught.value.problems if problem.key == "row 2"]
    assert (problem.given, "status = outside" in problem.allowed) == ("no move", True)


def test_cells_that_would_be_lost_are_told_with_their_rows(tmp_path, beijing):
    file = tmp_path / "own.csv"
    file.write_text("date,move,date\n1998,act:PRK::missile_test,,over Japan, at noon\n1999,x,,\n2000,x,,,at night\n")
    with pytest.raises(ScenarioError) as caught:
        load_chronology(beijing, file)
    assert [problem.key for problem in caught.value.problems] == ["header", "row 1", "row 3"]
    assert '" at noon"' in caught.value.problems[1].given
    assert "a text with commas" in caught.value.problems[1].allowed
    file.write_text("date;move\n1998;act:PRK::missile_test;one; two\n")
    with pytest.raises(ScenarioError, match="a text with semicolons is put in"):
        load_chronology(beijing, file)


@pytest.mark.parametrize("content", [b"", b"id,date,move\n", b"\xff\xfe\x00", b"date,move\n1998,\0\n"])
def test_a_file_that_is_no_table_is_told(tmp_path, beijing, content: bytes):
    file = tmp_path / "own.csv"
    file.write_bytes(content)
    with pytest.raises(ScenarioError):
        load_chronology(beijing, file)


# -- a codebook of one's own, and its mistakes -----------------------------------------------------------------------

TABLE = "id,date_start,date_end,source\nR1,1998-08-31,1998-08-31,a\nR2,1998-09-01,1998-09-03,general knowledge\n"
BOOK = """
weak_mark = "general"
[row.R1]
moves = [{ move = "act:PRK::missile_test" }]
[row.R2]
moves = [
    { move = "freeze:JPN::japan_food", date = "start" },
    { move = "lift:JPN::japan_food", implied = true, within_days = 90 },
]
"""


def load_with(tmp_path: Path, beijing: Compiled, book: str, table: str = TABLE) -> Chronology:
    (tmp_path / "own.csv").write_text(table)
    (tmp_path / "own.toml").write_text(book)
    return load_chronology(beijing, tmp_path / "own.csv", codebook=tmp_path / "own.toml")


def test_a_codebook_says_which_moves_rows_stand_for(tmp_path, beijing):
    chronology = load_with(tmp_path, beijing, BOOK)
    assert [move.key for move in chronology.moves] == ["R1.act", "R2.freeze", "R2.lift"]
    assert [row.weak for row in chronology.rows] == [False, True]
    days, _ = chronology.placement.place(draw_points(chronology, 50, 0))
    assert (days[:, 2] - days[:, 1] <= 90).all()


@pytest.mark.parametrize(
    ("book", "key", "said"),
    [
        ("[row.R1]\noutside = true\nreason = 'none'\n", "row R2", "forgets"),
        (f"{BOOK}[row.R3]\noutside = true\nreason = 'none'\n", "row R3", "does not have"),
        (BOOK.replace("[row.R1]\n", "[row.R1]\noutside = true\n"), "row R1", "mapped and outside"),
        (BOOK.replace("[row.R1]\n", "[row.R1]\nmovs = 1\n"), "row R1", "1"),
        (BOOK.replace('date = "start"', 'date = "1998-14"'), "row R2", "no calendar"),
        (f'{BOOK}[[order]]\nmoves = ["R1.act", "R2.lfit"]\n', "order 1", "R2.lfit"),
        (f'{BOOK}[[coverage]]\nmoves = ["opn:*"]\nprobability = 1.0\n', "coverage 1", "opn"),
        (f'{BOOK}[[coverage]]\nmoves = ["open:*"]\nprobability = 1.0\n', "row R1", "never is"),
        (f"{BOOK}[window]\nfrom = 1980-01-01\n", "window", "1980-01-01"),
        (BOOK.replace('moves = [{ move = "act:PRK::missile_test" }]', 'part_of = "R9.act"'), "row R1", "R9.act"),
    ],
)
def test_a_mistake_in_a_codebook_is_told_with_its_place(tmp_path, beijing, book: str, key: str, said: str):
    with pytest.raises(ScenarioError) as caught:
        load_with(tmp_path, beijing, book)
    assert [said in problem.given for problem in caught.value.problems if problem.key == key][:1] == [True]


def test_a_codebook_that_is_no_toml_is_told(tmp_path, beijing):
    with pytest.raises(ScenarioError, match="valid TOML"):
        load_with(tmp_path, beijing, "[row")


# -- dates in text ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("1991", dt.date(1991, 1, 1), dt.date(1992, 1, 1)),
        ("1998-12", dt.date(1998, 12, 1), dt.date(1999, 1, 1)),
        ("1998-08-31", dt.date(1998, 8, 31), dt.date(1998, 9, 1)),
        ("1999-03/1999-04", dt.date(1999, 3, 1), dt.date(1999, 5, 1)),
        ("..1999-12-21", None, dt.date(1999, 12, 22)),
        ("../1999-12-21", None, dt.date(1999, 12, 22)),
        ("1999-12-21/..", dt.date(1999, 12, 21), None),
    ],
)
def test_a_date_stands_for_its_days(text: str, low: dt.date | None, high: dt.date | None):
    assert parse_interval(text) == (low, high)


@given(st.dates(dt.date(1000, 1, 1), dt.date(9998, 1, 1)), st.integers(1, 1000))
def test_an_interval_written_is_the_interval_read(low: dt.date, days: int):
    high = low + dt.timedelta(days=days)
    assert parse_interval(format_interval(low, high)) == (low, high)


@given(st.text(max_size=12) | st.from_regex(r"\d{1,4}[-/. ]\d{1,2}[-/. ]\d{1,4}", fullmatch=True))
def test_any_text_is_a_date_or_refused(text: str):
    guessed = guess_date(text)
    assert guessed is None or parse_interval(guessed)
    try:
        low, high = parse_interval(text)
    except NotADate:
        return
    assert low is None or high is None or low < high


def test_the_package_ships_its_chronologies():
    shipped = resources.files("negsim") / "cases" / "beijing-1999.chronologies"
    names = {entry.name for entry in shipped.iterdir()}
    assert {f"{name}{ending}" for name in SEEDS for ending in (".csv", ".toml")} <= names


def test_a_codebook_with_unknown_keys_and_bad_syntax_is_refused_by_place(tmp_path):
    (tmp_path / "events.csv").write_text("id,date_start,date_end,source\nA,1990-01-02,1990-01-02,x\n")
    book = tmp_path / "events.toml"
    book.write_text('titel = "x"\n[row.A]\nmoves = [{ move = "plan:JPN:official:", wen = "1990" }]\n')
    with pytest.raises(ScenarioError) as caught:
        load_chronology("beijing-1999", tmp_path / "events.csv", codebook=book)
    problems = {problem.key: problem for problem in caught.value.problems}
    assert problems["titel"].nearest == "title"
    assert "moves.0.wen: no key of this name; the keys here are move, date," in problems["row A"].allowed
    book.write_text("[row.A\n")
    with pytest.raises(ScenarioError, match=r"(?s)line 1, column \d+.*valid TOML"):
        load_chronology("beijing-1999", tmp_path / "events.csv", codebook=book)
