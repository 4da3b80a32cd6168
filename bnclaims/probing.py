"""Looks inside networks: the layers' statistics on a fixed batch, and untrained layers."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnclaims.history import History
from bnclaims.models import Layer
from bnclaims.seeds import derive, generator

RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""The bounded activations and their ranges."""

EXTREME = 0.05
"""An activation is saturated within this share of its range from either end."""


def saturated_share(activations: NDArray[Any], activation: str) -> float:
    """Returns the share of activations in the outer 5% of the range at either end.

    A sigmoid's is below 0.05 or above 0.95; a tanh's beyond -0.9 or 0.9. An even spread over the
    range would have a share of 0.10.

    Args:
        activations: Of any shape.
        activation: Keras's name; one without a bounded range gives NaN.
    """
    if activation not in RANGES:
        return float("nan")
    low, high = RANGES[activation]
    margin = EXTREME * (high - low)
    extreme = (activations < low + margin) | (activations > high - margin)
    return float(extreme.mean())


def probe(layer: Layer, seed: int) -> History:
    """Draws a layer's weights and inputs and returns its activations.

    Returns:
        A history without curves whose probes are `activations` `(samples, units)` and
        `saturated_share` `(1, 1)`.
    """
    inputs = generator(seed, "probe inputs").uniform(size=(layer.samples, layer.inputs))
    dense = keras.layers.Dense(
        layer.units, activation=layer.activation, kernel_initializer=layer.initializer.build()
    )
    dense.build((None, layer.inputs))
    initializer = dense.kernel_initializer
    config = initializer.get_config() | {"seed": derive(seed, "probe weights")}
    dense.kernel.assign(type(initializer).from_config(config)(dense.kernel.shape))
    activations = dense(tf.constant(inputs, tf.float32)).numpy()
    share = saturated_share(activations, layer.activation)
    return History(probes={"activations": activations, "saturated_share": np.array([[share]])})


class LayerStatistics:
    """Measures each layer that has weights, on one batch, and leaves the model as it was.

    All of it is what a training step on that batch would see (`training=True`): activations,
    gradients of the loss by the layer's weights, and the step that the optimizer would take.
    """

    batch: ClassVar[int] = 512
    """Images in the fixed batch, the first of the test set."""

    names: ClassVar[tuple[str, ...]] = (
        "activation_mean", "activation_std", "saturated_share", "gradient_norm", "update_norm",
    )  # fmt: skip

    def __init__(self, model: Any, x: Any, y: Any) -> None:
        if not hasattr(model, "inputs") or model.inputs is None:
            raise ValueError(
                f"{model.name}: probes need a Sequential or functional model, whose layers' "
                "outputs are known"
            )
        self._model = model
        self._layers = [layer for layer in model.layers if layer.trainable_weights]
        self._x, self._y = x, y
        outputs = [*(layer.output for layer in self._layers), *model.outputs]
        self._inside = keras.Model(model.inputs, outputs)
        self._step = tf.function(self._measured_step, autograph=False)

    def measure(self) -> NDArray[np.float64]:
        """Returns the statistics now, shape `(statistics, layers)`, in the order of `names`."""
        variables = [*self._model.variables, *self._model.optimizer.variables]
        kept = [variable.numpy() for variable in variables]
        weights = [[w.numpy() for w in layer.trainable_weights] for layer in self._layers]
        activations, gradients = self._step()
        rows = []
        for layer, before, activation, gradient in zip(
            self._layers, weights, activations, gradients, strict=True
        ):
            values = activation.numpy()
            after = [w.numpy() for w in layer.trainable_weights]
            moved = [b - a for a, b in zip(before, after, strict=True)]
            kind = getattr(getattr(layer, "activation", None), "__name__", "")
            rows.append(
                (
                    values.mean(),
                    values.std(),
                    saturated_share(values, kind),
                    _norm([g.numpy() for g in gradient]),
                    _norm(moved),
                )
            )
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
        return np.array(rows, np.float64).T

    def stacked(
        self, snapshots: Sequence[NDArray[np.float64]], planned: int
    ) -> dict[str, NDArray[Any]]:
        """Returns each statistic over time, shape `(planned, layers)`, and the layers' names."""
        table = np.full((planned, len(self.names), len(self._layers)), np.nan)
        table[: len(snapshots)] = snapshots
        named = {name: table[:, i] for i, name in enumerate(self.names)}
        return {**named, "layers": np.array([layer.name for layer in self._layers])}

    def _measured_step(self) -> tuple[list[Any], list[list[Any]]]:
        weights = [layer.trainable_weights for layer in self._layers]
        with tf.GradientTape() as tape:
            *activations, predicted = self._inside(self._x, training=True)
            loss = self._model.compute_loss(x=self._x, y=self._y, y_pred=predicted, training=True)
        gradients = tape.gradient(loss, weights)
        flat = {
            id(w): g
            for ws, gs in zip(weights, gradients, strict=True)
            for w, g in zip(ws, gs, strict=True)
        }
        variables = self._model.trainable_variables
        self._model.optimizer.apply([flat[id(v)] for v in variables], variables)
        return activations, gradients


def _norm(arrays: Sequence[NDArray[Any]]) -> float:
    return float(np.sqrt(sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays)))
