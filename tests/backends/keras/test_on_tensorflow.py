"""What a graph may use and draw, and derivatives."""

from typing import Any

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


def pooled(x: Any) -> Any:
    return tf.nn.fractional_max_pool(x, [1.0, 1.5, 1.5, 1.0], pseudo_random=True)[0]


def sampled(x: Any) -> Any:
    labels = tf.zeros((6, 1), tf.int64)
    return tf.nn.sampled_softmax_loss(tf.ones((12, 6)), tf.ones(12), labels, x[0, ..., 0], 4, 12)


def called_back(x: Any) -> Any:
    return tf.numpy_function(lambda numbers: numbers, [x], tf.float32)


def called_eagerly(x: Any) -> Any:
    return tf.py_function(lambda numbers: numbers, [x], tf.float32)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (pooled, "it draws with .'FractionalMaxPool'., which no seed"),
        (sampled, "it draws with .*'LogUniformCandidateSampler'., which no seed"),
        (called_back, "it calls Python in training, by .'PyFunc'., whose results no seed decides"),
        (called_eagerly, "it calls Python in training, by .'EagerPyFunc'., whose results no seed"),
    ],
)
def test_whatever_no_seed_decides_is_refused(function: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        on_tensorflow.traced(function, [], tf.ones((1, 6, 6, 1)))


def test_what_a_seed_decides_may_be_drawn() -> None:
    def noisy(x: Any) -> Any:
        return x + tf.random.stateless_uniform((), (1, 2))

    assert float(on_tensorflow.traced(noisy, [], tf.constant(1.0))(tf.constant(1.0))) > 1


def test_the_slope_of_a_square() -> None:
    values, slope = on_tensorflow.slope(tf.square, tf.constant([1.0, -3.0]))
    np.testing.assert_array_equal(values, [1, 9])
    np.testing.assert_array_equal(slope, [2, -6])
