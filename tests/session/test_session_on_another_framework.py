"""A session that is asked for JAX or PyTorch: it says so, trains there, without TensorFlow."""

import json
import os

import pytest

from bnclaims.backends.keras.backend import BACKENDS

ASKED = os.environ.get("BNCLAIMS_BACKEND", "tensorflow")

pytestmark = pytest.mark.skipif(
    ASKED == "tensorflow", reason="of other frameworks: run `make test-jax`"
)

CLAIMS = """
import sys

import keras

from bnclaims import claim, final_loss, measured

def build(units):
    inputs = keras.Input((784,))
    return keras.Model(inputs, keras.layers.Dense(10, "softmax")(keras.layers.Dense(units)(inputs)))

def few():
    return build(1)

def many():
    return build(32)

def units(seed):
    layer = keras.layers.Dense(3)
    layer.build((None, 4))
    assert keras.config.backend() == "{asked}"
    return float(keras.ops.sum(keras.ops.abs(layer.kernel)))

@claim("More is lower", source="here")
def test_more(train, probe):
    arguments = {"loss": "sparse_categorical_crossentropy", "optimizer": "adam"}
    assert final_loss(train(many, **arguments)) < final_loss(train(few, **arguments)) - 0.001

@claim("There are weights", source="here")
def test_units(probe):
    assert measured(probe(units)) > 0.001

def test_tensorflow_stayed_out():
    assert "{asked}" in sys.modules
    assert "tensorflow" not in sys.modules
"""

CONFTEST = """
pytest_plugins = ["bnclaims.plugin"]

from bnclaims import TrainingProtocol

def pytest_claims_protocols():
    return [TrainingProtocol("tiny", images=400, epochs=2)]
"""


def test_a_session_trains_there(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BNCLAIMS_BACKEND")
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    pytester.makeconftest(CONFTEST)
    pytester.makepyfile(test_claims=CLAIMS.replace("{asked}", ASKED))
    asked = (f"--claims-backend={ASKED}", "--claims-data=digits", "--claims-store=store")
    result = pytester.runpytest_subprocess(*asked, "--claims-looks=6", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines([f"bnclaims: {BACKENDS[ASKED].name}"])
    result.stdout.no_fnmatch_line("*__array__*")
    results = json.loads((pytester.path / "claims-report" / "results.json").read_text())
    assert results["versions"]["backend"] == BACKENDS[ASKED].name
    assert {ASKED, f"{ASKED} program", "keras"} <= results["versions"].keys()
    assert "tensorflow" not in results["versions"]
