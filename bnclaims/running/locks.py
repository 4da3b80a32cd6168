"""Locks on files, which the system lets go of when their process ends, however it ends."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout


@contextlib.contextmanager
def held(path: Path, patience: float | None = None) -> Iterator[bool]:
    """Holds a lock, after waiting for it; where the file system takes none, nothing is held.

    Yields whether it is.

    Args:
        path: Of the lock's file.
        patience: Seconds after which nothing is held either, as who has it may have been stopped;
            None to wait for as long as it takes.
    """
    lock = FileLock(path)
    with contextlib.suppress(OSError, Timeout):
        lock.acquire(timeout=-1 if patience is None else patience)
    try:
        yield lock.is_locked
    finally:
        lock.release()


def is_held(path: Path) -> bool:
    """Says whether somebody holds a lock, as far as the file system knows."""
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False
