"""Do a particle filter, sampled implied dates and exact integration say the same of moves that nobody reported?

Talks that go into session and out again at constant rates a and b are a chain of two states: with shares of the moves
reported, the density of what was told is a product of matrix exponentials, whatever happened unseen.
"""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest
from scipy import linalg, special

from negsim.calibration.likelihood import ChronologyLikelihood
from negsim.calibration.unreported import Unseen, _put_together, filter_unreported
from negsim.chronology import Chronology, DatedMove
from negsim.compiler import compile_scenario
from negsim.placement import Link
from negsim.reporting import Reporting, Rule
from negsim.scenario_files import load_scenario

COMPILED = compile_scenario(load_scenario("two-state-channel"))
MEET, ADJOURN = "meet:north:talks:", "adjourn:north:talks:"
NAMES = ("channel.talks.rates.meet", "channel.talks.rates.adjourn")
RATES = np.array([6.0, 18.0])
YEAR = 365.25


def tell(days: dict[int, str], meet: float, adjourn: float) -> ChronologyLikelihood:
    """What a source tells that reports some share of meetings and of adjournments."""
    moves = tuple(DatedMove(f"R{day}", f"R{day}", (name,), float(day), day + 1.0) for day, name in days.items())
    rules = Reporting((Rule((MEET,), meet), Rule((ADJOURN,), adjourn)))
    window = (0.0, max(days) + 1.0)
    told = Chronology("told", "two-state-channel", dt.date(2001, 1, 1), window, (), moves, (), rules)
    return ChronologyLikelihood(COMPILED, told, NAMES)


def integrate(days: dict[int, str], meet: float, adjourn: float) -> float:
    """Log density per day of what was told, by matrix exponentials."""
    a, b = RATES / YEAR
    hidden = np.array([[-a, (1 - meet) * a], [(1 - adjourn) * b, -b]])
    shown = {MEET: np.array([[0, meet * a], [0, 0]]), ADJOURN: np.array([[0, 0], [adjourn * b, 0]])}
    state, now = np.array([1.0, 0.0]), 0.0
    for day, name in days.items():
        state = state @ linalg.expm(hidden * (day + 0.5 - now)) @ shown[name]
        now = day + 0.5
    return float(np.log((state @ linalg.expm(hidden * (max(days) + 1.0 - now))).sum()))


SEEN = {40: ADJOURN, 90: ADJOURN, 260: ADJOURN}
MIXED = {40: MEET, 90: ADJOURN, 180: MEET}


@pytest.mark.parametrize(("days", "meet", "adjourn"), [(SEEN, 0.0, 1.0), (MIXED, 0.6, 0.3)], ids=["one_kind", "shares"])
def test_a_particle_filter_agrees_with_exact_integration(days: dict[int, str], meet: float, adjourn: float):
    found = filter_unreported(tell(days, meet, adjourn), RATES, seed=1)
    assert 0 < found.standard_error < 0.1
    assert found.log_likelihood == pytest.approx(integrate(days, meet, adjourn), abs=4 * found.standard_error)


@pytest.mark.parametrize("bug", ["everything happens unseen", "silence costs nothing"])
def test_planted_bugs_of_the_filter_are_found(bug: str, monkeypatch: pytest.MonkeyPatch):
    if bug == "everything happens unseen":
        monkeypatch.setattr(Unseen, "_hide", lambda self, outlook: outlook)
    else:
        monkeypatch.setattr("negsim.calibration.unreported.total_hazard", lambda outlook, *_: 0.0)
    found = filter_unreported(tell(MIXED, 0.6, 0.3), RATES, seed=1, particles=4000)
    assert abs(found.log_likelihood - integrate(MIXED, 0.6, 0.3)) > 8 * found.standard_error


def test_sampled_dates_of_implied_moves_agree_with_both():
    """Of each adjournment that was told a meeting is implied: its date is a coordinate of the other likelihood."""
    right = tell(SEEN, 0.0, 1.0)
    told = right.chronology
    implied = tuple(DatedMove(f"I{k}", "R", (MEET,), 0.0, told.window[1], implied=True) for k in range(3))
    links = [Link(3 + k, k) for k in range(3)] + [Link(k, 4 + k) for k in range(2)]
    sampled = ChronologyLikelihood(
        COMPILED, dataclasses.replace(told, moves=(*told.moves, *implied), links=tuple(links)), NAMES
    )
    unit = np.random.default_rng(2).random((4_000, sampled.open_dates))
    logs = sampled(np.tile(RATES, (len(unit), 1)), unit)
    mean = special.logsumexp(logs) - np.log(len(logs))
    error = np.exp(logs - mean).std() / np.sqrt(len(logs))
    exact = integrate(SEEN, 0.0, 1.0)
    rest = 0.02  # what the half day after the last adjournment can bring counts in one of them only
    assert mean == pytest.approx(exact, abs=4 * error + rest)
    found = filter_unreported(right, RATES, seed=3)
    assert found.log_likelihood == pytest.approx(mean, abs=4 * np.hypot(found.standard_error, error) + rest)


def test_the_error_of_a_few_filters_allows_for_how_badly_they_know_their_scatter():
    each = np.random.default_rng(1).normal(1.0, 0.2, (4000, 8))
    found = [_put_together(np.log(row), np.zeros(0)) for row in each]
    away = np.array([one.log_likelihood / one.standard_error for one in found])
    assert 0.93 < np.mean(np.abs(away) < 2) < 0.97


def test_what_no_particle_explains_is_impossible_and_what_is_implied_is_refused():
    found = filter_unreported(tell({40: ADJOURN}, 1.0, 1.0), RATES, seed=1, particles=50)
    assert found.log_likelihood == -np.inf
    assert found.alive.tolist() == [0.0]
    right = tell(SEEN, 0.0, 1.0)
    moves = (*right.chronology.moves, DatedMove("I.meet", "R", (MEET,), 0.0, 200.0, implied=True))
    with pytest.raises(ValueError, match=r"leave out what is implied, I\.meet"):
        filter_unreported(
            dataclasses.replace(right, chronology=dataclasses.replace(right.chronology, moves=moves)), RATES, seed=1
        )
