"""Trains the runs of an arm: real Keras models, a whole epoch as one program, or by `fit` itself.

The program is traced once an arm, then serves one seed after another, each on one
thread; several threads train several seeds at a time. So a run knows nothing of its company, and
its numbers are the same to the bit however the work was shared out. Why one seed at a time and not
a stack of seeds: see "Seeds one at a time" in docs/architecture.md.
"""

import contextlib
import gc
import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import keras

from bnclaims.backends.keras import state
from bnclaims.backends.keras.building import builder
from bnclaims.backends.keras.compiling import compilation
from bnclaims.backends.keras.curves import Stopped
from bnclaims.backends.keras.fitting import Fitter
from bnclaims.backends.keras.obstacles import not_by_program
from bnclaims.backends.keras.program import Program
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.history import History

_KEPT = 4
"""Trainers kept for the next look at their arms, at some 50 MB each with XLA, 10 without."""


_LAST_EPOCH = 5.0
"""Seconds that threads get to end at an epoch's end; one that hangs is left behind."""


class Trainer(Protocol):
    """Trains an arm for seed after seed."""

    arm: TrainingArm

    def train(self, seed: int, stop: threading.Event | None = None) -> History:
        """Returns the history of one seed, unless told to stop before an epoch."""


_rested: "deque[Trainer]" = deque(maxlen=_KEPT)
_resting = threading.Lock()


def train(
    arm: TrainingArm, seeds: Iterable[int], *, threads: int = 1
) -> Iterator[tuple[int, History]]:
    """Trains an arm for some seeds and yields each history as soon as it is there.

    Args:
        arm: What to train.
        seeds: Taken one by one, when a thread is free: an iterator may still decide.
        threads: How many runs to train at a time.

    Raises:
        ArmError: The model does not fit its data, or draws random numbers that no seed decides.
        DataError: The images cannot be loaded, or changed during the session.
    """
    if threads == 1:
        with _borrowed(arm) as trainer:
            for seed in seeds:
                yield seed, trainer().train(seed)
    else:
        yield from _train_on_threads(arm, iter(seeds), threads)
    gc.collect()  # a model, its program and its variables refer to each other


def _train_on_threads(
    arm: TrainingArm, seeds: Iterator[int], threads: int
) -> Iterator[tuple[int, History]]:
    done: queue.Queue[tuple[int, History] | BaseException | None] = queue.Queue()
    taking = threading.Lock()
    stop = threading.Event()

    def work() -> None:
        try:
            with _borrowed(arm) as trainer:
                while not stop.is_set():
                    with taking:
                        seed = next(seeds, None)
                    if seed is None:
                        break
                    done.put((seed, trainer().train(seed, stop)))
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001  (it is raised again in the caller's thread)
            done.put(error)
        finally:
            done.put(None)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(threads)]
    running = threads
    try:
        for worker in workers:
            worker.start()
        while running:
            item = done.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item
    finally:
        stop.set()
        latest = time.monotonic() + _LAST_EPOCH
        for worker in workers:
            if worker.ident:
                worker.join(max(0.0, latest - time.monotonic()))


@contextlib.contextmanager
def _borrowed(arm: TrainingArm) -> Iterator[Callable[[], Trainer]]:
    """Lends what returns a trainer of an arm, made when first asked for; keeps it afterwards.

    The next look at an arm comes after other arms' looks, and then need not compile it again.
    """
    taken: list[Trainer] = []

    def trainer() -> Trainer:
        if not taken:
            with _resting:
                found = next((t for t in _rested if t.arm.digest == arm.digest), None)
                if found:
                    _rested.remove(found)
            taken.append(found or trainer_of(arm))
        return taken[0]

    yield trainer
    with _resting:
        _rested.extend(taken)


def trainer_of(arm: TrainingArm) -> Trainer:
    """Returns our program for an arm, or `fit` itself for what that cannot train truly.

    Raises:
        ArmError: The arm cannot be trained as it is.
    """
    build = builder(arm)
    with state.known():
        model = build()
        compiled = compilation(arm, model)
        if not (why := not_by_program(arm, model, compiled)):
            assert compiled is not None
            return _program()(arm, build, model, compiled)
    fitter = Fitter(arm, build, compilation)
    warnings.warn(
        f"{arm} is trained by Keras's fit, one seed at a time and slower than by our program, as "
        f"{why}",
        stacklevel=2,
    )
    return fitter


def _program() -> type[Program]:
    """Returns what trains on the framework that Keras runs on."""
    match keras.config.backend():
        case "jax":
            from bnclaims.backends.keras.jax_program import JaxProgram

            return JaxProgram
        case "torch":
            from bnclaims.backends.keras.torch_program import TorchProgram

            return TorchProgram
        case _:
            from bnclaims.backends.keras.tensorflow_program import TensorFlowProgram

            return TensorFlowProgram
