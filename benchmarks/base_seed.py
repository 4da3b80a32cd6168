"""A plugin for pytest, `-p benchmarks.base_seed`: all seeds begin `BASE_SEED` later."""

import os
from unittest import mock

import pytest

from bnclaims.language.sample import Runs


def pytest_configure(config: pytest.Config) -> None:
    base = int(os.environ["BASE_SEED"])

    def seeds(runs: Runs, count: int) -> range:
        return range(base + runs.first_seed, base + runs.first_seed + count)

    patch = mock.patch.object(Runs, "seeds", seeds)
    patch.start()
    config.add_cleanup(patch.stop)
