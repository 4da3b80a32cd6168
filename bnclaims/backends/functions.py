"""Functions of a seed: whatever a claim measures without `train`, in any framework."""

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras.backend import KerasBackend
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import Arm, FunctionArm
from bnclaims.experiment.history import History
from bnclaims.experiment.seeds import Seed, derive

FUNCTIONS_VERSION = 1
"""Raised whenever what a function is given, or how its answer is kept, changes a number."""

_KERAS = {"keras", "tensorflow"}


class FunctionBackend:
    """Calls functions of a seed.

    Args:
        keras: Configures TensorFlow and Keras for the functions that use them.
    """

    name = "functions of a seed"

    def __init__(self, keras: KerasBackend) -> None:
        self._keras = keras

    @property
    def versions(self) -> Mapping[str, str]:
        """Its own version: those of the libraries that a function uses are in its description."""
        return {"functions": str(FUNCTIONS_VERSION)}

    def prepare(self) -> None:
        """Sets nothing: a function is responsible for what it imports."""

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        """Calls the arm's function for each seed; yields each history when it is there.

        Raises:
            ArmError: The function returned no numbers.
            DescriptionError: What it reaches has changed since it was named.
        """
        if not isinstance(arm, FunctionArm):
            raise ArmError(f"{arm} is no function of a seed")
        for seed in seeds:
            self._seed(arm, seed)
            yield seed, _history(arm, arm.measure(Seed(seed)))

    def _seed(self, arm: FunctionArm, seed: int) -> None:
        """Seeds the generators that a function may draw from without saying so."""
        start = derive(seed, "probe function")
        random.seed(start)
        np.random.seed(start)  # noqa: NPY002  (a function of the user's own may draw from it)
        if _KERAS & arm.libraries:
            self._keras.start()
            import keras

            keras.utils.set_random_seed(start)


def _history(arm: FunctionArm, returned: Any) -> History:
    if isinstance(returned, History):
        return returned
    if isinstance(returned, Mapping):
        return History(probes={name: _numbers(arm, name, v) for name, v in returned.items()})
    value = _numbers(arm, "value", returned)
    if value.ndim:
        raise _no_number(arm, "value", returned)
    return History(probes={"value": value})


def _numbers(arm: FunctionArm, name: Any, value: Any) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        raise _no_number(arm, name, value) from None
    if not isinstance(name, str) or array.dtype.kind not in "biuf":
        raise _no_number(arm, name, value)
    return array


def _no_number(arm: FunctionArm, name: Any, value: Any) -> ArmError:
    return ArmError(
        f"{arm} returned {value!r:.80} as {name!r}: return a float, a History, or a dictionary of "
        "names and numbers or arrays"
    )
