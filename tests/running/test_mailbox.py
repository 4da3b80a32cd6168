"""The mailbox: what workers tell each other, also when one of them is killed."""

import contextlib
import errno
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from bnclaims.running.mailbox import Mailbox, temporary_folder

GUARD = 60  # seconds after which a test that hangs gives up
PROCESSES = multiprocessing.get_context("spawn")


def ask_once(folder: Path, start: Event, worker: str) -> None:
    def make() -> dict[str, Any]:
        (folder / f"made-by-{worker}").touch()
        return {"by": worker, "process": os.getpid()}

    start.wait(GUARD)
    made = Mailbox(folder, worker).once("data", make)
    (folder / f"answer-{worker}").write_text(json.dumps(made))


def test_of_several_processes_that_ask_one_makes_it(tmp_path: Path) -> None:
    start = PROCESSES.Event()
    processes = [
        PROCESSES.Process(target=ask_once, args=(tmp_path, start, f"gw{number}"), daemon=True)
        for number in range(3)
    ]
    for process in processes:
        process.start()
    start.set()
    for process in processes:
        process.join(GUARD)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    (maker,) = tmp_path.glob("made-by-*")
    answers = [json.loads(path.read_text()) for path in tmp_path.glob("answer-*")]
    assert len(answers) == 3
    assert {answer["by"] for answer in answers} == {maker.name.removeprefix("made-by-")}
    assert len({answer["process"] for answer in answers}) == 1


def test_of_many_threads_that_ask_one_makes_it(tmp_path: Path) -> None:
    made: list[int] = []
    answers: list[Any] = []

    def make() -> dict[str, Any]:
        made.append(len(made))
        return {"number": len(made)}

    def ask(number: int) -> None:
        mailbox = Mailbox(tmp_path, f"gw{number}")
        answers.extend((name, mailbox.once(name, make)["number"]) for name in ("a", "b", "c"))

    threads = [threading.Thread(target=ask, args=(n,), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD)
    assert len(made) == 3
    assert len(answers) == 12
    assert len(set(answers)) == 3


def test_names_are_made_apart_and_come_back_as_json(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, "gw0")
    assert mailbox.once("a", lambda: {"n": [1, None, "é"]}) == {"n": [1, None, "é"]}
    assert mailbox.once("b", lambda: {"n": 2}) == {"n": 2}
    assert Mailbox(tmp_path, "gw1").once("a", lambda: {"n": 3}) == {"n": [1, None, "é"]}


def test_who_is_stopped_while_making_takes_what_others_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They waited for ever."""
    monkeypatch.setattr("bnclaims.running.mailbox._PATIENCE", 0.1)
    others = []

    def stopped() -> dict[str, int]:
        others.append(Mailbox(tmp_path, "gw1").once("data", lambda: {"n": 1}))
        return {"n": 0}

    assert Mailbox(tmp_path, "gw0").once("data", stopped) == {"n": 1}
    assert others == [{"n": 1}]


def test_what_could_not_be_made_is_made_by_the_next(tmp_path: Path) -> None:
    def fail() -> dict[str, Any]:
        raise ValueError("no data")

    with pytest.raises(ValueError, match="no data"):
        Mailbox(tmp_path, "gw0").once("data", fail)
    assert Mailbox(tmp_path, "gw1").once("data", lambda: {"n": 1}) == {"n": 1}


def test_a_worker_killed_while_it_writes_does_not_spoil_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a killed process leaves: its locks gone, its file as far as it was written."""
    write = Path.write_text

    def write_half(self: Path, data: str, *args: Any, **kwargs: Any) -> int:
        write(self, data[: len(data) // 2], *args, **kwargs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", write_half)
        with contextlib.suppress(KeyboardInterrupt):
            Mailbox(tmp_path, "gw0").once("data", lambda: {"n": 1})
    assert Mailbox(tmp_path, "gw1").once("data", lambda: {"n": 1}) == {"n": 1}


def test_what_is_posted_is_seen_by_all_once(tmp_path: Path) -> None:
    first, second = Mailbox(tmp_path, "gw0"), Mailbox(tmp_path, "gw1")
    assert list(first.posted()) == []
    first.post("a" * 64, (5, 6, 7))
    second.post("b" * 64, (0,))
    second.post("a" * 64, (5, 6, 7))
    second.post("a" * 64, (8, 9))
    expected = {("a" * 64, (5, 6, 7)), ("a" * 64, (8, 9)), ("b" * 64, (0,))}
    for mailbox in (first, second):
        posted = list(mailbox.posted())
        assert set(posted) == expected
        assert len(posted) == 3


def test_notices_are_whole_whenever_they_are_read(tmp_path: Path) -> None:
    written = threading.Event()

    def write() -> None:
        mailbox = Mailbox(tmp_path, "gw0")
        for number in range(200):
            mailbox.post("a" * 64, tuple(range(number % 10, 40)))
        written.set()

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    reader = Mailbox(tmp_path, "gw1")
    while not written.is_set():
        for digest, seeds in reader.posted():
            assert (digest, seeds) == ("a" * 64, tuple(range(seeds[0], 40)))
    thread.join(GUARD)
    assert len(list(reader.posted())) == 10


def work(folder: Path, working: Event, done: Event) -> None:
    with Mailbox(folder, "gw1").working():
        working.set()
        done.wait()


@contextlib.contextmanager
def another_worker(folder: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Yields what ends the work of another process, and what kills it."""
    working, done = PROCESSES.Event(), PROCESSES.Event()
    process = PROCESSES.Process(target=work, args=(folder, working, done), daemon=True)

    def end() -> None:
        done.set()
        process.join(GUARD)
        assert process.exitcode == 0

    def kill() -> None:
        process.kill()
        process.join()

    process.start()
    try:
        assert working.wait(GUARD)
        yield end, kill
    finally:
        kill()


@pytest.mark.parametrize("way", ["ended", "killed"])
def test_others_work_until_they_are_through_or_killed(tmp_path: Path, way: str) -> None:
    mailbox = Mailbox(tmp_path, "gw0")
    assert not mailbox.others_work()
    with another_worker(tmp_path) as (end, kill):
        assert mailbox.others_work()
        assert mailbox.others_work()  # having looked does not end it
        with mailbox.working():
            assert mailbox.others_work()
        {"ended": end, "killed": kill}[way]()
        assert not mailbox.others_work()


def test_ones_own_work_is_not_others(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path, "gw0")
    with mailbox.working():
        assert not mailbox.others_work()
        assert Mailbox(tmp_path, "gw1").others_work()
    assert not Mailbox(tmp_path, "gw1").others_work()


def test_work_that_ends_in_an_error_has_ended(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="within"), Mailbox(tmp_path, "gw0").working():
        raise ValueError("within")
    assert not Mailbox(tmp_path, "gw1").others_work()


def test_a_mailbox_that_was_taken_down_has_no_one_working(tmp_path: Path) -> None:
    folder = tmp_path / "mailbox"
    folder.mkdir()
    mailbox = Mailbox(folder, "gw0")
    folder.rmdir()
    assert not mailbox.others_work()
    assert list(mailbox.posted()) == []


# Its folder


def test_folders_of_killed_sessions_are_swept_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stayed for ever."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    killed, starting, foreign = (
        tmp_path / name for name in ("bnclaims-session-a", "bnclaims-session-b", "other")
    )
    for folder in (killed, starting, foreign):
        folder.mkdir()
    (killed / "owner.lock").touch()  # its lock ended with its process
    (killed / "gw0.journal").touch()
    with temporary_folder() as alive, temporary_folder():
        assert alive.is_dir()
        assert not killed.exists()
        assert starting.is_dir()  # it may be about to take its lock
    os.utime(starting, (0, 0))
    with temporary_folder():
        assert not starting.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_folders_of_other_users_are_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that several share, no session with workers could begin."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    theirs = tmp_path / "bnclaims-session-theirs"
    theirs.mkdir()
    stat = Path.stat

    def refusing(path: Path, **options: bool) -> os.stat_result:
        if path.parent == theirs:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refusing)
    with temporary_folder() as ours:
        assert ours.is_dir()
    assert theirs.is_dir()


def test_where_no_lock_can_be_had_no_other_session_is_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new session took the others for killed ones, and their folders away."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def refuse(*args: object, **options: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    with temporary_folder() as alive:
        monkeypatch.setattr(FileLock, "acquire", refuse)
        with temporary_folder():
            assert alive.is_dir()


def test_a_full_disk_silences_messages_and_stops_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full TMPDIR killed the session through its journal."""

    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    mailbox = Mailbox(tmp_path, "gw0")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", full)
        patched.setattr(Path, "write_text", full)
        mailbox.tell({"doing": "it"})
        mailbox.post("a" * 64, (1, 2))
        mailbox.fail("a" * 64, "why", final=True)
        assert mailbox.once("data", lambda: {"n": 1}) == {"n": 1}
    assert list(mailbox.posted()) == []
    assert list(mailbox.told()) == []


def test_each_event_is_told_once_and_a_cut_line_is_left_out(tmp_path: Path) -> None:
    writer, reader = Mailbox(tmp_path, "gw0"), Mailbox(tmp_path, "controller")
    writer.tell({"n": 1})
    assert list(reader.told()) == [("gw0", {"n": 1})]
    writer.tell({"n": 2})
    with (tmp_path / "gw0.journal").open("a") as file:
        file.write('{"n": ')  # being written
    assert list(reader.told()) == [("gw0", {"n": 2})]
    writer.tell({"n": 3})  # after a disk that was full
    writer.tell({"n": 4})
    assert list(reader.told()) == [("gw0", {"n": 4})]
