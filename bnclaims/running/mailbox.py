"""The mailbox of a session: what its workers tell each other, as files in one folder."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout


class Mailbox:
    """Shared by the workers of one session.

    Args:
        folder: An existing folder, the same for all workers.
        worker: This worker's name.
    """

    def __init__(self, folder: Path, worker: str) -> None:
        self._folder = folder
        self._worker = worker

    def once(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Returns what the first worker to ask made, as JSON data."""
        path = self._folder / f"{name}.json"
        with FileLock(self._folder / f"{name}.lock"):
            if not path.exists():
                self._write(path, make())
            return _read(path)

    def made(self, name: str) -> dict[str, Any] | None:
        """Returns what `once` made, None while nobody has asked for it."""
        path = self._folder / f"{name}.json"
        return _read(path) if path.exists() else None

    def post(self, digest: str, seeds: tuple[int, ...]) -> None:
        """Says that a claim needs these runs, which no one could have known beforehand."""
        path = self._folder / f"{digest}-{seeds[0]}-{len(seeds)}.wanted"
        self._write(path, {"digest": digest, "seeds": seeds})

    def posted(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yields what the workers have asked for so far, as digest and seeds."""
        for path in sorted(self._folder.glob("*.wanted")):
            notice = json.loads(path.read_text())
            yield notice["digest"], tuple(notice["seeds"])

    def tell(self, journal: dict[str, Any]) -> None:
        """Shows the others what this worker has done and does, as JSON data."""
        self._write(self._folder / f"{self._worker}.journal", journal)

    def told(self) -> dict[str, dict[str, Any]]:
        """Returns what each worker showed last."""
        paths = sorted(self._folder.glob("*.journal"))
        return {path.stem: json.loads(path.read_text()) for path in paths}

    def _write(self, path: Path, content: dict[str, Any]) -> None:
        temporary = path.with_suffix(f".{self._worker}")
        temporary.write_text(json.dumps(content))
        temporary.replace(path)

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Says, as long as it lasts and the process lives, that this worker may need more runs."""
        with FileLock(self._folder / f"{self._worker}.working"):
            yield

    def others_work(self) -> bool:
        """Says whether another worker may still need runs."""
        mine = f"{self._worker}.working"
        return any(_is_held(path) for path in self._folder.glob("*.working") if path.name != mine)


def _is_held(path: Path) -> bool:
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content
