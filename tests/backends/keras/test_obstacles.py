"""Why `fit` itself must train a model, is said; for agreement see test_against_fit."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras.compiling import Compilation
from bnclaims.backends.keras.obstacles import OBSTACLES, not_by_program
from bnclaims.experiment.arm import TrainingArm
from tests.backends.keras.table import SPARSE, arm_of, data, network


class Own(keras.Sequential):  # type: ignore[misc]
    """A class of one's own."""


def hooked() -> Any:
    model = network()
    model.train_step = lambda batch: {"loss": 0.0}
    return model


def two_inputs() -> Any:
    a, b = keras.Input((3,)), keras.Input((3,))
    return keras.Model([a, b], keras.layers.Dense(2)(keras.layers.add([a, b])))


def masked() -> Any:
    layers = [keras.layers.Masking(), keras.layers.LSTM(2)]
    return keras.Sequential([keras.Input((3, 1)), *layers])


def frozen() -> Any:
    model = network()
    model.trainable = False
    return model


def used() -> Any:
    optimizer = keras.optimizers.SGD(momentum=0.9)
    weight = keras.Variable([1.0])
    optimizer.apply([keras.ops.ones(1)], [weight])
    return optimizer


def by(optimizer: Any = "sgd", loss: Any = SPARSE, **more: Any) -> Compilation:
    return Compilation(keras.optimizers.get(optimizer), loss, **more)


REASONS: dict[str, Callable[[], tuple[TrainingArm, Any, Compilation]]] = {
    "the model is of a class of its own": lambda: (
        arm_of(), Own([keras.Input((3,)), keras.layers.Dense(2)]), by(),
    ),
    "the model has a training step of its own": lambda: (arm_of(), hooked(), by()),
    "it has several inputs or outputs": lambda: (arm_of(), two_inputs(), by()),
    "examples or losses are weighted": lambda: (
        arm_of(data=data(sample_weight_train=np.ones(4, np.float32))), network(), by(),
    ),
    "the loss is not one of Keras's means over examples": lambda: (
        arm_of(), network(), by(loss=lambda y, p: keras.ops.mean(p)),
    ),
    "the loss is not a mean over examples": lambda: (
        arm_of(), network(), by(loss=keras.losses.MeanSquaredError(reduction="sum")),
    ),
    "it has metrics besides the accuracy": lambda: (arm_of(), network(), by(metrics=["mae"])),
    "the optimizer is not among those that our program is tested with": lambda: (
        arm_of(), network(), by(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD())),
    ),
    "the optimizer averages the weights": lambda: (
        arm_of(), network(), by(keras.optimizers.SGD(use_ema=True)),
    ),
    "the optimizer comes with a state, from training before": lambda: (
        arm_of(), network(), by(used()),
    ),
    "it has masks": lambda: (arm_of(), masked(), by()),
    "it has a fixed batch size, or a layer with a state for each row": lambda: (
        arm_of(), keras.Sequential([keras.Input(batch_shape=(4, 3)), keras.layers.Dense(2)]), by(),
    ),
    "layers add losses of their own": lambda: (
        arm_of(), network(keras.layers.ActivityRegularization(0.1)), by(),
    ),
    "it is not all in float32": lambda: (
        arm_of(), network(keras.layers.Dense(2, dtype="mixed_bfloat16")), by(),
    ),
    "it has no trainable weights": lambda: (arm_of(), frozen(), by()),
    "it is compiled to run eagerly or several steps at a time": lambda: (
        arm_of(), network(), by(run_eagerly=True),
    ),
    "it has callbacks": lambda: (
        arm_of(callbacks=(keras.callbacks.TerminateOnNaN(),)), network(), by(),
    ),
}  # fmt: skip


def test_each_reason_has_an_example() -> None:
    assert REASONS.keys() == OBSTACLES.keys()


@pytest.mark.parametrize("reason", REASONS)
def test_why_fit_trains_it_is_said(reason: str) -> None:
    assert not_by_program(*REASONS[reason]()) == reason


@pytest.mark.parametrize("metrics", [None, ["accuracy"], ["acc"]])
def test_everything_else_our_program_trains(metrics: Any) -> None:
    model = network(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))
    assert not_by_program(arm_of(), model, by("adam", metrics=metrics)) == ""
