"""Trains the runs of an arm: real Keras models, a whole epoch as one program, or by `fit` itself.

The program is traced once an arm, then serves one seed after another, each on one
thread; several threads train several seeds at a time. So a run knows nothing of its company, and
its numbers are the same to the bit however the work was shared out. Why one seed at a time and not
a stack of seeds: see "Seeds one at a time" in docs/architecture.md.
"""

import contextlib
import functools
import gc
import os
import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnclaims.backends.keras import state
from bnclaims.backends.keras.building import (
    builder,
    check_labels,
    check_randomness,
    mixes_examples,
    narrowed,
    reason,
    resident,
    scale,
    scaled,
    unreplicated,
)
from bnclaims.backends.keras.compiling import Compilation, compilation, not_by_program
from bnclaims.backends.keras.curves import FINE_POINTS, Stopped, measured, padded, stretches
from bnclaims.backends.keras.fitting import Fitter
from bnclaims.backends.keras.initialisation import RNG_STATE, Initialisation
from bnclaims.backends.keras.probing import LayerStatistics
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm, model_name
from bnclaims.experiment.history import Curve, History
from bnclaims.experiment.losses import takes_classes
from bnclaims.experiment.seeds import data_order

EVALUATION_BATCH = 1_000
"""Test images at a time, where that changes nothing; else the batch size, as `fit` has it."""

XLA_STEPS = 3_000
"""Steps a run from which XLA pays for its compilation on a CPU; see docs/architecture.md."""

IN_PLACE_BATCH = 16
"""Batch size up to which it pays to have XLA overwrite weights in place; see `_in_order`."""

_KEPT = 4
"""Trainers kept for the next look at their arms, at some 50 MB each with XLA, 10 without."""


_LAST_EPOCH = 5.0
"""Seconds that threads get to end at an epoch's end; one that hangs is left behind."""


class Trainer(Protocol):
    """Trains an arm for seed after seed."""

    arm: TrainingArm

    def train(self, seed: int, stop: threading.Event | None = None) -> History:
        """Returns the history of one seed, unless told to stop before an epoch."""


_rested: "deque[Trainer]" = deque(maxlen=_KEPT)
_resting = threading.Lock()


def configure(threads: int) -> None:
    """Gives TensorFlow its threads; to be called before its first operation.

    A run always computes on one thread, which is what keeps its bits the same; `threads` is how
    many runs may compute at a time.

    Raises:
        ArmError: Keras is configured for another backend or number format.
    """
    if (keras.config.backend(), keras.config.floatx()) != ("tensorflow", "float32"):
        raise ArmError(
            f"Keras is set to {keras.config.backend()} and {keras.config.floatx()}; runs are of "
            "TensorFlow and float32. Unset KERAS_BACKEND and look into keras.json"
        )
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:
        if os.environ.get("TF_NUM_INTRAOP_THREADS") == "1":
            return  # it had run, but on one thread, as `KerasBackend.prepare` asked for
        warnings.warn(
            "TensorFlow was used before bnclaims could set its threads, so numbers may differ in "
            "their last bits from other runs'. Create tensors inside tests, not on import",
            stacklevel=2,
        )


def train(
    arm: TrainingArm, seeds: Iterable[int], *, threads: int = 1
) -> Iterator[tuple[int, History]]:
    """Trains an arm for some seeds and yields each history as soon as it is there.

    Args:
        arm: What to train.
        seeds: Taken one by one, when a thread is free: an iterator may still decide.
        threads: How many runs to train at a time.

    Raises:
        ArmError: The model does not fit its data, or draws random numbers that no seed decides.
        DataError: The images cannot be loaded, or changed during the session.
    """
    if threads == 1:
        with _borrowed(arm) as trainer:
            for seed in seeds:
                yield seed, trainer().train(seed)
    else:
        yield from _train_on_threads(arm, iter(seeds), threads)
    gc.collect()  # a model, its program and its variables refer to each other


def _train_on_threads(
    arm: TrainingArm, seeds: Iterator[int], threads: int
) -> Iterator[tuple[int, History]]:
    done: queue.Queue[tuple[int, History] | BaseException | None] = queue.Queue()
    taking = threading.Lock()
    stop = threading.Event()

    def work() -> None:
        try:
            with _borrowed(arm) as trainer:
                while not stop.is_set():
                    with taking:
                        seed = next(seeds, None)
                    if seed is None:
                        break
                    done.put((seed, trainer().train(seed, stop)))
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (it is raised again in the caller's thread)
            done.put(error)
        finally:
            done.put(None)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    running = threads
    try:
        for worker in workers:
            worker.start()
        while running:
            item = done.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        stop.set()
        for worker in workers:
            if worker.ident:
                worker.join(_LAST_EPOCH)


@contextlib.contextmanager
def _borrowed(arm: TrainingArm) -> Iterator[Callable[[], Trainer]]:
    """Lends what returns a trainer of an arm, made when first asked for; keeps it afterwards.

    The next look at an arm comes after other arms' looks, and then need not compile it again.
    """
    taken: list[Trainer] = []

    def trainer() -> Trainer:
        if not taken:
            with _resting:
                found = next((t for t in _rested if t.arm.digest == arm.digest), None)
                if found:
                    _rested.remove(found)
            taken.append(found or trainer_of(arm))
        return taken[0]

    yield trainer
    with _resting:
        _rested.extend(taken)


def trainer_of(arm: TrainingArm) -> Trainer:
    """Returns our program for an arm, or `fit` itself for what that cannot train truly.

    Raises:
        ArmError: The arm cannot be trained as it is.
    """
    build = builder(arm)
    with state.known():
        model = build()
        compiled = compilation(arm, model)
        if not (why := not_by_program(arm, model, compiled)):
            assert compiled is not None
            return _Program(arm, build, model, compiled)
    fitter = Fitter(arm, build, compilation)
    warnings.warn(
        f"{arm} is trained by Keras's fit, one seed at a time and slower than by our program, as "
        f"{why}",
        stacklevel=2,
    )
    return fitter


class _Program:
    """One Keras model, its optimizer and its epoch as a program, reused for seed after seed."""

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
        model.compile(optimizer=unreplicated(compiled.optimizer), loss=compiled.loss)
        model.optimizer.build(model.trainable_variables)
        self.initialisation = Initialisation(model, build)
        self.optimizer_start = [v.numpy() for v in model.optimizer.variables]
        self.classifies = compiled.accuracy
        self.evaluation_batch = EVALUATION_BATCH if self._evaluates_alike() else arm.batch_size
        self.epoch = _with_short_stack(self._compiled)
        self.statistics = _with_short_stack(self._probed) if arm.probes else None

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
        if mixes_examples(self.model):
            return False
        if not any(variable.name == RNG_STATE for variable in self.model.variables):
            return True
        evaluate = tf.function(self._evaluate, autograph=False)
        graph = _with_short_stack(lambda: evaluate.get_concrete_function(tf.range(1))).graph
        nodes = [*graph.as_graph_def().node]
        nodes += [n for f in graph.as_graph_def().library.function for n in f.node_def]
        return not any(node.op.startswith("Assign") for node in nodes)

    # The program

    def _compiled(self) -> Any:
        for jit_compile in (True, False) if self._by_xla() else (False,):
            epoch = tf.function(functools.partial(self._epoch, jit_compile), autograph=False)
            try:
                order = tf.range(len(self.x), dtype=tf.int32)
                before = state.generators()
                concrete = epoch.get_concrete_function(order, tf.constant(0), tf.constant(0))
                check_randomness(
                    concrete,
                    [*self.model.variables, *self.model.optimizer.variables],
                    state.drawn_since(before),
                )
                # Runs the partial batches only: all is compiled now, in no epoch's time.
                concrete(order, tf.constant(0), tf.constant(0))
            except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
                if not jit_compile:
                    raise ArmError(self._refusal(reason(error))) from None
                warnings.warn(
                    f"{model_name(self.arm.model)} does not compile with XLA and trains without it",
                    stacklevel=2,
                )
            except (ValueError, TypeError) as error:
                raise ArmError(self._refusal(str(error))) from error
            else:
                return concrete
        raise AssertionError

    def _by_xla(self) -> bool:
        """Says whether to compile with XLA: by what is trained, never by how fast it goes."""
        if tf.config.list_physical_devices("GPU"):
            return bool(self.model.jit_compile)
        return self.arm.epochs * len(self._batch_sizes()) >= XLA_STEPS

    def _refusal(self, why: str) -> str:
        shapes = f"images {tuple(self.x.shape)}, labels {tuple(self.y.shape)}"
        return f"{model_name(self.arm.model)} cannot be trained on {shapes}: {why}"

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

    # The numbers

    def _run_epoch(self, order: NDArray[np.int32]) -> tuple[Curve, Curve, float, float]:
        """Returns loss and accuracy of each training batch and the test images' two means."""
        steps = len(self.x) // self.arm.batch_size
        evaluations = len(self.x_test) // self.evaluation_batch
        results = self.epoch(tf.constant(order), tf.constant(steps), tf.constant(evaluations))
        loss, correct, val_loss, val_correct = (r.numpy().astype(np.float64) for r in results)
        sizes = self._batch_sizes()
        val_sizes = _batch_sizes(len(self.x_test), self.evaluation_batch)
        known = 1.0 if self.classifies else np.nan
        labels, val_labels = (_positions(y, self.model.output_shape) for y in (self.y, self.y_test))
        return (
            loss,
            known * correct / (sizes * labels),
            float(np.average(val_loss, weights=val_sizes)),
            known * float(val_correct.sum()) / (len(self.x_test) * val_labels),
        )

    def _batch_sizes(self) -> Curve:
        return _batch_sizes(len(self.x), self.arm.batch_size)

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
        x = scaled(self.x_test, self.scale).numpy()
        return measured(self.arm, self.model, x, self.y_test.numpy(), seed)

    # The probes

    def _probed(self) -> LayerStatistics:
        rows = tf.range(min(LayerStatistics.batch, len(self.x_test)))
        x, y = scaled(tf.gather(self.x_test, rows), self.scale), tf.gather(self.y_test, rows)
        return LayerStatistics(self.model, x, y)

    def _probe(self) -> Any:
        return self.statistics.measure() if self.statistics else None


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


def _positions(y: Any, output: tuple[int | None, ...]) -> int:
    """Returns how many labels an example has."""
    one_hot = len(y.shape) == len(output) and output[-1] != 1 and y.shape[-1] != 1
    return int(np.prod(y.shape[1:-1] if one_hot else y.shape[1:]))


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


def _batch_sizes(rows: int, size: int) -> Curve:
    full, rest = divmod(rows, size)
    return np.array([size] * full + [rest] * (rest > 0), np.float64)


def _means(values: Curve, sizes: Curve, ends: NDArray[np.intp]) -> Curve:
    """Returns the weighted mean of each stretch of batches."""
    starts = np.concatenate([[0], ends[:-1]])
    totals = np.add.reduceat(values * sizes, starts)
    return np.asarray(totals / np.add.reduceat(sizes, starts), np.float64)
