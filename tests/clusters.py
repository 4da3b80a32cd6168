"""Dask clusters of real processes on this machine, for tests."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from distributed import LocalCluster

ROOT = Path(__file__).parents[1]


def started(workers: int = 2) -> LocalCluster:
    """A cluster of workers with a thread each; ends with its `with`."""
    return LocalCluster(
        n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
    )


@contextlib.contextmanager
def scheduler(file: Path, *options: str, port: int = 0) -> "Iterator[subprocess.Popen[bytes]]":
    """Starts a scheduler alone, as `dask scheduler` does, which writes its file.

    Yields:
        Its process, which may be killed.
    """
    file.unlink(missing_ok=True)
    ours = ["--port", str(port), "--scheduler-file", str(file), *options]
    with _process("scheduler", *ours) as process:
        while not file.exists():
            time.sleep(0.05)
        yield process


@contextlib.contextmanager
def worker(file: Path, *options: str) -> "Iterator[subprocess.Popen[bytes]]":
    """Starts a worker of a scheduler, as `dask worker` does; yields its process."""
    with _process("worker", "--scheduler-file", str(file), "--no-nanny", *options) as process:
        yield process


@contextlib.contextmanager
def _process(what: str, *options: str) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", what, "--no-dashboard", *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
