"""Metrics of arms: what turns the runs that `train` and `probe` name into samples."""

import math
from collections.abc import Callable
from functools import wraps
from typing import Any, overload

import numpy as np

from bnclaims.experiment.history import History
from bnclaims.language import builtin_metrics
from bnclaims.language.bounds import Values
from bnclaims.language.sample import (
    ClaimError,
    Endpoint,
    Runs,
    Sample,
    check_finite,
    check_within,
)

Metric = Callable[..., Any]


@overload
def metric(function: Callable[..., float]) -> Metric: ...
@overload
def metric(*, low: float = ..., high: float = ...) -> Callable[[Callable[..., float]], Metric]: ...
def metric(
    function: Callable[..., float] | None = None,
    *,
    low: float = -math.inf,
    high: float = math.inf,
) -> Any:
    """Makes a metric of a function of histories: `@metric def last(history): ...`.

    Called with histories it stays the function that it was. Called with runs, as `train` returns
    them, it gives a sample: the function's value for each seed. A function of two histories takes
    two arms' runs, seed by seed. Keyword arguments are handed on, but for `diverged=value`: the
    value of a run that diverged, which otherwise has none.

    Args:
        function: Takes one history or more and returns a number.
        low: The least value that it can have: `@metric(low=0, high=1)`.
        high: The largest.
    """
    if function is None:
        return lambda function: _lifted(function, (low, high))
    return _lifted(function, (low, high))


def _lifted(function: Callable[..., float], limits: tuple[float, float]) -> Metric:
    name = function.__name__

    @wraps(function)
    def lifted(
        *runs: Runs | History, diverged: float | None = None, **arguments: Any
    ) -> Sample | float:
        if runs and all(isinstance(item, History) for item in runs):
            return function(*runs, **arguments)
        handles = _handles(name, runs)

        def value(*histories: History) -> float:
            if diverged is not None and any(h.diverged_epoch for h in histories):
                return float(diverged)
            return _number(name, function(*histories, **arguments))

        def compute(count: int) -> Values:
            values = np.array([value(*paired) for paired in _paired(handles, count)], np.float64)
            check_finite(values, name, handles)
            check_within(values, counted_limits, name, handles)
            return values

        low, high = limits
        counted = {} if diverged is None else {"diverged": diverged}
        counted_limits = limits if diverged is None else (min(low, diverged), max(high, diverged))
        if name in _OF_CLASSIFICATIONS:
            _check_accuracy(name, handles)
        return Sample(
            compute,
            handles,
            _called(name, handles, arguments | counted),
            limits=counted_limits,
            metrics=frozenset({name}),
        )

    return lifted


def epochs_to(
    runs: Runs,
    *,
    loss: float | None = None,
    val_loss: float | None = None,
    val_accuracy: float | None = None,
    unreached: float | None = None,
) -> Sample:
    """Returns when a curve first reaches a target, in epochs, for each seed.

    The training loss is known at about twenty points an epoch, the other two after each epoch.

    A run that has not got there within its budget, or diverged, will do so later, if ever. So this
    is an endpoint, compared by the share of seeds in which one arm is sooner than the other.

    Args:
        runs: Of an arm, as `train` returns them.
        loss: The training loss to be at or below.
        val_loss: The loss on the test images to be at or below.
        val_accuracy: The accuracy on the test images to be at or above.
        unreached: Counts a run that did not get there as so many epochs, which makes this a sample
            like any other (with the budget it is the restricted mean time of survival analysis;
            Royston & Parmar 2013, BMC Med. Res. Methodol. 13).

    Raises:
        TypeError: It is not given what `train` returned, or not exactly one target.
        ClaimError: `unreached` lies within the budget, or the arm has no accuracy.
    """
    handles = _handles("epochs_to", (runs,))
    targets = {"loss": loss, "val_loss": val_loss, "val_accuracy": val_accuracy}
    (curve, target), *others = [item for item in targets.items() if item[1] is not None] or [
        ("loss", None)
    ]
    if target is None or others:
        raise TypeError("epochs_to takes one target: loss=, val_loss= or val_accuracy=")
    if curve in _OF_CLASSIFICATIONS:
        _check_accuracy(f"epochs_to({curve}=...)", handles)
    arguments = {curve: target} | ({} if unreached is None else {"unreached": unreached})
    about: dict[str, Any] = {
        "sources": handles,
        "text": _called("epochs_to", handles, arguments),
        "limits": (0.0, math.inf),
        "metrics": frozenset({"epochs_to"}),
    }
    budget = getattr(runs.arm, "epochs", 0)
    if unreached is not None and unreached < budget:
        raise ClaimError(
            f"unreached={unreached}: a run that did not get there within {budget} epochs would "
            f"count as sooner than some that did; give {budget} or more"
        )

    def bounds(count: int) -> tuple[Values, Values]:
        pairs = [
            builtin_metrics.epochs_to_bounds(history, target, curve)
            for (history,) in _paired(handles, count)
        ]
        low, high = np.array(pairs, np.float64).T
        return low, high

    if unreached is None:
        return Endpoint(bounds, **about)
    later = float(unreached)

    def counted(count: int) -> Values:
        _, high = bounds(count)
        return np.where(np.isfinite(high), high, later)

    return Sample(counted, **about)


def diverged(runs: Runs) -> Endpoint:
    """Returns whether a run diverged, 1 or 0, for each seed.

    It is an endpoint: `diverged(a) < diverged(b)` says that in more than half of the seeds b
    diverges and a does not, `diverged(a) < 0.5` that a does not diverge in more than half of them.

    Args:
        runs: Of an arm, as `train` returns them.

    Raises:
        TypeError: It is not given what `train` returned.
    """
    handles = _handles("diverged", (runs,))

    def bounds(count: int) -> tuple[Values, Values]:
        values = np.array(
            [builtin_metrics.diverged(h) for (h,) in _paired(handles, count)], np.float64
        )
        return values, values

    return Endpoint(
        bounds,
        handles,
        _called("diverged", handles, {}),
        limits=(0.0, 1.0),
        metrics=frozenset({"diverged"}),
    )


# Curves
# Some of Keras's losses may be negative, so they have no limits.
mean_loss = metric(builtin_metrics.mean_loss)
final_loss = metric(builtin_metrics.final_loss)
val_loss = metric(builtin_metrics.val_loss)
val_accuracy = metric(low=0, high=1)(builtin_metrics.val_accuracy)
curve_roughness = metric(low=0)(builtin_metrics.curve_roughness)
seconds_per_epoch = metric(low=0)(builtin_metrics.seconds_per_epoch)

# Layers in training and at its start
gradient_ratio = metric(low=0)(builtin_metrics.gradient_ratio)
gradient_imbalance = metric(low=0)(builtin_metrics.gradient_imbalance)
gradient_noise = metric(low=0)(builtin_metrics.gradient_noise)
batch_mean_variance = metric(low=0)(builtin_metrics.batch_mean_variance)
batch_variance_variance = metric(low=0)(builtin_metrics.batch_variance_variance)
update_spread = metric(low=0)(builtin_metrics.update_spread)
input_drift = metric(low=0)(builtin_metrics.input_drift)

# A layer alone
saturation = metric(low=0, high=1)(builtin_metrics.saturation)
activation_distance = metric(low=0)(builtin_metrics.activation_distance)
gradient_passed = metric(low=0, high=1)(builtin_metrics.gradient_passed)
gradient_passed_saturated = metric(low=0, high=1)(builtin_metrics.gradient_passed_saturated)

# Functions
measured = metric(builtin_metrics.measured)


_OF_CLASSIFICATIONS = {"val_accuracy"}
"""Metrics that exist where the loss is a classification's, or an accuracy is asked for."""


def _check_accuracy(name: str, handles: tuple[Runs, ...]) -> None:
    for runs in handles:
        if getattr(runs.arm, "has_accuracy", True) is False:
            raise ClaimError(
                f"{name} does not exist for {runs}: its loss is not known to be a classification's"
                '. If it is meant all the same, say so, as in train(..., metrics=["accuracy"])'
            )


def _handles(name: str, runs: tuple[Any, ...]) -> tuple[Runs, ...]:
    handles = tuple(item for item in runs if isinstance(item, Runs))
    if len(handles) != len(runs) or not runs:
        raise TypeError(
            f"{name} takes what train(...) or probe(...) returned, not "
            + (", ".join(type(item).__name__ for item in runs) or "nothing")
        )
    return handles


def _paired(handles: tuple[Runs, ...], count: int) -> list[tuple[History, ...]]:
    """Returns the histories of the arms, seed by seed."""
    return list(zip(*(runs.court.histories(runs, count) for runs in handles), strict=True))


def _called(name: str, handles: tuple[Runs, ...], arguments: dict[str, Any]) -> str:
    named = [f"{key}={value!r}" for key, value in arguments.items()]
    return f"{name}({', '.join([*map(str, handles), *named])})"


def _number(name: str, value: object) -> float:
    if np.ndim(value) or not isinstance(value, int | float | np.number | np.ndarray):  # type: ignore[arg-type]
        raise TypeError(f"{name} returned {value!r}: a metric gives one number for each run")
    return float(value)
