"""One Keras model with its optimizer, whose epoch is one program, for seed after seed.

What is the same in every framework: how a run starts, which batches it sees, and what of it becomes
its history. What computes an epoch is of a framework, see `TensorFlowProgram`, `JaxProgram` and
`TorchProgram`.
"""

import abc
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras.building import (
    check_labels,
    narrowed,
    resident,
    scale,
    scaled,
)
from bnclaims.backends.keras.compiling import Compilation
from bnclaims.backends.keras.curves import FINE_POINTS, Stopped, measured, padded, stretches
from bnclaims.backends.keras.framework import array_of
from bnclaims.backends.keras.initialisation import RNG_STATE, Initialisation
from bnclaims.backends.keras.mixing import mixes_examples
from bnclaims.backends.keras.probing import LayerStatistics
from bnclaims.backends.keras.reasons import reason
from bnclaims.errors import ArmError, BnclaimsError
from bnclaims.experiment.arm import TrainingArm, model_name
from bnclaims.experiment.history import Curve, History
from bnclaims.experiment.losses import takes_classes
from bnclaims.experiment.seeds import data_order

EVALUATION_BATCH = 1_000
"""Test images at a time, where that changes nothing; else the batch size, as `fit` has it."""


class Program(abc.ABC):
    """Trains an arm by one program an epoch.

    Args:
        arm: What to train.
        build: Makes a new model of the arm, with its variables made.
        model: One of them.
        compiled: What to compile it with.
    """

    def __init__(
        self, arm: TrainingArm, build: Callable[[], Any], model: Any, compiled: Compilation
    ) -> None:
        self.arm = arm
        self.model = model
        self.x, y, self.x_test, y_test = resident(arm, model)
        self.y, self.y_test = narrowed(y), narrowed(y_test)
        self.scale = scale(arm, model)
        if takes_classes(compiled.loss):
            check_labels(arm, model)
        model.compile(optimizer=self._adapted(compiled.optimizer), loss=compiled.loss)
        model.optimizer.build(model.trainable_variables)
        self.initialisation = Initialisation(model, build)
        self.optimizer_start = [array_of(v) for v in model.optimizer.variables]
        self.classifies = compiled.accuracy
        alike = self._tried(self._evaluates_alike)
        self.evaluation_batch = EVALUATION_BATCH if alike else arm.batch_size
        self.epoch = self._compiled()
        self.statistics = self._tried(self._probed) if arm.probes else None

    def train(self, seed: int, stop: threading.Event | None = None) -> History:
        """Returns the history of one seed, unless told to stop before an epoch."""
        self._restart(seed)
        epochs, measures = [], []
        snapshots = [self._probe()]
        for number in range(self.arm.epochs):
            if stop and stop.is_set():
                raise Stopped
            started = time.perf_counter()
            curves = self._run_epoch(data_order(seed, number, len(self.x)))
            epochs.append((*curves, time.perf_counter() - started))
            measures.append(self._measured(seed))
            if not np.isfinite(curves[0]).all():
                break
            snapshots.append(self._probe())
        return self._history(epochs, snapshots, measures)

    def _restart(self, seed: int) -> None:
        self.initialisation.assign(seed)
        for variable, start in zip(
            self.model.optimizer.variables, self.optimizer_start, strict=True
        ):
            variable.assign(start)
        if self.statistics:
            self.statistics.restart()

    def _evaluates_alike(self) -> bool:
        """Says whether an evaluation is the same whatever its batches are.

        It is not where an example's prediction may depend on others', or where evaluation changes
        the state of the model, as dropout within a recurrent layer does, which draws its mask even
        then.
        """
        if mixes_examples(self.model, self.model.loss):
            return False
        random = any(variable.name == RNG_STATE for variable in self.model.variables)
        return not (random and self._evaluation_assigns())

    # What is the framework's

    def _adapted(self, optimizer: Any) -> Any:
        """Returns the optimizer as the program needs it."""
        return optimizer

    @abc.abstractmethod
    def _evaluation_assigns(self) -> bool:
        """Says whether evaluation changes a variable of the model."""

    @abc.abstractmethod
    def _compiled(self) -> Any:
        """Returns an epoch, compiled.

        Raises:
            ArmError: It cannot be, or it draws random numbers that no seed decides.
        """

    @abc.abstractmethod
    def _results(self, order: NDArray[np.int32]) -> tuple[Any, Any, Any, Any]:
        """Trains an epoch in an order, then evaluates.

        Returns:
            Mean loss and correct answers of each training batch, then of each evaluation batch.
        """

    def _correct(self, y: Any, predicted: Any) -> Any:
        """Returns how many labels, over all positions, are right, as Keras's accuracy has it."""
        if not self.classifies:
            return keras.ops.zeros((), "int32")
        return keras.ops.sum(keras.ops.cast(_right(y, predicted), "int32"))

    def _tried(self, function: Callable[[], Any]) -> Any:
        """Returns what a function of the model returns.

        Raises:
            ArmError: It cannot compute: a layer's code may raise anything where it is traced.
        """
        try:
            return function()
        except BnclaimsError:
            raise
        except Exception as error:
            raise ArmError(self._refusal(reason(error))) from error

    def _refusal(self, why: str) -> str:
        shapes = f"images {tuple(self.x.shape)}, labels {tuple(self.y.shape)}"
        return f"{model_name(self.arm.model)} cannot be trained on {shapes}: {why}"

    # The numbers

    def _run_epoch(self, order: NDArray[np.int32]) -> tuple[Curve, Curve, float, float]:
        """Returns loss and accuracy of each training batch and the test images' two means."""
        results = self._tried(partial(self._results, order))
        loss, correct, val_loss, val_correct = (np.asarray(r).astype(np.float64) for r in results)
        sizes = self._batch_sizes()
        val_sizes = batch_sizes(len(self.x_test), self.evaluation_batch)
        known = 1.0 if self.classifies else np.nan
        labels, val_labels = (_positions(y, self.model.output_shape) for y in (self.y, self.y_test))
        return (
            loss,
            known * correct / (sizes * labels),
            float(np.average(val_loss, weights=val_sizes)),
            known * float(val_correct.sum()) / (len(self.x_test) * val_labels),
        )

    def _batch_sizes(self) -> Curve:
        return batch_sizes(len(self.x), self.arm.batch_size)

    def _history(
        self, epochs: list[Any], snapshots: list[Any], measures: list[dict[str, float]]
    ) -> History:
        sizes = self._batch_sizes()
        points = min(FINE_POINTS, len(sizes))
        ends = stretches(len(sizes), points)
        fine = [(_means(loss, sizes, ends), _means(hits, sizes, ends)) for loss, hits, *_ in epochs]
        whole = [
            (np.average(loss, weights=sizes), np.average(hits, weights=sizes), val, val_hits, sec)
            for loss, hits, val, val_hits, sec in epochs
        ]
        planned = self.arm.epochs
        loss, accuracy, val_loss, val_accuracy, seconds = (
            padded(np.array(column), planned) for column in zip(*whole, strict=True)
        )
        stretch = np.cumsum(sizes)[ends - 1] / sizes.sum()
        return History(
            loss=loss,
            accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            fine_loss=padded(np.concatenate([f[0] for f in fine]), planned * points),
            fine_accuracy=padded(np.concatenate([f[1] for f in fine]), planned * points),
            fine_epochs=np.concatenate([number + stretch for number in range(planned)]),
            seconds=seconds,
            metrics={
                name: padded(np.array([measure[name] for measure in measures]), planned)
                for name in self.arm.measures
            },
            probes=self.statistics.stacked(snapshots, planned + 1) if self.statistics else {},
        )

    def _measured(self, seed: int) -> dict[str, float]:
        if not self.arm.measures:
            return {}
        x, y = np.array(scaled(self.x_test, self.scale)), np.array(self.y_test)
        return measured(self.arm, self.model, x, y, seed)

    # The probes

    def _probed(self) -> LayerStatistics:
        rows = slice(min(LayerStatistics.batch, len(self.x_test)))
        return LayerStatistics(self.model, scaled(self.x_test[rows], self.scale), self.y_test[rows])

    def _probe(self) -> Any:
        return self.statistics.measure() if self.statistics else None


def _positions(y: Any, output: tuple[int | None, ...]) -> int:
    """Returns how many labels an example has."""
    one_hot = len(y.shape) == len(output) and output[-1] != 1 and y.shape[-1] != 1
    return int(np.prod(y.shape[1:-1] if one_hot else y.shape[1:]))


def _right(y: Any, predicted: Any) -> Any:
    """Says of each label whether it is predicted, as Keras's "accuracy" does by the shapes."""
    if predicted.shape[-1] == 1:
        return keras.ops.cast(predicted > 0.5, predicted.dtype) == keras.ops.reshape(
            keras.ops.cast(y, predicted.dtype), predicted.shape
        )
    sparse = len(y.shape) < len(predicted.shape) or y.shape[-1] == 1
    labels = y if sparse else keras.ops.argmax(y, axis=-1)
    if len(labels.shape) == len(predicted.shape):
        labels = keras.ops.squeeze(labels, axis=-1)
    return keras.ops.argmax(predicted, axis=-1) == keras.ops.cast(labels, "int32")


def batch_sizes(rows: int, size: int) -> Curve:
    """Returns how many rows each batch has, the partial last one included."""
    full, rest = divmod(rows, size)
    return np.array([size] * full + [rest] * (rest > 0), np.float64)


def _means(values: Curve, sizes: Curve, ends: NDArray[np.intp]) -> Curve:
    """Returns the weighted mean of each stretch of batches."""
    starts = np.concatenate([[0], ends[:-1]])
    totals = np.add.reduceat(values * sizes, starts)
    return np.asarray(totals / np.add.reduceat(sizes, starts), np.float64)
