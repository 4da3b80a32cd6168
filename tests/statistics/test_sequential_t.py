"""Boundaries against simulation of the raw process and against independent computations."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import special, stats

from bnclaims.statistics import sequential_t
from bnclaims.statistics.sequential_t import Sides, adjusted_p, critical_values
from bnclaims.statistics.spending import OBrienFleming, Pocock, Power, Spending, spent_alpha
from tests.statistics.streams import STANDARD, first_crossings, normal


@pytest.mark.parametrize(
    ("looks", "alpha", "rho"),
    [
        (STANDARD, 0.01, 1.5),
        (STANDARD, 0.05, 1.5),
        ((3, 4, 5, 6), 0.05, 1.5),
        ((3, 5, 6, 12), 0.2, 0.7),
    ],
)
def test_simulated_streams_cross_as_often_as_is_spent(
    looks: tuple[int, ...], alpha: float, rho: float
) -> None:
    streams = 400_000
    counts = first_crossings(
        normal, looks, critical_values(looks, alpha, Power(rho)), streams, seed=20
    )
    spent = spent_alpha(looks, alpha, Power(rho))
    for count, p in zip(counts, np.diff([0.0, *spent]), strict=False):
        assert abs(count - streams * p) < 4 * math.sqrt(streams * p * (1 - p))


def test_simulation_would_notice_a_boundary_of_independent_looks() -> None:
    # A check of the check: treating looks as independent of the earlier ones is far off.
    steps = np.diff([0.0, *spent_alpha(STANDARD, 0.05, Power())])
    wrong = tuple(float(stats.t.isf(p, n - 1)) for p, n in zip(steps, STANDARD, strict=True))
    counts = first_crossings(normal, STANDARD, wrong, 100_000, seed=21)
    p = steps[1]
    assert counts[1] < 100_000 * p - 4 * math.sqrt(100_000 * p * (1 - p))


def forward_two_looks(n: int, m: int, first: float, second: float) -> float:
    """P(t_n < first, t_{n+m} >= second) by the forward chain, m new data at once.

    The cosine c of the first n data with the ones becomes
    sqrt(n/(n+m)) sqrt(B) c + sqrt(m/(n+m)) sqrt(1-B) c', B ~ Beta(n/2, m/2), c' of m data alone.
    """
    x, w = np.polynomial.legendre.leggauss(300)

    def cosine(t: float, size: int) -> float:
        return t / math.sqrt(t * t + size - 1)

    # c = cos(u) and B = cos(v)**2 make both densities smooth.
    start = math.acos(cosine(first, n))
    u = start + (math.pi - start) * (x + 1) / 2
    u_mass = w * (math.pi - start) / 2 * np.sin(u) ** (n - 2) / special.beta(0.5, (n - 1) / 2)
    v = math.pi / 4 * (x + 1)
    v_mass = w * math.pi / 4 * 2 * np.cos(v) ** (n - 1) * np.sin(v) ** (m - 1)
    v_mass /= special.beta(n / 2, m / 2)
    kept = math.sqrt(n / (n + m)) * np.cos(v)[None, :] * np.cos(u)[:, None]
    need = (cosine(second, n + m) - kept) / (math.sqrt(m / (n + m)) * np.sin(v)[None, :])
    tail = special.betainc((m - 1) / 2, (m - 1) / 2, np.clip((1 - need) / 2, 0, 1))
    return float(u_mass @ tail @ v_mass)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (4, 7), (10, 5), (20, 40)])
@pytest.mark.parametrize("alpha", [0.01, 0.2])
def test_second_look_agrees_with_the_forward_chain(n: int, m: int, alpha: float) -> None:
    looks = (n, n + m)
    first, second = critical_values(looks, alpha, Power())
    early, late = spent_alpha(looks, alpha, Power())
    assert forward_two_looks(n, m, first, second) == pytest.approx(late - early, rel=1e-4)


@pytest.mark.parametrize("n", [2, 3, 20, 200])
@pytest.mark.parametrize("alpha", [1e-12, 0.01, 0.05, 0.4])
def test_single_look_is_the_t_quantile(n: int, alpha: float) -> None:
    (critical,) = critical_values((n,), alpha, Power())
    assert critical == pytest.approx(float(stats.t.isf(alpha, n - 1)), rel=1e-9)


def test_nominal_thresholds_of_the_standard_looks() -> None:
    critical = critical_values(STANDARD, 0.05, Power())
    nominal = [float(stats.t.sf(c, n - 1)) for c, n in zip(critical, STANDARD, strict=True)]
    assert nominal == pytest.approx([0.0062500, 0.0128192, 0.0212401, 0.0317197], abs=1e-6)


def test_critical_values_of_the_default_design() -> None:
    critical = critical_values(STANDARD, 0.01, Power())
    assert critical == pytest.approx((6.758253, 3.711718, 3.122016, 2.829382), abs=1e-5)


@pytest.mark.parametrize(
    ("looks", "alpha", "rho"),
    [
        (STANDARD, 0.01, 1.5),
        (STANDARD, 1e-6, 1.5),
        ((3, 4, 5, 6), 0.01, 1.5),
        ((3, 5, 6), 0.2, 0.5),
        ((2, 3, 4), 0.05, 1.5),
        ((3, 4, 5), 0.05, 8.0),
        (tuple(range(3, 21)), 0.05, 1.5),
        ((50, 100, 150, 200), 0.01, 1.5),
    ],
)
def test_doubling_the_grid_changes_nothing(
    looks: tuple[int, ...], alpha: float, rho: float
) -> None:
    fine = sequential_t._solved(looks, alpha, Power(rho), 1, 2 * sequential_t._NODES).critical
    assert critical_values(looks, alpha, Power(rho)) == pytest.approx(fine, rel=1e-6, abs=1e-5)


@pytest.mark.parametrize("looks", [STANDARD, (3, 4, 5, 6), (3, 30, 31), (40, 80)])
def test_probability_is_conserved(looks: tuple[int, ...]) -> None:
    # Whatever has not crossed before a look reaches it.
    spent = spent_alpha(looks, 0.1, Power(1.0))
    for look, stage in enumerate(sequential_t._solved(looks, 0.1, Power(1.0), 1).stages):
        before = spent[look - 1] if look else 0.0
        assert stage.upper_tail(-math.inf) == pytest.approx(1 - before, abs=1e-6)


@pytest.mark.parametrize("looks", [STANDARD, (3, 4, 5, 6)])
def test_tiny_alpha(looks: tuple[int, ...]) -> None:
    alpha = 1e-9
    critical = critical_values(looks, alpha, Power())
    assert all(math.isfinite(c) for c in critical)
    spent = spent_alpha(looks, alpha, Power())
    for n, c, early, late in zip(looks, critical, (0.0, *spent), spent, strict=False):
        # Between treating looks as if they excluded each other, and as if they were one.
        assert (late - early) * 0.999 <= float(stats.t.sf(c, n - 1)) <= late * 1.001


def normal_critical(shares: list[float], spent: tuple[float, ...]) -> list[float]:
    """Boundaries of a Brownian motion at information shares (Armitage, McPherson & Rowe 1969)."""
    x, w = np.polynomial.legendre.leggauss(150)
    at, mass = np.zeros(1), np.ones(1)
    boundary = []
    for share, early, late, p in zip(shares, [0.0, *shares], [0.0, *spent], spent, strict=False):
        sd = math.sqrt(share - early)
        low, high = 0.0, 10.0
        for _ in range(60):
            middle = (low + high) / 2
            if mass @ special.ndtr((at - middle) / sd) > p - late:
                low = middle
            else:
                high = middle
        boundary.append(low / math.sqrt(share))
        bottom = -9 * math.sqrt(share)
        node = bottom + (low - bottom) * (x + 1) / 2
        density = np.exp(-(((node[:, None] - at) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))
        at, mass = node, w * (low - bottom) / 2 * (density @ mass)
    return boundary


def test_many_seeds_approach_the_normal_theory() -> None:
    spent = spent_alpha((2, 4, 6, 8), 0.05, Power())
    normal = special.ndtr(-np.array(normal_critical([0.25, 0.5, 0.75, 1.0], spent)))
    gaps = []
    for size in (25, 50, 100):
        looks = tuple(size * k for k in (1, 2, 3, 4))
        nominal = special.stdtr(
            np.array(looks) - 1, -np.array(critical_values(looks, 0.05, Power()))
        )
        gaps.append(np.abs(nominal - normal))
    assert gaps[-1].max() < 2e-4
    # The gap is of order 1/n at every look after the first, where there is none.
    for wide, narrow in itertools.pairwise(gaps):
        assert wide[0] < 1e-9
        assert (wide[1:] / narrow[1:]) == pytest.approx([2, 2, 2], rel=0.1)


def test_cold_start_is_quick() -> None:
    sequential_t._solved.cache_clear()
    start = time.process_time()
    critical_values(STANDARD, 0.0123, Power())
    assert time.process_time() - start < 0.5


class TestAdjustedP:
    @pytest.mark.parametrize("looks", [STANDARD, (3, 4, 5, 6), (7,)])
    @pytest.mark.parametrize("alpha", [1e-6, 0.01, 0.3])
    def test_equals_the_spent_error_at_the_boundary(
        self, looks: tuple[int, ...], alpha: float
    ) -> None:
        critical = critical_values(looks, alpha, Power())
        for look, spent in enumerate(spent_alpha(looks, alpha, Power())):
            at = adjusted_p(critical[look], look, looks, alpha, Power())
            below = adjusted_p(math.nextafter(critical[look], 0), look, looks, alpha, Power())
            assert at <= spent < below
            assert at == pytest.approx(spent, rel=1e-9)
            assert below == pytest.approx(spent, rel=1e-9)

    @settings(max_examples=100, deadline=None)
    @given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 3))
    def test_falls_as_t_grows(self, t: float, other: float, look: int) -> None:
        small, large = sorted((t, other))
        p = [adjusted_p(x, look, STANDARD, 0.01, Power()) for x in (small, large)]
        assert 0 <= p[1] <= p[0] + 1e-9 <= 1 + 1e-9

    @given(st.floats(allow_nan=False), st.integers(0, 3))
    def test_is_at_most_the_spent_error_exactly_when_t_is_critical(
        self, t: float, look: int
    ) -> None:
        p = adjusted_p(t, look, STANDARD, 0.05, Power())
        critical = critical_values(STANDARD, 0.05, Power())[look]
        assert (p <= spent_alpha(STANDARD, 0.05, Power())[look]) == (t >= critical)

    @settings(max_examples=50, deadline=None)
    @given(st.floats(-50, 50))
    def test_is_the_nominal_p_at_the_first_look(self, t: float) -> None:
        p = adjusted_p(t, 0, STANDARD, 0.01, Power())
        assert p == pytest.approx(float(stats.t.sf(t, 4)), rel=1e-9)

    def test_infinite_t(self) -> None:
        spent = spent_alpha(STANDARD, 0.01, Power())
        for look in range(4):
            before = spent[look - 1] if look else 0.0
            assert adjusted_p(math.inf, look, STANDARD, 0.01, Power()) == pytest.approx(before)
            assert adjusted_p(-math.inf, look, STANDARD, 0.01, Power()) == pytest.approx(1.0)

    def test_is_uniform_under_the_null(self) -> None:
        # Streams stopped by the rule have P(p <= x) = x: here at levels within each stage.
        streams, level = 100_000, 0.2
        critical = np.array(critical_values(STANDARD, level, Power()))
        rng = np.random.default_rng(np.random.SeedSequence(22))
        n = np.array(STANDARD)
        x = rng.standard_normal((streams, 20))
        total, square = (np.cumsum(y, axis=1)[:, n - 1] for y in (x, x * x))
        t = total / np.sqrt(n) / np.sqrt((square - total**2 / n) / (n - 1))
        crossed = t >= critical
        stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1), 3)
        for look, at in [(1, 3.0), (2, 1.9), (3, 0.2), (3, -1.0)]:
            expected = adjusted_p(at, look, STANDARD, level, Power())
            hits = np.sum((stop < look) | ((stop == look) & (t[:, look] >= at)))
            spread = math.sqrt(streams * expected * (1 - expected))
            assert abs(hits - streams * expected) < 4 * spread

    def test_nan_stays_nan(self) -> None:
        assert math.isnan(adjusted_p(math.nan, 1, STANDARD, 0.01, Power()))

    @pytest.mark.parametrize("look", [-1, 4])
    def test_refuses_a_look_that_is_not_there(self, look: int) -> None:
        with pytest.raises(ValueError, match="index into the 4 looks"):
            adjusted_p(1.0, look, STANDARD, 0.01, Power())


@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize("spending", [Pocock(), OBrienFleming()])
def test_families_cross_as_often_as_they_spend(spending: Spending, sides: Sides) -> None:
    streams, alpha, looks = 400_000, 0.2, STANDARD
    critical = critical_values(looks, alpha, spending, sides)
    spent = [sides * s for s in spent_alpha(looks, alpha / sides, spending)]
    counts = first_crossings(normal, looks, critical, streams, seed=23, sides=sides)
    for count, p in zip(counts, np.diff([0.0, *spent]), strict=False):
        assert abs(count - streams * p) < 4 * math.sqrt(streams * p * (1 - p))


# Lan & DeMets' spending functions at five equal looks of a normal statistic, two-sided 0.05, as the
# R packages ldbounds (ldBounds, iuse=1 and 2) and gsDesign (sfLDOF) print them.
PUBLISHED = {
    OBrienFleming(): (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
    Pocock(): (2.4380, 2.4268, 2.4101, 2.3966, 2.3859),
}


@pytest.mark.parametrize(("spending", "published"), PUBLISHED.items())
def test_many_seeds_approach_the_published_tables(
    spending: Spending, published: tuple[float, ...]
) -> None:
    def nominal(size: int) -> NDArray[np.float64]:
        looks = tuple(size * k for k in range(1, 6))
        critical = critical_values(looks, 0.05, spending, 2)
        tails = special.stdtr(np.array(looks) - 1, -np.array(critical))
        return np.asarray(-special.ndtri(tails))

    # The gap is of order 1/n, so that two sizes extrapolate to none.
    assert 2 * nominal(100) - nominal(50) == pytest.approx(published, abs=1e-3)


def test_two_sides_are_two_single_ones_but_for_crossing_both() -> None:
    one, two = (critical_values(STANDARD, a, Power(), s) for a, s in ((0.025, 1), (0.05, 2)))  # type: ignore[arg-type]
    assert two[0] == pytest.approx(one[0], rel=1e-9)
    # Streams that crossed one side first are spared the other: a hair less is needed.
    assert all(-1e-9 <= a - b < 1e-2 for a, b in zip(one, two, strict=True))
    assert critical_values((7,), 0.05, Power(), 2)[0] == pytest.approx(stats.t.isf(0.025, 6))


def test_adjusted_p_of_two_sides() -> None:
    critical = critical_values(STANDARD, 0.05, Power(), 2)
    for look, per_side in enumerate(spent_alpha(STANDARD, 0.025, Power())):
        for t in (critical[look], -critical[look]):
            p = adjusted_p(t, look, STANDARD, 0.05, Power(), sides=2)
            assert p == pytest.approx(2 * per_side, rel=1e-9)
        nothing = adjusted_p(0.0, look, STANDARD, 0.05, Power(), sides=2)
        assert nothing == pytest.approx(1.0, abs=1e-6)
