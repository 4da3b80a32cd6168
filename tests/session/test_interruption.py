"""Signals that would interrupt are held back, and not lost."""

import signal
import threading
from collections.abc import Iterator

import pytest

from bnclaims.session.interruption import held


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """What a shell starts in the background ignores SIGINT."""
    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_signal_interrupts_when_all_is_done() -> None:
    done = []

    def twice() -> None:
        with held():
            for number in (1, 2):
                signal.raise_signal(signal.SIGINT)
                done.append(number)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert done == [1, 2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_goes_wrong_meanwhile_is_told() -> None:
    with pytest.raises(ValueError, match="wrong"), held():
        raise ValueError("wrong")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_on_another_thread_it_holds_nothing() -> None:
    found = []

    def within() -> None:
        with held():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=within)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
