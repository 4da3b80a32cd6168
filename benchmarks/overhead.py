"""What a session costs beside training: sessions of runs that take no time, under two workers.

python -m benchmarks.overhead 1250 2500 5000
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import fake_sessions


def main(sizes: list[int]) -> None:
    print("| runs | wall, s | ms a run | processor, s | ms a run | rerun, wall s |")
    print("|---|---|---|---|---|---|")
    for runs in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            fake_sessions.write(folder, runs)
            wall, processor = _session(folder)
            assert len(list(folder.glob("store/runs/*/*.run"))) == runs
            rerun, _ = _session(folder)
            shutil.rmtree(folder / "store")
        numbers = (wall, 1e3 * wall / runs, processor, 1e3 * processor / runs, rerun)
        print(
            f"| {runs:,} | " + " | ".join(f"{number:.1f}" for number in numbers) + " |", flush=True
        )


def _session(folder: Path) -> tuple[float, float]:
    """Returns wall time and processor time of a session, its workers included."""
    before, started = os.times(), time.monotonic()
    process = fake_sessions.start(folder, "-n2", output=subprocess.PIPE)
    output, _ = process.communicate()
    wall, after = time.monotonic() - started, os.times()
    assert process.returncode == 0, output
    used = after.children_user + after.children_system
    return wall, used - before.children_user - before.children_system


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_250, 2_500, 5_000])
