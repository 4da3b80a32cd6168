"""Boundaries of exponential data against simulation of the raw process and exact integrals."""

import math
import time

import numpy as np
import pytest
from scipy import special

from bnclaims.statistics import exponential_t
from bnclaims.statistics.exponential_t import adjusted_p, critical_alone, critical_values
from bnclaims.statistics.spending import OBrienFleming, Pocock, Power, Spending, spent_alpha
from tests.statistics.streams import STANDARD, first_crossings, skewed, t_at_looks


@pytest.mark.parametrize(
    ("looks", "alpha", "spending"),
    [
        (STANDARD, 0.01, Power()),
        (STANDARD, 0.05, Power()),
        (STANDARD, 0.2, Pocock()),
        ((5, 10, 20, 40), 0.05, OBrienFleming()),
        ((3, 4, 5, 6), 0.05, Power(1.5)),
        ((3, 5, 6, 12), 0.2, Power(0.7)),
        ((2, 4), 0.1, Power()),
        ((7,), 0.01, Power()),
    ],
)
def test_simulated_streams_cross_as_often_as_is_spent(
    looks: tuple[int, ...], alpha: float, spending: Spending
) -> None:
    streams = 400_000
    counts = first_crossings(
        skewed, looks, critical_values(looks, alpha, spending), streams, seed=40
    )
    spent = spent_alpha(looks, alpha, spending)
    for count, p in zip(counts, np.diff([0.0, *spent]), strict=False):
        assert abs(count - streams * p) < 4 * math.sqrt(streams * p * (1 - p))


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        (0.01, (19.453, 8.039, 5.800, 4.766)),
        (0.0025, (29.674, 10.918, 7.723, 6.321)),
        (0.05, (11.283, 5.178, 3.731, 3.004)),
    ],
)
def test_critical_values_of_the_default_design(alpha: float, expected: tuple[float, ...]) -> None:
    assert critical_values(STANDARD, alpha, Power()) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("looks", [STANDARD, (3, 4, 5, 6), (50, 100, 150, 200)])
@pytest.mark.parametrize("alpha", [1e-4, 0.01, 0.2])
def test_other_lattices_spend_the_same(looks: tuple[int, ...], alpha: float) -> None:
    """The error that the module states, each look's chance being judged by another lattice."""
    one, other = (exponential_t._solved(looks, alpha, Power(), seed) for seed in (0, 1))
    steps = np.diff([0.0, *one.spent])
    for stage, critical, step in zip(other.stages, one.critical, steps, strict=True):
        # Four times 0.3% for each of the two.
        assert stage.upper_tail(critical) == pytest.approx(step, rel=4 * math.sqrt(2) * 0.003)


def tail_of_two(t: float) -> float:
    """P(t_2 >= t), t > 0: the sum is gamma(2), the difference uniform between minus and plus it."""
    x, weight = np.polynomial.legendre.leggauss(400)
    share = (x + 1) / 2  # |difference| / sum is uniform on (0, 1)
    return float(weight / 2 @ special.gammainc(2, 2 / (1 + t * share)))


@pytest.mark.parametrize("alpha", [1e-4, 0.01, 0.3])
def test_two_seeds_by_hand(alpha: float) -> None:
    assert tail_of_two(critical_alone(2, alpha)) == pytest.approx(alpha, rel=1e-6)


@pytest.mark.parametrize("n", [100, 300])
def test_many_seeds_alone(n: int) -> None:
    """Beyond 64 seeds the critical value is interpolated, and little is lost."""
    for alpha in (1e-4, 0.01, 0.05):
        exact = exponential_t._first_stage(n).boundary(alpha)
        assert critical_alone(n, alpha) == pytest.approx(exact, rel=5e-3)


def test_no_jump_where_interpolation_begins() -> None:
    at = [critical_alone(n, 0.01) for n in (63, 64, 65, 66)]
    assert np.diff(at, 2) == pytest.approx(0.0, abs=4e-4)


def test_more_seeds_approach_the_normal_quantile() -> None:
    far = [critical_alone(n, 0.01) for n in (10, 100, 1_000, 10_000, 100_000)]
    assert far == sorted(far, reverse=True)
    assert far[-1] == pytest.approx(-special.ndtri(0.01), abs=0.02)


def test_p_is_uniform_under_the_null() -> None:
    streams, level = 200_000, 0.2
    critical = np.array(critical_values(STANDARD, level, Power()))
    rng = np.random.default_rng(np.random.SeedSequence(41))
    t = t_at_looks(skewed(rng, (streams, 20)), STANDARD)
    crossed = t >= critical
    stop = np.where(crossed.any(axis=1), crossed.argmax(axis=1), 3)
    for look, at in [(0, 9.0), (1, 4.0), (2, 2.5), (3, 0.5), (3, -1.0)]:
        expected = adjusted_p(at, look, STANDARD, level, Power())
        hits = np.sum((stop < look) | ((stop == look) & (t[:, look] >= at)))
        # The lattice's own error is up to 0.3% of what the look adds.
        error = streams * 0.003 * expected
        assert abs(hits - streams * expected) < 4 * math.hypot(
            math.sqrt(streams * expected * (1 - expected)), error
        )


def test_infinite_t() -> None:
    spent = spent_alpha(STANDARD, 0.01, Power())
    for look in range(4):
        before = spent[look - 1] if look else 0.0
        assert adjusted_p(math.inf, look, STANDARD, 0.01, Power()) == pytest.approx(before)
        assert adjusted_p(-math.inf, look, STANDARD, 0.01, Power()) == pytest.approx(1, abs=0.01)


def test_tiny_alpha() -> None:
    for alpha in (1e-6, 1e-8):
        critical = critical_values((3, 6, 9), alpha, Power())
        spent = spent_alpha((3, 6, 9), alpha, Power())
        for n, c, early, late in zip((3, 6, 9), critical, (0.0, *spent), spent, strict=False):
            # Between treating looks as if they excluded each other, and as if they were one.
            alone = exponential_t._first_stage(n).upper_tail(c)
            assert (late - early) * 0.98 <= alone <= late * 1.02


def test_cold_start_is_quick() -> None:
    exponential_t._solved.cache_clear()
    start = time.process_time()
    critical_values(STANDARD, 0.0123, Power())
    assert time.process_time() - start < 2.0


def test_refuses_an_alpha_of_a_half() -> None:
    with pytest.raises(ValueError, match="alpha must lie between"):
        critical_alone(5, 0.5)
