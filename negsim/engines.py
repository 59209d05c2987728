"""Which engine runs: the numpy kernel, or the loops compiled by numba?

Both give the same histories and likelihoods (docs/design.md, "Two engines"); only how long it takes differs.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Final

from negsim.compiler import Compiled
from negsim.problems import NegsimError, find_nearest
from negsim.scalar.building import CannotCompile
from negsim.scalar.drawing import prepare
from negsim.trials import require_numbers

ENGINES: Final = ("numpy", "compiled", "auto")


class NoCompiledEngine(NegsimError, ImportError):
    """The compiled engine was asked for and the package it needs is not installed; the message names the extra."""


class EngineWarning(UserWarning):
    """The compiled engine cannot take a scenario, so that the numpy kernel runs it; the message says why."""


def choose_engine(engine: str, compiled: Compiled) -> str:
    """Choose who runs a scenario: ``numpy`` or ``compiled``.

    Parameters
    ----------
    engine : str
        ``numpy``; ``compiled``; or ``auto``: compiled where numba is installed, else numpy.
    compiled : Compiled
        The scenario.

    Raises
    ------
    ValueError
        For a name that is none of these.
    NoCompiledEngine
        When `compiled` is asked for and numba is not installed.
    ScenarioError
        When a term of the scenario's own gives no numbers.

    Warns
    -----
    EngineWarning
        When the compiled engine cannot take the scenario, which numpy then runs.
    """
    if engine not in ENGINES:
        nearest = find_nearest(engine, ENGINES)
        hint = f"; nearest: {nearest}" if nearest else ""
        raise ValueError(f"engine: {engine!r} is not among {', '.join(ENGINES)}{hint}")
    require_numbers(compiled)
    if engine == "numpy" or (engine == "auto" and find_spec("numba") is None):
        return "numpy"
    if find_spec("numba") is None:
        raise NoCompiledEngine('engine="compiled" needs numba: pip install "negsim[fast]"')
    try:
        prepare(compiled)
    except CannotCompile as reason:
        warnings.warn(f"the numpy engine runs {compiled.scenario.name}: {reason}", EngineWarning, stacklevel=3)
        return "numpy"
    return "compiled"
