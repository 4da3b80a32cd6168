"""What any store promises; what the local one promises beyond that has tests of its own."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bnclaims.experiment.arm import Arm
from bnclaims.experiment.history import History
from bnclaims.running.local_store import LocalStore
from bnclaims.running.store import Store
from tests.fakes import FakeArm, assert_same, history_of


class MemoryStore:
    """The least that a store can be."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, int], History] = {}
        self._held: dict[tuple[str, str], str] = {}

    def __str__(self) -> str:
        return "this process"

    def load(self, arm: Arm, seed: int) -> History | None:
        return self._runs.get((arm.digest, seed))

    def save(self, arm: Arm, seed: int, history: History) -> None:
        self._runs[arm.digest, seed] = history

    @contextlib.contextmanager
    def lock(self, arm: Arm, name: str) -> Iterator[bool]:
        key = arm.digest, name
        if key in self._held:
            yield False
            return
        self._held[key] = str(self)
        try:
            yield True
        finally:
            del self._held[key]

    def holder(self, arm: Arm, name: str) -> str:
        return self._held.get((arm.digest, name), "")


@pytest.fixture(params=[LocalStore, lambda _: MemoryStore()], ids=["local", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    make: Callable[[Path], Store] = request.param
    return make(tmp_path)


ARM, OTHER = FakeArm("one"), FakeArm("other")


def test_a_run_is_kept_for_its_arm_and_seed(store: Store) -> None:
    assert store.load(ARM, 3) is None
    store.save(ARM, 3, history_of(3))
    assert_same(store.load(ARM, 3), history_of(3))
    assert store.load(ARM, 4) is None
    assert store.load(OTHER, 3) is None


def test_a_run_that_is_kept_again_replaces_the_first(store: Store) -> None:
    store.save(ARM, 3, history_of(3))
    store.save(ARM, 3, history_of(5))
    assert_same(store.load(ARM, 3), history_of(5))


def test_one_at_a_time_holds_a_lock(store: Store) -> None:
    with store.lock(ARM, "seed 1") as first, store.lock(ARM, "seed 1") as second:
        assert (first, second) == (True, False)
        assert store.holder(ARM, "seed 1")
        with store.lock(ARM, "seed 2") as other, store.lock(OTHER, "seed 1") as others:
            assert (other, others) == (True, True)
    with store.lock(ARM, "seed 1") as again:
        assert again


def test_an_error_lets_go_of_a_lock(store: Store) -> None:
    with pytest.raises(ArithmeticError), store.lock(ARM, "seed 1"):
        raise ArithmeticError
    assert store.holder(ARM, "seed 1") == ""
    with store.lock(ARM, "seed 1") as again:
        assert again


def test_a_store_says_where_it_is(store: Store, tmp_path: Path) -> None:
    assert str(store) in {str(tmp_path), "this process"}
