"""Tests of Keras on JAX, in processes of their own: `make test-jax`. Elsewhere they are skipped."""

import os
from importlib.util import find_spec

import pytest

if find_spec("jax") is None:
    REASON = "JAX is not installed"
elif os.environ.get("BNCLAIMS_BACKEND") != "jax":
    REASON = "of Keras on JAX: run `make test-jax`"
else:
    REASON = ""


@pytest.fixture(autouse=True, scope="session")
def on_jax() -> None:
    """Skips tests of JAX in a process that trains on another framework."""
    if REASON:
        pytest.skip(REASON)
