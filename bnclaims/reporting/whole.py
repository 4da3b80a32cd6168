"""Files that belong together: all of them are replaced, or none."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bnclaims.running.leftovers import sweep

_DRAFT = ".draft-"


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


def _restore_later(path: Path, copy: Path, undo: contextlib.ExitStack) -> None:
    """Has `undo` make a file again what it is now."""
    if path.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
        undo.callback(copy.replace, path)
    else:
        undo.callback(path.unlink, missing_ok=True)
