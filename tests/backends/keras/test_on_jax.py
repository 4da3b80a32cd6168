"""Keras on JAX: its numbers have 32 bits, and its settings stay out of runs."""

from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras import state
from bnclaims.errors import ArmError
from bnclaims.experiment.data import Data
from tests.backends.keras import small
from tests.backends.keras.pairs import DATA
from tests.backends.keras.small import arm_of, bits, trained

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="of Keras on JAX: run `make test-jax`"
)


def test_integers_of_more_than_32_bits_are_refused() -> None:
    x = DATA.x_train.reshape(-1, 144).astype(np.int64)
    narrow = Data("wide", x, DATA.y_train, x[:9], DATA.y_train[:9])
    wide = Data("wide", x + 2**40, DATA.y_train, x[:9], DATA.y_train[:9])

    def dense() -> Any:
        return keras.Sequential([keras.Input((144,)), small.dense()])

    assert np.isfinite(trained(0, arm=arm_of(dense, narrow))[0].loss).all()
    with pytest.raises(ArmError, match="JAX computes with integers of 32 bits, and the data has"):
        trained(0, arm=arm_of(dense, wide))


@pytest.mark.usefixtures("nothing_kept")
def test_settings_of_jax_do_not_reach_runs() -> None:
    import jax

    before = bits(trained(3)[3])
    jax.config.update("jax_default_matmul_precision", "bfloat16")
    try:
        assert state.settings() == {"jax_default_matmul_precision": "bfloat16"}
        with pytest.warns(UserWarning, match=r"^jax_default_matmul_precision=bfloat16 was set out"):
            assert bits(trained(3)[3]) == before
    finally:
        jax.config.update("jax_default_matmul_precision", None)
