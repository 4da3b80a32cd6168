"""Frames: where in the user's code a claim's test ended, without the way that led there."""

import dis
import inspect
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from bnclaims.errors import BnclaimsError
from bnclaims.reporting.failure import Place
from bnclaims.tracebacks import is_ours, is_users, path_of, shown, walk


def assertion(excinfo: pytest.ExceptionInfo[BaseException]) -> Place:
    """Returns the statement of the user's at which an exception passed last."""
    entry = next(entry for entry in reversed(excinfo.traceback) if not is_ours(Path(entry.path)))
    return Place(shown(Path(entry.path)), entry.lineno + 1, str(entry.statement).strip())


def declaration(function: Any) -> Place:
    """Returns where a claim's test declares its expected verdict, or else is declared."""
    lines, first = inspect.getsourcelines(function)
    number = next((n for n, line in enumerate(lines) if "expected=" in line), 0)
    file = Path(inspect.getsourcefile(function) or "")
    return Place(shown(file), first + number, lines[number].strip())


def forget_ours(excinfo: pytest.ExceptionInfo[BaseException]) -> None:
    """Takes out of a traceback how we came from the user's test to the user's model.

    What we raise, whose message says it all, shows the user's statement only; what a library
    raises on our call, or a mistake of ours, keeps its frames.
    """
    for error in _chain(excinfo.value):
        error.__traceback__ = _linked(_shortened(list(walk(error.__traceback__))))
    excinfo.traceback = pytest.ExceptionInfo.from_exception(excinfo.value).traceback


def forget_the_call(error: BaseException) -> None:
    """Takes out of a traceback, where no pytest is, also how we came to call the user's test.

    Of an error of ours it leaves the user's frames only: its message says the rest.
    """
    for link in _chain(error):
        found = list(itertools.dropwhile(_is_our_frame, walk(link.__traceback__)))
        if isinstance(link, BnclaimsError):
            found = list(itertools.filterfalse(_is_our_frame, found))
        link.__traceback__ = _linked(_shortened(found))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _shortened(frames: list[TracebackType]) -> list[TracebackType]:
    if frames and _is_our_frame(frames[-1]) and _raises(frames[-1]):
        theirs = [n for n, frame in enumerate(frames) if not _is_our_frame(frame)]
        frames = frames[: theirs[-1] + 1] if theirs else frames
    ours = [n for n, frame in enumerate(frames) if _is_our_frame(frame)]
    if not ours:
        return frames
    users = [n for n in range(ours[-1] + 1, len(frames)) if is_users(path_of(frames[n]))]
    return [*frames[: ours[0]], *frames[users[0] :]] if users else frames


def _raises(frame: TracebackType) -> bool:
    """Says whether a frame ended with a `raise` of its own."""
    return dis.opname[frame.tb_frame.f_code.co_code[frame.tb_lasti]] == "RAISE_VARARGS"


def _linked(frames: list[TracebackType]) -> TracebackType | None:
    linked: TracebackType | None = None
    for frame in reversed(frames):
        linked = TracebackType(linked, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return linked


def _is_our_frame(frame: TracebackType) -> bool:
    return is_ours(path_of(frame))
