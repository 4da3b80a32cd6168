"""The seam to where runs are kept."""

from contextlib import AbstractContextManager
from typing import Protocol

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History


class StoreWarning(UserWarning):
    """Something is wrong with the stored runs; the session goes on without losing any."""


class Store(Protocol):
    """Keeps runs. Found by the hook `pytest_claims_store`; all workers of a session share one."""

    def __str__(self) -> str:
        """Returns where the runs are, for the header of a session."""

    def load(self, arm: Arm, seed: int) -> History | None:
        """Returns a run's history, or None when it has not been trained or is damaged."""

    def save(self, arm: Arm, seed: int, history: History) -> None:
        """Keeps a run; one of a fresh arm for this session only.

        What cannot be kept beyond the session is said in a `StoreWarning`, and is not lost to it.
        """

    def lock(self, arm: Arm, name: str) -> AbstractContextManager[bool]:
        """Holds a lock on part of an arm, without waiting; yields whether it was free.

        It ends with the process that holds it, however that ends.
        """

    def holder(self, arm: Arm, name: str) -> str:
        """Returns who holds a lock, for people; '' where nobody does, or it is not known."""
