"""Locks of processes, which end with them."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from bnclaims.running.locks import held, is_held

HOLDS = """
import sys
from pathlib import Path
from bnclaims.running.locks import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_is_held_until_the_end(tmp_path: Path) -> None:
    with held(tmp_path / "lock"):
        assert is_held(tmp_path / "lock")
    assert not is_held(tmp_path / "lock")


def test_a_killed_process_holds_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "lock")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    assert is_held(tmp_path / "lock")
    process.kill()
    process.communicate()
    assert not is_held(tmp_path / "lock")


def test_patience_has_an_end(tmp_path: Path) -> None:
    with held(tmp_path / "lock"):
        with held(tmp_path / "lock", patience=0.1):
            pass
        assert is_held(tmp_path / "lock")


def test_where_there_are_no_locks_nothing_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(FileLock, "acquire", no_locks)
    with held(tmp_path / "lock"):
        assert not is_held(tmp_path / "lock")
