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
from bnclaims.experiment.history import Curve, History
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
        return _checked(arm, returned)
    if isinstance(returned, Mapping):
        return History(probes={name: _numbers(arm, name, v) for name, v in returned.items()})
    value = _numbers(arm, "value", returned)
    if value.ndim:
        raise _no_number(arm, "value", returned)
    return History(probes={"value": value})


_BY_EPOCH = ("loss", "accuracy", "val_loss", "val_accuracy", "seconds", "metrics/")
"""The curves of a history that have one value an epoch, as `History.to_arrays` names them."""


def _checked(arm: FunctionArm, history: History) -> History:
    """Returns a trainer's history with its curves as arrays, as ours have them.

    Raises:
        ArmError: A curve is none, or the curves do not go together.
    """
    for group in ("metrics", "probes"):
        if not isinstance(named := getattr(history, group), Mapping):
            raise _no_number(arm, group, named)
    arrays = {
        name: _numbers(arm, name, value) if name.startswith("probes/") else _curve(arm, name, value)
        for name, value in history.to_arrays().items()
    }
    _check_lengths(arm, {n: a for n, a in arrays.items() if n.startswith(_BY_EPOCH)})
    _check_lengths(arm, {n: a for n, a in arrays.items() if n.startswith("fine_")})
    if len(arrays["fine_loss"]) != len(arrays["fine_epochs"]):
        raise ArmError(
            f"{arm} returned a History with fine curves and no fine_epochs, or the other way "
            "round: give the number of epochs at each of their points"
        )
    for name, array in arrays.items():
        if name.endswith("accuracy") and ((array < 0) | (array > 1)).any():
            raise ArmError(
                f"{arm} returned a History whose {name} goes from {np.nanmin(array):g} to "
                f"{np.nanmax(array):g}: give shares, from 0 to 1"
            )
    return History.from_arrays(arrays)


def _curve(arm: FunctionArm, name: str, value: Any) -> Curve:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):  # ragged, or a tensor that records gradients
        array = np.empty((0, 0))
    if array.ndim != 1 or array.dtype.kind not in "biuf" or name == "metrics/":
        raise ArmError(
            f"{arm} returned a History whose {name} is {value!r:.80}: give a list or an array of "
            "one number an epoch"
        )
    return array.astype(np.float64)


def _check_lengths(arm: FunctionArm, curves: Mapping[str, Curve]) -> None:
    counts = {name: len(curve) for name, curve in curves.items() if len(curve)}
    if len({*counts.values()}) > 1:
        told = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise ArmError(
            f"{arm} returned a History whose curves have different lengths ({told}): give one "
            "value an epoch, NaN where there is none"
        )


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
