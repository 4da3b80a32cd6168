"""Planned looks, and how the error alpha is spread over them.

A spending function f says how much of alpha may be spent when a share of the seeds is in (Lan &
DeMets 1983, Biometrika 70; Jennison & Turnbull 2000, Group Sequential Methods, ch. 7): up to look k
at n_k of at most n_K seeds, f(n_k / n_K, alpha).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Integral
from typing import Protocol

import scipy

__all__ = [
    "OBrienFleming", "Pocock", "Power", "Spending", "check_alpha", "checked_looks", "spent_alpha",
]  # fmt: skip


class Spending(Protocol):
    """How much of alpha is spent when a share of the seeds is in."""

    def __hash__(self) -> int:
        """Designs are looked up by what they spend."""

    def __call__(self, share: float, alpha: float) -> float:
        """Returns the error spent up to a share in (0, 1] of the last look's seeds."""


@dataclass(frozen=True)
class Power:
    """alpha * share**rho (Kim & DeMets 1987, Biometrika 74); a larger rho spends later.

    Attributes:
        rho: Positive. 1 is close to Pocock's boundary, 3 to O'Brien and Fleming's.
    """

    rho: float = 1.5

    def __post_init__(self) -> None:
        if not 0 < self.rho < math.inf:
            raise ValueError(f"rho must be positive and finite, got {self.rho!r}")

    def __call__(self, share: float, alpha: float) -> float:
        """Returns the error spent."""
        return float(alpha * share**self.rho)

    def __str__(self) -> str:
        return f"power:{self.rho:g}"


@dataclass(frozen=True)
class Pocock:
    """alpha * log(1 + (e - 1) * share): nearly equal critical values (Lan & DeMets 1983)."""

    def __call__(self, share: float, alpha: float) -> float:
        """Returns the error spent."""
        return alpha * math.log1p(math.expm1(1.0) * share)

    def __str__(self) -> str:
        return "pocock"


@dataclass(frozen=True)
class OBrienFleming:
    """2 - 2 * Phi(z / sqrt(share)), z the 1 - alpha/2 quantile: hardly any early (Lan & DeMets)."""

    def __call__(self, share: float, alpha: float) -> float:
        """Returns the error spent."""
        return float(2 * scipy.special.ndtr(scipy.special.ndtri(alpha / 2) / math.sqrt(share)))

    def __str__(self) -> str:
        return "obrien-fleming"


def spent_alpha(looks: Sequence[int], alpha: float, spending: Spending) -> tuple[float, ...]:
    """Returns the error spent up to each look, f(n_k / n_K, alpha).

    Args:
        looks: Numbers of seeds, increasing, the first at least 2.
        alpha: One-sided error over all looks, in (0, 1/2).
        spending: The spending function f.

    Returns:
        One cumulative error a look; the last is alpha.

    Raises:
        ValueError: An argument is out of range, or the first look has nothing to spend.
    """
    looks = checked_looks(looks, first=2)
    check_alpha(alpha)
    spent = (*(spending(n / looks[-1], alpha) for n in looks[:-1]), float(alpha))
    if spent[0] == 0:
        raise ValueError(f"spending {spending} spends nothing at the first look")
    return spent


def checked_looks(looks: Sequence[int], first: int) -> tuple[int, ...]:
    """Returns the looks as plain integers.

    Raises:
        ValueError: They are not increasing integers, the first of them at least `first`.
    """
    looks = tuple(looks)
    if not looks or not all(_is_integer(n) for n in looks):
        raise ValueError(f"looks must be one or more integers, got {looks!r}")
    if any(later <= earlier for earlier, later in pairwise(looks)):
        raise ValueError(f"looks must increase, got {looks!r}")
    if looks[0] < first:
        raise ValueError(f"the first look must have at least {first} seeds, got {looks!r}")
    return tuple(int(n) for n in looks)


def _is_integer(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_alpha(alpha: float) -> None:
    """Refuses what is no error rate of one side.

    Raises:
        ValueError: It does not lie between 0 and 1/2.
    """
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must lie between 0 and 1/2, got {alpha!r}")
