"""The second pack: its layers are the papers', its metrics measure what they say."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims import History
from claims.literature import normalization
from claims.literature.networks import network
from claims.literature.test_depth import growth
from claims.literature.test_inside_bn import bias_gradient, first_gradient
from claims.literature.test_regularization import calibration_error, crossentropy

BATCH = np.random.default_rng(0).normal(1.0, 3.0, (64, 4)).astype(np.float32)


def built(kind: str, **arguments: Any) -> Any:
    layer = normalization.layer(kind, **arguments)
    layer.build((None, 4))
    return layer


def test_ghost_batches_are_normalized_part_by_part() -> None:
    ghost = built("ghost", ghost_size=16, momentum=0.5)
    parts = [np.asarray(built("batch")(part, training=True)) for part in np.split(BATCH, 4)]
    found = np.asarray(ghost(BATCH, training=True))
    np.testing.assert_allclose(found, np.concatenate(parts), atol=1e-5)
    means = np.mean([part.mean(axis=0) for part in np.split(BATCH, 4)], axis=0)
    np.testing.assert_allclose(ghost.moving_mean, 0.5 * means, rtol=1e-5)


@pytest.mark.parametrize(("kind", "arguments"), [("ghost", {"ghost_size": 16}), ("noisy", {})])
def test_in_evaluation_both_are_bn(kind: str, arguments: dict[str, Any]) -> None:
    plain = np.asarray(built("batch")(BATCH, training=False))
    found = np.asarray(built(kind, **arguments)(BATCH, training=False))
    np.testing.assert_array_equal(found, plain)


def test_noise_behind_bn_is_drawn_anew_for_each_unit_and_step() -> None:
    noisy = built("noisy", mean=0.5, deviation=1.25, spread=0.0)
    normalized = np.asarray(built("batch")(BATCH, training=True))
    steps = [np.asarray(noisy(BATCH, training=True)) for _ in range(200)]
    means = np.array([step.mean(axis=0) for step in steps])
    stretch = np.array([step.std(axis=0) for step in steps]) / normalized.std(axis=0)
    assert len(np.unique(means)) == means.size
    assert abs(means).max() <= 0.5
    assert stretch.min() >= 1 - 1e-4
    assert stretch.max() <= 1.25 + 1e-4
    # Uniform from -0.5 to 0.5, and from 1 to 1.25, over 800 draws.
    assert means.std() == pytest.approx(1 / math.sqrt(12), rel=0.1)
    assert stretch.mean() == pytest.approx(1.125, abs=0.01)


def test_another_normalization_is_refused() -> None:
    with pytest.raises(ValueError, match="no normalization is called 'instance'"):
        normalization.layer("instance")


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        ({"norm": "batch"}, ["Dense", "BatchNormalization", "Activation"]),
        ({"norm": "layer", "before_activation": False}, ["Dense", "Activation", "Layer"]),
        ({}, ["Dense", "Activation", "Dense"]),
    ],
)
def test_a_normalization_stands_where_it_is_said_to(
    arguments: dict[str, Any], kinds: list[str]
) -> None:
    found = [type(layer).__name__ for layer in network(2, 8, **arguments).layers[1:4]]
    assert all(name.startswith(kind) for name, kind in zip(found, kinds, strict=True))


def norms(values: Any, kinds: list[str]) -> History:
    probes = {"gradient_norm": np.array(values, np.float64), "kinds": np.array(kinds)}
    return History(probes=probes)


def test_growth_is_that_of_squared_gradients_towards_the_input() -> None:
    depth = np.arange(30)
    dense = np.sqrt(1.5 ** (30 - depth))
    both = np.stack([dense, np.full(30, 7.0)], axis=1).ravel()
    history = norms([both, both], ["Dense", "BatchNormalization"] * 30)
    assert growth(history) == pytest.approx(1.5)


def test_the_first_gradient_is_a_root_mean_square() -> None:
    assert first_gradient(norms([[3.0, 9.0], [4.0, 9.0]], ["Dense"] * 2)) == math.sqrt(12.5)


class Answers:
    """A model whose answers have a confidence."""

    def __init__(self, confidences: list[float]) -> None:
        self._confidences = np.array(confidences)

    def predict_on_batch(self, x: Any) -> Any:
        rest = (1 - self._confidences) / 9
        return np.where(np.arange(10) == 3, self._confidences[:, None], rest[:, None])


@pytest.mark.parametrize(
    ("confidences", "labels", "error"),
    [
        ([0.9] * 10, [3] * 9 + [4], 0.0),  # nine of ten are right
        ([0.9] * 10, [3] * 10, 0.1),
        ([0.6] * 4, [3, 3, 4, 4], 0.1),
        ([1.0, 1.0, 0.5, 0.5], [3, 3, 4, 4], 0.25),
    ],
)
def test_calibration_error_is_confidence_less_accuracy(
    confidences: list[float], labels: list[int], error: float
) -> None:
    found = calibration_error(Answers(confidences), np.zeros(len(labels)), np.array(labels))
    assert found == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_smoothed_crossentropy_is_keras_s(smoothing: float) -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(10, size=(6, 1))
    predicted = rng.dirichlet(np.ones(10), size=6).astype(np.float32)
    found = np.asarray(crossentropy(smoothing, labels, predicted))
    keras_s = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing, reduction="none")
    expected = np.asarray(keras_s(np.eye(10, dtype=np.float32)[labels.ravel()], predicted))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("norm", "holds"), [("batch", lambda r: r < 1e-5), ("", lambda r: r > 1e-3)]
)
def test_a_bias_before_bn_has_no_gradient(norm: str, holds: Callable[[float], bool]) -> None:
    model = network(2, 16, norm=norm)
    model.compile(loss="sparse_categorical_crossentropy")
    rng = np.random.default_rng(2)
    x = rng.uniform(size=(256, 28, 28)).astype(np.float32)
    assert holds(bias_gradient(model, x, rng.integers(10, size=256)))
