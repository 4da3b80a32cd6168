"""The mailbox of a session: what its workers tell each other, as files in one folder.

Messages are lines that each worker appends to its own file of a kind, so that telling and hearing
cost the same however long a session gets. A full disk silences them and stops nobody: they only
make workers help each other better.
"""

import contextlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from bnclaims.running.leftovers import remove, sweep
from bnclaims.running.locks import held, is_held

_PATIENCE = 60.0
"""Seconds to wait for what another worker makes."""

_PREFIX, _OWNER = "bnclaims-session-", "owner.lock"


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Lends the folder of a session's mailbox; removes it in the end, and those of killed sessions.

    Raises:
        OSError: There is no place for it.
    """
    folders = list(Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"))
    sweep(folder for folder in folders if not _is_there(folder / _OWNER))
    for folder in folders:
        if _is_there(folder / _OWNER):
            with contextlib.suppress(OSError), held(folder / _OWNER, patience=0) as abandoned:
                if abandoned:
                    remove(folder)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with held(folder / _OWNER):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_there(path: Path) -> bool:
    with contextlib.suppress(PermissionError):  # of another user's session
        return path.exists()
    return False


class Mailbox:
    """Shared by the workers of one session.

    Args:
        folder: An existing folder, the same for all workers.
        worker: This worker's name.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._worker = worker
        self._read: dict[Path, int] = {}
        """How much has been read of each file of messages."""
        self._posted: dict[tuple[str, tuple[int, ...]], None] = {}
        self._failed: dict[str, tuple[str, bool]] = {}

    def once(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Returns what the first worker to ask made, as JSON data.

        Where the disk keeps nothing, or the first one was stopped, each worker makes its own.
        """
        path = self._folder / f"{name}.json"
        with held(self._folder / f"{name}.lock", _PATIENCE):
            if (known := self.made(name)) is not None:
                return known
            made = make()
            # Whoever was stopped meanwhile takes what others did not wait for.
            if (known := self.made(name)) is not None:
                return known
            with contextlib.suppress(OSError):
                self._write(path, made)
            return made

    def made(self, name: str) -> dict[str, Any] | None:
        """Returns what `once` made, None while nobody has asked for it."""
        path = self._folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    def post(self, digest: str, seeds: Sequence[int]) -> None:
        """Says that a claim needs these runs, which no one could have known beforehand."""
        self._tell("wanted", {"digest": digest, "seeds": list(seeds)})

    def posted(self) -> Sequence[tuple[str, tuple[int, ...]]]:
        """Returns what the workers have asked for so far, as digest and seeds, each once."""
        for _, notice in self._news("wanted"):
            self._posted[notice["digest"], tuple(notice["seeds"])] = None
        return list(self._posted)

    def fail(self, digest: str, why: str, *, final: bool) -> None:
        """Says that an arm cannot be trained.

        Args:
            digest: The arm's.
            why: In a sentence.
            final: Whether nobody should try again, not even for a claim that needs it.
        """
        self._tell("failed", {"digest": digest, "why": why, "final": final})

    def failed(self) -> dict[str, tuple[str, bool]]:
        """Returns why arms could not be trained, by digest, and whether that is final."""
        for _, notice in self._news("failed"):
            self._failed[notice["digest"]] = notice["why"], notice["final"]
        return self._failed

    def tell(self, event: dict[str, Any]) -> None:
        """Shows the others what this worker does, an event of its journal."""
        self._tell("journal", event)

    def told(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yields what workers have told since this was last asked for: worker and event."""
        return self._news("journal")

    def _tell(self, kind: str, message: dict[str, Any]) -> None:
        line = json.dumps(message) + "\n"
        with contextlib.suppress(OSError), (self._folder / f"{self._worker}.{kind}").open("a") as f:
            f.write(line)

    def _news(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in sorted(self._folder.glob(f"*.{kind}")):
            with contextlib.suppress(OSError), path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                whole, end, _ = file.read().rpartition(b"\n")
                self._read[path] = self._read.get(path, 0) + len(whole + end)
                for line in whole.splitlines():
                    # A disk that was full for a while leaves a line that is cut.
                    with contextlib.suppress(ValueError):
                        yield path.stem, json.loads(line)

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        temporary = path.with_suffix(f".{self._worker}")
        temporary.write_text(json.dumps(content))
        temporary.replace(path)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Says, as long as it lasts and the process lives, that this worker may need more runs."""
        with held(self._folder / f"{self._worker}.working"):
            yield

    @contextlib.contextmanager
    def alone(self, role: str) -> Iterator[bool]:
        """Takes a role that one worker has, as long as this lasts and the process lives.

        Yields whether it was to be had; where the file system takes no locks, by everybody.
        """
        lock = FileLock(self._folder / f"{role}.role")
        try:
            lock.acquire(blocking=False)
        except Timeout:
            yield False
            return
        except OSError:
            yield True
            return
        try:
            yield True
        finally:
            lock.release()

    def others_work(self) -> bool:
        """Says whether another worker may still need runs."""
        mine = f"{self._worker}.working"
        return any(is_held(path) for path in self._folder.glob("*.working") if path.name != mine)
