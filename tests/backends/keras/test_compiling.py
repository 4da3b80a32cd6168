"""What a model is compiled with."""

from typing import Any

import keras
import pytest

from bnclaims.backends.keras import compiling
from bnclaims.backends.keras.compiling import Compilation, compilation
from bnclaims.backends.keras.obstacles import not_by_program
from bnclaims.errors import ArmError
from bnclaims.experiment.protocol import Optimizer
from tests.backends.keras.table import SPARSE, arm_of, network

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


@pytest.mark.parametrize("scaled", [True, False])
def test_a_loss_is_scaled_where_the_builder_has_it_so(scaled: bool) -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="halves")
    model.dtype_policy = keras.DTypePolicy("mixed_float16")
    model.compile("sgd", "mse", auto_scale_loss=scaled)
    found = compilation(arm_of(optimizer=None, loss=None), model)
    assert found is not None
    found.apply(model)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer) is scaled


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
