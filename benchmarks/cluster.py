"""What a cluster costs beside training, and what a large one would do with it.

    python -m benchmarks.cluster overhead
    python -m benchmarks.cluster plan STORE

`overhead` runs sessions of runs that take no time, by the workers of pytest and by 1, 2 and 4
workers of a Dask cluster on this machine. What a further run costs is the difference between two
sizes.

`plan` takes the times and sizes of the runs in a store, measures what Dask's scheduler and client
take for a run, and simulates 10,000 arms of 20 seeds on 100 machines: who waits for whom, how many
bytes move, and what would break first.
"""

import heapq
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks import fake_sessions
from bnclaims.backends.dask.pool import DaskPool
from bnclaims.backends.dask.transport import packed_arm, packed_data
from bnclaims.experiment import sources
from bnclaims.experiment.arm import FunctionArm, TrainingArm
from bnclaims.experiment.history import History
from bnclaims.experiment.models import MLP
from bnclaims.experiment.seeds import Seed
from bnclaims.running import remote
from bnclaims.running.local_store import LocalStore, decoded
from bnclaims.session.options import cache_folder

SIZES = (200, 1_000)
WORKERS = (1, 2, 4)
ARMS, SEEDS, LOOK, MACHINES, THREADS = 10_000, 20, 5, 100, 8


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, psutil.Process]]:
    """Starts a scheduler and workers of one thread; yields its file and its process."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "scheduler.json"
        ours = ["--scheduler-file", str(file), "--no-dashboard"]
        scheduler = _dask(name, "scheduler", "--port", "0", *ours)
        while not file.exists():
            time.sleep(0.1)
        many = ["--nworkers", str(workers), "--nthreads", "1"]
        processes = [scheduler, _dask(name, "worker", *ours, *many)]
        try:
            yield str(file), psutil.Process(scheduler.pid)
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()


def _dask(folder: str, what: str, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "dask", what, *arguments]
    return subprocess.Popen(  # noqa: S603  (ourselves)
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def overhead() -> None:
    print("| who trains | " + " | ".join(f"{size:,} runs, s" for size in SIZES) + " | a run, ms |")
    print("|---|" + "---|" * (len(SIZES) + 1))
    _row("the workers of pytest", ())
    for workers in WORKERS:
        with cluster(workers) as (file, _):
            _session(fake_sessions.SEEDS, file)  # starts the processes that train
            _row(f"{workers} of Dask", (file,))


def _row(name: str, scheduler: tuple[str, ...]) -> None:
    took = [_session(size, *scheduler) for size in SIZES]
    further = 1e3 * (took[-1] - took[0]) / (SIZES[-1] - SIZES[0])
    print(f"| {name} | " + " | ".join(f"{t:.1f}" for t in took) + f" | {further:.1f} |", flush=True)


def _session(size: int, scheduler: str = "") -> float:
    """Returns how long a session of so many runs takes."""
    with tempfile.TemporaryDirectory() as name:
        fake_sessions.write(Path(name), size)
        options = [f"--claims-scheduler={scheduler}"] if scheduler else []
        started = time.monotonic()
        process = fake_sessions.start(Path(name), "-n2", *options, output=subprocess.PIPE)
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"exit status {process.returncode}:\n{output}")
        return time.monotonic() - started


@dataclass(frozen=True)
class Costs:
    """What was measured: seconds and bytes, each for one run unless it says otherwise."""

    submit: float
    """Of the client, to submit it."""
    collect: float
    """Of the client, to fetch and save it."""
    poll: float
    """Of the client, to look whether one that is not done is done."""
    schedule: float
    """Of the scheduler."""
    history: float
    arm: float
    """Bytes of an arm."""
    data: float
    """Bytes of the data."""
    seconds: tuple[float, ...]
    """How long each stored run took."""


def nothing(seed: Seed) -> float:
    return float(seed)


class Nothing:
    """Trains nothing."""

    name, versions = "nothing", {"functions": "1"}

    def prepare(self) -> None:
        pass

    def run(self, _: object, seeds: list[int]) -> Iterator[tuple[int, History]]:
        for seed in seeds:
            yield seed, History(loss=np.zeros(10))


def measured(folder: Path, runs: int = 1_000) -> Costs:
    """Measures Dask by a client and two workers here; reads times and sizes from a store."""
    arm = FunctionArm(nothing, versions={"functions": "1"})
    with cluster(2) as (file, scheduler), tempfile.TemporaryDirectory() as name:
        backend = Nothing()
        pool, store = DaskPool(file, lambda _: backend), LocalStore(Path(name))
        pool.submit(arm, runs, priority=1, needed=True)
        while not list(pool.answers()):
            time.sleep(0.1)
        before = _used(scheduler)
        started = time.process_time()
        for seed in range(runs):
            pool.submit(arm, seed, priority=1, needed=True)
        submitted = time.process_time() - started
        got, collecting, polls = 0, 0.0, []
        while got < runs:
            asked = time.process_time()
            ended = list(pool.answers())
            for _, seed, trained in ended:
                if isinstance(trained, Exception):
                    raise trained
                store.save(arm, seed, trained.history)
            took = time.process_time() - asked
            if ended:
                collecting += took
            else:
                polls.append(took / (runs - got))
            got += len(ended)
            time.sleep(0.05)
        schedule = (_used(scheduler) - before) / runs
        pool.close()
    seconds, sizes = _stored(folder)
    images = sources.resolve(os.environ.get("BNCLAIMS_DATA", "digits"), cache=cache_folder())
    mlp = TrainingArm(MLP("sigmoid"), images, images=None, epochs=1)
    return Costs(
        submit=submitted / runs,
        collect=collecting / runs,
        poll=statistics.median(polls or [0.0]),
        schedule=schedule,
        history=statistics.mean(sizes),
        arm=len(packed_arm(mlp)),
        data=len(packed_data(images.load())),
        seconds=tuple(seconds),
    )


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _stored(folder: Path) -> tuple[list[float], list[int]]:
    files = sorted(folder.glob("runs/*/*.run"))
    histories = [decoded(f.read_bytes(), (f.parent.name, int(f.stem))) for f in files]
    seconds = [float(h.seconds.sum()) for h in histories if len(h.seconds)]
    return seconds, [file.stat().st_size for file in files]


def plan(folder: Path) -> None:
    costs = measured(folder)
    for name in ("submit", "collect", "schedule"):
        print(f"{name}: {1e3 * getattr(costs, name):.2f} ms a run")
    print(f"poll: {1e6 * costs.poll:.2f} us a run that is not done")
    print(f"a history {costs.history / 1e3:.1f} kB, an arm {costs.arm / 1e3:.1f} kB, ", end="")
    print(f"the data {costs.data / 1e6:.1f} MB; a run takes {statistics.mean(costs.seconds):.1f} s")
    print("\n| machines | `-n` | makespan, h | threads idle | scheduler busy | client busy |")
    print("|---|---|---|---|---|---|")
    for machines in (1, 10, MACHINES):
        for judges in (4, 32, 256):
            print(_simulated(costs, machines, judges), flush=True)
    runs = ARMS * SEEDS
    moved = runs * costs.history + ARMS * costs.arm * min(SEEDS, MACHINES) + MACHINES * costs.data
    print(f"\nbytes moved {moved / 1e9:.1f} GB, store {runs * costs.history / 1e9:.1f} GB")


def _simulated(costs: Costs, machines: int, judges: int) -> str:
    """Returns a row: all first looks, longest first, then the later ones.

    A claim is about two arms. Workers of pytest judge one claim each at a time, and each look of it
    waits for the one before; a thread asks the scheduler for its next run, which gives them out one
    by one.
    """
    generator = np.random.default_rng(0)
    arms = np.sort(generator.choice(costs.seconds, ARMS))[::-1]
    free = [0.0] * (machines * THREADS)
    scheduler = 0.0

    def trained(seconds: float, earliest: float) -> float:
        """Has the scheduler give a run to the thread that is free first; returns its end."""
        nonlocal scheduler
        scheduler = max(scheduler, free[0], earliest) + costs.schedule
        heapq.heapreplace(free, scheduler + seconds)
        return scheduler + seconds

    first = [max(trained(seconds, 0.0) for _ in range(LOOK)) for seconds in arms]
    looks, end = SEEDS // LOOK, 0.0
    claims = iter(range(0, ARMS, 2))
    # When a worker of pytest goes on, with which claim, after which look; in the order of time.
    going = [(max(first[n : n + 2]), n, 1) for n in itertools.islice(claims, judges)]
    heapq.heapify(going)
    while going:
        now, number, look = heapq.heappop(going)
        if look < looks:
            ends = [trained(s, now) for s in np.repeat(arms[number : number + 2], LOOK)]
            heapq.heappush(going, (max(ends), number, look + 1))
        elif (number := next(claims, -1)) >= 0:
            heapq.heappush(going, (max(now, *first[number : number + 2]), number, 1))
        end = max(end, now)
    runs, work = ARMS * SEEDS, float(arms.sum()) * SEEDS
    # The client looks as often as something comes back, within its bounds, at all that is not done.
    looks_apart = np.clip(max(first) / (ARMS * LOOK), remote.SHORTEST_PAUSE, remote.LONGEST_PAUSE)
    polling = ARMS * LOOK / 2 * costs.poll * max(first) / float(looks_apart)
    client = runs * (costs.submit + costs.collect) + polling
    idle = 1 - work / (end * machines * THREADS)
    return (
        f"| {machines:,} | {judges} | {end / 3600:.1f} | {idle:.0%} | "
        f"{runs * costs.schedule / end:.1%} | {client / end:.0%} |"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["overhead"]:
            overhead()
        case ["plan", store]:
            plan(Path(store))
        case _:
            sys.exit(__doc__)
