"""A line at the foot of the terminal that lives beside what pytest writes there."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

_TICK = 1.0
"""Seconds between drawings on a terminal."""

_PAUSE = 30.0
"""Seconds between lines where there is no terminal, as in a log."""


def real_stdout() -> TextIO | None:
    """Returns a stream to where standard output goes now, whatever captures it later.

    To be asked for while nothing is captured; None where there is no such file.
    """
    try:
        number = os.dup(sys.stdout.fileno())
    except (AttributeError, OSError, ValueError):
        return None
    return os.fdopen(number, "w", encoding=sys.stdout.encoding, errors="replace")


def can_redraw(stream: TextIO) -> bool:
    """Says whether a line can be drawn again where it stands; colours are another question."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class LiveLine:
    """Shows a changing text while a session runs: one line redrawn, or now and then a line.

    Args:
        writer: Pytest's terminal writer, which says where its own output has got to.
        stream: Where the line goes, past the writer, which would take it for its own.
        text: Gives the text to show now; nothing is shown for ''.
        redraw: Whether the line is drawn again where it stands, see `can_redraw`.
    """

    def __init__(
        self, writer: Any, stream: TextIO, text: Callable[[], str], *, redraw: bool
    ) -> None:
        self._writer = writer
        self._stream = stream
        self._text = text
        self._redraw = redraw
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._column: int | None = None
        """The column at which pytest's own line was left, while the live line is drawn."""
        self._shown = ""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "LiveLine":
        self._write, self._writer.write = self._writer.write, self._write_above
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        with self._lock:
            self._erase()
            self._writer.write = self._write

    def _run(self) -> None:
        show, pause = (self._draw, _TICK) if self._redraw else (self._print, _PAUSE)
        due = time.monotonic() + pause
        while not self._over.wait(_TICK):
            if time.monotonic() >= due:
                due = time.monotonic() + pause
                show(self._text())

    def _write_above(self, message: str, *, flush: bool = False, **markup: bool) -> None:
        with self._lock:
            self._erase()
            self._write(message, flush=flush, **markup)

    def _draw(self, text: str) -> None:
        with self._lock:
            self._erase()
            if not text:
                return
            self._column = self._writer.width_of_current_line
            self._put(("\n" if self._column else "") + text[: self._writer.fullwidth - 1])

    def _erase(self) -> None:
        if self._column is not None:
            back = f"\x1b[1A\x1b[{self._column}C" if self._column else ""
            self._put(f"\r\x1b[2K{back}")
            self._column = None

    def _print(self, text: str) -> None:
        with self._lock:
            if text and text != self._shown:
                self._put(("\n" if self._writer.width_of_current_line else "") + text + "\n")
                self._shown = text

    def _put(self, text: str) -> None:
        # A terminal that was closed, or a full disk, takes nothing more: the session goes on.
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()
