"""The names of Keras's losses, checked against Keras's own list."""

import inspect
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.experiment.losses import asks_for_accuracy, is_classification, keras_name

NO_MEANS = {"CTC", "Circle", "Dice", "Tversky"}
"""What they give an example depends on others, or is no mean over them."""
NO_LOSSES = {"Loss", "deserialize", "get", "serialize"}

NAMES = [name for name in dir(keras.losses) if not name.startswith("_") and name not in NO_LOSSES]
MEANS = [name for name in NAMES if name.lower() not in {each.lower() for each in NO_MEANS}]


def loss(name: str) -> Any:
    """What a claim may give: a function, or an instance of a class."""
    found = getattr(keras.losses, name)
    return found() if inspect.isclass(found) else found


@pytest.mark.parametrize("name", MEANS)
def test_each_loss_has_one_name_however_it_is_given(name: str) -> None:
    known = keras_name(name)
    assert known in MEANS
    assert keras_name(loss(name)) == known
    assert keras_name(known) == known


@pytest.mark.parametrize("name", sorted(NO_MEANS & set(NAMES)))  # Circle came with Keras 3.7
def test_what_is_no_mean_over_examples_has_none(name: str) -> None:
    assert keras_name(name) is None
    assert keras_name(loss(name)) is None
    assert is_classification(name) is None


@pytest.mark.parametrize("name", MEANS)
def test_a_classification_s_labels_are_classes(name: str) -> None:
    """What is called one compares probabilities, signs or classes; the others compare numbers."""
    words = ("crossentropy", "cross_entropy", "hinge", "kl_divergence")
    assert is_classification(loss(name)) == any(word in str(keras_name(name)) for word in words)


def test_a_loss_of_ones_own_has_no_name() -> None:
    def mean_squared_error(y: Any, predicted: Any) -> Any:
        return np.mean((y - predicted) ** 2)

    assert keras_name(mean_squared_error) is None
    assert is_classification(mean_squared_error) is None


@pytest.mark.parametrize("several", [["mse", "crossentropy"], {"a": "crossentropy"}])
def test_several_losses_are_no_classification_s(several: Any) -> None:
    assert is_classification(several) is False


@pytest.mark.parametrize(
    ("metrics", "asked"),
    [
        ("acc", True),
        (["mae", "accuracy"], True),
        ({"a": ["mae"], "b": ["accuracy"]}, True),
        (["mae"], False),
        (None, False),
        ([[], ("binary_accuracy",)], False),
    ],
)
def test_an_accuracy_is_asked_for_by_name(metrics: Any, asked: bool) -> None:
    assert asks_for_accuracy(metrics) is asked
