"""The seam to what trains elsewhere, many runs at a time: a cluster."""

from collections.abc import Iterator
from typing import Protocol

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import Trained


class Pool(Protocol):
    """Trains runs on other machines, as many at a time as it has threads."""

    def __str__(self) -> str:
        """Returns where it is, for the header of a session."""

    @property
    def threads(self) -> int:
        """How many runs it trains at a time now; 0 while it has no workers."""

    def submit(self, arm: Arm, seed: int, *, priority: float, needed: bool) -> None:
        """Has a run trained; does nothing where it has been submitted already.

        Args:
            arm: What to train.
            seed: Its run.
            priority: Those with a higher one come first.
            needed: Whether a claim waits for it, which will hear of its error.

        Raises:
            ClusterError: The pool cannot be reached.
            DescriptionError: The arm cannot be sent.
        """

    def answers(self) -> Iterator[tuple[Arm, int, Trained | Exception]]:
        """Yields, without waiting, what has become of runs since this was last asked for.

        Raises:
            ClusterError: The pool is lost, and what it was at with it.
        """

    def close(self) -> None:
        """Lets go of what is not yet trained."""
