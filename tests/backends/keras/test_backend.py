"""Keras on TensorFlow as a backend: its versions, and the environment that it needs."""

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import pytest

from bnclaims.backends.keras import backend as backend_module
from bnclaims.backends.keras.backend import BACKENDS, KerasBackend, KerasOnJax, KerasOnTorch
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


def test_versions_on_jax_are_others_and_name_no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"keras": "3", "numpy": "2", "jax": "0.10", "jaxlib": "0.10.2"}
    monkeypatch.setattr(metadata, "version", only(installed))
    versions = KerasOnJax(1).versions
    assert set(versions) == {"engine", "jax program", *installed}
    assert versions["jaxlib"] == "0.10.2"
    monkeypatch.setattr(backend_module, "JAX_PROGRAM_VERSION", -1)
    assert KerasOnJax(1).versions["jax program"] == "-1"
    del installed["jax"]
    with pytest.raises(
        ArmError, match=r"jax is not installed: run `pip install 'bnclaims\[jax\]'`"
    ):
        _ = KerasOnJax(1).versions


def test_versions_on_pytorch_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"keras": "3", "numpy": "2", "torch": "2.13.0+cpu"}
    monkeypatch.setattr(metadata, "version", only(installed))
    assert KerasOnTorch(1).versions == {"engine": "6", "torch program": "1", **installed}
    del installed["torch"]
    with pytest.raises(
        ArmError, match=r"torch is not installed: run `pip install 'bnclaims\[torch\]'`"
    ):
        _ = KerasOnTorch(1).versions


def test_pytorch_is_told_its_device_and_threads_before_it_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = ("KERAS_BACKEND", "KERAS_TORCH_DEVICE", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    for name in told:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    KerasOnTorch(1).prepare()
    assert [os.environ[name] for name in told] == ["torch", "cpu", "1", "1"]


def test_backends_go_by_what_keras_calls_them() -> None:
    assert {name: kind.name for name, kind in BACKENDS.items()} == {
        "tensorflow": "Keras on TensorFlow",
        "jax": "Keras on JAX",
        "torch": "Keras on PyTorch",
    }


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


@pytest.mark.parametrize(
    ("asked", "backend", "words"),
    [
        ("openvino", KerasBackend, "Keras on TensorFlow; unset it, or bring"),
        ("openvino", KerasOnJax, "Keras on JAX; unset it, or bring"),
        ("jax", KerasBackend, "Keras on TensorFlow; give --claims-backend=jax, or bring"),
        ("tensorflow", KerasOnJax, "Keras on JAX; give --claims-backend=tensorflow, or bring"),
    ],
)
def test_another_backend_of_keras_is_refused(
    monkeypatch: pytest.MonkeyPatch, asked: str, backend: type[KerasBackend], words: str
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", asked)
    with pytest.raises(ArmError, match=f"KERAS_BACKEND={asked}: claims are trained by {words}"):
        backend(1).prepare()


def test_keras_that_is_on_another_framework_already_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    importlib.import_module("keras")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setenv("XLA_FLAGS", "")
    with pytest.raises(ArmError, match="Keras is set to tensorflow and float32; runs are of JAX a"):
        KerasOnJax(1).start()


@pytest.mark.parametrize("flags", ["", "--xla_force_host_platform_device_count=2"])
def test_it_sets_threads_before_jax_runs(monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.delitem(sys.modules, "jax._src.xla_bridge", raising=False)
    monkeypatch.setenv("XLA_FLAGS", flags)
    for _ in range(2):
        KerasOnJax(3).prepare()
    ours = "--xla_cpu_multi_thread_eigen=false"
    assert os.environ["XLA_FLAGS"].split() == [*flags.split(), ours]


def test_once_jax_has_run_it_sets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    has_run: Any = SimpleNamespace(backends_are_initialized=lambda: True)
    monkeypatch.setitem(sys.modules, "jax._src.xla_bridge", has_run)
    monkeypatch.setenv("XLA_FLAGS", "")
    KerasOnJax(1).prepare()
    assert os.environ["XLA_FLAGS"] == ""
