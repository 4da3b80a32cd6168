"""Progress: what the workers of a session have trained, what is left, and for how long.

Each worker keeps a journal, event by event, as plain data; whoever shows progress joins them.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bnclaims.experiment.arm import Arm

Run = tuple[str, int]
"""An arm's digest and a seed."""

Publish = Callable[[dict[str, Any]], None]

SECONDS_PER_COST = 40e-6
"""A guess before anything was trained: the article's network on one core of 2024, by `Arm.cost`."""

_GUESS_WEIGHT = 1.0
"""Seconds of training that the guess counts for, beside what is measured."""

_START = 2.0
"""A guess, in seconds, of what the first run of an arm takes longer: its program is compiled."""

_FIRST_START = 7.0
"""The same for the first run of a worker, which imports the framework."""

_ALONE = 0.7
"""How far to believe that only training is slower than guessed, when a first run takes long."""

_LATER_LOOKS = 1.9
"""Runs that later looks may add, by those known to be needed, before any claim is decided.

So many did the articles' catalogue add under the default design; clear effects add none.
"""

_ONE_NUMBER = 1.5
"""Up to which ratio of its ends a range of estimates is said as one number."""


class Journal:
    """Tells what one worker knows of the work, and does of it.

    Args:
        publish: Shows an event to whoever joins journals.
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._doing = ""
        self._threads = 0
        self._seconds, self._cost = 0.0, 0.0

    @property
    def seconds_per_cost(self) -> float:
        """How long this worker's runs took, by the unit of `Arm.cost`; a guess before the first."""
        return self._seconds / self._cost if self._cost else SECONDS_PER_COST

    def want(self, arm: Arm, seeds: Iterable[int]) -> None:
        """Tells of runs that must be trained."""
        if wanted := list(seeds):
            self._publish({"want": [arm.digest, arm.cost, wanted]})

    def threads(self, count: int) -> None:
        """Tells how many runs are trained at a time, where others than the workers train them."""
        if count != self._threads:
            self._threads = count
            self._publish({"threads": count})

    def begin(self, arm: Arm) -> None:
        """Tells that an arm is being trained."""
        self._now(str(arm), arm.digest)

    def wait(self, whom: str) -> None:
        """Tells that this worker has nothing to do but to wait."""
        self._now(f"waits for {whom}")

    def idle(self) -> None:
        """Tells that nothing is left to do for the moment."""
        self._now("")

    def stands(self, claim: str, standing: tuple[int, float] | None) -> None:
        """Tells how a claim stands: its seeds and the chance of a verdict; None once settled."""
        self._publish({"stands": standing and [claim, *standing]})

    def done(self, arm: Arm, seed: int, seconds: float) -> None:
        """Tells that a run has been trained."""
        self._seconds += seconds
        self._cost += arm.cost
        self._publish({"done": [arm.digest, arm.cost, seed, seconds]})

    def _now(self, doing: str, digest: str = "") -> None:
        if doing != self._doing:
            self._doing = doing
            self._publish({"doing": doing, "arm": digest})


@dataclass
class Progress:
    """The joined journals of a session."""

    clock: Callable[[], float] = time.monotonic
    wanted: dict[Run, float] = field(default_factory=dict)
    """The runs that the session is known to need and did not have, with their cost."""
    trained: dict[Run, float] = field(default_factory=dict)
    """The seconds that each run took."""
    doing: dict[str, str] = field(default_factory=dict)
    """What each worker trains or waits for; workers that do neither are left out."""
    standing: dict[str, str] = field(default_factory=dict)
    """How the claim stands that each worker judges, where it has looked and goes on."""
    threads: int = 0
    """How many runs a pool trains at a time; 0 where the workers train them."""
    _arms: dict[str, str] = field(default_factory=dict)
    """The arm that each worker trains; workers that train none are left out."""
    _since: dict[str, float] = field(default_factory=dict)
    """When each worker began the run that it trains."""
    _starts: dict[tuple[str, str], Run] = field(default_factory=dict)
    """The first run that a worker trained of an arm, by both; a worker's first arm comes first."""
    _began: float | None = None

    def add(self, worker: str, event: dict[str, Any]) -> None:
        """Adds an event of a worker's journal."""
        now = self.clock()
        self._began = now if self._began is None else self._began
        match event:
            case {"want": [digest, cost, seeds]}:
                self.wanted |= {(digest, seed): cost for seed in seeds}
            case {"done": [digest, cost, seed, seconds]}:
                self.wanted[digest, seed] = cost
                self.trained[digest, seed] = seconds
                self._starts.setdefault((worker, digest), (digest, seed))
                self._since[worker] = now
            case {"threads": count}:
                self.threads = count
            case {"stands": [claim, seeds, chance]}:
                self.standing[worker] = f"{claim}: {chance:.0%} chance of a verdict, n {seeds}"
            case {"stands": None}:
                self.standing.pop(worker, None)
            case {"doing": doing, "arm": digest}:
                self._since[worker] = now
                for known, what in ((self.doing, doing), (self._arms, digest)):
                    known.pop(worker, None)
                    if what:
                        known[worker] = what

    def seconds_left(self, undecided: float = 0.0) -> tuple[float, float] | None:
        """Returns an estimate without and with later looks; None where no runs are needed.

        It starts from a guess, which gives way to what is measured.

        Args:
            undecided: The share of the claims that may need later looks.
        """
        if not self.wanted:
            return None
        left = {run: cost for run, cost in self.wanted.items() if run not in self.trained}
        starts = len({digest for digest, _ in left} - set(self._arms.values()))
        work = self._work(sum(left.values()), starts) + sum(map(self._rest_of_start, self._arms))
        passed = sum(min(self._passed(w), self._expected(w)) for w in self._arms)
        known = max(0.0, work - passed)
        arms = len({digest for digest, _ in self.wanted})
        later = _LATER_LOOKS * undecided * self._work(sum(self.wanted.values()), arms)
        workers = max(1, len(self._arms), self.threads)
        return known / workers, (known + later) / workers

    def _work(self, cost: float, starts: int) -> float:
        """Returns the seconds that runs take one worker, so many of which are an arm's first."""
        return cost * self._seconds_per_cost + starts * self._start

    @property
    def _seconds_per_cost(self) -> float:
        """Seconds per unit of cost, where nothing is compiled."""
        first = set(self._starts.values())
        runs = [(self.wanted[run], took) for run, took in self.trained.items() if run not in first]
        runs = runs or [self._without_start(run) for run in first]
        done = _seconds_by_cost(runs)
        begun = [self._so_far(worker) for worker in self._arms]
        return _seconds_by_cost(runs + [(cost, took) for cost, took in begun if took > cost * done])

    def _without_start(self, run: Run) -> tuple[float, float]:
        """Returns cost and seconds of a worker's first run, as far as they are guessed."""
        return self.wanted[run], _training(self.trained[run], self.wanted[run], _FIRST_START)

    def _so_far(self, worker: str) -> tuple[float, float]:
        """Returns cost and seconds of a run that is being trained."""
        cost = self._cost_in_training(worker)
        return cost, _training(self._passed(worker), cost, self._guessed_start(worker))

    @property
    def _start(self) -> float:
        """Seconds that an arm's first run takes longer, but for a worker's first arm."""
        known = {worker: run for (worker, _), run in reversed(self._starts.items())}
        later = [run for run in self._starts.values() if run not in known.values()]
        expected = {run: self.wanted[run] * self._seconds_per_cost for run in later}
        excess = [max(0.0, self.trained[run] - expected[run]) for run in later]
        return (_START * self._slowness + sum(excess)) / (1 + len(excess))

    @property
    def _slowness(self) -> float:
        """How many times as long as guessed things take; what is fast to train starts no faster."""
        return max(1.0, self._seconds_per_cost / SECONDS_PER_COST)

    def _rest_of_start(self, worker: str) -> float:
        """Returns what a worker's run is thought to take longer, as the first of its arm."""
        guess = self._guessed_start(worker)
        return self._start if guess == _START else guess * self._slowness

    def _guessed_start(self, worker: str) -> float:
        if (worker, self._arms[worker]) in self._starts:
            return 0.0
        return _START if any(name == worker for name, _ in self._starts) else _FIRST_START

    def _cost_in_training(self, worker: str) -> float:
        arm = self._arms[worker]
        return next((cost for (digest, _), cost in self.wanted.items() if digest == arm), 0.0)

    def _passed(self, worker: str) -> float:
        return self.clock() - self._since[worker]

    def _expected(self, worker: str) -> float:
        return self._cost_in_training(worker) * self._seconds_per_cost + self._rest_of_start(worker)

    def text(self, undecided: float = 0.0) -> str:
        """Returns it in a line.

        Args:
            undecided: As for `seconds_left`.
        """
        began = self.clock() if self._began is None else self._began
        done = f"{len(self.trained)} of {len(self.wanted)} runs in {duration(self.clock() - began)}"
        if (left := self.seconds_left(undecided)) is not None:
            done += f", about {between(*left)} left"
        alone = len(self.doing) == 1
        whats = [what if alone else f"{name}: {what}" for name, what in sorted(self.doing.items())]
        stands = [self.standing[name] for name in sorted(self.standing)]
        return " · ".join([done, *stands, *whats])


def _training(seconds: float, cost: float, start: float) -> float:
    """Returns how much of a first run was training: between what two assumptions say.

    Either the training alone is slower than guessed, or all of it together, as on a busy machine.

    Args:
        seconds: That it took, with its start.
        cost: Of the run.
        start: How long the start is guessed to take.
    """
    if not start:
        return seconds
    guess = cost * SECONDS_PER_COST
    alone, together = max(0.0, seconds - start), seconds * guess / (guess + start)
    return _ALONE * alone + (1 - _ALONE) * together


def _seconds_by_cost(runs: Sequence[tuple[float, float]]) -> float:
    """Returns seconds per unit of cost: a guess, which gives way to what runs took."""
    cost = _GUESS_WEIGHT / SECONDS_PER_COST + sum(cost for cost, _ in runs)
    return (_GUESS_WEIGHT + sum(seconds for _, seconds in runs)) / cost


def between(low: float, high: float) -> str:
    """Returns two durations in words, or one where they are about the same."""
    if high <= _ONE_NUMBER * low or duration(low) == duration(high):
        return duration(high)
    (first, unit), second = duration(low).split(), duration(high)
    return f"{first} to {second}" if second.endswith(unit) else f"{first} {unit} to {second}"


def duration(seconds: float) -> str:
    """Returns a duration in words: seconds, then minutes."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
