"""The global generators are seeded, and TensorFlow stays out of it."""

import os
import random
import subprocess
import sys
from collections.abc import Callable

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import state
from bnclaims.backends.keras.seeding import set_random_seed

DRAWS: dict[str, Callable[[], float]] = {
    "python": random.random,
    "numpy": lambda: float(np.random.random()),
    "keras": lambda: float(keras.random.uniform(())),
}


@pytest.mark.parametrize("name", DRAWS)
def test_a_generator_draws_the_same_after_the_same_seed(name: str) -> None:
    def after(seed: int) -> float:
        set_random_seed(seed)
        return DRAWS[name]()

    with state.known():
        assert after(3) == after(3) != after(4)


def test_tensorflow_is_not_imported_for_it() -> None:
    code = """
import sys
from bnclaims.backends.keras.seeding import set_random_seed
set_random_seed(3)
print("tensorflow" in sys.modules)
"""
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["False"]
