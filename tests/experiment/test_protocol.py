"""Protocols: Keras's own defaults where nobody says otherwise."""

import inspect

import pytest

from bnclaims import Optimizer, TrainingProtocol
from bnclaims.experiment.protocol import KERAS_DEFAULTS


def test_the_defaults_are_those_of_keras() -> None:
    import keras

    fit = inspect.signature(keras.Model.fit).parameters
    compiled = inspect.signature(keras.Model.compile).parameters
    assert KERAS_DEFAULTS.epochs == fit["epochs"].default
    assert KERAS_DEFAULTS.batch_size == 32  # what `fit` makes of None, by its documentation
    assert fit["batch_size"].default is None
    assert compiled["optimizer"].default == "rmsprop"
    assert (KERAS_DEFAULTS.optimizer, KERAS_DEFAULTS.loss) == (None, compiled["loss"].default)
    assert KERAS_DEFAULTS.images is None


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (KERAS_DEFAULTS, "all images, 1 epoch"),
        (TrainingProtocol("quick", images=10_000, epochs=6), "10,000 images, 6 epochs"),
    ],
)
def test_its_size_is_said_in_words(protocol: TrainingProtocol, words: str) -> None:
    assert protocol.size == words


def test_an_optimizer_that_keras_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="Gradient"):
        Optimizer("Gradient").build()
