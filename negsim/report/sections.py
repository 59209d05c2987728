"""What does a report say? Each section a question, sentences, tables and pictures, from what was found.

A picture always comes with the sentence that says what is to be seen in it; a number with its uncertainty or with why
it has none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from negsim.calibration.identifiability import identify
from negsim.calibration.posterior import Posterior, describe_evidence
from negsim.chronology_files import load_chronology
from negsim.descriptions import list_sections, say_count
from negsim.forecasts.explanations import explain_events, is_trusted
from negsim.moves import list_consequences, list_events
from negsim.odd import Listing, Part, describe_model
from negsim.plots import draw_explanation, draw_histories, draw_ledger, draw_parameters, draw_responses, draw_timeline
from negsim.plots.page import describe_events, name_kind, name_question
from negsim.problems import ScenarioError
from negsim.questions import Question
from negsim.report.cells import (
    MOST_ROWS,
    SENTENCES,
    draw,
    embed,
    find_pictures,
    first_line,
    list_table,
    name_place,
    pictures_in,
    write_change,
    write_date,
    write_factor,
    write_mean,
    write_share,
    write_span,
)  # fmt: skip
from negsim.report.findings import Findings, Picture
from negsim.results import Ensemble
from negsim.version import VERSION

if TYPE_CHECKING:
    import pandas

    from negsim.chronology import Chronology
    from negsim.scenario import Scenario

DRAWN: Final = 6
"""Kinds of event in the picture of a sweep."""
LIKELIEST: Final = 30
"""Kinds of event in the table of what the model says."""
LIMITS: Final = (
    "A simulated frequency is a statement about the model, not about the world.",
    "Moves are drawn from hazards: nobody in the model looks ahead, bluffs, or learns of its own forecast.",
    "What a case has as a judgement stays one after the fit unless the events moved it; most of its numbers are fixed.",
    "Another model could give these events the same probability: a good fit supports a theory only against the rivals "
    "that were fitted beside it.",
    "What was reported is not what happened: silence counts only as far as the chronology says that it would.",
)


@dataclass
class Section:
    """A question and what the results say to it."""

    name: str
    title: str
    paragraphs: list[str] = field(default_factory=list)
    lines: str = ""
    listings: list[Listing] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    parts: tuple[Part, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return not (self.paragraphs or self.lines or self.listings or self.pictures or self.parts)


@dataclass(frozen=True)
class Report:
    """What the page is made of."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    missing: tuple[str, ...]
    version: str = VERSION


def write_sections(found: Findings, runs: int = 0) -> Report:
    """Say what was found, section by section, and what a fuller report would need.

    Parameters
    ----------
    found : Findings
    runs : int
        Histories that may be drawn to hold a fit against its events.
    """
    if runs and not any(_is_beside(table) for table in found.tables.values()):
        _hold_against_events(found, runs)
    write: tuple[Callable[[Findings], Section], ...] = (
        _question, _scenario, _model, _article, _parameters, _checks, _forecast, _theories, _counterfactuals, _sweeps,
        _other, _limits, _description,
    )  # fmt: skip
    every = [one(found) for one in write]
    scenario = found.scenario
    title = (scenario.title or scenario.name) if scenario is not None else found.folder.name
    period = f"{scenario.start} to {scenario.end}" if scenario is not None else ""
    shown = tuple(section for section in every if not section.is_empty)
    missing = tuple(HOW_TO[section.name] for section in every if section.is_empty and section.name in HOW_TO)
    return Report(title, period, shown, missing)


HOW_TO: Final = {
    "model": "histories of the model: negsim run CASE --out DIR",
    "article": "the events beside the model: negsim report DIR, with a fit in DIR and runs allowed (--runs)",
    "parameters": "what the events say about the numbers: negsim fit CASE --out DIR/fit",
    "checks": "whether the fit can be trusted: negsim diagnose DIR/fit --out DIR/checks",
    "forecast": "what comes next: negsim forecast DIR/fit --out DIR/forecast",
    "theories": "which theories the events speak for: negsim compare DIR/fit --out DIR/theories",
    "counterfactuals": "what would have been otherwise: negsim whatif",
    "sweeps": "what the answers depend on: negsim sweep",
}


# -- the sections, in the order of the page ---------------------------------------------------------------------------


def _question(found: Findings) -> Section:
    section = Section("question", "The question")
    if (scenario := found.scenario) is not None and scenario.description:
        section.paragraphs.append(scenario.description.strip())
    section.paragraphs.append(
        "Which rules of bargaining, at which strengths, make this history probable, what else could have happened "
        "under the same rules, and what may come next?"
    )
    for name, posterior in found.posteriors.items():
        told = posterior.provenance
        section.paragraphs.append(
            f"Fitted ({name_place(name)}): {told.get('chronology', 'a chronology')} until "
            f"{told.get('until', 'its end')}, by {posterior.method}, {posterior.evaluations:,} likelihoods, "
            f"worth {posterior.ess:.0f} independent draws; {describe_evidence(posterior)}."
        )
    for name, ensemble in found.ensembles.items():
        drawn = say_count(ensemble.runs, "history", "histories")
        section.paragraphs.append(
            f"Simulated ({name_place(name)}): {drawn}, seed {ensemble.seed}, hazards updated every "
            f"{ensemble.provenance['tick']}."
        )
    return section


def _scenario(found: Findings) -> Section:
    section = Section("scenario", "The scenario in words")
    if found.scenario is not None:
        section.paragraphs.append(
            "Costs, worths and reservations are in log-odds: 1 takes an even chance to 73%, 2 to 88%. A hit of 1 is "
            "the hardest blow of the case. Rates are per year."
        )
        every = ((title, tuple(rows)) for title, rows in list_sections(found.scenario))
        section.listings = [Listing(title, (), rows) for title, rows in every if rows]
    return section


def _model(found: Findings) -> Section:
    section = Section("model", "What the model says")
    whole = {name: ensemble for name, ensemble in found.ensembles.items() if not found.is_forecast(name)}
    for name, ensemble in whole.items():
        place = f" ({name_place(name)})" if len(whole) > 1 else ""
        section.pictures += list(_draw_ensemble(ensemble, place))
        section.listings.append(_summary(ensemble, place))
    return section


def _draw_ensemble(ensemble: Ensemble, place: str) -> Iterator[Picture]:
    yield draw(
        draw_timeline(ensemble),
        "When each kind of event first happens: the bar holds 80 per cent of the histories that have it, the mark is "
        f"the middle, and the share at the right is how many have it at all{place}.",
    )
    if ensemble.columns is None:
        return
    yield draw(
        draw_histories(ensemble),
        f"Some single histories, event by event: how different they are is what one history cannot show{place}.",
    )
    yield draw(
        draw_ledger(ensemble),
        "Who gave what to whom, and how often, over all histories: whether what was promised was also "
        f"delivered{place}.",
    )


def _summary(ensemble: Ensemble, place: str) -> Listing:
    table = ensemble.summary().sort_values("probability", ascending=False)
    rows = tuple(
        (
            _name(ensemble, row),
            write_share(row.probability, row.probability_mcse),
            *(write_date(getattr(row, f"date_{share}")) for share in (10, 50, 90)),
            write_mean(row.count, row.count_mcse),
        )
        for row in table.head(LIKELIEST).itertuples(index=False)
    )
    return Listing(
        f"The {len(rows)} likeliest kinds of event: probability with its Monte-Carlo error, first time by 10, 50 and "
        f"90 per cent of the histories that have it, mean number of times{place}",
        ("event", "probability", "10%", "50%", "90%", "times"),
        rows,
    )


def _name(ensemble: Ensemble, row: Any) -> str:
    """What a line of the summary is about, in words."""
    address = [str(getattr(row, part)) for part in ("kind", "actor", "channel", "subject")]
    events = [e for e in ensemble.compiled.labels.events if [e.kind, e.actor, e.channel, e.subject] == address]
    named = events or [e for e in ensemble.compiled.labels.events if [e.kind, e.actor, e.channel] == address[:3]]
    return ", ".join(describe_events(ensemble.scenario, named)) if named else " ".join(filter(None, address))


def _article(found: Findings) -> Section:
    section = Section("article", "The reported events beside the model")
    section.listings += [_beside(table) for table in found.tables.values() if _is_beside(table)]
    section.pictures += [*found.drawn.values(), *find_pictures(found, "explanation", "article")]
    if section.listings:
        section.paragraphs.append(
            "Share of whole simulated histories in which each event happens within a year of its date, before the fit "
            "and after it. This is fit, not forecast: the posterior has seen the events."
        )
    return section


def _is_beside(table: pandas.DataFrame) -> bool:
    return {"event", "prior", "posterior"} <= set(table.columns)


def _hold_against_events(found: Findings, runs: int) -> None:
    """Draw histories before and after each fit, and put its events beside them."""
    for name, posterior in found.posteriors.items():
        asked = posterior.provenance.get("asked") or {}
        if found.scenario is None or "chronology" not in asked:
            continue
        try:
            told = load_chronology(found.scenario, asked["chronology"], codebook=asked.get("codebook"))
            if asked.get("until"):
                told = told.cut(dt.date.fromisoformat(asked["until"]))
            held = explain_events(found.scenario, posterior, told, events=name_events(found.scenario, told), runs=runs)
        except (ScenarioError, ValueError) as error:
            found.unread.append(f"{name_place(name)}: events not put beside the model ({error})")
            continue
        found.tables[f"{name}/explanation"] = held.table
        found.drawn[name] = draw(draw_explanation(held), SENTENCES["explanation"])


def name_events(scenario: Scenario, told: Chronology) -> list[dict[str, str]]:
    """The told moves of a chronology, each with a name for a reader."""
    known = {event.name: event for event in list_events(scenario)}
    named = []
    low, high = told.placement.low, told.placement.high  # as far as the order of events bounds them
    for place, move in enumerate(told.moves):
        if move.implied:
            continue
        event = known[move.names[0]]
        either = "" if len(move.names) > 1 else event.actor
        words = name_kind(scenario, [event]) if either else describe_events(scenario, [event])[0]
        named.append(
            {
                "label": f"{move.row} {words}",
                "date_start": told.date(low[place]).isoformat(),
                "date_end": told.date(high[place] - 1.0).isoformat(),
                "kind": event.kind,
                "actor": either,
                "channel": event.channel,
                "subject": event.subject,
                "row": move.row,
            }
        )
    return sorted(named, key=lambda one: (one["date_start"], one["date_end"]))


def _beside(table: pandas.DataFrame) -> Listing:
    rows = tuple(
        (
            str(row["event"]),
            write_span(row.get("start"), row.get("end")),
            write_share(row["prior"], row.get("prior_error")),
            write_share(row["posterior"], row.get("posterior_error")),
            write_share(row.get("left_out"), row.get("left_out_error")) if is_trusted(row) else "not known",
        )
        for _, row in table.head(MOST_ROWS).iterrows()
    )
    headings = ("event", "reported", "before the fit", "after it", "fitted without it")
    return Listing("Events and how probable the model makes them near their dates", headings, rows)


def _parameters(found: Findings) -> Section:
    section = Section("parameters", "What the events say about the numbers")
    declared = () if found.scenario is None else found.scenario.parameter
    labels = {spec.name: f"{spec.label} ({spec.name})" for spec in declared if spec.label}
    for name, posterior in found.posteriors.items():
        section.pictures.append(
            draw(
                draw_parameters(posterior, scenario=found.scenario),
                "Each parameter before (pale) and after (coloured) the fit; the bar at the right is the share of the "
                "prior variance that the events removed.",
            )
        )
        section.listings.append(_posterior(posterior, name, labels))
        section.paragraphs.append(
            first_line(identify(posterior).summary()) + ". A parameter marked prior-driven was not learned. One marked "
            "moved has shifted, but is not known more precisely for certain. For one marked cannot tell, there are too "
            "few draws to say."
        )
    return section


def _posterior(posterior: Posterior, name: str, labels: Mapping[str, str]) -> Listing:
    rows = tuple(
        (
            labels.get(str(key), str(key)),
            f"{row['mean']:.3g} ± {row['mcse']:.2g}",
            f"{row['q05']:.3g} to {row['q95']:.3g}",
            f"{row['prior_q05']:.3g} to {row['prior_q95']:.3g}",
            f"{row['contraction']:.0%} ± {row['contraction_mcse']:.0%}",
            str(row["says"]),
        )
        for key, row in posterior.summary().iterrows()
    )
    headings = ("number", "mean ± Monte-Carlo error", "90% after", "90% before", "variance taken away", "says")
    return Listing(f"The numbers before and after ({name_place(name)})", headings, rows)


def _checks(found: Findings) -> Section:
    section = Section("checks", "Whether the fit can be trusted")
    checks = [path for path in found.texts if Path(path).name == "diagnosis.txt"]
    section.lines = "\n\n\n".join(found.texts[path].strip() for path in checks)
    return section


def _forecast(found: Findings) -> Section:
    section = Section("forecast", "What comes next")
    for path, table in found.tables_called("forecast"):
        if not {"question", "probability", "error"} <= set(table.columns):
            continue
        rows = tuple(
            (
                _say_question(found.scenario, str(row["question"])),
                write_share(row["probability"], row["error"]),
                *(write_date(row.get(f"date_{share}")) for share in (10, 50, 90)),
            )
            for _, row in table.head(MOST_ROWS).iterrows()
        )
        drawn = found.ensembles.get(Path(path).parent.as_posix())
        last = "the last day that was drawn" if drawn is None else _last_day(drawn).isoformat()
        if drawn is not None and found.scenario is not None and _last_day(drawn) > found.scenario.end:
            beyond = f"Beyond the scenario's end ({found.scenario.end}) nothing new comes from outside"
            section.paragraphs.append(f"{beyond}: drivers keep their values ({name_place(path)}).")
        caption = f"Probability by {last}, and when it comes if it comes ({name_place(path)})"
        section.listings.append(Listing(caption, ("event", "probability", "10%", "50%", "90%"), rows))
    section.pictures += find_pictures(found, "forecast")
    if section.listings:
        section.paragraphs.insert(
            0,
            "Futures that begin where the chronology ends, each with its own draw of the numbers and of what the "
            "chronology leaves open. They hold three uncertainties: of the numbers, the open dates, and what happens.",
        )
    return section


def _say_question(scenario: Scenario | None, label: str) -> str:
    """A question in words, where it is the address of a kind of event that the scenario has."""
    known = [] if scenario is None else [*list_events(scenario), *list_consequences(scenario)]
    return label if scenario is None else name_question(scenario, Question(label, (label,)), known)


def _last_day(ensemble: Ensemble) -> dt.date:
    """The last day that was simulated."""
    return ensemble.scenario.start + dt.timedelta(days=ensemble.until - 1.0)


def _theories(found: Findings) -> Section:
    section = Section("theories", "Which theories the events speak for")
    for path, table in found.tables.items():
        if not {"without", "change", "error", "says"} <= set(table.columns):
            continue
        rows = tuple(
            (str(row["without"]), write_change(row["change"], row["error"]), write_factor(row["change"]), row["says"])
            for _, row in table.head(MOST_ROWS).iterrows()
        )
        caption = f"What the log evidence loses or gains without each theory ({name_place(path)})"
        section.listings.append(Listing(caption, ("without", "change", "factor for it", "says"), rows))
    if section.listings:
        section.paragraphs.append(
            "The factor says how many times as probable the events are with a theory as without it, averaged over the "
            "prior: 20 counts as enough, 1 is nothing, less speaks against the theory."
        )
    section.pictures += find_pictures(found, "comparison", "theories", "compare", "evidence")
    return section


def _counterfactuals(found: Findings) -> Section:
    section = Section("counterfactuals", "What would have been otherwise")
    answers = [path for path in found.texts if Path(path).name == "answer.txt"]
    several = len(answers) > 1
    told = ((f"[{Path(path).parent}]\n" if several else "") + found.texts[path].strip() for path in answers)
    section.lines = "\n\n\n".join(told)
    for path in answers:
        folder = Path(path).parent
        inside = [name for name in found.tables if Path(name).parent == folder]
        section.pictures += pictures_in(found, folder)
        if inside:
            section.paragraphs.append(f"Every kind of event, pair by pair, is in {', '.join(inside)}.")
    return section


def _sweeps(found: Findings) -> Section:
    section = Section("sweeps", "What the answers depend on")
    for name, done in found.sweeps.items():
        told = done.to_frame()
        spread = told.groupby("event")["probability"].agg(lambda values: values.max() - values.min())
        moved = [str(event) for event in spread.nlargest(DRAWN).index]
        caption = "How probable the events that differ most between points are, as each number that was varied changes."
        section.pictures += [draw(draw_responses(done, moved), caption)] if moved else []
        section.paragraphs.append(
            f"Swept ({name_place(name)}): {len(done.design)} points of {', '.join(done.design.names)}, "
            f"{done.runs:,} histories each, {done.share_done:.0%} done."
        )
    names = ("sensitivity", "indices", "importance")
    section.listings += [list_table(path, table) for path, table in found.tables_called(*names) if len(table)]
    section.pictures += find_pictures(found, "tornado", *names)
    return section


def _other(found: Findings) -> Section:
    section = Section("other", "Other pictures in the folder")
    drawn = ("timeline", "histories", "ledger", "parameters")
    used = ("explanation", "article", "forecast", "comparison", "theories", "compare", "evidence", *drawn)
    answered = {Path(path).parent for path in found.texts if Path(path).name == "answer.txt"}
    for path, file in found.pictures.items():
        if Path(path).parent not in answered and not file.stem.startswith(used):
            section.pictures.append(Picture(embed(file.read_bytes()), SENTENCES.get(file.stem, f"From {path}.")))
    return section


def _limits(found: Findings) -> Section:
    section = Section("limits", "Identifiability and limits")
    for name, posterior in found.posteriors.items():
        section.paragraphs.append(f"({name_place(name)})")
        section.lines += ("\n\n" if section.lines else "") + identify(posterior).summary()
    section.paragraphs = [] if len(found.posteriors) == 1 else section.paragraphs
    section.paragraphs += LIMITS
    if (scenario := found.scenario) is not None:
        weak = [words for words in scenario.sources.values() if "general knowledge" in words]
        if weak:
            section.paragraphs.append(
                f"{len(weak)} of the {len(scenario.sources)} sources of the case rest, wholly or for a date, on "
                "general knowledge and not on a source that was looked up."
            )
    for ensemble in found.ensembles.values():
        if stopped := len(ensemble.stopped[0]):
            section.paragraphs.append(
                f"{stopped:,} of {ensemble.runs:,} histories exploded and were stopped: terms fed on themselves there."
            )
    section.paragraphs += [
        f"Of another version of the scenario than this page: {name_place(place)}. The case was changed between two "
        f"commands, so these numbers do not belong together; run the older command again."
        for place in found.strangers
    ]
    section.paragraphs += [f"Not read: {reason}" for reason in found.unread]
    if section.lines:
        section.paragraphs.append(
            "Below: which numbers were learned, and along which combinations of them. Before each combination stands "
            "the share of the prior variance that the events removed along it; along a flat one they said nothing."
        )
    return section


def _description(found: Findings) -> Section:
    section = Section("odd", "The model, by the ODD protocol")
    section.parts = describe_model(found.scenario)
    return section
