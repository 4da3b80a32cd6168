"""Frozen descriptions of models, and how they become Keras models."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, ClassVar, Self

RANGES = {
    "hard_sigmoid": (0.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
}
"""The bounded activations, by Keras's names, and their ranges."""


@dataclass(frozen=True, init=False)
class KerasObject:
    """A Keras object by class name and arguments: hashable, and TensorFlow stays unimported."""

    class_name: str
    arguments: tuple[tuple[str, Any], ...]

    def __init__(self, class_name: str, **arguments: Any) -> None:
        object.__setattr__(self, "class_name", class_name)
        object.__setattr__(self, "arguments", tuple(sorted(arguments.items())))

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return f"{self.class_name}({arguments})" if arguments else self.class_name

    def made_by(self, get: Callable[[dict[str, Any]], Any]) -> Any:
        """Returns the object from one of Keras's `get` functions.

        Raises:
            ValueError: Keras has none of that name, or it does not take these arguments.
        """
        try:
            return get({"class_name": self.class_name, "config": dict(self.arguments)})
        except TypeError as error:
            reason = str(error).rpartition("Exception encountered: ")[2]
            raise ValueError(f"{self}: {reason}") from error


@dataclass(frozen=True, eq=False)
class Remade:
    """A Keras object that is made anew for each run, as it holds state: an optimizer, a metric."""

    kind: type
    config: Mapping[str, Any]
    without_decay: str = ""
    """A pattern of the variables that an optimizer leaves out of its weight decay."""

    @classmethod
    def of(cls, original: Any) -> "Remade":
        """Returns how to make an object of Keras's, or of a derived class, anew.

        Raises:
            TypeError: It has no `get_config`, or that leaves out what it was made with; or it
                leaves single variables out of its weight decay.
        """
        said = _configuration(original)
        config = {name: value for name, value in said.items() if name != "name"}
        if schedule := _schedule(original):
            config["learning_rate"] = schedule
        if "name" in said and not hasattr(original, "apply_gradients"):
            config["name"] = original.name  # a metric is reported by its name
        remade = cls(type(original), config, _without_decay(original))
        if lost := _lost(original, remade.build()):
            raise TypeError(
                f"{type(original).__name__} cannot be made anew for each run: made from its "
                f"get_config() it has another {lost}. Let get_config return all that __init__ "
                "takes, or compile the model with it in the builder"
            )
        return remade

    def __str__(self) -> str:
        rate = self.config.get("learning_rate")
        said = f"(learning_rate={rate:g})" if isinstance(rate, float) else ""
        return self.kind.__name__ + said

    def build(self) -> Any:
        """Returns a new object.

        Raises:
            ValueError: It cannot be made from its configuration.
        """
        try:
            made: Any = self.kind.from_config(dict(self.config))  # type: ignore[attr-defined]
        except TypeError as error:
            raise ValueError(f"{self} from its get_config(): {error}") from error
        if self.without_decay:
            made.exclude_from_weight_decay(var_names=[self.without_decay])
        return made


def _configuration(original: Any) -> Mapping[str, Any]:
    """Returns an object's configuration; a schedule of its learning rate needs to have none.

    Raises:
        TypeError: It has none.
    """
    described = original
    if _schedule(original):
        described = object.__new__(type(original))
        vars(described).update(vars(original) | {"_learning_rate": 0.0})
    try:
        config: Mapping[str, Any] = described.get_config()
    except NotImplementedError as error:
        raise TypeError(
            f"{type(original).__name__} cannot be made anew for each run: {error}"
        ) from None
    return config


def _schedule(original: Any) -> Any:
    """Returns an optimizer's own schedule of the learning rate, or None."""
    rate = getattr(original, "_learning_rate", None)
    return rate if callable(rate) and not hasattr(rate, "assign") else None


def _without_decay(original: Any) -> str:
    """Returns what an optimizer's configuration does not say of its weight decay."""
    if getattr(original, "_exclude_from_weight_decay", None):
        raise TypeError(
            f"{type(original).__name__} leaves variables out of its weight decay, which are of one "
            "model: name them, as in exclude_from_weight_decay(var_names=['bias']), or compile the "
            "model in its builder"
        )
    pattern = getattr(original, "_exclude_from_weight_decay_pattern", None)
    return pattern.pattern if pattern else ""


def _lost(original: Any, remade: Any) -> str:
    """Returns the first attribute of plain values in which two objects differ; or ''."""
    name: str
    for name, value in vars(original).items():
        counted = name in {"name", "_name"} or name.startswith("_auto")
        if not counted and _is_plain(value) and getattr(remade, name, value) != value:
            return name
    return ""


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, Mapping):
        return all(map(_is_plain, value.values()))
    return isinstance(value, bool | int | float | str | None)


class Initializer(KerasObject):
    """A weight initialiser: `Initializer("RandomNormal", stddev=1.0)`."""

    def build(self) -> Any:
        """Returns the `keras.initializers.Initializer`.

        Raises:
            ValueError: Keras has none of that name, or it does not take these arguments.
        """
        import keras

        return self.made_by(keras.initializers.get)


GLOROT_UNIFORM = Initializer("GlorotUniform")
GLOROT_NORMAL = Initializer("GlorotNormal")


@dataclass(frozen=True)
class MLP:
    """The articles' family: dense layers, BN after the activation of some, a softmax of ten.

    Source: the BN article's network 784-512-256-128-64-10; `BatchNormalization()` with Keras's
    defaults comes after the activated Dense layer.
    """

    activation: str = "relu"
    """Keras's name of the hidden layers' activation."""
    hidden: tuple[int, ...] = (512, 256, 128, 64)
    """Units of each hidden layer."""
    batch_norm: tuple[int, ...] = ()
    """The hidden layers, numbered from 1, that a BN layer follows."""
    batch_norm_arguments: tuple[tuple[str, Any], ...] = ()
    """Arguments of `keras.layers.BatchNormalization` other than its defaults."""
    initializer: Initializer = GLOROT_UNIFORM
    """Initialiser of every kernel; Keras's default is Glorot's uniform."""
    inputs: int = 784
    """Size of the flattened image."""
    classes: int = 10
    """Units of the softmax."""

    loss: ClassVar[str] = "sparse_categorical_crossentropy"
    """What a softmax over labels is trained with, where neither protocol nor claim says."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError(
                f"hidden={self.hidden!r}: give at least one layer, each of 1 unit or more"
            )
        if wrong := set(self.batch_norm) - set(range(1, len(self.hidden) + 1)):
            raise ValueError(
                f"batch_norm={self.batch_norm!r}: there is no hidden layer {min(wrong)}; "
                f"this network has 1 to {len(self.hidden)}"
            )
        object.__setattr__(self, "batch_norm", tuple(sorted(set(self.batch_norm))))

    @property
    def size(self) -> float:
        """How long an image takes, by the article's network: 1 for that, 0.06 for 32 units."""
        widths = (self.inputs, *self.hidden, self.classes)
        weights = sum(a * b for a, b in pairwise(widths))
        # What does not depend on the weights takes as long as this many of them.
        return (weights + 10_000) / 585_000

    def __str__(self) -> str:
        where = f"{len(self.batch_norm)} BN" if self.batch_norm else "no BN"
        if self.batch_norm and self.batch_norm != tuple(range(1, len(self.batch_norm) + 1)):
            where = "BN after " + ", ".join(map(str, self.batch_norm))
        extras = [f"{name}={value!r}" for name, value in self.batch_norm_arguments]
        if self.initializer != GLOROT_UNIFORM:
            extras.append(str(self.initializer))
        if self.hidden != MLP.hidden:
            extras.append(_sizes(self.hidden))
        return ", ".join([f"{self.activation} {where}", *extras])

    def with_batch_norm(self, after: int | tuple[int, ...], **arguments: Any) -> Self:
        """Returns this network with BN layers.

        Args:
            after: A number k puts them after the first k hidden layers, as the article's "k BN
                layers"; a tuple names the hidden layers, from 1.
            **arguments: Of `keras.layers.BatchNormalization`, where they are not its defaults.

        Raises:
            ValueError: There is no such hidden layer.
        """
        if isinstance(after, int) and after < 0:
            raise ValueError(f"with_batch_norm({after}): give a number of layers, 0 or more")
        layers = after if isinstance(after, tuple) else tuple(range(1, after + 1))
        return dataclasses.replace(
            self, batch_norm=layers, batch_norm_arguments=tuple(sorted(arguments.items()))
        )

    def with_initializer(self, initializer: Initializer) -> Self:
        """Returns this network with another initialiser of its kernels."""
        return dataclasses.replace(self, initializer=initializer)

    def build(self) -> Any:
        """Returns a new `keras.Sequential`."""
        import keras

        layers = [keras.Input((self.inputs,))]
        for number, units in enumerate(self.hidden, start=1):
            layers.append(
                keras.layers.Dense(
                    units,
                    activation=self.activation,
                    kernel_initializer=self.initializer.build(),
                )
            )
            if number in self.batch_norm:
                layers.append(keras.layers.BatchNormalization(**dict(self.batch_norm_arguments)))
        output = keras.layers.Dense(
            self.classes, activation="softmax", kernel_initializer=self.initializer.build()
        )
        return keras.Sequential([*layers, output])


def _sizes(hidden: tuple[int, ...]) -> str:
    """Returns layers' sizes in short: 512-10x64."""
    runs = [(units, len(list(group))) for units, group in groupby(hidden)]
    return "-".join(str(units) if count == 1 else f"{count}x{units}" for units, count in runs)


@dataclass(frozen=True)
class Layer:
    """An untrained dense layer on random inputs, to look at its activations.

    Source: the article on Glorot initialisation: one `Dense(256)`, biases zero, on one
    784-dimensional input drawn from U(0, 1).
    """

    activation: str
    """Keras's name of the activation."""
    initializer: Initializer
    """Initialiser of the kernel."""
    units: int = 256
    """Units of the layer."""
    inputs: int = 784
    """Size of an input."""
    samples: int = 1
    """How many inputs are drawn."""

    def __str__(self) -> str:
        return f"{self.activation} layer, {self.initializer}"
