"""What may depend on the rest of a batch is found; for what comes of it see test_against_fit."""

from functools import partial
from typing import Any

import keras
import pytest

from bnclaims.backends.keras.mixing import mixes_examples
from bnclaims.experiment.models import MLP


def stacked(*inner: Any, activation: Any = "relu", units: int = 3) -> Any:
    return keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(units, activation), *inner, keras.layers.Dense(2)]
    )


def called(call: Any) -> Any:
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(2)(call(inputs)))


def within(model: Any) -> Any:
    return keras.Sequential([keras.Input((4,)), model])


def of_sequences(layer: Any, twice: bool = False) -> Any:
    inputs = keras.Input((None, 3))
    x = layer(inputs, inputs) if twice else layer(inputs)
    return keras.Model(inputs, keras.layers.Dense(2)(x))


def masked() -> Any:
    inputs = keras.Input((4, 3))
    mask = keras.layers.Dense(1)(inputs)
    x = keras.layers.SimpleRNN(2)(inputs, mask=keras.layers.Reshape((4,))(mask))
    return keras.Model(inputs, x)


def clipped_by_the_loudest() -> Any:
    sound = keras.layers.MelSpectrogram(fft_length=8, sequence_stride=4, num_mel_bins=2)
    return keras.Sequential([keras.Input((32,)), sound, keras.layers.Dense(2)])


class Own(keras.Sequential):  # type: ignore[misc]
    """A class of one's own."""


class OwnCell(keras.layers.SimpleRNNCell):  # type: ignore[misc]
    """A cell of one's own."""


def overridden() -> Any:
    layer = keras.layers.Dense(2)
    layer.call = centred
    return layer


def centred(x: Any) -> Any:
    return x - keras.ops.mean(x, axis=0)


@pytest.mark.parametrize(
    ("build", "mixed"),
    [
        (lambda: MLP(hidden=(4,)).with_batch_norm(1).build(), False),
        (lambda: stacked(keras.layers.LayerNormalization(), keras.layers.Dropout(0.1)), False),
        (lambda: called(lambda x: keras.layers.Concatenate()([x, x])), False),
        (lambda: called(lambda x: keras.layers.BatchNormalization()(x, training=False)), False),
        (lambda: called(lambda x: keras.layers.BatchNormalization()(x, training=True)), True),
        (lambda: called(centred), True),
        (lambda: within(called(centred)), True),
        (lambda: stacked(keras.layers.Lambda(centred)), True),
        (lambda: stacked(activation=centred), True),
        (lambda: stacked(keras.layers.Softmax(axis=0)), True),
        (lambda: stacked(keras.layers.UnitNormalization(axis=(0, 1))), True),
        (lambda: stacked(keras.layers.UnitNormalization(axis=-2)), True),
        (lambda: stacked(keras.layers.Softmax(axis=-2)), True),
        (lambda: of_sequences(keras.layers.Softmax(axis=-2)), False),
        (lambda: of_sequences(keras.layers.MultiHeadAttention(2, 2), twice=True), False),
        (lambda: of_sequences(keras.layers.EinsumDense("abc,cd->abd", (None, 2))), False),
        (lambda: of_sequences(keras.layers.EinsumDense("abc,cd->bad", (None, 2))), True),
        (lambda: of_sequences(keras.layers.Bidirectional(keras.layers.GRU(2))), False),
        (lambda: of_sequences(keras.layers.RNN(OwnCell(2))), True),
        (lambda: within(Own([keras.Input((4,)), keras.layers.Dense(2)])), True),
        (lambda: within(overridden()), True),
        (lambda: stacked(keras.layers.Reshape(()), keras.layers.Reshape((1,)), units=1), True),
        (lambda: stacked(activation=partial(keras.activations.softmax, axis=0)), True),
        (lambda: stacked(activation=keras.layers.ReLU()), False),
        (masked, True),
        (clipped_by_the_loudest, True),
    ],
)
def test_what_an_example_is_evaluated_as_may_depend_on_others(build: Any, mixed: bool) -> None:
    assert mixes_examples(build(), "mse") is mixed


@pytest.mark.parametrize(
    ("loss", "mixed"),
    [("hinge", True), (keras.losses.SquaredHinge(), True), ("categorical_hinge", False)],
)
def test_some_losses_look_at_all_labels_of_a_batch(loss: Any, mixed: bool) -> None:
    assert mixes_examples(stacked(), loss) is mixed
