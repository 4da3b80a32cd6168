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


def named_by_a_lambda() -> Any:
    layer = keras.layers.Lambda(lambda x: x, mask=lambda x, mask=None: keras.ops.any(x > 0, -1))
    return keras.Sequential([keras.Input((3, 1)), layer, keras.layers.Dense(2)])


def given_outright(after: Any = None) -> Callable[[], Any]:
    def build() -> Any:
        inputs = keras.Input((3, 1))
        rnn = keras.layers.SimpleRNN(2, return_sequences=after is None)
        x = rnn(inputs, mask=keras.ops.any(inputs > 0, axis=-1))
        return keras.Model(inputs, keras.layers.Dense(2)(x))

    return build


class Marks(keras.layers.Layer):  # type: ignore[misc]
    """Hands on the mask that a layer within makes."""

    def __init__(self) -> None:
        super().__init__()
        self.within = named_by_a_lambda()

    def call(self, x: Any) -> Any:
        return self.within(x)


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
    "labels and predictions differ in form": lambda: (
        arm_of(), network(keras.layers.Reshape((1, 3))), by(),
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


@pytest.mark.parametrize(
    ("build", "masked"),
    [
        (named_by_a_lambda, True),
        (given_outright(), True),
        (given_outright(after="all"), False),
        (lambda: keras.Sequential([keras.Input((3, 1)), Marks()]), True),
        (lambda: network(keras.layers.Lambda(lambda x: x)), False),
    ],
)
def test_a_mask_on_what_is_predicted_is_found_whichever_part_makes_it(
    build: Callable[[], Any], masked: bool
) -> None:
    per_step = data(y=np.zeros((4, 3), np.int32)) if masked else data()
    assert not_by_program(arm_of(data=per_step), build(), by()) == (
        "it has masks" if masked else ""
    )


@pytest.mark.parametrize(
    ("loss", "labels", "output", "reason"),
    [
        ("mse", (4,), (1,), ""),
        ("mse", (4, 1), (1,), ""),
        ("mse", (4, 1, 1), (1,), ""),
        ("mse", (4, 1), (3,), ""),
        ("mse", (4,), (3,), "labels and predictions differ in form"),
        ("mse", (4,), (1, 1), "labels and predictions differ in form"),
        ("mse", (4, 3), (1, 3), "labels and predictions differ in form"),
        ("mse", (4,), (), "labels and predictions differ in form"),
        (SPARSE, (4,), (3,), ""),
        (SPARSE, (4, 2), (2, 3), ""),
        (SPARSE, (4,), (1, 3), "labels and predictions differ in form"),
    ],
)
def test_labels_are_of_the_form_of_predictions(
    loss: str, labels: tuple[int, ...], output: tuple[int, ...], reason: str
) -> None:
    units = int(np.prod(output))
    layers = [keras.Input((3,)), keras.layers.Dense(units), keras.layers.Reshape(output)]
    arm = arm_of(data=data(y=np.zeros(labels, np.int32)), loss=loss)
    assert not_by_program(arm, keras.Sequential(layers), by(loss=loss)) == reason


def test_each_reason_has_an_example() -> None:
    assert REASONS.keys() == OBSTACLES.keys()


@pytest.mark.parametrize("reason", REASONS)
def test_why_fit_trains_it_is_said(reason: str) -> None:
    assert not_by_program(*REASONS[reason]()) == reason


@pytest.mark.parametrize("metrics", [None, ["accuracy"], ["acc"]])
def test_everything_else_our_program_trains(metrics: Any) -> None:
    model = network(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))
    assert not_by_program(arm_of(), model, by("adam", metrics=metrics)) == ""
