"""Keras on TensorFlow as a backend: its versions, and the environment that it needs."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata

import pytest

from bnclaims.backends.keras import backend as backend_module
from bnclaims.backends.keras.backend import KerasBackend
from bnclaims.errors import ArmError


def only(installed: dict[str, str]) -> Callable[[str], str]:
    def version(name: str) -> str:
        try:
            return installed[name]
        except KeyError:
            raise metadata.PackageNotFoundError(name) from None

    return version


def test_versions_are_of_what_computes() -> None:
    versions = KerasBackend(1).versions
    assert set(versions) == {"engine", "keras", "numpy", "tensorflow"}
    assert versions["keras"] == metadata.version("keras")


def test_the_engine_s_own_version_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "ENGINE_VERSION", -1)
    assert KerasBackend(1).versions["engine"] == "-1"


def test_tensorflow_goes_by_several_names_on_the_package_index(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = {"keras": "3", "numpy": "2"}
    monkeypatch.setattr(metadata, "version", only(others | {"tensorflow-cpu": "2.18"}))
    assert KerasBackend(1).versions["tensorflow"] == "2.18"
    monkeypatch.setattr(metadata, "version", only(others))
    with pytest.raises(ArmError, match="tensorflow is not installed: run `pip install tensorflow`"):
        _ = KerasBackend(1).versions


def test_it_sets_threads_before_tensorflow_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "7")
    KerasBackend(3).prepare()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"
    assert os.environ["TF_NUM_INTEROP_THREADS"] == "3"


LATE = """
import warnings
import tensorflow as tf
from bnclaims.backends.keras.backend import KerasBackend

tf.constant(1.0) + 1.0
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    KerasBackend(2).start()
print(any("TensorFlow was used before bnclaims" in str(each.message) for each in caught))
"""


@pytest.mark.parametrize(("threads", "warned"), [("", "True"), ("1", "False")])
def test_it_says_that_it_came_too_late_to_set_threads(threads: str, warned: str) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TF_NUM_")}
    environment |= {"TF_NUM_INTRAOP_THREADS": threads} if threads else {}
    run = subprocess.run(
        [sys.executable, "-c", LATE], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.split()[-1] == warned


def test_another_backend_of_keras_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ArmError, match="KERAS_BACKEND=torch: claims are trained by Keras on Tens"):
        KerasBackend(1).prepare()
