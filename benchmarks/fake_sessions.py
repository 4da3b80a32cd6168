"""Sessions whose trainer trains nothing: for what a session costs, and what it survives."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SEEDS = 20
"""Runs of an arm, all of them needed at the one look of these sessions."""

_CONFTEST = """
import os
import time
from pathlib import Path

import numpy as np
from bnclaims import History, TrainingProtocol

pytest_plugins = ["bnclaims.plugin"]
LOG, SECONDS = Path("runs.log"), float(os.environ.get("FAKE_SECONDS", 0))

def log(what, arm, seed):
    if SECONDS:
        with LOG.open("a") as file:
            file.write(f"{what} {arm.digest}/{seed} {os.getpid()}\\n")

class FakeBackend:
    name = "fake"
    versions = {"fake": "1"}

    def prepare(self):
        pass

    def run(self, arm, seeds):
        for seed in seeds:
            log("begun", arm, seed)
            time.sleep(SECONDS)
            # As many numbers as ten epochs leave.
            yield seed, History(loss=np.full(10, arm.model.hidden[0] + 0.01 * (seed % 3)))
            log("stored", arm, seed)  # who asks for more has kept it

def pytest_claims_backend():
    return FakeBackend()
"""

_CLAIMS = """
import pytest
from bnclaims import MLP, claim, mean_loss

def loss(train, units):
    return mean_loss(train(MLP(hidden=(units,))))

@pytest.mark.parametrize("units", range(1, {arms}))
@claim("Less is lower", source="here")
def test_units(train, units):
    assert loss(train, units) < loss(train, units + 1) - 0.5
"""


def write(folder: Path, runs: int) -> tuple[int, int]:
    """Writes a project of about so many runs; returns how many it trains, for how many claims."""
    arms = round(runs / SEEDS)
    (folder / "conftest.py").write_text(_CONFTEST, "utf-8")
    (folder / "test_fake.py").write_text(_CLAIMS.format(arms=arms), "utf-8")
    return arms * SEEDS, arms - 1


def start(
    folder: Path, *options: str, seconds: float = 0.0, output: int | None = subprocess.DEVNULL
) -> "subprocess.Popen[str]":
    """Starts a session, in a process group of its own.

    Args:
        folder: Of the project.
        *options: Pytest's.
        seconds: How long a run takes.
        output: Where standard output and standard error go.
    """
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "BNCLAIMS_DATA": "digits", "FAKE_SECONDS": str(seconds),
    }  # fmt: skip
    return subprocess.Popen(  # noqa: S603  (ourselves)
        [sys.executable, "-m", "pytest", "-q", "--claims-store=store", f"--claims-looks={SEEDS}",
         *options],
        cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
