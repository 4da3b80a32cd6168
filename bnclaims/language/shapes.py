"""Shapes of claims that are more than one comparison: conjunctions, trends, orderings, rates."""

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bnclaims.errors import ClaimError
from bnclaims.language.evidence import Evidence
from bnclaims.language.sample import Endpoint, Number, Part, Sample, as_sample, log
from bnclaims.statistics import contrasts

__all__ = [
    "all_of", "decreasing", "equivalent", "highest", "increasing", "lowest", "rate", "slope",
]  # fmt: skip


def all_of(*evidence: Evidence) -> Evidence:
    """Returns the evidence that several comparisons hold together.

    Supported when each is, without correction (an intersection-union test); refuted when one is, at
    its share of alpha.

    Raises:
        TypeError: One of them is no comparison.
        ClaimError: One of them is there twice, or in another conjunction already.
    """
    if not evidence or not all(isinstance(item, Evidence) for item in evidence):
        raise TypeError("all_of takes comparisons of samples, as in all_of(a < b, c < d)")
    trial = evidence[0].trial
    for item in evidence:
        if not any(item is known for known in trial.evidence):
            raise ClaimError(
                f"{item.named} is part of a conjunction already: name each comparison once"
            )
        trial.evidence[:] = [known for known in trial.evidence if known is not item]
        item.is_part = True
    return trial.judge(*(part for item in evidence for part in item.parts))


def decreasing(levels: Sequence[Sample], *, tolerance: Sample | Number) -> Evidence:
    """Returns the evidence for a falling trend without a material reversal.

    The least-squares slope over equally spaced levels falls, and no step from one level to the next
    rises by as much as the tolerance. Requiring each step to fall significantly would have no
    power; a slope alone calls a zigzag a trend.

    Args:
        levels: Samples, at least three, in the order in which they fall.
        tolerance: By how much a step may rise, in the metric's units.

    Raises:
        ClaimError: There are fewer than three levels, or the tolerance is not positive.
    """
    return _trend(levels, tolerance, falling=True)


def increasing(levels: Sequence[Sample], *, tolerance: Sample | Number) -> Evidence:
    """Returns the evidence for a rising trend without a material reversal; see `decreasing`.

    Args:
        levels: Samples, at least three, in the order in which they rise.
        tolerance: By how much a step may fall, in the metric's units.

    Raises:
        ClaimError: There are fewer than three levels, or the tolerance is not positive.
    """
    return _trend(levels, tolerance, falling=False)


def equivalent(levels: Sequence[Sample], *, within: Sample | Number) -> Evidence:
    """Returns the evidence that all later levels differ from the first by less than a margin.

    Args:
        levels: Samples, at least two.
        within: The margin, in the metric's units.

    Raises:
        ClaimError: There are fewer than two levels, or the margin is not positive.
    """
    if len(levels) < 2:
        raise ClaimError("an equivalence needs at least two levels")
    if isinstance(within, Number) and within <= 0:
        raise ClaimError(f"within={within}: give a positive margin, in the metric's units")
    margin = as_sample(within)
    return levels[0].trial.judge(*(Part(level - levels[0], "near", margin) for level in levels[1:]))


def lowest(
    best: Sequence[Sample], *, than: Sequence[Sample], by: Sample | Number = 0.0
) -> Evidence:
    """Returns the evidence for an ordering: each of the best lies below each of the others.

    Args:
        best: Samples; among themselves no order is claimed.
        than: The others.
        by: The margin, in the metric's units.

    Raises:
        ClaimError: One of the lists is empty, or the margin is negative.
    """
    return _ordering(best, than, by, below=True)


def highest(
    best: Sequence[Sample], *, than: Sequence[Sample], by: Sample | Number = 0.0
) -> Evidence:
    """Returns the evidence for an ordering: each of the best lies above each of the others.

    Args:
        best: Samples; among themselves no order is claimed.
        than: The others.
        by: The margin, in the metric's units.

    Raises:
        ClaimError: One of the lists is empty, or the margin is negative.
    """
    return _ordering(best, than, by, below=False)


def slope(levels: Sequence[Sample], *, at: ArrayLike) -> Sample:
    """Returns the least-squares slope of levels over their positions, seed by seed.

    Args:
        levels: Samples, at least two.
        at: Their positions, as many.

    Raises:
        ClaimError: Their numbers differ, or all positions are the same.
    """
    positions = np.asarray(at, dtype=np.float64)
    if positions.shape != (len(levels),):
        raise ClaimError(f"slope has {len(levels)} levels, at {positions.size} positions")
    try:
        weights = contrasts.slope_weights(positions)
    except ValueError as error:
        raise ClaimError(str(error)) from None
    names = f"slope of {levels[0]} … {levels[-1]} over {positions[0]:g} … {positions[-1]:g}"
    return _renamed(_weighted(levels, weights), names)


def rate(levels: Sequence[Sample], *, at: ArrayLike) -> Sample:
    """Returns the power with which levels go with their positions, seed by seed.

    It is the least-squares slope of the levels' logarithms over the positions': levels that go as
    1/x have a rate of -1.

    Args:
        levels: Samples of positive values, at least two.
        at: Their positions, as many, all positive.

    Raises:
        ClaimError: Their numbers differ, or a position is not positive.
    """
    positions = np.asarray(at, dtype=np.float64)
    if (positions <= 0).any():
        raise ClaimError(f"rate at {list(positions)}: positions must be positive")
    found = slope([log(level) for level in levels], at=np.log(positions))
    names = f"rate of {levels[0]} … {levels[-1]} over {positions[0]:g} … {positions[-1]:g}"
    return _renamed(found, names)


def _trend(levels: Sequence[Sample], tolerance: Sample | Number, *, falling: bool) -> Evidence:
    if len(levels) < 3:
        raise ClaimError(f"a trend needs at least three levels, not {len(levels)}")
    if isinstance(tolerance, Number) and tolerance <= 0:
        raise ClaimError(f"tolerance={tolerance}: give a positive number, in the metric's units")
    sign, word = (1.0, "fall") if falling else (-1.0, "rise")
    gain = _weighted(levels, sign * contrasts.trend_weights(len(levels)))
    trend = Part(
        _renamed(gain, f"{word} per level of {levels[0]} … {levels[-1]}", gain.unit),
        levels=tuple(reversed(levels) if falling else levels),
    )
    steps = (one - other if falling else other - one for one, other in pairwise(levels))
    return levels[0].trial.judge(trend, *(Part(step + tolerance) for step in steps))


def _ordering(
    best: Sequence[Sample], rest: Sequence[Sample], by: Sample | Number, *, below: bool
) -> Evidence:
    if not best or not rest:
        raise ClaimError("an ordering needs at least one sample on either side")
    if isinstance(by, Number) and by < 0:
        raise ClaimError(f"by={by}: give a margin of 0 or more, in the metric's units")
    pairs = product(best, rest)
    gaps = [(other - one if below else one - other) - by for one, other in pairs]
    return best[0].trial.judge(*map(Part, gaps))


def _weighted(levels: Sequence[Sample], weights: Any) -> Sample:
    if any(isinstance(level, Endpoint) for level in levels):
        raise TypeError("a trend of endpoints has no slope: compare two at a time")
    terms = (float(w) * level for w, level in zip(weights, levels, strict=True))
    return as_sample(sum(terms, start=0.0))


def _renamed(sample: Sample, text: str, unit: str = "") -> Sample:
    return Sample(
        sample.values, sample.sources, text, limits=sample.limits, terms=sample.terms, unit=unit
    )
