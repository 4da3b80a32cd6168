"""Progress: what the workers of a session have trained, what is left, and for how long.

Each worker keeps a journal, as plain data that others can read; whoever shows progress joins them.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bnclaims.experiment.arm import Arm

Run = tuple[str, int]
"""An arm's digest and a seed."""

Publish = Callable[[dict[str, Any]], None]


@dataclass
class Journal:
    """What one worker knows of the work and has done of it.

    Args:
        publish: Shows the journal's content to whoever joins journals, whenever it changes.
    """

    publish: Publish
    wanted: dict[Run, float] = field(default_factory=dict)
    """The runs that the session is known to need and did not have, with their cost."""
    trained: dict[Run, float] = field(default_factory=dict)
    """The seconds that each run took that this worker trained."""
    doing: str = ""
    """The arm in training, or what else keeps the worker."""

    def want(self, arm: Arm, seeds: Iterable[int]) -> None:
        """Notes runs that must be trained."""
        self.wanted |= {(arm.digest, seed): arm.cost for seed in seeds}

    def begin(self, arm: Arm) -> None:
        """Notes that an arm is being trained."""
        self._now(str(arm))

    def done(self, arm: Arm, seed: int, seconds: float) -> None:
        """Notes that a run has been trained."""
        self.want(arm, [seed])
        self.trained[arm.digest, seed] = seconds
        self._publish()

    def idle(self) -> None:
        """Notes that nothing is left to train for the moment."""
        if self.doing:
            self._now("")

    def _now(self, doing: str) -> None:
        self.doing = doing
        self._publish()

    def _publish(self) -> None:
        self.publish(
            {
                "wanted": [[*run, cost] for run, cost in self.wanted.items()],
                "trained": [[*run, seconds] for run, seconds in self.trained.items()],
                "doing": self.doing,
                "at": time.time(),
            }
        )


@dataclass(frozen=True)
class Progress:
    """The joined journals of a session."""

    arms: int
    """Arms that had something to train."""
    arms_done: int
    runs: int
    runs_done: int
    seconds_left: float | None
    """An estimate from the measured rate; None before there is one."""
    doing: dict[str, str]
    """What each worker trains; workers that train nothing are left out."""

    @classmethod
    def joined(cls, journals: dict[str, dict[str, Any]]) -> "Progress":
        """Returns the progress that journals tell of, by worker."""
        wanted = {(d, s): w for j in journals.values() for d, s, w in j["wanted"]}
        trained = {(d, s): t for j in journals.values() for d, s, t in j["trained"]}
        left = {run: cost for run, cost in wanted.items() if run not in trained}
        done_cost = sum(wanted[run] for run in trained if run in wanted)
        rate = sum(trained.values()) / done_cost if done_cost else None
        doing = {name: j["doing"] for name, j in journals.items() if j["doing"]}
        return cls(
            arms=len({digest for digest, _ in wanted}),
            arms_done=len({d for d, _ in wanted} - {d for d, _ in left}),
            runs=len(wanted),
            runs_done=len(trained),
            seconds_left=rate and rate * sum(left.values()) / max(1, len(doing)),
            doing=doing,
        )

    def text(self) -> str:
        """Returns it in a line."""
        parts = [f"{self.runs_done} of {self.runs} runs, {self.arms_done} of {self.arms} arms"]
        if self.seconds_left is not None:
            parts.append(f"about {duration(self.seconds_left)} left")
        alone = len(self.doing) == 1
        parts += [arm if alone else f"{name}: {arm}" for name, arm in sorted(self.doing.items())]
        return " · ".join(parts)


def duration(seconds: float) -> str:
    """Returns a duration in words: seconds, then minutes."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
