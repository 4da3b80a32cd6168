"""Tracebacks: which of their frames are the user's, which ours, and which a library's."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

_OURS = Path(__file__).parent
_LIBRARIES = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))
_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of libraries wherever they are: of this Python, of the user, of the system."""
_MADE_UP = ("<", "__autograph_generated_file")
"""How the names begin of files that nobody can open: Python's own, and what AutoGraph makes."""


def walk(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """Yields a traceback and those within it, from the outermost."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def is_ours(path: Path) -> bool:
    """Says whether a file is of this package."""
    return path.is_relative_to(_OURS)


def is_users(path: Path) -> bool:
    """Says whether a file is neither of this package nor of an installed library."""
    installed = _INSTALLED.intersection(path.parts)
    return not installed and not any(map(path.is_relative_to, (_OURS, *_LIBRARIES)))


def path_of(frame: TracebackType) -> Path:
    """Returns the file that a frame's code is in."""
    return Path(frame.tb_frame.f_code.co_filename)


def shown(path: Path) -> str:
    """Returns a file's path for people: from here on, where it is below."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def place(error: BaseException) -> str:
    """Returns where in the user's code an error was raised, as `FILE:LINE`.

    That is the innermost statement of the user's, below what we called; '' where that was a
    library's and called nothing of the user's.
    """
    found = ""
    for frame in walk(error.__traceback__):
        path = path_of(frame)
        if is_ours(path):
            found = ""
        elif is_users(path) and not path.name.startswith(_MADE_UP):
            found = f"{shown(path)}:{frame.tb_lineno}"
    return found
