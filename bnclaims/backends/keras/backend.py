"""Keras on TensorFlow: imported, configured and quiet, on the first run that must be trained."""

import gc
import logging
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from importlib import metadata

from bnclaims.errors import ArmError
from bnclaims.experiment.arm import Arm, TrainingArm
from bnclaims.experiment.history import History
from bnclaims.silence import silence

ENGINE_VERSION = 6
"""Raised whenever this backend changes a number that a run would give."""

_TENSORFLOW_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel", "tf-nightly")


class KerasBackend:
    """Trains and probes with Keras on TensorFlow.

    Args:
        threads: How many runs to train at a time.
    """

    name = "Keras on TensorFlow"

    def __init__(self, threads: int) -> None:
        self._threads = threads

    @cached_property
    def versions(self) -> dict[str, str]:
        """Versions that a run depends on, read without importing what they are versions of.

        Raises:
            ArmError: Keras or TensorFlow is not installed.
        """
        return {
            "engine": str(ENGINE_VERSION),
            "keras": _version("keras"),
            "numpy": _version("numpy"),
            "tensorflow": _version(*_TENSORFLOW_DISTRIBUTIONS),
        }

    def prepare(self) -> None:
        """Has TensorFlow start quietly and on the right threads, whoever imports it.

        Raises:
            ArmError: The environment asks Keras for another backend.
        """
        asked = os.environ.get("KERAS_BACKEND", "tensorflow")
        if asked != "tensorflow":
            raise ArmError(
                f"KERAS_BACKEND={asked}: claims are trained by Keras on TensorFlow; unset it, or "
                "bring a backend of your own with the hook pytest_claims_backend"
            )
        os.environ["KERAS_BACKEND"] = "tensorflow"
        if "tensorflow" in sys.modules:
            return  # it no longer heeds these, and `configure` must not think that it did
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
        os.environ["TF_NUM_INTEROP_THREADS"] = str(self._threads)

    def start(self) -> None:
        """Imports TensorFlow and gives it its threads, once a process."""
        self.prepare()
        _start(self._threads)

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


def _chained(first: int, rest: Iterator[int]) -> Iterator[int]:
    yield first
    yield from rest


def _version(*distributions: str) -> str:
    for distribution in distributions:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    raise ArmError(f"{distributions[0]} is not installed: run `pip install {distributions[0]}`")


@cache
def _start(threads: int) -> None:
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    there = "tensorflow" in sys.modules
    with silence():
        from bnclaims.backends.keras import training

    if not there:
        # What its import leaves stays: no collection after an arm need walk through it again.
        gc.freeze()
    training.configure(threads)
