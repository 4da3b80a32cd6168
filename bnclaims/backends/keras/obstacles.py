"""Why our program cannot train a model as `fit` would; what is none of this, it trains."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras.src import backend

from bnclaims.backends.keras import framework, state
from bnclaims.backends.keras.building import label_shapes
from bnclaims.backends.keras.compiling import PLAIN_MODELS, Compilation
from bnclaims.backends.keras.mixing import mixes_examples
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.losses import keras_name

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

_BY_CLASS = (
    "sparse_categorical_crossentropy", "categorical_generalized_cross_entropy", "crossentropy",
)  # fmt: skip
"""Losses that take one number of a class where a prediction has one for each class."""

_HOOKS = ("train_step", "test_step", "compute_loss", "compute_metrics", "fit", "evaluate")


@dataclass(frozen=True)
class _Case:
    """An arm, its model and what that is compiled with, as obstacles to our program see them."""

    arm: TrainingArm
    model: Any
    compiled: Compilation

    def own_class(self) -> bool:
        return type(self.model) not in PLAIN_MODELS

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

    def labels_of_another_form(self) -> bool:
        output = self.model.output_shape
        by_class = keras_name(self.compiled.loss) in _BY_CLASS
        return not all(_alike(shape, output, by_class) for shape in label_shapes(self.arm))

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
        return (
            any(
                isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False)
                for layer in self.model._flatten_layers()
            )
            or any(
                type(layer).compute_mask is not keras.Layer.compute_mask
                for layer in self.model._flatten_layers(include_self=False)
                if not type(layer).__module__.startswith("keras.")
            )
            or (
                mixes_examples(self.model, self.compiled.loss)
                and _masks_what_it_predicts(self.model)
            )
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

    def other_numbers(self) -> bool:
        policies = {layer.dtype_policy.name for layer in self.model._flatten_layers()}
        loss = self.compiled.loss
        rounded = loss.dtype if isinstance(loss, keras.losses.Loss) else "float32"
        return {*policies, rounded, keras.config.floatx()} != {"float32"}

    def nothing_to_train(self) -> bool:
        return not self.model.trainable_variables

    def other_execution(self) -> bool:
        return bool(self.compiled.run_eagerly) or self.compiled.steps_per_execution != 1

    def with_callbacks(self) -> bool:
        return bool(self.arm.callbacks)


OBSTACLES: dict[str, Callable[[_Case], bool]] = {
    "the model is of a class of its own": _Case.own_class,
    "the model has a training step of its own": _Case.own_hook,
    "it has several inputs or outputs": _Case.several_parts,
    "examples or losses are weighted": _Case.weighted,
    "the loss is not one of Keras's means over examples": _Case.own_loss,
    "the loss is not a mean over examples": _Case.no_mean_over_examples,
    "labels and predictions differ in form": _Case.labels_of_another_form,
    "it has metrics besides the accuracy": _Case.other_metrics,
    "the optimizer is not among those that our program is tested with": _Case.other_optimizer,
    "the optimizer comes with a state, from training before": _Case.begun,
    "the optimizer averages the weights": _Case.averages,
    "it has masks": _Case.masks,
    "it has a fixed batch size, or a layer with a state for each row": _Case.keeps_state_of_a_batch,
    "layers add losses of their own": _Case.own_losses_in_layers,
    "it is not all in float32": _Case.other_numbers,
    "it has no trainable weights": _Case.nothing_to_train,
    "it is compiled to run eagerly or several steps at a time": _Case.other_execution,
    "it has callbacks": _Case.with_callbacks,
}


def _alike(labels: tuple[int, ...], output: tuple[int | None, ...], by_class: bool) -> bool:
    """Says whether each example's labels meet its own prediction, and no other example's.

    Keras broadcasts one against the other where their ranks differ by more than a last axis of one;
    and where an example has a single number, in no axis, its last axis is that of the examples.
    """
    if len(output) < 2:
        return False
    if by_class and len(labels) == len(output) - 1:
        return True
    shorter, longer = sorted((labels, output), key=len)
    return len(longer) == len(shorter) or (len(longer) == len(shorter) + 1 and longer[-1] == 1)


def _masks_what_it_predicts(model: Any) -> bool:
    """Says whether a call of a model gives predictions with a mask, whichever part made it."""
    masks: list[Any] = []

    def predicted(x: Any) -> Any:
        predictions = model(x)
        masks.append(backend.get_keras_mask(predictions))
        return predictions

    (taken,) = model.inputs
    try:
        backend.compute_output_spec(predicted, keras.KerasTensor(taken.shape, taken.dtype))
    except Exception:  # noqa: BLE001  (it is said in words when it is trained)
        return False
    return any(mask is not None for mask in masks)


# Where a model's code runs at each step


def _own_code(case: _Case) -> bool:
    return any(map(_is_own, _called(case)))


def _called(case: _Case) -> list[Any]:
    """Returns what is called at each step: layers, operations, functions, the schedule."""
    layers = list(case.model._flatten_layers())
    called = [part for layer in layers for part in (*_operations(layer), *_functions(layer))]
    called += [v.constraint for v in case.model.variables] + [
        v.regularizer for v in case.model.variables
    ]
    rate = case.compiled.optimizer._learning_rate
    if isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        called.append(rate)
    return [part for part in (*layers, *called) if part is not None]


def _draws_from_the_process(case: _Case) -> bool:
    """Says whether a layer has dropout without a seed.

    Keras then has PyTorch draw it from the generator of the process, from which `fit`'s loaders of
    batches draw, too. Recurrent layers and attention draw it by themselves.
    """
    layers = list(case.model._flatten_layers(include_self=False))
    by_layer = [
        layer.rate
        for layer in layers
        if isinstance(layer, keras.layers.Dropout) and layer.seed is None
    ]
    within = [
        getattr(layer, name, 0) for layer in layers for name in ("dropout", "recurrent_dropout")
    ]
    return any(isinstance(share, int | float) and share > 0 for share in by_layer + within)


def _bare_cell(case: _Case) -> bool:
    operations = [op for layer in case.model._flatten_layers() for op in _operations(layer)]
    return any(isinstance(op, _CELLS) for op in operations)


def _one_path_for_two(case: _Case) -> bool:
    paths = [variable.path for variable in case.model.trainable_variables]
    return len(set(paths)) < len(paths)


def _compiled_by_torch(case: _Case) -> bool:
    return case.compiled.jit_compile is True


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


AT_EACH_STEP: dict[str, Callable[[_Case], bool]] = {
    "its dropout has no seed, and draws from the process's generator": _draws_from_the_process,
    "a recurrent cell is called by itself": _bare_cell,
    "two of its weights have one path": _one_path_for_two,
    "code that is not Keras's own runs at each step": _own_code,
    "its builder changes a setting that each step reads": lambda _: bool(state.settings()),
    "it is compiled by torch.compile": _compiled_by_torch,
}
"""Obstacles where a framework does not run it once for a program of all steps."""


def not_by_program(arm: TrainingArm, model: Any, compiled: Compilation | None) -> str:
    """Returns why our program cannot train an arm as `fit` would; '' if it can.

    What it can is what tests compare with `fit`: everything else is handed to `fit` itself.
    """
    if compiled is None:
        return "the model has a compile of its own"
    case = _Case(arm, model, compiled)
    obstacles = OBSTACLES | (AT_EACH_STEP if framework.current().EAGER else {})
    return next((why for why, holds in obstacles.items() if holds(case)), "")
