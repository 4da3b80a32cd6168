"""Functions of a seed: what they get, and how their answers are kept."""

import random
from importlib import metadata
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from bnclaims.backends.functions import FunctionBackend
from bnclaims.backends.keras.backend import KerasBackend, KerasOnJax
from bnclaims.errors import ArmError, DataError
from bnclaims.experiment.arm import FunctionArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.seeds import Seed, data_order, generator
from bnclaims.language import builtin_metrics
from tests.fakes import FakeArm


def test_on_another_framework_than_tensorflow_versions_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A function of Keras computes on it, and must not be taken for one on TensorFlow."""
    monkeypatch.setattr(metadata, "version", lambda name: f"{name} 1")
    on_tensorflow, on_jax = (FunctionBackend(kind(1)) for kind in (KerasBackend, KerasOnJax))
    assert on_tensorflow.versions.keys() == {"functions"}
    assert on_jax.versions.keys() == {"functions", "jax program", "jax", "jaxlib"}


def called(arm: Any, seed: int = 0) -> History:
    return dict(FunctionBackend(KerasBackend(1)).run(arm, [seed]))[seed]


def test_a_function_returns_a_number_or_names_and_numbers() -> None:
    assert builtin_metrics.measured(called(FunctionArm(lambda seed: seed / 2), 3)) == 1.5
    history = called(
        FunctionArm(lambda seed: {"a": seed, "b": [[1.0, 2]], "c": tf.ones(3), "d": np.bool_(True)})
    )
    assert builtin_metrics.measured(history, name="a") == 0
    np.testing.assert_array_equal(history.probes["b"], [[1, 2]])
    np.testing.assert_array_equal(history.probes["c"], np.ones(3))
    assert builtin_metrics.measured(history, name="d") == 1


def test_a_function_is_given_the_first_images(small_data: Data) -> None:
    def sizes(seed: int, images: Data) -> Any:
        return {
            "train": len(images.x_train),
            "labels": len(images.y_train),
            "test": len(images.x_test),
        }

    found = called(FunctionArm(sizes, small_data, 3)).probes
    assert found["train"] == found["labels"] == 3
    assert found["test"] == len(small_data.x_test)
    assert called(FunctionArm(sizes, small_data)).probes["train"] == small_data.size
    with pytest.raises(DataError, match=r"has \d+ training images, not 100000"):
        called(FunctionArm(sizes, small_data, 100_000))


def test_a_function_s_layers_start_alike_for_a_seed() -> None:
    def kernel(seed: int) -> Any:
        layer = keras.layers.Dense(3)
        layer.build((None, 4))
        return {"kernel": layer.kernel}

    def run(seed: int) -> Any:
        return called(FunctionArm(kernel), seed).probes["kernel"]

    np.testing.assert_array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))


@pytest.mark.parametrize(
    "returned",
    [
        None,
        "0.5",
        [1.0],
        np.ones(2),
        {"a": None},
        {"a": "x"},
        {1: 1.0},
        {"": 1.0},
        {"\ud800": 1.0},
        {"a" * 1_001: 1.0},
        {"a": [[1], [1, 2]]},
        1j,
    ],
)
def test_what_is_no_number_is_told(returned: Any) -> None:
    def answer(seed: int) -> Any:
        return returned

    words = "answer returned .*: return a float, a History, or a dictionary of"
    with pytest.raises(ArmError, match=words):
        called(FunctionArm(answer))


def leaves(**curves: Any) -> Any:
    return lambda seed: History(**curves)


def test_curves_of_a_trainer_may_be_lists_or_tensors_of_any_numbers() -> None:
    returned = leaves(loss=[3, 2], val_loss=tf.ones(2), metrics={"f1": (0.5, np.nan)})
    history = called(FunctionArm(returned))
    np.testing.assert_array_equal(history.loss, [3.0, 2.0])
    for curve in (history.loss, history.val_loss, history.metrics["f1"]):
        assert curve.dtype == np.float64
    assert len(history.accuracy) == 0


def test_what_is_masked_has_no_value() -> None:
    """What lay under the mask was taken for a number."""

    def masked(seed: int) -> History:
        loss = np.ma.array([1.0, 2.0], mask=[False, True])
        return History(loss=loss, probes={"end": loss[1:]})

    history = called(FunctionArm(masked))
    np.testing.assert_array_equal(history.loss, [1.0, np.nan])
    assert np.isnan(history.probes["end"]).all()
    number = called(FunctionArm(lambda seed: np.ma.masked))
    assert np.isnan(number.probes["value"])


@pytest.mark.parametrize(
    ("curves", "words"),
    [
        ({"loss": 0.5}, "whose loss is 0.5: give a list or an array of one number an epoch"),
        ({"loss": np.ones((3, 2))}, "whose loss is array"),
        ({"loss": [[1.0], [1.0, 2.0]]}, "whose loss is "),
        ({"loss": ["a"]}, r"whose loss is \['a'\]"),
        ({"loss": [1.0, None]}, "whose loss is "),
        ({"metrics": {"f1": 0.9}}, "whose metrics/f1 is 0.9: give a list"),
        ({"metrics": {"": [0.9]}}, r"whose metrics is \{'': \[0.9\]\}: give a dictionary of names"),
        (
            {"probes": {1: 0.5}},
            r"whose probes is \{1: 0.5\}: give a dictionary of names and arrays",
        ),
        ({"loss": np.array([1.0, 1j])}, "whose loss is array"),
        ({"metrics": [0.9]}, r"whose metrics is \[0.9\]: give a dictionary of names and arrays"),
        ({"probes": {"a": "x"}}, "whose probes/a is 'x': give a number or an array of numbers"),
        (
            {"loss": [1.0, 0.5], "val_loss": [1.0]},
            r"different lengths \(loss: 2, val_loss: 1\): give one value an epoch, NaN where there",
        ),
        ({"loss": [1.0], "metrics": {"f1": [0.1, 0.2]}}, r"\(loss: 1, metrics/f1: 2\)"),
        ({"fine_loss": [1.0, 0.5], "fine_epochs": [1.0]}, "different lengths"),
        ({"fine_loss": [1.0, 0.5]}, "fine curves and no fine_epochs, or the other way round"),
        (
            {"val_accuracy": [50.0, np.nan, 97.0]},
            "whose val_accuracy goes from 50 to 97: give shares, from 0 to 1",
        ),
        ({"accuracy": [-0.5]}, "whose accuracy goes from -0.5"),
    ],
)
def test_curves_that_are_none_are_refused(curves: Any, words: str) -> None:
    with pytest.raises(ArmError, match=words):
        called(FunctionArm(leaves(**curves)))


def test_what_draws_from_a_global_generator_is_seeded() -> None:
    def draw(seed: int) -> Any:
        return {"python": random.random(), "numpy": np.random.normal()}

    one, again, other = (called(FunctionArm(draw), seed).probes for seed in (1, 1, 2))
    assert one == again
    assert one["python"] != other["python"]
    assert one["numpy"] != other["numpy"]


def test_a_trainer_gets_the_streams_of_its_seed() -> None:
    def train(seed: Seed) -> History:
        weights, order = seed.generator("weights"), seed.data_order(0, 8)
        return History(loss=weights.normal(size=3), probes={"order": order})

    history = called(FunctionArm(train), 5)
    np.testing.assert_array_equal(history.loss, generator(5, "weights").normal(size=3))
    np.testing.assert_array_equal(history.probes["order"], data_order(5, 0, 8))


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ArmError, match="fake x is no function of a seed"):
        called(FakeArm("x"))


def test_pytorch_s_generator_is_seeded_too() -> None:
    torch = pytest.importorskip("torch")

    def draws(seed: int) -> Any:
        return float(torch.rand(()))

    before = torch.get_rng_state()
    runs = [called(FunctionArm(draws), seed) for seed in (1, 1, 2)]
    one, again, other = (float(run.probes["value"]) for run in runs)
    assert one == again != other
    assert torch.equal(torch.get_rng_state(), before)
