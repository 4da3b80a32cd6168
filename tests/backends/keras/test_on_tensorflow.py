"""What a graph may use and draw, and derivatives."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnclaims.backends.keras import on_tensorflow


def test_a_graph_uses_the_variables_that_it_may_and_no_others() -> None:
    ours, strange = keras.Variable(2.0, name="ours"), keras.Variable(3.0, name="strange")
    program = on_tensorflow.traced(lambda x: x * ours, [ours], tf.constant(1.0))
    assert float(program(tf.constant(5.0))) == 10
    with pytest.raises(ValueError, match=r"it uses variables that are neither .*strange"):
        on_tensorflow.traced(lambda x: x * strange, [ours], tf.constant(1.0))


def test_a_graph_draws_by_a_seed() -> None:
    with pytest.raises(ValueError, match=r"it draws with .'RandomStandardNormal'., which no seed"):
        on_tensorflow.traced(lambda x: x + tf.random.normal(()), [], tf.constant(1.0))


def test_the_slope_of_a_square() -> None:
    values, slope = on_tensorflow.slope(tf.square, tf.constant([1.0, -3.0]))
    np.testing.assert_array_equal(values, [1, 9])
    np.testing.assert_array_equal(slope, [2, -6])
