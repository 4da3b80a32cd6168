"""NumPy's draws are TensorFlow's: uniform numbers to the bit, normal ones but for rounding."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bnclaims.backends.keras import philox

seeds = st.integers(0, 2**31 - 1)
sizes = st.integers(0, 70)

ULPS = 4
"""Of the standard normal number; sine, cosine and logarithm are off by one or two each."""


@settings(max_examples=25)
@given(seeds, sizes)
@example(2**31 - 1, 1)
@example(0, 9)
def test_uniform_numbers_are_the_same_to_the_bit(seed: int, size: int) -> None:
    theirs = tf.random.stateless_uniform((size,), (seed, 0), -0.3, 0.7)
    np.testing.assert_array_equal(philox.uniform((size,), -0.3, 0.7, seed), theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (philox.normal, tf.random.stateless_normal),
        (philox.truncated_normal, tf.random.stateless_truncated_normal),
    ],
)
@settings(max_examples=25)
@given(seed=seeds, size=sizes)
@example(seed=2**31 - 1, size=1)
@example(seed=0, size=0)
def test_normal_numbers_are_the_same_but_for_rounding(
    ours: Callable[..., Any], theirs: Callable[..., Any], seed: int, size: int
) -> None:
    expected = theirs((size,), (seed, 0)).numpy()
    np.testing.assert_array_max_ulp(ours((size,), 0.0, 1.0, seed), expected, ULPS)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (philox.normal, tf.random.stateless_normal),
        (philox.truncated_normal, tf.random.stateless_truncated_normal),
    ],
)
def test_a_matrix_of_many_has_the_mean_and_the_deviation_asked_for(
    ours: Callable[..., Any], theirs: Callable[..., Any]
) -> None:
    """So many that some group rejects most of its first eight, and must draw more."""
    found = ours((1000, 503), 2.0, 0.1, 5)
    expected = theirs((1000, 503), (5, 0), 2.0, 0.1).numpy()
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
