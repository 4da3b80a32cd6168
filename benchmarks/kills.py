"""Kills sessions at random moments: is a run lost, torn, changed, or trained twice for nothing?

    python -m benchmarks.kills --kills 30

Sessions of two workers with a trainer that only sleeps share one store. Each is killed, all of it
or first one worker, and the next goes on; once all is stored a new store begins.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks import fake_sessions
from bnclaims.errors import StoreError
from bnclaims.running.local_store import decoded

RUNS, SECONDS = 300, 0.05
Files = dict[str, bytes]


def main(kills: int, seed: int) -> int:
    rng, found = random.Random(seed), Counter[str]()  # noqa: S311  (a trial, no secret)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fake_sessions.write(folder, RUNS)
        while found["kills"] < kills:
            _round(folder, rng, found)
    print(", ".join(f"{count} {what}" for what, count in sorted(found.items())))
    return (
        1
        if any(found[fault] for fault in ("lost", "torn", "changed", "twice, not in flight"))
        else 0
    )


def _round(folder: Path, rng: random.Random, found: Counter[str]) -> None:
    """Starts a session, kills it, and looks at what is left."""
    before, begun = _files(folder), _begun(folder)
    process = fake_sessions.start(folder, "-n2", "--claims-report=none", seconds=SECONDS)
    while process.poll() is None and len(_begun(folder)) == len(begun):
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 3))
    if process.poll() is None and rng.random() < 0.5:
        _kill_worker(_begun(folder)[-1], found)
        time.sleep(rng.uniform(0, 3))
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        found["kills"] += 1
    process.wait()
    after = _files(folder)
    found["lost"] += len(before.keys() - after.keys())
    found["changed"] += sum(after.get(run, content) != content for run, content in before.items())
    found["torn"] += sum(not _whole(run, content) for run, content in after.items())
    # Begun twice within this session or the sessions before, though it was stored in between.
    again = [line.split()[0] for line in _begun(folder)[len(begun) :]]
    found["twice, not in flight"] += sum(run in before for run in again)
    found["trained again, as they were in flight"] += sum(
        run not in before and run in {line.split()[0] for line in begun} for run in again
    )
    twice = Counter(again)
    found["in flight when a worker was killed"] += sum(n - 1 for n in twice.values())
    if len(after) == RUNS:
        found["stores filled"] += 1
        found["runs"] += RUNS
        shutil.rmtree(folder / "store")
        (folder / "begun.log").unlink()


def _kill_worker(line: str, found: Counter[str]) -> None:
    """Kills the worker that began a run."""
    try:
        os.kill(int(line.split()[1]), signal.SIGKILL)
    except ProcessLookupError:
        return
    found["kills"] += 1


def _files(folder: Path) -> Files:
    paths = (folder / "store" / "runs").glob("*/*.run")
    return {f"{path.parent.name}/{path.stem}": path.read_bytes() for path in paths}


def _begun(folder: Path) -> list[str]:
    log = folder / "begun.log"
    return log.read_text("utf-8").splitlines() if log.exists() else []


def _whole(run: str, content: bytes) -> bool:
    digest, seed = run.split("/")
    try:
        decoded(content, (digest, int(seed)))
    except StoreError:
        return False
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    asked = parser.parse_args()
    sys.exit(main(asked.kills, asked.seed))
