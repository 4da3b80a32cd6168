"""Training by `fit` itself: the batches that it is fed, and what it cannot do."""

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import fitting
from bnclaims.backends.keras.building import builder
from bnclaims.backends.keras.compiling import compilation
from bnclaims.backends.keras.fitting import Fitter
from bnclaims.errors import ArmError, DescriptionError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.seeds import data_order

X, Y = np.arange(30.0, dtype=np.float32).reshape(10, 3), np.arange(10) % 2
DATA = Data("table", X, Y, X[:4], Y[:4])


def network(units: int = 2) -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(units, "softmax")])


def fitter(build: Any = network, **changes: Any) -> Fitter:
    usual: dict[str, Any] = {"images": None, "epochs": 2, "batch_size": 4}
    usual |= {"loss": "sparse_categorical_crossentropy"}
    arm = TrainingArm(build, **{"data": DATA, **usual, **changes})
    return Fitter(arm, builder(arm), compilation)


# Batches


def fed(batches: fitting._Batches) -> list[Any]:
    return [tuple(part.numpy() for part in batch) for batch in batches.dataset()]


def test_an_epoch_is_fed_in_the_order_of_its_seed() -> None:
    batches = fitting._Batches((X, Y), 4, seed=3)
    for epoch in (0, 1):
        batches.begin(epoch)
        order = data_order(3, epoch, len(X))
        found = fed(batches)
        assert [len(x) for x, _ in found] == [4, 4, 2]
        assert batches.count == len(found)
        np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), X[order])
        np.testing.assert_array_equal(np.concatenate([y for _, y in found]), Y[order])


def test_inputs_by_name_keep_their_names() -> None:
    batches = fitting._Batches(({"a": X, "b": 2 * X}, Y), 4, seed=0)
    batches.begin(0)
    inputs, _ = next(iter(batches.dataset()))
    np.testing.assert_array_equal(2 * inputs["a"].numpy(), inputs["b"].numpy())


# The running loss


def test_the_loss_of_a_stretch_is_the_mean_of_its_examples() -> None:
    epoch = fitting._Epoch(ends=[1, 2, 3], totals=[(8.0, 4.0), (12.0, 8.0), (20.0, 10.0)])
    np.testing.assert_array_equal(fitting._means(epoch, np.array([1, 3])), [[2.0], [2.0]])


def test_after_a_callback_ended_the_epoch_there_is_none() -> None:
    epoch = fitting._Epoch(ends=[1], totals=[(8.0, 4.0)])
    np.testing.assert_array_equal(fitting._means(epoch, np.array([1, 2])), [[2.0], [np.nan]])


def test_a_fine_accuracy_has_a_column_of_its_own() -> None:
    epoch = fitting._Epoch(ends=[1, 2], totals=[(8.0, 4.0, 1.0, 4.0), (12.0, 8.0, 3.0, 8.0)])
    means = fitting._means(epoch, np.array([1, 2]))
    np.testing.assert_array_equal(means, [[2.0, 0.25], [1.0, 0.5]])


# A run


def test_a_run_has_the_curves_that_fit_reports() -> None:
    history = fitter(metrics=("sparse_categorical_crossentropy",)).train(0)
    for curve in (history.loss, history.val_loss, history.seconds):
        assert curve.shape == (2,)
        assert np.isfinite(curve).all()
    assert history.metrics.keys() == {
        "sparse_categorical_crossentropy", "val_sparse_categorical_crossentropy",
    }  # fmt: skip
    assert history.fine_epochs[-1] == 2


def test_it_follows_from_the_seed() -> None:
    train = fitter().train
    np.testing.assert_array_equal(train(1).loss, train(1).loss)
    assert not np.array_equal(train(1).loss, train(2).loss)


class CountsCalls(keras.losses.Loss):  # type: ignore[misc]
    """Weighs more the more often it has been called, and draws."""

    def __init__(self) -> None:
        super().__init__(name="counted")
        self.calls = keras.Variable(1.0, trainable=False)
        self.draws = keras.random.SeedGenerator(1)

    def call(self, y: Any, predicted: Any) -> Any:
        self.calls.assign_add(1.0)
        noise = keras.random.uniform((), seed=self.draws)
        return keras.ops.mean(keras.ops.square(y - predicted), axis=-1) * (self.calls + noise)


def regression() -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])


@pytest.mark.parametrize("given", [CountsCalls, lambda: [CountsCalls()]])
def test_a_loss_starts_each_run_as_it_was_named(given: Any) -> None:
    first, second = (fitter(regression, loss=given()) for _ in range(2))
    second.train(5)
    np.testing.assert_array_equal(first.train(3).loss, second.train(3).loss)


def test_a_loss_that_changes_what_it_only_reaches_is_refused() -> None:
    calls = keras.Variable(1.0, trainable=False)

    def counted(y: Any, predicted: Any) -> Any:
        calls.assign_add(1.0)
        return keras.ops.mean(keras.ops.square(y - predicted), axis=-1) * calls

    train = fitter(regression, loss=counted).train
    train(5)
    with pytest.raises(DescriptionError, match="has changed since the claim named it"):
        train(3)


def test_probes_are_refused() -> None:
    with pytest.raises(ArmError, match="probes=True is for what our own program trains"):
        fitter(probes=True)


def test_what_fit_refuses_is_said_without_its_graph() -> None:
    words = r"network.* cannot be trained by fit on table: "
    with pytest.raises(ArmError, match=words) as refused:
        fitter(partial(network, 3), loss="categorical_crossentropy").train(0)
    assert "\n" not in str(refused.value)


class Broken(keras.Sequential):  # type: ignore[misc]
    """Raises an error of any kind at a training step."""

    def train_step(self, data: Any) -> dict[str, Any]:
        raise self.error


@pytest.mark.parametrize("kind", [RuntimeError, KeyError, ZeroDivisionError, AssertionError])
def test_whatever_a_training_step_raises_is_said_with_its_place(kind: type[Exception]) -> None:
    def broken() -> Any:
        model = Broken([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
        model.error = kind("no x")
        return model

    line = Broken.train_step.__code__.co_firstlineno + 1
    words = rf"broken cannot be trained by fit on table: .*no x'?, at .*test_fitting.py:{line}\. Ke"
    with pytest.raises(ArmError, match=words) as raised:
        fitter(broken).train(0)
    assert isinstance(raised.value.__cause__, kind)


def test_what_a_measure_raises_is_not_said_of_fit() -> None:
    def lost(model: Any, x: Any, y: Any) -> float:
        values: dict[str, float] = {}
        return values["x"]

    line = lost.__code__.co_firstlineno + 2
    words = rf"the measure 'm' failed: KeyError: 'x', at .*test_fitting.py:{line}$"
    with pytest.raises(ArmError, match=words):
        fitter(measures={"m": lost}).train(0)


class Silent(keras.Sequential):  # type: ignore[misc]
    def train_step(self, data: Any) -> dict[str, Any]:
        return {"energy": 1.0}

    test_step = train_step


def test_a_training_step_that_reports_no_loss_is_refused() -> None:
    def silent() -> Any:
        return Silent([keras.Input((3,)), keras.layers.Dense(2, "softmax")])

    words = r"silent reports \['energy', .* from its training step and no 'loss': return the loss"
    with pytest.raises(ArmError, match=words):
        fitter(silent, loss="mse").train(0)
