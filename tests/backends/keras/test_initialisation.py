"""Initial weights: they follow from the seed and from what a layer is, and from nothing else."""

from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras.initialisation import RNG_STATE, Initialisation
from bnclaims.experiment.models import MLP


def dropped() -> Any:
    return keras.Sequential(
        [
            keras.Input((28, 28)),
            keras.layers.Flatten(),
            keras.layers.Dense(32, "sigmoid"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def test_seeds_pair_across_arms() -> None:
    """Inserting BN and dropout changes no Dense layer's weights; another seed changes them all."""

    def weights(network: Any, seed: int) -> list[Any]:
        model = network()
        Initialisation(model, network).assign(seed)
        return [layer.kernel.numpy() for layer in model.layers if hasattr(layer, "kernel")]

    plain = MLP("sigmoid", hidden=(32,))
    for one, other in zip(weights(plain.build, 7), weights(dropped, 7), strict=True):
        np.testing.assert_array_equal(one, other)
    normed = plain.with_batch_norm(1)
    for one, other in zip(weights(plain.build, 7), weights(normed.build, 7), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(weights(plain.build, 7), weights(plain.build, 8), strict=True):
        assert not np.array_equal(one, other)


def with_loaded_weights() -> Any:
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, "softmax")])
    model.set_weights([np.full((784, 10), 0.01, "float32"), np.zeros(10, "float32")])
    return model


def test_weights_that_the_builder_sets_are_kept() -> None:
    model = with_loaded_weights()
    Initialisation(model, with_loaded_weights).assign(3)
    assert (model.layers[0].kernel.numpy() == np.float32(0.01)).all()


def test_layers_with_weights_of_their_own_making_differ_by_seed() -> None:
    def attention() -> Any:
        inputs = keras.Input((28, 28))
        x = keras.layers.MultiHeadAttention(2, 8)(inputs, inputs)
        x = keras.layers.LSTM(4)(x)
        return keras.Model(inputs, keras.layers.Dense(10, "softmax")(x))

    def values(seed: int) -> list[Any]:
        model = attention()
        Initialisation(model, attention).assign(seed)
        return [v.numpy() for v in model.trainable_variables if "kernel" in v.name]

    first, again, other = values(1), values(1), values(2)
    for a, b, c in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    query, key = first[0], first[1]
    assert not np.array_equal(query, key)


def two_of_a_kind() -> Any:
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4)])


def started(build: Any, seed: int) -> Any:
    model = build()
    Initialisation(model, build).assign(seed)
    return model


def test_layers_of_one_kind_and_shape_start_apart() -> None:
    first, second = started(two_of_a_kind, 5).layers
    assert not np.array_equal(first.kernel.numpy(), second.kernel.numpy())


def test_layers_within_a_model_within_count_as_in_one() -> None:
    def nested() -> Any:
        return keras.Sequential([keras.Input((4,)), two_of_a_kind(), keras.layers.Dense(4)])

    def flat() -> Any:
        return keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4) for _ in range(3))])

    ours, theirs = started(nested, 5).weights, started(flat, 5).weights
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_draw_has_the_distribution_of_its_initialiser() -> None:
    def wide() -> Any:
        given = keras.initializers.RandomNormal(2.0, 0.1)
        return keras.Sequential(
            [keras.Input((200,)), keras.layers.Dense(200, kernel_initializer=given)]
        )

    kernel = started(wide, 1).layers[0].kernel.numpy()
    assert kernel.mean() == pytest.approx(2.0, abs=4 * 0.1 / 200)
    assert kernel.std() == pytest.approx(0.1, rel=0.02)


def test_random_layers_draw_by_the_seed() -> None:
    def states(seed: int) -> list[Any]:
        found = started(dropped, seed).variables
        return [variable.numpy() for variable in found if variable.name == RNG_STATE]

    (one,), (again,), (other,) = states(1), states(1), states(2)
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
