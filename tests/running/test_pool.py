"""The pool that ships has the methods of the seam, which a schedule calls by these names."""

from inspect import signature

import pytest

from bnclaims.backends.dask.pool import DaskPool
from bnclaims.running.pool import Pool

METHODS = ["submit", "answers", "close"]


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_takes_what_the_seam_says(method: str) -> None:
    theirs, said = (signature(getattr(kind, method)) for kind in (DaskPool, Pool))
    assert theirs == said


def test_these_are_all_methods() -> None:
    named = [name for name, value in vars(Pool).items() if callable(value) and name[0] != "_"]
    assert named[:3] == METHODS
