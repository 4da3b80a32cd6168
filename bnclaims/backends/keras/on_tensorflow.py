"""Keras on TensorFlow: what `framework.Framework` asks for."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.python.eager import context

from bnclaims.experiment.data import mapped, rows

EAGER = False

SETTINGS: Mapping[str, tuple[Callable[[], Any], Callable[[Any], object], Any]] = {
    "run_functions_eagerly": (
        tf.config.functions_run_eagerly,
        tf.config.run_functions_eagerly,
        False,
    ),
    "jit": (tf.config.optimizer.get_jit, lambda on: tf.config.optimizer.set_jit(bool(on)), ""),
}

_CALLS_OF_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
_SEEDS = {"seed", "seed2"}
"""Attributes of the operations that draw from generators of their own, and of recurrent layers on a
GPU, whose dropout Keras does otherwise."""


def configure(threads: int) -> None:
    """Gives TensorFlow its threads; to be called before its first operation.

    A run always computes on one thread, which is what keeps its bits the same; `threads` is how
    many runs may compute at a time.
    """
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


set_random_seed = keras.utils.set_random_seed


def global_seeds() -> tuple[Any, ...]:
    """Returns TensorFlow's global seed."""
    return (context.global_seed(),)


def put_back(seeds: tuple[Any, ...]) -> None:
    """Sets TensorFlow's global seed."""
    tf.random.set_seed(seeds[0])


def held(array: NDArray[Any]) -> Any:
    """Returns an array as a tensor."""
    return tf.constant(array)


def drawn(initializer: Any, shape: Sequence[int], dtype: str) -> Any:
    """Returns what an initialiser draws: other frameworks follow this one."""
    return initializer(shape, dtype=dtype)


def feed(parts: tuple[Any, ...], size: int) -> "_Feed":
    """Returns what feeds `fit` with batches of some arrays."""
    return _Feed(parts, size)


class _Feed:
    def __init__(self, parts: tuple[Any, ...], size: int) -> None:
        self._rows, self._size = rows(parts[0]), size
        self._parts = mapped(tf.constant, parts)
        self._order = tf.Variable(np.arange(self._rows), trainable=False)

    def begin(self, order: NDArray[Any]) -> None:
        self._order.assign(order)

    def dataset(self) -> Any:
        """Returns the `tf.data.Dataset`, which reads the order when an epoch begins."""
        return tf.data.Dataset.range(-(-self._rows // self._size)).map(self._batch)

    def _batch(self, number: Any) -> Any:
        first = number * self._size
        chosen = self._order[first : tf.minimum(first + self._size, self._rows)]
        return mapped(lambda array: tf.gather(array, chosen), self._parts)


def traced(function: Any, variables: Sequence[Any], *examples: Any) -> Any:
    """Returns a function as a graph.

    Raises:
        ValueError: It draws random numbers that no seed decides, or uses another variable.
    """
    program = tf.function(function, autograph=False).get_concrete_function(*examples)
    check_graph(program, variables)
    return program


def check_graph(program: Any, variables: Sequence[Any]) -> None:
    """Refuses a program with numbers that no seed decides.

    Args:
        program: A concrete function.
        variables: The Keras variables that a run sets; the program must use no others.

    Raises:
        ValueError: It draws from a generator of its own, calls Python, or uses another variable.
    """
    known = {id(v.value) for v in variables}
    if strange := [v.name for v in program.variables if id(v) not in known]:
        raise ValueError(
            f"it uses variables that are neither the model's nor its optimizer's: {strange}. Make "
            "them with self.add_weight in a layer; random layers need a "
            "keras.random.SeedGenerator of their own"
        )
    graph = program.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    seeded = {node.op for node in nodes if _SEEDS & node.attr.keys()}
    if drawing := sorted(op for op in seeded if not op.startswith("CudnnRNN")):
        raise ValueError(
            f"it draws with {drawing}, which no seed decides: use keras.random with a "
            "keras.random.SeedGenerator"
        )
    if calls := sorted({node.op for node in nodes} & _CALLS_OF_PYTHON):
        raise ValueError(
            f"it calls Python in training, by {calls}, whose results no seed decides: compute with "
            "keras.ops, and draw with keras.random and a keras.random.SeedGenerator"
        )


def gradients(function: Any, weights: Any, variables: Sequence[Any]) -> tuple[Any, Any]:  # noqa: ARG001
    """Returns what a function returns beside a loss, and the loss's gradients by weights."""
    with tf.GradientTape() as tape:
        loss, others = function()
    return others, tape.gradient(loss, weights, unconnected_gradients="zero")


def slope(function: Any, at: Any) -> tuple[Any, Any]:
    """Returns a function that acts number by number, and its derivative, at some numbers."""
    with tf.GradientTape() as tape:
        tape.watch(at)
        values = function(at)
    return values, tape.gradient(values, at)
