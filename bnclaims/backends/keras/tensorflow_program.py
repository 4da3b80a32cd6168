"""Trains on TensorFlow: an epoch, with the evaluation after it, is one graph."""

import functools
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnclaims.backends.keras import state
from bnclaims.backends.keras.building import check_drawn, scaled
from bnclaims.backends.keras.on_tensorflow import check_graph
from bnclaims.backends.keras.probing import LayerStatistics
from bnclaims.backends.keras.program import Program
from bnclaims.backends.keras.reasons import reason
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import model_name

XLA_STEPS = 3_000
"""Steps a run from which XLA pays for its compilation on a CPU; see docs/architecture.md."""

IN_PLACE_BATCH = 16
"""Batch size up to which it pays to have XLA overwrite weights in place; see `_in_order`."""


class TensorFlowProgram(Program):
    """Trains an arm by a `tf.function` around a `tf.while_loop`."""

    def _adapted(self, optimizer: Any) -> Any:
        return unreplicated(optimizer)

    def _evaluation_assigns(self) -> bool:
        evaluate = tf.function(self._evaluate, autograph=False)
        graph = _with_short_stack(lambda: evaluate.get_concrete_function(tf.range(1))).graph
        nodes = [*graph.as_graph_def().node]
        nodes += [n for f in graph.as_graph_def().library.function for n in f.node_def]
        return any(node.op.startswith("Assign") for node in nodes)

    def _compiled(self) -> Any:
        return self._tried(functools.partial(_with_short_stack, self._concrete))

    def _probed(self) -> LayerStatistics:
        made: LayerStatistics = _with_short_stack(super()._probed)
        return made

    def _results(self, order: NDArray[np.int32]) -> tuple[Any, Any, Any, Any]:
        steps = len(self.x) // self.arm.batch_size
        evaluations = len(self.x_test) // self.evaluation_batch
        results: tuple[Any, Any, Any, Any] = self.epoch(
            tf.constant(order), tf.constant(steps), tf.constant(evaluations)
        )
        return results

    def _concrete(self) -> Any:
        for jit_compile in (True, False) if self._by_xla() else (False,):
            epoch = tf.function(functools.partial(self._epoch, jit_compile), autograph=False)
            try:
                order = tf.range(len(self.x), dtype=tf.int32)
                before = state.generators()
                concrete = epoch.get_concrete_function(order, tf.constant(0), tf.constant(0))
                check_graph(concrete, [*self.model.variables, *self.model.optimizer.variables])
                check_drawn(state.drawn_since(before))
                # Runs the partial batches only: all is compiled now, in no epoch's time.
                concrete(order, tf.constant(0), tf.constant(0))
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                if not jit_compile:
                    raise ArmError(self._refusal(reason(error))) from None
                warnings.warn(
                    f"{model_name(self.arm.model)} does not compile with XLA and trains without it",
                    stacklevel=2,
                )
            else:
                return concrete
        raise AssertionError

    def _by_xla(self) -> bool:
        """Says whether to compile with XLA: by what is trained, never by how fast it goes."""
        if tf.config.list_physical_devices("GPU"):
            return bool(self.model.jit_compile)
        return self.arm.epochs * len(self._batch_sizes()) >= XLA_STEPS

    def _epoch(self, jit_compile: bool, order: Any, steps: Any, evaluations: Any) -> Any:
        """One pass over the training images in an order, then one over the test images.

        Args:
            jit_compile: Whether XLA compiles the training on full batches. The partial last batch
                and the evaluation come once an epoch, and each would make compiling a third slower.
            order: Permutation of the training images, int32.
            steps: How many of the full batches to train on; the partial last one always is.
            evaluations: How many of the full evaluation batches to evaluate.

        Returns:
            Mean loss and correct answers of each training batch, then of each evaluation batch.
        """
        size = self.arm.batch_size
        in_order = jit_compile and size <= IN_PLACE_BATCH
        trained = _batchwise(
            lambda rows: self._step(tf.gather(order, rows), in_order),
            len(self.x),
            size,
            steps,
            jit_compile,
        )
        tested = _batchwise(
            self._evaluate, len(self.x_test), self.evaluation_batch, evaluations, jit_compile=False
        )
        return (*trained, *tested)

    def _step(self, rows: Any, in_order: bool) -> tuple[Any, Any]:
        model = self.model
        x, y = scaled(tf.gather(self.x, rows), self.scale), tf.gather(self.y, rows)
        with tf.GradientTape() as tape:
            predicted = model(x, training=True)
            loss = model.compute_loss(x=x, y=y, y_pred=predicted, training=True)
            objective = model.optimizer.scale_loss(loss)
        variables = model.trainable_variables
        gradients = tape.gradient(objective, variables)
        model.optimizer.apply(_in_order(gradients) if in_order else gradients, variables)
        return loss, self._correct(y, predicted)

    def _evaluate(self, rows: Any) -> tuple[Any, Any]:
        x, y = scaled(tf.gather(self.x_test, rows), self.scale), tf.gather(self.y_test, rows)
        predicted = self.model(x, training=False)
        loss = self.model.compute_loss(x=x, y=y, y_pred=predicted, training=False)
        return loss, self._correct(y, predicted)

    def _correct(self, y: Any, predicted: Any) -> Any:
        """Returns how many labels, over all positions, are right, as Keras's accuracy has it."""
        if not self.classifies:
            return tf.constant(0, tf.int32)
        return tf.reduce_sum(tf.cast(_right(y, predicted), tf.int32))


def unreplicated(optimizer: Any) -> Any:
    """Returns an optimizer made to add up no gradients over replicas, of which there is one.

    That sum changes nothing, but TensorFlow registers a gradient of it for the life of the process
    (`tf.custom_gradient` in a graph), and with it keeps every program that an optimizer is part of.
    """
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
    return optimizer


def _right(y: Any, predicted: Any) -> Any:
    """Says of each label whether it is predicted, as Keras's "accuracy" does by the shapes."""
    if predicted.shape[-1] == 1:
        labels = tf.reshape(tf.cast(y, predicted.dtype), tf.shape(predicted))
        return tf.cast(predicted > 0.5, predicted.dtype) == labels
    sparse = y.shape.rank < predicted.shape.rank or y.shape[-1] == 1
    labels = y if sparse else tf.argmax(y, axis=-1)
    answers = tf.argmax(predicted, axis=-1, output_type=tf.int32)
    if labels.shape.rank == predicted.shape.rank:
        labels = tf.squeeze(labels, axis=-1)
    return answers == tf.cast(labels, tf.int32)


def _in_order(gradients: list[Any]) -> list[Any]:
    """Returns the same gradients, each to be had only after the one before it.

    XLA overwrites a weight only where it can see that nothing reads the old one any more; else it
    copies it first, in each step. The last to read it is its layer's backward pass, from which the
    gradient of the variable before follows. So each gradient gets a zero made of that one.
    """
    ordered, zero = [], tf.constant(0.0)
    for gradient in gradients:
        here = gradient
        dense = isinstance(gradient, tf.Tensor) and gradient.dtype == tf.float32
        if dense and gradient.shape.num_elements():
            here = gradient + zero
            zero = tf.cast(tf.reshape(gradient, (-1,))[0] > np.inf, tf.float32)
        ordered.append(here)
    return ordered


def _with_short_stack(trace: Callable[[], Any]) -> Any:
    """Returns what a function traces, on a thread of its own.

    TensorFlow notes with each operation the whole stack that it was called from, and keeps that of
    a program by XLA for the life of the process: under pytest, half of what such a program leaves.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(trace).result()


def _batchwise(
    function: Callable[[Any], tuple[Any, Any]],
    rows: int,
    size: int,
    batches: Any,
    jit_compile: bool,
) -> tuple[Any, Any]:
    """Applies a function to the full batches of rows, then to the partial last one."""
    full, rest = divmod(rows, size)

    def body(i: Any, losses: Any, correct: Any) -> tuple[Any, Any, Any]:
        loss, hits = function(i * size + tf.range(size))
        return i + 1, losses.write(i, loss), correct.write(i, hits)

    def loop(batches: Any) -> tuple[Any, Any]:
        losses = tf.TensorArray(tf.float32, size=full, element_shape=())
        correct = tf.TensorArray(tf.int32, size=full, element_shape=())
        if full:
            _, losses, correct = tf.while_loop(
                lambda i, *_: i < batches, body, (tf.constant(0), losses, correct)
            )
        return losses.stack(), correct.stack()

    if jit_compile and full:
        loop = tf.function(loop, jit_compile=True, autograph=False)
    all_losses, all_correct = loop(batches)
    if rest:
        loss, hits = function(full * size + tf.range(rest))
        all_losses = tf.concat([all_losses, [loss]], axis=0)
        all_correct = tf.concat([all_correct, [hits]], axis=0)
    return all_losses, all_correct
