"""What a model is compiled with."""

import copy
from dataclasses import dataclass
from typing import Any

import keras

from bnclaims.backends.keras.building import understood
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm, loss_name, model_name
from bnclaims.experiment.fingerprint import describe
from bnclaims.experiment.losses import asks_for_accuracy, is_classification, keras_name
from bnclaims.experiment.models import Remade

PLAIN_MODELS = (keras.Sequential, type(keras.Model(i := keras.Input((1,)), i)))
"""The classes whose training step is Keras's own; `Functional` has no public name."""

_FILES = ("BackupAndRestore", "CSVLogger", "ModelCheckpoint", "RemoteMonitor", "TensorBoard")
"""Callbacks that read or write files, or call out: runs would meet in them."""


@dataclass(frozen=True)
class Compilation:
    """The arguments of `keras.Model.compile`, resolved from the arm's words and the builder's."""

    optimizer: Any
    loss: Any
    loss_weights: Any = None
    metrics: Any = None
    weighted_metrics: Any = None
    run_eagerly: bool = False
    steps_per_execution: int = 1
    jit_compile: Any = "auto"
    auto_scale_loss: bool = True

    @property
    def accuracy(self) -> bool:
        """Whether an accuracy is reported: the loss is a classification's, or it is asked for."""
        return asks_for_accuracy(self.metrics) or bool(is_classification(self.loss))

    def apply(self, model: Any) -> None:
        """Compiles a model, with the accuracy that the loss stands for where no metric is named."""
        metrics = self.metrics
        if not metrics and not self.weighted_metrics and self.accuracy:
            metrics = ["accuracy"]
        model.compile(
            optimizer=self.optimizer,
            loss=self.loss,
            loss_weights=self.loss_weights,
            metrics=metrics or None,
            weighted_metrics=self.weighted_metrics or None,
            run_eagerly=self.run_eagerly,
            steps_per_execution=self.steps_per_execution,
            jit_compile=self.jit_compile,
            auto_scale_loss=self.auto_scale_loss,
        )


def compilation(arm: TrainingArm, model: Any) -> Compilation | None:
    """Returns what to compile a model with; None where its own `compile` did and stands.

    Raises:
        ArmError: The arm says something else than its builder compiled, or nobody named a loss.
    """
    if arm.callbacks:
        _check_callbacks(arm)
    if not model.compiled:
        if arm.loss is None and not _makes_its_own_loss(model):
            raise ArmError(
                f"{model_name(arm.model)} has no loss: name one, as in train(..., loss='mse'), or "
                "compile the model in its builder"
            )
        return _as_the_arm_says(arm)
    _check_conflicts(arm, model)
    if type(model).compile is not keras.Model.compile:
        return None
    return _as_the_builder_compiled(model)


def _as_the_arm_says(arm: TrainingArm) -> Compilation:
    optimizer = "rmsprop" if arm.optimizer is None else understood(arm, arm.optimizer.build)
    if isinstance(arm.loss, str) and arm.loss not in ("crossentropy", "ce"):
        understood(arm, lambda: keras.losses.get(arm.loss))
    return Compilation(
        optimizer=keras.optimizers.get(optimizer),
        loss=_anew(arm.loss),
        loss_weights=arm.loss_weights,
        metrics=understood(arm, lambda: _made(arm.metrics)),
        weighted_metrics=understood(arm, lambda: _made(arm.weighted_metrics)),
    )


def _as_the_builder_compiled(model: Any) -> Compilation:
    metrics = model._compile_metrics
    return Compilation(
        optimizer=model.optimizer,
        loss=model.loss,
        loss_weights=model._compile_loss._user_loss_weights if model._compile_loss else None,
        metrics=metrics._user_metrics if metrics else None,
        weighted_metrics=metrics._user_weighted_metrics if metrics else None,
        run_eagerly=model.run_eagerly,
        steps_per_execution=model.steps_per_execution,
        jit_compile=model.jit_compile,
        auto_scale_loss=False,  # the builder's `compile` did that, or was told not to
    )


def _made(metrics: Any) -> Any:
    """Returns metrics with their objects made anew."""
    if isinstance(metrics, Remade):
        return metrics.build()
    if isinstance(metrics, dict):
        return {key: _made(item) for key, item in metrics.items()}
    return [_made(item) for item in metrics] if isinstance(metrics, list | tuple) else metrics


def _anew(part: Any) -> Any:
    """Returns a loss whose own numbers start, in each run, from what they were when it was named.

    What else it holds is shared: a change of that is noticed, and refused, before the next run.

    Args:
        part: A loss, several, or what one of them holds.
    """
    if isinstance(part, dict):
        return {name: _anew(item) for name, item in part.items()}
    if isinstance(part, list):
        return [_anew(item) for item in part]
    if isinstance(part, keras.Variable):
        return copy.deepcopy(part)
    if not isinstance(part, keras.losses.Loss | keras.random.SeedGenerator):
        return part
    made = object.__new__(type(part))
    vars(made).update((name, _anew(item)) for name, item in vars(part).items())
    return made


def _check_conflicts(arm: TrainingArm, model: Any) -> None:
    conflicts: list[tuple[str, str, str]] = []
    if arm.optimizer is not None:
        ours = understood(arm, arm.optimizer.build)
        if describe(ours) != describe(_unbuilt(model.optimizer)):
            conflicts.append(("optimizer", str(arm.optimizer), type(model.optimizer).__name__))
    if arm.loss is not None and not _same_loss(arm.loss, model.loss):
        conflicts.append(("loss", loss_name(arm.loss), loss_name(model.loss)))
    conflicts += [
        (name, "one, too", "its own")
        for name in ("loss_weights", "metrics", "weighted_metrics")
        if getattr(arm, name)
    ]
    for name, said, compiled in conflicts:
        raise ArmError(
            f"{model_name(arm.model)} compiles its model with the {name} {compiled}, but the arm "
            f"says {said}: leave one of them out"
        )


def _unbuilt(optimizer: Any) -> Any:
    return Remade.of(optimizer).build()


def _same_loss(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other or (keras_name(one) or one) == (keras_name(other) or other)
    return bool(describe(one) == describe(other))


def _check_callbacks(arm: TrainingArm) -> None:
    for callback in arm.callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise ArmError(
                f"{arm}: {callback!r} is no Keras callback: give objects, as in "
                "callbacks=[keras.callbacks.TerminateOnNaN()]"
            )
        if named := [kind for kind in type(callback).__mro__ if kind.__name__ in _FILES]:
            raise ArmError(
                f"{arm}: {named[0].__name__} reads or writes files, in which the runs of several "
                "seeds would meet: leave it out"
            )


def _makes_its_own_loss(model: Any) -> bool:
    overridden = any(_overrides(model, hook) for hook in ("train_step", "compute_loss", "fit"))
    return overridden or not isinstance(model, PLAIN_MODELS)


def _overrides(model: Any, hook: str) -> bool:
    return hook in vars(model) or getattr(type(model), hook) is not getattr(keras.Model, hook)
