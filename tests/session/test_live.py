"""The live line leaves pytest's own output as it was."""

import io
import time

import pytest

from bnclaims.session.live import LiveLine, can_redraw


class Writer:
    """As much of pytest's terminal writer as the live line uses."""

    fullwidth = 20

    def __init__(self) -> None:
        self._file = io.StringIO()
        self._line = ""

    @property
    def width_of_current_line(self) -> int:
        return len(self._line)

    def write(self, message: str, *, flush: bool = False, **_: bool) -> None:
        self._file.write(message)
        self._line = (self._line + message).rpartition("\n")[2]


def shown(writer: Writer, until: str) -> str:
    """What has been written, as soon as it holds some text."""
    for _ in range(600):
        if until in writer._file.getvalue():
            break
        time.sleep(0.02)
    return writer._file.getvalue()


def test_on_a_terminal_one_line_is_redrawn_below_what_pytest_writes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bnclaims.session.live._TICK", 0.02)
    writer = Writer()
    with LiveLine(writer, writer._file, lambda: "a text that is longer than a line", redraw=True):
        writer.write("dots")
        assert shown(writer, until="\na text that is long").count("longer") == 0
        writer.write(".")
    text = writer._file.getvalue()
    # The live line goes, the cursor comes back to where pytest was, and pytest goes on.
    assert "\r\x1b[2K\x1b[1A\x1b[4C." in text
    assert writer._line == "dots."


def test_in_a_log_a_line_appears_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnclaims.session.live._TICK", 0.02)
    monkeypatch.setattr("bnclaims.session.live._PAUSE", 0.02)
    writer = Writer()
    with LiveLine(writer, writer._file, lambda: "same", redraw=False):
        writer.write("dots")
        assert shown(writer, until="dots\nsame\n")
        time.sleep(0.1)
    assert writer._file.getvalue() == "dots\nsame\n"


def test_nothing_to_say_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnclaims.session.live._TICK", 0.01)
    monkeypatch.setattr("bnclaims.session.live._PAUSE", 0.01)
    writer = Writer()
    for redraw in (True, False):
        with LiveLine(writer, writer._file, lambda: "", redraw=redraw):
            time.sleep(0.1)
    assert writer._file.getvalue() == ""


def test_when_there_is_no_more_to_say_the_line_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnclaims.session.live._TICK", 0.01)
    writer, texts = Writer(), iter(["something"])
    with LiveLine(writer, writer._file, lambda: next(texts, ""), redraw=True):
        assert shown(writer, until="something\r\x1b[2K")


class Stream(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("terminal", "term", "redraws"),
    [(True, "xterm", True), (True, "dumb", False), (False, "xterm", False)],
)
@pytest.mark.parametrize("colours", ["NO_COLOR", "FORCE_COLOR"])
def test_a_line_is_redrawn_on_a_terminal_whatever_is_said_of_colours(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str, redraws: bool, colours: str
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv(colours, "1")
    assert can_redraw(Stream(terminal=terminal)) == redraws
