"""What both ways to train have in common: stretches of batches, and measures of the model."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras import state
from bnclaims.backends.keras.framework import array_of
from bnclaims.backends.keras.reasons import reason
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.history import Curve
from bnclaims.experiment.seeds import derive

FINE_POINTS = 20
"""Points an epoch of the fine curves, about."""


class Stopped(Exception):  # noqa: N818  (it is no error)
    """Nobody waits for this run any more."""


def stretches(batches: int, points: int) -> NDArray[np.intp]:
    """Returns after which batches, from 1, the stretches of a fine curve end."""
    return np.linspace(0, batches, points + 1).round().astype(np.intp)[1:]


def padded(curve: Curve, length: int) -> Curve:
    """Returns a curve with NaN after its end."""
    return np.pad(curve, (0, length - len(curve)), constant_values=np.nan)


def measured(arm: TrainingArm, model: Any, x: Any, y: Any, seed: int) -> dict[str, float]:
    """Returns an arm's measures of a model as it is now, and leaves the model so.

    Raises:
        ArmError: A measure raises an error or returns no number.
    """
    if not arm.measures:
        return {}
    kept = [(variable, array_of(variable)) for variable in model.variables]
    with state.undisturbed(derive(seed, "measures")):
        values = {
            name: _number(arm, name, partial(function, model, x, y))
            for name, function in arm.measures.items()
        }
    for variable, value in kept:
        variable.assign(value)
    return values


def _number(arm: TrainingArm, name: str, measure: Callable[[], Any]) -> float:
    try:
        value = measure()
    except Exception as error:
        raise ArmError(f"{arm}: the measure {name!r} failed: {reason(error)}") from error
    if (number := one_number(value)) is None:
        raise ArmError(
            f"{arm}: the measure {name!r} returned {value!r:.80}; a function of the model, the "
            "test inputs and their labels returns one number"
        )
    return number


def one_number(value: Any) -> float | None:
    """Returns what is one number, also as an array or a tensor; None for anything else."""
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "biuf":
        return None
    return float(array.reshape(()))
