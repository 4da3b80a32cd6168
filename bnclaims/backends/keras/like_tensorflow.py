"""Initial weights as Keras on TensorFlow draws them, on any framework."""

from collections.abc import Sequence
from types import FunctionType, SimpleNamespace
from typing import Any

import keras
import numpy as np
from keras.src.initializers import random_initializers

from bnclaims.backends.keras import philox


def drawn(initializer: Any, shape: Sequence[int], dtype: str) -> Any:
    """Returns what an initialiser draws on TensorFlow, if it is one of Keras's own.

    The arithmetic stays Keras's: the function is the initialiser's own, but for the random numbers
    that it calls for.
    """
    call = type(initializer).__call__
    if call.__module__ != random_initializers.__name__ or dtype != "float32":
        return initializer(shape, dtype=dtype)
    names = {**call.__globals__, "random": _LIKE_TENSORFLOW}
    alike = FunctionType(call.__code__, names, call.__name__, call.__defaults__)
    return alike(initializer, shape, dtype=dtype)


def _on_tensorflow(seed: int) -> int:
    """Returns the seed that Keras gives TensorFlow, whose seeds are of 32 bits with a sign."""
    return int(seed % (np.iinfo(np.int32).max - 1))


def _uniform(shape: Any, minval: float, maxval: float, dtype: str, seed: int) -> Any:  # noqa: ARG001
    return keras.ops.convert_to_tensor(philox.uniform(shape, minval, maxval, _on_tensorflow(seed)))


def _normal(shape: Any, dtype: str, seed: int, mean: float = 0.0, stddev: float = 1.0) -> Any:  # noqa: ARG001
    return keras.ops.convert_to_tensor(philox.normal(shape, mean, stddev, _on_tensorflow(seed)))


def _truncated_normal(shape: Any, mean: float, stddev: float, dtype: str, seed: int) -> Any:  # noqa: ARG001
    return keras.ops.convert_to_tensor(
        philox.truncated_normal(shape, mean, stddev, _on_tensorflow(seed))
    )


_LIKE_TENSORFLOW = SimpleNamespace(
    uniform=_uniform, normal=_normal, truncated_normal=_truncated_normal
)
"""As much of `keras.random` as initialisers call."""
