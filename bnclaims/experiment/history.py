"""What a run leaves behind: its curves and, on request, its probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

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


@dataclass(frozen=True, eq=False)
class Trained:
    """A run that was trained elsewhere."""

    history: History
    seconds: float
    """How long it took."""
    warnings: tuple[str, ...] = ()
    """What was warned of meanwhile, to be said where the run was asked for."""
