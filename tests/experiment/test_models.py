"""Descriptions of models, and the Keras models that they build."""

import dataclasses
from typing import Any

import pytest

from bnclaims.experiment.models import GLOROT_NORMAL, GLOROT_UNIFORM, MLP, Initializer, Layer

NORMAL = Initializer("RandomNormal", stddev=1.0)


@pytest.mark.parametrize("hidden", [(), (0,), (64, -1)])
def test_a_network_has_layers_and_layers_have_units(hidden: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="give at least one layer, each of 1 unit or more") as info:
        MLP(hidden=hidden)
    assert str(info.value).startswith(f"hidden={hidden!r}: ")


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (5, r"batch_norm=\(1, 2, 3, 4, 5\): there is no hidden layer 5; this network has 1 to 4"),
        ((0,), r"batch_norm=\(0,\): there is no hidden layer 0"),
        ((2, 9, 7), r"batch_norm=\(2, 9, 7\): there is no hidden layer 7"),
        ((-1,), "there is no hidden layer -1"),
    ],
)
def test_batch_norm_follows_layers_that_exist(after: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MLP().with_batch_norm(after)


def test_a_negative_number_of_bn_layers_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        MLP().with_batch_norm(-1)


def test_a_number_of_bn_layers_means_the_first_ones() -> None:
    network = MLP("sigmoid")
    assert network.with_batch_norm(0) == network
    assert network.with_batch_norm(3).batch_norm == (1, 2, 3)
    assert network.with_batch_norm(3) == network.with_batch_norm((3, 1, 2, 1))
    assert network.with_batch_norm((4,)).batch_norm == (4,)
    assert network.with_batch_norm(2).with_batch_norm(0) == network
    assert network.batch_norm == ()


def test_bn_arguments_count_whatever_their_order() -> None:
    one = MLP().with_batch_norm(1, momentum=0.9, epsilon=1e-5)
    assert one == MLP().with_batch_norm(1, epsilon=1e-5, momentum=0.9)
    assert hash(one) == hash(MLP().with_batch_norm(1, epsilon=1e-5, momentum=0.9))
    assert one != MLP().with_batch_norm(1)


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (MLP(), "relu no BN"),
        (MLP("sigmoid").with_batch_norm(1), "sigmoid 1 BN"),
        (MLP("sigmoid").with_batch_norm((1, 2)), "sigmoid 2 BN"),
        (MLP().with_batch_norm((2, 4)), "relu BN after 2, 4"),
        (MLP().with_batch_norm(1, momentum=0.9), "relu 1 BN, momentum=0.9"),
        (MLP(initializer=NORMAL), "relu no BN, RandomNormal(stddev=1.0)"),
        (MLP(hidden=(64, 32)), "relu no BN, 64-32"),
        (
            MLP("tanh", hidden=(8,), initializer=GLOROT_NORMAL).with_batch_norm(1, center=False),
            "tanh 1 BN, center=False, GlorotNormal, 8",
        ),
    ],
)
def test_a_network_is_called_by_what_is_special_about_it(network: MLP, text: str) -> None:
    assert str(network) == text


def test_descriptions_are_frozen_hashable_values() -> None:
    assert len({MLP(), MLP("relu"), MLP("sigmoid"), MLP(hidden=(512, 256, 128, 64))}) == 2
    assert Initializer("A", b=1, c=2) == Initializer("A", c=2, b=1) != Initializer("A", b=1)
    assert len({GLOROT_UNIFORM, Initializer("GlorotUniform"), GLOROT_NORMAL}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        MLP().activation = "tanh"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        NORMAL.class_name = "Zeros"  # type: ignore[misc]


def test_with_initializer_changes_nothing_else() -> None:
    network = MLP("tanh", hidden=(8,)).with_batch_norm(1, momentum=0.5)
    changed = network.with_initializer(NORMAL)
    assert changed.initializer == NORMAL
    assert changed.with_initializer(GLOROT_UNIFORM) == network


def test_a_layer_is_called_by_activation_and_initializer() -> None:
    assert str(Layer("tanh", NORMAL)) == "tanh layer, RandomNormal(stddev=1.0)"
    assert (Layer("tanh", NORMAL).units, Layer("tanh", NORMAL).inputs) == (256, 784)
    assert len({Layer("tanh", NORMAL), Layer("tanh", Initializer("RandomNormal", stddev=1.0))}) == 1


def test_bn_comes_after_the_activated_layers_that_it_is_to_follow() -> None:
    network = MLP("tanh", hidden=(16, 8, 4), initializer=NORMAL, inputs=12, classes=3)
    model = network.with_batch_norm((1, 3), momentum=0.5).build()
    kinds = [type(layer).__name__ for layer in model.layers]
    bn = "BatchNormalization"
    assert kinds == ["Dense", bn, "Dense", "Dense", bn, "Dense"]
    dense = [layer for layer in model.layers if hasattr(layer, "kernel")]
    assert [layer.activation.__name__ for layer in dense] == ["tanh"] * 3 + ["softmax"]
    assert [layer.kernel.shape for layer in dense] == [(12, 16), (16, 8), (8, 4), (4, 3)]
    assert {layer.kernel_initializer.stddev for layer in dense} == {1.0}
    assert len({id(layer.kernel_initializer) for layer in dense}) == 4
    assert [layer.momentum for layer in model.layers if hasattr(layer, "gamma")] == [0.5, 0.5]
    assert network.build() is not network.build()


def test_the_default_network_is_the_articles_with_keras_defaults() -> None:
    import keras

    model = MLP().with_batch_norm(1).build()
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [
        512, 256, 128, 64, 10,
    ]  # fmt: skip
    assert model.input_shape == (None, 784)
    config = keras.layers.BatchNormalization().get_config()
    built = model.layers[1].get_config()
    assert {**built, "name": ""} == {**config, "name": ""}
    assert isinstance(model.layers[0].kernel_initializer, keras.initializers.GlorotUniform)


@pytest.mark.parametrize(
    "initializer", [Initializer("NoSuchInitializer"), Initializer("RandomNormal", deviation=1)]
)
def test_keras_says_what_it_does_not_have(initializer: Initializer) -> None:
    with pytest.raises((ValueError, TypeError)) as info:
        initializer.build()
    assert info.type is ValueError  # as documented
