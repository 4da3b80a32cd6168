"""A process that trains one run after another, and its two ends."""

import contextlib
import functools
import os
import pickle
import platform
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from multiprocessing.connection import Connection
from typing import Any

import cloudpickle
from tblib import pickling_support

from bnclaims.backends.dask.transport import unpacked_arm
from bnclaims.errors import ArmError, BnclaimsError, ClusterError
from bnclaims.experiment.arm import installed_version
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import Trained


class DeadError(Exception):
    """The process died; the message says how."""


class EndedError(Exception):
    """A run ended with what is no Exception, by which Dask would end its worker."""


@dataclass(frozen=True)
class Errand:
    """One run to be trained."""

    here: str
    """What messages call the machine."""
    arm: bytes
    data: Data | str | None
    """A fingerprint stands for data that the process has; None for an arm without."""
    backend: bytes
    seed: int
    versions: Mapping[str, str]
    """Those without which the arm cannot be understood, of where it was packed."""


class Apart:
    """This end of a process that trains."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(  # noqa: S603  (nothing of it comes from outside)
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            env=_environment(),
        )
        theirs.close()
        self._line = Connection(ours.detach())
        self._known: set[str] = set()
        """Fingerprints of the data that it has."""

    def trained(self, errand: Errand, timeout: float | None) -> Trained:
        """Returns what a run left.

        Raises:
            TimeoutError: It took too long, and the process was ended.
            DeadError: The process died.
            EndedError: Training raised what is no Exception; the message says what.
            Exception: Whatever else training raised.
        """
        data = errand.data
        if isinstance(data, Data):
            if data.fingerprint in self._known:
                errand = replace(errand, data=data.fingerprint)
            self._known.add(data.fingerprint)
        try:
            self._line.send_bytes(pickle.dumps(errand, protocol=5))
            if not self._line.poll(timeout):
                self.end()
                raise TimeoutError
            answer, trace = pickle.loads(self._line.recv_bytes())
        except (EOFError, ConnectionError):
            raise DeadError(self._how_it_ended()) from None
        if isinstance(answer, Exception):
            raise answer.with_traceback(trace)
        if isinstance(answer, BaseException):
            text = f": {answer}" if str(answer) else ""
            raise EndedError(f"{type(answer).__name__}{text}")
        trained: Trained = answer
        return trained

    def is_alive(self) -> bool:
        """Says whether it can train another run."""
        return self._process.poll() is None

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._process.wait()

    def _how_it_ended(self) -> str:
        code = self._process.wait()
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
        return f"exit status {code}"


def _environment() -> dict[str, str]:
    """Returns this process's environment without what Dask's nannies add for the worker's sake.

    They have memory given back to the system whenever it is free. A training would get it anew at
    each step, which doubles its time.
    """
    return {name: value for name, value in os.environ.items() if name != "MALLOC_TRIM_THRESHOLD_"}


@functools.cache
def versions() -> Mapping[str, str]:
    """Returns the versions without which what travels cannot be understood."""
    python = ".".join(platform.python_version_tuple()[:2])
    installed = {name: metadata.version(name) for name in ("bnclaims", "cloudpickle")}
    return {"Python": python, **installed}


def main(line: Connection) -> None:
    """Trains what comes in on a line, until it is closed."""
    pickling_support.install()
    known: dict[str, Data] = {}
    arrived: list[bytes] = []
    more = threading.Semaphore(0)

    def listen() -> None:
        # Also during a run: once the worker is gone nobody wants what this process does.
        try:
            while True:
                arrived.append(line.recv_bytes())
                more.release()
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        more.acquire()
        line.send_bytes(_answer(arrived.pop(), known))


def _answer(message: bytes, known: dict[str, Data]) -> bytes:
    here = "a Dask worker"
    try:
        errand: Errand = pickle.loads(message)
        here = errand.here
        data = errand.data
        if isinstance(data, Data):
            known[data.fingerprint] = data
        return pickle.dumps(
            (_trained(errand, known[data] if isinstance(data, str) else data), None)
        )
    except BaseException as error:  # noqa: BLE001  (it is raised again where the run was asked for)
        if not isinstance(error, BnclaimsError):
            error.add_note(f"(raised on {here})")
        return _packed_error(error)


def _packed_error(error: BaseException) -> bytes:
    try:
        content: bytes = cloudpickle.dumps((error, error.__traceback__))
        pickle.loads(content)
    except Exception:  # noqa: BLE001  (whatever its kind, it travels as text)
        text = "".join(traceback.format_exception(error))
        return pickle.dumps((RuntimeError(text), None))
    return content


def _trained(errand: Errand, data: Data | None) -> Trained:
    _check(errand.here, errand.versions, versions())
    backend = _backend(errand.backend)
    backend.prepare()  # before the arm, with which Keras may be imported
    arm = unpacked_arm(errand.arm, data)
    named = getattr(arm, "libraries_used", {})
    _check(errand.here, named, {name: installed_version(name) for name in named})
    _check(errand.here, getattr(arm, "versions", {}), _versions(errand.here, backend))
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as told:
        # Python itself would warn once a process, and this one trains for many sessions.
        warnings.simplefilter("always", UserWarning)
        [(_, history)] = backend.run(arm, [errand.seed])
    said = tuple(str(warned.message) for warned in told if warned.category is UserWarning)
    return Trained(history, time.perf_counter() - started, said)


@functools.lru_cache(maxsize=8)
def _backend(content: bytes) -> Any:
    """Returns a backend, one a process as everywhere: it reads its versions once."""
    return pickle.loads(content)


def _versions(here: str, backend: Any) -> Mapping[str, str]:
    try:
        found: Mapping[str, str] = backend.versions
    except ArmError as error:
        raise ClusterError(f"{here}: {error}") from None
    return found


def _check(here: str, asked: Mapping[str, str], found: Mapping[str, str]) -> None:
    other = [
        f"{name} {found.get(name, 'not installed')} instead of {version}"
        for name, version in asked.items()
        if found.get(name) != version
    ]
    if other:
        raise ClusterError(
            f"{here} has {', '.join(other)}. Install the same versions on all machines: a run's "
            "numbers depend on them"
        )


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])))
