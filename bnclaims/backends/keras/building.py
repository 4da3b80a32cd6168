"""A model built and checked, and its data at hand: what training and looking on start from."""

import math
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras import framework, state
from bnclaims.backends.keras.reasons import reason
from bnclaims.errors import ArmError, BnclaimsError
from bnclaims.experiment.arm import ModelArm, TrainingArm, build_model, model_name
from bnclaims.experiment.data import Data, leaves, mapped, rows
from bnclaims.experiment.sources import DataSource

_AS_THEY_ARE = (
    keras.layers.Embedding, keras.layers.Rescaling, keras.layers.Normalization,
    keras.layers.CategoryEncoding, keras.layers.IntegerLookup, keras.layers.Hashing,
    keras.layers.Discretization, keras.layers.HashedCrossing,
)  # fmt: skip
"""Layers that take bytes as the numbers that they are, not as intensities."""

_PASSING = (
    keras.layers.InputLayer, keras.layers.Flatten, keras.layers.Reshape, keras.layers.Permute,
    keras.layers.RepeatVector, keras.layers.Identity,
)  # fmt: skip
"""Layers that hand numbers on as they are."""


_taken: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()
"""The models in use with their layers and variables: two users of one would train it twice."""

_sharing: dict[str, str] = {}
"""What was said of arms whose models share a part, by digest."""


def understood(arm: ModelArm, make: Callable[[], Any]) -> Any:
    """Returns what a function makes of an arm's names and numbers.

    Raises:
        ArmError: Keras does not understand them.
    """
    try:
        return make()
    except BnclaimsError:
        raise
    except Exception as error:  # noqa: BLE001  (a user's own loss may raise anything)
        raise ArmError(f"{arm} cannot be built: {reason(error)}") from None


def builder(arm: ModelArm) -> Callable[[], Any]:
    """Returns what makes a new model of the arm at each call, with its variables made.

    It raises an ArmError where that is no Keras model, or no new one. It is to be called within
    `state.known`.

    Raises:
        ArmError: Two calls of the builder return models that share a layer or a variable.
        DataError: The images, whose shape a model may depend on, cannot be loaded.
    """
    x, *_ = _tensors(arm.data)
    if not _is_described(arm):
        _check_new_each_time(arm, x)
    return partial(_built, arm, x)


def _check_new_each_time(arm: ModelArm, x: Any) -> None:
    # With one thread one model serves all seeds: what two models share would go unnoticed. All
    # threads are told the same: what one has built has changed for the next.
    with state.one_at_a_time:
        if arm.digest in _sharing:
            raise ArmError(_sharing[arm.digest])
        with state.known():
            first = _built(arm, x)
        with state.known():
            # A shared layer has been built since the arm was named: not what to complain of.
            again = build_model(arm.model)
            try:
                _take(arm, again)
            except ArmError as error:
                _sharing[arm.digest] = str(error)
                raise
        del first


def _is_described(arm: ModelArm) -> bool:
    return hasattr(arm.model, "build")


def _built(arm: ModelArm, x: Any) -> Any:
    # An error in a function of the user's own is shown where it is; in a description, in words.
    model = understood(arm, arm.build) if _is_described(arm) else _as_the_function_makes_it(arm)
    if not isinstance(model, keras.Model):
        raise ArmError(
            f"{model_name(arm.model)} returned {type(model).__name__}, not a keras.Model: give "
            "an MLP as it is, or a function that returns a new model each time"
        )
    if not all(layer.built for layer in model._flatten_layers()):
        _build_as_called(arm, model, x)
    _take(arm, model)
    return model


def _as_the_function_makes_it(arm: ModelArm) -> Any:
    try:
        return arm.build()
    except ValueError as error:
        if "unique name" not in str(error):
            raise
        # Names are counted from 0 in each build: a layer from elsewhere has one of them already.
        raise ArmError(
            f"{model_name(arm.model)} makes a model of two layers with one name, as where one is "
            f"of another: make every part of it within the function ({reason(error)})"
        ) from error


def _build_as_called(arm: ModelArm, model: Any, x: Any) -> None:
    """Makes a model's variables as `fit` does: by calling it on a batch, in shapes only."""
    symbolic = mapped(lambda a: keras.KerasTensor((None, *a.shape[1:]), _fed_dtype(a)), x)
    try:
        model(symbolic)
    except Exception as error:
        raise ArmError(
            f"{model_name(arm.model)} cannot be called on a batch of {arm.data.name}: "
            f"{reason(error)}"
        ) from error


def _fed_dtype(array: Any) -> str:
    kind = _kind(array)
    return keras.config.floatx() if "float" in kind else kind


def _kind(array: Any) -> str:
    """Returns Keras's name of the numbers in a tensor."""
    return str(keras.backend.standardize_dtype(array.dtype))


def _take(arm: ModelArm, model: Any) -> None:
    """Notes a model, its layers and its variables as taken.

    Raises:
        ArmError: One of them is another model's.
    """
    if _taken.get(id(model)) is model:
        raise ArmError(
            f"{model_name(arm.model)} returned a model that it had returned before: "
            "every seed needs a new one"
        )
    parts = [model, *_parts(model)]
    for part in parts:
        if _taken.get(id(part)) is part:
            kind = "layer" if isinstance(part, keras.Layer) else "variable"
            name = getattr(part, "name", "")
            raise ArmError(
                f"{model_name(arm.model)} returned a model with the {kind} {name!r} of "
                "another: make every part of it, and of its optimizer, within the function"
            )
    _taken.update((id(part), part) for part in parts)


def _parts(model: Any) -> Iterator[Any]:
    """Yields the layers and the variables of a model, its metrics and its optimizer, each once."""
    optimizer = getattr(model, "optimizer", None)
    found = [
        *model._flatten_layers(include_self=False),
        *model.variables,
        *model.metrics_variables,
        *(optimizer.variables if optimizer is not None else ()),
    ]
    yield from {id(part): part for part in found}.values()


def resident(arm: ModelArm, model: Any) -> tuple[Any, Any, Any, Any]:
    """Returns an arm's training images, their labels, test images and their labels as tensors.

    Raises:
        ArmError: The images are too few or of another shape than the model takes.
        DataError: They cannot be loaded.
    """
    x, y, x_test, y_test = _tensors(arm.data)
    if arm.images is not None and arm.images > rows(x):
        raise ArmError(f"{arm.data.name} has {rows(x)} training images, not {arm.images}")
    x, y = (mapped(lambda a: a[: arm.images], part) for part in (x, y))
    return shaped(arm, model, x), y, shaped(arm, model, x_test), y_test


def narrowed(labels: Any) -> Any:
    """Returns labels with integers as int32, which every loss takes, if they fit."""

    def narrow(tensor: Any) -> Any:
        values, limits = np.asarray(tensor), np.iinfo(np.int32)
        if values.dtype.kind in "iu" and limits.min <= values.min() and values.max() <= limits.max:
            return framework.current().held(values.astype(np.int32))
        return tensor

    return mapped(narrow, labels)


def shaped(arm: ModelArm, model: Any, x: Any) -> Any:
    """Returns inputs in the shape that the model takes.

    Axes of size one are added or dropped, and images flattened; several inputs are left as they
    are, and so are those of a model that does not say what it takes.

    Raises:
        ArmError: The model takes another shape.
    """
    inputs = getattr(model, "inputs", None)
    if isinstance(x, tuple | dict) or not inputs or len(inputs) > 1:
        return x
    given, taken = tuple(x.shape[1:]), tuple(inputs[0].shape[1:])
    target = _target(given, taken)
    if target is None:
        raise ArmError(
            f"{model.name} takes inputs of shape {taken}, but the images of {arm.data.name} are "
            f"{given}. They are flattened, and axes of size one added or dropped; no other way "
            "of reshaping is meant"
        )
    return x if target == given else keras.ops.reshape(x, (-1, *target))


def _target(given: tuple[int, ...], taken: tuple[int | None, ...]) -> tuple[int, ...] | None:
    """Returns the shape to give inputs that a model takes in a shape, None for no such."""
    if len(taken) == 1 and len(given) != 1 and taken[0] == math.prod(given):
        return (math.prod(given),)
    if len(given) == len(taken) and all(t in (None, g) for g, t in zip(given, taken, strict=True)):
        return given
    sizes = [size for size in given if size != 1]
    wanted = [size for size in taken if size != 1]
    if len(sizes) != len(wanted) or any(
        w not in (None, s) for s, w in zip(sizes, wanted, strict=True)
    ):
        return None
    left = iter(sizes)
    return tuple(1 if size == 1 else next(left) for size in taken)


def scale(arm: ModelArm, model: Any) -> Any:
    """Returns which of an arm's inputs are divided by 255, in the structure of the inputs.

    See `bnclaims.Data` for the rule.

    Raises:
        ArmError: It cannot be seen what the model does with bytes.
        DataError: The images cannot be loaded.
    """
    x, *_ = _tensors(arm.data)
    said = arm.data.scale if isinstance(arm.data, Data) else None
    names = iter(_input_names(model, x))
    taken = _taken_as_they_are(model)
    if said is None and taken is None and any(_kind(a) == "uint8" for _, a in leaves(x, "")):
        raise ArmError(
            f"{model_name(arm.model)} has layers that take numbers as they are, and it cannot be "
            f"seen whether the bytes of {arm.data.name} feed them: say Data(..., scale=False) or "
            "scale=True"
        )

    def is_scaled(array: Any) -> bool:
        name = next(names)
        if _kind(array) != "uint8":
            return False
        return name not in (taken or ()) if said is None else said

    return mapped(is_scaled, x)


def _input_names(model: Any, x: Any) -> list[str]:
    """Returns the names of a model's inputs, in the order of the inputs' leaves."""
    if isinstance(x, dict):
        return [str(key) for key, item in x.items() for _ in leaves(item, "")]
    known = [tensor.name for tensor in getattr(model, "inputs", None) or ()]
    return known + [""] * (len(list(leaves(x, ""))) - len(known))


def _taken_as_they_are(model: Any) -> set[str] | None:
    """Returns the inputs that feed layers which take numbers as they are; None if not known."""
    if not any(isinstance(layer, _AS_THEY_ARE) for layer in model._flatten_layers()):
        return set()
    graph = getattr(model, "_functional", model)
    if not hasattr(graph, "_nodes_by_depth"):
        return None
    fed = {id(tensor): {tensor.name} for tensor in graph.inputs}
    taken: set[str] = set()
    for _, nodes in sorted(graph._nodes_by_depth.items(), reverse=True):
        for node in nodes:
            names = set().union(*(fed.get(id(tensor), set()) for tensor in node.input_tensors))
            if names and _takes(node.operation):
                taken |= names
            if isinstance(node.operation, _PASSING):
                for tensor in node.outputs:
                    fed.setdefault(id(tensor), set()).update(names)
    return taken


def _takes(operation: Any) -> bool:
    """Says whether a layer, or a model that is one, takes numbers as they are."""
    if isinstance(operation, keras.Model):
        return bool(_taken_as_they_are(operation) is None or _taken_as_they_are(operation))
    return isinstance(operation, _AS_THEY_ARE)


def scaled(x: Any, by_rule: Any = True) -> Any:
    """Returns images as numbers: bytes, which are intensities, from 0 to 1 as in the articles.

    Args:
        x: Inputs.
        by_rule: Which of them are scaled, as `scale` returns it.
    """
    if isinstance(x, dict):
        return {key: scaled(item, by_rule[key]) for key, item in x.items()}
    if isinstance(x, tuple):
        return tuple(scaled(item, rule) for item, rule in zip(x, by_rule, strict=True))
    return keras.ops.cast(x, "float32") / 255.0 if by_rule and _kind(x) == "uint8" else x


def check_labels(arm: ModelArm, model: Any) -> None:
    """Refuses labels that are no class of the model's, for losses that take labels as numbers.

    Without XLA such a loss fails at the label, whenever that comes; with XLA it is NaN. A model
    that does not know the shape of its output passes.

    Raises:
        ArmError: There is such a label.
        DataError: The images cannot be loaded.
    """
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or not all(isinstance(size, int | None) for size in shape):
        return
    classes = shape[-1]
    _, y, _, y_test = _tensors(arm.data)
    for labels in (np.asarray(y[: arm.images]), np.asarray(y_test)):
        if not np.array_equal(labels, np.floor(labels)):
            raise ArmError(
                f"{arm}: labels of {arm.data.name} such as {labels[labels % 1 != 0][0]:g} are no "
                "classes; a sparse loss takes 0, 1, 2 and so on"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise ArmError(
                f"{model_name(arm.model)} has {classes} classes, 0 to {classes - 1}, but the "
                f"labels of {arm.data.name} go from {float(labels.min()):g} to "
                f"{float(labels.max()):g}"
            )


def label_shapes(arm: ModelArm) -> list[tuple[int, ...]]:
    """Returns the shapes of an arm's training and test labels, of a model with one output.

    Raises:
        DataError: The images cannot be loaded.
    """
    _, y, _, y_test = _tensors(arm.data)
    return [tuple(labels.shape) for labels in (y, y_test)]


def sample_weights(arm: TrainingArm) -> tuple[Any, Any]:
    """Returns the weights of the training and of the test examples, None where there are none.

    Raises:
        ArmError: There are class weights beside weights of examples, or several outputs.
    """
    data = arm.data.load() if isinstance(arm.data, Data) else None
    train = data.sample_weight_train if data else None
    test = data.sample_weight_test if data else None
    if arm.class_weight:
        _, y, *_ = _tensors(arm.data)
        if train is not None or isinstance(y, tuple | dict):
            raise ArmError(
                f"{arm}: class_weight is for a model of one output, and not beside weights of "
                "examples; fit takes it no other way"
            )
        train = _class_weights(np.asarray(y)[: arm.images], arm.class_weight)
    elif train is not None:
        train = mapped(lambda weights: weights[: arm.images], train)
    return train, test


def _class_weights(y: NDArray[Any], weights: Any) -> NDArray[np.float32]:
    """Returns each example's weight as `fit` gives it: 1 for a class that is not mentioned."""
    if y.ndim > 1:
        y = y.argmax(axis=-1) if y.shape[-1] != 1 else y[..., 0]
    classes = np.round(y).astype(np.int32)
    return np.array([weights.get(int(label), 1.0) for label in classes], np.float32)


_holding = threading.Lock()


def _tensors(data: Data | DataSource) -> tuple[Any, Any, Any, Any]:
    """Returns the data as tensors, held once a process, without the arrays of what was a file."""
    with _holding:
        return _held(data)


@lru_cache(maxsize=2)
def _held(source: Data | DataSource) -> tuple[Any, Any, Any, Any]:
    data = source.load()

    def hold(array: NDArray[Any]) -> Any:
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        return framework.current().held(native)

    return (
        mapped(hold, data.x_train),
        mapped(hold, data.y_train),
        mapped(hold, data.x_test),
        mapped(hold, data.y_test),
    )


def traced(function: Any, variables: Sequence[Any], *examples: Any) -> Any:
    """Returns a compiled function that draws no random numbers but those that a run's seed decides.

    Args:
        function: Of tensors; it gives nested lists of tensors.
        variables: The Keras variables that a run sets; the function must use no others.
        examples: Arguments, for their shapes.

    Raises:
        ValueError: It draws from a generator that no seed decides, or uses another variable.
    """
    before = state.generators()
    program = framework.current().traced(function, variables, *examples)
    check_drawn(state.drawn_since(before))
    return program


def check_drawn(drawn: str) -> None:
    """Refuses a program that drew from a global generator while it was made.

    Args:
        drawn: Whose global generator it drew from, '' for none.

    Raises:
        ValueError: It did.
    """
    if drawn:
        raise ValueError(
            f"it draws from the generator of {drawn}, not from the run's seed: give dropout a "
            "seed, and draw with keras.random and a keras.random.SeedGenerator"
        )
