"""Trainers in other frameworks: a function of a seed that returns a history is an arm like any."""

import json
from pathlib import Path

import pytest

CLAIMS = """
from functools import partial

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss

from bnclaims import History, claim, epochs_to, mean_loss, val_accuracy

X, Y = load_digits(return_X_y=True)
CLASSES = np.arange(10)

def classifier(seed, rate):
    model = SGDClassifier(loss="log_loss", learning_rate="constant", eta0=rate)
    x, y, x_test, y_test = X[:600] / 16, Y[:600], X[600:800] / 16, Y[600:800]
    curves = {"loss": [], "val_accuracy": []}
    for epoch in range(3):
        order = seed.data_order(epoch, len(x))
        model.partial_fit(x[order], y[order], classes=CLASSES)
        curves["loss"].append(log_loss(y, model.predict_proba(x), labels=CLASSES))
        curves["val_accuracy"].append(model.score(x_test, y_test))
    loss = np.array(curves["loss"])
    return History(
        loss=loss,
        val_accuracy=np.array(curves["val_accuracy"]),
        fine_loss=loss,
        fine_epochs=np.arange(1.0, 4.0),
    )

@claim("A hundredfold learning rate converges faster", source="own")
def test_rate(train):
    fast, slow = (train(partial(classifier, rate=rate)) for rate in (0.1, 0.001))
    assert mean_loss(fast) < 0.9 * mean_loss(slow)

@claim("It gets further, too", source="own")
def test_accuracy(train):
    fast, slow = (train(partial(classifier, rate=rate)) for rate in (0.1, 0.001))
    assert val_accuracy(fast) > val_accuracy(slow)

@claim("It is there sooner", source="own")
def test_sooner(train):
    fast, slow = (train(partial(classifier, rate=rate)) for rate in (0.1, 0.001))
    assert epochs_to(fast, loss=1.0) < epochs_to(slow, loss=1.0)
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of scikit-learn's, in which neither TensorFlow nor Keras can be imported."""
    stubs = pytester.mkdir("stubs")
    for name in ("tensorflow", "keras"):
        (stubs / f"{name}.py").write_text("raise ImportError('scikit-learn needs no Keras')\n")
    monkeypatch.setenv("PYTHONPATH", f"{stubs}:{Path(__file__).parents[1]}")
    monkeypatch.setenv("BNCLAIMS_DATA", "digits")
    pytester.makeconftest("pytest_plugins = ['bnclaims.plugin']")
    pytester.makepyfile(test_linear=CLAIMS)
    return pytester


def test_claims_about_scikit_learn(project: pytest.Pytester) -> None:
    result = project.runpytest_subprocess("--claims-store=store", "-n0")
    result.assert_outcomes(passed=3)
    results = json.loads((project.path / "claims-report" / "results.json").read_text())
    rate = next(claim for claim in results["claims"] if claim["id"] == "rate")
    fast, slow = rate["arms"]
    assert fast["arm"] == "classifier(rate=0.1)"
    assert [len(curve) for curve in fast["curves"]["loss"]] == [3] * 5
    assert min(fast["metrics"]["val_accuracy"]) > max(slow["metrics"]["val_accuracy"])
    assert fast["metrics"]["val_loss"] == [None] * 5
    assert "classifier(rate=0.1)" in (project.path / "claims-report" / "index.html").read_text()

    arms = list((project.path / "store" / "runs").iterdir())
    assert len(arms) == 2
    about = json.loads(next(arms[0].iterdir()).read_bytes().split(b"\n")[1])
    assert "scikit-learn" in json.dumps(about["description"])
    assert "tensorflow" not in about["description"]["libraries"]
