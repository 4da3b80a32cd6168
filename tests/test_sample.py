"""The expression language: arithmetic, pairing and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bnclaims import Layer, log, mean_loss, metric
from bnclaims.arm import Arm, ProbeArm
from bnclaims.boundaries import Design
from bnclaims.evidence import Trial
from bnclaims.history import History
from bnclaims.models import GLOROT_NORMAL
from bnclaims.sample import NotFiniteError, Runs, Sample, Values

SEEDS = 20
finite = st.floats(-1e3, 1e3, allow_nan=False)
values = st.lists(finite, min_size=SEEDS, max_size=SEEDS).map(np.array)
design = Design()


def no_run(arm: Arm, seed: int) -> History:
    raise LookupError(f"{arm} {seed}: these samples have values of their own")


def trial() -> Trial:
    return Trial(design=design, require=lambda _: None, load=no_run)


def sample(data: Values, court: Trial | None = None, units: int = 1) -> Sample:
    """A sample with known values, as if metrics of runs."""
    arm = ProbeArm(Layer("tanh", GLOROT_NORMAL, units=units))
    runs = Runs(arm, 0, court or trial())
    return Sample(lambda n: data[:n], (runs,), f"s{units}")


@given(values, values, finite)
def test_arithmetic_is_seed_by_seed(a: Values, b: Values, c: float) -> None:
    one, other = sample(a), sample(b)
    expressions: list[tuple[Sample, Values]] = [
        (one + other, a + b),
        (one - other, a - b),
        (one * other, a * b),
        (c + one, c + a),
        (c - one, c - a),
        (one * c, a * c),
        (-one, -a),
    ]
    for expression, expected in expressions:
        np.testing.assert_array_equal(expression.values(SEEDS), expected)
        np.testing.assert_array_equal(expression.values(5), expected[:5])


@given(values, values.map(lambda b: b + np.copysign(0.1, b)))
def test_quotients_and_logs_are_seed_by_seed(a: Values, b: Values) -> None:
    np.testing.assert_array_equal((sample(a) / sample(b)).values(SEEDS), a / b)
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
    assert str(expression(sample(one), sample(one, units=2))) == text


def test_values_that_are_no_numbers_name_arm_and_seeds() -> None:
    broken = np.ones(SEEDS)
    broken[[3, 7]] = np.nan, np.inf
    with pytest.raises(NotFiniteError, match=r"GlorotNormal\(\): seeds 3, 7"):
        sample(broken).values(SEEDS)
    assert sample(broken).values(3).sum() == 3
    with pytest.raises(NotFiniteError, match=r"log\(s1\)"):
        log(sample(-np.ones(SEEDS))).values(5)


def test_a_metric_is_still_the_function_that_it_was() -> None:
    history = History(loss=np.array([2.0, 1.0]))
    assert mean_loss(history) == 1.5


def test_a_metric_of_two_arms_pairs_their_seeds() -> None:
    histories = {"tanh": [1.0, 2.0], "relu": [5.0, 7.0]}

    def load(arm: Any, seed: int) -> History:
        return History(loss=np.array([histories[arm.layer.activation][seed]]))

    @metric
    def gap(one: History, other: History, *, times: float = 1.0) -> float:
        return float((other.loss - one.loss)[0]) * times

    court = Trial(design=design, require=lambda _: None, load=load)
    one, other = (Runs(ProbeArm(Layer(name, GLOROT_NORMAL)), 0, court) for name in ("tanh", "relu"))
    np.testing.assert_array_equal(gap(one, other, times=2).values(2), [8.0, 10.0])


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
    ],
)
def test_what_has_no_meaning_is_refused(misuse: Callable[[Sample], Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        misuse(sample(np.ones(SEEDS)))
