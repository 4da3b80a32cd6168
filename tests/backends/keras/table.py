"""A table of a few numbers, and a network for it."""

from typing import Any

import keras
import numpy as np

from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data

X, Y = np.zeros((4, 3), np.float32), np.array([0, 1, 0, 1])
SPARSE = "sparse_categorical_crossentropy"


def data(y: Any = Y, **more: Any) -> Data:
    """Returns the table as data, with some labels."""
    return Data("table", X, y, X, y, **more)


def network(*inner: Any) -> Any:
    """Returns a network with some layers before its last."""
    return keras.Sequential([keras.Input((3,)), *inner, keras.layers.Dense(2, "softmax")])


def arm_of(build: Any = network, **changes: Any) -> TrainingArm:
    """Returns an arm on the table."""
    usual: dict[str, Any] = {"images": None, "epochs": 1, "batch_size": 2, "loss": SPARSE}
    return TrainingArm(build, **{"data": data(), **usual, **changes})
