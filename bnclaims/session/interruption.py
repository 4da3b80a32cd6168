"""Signals: SIGTERM ends a session as Ctrl-C does, and neither cuts its report off."""

import contextlib
import signal
import threading
from collections.abc import Iterator

import pytest

_SIGNALS = signal.SIGINT, signal.SIGTERM


def end_on_sigterm(config: pytest.Config) -> None:
    """Has SIGTERM end the session as Ctrl-C does, with a report of what was reached."""
    if _is_main() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config.add_cleanup(_die_on_sigterm)


def _die_on_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


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
