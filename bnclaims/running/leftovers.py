"""What killed sessions leave behind, swept by a later one."""

import contextlib
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

_DAY = 24 * 60 * 60


def sweep(paths: Iterable[Path]) -> None:
    """Removes those files and folders that nobody has changed for a day."""
    for path in paths:
        with contextlib.suppress(OSError):  # another session sweeps, too
            if time.time() - path.lstat().st_mtime > _DAY:
                remove(path)


def remove(path: Path) -> None:
    """Removes a file or a folder.

    Raises:
        OSError: A file cannot be removed.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
