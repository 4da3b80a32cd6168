"""Solved group-sequential boundaries, and the p-value that accounts for earlier looks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["SolvedBoundary", "Stage"]


class Stage(Protocol):
    """What is known at one look under the null."""

    def upper_tail(self, t: float) -> float:
        """Returns the chance of reaching the look uncrossed with a statistic of t or more."""


@dataclass(frozen=True, eq=False)
class SolvedBoundary:
    """A boundary, with what p-values need.

    Attributes:
        stages: One a look.
        spent: The error spent up to each look, on each side.
        critical: The critical value of each look.
        sides: On how many sides the boundary stops, 1 or 2.
    """

    stages: Sequence[Stage]
    spent: tuple[float, ...]
    critical: tuple[float, ...]
    sides: int = 1

    def adjusted_p(self, t: float, look: int) -> float:
        """Returns the p-value of a statistic at a look.

        Outcomes are ordered stage-wise (Jennison & Turnbull 2000, section 8.4): an earlier stop is
        more extreme, and within a look the larger t (its size, with two sides). So p is the null
        probability of crossing at an earlier look, plus that of reaching this look uncrossed with a
        statistic at least as large. It is at most the error spent up to this look exactly when the
        look's critical value is reached.

        Args:
            t: The statistic, possibly infinite; nan gives nan.
            look: Index of the look, from 0.

        Raises:
            ValueError: There is no such look.
        """
        if not 0 <= look < len(self.stages):
            raise ValueError(f"look must be an index into the {len(self.stages)} looks, got {look}")
        if math.isnan(t):
            return math.nan
        t = abs(t) if self.sides == 2 else t
        before, spent = (self.sides * self.spent[i] if i >= 0 else 0.0 for i in (look - 1, look))
        p = before + self.sides * self.stages[look].upper_tail(t)
        # The boundary is found to rounding error; which side of it t lies on is decided by t.
        if t >= self.critical[look]:
            return min(p, spent)
        return min(max(p, math.nextafter(spent, 1.0)), 1.0)
