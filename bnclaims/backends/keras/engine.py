"""The way to TensorFlow: imported, configured and quiet, on the first run that must be trained."""

import contextlib
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from functools import cache

from bnclaims.experiment.arm import Arm, ArmError, TrainingArm
from bnclaims.experiment.history import History


class Engine:
    """Trains and probes; imports TensorFlow when first asked to.

    Args:
        threads: How many runs to train at a time.
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def __call__(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        """Trains or probes an arm for some seeds; yields each history when it is there."""
        for first in (iterator := iter(seeds)):
            # Without a seed to train there is no reason to wait for TensorFlow.
            _start(self._threads)
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


def prepare(threads: int) -> None:
    """Has TensorFlow start quietly and on the right threads, whoever imports it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ["TF_NUM_INTRAOP_THREADS"] = "1"
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)


@cache
def _start(threads: int) -> None:
    prepare(threads)
    if (chosen := os.environ["KERAS_BACKEND"]) != "tensorflow":
        raise ArmError(
            f"KERAS_BACKEND={chosen} is set, but runs are trained by Keras on TensorFlow: unset it "
            "or set it to tensorflow"
        )
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    there = "tensorflow" in sys.modules
    with quiet():
        from bnclaims.backends.keras import training

    if not there:
        # What its import leaves stays: no collection after an arm need walk through it again.
        gc.freeze()
    training.configure(threads)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps TensorFlow's start-up chatter, written below Python, from the terminal.

    Should the import fail, what it wrote is shown.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as chatter:
        os.dup2(chatter.fileno(), 2)
        try:
            yield
        except BaseException:
            chatter.seek(0)
            os.write(kept, chatter.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
