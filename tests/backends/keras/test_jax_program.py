"""Keras on JAX: what no seed decides is refused."""

from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.errors import ArmError
from tests.backends.keras.small import arm_of, of, trained

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="of Keras on JAX: run `make test-jax`"
)


class UnseededNoise(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x))


class NumPyNoise(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + np.random.normal()


class CallsBack(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        import jax

        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return x + jax.lax.stop_gradient(jax.pure_callback(lambda: np.zeros(x.shape), shape))


def test_keras_itself_refuses_a_generator_that_is_nobody_s() -> None:
    with pytest.raises(ValueError, match="you should only use seeded random ops"):
        trained(0, arm=arm_of(of(UnseededNoise)))


COUNTED: list[Any] = []


class CountsElsewhere(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        counter = COUNTED[0]
        counter.assign(counter + 1)
        return x * counter


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (NumPyNoise, "draws from the generator of NumPy, not from the run's seed"),
        (CallsBack, "it calls pure_callback, whose results no seed decides"),
        (CountsElsewhere, "it assigns a variable that is neither the model's .*: elsewhere. Make"),
    ],
)
def test_what_no_seed_decides_is_refused(layer: Any, words: str) -> None:
    COUNTED[:] = [keras.Variable(0.0, name="elsewhere", trainable=False)]
    with pytest.raises(ArmError, match=words):
        trained(0, arm=arm_of(of(layer)))


class TakesThePositive(keras.layers.Layer):  # type: ignore[misc]
    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        return x + x[x > 0].sum()


class ReadsANumber(keras.layers.Layer):  # type: ignore[misc]
    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        return x * x.numpy()


class Decides(keras.layers.Layer):  # type: ignore[misc]
    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        return x if x.sum() > 0 else -x


class Crops(keras.layers.Layer):  # type: ignore[misc]
    """Fails as Keras's own `RandomCrop` does on JAX."""

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        return [x][x.shape[0]]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (TakesThePositive, "Array boolean indices must be concrete"),
        (ReadsANumber, "no attribute numpy"),
        (Decides, "Attempted boolean conversion of traced array"),
        (Crops, "list index out of range"),
    ],
)
def test_what_cannot_be_traced_is_refused_in_a_line(layer: Any, words: str) -> None:
    with pytest.raises(ArmError, match=f"build cannot be trained on images .*{words}") as refused:
        trained(0, arm=arm_of(of(layer)))
    assert "\n" not in str(refused.value)
