"""A project whose fake backend comes in releases, for comparisons of one with another."""

import json
from pathlib import Path

import pytest

from tests import sessions
from tests.fake_project import CLAIMS

CONFTEST = """
import json
from pathlib import Path

import numpy as np
from bnclaims import History, TrainingProtocol

pytest_plugins = ["bnclaims.plugin"]
RELEASE = json.loads(Path("release.json").read_text())

class FakeBackend:
    name = "fake"
    versions = {"fake": RELEASE["version"]}

    def prepare(self):
        pass

    def run(self, arm, seeds):
        units, noise = arm.model.hidden[0], RELEASE["noise"]
        shift = RELEASE["shifts"].get(str(units), 0.0)
        for seed in seeds:
            rng = np.random.default_rng([RELEASE["draws"], units, seed])
            loss = units + shift + rng.normal(0, noise)
            diverges = units in RELEASE["diverging"] and seed == 2
            loss = np.array([np.nan if diverges else loss])
            yield seed, History(loss=loss, val_accuracy=1 - 0.1 * loss)

def pytest_claims_backend():
    return FakeBackend()

def pytest_claims_protocols():
    return [TrainingProtocol("small"), TrainingProtocol("large", epochs=2)]
"""
"""The loss is about the number of units. What `release.json` says changes from one to the next."""

METRICS = """
from bnclaims import metric, val_accuracy

@metric
def halved(history):
    return float(history.loss[-1]) / 2

@claim("Less is more accurate", source="here")
def test_accuracy(train):
    assert val_accuracy(train(MLP(hidden=(2,)))) < val_accuracy(train(MLP(hidden=(1,)))) - 0.05

@claim("Half is less", source="here")
def test_half(train):
    arm = train(MLP(hidden=(2,)))
    assert halved(arm) < mean_loss(arm) - 0.5
"""
"""More claims for its test file, whose metrics go other ways than a loss."""


def release(
    folder: Path,
    version: str,
    *,
    draws: int = 0,
    noise: float = 0.01,
    shifts: dict[int, float] | None = None,
    diverging: tuple[int, ...] = (),
) -> None:
    """Installs a release of what trains.

    Args:
        folder: Of the project.
        version: Its name.
        draws: Which noise its runs have, equal for equal numbers.
        noise: Its standard deviation.
        shifts: By how much the losses of some numbers of units are higher.
        diverging: Numbers of units whose runs diverge at seed 2.
    """
    said = {"version": version, "draws": draws, "noise": noise, "shifts": shifts or {}}
    text = json.dumps(said | {"diverging": diverging})
    (folder / "release.json").write_text(text, "utf-8")


def claims_on(*units: int) -> str:
    """Returns a test file with a claim on each number of units and the next."""
    return CLAIMS + "".join(
        f"""
@claim("Less is lower", source="here", id="claim-{number}")
def test_{number}(train):
    assert loss(train, {number}) < loss(train, {number + 1}) - 0.5
"""
        for number in units
    )


def prepare(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Returns where such a project is, with its first release."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("BNCLAIMS_DATA", "digits")
    pytester.makeconftest(CONFTEST)
    release(pytester.path, "1")
    return pytester


def session(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Runs a session that keeps its runs, by the boundary that is fast to compute."""
    usual = ("--claims-store=store", "--claims-boundary=normal", "-p", "no:cacheprovider")
    return sessions.run(project, *usual, *arguments)
