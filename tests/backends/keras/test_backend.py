"""Keras on TensorFlow as a backend: its versions, and the environment that it needs."""

import os
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
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        monkeypatch.setenv(name, "7")
    KerasBackend(3).prepare()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == "1"
    assert os.environ["TF_NUM_INTEROP_THREADS"] == "3"


def test_another_backend_of_keras_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(ArmError, match="KERAS_BACKEND=torch: claims are trained by Keras on Tens"):
        KerasBackend(1).prepare()
