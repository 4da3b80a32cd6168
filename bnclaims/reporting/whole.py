"""Files that are replaced as a whole: one, or several that belong together."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bnclaims.running.leftovers import sweep
from bnclaims.running.locks import held

_OURS = ".bnclaims-"
"""How what is here for a while only is called, in folders that hold files of others too."""

_DRAFT, _LOCK = f"{_OURS}draft-", f"{_OURS}lock"
"""How drafts begin, of which old ones are swept, and what keeps other processes waiting."""

_PATIENCE = 30.0
"""Seconds to wait for another process: longer than any report takes, unless it was stopped."""


@contextlib.contextmanager
def draft_for(folder: Path) -> Iterator[Path]:
    """Lends an empty folder, on the file system of another, to write that one's new files into.

    Raises:
        OSError: The other folder cannot be made or written to.
    """
    new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder.glob(f"{_DRAFT}*"))
    try:
        with tempfile.TemporaryDirectory(prefix=_DRAFT, dir=folder) as draft:
            yield Path(draft)
    except BaseException:
        if new:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Runs a block while no other process is within one for the same folder.

    Not so where the file system takes no locks, or a process that was stopped holds its own.
    """
    path = folder / _LOCK
    with held(path, _PATIENCE) as ours:
        try:
            yield
        finally:
            if ours:
                with contextlib.suppress(OSError):
                    path.unlink()


def is_empty(folder: Path) -> bool:
    """Says whether a folder holds nothing but drafts."""
    return all(path.name.startswith(_OURS) for path in folder.iterdir())


def replace(draft: Path, folder: Path, *, unwanted: Iterable[Path] = ()) -> None:
    """Moves a draft's files into a folder and removes unwanted ones; an error undoes all of it.

    Args:
        draft: What `draft_for` lent.
        folder: Where the files go.
        unwanted: Files of the folder to be removed, relative to it.

    Raises:
        OSError: A file cannot be replaced.
    """
    files = [path.relative_to(draft) for path in sorted(draft.rglob("*")) if path.is_file()]
    unwanted = list(unwanted)
    older = Path(tempfile.mkdtemp(prefix="older-", dir=draft))
    with contextlib.ExitStack() as undo:
        for name in [*files, *unwanted]:
            _restore_later(folder / name, older / name, undo)
        for name in files:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (draft / name).replace(folder / name)
        for name in unwanted:
            (folder / name).unlink()
        undo.pop_all()


def write(path: Path, text: str) -> None:
    """Writes a file, or leaves it as it was; a link's target is written, and keeps its mode.

    Args:
        path: Of the file, which is made if need be, its folder too.
        text: What it is to hold.

    Raises:
        OSError: It cannot be written; the error names it.
    """
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():  # a pipe holds nothing that could be lost
            target.write_bytes(text.encode())
            return
        with draft_for(target.parent) as draft:
            (draft / target.name).write_bytes(text.encode())
            if target.exists():
                shutil.copymode(target, draft / target.name)
            replace(draft, target.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _restore_later(path: Path, copy: Path, undo: contextlib.ExitStack) -> None:
    """Has `undo` make a file again what it is now."""
    if path.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
        undo.callback(copy.replace, path)
    else:
        undo.callback(path.unlink, missing_ok=True)
