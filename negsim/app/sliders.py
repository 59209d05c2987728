"""Which numbers can be moved, how far, and what was thought of them beforehand?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

import numpy as np

from negsim.calibration.priors import Prior1D, read_prior
from negsim.compiler import Compiled
from negsim.numbers import match_numbers
from negsim.parameters import RATES
from negsim.scenario import ParameterSpec
from negsim.terms import SHELF

STEPS = 100
"""Positions of a slider between its ends, at least."""


@dataclass(frozen=True)
class Slider:
    """A number that can be moved.

    Attributes
    ----------
    name, label : str
        What it is called in questions, and by people.
    unit : str
        Unit in which it is given.
    default, low, high, step : float
        Where it stands in the case, how far it goes (from the 1% to the 99% point of its prior), and in what steps. The
        default is one of its places, and its ends are whole steps away.
    prior : Prior1D or None
        What was thought of it before any data.
    """

    name: str
    label: str
    unit: str
    default: float
    low: float
    high: float
    step: float
    prior: Prior1D | None

    def describe_prior(self) -> str:
        """Say what was thought of it."""
        return "no prior declared" if self.prior is None else f"prior {self.prior.describe()}"


def list_sliders(compiled: Compiled) -> list[Slider]:
    """List the named parameters of a case as sliders."""
    return [_make_slider(compiled, spec) for spec in compiled.scenario.parameter]


def _make_slider(compiled: Compiled, spec: ParameterSpec) -> Slider:
    paths = match_numbers(compiled.numbers, spec.numbers)
    default = {"set": compiled.numbers[paths[0]], "multiply": 1.0, "add": 0.0}[spec.how]
    prior = None if spec.prior is None else read_prior(spec.prior)
    if prior is None:
        low, high = sorted((0.0, 3.0 * default)) if default else (-2.0, 2.0)
    else:
        low, high = (float(end) for end in prior.ppf([0.01, 0.99]))
    low, high = min(low, default), max(high, default)
    step = _round_step((high - low) / STEPS)
    low = default - step * math.floor((default - low) / step)
    high = default + step * math.ceil((high - default) / step)
    unit = {"multiply": "times", "add": "added", "set": _unit(paths[0])}[spec.how]
    return Slider(spec.name, spec.label or spec.name, unit, default, round(low, 12), round(high, 12), step, prior)


def _round_step(step: float) -> float:
    """Round a step down to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step))
    return round(max(digit for digit in (1, 2, 5) if digit * power <= step * (1 + 1e-9)) * power, 12)


def _unit(path: str) -> str:
    """Unit of a number, where its declaration or its place tells."""
    parts = path.split(".")
    if parts[0] == "term" and len(parts) == 3 and parts[1] in SHELF:
        return next((entry.unit for entry in SHELF[parts[1]].parameters if entry.name == parts[2]), "")
    if parts[-1] in RATES and "rates" in parts:
        return "per year"
    return "days" if parts[-1].endswith("_days") else ""


def draw_sliders(sliders: list[Slider], settings: Mapping[str, float]) -> str:
    """Make the controls: for each number a label, a slider, a field with its unit, and its prior."""
    return "".join(_draw_slider(number, slider, settings.get(slider.name)) for number, slider in enumerate(sliders))


def _draw_slider(number: int, slider: Slider, value: float | None) -> str:
    at = slider.default if value is None else value
    name, label, unit, about = (
        escape(text) for text in (slider.name, slider.label, slider.unit, slider.describe_prior())
    )
    given = f'value="{at:.6g}" data-name="{name}" data-default="{slider.default:.6g}"'
    return (
        f'<div class="slider"><label for="range-{number}">{label}</label>'
        f'<input type="range" id="range-{number}" min="{slider.low:.6g}" max="{slider.high:.6g}" '
        f'step="{slider.step:.6g}" {given} aria-describedby="prior-{number}">'
        f'<input type="number" id="field-{number}" step="any" {given} aria-label="{label}, {unit or "number"}">'
        f'<span class="unit">{unit}</span>{_draw_prior(slider)}'
        f'<p class="prior" id="prior-{number}">{about}</p></div>'
    )


def _draw_prior(slider: Slider) -> str:
    """Draw the prior's density under the slider, with a mark where the case stands."""
    width, height = 200.0, 14.0
    mark = width * (slider.default - slider.low) / (slider.high - slider.low)
    shape = ""
    if slider.prior is not None:
        x = np.linspace(slider.low, slider.high, 61)
        density = np.exp(slider.prior.logpdf(x) - np.max(slider.prior.logpdf(x[1:-1])))
        points = " ".join(
            f"{width * (at - slider.low) / (slider.high - slider.low):.1f},{height * (1 - min(tall, 1.0)):.1f}"
            for at, tall in zip(x, np.nan_to_num(density), strict=True)
        )
        shape = f'<polygon points="0,{height} {points} {width},{height}"/>'
    return (
        f'<svg class="density" viewBox="0 0 {width:.0f} {height:.0f}" preserveAspectRatio="none" aria-hidden="true">'
        f'{shape}<line x1="{mark:.1f}" x2="{mark:.1f}" y1="0" y2="{height:.0f}"/></svg>'
    )
