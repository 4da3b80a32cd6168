"""What a claim's body gets: `train` and `probe`, which name arms and train nothing."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from bnclaims.experiment.arm import (
    Arm,
    BatchArm,
    FunctionArm,
    Model,
    ProbeArm,
    TrainingArm,
    model_name,
    own_loss,
)
from bnclaims.experiment.data import Data
from bnclaims.experiment.models import Layer, Remade
from bnclaims.experiment.protocol import Optimizer, TrainingProtocol
from bnclaims.experiment.seeds import Seed
from bnclaims.experiment.sources import DataSource
from bnclaims.language.evidence import Trial
from bnclaims.language.sample import Runs


class TakesImages(Protocol):
    """A function of a seed and of the images, by the name of `images`."""

    def __call__(self, seed: Any, /, *, images: Any) -> Any:
        """Returns what a function of a seed returns."""


Trainer = Callable[[Seed], Any] | TakesImages
"""A function of a seed: what it returns is a `History`, a number, or a dictionary of numbers."""


@dataclass(frozen=True)
class Session:
    """What the arms of a session share."""

    data: Data | DataSource
    protocol: TrainingProtocol
    versions: Mapping[str, str]
    """Of the backend that trains."""
    function_versions: Mapping[str, str]
    """Of the backend that calls functions of a seed."""


@dataclass(frozen=True, repr=False)
class Train:
    """The `train` fixture: names an arm and returns a handle to its runs."""

    trial: Trial
    session: Session

    def __call__(
        self,
        model: Model | Trainer,
        *,
        optimizer: Any = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        epochs: int | None = None,
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = (),
        weighted_metrics: Any = (),
        class_weight: Mapping[int, float] | None = None,
        callbacks: Any = (),
        measures: Mapping[str, Callable[[Any, Any, Any], float]] | None = None,
        data: Data | None = None,
        probes: bool = False,
        fresh: bool = False,
        first_seed: int = 0,
    ) -> Runs:
        """Names an arm: a model and how it is trained. Nothing trains before a comparison.

        What is left out is the session's protocol's; where that is silent, too, it is what the
        model was compiled with, and last Keras's own default.

        Args:
            model: An `MLP`, or a function without arguments that returns a Keras model; or a
                trainer of your own in any framework: a function of a seed that returns a
                `History`, or of a seed and `images`. A trainer takes none of the other arguments
                but `first_seed` and, if it takes `images`, `data`.
            optimizer: An `Optimizer`, a Keras optimizer, or the name of one.
            learning_rate: For an optimizer given by its name, or for the protocol's.
            batch_size: Images a step.
            epochs: Passes over the training images.
            loss: Keras's name of the loss, a `keras.losses.Loss`, a function of labels and
                predictions, or a dictionary or list of these, as `compile` takes it.
            loss_weights: As `compile` takes them.
            metrics: Names or objects, as `compile` takes them; `measured(arm, name="val_auc")` is
                one after the last epoch.
            weighted_metrics: Likewise.
            class_weight: Weight of each class in the loss, as `fit` takes it.
            callbacks: Keras callbacks, or one; each run gets copies of its own.
            measures: Functions of the model, the test inputs and their labels, each returning a
                number, by name. They are applied after each epoch; `measured(arm, name=...)` is the
                value after the last.
            data: Arrays of your own instead of the session's images; all of them are used.
            probes: Whether to record the layers' statistics.
            fresh: Whether its runs are made anew in each session and never stored: for claims
                about wall time.
            first_seed: Where the seeds start. Only a control compares an arm with itself on other
                seeds; arms with different first seeds are not paired.

        Raises:
            TypeError: The model, optimizer or data is of no type that is understood.
            ValueError: A number is out of range.
        """
        _check_data(data)
        if _is_trainer(model):
            settings = (optimizer, learning_rate, batch_size, epochs, loss, loss_weights, metrics)
            more = (weighted_metrics, class_weight, callbacks, measures, probes, fresh)
            if any(value is not None for value in settings[:5]) or any((*settings[5:], *more)):
                raise TypeError(
                    f"train({model_name(model)}, ...): a function of a seed trains by itself; "
                    "give its settings to the function, as with functools.partial"
                )
            trainer = _function_arm(cast(Trainer, model), data, self.session)
            return _named(self.trial, Runs(trainer, first_seed, self.trial))
        protocol, recipe = self.session.protocol, cast(Model, model)
        arm = TrainingArm(
            model=recipe,
            data=data or self.session.data,
            images=None if data else protocol.images,
            epochs=protocol.epochs if epochs is None else epochs,
            optimizer=as_optimizer(optimizer, learning_rate, protocol),
            batch_size=protocol.batch_size if batch_size is None else batch_size,
            loss=(protocol.loss or own_loss(recipe)) if loss is None else loss,
            loss_weights=loss_weights,
            metrics=_as_made_anew(metrics),
            weighted_metrics=_as_made_anew(weighted_metrics),
            class_weight=class_weight,
            callbacks=_listed(callbacks),
            measures=measures or {},
            probes=probes,
            fresh=fresh,
            protocol=protocol,
            versions=self.session.versions,
        )
        return _named(self.trial, Runs(arm, first_seed, self.trial))


@dataclass(frozen=True, repr=False)
class Probe:
    """The `probe` fixture: names what is looked at without training and returns a handle to it."""

    trial: Trial
    session: Session

    def __call__(
        self,
        subject: Layer | Model | Trainer,
        *,
        batch_size: int | None = None,
        batches: int = 64,
        data: Data | None = None,
        first_seed: int = 0,
    ) -> Runs:
        """Names what to look at, anew for each seed. Nothing is computed before a comparison.

        Args:
            subject: A `Layer`, whose weights and inputs are drawn; or, with `batch_size`, an `MLP`
                or a function that returns a Keras model, which is looked at untrained, on
                minibatches of the session's training images; or a function of a seed, or of a seed
                and `images` (a `Data`), that returns a float or a dictionary of names and numbers
                or arrays.
            batch_size: Images in a minibatch, for a model.
            batches: How many minibatches are drawn, each with replacement, for a model.
            data: Arrays of your own instead of the session's images, for a model or a function
                that takes `images`.
            first_seed: Where the seeds start.

        Raises:
            TypeError: The subject is none of these, or takes no data.
            ValueError: A number is out of range.
        """
        _check_data(data)
        arm = self._arm(subject, batch_size, batches, data)
        return _named(self.trial, Runs(arm, first_seed, self.trial))

    def _arm(self, subject: Any, batch_size: int | None, batches: int, data: Data | None) -> Arm:
        session = self.session
        if isinstance(subject, Layer) and batch_size is None:
            return ProbeArm(subject, versions=session.versions)
        if not isinstance(subject, Layer) and batch_size is not None:
            return BatchArm(
                subject,
                data or session.data,
                None if data else session.protocol.images,
                batch_size,
                batches,
                loss=session.protocol.loss or own_loss(subject),
                versions=session.versions,
            )
        if batch_size is None and _takes_a_seed(subject):
            return _function_arm(subject, data, session)
        raise TypeError(
            f"probe({subject!r}): give a Layer(activation, initializer), a model with a "
            "batch_size=, or a function of a seed, or of a seed and images"
        )


def _function_arm(function: Trainer, data: Data | None, session: Session) -> FunctionArm:
    """Returns the arm of a function, with the session's images or a claim's if it takes some.

    Raises:
        TypeError: A claim gives data to a function of a seed alone.
    """
    versions = session.function_versions
    if not _accepts(function, 0):
        images = None if data else session.protocol.images
        return FunctionArm(function, data or session.data, images, versions=versions)
    if data is not None:
        raise TypeError(
            f"data={data.name!r}: {model_name(function)} takes a seed only; give it an argument "
            "called images, without a default"
        )
    return FunctionArm(function, versions=versions)


def _is_trainer(model: Any) -> bool:
    """Says whether a function cannot be called without a seed; a model's builder can."""
    return _takes_a_seed(model) and not _accepts(model)


def _check_data(data: object) -> None:
    if data is not None and not isinstance(data, Data):
        raise TypeError(
            f"data={type(data).__name__}: give bnclaims.Data(name=..., x_train=..., "
            "y_train=..., x_test=..., y_test=...)"
        )


def _listed(callbacks: Any) -> tuple[Any, ...]:
    return tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)


def _as_made_anew(metrics: Any) -> Any:
    """Returns metrics with objects, which count as they go, as what makes them anew."""
    if isinstance(metrics, Mapping):
        return {name: _as_made_anew(item) for name, item in metrics.items()}
    if isinstance(metrics, list | tuple):
        return tuple(_as_made_anew(item) for item in metrics)
    counts = hasattr(metrics, "update_state") and not isinstance(metrics, type)
    return Remade.of(metrics) if counts else metrics


def _takes_a_seed(subject: Any) -> bool:
    # A Keras object takes one argument, too.
    keras_object = hasattr(subject, "get_config") or isinstance(subject, type)
    function = callable(subject) and not keras_object
    return function and (_accepts(subject, 0) or _accepts(subject, 0, images=None))


def _accepts(function: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
    try:
        inspect.signature(function).bind(*arguments, **named)
    except (TypeError, ValueError):
        return False
    return True


def as_optimizer(
    optimizer: Any, learning_rate: float | None, protocol: TrainingProtocol
) -> Optimizer | Remade | None:
    """Returns an optimizer's description; None for what the model was compiled with.

    Args:
        optimizer: An `Optimizer`, a Keras optimizer, the name of one, or None for the protocol's.
        learning_rate: For one given by its name, or for the protocol's.
        protocol: The session's.

    Raises:
        TypeError: It is none of these.
        ValueError: A learning rate comes with an optimizer that has its own.
    """
    if optimizer is None:
        return _usual_optimizer(protocol, learning_rate)
    if isinstance(optimizer, str):
        arguments = {} if learning_rate is None else {"learning_rate": learning_rate}
        return Optimizer(optimizer, **arguments)
    if learning_rate is not None:
        raise ValueError(
            f"learning_rate={learning_rate}: {optimizer} has its own; give the optimizer's name, "
            'as in optimizer="adam"'
        )
    if isinstance(optimizer, Optimizer | Remade):
        return optimizer
    if hasattr(optimizer, "apply_gradients") and not isinstance(optimizer, type):
        return Remade.of(optimizer)
    raise TypeError(
        f"optimizer={optimizer!r}: give a name such as 'adam', bnclaims.Optimizer(...) or a Keras "
        "optimizer"
    )


def _usual_optimizer(protocol: TrainingProtocol, learning_rate: float | None) -> Optimizer | None:
    usual = protocol.optimizer
    if learning_rate is None:
        return usual
    if usual is None:
        return Optimizer("RMSprop", learning_rate=learning_rate)
    return Optimizer(usual.class_name, **dict(usual.arguments) | {"learning_rate": learning_rate})


def _named(trial: Trial, runs: Runs) -> Runs:
    trial.named.append(runs)
    return runs
