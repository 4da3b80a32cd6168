"""The backends that ship have the methods of the seam, which a schedule calls by these names."""

from inspect import signature

import pytest

from bnclaims.backends.functions import FunctionBackend
from bnclaims.backends.keras.backend import KerasBackend
from bnclaims.running.backend import Backend

METHODS = ["prepare", "run"]


@pytest.mark.parametrize("backend", [KerasBackend, FunctionBackend])
@pytest.mark.parametrize("method", METHODS)
def test_a_backend_takes_what_the_seam_says(backend: type[Backend], method: str) -> None:
    theirs, said = (signature(getattr(kind, method)) for kind in (backend, Backend))
    assert list(theirs.parameters) == list(said.parameters)


def test_these_are_all_methods() -> None:
    assert [name for name in vars(Backend) if callable(getattr(Backend, name))][:2] == METHODS


def test_backends_are_told_apart_by_name_and_version() -> None:
    keras = KerasBackend(1)
    functions = FunctionBackend(keras)
    assert keras.name != functions.name
    assert not keras.versions.keys() & functions.versions.keys()
