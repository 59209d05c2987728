"""Does the engine find what theory knows? Exact probabilities of small worlds, and the classics the terms stand on.

Every answer comes out of `simulate` or `replay`; what it is held against is worked out here by other means (matrix
exponentials, differential equations, closed forms), never by the engine's own formulas.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import integrate, linalg, special, stats

from checks import assert_chance_explains, compare_counts, compare_mean
from negsim.ensemble import simulate
from negsim.replays import replay
from negsim.results import Ensemble
from negsim.scenario import (
    Actor,
    Channel,
    Coercion,
    Concession,
    Gate,
    Good,
    Group,
    Initial,
    Need,
    Regard,
    Scenario,
    TermSettings,
)
from negsim.vocabulary import CONCESSION_MOVES
from strategies import two_state_channel

YEAR = 365.25
TALKING = ("plan", "open", "meet", "adjourn", "close", "agree", "cancel", "walk_out")
BEYOND = 1e6
"""Years that never pass: what halves in so long stays."""


# -- small worlds ----------------------------------------------------------------------------------------------------


def world(**changes: Any) -> Scenario:
    """Two states, a channel and a gift; every rate is zero and every term off until a test says otherwise."""
    base: dict[str, Any] = {
        "name": "world",
        "start": dt.date(2001, 1, 1),
        "end": dt.date(2001, 12, 31),
        "terms": (),
        "actor": {"A": Actor(), "B": Actor()},
        "concession": {"gift": gift()},
        "channel": {"talks": talks()},
    }
    return Scenario(**(base | changes))


def gift(rates: Mapping[str, float] | None = None, **changes: Any) -> Concession:
    """Something that A can give B, at rates that are zero where nothing else is said."""
    base: dict[str, Any] = {"giver": "A", "kind": "process", "worth": {"B": 1.0}, "cost": 0.0}
    kind = changes.get("kind", "process")
    still = dict.fromkeys(CONCESSION_MOVES[kind], 0.0)
    return Concession(**(base | changes), rates=still | dict(rates or {}))


def talks(rates: Mapping[str, float] | None = None, **changes: Any) -> Channel:
    """A table for A and B, at rates that are zero where nothing else is said; nobody need consent."""
    base: dict[str, Any] = {"sides": (("A",), ("B",)), "agenda": ("gift",), "consent": ("none", "none")}
    return Channel(**(base | changes), rates=dict.fromkeys(TALKING, 0.0) | dict(rates or {}))


def trusting(*pairs: tuple[str, str]) -> tuple[Regard, ...]:
    """Full trust in both directions."""
    return tuple(Regard(holder=i, toward=j, credibility=1.0) for a, b in pairs for i, j in ((a, b), (b, a)))


def read_first(ensemble: Ensemble) -> Any:
    """The first event of each run, by run."""
    return ensemble.events.groupby("run").first()


# -- exact probabilities ---------------------------------------------------------------------------------------------

Jumps = Mapping[tuple[str, str], float]
"""Rates a year from state to state."""
Step = Mapping[str, Mapping[str, str]]
"""For each state, where each event leads."""


def solve_chain(jumps: Jumps, start: str, years: float) -> dict[str, float]:
    """Probabilities of a Markov chain after some years: a row of the exponential of its generator."""
    states = list(dict.fromkeys(state for jump in jumps for state in jump))
    generator = np.zeros((len(states), len(states)))
    for (before, after), rate in jumps.items():
        generator[states.index(before), states.index(after)] += rate
    generator -= np.diag(generator.sum(axis=1))
    row = linalg.expm(generator * years)[states.index(start)]
    return dict(zip(states, row.tolist(), strict=True))


def solve_balance(jumps: Jumps) -> dict[str, float]:
    """Stationary probabilities: what flows in flows out."""
    states = list(dict.fromkeys(state for jump in jumps for state in jump))
    balance = np.zeros((len(states) + 1, len(states)))
    for (before, after), rate in jumps.items():
        balance[states.index(after), states.index(before)] += rate
        balance[states.index(before), states.index(before)] -= rate
    balance[-1] = 1.0
    shares = np.linalg.lstsq(balance, np.eye(len(states) + 1)[-1], rcond=None)[0]
    return dict(zip(states, shares.tolist(), strict=True))


def count_states(ensemble: Ensemble, steps: Step, start: str, day: float) -> dict[str, int]:
    """In how many runs each state is reached at a day, the events of a run leading from state to state."""
    assert ensemble.columns is not None
    run, event, when = ensemble.columns
    names = [f"{e.kind} {e.subject or e.channel} {e.actor}" for e in ensemble.compiled.labels.events]
    states = list(steps)
    table = np.full((len(names), len(states)), -1)
    for number, name in enumerate(names):
        for row, state in enumerate(states):
            after = next((after for start_of, after in steps[state].items() if name.startswith(start_of)), None)
            table[number, row] = -1 if after is None else states.index(after)
    at = np.full(ensemble.runs, states.index(start))
    inside = when < day
    run, event = run[inside], event[inside]
    place = np.arange(len(run)) - np.searchsorted(run, run)
    for number in range(int(place.max(initial=-1)) + 1):
        here = place == number
        at[run[here]] = table[event[here], at[run[here]]]
    assert (at >= 0).all(), "an event that its state does not allow"
    return dict(zip(states, np.bincount(at, minlength=len(states)).tolist(), strict=True))


def compare_chain(
    scenario: Scenario, steps: Step, jumps: Jumps, start: str, days: Sequence[float], runs: int, seed: int
) -> dict[Any, float]:
    """p-values of the simulated states at some days having the probabilities of the chain."""
    counts = count_at(scenario, steps, start, days, runs, seed)
    return {day: compare_with_chain(found, jumps, start, day) for day, found in counts.items()}


def count_at(
    scenario: Scenario, steps: Step, start: str, days: Sequence[float], runs: int, seed: int
) -> dict[float, dict[str, int]]:
    """In how many runs each state is reached at some days."""
    until = scenario.start + dt.timedelta(days=int(max(days)))
    ensemble = simulate(scenario, runs=runs, seed=seed, until=until)
    return {day: count_states(ensemble, steps, start, day) for day in days}


def compare_with_chain(found: Mapping[str, int], jumps: Jumps, start: str, day: float) -> float:
    """p-value of counts of states at a day having the probabilities of a chain."""
    expected = solve_chain(jumps, start, day / YEAR)
    assert set(found) == set(expected)
    return compare_counts(list(found.values()), [expected[state] for state in found])


RUNS = 40_000
"""Runs that tell a chain from one of whose rates any is twice as large."""


def check_chain(scenario: Scenario, steps: Step, jumps: Jumps, start: str, days: Sequence[float], seed: int) -> None:
    """The simulated states have the probabilities of the chain, and not those of one with any rate doubled."""
    counts = count_at(scenario, steps, start, days, RUNS, seed)
    assert_chance_explains({day: compare_with_chain(found, jumps, start, day) for day, found in counts.items()})
    for jump, rate in jumps.items():
        wrong = jumps | {jump: 2.0 * rate}
        with pytest.raises(AssertionError, match="chance"):
            assert_chance_explains({d: compare_with_chain(found, wrong, start, d) for d, found in counts.items()})


TWO_STEPS: Step = {"closed": {"plan": "planned"}, "planned": {"cancel": "closed"}}


def test_a_million_runs_of_two_states_have_the_probabilities_of_their_chain():
    """Each side may cancel at rate 4, so the plan falls at rate 8 (time-homogeneous Markov chain, two states)."""
    jumps = {("closed", "planned"): 12.0, ("planned", "closed"): 8.0}
    p_values = compare_chain(
        two_state_channel(plan=12.0, cancel=4.0), TWO_STEPS, jumps, "closed", (5.0, 31.0, 60.0), 1_000_000, seed=1
    )
    assert_chance_explains(p_values)
    closed_form = 12 / 20 * (1 - np.exp(-20 * 31 / YEAR))
    assert solve_chain(jumps, "closed", 31 / YEAR)["planned"] == pytest.approx(closed_form)


def test_a_chain_with_a_rate_ten_per_cent_off_is_noticed():
    jumps = {("closed", "planned"): 12.0, ("planned", "closed"): 8.8}
    p_values = compare_chain(
        two_state_channel(plan=12.0, cancel=4.0), TWO_STEPS, jumps, "closed", (60.0,), 200_000, seed=1
    )
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains(p_values)


def test_in_the_long_run_each_state_has_its_stationary_share():
    jumps = {("closed", "planned"): 9.0, ("planned", "closed"): 6.0}
    shares = solve_balance(jumps)
    assert shares == pytest.approx({"closed": 0.4, "planned": 0.6})
    scenario = two_state_channel(plan=9.0, cancel=3.0)
    ensemble = simulate(scenario, runs=RUNS, seed=2, record=("events",))
    counts = {day: list(count_states(ensemble, TWO_STEPS, "closed", day).values()) for day in (500.0, 610.0, 720.0)}
    assert_chance_explains({day: compare_counts(found, list(shares.values())) for day, found in counts.items()})
    wrong = list(solve_balance(jumps | {("planned", "closed"): 6.6}).values())
    with pytest.raises(AssertionError, match="chance"):
        assert_chance_explains({day: compare_counts(found, wrong) for day, found in counts.items()})


CHANNEL_STEPS: Step = {
    "closed": {"plan": "planned"},
    "planned": {"open": "open", "cancel": "closed"},
    "open": {"meet": "in session", "close": "closed", "walk_out": "closed"},
    "in session": {"adjourn": "open", "walk_out": "closed"},
}


def test_a_channel_goes_round_its_four_stages_with_the_probabilities_of_its_chain():
    rates = {"plan": 9.0, "open": 14.0, "meet": 16.0, "adjourn": 20.0, "close": 3.0, "cancel": 2.0, "walk_out": 1.5}
    jumps = {
        ("closed", "planned"): 9.0,
        ("planned", "open"): 14.0,
        ("planned", "closed"): 2 * 2.0,
        ("open", "in session"): 16.0,
        ("open", "closed"): 3.0 + 2 * 1.5,
        ("in session", "open"): 20.0,
        ("in session", "closed"): 2 * 1.5,
    }
    scenario = world(channel={"talks": talks(rates)})
    check_chain(scenario, CHANNEL_STEPS, jumps, "closed", (7.0, 45.0, 180.0), seed=3)


def test_a_concession_goes_through_its_stages_with_the_probabilities_of_its_chain():
    """A process, frozen and thawed: eight states. Bargained steps carry a factor logistic(U - reservation).

    Giving costs 0.4 against a reservation of -1, so the factor is logistic(0.6).
    """
    rates = {
        "pledge": 12.0, "begin": 20.0, "stall": 9.0, "resume": 15.0, "complete": 8.0, "renege": 5.0, "freeze": 4.0,
        "lift": 10.0,
    }  # fmt: skip
    willing = float(special.expit(0.6))
    stages = {
        "none": {"pledge": ("promised", 12.0 * willing)},
        "promised": {"begin": ("in force", 20.0 * willing), "renege": ("none", 5.0)},
        "in force": {"stall": ("suspended", 9.0), "complete": ("none", 8.0)},
        "suspended": {"resume": ("in force", 15.0 * willing)},
    }
    steps: dict[str, dict[str, str]] = {}
    jumps: dict[tuple[str, str], float] = {}
    for stage, moves in stages.items():
        steps[stage] = {"freeze": f"{stage}, frozen"} | {move: after for move, (after, _) in moves.items()}
        steps[f"{stage}, frozen"] = {"lift": stage}
        jumps[stage, f"{stage}, frozen"], jumps[f"{stage}, frozen", stage] = 4.0, 10.0 * willing
        for move, (after, rate) in moves.items():
            jumps[stage, after] = rate
            if move not in ("pledge", "begin", "resume"):
                steps[f"{stage}, frozen"][move] = f"{after}, frozen"
                jumps[f"{stage}, frozen", f"{after}, frozen"] = rate
    scenario = world(actor={"A": Actor(reservation=-1.0), "B": Actor()}, concession={"gift": gift(rates, cost=0.4)})
    check_chain(scenario, steps, jumps, "none", (20.0, 90.0, 360.0), seed=4)


@pytest.mark.parametrize("hard", [True, False])
def test_a_gate_opens_its_channel_with_the_probabilities_of_its_chain(hard: bool):
    """The gift gates the talks: promised or not, talks closed, planned or open. A met gate speeds opening by e^2."""
    promise = 10.0 * 0.5  # a gift that costs nothing is promised at rate * logistic(0)
    jumps: dict[tuple[str, str], float] = {}
    steps: dict[str, dict[str, str]] = {}
    for promised, opening in ((False, 0.0 if hard else 3.0), (True, 3.0 * np.exp(2.0))):
        here, there = ("promised", "none") if promised else ("none", "promised")
        for stage in ("closed", "planned", "open"):
            steps[f"{here} {stage}"] = {"renege" if promised else "pledge": f"{there} {stage}"}
            jumps[f"{here} {stage}", f"{there} {stage}"] = 6.0 if promised else promise
        for move, before, after, rate in (
            ("plan", "closed", "planned", 9.0),
            ("open", "planned", "open", opening),
            ("close", "open", "closed", 7.0),
        ):
            if rate > 0:
                steps[f"{here} {before}"][move] = f"{here} {after}"
                jumps[f"{here} {before}", f"{here} {after}"] = rate
    scenario = world(
        terms=("sequencing",),
        concession={"gift": gift({"pledge": 10.0, "renege": 6.0})},
        channel={"talks": talks({"plan": 9.0, "open": 3.0, "close": 7.0}, gates=(Gate(items=("gift",), hard=hard),))},
    )
    check_chain(scenario, steps, jumps, "none closed", (15.0, 100.0, 360.0), seed=5)


def test_an_accord_waits_for_two_approvals_with_the_probabilities_of_its_chain():
    """Putnam 1988: two governments decide at home at their own pace; each approves with probability p = logistic(...).

    A's press gives the gift 1.2 against a threshold of 0.5; B has nobody to ask, and always approves.
    """
    yes = float(special.expit(1.2 - 0.5))
    accept = float(special.expit(-0.2)) * float(special.expit(1.0 * 0.5))  # A: -cost; B: trust 1/2 * worth 1
    jumps = {
        ("none", "tabled"): 60.0 * accept,
        ("tabled", "A agrees"): 15.0 * yes,
        ("tabled", "none"): 15.0 * (1 - yes),
        ("tabled", "B agrees"): 25.0,
        ("B agrees", "promised"): 15.0 * yes,
        ("B agrees", "none"): 15.0 * (1 - yes),
        ("A agrees", "promised"): 25.0,
        ("promised", "none"): 6.0,
    }
    steps = {
        "none": {"agree": "tabled"},
        "tabled": {"approve talks A": "A agrees", "approve talks B": "B agrees", "reject talks A": "none"},
        "A agrees": {"approve talks B": "promised"},
        "B agrees": {"approve talks A": "promised", "reject talks A": "none"},
        "promised": {"renege": "none"},
    }
    press = Group(weight=2.0, values={"gift": 0.6})
    scenario = world(
        terms=("ratification",),
        actor={"A": Actor(groups={"press": press}, threshold=0.5, approval_rate=15.0), "B": Actor(approval_rate=25.0)},
        concession={"gift": gift({"renege": 6.0}, cost=0.2)},
        channel={"talks": talks({"agree": 60.0}, consent=("before_signature", "before_signature"))},
        initial=Initial(channels={"talks": "in_session"}),
    )
    check_chain(scenario, steps, jumps, "none", (10.0, 40.0, 300.0), seed=6)


# -- bargaining ------------------------------------------------------------------------------------------------------

SLICES = np.arange(1, 10)
"""How much of a pie of ten goes to B."""
ENDLESS = {"agree": 5000.0}
"""A rate at which whoever would agree has agreed by the end of the year."""


def pie(unit: float = 5.0, **changes: Any) -> Scenario:
    """A pie of ten: accord number k leaves B k pieces and A the rest, each worth a unit of utility to whoever has it.

    The engine keeps exponents within 50, so that is the most that a whole pie may be worth.
    """
    pieces = {
        f"slice{k}": gift(kind="act", worth={"B": unit * k}, cost=-unit * (10 - k), unilateral=False, freezable=False)
        for k in SLICES
    }
    table = talks(ENDLESS, agenda=tuple(pieces), packages=tuple((name,) for name in pieces))
    base: dict[str, Any] = {
        "end": dt.date(2001, 1, 31),
        "concession": pieces,
        "channel": {"talks": table},
        "regard": trusting(("A", "B")),
        "initial": Initial(channels={"talks": "in_session"}),
    }
    return world(**(base | changes))


def share_out(ensemble: Ensemble) -> np.ndarray:
    """In how many runs each division of the pie is the first to be agreed on."""
    first = read_first(ensemble).subject.astype(str)
    assert len(first) == ensemble.runs, "some runs came to no agreement"
    return np.array([(first == f"slice{k}").sum() for k in SLICES])


@pytest.mark.parametrize(
    ("powers", "reservations", "nash"),
    [
        ((1.0, 1.0), (0.0, 0.0), 5),
        ((3.0, 2.0), (0.0, 0.0), 4),
        ((4.0, 1.0), (0.0, 0.0), 2),
        ((1.0, 4.0), (0.0, 0.0), 8),
        ((1.0, 1.0), (2.0, 0.0), 4),
        ((1.0, 1.0), (0.0, 4.0), 7),
        ((3.0, 1.0), (2.0, 4.0), 5),
    ],
)
def test_sharp_bargainers_agree_on_the_asymmetric_nash_point(
    powers: tuple[float, float], reservations: tuple[float, float], nash: int
):
    """Nash 1950, The Bargaining Problem; with powers Kalai 1977, Nonsymmetric Nash Solutions.

    B gets what it has anyhow and its share of the rest, d_B + (10 - d_A - d_B) power_B/(power_A + power_B); all runs
    agree on just that as eta grows.
    """
    spare = 10 - sum(reservations)
    assert reservations[1] + spare * powers[1] / sum(powers) == pytest.approx(nash)
    numbers = {"channel.talks.eta": 3000.0}
    for name, power, reservation in zip("AB", powers, reservations, strict=True):
        numbers |= {f"actor.{name}.power": power, f"actor.{name}.reservation": 5.0 * reservation}
    found = share_out(simulate(pie(), runs=200, seed=1, params=numbers))
    assert found[nash - 1] == 200


def test_the_chance_of_the_nash_point_grows_to_one_with_eta_and_with_what_is_at_stake():
    """Nash 1950: from any accord to just the one, as choice sharpens and as more is at stake."""

    def chance(unit: float, eta: np.ndarray) -> np.ndarray:
        hazards = [
            replay(pie(unit), [(1.0, f"agree:A:talks:slice{k}")], {"channel.talks.eta": eta}).events[0] for k in SLICES
        ]
        return special.softmax(np.array(hazards), axis=0)[SLICES == 5][0]

    by_eta = chance(5.0, np.array([0.0, 1.0, 10.0, 100.0, 1000.0]))
    assert (np.diff(by_eta) > 0).all()
    assert by_eta[0] == pytest.approx(1 / 9, abs=0.001)
    assert by_eta[-1] == pytest.approx(1.0, abs=1e-6)
    by_stake = [float(chance(unit, np.array([20.0]))[0]) for unit in (0.01, 0.1, 0.5, 5.0)]
    assert by_stake == sorted(by_stake)


@pytest.mark.parametrize("eta", [0.0, 2.0, 8.0])
def test_the_choice_among_accords_is_a_quantal_response(eta: float):
    """McKelvey & Palfrey 1995, GEB 10: odds are powers of the Nash product; with eta 0 all accords are as likely."""
    gains = np.column_stack([5.0 * (10 - SLICES), 5.0 * SLICES])  # softplus(5) = 5.007, so nearly the utilities
    product = np.log(np.log1p(np.exp(gains))) @ [0.75, 0.25]
    accept = np.log(special.expit(gains)).sum(axis=1)
    numbers = {"channel.talks.eta": eta, "actor.A.power": 3.0}
    found = share_out(simulate(pie(), runs=20_000, seed=2, params=numbers))
    assert_chance_explains({eta: compare_counts(found, special.softmax(eta * product + accept))})


def test_a_step_of_ones_own_is_a_logit_from_never_to_always():
    """McFadden 1974: log odds are the utility; half at indifference, none and all at the ends."""
    costs = np.array([-40.0, -3.0, -1.0, 0.0, 0.5, 2.0, 40.0])
    scenario = world(concession={"gift": gift({"pledge": 2.0})})
    hazards = replay(scenario, [(1.0, "pledge:A::gift")], {"concession.gift.cost": costs}).events[0]
    share = np.exp(hazards) * YEAR / 2.0
    assert share[costs == 0.0] == pytest.approx(0.5)
    assert share[[0, -1]] == pytest.approx([1.0, 0.0], abs=1e-15)
    inner = slice(1, -1)
    assert np.log(share[inner] / (1 - share[inner])) == pytest.approx(-costs[inner])


SHARP = 1e5
"""Units of utility so fine that acceptance is a step, not a slope."""


def test_an_offer_fails_with_fearons_probability():
    """Fearon 1995, Rationalist Explanations for War, IO 49: an offer to an opponent whose costs are his own secret.

    A wins with p, fighting costs A c_A and B something between 0 and C. A asks for x; B, who would get 1 - p - c_B by
    fighting, accepts if 1 - x is more. So an offer fails with probability (x - p)/C; A does best asking
    p + (C - c_A)/2, which fails with probability (C - c_A)/(2C).
    """
    p, cost, most, runs = 0.5, 0.1, 0.4, 12_000
    offers = np.array([0.55, 0.60, 0.65, 0.70, 0.75])
    secret = np.random.default_rng(5).uniform(0, most, runs)
    x, costs = np.repeat(offers, runs), np.tile(secret, len(offers))
    scenario = world(
        end=dt.date(2001, 1, 31),
        concession={"peace": gift(kind="act", unilateral=False, freezable=False)},
        channel={"talks": talks(ENDLESS, agenda=("peace",))},
        regard=trusting(("A", "B")),
        initial=Initial(channels={"talks": "in_session"}),
    )
    numbers = {
        "concession.peace.cost": -SHARP * x,
        "concession.peace.worth.B": SHARP * (1 - x),
        "actor.A.reservation": SHARP * (p - cost),
        "actor.B.reservation": SHARP * (1 - p - costs),
    }
    ensemble = simulate(scenario, runs=len(x), seed=3, params=numbers)
    agreed = np.zeros(len(x), dtype=bool)
    agreed[ensemble.events.run.unique()] = True
    by_offer = agreed.reshape(len(offers), runs)
    p_values = {
        offer: compare_counts([runs - kept.sum(), kept.sum()], [(offer - p) / most, 1 - (offer - p) / most])
        for offer, kept in zip(offers, by_offer, strict=True)
    }
    assert_chance_explains(p_values)
    payoff = np.where(by_offer, offers[:, None], p - cost).mean(axis=1)
    best = p + (most - cost) / 2
    assert offers[payoff.argmax()] == pytest.approx(best)
    assert (best - p) / most == pytest.approx((most - cost) / (2 * most))


def test_who_trusts_enough_cooperates():
    """Kydd 2000, Trust, Reassurance, and Cooperation, IO 54: cooperate iff trust passes what is risked over the gain.

    A gives what costs 0.3 for what is worth 1 if B keeps its word: the share of runs that agree is 1 - 0.3, with trust
    drawn evenly.
    """
    runs = 20_000
    trust = np.random.default_rng(6).uniform(size=runs)
    scenario = world(
        end=dt.date(2001, 1, 31),
        concession={
            "aid": gift(kind="act", worth={"B": 1.0}, cost=0.3 * SHARP, unilateral=False, freezable=False),
            "restraint": gift(giver="B", kind="act", worth={"A": SHARP}, cost=-1.0, unilateral=False, freezable=False),
        },
        channel={
            "talks": talks(ENDLESS, agenda=("aid", "restraint"), packages=(("aid", "restraint"),)),
        },
        regard=trusting(("A", "B")),
        initial=Initial(channels={"talks": "in_session"}),
    )
    agreed = simulate(scenario, runs=runs, seed=4, params={"regard.0.credibility": trust}).events.run.nunique()
    assert_chance_explains({"agreed": compare_counts([agreed, runs - agreed], [0.7, 0.3])})


def grant(**changes: Any) -> Scenario:
    """One accord on the table: A gives something, at a rate of 12 a year if it surely would."""
    base: dict[str, Any] = {
        "concession": {"gift": gift(kind="act", unilateral=False, freezable=False, once=True, irreversibility=0.8)},
        "channel": {"talks": talks({"agree": 12.0})},
        "initial": Initial(channels={"talks": "in_session"}),
    }
    return world(**(base | changes))


def compare_agreement(scenario: Scenario, numbers: Mapping[str, float], hazard: float, seed: int) -> float:
    """p-value of an agreement by the end having the probability that a constant hazard (a year) gives it."""
    runs, years = 8000, ((scenario.end - scenario.start).days + 1) / YEAR
    agreed = simulate(scenario, runs=runs, seed=seed, params=numbers).events.run.nunique()
    chance = 1 - np.exp(-hazard * years)
    return compare_counts([agreed, runs - agreed], [chance, 1 - chance])


def test_a_shift_of_power_that_nobody_can_promise_away_prevents_agreement():
    """Powell 2006, War as a Commitment Problem, IO 60: the more power would shift to one not trusted, the rarer a deal.

    With trust 0.25, a shift of 2 and irreversibility 0.8, A's utility falls by theta * 0.75 * 2 * 0.8.
    """
    scenario = grant(
        terms=("commitment",),
        end=dt.date(2001, 3, 31),
        regard=(Regard(holder="A", toward="B", credibility=0.25, shift=2.0),),
    )
    # B: trust 1/2 in a gift worth 1, so it accepts with probability logistic(1/2).
    hazards = {t: 12.0 * special.expit(-t * 0.75 * 2.0 * 0.8) * special.expit(0.5) for t in (0.0, 0.5, 1.0, 2.0)}
    assert_chance_explains(
        {theta: compare_agreement(scenario, {"term.commitment.theta": theta}, h, 7) for theta, h in hazards.items()}
    )


def test_a_shift_of_power_to_one_who_is_trusted_prevents_nothing():
    """Fearon 1995: it is not the shift but that nobody can bind himself."""
    feared = grant(terms=("commitment",), regard=(Regard(holder="A", toward="B", credibility=1.0, shift=5.0),))
    events = [simulate(feared, runs=50, seed=1, params={"term.commitment.theta": t}).events for t in (0.0, 3.0)]
    assert events[0].equals(events[1])


def test_a_public_that_resents_makes_giving_dear_in_public_only():
    """Fearon 1994, Domestic Political Audiences, APSR 88: cost * exp(audience * exposure * resentment)."""
    scenario = grant(
        terms=("audience", "resentment"),
        end=dt.date(2001, 3, 31),
        actor={"A": Actor(audience=0.9), "B": Actor()},
        term={"resentment": TermSettings(half_life_years=BEYOND, cool=0.0)},
        regard=(Regard(holder="A", toward="B", resentment=1.5),),
    )
    p_values = {}
    for exposure in (0.0, 0.5, 1.0):
        numbers = {"concession.gift.cost": 0.6, "channel.talks.exposure": exposure}
        hazard = 12.0 * special.expit(-0.6 * np.exp(0.9 * exposure * 1.5)) * special.expit(0.5)
        p_values[exposure] = compare_agreement(scenario, numbers, hazard, 8)
    assert_chance_explains(p_values)


# -- intermediaries --------------------------------------------------------------------------------------------------


def test_a_reliable_intermediary_is_as_good_as_trust():
    """Buzard & Horne 2019, Inefficient Concessions and Mediation: reliability takes away its share of the doubt.

    Trust 0.2 through an intermediary of reliability 0.75 is trust 0.8 without: the same histories on the same clocks.
    """
    mediated, plain = (
        grant(terms=("mediation",), regard=(Regard(holder="B", toward="A", credibility=trust),)) for trust in (0.2, 0.8)
    )
    gift_worth = {"concession.gift.worth.B": 3.0}
    one = simulate(mediated, runs=400, seed=9, params=gift_worth | {"channel.talks.reliability": 0.75}).events
    other = simulate(plain, runs=400, seed=9, params=gift_worth).events
    assert (one.run == other.run).all()
    assert one.day.to_numpy() == pytest.approx(other.day.to_numpy(), rel=1e-12)


def test_agreement_rises_with_the_intermediarys_reliability():
    """Kydd 2006, When Can Mediators Build Trust?, APSR 100; the probabilities are exact."""
    scenario = grant(terms=("mediation",), end=dt.date(2001, 2, 28))
    p_values, chances = {}, []
    for reliability in (0.0, 0.5, 1.0):
        numbers = {"channel.talks.reliability": reliability, "concession.gift.worth.B": 4.0, "actor.B.reservation": 3.0}
        chances.append(12.0 * 0.5 * special.expit(4.0 * (1 - 0.5 * (1 - reliability)) - 3.0))
        p_values[reliability] = compare_agreement(scenario, numbers, chances[-1], 10)
    assert_chance_explains(p_values)
    assert chances == sorted(chances)


def test_a_biased_intermediary_is_as_good_as_power():
    """Kydd 2003, Which Side Are You On?, AJPS 47: a leaning of ln 4 towards A is four times B's bargaining power."""
    leaning = simulate(
        pie(terms=("mediation",)),
        runs=300,
        seed=11,
        params={"channel.talks.bias": np.log(4.0), "channel.talks.eta": 9.0},
    )
    strong = simulate(pie(), runs=300, seed=11, params={"actor.A.power": 4.0, "channel.talks.eta": 9.0})
    assert leaning.events.subject.tolist() == strong.events.subject.tolist()
    assert leaning.events.day.to_numpy() == pytest.approx(strong.events.day.to_numpy(), rel=1e-9)
    # B's share: 10/(1 + 4) = 2, give or take the noise of choice.
    assert (share_out(leaning) @ SLICES) / 300 == pytest.approx(2.2, abs=0.5)


# -- learning --------------------------------------------------------------------------------------------------------

FIRSTS = [float((dt.date(2001 + month // 12, month % 12 + 1, 1) - dt.date(2001, 1, 1)).days) for month in range(1, 24)]
"""Days of the ticks: what is dated on one is seen by it, however fast things fade."""


def keep_and_break(word: str, **settings: float) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """B's trust in A as it shows in the hazard of A's breaking its word, while promises are kept (k) and broken (b)."""
    scenario = world(
        end=dt.date(2002, 12, 31),
        terms=("credibility",),
        term={"credibility": TermSettings(reputation=2.0, prior_weight=5.0, **settings)},
        concession={"gift": gift({"pledge": 1.0, "begin": 1.0, "renege": 1.0}, kind="act", grace_days=1e4)},
        regard=(Regard(holder="B", toward="A", credibility=0.3),),
    )
    rows, dates = [], iter(FIRSTS)
    for letter in word:
        rows.append((next(dates), "pledge:A::gift"))
        rows.append((next(dates), "begin:A::gift" if letter == "k" else "renege:A::gift"))
    logs = replay(scenario, rows).events[:, 0]
    broken = np.array([name.startswith("renege") for _, name in rows])
    return 0.5 - (logs[broken] + np.log(YEAR)) / 2.0, rows


def test_trust_is_the_posterior_mean_of_a_beta_belief():
    """Beta-binomial updating (Kydd 2000 with a continuous type): prior Beta(1.5, 3.5), each promise a draw."""
    word = "kkbbkbkkb"
    found, _ = keep_and_break(word, half_life_years=BEYOND)
    seen = [word[:place] for place, letter in enumerate(word) if letter == "b"]
    expected = [stats.beta(1.5 + past.count("k"), 3.5 + past.count("b")).mean() for past in seen]
    assert found == pytest.approx(expected, rel=1e-5)


def test_trust_forgets_what_is_long_past():
    """Jøsang & Ismail 2002, The Beta Reputation System: every promise counts half as much after a year."""
    word = "kkbkkb"
    found, rows = keep_and_break(word, half_life_years=1.0)
    expected = []
    for now, name in rows:
        if name.startswith("renege"):
            weights = {
                kind: sum(0.5 ** ((now - day) / YEAR) for day, past in rows if past.startswith(kind) and day < now)
                for kind in ("begin", "renege")
            }
            expected.append(stats.beta(1.5 + weights["begin"], 3.5 + weights["renege"]).mean())
    assert found == pytest.approx(expected, rel=1e-10)


# -- action and reaction ---------------------------------------------------------------------------------------------


def rivals(harm: float, half_life_years: float, **changes: Any) -> Scenario:
    """Two states that strike at rates exp(what they hold against each other), each strike resented by the other."""
    base: dict[str, Any] = {
        "tick": "day",
        "terms": ("resentment",),
        "term": {"resentment": TermSettings(heat=1.0, harm_act=harm, half_life_years=half_life_years)},
        "coercion": {
            "raid": Coercion(actor="A", hits={"B": 1.0}, rates={"act": 1.0}),
            "counter_raid": Coercion(actor="B", hits={"A": 1.0}, rates={"act": 1.0}),
        },
        "regard": (Regard(holder="A", toward="B"), Regard(holder="B", toward="A")),
    }
    return world(**(base | changes))


HARM, FADE = 0.004, 2.0
"""Resentment by one strike, and its decay a year; small harms come near to Richardson's equations."""


def find_balances(share: float) -> tuple[float, float]:
    """Where decay and provocation balance, x = share * exp(x): below and above 1."""
    return float(-special.lambertw(-share, 0).real), float(-special.lambertw(-share, -1).real)


def watch_resentment(start: tuple[float, float], share: float, days: int, runs: int = 250) -> np.ndarray:
    """Mean resentment of both by day, with strikes at rate share * FADE/HARM * exp(resentment); shape (days, 2)."""
    scenario = rivals(HARM, np.log(2.0) / FADE)
    numbers = {f"coercion.{name}.rates.act": share * FADE / HARM for name in scenario.coercion}
    numbers |= {"regard.0.resentment": start[0], "regard.1.resentment": start[1]}
    until = scenario.start + dt.timedelta(days=days)
    ensemble = simulate(scenario, runs=runs, seed=13, params=numbers, until=until, record=("resentment",))
    rows = [ensemble.compiled.labels.pairs.index(pair) for pair in (("A", "B"), ("B", "A"))]
    return ensemble.paths["resentment"][:, rows].mean(axis=2, dtype=float)


@pytest.mark.parametrize("place", ["below", "above"])
@pytest.mark.parametrize("mode", ["together", "apart"])
def test_deviations_from_a_balance_grow_or_fade_at_the_eigenvalues_of_the_drift(place: str, mode: str):
    """Richardson 1960, Arms and Insecurity: stable iff reaction is weaker than fatigue, by the Jacobian's eigenvalues.

    dx/dt = -FADE x + FADE s exp(y), and the same for y: at a balance the Jacobian is FADE * [[-1, x], [x, -1]], with
    eigenvalues FADE (x - 1) for both together and -FADE (x + 1) for one against the other. Below x = 1 everything
    fades; above, what both feel together grows.
    """
    share = 0.3
    balance = find_balances(share)[0 if place == "below" else 1]
    assert balance == pytest.approx(share * np.exp(balance))
    sign, eigenvalue = (1.0, FADE * (balance - 1)) if mode == "together" else (-1.0, -FADE * (balance + 1))
    push, days = 0.08, int(YEAR * 0.5 / abs(eigenvalue))
    up = watch_resentment((balance + push, balance + sign * push), share, days)
    down = watch_resentment((balance - push, balance - sign * push), share, days)
    deviation = ((up - down) @ [1.0, sign]) / 4
    rate = np.log(deviation[-1] / deviation[0]) / ((len(deviation) - 1) / YEAR)
    assert deviation[0] == pytest.approx(push, rel=1e-5)
    assert rate == pytest.approx(eigenvalue, rel=0.1)


@pytest.mark.parametrize(("share", "calm"), [(0.30, True), (0.45, False)])
def test_below_the_threshold_resentment_settles_and_above_it_runs_away(share: float, calm: bool):
    """Richardson 1960: with s < 1/e provocation and decay balance; with more they never do, and resentment grows."""
    days = 360
    found = watch_resentment((0.0, 0.0), share, days, runs=60)[-1].mean()
    path = integrate.solve_ivp(
        lambda _, x: FADE * (share * np.exp(x) - x), (0.0, days / YEAR), [0.0], rtol=1e-8, atol=1e-10
    )
    assert found == pytest.approx(path.y[0, -1], rel=0.03)
    assert calm == (share < np.exp(-1))
    assert calm == (found < find_balances(0.30)[0])


def test_deliveries_ease_resentment_by_the_rate_at_which_they_come():
    """Osgood 1962: each delivery leaves exp(-goodwill * worth) of what is resented; the mean decays as a tilted chain.

    E R(t) = R(0) * sum of exp(t (Q - D + D e^-gw)), where D are the deliveries among the jumps Q.
    """
    goodwill, worth, promise, delivery = 0.4, 1.5, 12.0 * 0.5, 20.0 * 0.5  # a gift without cost: logistic(0)
    scenario = world(
        terms=("resentment",),
        term={"resentment": TermSettings(goodwill=goodwill, half_life_years=BEYOND)},
        concession={"gift": gift({"pledge": 12.0, "begin": 20.0}, kind="act", worth={"B": worth})},
        regard=(Regard(holder="B", toward="A", resentment=2.0),),
    )
    tilted = np.array([[-promise, promise], [delivery * np.exp(-goodwill * worth), -delivery]])
    ensemble = simulate(scenario, runs=8000, seed=14, record=("resentment",))
    row = ensemble.compiled.labels.pairs.index(("B", "A"))
    p_values = {}
    for tick in (1, 3, 6, 11):
        expected = 2.0 * linalg.expm(tilted * ensemble.compiled.world.tick_times[tick] / YEAR)[0].sum()
        p_values[tick] = compare_mean(ensemble.paths["resentment"][tick, row].astype(float), expected)
    assert_chance_explains(p_values)


def test_goodwill_ends_a_spiral_that_hostile_mirrors_keep_up():
    """Osgood 1962 (GRIT): two who give unasked calm down from where two who do not drive each other on.

    Strikes at rate 20 exp(R) with harm 0.01 and a half-life of a year: from 2.5 (above the unstable balance, 1.8)
    resentment grows by itself.
    """
    giving = {"kind": "act", "cost": -1.0}
    rates = {"pledge": 40.0, "begin": 60.0}
    scenario = rivals(
        0.01,
        1.0,
        tick="month",
        concession={
            "gift": gift(rates, **giving, worth={"B": 0.6}),
            "answer": gift(rates, giver="B", **giving, worth={"A": 0.6}),
        },
        regard=(Regard(holder="A", toward="B", resentment=2.5), Regard(holder="B", toward="A", resentment=2.5)),
    )
    strikes_a_year = {f"coercion.{name}.rates.act": 20.0 for name in scenario.coercion}
    until = dt.date(2001, 4, 1)
    held, strikes = {}, {}
    for goodwill in (0.0, 1.0):
        numbers = strikes_a_year | {"term.resentment.goodwill": goodwill}
        ensemble = simulate(scenario, runs=300, seed=15, params=numbers, until=until, record=("events", "resentment"))
        held[goodwill] = ensemble.paths["resentment"][-1].mean(axis=0)
        strikes[goodwill] = (ensemble.events.kind == "act").sum()
    assert np.mean(held[0.0] > 2.5) > 0.95
    assert np.mean(held[1.0] < 1.5) > 0.95
    assert strikes[1.0] < strikes[0.0] / 2


def test_a_restraint_in_force_and_talks_hold_back_from_coercion():
    """Schelling 1960, The Strategy of Conflict, ch. 8: isolation tempts, a restraint and talks hold back.

    Nothing given: isolation 1/2. One open channel: engagement 1/2. Moratorium in force: 2.
    """
    scenario = world(
        terms=("brinkmanship",),
        concession={"moratorium": gift(giver="B", kind="restraint", worth={"A": 1.0})},
        channel={"talks": talks(agenda=("moratorium",))},
        coercion={"test": Coercion(actor="A", hits={"B": 1.0}, rates={"act": 30.0})},
    )
    bound = scenario.model_copy(
        update={
            "concession": {"moratorium": gift(giver="A", kind="restraint", worth={"B": 1.0})},
            "coercion": {"test": Coercion(actor="A", hits={"B": 1.0}, breaks=("moratorium",), rates={"act": 30.0})},
        }
    )
    in_force = Initial(concessions={"moratorium": "in_force"})
    # The first act breaks the restraint, so what is compared is how many runs see none within a month.
    cases = {
        "alone": (scenario, Initial(), 0.5),
        "talking": (scenario, Initial(channels={"talks": "open"}), 0.5 - 0.5),
        "given what it wants": (scenario, in_force, -0.5),
        "bound": (bound, in_force, 0.5 - 2.0),
        "bound and talking": (bound, Initial(concessions=in_force.concessions, channels={"talks": "open"}), -2.0),
    }
    p_values = {}
    for name, (case, initial, exponent) in cases.items():
        case = case.model_copy(update={"initial": initial, "end": dt.date(2001, 1, 31)})
        struck = simulate(case, runs=4000, seed=16).events.query("kind == 'act'").run.nunique()
        chance = 1 - np.exp(-30.0 * np.exp(exponent) * 31 / YEAR)
        p_values[name] = compare_counts([struck, 4000 - struck], [chance, 1 - chance])
    assert_chance_explains(p_values)


# -- ripeness --------------------------------------------------------------------------------------------------------


def log_hazard_of_planning(scenario: Scenario, day: float, numbers: Mapping[str, Any] | None = None) -> np.ndarray:
    return replay(scenario, [(day, "plan:A:talks:")], numbers).events[0]


def ripe(**changes: Any) -> Scenario:
    base: dict[str, Any] = {
        "terms": ("ripeness",),
        "term": {"ripeness": TermSettings(patience_years=0.5, theta=1.3)},
        "channel": {"talks": talks({"plan": 1.0})},
    }
    return world(**(base | changes))


def test_talks_ripen_while_there_is_no_deal():
    """Zartman 1989, Ripe for Resolution: time without a deal hurts, and less so every month (exp(-t/patience))."""
    first, later = (log_hazard_of_planning(ripe(), day)[0] for day in (FIRSTS[0], FIRSTS[8]))
    gain = np.exp(-FIRSTS[0] / YEAR / 0.5) - np.exp(-FIRSTS[8] / YEAR / 0.5)
    assert later - first == pytest.approx(1.3 * gain)


def test_talks_ripen_with_need():
    """Zartman 1989: a hurting stalemate. Each unit of need adds theta to the log rate."""
    scenario = ripe(
        good={"food": Good(need={"B": Need(shortfall=1.0)})},
        concession={"gift": gift(kind="flow", good="food", worth={"B": 0.0})},
    )
    shortfall = np.array([0.0, 1.0, 2.5])
    found = log_hazard_of_planning(scenario, FIRSTS[0], {"good.food.need.B.shortfall": shortfall})
    assert found - found[0] == pytest.approx(1.3 * shortfall)


def test_talks_ripen_with_a_way_out_and_long_agendas_earn_nothing():
    """Zartman 1989 and McFadden 1978: the prospect is a mean over accords, 1 + mean sqrt(g_A g_B), not their sum."""
    one = {"gift": gift(worth={"B": 3.0}, cost=-1.0)}
    two = one | {"twin": gift(worth={"B": 3.0}, cost=-1.0)}
    none_of_it = {"gift": gift(worth={"B": -30.0}, cost=30.0)}
    long_agenda = {"talks": talks({"plan": 1.0}, agenda=("gift", "twin"), packages=(("gift",), ("twin",)))}
    single = log_hazard_of_planning(ripe(concession=one, regard=trusting(("A", "B"))), 10.0)
    double = log_hazard_of_planning(ripe(concession=two, channel=long_agenda, regard=trusting(("A", "B"))), 10.0)
    hopeless = log_hazard_of_planning(ripe(concession=none_of_it, regard=trusting(("A", "B"))), 10.0)
    surplus = np.sqrt(np.log1p(np.exp(1.0)) * np.log1p(np.exp(3.0)))
    assert double == pytest.approx(single)
    assert single - hopeless == pytest.approx(1.3 * np.log1p(surplus), abs=1e-6)
