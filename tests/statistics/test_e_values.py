"""E-values against the densities that define them, and by simulation under optional stopping."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from bnclaims.statistics.e_values import share_evalue, t_critical, t_evalue


def half_cauchy(delta: float) -> float:
    return 2 / math.pi / (1 + delta**2)


@pytest.mark.parametrize(("t", "n"), [(2.0, 5), (8.0, 5), (3.0, 20), (-1.0, 10), (0.0, 3)])
def test_is_the_mean_ratio_of_noncentral_to_central_densities(t: float, n: int) -> None:
    def ratio(delta: float) -> float:
        shifted = float(stats.nct.pdf(t, n - 1, delta * math.sqrt(n)))
        return half_cauchy(delta) * shifted / float(stats.t.pdf(t, n - 1))

    expected, _ = integrate.quad(ratio, 0, 20, limit=200)
    assert t_evalue(t, n) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [2, 3, 5, 20])
def test_has_mean_one_under_the_null(n: int) -> None:
    """In the angle the null density is sin**(n-2); the mean of the e-value over it is 1."""
    x, w = np.polynomial.legendre.leggauss(400)
    # The e-value has an integrable peak at angle 0: squeeze the nodes towards it.
    u = ((x + 1) / 2) ** 4
    angle, weight = math.pi * u, w / 2 * math.pi * 4 * ((x + 1) / 2) ** 3
    density = np.sin(angle) ** (n - 2)
    values = [t_evalue(math.sqrt(n - 1) / math.tan(a), n) for a in angle]
    mean = float(weight @ (density * values) / (weight @ density))
    assert mean == pytest.approx(1.0, rel=2e-2 if n == 2 else 1e-5)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(2, 200))
def test_grows_with_t(one: float, other: float, n: int) -> None:
    small, large = sorted((one, other))
    assert 0 <= t_evalue(small, n) <= t_evalue(large, n) * (1 + 1e-9)


@pytest.mark.parametrize("n", [3, 5, 20, 500])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_rejects_from_its_critical_value_on(n: int, alpha: float) -> None:
    critical = t_critical(n, alpha)
    assert t_evalue(critical, n) >= 1 / alpha > t_evalue(0.9999 * critical, n)


def test_without_variance() -> None:
    assert t_evalue(math.inf, 5) == math.inf
    assert t_evalue(-math.inf, 5) == 0.0


@pytest.mark.parametrize("mean", [0.0, -0.2])
def test_stopping_after_every_seed_keeps_the_error_rate(mean: float) -> None:
    """Peeking from 3 to 100 seeds; a t test at 0.05 would err several times as often."""
    streams, alpha, last = 4_000, 0.05, 100
    x = np.random.default_rng(np.random.SeedSequence(1)).normal(mean, 1.0, (streams, last))
    n = np.arange(3, last + 1)
    total, square = (np.cumsum(y, axis=1)[:, 2:] for y in (x, x * x))
    t = total / np.sqrt(n) / np.sqrt((square - total**2 / n) / (n - 1))
    ever = (t >= [t_critical(int(k), alpha) for k in n]).any(axis=1).mean()
    peeking = (t >= stats.t.isf(alpha, n - 1)).any(axis=1).mean()
    assert ever <= stats.binom.ppf(1 - 1e-4, streams, alpha) / streams
    assert mean < 0 or peeking > 3 * alpha


@pytest.mark.parametrize(("n", "share"), [(1, 0.5), (10, 0.5), (20, 0.3), (7, 0.9)])
def test_share_has_mean_one_under_the_null(n: int, share: float) -> None:
    values = np.array([share_evalue(hits, n, share) for hits in range(n + 1)])
    mean = float(values @ stats.binom.pmf(np.arange(n + 1), n, share))
    assert mean == pytest.approx(1.0)


def test_share_is_a_martingale() -> None:
    """Given so many hits, the next trial changes it by nothing in the mean."""
    for n, hits, share in [(5, 3, 0.5), (12, 1, 0.4), (30, 29, 0.5)]:
        later = share * share_evalue(hits + 1, n + 1, share)
        later += (1 - share) * share_evalue(hits, n + 1, share)
        assert later == pytest.approx(share_evalue(hits, n, share))


def test_overwhelming_shares_are_no_cause_for_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert share_evalue(15_000, 15_000) == math.inf
