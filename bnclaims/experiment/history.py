"""What a run leaves behind: its curves and, on request, its probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bnclaims.errors import ArmError

Curve = NDArray[np.float64]


def _no_curve() -> Curve:
    return np.empty(0)


@dataclass(frozen=True, eq=False)
class History:
    """The curves of one run.

    A run that diverged holds NaN from the epoch in which its training loss stopped being finite,
    see `is_finite`.
    """

    loss: Curve = field(default_factory=_no_curve)
    """Mean training loss of each epoch, as `fit` reports it, shape `(epochs,)`.

    Where a callback ended the training early, all curves end there.
    """
    accuracy: Curve = field(default_factory=_no_curve)
    """Training accuracy of each epoch, `(epochs,)`; NaN where the loss is no classification's."""
    val_loss: Curve = field(default_factory=_no_curve)
    """Loss on the test images after each epoch, `(epochs,)`.

    The last is of the model that the training leaves, with averaged or restored weights if it ends
    with these.
    """
    val_accuracy: Curve = field(default_factory=_no_curve)
    """Accuracy on the test images after each epoch, `(epochs,)`."""
    fine_loss: Curve = field(default_factory=_no_curve)
    """Training loss averaged over about a twentieth of an epoch, `(points,)`."""
    fine_accuracy: Curve = field(default_factory=_no_curve)
    """Training accuracy over the same stretches, `(points,)`."""
    fine_epochs: Curve = field(default_factory=_no_curve)
    """Where those stretches end, in epochs, `(points,)`."""
    seconds: Curve = field(default_factory=_no_curve)
    """Wall time of each epoch in seconds, `(epochs,)`. Not a function of the seed."""
    metrics: Mapping[str, Curve] = field(default_factory=dict)
    """Other curves by name, `(epochs,)` each: Keras metrics as `fit` names them, and measures."""
    probes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What was measured beside the curves, see the backend's probes; empty unless asked for."""

    @property
    def diverged_epoch(self) -> int | None:
        """The epoch, from 1, in which the training loss stopped being finite; None if it never."""
        broken = np.flatnonzero(~is_finite(self.loss))
        return int(broken[0]) + 1 if len(broken) else None

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Returns the history as named arrays, its groups as `metrics/NAME` and `probes/NAME`."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _curves()}
        for group in _GROUPS:
            arrays |= {f"{group}/{name}": array for name, array in getattr(self, group).items()}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Returns the history that `to_arrays` took apart.

        Raises:
            KeyError: A curve is missing.
        """
        groups: dict[str, Any] = {group: {} for group in _GROUPS}
        for path, array in arrays.items():
            group, _, name = path.partition("/")
            if name:
                groups[group][name] = array
        curves: dict[str, Any] = {name: arrays[name] for name in _curves()}
        return cls(**curves, **groups)


LARGEST = 1e150
"""The square of a number beyond it, which statistics need, would be infinite."""


def is_finite(numbers: ArrayLike) -> NDArray[np.bool_]:
    """Says of each number whether it is one that can be computed with.

    What is neither NaN nor infinite but beyond `LARGEST` is not.
    """
    return np.asarray(np.abs(numbers) <= LARGEST)


_GROUPS = ("metrics", "probes")


def _curves() -> list[str]:
    return [f.name for f in fields(History) if f.name not in _GROUPS]


_BY_EPOCH = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds", "metrics/")
"""The curves of a history that have one value an epoch, as `History.to_arrays` names them."""

_LONGEST = 1_000
"""Bytes of a name."""


def checked(history: History, told: str, *, names: bool = False) -> History:
    """Returns a history that somebody else made with its curves as arrays, as ours have them.

    What is masked in one has no value, NaN.

    Args:
        history: As it came.
        told: Whose it is and how it came, to begin a message with: "my_model returned".
        names: Whether probes may be arrays of texts, too, such as the names of layers.

    Raises:
        ArmError: A curve is none, or the curves do not go together.
    """
    for group in _GROUPS:
        named: Any = getattr(history, group)
        if not isinstance(named, Mapping) or not all(map(is_name, named)):
            raise ArmError(
                f"{told} a History whose {group} is {named!r:.80}: give a dictionary of names and "
                "arrays"
            )
    curves = replace(history, probes={}).to_arrays()
    arrays = {name: _curve(told, name, value) for name, value in curves.items()}
    probes = {
        name: _probe(told, f"probes/{name}", value, names=names)
        for name, value in history.probes.items()
    }
    _check_lengths(told, {n: a for n, a in arrays.items() if n.startswith(_BY_EPOCH)})
    _check_lengths(told, {n: a for n, a in arrays.items() if n.startswith("fine_")})
    if len(arrays["fine_loss"]) != len(arrays["fine_epochs"]):
        raise ArmError(
            f"{told} a History with fine curves and no fine_epochs, or the other way round: give "
            "the number of epochs at each of their points"
        )
    for name, array in arrays.items():
        if name.endswith("accuracy") and ((array < 0) | (array > 1)).any():
            raise ArmError(
                f"{told} a History whose {name} goes from {np.nanmin(array):g} to "
                f"{np.nanmax(array):g}: give shares, from 0 to 1"
            )
    return replace(History.from_arrays(arrays), probes=probes)


def is_name(given: object) -> bool:
    """Says whether something can be what a curve or a number is called: a text to be stored."""
    try:
        return isinstance(given, str) and 0 < len(given.encode()) <= _LONGEST
    except UnicodeEncodeError:  # it holds half a character
        return False


def numbers(value: Any) -> NDArray[Any] | None:
    """Returns what somebody gave as numbers as an array of real ones; None where it is none.

    What is masked has no value, NaN.
    """
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        value = np.ma.filled(value.astype(np.float64), np.nan)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):  # ragged, or a tensor that records gradients
        return None
    return array if array.dtype.kind in "biuf" else None


def _curve(told: str, name: str, value: Any) -> Curve:
    array = numbers(value)
    if array is None or array.ndim != 1:
        raise ArmError(
            f"{told} a History whose {name} is {value!r:.80}: give a list or an array of one "
            "number an epoch"
        )
    return array.astype(np.float64)


def _probe(told: str, name: str, value: Any, *, names: bool) -> NDArray[Any]:
    if names and isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return value
    if (array := numbers(value)) is None:
        raise ArmError(
            f"{told} a History whose {name} is {value!r:.80}: give a number or an array of numbers"
        )
    return array


def _check_lengths(told: str, curves: Mapping[str, Curve]) -> None:
    counts = {name: len(curve) for name, curve in curves.items() if len(curve)}
    if len({*counts.values()}) > 1:
        named = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise ArmError(
            f"{told} a History whose curves have different lengths ({named}): give one value an "
            "epoch, NaN where there is none"
        )


@dataclass(frozen=True, eq=False)
class Trained:
    """A run that was trained elsewhere."""

    history: History
    seconds: float
    """How long it took."""
    warnings: tuple[str, ...] = ()
    """What was warned of meanwhile, to be said where the run was asked for."""
