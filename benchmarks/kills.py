"""Kills sessions at random moments: is a run lost, torn, changed, or trained twice for nothing?

    python -m benchmarks.kills --kills 100

Sessions of two workers with a trainer that only sleeps share one store. Each is killed, all of it
or first one worker, and the next goes on; once all is stored a new store begins. The trainer logs
who begins a run and who has it stored. A run that begins again was in flight if the process that
had begun it was killed and had not stored it.
"""

import argparse
import contextlib
import os
import random
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
FAULTS = ("lost", "torn", "changed", "trained again for nothing")
Files = dict[str, bytes]
Line = tuple[str, str, str]
"""What happened, to which run, in which process."""


def main(kills: int, seed: int) -> int:
    rng, found = random.Random(seed), Counter(dict.fromkeys(FAULTS, 0))  # noqa: S311  (a trial)
    while found["kills"] < kills:
        with tempfile.TemporaryDirectory() as name:
            _fill_a_store(Path(name), rng, found, kills)
    print(", ".join(f"{count} {what}" for what, count in sorted(found.items())))
    return int(any(found[fault] for fault in FAULTS))


def _fill_a_store(folder: Path, rng: random.Random, found: Counter[str], kills: int) -> None:
    """Has sessions train all runs, and kills them until enough have been."""
    fake_sessions.write(folder, RUNS)
    killed: set[str] = set()
    while len(_files(folder)) < RUNS and found["kills"] < kills:
        _round(folder, rng, found, killed)
    found["runs stored"] += len(_files(folder))
    _count_trained_again(_log(folder), killed, found)


def _round(folder: Path, rng: random.Random, found: Counter[str], killed: set[str]) -> None:
    """Starts a session, kills it, and looks at what is left; notes the processes killed."""
    before, log = _files(folder), _log(folder)
    process = fake_sessions.start(folder, "-n2", "--claims-report=none", seconds=SECONDS)
    while process.poll() is None and len(_log(folder)) == len(log):
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 3))
    if process.poll() is None and rng.random() < 0.5:
        with contextlib.suppress(ProcessLookupError):
            worker = _log(folder)[-1][2]
            os.kill(int(worker), signal.SIGKILL)
            killed.add(worker)
            found["kills"] += 1
        time.sleep(rng.uniform(0, 3))
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed.update(worker for _, _, worker in _log(folder)[len(log) :])
        found["kills"] += 1
    after = _files(folder)
    found["lost"] += len(before.keys() - after.keys())
    found["changed"] += sum(after.get(run, content) != content for run, content in before.items())
    found["torn"] += sum(not _whole(run, content) for run, content in after.items())


def _count_trained_again(log: list[Line], killed: set[str], found: Counter[str]) -> None:
    """Tells the runs that were in flight when their process was killed from those that were not."""
    begun_by: dict[str, str] = {}
    stored_by = {(run, process) for what, run, process in log if what == "stored"}
    for what, run, process in log:
        if what == "begun":
            if earlier := begun_by.get(run):
                in_flight = earlier in killed and (run, earlier) not in stored_by
                found["in flight" if in_flight else "trained again for nothing"] += 1
            begun_by[run] = process


def _files(folder: Path) -> Files:
    paths = (folder / "store" / "runs").glob("*/*.run")
    return {f"{path.parent.name}/{path.stem}": path.read_bytes() for path in paths}


def _log(folder: Path) -> list[Line]:
    log = folder / "runs.log"
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return [(what, run, process) for what, run, process in map(str.split, lines)]


def _whole(run: str, content: bytes) -> bool:
    digest, seed = run.split("/")
    try:
        decoded(content, (digest, int(seed)))
    except StoreError:
        return False
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    asked = parser.parse_args()
    sys.exit(main(asked.kills, asked.seed))
