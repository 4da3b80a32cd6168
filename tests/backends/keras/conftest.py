"""Fixtures of trainings."""

from collections import deque

import pytest

from bnclaims.backends.keras import training


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training starts from a new program."""
    monkeypatch.setattr(training, "_rested", deque(maxlen=0))
