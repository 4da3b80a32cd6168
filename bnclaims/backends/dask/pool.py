"""A Dask cluster as the pool that trains: a run is a task, called by its arm's digest and seed."""

import contextlib
import functools
import json
import math
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import dask
from distributed import Client, Future, LocalCluster, Lock
from distributed.scheduler import KilledWorker

from bnclaims.backends.dask import apart, task
from bnclaims.backends.dask.transport import (
    data_of,
    packed,
    packed_arm,
    packed_data,
    unpacked_data,
)
from bnclaims.errors import ArmError, BnclaimsError, ClusterError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import Trained

_TIMEOUT = 10.0
"""Seconds to wait for a scheduler's answer."""

_TICK = 1.0
"""Seconds between looks at what workers there are."""

_FIRST = 1e15
"""Priority of what runs depend on."""

_UNWATCHED = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
}
"""What a local cluster's workers need not watch: they only wait for processes that train."""

_TRIALS_ALONE = 2
"""How many workers a run may kill while no other suspect is being trained, before it is an error.

Dask blames a dead worker on all that it was given, so a run that it gives up may be a neighbour.
"""


@dataclass
class _Run:
    """A run that has been asked for."""

    arm: Arm
    seed: int
    future: Future
    needed: bool


class DaskPool:
    """Trains runs on the workers of a Dask cluster.

    Args:
        address: Of its scheduler, or a scheduler file.
        backend_of: Returns what trains an arm.
        resources: Dask resources that each run takes, such as `{"GPU": 1}`.
        run_timeout: Seconds after which a run is given up; None for never.
    """

    def __init__(
        self,
        address: str,
        backend_of: Callable[[Arm], Any],
        *,
        resources: Mapping[str, float] | None = None,
        run_timeout: float | None = None,
    ) -> None:
        self._address = address
        self._backend_of = backend_of
        self._resources = dict(resources or {})
        self._run_timeout = run_timeout
        self._session = uuid.uuid4().hex
        self._asked: dict[str, _Run] = {}
        """The runs whose end has not been told, by the names of their tasks."""
        self._shared: dict[str, Future] = {}
        """What runs depend on, by the names of their tasks."""
        self._backends: dict[int, tuple[Any, bytes]] = {}
        """Backends and how they are sent, by their identity, which lasts as long as they do."""
        self._suspects: deque[str] = deque()
        """Runs in whose company workers died, and that wait to be trained without another such."""
        self._alone = ""
        """The suspect that is being trained."""
        self._deaths: Counter[str] = Counter()
        self._lost = ""
        self._threads, self._counted = 0, -math.inf

    def __str__(self) -> str:
        return f"Dask at {self._address}"

    @functools.cached_property
    def _client(self) -> Client:
        return connected(self._address)

    @property
    def threads(self) -> int:
        """How many runs it trains at a time; 0 while it has no workers. Asked for once a second."""
        if time.monotonic() - self._counted > _TICK:
            self._threads = self._count_threads()
            self._counted = time.monotonic()
        return self._threads

    def _count_threads(self) -> int:
        with self._reaching():
            workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        fit = (w for w in workers if _has(w.get("resources", {}), self._resources))
        return sum(worker["nthreads"] for worker in fit)

    def submit(self, arm: Arm, seed: int, *, priority: float, needed: bool) -> None:
        """Has a run trained; see `Pool.submit`.

        Raises:
            ClusterError: The scheduler cannot be reached.
            DescriptionError: The arm cannot be sent.
        """
        key = self._key(arm, seed)
        if run := self._asked.get(key):
            run.needed |= needed
            return
        with self._reaching():
            future = self._client.submit(
                task.train,
                str(arm),
                self._sent_arm(arm),
                self._sent_data(arm),
                self._sent_backend(arm),
                seed,
                versions=apart.versions(),
                timeout=self._run_timeout,
                key=key,
                priority=priority,
                resources=self._resources or None,
            )
        self._asked[key] = _Run(arm, seed, future, needed)

    def answers(self) -> Iterator[tuple[Arm, int, Trained | Exception]]:
        """Yields what has become of runs; see `Pool.answers`.

        Raises:
            ClusterError: The connection was lost, or somebody cancelled the runs.
        """
        if not self._asked:
            return iter(())
        with self._reaching():
            return iter(self._ended())

    def close(self) -> None:
        """Lets go of what is not yet trained, and of the connection."""
        self._asked.clear()
        self._shared.clear()
        if "_client" in vars(self):
            with contextlib.suppress(Exception):  # the scheduler may be gone
                self._client.close(timeout=_TIMEOUT)

    # What is sent

    def _key(self, arm: Arm, seed: int) -> str:
        # What is made anew in each session is no other session's.
        fresh = f"-{self._session}" if arm.fresh else ""
        return f"bnclaims-run-{arm.digest}-{seed}{fresh}"

    def _sent_arm(self, arm: Arm) -> Future:
        return self._share(f"bnclaims-arm-{arm.digest}", bytes, lambda: packed_arm(arm))

    def _sent_data(self, arm: Arm) -> Future | None:
        if (data := data_of(arm)) is None:
            return None
        key = f"bnclaims-data-{data.fingerprint}"
        return self._share(key, unpacked_data, lambda: packed_data(data.load()))

    def _sent_backend(self, arm: Arm) -> bytes:
        backend = self._backend_of(arm)
        if id(backend) not in self._backends:
            self._backends[id(backend)] = backend, packed(backend)
        return self._backends[id(backend)][1]

    def _share(
        self, key: str, unpack: Callable[[bytes], Any], content: Callable[[], bytes]
    ) -> Future:
        """Returns what several runs depend on: a task, so that what a dead worker had is remade."""
        if key not in self._shared:
            # Images are more than Dask expects in a task; they are sent once.
            with dask.config.set({"distributed.admin.large-graph-warning-threshold": "10 GB"}):
                self._shared[key] = self._client.submit(unpack, content(), key=key, priority=_FIRST)
        return self._shared[key]

    # What comes back

    def _ended(self) -> list[tuple[Arm, int, Trained | Exception]]:
        """Returns the runs that were trained, or cannot be."""
        ended: list[tuple[Arm, int, Trained | Exception]] = []
        done: dict[str, _Run] = {}
        for key, run in list(self._asked.items()):
            match run.future.status:
                case "finished":
                    done[key] = run
                case "error":
                    if error := self._error_of(key, run):
                        del self._asked[key]
                        ended.append((run.arm, run.seed, error))
                case "cancelled" | "lost":
                    run.future.result(timeout=_TIMEOUT)  # raises why
        futures = {key: run.future for key, run in done.items()}
        results = self._client.gather(futures) if futures else {}
        for key, run in done.items():
            self._forget_suspicion(key)
            del self._asked[key]
            ended.append((run.arm, run.seed, results[key]))
        self._try_a_suspect()
        return ended

    def _error_of(self, key: str, run: "_Run") -> Exception | None:
        """Returns why a run could not be trained; None where it is tried again."""
        error = run.future.exception()
        if not isinstance(error, KilledWorker):
            self._forget_suspicion(key)
            return _told(error, run.future.traceback())
        if not run.needed or key in self._suspects:
            return None  # whoever needs it sees to it
        if self._alone == key:
            self._forget_suspicion(key)
        self._deaths[key] += 1
        if self._deaths[key] > _TRIALS_ALONE:
            return ArmError(
                f"{run.arm}, seed {run.seed}: Dask workers died each time that they trained it, "
                f"the last at {error.last_worker.address}, also without another suspect beside it. "
                "Their logs may say more, such as too little memory"
            )
        self._suspects.append(key)
        return None

    def _try_a_suspect(self) -> None:
        if self._alone or not self._suspects:
            return
        if self._lock.acquire(timeout=0.1):
            self._alone = self._suspects.popleft()
            self._asked[self._alone].future.retry()

    def _forget_suspicion(self, key: str) -> None:
        if self._alone == key:
            self._alone = ""
            self._lock.release()

    @functools.cached_property
    def _lock(self) -> Lock:
        """Held by the one session on the cluster that trains a suspect."""
        client = self._client
        return Lock("bnclaims-suspect", scheduler_rpc=client.scheduler, loop=client.loop)

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turns what happens to a connection into an error that says what to do, now and later."""
        self._check_connection()
        try:
            yield
        except (OSError, CancelledError) as error:
            self._lost = _first_line(error)
            self._check_connection()

    def _check_connection(self) -> None:
        if self._client.status != "running":
            self._lost = self._lost or "the connection is closed"
        if self._lost:
            raise ClusterError(
                f"{self} was lost ({self._lost}). The runs that had come back are stored: once "
                "the cluster is back, the same command goes on from there"
            )


def connected(address: str) -> Client:
    """Returns a client of the cluster at an address, or in a scheduler file.

    Raises:
        ClusterError: No scheduler answers there.
    """
    try:
        found = json.loads(Path(address).read_text())["address"] if _is_file(address) else address
        return Client(found, timeout=_TIMEOUT, set_as_default=False)
    except Exception as error:  # noqa: BLE001  (an address is whatever somebody typed)
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({_first_line(error)}): start one with "
            "`dask scheduler`, or give the address that it prints"
        ) from None


def _is_file(address: str) -> bool:
    try:
        return Path(address).is_file()
    except (OSError, ValueError):  # too long a name, or with a NUL in it
        return False


def note(address: str) -> str:
    """Returns in a line what a cluster has, and where its dashboard is.

    Raises:
        ClusterError: No scheduler answers there.
    """
    with connected(address) as client:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        threads = sum(worker["nthreads"] for worker in workers)
        dashboard = f"; dashboard {client.dashboard_link}" if client.dashboard_link else ""
        size = f"{_counted(len(workers), 'Dask worker')} with {_counted(threads, 'thread')}"
        return f"{size} at {client.scheduler.address}{dashboard}"


@contextlib.contextmanager
def local(workers: int) -> Iterator[str]:
    """Starts a cluster of processes on this machine; yields its scheduler's address."""
    with (
        dask.config.set(_UNWATCHED),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=None,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
    ):
        yield cluster.scheduler_address


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _has(resources: Mapping[str, float], needed: Mapping[str, float]) -> bool:
    return all(resources.get(name, 0) >= amount for name, amount in needed.items())


def _told(error: Exception, traceback: TracebackType | None) -> Exception:
    """Returns an error of a worker, with the worker's traceback where that says more."""
    missing = error.__cause__ or error  # the scheduler hides it behind an error of its own
    if isinstance(missing, ModuleNotFoundError) and str(missing.name).split(".")[0] == "bnclaims":
        return ClusterError(
            "a machine of the cluster has no bnclaims, or another: install the same versions on "
            "all of them, the scheduler's included"
        )
    return error if isinstance(error, BnclaimsError) else error.with_traceback(traceback)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__
