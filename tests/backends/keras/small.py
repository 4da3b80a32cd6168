"""A small network with its data and its runs, for tests on any framework."""

from collections.abc import Callable
from typing import Any

import keras

from bnclaims.backends.keras.training import train
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from tests.backends.keras.pairs import DATA, LOSS, MOMENTUM


def steady() -> Any:
    """Returns a network with state of batches."""
    return convolutional()


def random() -> Any:
    """Returns a network that draws in training, too."""
    return convolutional(keras.layers.Dropout(0.3))


def convolutional(*inner: Any) -> Any:
    """Returns a convolutional network with some layers before its last."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            *inner,
            dense(),
        ]
    )


def dense() -> Any:
    """Returns the last layer of a network."""
    return keras.layers.Dense(10, "softmax")


def of(layer: type[keras.layers.Layer]) -> Callable[[], Any]:
    """Returns what builds a network with a layer of a kind."""

    def build() -> Any:
        return keras.Sequential([keras.Input((144,)), layer(), dense()], name="odd")

    return build


def arm_of(build: Callable[[], Any] = steady, data: Data = DATA, **changes: Any) -> TrainingArm:
    """Returns an arm of two epochs."""
    usual: dict[str, Any] = {"epochs": 2, "optimizer": MOMENTUM, "batch_size": 32, "loss": LOSS}
    return TrainingArm(build, data, None, **{**usual, **changes})


def trained(*seeds: int, threads: int = 1, arm: TrainingArm | None = None) -> dict[int, History]:
    """Returns the histories of some seeds."""
    return dict(train(arm or arm_of(), seeds, threads=threads))


def bits(history: History) -> dict[str, bytes]:
    """Returns what must be the same in each such run."""
    return {name: a.tobytes() for name, a in history.to_arrays().items() if name != "seconds"}
