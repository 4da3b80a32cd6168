"""Keras on another framework than TensorFlow: a run follows from its arm and its seed alone."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest

from bnclaims.backends.dask import apart
from bnclaims.backends.dask.apart import Apart, Errand
from bnclaims.backends.dask.transport import packed, packed_arm
from bnclaims.backends.keras.backend import BACKENDS
from bnclaims.experiment.protocol import Optimizer
from claims import test_bn_layer as bn_layer
from tests.backends.keras import small
from tests.backends.keras.pairs import DATA
from tests.backends.keras.small import arm_of, bits, trained

pytestmark = [
    pytest.mark.skipif(
        keras.config.backend() == "tensorflow", reason="of other frameworks: run `make test-jax`"
    ),
    pytest.mark.filterwarnings("ignore:.*is trained by Keras's fit"),
    pytest.mark.usefixtures("nothing_kept"),
]

ROOT = Path(__file__).parents[3]
NETWORKS = [small.steady, small.random]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_has_the_same_bits_alone_after_another_and_beside_others(
    network: Callable[[], Any],
) -> None:
    arm = arm_of(network)
    alone = bits(trained(3, arm=arm)[3])
    assert bits(trained(1, 3, arm=arm)[3]) == alone
    together = trained(1, 2, 3, 4, threads=2, arm=arm)
    assert together.keys() == {1, 2, 3, 4}
    assert bits(together[3]) == alone
    assert bits(together[4]) != alone


AGAIN = """
from bnclaims.backends.keras.backend import BACKENDS
BACKENDS["{framework}"](2).start()
from tests.backends.keras import small
print(small.trained(3, arm=small.arm_of(small.{network}))[3].loss.tobytes().hex())
"""


@pytest.mark.parametrize("network", NETWORKS)
def test_a_run_has_the_same_bits_in_another_process(network: Callable[[], Any]) -> None:
    code = AGAIN.format(framework=keras.config.backend(), network=network.__name__)
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    here = trained(3, arm=arm_of(network))[3]
    assert told.stdout.split()[-1] == here.loss.tobytes().hex()


def test_a_run_has_the_same_bits_on_a_worker_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KERAS_BACKEND", "BNCLAIMS_BACKEND"):
        monkeypatch.delenv(name)
    backend = packed(BACKENDS[keras.config.backend()](1))
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


def test_the_articles_statements_on_a_bn_layer_hold_there() -> None:
    off = bn_layer.standardization_errors(0)
    assert 0 < off.pop("deviation") < 1
    assert all(0 < roundings < bn_layer.ROUNDINGS for roundings in off.values())
    assert bn_layer.constant_feature(0) == {"guarded": 1.0, "unguarded": 0.0}
    assert bn_layer.center_and_scale(0) == {"failed": 0.0}
