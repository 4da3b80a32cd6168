"""The seam to what trains: a backend makes the runs of arms."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History


class Backend(Protocol):
    """Trains arms. Found by the hook `pytest_claims_backend`; one a process."""

    name: str
    """What reports call it."""

    @property
    def versions(self) -> Mapping[str, str]:
        """Versions of all that changes its numbers, by name; they enter each arm's digest.

        Asking for them imports nothing heavy: a session with everything stored asks, too.
        """

    def prepare(self) -> None:
        """Sets what must be set before a claim's body may import the framework.

        Raises:
            BnclaimsError: The environment asks for something that this backend is not.
        """

    def run(self, arm: Arm, seeds: Iterable[int]) -> Iterator[tuple[int, History]]:
        """Trains an arm for some seeds and yields each history as soon as it is there.

        A history is a pure function of the arm, the seed and the versions.

        Args:
            arm: What to train.
            seeds: Taken one by one, when there is a thread for it: an iterator may still decide.

        Raises:
            ArmError: The arm cannot be trained as it is.
            DataError: Its data cannot be loaded.
        """
