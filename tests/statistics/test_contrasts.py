"""Statistics against SciPy, by their symmetries, and where there is no variance."""

import math
import subprocess
import sys
import time
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from bnclaims.statistics import contrasts as s
from bnclaims.statistics.sequential_t import critical_values
from bnclaims.statistics.spending import Power

# Not so tiny or huge that scaling by a thousand leaves the normal numbers.
numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 6))
samples = st.lists(numbers, min_size=2, max_size=12)


def draw(n: int, shift: float = 0.3, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(np.random.SeedSequence([seed, n])).normal(shift, 1.0, n)


class TestTStatistic:
    @pytest.mark.parametrize("n", [2, 3, 5, 20, 100])
    def test_agrees_with_scipy(self, n: int) -> None:
        x = draw(n)
        expected = stats.ttest_1samp(x, 0.0, alternative="greater")
        assert s.t_statistic(x) == pytest.approx(float(expected.statistic), rel=1e-12)
        assert s.nominal_p(x) == pytest.approx(float(expected.pvalue), rel=1e-10)

    @given(samples)
    def test_mirrors(self, values: list[float]) -> None:
        mirrored = [-v for v in values]
        assert s.t_statistic(mirrored) == -s.t_statistic(values)
        assert s.nominal_p(mirrored) == pytest.approx(1 - s.nominal_p(values), abs=1e-12)

    @given(samples, st.integers(-30, 30))
    def test_ignores_scale(self, values: list[float], exponent: int) -> None:
        # Powers of two scale without rounding.
        assert s.t_statistic(np.array(values) * 2.0**exponent) == s.t_statistic(values)

    @pytest.mark.parametrize(
        ("value", "t", "p"), [(0.1, math.inf, 0.0), (-0.1, -math.inf, 1.0), (0.0, 0.0, 0.5)]
    )
    @pytest.mark.parametrize("n", [2, 3, 7, 20])
    def test_equal_values(self, value: float, t: float, p: float, n: int) -> None:
        # np.std([0.1] * 3) is 1.4e-17, not 0: rounding must not make it a finite t.
        assert s.t_statistic([value] * n) == t
        assert s.nominal_p([value] * n) == p

    def test_signed_zeros_are_equal_values(self) -> None:
        assert s.t_statistic([0.0, -0.0, 0.0]) == 0.0

    def test_least_differences_count_as_variance(self) -> None:
        assert math.isfinite(s.t_statistic([1.0, 1.0, math.nextafter(1.0, 2.0)]))
        # Squares of these deviations underflow.
        assert s.t_statistic([1e-200, 3e-200]) == pytest.approx(2.0)

    @pytest.mark.parametrize("values", [[], [1.0], [[1.0, 2.0]], 3.0])
    def test_refuses_too_few_values(self, values: object) -> None:
        with pytest.raises(ValueError, match="at least two seeds"):
            s.t_statistic(values)  # type: ignore[arg-type]

    @pytest.mark.parametrize("bad", [math.nan, math.inf])
    def test_refuses_values_that_are_not_finite(self, bad: float) -> None:
        with pytest.raises(ValueError, match="finite"):
            s.t_statistic([1.0, bad])


class TestInterval:
    @pytest.mark.parametrize("n", [3, 5, 20])
    def test_agrees_with_scipy(self, n: int) -> None:
        x = draw(n)
        expected = stats.ttest_1samp(x, 0.0).confidence_interval(0.95)
        critical = float(stats.t.isf(0.025, n - 1))
        assert s.interval(x, critical) == pytest.approx((expected.low, expected.high), rel=1e-10)

    @given(samples, st.floats(0.1, 10))
    def test_excludes_zero_when_t_is_critical(self, values: list[float], critical: float) -> None:
        low, high = s.interval(values, critical)
        t = s.t_statistic(values)
        if abs(t - critical) > 1e-6:
            assert (low > 0) == (t > critical)
        if abs(t + critical) > 1e-6:
            assert (high < 0) == (t < -critical)

    @given(samples)
    def test_mirrors(self, values: list[float]) -> None:
        low, high = s.interval(values, 2.5)
        assert s.interval([-v for v in values], 2.5) == (-high, -low)

    def test_equal_values(self) -> None:
        assert s.interval([0.1, 0.1, 0.1], 4.0) == (0.1, 0.1)

    def test_infinite_critical_value(self) -> None:
        assert s.interval([1.0, 2.0], math.inf) == (-math.inf, math.inf)
        assert s.interval([1.0, 1.0], math.inf) == (-math.inf, math.inf)

    def test_repeated_intervals_cover_together(self) -> None:
        # One-sided: the lower ends of all four looks are below the mean but for alpha of streams.
        looks, alpha, streams = (5, 10, 15, 20), 0.1, 2_000
        critical = critical_values(looks, alpha, Power())
        data = np.random.default_rng(np.random.SeedSequence(3)).normal(7.0, 2.0, (streams, 20))
        missed = sum(
            any(s.interval(x[:n], c)[0] > 7.0 for n, c in zip(looks, critical, strict=True))
            for x in data
        )
        spread = math.sqrt(streams * alpha * (1 - alpha))
        assert abs(missed - streams * alpha) < 4 * spread


class TestSignFlip:
    @pytest.mark.parametrize("n", [2, 3, 7, 12])
    @pytest.mark.parametrize("shift", [-0.5, 0.0, 0.8])
    def test_agrees_with_scipy(self, n: int, shift: float) -> None:
        def mean(sample: NDArray[np.float64]) -> float:
            return float(np.mean(sample))

        x = draw(n, shift)
        expected = stats.permutation_test(
            (x,), mean, permutation_type="samples", alternative="greater", n_resamples=2**n
        )
        assert s.sign_flip_p(x) == pytest.approx(float(expected.pvalue), abs=1e-12)

    @given(st.lists(st.integers(-3, 3), min_size=2, max_size=8))
    def test_counts_ties(self, values: list[int]) -> None:
        # Tenths are not binary fractions: equal means differ by rounding.
        p = s.sign_flip_p(np.array(values) * 0.1)
        totals = [
            sum(f * v for f, v in zip(flip, values, strict=True))
            for flip in product((1, -1), repeat=len(values))
        ]
        assert p == np.mean(np.array(totals) >= sum(values))

    @settings(max_examples=50)
    @given(samples, st.sampled_from([1e-9, 0.1, 3.0, 1e4]))
    def test_ignores_scale(self, values: list[float], scale: float) -> None:
        assert s.sign_flip_p(np.array(values) * scale) == s.sign_flip_p(values)

    @pytest.mark.parametrize("n", [2, 5, 20, 32])
    def test_smallest_value(self, n: int) -> None:
        assert s.sign_flip_p([0.1] * n) == 2.0**-n
        assert s.sign_flip_p([-0.1] * n) == 1.0
        assert s.sign_flip_p([0.0] * n) == 1.0

    def test_is_quick(self) -> None:
        x = draw(20)
        start = time.process_time()
        s.sign_flip_p(x)
        assert time.process_time() - start < 0.05

    def test_monte_carlo_agrees_with_the_exact_count(self, monkeypatch: pytest.MonkeyPatch) -> None:
        x = draw(16)
        exact = s.sign_flip_p(x)
        monkeypatch.setattr(s, "_EXACT_SIGN_FLIPS", 10)
        drawn = s.sign_flip_p(x)
        assert drawn != exact
        assert abs(drawn - exact) < 5 * math.sqrt(exact * (1 - exact) / s._RESAMPLES)

    def test_monte_carlo_is_seeded(self) -> None:
        x = draw(40, 0.1)
        assert s.sign_flip_p(x) == s.sign_flip_p(x)
        assert s.sign_flip_p(x, seed=1) != s.sign_flip_p(x, seed=2)
        assert s.sign_flip_p(np.ones(60)) == 1e-5


class TestStandardisedEffect:
    @pytest.mark.parametrize("n", [2, 3, 5, 20, 200])
    def test_interval_inverts_the_noncentral_t(self, n: int) -> None:
        x = draw(n)
        effect = s.standardised_effect(x)
        t = s.t_statistic(x)
        assert effect.d_z == pytest.approx(float(np.mean(x) / np.std(x, ddof=1)))
        assert stats.nct.sf(t, n - 1, effect.low * math.sqrt(n)) == pytest.approx(0.025, rel=1e-6)
        assert stats.nct.cdf(t, n - 1, effect.high * math.sqrt(n)) == pytest.approx(0.025, rel=1e-6)

    def test_hedges_correction(self) -> None:
        # Hedges (1981), and his approximation 1 - 3 / (4m - 1).
        for n in (3, 5, 20):
            effect = s.standardised_effect(draw(n))
            assert effect.g / effect.d_z == pytest.approx(1 - 3 / (4 * (n - 1) - 1), rel=0.03)
        effect = s.standardised_effect(draw(3))
        assert effect.g / effect.d_z == pytest.approx(1 / math.sqrt(math.pi))

    def test_g_is_unbiased(self) -> None:
        data = np.random.default_rng(np.random.SeedSequence(4)).normal(0.7, 1.0, (4_000, 6))
        correction = s.standardised_effect(data[0]).g / s.standardised_effect(data[0]).d_z
        g = correction * data.mean(axis=1) / data.std(axis=1, ddof=1)
        assert abs(g.mean() - 0.7) < 4 * g.std() / math.sqrt(len(g))

    @settings(max_examples=25, deadline=None)
    @given(samples, st.integers(-20, 20))
    @example([1.0, 1.0, 1.000001], 3)
    def test_ignores_scale_and_mirrors(self, values: list[float], exponent: int) -> None:
        effect = s.standardised_effect(values)
        scaled = s.standardised_effect(-np.array(values) * 2.0**exponent)
        assert (scaled.d_z, scaled.g) == (-effect.d_z, -effect.g)
        assert (scaled.low, scaled.high) == pytest.approx(
            (-effect.high, -effect.low), rel=1e-6, abs=1e-6, nan_ok=True
        )

    @settings(max_examples=25, deadline=None)
    @given(samples)
    def test_interval_holds_the_estimate(self, values: list[float]) -> None:
        effect = s.standardised_effect(values)
        if not math.isnan(effect.low):
            assert effect.low < effect.d_z < effect.high

    @pytest.mark.parametrize(("value", "d"), [(0.1, math.inf), (-0.1, -math.inf), (0.0, 0.0)])
    def test_equal_values(self, value: float, d: float) -> None:
        for n in (2, 3):
            effect = s.standardised_effect([value] * n)
            assert (effect.d_z, effect.g) == (d, d)
            assert math.isnan(effect.low)
            assert math.isnan(effect.high)


class TestCorrelation:
    def test_agrees_with_scipy(self) -> None:
        a, b = draw(9, seed=5), draw(9, seed=6)
        assert s.correlation(a, b) == pytest.approx(float(stats.pearsonr(a, b).statistic))

    @given(samples, st.integers(-20, 20))
    def test_of_a_scaled_copy_is_one(self, values: list[float], exponent: int) -> None:
        x = np.array(values)
        if np.all(x == x[0]):
            return
        assert s.correlation(x, x * 2.0**exponent) == pytest.approx(1.0)
        assert s.correlation(x, -x) == pytest.approx(-1.0)

    @pytest.mark.filterwarnings("error")
    def test_of_a_constant_arm_is_nan(self) -> None:
        assert math.isnan(s.correlation([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]))
        assert math.isnan(s.correlation([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]))

    def test_refuses_unpaired_arms(self) -> None:
        with pytest.raises(ValueError, match="equally many"):
            s.correlation([1.0, 2.0], [1.0, 2.0, 3.0])


class TestTrendWeights:
    @given(st.lists(numbers, min_size=2, max_size=9))
    def test_give_minus_the_slope(self, levels: list[float]) -> None:
        k = len(levels)
        slope = np.polynomial.polynomial.polyfit(np.arange(k), levels, 1)[1]
        assert float(s.trend_weights(k) @ levels) == pytest.approx(-slope, rel=1e-6, abs=1e-3)

    def test_are_positive_for_decreasing_levels(self) -> None:
        assert s.trend_weights(2) == pytest.approx([1.0, -1.0])
        assert s.trend_weights(4) @ [7.0, 5.0, 3.0, 1.0] == pytest.approx(2.0)
        assert s.trend_weights(5).sum() == pytest.approx(0.0)

    def test_need_two_levels(self) -> None:
        with pytest.raises(ValueError, match="two different positions"):
            s.trend_weights(1)


class TestPower:
    @pytest.mark.parametrize("n", [2, 3, 5, 20, 500])
    @pytest.mark.parametrize("effect", [-1.0, 0.0, 0.2, 1.0, 5.0])
    @pytest.mark.parametrize("critical", [-1.0, 0.0, 1.7, 6.8, 60.0])
    def test_agrees_with_scipy(self, n: int, effect: float, critical: float) -> None:
        if effect:
            expected = float(stats.nct.sf(critical, n - 1, effect * math.sqrt(n)))
        else:
            expected = float(stats.t.sf(critical, n - 1))
        assert s.power(effect, n, critical) == pytest.approx(expected, abs=1e-10)

    @given(st.floats(allow_nan=False), st.integers(2, 10**6), st.floats(allow_nan=False))
    def test_is_a_probability_whatever_the_arguments(
        self, effect: float, n: int, critical: float
    ) -> None:
        assert 0.0 <= s.power(effect, n, critical) <= 1.0

    def test_limits(self) -> None:
        assert s.power(1e6, 20, 3.0) == pytest.approx(1.0)
        assert s.power(-1e6, 20, 3.0) == pytest.approx(0.0)
        assert s.power(1.0, 20, math.inf) == 0.0
        assert s.power(1.0, 20, -math.inf) == 1.0

    def test_needs_two_seeds(self) -> None:
        with pytest.raises(ValueError, match="at least two seeds"):
            s.power(0.5, 1, 2.0)


class TestHolm:
    def test_textbook(self) -> None:
        assert s.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
        assert s.holm([]) == []
        assert s.holm([0.4]) == [0.4]
        assert s.holm([0.9, 0.8]) == [1.0, 1.0]

    @given(st.lists(st.floats(0, 1), max_size=10))
    def test_lies_between_the_value_and_bonferroni(self, p: list[float]) -> None:
        adjusted = s.holm(p)
        for raw, value in zip(p, adjusted, strict=True):
            assert raw <= value <= 1.0
        if p:
            assert min(adjusted) == min(1.0, len(p) * min(p))
        order = np.argsort(p, kind="stable")
        assert np.all(np.diff(np.array(adjusted)[order]) >= 0)

    @given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.999))
    def test_agrees_with_stepping_down(self, p: list[float], alpha: float) -> None:
        rejected = [False] * len(p)
        for rank, index in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if (len(p) - rank) * p[index] > alpha:
                break
            rejected[index] = True
        assert [value <= alpha for value in s.holm(p)] == rejected

    @pytest.mark.parametrize("bad", [-0.1, 1.1, math.nan])
    def test_refuses_what_is_no_probability(self, bad: float) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            s.holm([0.1, bad])

    def test_agrees_with_statsmodels(self) -> None:
        p = np.random.default_rng(np.random.SeedSequence(6)).random(30) ** 3
        assert s.holm(list(p)) == pytest.approx(list(multipletests(p, method="holm")[1]))


class TestBinomial:
    @given(st.integers(0, 40), st.floats(0.01, 0.99))
    def test_agrees_with_scipy(self, hits: int, share: float) -> None:
        expected = stats.binomtest(hits, 40, share, alternative="greater").pvalue
        assert s.binomial_p(hits, 40, share) == pytest.approx(expected, abs=1e-12)

    def test_many_at_once(self) -> None:
        assert s.binomial_p([0, 5], 5).tolist() == [1.0, 2.0**-5]


class TestPage:
    def test_textbook(self) -> None:
        # SciPy's own example, after Hollander & Wolfe: L = 133.5 for the students' ratings.
        table = [
            [3, 4, 3], [2, 2, 4], [3, 3, 5], [1, 3, 2], [2, 3, 2],
            [2, 4, 5], [1, 2, 4], [3, 4, 4], [2, 4, 5], [1, 3, 4],
        ]  # fmt: skip
        assert s.page_p(table) == pytest.approx(0.0018191161948127822)

    def test_all_seeds_in_order(self) -> None:
        # Three levels in each of five seeds: one arrangement of 6**5.
        assert s.page_p(np.arange(3.0) + np.zeros((5, 1))) == pytest.approx(6.0**-5)

    @given(
        arrays(float, st.tuples(st.integers(2, 6), st.integers(3, 5)), elements=st.integers(0, 9))
    )
    def test_agrees_with_scipy(self, table: NDArray[np.float64]) -> None:
        expected = stats.page_trend_test(table, method="exact").pvalue
        assert s.page_p(table) == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize(("seeds", "levels"), [(3, 9), (101, 4)])
    def test_agrees_with_scipy_in_the_limit(self, seeds: int, levels: int) -> None:
        table = np.random.default_rng(levels).normal(np.arange(levels) / 9, 1, (seeds, levels))
        expected = stats.page_trend_test(table, method="asymptotic").pvalue
        assert s.page_p(table) == pytest.approx(expected, rel=1e-9)

    def test_many_seeds_are_near_the_limit(self) -> None:
        table = np.random.default_rng(0).normal(np.arange(8) / 30, 1, (100, 8))
        limit = stats.page_trend_test(table, method="asymptotic").pvalue
        assert s.page_p(table) == pytest.approx(limit, rel=0.05)

    def test_needs_no_slow_import(self) -> None:
        code = (
            "import sys; from bnclaims.statistics import contrasts; "
            "contrasts.page_p([[1, 2, 3], [1, 3, 2]]); assert 'scipy.stats' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestSlopeWeights:
    @given(st.lists(st.floats(-100, 100), min_size=2, max_size=8, unique=True))
    def test_is_the_least_squares_slope(self, at: list[float]) -> None:
        assume(np.ptp(at) > 1e-3)
        levels = 3.0 - 2.5 * np.array(at)
        assert s.slope_weights(at) @ levels == pytest.approx(-2.5, rel=1e-6)
        assert s.slope_weights(at).sum() == pytest.approx(0.0, abs=1e-6)


class TestEBH:
    def test_by_hand(self) -> None:
        # 4 / (rank * e): 4/10, 4/(2*25), 4/(3*8), 1; then the least from the largest on.
        p = [1 / 10, 1 / 100, 1 / 25, 1.0]
        assert s.e_bh(p) == pytest.approx([4 / 3 / 10, 4 / 100, 4 / 2 / 25, 1.0])
        assert s.e_bh([]) == []
        assert s.e_bh([0.0, 1.0]) == [0.0, 1.0]

    @given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.01, 0.3))
    def test_rejects_as_the_step_up_procedure_does(self, p: list[float], alpha: float) -> None:
        order = sorted(range(len(p)), key=p.__getitem__)
        rejected = max(
            (k for k in range(1, len(p) + 1) if len(p) / k * p[order[k - 1]] <= alpha), default=0
        )
        rates = s.e_bh(p)
        assert {i for i, rate in enumerate(rates) if rate <= alpha} >= set(order[:rejected])
        assert sum(rate <= alpha for rate in rates) >= rejected
        assert all(rates[i] > alpha for i in order[rejected:] if p[i] > p[order[rejected - 1]])

    def test_false_discoveries_are_as_rare_as_alpha(self) -> None:
        """Among e-values that depend on each other: half of the hypotheses true."""
        rng = np.random.default_rng(np.random.SeedSequence(31))
        draws, claims, alpha, effect = 4_000, 20, 0.2, 3.0
        z = 0.7 * rng.standard_normal((draws, 1)) + math.sqrt(0.51) * rng.standard_normal(
            (draws, claims)
        )
        z[:, claims // 2 :] += effect
        p = np.minimum(1.0, np.exp(effect**2 / 2 - effect * z))
        false = []
        for row in p:
            kept = [i for i, rate in enumerate(s.e_bh(list(row))) if rate <= alpha]
            false.append(sum(i < claims // 2 for i in kept) / max(1, len(kept)))
        assert np.mean(false) <= alpha

    def test_refuses_what_is_no_probability(self) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            s.e_bh([0.1, 1.1])


def test_no_seed_of_five_leaves_up_to_forty_five_in_a_hundred() -> None:
    assert [round(s.unseen_share(n), 2) for n in (5, 10, 20)] == [0.45, 0.26, 0.14]
    # The exact upper limit of a share of which none was seen.
    assert s.unseen_share(7) == pytest.approx(stats.beta.ppf(0.95, 1, 7))
