"""Stretches of batches, and measures of a model that leave it as it is."""

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnclaims.backends.keras.curves import measured, padded, stretches
from bnclaims.errors import ArmError
from bnclaims.experiment.arm import TrainingArm
from bnclaims.experiment.data import Data

X, Y = np.arange(12.0, dtype=np.float32).reshape(4, 3), np.array([0, 1, 0, 1])
DATA = Data("table", X, Y, X, Y)


@given(batches=st.integers(1, 500), data=st.data())
def test_stretches_are_as_even_as_whole_batches_allow(batches: int, data: st.DataObject) -> None:
    points = data.draw(st.integers(1, batches))
    ends = stretches(batches, points)
    sizes = np.diff(ends, prepend=0)
    assert len(ends) == points
    assert ends[-1] == batches
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1


def test_a_curve_is_nan_after_its_end() -> None:
    np.testing.assert_array_equal(padded(np.array([1.0, 2.0]), 4), [1, 2, np.nan, np.nan])
    np.testing.assert_array_equal(padded(np.array([1.0]), 1), [1.0])


def network() -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])


def arm_of(**measures: Any) -> TrainingArm:
    return TrainingArm(
        network, DATA, None, epochs=1, batch_size=2, loss="crossentropy", measures=measures
    )


def spoils(model: Any, x: Any, y: Any) -> float:
    for variable in model.variables:
        variable.assign(variable * 0)
    return float(np.random.random())


def test_a_measure_sees_the_test_examples_and_may_return_any_single_number() -> None:
    measures: dict[str, Any] = {
        "rows": lambda model, x, y: len(x),
        "label": lambda model, x, y: y[1],
        "array": lambda model, x, y: np.array([[0.5]]),
        "tensor": lambda model, x, y: keras.ops.max(model(x)) * 0 + 2,
    }
    assert measured(arm_of(**measures), network(), X, Y, 0) == {
        "rows": 4.0, "label": 1.0, "array": 0.5, "tensor": 2.0,
    }  # fmt: skip


def test_the_model_and_the_global_generator_are_as_before() -> None:
    model = network()
    before = [variable.numpy() for variable in model.variables]
    np.random.seed(1)
    expected = np.random.random()
    np.random.seed(1)
    first = measured(arm_of(spoils=spoils), model, X, Y, 7)
    assert np.random.random() == expected
    for variable, value in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    assert measured(arm_of(spoils=spoils), model, X, Y, 7) == first
    assert measured(arm_of(spoils=spoils), model, X, Y, 8) != first


@pytest.mark.parametrize("value", ["0.5", None, [0.1, 0.2], 1j])
def test_what_is_no_number_is_refused(value: Any) -> None:
    with pytest.raises(ArmError, match=r"the measure 'odd' returned .*returns one number"):
        measured(arm_of(odd=lambda model, x, y: value), network(), X, Y, 0)
