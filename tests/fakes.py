"""Fakes that several tests share."""

from typing import Any

from bnclaims.experiment.arm import Arm


class FakeArm(Arm):
    """An arm that nothing trains."""

    def __init__(self, digest: str, work: float = 1.0) -> None:
        self.digest = digest
        self._work = work

    def __str__(self) -> str:
        return f"fake {self.digest}"

    @property
    def description(self) -> dict[str, Any]:
        return {"kind": "fake", "name": self.digest}

    @property
    def work(self) -> float:
        return self._work
