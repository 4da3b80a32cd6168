"""Progress: what the workers of a session have trained, what is left, and for how long.

Each worker keeps a journal, event by event, as plain data; whoever shows progress joins them.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bnclaims.experiment.arm import Arm

Run = tuple[str, int]
"""An arm's digest and a seed."""

Publish = Callable[[dict[str, Any]], None]

SECONDS_PER_COST = 40e-6
"""A guess before anything was trained: the article's network on one core of 2024, by `Arm.cost`."""


class Journal:
    """Tells what one worker knows of the work, and does of it.

    Args:
        publish: Shows an event to whoever joins journals.
    """

    def __init__(self, publish: Publish) -> None:
        self._publish = publish
        self._doing = ""
        self._seconds, self._cost = 0.0, 0.0

    @property
    def seconds_per_cost(self) -> float:
        """How long this worker's runs took, by the unit of `Arm.cost`; a guess before the first."""
        return self._seconds / self._cost if self._cost else SECONDS_PER_COST

    def want(self, arm: Arm, seeds: Iterable[int]) -> None:
        """Tells of runs that must be trained."""
        if wanted := list(seeds):
            self._publish({"want": [arm.digest, arm.cost, wanted]})

    def begin(self, arm: Arm) -> None:
        """Tells that an arm is being trained."""
        self._now(str(arm))

    def wait(self, whom: str) -> None:
        """Tells that this worker has nothing to do but to wait."""
        self._now(f"waits for {whom}", waiting=True)

    def idle(self) -> None:
        """Tells that nothing is left to do for the moment."""
        self._now("")

    def undecided(self, claim: str, standing: tuple[int, float] | None) -> None:
        """Tells how a claim stands: its seeds and the chance of a verdict; None once settled."""
        self._publish({"undecided": standing and [claim, *standing]})

    def done(self, arm: Arm, seed: int, seconds: float) -> None:
        """Tells that a run has been trained."""
        self._seconds += seconds
        self._cost += arm.cost
        self._publish({"done": [arm.digest, arm.cost, seed, seconds]})

    def _now(self, doing: str, *, waiting: bool = False) -> None:
        if doing != self._doing:
            self._doing = doing
            self._publish({"doing": doing, "waiting": waiting})


@dataclass
class Progress:
    """The joined journals of a session."""

    wanted: dict[Run, float] = field(default_factory=dict)
    """The runs that the session is known to need and did not have, with their cost."""
    trained: dict[Run, float] = field(default_factory=dict)
    """The seconds that each run took."""
    doing: dict[str, str] = field(default_factory=dict)
    """What each worker trains or waits for; workers that do neither are left out."""
    waiting: set[str] = field(default_factory=set)
    """The workers that wait."""
    undecided: dict[str, str] = field(default_factory=dict)
    """How the claim stands that each worker judges, where it has looked and goes on."""

    def add(self, worker: str, event: dict[str, Any]) -> None:
        """Adds an event of a worker's journal."""
        match event:
            case {"want": [digest, cost, seeds]}:
                self.wanted |= {(digest, seed): cost for seed in seeds}
            case {"done": [digest, cost, seed, seconds]}:
                self.wanted[digest, seed] = cost
                self.trained[digest, seed] = seconds
            case {"undecided": [claim, seeds, chance]}:
                self.undecided[worker] = f"{claim}: {chance:.0%} chance of a verdict, n {seeds}"
            case {"undecided": None}:
                self.undecided.pop(worker, None)
            case {"doing": doing, "waiting": waiting}:
                self.doing.pop(worker, None)
                self.waiting.discard(worker)
                if doing:
                    self.doing[worker] = doing
                if waiting:
                    self.waiting.add(worker)

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the measured rate; None before there is one."""
        cost = sum(self.wanted[run] for run in self.trained)
        if not cost:
            return None
        left = sum(cost for run, cost in self.wanted.items() if run not in self.trained)
        at_work = max(1, len(self.doing) - len(self.waiting))
        return sum(self.trained.values()) / cost * left / at_work

    def text(self) -> str:
        """Returns it in a line."""
        arms = {digest for digest, _ in self.wanted}
        unfinished = {digest for digest, _ in self.wanted.keys() - self.trained.keys()}
        runs = f"{len(self.trained)} of {len(self.wanted)} runs"
        parts = [f"{runs}, {len(arms - unfinished)} of {len(arms)} arms"]
        if (left := self.seconds_left) is not None:
            parts.append(f"about {duration(left)} left")
        parts += [self.undecided[name] for name in sorted(self.undecided)]
        alone = len(self.doing) == 1
        parts += [what if alone else f"{name}: {what}" for name, what in sorted(self.doing.items())]
        return " · ".join(parts)


def duration(seconds: float) -> str:
    """Returns a duration in words: seconds, then minutes."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
