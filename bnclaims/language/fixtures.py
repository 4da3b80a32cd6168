"""What a claim's body gets: `train` and `probe`, which name arms and train nothing."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnclaims.experiment.arm import (
    ARTICLE_BATCH,
    ARTICLE_LOSS,
    ARTICLE_SGD,
    Arm,
    BatchArm,
    FunctionArm,
    Model,
    Optimizer,
    ProbeArm,
    TrainingArm,
    TrainingProtocol,
)
from bnclaims.experiment.data import Data, DataSource
from bnclaims.experiment.models import Layer, Remade
from bnclaims.language.evidence import Trial
from bnclaims.language.sample import Runs


@dataclass(frozen=True)
class Train:
    """The `train` fixture: names an arm and returns a handle to its runs."""

    trial: Trial
    data: DataSource
    protocol: TrainingProtocol

    def __call__(
        self,
        model: Model,
        *,
        optimizer: Any = ARTICLE_SGD,
        learning_rate: float | None = None,
        batch_size: int = ARTICLE_BATCH,
        epochs: int | None = None,
        loss: Any = ARTICLE_LOSS,
        loss_weights: Any = None,
        metrics: Any = (),
        weighted_metrics: Any = (),
        class_weight: Mapping[int, float] | None = None,
        callbacks: Sequence[Any] = (),
        measures: Mapping[str, Callable[[Any, Any, Any], float]] | None = None,
        data: Data | None = None,
        probes: bool = False,
        fresh: bool = False,
        first_seed: int = 0,
    ) -> Runs:
        """Names an arm: a model and how it is trained. Nothing trains before a comparison.

        Args:
            model: An `MLP`, or a function without arguments that returns a Keras model.
            optimizer: An `Optimizer`, a Keras optimizer, or the name of one; the BN article's SGD
                by default. None for what the model's builder compiled.
            learning_rate: For an optimizer given by its name.
            batch_size: Images a step; the article's 128 by default.
            epochs: The protocol's by default.
            loss: Keras's name of the loss, a `keras.losses.Loss`, a function of labels and
                predictions, or a dictionary or list of these, as `compile` takes it. None for what
                the model's builder compiled.
            loss_weights: As `compile` takes them.
            metrics: Names or objects, as `compile` takes them; `measured(arm, name="val_auc")` is
                one after the last epoch.
            weighted_metrics: Likewise.
            class_weight: Weight of each class in the loss, as `fit` takes it.
            callbacks: Keras callbacks; each run gets copies of its own.
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
        arm = TrainingArm(
            model=model,
            data=data or self.data,
            images=None if data else self.protocol.images,
            epochs=self.protocol.epochs if epochs is None else epochs,
            optimizer=as_optimizer(optimizer, learning_rate),
            batch_size=batch_size,
            loss=loss,
            loss_weights=loss_weights,
            metrics=_as_made_anew(metrics),
            weighted_metrics=_as_made_anew(weighted_metrics),
            class_weight=class_weight,
            callbacks=tuple(callbacks),
            measures=measures or {},
            probes=probes,
            fresh=fresh,
        )
        return _named(self.trial, Runs(arm, first_seed, self.trial))


@dataclass(frozen=True)
class Probe:
    """The `probe` fixture: names what is looked at without training and returns a handle to it."""

    trial: Trial
    data: DataSource
    protocol: TrainingProtocol

    def __call__(
        self,
        subject: Layer | Model | Callable[[int], Any],
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
                minibatches of the session's training images; or a function of a seed that returns
                a float or a dictionary of names and numbers or arrays.
            batch_size: Images in a minibatch, for a model.
            batches: How many minibatches are drawn, each with replacement, for a model.
            data: Arrays of your own instead of the session's images, for a model.
            first_seed: Where the seeds start.

        Raises:
            TypeError: The subject is none of these.
            ValueError: A number is out of range.
        """
        _check_data(data)
        arm = self._arm(subject, batch_size, batches, data)
        return _named(self.trial, Runs(arm, first_seed, self.trial))

    def _arm(self, subject: Any, batch_size: int | None, batches: int, data: Data | None) -> Arm:
        if isinstance(subject, Layer) and batch_size is None:
            return ProbeArm(subject)
        if not isinstance(subject, Layer) and batch_size is not None:
            images = None if data else self.protocol.images
            return BatchArm(subject, data or self.data, images, batch_size, batches)
        if batch_size is None and _takes_a_seed(subject):
            return FunctionArm(subject)
        raise TypeError(
            f"probe({subject!r}): give a Layer(activation, initializer), a model with a "
            "batch_size=, or a function of one argument, a seed"
        )


def _check_data(data: object) -> None:
    if data is not None and not isinstance(data, Data):
        raise TypeError(
            f"data={type(data).__name__}: give bnclaims.Data(name=..., x_train=..., "
            "y_train=..., x_test=..., y_test=...)"
        )


def _as_made_anew(metrics: Any) -> Any:
    """Returns metrics with objects, which count as they go, as what makes them anew."""
    if isinstance(metrics, Mapping):
        return {name: _as_made_anew(item) for name, item in metrics.items()}
    if isinstance(metrics, list | tuple):
        return tuple(_as_made_anew(item) for item in metrics)
    return Remade.of(metrics) if hasattr(metrics, "update_state") else metrics


def _takes_a_seed(subject: Any) -> bool:
    if isinstance(subject, type) or not callable(subject):
        return False
    try:
        inspect.signature(subject).bind(0)
    except (TypeError, ValueError):
        return False
    return not hasattr(subject, "get_config")  # a Keras object takes one argument, too


def as_optimizer(optimizer: Any, learning_rate: float | None) -> Optimizer | Remade | None:
    """Returns an optimizer's description.

    Args:
        optimizer: An `Optimizer`, a Keras optimizer, or the name of one; None for none said.
        learning_rate: For one given by its name, or, alone, for Keras's default.

    Raises:
        TypeError: It is none of these.
        ValueError: A learning rate comes with an optimizer that has its own.
    """
    if optimizer is None and learning_rate is None:
        return None
    if optimizer is None or isinstance(optimizer, str):
        arguments = {} if learning_rate is None else {"learning_rate": learning_rate}
        return Optimizer(optimizer or "rmsprop", **arguments)
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


def _named(trial: Trial, runs: Runs) -> Runs:
    trial.named.append(runs)
    return runs
