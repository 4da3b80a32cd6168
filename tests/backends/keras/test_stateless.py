"""Variables with other values for a while."""

import keras
import numpy as np
import pytest

from bnclaims.backends.keras.framework import array_of
from bnclaims.backends.keras.stateless import Scope, assign


def test_a_variable_has_its_value_within_and_its_own_without() -> None:
    variable = keras.Variable(1.0)
    with Scope([(variable, keras.ops.convert_to_tensor(3.0))]) as scope:
        assert float(variable.value) == 3
        variable.assign(4.0)
        assert [float(value) for value in scope.now([variable])] == [4]
    assert scope.assigned == {id(variable)}
    assert float(variable.value) == 1


def test_no_other_variable_may_be_assigned() -> None:
    other = keras.Variable(1.0, name="other")
    with (
        pytest.raises(ValueError, match=r"is neither the model's .*: other\. Make"),
        Scope([]),
    ):
        other.assign(2.0)
    assert float(other.value) == 1


def test_each_variable_is_assigned_its_own_value() -> None:
    variables = [keras.Variable(np.zeros(2)), keras.Variable(np.zeros(3))]
    assign(variables, [np.ones(2), np.full(3, 2.0)])
    np.testing.assert_array_equal(array_of(variables[0]), np.ones(2))
    np.testing.assert_array_equal(array_of(variables[1]), np.full(3, 2.0))
    with pytest.raises(ValueError, match="shorter"):
        assign(variables, [np.ones(2)])
