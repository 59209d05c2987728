"""Do the simulator and the likelihood tell one story, and does the likelihood say what statistics textbooks say?

The simulator draws histories by clocks; `replay` scores given ones. Neither looks at the other, so that they agree is
evidence for both. Each kind of check here is shown to fail on bugs planted for it.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import special

import negsim.compiler
import negsim.ensemble
import negsim.replays
import negsim.streams
import reference
from checks import (
    assert_chance_explains,
    compare_mean,
    compare_means,
    compare_neighbours,
    compare_with_exponential,
    fit_slope,
)
from negsim.compiler import Compiled, compile_scenario
from negsim.ensemble import simulate
from negsim.history import History
from negsim.replays import replay, split_runs
from negsim.results import Ensemble
from negsim.scenario import (
    Actor,
    Alignment,
    Channel,
    Coercion,
    Concession,
    Demand,
    Driver,
    Gate,
    Good,
    Group,
    Initial,
    Need,
    ParameterSpec,
    Regard,
    Scenario,
    TermSettings,
)
from negsim.scenario_files import load_scenario
from negsim.streams import Clocks
from negsim.terms import SHELF, LogRate, Term
from negsim.vocabulary import CONCESSION_MOVES
from strategies import LIVELY_RATES, pair, two_state_channel

pytestmark = pytest.mark.xdist_group("likelihood")  # one worker: histories are drawn once

Numbers = Mapping[str, Any]


def busy() -> Scenario:
    """Three states who do a little of everything within a year and a half."""
    talking = {kind: LIVELY_RATES[kind] for kind in ("plan", "open", "meet", "adjourn", "close", "cancel", "walk_out")}
    rates = {kind: {move: LIVELY_RATES[move] / 2 for move in moves} for kind, moves in CONCESSION_MOVES.items()}
    press = Group(values={"food": -0.5, "inquiry": 1.0, "moratorium": 1.5})
    return Scenario(
        name="busy",
        start=dt.date(1998, 1, 1),
        end=dt.date(1999, 6, 30),
        actor={
            "A": Actor(groups={"press": press}, threshold=0.2),
            "B": Actor(power=0.5, reservation=-0.5),
            "C": Actor(),
            "A_society": Actor(kind="intermediary", answers_to="A"),
        },
        good={"food": Good(need={"B": Need(scale=10.0, season=(1.5,) * 3 + (1.0,) * 6 + (0.5,) * 3)})},
        concession={
            "food": Concession(
                giver="A",
                kind="flow",
                worth={"B": 2.0},
                cost=0.8,
                care=0.4,
                good="food",
                quantity=6.0,
                lead_time_days=10.0,
                duration_days=60.0,
                irreversibility=0.5,
                in_return_for=("moratorium",),
                rates=rates["flow"],
            ),
            "moratorium": Concession(
                giver="B",
                kind="restraint",
                worth={"A": 1.5, "C": 1.0},
                cost=0.5,
                while_open="talks",
                rates=rates["restraint"],
            ),
            "inquiry": Concession(
                giver="B", kind="process", worth={"A": 1.0}, cost=0.6, grace_days=10.0, rates=rates["process"]
            ),
            "reactor": Concession(giver="C", kind="process", worth={"B": 1.0}, cost=0.3, rates=rates["process"]),
        },
        channel={
            "talks": Channel(
                sides=(("A",), ("B",)),
                agenda=("food", "moratorium", "inquiry"),
                max_items=2,
                consent=("before_signature", "after"),
                gates=(Gate(items=("inquiry",), stage="promised"),),
                rates={**talking, "agree": 60.0},
            ),
            "society_talks": Channel(
                sides=(("A_society",), ("B",)),
                agenda=("inquiry",),
                exposure=0.3,
                reliability=0.6,
                bias=0.3,
                consent=("after", "none"),
                rates={**talking, "agree": 60.0},
            ),
        },
        demand={"missing": Demand(owner="A", target="B", channel="talks", answered_by=("inquiry",))},
        coercion={"test": Coercion(actor="B", hits={"A": 0.3, "C": 0.2}, breaks=("moratorium",), rates={"act": 2.0})},
        alignment=(Alignment(actor="A", ally="C", weight=1.0),),
        regard=(
            Regard(holder="A", toward="B", resentment=0.6, shift=1.0),
            Regard(holder="B", toward="A", resentment=0.8),
        ),
        driver={"harvest": Driver(target="good.food.need.B.shortfall", dates=(dt.date(1998, 10, 1),), values=(1.8,))},
        initial=Initial(channels={"talks": "open"}, concessions={"moratorium": "in_force"}),
    )


@functools.cache
def compile_case(case: str) -> Compiled:
    return compile_scenario(busy() if case == "busy" else load_scenario(case))


def cut(case: str) -> dt.date | None:
    """The main case is long; its first years will do."""
    return dt.date(1992, 12, 31) if case == "beijing-1999" else None


# -- the balance of likelihood ratios --------------------------------------------------------------------------------

Score = Callable[[Sequence[History], Numbers], np.ndarray]

POINTS: dict[str, tuple[str, Numbers]] = {
    "two states": ("two-state-channel", {"channel.talks.rates.meet": 8.0, "channel.talks.rates.adjourn": 15.0}),
    "a bargain": (
        "bargaining-pair",
        {"concession.timber.cost": 1.8, "actor.north.power": 3.0, "channel.table.eta": 2.0},
    ),
    "resentment": (
        "busy",
        {"term.resentment.heat": 0.65, "term.resentment.cool": 0.75, "term.resentment.alarm": 3.7},
    ),
    "credibility": (
        "busy",
        {"term.credibility.prior_weight": 1.5, "term.credibility.kept_weight": 2.5, "term.credibility.reputation": 3.0},
    ),
    "approval": (
        "busy",
        {"actor.A.threshold": 1.0, "actor.A.groups.press.weight": 0.6, "term.audience.approval": 1.6},
    ),
    "utility": (
        "busy",
        {"concession.food.cost": 1.2, "concession.moratorium.worth.A": 1.0, "good.food.need.B.scale": 6.0},
    ),
    "rupture": (
        "busy",
        {"term.brinkmanship.isolation": 0.4, "term.brinkmanship.restraint_weight": 1.4, "term.demand.walk_out": 0.5},
    ),
    "dates": ("busy", {"concession.food.lead_time_days": 12.0, "concession.food.duration_days": 30.0}),
    "the main case": (
        "beijing-1999",
        {"term.resentment.alarm": 3.9, "tempo_talks": 1.05, "term.ripeness.theta": 1.03, "tempo_tests": 0.93},
    ),
}
"""Pairs of points: a case as it is, and the same with other numbers."""
RUNS = {"two-state-channel": 400, "bargaining-pair": 400, "busy": 240, "beijing-1999": 240}
"""Histories drawn of each case: enough for every bug planted below to be found, and what takes longer is drawn less."""


@functools.cache
def draw(case: str, point: str | None) -> Ensemble:
    """Histories drawn at a point (None: the case as it is), each point with a seed of its own."""
    scenario = compile_case(case).scenario
    seed = 1 + sum(map(ord, point or case))
    return simulate(scenario, runs=RUNS[case], seed=seed, params=POINTS[point][1] if point else {}, until=cut(case))


def score_with(compiled: Compiled, until: dt.date | None) -> Score:
    """Log-likelihoods of histories at given numbers."""
    return lambda histories, numbers: replay(compiled, histories, numbers, until=until).total


def tell_apart(
    point: str, score: Score | None = None, drawn_by: Callable[..., Ensemble] = draw
) -> tuple[np.ndarray, np.ndarray]:
    """s(D) over histories drawn at the case as it is, s(-D) over histories drawn at the point."""
    case, numbers = POINTS[point]
    score = score or score_with(compile_case(case), cut(case))
    told = []
    for origin, sign in ((None, 1.0), (point, -1.0)):
        histories = split_runs(drawn_by(case, origin))
        told.append(special.expit(sign * (score(histories, numbers) - score(histories, {}))))
    return told[0], told[1]


def balance(point: str, score: Score | None = None, drawn_by: Callable[..., Ensemble] = draw) -> float:
    """p-value of E0[s(D)] = E1[s(-D)], where D = log L1 - log L0, s the logistic, and E the mean at either point.

    Both sides are the integral of f0*f1/(f0 + f1) over all histories, f the densities they are drawn from: an identity
    for any two points if the simulator draws from the densities that replay computes. It is bounded, so nothing hangs
    on tails.
    """
    return compare_means(*tell_apart(point, score, drawn_by))


def test_simulator_and_likelihood_balance_at_any_two_points():
    p_values = {}
    for point in POINTS:
        first, second = tell_apart(point)
        p_values[point] = compare_means(first, second)
        # Points too near (always 1/2) or too far (always 0) would balance whatever is wrong.
        assert 0.05 < first.mean() < 0.49, point
        assert first.std() > 0.05, point
    assert_chance_explains(p_values)


def draw_compiled(case: str, point: str | None) -> Ensemble:
    """The histories of :func:`draw`, drawn by the other engine."""
    numbers = POINTS[point][1] if point else {}
    seed = 1 + sum(map(ord, point or case))
    return simulate(compile_case(case), runs=RUNS[case], seed=seed, params=numbers, until=cut(case), engine="compiled")


def score_compiled(compiled: Compiled, until: dt.date | None) -> Score:
    """The scores of :func:`score_with`, by the other engine."""
    return lambda histories, numbers: replay(compiled, histories, numbers, until=until, engine="compiled").total


@pytest.mark.xdist_group("compiled")
def test_the_compiled_simulator_and_likelihood_balance_as_well():
    pytest.importorskip("numba")
    score = score_compiled(compile_case("busy"), cut("busy"))
    assert_chance_explains({point: balance(point, score, draw_compiled) for point in ("resentment", "dates")})


# -- planted bugs ----------------------------------------------------------------------------------------------------


def with_hotter(formula: Callable[..., Any]) -> Term:
    """The term of resentment with another formula for what it hastens."""
    term = SHELF["resentment"]
    hooks = tuple(
        LogRate(hook.moves, formula) if hook.formula.__name__ == "hotter" else hook for hook in term.log_rates
    )
    return replace(term, log_rates=hooks)


def hotter_with_the_wrong_sign(heat: Any, resentment: Any) -> Any:
    return -heat * resentment


def score_without_the_end(compiled: Compiled) -> Score:
    """Observation ends with the last move."""

    def score(histories: Sequence[History], numbers: Numbers) -> np.ndarray:
        scored = replay(compiled, histories, numbers)
        return scored.total + [scored.intervals[len(history), column] for column, history in enumerate(histories)]

    return score


def share_a_clock(monkeypatch: pytest.MonkeyPatch, *moves: str) -> None:
    """Some moves hear the rings of one clock."""
    words = negsim.streams.address_words
    monkeypatch.setattr(negsim.streams, "address_words", lambda name: words(moves[0] if name in moves else name))


def draw_anew(case: str, point: str | None) -> Ensemble:
    return draw.__wrapped__(case, point)


def test_a_sign_turned_in_the_likelihood_is_found_out():
    wrong = compile_scenario(busy(), {"resentment": with_hotter(hotter_with_the_wrong_sign)})
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains({"resentment": balance("resentment", score_with(wrong, None))})


def test_an_end_of_observation_lost_is_found_out():
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains(
            {"two states": balance("two states", score_without_the_end(compile_case("two-state-channel")))}
        )


def test_a_hazard_missing_in_the_integral_is_found_out(monkeypatch: pytest.MonkeyPatch):
    whole = negsim.replays.total_hazard
    monkeypatch.setattr(
        negsim.replays, "total_hazard", lambda outlook, *rest: whole(replace(outlook, packages=[]), *rest)
    )
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains({"a bargain": balance("a bargain")})


def test_a_clock_used_twice_is_found_out(monkeypatch: pytest.MonkeyPatch):
    share_a_clock(monkeypatch, "meet:north:talks:", "adjourn:north:talks:")
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains({"two states": balance("two states", drawn_by=draw_anew)})


def test_rings_that_repeat_are_found_out(monkeypatch: pytest.MonkeyPatch):
    repeat_rings(monkeypatch)
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains({"two states": balance("two states", drawn_by=draw_anew)})


def repeat_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each clock rings its first ring again and again."""
    renew = Clocks.renew

    def renew_and_wind_back(self: Clocks, moves: Any, columns: Any) -> None:
        self.rings[moves, columns] = -1
        renew(self, moves, columns)

    monkeypatch.setattr(Clocks, "renew", renew_and_wind_back)


# -- the score -------------------------------------------------------------------------------------------------------

SLOPES: dict[str, tuple[str, ...]] = {
    "two-state-channel": ("channel.talks.rates.meet", "channel.talks.rates.adjourn"),
    "bargaining-pair": ("concession.grain.cost", "concession.timber.worth.north", "actor.north.power"),
    "busy": (
        "term.resentment.cool",
        "term.resentment.heat",
        "term.resentment.alarm",
        "term.resentment.half_life_years",
        "term.resentment.goodwill",
        "term.credibility.kept_weight",
        "term.credibility.overdue_per_year",
        "term.audience.cost_scale",
        "term.alignment.scale",
        "term.sequencing.met",
        "term.demand.walk_out",
        "term.season.strength",
        "term.mediation.strength",
        "term.mediation.strength_bias",
        "term.commitment.theta",
        "term.ripeness.patience_years",
        "actor.A.threshold",
        "good.food.need.B.half_life_days",
    ),
    "beijing-1999": ("term.resentment.alarm", "term.ripeness.theta", "term.alignment.scale"),
}
"""Numbers in whose direction the score is taken."""
STEP = 1e-4


def find_scores(case: str, score: Score, runs: int, paths: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Derivatives of each history's log-likelihood at the point it was drawn at, by central differences."""
    histories = split_runs(draw(case, None))[:runs]
    numbers = compile_case(case).numbers
    for path in paths:
        number = numbers[path]
        step = STEP * max(abs(number), 0.1)
        either = score(histories * 2, {path: np.repeat([number + step, number - step], runs)})
        yield path, (either[:runs] - either[runs:]) / (2 * step)


@pytest.mark.parametrize(
    ("case", "runs"), [("two-state-channel", 400), ("bargaining-pair", 400), ("busy", 100), ("beijing-1999", 200)]
)
def test_the_mean_score_is_zero(case: str, runs: int):
    """At the true numbers the likelihood is flat on average, in the direction of every number that tells anything."""
    scores = dict(find_scores(case, score_with(compile_case(case), cut(case)), runs, SLOPES[case]))
    assert all(score.std() > 0 for score in scores.values())
    assert_chance_explains({path: compare_mean(score) for path, score in scores.items()})


def test_a_score_with_a_sign_turned_is_found_out():
    wrong = compile_scenario(busy(), {"resentment": with_hotter(hotter_with_the_wrong_sign)})
    scores = find_scores("busy", score_with(wrong, None), 100, ("term.resentment.heat", "term.resentment.cool"))
    with pytest.raises(AssertionError, match=r"term\.resentment\.heat"):
        assert_chance_explains({path: compare_mean(score) for path, score in scores})


def test_a_score_without_the_end_is_found_out():
    case = "two-state-channel"
    scores = find_scores(case, score_without_the_end(compile_case(case)), RUNS[case], SLOPES[case])
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains({path: compare_mean(score) for path, score in scores})


# -- time rescaled ---------------------------------------------------------------------------------------------------

WITNESSED = 120
"""Runs that the slow witness goes through; where much happens in each, fewer will do."""


def name_moves(ensemble: Ensemble) -> list[list[tuple[float, str]]]:
    """The histories of an ensemble as dates and names."""
    labels = ensemble.compiled.labels.events
    return [
        [(day, labels[move].name) for day, move in zip(history.days.tolist(), history.moves.tolist(), strict=True)]
        for history in split_runs(ensemble)
    ]


def lay_end_to_end(scenario: Scenario, histories: Sequence[Sequence[tuple[float, str]]]) -> dict[str, np.ndarray]:
    """Waits of each clock in integrated time, the rest of a run going on into the next."""
    waits: dict[str, list[float]] = {}
    rest: dict[str, float] = {}
    for history in histories:
        for move, gathered in reference.compensators(scenario, history).items():
            complete = gathered[:-1]
            if complete:
                complete[0] += rest.pop(move, 0.0)
            waits.setdefault(move, []).extend(complete)
            rest[move] = rest.get(move, 0.0) + gathered[-1]
    return {move: np.array(found) for move, found in waits.items()}


def compare_waits(scenario: Scenario, ensemble: Ensemble) -> dict[str, float]:
    """p-values of waits in integrated time being exponential and independent, by move and together."""
    laid = {move: waits for move, waits in lay_end_to_end(scenario, name_moves(ensemble)).items() if len(waits) > 40}
    p_values = {move: compare_with_exponential(waits) for move, waits in laid.items()}
    p_values["together"] = compare_with_exponential(np.concatenate(list(laid.values())))
    return p_values | {f"{move}, next": compare_neighbours(waits) for move, waits in laid.items()}


def witness(scenario: Scenario, runs: int = WITNESSED) -> dict[str, float]:
    return compare_waits(scenario, simulate(scenario, runs=runs, seed=12))


def shorter(scenario: Scenario) -> Scenario:
    return scenario.model_copy(update={"end": scenario.start + dt.timedelta(days=300)})


def test_time_rescaled_by_the_witness_is_exponential():
    """Papangelou 1972; Brown et al. 2002, The Time-Rescaling Theorem, Neural Computation 14.

    The witness sees dates alone: what each clock gathered between two rings must be drawn from Exp(1).
    """
    p_values = witness(shorter(busy()), 80)
    assert len(p_values) > 40
    assert_chance_explains(p_values)


def test_time_rescaled_in_the_textbook_case_is_exponential():
    assert_chance_explains(witness(load_scenario("two-state-channel")))


def test_a_simulator_with_a_sign_turned_is_found_out(monkeypatch: pytest.MonkeyPatch):
    term = with_hotter(hotter_with_the_wrong_sign)
    monkeypatch.setattr(negsim.compiler, "load_terms", lambda scenario: {"resentment": term})
    with pytest.raises(AssertionError, match="act:B::test"):
        assert_chance_explains(witness(shorter(busy()), 80))


def test_a_simulator_whose_rings_repeat_is_found_out(monkeypatch: pytest.MonkeyPatch):
    repeat_rings(monkeypatch)
    with pytest.raises(AssertionError, match="next"):
        assert_chance_explains(witness(load_scenario("two-state-channel")))


def test_a_simulator_whose_clocks_stand_still_is_found_out(monkeypatch: pytest.MonkeyPatch):
    """What did not ring forgets what it has gathered."""
    monkeypatch.setattr(negsim.ensemble, "run_clocks", lambda outlook, remaining, elapsed: None)
    with pytest.raises(AssertionError, match="together"):
        assert_chance_explains(witness(load_scenario("two-state-channel")))


def test_runs_not_laid_end_to_end_are_found_out():
    """Without the rest of each run the waits are too short: the check notices an end of observation that is lost."""
    scenario = load_scenario("two-state-channel")
    ensemble = simulate(scenario, runs=WITNESSED, seed=12)
    waits = [
        wait
        for history in name_moves(ensemble)
        for gathered in reference.compensators(scenario, history).values()
        for wait in gathered[:-1]
    ]
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains({"waits": compare_with_exponential(waits)})


# -- constant hazards: regression by other means ---------------------------------------------------------------------

Function = Callable[[np.ndarray], np.ndarray]
"""From points, shape (points, numbers), to values, shape (points,)."""

STENCIL = np.array([-3.0, -2.0, -1.0, 1.0, 2.0, 3.0])
SLOPE_WEIGHTS = np.array([-1.0, 9.0, -45.0, 45.0, -9.0, 1.0]) / 60
CURVE_WEIGHTS = np.array([2.0, -27.0, 270.0, 270.0, -27.0, 2.0]) / 180
CENTRE_WEIGHT = -490.0 / 180
GRID = 0.01
NO_STEP = 1e-11
"""A step so short that the top is reached, as far as numbers tell."""


def differentiate(function: Function, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gradient and matrix of second derivatives, from values alone (seven points, Fornberg 1988)."""
    size = len(point)
    axes = np.eye(size)
    along = point + GRID * (STENCIL[:, None, None] * axes).reshape(-1, size)
    pairs = [(i, j) for i in range(size) for j in range(i)]
    across = [point + GRID * (a * axes[i] + b * axes[j]) for i, j in pairs for a in (1, -1) for b in (1, -1)]
    values = function(np.array([point, *along, *across]))
    ray = values[1 : 1 + len(along)].reshape(len(STENCIL), size)
    curve = np.diag((CURVE_WEIGHTS @ ray + CENTRE_WEIGHT * values[0]) / GRID**2)
    for (i, j), corner in zip(pairs, values[1 + len(along) :].reshape(-1, 4), strict=True):
        curve[i, j] = curve[j, i] = (corner @ [1.0, -1.0, -1.0, 1.0]) / (4 * GRID**2)
    return SLOPE_WEIGHTS @ ray / GRID, curve


def climb(function: Function, start: Sequence[float], steps: int = 12) -> np.ndarray:
    """The top of a concave function (Newton)."""
    point = np.array(start, dtype=float)
    for _ in range(steps):
        gradient, curve = differentiate(function, point)
        step = np.linalg.solve(curve, gradient)
        point = point - step
        if np.abs(step).max() < NO_STEP:
            break
    return point


def regress_counts(counts: np.ndarray, exposure: np.ndarray, features: np.ndarray, steps: int = 40) -> np.ndarray:
    """Poisson regression with log exposure: counts ~ Poisson(exposure exp(features b)) (McCullagh & Nelder 1989)."""
    b = np.linalg.lstsq(features, np.log((counts + 0.5) / exposure), rcond=None)[0]
    for _ in range(steps):
        mean = exposure * np.exp(features @ b)
        b = b + np.linalg.solve(features.T @ (features * mean[:, None]), features.T @ (counts - mean))
    return b


def regress_choices(
    chosen: np.ndarray, features: np.ndarray, offset: np.ndarray | float = 0.0, steps: int = 40
) -> np.ndarray:
    """Conditional logit: how often each of several alternatives was chosen, given their features (McFadden 1974)."""
    b = np.zeros(features.shape[1])
    for _ in range(steps):
        share = special.softmax(features @ b + offset)
        centred = features - share @ features
        information = chosen.sum() * centred.T @ (centred * share[:, None])
        b = b + np.linalg.solve(information, chosen @ centred)
    return b


def test_the_textbook_regressions_find_what_closed_forms_say():
    """So that agreement below is not agreement with a mistake of this file."""
    assert np.exp(regress_counts(np.array([6.0, 9.0]), np.array([2.0, 1.0]), np.eye(2))) == pytest.approx([3.0, 9.0])
    assert regress_choices(np.array([20.0, 10.0]), np.array([[1.0], [0.0]])) == pytest.approx([np.log(2.0)])
    assert climb(lambda b: 3 * b[:, 0] - np.exp(b[:, 0]), [0.0]) == pytest.approx([np.log(3.0)], abs=1e-10)


def test_rates_are_counts_over_exposure():
    """Constant hazards: the likeliest rate is the number of rings over the time in which the move was possible."""
    scenario = two_state_channel(plan=4.0, cancel=1.5, years=8)
    ensemble = simulate(scenario, runs=1, seed=6)
    events = ensemble.events
    days = np.diff([0.0, *events.day, ensemble.until]) / 365.25
    planned, closed = days[1::2].sum(), days[0::2].sum()
    counts = {actor: ((events.kind == "cancel") & (events.actor == actor)).sum() for actor in "AB"}
    paths = ("channel.talks.rates.plan", "channel.talks.rates.cancel")

    def function(points: np.ndarray) -> np.ndarray:
        return replay(scenario, events, dict(zip(paths, np.exp(points).T, strict=True))).total / len(events)

    found = climb(function, [0.5, 0.5])
    assert found[0] == pytest.approx(np.log((events.kind == "plan").sum() / closed), abs=1e-8)
    assert found[1] == pytest.approx(np.log((counts["A"] + counts["B"]) / (2 * planned)), abs=1e-8)


def unmoved(**changes: Any) -> Scenario:
    """Talks are planned and cancelled, threats are made: all by rates that resentment sets, and nothing changes it."""
    base = two_state_channel(plan=5.0, cancel=1.0, years=4)
    return base.model_copy(
        update={
            "terms": ("resentment", "brinkmanship"),
            "term": {"resentment": TermSettings(half_life_years=1e12, harm_walk_out=0.0, cool=0.5, heat=0.7)},
            "coercion": {"threat": Coercion(actor="A", hits={"B": 0.0}, rates={"act": 3.0})},
            "regard": (Regard(holder="A", toward="B", resentment=1.0),),
        }
        | changes
    )


def test_rates_that_depend_on_a_number_are_a_poisson_regression():
    """Runs differ in what A holds against B: log rates are linear in it, and replay climbs to the same slopes."""
    scenario, runs = unmoved(), 24
    held = np.linspace(0.0, 2.0, runs)
    drawn = simulate(scenario, runs=runs, seed=3, params={"regard.0.resentment": held})
    histories, end = split_runs(drawn), drawn.until / 365.25
    events = drawn.events
    waits = [np.diff([0.0, *rows.day[rows.kind != "act"], drawn.until]) / 365.25 for _, rows in events.groupby("run")]
    closed = np.array([days[0::2].sum() for days in waits])
    counts = [
        events[events.kind == kind].groupby("run").size().reindex(range(runs), fill_value=0) for kind in ("plan", "act")
    ]
    one, nothing = np.ones(runs), np.zeros(runs)
    features = np.vstack(
        [np.column_stack([one, -held / 2, nothing, nothing]), np.column_stack([nothing, nothing, one, held])]
    )
    expected = regress_counts(np.concatenate(counts), np.concatenate([closed, one * end]), features)
    # The term of brinkmanship adds a constant, isolation/2, to the log rate of acts.
    expected[2] -= 0.5
    names = ("channel.talks.rates.plan", "term.resentment.cool", "coercion.threat.rates.act", "term.resentment.heat")

    def function(points: np.ndarray) -> np.ndarray:
        logged = points.copy()
        logged[:, (0, 2)] = np.exp(points[:, (0, 2)])
        wide = {name: np.repeat(column, runs) for name, column in zip(names, logged.T, strict=True)}
        wide["regard.0.resentment"] = np.tile(held, len(points))
        scored = replay(drawn.compiled, histories * len(points), wide)
        return scored.total.reshape(len(points), runs).sum(axis=1) / len(events)

    assert climb(function, [1.0, 0.3, 0.8, 0.3]) == pytest.approx(expected, abs=1e-8)


def test_the_choice_among_acts_is_a_conditional_logit():
    """Which act, given that there is one: resentment and engagement are the features (McFadden 1974)."""
    moves = {"a": ("A", "B"), "b": ("B", "A"), "c": ("C", "A"), "d": ("C", "B"), "e": ("A", "C")}
    resentment = {("A", "B"): 1.2, ("B", "A"): 0.3, ("C", "A"): 0.9, ("C", "B"): 0.0, ("A", "C"): 0.5}
    scenario = unmoved(
        actor={name: Actor() for name in "ABC"},
        coercion={x: Coercion(actor=i, hits={j: 0.0}, rates={"act": 1.5}) for x, (i, j) in moves.items()},
        regard=tuple(Regard(holder=i, toward=j, resentment=r) for (i, j), r in resentment.items()),
        initial=Initial(channels={"talks": "open"}),
        parameter=(ParameterSpec(name="tempo", numbers=("coercion.*.rates.act",)),),
    )
    drawn = simulate(scenario, runs=1, seed=2)
    history, end = split_runs(drawn)[0], drawn.until / 365.25
    chosen = drawn.events.subject.value_counts().reindex(list(moves)).to_numpy(dtype=float)
    assert (chosen > 0).all()
    assert len(history) == chosen.sum()
    # A and B sit in one open channel: their engagement is 1/(1 + 1).
    engaged = [0.5 if i in "AB" else 0.0 for i, _ in moves.values()]
    features = np.column_stack([[resentment[pair] for pair in moves.values()], engaged])
    heat, minus_weight = regress_choices(chosen, features)
    tempo = np.log(chosen.sum() / (end * np.exp(features @ [heat, minus_weight] + 0.5).sum()))

    def function(points: np.ndarray) -> np.ndarray:
        names = ("tempo", "term.resentment.heat", "term.brinkmanship.engagement_weight")
        numbers = dict(zip(names, (np.exp(points[:, 0]), points[:, 1], points[:, 2]), strict=True))
        return replay(drawn.compiled, history, numbers).total / len(history)

    assert climb(function, [0.4, 0.5, 0.5]) == pytest.approx([tempo, heat, -minus_weight], abs=1e-8)


def test_the_choice_among_packages_is_a_conditional_logit():
    """Which package, given an agreement: log of the Nash product is the feature, eta its weight, acceptances an offset.

    Utilities are those worked out at the top of the case's file.
    """
    utilities = {"grain": (-1.0, 2.0), "timber": (3.0, -1.0), "grain+timber": (2.0, 1.0)}
    gain = np.log1p(np.exp(np.array(list(utilities.values()))))
    feature = np.log(gain).mean(axis=1, keepdims=True)
    offset = np.log(special.expit(np.array(list(utilities.values())))).sum(axis=1)
    compiled = compile_case("bargaining-pair")
    first = draw("bargaining-pair", None).events.groupby("run").first()
    chosen = first.subject.value_counts().reindex(list(utilities)).to_numpy(dtype=float)

    def function(points: np.ndarray) -> np.ndarray:
        """Chance of the choices made, from the hazards that replay gives each package."""
        hazards = np.array(
            [
                replay(compiled, [(1.0, f"agree:north:table:{items}")], {"channel.table.eta": points[:, 0]}).events[0]
                for items in utilities
            ]
        )
        return chosen @ (hazards - special.logsumexp(hazards, axis=0)) / chosen.sum()

    expected = regress_choices(chosen, feature, offset)
    assert climb(function, [0.7]) == pytest.approx(expected, abs=1e-8)
    assert expected == pytest.approx([1.0], abs=0.3)


# -- finer ticks -----------------------------------------------------------------------------------------------------

TICKS = {"month": 365.25 / 12, "week": 7.0, "day": 1.0}


def fading() -> Scenario:
    """Resentment that fades, need that grows as a stock is eaten, few events: little is seen anew but at ticks."""
    return pair(
        end=dt.date(1998, 12, 31),
        good={"food": Good(need={"B": Need(scale=5.0, stock=10.0, half_life_days=120.0)})},
        coercion={"test": Coercion(actor="B", hits={"A": 0.5}, rates={"act": 0.5})},
        regard=(Regard(holder="A", toward="B", resentment=1.5), Regard(holder="B", toward="A", resentment=1.0)),
        term={"resentment": TermSettings(half_life_years=0.4)},
    )


def test_finer_ticks_converge_at_first_order():
    """Likelihoods of some histories by month, week, day and parts of a day: errors shrink in proportion to the tick."""
    scenario = fading()
    histories = split_runs(simulate(scenario, runs=100, seed=3))

    def score(tick: str, parts: int = 1) -> np.ndarray:
        case = scenario.model_copy(update={"tick": tick})
        days = (scenario.end - scenario.start).days + 1
        between = [part / parts for part in range(1, days * parts)] if parts > 1 else []
        return replay(compile_scenario(case, extra_dates=between), histories).total

    halves, quarters = score("day", 2), score("day", 4)
    limit = 2 * quarters - halves
    errors = {length: np.abs(score(tick) - limit).mean() for tick, length in TICKS.items()}
    errors |= {0.5: np.abs(halves - limit).mean()}
    assert fit_slope(list(errors), list(errors.values())) == pytest.approx(1.0, abs=0.1)
    assert errors[0.5] < 0.01


def test_simulated_counts_converge_with_the_ticks():
    """Mean numbers of events on the same clocks: off by more with months than with weeks, with weeks by little."""
    counts = {
        tick: simulate(fading().model_copy(update={"tick": tick}), runs=1500, seed=5, record=()).tally.total / 1500
        for tick in TICKS
    }
    by_month, by_week = (np.abs(counts[tick] - counts["day"]).sum() for tick in ("month", "week"))
    assert by_week < by_month / 2
    assert by_week < 0.05 * counts["day"].sum()
