"""What is TensorFlow's alone in training by a program; the rest is in test_training.py."""

import numpy as np
import tensorflow as tf

from bnclaims.backends.keras import tensorflow_program


def test_gradients_in_order_are_the_same_gradients() -> None:
    inf, nan = np.inf, np.nan
    values = [[inf, 1.0], [nan, -2.0], [], [-inf, 0.0], [[3.0], [-3e38]]]
    sparse = tf.IndexedSlices(tf.ones((1, 2)), tf.constant([0]))
    gradients = [None, *(tf.constant(v, tf.float32) for v in values), sparse]
    ordered = tensorflow_program._in_order(gradients)
    assert ordered[0] is None
    assert ordered[-1] is sparse
    for was, now in zip(gradients[1:-1], ordered[1:-1], strict=True):
        np.testing.assert_array_equal(was, now)
