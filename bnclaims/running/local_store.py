"""Runs on disk: one file a run, found by its arm's digest and its seed.

A file is a line with a SHA-256, a line of JSON that says what the run is, and the history's arrays
as an `.npz`; the checksum covers all that follows it. Files appear whole or not at all.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import platform
import re
import stat
import uuid
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from bnclaims.errors import StoreError
from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.arrays import packed, unpacked
from bnclaims.running.leftovers import DAY, is_older, remove, sweep
from bnclaims.running.locks import is_held
from bnclaims.running.store import StoreWarning

_MAGIC = b"bnclaims-run-1 "

_SOFT = ".soft"
"""How the names of files end that stand in for locks."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_RUN = re.compile(r"(0|[1-9][0-9]*)\.run")
_UNFINISHED = re.compile(r"\.[0-9]+\.run-\w+")
_LOCK = re.compile(rf"{_DIGEST.pattern}-[0-9-]+\.(lock|soft)")
# Nothing else in a folder is the store's, whatever the folder: to be read, swept or removed.

_WRITING = 60.0
"""Seconds after which an unfinished file is nobody's any more: to write one takes milliseconds."""

_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
"""What a system says of a path that leads to no file."""

_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What a file system says that takes no locks."""


@dataclass(frozen=True)
class StoredRun:
    """A file of a store, as far as it can be read."""

    path: Path
    size: int
    arm: str = ""
    """The name of its arm, '' where the file is damaged."""
    trained: str = ""
    """When, as date and time in ISO 8601; '' where the file is damaged."""
    problem: str = ""
    """Why it cannot be used; '' where it can."""


class LocalStore:
    """The runs in a folder, with those of this session in memory.

    Args:
        folder: Where the runs are; it need not exist yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[tuple[str, int], History] = {}
        self._warned: set[Path] = set()
        self._swept: set[Path] = set()
        self._described: dict[str, dict[str, Any]] = {}
        self._soft = False
        """Whether files stand in for locks."""

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
                self._known[key] = decoded(_content(path), key)
            except StoreError as error:
                self._warn_once(path, f"{path} cannot be used ({error}): the run is trained again")
                return None
            except OSError as error:
                if error.errno not in _NOTHING_THERE:
                    self._warn_once(
                        self.folder / "runs",
                        f"cannot read runs from {self.folder} ({error}): they are trained again",
                    )
                return None
        return self._known[key]

    def save(self, arm: Arm, seed: int, history: History) -> None:
        """Keeps a run, in memory and, atomically, on disk; a fresh arm's in memory only.

        Where the disk takes no more, a `StoreWarning` says so once and the runs stay in memory.
        """
        self._known[arm.digest, seed] = history
        if arm.fresh:
            return
        about = {
            "arm": str(arm),
            "seed": seed,
            "data": arm.data_note or "no data",
            "digest": arm.digest,
            "description": self._description(arm),
            "trained": {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "host": platform.node(),
                "platform": platform.platform(),
                "process": os.getpid(),
            },
        }
        path, content = self.path(arm, seed), _encoded(about, history)
        try:
            try:
                self._write(path, content)
            except FileNotFoundError:  # somebody has removed the folder, which was empty
                self._write(path, content)
        except OSError as error:
            self._warn_once(
                self.folder,
                f"cannot write runs to {self.folder} ({error}): this session keeps them in "
                "memory, the next one will train them again. Make room or choose another "
                "folder with --claims-store=DIR",
            )

    def stored(self) -> Iterator[StoredRun]:
        """Yields all runs of the folder, sorted by arm and seed, each read as a whole."""
        for path in sorted(self._own_files(_RUN), key=_by_seed):
            try:
                content = _content(path)
                about, arrays = _checked(content, (path.parent.name, _seed_of(path)))
                _history(arrays)
                arm, trained = str(about["arm"]), str(about["trained"]["at"])
            except (StoreError, OSError, KeyError, TypeError) as error:
                with contextlib.suppress(FileNotFoundError):  # somebody else has pruned it
                    yield StoredRun(path, path.lstat().st_size, problem=str(error))
            else:
                yield StoredRun(path, len(content), arm, trained)

    def prune(self) -> Iterator[Path]:
        """Yields damaged runs and what killed sessions left, each once it is removed.

        Sessions that use the folder meanwhile lose nothing: what they are writing stays.
        """
        for path in self._unwanted():
            remove(path)
            yield path
        for folder in self._arms():
            with contextlib.suppress(OSError):
                folder.rmdir()  # where nothing is left in it

    def is_one(self) -> bool:
        """Says whether the folder holds something of a store's, or nothing at all."""
        found = [path for part in ("*", "runs/*", "locks/*") for path in self.folder.glob(part)]
        empty = {self.folder / "runs", self.folder / "locks"}.issuperset(found)
        return empty or any(True for _ in itertools.chain(self._arms(), self._locks()))

    def path(self, arm: Arm, seed: int) -> Path:
        """Returns where a run is or would be stored."""
        return self.folder / "runs" / arm.digest / f"{seed}.run"

    @contextlib.contextmanager
    def lock(self, arm: Arm, name: str) -> Iterator[bool]:
        """Holds a lock on part of an arm, without waiting; yields whether it was to be had.

        The system lets go of it when its process ends, however it ends. On a file system without
        locks, which a `StoreWarning` tells once, files stand in for them; one that a killed process
        left may be waited for as long as a process that was stopped.
        """
        path = self._lock_path(arm, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._acquired(path)
        except Timeout:
            yield False
            return
        except OSError:  # a folder that takes no files takes no runs either: `save` says so
            yield True
            return
        try:
            yield True
        finally:
            # Whoever has it open already, and locks it once it is gone, finds the run stored.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            lock.release()

    def holder(self, arm: Arm, name: str) -> str:
        """Returns the process that holds a lock and its machine, '' where that is not known."""
        path = self._lock_path(arm, name)
        for file in (path, path.with_suffix(_SOFT)):
            with contextlib.suppress(OSError, ValueError):
                process, machine, *_ = _content(file).decode().split()
                return f"process {process} on {machine}"
        return ""

    def _unwanted(self) -> Iterator[Path]:
        yield from (run.path for run in self.stored() if run.problem)
        yield from (path for path in self._own_files(_UNFINISHED) if is_older(path, _WRITING))
        yield from itertools.filterfalse(_may_be_held, self._locks())

    def _arms(self) -> Iterator[Path]:
        """Yields the folders of arms; what a link leads to is not the store's."""
        for folder in self.folder.glob("runs/*"):
            if _DIGEST.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                yield folder

    def _own_files(self, name: re.Pattern[str]) -> Iterator[Path]:
        for folder in self._arms():
            yield from _named(folder, name)

    def _locks(self) -> Iterator[Path]:
        yield from _named(self.folder / "locks", _LOCK)

    def _description(self, arm: Arm) -> dict[str, Any]:
        if arm.digest not in self._described:
            self._described[arm.digest] = arm.description
        return self._described[arm.digest]

    def _lock_path(self, arm: Arm, name: str) -> Path:
        return self.folder / "locks" / f"{arm.digest}-{name}.lock"

    def _acquired(self, path: Path) -> BaseFileLock:
        if not self._soft:
            try:
                lock = FileLock(path, thread_local=False)
                lock.acquire(blocking=False)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                self._soft = True
                path.unlink(missing_ok=True)
                self._warn_once(
                    path.parent,
                    f"the file system of {self.folder} has no locks ({error}): files stand in for "
                    "them, and what a killed session was at may be waited for",
                )
            else:
                # Not by `write_text`: to truncate a file costs more than the lock. The end of the
                # line keeps apart what a killed session left.
                with contextlib.suppress(OSError), path.open("r+") as file:
                    file.write(f"{os.getpid()} {platform.node()}\n")
                return lock
        soft = SoftFileLock(path.with_suffix(_SOFT), thread_local=False)
        soft.acquire(blocking=False)
        return soft

    def _warn_once(self, about: Path, message: str) -> None:
        if about not in self._warned:
            self._warned.add(about)
            warnings.warn(StoreWarning(message), stacklevel=3)

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sweep(path.parent)
        _write_atomically(path, content)

    def _sweep(self, folder: Path) -> None:
        if folder not in self._swept:
            self._swept.add(folder)
            sweep(_named(folder, _UNFINISHED))


def _named(folder: Path, name: re.Pattern[str]) -> Iterator[Path]:
    return (path for path in folder.glob("*") if name.fullmatch(path.name))


def _content(path: Path) -> bytes:
    """Returns what is in a file.

    Raises:
        StoreError: It is none; to read a pipe or a device may never end.
        OSError: It is not there, or cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise StoreError("it is no file")
    try:
        return path.read_bytes()
    except MemoryError:
        raise StoreError("it is larger than the memory") from None


def _may_be_held(lock: Path) -> bool:
    return not is_older(lock, DAY) if lock.suffix == _SOFT else is_held(lock)


def _seed_of(path: Path) -> int:
    return int(path.stem)


def _by_seed(path: Path) -> tuple[str, int]:
    return path.parent.name, _seed_of(path)


def decoded(file: bytes, key: tuple[str, int]) -> History:
    """Returns the history in a file, if it is the run of that arm's digest and that seed.

    Raises:
        StoreError: It is not, or is damaged.
    """
    _, arrays = _checked(file, key)
    return _history(arrays)


def _checked(file: bytes, key: tuple[str, int]) -> tuple[dict[str, Any], bytes]:
    """Returns what a file says that it is, and its arrays, if it is whole and of that run.

    Raises:
        StoreError: It is not.
    """
    first, _, content = file.partition(b"\n")
    if not first.startswith(_MAGIC):
        raise StoreError("not a run of bnclaims")
    if first.removeprefix(_MAGIC).decode(errors="replace") != hashlib.sha256(content).hexdigest():
        raise StoreError("its checksum does not match")
    header, found, arrays = content.partition(b"\n")
    try:
        about = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"its header cannot be read: {error}") from None
    if not isinstance(about, dict) or (about.get("digest"), about.get("seed")) != key:
        raise StoreError("it is the run of another arm or seed")
    if not found:
        raise StoreError("it ends with its header")
    return about, arrays


def _history(content: bytes) -> History:
    try:
        arrays = unpacked(content)
        for name, array in arrays.items():
            if "/" not in name and (array.ndim != 1 or array.dtype.kind not in "fiu"):
                raise StoreError(f"{name} is no curve but {array.dtype} of shape {array.shape}")
        return History.from_arrays(arrays)
    except (
        KeyError, TypeError, ValueError, OSError, EOFError, MemoryError, OverflowError,
        RuntimeError, zipfile.BadZipFile,
    ) as error:  # fmt: skip
        raise StoreError(f"its arrays cannot be read: {error}") from error


def _encoded(about: dict[str, object], history: History) -> bytes:
    content = json.dumps(about).encode() + b"\n" + packed(history.to_arrays())
    return _MAGIC + hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def _write_atomically(path: Path, content: bytes) -> None:
    # Not by tempfile, of which files are for their owner only: a store may be shared. Not synced,
    # which takes longer than all else: what a power failure leaves unwritten, the checksum finds.
    temporary = path.parent / f".{path.name}-{uuid.uuid4().hex}"
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
