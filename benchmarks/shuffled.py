"""A plugin for pytest, `-p benchmarks.shuffled`: the tests in an order drawn from `SHUFFLE_SEED`.

Each worker of pytest-xdist draws the same.
"""

import os
import random

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    random.Random(os.environ["SHUFFLE_SEED"]).shuffle(items)  # noqa: S311  (an order, no secret)
