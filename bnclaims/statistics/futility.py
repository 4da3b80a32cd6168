"""Stopping where it is hopeless: the chance that later looks decide, given what has been seen.

A claim that is unlikely to come to a verdict stops, undecided. That never adds a wrong verdict: it
only turns verdicts into none (a non-binding rule; Jennison & Turnbull 2000, ch. 10).
"""

import math

import numpy as np
import scipy
from numpy.typing import NDArray

from bnclaims.statistics.design import Design

__all__ = ["chances_of_mean", "chances_of_share"]

_Array = NDArray[np.float64]

# Effects that are tried, as fractions of the interval's half width.
_EFFECTS = (-1.0, -0.5, 0.0, 0.5, 1.0)
_CONFIDENCE = 0.95


def chances_of_mean(
    mean: _Array,
    deviation: _Array,
    look: int,
    support: Design,
    refute: Design,
    *,
    margin_is_fixed: bool = True,
) -> tuple[_Array, _Array]:
    """Returns the chances that later looks support a part, and that they refute it.

    Each is the largest one over true effects in the 95% interval of this look alone, and over the
    later looks: the chance that their t reaches its critical value, given the data so far. More
    data are taken to be normal with the deviation seen so far, and their own deviation to be what
    it is in the mean; the chance of a look is then that of a normal number.

    Args:
        mean: Of the contrast to each edge of the region so far, positive inside; shape
            (edges, ...).
        deviation: Likewise, positive.
        look: Index of the look, not the last one.
        support: The design at the alpha of supporting.
        refute: The design at the alpha of refuting an edge.
        margin_is_fixed: Whether of two edges one is as much farther as the other is nearer. A
            margin that is measured may move both.

    Returns:
        Two arrays of the other axes' shape.
    """
    seen = support.looks[look]
    half = scipy.special.stdtrit(seen - 1, (1 + _CONFIDENCE) / 2) / math.sqrt(seen)
    shifts = half * np.outer(_EFFECTS, _directions(len(mean), margin_is_fixed))
    # Axes: what is tried, later looks, edges, and those of the data.
    data = (1,) * (mean.ndim - 1)
    true = mean + shifts.reshape(-1, 1, len(mean), *data) * deviation
    looks = range(look + 1, len(support.looks))
    n = np.reshape([support.looks[later] for later in looks], (-1, 1, *data))
    to_support, to_refute = (
        np.reshape([design.critical(later) for later in looks], n.shape)
        for design in (support, refute)
    )
    inside = _chance(mean, deviation, true, seen=seen, n=n, critical=to_support)
    outside = _chance(-mean, deviation, -true, seen=seen, n=n, critical=to_refute)
    return inside.min(axis=2).max(axis=(0, 1)), outside.max(axis=(0, 1, 2))


def _directions(edges: int, margin_is_fixed: bool) -> list[tuple[float, ...]]:
    """Returns which ways the distances from all edges may change together."""
    if edges == 1:
        return [(1.0,)]
    return [(-1.0, 1.0)] if margin_is_fixed else [(-1.0, 1.0), (1.0, 1.0)]


def _chance(
    mean: _Array,
    deviation: _Array,
    true: _Array,
    *,
    seen: int,
    n: NDArray[np.int_],
    critical: _Array,
) -> _Array:
    """Returns the chance that t of n data is critical, given the first ones."""
    new = n - seen
    squares = (n - 2) * deviation**2 + seen * new / n * ((mean - true) ** 2 + deviation**2 / new)
    needed = critical * np.sqrt(squares / (n - 1) / n)
    expected = (seen * mean + new * true) / n
    chance: _Array = scipy.special.ndtr((expected - needed) * n / (np.sqrt(new) * deviation))
    return chance


def chances_of_share(
    hits: int, misses: int, look: int, support: Design, refute: Design
) -> tuple[float, float]:
    """Returns whether later looks can support that more than half of all seeds hit, or refute it.

    Args:
        hits: Seeds that hit so far.
        misses: Seeds that do not.
        look: Index of the look.
        support: The design at the alpha of supporting.
        refute: The design at the alpha of refuting.

    Returns:
        Two numbers, each 1 if it can and 0 if it cannot even if all seeds to come agree.
    """
    return _reachable(hits, look, support), _reachable(misses, look, refute)


def _reachable(hits: int, look: int, design: Design) -> float:
    seen = design.looks[look]
    later = range(look + 1, len(design.looks))
    most = ((hits + design.looks[k] - seen, k) for k in later)
    return float(any(design.adjusted_share_p(n, k) <= design.level(k) for n, k in most))
