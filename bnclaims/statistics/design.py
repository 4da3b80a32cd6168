"""Designs: when a claim looks at its seeds, and how it controls its error over the looks.

Both kinds answer the same questions, so that evidence need not know which one it has: from which t
on a look decides, what p accounts for the other looks, and the same for a share of the seeds.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bnclaims.statistics.boundary import Boundary, ExponentialBoundary, NormalBoundary
from bnclaims.statistics.contrasts import binomial_p
from bnclaims.statistics.e_values import share_evalue, t_critical, t_evalue
from bnclaims.statistics.numerics import bisect, threshold
from bnclaims.statistics.sequential_binomial import adjusted_share_p
from bnclaims.statistics.spending import Power, Spending, check_alpha, checked_looks, spent_alpha

__all__ = ["Design", "Open", "Sequential", "decisions", "lowest_share"]


class Design(Protocol):
    """When a claim looks at its seeds, and what decides."""

    name: ClassVar[str]

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds at which the claim is judged, increasing, the first at least 3."""

    @property
    def alpha(self) -> float:
        """One-sided error over all looks together."""

    @property
    def futility(self) -> float:
        """The chance of a verdict below which a claim stops, undecided; 0 lets it go on."""

    def with_alpha(self, alpha: float) -> Self:
        """Returns the same design at another error rate."""

    def ending_at(self, look: int) -> Self:
        """Returns the same design without the looks after one."""

    def for_symmetric(self) -> Self:
        """Returns the same design for data that are known to be symmetric."""

    def critical(self, look: int) -> float:
        """Returns the t statistic from which on a look decides."""

    def critical_alone(self, seeds: int) -> float:
        """Returns the t statistic that would decide if this were the only look."""

    def decides_alone(
        self, seeds: int, chance: Callable[[float], float], probability: float
    ) -> bool:
        """Says whether so many seeds, as the only look, decide with some probability.

        Args:
            seeds: How many.
            chance: Of reaching a t statistic, falling with it from 1 to 0.
            probability: That of reaching `critical_alone` must be at least this.
        """

    def adjusted_p(self, t: float, look: int) -> float:
        """Returns the one-sided p-value of a t statistic that accounts for the other looks."""

    def adjusted_share_p(self, hits: int, look: int, share: float = 0.5) -> float:
        """Returns the same for so many seeds that hit, against at most a share hitting."""

    def critical_hits_alone(self, seeds: int) -> int:
        """Returns how many seeds must hit to show, if this were the only look, that most do."""

    def level(self, look: int) -> float:
        """Returns what an adjusted p must not exceed for a look to decide."""


@dataclass(frozen=True)
class Sequential:
    """Group-sequential: planned looks, and a boundary that spends alpha over them.

    Attributes:
        looks: Numbers of seeds, increasing, the first at least 3.
        alpha: One-sided error over all looks together.
        spending: How alpha is spread over the looks.
        boundary: For which data it holds.
        futility: The chance of a verdict below which a claim stops, undecided; 0 lets it go on.
    """

    looks: tuple[int, ...] = (5, 10, 15, 20)
    alpha: float = 0.01
    spending: Spending = field(default_factory=Power)
    boundary: Boundary = field(default_factory=ExponentialBoundary)
    futility: float = 0.1

    name: ClassVar[str] = "sequential"

    def __post_init__(self) -> None:
        _check(self)
        spent_alpha(self.looks, self.alpha, self.spending)

    def __str__(self) -> str:
        how = f"spending {self.spending}, {self.boundary.name} boundary"
        return f"{_looks_and_alpha(self)}, {how}"

    def with_alpha(self, alpha: float) -> Self:
        """Returns the same design at another error rate."""
        return replace(self, alpha=alpha)

    def ending_at(self, look: int) -> Self:
        """Returns the same design without the looks after one."""
        return replace(self, looks=self.looks[: look + 1])

    def for_symmetric(self) -> Self:
        """Returns the same design with the normal boundary, which keeps alpha for such data."""
        return replace(self, boundary=NormalBoundary())

    def critical(self, look: int) -> float:
        """Returns the t statistic from which on a look decides."""
        return _critical_values(self)[look]

    def critical_alone(self, seeds: int) -> float:
        """Returns the t statistic that would decide if this were the only look."""
        return self.boundary.critical_alone(seeds, self.alpha)

    def decides_alone(
        self, seeds: int, chance: Callable[[float], float], probability: float
    ) -> bool:
        """Says whether so many seeds, as the only look, decide with some probability."""
        return chance(self.critical_alone(seeds)) >= probability

    def adjusted_p(self, t: float, look: int) -> float:
        """Returns the one-sided p-value of a t statistic that accounts for earlier looks."""
        return self.boundary.adjusted_p(t, look, self.looks, self.alpha, self.spending)

    def adjusted_share_p(self, hits: int, look: int, share: float = 0.5) -> float:
        """Returns the same for so many seeds that hit, against at most a share hitting."""
        return adjusted_share_p(hits, look, self.looks, self.alpha, self.spending, share=share)

    def critical_hits_alone(self, seeds: int) -> int:
        """Returns how many seeds must hit to show, if this were the only look, that most do."""
        return int(np.count_nonzero(binomial_p(np.arange(seeds + 1), seeds) > self.alpha))

    def level(self, look: int) -> float:
        """Returns what an adjusted p must not exceed for a look to decide."""
        return spent_alpha(self.looks, self.alpha, self.spending)[look]


@dataclass(frozen=True)
class Open:
    """Open-ended: e-values, so that seeds may be added to stored runs at any time.

    Attributes:
        looks: Numbers of seeds at which this session looks, increasing, the first at least 3.
            Another session may look at others, and go on further: the error rate holds over all.
        alpha: One-sided error over all looks that there will ever be.
        futility: As for planned looks, in view of this session's looks.
    """

    looks: tuple[int, ...] = (5, 10, 15, 20)
    alpha: float = 0.01
    futility: float = 0.1

    name: ClassVar[str] = "open"

    def __post_init__(self) -> None:
        _check(self)

    def __str__(self) -> str:
        return f"{_looks_and_alpha(self)}, open-ended"

    def with_alpha(self, alpha: float) -> Self:
        """Returns the same design at another error rate."""
        return replace(self, alpha=alpha)

    def ending_at(self, look: int) -> Self:
        """Returns the same design without the looks after one."""
        return replace(self, looks=self.looks[: look + 1])

    def for_symmetric(self) -> Self:
        """Returns the design itself, which is made for such data."""
        return self

    def critical(self, look: int) -> float:
        """Returns the t statistic from which on a look decides."""
        return t_critical(self.looks[look], self.alpha)

    def critical_alone(self, seeds: int) -> float:
        """Returns the t statistic that would decide if this were the only look."""
        return t_critical(seeds, self.alpha)

    def decides_alone(
        self, seeds: int, chance: Callable[[float], float], probability: float
    ) -> bool:
        """Says whether so many seeds, as the only look, decide with some probability."""
        # One e-value: the critical t would take some sixty of them.
        too_far = threshold(lambda t: chance(t) < probability)
        return t_evalue(math.nextafter(too_far, -math.inf), seeds) >= 1 / self.alpha

    def adjusted_p(self, t: float, look: int) -> float:
        """Returns 1 / e-value, a p-value whenever one stops."""
        return _anytime_p(t_evalue(t, self.looks[look]))

    def adjusted_share_p(self, hits: int, look: int, share: float = 0.5) -> float:
        """Returns the same for so many seeds that hit, against at most a share hitting."""
        return _anytime_p(share_evalue(hits, self.looks[look], share))

    def critical_hits_alone(self, seeds: int) -> int:
        """Returns how many seeds must hit to show, if this were the only look, that most do."""

        def shows(hits: int) -> bool:
            return share_evalue(hits, seeds) >= 1 / self.alpha

        return bisect_left(range(seeds + 1), True, key=shows)

    def level(self, look: int) -> float:  # noqa: ARG002  (the same at every look)
        """Returns what an adjusted p must not exceed for a look to decide."""
        return self.alpha


@lru_cache(maxsize=256)
def _critical_values(design: Sequential) -> tuple[float, ...]:
    return design.boundary.critical_values(design.looks, design.alpha, design.spending)


def lowest_share(design: Design, hits: int, look: int) -> float:
    """Returns the lower end of the repeated interval of the share of all seeds that hit.

    It is the largest share that the design's test still rejects. One less this share of the
    misses is the upper end.
    """
    if hits == 0:
        return 0.0
    level = design.level(look)
    return bisect(lambda share: design.adjusted_share_p(hits, look, share) > level, 0.0, 1.0)[0]


def decisions(t: NDArray[np.float64], support: float, refute: float) -> NDArray[np.int8]:
    """Returns the rule's decision: 1 for supported, -1 for refuted, 0 for neither.

    Args:
        t: A t statistic for each edge of the region, on the first axis; positive is inside.
        support: Critical value of supporting, at every edge.
        refute: Critical value of refuting, at any edge.

    Returns:
        An array of the other axes' shape.
    """
    supported = (t >= support).all(axis=0)
    refuted = (t <= -refute).any(axis=0)
    return np.where(supported, 1, np.where(refuted, -1, 0)).astype(np.int8)


def _anytime_p(e_value: float) -> float:
    return min(1.0, 1 / e_value) if e_value else 1.0


def _looks_and_alpha(design: Design) -> str:
    looks = ", ".join(map(str, design.looks))
    return f"looks at {looks} seeds, alpha {design.alpha:g} each way"


def _check(design: Any) -> None:
    # Two seeds allow a t statistic, but an interval of one degree of freedom is worthless. A list
    # must not make the design unhashable, nor a NumPy integer unserialisable.
    object.__setattr__(design, "looks", checked_looks(design.looks, first=3))
    check_alpha(design.alpha)
    if not 0 <= design.futility < 1:
        raise ValueError(f"futility must lie between 0 and 1, got {design.futility!r}")
    object.__setattr__(design, "alpha", float(design.alpha))
