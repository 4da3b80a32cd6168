"""Frames: where in the user's code a claim's test ended, without the way that led there."""

import inspect
import itertools
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from bnclaims.errors import BnclaimsError
from bnclaims.reporting.failure import Place

_OURS = Path(__file__).parents[1]
_LIBRARIES = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib"))


def assertion(excinfo: pytest.ExceptionInfo[BaseException]) -> Place:
    """Returns the statement of the user's at which an exception passed last."""
    entry = next(entry for entry in reversed(excinfo.traceback) if not _is_ours(Path(entry.path)))
    return Place(_shown(Path(entry.path)), entry.lineno + 1, str(entry.statement).strip())


def declaration(function: Any) -> Place:
    """Returns where a claim's test declares its expected verdict, or else is declared."""
    lines, first = inspect.getsourcelines(function)
    number = next((n for n, line in enumerate(lines) if "expected=" in line), 0)
    file = Path(inspect.getsourcefile(function) or "")
    return Place(_shown(file), first + number, lines[number].strip())


def forget_ours(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Takes out of a traceback how we came from the user's test to the user's model.

    What we raise ourselves keeps its frames, and so does what a library raises on our call.
    """
    for error in _chain(excinfo.value):
        error.__traceback__ = _linked(_shortened(list(_frames(error.__traceback__))))
    excinfo.traceback = pytest.ExceptionInfo.from_exception(excinfo.value).traceback


def forget_the_call(error: BaseException) -> None:
    """Takes out of a traceback, where no pytest is, also how we came to call the user's test.

    Of an error of ours it leaves the user's frames only: its message says the rest.
    """
    for link in _chain(error):
        found = list(itertools.dropwhile(_is_our_frame, _frames(link.__traceback__)))
        if isinstance(link, BnclaimsError):
            found = list(itertools.filterfalse(_is_our_frame, found))
        link.__traceback__ = _linked(_shortened(found))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _frames(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _shortened(frames: list[TracebackType]) -> list[TracebackType]:
    ours = [n for n, frame in enumerate(frames) if _is_ours(_path(frame))]
    if not ours:
        return frames
    users = [n for n in range(ours[-1] + 1, len(frames)) if _is_users(_path(frames[n]))]
    return [*frames[: ours[0]], *frames[users[0] :]] if users else frames


def _linked(frames: list[TracebackType]) -> TracebackType | None:
    linked: TracebackType | None = None
    for frame in reversed(frames):
        linked = TracebackType(linked, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return linked


def _path(frame: TracebackType) -> Path:
    return Path(frame.tb_frame.f_code.co_filename)


def _is_our_frame(frame: TracebackType) -> bool:
    return _is_ours(_path(frame))


def _is_ours(path: Path) -> bool:
    return path.is_relative_to(_OURS)


def _is_users(path: Path) -> bool:
    return not any(path.is_relative_to(folder) for folder in (_OURS, *_LIBRARIES))


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
