"""What does the page show? Pieces of HTML for the browser to put in their places; every word from a file is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

import numpy as np

from negsim.app.asking import Request
from negsim.app.ensembles import MOST_ROWS, list_questions, list_telling
from negsim.app.fans import difference_with_error, draw_fans, share_with_error, write_share
from negsim.app.network import WORDS, draw_network, find_arrows
from negsim.app.stepping import Frame
from negsim.compiler import Compiled
from negsim.margins import write_error
from negsim.moves import Event
from negsim.plots.page import describe_events, name_of
from negsim.problems import ScenarioError
from negsim.questions import Answers
from negsim.results import Ensemble
from negsim.vocabulary import CHANNEL_STAGES

SHOWN: Final = 14
"""Events of the feed that are on the page at once."""
Cells = Iterable[str]


def show_problems(error: ScenarioError) -> str:
    """Every mistake, in a list."""
    told = "".join(
        f"<li><code>{escape(problem.key or problem.file)}</code>: {escape(problem.given)}. Allowed: "
        f"{escape(problem.allowed)}{escape(f'. Did you mean {problem.nearest}?' if problem.nearest else '')}</li>"
        for problem in error.problems[:20]
    )
    more = len(error.problems) - 20
    return f"<p>This cannot be used:</p><ul>{told}</ul>" + (f"<p>and {more} more</p>" if more > 0 else "")


def _table(heads: Sequence[str], rows: Iterable[Cells], kind: str, caption: str) -> str:
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<table class="{kind}"><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'
    )


# -- the case ---------------------------------------------------------------------------------------------------------


def show_case(compiled: Compiled) -> str:
    """What the case is about."""
    case = compiled.scenario
    counts = {"actor": len(case.actor), "channel": len(case.channel), "concession": len(case.concession)}
    sizes = ", ".join(f"{count} {noun}{'s' * (count != 1)}" for noun, count in counts.items())
    text = " ".join(case.description.split())
    return (
        f"<h2>{escape(case.title or case.name)}</h2><p>{escape(text)}</p>"
        f'<p class="note">{case.start} to {case.end}, hazards updated each {case.tick}; {sizes}.</p>'
    )


# -- one history ------------------------------------------------------------------------------------------------------


def say_event(compiled: Compiled, event: Event) -> str:
    """An event in words: what happened, and between whom."""
    what, who = describe_events(compiled.scenario, [event])
    if event.kind == "agree":
        items = ", ".join(name_of(compiled.scenario.concession, item) for item in event.items)
        what = f"Accord: {items}"
    return f'{escape(what)} <span class="who">{escape(who)}</span>'


def show_moment(request: Request, frames: Sequence[Frame]) -> str:
    """What has just happened, in a line."""
    step = min(request.step, len(frames) - 1)
    happened = "; ".join(say_event(request.compiled, event) for event in frames[step].events) or "The start"
    return f'<time>{frames[step].date}</time> {happened}<span class="note">event {step} of {len(frames) - 1}</span>'


def show_frame(request: Request, frames: Sequence[Frame]) -> str:
    """One moment of a history: the network, what stands, and the events around it."""
    step, compiled = min(request.step, len(frames) - 1), request.compiled
    return (
        f'<div class="columns"><div>{draw_network(compiled, frames[step])}{_legend()}</div>'
        f'<div class="side">{_show_feed(compiled, frames, step)}{_show_standing(compiled, frames[step])}</div></div>'
    )


def _legend() -> str:
    lines = "".join(
        f'<li><svg viewBox="0 0 44 12" aria-hidden="true"><g class="arrow {kind}"><path d="M2,6 H42"/></g></svg>'
        f"{words}</li>"
        for kind, words in WORDS.items()
    )
    channels = "".join(
        f'<li><svg viewBox="0 0 44 12" aria-hidden="true"><g class="channel {kind}">'
        f'<line x1="2" y1="6" x2="42" y2="6"/></g></svg>{words}</li>'
        for kind, words in (("planned", "talks planned"), ("open", "talks open"), ("session", "in session"))
    )
    return f'<ul class="legend">{lines}{channels}</ul>'


def _show_feed(compiled: Compiled, frames: Sequence[Frame], step: int) -> str:
    first = max(0, min(step - SHOWN // 2, len(frames) - SHOWN))
    rows = []
    for number, frame in enumerate(frames[first : first + SHOWN], start=first):
        words = "<br>".join(say_event(compiled, event) for event in frame.events) or "The start"
        now = ' class="current" aria-current="step"' if number == step else ' class="later"' if number > step else ""
        rows.append(
            f'<li{now}><button type="button" data-step="{number}"><time>{frame.date}</time><span>{words}</span>'
            f"</button></li>"
        )
    return f'<h3>Events</h3><ol class="feed" start="{first}">{"".join(rows)}</ol>'


def _show_standing(compiled: Compiled, frame: Frame) -> str:
    """What the picture shows, as a table."""
    case = compiled.scenario
    rows = [
        (
            escape(name_of(case.concession, arrow.concession)),
            escape(f"{name_of(case.actor, arrow.giver)} to {name_of(case.actor, arrow.recipient)}"),
            WORDS[arrow.standing],
        )
        for arrow in find_arrows(compiled, frame)
    ]
    rows += [
        (
            escape(name_of(case.channel, name)),
            escape(" and ".join(", ".join(name_of(case.actor, actor) for actor in side) for side in channel.sides)),
            f"talks {CHANNEL_STAGES[stage]}".replace("_", " "),
        )
        for (name, channel), stage in zip(case.channel.items(), frame.channel.tolist(), strict=True)
        if stage
    ]
    return (
        _table(("what", "between", "state"), rows, "standing", "What stands now") if rows else "<p>Nothing stands.</p>"
    )


# -- ensembles --------------------------------------------------------------------------------------------------------


def _share(share: float, error: float) -> str:
    return escape(write_share(share, error))


def _dates(request: Request, answers: Answers, row: int) -> str:
    first = answers.first[:, row]
    happened = first[np.isfinite(first)]
    if len(happened) < 5:
        return "too few to say"
    start = np.datetime64(request.compiled.scenario.start, "D")
    low, middle, high = (str(start + int(day)) for day in np.quantile(happened, [0.1, 0.5, 0.9]))
    return f'{middle} <span class="note">({low} to {high})</span>'


def show_ensemble(request: Request, ensemble: Ensemble, answers: Answers) -> str:
    """What an ensemble says: fans, and the same as a table."""
    rows = [
        (escape(question.label), _share(*share_with_error(answers.first[:, row])), _dates(request, answers, row))
        for row, question in enumerate(answers.questions)
    ]
    heads = ("what", "happens in", "first time: median (10% to 90%)")
    table = _table(heads, rows, "numbers", "The same in numbers; ± is one Monte-Carlo standard error")
    fans = draw_fans(request.compiled.scenario, ensemble.until, [answers], [f"{ensemble.runs} runs"])
    origin = _origin(request, ensemble, len(ensemble.stopped[0]))
    return f"{origin}{fans}{_how_to_read(request)}<details><summary>Table</summary>{table}</details>"


def _how_to_read(request: Request) -> str:
    shown, every = len(list_questions(request.compiled)), len(list_telling(request.compiled))
    left_out = f" The {shown} that tell most of {every} kinds of event." if shown == MOST_ROWS < every else ""
    return (
        '<p class="note">Bars: from when to when an event first happens, in the runs in which it does: the middle 80% '
        "(pale), the middle half (dark), the median (line). Right: the share of runs in which it happens at all, ± one "
        f"Monte-Carlo standard error. A share speaks of the model with these numbers, not of the world.{left_out}</p>"
    )


def _origin(request: Request, ensemble: Ensemble, stopped: int) -> str:
    moved = "".join(f", {escape(name)} = {value:.4g}" for name, value in request.settings.items())
    warning = (
        f" <strong>{stopped} runs exploded and are left out; the numbers feed on themselves.</strong>"
        if stopped
        else ""
    )
    return (
        f'<p class="origin">{ensemble.runs:,} runs, seed {ensemble.seed}{moved or ", the case as it is"}.{warning}</p>'
    )


def show_comparison(request: Request, without: Ensemble, arms: Sequence[Answers], stopped: int) -> str:
    """Without and with a change: fans beside each other, and differences of the pairs of which none was stopped."""
    change = _describe_change(request)
    rows = [
        (
            escape(question.label),
            *(_share(*share_with_error(arm.first[:, row])) for arm in arms),
            _difference(arms, row),
        )
        for row, question in enumerate(arms[0].questions)
    ]
    heads = ("what", "without", "with", "difference, run by run")
    table = _table(heads, rows, "numbers", "Percentage points; ± is one Monte-Carlo standard error")
    fans = draw_fans(request.compiled.scenario, without.until, arms, ["without", "with"])
    return (
        f'{_origin(request, without, stopped)}<p class="key"><span class="swatch arm-0"></span>without '
        f'<span class="swatch arm-1"></span>with: {change}</p>{fans}{table}{_how_to_read(request)}'
        '<p class="note">Both arms run on the same clocks: run 7 with the change is run 7 without it, as far as the '
        "change does not reach. So a difference is far surer than two separate shares.</p>"
    )


def _describe_change(request: Request) -> str:
    if request.intervention is not None:
        banned = ", ".join(ban.move for ban in request.intervention.ban)
        return escape(request.intervention.question or f"never {banned}")
    return ", ".join(f"{escape(name)} = {value:.4g}" for name, value in request.change.items()) or "nothing changed"


def _difference(arms: Sequence[Answers], row: int) -> str:
    difference, error = difference_with_error(*(arm.first[:, row] for arm in arms))
    clear = abs(difference) > 2 * error > 0
    words = escape(f"{100 * difference:+.1f} ± {write_error(100 * error, 1)}")
    return f"<strong>{words}</strong>" if clear else words
