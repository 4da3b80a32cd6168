"""Progress: journals joined, and a live line that leaves pytest's own output as it was."""

import io
import time
from typing import Any

import pytest

from bnclaims.running.progress import Journal, Progress, duration
from bnclaims.session.live import LiveLine
from tests.fakes import FakeArm

LARGE, SMALL = FakeArm("large", cost=30), FakeArm("small", cost=10)


def test_journals_of_workers_add_up() -> None:
    progress = Progress()
    one, other = (Journal(lambda event, who=who: progress.add(who, event)) for who in "ab")  # type: ignore[misc]
    for journal in (one, other):  # both know the whole plan
        journal.want(LARGE, range(5))
        journal.want(SMALL, range(5))
    one.begin(LARGE)
    for seed in range(5):
        one.done(LARGE, seed, seconds=6.0)
    other.begin(SMALL)
    other.done(SMALL, 4, seconds=2.0)
    # 32 seconds for 160 units of work; 40 units are left, for two workers.
    assert progress.seconds_left == pytest.approx(32 / 160 * 40 / 2)
    assert (
        progress.text() == f"6 of 10 runs, 1 of 2 arms · about 4 s left · a: {LARGE} · b: {SMALL}"
    )
    assert one.seconds_per_cost == 30 / 150
    other.wait("a process")  # and now one trains
    assert progress.seconds_left == pytest.approx(32 / 160 * 40)
    assert progress.text().endswith(f"a: {LARGE} · b: waits for a process")


def test_later_looks_are_added_and_idle_workers_left_out() -> None:
    progress = Progress()
    journal = Journal(lambda event: progress.add("", event))
    assert progress.text() == "0 of 0 runs, 0 of 0 arms"
    journal.begin(SMALL)
    assert progress.text() == f"0 of 0 runs, 0 of 0 arms · {SMALL}"
    journal.done(SMALL, 0, seconds=1.0)
    journal.want(SMALL, [1])
    journal.idle()
    assert progress.text() == "1 of 2 runs, 0 of 1 arms · about 1 s left"


def test_a_journal_tells_each_thing_once() -> None:
    """It told all that it knew after each run, so that overhead grew with its square."""
    told: list[dict[str, Any]] = []
    journal = Journal(told.append)
    journal.want(LARGE, range(1_000))
    for seed in range(1_000):
        journal.begin(LARGE)
        journal.done(LARGE, seed, seconds=1.0)
    assert len(told) == 1 + 1 + 1_000
    assert max(len(str(event)) for event in told[1:]) < 100


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (600, "10 min")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


class Writer:
    """As much of pytest's terminal writer as the live line uses."""

    fullwidth = 20

    def __init__(self, *, hasmarkup: bool) -> None:
        self.hasmarkup = hasmarkup
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
    writer = Writer(hasmarkup=True)
    with LiveLine(writer, writer._file, lambda: "a text that is longer than a line"):
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
    writer = Writer(hasmarkup=False)
    with LiveLine(writer, writer._file, lambda: "same"):
        writer.write("dots")
        assert shown(writer, until="dots\nsame\n")
        time.sleep(0.1)
    assert writer._file.getvalue() == "dots\nsame\n"


def test_nothing_to_say_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bnclaims.session.live._TICK", 0.01)
    writer = Writer(hasmarkup=True)
    with LiveLine(writer, writer._file, lambda: ""):
        time.sleep(0.1)
    assert writer._file.getvalue() == ""
