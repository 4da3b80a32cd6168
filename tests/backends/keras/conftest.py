"""Fixtures of trainings; they import Keras once pytest knows on which framework it is to run."""

from collections import deque

import pytest


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training starts from a new program."""
    from bnclaims.backends.keras import training

    monkeypatch.setattr(training, "_rested", deque(maxlen=0))
