"""Runs that are trained on a thread of their own, so that one that never ends can be left."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from bnclaims.experiment.history import History

Trained = tuple[int, History]

_TICK = 0.2
"""Seconds between looks at whether to go on."""


def beside(
    run: Callable[[Iterable[int]], Iterator[Trained]],
    seeds: Iterator[int],
    check: Callable[[Mapping[int, float]], None],
) -> Iterator[Trained]:
    """Yields runs that another thread trains, until they are done or `check` raises.

    The thread cannot be stopped, but what it was at is dropped, and it takes no further seed.

    Args:
        run: Trains seeds, which it takes one by one.
        seeds: What to train.
        check: Is called now and then with the seeds in training, each with the seconds that it has
            been; for as long as no seed has been taken, -1 stands for the first.

    Raises:
        BaseException: What training or `check` raises.
    """
    done: queue.Queue[Trained | BaseException | None] = queue.Queue()
    taking, left = threading.Lock(), threading.Event()
    since = {-1: time.monotonic()}

    def taken() -> Iterator[int]:
        while True:
            with taking:
                seed = None if left.is_set() else next(seeds, None)
            since.pop(-1, None)
            if seed is None:
                return
            since[seed] = time.monotonic()
            yield seed

    def train() -> None:
        try:
            for trained in run(taken()):
                done.put(trained)
            done.put(None)
        except BaseException as error:  # noqa: BLE001  (it is raised again in the caller's thread)
            done.put(error)

    threading.Thread(target=train, daemon=True).start()
    try:
        while True:
            with contextlib.suppress(queue.Empty):
                match done.get(timeout=_TICK):
                    case None:
                        return
                    case BaseException() as error:
                        raise error
                    case trained:
                        since.pop(trained[0], None)
                        yield trained
            now = time.monotonic()
            check({seed: now - begun for seed, begun in list(since.items())})
    finally:
        with taking:
            left.set()
