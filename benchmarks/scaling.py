"""What a verdict costs, and how the catalogue scales over workers, from measured times.

Both are computed from a session's results.json, which tells how long each run took to train. The
simulated workers share the work out as `bnclaims.running.schedule` does: a free one takes a run of
the longest cohort that nobody is at, else it joins the cohort with most runs left; a claim's next
look is known when its look before is through. Making a program costs each worker once an arm.

Run, on the report of a session:

    python -m benchmarks.scaling claims-report
"""

import argparse
import heapq
import statistics
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # found also when this file is run by its path

from bnclaims.reporting import wire
from bnclaims.reporting.results import Results

WORKERS = (1, 2, 4, 8, 16, 32, 64)

START = 6.0
"""Seconds until a worker can train: pytest, the claims, TensorFlow."""

MAKING = {"quick": 1.0, "article": 1.8}
"""Seconds that a worker takes to make an arm's program, with XLA under the article protocol."""

Run = tuple[str, int]
"""An arm's digest and a seed."""


@dataclass(frozen=True)
class Claim:
    """A claim's arms, each with its first seed, and after how many seeds it looked."""

    arms: tuple[tuple[str, int], ...]
    looks: tuple[int, ...]

    def runs(self, look: int) -> list[Run]:
        """The runs that a look adds."""
        start = self.looks[look - 1] if look else 0
        return [
            (digest, first + seed)
            for digest, first in self.arms
            for seed in range(start, self.looks[look])
        ]


@dataclass
class Session:
    """What was trained: its claims, and the seconds of each run."""

    claims: list[Claim]
    seconds: dict[Run, float]
    names: dict[str, str]
    looks: tuple[int, ...]
    making: float
    """Seconds that a worker takes to make an arm's program."""

    @classmethod
    def of(cls, results: Results) -> "Session":
        """The session that a results.json tells of."""
        looks = results.design.looks
        session = cls([], {}, {}, looks, MAKING[results.protocol.name])
        for claim in results.claims:
            arms = {(arm.digest, arm.first_seed): arm for arm in claim.arms}
            count = max((len(arm.seconds) for arm in arms.values()), default=0)
            if not count:
                continue
            session.claims.append(Claim(tuple(arms), tuple(n for n in looks if n <= count)))
            for (digest, first), arm in arms.items():
                session.names[digest] = arm.arm
                session.seconds |= {(digest, first + i): s for i, s in enumerate(arm.seconds)}
        return session

    def typical(self, digest: str) -> float:
        """The mean seconds of an arm's run."""
        return statistics.fmean(s for (arm, _), s in self.seconds.items() if arm == digest)


def cost(session: Session) -> list[str]:
    """Runs and time of the sequential design beside those of the last look's seeds for all."""
    most = session.looks[-1]
    arms = {arm for claim in session.claims for arm in claim.arms}
    fixed = sum(most * session.typical(digest) for digest, _ in arms)
    first = sum(session.looks[0] * session.typical(digest) for digest, _ in arms)
    taken = sum(session.seconds.values())
    count = len(session.seconds)
    return [
        "| design | runs | time, relative |",
        "|---|---|---|",
        f"| always {most} seeds | {most * len(arms)} | 1 |",
        f"| sequential, as run | {count} | {taken / fixed:.2f} |",
        f"| its first look alone | {session.looks[0] * len(arms)} | {first / fixed:.2f} |",
    ]


@dataclass
class Simulation:
    """Workers that share a session's runs; good for one call of `makespan`."""

    session: Session
    workers: int
    longest_wait: tuple[float, str] = (0.0, "")
    """Seconds, and the arm that was waited for."""
    _open: dict[str, list[Run]] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    _wanted: set[Run] = field(default_factory=set)
    _done: set[Run] = field(default_factory=set)
    _look: dict[Claim, int] = field(default_factory=dict)
    _idle_since: dict[int, float] = field(default_factory=dict)

    def makespan(self) -> float:
        """Seconds until the last run is through."""
        for claim in self.session.claims:
            self._want(claim, 0)
        free = [(START, worker) for worker in range(self.workers)]
        ends: list[tuple[float, Run]] = []
        made: set[tuple[int, str]] = set()
        while free:
            now, worker = heapq.heappop(free)
            self._through(ends, now)
            run = self._next()
            if run is None:
                self._idle_since.setdefault(worker, now)
                # What is needed next is known when another run is through.
                if later := [end for end, _ in ends if end > now]:
                    heapq.heappush(free, (min(later), worker))
                continue
            self._note_wait(worker, now, ends)
            making = 0.0 if (worker, run[0]) in made else self.session.making
            made.add((worker, run[0]))
            end = now + making + self.session.seconds[run]
            ends.append((end, run))
            heapq.heappush(free, (end, worker))
        last, _ = max(ends)
        for worker in list(self._idle_since):
            self._note_wait(worker, last, ends)
        return last

    def _through(self, ends: list[tuple[float, Run]], now: float) -> None:
        """Learns which runs are through, and what the claims then need."""
        self._done |= {run for end, run in ends if end <= now}
        for claim, look in list(self._look.items()):
            known = look + 1 < len(claim.looks)
            if known and self._done.issuperset(claim.runs(look)):
                self._want(claim, look + 1)

    def _want(self, claim: Claim, look: int) -> None:
        self._look[claim] = look
        for run in claim.runs(look):
            if run not in self._wanted:
                self._wanted.add(run)
                self._open.setdefault(run[0], []).append(run)

    def _next(self) -> Run | None:
        open_ = {arm: runs for arm, runs in self._open.items() if runs}
        if not open_:
            return None
        untouched = [arm for arm in open_ if arm not in self._begun]
        arm = max(untouched or open_, key=lambda a: len(open_[a]) * self.session.typical(a))
        self._begun.add(arm)
        return open_[arm].pop()

    def _note_wait(self, worker: int, now: float, ends: list[tuple[float, Run]]) -> None:
        """Notes how long a worker had nothing to do, and what ended that."""
        waited = now - self._idle_since.pop(worker, now)
        if waited > self.longest_wait[0]:
            _, (digest, _) = max(pair for pair in ends if pair[0] <= now)
            self.longest_wait = (waited, self.session.names[digest])


def scaling(session: Session) -> list[str]:
    """Makespan, efficiency and the longest wait for each number of workers."""
    alone = Simulation(session, 1).makespan()
    lines = ["| workers | time, relative | efficiency | longest wait |", "|---|---|---|---|"]
    for workers in WORKERS:
        simulation = Simulation(session, workers)
        time = simulation.makespan()
        seconds, arm = simulation.longest_wait
        waited = f"{seconds / time:.0%} of the session, for {arm}" if seconds else "none"
        lines.append(
            f"| {workers} | {time / alone:.3f} | {alone / time / workers:.2f} | {waited} |"
        )
    return lines


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path)
    asked = parser.parse_args(None if arguments is None else list(arguments))
    session = Session.of(wire.read(asked.report))
    print("\n".join(cost(session)), end="\n\n")
    print("\n".join(scaling(session)))


if __name__ == "__main__":
    main()
