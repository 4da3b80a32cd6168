"""The pack's protocol: a session of it alone (`make literature`) takes minutes."""

from bnclaims import TrainingProtocol
from claims.literature.networks import LITERATURE


def pytest_claims_protocols() -> list[TrainingProtocol]:
    return [LITERATURE]
