"""Interval arithmetic: what is known of an expression when its terms are known between bounds."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Bounds = tuple[Values, Values]
Limits = tuple[float, float]

ANYTHING: Limits = (-math.inf, math.inf)

Operation = Callable[[Any, Any], Any]


def added(a: Values, b: Values) -> Values:
    """Returns a + b, and exactly 0 where what is left is rounding: 0.1 + 0.2 - 0.3 is a tie."""
    total = a + b
    rounding = 4 * np.finfo(np.float64).eps * (np.abs(a) + np.abs(b))
    return np.where(np.abs(total) <= rounding, 0.0, total)


def combined(operation: Operation, a: Bounds, b: Bounds, sign: str) -> Bounds:
    """Returns the bounds of what an operation makes of bounded values, element by element.

    Args:
        operation: The operation.
        a: Lower and upper bounds of its left side.
        b: Of its right side.
        sign: How the operation is written: one of `+-*/`.
    """
    if sign in "+-":
        other = b if sign == "+" else b[::-1]
        return operation(a[0], other[0]), operation(a[1], other[1])
    with np.errstate(all="ignore"):
        corners = np.array([operation(x, y) for x in a for y in b])
    # Nothing is known where zero meets infinity.
    unknown = np.isnan(corners).any(axis=0)
    low, high = corners.min(axis=0), corners.max(axis=0)
    return np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)


def of_limits(operation: Operation, a: Limits, b: Limits, sign: str) -> Limits:
    """Returns the same for numbers that hold whatever the runs; a divisor may contain 0."""
    if sign == "/" and b[0] <= 0 <= b[1]:
        return ANYTHING
    low, high = combined(operation, _arrays(a), _arrays(b), sign)
    return float(low[0]), float(high[0])


def each(function: Any, bounds: Bounds) -> Bounds:
    """Returns the bounds of what an increasing function makes of bounded values."""
    return np.asarray(function(bounds[0])), np.asarray(function(bounds[1]))


def _arrays(limits: Limits) -> Bounds:
    return np.array([limits[0]]), np.array([limits[1]])
