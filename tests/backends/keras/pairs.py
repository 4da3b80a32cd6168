"""What must be alike on TensorFlow and on JAX, as arrays: each process makes its own."""

import sys
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras import probing
from bnclaims.backends.keras.framework import array_of
from bnclaims.backends.keras.initialisation import Initialisation
from bnclaims.backends.keras.training import train
from bnclaims.experiment.arm import BatchArm, ProbeArm, TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.models import Initializer, Layer
from bnclaims.experiment.protocol import Optimizer

LOSS = "sparse_categorical_crossentropy"
SEED = 7

UNIFORM = ("glorot_uniform", "he_uniform", "lecun_uniform", "random_uniform")
NORMAL = ("glorot_normal", "he_normal", "lecun_normal", "random_normal", "truncated_normal")
OTHER = ("orthogonal", "ones")

_RNG = np.random.default_rng(0)
DATA = Data(
    "bytes",
    _RNG.integers(0, 256, (150, 12, 12)).astype(np.uint8),
    _RNG.integers(0, 10, 150),
    _RNG.integers(0, 256, (60, 12, 12)).astype(np.uint8),
    _RNG.integers(0, 10, 60),
)
MOMENTUM = Optimizer("SGD", learning_rate=0.05, momentum=0.9)


def network(initializer: str) -> Any:
    """Returns a network of a dense layer, a convolution and one more of each position."""
    start = {"kernel_initializer": initializer}
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(4, 3, **start),
            keras.layers.Flatten(),
            keras.layers.Dense(7, **start),
            keras.layers.Dense(9, **start),
        ]
    )


def normed() -> Any:
    """Returns a network without random layers."""
    return keras.Sequential(
        [
            keras.Input((12, 12)),
            keras.layers.Flatten(),
            keras.layers.Dense(16, "tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def weights(initializer: str) -> list[NDArray[Any]]:
    """Returns the initial weights of a network."""
    model = network(initializer)
    Initialisation(model, lambda: network(initializer)).assign(SEED)
    return [array_of(variable) for variable in model.trainable_variables]


def looks() -> dict[str, NDArray[Any]]:
    """Returns what probes see of a network and of a layer."""
    batches = BatchArm(normed, DATA, None, 32, batches=3, loss=LOSS)
    layer = ProbeArm(Layer("tanh", Initializer("GlorotUniform"), units=8, inputs=5, samples=3))
    found: dict[str, NDArray[Any]] = {}
    for arm in (batches, layer):
        ((_, history),) = probing.probe(arm, [SEED])
        found |= history.probes
    return {name: array for name, array in found.items() if array.dtype.kind == "f"}


def curves() -> dict[str, NDArray[Any]]:
    """Returns the curves and the layers' statistics of a run without random layers."""
    arm = TrainingArm(normed, DATA, None, 2, MOMENTUM, 32, LOSS, probes=True)
    ((_, history),) = train(arm, [SEED])
    return {
        name: array
        for name, array in history.to_arrays().items()
        if name != "seconds" and array.dtype.kind == "f"
    }


def arrays() -> dict[str, NDArray[Any]]:
    """Returns all of it."""
    found = {
        f"weights/{name}/{number}": array
        for name in (*UNIFORM, *NORMAL, *OTHER)
        for number, array in enumerate(weights(name))
    }
    found |= {f"looks/{name}": array for name, array in looks().items()}
    return found | {f"curves/{name}": array for name, array in curves().items()}


if __name__ == "__main__":
    np.savez(sys.argv[1], **arrays())  # type: ignore[arg-type]
