"""A project whose backend trains nothing, for tests of whole sessions that take no time."""

from pathlib import Path

import pytest

BACKEND = """
import os
import time

import numpy as np
from bnclaims import History

pytest_plugins = ["bnclaims.plugin"]

class FakeBackend:
    name = "fake"
    versions = {"fake": "1"}

    def prepare(self):
        pass

    def run(self, arm, seeds):
        for seed in seeds:
            trained(arm, seed)
            units = arm.model.hidden[0]
            yield seed, History(loss=np.array([units + 0.01 * (units * seed % 3)]))

def trained(arm, seed):
    pass

def pytest_claims_backend():
    return FakeBackend()
"""
"""A conftest.py; the loss is about the number of units. `trained` is called for each run.

Differences of losses vary from seed to seed, so that the first look decides.
"""

CLAIMS = """
import os
import signal
import time

import pytest
from bnclaims import MLP, claim, mean_loss

def loss(train, units):
    return mean_loss(train(MLP(hidden=(units,))))
"""


def claims(*bodies: str, first: int = 1) -> str:
    """Returns a test file whose claims hold, each with an expression of its own before it ends.

    The expression is not for the trace.
    """
    return CLAIMS + "".join(
        f"""
@claim("Less is lower", source="here", id="claim-{number}")
def test_{number}(train):
    train.trial.tracing or {body or None}
    assert loss(train, {number}) < loss(train, {number + 1}) - 0.5
"""
        for number, body in enumerate(bodies, first)
    )


def prepare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Returns where such a project is to be written, with its conftest.py."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("BNCLAIMS_DATA", "digits")
    pytester.makeconftest(BACKEND)
    return pytester
