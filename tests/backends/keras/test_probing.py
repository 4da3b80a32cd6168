"""What probes measure, each against an independent computation."""

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnclaims.backends.keras.initialisation import Initialisation
from bnclaims.backends.keras.probing import _View, drift, noise_share, probe
from bnclaims.backends.keras.training import train
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import (
    BatchArm,
    ProbeArm,
    TrainingArm,
)
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.models import GLOROT_NORMAL, MLP, Initializer, Layer
from bnclaims.experiment.protocol import Optimizer
from bnclaims.experiment.seeds import generator
from bnclaims.language import builtin_metrics
from claims.protocols import LOSS, SGD

NETWORK = MLP("sigmoid", hidden=(16, 8)).with_batch_norm(1)


def probed(arm: Any, seed: int = 0) -> History:
    return dict(probe(arm, [seed]))[seed]


def batches_of(data: Data, model: Any = NETWORK, size: int = 32, count: int = 8) -> BatchArm:
    return BatchArm(model, data, None, size, count, LOSS)


# A layer alone


def test_a_layer_s_activations_are_keras_s_own() -> None:
    layer = Layer("tanh", Initializer("RandomNormal", stddev=0.1), units=9, inputs=5, samples=3)
    probes = probed(ProbeArm(layer), 4).probes
    assert probes["activations"].shape == probes["derivative"].shape == (3, 9)
    assert probes["saturated"].shape == (3, 9)
    again, other = (probed(ProbeArm(layer), seed).probes["activations"] for seed in (4, 5))
    np.testing.assert_array_equal(probes["activations"], again)
    assert not np.array_equal(probes["activations"], other)


@pytest.mark.parametrize(
    ("activation", "derivative"),
    [
        ("sigmoid", lambda a: a * (1 - a)),
        ("tanh", lambda a: 1 - a**2),
        ("relu", lambda a: a > 0),
        ("linear", np.ones_like),
    ],
)
def test_a_derivative_is_the_known_function_of_the_activation(
    activation: str, derivative: Any
) -> None:
    normal = Initializer("RandomNormal", stddev=0.2)
    history = probed(ProbeArm(Layer(activation, normal, samples=4)))
    activations = history.probes["activations"].astype(np.float64)
    expected = derivative(activations)
    np.testing.assert_allclose(history.probes["derivative"], expected, rtol=1e-3, atol=1e-6)
    steepest = 0.25 if activation == "sigmoid" else 1.0
    assert builtin_metrics.gradient_passed(history) == pytest.approx(
        expected.mean() / steepest, rel=1e-4
    )


@pytest.mark.parametrize("activation", ["sigmoid", "tanh"])
def test_saturated_units_pass_little_gradient(activation: str) -> None:
    history = probed(ProbeArm(Layer(activation, Initializer("RandomNormal", stddev=1.0))))
    share = history.probes["saturated"].mean()
    assert builtin_metrics.saturation(history) == share > 0.5
    # At the edge of saturation a(1 - a) / (1/4) is 0.19 at 0.05, and 1 - a^2 is 0.19 at 0.9.
    assert 0 <= builtin_metrics.gradient_passed_saturated(history) < 0.19


def test_an_activation_without_a_range_saturates_nowhere() -> None:
    history = probed(ProbeArm(Layer("relu", GLOROT_NORMAL)))
    assert not history.probes["saturated"].any()
    assert np.isnan(builtin_metrics.saturation(history))
    assert np.isnan(builtin_metrics.gradient_passed_saturated(history))


# A model on minibatches


def gradients_by_hand(data: Data, rows: Any, seed: int) -> list[list[Any]]:
    """By a plain tape, on the same weights and images: arrays of each layer with weights."""
    model = NETWORK.build()
    Initialisation(model, NETWORK.build).assign(seed)
    x = data.x_train[rows].reshape(len(rows), -1).astype("float32") / 255
    with tf.GradientTape() as tape:
        predicted = model(x, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(data.y_train[rows], predicted)
        loss = tf.reduce_mean(losses)
    gradients = tape.gradient(loss, [layer.trainable_weights for layer in model.layers])
    return [[g.numpy().astype(np.float64) for g in of_layer] for of_layer in gradients]


def test_gradients_are_those_of_a_plain_tape(small_data: Data) -> None:
    history = probed(batches_of(small_data), 3)
    draw = generator(3, "probe batches")
    flat, norms = [], []
    for _ in range(8):
        gradients = gradients_by_hand(small_data, draw.integers(500, size=32, dtype=np.int32), 3)
        norms.append([np.sqrt(sum((g**2).sum() for g in layer)) for layer in gradients])
        flat.append(np.concatenate([g.ravel() for layer in gradients for g in layer]))
    np.testing.assert_allclose(history.probes["gradient_norm"], norms, rtol=1e-4)
    stack = np.array(flat)
    expected = stack.var(axis=0, ddof=1).sum() / (stack**2).sum(axis=1).mean()
    assert builtin_metrics.gradient_noise(history) == pytest.approx(expected, rel=1e-4)
    assert history.probes["kinds"].tolist() == ["Dense", "BatchNormalization", "Dense", "Dense"]
    assert history.probes["layers"].tolist() == [
        "Dense 1", "BatchNormalization 1", "Dense 2", "Dense 3",
    ]  # fmt: skip


def outputs_of_the_first_layer(data: Data, seed: int) -> Any:
    model = NETWORK.build()
    Initialisation(model, NETWORK.build).assign(seed)
    x = data.x_train.reshape(len(data.x_train), -1).astype("float32") / 255
    return model.layers[0](x).numpy().astype(np.float64)


@pytest.mark.parametrize("size", [4, 16])
def test_batch_statistics_vary_as_theory_says(small_data: Data, size: int) -> None:
    """Variances of the mean and of the variance of B independent draws from a finite population.

    The mean's variance is estimated from n minibatches with a relative standard error of about
    sqrt(2 / (n - 1)), that of a chi-square variable, whatever the units' correlation: averaging
    over units only makes it smaller. The variance's variance has heavier tails, hence 10 errors.
    """
    count = 400
    history = probed(batches_of(small_data, size=size, count=count))
    values = outputs_of_the_first_layer(small_data, 0)
    sigma2 = values.var(axis=0)
    error = np.sqrt(2 / (count - 1))
    expected = (sigma2 / size).mean()
    assert builtin_metrics.batch_mean_variance(history) == pytest.approx(expected, rel=5 * error)
    fourth = ((values - values.mean(axis=0)) ** 4).mean(axis=0)
    expected = ((fourth - sigma2**2) / size + 2 * sigma2**2 / (size * (size - 1))).mean()
    assert builtin_metrics.batch_variance_variance(history) == pytest.approx(
        expected, rel=10 * error
    )


def test_noise_falls_with_the_batch(small_data: Data) -> None:
    noises = [
        builtin_metrics.gradient_noise(probed(batches_of(small_data, size=size, count=32)))
        for size in (4, 32, 256)
    ]
    assert noises == sorted(noises, reverse=True)
    assert 0 < noises[2] < noises[0] < 32 / 31


def test_one_image_a_batch_has_a_mean_but_no_variance(small_data: Data) -> None:
    history = probed(batches_of(small_data, MLP(hidden=(8,)), size=1))
    assert builtin_metrics.batch_mean_variance(history) > 0
    assert np.isnan(builtin_metrics.batch_variance_variance(history))


def test_a_look_does_not_know_its_company(small_data: Data) -> None:
    arm = batches_of(small_data)
    alone, in_company = probed(arm, 2), dict(probe(arm, [0, 1, 2]))[2]
    for name, values in alone.probes.items():
        np.testing.assert_array_equal(values, in_company.probes[name])
    assert not np.array_equal(alone.probes["gradient_norm"], probed(arm, 1).probes["gradient_norm"])


def test_only_the_protocol_s_images_are_looked_at(small_data: Data) -> None:
    few = dataclasses.replace(
        small_data, name="few", x_train=small_data.x_train[:50], y_train=small_data.y_train[:50]
    )
    limited = dataclasses.replace(batches_of(small_data), images=50)
    np.testing.assert_array_equal(
        probed(limited).probes["gradient_norm"], probed(batches_of(few)).probes["gradient_norm"]
    )


def subclassed() -> Any:
    class Own(keras.Model):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(10, "softmax")
            self.input_shape = (None, 28, 28)

        def build(self, _: Any) -> None:
            self.dense.build((None, 784))

        def call(self, x: Any) -> Any:
            return self.dense(tf.reshape(x, (-1, 784)))

    return Own()


def unseeded() -> Any:
    noise = keras.layers.Lambda(lambda x: x + tf.random.normal(tf.shape(x)))
    return keras.Sequential([keras.Input((784,)), noise, keras.layers.Dense(10, "softmax")])


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: "a model", "returned str, not a keras.Model"),
        (unseeded, "which no seed decides"),
        (subclassed, "probes need a Sequential or functional model"),
        (MLP("rleu"), "rleu no BN untrained, batch 32 cannot be built"),
        (MLP(classes=3), "has 3 classes, 0 to 2, but the labels of small go from 0 to 9"),
        (MLP(inputs=9), r"takes inputs of shape \(9,\)"),
    ],
    ids=["no model", "unseeded", "subclassed", "misspelt", "too few classes", "too few inputs"],
)
def test_refuses_what_it_cannot_look_at(small_data: Data, model: Any, words: str) -> None:
    with pytest.raises(ArmError, match=words):
        probed(batches_of(small_data, model))


def with_targets() -> Any:
    model = keras.Sequential([keras.Input((784,)), keras.layers.Dense(4), keras.layers.Dense(1)])
    model.compile(loss="mse")
    return model


def test_targets_of_a_regression_are_no_classes(small_data: Data) -> None:
    targets = [y[:, None] / 3 for y in (small_data.y_train, small_data.y_test)]
    data = dataclasses.replace(small_data, y_train=targets[0], y_test=targets[1])
    norms = probed(BatchArm(with_targets, data, None, 32, 8)).probes["gradient_norm"]
    assert norms.shape[1] == 2
    assert np.isfinite(norms).all()


def added() -> Any:
    model = keras.Sequential([keras.Input((784,))])
    model.add(keras.layers.Dense(8, "relu"))
    model.add(keras.layers.Dropout(0.5))
    model.add(keras.layers.Dense(9))
    model.add(keras.layers.Dense(10, "softmax"))
    return model


def grown() -> Any:
    """A functional model of layers that have been called before, one by one."""
    body = added()
    return keras.Model(body.inputs, body.outputs)


@pytest.mark.parametrize("build", [added, grown])
def test_inputs_outputs_and_gradients_are_of_one_pass(small_data: Data, build: Any) -> None:
    model = build()
    model.compile(loss=LOSS)
    x = small_data.x_test.reshape(-1, 784)[:32].astype("float32") / 255
    y = small_data.y_test[:32]
    inputs, outputs, gradients = _View(model).look(x, y)
    dropped = inputs[1][0].numpy()
    assert (np.isclose(dropped, 2 * outputs[0].numpy()) | (dropped == 0)).all()
    error = (outputs[2].numpy() - np.eye(10)[y]) / len(y) @ model.layers[-1].kernel.numpy().T
    np.testing.assert_allclose(gradients[1][0], dropped.T @ error, atol=1e-6)


# Noise and drift as formulas

FLOATS = hnp.arrays(
    np.float64, st.tuples(st.integers(2, 9), st.integers(1, 5)), elements=st.floats(-9, 9)
)


@given(FLOATS)
def test_the_noise_share_is_unbiased_variance_over_energy(gradients: Any) -> None:
    energies = (gradients**2).sum(axis=1)
    if energies.sum() < 1e-6:
        return
    n = len(gradients)
    share = float(noise_share([gradients.sum(axis=0)], energies))
    expected = gradients.var(axis=0, ddof=1).sum() / energies.mean()
    assert share == pytest.approx(expected, abs=1e-9)
    assert -1e-9 <= share <= n / (n - 1) + 1e-9


def test_without_gradients_there_is_no_noise_share() -> None:
    assert np.isnan(noise_share([np.zeros(3)], np.zeros(4)))


@given(FLOATS, st.floats(0.1, 10), st.floats(-5, 5))
def test_drift_is_in_standard_deviations(values: Any, scale: float, shift: float) -> None:
    """A shift of every unit by a common amount moves it by that over the average deviation."""
    then = np.sort(values, axis=0)
    deviation = then.std(axis=0).mean()
    if deviation < 1e-3:
        return
    moved = drift(then, then + shift)
    assert moved == pytest.approx(abs(shift) / deviation, abs=1e-6)
    assert drift(then * scale, (then + shift) * scale) == pytest.approx(moved, abs=1e-6)
    assert drift(then + shift, then) == pytest.approx(moved, abs=1e-6)


def test_what_stands_still_does_not_drift() -> None:
    assert drift(np.zeros((4, 2)), np.zeros((4, 2))) == 0
    assert drift(np.zeros((4, 2)), np.ones((4, 2))) == np.inf


# While training


def training(data: Data, **changes: Any) -> TrainingArm:
    fields: dict[str, Any] = {"model": NETWORK, "images": None, "epochs": 3, "probes": True}
    fields |= {"optimizer": SGD, "batch_size": 128, "loss": LOSS}
    return TrainingArm(data=data, **{**fields, **changes})


def test_layers_are_described(small_data: Data) -> None:
    probes = dict(train(training(small_data), [0]))[0].probes
    assert probes["kinds"].tolist() == ["Dense", "BatchNormalization", "Dense", "Dense"]
    assert probes["parameters"].tolist() == [785 * 16, 2 * 16, 17 * 8, 9 * 10]


def test_drift_is_that_of_the_layers_inputs(small_data: Data) -> None:
    """One epoch's end is reached again by training as many epochs: the same weights, so inputs."""
    drifts = dict(train(training(small_data), [0]))[0].probes["input_drift"]
    assert drifts.shape == (4, 4)
    assert np.isnan(drifts[0]).all()
    np.testing.assert_array_equal(drifts[1:, 0], 0)  # the images do not move
    assert (drifts[1:, 1:] > 0).all()
    # The first epoch, by hand: plain SGD on one batch of all images is one known step.
    whole = training(
        small_data, optimizer=Optimizer("SGD", learning_rate=1.0), batch_size=500, epochs=1
    )
    model = NETWORK.build()
    Initialisation(model, NETWORK.build).assign(0)
    x, x_test = (
        a.reshape(len(a), -1).astype("float32") / 255
        for a in (small_data.x_train, small_data.x_test)
    )

    def first_outputs() -> Any:
        return np.sort(model.layers[0](x_test).numpy().astype(np.float64), axis=0)

    before = first_outputs()
    assert whole.optimizer is not None
    model.compile(optimizer=whole.optimizer.build(), loss=whole.loss)
    model.fit(x, small_data.y_train, batch_size=500, shuffle=False, verbose=0)
    after = first_outputs()
    by_hand = np.abs(after - before).mean() / np.mean([before.std(axis=0), after.std(axis=0)])
    ours = dict(train(whole, [0]))[0].probes["input_drift"][1, 1]
    assert ours == pytest.approx(by_hand, rel=1e-3)


def test_drift_is_forgotten_between_seeds(small_data: Data) -> None:
    arm = training(small_data, epochs=1)
    alone = dict(train(arm, [1]))[1].probes["input_drift"]
    in_company = dict(train(arm, [0, 1]))[1].probes["input_drift"]
    np.testing.assert_array_equal(alone, in_company)
    assert np.isnan(in_company[0]).all()
