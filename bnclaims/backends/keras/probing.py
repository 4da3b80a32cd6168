"""Looks inside networks: while they train, on minibatches before, and at one layer alone."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras import framework, state
from bnclaims.backends.keras.building import (
    builder,
    check_drawn,
    check_labels,
    narrowed,
    resident,
    scale,
    scaled,
    traced,
    understood,
)
from bnclaims.backends.keras.initialisation import Initialisation
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import Arm, BatchArm, ProbeArm, model_name
from bnclaims.experiment.history import History
from bnclaims.experiment.losses import takes_classes
from bnclaims.experiment.models import RANGES, Layer
from bnclaims.experiment.seeds import derive, generator

EXTREME = 0.05
"""An activation is saturated within this share of its range from either end."""

STEEPEST = {"sigmoid": 0.25, "tanh": 1.0, "relu": 1.0, "linear": 1.0}
"""The largest derivative of an activation."""

Floats = NDArray[np.float64]
Measure = Callable[[int], History]


def probe(arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
    """Looks at what an arm names, for some seeds; yields each history when it is there.

    The histories have no curves. Their probes are, for a

    - `ProbeArm`: see `probed_layer`;
    - `BatchArm`: `layers` and `kinds`, names (such as `Dense 1`) and classes of the layers with
      weights, `(layers,)`; `gradient_norm` of each layer's weights in each minibatch,
      `(batches, layers)`;
      `batch_mean_variance` and `batch_variance_variance`, `(layers,)`: the variances between
      minibatches of the mean and of the variance that a unit's output has within a minibatch,
      averaged over the layer's units, all of them unbiased (`ddof=1`), so that for independent
      outputs the first is sigma^2 / B and the second falls as 1/B; `gradient_noise`, `()`: see
      `noise_share`.

    Raises:
        ArmError: The model does not fit its data.
        DataError: The images cannot be loaded, or changed during the session.
    """
    make = _MEASURES[type(arm)]
    if framework.current().EAGER:
        for seed in seeds:
            yield seed, _measured_anew(lambda: make(arm), arm, seed)
        return
    measure = make(arm)
    for seed in seeds:
        yield seed, measure(seed)


def _measured_anew(make: Callable[[], Measure], arm: Any, seed: int) -> History:
    """Returns a history of a new model, whose code may keep a state, in a known global state.

    Raises:
        ArmError: It draws random numbers that the seed does not decide.
    """
    with state.known(derive(seed, "probe")):
        measure = make()
        before = state.generators()
        history = measure(seed)
        if isinstance(
            arm, BatchArm
        ):  # the making of a layer, which is part of looking at it, draws
            understood(arm, lambda: check_drawn(state.drawn_since(before)))
    return history


def saturated(activations: NDArray[Any], activation: str) -> NDArray[np.bool_]:
    """Says of each activation whether it is in the outer 5% of its range at either end.

    A sigmoid's is below 0.05 or above 0.95; a tanh's beyond -0.9 or 0.9. An activation without a
    bounded range saturates nowhere.

    Args:
        activations: Of any shape.
        activation: Keras's name.
    """
    low, high = RANGES.get(activation, (-np.inf, np.inf))
    margin = EXTREME * (high - low) if activation in RANGES else 0.0
    return np.asarray((activations < low + margin) | (activations > high - margin))


def saturated_share(activations: NDArray[Any], activation: str) -> float:
    """Returns the share of activations that are saturated; an even spread would have 0.10.

    Args:
        activations: Of any shape.
        activation: Keras's name; one without a bounded range gives NaN.
    """
    if activation not in RANGES:
        return float("nan")
    return float(saturated(activations, activation).mean())


def probed_layer(layer: Layer, seed: int) -> History:
    """Draws a layer's weights and inputs and returns its activations.

    Returns:
        A history without curves whose probes are, for each sample and unit, `activations`,
        `derivative` (of an activation that acts unit by unit, at the pre-activation) and
        `saturated`, `(samples, units)`; `saturated_share` `(1, 1)`; and `steepest` `()`, the
        largest value that the derivative can take, NaN if unknown.
    """
    inputs = generator(seed, "probe inputs").uniform(size=(layer.samples, layer.inputs))
    dense = keras.layers.Dense(
        layer.units, activation=layer.activation, kernel_initializer=layer.initializer.build()
    )
    dense.build((None, layer.inputs))
    initializer = dense.kernel_initializer
    config = initializer.get_config() | {"seed": derive(seed, "probe weights")}
    reseeded, kernel = type(initializer).from_config(config), dense.kernel
    kernel.assign(framework.current().drawn(reseeded, kernel.shape, kernel.dtype))
    fed = keras.ops.convert_to_tensor(inputs, "float32")
    before = keras.ops.matmul(fed, dense.kernel) + dense.bias
    after, derivative = framework.current().slope(dense.activation, before)
    activations = np.asarray(after)
    return History(
        probes={
            "activations": activations,
            "derivative": np.asarray(derivative),
            "saturated": saturated(activations, layer.activation),
            "saturated_share": np.array([[saturated_share(activations, layer.activation)]]),
            "steepest": np.array(STEEPEST.get(layer.activation, np.nan)),
        }
    )


def noise_share(gradients: Sequence[NDArray[Any]], energies: Floats) -> Floats:
    """Returns the share of a minibatch gradient's energy that is noise.

    It is `tr(C) / E|g|^2`, where C is the covariance of the minibatch gradient g between
    minibatches, both estimated without bias from n of them. It is 0 where all agree; the estimate
    is at most n / (n - 1), where they cancel; NaN where all are zero. For minibatches of B
    independent images its inverse is 1 + B / N, where N is the "simple noise scale" of McCandlish
    et al. 2018, arXiv:1812.06162.

    Args:
        gradients: Sum of the gradients over the minibatches, one array a weight.
        energies: Squared norm of each minibatch's gradient, `(n,)`.
    """
    n, energy = len(energies), energies.sum()
    trace = (energy - _norm(gradients) ** 2 / n) / (n - 1)
    with np.errstate(invalid="ignore"):
        return np.asarray(trace / (energy / n))


class _View:
    """A model whose layers with weights can be seen at work on a batch, as in training."""

    def __init__(self, model: Any) -> None:
        if not hasattr(model, "inputs") or model.inputs is None:
            raise ArmError(
                f"{model.name}: probes need a Sequential or functional model, whose layers' "
                "outputs are known"
            )
        self.model = model
        self.layers = [layer for layer in model.layers if layer.trainable_weights]
        self._inside = keras.Model(model.inputs[0], _inside(model, self.layers))

    @property
    def named(self) -> dict[str, NDArray[Any]]:
        """Names and classes of the layers, each `(layers,)`."""
        kinds = [type(layer).__name__ for layer in self.layers]
        # Keras's own names count on from model to model: a run would know its company.
        names = [f"{kind} {kinds[: i + 1].count(kind)}" for i, kind in enumerate(kinds)]
        return {"layers": np.array(names), "kinds": np.array(kinds)}

    def look(self, x: Any, y: Any) -> tuple[list[list[Any]], list[Any], list[list[Any]]]:
        """Returns the inputs, the output and the weights' gradients of each layer."""

        def objective() -> tuple[Any, tuple[list[list[Any]], list[Any]]]:
            inputs, outputs, (predicted,) = self._inside(x, training=True)
            loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=True)
            return loss, (inputs, outputs)

        weights = [layer.trainable_weights for layer in self.layers]
        (inputs, outputs), gradients = framework.current().gradients(
            objective, weights, self.model.variables
        )
        return inputs, outputs, gradients


def _inside(model: Any, layers: Sequence[Any]) -> list[Any]:
    """Returns symbolic inputs and outputs of some layers, and the model's, in one pass.

    What a layer calls its output is that of its first call, which may be another pass than the
    model's: each `Sequential.add`, for one, calls all layers anew. Two passes are not only more
    work; dropout differs between them.
    """
    graph = model._functional if isinstance(model, keras.Sequential) else model
    last_first = sorted(graph._nodes_by_depth.items())
    nodes = {node.operation: node for _, deep in last_first for node in deep}
    passed = [nodes[layer] for layer in layers]
    inputs = [node.input_tensors for node in passed]
    outputs = [node.outputs[0] for node in passed]
    return [inputs, outputs, graph.outputs]


class _Minibatches:
    """An untrained model, looked at on minibatches for seed after seed."""

    def __init__(self, arm: BatchArm) -> None:
        self._arm = arm
        build = builder(arm)
        with state.known():
            model = build()
            self._x, y, *_ = resident(arm, model)
            if isinstance(self._x, tuple | dict) or isinstance(y, tuple | dict):
                raise ArmError(f"{arm}: probes look at models of one input and one output")
            self._y = narrowed(y)
            self._scale = scale(arm, model)
            loss = _loss(arm, model)
            if takes_classes(loss):
                check_labels(arm, model)
            model.compile(optimizer="sgd", loss=loss)
            self._initialisation = Initialisation(model, build)
            self._view = _View(model)
            self._program = understood(arm, self._traced)
            if framework.current().EAGER and (changed := state.settings()):
                raise ArmError(
                    f"{arm}: its builder sets {', '.join(changed)}, which each look would have to "
                    "find so: on PyTorch leave that out of models that are probed"
                )

    def _traced(self) -> Any:
        rows = np.zeros(self._arm.batch_size, np.int32)
        return traced(self._look, self._view.model.variables, *self._chosen(rows))

    def _chosen(self, rows: NDArray[np.int32]) -> tuple[Any, Any]:
        return keras.ops.take(self._x, rows, axis=0), keras.ops.take(self._y, rows, axis=0)

    def _look(self, x: Any, y: Any) -> tuple[list[Any], list[list[Any]]]:
        _, outputs, gradients = self._view.look(scaled(x, self._scale), y)
        return outputs, gradients

    def __call__(self, seed: int) -> History:
        self._initialisation.assign(seed)
        arm, layers = self._arm, self._view.layers
        draw = generator(seed, "probe batches")
        norms = np.empty((arm.batches, len(layers)))
        total = [np.zeros(w.shape) for layer in layers for w in layer.trainable_weights]
        moments: list[list[Floats]] = []
        for batch in range(arm.batches):
            rows = draw.integers(len(self._x), size=arm.batch_size, dtype=np.int32)
            outputs, gradients = self._program(*self._chosen(rows))
            moments.append([_moments(np.asarray(output)) for output in outputs])
            norms[batch] = [_norm([np.asarray(g) for g in gradient]) for gradient in gradients]
            for gathered, g in zip(total, (g for ours in gradients for g in ours), strict=True):
                np.add(gathered, np.asarray(g), out=gathered)
        spread = [
            np.var(list(batches), axis=0, ddof=1).mean(axis=-1)
            for batches in zip(*moments, strict=True)
        ]
        mean, variance = np.transpose(spread)
        return History(
            probes={
                **self._view.named,
                "gradient_norm": norms,
                "gradient_noise": noise_share(total, np.square(norms).sum(axis=1)),
                "batch_mean_variance": mean,
                "batch_variance_variance": variance,
            }
        )


def _loss(arm: BatchArm, model: Any) -> Any:
    """Returns the loss whose gradients are looked at.

    Raises:
        ArmError: Nobody names one.
    """
    if arm.loss is None and not model.compiled:
        raise ArmError(
            f"{model_name(arm.model)} has no loss: compile the model in its builder, or declare a "
            "protocol with a loss"
        )
    return arm.loss or model.loss


def _moments(outputs: NDArray[Any]) -> Floats:
    """Returns the mean and the unbiased variance of each unit over a batch, `(2, units)`."""
    values = outputs.reshape(len(outputs), -1).astype(np.float64)
    mean = values.mean(axis=0)
    with np.errstate(invalid="ignore"):  # one image has no variance
        variance = np.divide(np.square(values - mean).sum(axis=0), len(values) - 1)
    return np.stack([mean, variance])


def _by_layer(arm: ProbeArm) -> Measure:
    return lambda seed: probed_layer(arm.layer, seed)


_MEASURES: dict[type[Arm], Callable[[Any], Measure]] = {
    ProbeArm: _by_layer,
    BatchArm: _Minibatches,
}


class LayerStatistics:
    """Measures each layer that has weights, on one batch, and leaves the model as it was.

    All of it is what a training step on that batch would see (`training=True`): activations,
    gradients of the loss by the layer's weights, and the step that the optimizer would take; and
    how far the layer's input moved since the snapshot before, see `drift`.
    """

    batch: ClassVar[int] = 512
    """Images in the fixed batch, the first of the test set."""

    names: ClassVar[tuple[str, ...]] = (
        "activation_mean", "activation_std", "saturated_share", "gradient_norm", "update_norm",
        "input_drift",
    )  # fmt: skip

    def __init__(self, model: Any, x: Any, y: Any) -> None:
        self._model = model
        self._view = _View(model)
        self._x, self._y = x, y
        self._step = traced(self._measured_step, [*model.variables, *model.optimizer.variables])
        self.restart()

    def restart(self) -> None:
        """Forgets the snapshot before: the next one is another run's first."""
        self._before: list[Floats] | None = None

    def measure(self) -> Floats:
        """Returns the statistics now, shape `(statistics, layers)`, in the order of `names`."""
        layers = self._view.layers
        variables = [*self._model.variables, *self._model.optimizer.variables]
        kept = [framework.array_of(variable) for variable in variables]
        weights = [[framework.array_of(w) for w in layer.trainable_weights] for layer in layers]
        inputs, outputs, gradients = self._step()
        rows = []
        for layer, before, output, gradient in zip(
            layers, weights, outputs, gradients, strict=True
        ):
            values = np.asarray(output)
            after = [framework.array_of(w) for w in layer.trainable_weights]
            moved = [b - a for a, b in zip(before, after, strict=True)]
            kind = getattr(getattr(layer, "activation", None), "__name__", "")
            rows.append(
                (
                    values.mean(),
                    values.std(),
                    saturated_share(values, kind),
                    _norm([np.asarray(g) for g in gradient]),
                    _norm(moved),
                )
            )
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
        return np.vstack([np.array(rows, np.float64).T, self._drifts(inputs)])

    def stacked(self, snapshots: Sequence[Floats], planned: int) -> dict[str, NDArray[Any]]:
        """Returns each statistic over time, shape `(planned, layers)`, and what the layers are.

        That is `layers` (names such as `Dense 1`), `kinds` (classes) and `parameters` (how many
        numbers are trained), each `(layers,)`.
        """
        layers = self._view.layers
        table = np.full((planned, len(self.names), len(layers)), np.nan)
        table[: len(snapshots)] = snapshots
        named = {name: table[:, i] for i, name in enumerate(self.names)}
        sizes = [sum(int(np.prod(w.shape)) for w in layer.trainable_weights) for layer in layers]
        return {**named, **self._view.named, "parameters": np.array(sizes)}

    def _measured_step(self) -> tuple[list[Any], list[Any], list[list[Any]]]:
        inputs, outputs, gradients = self._view.look(self._x, self._y)
        weights = [w for layer in self._view.layers for w in layer.trainable_weights]
        flat = {
            id(w): g for w, g in zip(weights, (g for ours in gradients for g in ours), strict=True)
        }
        variables = self._model.trainable_variables
        self._model.optimizer.apply([flat[id(v)] for v in variables], variables)
        return inputs, outputs, gradients

    def _drifts(self, inputs: list[Any]) -> list[float]:
        now = [_sorted_units(layer_inputs) for layer_inputs in inputs]
        before, self._before = self._before, now
        if before is None:
            return [np.nan] * len(now)
        return [drift(then, there) for then, there in zip(before, now, strict=True)]


def drift(then: NDArray[Any], now: NDArray[Any]) -> float:
    """Returns how far the distribution of a layer's input moved between two looks at one batch.

    For each unit of the input it is the first Wasserstein distance between its values then and now
    (the mean distance of the sorted values); averaged over the units and divided by the units'
    average standard deviation over the batch, of both looks. What stood still has moved by 0.

    Source: Ioffe & Szegedy 2015 name the change of the layers' inputs "internal covariate shift";
    the measure is ours.

    Args:
        then: Values of each unit, `(batch, units)`, sorted along the batch.
        now: The same later.
    """
    moved = np.abs(now - then).mean()
    if moved == 0:
        return 0.0
    scale = (then.std(axis=0).mean() + now.std(axis=0).mean()) / 2
    with np.errstate(divide="ignore"):
        return float(np.divide(moved, scale))


def _sorted_units(inputs: Any) -> Floats:
    """Returns a layer's inputs, whatever their shapes, as sorted columns `(batch, units)`."""
    arrays = [np.asarray(tensor) for tensor in keras.tree.flatten(inputs)]
    columns = [array.reshape(len(array), -1) for array in arrays]
    return np.sort(np.concatenate(columns, axis=1), axis=0).astype(np.float64)


def _norm(arrays: Sequence[NDArray[Any]]) -> float:
    return float(np.sqrt(sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays)))
