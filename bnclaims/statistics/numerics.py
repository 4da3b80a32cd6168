"""Numerical methods that several tests share: quadrature, bisection, the noncentral t."""

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

__all__ = [
    "bisect", "expectation_over_deviation", "fewest", "gauss_legendre", "noncentral_t_tail",
    "root", "threshold",
]  # fmt: skip

_Array = NDArray[np.float64]

# Mass that an expectation leaves out at either end.
_TAIL = 1e-17
_DEVIATION_NODES = 128
# SciPy's noncentral t takes seconds beyond, and Z no longer matters.
_LARGE_NONCENTRALITY = 1e4


def gauss_legendre(
    nodes: int, start: float = 0.0, stop: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns the nodes and weights of Gauss and Legendre's rule on an interval.

    Args:
        nodes: How many.
        start: Lower end of the interval.
        stop: Upper end.
    """
    x, weight = _rule(nodes)
    half = (stop - start) / 2
    return start + half * (x + 1), half * weight


@lru_cache(maxsize=8)
def _rule(nodes: int) -> tuple[_Array, _Array]:
    # NumPy's takes fifty times as long, half of what a session needs for its critical values.
    nodes_and_weights: tuple[_Array, _Array] = scipy.special.roots_legendre(nodes)
    return nodes_and_weights


def bisect(holds: Callable[[float], bool], low: float, high: float) -> tuple[float, float]:
    """Returns the neighbouring numbers between which a condition turns from false to true.

    Args:
        holds: False up to some number and true beyond. The ends themselves are not tried.
        low: Where it is false.
        high: Where it is true.

    Returns:
        The last number where it is false and the first where it is true.
    """
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (low, middle) if holds(middle) else (middle, high)
    return low, high


def threshold(holds: Callable[[float], bool], start: float = 0.0, step: float = 1.0) -> float:
    """Returns the smallest number for which a condition holds.

    Args:
        holds: False up to some number on the real line and true beyond.
        start: Where to begin.
        step: How far to go first; doubled until the number is bracketed.

    Returns:
        The number; infinity where the condition holds for none that is finite.
    """
    low = high = start
    reach = step
    while holds(low) and low > -math.inf:
        low, reach = low - reach, 2 * reach
    reach = step
    while not holds(high) and high < math.inf:
        high, reach = high + reach, 2 * reach
    return bisect(holds, low, high)[1]


def root(falling: Callable[[float], float], low: float, high: float) -> float:
    """Returns where a falling function is zero, for functions that are dear.

    By secants, and by halving where a secant leaves the bracket or has no finite value.

    Args:
        falling: Positive at `low` and negative at `high`, which are not tried; may be infinite.
        low: Lower end of the bracket.
        high: Upper end.

    Returns:
        The root, to a relative error of 1e-12 of the bracket's width or of rounding.
    """
    tolerance = 1e-12 * (high - low)
    last: tuple[float, float] | None = None
    x = low + (high - low) / 2
    while high - low > tolerance and low < x < high:
        value = falling(x)
        if value == 0:
            return x
        low, high = (x, high) if value > 0 else (low, x)
        slope = (value - last[1]) / (x - last[0]) if last else math.nan
        last = x, value
        step = value / slope if -math.inf < slope < 0 else math.nan
        # A step below the tolerance is drawn out to it, so that the bracket closes.
        if abs(step) < tolerance:
            step = math.copysign(tolerance, -value)
        x = x - step if low < x - step < high else low + (high - low) / 2
    return low + (high - low) / 2


def fewest(holds: Callable[[int], bool], first: int, last: int) -> int | None:
    """Returns the smallest integer for which a condition holds.

    Args:
        holds: False up to some integer and true beyond.
        first: The smallest to try; small ones are tried before large ones.
        last: The largest.

    Returns:
        The integer; None where the condition does not hold for the last one.
    """
    low, high = first, first
    while not holds(high):
        if high == last:
            return None
        low, high = high + 1, min(2 * high, last)
    return low + bisect_left(range(low, high), True, key=holds)


def noncentral_t_tail(t: float, df: int, noncentrality: float) -> float:
    """Returns P(T >= t), T = (Z + noncentrality) / S, Z standard normal, S = chi_df / sqrt(df).

    Args:
        t: Any number, also infinite.
        df: Degrees of freedom, at least 1.
        noncentrality: Any number.

    Returns:
        The probability, in [0, 1].
    """
    if math.isinf(t):
        return float(t < 0)
    if abs(noncentrality) > _LARGE_NONCENTRALITY:
        return _tail_without_noise(t, df, noncentrality)
    # The mirror image asks for a lower tail, so that small chances keep their digits.
    tail = float(scipy.special.nctdtr(df, -noncentrality, -t))
    if math.isnan(tail):
        return _tail_without_noise(t, df, noncentrality)
    return min(max(tail, 0.0), 1.0)


def _tail_without_noise(t: float, df: int, noncentrality: float) -> float:
    """Returns P(noncentrality / S >= t), the limit of a large noncentrality.

    SciPy's function is NaN only where the noncentrality is 20 or more in size and the chance is
    next to that limit.
    """
    if t == 0 or (t > 0) != (noncentrality > 0):
        return float(noncentrality > t)
    # What S can be at most, or at least; the square of a larger number could overflow.
    end = min(noncentrality / t, 1e100)
    below = float(scipy.special.gammainc(df / 2, end * end * df / 2))
    return below if t > 0 else 1.0 - below


def expectation_over_deviation(df: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns nodes and weights of an expectation over S = chi_df / sqrt(df).

    Args:
        df: Degrees of freedom, at least 1.
    """
    # Quantiles of S bound the range that matters.
    start = math.sqrt(scipy.special.gammaincinv(df / 2, _TAIL) * 2 / df)
    stop = math.sqrt(scipy.special.gammainccinv(df / 2, _TAIL) * 2 / df)
    s, weight = gauss_legendre(_DEVIATION_NODES, start, stop)
    weight = weight * np.exp((df - 1) * np.log(s) - df * (s * s - 1) / 2)
    # Dividing by the sum spares the constant of the density, and its rounding.
    return s, weight / np.sum(weight)
