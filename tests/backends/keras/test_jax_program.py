"""Keras on JAX: a run follows from its arm and its seed; what no seed decides is refused."""

import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.dask import apart
from bnclaims.backends.dask.apart import Apart, Errand
from bnclaims.backends.dask.transport import packed, packed_arm
from bnclaims.backends.keras import state, training
from bnclaims.backends.keras.backend import KerasOnJax
from bnclaims.backends.keras.training import train
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.history import History
from bnclaims.experiment.protocol import Optimizer
from tests.backends.keras.pairs import DATA, LOSS, MOMENTUM

pytestmark = pytest.mark.skipif(
    keras.config.backend() != "jax", reason="of Keras on JAX: run `make test-jax`"
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each training here starts from a new program."""
    monkeypatch.setattr(training, "_rested", deque(maxlen=0))


def network() -> Any:
    """Returns a network with all kinds of state: of batches, of random layers, of an optimizer."""
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            keras.layers.Conv2D(4, 3, strides=2, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(10, "softmax"),
        ]
    )


def arm_of(build: Callable[[], Any] = network, data: Data = DATA, **changes: Any) -> TrainingArm:
    usual: dict[str, Any] = {"epochs": 2, "optimizer": MOMENTUM, "batch_size": 32, "loss": LOSS}
    return TrainingArm(build, data, None, **{**usual, **changes})


def trained(*seeds: int, threads: int = 1, arm: TrainingArm | None = None) -> dict[int, History]:
    return dict(train(arm or arm_of(), seeds, threads=threads))


def bits(history: History) -> dict[str, bytes]:
    return {name: a.tobytes() for name, a in history.to_arrays().items() if name != "seconds"}


def test_a_run_has_the_same_bits_alone_after_another_and_beside_others() -> None:
    alone = bits(trained(3)[3])
    assert bits(trained(1, 3)[3]) == alone
    together = trained(1, 2, 3, 4, threads=2)
    assert together.keys() == {1, 2, 3, 4}
    assert bits(together[3]) == alone
    assert bits(together[4]) != alone


AGAIN = """
from bnclaims.backends.keras.backend import KerasOnJax
KerasOnJax(2).start()
from tests.backends.keras.test_jax_program import trained
print(trained(3)[3].loss.tobytes().hex())
"""


def test_a_run_has_the_same_bits_in_another_process() -> None:
    told = subprocess.run(
        [sys.executable, "-c", AGAIN], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.split()[-1] == trained(3)[3].loss.tobytes().hex()


def test_a_run_has_the_same_bits_on_a_worker_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERAS_BACKEND", "BNCLAIMS_BACKEND"):
        monkeypatch.delenv(name)
    backend = packed(KerasOnJax(1))
    process = Apart()
    try:
        sent = Errand("here", packed_arm(arm_of()), DATA, backend, 3, apart.versions())
        found = process.trained(sent, None).history
    finally:
        process.end()
    assert bits(found) == bits(trained(3)[3])


def test_a_diverged_run_says_when() -> None:
    far = Optimizer("SGD", learning_rate=1e30)
    assert trained(0, arm=arm_of(optimizer=far))[0].diverged_epoch == 1


# What no seed decides


class UnseededNoise(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + keras.random.normal(keras.ops.shape(x))


class NumPyNoise(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x + np.random.normal()


class CallsBack(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        import jax

        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return x + jax.lax.stop_gradient(jax.pure_callback(lambda: np.zeros(x.shape), shape))


def test_keras_itself_refuses_a_generator_that_is_nobody_s() -> None:
    with pytest.raises(ValueError, match="you should only use seeded random ops"):
        trained(0, arm=arm_of(of(UnseededNoise)))


COUNTED: list[Any] = []


class CountsElsewhere(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        counter = COUNTED[0]
        counter.assign(counter + 1)
        return x * counter


def of(layer: type[keras.layers.Layer]) -> Callable[[], Any]:
    def build() -> Any:
        return keras.Sequential(
            [keras.Input((144,)), layer(), keras.layers.Dense(10, "softmax")], name="odd"
        )

    return build


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (NumPyNoise, "draws from the generator of NumPy while it is traced"),
        (CallsBack, "it calls pure_callback, whose results no seed decides"),
        (CountsElsewhere, "it assigns a variable that is neither the model's .*: elsewhere. Make"),
    ],
)
def test_what_no_seed_decides_is_refused(layer: Any, words: str) -> None:
    COUNTED[:] = [keras.Variable(0.0, name="elsewhere", trainable=False)]
    with pytest.raises(ArmError, match=words):
        trained(0, arm=arm_of(of(layer)))


# What JAX has no numbers for


def test_integers_of_more_than_32_bits_are_refused() -> None:
    x = DATA.x_train.reshape(-1, 144).astype(np.int64)
    narrow = Data("wide", x, DATA.y_train, x[:9], DATA.y_train[:9])
    wide = Data("wide", x + 2**40, DATA.y_train, x[:9], DATA.y_train[:9])

    def dense() -> Any:
        return keras.Sequential([keras.Input((144,)), keras.layers.Dense(10, "softmax")])

    assert np.isfinite(trained(0, arm=arm_of(dense, narrow))[0].loss).all()
    with pytest.raises(ArmError, match="JAX computes with integers of 32 bits, and the data has"):
        trained(0, arm=arm_of(dense, wide))


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
