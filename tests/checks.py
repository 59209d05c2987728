"""Does chance explain this, and do these events obey the rules? Checkers that several tests share.

Statistical tests give p-values; `assert_chance_explains` puts a whole family of them on one level (Holm 1979). Seeds
are fixed, so a test passes always or never; the level says how often a correct build would have failed when its seed
was first chosen. Each checker has a case in test_checks.py that it refuses.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, Phase, reject, settings
from scipy import stats

from negsim.ensemble import Explosive
from negsim.results import Ensemble
from negsim.scenario import Scenario

LEVEL = 1e-3
"""How rarely a whole family of tests may fail a correct build."""
LEAST_EXPECTED = 5.0
"""Cells of a chi-square test that expect fewer are put together."""


# -- statistics ------------------------------------------------------------------------------------------------------


def adjust(p_values: Iterable[float]) -> np.ndarray:
    """p-values adjusted for being many (Holm 1979): reject those below the level, whatever their dependence."""
    p = np.asarray(list(p_values), dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def assert_chance_explains(p_values: Mapping[Any, float], level: float = LEVEL) -> None:
    """Fail if some of a family of hypotheses is rejected, and say which."""
    assert p_values, "nothing was tested"
    assert not any(np.isnan(p) for p in p_values.values()), f"not a p-value among {p_values}"
    adjusted = dict(zip(p_values, adjust(p_values.values()), strict=True))
    rejected = {name: float(p) for name, p in adjusted.items() if p < level}
    assert not rejected, f"chance does not explain {rejected}"


def compare_mean(values: Sequence[float] | np.ndarray, expected: float = 0.0) -> float:
    """p-value of the hypothesis that values have this mean (normal approximation)."""
    values = np.asarray(values, dtype=float)
    error = values.std(ddof=1) / np.sqrt(len(values))
    gap = abs(values.mean() - expected)
    if error == 0.0:
        return float(gap == 0.0)
    return float(2.0 * stats.norm.sf(gap / error))


def compare_means(first: np.ndarray, second: np.ndarray) -> float:
    """p-value of the hypothesis that two independent samples have one mean (normal approximation)."""
    error = np.sqrt(first.var(ddof=1) / len(first) + second.var(ddof=1) / len(second))
    gap = abs(first.mean() - second.mean())
    if error == 0.0:
        return float(gap == 0.0)
    return float(2.0 * stats.norm.sf(gap / error))


def compare_counts(counts: Sequence[int] | np.ndarray, probabilities: Sequence[float] | np.ndarray) -> float:
    """p-value of the hypothesis that counts were drawn with these probabilities (chi-square; small cells together)."""
    observed = np.asarray(counts, dtype=float)
    expected = np.asarray(probabilities, dtype=float) * observed.sum()
    if (observed[expected <= 0] > 0).any():
        return 0.0
    small = expected < LEAST_EXPECTED
    observed = np.append(observed[~small], observed[small].sum())
    expected = np.append(expected[~small], expected[small].sum())
    kept = expected > 0
    if kept.sum() < 2:
        return 1.0
    statistic = ((observed[kept] - expected[kept]) ** 2 / expected[kept]).sum()
    return float(stats.chi2.sf(statistic, kept.sum() - 1))


def compare_with_exponential(waits: Sequence[float] | np.ndarray) -> float:
    """p-value of the hypothesis that waits are drawn from Exp(1) (Kolmogorov and Smirnov)."""
    return float(stats.kstest(np.asarray(waits), "expon").pvalue)


def compare_neighbours(waits: Sequence[float] | np.ndarray) -> float:
    """p-value of the hypothesis that a wait tells nothing of the next one (rank correlation)."""
    return float(stats.spearmanr(waits[:-1], waits[1:]).pvalue)


def fit_slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of log y on log x: the order of convergence."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


# -- drawn scenarios -------------------------------------------------------------------------------------------------

MOST_MOVES = 300
"""Moves in one run beyond which a drawn scenario is passed over."""


USUAL_EXAMPLES = 40
"""What hypothesis draws for a test that does not say; a profile that draws fewer takes a quick look."""


def examples(count: int) -> settings:
    """So many drawn scenarios; a failing one is not shrunk, since each try would simulate it several times over.

    Under a profile that takes a quick look, no more than it says.
    """
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    most = settings.default.max_examples
    return settings(
        max_examples=count if most >= USUAL_EXAMPLES else min(count, most), phases=phases, suppress_health_check=slow
    )


def calm(test: Callable[..., None]) -> Callable[..., None]:
    """Pass over drawn scenarios whose runs explode: they take long, and say what shorter ones say."""

    @functools.wraps(test)
    def calmly(*args: Any, **kwargs: Any) -> None:
        patches = (
            mock.patch("negsim.ensemble.MOST_EVENTS", MOST_MOVES),
            mock.patch("negsim.recording.Recorder.stop", side_effect=Explosive),
        )
        with patches[0], patches[1]:
            try:
                test(*args, **kwargs)
            except Explosive:
                reject()

    return calmly


# -- the rules of the game -------------------------------------------------------------------------------------------

Row = Mapping[str, Any]
"""A row of an event table: kind, actor, channel, subject, day."""


def list_rows(ensemble: Ensemble) -> list[list[Row]]:
    """The event table of each run, in order."""
    assert ensemble.columns is not None
    labels = ensemble.compiled.labels.events
    found: list[list[Row]] = [[] for _ in range(ensemble.runs)]
    for run, event, day in zip(*(column.tolist() for column in ensemble.columns), strict=True):
        label = labels[event]
        row = {"kind": label.kind, "actor": label.actor, "counterpart": label.counterpart, "channel": label.channel}
        found[run].append(row | {"subject": label.subject, "day": day})
    return found


CHANNEL_TABLE = {
    "plan": ({"closed"}, "planned"),
    "open": ({"planned"}, "open"),
    "meet": ({"open"}, "in_session"),
    "adjourn": ({"in_session"}, "open"),
    "close": ({"open"}, "closed"),
    "cancel": ({"planned"}, "closed"),
    "walk_out": ({"open", "in_session"}, "closed"),
}
"""Moves of a channel: from which stages, to which."""
KIND_TABLE = {
    "act": {"pledge": {"none"}, "begin": {"promised"}, "renege": {"promised"}},
    "flow": {
        "pledge": {"none"}, "begin": {"promised"}, "suspend": {"in_force"}, "resume": {"suspended"},
        "renege": {"promised"}, "delivered": {"in_force"},
    },
    "restraint": {
        "pledge": {"none"}, "begin": {"promised"}, "withdraw": {"in_force"}, "renege": {"promised"},
        "broken": {"in_force"}, "lapsed": {"in_force"},
    },
    "process": {
        "pledge": {"none"}, "begin": {"promised"}, "stall": {"in_force"}, "resume": {"suspended"},
        "complete": {"in_force"}, "renege": {"promised"},
    },
}  # fmt: skip
"""Which moves a kind of concession has, and in which stages (freeze and lift aside)."""
STOPPED_BY_FREEZE = {"pledge", "begin", "resume"}


class Referee:
    """Follows one run through its event table, from the rules alone: no hazards, no clocks, no memories.

    Parameters
    ----------
    scenario : Scenario
        What is played.

    Notes
    -----
    `follow` raises AssertionError at the first row that the rules forbid, or where a consequence is missing.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        initial = scenario.initial
        self.channel = {c: initial.channels.get(c, "closed") for c in scenario.channel}
        self.stage = {k: initial.concessions.get(k, "none") for k in scenario.concession}
        self.frozen = {k: k in initial.frozen for k in scenario.concession}
        self.begun = {k: self.stage[k] in ("in_force", "suspended") for k in scenario.concession}
        self.since = dict.fromkeys(scenario.concession, 0.0)
        self.demand = {d: initial.demands.get(d, "dormant") for d in scenario.demand}
        self.table: dict[str, list[str]] = {c: [] for c in scenario.channel}
        self.consent = {(c, side): False for c in scenario.channel for side in (0, 1)}
        self.awaiting: dict[tuple[str, int], list[str]] = {key: [] for key in self.consent}
        self.day = 0.0

    def follow(self, rows: Iterable[Row]) -> None:
        """Check row after row."""
        due: list[tuple[str, str]] = []
        for row in rows:
            assert row["day"] >= self.day, ("time runs backwards", row)
            if due:
                expected = (*due[0], self.day)
                assert (row["kind"], row["subject"], row["day"]) == expected, (row, "instead of", expected)
                due.pop(0)
                self._end(row["subject"], row["day"])
            else:
                assert row["kind"] not in ("broken", "lapsed"), ("nothing broke it", row)
                self.day = row["day"]
                due = self._play(row)
        assert not due, f"{due} did not follow"

    def _play(self, row: Row) -> list[tuple[str, str]]:
        """Play one row; give the consequences that must follow it."""
        kind, subject, channel = row["kind"], row["subject"], row["channel"]
        if kind == "act":
            breaks = self.scenario.coercion[subject].breaks
            return [("broken", k) for k in self.scenario.concession if k in breaks and self.stage[k] == "in_force"]
        if kind == "raise":
            demand = self.scenario.demand[subject]
            assert self.demand[subject] == "dormant", row
            assert self._talking(demand.channel), row
            self.demand[subject] = "raised"
        elif kind == "agree":
            self._agree(channel, subject.split("+"), row)
        elif kind in ("approve", "reject"):
            self._decide(channel, self._side(channel, row["actor"]), kind, row)
        elif channel:
            return self._move_channel(channel, kind, row)
        elif kind in ("freeze", "lift"):
            assert self.frozen[subject] == (kind == "lift"), row
            assert kind == "lift" or self.stage[subject] != "done", row
            self.frozen[subject] = kind == "freeze"
        else:
            self._move_concession(subject, kind, row)
        return []

    # -- channels --

    def _talking(self, channel: str) -> bool:
        return self.channel[channel] in ("open", "in_session")

    def _side(self, channel: str, actor: str) -> int:
        """Approval belongs to the principal of a side's leader."""
        leaders = [self.scenario.principal(side[0]) for side in self.scenario.channel[channel].sides]
        return leaders.index(actor)

    def _gives(self, channel: str, side: int, k: str) -> bool:
        giver = self.scenario.principal(self.scenario.concession[k].giver)
        return giver in {self.scenario.principal(member) for member in self.scenario.channel[channel].sides[side]}

    def _move_channel(self, channel: str, kind: str, row: Row) -> list[tuple[str, str]]:
        before, after = CHANNEL_TABLE[kind]
        assert self.channel[channel] in before, (self.channel[channel], row)
        self.channel[channel] = after
        if kind in ("close", "walk_out"):
            self._drop(channel, row["day"])
        if after != "closed":
            return []
        return [
            ("lapsed", k)
            for k, given in self.scenario.concession.items()
            if given.while_open == channel and self.stage[k] == "in_force"
        ]

    def _agree(self, channel: str, items: list[str], row: Row) -> None:
        assert self.channel[channel] == "in_session", row
        assert not self.table[channel], row
        for k in items:
            assert self.stage[k] in ("none", "suspended"), (k, self.stage[k], row)
            assert not self.frozen[k], (k, row)
            self._set(k, "tabled", row["day"])
        self.table[channel] = items
        for side in (0, 1):
            self.consent[channel, side] = self._rule(channel, side) != "before_signature"
        self._sign(channel, row["day"])

    def _rule(self, channel: str, side: int) -> str:
        return self.scenario.channel[channel].consent[side]

    def _decide(self, channel: str, side: int, kind: str, row: Row) -> None:
        if self._rule(channel, side) == "before_signature":
            assert self.table[channel], row
            assert not self.consent[channel, side], row
            if kind == "reject":
                self._drop(channel, row["day"])
                return
            assert not any(self.frozen[k] for k in self.table[channel]), row
            self.consent[channel, side] = True
            self._sign(channel, row["day"])
            return
        items = self.awaiting[channel, side]
        assert items, row
        if kind == "approve":
            owed = [k for k in items if self._gives(channel, side, k) and self.stage[k] == "signed"]
            assert not any(self.frozen[k] for k in owed), row
            for k in owed:
                self._set(k, "promised", row["day"])
        else:
            for k in items:
                if self.stage[k] in ("signed", "promised"):
                    self._send_back(k, row["day"])
            self.awaiting[channel, 1 - side] = [k for k in self.awaiting[channel, 1 - side] if k not in items]
        self.awaiting[channel, side] = []

    def _sign(self, channel: str, day: float) -> None:
        if not (self.consent[channel, 0] and self.consent[channel, 1]):
            return
        for side in (0, 1):
            if self._rule(channel, side) == "after":
                waiting = self.awaiting[channel, side]
                waiting += [k for k in self.table[channel] if k not in waiting]
        for k in self.table[channel]:
            side = 0 if self._gives(channel, 0, k) else 1
            self._set(k, "signed" if self._rule(channel, side) == "after" else "promised", day)
        self._clear(channel)

    def _drop(self, channel: str, day: float) -> None:
        for k in self.table[channel]:
            self._send_back(k, day)
        self._clear(channel)

    def _clear(self, channel: str) -> None:
        self.table[channel] = []
        self.consent[channel, 0] = self.consent[channel, 1] = False

    # -- concessions --

    def _set(self, k: str, stage: str, day: float) -> None:
        self.stage[k], self.since[k] = stage, day

    def _send_back(self, k: str, day: float) -> None:
        self._set(k, "suspended" if self.begun[k] else "none", day)

    def _end(self, k: str, day: float, stage: str = "none") -> None:
        self._set(k, stage, day)
        self.begun[k] = False

    def _complete(self, k: str, day: float) -> None:
        self._end(k, day, "done" if self.scenario.concession[k].once else "none")
        for d, demand in self.scenario.demand.items():
            if k in demand.answered_by:
                self.demand[d] = "dormant"

    def _move_concession(self, k: str, kind: str, row: Row) -> None:
        given, day = self.scenario.concession[k], row["day"]
        assert self.stage[k] in KIND_TABLE[given.kind].get(kind, ()), (self.stage[k], row)
        assert not (self.frozen[k] and kind in STOPPED_BY_FREEZE), ("frozen", row)
        if kind == "begin":
            self._check_start(k, day, row)
        if kind in ("complete", "delivered") or (kind == "begin" and given.kind == "act"):
            self._complete(k, day)
        elif kind in ("withdraw", "renege"):
            self._end(k, day)
        else:
            after = {"pledge": "promised", "begin": "in_force", "resume": "in_force"}
            self._set(k, after.get(kind, "suspended"), day)
            self.begun[k] = self.begun[k] or kind == "begin"

    def _check_start(self, k: str, day: float, row: Row) -> None:
        given = self.scenario.concession[k]
        # The kernel sees that the lead time is over when it next looks, which may be a rounding after it.
        assert day - self.since[k] >= given.lead_time_days * (1 - 1e-12), ("too early", row)
        assert given.while_open is None or self._talking(given.while_open), ("its channel is closed", row)
