"""A model built and its images at hand: what training and looking on start from."""

import weakref
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from bnclaims.arm import ArmError, ModelArm, model_name
from bnclaims.data import Data

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


def built(arm: ModelArm, data: Data) -> Any:
    """Returns a new model of the arm, with its variables made.

    Raises:
        ArmError: It is no Keras model, or no new one.
    """
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
        model.build((None, *data.x_train.shape[1:]))
    return model


def unreplicated(optimizer: Any) -> Any:
    """Returns an optimizer made to add up no gradients over replicas, of which there is one.

    That sum changes nothing, but TensorFlow registers a gradient of it for the life of the process
    (`tf.custom_gradient` in a graph), and with it keeps every program that an optimizer is part of.
    """
    optimizer._all_reduce_sum_gradients = lambda gradients_and_variables: gradients_and_variables
    return optimizer


def resident(data: Data, images: int | None, model: Any) -> tuple[Any, Any, Any, Any]:
    """Returns training images, their labels, test images and their labels as tensors.

    Args:
        data: The images.
        images: How many of the training images, the first ones; None for all.
        model: Says the shape of one image.

    Raises:
        ArmError: The images are too few or of another size than the model takes.
    """
    shape = tuple(model.input_shape[1:])
    if int(np.prod(shape)) != int(np.prod(data.x_train.shape[1:])):
        raise ArmError(
            f"{model.name} takes inputs of shape {shape}, but the images of {data.name} are "
            f"{data.x_train.shape[1:]}"
        )
    if images is not None and images > len(data.x_train):
        raise ArmError(f"{data.name} has {len(data.x_train)} training images, not {images}")
    x, y, x_test, y_test = _tensors(data)
    return (
        tf.reshape(x[:images], (-1, *shape)),
        y[:images],
        tf.reshape(x_test, (-1, *shape)),
        y_test,
    )


def check_labels(arm: ModelArm, data: Data, model: Any) -> None:
    """Refuses labels that are no class of the model's, for losses that take labels as numbers.

    Without XLA such a loss fails at the label, whenever that comes; with XLA it is NaN. A model
    that does not know the shape of its output passes.

    Raises:
        ArmError: There is such a label.
    """
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple):
        return
    classes = shape[-1]
    for labels in (data.y_train[: arm.images], data.y_test):
        if labels.min() < 0 or labels.max() >= classes:
            raise ArmError(
                f"{model_name(arm.model)} has {classes} classes, 0 to {classes - 1}, but the "
                f"labels of {data.name} go from {labels.min():g} to {labels.max():g}"
            )


@lru_cache(maxsize=2)
def _tensors(data: Data) -> tuple[Any, Any, Any, Any]:
    """Returns the data as tensors, held once a process."""

    def labels(y: NDArray[Any]) -> Any:
        return tf.constant(y.astype(np.int32) if y.dtype.kind in "iu" else y)

    return (
        tf.constant(data.x_train),
        labels(data.y_train),
        tf.constant(data.x_test),
        labels(data.y_test),
    )


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
