"""Functions of a seed: whatever a claim measures without `train`, in any framework."""

import contextlib
import importlib
import random
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnclaims.backends.keras.backend import KerasBackend
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import Arm, FunctionArm
from bnclaims.experiment.history import History, checked, is_name, numbers
from bnclaims.experiment.seeds import Seed, derive

FUNCTIONS_VERSION = 2
"""Raised whenever what a function is given, or how its answer is kept, changes a number."""

_KERAS = {"keras", "tensorflow"}


class FunctionBackend:
    """Calls functions of a seed.

    Args:
        keras: Configures Keras and its framework for the functions that use them.
    """

    name = "functions of a seed"

    def __init__(self, keras: KerasBackend) -> None:
        self._keras = keras

    @property
    def versions(self) -> Mapping[str, str]:
        """Its own version: those of the libraries that a function uses are in its description.

        There TensorFlow stands for what Keras runs on; where that is another, it stands here.

        Raises:
            ArmError: Keras's framework is not installed.
        """
        own = {"functions": str(FUNCTIONS_VERSION)}
        if self._keras.framework == KerasBackend.framework:
            return own
        return own | self._keras.framework_versions

    def prepare(self) -> None:
        """Has Keras start on the session's framework, where it would not by itself.

        For the rest a function is responsible for what it imports.

        Raises:
            ArmError: The environment asks Keras for another framework.
        """
        if self._keras.framework != KerasBackend.framework:
            self._keras.prepare()

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        """Calls the arm's function for each seed; yields each history when it is there.

        Raises:
            ArmError: The function returned no numbers, or curves that are not one value an epoch.
            DataError: Its data cannot be loaded.
            DescriptionError: What it reaches has changed since it was named.
        """
        if not isinstance(arm, FunctionArm):
            raise ArmError(f"{arm} is no function of a seed")
        images = arm.shown()
        for seed in seeds:
            with self._known_state(arm, derive(seed, "probe function")):
                returned = arm.measure(Seed(seed), images)
            yield seed, _history(arm, returned)

    def _known_state(self, arm: FunctionArm, seed: int) -> contextlib.AbstractContextManager[None]:
        """Returns a state of the generators that a function may draw from without saying so."""
        if not _KERAS & arm.libraries:
            return _seeded(seed, torch="torch" in sys.modules or arm.names("torch"))
        self._keras.start()
        if arm.names("tensorflow"):  # which Keras may not run on, and then would not be seeded
            importlib.import_module("tensorflow")
        from bnclaims.backends.keras import state

        return state.known(seed)


@contextlib.contextmanager
def _seeded(seed: int, *, torch: bool) -> Iterator[None]:
    """Seeds Python's, NumPy's and PyTorch's global generators, and puts them back afterwards."""
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    with _torch_seeded(seed) if torch else contextlib.nullcontext():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextlib.contextmanager
def _torch_seeded(seed: int) -> Iterator[None]:
    torch = importlib.import_module("torch")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def _history(arm: FunctionArm, returned: Any) -> History:
    if isinstance(returned, History):
        return checked(returned, f"{arm} returned")
    if isinstance(returned, Mapping):
        return History(probes={name: _numbers(arm, name, v) for name, v in returned.items()})
    value = _numbers(arm, "value", returned)
    if value.ndim:
        raise _no_number(arm, "value", returned)
    return History(probes={"value": value})


def _numbers(arm: FunctionArm, name: Any, value: Any) -> NDArray[Any]:
    array = numbers(value)
    if not is_name(name) or array is None:
        raise _no_number(arm, name, value)
    return array


def _no_number(arm: FunctionArm, name: Any, value: Any) -> ArmError:
    return ArmError(
        f"{arm} returned {value!r:.80} as {name!r}: return a float, a History, or a dictionary of "
        "names and numbers or arrays"
    )
