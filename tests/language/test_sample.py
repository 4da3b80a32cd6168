"""The expression language: arithmetic, pairing and what it refuses."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bnclaims import decreasing, log, rate
from bnclaims.errors import ClaimError, NotFiniteError
from bnclaims.language.bounds import ANYTHING, Limits, Values
from bnclaims.language.sample import Endpoint, Sample
from tests.fakes import SEEDS, endpoint, fake_runs, limited, sample

finite = st.floats(-1e3, 1e3, allow_nan=False)
values = st.lists(finite, min_size=SEEDS, max_size=SEEDS).map(np.array)


@given(values, values, finite)
def test_arithmetic_is_seed_by_seed(a: Values, b: Values, c: float) -> None:
    one, other = sample(a), sample(b, number=2)
    products: list[tuple[Sample, Values]] = [(one * other, a * b), (one * c, a * c), (-one, -a)]
    for expression, expected in products:
        np.testing.assert_array_equal(expression.values(SEEDS), expected)
        np.testing.assert_array_equal(expression.values(5), expected[:5])
    sums: list[tuple[Sample, Values, Values]] = [
        (one + other, a, b),
        (one - other, a, -b),
        (c + one, np.full_like(a, c), a),
        (c - one, np.full_like(a, c), -a),
    ]
    for expression, term, more in sums:
        # What is left of rounding is exactly 0.
        expected = np.where(np.isclose(term, -more, rtol=4e-16, atol=0.0), 0.0, term + more)
        np.testing.assert_allclose(
            expression.values(SEEDS), expected, rtol=0.0, atol=1e-15 * np.abs(term).max()
        )


@given(values, values.map(lambda b: b + np.copysign(0.1, b)))
def test_quotients_and_logs_are_seed_by_seed(a: Values, b: Values) -> None:
    np.testing.assert_array_equal((sample(a) / sample(b, number=2)).values(SEEDS), a / b)
    np.testing.assert_array_equal((1 / sample(b)).values(SEEDS), 1 / b)
    np.testing.assert_array_equal(log(sample(np.abs(b))).values(SEEDS), np.log(np.abs(b)))


@given(values, finite, finite)
def test_the_offset_is_what_constants_added(a: Values, b: float, c: float) -> None:
    """Values less the offset are the sample without its constants, whatever scales it."""
    assume(abs(c) > 1e-3)
    shifted = (sample(a) + b) * c - b
    np.testing.assert_allclose(shifted.values(SEEDS) - shifted.offset, a * c, atol=1e-6)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (lambda a, b: a - b - 0.1, "s1 - s2 - 0.1"),
        (lambda a, b: 0.9 * a - b, "0.9 * s1 - s2"),
        (lambda a, b: a - (a - b), "s1 - (s1 - s2)"),
        (lambda a, b: 2 * (a - b), "2 * (s1 - s2)"),
        (lambda a, b: 1 - a, "-s1 + 1"),
        (lambda a, b: log(a) / b, "log(s1) / s2"),
        (lambda a, b: (a + 1) * b, "(s1 + 1) * s2"),
        (lambda a, b: -a, "-s1"),
    ],
)
def test_a_sample_is_called_as_it_is_written(
    expression: Callable[[Sample, Sample], Sample], text: str
) -> None:
    one = np.ones(SEEDS)
    assert str(expression(sample(one), sample(one, number=2))) == text


def test_values_that_are_no_numbers_name_arm_and_seeds() -> None:
    broken = np.ones(SEEDS)
    broken[[3, 7, 9]] = np.nan, np.inf, -1e151
    named = r"s1 has no finite value \(fake arm1: seeds 3, 7, 9\)"
    with pytest.raises(NotFiniteError, match=named):
        sample(broken).values(SEEDS)
    assert sample(broken).values(3).sum() == 3
    with pytest.raises(NotFiniteError, match=r"log\(s1\)"):
        log(sample(-np.ones(SEEDS))).values(5)


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (bool, "is a sample: compare it"),
        (lambda s: s == s, "no test can show that two samples are equal"),
        (lambda s: s != s, "no test can show that two samples are equal"),
        (lambda s: bool(abs(s)), "is no verdict: compare it"),
        (lambda s: abs(s) > 1, "claim one direction"),
        (lambda s: s + "1", "'1' is neither a sample nor a number"),
        (lambda s: s < None, "None is neither a sample nor a number"),
        (lambda s: abs(s) - 1, "unsupported operand"),
        (hash, "unhashable"),
        (float, "what mixes seeds"),
        (list, "what mixes seeds"),
        (len, "what mixes seeds"),
        (lambda s: s[0], "what mixes seeds"),
        (np.mean, "what mixes seeds"),
        (np.log, r"np.log does not apply to s1, a sample: use bnclaims.log\(s\)"),
        (np.absolute, r"use abs\(s\)"),
        (np.exp, r"np.exp does not apply to s1, a sample: use \+ - \* / and bnclaims.log, or make"),
        (lambda s: np.ones(3) * s, "is neither a sample nor a number"),
        (lambda s: np.float64(1) == s, "no test can show that two samples are equal"),
        (lambda s: s**2, r"a power of s1: write s \* s for its square"),
        (lambda s: 2**s, "a power of s1"),
        (round, "s1 cannot be rounded: .* the margin of a comparison, as in a < b - 0.01"),
        (lambda s: f"{s:.2f}", "s1 has no value to format as '.2f': it has one for each seed"),
        (lambda s: max(s, s + 1), r"max, min, sorted and their like .* lowest\(\[a\], than="),
        (lambda s: min([s, s + 1]), "each comparison would be part of the claim"),
        (lambda s: sorted([s, s + 1]), "each comparison would be part of the claim"),
    ],
)
def test_what_has_no_meaning_is_refused(misuse: Callable[[Sample], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        misuse(sample(np.ones(SEEDS)))


def test_numpy_numbers_take_part_like_others() -> None:
    one: Any = sample(np.ones(SEEDS))  # NumPy types its numbers as if they knew all their partners
    scaled = np.float64(0.5) * one + np.float64(1)
    np.testing.assert_array_equal(scaled.values(3), [1.5, 1.5, 1.5])
    np.testing.assert_array_equal((np.float32(2) / one - np.int64(1)).values(3), [1, 1, 1])
    comparisons: list[Any] = [np.float64(0.5) < one, one > np.float64(0.5), np.float32(3) >= one]
    assert [evidence.verdict for evidence in comparisons] == ["supported"] * 3


def test_in_a_string_a_sample_is_its_name() -> None:
    assert f"{sample(np.ones(SEEDS)) + 1}" == "s1 + 1"


limits = st.tuples(st.floats(-10, 10), st.floats(0, 5)).map(lambda pair: (pair[0], sum(pair)))


@given(limits, limits, st.floats(0, 1), st.floats(0, 1), st.floats(-3, 3))
def test_limits_hold_whatever_the_values(
    a: Limits, b: Limits, u: float, v: float, c: float
) -> None:
    x, y = a[0] + u * (a[1] - a[0]), b[0] + v * (b[1] - b[0])
    one, other = limited(a), limited(b, number=2)
    pairs = [
        (one + other, x + y), (one - other, x - y), (one * other, x * y), (c - one, c - x),
        (c * one, c * x), (one / other, x / y if y else 0.0),
    ]  # fmt: skip
    for expression, value in pairs:
        low, high = expression.limits
        assert low - 1e-9 <= value <= high + 1e-9


def test_a_number_has_a_logarithm() -> None:
    assert log(0.9) == math.log(0.9)
    with pytest.raises(ValueError, match=r"math domain error|positive"):
        log(-1)


def test_limits_of_a_logarithm() -> None:
    assert log(limited((1.0, math.e))).limits == (0.0, 1.0)
    assert log(limited((0.0, math.inf))).limits == (-math.inf, math.inf)


ACCURACY: Limits = (0.0, 1.0)


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (lambda a, b: a > b + 5, "would make this true.*metric's units"),
        (lambda a, b: a > 1.2, "would make this true"),
        (lambda a, b: a < 0, "would make this true"),
        (lambda a, b: a > -0.1, "would make this false"),
        (lambda a, b: a < 2, "would make this false"),
        (lambda a, b: abs(a - b) < 2, "would make this false"),
        (lambda a, b: abs(a - 3) < 1, "would make this true"),
        (lambda a, b: (a > 0.5) and (a < 0.5), "no mean is both"),
        (lambda a, b: 0.6 < a < 0.4, "no mean is both"),
        (lambda a, b: a < b + 0.1, "easier, not harder. Write m1 < m2 - 0.1 .* m1 - m2 < 0.1"),
        (lambda a, b: a > b - 0.1, r"easier, not harder. Write m1 > m2 \+ 0.1 .* m1 - m2 > -0.1"),
        (lambda a, b: a - 0.1 < b, "easier, not harder"),
        (lambda a, b: a < a, "both sides are"),
        (lambda a, b: a - a < 0.1, "m1 - m1 is the same whatever the runs: compare two arms"),
        (lambda a, b: abs(a - a) < 0.1, "the same whatever the runs"),
        (lambda a, b: (a + 0.1) - a > 0, "m1 - m1 is the same whatever the runs"),
        (lambda a, b: log(a / a) < 1, "m1 / m1 is the same whatever the runs"),
        (lambda a, b: a * 0 < 1, r"m1 \* 0 is the same whatever the runs"),
        (lambda a, b: a - b + b - a < 0.1, "m1 - m2 [+] m2 - m1 is the same whatever the runs"),
        (lambda a, b: (a + b) - (b + a) < 0.1, "the same whatever the runs"),
        (lambda a, b: a / 3 + a / 3 + a / 3 - a < 0.1, "the same whatever the runs"),
        (lambda a, b: log(a) * b - log(a) * b < 0.1, "the same whatever the runs"),
        (lambda a, b: a * b - b * a < 0.1, "the same whatever the runs"),
        (lambda a, b: log(2 * a) - log(a) < 1, "the same whatever the runs"),
        (lambda a, b: log(a * b) - log(a) - log(b) < 0.1, "the same whatever the runs"),
        (lambda a, b: (a + b) / b - a / b < 2, "the same whatever the runs"),
        (lambda a, b: (a - b) * (a + b) - a * a + b * b < 0.1, "the same whatever the runs"),
        (lambda a, b: (a * b) / (b * a) < 2, "the same whatever the runs"),
        (lambda a, b: abs(a - b) < a - b, "m1 - m2 - .m1 - m2. is the same whatever the runs"),
        (lambda a, b: abs(a * 0) < b, "m1 . 0 is the same whatever the runs"),
        (lambda a, b: (2 * a + 2 * b) / (b + a) > 1, "the same whatever the runs"),
        (lambda a, b: (0.3 * a + 0.3) / (a + 1) < 1, "the same whatever the runs"),
        (lambda a, b: 0 / a < 1, "0 / m1 is the same whatever the runs"),
        (lambda a, b: b * (a - a) < 1, "m1 - m1 is the same whatever the runs"),
        (lambda a, b: log(a - a + 1) < 1, "m1 - m1 is the same whatever the runs"),
        (lambda a, b: decreasing([a, b, a], tolerance=1), "fall per level of m1 … m1 is the same"),
        (lambda a, b: a + b < b + a, r"both sides are m1 \+ m2"),
        (lambda a, b: 0.5 * a + 0.5 * b < a + 0.1, "this margin makes the claim easier"),
        (lambda a, b: log(a) < log(b) + 0.1, r"easier.* Write log\(m1\) < log\(m2\) - 0.1 for"),
        (
            lambda a, b: rate([a, b], at=[1, 2]) < rate([b, a], at=[1, 2]) + 0.1,
            "this margin makes the claim easier",
        ),
        (lambda a, b: a + a < 3 * b, r"this factor makes the claim easier.*m1 < 0.667 \* m2"),
        (lambda a, b: a / 0 < 1, "m1 / 0 is no number: divide by another number"),
        (lambda a, b: a < math.inf, r"inf beside a sample: give a finite number; .* diverged\(tr"),
        (lambda a, b: -math.inf < a, "-inf beside a sample"),
        (lambda a, b: a > -math.nan, "nan beside a sample"),
        (lambda a, b: abs(a - b) < math.inf, "inf beside a sample"),
        (lambda a, b: a > 0, "m1 > 0: the metric cannot lie beyond this bound, .* Claim a dist"),
        (lambda a, b: a < 1, "m1 < 1: the metric cannot lie beyond this bound"),
        (lambda a, b: a >= 0, "m1 >= 0: nothing that a run could do would make this false"),
        (lambda a, b: a > 1, "m1 > 1: nothing that a run could do would make this true"),
        (lambda a, b: abs(a - b) < 1, "the metric cannot lie beyond this bound"),
        (
            lambda a, b: a < 1.5 * b,
            r"m1 < 1.5 \* m2: .* easier, not harder. Write m1 < 0.667 \* m2 .* m1 - 1.5 \* m2 < 0",
        ),
        (lambda a, b: a > 0.5 * b, r"easier, not harder. Write m1 > 2 \* m2 "),
        (lambda a, b: a / 1.5 < b, r"easier, not harder. Write m1 < 0.667 \* m2 "),
        (lambda a, b: 2 * (2 * a) > 2 * b, r"easier, not harder. Write m1 > 2 \* m2 "),
    ],
)
def test_what_no_run_could_decide_is_refused(claim: Any, words: str) -> None:
    one, other = limited(ACCURACY), limited(ACCURACY, number=2)
    with pytest.raises(ClaimError, match=words):
        claim(one, other)


def test_what_sounds_alike_but_makes_sense_is_not_refused() -> None:
    accuracy, loss = limited(ACCURACY), limited((0.0, math.inf), number=2, metric="loss")
    epochs_to_half = endpoint([1.0] * SEEDS)
    epochs_to_half.limits = (0.0, math.inf)
    assert loss < 1 - accuracy  # a constant between two metrics is no margin
    assert accuracy - 0.5 * accuracy < 0.1  # no inferiority, said as what it is
    assert 0.2 < accuracy < 0.9
    assert abs(accuracy - 0.5) < 0.4
    assert 0.4 > abs(accuracy - 0.5)  # noqa: SIM300  (as a reader may write it)
    other = limited(ACCURACY, number=3)
    assert accuracy - 0.1 > 2 * (other - 0.1)  # twice the advantage over chance
    assert 1 - accuracy < 2 * (1 - other)  # less than twice the error
    assert accuracy >= 1  # exactly, in all runs
    assert accuracy < 0.9 * other  # a ratio that makes it harder
    assert accuracy - 1.5 * other < 0  # no inferiority by a ratio, said as what it is
    assert log(accuracy) < 1.5 * log(other)  # harder, too, as they are negative
    assert log(2 * accuracy) < log(other) + 0.1  # still a ratio that makes it harder
    assert log(accuracy) < log(loss) + 0.1
    assert accuracy / (accuracy + other) < 0.4
    assert log(accuracy * other) < log(accuracy * loss) + 0.1
    assert 1 - accuracy / (accuracy + 1) > 0.6
    assert log(accuracy + 0.1234567) - log(accuracy + 0.1234568) > -0.1  # but for its name
    assert 0 * accuracy + other < 0.4
    similarity, another = (limited((-1.0, 1.0), number, "cos") for number in (4, 5))
    assert similarity < 1.5 * another  # harder where they are negative
    assert epochs_to_half > 0  # not in the first point, in most seeds


weighted = st.lists(st.tuples(st.integers(0, 2), st.integers(-20, 20)), min_size=1, max_size=6)


@given(weighted, st.data())
def test_a_sum_is_refused_when_all_its_weights_cancel(
    terms: list[tuple[int, int]], data: st.DataObject
) -> None:
    totals = Counter[int]()
    for arm, tenths in terms:
        totals[arm] += tenths
    if any(totals.values()):
        assert weighted_sum(terms) < 1
    rest = [(arm, -tenths) for arm, tenths in totals.items()]
    with pytest.raises(ClaimError, match="is the same whatever the runs"):
        bool(weighted_sum(data.draw(st.permutations(terms + rest))) < 1)


def weighted_sum(terms: Sequence[tuple[int, int]]) -> Any:
    metrics = [limited(ANYTHING, number) for number in range(3)]
    return sum(tenths / 10 * metrics[arm] for arm, tenths in terms)


def test_saying_what_is_not_is_no_contradiction() -> None:
    accuracy = limited(ACCURACY)
    assert (accuracy < 0.4).verdict == "supported"
    assert (accuracy > 0.6).verdict == "supported"


def test_arms_pair_on_the_same_seeds() -> None:
    one, other = limited(ACCURACY), limited(ACCURACY, number=2, first_seed=1000)
    with pytest.raises(ClaimError, match=r"mixes seeds: .* use one first_seed"):
        bool(one < other)
    itself = limited(ACCURACY, first_seed=1000)
    assert one < itself - 0.1  # a control: an arm against itself on other seeds


bounds = st.lists(
    st.tuples(st.floats(-9, 9), st.sampled_from([0.0, 1.0, math.inf])),
    min_size=SEEDS, max_size=SEEDS,
)  # fmt: skip


@given(bounds, bounds, st.floats(-3, 3))
def test_endpoints_keep_what_is_known(a: Any, b: Any, c: float) -> None:
    """Whatever the true times within their bounds, expressions hold them."""
    ends = [(np.array([x for x, _ in s]), np.array([x + w for x, w in s])) for s in (a, b)]
    one, other = (
        endpoint(list(low), list(high), number=number) for number, (low, high) in enumerate(ends)
    )
    true = [low + np.where(np.isinf(high), 7.0, (high - low) / 3) for low, high in ends]
    for expression, value in [
        (one - other, true[0] - true[1]), (one + other, true[0] + true[1]),
        (c * one, c * true[0]), (one - c, true[0] - c), (-one, -true[0]),
    ]:  # fmt: skip
        low, high = expression.bounds(SEEDS)
        assert isinstance(expression, Endpoint)
        assert (low <= value + 1e-9).all()
        assert (value <= high + 1e-9).all()


@pytest.mark.parametrize(
    ("misuse", "words"),
    [
        (abs, "known between bounds only"),
        (lambda e: e.values(3), "known between bounds only"),
        (lambda e: e * e, "scaled by a number only"),
        (lambda e: 1 / e, "scaled by a number only"),
    ],
)
def test_endpoints_have_no_mean(misuse: Callable[[Endpoint], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        misuse(endpoint([1.0] * SEEDS))


@pytest.mark.parametrize("seed", [1.5, -1, True, "0", None])
def test_seeds_start_at_an_integer(seed: Any) -> None:
    """One claim's first_seed=1.5 was an internal error of all of them."""
    with pytest.raises(ValueError, match=r"first_seed=.*: give an integer of 0 or more"):
        fake_runs(first_seed=seed)


# Units

UNITS = st.sampled_from(["", "epochs", "s"])
factors = finite.filter(lambda c: abs(c) > 1e-3)


def in_units(*units: str) -> list[Sample]:
    """Samples of as many arms."""
    ones = np.ones(SEEDS)
    return [sample(ones + n, number=n, unit=unit) for n, unit in enumerate(units, start=1)]


@given(st.lists(factors, min_size=1, max_size=4), finite, UNITS)
def test_what_is_linear_in_a_unit_has_it(weights: list[float], offset: float, unit: str) -> None:
    terms = in_units(*[unit] * len(weights))
    ends = [endpoint([1.0], number=n, unit=unit) for n, _ in enumerate(weights)]
    for of in (terms, ends):
        added = sum((w * one for w, one in zip(weights, of, strict=True)), start=offset)
        assert isinstance(added, Sample)
        for expression in (added, -added, offset - added, added / weights[0], added * weights[0]):
            assert expression.unit == unit


@given(UNITS, UNITS, factors)
def test_other_expressions_have_no_unit(one: str, other: str, number: float) -> None:
    a, b = in_units(one, other)
    for expression in (a * b, a / b, number / a, log(a)):
        assert expression.unit == ""
    for expression in (a + b, a - number * b, b - a):
        assert expression.unit == (one if one == other else "")


def test_a_number_has_the_unit_of_what_it_is_added_to() -> None:
    (a,) = in_units("epochs")
    for expression in (a + 3, 3 - a, 3 + a, np.float64(3) * a):
        assert expression.unit == "epochs"
