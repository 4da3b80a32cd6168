"""The live line leaves pytest's own output as it was."""

import io
import os
import pty
import re
import subprocess
import sys
import time

import pytest

from bnclaims.session.live import LiveLine, can_redraw
from tests import fake_project


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


SLOW = fake_project.BACKEND.replace(
    "def trained(arm, seed):\n    pass", "def trained(arm, seed):\n    time.sleep(1)"
)


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A command that trains for some seconds."""
    fake_project.prepare(pytester, monkeypatch)
    pytester.makeconftest(SLOW)
    pytester.makepyfile(test_it=fake_project.claims(""))
    for name in ("NO_COLOR", "FORCE_COLOR", "PY_COLORS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return [sys.executable, "-m", "pytest", "-n0", "--claims-store=store"]


def on_a_terminal(command: list[str]) -> str:
    """What a command writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs):
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:  # how Linux says that the other end is closed
            pass
    os.close(ours)
    return b"".join(parts).decode()


REDRAWN, COLOURED = "\r\x1b[2K", "\x1b[3"


def test_without_colours_a_terminal_still_shows_a_line_that_moves(
    session: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    shown = on_a_terminal(session)
    assert COLOURED not in shown
    times = {
        line.partition(" runs in ")[2].partition(",")[0]
        for line in shown.split(REDRAWN)
        if "bnclaims: " in line
    }
    assert len(times - {""}) > 2
    assert max(map(len, re.findall("bnclaims: [0-9].*", shown.replace("\r", "\n")))) < 60


def test_in_a_log_colours_do_not_make_the_line_move(
    session: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = subprocess.run(session, capture_output=True, text=True, check=True).stdout
    assert COLOURED in shown
    assert REDRAWN not in shown
    assert "bnclaims: 0 of" not in shown
