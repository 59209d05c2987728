"""Does an outside decider change its own moves only, and is what it says checked?"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pytest

import negsim
from negsim.compiler import Compiled, compile_scenario
from negsim.deciders import Decide, Deciders, DecisionError, View
from negsim.ensemble import Drawn, moments
from negsim.moves import Event
from negsim.streams import Clocks

GIFT = {"kind": "act", "cost": 0.2}


def two_worlds(**changes: object) -> Compiled:
    """Two pairs that have nothing to do with each other; no theory that looks at the calendar."""
    sides = {"north": ["A", "B"], "south": ["C", "D"]}
    scenario = negsim.Scenario(
        name="two-worlds",
        start=dt.date(2000, 1, 1),
        end=dt.date(2009, 12, 31),
        terms=("audience", "ratification"),
        actor={name: {"label": name} for name in "ABCD"},
        concession={
            f"gift_{giver}": {**GIFT, "giver": giver, "worth": {taker: 1.0}}
            for giver, taker in ("AB", "BA", "CD", "DC")
        },
        channel={
            name: {"sides": [[one], [two]], "agenda": [f"gift_{one}", f"gift_{two}"]}
            for name, (one, two) in sides.items()
        },
        coercion={"raid": {"actor": "B", "hits": {"A": 1.0}}},
        **changes,
    )
    return compile_scenario(scenario)


class Kept(Clocks):
    """Clocks that keep what each ring was set to."""

    def __init__(self, *words: object) -> None:
        super().__init__(*words)
        self.drawn = {(move, 0): self.remaining[move, 0] for move in range(len(self.remaining))}

    def renew(self, moves: np.ndarray, columns: np.ndarray) -> None:
        super().renew(moves, columns)
        for move in moves.tolist():
            self.drawn[move, int(self.rings[move, 0])] = self.remaining[move, 0]


def live(
    compiled: Compiled, deciders: Mapping[str, Decide], forced: tuple[tuple[str, float], ...] = ()
) -> tuple[list[tuple[Event, float]], dict[tuple[int, int], float]]:
    """Live through one run: its moves with their days, and what each ring of each clock was."""
    moves = compiled.labels.events[: compiled.world.moves]
    clocks = Kept(5, [move.name for move in moves], np.array([0]))
    chooser = Deciders(compiled, Drawn(clocks))
    for actor, decide in deciders.items():
        chooser.appoint(actor, decide)
    for name, day in forced:
        chooser.force(next(move for move in moves if move.name == name), day)
    parameters = compiled.bind()
    lived = []
    for moment in moments(compiled.world, parameters, compiled.start(parameters, 1), chooser, 3653.0):
        lived += [(moves[row], float(moment.state.time[0])) for row in moment.events[moment.fired]]
    return lived, clocks.drawn


def give_nothing(view: View) -> dict[Event, float]:
    return dict.fromkeys([*view.alone, *view.joint], 0.0)


def of(lived: list[tuple[Event, float]], actors: str) -> list[tuple[str, float]]:
    return [(move.name, day) for move, day in lived if move.actor in actors]


def test_who_has_nothing_to_do_with_a_decider_lives_as_before():
    compiled = two_worlds()
    plain, _ = live(compiled, {})
    changed, _ = live(compiled, {"A": give_nothing})
    assert of(changed, "A") == []
    assert of(plain, "A") != []
    theirs, same = of(plain, "CD"), of(changed, "CD")
    assert len(theirs) > 20
    assert [name for name, _ in theirs] == [name for name, _ in same]
    # Hazards are added up in other pieces where the run has other moments: the last digits may differ.
    assert [day for _, day in same] == pytest.approx([day for _, day in theirs], abs=1e-6)


def test_the_noise_of_every_clock_is_the_same_whoever_decides():
    compiled = two_worlds()
    _, plain = live(compiled, {})
    _, changed = live(compiled, {"A": give_nothing}, forced=(("act:B::raid", 100.0),))
    shared = plain.keys() & changed.keys()
    assert len(shared) > 40
    assert {ring: plain[ring] for ring in shared} == {ring: changed[ring] for ring in shared}


def test_a_forced_move_leaves_its_clock_alone():
    compiled = two_worlds()
    plain, drawn = live(compiled, {})
    changed, again = live(compiled, {}, forced=(("act:B::raid", 100.0),))
    raids, more = ([day for move, day in lived if move.kind == "act"] for lived in (plain, changed))
    assert more == pytest.approx(sorted([*raids, 100.0]), abs=1e-6)
    assert again == drawn


def test_forced_moves_of_one_moment_are_made_in_their_order():
    forced = ("freeze:A::gift_A", "act:B::raid", "lift:A::gift_A")
    lived, _ = live(two_worlds(), {}, tuple((name, 50.0) for name in forced))
    assert [move.kind for move, day in lived if day == 50.0] == ["freeze", "act", "lift"]


class Peeping(Drawn):
    """Keeps the hazards as the clocks are given them at the first moment: of planning and of each package."""

    def choose(self, outlook, state, horizon, until):
        if not hasattr(self, "plan"):
            self.plan = float(outlook.hazards[0, 0])
            self.packages = [entry.hazards[entry.hazards[:, 0] > 0, 0] for entry in outlook.packages]
        return super().choose(outlook, state, horizon, until)


def peep(compiled: Compiled, deciders: Mapping[str, Decide]) -> Peeping:
    """Look at the hazards of the first moment."""
    names = [move.name for move in compiled.labels.events[: compiled.world.moves]]
    peeping = Peeping(Clocks(5, names, np.array([0])))
    chooser = Deciders(compiled, peeping)
    for actor, decide in deciders.items():
        chooser.appoint(actor, decide)
    parameters = compiled.bind()
    next(moments(compiled.world, parameters, compiled.start(parameters, 1), chooser, 3653.0))
    return peeping


def test_two_deciders_must_both_be_willing():
    def half(view: View) -> dict[Event, float]:
        return {move: 0.5 for move in view.joint if move.kind == "plan"}

    compiled = two_worlds()
    assert compiled.labels.events[0].kind == "plan"
    plain, one, both = (peep(compiled, deciders).plan for deciders in ({}, {"A": half}, {"A": half, "B": half}))
    assert [one, both] == pytest.approx([plain / 2, plain / 4])


def test_an_accord_comes_as_fast_as_the_acceptance_that_a_decider_gives():
    given: list[float] = []

    def accept(view: View) -> dict[Event, float]:
        given[:] = [share for move, share in view.joint.items() if move.kind == "agree"]
        return {move: 0.9 for move in view.joint if move.kind == "agree"}

    compiled = two_worlds(initial={"channels": {"north": "in_session"}})
    (plain,) = peep(compiled, {}).packages
    (changed,) = peep(compiled, {"B": accept}).packages
    assert all(0 < share < 0.9 for share in given)
    assert len(given) == 3
    assert changed == pytest.approx(plain * 0.9 / np.array(given))


def test_who_approves_for_sure_may_be_made_to_reject():
    """States without groups always approve in the model; a decider may say no."""

    def reject(view: View) -> dict[Event, float]:
        said = {"approve": 0.0, "reject": 100.0}
        return {move: said[move.kind] for move in view.alone if move.kind in said}

    plain, _ = live(two_worlds(), {})
    changed, _ = live(two_worlds(), {"A": reject})
    kinds = [{move.kind for move, _ in lived if move.actor == "A"} for lived in (plain, changed)]
    assert "approve" in kinds[0]
    assert "reject" not in kinds[0]
    assert "approve" not in kinds[1]
    assert "reject" in kinds[1]


@pytest.mark.parametrize(
    ("value", "complaint"),
    [(-1.0, "0 or more"), (float("nan"), "0 or more"), (float("inf"), "finite"), ("much", "a hazard per year")],
)
def test_a_hazard_that_cannot_be_is_refused(value: object, complaint: str):
    with pytest.raises(DecisionError, match=f"A on 2000-01-01: .*{complaint}"):
        live(two_worlds(), {"A": lambda view: {next(iter(view.alone)): value}})


def test_a_willingness_above_one_is_refused():
    with pytest.raises(DecisionError, match="a probability, at most 1"):
        live(two_worlds(), {"A": lambda view: dict.fromkeys(view.joint, 1.5)})


def test_a_move_of_somebody_else_is_refused_with_the_nearest_of_ones_own():
    compiled = two_worlds()
    other = next(move for move in compiled.labels.events if move.name == "pledge:B::gift_B")
    with pytest.raises(DecisionError, match=r"pledge:B::gift_B: .* did you mean pledge:A::gift_A"):
        live(compiled, {"A": lambda view: {other: 1.0}})
