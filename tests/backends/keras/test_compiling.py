"""What a model is compiled with, and why `fit` itself must train it; for agreement see beside."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import compiling
from bnclaims.backends.keras.compiling import Compilation, compilation, not_by_program
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.protocol import Optimizer

X, Y = np.zeros((4, 3), np.float32), np.array([0, 1, 0, 1])
SPARSE = "sparse_categorical_crossentropy"


def data(**more: Any) -> Data:
    return Data("table", X, Y, X, Y, **more)


def network(*inner: Any) -> Any:
    return keras.Sequential([keras.Input((3,)), *inner, keras.layers.Dense(2, "softmax")])


def arm_of(build: Any = network, **changes: Any) -> TrainingArm:
    usual: dict[str, Any] = {"images": None, "epochs": 1, "batch_size": 2, "loss": SPARSE}
    return TrainingArm(build, **{"data": data(), **usual, **changes})


# What is compiled


def test_an_arm_s_words_become_keras_s_objects() -> None:
    arm = arm_of(optimizer=Optimizer("SGD", learning_rate=0.5), loss_weights=2.0)
    found = compilation(arm, network())
    assert found is not None
    assert isinstance(found.optimizer, keras.optimizers.SGD)
    assert float(found.optimizer.learning_rate.numpy()) == 0.5
    assert (found.loss, found.loss_weights) == (SPARSE, 2.0)


def test_without_an_optimizer_it_is_keras_s_default() -> None:
    found = compilation(arm_of(optimizer=None), network())
    assert found is not None
    assert isinstance(found.optimizer, keras.optimizers.RMSprop)


def compiled() -> Any:
    model = network()
    model.compile(keras.optimizers.SGD(0.5), SPARSE, metrics=["mae"], steps_per_execution=3)
    return model


def test_what_a_builder_compiled_stands() -> None:
    model = compiled()
    found = compilation(arm_of(compiled, optimizer=None, loss=None), model)
    assert found is not None
    assert found.optimizer is model.optimizer
    assert (found.loss, found.metrics, found.steps_per_execution) == (SPARSE, ["mae"], 3)


class CompilesItself(keras.Model):  # type: ignore[misc]
    def compile(self) -> None:
        super().compile("sgd", "mse")


def test_a_compile_of_the_model_s_own_is_left_to_it() -> None:
    model = CompilesItself()
    model.compile()
    assert compilation(arm_of(optimizer=None, loss=None), model) is None
    assert not_by_program(arm_of(), model, None) == "the model has a compile of its own"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer": Optimizer("Adam")}, "with the optimizer SGD, but the arm says Adam"),
        ({"loss": "mse"}, f"with the loss {SPARSE}, but the arm says mse"),
        ({"metrics": ("mae",)}, "with the metrics its own, but the arm says one, too"),
        ({"loss_weights": 2.0}, "with the loss_weights its own, but the arm says one, too"),
    ],
)
def test_arm_and_builder_may_not_contradict_each_other(changes: dict[str, Any], words: str) -> None:
    arm = arm_of(compiled, **{"optimizer": None, "loss": None, **changes})
    with pytest.raises(ArmError, match=f"{words}.*: leave one of them out"):
        compilation(arm, compiled())


def test_arm_and_builder_may_say_the_same() -> None:
    arm = arm_of(compiled, optimizer=Optimizer("SGD", learning_rate=0.5))
    assert compilation(arm, compiled()) is not None


def test_a_loss_is_named_by_somebody() -> None:
    with pytest.raises(ArmError, match=r"network has no loss: name one, as in train\(..., loss="):
        compilation(arm_of(loss=None), network())


@pytest.mark.parametrize("name", compiling._FILES)
def test_callbacks_with_files_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = getattr(keras.callbacks, name)
    monkeypatch.setattr(theirs, "__init__", lambda self: None)
    with pytest.raises(ArmError, match=f"{name} reads or writes files, in which the runs of sev"):
        compilation(arm_of(callbacks=(theirs(),)), network())


def test_what_is_no_callback_is_refused() -> None:
    with pytest.raises(ArmError, match="3 is no Keras callback"):
        compilation(arm_of(callbacks=(3,)), network())


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"loss": SPARSE}, True),
        ({"loss": "mse"}, False),
        ({"loss": "mse", "metrics": ["accuracy"]}, True),
        ({"loss": {"a": SPARSE}}, False),
    ],
)
def test_classifications_report_an_accuracy(given: dict[str, Any], reported: bool) -> None:
    assert Compilation("sgd", **given).accuracy is reported


def test_where_no_metric_is_named_it_is_compiled_in() -> None:
    for metrics, names in ((None, ["accuracy"]), (["mae"], ["mae"])):
        model = network()
        Compilation("sgd", SPARSE, metrics=metrics).apply(model)
        assert model._compile_metrics._user_metrics == names


# Why it is not our program that trains


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
    "it is compiled to run eagerly, by torch.compile or by several steps": lambda: (
        arm_of(), network(), by(run_eagerly=True),
    ),
    "it has callbacks": lambda: (
        arm_of(callbacks=(keras.callbacks.TerminateOnNaN(),)), network(), by(),
    ),
}  # fmt: skip


def test_each_reason_has_an_example() -> None:
    assert REASONS.keys() == compiling._OBSTACLES.keys()


@pytest.mark.parametrize("reason", REASONS)
def test_why_fit_trains_it_is_said(reason: str) -> None:
    assert not_by_program(*REASONS[reason]()) == reason


@pytest.mark.parametrize("metrics", [None, ["accuracy"], ["acc"]])
def test_everything_else_our_program_trains(metrics: Any) -> None:
    model = network(keras.layers.BatchNormalization(), keras.layers.Dropout(0.5))
    assert not_by_program(arm_of(), model, by("adam", metrics=metrics)) == ""
