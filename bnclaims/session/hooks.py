"""Hooks that the plugin offers to a `conftest.py`."""

from collections.abc import Sequence

import pytest

from bnclaims.language.figure import Figure
from bnclaims.language.fixtures import Probe, Train


@pytest.hookspec
def pytest_claims_figures(train: Train, probe: Probe) -> Sequence[Figure] | None:
    """Returns figures for the report, drawn from the runs that the claims have trained.

    A figure whose runs are not stored is left out: nothing is trained for its sake.

    Args:
        train: As the fixture.
        probe: As the fixture.
    """
