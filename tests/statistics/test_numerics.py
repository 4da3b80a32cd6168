"""Numerical methods against closed forms, SciPy, and where they have limits."""

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import integrate, stats

from bnclaims.statistics import numerics


@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (-2.0, 5.0)])
def test_gauss_legendre_integrates_polynomials_exactly(start: float, stop: float) -> None:
    x, weight = numerics.gauss_legendre(8, start, stop)
    assert weight @ x**15 == pytest.approx((stop**16 - start**16) / 16, rel=1e-12)


@given(st.floats(0, 1))
def test_bisect_returns_neighbours(turn: float) -> None:
    low, high = numerics.bisect(lambda x: x >= turn, -1.0, 2.0)
    assert low < turn <= high == math.nextafter(low, math.inf)


@given(st.floats(-1e300, 1e300), st.floats(-1e6, 1e6))
@example(0.0, 0.0)
def test_a_threshold_is_found_anywhere_on_the_line(turn: float, start: float) -> None:
    assert numerics.threshold(lambda x: x >= turn, start) == turn


def test_a_threshold_beyond_all_numbers_is_infinite() -> None:
    assert numerics.threshold(lambda x: x == math.inf) == math.inf


@given(st.integers(2, 1000), st.integers(2, 1000))
def test_fewest(turn: int, last: int) -> None:
    expected = turn if turn <= last else None
    assert numerics.fewest(lambda n: n >= turn, 2, last) == expected


@pytest.mark.parametrize("df", [1, 4, 19])
@pytest.mark.parametrize(("t", "noncentrality"), [(0.5, -20.0), (-60.0, 38.0), (7.0, 20.0)])
def test_noncentral_t_tail_where_scipy_has_nan(df: int, t: float, noncentrality: float) -> None:
    def given_deviation(s: float) -> float:
        density = 2 * df * s * stats.chi2.pdf(df * s * s, df)
        return float(density * stats.norm.sf(t * s - noncentrality))

    expected, _ = integrate.quad(given_deviation, 0, 10, points=[noncentrality / t], limit=200)
    assert numerics.noncentral_t_tail(t, df, noncentrality) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("ratio", [0.5, 0.9, 1.0, 2.0])
def test_noncentral_t_tail_has_no_jump_where_the_limit_takes_over(ratio: float) -> None:
    at = [numerics.noncentral_t_tail(x * ratio, 9, x) for x in (0.999e4, 1.001e4)]
    assert at[0] == pytest.approx(at[1], abs=1e-6)


@pytest.mark.parametrize("df", [1, 4, 19])
def test_an_expectation_over_the_deviation_knows_its_moments(df: int) -> None:
    s, weight = numerics.expectation_over_deviation(df)
    assert weight @ s**2 == pytest.approx(1.0, rel=1e-12)
    mean = math.sqrt(2 / df) * math.gamma((df + 1) / 2) / math.gamma(df / 2)
    assert weight @ s == pytest.approx(mean, rel=1e-12)
