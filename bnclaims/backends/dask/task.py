"""What a worker does for a run: it hands it to a process that trains and does nothing else.

In the worker's own process Dask's threads draw from the global generators of random numbers and
change what a run may depend on. Apart from them a run has the bits that it has everywhere, its
death takes no other run with it, and one that does not end can be ended.
"""

import atexit
import functools
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from distributed import get_worker

from bnclaims.backends.dask.apart import Apart, DeadError, EndedError, Errand
from bnclaims.errors import ArmError
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import Trained

_TRIALS = 3
"""How many processes a run may kill before it is an error."""


def train(
    name: str,
    arm: bytes,
    data: Data | None,
    backend: bytes,
    seed: int,
    *,
    versions: Mapping[str, str],
    timeout: float | None,
) -> Trained:
    """Trains one run on a worker.

    Args:
        name: What the arm is called.
        arm: As `packed_arm` made it.
        data: The data of the arm; None for an arm without.
        backend: What trains it, packed.
        seed: Its run.
        versions: Those that `apart.versions` returned where the arm was packed.
        timeout: Seconds after which the run is given up; None for never.

    Raises:
        ClusterError: The worker has other versions than the arm was named with.
        ArmError: The run took too long, killed its process again and again, ended as by
            `sys.exit` or `pytest.skip`, or cannot be trained.
        Exception: Whatever else training raises, with a note of the worker.
    """
    here = f"the Dask worker {get_worker().address}"
    errand = Errand(here, arm, data, backend, seed, dict(versions))
    for _ in range(_TRIALS):
        try:
            with _lent() as process:
                return process.trained(errand, timeout)
        except TimeoutError:
            raise ArmError(
                f"{name}, seed {seed}: not done after {timeout:g} seconds (--claims-run-timeout)"
            ) from None
        except EndedError as error:
            raise ArmError(f"{name}, seed {seed}: it ended with {error}, on {here}") from None
        except DeadError as error:
            ended = str(error)
    raise ArmError(
        f"{name}, seed {seed}: {_TRIALS} processes died that trained it on {here}, the last with "
        f"{ended}. It may take more memory than there is"
    )


@functools.cache
def _idle() -> "queue.LifoQueue[Apart]":
    atexit.register(_end_all)
    return queue.LifoQueue()


@contextmanager
def _lent() -> Iterator[Apart]:
    """Lends a process to this thread: one that rests, else a new one."""
    try:
        process = _idle().get_nowait()
    except queue.Empty:
        process = Apart()
    try:
        yield process
    finally:
        if process.is_alive():
            _idle().put(process)


def _end_all() -> None:
    while not _idle().empty():
        _idle().get_nowait().end()
