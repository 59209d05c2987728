"""Who holds what against whom? Slow resentment and fast alarm, raised by harm and eased by goodwill."""

import numpy as np

from negsim.terms.term import Effect, LogRate, Memory, Term, amount, strength


def cooler(cool, exposure, resentment, resentment_back):  # type: ignore[no-untyped-def]
    """Log rate of talking, lowered by what both sides hold against each other."""
    return -cool * exposure * (resentment + resentment_back) / 2


def hotter(heat, resentment):  # type: ignore[no-untyped-def]
    """Log rate of breaking off and of coercion, raised by resentment."""
    return heat * resentment


def alarmed(alarm, fear):  # type: ignore[no-untyped-def]
    """Log rate of quick punishment, raised by fresh alarm."""
    return alarm * fear


def act_harm(harm_act, magnitude):  # type: ignore[no-untyped-def]
    """Harm of a coercive act."""
    return harm_act * magnitude


def suspend_harm(harm_suspend, magnitude):  # type: ignore[no-untyped-def]
    """Harm of stopping what was being given."""
    return harm_suspend * magnitude


def freeze_harm(harm_freeze, magnitude):  # type: ignore[no-untyped-def]
    """Harm of freezing what might be given."""
    return harm_freeze * magnitude


def walk_out_harm(harm_walk_out, magnitude):  # type: ignore[no-untyped-def]
    """Harm of breaking off or cancelling talks."""
    return harm_walk_out * magnitude


def reject_harm(harm_reject, magnitude):  # type: ignore[no-untyped-def]
    """Harm of rejecting an accord."""
    return harm_reject * magnitude


def easing(goodwill, magnitude):  # type: ignore[no-untyped-def]
    """Factor on resentment when something of worth is delivered."""
    return np.exp(-goodwill * magnitude)


def slow_half_life(half_life_years):  # type: ignore[no-untyped-def]
    """Half-life of resentment in days."""
    return half_life_years * 365.25


def fast_half_life(alarm_half_life_days):  # type: ignore[no-untyped-def]
    """Half-life of alarm in days."""
    return alarm_half_life_days


HARMS = (
    (("act",), act_harm),
    (("suspend", "stall", "renege"), suspend_harm),
    (("freeze",), freeze_harm),
    (("walk_out", "cancel"), walk_out_harm),
    (("reject",), reject_harm),
)

TERM = Term(
    name="resentment",
    claim="Harm breeds resentment (slow) and alarm (fast); what is delivered eases resentment.",
    equation="R, F += harm; R *= exp(-goodwill worth); talks: - cool exposure (R12+R21)/2; rupture: + heat R + alarm F",
    source="Richardson 1960, Arms and Insecurity; Osgood 1962, An Alternative to War or Surrender",
    parameters=(
        strength("cool", 0.6, "how resentment slows talking"),
        strength("heat", 0.5, "how resentment hastens rupture and coercion"),
        strength("alarm", 4.0, "how fresh alarm hastens punishment", sd=1.0),
        amount("half_life_years", 4.0, "half-life of resentment", "years"),
        amount("alarm_half_life_days", 60.0, "half-life of alarm", "days"),
        amount("goodwill", 0.3, "how much a delivery of worth 1 eases resentment (log)"),
        amount("harm_act", 1.0, "harm of a coercive act that hits at 1"),
        amount("harm_suspend", 0.3, "harm of suspending, stalling or reneging on worth 1"),
        amount("harm_freeze", 0.15, "harm of freezing worth 1"),
        amount("harm_walk_out", 0.2, "harm of walking out or cancelling"),
        amount("harm_reject", 0.1, "harm of rejecting an accord"),
    ),
    memories=(
        Memory("resentment", slow_half_life, start="resentment"),
        Memory("fear", fast_half_life),
    ),
    log_rates=(
        LogRate(("plan", "open", "meet", "agree"), cooler),
        LogRate(("walk_out", "act"), hotter),
        LogRate(("cancel", "freeze", "suspend", "stall"), alarmed),
    ),
    effects=(
        *(Effect(events, memory, formula) for memory in ("resentment", "fear") for events, formula in HARMS),
        Effect(("begin",), "resentment", easing, how="scale", only=("act", "restraint")),
        Effect(("complete", "delivered"), "resentment", easing, how="scale"),
    ),
)
