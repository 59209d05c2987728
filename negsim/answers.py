"""How is a what-if question answered in words? Sentences with their uncertainty, what was meant, what is assumed."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from negsim.comparisons import Comparison
from negsim.interventions import Intervention, NumberChange
from negsim.margins import write_error
from negsim.scenario_files import dump_toml
from negsim.whole_files import whole_file, write_whole

MODEL: Final = (
    "In the model (interventional): {runs:,} pairs of histories from {start} to {end}, each pair on the same clocks, "
    "with {numbers}. What is told holds of the model's world, not of the history that happened."
)
HISTORY: Final = (
    "Looking back (retrospective): the record `{given}`, its clocks read off and run again, {runs:,} times with "
    "{numbers}. It assumes that every clock keeps its reading in the other world: whoever was about to move is as "
    "close to moving. No data can tell whether that is so. Beside it the other extreme, clocks that start afresh where "
    "the histories part. What the source would not have reported is taken not to have happened."
)
MARGIN: Final = "± is one standard error, of the runs{worth}."


def write_answer(
    question: Intervention, products: Mapping[str, Comparison], gone: tuple[str, ...], returned: bool | None
) -> str:
    """Write the answer to a what-if question.

    Parameters
    ----------
    products : mapping of str to Comparison
        ``interventional``, ``retrospective`` or both.
    gone : tuple of str
        Parts of the scenario that are not there.
    returned : bool or None
        Whether the history came back exactly without the change.
    """
    lines = [question.question or question.name, "", "What was meant:"]
    lines += [f"- {line}" for line in describe_change(question, gone)] or ["- nothing is changed"]
    if "interventional" in products:
        lines += ["", *_tell_model(products["interventional"])]
    if "retrospective" in products:
        lines += ["", *_tell_history(products["retrospective"], bool(returned))]
    some = next(iter(products.values()))
    worth = "" if some.effective >= some.runs else f", which are worth {some.effective:.0f} independent draws"
    return "\n".join([*lines, "", MARGIN.format(worth=worth)])


def write_headline(question: Intervention, products: Mapping[str, Comparison]) -> str:
    """The answer in one sentence: the last watched outcome, or the number of moves where nothing is watched."""
    told = []
    for name, product in products.items():
        if not question.watch:
            every = product.kinds.iloc[0]
            told.append(
                f"{HEADS[name]} {every['count_difference']:+.2f} ± {write_error(every['count_difference_se'])} moves"
            )
            continue
        row = product.outcomes.iloc[-1]
        if name == "interventional":
            changed, before = (_share(row[arm], product) for arm in ("changed", "without"))
            apart = "; ".join(filter(None, (_points(row, product), _say_concerned(row))))
            told.append(f"in the model {changed} instead of {before} ({apart})")
        else:
            told.append(
                f"looking back {_share(row['changed'], product)}, with fresh clocks {_share(row['other'], product)} "
                f"(as it happened: {_certain(row['without'], product)})"
            )
    label = question.watch[-1].label if question.watch else "moves in all"
    return f"{question.question or question.name} {label[:1].upper()}{label[1:]}: {'; '.join(told)}."


HEADS: Final = {"interventional": "in the model", "retrospective": "looking back"}


# -- what was meant ---------------------------------------------------------------------------------------------------


def describe_change(question: Intervention, gone: tuple[str, ...]) -> Iterator[str]:
    """Say in the terms of the clocks what each entry of a question does."""
    for r in question.remove:
        yield (
            f"removed: {r.move}, {_which(r.nth, r.within)}. Its ring passes without effect and its clock starts the "
            f"next wait, so it does not come back the day after"
        )
    for b in question.ban:
        end = f"to {b.until}; what was due comes after that" if b.until else "to the end of the period"
        yield f"banned: {b.move}, from {b.from_ or 'the start'} {end}. Its clock stands still: a ban postpones"
    for f in question.force:
        yield f"forced: {f.move} at {f.date}, whatever its clock says; the clock takes no notice"
    for d in question.delay:
        yield f"delayed: {d.move}, {_which(d.nth, d.within)}, by {d.days:g} days (removed, and forced later)"
    for m in question.move:
        yield f"moved: {m.move}, {_which(m.nth, m.within)}, to {m.to} (removed, and forced then)"
    for n in question.number:
        yield f"a number changed: {n.path} {_how(n)}, {_period(n)}"
    if gone:
        asked = ", ".join(question.drop)
        also = [part for part in gone if part not in question.drop]
        yield f"not there: {asked}" + (f"; with it went {', '.join(also)}" if also else "")
    if question.add:
        yield f"added or rewritten: {', '.join(_paths(question.add))}"


def _which(nth: int, within: str | None) -> str:
    place = {1: "the first", 2: "the second", 3: "the third"}.get(nth, f"number {nth}")
    return f"{place} {f'in {within}' if within else 'time'}"


def _how(change: NumberChange) -> str:
    if change.value is not None:
        return f"becomes {change.value:g}"
    return f"times {change.multiply:g}" if change.multiply is not None else f"plus {change.add:g}"


def _period(change: NumberChange) -> str:
    first = f"from {change.from_} on" if change.from_ else "from the start"
    return f"{first}, until {change.until}" if change.until else first


def _paths(tables: Mapping[str, Any], depth: int = 2) -> list[str]:
    """The first parts of what is added."""
    return [
        ".".join([key, *([inner] if inner else [])])
        for key, value in tables.items()
        for inner in (list(value) if isinstance(value, Mapping) and depth > 1 else [""])
    ]


def _tell_exploded(comparison: Comparison) -> Iterator[str]:
    """Say how many pairs are left out."""
    gone = int((~comparison.kept).sum())
    if gone:
        yield f"{gone:,} of {comparison.runs:,} pairs are left out: one of their histories exploded."


def _find_end(comparison: Comparison) -> dt.date:
    """Last day of the histories."""
    ensemble = comparison.without.ensemble
    return ensemble.scenario.start + dt.timedelta(days=math.ceil(ensemble.until) - 1)


def _tell_cut(comparison: Comparison) -> Iterator[str]:
    """Say which watched outcomes are asked of more days than the histories have."""
    end = _find_end(comparison)
    late = [f"{watch.label} (by {watch.by})" for watch in comparison.question.watch if watch.by and watch.by > end]
    if late:
        yield f"The histories end on {end}; what would have come later does not count: {'; '.join(late)}."


def _tell_log(comparison: Comparison) -> Iterator[str]:
    """Say in how many runs the intervention found something to do."""
    log, runs = comparison.changed.log, comparison.runs
    words = {
        "removed": "A ring was removed",
        "forced": "A forced move was made",
        "held": "A banned move would have been possible",
        "impossible": "A forced move was impossible, and left out,",
    }
    for what, said in words.items():
        run = log.table(what)[0]
        if len(run):
            reason = f" (such as: {min(log.reasons)[1]})" if what == "impossible" and log.reasons else ""
            yield f"{said} in {_percent(len(np.unique(run)) / runs, comparison.effective)} of the runs{reason}."


# -- the model --------------------------------------------------------------------------------------------------------


def _tell_model(model: Comparison) -> Iterator[str]:
    start, end = model.without.ensemble.scenario.start, _find_end(model)
    yield MODEL.format(runs=model.runs, start=start, end=end, numbers=model.numbers)
    yield from _tell_cut(model)
    yield from _tell_exploded(model)
    yield from _tell_log(model)
    yield from _tell_thinned(model)
    for row in model.outcomes.to_dict("records"):
        yield (
            f"- {row['outcome']}: {_share(row['without'], model)} without the change, "
            f"{_share(row['changed'], model)} with it; {_points(row, model)}{_in_brackets(_say_concerned(row))}"
            f"{_dates(row)}{_ratio(row['variance_ratio'], row['variance_ratio_se'])}"
        )
    every = model.kinds.iloc[0]
    yield (
        f"- moves in all: {every['count_without']:.1f} without, {every['count_changed']:.1f} with the change, "
        f"{every['count_difference']:+.2f} ± {write_error(every['count_difference_se'])}"
        f"{_ratio(every['count_variance_ratio'], every['count_variance_ratio_se'])}"
    )
    yield _tell_partings(model)


def _tell_thinned(model: Comparison) -> Iterator[str]:
    """Say when most pairs give the change nothing to do, so that shares over all pairs say little about it."""
    here = model.concerned[model.kept]
    idle = int((~here).sum())
    if idle == len(here):
        yield (
            f"The change finds nothing to do in any of the {len(here):,} pairs: they cannot differ, and the answer "
            f"says nothing of what would follow. Ask of more runs, or of a wider window."
        )
    elif idle > len(here) / 2:
        yield (
            f"In the other {100 * idle / len(here):.1f}% of the pairs the change finds nothing to do, and they cannot "
            f"differ: a share over all pairs says how seldom the question comes up in the model's histories, more than "
            f"what would follow. What follows where it comes up is in brackets."
        )


def _tell_partings(comparison: Comparison) -> str:
    table = comparison.through()
    parted = table[table["kind"] != ""]
    if not len(parted):
        return "But for the change itself, the two histories of a pair never part."
    first = parted.iloc[0]
    name = ":".join(str(first[part]) for part in ("kind", "actor", "channel", "subject"))
    days = comparison.partings.day[np.isfinite(comparison.partings.day)]
    middle = np.datetime64(comparison.without.ensemble.scenario.start) + np.timedelta64(int(np.median(days)), "D")
    where = "with the change" if first["only"] == "changed" else "without it"
    return (
        f"The histories of a pair part in {_share(float(parted['share'].sum()), comparison)} of the pairs, half of "
        f"those by {middle}, most often through {name} {where}: {_share(first['share'], comparison)}."
    )


# -- the history ------------------------------------------------------------------------------------------------------


def _tell_history(past: Comparison, returned: bool) -> Iterator[str]:
    yield HISTORY.format(given=past.given, runs=past.runs, numbers=past.numbers)
    back = "comes back exactly" if returned else "does NOT come back exactly: do not believe what follows"
    yield f"Without the change the history {back}."
    yield from _tell_cut(past)
    yield from _tell_exploded(past)
    yield from _tell_log(past)
    for row in past.outcomes.to_dict("records"):
        yield (
            f"- {row['outcome']}: {_certain(row['without'], past)} as it happened, {_share(row['changed'], past)} with "
            f"the change; with fresh clocks {_share(row['other'], past)}{_dates(row)}"
        )
    every = past.kinds.iloc[0]
    yield (
        f"- moves in all: {every['count_without']:.1f} as it happened, {every['count_changed']:.1f} with the change, "
        f"{every['count_difference']:+.2f} ± {write_error(every['count_difference_se'])}"
    )
    yield _tell_partings(past)


def _certain(share: float, comparison: Comparison) -> str:
    """A share of draws in which the record itself has it: mostly all or none."""
    return {0.0: "no", 1.0: "yes"}.get(share, _share(share, comparison))


# -- numbers in words -------------------------------------------------------------------------------------------------


def _share(share: float, comparison: Comparison) -> str:
    return _percent(share, comparison.worth)


def _percent(share: float, effective: float) -> str:
    """A share in per cent and its standard error; of one that is all or none, what the runs can rule out."""
    share = round(share, 12)  # a sum of shares may miss 1 by its last bit
    if share in (0.0, 1.0):
        bound = _rule_out(effective)
        return f"0% (at most {bound:.1f}%)" if share == 0.0 else f"100% (at least {100 - bound:.1f}%)"
    return f"{100 * share:.1f} ± {write_error(100 * np.sqrt(share * (1 - share) / effective), 1)}%"


def _rule_out(effective: float) -> float:
    """Per cent from which on a share is ruled out by so many runs that show nothing: one of them would (95%)."""
    return float(100 * (1 - 0.05 ** (1 / effective)))


def _points(row: Mapping[str, float], comparison: Comparison) -> str:
    """A difference in points; where all pairs agree, what the runs can rule out."""
    difference, error = row["difference"], row["difference_se"]
    if row["differ"] == 0.0:
        return f"no pair differs, so at most {_rule_out(comparison.worth):.1f} points"
    if abs(difference) == 1.0:
        return "every pair differs"
    return f"a difference of {100 * difference:+.1f} ± {write_error(100 * error, 1)} points"


def _say_concerned(row: Mapping[str, float]) -> str:
    """The difference in the pairs in which there was something to change; empty where that is all or none."""
    share, difference, error = (row[name] for name in ("concerned", "difference_concerned", "difference_concerned_se"))
    if share in (0.0, 1.0) or not np.isfinite(error):
        return ""
    where = f"in the {100 * share:.1f}% of the pairs concerned"
    if row["differ"] == 0.0:
        return f"none {where}"
    if abs(difference) == 1.0:
        return f"{100 * difference:+.0f} {where}, in every one of them"
    return f"{100 * difference:+.0f} ± {write_error(100 * error, 0)} {where}"


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _dates(row: Mapping[str, float]) -> str:
    later, error = row["days_later"], row["days_later_se"]
    if not (row["both"] > 0 and np.isfinite(error)) or (later == 0.0 and error == 0.0):
        return ""
    if abs(later) < 0.5 and error < 0.5:
        return "; where it happens in both, less than a day apart"
    word = "later" if later > 0 else "earlier"
    margin = f"± {error:.0f}" if error >= 0.5 else "± less than 1"
    return f"; where it happens in both, {abs(later):.0f} {margin} days {word}"


def _ratio(ratio: float, error: float) -> str:
    if np.isnan(ratio):
        return ""
    if np.isinf(ratio):
        return "; common clocks leave no noise"
    digits = 0 if ratio >= 10 else 1
    return f"; variance {ratio:,.{digits}f} ± {error:,.{digits}f} times smaller than on independent clocks"


# -- files ------------------------------------------------------------------------------------------------------------


def save_answer(
    folder: Path,
    text: str,
    question: Intervention,
    products: Mapping[str, Comparison],
    provenance: Mapping[str, Any],
) -> Path:
    """Write an answer: ``answer.txt``, the question, tables of each product, provenance."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "answer.txt", text + "\n")
    plain = question.model_dump(by_alias=True, exclude_defaults=True, exclude_none=True)
    write_whole(folder / "question.toml", dump_toml(_lists(plain)))
    for name, product in products.items():
        for part, table in ((name, product.summary()), (f"{name}-partings", product.through())):
            with whole_file(folder / f"{part}.csv") as file:
                table.to_csv(file, index=False)
    write_whole(folder / "provenance.json", json.dumps(dict(provenance), indent=2) + "\n")
    return folder


def _lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _lists(inner) for key, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, list | tuple) else value
