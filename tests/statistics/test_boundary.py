"""Boundaries: the one for skewed data asks for the most, and p goes with it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bnclaims.statistics import exponential_t, sequential_t
from bnclaims.statistics.boundary import BOUNDARIES, Boundary, ExponentialBoundary
from bnclaims.statistics.spending import Power, spent_alpha
from tests.statistics.streams import STANDARD, t_at_looks

LAWS = ("normal", "exponential", "negative exponential")


@pytest.mark.parametrize("boundary", BOUNDARIES.values(), ids=BOUNDARIES)
@pytest.mark.parametrize("alpha", [1e-4, 0.01, 0.2])
def test_p_equals_what_is_spent_at_the_critical_value(boundary: Boundary, alpha: float) -> None:
    critical = boundary.critical_values(STANDARD, alpha, Power())
    for look, spent in enumerate(spent_alpha(STANDARD, alpha, Power())):
        at = boundary.adjusted_p(critical[look], look, STANDARD, alpha, Power())
        short = math.nextafter(critical[look], 0)
        below = boundary.adjusted_p(short, look, STANDARD, alpha, Power())
        assert at <= spent < below
        assert at == pytest.approx(spent, rel=1e-6)


@settings(max_examples=100, deadline=None)
@given(st.floats(allow_nan=False), st.integers(0, 3))
def test_p_is_at_most_the_spent_error_exactly_when_t_is_critical(t: float, look: int) -> None:
    boundary = ExponentialBoundary()
    p = boundary.adjusted_p(t, look, STANDARD, 0.05, Power())
    critical = boundary.critical_values(STANDARD, 0.05, Power())[look]
    assert (p <= spent_alpha(STANDARD, 0.05, Power())[look]) == (t >= critical)


@settings(max_examples=50, deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 3))
def test_p_falls_as_t_grows(t: float, other: float, look: int) -> None:
    small, large = sorted((t, other))
    p = [ExponentialBoundary().adjusted_p(x, look, STANDARD, 0.01, Power()) for x in (small, large)]
    assert 0 <= p[1] <= p[0] + 1e-9 <= 1 + 1e-9


def test_is_the_larger_of_both() -> None:
    boundary = ExponentialBoundary()
    both = zip(
        sequential_t.critical_values(STANDARD, 0.01, Power()),
        exponential_t.critical_values(STANDARD, 0.01, Power()),
        strict=True,
    )
    assert boundary.critical_values(STANDARD, 0.01, Power()) == tuple(map(max, both))
    normal = -float(stats.t.ppf(0.01, 9))
    assert boundary.critical_alone(10, 0.01) == max(normal, exponential_t.critical_alone(10, 0.01))


@pytest.mark.parametrize("law", LAWS)
def test_p_is_valid_under_each_law(law: str) -> None:
    """Streams stop at the boundary of both, later than at a law's own: p is at most uniform."""
    streams, alpha = 100_000, 0.1
    rng = np.random.default_rng(np.random.SeedSequence([50, LAWS.index(law)]))
    x = rng.standard_normal((streams, 20))
    if law != "normal":
        x = rng.standard_exponential((streams, 20)) - 1
        x = -x if law == "negative exponential" else x
    t = t_at_looks(x, STANDARD)
    boundary = ExponentialBoundary()
    crossed = t >= np.array(boundary.critical_values(STANDARD, alpha, Power()))
    stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1), 3)
    for look, at in [(0, 12.0), (1, 5.0), (2, 3.5), (3, 2.0), (3, 0.0)]:
        p = boundary.adjusted_p(at, look, STANDARD, alpha, Power())
        hits = np.sum((stop < look) | ((stop == look) & (t[:, look] >= at)))
        assert hits <= stats.binom.ppf(1 - 1e-4, streams, min(p * 1.003, 1.0))
