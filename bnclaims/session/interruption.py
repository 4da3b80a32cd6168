"""Signals: SIGTERM and SIGHUP end a session as Ctrl-C does, and none cuts its report off."""

import contextlib
import functools
import signal
import sys
import threading
from collections.abc import Iterator

import pytest

_KILLING = [signal.SIGTERM]
"""What ends a process at once, unless it asks to be told."""
if sys.platform != "win32":
    _KILLING.append(signal.SIGHUP)  # its terminal was closed, or its connection lost

_SIGNALS = signal.SIGINT, *_KILLING


def end_on_signals(config: pytest.Config) -> None:
    """Has SIGTERM and SIGHUP end the session as Ctrl-C does, with a report of what was reached.

    What is ignored, as SIGHUP under `nohup`, stays so.
    """
    for number in _KILLING if _is_main() else ():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
            config.add_cleanup(functools.partial(_die_on, number))


def _die_on(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Holds signals that would interrupt back until the end, when they do it."""
    came: list[int] = []
    found = {number: signal.getsignal(number) for number in (_SIGNALS if _is_main() else ())}
    # Where Python has not set a handler, it cannot set it again.
    handlers = {number: handler for number, handler in found.items() if handler is not None}
    for number in handlers:
        signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()
