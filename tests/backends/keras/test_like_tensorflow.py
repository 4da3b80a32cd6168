"""One seed starts alike on TensorFlow and here, and its first steps stay together."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tests.backends.keras import pairs

pytestmark = pytest.mark.skipif(
    keras.config.backend() == "tensorflow", reason="of other frameworks: run `make test-jax`"
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def on_tensorflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `pairs` makes in a process whose Keras is on TensorFlow."""
    path = tmp_path_factory.mktemp("tensorflow") / "arrays.npz"
    environment = os.environ | {"KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-m", pairs.__name__, path], env=environment, check=True)
    with np.load(path) as arrays:
        return dict(arrays)


def assert_pair(kind: str, ours: dict[str, Any], theirs: dict[str, Any], rtol: float) -> None:
    expected = {name: array for name, array in theirs.items() if name.startswith(f"{kind}/")}
    assert expected
    assert {f"{kind}/{name}" for name in ours} == expected.keys()
    for name, array in ours.items():
        np.testing.assert_allclose(
            array, expected[f"{kind}/{name}"], rtol=rtol, atol=rtol, err_msg=name
        )


@pytest.mark.parametrize("initializer", [*pairs.UNIFORM, "ones"])
def test_uniform_weights_are_the_same_to_the_bit(
    initializer: str, on_tensorflow: dict[str, Any]
) -> None:
    for number, array in enumerate(pairs.weights(initializer)):
        np.testing.assert_array_equal(array, on_tensorflow[f"weights/{initializer}/{number}"])


@pytest.mark.parametrize("initializer", [*pairs.NORMAL, "orthogonal"])
def test_normal_weights_are_the_same_but_for_rounding(
    initializer: str, on_tensorflow: dict[str, Any]
) -> None:
    for number, array in enumerate(pairs.weights(initializer)):
        expected = on_tensorflow[f"weights/{initializer}/{number}"]
        np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6)


def test_without_random_layers_the_curves_stay_together(on_tensorflow: dict[str, Any]) -> None:
    ours = {name: a for name, a in pairs.curves().items() if "saturated" not in name}
    theirs = {name: a for name, a in on_tensorflow.items() if "saturated" not in name}
    assert_pair("curves", ours, theirs, 2e-3)


def test_probes_see_the_same(on_tensorflow: dict[str, Any]) -> None:
    assert_pair("looks", pairs.looks(), on_tensorflow, 1e-4)
