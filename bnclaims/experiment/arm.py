"""Arms: a model with its training protocol, and a digest of all that changes a number."""

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import metadata
from numbers import Integral, Real
from types import FunctionType
from typing import Any, Protocol

from bnclaims.errors import DescriptionError
from bnclaims.experiment import fingerprint
from bnclaims.experiment.data import Data
from bnclaims.experiment.fingerprint import STATED_BY_THE_ARM, describe, digest, distributions
from bnclaims.experiment.losses import asks_for_accuracy, is_classification
from bnclaims.experiment.models import MLP, Layer, Remade
from bnclaims.experiment.protocol import KERAS_DEFAULTS, Optimizer, TrainingProtocol
from bnclaims.experiment.seeds import Seed
from bnclaims.experiment.sources import DataSource


class Builds(Protocol):
    """A frozen description that builds a Keras model, as `MLP` does."""

    def build(self) -> Any:
        """Returns a new `keras.Model`."""


Model = Builds | Callable[[], Any]
"""What `train` takes: a description, or a function without arguments that returns a Keras model."""


_VERSIONS = frozenset({"libraries", "versions"})
"""The parts of a description that say nothing but versions."""


class Arm:
    """What a run is a run of. Arms are equal when their digests are."""

    digest: str
    data_note: str = ""
    """Which images its runs have seen, in a line."""
    fresh: bool = False
    """Whether its runs are made anew in each session and never stored."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Arm) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def description(self) -> dict[str, Any]:
        """Everything that changes a number, as JSON data.

        Raises:
            TypeError: This class is only what arms have in common.
        """
        raise TypeError(f"{type(self).__name__} describes nothing: use TrainingArm or its like")

    @cached_property
    def recipe(self) -> str:
        """SHA-256 of the description without versions: what an arm is under every release."""
        described = {k: v for k, v in self.description.items() if k not in _VERSIONS}
        return digest(fingerprint.without_versions(described))

    @property
    def cost(self) -> float:
        """How long a run takes, in images visited: a guess, good for ordering only.

        Raises:
            TypeError: This class is only what arms have in common.
        """
        raise TypeError(f"{type(self).__name__} has no cost: use TrainingArm or its like")


@dataclass(frozen=True, eq=False)
class _DescribedArm(Arm):
    """An arm that gets its digest when it is named: what it reaches may be set anew later."""

    versions: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Of what trains it, as its backend states them: they change its numbers."""

    def __post_init__(self) -> None:
        self.digest  # noqa: B018

    @cached_property
    def digest(self) -> str:  # type: ignore[override]
        """SHA-256 of the description, in hexadecimal."""
        return digest(self.description)

    @cached_property
    def libraries_used(self) -> Mapping[str, str]:
        """Versions of what is installed and changes its numbers, its backend's own apart."""
        described = self.description
        return {**fingerprint.named_versions(described), **described.get("libraries", {})}

    def __getstate__(self) -> dict[str, Any]:
        """Returns what travels to another process, which need not check it again.

        Raises:
            DescriptionError: What the arm reaches has changed since it got its digest.
        """
        self._check_unchanged(str(self))
        self.libraries_used  # noqa: B018  (asking for it keeps it)
        return vars(self) | {"_arrived": True}

    def _unchanged(self, name: str, value: Any) -> Any:
        """Returns what the arm is about, as it was when the arm got its digest.

        Raises:
            DescriptionError: What it reaches has changed since.
        """
        self._check_unchanged(f"{name} {model_name(value)}")
        return value

    def _check_unchanged(self, what: str) -> None:
        if not vars(self).get("_arrived") and digest(self.description) != self.digest:
            raise DescriptionError(
                f"{what} has changed since the claim named it: something that it reads was "
                "reassigned. Build it from constants and arguments only"
            )


@dataclass(frozen=True, eq=False)
class ModelArm(_DescribedArm):
    """A model and the images that it is shown: what training and looking on have in common."""

    model: Model
    data: Data | DataSource
    images: int | None
    """How many training images, the first ones; None for all."""

    def __post_init__(self) -> None:
        no_builder = isinstance(self.model, type) or hasattr(self.model, "get_config")
        if no_builder or not callable(_builder(self.model)):
            raise TypeError(
                f"model={self.model!r}: give an MLP, or a function that returns a new Keras model "
                "each time, so that every seed starts anew"
            )
        if self.images is not None:
            _check_count("images", self.images)
        super().__post_init__()

    def build(self) -> Any:
        """Returns a new Keras model, built or not.

        Raises:
            DescriptionError: What the model reaches has changed since the arm got its digest.
        """
        return build_model(self._unchanged("model", self.model))

    @property
    def data_note(self) -> str:  # type: ignore[override]
        """Which images its runs have seen, in a line."""
        return self.data.note


@dataclass(frozen=True, eq=False)
class TrainingArm(ModelArm):
    """A model, the data, and how it is trained on them."""

    epochs: int
    optimizer: Optimizer | Remade | None = None
    """None for what the model's builder compiled, else Keras's default."""
    batch_size: int = KERAS_DEFAULTS.batch_size
    loss: Any = None
    """As `compile` takes it; None for what the model's builder compiled."""
    loss_weights: Any = None
    """As `compile` takes them."""
    metrics: Any = ()
    """As `compile` takes them, metric objects as `Remade`."""
    weighted_metrics: Any = ()
    """As `compile` takes them, metric objects as `Remade`."""
    class_weight: Mapping[int, float] | None = None
    """As `fit` takes it."""
    callbacks: tuple[Any, ...] = ()
    """Keras callbacks; each run gets copies."""
    measures: Mapping[str, Callable[[Any, Any, Any], float]] = field(default_factory=dict)
    """Functions of the model, test inputs and test labels, applied after each epoch."""
    probes: bool = False
    """Whether the layers' statistics are recorded before training and after each epoch."""
    fresh: bool = False
    """Whether its runs are made anew in each session and never stored: for wall times."""
    protocol: TrainingProtocol = KERAS_DEFAULTS
    """The session's, which the arm's name does not repeat; no part of its digest."""

    def __post_init__(self) -> None:
        _check_loss(self.loss)
        for name in ("epochs", "batch_size"):
            _check_count(name, getattr(self, name))
            object.__setattr__(self, name, int(getattr(self, name)))  # NumPy's integers, too
        _check_class_weight(self.class_weight)
        _check_measures(self.measures)
        # Who else holds a callback or a loss may change it before this arm is trained.
        object.__setattr__(self, "loss", _copied(self.loss))
        object.__setattr__(self, "callbacks", tuple(map(_own_copy, self.callbacks)))
        for name in ("class_weight", "measures"):
            object.__setattr__(self, name, copy.copy(getattr(self, name)))
        super().__post_init__()

    def __str__(self) -> str:
        usual = self.protocol
        unusual = {
            str(self.optimizer): self.optimizer not in (None, usual.optimizer),
            f"batch {self.batch_size}": self.batch_size != usual.batch_size,
            f"epochs {self.epochs}": self.epochs != usual.epochs,
            loss_name(self.loss): self.loss not in (None, usual.loss or own_loss(self.model)),
            "class weights": bool(self.class_weight),
            ", ".join(type(callback).__name__ for callback in self.callbacks): bool(self.callbacks),
            f"on {self.data.name}": isinstance(self.data, Data),
        }
        return ", ".join([model_name(self.model), *(said for said, yes in unusual.items() if yes)])

    @property
    def description(self) -> dict[str, Any]:
        """Everything that changes a number, as JSON data."""
        described = {
            "kind": "training",
            "model": _described("model", self.model),
            "data": self.data.fingerprint,
            "images": self.images,
            "epochs": self.epochs,
            "optimizer": describe(self.optimizer),
            "batch_size": self.batch_size,
            "loss": _described("loss", self.loss),
            "probes": self.probes,
            "versions": dict(self.versions),
        }
        for name in _AS_COMPILED:
            if value := getattr(self, name):
                described[name] = _described(name, value)
        return described | ({"fresh": True} if self.fresh else {})

    @property
    def has_accuracy(self) -> bool | None:
        """Whether its runs have an accuracy; None where that is known when the model is built."""
        if self.loss is None:
            return None
        several = isinstance(self.loss, Mapping | list | tuple)
        asked = asks_for_accuracy(self.metrics) and not several
        return asked or bool(is_classification(self.loss))

    @property
    def cost(self) -> float:
        """How long a run takes, in images visited: a guess, good for ordering only."""
        images = self.images or self.data.size
        # A step costs about as much as sixteen images, however few of them it holds.
        size = self.model.size if isinstance(self.model, MLP) else 1.0
        return self.epochs * images * (1 + 16 / self.batch_size) * size


_AS_COMPILED = (
    "loss_weights", "metrics", "weighted_metrics", "class_weight", "callbacks", "measures",
)  # fmt: skip
"""What few arms have: described where it is there."""


@dataclass(frozen=True, eq=False)
class BatchArm(ModelArm):
    """An untrained model on minibatches of the training images."""

    batch_size: int
    batches: int
    """How many minibatches are drawn."""
    loss: str | None = None
    """Keras's name of the loss; None for what the model was compiled with."""

    def __post_init__(self) -> None:
        _check_count("batch_size", self.batch_size)
        _check_count("batches", self.batches, least=2)
        super().__post_init__()

    def __str__(self) -> str:
        return f"{model_name(self.model)} untrained, batch {self.batch_size}"

    @property
    def description(self) -> dict[str, Any]:
        """Everything that changes a number, as JSON data."""
        return {
            "kind": "batches",
            "model": _described("model", self.model),
            "data": self.data.fingerprint,
            "images": self.images,
            "batch_size": self.batch_size,
            "batches": self.batches,
            "loss": self.loss,
            "versions": dict(self.versions),
        }

    @property
    def cost(self) -> float:
        """How long a run takes, in images visited: a guess, good for ordering only."""
        return float(self.batches * (self.batch_size + 16))


@dataclass(frozen=True, eq=False)
class ProbeArm(_DescribedArm):
    """An untrained layer on random inputs."""

    layer: Layer

    def __str__(self) -> str:
        return str(self.layer)

    @property
    def description(self) -> dict[str, Any]:
        """Everything that changes a number, as JSON data."""
        return {"kind": "probe", "layer": describe(self.layer), "versions": dict(self.versions)}

    @property
    def cost(self) -> float:
        """How long a run takes, in images visited: a guess, good for ordering only."""
        return float(self.layer.samples)


@dataclass(frozen=True, eq=False)
class FunctionArm(_DescribedArm):
    """A function of a seed, for what is neither a training nor a look at a layer."""

    function: Callable[..., Any]
    """Of a seed, and of `images` if the arm has data. Returns a number, a `History`, or a
    dictionary of names and numbers or arrays."""
    data: Data | DataSource | None = None
    """What the function is given beside the seed."""
    images: int | None = None
    """Of how many training images, the first ones; None for all."""

    def __str__(self) -> str:
        return model_name(self.function)

    def measure(self, seed: Seed, images: Data | None = None) -> Any:
        """Returns what the function returns for a seed.

        Args:
            seed: The function's first argument.
            images: What it is given by that name, where the arm has data; see `shown`.

        Raises:
            DescriptionError: What the function reaches has changed since the arm got its digest.
        """
        given = {} if images is None else {"images": images}
        return self._unchanged("function", self.function)(seed, **given)

    def shown(self) -> Data | None:
        """Returns the data that the function is given, None if none; read anew each time.

        Raises:
            DataError: They cannot be loaded.
        """
        return None if self.data is None else self.data.load().first(self.images)

    @property
    def data_note(self) -> str:  # type: ignore[override]
        """Which images its runs have seen, in a line."""
        return self.data.note if self.data else ""

    @property
    def description(self) -> dict[str, Any]:
        """Everything that changes a number, as JSON data."""
        described: dict[str, Any] = {
            "kind": "function",
            "function": self._function,
            "libraries": {name: _version(name) for name in sorted(self.libraries)},
            "versions": dict(self.versions),
        }
        if self.data:
            described |= {"data": self.data.fingerprint, "images": self.images}
        return described

    @cached_property
    def libraries(self) -> frozenset[str]:
        """The libraries that it uses, of those whose versions `describe` leaves to the arm."""
        found = {name for name in STATED_BY_THE_ARM if self.names(name)}
        return frozenset(found | ({"tensorflow"} if "keras" in found else set()))

    def names(self, package: str) -> bool:
        """Says whether the function, or what it reaches, uses something of a package."""
        return _names(self._function, package)

    @property
    def _function(self) -> Any:
        return _described("function", self.function)

    @property
    def cost(self) -> float:
        """How long a run takes, in images visited: a guess, good for ordering only."""
        return 1.0


def _check_loss(loss: Any) -> None:
    if isinstance(loss, Mapping | list | tuple):
        for part in loss.values() if isinstance(loss, Mapping) else loss:
            _check_loss(part)
    elif not (loss is None or isinstance(loss, str) or callable(loss)):
        raise TypeError(
            f"loss={loss!r}: give Keras's name of the loss, a keras.losses.Loss, a function of "
            "labels and predictions, or a dictionary or list of these"
        )


def _check_class_weight(weights: Any) -> None:
    known = weights is None or isinstance(weights, Mapping)
    if not known or any(
        isinstance(number, bool) or not isinstance(number, Integral) or not isinstance(weight, Real)
        for number, weight in (weights or {}).items()
    ):
        raise TypeError(
            f"class_weight={weights!r:.80}: give a dictionary of the classes' numbers and weights, "
            "as in {0: 1.0, 1: 5.0}"
        )


def _check_measures(measures: Any) -> None:
    if not isinstance(measures, Mapping) or not all(
        isinstance(name, str) and name and callable(function) for name, function in measures.items()
    ):
        raise TypeError(
            f"measures={measures!r:.80}: give a dictionary of names and functions of the model, "
            "the test inputs and their labels"
        )
    if taken := sorted(measures.keys() & _CURVES):
        raise ValueError(f"measures: {taken[0]!r} is the name of a curve; choose another")


_CURVES = {"loss", "accuracy", "acc", "val_loss", "val_accuracy", "val_acc"}


def _own_copy(callback: Any) -> Any:
    try:
        return copy.deepcopy(callback)
    except TypeError as error:
        raise TypeError(
            f"{type(callback).__name__} cannot be copied for each run: {error}. Make in its "
            "on_train_begin what it cannot copy"
        ) from None


def _copied(loss: Any) -> Any:
    """Returns a copy of a loss; Keras copies by way of a file, which needs registered classes."""
    if isinstance(loss, Mapping):
        return {name: _copied(part) for name, part in loss.items()}
    if isinstance(loss, list | tuple):
        return [_copied(part) for part in loss]
    if isinstance(loss, type) or not hasattr(loss, "get_config"):
        return loss
    copied = object.__new__(type(loss))
    vars(copied).update(vars(loss))
    return copied


def loss_name(loss: Any) -> str:
    """Returns what a loss is called in tables and messages."""
    if isinstance(loss, Mapping):
        return ", ".join(f"{name}: {loss_name(part)}" for name, part in loss.items())
    if isinstance(loss, list | tuple):
        return ", ".join(map(loss_name, loss))
    if loss is None or isinstance(loss, str):
        return str(loss)
    return _object_name(loss) if hasattr(loss, "get_config") else model_name(loss)


def _object_name(loss: Any) -> str:
    """Returns the class of a Keras object, with those arguments that are not the defaults."""
    given = loss.get_config() | getattr(loss, "_fn_kwargs", {})  # which the former may leave out
    parameters = inspect.signature(type(loss)).parameters.items()
    unusual = {
        name: given[name]
        for name, parameter in parameters
        if name in given and name != "name" and given[name] != parameter.default
    }
    arguments = ", ".join(f"{name}={value!r}" for name, value in unusual.items())
    return type(loss).__name__ + (f"({arguments})" if arguments else "")


def _check_count(name: str, value: object, least: int = 1) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}={value!r}: give an integer of {least} or more")


def build_model(model: Model) -> Any:
    """Returns what a model's description or function makes."""
    return _builder(model)()


def _builder(model: Model) -> Callable[[], Any]:
    described: Any = model
    build: Callable[[], Any] = getattr(described, "build", described)
    return build


def _names(description: Any, package: str) -> bool:
    """Says whether a description names something of a package."""
    if isinstance(description, dict):
        installed = str(description.get("installed", "")).partition(".")[0]
        return installed == package or any(_names(v, package) for v in description.values())
    return isinstance(description, list) and any(_names(v, package) for v in description)


@functools.cache
def installed_version(package: str) -> str:
    """Returns a package's version here, as `libraries_used` has it of where the arm was named."""
    stated = package in STATED_BY_THE_ARM
    try:
        return _version(package) if stated else fingerprint.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _version(package: str) -> str:
    names = distributions().get(package, [package])
    return ", ".join(f"{name} {metadata.version(name)}" for name in sorted(set(names)))


def own_loss(model: Model) -> str | None:
    """Returns the loss that a model's description names as its own, as `MLP` does."""
    return getattr(model, "loss", None)


def model_name(model: Builds | Callable[..., Any]) -> str:
    """Returns what a model, or a function, is called in tables and messages."""
    if isinstance(model, functools.partial):
        arguments = [_argument(value) for value in model.args]
        arguments += [f"{name}={_argument(value)}" for name, value in model.keywords.items()]
        return f"{model_name(model.func)}({', '.join(arguments)})"
    name = getattr(model, "__name__", None) or str(model)
    if name == "<lambda>" and isinstance(model, FunctionType):
        return f"lambda of line {model.__code__.co_firstlineno}"
    return name


def _argument(value: Any) -> str:
    return model_name(value) if callable(value) else repr(value)


def _described(name: str, value: Any) -> Any:
    try:
        return describe(value)
    except DescriptionError as error:
        raise DescriptionError(f"{name} {model_name(value)}: {error}") from None
