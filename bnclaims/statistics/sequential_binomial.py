"""Group-sequential binomial test: do more than a share of all seeds hit?

Exact: the number of hits among n seeds is binomial, and the looks form a Markov chain in it. The
error is spent as for t (see `bnclaims.statistics.spending`); what a look cannot spend, as hits
are whole numbers, is left to later looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from bnclaims.statistics.spending import Spending, checked_looks, spent_alpha

__all__ = ["adjusted_share_p", "critical_hits"]

_Array = NDArray[np.float64]


def critical_hits(
    looks: Sequence[int], alpha: float, spending: Spending, share: float = 0.5
) -> tuple[int, ...]:
    """Returns the boundary of each look: so many hits show that more than a share of all hit.

    Args:
        looks: Numbers of seeds, increasing.
        alpha: One-sided error over all looks, in (0, 1/2).
        spending: The spending function.
        share: The largest share under the null, in (0, 1).

    Returns:
        One number a look; n + 1 where no number of hits suffices.

    Raises:
        ValueError: An argument is out of range.
    """
    return _solved(checked_looks(looks, first=1), alpha, spending, share).critical


def adjusted_share_p(
    hits: int,
    look: int,
    looks: Sequence[int],
    alpha: float,
    spending: Spending,
    *,
    share: float = 0.5,
) -> float:
    """Returns the one-sided p-value that accounts for the earlier looks, ordered stage-wise.

    Args:
        hits: Seeds that hit at this look.
        look: Index of the look, from 0.
        looks: As for `critical_hits`.
        alpha: As for `critical_hits`.
        spending: As for `critical_hits`.
        share: As for `critical_hits`.

    Returns:
        The null probability of crossing at an earlier look or of reaching this one with as many
        hits or more.
    """
    solved = _solved(checked_looks(looks, first=1), alpha, spending, share)
    return min(1.0, solved.crossed_before[look] + float(solved.uncrossed[look][hits:].sum()))


@dataclass(frozen=True, eq=False)
class _SolvedBoundary:
    """Per look: critical hits, P(crossed before), P(not crossed before, so many hits)."""

    critical: tuple[int, ...]
    crossed_before: tuple[float, ...]
    uncrossed: tuple[_Array, ...]


@lru_cache(maxsize=1024)
def _solved(
    looks: tuple[int, ...], alpha: float, spending: Spending, share: float
) -> _SolvedBoundary:
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share!r}")
    critical, crossed_before, uncrossed = [], [], []
    going, seen, crossed = np.ones(1), 0, 0.0
    for n, spent in zip(looks, spent_alpha(looks, alpha, spending), strict=True):
        reached = np.convolve(going, _binomial(n - seen, share))
        tails = np.append(np.cumsum(reached[::-1])[::-1], 0.0)
        boundary = int(np.argmax(crossed + tails <= spent))
        critical.append(boundary)
        crossed_before.append(crossed)
        uncrossed.append(reached)
        going, seen, crossed = reached[:boundary], n, crossed + float(tails[boundary])
    return _SolvedBoundary(tuple(critical), tuple(crossed_before), tuple(uncrossed))


def _binomial(n: int, share: float) -> _Array:
    k = np.arange(n + 1)
    log_choices = -np.log(n + 1) - scipy.special.betaln(n - k + 1, k + 1)
    return np.asarray(
        np.exp(log_choices + k * np.log(share) + (n - k) * np.log1p(-share)), np.float64
    )
