"""Do the parts of a scenario fit together? Names that exist, sides that can deal, gates that can open.

Each check is a generator of problems over a :class:`Draft`; none stops at the first mistake or relies on another.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from negsim.problems import Problem
from negsim.scenario_checks.beginnings import check_drivers, check_initial
from negsim.scenario_checks.channels import check_channels, check_gates, count_subsets
from negsim.scenario_checks.draft import Draft
from negsim.scenario_checks.numbers import PRIOR_NUMBERS, check_parameters, check_terms
from negsim.scenario_checks.parties import (
    check_actors,
    check_coercions,
    check_concessions,
    check_demands,
    check_goods,
    check_pairs,
    check_period,
)
from negsim.scenario_checks.paths import match_paths, number_paths

__all__ = ["PRIOR_NUMBERS", "Draft", "count_subsets", "find_misfits", "match_paths", "number_paths"]

CHECKS: Final = (
    check_period,
    check_actors,
    check_goods,
    check_concessions,
    check_channels,
    check_gates,
    check_demands,
    check_coercions,
    check_pairs,
    check_drivers,
    check_initial,
    check_terms,
    check_parameters,
)
"""All checks, in the order of a file's tables."""


def find_misfits(draft: Draft) -> Iterator[Problem]:
    """Every place where the parts of a scenario do not fit together, in the order of the file's tables."""
    found = itertools.chain.from_iterable(check(draft) for check in CHECKS)
    return (problem for problem in found if not draft.told(problem.key))
