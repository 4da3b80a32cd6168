"""Interval arithmetic: bounds hold what is true, and no more than they must."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bnclaims.language.bounds import ANYTHING, Bounds, Limits, combined, each, of_limits

OPERATIONS = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
numbers = st.floats(-9, 9)
intervals = st.tuples(numbers, st.floats(0, 5)).map(lambda pair: (pair[0], sum(pair)))
signs = st.sampled_from(sorted(OPERATIONS))


def arrays(limits: Limits) -> Bounds:
    return np.array([limits[0]]), np.array([limits[1]])


def inside(limits: Limits, share: float) -> float:
    return limits[0] + share * (limits[1] - limits[0])


@given(intervals, intervals, st.floats(0, 1), st.floats(0, 1), signs)
def test_bounds_hold_what_any_values_within_give(
    a: Limits, b: Limits, u: float, v: float, sign: str
) -> None:
    x, y = inside(a, u), inside(b, v)
    assume(sign != "/" or not b[0] <= 0 <= b[1])
    value = OPERATIONS[sign](x, y)
    low, high = combined(OPERATIONS[sign], arrays(a), arrays(b), sign)
    slack = 1e-9 * max(1, abs(value))
    assert low[0] - slack <= value <= high[0] + slack
    assert of_limits(OPERATIONS[sign], a, b, sign) == (low[0], high[0])


@given(intervals, intervals, signs)
def test_both_bounds_are_met_by_some_values(a: Limits, b: Limits, sign: str) -> None:
    assume(sign != "/" or not b[0] <= 0 <= b[1])
    low, high = combined(OPERATIONS[sign], arrays(a), arrays(b), sign)
    corners = [OPERATIONS[sign](x, y) for x in a for y in b]
    assert (low[0], high[0]) == (min(corners), max(corners))


@given(st.lists(numbers, min_size=1, max_size=5), signs, numbers)
def test_of_what_is_exact_the_result_is(values: list[float], sign: str, other: float) -> None:
    assume(sign != "/" or other != 0)
    known, scalar = np.array(values), np.full(len(values), other)
    low, high = combined(OPERATIONS[sign], (known, known), (scalar, scalar), sign)
    np.testing.assert_array_equal(low, high)


def test_nothing_is_known_where_zero_meets_infinity() -> None:
    open_ended = np.array([1.0]), np.array([np.inf])
    zero = np.zeros(1), np.zeros(1)
    for found in (
        combined(operator.mul, open_ended, zero, "*"),
        combined(operator.sub, open_ended, open_ended, "-"),
    ):
        assert [float(end[0]) for end in found] == [-np.inf, np.inf]


def test_nothing_is_known_of_a_quotient_by_what_may_be_zero() -> None:
    for divisor in ((-1.0, 1.0), (0.0, 1.0), (0.0, 0.0)):
        assert of_limits(operator.truediv, (1.0, 2.0), divisor, "/") == ANYTHING


@pytest.mark.parametrize("function", [np.log, np.exp, np.sqrt])
def test_an_increasing_function_keeps_the_order_of_bounds(function: Callable[..., Any]) -> None:
    low, high = each(function, arrays((1.0, 4.0)))
    assert (low[0], high[0]) == (function(1.0), function(4.0))
