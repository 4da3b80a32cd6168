"""Runs on disk: one file a run, found by its arm's digest and its seed.

A file is a line with a SHA-256, a line of JSON that says what the run is, and the history's arrays
as an `.npz`; the checksum covers all that follows it. Files appear whole or not at all.
"""

import contextlib
import hashlib
import io
import json
import os
import platform
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from bnclaims.errors import StoreError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.store import StoreWarning

_MAGIC = b"bnclaims-run-1 "


class LocalStore:
    """The runs in a folder, with those of this session in memory.

    Args:
        folder: Where the runs are; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[tuple[str, int], History] = {}
        self._warned: set[Path] = set()

    def __str__(self) -> str:
        return str(self.folder)

    def load(self, arm: Arm, seed: int) -> History | None:
        """Returns a run's history, or None when it has not been trained.

        A damaged file counts as not trained, with a `StoreWarning` that names it.
        """
        key = (arm.digest, seed)
        if key not in self._known:
            path = self.path(arm, seed)
            try:
                self._known[key] = _decoded(path.read_bytes(), key)
            except FileNotFoundError:
                return None
            except (StoreError, OSError) as error:
                if path not in self._warned:
                    self._warned.add(path)
                    message = f"{path} cannot be used ({error}): the run is trained again"
                    warnings.warn(StoreWarning(message), stacklevel=2)
                return None
        return self._known[key]

    def save(self, arm: Arm, seed: int, history: History) -> None:
        """Keeps a run, in memory and, atomically, on disk; a fresh arm's in memory only.

        Where the disk takes no more, a `StoreWarning` says so and the run stays in memory.
        """
        self._known[arm.digest, seed] = history
        if arm.fresh:
            return
        about = {
            "arm": str(arm),
            "seed": seed,
            "data": arm.data_note or "no data",
            "digest": arm.digest,
            "description": arm.description,
            "trained": {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "host": platform.node(),
                "platform": platform.platform(),
                "process": os.getpid(),
            },
        }
        path = self.path(arm, seed)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(path, _encoded(about, history))
        except OSError as error:
            warnings.warn(
                StoreWarning(
                    f"cannot write runs to {self.folder} ({error}): this session keeps them in "
                    "memory, the next one will train them again. Make room or choose another "
                    "folder with --claims-store"
                ),
                stacklevel=2,
            )

    def path(self, arm: Arm, seed: int) -> Path:
        """Returns where a run is or would be stored."""
        return self.folder / "runs" / arm.digest / f"{seed}.run"

    @contextlib.contextmanager
    def lock(self, arm: Arm, name: str) -> Iterator[bool]:
        """Holds a lock on part of an arm, without waiting; yields whether it was to be had.

        The system lets go of it when its process ends, however it ends.
        """
        path = self.folder / "locks" / f"{arm.digest}-{name}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path, thread_local=False)
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        except OSError:  # a folder that takes no locks takes no runs either: `save` says so
            yield True
            return
        try:
            yield True
        finally:
            # Whoever has it open already, and locks it once it is gone, finds the run stored.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            lock.release()


def _encoded(about: dict[str, object], history: History) -> bytes:
    arrays = io.BytesIO()
    np.savez(arrays, allow_pickle=False, **history.to_arrays())
    content = json.dumps(about).encode() + b"\n" + arrays.getvalue()
    return _MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _decoded(file: bytes, key: tuple[str, int]) -> History:
    """Returns the history in a file, if it is the run of that arm's digest and that seed."""
    first, _, content = file.partition(b"\n")
    if not first.startswith(_MAGIC):
        raise StoreError("not a run of bnclaims")
    if first.removeprefix(_MAGIC).decode(errors="replace") != hashlib.sha256(content).hexdigest():
        raise StoreError("its checksum does not match")
    header, _, arrays = content.partition(b"\n")
    about = json.loads(header)
    if (about.get("digest"), about.get("seed")) != key:
        raise StoreError("it is the run of another arm or seed")
    try:
        with np.load(io.BytesIO(arrays), allow_pickle=False) as loaded:
            return History.from_arrays(dict(loaded))
    except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(f"its arrays cannot be read: {error}") from error


def _write_atomically(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        temporary = Path(file.name)
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
