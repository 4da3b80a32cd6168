"""Boundaries of planned looks at t: for normal data, or for skewed ones too."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import scipy

from bnclaims.statistics import exponential_t, sequential_t
from bnclaims.statistics.spending import Spending

__all__ = ["BOUNDARIES", "Boundary", "ExponentialBoundary", "NormalBoundary"]


class Boundary(Protocol):
    """From which t on a look decides, and the p-value that goes with it."""

    name: ClassVar[str]

    def __hash__(self) -> int:
        """Designs are looked up by their boundary."""

    def critical_values(
        self, looks: Sequence[int], alpha: float, spending: Spending
    ) -> tuple[float, ...]:
        """Returns the critical t of each look, where alpha is spent over all of them."""

    def critical_alone(self, seeds: int, alpha: float) -> float:
        """Returns the critical t of a single look."""

    def adjusted_p(
        self, t: float, look: int, looks: Sequence[int], alpha: float, spending: Spending
    ) -> float:
        """Returns the p-value, at most what is spent by a look exactly from its critical t on."""


@dataclass(frozen=True)
class NormalBoundary:
    """Spends alpha exactly where contrasts are normal; skewed ones err more often."""

    name: ClassVar[str] = "normal"

    def critical_values(
        self, looks: Sequence[int], alpha: float, spending: Spending
    ) -> tuple[float, ...]:
        """Returns the critical t of each look, where alpha is spent over all of them."""
        return sequential_t.critical_values(looks, alpha, spending)

    def critical_alone(self, seeds: int, alpha: float) -> float:
        """Returns the critical t of a single look."""
        return -float(scipy.special.stdtrit(seeds - 1, alpha))

    def adjusted_p(
        self, t: float, look: int, looks: Sequence[int], alpha: float, spending: Spending
    ) -> float:
        """Returns the p-value, at most what is spent by a look exactly from its critical t on."""
        return sequential_t.adjusted_p(t, look, looks, alpha, spending)


@dataclass(frozen=True)
class ExponentialBoundary:
    """Spends at most alpha where contrasts are normal, and where they are exponential.

    The critical t is the larger one of the two laws. A law's chance of ever crossing it is at most
    that of crossing its own, which is alpha. p is the larger one likewise: under each law it is at
    most x with a chance of at most x, as stopping at a later look only makes it larger.
    """

    name: ClassVar[str] = "exponential"

    def critical_values(
        self, looks: Sequence[int], alpha: float, spending: Spending
    ) -> tuple[float, ...]:
        """Returns the critical t of each look, where alpha is spent over all of them."""
        normal = sequential_t.critical_values(looks, alpha, spending)
        skewed = exponential_t.critical_values(looks, alpha, spending)
        return tuple(map(max, normal, skewed))

    def critical_alone(self, seeds: int, alpha: float) -> float:
        """Returns the critical t of a single look."""
        normal = NormalBoundary().critical_alone(seeds, alpha)
        return max(normal, exponential_t.critical_alone(seeds, alpha))

    def adjusted_p(
        self, t: float, look: int, looks: Sequence[int], alpha: float, spending: Spending
    ) -> float:
        """Returns the p-value, at most what is spent by a look exactly from its critical t on."""
        normal = sequential_t.adjusted_p(t, look, looks, alpha, spending)
        return max(normal, exponential_t.adjusted_p(t, look, looks, alpha, spending))


BOUNDARIES: dict[str, Boundary] = {
    kind.name: kind() for kind in (ExponentialBoundary, NormalBoundary)
}
"""By their names; the first is the default."""
