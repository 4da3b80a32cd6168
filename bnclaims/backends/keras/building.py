"""A model built and its images at hand: what training and looking on start from."""

import math
import threading
import weakref
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnclaims.errors import ArmError
from bnclaims.experiment.arm import BatchArm, ModelArm, TrainingArm, model_name
from bnclaims.experiment.data import Data, DataSource

_STATEFUL_RANDOM = {
    "Multinomial", "ParameterizedTruncatedNormal", "RandomGamma", "RandomPoissonV2",
    "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal",
}  # fmt: skip


def reason(error: Exception) -> str:
    """Returns what TensorFlow says, without where in its graph."""
    noise = ("Detected at", "Graph execution", "Stack trace", "File", "[[", "{{", "^")
    lines = [line.strip() for line in str(error).splitlines()]
    kept = [line for line in lines if line and not line.startswith(noise)]
    return (kept or lines)[0][:500]


_taken: "weakref.WeakSet[Any]" = weakref.WeakSet()
"""The models that are in use: two users of one would train it twice."""


def understood(arm: ModelArm, make: Callable[[], Any]) -> Any:
    """Returns what a function makes of an arm's names and numbers.

    Raises:
        ArmError: Keras does not understand them.
    """
    try:
        return make()
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ArmError(f"{arm} cannot be built: {reason(error)}") from None


def builder(arm: ModelArm) -> Callable[[], Any]:
    """Returns what makes a new model of the arm at each call, with its variables made.

    It raises an ArmError where that is no Keras model, or no new one.

    Raises:
        DataError: The images, whose shape a model may depend on, cannot be had.
    """
    x, *_ = _tensors(arm.data)
    return partial(_built, arm, tuple(x.shape[1:]))


def _built(arm: ModelArm, shape: tuple[int, ...]) -> Any:
    # An error in a function of the user's own is shown where it is; in a description, in words.
    described = hasattr(arm.model, "build")
    model = understood(arm, arm.build) if described else arm.build()
    if not isinstance(model, keras.Model):
        raise ArmError(
            f"{model_name(arm.model)} returned {type(model).__name__}, not a keras.Model: give "
            "an MLP as it is, or a function that returns a new model each time"
        )
    if model in _taken:
        raise ArmError(
            f"{model_name(arm.model)} returned a model that it had returned before: "
            "every seed needs a new one"
        )
    _taken.add(model)
    if not model.built:
        model.build((None, *shape))
    return model


def compile_as(arm: TrainingArm | BatchArm, model: Any) -> None:
    """Compiles a model as its arm says; what the arm leaves open stays as the builder compiled it.

    Raises:
        ArmError: Nobody says the loss, or builder and protocol say two optimizers or losses.
    """
    compiled = bool(model.compiled)
    loss = arm.loss or (model.loss if compiled else None)
    if loss is None:
        raise ArmError(
            f"{model_name(arm.model)} has no loss: give train(..., loss=...), compile the model in "
            "its builder, or declare a protocol with a loss"
        )
    said = getattr(arm, "optimizer", None)
    optimizer = said.build() if said else (model.optimizer if compiled else "rmsprop")
    model.compile(optimizer=optimizer, loss=loss)


def unreplicated(optimizer: Any) -> Any:
    """Returns an optimizer made to add up no gradients over replicas, of which there is one.

    That sum changes nothing, but TensorFlow registers a gradient of it for the life of the process
    (`tf.custom_gradient` in a graph), and with it keeps every program that an optimizer is part of.
    """
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
    return optimizer


def resident(arm: ModelArm, model: Any) -> tuple[Any, Any, Any, Any]:
    """Returns an arm's training images, their labels, test images and their labels as tensors.

    Raises:
        ArmError: The images are too few or of another size than the model takes.
        DataError: They cannot be had.
    """
    x, y, x_test, y_test = _tensors(arm.data)
    shape = tuple(model.input_shape[1:])
    given = tuple(x.shape[1:])
    if math.prod(shape) != math.prod(given):
        raise ArmError(
            f"{model.name} takes inputs of shape {shape}, but the images of {arm.data.name} are "
            f"{given}"
        )
    if arm.images is not None and arm.images > len(x):
        raise ArmError(f"{arm.data.name} has {len(x)} training images, not {arm.images}")
    return (
        tf.reshape(x[: arm.images], (-1, *shape)),
        y[: arm.images],
        tf.reshape(x_test, (-1, *shape)),
        y_test,
    )


def check_labels(arm: ModelArm, model: Any) -> None:
    """Refuses labels that are no class of the model's, for losses that take labels as numbers.

    Without XLA such a loss fails at the label, whenever that comes; with XLA it is NaN. A model
    that does not know the shape of its output passes.

    Raises:
        ArmError: There is such a label.
        DataError: The images cannot be had.
    """
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple):
        return
    classes = shape[-1]
    _, y, _, y_test = _tensors(arm.data)
    for labels in (y[: arm.images].numpy(), y_test.numpy()):
        if labels.min() < 0 or labels.max() >= classes:
            raise ArmError(
                f"{model_name(arm.model)} has {classes} classes, 0 to {classes - 1}, but the "
                f"labels of {arm.data.name} go from {labels.min():g} to {labels.max():g}"
            )


_holding = threading.Lock()


def _tensors(data: Data | DataSource) -> tuple[Any, Any, Any, Any]:
    """Returns the data as tensors, held once a process, without the arrays of what was a file."""
    with _holding:
        return _held(data)


@lru_cache(maxsize=2)
def _held(source: Data | DataSource) -> tuple[Any, Any, Any, Any]:
    data = source.load()
    return (
        tf.constant(data.x_train),
        tf.constant(_numbers(data.y_train)),
        tf.constant(data.x_test),
        tf.constant(_numbers(data.y_test)),
    )


def _numbers(labels: NDArray[Any]) -> NDArray[Any]:
    """Returns integers as int32, which every loss takes, if they fit."""
    limits = np.iinfo(np.int32)
    if labels.dtype.kind in "iu" and limits.min <= labels.min() and labels.max() <= limits.max:
        return labels.astype(np.int32)
    return labels


def scaled(x: Any) -> Any:
    """Returns images as numbers: bytes, which are intensities, from 0 to 1 as in the articles."""
    return tf.cast(x, tf.float32) / 255.0 if x.dtype == tf.uint8 else x


def check_randomness(program: Any, variables: list[Any]) -> None:
    """Refuses a program that draws random numbers which no seed decides.

    Args:
        program: A concrete function.
        variables: The Keras variables that a run sets; the program must use no others.

    Raises:
        ValueError: It draws from a generator of its own, or uses another variable.
    """
    known = {id(v.value) for v in variables}
    if strange := [v.name for v in program.variables if id(v) not in known]:
        raise ValueError(
            f"it uses variables that are neither the model's nor its optimizer's: {strange}. "
            "Random layers need a keras.random.SeedGenerator of their own"
        )
    graph = program.graph.as_graph_def()
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    if stateful := {node.op for node in nodes} & _STATEFUL_RANDOM:
        raise ValueError(
            f"it draws with {sorted(stateful)}, which no seed decides: use keras.random with a "
            "keras.random.SeedGenerator"
        )
