"""Trains runs by Keras's own `fit`, one at a time: slow, and true for whatever `fit` can train.

A run starts from the weights, sees the batches and ends with the history that it would have in our
program: what that cannot train, this can.
"""

import copy
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras import framework, state
from bnclaims.backends.keras.building import (
    narrowed,
    resident,
    sample_weights,
    scale,
    scaled,
    understood,
)
from bnclaims.backends.keras.compiling import Compilation
from bnclaims.backends.keras.curves import (
    FINE_POINTS,
    Stopped,
    measured,
    one_number,
    padded,
    stretches,
)
from bnclaims.backends.keras.initialisation import Initialisation
from bnclaims.backends.keras.reasons import reason
from bnclaims.errors import ArmError, BnclaimsError
from bnclaims.experiment.arm import TrainingArm, model_name
from bnclaims.experiment.data import mapped, rows
from bnclaims.experiment.history import Curve, History
from bnclaims.experiment.seeds import data_order, derive

_OURS = {"loss": "loss", "accuracy": "accuracy", "acc": "accuracy"}
"""The curves of a history, by the names that `fit` gives them."""


class Fitter:
    """Trains an arm by `fit`, for seed after seed, each with a new model.

    Args:
        arm: What to train.
        build: Makes a new model of the arm, with its variables made.
        compilation: What to compile a model of the arm with, None where its builder did.
    """

    def __init__(
        self,
        arm: TrainingArm,
        build: Callable[[], Any],
        compilation: Callable[[TrainingArm, Any], Compilation | None],
    ) -> None:
        if arm.probes:
            raise ArmError(
                f"{arm}: probes=True is for what our own program trains, and this is handed to "
                "Keras's fit. Leave probes out"
            )
        self.arm = arm
        self._build = build
        self._compilation = compilation

    def train(self, seed: int, stop: threading.Event | None = None) -> History:
        """Returns the history of one seed, unless told to stop before an epoch.

        Raises:
            ArmError: `fit` refuses the arm, or reports no loss.
        """
        with state.known(derive(seed, "build")):
            model = self._build()
            Initialisation(model, self._build).assign(seed)
            framework.current().set_random_seed(derive(seed, "fit"))
            return self._fitted(model, seed, stop)

    def _fitted(self, model: Any, seed: int, stop: threading.Event | None) -> History:
        arm = self.arm
        if compiled := self._compilation(arm, model):
            understood(arm, partial(compiled.apply, model))
        x, y, x_test, given = self._inputs(model)
        x, y, x_test, y_test = map(_as_fed, (x, y, x_test, given))
        # As our program gives them to measures: the same numbers either way.
        labels = _as_fed(narrowed(given))
        measures = partial(measured, arm, model, x_test, labels, seed)
        weights, test_weights = map(_as_fed, sample_weights(arm))
        batches = _Batches((x, y) if weights is None else (x, y, weights), arm.batch_size, seed)
        test = (x_test, y_test) if test_weights is None else (x_test, y_test, test_weights)
        watch = _Watch(arm, batches, stop, measures)
        try:
            reported = model.fit(
                batches.dataset(),
                epochs=arm.epochs,
                shuffle=False,
                callbacks=[watch, *copy.deepcopy(arm.callbacks)],
                validation_data=test,
                validation_batch_size=arm.batch_size,
                verbose=0,
            )
            watch.complete(reported.history)
            if watch.changed_since_last_epoch():
                after = self._evaluated(model, *test)
                watch.replace_last(after, measures())
        except (BnclaimsError, Stopped):
            raise
        except Exception as error:
            raise ArmError(
                f"{model_name(arm.model)} cannot be trained by fit on {arm.data.name}: "
                f"{reason(error).rstrip('.')}. Keras's own fit fails alike: correct the model, its "
                "data or its arguments"
            ) from error
        return watch.history()

    def _evaluated(self, model: Any, x: Any, y: Any, weights: Any = None) -> dict[str, float]:
        logs: dict[str, float] = model.evaluate(
            x,
            y,
            sample_weight=weights,
            batch_size=self.arm.batch_size,
            return_dict=True,
            verbose=0,
        )
        return logs

    def _inputs(self, model: Any) -> tuple[Any, Any, Any, Any]:
        x, y, x_test, y_test = resident(self.arm, model)
        rule = scale(self.arm, model)
        return scaled(x, rule), y, scaled(x_test, rule), y_test


def _as_fed(structure: Any) -> Any:
    """Returns arrays as `fit` feeds them: numbers with a point in Keras's float format."""
    if structure is None:
        return None

    def fed(array: Any) -> NDArray[Any]:
        values = np.asarray(array)
        return values.astype(keras.config.floatx()) if values.dtype.kind == "f" else values

    return mapped(fed, structure)


class _Batches:
    """The training data, batch by batch, in the order that an epoch has under a seed."""

    def __init__(self, parts: tuple[Any, ...], size: int, seed: int) -> None:
        self.rows, self.size = rows(parts[0]), size
        self._seed = seed
        self._feed = framework.current().feed(parts, size)

    @property
    def count(self) -> int:
        """How many batches an epoch has."""
        return math.ceil(self.rows / self.size)

    def begin(self, epoch: int) -> None:
        """Puts the rows in the order of an epoch."""
        self._feed.begin(data_order(self._seed, epoch, self.rows))

    def dataset(self) -> Any:
        """Returns what `fit` takes; it reads the order when an epoch begins."""
        return self._feed.dataset()


@dataclass
class _Epoch:
    """What a callback notes of an epoch."""

    logs: dict[str, float] = field(default_factory=dict)
    ends: list[int] = field(default_factory=list)
    """The batches, from 1, after which the running loss was noted."""
    totals: list[tuple[float, ...]] = field(default_factory=list)
    """Sum and weight of the running loss there, then of the running accuracy, if there is one."""
    seconds: float = 0.0


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the order of the data, and notes what becomes the history."""

    def __init__(
        self,
        arm: TrainingArm,
        batches: _Batches,
        stop: threading.Event | None,
        measures: Callable[[], dict[str, float]],
    ) -> None:
        super().__init__()
        self._arm, self._batches, self._stop = arm, batches, stop
        self._measures = measures
        self._epochs: list[_Epoch] = []
        self._weights: list[NDArray[Any]] = []
        self._diverged = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        if self._stop and self._stop.is_set():
            raise Stopped
        self._batches.begin(epoch)
        self._epochs.append(_Epoch())
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        if trackers := _trackers(self.model):
            epoch = self._epochs[-1]
            epoch.ends.append(min(batch + 1, self._batches.count))
            epoch.totals.append(
                tuple(float(value) for mean in trackers for value in (mean.total, mean.count))
            )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
        noted = self._epochs[-1]
        noted.seconds = time.perf_counter() - self._started
        noted.logs = {name: self._number(name, value) for name, value in (logs or {}).items()}
        if "loss" not in noted.logs:
            raise ArmError(
                f"{model_name(self._arm.model)} reports {sorted(noted.logs)} from its training "
                "step and no 'loss': return the loss under that name, too"
            )
        measures = self._measures()
        if twice := sorted(noted.logs.keys() & measures.keys()):
            raise ArmError(
                f"{self._arm}: {twice[0]!r} is a measure and what fit reports: rename the measure"
            )
        noted.logs |= measures
        self._weights = [
            framework.array_of(variable) for variable in self.model.trainable_variables
        ]
        if not np.isfinite(noted.logs["loss"]):
            self._diverged = True
            self.model.stop_training = True

    def complete(self, history: Mapping[str, Sequence[float]]) -> None:
        """Adds what the arm's own callbacks reported, as the learning rate that they set."""
        for name, values in history.items():
            for epoch, value in zip(self._epochs, values, strict=False):
                epoch.logs.setdefault(name, self._number(name, value))

    def _number(self, name: str, value: Any) -> float:
        if (number := one_number(value)) is None:
            raise ArmError(
                f"{model_name(self._arm.model)}: {name} is {value!r:.80} after an epoch; report "
                "one number, as F1Score(average='macro') does"
            )
        return number

    def changed_since_last_epoch(self) -> bool:
        """Says whether `fit` left other weights than it last evaluated: averaged or restored."""
        now = [framework.array_of(variable) for variable in self.model.trainable_variables]
        return not self._diverged and any(
            not np.array_equal(a, b) for a, b in zip(now, self._weights, strict=True)
        )

    def replace_last(self, evaluated: dict[str, float], measures: dict[str, float]) -> None:
        """Puts the evaluation of the model as it is left in the place of the last epoch's."""
        after = {f"val_{name}": float(value) for name, value in evaluated.items()}
        self._epochs[-1].logs |= after | measures

    def history(self) -> History:
        """Returns the curves; padded with NaN if the run diverged, shorter if it was stopped."""
        length = self._arm.epochs if self._diverged else len(self._epochs)
        names = dict.fromkeys(name for epoch in self._epochs for name in epoch.logs)
        curves = {name: self._curve(name, length) for name in names}
        ours = {
            f"{part}{_OURS[name.removeprefix(part)]}": curves[name]
            for name in names
            for part in ("val_" if name.startswith("val_") else "",)
            if name.removeprefix(part) in _OURS
        }
        absent = np.full(length, np.nan)
        known: dict[str, Any] = dict.fromkeys(("accuracy", "val_loss", "val_accuracy"), absent)
        known |= ours | self._fine(length)
        others = {
            name: curve for name, curve in curves.items() if name.removeprefix("val_") not in _OURS
        }
        seconds = padded(np.array([epoch.seconds for epoch in self._epochs]), length)
        return History(**known, seconds=seconds, metrics=others)

    def _curve(self, name: str, length: int) -> Curve:
        values = [epoch.logs.get(name, np.nan) for epoch in self._epochs]
        return padded(np.array(values, np.float64), length)

    def _fine(self, length: int) -> dict[str, Curve]:
        """Returns the fine curves, none where the model keeps no running mean of its loss."""
        if not self._epochs[-1].totals:
            return {}
        batches, size = self._batches, self._batches.size
        points = min(FINE_POINTS, len(self._epochs[0].ends))
        ends = stretches(len(self._epochs[0].ends), points)
        fine = np.concatenate([_means(epoch, ends) for epoch in self._epochs])
        loss, *accuracy = (padded(column, length * points) for column in fine.T)
        seen = np.minimum(np.array(self._epochs[0].ends)[ends - 1] * size, batches.rows)
        return {
            "fine_loss": loss,
            "fine_accuracy": accuracy[0] if accuracy else np.full(length * points, np.nan),
            "fine_epochs": np.concatenate([e + seen / batches.rows for e in range(length)]),
        }


def _means(epoch: _Epoch, ends: NDArray[np.intp]) -> NDArray[np.float64]:
    """Returns the means of each stretch, a column each; NaN after a callback ended the epoch."""
    totals = np.array(epoch.totals)
    sums = np.full((ends[-1], totals.shape[1]), np.nan)
    sums[: len(totals)] = totals[: ends[-1]]
    steps = np.diff(sums[ends - 1], axis=0, prepend=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(steps[:, ::2] / steps[:, 1::2], np.float64)


def _trackers(model: Any) -> list[Any]:
    """Returns the running means that a model reports as its loss and its accuracy, if it does."""
    metrics = [part for metric in model.metrics for part in (metric, *_within(metric))]
    loss = [m for m in metrics if type(m) is keras.metrics.Mean and m.name == "loss"]
    means = [m for m in metrics if isinstance(m, keras.metrics.MeanMetricWrapper)]
    accuracy = [m for m in means if m.name in ("accuracy", "acc")]
    return [*loss[:1], *accuracy[:1]] if loss else []


def _within(metric: Any) -> list[Any]:
    """Returns the metrics that were named in `compile`, of what holds them."""
    return list(getattr(metric, "metrics", ()))
