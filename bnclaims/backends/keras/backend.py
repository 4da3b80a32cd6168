"""Keras on a framework: imported, configured and quiet, on the first run that must be trained."""

import gc
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib import metadata
from typing import ClassVar

from bnclaims.errors import ArmError
from bnclaims.experiment.arm import Arm, TrainingArm
from bnclaims.experiment.history import History
from bnclaims.silence import silence

ENGINE_VERSION = 6
"""Raised whenever this backend changes a number that a run would give."""

JAX_PROGRAM_VERSION = 1
"""Raised whenever what is JAX's alone in this backend changes a number."""

TORCH_PROGRAM_VERSION = 1
"""Raised whenever what is PyTorch's alone in this backend changes a number."""

_TENSORFLOW_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tf-nightly")

_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false"
"""What XLA is told, so that a run computes on one thread, which keeps its bits the same."""


class KerasBackend:
    """Trains and probes with Keras on TensorFlow.

    Args:
        threads: How many runs to train at a time.
    """

    name = "Keras on TensorFlow"
    framework: ClassVar[str] = "tensorflow"
    """As KERAS_BACKEND and the option `--claims-backend` call it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions that a run depends on, read without importing what they are versions of.

        Raises:
            ArmError: Keras or its framework is not installed.
        """
        common = {
            "engine": str(ENGINE_VERSION),
            "keras": _version("keras"),
            "numpy": _version("numpy"),
        }
        return common | self.framework_versions

    @property
    def framework_versions(self) -> dict[str, str]:
        """Those of the framework and of what is done for it.

        Raises:
            ArmError: It is not installed.
        """
        return {"tensorflow": _version(*_TENSORFLOW_DISTRIBUTIONS)}

    def prepare(self) -> None:
        """Has the framework start quietly and on the right threads, whoever imports it.

        Raises:
            ArmError: The environment asks Keras for another framework.
        """
        asked = os.environ.get("KERAS_BACKEND", self.framework)
        if asked != self.framework:
            ours = f"give --claims-backend={asked}" if asked in BACKENDS else "unset it"
            raise ArmError(
                f"KERAS_BACKEND={asked}: claims are trained by {self.name}; {ours}, or bring a "
                "backend of your own with the hook pytest_claims_backend"
            )
        os.environ["KERAS_BACKEND"] = self.framework
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # XLA's, too
        self._set_threads()

    def _set_threads(self) -> None:
        if "tensorflow" in sys.modules:
            return  # it no longer heeds these, and `configure` must not think that it did
        os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
        os.environ["TF_NUM_INTEROP_THREADS"] = str(self._threads)

    def start(self) -> None:
        """Imports the framework and gives it its threads, once a process.

        Raises:
            ArmError: Keras is configured for another framework or number format.
        """
        self.prepare()
        _start(self.framework, self._threads)

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        """Trains or probes an arm for some seeds; yields each history when it is there.

        Raises:
            ArmError: The arm cannot be trained as it is.
            DataError: Its data cannot be loaded.
        """
        for first in (iterator := iter(seeds)):
            # Without a seed to train there is no reason to wait for TensorFlow.
            self.start()
            rest = _chained(first, iterator)
            if isinstance(arm, TrainingArm):
                from bnclaims.backends.keras import training

                yield from training.train(arm, rest, threads=self._threads)
            else:
                from bnclaims.backends.keras import probing

                yield from probing.probe(arm, rest)


class KerasOnJax(KerasBackend):
    """Trains and probes with Keras on JAX."""

    name = "Keras on JAX"
    framework = "jax"

    @property
    def framework_versions(self) -> dict[str, str]:
        """Those of JAX and of what is done for it.

        Raises:
            ArmError: It is not installed.
        """
        return {
            "jax program": str(JAX_PROGRAM_VERSION),
            "jax": _version("jax", extra="jax"),
            "jaxlib": _version("jaxlib", extra="jax"),
        }

    def _set_threads(self) -> None:
        flags = os.environ.get("XLA_FLAGS", "").split()
        if not _jax_has_run():
            others = [flag for flag in flags if flag != _ONE_THREAD]
            os.environ["XLA_FLAGS"] = " ".join([*others, _ONE_THREAD])


class KerasOnTorch(KerasBackend):
    """Trains and probes with Keras on PyTorch."""

    name = "Keras on PyTorch"
    framework = "torch"

    @property
    def framework_versions(self) -> dict[str, str]:
        """Those of PyTorch and of what is done for it.

        Raises:
            ArmError: It is not installed.
        """
        return {
            "torch program": str(TORCH_PROGRAM_VERSION),
            "torch": _version("torch", extra="torch"),
        }

    def prepare(self) -> None:
        """Has PyTorch start quietly, on one thread of the CPU, whoever imports it.

        Raises:
            ArmError: The environment asks Keras for another framework or device.
        """
        device = os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
        if device != "cpu":
            raise ArmError(
                f"KERAS_TORCH_DEVICE={device}: on PyTorch runs compute on the CPU; unset it"
            )
        super().prepare()

    def _set_threads(self) -> None:
        if torch := sys.modules.get("torch"):
            torch.set_num_threads(1)
        else:
            os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"


BACKENDS: Mapping[str, type[KerasBackend]] = {
    kind.framework: kind for kind in (KerasBackend, KerasOnJax, KerasOnTorch)
}
"""By what the option `--claims-backend` calls them; the first is the default."""


def _jax_has_run() -> bool:
    """Says whether XLA has read its flags."""
    bridge = sys.modules.get("jax._src.xla_bridge")
    return bridge is not None and bool(bridge.backends_are_initialized())


def _chained(first: int, rest: Iterator[int]) -> Iterator[int]:
    yield first
    yield from rest


def _version(*distributions: str, extra: str = "") -> str:
    for distribution in distributions:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    what = f"'bnclaims[{extra}]'" if extra else distributions[0]
    raise ArmError(f"{distributions[0]} is not installed: run `pip install {what}`")


@cache
def _start(name: str, threads: int) -> None:
    logging.getLogger(name).setLevel(logging.ERROR)
    there = name in sys.modules
    with silence():
        import keras

        _check(BACKENDS[name], keras.config.backend(), keras.config.floatx())
        from bnclaims.backends.keras import framework, training  # noqa: F401  (frozen with the rest)

    if not there:
        # What its import leaves stays: no collection after an arm need walk through it again.
        gc.freeze()
    framework.current().configure(threads)


def _check(wanted: type[KerasBackend], backend: str, floatx: str) -> None:
    if (backend, floatx) != (wanted.framework, "float32"):
        title = wanted.name.removeprefix("Keras on ")
        raise ArmError(
            f"Keras is set to {backend} and {floatx}; runs are of {title} and float32. Unset "
            "KERAS_BACKEND, look into keras.json, and import Keras after bnclaims has started"
        )
