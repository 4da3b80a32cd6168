"""The hierarchy of errors: complete, public, and drawn as it is."""

import inspect
import re

import pytest

import bnclaims
from bnclaims import BnclaimsError, errors

CLASSES = [value for value in vars(errors).values() if inspect.isclass(value)]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_is_public_and_of_this_package(error: type[Exception]) -> None:
    assert issubclass(error, BnclaimsError)
    assert getattr(bnclaims, error.__name__) is error
    assert error.__name__ in bnclaims.__all__


def test_the_tree_shows_every_error_with_its_built_in_class() -> None:
    drawn = dict(re.findall(r"[├└]── (\w+) +(?:\((\w+)\))?", errors.__doc__ or ""))
    built_in = {
        error.__name__: next((b.__name__ for b in error.__bases__ if b is not BnclaimsError), "")
        for error in CLASSES
        if error is not BnclaimsError
    }
    assert drawn == built_in
