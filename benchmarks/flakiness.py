"""Runs the tests many times in random order, with 0, 2 and 4 workers: does one ever fail?

    python -m benchmarks.flakiness                              # the suite, twenty times
    python -m benchmarks.flakiness --times 6 tests/running
    python -m benchmarks.flakiness --times 10 --first 10        # its second half, another day

What fails is listed with the seed of its order, which `--first` repeats: with it go the workers.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKERS = (0, 2, 4)
_OPTIONS = ("-q", "-rfE", "-p", "benchmarks.shuffled", "-p", "no:cacheprovider", "--tb=short")


def main(paths: list[str], times: int, first: int) -> int:
    failed: list[str] = []
    for seed in range(first, first + times):
        workers = WORKERS[seed % len(WORKERS)]
        started = time.monotonic()
        process = subprocess.run(  # noqa: S603  (ourselves)
            [sys.executable, "-m", "pytest", *_OPTIONS, f"-n{workers}", *paths],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env=os.environ | {"SHUFFLE_SEED": str(seed), "BNCLAIMS_DATA": "digits"},
        )  # fmt: skip
        output = process.stdout + process.stderr
        named = re.findall(r"^(?:FAILED|ERROR) (\S+)", output, re.MULTILINE)
        *_, last = output.splitlines() or [""]
        seconds = time.monotonic() - started
        print(f"order {seed}, -n {workers}, {seconds:.0f} s: {last}", flush=True)
        if process.returncode:
            failed += [f"order {seed}, -n {workers}: {name}" for name in named or [output]]
    print("\n".join([f"{len(failed)} failures in {times} times", *failed]))
    return int(bool(failed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", default=["tests"], help="the suite by default")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="seed of the first order")
    asked = parser.parse_args()
    sys.exit(main(asked.paths, asked.times, asked.first))
