"""The seam to what Keras runs on: it has what it says, and arrays are arrays of their own."""

from inspect import getmembers, isfunction, signature
from typing import Any

import keras
import numpy as np
import pytest

from bnclaims.backends.keras.framework import Framework, array_of, current

FUNCTIONS = dict(getmembers(Framework, isfunction))


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("_")])
def test_this_process_s_framework_has_what_the_seam_says(name: str) -> None:
    said = list(signature(FUNCTIONS[name]).parameters)
    theirs: Any = getattr(current(), name)
    assert list(signature(theirs).parameters) == [name for name in said if name != "self"]


def test_an_array_of_a_variable_is_its_own() -> None:
    variable = keras.Variable(np.ones(3))
    array = array_of(variable)
    variable.assign(np.zeros(3))
    np.testing.assert_array_equal(array, np.ones(3))
    array += 1
    np.testing.assert_array_equal(array_of(variable), np.zeros(3))
