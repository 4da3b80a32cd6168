"""What killed sessions leave behind, swept by a later one."""

import contextlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

DAY = 24 * 60 * 60.0
"""Seconds after which what a process may be at is taken for a killed one's."""


def sweep(paths: Iterable[Path]) -> None:
    """Removes those files and folders that nobody has changed for a day."""
    for path in paths:
        with contextlib.suppress(OSError):  # another session sweeps, too
            if is_older(path, DAY):
                remove(path)


def is_older(path: Path, seconds: float) -> bool:
    """Says whether a file or folder is there that nobody has changed for some time."""
    with contextlib.suppress(FileNotFoundError):
        return time.time() - path.lstat().st_mtime > seconds
    return False


def remove(path: Path) -> None:
    """Removes a file or a folder.

    Raises:
        OSError: A file cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
