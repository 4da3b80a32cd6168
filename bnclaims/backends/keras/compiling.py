"""What a model is compiled with, and whether our program can train it as `fit` would."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras

from bnclaims.backends.keras import framework, state
from bnclaims.backends.keras.building import understood
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm, loss_name, model_name
from bnclaims.experiment.data import Data
from bnclaims.experiment.fingerprint import describe
from bnclaims.experiment.losses import asks_for_accuracy, is_classification, keras_name
from bnclaims.experiment.models import Remade

_PLAIN_MODELS = (keras.Sequential, type(keras.Model(i := keras.Input((1,)), i)))
"""The classes whose training step is Keras's own; `Functional` has no public name."""

_PLAIN_OPTIMIZERS = (
    keras.optimizers.SGD, keras.optimizers.RMSprop, keras.optimizers.Adam, keras.optimizers.AdamW,
    keras.optimizers.Adadelta, keras.optimizers.Adagrad, keras.optimizers.Adamax,
    keras.optimizers.Nadam, keras.optimizers.Ftrl, keras.optimizers.Lion,
    keras.optimizers.Adafactor,
)  # fmt: skip
"""The optimizers whose agreement with `fit` is tested; see tests/backends/keras."""

_CELLS = (
    keras.layers.GRUCell, keras.layers.LSTMCell, keras.layers.SimpleRNNCell,
    keras.layers.StackedRNNCells,
)  # fmt: skip
"""What keeps the mask of its dropout until the layer around it resets it, if there is one."""

_FILES = ("BackupAndRestore", "CSVLogger", "ModelCheckpoint", "RemoteMonitor", "TensorBoard")
"""Callbacks that read or write files, or call out: runs would meet in them."""

_HOOKS = ("train_step", "test_step", "compute_loss", "compute_metrics", "fit", "evaluate")


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
        loss=arm.loss,
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
    )


def _made(metrics: Any) -> Any:
    """Returns metrics with their objects made anew."""
    if isinstance(metrics, Remade):
        return metrics.build()
    if isinstance(metrics, dict):
        return {key: _made(item) for key, item in metrics.items()}
    return [_made(item) for item in metrics] if isinstance(metrics, list | tuple) else metrics


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
    return overridden or not isinstance(model, _PLAIN_MODELS)


def _overrides(model: Any, hook: str) -> bool:
    return hook in vars(model) or getattr(type(model), hook) is not getattr(keras.Model, hook)


# What our program trains


def not_by_program(arm: TrainingArm, model: Any, compiled: Compilation | None) -> str:
    """Returns why our program cannot train an arm as `fit` would; '' if it can.

    What it can is what tests compare with `fit`: everything else is handed to `fit` itself.
    """
    if compiled is None:
        return "the model has a compile of its own"
    case = _Case(arm, model, compiled)
    return next((why for why, holds in _OBSTACLES.items() if holds(case)), "")


@dataclass(frozen=True)
class _Case:
    """An arm, its model and what that is compiled with, as obstacles to our program see them."""

    arm: TrainingArm
    model: Any
    compiled: Compilation

    def own_class(self) -> bool:
        return type(self.model) not in _PLAIN_MODELS

    def own_hook(self) -> bool:
        return any(hook in vars(self.model) for hook in _HOOKS)

    def several_parts(self) -> bool:
        data = self.arm.data
        several = isinstance(data, Data) and any(
            isinstance(part, tuple | dict) for part in (data.x_train, data.y_train)
        )
        plain = len(self.model.inputs) == len(self.model.outputs) == 1
        graph = getattr(self.model, "_functional", self.model)
        return several or not plain or isinstance(graph._outputs_struct, list | tuple | dict)

    def weighted(self) -> bool:
        data = self.arm.data
        own = isinstance(data, Data) and (
            data.sample_weight_train is not None or data.sample_weight_test is not None
        )
        return own or bool(self.arm.class_weight or self.compiled.loss_weights)

    def own_loss(self) -> bool:
        return keras_name(self.compiled.loss) is None

    def no_mean_over_examples(self) -> bool:
        loss = self.compiled.loss
        config = loss.get_config() if isinstance(loss, keras.losses.Loss) else {}
        config |= getattr(loss, "_fn_kwargs", {})  # which a configuration may leave out
        means = ("sum_over_batch_size", "mean")
        others = config.get("reduction", means[0]) not in means or config.get("axis", -1) != -1
        return others or config.get("ignore_class") is not None

    def other_metrics(self) -> bool:
        plain = not self.compiled.metrics or list(self.compiled.metrics) in (["accuracy"], ["acc"])
        in_layers = any(layer.metrics for layer in self.model._flatten_layers(include_self=False))
        return not plain or bool(self.compiled.weighted_metrics) or in_layers

    def other_optimizer(self) -> bool:
        rate = self.compiled.optimizer._learning_rate
        known = keras.optimizers.schedules.LearningRateSchedule
        plain_rate = not callable(rate) or hasattr(rate, "assign") or isinstance(rate, known)
        optimizer = self.compiled.optimizer
        known_kind = isinstance(optimizer, _PLAIN_OPTIMIZERS) and not _is_own(optimizer)
        return not known_kind or not plain_rate

    def begun(self) -> bool:
        return bool(int(self.compiled.optimizer.iterations) > 0)

    def averages(self) -> bool:
        return bool(self.compiled.optimizer.use_ema)

    def masks(self) -> bool:
        return any(
            isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False)
            for layer in self.model._flatten_layers()
        ) or any(
            type(layer).compute_mask is not keras.Layer.compute_mask
            for layer in self.model._flatten_layers(include_self=False)
            if not type(layer).__module__.startswith("keras.")
        )

    def keeps_state_of_a_batch(self) -> bool:
        fixed = any(tensor.shape[0] is not None for tensor in self.model.inputs)
        return fixed or any(
            getattr(layer, "stateful", False)
            for layer in self.model._flatten_layers(include_self=False)
        )

    def own_losses_in_layers(self) -> bool:
        return any(
            getattr(layer, "activity_regularizer", None) is not None
            or isinstance(layer, keras.layers.ActivityRegularization)
            or (layer.losses and not type(layer).__module__.startswith("keras."))
            for layer in self.model._flatten_layers(include_self=False)
        )

    def own_code_at_each_step(self) -> bool:
        return framework.current().EAGER and any(map(_is_own, self._called()))

    def _called(self) -> list[Any]:
        """Returns what is called at each step: layers, operations, functions, the schedule."""
        layers = list(self.model._flatten_layers())
        called = [part for layer in layers for part in (*_operations(layer), *_functions(layer))]
        called += [v.constraint for v in self.model.variables] + [
            v.regularizer for v in self.model.variables
        ]
        rate = self.compiled.optimizer._learning_rate
        if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
            called.append(rate)
        return [part for part in (*layers, *called) if part is not None]

    def bare_cell(self) -> bool:
        operations = [op for layer in self.model._flatten_layers() for op in _operations(layer)]
        return framework.current().EAGER and any(isinstance(op, _CELLS) for op in operations)

    def one_path_for_two(self) -> bool:
        paths = [variable.path for variable in self.model.trainable_variables]
        return framework.current().EAGER and len(set(paths)) < len(paths)

    def settings_at_each_step(self) -> bool:
        return framework.current().EAGER and bool(state.settings())

    def other_numbers(self) -> bool:
        policies = {layer.dtype_policy.name for layer in self.model._flatten_layers()}
        return policies != {"float32"} or keras.config.floatx() != "float32"

    def nothing_to_train(self) -> bool:
        return not self.model.trainable_variables

    def other_execution(self) -> bool:
        by_torch = framework.current().EAGER and self.compiled.jit_compile is True
        return bool(self.compiled.run_eagerly) or self.compiled.steps_per_execution != 1 or by_torch

    def with_callbacks(self) -> bool:
        return bool(self.arm.callbacks)


def _operations(layer: Any) -> list[Any]:
    """Returns the operations of a graph, layers or not; none of what is no graph."""
    graph = getattr(layer, "_functional", layer)
    return list(getattr(graph, "operations", ()))


def _functions(layer: Any) -> list[Any]:
    """Returns the functions and objects that a layer was given: activations, regularizers."""
    ends = ("activation", "_regularizer", "_constraint")
    return [part for name, part in vars(layer).items() if name.endswith(ends) and callable(part)]


def _is_own(part: Any) -> bool:
    """Says whether a layer, a function or an object computes what Keras does not."""
    if isinstance(part, keras.layers.Lambda | keras.layers.TorchModuleWrapper):
        return True
    if "call" in getattr(part, "__dict__", ()):
        return True
    kind = part if hasattr(part, "__qualname__") else type(part)
    return not kind.__module__.startswith("keras.")


_OBSTACLES: dict[str, Callable[[_Case], bool]] = {
    "the model is of a class of its own": _Case.own_class,
    "the model has a training step of its own": _Case.own_hook,
    "it has several inputs or outputs": _Case.several_parts,
    "examples or losses are weighted": _Case.weighted,
    "the loss is not one of Keras's means over examples": _Case.own_loss,
    "the loss is not a mean over examples": _Case.no_mean_over_examples,
    "it has metrics besides the accuracy": _Case.other_metrics,
    "the optimizer is not among those that our program is tested with": _Case.other_optimizer,
    "the optimizer comes with a state, from training before": _Case.begun,
    "the optimizer averages the weights": _Case.averages,
    "it has masks": _Case.masks,
    "it has a fixed batch size, or a layer with a state for each row": _Case.keeps_state_of_a_batch,
    "layers add losses of their own": _Case.own_losses_in_layers,
    "a recurrent cell is called by itself": _Case.bare_cell,
    "two of its weights have one path": _Case.one_path_for_two,
    "code that is not Keras's own runs at each step": _Case.own_code_at_each_step,
    "its builder changes a setting that each step reads": _Case.settings_at_each_step,
    "it is not all in float32": _Case.other_numbers,
    "it has no trainable weights": _Case.nothing_to_train,
    "it is compiled to run eagerly, by torch.compile or by several steps": _Case.other_execution,
    "it has callbacks": _Case.with_callbacks,
}
