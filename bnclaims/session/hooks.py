"""Hooks that the plugin offers to a `conftest.py`, and to other plugins."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bnclaims.experiment.protocol import TrainingProtocol
from bnclaims.language.figure import Figure
from bnclaims.language.fixtures import Probe, Train
from bnclaims.running.backend import Backend
from bnclaims.running.store import Store


@pytest.hookspec
def pytest_claims_protocols() -> Sequence[TrainingProtocol] | None:
    """Returns the training protocols that `--claims-protocol` may name, the default one first.

    Implement it in the `conftest.py` at the root of the project or of the folder that pytest is
    given. Without any, sessions train with Keras's defaults.
    """


@pytest.hookspec(firstresult=True)
def pytest_claims_backend(config: pytest.Config, threads: int) -> Backend | None:
    """Returns what trains the arms of this process.

    Args:
        config: Pytest's.
        threads: How many runs it may train at a time.
    """


@pytest.hookspec(firstresult=True)
def pytest_claims_store(config: pytest.Config, folder: Path) -> Store | None:
    """Returns what keeps the runs; all workers of a session must reach the same.

    Args:
        config: Pytest's.
        folder: What `--claims-store` says, or the user's cache folder.
    """


@pytest.hookspec
def pytest_claims_figures(train: Train, probe: Probe) -> Sequence[Figure] | None:
    """Returns figures for the report, drawn from the runs that the claims have trained.

    A figure whose runs are not stored is left out: nothing is trained for its sake.

    Args:
        train: As the fixture.
        probe: As the fixture.
    """
