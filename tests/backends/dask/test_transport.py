"""What travels arrives as it was, on a machine that has none of the user's files."""

import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bnclaims.backends.dask.transport import (
    Travelling,
    packed,
    packed_arm,
    packed_data,
    unpacked_arm,
    unpacked_data,
)
from bnclaims.errors import DescriptionError
from bnclaims.experiment.arm import FunctionArm, TrainingArm
from bnclaims.experiment.data import Data
from bnclaims.experiment.models import MLP
from bnclaims.experiment.sources import DataSource
from tests.fakes import FakeArm

USERS = """
import numpy as np
import helpers
from helpers import DEPTH, Scale

FACTOR = 3

def measure(seed):
    return FACTOR * DEPTH + Scale(2).of(helpers.shifted(int(seed)))

def made(seed):
    class Layer(Scale):
        factor = FACTOR

        def of(self, value: helpers.Integer, by: int = DEPTH) -> helpers.Integer:
            class Within:
                offset = helpers.OFFSET
            return value + by + self.factor + Within.offset
    return Layer(0).of(int(seed))

def deep(seed):
    def inner(value):
        return inner(value - 1) + FACTOR if value else 0
    return inner(DEPTH)
"""

HELPERS = """
DEPTH = 5
OFFSET = 7
Integer = int

class Scale:
    def __init__(self, by):
        self.by = by

    def of(self, value):
        return self.by * value

def shifted(value):
    return value + OFFSET
"""


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the user's own, which imports another."""
    (tmp_path / "users.py").write_text(USERS)
    (tmp_path / "helpers.py").write_text(HELPERS)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("users", "helpers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import users  # type: ignore[import-not-found]

    module: ModuleType = users
    return module


def elsewhere(content: bytes, expression: str) -> str:
    """What an expression about an unpacked `arm` comes to in a process without the user's files."""
    code = textwrap.dedent(f"""
        import sys
        from bnclaims.backends.dask.transport import unpacked_arm
        from bnclaims.experiment.seeds import Seed
        arm = unpacked_arm(sys.stdin.buffer.read(), None)
        print(({expression}))
    """)
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=content,
        capture_output=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return done.stdout.decode().strip()


def test_the_users_own_functions_and_classes_travel_by_value(users: Any) -> None:
    for function in (users.measure, users.deep, users.made):
        arm = FunctionArm(function)
        there = elsewhere(packed_arm(arm), "arm.measure(Seed(4)), arm.digest, str(arm)")
        assert there == str((function(4), arm.digest, str(arm)))


def test_what_has_changed_since_it_was_named_does_not_travel(
    users: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm = FunctionArm(users.measure)
    monkeypatch.setattr(users, "FACTOR", 4)
    with pytest.raises(DescriptionError, match=r"^measure has changed since the claim named it"):
        packed_arm(arm)


def test_the_modules_are_pickled_by_name_again_afterwards(users: Any) -> None:
    import cloudpickle

    before = cloudpickle.list_registry_pickle_by_value()
    cloudpickle.register_pickle_by_value(users)
    try:
        packed_arm(FunctionArm(users.measure))
        assert "users" in cloudpickle.list_registry_pickle_by_value()
    finally:
        cloudpickle.unregister_pickle_by_value(users)
    assert cloudpickle.list_registry_pickle_by_value() == before


def test_the_versions_of_what_is_used_travel_with_an_arm() -> None:
    def measure(seed: int) -> float:
        from sklearn.linear_model import LinearRegression

        return float(LinearRegression().n_jobs or 0) + float(np.float32(1))

    arm = FunctionArm(measure)
    assert set(arm.libraries_used) == {"sklearn", "numpy"}
    arrived = unpacked_arm(packed_arm(arm), None)
    assert vars(arrived)["libraries_used"] == arm.libraries_used


def test_data_travel_apart_from_their_arm(small_data: Data) -> None:
    arm = TrainingArm(MLP("relu", hidden=(4,)), small_data, images=None, epochs=1)
    content = packed_arm(arm)
    assert len(content) < 20_000
    data = unpacked_data(packed_data(small_data))
    arrived = unpacked_arm(content, data)
    assert isinstance(arrived, TrainingArm)
    assert arrived.data is data
    assert arrived == arm
    assert str(arrived) == str(arm)
    assert arrived.description == arm.description
    with pytest.raises(ValueError, match="read-only"):
        data.x_train[0] = 0
    assert isinstance(arm.data, Data)  # the arm itself is as it was


def test_what_stands_for_data_says_what_they_are_called(small_data: Data) -> None:
    import pickle

    arm = TrainingArm(MLP("relu", hidden=(4,)), small_data, images=None, epochs=1)
    arrived = pickle.loads(packed_arm(arm))
    data = small_data
    assert arrived.data == Travelling(data.fingerprint, data.name, data.note, own=True)


def test_the_images_of_a_function_travel_apart_from_it(small_data: Data) -> None:
    def trainer(seed: int, images: Data) -> float:
        return float(len(images.x_train))

    arm = FunctionArm(trainer, small_data, 2)
    content = packed_arm(arm)
    assert len(content) < 20_000
    arrived = unpacked_arm(content, unpacked_data(packed_data(small_data)))
    assert isinstance(arrived, FunctionArm)
    assert arrived == arm
    shown = arrived.shown()
    assert shown is not None
    assert arrived.function(0, images=shown) == 2


def test_images_of_a_file_stay_those_of_a_file(images: DataSource) -> None:
    arm = TrainingArm(MLP("relu", hidden=(4,)), images, images=None, epochs=1)
    data = unpacked_data(packed_data(images.load()))
    one, other = (unpacked_arm(packed_arm(arm), data) for _ in range(2))
    assert isinstance(one, TrainingArm)
    assert isinstance(other, TrainingArm)
    assert str(one) == str(arm)  # an arm's own data would be in its name
    assert one.data.load() is data
    assert one.data == other.data  # so that tensors are made once
    assert one.data_note == images.note


def test_keras_objects_of_the_users_own_classes_travel(small_data: Data) -> None:
    import keras

    class Half(keras.losses.Loss):  # type: ignore[misc]
        def __init__(self, share: float) -> None:
            super().__init__(name="half")
            self.share = share

        def call(self, y_true: Any, y_pred: Any) -> Any:
            return self.share * keras.ops.square(y_true - y_pred)

    arm = TrainingArm(MLP("relu", hidden=(4,)), small_data, images=None, epochs=1, loss=Half(0.5))
    arrived = unpacked_arm(packed_arm(arm), small_data)
    assert isinstance(arrived, TrainingArm)
    assert arrived.loss.share == 0.5
    assert float(arrived.loss(np.zeros((1, 1)), np.full((1, 1), 2.0))) == 2.0


def test_what_cannot_travel_is_refused() -> None:
    class Locked(FakeArm):
        def __init__(self) -> None:
            super().__init__("locked")
            import threading

            self.lock = threading.Lock()

    with pytest.raises(DescriptionError, match=r"^fake locked cannot be sent to a cluster: cannot"):
        packed(Locked())
