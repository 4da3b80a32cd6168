"""What a session costs beside training: sessions of runs that take no time, under two workers.

    python -m benchmarks.overhead 250 1000 2500 5000 10000

Each size is measured as a whole, with start-up, claims and page. What a further run costs is the
difference to the size before: linear growth leaves it alike. Processor times are of all processes.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import fake_sessions

SIZES = (250, 1_000, 2_500, 5_000, 10_000)


def main(sizes: list[int]) -> None:
    print("| runs | claims | wall, s | processor, s | a further run: wall, ms | processor, ms |")
    print("|---|---|---|---|---|---|")
    runs_before, before = 0, (0.0, 0.0)
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            runs, claims = fake_sessions.write(folder, size)
            took = _session(folder)
            stored = len(list(folder.glob("store/runs/*/*.run")))
        if stored != runs:
            raise SystemExit(f"{stored} runs are stored, not {runs}")
        numbers = [f"{runs:,}", f"{claims:,}", *(f"{seconds:.1f}" for seconds in took)]
        for now, then in zip(took, before, strict=True):
            further = 1e3 * (now - then) / (runs - runs_before)
            numbers.append(f"{further:.1f}" if runs_before else "")
        runs_before, before = runs, took
        print("| " + " | ".join(numbers) + " |", flush=True)


def _session(folder: Path) -> tuple[float, float]:
    """Returns wall time and processor time of a session, its workers included."""
    before, started = os.times(), time.monotonic()
    process = fake_sessions.start(folder, "-n2", output=subprocess.PIPE)
    output, _ = process.communicate()
    wall, after = time.monotonic() - started, os.times()
    if process.returncode:
        raise SystemExit(f"exit status {process.returncode}:\n{output}")
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or list(SIZES))
